"""What every edge of logits and parameters means, on every road and for every dtype.

The other tests compare roads on random input that holds these edges; here the
results are written down.
"""

import functools

import ml_dtypes
import numpy as np
import pytest

import plait
from plait.sampling import (
    ERROR_INDEX,
    NO_CANDIDATE,
    SAW_NAN,
    ProductionSampler,
    Sampler,
    SamplingParams,
    SimpleTokenSampler,
    raise_to_sample,
    reference,
)

INF, NAN = np.inf, np.nan
PLAIN = [1.0, 2.0, 1.5, 2.0]
NOTHING = {ERROR_INDEX}
ALL = {0, 1, 2, 3}

#: name: logits, parameters, the tokens that draws give, the best of them, and the flags
EDGES = {
    "a NaN is no candidate": ([1.0, NAN, 1.5, 2.0], {}, {0, 2, 3}, 3, SAW_NAN),
    "the best beside a NaN": ([1.0, NAN, 1.5, 2.0], dict(temperature=0.0), {3}, 3, SAW_NAN),
    "only NaN": ([NAN] * 4, {}, NOTHING, -1, SAW_NAN | NO_CANDIDATE),
    "NaN and removed": ([NAN, -INF, -INF, NAN], {}, NOTHING, -1, SAW_NAN | NO_CANDIDATE),
    "all removed": ([-INF] * 4, {}, NOTHING, -1, NO_CANDIDATE),
    "all removed, greedy": ([-INF] * 4, dict(temperature=0.0), NOTHING, -1, NO_CANDIDATE),
    "all removed, filtered": ([-INF] * 4, dict(top_k=2, top_p=0.5), NOTHING, -1, NO_CANDIDATE),
    "k of 0 is off": (PLAIN, dict(top_k=0), ALL, 1, 0),
    "a negative k is off": (PLAIN, dict(top_k=-5), ALL, 1, 0),
    "k of V keeps all": (PLAIN, dict(top_k=4), ALL, 1, 0),
    "k above V keeps all": (PLAIN, dict(top_k=2**31 - 1), ALL, 1, 0),
    "k of 1 is the first of the best": (PLAIN, dict(top_k=1), {1}, 1, 0),
    "k cuts ties by index": ([2.0, 1.0, 1.0, 1.0], dict(top_k=2), {0, 1}, 0, 0),
    "k beside a NaN": ([NAN, 1.0, 2.0, -INF], dict(top_k=2), {1, 2}, 2, SAW_NAN),
    "p of 0 is the best": (PLAIN, dict(top_p=0.0), {1}, 1, 0),
    "a negative p is the best": (PLAIN, dict(top_p=-1.0), {1}, 1, 0),
    "p of 1 is off": (PLAIN, dict(top_p=1.0), ALL, 1, 0),
    "p above 1 is off": (PLAIN, dict(top_p=2.0), ALL, 1, 0),
    "p of exactly the mass": ([1.0, 1.0, -INF, -INF], dict(top_p=0.5), {0}, 0, 0),
    "T of 0 is the first of the best": (PLAIN, dict(temperature=0.0), {1}, 1, 0),
    "T of -0.0": (PLAIN, dict(temperature=-0.0), {1}, 1, 0),
    "a T that overflows": ([1.0, 2.0, 1.5, -2.0], dict(temperature=1e-40), {0, 1, 2}, 0, 0),
    "a great T levels": (PLAIN, dict(temperature=3e38), ALL, 1, 0),
    "-0.0 equals 0.0": ([-0.0, 0.0, -8.0, -8.0], dict(top_k=1), {0}, 0, 0),
    "0.0 equals -0.0": ([0.0, -0.0, -8.0, -8.0], dict(top_k=1), {0}, 0, 0),
    "a denormal of float16 beats 0": ([0.0, 6e-8, -6e-8, 0.0], dict(top_k=1), {1}, 1, 0),
    "+inf wins": ([1.0, INF, 2.0, INF], {}, {1, 3}, 1, 0),
    "the first +inf": ([1.0, INF, 2.0, INF], dict(temperature=0.0), {1}, 1, 0),
    "-inf is removed": ([1.0, -INF, 1.0, -INF], {}, {0, 2}, 0, 0),
    "NaN and both infinities": ([NAN, -INF, INF, 9.0], {}, {2}, 2, SAW_NAN),
    "V of 1": ([-3.0], dict(top_k=7, top_p=0.1), {0}, 0, 0),
    "V of 1, removed": ([-INF], dict(top_k=7), NOTHING, -1, NO_CANDIDATE),
    "V of 1, NaN": ([NAN], dict(top_p=0.5), NOTHING, -1, SAW_NAN | NO_CANDIDATE),
}
#: Errors in Python; in a compiled program nothing is left.
WRONG = [dict(temperature=NAN), dict(temperature=-1.0), dict(temperature=INF), dict(top_p=NAN)]
ROWS = 64
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
PICKS = {
    "draw": "draw {}, %bits : {}, tensor<?xi64>",
    "greedy": "greedy {} : {}",
    **{
        generator: f"gumbel {generator} {{}}, %seed, %session, %sequence, %position : {{}}, "
        "tensor<?xi64>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>"
        for generator in ("philox", "murmur3_vllm", "murmur3_sglang", "jax_threefry")
    },
}
#: The dtypes and picks of compiled chains, and whether they tell log-probabilities.
ROADS = [(d, pick, True) for d in DTYPES for pick in ("draw", "greedy", "philox")]
ROADS += [(d, "draw", False) for d in DTYPES]
ROADS += [("float32", pick, True) for pick in PICKS if pick not in ("draw", "greedy", "philox")]


@functools.cache
def chain(dtype, pick, numbers):
    """All processors that have edges, and a pick, for any batch and vocabulary."""
    element = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}[dtype]
    wide, results = "tensor<?x?xf32>", ["i32", "i32", "f32", "f32"][: 4 if numbers else 2]
    types = ", ".join(f"tensor<?x{kind}>" for kind in results)
    widen = f"%wide = arith.extf %x : tensor<?x?x{element}> to {wide}"
    head = "%wide" if element != "f32" else "%x"
    return plait.compile(f"""
      func.func @main(%x: tensor<?x?x{element}>, %t: tensor<?xf32>, %k: tensor<?xi32>,
          %p: tensor<?xf32>, %seed: tensor<?xi64>, %session: tensor<?xi32>,
          %sequence: tensor<?xi32>, %position: tensor<?xi32>) -> ({types}) {{
        {widen if element != "f32" else ""}
        %0 = sample.temperature {head}, %t : {wide}, tensor<?xf32>
        %1 = sample.top_k %0, %k : {wide}, tensor<?xi32>
        %2 = sample.top_p %1, %p : {wide}, tensor<?xf32>
        %bits = sample.random %seed, %session, %sequence, %position : tensor<?xi64>, tensor<?xi32>
        %y:4 = sample.{PICKS[pick].format("%2", wide)}
        return {", ".join(f"%y#{i}" for i in range(len(results)))} : {types}
      }}""")


def rows(case, dtype):
    return np.tile(np.array(EDGES[case][0], DTYPES[dtype]), (ROWS, 1))


def values(count, temperature=1.0, top_k=0, top_p=1.0):
    """The arguments of :func:`chain` behind the logits; each row has its own key."""
    parameters = [np.float32(temperature), np.int32(top_k), np.float32(top_p), np.int64(7)]
    own = np.arange(count, dtype=np.int32)
    return [np.full(count, value) for value in parameters] + [0 * own, own, own]


def specified(pick, x, parameters):
    """The picks of the rows of ``x``, by the specification."""
    picks = []
    for row, t, k, p, *key in zip(reference.widen(x), *parameters, strict=True):
        row = reference.top_p(reference.top_k(reference.temperature(row, t), k), p)
        key = [int(part) for part in key]
        if pick == "greedy":
            picks.append(reference.greedy(row))
        elif pick == "draw":
            picks.append(reference.draw(row, reference.random(*key)))
        else:
            picks.append(reference.gumbel(row, *key, generator=pick))
    kinds = (np.int32, np.int32, np.float32, np.float32)
    columns = list(zip(*picks, strict=True)) or [()] * 4
    return [np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]


@pytest.mark.parametrize("dtype, pick, numbers", ROADS)
@pytest.mark.parametrize("case", EDGES)
def test_edge(case, dtype, pick, numbers):
    """The specification says what is written here, and compiled code says the same, bit for bit."""
    _, params, tokens, best, flags = EDGES[case]
    x, more = rows(case, dtype), values(ROWS, **params)
    exact = specified(pick, x, more)
    assert set(exact[0].tolist()) == ({best} if pick == "greedy" else tokens)
    np.testing.assert_array_equal(exact[1], flags)
    for number in exact[2:]:
        np.testing.assert_array_equal(np.isnan(number), exact[0] == ERROR_INDEX)
    for ours, theirs in zip(chain(dtype, pick, numbers)(x, *more), exact, strict=False):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", EDGES)
def test_edge_of_samplers(case, dtype):
    _, params, tokens, _, flags = EDGES[case]
    x = rows(case, dtype)
    simple = SimpleTokenSampler.sample(x, **params)
    assert set(simple.tolist()) == tokens
    # One kernel serves all of a vocabulary, whatever is off.
    every = [SamplingParams(**params), SamplingParams(temperature=0.5, top_k=1, top_p=0.5)]
    sampler = Sampler(every, x.shape[1], dtype=dtype)
    draw = sampler(x, rows=np.zeros(ROWS, int), sequence_id=np.arange(ROWS))
    np.testing.assert_array_equal(draw.tokens, simple)
    np.testing.assert_array_equal(draw.flags, flags)


def together(vocab, dtype):
    """The cases of a vocabulary, as one batch of ROWS of each, and their parameters."""
    cases = [case for case in EDGES if len(EDGES[case][0]) == vocab]
    off = dict(temperature=1.0, top_k=0, top_p=1.0)
    params = [off | EDGES[case][1] for case in cases]
    columns = {name: np.repeat([p[name] for p in params], ROWS) for name in off}
    columns["top_k"] = columns["top_k"].astype(np.int32)
    for name in ("temperature", "top_p"):
        columns[name] = columns[name].astype(np.float32)
    return cases, np.concatenate([rows(case, dtype) for case in cases]), columns


@functools.cache
def traced(jax):
    return jax.jit(ProductionSampler().sample_simple)


@pytest.mark.parametrize("dtype, vocab", [*((dtype, 4) for dtype in DTYPES), ("float32", 1)])
def test_edges_in_jax(dtype, vocab):
    """Parameters that the program knows, and such as it is given."""
    jax = pytest.importorskip("jax")
    cases, x, params = together(vocab, dtype)
    simple = SimpleTokenSampler.sample(x, **params)
    for case, tokens in zip(cases, simple.reshape(-1, ROWS).tolist(), strict=True):
        assert set(tokens) == EDGES[case][2], case
    np.testing.assert_array_equal(traced(jax)(x, **params), simple)
    if dtype == "float32":
        np.testing.assert_array_equal(_production(x, **params), simple)


@pytest.mark.parametrize("dtype, pick, numbers", ROADS)
def test_compiled_code_takes_edges_from_jax(dtype, pick, numbers):
    jnp = pytest.importorskip("jax.numpy")
    cases = [case for case in EDGES if len(EDGES[case][0]) == 4]
    x = np.array([EDGES[case][0] for case in cases], DTYPES[dtype])
    columns = [values(1, **EDGES[case][1]) for case in cases]
    more = [np.concatenate(column) for column in zip(*columns, strict=True)]
    got = chain(dtype, pick, numbers)(jnp.asarray(x), *more)
    for ours, theirs in zip(got, specified(pick, x, more), strict=False):
        assert isinstance(ours, type(jnp.zeros(1)))
        np.testing.assert_array_equal(ours, theirs)
    if pick == "greedy":
        assert got[0].tolist() == [EDGES[case][3] for case in cases]
    assert got[1].tolist() == [EDGES[case][4] for case in cases]


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges_of_raised_programs(dtype):
    """A row without candidates has the error index, which JAX's own argmax does not tell."""
    jax = pytest.importorskip("jax")
    cases = [case for case in EDGES if len(EDGES[case][0]) == 4]
    x = jax.numpy.asarray(np.array([EDGES[case][0] for case in cases], DTYPES[dtype]))
    module = raise_to_sample(plait.from_jax(lambda x: jax.numpy.argmax(x, -1), x))
    wide = reference.widen(np.asarray(x))
    want = [reference.greedy(row).token for row in wide]
    assert "sample.greedy" in module.text and ERROR_INDEX in want
    assert plait.compile(module)(x).tolist() == want
    if dtype == "float32":  # JAX's noise of the others has fewer bits.
        key = jax.random.PRNGKey(3)
        module = raise_to_sample(plait.from_jax(jax.random.categorical, key, x))
        picks = [reference.gumbel(row, 3, 0, b, 0, "jax_threefry") for b, row in enumerate(wide)]
        assert plait.compile(module)(key, x).tolist() == [pick.token for pick in picks]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_wrong_parameters(wrong):
    jax = pytest.importorskip("jax")
    x = np.tile(np.float32(PLAIN), (ROWS, 1))
    for draw in (SimpleTokenSampler.sample, _production):
        with pytest.raises(plait.ArgumentError, match=next(iter(wrong))):
            draw(x, **wrong)
    with pytest.raises(plait.ArgumentError, match=next(iter(wrong))):
        SamplingParams(**wrong)
    off = dict(temperature=1.0, top_k=0, top_p=1.0)
    tokens = traced(jax)(x, **off | wrong)
    assert set(np.asarray(tokens).tolist()) == NOTHING
    for dtype, pick, numbers in ROADS:
        got = chain(dtype, pick, numbers)(x.astype(DTYPES[dtype]), *values(ROWS, **wrong))
        np.testing.assert_array_equal(got[0], ERROR_INDEX)
        np.testing.assert_array_equal(got[1], NO_CANDIDATE)
        assert all(np.isnan(number).all() for number in got[2:])


def _production(x, **params):
    return ProductionSampler().sample_simple(x, **params)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_rows(dtype):
    x = np.zeros((0, 4), DTYPES[dtype])
    params = dict(temperature=0.5, top_k=2, top_p=0.5)
    sampler = Sampler(SamplingParams(**params), 4, dtype=dtype, logprobs=True)
    for draw in (sampler(x), sampler.specification(x)):
        assert [part.shape for part in draw] == [(0,)] * 4
    for kind, pick, numbers in ROADS:
        got = chain(kind, pick, numbers)(x.astype(DTYPES[kind]), *values(0, **params))
        assert {part.shape for part in got} == {(0,)}
    assert SimpleTokenSampler.sample(x, **params).shape == (0,)
    jax = pytest.importorskip("jax")
    for draw in (_production, traced(jax)):
        tokens = draw(jax.numpy.asarray(x), **params)
        assert tokens.shape == (0,) and tokens.dtype == np.int32
    got = chain(dtype, "draw", True)(jax.numpy.asarray(x), *values(0))
    assert [part.shape for part in got] == [(0,)] * 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_vocabulary(dtype):
    x = np.zeros((2, 0), DTYPES[dtype])
    assert SimpleTokenSampler.sample(x).tolist() == [ERROR_INDEX] * 2
    with pytest.raises(plait.ArgumentError, match="vocab: expects 1 to"):
        Sampler(SamplingParams(), 0)(x)
    for kind, pick, numbers in ROADS:
        tokens, flags, *_ = chain(kind, pick, numbers)(x.astype(DTYPES[kind]), *values(2))
        assert tokens.tolist() == [ERROR_INDEX] * 2 and flags.tolist() == [NO_CANDIDATE] * 2
    jax = pytest.importorskip("jax")
    assert _production(jax.numpy.asarray(x)).tolist() == [ERROR_INDEX] * 2
