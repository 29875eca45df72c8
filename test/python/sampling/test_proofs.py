"""What the sampler claims, measured: bits, distribution, independence, batch invariance.

The numbers of the issue are behind ``pytest -m full -s``; a small version of
each runs always.
"""

import numpy as np
import pytest
from scipy import stats

import plait
from plait.sampling import ProductionSampler, Sampler, SamplingParams, SimpleTokenSampler, reference

full = pytest.mark.full
SPECIAL = np.array(
    [0, -0.0, 1, 1.0000001, -1, 88, 1e-45, -1e-45, 1e-39, 3e38, -3e38, -np.inf, np.inf, np.nan],
    np.float32,
)


# Bits: NumPy, JAX and native code.


def batch(rng, rows, vocab):
    """Logits of every kind, ties and denormals among them, and keys."""
    x = (rng.standard_normal((rows, vocab)) * 3).astype(np.float32)
    kind = rng.integers(0, 4, (rows, 1))
    x = np.where(kind == 1, np.round(x), x)
    x = np.where(kind == 2, x * np.float32(1e-39), x)
    special = (rng.random(x.shape) < 0.1) & (kind == 3)
    x[special] = rng.choice(SPECIAL, special.sum())
    key = {name: rng.integers(0, 2**32, rows, dtype=np.uint32) for name in ("position", "session")}
    return x, key["position"], key["session"]


def batched(x, t, k, p, bits):
    """The specification on whole batches, by its own integer functions; tokens int32 [B].

    Each row of ``t``, ``k`` and ``p`` is a valid parameter; t is not 0.
    """
    with np.errstate(all="ignore"):
        y = x / t[:, None]
        live = y > -np.inf
        order = np.argsort(np.where(np.isnan(y), np.inf, -y), axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(x.shape[1])[None], 1)
        live &= (rank < k[:, None]) | (k[:, None] <= 0)

        best = np.where(live, y, -np.inf).max(1, keepdims=True)
        z = np.where(y == best, np.float32(0), y - best) * np.float32(
            float.fromhex("0x1.715476p+0")
        )
        z = np.where(live, np.maximum(z, np.float32(-45)), np.float32(-45))
        w = np.where(live, reference.exp2(np.rint(z * np.float32(1 << 24)).astype(np.int64)), 0)
    w = w.astype(np.uint64)
    sorted_mass = np.cumsum(np.take_along_axis(w, order, 1), axis=1)
    total = sorted_mass[:, -1]
    share = np.array([int(float(max(v, 0)) * 2.0**64) if v < 1 else 0 for v in p], np.uint64)
    low = share * total
    target = np.maximum(reference.mulhi(share, total) + (low != 0), np.uint64(1))
    kept = (sorted_mass < target[:, None]).sum(1) + 1
    live &= (rank < kept[:, None]) | (p[:, None] >= 1)
    mass = np.cumsum(np.where(live, w, 0), axis=1)
    r = reference.mulhi(bits, mass[:, -1])
    token = (mass <= r[:, None]).sum(1)
    return np.where(live.any(1), token, reference.ERROR_INDEX).astype(np.int32)


def all_bits(seed, position, session):
    from plait.sampling.generators import philox

    position, session = position.astype(np.uint64), session.astype(np.uint64)
    zero = np.zeros_like(position)
    sequence = np.arange(len(position), dtype=np.uint64)
    words = (np.full_like(zero, seed & 0xFFFFFFFF), np.full_like(zero, seed >> 32))
    w = philox((zero, position, sequence, session), words)
    return w[0] | w[1] << np.uint64(32)


#: Temperature, k and p; a row has one of each.
GRID = np.array(
    [
        (t, k, p)
        for t in (1, 0.7, 1e-3, 1e-40, 3e38, 1.3)
        for k in (-1, 0, 1, 3, 33, 64, 2**31 - 1)
        for p in (-1, 0, 1e-9, 0.25, 0.9, 0.99999994, 1)
    ]
)


def compare_bits(rows, chunk, vocabularies, exact):
    """Draws ``rows`` tokens on each road, ``exact`` of a chunk by the specification itself.

    All of a chunk, or what checks :func:`batched`, which stands for it.
    """
    pytest.importorskip("jax")
    jax_road = ProductionSampler()
    rng = np.random.default_rng(rows)
    done = wrong = 0
    while done < rows:
        vocab = int(rng.choice(vocabularies))
        x, position, session = batch(rng, chunk, vocab)
        chosen, seed = rng.integers(len(GRID), size=chunk), int(rng.integers(2**63))
        t, k, p = (GRID[chosen, i].astype(d) for i, d in enumerate((np.float32, np.int32, "f4")))
        more = dict(
            temperature=t, top_k=k, top_p=p, seed=seed, position=position, session_id=session
        )
        requests = [
            SamplingParams(temperature=t, top_k=int(k), top_p=p, seed=seed)
            for t, k, p in GRID.tolist()
        ]
        sampler = Sampler(requests, vocab)
        key = dict(session_id=session, sequence_id=np.arange(chunk), rows=chosen)
        native = sampler(x, position, **key).tokens
        jax_tokens = np.asarray(jax_road.sample_simple(x, **more))
        numpy = SimpleTokenSampler.sample(
            x[:exact], t[:exact], seed, position[:exact], k[:exact], p[:exact], session[:exact]
        )
        if exact < chunk:
            fast = batched(x, t, k, p, all_bits(seed, position, session))
            wrong += int((fast[:exact] != numpy).sum())
            numpy = fast
        wrong += int((native != numpy).sum() + (jax_tokens != numpy).sum())
        done += chunk
    return done, wrong


def test_bits():
    assert compare_bits(2000, 1000, [5, 33], 200) == (2000, 0)


@full
def test_bits_of_ten_million_rows():
    done, wrong = compare_bits(10_000_000, 200_000, [1, 2, 3, 17, 32, 64], 500)
    print(f"\nV <= 64: {done} rows on NumPy, JAX and native code, {wrong} tokens differ")
    assert wrong == 0


@full
def test_bits_of_a_large_vocabulary():
    done, wrong = compare_bits(10_000, 50, [151936], 50)
    print(f"\nV = 151936: {done} rows on NumPy, JAX and native code, {wrong} tokens differ")
    assert wrong == 0


# Distribution.


def fixed_row(vocab=64):
    row = np.random.default_rng(3).standard_normal(vocab) * 1.5
    return row.astype(np.float32)


def count_draws(draws, pick, logprobs=False, chunk=1 << 17, **params):
    """How often each token of one row was drawn, over sequences and positions.

    Tokens alone are drawn by the fast road, with log-probabilities by the
    reference road.
    """
    row = fixed_row()
    x = np.broadcast_to(row, (chunk, row.size)).copy()
    params = SamplingParams(seed=2026, **params)
    sampler = Sampler(params, row.size, chunk, pick=pick, logprobs=logprobs)
    counts = np.zeros(row.size, np.int64)
    for position in range(-(-draws // chunk)):
        tokens = sampler(x, position).tokens
        counts += np.bincount(tokens, minlength=row.size)
    return counts


def power(draws, cells, level=1e-6, wanted=0.999):
    """The effect size w, sqrt(sum((p - q)**2 / q)), that is found with probability ``wanted``."""
    limit = stats.chi2.isf(level, cells - 1)
    low, high = 0.0, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        found = stats.ncx2.sf(limit, cells - 1, middle) >= wanted
        low, high = (low, middle) if found else (middle, high)
    return float(np.sqrt(high / draws))


def chi_square(counts, probabilities):
    return stats.chisquare(counts, probabilities * counts.sum()).pvalue


def softmax64(row, t=1.0):
    e = np.exp((row.astype(np.float64) - row.max()) / t)
    return e / e.sum()


ROADS = [("draw", False), ("draw", True), ("philox", False)]


@pytest.mark.parametrize("pick, logprobs", ROADS)
def test_distribution(pick, logprobs):
    counts = count_draws(1 << 17, pick, logprobs, temperature=0.5)
    assert chi_square(counts, softmax64(fixed_row(), 0.5)) > 1e-6


@full
@pytest.mark.parametrize("pick, logprobs", ROADS)
def test_distribution_of_ten_million_draws(pick, logprobs):
    counts = count_draws(10_000_000, pick, logprobs)
    p, w = chi_square(counts, softmax64(fixed_row())), power(counts.sum(), 64)
    print(
        f"\n{pick}{', log-probabilities' * logprobs}: {counts.sum()} draws against the float64 "
        f"softmax, p = {p:.3f}; w = {w:.1e} is found with probability 0.999 at level 1e-6"
    )
    assert p > 1e-6


@full
def test_distribution_of_survivors():
    """Top-k then top-p: the mass of the survivors, renormalised, in float64."""
    counts = count_draws(10_000_000, "draw", top_k=20, top_p=0.8)
    p64 = softmax64(fixed_row())
    order = np.argsort(-p64)[:20]
    kept = order[: np.searchsorted(np.cumsum(p64[order]) / p64[order].sum(), 0.8) + 1]
    assert set(np.flatnonzero(counts)) == set(kept.tolist())
    p = chi_square(counts[kept], p64[kept] / p64[kept].sum())
    print(f"\ntop-k 20, top-p 0.8: {len(kept)} survivors, {counts.sum()} draws, p = {p:.3f}")
    assert p > 1e-6


def independence(draws, chunk=1 << 17, bins=16):
    """p of a contingency table of neighbouring keys, for each part of the key and the seed."""
    x, even = np.zeros((chunk, bins), np.float32), 2 * np.arange(chunk)
    samplers = {seed: Sampler(SamplingParams(seed=seed), bins) for seed in (11, 12)}

    def draw(seed, **key):
        return samplers[seed](x, **key).tokens

    results = {}
    for part in ("seed", "session_id", "sequence_id", "position"):
        table = np.zeros((bins, bins))
        for block in range(-(-draws // chunk)):
            key = dict(seed=11, session_id=5, position=block)
            if part == "sequence_id":
                key[part] = even
            pairs = draw(**key) * bins + draw(**{**key, part: key[part] + 1})
            table += np.bincount(pairs, minlength=bins**2).reshape(bins, bins)
        results[part] = stats.chi2_contingency(table, correction=False).pvalue
    return results


def test_keys_are_independent():
    assert min(independence(1 << 17).values()) > 1e-6


@full
def test_keys_are_independent_over_ten_million_pairs():
    results = independence(10_000_000)
    w = power(10_000_000, 15 * 15 + 1)
    print(f"\nneighbouring keys, 16 x 16: p = {results}; w = {w:.1e} is found")
    assert min(results.values()) > 1e-6


# Batch invariance.


def placements(count, vocab, requests=64):
    """Draws ``count`` rows in random batches; how many tokens are not what they are alone."""
    rng = np.random.default_rng(vocab)
    params = [
        SamplingParams(
            temperature=float(rng.choice([0, 0.7, 1, 1.4])), top_k=int(rng.choice([0, 1, 5, 50])),
            top_p=float(rng.choice([1, 0.9, 0.5])), min_p=float(rng.choice([0, 0.05])),
            frequency_penalty=float(rng.choice([0, 0.3])), seed=int(rng.integers(2**63)),
        )
        for _ in range(requests)
    ]  # fmt: skip
    sampler = Sampler(params, vocab)
    x = (rng.standard_normal((requests, vocab)) * 3).astype(np.float32)
    x[::3] = np.round(x[::3])
    position = rng.integers(0, 2**32, requests)
    output = rng.integers(0, min(vocab, 50), (requests, 20))
    alone = np.array(
        [
            sampler(x[i : i + 1], position[i], output=output[i : i + 1], rows=[i]).tokens[0]
            for i in range(requests)
        ]
    )
    exact = sampler.specification(x, position, output=output).tokens
    changed, done = int((alone != exact).sum()), 0
    while done < count:
        rows = rng.permutation(requests)[: rng.integers(1, requests + 1)]
        plait.set_num_threads(int(rng.integers(1, 3)))
        tokens = sampler(x[rows], position[rows], output=output[rows], rows=rows).tokens
        changed += int((tokens != alone[rows]).sum())
        done += len(rows)
    return done, changed


def test_batch_invariance():
    done, changed = placements(2000, 300)
    assert done >= 2000 and changed == 0


@full
@pytest.mark.parametrize("vocab", [1000, 32000])
def test_batch_invariance_of_a_hundred_thousand_rows(vocab):
    done, changed = placements(100_000, vocab)
    print(f"\nV = {vocab}: {done} random placements, {changed} tokens changed")
    assert changed == 0
