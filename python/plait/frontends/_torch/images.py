"""Pools and interpolations of images of torch."""

import torch

from plait.frontends._torch.registry import TABLE, decomposes

_aten = torch.ops.aten


@decomposes(_aten.adaptive_max_pool2d.default)
def _adaptive_max_pool2d(x, output_size):
    """Cell k of n takes [floor(k size / n), ceil((k + 1) size / n)) of a dimension."""
    if not all(isinstance(size, int) for size in x.shape[-2:]):
        return NotImplemented
    height, width = x.shape[-2:]
    rows, columns = (
        _cells(size, count) for size, count in zip((height, width), output_size, strict=True)
    )
    # [..., row cell, row in it, column cell, column in it]: what a narrow cell lacks is its last.
    cells = x[..., rows, :][..., columns].transpose(-3, -2).flatten(-2)
    values, places = cells.max(-1)
    across = columns.shape[1]
    row = rows.expand(*places.shape[:-2], *rows.shape)
    column = columns.expand(*places.shape[:-2], *columns.shape)
    row = row.gather(-1, (places // across))
    column = column.mT.gather(-2, places % across)
    return values, row * width + column


def _cells(size, count):
    """[count, longest]: the places in each of ``count`` cells."""
    k = torch.arange(count)
    starts, ends = k * size // count, ((k + 1) * size + count - 1) // count
    longest = max(-(-(i + 1) * size // count) - i * size // count for i in range(count))
    return torch.minimum(starts.unsqueeze(1) + torch.arange(longest), ends.unsqueeze(1) - 1)


def _triangle(x):
    return (1 - x.abs()).clamp(min=0)


def _cubic(x, a=-0.5):
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    return torch.where(x < 1, near, torch.where(x < 2, a * (((x - 5) * x + 8) * x - 4), 0))


def _lanczos(x):
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0)


def _smooth(size, count, align_corners, scale, radius, weight):
    """[count, size]: how much of every place a new one takes.

    ``_compute_indices_min_size_weights_aa`` in ATen/native/cpu/UpSampleKernel.cpp.
    """
    if align_corners:
        step = (size - 1) / (count - 1) if count > 1 else 0.0
    else:
        step = 1 / scale if scale else size / count
    reach, zoom = radius * max(step, 1.0), 1 / max(step, 1.0)
    centre = step * (torch.arange(count, dtype=torch.float64).unsqueeze(1) + 0.5)
    place = torch.arange(size, dtype=torch.float64)
    first, end = (torch.trunc(centre + side * reach + 0.5) for side in (-1, 1))
    weights = weight((place - centre + 0.5) * zoom)
    weights = torch.where((place >= first) & (place < end), weights, 0)
    return weights / weights.sum(1, keepdim=True)


def _antialiased(radius, weight):
    def decomposition(x, output_size, align_corners, scales_h=None, scales_w=None):
        sizes = x.shape[-2:]
        if not (x.dtype.is_floating_point and all(isinstance(size, int) for size in sizes)):
            return NotImplemented
        rows, columns = (
            _smooth(size, count, align_corners, scale, radius, weight).to(x.dtype)
            for size, count, scale in zip(sizes, output_size, (scales_h, scales_w), strict=True)
        )
        return rows @ (x @ columns.mT)

    return decomposition


for _kind, _how in (
    ("bilinear", (1, _triangle)),
    ("bicubic", (2, _cubic)),
    ("lanczos", (3, _lanczos)),
):
    if hasattr(_aten, f"_upsample_{_kind}2d_aa"):
        TABLE[getattr(_aten, f"_upsample_{_kind}2d_aa").default] = _antialiased(*_how)
