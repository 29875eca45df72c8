"""Control flow of torch (cond, while_loop, scan, map) as functions around functions.

A higher-order node becomes a kernel whose body is an ``scf`` op; its branches
and bodies are graphs of their own, imported beside the main one.
"""

import torch

from plait.errors import FrontendError
from plait.frontends._torch.text import Value, type_of

_higher = torch.ops.higher_order


def _region_op(results):
    """``plait::region_<results>``: any tensors and sizes to that many tensors."""
    name = f"region_{results}"
    if not hasattr(torch.ops.plait, name):
        returned = ", ".join(["Tensor"] * results)
        schema = f"(Tensor[] tensors, SymInt[] sizes) -> ({returned})"
        torch.library.define(f"plait::{name}", schema)
    return getattr(torch.ops.plait, name).default


def split(graph_module, name, where) -> dict:
    """Replaces higher-order nodes; returns their graphs by function name, inner ones too."""
    graphs = {}
    graph = graph_module.graph
    for index, node in enumerate(list(graph.nodes)):
        if node.op != "call_function" or node.target not in WRITERS:
            continue
        write, parts, groups = WRITERS[node.target](node)
        names = []
        for part, inner in enumerate(parts):
            inner_name = f"{name}_{index}_{part}"
            module = getattr(graph_module, inner.target)
            graphs[inner_name] = module
            graphs.update(split(module, inner_name, where))
            names.append(inner_name)
        leaves = [leaf for group in groups for leaf in group]
        kinds = [_kind(leaf, node, where) for leaf in leaves]
        tensors = [leaf for leaf, kind in zip(leaves, kinds, strict=True) if kind == "tensor"]
        sizes = [leaf for leaf, kind in zip(leaves, kinds, strict=True) if kind == "size"]
        results = node.meta["val"]
        if any(not isinstance(value, torch.Tensor) for value in results):
            raise FrontendError(f"{node.target} carries a number at {where(node)}; carry a tensor")
        with graph.inserting_before(node):
            call = graph.call_function(_region_op(len(results)), (tensors, sizes))
        call.meta.update(node.meta)
        call.meta["write"] = _writer(write, names, groups, kinds)
        if len(results) == 1:  # A single result is no tuple.
            for user in list(node.users):
                user.replace_all_uses_with(call)
            call.meta["val"] = results[0]
        else:
            node.replace_all_uses_with(call)
    graph.eliminate_dead_code()
    graph_module.recompile()
    return graphs


def _kind(leaf, node, where):
    if not isinstance(leaf, torch.fx.Node):
        return "constant"
    value = leaf.meta["val"]
    if isinstance(value, torch.Tensor):
        return "tensor"
    if isinstance(value, torch.SymInt):
        return "size"
    raise FrontendError(f"{node.target} takes a {type(value).__name__} at {where(node)}")


def _writer(write, names, groups, kinds):
    """The writer of one node: sorts the flat arguments back into their groups."""

    def write_node(b, tensors, sizes):
        tensors, sizes, order = iter(tensors), iter(sizes), iter(kinds)
        grouped = []
        for group in groups:
            values = []
            for leaf in group:
                kind = next(order)
                if kind == "constant":
                    values.append(b.constant(leaf, "i1" if isinstance(leaf, bool) else "i64"))
                else:
                    values.append(next(tensors if kind == "tensor" else sizes))
            grouped.append(values)
        return write(b, names, *grouped)

    return write_node


def _called(b, name, values):
    """The results of an imported graph."""
    inputs, results = b.functions[name]
    shaped = [
        value if kind[1] is None else b.as_shape(value, kind[1])
        for value, kind in zip(values, inputs, strict=True)
    ]
    return b.call(name, shaped, results)


def _as(b, values, kinds):
    return [b.as_shape(value, kind[1]) for value, kind in zip(values, kinds, strict=True)]


def _truth(b, tensor):
    return b.load(tensor, [b.constant(0)] * len(tensor.shape))


def _cond(node):
    predicate, then, otherwise, operands = node.args

    def write(b, names, predicate, operands):
        def branch(name):
            return lambda: _as(b, _called(b, name, operands), b.results)

        return b.branch(_truth(b, predicate[0]), *map(branch, names))

    return write, (then, otherwise), ((predicate,), operands)


def _while_loop(node):
    condition, step, carried, fixed = node.args

    def write(b, names, carried, fixed):
        def test(values):
            return _truth(b, _called(b, names[0], [*values, *fixed])[0])

        def repeat(values):
            return _as(b, _called(b, names[1], [*values, *fixed]), b.results)

        return list(b.repeat(_as(b, carried, b.results), test, repeat))

    return write, (condition, step), (carried, fixed)


def _slice(b, x, at, value=None):
    """Row ``at`` of a tensor, or the tensor with that row replaced."""
    rank = len(x.shape)
    zeros = ", ".join([at.name] + ["0"] * (rank - 1))
    sizes = ["1"] + [
        str(x.shape[k]) if x.shape[k] is not None else b.size(x, k).name for k in range(1, rank)
    ]
    where = f"[{zeros}] [{', '.join(sizes)}] [{', '.join(['1'] * rank)}]"
    row = type_of(x.element, x.shape[1:])
    if value is None:
        return b.op(f"tensor.extract_slice {x.name}{where} : {x.type} to {row}",
                    x.element, x.shape[1:])  # fmt: skip
    value = b.as_shape(value, x.shape[1:])
    text = f"tensor.insert_slice {value.name} into {x.name}{where} : {row} into {x.type}"
    return b.op(text, x.element, x.shape)


def _loop(b, name, carried, sequences, fixed):
    """A graph for every row of ``sequences``: (*carried, *row, *fixed) -> (*carried, *row)."""
    count = len(carried)
    length = b.size(sequences[0], 0)
    outputs = []
    for element, shape in b.results[count:]:
        inner = b.functions[name][1][len(outputs) + count][1]
        sizes = [length]
        for k, size in enumerate(shape[1:]):
            if size is None and inner[k] is not None:
                sizes.append(b.constant(inner[k]))
            else:
                sizes.append(None if size is not None else _unknown(b, k, shape, sequences))
        outputs.append(b.empty(shape, element, sizes))
    start = [*_as(b, carried, b.results[:count]), *outputs]
    with b.loop(b.constant(0), length, *start) as loop:
        rows = [_slice(b, sequence, loop.counter) for sequence in sequences]
        values = _called(b, name, [*loop.carried[:count], *rows, *fixed])
        stored = [
            _slice(b, into, loop.counter, row)
            for into, row in zip(loop.carried[count:], values[count:], strict=True)
        ]
        loop.next = [*_as(b, values[:count], b.results[:count]), *stored]
    return list(loop.results)


def _unknown(b, k, shape, sequences) -> Value:
    """The dynamic size of a row of results: that of a row of the first sequence."""
    first = sequences[0]
    if len(first.shape) <= k + 1:
        raise FrontendError(f"scan makes rows of shape {shape[1:]}, whose sizes nothing tells")
    return b.size(first, k + 1)


def _scan(node):
    step, carried, sequences, fixed = node.args

    def write(b, names, carried, sequences, fixed):
        return _loop(b, names[0], carried, sequences, fixed)

    return write, (step,), (carried, sequences, fixed)


def _map(node):
    step, sequences, fixed = node.args

    def write(b, names, sequences, fixed):
        return _loop(b, names[0], [], sequences, fixed)

    return write, (step,), (sequences, fixed)


WRITERS = {
    _higher.cond: _cond,
    _higher.while_loop: _while_loop,
    _higher.scan: _scan,
    _higher.map_impl: _map,
}
