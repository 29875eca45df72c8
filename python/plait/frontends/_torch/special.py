"""Special functions of torch in terms of simpler ones.

Numerics are computed in float64 where float32 loses digits; none of these is a hot op.
"""

import math

import torch

from plait.frontends._torch.registry import TABLE, decomposes

_aten, _plait = torch.ops.aten, torch.ops.plait


def _in_double(function):
    """``function`` of float64, in the dtype of its argument."""

    def decomposition(x):
        kind = x.dtype if x.dtype.is_floating_point else torch.get_default_dtype()
        return function(x.to(torch.float64)).to(kind)

    return decomposition


def _polynomial(x, coefficients):
    """Horner's rule, the highest power first."""
    result = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


def _erfinv(x):
    """Giles' central and tail polynomials (2012), then two Newton steps."""
    w = -torch.log((1 - x) * (1 + x))
    near = _polynomial(
        w - 2.5,
        (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
         -0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
    )  # fmt: skip
    far = _polynomial(
        torch.sqrt(w) - 3,
        (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
         -0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
    )  # fmt: skip
    y = torch.where(w < 5, near, far) * x
    for _ in range(2):
        y = y - (torch.erf(y) - x) / (2 / math.sqrt(math.pi) * torch.exp(-y * y))
    y = torch.where(x.abs() == 1, x * math.inf, y)
    return torch.where(x.abs() > 1, math.nan, y)


TABLE[_aten.erfinv.default] = _in_double(_erfinv)

#: Lanczos' approximation with g = 7 and n = 9, as XLA's client library has it.
_LANCZOS = (
    676.520368121885098567009190444019, -1259.13921672240287047156078755283,
    771.3234287776530788486528258894, -176.61502916214059906584551354,
    12.507343278686904814458936853, -0.13857109526572011689554707,
    9.984369578019570859563e-6, 1.50563273514931155834e-7,
)  # fmt: skip


def _lgamma(x):
    """Lanczos for x >= 1/2, Euler's reflection elsewhere."""
    reflect = x < 0.5
    z = torch.where(reflect, -x, x - 1)
    total = torch.full_like(z, 0.99999999999980993227684700473478)
    for index, coefficient in enumerate(_LANCZOS):
        total = total + coefficient / (z + (index + 1))
    t = z + 7.5
    value = 0.5 * math.log(2 * math.pi) + (z + 0.5) * torch.log(t) - t + torch.log(total)
    # |sin(pi x)| from the fraction: large x have no other digits.
    fraction = x.abs() - x.abs().floor()
    fraction = torch.where(fraction > 0.5, 1 - fraction, fraction)
    mirror = math.log(math.pi) - torch.log(torch.sin(math.pi * fraction)) - value
    value = torch.where(reflect, mirror, value)
    return torch.where(x.isinf(), math.inf, value)


TABLE[_aten.lgamma.default] = _in_double(_lgamma)


def _digamma(x):
    """Recurrence to x + 6, then the asymptotic series; reflection below zero."""
    reflect = x < 0
    z = torch.where(reflect, 1 - x, x)
    value = 0
    for shift in range(6):
        value = value - 1 / (z + shift)
    z = z + 6
    square = 1 / (z * z)
    series = _polynomial(
        square,
        (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12),
    ) * square  # fmt: skip
    value = value + torch.log(z) - 0.5 / z - series
    fraction = x - x.ceil()  # Below zero the part behind the point, of tiny numbers all of them.
    value = torch.where(reflect, value - math.pi / torch.tan(math.pi * fraction), value)
    value = torch.where(reflect & (fraction == 0), math.nan, value)
    value = torch.where(x == 0, torch.where(1 / x < 0, math.inf, -math.inf), value)
    return torch.where(x == -math.inf, math.nan, value)


TABLE[_aten.digamma.default] = _in_double(_digamma)


@decomposes(_aten.erfc.default)
def _erfc(x):
    kind = x.dtype if x.dtype.is_floating_point else torch.get_default_dtype()
    return _plait.erfc(x.to(kind))


def _log_ndtr(x):
    """log(erfc(-x / sqrt 2) / 2); an asymptotic series where erfc underflows."""
    plain = torch.log(0.5 * _plait.erfc(-x / math.sqrt(2)))
    square = 1 / (x * x)
    series = _polynomial(square, (-945.0, 105.0, -15.0, 3.0, -1.0, 1.0))
    tail = -0.5 * x * x - torch.log(-x * math.sqrt(2 * math.pi)) + torch.log(series)
    upper = torch.log1p(-0.5 * _plait.erfc(x / math.sqrt(2)))
    return torch.where(x < -20, tail, torch.where(x > 1, upper, plain))


TABLE[_aten.special_log_ndtr.default] = _in_double(_log_ndtr)


@decomposes(_aten.signbit.default)
def _signbit(x):
    return _plait.signbit(x) if x.dtype.is_floating_point else x < 0


@decomposes(_aten.hypot.default)
def _hypot(x, y):
    """An infinite leg decides, whatever the other is."""
    a, b = (part.to(torch.float64) for part in (x, y))
    size = torch.where(a.isinf() | b.isinf(), math.inf, torch.sqrt(a**2 + b**2))
    return size.to(torch.promote_types(x.dtype, y.dtype))


@decomposes(_aten.gelu.default)
def _gelu(x, *, approximate="none"):
    """torch-mlir's own has a constant of five digits, and rounds every step of narrow floats."""
    if x.dtype.itemsize < 4:
        return torch.nn.functional.gelu(x.to(torch.float32), approximate=approximate).to(x.dtype)
    if approximate != "tanh":
        return NotImplemented
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))


@decomposes(_aten.elu.default)
def _elu(x, alpha=1, scale=1, input_scale=1):
    """torch-mlir's own is exp(x) - 1: of small numbers nothing is left."""
    return torch.where(x > 0, x * scale, torch.expm1(x * input_scale) * (alpha * scale))


@decomposes(_aten.rms_norm.default)
def _rms_norm(x, shape, weight=None, eps=None):
    """Of narrow floats as float32s: their squares overflow. torch-mlir's own takes the least number
    of float64 for that of every dtype."""
    if not x.dtype.is_floating_point:
        return NotImplemented
    wide = torch.promote_types(x.dtype, torch.float32)
    if x.dtype == wide and eps is not None:
        return NotImplemented
    weight = weight if weight is None else weight.to(wide)
    eps = torch.finfo(wide).eps if eps is None else eps
    return torch.rms_norm(x.to(wide), shape, weight, eps).to(x.dtype)
