"""Fourier transforms, linear equations and norms of torch."""

import math

import torch
from torch._export.utils import _get_decomp_for_cia

from plait.frontends._torch.kernels import complex_of, kernel
from plait.frontends._torch.registry import TABLE, decomposes
from plait.frontends._torch.text import Body, type_of

_aten, _plait = torch.ops.aten, torch.ops.plait

# torch.export leaves these whole; torch says what they are made of.
for _name in """
    fft_fft fft_fft2 fft_fftn fft_fftshift fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2
    fft_ifftn fft_ifftshift fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn
    fft_rfft fft_rfft2 fft_rfftn istft linalg_norm stft
""".split():
    _packet = getattr(_aten, _name)
    for _op in (getattr(_packet, overload) for overload in _packet.overloads()):
        if _op._can_decompose():
            TABLE[_op] = _get_decomp_for_cia(_op)

# Fourier transforms ----------------------------------------------------------


def _transformed(x, kind, length):
    shape = [*x.shape[:-1], length // 2 + 1 if kind == "RFFT" else length]
    dtype = complex_of(x.dtype) if kind == "RFFT" else x.dtype
    return x.new_empty(shape, dtype=dtype.to_real() if kind == "IRFFT" else dtype)


@kernel("fft(Tensor x, str kind, int length) -> Tensor", _transformed)
def _fft(b: Body, x, kind, length):
    """A transform of the last dimension, as StableHLO has it: inverse ones divide."""
    (result,) = b.results
    how = f"<{{fft_type = #stablehlo<fft_type {kind}>, fft_length = array<i64: {length}>}}>"
    return [b.op(f'"stablehlo.fft"({x.name}) {how} : ({x.type}) -> {type_of(*result)}', *result)]


def _along(x, dim, kind, length):
    return _plait.fft(x.movedim(dim, -1), kind, length).movedim(-1, dim)


def _scaled(x, normalization, count, inverse):
    """``normalization``: 0 leaves a sum, 1 divides by the root of the count, 2 by the count."""
    scale = (1, 1 / math.sqrt(count), 1 / count)[normalization] * (count if inverse else 1)
    if scale == 1:
        return x
    return _plait.as_complex(_plait.as_real(x) * scale) if x.is_complex() else x * scale


@decomposes(_aten._fft_c2c.default)
def _c2c(x, dim, normalization, forward):
    count = math.prod(x.shape[d] for d in dim)
    for d in dim:
        x = _along(x, d, "FFT" if forward else "IFFT", x.shape[d])
    return _scaled(x, normalization, count, not forward)


@decomposes(_aten._fft_r2c.default)
def _r2c(x, dim, normalization, onesided):
    if not onesided:
        pair = torch.stack([x, torch.zeros_like(x)], -1)
        return _c2c(_plait.as_complex(pair), dim, normalization, True)
    count = math.prod(x.shape[d] for d in dim)
    x = _along(x, dim[-1], "RFFT", x.shape[dim[-1]])
    for d in dim[:-1]:
        x = _along(x, d, "FFT", x.shape[d])
    return _scaled(x, normalization, count, False)


@decomposes(_aten._fft_c2r.default)
def _c2r(x, dim, normalization, last_dim_size):
    count = math.prod(x.shape[d] for d in dim[:-1]) * last_dim_size
    for d in dim[:-1]:
        x = _along(x, d, "IFFT", x.shape[d])
    x = _along(x, dim[-1], "IRFFT", last_dim_size)
    return _scaled(x, normalization, count, True)


# Linear equations ------------------------------------------------------------


@kernel("solve(Tensor a, Tensor y) -> Tensor", lambda a, y: y.new_empty(y.shape))
def _solve(b: Body, a, y):
    """Gaussian elimination with partial pivoting of [..., n, n] and [..., n, m]."""
    zero, one = b.constant(0), b.constant(1)
    n, m = b.size(a, -1 % len(a.shape)), b.size(y, -1 % len(y.shape))
    nothing = b.constant(0, a.element)

    def each(low, high, carried, step):
        with b.loop(low, high, *carried) as loop:
            loop.next = step(loop.counter, *loop.carried)
        return loop.results

    def minus(into, place, factor, value):
        product = b.binary("arith.mulf", factor, value)
        return b.store(b.binary("arith.subf", b.load(into, place), product), into, place)

    def system(at, carried):
        def size_at(a, row, k):
            return b.op(f"math.absf {b.load(a, [*at, row, k]).name} : {a.element}", a.element)

        def swap(into, p, q, low, high):
            def step(j, into):
                first, second = b.load(into, [*at, p, j]), b.load(into, [*at, q, j])
                into = b.store(second, into, [*at, p, j])
                return [b.store(first, into, [*at, q, j])]

            return each(low, high, [into], step)[0]

        def eliminate(k, a, y):
            def better(row, best, best_row):
                size = size_at(a, row, k)
                wins = b.compare("cmpf", "ogt", size, best)
                return [b.select(wins, size, best), b.select(wins, row, best_row)]

            best, pivot = each(k, n, [nothing, k], better)
            b.check(b.compare("cmpf", "ogt", best, nothing), "the matrix is singular")
            a, y = swap(a, k, pivot, k, n), swap(y, k, pivot, zero, m)
            after = b.binary("arith.addi", k, one)

            def reduce(row, a, y):
                top = b.load(a, [*at, k, k])
                factor = b.binary("arith.divf", b.load(a, [*at, row, k]), top)

                def of(j, into):
                    return [minus(into, [*at, row, j], factor, b.load(into, [*at, k, j]))]

                return [*each(after, n, [a], of), *each(zero, m, [y], of)]

            return each(after, n, [a, y], reduce)

        a, y = each(zero, n, carried, eliminate)
        last = b.binary("arith.subi", n, one)

        def substitute(step, y):
            row = b.binary("arith.subi", last, step)
            after = b.binary("arith.addi", row, one)

            def known(k, y):
                factor = b.load(a, [*at, row, k])
                return each(zero, m, [y], lambda j, y: [
                    minus(y, [*at, row, j], factor, b.load(y, [*at, k, j]))
                ])  # fmt: skip

            (y,) = each(after, n, [y], known)
            pivot = b.load(a, [*at, row, row])
            return each(zero, m, [y], lambda j, y: [
                b.store(b.binary("arith.divf", b.load(y, [*at, row, j]), pivot), y, [*at, row, j])
            ])  # fmt: skip

        return [a, *each(zero, n, [y], substitute)]

    return b.nest(b.sizes(a)[:-2], [a, y], system)[1:]


@kernel("cholesky(Tensor x) -> Tensor", lambda x: x.new_empty(x.shape))
def _cholesky(b: Body, x):
    """The lower factor, row by row; only the lower triangle is read."""
    zero, one = b.constant(0), b.constant(1)
    n = b.size(x, -1 % len(x.shape))
    nothing = b.constant(0, x.element)

    def matrix(at, carried):
        with b.loop(zero, n, *carried) as rows:
            i, after = rows.counter, b.binary("arith.addi", rows.counter, one)
            with b.loop(zero, after, *rows.carried) as columns:
                j, (into,) = columns.counter, columns.carried
                with b.loop(zero, j, b.load(x, [*at, i, j])) as loop:
                    k, (left,) = loop.counter, loop.carried
                    pair = [b.load(into, [*at, row, k]) for row in (i, j)]
                    loop.next = [b.binary("arith.subf", left, b.binary("arith.mulf", *pair))]
                (left,) = loop.results

                def root():
                    b.check(b.compare("cmpf", "ogt", left, nothing),
                            "the matrix is not positive definite")  # fmt: skip
                    return [b.op(f"math.sqrt {left.name} : {x.element}", x.element)]

                def quotient():
                    return [b.binary("arith.divf", left, b.load(into, [*at, j, j]))]

                (entry,) = b.branch(b.compare("cmpi", "eq", i, j), root, quotient)
                columns.next = [b.store(entry, into, [*at, i, j])]
            with b.loop(after, n, *columns.results) as rest:
                rest.next = [b.store(nothing, rest.carried[0], [*at, i, rest.counter])]
            rows.next = rest.results
        return rows.results

    return b.nest(b.sizes(x)[:-2], [b.empty(x.shape, x.element, b.sizes(x))], matrix)


def _is_real(*tensors):
    return all(x.dtype in (torch.float32, torch.float64) for x in tensors)


@decomposes(_aten.linalg_solve.default)
def _linalg_solve(a, y, *, left=True):
    if not _is_real(a, y):
        return NotImplemented
    if y.dim() == 1 or (y.dim() == a.dim() - 1 and y.shape == a.shape[:-1]):
        return _linalg_solve(a, y.unsqueeze(-1), left=True).squeeze(-1)
    if not left:
        return _linalg_solve(a.mT, y.mT).mT
    batch = torch.broadcast_shapes(a.shape[:-2], y.shape[:-2])
    return _plait.solve(a.expand(*batch, *a.shape[-2:]), y.expand(*batch, *y.shape[-2:]))


@decomposes(_aten.linalg_inv.default, _aten.inverse.default)
def _linalg_inv(x):
    if not _is_real(x):
        return NotImplemented
    return _plait.solve(x, torch.eye(x.shape[-1], dtype=x.dtype).expand(x.shape))


@decomposes(_aten.linalg_cholesky.default, _aten.cholesky.default)
def _linalg_cholesky(x, upper=False):
    if not _is_real(x):
        return NotImplemented
    return _plait.cholesky(x.mT).mT if upper else _plait.cholesky(x)


@decomposes(_aten.linalg_vector_norm.default)
def _vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """Of narrow floats as float32s: their powers overflow."""
    if not x.dtype.is_floating_point or x.dtype.itemsize > 2:
        return NotImplemented
    kind = dtype or x.dtype
    wide = x.to(torch.promote_types(kind, torch.float32))
    return torch.linalg.vector_norm(wide, ord, dim, keepdim).to(kind)
