"""Complex numbers of torch as pairs of real ones: torch-mlir knows few of their ops."""

import cmath
import math

import torch

from plait.frontends._torch.registry import decomposes

_aten, _plait = torch.ops.aten, torch.ops.plait


@decomposes(_aten.view_as_complex.default)
def _view_as_complex(x):
    return NotImplemented if x.dtype == torch.float16 else _plait.as_complex(x)


@decomposes(_aten.view_as_real.default)
def _view_as_real(x):
    return _plait.as_real(x)


@decomposes(_aten.complex.default)
def _complex(real, imaginary):
    if real.dtype == torch.float16:
        return NotImplemented
    return _plait.as_complex(torch.stack(torch.broadcast_tensors(real, imaginary), -1))


@decomposes(_aten.polar.default)
def _polar(length, angle):
    return _complex(length * angle.cos(), length * angle.sin())


@decomposes(_aten.empty.memory_format)
def _empty(size, *, dtype=None, **_):
    if dtype is None or not dtype.is_complex:
        return NotImplemented
    return _plait.as_complex(torch.empty([*size, 2], dtype=dtype.to_real()))


@decomposes(_aten.empty_strided.default)
def _empty_strided(size, stride, *, dtype=None, **options):
    simple = 0 in size or (dtype is not None and dtype.is_complex)
    return torch.empty(size, dtype=dtype, **options) if simple else NotImplemented


@decomposes(_aten.full_like.default)
def _full_like(x, value, *, dtype=None, **_):
    kind = dtype or x.dtype
    if not kind.is_complex:
        return NotImplemented
    return _complex(*(torch.full(x.shape, part, dtype=kind.to_real()) for part in _parts(value)))


@decomposes(_aten.scalar_tensor.default)
def _scalar_tensor(value, *, dtype=None, **_):
    return torch.full((), value, dtype=dtype)


def _parts(value):
    """The real and the imaginary part of a tensor or a number."""
    if not isinstance(value, torch.Tensor):
        return complex(value).real, complex(value).imag
    if value.is_complex():
        return _plait.as_real(value).unbind(-1)
    return value, torch.zeros_like(value)


def _is_complex(value):
    return value.is_complex() if isinstance(value, torch.Tensor) else isinstance(value, complex)


def power(x, exponent):
    """A whole power by squaring."""
    found = torch.ones_like(x)
    for bit in reversed(f"{exponent:b}"):
        found = found * x if bit == "1" else found
        x = x * x
    return found


def _of_complex(*ops):
    """The decorated function is what ops become if an argument is complex."""

    def register(function):
        def decomposition(*args, **options):
            if not any(map(_is_complex, args)):
                return NotImplemented
            return function(*args, **options)

        decomposes(*ops)(decomposition)
        return function

    return register


@_of_complex(_aten._conj.default, _aten.conj_physical.default, _aten._conj_physical.default)
def _conj(x):
    real, imaginary = _parts(x)
    return _complex(real, -imaginary)


@_of_complex(_aten.abs.default)
def _abs(x):
    return torch.hypot(*_parts(x))


@decomposes(_aten.angle.default)
def _angle(x):
    if not x.is_complex():
        turned = torch.where(x < 0, math.pi, 0.0)
        return torch.where(x != x, x, turned.to(x.dtype)) if x.is_floating_point() else turned
    real, imaginary = _parts(x)
    return torch.atan2(imaginary, real)


@_of_complex(_aten.neg.default)
def _neg(x):
    real, imaginary = _parts(x)
    return _complex(-real, -imaginary)


@_of_complex(_aten.add.Tensor, _aten.add.Scalar)
def _add(x, y, alpha=1):
    (a, b), (c, d) = _parts(x), _parts(alpha * y)
    return _complex(a + c, b + d)


@_of_complex(_aten.sub.Tensor, _aten.sub.Scalar)
def _sub(x, y, alpha=1):
    return _add(x, -alpha * y)


@_of_complex(_aten.mul.Tensor, _aten.mul.Scalar)
def _mul(x, y):
    (a, b), (c, d) = _parts(x), _parts(y)
    return _complex(a * c - b * d, a * d + b * c)


@_of_complex(_aten.div.Tensor, _aten.div.Scalar)
def _div(x, y):
    (a, b), (c, d) = _parts(x), _parts(y)
    kind = (a + c).dtype
    (a, b), (c, d) = (
        [part.to(torch.float64) if isinstance(part, torch.Tensor) else part for part in pair]
        for pair in ((a, b), (c, d))
    )
    size = c * c + d * d
    return _complex(((a * c + b * d) / size).to(kind), ((b * c - a * d) / size).to(kind))


@_of_complex(_aten.eq.Tensor, _aten.eq.Scalar)
def _eq(x, y):
    (a, b), (c, d) = _parts(x), _parts(y)
    return (a == c) & (b == d)


@_of_complex(_aten.ne.Tensor, _aten.ne.Scalar)
def _ne(x, y):
    (a, b), (c, d) = _parts(x), _parts(y)
    return (a != c) | (b != d)


@_of_complex(_aten.logical_not.default)
def _logical_not(x):
    return _eq(x, 0)


def _of_truth(combine):
    return lambda x, y: combine(x != 0, y != 0)


for _name in ("and", "or", "xor"):
    _op = getattr(_aten, f"logical_{_name}")
    _of_complex(_op.default)(_of_truth(_op))


def _of_either_part(test):
    return lambda x: torch.logical_or(*map(test, _parts(x)))


for _op in (_aten.isnan, _aten.isinf):
    _of_complex(_op.default)(_of_either_part(_op))


@_of_complex(_aten.exp.default)
def _exp(x):
    real, imaginary = _parts(x)
    return _polar(torch.exp(real), imaginary)


@_of_complex(_aten.log.default)
def _log(x):
    return _complex(torch.log(_abs(x)), _angle(x))


@_of_complex(_aten.pow.Tensor_Scalar, _aten.pow.Tensor_Tensor, _aten.pow.Scalar)
def _pow(x, y):
    """exp(y log x) in double precision; whole powers by squaring."""
    if isinstance(y, int | float) and float(y).is_integer() and 0 <= y <= 64:
        return power(x, int(y))
    kind = torch.result_type(x, y).to_real()
    (a, b), (c, d) = (
        [part.to(torch.float64) if isinstance(part, torch.Tensor) else part for part in _parts(v)]
        for v in (x, y)
    )
    if isinstance(x, torch.Tensor):
        length, angle = torch.log(torch.hypot(a, b)), torch.atan2(b, a)
    else:
        logarithm = cmath.log(x) if x else complex(-math.inf)
        length, angle = logarithm.real, logarithm.imag
    if not isinstance(d, torch.Tensor) and d == 0:
        z = _polar(torch.exp(c * length), c * angle)
    else:
        z = _polar(torch.exp(c * length - d * angle), d * length + c * angle)
        nothing = (a == 0) & (b == 0) & (c > 0)  # Where the angle is not a number.
        if nothing is not False:
            z = _complex(*(torch.where(nothing, 0, part) for part in _parts(z)))
    return _complex(*(part.to(kind) for part in _parts(z)))


@_of_complex(_aten.sum.default, _aten.sum.dim_IntList)
def _sum(x, dim=None, keepdim=False, *, dtype=None):
    parts = _parts(x if dtype is None else x.to(dtype))
    return _complex(*(part.sum(dim, keepdim) for part in parts))


@_of_complex(_aten.mean.default, _aten.mean.dim)
def _mean(x, dim=None, keepdim=False, *, dtype=None):
    parts = _parts(x if dtype is None else x.to(dtype))
    return _complex(*(part.mean(dim, keepdim) for part in parts))
