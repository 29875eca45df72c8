"""The contraction kernels on buffers: nothing outside of them is touched, and no split or
layout changes a bit."""

import ctypes
import itertools

import numpy as np
import pytest
from guard import guarded

from plait import loader
from plait.compiler import run_stages
from plait.worker import run_tool

#: Buffers to the LLVM dialect, after the kernels.
LOWER = (
    "func.func(convert-linalg-to-loops) expand-strided-metadata memref-expand lower-affine "
    "convert-vector-to-scf convert-scf-to-cf arith-expand convert-vector-to-llvm "
    "finalize-memref-to-llvm{use-aligned-alloc=true} convert-func-to-llvm convert-arith-to-llvm "
    "convert-index-to-llvm convert-cf-to-llvm convert-ub-to-llvm reconcile-unrealized-casts "
    "canonicalize cse"
).split()
#: M, N and K: on both sides of every tile and of the choice to pack.
SIZES = [(1, 1, 1), (1, 37, 29), (3, 129, 16), (13, 37, 70), (17, 5, 3), (37, 67, 35), (64, 32, 64)]
LAYOUTS = {
    "kn": ("m, k", "k, n"), "nk": ("m, k", "n, k"), "km": ("k, m", "k, n"),
    "panels": ("m, k", "n floordiv 32, k, n mod 32"),
}  # fmt: skip


#: How a body widens an element to the type of the sums.
WIDEN = {
    ("bf16", "f32"): "extf", ("f16", "f32"): "extf", ("i8", "f32"): "sitofp",
    ("i8", "i32"): "extsi", ("u8", "i32"): "extui",
}  # fmt: skip


def function(name, loops, sums, maps, shapes, elements=("f32", "f32", "f32")):
    """A function on buffers that sums the products of its first two arguments in its third.

    ``elements`` are the three arguments' types; u8 is an i8 that is widened as unsigned.
    """
    loops = loops.split()
    kinds = ['"parallel"'] * (len(loops) - sums) + ['"reduction"'] * sums
    space = ", ".join(loops)
    affine = ", ".join(f"affine_map<({space}) -> ({m})>" for m in maps)
    left, right, total = (element.replace("u8", "i8") for element in elements)
    a, b, c = (
        "memref<" + "".join(f"{'?' if size is None else size}x" for size in shape) + f"{of}>"
        for shape, of in zip(shapes, (left, right, total), strict=True)
    )
    wide, names = "", []
    for variable, element, stored in zip("xy", elements, (left, right), strict=False):
        names.append(f"%{variable}")
        if element != total:
            names[-1] += "w"
            widen = WIDEN[element, total]
            wide += f"{names[-1]} = arith.{widen} %{variable} : {stored} to {total}\n"
    kind, zero = ("f", "0.0") if total == "f32" else ("i", "0")
    return f"""
    func.func @{name}(%a: {a}, %b: {b}, %c: {c}) {{
      %zero = arith.constant {zero} : {total}
      linalg.fill ins(%zero : {total}) outs(%c : {c})
      linalg.generic {{indexing_maps = [{affine}], iterator_types = [{", ".join(kinds)}]}}
          ins(%a, %b : {a}, {b}) outs(%c : {c}) {{
      ^bb0(%x: {left}, %y: {right}, %s: {total}):
        {wide}
        %p = arith.mul{kind} {", ".join(names)} : {total}
        %t = arith.add{kind} %s, %p : {total}
        linalg.yield %t : {total}
      }}
      return
    }}"""


def matmul(name, layout, m, n, k, elements=("f32", "f32", "f32")):
    left, right = LAYOUTS[layout]
    sizes = {"m": m, "n": n, "k": k, "n mod 32": 32}
    if n is not None:
        sizes["n floordiv 32"] = -(-n // 32)
    shapes = [[sizes.get(axis) for axis in axes.split(", ")] for axes in (left, right, "m, n")]
    return function(name, "m n k", 1, (left, right, "m, n"), shapes, elements)


def build(functions, bits=0, dots="host"):
    """Callables for the functions of a module, by name, that take NumPy arrays."""
    kernels = f"convert-linalg-contractions-to-vector{{vector-bits={bits} dots={dots}}}"
    passes = [f"func.func(llvm-request-c-wrappers,{kernels})", *LOWER]
    text = run_stages("\n".join(functions.values()).encode(), passes)
    code = run_tool("plait-translate", ["--mlir-to-object"], text)
    entries = loader.load(code, loader.link(code))

    def entry(name):
        run = entries(f"plait_{name}")

        def call(*arrays):
            words = []
            for x in arrays:
                strides = [stride // x.itemsize for stride in x.strides]
                words.append([x.ctypes.data, x.ctypes.data, 0, *x.shape, *strides])
            descriptors = [(ctypes.c_int64 * len(word))(*word) for word in words]
            addresses = [ctypes.addressof(descriptor) for descriptor in descriptors]
            table = (ctypes.c_void_p * len(addresses))(*addresses)
            assert run(table) is None

        return call

    return {name: entry(name) for name in functions}


def matrices(layout, m, n, k):
    rng = np.random.default_rng(m * n * k)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
    return a, b, (a.T.copy() if layout == "km" else a), arranged(layout, b)


def arranged(layout, b):
    """B, which is [K, N], as the layout has it."""
    if layout == "nk":
        return b.T.copy()
    if layout != "panels":
        return b
    k, n = b.shape
    padded = np.zeros((k, -(-n // 32) * 32), b.dtype)
    padded[:, :n] = b
    return np.ascontiguousarray(padded.reshape(k, -1, 32).transpose(1, 0, 2))


@pytest.mark.parametrize("bits", [128, 256, 512])
def test_matmul_stays_in_its_buffers(bits):
    functions, cases = {}, []
    for layout in LAYOUTS:
        for m, n, k in SIZES:
            name = f"{layout}_{m}_{n}_{k}"
            functions[name] = matmul(name, layout, m, n, k)
            cases.append((name, layout, m, n, k))
        if layout != "panels":
            functions[layout] = matmul(layout, layout, None, None, None)
            cases += [(layout, layout, *size) for size in SIZES]
    calls = build(functions, bits)
    for (name, layout, m, n, k), at_end in itertools.product(cases, (False, True)):
        a, b, left, right = matrices(layout, m, n, k)
        c = guarded(np.full((m, n), np.nan, np.float32), at_end)
        calls[name](guarded(left, at_end), guarded(right, at_end), c)
        want = a.astype(np.float64) @ b
        # Every element is a chain of K roundings to 2^-24.
        limit = k * 2.0**-24 * (abs(a).astype(np.float64) @ abs(b)) + 1e-30
        assert (abs(c - want) <= limit).all(), (name, m, n, k)


CONVOLUTIONS = [
    dict(stride=1, dilation=1, size=(9, 21)), dict(stride=2, dilation=1, size=(9, 21)),
    dict(stride=1, dilation=2, size=(11, 9)), dict(stride=1, dilation=1, size=(5, 6)),
]  # fmt: skip


@pytest.mark.parametrize("filters", [3, 20])
@pytest.mark.parametrize("layout", ["nchw", "nhwc", "depthwise", "depthwise_nhwc"])
def test_convolution_stays_in_its_buffers(layout, filters):
    """Against a sum over the window in float64."""
    functions, cases = {}, []
    n, channels, window = 2, filters if "depth" in layout else 4, 3
    for index, case in enumerate(CONVOLUTIONS):
        (h, w), s, d = case["size"], case["stride"], case["dilation"]
        oh, ow = ((x - d * (window - 1) - 1) // s + 1 for x in (h, w))
        y, x = f"oh * {s} + kh * {d}", f"ow * {s} + kw * {d}"
        loops, image, weight, out, equation = {
            "nchw": ("n f oh ow c kh kw", f"n, c, {y}, {x}", "f, c, kh, kw", "n, f, oh, ow",
                     "nchwij,fcij->nfhw"),
            "nhwc": ("n oh ow f kh kw c", f"n, {y}, {x}, c", "kh, kw, c, f", "n, oh, ow, f",
                     "nchwij,ijcf->nhwf"),
            "depthwise": ("n c oh ow kh kw", f"n, c, {y}, {x}", "c, kh, kw", "n, c, oh, ow",
                          "nchwij,cij->nchw"),
            "depthwise_nhwc": ("n oh ow c kh kw", f"n, {y}, {x}, c", "kh, kw, c", "n, oh, ow, c",
                               "nchwij,ijc->nhwc"),
        }[layout]  # fmt: skip
        sizes = dict(n=n, c=channels, f=filters, oh=oh, ow=ow, kh=window, kw=window)
        sizes |= {y: h, x: w}
        shapes = [[sizes[axis] for axis in axes.split(", ")] for axes in (image, weight, out)]
        sums = 2 if "depth" in layout else 3
        functions[f"c{index}"] = function(f"c{index}", loops, sums, (image, weight, out), shapes)
        cases.append((f"c{index}", shapes, equation, s, d))
    calls = build(functions)
    rng = np.random.default_rng(0)
    for (name, shapes, equation, s, d), at_end in itertools.product(cases, (False, True)):
        image, weight = (rng.standard_normal(shape, np.float32) for shape in shapes[:2])
        c = guarded(np.full(shapes[2], np.nan, np.float32), at_end)
        calls[name](guarded(image, at_end), guarded(weight, at_end), c)
        nchw = image.transpose(0, 3, 1, 2) if "nhwc" in layout else image
        windows = np.lib.stride_tricks.sliding_window_view(
            nchw, (d * (window - 1) + 1,) * 2, axis=(2, 3)
        )[:, :, ::s, ::s, ::d, ::d]
        want = np.einsum(equation, windows.astype(np.float64), weight)
        np.testing.assert_allclose(c, want, rtol=0, atol=2e-5)


def test_splits_and_layouts_change_no_bit():
    m, n, k = 67, 133, 1100
    functions = {
        layout: matmul(layout, layout, None, None if layout != "panels" else n, None)
        for layout in LAYOUTS
    }
    functions["panels"] = matmul("panels", "panels", None, n, k)
    calls = build(functions)
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
    whole = np.empty((m, n), np.float32)
    calls["kn"](a, b, whole)
    for layout in ("kn", "nk", "km", "panels"):
        for first, last in [(0, 1), (1, 4), (4, 20), (20, 67)]:
            left = a[first:last]
            left = np.ascontiguousarray(left.T if layout == "km" else left)
            for begin, end in [(0, n)] if layout == "panels" else [(0, 7), (7, 100), (100, n)]:
                part = np.empty((last - first, end - begin), np.float32)
                calls[layout](left, np.ascontiguousarray(arranged(layout, b[:, begin:end])), part)
                np.testing.assert_array_equal(part, whole[first:last, begin:end])


def with_epilogue(name, layout, m, n, k, to):
    """relu(A B * scale + shift + rest), in place of ``rest`` or in the sums' own buffer."""
    left, right = LAYOUTS[layout]
    sizes = {"m": m, "n": n, "k": k, "n mod 32": 32, "n floordiv 32": -(-n // 32)}
    a, b = (
        "memref<" + "".join(f"{sizes[axis]}x" for axis in axes.split(", ")) + "f32>"
        for axes in (left, right)
    )
    c, row = f"memref<{m}x{n}xf32>", f"memref<{n}xf32>"
    sums = {"%rest": f"%s = memref.alloc() : {c}", "%s": ""}[to]
    free = {"%rest": f"memref.dealloc %s : {c}", "%s": ""}[to]
    last = {"%rest": "", "%s": f", %s: {c}"}[to]
    return f"""
    func.func @{name}(%a: {a}, %b: {b}, %scale: {row}, %shift: {row}, %rest: {c}{last})
        attributes {{plait.distinct}} {{
      %zero = arith.constant 0.0 : f32
      {sums}
      linalg.fill ins(%zero : f32) outs(%s : {c})
      linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> ({left})>,
          affine_map<(m, n, k) -> ({right})>, affine_map<(m, n, k) -> (m, n)>],
          iterator_types = ["parallel", "parallel", "reduction"]}}
          ins(%a, %b : {a}, {b}) outs(%s : {c}) {{
      ^bb0(%x: f32, %y: f32, %o: f32):
        %p = arith.mulf %x, %y : f32
        %t = arith.addf %o, %p : f32
        linalg.yield %t : f32
      }}
      linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>,
          affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
          iterator_types = ["parallel", "parallel"]}}
          ins(%s, %scale, %shift, %rest : {c}, {row}, {row}, {c}) outs({to} : {c}) {{
      ^bb0(%x: f32, %by: f32, %to: f32, %r: f32, %o: f32):
        %p = arith.mulf %x, %by : f32
        %q = arith.addf %p, %to : f32
        %t = arith.addf %q, %r : f32
        %u = arith.maximumf %t, %zero : f32
        linalg.yield %u : f32
      }}
      {free}
      return
    }}"""


@pytest.mark.parametrize("bits", [256, 512])
def test_epilogue_changes_no_bit(bits):
    """Sums that stay in registers for their epilogue are what they are in memory."""
    functions, cases = {}, []
    sizes = [(16, 64, 40), (49, 33, 7), (67, 133, 1100), (1, 40, 2100)]
    for layout, (m, n, k), to in itertools.product(LAYOUTS, sizes, ["%rest", "%s"]):
        name = f"f{len(functions)}"
        functions[name] = with_epilogue(name, layout, m, n, k, to)
        functions[f"plain_{name}"] = matmul(f"plain_{name}", layout, m, n, k)
        cases.append((name, layout, m, n, k, to))
    calls = build(functions, bits)
    for name, layout, m, n, k, to in cases:
        _, _, a, b = matrices(layout, m, n, k)
        rng = np.random.default_rng(n)
        scale, shift = rng.standard_normal((2, n), np.float32)
        rest = rng.standard_normal((m, n), np.float32)
        sums = np.empty((m, n), np.float32)
        calls[f"plain_{name}"](a, b, sums)
        expected = np.maximum(sums * scale + shift + rest, 0)
        for at_end in (True, False):
            arrays = [guarded(x, at_end) for x in (a, b, scale, shift, rest)]
            if to == "%s":
                arrays.append(guarded(np.empty_like(sums), at_end))
            calls[name](*arrays)
            np.testing.assert_array_equal(arrays[-1], expected)
