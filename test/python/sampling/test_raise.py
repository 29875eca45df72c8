"""Raised programs give the tokens of the program that they came from."""

import dataclasses
import re

import numpy as np
import pytest
import typer.testing
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import plait
from plait.cli import app
from plait.sampling import raise_to_sample, reference
from plait.verification import verify


def raised(module, keep_bits=True):
    """``module`` after ``raise-to-sample`` and the import stage."""
    module = raise_to_sample(module, keep_bits=keep_bits)
    return dataclasses.replace(module, text=plait.compile(module, to="import"))


def normal(rows, vocab):
    x = np.random.default_rng(vocab).standard_normal((rows, vocab)) * 3
    return x.astype(np.float16).astype(np.float32)  # with ties


def test_argmax_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    x = normal(7, 50)
    module = raised(plait.from_jax(lambda x: jnp.argmax(x, -1), x))
    assert "sample.greedy" in module.text
    np.testing.assert_array_equal(plait.compile(module)(x), x.argmax(1))


@pytest.mark.parametrize("rows, vocab", [(1, 5), (16, 300)])
def test_categorical_of_jax_keeps_its_bits(rows, vocab):
    jax = pytest.importorskip("jax")
    x = normal(rows, vocab)
    module = plait.from_jax(jax.random.categorical, jax.random.PRNGKey(0), x)
    kept = raised(module)
    assert "sample.gumbel" in kept.text
    executable = plait.compile(kept)
    for seed in (1, 123456789):
        key = np.asarray(jax.random.PRNGKey(seed))
        high, low = (int(word) for word in key)
        picks = [
            reference.gumbel(row, high << 32 | low, 0, b, 0, "jax_threefry")
            for b, row in enumerate(x)
        ]
        ours = executable(key, x)
        np.testing.assert_array_equal(ours, [pick.token for pick in picks])
        # JAX's f32 scores can differ where ours are this close.
        sure = np.array([pick.margin > 1e-5 for pick in picks])
        theirs = np.asarray(jax.random.categorical(jax.random.PRNGKey(seed), x))
        assert sure.any()
        np.testing.assert_array_equal(ours[sure], theirs[sure])

    drawn = raised(module, keep_bits=False)
    assert "sample.draw" in drawn.text
    ours = plait.compile(drawn)(key, x)
    random = [reference.random(high << 32 | low, 0, b, 0) for b in range(rows)]
    theirs = [reference.draw(row, bits).token for row, bits in zip(x, random, strict=True)]
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("axis", [0, 1])
def test_categorical_of_jax_with_a_key_for_each_row(axis):
    """jax.vmap: a row's token depends on its key, not on its place."""
    jax = pytest.importorskip("jax")
    x, keys = normal(6, 300), np.asarray(jax.random.split(jax.random.PRNGKey(5), 6))
    program = jax.vmap(jax.random.categorical, (axis, 0))
    place = (lambda keys: keys) if axis == 0 else np.transpose
    module = plait.from_jax(program, place(keys), x)
    kept = raised(module)
    assert kept.text.count("sample.gumbel") == 1 and "math.log" not in kept.text
    executable = plait.compile(kept)
    seeds = [int(high) << 32 | int(low) for high, low in keys]
    picks = [
        reference.gumbel(row, seed, 0, 0, 0, "jax_threefry")
        for row, seed in zip(x, seeds, strict=True)
    ]
    ours = executable(place(keys), x)
    np.testing.assert_array_equal(ours, [pick.token for pick in picks])
    assert all(pick.margin > 1e-5 for pick in picks)
    np.testing.assert_array_equal(ours, program(place(keys), x))
    order = np.array([3, 5, 0, 1, 4, 2])
    np.testing.assert_array_equal(executable(place(keys[order]), x[order]), ours[order])

    drawn = plait.compile(raised(module, keep_bits=False))(place(keys), x)
    bits = [reference.random(seed, 0, 0, 0) for seed in seeds]
    want = [reference.draw(row, word).token for row, word in zip(x, bits, strict=True)]
    np.testing.assert_array_equal(drawn, want)


@pytest.mark.parametrize(
    "shape, more", [((50,), {}), ((2, 3, 50), {}), ((3, 50), {"shape": (4, 3)}),
                    ((50,), {"shape": (2, 2)})],
    ids=["vector", "sequences", "several draws", "several draws of a vector"],
)  # fmt: skip
def test_categorical_of_jax_from_other_shapes(shape, more):
    """The row of a draw is its place among all draws, which counts JAX's noise."""
    jax = pytest.importorskip("jax")
    x, key = normal(6, 50)[: np.prod(shape[:-1], dtype=int)].reshape(shape), jax.random.PRNGKey(8)
    program = lambda key, x: jax.random.categorical(key, x, **more)  # noqa: E731
    module = plait.from_jax(program, key, x)
    theirs = np.asarray(program(key, x))
    kept = raised(module)
    assert kept.text.count("sample.gumbel") == 1 and "math.log" not in kept.text
    ours = plait.compile(kept)(np.asarray(key), x)
    rows = np.broadcast_to(x, (*theirs.shape, 50)).reshape(-1, 50)
    picks = [reference.gumbel(row, 8, 0, b, 0, "jax_threefry") for b, row in enumerate(rows)]
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(ours.ravel(), [pick.token for pick in picks])
    assert all(pick.margin > 1e-5 for pick in picks)
    np.testing.assert_array_equal(ours, theirs)

    drawn = plait.compile(raised(module, keep_bits=False))(np.asarray(key), x)
    want = [reference.draw(row, reference.random(8, 0, b, 0)).token for b, row in enumerate(rows)]
    np.testing.assert_array_equal(drawn.ravel(), want)


def other_noises(jax):
    """Noise that is not that of jax.random.categorical, though much of it is."""
    jnp, gumbel = jax.numpy, jax.random.gumbel

    def in_order(key, shape):
        with jax.threefry_partitionable(False):
            return gumbel(key, shape)

    return {
        "uniform": jax.random.uniform,
        "scaled": lambda key, shape: 0.1 * gumbel(key, shape),
        "another floor": lambda key, shape: (
            -jnp.log(-jnp.log(jax.random.uniform(key, shape, minval=1e-3)))
        ),
        "backwards": lambda key, shape: gumbel(key, shape)[:, ::-1],
        "turned": lambda key, shape: gumbel(key, shape[::-1]).T,
        "of another key": lambda key, shape: gumbel(jax.random.fold_in(key, 1), shape),
        "of more bits": lambda key, shape: gumbel(key, shape, mode="high"),
        "by another count": in_order,
    }


@pytest.mark.parametrize("name, shape", [
    ("uniform", (3, 20)), ("scaled", (3, 20)), ("another floor", (3, 20)),
    ("backwards", (3, 20)), ("turned", (3, 20)), ("turned", (3, 2, 20)),
    ("of another key", (3, 20)), ("of more bits", (3, 20)), ("by another count", (3, 20)),
    ("by another count", (20,)),
])  # fmt: skip
def test_another_noise_is_not_taken_for_jax_s(name, shape):
    """Also not where it is outlined, as JAX's own is."""
    jax = pytest.importorskip("jax")
    x, noise = (
        normal(6, 20)[: np.prod(shape[:-1], dtype=int)].reshape(shape),
        other_noises(jax)[name],
    )
    outlined = jax.jit(lambda key: noise(key, x.shape))

    def program(key, x):
        return jax.numpy.argmax(x + outlined(key), -1)

    key = jax.random.PRNGKey(0)
    module = raise_to_sample(plait.from_jax(program, key, x))
    assert "sample.gumbel" not in module.text
    assert "sample.greedy" in module.text
    executable = plait.compile(module)
    for seed in range(8):
        key = jax.random.PRNGKey(seed)
        np.testing.assert_array_equal(executable(np.asarray(key), x), program(key, x))


def odd_programs(jax):
    """Programs as users write them: the ops that each becomes, and its arguments."""
    jnp, draw = jax.numpy, jax.random.categorical
    x, key = normal(5, 60), np.asarray(jax.random.PRNGKey(3))
    t = np.full(5, 0.7, np.float32)
    return {
        "argmax of a vector": (["greedy"], lambda x: jnp.argmax(x), (x[0],)),
        "argmax of sequences": (["greedy"], lambda x: jnp.argmax(x, -1), (np.stack([x, -x]),)),
        "argmax over rows": ([], lambda x: jnp.argmax(x, 0), (x,)),
        "argmax that keeps dimensions": (
            ["greedy"], lambda x: jnp.argmax(x, -1, keepdims=True), (x,)
        ),
        "argmax of the last of a sequence": (
            ["greedy"], lambda x: jnp.argmax(x[:, -1, :], -1), (np.stack([x, x + 1], 1),)
        ),
        "argmax of a softmax": (["greedy"], lambda x: jnp.argmax(jax.nn.softmax(x), -1), (x,)),
        "logits plus gumbel": (
            ["gumbel"], lambda key, x: jnp.argmax(x + jax.random.gumbel(key, x.shape), -1), (key, x)
        ),
        "a temperature for each row": (
            ["gumbel"], lambda key, x, t: draw(key, x / t[:, None]), (key, x, t)
        ),
        "a key that is split": (["gumbel"], lambda key, x: draw(jax.random.split(key)[1], x),
                                (key, x)),
        "several draws": (["gumbel"], lambda key, x: draw(key, x, shape=(3, 5)), (key, x)),
        "a draw in bfloat16": (
            ["greedy"], lambda key, x: draw(key, x.astype(jnp.bfloat16)), (key, x)
        ),
        "a draw in float16": (
            ["greedy"], lambda key, x: draw(key, x.astype(jnp.float16)), (key, x)
        ),
        "a draw of what was bfloat16": (
            ["gumbel"], lambda key, x: draw(key, x.astype(jnp.bfloat16).astype(jnp.float32)),
            (key, x),
        ),
        "draws over another axis": ([], lambda key, x: draw(key, x, axis=0), (key, x)),
        "draws without replacement": (
            [], lambda key, x: draw(key, x, shape=(3, 5), replace=False), (key, x)
        ),
        "a draw of a vector": (["gumbel"], lambda key, x: draw(key, x), (key, x[0])),
        "the best of a top-k": ([], lambda x: jax.lax.top_k(x, 1)[1][:, 0], (np.abs(x) * -0.0,)),
        "top-k and top-p": (
            ["top_k", "top_p", "gumbel"],
            lambda key, x: draw(key, jax_top_p(jax, jax_top_k(jax, x))), (key, x),
        ),
        "a lowest number instead of -inf": (
            ["greedy"],
            lambda x: jnp.argmax(jnp.where(x < jax.lax.top_k(x, 9)[0][:, -1:], -1e10, x), -1), (x,),
        ),
        "the least float instead of -inf": (
            ["gumbel"],
            lambda key, x: draw(
                key, jnp.where(x < jax.lax.top_k(x, 9)[0][:, -1:], jnp.finfo(x.dtype).min, x)
            ),
            (key, x),
        ),
        "choice": ([], lambda key, x: jax.random.choice(key, 60, p=jax.nn.softmax(x)), (key, x[0])),
    }  # fmt: skip


ODD = [
    "argmax of a vector", "argmax of sequences", "argmax over rows",
    "argmax that keeps dimensions", "argmax of the last of a sequence", "argmax of a softmax",
    "logits plus gumbel", "a temperature for each row", "a key that is split", "several draws",
    "a draw in bfloat16", "a draw in float16", "a draw of what was bfloat16",
    "draws over another axis", "draws without replacement", "a draw of a vector",
    "the best of a top-k", "top-k and top-p", "a lowest number instead of -inf",
    "the least float instead of -inf", "choice",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_programs_of_jax(name):
    """What is raised, and what is not, gives JAX's tokens."""
    jax = pytest.importorskip("jax")
    programs = odd_programs(jax)
    assert list(programs) == ODD
    ops, program, arguments = programs[name]
    module = raise_to_sample(plait.from_jax(program, *arguments))
    main = module.text.split("func.func private")[0]  # An outlined argmax stays, unused.
    found = re.findall(r"sample\.(greedy|gumbel|draw|top_k|top_p)\b", main)
    assert found == ops
    ours, theirs = plait.compile(module)(*arguments), np.asarray(program(*arguments))
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


# Filters, as people write them in torch and JAX.

K, P, BAND = 40, 0.9, 1e-5


def torch_top_k(torch, x):
    """TopKLogitsWarper of transformers."""
    return x.masked_fill(x < torch.topk(x, K)[0][..., -1, None], -float("inf"))


def torch_top_p(torch, x):
    """TopPLogitsWarper of transformers."""
    values, indices = torch.sort(x, descending=False)
    remove = values.softmax(dim=-1).cumsum(dim=-1) <= (1 - P)
    remove[..., -1:] = 0
    return x.masked_fill(remove.scatter(1, indices, remove), -float("inf"))


def torch_both(torch, x):
    """apply_top_k_top_p_pytorch of vLLM, k and p per row."""
    k, p = torch.full((len(x),), K), torch.full((len(x),), P)
    values, indices = x.sort(dim=-1, descending=False)
    least = values.gather(1, (values.size(1) - k.to(torch.long)).unsqueeze(dim=1))
    values = values.masked_fill(values < least, -float("inf"))
    mask = torch.cumsum(values.softmax(dim=-1), dim=-1) <= 1 - p.unsqueeze(dim=1)
    mask[:, -1] = False
    values = values.masked_fill(mask, -float("inf"))
    return values.scatter(dim=-1, index=indices, src=values)


def jax_top_k(jax, x):
    return jax.numpy.where(x < jax.lax.top_k(x, K)[0][..., -1:], -jax.numpy.inf, x)


def jax_sorted_top_k(jax, x):
    return jax.numpy.where(x >= jax.numpy.sort(x, -1)[:, -K][:, None], x, -jax.numpy.inf)


def jax_top_p(jax, x):
    """By the least logit that stays."""
    jnp = jax.numpy
    values = jnp.sort(x, -1)[..., ::-1]
    before = jnp.sum(jnp.cumsum(jax.nn.softmax(values, -1), -1) < P, -1, keepdims=True)
    return jnp.where(x < jnp.take_along_axis(values, before, -1), -jnp.inf, x)


FILTERS = {
    torch_top_k: ["top_k"], torch_top_p: ["top_p"], torch_both: ["top_k", "top_p"],
    jax_top_k: ["top_k"], jax_sorted_top_k: ["top_k"], jax_top_p: ["top_p"],
}  # fmt: skip


def specified(x, names, p):
    """The rows after the filters; k keeps ties, as comparing with the k-th does."""
    rows = [reference.top_k(row, K, True) if "top_k" in names else row for row in x]
    rows = [reference.top_p(row, p) if "top_p" in names else row for row in rows]
    return np.stack(rows)


def imported(program, x, framework):
    if framework.__name__ == "torch":
        return plait.from_torch(lambda x: program(framework, x), (framework.from_numpy(x),))
    return plait.from_jax(lambda x: program(framework, x), x)


@pytest.mark.parametrize("program", FILTERS, ids=lambda program: program.__name__)
def test_filters(program):
    framework = pytest.importorskip(program.__name__.split("_")[0])
    # Without ties: which of equal logits stays is a framework's own affair.
    x = np.random.default_rng(5).standard_normal((6, 500)).astype(np.float32) * 3
    module, names = imported(program, x, framework), FILTERS[program]
    found = raised(module)
    for name in names:
        assert found.text.count(f"sample.{name} ") == 1
    assert "scf." not in found.text and "math.exp" not in found.text
    ours = plait.compile(found)(x)
    np.testing.assert_array_equal(ours, specified(x, names, P))
    theirs = plait.compile(module)(x) > -np.inf
    sure, maybe = (specified(x, names, P + sign * BAND) > -np.inf for sign in (-1, 1))
    assert not (sure & ~theirs).any() and not (theirs & ~maybe).any()


@pytest.mark.parametrize("program", [torch_top_k, jax_top_k], ids=lambda p: p.__name__)
def test_ties_of_top_k_stay(program):
    framework = pytest.importorskip(program.__name__.split("_")[0])
    x = np.round(normal(5, 300))
    module = imported(program, x, framework)
    ours, theirs = plait.compile(raised(module))(x), plait.compile(module)(x)
    np.testing.assert_array_equal(ours, theirs)
    assert ((theirs > -np.inf).sum(1) > K).any()


def drawn_of_top_k(jax, key, x):
    values, indices = jax.lax.top_k(x, K)
    place = jax.random.categorical(key, values)
    return jax.numpy.take_along_axis(indices, place[:, None], -1)[:, 0]


def drawn_of_top_p(jax, key, x):
    """As google-tunix has it."""
    jnp = jax.numpy
    weights, indices = jax.lax.top_k(jax.nn.softmax(x, -1), x.shape[-1])
    weights = jnp.where(jnp.cumsum(weights, -1) - weights > P, 0.0, weights)
    weights /= jnp.sum(weights, -1, keepdims=True)
    place = jax.random.categorical(key, jnp.log(weights))
    return jnp.take_along_axis(indices, place[:, None], -1)[:, 0]


def sorted_of_top_k(jax, x):
    return jax.lax.top_k(x, K)


def sorted_of_top_p(jax, x):
    """What :func:`drawn_of_top_p` draws from, and the tokens there."""
    weights, indices = jax.lax.top_k(jax.nn.softmax(x, -1), x.shape[-1])
    weights = jax.numpy.where(jax.numpy.cumsum(weights, -1) - weights > P, 0.0, weights)
    return jax.numpy.log(weights / jax.numpy.sum(weights, -1, keepdims=True)), indices


SORTED = {drawn_of_top_k: sorted_of_top_k, drawn_of_top_p: sorted_of_top_p}


@pytest.mark.parametrize("program", SORTED, ids=lambda program: program.__name__)
def test_draws_from_sorted_rows(program):
    """One keyed draw of the row, or JAX's noise, which is that of places in the sorted row."""
    jax = pytest.importorskip("jax")
    x, key = normal(6, 300), jax.random.PRNGKey(3)
    module = plait.from_jax(lambda key, x: program(jax, key, x), key, x)
    kept = raised(module)
    assert kept.text.count("sample.gumbel") == 1 and "sample.draw" not in kept.text
    executable = plait.compile(kept)
    rows, tokens = map(np.asarray, SORTED[program](jax, x))
    sure = 0
    for seed in (3, 99):
        key = jax.random.PRNGKey(seed)
        ours, theirs = executable(np.asarray(key), x), np.asarray(program(jax, key, x))
        for b, row in enumerate(rows):
            pick = reference.gumbel(row, seed, 0, b, 0, "jax_threefry")
            if pick.margin > 1e-4:  # Else rounding of the weights decides.
                assert ours[b] == theirs[b] == tokens[b, pick.token]
                sure += 1
    assert sure > 6

    drawn = raised(module, keep_bits=False)
    assert drawn.text.count("sample.draw") == 1 and "scf." not in drawn.text
    ours = plait.compile(drawn)(np.asarray(jax.random.PRNGKey(3)), x)
    for b, row in enumerate(x):
        top = program is drawn_of_top_k
        kept = reference.top_k(row, K) if top else reference.top_p(row, P)
        assert ours[b] == reference.draw(kept, reference.random(3, 0, b, 0)).token


# Draws whose random numbers are arguments.


def torch_draw(torch, x, u):
    return (x.softmax(-1).cumsum(-1) < u[:, None]).sum(-1)


def jax_draw(jax, x, u):
    jnp = jax.numpy
    mass = jnp.cumsum(jax.nn.softmax(x, -1), -1)
    return jnp.minimum(jnp.sum(mass <= u[:, None], -1), x.shape[-1] - 1)


def torch_argmax(torch, x, u):
    return x.argmax(-1)


def jax_argmax(jax, x, u):
    return jax.numpy.argmax(x, -1)


def bits_of(u):
    """What a draw by ``u`` in [0, 1) draws by."""
    return int(float(u) * 2.0**64)


CHAINS = st.tuples(
    st.sampled_from(["torch", "jax"]), st.sampled_from([1.0, 0.7, 1.3]), st.booleans(),
    st.booleans(), st.sampled_from(["draw", "draw", "argmax"]), st.integers(0, 99),
)  # fmt: skip


# An example takes seconds: a failing one is not made smaller.
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate])
@given(CHAINS)
def test_random_chains(chain):
    """Temperature, filters and a pick, as written in either framework."""
    name, t, with_k, with_p, pick, seed = chain
    framework = pytest.importorskip(name)
    filters = [f"top_{part}" for part, on in (("k", with_k), ("p", with_p)) if on]

    def program(x, u):
        x = x / t
        for part in filters:
            x = globals()[f"{name}_{part}"](framework, x)
        return globals()[f"{name}_{pick}"](framework, x, u)

    rng = np.random.default_rng(seed)
    x = rng.standard_normal((6, 300)).astype(np.float32) * 3
    u = np.array([*rng.random(4), 0, 1 - 2.0**-24], np.float32)
    if name == "torch":
        module = plait.from_torch(program, (framework.from_numpy(x), framework.from_numpy(u)))
    else:
        module = plait.from_jax(program, x, u)
    found = raised(module)
    for part in filters:  # The best one needs no filter.
        assert found.text.count(f"sample.{part} ") == (pick == "draw")
    assert found.text.count("sample.draw" if pick == "draw" else "sample.greedy") == 1
    assert "scf." not in found.text and "math.exp" not in found.text
    ours, theirs = plait.compile(found)(x, u), plait.compile(module)(x, u)
    rows = specified(x / np.float32(t), filters, P)
    if pick == "argmax":
        np.testing.assert_array_equal(ours, rows.argmax(1))
        np.testing.assert_array_equal(theirs, ours)
        return
    picks = [reference.draw(row, bits_of(v)) for row, v in zip(rows, u, strict=True)]
    np.testing.assert_array_equal(ours, [pick.token for pick in picks])
    sure = np.array([pick.margin > 1e-4 for pick in picks])
    assert sure.any()
    np.testing.assert_array_equal(theirs[sure], ours[sure])


def test_noise_that_is_an_argument():
    """multinomial() as torch computes it, with its exponential noise given: the same tokens."""
    torch = pytest.importorskip("torch")
    x = normal(6, 300)
    q = np.random.default_rng(1).exponential(size=x.shape).astype(np.float32)

    def program(x, q):
        return (x.softmax(-1) / q).argmax(-1)

    module = plait.from_torch(program, (torch.from_numpy(x), torch.from_numpy(q)))
    found = raised(module)
    assert "sample.greedy" in found.text
    ours, theirs = plait.compile(found)(x, q), plait.compile(module)(x, q)
    np.testing.assert_array_equal(ours, theirs)
    assert len(set(ours.tolist())) > 1


def test_verify_holds_what_is_raised_to_its_source(tmp_path, monkeypatch):
    """`plait verify --keep-bits`; without the source's bits there is nothing to hold it to."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def program(key, x, sign=1):
        x = jnp.where(x < jax.lax.top_k(x, K)[0][..., -1:], -jnp.inf, x)
        return jax.random.categorical(key, sign * x)

    arguments = jax.random.PRNGKey(3), normal(4, 40)
    module = plait.from_jax(program, *arguments)
    path = tmp_path / "draw.mlir"
    path.write_text(module.text)
    for option, names in [
        ("--keep-bits", ["raise-to-sample", "fast road to cpu"]),
        ("--no-keep-bits", ["fast road to cpu"]),
    ]:
        done = typer.testing.CliRunner().invoke(app, ["verify", str(path), option])
        assert done.exit_code == 0, done.output
        assert re.findall(r"raise-to-sample|fast road to cpu", done.output) == names

    other = plait.from_jax(lambda key, x: program(key, x, -1), *arguments)
    monkeypatch.setattr(plait.sampling, "raise_to_sample", lambda module, **options: other)
    (row,) = verify(module, keep_bits=True, each_pass=True)
    assert row.name == "raise-to-sample" and not row.ok


def test_what_is_not_a_filter_stays():
    """A threshold that is not of this row, another mass, another constant."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def other(x, y):
        top = jax.lax.top_k(x, K)[0]
        values = jnp.sort(x, -1)[..., ::-1]
        before = jnp.sum(jnp.cumsum(jax.nn.softmax(values * 2, -1), -1) < P, -1, keepdims=True)
        return (
            jnp.where(y < top[..., -1:], -jnp.inf, y),
            jnp.where(x > top[..., -1:], -jnp.inf, x),
            jnp.where(x < top[..., -1:], 0.0, x),
            jnp.where(x < jnp.take_along_axis(values, before, -1), -jnp.inf, x),
        )

    x, y = normal(2, 100), normal(2, 100) + 1
    module = plait.from_jax(other, x, y)
    assert "sample." not in raised(module).text
