"""Ops of torch in terms of ops that torch-mlir lowers right, and of kernels.

None of these is a hot op.
"""

import math
import sys
from functools import cache, partial

import torch
from torch.utils._pytree import tree_map

from plait.frontends._torch import (  # noqa: F401 - they register.
    algebra,
    attention,
    comparisons,
    complex_numbers,
    images,
    indexing,
    special,
)
from plait.frontends._torch.registry import TABLE, decomposes

_aten, _plait = torch.ops.aten, torch.ops.plait


def table() -> dict:
    """torch-mlir's own decompositions with these over them."""
    return {**_common(), **_quantized()}


def _quantized() -> dict:
    """The ops that torch.ao's quantizers insert, as torch.ao defines them, if it is loaded."""
    defined = sys.modules.get("torch.ao.quantization.fx._decomposed")
    if defined is None:
        return {}
    ops = torch.ops.quantized_decomposed
    return {
        ops.quantize_per_tensor.default: defined.quantize_per_tensor,
        ops.dequantize_per_tensor.default: defined.dequantize_per_tensor,
        ops.quantize_per_channel.default: defined.quantize_per_channel,
        ops.dequantize_per_channel.default: defined.dequantize_per_channel,
    }


@cache
def _common() -> dict:
    from torch._decomp import get_decompositions
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    more = get_decompositions(
        [
            _aten.index_add, _aten.index_copy, _aten.index_fill,
            _aten.renorm, _aten.heaviside, _aten.special_i0e, _aten.logaddexp2,
            _aten.xlogy, _aten.special_xlog1py, _aten.sinc, _aten.logaddexp,
        ]
    )  # fmt: skip
    found = {**get_decomposition_table(), **more, **TABLE}
    for names, wrapper in ((_OF_HALVES, _of_halves), (_OF_BYTES, _of_bytes)):
        packets = (getattr(_aten, name) for name in names)
        ops = [getattr(packet, overload) for packet in packets for overload in packet.overloads()]
        found.update({op: wrapper(op, found.get(op)) for op in ops})
    return found


#: Ops that torch computes in float32 for a half and a number; for others the number is a half.
_OF_HALVES = ("mul", "div")


def _of_halves(op, otherwise):
    """The op in float32 where a number is beyond what a half can be."""

    def is_half(value):
        return isinstance(value, torch.Tensor) and value.dtype == torch.float16

    def is_beyond(value):
        return isinstance(value, int | float) and (abs(value) > 65504 or 0 < abs(value) < 2**-24)

    def decomposition(*args, **options):
        if not (any(map(is_half, args)) and any(map(is_beyond, args))):
            return otherwise(*args, **options) if otherwise else NotImplemented
        return op(*(x.float() if is_half(x) else x for x in args), **options).to(torch.float16)

    return decomposition


#: Ops for which torch-mlir takes an unsigned byte for a signed one.
_OF_BYTES = (
    "add", "sub", "rsub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "abs", "where",
    "eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum", "sum", "prod", "max", "min",
    "bincount", "mean", "ldexp", "constant_pad_nd",
)  # fmt: skip


def _of_bytes(op, otherwise):
    """The op on int32s. What wraps at 256 is the low byte of what wraps at 2^32."""

    def is_byte(value):
        return isinstance(value, torch.Tensor) and value.dtype == torch.uint8

    def wide(value):
        return value.to(torch.int32) if is_byte(value) else value

    def narrow(value, kind):
        return value.to(kind) if value.dtype == torch.int32 else value

    def decomposition(*args, **options):
        if not any(map(is_byte, args)):
            return otherwise(*args, **options) if otherwise else NotImplemented
        first, *rest = args[1:] if op.overloadpacket is _aten.where else args
        both = rest and isinstance(rest[0], torch.Tensor | int | float)
        kind = torch.result_type(first, rest[0]) if both else first.dtype
        found = op(*map(wide, args), **options)
        return tree_map(partial(narrow, kind=options.get("dtype") or kind), found)

    return decomposition


# Numbers and reductions -------------------------------------------------------


@decomposes(_aten.reciprocal.default)
def _reciprocal(x):
    """torch-mlir's own asserts that no element is zero."""
    kind = x.dtype if x.dtype.is_floating_point else torch.get_default_dtype()
    return torch.ones_like(x, dtype=kind) / x


@decomposes(_aten._embedding_bag.default, _aten._embedding_bag_forward_only.default)
def _embedding_bag(
    table, indices, offsets, scale_grad_by_freq=False, mode=0, sparse=False,
    per_sample_weights=None, include_last_offset=False, padding_idx=-1,
):  # fmt: skip
    """torch-mlir's own forgets the weights. What only gradients need is not returned."""
    bags = offsets.shape[0] - include_last_offset
    places = torch.arange(indices.shape[0], dtype=offsets.dtype)
    bag = torch.searchsorted(offsets[:bags], places, right=True) - 1
    kept = indices != padding_idx
    count = torch.zeros(bags, dtype=torch.int64).index_add(0, bag, kept.to(torch.int64))
    rows, kept = table[indices], kept.unsqueeze(1)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    out = torch.zeros(bags, table.shape[1], dtype=rows.dtype)
    if mode == 2:
        rows = torch.where(kept, rows, -math.inf)
        places = bag.unsqueeze(1).expand_as(rows)
        out = out.scatter_reduce(0, places, rows, "amax", include_self=False)
        out = torch.where(count.unsqueeze(1) > 0, out, 0)
    else:
        out = out.index_add(0, bag, torch.where(kept, rows, 0))
        if mode == 1:
            out = out / count.clamp(min=1).unsqueeze(1)
    return out, bag, count, count


@decomposes(_aten.addbmm.default)
def _addbmm(x, a, b, *, beta=1, alpha=1):
    """The sum of products is one product."""
    return torch.addmm(x, a.movedim(1, 0).flatten(1), b.flatten(0, 1), beta=beta, alpha=alpha)


@decomposes(_aten.addmv.default)
def _addmv(x, matrix, vector, *, beta=1, alpha=1):
    product = alpha * (matrix @ vector)
    return product if beta == 0 else beta * x + product


_complex_neg = TABLE[_aten.neg.default]


@decomposes(_aten.neg.default)
def _neg(x):
    """torch-mlir negates integers as floats."""
    whole = not (x.dtype.is_floating_point or x.dtype.is_complex)
    return torch.rsub(x, 0) if whole else _complex_neg(x)


_complex_pow = TABLE[_aten.pow.Tensor_Scalar]


@decomposes(_aten.pow.Tensor_Scalar)
def _pow(x, exponent):
    """Of whole numbers, by squaring."""
    if x.dtype.is_floating_point or x.dtype.is_complex or x.dtype == torch.bool:
        return _complex_pow(x, exponent)
    whole = isinstance(exponent, int)
    return complex_numbers.power(x, exponent) if whole else _complex_pow(x, exponent)


@decomposes(_aten.dist.default)
def _dist(x, y, p=2):
    return torch.linalg.vector_norm(x - y, p)


def _of_one_element(result):
    """A reduction along dimensions that a tensor without dimensions does not have."""

    def decomposition(x, *_, **__):
        return result(x) if x.dim() == 0 else NotImplemented

    return decomposition


for _op in (_aten.amax.default, _aten.amin.default):
    TABLE[_op] = _of_one_element(torch.clone)
for _op in (_aten.argmax.default, _aten.argmin.default):
    TABLE[_op] = _of_one_element(lambda x: torch.zeros_like(x, dtype=torch.int64))
for _op in (_aten.all.dim, _aten.any.dim):
    TABLE[_op] = _of_one_element(lambda x: x != 0)
for _op in (_aten.max.dim, _aten.min.dim):
    TABLE[_op] = _of_one_element(lambda x: (x.clone(), torch.zeros_like(x, dtype=torch.int64)))


def _of_dims(along_one):
    def decomposition(x, dim=None, keepdim=False):
        dims = [d % max(x.dim(), 1) for d in (dim or range(x.dim()))]
        if not dims:
            return x != 0
        for d in dims:
            x = along_one(x, d, keepdim=True)
        return x if keepdim else x.squeeze(dims)

    return decomposition


TABLE[_aten.all.dims] = _of_dims(torch.all)
TABLE[_aten.any.dims] = _of_dims(torch.any)

# torch-mlir never ends on these.
TABLE[_aten._softmax.default] = _of_one_element(lambda x: torch.exp(x - x))
TABLE[_aten._log_softmax.default] = _of_one_element(lambda x: x - x)


@decomposes(_aten.prod.dim_int)
def _prod_of_one_element(x, dim, keepdim=False, *, dtype=None):
    if x.dim():
        return NotImplemented
    whole = not (x.dtype.is_floating_point or x.dtype.is_complex)
    return x.to(dtype or (torch.int64 if whole else x.dtype)).clone()


@decomposes(_aten.cdist.default, _aten._cdist_forward.default)
def _cdist(a, b, p=2.0, compute_mode=None):
    gap = (a.unsqueeze(-2) - b.unsqueeze(-3)).abs()
    if p == 0:
        return (gap != 0).to(a.dtype).sum(-1)
    if p == math.inf:
        return gap.amax(-1)
    if p == 1:
        return gap.sum(-1)
    return (gap * gap).sum(-1).sqrt() if p == 2 else gap.pow(p).sum(-1).pow(1 / p)


@decomposes(_aten.histc.default)
def _histc(x, bins=100, min=0, max=0):
    if not x.dtype.is_floating_point:
        return NotImplemented
    x = x.reshape(-1)
    low, high = torch.full((), float(min)), torch.full((), float(max))
    if min == max:
        low, high = x.min(), x.max()
        alike = low == high
        low, high = torch.where(alike, low - 1, low), torch.where(alike, high + 1, high)
    place = ((x - low) * bins / (high - low)).to(torch.int64).clamp(0, bins - 1)
    inside = ((x >= low) & (x <= high)).to(x.dtype)
    return torch.zeros(bins, dtype=x.dtype).index_add(0, place, inside)


def _of_narrow_integers(product):
    """torch-mlir does not multiply them. The low bits of a sum are those of the sum of int32s."""

    def decomposition(x, y):
        if x.dtype.is_floating_point or x.dtype.is_complex or x.dtype.itemsize > 2:
            return NotImplemented
        return product(x.to(torch.int32), y.to(torch.int32)).to(x.dtype)

    return decomposition


for _op in (_aten.mm.default, _aten.bmm.default):
    TABLE[_op] = _of_narrow_integers(_op)


@decomposes(_aten.fmod.Tensor, _aten.fmod.Scalar)
def _fmod(x, y):
    kind = torch.result_type(x, y)
    if not kind.is_floating_point:
        return NotImplemented
    wide = torch.promote_types(kind, torch.float32)
    y = y.to(wide) if isinstance(y, torch.Tensor) else torch.full((), y, dtype=wide)
    x, y = torch.broadcast_tensors(x.to(wide), y)
    if x.dim():
        return _plait.fmod(x, y).to(kind)
    return _plait.fmod(x.reshape(1), y.reshape(1)).reshape(()).to(kind)


@decomposes(
    _aten.div.Tensor_mode, _aten.div.Scalar_mode,
    _aten.floor_divide.default, _aten.floor_divide.Scalar,
)  # fmt: skip
def _rounded_quotient(x, y, *, rounding_mode="floor"):
    """``div_floor`` in c10/util/BFloat16-math.h: the rounded quotient may be above the exact one's
    floor. Narrow integers are divided as int32s."""
    kind = torch.result_type(x, y)
    if not kind.is_floating_point:
        if kind.itemsize > 2 or kind == torch.bool or rounding_mode is None:
            return NotImplemented
        y = y.to(torch.int32) if isinstance(y, torch.Tensor) else y
        return torch.div(x.to(torch.int32), y, rounding_mode=rounding_mode).to(kind)
    if rounding_mode != "floor":
        return NotImplemented
    wide = torch.promote_types(kind, torch.float32)
    y = y.to(wide) if isinstance(y, torch.Tensor) else torch.full((), y, dtype=wide)
    x = x.to(wide)
    rest = torch.fmod(x, y)
    found = (x - rest) / y
    found = torch.where((rest != 0) & ((y < 0) != (rest < 0)), found - 1, found)
    floor = torch.floor(found)
    floor = torch.where(found - floor > 0.5, floor + 1, floor)
    floor = torch.where(found == 0, torch.copysign(torch.zeros_like(found), x / y), floor)
    return torch.where(y == 0, x / y, floor).to(kind)


@decomposes(_aten._weight_int8pack_mm.default)
def _int8_linear(x, weight, scales):
    """The kernel for int8 weights, one scale per column, as its reference defines it."""
    return (x @ weight.to(x.dtype).t()) * scales


# Draws -----------------------------------------------------------------------


@decomposes(_aten.exponential.default)
def _exponential(x, lambd=1.0, *, generator=None):
    # The rate is a scale: no draw that raise-to-sample can make of it depends on it.
    return _plait.exponential(x) if generator is None and lambd > 0 else NotImplemented


@decomposes(_aten.multinomial.default)
def _multinomial(x, num_samples, replacement=False, *, generator=None):
    """One sample, as torch takes it: ``at::multinomial`` in ATen/native/Distributions.cpp."""
    if num_samples != 1 or generator is not None:
        return NotImplemented
    rows = x if x.dim() == 2 else x.unsqueeze(0)
    tokens = (rows / _plait.exponential(rows)).argmax(-1, keepdim=True)
    return tokens if x.dim() == 2 else tokens.squeeze(0)
