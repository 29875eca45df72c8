"""The vector loops of everything but contractions, against NumPy in float64."""

import hypothesis.strategies as st
import ml_dtypes
import numpy as np
import pytest
from guard import guarded
from hypothesis import given, settings

import plait

SIZES = [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130]
FLOATS = ["f32", "f64", "f16", "bf16"]
INTEGERS = ["i8", "i32", "i64"]
DTYPES = {
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
}
#: Half a unit in the last place, relative.
EPSILON = {"f32": 2.0**-24, "f64": 2.0**-53, "f16": 2.0**-11, "bf16": 2.0**-8}


def tensor(shape, element):
    return f"tensor<{''.join(f'{n}x' for n in shape)}{element}>"


def affine(rank, results):
    dims = ", ".join(f"d{i}" for i in range(rank))
    return f"affine_map<({dims}) -> ({', '.join(f'd{i}' for i in results)})>"


def numbers(rng, shape, element):
    if element == "i1":
        return rng.integers(0, 2, shape).astype(bool)
    if element.startswith("i"):
        return rng.integers(-9, 10, shape).astype(DTYPES[element])
    return rng.standard_normal(shape).astype(DTYPES[element])


class Op:
    """One random linalg.generic: MLIR text, inputs, and what NumPy makes of them."""

    def __init__(self, draw):
        rank = draw(st.integers(1, 4))
        self.sizes = [draw(st.sampled_from(SIZES if d == rank - 1 else SIZES[:6]))
                      for d in range(rank)]  # fmt: skip
        self.element = draw(st.sampled_from(FLOATS + INTEGERS))
        self.dynamic = draw(st.booleans())
        self.reduced = sorted(draw(st.sets(st.integers(0, rank - 1), max_size=rank - 1)))
        kept = [d for d in range(rank) if d not in self.reduced]
        self.kept = draw(st.permutations(kept)) if not self.reduced else kept
        self.reads = []
        for _ in range(draw(st.integers(1, 3))):
            dims = draw(st.permutations(range(rank)))
            if self.reads:  # the first one has every dimension
                dims = [d for d in dims if draw(st.booleans())]
            self.reads.append(list(dims))
        self.masked = draw(st.booleans())
        self.kind = draw(st.sampled_from(["add", "max", "min"]))
        self.seed = draw(st.integers(0, 2**32 - 1))

    def inputs(self):
        rng = np.random.default_rng(self.seed)
        arrays = [numbers(rng, [self.sizes[d] for d in dims], self.element) for dims in self.reads]
        if self.masked:
            arrays.append(numbers(rng, self.sizes, "i1"))
        return arrays

    def declaration(self, first):
        rank = range(len(self.sizes))
        types = [(dims, self.element) for dims in self.reads]
        types += [(list(rank), "i1")] if self.masked else []
        text = []
        for index, (dims, element) in enumerate(types):
            shape = ["?" if self.dynamic else self.sizes[d] for d in dims]
            text.append((f"%a{first + index}", tensor(shape, element), dims, element))
        return text

    def text(self, first, name):
        arguments = self.declaration(first)
        e, is_float = self.element, self.element in EPSILON
        shape = ["?" if self.dynamic else self.sizes[d] for d in self.kept]
        out = tensor(shape, e)
        lines, dims = [], []
        # The first argument has every dimension.
        for axis in self.kept if self.dynamic else []:
            at = self.reads[0].index(axis)
            lines += [f"%c{name}_{axis} = arith.constant {at} : index",
                      f"%n{name}_{axis} = tensor.dim {arguments[0][0]}, %c{name}_{axis}"
                      f" : {arguments[0][1]}"]  # fmt: skip
            dims.append(f"%n{name}_{axis}")
        lines.append(f"%e{name} = tensor.empty({', '.join(dims)}) : {out}")
        init = f"%e{name}"
        if self.reduced:
            start = {"add": "0", "max": "-100", "min": "100"}[self.kind] + ".0" * is_float
            lines += [
                f"%z{name} = arith.constant {start} : {e}",
                f"%i{name} = linalg.fill ins(%z{name} : {e}) outs({init} : {out}) -> {out}",
            ]
            init = f"%i{name}"  # fmt: skip
        rank = len(self.sizes)
        maps = [affine(rank, dims) for _, _, dims, _ in arguments] + [affine(rank, self.kept)]
        kinds = ", ".join('"reduction"' if d in self.reduced else '"parallel"' for d in range(rank))
        body = [f"^bb0({''.join(f'%x{i}: {a[3]}, ' for i, a in enumerate(arguments))}%o: {e}):"]
        f = "f" if is_float else "i"
        value = "%x0"
        for index in range(1, len(self.reads)):
            op = "arith.sub" if index == 1 else "arith.mul"
            body.append(f"%v{index} = {op}{f} {value}, %x{index} : {e}")
            value = f"%v{index}"
        if self.masked:
            body.append(f"%s = arith.select %x{len(self.reads)}, {value}, %x0 : {e}")
            value = "%s"
        if self.reduced:
            op = {"add": f"add{f}", "max": "maximumf" if is_float else "maxsi",
                  "min": "minnumf" if is_float else "minsi"}[self.kind]  # fmt: skip
            body.append(f"%t = arith.{op} %o, {value} : {e}")
            value = "%t"
        body.append(f"linalg.yield {value} : {e}")
        ins = ", ".join(a[0] for a in arguments) + " : " + ", ".join(a[1] for a in arguments)
        lines.append(
            f"%r{name} = linalg.generic {{indexing_maps = [{', '.join(maps)}],"
            f" iterator_types = [{kinds}]}} ins({ins}) outs({init} : {out}) {{\n"
            + "\n".join(body) + f"\n}} -> {out}"
        )  # fmt: skip
        return "\n".join(lines), f"%r{name}", out

    def expected(self, arrays):
        """The result, and a bound of its error."""
        # Integers wrap.
        wide = np.float64 if self.element in EPSILON else DTYPES[self.element]

        def spread(array, dims):
            order = np.argsort(dims)
            shape = [self.sizes[d] if d in dims else 1 for d in range(len(self.sizes))]
            return array.transpose(order).astype(wide).reshape(shape)

        first = spread(arrays[0], self.reads[0])
        value, size = first, np.abs(first)
        for index in range(1, len(self.reads)):
            other = spread(arrays[index], self.reads[index])
            value = value - other if index == 1 else value * other
            size = size + np.abs(other) if index == 1 else size * np.abs(other)
        if self.masked:
            value = np.where(arrays[-1], value, first)
            size = np.maximum(size, np.abs(first))
        value, size = np.broadcast_to(value, self.sizes), np.broadcast_to(size, self.sizes)
        count = 1
        if self.reduced:
            axes = tuple(self.reduced)
            count = int(np.prod([self.sizes[d] for d in axes]))
            start = {"add": 0, "max": -100, "min": 100}[self.kind]
            if self.kind == "add":
                value, size = value.sum(axes, dtype=wide), size.sum(axes)
            else:
                value = (value.max if self.kind == "max" else value.min)(axes, initial=start)
                size = size.max(axes)
        if self.reduced == [] and self.kept != sorted(self.kept):
            value, size = value.transpose(self.kept), size.transpose(self.kept)
        # One rounding per op of the body, and one per addition.
        return value, (count + 4) * EPSILON.get(self.element, 0) * size


@st.composite
def programs(draw):
    return [Op(draw) for _ in range(draw(st.integers(4, 10)))]


def module(ops):
    first, lines, results, types, arguments, arrays = 0, [], [], [], [], []
    for name, op in enumerate(ops):
        text, result, out = op.text(first, name)
        declared = op.declaration(first)
        first += len(declared)
        lines.append(text)
        results.append(result)
        types.append(out)
        arguments += [f"{a[0]}: {a[1]}" for a in declared]
        arrays.append(op.inputs())
    text = (
        f"func.func @main({', '.join(arguments)}) -> ({', '.join(types)}) {{\n"
        + "\n".join(lines)
        + f"\nreturn {', '.join(results)} : {', '.join(types)}\n}}"
    )
    return text, arrays


@settings(max_examples=12, deadline=None, derandomize=True)
@given(programs())
def test_random_generics(ops):
    text, arrays = module(ops)
    got = plait.compile(text)(*[a for inputs in arrays for a in inputs])
    got = got if isinstance(got, tuple | list) else [got]
    for op, inputs, result in zip(ops, arrays, got, strict=True):
        want, bound = op.expected(inputs)
        error = np.abs(np.asarray(result).astype(want.dtype) - want)
        assert (error <= bound + 1e-300).all(), (vars(op), error.max())


@pytest.mark.parametrize("element", ["f32", "f64", "f16", "i8"])
@pytest.mark.parametrize("size", [1, 15, 17, 63, 65, 129])
def test_nothing_is_read_after_the_end(element, size):
    zero = "0.0" if element in EPSILON else "0"
    f = "f" if element in EPSILON else "i"
    x, row = tensor([3, size], element), tensor([3], element)
    text = f"""
    #id = affine_map<(i, j) -> (i, j)>
    #row = affine_map<(i, j) -> (i)>
    func.func @main(%x: {x}) -> ({row}, {x}) {{
      %z = arith.constant {zero} : {element}
      %e = tensor.empty() : {row}
      %i = linalg.fill ins(%z : {element}) outs(%e : {row}) -> {row}
      %s = linalg.generic {{indexing_maps = [#id, #row],
                            iterator_types = ["parallel", "reduction"]}}
          ins(%x : {x}) outs(%i : {row}) {{
      ^bb0(%a: {element}, %o: {element}):
        %t = arith.add{f} %o, %a : {element}
        linalg.yield %t : {element}
      }} -> {row}
      %b = tensor.empty() : {x}
      %y = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}}
          ins(%x : {x}) outs(%b : {x}) {{
      ^bb0(%a: {element}, %o: {element}):
        %t = arith.add{f} %a, %a : {element}
        linalg.yield %t : {element}
      }} -> {x}
      return %s, %y : {row}, {x}
    }}"""
    numbers = np.arange(3 * size).reshape(3, size) % 5
    array = guarded(numbers.astype(DTYPES[element]), at_end=True)
    sums, doubled = plait.compile(text)(array)
    np.testing.assert_array_equal(doubled, array + array)
    np.testing.assert_array_equal(sums.astype(np.int64) % 256,
                                  array.astype(np.int64).sum(1) % 256)  # fmt: skip


@pytest.mark.parametrize("element", ["f32", "f64", "bf16", "i8"])
@pytest.mark.parametrize("colours", [2, 3, 4, 5])
def test_colours_last(element, colours):
    """Of images whose rows are shorter and longer than vectors and no multiple of them."""
    widths = [3, 16, 37, 64, 131]
    shapes = [(colours, 5, width) for width in widths]
    arguments = ", ".join(f"%x{i}: {tensor(s, element)}" for i, s in enumerate(shapes))
    types = [tensor((s[1], s[2], colours), element) for s in shapes]
    results = ", ".join(types)
    body = "".join(
        f"""
      %e{i} = tensor.empty() : {types[i]}
      %y{i} = linalg.generic {{indexing_maps = [{affine(3, [2, 0, 1])}, {affine(3, [0, 1, 2])}],
                               iterator_types = ["parallel", "parallel", "parallel"]}}
          ins(%x{i} : {tensor(shape, element)}) outs(%e{i} : {types[i]}) {{
      ^bb0(%a: {element}, %o: {element}):
        %t = arith.add{"f" if element in EPSILON else "i"} %a, %a : {element}
        linalg.yield %t : {element}
      }} -> {types[i]}"""
        for i, shape in enumerate(shapes)
    )
    values = ", ".join(f"%y{i}" for i in range(len(shapes)))
    text = f"""
    func.func @main({arguments}) -> ({results}) {{{body}
      return {values} : {results}
    }}"""
    rng = np.random.default_rng(0)
    images = [guarded(numbers(rng, shape, element), at_end=True) for shape in shapes]
    for image, got in zip(images, plait.compile(text)(*images), strict=True):
        np.testing.assert_array_equal(got, (image + image).transpose(1, 2, 0))


def test_division_by_a_rows_scalar_is_rounded_as_any():
    rng = np.random.default_rng(0)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-45, 1e-38, 1.0]
    x = rng.integers(0, 2**32, (256, 133), np.uint32).view(np.float32)
    x[:, :10] = special
    x[::2] = rng.standard_normal((128, 133))
    y = rng.integers(0, 2**32, 256, np.uint32).view(np.float32)
    y[: len(special)] = special
    y[128:] = np.exp(rng.standard_normal(128))
    text = """
    func.func @main(%x: tensor<256x133xf32>, %y: tensor<256xf32>) -> tensor<256x133xf32> {
      %empty = tensor.empty() : tensor<256x133xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
                                            affine_map<(i, j) -> (i, j)>],
                           iterator_types = ["parallel", "parallel"]}
          ins(%x, %y : tensor<256x133xf32>, tensor<256xf32>) outs(%empty : tensor<256x133xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %q = arith.divf %a, %b : f32
        linalg.yield %q : f32
      } -> tensor<256x133xf32>
      return %r : tensor<256x133xf32>
    }"""
    got = plait.compile(text)(x, y)
    with np.errstate(all="ignore"):
        want = x / y[:, None]
    equal = (got.view(np.uint32) == want.view(np.uint32)) | (np.isnan(got) & np.isnan(want))
    assert equal.all(), f"{(~equal).sum()} quotients differ, first {np.argwhere(~equal)[0]}"
