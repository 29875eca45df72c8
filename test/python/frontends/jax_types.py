"""JAX's ops by element type: the ends of its range, NaN, infinity and -0, sizes of 1 and 0.

The second table of docs/Ops-jax.md, which `jax_ops.py` writes and `test_jax_ops.py` checks.
"""

import ml_dtypes
import numpy as np

import plait

TYPES = ("float32", "float16", "bfloat16", "int32", "int8", "uint32", "bool")

#: Ops of one element.
EACH = {
    "lax": """
        abs acos acosh asin asinh atan atanh bitwise_not cbrt ceil clz cos cosh digamma erf erf_inv
        erfc exp exp2 expm1 floor is_finite lgamma log log1p logistic neg population_count round
        rsqrt sign sin sinh sqrt square tan tanh
    """,
    "jnp": "isinf isnan isposinf logical_not nan_to_num rint signbit sinc trunc",
    "nn": "celu elu gelu hard_sigmoid log_sigmoid mish relu relu6 silu softplus",
}
#: Ops of two elements: of every pair.
PAIRS = {
    "lax": """
        add atan2 bitwise_and bitwise_or bitwise_xor div eq ge gt le lt max min mul ne nextafter pow
        rem shift_left shift_right_arithmetic shift_right_logical sub
    """,
    "jnp": """
        copysign divmod float_power floor_divide fmax fmin fmod heaviside hypot isclose logaddexp
        logical_and logical_xor maximum minimum power remainder true_divide
    """,
}
#: Ops of lines, along either dimension.
LINES = {
    "jnp": """
        all any argmax argmin argsort count_nonzero cummax cumprod cumsum max mean median min
        nanargmax nanmax nanmin nansum prod ptp sort sum var
    """,
    "nn": "log_softmax logsumexp softmax",
}
#: Where zeros of both signs meet, any may win.
ZEROS_ALIKE = ("max", "min")
SHAPES = ((3, 4), (1, 4), (3, 1), (1, 1), (0, 4), (3, 0), (0, 0))


def numbers(dtype: str) -> np.ndarray:
    """The values at which ops go wrong."""
    if dtype == "bool":
        return np.array([False, True])
    if dtype in ("int32", "int8", "uint32"):
        info = np.iinfo(dtype)
        least = [] if info.min == 0 else [-1, -2, -7, info.min + 1]
        return np.array([0, 1, 2, 3, 7, 8, 31, 32, 100, *least, info.min, info.max], dtype)
    info = ml_dtypes.finfo(dtype)
    most, least = float(info.max), float(info.smallest_normal)
    ordinary = [0.25, 0.5, 1, 1.5, 2, 2.5, 3.75, 17, 100, 1000]
    positive = np.array([0, least, *ordinary, most, np.inf])
    return np.concatenate([positive, -positive, [np.nan]]).astype(info.dtype)


def lines(dtype: str) -> np.ndarray:
    """Rows with and without NaN, infinities, equal elements and zeros of both signs.

    No sum of them depends on its order.
    """
    if dtype == "bool":
        return np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 0, 0]], bool)
    rows = np.array(
        [[3, 1, 3, 1, 2], [0, 1, 0, 2, 0], [5, 5, 5, 5, 5], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5]]
    )
    if dtype == "uint32":
        return rows.astype(dtype)
    rows[1] = -rows[1]
    if dtype in ("int32", "int8"):
        return rows.astype(dtype)
    nan, inf = np.nan, np.inf
    special = [
        [-0.0, 0.0, -0.0, 0.0, -0.0], [-0.0] * 5, [nan, 1, 2, nan, 3], [inf, 1, 2, inf, 0.5],
        [-inf] * 5, [inf] * 5, [nan] * 5, [1, -inf, 2, 3, 4], [inf, -inf, 1, 2, 3],
    ]  # fmt: skip
    return np.concatenate([rows, special]).astype(ml_dtypes.finfo(dtype).dtype)


def shaped():
    """Ops of a matrix of any sizes."""
    from jax import lax, nn
    from jax import numpy as jnp

    places = jnp.asarray([0, 5])
    return {
        "add, broadcast": lambda x: x + x[:1] + x[:, :1],
        "broadcast_in_dim": lambda x: lax.broadcast_in_dim(x, (2, *x.shape), (1, 2)),
        "concatenate": lambda x: (jnp.concatenate([x, x]), jnp.concatenate([x, x[:, :0], x], 1)),
        "conv": lambda x: lax.conv(_floats(x)[None, None], jnp.ones((1, 1, 2, 2)), (1, 1), "SAME"),
        "cumsum": lambda x: (jnp.cumsum(x, 0), jnp.cumsum(x, 1)),
        "dot": lambda x: (x @ x.T, x.T @ x, x @ x[0], jnp.einsum("ij,ij->j", x, x)),
        "dynamic_slice": lambda x: lax.dynamic_slice(x, (x.shape[0] // 2, 1), (1, 1)),
        "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:1] * 0, (2, 3)),
        "fori_loop": lambda x: lax.fori_loop(0, x.shape[1], lambda i, s: s * (i > 1), x),
        "gather": lambda x: (x[jnp.asarray([0, -1, 0])], x[:, jnp.zeros(0, jnp.int32)]),
        "nonzero": lambda x: jnp.nonzero(x, size=5),
        "one_hot": lambda x: nn.one_hot(x, 3),
        "pad": lambda x: lax.pad(x, x.dtype.type(1), ((1, 0, 1), (0, 2, 2))),
        "reduce": lambda x: [
            (f(x, (0,)), f(x, (1,)), f(x, (0, 1)))
            for f in (lax.reduce_sum, lax.reduce_prod, lax.reduce_max, lax.reduce_min)
        ],
        "reduce_or, reduce_and": lambda x: (lax.reduce_or(x, (0,)), lax.reduce_and(x, (1,))),
        "reduce_window": lambda x: _sums(x),
        "reshape": lambda x: (x.reshape(-1), x.reshape(x.shape[1], x.shape[0]), x[None, :, None]),
        "reverse, roll": lambda x: (x[::-1, ::-1], jnp.roll(x, 1, 1)),
        "scan": lambda x: lax.scan(lambda c, row: (jnp.maximum(c, row), c), x[0] * 0, x),
        "scatter": lambda x: (x.at[places].set(x.dtype.type(1)), x.at[:, :1].add(x[:, :1])),
        "select": lambda x: jnp.where(x > 0, x, x.dtype.type(1)),
        "slice": lambda x: (x[1:], x[:, 1::2], x[:0]),
        "softmax": lambda x: (nn.softmax(x, 0), nn.softmax(x, 1)),
        "sort": lambda x: (jnp.sort(x, 0), jnp.argsort(x, 1)),
        "stack, repeat, tile": lambda x: (jnp.stack([x, x]), jnp.repeat(x, 2, 0), jnp.tile(x, 2)),
        "top_k": lambda x: lax.top_k(x, min(2, x.shape[1])),
        "transpose": lambda x: x.T,
        "tril": jnp.tril,
    }  # fmt: skip


def _floats(x):
    return x.astype("float32")


def cases(dtype: str) -> dict:
    """Names, and functions with their arguments, of what JAX takes of ``dtype``."""
    import jax
    from jax import lax, nn
    from jax import numpy as jnp

    modules = {"lax": lax, "jnp": jnp, "nn": nn}
    found = {}

    def add(name, function, *args):
        """As many of the results as JAX can give."""
        try:
            jax.eval_shape(function, *args)
        except (TypeError, ValueError, IndexError):
            return
        found[name] = (function, args)

    def named(table):
        for module, names in table.items():
            for name in names.split():
                function = getattr(modules[module], name, None) or getattr(lax, name)
                yield f"{module}.{name}", function

    v, m = jnp.asarray(numbers(dtype)), jnp.asarray(lines(dtype))
    left, right = (jnp.asarray(x) for x in np.meshgrid(v, v))
    for name, function in named(EACH):
        add(name, function, v)
    for name, function in named(PAIRS):
        add(name, function, left, right)
    for name, function in named(LINES):
        add(
            name,
            lambda x, f=function: (f(x, axis=1), f(x, axis=0), f(x[:1, :1], axis=0)),
            m,
        )
    for target in (*TYPES, "uint8"):
        add(f"astype {target}", lambda x, target=target: x.astype(target), v)
    add("lax.clamp", lambda x, y: lax.clamp(y[:1, :1][0, 0], x, y[-1, -1]), left, right)
    add("lax.top_k", lambda x: lax.top_k(x, 3), m)
    add("lax.reduce_window max", lambda x: _window(x), m)
    for name, function in shaped().items():
        takes = []
        for shape in SHAPES:
            x = jnp.asarray(np.arange(shape[0] * shape[1]).reshape(shape) % 3, dtype)
            try:
                jax.eval_shape(function, x)
            except (TypeError, ValueError, IndexError):
                continue
            takes.append(x)
        if takes:
            found[name] = (lambda *xs, f=function: [f(x) for x in xs], tuple(takes))
    return found


def _sums(x):
    from jax import lax

    return lax.reduce_window(x, x.dtype.type(0), lax.add, (2, 1), (1, 1), "SAME")


def _window(x):
    from jax import lax

    least = -np.inf if x.dtype.kind not in "iub" else np.iinfo(x.dtype).min
    return lax.reduce_window(x, x.dtype.type(least), lax.max, (2, 2), (1, 1), "SAME")


def wrong(cases: dict) -> list[str]:
    """The names of cases whose results, compiled together, differ from JAX's."""
    import jax

    functions, arguments = zip(*cases.values(), strict=True)

    def together(*arguments):
        return [f(*args) for f, args in zip(functions, arguments, strict=True)]

    got = plait.compile(plait.from_jax(together, *arguments))(*arguments)
    want = jax.jit(together)(*arguments)
    return [
        name
        for name, *pair in zip(cases, got, want, strict=True)
        if not all(
            _equal(name, *leaves) for leaves in zip(*map(jax.tree.leaves, pair), strict=True)
        )
    ]


def _equal(name, got, want) -> bool:
    got, want = np.asarray(got), np.asarray(want)
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    if got.dtype.kind in "biu":
        return bool((got == want).all())
    info = ml_dtypes.finfo(got.dtype)
    relative = 2e-5 if got.dtype == np.float32 else 4 * float(info.eps)
    # About 1, lgamma is as far from 0 as f32 is fine there.
    absolute = 1e-6 if "lgamma" in name else float(info.smallest_normal)
    if not any(part in name for part in ZEROS_ALIKE):
        number = ~np.isnan(want)
        if (np.signbit(got) != np.signbit(want))[number].any():
            return False
    got, want = got.astype(np.float64), want.astype(np.float64)
    return np.allclose(got, want, relative, absolute, equal_nan=True)


def _said(cases: dict) -> dict[str, str]:
    """What the page says of cases; a refused one is found by itself."""
    try:
        differ = wrong(cases)
    except plait.FrontendError:
        if len(cases) == 1:
            return dict.fromkeys(cases, "refused")
        return {name: _said({name: case})[name] for name, case in cases.items()}
    return {name: "**wrong**" if name in differ else "equal" for name in cases}


def table() -> list[str]:
    """The lines of the page."""
    cells = {}
    for dtype in TYPES:
        todo = list(cases(dtype).items())
        for start in range(0, len(todo), 25):
            for name, said in _said(dict(todo[start : start + 25])).items():
                cells.setdefault(name, {})[dtype] = said
                print(dtype, name, said, flush=True)
    lines = [f"| call | {' | '.join(TYPES)} |", "|---" * (len(TYPES) + 1) + "|"]
    for name in sorted(cells):
        lines.append(f"| `{name}` | {' | '.join(cells[name].get(d, '-') for d in TYPES)} |")
    return lines
