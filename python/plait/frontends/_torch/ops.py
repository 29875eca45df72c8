"""Graphs on their way to torch-mlir, and their ops one by one: how messages show them, and graphs
of one op to try."""

import operator

import torch
from torch.fx._graph_pickler import GraphPickler, Options

from plait.frontends._torch.views import source_line


def pickled(graph_module) -> bytes:
    """A graph with its inner graphs, without weights."""
    keep = {"val", "stack_trace"}
    options = Options(ops_filter=None, node_metadata_key_filter=keep.__contains__)
    inner = dict(graph_module.named_children())
    return _Pickler.dumps(torch.fx.GraphModule(inner, graph_module.graph), options)


class _Pickler(GraphPickler):
    """Names torch's constants: pickle would find them in any module that imports torch, such as
    the caller's own main one, which is another one there."""

    def reducer_override(self, value):
        if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
            return constant, (str(value),)
        return super().reducer_override(value)


def constant(name: str):
    """``torch.float32``, say, of its name."""
    return getattr(torch, name.removeprefix("torch."))


def described(node) -> str:
    """An op, with the shapes of its tensors and its constants."""

    def shown(value):
        if isinstance(value, torch.fx.Node):
            value = value.meta.get("val")
        if isinstance(value, torch.Tensor):
            sizes = "".join(f"{size}x" for size in value.shape)
            return f"{sizes}{str(value.dtype).removeprefix('torch.')}"
        return str(value)

    arguments = torch.fx.node.map_aggregate(node.args, lambda leaf: Shown(shown(leaf)))
    name = str(node.target).removesuffix(".default")
    return f"{name}({', '.join(map(str, arguments))})"


class Shown(str):
    """Text that lists print without quotes."""

    __repr__ = str.__str__


def distinct(graph_modules, places=("",)) -> list:
    """One node of each op with its shapes and constants, of source lines that start so."""
    nodes = (node for module in graph_modules for node in module.graph.nodes)
    ops = (
        n for n in nodes if hasattr(n.target, "overloadpacket") and n.meta.get("val") is not None
    )
    return list({described(op): op for op in ops if source_line(op).startswith(places)}.values())


def listed(nodes) -> str:
    """The message about ops that torch-mlir does not lower."""
    found = (f"  {described(node)} at {source_line(node)}" for node in nodes)
    return "torch-mlir cannot lower:\n" + "\n".join(dict.fromkeys(found))


def alone(node) -> torch.fx.GraphModule:
    """A graph of one op; its tensors are the arguments."""
    graph = torch.fx.Graph()
    made = {}
    for argument in node.all_input_nodes:
        made[argument] = graph.placeholder(argument.name)
        made[argument].meta.update(argument.meta)
    copy = graph.node_copy(node, made.__getitem__)
    values, results = node.meta.get("val"), [copy]
    if isinstance(values, list | tuple):
        results = [graph.call_function(operator.getitem, (copy, k)) for k in range(len(values))]
        for result, value in zip(results, values, strict=True):
            result.meta["val"] = value
    graph.output(tuple(results))
    return torch.fx.GraphModule({}, graph)
