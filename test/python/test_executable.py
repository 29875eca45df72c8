"""Calls: dtypes, shapes, copies, kinds of arrays, packages."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import plait
from plait import runtime

ADD = """
func.func @main(%x: tensor<?x3xf32>, %y: tensor<3xf32>) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x3xf32>
  %e = tensor.empty(%n) : tensor<?x3xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                       affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<?x3xf32>, tensor<3xf32>) outs(%e : tensor<?x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x3xf32>
  return %r : tensor<?x3xf32>
}"""
X = np.arange(6, dtype=np.float32).reshape(2, 3)
Y = np.array([10, 20, 30], np.float32)


@pytest.fixture(scope="module")
def add():
    return plait.compile(ADD)


def test_result(add):
    np.testing.assert_array_equal(add(X, Y), X + Y)


def test_contiguous_arguments_are_not_copied(add):
    before = add.copies
    add(X, Y)
    assert add.copies == before


def test_other_arguments_are_copied_and_counted(add):
    before = add.copies
    strided = np.arange(12, dtype=np.float32).reshape(2, 6)[:, ::2]
    np.testing.assert_array_equal(add(strided, Y), strided + Y)
    unaligned = np.frombuffer(b"\0" + Y.tobytes(), np.uint8)[1:].view(np.float32)
    np.testing.assert_array_equal(add(X, unaligned), X + Y)
    assert add.copies == before + 2


def test_arguments_are_not_written(identity):
    x = np.ones(4, np.float32)
    result = plait.compile(identity)(x)
    result[:] = 2
    np.testing.assert_array_equal(x, 1)


def test_every_result_is_the_callers_own():
    """Constants, arguments and equal results are copies, and are freed once each."""
    exe = plait.compile("""
    func.func @main(%x: tensor<3xf32>) -> (tensor<2xf32>, tensor<3xf32>, tensor<3xf32>,
                                           tensor<2xf32>, tensor<0xf32>, tensor<0xf32>) {
      %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
      %z = arith.constant dense<> : tensor<0xf32>
      return %c, %x, %x, %c, %z, %z : tensor<2xf32>, tensor<3xf32>, tensor<3xf32>,
                                      tensor<2xf32>, tensor<0xf32>, tensor<0xf32>
    }""")
    x = np.ones(3, np.float32)
    for _ in range(3):
        results = exe(x)
        assert [result.tolist() for result in results] == [[1, 2], [1] * 3, [1] * 3, [1, 2], [], []]
        for result in results[:2]:
            result[:] = 9
        assert results[2].tolist() == [1] * 3 and results[3].tolist() == [1, 2]
    np.testing.assert_array_equal(x, 1)


def test_read_only_arguments(add):
    x = X.copy()
    x.flags.writeable = False
    np.testing.assert_array_equal(add(x, Y), X + Y)


def test_empty(add):
    assert add(np.empty((0, 3), np.float32), Y).shape == (0, 3)


@pytest.mark.parametrize(
    "args, message",
    [
        ((X,), "expects 2 arguments, got 1"),
        ((X.astype(np.float64), Y), "argument 0: expects dtype float32, got float64"),
        ((X, Y[:2]), r"argument 1: expects shape \(3\), got \(2,\)"),
        ((X, Y[None]), r"argument 1: expects shape \(3\), got \(1, 3\)"),
        ((X, "text"), "expects an array, got str"),
    ],
)
def test_wrong_arguments(add, args, message):
    with pytest.raises(plait.ArgumentError, match=message):
        add(*args)


def test_named_sizes_must_agree():
    spec = plait.TensorSpec(np.dtype(np.float32), ("n", 3), "x")
    module = plait.Module(
        ADD.replace("tensor<3xf32>", "tensor<?x3xf32>").replace(
            "(i, j) -> (j)", "(i, j) -> (i, j)"
        ),
        inputs=(spec, spec),
        ranges={"n": (2, 4)},
    )
    exe = plait.compile(module)
    np.testing.assert_array_equal(exe(X, X), X + X)
    with pytest.raises(plait.ArgumentError, match="expects shape"):
        exe(X, np.zeros((3, 3), np.float32))
    with pytest.raises(plait.ArgumentError, match="expects n from 2 to 4, got 5"):
        exe(np.zeros((5, 3), np.float32), np.zeros((5, 3), np.float32))


def test_booleans():
    text = """
    func.func @main(%x: tensor<4xi1>) -> (tensor<4xi1>, tensor<i1>) {
      %t = arith.constant true
      %m = arith.constant dense<[true, false, true, false]> : tensor<4xi1>
      %a = arith.andi %x, %m : tensor<4xi1>
      %e = tensor.empty() : tensor<i1>
      %i = linalg.fill ins(%t : i1) outs(%e : tensor<i1>) -> tensor<i1>
      %r = linalg.reduce {arith.andi} ins(%x : tensor<4xi1>) outs(%i : tensor<i1>) dimensions = [0]
      return %a, %r : tensor<4xi1>, tensor<i1>
    }"""
    masked, everything = plait.compile(text)(np.array([True, True, False, False]))
    np.testing.assert_array_equal(masked, [True, False, False, False])
    assert masked.dtype == np.bool_
    assert everything.shape == () and not everything


def test_bfloat16(identity):
    x = np.arange(4).astype(ml_dtypes.bfloat16)
    result = plait.compile(identity.replace("f32", "bf16"))(x)
    assert result.dtype == x.dtype
    np.testing.assert_array_equal(result, x)


def test_assertion_becomes_an_exception():
    text = """
    func.func @main(%x: tensor<i32>) -> tensor<i32> {
      %c = arith.constant 3 : i32
      %v = tensor.extract %x[] : tensor<i32>
      %ok = arith.cmpi slt, %v, %c : i32
      cf.assert %ok, "expects less than 3"
      return %x : tensor<i32>
    }"""
    exe = plait.compile(text)
    for _ in range(3):
        assert exe(np.int32(2)) == 2
        with pytest.raises(plait.ArgumentError, match="expects less than 3"):
            exe(np.int32(3))


def test_threads_share_an_executable(add):
    wrong = []

    def work(seed):
        x = np.full((50, 3), seed, np.float32)
        for _ in range(200):
            if not (add(x, Y) == x + Y).all():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def weighted():
    x, y = "%x: tensor<?x3xf32>", "%y: tensor<3xf32>"
    return plait.Module(ADD.replace(f"{x}, {y}", f"{y}, {x}"), weights=(Y,))


def test_weights_are_bound():
    np.testing.assert_array_equal(plait.compile(weighted())(X), X + Y)


def test_package_round_trip(tmp_path):
    path = tmp_path / "add.plait"
    plait.compile(weighted()).save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["add.plait"]
    np.testing.assert_array_equal(plait.load(path)(X), X + Y)


def test_weights_of_a_package_are_mapped(tmp_path):
    path = tmp_path / "add.plait"
    plait.compile(weighted()).save(path)
    loaded = plait.load(path)
    assert str(path) in Path("/proc/self/maps").read_text()
    (weight,) = loaded._weights
    assert weight.ctypes.data % 64 == 0 and not weight.flags.writeable
    path.unlink()
    np.testing.assert_array_equal(loaded(X), X + Y)


def test_package_loads_without_a_compiler(tmp_path):
    plait.compile(weighted()).save(tmp_path / "add.plait")
    code = (
        "import sys, numpy as np, plait\n"
        f"exe = plait.load({str(tmp_path / 'add.plait')!r})\n"
        "assert (exe(np.zeros((1, 3), 'f')) == [10, 20, 30]).all()\n"
        "assert not {'mlir', 'torch', 'jax'} & set(sys.modules)\n"
    )
    environment = dict(os.environ, PATH="/nowhere", PLAIT_BIN="/nowhere")
    environment["PLAIT_RUNTIME"] = runtime.library()._name
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_object_code_loads_without_a_linker():
    code = (
        "import numpy as np, plait\n"
        f"exe = plait.compile({ADD!r})\n"
        "assert exe._code[16] == 1  # ET_REL\n"
        "assert (exe(np.zeros((1, 3), 'f'), np.ones(3, 'f')) == 1).all()\n"
    )
    environment = dict(os.environ, PLAIT_LINKER="orc")
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format": 99}, "expects package format 4, got 99"),
        ({"machine": "z80"}, "compiled for z80"),
        ({"features": ["avx4096"]}, "CPU features that this machine lacks: avx4096"),
    ],
)
def test_foreign_package(tmp_path, change, message):
    from plait import executable

    exe = plait.compile(weighted())
    exe.manifest = dict(exe.manifest, **change)
    exe.save(tmp_path / "foreign.plait")
    with pytest.raises(plait.PackageError, match=message):
        executable.load(tmp_path / "foreign.plait")


def test_damaged_package(tmp_path):
    path = tmp_path / "damaged.plait"
    plait.compile(weighted()).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(plait.PackageError, match="not a package of Plait"):
        plait.load(path)
