"""Weights that are packed once: the same results, one copy, in packages too."""

# ruff: noqa: E501 - types of MLIR

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import plait
from plait import compiler
from plait.module import Module

rng = np.random.default_rng(0)


def linear(n, k, element="f32", result="f32", layout="(n, k)", m="?"):
    """y[m, n] += x[m, k] w[n, k], with w as it is and summed over its rows, too."""
    shape = f"{n}x{k}" if layout == "(n, k)" else f"{k}x{n}"
    kind = "f" if result.startswith(("f", "bf")) else "i"
    widen = ""
    if element != result:
        op = "extf" if kind == "f" else "extsi"
        widen = "\n".join(f"%{v}w = arith.{op} %{v} : {element} to {result}" for v in ("a", "b"))
    suffix = "w" if widen else ""
    zero = "0.0" if kind == "f" else "0"
    return f"""
func.func @main(%w: tensor<{shape}x{element}>, %x: tensor<{m}x{k}x{element}>) -> tensor<{m}x{n}x{result}> {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant {zero} : {result}
  %m = tensor.dim %x, %c0 : tensor<{m}x{k}x{element}>
  %e = tensor.empty(%m) : tensor<{m}x{n}x{result}>
  %f = linalg.fill ins(%zero : {result}) outs(%e : tensor<{m}x{n}x{result}>) -> tensor<{m}x{n}x{result}>
  %r = linalg.generic {{
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> {layout}>,
                       affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%x, %w : tensor<{m}x{k}x{element}>, tensor<{shape}x{element}>)
      outs(%f : tensor<{m}x{n}x{result}>) {{
  ^bb0(%a: {element}, %b: {element}, %c: {result}):
    {widen}
    %p = arith.mul{kind} %a{suffix}, %b{suffix} : {result}
    %s = arith.add{kind} %c, %p : {result}
    linalg.yield %s : {result}
  }} -> tensor<{m}x{n}x{result}>
  return %r : tensor<{m}x{n}x{result}>
}}"""


def build(text, weights):
    """The module compiled with packing, whatever the default is."""
    return plait.compile(Module(text, tuple(weights)))


@pytest.fixture(autouse=True)
def packing(monkeypatch):
    stages = dict(compiler.STAGES["cpu"], target="plait-target-cpu{pack=true}")
    monkeypatch.setitem(compiler.STAGES, "cpu", stages)


@pytest.mark.parametrize("layout", ["(n, k)", "(k, n)"])
@pytest.mark.parametrize("n, k", [(64, 48), (250, 7), (97, 33), (1024, 16)])
def test_linear(n, k, layout):
    """Against NumPy in float64; the error of a sum of k products of numbers below 1."""
    w = rng.uniform(-1, 1, (n, k)).astype(np.float32)
    given = w if layout == "(n, k)" else np.ascontiguousarray(w.T)
    exe = build(linear(n, k, layout=layout), [given])
    # Panels of 32 would pad 97 columns too much.
    assert exe._weights[0].ndim == 3 or n == 97
    for m in (1, 5, 16):
        x = rng.uniform(-1, 1, (m, k)).astype(np.float32)
        want = x.astype(np.float64) @ w.T.astype(np.float64)
        np.testing.assert_allclose(exe(x), want, rtol=0, atol=k * 2**-23)


def test_int8_is_exact():
    w = rng.integers(-128, 128, (96, 40), dtype=np.int8)
    x = rng.integers(-128, 128, (3, 40), dtype=np.int8)
    exe = build(linear(96, 40, "i8", "i32"), [w])
    assert exe._weights[0].dtype == np.int8 and exe._weights[0].ndim == 3
    np.testing.assert_array_equal(exe(x), x.astype(np.int32) @ w.T.astype(np.int32))


def test_bf16():
    w = rng.uniform(-1, 1, (64, 40)).astype(ml_dtypes.bfloat16)
    x = rng.uniform(-1, 1, (3, 40)).astype(ml_dtypes.bfloat16)
    exe = build(linear(64, 40, "bf16", "f32"), [w])
    assert exe._weights[0].dtype == ml_dtypes.bfloat16 and exe._weights[0].ndim == 3
    want = x.astype(np.float64) @ w.T.astype(np.float64)
    np.testing.assert_allclose(exe(x), want, rtol=0, atol=40 * 2**-23)


def test_executables_share_what_is_equal():
    text = linear(64, 48)
    w = rng.uniform(-1, 1, (64, 48)).astype(np.float32)
    first, second = build(text, [w]), build(text + "\n", [w])
    assert first._weights[0] is second._weights[0]
    x = rng.uniform(-1, 1, (4, 48)).astype(np.float32)
    before = first(x)
    # The same memory with other contents is another weight.
    w *= 2
    third = build(text, [w])
    assert third._weights[0] is not first._weights[0]
    np.testing.assert_array_equal(third(x), 2 * before)
    np.testing.assert_array_equal(first(x), before)


def test_weights_that_are_only_read_packed_are_not_kept():
    w = rng.uniform(-1, 1, (64, 48)).astype(np.float32)
    before = sys.getrefcount(w)
    exe = build(linear(64, 48), [w])
    assert sys.getrefcount(w) == before
    assert exe._weights[0].nbytes == w.nbytes


def test_package_holds_packed_weights(tmp_path):
    w = rng.uniform(-1, 1, (100, 48)).astype(np.float32)
    exe = build(linear(100, 48), [w])
    x = rng.uniform(-1, 1, (4, 48)).astype(np.float32)
    exe.save(tmp_path / "m.plait")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, plait\n"
        "e = plait.load(sys.argv[1]); np.save(sys.argv[3], e(np.load(sys.argv[2])))\n"
        "e.save(sys.argv[1] + '2'); a = plait.load(sys.argv[1] + '2')(np.load(sys.argv[2]))\n"
        "assert np.array_equal(a, np.load(sys.argv[3]))"
    )
    files = [str(tmp_path / name) for name in ("m.plait", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", code, *files], check=True)
    np.testing.assert_array_equal(np.load(files[2]), exe(x))


def test_torch_model_with_a_tied_embedding():
    """The gather reads the embedding as it is, the last layer its panels."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch_mlir")

    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(200, 32)
            self.up = torch.nn.Linear(32, 64)
            self.down = torch.nn.Linear(64, 32, bias=False)

        def forward(self, tokens):
            hidden = self.embedding(tokens)
            hidden = hidden + self.down(torch.relu(self.up(hidden)))
            return hidden @ self.embedding.weight.T

    torch.manual_seed(0)
    model = Tied().eval()
    tokens = torch.tensor([[3, 1, 4, 1, 5, 9, 2]])
    exe = plait.compile(plait.from_torch(model, (tokens,)))
    assert sorted(w.ndim for w in exe._weights) == [1, 2, 3, 3, 3]
    with torch.no_grad():
        want = model.double()(tokens).numpy()
    np.testing.assert_allclose(exe(tokens).numpy(), want, rtol=0, atol=1e-5)
    rows = plait.verify(plait.from_torch(model.float(), (tokens,)), args=(tokens,))
    assert all(row.ok for row in rows), rows
