"""Pools and interpolations of images of torch."""

from functools import reduce

import torch

from plait.frontends._torch.kernels import before, kernel
from plait.frontends._torch.registry import TABLE, decomposes
from plait.frontends._torch.text import Body

_aten, _plait = torch.ops.aten, torch.ops.plait
#: Pools, and of how many dimensions.
_POOLS = {_aten.max_pool2d_with_indices.default: 2, _aten.max_pool3d_with_indices.default: 3}


@decomposes(_aten.avg_pool2d.default)
def _avg_pool2d(x, size, stride=(), padding=(0, 0), *how):
    """torch-mlir's own needs samples, and two numbers of each kind."""
    given = [list(size), list(stride), list(padding)]
    pairs = [numbers * 2 if len(numbers) == 1 else numbers for numbers in given]
    if x.dim() == 4:
        return NotImplemented if pairs == given else _aten.avg_pool2d(x, *pairs, *how)
    return _aten.avg_pool2d(x.unsqueeze(0), *pairs, *how).squeeze(0)


@decomposes(_aten.adaptive_max_pool2d.default)
def _adaptive_max_pool2d(x, output_size):
    """Cell k of n takes [floor(k size / n), ceil((k + 1) size / n)) of a dimension."""
    known = all(isinstance(size, int) for size in x.shape[-2:])
    if not known and list(output_size) != [1, 1]:
        return NotImplemented
    height, width = x.shape[-2:]
    rows, columns = (
        _cells(size, count) for size, count in zip((height, width), output_size, strict=True)
    )
    # [..., row cell, row in it, column cell, column in it]: what a narrow cell lacks is its last.
    cells = x[..., rows, :][..., columns].transpose(-3, -2).flatten(-2)
    values, places = cells.max(-1)
    if x.dtype.is_floating_point:  # Of NaNs, torch says the last.
        last = cells.shape[-1] - 1 - cells.isnan().flip(-1).to(torch.int64).argmax(-1)
        places = torch.where(values.isnan(), last, places)
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


@kernel(
    "max_pool(Tensor x, int[] size, int[] stride, int[] padding, int[] dilation, bool ceil)"
    " -> (Tensor, Tensor)",
    lambda x, *_: (x.new_empty(x.shape), x.new_empty(x.shape, dtype=torch.int64)),
)
def _max_pool(b: Body, x, size, stride, padding, dilation, ceil):
    """Maxima of windows and where they are: the first of equal ones, the last NaN."""
    lead, lengths = (b.sizes(x)[: -len(size)], b.sizes(x)[-len(size) :])
    zero, shape = b.constant(0), b.results[0][1]
    blank, none = b.constant(0, x.element), b.constant(-1, "i64")

    def several(op, values):
        return reduce(lambda u, v: b.binary(op, u, v), values)

    def pooled(k):
        """How many windows there are along a dimension: ``pooling_output_shape`` of ATen."""
        if (known := shape[len(lead) + k]) is not None:
            return b.constant(known)
        reach = 2 * padding[k] - dilation[k] * (size[k] - 1) - 1 + (stride[k] - 1 if ceil else 0)
        step, pad = b.constant(stride[k]), b.constant(padding[k])
        room = b.binary("arith.addi", lengths[k], b.constant(reach))
        count = b.binary("arith.floordivsi", room, step)
        # The last window starts inside, or in the padding before.
        begins = b.binary("arith.muli", count, step)
        inside = b.compare("cmpi", "slt", begins, b.binary("arith.addi", lengths[k], pad))
        more = b.binary("arith.addi", count, b.constant(1))
        return b.select(inside, more, count) if ceil else more

    def window(at, carried):
        corner = [
            b.binary("arith.muli", o, b.constant(s))
            for o, s in zip(at[len(lead) :], stride, strict=True)
        ]

        def element(offset, state):
            best, place = state
            where = [
                several("arith.addi", [c, b.binary("arith.muli", o, b.constant(d)), b.constant(-p)])
                for c, o, d, p in zip(corner, offset, dilation, padding, strict=True)
            ]
            tests = [b.compare("cmpi", "sge", w, zero) for w in where]
            tests += [b.compare("cmpi", "slt", w, n) for w, n in zip(where, lengths, strict=True)]

            def look():
                new = b.load(x, [*at[: len(lead)], *where])
                flat = where[0]
                for w, n in zip(where[1:], lengths[1:], strict=True):
                    flat = several("arith.addi", [b.binary("arith.muli", flat, n), w])
                better = [b.compare("cmpi", "eq", place, none), before(b, best, new, False)]
                if x.element[0] in "bf":
                    better.append(b.compare("cmpf", "uno", new, new))
                better = several("arith.ori", better)
                flat = b.cast("arith.index_cast", flat, "i64")
                return [b.select(better, new, best), b.select(better, flat, place)]

            return b.branch(several("arith.andi", tests), look, lambda: [best, place])

        best, place = b.nest([b.constant(n) for n in size], [blank, none], element)
        return [b.store(v, into, at) for v, into in zip((best, place), carried, strict=True)]

    sizes = [*lead, *(pooled(k) for k in range(len(size)))]
    start = [b.empty(shape, kind, sizes) for kind in (x.element, "i64")]
    return b.nest(sizes, start, window)


def keep_places(graph_module):
    """Lets a kernel find the places of pools' maxima, where a result depends on them.

    torch-mlir finds the value, which is fast, and then the places that equal it: no NaN does.
    """
    names = ("size", "stride", "padding", "dilation", "ceil_mode")
    for node in graph_module.graph.nodes:
        if node.target not in _POOLS:
            continue
        floating = node.args[0].meta["val"].dtype.is_floating_point
        if floating and not any(user.args[1] == 1 and user.users for user in node.users):
            continue
        given = {**dict(zip(names, node.args[1:], strict=False)), **node.kwargs}
        lists = [given["size"], given.get("stride") or given["size"]]
        lists += [given.get("padding", [0]), given.get("dilation", [1])]
        lists = [list(v) * _POOLS[node.target] if len(v) == 1 else list(v) for v in lists]
        node.args = (node.args[0], *lists, given.get("ceil_mode", False))
        node.kwargs, node.target = {}, _plait.max_pool.default


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
