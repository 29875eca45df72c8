"""Comparisons of torch, and what is chosen by them: NaN, zeros of both signs, whole numbers."""

import torch
from torch.overrides import TorchFunctionMode

from plait.frontends._torch import complex_numbers  # noqa: F401 - it registers.
from plait.frontends._torch.registry import TABLE, decomposes

_aten = torch.ops.aten


class AsTensors(TorchFunctionMode):
    """What torch answers with a bool, which no trace knows, as a tensor of one bool."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in (torch.allclose, torch.Tensor.allclose):
            return torch.isclose(*args, **(kwargs or {})).all()
        if function in (torch.equal, torch.Tensor.equal):
            x, y = args
            return (x == y).all() if x.shape == y.shape else False
        return function(*args, **(kwargs or {}))


def _without_nan(wins):
    """The first of two equal ones: zeros have signs."""

    def decomposition(x, y):
        x, y = torch.broadcast_tensors(x, y)
        kind = torch.promote_types(x.dtype, y.dtype)
        x, y = x.to(kind), y.to(kind)
        return torch.where(wins(x, y) | (y != y), x, y)

    return decomposition


TABLE[_aten.fmax.default] = _without_nan(torch.ge)
TABLE[_aten.fmin.default] = _without_nan(torch.le)


@decomposes(_aten.trunc.default, _aten.fix.default)
def _trunc(x):
    """torch-mlir's own gives the zero of a small negative number no sign."""
    if not x.dtype.is_floating_point:
        return NotImplemented
    return torch.where(torch.signbit(x), torch.ceil(x), torch.floor(x))


@decomposes(_aten.isclose.default)
def _isclose(x, y, rtol=1e-05, atol=1e-08, equal_nan=False):
    """torch-mlir's own takes infinities and NaN for close."""
    x, y = (
        v if v.dtype.is_floating_point or v.dtype.is_complex else v.to(torch.get_default_dtype())
        for v in (x, y)
    )
    close = x == y
    if equal_nan:
        close = close | ((x != x) & (y != y))
    if rtol == 0 and atol == 0:
        return close
    gap = (x - y).abs()
    return close | (gap.isfinite() & (gap <= atol + (rtol * y).abs()))


_complex_eq = TABLE[_aten.eq.Tensor]


@decomposes(_aten.eq.Tensor)
def _eq(x, y):
    """torch-mlir takes a tensor for equal to itself; NaN is not."""
    if x.dtype.is_floating_point and y.dtype.is_floating_point and x.shape == y.shape:
        return torch.logical_not(x != y)
    return _complex_eq(x, y)


def _with_a_float(compare, otherwise):
    """torch-mlir folds a comparison of a constant of floats and a whole number wrong."""

    def decomposition(x, number):
        if not (x.dtype.is_floating_point and isinstance(number, int)):
            return otherwise(x, number) if otherwise else NotImplemented
        return compare(x, float(number))

    return decomposition


for _op in ("lt", "le", "gt", "ge", "eq", "ne"):
    _op = getattr(_aten, _op).Scalar
    TABLE[_op] = _with_a_float(_op, TABLE.get(_op))


@decomposes(_aten.clamp.default, _aten.clamp.Tensor)
def _clamp(x, min=None, max=None):
    """torch-mlir's own passes over NaN, and has no tensors of whole numbers for bounds."""
    bounds = [bound for bound in (min, max) if bound is not None]
    kind = x.dtype
    for bound in bounds:
        kind = torch.promote_types(kind, torch.result_type(x, bound))
    if not (kind.is_floating_point or isinstance(bounds[0], torch.Tensor)):
        return NotImplemented
    for bound, extreme in ((min, torch.maximum), (max, torch.minimum)):
        if bound is not None:
            tensor = isinstance(bound, torch.Tensor)
            bound = bound.to(kind) if tensor else torch.full((), bound, dtype=kind)
            x = extreme(x.to(kind), bound)
    return x


@decomposes(_aten.clamp_min.default, _aten.clamp_min.Tensor)
def _clamp_min(x, min):
    return _clamp(x, min)


@decomposes(_aten.clamp_max.default, _aten.clamp_max.Tensor)
def _clamp_max(x, max):
    return _clamp(x, None, max)


@decomposes(_aten.hardtanh.default)
def _hardtanh(x, min_val=-1, max_val=1):
    if not x.dtype.is_floating_point:
        min_val, max_val = int(min_val), int(max_val)
    return _clamp(x, min_val, max_val)


@decomposes(_aten.copysign.Tensor)
def _copysign(x, y):
    kind = torch.promote_types(x.dtype, y.dtype)
    kind = kind if kind.is_floating_point else torch.get_default_dtype()
    size, y = x.to(kind).abs(), y.to(kind)
    return torch.where((y < 0) | ((y == 0) & (1 / y < 0)), -size, size)


@decomposes(_aten.isfinite.default)
def _isfinite(x):
    floating = x.dtype.is_floating_point or x.dtype.is_complex
    return x - x == 0 if floating else torch.ones_like(x, dtype=torch.bool)
