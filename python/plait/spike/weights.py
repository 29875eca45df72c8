"""Weights that a module's text is told about: as constants for passes, or without their zeros."""

import re
from dataclasses import replace

import numpy as np

from plait import arrays
from plait.errors import PlaitError
from plait.module import Module
from plait.worker import run_tool

_DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}

_ELEMENTS = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}

#: From how many columns, and up to which share of elements that are not zero, adding those alone is
#: faster than adding whole rows by vectors: measured on recurrent populations of 256 to 4000 (at
#: 512 the roads meet at a share of 0.09, at 1000 at 0.12, at 4000 beyond 0.2) and on layers of 128
#: to 2048, whose rows come in panels that stay in a cache (at 512 for several samples at 0.03, at
#: 2048 at 0.055).
_RECURRENT = ((1000, 0.11), (256, 0.05))
_LAYER = ((2048, 0.05), (256, 0.02))

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


def without_zeros(module: Module) -> Module:
    """``module`` with matrices that are mostly zeros as the elements that are not.

    Such are the synapses of a sparse population; whoever reads them otherwise sees the same
    matrix. No spike changes: sums start at zero, and to them a zero of either sign adds nothing.
    What is not finite stays as it is.
    """
    sparse = [i for i, weight in enumerate(module.weights) if _mostly_zeros(weight, _RECURRENT)]
    if not sparse or "@main(" not in module.text:
        return module
    arguments, _ = _signature(module.text)
    carried = _multiplying_carried(module.text)
    sparse = [
        i
        for i in sparse
        if "?" not in arguments[i] and (i in carried or _mostly_zeros(module.weights[i], _LAYER))
    ]
    if not sparse:
        return module
    given, lines, names, weights = [], [], [], []

    def pass_on(array, type_):
        given.append(f"%a{len(given)}: {type_}")
        weights.append(array)
        return given[-1].partition(":")[0]

    for i, (weight, type_) in enumerate(zip(module.weights, arguments, strict=False)):
        if i not in sparse:
            names.append(pass_on(weight, type_))
            continue
        matrix = arrays.to_numpy(weight)
        places, (rows, columns) = np.flatnonzero(matrix != 0), matrix.shape
        starts = np.searchsorted(places, np.arange(rows + 1) * columns).astype(np.int32)
        parts = (starts, (places % columns).astype(np.int32), matrix.reshape(-1)[places])
        types = [
            f"tensor<{len(part)}x{element}>"
            for part, element in zip(parts, ("i32", "i32", _ELEMENTS[matrix.dtype]), strict=True)
        ]
        operands = ", ".join(map(pass_on, parts, types))
        lines.append(f"  %w{i} = spike.from_rows {operands} : {', '.join(types)} to {type_}")
        names.append(f"%w{i}")
    count = len(given)
    for type_ in arguments[len(module.weights) :]:
        given.append(f"%a{len(given)}: {type_}")
    names += [f"%a{i}" for i in range(count, len(given))]
    return replace(module, text=_behind(module.text, given, lines, names), weights=tuple(weights))


def _mostly_zeros(weight, limits) -> bool:
    if len(weight.shape) != 2:
        return False
    share = next((share for columns, share in limits if weight.shape[1] >= columns), 0)
    if not share:
        return False
    matrix = arrays.to_numpy(weight)
    return (
        matrix.dtype in _ELEMENTS
        and 0 < np.count_nonzero(matrix != 0) <= share * matrix.size
        and bool(np.isfinite(matrix).all())
    )


def _multiplying_carried(text: str) -> set[int]:
    """The arguments of ``@main`` by which a loop over time multiplies what it carries."""
    name = r"%[\w$.-]+"
    loops = "".join(re.findall(r"iter_args\(([^)]*)\)", text))
    carried = set(re.findall(rf"({name}) = ", loops))
    products = re.findall(rf"linalg\.matmul ins\(({name}), ({name}) :", text)
    read = {weight for value, weight in products if value in carried}
    given, _ = _balanced(text, text.index("@main(") + len("@main"))
    names = [piece.partition(":")[0].strip() for piece in _pieces(given)]
    return {i for i, own in enumerate(names) if own in read}


def _bound(module: Module) -> str:
    """The text of ``module`` behind a ``@main`` that gives it its weights."""
    arguments, _ = _signature(module.text)
    count = len(module.weights)
    lines = []
    for i, (weight, type_) in enumerate(zip(module.weights, arguments, strict=False)):
        array = np.ascontiguousarray(arrays.to_numpy(weight))
        element = type_.rstrip(">").split("x")[-1].split("<")[-1]
        if _DTYPES.get(element) != array.dtype:
            raise PlaitError(f"a weight of {array.dtype} for {type_} cannot be a constant")
        digits = array.astype(array.dtype.newbyteorder("<")).tobytes().hex().upper()
        value = f'dense<"0x{digits}">' if array.size else "dense<>"
        lines.append(f"  %w{i} = arith.constant {value} : {type_}")
    given = [f"%a{i}: {type_}" for i, type_ in enumerate(arguments[count:])]
    names = [f"%w{i}" for i in range(count)] + [f"%a{i}" for i in range(len(given))]
    return _behind(module.text, given, lines, names)


def _behind(text: str, given: list[str], lines: list[str], names: list[str]) -> str:
    """``text`` behind a ``@main`` of arguments ``given``, which computes what it passes on."""
    arguments, results = _signature(text)
    outs = [f"%r#{i}" for i in range(len(results))]
    types = ", ".join(results)
    lines = list(lines)
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
    body = re.sub(r"func\.func (public )?@main\(", "func.func private @plait_body(", text)
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
