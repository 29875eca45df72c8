"""Random tensor programs, their exact meaning, and how far rounding may move it.

A :class:`Program` is a list of ops on tensors. It can be run by JAX and by
torch (so both fronts can import it), and evaluated here, in float64, together
with a bound on the error of any correct implementation: running error analysis
(Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4).
Every value carries `e` with |computed - v| <= e, for the unit roundoff of its
element type and sums in any order. An infinite bound says that nothing can be
promised of an element (a comparison that rounding may turn, an overflow).
"""

from contextvars import ContextVar
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = {name: np.dtype(name) for name in ("float32", "float64", "float16")} | {"bfloat16": BF16}
DTYPES = FLOATS | {name: np.dtype(name) for name in ("int8", "int32", "int64", "bool")}
#: Units in the last place that a library function may be wrong by, as
#: multiples of the unit roundoff: glibc documents 1 to 2, ours 4.
FUNCTION = 8


def roundoff(dtype: str) -> float:
    """The unit roundoff: half the distance from 1 to the next number."""
    return float(ml_dtypes.finfo(FLOATS[dtype]).eps) / 2


def gamma(n: float, u: float) -> float:
    """Higham's bound n u / (1 - n u) for n roundings."""
    return n * u / (1 - n * u) if n * u < 1 else np.inf


@dataclass
class Value:
    """The exact value of a tensor in float64 (or its integers), and the bound."""

    dtype: str
    v: np.ndarray
    e: np.ndarray

    def __post_init__(self):
        self.e = np.broadcast_to(np.where(np.isnan(self.e), np.inf, self.e), self.v.shape)

    @property
    def shape(self):
        return self.v.shape

    @property
    def reach(self):
        """The largest magnitude that the computed value can have."""
        return np.abs(self.v) + self.e


def exact(array: np.ndarray, dtype: str) -> Value:
    """A value that is known exactly: an argument or a constant."""
    wide = array.astype(np.float64) if dtype in FLOATS else array
    return Value(dtype, wide, np.zeros(array.shape))


def _float(dtype: str, v, e, magnitude=None, roundings=1.0, u=None, inputs=()) -> Value:
    """A computed float: `e` from its inputs, and its own roundings.

    Args:
        magnitude: what the roundings are relative to, |v| + e by default.
        inputs: values whose infinities and NaNs explain the result's: if all
            of them are exact, so is a result that is not finite.
    """
    info = ml_dtypes.finfo(FLOATS[dtype])
    magnitude = np.abs(v) + e if magnitude is None else magnitude
    share = gamma(roundings, roundoff(dtype) if u is None else u)
    # What is lost below the normal numbers; AVX-512's conversion to bf16 has none there.
    least = info.smallest_normal if dtype == "bfloat16" else info.smallest_subnormal
    lost = float(least) * roundings
    bound = e + (share * magnitude + lost if roundings else 0.0)
    bound = np.where(np.isfinite(bound), bound, np.inf)
    bound = np.where(magnitude + bound < float(info.max), bound, np.inf)
    known = np.ones(np.shape(v), bool)
    for value in inputs:
        known = known & (value.e == 0)
    return Value(dtype, v, np.where(~np.isfinite(v) & known & bool(inputs), 0.0, bound))


def _integer(dtype: str, v, inputs) -> Value:
    """Integers and booleans are right or unknown."""
    e = np.zeros(np.shape(v))
    for value in inputs:
        e = e + np.where(value.e == 0, 0.0, np.inf)
    return Value(dtype, v.astype(DTYPES[dtype]), e)


# Ops on values: each mirrors one op of a program.


def add(a: Value, b: Value, sign=1) -> Value:
    v = a.v + sign * b.v if a.dtype in FLOATS else (a.v + b.v if sign > 0 else a.v - b.v)
    if a.dtype not in FLOATS:
        return _integer(a.dtype, v, (a, b))
    return _float(a.dtype, v, a.e + b.e, inputs=(a, b))


def sub(a: Value, b: Value) -> Value:
    return add(a, b, -1)


def mul(a: Value, b: Value) -> Value:
    if a.dtype not in FLOATS:
        return _integer(a.dtype, a.v * b.v, (a, b))
    e = np.abs(a.v) * b.e + np.abs(b.v) * a.e + a.e * b.e
    return _float(a.dtype, a.v * b.v, e, inputs=(a, b))


def div(a: Value, b: Value) -> Value:
    v = a.v / b.v
    low = np.abs(b.v) - b.e
    e = np.where(low > 0, (a.e + np.abs(v) * b.e) / np.where(low > 0, low, 1), np.inf)
    e = np.where((b.e == 0) & (a.e == 0), 0.0, e)
    # Two roundings: a multiplication by the reciprocal is allowed.
    return _float(a.dtype, v, e, roundings=2, inputs=(a, b))


def extreme(a: Value, b: Value, take) -> Value:
    if a.dtype not in FLOATS:
        return _integer(a.dtype, take(a.v, b.v), (a, b))
    return _float(a.dtype, take(a.v, b.v), np.maximum(a.e, b.e), roundings=0, inputs=(a, b))


def smooth(a: Value, function, slope, roundings=FUNCTION, floor=0.0) -> Value:
    """`function` of `a`; `slope(low, high)` bounds its derivative between them."""
    v = function(a.v)
    e = np.where(a.e > 0, slope(a.v - a.e, a.v + a.e) * a.e, 0.0) + floor
    return _float(a.dtype, v, e, roundings=roundings, inputs=(a,))


def step(a: Value, function) -> Value:
    """A function that is constant between its steps: floor, sign, ..."""
    v, low, high = function(a.v), function(a.v - a.e), function(a.v + a.e)
    e = np.where(a.e > 0, np.maximum(np.abs(high - v), np.abs(v - low)), 0.0)
    return _float(a.dtype, v, e, roundings=0, inputs=(a,))


def _nearest_zero(low, high):
    return np.where(low * high <= 0, 0.0, np.minimum(np.abs(low), np.abs(high)))


def _erf(x):
    from math import erf

    return np.vectorize(erf, otypes=[np.float64])(x)


def _positive(slope):
    return lambda low, high: np.where(low > 0, slope(np.where(low > 0, low, 1.0)), np.inf)


def sigmoid(a: Value) -> Value:
    # 1 / (1 + exp(-x)): where exp overflows, the result below the normal numbers is lost.
    floor = float(ml_dtypes.finfo(FLOATS[a.dtype]).smallest_normal)
    return smooth(a, lambda x: 1 / (1 + np.exp(-x)), lambda _, high: 0.25 + 0 * high, 16, floor)


UNARY = {
    "neg": lambda a: (
        smooth(a, np.negative, lambda low, high: 1.0, 0)
        if a.dtype in FLOATS
        else _integer(a.dtype, -a.v, (a,))
    ),
    "abs": lambda a: (
        smooth(a, np.abs, lambda low, high: 1.0, 0)
        if a.dtype in FLOATS
        else _integer(a.dtype, np.abs(a.v), (a,))
    ),
    "relu": lambda a: extreme(a, exact(np.zeros((), DTYPES[a.dtype]), a.dtype), np.maximum),
    "exp": lambda a: smooth(a, np.exp, lambda low, high: np.exp(high)),
    "log": lambda a: smooth(a, np.log, _positive(lambda low: 1 / low)),
    "sqrt": lambda a, roundings=1: smooth(
        a, np.sqrt, _positive(lambda low: 0.5 / np.sqrt(low)), roundings
    ),
    "rsqrt": lambda a: smooth(a, lambda x: 1 / np.sqrt(x), _positive(lambda low: 0.5 * low**-1.5)),
    "tanh": lambda a: smooth(
        a, np.tanh, lambda low, high: 1 - np.tanh(_nearest_zero(low, high)) ** 2
    ),
    "erf": lambda a: smooth(
        a, _erf, lambda low, high: 2 / np.pi**0.5 * np.exp(-(_nearest_zero(low, high) ** 2))
    ),
    "sin": lambda a: smooth(a, np.sin, lambda low, high: 1.0),
    "cos": lambda a: smooth(a, np.cos, lambda low, high: 1.0),
    "sigmoid": sigmoid,
    "silu": lambda a: mul(a, sigmoid(a)),
    "floor": lambda a: step(a, np.floor),
    "ceil": lambda a: step(a, np.ceil),
    "sign": lambda a: step(a, np.sign),
}
UNARY["gelu"] = lambda a: mul(
    mul(a, _constant(a, 0.5)),
    add(_constant(a, 1), UNARY["erf"](mul(a, _constant(a, 0.5**0.5, inexact=True)))),
)
INTEGER_UNARY = ("neg", "abs", "relu")


def _constant(like: Value, number: float, inexact=False) -> Value:
    value = Value(like.dtype, np.float64(number), np.float64(0))
    return _float(like.dtype, value.v, value.e) if inexact else value


BINARY = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "max": lambda a, b: extreme(a, b, np.maximum),
    "min": lambda a, b: extreme(a, b, np.minimum),
    "div": div,
}
COMPARE = {
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "gt": np.greater,
}
LOGICAL = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


def compare(a: Value, b: Value, kind: str) -> Value:
    e = np.where(np.abs(a.v - b.v) > a.e + b.e, 0.0, np.where(a.e + b.e > 0, np.inf, 0.0))
    e = np.where((a.e == 0) & (b.e == 0), 0.0, e)  # Also for NaN.
    return Value("bool", COMPARE[kind](a.v, b.v), e)


def logical(a: Value, b: Value, kind: str) -> Value:
    return _integer("bool", LOGICAL[kind](a.v, b.v), (a, b))


def where(p: Value, a: Value, b: Value) -> Value:
    v = np.where(p.v, a.v, b.v)
    with np.errstate(invalid="ignore"):
        either = np.maximum(a.e, b.e) + np.abs(a.v.astype(float) - b.v.astype(float))
    either = either if a.dtype in FLOATS else np.where(either > 0, np.inf, 0.0)
    return Value(a.dtype, v, np.where(p.e == 0, np.where(p.v, a.e, b.e), either))


def cast(a: Value, dtype: str) -> Value:
    if dtype == "bool":
        zero = Value(a.dtype, np.zeros((), a.v.dtype), np.zeros(()))
        return compare(a, zero, "ne")
    if dtype in FLOATS:
        wide = a.v.astype(np.float64)
        if a.dtype in FLOATS:
            rounds = roundoff(dtype) > roundoff(a.dtype)
        else:
            rounds = np.abs(wide).max(initial=0) * roundoff(dtype) >= 0.5
        return _float(dtype, wide, a.e, roundings=float(rounds), inputs=(a,))
    if a.dtype in FLOATS:
        info = np.iinfo(DTYPES[dtype])
        fits = np.isfinite(a.v) & (a.reach + 1 < info.max)
        truncated = step(a, np.trunc)
        e = np.where(fits & (truncated.e == 0), 0.0, np.inf)
        return Value(dtype, np.where(fits, truncated.v, 0).astype(DTYPES[dtype]), e)
    return _integer(dtype, a.v.astype(DTYPES[dtype]), (a,))


def moved(a: Value, move) -> Value:
    """An op that only moves elements."""
    return Value(a.dtype, move(a.v), move(a.e))


def concat(values, axis) -> Value:
    parts = ([x.v for x in values], [x.e for x in values])
    return Value(values[0].dtype, *(np.concatenate(part, axis) for part in parts))


#: Whether sums of f16 and bf16 are kept in their own type; else in f32, as torch and XLA do.
_NARROW_SUMS = ContextVar("narrow sums", default=False)


def _accumulator(dtype: str) -> float:
    """The unit roundoff of what sums of ``dtype`` are kept in."""
    return roundoff(dtype) if _NARROW_SUMS.get() else min(roundoff(dtype), 2.0**-24)


def total(a: Value, axes, mean=False, keep=False) -> Value:
    n = int(np.prod([a.shape[axis] for axis in axes]))
    v, e = a.v.sum(axes, keepdims=keep), a.e.sum(axes, keepdims=keep)
    if a.dtype not in FLOATS:
        v = a.v.sum(axes, keepdims=keep, dtype=DTYPES[a.dtype])
        return Value(a.dtype, v, np.where(e > 0, np.inf, 0.0))
    reach = a.reach.sum(axes, keepdims=keep)
    result = _float(a.dtype, v, e, reach, n, _accumulator(a.dtype))
    if np.isnan(v).any() or np.isinf(v).any():
        # Infinities are added in any order, unless finite numbers may overflow to one before.
        finite = np.where(np.isfinite(a.v), np.abs(a.v), 0.0).sum(axes, keepdims=keep)
        known = (a.e == 0).all(axes, keepdims=keep)
        known = known & (finite < float(ml_dtypes.finfo(FLOATS[a.dtype]).max) / 2)
        result.e = np.where(~np.isfinite(v) & known & ~np.isfinite(reach), 0.0, result.e)
    if mean:
        return div(result, _constant(a, n))
    return _float(a.dtype, result.v, result.e) if roundoff(a.dtype) > 2**-24 else result


def peak(a: Value, axes, take, keep=False) -> Value:
    v, e = take(a.v, axis=axes, keepdims=keep), a.e.max(axes, keepdims=keep)
    return Value(a.dtype, v, e)


def position(a: Value, axis: int, find) -> Value:
    known = (a.e == 0).all(axis)
    return Value("int32", find(a.v, axis).astype(np.int32), np.where(known, 0.0, np.inf))


def contract(a: Value, b: Value, spec: str) -> Value:
    left, right = spec.split("->")[0].split(",")
    sizes = dict(zip(left + right, a.shape + b.shape, strict=True))
    summed = set(left + right) - set(spec.split("->")[1])
    n = int(np.prod([sizes[label] for label in summed]))
    if a.dtype not in FLOATS:
        # Integers wrap, as they do in int64.
        wide = np.einsum(spec, a.v.astype(np.int64), b.v.astype(np.int64))
        known = np.einsum(spec, (a.e > 0).astype(float), np.ones(b.shape))
        known = known + np.einsum(spec, np.ones(a.shape), (b.e > 0).astype(float))
        return Value(a.dtype, wide.astype(DTYPES[a.dtype]), np.where(known > 0, np.inf, 0.0))
    v = np.einsum(spec, a.v, b.v)
    reach = np.einsum(spec, a.reach, b.reach)
    e = np.einsum(spec, np.abs(a.v), b.e) + np.einsum(spec, a.e, np.abs(b.v))
    e = e + np.einsum(spec, a.e, b.e)
    # n products and n sums, and the rounding to the type of the result.
    result = _float(a.dtype, v, e, reach, 2 * n, _accumulator(a.dtype))
    return _float(a.dtype, result.v, result.e) if roundoff(a.dtype) > 2**-24 else result


def softmax(a: Value, axis: int, mask=None) -> Value:
    visible = np.ones(a.shape, bool) if mask is None else np.broadcast_to(mask, a.shape)
    seen = Value(a.dtype, np.where(visible, a.v, -1e30), np.where(visible, a.e, 0.0))
    shifted = sub(a, peak(seen, (axis,), np.max, keep=True))
    powers = UNARY["exp"](Value(a.dtype, np.where(visible, shifted.v, 0.0), shifted.e))
    powers = Value(a.dtype, np.where(visible, powers.v, 0.0), np.where(visible, powers.e, 0.0))
    return div(powers, total(powers, (axis,), keep=True))


def logsumexp(a: Value, axis: int) -> Value:
    top = peak(a, (axis,), np.max, keep=True)
    result = add(UNARY["log"](total(UNARY["exp"](sub(a, top)), (axis,), keep=True)), top)
    return moved(result, lambda x: np.squeeze(x, axis))


def layer_norm(a: Value, axis: int, epsilon: float) -> Value:
    centred = sub(a, total(a, (axis,), mean=True, keep=True))
    variance = total(mul(centred, centred), (axis,), mean=True, keep=True)
    return mul(centred, UNARY["rsqrt"](add(variance, _constant(a, epsilon, inexact=True))))


def rms_norm(a: Value, axis: int, epsilon: float) -> Value:
    power = total(mul(a, a), (axis,), mean=True, keep=True)
    return mul(a, UNARY["rsqrt"](add(power, _constant(a, epsilon, inexact=True))))


def attention(q: Value, k: Value, v: Value, causal: bool) -> Value:
    """q, k, v of [batch, heads, length, depth]."""
    scale = _constant(q, q.shape[-1] ** -0.5, inexact=True)
    scores = mul(contract(q, k, "bhsd,bhtd->bhst"), scale)
    mask = np.tril(np.ones(scores.shape[-2:], bool)) if causal else None
    result = contract(softmax(scores, -1, mask), v, "bhst,bhtd->bhsd")
    # A streaming implementation rescales its partial sums, once per key at most.
    keys = gamma((FUNCTION + 2) * k.shape[2], _accumulator(q.dtype))
    return _float(q.dtype, result.v, result.e + keys * np.abs(v.v).max(initial=0))


def cumsum(a: Value, axis: int) -> Value:
    if a.dtype not in FLOATS:
        e = np.cumsum(np.where(a.e > 0, 1.0, 0.0), axis)
        v = np.cumsum(a.v, axis, dtype=DTYPES[a.dtype])
        return Value(a.dtype, v, np.where(e > 0, np.inf, 0.0))
    v, e = np.cumsum(a.v, axis), np.cumsum(a.e, axis)
    return _float(a.dtype, v, e, np.cumsum(a.reach, axis), a.shape[axis])


def sort(a: Value, axis: int) -> Value:
    """Sorting moves no element further than the largest error of its line."""
    e = np.broadcast_to(a.e.max(axis, keepdims=True, initial=0), a.shape)
    return Value(a.dtype, np.sort(a.v, axis), np.where(e > 0, e, 0.0))


def take(a: Value, i: Value, axis: int) -> Value:
    at = np.clip(i.v, 0, a.shape[axis] - 1)
    assert (i.e == 0).all()
    return moved(a, lambda x: np.take(x, at, axis))


def conv(a: Value, w: Value, stride: int, dilation: int, pad: int, groups: int) -> Value:
    """NCHW with OIHW, as a contraction of gathered patches."""
    batch = a.shape[0]
    out, per, kh, kw = w.shape

    def patches(x):
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        view = np.lib.stride_tricks.sliding_window_view(
            x, (dilation * (kh - 1) + 1, dilation * (kw - 1) + 1), (2, 3)
        )[:, :, ::stride, ::stride, ::dilation, ::dilation]
        return view.reshape(batch, groups, per, *view.shape[2:])

    kernel = moved(w, lambda x: x.reshape(groups, out // groups, per, kh, kw))
    result = contract(moved(a, patches), kernel, "bgcyxij,gocij->bgoyx")
    return moved(result, lambda x: x.reshape(batch, out, *x.shape[3:]))


@dataclass(repr=False)
class Program:
    """Arguments and ops, in order; every op may use all values before it.

    Attributes:
        arguments: arrays.
        ops: name, numbers of the values it takes, attributes.
        results: numbers of the values that are returned.
        bound: numbers of the arguments that compiled code has as weights.
    """

    arguments: list[np.ndarray]
    dtypes: list[str]
    ops: list[tuple[str, tuple[int, ...], dict]] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    bound: frozenset[int] = frozenset()

    @property
    def free(self) -> list[np.ndarray]:
        """The arguments of a call."""
        return [x for i, x in enumerate(self.arguments) if i not in self.bound]

    def bind(self, table: dict, arguments):
        """A function of the free arguments with the ops of `table`; it encloses the others."""
        arguments = list(arguments)
        places = [i for i in range(len(arguments)) if i not in self.bound]

        def function(*free):
            values = list(arguments)
            for place, value in zip(places, free, strict=True):
                values[place] = value
            return self.run(table, values)

        return function

    def run(self, table: dict, arguments) -> tuple:
        """The results, with the ops of `table`."""
        values = list(arguments)
        for name, inputs, attributes in self.ops:
            values.append(table[name](*(values[i] for i in inputs), **attributes))
        return tuple(values[i] for i in self.results)

    def meaning(self, narrow_sums=False) -> tuple[Value, ...]:
        """The results and how far they may be off, the sums of f16 and bf16 in their own type
        if `narrow_sums`."""
        token = _NARROW_SUMS.set(narrow_sums)
        try:
            values = self.values()
        finally:
            _NARROW_SUMS.reset(token)
        return tuple(values[i] for i in self.results)

    def values(self) -> tuple[Value, ...]:
        """The meaning of every argument and op."""
        values = [exact(a, d) for a, d in zip(self.arguments, self.dtypes, strict=True)]
        everything = range(len(self.arguments) + len(self.ops))
        with np.errstate(all="ignore"):
            return Program([], [], self.ops, list(everything)).run(MEANING, values)

    def slices(self):
        """Smaller programs, each with one result, that end in the ops of this one."""
        count = len(self.arguments)
        for result in self.results:
            yield self._without([], result)
        for cut in range(count, count + len(self.ops)):
            if len(self.results) == 1 and cut != self.results[0]:
                yield self._without([cut], self.results[0])

    def _without(self, cut, result):
        """The ops that `result` needs, where the values of `cut` are arguments."""
        values = self.values()
        needed, todo = set(), [result]
        while todo:
            at = todo.pop()
            if at not in needed:
                needed.add(at)
                if at >= len(self.arguments) and at not in cut:
                    todo += self.ops[at - len(self.arguments)][1]
        given = [i for i in sorted(needed) if i < len(self.arguments) or i in cut]
        made = [i for i in sorted(needed) if i not in given]
        names = {old: new for new, old in enumerate([*given, *made])}
        with np.errstate(all="ignore"):
            arguments = [np.asarray(values[i].v, DTYPES[values[i].dtype]) for i in given]
        ops = [self.ops[i - len(self.arguments)] for i in made]
        ops = [(name, tuple(names[i] for i in inputs), rest) for name, inputs, rest in ops]
        bound = frozenset(names[i] for i in self.bound if i in given)
        dtypes = [values[i].dtype for i in given]
        return Program(arguments, dtypes, ops, [names[result]], bound)

    def size(self) -> tuple[int, int]:
        """What makes one program smaller than another."""
        return len(self.ops), len(self.results)

    def _repr_pretty_(self, printer, _):
        """How hypothesis shows it."""
        printer.text(str(self))

    def __str__(self):
        lines = [
            f"  %{i} = {'weight' if i in self.bound else 'argument'} {dtype}{list(array.shape)}"
            for i, (array, dtype) in enumerate(zip(self.arguments, self.dtypes, strict=True))
        ]
        for i, (name, inputs, attributes) in enumerate(self.ops, len(self.arguments)):
            values = [f"%{j}" for j in inputs] + [f"{k}={v!r}" for k, v in attributes.items()]
            lines.append(f"  %{i} = {name}({', '.join(values)})")
        results = ", ".join(f"%{i}" for i in self.results)
        return "\n".join(["program", *lines, f"  return {results}"])


MEANING = (
    UNARY
    | BINARY
    | {
        "compare": compare,
        "logical": logical,
        "where": where,
        "cast": cast,
        "transpose": lambda a, order: moved(a, lambda x: np.transpose(x, order)),
        "reshape": lambda a, shape: moved(a, lambda x: np.reshape(x, shape)),
        "broadcast": lambda a, shape: moved(a, lambda x: np.broadcast_to(x, shape)),
        "slice": lambda a, where: moved(a, lambda x: x[_slices(where)]),
        "reverse": lambda a, axis: moved(a, lambda x: np.flip(x, axis)),
        "pad": lambda a, widths: moved(a, lambda x: np.pad(x, widths)),
        "concat": lambda *values, axis: concat(values, axis),
        "sum": lambda a, axes: total(a, axes),
        "mean": lambda a, axes: total(a, axes, mean=True),
        "reduce_max": lambda a, axes: peak(a, axes, np.max),
        "reduce_min": lambda a, axes: peak(a, axes, np.min),
        "argmax": lambda a, axis: position(a, axis, np.argmax),
        "any": lambda a, axes: _integer_any(a, axes),
        "contract": contract,
        "softmax": softmax,
        "logsumexp": logsumexp,
        "layer_norm": lambda a, axis: layer_norm(a, axis, 1e-5),
        "rms_norm": lambda a, axis: rms_norm(a, axis, 1e-5),
        "attention": attention,
        "cumsum": cumsum,
        "sort": sort,
        "take": take,
        "conv": conv,
    }
)


def _integer_any(a: Value, axes) -> Value:
    # One certain true decides.
    certain = ((a.e == 0) & a.v).any(axes) | (a.e == 0).all(axes)
    return Value("bool", a.v.any(axes), np.where(certain, 0.0, np.inf))


def _slices(where):
    return tuple(slice(*item) for item in where)


def jax_table() -> dict:
    """The ops in JAX."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    def attention(q, k, v, causal):
        scores = jnp.einsum("bhsd,bhtd->bhst", q, k) * q.shape[-1] ** -0.5
        if causal:
            scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
        return jnp.einsum("bhst,bhtd->bhsd", jax.nn.softmax(scores, -1), v)

    return {
        **{name: getattr(jnp, name) for name in "abs exp log sqrt tanh sin cos floor ceil".split()},
        "neg": jnp.negative,
        "sign": jnp.sign,
        "rsqrt": lax.rsqrt,
        "erf": lax.erf,
        "relu": jax.nn.relu,
        "sigmoid": jax.nn.sigmoid,
        "silu": jax.nn.silu,
        "gelu": lambda a: jax.nn.gelu(a, approximate=False),
        "add": jnp.add,
        "sub": jnp.subtract,
        "mul": jnp.multiply,
        "max": jnp.maximum,
        "min": jnp.minimum,
        "div": jnp.divide,
        "compare": lambda a, b, kind: {
            "lt": jnp.less,
            "le": jnp.less_equal,
            "eq": jnp.equal,
            "ne": jnp.not_equal,
            "gt": jnp.greater,
        }[kind](a, b),
        "logical": lambda a, b, kind: getattr(jnp, f"logical_{kind}")(a, b),
        "where": jnp.where,
        "cast": lambda a, dtype: a.astype(DTYPES[dtype]),
        "transpose": lambda a, order: jnp.transpose(a, order),
        "reshape": lambda a, shape: jnp.reshape(a, shape),
        "broadcast": lambda a, shape: jnp.broadcast_to(a, shape),
        "slice": lambda a, where: a[_slices(where)],
        "reverse": lambda a, axis: jnp.flip(a, axis),
        "pad": lambda a, widths: jnp.pad(a, widths),
        "concat": lambda *values, axis: jnp.concatenate(values, axis),
        "sum": lambda a, axes: jnp.sum(a, axes).astype(a.dtype),
        "mean": lambda a, axes: jnp.mean(a, axes),
        "reduce_max": lambda a, axes: jnp.max(a, axes),
        "reduce_min": lambda a, axes: jnp.min(a, axes),
        "argmax": lambda a, axis: lax.argmax(a, axis, np.int32),
        "any": lambda a, axes: jnp.any(a, axes),
        "contract": lambda a, b, spec: jnp.einsum(spec, a, b),
        "softmax": lambda a, axis: jax.nn.softmax(a, axis),
        "logsumexp": lambda a, axis: jax.nn.logsumexp(a, axis),
        "layer_norm": lambda a, axis: (
            (a - a.mean(axis, keepdims=True)) * lax.rsqrt(a.var(axis, keepdims=True) + 1e-5)
        ),
        "rms_norm": lambda a, axis: a * lax.rsqrt(jnp.mean(a * a, axis, keepdims=True) + 1e-5),
        "attention": attention,
        "cumsum": lambda a, axis: jnp.cumsum(a, axis, dtype=a.dtype),
        "sort": lambda a, axis: jnp.sort(a, axis),
        "take": lambda a, i, axis: jnp.take(a, i, axis, mode="clip"),
        "conv": lambda a, w, stride, dilation, pad, groups: lax.conv_general_dilated(
            a,
            w,
            (stride, stride),
            ((pad, pad), (pad, pad)),
            rhs_dilation=(dilation, dilation),
            feature_group_count=groups,
        ),
    }


def torch_table() -> dict:
    """The ops in torch."""
    import torch
    from torch.nn import functional as F

    def one_by_one(reduce):
        def result(a, axes):
            for axis in sorted(axes, reverse=True):
                a = reduce(a, axis)
            return a

        return result

    def pad(a, widths):
        flat = [width for pair in reversed(widths) for width in pair]
        return F.pad(a, flat)

    return {
        **{
            name: getattr(torch, name)
            for name in "abs exp log sqrt rsqrt tanh erf sin cos floor ceil sign sigmoid".split()
        },
        "neg": torch.neg,
        "relu": torch.relu,
        "silu": F.silu,
        "gelu": F.gelu,
        "add": torch.add,
        "sub": torch.sub,
        "mul": torch.mul,
        "max": torch.maximum,
        "min": torch.minimum,
        "div": torch.div,
        "compare": lambda a, b, kind: getattr(torch, kind)(a, b),
        "logical": lambda a, b, kind: getattr(torch, f"logical_{kind}")(a, b),
        "where": torch.where,
        "cast": lambda a, dtype: a.to(getattr(torch, dtype)),
        "transpose": lambda a, order: a.permute(order),
        "reshape": lambda a, shape: a.reshape(shape),
        "broadcast": lambda a, shape: a.expand(shape),
        "slice": lambda a, where: a[_slices(where)],
        "reverse": lambda a, axis: torch.flip(a, (axis,)),
        "pad": pad,
        "concat": lambda *values, axis: torch.cat(values, axis),
        "sum": lambda a, axes: torch.sum(a, axes, dtype=a.dtype),
        "mean": lambda a, axes: torch.mean(a, axes),
        "reduce_max": lambda a, axes: torch.amax(a, axes),
        "reduce_min": lambda a, axes: torch.amin(a, axes),
        "argmax": lambda a, axis: torch.argmax(a, axis).to(torch.int32),
        "any": one_by_one(torch.any),
        "contract": lambda a, b, spec: torch.einsum(spec, a, b),
        "softmax": lambda a, axis: torch.softmax(a, axis),
        "logsumexp": lambda a, axis: torch.logsumexp(a, axis),
        "layer_norm": lambda a, axis: F.layer_norm(a, a.shape[axis:], eps=1e-5),
        "rms_norm": lambda a, axis: a * torch.rsqrt((a * a).mean(axis, keepdim=True) + 1e-5),
        "attention": lambda q, k, v, causal: F.scaled_dot_product_attention(
            q, k, v, is_causal=causal
        ),
        "cumsum": lambda a, axis: torch.cumsum(a, axis, dtype=a.dtype),
        "sort": lambda a, axis: torch.sort(a, axis).values,
        "take": lambda a, i, axis: torch.index_select(a, axis, i),
        "conv": lambda a, w, stride, dilation, pad, groups: F.conv2d(
            a, w, None, stride, pad, dilation, groups
        ),
    }


def worst(got: np.ndarray, want: Value) -> tuple[float, str]:
    """The largest error in units of its bound, and where it is."""
    assert got.shape == want.shape, f"shape {got.shape}, expected {want.shape}"
    assert got.dtype == DTYPES[want.dtype], f"dtype {got.dtype}, expected {want.dtype}"
    if got.size == 0:
        return 0.0, ""
    number = got.astype(np.float64) if want.dtype in FLOATS else got
    with np.errstate(all="ignore"):
        same = (number == want.v) | ((number != number) & (want.v != want.v))
        # float64 is checked against itself: both may be off.
        bound = want.e * (2 if want.dtype == "float64" else 1)
        error = np.abs(number.astype(np.float64) - want.v.astype(np.float64)) / bound
    error = np.where(same | np.isinf(bound), 0.0, np.nan_to_num(error, nan=np.inf))
    at = np.unravel_index(int(error.argmax()), error.shape)
    return float(error[at]), (
        f"at {tuple(map(int, at))}: got {number[at]}, expected {want.v[at]} +- {bound[at]:.3g}"
    )
