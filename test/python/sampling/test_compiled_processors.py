"""Every compiled op and random chains of them equal the specification, bit for bit."""

import functools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_compiled import (
    LOGITS,
    PICK,
    expected,
    expected_pick,
    few,
    logits,
    one_op,
    same,
    same_pick,
)

import plait
from plait.sampling import reference

B = 5  # the most rows of a batch
EXAMPLES = 6  # batches per compiled chain
PROBABILITIES = [-1.0, -0.0, 0.0, 1e-45, 1e-9, 0.05, 0.25, 0.5, 0.9, 0.99999994, 1.0, 2.0]
FLOATS = [*PROBABILITIES, -np.inf, np.inf, np.nan, 1.3, 3e38]
WORDS = [0, 1, 2**40 - 1, 2**63, 2**64 - 1]


def rows_of(elements, dtype):
    return st.lists(elements, min_size=B, max_size=B).map(lambda rows: np.array(rows, dtype))


def floats(special=FLOATS):
    return rows_of(st.sampled_from(special) | st.floats(0, 2, width=32), np.float32)


def ints(*special):
    return rows_of(st.sampled_from(special) | st.integers(-(2**31), 2**31 - 1), np.int32)


def lists(columns, elements):
    row = st.lists(elements, min_size=columns, max_size=columns)
    return rows_of(row, np.int32).map(lambda rows: rows.reshape(B, columns))


bits = rows_of(st.sampled_from(WORDS) | st.integers(0, 2**64 - 1), np.uint64)
ids = lists(4, st.sampled_from([-(2**31), -1, 0, 1, 5, 6, 32, 33, 2**31 - 1]))
# Few tokens, so that they repeat.
histories = lists(9, st.integers(-1, 2)) | lists(9, st.integers(0, 1)) | lists(1, st.just(5))
biases = rows_of(st.lists(st.sampled_from(FLOATS), min_size=4, max_size=4), np.float32)
COUNTS, MASK = "counts", "mask"  # as wide as the vocabulary, or as its words

#: name: kinds of the operands behind the logits, and what to draw them from
OPS = {
    "logit_bias": (["?x?xi32", "?x?xf32"], [ids, biases]),
    "allow": (["?x?xi32"], [ids]),
    "ban": (["?x?xi32"], [ids]),
    "bitmask": (["?x?xi32"], [MASK]),
    "repetition_penalty": (["?xf32", "?x?xi32"], [floats(), COUNTS]),
    "presence_penalty": (["?xf32", "?x?xi32"], [floats(), COUNTS]),
    "frequency_penalty": (["?xf32", "?x?xi32"], [floats(), COUNTS]),
    "no_repeat_ngram": (["?x?xi32", "?xi32"], [histories, ints(-1, 0, 1, 2, 3, 4)]),
    "dry": (
        ["?x?xi32", "?x?xi32", "?xf32", "?xf32", "?xi32"],
        [
            histories,
            lists(2, st.integers(-1, 8)),
            floats(),
            floats([*FLOATS, 1.75, 1e30]),
            ints(-1, 0, 1, 2),
        ],
    ),
    "temperature": (["?xf32"], [floats()]),
    "top_k": (["?xi32"], [ints(-1, 0, 1, 2, 3, 6, 7, 8, 32, 33, 34)]),
    "top_p": (["?xf32"], [floats()]),
    "min_p": (["?xf32"], [floats()]),
    "typical_p": (["?xf32"], [floats()]),
    "top_n_sigma": (["?xf32"], [floats()]),
    "xtc": (["?xf32", "?xf32", "?xi64"], [floats(), floats(), bits]),
    "epsilon": (["?xf32"], [floats()]),
    "eta": (["?xf32"], [floats()]),
}


@st.composite
def operands(draw, name, shape):
    """Operands of op ``name`` for logits of ``shape``, on both sides of the call."""
    values = []
    for strategy in OPS[name][1]:
        if strategy in (COUNTS, MASK):
            words = -(-shape[1] // 32)
            columns = words if strategy == MASK else shape[1]
            rng = np.random.default_rng(draw(st.integers(0, 99)))
            value = rng.choice(np.int32([-1, 0, 0, 1, 3, 10**5]), (B, columns))
        else:
            value = draw(strategy)
        values.append(value[: shape[0]])
    return values


def native(value):
    return value.view(np.int64) if value.dtype == np.uint64 else value


@pytest.mark.parametrize("name", OPS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_one_op(name, data):
    x = data.draw(logits())
    values = data.draw(operands(name, x.shape))
    ours = one_op(name, *OPS[name][0])(x, *map(native, values))
    same(ours, expected(getattr(reference, name), x, *values))


@pytest.mark.parametrize(
    "name, attributes, keywords",
    [
        ("top_k", "{keep_ties}", {"keep_ties": True}),
        ("top_p", "{keep_ties}", {"keep_ties": True}),
        ("repetition_penalty", "{reciprocal}", {"reciprocal": True}),
    ],
)
@few
@given(st.data())
def test_one_op_with_an_attribute(name, attributes, keywords, data):
    x = data.draw(logits())
    values = data.draw(operands(name, x.shape))
    function = functools.partial(getattr(reference, name), **keywords)
    ours = one_op(name, *OPS[name][0], attributes=attributes)(x, *values)
    same(ours, expected(function, x, *values))


@functools.cache
def of_two_tables(use, kind):
    """``use`` of logits %x, a row parameter %p and two tables %a and %b."""
    return plait.compile(
        f"""func.func @main(%x: {LOGITS}, %p: tensor<?xf32>, %a: {kind}, %b: {kind}) -> {LOGITS} {{
          %y = sample.{use}
          return %y : {LOGITS}
        }}"""
    )


@few
@given(st.data())
def test_repetition_of_prompt_and_output(data):
    x = data.draw(logits())
    p, output = data.draw(operands("repetition_penalty", x.shape))
    _, prompt = data.draw(operands("repetition_penalty", x.shape))
    kind = "tensor<?x?xi32>"
    use = f"repetition_penalty %x, %p, %a prompt %b : {LOGITS}, tensor<?xf32>, {kind}, {kind}"
    ours = of_two_tables(use, kind)(x, p, output, prompt)
    same(ours, expected(reference.repetition_penalty, x, p, output, prompt))


@few
@given(st.data(), st.booleans())
def test_top_p_of_the_full_softmax(data, ties):
    full = data.draw(logits())
    k, p = (data.draw(operands(name, full.shape))[0] for name in ("top_k", "top_p"))
    x = expected(reference.top_k, full, k)
    attribute = "{keep_ties}" if ties else ""
    use = f"top_p %x, %p full %a {attribute} : {LOGITS}, tensor<?xf32>, {LOGITS}"
    ours = of_two_tables(use, LOGITS)(x, p, full, full)
    same(ours, expected(functools.partial(reference.top_p, keep_ties=ties), x, p, full))


@few
@given(logits(), ids)
def test_count(x, tokens):
    tokens = tokens[: len(x)]
    ours = one_op("count", "?x?xi32")(x, tokens)
    rows = [reference.count(row, x.shape[1]) for row in tokens]
    np.testing.assert_array_equal(ours, np.array(rows, np.int32).reshape(x.shape))


@few
@given(logits(), floats(), floats(), floats([*FLOATS, -1.5]))
def test_dynamic_temperature(x, low, high, exponent):
    parameters = [low[: len(x)], high[: len(x)], exponent[: len(x)]]
    ours = one_op("dynamic_temperature", "?xf32", "?xf32", "?xf32")(x, *parameters)
    rows = zip(x, *parameters, strict=True)
    with np.errstate(all="ignore"):
        theirs = [reference.dynamic_temperature(*row) for row in rows]
    same(ours, np.array(theirs, np.float32))


GENERATORS = ["philox", "murmur3_vllm", "murmur3_sglang", "jax_threefry"]


@pytest.mark.parametrize("generator", GENERATORS)
@few
@given(logits(), bits, bits, bits, bits)
def test_gumbel(generator, x, seed, session, sequence, position):
    seed = seed[: len(x)]
    ids = [part[: len(x)].astype(np.uint32) for part in (session, sequence, position)]
    kinds = ["?xi64", "?xi32", "?xi32", "?xi32"]
    ours = one_op(f"gumbel {generator}", *kinds)(
        x, seed.view(np.int64), *(i.view(np.int32) for i in ids)
    )
    draw = functools.partial(reference.gumbel, generator=generator)
    same_pick(ours, expected_pick(draw, x, seed, *ids))


def test_gumbel_of_the_greatest_hash():
    """That of token 8, for which SGLang's noise is cut off; uncut it would win."""
    x = np.zeros((1, 12), np.float32)
    x[0, 0] = 30
    key = [np.array([k]) for k in (4, 0, 0, 326889709)]
    kinds = ["?xi64", "?xi32", "?xi32", "?xi32"]
    ours = one_op("gumbel murmur3_sglang", *kinds)(
        x, key[0], *(k.astype(np.int32) for k in key[1:])
    )
    draw = functools.partial(reference.gumbel, generator="murmur3_sglang")
    same_pick(ours, expected_pick(draw, x, *key))
    assert ours[0] == 0


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_sixteen_bit_logits(kind):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.float16 if kind == "f16" else ml_dtypes.bfloat16
    every = np.arange(1 << 16, dtype=np.uint16).reshape(16, 1 << 12).view(dtype)
    widen = plait.compile(
        f"""func.func @main(%x: tensor<?x?x{kind}>) -> {LOGITS} {{
          %y = arith.extf %x : tensor<?x?x{kind}> to {LOGITS}
          return %y : {LOGITS}
        }}"""
    )
    same(widen(every), reference.widen(every))


def sized(data, sizes, element):
    """Logits of one of the sizes: ties, a wide spread, few survivors, special values."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    shape = data.draw(st.sampled_from(sizes))
    x = rng.standard_normal(shape) * data.draw(st.sampled_from([1e-40, 0.1, 3, 30]))
    kind = data.draw(st.integers(0, 3))
    if kind == 1:
        x = np.round(x)
    elif kind == 2:
        x[rng.random(shape) < 0.97] = -np.inf
    elif kind == 3:
        x.flat[rng.integers(x.size, size=4)] = [np.nan, np.inf, -0.0, 0.0]
    with np.errstate(over="ignore", under="ignore"):
        return x.astype(element)


def usual(rng, name, shape):
    """Operands as users have them, so that candidates are left behind many processors."""
    rows, vocab = shape

    def share(low, high):
        return rng.uniform(low, high, rows).astype(np.float32)

    def number(low, high):
        return rng.integers(low, high, rows).astype(np.int32)

    def ids(columns, low=-2):
        return rng.integers(low, vocab + 2, (rows, columns)).astype(np.int32)

    if name == "bitmask":
        words = rng.integers(-(2**31), 2**31, (2, rows, -(-vocab // 32)))
        return [(words[0] | words[1]).astype(np.int32)]
    if name in ("no_repeat_ngram", "dry"):
        history = ids(40)
        history[:, 30:] = history[:, :10]
        if name == "no_repeat_ngram":
            return [history, number(-1, 5)]
        return [history, ids(2), share(0, 1), share(1, 2), number(-1, 4)]
    if name.endswith("penalty"):
        counts = np.where(rng.random(shape) < 0.1, rng.integers(1, 4, shape), 0)
        low, high = (0.8, 1.3) if name.startswith("repetition") else (-0.5, 0.5)
        return [share(low, high), counts.astype(np.int32)]
    return {
        "logit_bias": lambda: [ids(4), rng.standard_normal((rows, 4)).astype(np.float32)],
        "allow": lambda: [np.where(rng.random((rows, 1)) < 0.5, ids(vocab // 2 + 1), np.int32(-1))],
        "ban": lambda: [ids(4)],
        "temperature": lambda: [share(0.3, 2)],
        "top_k": lambda: [number(0, vocab + 2)],
        "top_p": lambda: [share(0.5, 1.1)],
        "min_p": lambda: [share(0, 0.1)],
        "typical_p": lambda: [share(0.5, 1.1)],
        "top_n_sigma": lambda: [share(1, 4)],
        "xtc": lambda: [share(0, 1), share(0, 0.6), rng.integers(0, 2**64, rows, np.uint64)],
        "epsilon": lambda: [share(0, 0.01)],
        "eta": lambda: [share(0, 0.01)],
    }[name]()


#: Elements of logits: to MLIR.
ELEMENTS = {np.dtype(np.float32): "f32", np.dtype(np.float16): "f16"}
ELEMENTS[np.dtype(ml_dtypes.bfloat16)] = "bf16"


def check_chain(data, names, pick, sizes=None, element=np.float32, examples=EXAMPLES):
    """A chain compiled through all stages equals the specification's functions.

    The logits are of :func:`logits`, or of :func:`sized` and then every other time with
    :func:`usual` operands. Returns how many rows had a candidate in the end.
    """
    drawn = 0
    kind = ELEMENTS[np.dtype(element)]
    arguments, lines, last = [f"%x: tensor<?x?x{kind}>"], [], "%x"
    if kind != "f32":
        lines.append(f"%wide = arith.extf %x : tensor<?x?x{kind}> to {LOGITS}")
        last = "%wide"
    for i, name in enumerate(names):
        kinds = [f"tensor<{operand}>" for operand in OPS[name][0]]
        arguments += [f"%a{i}_{j}: {operand}" for j, operand in enumerate(kinds)]
        uses = ", ".join([last, *(f"%a{i}_{j}" for j in range(len(kinds)))])
        lines.append(f"%{i} = sample.{name} {uses} : {', '.join([LOGITS, *kinds])}")
        last = f"%{i}"
    key = ["tensor<?xi64>", *["tensor<?xi32>"] * 3]
    arguments += [f"%k{j}: {part}" for j, part in enumerate(key)]
    if pick == "greedy":
        use = f"greedy {last} : {LOGITS}"
    elif pick == "draw":
        lines.append("%bits = sample.random %k0, %k1, %k2, %k3 : tensor<?xi64>, tensor<?xi32>")
        use = f"draw {last}, %bits : {LOGITS}, tensor<?xi64>"
    else:
        use = f"gumbel {pick} {last}, %k0, %k1, %k2, %k3 : {', '.join([LOGITS, *key])}"
    executable = plait.compile(
        f"""func.func @main({", ".join(arguments)}) -> ({PICK}) {{
          {chr(10).join(lines)}
          %y:4 = sample.{use}
          return %y#0, %y#1, %y#2, %y#3 : {PICK}
        }}"""
    )
    for example in range(examples):
        x = data.draw(logits()) if sizes is None else sized(data, sizes, element)
        if sizes and example % 2 == 0:
            rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
            values = [usual(rng, name, x.shape) for name in names]
        else:
            values = [data.draw(operands(name, x.shape)) for name in names]
        seed = data.draw(bits)[: len(x)]
        sequence = np.arange(len(x), dtype=np.int32)
        keys = [sequence, sequence + 1, sequence + 2]
        flat = [native(value) for group in values for value in group]
        ours = executable(x, *flat, seed.view(np.int64), *keys)
        y = reference.widen(x)
        for name, group in zip(names, values, strict=True):
            y = expected(getattr(reference, name), y, *group)
        if pick == "greedy":
            theirs = expected_pick(reference.greedy, y)
        elif pick == "draw":
            random = [reference.random(int(seed[b]), b, b + 1, b + 2) for b in range(len(x))]
            theirs = expected_pick(reference.draw, y, np.array(random, np.uint64))
        else:
            gumbel = functools.partial(reference.gumbel, generator=pick)
            theirs = expected_pick(gumbel, y, seed, *keys)
        same_pick(ours, theirs)
        drawn += int((theirs[0] >= 0).sum())
    return drawn


CHAINS = st.lists(st.sampled_from(sorted(OPS)), min_size=2, max_size=6)
PICKS = ["draw", "greedy", *GENERATORS]
#: Rows with tails of words, vectors and groups.
SIZES = [(3, 63), (3, 64), (3, 65), (5, 1), (2, 255), (2, 257), (2, 1000)]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.data())
def test_random_chains(data):
    """Any processors in any order, some of them twice, then any pick."""
    check_chain(data, data.draw(CHAINS), data.draw(st.sampled_from(PICKS)))


@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.data())
def test_random_chains_of_many_sizes(data):
    element = data.draw(st.sampled_from(list(ELEMENTS)))
    names, pick = data.draw(CHAINS), data.draw(st.sampled_from(PICKS))
    assert check_chain(data, names, pick, SIZES, element, examples=4)


@pytest.mark.parametrize("names, pick", [(sorted(OPS), "draw"), (sorted(OPS)[::-1], "philox")])
@settings(max_examples=1, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.data())
def test_all_processors_of_a_large_row(names, pick, data):
    assert check_chain(data, names, pick, [(5, 32000)], np.float16, examples=2)


@pytest.mark.full
@settings(max_examples=400, deadline=None, phases=[Phase.generate])
@given(st.data())
def test_many_random_chains(data):
    element = data.draw(st.sampled_from(list(ELEMENTS)))
    names, pick = data.draw(CHAINS), data.draw(st.sampled_from(PICKS))
    check_chain(data, names, pick, [*SIZES, (1, 32000)], element)


@pytest.mark.parametrize(
    "names",
    [
        ["top_k", "top_k"],
        ["min_p", "top_k", "min_p"],
        ["ban", "ban"],
        ["logit_bias", "logit_bias"],
        ["bitmask", "bitmask"],
    ],
    ids="-".join,
)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.data())
def test_merged_chains(names, data):
    """What ``sample-canonicalize-chain`` merges."""
    check_chain(data, names, "draw")
