"""Lazy arrays: values against NumPy, programs against what CSL and the machine allow."""

import inspect
import stat

import numpy as np
import pytest

import plait.lazy as pf
from plait.errors import CompileError, FrontendError


def data(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


LAYOUTS = [
    pf.MeshLayout.single_pe(),
    pf.MeshLayout.replicated(),
    pf.MeshLayout.row_partition(4),
    pf.MeshLayout.col_partition(3),
    pf.MeshLayout.grid(4, 3),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_linear_equals_numpy(layout):
    x, w, b = data(16, 12), data(12, 5, seed=1), data(5, seed=2)
    y = pf.from_numpy(x, layout=layout) @ pf.array(w) + pf.array(b)
    assert pf.is_lazy(y)
    # Sums of 12 products of normal numbers, in another order.
    np.testing.assert_allclose(y.numpy(), x @ w + b, rtol=1e-5, atol=1e-5)
    assert y.is_evaluated()


def test_elementwise_and_vectors_equal_numpy():
    x, z, v = data(6, 4), data(6, 4, seed=1), data(4, seed=2)
    a, c, u = pf.array(x), pf.array(z), pf.array(v)
    np.testing.assert_allclose(
        pf.relu((a - c) * 0.5 + u).numpy(), np.maximum((x - z) * np.float32(0.5) + v, 0), rtol=1e-6
    )
    np.testing.assert_allclose((a @ u).numpy(), x @ v, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose((z[:, 0] @ a).numpy(), z[:, 0] @ x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(pf.sigmoid(pf.exp(a)).numpy(), 1 / (1 + np.exp(-np.exp(x))), 1e-5)


def test_print_graph(capsys):
    y = pf.relu(pf.zeros([4, 4], layout=pf.MeshLayout.grid(2, 2)) @ pf.ones([4, 2]))
    pf.print_graph(y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("%0 = input() : 4x4xfloat32 layout=grid(2, 2)")
    assert lines[-1].startswith("%3 = relu(%2) : 4x2xfloat32")
    assert "test_lazy.py" in lines[-1]


@pytest.mark.parametrize("target", ["wse2", "wse3"])
@pytest.mark.parametrize("sdk", ["1.4", "2.10"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_writes_a_folder(tmp_path, layout, sdk, target):
    x, w, b = data(8, 6), data(6, 5, seed=1), data(5, seed=2)
    y = pf.array(x, layout) @ pf.array(w) + pf.array(b)
    options = pf.CodeGenOptions(target=target, sdk=sdk)
    program = pf.compile_to_csl(y, tmp_path / "out", options=options)
    names = {"layout.csl", "pe.csl", "run.py", f"commands_{target}.sh", "inputs.npz"}
    assert {p.name for p in program.path.iterdir()} == names
    assert (program.path / "run.py").stat().st_mode & stat.S_IXUSR
    compile(program["run.py"], "run.py", "exec")
    np.testing.assert_array_equal(np.load(program.path / "inputs.npz")["in0"], x)
    assert program["pe.csl"].count("sys.unblock_cmd_stream();") == 1
    assert f"--arch={target}" in program[f"commands_{target}.sh"]


def test_options_change_the_program():
    y = pf.array(data(8, 6), pf.MeshLayout.grid(2, 3)) @ pf.array(data(6, 5))
    # As the documentation this API follows calls it: options in second place.
    plain = pf.compile_to_csl(y, pf.CodeGenOptions(emit_comments=False))
    debug = pf.compile_to_csl(y, pf.CodeGenOptions(generate_debug_info=True))
    assert "//" not in plain["pe.csl"]
    assert "test_lazy.py:" in debug["pe.csl"]
    z = pf.array(data(8, 6), pf.MeshLayout.row_partition(2))
    twice = z * 2.0 + z * 2.0
    count = [
        pf.compile_to_csl(twice, pf.CodeGenOptions(optimize=on))["pe.csl"].count("@fmuls")
        for on in (True, False)
    ]
    assert count == [1, 2]


def line_above() -> int:
    """The line before the caller's."""
    return inspect.currentframe().f_back.f_lineno - 1


def refused(value, match, line):
    with pytest.raises(CompileError, match=match) as error:
        pf.compile_to_csl(value)
    assert f"test_lazy.py:{line}:" in error.value.diagnostics.replace('"', "")


def test_dimension_that_does_not_divide():
    x = pf.array(data(10, 4), pf.MeshLayout.row_partition(4))
    line = line_above()
    refused(x @ pf.array(data(4, 2)), "multiple of the grid's 4 rows, got 10", line)


def test_tile_too_large():
    x = pf.array(data(512, 64), pf.MeshLayout.row_partition(2))
    line = line_above()
    refused(x @ pf.array(data(64, 2)), "at most 40960 bytes on wse3", line)
    a = pf.array(data(64, 90))
    b = pf.array(data(90, 60))
    y = a @ b
    line = line_above()
    with pytest.raises(CompileError, match="bytes together on a PE"):
        pf.compile_to_csl(y)


def test_grid_larger_than_the_fabric():
    x = pf.array(data(1, 2000), pf.MeshLayout.grid(1, 1000))
    y = x @ pf.array(data(2000, 2))
    line = line_above()
    refused(y, "at most 1170 rows and 755 columns on wse3", line)


def test_operation_without_a_plan():
    y = pf.sigmoid(pf.array(data(4, 4)))
    line = line_above()
    refused(y, "no plan for 'sigmoid' on a grid", line)
    row = pf.array(data(4), pf.MeshLayout.row_partition(2))
    y = row @ pf.array(data(4, 4))
    line = line_above()
    refused(y, "no plan for a product of a vector in layout 'row_partition'", line)


def test_front_refuses_with_the_users_line():
    file = "test_lazy.py"
    with pytest.raises(FrontendError, match=f"{file}:.*expects dtype float32, got float64"):
        pf.array(np.zeros((2, 2)))
    with pytest.raises(FrontendError, match=f"{file}:.*expects dtype float32, got float16"):
        pf.zeros([2, 2], dtype=np.float16)
    with pytest.raises(FrontendError, match=f"{file}:.*expects dtype float32, got bool"):
        pf.array(np.zeros((2, 2), dtype=bool))
    with pytest.raises(FrontendError, match=f"{file}:.*shape"):
        pf.array(np.zeros((0, 2), dtype=np.float32))
    with pytest.raises(FrontendError, match="50 != 60"):
        pf.zeros([100, 50]) @ pf.zeros([60, 75])
    with pytest.raises(FrontendError, match="broadcast"):
        pf.zeros([4, 3]) + pf.zeros([2, 3])
    with pytest.raises(FrontendError, match="at least one PE"):
        pf.MeshLayout.row_partition(0)
    with pytest.raises(FrontendError, match=r"grid\(2, 2\) after row_partition\(4\)"):
        a = pf.zeros([4, 4], layout=pf.MeshLayout.row_partition(4))
        pf.compile_to_csl(a + pf.zeros([4, 4], layout=pf.MeshLayout.grid(2, 2)))
    with pytest.raises(FrontendError, match="wse4"):
        pf.compile_to_csl(a, pf.CodeGenOptions(target="wse4"))
    with pytest.raises(FrontendError, match="expects sdk"):
        pf.compile_to_csl(a, pf.CodeGenOptions(sdk="3.0"))
