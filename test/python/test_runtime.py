"""Threads and memory of compiled code: plait.set_num_threads, parallel loops, results."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import plait
from plait import loader

# y[i] = sum over j of x[i, j], one row per tile; asserts that no row starts with 0.
ROWS = """
func.func @main(%x: tensor<?x64xf64>) -> tensor<?xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f64
  %n = tensor.dim %x, %c0 : tensor<?x64xf64>
  %e = tensor.empty(%n) : tensor<?xf64>
  %r = scf.forall (%i) in (%n) shared_outs(%o = %e) -> tensor<?xf64> {
    %first = tensor.extract %x[%i, %c0] : tensor<?x64xf64>
    %good = arith.cmpf une, %first, %zero : f64
    cf.assert %good, "a row that starts with 0"
    %sum = scf.for %j = %c0 to %c64 step %c1 iter_args(%s = %zero) -> f64 {
      %v = tensor.extract %x[%i, %j] : tensor<?x64xf64>
      %t = arith.addf %s, %v : f64
      scf.yield %t : f64
    }
    %row = tensor.from_elements %sum : tensor<1xf64>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %row into %o[%i] [1] [1] : tensor<1xf64> into tensor<?xf64>
    }
  }
  return %r : tensor<?xf64>
}"""


def many_loops(count):
    """A loop like that of ROWS for each number that no row may start with; the last one counts."""
    tensor = "tensor<?xf64>"
    lines = [
        f"func.func @main(%x: tensor<?x64xf64>) -> {tensor} {{",
        "%c0 = arith.constant 0 : index",
        "%n = tensor.dim %x, %c0 : tensor<?x64xf64>",
        f"%r0 = tensor.empty(%n) : {tensor}",
    ]
    for k in range(1, count + 1):
        lines += [
            f"%r{k} = scf.forall (%i) in (%n) shared_outs(%o = %r{k - 1}) -> {tensor} {{",
            f"%bad = arith.constant {k}.0 : f64",
            "%v0 = tensor.extract %x[%i, %c0] : tensor<?x64xf64>",
            "%good = arith.cmpf une, %v0, %bad : f64",
            f'cf.assert %good, "a row that starts with {k}"',
        ]
        for j in range(1, 40):
            lines += [
                f"%j{j} = arith.constant {j} : index",
                f"%t{j} = tensor.extract %x[%i, %j{j}] : tensor<?x64xf64>",
                f"%v{j} = arith.addf %v{j - 1}, %t{j} : f64",
            ]
        lines += [
            "%row = tensor.from_elements %v39 : tensor<1xf64>",
            "scf.forall.in_parallel {",
            f"tensor.parallel_insert_slice %row into %o[%i] [1] [1] : tensor<1xf64> into {tensor}",
            "} }",
        ]
    return "\n".join([*lines, f"return %r{count} : {tensor}", "}"])


@pytest.fixture(scope="module")
def rows():
    return plait.compile(ROWS)


@pytest.fixture(autouse=True)
def restore_threads():
    before = plait.get_num_threads()
    yield
    plait.set_num_threads(before)


def random(n):
    return np.random.default_rng(n).uniform(1, 2, (n, 64))


def by_loop(x):
    """The sum in the order that the program states, so that it is equal bit for bit."""
    total = np.zeros(len(x))
    for column in x.T:
        total = total + column
    return total


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_every_number_of_threads_gives_the_same_bits(rows, threads):
    plait.set_num_threads(threads)
    assert plait.get_num_threads() == threads
    for n in (0, 1, 2, 7, 1000):
        np.testing.assert_array_equal(rows(random(n)), by_loop(random(n)))


def test_other_threads_take_part(rows):
    """The threads of the process are counted, not their time."""
    plait.set_num_threads(4)
    rows(random(1000))
    assert len(os.listdir("/proc/self/task")) >= 4


@pytest.mark.parametrize("threads", [1, 3])
def test_an_assertion_in_a_task_comes_back(rows, threads):
    plait.set_num_threads(threads)
    for bad in (0, 500, 999):
        x = random(1000)
        x[bad, 0] = 0
        with pytest.raises(plait.ArgumentError, match="a row that starts with 0"):
            rows(x)
        np.testing.assert_array_equal(rows(random(1000)), by_loop(random(1000)))


def test_an_assertion_in_each_of_several_objects_comes_back(monkeypatch):
    objects = []
    link = loader.link
    monkeypatch.setattr(loader, "link", lambda *codes: objects.append(codes) or link(*codes))
    run = plait.compile(many_loops(16) + f"\n// {os.urandom(8).hex()}")
    assert len(objects[0]) > 1
    for threads in (1, 3):
        plait.set_num_threads(threads)
        for bad in range(1, 17):
            x = random(1000)
            x[500, 0] = bad
            with pytest.raises(plait.ArgumentError, match=f"a row that starts with {bad}, with"):
                run(x)
        np.testing.assert_array_equal(run(random(1000)), by_loop(random(1000)[:, :40]))


def test_several_python_threads(rows):
    plait.set_num_threads(3)
    failed = []

    def call(n):
        for _ in range(50):
            if not np.array_equal(rows(random(n)), by_loop(random(n))):
                failed.append(n)

    callers = [threading.Thread(target=call, args=(n,)) for n in (100, 101, 102, 103)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not failed


def test_a_forked_child_has_a_pool_of_its_own(rows):
    plait.set_num_threads(3)
    rows(random(1000))
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(rows(random(1000)), by_loop(random(1000))) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_number_that_is_none():
    with pytest.raises(plait.ArgumentError, match="expects from 1 to 1024 threads, got 0"):
        plait.set_num_threads(0)


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_environment():
    done = run("import plait; print(plait.get_num_threads())", PLAIT_NUM_THREADS="5")
    assert done.stdout == "5\n", done.stderr
    done = run("import plait; plait.get_num_threads()", PLAIT_NUM_THREADS="many")
    assert "expects a positive number in PLAIT_NUM_THREADS, got 'many'" in done.stderr


def test_torch_is_a_limit():
    pytest.importorskip("torch")
    code = (
        "import torch, plait\n"
        "torch.set_num_threads(1); print(plait.get_num_threads())\n"
        "plait.set_num_threads(3); print(plait.get_num_threads())"
    )
    done = run(code, PLAIT_NUM_THREADS="")
    assert done.stdout == "1\n3\n", done.stderr


def test_packages_use_the_same_pool(rows, tmp_path):
    rows.save(tmp_path / "rows.plait")
    np.save(tmp_path / "x.npy", random(100))
    code = (
        "import sys, os, numpy as np, plait\n"
        "y = plait.load(sys.argv[1])(np.load(sys.argv[2]))\n"
        "assert len(os.listdir('/proc/self/task')) >= 3\n"
        "np.save(sys.argv[3], y)"
    )
    files = [str(tmp_path / name) for name in ("rows.plait", "x.npy", "y.npy")]
    command = [sys.executable, "-c", code, *files]
    environment = {**os.environ, "PLAIT_NUM_THREADS": "3"}
    subprocess.run(command, check=True, env=environment)
    np.testing.assert_array_equal(np.load(files[2]), by_loop(random(100)))


def test_object_code_uses_the_same_pool(monkeypatch, tmp_path):
    """Without a linker, ORC finds the runtime in the process."""
    code = (
        "import sys, os, numpy as np, plait\n"
        "y = plait.compile(sys.argv[1])(np.load(sys.argv[2]))\n"
        "assert len(os.listdir('/proc/self/task')) >= 3\n"
        "np.save(sys.argv[3], y)"
    )
    np.save(tmp_path / "x.npy", random(100))
    files = [str(tmp_path / name) for name in ("x.npy", "y.npy")]
    environment = {**os.environ, "PLAIT_NUM_THREADS": "3", "PLAIT_LINKER": "orc"}
    subprocess.run([sys.executable, "-c", code, ROWS, *files], check=True, env=environment)
    np.testing.assert_array_equal(np.load(files[1]), by_loop(random(100)))


def test_large_results_are_aligned_and_their_memory_is_used_again(identity):
    """Pages of a result that was dropped serve the next one: no new page faults."""
    import resource

    executable = plait.compile(identity)
    x = np.arange(1_000_000, dtype=np.float32)
    for _ in range(3):
        result = executable(x)
        assert result.__array_interface__["data"][0] % 64 == 0
        np.testing.assert_array_equal(result, x)
        del result
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        executable(x)
    # New memory would cost 977 faults a call; what else the process does costs some hundreds.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 2000
