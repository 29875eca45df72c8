"""The body of an MLIR function as text, one operation at a time."""

from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """An SSA value: a scalar, or with a ``shape`` (None: dynamic) a tensor."""

    name: str
    element: str
    shape: tuple[int | None, ...] | None = None

    @property
    def type(self) -> str:
        """The type as MLIR prints it."""
        return type_of(self.element, self.shape)


def type_of(element, shape=None) -> str:
    """``f32``, or ``tensor<2x?xf32>`` for a shape."""
    if shape is None:
        return element
    sizes = "".join(f"{'?' if size is None else size}x" for size in shape)
    return f"tensor<{sizes}{element}>"


class Loop:
    """An ``scf.for`` under construction: set ``next`` before its block ends."""

    def __init__(self, counter, carried, results):
        self.counter, self.carried, self.results = counter, carried, results
        self.next = carried


class Body:
    """Operations in order; every method appends one or a few and returns values.

    Attributes:
        results: the (element, shape) of each result of the function.
        dtype: the first tensor's dtype in the framework: MLIR's has no sign.
        functions: what may be called: name to (inputs, results), as ``results``.
    """

    def __init__(self, results=(), dtype=None, functions=None):
        self.results, self.dtype, self.functions = results, dtype, functions
        self.lines = []
        self._count = 0
        self._depth = 1

    def line(self, text):
        """Appends a line as it is."""
        self.lines.append("  " * self._depth + text)

    def name(self) -> str:
        """A name that no value has."""
        self._count += 1
        return f"%{self._count}"

    def op(self, text, element, shape=None) -> Value:
        """One operation with one result."""
        value = Value(self.name(), element, shape)
        self.line(f"{value.name} = {text}")
        return value

    def constant(self, number, element="index") -> Value:
        """A scalar: an int, a float, or text that MLIR reads (``0x7FC00000``)."""
        if element == "i1":
            return self.op(f"arith.constant {str(bool(number)).lower()}", element)
        if element[0] in "bf" and isinstance(number, int):
            number = float(number)
        return self.op(f"arith.constant {number} : {element}", element)

    def binary(self, op, a, b) -> Value:
        """``op a, b`` on two values of one type."""
        return self.op(f"{op} {a.name}, {b.name} : {a.type}", a.element, a.shape)

    def compare(self, op, predicate, a, b) -> Value:
        """``arith.cmpi`` or ``arith.cmpf``."""
        return self.op(f"arith.{op} {predicate}, {a.name}, {b.name} : {a.type}", "i1")

    def select(self, condition, a, b) -> Value:
        """``condition ? a : b``."""
        text = f"arith.select {condition.name}, {a.name}, {b.name} : {a.type}"
        return self.op(text, a.element, a.shape)

    def cast(self, op, value, element) -> Value:
        """A conversion of a scalar, unless it is of that type."""
        if value.element == element:
            return value
        return self.op(f"{op} {value.name} : {value.element} to {element}", element)

    def as_index(self, value) -> Value:
        """A signed integer as an index."""
        return self.cast("arith.index_cast", value, "index")

    def as_shape(self, value, shape) -> Value:
        """The same tensor with more or fewer sizes known."""
        if value.shape == tuple(shape):
            return value
        text = f"tensor.cast {value.name} : {value.type} to {type_of(value.element, shape)}"
        return self.op(text, value.element, tuple(shape))

    def size(self, tensor, dim) -> Value:
        """The size of a dimension."""
        if tensor.shape[dim] is not None:
            return self.constant(tensor.shape[dim])
        at = self.constant(dim)
        return self.op(f"tensor.dim {tensor.name}, {at.name} : {tensor.type}", "index")

    def sizes(self, tensor) -> list[Value]:
        """The sizes of all dimensions."""
        return [self.size(tensor, dim) for dim in range(len(tensor.shape))]

    def load(self, tensor, at=()) -> Value:
        """One element."""
        where = ", ".join(index.name for index in at)
        return self.op(f"tensor.extract {tensor.name}[{where}] : {tensor.type}", tensor.element)

    def store(self, element, tensor, at=()) -> Value:
        """The tensor with one element replaced."""
        where = ", ".join(index.name for index in at)
        text = f"tensor.insert {element.name} into {tensor.name}[{where}] : {tensor.type}"
        return self.op(text, tensor.element, tensor.shape)

    def empty(self, shape, element, sizes) -> Value:
        """A tensor without content; ``sizes`` has the value of every size."""
        dynamic = [v.name for v, size in zip(sizes, shape, strict=True) if size is None]
        text = f"tensor.empty({', '.join(dynamic)}) : {type_of(element, shape)}"
        return self.op(text, element, tuple(shape))

    def check(self, condition, message):
        """An error at run time unless ``condition``."""
        self.line(f'cf.assert {condition.name}, "{message}"')

    def check_index(self, index, size):
        """An error at run time unless ``0 <= index < size``."""
        low = self.compare("cmpi", "sge", index, self.constant(0))
        high = self.compare("cmpi", "slt", index, size)
        self.check(self.binary("arith.andi", low, high), "index out of range")

    def call(self, function, values, results) -> list[Value]:
        """A call; ``results`` has the (element, shape) of each result."""
        types = ", ".join(value.type for value in values)
        names = ", ".join(value.name for value in values)
        returned = ", ".join(type_of(*result) for result in results)
        many, values = self._several(results)
        self.line(f"{many}func.call @{function}({names}) : ({types}) -> ({returned})")
        return values

    def _several(self, types):
        """``%3:2 = `` and the values it names."""
        if not types:
            return "", []
        base = self.name()
        if len(types) == 1:
            return f"{base} = ", [Value(base, *types[0])]
        values = [Value(f"{base}#{k}", *kind) for k, kind in enumerate(types)]
        return f"{base}:{len(types)} = ", values

    @contextmanager
    def block(self, end="}"):
        """Indents what is appended inside, then appends ``end``."""
        self._depth += 1
        yield
        self._depth -= 1
        self.line(end)

    @contextmanager
    def loop(self, low, high, *carried):
        """``scf.for`` by steps of one; the block sets ``next`` of the :class:`Loop`."""
        one = self.constant(1)
        kinds = [(value.element, value.shape) for value in carried]
        head, results = self._several(kinds)
        counter = Value(self.name(), "index")
        inside = [Value(self.name(), *kind) for kind in kinds]
        pairs = ", ".join(f"{i.name} = {v.name}" for i, v in zip(inside, carried, strict=True))
        types = ", ".join(value.type for value in carried)
        extra = f" iter_args({pairs}) -> ({types})" if carried else ""
        bounds = f"{low.name} to {high.name} step {one.name}"
        self.line(f"{head}scf.for {counter.name} = {bounds}{extra} {{")
        loop = Loop(counter, tuple(inside), tuple(results))
        with self.block():
            yield loop
            if carried:
                self.line(f"scf.yield {', '.join(v.name for v in loop.next)} : {types}")

    def nest(self, sizes, carried, build):
        """Loops over all of ``sizes``; ``build(counters, carried)`` gives the next carried."""
        zero = self.constant(0)

        def inner(rest, counters, carried):
            if not rest:
                return tuple(build(counters, carried))
            with self.loop(zero, rest[0], *carried) as loop:
                loop.next = inner(rest[1:], [*counters, loop.counter], loop.carried)
            return loop.results

        return inner(list(sizes), [], tuple(carried))

    def branch(self, condition, then, otherwise) -> list[Value]:
        """``scf.if``; both callables return the list of its results."""
        at = len(self.lines)
        results = []
        for index, build in enumerate((then, otherwise)):
            with self.block("} else {" if index == 0 else "}"):
                results = build()
                if results:
                    types = ", ".join(value.type for value in results)
                    self.line(f"scf.yield {', '.join(v.name for v in results)} : {types}")
        kinds = [(value.element, value.shape) for value in results]
        head, values = self._several(kinds)
        types = f" -> ({', '.join(value.type for value in values)})" if values else ""
        self.lines.insert(at, "  " * self._depth + f"{head}scf.if {condition.name}{types} {{")
        return values

    def repeat(self, carried, condition, step) -> tuple[Value, ...]:
        """``scf.while``: ``condition(values)`` is an i1, ``step(values)`` the next values."""
        kinds = [(value.element, value.shape) for value in carried]
        types = ", ".join(value.type for value in carried)
        head, results = self._several(kinds)
        before = [Value(self.name(), *kind) for kind in kinds]
        pairs = ", ".join(f"{i.name} = {v.name}" for i, v in zip(before, carried, strict=True))
        self.line(f"{head}scf.while ({pairs}) : ({types}) -> ({types}) {{")
        after = [Value(self.name(), *kind) for kind in kinds]
        with self.block("} do {"):
            test = condition(before)
            self.line(f"scf.condition({test.name}) {', '.join(v.name for v in before)} : {types}")
        self.line("^bb0(" + ", ".join(f"{v.name}: {v.type}" for v in after) + "):")
        with self.block():
            values = step(after)
            self.line(f"scf.yield {', '.join(v.name for v in values)} : {types}")
        return tuple(results)


def function(name, inputs, body, values, kernel=()) -> str:
    """``func.func private``: ``body`` with a ``return`` of ``values``.

    ``kernel`` is what passes are told of it: the name of an op and its constants.
    """
    for value, (_, shape) in zip(values, body.results, strict=True):
        for dim, size in enumerate(shape or ()):
            if size is not None and value.shape[dim] is None:
                known = body.compare("cmpi", "eq", body.size(value, dim), body.constant(size))
                body.check(known, f"expects a result of size {size} in dimension {dim}")
    values = [
        value if kind[1] is None else body.as_shape(value, kind[1])
        for value, kind in zip(values, body.results, strict=True)
    ]
    head = ", ".join(f"{value.name}: {value.type}" for value in inputs)
    types = ", ".join(type_of(*kind) for kind in body.results)
    body.line(f"return {', '.join(v.name for v in values)} : {types}" if values else "return")
    told = f" attributes {{{_told(kernel)}}}" if kernel else ""
    lines = [f"func.func private @{name}({head}) -> ({types}){told} {{", *body.lines, "}"]
    return "\n".join(lines) + "\n"


def _told(kernel) -> str:
    words = ", ".join(f'"{word}"' for word in kernel)
    return f"torch.kernel = [{words}]"


def declaration(name, inputs, results, kernel, missing) -> str:
    """A function without a body; ``missing`` is what the error says if a call of it stays.

    ``inputs`` and ``results`` have the (element, shape) of each.
    """
    head, types = (", ".join(type_of(*kind) for kind in kinds) for kinds in (inputs, results))
    told = f'{_told(kernel)}, plait.missing = "{missing}"'
    return f"func.func private @{name}({head}) -> ({types}) attributes {{{told}}}\n"
