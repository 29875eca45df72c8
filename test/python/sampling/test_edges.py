"""What every edge of logits and parameters means, on every road and for every dtype.

The other tests compare roads on random input that holds these edges; here the
results are written down.
"""

import ml_dtypes
import numpy as np
import pytest

from plait.sampling import (
    ERROR_INDEX,
    NO_CANDIDATE,
    SAW_NAN,
    ProductionSampler,
    Sampler,
    SamplingParams,
    SimpleTokenSampler,
)

INF, NAN = np.inf, np.nan
PLAIN = [1.0, 2.0, 1.5, 2.0]
NOTHING = {ERROR_INDEX}

#: name: logits, parameters, the tokens that draws give, and the flags
EDGES = {
    "a NaN is no candidate": ([1.0, NAN, 1.5, 2.0], {}, {0, 2, 3}, SAW_NAN),
    "the best beside a NaN": ([1.0, NAN, 1.5, 2.0], dict(temperature=0.0), {3}, SAW_NAN),
    "only NaN": ([NAN] * 4, {}, NOTHING, SAW_NAN | NO_CANDIDATE),
    "NaN and removed": ([NAN, -INF, -INF, NAN], {}, NOTHING, SAW_NAN | NO_CANDIDATE),
    "all removed": ([-INF] * 4, {}, NOTHING, NO_CANDIDATE),
    "all removed, greedy": ([-INF] * 4, dict(temperature=0.0), NOTHING, NO_CANDIDATE),
    "k of 0 is off": (PLAIN, dict(top_k=0), {0, 1, 2, 3}, 0),
    "a negative k is off": (PLAIN, dict(top_k=-5), {0, 1, 2, 3}, 0),
    "k of V keeps all": (PLAIN, dict(top_k=4), {0, 1, 2, 3}, 0),
    "k above V keeps all": (PLAIN, dict(top_k=2**31 - 1), {0, 1, 2, 3}, 0),
    "k of 1 is the first of the best": (PLAIN, dict(top_k=1), {1}, 0),
    "k cuts ties by index": ([2.0, 1.0, 1.0, 1.0], dict(top_k=2), {0, 1}, 0),
    "p of 0 is the best": (PLAIN, dict(top_p=0.0), {1}, 0),
    "a negative p is the best": (PLAIN, dict(top_p=-1.0), {1}, 0),
    "p of 1 is off": (PLAIN, dict(top_p=1.0), {0, 1, 2, 3}, 0),
    "p above 1 is off": (PLAIN, dict(top_p=2.0), {0, 1, 2, 3}, 0),
    "p of exactly the mass": ([1.0, 1.0, -INF, -INF], dict(top_p=0.5), {0}, 0),
    "T of 0 is the first of the best": (PLAIN, dict(temperature=0.0), {1}, 0),
    "T of -0.0": (PLAIN, dict(temperature=-0.0), {1}, 0),
    "a T that overflows": ([1.0, 2.0, 1.5, -2.0], dict(temperature=1e-40), {0, 1, 2}, 0),
    "a great T levels": (PLAIN, dict(temperature=3e38), {0, 1, 2, 3}, 0),
    "-0.0 equals 0.0": ([-0.0, 0.0, -8.0, -8.0], dict(top_k=1), {0}, 0),
    "0.0 equals -0.0": ([0.0, -0.0, -8.0, -8.0], dict(top_k=1), {0}, 0),
    "+inf wins": ([1.0, INF, 2.0, INF], {}, {1, 3}, 0),
    "the first +inf": ([1.0, INF, 2.0, INF], dict(temperature=0.0), {1}, 0),
    "-inf is removed": ([1.0, -INF, 1.0, -INF], {}, {0, 2}, 0),
    "V of 1": ([-3.0], dict(top_k=7, top_p=0.1), {0}, 0),
}
ROWS = 128
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


#: How a sampler draws, and whether with log-probabilities: the fast road, then the others.
ROADS = [("draw", False), ("draw", True), ("philox", True)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", EDGES)
def test_edge(case, dtype):
    logits, params, tokens, flags = EDGES[case]
    x = np.tile(np.array(logits, DTYPES[dtype]), (ROWS, 1))
    simple = SimpleTokenSampler.sample(x, **params)
    # One kernel serves all of a vocabulary, whatever is off.
    every = [SamplingParams(**params), SamplingParams(temperature=0.5, top_k=1, top_p=0.5)]
    key = dict(rows=np.zeros(ROWS, int), sequence_id=np.arange(ROWS))
    for pick, logprobs in ROADS[: 3 if dtype == "float32" else 1]:
        sampler = Sampler(every, x.shape[1], dtype=dtype, pick=pick, logprobs=logprobs)
        native, exact = sampler(x, **key), sampler.specification(x, **key)
        for draw in (native, exact):
            np.testing.assert_array_equal(draw.flags, flags)
            np.testing.assert_array_equal(draw.tokens, simple if pick == "draw" else exact.tokens)
            assert set(draw.tokens.tolist()) == tokens
            if logprobs:
                np.testing.assert_array_equal(np.isnan(draw.logprobs), draw.tokens == ERROR_INDEX)
                np.testing.assert_array_equal(np.isnan(draw.margins), draw.tokens == ERROR_INDEX)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", EDGES)
def test_edge_in_jax(case, dtype):
    pytest.importorskip("jax")
    logits, params, _, _ = EDGES[case]
    x = np.tile(np.array(logits, DTYPES[dtype]), (ROWS, 1))
    params = dict(temperature=1.0, top_k=0, top_p=1.0) | params
    ours = ProductionSampler().sample_simple(x, **params)
    np.testing.assert_array_equal(ours, SimpleTokenSampler.sample(x, **params))


def test_no_rows():
    x = np.zeros((0, 4), np.float32)
    params = SamplingParams(temperature=0.5, top_k=2, top_p=0.5)
    for pick, logprobs in ROADS:
        sampler = Sampler(params, 4, pick=pick, logprobs=logprobs)
        for draw in (sampler(x), sampler.specification(x)):
            assert draw.tokens.shape == draw.flags.shape == (0,)
    assert SimpleTokenSampler.sample(x).shape == (0,)
