"""The sampler's specification: what every backend must compute, bit for bit.

Plain NumPy, row by row, written to be read. Logits are float32, one row per
draw. A logit is a *candidate* unless it is -inf (removed) or NaN. Candidates
are totally ordered: greater value first, then lower index, and -0.0 equals
+0.0. A chain is the composition of the functions below in the caller's order,
usually ``draw(top_p(top_k(temperature(row, t), k), p), bits)``.

Floats appear only in single, correctly rounded operations (NumPy neither
fuses nor reorders them). Everything that is summed or compared to a sum is an
integer, so no backend, batch, tile or thread count can change a token.
"""

import numpy as np

#: Flags of a pick: the row held a NaN; the row had no candidate.
SAW_NAN, NO_CANDIDATE = 1, 2
#: The token of a row without candidates.
ERROR_INDEX = -1
#: Vocabularies are smaller, so that sums of weights fit in 64 bits.
VOCAB_LIMIT = 1 << 20

_LOG2E = np.float32(float.fromhex("0x1.715476p+0"))
#: 2**(i/64) in Q30.
_EXP2 = np.rint(np.exp2(np.arange(64) / 64) * (1 << 30)).astype(np.uint64)
_U64 = (1 << 64) - 1


# Candidates and their weights.


def candidates(row: np.ndarray) -> np.ndarray:
    """The indices of the candidates of float32 ``row`` [V], best first."""
    order = np.argsort(-row, kind="stable")  # NaN sorts last, and is dropped
    return order[row[order] > -np.inf]


def weights(row: np.ndarray) -> np.ndarray:
    """The weights, uint64 [V], of float32 ``row`` [V]: 2**44 * exp(row - max).

    Removed logits weigh 0, the best candidate exactly 2**44. Candidates of
    +inf weigh 2**44 each, and then no other weighs anything.
    """
    live = row > -np.inf
    if not live.any():
        return np.zeros(row.shape, np.uint64)
    best = row[live].max()
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(row == best, np.float32(0), row - best)
        z = difference * _LOG2E
    z = np.where(z > np.float32(-45), z, np.float32(-45))
    t = np.rint(z * np.float32(1 << 24)).astype(np.int64)  # Q8.24, ties to even

    shift = (-(t >> 24)).astype(np.uint64)
    fraction = (t & 0xFFFFFF).astype(np.uint64)
    x = (fraction & 0x3FFFF) << 8  # Q32, below 2**-6
    a = x * np.uint64(2977044472) >> 32  # x * ln 2
    b = a * a >> 32
    c = b * a >> 32
    e = a + (b >> 1) + (c * np.uint64(715827883) >> 32)  # 2**x - 1
    base = _EXP2[fraction >> 18]
    w = (base + (base * e >> 32)) << 14 >> shift
    return np.where(live, w, np.uint64(0))


# Processors: float32 [V] to float32 [V]. NaN stays NaN, removed becomes -inf.


def _only(row, kept):
    """``row`` with every candidate outside the indices ``kept`` removed."""
    result = np.where(np.isnan(row), row, np.float32(-np.inf))
    result[kept] = row[kept]
    return result


def temperature(row: np.ndarray, t: float) -> np.ndarray:
    """``row / t`` in float32. ``t == 0``: the best candidate alone.

    A ``t`` that is negative, infinite or NaN removes every candidate.
    """
    t = np.float32(t)
    if 0 < t < np.inf:
        with np.errstate(over="ignore", under="ignore"):
            return row / t
    return _only(row, candidates(row)[: 1 if t == 0 else 0])


def top_k(row: np.ndarray, k: int) -> np.ndarray:
    """The ``k`` best candidates, exactly; all of them for ``k <= 0``."""
    return _only(row, candidates(row)[: k if k > 0 else None])


def top_p(row: np.ndarray, p: float) -> np.ndarray:
    """The shortest best prefix with mass >= ceil(p * total), at least one.

    ``p >= 1`` keeps all; a NaN removes every candidate.
    """
    p = np.float32(p)
    if p >= 1:
        return row
    if np.isnan(p):
        return _only(row, [])
    order = candidates(row)
    mass = np.cumsum(weights(row)[order])
    total = int(mass[-1]) if mass.size else 0
    fixed = int(float(max(p, np.float32(0))) * 2.0**64)  # Q64
    target = -(-fixed * total >> 64)  # ceil
    kept = int(np.searchsorted(mass, np.uint64(target), side="left")) + 1
    return _only(row, order[:kept])


# Picks: (token, flags).


def _flags(row, token):
    return SAW_NAN * bool(np.isnan(row).any()) | NO_CANDIDATE * (token == ERROR_INDEX)


def draw(row: np.ndarray, bits: int) -> tuple[int, int]:
    """The first index whose prefix sum of weights exceeds mulhi(bits, total)."""
    mass = np.cumsum(weights(row))
    total = int(mass[-1]) if mass.size else 0
    token = ERROR_INDEX
    if total:
        token = int(np.searchsorted(mass, np.uint64(int(bits) * total >> 64), side="right"))
    return token, _flags(row, token)


def greedy(row: np.ndarray) -> tuple[int, int]:
    """The best candidate."""
    order = candidates(row)
    token = int(order[0]) if order.size else ERROR_INDEX
    return token, _flags(row, token)


# Random bits.


def philox(counter, key) -> list[int]:
    """Philox4x32-10: four 32-bit words of counter, two of key, to four words.

    J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11.
    """
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (b >> 32) ^ c1 ^ k0,
            b & 0xFFFFFFFF,
            (a >> 32) ^ c3 ^ k1,
            a & 0xFFFFFFFF,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return [c0, c1, c2, c3]


def random(seed: int, session: int, sequence: int, position: int) -> int:
    """The 64 bits of one draw; ``seed`` has 64 bits, the ids have 32."""
    words = philox((0, position, sequence, session), (seed & 0xFFFFFFFF, seed >> 32))
    return words[0] | words[1] << 32
