"""What works of JAX, op by op: the cases of docs/Ops-jax.md, which this writes.

`python test/python/frontends/jax_ops.py` runs every case by itself against JAX
and writes the page; `test_jax_ops.py` holds the page to it.
"""

from collections.abc import Callable
from pathlib import Path

import jax_types
import numpy as np

import plait

PAGE = Path(__file__).parents[3] / "docs" / "Ops-jax.md"
HEAD = """# JAX, op by op

Every line is a call that `test/python/frontends/test_jax_ops.py` compiles and compares with
JAX: *equal* is bit for bit for integers and booleans, and to a few units in the last place for
floats. *refused* means that `plait.from_jax` raises a `FrontendError` that names the op and the
line of the source. `python test/python/frontends/jax_ops.py` writes this page.

"""
TYPES_HEAD = """
## By element type

Each op on the numbers at which ops go wrong: the ends of the type's range, zeros of both signs,
NaN, infinities; and on matrices with sizes of 1 and 0. A dash: JAX does not take the type. Which
of two zeros is the greater is not compared, nor are floats below the normal ones, which XLA
makes zero.

"""


def cases() -> dict[str, tuple[Callable, tuple]]:
    """`module.name: variant` to a function and its arguments."""
    import jax
    from jax import lax, nn, random
    from jax import numpy as jnp

    rng = np.random.default_rng(3)

    def floats(*shape, dtype=np.float32):
        return jnp.asarray(rng.standard_normal(shape).astype(dtype))

    x, y, m, row = floats(4, 6), floats(4, 6), floats(6, 5), floats(6)
    positive, unit = jnp.abs(x) + 0.1, jnp.tanh(x) * 0.9
    cube, image, weights = floats(2, 3, 4), floats(2, 6, 8, 3), floats(3, 3, 3, 4)
    i = jnp.asarray(rng.integers(-9, 9, (4, 6)), jnp.int32)
    j = jnp.asarray(rng.integers(1, 9, (4, 6)), jnp.int32)
    b, at = x > 0, jnp.asarray([3, 0, 2, 2], jnp.int32)
    z = floats(4, 6) + 1j * floats(4, 6)
    key, square = random.key(7), jnp.asarray(np.eye(3) + 0.1, jnp.float32)
    table = {}

    def add(module, names, *args, of=None, **options):
        for name in names.split():
            function = getattr(of or modules[module], name)
            table[f"{module}.{name}"] = (
                lambda *args, function=function: function(*args, **options),
                args,
            )

    def case(name, function, *args):
        table[name] = (function, args)

    modules = {
        "lax": lax,
        "jnp": jnp,
        "nn": nn,
        "random": random,
        "fft": jnp.fft,
        "linalg": jnp.linalg,
        "special": jax.scipy.special,
        "ops": jax.ops,
    }

    # Programs.
    case("gelu of a product", lambda x, m: nn.gelu(x @ m), x, m)
    case(
        "layer norm",
        lambda x: (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5),
        x,
    )
    case("grad of a layer", jax.grad(lambda x, m: jnp.sum(nn.relu(x @ m) ** 2)), x, m)
    case("einsum of heads", lambda a: jnp.einsum("bhsd,bhtd->bhst", a, a), floats(2, 3, 4, 5))
    case("unsigned by a number", lambda j: j / jnp.uint32(3), j.astype(jnp.uint32))
    case("complex of real", lambda x: jnp.abs(x + 1j * x), x)
    case("vmap of dot", jax.vmap(lambda a: jnp.dot(a, a)), x)

    # jax.lax, elementwise.
    add("lax", "abs ceil cos erf erfc exp exp2 expm1 floor logistic neg round sign sin sinh", x)
    add("lax", "tan tanh cosh asinh is_finite square", x)
    add("lax", "asin acos atan atanh erf_inv", unit)
    add("lax", "log log1p sqrt rsqrt cbrt lgamma digamma bessel_i0e bessel_i1e", positive)
    add("lax", "acosh", positive + 1)
    add("lax", "add sub mul div max min atan2 nextafter rem", x, y)
    add("lax", "pow igamma igammac", positive, positive + 0.5)
    add("lax", "eq ne lt le gt ge", i, j)
    add("lax", "bitwise_and bitwise_or bitwise_xor", i, j)
    add("lax", "bitwise_not population_count clz", i)
    add("lax", "shift_left shift_right_logical shift_right_arithmetic", i, j)
    add("lax", "real imag conj", z)
    case("lax.complex", lax.complex, x, y)
    case("lax.integer_pow", lambda x: lax.integer_pow(x, 5), x)
    case("lax.polygamma", lambda a: lax.polygamma(jnp.ones_like(a), a), positive)
    case("lax.zeta", lambda a: lax.zeta(a + 1.5, a), positive)
    case("lax.clamp", lambda x: lax.clamp(-0.5, x, 0.5), x)
    case("lax.select", lambda b, x, y: lax.select(b, x, y), b, x, y)
    case("lax.select_n", lambda i, *xs: lax.select_n(i, *xs), i % 3, x, y, x + y)
    case("lax.convert_element_type", lambda x: lax.convert_element_type(x, jnp.int8), x * 10)
    case("lax.bitcast_convert_type", lambda x: lax.bitcast_convert_type(x, jnp.int32), x)
    case("lax.reduce_precision", lambda x: lax.reduce_precision(x, 5, 10), x)

    # jax.lax, shapes.
    case("lax.broadcast", lambda x: lax.broadcast(x, (2, 3)), row)
    case("lax.broadcast_in_dim", lambda r: lax.broadcast_in_dim(r, (4, 6), (1,)), row)
    case("lax.concatenate", lambda x, y: lax.concatenate([x, y], 1), x, y)
    case("lax.expand_dims", lambda x: lax.expand_dims(x, (0, 2)), x)
    case("lax.squeeze", lambda x: lax.squeeze(x[None], (0,)), x)
    case("lax.iota", lambda x: x + lax.broadcasted_iota(jnp.float32, (4, 6), 1), x)
    case("lax.pad: interior", lambda x: lax.pad(x, 9.0, ((1, 2, 1), (-1, 0, 2))), x)
    case("lax.reshape", lambda x: lax.reshape(x, (3, 8)), x)
    case("lax.rev", lambda x: lax.rev(x, (0, 1)), x)
    case("lax.slice", lambda x: lax.slice(x, (1, 0), (4, 5), (2, 3)), x)
    case("lax.split", lambda x: lax.split(x, (1, 5), 1), x)
    case("lax.tile", lambda x: lax.tile(x, (2, 3)), x)
    case("lax.transpose", lambda c: lax.transpose(c, (2, 0, 1)), cube)
    case("lax.dynamic_slice", lambda x, i: lax.dynamic_slice(x, (i, 9), (2, 3)), x, 1)
    case("lax.dynamic_update_slice", lambda x, i: lax.dynamic_update_slice(x, -x[:2], (i, 0)), x, 3)
    case("lax.dynamic_index_in_dim", lambda x, i: lax.dynamic_index_in_dim(x, i, 1), x, 2)

    # jax.lax, gather and scatter in their modes.
    def gather(mode):
        numbers = lax.GatherDimensionNumbers((1,), (0,), (0,))
        far = jnp.asarray([[3], [-2], [9]], jnp.int32)
        return lambda x: lax.gather(x, far, numbers, (1, 6), mode=mode, fill_value=7.0)

    def scatter(function, mode):
        numbers = lax.ScatterDimensionNumbers((1,), (0,), (0,))
        far = jnp.asarray([[3], [-2], [9], [3]], jnp.int32)
        return lambda x, y: function(x, far, y, numbers, mode=mode)

    for mode in ("clip", "fill"):
        case(f"lax.gather: {mode}", gather(mode), x)
    for mode in ("clip", "drop"):
        case(f"lax.scatter_add: {mode}", scatter(lax.scatter_add, mode), x, y)
    for name in ("scatter", "scatter_mul", "scatter_min", "scatter_max"):
        case(f"lax.{name}", scatter(getattr(lax, name), "drop"), x, y)
    case("lax.scatter_apply", lambda x, i: x.at[i].apply(jnp.sin), x, at)

    # jax.lax, reductions, windows, sorting.
    add("lax", "reduce_sum reduce_max reduce_min reduce_prod", x, axes=(0,))
    add("lax", "reduce_and reduce_or reduce_xor", i, axes=(1,))
    case("lax.reduce: two operands", _reduce_pair, x, i)
    add("lax", "argmax argmin", x, axis=1, index_dtype=np.int32)
    add("lax", "cumsum cumprod cummax cummin cumlogsumexp", x, axis=1)
    case("lax.cumsum: reverse", lambda x: lax.cumsum(x, 0, reverse=True), x)
    case("lax.associative_scan", lambda x: lax.associative_scan(jnp.maximum, x, axis=1), x)
    case("lax.sort: two keys", lambda i, x: lax.sort((i, x, -x), num_keys=2), i % 3, x)
    case("lax.sort: dimension", lambda x: lax.sort(x, 0), x)
    case("lax.sort_key_val", lambda i, x: lax.sort_key_val(i, x), i, x)
    case("lax.top_k", lambda x: lax.top_k(x, 3), x)
    case("lax.approx_max_k", lambda x: lax.approx_max_k(x, 2), x)

    def window(init, op, size, strides=(1, 1), padding="SAME", **rest):
        return lambda x: lax.reduce_window(x, init, op, size, strides, padding, **rest)

    case("lax.reduce_window: max", window(-np.inf, lax.max, (2, 3), (2, 1)), x)
    case("lax.reduce_window: min, valid", window(np.inf, lax.min, (2, 2), padding="VALID"), x)
    case("lax.reduce_window: sum, dilated", window(0.0, lax.add, (2, 2), window_dilation=(1, 2)), x)
    case("lax.reduce_window: base dilation", window(0.0, lax.add, (2, 2), base_dilation=(2, 1)), x)
    case(
        "lax.reduce_window: mul, padded", window(1.0, lax.mul, (3, 1), padding=((2, 0), (0, 1))), x
    )
    pool = window(-np.inf, lax.max, (2, 2), (2, 2), "VALID")
    case("lax.select_and_scatter", jax.grad(lambda x: (pool(x) ** 2).sum()), x)
    mean = window(0.0, lax.add, (2, 2), (2, 2))
    case("grad of an average pool", jax.grad(lambda x: (mean(x) ** 2).sum()), x)

    # jax.lax, contractions and convolutions.
    case("lax.dot", lax.dot, x, m)
    case("lax.dot_general: batched", _dot_general, cube, cube)
    case("lax.dot_general: int8", _dot_int8, i.astype(jnp.int8), j.astype(jnp.int8))
    case(
        "lax.dot_general: bf16",
        lambda x, m: lax.dot(x, m, preferred_element_type=jnp.float32),
        x.astype(jnp.bfloat16),
        m.astype(jnp.bfloat16),
    )
    case("lax.batch_matmul", lambda c: lax.batch_matmul(c, c.transpose(0, 2, 1)), cube)

    def conv(strides=(1, 1), padding="SAME", layout=("NHWC", "HWIO", "NHWC"), **rest):
        return lambda a, w: lax.conv_general_dilated(
            a, w, strides, padding, dimension_numbers=layout, **rest
        )

    a, w = image, weights
    case("lax.conv: NHWC", conv(), a, w)
    case(
        "lax.conv: NCHW",
        conv(layout=("NCHW", "OIHW", "NCHW")),
        a.transpose(0, 3, 1, 2),
        w.transpose(3, 2, 0, 1),
    )
    case(
        "lax.conv: NCHW to NHWC", conv(layout=("NCHW", "HWIO", "NHWC")), a.transpose(0, 3, 1, 2), w
    )
    case("lax.conv: strided, valid", conv((2, 1), "VALID"), a, w)
    case("lax.conv: padded", conv(padding=((2, 0), (0, 3))), a, w)
    case("lax.conv: dilated", conv(rhs_dilation=(2, 1)), a, w)
    case("lax.conv: base dilation", conv(padding=((1, 1), (2, 0)), lhs_dilation=(2, 2)), a, w)
    case("lax.conv: grouped", conv(feature_group_count=3), a, floats(3, 3, 1, 6))
    case("lax.conv: depthwise", conv(feature_group_count=3), a, floats(2, 3, 1, 3))
    case("lax.conv: batch groups", conv(batch_group_count=2), a, floats(3, 3, 3, 4))
    case(
        "lax.conv: 1-d", conv((2,), layout=("NWC", "WIO", "NWC")), floats(2, 9, 3), floats(4, 3, 5)
    )
    case(
        "lax.conv: 3-d",
        conv((1, 1, 1), layout=("NDHWC", "DHWIO", "NDHWC")),
        floats(1, 4, 5, 4, 2),
        floats(2, 2, 2, 2, 3),
    )
    case("lax.conv_transpose", lambda a, w: lax.conv_transpose(a, w, (2, 2), "SAME"), a, w)
    case(
        "lax.conv: gradients", jax.grad(lambda a, w: (conv((2, 2))(a, w) ** 2).sum(), (0, 1)), a, w
    )
    case(
        "lax.conv_general_dilated_patches",
        lambda a: lax.conv_general_dilated_patches(a, (2, 2), (1, 1), "VALID"),
        image,
    )

    # jax.lax, control flow.
    case("lax.cond", lambda x: lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), x)
    case("lax.switch", lambda i, x: lax.switch(i, [jnp.sin, jnp.cos, jnp.negative], x), 2, x)
    case(
        "lax.while_loop",
        lambda x: lax.while_loop(
            lambda s: s[1].sum() < 99,
            lambda s: (s[0] + 1, s[1] * 2, {"m": s[2]["m"] - s[1]}),
            (0, jnp.abs(x), {"m": x}),
        ),
        x,
    )
    case("lax.fori_loop", lambda x: lax.fori_loop(1, 5, lambda i, s: s * i + x, x), x)
    case(
        "lax.scan",
        lambda x, y: lax.scan(
            lambda c, e: ((c[0] + e[0], -c[1]), (c[0] * e[1], e[0])), (x[0], y[0]), (x, y)
        ),
        x,
        y,
    )
    case(
        "lax.scan: reverse, unrolled",
        lambda x: lax.scan(lambda c, e: (c * 0.5 + e, c), x[0], x, reverse=True, unroll=2),
        x,
    )
    case("lax.map", lambda x: lax.map(lambda r: jnp.tanh(r).sum(), x), x)
    case(
        "lax.reduce_window of cumsum in scan",
        lambda x: lax.scan(lambda c, e: (c + jnp.cumsum(e), c), row, x),
        x,
    )
    case(
        "lax.rng_bit_generator",
        lambda k: lax.rng_bit_generator(k, (5,), jnp.uint32),
        jnp.arange(4, dtype=jnp.uint32),
    )
    case(
        "lax.rng_bit_generator: uint8",
        lambda k: lax.rng_bit_generator(k, (5,), jnp.uint8)[1],
        jnp.arange(4, dtype=jnp.uint32),
    )

    # jax.numpy.
    add("jnp", "abs arctan ceil cos cosh deg2rad exp floor isnan negative positive", x)
    add("jnp", "rint sign signbit sin sinc sinh square tan tanh trunc nan_to_num", x)
    add("jnp", "sum prod max min mean std var median argmax argsort cumsum cumprod sort", x)
    add("jnp", "nansum nanmax nanmean ptp count_nonzero ravel flip fliplr flipud average", x)
    add("jnp", "diag diagonal trace tril triu diff gradient transpose logsumexp", x, of=_Both())
    add("jnp", "arcsinh", x)
    add("jnp", "arcsin arccos arctanh", unit)
    add("jnp", "log log2 log10 log1p sqrt cbrt reciprocal", positive)
    add("jnp", "add arctan2 copysign divide fmod heaviside hypot logaddexp maximum", x, y)
    add("jnp", "multiply subtract outer inner kron vdot isclose allclose array_equal", x, y)
    add("jnp", "power float_power", positive, y)
    add("jnp", "floor_divide remainder divmod gcd lcm left_shift right_shift mod", i, j)
    add("jnp", "bitwise_count invert", i)
    add("jnp", "matmul dot", x, m)
    case("jnp.angle", jnp.angle, z)
    case("jnp.exp: complex", jnp.exp, z)
    case("jnp.abs: complex", jnp.abs, z)
    case("jnp.matmul: complex", lambda z: z @ z.T, z)
    case("jnp.all", lambda b: (b.all(), b.any(1), jnp.logical_xor(b, ~b)), b)
    case("jnp.apply_along_axis", lambda x: jnp.apply_along_axis(jnp.cumsum, 1, x), x)
    case("jnp.array_split", lambda x: jnp.array_split(x, 4, axis=1), x)
    case("jnp.bincount", lambda i: jnp.bincount(i.ravel(), length=12), j)
    case("jnp.block", lambda x, y: jnp.block([[x, y], [y, x]]), x, y)
    case("jnp.choose", lambda i, x, y: jnp.choose(i, [x, y, x], mode="clip"), j, x, y)
    case("jnp.clip", lambda x: jnp.clip(x, -0.3, 0.3), x)
    case("jnp.compress", lambda x: jnp.compress(np.asarray([True, False, True]), x, 0, size=2), x)
    case("jnp.convolve", lambda r: jnp.convolve(r, jnp.asarray([1.0, 2, 3]), "same"), row)
    case("jnp.corrcoef", jnp.corrcoef, x)
    case("jnp.cov", jnp.cov, x)
    case("jnp.cross", lambda c: jnp.cross(c[:, :, 0], c[:, :, 1]), cube)
    case("jnp.digitize", lambda x: jnp.digitize(x, jnp.asarray([-1.0, 0, 1])), x)
    case("jnp.einsum", lambda c, m: jnp.einsum("bij,bkj,kl->bil", c, c, m[:3]), cube, m)
    case("jnp.eye", lambda x: x[:, :4] + jnp.eye(4), x)
    case("jnp.histogram", lambda x: jnp.histogram(x, 5, (-2.0, 2.0)), x)
    case("jnp.interp", lambda r: jnp.interp(r, jnp.arange(4.0) - 2, jnp.arange(4.0) ** 2), row)
    case("jnp.isin", lambda i: jnp.isin(i, jnp.asarray([1, 3, 5])), i)
    case("jnp.lexsort", lambda i, x: jnp.lexsort((x[0], i[0] % 3)), i, x)
    case("jnp.linspace", lambda x: x[0] + jnp.linspace(0, x[0, 0], 6), x)
    case("jnp.meshgrid", lambda r: jnp.meshgrid(r, r[:3]), row)
    case("jnp.moveaxis", lambda c: jnp.moveaxis(c, 0, -1), cube)
    case("jnp.nonzero: size", lambda i: jnp.nonzero(i > 0, size=9, fill_value=-1), i)
    case(
        "jnp.pad: modes",
        lambda x: [
            jnp.pad(x, ((1, 2), (2, 1)), mode=m)
            for m in ("constant", "edge", "reflect", "wrap", "symmetric")
        ],
        x,
    )
    case("jnp.partition", lambda x: jnp.partition(x, 2, 1)[:, 2], x)
    case("jnp.percentile", lambda x: jnp.percentile(x, 30.0, axis=1), x)
    case("jnp.piecewise", lambda x: jnp.piecewise(x, [x < 0, x > 1], [-1.0, jnp.sin, 0.5]), x)
    case("jnp.polyval", lambda x: jnp.polyval(jnp.asarray([1.0, -2, 3]), x), x)
    case("jnp.quantile", lambda x: jnp.quantile(x, jnp.asarray([0.1, 0.5])), x)
    case("jnp.repeat", lambda x: jnp.repeat(x, 3, 1), x)
    case("jnp.roll", lambda x, i: jnp.roll(x, (i, 2), (0, 1)), x, 3)
    case("jnp.rot90", jnp.rot90, x)
    case("jnp.searchsorted", lambda x, r: jnp.searchsorted(jnp.sort(r), x), x, row)
    case(
        "jnp.stack",
        lambda x, y: (jnp.stack([x, y], 2), jnp.vstack([x, y]), jnp.hstack([x, y])),
        x,
        y,
    )
    case(
        "jnp.take: modes",
        lambda x: [
            jnp.take(x, jnp.asarray([1, 9, -9]), 0, mode=m) for m in ("clip", "wrap", "fill")
        ],
        x,
    )
    case("jnp.take_along_axis", lambda x: jnp.take_along_axis(x, jnp.argsort(x, 1), 1), x)
    case("jnp.tensordot", lambda c: jnp.tensordot(c, c, ((0, 2), (0, 2))), cube)
    case("jnp.tile", lambda x: jnp.tile(x, (2, 1, 3)), x)
    case("jnp.trapezoid", jnp.trapezoid, x)
    case("jnp.unique: size", lambda i: jnp.unique(i, size=20), i)
    case("jnp.unravel_index", lambda j: jnp.unravel_index(j, (3, 4)), j)
    case("jnp.vander", lambda r: jnp.vander(r, 3), row)
    case("jnp.where", jnp.where, b, x, y)
    case(
        "x.at[]: set, add, mul, min, max, get",
        lambda x, i: (
            x.at[i].set(1.0),
            x.at[:, i].add(2.0),
            x.at[i, i].mul(3.0),
            x.at[1:3].min(0.0),
            x.at[i].max(0.0),
            x.at[i + 2].get(mode="fill", fill_value=5.0),
        ),
        x,
        at,
    )

    # Element types.
    for dtype in ("int8", "int16", "uint8", "uint16", "uint32", "float16", "bfloat16"):
        case(
            f"element type {dtype}",
            lambda v: (v + v * 2, v // 3, jnp.sort(v, 1), v.max(0), v > 4),
            j.astype(dtype),
        )

    case("element type float8", lambda x: x.astype(jnp.float8_e4m3fn).astype(jnp.float32), x)
    case("element type int4", lambda i: i.astype(jnp.int4).astype(jnp.int32), i)

    # jax.nn, jax.scipy, jax.random.
    add("nn", "relu relu6 sigmoid softplus silu swish log_sigmoid leaky_relu elu celu selu gelu", x)
    add("nn", "hard_tanh hard_sigmoid hard_silu mish soft_sign softmax log_softmax logsumexp", x)
    add("nn", "standardize glu squareplus", x)
    case("nn.gelu: exact", lambda x: nn.gelu(x, approximate=False), x)
    case("nn.one_hot", lambda i: nn.one_hot(i, 5), at)
    case(
        "nn.dot_product_attention",
        lambda q: nn.dot_product_attention(q, q, q, is_causal=True),
        floats(1, 5, 2, 8),
    )
    add("special", "erf erfc gammaln digamma expit log_ndtr ndtr entr", unit + 1.1)
    add("special", "erfinv logit ndtri", (unit + 1) / 2.1)
    add("special", "xlogy xlog1py gammainc", positive, positive)
    add("ops", "segment_sum segment_max segment_min segment_prod", x, at, num_segments=5)
    add("random", "bits uniform normal exponential gumbel laplace logistic rademacher", key)
    add("random", "bernoulli truncated_normal", key, of=_Random())
    case("random.split, fold_in", lambda k: random.split(random.fold_in(k, 3), 2), key)
    case("random.randint", lambda k: random.randint(k, (9,), -3, 12), key)
    case("random.permutation", lambda k, x: random.permutation(k, x), key, x)
    case("random.choice", lambda k: random.choice(k, 9, (4,), replace=False), key)
    case("random.categorical", lambda k, x: random.categorical(k, x), key, x)
    case("random.gamma", lambda k: random.gamma(k, 2.5, (3,)), key)
    case("random.key: rbg", lambda s: random.uniform(random.key(s, impl="rbg"), (4,)), 3)
    case("random.dirichlet", lambda k: random.dirichlet(k, jnp.ones(3)), key)
    case("random.poisson", lambda k: random.poisson(k, 3.0, (4,)), key)
    case("random.orthogonal", lambda k: random.orthogonal(k, 3), key)

    # Fourier transforms and linear algebra.
    add("fft", "fft ifft fft2 fftn fftshift", z)
    add("fft", "rfft rfft2", x)
    add("fft", "irfft hfft", z)
    add("linalg", "norm", x)
    case("linalg.matrix_power", lambda s: jnp.linalg.matrix_power(s, 5), square)
    case("linalg.multi_dot", lambda x, m: jnp.linalg.multi_dot([x, m, m.T]), x, m)
    add("linalg", "cholesky inv qr eigh svd det slogdet pinv eigvals", square)
    case("linalg.solve", jnp.linalg.solve, square, row[:3])
    case("linalg.expm", jax.scipy.linalg.expm, square)
    case("lax.linalg.tridiagonal_solve", _tridiagonal, row)

    # Transformations.
    case("grad", jax.grad(lambda x: jnp.sum(jnp.tanh(x) ** 3)), x)
    case("value_and_grad of a network", jax.value_and_grad(_network), (m, row[:5]), x)
    case("jacfwd", jax.jacfwd(lambda r: jnp.sin(r) * r.sum()), row)
    case("jacrev", jax.jacrev(lambda r: jnp.cumsum(r**2)), row)
    case("hessian", jax.hessian(lambda r: jnp.prod(jnp.cos(r))), row)
    case("jvp, vjp", lambda x: (jax.jvp(jnp.sin, (x,), (x,)), jax.vjp(jnp.tanh, x)[1](x)), x)
    case(
        "vmap of a while loop",
        jax.vmap(lambda v: lax.while_loop(lambda s: s < 50, lambda s: s * 2 + 1, jnp.abs(v) + 1)),
        row,
    )
    case("vmap of a gather", jax.vmap(lambda r, i: r[i]), x, at)
    case("vmap of a scatter", jax.vmap(lambda r, i: r.at[i].add(9.0)), x, at)
    case("vmap of cond", jax.vmap(lambda v: lax.cond(v > 0, jnp.sin, jnp.cos, v)), row)
    case("vmap of sort", jax.vmap(jnp.sort, 1, 1), x)
    case("vmap of random", jax.vmap(lambda k: random.normal(k, (3,))), random.split(key, 4))
    case("checkpoint", jax.grad(jax.checkpoint(lambda x: jnp.sin(jnp.sin(x)).sum())), x)
    case("custom_jvp", jax.grad(lambda x: _custom_jvp(jax)(x).sum()), x)
    case("custom_vjp", jax.grad(lambda x: _custom_vjp(jax)(x).sum()), x)
    case("nested jit", lambda x: jax.jit(lambda a: jax.jit(jnp.sin)(a) + 1)(x), x)
    case("jit: donated argument", jax.jit(lambda x: x + 1, donate_argnums=0), x)
    case(
        "pure_callback",
        lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct((4, 6), "f4"), x),
        x,
    )
    case("debug.print", lambda x: (jax.debug.print("{}", x), x)[1], x)
    return table


class _Both:
    """jnp, and functions that it lacks under that name."""

    def __getattr__(self, name):
        import jax

        if name == "logsumexp":
            return jax.scipy.special.logsumexp
        return getattr(jax.numpy, name)


class _Random:
    """Draws that want more than a key."""

    def __getattr__(self, name):
        import jax

        rest = {"bernoulli": (0.3, (8,)), "truncated_normal": (-1.0, 2.0, (8,))}[name]
        return lambda key: getattr(jax.random, name)(key, *rest)


def _reduce_pair(x, i):
    from jax import lax
    from jax import numpy as jnp

    def best(a, b):
        keep = a[0] >= b[0]
        return jnp.where(keep, a[0], b[0]), jnp.where(keep, a[1], b[1])

    return lax.reduce((x, i), (jnp.float32(-np.inf), jnp.int32(0)), best, (1,))


def _dot_general(a, b):
    from jax import lax

    return lax.dot_general(a, b, (((2,), (2,)), ((0,), (0,))))


def _dot_int8(a, b):
    from jax import lax
    from jax import numpy as jnp

    return lax.dot(a, b.T, preferred_element_type=jnp.int32)


def _tridiagonal(row):
    import jax
    from jax import numpy as jnp

    low, high = row.at[0].set(0.0), row.at[-1].set(0.0)
    return jax.lax.linalg.tridiagonal_solve(low, jnp.abs(row) + 4, high, row[:, None])


def _network(parameters, x):
    import jax
    from jax import numpy as jnp

    w, b = parameters
    return -jnp.mean(jax.nn.log_softmax(jax.nn.relu(x @ w + b))[:, 1])


def _custom_jvp(jax):
    @jax.custom_jvp
    def f(x):
        return jax.numpy.sin(x)

    f.defjvp(lambda primals, tangents: (f(*primals), 2 * tangents[0]))
    return f


def _custom_vjp(jax):
    @jax.custom_vjp
    def f(x):
        return jax.numpy.sin(x)

    f.defvjp(lambda x: (f(x), x), lambda x, g: (g * x,))
    return f


def data(value) -> np.ndarray:
    """An array, or the data of a typed key."""
    import jax

    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    return np.asarray(value)


def compare(function, args):
    """Compiles `function` and compares it with JAX; raises AssertionError."""
    import jax

    got = plait.compile(plait.from_jax(function, *args))(*args)
    want = jax.jit(function)(*args)
    assert jax.tree.structure(got) == jax.tree.structure(want)
    for g, w in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        g, w = data(g), data(w)
        assert g.dtype == w.dtype and g.shape == w.shape
        if g.dtype.kind in "biu":
            np.testing.assert_array_equal(g, w)
        else:
            narrow = g.dtype.itemsize == 2
            tolerance = {"rtol": 2e-2, "atol": 2e-2} if narrow else {"rtol": 5e-5, "atol": 5e-6}
            wide = complex if g.dtype.kind == "c" else float
            np.testing.assert_allclose(g.astype(wide), w.astype(wide), **tolerance)


def status(function, args) -> str:
    """What a line of the page says."""
    try:
        compare(function, args)
    except plait.FrontendError as error:
        return "refused: " + " ".join(str(error).splitlines()[1].split()[:-2])
    return "equal"


def main():
    lines = []
    for name, (function, args) in cases().items():
        try:
            lines.append(f"| `{name}` | {status(function, args)} |")
        except Exception as error:
            lines.append(f"| `{name}` | WRONG {type(error).__name__}: {str(error)[:300]!r} |")
        print(lines[-1], flush=True)
    equal = sum(line.endswith("| equal |") for line in lines)
    count = f"{equal} of {len(lines)} are equal.\n\n| call | |\n|---|---|\n"
    by_type = TYPES_HEAD + "\n".join(jax_types.table()) + "\n"
    PAGE.write_text(HEAD + count + "\n".join(lines) + "\n" + by_type)


if __name__ == "__main__":
    main()
