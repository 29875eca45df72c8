"""Weights as constants of a module's text, for passes that look at them, and back."""

import re
from dataclasses import replace

import numpy as np

from plait.errors import PlaitError
from plait.module import Module
from plait.worker import run_tool

_DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}

#: A constant of many different elements, as plait-opt prints it.
_CONSTANT = re.compile(
    r'^ *(%\w+) = arith\.constant dense<"0x([0-9A-F]+)"> : tensor<((?:\d+x)+)(\w+)>\n', re.M
)


def run_on_constants(module: Module, passes: str) -> Module:
    """Runs a pipeline of function passes where weights are constants.

    Constants of many elements that are left become the weights of the result, whose caller
    gives what the caller of ``module`` does.

    Raises:
        CompileError: a pass failed.
        PlaitError: a weight has elements that cannot be written.
    """
    pipeline = f"builtin.module(inline,symbol-dce,func.func({passes}))"
    arguments = ["--mlir-print-elementsattrs-with-hex-if-larger=0", f"--pass-pipeline={pipeline}"]
    text = run_tool("plait-opt", arguments, _bound(module).encode()).decode()
    weights, names = [], []

    def lift(found: re.Match) -> str:
        name, digits, sizes, element = found.groups()
        shape = tuple(map(int, sizes[:-1].split("x")))
        data = np.frombuffer(bytes.fromhex(digits), _DTYPES[element])
        weights.append(data.reshape(shape).copy())
        names.append(f"{name}: tensor<{sizes}{element}>")
        return ""

    text = _CONSTANT.sub(lift, text)
    own = ", ".join(names)
    separator = ", " if names and "@main()" not in text else ""
    text = text.replace("@main(", f"@main({own}{separator}", 1)
    return replace(module, text=text, weights=tuple(weights))


def _bound(module: Module) -> str:
    """The text of ``module`` behind a ``@main`` that gives it its weights."""
    arguments, results = _signature(module.text)
    count = len(module.weights)
    lines = []
    for i, (weight, type_) in enumerate(zip(module.weights, arguments, strict=False)):
        array = np.ascontiguousarray(weight)
        element = type_.rstrip(">").split("x")[-1].split("<")[-1]
        if _DTYPES.get(element) != array.dtype:
            raise PlaitError(f"a weight of {array.dtype} for {type_} cannot be a constant")
        digits = array.astype(array.dtype.newbyteorder("<")).tobytes().hex().upper()
        value = f'dense<"0x{digits}">' if array.size else "dense<>"
        lines.append(f"  %w{i} = arith.constant {value} : {type_}")
    given = [f"%a{i}: {type_}" for i, type_ in enumerate(arguments[count:])]
    names = [f"%w{i}" for i in range(count)] + [f"%a{i}" for i in range(len(given))]
    outs = [f"%r#{i}" for i in range(len(results))]
    types = ", ".join(results)
    lines.append(
        f"  %r:{len(results)} = func.call @plait_body({', '.join(names)}) : "
        f"({', '.join(arguments)}) -> ({types})"
    )
    main = "\n".join(
        [
            f"func.func @main({', '.join(given)}) -> ({types}) {{",
            *lines,
            f"  return {', '.join(outs)} : {types}",
            "}",
        ]
    )
    body = re.sub(r"func\.func (public )?@main\(", "func.func private @plait_body(", module.text)
    # One module: into the outermost, where the text has one.
    opening = re.match(r"(?:\s|#[^\n]*\n)*module[^{\n]*(?:attributes \{[^}]*\} )?\{\n", body)
    if opening is None:
        return f"{body}\n{main}\n"
    return f"{body[: opening.end()]}{main}\n{body[opening.end() :]}"


def _signature(text: str) -> tuple[list[str], list[str]]:
    """The types of the arguments and results of ``@main``."""
    start = text.index("@main(") + len("@main")
    arguments, rest = _balanced(text, start)
    types = [_tensor(piece.partition(":")[2]) for piece in _pieces(arguments)]
    rest = text[rest:].lstrip()
    if not rest.startswith("->"):
        return types, []
    rest = rest[2:].lstrip()
    if rest.startswith("("):
        return types, [_tensor(piece) for piece in _pieces(_balanced(rest, 0)[0])]
    return types, [_tensor(rest)]


def _tensor(text: str) -> str:
    """The tensor type that ``text`` begins with."""
    found = re.match(r"\s*(tensor<[^<>]*>)", text)
    if found is None:
        raise PlaitError(f"expects a tensor in the signature of @main, got {text.strip()[:40]}")
    return found.group(1)


def _balanced(text: str, start: int) -> tuple[str, int]:
    """What the parenthesis at ``start`` encloses, and where it ends."""
    depth = 0
    quoted = False
    for i in range(start, len(text)):
        quoted ^= text[i] == '"'
        if quoted:
            continue
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return text[start + 1 : i], i + 1
    raise PlaitError("the signature of @main does not end")


def _pieces(text: str) -> list[str]:
    """``text`` split at the commas outside all brackets."""
    pieces, depth, last = [], 0, 0
    quoted = False
    for i, c in enumerate(text):
        quoted ^= c == '"'
        if quoted:
            continue
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            pieces.append(text[last:i])
            last = i + 1
    return [piece for piece in [*pieces, text[last:]] if piece.strip()]
