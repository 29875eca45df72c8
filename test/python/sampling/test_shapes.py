"""Wrong shapes and dtypes are errors that name what is expected and what was given."""

import functools

import numpy as np
import pytest
import typer.testing

import plait
from plait.cli import app
from plait.compiler import build, run_stages
from plait.executable import unpack
from plait.module import Module
from plait.sampling import Sampler, SamplingParams

B, V, L = 4, 40, 6
LOGITS = "tensor<?x?xf32>"
#: name: the element types of the operands behind the logits, their columns (None: one of each per
#: row), and which of these must be just so many
OPS = {
    "logit_bias": ["i32 L", "f32 L!"],
    "allow": ["i32 L"],
    "ban": ["i32 L"],
    "bitmask": ["i32 W!"],
    "repetition_penalty": ["f32", "i32 V!"],
    "presence_penalty": ["f32", "i32 V!"],
    "frequency_penalty": ["f32", "i32 V!"],
    "count": ["i32 L"],
    "no_repeat_ngram": ["i32 L", "i32"],
    "dry": ["i32 L", "i32 L", "f32", "f32", "i32"],
    "temperature": ["f32"],
    "dynamic_temperature": ["f32", "f32", "f32"],
    "top_k": ["i32"],
    "top_p": ["f32"],
    "min_p": ["f32"],
    "typical_p": ["f32"],
    "top_n_sigma": ["f32"],
    "xtc": ["f32", "f32", "i64"],
    "epsilon": ["f32"],
    "eta": ["f32"],
    "draw": ["i64"],
    "gumbel philox": ["i64", "i32", "i32", "i32"],
}
#: The operands that are written behind a word.
MORE = {"repetition_penalty": ("prompt", "i32 V!"), "top_p": ("full", "f32 V!")}
COLUMNS = {"L": L, "V": V, "W": 2}
PICK = "tensor<?xi32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>"
RESULTS = {"draw": PICK, "gumbel philox": PICK, "count": "tensor<?x?xi32>"}
RESULTS["dynamic_temperature"] = "tensor<?xf32>"


def operands_of(name):
    return [*OPS[name], *([MORE[name][1]] if name in MORE else [])]


@functools.cache
def compiled(name, fast):
    """The op, and a draw from what it makes, which the fast road takes as one kernel."""
    kinds = [f"tensor<?x{'?x' * (' ' in kind)}{kind.split()[0]}>" for kind in operands_of(name)]
    plain, word = len(OPS[name]), MORE.get(name, ("",))[0]
    uses = ", ".join(["%x", *(f"%{i}" for i in range(plain))])
    uses += f" {word} %{plain}" * bool(word)
    result = RESULTS.get(name, PICK)
    arguments = ", ".join(f"%{i}: {kind}" for i, kind in enumerate(kinds))
    count = result.count("tensor")
    op = f"%y{f':{count}' * (count > 1)} = sample.{name} {uses} : {', '.join([LOGITS, *kinds])}"
    values = ", ".join(f"%y#{i}" for i in range(count)) if count > 1 else "%y"
    if name not in RESULTS:
        op = op.replace("%y:4", "%made") + f"\n%y:4 = sample.greedy %made : {LOGITS}"
    text = f"""func.func @main(%x: {LOGITS}, {arguments}) -> ({result}) {{
      {op}
      return {values} : {result}
    }}"""
    road = [] if fast else ["plait-import", "convert-sample-to-linalg", "plait-target-cpu"]
    if fast:
        return plait.compile(text)
    return unpack(build(Module(text), "cpu", run_stages(text.encode(), road)), [])


def good(name):
    """Operands that fit, the logits first."""
    values = [np.zeros((B, V), np.float32)]
    for kind in operands_of(name):
        element, *columns = kind.split()
        shape = (B, *(COLUMNS[column[0]] for column in columns))
        dtype = {"f32": np.float32, "i32": np.int32, "i64": np.int64}[element]
        values.append(np.ones(shape, dtype))
    return values


def resized(value, axis, size):
    shape = list(value.shape)
    shape[axis] = size
    return np.ones(shape, value.dtype)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "reference"])
@pytest.mark.parametrize("name", OPS)
def test_operands_of_compiled_ops(name, fast):
    code, op = compiled(name, fast), f"sample.{name.split()[0]}"
    code(*good(name))
    for index, kind in enumerate(operands_of(name), 1):

        def error(value, index=index):
            values = good(name)
            values[index] = value
            with pytest.raises(plait.ArgumentError) as caught:
                code(*values)
            return str(caught.value)

        value = good(name)[index]
        for rows in (0, 1, B - 1, B + 1):
            wrong = resized(value, 0, rows)
            message = error(wrong)
            assert "expects as many rows" in message and f"{wrong.dtype} {wrong.shape}" in message
        if kind.endswith("!"):
            for columns in (0, value.shape[1] - 1, value.shape[1] + 1):
                wrong = resized(value, 1, columns)
                message = error(wrong)
                assert f"{op}: expects" in message or "sample.fused: expects" in message
                assert f"{wrong.dtype} {wrong.shape}" in message
        other = value.astype(np.float64 if value.dtype == np.float32 else np.int16)
        assert f"argument {index}: expects dtype {value.dtype}, got {other.dtype}" in error(other)
        assert f"argument {index}: expects shape" in error(value[..., None])
        assert f"argument {index}: expects shape" in error(value[0])
    code(*good(name))


PARAMS = SamplingParams(
    logit_bias={3: 1.0}, allowed_token_ids=[1, 2], bad_words_token_ids=[[5]],
    repetition_penalty=1.1, presence_penalty=0.1, frequency_penalty=0.1, no_repeat_ngram_size=2,
    dry_multiplier=0.5, temperature=0.7, top_k=5, top_p=0.9,
)  # fmt: skip
TOKENS = np.ones((B, L), np.int32)
CALL = dict(prompt=TOKENS, output=TOKENS, bitmask=np.full((B, 2), -1, np.int32))
LOGITS_OF = np.zeros((B, V), np.float32)


@functools.cache
def sampler():
    return Sampler(PARAMS, V, bitmask=True)


#: What of a call is other than it should be, and what the error says.
CALLS = [
    (dict(logits=LOGITS_OF.astype(np.float64)), "logits: expects dtype float32, got float64"),
    (dict(logits=LOGITS_OF.astype(np.float16)), "logits: expects dtype float32, got float16"),
    (dict(logits=LOGITS_OF[0]), r"logits: expects shape \(B, 40\), got \(40,\)"),
    (dict(logits=LOGITS_OF[None]), r"logits: expects shape \(B, 40\), got \(1, 4, 40\)"),
    (dict(logits=LOGITS_OF[:, :39]), r"logits: expects shape \(B, 40\), got \(4, 39\)"),
    (dict(logits=LOGITS_OF[:3]), "expects 3 rows, got 4|expects int32 of shape"),
    (dict(position=np.zeros(3, int)), r"position: expects a scalar or shape \(4,\), got \(3,\)"),
    (dict(position=np.zeros((4, 1), int)), r"position: expects a scalar .*, got \(4, 1\)"),
    (dict(position=np.zeros(4)), "position: expects integers, got dtype float64"),
    (dict(position=-1), "position: expects 0 to 4294967295, got -1"),
    (dict(sequence_id=np.arange(5)), r"sequence_id: expects .* shape \(4,\), got \(5,\)"),
    (dict(session_id=2**32), "session_id: expects 0 to 4294967295, got 4294967296"),
    (dict(rows=np.arange(3)), "rows: expects 4 integers"),
    (dict(bitmask=np.zeros((4, 3), np.int32)), r"bitmask: .* \(4, 2\), got int32 .* \(4, 3\)"),
    (dict(bitmask=np.zeros((3, 2), np.int32)), r"bitmask: .* \(4, 2\), got int32 .* \(3, 2\)"),
    (dict(bitmask=np.zeros((4, 2))), r"bitmask: expects int32 .*, got float64"),
    (dict(bitmask=np.zeros(4, np.int32)), r"bitmask: .* \(4, 2\), got int32 of shape \(4,\)"),
    (dict(output=TOKENS[:3]), "output: expects 4 rows, got 3"),
    (dict(output=TOKENS[0]), r"output: expects shape \(4, L\), got \(6,\)"),
    (dict(output=TOKENS[..., None]), r"output: expects shape \(4, L\), got \(4, 6, 1\)"),
    (dict(output=TOKENS.astype(np.float32)), "output: expects integers, got dtype float32"),
    (dict(output=TOKENS > 0), "output: expects integers, got dtype bool"),
    (dict(prompt=TOKENS[:3]), "prompt: expects 4 rows, got 3"),
    (dict(prompt=TOKENS.astype(np.float16)), "prompt: expects integers, got dtype float16"),
]
#: The same as lists of Python.
LISTS = [
    (dict(output=[[1]] * 3), "output: expects 4 rows, got 3"),
    (dict(output=[[1.5]] * 4), "output: expects integers, got dtype float64"),
    (dict(output=[["a"]] * 4), "output: expects integers, got dtype <U1"),
    (dict(output=["abc"] * 4), "output: expects integers, got dtype <U3"),
    (dict(output=[[None]] * 4), "output: expects integers, got dtype object"),
    (dict(output=[[1], 2, [3], []]), r"output: expects a list for row 1, got shape \(\)"),
    (dict(output=[[[1]]] * 4), r"output: expects a list for row 0, got shape \(1, 1\)"),
    (dict(output=[[[1], [2, 3]]] * 4), "output: expects numbers, got"),
    (dict(output=[[2**31]] * 4), "output: expects -2147483648 to 2147483647, got 2147483648"),
    (dict(output=[[2**70]] * 4), "output: expects -2147483648 to 2147483647, got"),
    (dict(output="abcd"), "expects an array, got str"),
    (dict(output=7), r"output: expects shape \(4, L\), got \(\)"),
    (dict(prompt=TOKENS.astype(np.int64) + 2**40), "prompt: expects -2147483648 to .*, got"),
    (dict(prompt=None), "prompt: expects the tokens of each prompt, got None"),
    (dict(output=None), "output: expects the tokens drawn so far, got None"),
    (dict(bitmask=None), "bitmask: expects int32 words, got None"),
    (dict(bitmask=[[1, 2]] * 4), "bitmask: expects int32 .*, got int64"),
    (dict(logits=[[0.0] * V] * B), "logits: expects dtype float32, got float64"),
    (dict(logits="x"), "expects an array, got str"),
]


def call(changes, make=lambda value: value):
    values = CALL | {"logits": LOGITS_OF} | changes
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            values[name] = make(value)
    return sampler()(values.pop("logits"), **values)


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_calls_of_samplers(framework):
    module = pytest.importorskip(framework)
    make = {"numpy": np.asarray, "torch": getattr(module, "from_numpy", None)}.get(framework)
    make = make or module.numpy.asarray
    assert call({}, make).tokens.shape == (B,)
    for changes, message in CALLS:
        if framework == "jax":  # JAX makes int64 and float64 its own.
            message = message.replace("float64", "float(64|32)")
            if changes.keys() == {"logits"} and changes["logits"].dtype == np.float64:
                continue
        with pytest.raises(plait.ArgumentError, match=message):
            call(changes, make)
    assert call({}, make).tokens.shape == (B,)


@pytest.mark.parametrize("changes, message", LISTS, ids=lambda value: str(value)[:30])
def test_lists_of_samplers(changes, message):
    with pytest.raises(plait.ArgumentError, match=message):
        call(changes)


def test_lists_are_arrays():
    """Ragged, empty, of NumPy's numbers, of arrays, of int64."""
    same = call(dict(output=np.array([[1, 2], [3, -1], [-1, -1], [4, 5]], np.int32))).tokens
    for output in (
        [[1, 2], (3,), [], [np.int64(4), np.int32(5)]],
        [np.array([1, 2]), np.array([3], np.uint8), np.array([]), [4, 5]],
        np.array([[1, 2], [3, -1], [-1, -1], [4, 5]], np.int64),
    ):
        np.testing.assert_array_equal(call(dict(output=output)).tokens, same)


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_a_chain_as_a_module(framework):
    """The module of a sampler takes what calls of it are made of, and says what does not fit."""
    module = pytest.importorskip(framework)
    make = {"numpy": np.asarray, "torch": getattr(module, "from_numpy", None)}.get(framework)
    make = make or module.numpy.asarray
    executable = plait.compile(sampler().module)
    given = []
    for spec in executable.inputs:
        shape = [B, *(spec.shape[1:] and [{40: 40, 2: 2}.get(spec.shape[1], L)])]
        given.append(np.ones(shape, spec.dtype))
    given[1] = np.full((B, 2), -1, np.int32)  # The bitmask.
    assert sampler()._inputs[0].name == "bitmask"

    def run(values):
        narrow = [v if framework != "jax" or v.dtype != np.int64 else None for v in values]
        pairs = zip(values, narrow, strict=True)
        return executable(*(v if n is None else make(v) for v, n in pairs))

    assert run(given)[0].shape == (B,)
    for index in range(1, len(given)):
        for rows in (0, B - 1, B + 1):
            wrong = list(given)
            wrong[index] = resized(given[index], 0, rows)
            with pytest.raises(plait.ArgumentError, match="expects as many rows"):
                run(wrong)
        wrong[index] = given[index][..., None]
        with pytest.raises(plait.ArgumentError, match=f"argument {index}: expects shape"):
            run(wrong)
    wrong = [*given]
    wrong[1] = resized(given[1], 1, 3)
    with pytest.raises(plait.ArgumentError, match=r"bitmask: expects a word|argument 1: expects"):
        run(wrong)


def test_files_that_do_not_fit(tmp_path):
    """`plait run` of an edit."""
    path = tmp_path / "ban.mlir"
    path.write_text(f"""func.func @main(%x: {LOGITS}, %ids: tensor<?x?xi32>) -> {LOGITS} {{
      %y = sample.ban %x, %ids : {LOGITS}, tensor<?x?xi32>
      return %y : {LOGITS}
    }}""")
    fits = np.ones((B, 2), np.int32)
    for ids, message in [
        (fits[:3], r"sample.ban: expects as many rows .* int32 \(3, 2\)"),
        (fits[0], r"argument 1: expects shape \(\?, \?\), got \(2,\)"),
        (fits.astype(np.int64), "argument 1: expects dtype int32, got int64"),
    ]:
        np.save(tmp_path / "x.npy", LOGITS_OF)
        np.save(tmp_path / "ids.npy", ids)
        files = ["-i", str(tmp_path / "x.npy"), "-i", str(tmp_path / "ids.npy")]
        done = typer.testing.CliRunner().invoke(app, ["run", str(path), *files])
        with pytest.raises(plait.ArgumentError, match=message):
            raise done.exception
