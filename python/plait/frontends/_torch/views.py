"""Views of dynamic shape, in forms that torch-mlir lowers right."""

import operator

import torch
from torch._prims_common import is_contiguous_or_false
from torch.fx.experimental.symbolic_shapes import statically_known_true

from plait.frontends._torch import kernels  # noqa: F401 - defines torch.ops.plait

_aten = torch.ops.aten
_VIEWS = (_aten.view.default, _aten._unsafe_view.default, _aten.reshape.default)


def source_line(node) -> str:
    """Where the user's model calls this node."""
    lines = (node.meta.get("stack_trace") or "").strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    return places[-1] if places else "an unknown line"


def keep_views(graph_module):
    """Rewrites views of dynamic shape as flattens and unflattens.

    torch-mlir lowers a view that merges two dynamic sizes to wrong code
    (llvm/torch-mlir#4743); flatten and unflatten it lowers right. A view that
    does not split so becomes a kernel.
    """
    graph = graph_module.graph
    _multiply_powers(graph)
    _rewrite_arithmetic(graph)
    _name_views(graph)
    for node in list(graph.nodes):
        if node.op != "call_function" or node.target not in _VIEWS:
            continue
        source, target = list(node.args[0].meta["val"].shape), list(node.meta["val"].shape)
        if all(isinstance(size, int) for size in source + target):
            continue
        # What -1 stands for, where it is a number; torch-mlir does not ask.
        sizes = [n if isinstance(n, int) else m for n, m in zip(target, node.args[1], strict=True)]
        groups = match_groups(source, target)
        if groups is None or any(t1 - t0 > 1 and -1 in sizes[t0:t1] for _, (t0, t1) in groups):
            with graph.inserting_before(node):
                call = graph.call_function(torch.ops.plait.reshape.default, tuple(node.args))
            call.meta.update(node.meta)
            _fill_in(call)
            node.replace_all_uses_with(call)
            continue
        current = node.args[0]
        with graph.inserting_before(node):
            for (s0, s1), (t0, t1) in reversed(groups):
                if s1 - s0 > 1:
                    value = _aten.flatten.using_ints(current.meta["val"], s0, s1 - 1)
                    call = (current, s0, s1 - 1)
                    current = graph.call_function(_aten.flatten.using_ints, call)
                    current.meta.update(node.meta, val=value)
                if t1 - t0 > 1:
                    shape = list(current.meta["val"].shape)
                    shape[s0 : s0 + 1] = target[t0:t1]
                    value = current.meta["val"].new_empty(shape)
                    call = (current, s0, sizes[t0:t1])
                    current = graph.call_function(_aten.unflatten.int, call)
                    current.meta.update(node.meta, val=value)
        if current is not node.args[0]:
            node.replace_all_uses_with(current)
    graph.eliminate_dead_code()
    graph_module.recompile()


def match_groups(source, target):
    """Runs of sizes with equal products: [((s0, s1), (t0, t1)), ...], or None."""
    groups, i, j = [], 0, 0
    while i < len(source) and j < len(target):
        i0, j0 = i, j
        left, right = source[i], target[j]
        i, j = i + 1, j + 1
        while not statically_known_true(left == right):
            # A side of size one says nothing yet; else the longer rest grows first.
            if statically_known_true(right == 1) and j < len(target):
                right, j = right * target[j], j + 1
            elif i < len(source) and len(source) - i >= len(target) - j:
                left, i = left * source[i], i + 1
            elif j < len(target):
                right, j = right * target[j], j + 1
            else:
                return None
        groups.append(((i0, i), (j0, j)))
    return groups if (i, j) == (len(source), len(target)) else None


def _fill_in(call):
    """Replaces a size of -1 by what it stands for."""
    x, shape = call.args
    if not any(isinstance(size, int) and size == -1 for size in shape):
        return
    graph, sizes = call.graph, x.meta["val"].shape
    with graph.inserting_before(call):
        total, known = 1, 1
        for dim, size in enumerate(sizes):
            if not isinstance(size, int):
                value = size
                size = graph.call_function(_aten.sym_size.int, (x, dim))
                size.meta["val"] = value
            total = _product(graph, total, size)
        for size in shape:
            if not (isinstance(size, int) and size == -1):
                known = _product(graph, known, size)
        rest = _symbolic(graph, operator.floordiv, total, known)
    call.args = (x, [rest if isinstance(s, int) and s == -1 else s for s in shape])


def _name_views(graph):
    """Makes views of what torch's decompositions write as strides: all elements, in order."""
    for node in graph.find_nodes(op="call_function", target=_aten.as_strided.default):
        x, size, _, *offset = node.args
        source, result = x.meta["val"], node.meta["val"]
        whole = statically_known_true(source.numel() == result.numel()) and offset in ([], [0])
        if whole and is_contiguous_or_false(source) and is_contiguous_or_false(result):
            node.target, node.args = _aten.view.default, (x, size)


def _multiply_powers(graph):
    """Makes products of the powers of sizes, which torch-mlir does not import.

    Two equal sizes that are merged are one squared.
    """
    for node in list(graph.nodes):
        if node.op != "call_function" or node.target not in (pow, operator.pow):
            continue
        base, exponent = node.args
        if not isinstance(exponent, int) or exponent < 1:
            continue
        with graph.inserting_before(node):
            product = base
            for _ in range(exponent - 1):
                product = _product(graph, product, base)
        node.replace_all_uses_with(product)
        graph.erase_node(node)


#: What torch-mlir imports in the place of functions of sizes.
_OF_SIZES = {
    torch.sym_max: torch.ops.prim.max.int,
    torch.sym_min: torch.ops.prim.min.int,
    torch.sym_float: _aten.Float.Scalar,
}


def _rewrite_arithmetic(graph):
    """Writes functions of sizes by those that torch-mlir imports and lowers."""
    for function, op in _OF_SIZES.items():
        for node in graph.find_nodes(op="call_function", target=function):
            node.target = op
    for node in graph.find_nodes(op="call_function", target=operator.mod):
        a, b = node.args
        with graph.inserting_before(node):
            whole = _product(graph, _symbolic(graph, operator.floordiv, a, b), b)
        node.target, node.args = operator.sub, (a, whole)
    for node in graph.find_nodes(op="call_function", target=_aten.sub.Tensor):
        size, tensor = node.args[:2]
        if isinstance(size, torch.fx.Node) and isinstance(size.meta["val"], torch.SymInt):
            node.target, node.args = _aten.rsub.Scalar, (tensor, size, *node.args[2:])


def _product(graph, a, b):
    return _symbolic(graph, operator.mul, a, b)


def _symbolic(graph, op, a, b):
    """``op(a, b)`` of ints and nodes of sizes."""
    values = [part.meta["val"] if isinstance(part, torch.fx.Node) else part for part in (a, b)]
    result = op(*values)
    if isinstance(result, int):
        return result
    node = graph.call_function(op, (a, b))
    node.meta["val"] = result
    return node
