"""The wheel is small, relocatable and complete. It is built anew: a minute or two.

Set PLAIT_TEST_WHEEL to a built wheel, or to "build", to run this.
"""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("plait-opt", "plait-translate", "plait-run", "plait-reduce", "plait-lsp-server")
WHEEL = os.environ.get("PLAIT_TEST_WHEEL")

pytestmark = pytest.mark.skipif(not WHEEL, reason="set PLAIT_TEST_WHEEL=build (a minute or two)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if WHEEL != "build":
        return Path(WHEEL)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", ".", "-qq", "--no-build-isolation"]
    subprocess.run([*command, "--no-deps", "-w", out], cwd=ROOT, check=True)
    return next(out.glob("plait-*.whl"))


def test_contents(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.endswith((".td", ".cpp", "CMakeLists.txt", ".a"))]
    assert {f"plait/bin/{tool}" for tool in TOOLS} <= set(names)
    assert {f"plait/lib/libplait_{name}.so" for name in ("emulator", "runtime")} <= set(names)
    assert {"plait/_plait.pyi", "plait/py.typed", "plait/dialects/_spike_ops_gen.py"} <= set(names)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, {len(names)} files")
    assert wheel.stat().st_size < 5e6


def test_run_paths_are_relative(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    binaries = [*(tmp_path / "plait" / "bin").iterdir(), *(tmp_path / "plait").glob("*.so")]
    for binary in binaries:
        dynamic = subprocess.run(["readelf", "-d", binary], text=True, capture_output=True).stdout
        paths = re.search(r"R(?:UN)?PATH.*\[(.*)\]", dynamic)[1].split(":")
        assert all(path.startswith("$ORIGIN") for path in paths), (binary.name, paths)


def test_tools_work_from_any_folder(wheel, tmp_path):
    """In a fresh environment that shares this one's MLIR wheels by links."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    here = next(Path(path) for path in sys.path if (Path(path) / "mlir" / "lib").is_dir())
    for name in ("mlir", "llvm"):
        subprocess.run(["cp", "-al", here / name, site / name], check=True)
    for package in ("numpy", "numpy.libs", "ml_dtypes", "rich", "typer", "platformdirs"):
        if (here / package).exists():
            (site / package).symlink_to(here / package)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-qq", "--no-deps", wheel], check=True)
    clean = {k: v for k, v in os.environ.items() if k not in ("PLAIT_BIN", "PYTHONPATH")}
    for tool in TOOLS:
        command = [tmp_path / "env" / "bin" / tool, "--help"]
        subprocess.run(command, cwd="/", env=clean, check=True, capture_output=True)
    code = (
        "import plait.dialects.spike, mlir.ir as ir; c = ir.Context(); print(c.dialects['spike'])"
    )
    subprocess.run([python, "-c", code], cwd="/", env=clean, check=True)
