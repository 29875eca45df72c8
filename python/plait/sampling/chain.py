"""A chain of processors: its values, as MLIR and as NumPy."""

from typing import NamedTuple

import numpy as np

from plait.errors import ArgumentError
from plait.module import Module
from plait.sampling import reference
from plait.sampling.keys import numbers
from plait.sampling.reference import VOCAB_LIMIT

#: How the picks draw: one draw by weight, or Gumbel noise from a generator. ``sglang`` is
#: ``murmur3_sglang`` whose noise is counted by place in the sorted row, where the row is filtered.
PICKS = ("draw", "philox", "murmur3_vllm", "murmur3_sglang", "jax_threefry", "sglang")
#: The element types of logits: to MLIR.
ELEMENTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}


class Value(NamedTuple):
    """An operand of a step, one row of it for each row of logits.

    Attributes:
        name: of the argument.
        kind: ``row`` (one number), ``list`` (numbers, padded), ``counts``
            (how often each token is in the list), ``full`` (the logits after
            the temperature) or ``bits`` (64 random bits of lane 1).
        element: f32 or i32.
    """

    name: str
    kind: str = "row"
    element: str = "f32"


class Step(NamedTuple):
    """One op, by the name that it has in the dialect and in the specification.

    Attributes:
        op: the name.
        operands: those after the logits.
        attributes: names of those that are set.
        feature: what in a request asks for the step; the op's name if empty.
    """

    op: str
    operands: tuple[Value, ...]
    attributes: tuple[str, ...] = ()
    feature: str = ""

    @property
    def asked_by(self) -> str:
        """The feature, or the op's name."""
        return self.feature or self.op


KEY = (("seed", "i64"), ("session", "i32"), ("sequence", "i32"), ("position", "i32"))


#: What the pick ``sglang`` asks of a row: whether its noise is counted by place.
_FILTERED = Value("filtered", "row", "i32")


def arguments(steps, pick: str) -> list[Value]:
    """The chain's arguments, each once, in the order of ``@main`` between logits and key."""
    found = {_FILTERED.name: _FILTERED} if pick == "sglang" else {}
    for value in (operand for step in steps for operand in step.operands):
        if value.kind not in ("full", "bits"):
            kind = "list" if value.kind == "counts" else value.kind
            found.setdefault(value.name, value._replace(kind=kind))
    return list(found.values())


def chain(
    steps, pick: str, batch: int | None, vocab: int, dtype: str = "float32", logprobs: bool = True
) -> Module:
    """The steps and a pick as a module.

    ``@main`` takes logits [B, V], the :func:`arguments`, seed i64 [B],
    session, sequence and position i32 [B], and returns tokens and flags i32
    [B], and with ``logprobs`` log-probabilities and margins f32 [B].

    Args:
        steps: of :class:`Step`, in order.
        pick: one of :data:`PICKS`.
        batch: B, or None for any.
        vocab: V, below 2**20.
        dtype: of the logits: float32, float16 or bfloat16.
        logprobs: whether more than tokens and flags is returned.

    Raises:
        ArgumentError: V or ``dtype`` is out of range.
    """
    if not 0 < vocab < VOCAB_LIMIT:
        raise ArgumentError(f"vocab: expects 1 to {VOCAB_LIMIT - 1}, got {vocab}")
    if dtype not in ELEMENTS:
        raise ArgumentError(f"dtype: expects float32, float16 or bfloat16, got {dtype}")
    size = "?" if batch is None else str(batch)
    logits, counts = f"tensor<{size}x{vocab}xf32>", f"tensor<{size}x{vocab}xi32>"
    types = {"row": f"tensor<{size}x%s>", "list": f"tensor<{size}x?x%s>"}
    inputs = [("logits", f"tensor<{size}x{vocab}x{ELEMENTS[dtype]}>")]
    inputs += [(v.name, types[v.kind] % v.element) for v in arguments(steps, pick)]
    inputs += [(name, types["row"] % element) for name, element in KEY]
    known = dict(inputs)
    f32, i32, i64 = (types["row"] % element for element in ("f32", "i32", "i64"))
    key = "%seed, %session, %sequence, %position"

    lines = []
    last = "%logits"
    if dtype != "float32":
        lines.append(f"%wide = arith.extf %logits : {inputs[0][1]} to {logits}")
        last = "%wide"
    full, have = last, set()
    for index, step in enumerate(steps):
        names, kinds = [last], [logits]
        for value in step.operands:
            if value.kind == "counts":
                name, kind = f"%counts_{value.name}", counts
                if name not in have:
                    source = known[value.name]
                    lines.append(
                        f'{name} = "sample.count"({last}, %{value.name})'
                        f" : ({logits}, {source}) -> {counts}"
                    )
            elif value.kind == "bits":
                name, kind = "%bits_1", i64
                lines.append(f"{name} = sample.random {key} {{lane = 1 : i32}} : {i64}, {i32}")
            elif value.kind == "full":
                name, kind = full, logits
                if full == last:
                    continue
            else:
                name, kind = f"%{value.name}", known[value.name]
            have.add(name)
            names.append(name)
            kinds.append(kind)
        result = logits
        if step.op == "dynamic_temperature":
            result = f32
        attributes = f" <{{{', '.join(step.attributes)}}}>" if step.attributes else ""
        lines.append(
            f'%{index} = "sample.{step.op}"({", ".join(names)}){attributes}'
            f" : ({', '.join(kinds)}) -> {result}"
        )
        if step.op == "dynamic_temperature":
            lines.append(f"%t{index} = sample.temperature {last}, %{index} : {logits}, {f32}")
            last = f"%t{index}"
        else:
            last = f"%{index}"
        if "temperature" in step.op:
            full = last
    if pick == "draw":
        lines += [
            f"%bits = sample.random {key} : {i64}, {i32}",
            f"%t, %f, %l, %m = sample.draw {last}, %bits : {logits}, {i64}",
        ]
    else:
        generator, more, kind = pick, "", ""
        if pick == "sglang":
            generator, more, kind = "murmur3_sglang", f" by_place %{_FILTERED.name}", f", {i32}"
        lines.append(
            f"%t, %f, %l, %m = sample.gumbel {generator} {last}, {key}{more}"
            f" : {logits}, {i64}, {i32}, {i32}, {i32}{kind}"
        )
    signature = ", ".join(f"%{name}: {kind}" for name, kind in inputs)
    results = f"{i32}, {i32}" + f", {f32}, {f32}" * logprobs
    values = "%t, %f" + ", %l, %m" * logprobs
    lines = [
        f"func.func @main({signature}) -> ({results}) {{",
        *("  " + line for line in lines),
        f"  return {values} : {results}",
        "}",
        "",
    ]
    return Module("\n".join(lines), source="sampling")


def row_steps(steps, row, values, key):
    """The rows that float32 ``row`` [V] passes through: itself, then one after every step.

    Args:
        steps: of :class:`Step`.
        row: the logits.
        values: the :func:`arguments` of this row, by name.
        key: (seed, session, sequence, position).
    """
    full = row
    yield row
    for step in steps:
        operands = []
        for value in step.operands:
            if value.kind == "counts":
                operands.append(reference.count(values[value.name], row.size))
            elif value.kind == "bits":
                operands.append(reference.random(*key, lane=1))
            else:
                operands.append(full if value.kind == "full" else values[value.name])
        attributes = dict.fromkeys(step.attributes, True)
        after = getattr(reference, step.op)(row, *operands, **attributes)
        if step.op == "dynamic_temperature":
            after = reference.temperature(row, after)
        row = after
        if "temperature" in step.op:
            full = row
        yield row


def row_pick(pick: str, row, values, key) -> reference.Pick:
    """The pick of a processed row; see :func:`row_steps`."""
    if pick == "draw":
        return reference.draw(row, reference.random(*key))
    if pick == "sglang":
        by_place = bool(values[_FILTERED.name])
        return reference.gumbel(row, *key, generator="murmur3_sglang", by_place=by_place)
    return reference.gumbel(row, *key, generator=pick)


def as_rows(name: str, values, element: str, padding, batch: int) -> np.ndarray:
    """Lists of numbers, or [B, L], as one contiguous array [B, L], padded at the end.

    Raises:
        ArgumentError: not one list per row; see also :func:`plait.sampling.keys.numbers`.
    """
    dtype = np.dtype({"f32": np.float32, "i32": np.int32}[element])
    is_array = isinstance(values, np.ndarray)
    if is_array and values.ndim != 2:
        raise ArgumentError(f"{name}: expects shape ({batch}, L), got {values.shape}")
    if len(values) != batch:
        raise ArgumentError(f"{name}: expects {batch} rows, got {len(values)}")
    if is_array:
        return np.ascontiguousarray(numbers(name, values, dtype))
    rows = [numbers(name, row, dtype) for row in values]
    for index, row in enumerate(rows):
        if row.ndim != 1:
            raise ArgumentError(f"{name}: expects a list for row {index}, got shape {row.shape}")
    filled = np.full((batch, max(map(len, rows), default=0)), padding, dtype)
    for into, row in zip(filled, rows, strict=True):
        into[: len(row)] = row
    return filled
