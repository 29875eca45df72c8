"""The sampler's specification: what every backend must compute, bit for bit.

Plain NumPy, one row at a time, written to be read from top to bottom. A chain
is the composition of these functions in the caller's order, for example::

    row = widen(logits)                                # float16, bfloat16: exact
    row = temperature(row, 0.8)
    row = top_p(top_k(row, 50), 0.9)
    pick = draw(row, random(seed, session, sequence, position))

A row is float32 [V]. A logit is a *candidate* unless it is -inf (removed) or
NaN. Candidates are totally ordered: greater value first, then lower index,
and -0.0 equals +0.0. A NaN stays NaN through a chain and is reported by the
pick. A parameter that is NaN removes every candidate of its row, so that the
row ends in the error index.

Floats appear only in single, correctly rounded operations (NumPy neither
fuses nor reorders them). Everything that is summed or compared to a sum is an
integer, so no backend, batch, tile or thread count can change a token.
"""

from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np

from plait.sampling.generators import murmur3, philox, threefry

#: Flags of a pick: the row held a NaN; the row had no candidate.
SAW_NAN, NO_CANDIDATE = 1, 2
#: The token of a row without candidates.
ERROR_INDEX = -1
#: Vocabularies are smaller, so that sums of weights fit in 64 bits.
VOCAB_LIMIT = 1 << 20
#: The weight of the best candidate: weights are Q44.
UNIT = 1 << 44

_INF = np.float32(np.inf)
_LOG2E = np.float32(float.fromhex("0x1.715476p+0"))
_FLOOR = np.float32(-45)


# Integer arithmetic. Qn is a number times 2**n.


def mulhi(a, b) -> np.ndarray:
    """The high 64 bits of the 128-bit products of uint64 ``a`` and ``b``."""
    a, b = np.asarray(a, np.uint64), np.asarray(b, np.uint64)
    low = np.uint64(0xFFFFFFFF)
    a1, a0, b1, b0 = a >> 32, a & low, b >> 32, b & low
    middle = a1 * b0 + (a0 * b0 >> 32)
    rest = a0 * b1 + (middle & low)
    return a1 * b1 + (middle >> 32) + (rest >> 32)


#: 2**(i/64) in Q30.
_EXP2 = np.rint(np.exp2(np.arange(64) / 64) * (1 << 30)).astype(np.uint64)


def exp2(t) -> np.ndarray:
    """``2**t`` as Q44 in uint64, for int64 ``t <= 0`` in Q24 (from -45 on)."""
    t = np.asarray(t, np.int64)
    shift = (-(t >> 24)).astype(np.uint64)
    fraction = (t & 0xFFFFFF).astype(np.uint64)
    x = (fraction & 0x3FFFF) << 8  # Q32, below 2**-6
    a = x * np.uint64(2977044472) >> 32  # x * ln 2
    b = a * a >> 32
    c = b * a >> 32
    e = a + (b >> 1) + (c * np.uint64(715827883) >> 32)  # 2**x - 1
    base = _EXP2[fraction >> 18]
    return (base + (base * e >> 32)) << 14 >> shift


def _log2_tables():
    """1/(1 + i/128) in Q63, rounded up; minus its log2 in Q56; log2(e)/k in Q62."""
    inverse = [-(-(1 << 70) // (128 + i)) for i in range(128)]
    with localcontext() as context:
        context.prec = 50
        ln2 = Decimal(2).ln()
        tables = (
            inverse,
            [round(-(Decimal(c) / (1 << 63)).ln() / ln2 * (1 << 56)) for c in inverse],
            [round((1 << 62) / ln2 / k) for k in range(1, 8)],
        )
    return (np.array(table, np.uint64) for table in tables)


_INVERSE, _LOG2, _SERIES = _log2_tables()


def log2(x) -> np.ndarray:
    """``log2(x)`` as Q56 in int64, for uint64 ``x`` from 1 on; within 2**-54."""
    m = np.asarray(x, np.uint64)
    exponent = np.full(m.shape, 63, np.int64)
    for step in (32, 16, 8, 4, 2, 1):  # count leading zeros and shift them out
        small = m < np.uint64(1 << 64 - step)
        m = np.where(small, m << step, m)
        exponent -= step * small
    # m is Q63 in [1, 2). f = m / (1 + i/128) - 1 is below 2**-7, in Q64.
    i = m >> 56 & 127
    f = (mulhi(m, _INVERSE[i]) - np.uint64(1 << 62)) << 2
    p = _SERIES[6]
    for k in (5, 4, 3, 2, 1, 0):  # log2(1 + f) = (f - f**2/2 + ... + f**7/7) log2(e)
        p = _SERIES[k] - mulhi(f, p)
    return (exponent << 56) + (_LOG2[i] + (mulhi(f, p) >> 6)).astype(np.int64)


def _share(p, total: int) -> int:
    """``ceil(p * total)``, with float32 ``p`` clamped to [0, 1] and rounded down to Q64."""
    if p >= 1:
        return total
    fixed = int(float(max(p, np.float32(0))) * 2.0**64)
    return -(-fixed * total >> 64)


# Candidates and their weights.


def widen(row) -> np.ndarray:
    """float16, bfloat16 (of ``ml_dtypes``) or float32 logits as float32; exact."""
    return np.asarray(row).astype(np.float32)


def candidates(row: np.ndarray) -> np.ndarray:
    """The indices of the candidates of ``row``, best first."""
    order = np.argsort(-row, kind="stable")  # NaN sorts last, and is dropped
    return order[row[order] > -_INF]


def fixed(row: np.ndarray) -> np.ndarray:
    """``log2(e) * (row - best)`` in Q24, int64 [V], clamped to -45.

    Candidates of +inf are 0, and then all others -45.
    """
    live = row > -_INF
    if not live.any():
        return np.full(row.shape, -45 << 24, np.int64)
    best = row[live].max()
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(row == best, np.float32(0), row - best)
        z = difference * _LOG2E
    z = np.where(z > _FLOOR, z, _FLOOR)
    return np.rint(z * np.float32(1 << 24)).astype(np.int64)  # ties to even


def weights(row: np.ndarray) -> np.ndarray:
    """The weights, uint64 [V], of ``row``: ``exp(row - best)`` in Q44.

    Removed logits weigh 0, the best candidate exactly 2**44. Candidates of
    +inf weigh 2**44 each, and then no other weighs anything.
    """
    return np.where(row > -_INF, exp2(fixed(row)), np.uint64(0))


def _total(mass: np.ndarray) -> int:
    return int(mass.sum(dtype=np.uint64))


def _mean(row: np.ndarray) -> int:
    """The mean of ``-fixed(row)`` by weight, in Q24: entropy less log2 of the mass.

    0 if there is no candidate.
    """
    w = weights(row)
    total = _total(w)
    if not total:
        return 0
    # Each product in Q44, so that the sum fits; then 34 bits of the divisor.
    moment = _total(mulhi(w << 16, (-fixed(row)).astype(np.uint64) << 24))
    shift = total.bit_length() - 34
    return ((moment >> shift) << 24) // (total >> shift)


# Processors: float32 [V] to float32 [V].


def _only(row, kept):
    """``row`` with every candidate outside the indices (or mask) ``kept`` removed."""
    result = np.where(np.isnan(row), row, -_INF)
    result[kept] = row[kept]
    return result


def _change(row, where, changed):
    """``row`` with its candidates at the mask ``where`` changed."""
    return np.where((row > -_INF) & where, changed, row)


def _weighing(row, least: int):
    """``row`` without the candidates that weigh less than ``least``; the best stays."""
    return _only(row, (row > -_INF) & (weights(row) >= np.uint64(min(least, UNIT))))


def logit_bias(row, ids, values) -> np.ndarray:
    """Adds ``values`` float32 [N] at ``ids`` int32 [N], in the order of the list.

    Ids outside the vocabulary do nothing; -1 is the padding.
    """
    result = row.copy()
    for i, value in zip(ids, np.asarray(values, np.float32), strict=True):
        if 0 <= i < row.size and result[i] > -_INF:
            with np.errstate(over="ignore", invalid="ignore"):
                result[i] = result[i] + value
    return result


def allow(row, ids) -> np.ndarray:
    """Keeps the candidates in ``ids`` int32 [N]; -1 is padding, and only padding is off."""
    listed = [i for i in ids if 0 <= i < row.size]
    return row if all(i == -1 for i in ids) else _only(row, np.array(listed, int))


def ban(row, ids) -> np.ndarray:
    """Removes the candidates in ``ids`` int32 [N]; ids outside the vocabulary do nothing."""
    return _only(row, ~np.isin(np.arange(row.size), ids))


def bitmask(row, words) -> np.ndarray:
    """Keeps candidate v where bit v % 32 of ``words[v // 32]`` int32 is 1 (xgrammar)."""
    v = np.arange(row.size)
    return _only(row, np.asarray(words, np.int32)[v // 32] >> (v % 32) & 1 == 1)


def count(tokens, vocab: int) -> np.ndarray:
    """How often each token is in ``tokens`` int32 [L]; others than 0 to V-1 do not count."""
    tokens = np.asarray(tokens)
    inside = tokens[(tokens >= 0) & (tokens < vocab)]
    return np.bincount(inside, minlength=vocab).astype(np.int32)


def repetition_penalty(row, penalty, output, prompt=None, reciprocal=False) -> np.ndarray:
    """Divides positive logits of seen tokens by ``penalty`` and multiplies the others.

    ``output`` and ``prompt`` are counts int32 [V]; a token is seen if either
    is positive. ``reciprocal`` multiplies by 1/penalty, as vLLM does. A
    penalty that is not finite and positive removes every candidate.
    """
    penalty = np.float32(penalty)
    if not 0 < penalty < _INF:
        return _only(row, [])
    seen = output > 0 if prompt is None else (output > 0) | (prompt > 0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        less = row * (np.float32(1) / penalty) if reciprocal else row / penalty
        return _change(row, seen, np.where(row > 0, less, row * penalty))


def presence_penalty(row, penalty, counts) -> np.ndarray:
    """``row - penalty`` where ``counts`` int32 [V] is positive.

    A penalty that is not finite removes every candidate.
    """
    penalty = np.float32(penalty)
    return _change(row, counts > 0, row - penalty) if np.isfinite(penalty) else _only(row, [])


def frequency_penalty(row, penalty, counts) -> np.ndarray:
    """``row - penalty * counts``, rounded twice, where ``counts`` int32 [V] is positive.

    A penalty that is not finite removes every candidate.
    """
    penalty = np.float32(penalty)
    if not np.isfinite(penalty):
        return _only(row, [])
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return _change(row, counts > 0, row - penalty * counts.astype(np.float32))


def _history(tokens) -> list[int]:
    """``tokens`` up to the last that is not negative. A negative one equals nothing."""
    tokens = [int(token) if token >= 0 else None for token in tokens]
    while tokens and tokens[-1] is None:
        tokens.pop()
    return tokens


def _repeats(history: list, end: int) -> int:
    """How many tokens before ``end`` equal those at the history's end, one by one."""
    n = 0
    while n < end and history[end - 1 - n] is not None and history[end - 1 - n] == history[-1 - n]:
        n += 1
    return n


def no_repeat_ngram(row, tokens, n: int) -> np.ndarray:
    """Removes what would complete an n-gram that ``tokens`` int32 [L] holds; ``n <= 0`` is off."""
    if n <= 0:
        return row
    history = _history(tokens)
    ends = [end for end in range(n - 1, len(history)) if _repeats(history, end) >= n - 1]
    return ban(row, [history[end] for end in ends if history[end] is not None])


def dry(row, tokens, breakers, multiplier, base, allowed: int) -> np.ndarray:
    """Subtracts ``multiplier * base**(n - allowed)`` from what would extend a repeat.

    ``n`` is the length of the longest repeat in ``tokens`` int32 [L] that the
    token would extend: as many tokens as before it stand at the end, and none
    of them is in ``breakers`` int32 [K]. Repeats shorter than ``allowed`` are
    free. The power is a product from left to right that stops before it
    overflows. A multiplier of 0 or a base below 1 is off (llama.cpp's rules).
    """
    multiplier, base = np.float32(multiplier), np.float32(base)
    if np.isnan(multiplier) or np.isnan(base):
        return _only(row, [])
    history, allowed = _history(tokens), max(int(allowed), 0)
    breaks = [i for i, token in enumerate(history) if token in set(map(int, breakers))]
    limit = len(history) - 1 - breaks[-1] if breaks else len(history)
    longest = np.full(row.size, -1)
    for end in range(1, len(history)):
        n, token = min(_repeats(history, end), limit), history[end]
        if n >= allowed and token is not None and token < row.size:
            longest[token] = max(longest[token], n)
    if multiplier == 0 or base < 1:
        return row
    powers = [np.float32(1)]
    with np.errstate(over="ignore", invalid="ignore"):
        while len(powers) <= longest.max(initial=0):
            power = powers[-1] * base
            powers.append(power if power < _INF else powers[-1])
        penalty = multiplier * np.array(powers)[np.maximum(longest - allowed, 0)]
        return _change(row, longest >= 0, row - penalty)


def temperature(row, t) -> np.ndarray:
    """``row / t`` in float32. ``t == 0``: the best candidate alone.

    A ``t`` that is negative, infinite or NaN removes every candidate.
    """
    t = np.float32(t)
    if 0 < t < _INF:
        with np.errstate(over="ignore", under="ignore"):
            return row / t
    return _only(row, candidates(row)[: 1 if t == 0 else 0])


def dynamic_temperature(row, low, high, exponent) -> np.float32:
    """The temperature of ``row``: ``low + (high - low) * (entropy / greatest)**exponent``.

    The greatest entropy is the log2 of the number of candidates; an entropy
    below 2**-24 counts as that. ``high`` if there are fewer than two
    candidates. llama.cpp's ``temp_ext`` (where low = max(0, t - range), high
    = t + range).
    """
    low, high, exponent = np.float32(low), np.float32(high), np.float32(exponent)
    n = int((row > -_INF).sum())
    if n < 2:
        return high
    entropy = int(log2(_total(weights(row))) >> 32) - (44 << 24) + _mean(row)
    ratio = min(int(log2(max(entropy, 1)) - log2(int(log2(n)) >> 32)), 0)  # log2, Q56
    with np.errstate(invalid="ignore", over="ignore"):
        z = exponent * (np.int64(ratio).astype(np.float32) * np.float32(2.0**-56))
        z = min(max(z, _FLOOR), np.float32(0)) if not np.isnan(exponent) else exponent
        if np.isnan(z):
            return z
        power = exp2(np.rint(z * np.float32(1 << 24)).astype(np.int64)).astype(np.float32)
        return low + (high - low) * (power * np.float32(2.0**-44))


def _prefix(row, order, kept: int, keep_ties: bool):
    """The first ``kept`` of ``order``, and with ``keep_ties`` all equal to the last."""
    if keep_ties and 0 < kept < order.size:
        return _only(row, row >= row[order[kept - 1]])
    return _only(row, order[:kept])


def top_k(row, k: int, keep_ties=False) -> np.ndarray:
    """The ``k`` best candidates, exactly; all of them for ``k <= 0``.

    ``keep_ties`` also keeps those equal in value to the k-th.
    """
    order = candidates(row)
    return _prefix(row, order, k if k > 0 else order.size, keep_ties)


def top_p(row, p, full=None, keep_ties=False) -> np.ndarray:
    """The shortest best prefix with mass >= ceil(p * total), at least one.

    The mass is that of the candidates of ``row``; with ``full`` it is that of
    the row ``full`` (the softmax before other filters), and all stay if they
    do not reach it. ``p >= 1`` keeps all. ``keep_ties`` also keeps those equal
    in value to the last.
    """
    p = np.float32(p)
    if p >= 1:
        return row
    if np.isnan(p):
        return _only(row, [])
    order = candidates(row)
    mass = weights(row if full is None else full)
    target = max(_share(p, _total(mass)), 1)
    kept = int(np.searchsorted(np.cumsum(mass[order]), np.uint64(target), side="left")) + 1
    return _prefix(row, order, kept, keep_ties)


def min_p(row, p) -> np.ndarray:
    """The candidates that weigh at least ``p`` times the best; ``p <= 0`` is off."""
    p = np.float32(p)
    if np.isnan(p):
        return _only(row, [])
    return _weighing(row, _share(p, UNIT)) if p > 0 else row


def typical_p(row, p) -> np.ndarray:
    """The shortest prefix with mass >= ceil(p * total), the most typical first.

    Less typical is what is farther from the mean of ``fixed(row)`` (whose
    distance to a candidate is that of its surprise to the entropy), then what
    has the higher index. At least one stays; ``p >= 1`` is off.
    """
    p = np.float32(p)
    if p >= 1:
        return row
    if np.isnan(p):
        return _only(row, [])
    w = weights(row)
    distance = np.abs(fixed(row) + _mean(row))
    order = np.argsort(distance, kind="stable")
    order = order[row[order] > -_INF]
    target = max(_share(p, _total(w)), 1)
    kept = int(np.searchsorted(np.cumsum(w[order]), np.uint64(target), side="left")) + 1
    return _only(row, order[:kept])


def top_n_sigma(row, n) -> np.ndarray:
    """The candidates within ``n`` standard deviations of the best; ``n <= 0`` is off.

    The deviation is the candidates', with distances to the best counted in
    steps of 2**-12 up to 1024.
    """
    n = np.float32(n)
    if np.isnan(n):
        return _only(row, [])
    live = row > -_INF
    if n <= 0 or n == _INF or not live.any():
        return row
    best = row[live].max()
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.where(row == best, np.float32(0), best - row)
    steps = np.where(distance < np.float32(1024), distance, np.float32(1024))
    steps = np.rint(steps[live] * np.float32(1 << 12)).astype(np.int64)
    deviation = np.abs(steps - steps.sum() // steps.size).astype(np.uint64)
    variance = np.uint64(_total(deviation * deviation) // steps.size).astype(np.float32)
    with np.errstate(over="ignore"):
        return _only(row, live & (distance <= n * (np.sqrt(variance) * np.float32(2.0**-12))))


def xtc(row, probability, threshold, bits: int) -> np.ndarray:
    """With ``probability``, removes all top choices except the least likely of them.

    Top choices have a share of at least ``threshold`` in the mass; above 0.5
    it is off. ``bits`` are 64 random ones, of lane 1.
    """
    probability, threshold = np.float32(probability), np.float32(threshold)
    if np.isnan(probability) or np.isnan(threshold):
        return _only(row, [])
    chance = np.float32(int(bits) >> 40) * np.float32(2.0**-24)
    if threshold > 0.5 or not chance < probability:
        return row
    order, w = candidates(row), weights(row)
    top = order[w[order] >= np.uint64(_share(threshold, _total(w)))]
    return _only(row, ~np.isin(np.arange(row.size), top[:-1]))


def epsilon(row, e) -> np.ndarray:
    """The candidates with a probability of at least ``e``, and the best; ``e <= 0`` is off."""
    e = np.float32(e)
    if np.isnan(e):
        return _only(row, [])
    return _weighing(row, _share(e, _total(weights(row)))) if e > 0 else row


def eta(row, e) -> np.ndarray:
    """Those with a probability of at least ``min(e, sqrt(e) * exp(-entropy))``, and the best.

    ``e <= 0`` is off. The mass times exp(-entropy) is 2**-mean of ``fixed``.
    """
    e = np.float32(e)
    if np.isnan(e):
        return _only(row, [])
    if e <= 0:
        return row
    typical = _share(np.sqrt(e), int(exp2(-_mean(row))))
    return _weighing(row, min(_share(e, _total(weights(row))), typical))


# Random bits.


def random(seed: int, session: int, sequence: int, position: int, lane: int = 0) -> int:
    """64 bits; ``seed`` has 64 bits, the ids 32. Lane 0 is the draw's, 1 that of :func:`xtc`."""
    words = philox((lane, position, sequence, session), (seed & 0xFFFFFFFF, seed >> 32))
    return words[0] | words[1] << 32


def noise(vocab, seed, session, sequence, position, generator="philox") -> np.ndarray:
    """A uniform number in Q64, uint64 [V], for every token.

    * ``philox``: 64 bits, counter (2**31 | v >> 1, position, sequence, session).
    * ``murmur3_vllm``, ``murmur3_sglang``: the 32-bit hash of (seed, position,
      token), which vLLM takes from 1 down and SGLang from 0 up.
    * ``jax_threefry``: 23 bits as ``jax.random.categorical(key, logits[B, V])``
      takes them for row ``sequence``; the key is (seed >> 32, seed & 0xffffffff).
    """
    v = np.arange(vocab, dtype=np.uint64)
    words = (seed & 0xFFFFFFFF, seed >> 32)
    if generator == "philox":
        w = philox((1 << 31 | v >> 1, position, sequence, session), words)
        odd = v & 1 == 1
        return np.where(odd, w[2], w[0]) | np.where(odd, w[3], w[1]) << 32 | 1
    if generator == "jax_threefry":
        counter = v + np.uint64(sequence * vocab)
        x, y = threefry((counter >> 32, counter & 0xFFFFFFFF), words[::-1])
        return (x ^ y) >> 9 << 41
    h = murmur3(seed, position, v)
    if generator == "murmur3_vllm":  # u = (h + 1/2) / 2**32, the noise is that of 1 - u
        return ((1 << 33) - 1 - 2 * h) << 31
    if generator == "murmur3_sglang":  # u = h / (2**32 - 1), 1 - 2**-32 at the most
        return np.minimum(h << 32 | h, np.uint64((1 << 64) - (1 << 32)))
    raise ValueError(f"expects a generator of plait.sampling, got {generator!r}")


# Picks.


class Pick(NamedTuple):
    """A token, its flags, its log-probability and how safe it is.

    Attributes:
        token: the index, or ERROR_INDEX.
        flags: the sum of SAW_NAN and NO_CANDIDATE, as they hold.
        logprob: float32, in nats, under the row that was picked from.
        margin: float32; how far the decision was from another token. What is
            measured depends on the pick. Both are NaN for ERROR_INDEX.
    """

    token: int
    flags: int
    logprob: np.float32
    margin: np.float32


def _nats(bits: int) -> np.float32:
    """Q32 bits as float32 nats."""
    return np.int64(bits).astype(np.float32) * np.float32(np.log(2) * 2.0**-32)


def _pick(row, token: int, margin) -> Pick:
    flags = SAW_NAN * bool(np.isnan(row).any())
    if token == ERROR_INDEX:
        return Pick(token, flags | NO_CANDIDATE, np.float32(np.nan), np.float32(np.nan))
    mass = (int(log2(_total(weights(row)))) >> 24) - (44 << 32)
    return Pick(token, flags, _nats((int(fixed(row)[token]) << 8) - mass), margin)


def draw(row, bits: int) -> Pick:
    """The first index whose prefix sum of weights exceeds r = mulhi(bits, total).

    The margin is the distance from r to the nearer end of the token's
    interval, as a share of the total.
    """
    mass = np.cumsum(weights(row))
    if not mass.size or not mass[-1]:
        return _pick(row, ERROR_INDEX, None)
    r = int(bits) * int(mass[-1]) >> 64
    token = int(np.searchsorted(mass, np.uint64(r), side="right"))
    below, above = (int(mass[token - 1]) if token else 0), int(mass[token])
    distance = np.uint64(min(r - below, above - 1 - r))
    return _pick(row, token, distance.astype(np.float32) / mass[-1].astype(np.float32))


def greedy(row) -> Pick:
    """The best candidate. The margin is what the next one lacks, +inf if there is none."""
    order = candidates(row)
    if not order.size:
        return _pick(row, ERROR_INDEX, None)
    if order.size == 1:
        return _pick(row, int(order[0]), _INF)
    best, second = row[order[:2]]
    with np.errstate(over="ignore"):
        return _pick(row, int(order[0]), np.float32(0) if best == second else best - second)


def gumbel(row, seed, session, sequence, position, generator="philox", by_place=False) -> Pick:
    """The candidate with the greatest score ``fixed - log2(-log2(u))``, u of :func:`noise`.

    The same distribution as :func:`draw`, by one noise per token. The scores
    are Q32; ties go to the lower index, and what weighs nothing is not drawn.
    The margin is what the next score lacks, in nats; +inf if there is none.
    ``by_place`` counts noise, and decides ties, by the place in the order of
    :func:`candidates` instead of the index.
    """
    u = noise(row.size, seed, session, sequence, position, generator)
    e = np.where(u > 0, (64 << 56) - log2(np.maximum(u, 1)), 126 << 56)  # -log2(u), Q56
    g = (56 << 56) - log2(np.maximum(e, 1).astype(np.uint64))
    order = candidates(row) if by_place else np.arange(row.size)
    places = np.flatnonzero(weights(row)[order])
    if not places.size:
        return _pick(row, ERROR_INDEX, None)
    live = order[places]
    score = (fixed(row)[live] << 8) + (g[places] >> 24)
    best = int(score.argmax())
    others = np.delete(score, best)
    margin = _nats(score[best] - others.max()) if others.size else _INF
    return _pick(row, int(live[best]), margin)
