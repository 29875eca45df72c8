"""The sampler as a function of JAX: usable inside ``jax.jit``, equal bit for bit.

64-bit numbers are pairs (high, low) of uint32, so that the program is the
same with ``jax_enable_x64`` on or off. Order is decided on the integer keys
of the logits, never on floats: XLA's CPU code reads denormals as zeros.
"""

import functools

import numpy as np

from plait.errors import ArgumentError
from plait.sampling import reference
from plait.sampling.keys import keys, parameters, rows_of

_BLOCK = 256


class ProductionSampler:
    """Keyed sampling inside a JAX program.

    The tokens equal those of :class:`plait.sampling.SimpleTokenSampler`, for
    any batch, order and backend. Nothing is switched on globally.

    Args:
        enable_x64: whether seeds may be traced uint64 arrays, which needs
            ``jax_enable_x64``: without it JAX itself cuts an argument of a
            jitted function to 32 bits, so that a traced seed is an error. It
            changes what is accepted, never a token.
    """

    def __init__(self, enable_x64: bool = False):
        self.enable_x64 = enable_x64

    def sample_simple(
        self,
        logits,
        temperature=1.0,
        seed=0,
        position=0,
        top_k=None,
        top_p=None,
        session_id=0,
        sequence_id=None,
    ):
        """Temperature, then top-k, then top-p, then a keyed draw.

        Args:
            logits: float32, float16 or bfloat16 [B, V], or [V] for one row.
            temperature: from 0 (greedy) on.
            seed: unsigned 64-bit integers; traced ones are uint32, or uint64
                with ``enable_x64``, or a pair (high, low) of uint32.
            position: unsigned 32-bit, the place of the token in its sequence.
            top_k: 0 or less is off, as is None.
            top_p: 1 or more is off, as is None.
            session_id: unsigned 32-bit.
            sequence_id: unsigned 32-bit; None is the row's index.

        Every argument but ``logits`` is a scalar or [B], and may be traced.
        A compiled program cannot raise: there, rows with a temperature out of
        range and rows that share one key get the error index -1.

        Returns:
            int32 [B], or an int32 scalar for logits [V]; -1 where a row has
            no candidate.

        Raises:
            ArgumentError: wrong dtypes, shapes or ranges; two rows with one
                key; a traced seed that may have had 64 bits.
        """
        import jax
        import jax.numpy as jnp

        logits = jnp.asarray(logits)
        if logits.dtype not in (jnp.float32, jnp.float16, jnp.bfloat16):
            raise ArgumentError(f"logits: expects float32, float16, bfloat16, got {logits.dtype}")
        if logits.ndim not in (1, 2):
            raise ArgumentError(f"logits: expects shape (B, V) or (V,), got {logits.shape}")
        if logits.shape[-1] >= reference.VOCAB_LIMIT:
            raise ArgumentError(
                f"logits: expects a vocabulary below {reference.VOCAB_LIMIT}, "
                f"got {logits.shape[-1]}"
            )
        rows = logits[None] if logits.ndim == 1 else logits
        batch = len(rows)

        values = (temperature, top_k, top_p)
        if _traced(*values):
            wanted = zip(
                ("temperature", "top_k", "top_p"),
                values,
                (jnp.float32, jnp.int32, jnp.float32),
                strict=True,
            )
            values = [v if v is None else _rows(name, v, batch, d) for name, v, d in wanted]
        else:
            values = parameters(batch, *(v if v is None else np.asarray(v) for v in values))
        key = (seed, session_id, sequence_id, position)
        # How much of a key no two rows may share; None: they do not.
        parts = None if sequence_id is None else 4 + (np.ndim(sequence_id) > 0)
        if _traced(*(seed if isinstance(seed, tuple) else (seed,)), *key[1:]):
            ids = self._traced_keys(batch, *key)
        else:
            if isinstance(seed, tuple):
                high, low = (np.asarray(word, np.uint64) for word in seed)
                key = (high << np.uint64(32) | low, *key[1:])
            seed, *rest = keys(batch, *(k if k is None else np.asarray(k) for k in key))
            ids, parts = [*_halves(seed), *rest], None
        tokens = jax.jit(_sample, static_argnums=5)(rows, *values, ids, parts)
        return tokens[0] if logits.ndim == 1 else tokens

    def _traced_keys(self, batch, seed, session, sequence, position):
        """(seed high, seed low, session, sequence, position), each uint32 [batch]."""
        import jax
        import jax.numpy as jnp

        if isinstance(seed, tuple):
            high, low = (_rows("seed", word, batch, jnp.uint32) for word in seed)
        elif not _traced(seed):
            high, low = _halves(rows_of("seed", np.asarray(seed), batch, np.uint64))
        elif seed.dtype == jnp.uint64:
            if not self.enable_x64:
                raise ArgumentError(
                    "seed: a traced uint64 needs ProductionSampler(enable_x64=True)"
                )
            seed = _rows("seed", seed, batch, jnp.uint64)
            high, low = (seed >> 32).astype(jnp.uint32), seed.astype(jnp.uint32)
        elif self.enable_x64 and jax.dtypes.canonicalize_dtype(np.uint64) != np.uint64:
            raise ArgumentError(
                "enable_x64=True: expects jax_enable_x64, without which JAX has cut a traced seed "
                "to 32 bits, or a pair (high, low)"
            )
        else:
            low = _rows("seed", seed, batch, jnp.uint32)
            high = jnp.zeros_like(low)
        if sequence is None:
            sequence = jnp.arange(batch, dtype=jnp.uint32)
        names = ("session_id", "sequence_id", "position")
        ids = [
            _rows(n, v, batch, jnp.uint32)
            for n, v in zip(names, (session, sequence, position), strict=True)
        ]
        return [high, low, *ids]


def _traced(*values) -> bool:
    import jax

    return any(isinstance(value, jax.core.Tracer) for value in values)


def _halves(seed):
    """uint64 as two arrays of uint32, high and low."""
    return (seed >> np.uint64(32)).astype(np.uint32), seed.astype(np.uint32)


def _rows(name, value, batch, dtype):
    """``value``, a scalar or [batch], as a [batch] of ``dtype``."""
    import jax.numpy as jnp

    array = jnp.asarray(value)
    kinds = (jnp.floating, jnp.integer) if jnp.issubdtype(dtype, jnp.floating) else (jnp.integer,)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        raise ArgumentError(f"{name}: expects {jnp.dtype(dtype)}, got {array.dtype}")
    if array.shape not in ((), (batch,)):
        raise ArgumentError(f"{name}: expects a scalar or shape ({batch},), got {array.shape}")
    return jnp.broadcast_to(array.astype(dtype), (batch,))


def _sample(logits, temperature, top_k, top_p, ids, parts):
    """Tokens int32 [B]; every parameter is None or [B].

    Rows whose first ``parts`` of the key are those of another row get the
    error index, unless it is None.
    """
    import jax.numpy as jnp

    batch, vocab = logits.shape
    if batch == 0 or vocab == 0:
        return jnp.full(batch, reference.ERROR_INDEX, jnp.int32)
    bits = _bits(logits)
    order = _order(bits)
    y = _divide(bits, jnp.broadcast_to(_bits(temperature)[:, None], bits.shape))
    greedy = (_order(_bits(temperature)) == _SIGN)[:, None]
    y = jnp.where(greedy, bits, y)
    keys = jnp.where(order == 0, 0, _order(y))  # 0: no candidate

    good = greedy[:, 0] | (_bits(temperature) < _INF)  # By its bits: it may be denormal.
    keys = jnp.where(good[:, None], keys, 0)
    ones = jnp.ones(batch, jnp.uint32)
    first = jnp.argmax(keys, -1)[:, None] == jnp.arange(vocab)
    keys = jnp.where(greedy & ~first, 0, keys)
    if top_k is not None:
        kept = _prefix(keys, _count, _pair(jnp.maximum(top_k, 1).astype(jnp.uint32)))
        keys = jnp.where((top_k <= 0)[:, None] | kept, keys, 0)
    if top_p is not None:
        w = _weights(y, keys)
        fixed = _fixed(top_p)
        high, low = _product(fixed, _total(w))
        target = _add(high, _pair(((low[0] | low[1]) != 0).astype(jnp.uint32)))
        target = _most(target, _pair(ones))
        kept = _prefix(keys, functools.partial(_mass, w), target)
        keys = jnp.where((top_p >= 1)[:, None] | kept, keys, 0)
        keys = jnp.where(jnp.isnan(top_p)[:, None], 0, keys)
    high, low, *rest = ids
    word0, word1 = _philox(high, low, *rest)
    tokens = _draw(_weights(y, keys), keys, (word1, word0))
    if parts is None:
        return tokens
    return jnp.where(_shared(ids[:parts]), reference.ERROR_INDEX, tokens)


def _shared(ids):
    """Which rows have the key of another row; bool [B]."""
    import jax.numpy as jnp

    order = jnp.lexsort(ids)
    pairs = ((part[order][1:], part[order][:-1]) for part in ids)
    same = functools.reduce(jnp.logical_and, (a == b for a, b in pairs))
    shared = jnp.pad(same, (1, 0)) | jnp.pad(same, (0, 1))
    return jnp.zeros_like(shared).at[order].set(shared)


# Floats as their bits.

_SIGN = np.uint32(1 << 31)  # Also the order of both zeros.
_INF = np.uint32(0x7F800000)


def _bits(x):
    """The bits, uint32, of the values of ``x`` as float32; denormals survive."""
    import jax
    import jax.numpy as jnp

    if x.dtype == jnp.bfloat16:
        return jax.lax.bitcast_convert_type(x, jnp.uint16).astype(jnp.uint32) << 16
    if x.dtype == jnp.float16:  # Its denormals are normal in float32.
        half = jax.lax.bitcast_convert_type(x, jnp.uint16).astype(jnp.uint32)
        sign, rest = (half & 0x8000) << 16, half & 0x7FFF
        tiny = rest.astype(jnp.float32) * np.float32(2.0**-24)
        normal = (rest << 13) + np.uint32((127 - 15) << 23)
        special = (rest << 13) | _INF
        magnitude = jnp.where(rest < 0x400, jax.lax.bitcast_convert_type(tiny, jnp.uint32), normal)
        return sign | jnp.where(rest >= 0x7C00, special, magnitude)
    return jax.lax.bitcast_convert_type(x, jnp.uint32)


def _order(bits):
    """Integers in the order of the floats; 0 for -inf and NaN, equal for -0.0 and 0.0."""
    import jax.numpy as jnp

    magnitude = bits & 0x7FFFFFFF
    key = jnp.where(bits == magnitude, bits | _SIGN, _SIGN - magnitude)
    return jnp.where((magnitude > _INF) | (bits == _INF | _SIGN), 0, key)


def _divide(a, b):
    """The bits of the correctly rounded quotient of float32 bits ``a`` and ``b``."""
    import jax
    import jax.numpy as jnp

    f32 = functools.partial(jax.lax.bitcast_convert_type, new_dtype=jnp.float32)
    # The barrier keeps a constant divisor from becoming a multiplication.
    quick = _bits(f32(a) / f32(jax.lax.optimization_barrier(b)))

    def tiny(x):
        return ((x & _INF) == 0) & ((x & 0x7FFFFFFF) != 0)

    # A flushed quotient is zero, though its dividend is not.
    flushed = ((quick & 0x7FFFFFFF) < 0x01000000) & ((a & 0x7FFFFFFF) != 0)
    rare = (tiny(a) | tiny(b) | flushed).any()
    return jax.lax.cond(rare, _divide_exactly, lambda a, b: quick, a, b)


def _divide_exactly(a, b):
    """As :func:`_divide`, by integers alone."""
    import jax
    import jax.numpy as jnp

    def split(x):  # value = mantissa * 2**(exponent - 150), mantissa from 2**23 on
        field, low = (x >> 23 & 0xFF).astype(jnp.int32), x & 0x7FFFFF
        lead = jax.lax.clz(low).astype(jnp.int32) - 8
        denormal = field == 0
        mantissa = jnp.where(denormal, low << lead.astype(jnp.uint32), low | 0x800000)
        return mantissa, jnp.where(denormal, 1 - lead, field)

    (ma, ea), (mb, eb) = split(a), split(b)
    less = ma < mb
    exponent = ea - eb + 127 - less.astype(jnp.int32)
    remainder = jnp.where(less, ma << 1, ma)

    def step(_, state):
        q, r = state
        take = r >= mb
        return q << 1 | take.astype(jnp.uint32), jnp.where(take, r - mb, r) << 1

    # 26 bits of quotient, the first of them set, and a sticky one.
    q, r = jax.lax.fori_loop(0, 26, step, (jnp.zeros_like(a), remainder))
    q = q << 1 | (r != 0).astype(jnp.uint32)
    # Below the least normal exponent bits move out, into the sticky one.
    out = jnp.clip(1 - exponent, 0, 31).astype(jnp.uint32)
    lost = (q & ((np.uint32(1) << out) - 1)) != 0
    q = q >> out | lost.astype(jnp.uint32)
    half_even = (q >> 3) + ((q & 7) + (q >> 3 & 1) > 4).astype(jnp.uint32)
    field = jnp.maximum(exponent, 1) - 1
    finite = half_even + (field.astype(jnp.uint32) << 23)  # The implicit bit adds the 1.
    finite = jnp.where(exponent >= 255, _INF, finite)

    am, bm, inf = a & 0x7FFFFFFF, b & 0x7FFFFFFF, _INF
    result = jnp.where((am == inf) | (bm == 0), inf, finite)
    result = jnp.where((am == 0) | (bm == inf), 0, result)
    bad = (am > inf) | (bm > inf) | ((am == 0) & (bm == 0)) | ((am == inf) & (bm == inf))
    return jnp.where(bad, np.uint32(0x7FC00000), result | ((a ^ b) & _SIGN))


# Unsigned 64-bit numbers as pairs (high, low).


def _pair(low):
    return low * 0, low


def _add(a, b):
    low = a[1] + b[1]
    return a[0] + b[0] + (low < b[1]), low


def _less(a, b):
    return (a[0] < b[0]) | ((a[0] == b[0]) & (a[1] < b[1]))


def _most(a, b):
    import jax.numpy as jnp

    less = _less(a, b)
    return jnp.where(less, b[0], a[0]), jnp.where(less, b[1], a[1])


def _times(x, y):
    """The product of two uint32 as a pair."""
    import jax

    return jax.lax.mulhi(x, y), x * y


def _product(a, b):
    """The 128 bits of ``a * b`` as two pairs."""
    low = _times(a[1], b[1])
    middle = _add(_times(a[0], b[1]), _pair(low[0]))  # Below 2**64: no carry is lost.
    other = _add(_times(a[1], b[0]), _pair(middle[1]))
    high = _add(_add(_times(a[0], b[0]), _pair(middle[0])), _pair(other[0]))
    return high, (other[1], low[1])


def _total(w):
    """The sum over the last axis, below 2**20 terms below 2**48: four sums of 12-bit digits."""
    import jax.numpy as jnp

    high, low = w
    digits = (low & 0xFFF, low >> 12 & 0xFFF, low >> 24 | (high & 0xF) << 8, high >> 4)
    s0, s1, s2, s3 = (jnp.sum(digit, -1, dtype=jnp.uint32) for digit in digits)
    total = _add((s1 >> 20, s1 << 12), _pair(s0))
    return _add(_add((s2 >> 8, s2 << 24), (s3 << 4, s3 * 0)), total)


def _cumulate(w):
    """Prefix sums modulo 2**64 over the last axis, below 2**16 terms: 16-bit digits."""
    import jax.numpy as jnp

    digits = (w[1] & 0xFFFF, w[1] >> 16, w[0] & 0xFFFF, w[0] >> 16)
    s0, s1, s2, s3 = (jnp.cumsum(digit, -1, dtype=jnp.uint32) for digit in digits)
    return _add(_add((s1 >> 16, s1 << 16), _pair(s0)), (s2 + (s3 << 16), s2 * 0))


# The specification.


def _weights(y, keys):
    """The weights of the candidates of float32 bits ``y``, as a pair of [B, V]."""
    import jax
    import jax.numpy as jnp

    live = keys != 0
    best = jnp.where(_order(y) == keys.max(-1, keepdims=True), y, 0).max(-1, keepdims=True)
    best = jnp.where(keys.max(-1, keepdims=True) == _SIGN, 0, best)
    f32 = functools.partial(jax.lax.bitcast_convert_type, new_dtype=jnp.float32)
    same = keys == keys.max(-1, keepdims=True)
    difference = jnp.where(same, np.float32(0), f32(y) - f32(best))
    z = jax.lax.reduce_precision(difference, 8, 23) * reference._LOG2E
    z = jnp.where(z > np.float32(-45), z, np.float32(-45))
    t = jnp.rint(jax.lax.reduce_precision(z, 8, 23) * np.float32(1 << 24)).astype(jnp.int32)

    shift = (-(t >> 24)).astype(jnp.uint32)
    fraction = (t & 0xFFFFFF).astype(jnp.uint32)
    mulhi = jax.lax.mulhi
    full = functools.partial(jnp.full, t.shape, dtype=jnp.uint32)
    a = mulhi((fraction & 0x3FFFF) << 8, full(np.uint32(2977044472)))
    b = mulhi(a, a)
    e = a + (b >> 1) + mulhi(mulhi(b, a), full(715827883))
    base = jnp.asarray(reference._EXP2.astype(np.uint32))[fraction >> 18]
    w = base + mulhi(base, e)
    high, low = w >> 18, w << 14
    # XLA defines a shift by 32 or more as 0.
    right = jax.lax.shift_right_logical
    low = right(low, shift) | jax.lax.shift_left(high, 32 - shift) | right(high, shift - 32)
    return jnp.where(live, right(high, shift), 0), jnp.where(live, low, 0)


def _count(chosen):
    import jax.numpy as jnp

    return _pair(chosen.sum(-1, dtype=jnp.uint32))


def _mass(w, chosen):
    import jax.numpy as jnp

    return _total((jnp.where(chosen, w[0], 0), jnp.where(chosen, w[1], 0)))


def _prefix(keys, measure, target):
    """The candidates of the shortest best prefix that measures at least ``target``.

    All of them if they measure less. ``target`` is a pair of [B], from 1 on.
    """
    import jax
    import jax.numpy as jnp

    index = jnp.arange(keys.shape[1], dtype=jnp.uint32)[None]
    zero = jnp.zeros(len(keys), jnp.uint32)

    def raise_value(step, value):  # The greatest key that, with those above it, is enough.
        trial = value | _SIGN >> step.astype(jnp.uint32)
        enough = ~_less(measure((keys >= trial[:, None]) & (keys != 0)), target)
        return jnp.where(enough, trial, value)

    value = jax.lax.fori_loop(0, 32, raise_value, zero)[:, None]
    above, tied = keys > value, (keys == value) & (keys != 0)

    def raise_index(step, last):  # Of the tied ones, the index that makes it enough.
        trial = last | np.uint32(1 << 19) >> step.astype(jnp.uint32)
        short = _less(measure(above | (tied & (index < trial[:, None]))), target)
        return jnp.where(short, trial, last)

    last = jax.lax.fori_loop(0, 20, raise_index, zero)[:, None]
    return above | (tied & (index <= last))


def _draw(w, keys, bits):
    """The first index whose prefix sum exceeds the high half of ``bits * total``."""
    import jax.numpy as jnp

    batch, vocab = keys.shape
    blocks = -(-vocab // _BLOCK)
    padded = [
        jnp.pad(part, ((0, 0), (0, blocks * _BLOCK - vocab))).reshape(batch, blocks, _BLOCK)
        for part in w
    ]
    sums = _cumulate(_total(padded))
    total = tuple(part[:, -1] for part in sums)
    r, _ = _product(bits, total)
    column = tuple(part[:, None] for part in r)
    block = (~_less(column, sums)).sum(1, dtype=jnp.int32)
    block = jnp.minimum(block, blocks - 1)

    def at(array, index):
        return jnp.take_along_axis(array, index[:, None], 1)[:, 0]

    before = tuple(jnp.where(block > 0, at(part, jnp.maximum(block - 1, 0)), 0) for part in sums)
    rows = jnp.arange(batch)
    inside = _cumulate(tuple(part[rows, block] for part in padded))
    inside = _add(inside, tuple(part[:, None] for part in before))
    token = block * _BLOCK + (~_less(column, inside)).sum(1, dtype=jnp.int32)
    return jnp.where((keys != 0).any(1), token, reference.ERROR_INDEX)


def _fixed(p):
    """``floor(p * 2**64)`` of float32 ``p`` below 1, as a pair; 0 for p < 0."""
    import jax
    import jax.numpy as jnp

    bits = _bits(p)
    exponent = (bits >> 23 & 0xFF).astype(jnp.int32)
    mantissa = jnp.where(exponent == 0, 0, bits & 0x7FFFFF | 0x800000)
    left, right = jax.lax.shift_left, jax.lax.shift_right_logical
    up = jnp.clip(exponent - 86, 0, 63).astype(jnp.uint32)
    down = jnp.clip(86 - exponent, 0, 63).astype(jnp.uint32)
    high = right(mantissa, 32 - up) | left(mantissa, up - 32)
    low = right(left(mantissa, up), down)
    negative = bits >> 31 != 0
    return jnp.where(negative, 0, high), jnp.where(negative, 0, low)


def _philox(seed_high, seed_low, session, sequence, position):
    """Words 0 and 1 of Philox4x32-10; see :func:`plait.sampling.reference.random`."""
    import jax
    import jax.numpy as jnp

    def turn(_, state):
        c0, c1, c2, c3, k0, k1 = state
        a = _times(c0, jnp.full_like(c0, np.uint32(0xD2511F53)))
        b = _times(c2, jnp.full_like(c2, np.uint32(0xCD9E8D57)))
        c0, c1, c2, c3 = b[0] ^ c1 ^ k0, b[1], a[0] ^ c3 ^ k1, a[1]
        return c0, c1, c2, c3, k0 + np.uint32(0x9E3779B9), k1 + np.uint32(0xBB67AE85)

    counter = (jnp.zeros_like(position), position, sequence, session)
    return jax.lax.fori_loop(0, 10, turn, (*counter, seed_low, seed_high))[:2]
