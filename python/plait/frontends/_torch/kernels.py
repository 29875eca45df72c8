"""Ops that torch-mlir has no sound lowering for, as MLIR functions of loops.

A kernel is an op ``plait::<name>`` for torch, so that graphs can hold it, with
a function that writes its body. In the imported module it is a call of a
private function. Loops run in row-major order, so results are deterministic.
"""

import torch

from plait.frontends._torch.text import Body, Value

#: Ops of graphs whose body is written here.
KERNELS = {}


def kernel(schema, fake):
    """Defines ``plait::<schema>`` with its shape function; the decorated function writes it.

    With None for a function it is only declared, for a pass to replace its calls.
    """
    name = schema.split("(")[0]
    # The tag keeps torch from running it on constants: it has no code for that.
    tags = (torch.Tag.nondeterministic_seeded,)
    torch.library.define(f"plait::{name}", schema[len(name) :], tags=tags)
    torch.library.register_fake(f"plait::{name}")(fake)

    def register(write):
        KERNELS[getattr(torch.ops.plait, name).default] = write
        return write

    return register


def writes(op):
    """The decorated function writes the body of an op of torch itself."""

    def register(write):
        KERNELS[op] = write
        return write

    return register


def _is_float(value):
    return value.element[0] in "bf"


def before(b, x, y, descending):
    """Whether ``x`` comes strictly before ``y``; NaN is the greatest."""
    if not _is_float(x):
        letter = "u" if b.dtype in (torch.uint8, torch.bool) else "s"
        return b.compare("cmpi", letter + ("gt" if descending else "lt"), x, y)
    ordered = b.compare("cmpf", "ogt" if descending else "olt", x, y)
    great, small = (x, y) if descending else (y, x)
    nan = b.compare("cmpf", "uno", great, great)
    number = b.compare("cmpf", "ord", small, small)
    return b.binary("arith.ori", ordered, b.binary("arith.andi", nan, number))


def _sorted_pairs(b, x, dim, descending):
    """``x`` sorted along ``dim`` and where each element was, by a stable merge sort."""
    start = b.empty(x.shape, "i64", b.sizes(x))

    def place(at, carried):
        number = b.cast("arith.index_cast", at[dim], "i64")
        return [b.store(number, carried[0], at)]

    (order,) = b.nest(b.sizes(x), [start], place)
    base = b.name()
    scalar = [f"tensor<{kind}>" for kind in (x.element, x.element, "i64", "i64")]
    names = [b.name() for _ in scalar]
    b.line(f'{base}:2 = "stablehlo.sort"({x.name}, {order.name}) ({{')
    b.line("^bb0(" + ", ".join(f"{n}: {t}" for n, t in zip(names, scalar, strict=True)) + "):")
    with b.block(f"}}) {{dimension = {dim} : i64, is_stable = true}} : "
                 f"({x.type}, {order.type}) -> ({x.type}, {order.type})"):  # fmt: skip
        left, right = (b.load(Value(name, x.element, ())) for name in names[:2])
        first = before(b, left, right, descending)
        answer = b.op(f"tensor.from_elements {first.name} : tensor<i1>", "i1", ())
        b.line(f'"stablehlo.return"({answer.name}) : (tensor<i1>) -> ()')
    return [Value(f"{base}#0", x.element, x.shape), Value(f"{base}#1", "i64", x.shape)]


@kernel(
    "sort(Tensor x, int dim, bool descending) -> (Tensor, Tensor)",
    lambda x, dim, descending: (x.new_empty(x.shape), x.new_empty(x.shape, dtype=torch.int64)),
)
def _sort(b: Body, x, dim, descending):
    return _sorted_pairs(b, x, dim, descending)


_INTEGER = {"add": "arith.addi", "mul": "arith.muli", "max": "arith.maxsi", "min": "arith.minsi"}
_FLOAT = {
    "add": "arith.addf",
    "mul": "arith.mulf",
    "max": "arith.maximumf",
    "min": "arith.minimumf",
}


def _combine(b, how, old, new, dtype):
    """One element of the result: ``old`` with ``new`` written, added, ... ."""
    if how == "set":
        return new
    if dtype == torch.bool:
        return b.binary("arith.ori" if how in ("add", "max") else "arith.andi", old, new)
    if dtype.is_complex:
        return b.binary(f"complex.{how}", old, new)
    op = _FLOAT[how] if _is_float(old) else _INTEGER[how]
    if dtype == torch.uint8:
        op = op.replace("maxsi", "maxui").replace("minsi", "minui")
    return b.binary(op, old, new)


@kernel(
    "scatter(Tensor x, Tensor index, Tensor source, int dim, str how) -> Tensor",
    lambda x, index, source, dim, how: x.new_empty(x.shape),
)
def _scatter(b: Body, x, index, source, dim, how):
    limit = b.size(x, dim)

    def step(at, carried):
        place = b.as_index(b.load(index, at))
        b.check_index(place, limit)
        where = [place if k == dim else counter for k, counter in enumerate(at)]
        old = b.load(carried[0], where) if how != "set" else None
        return [b.store(_combine(b, how, old, b.load(source, at), b.dtype), carried[0], where)]

    return b.nest(b.sizes(index), [x], step)


def _front(dims):
    """Where the indices' dimensions stand in ``x[indices]``: in place, or first if apart."""
    return dims[0] if dims == list(range(dims[0], dims[0] + len(dims))) else 0


def indexed_shape(x, indices, dims):
    """The shape of ``x[indices]``; ``indices`` have one shape."""
    rest, front = [size for k, size in enumerate(x.shape) if k not in dims], _front(dims)
    return [*rest[:front], *indices[0].shape, *rest[front:]]


def _place(b, x, indices, dims, at):
    """Where in ``x`` the element ``at`` of ``x[indices]`` is; an error at run time if outside."""
    rank, front = len(indices[0].shape), _front(dims)
    chosen, rest = at[front : front + rank], iter([*at[:front], *at[front + rank :]])
    place = []
    for dim in range(len(x.shape)):
        if dim not in dims:
            place.append(next(rest))
            continue
        index, limit = b.as_index(b.load(indices[dims.index(dim)], chosen)), b.size(x, dim)
        wrapped = b.binary("arith.addi", index, limit)
        place.append(b.select(b.compare("cmpi", "slt", index, b.constant(0)), wrapped, index))
        b.check_index(place[-1], limit)
    return place


@kernel(
    "index(Tensor x, Tensor[] indices, int[] dims) -> Tensor",
    lambda x, indices, dims: x.new_empty(indexed_shape(x, indices, dims)),
)
def _index(b: Body, x, indices, dims):
    """``x[indices]``; ``indices`` have one shape."""
    rest = [size for k, size in enumerate(b.sizes(x)) if k not in dims]
    sizes = [*rest[: _front(dims)], *b.sizes(indices[0]), *rest[_front(dims) :]]

    def step(at, carried):
        return [b.store(b.load(x, _place(b, x, indices, dims, at)), carried[0], at)]

    return b.nest(sizes, [b.empty(b.results[0][1], x.element, sizes)], step)


@kernel(
    "index_put(Tensor x, Tensor values, Tensor[] indices, int[] dims, str how) -> Tensor",
    lambda x, values, indices, dims, how: x.new_empty(x.shape),
)
def _index_put(b: Body, x, values, indices, dims, how):
    """``indices`` have one shape; ``values`` has the shape of ``x[indices]``."""

    def step(at, carried):
        where = _place(b, x, indices, dims, at)
        old = b.load(carried[0], where) if how != "set" else None
        return [b.store(_combine(b, how, old, b.load(values, at), b.dtype), carried[0], where)]

    return b.nest(b.sizes(values), [x], step)


def _widened(b, value):
    """Sums are kept in f64, as torch keeps them."""
    if not _is_float(value) or value.element == "f64":
        return value
    return b.cast("arith.extf", value, "f64")


def _narrowed(b, value, element):
    return b.cast("arith.truncf", value, element) if value.element != element else value


@kernel(
    "cumulate(Tensor x, int dim, str how) -> Tensor",
    lambda x, dim, how: x.new_empty(x.shape),
)
def _cumulate(b: Body, x, dim, how):
    """Running sums, products or log-sum-exps along ``dim``."""
    wide = "f64" if _is_float(x) else x.element
    lengths = b.sizes(x)
    length, lengths[dim] = lengths[dim], b.constant(1)
    start = b.empty(x.shape, x.element, b.sizes(x))
    if b.dtype.is_complex:
        part = x.element[len("complex<") : -1]
        zero, one = (b.constant(float(n), part) for n in (0, how == "mul"))
        pair = f"complex.create {one.name}, {zero.name} : {x.element}"
        identity = b.op(pair, x.element)
    elif how == "logaddexp":
        identity = b.constant("0xFFF0000000000000", "f64")
    else:
        identity = b.constant(int(how == "mul"), wide)

    def combine(old, new):
        if how != "logaddexp":
            kind = torch.float64 if wide == "f64" else b.dtype
            return _combine(b, how, old, new, kind)
        # log(exp(old) + exp(new)) = high + log1p(exp(low - high)); equal infinities stay.
        high, low = (b.binary(f"arith.{op}imumf", old, new) for op in ("max", "min"))
        gap = b.binary("arith.subf", low, high)
        power = b.op(f"math.exp {gap.name} : f64", "f64")
        more = b.op(f"math.log1p {power.name} : f64", "f64")
        total = b.binary("arith.addf", high, more)
        return b.select(b.compare("cmpf", "oeq", gap, gap), total, high)

    def line(at, carried):
        with b.loop(b.constant(0), length, *carried, identity) as loop:
            into, total = loop.carried
            where = [loop.counter if k == dim else c for k, c in enumerate(at)]
            total = combine(total, _widened(b, b.load(x, where)))
            loop.next = (b.store(_narrowed(b, total, x.element), into, where), total)
        return loop.results[:1]

    return b.nest(lengths, [start], line)


@kernel(
    "running_extreme(Tensor x, int dim, bool largest) -> (Tensor, Tensor)",
    lambda x, dim, largest: (x.new_empty(x.shape), x.new_empty(x.shape, dtype=torch.int64)),
)
def _running_extreme(b: Body, x, dim, largest):
    """cummax and cummin: of equal elements the last; NaN stays once it is met."""
    lengths = b.sizes(x)
    length, lengths[dim] = lengths[dim], b.constant(1)
    kinds = [x.element, "i64"]
    start = [b.empty(x.shape, kind, b.sizes(x)) for kind in kinds]
    zero = b.constant(0)
    blank = b.constant(0, x.element)
    none = b.constant(0, "i64")

    def line(at, carried):
        with b.loop(zero, length, *carried, blank, none) as loop:
            values, indices, best, best_at = loop.carried
            where = [loop.counter if k == dim else c for k, c in enumerate(at)]
            new = b.load(x, where)
            # Not (best before new) is new >= best, for cummax.
            worse = before(b, new, best, not largest)
            first = b.compare("cmpi", "eq", loop.counter, zero)
            true = b.constant(1, "i1")
            better = b.binary("arith.xori", worse, true)
            if _is_float(x):
                stuck = b.compare("cmpf", "uno", best, best)
                met = b.compare("cmpf", "uno", new, new)
                keep = b.binary("arith.andi", stuck, b.binary("arith.xori", met, true))
                better = b.binary("arith.ori", better, met)
                better = b.binary("arith.andi", better, b.binary("arith.xori", keep, true))
            better = b.binary("arith.ori", better, first)
            best = b.select(better, new, best)
            here = b.cast("arith.index_cast", loop.counter, "i64")
            best_at = b.select(better, here, best_at)
            values, indices = b.store(best, values, where), b.store(best_at, indices, where)
            loop.next = (values, indices, best, best_at)
        return loop.results[:2]

    return b.nest(lengths, start, line)


def _is_nonzero(b, value):
    if value.element.startswith("complex"):
        part = value.element[len("complex<") : -1]
        parts = [b.op(f"complex.{k} {value.name} : {value.element}", part) for k in ("re", "im")]
        return b.binary("arith.ori", *(_is_nonzero(b, part) for part in parts))
    if value.element == "i1":
        return value
    zero = b.constant(0, value.element)
    if _is_float(value):
        return b.compare("cmpf", "une", value, zero)
    return b.compare("cmpi", "ne", value, zero)


# What torch's generator would give: see raise-to-sample.
kernel("exponential(Tensor x) -> Tensor", lambda x: x.new_empty(x.shape))(None)


@writes(torch.ops.aten.nonzero.default)
def _nonzero(b: Body, x):
    zero, one, rank = b.constant(0), b.constant(1), len(x.shape)

    def count(at, carried):
        found = _is_nonzero(b, b.load(x, at))
        return [b.binary("arith.addi", carried[0], b.select(found, one, zero))]

    (total,) = b.nest(b.sizes(x), [zero], count)
    start = b.empty((None, rank), "i64", [total, None])

    def step(at, carried):
        into, row = carried
        found = _is_nonzero(b, b.load(x, at))

        def store():
            filled = into
            for k, counter in enumerate(at):
                number = b.cast("arith.index_cast", counter, "i64")
                filled = b.store(number, filled, [row, b.constant(k)])
            return [filled, b.binary("arith.addi", row, one)]

        return b.branch(found, store, lambda: [into, row])

    return b.nest(b.sizes(x), [start, zero], step)[:1]


@writes(torch.ops.aten.repeat_interleave.Tensor)
def _repeat_interleave(b: Body, repeats, *_, **__):
    """Every position as often as ``repeats`` says."""
    zero, one = b.constant(0), b.constant(1)

    def count(at, carried):
        times = b.as_index(b.load(repeats, at))
        b.check(b.compare("cmpi", "sge", times, zero), "repeats is negative")
        return [b.binary("arith.addi", carried[0], times)]

    (total,) = b.nest(b.sizes(repeats), [zero], count)

    def step(at, carried):
        with b.loop(zero, b.as_index(b.load(repeats, at)), *carried) as loop:
            into, place = loop.carried
            into = b.store(b.cast("arith.index_cast", at[0], "i64"), into, [place])
            loop.next = (into, b.binary("arith.addi", place, one))
        return loop.results

    return b.nest(b.sizes(repeats), [b.empty((None,), "i64", [total]), zero], step)[:1]


@writes(torch.ops.aten.bincount.default)
def _bincount(b: Body, x, weights=None, minlength=0):
    """How often each number occurs, or the sum of its ``weights``."""
    zero, one = b.constant(0), b.constant(1)

    def longest(at, carried):
        number = b.as_index(b.load(x, at))
        b.check(b.compare("cmpi", "sge", number, zero), "bincount of a negative number")
        return [b.binary("arith.maxsi", carried[0], b.binary("arith.addi", number, one))]

    (length,) = b.nest(b.sizes(x), [b.constant(minlength)], longest)
    element = b.results[0][0]
    nothing = b.constant(0, element)

    def clear(at, carried):
        return [b.store(nothing, carried[0], at)]

    start = b.nest([length], [b.empty((None,), element, [length])], clear)

    def tally(at, carried):
        place, (into,) = [b.as_index(b.load(x, at))], carried
        more = b.constant(1, element) if weights is None else b.load(weights, at)
        op = "arith.addf" if _is_float(more) else "arith.addi"
        return [b.store(b.binary(op, b.load(into, place), more), into, place)]

    return b.nest(b.sizes(x), start, tally)


def _run_shapes(x, consecutive):
    count = torch.library.get_ctx().new_dynamic_size()
    return tuple(x.new_empty([n], dtype=torch.int64) for n in (count, x.shape[0], count))


@kernel("runs(Tensor x, bool consecutive) -> (Tensor, Tensor, Tensor)", _run_shapes)
def _runs(b: Body, x, consecutive):
    """Of the rows of ``x``, sorted unless ``consecutive``: the first row of each run of equal
    ones, the run of each row, and the lengths of runs."""
    zero, one = b.constant(0), b.constant(1)
    count, length = b.sizes(x)

    def parting(i, j):
        """The first column where two rows differ (every NaN does), or their length."""

        def alike(state):
            def compare():
                op, predicate = ("cmpf", "oeq") if _is_float(x) else ("cmpi", "eq")
                return [b.compare(op, predicate, b.load(x, [i, *state]), b.load(x, [j, *state]))]

            inside = b.compare("cmpi", "slt", *state, length)
            return b.branch(inside, compare, lambda: [b.constant(0, "i1")])[0]

        (k,) = b.repeat([zero], alike, lambda state: [b.binary("arith.addi", *state, one)])
        return k, b.compare("cmpi", "slt", k, length)

    def number(at, carried):
        return [b.store(b.cast("arith.index_cast", at[0], "i64"), carried[0], at)]

    (order,) = b.nest([count], [b.empty((x.shape[0],), "i64", [count])], number)
    if not consecutive:
        result, left, right = b.name(), b.name(), b.name()
        b.line(f'{result} = "stablehlo.sort"({order.name}) ({{')
        b.line(f"^bb0({left}: tensor<i64>, {right}: tensor<i64>):")
        with b.block(f"}}) {{dimension = 0 : i64, is_stable = true}} : "
                     f"({order.type}) -> {order.type}"):  # fmt: skip
            i, j = (b.as_index(b.load(Value(name, "i64", ()))) for name in (left, right))
            k, differ = parting(i, j)

            def compare():
                return [before(b, b.load(x, [i, k]), b.load(x, [j, k]), False)]

            first = b.branch(differ, compare, lambda: [b.constant(0, "i1")])[0]
            answer = b.op(f"tensor.from_elements {first.name} : tensor<i1>", "i1", ())
            b.line(f'"stablehlo.return"({answer.name}) : (tensor<i1>) -> ()')
        order = Value(result, "i64", order.shape)

    def is_new(at):
        first = b.compare("cmpi", "eq", at, zero)
        before = b.select(first, at, b.binary("arith.subi", at, one))
        rows = (b.as_index(b.load(order, [place])) for place in (before, at))
        return b.binary("arith.ori", first, parting(*rows)[1])

    def tally(at, carried):
        return [b.binary("arith.addi", carried[0], b.select(is_new(at[0]), one, zero))]

    (runs,) = b.nest([count], [zero], tally)
    single = b.constant(1, "i64")

    def step(at, carried):
        firsts, inverse, counts, run = carried
        new, row = is_new(at[0]), b.load(order, at)
        run = b.binary("arith.addi", run, b.select(new, one, zero))
        place = b.binary("arith.subi", run, one)

        def begin():
            return [b.store(row, firsts, [place]), b.store(single, counts, [place])]

        def go_on():
            more = b.binary("arith.addi", b.load(counts, [place]), single)
            return [firsts, b.store(more, counts, [place])]

        firsts, counts = b.branch(new, begin, go_on)
        number = b.cast("arith.index_cast", place, "i64")
        return [firsts, b.store(number, inverse, [b.as_index(row)]), counts, run]

    sizes = (((None,), runs), ((x.shape[0],), count), ((None,), runs))
    start = [b.empty(shape, "i64", [size]) for shape, size in sizes]
    return b.nest([count], [*start, zero], step)[:3]


def _reshaped(b, x, sizes, shape):
    """``tensor.reshape``: the same elements in row-major order."""
    names = ", ".join(size.name for size in sizes)
    kind = sizes[0].element
    rank = len(sizes)
    target = b.op(f"tensor.from_elements {names} : tensor<{rank}x{kind}>", kind, (rank,))
    value = Value("", x.element, tuple(shape))
    text = f"tensor.reshape {x.name}({target.name}) : ({x.type}, {target.type}) -> {value.type}"
    return b.op(text, x.element, value.shape)


@kernel(
    "searchsorted(Tensor values, Tensor boundaries, bool right) -> Tensor",
    lambda values, boundaries, right: values.new_empty(values.shape, dtype=torch.int64),
)
def _searchsorted(b: Body, values, bounds, right):
    """How many boundaries are smaller than (with ``right``: not greater than) each value."""
    start = b.empty(values.shape, "i64", b.sizes(values))
    length = b.size(bounds, -1 % len(bounds.shape))
    two, one = b.constant(2), b.constant(1)

    def step(at, carried):
        value = b.load(values, at)
        row = at[:-1] if len(bounds.shape) > 1 else []

        def middle(low, high):
            return b.binary("arith.divsi", b.binary("arith.addi", low, high), two)

        def narrow(state):
            low, high = state
            here = middle(low, high)
            bound = b.load(bounds, [*row, here])
            if right:
                after = before(b, value, bound, False)
                below = b.binary("arith.xori", after, b.constant(1, "i1"))
            else:
                below = before(b, bound, value, False)
            up = b.binary("arith.addi", here, one)
            return [b.select(below, up, low), b.select(below, high, here)]

        def unfinished(state):
            return b.compare("cmpi", "slt", *state)

        low, _ = b.repeat([b.constant(0), length], unfinished, narrow)
        return [b.store(b.cast("arith.index_cast", low, "i64"), carried[0], at)]

    return b.nest(b.sizes(values), [start], step)


def _elementwise(b, x, element, build):
    """``build`` of every element."""

    def step(at, carried):
        return [b.store(build(b.load(x, at)), carried[0], at)]

    return b.nest(b.sizes(x), [b.empty(x.shape, element, b.sizes(x))], step)


@kernel("erfc(Tensor x) -> Tensor", lambda x: x.new_empty(x.shape))
def _erfc(b: Body, x):
    def build(value):
        return b.op(f"math.erfc {value.name} : {x.element}", x.element)

    return _elementwise(b, x, x.element, build)


@kernel("signbit(Tensor x) -> Tensor", lambda x: x.new_empty(x.shape, dtype=torch.bool))
def _signbit(b: Body, x):
    whole = "i16" if x.element == "bf16" else f"i{x.element[1:]}"

    def build(value):
        return b.compare("cmpi", "slt", b.cast("arith.bitcast", value, whole), b.constant(0, whole))

    return _elementwise(b, x, "i1", build)


def complex_of(dtype):
    return {torch.float32: torch.complex64, torch.float64: torch.complex128}[dtype]


@kernel(
    "as_complex(Tensor x) -> Tensor",
    lambda x: x.new_empty(x.shape[:-1], dtype=complex_of(x.dtype)),
)
def _as_complex(b: Body, x):
    element = f"complex<{x.element}>"
    start = b.empty(x.shape[:-1], element, b.sizes(x)[:-1])

    def step(at, carried):
        parts = [b.load(x, [*at, b.constant(k)]) for k in (0, 1)]
        names = ", ".join(part.name for part in parts)
        return [b.store(b.op(f"complex.create {names} : {element}", element), carried[0], at)]

    return b.nest(b.sizes(x)[:-1], [start], step)


@kernel(
    "as_real(Tensor x) -> Tensor",
    lambda x: x.new_empty([*x.shape, 2], dtype=x.dtype.to_real()),
)
def _as_real(b: Body, x):
    element = x.element[len("complex<") : -1]
    start = b.empty((*x.shape, 2), element, [*b.sizes(x), None])

    def step(at, carried):
        (into,) = carried
        value = b.load(x, at)
        for k, part in enumerate(("re", "im")):
            number = b.op(f"complex.{part} {value.name} : {value.element}", element)
            into = b.store(number, into, [*at, b.constant(k)])
        return [into]

    return b.nest(b.sizes(x), [start], step)


@kernel("fmod(Tensor x, Tensor y) -> Tensor", lambda x, y: torch.empty_like(x))
def _fmod(b: Body, x, y):
    """What is left of ``x`` after whole ``y``: exact, which ``x - trunc(x / y) * y`` is not."""
    start = b.empty(x.shape, x.element, b.sizes(x))

    def step(at, carried):
        return [b.store(b.binary("arith.remf", b.load(x, at), b.load(y, at)), carried[0], at)]

    return b.nest(b.sizes(x), [start], step)


@kernel("reshape(Tensor x, SymInt[] shape) -> Tensor", lambda x, shape: x.new_empty(shape))
def _reshape(b: Body, x, shape):
    """Any reshape of dynamic sizes."""
    shape = [b.constant(size, "i64") if isinstance(size, int) else size for size in shape]
    have, want = b.constant(1), b.constant(1, "i64")
    for size in b.sizes(x):
        have = b.binary("arith.muli", have, size)
    for size in shape:
        want = b.binary("arith.muli", want, size)
    same = b.compare("cmpi", "eq", b.cast("arith.index_cast", have, "i64"), want)
    b.check(same, "a view expects as many elements as there are")
    return [_reshaped(b, x, shape, b.results[0][1])]
