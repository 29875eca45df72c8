"""The `plait` command, as a person meets it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import plait

MATMUL = """
func.func @main(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %r = linalg.matmul ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>)
                     outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}"""
NIR = Path(plait.__file__).parent / "demo" / "lif_norse.nir"


def command(*args, ok=True, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "plait.cli", *map(str, args)],
        capture_output=True,
        text=True,
        env=dict(os.environ, COLUMNS="120", **environment),
    )
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if ok else done.stderr


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.mlir"
    path.write_text(MATMUL)
    return path


def test_check(model):
    assert command("check", model) == "ok: (float32[2, 3], float32[3, 4]) -> (float32[2, 4])\n"


def test_check_names_what_is_wrong(model):
    model.write_text('func.func @main(%x: f32) { "odd.op"() : () -> () loc("net.py":3:1) return }')
    message = command("check", model, ok=False)
    assert "net.py:3:1: error: no lowering for 'odd.op'" in message
    assert "expects a ranked tensor as argument 0 of 'main', got 'f32'" in message
    assert "replay with: plait-opt" in message


def test_compile_run_inspect(model, tmp_path):
    a, b = np.eye(2, 3, dtype=np.float32), np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    package = tmp_path / "model.plait"
    assert str(package) in command("compile", model)
    inputs = ["-i", tmp_path / "a.npy", "-i", tmp_path / "b.npy"]
    out = command("run", package, *inputs, "-o", tmp_path / "out.npz")
    assert "result 0: float32[2, 4]" in out
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["arr_0"], a @ b)
    assert '"target": "cpu"' in command("inspect", package)


def test_compile_to_a_stage(model, tmp_path):
    assert "linalg.generic" in command("compile", model, "--to", "opt")
    command("compile", model, "--dump-stages-to", tmp_path / "stages")
    assert (tmp_path / "stages" / "2-opt.mlir").exists()
    assert "no stage 'nowhere'" in command("compile", model, "--to", "nowhere", ok=False)


def test_nir(tmp_path):
    pytest.importorskip("nir")
    shutil.copy(NIR, tmp_path / "lif.nir")
    assert "all nodes are supported" in command("check", tmp_path / "lif.nir")
    refused = command("compile", tmp_path / "lif.nir", ok=False)
    assert "nothing in the file proves which simulator wrote it" in refused
    options = ["--dt", "1e-4", "--convention", "norse"]
    assert "ok: (float32[" in command("check", tmp_path / "lif.nir", *options)


def test_verify(model):
    assert "fast road to cpu" in command("verify", model)


def test_verify_names_the_wrong_pass(model):
    plugin = Path(__file__).parents[2] / "build" / "lib" / "PlaitTestPasses.so"
    code = (
        "from plait import compiler, cli\n"
        "compiler.STAGES['cpu']['opt'] = 'plait-opt,test-wrong-add'\n"
        f"import sys; sys.argv = ['plait', 'verify', {str(model)!r}, '--each-pass']\n"
        "cli.main()"
    )
    environment = dict(os.environ, PLAIT_PASS_PLUGINS=str(plugin))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1
    assert done.stderr.endswith("test-wrong-add: the result changed beyond its tolerance\n")


def test_explain(model, tmp_path):
    out = command("explain", model, "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "passes changed something" in out
    assert "one-shot-bufferize" in page and "memref.alloc" in page
    # Nothing is fetched from elsewhere.
    assert "http" not in page


def test_doctor_is_json():
    done = subprocess.run(
        [sys.executable, "-m", "plait.cli", "doctor", "--json"], capture_output=True, text=True
    )
    assert {"name", "status", "detail"} <= set(json.loads(done.stdout)[0])


def test_cache(model, tmp_path):
    folder = str(tmp_path / "cache")
    command("compile", model, PLAIT_CACHE=folder)
    assert f"{folder}: 1 entries" in command("cache", "info", PLAIT_CACHE=folder)
    assert command("cache", "clear", PLAIT_CACHE=folder) == "1 entries removed\n"


@pytest.mark.parametrize("name, message", [("a.txt", "expects a .mlir"), ("b.plait", "not a pack")])
def test_wrong_files(tmp_path, name, message):
    (tmp_path / name).write_text("?")
    verb = "run" if name.endswith("plait") else "check"
    assert message in command(verb, tmp_path / name, ok=False)
