"""Run the runtime and compiled code under sanitizers: `make sanitize`.

Only the runtime is built again, by the presets asan and tsan; MLIR's libraries
come as they are. Compiled code checks its own accesses (PLAIT_SANITIZE=address).
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
#: Tests that run loops with tails, packed weights, and every kind of result.
PYTHON_TESTS = (
    "test_runtime.py",
    "test_weights.py",
    "test_contractions.py",
    "test_narrow_contractions.py",
    "test_vector_loops.py",
    "test_executable.py",
)


def run(*command, **environment):
    """Run a command in the root; stop if it fails."""
    print("==", *command, flush=True)
    subprocess.run(list(map(str, command)), cwd=ROOT, check=True, env={**os.environ, **environment})


def library(name):
    """Return the path of a library of the C++ compiler."""
    command = [os.environ.get("CXX", "c++"), f"-print-file-name={name}"]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


def main():
    """Run all of it."""
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    platlib = next(Path(p) for p in sys.path if (Path(p) / "mlir" / "lib").is_dir())
    for preset in ("asan", "tsan"):
        folder = ROOT / "build" / preset
        run("cmake", "--preset", preset, f"-DCMAKE_PREFIX_PATH={platlib}", "--log-level=ERROR")
        run("ninja", "-C", folder, "plait-runtime-test")
        # Code space that moves about confuses TSan; a child of fork has threads, too.
        command = ["setarch", "-R", folder / "bin" / "plait-runtime-test"]
        run(*command, TSAN_OPTIONS="die_after_fork=0")
    run(
        sys.executable, "-m", "pytest", "-q", "-x", "-k", "not large_results and not object_code",
        *(f"test/python/{name}" for name in PYTHON_TESTS),
        LD_PRELOAD=f"{library('libasan.so')} {library('libstdc++.so')}",
        # What Python allocates at its start, it does not free.
        ASAN_OPTIONS="detect_leaks=0",
        PLAIT_SANITIZE="address",
        PLAIT_RUNTIME=str(ROOT / "build" / "asan" / "lib" / "libplait_runtime.so"),
    )  # fmt: skip


if __name__ == "__main__":
    main()
