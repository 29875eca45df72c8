"""Kernels in a torch-mlir module: calls of functions whose bodies are written last.

A node of :data:`KERNELS` reaches torch-mlir as an op that it does not know. It
is made a call of a declared function, which torch-mlir lowers like any other;
the definitions, in MLIR's own dialects, are appended to the text it prints.
"""

import torch
from torch_mlir import ir

from plait.frontends._torch import algebra, guards, images, spiking  # noqa: F401 - they define kernels.
from plait.frontends._torch.kernels import KERNELS
from plait.frontends._torch.text import Body, Value, declaration, function

#: Why what draws from torch's generator cannot be compiled as it is.
_GENERATOR = (
    "torch's generator has a state, and bits that no other program can repeat; "
    "raise-to-sample with keep-bits=false draws by keys instead "
    "(plait.sampling.raise_to_sample, or --no-keep-bits)"
)


def is_call(node) -> bool:
    """Whether a node of a graph is a kernel."""
    return node.op == "call_function" and (node.target in KERNELS or "write" in node.meta)


def _walk(op):
    for region in op.regions:
        for block in region:
            for inner in block:
                yield inner.operation
                yield from _walk(inner.operation)


def _is_kernel(op) -> bool:
    name = ir.StringAttr(op.attributes["name"]).value if op.name == "torch.operator" else op.name
    return name in _NAMES or name.startswith("torch.plait.region_")


_NAMES = {f"torch.{op.name().replace('::', '.')}".removesuffix(".default") for op in KERNELS}


def _operands(op):
    """The tensors and symbolic sizes among the operands, those in lists too."""
    found = []
    for value in op.operands:
        maker = value.owner if isinstance(value.owner, ir.Operation) else None
        if maker is None and not isinstance(value.owner, ir.Block):
            maker = value.owner.operation
        if maker is not None and maker.name == "torch.prim.ListConstruct":
            found += _operands(maker)
        elif str(value.type).startswith("!torch.vtensor") or (
            str(value.type) == "!torch.int"
            and (maker is None or maker.name != "torch.constant.int")
        ):
            found.append(value)
    return found


def declare(module, function_op, nodes, prefix) -> dict:
    """Makes the kernels of an imported function calls; nodes by the names of the functions."""
    found = [op for op in _walk(function_op) if _is_kernel(op)]
    declared = {}
    for index, (op, node) in enumerate(zip(found, nodes, strict=True)):
        name = f"{prefix}{index}"
        operands = _operands(op)
        results = [value.type for value in op.results]
        kind = ir.FunctionType.get([value.type for value in operands], results)
        with op.location:
            with ir.InsertionPoint(module.body):
                ir.Operation.create(
                    "func.func",
                    attributes={
                        "sym_name": ir.StringAttr.get(name),
                        "function_type": ir.TypeAttr.get(kind),
                        "sym_visibility": ir.StringAttr.get("private"),
                    },
                    regions=1,
                )
            with ir.InsertionPoint(op):
                callee = {"callee": ir.FlatSymbolRefAttr.get(name)}
                call = ir.Operation.create("func.call", results, operands, callee)
        for old, new in zip(op.results, call.results, strict=True):
            old.replace_all_uses_with(new)
        op.erase()
        declared[name] = node
    return declared


def define(module, declared) -> str:
    """The text of the declared functions."""
    functions = {}
    for op in list(module.body.operations):
        name = ir.StringAttr(op.attributes["sym_name"]).value
        kind = ir.FunctionType(ir.TypeAttr(op.attributes["function_type"]).value)
        functions[name] = ([_kind(type) for type in kind.inputs], list(map(_kind, kind.results)))
    return "".join(_write(name, node, functions) for name, node in declared.items())


def _kind(type):
    """(element, shape) of a builtin type."""
    try:
        tensor = ir.RankedTensorType(type)
    except ValueError:
        return str(type), None
    shape = (None if tensor.is_dynamic_dim(k) else size for k, size in enumerate(tensor.shape))
    return str(tensor.element_type), tuple(shape)


def _write(name, node, functions):
    kinds, results = functions[name]
    if node.target in KERNELS and KERNELS[node.target] is None:
        words = (node.target.name().removeprefix("plait::"),)
        return declaration(name, kinds, results, words, _GENERATOR)
    inputs = [Value(f"%a{k}", *kind) for k, kind in enumerate(kinds)]
    first = next(n for n in torch.utils._pytree.tree_leaves(node.args) if hasattr(n, "meta"))
    body = Body(results, getattr(first.meta["val"], "dtype", None), functions)
    values = iter(inputs)

    def bound(argument):
        """What the writer gets for an argument of the node."""
        if isinstance(argument, list | tuple):
            return [bound(item) for item in argument]
        return next(values) if isinstance(argument, torch.fx.Node) else argument

    arguments = [bound(argument) for argument in node.args]
    write = node.meta.get("write") or KERNELS[node.target]
    kernel = ()
    if node.target in KERNELS:
        constants = (a for a in node.args if isinstance(a, int | str))
        kernel = (node.target.name().removeprefix("plait::"), *map(str, constants))
    return function(name, inputs, body, write(body, *arguments, **node.kwargs), kernel)
