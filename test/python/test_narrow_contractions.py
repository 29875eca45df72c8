"""Contractions of elements narrower than their sums, on buffers beside guard pages."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from guard import guarded
from test_contraction_kernels import arranged, build, matmul

#: The element types of A, B and the sums; how a body widens A and B.
KINDS = {
    "bf16": ("bf16", "bf16", "f32"), "f16": ("f16", "f16", "f32"),
    "bf16 weights": ("f32", "bf16", "f32"), "i8 weights": ("f32", "i8", "f32"),
    "i8": ("i8", "i8", "i32"), "u8": ("u8", "i8", "i32"),
}  # fmt: skip
DTYPES = {
    "bf16": ml_dtypes.bfloat16, "f16": np.float16, "f32": np.float32, "i8": np.int8,
    "u8": np.uint8, "i32": np.int32,
}  # fmt: skip
#: M, N and K: one row, ragged tiles, several blocks of rows and of the sum.
SIZES = [(1, 1, 1), (1, 37, 29), (13, 37, 70), (37, 67, 35), (130, 40, 1030)]
#: Bits of a register, and whether instructions that sum several products are used.
TARGETS = [(256, "none"), (512, "none"), (512, "host")]


def operands(kind, m, n, k):
    """A and B, with the extremes of integers."""
    rng = np.random.default_rng(m * n * k)

    def make(element, shape):
        dtype = DTYPES[element]
        if np.dtype(dtype).kind in "iu":
            info = np.iinfo(dtype)
            return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        return rng.standard_normal(shape, np.float32).astype(dtype)

    left, right, _ = KINDS[kind]
    return make(left, (m, k)), make(right, (k, n))


@pytest.mark.parametrize("bits, dots", TARGETS)
def test_products_stay_in_their_buffers(bits, dots):
    functions, cases = {}, []
    for kind, layout in itertools.product(KINDS, ("nk", "panels")):
        name = f"{kind}_{layout}".replace(" ", "_")
        if layout != "panels" and kind not in ("bf16", "i8 weights", "i8"):
            continue
        if layout != "panels":
            functions[name] = matmul(name, layout, None, None, None, KINDS[kind])
        for size in SIZES:
            fixed = name if layout != "panels" else f"{name}_{'_'.join(map(str, size))}"
            if layout == "panels":
                functions[fixed] = matmul(fixed, layout, *size, KINDS[kind])
            cases.append((fixed, kind, layout, *size))
    calls = build(functions, bits, dots)
    for (name, kind, layout, m, n, k), at_end in itertools.product(cases, (False, True)):
        a, b = operands(kind, m, n, k)
        total = DTYPES[KINDS[kind][2]]
        c = guarded(np.full((m, n), 77, total), at_end)
        calls[name](guarded(a, at_end), guarded(arranged(layout, b), at_end), c)
        exact_a, exact_b = a.astype(np.float64), b.astype(np.float64)
        want = exact_a @ exact_b
        # Integers are exact. Every float is K roundings to 2^-24.
        limit = k * 2.0**-24 * (abs(exact_a) @ abs(exact_b)) + 1e-30
        if total == np.int32:
            limit = np.zeros((m, n))
        assert (abs(c - want) <= limit).all(), (name, m, n, k)


def test_subnormal_bf16_counts_as_itself_or_zero():
    """An instruction may take subnormal numbers for zeros; nothing else is lost."""
    m, n, k = 9, 35, 33
    rng = np.random.default_rng(0)
    a, b = operands("bf16", m, n, k)
    b[rng.random(b.shape) < 0.5] *= ml_dtypes.bfloat16(2.0**-128)
    a[:, ::3] *= ml_dtypes.bfloat16(2.0**100)
    call = build({"f": matmul("f", "panels", m, n, k, KINDS["bf16"])})["f"]
    c = np.empty((m, n), np.float32)
    call(a, arranged("panels", b), c)
    exact_a, exact_b = a.astype(np.float64), b.astype(np.float64)
    size = abs(exact_a) @ abs(exact_b)
    small = np.where(abs(exact_b) < 2.0**-126, abs(exact_b), 0)
    limit = k * (2.0**-24 * size + 2.0**-126) + abs(exact_a) @ small
    assert (abs(c - exact_a @ exact_b) <= limit).all()
