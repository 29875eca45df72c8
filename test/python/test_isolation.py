"""What an import of plait loads, and in which orders it lives with torch and jax."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from plait.sampling import SimpleTokenSampler

USES = {
    "plait": "import plait; plait.compile",
    "plait.dialects": (
        "import plait.dialects, mlir.ir\n"
        "with mlir.ir.Context(): mlir.ir.Module.parse('func.func private @f(tensor<2xf32>)')"
    ),
    "torch": "import torch; assert torch.ones(2).sum() == 2",
    "jax": "import jax; assert jax.jit(lambda x: x + 1)(1) == 2",
    "torch_mlir": ("from torch_mlir import ir\nwith ir.Context(): ir.Module.parse('module {}')"),
}
# Plait runs torch-mlir in a process of its own; sharing one with our dialects
# is supported with the dialects imported first.
ORDERS = [
    ["plait", "torch", "jax", "plait.dialects"],
    ["torch", "plait", "plait.dialects", "jax"],
    ["jax", "torch", "plait", "plait.dialects"],
    ["plait.dialects", "torch_mlir", "torch", "jax"],
    ["plait.dialects", "jax", "torch_mlir", "plait"],
]


def run(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)


def test_import_loads_no_framework():
    names = ("mlir", "torch", "torch_mlir", "jax", "jaxlib", "transformers", "nir")
    result = run(
        f"import sys, plait; print([n for n in {names} if n in sys.modules])", "-X", "importtime"
    )
    assert result.stdout.strip() == "[]", result.stderr
    print("import plait:", result.stderr.splitlines()[-1])


def test_simple_sampler_needs_numpy_alone():
    """Another package's import, and starting a compiler, would be an error."""
    code = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in {*sys.stdlib_module_names, "numpy", "ml_dtypes", "plait"}:
            raise ModuleNotFoundError(name)

def no_process(event, arguments):
    assert event not in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec"), arguments

sys.meta_path.insert(0, Absent())
sys.addaudithook(no_process)
import numpy as np
from plait.sampling import SimpleTokenSampler

x = np.random.default_rng(0).standard_normal((8, 1000)).astype(np.float32)
print(SimpleTokenSampler.sample(x, 0.7, 2**63, 5, 50, 0.9, session_id=3).tolist())
"""
    result = run(code)
    x = np.random.default_rng(0).standard_normal((8, 1000)).astype(np.float32)
    tokens = SimpleTokenSampler.sample(x, 0.7, 2**63, 5, 50, 0.9, session_id=3).tolist()
    assert result.stdout.strip() == str(tokens), result.stderr


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_import_order(order):
    for name in order:
        if not importlib.util.find_spec(name.split(".")[0]):
            pytest.skip(f"{name} is not installed")
    if not importlib.util.find_spec("plait._plait"):
        pytest.skip("the plait._plait extension is not installed")
    result = run("\n".join([f"import {name}" for name in order] + [USES[n] for n in order]))
    assert result.returncode == 0, result.stderr[-2000:]
