"""A model that is called once a step as one that runs all steps."""

import re
from dataclasses import replace

from plait import arrays
from plait.errors import FrontendError
from plait.module import Module, TensorSpec


def over_time(module: Module, steps: int) -> Module:
    """``module`` in a loop: inputs and outputs get a leading axis of ``steps``.

    The state that calls of ``module`` change starts, in every run, as it is now.

    Raises:
        FrontendError: a size is dynamic, or the module changes what a caller passes.
    """
    if not (isinstance(steps, int) and steps > 0):
        raise FrontendError(f"expects positive 'time_steps', got {steps!r}")
    states = list(module.state)
    if any(index >= len(states) for index in module.updates):
        raise FrontendError("a step that changes its arguments cannot run over time")
    fixed = [_type_of_array(value) for value in module.weights]
    kept = [_type_of_array(value) for value in states]
    inputs = [_type(spec) for spec in module.inputs]
    outputs = [_type(spec) for spec in module.outputs]

    def name(prefix: str, items):
        return [f"%{prefix}{index}" for index in range(len(items))]

    weights, starts, xs = name("w", fixed), name("s", kept), name("x", inputs)
    state, outs = name("state", kept), name("out", outputs)
    whole_in = [_longer(type_, steps) for type_ in inputs]
    whole_out = [_longer(type_, steps) for type_ in outputs]
    arguments = zip([*weights, *starts, *xs], [*fixed, *kept, *whole_in], strict=True)
    lines = [
        f"  func.func @main({', '.join(f'{n}: {t}' for n, t in arguments)}) -> "
        f"({', '.join(whole_out)}) {{",
        "    %c0 = arith.constant 0 : index",
        "    %c1 = arith.constant 1 : index",
        f"    %steps = arith.constant {steps} : index",
    ]
    lines += [f"    %e{i} = tensor.empty() : {type_}" for i, type_ in enumerate(whole_out)]
    carried = list(zip([*state, *outs], [*starts, *name("e", outputs)], strict=True))
    types = [*kept, *whole_out]
    lines.append(
        f"    %end:{len(types)} = scf.for %t = %c0 to %steps step %c1 iter_args("
        f"{', '.join(f'{a} = {b}' for a, b in carried)}) -> ({', '.join(types)}) {{"
    )
    for index, (type_, long) in enumerate(zip(inputs, whole_in, strict=True)):
        lines.append(f"      %now{index} = tensor.extract_slice %x{index}{_window(type_)} : "
                     f"{long} to {type_}")  # fmt: skip
    returned = [*(kept[index] for index in module.updates), *outputs]
    operands = [*weights, *state, *name("now", inputs)]
    lines.append(
        f"      %r:{len(returned)} = func.call @step({', '.join(operands)}) : "
        f"({', '.join([*fixed, *kept, *inputs])}) -> ({', '.join(returned)})"
    )
    after = list(state)
    for place, index in enumerate(module.updates):
        after[index] = f"%r#{place}"
    for index, (type_, long) in enumerate(zip(outputs, whole_out, strict=True)):
        value = f"%r#{len(module.updates) + index}"
        lines.append(f"      %next{index} = tensor.insert_slice {value} into %out{index}"
                     f"{_window(type_)} : {type_} into {long}")  # fmt: skip
    lines.append(
        f"      scf.yield {', '.join([*after, *name('next', outputs)])} : {', '.join(types)}"
    )
    results = ", ".join(f"%end#{len(kept) + index}" for index in range(len(outputs)))
    lines += ["    }", f"    return {results} : {', '.join(whole_out)}", "  }"]
    text, count = re.subn(r"func\.func @main\b", "func.func private @step", module.text)
    if count != 1:
        raise FrontendError("expects one function @main")
    end = text.rindex("\n}") + 1 if text.lstrip().startswith(("module", "#")) else len(text)
    return replace(
        module,
        text=text[:end] + "\n".join(lines) + "\n" + text[end:],
        weights=(*module.weights, *states),
        state=(),
        updates=(),
        inputs=tuple(replace(s, shape=(steps, *s.shape)) for s in module.inputs),
        outputs=tuple(replace(s, shape=(steps, *s.shape)) for s in module.outputs),
        reference=None,
    )


def _type(spec: TensorSpec) -> str:
    if not all(isinstance(size, int) for size in spec.shape):
        raise FrontendError(f"a run over time needs sizes that do not change, got {spec}")
    names = {str(dtype): name for name, dtype in arrays.DTYPES.items()}
    sizes = "".join(f"{size}x" for size in spec.shape)
    return f"tensor<{sizes}{names[str(spec.dtype)]}>"


def _type_of_array(value) -> str:
    array = arrays.to_numpy(value)
    return _type(TensorSpec(array.dtype, tuple(array.shape)))


def _longer(type_: str, steps: int) -> str:
    return type_.replace("tensor<", f"tensor<{steps}x", 1)


def _window(type_: str) -> str:
    sizes = re.findall(r"(\d+)x", type_)
    rank = len(sizes)
    return (
        f"[{', '.join(['%t'] + ['0'] * rank)}] [{', '.join(['1', *sizes])}] "
        f"[{', '.join(['1'] * (rank + 1))}]"
    )
