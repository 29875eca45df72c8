"""Random programs, imported through both fronts, against their exact meaning.

They take the fast road, the reference road, or the fast road of another processor: with
registers of half the width, and x86-64 as it was at first, without fused multiply-adds. One, two
and three threads give the same bits, and read nothing beside the arguments.

`PLAIT_FUZZ_EXAMPLES=N` draws N programs with new random numbers; without it, a
few that are always the same. A failure prints the smallest program that shows it.
"""

import functools
import os
import platform
from unittest import mock

import numpy as np
import pytest
from fuzzing import (
    BINARY,
    COMPARE,
    DTYPES,
    FLOATS,
    INTEGER_UNARY,
    LOGICAL,
    MEANING,
    UNARY,
    Program,
    exact,
    jax_table,
    torch_table,
    worst,
)
from guard import guarded
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

import plait
from plait import compiler, executable, verification

EXAMPLES = int(os.environ.get("PLAIT_FUZZ_EXAMPLES", 0))
SIZES = [1, 2, 3, 5, 7, 15, 16, 17, 31, 32, 33, 48, 61, 63, 64, 65, 127, 128, 129, 257]
LARGE = [509, 512, 1000, 1021, 2048]
ELEMENTS = 40_000
INTEGERS = ("int8", "int32", "int64")


def budget(default):
    """`default` programs that are always the same, or as many new ones as were asked for."""
    return settings(
        max_examples=EXAMPLES or default,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # Programs are made smaller by `check`.
        print_blob=True,
    )


class Builder:
    """Draws a program op by op. Values are followed by dtype and shape only."""

    def __init__(self, draw):
        self.draw = draw
        self.arguments, self.dtypes, self.ops = [], [], []
        self.values = []  # dtype and shape, arguments first: filled by finish.
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.specials = draw(st.integers(0, 9)) == 0

    #: What is drawn, and how an axis may be moved about.
    steps = (
        ["unary", "binary", "row", "reduce", "linear", "contract"] * 2
        + ["select", "cast", "transpose", "reshape", "broadcast", "move", "attention"]
        + ["scan", "take", "conv"]
    )
    moves = ("slice", "reverse", "pad", "concat")

    def pick(self, options):
        return self.draw(st.sampled_from(list(options)))

    def sizes(self, rank, limit=ELEMENTS):
        shape = []
        for _ in range(rank):
            pool = SIZES if self.draw(st.integers(0, 7)) else SIZES + LARGE
            shape.append(self.pick([s for s in pool if s <= limit] or [1]))
            limit //= shape[-1]
        return tuple(shape)

    def array(self, dtype, shape):
        if dtype == "bool":
            return self.rng.integers(0, 2, shape).astype(bool)
        if dtype not in FLOATS:
            low = -100 if dtype == "int8" else -1000
            return self.rng.integers(low, -low, shape).astype(DTYPES[dtype])
        array = self.rng.standard_normal(shape) * self.pick([1.0, 1.0, 0.1, 4.0])
        if self.specials:
            chosen = self.rng.random(shape) < 0.1
            values = self.rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-39, 3e38], shape)
            array = np.where(chosen, values, array)
        with np.errstate(over="ignore"):
            return array.astype(FLOATS[dtype])

    # A value is a pair ("argument", n) or ("op", n) until all arguments are known.

    def argument(self, dtype, shape, array=None):
        self.arguments.append(np.asarray(self.array(dtype, shape) if array is None else array))
        self.dtypes.append(dtype)
        return self._value(("argument", len(self.arguments) - 1), dtype, shape)

    def _value(self, name, dtype, shape):
        self.values.append((name, dtype, tuple(shape)))
        return self.values[-1]

    def op(self, name, *inputs, **attributes):
        """Appends an op; its type is found by doing it on zeros."""
        zeros = [exact(np.zeros(shape, DTYPES[dtype]), dtype) for _, dtype, shape in inputs]
        with np.errstate(all="ignore"):
            example = MEANING[name](*zeros, **attributes)
        if example.v.size > 4 * ELEMENTS:
            reject()
        self.ops.append((name, [value[0] for value in inputs], attributes))
        return self._value(("op", len(self.ops) - 1), example.dtype, example.shape)

    def of(self, kinds, rank=0):
        """A value of one of the dtypes and at least this rank, or a new argument."""
        fitting = [v for v in self.values if v[1] in kinds and len(v[2]) >= rank]
        recent = fitting[-3:] + fitting[:2]
        if recent and self.draw(st.integers(0, 9)):
            return self.pick(recent)
        dtype = self.pick([d for d in kinds if d in self.allowed] or kinds)
        return self.argument(dtype, self.sizes(max(rank, self.pick([1, 2, 2, 3, 4]))))

    def like(self, value, broadcast=True):
        """Another value that combines with this one."""
        _, dtype, shape = value
        same = [v for v in self.values if v[1] == dtype and v[2] == shape]
        if len(same) > 1 and self.draw(st.integers(0, 2)):
            return self.pick(same)
        if broadcast and self.draw(st.booleans()):
            shape = tuple(self.pick([size, 1]) for size in shape)
            shape = shape[self.pick(range(len(shape) + 1)) :] if shape else shape
        return self.argument(dtype, shape)

    def axis(self, value):
        return self.pick(range(len(value[2])))

    def axes(self, value):
        rank = len(value[2])
        chosen = [axis for axis in range(rank) if self.draw(st.booleans())]
        return tuple(chosen or [rank - 1])

    def step(self):
        getattr(self, "draw_" + self.pick(self.steps))()

    def draw_unary(self):
        a = self.of((*FLOATS, *INTEGERS))
        self.op(self.pick(UNARY if a[1] in FLOATS else INTEGER_UNARY), a)

    def draw_binary(self):
        a = self.of((*FLOATS, *INTEGERS))
        names = [name for name in BINARY if a[1] in FLOATS or name != "div"]
        pair = [a, self.like(a)]
        self.op(self.pick(names), *(pair if self.draw(st.booleans()) else pair[::-1]))

    def draw_select(self):
        a = self.of((*FLOATS, *INTEGERS))
        b = self.like(a)
        p = self.op("compare", a, b, kind=self.pick(COMPARE))
        if self.draw(st.booleans()):
            p = self.op("logical", p, self.like(p, False), kind=self.pick(LOGICAL))
        self.op("where", p, a, b)

    def draw_cast(self):
        a = self.of(tuple(DTYPES))
        self.op("cast", a, dtype=self.pick([d for d in (*self.allowed, "bfloat16") if d != a[1]]))

    def draw_transpose(self):
        a = self.of(tuple(DTYPES), 2)
        self.op("transpose", a, order=tuple(self.draw(st.permutations(range(len(a[2]))))))

    def draw_reshape(self):
        a = self.of(tuple(DTYPES))
        size, shape = int(np.prod(a[2])), []
        for _ in range(self.pick([0, 1, 2])):
            shape.append(self.pick([d for d in range(1, size + 1) if size % d == 0][:12]))
            size //= shape[-1]
        self.op("reshape", a, shape=tuple(self.draw(st.permutations([*shape, size]))))

    def draw_broadcast(self):
        a = self.of(tuple(DTYPES))
        shape = tuple(self.pick([3, 17]) if size == 1 else size for size in a[2])
        if len(a[2]) < 4 and int(np.prod(shape)) * 3 < ELEMENTS:
            shape = (self.pick([1, 2, 3]), *shape)
        self.op("broadcast", a, shape=shape)

    def draw_move(self):
        a = self.of(tuple(DTYPES), 1)
        kind = self.pick(self.moves)
        if kind == "slice":
            where = []
            for size in a[2]:
                low = self.draw(st.integers(0, size - 1))
                where.append((low, self.draw(st.integers(low + 1, size)), self.pick([1, 1, 2, 3])))
            self.op("slice", a, where=tuple(where))
        elif kind == "reverse":
            self.op("reverse", a, axis=self.axis(a))
        elif kind == "pad":
            self.op("pad", a, widths=tuple((self.pick([0, 1, 2]), self.pick([0, 3])) for _ in a[2]))
        else:
            self.op("concat", a, self.like(a, False), a, axis=self.axis(a))

    def draw_reduce(self):
        name = self.pick(["sum", "mean", "reduce_max", "reduce_min", "argmax", "any"])
        kinds = {"mean": tuple(FLOATS), "any": ("bool",)}.get(name, (*FLOATS, *INTEGERS))
        a = self.of(kinds, 1)
        if name == "argmax":
            self.op(name, a, axis=self.axis(a))
        else:
            self.op(name, a, axes=self.axes(a))

    def draw_row(self):
        a = self.of(tuple(FLOATS), 1)
        name = self.pick(["softmax", "softmax", "logsumexp", "layer_norm", "rms_norm"])
        last = len(a[2]) - 1
        norm = name.endswith("norm")
        self.op(name, a, axis=last if norm or self.draw(st.booleans()) else self.axis(a))

    def draw_contract(self):
        a = self.of((*FLOATS, *FLOATS, "int32", "int8"), 2)
        labels = "abcd"[: len(a[2])]
        kinds = {label: self.pick("bmkk") for label in labels}
        if "k" not in kinds.values():
            kinds[labels[-1]] = "k"
        shared = [label for label in labels if kinds[label] != "m"]
        free = {"n": self.sizes(1, 130)[0]} if self.draw(st.booleans()) or not shared else {}
        sizes = dict(zip(labels, a[2], strict=True)) | free
        right = "".join(self.draw(st.permutations([*shared, *free])))
        kept = [label for label in labels if kinds[label] != "k"] + list(free)
        result = "".join(self.draw(st.permutations(kept)) if self.draw(st.booleans()) else kept)
        if np.prod([float(size) for size in sizes.values()]) > 2e7:
            reject()
        b = self.argument(a[1], tuple(sizes[label] for label in right))
        self.op("contract", a, b, spec=f"{labels},{right}->{result}")

    def draw_linear(self):
        a = self.of(tuple(FLOATS), 2)
        k, n = a[2][-1], self.sizes(1, 260)[0]
        if int(np.prod(a[2])) * n > 2e7:
            reject()
        labels = "abcd"[: len(a[2]) - 1]
        w = self.argument(a[1], (k, n))
        y = self.op("contract", a, w, spec=f"{labels}k,kn->{labels}n")
        if self.draw(st.booleans()):
            y = self.op("add", y, self.argument(a[1], (n,)))
        if self.draw(st.booleans()):
            self.op(self.pick(["relu", "gelu", "silu", "tanh", "sigmoid"]), y)

    def draw_attention(self):
        dtype = self.pick([d for d in self.allowed if d in FLOATS] or FLOATS)
        batch, heads = self.pick([1, 2, 3]), self.pick([1, 2, 5])
        length, depth = self.pick(SIZES[:18]), self.pick([1, 8, 16, 17, 33, 64])
        causal = self.draw(st.booleans())
        keys = length if causal else self.pick(SIZES[:18])
        shapes = [(batch, heads, size, depth) for size in (length, keys, keys)]
        self.op("attention", *(self.argument(dtype, shape) for shape in shapes), causal=causal)

    def draw_scan(self):
        a = self.of((*FLOATS, *INTEGERS), 1)
        if int(np.prod(a[2])) > 10_000:
            reject()
        self.op(self.pick(["cumsum", "sort"]), a, axis=self.axis(a))

    def draw_take(self):
        a = self.of((*FLOATS, *INTEGERS), 1)
        axis = self.axis(a)
        count = self.pick([1, 3, 17])
        at = self.rng.integers(0, a[2][axis], count).astype(np.int32)
        self.op("take", a, self.argument("int32", (count,), at), axis=axis)

    def draw_conv(self):
        dtype = self.pick([d for d in self.allowed if d in FLOATS] or FLOATS)
        groups = self.pick([1, 1, 2, 3])
        per, out = self.pick([1, 2, 3, 5, 16]), groups * self.pick([1, 2, 3, 16])
        batch, size = self.pick([1, 2]), self.pick([5, 7, 8, 13, 16, 17])
        kernel, stride = self.pick([1, 2, 3]), self.pick([1, 1, 2])
        a = self.argument(dtype, (batch, groups * per, size, size + self.pick([0, 1])))
        w = self.argument(dtype, (out, per, kernel, kernel))
        self.op(
            "conv",
            a,
            w,
            stride=stride,
            dilation=self.pick([1, 1, 2]),
            pad=self.pick([0, 1]),
            groups=groups,
        )

    def finish(self) -> Program:
        at = {("argument", i): i for i in range(len(self.arguments))}
        at |= {("op", i): len(self.arguments) + i for i in range(len(self.ops))}
        ops = [(name, tuple(at[i] for i in inputs), rest) for name, inputs, rest in self.ops]
        used = {i for _, inputs, _ in ops for i in inputs}
        made = range(len(self.arguments), len(self.arguments) + len(ops))
        results = [i for i in made if i not in used]
        if self.draw(st.booleans()):
            results = sorted({*results, self.pick(made)})
        return Program(self.arguments, self.dtypes, ops, results)


#: The sizes in a drawn program that stand for any size.
NAMED = {7: "p", 11: "q"}


class DynamicBuilder(Builder):
    """Draws ops that name no sizes. What is 7 or 11 may have any other size."""

    steps = (
        ["unary", "binary", "row", "reduce", "linear", "contract"] * 2
        + ["select", "cast", "transpose", "move", "attention", "scan"]
    )  # fmt: skip
    moves = ("reverse", "concat")

    def sizes(self, rank, limit=ELEMENTS):
        return tuple(self.pick([7, 11, 7, 11, 1, 2, 16, 32]) for _ in range(rank))

    def argument(self, dtype, shape, array=None):
        """A multiple of 7 is that of a size that changes: no argument can have it."""
        if any(size % n == 0 and size != n for size in shape for n in NAMED):
            reject()
        return super().argument(dtype, shape, array)

    def draw_attention(self):
        dtype = self.pick([d for d in self.allowed if d in FLOATS] or FLOATS)
        causal, keys = self.draw(st.booleans()), self.pick([7, 11])
        shapes = [(7, 2, 11 if causal else size, 16) for size in (11, keys, keys)]
        self.op("attention", *(self.argument(dtype, shape) for shape in shapes), causal=causal)

    def resize(self, program, sizes):
        """The same ops on new arguments, where 7 and 11 are other numbers."""
        shapes = [tuple(sizes.get(size, size) for size in a.shape) for a in program.arguments]
        arguments = [self.array(*pair) for pair in zip(program.dtypes, shapes, strict=True)]
        return Program(arguments, program.dtypes, program.ops, program.results)


@st.composite
def programs(draw, allowed):
    builder = Builder(draw)
    builder.allowed = allowed
    for _ in range(draw(st.integers(1, 8))):
        builder.step()
    program = builder.finish()
    if draw(st.booleans()):
        rest = range(1, len(program.arguments))
        program.bound = frozenset(i for i in rest if draw(st.booleans()))
    return program


@st.composite
def dynamic_programs(draw, allowed):
    """A program for one set of sizes, and the same for others."""
    builder = DynamicBuilder(draw)
    builder.allowed = allowed
    for _ in range(draw(st.integers(1, 6))):
        builder.step()
    program = builder.finish()
    return program, [
        builder.resize(program, {7: builder.pick(SIZES), 11: builder.pick(SIZES)}) for _ in range(3)
    ]


#: What one program mixes: the machine types of a model in it.
MIXES = [
    ("float32",),
    ("float32", "int32", "bool"),
    ("float64", "float32", "int64"),
    ("bfloat16", "float32"),
    ("float16", "float32", "int8"),
    ("int32", "int8", "bool", "int64"),
]


def check(program: Program, imported, road):
    """Runs an imported program on a road; a failure is shown in a smaller one."""
    if (message := wrong(program, imported, road)) is None:
        return
    smaller = program
    while smaller is not None:
        found, smaller = smaller, None
        for candidate in found.slices():
            if candidate.size() < found.size() and (other := wrong(candidate, imported, road)):
                smaller, message = candidate, other
                break
    pytest.fail(f"{message}\n{found}", pytrace=False)


def wrong(program: Program, imported, road) -> str | None:
    try:
        executable = compile_on(road, imported(program))
    except plait.PlaitError as error:
        if "no lowering for" in str(error):
            reject()
        return f"{type(error).__name__}: {error}"
    return differs(executable, program, road)


def differs(executable, program, road) -> str | None:
    got = executable.run(program.free)
    # The reference road adds in the type that the program names.
    meaning = program.meaning(narrow_sums=road == "reference")
    for index, (result, value) in enumerate(zip(got, meaning, strict=True)):
        error, where = worst(result, value)
        if error > 1:
            return f"result {index} is off by {error:.3g} bounds {where}"
    for number in (1, 2, 3):
        plait.set_num_threads(number)
        arguments = [guarded(x, at_end=number < 3) for x in program.free]
        for result, again in zip(got, executable.run(arguments), strict=True):
            if result.tobytes() != again.tobytes():
                return f"{number} threads change a result"
    return None


def drawn(mixes):
    return st.sampled_from(mixes).flatmap(programs)


#: Roads to code: register width and processor of the fast road, where it is not this machine's.
PROCESSORS = {"avx2": (256, "x86-64-v3"), "generic": (128, "x86-64")}
ROADS = ["fast", "fast", "reference"] + list(PROCESSORS) * (platform.machine() == "x86_64")


def compile_on(road, module):
    if road == "fast":
        return plait.compile(module)
    if road == "reference":
        return verification.compile_reference(module)
    bits, processor = PROCESSORS[road]
    passes = [name.replace("vector-bits=0", f"vector-bits={bits}") for name in passes_of(module)]
    lowered = compiler.run_stages(module.text.encode(), passes)
    run_tool = compiler.run_tool

    def translate(tool, options, *rest):
        more = [f"--mcpu={processor}"] if "--mlir-to-object" in options else []
        return run_tool(tool, [*options, *more], *rest)

    with mock.patch.object(compiler, "run_tool", translate):
        package = compiler.build(module, "cpu", lowered)
    return executable.unpack(package, [plait.arrays.to_numpy(weight) for weight in module.weights])


def passes_of(module):
    return _passes(tuple(compiler.stages_of("cpu", module).values()))


_passes = functools.cache(verification.pass_list)


def from_jax(program: Program):
    import jax

    with jax.enable_x64(True):
        values = [jax.numpy.asarray(x) for x in program.arguments]
        return plait.from_jax(program.bind(jax_table(), values), *program.free)


def from_torch(program: Program, named=None):
    import torch

    values = [plait.arrays.from_numpy(x, "torch") for x in program.arguments]
    free = tuple(x for i, x in enumerate(values) if i not in program.bound)
    dynamic = None
    if named:
        dims = {size: torch.export.Dim(name, max=4096) for size, name in named.items()}
        shapes = [{i: dims[s] for i, s in enumerate(x.shape) if s in dims} for x in free]
        dynamic = (tuple(shapes),)
    return plait.from_torch(program.bind(torch_table(), values), free, dynamic_shapes=dynamic)


@budget(12)
@given(drawn(MIXES), st.sampled_from(ROADS))
def test_jax(program, road):
    pytest.importorskip("jax")
    check(program, from_jax, road)


@budget(6)
@given(drawn(MIXES), st.sampled_from(ROADS))
def test_torch(program, road):
    pytest.importorskip("torch_mlir")
    check(program, from_torch, road)


@budget(4)
@given(st.sampled_from(MIXES).flatmap(dynamic_programs), st.sampled_from(ROADS))
def test_torch_dynamic(drawn, road):
    """One compilation, other sizes."""
    pytest.importorskip("torch_mlir")
    program, others = drawn
    try:
        module = from_torch(program, NAMED)
    except plait.PlaitError as error:
        if "no lowering for" in str(error):
            reject()
        raise
    compiled = compile_on(road, module)
    for other in [program, *others]:
        if message := differs(compiled, other, road):
            pytest.fail(f"{message}\n{other}", pytrace=False)


@budget(40)
@given(drawn(MIXES))
def test_meaning_is_that_of_torch(program):
    """What torch itself computes is within the bounds."""
    torch = pytest.importorskip("torch")
    # Next to the largest numbers torch overflows sooner: its gelu is x * (1 + erf) * 0.5.
    if any(np.any(np.abs(x) > 1e30) for x in program.arguments):
        reject()
    values = [plait.arrays.from_numpy(x, "torch") for x in program.arguments]
    with torch.no_grad():
        results = program.run(torch_table(), values)
    # torch's square root may be off by one unit in the last place, not half of it.
    with mock.patch.dict(MEANING, sqrt=lambda a: UNARY["sqrt"](a, roundings=2)):
        meaning = program.meaning()
    for index, (result, value) in enumerate(zip(results, meaning, strict=True)):
        error, where = worst(plait.arrays.to_numpy(result.contiguous()), value)
        if error > 1:
            pytest.fail(f"result {index} is off by {error:.3g} bounds {where}\n{program}", False)
