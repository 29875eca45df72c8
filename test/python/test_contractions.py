"""The contraction kernels against NumPy's einsum in float64."""

import numpy as np
import pytest

import plait

EQUATIONS = [
    "mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->mn", "mk,kn->nm", "mk,k->m", "k,kn->n",
    "bmk,bnk->bmn", "bshd,bthd->bhst", "bhst,bthd->bshd", "bmk,kn->bmn", "mkl,lkn->mn",
    "k,k->", "mbk,nbk->mnb",
]  # fmt: skip
RAGGED = dict(b=2, d=17, h=3, k=29, l=5, m=13, n=37, s=9, t=11)
EVEN = dict(b=2, d=16, h=2, k=32, l=4, m=8, n=64, s=8, t=16)
SMALL = dict(b=1, d=1, h=1, k=1, l=1, m=1, n=1, s=1, t=1)


def contraction(equation, sizes, dynamic=False, element="f32", total="f32", kind="f"):
    """MLIR text of an einsum of two operands."""
    inputs, out = equation.split("->")
    left, right = inputs.split(",")
    loops = list(dict.fromkeys(out + left + right))
    space = ", ".join(loops)

    def affine(axes):
        return f"affine_map<({space}) -> ({', '.join(axes)})>"

    def tensor(axes, of):
        shape = "".join(("?" if dynamic else str(sizes[axis])) + "x" for axis in axes)
        return f"tensor<{shape}{of}>"

    dims, names = "", []
    for index, axis in enumerate(out if dynamic else ""):
        source, axes = ("a", left) if axis in left else ("b", right)
        dims += f"%i{index} = arith.constant {axes.index(axis)} : index\n"
        dims += f"%n{index} = tensor.dim %{source}, %i{index} : {tensor(axes, element)}\n"
        names.append(f"%n{index}")
    extend = {"f": "arith.extf", "i": "arith.extsi"}[kind]
    widened = element != total
    wide = "".join(f"%{v}w = {extend} %{v} : {element} to {total}\n" for v in "xy") * widened
    x, y = ("%xw", "%yw") if widened else ("%x", "%y")
    kinds = ", ".join('"parallel"' if axis in out else '"reduction"' for axis in loops)
    zero = "0.0" if kind == "f" else "0"
    a, b, c = tensor(left, element), tensor(right, element), tensor(out, total)
    return f"""
    func.func @main(%a: {a}, %b: {b}) -> {c} {{
      {dims}
      %zero = arith.constant {zero} : {total}
      %empty = tensor.empty({", ".join(names)}) : {c}
      %init = linalg.fill ins(%zero : {total}) outs(%empty : {c}) -> {c}
      %r = linalg.generic {{indexing_maps = [{affine(left)}, {affine(right)}, {affine(out)}],
                            iterator_types = [{kinds}]}}
          ins(%a, %b : {a}, {b}) outs(%init : {c}) {{
      ^bb0(%x: {element}, %y: {element}, %s: {total}):
        {wide}
        %p = arith.mul{kind} {x}, {y} : {total}
        %t = arith.add{kind} %s, %p : {total}
        linalg.yield %t : {total}
      }} -> {c}
      return %r : {c}
    }}"""


def operands(equation, sizes, dtype):
    rng = np.random.default_rng(0)
    shapes = [[sizes[axis] for axis in axes] for axes in equation.split("->")[0].split(",")]
    if np.dtype(dtype).kind == "i":
        return [rng.integers(-100, 100, shape).astype(dtype) for shape in shapes]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("sizes", [RAGGED, EVEN, SMALL], ids=["ragged", "even", "one"])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_f32(equation, sizes, dynamic):
    a, b = operands(equation, sizes, np.float32)
    got = plait.compile(contraction(equation, sizes, dynamic))(a, b)
    want = np.einsum(equation, a.astype(np.float64), b.astype(np.float64))
    # 29 * 5 products of unit normals, each rounded to 2^-24.
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "element, total, kind, dtype",
    [("bf16", "f32", "f", "bf16"), ("bf16", "bf16", "f", "bf16"),
     ("f16", "f16", "f", np.float16), ("f64", "f64", "f", np.float64),
     ("i8", "i32", "i", np.int8), ("i32", "i32", "i", np.int32)],
)  # fmt: skip
@pytest.mark.parametrize("equation", ["mk,nk->mn", "mk,kn->mn"])
def test_dtypes(equation, element, total, kind, dtype):
    from plait.arrays import DTYPES

    a, b = operands(equation, RAGGED, DTYPES[element])
    got = plait.compile(contraction(equation, RAGGED, False, element, total, kind))(a, b)
    want = np.einsum(equation, a.astype(np.float64), b.astype(np.float64))
    if kind == "i":
        np.testing.assert_array_equal(got, want.astype(np.int32))
    else:
        # Narrow results are rounded once, after a sum in f32.
        unit = {"f32": 0, "bf16": 2.0**-8, "f16": 2.0**-11, "f64": 0}[total]
        limit = unit * abs(want) + (1e-12 if total == "f64" else 2e-5)
        assert (abs(got.astype(np.float64) - want) <= limit).all()


def test_no_rows():
    got = plait.compile(contraction("mk,nk->mn", RAGGED, True))(
        np.zeros((0, 29), np.float32), np.zeros((37, 29), np.float32)
    )
    assert got.shape == (0, 37)


def test_empty_sum_is_zero():
    got = plait.compile(contraction("mk,kn->mn", RAGGED, True))(
        np.zeros((3, 0), np.float32), np.zeros((0, 5), np.float32)
    )
    np.testing.assert_array_equal(got, np.zeros((3, 5), np.float32))
