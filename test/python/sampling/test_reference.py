"""The specification against published vectors, transformers and float64."""

from decimal import Decimal, getcontext

import numpy as np
import pytest

from plait.errors import ArgumentError
from plait.sampling import NO_CANDIDATE, SAW_NAN, SimpleTokenSampler, reference

INF, NAN = np.float32(np.inf), np.float32(np.nan)


def row(*values):
    return np.array(values, np.float32)


# Random123 1.14, tests/kat_vectors, philox4x32 with 10 rounds.
@pytest.mark.parametrize(
    "counter, key, words",
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0xFFFFFFFF] * 4,
            [0xFFFFFFFF] * 2,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox(counter, key, words):
    assert reference.philox(counter, key) == words


def test_random_layout():
    words = reference.philox([0, 4, 3, 2], [0xDDCCBBAA, 0x11223344])
    assert reference.random(0x11223344DDCCBBAA, 2, 3, 4) == words[0] | words[1] << 32


def test_exp2_table_is_correctly_rounded():
    getcontext().prec = 40
    exact = [Decimal(2) ** (30 + Decimal(i) / 64) for i in range(64)]
    assert reference._EXP2.tolist() == [int(value.to_integral_value()) for value in exact]


def test_weights_of_special_values():
    unit = 1 << 44
    assert reference.weights(row(0.0, -0.0, -INF, NAN, -100.0)).tolist() == [unit, unit, 0, 0, 0]
    assert reference.weights(row(INF, 1.0, INF, -INF)).tolist() == [unit, 0, unit, 0]
    assert reference.weights(row(-INF, NAN)).tolist() == [0, 0]
    assert reference.weights(row()).tolist() == []
    # Halving steps: a difference of ln 2 is one binary digit.
    w = reference.weights(row(0.0, -np.log(2), -10 * np.log(2)))
    np.testing.assert_allclose(w / unit, [1, 0.5, 2.0**-10], rtol=2e-6)


def test_weights_never_increase():
    logits = -np.sort(np.random.default_rng(0).uniform(0, 40, 200_000)).astype(np.float32)
    w = reference.weights(logits).astype(np.int64)
    assert (np.diff(w) <= 0).all()


def softmax(logits):
    e = np.exp(logits.astype(np.float64) - logits.max().astype(np.float64))
    return e / e.sum()


@pytest.mark.parametrize("vocab", [64, 32000, 151936])
@pytest.mark.parametrize("scale", [0.5, 3.0, 8.0])
def test_total_variation_to_float64_softmax(vocab, scale):
    rng = np.random.default_rng(vocab)
    for _ in range(4):
        logits = (rng.standard_normal(vocab) * scale).astype(np.float32)
        w = reference.weights(logits).astype(np.float64)
        assert 0.5 * np.abs(w / w.sum() - softmax(logits)).sum() < 1e-7


def test_drawn_frequencies():
    """Chi-square of 12000 draws over 12 candidates: 11 degrees of freedom, p = 1e-6 at 53."""
    logits = (np.random.default_rng(1).standard_normal(12)).astype(np.float32)
    n = 12_000
    counts = np.zeros(12)
    for position in range(n):
        counts[reference.draw(logits, reference.random(7, 0, 0, position)).token] += 1
    expected = n * softmax(logits)
    assert ((counts - expected) ** 2 / expected).sum() < 53


def survivors(logits):
    return np.flatnonzero(logits > -np.inf).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_survivors_are_those_of_transformers(seed):
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    rng = np.random.default_rng(seed)
    logits = (rng.permutation(3000) * 0.004 - 6).astype(np.float32)
    logits += rng.uniform(0, 0.003, 3000).astype(np.float32)  # distinct, unevenly spaced
    tensor = torch.from_numpy(logits)[None]
    for t in (0.3, 0.8, 1.7):
        theirs = process.TemperatureLogitsWarper(t)(None, tensor)[0]
        assert np.array_equal(theirs.numpy(), reference.temperature(logits, t))
    for k in (1, 7, 50, 2999, 3000):
        theirs = process.TopKLogitsWarper(k)(None, tensor)[0].numpy()
        assert survivors(theirs) == survivors(reference.top_k(logits, k))
    total = float(reference.weights(logits).sum())
    for p in (0.05, 0.37, 0.9, 0.99):
        theirs = survivors(process.TopPLogitsWarper(p)(None, tensor)[0].numpy())
        ours = survivors(reference.top_p(logits, p))
        # Their float32 cumulative sum may put one candidate on the other side of p.
        mass = np.cumsum(-np.sort(-reference.weights(logits).astype(np.float64))) / total
        near = int((np.abs(mass - p) < 1e-5).sum())
        assert len(set(theirs) ^ set(ours)) <= near


def test_ties_go_to_the_lowest_index():
    logits = row(3, 2, 2, 2, 1)
    assert survivors(reference.top_k(logits, 2)) == [0, 1]
    assert survivors(reference.top_k(row(2, 2, 3, 2), 3)) == [0, 1, 2]
    assert survivors(reference.top_k(row(0.0, -0.0, 0.0), 2)) == [0, 1]
    assert survivors(reference.top_k(row(-0.0, 0.0, -0.0), 1)) == [0]
    assert survivors(reference.top_p(logits, 0.6)) == [0, 1]
    assert reference.greedy(row(1, 5, 5))[:2] == (1, 0)


def test_top_p_edges():
    logits = row(0, 1, 2, -INF)
    assert survivors(reference.top_p(logits, 0.0)) == [2]
    assert survivors(reference.top_p(logits, -1.0)) == [2]
    assert survivors(reference.top_p(logits, 1.0)) == [0, 1, 2]
    assert survivors(reference.top_p(logits, 2.0)) == [0, 1, 2]
    assert survivors(reference.top_p(logits, NAN)) == []
    assert survivors(reference.top_p(row(-INF, NAN), 0.5)) == []
    # Two candidates of one half each: exactly one half is enough.
    assert survivors(reference.top_p(row(1, 1), 0.5)) == [0]
    assert survivors(reference.top_p(row(1, 1), np.nextafter(np.float32(0.5), INF))) == [0, 1]


def test_top_k_edges():
    logits = row(0, NAN, 2, -INF)
    for k in (0, -1, 2, 3, 4, 100):
        assert survivors(reference.top_k(logits, k)) == [0, 2]
    assert np.isnan(reference.top_k(logits, 1)[1])


def test_temperature_edges():
    logits = row(1, 5, 5, NAN, -INF)
    assert survivors(reference.temperature(logits, 0.0)) == [1]
    assert reference.temperature(logits, 0.0)[1] == 5
    assert np.isnan(reference.temperature(logits, 0.0)[3])
    for t in (-1.0, NAN, INF):
        assert survivors(reference.temperature(logits, t)) == []
    assert survivors(reference.temperature(row(1, INF), 2.0)) == [0, 1]


def test_picks_report_nan_and_empty_rows():
    assert reference.draw(row(NAN, 1), 0)[:2] == (1, SAW_NAN)
    assert reference.draw(row(NAN, -INF), 0)[:2] == (-1, SAW_NAN | NO_CANDIDATE)
    assert reference.draw(row(-INF), 5)[:2] == (-1, NO_CANDIDATE)
    assert reference.draw(row(), 5)[:2] == (-1, NO_CANDIDATE)
    assert reference.greedy(row(NAN, -INF))[:2] == (-1, SAW_NAN | NO_CANDIDATE)
    assert reference.draw(row(3), (1 << 64) - 1)[:2] == (0, 0)
    assert reference.draw(row(3, 3), (1 << 63) - 1)[:2] == (0, 0)
    assert reference.draw(row(3, 3), 1 << 63)[:2] == (1, 0)


LOGITS = np.zeros((4, 8), np.float32)


def test_simple_sampler_shapes():
    assert SimpleTokenSampler.sample(LOGITS).shape == (4,)
    assert SimpleTokenSampler.sample(LOGITS).dtype == np.int32
    assert SimpleTokenSampler.sample(LOGITS[:0]).shape == (0,)
    assert SimpleTokenSampler.sample(LOGITS[:0], seed=[], top_k=[], sequence_id=[]).shape == (0,)
    assert isinstance(SimpleTokenSampler.sample(LOGITS[0]), np.int32)


def test_omitted_sequence_is_the_row():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4, 100)).astype(np.float32)
    given = SimpleTokenSampler.sample(logits, seed=3, sequence_id=[0, 1, 2, 3])
    assert given.tolist() == SimpleTokenSampler.sample(logits, seed=3).tolist()
    for b in range(4):
        assert SimpleTokenSampler.sample(logits[b], seed=3, sequence_id=b) == given[b]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(sequence_id=7), "expects one sequence per row, got 7 for rows 0 and 1"),
        (dict(sequence_id=7, position=[0, 1, 2, 3]), "got 7 for rows 0 and 1"),
        (dict(sequence_id=7, session_id=[5, 6, 7, 6]), "got 7 for rows 1 and 3"),
        (dict(sequence_id=[1, 2, 2, 3]), "got 2 for rows 1 and 2 .*at position 0"),
        (dict(seed=-1), "seed: expects 0 to 18446744073709551615, got -1"),
        (dict(seed=1 << 64), "seed: expects 0 to 18446744073709551615, got 18446744073709551616"),
        (dict(seed=1.5), "seed: expects integers"),
        (dict(seed=[1.0, 2.0, 3.0, 4.0]), "seed: expects integers, got dtype float64"),
        (dict(seed=[None, 1, 2, 3]), "seed: expects integers, got dtype object"),
        (dict(sequence_id=np.zeros(4)), "sequence_id: expects integers, got dtype float64"),
        (dict(seed=True), "seed: expects integers"),
        (dict(position=1 << 32), "position: expects 0 to 4294967295, got 4294967296"),
        (dict(session_id=[1, 2]), r"session_id: expects a scalar or shape \(4,\), got \(2,\)"),
        (dict(temperature=-1.0), "temperature: expects finite values from 0 on"),
        (dict(temperature=float("nan")), "temperature: expects finite"),
        (dict(temperature="hot"), "temperature: expects numbers"),
        (dict(top_k=1.0), "top_k: expects integers"),
        (dict(top_k=1 << 40), "top_k: expects"),
        (dict(top_p=float("nan")), "top_p: expects numbers, got NaN"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        SimpleTokenSampler.sample(LOGITS, **arguments)


@pytest.mark.parametrize(
    "logits, message",
    [
        (
            LOGITS.astype(np.float64),
            "logits: expects dtype float32, float16 or bfloat16, got float64",
        ),
        (LOGITS[None], r"logits: expects shape \(B, V\)"),
        (np.zeros((0, 1 << 20), np.float32), "logits: expects a vocabulary below 1048576"),
    ],
)
def test_bad_logits(logits, message):
    with pytest.raises(ArgumentError, match=message):
        SimpleTokenSampler.sample(logits)


def test_rows_of_one_sequence():
    """At different positions, or under different seeds; not by a scalar alone."""
    tokens = SimpleTokenSampler.sample(LOGITS, seed=1, sequence_id=[7] * 4, position=[0, 1, 2, 3])
    alone = [SimpleTokenSampler.sample(LOGITS[0], 1.0, 1, p, sequence_id=7) for p in range(4)]
    assert tokens.tolist() == alone
    tokens = SimpleTokenSampler.sample(LOGITS, seed=[1, 2, 3, 4], sequence_id=7)
    alone = [SimpleTokenSampler.sample(LOGITS[0], seed=s, sequence_id=7) for s in (1, 2, 3, 4)]
    assert tokens.tolist() == alone


def test_seeds_and_ids_reach_the_last_bit():
    top = dict(seed=(1 << 64) - 1, position=(1 << 32) - 1, session_id=(1 << 32) - 1)
    bits = reference.random((1 << 64) - 1, (1 << 32) - 1, 5, (1 << 32) - 1)
    assert SimpleTokenSampler.sample(LOGITS[0], sequence_id=5, **top) == bits >> 61


def test_seeds_of_any_size_in_one_list():
    seeds = [1 << 63, 1, (1 << 64) - 1, 0]
    tokens = SimpleTokenSampler.sample(LOGITS, seed=seeds)
    assert tokens.tolist() == [
        reference.random(seed, 0, row, 0) >> 61 for row, seed in enumerate(seeds)
    ]
