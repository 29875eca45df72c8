"""`plait.verify` passes right code and names a wrong pass."""

from pathlib import Path

import numpy as np
import pytest

import plait
from plait import compiler
from plait.verification import REFERENCE, difference, label, pass_list, verify

PLUGIN = Path(__file__).parents[2] / "build" / "lib" / "PlaitTestPasses.so"
MATMUL = """
func.func @main(%a: tensor<5x7xf32>, %b: tensor<7x3xf32>) -> tensor<5x3xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x3xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<5x3xf32>) -> tensor<5x3xf32>
  %r = linalg.matmul ins(%a, %b : tensor<5x7xf32>, tensor<7x3xf32>)
                     outs(%f : tensor<5x3xf32>) -> tensor<5x3xf32>
  %s = arith.addf %r, %r : tensor<5x3xf32>
  return %s : tensor<5x3xf32>
}"""


def test_roads_agree():
    (row,) = verify(MATMUL)
    assert row.ok and row.difference < 1e-6


def test_every_pass_agrees():
    rows = verify(MATMUL, each_pass=True)
    assert all(row.ok for row in rows)
    names = [row.name for row in rows]
    assert "plait-import" not in names
    assert "one-shot-bufferize" in names
    assert "convert-linalg-contractions-to-vector" in names


def test_the_reference_road_has_no_clever_pass():
    """A pass on both roads could be wrong on both. What canonicalizes and lowers is upstream's."""
    own = {label(name) for name in pass_list(REFERENCE) if label(name).startswith("linalg-")}
    assert own == {"linalg-outline-kernels", "linalg-generalize-named-ops"}


@pytest.fixture
def wrong_pass(monkeypatch):
    """The opt stage with a pass that is wrong."""
    assert PLUGIN.exists(), "the test plugin is not built"
    monkeypatch.setenv("PLAIT_PASS_PLUGINS", str(PLUGIN))
    stages = dict(compiler.STAGES["cpu"], opt="plait-opt,test-wrong-add,canonicalize")
    monkeypatch.setitem(compiler.STAGES, "cpu", stages)


def test_a_wrong_pass_is_noticed(wrong_pass):
    (row,) = verify(MATMUL)
    assert not row.ok


def test_a_wrong_pass_is_named(wrong_pass):
    rows = verify(MATMUL, each_pass=True)
    assert [row.name for row in rows if not row.ok] == ["test-wrong-add"]
    assert rows[-1].name == "test-wrong-add"


def test_check_first(wrong_pass):
    module = plait.Module(MATMUL, source="numpy", reference=lambda a, b: 2 * (a @ b))
    a, b = np.ones((5, 7), np.float32), np.ones((7, 3), np.float32)
    with pytest.raises(plait.CheckError, match="result 0 differs from the original model by"):
        plait.compile(module, check="first")(a, b)


def test_check_first_passes_right_code():
    module = plait.Module(MATMUL, source="numpy", reference=lambda a, b: 2 * (a @ b))
    exe = plait.compile(module, check="first")
    a, b = np.ones((5, 7), np.float32), np.ones((7, 3), np.float32)
    for _ in range(2):
        np.testing.assert_allclose(exe(a, b), 14)


def test_check_first_needs_an_original():
    with pytest.raises(plait.PlaitError, match="keeps no original to run"):
        plait.compile(MATMUL, check="first")


@pytest.mark.parametrize(
    "got, want, expected",
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([np.nan], [np.nan], 0.0),
        ([np.inf], [np.inf], 0.0),
        ([np.nan], [1.0], np.inf),
        ([1.0], [np.inf], np.inf),
        ([3.0], [1.0], 1.0),
        ([], [], 0.0),
        ([1.0], [1.0, 1.0], np.inf),
    ],
)
def test_difference(got, want, expected):
    assert difference(np.array(got), np.array(want)) == expected


def test_pass_list():
    names = pass_list(["canonicalize{max-iterations=3}", "func.func(cse,memref-expand)", "cse"])
    assert [label(name) for name in names] == ["canonicalize", "cse, memref-expand", "cse"]
    assert "max-iterations=3" in names[0]
