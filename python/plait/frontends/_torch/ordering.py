"""Sorting, search, running sums and runs of equal elements of torch, by kernels."""

import torch

from plait.frontends._torch import kernels  # noqa: F401 - defines torch.ops.plait
from plait.frontends._torch.registry import TABLE, decomposes

_aten, _plait = torch.ops.aten, torch.ops.plait


def positive(dim, x):
    """A dimension counted from the front."""
    return dim % x.dim() if x.dim() else 0


# Sorting ---------------------------------------------------------------------


@decomposes(_aten.sort.default)
def _sort(x, dim=-1, descending=False):
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    return _plait.sort(x, positive(dim, x), descending)


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


@decomposes(_aten.mode.default)
def _mode(x, dim=-1, keepdim=False):
    """Where the longest run of equal elements ends, once they are sorted."""
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    values, indices = (part.movedim(dim, -1) for part in _sort(x, dim))
    places = torch.arange(values.shape[-1]).expand(values.shape)
    begins = torch.cat([places[..., :1] == 0, values[..., 1:] != values[..., :-1]], -1)
    starts = torch.where(begins, places, 0).cummax(-1)[0]
    place = (places - starts).argmax(-1, keepdim=True)
    values, indices = (v.gather(-1, place).movedim(-1, dim) for v in (values, indices))
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


# Running sums ----------------------------------------------------------------


def cumulate(x, dim, how, dtype):
    """Running results along ``dim``, of bools and whole numbers as int64 unless ``dtype`` says."""
    if dtype is None:
        dtype = x.dtype if x.dtype.is_floating_point or x.dtype.is_complex else torch.int64
    x = x.to(dtype)
    return _plait.cumulate(x, positive(dim, x), how) if x.dim() else x.clone()


@decomposes(_aten.cumsum.default)
def _cumsum(x, dim, *, dtype=None):
    return cumulate(x, dim, "add", dtype)


@decomposes(_aten.cumprod.default)
def _cumprod(x, dim, *, dtype=None):
    return cumulate(x, dim, "mul", dtype)


@decomposes(_aten.logcumsumexp.default)
def _logcumsumexp(x, dim):
    if x.dtype.is_complex:
        return NotImplemented
    return cumulate(x, dim, "logaddexp", None)


def _running_extreme(largest):
    def decomposition(x, dim):
        if x.dim() == 0:
            return x.clone(), torch.zeros_like(x, dtype=torch.int64)
        return _plait.running_extreme(x, positive(dim, x), largest)

    return decomposition


TABLE[_aten.cummax.default] = _running_extreme(True)
TABLE[_aten.cummin.default] = _running_extreme(False)


# Runs of equal elements -------------------------------------------------------


def _distinct(x, dim, consecutive, return_inverse, return_counts):
    """The distinct values, or slices along ``dim``; what is not asked for is empty."""
    nothing = x.new_empty(0, dtype=torch.int64)
    if 0 in x.shape:
        places = x.new_empty(x.shape, dtype=torch.int64) if return_inverse else nothing
        return (x.new_empty(0), places, nothing) if dim is None else (x.clone(), nothing, nothing)
    flat = x.reshape(-1) if dim is None else x
    along = 0 if dim is None else positive(dim, x)
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
