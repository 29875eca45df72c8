"""NVIDIA targets: PTX that ptxas takes, device code emulated against NumPy."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import plait
from plait import nvptx

INPUTS = Path(__file__).parents[1] / "Integration" / "nvptx"
CHIPS = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_100a", "sm_120"]
SHAPES = [(7, 33), (1, 1), (5, 1), (1, 32000), (3, 257), (2, 1024), (0, 5), (5, 0)]


def read(name):
    return (INPUTS / f"{name}.mlir").read_text()


@pytest.fixture(scope="module")
def artifacts():
    names = [path.stem for path in sorted(INPUTS.glob("*.mlir"))]
    assert len(names) == 5
    return {name: plait.compile(read(name), "sm_90") for name in names}


def emulate(artifact, *args):
    """The result, which neither the order of threads nor the grid may change."""
    result = nvptx.emulate(artifact, *args)
    np.testing.assert_array_equal(nvptx.emulate(artifact, *args, backward=True), result)
    np.testing.assert_array_equal(nvptx.emulate(artifact, *args, grid=2), result)
    return result


def softmax(x):
    x = x.astype(np.float64)
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=-1, keepdims=True)


def silu(x):
    return x / (1 + np.exp(-x))


@pytest.mark.parametrize("shape", SHAPES)
def test_softmax(artifacts, shape):
    x = (np.random.default_rng(0).standard_normal(shape) * 8).astype(np.float32)
    if x.size and shape[1] > 1:
        x[0, 1] = -np.inf
    y = emulate(artifacts["torch-softmax"], x)
    # x - max is below 128 and rounds by up to 2^-18, which the exponential makes
    # relative: 3.8e-6. The exponential, the sum and the quotient are 2e-6 more.
    np.testing.assert_allclose(y, softmax(x), rtol=6e-6, atol=1e-38)
    if shape == (7, 33):
        jax = emulate(artifacts["jax-softmax"], x)
        np.testing.assert_allclose(jax, softmax(x), rtol=6e-6, atol=1e-38)


def test_softmax_of_special_rows(artifacts):
    x = np.zeros((6, 40), np.float32)
    x[0] = 1e30
    x[1, 5] = 3e38
    x[2] = -3e38
    x[3, 7] = np.nan
    x[4] = -np.inf
    x[5, 39] = np.inf
    with np.errstate(all="ignore"):
        expected = softmax(x)
    np.testing.assert_allclose(emulate(artifacts["torch-softmax"], x), expected, rtol=2e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_elementwise_chain(artifacts, shape):
    rng = np.random.default_rng(1)
    x = (rng.standard_normal(shape) * 4).astype(np.float32)
    b = (rng.standard_normal(shape[1:]) * 4).astype(np.float32)
    z = np.tanh(x.astype(np.float64)) + b
    y = emulate(artifacts["torch-silu"], x, b)
    # Relative to |z|: tanh and the sum cancel where z is near zero.
    np.testing.assert_allclose(y, silu(z), rtol=2e-6, atol=5e-7)


def test_elementwise_chains_of_one_size(artifacts):
    from math import erf

    rng = np.random.default_rng(2)
    x, y = (rng.standard_normal((7, 33)).astype(np.float32) for _ in range(2))
    z = 2.0 * x + y
    gelu = z * 0.5 * (1 + np.vectorize(erf)(z / np.sqrt(2)))
    got = emulate(artifacts["torch-gelu"], x, y)
    np.testing.assert_allclose(got, gelu / (1 + np.exp(-y.astype(np.float64))), atol=1e-6)

    z = np.tanh(x.astype(np.float64)) + y[0]
    got = emulate(artifacts["jax-silu"], x, y[0])
    np.testing.assert_allclose(got, 2 * silu(z), rtol=2e-6, atol=1e-6)


def test_unaligned_arrays_take_the_scalar_loop(artifacts):
    memory = np.random.default_rng(3).standard_normal(4 * 64 + 1).astype(np.float32)
    x, b = memory[1:].reshape(4, 64), np.zeros(64, np.float32)
    assert x.ctypes.data % 16
    y = emulate(artifacts["torch-silu"], x, b)
    np.testing.assert_array_equal(y, emulate(artifacts["torch-silu"], x.copy(), b))


FUNCTION = """
#id = affine_map<(i) -> (i)>
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {{
  %c = arith.constant 0 : index
  %n = tensor.dim %x, %c : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel"]}}
      ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {{
  ^bb0(%a: f32, %b: f32):
    %y = math.{} %a : f32
    linalg.yield %y : f32
  }} -> tensor<?xf32>
  return %r : tensor<?xf32>
}}"""


# The greatest errors in units in the last place, as the documentation of
# math-expand-to-arith states them.
@pytest.mark.parametrize(
    "name, exact, bound",
    [
        ("exp", np.exp, 0.9),
        ("exp2", np.exp2, 0.9),
        ("tanh", np.tanh, 1.4),
        ("log", np.log, 0.9),
        ("log2", np.log2, 1.2),
        ("rsqrt", lambda x: 1 / np.sqrt(x), 1.5),
        ("erf", None, 1.0),
    ],
)
def test_expansions_are_as_accurate_as_documented(name, exact, bound):
    if exact is None:
        from math import erf

        exact = np.vectorize(erf)
    artifact = plait.compile(FUNCTION.format(name), "sm_90")
    # Bit patterns at a prime distance: every exponent, subnormals and NaN too.
    step = 1299709 if name == "erf" else 4099
    x = np.arange(0, 1 << 32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([x, np.array([0, -0.0, np.inf, -np.inf, np.nan], np.float32)])
    y = nvptx.emulate(artifact, x, grid=16)
    with np.errstate(all="ignore"):
        want = exact(x.astype(np.float64))
        rounded = want.astype(np.float32)
        finite = np.isfinite(rounded)
        np.testing.assert_array_equal(y[~finite], rounded[~finite])
        error = np.abs(y[finite] - want[finite]) / np.spacing(np.abs(rounded[finite]))
    assert error.max() <= bound


def test_artifact_says_how_to_launch():
    artifact = plait.compile(read("torch-softmax"), ["sm_80", "sm_100"])
    assert list(artifact.images) == ["sm_80", "sm_100"]
    assert ".target sm_100" in artifact.images["sm_100"]
    (kernel,) = artifact.kernels
    assert kernel.name == "main_kernel0"
    assert kernel.block == (256, 1, 1)
    assert kernel.blocks([np.empty((7, 3))]) == 7
    assert kernel.operands == (("input", 0), ("output", 0), ("size", 0, 0), ("size", 0, 1))
    with pytest.raises(plait.PlaitError, match="'images' has sm_80, sm_100"):
        _ = artifact.ptx


@pytest.mark.skipif(shutil.which("ptxas") is None, reason="ptxas is not installed")
@pytest.mark.parametrize("name", ["torch-softmax", "torch-silu"])
def test_ptxas_accepts_every_chip(tmp_path, name):
    known = subprocess.run(["ptxas", "--help"], text=True, capture_output=True).stdout
    for chip, ptx in plait.compile(read(name), CHIPS).images.items():
        if f"'{chip}'" not in known:
            continue
        source = tmp_path / f"{chip}.ptx"
        source.write_text(ptx)
        command = ["ptxas", f"-arch={chip}", "-v", source, "-o", tmp_path / "out.cubin"]
        done = subprocess.run(command, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert "spill" not in done.stderr or "0 bytes spill stores" in done.stderr


def test_the_same_artifact_every_time():
    first, second = (plait.compile(read("torch-silu"), "sm_90").ptx for _ in range(2))
    assert first == second


def test_unknown_chips_are_refused_with_the_known():
    with pytest.raises(plait.PlaitError, match=r"unknown NVIDIA chip 'sm_70'; known: sm_75, .*120"):
        plait.compile(read("torch-softmax"), "sm_70")


def test_contractions_are_refused_by_name():
    matmul = """func.func @main(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>) -> tensor<4x4xf32> {
      %z = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<4x4xf32>
      %f = linalg.fill ins(%z : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
      %r = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>)
          outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
      return %r : tensor<4x4xf32>
    }"""
    with pytest.raises(plait.CompileError, match=r"'linalg.matmul' op is a contraction"):
        plait.compile(matmul, "sm_90")


def test_arguments_are_checked(artifacts):
    artifact = artifacts["torch-silu"]
    x, b = np.zeros((3, 4), np.float32), np.zeros(5, np.float32)
    with pytest.raises(plait.ArgumentError, match="mismatched size for broadcast"):
        nvptx.emulate(artifact, x, b)
    with pytest.raises(plait.ArgumentError, match="expects 2 arguments, got 1"):
        nvptx.emulate(artifact, x)
    with pytest.raises(plait.ArgumentError, match="argument 1: expects float32, got float64"):
        nvptx.emulate(artifact, x, np.zeros(4))


def test_calls_say_that_they_need_a_gpu(artifacts):
    with pytest.raises(plait.PlaitError, match=r"plait.nvptx.emulate\(artifact, ...\) runs it"):
        artifacts["torch-softmax"](np.zeros((2, 2), np.float32))
    with pytest.raises(plait.PlaitError, match="check='first' runs code here"):
        plait.compile(read("torch-softmax"), "sm_90", check="first")


def test_verify_emulates(artifacts):
    (row,) = plait.verify(read("torch-softmax"), target="sm_90")
    assert row.ok, row


def test_command_writes_ptx(tmp_path):
    output = tmp_path / "softmax.ptx"
    source = INPUTS / "torch-softmax.mlir"
    main = [sys.executable, "-c", "from plait.cli import main; main()"]
    command = [*main, "compile", source, "--target", "sm_90", "-o", output]
    subprocess.run(command, check=True)
    assert ".target sm_90" in output.read_text()
