"""What is wrong, or not understood, is refused with file, line and column."""

import subprocess
import sys

import pytest
from support import LAYOUT, PE, build, run_one

from plait.cslsim.errors import CslError, SimulationError, Unsupported


@pytest.mark.parametrize(
    "body, message",
    [
        ("out[0] = nothing;", r"pe.csl:8:\d+: unknown name 'nothing'"),
        ("var a: i16 = 1; var b: i32 = a;", "expected i32, got i16"),
        ("var a: i16 = 1; var b: u16 = 2; a += b;", "needs operands of one type, got i16 and u16"),
        ("var a: u16 = 70000;", "70000 does not fit in u16"),
        ("out[9] = 1;", "index 9 is out of range"),
        ("@fmacs(D, D, D, D);", "@fmacs takes operands DDDS .*, got DDDD"),
        ("@fadds(D, 1.0, D, .{ .async = true });", "an async @fadds takes only DSD operands"),
        ("@fadds(D, D, .{ .async = true });", "an operand is missing: here are the settings"),
        ("@frobnicate(D);", "not supported by Plait's model of CSL: builtin @frobnicate"),
        ("const q = @get_input_queue(8);", "input_queue 8 does not exist on wse3: 0 to 7"),
        ("const t = @get_local_task_id(3);", "local_task_id 3 does not exist on wse3: 8 to 30"),
        ("@comptime_assert(1 == 2);", "comptime assertion failed"),
        ("main(1);", "'main' takes 0 arguments, got 1"),
        ("out[0] = 1 / 0;", "division by zero"),
        ("const c = 5; c = 6;", "cannot assign to a constant"),
        ("out[0] = 1", "syntax error"),
        ("main();", "recursion of 'main'"),
    ],
)
def test_refused(tmp_path, body, message):
    dsd = (
        "var f = @zeros([4]f32); const D = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> "
        "f[i] });"
    )
    with pytest.raises(CslError, match=message):
        run_one(tmp_path, dsd, body, 4)


@pytest.mark.parametrize(
    "body, message",
    [
        ("var i: i16 = 7; i += 1; out[i] = 1;", r"pe.csl:\d+:\d+: index 8 is out of range"),
        ("var z: i32 = 0; out[0] = 1 / z;", "division by zero"),
        ("@mov32(@increment_dsd_offset(D, n, u32), D);", "leaves its variable"),
        ("@assert(n == 2);", "assertion failed"),
    ],
)
def test_trapped(tmp_path, body, message):
    declarations = (
        "var n: i16 = 1; const D = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });"
    )
    with pytest.raises(SimulationError, match=message):
        run_one(tmp_path, declarations, body, 4)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("@set_rectangle(1, 1);", "@set_rectangle(2, 1);", r"PE \(1, 0\) has no code"),
        ("@set_rectangle(1, 1);", "", "@set_rectangle must come first"),
        (".{ .memcpy_params = memcpy.get_params(0) }", "", "'memcpy_params' was not given a value"),
        ("get_params(0) }", "get_params(0), .extra = 1 }", "has no parameter 'extra'"),
        ('"pe.csl"', '"none.csl"', "no file 'none.csl'"),
    ],
)
def test_layout_faults(tmp_path, old, new, message):
    layout = LAYOUT % {"type": "i32"}
    assert old in layout
    pe = (
        PE % "var out = @zeros([1]i32); var out_ptr: [*]i32 = &out; "
        "fn main() void { sys.unblock_cmd_stream(); }"
    )
    with pytest.raises(CslError, match=message):
        build(tmp_path, {"layout.csl": layout.replace(old, new), "pe.csl": pe})


def test_two_configurations_of_a_color(tmp_path):
    route = (
        "@set_color_config(0, 0, @get_color(1), .{ .routes = .{ .rx = .{RAMP}, "
        ".tx = .{RAMP} } });\n"
    )
    layout = (LAYOUT % {"type": "i32"}).replace("@export_name", route + route + "@export_name", 1)
    with pytest.raises(CslError, match=r"layout.csl:\d+:\d+: color 1 of PE \(0, 0\) is configured"):
        build(tmp_path, {"layout.csl": layout, "pe.csl": ""})


def test_unsupported_names_the_feature():
    error = Unsupported(("a.csl", 3, 4), "builtin @queue_flush")
    assert str(error).startswith("a.csl:3:4: not supported by Plait's model of CSL: builtin")
    assert error.feature == "builtin @queue_flush"


ALONE = """
import importlib, pkgutil, runpy, sys
class NoCompiler:
    def find_spec(self, name, path=None, target=None):
        root = name.split(".")[0]
        assert root not in ("mlir", "torch", "jax", "jaxlib", "nir"), name
        own = name == "plait" or name.startswith("plait.cslsim")
        shared = ("plait.errors", "plait.tools", "plait.cache")
        assert root != "plait" or own or name in shared, name
sys.meta_path.insert(0, NoCompiler())
assert importlib.util.find_spec("cerebras") is None  # it lives on the path of cs-python only
import plait.cslsim
for module in pkgutil.walk_packages(plait.cslsim.__path__, "plait.cslsim."):
    if module.name != "plait.cslsim.__main__":
        importlib.import_module(module.name)
from plait.cslsim.__main__ import app
app(["cs-env", "bin"], standalone_mode=False)
app(["cslc", "layout.csl", "--arch=wse3", "-o", "out"], standalone_mode=False)
app(["cs-python", "--trace", "trace.html", "run.py"], standalone_mode=False)
print(*sorted(m for m in sys.modules if m.startswith("cerebras")))
"""
HOST = """
import cerebras.sdk.sdk_utils, cerebras.sdk.debug.debug_util
from cerebras.sdk.runtime.sdkruntimepybind import SdkRuntime, MemcpyDataType, MemcpyOrder
runner = SdkRuntime("out")
runner.load(); runner.run(); runner.launch("main", nonblock=False); runner.stop()
"""


@pytest.mark.parametrize(
    "program, status, text",
    [
        ("assert 1 == 2", 1, 'Traceback (most recent call last):\n  File "run.py", line 2, in'),
        ("SdkRuntime('none')", 1, "'none'\n  from the host program, run.py:2"),
        ("import sys; sys.exit(3)", 3, ""),
        ("from cerebras.sdk.runtime.sdkruntimepybind import SdkLayout", 1,
         "not supported by Plait's model of CSL: SdkLayout"),
    ],
)  # fmt: skip
def test_host_programs_that_fail(tmp_path, program, status, text):
    first = "from cerebras.sdk.runtime.sdkruntimepybind import SdkRuntime\n"
    (tmp_path / "run.py").write_text(first + program)
    command = [sys.executable, "-m", "plait.cslsim", "cs-python", "run.py"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == status
    assert text in done.stderr
    assert "runpy" not in done.stderr


def test_the_simulator_loads_no_compiler(tmp_path):
    """Every module of the package, and the commands, with whatever is not theirs blocked."""
    pe = "var out = @zeros([1]i32); var out_ptr: [*]i32 = &out;"
    (tmp_path / "layout.csl").write_text(LAYOUT % {"type": "i32"})
    (tmp_path / "pe.csl").write_text(PE % (pe + "fn main() void { sys.unblock_cmd_stream(); }"))
    (tmp_path / "run.py").write_text(HOST)
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-3:] == [
        "cerebras.sdk.runtime", "cerebras.sdk.runtime.sdkruntimepybind", "cerebras.sdk.sdk_utils"
    ]  # fmt: skip
    assert (tmp_path / "trace.html").is_file() and (tmp_path / "bin/cs_python").is_file()
