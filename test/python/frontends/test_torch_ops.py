"""Ops that torch-mlir does not lower, or not right, against torch."""

import pytest

import plait

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")

flex_attention = pytest.importorskip("torch.nn.attention.flex_attention").flex_attention

NAN, INF = float("nan"), float("inf")


def check(model, *args, dynamic_shapes=None, more=()):
    """Compiled once, equal to torch for ``args`` and for every tuple in ``more``."""
    exe = plait.compile(plait.from_torch(model, args, dynamic_shapes=dynamic_shapes))
    for values in (args, *more):
        kept = [value.clone() for value in values]
        # Sums are reassociated, special functions are good to a few units in the last place.
        torch.testing.assert_close(
            exe(*values), model(*values), rtol=1e-5, atol=2e-6, equal_nan=True
        )
        assert all(map(torch.equal, map(torch.nan_to_num, values), map(torch.nan_to_num, kept)))


def numbers(*shape):
    torch.manual_seed(0)
    return torch.randn(*shape)


def test_sort():
    x = numbers(3, 5)
    x[0, 1] = x[2, 4] = NAN
    x[1] = x[1].round()  # Equal elements: the order is torch's stable one.

    def model(x, i, u):
        up, down = dict(stable=True), dict(stable=True, descending=True)
        return [
            *(torch.sort(x, dim=d, **order) for d in (0, 1) for order in (up, down)),
            x.argsort(dim=1, stable=True), i.sort(dim=0, stable=True), u.sort(**down),
            x[1].topk(2)[0], x[:2].topk(3, 1, largest=False)[0], i.kthvalue(2, 0)[0],
            x.median(), x[1:2].median(1, keepdim=True)[0], x.nanmedian(1)[0], x.msort(),
            x[0, 0].sort(), torch.sort(x > 0, dim=1, stable=True), x[1].mode()[0],
            (x > 0).mode(0)[0], i.mode(0, keepdim=True)[0], i.float().mode(1)[0], x[1, 0].mode(),
        ]  # fmt: skip

    ints = torch.tensor([[3, -1, 2], [-5, 4, 2]])
    check(model, x, ints, torch.tensor([200, 3, 100, 3], dtype=torch.uint8))
    check(lambda x: x.sort(stable=True), numbers(1000).round(decimals=1).to(torch.bfloat16))


def test_places_of_extremes():
    """The first NaN is the greatest and the least, and equal numbers keep their order."""
    x = torch.tensor([[1, NAN, 3], [2, 5, 5], [NAN, NAN, 0], [-INF, -INF, -INF], [0, -0.0, INF]])

    def model(x):
        return [
            *(f(x, d) for f in (torch.argmax, torch.argmin, torch.max, torch.min) for d in (0, 1)),
            x[0, 0].softmax(0), x[0, 1].log_softmax(-1),
            x[0, 0].max(0), x[0, 0].min(-1), x[0, 0].prod(0), (x[0, 0] > 0).prod(0),
            x.argmax(), x.argmin(), x[1].argmax(), x.aminmax(dim=1), x.max(), x.bfloat16().max(1),
        ]  # fmt: skip

    check(model, x, more=[(-x,), (x.flip(1),), (x.nan_to_num(7.0),)])


def test_running():
    x = numbers(4, 5)

    def model(x, y, i):
        return [
            *(f(x, d) for f in (torch.cumsum, torch.cumprod, torch.logcumsumexp) for d in (0, 1)),
            *(f(y, d) for f in (torch.cummax, torch.cummin, torch.cumsum) for d in (0, 1)),
            i.cumsum(0), i.cummax(1), (i > 0).cumsum(1), x[0, 0].cumsum(0), x.logcumsumexp(-1),
            x.to(torch.float64).cumsum(0), i.cumsum(0, dtype=torch.float32),
        ]  # fmt: skip

    y = torch.tensor([[1, NAN, 3, INF], [2, 2, NAN, INF], [2, 5, -INF, 0]])
    check(model, x, y, torch.tensor([[1, 3, 3], [-4, 2, 3]], dtype=torch.int32))
    long = numbers(100_000)  # In float32 the sum would drift.
    check(lambda x: x.cumsum(0), long)


def test_scatter():
    x, source = numbers(3, 5), numbers(2, 4)
    index = torch.tensor([[0, 2, 1, 0], [0, 2, 2, 0]])

    def model(x, index, source):
        y = x.clone()
        y.scatter_(0, index, 4.0)
        how, both = ("sum", "prod", "mean", "amax", "amin"), (True, False)
        return [
            y, x.scatter(0, index, source), x.scatter(1, index, source),
            x.scatter_add(0, index, source),
            x.scatter(0, index, source, reduce="multiply"),
            *(x.scatter_reduce(0, index, source, h, include_self=s) for h in how for s in both),
            (x * 10).int().scatter_reduce(0, index, (source * 10).int(), "mean"),
        ]  # fmt: skip

    check(model, x, index, source)
    exe = plait.compile(plait.from_torch(model, (x, index, source)))
    for wrong in (3, -1):
        with pytest.raises(plait.ArgumentError, match="index out of range"):
            exe(x, torch.full_like(index, wrong), source)


def test_index_put():
    x, rows = numbers(4, 3, 5), torch.tensor([0, -1, 0])

    def model(x, rows, mask):
        a, b, c, d, e = (x.clone() for _ in range(5))
        a[rows] = a[:3] * 2
        b[:, :, rows] = torch.arange(3.0)
        c[rows, :, rows] = torch.ones(3, 3)
        d[mask] = 0.5
        e[mask[:, 0, 0]] = torch.arange(5.0)
        one = torch.ones(())
        return [
            a, b, c, d, e,
            x.index_put((rows, rows), one, accumulate=True),
            x.index_add(0, rows.abs(), x[:3], alpha=2), x.index_fill(0, rows.abs(), 7.0),
            x.index_copy(2, rows[:2].abs(), x[:, :, :2]),
            x.index_reduce(0, rows.abs(), x[:3], "amax"),
            x[mask], x[mask[:, 0, 0]], mask.nonzero(), x.masked_fill(mask, 3.0),
            x.masked_scatter(mask, x.flip(0)), mask.sum(0).nonzero(), x.put(rows, x[0, 0, :3]),
        ]  # fmt: skip

    check(model, x, rows, x > 0.3, more=[(x + 1, rows - 1, x > 5), (-x, -rows, x > -9)])


def test_unique_and_search():
    def model(i, edges, x, bare):
        return [
            i.unique(return_inverse=True, return_counts=True),
            i.unique_consecutive(return_inverse=True, return_counts=True),
            torch.searchsorted(edges, x), torch.searchsorted(edges, x, right=True),
            torch.bucketize(x, edges[0], right=True), torch.searchsorted(edges[1], 0.3),
            torch.cdist(x, edges), torch.cdist(x, edges, p=1.0), bare.unique(),
            *(i.unique(dim=d, return_inverse=True, return_counts=True) for d in (0, 1)),
            i[:, :2].unique_consecutive(dim=0, return_counts=True), i[:0].unique(dim=0),
            edges.round().unique(dim=1), i[:0].unique(),
        ]  # fmt: skip

    i = torch.tensor([[3, 1, 1], [3, 3, 0]])
    edges = numbers(2, 6).sort()[0]
    check(model, i, edges, torch.cat([edges[:, :2], numbers(2, 4)], 1), numbers(1)[0])


def test_special_functions():
    x = torch.tensor([0.0, 1.0, -3.0, 2.0, 170.0, INF, NAN, -1e-30, -1e-40])
    x = torch.cat([numbers(200) * 6, x])
    unit = torch.cat([torch.linspace(-1, 1, 201), torch.tensor([0.9999999, -1.5, NAN])])

    def model(x, unit):
        return [
            unit.erfinv(), x.lgamma(), x.digamma(), x.erfc(), torch.special.log_ndtr(x),
            x.sinc(), torch.xlogy(x.abs(), x.abs()), torch.logaddexp(x, -x),
            unit.fmod(0.3), x.fmod(unit[:1]), x[0].fmod(unit[3]), x.bfloat16().fmod(3),
        ]  # fmt: skip

    check(model, x, unit)


def test_small_numbers_in_double():
    """log1p is not log(1 + x), nor expm1 exp(x) - 1."""
    small = [0.0, -0.0, 1e-300, -1e-20, 1e-8, 0.5, -0.7, -1.0, INF, -INF, NAN, 800.0, -800.0]
    x = torch.cat([torch.tensor(small, dtype=torch.float64), numbers(100).double() * 1e-4])
    exe = plait.compile(plait.from_torch(lambda x: (x.log1p(), x.expm1()), (x,)))
    for one, other in zip(exe(x), (x.log1p(), x.expm1()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-14, atol=0, equal_nan=True)
        assert torch.equal(one[:2].signbit(), other[:2].signbit())


def test_unsigned_bytes():
    """Their upper half is not negative."""

    def of_two(x, y, f):
        both = x + y, x - y, x * y, x / y, x // y, x % y, torch.maximum(x, y), torch.minimum(x, y)
        order = x < y, x >= y, x == y, torch.where(x > y, x, y), torch.where(x > 9, x, f)
        return *both, *order, x * f, x + y.to(torch.int16), x[None] @ y[:, None]

    def of_one(x):
        numbers = x + 200, 5 - x, x * 0.5, x / 255, x // 7, x % 7, x**3, x == 200, x > 100, x < 128
        sums = x.sum(), x.sum(0, dtype=torch.int32), x.prod(), x.max(), x.min(0).values
        more = x.mean(dtype=torch.float32), torch.ldexp(x, x % 3), torch.cat([x, x / 2])
        padded = torch.nn.functional.pad(x, (1, 2), value=250)
        return (
            *numbers,
            *sums,
            *more,
            padded,
            x.abs(),
            -x,
            torch.cat([x, x]).sum(),
            torch.bincount(x),
        )

    x = torch.tensor([200, 250, 3, 128, 127, 255, 1], dtype=torch.uint8)
    check(of_two, x, x.flip(0), torch.linspace(0.0, 300, 7))
    check(of_one, x)


def test_constants_compared_with_numbers():
    def compare(x):
        kept = [torch.full((2,), value) for value in (3.0, -3.0, 0.5)]
        kept.append(torch.full((), 2.0, dtype=torch.float64))
        orders = torch.lt, torch.le, torch.gt, torch.ge, torch.eq, torch.ne
        return [order(a, number) for a in kept for order in orders for number in (0, 2, -4, 0.5)]

    check(compare, torch.ones(1))


def test_not_a_number():
    """It is the greater and the less of two, and stays within bounds; quotients round down."""

    def model(x, y):
        functional = torch.nn.functional
        return [
            torch.maximum(x, y), torch.minimum(x, y), x.clamp(y, y + 1), x.clamp(-1, 2),
            x.clamp(min=y), x.clamp(max=y), x.clamp(min=0.5), x.clamp(max=1), x.clamp(-1),
            functional.hardtanh(x), functional.relu6(x), x.relu(), x.fmax(y), x.fmin(y),
            x // y, x // 0.1, torch.div(x, y, rounding_mode="trunc"), x % y, x.fmod(y),
            x.bfloat16().clamp(0), x.bfloat16() // 0.1,
        ]  # fmt: skip

    x = torch.tensor([NAN, 1, -3, INF, -INF, -0.0, 5, 2, 0.3, -7.7])
    check(model, x, x.flip(0), more=[(x.roll(1), x), (x, x.roll(3)), (x, x)])
    i = torch.tensor([7, -7, -127, 127, 3], dtype=torch.int8)
    check(lambda i, j: (i // j, torch.div(i, j, rounding_mode="trunc"), i // 3), i, i.flip(0))


def test_close():
    """Infinities are close to themselves only, NaN if asked; a bool is a tensor of one."""

    @torch.jit.script
    def scripted(x, y):
        return torch.isclose(x, y, equal_nan=True), torch.where(torch.isclose(x, y), x, y)

    def model(x, y):
        whole = (x.nan_to_num(0, 9, -9) * 4).to(torch.int64)
        z = torch.complex(x, y)
        return [
            torch.isclose(x, y), torch.isclose(x, y, rtol=1e30), torch.isclose(x, y, 0, 0),
            *scripted(x, y), torch.isclose(whole, whole + 1), torch.isclose(z, z * 1.1),
            x == x, x.eq(x.clone()), torch.isclose(x, x),
        ]  # fmt: skip

    def answers(x, y):
        answers = x.allclose(x), torch.allclose(x, x, equal_nan=True), torch.equal(y, y + 0)
        return tuple(map(torch.as_tensor, (*answers, torch.allclose(x, y), torch.equal(x, y))))

    x = torch.tensor([1, NAN, INF, -INF, 0, -0.0, 2])
    check(model, x, x.flip(0), more=[(x, x)])
    check(answers, x, torch.arange(7.0))


def test_rules_of_zeros_and_infinities():
    odd = torch.tensor([NAN, INF, -INF, 0.0, -0.0, 1e-40, -1e-40, 0.5, -2.5])
    x, y = torch.cartesian_prod(odd, odd).T.contiguous()

    def model(x, y):
        values = torch.fmax(x, y), torch.fmin(x, y), x.trunc(), x.fix(), torch.atan2(x, y)
        values = *values, x.clamp(-1, 1) // y.clamp(-1, 1).round()
        return [*values, *(torch.signbit(v) & (v == 0) for v in values), torch.hypot(x, y)]

    check(model, x, y)
    gelu = torch.nn.functional.gelu
    kinds = torch.float32, torch.float64, torch.bfloat16
    check(lambda x: [gelu(x.to(k), approximate="tanh") for k in kinds], torch.linspace(-6, 6, 99))
    check(lambda x: (gelu(x), gelu(x, approximate="tanh")), odd.to(torch.float64))


def test_maxima_over_several_dimensions():
    """Also over those of one element, where a maximum is that of maxima."""
    check(lambda x: (x.amax((0, 1, 2, 3)), x.amin((1, 3)), x.amax()), numbers(3, 2, 1, 2))


def test_places_of_maxima():
    """The first of equal ones, the last NaN; padding is none of them."""
    functional = torch.nn.functional
    pool, cube = functional.max_pool2d, functional.max_pool3d

    def model(x):
        places = dict(return_indices=True)
        return [
            *(pool(x, 3, 2, 1, ceil_mode=c, **places) for c in (False, True)), pool(x, 2),
            pool(x, (3, 2), (1, 2), (1, 0), (2, 3), **places), pool(x.bfloat16(), 2, **places),
            cube(x, 2, **places), functional.max_pool1d(x[0], 3, padding=1, **places),
            functional.adaptive_max_pool2d(x, (4, 3), **places),
            pool((x.nan_to_num(0, 0, 0) * 9).to(torch.int64), 2),
        ]  # fmt: skip

    x = numbers(2, 3, 9, 8).round()
    x[0, 0, 2:6, 1:5] = x[1, 2, 3, 3] = x[1, 2, 4, 3] = NAN
    x[1, 1] = -INF
    check(model, x)
    sizes = ({0: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO},)
    some = lambda x: (pool(x, 3, 2, 1, ceil_mode=True, return_indices=True), pool(x, 2))  # noqa: E731
    check(some, x, dynamic_shapes=sizes, more=[(numbers(3, 3, 8, 8),), (x[:, :, :5],)])


def test_derivatives_as_a_graph():
    """What the message about torch.func says to do."""
    from torch.fx.experimental.proxy_tensor import make_fx

    x = numbers(3)
    check(make_fx(torch.func.hessian(lambda y: (y.sin() ** 2).sum() * y[0]))(x), x)
    y = numbers(3, 4)
    scatter = torch.diagonal_scatter
    check(lambda y: [scatter(y, y[0, :k], o) for o, k in ((0, 3), (1, 3), (-1, 2), (3, 1))], y)


def test_tensors_without_dimensions_or_elements():
    """torch-mlir refuses the first and dies of the others."""
    x, scalar, first = numbers(4, 0), torch.tensor(2.0), torch.tensor(0)

    def model(x, scalar, first):
        weight = scalar.expand(2)
        return [
            scalar.gather(0, first), scalar.take(first - 1), scalar.take(first.expand(2)),
            x.unflatten(1, (2, 0, 3)), x.reshape(-1, 4)[:, :2], x.T.reshape(2, 0, 3),
            torch.nn.functional.group_norm(scalar.expand(2, 2)[:0], 1, weight, weight),
        ]  # fmt: skip

    check(model, x, scalar, first)


def test_narrow_numbers_do_not_overflow():
    x = numbers(3, 40) * 200

    def model(x, small):
        norm = torch.nn.functional.rms_norm
        return [
            norm(x, (40,)), norm(small, (40,)), norm(small, (40,), x[0], 1e-9),
            torch.linalg.vector_norm(x / 20, 6, (1,)),
        ]  # fmt: skip

    check(model, x, x / 1e6)  # The least number to add is that of the dtype.
    args = x.half(), (x / 1e6).half()
    exe = plait.compile(plait.from_torch(model, args))
    for one, other in zip(exe(*args), model(*args), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=0)


def test_small_numbers_of_units():
    x = torch.tensor([-1e-30, -1e-7, -1e-3, -2.0, -INF, INF, NAN, 3.0, -0.0])
    exe = plait.compile(plait.from_torch(lambda x: [F(x) for F in _UNITS], (x,)))
    for one, other in zip(exe(x), (F(x) for F in _UNITS), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=0, equal_nan=True)
        assert torch.equal(one.signbit(), other.signbit())


_UNITS = (torch.nn.functional.elu, torch.selu, torch.celu)


def test_bounds_of_whole_numbers():
    x, bound = torch.arange(-4, 5), torch.tensor(2)

    def model(x, bound):
        truth, limit = x > 0, bound > 5
        return [
            x.clamp(max=bound), x.clamp(-bound, bound), x.int().clamp_min(bound),
            truth.clamp_max(limit), torch.nn.functional.hardtanh(x, -0.5, 2.5),
        ]  # fmt: skip

    check(model, x, bound)


def test_negated_whole_numbers():
    for kind in (torch.int64, torch.int32, torch.int8):
        most = torch.iinfo(kind).max
        check(lambda x: -x, torch.tensor([most, -most, most // 2 + 1, 0, 5], dtype=kind))


def test_pads_that_cut():
    pad = torch.nn.functional.pad

    def model(x):  # The first keeps the shape.
        return pad(x, (0, 0, 1, -1)), pad(x, (-1, 2, -2, 3), value=3.0), pad(x, (-2, -1))

    check(model, numbers(2, 5, 4))


def test_powers_of_whole_numbers():
    x = torch.tensor([-7, 0, 2, 11], dtype=torch.int32)
    check(lambda x: (x**0, x**1, x**2, x**7, x.to(torch.int64) ** 13, x.to(torch.int8) ** 2), x)


def test_complex():
    def rotary(x, angle):
        turn = torch.polar(torch.ones_like(angle), angle)
        return torch.view_as_real(torch.view_as_complex(x) * turn), turn.cumsum(0)

    check(rotary, numbers(5, 3, 2), numbers(5, 3))


def test_control_flow():
    def branch(x):
        return torch.cond(
            x.sum() > 0, lambda x: (x + 1, x.cumsum(0)), lambda x: (x.sin(), x - 1), (x,)
        )

    check(branch, numbers(5), more=[(-numbers(5),), (numbers(5) + 9,)])

    def halve(x):
        return torch.while_loop(
            lambda i, x: (i < 10) & (x.abs().max() > 1),
            lambda i, x: (i + 1, x / 2),
            (torch.tensor(0), x),
        )

    check(halve, numbers(5) * 20, more=[(numbers(5) * 1e9,), (numbers(5) / 9,)])


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent(kind):
    """One loop over time, whatever its length."""
    torch.manual_seed(0)
    model = getattr(torch.nn, kind)(5, 4, 2, bidirectional=True, batch_first=True).eval()
    x = numbers(2, 12, 5)
    check(model, x)
    assert plait.from_torch(model, (x,)).text.count("scf.for") < 30


def test_embedding_bag():
    bag = torch.nn.functional.embedding_bag

    def model(i, table, weights):
        ends = torch.tensor([0, 0, 3, 7])
        return [
            bag(i, table, ends, mode="sum", per_sample_weights=weights),
            *(bag(i, table, ends, mode=m, padding_idx=2) for m in ("sum", "mean", "max")),
            *(bag(i, table, ends, mode=m, include_last_offset=True) for m in ("mean", "max")),
            bag(i[:6].view(2, 3), table, mode="mean"),
        ]  # fmt: skip

    check(model, torch.tensor([0, 2, 1, 2, 2, 5, 0]), numbers(6, 3), numbers(7))


def test_quantized_as_torch_ao_does():
    """What torch.ao's quantizers insert: scales of the tensor, of channels."""
    import torch.ao.quantization.fx._decomposed  # It defines them.

    ops = torch.ops.quantized_decomposed
    limits = (-128, 127, torch.int8)

    def model(x, w):
        scales, zeros = torch.tensor([0.01, 0.02, 0.05]), torch.tensor([0, 3, -2])
        i = ops.quantize_per_tensor(x, 0.05, 3, *limits)
        k = ops.quantize_per_channel(w, scales, zeros, 0, *limits)
        a = ops.dequantize_per_tensor(i, 0.05, 3, *limits)
        b = ops.dequantize_per_channel(k, scales, zeros, 0, *limits)
        return i, k, torch.nn.functional.linear(a, b)

    check(model, numbers(4, 5), numbers(3, 5))


@torch.library.custom_op("somebody::double", mutates_args=())
def double(x: torch.Tensor) -> torch.Tensor:
    return x * 2


double.register_fake(torch.empty_like)

REFUSED = {
    "aten.quantize_per_tensor": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
    "somebody.double": lambda x: double(x) + 1,
    "aten.multinomial": lambda x: torch.multinomial(x.abs(), 2),
    "aten._linalg_eigh": lambda x: torch.linalg.eigh(x)[0],
    "aten.i0": lambda x: torch.i0(x),
    "aten.one_hot": lambda x: torch.nn.functional.one_hot(x.to(torch.int64)),
    "Tensor.item": lambda x: x * x.sum().item(),
    "__bool__": lambda x: x if x.sum() > 0 else -x,
    "aten.allclose": lambda x: torch.tensor(torch.ops.aten.allclose(x, x)),
    "aten.logcumsumexp": lambda x: torch.complex(x, x).logcumsumexp(0),
    "torch.func.jacfwd": lambda x: torch.func.hessian(lambda y: y.sin().sum())(x),
    "aten._nested_tensor_from_tensor_list": lambda x: torch.nested.nested_tensor([x, x]),
    "aten.geqrf": lambda x: torch.geqrf(x)[0],
    "aten.ctc_loss.Tensor": lambda x: torch.nn.functional.ctc_loss(
        x[:, None], torch.ones(1, 2, dtype=torch.int64), torch.tensor([4]), torch.tensor([2])
    ),
    "torch.func": lambda x: torch.func.grad(lambda y: (y.sin() @ x).sum())(x),
    "flex_attention": lambda x: flex_attention(*[x.expand(1, 1, 4, 4)] * 3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    with pytest.raises(plait.FrontendError, match=rf"{name}.* at File .*line \d+, in forward"):
        plait.from_torch(REFUSED[name], (numbers(4, 4),))


@pytest.mark.parametrize(
    "model, hint",
    [
        (lambda x: torch.nn.functional.one_hot(x.to(torch.int64)), "pass num_classes="),
        (lambda x: x if x.sum() > 0 else -x, "choose with torch.where or torch.cond"),
        (lambda x: torch.rand_like(x), "pass random tensors as arguments"),
        (lambda x: torch.func.jvp(torch.sin, (x,), (x,)), "make_fx"),
    ],
)
def test_refused_with_advice(model, hint):
    with pytest.raises(plait.FrontendError, match=hint):
        plait.from_torch(model, (numbers(4, 4),))


@pytest.mark.parametrize("kind", ["fails", "dies"])
def test_an_op_of_many_on_a_line_is_found(kind, monkeypatch):
    """torch-mlir does not say which op it fails at, or dies of; each is tried alone."""
    from plait.frontends._torch import decompositions

    aten, known = torch.ops.aten, decompositions.table()
    for op in (aten.sum.default, aten.sum.dim_IntList, aten.empty_strided.default):
        known.pop(op)
    monkeypatch.setattr(decompositions, "table", lambda: known)

    def model(x):
        z = torch.complex(x, x)
        return (x + 1) * 2, x.new_full((2, 0), 3) if kind == "fails" else z.sum()

    with pytest.raises(plait.FrontendError, match=r"aten\.(sum|empty_strided).*at File .*line"):
        plait.from_torch(model, (numbers(4, 4),))


def test_an_import_has_a_limit(monkeypatch):
    monkeypatch.setenv("PLAIT_IMPORT_SECONDS", "0.001")
    with pytest.raises(plait.FrontendError, match=r"no answer after 0.001 s, which PLAIT_IMPORT"):
        plait.from_torch(lambda x: x + 1, (numbers(3),))
    monkeypatch.setenv("PLAIT_IMPORT_SECONDS", "soon")
    with pytest.raises(plait.FrontendError, match="expects seconds, got 'soon'"):
        plait.from_torch(lambda x: x + 1, (numbers(3),))
    monkeypatch.setenv("PLAIT_IMPORT_SECONDS", "0")
    check(lambda x: x + 1, numbers(3))
