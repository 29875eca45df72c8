"""The spike dialect's builders. MLIR stays out of the tests' own process."""

import importlib.util
import subprocess
import sys

import pytest

SCRIPT = """
from mlir import ir
from plait.dialects import spike

with ir.Context() as context, ir.Location.unknown():
    module = ir.Module.create()
    f32 = ir.F32Type.get()
    population, scalar = ir.RankedTensorType.get([4, 8], f32), ir.RankedTensorType.get([], f32)
    line = ir.RankedTensorType.get([3, 4, 8], f32)
    with ir.InsertionPoint(module.body):
        from mlir.dialects import func

        @func.FuncOp.from_py_func(population, population, scalar, line)
        def main(x, v, p, b):
            z, v1 = spike.lif(
                x, v, p, p, p, p, 1e-4, spike.Integrator.Euler, spike.Compare.Gt,
                spike.Reset.Value, spike.Moment.Now, v_reset=p,
            )
            y, b1 = spike.delay(z, b)
            return spike.li(y, v1, p, p, p, 1e-4, spike.Integrator.Exponential)

    assert module.operation.verify()
    print(module)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("plait._plait") is None, reason="the extension is not installed"
)
def test_builders():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "dt 1.000000e-04 integrator euler compare gt reset value at now" in text
    assert "spike.delay %spikes, %arg3 : tensor<4x8xf32>, tensor<3x4x8xf32>" in text
    assert "spike.li %output, %nextV" in text
