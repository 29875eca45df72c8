"""The process that holds jaxlib's MLIR: StableHLO text in, linalg and what is left out.

jaxlib is built on another LLVM than Plait; only text leaves this process.
"""

import json
import re

from plait.errors import FrontendError

#: jaxlib's own passes, in the order that leaves the fewest ops.
_PIPELINE = (
    "builtin.module(inline,symbol-dce,func.func(stablehlo-legalize-composite-to-call),inline,"
    "func.func(chlo-legalize-to-stablehlo),stablehlo-legalize-to-linalg,canonicalize,symbol-dce)"
)

#: Dialects that the waist knows, and the ops that `convert-stablehlo-*` take.
_WAIST = {"arith", "builtin", "complex", "func", "linalg", "math", "scf", "tensor"}
_CONVERTED = {
    f"stablehlo.{op}" for op in ("while", "case", "if", "scatter", "sort", "fft", "return")
}
#: Element types that no processor here computes with.
_FLOAT8 = re.compile(r"f[468]E\w+")
#: Ops that only say something about their operands.
_IDENTITIES = {"sdy.sharding_constraint", "stablehlo.optimization_barrier"}


def handle(payload: bytes) -> bytes:
    """JSON with the lowered text and the signature of a StableHLO program."""
    return json.dumps(lower(payload.decode())).encode()


def lower(text: str) -> dict:
    """The lowered text, and the element types and shapes of ``@main``."""
    from jax._src.interpreters import mlir
    from jaxlib.mlir import ir, passmanager
    from jaxlib.mlir.dialects import stablehlo

    stablehlo.register_stablehlo_passes()
    with mlir.make_ir_context():
        try:
            module = ir.Module.parse(text)
        except ir.MLIRError as error:
            raise FrontendError(f"not valid StableHLO: {error}") from error
        function = _main(module)
        inputs, outputs = function.type.inputs, function.type.results
        answer = {
            "inputs": [_spec(ir, f"argument {i}", type) for i, type in enumerate(inputs)],
            "outputs": [_spec(ir, f"result {i}", type) for i, type in enumerate(outputs)],
        }
        _refuse(module, _of_float8)
        _drop_annotations(module)
        _drop_empty(module, ir, stablehlo)
        _give_reductions_a_dimension(module, ir, stablehlo)
        try:
            passmanager.PassManager.parse(_PIPELINE).run(module.operation)
        except ir.MLIRError as error:
            raise FrontendError(f"jaxlib cannot lower the program: {error}") from error
        _refuse(module, _unlowered)
        _saturate(module, ir)
        answer["text"] = module.operation.get_asm(
            print_generic_op_form=True, enable_debug_info=True
        )
    return answer


def _main(module):
    for op in module.body.operations:
        if op.operation.name == "func.func" and op.name.value == "main":
            return op
    raise FrontendError("expects a function @main, got none")


def _spec(ir, what, type):
    if not isinstance(type, ir.RankedTensorType):
        raise FrontendError(f"{what}: expects a ranked tensor, got {type}")
    shape = [None if type.is_dynamic_dim(i) else type.get_dim_size(i) for i in range(type.rank)]
    return {"dtype": str(type.element_type), "shape": shape}


def _ops(operation):
    for region in operation.regions:
        for block in region.blocks:
            for op in list(block.operations):
                yield from _ops(op.operation)
                yield op.operation


def _drop_annotations(module):
    """One device holds everything, and what is computed twice may be computed once."""
    for op in _ops(module.operation):
        if op.name in _IDENTITIES:
            for result, operand in zip(op.results, op.operands, strict=True):
                result.replace_all_uses_with(operand)
        if "sdy.sharding" in op.attributes:
            del op.attributes["sdy.sharding"]
        if op.name == "sdy.mesh" or op.name in _IDENTITIES:
            op.erase()


def _drop_empty(module, ir, stablehlo):
    """Tensors without elements become constants, and what is made of nothing else a fill.

    jaxlib lowers to slices and pads of them that MLIR refuses.
    """

    def is_empty(value):
        return isinstance(value.type, ir.RankedTensorType) and 0 in value.type.shape

    def fill(result, scalar):
        return stablehlo.broadcast_in_dim(result.type, scalar, [])

    for op in _ops(module.operation):
        if op.name.split(".")[0] not in ("stablehlo", "chlo") or op.name == "stablehlo.constant":
            continue
        results, operands = list(op.results), list(op.operands)
        with ir.InsertionPoint(op), op.location:
            for result in filter(is_empty, results):
                nothing = ir.Attribute.parse(f"dense<> : {result.type}")
                result.replace_all_uses_with(stablehlo.constant(nothing))
            if results and all(map(is_empty, results)):
                if op.name != "stablehlo.custom_call":
                    op.erase()
                continue
            match op.name.removeprefix("stablehlo."):
                case "concatenate":
                    kept = [value for value in operands if not is_empty(value)]
                    new = [stablehlo.concatenate(kept, op.attributes["dimension"])]
                case "pad" if is_empty(operands[0]):
                    new = [fill(results[0], operands[1])]
                case "reduce" | "reduce_window" if is_empty(operands[0]):
                    new = map(fill, results, operands[len(results) :])
                case "dynamic_update_slice" if is_empty(operands[1]):
                    new = operands[:1]
                case "scatter" if is_empty(operands[-1]):
                    new = operands[: len(results)]
                case _:
                    continue
            for result, value in zip(results, new, strict=True):
                result.replace_all_uses_with(value)
        op.erase()


def _give_reductions_a_dimension(module, ir, stablehlo):
    """jaxlib lowers no reduction along nothing: it becomes one along a size of 1."""
    for op in _ops(module.operation):
        if op.name != "stablehlo.reduce" or len(op.attributes["dimensions"]):
            continue
        for index in range(len(op.operands) // 2):
            value = op.operands[index]
            shape, element = list(value.type.shape), value.type.element_type
            with ir.InsertionPoint(op), op.location:
                wide = ir.RankedTensorType.get([*shape, 1], element)
                op.operands[index] = stablehlo.reshape(wide, value)
        op.attributes["dimensions"] = ir.DenseI64ArrayAttr.get([len(shape)])


def _saturate(module, ir):
    """Floats that no integer holds become the nearest one, and NaN 0, as in XLA.

    arith's conversions say nothing of them.
    """
    from jaxlib.mlir.dialects import arith

    for op in _ops(module.operation):
        if op.name not in ("arith.fptosi", "arith.fptoui"):
            continue
        (x,), integer = op.operands, op.result.type
        bits = integer.width - (op.name == "arith.fptosi")
        least, most = (0 if bits == integer.width else -(1 << bits)), (1 << bits) - 1
        with ir.InsertionPoint(op), op.location:
            value = op.clone().result
            for predicate, bound, number in (
                (arith.CmpFPredicate.OLE, least, least),
                (arith.CmpFPredicate.OGE, most + 1, most),
                (arith.CmpFPredicate.UNO, 0, 0),
            ):
                limit = arith.constant(x.type, float(bound))
                outside = arith.cmpf(predicate, x, limit)
                number = ir.IntegerAttr.get(integer, number)
                value = arith.select(outside, arith.constant(integer, number), value)
        op.result.replace_all_uses_with(value)
        op.erase()


def _refuse(module, name_of):
    """Refuses the ops that ``name_of`` has a name for."""
    refused = {}
    for op in _ops(module.operation):
        if name := name_of(op):
            refused.setdefault(name, set()).update(_source_lines(module, op))
    if refused:
        lines = "\n".join(
            f"  {name} at {', '.join(sorted(lines)) or 'an unknown line'}"
            for name, lines in sorted(refused.items())
        )
        raise FrontendError(f"no lowering for these ops:\n{lines}")


def _of_float8(op):
    types = " ".join(str(result.type) for result in op.results)
    found = _FLOAT8.search(types) if op.name.startswith("stablehlo.") else None
    return found and f"{op.name} of {found[0]}"


def _unlowered(op):
    if op.name in _CONVERTED or op.name.split(".")[0] in _WAIST:
        return None
    if "call_target_name" in op.attributes:
        return f"{op.name} @{op.attributes['call_target_name'].value}"
    return op.name


def _source_lines(module, op) -> set[str]:
    """The innermost lines of the user's source; jax leaves its own frames out.

    A jitted function of jax itself has none: its callers do.
    """
    found = re.search(r'"([^"]+)":(\d+):\d+', str(op.location))
    if found:
        return {f"{found[1]}:{found[2]}"}
    while op.name != "func.func" and op.parent is not None:
        op = op.parent
    if op.name != "func.func":
        return set()
    name = str(op.attributes["sym_name"].value)
    return {
        line
        for call in _ops(module.operation)
        if call.name == "func.call" and call.attributes["callee"].value == name
        for line in _source_lines(module, call)
    }
