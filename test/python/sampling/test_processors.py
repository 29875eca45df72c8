"""Every processor, generator and pick of the specification: edges and oracles."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from plait.sampling import NO_CANDIDATE, SAW_NAN, generators, reference

INF, NAN = np.float32(np.inf), np.float32(np.nan)
ONES = np.ones(5, np.int32)
HISTORY = np.array([0, 1, 2, 0, 1], np.int32)


def row(*values):
    return np.array(values, np.float32)


def survivors(logits):
    return np.flatnonzero(logits > -np.inf).tolist()


def normal(vocab, seed, scale=3.0):
    return (np.random.default_rng(seed).standard_normal(vocab) * scale).astype(np.float32)


#: name: (parameters that act, float parameters that remove all, parameters that are off)
CASES = {
    "logit_bias": (([3, -1, 9], row(-2, 5, 5)), [], [([], []), ([-1], [2.0]), ([7], [2.0])]),
    "allow": (([3, 0],), [], [([],), ([-1, -1],)]),
    "ban": (([3],), [], [([],), ([-1, 5],)]),
    "bitmask": ((np.int32([9]),), [], [(np.int32([-1]),)]),
    "repetition_penalty": ((1.3, ONES), [(x, ONES) for x in (0, -1, INF, NAN)], [(1.0, ONES)]),
    "presence_penalty": ((0.3, ONES), [(x, ONES) for x in (INF, -INF, NAN)], [(0.0, ONES)]),
    "frequency_penalty": ((0.3, ONES), [(x, ONES) for x in (INF, -INF, NAN)], [(0.0, ONES)]),
    "no_repeat_ngram": ((HISTORY, 3), [], [(HISTORY, 0), (HISTORY, -1), (HISTORY, 9)]),
    "dry": (
        (HISTORY, [], 0.8, 1.75, 2),
        [(HISTORY, [], NAN, 1.75, 2), (HISTORY, [], 0.8, NAN, 2)],
        [(HISTORY, [], 0.0, 1.75, 2), (HISTORY, [], 0.8, 0.9, 2), (HISTORY, [1], 0.8, 1.75, 2)],
    ),
    "temperature": ((0.7,), [(x,) for x in (-1, INF, NAN)], [(1.0,)]),
    "top_k": ((2,), [], [(0,), (-1,), (5,), (6,)]),
    "top_p": ((0.6,), [(NAN,)], [(1.0,), (2.0,), (INF,)]),
    "min_p": ((0.3,), [(NAN,)], [(0.0,), (-1.0,)]),
    "typical_p": ((0.6,), [(NAN,)], [(1.0,), (2.0,), (INF,)]),
    "top_n_sigma": ((0.5,), [(NAN,)], [(0.0,), (-1.0,), (INF,)]),
    "xtc": (
        (1.0, 0.1, 0),
        [(NAN, 0.1, 0), (1.0, NAN, 0)],
        [(0.0, 0.1, 0), (1.0, 0.51, 0), (0.5, 0.1, 1 << 63)],
    ),
    "epsilon": ((0.1,), [(NAN,)], [(0.0,), (-1.0,)]),
    "eta": ((0.3,), [(NAN,)], [(0.0,), (-1.0,)]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_processor_acts_is_off_and_fails_as_written(name):
    act, bad, off = CASES[name]
    function = getattr(reference, name)
    x = row(2.0, 1.5, 1.0, 2.5, -1.0)
    assert not np.array_equal(function(x, *act), x)
    for parameters in off:
        assert_array_equal(function(x, *parameters), x)
    for parameters in bad:
        assert survivors(function(x, *parameters)) == []
        assert reference.draw(function(x, *parameters), 0)[:2] == (-1, NO_CANDIDATE)


@pytest.mark.parametrize("name", CASES)
def test_removed_stays_removed_and_nan_stays_nan(name):
    act, bad, off = CASES[name]
    function = getattr(reference, name)
    for x in (row(-INF, NAN, 1.0, -INF, 2.0), row(*[-INF] * 5), row(*[NAN] * 5)):
        for parameters in (act, *bad, *off):
            y = function(x, *parameters)
            assert_array_equal(np.isnan(y), np.isnan(x))
            assert set(survivors(y)) <= set(survivors(x))
            assert y.dtype == np.float32


@pytest.mark.parametrize("name", ["top_p", "min_p", "typical_p", "epsilon", "eta"])
@pytest.mark.parametrize("p", [1e-45, 1e-9, 0.999999])
def test_at_least_the_best_stays(name, p):
    for x in (row(3.0), row(1, 5, 5), row(INF, 3, INF), normal(100, 0)):
        assert survivors(getattr(reference, name)(x, p))


def test_top_n_sigma_and_infinities():
    assert survivors(reference.top_n_sigma(row(INF, 3, -INF, INF), 1e9)) == [0, 3]
    assert survivors(reference.top_n_sigma(row(3e38, -3e38, 0), 1e-3)) == [0]
    assert survivors(reference.top_n_sigma(row(1, 1, 1), 1e-6)) == [0, 1, 2]


def test_bias_goes_in_the_order_of_the_list():
    one = row(1e8)
    for values in ([1.0, -1e8, 3.0], [-1e8, 1.0, 3.0]):
        expected = one[0]
        for value in values:
            expected = expected + np.float32(value)
        assert reference.logit_bias(one, [0, 0, 0], values)[0] == expected
    assert survivors(reference.logit_bias(row(1, 2), [0], [-INF])) == [1]
    # +inf - inf is no number, and is reported.
    assert reference.draw(reference.logit_bias(row(INF, 2), [0], [-INF]), 0)[:2] == (1, SAW_NAN)


def test_bitmask_has_the_layout_of_xgrammar():
    vocab = 70
    keep = np.random.default_rng(0).random(vocab) < 0.5
    words = np.packbits(np.pad(keep, (0, 26)), bitorder="little").view(np.int32)
    assert survivors(reference.bitmask(normal(vocab, 1), words)) == np.flatnonzero(keep).tolist()


def test_counts_and_penalties():
    counts = reference.count(np.int32([1, 1, -1, 3, 9, 1]), 5)
    assert counts.tolist() == [0, 3, 0, 1, 0]
    x = row(1.0, 2.0, 3.0, -4.0, 0.0)
    assert reference.frequency_penalty(x, 0.5, counts).tolist() == [1.0, 0.5, 3.0, -4.5, 0.0]
    assert reference.presence_penalty(x, 0.5, counts).tolist() == [1.0, 1.5, 3.0, -4.5, 0.0]
    prompt = reference.count([0], 5)
    assert reference.repetition_penalty(x, 2.0, counts).tolist() == [1.0, 1.0, 3.0, -8.0, 0.0]
    both = reference.repetition_penalty(x, 2.0, counts, prompt)
    assert both.tolist() == [0.5, 1.0, 3.0, -8.0, 0.0]
    third = reference.repetition_penalty(row(5.0), 3.0, ONES[:1], reciprocal=True)
    assert third[0] == np.float32(5) * (np.float32(1) / np.float32(3))


def test_a_power_of_dry_stops_before_it_overflows():
    history = np.zeros(40, np.int32)
    y = reference.dry(row(0.0, 0.0), history, [], 1.0, 1e30, 1)
    assert y.tolist() == [-np.float32(1e30), 0.0]


def test_history_may_be_padded_on_either_side():
    x = normal(5, 0)
    for pad in ((3, 0), (0, 3), (2, 2)):
        padded = np.pad(HISTORY, pad, constant_values=-1)
        for name, more in (("no_repeat_ngram", (2,)), ("dry", ([], 0.8, 1.75, 1))):
            function = getattr(reference, name)
            assert_array_equal(function(x, padded, *more), function(x, HISTORY, *more))
    # A hole equals nothing, not even another hole.
    assert survivors(reference.no_repeat_ngram(x, [-1, 3, -1, 2], 2)) == [0, 1, 2, 3, 4]
    assert survivors(reference.no_repeat_ngram(x, [2, -1, 3, -1, 2], 1)) == [0, 1, 4]


@pytest.mark.parametrize("seed", range(6))
def test_transformers(seed):
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    rng = np.random.default_rng(seed)
    vocab = 500
    x = normal(vocab, seed)
    logits = torch.from_numpy(x)[None]
    tokens = rng.integers(0, 20, 60).astype(np.int32)
    ids = torch.from_numpy(tokens)[None].long()
    counts = reference.count(tokens, vocab)

    def theirs(warper):
        return warper(ids, logits.clone())[0].numpy()

    penalty = float(np.float32(rng.uniform(0.5, 2)))
    ours = reference.repetition_penalty(x, penalty, counts)
    assert_array_equal(theirs(process.RepetitionPenaltyLogitsProcessor(penalty)), ours)
    for n in (1, 2, 3):
        ours = reference.no_repeat_ngram(x, tokens, n)
        assert_array_equal(theirs(process.NoRepeatNGramLogitsProcessor(n)), ours)

    # Their sums are float32: one candidate may fall on the other side.
    for name, warper in (
        ("min_p", process.MinPLogitsWarper),
        ("typical_p", process.TypicalLogitsWarper),
        ("epsilon", process.EpsilonLogitsWarper),
        ("eta", process.EtaLogitsWarper),
    ):
        for p in (0.001, 0.02, 0.3, 0.9):
            kept = survivors(theirs(warper(p)))
            assert len({*kept} ^ {*survivors(getattr(reference, name)(x, p))}) <= 1, (name, p)


@pytest.mark.parametrize("seed", range(4))
def test_definitions_in_float64(seed):
    """Against the textbook, outside of 1e-6 around the boundary."""
    x = normal(300, seed)
    p = np.exp(x.astype(np.float64) - x.max())
    p /= p.sum()
    entropy = -(p * np.log(p)).sum()
    n = 1.3
    deviation = (x.max() - x).astype(np.float64) / x.astype(np.float64).std()
    far = np.abs(deviation - n) > 1e-6
    kept = reference.top_n_sigma(x, n) > -np.inf
    assert_array_equal(kept[far], (deviation <= n)[far])

    threshold = 0.03
    top = np.flatnonzero(p >= threshold)
    assert len(top) > 2
    last = top[p[top].argmin()]
    expected = sorted({*range(300)} - {*top} | {last})
    assert survivors(reference.xtc(x, 1.0, threshold, (1 << 64) - 1)) == expected

    t = reference.dynamic_temperature(x, 0.5, 1.5, 1.7)
    assert abs(t - (0.5 + (entropy / math.log(300)) ** 1.7)) < 1e-6
    pick = reference.draw(x, reference.random(seed, 1, 2, 3))
    assert abs(pick.logprob - np.log(p[pick.token])) < 1e-5


def test_dynamic_temperature_edges():
    f = reference.dynamic_temperature
    assert f(row(1, 1, 1, 1), 0.5, 1.5, 2.0) == 1.5
    assert f(row(3), 0.5, 1.5, 2.0) == 1.5
    assert f(row(100, 0), 0.5, 1.5, 1.0) == 0.5 + np.float32(2.0**-24)
    assert f(row(100, 0), 0.5, 1.5, 0.0) == 1.5
    assert f(row(100, 0), 0.5, 1.5, -1.0) == 1.5
    assert f(row(100, 0), 0.5, 1.5, INF) == np.float32(0.5)
    assert np.isnan(f(row(1, 0), 0.5, 1.5, NAN))
    assert f(row(-INF, NAN), 0.5, 1.5, 1.0) == 1.5


def test_joint_top_p_takes_the_mass_of_all():
    x = np.log(row(0.4, 0.3, 0.2, 0.1))
    few = reference.top_k(x, 3)
    assert survivors(reference.top_p(few, 0.72)) == [0, 1]  # 0.72 of 0.9
    assert survivors(reference.top_p(few, 0.72, full=x)) == [0, 1, 2]
    assert survivors(reference.top_p(few, 0.95, full=x)) == [0, 1, 2]


def test_ties_can_stay():
    x = row(3, 2, 2, 2, 1)
    assert survivors(reference.top_k(x, 2, keep_ties=True)) == [0, 1, 2, 3]
    assert survivors(reference.top_p(x, 0.6, keep_ties=True)) == [0, 1, 2, 3]
    assert survivors(reference.top_k(row(0.0, -0.0), 1, keep_ties=True)) == [0, 1]


def test_xtc_keeps_the_least_likely_of_the_top():
    x = np.log(row(0.3, 0.4, 0.3 - 1e-3, 1e-3))
    assert survivors(reference.xtc(x, 1.0, 0.1, 0)) == [2, 3]
    assert survivors(reference.xtc(row(1, 1, 1), 1.0, 0.1, 0)) == [2]
    assert survivors(reference.xtc(x, 1.0, 0.35, 0)) == [0, 1, 2, 3]
    # The chance is the 24 highest bits.
    assert survivors(reference.xtc(x, 0.5, 0.1, (1 << 63) - 1)) == [2, 3]


# Random123 1.14, tests/kat_vectors, threefry2x32 with 20 rounds.
@pytest.mark.parametrize(
    "counter, key, words",
    [
        ([0] * 2, [0] * 2, [0x6B200159, 0x99BA4EFE]),
        ([0xFFFFFFFF] * 2, [0xFFFFFFFF] * 2, [0x1CB996FC, 0xBB002BE7]),
        ([0x243F6A88, 0x85A308D3], [0x13198A2E, 0x03707344], [0xC4923A9C, 0x483DF7A0]),
    ],
)
def test_threefry(counter, key, words):
    assert generators.threefry(counter, key) == words
    arrays = [np.array([word, 7], np.uint64) for word in counter]
    assert [word[0] for word in generators.threefry(arrays, key)] == words


def test_murmur3_gives_the_words_of_vllm():
    """What vLLM 0.32's ``murmur3_hash32`` gives for seed 42, position 7."""
    known = [0x661EB28D, 0x860D65EC, 0x1F1CC266, 0x399E25CC]
    assert [generators.murmur3(42, 7, token) for token in range(4)] == known
    assert generators.murmur3(42, 7, np.arange(4, dtype=np.uint64)).tolist() == known


def test_lanes_are_counters():
    words = generators.philox([9, 4, 3, 2], [0xDDCCBBAA, 0x11223344])
    assert reference.random(0x11223344DDCCBBAA, 2, 3, 4, lane=9) == words[0] | words[1] << 32
    u = reference.noise(5, 0x11223344DDCCBBAA, 2, 3, 4)
    words = generators.philox([1 << 31 | 1, 4, 3, 2], [0xDDCCBBAA, 0x11223344])
    assert [int(v) for v in u[2:4]] == [
        words[0] | words[1] << 32 | 1,
        words[2] | words[3] << 32 | 1,
    ]


def test_log2_and_exp2():
    rng = np.random.default_rng(0)
    x = rng.integers(1 << 63, 1 << 64, 3000, dtype=np.uint64) >> rng.integers(0, 64, 3000).astype(
        np.uint64
    )
    ours = reference.log2(x).tolist()
    with localcontext() as context:
        context.prec = 50
        ln2 = Decimal(2).ln()
        for value, bits in zip(x.tolist(), ours, strict=True):
            assert abs(Decimal(bits) - Decimal(value).ln() / ln2 * (1 << 56)) < 4
    assert reference.log2(np.uint64(1) << np.arange(64, dtype=np.uint64)).tolist() == [
        e << 56 for e in range(64)
    ]
    assert reference.exp2(np.array([0, -1 << 24, -44 << 24, -45 << 24])).tolist() == [
        1 << 44,
        1 << 43,
        1,
        0,
    ]
    pairs = rng.integers(0, 1 << 64, (2, 500), dtype=np.uint64)
    products = [a * b >> 64 for a, b in zip(*pairs.tolist(), strict=True)]
    assert reference.mulhi(*pairs).tolist() == products


def test_picks_with_margins():
    pick = reference.greedy(row(1, 5, 3))
    assert (pick.token, pick.margin) == (1, 2)
    assert reference.greedy(row(1)).margin == INF and reference.greedy(row(1)).logprob == 0
    assert reference.greedy(row(INF, INF)).margin == 0
    assert reference.greedy(row(3e38, -3e38)).margin == INF
    pick = reference.draw(row(3, 3), 1 << 62)
    assert (pick.token, pick.margin) == (0, 0.25)
    assert abs(pick.logprob + math.log(2)) < 1e-7
    for empty in (row(), row(-INF), row(NAN)):
        for pick in (
            reference.greedy(empty),
            reference.draw(empty, 5),
            reference.gumbel(empty, 1, 2, 3, 4),
        ):
            flags = NO_CANDIDATE | SAW_NAN * bool(np.isnan(empty).any())
            assert pick[:2] == (-1, flags)
            assert np.isnan(pick.logprob) and np.isnan(pick.margin)


def test_gumbel_margin_is_the_gap_of_the_scores():
    x = normal(50, 3)
    u = reference.noise(50, 1, 2, 3, 4).astype(np.float64) / 2.0**64
    score = x.astype(np.float64) - np.log(-np.log(u))
    pick = reference.gumbel(x, 1, 2, 3, 4)
    order = np.argsort(-score)
    assert pick.token == order[0]
    assert abs(pick.margin - (score[order[0]] - score[order[1]])) < 1e-5
    assert reference.gumbel(row(-INF, 2), 1, 2, 3, 4)[::3] == (1, INF)


@pytest.mark.parametrize("generator", ["philox", "murmur3_vllm", "murmur3_sglang"])
def test_gumbel_draws_the_softmax(generator):
    """Chi-square of 6000 draws over 12 candidates: 11 degrees of freedom, p = 1e-6 at 53."""
    x = normal(12, 1, scale=1.0)
    n = 6000
    counts = np.zeros(12)
    for position in range(n):
        counts[reference.gumbel(x, 7, 0, 0, position, generator).token] += 1
    p = np.exp(x.astype(np.float64))
    expected = n * p / p.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 53


def test_noise_of_jax_gives_the_tokens_of_jax():
    jax = pytest.importorskip("jax")
    rows, vocab = 300, 40
    x = normal(rows * vocab, 5).reshape(rows, vocab)
    key = jax.random.key(123456789)
    high, low = (int(word) for word in jax.random.key_data(key))
    theirs = np.asarray(jax.random.categorical(key, x))
    ours = [reference.gumbel(r, high << 32 | low, 0, b, 0, "jax_threefry") for b, r in enumerate(x)]
    # Their float32 scores can differ where ours are this close.
    sure = [pick.margin > 1e-5 for pick in ours]
    assert sum(sure) > rows - 3
    assert_array_equal(np.array([pick.token for pick in ours])[sure], theirs[sure])


def test_noise_refuses_an_unknown_generator():
    with pytest.raises(ValueError, match="got 'mt19937'"):
        reference.noise(3, 1, 2, 3, 4, "mt19937")


def test_sixteen_bit_logits_are_exact():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    words = np.arange(1 << 16, dtype=np.uint16)
    assert_array_equal(
        reference.widen(words.view(ml_dtypes.bfloat16)),
        (words.astype(np.uint32) << 16).view(np.float32),
    )
    assert_array_equal(
        reference.widen(words.view(np.float16)), words.view(np.float16).astype(np.float64)
    )
