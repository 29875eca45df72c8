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
            z, v1 = spike.neuron(
                population, population, None, x, v, spike.Integrator.Euler, tau=p, threshold=p,
                compare=spike.Compare.Gt, reset=spike.Reset.Value, reset_at=spike.Moment.Now,
            )
            y, b1 = spike.delay(z, b)
            return spike.neuron(
                population, population, None, y, v1, spike.Integrator.Exponential, decay=p
            )

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
    assert "integrator euler tau(%arg2 : tensor<f32>)" in text
    assert "compare gt reset value at now" in text
    assert "spike.delay %out, %arg3 : tensor<4x8xf32>, tensor<3x4x8xf32>" in text
    assert "spike.neuron %output, %next_v integrator exponential decay" in text
