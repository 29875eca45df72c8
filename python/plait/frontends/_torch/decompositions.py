"""Ops of torch in terms of ops that torch-mlir lowers right, and of kernels.

None of these is a hot op.
"""

import math
import sys
from functools import cache, partial, reduce

import torch
from torch.utils._pytree import tree_map

from plait.frontends._torch import (  # noqa: F401 - they register.
    algebra,
    attention,
    comparisons,
    complex_numbers,
    images,
    kernels,
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
    packets = (getattr(_aten, name) for name in _OF_BYTES)
    ops = [getattr(packet, overload) for packet in packets for overload in packet.overloads()]
    return {**found, **{op: _of_bytes(op, found.get(op)) for op in ops}}


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


def _positive(dim, x):
    return dim % x.dim() if x.dim() else 0


# Sorting ---------------------------------------------------------------------


@decomposes(_aten.sort.default)
def _sort(x, dim=-1, descending=False):
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    return _plait.sort(x, _positive(dim, x), descending)


@decomposes(_aten.sort.stable)
def _sort_stable(x, *, stable=True, dim=-1, descending=False):
    return _sort(x, dim, descending)


@decomposes(_aten.argsort.default)
def _argsort(x, dim=-1, descending=False):
    return _sort(x, dim, descending)[1]


@decomposes(_aten.argsort.stable)
def _argsort_stable(x, *, stable=True, dim=-1, descending=False):
    return _sort(x, dim, descending)[1]


@decomposes(_aten.msort.default)
def _msort(x):
    return _sort(x, 0)[0]


@decomposes(_aten.topk.default)
def _topk(x, k, dim=-1, largest=True, sorted=True):
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    if k == 1 and largest and x.is_floating_point():
        return x.max(dim, keepdim=True)  # NaN is the greatest to both, and the first that ties.
    values, indices = _sort(x, dim, largest)
    return values.narrow(dim, 0, k), indices.narrow(dim, 0, k)


def _picked(x, dim, keepdim, place):
    """The element of rank ``place`` along ``dim`` and where it was."""
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    values, indices = (part.narrow(dim, place, 1) for part in _sort(x, dim))
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


@decomposes(_aten.kthvalue.default)
def _kthvalue(x, k, dim=-1, keepdim=False):
    return _picked(x, dim, keepdim, k - 1)


@decomposes(_aten.median.dim)
def _median_dim(x, dim, keepdim=False):
    size = x.shape[dim] if x.dim() else 1
    values, indices = _picked(x, dim, keepdim, (size - 1) // 2)
    if not x.dtype.is_floating_point or x.dim() == 0:
        return values, indices
    # NaN sorts last; a line that holds one has it as its median.
    last, place = _picked(x, dim, keepdim, size - 1)
    return torch.where(last.isnan(), last, values), torch.where(last.isnan(), place, indices)


@decomposes(_aten.median.default)
def _median(x):
    return _median_dim(x.reshape(-1), 0)[0]


@decomposes(_aten.nanmedian.dim)
def _nanmedian_dim(x, dim, keepdim=False):
    if not x.dtype.is_floating_point or x.dim() == 0:
        return _median_dim(x, dim, keepdim)
    values, indices = _sort(x, dim)
    count = (~x.isnan()).sum(dim, keepdim=True)
    place = ((count - 1).clamp(min=0)) // 2
    values, indices = values.gather(dim, place), indices.gather(dim, place)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


@decomposes(_aten.nanmedian.default)
def _nanmedian(x):
    return _nanmedian_dim(x.reshape(-1), 0)[0]


# Running sums ----------------------------------------------------------------


def _cumulate(x, dim, how, dtype):
    if dtype is None:
        dtype = x.dtype if x.dtype.is_floating_point or x.dtype.is_complex else torch.int64
    x = x.to(dtype)
    return _plait.cumulate(x, _positive(dim, x), how) if x.dim() else x.clone()


@decomposes(_aten.cumsum.default)
def _cumsum(x, dim, *, dtype=None):
    return _cumulate(x, dim, "add", dtype)


@decomposes(_aten.cumprod.default)
def _cumprod(x, dim, *, dtype=None):
    return _cumulate(x, dim, "mul", dtype)


@decomposes(_aten.logcumsumexp.default)
def _logcumsumexp(x, dim):
    if x.dtype.is_complex:
        return NotImplemented
    return _cumulate(x, dim, "logaddexp", None)


def _running_extreme(largest):
    def decomposition(x, dim):
        if x.dim() == 0:
            return x.clone(), torch.zeros_like(x, dtype=torch.int64)
        return _plait.running_extreme(x, _positive(dim, x), largest)

    return decomposition


TABLE[_aten.cummax.default] = _running_extreme(True)
TABLE[_aten.cummin.default] = _running_extreme(False)


# Scatter ---------------------------------------------------------------------


def _scatter(x, dim, index, source, how):
    if not isinstance(source, torch.Tensor):
        source = torch.full_like(index, source, dtype=x.dtype)
    if x.dim() == 0:
        index, source = index.reshape(1), source.reshape(1)
        return _plait.scatter(x.reshape(1), index, source, 0, how).reshape(())
    if index.dim() == 0:
        index = index.reshape(1)
    if source.dim() == 0:
        source = source.reshape(1)
    return _plait.scatter(x, index, source, _positive(dim, x), how)


@decomposes(_aten.scatter.src, _aten.scatter.value)
def _scatter_set(x, dim, index, source):
    return _scatter(x, dim, index, source, "set")


@decomposes(_aten.scatter.reduce, _aten.scatter.value_reduce)
def _scatter_how(x, dim, index, source, *, reduce):
    return _scatter(x, dim, index, source, {"add": "add", "multiply": "mul"}[reduce])


@decomposes(_aten.scatter_add.default)
def _scatter_add(x, dim, index, source):
    return _scatter(x, dim, index, source, "add")


def _identity(how, dtype):
    """What ``how`` leaves alone."""
    if how in ("sum", "mean"):
        return 0
    if how == "prod":
        return 1
    if dtype.is_floating_point:
        return -math.inf if how == "amax" else math.inf
    if dtype == torch.bool:
        return how == "amin"
    limits = torch.iinfo(dtype)
    return limits.min if how == "amax" else limits.max


_HOW = {"sum": "add", "mean": "add", "prod": "mul", "amax": "max", "amin": "min"}


@decomposes(_aten.scatter_reduce.two)
def _scatter_reduce(x, dim, index, source, reduce, *, include_self=True):
    if not include_self:
        x = _scatter(x, dim, index, _identity(reduce, x.dtype), "set")
    result = _scatter(x, dim, index, source, _HOW[reduce])
    if reduce != "mean":
        return result
    ones = torch.full_like(x, 1 if include_self else 0)
    count = _scatter(ones, dim, index, 1, "add").clamp(min=1)
    if x.dtype.is_floating_point:
        return result / count
    return torch.div(result, count, rounding_mode="floor")


@decomposes(_aten.index_reduce.default)
def _index_reduce(x, dim, index, source, reduce, *, include_self=True):
    if x.dim() == 0:
        index, source = index.reshape(()), source.reshape(())
        return _scatter_reduce(x, 0, index, source, reduce, include_self=include_self)
    shape = [1] * x.dim()
    shape[_positive(dim, x)] = -1
    index = index.reshape(shape).expand(source.shape)
    return _scatter_reduce(x, dim, index, source, reduce, include_self=include_self)


def _positions(indices):
    """Indices of one shape, masks as the positions of what they choose, and their dimensions."""
    whole = []
    for index in indices:
        if index is not None and index.dtype in (torch.bool, torch.uint8):
            whole += index.nonzero().unbind(1)
        else:
            whole.append(index)
    dims = [dim for dim, index in enumerate(whole) if index is not None]
    return list(torch.broadcast_tensors(*(whole[dim] for dim in dims))), dims


@decomposes(_aten._unsafe_index.Tensor)
def _unsafe_index(x, indices):
    return _aten.index(x, indices)


def _share_dynamic_size(indices):
    """Whether sizes of two of them meet that may be one, for all torch-mlir knows: it refuses."""
    rank = max((index.dim() for index in indices), default=0)
    sizes = [[1] * (rank - index.dim()) + list(index.shape) for index in indices]
    return any(sum(not isinstance(n, int) for n in place) > 1 for place in zip(*sizes, strict=True))


@decomposes(_aten.index.Tensor)
def _index(x, indices):
    given = [index for index in indices if index is not None]
    masks = any(index.dtype in (torch.bool, torch.uint8) for index in given)
    if not masks and not _share_dynamic_size(given):
        return NotImplemented
    whole, dims = _positions(indices)
    return _plait.index(x, whole, dims)


@decomposes(_aten.index_put.default, _aten._unsafe_index_put.default)
def _index_put(x, indices, values, accumulate=False):
    # A mask with one value for all is a choice.
    if (
        len([i for i in indices if i is not None]) == 1
        and indices[0] is not None
        and indices[0].dtype in (torch.bool, torch.uint8)
        and indices[0].dim() == x.dim()
        and values.numel() == 1
    ):
        values = values.reshape(()).to(x.dtype)
        new = x + values if accumulate else values
        return torch.where(indices[0].to(torch.bool), new, x)
    whole, dims = _positions(indices)
    values = values.to(x.dtype).expand(kernels.indexed_shape(x, whole, dims))
    if not values.dim():  # One element of one tensor of indices without dimensions.
        whole = [index.reshape(1) for index in whole]
        values = values.reshape(1)
    return _plait.index_put(x, values, whole, dims, "add" if accumulate else "set")


@decomposes(_aten.masked_select.default)
def _masked_select(x, mask):
    x, mask = torch.broadcast_tensors(x, mask)
    if x.dim() == 0:
        x, mask = x.reshape(1), mask.reshape(1)
    whole, dims = _positions([mask])
    return _plait.index(x, whole, dims)


@decomposes(_aten.put.default)
def _put(x, index, source, accumulate=False):
    flat = _index_put(x.reshape(-1), [index.reshape(-1)], source.reshape(-1), accumulate)
    return flat.reshape(x.shape)


@decomposes(_aten.masked_scatter.default)
def _masked_scatter(x, mask, source):
    mask = mask.expand(x.shape)
    # The k-th chosen element takes the k-th of the source.
    place = _cumulate(mask.reshape(-1), 0, "add", torch.int64) - 1
    chosen = source.reshape(-1)[place.clamp(min=0)].reshape(x.shape)
    return torch.where(mask, chosen, x)


def _distinct(x, dim, consecutive, return_inverse, return_counts):
    """The distinct values, or slices along ``dim``; what is not asked for is empty."""
    nothing = x.new_empty(0, dtype=torch.int64)
    if 0 in x.shape:
        places = x.new_empty(x.shape, dtype=torch.int64) if return_inverse else nothing
        return (x.new_empty(0), places, nothing) if dim is None else (x.clone(), nothing, nothing)
    flat = x.reshape(-1) if dim is None else x
    along = 0 if dim is None else _positive(dim, x)
    count = flat.shape[along]
    rows = flat.movedim(along, 0).reshape(count, -1)
    firsts, inverse, counts = _plait.runs(rows, consecutive)
    values = _plait.index(flat, [firsts], [along])
    inverse = inverse.reshape(x.shape) if dim is None else inverse
    return values, inverse if return_inverse else nothing, counts if return_counts else nothing


@decomposes(_aten._unique2.default)
def _unique(x, sorted=True, return_inverse=False, return_counts=False):
    return _distinct(x, None, False, return_inverse, return_counts)


@decomposes(_aten.unique_dim.default)
def _unique_dim(x, dim, sorted=True, return_inverse=False, return_counts=False):
    return _distinct(x, dim, False, True, True)


@decomposes(_aten.unique_consecutive.default)
def _unique_consecutive(x, return_inverse=False, return_counts=False, dim=None):
    both = dim is not None
    return _distinct(x, dim, True, return_inverse or both, return_counts or both)


@decomposes(_aten.unique_dim_consecutive.default)
def _unique_dim_consecutive(x, dim, return_inverse=False, return_counts=False):
    return _distinct(x, dim, True, True, True)


# Search ----------------------------------------------------------------------


@decomposes(_aten.searchsorted.Tensor)
def _searchsorted(boundaries, values, *, out_int32=False, right=False, side=None, sorter=None):
    if sorter is not None:
        boundaries = boundaries.gather(-1, sorter)
    kind = torch.promote_types(boundaries.dtype, values.dtype)
    scalar = values.dim() == 0
    values = values.reshape(1) if scalar else values
    found = _plait.searchsorted(values.to(kind), boundaries.to(kind), right or side == "right")
    found = found.reshape(()) if scalar else found
    return found.to(torch.int32) if out_int32 else found


@decomposes(_aten.searchsorted.Scalar)
def _searchsorted_scalar(boundaries, value, **options):
    value = torch.full((), value, dtype=boundaries.dtype)
    return _searchsorted(boundaries, value, **options)


@decomposes(_aten.bucketize.Tensor)
def _bucketize(values, boundaries, *, out_int32=False, right=False):
    return _searchsorted(boundaries, values, out_int32=out_int32, right=right)


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


# Places ----------------------------------------------------------------------


@decomposes(_aten.roll.default)
def _roll(x, shifts, dims=()):
    shifts, dims = ([v] if isinstance(v, int) else list(v) for v in (shifts, dims))
    if not dims:
        return _roll(x.reshape(-1), shifts, [0]).reshape(x.shape)
    for shift, dim in zip(shifts, dims, strict=True):
        size = x.shape[dim]
        if not isinstance(size, int):
            place = torch.arange(size) + (size - shift % size)
            x = x.index_select(dim, torch.where(place < size, place, place - size))
        elif size and shift % size:
            first = size - shift % size
            x = torch.cat([x.narrow(dim, first, size - first), x.narrow(dim, 0, first)], dim)
    return x.clone()


@decomposes(_aten.diagonal_scatter.default)
def _diagonal_scatter(x, source, offset=0, dim1=0, dim2=1):
    moved = x.movedim((dim1, dim2), (-2, -1))
    rows, columns = moved.shape[-2:]
    across = torch.arange(rows) + offset
    place = (across - max(offset, 0)).clamp(0, source.shape[-1] - 1)
    on = across.unsqueeze(1) == torch.arange(columns)
    found = torch.where(on, source.index_select(-1, place).unsqueeze(-1), moved)
    return found.movedim((-2, -1), (dim1, dim2))


@decomposes(_aten.cat.default)
def _cat(tensors, dim=0):
    """Of one dtype: torch-mlir takes the bytes of others for signed ones."""
    kinds = {x.dtype for x in tensors}
    if len(kinds) == 1:
        return NotImplemented
    kind = reduce(torch.promote_types, kinds)
    return torch.cat([x.to(kind) for x in tensors], dim)


@decomposes(_aten.constant_pad_nd.default)
def _pad(x, widths, value=0):
    """Negative widths cut: torch-mlir takes a pad that keeps the size for no pad."""
    if all(not isinstance(width, int) or width >= 0 for width in widths):
        return NotImplemented
    for k, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
        dim, first = x.dim() - 1 - k, max(-before, 0)
        x = x.narrow(dim, first, x.shape[dim] - first - max(-after, 0))
    return _aten.constant_pad_nd(x, [max(width, 0) for width in widths], value)


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


@decomposes(_aten.empty_strided.default)
def _empty_strided(size, stride, **options):
    return torch.empty(size, **options) if 0 in size else NotImplemented


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
