"""lit configuration: no generated site file, so `lit test` works anywhere."""

import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path

import lit.formats

config.name = "plait"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["python", "Inputs", "Output"]
config.test_source_root = os.path.dirname(__file__)

root = Path(config.test_source_root).parent
platlib = Path(sysconfig.get_path("platlib"))
config.test_exec_root = str(root / "build" / "test")

# A build tree wins over an installed package: it is what a developer edits.
tools = root / "build" / "bin"
if not (tools / "plait-opt").exists():
    tools = platlib / "plait" / "bin"
scripts = Path(sysconfig.get_path("scripts"))
path = [tools, scripts, platlib / "llvm" / "bin", platlib / "mlir" / "bin"]
config.environment["PATH"] = os.pathsep.join([*map(str, path), os.environ["PATH"]])
config.environment["FILECHECK_OPTS"] = "--allow-unused-prefixes=false --dump-input=fail"

for name in ("torch", "jax", "nir"):
    if importlib.util.find_spec(name):
        config.available_features.add(name)
if shutil.which("ptxas"):
    config.available_features.add("ptxas")

# PLAIT_CHECK_ROUNDTRIP=1 prints and parses the IR of every test once more.
opt = "plait-opt --verify-roundtrip" if os.environ.get("PLAIT_CHECK_ROUNDTRIP") else "plait-opt"
config.substitutions.append((r"(?<![\w-])plait-opt(?![\w-])", opt))

# What mlir-runner loads for the print functions of executed tests.
libs = platlib / "mlir" / "lib"
runner_libs = [libs / "libmlir_runner_utils.so", libs / "libmlir_c_runner_utils.so"]
config.substitutions.append(("%runner_libs", ",".join(map(str, runner_libs))))
