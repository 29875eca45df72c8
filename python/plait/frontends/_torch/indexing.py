"""What torch reads and writes at indices, by kernels, and what it moves to other places."""

import math
from functools import reduce

import torch

from plait.frontends._torch import kernels
from plait.frontends._torch.ordering import cumulate, positive
from plait.frontends._torch.registry import decomposes

_aten, _plait = torch.ops.aten, torch.ops.plait

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
    return _plait.scatter(x, index, source, positive(dim, x), how)


@decomposes(_aten.scatter.src, _aten.scatter.value)
def _scatter_set(x, dim, index, source):
    return _scatter(x, dim, index, source, "set")


@decomposes(_aten.scatter.reduce, _aten.scatter.value_reduce)
def _scatter_how(x, dim, index, source, *, reduce):
    return _scatter(x, dim, index, source, {"add": "add", "multiply": "mul"}[reduce])


@decomposes(_aten.scatter_add.default)
def _scatter_add(x, dim, index, source):
    return _scatter(x, dim, index, source, "add")


@decomposes(_aten.gather.default)
def _gather(x, dim, index, *, sparse_grad=False):
    """torch-mlir's own needs dimensions."""
    if x.dim() and index.dim():
        return NotImplemented
    x = x if x.dim() else x.reshape(1)
    return x.gather(dim, index.reshape(-1)).reshape(index.shape)


@decomposes(_aten.take.default)
def _take(x, index):
    return x.reshape(-1)[index.reshape(-1)].reshape(index.shape)


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
    shape[positive(dim, x)] = -1
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
    place = cumulate(mask.reshape(-1), 0, "add", torch.int64) - 1
    chosen = source.reshape(-1)[place.clamp(min=0)].reshape(x.shape)
    return torch.where(mask, chosen, x)


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


@decomposes(_aten.view.default, _aten.as_strided.default)
def _view(x, shape, *_):
    """torch-mlir dies of one without elements."""

    def is_empty(sizes):
        return any(isinstance(size, int) and size == 0 for size in sizes)

    if not is_empty(x.shape):
        return NotImplemented
    sizes = [0 if isinstance(size, int) and size == -1 else size for size in shape]
    return x.new_empty(sizes) if is_empty(sizes) else NotImplemented


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
