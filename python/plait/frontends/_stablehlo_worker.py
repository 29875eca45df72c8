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
        _drop_annotations(module)
        _give_reductions_a_dimension(module, ir, stablehlo)
        try:
            passmanager.PassManager.parse(_PIPELINE).run(module.operation)
        except ir.MLIRError as error:
            raise FrontendError(f"jaxlib cannot lower the program: {error}") from error
        _check_ops(module)
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


def _check_ops(module):
    refused = {}
    for op in _ops(module.operation):
        if op.name in _CONVERTED or op.name.split(".")[0] in _WAIST:
            continue
        name = op.name
        if "call_target_name" in op.attributes:
            name += f" @{op.attributes['call_target_name'].value}"
        refused.setdefault(name, set()).update(_source_lines(module, op))
    if refused:
        lines = "\n".join(
            f"  {name} at {', '.join(sorted(lines)) or 'an unknown line'}"
            for name, lines in sorted(refused.items())
        )
        raise FrontendError(f"no lowering for these ops:\n{lines}")


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
