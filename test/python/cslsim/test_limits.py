"""What an architecture, the memcpy library or a dialect does not allow, each with its position."""

import subprocess
import sys

import numpy as np
import pytest
from support import LAYOUT, PE, build, get, runner

from plait.cslsim.errors import CslError
from plait.cslsim.layout import Options, compile_layout, save
from plait.cslsim.limits import MEMORY, memory_use

PLAIN = (
    "var out = @zeros([2]i32); var out_ptr: [*]i32 = &out; "
    "fn main() void { sys.unblock_cmd_stream(); }\n"
)
ROUTES = ".routes = .{ .rx = .{RAMP}, .tx = .{EAST} }"


def config(color, more=""):
    """A comptime block that configures a colour."""
    return f"comptime {{ @set_local_color_config(@get_color({color}), .{{ {ROUTES}{more} }}); }}"


def switches(setting):
    """Settings of a colour's switches."""
    return f", .switches = .{{ {setting} }}"


def check(tmp_path, pe="", layout="", arch="wse3", sdk="1.4", untyped=False):
    """Compile a one-PE program with this added to its PE's file and to its layout block."""
    text = (LAYOUT % {"type": "i32"}).replace("@export_name", layout + "@export_name", 1)
    code = PE % (PLAIN + pe)
    if untyped:
        code = code.replace("param memcpy_params: comptime_struct", "param memcpy_params")
    (tmp_path / "layout.csl").write_text(text)
    (tmp_path / "pe.csl").write_text(code)
    options = Options(arch, tmp_path, sdk=sdk)
    return compile_layout(tmp_path / "layout.csl", options)[1][0]


def refused(tmp_path, message, where="pe.csl", **given):
    with pytest.raises(CslError, match=rf"{where}:\d+:\d+: {message}"):
        check(tmp_path, **given)


@pytest.mark.parametrize(
    "arch, pe, message",
    [
        ("wse3", "const t = @get_color(24); comptime { @comptime_assert(@get_int(t) > 0); }",
         "color 24 does not exist on wse3: 0 to 23"),
        ("wse2", "const t = @get_output_queue(6); comptime { @initialize_queue(t); }",
         "output_queue 6 does not exist on wse2: 0 to 5"),
        ("wse3", "const t = @get_control_task_id(64); comptime { @bind_control_task(f, t); }"
         "task f() void {}", "control_task_id 64 does not exist on wse3: 0 to 63"),
        ("wse2", "comptime { @bind_local_task(f, @get_local_task_id(31)); } task f() void {}",
         "local_task_id 31 does not exist on wse2: 0 to 30"),
        ("wse2", "const t = @get_ut_id(1); fn g() void { @get_dsr(t, 1); } comptime { "
         "@comptime_assert(@get_int(t) == 1); }", "@get_ut_id exists on wse3 only"),
        ("wse3", "const t = @get_data_task_id(@get_color(2)); comptime { @bind_data_task(f, t); }"
         "task f(x: u32) void {}", "a data task id is made from a input_queue on wse3, got color"),
        ("wse3", "const t = @get_dsr(dsr_dest, 16); comptime { @comptime_assert(t == t); }",
         "dsr_dest 16 does not exist: 0 to 15"),
        # What memcpy keeps for itself.
        ("wse3", "comptime { @initialize_queue(@get_input_queue(1), .{ .color = @get_color(2) });"
         " }", "input queue 1 belongs to memcpy"),
        ("wse2", "comptime { @initialize_queue(@get_input_queue(0), .{ .color = @get_color(2) });"
         " }", "input queue 0 belongs to memcpy"),
        ("wse3", "task f() void {} comptime { @bind_local_task(f, @get_local_task_id(27)); }",
         "local_task_id 27 belongs to memcpy"),
        ("wse3", "fn h() void {} task f() void {} comptime { @set_teardown_handler(h, "
         "@get_color(2)); @bind_local_task(f, @get_local_task_id(29)); }",
         "local_task_id 29 belongs to teardown, which has handlers"),
        ("wse3", config(22), "color 22 belongs to memcpy"),
        # Bound, configured or initialised twice.
        ("wse3", "task f() void {} comptime { const t = @get_local_task_id(9); "
         "@bind_local_task(f, t); @bind_local_task(f, t); }", "local_task_id 9 is bound twice"),
        ("wse3", config(2) + config(2), "color 2 is configured twice"),
        ("wse3", "comptime { const q = @get_input_queue(2); @initialize_queue(q, .{ .color = "
         "@get_color(2) }); @initialize_queue(q, .{ .color = @get_color(3) }); }",
         "input_queue 2 is initialised twice"),
        ("wse3", "comptime { @initialize_queue(@get_output_queue(2)); }",
         "a queue needs its 'color' here"),
        ("wse2", "comptime { @initialize_queue(@get_output_queue(2), .{ .color = @get_color(2) "
         "}); }", "an output queue has no settings on wse2"),
        # Priorities of microthreads: where each architecture has them, and what they can be.
        ("wse3", "comptime { @initialize_queue(@get_input_queue(2), .{ .color = @get_color(2), "
         ".priority = .{ .high = true } }); }", "queues have no 'priority' on wse3"),
        ("wse2", "comptime { @initialize_queue(@get_input_queue(2), .{ .color = @get_color(2), "
         ".priority = .{ .highest = true } }); }", "'priority' is one of .*"),
        ("wse2", "const d = @get_dsd(fabin_dsd, .{ .extent = 1, .input_queue = "
         "@get_input_queue(2), .priority = .{ .low = true } }); comptime { const x = d; }",
         "on wse2 the priority is a setting of the operation"),
        ("wse3", "const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> out[i] }); task f() "
         "void { @mov32(d, d, .{ .async = true, .priority = .{ .low = true } }); } comptime { "
         "@bind_local_task(f, @get_local_task_id(9)); }",
         "on wse3 the priority is a property of the DSD"),
        ("wse3", "task f(x: u32) void {} comptime { @bind_data_task(f, "
         "@get_data_task_id(@get_input_queue(2))); }", ".*input queue 2 has a data task but was "
         "not initialised"),
        # Switches.
        ("wse3", config(10, switches(".pos1 = .{ .tx = WEST }")), "color 10 has no switch on wse3"),
        ("wse2", config(2, switches(".pos1 = .{ .tx = WEST, .rx = EAST }")),
         "'pos1' changes rx or tx on wse2, not both"),
        ("wse3", config(2, switches(".pos1 = .{ .rx = .{ EAST, WEST } }")),
         "'rx' of 'pos1' is one direction"),
        ("wse3", config(2, switches(".current_switch_pos = 1")),
         "'current_switch_pos' 1 does not exist"),
        ("wse2", "".join(config(c, ", .filter = .{ .kind = .{ .range = true }, .min_idx = 0, "
                                ".max_idx = 1 }") for c in range(4)),
         r"PE \(0, 0\) uses 4 filters, wse2 has 3 to give"),
        # Memory.
        ("wse3", "var big = @zeros([12289]i32); comptime { @export_symbol(big, \"big\"); }",
         r"'big' does not fit: data takes \d+ of 49152 bytes"),
        # Exports.
        ("wse3", "var extra = @zeros([1]i32); comptime { @export_symbol(extra, \"extra\"); }",
         "pe.csl exports 'extra', which the layout does not name"),
    ],
)  # fmt: skip
def test_refused_on_the_pe(tmp_path, arch, pe, message):
    refused(tmp_path, message, pe=pe, arch=arch)


@pytest.mark.parametrize(
    "arch, layout, message",
    [
        ("wse2", f"@set_color_config(0, 0, @get_color(21), .{{ {ROUTES} }});",
         "color 21 belongs to memcpy"),
        ("wse3", f"@set_color_config(1, 0, @get_color(2), .{{ {ROUTES} }});",
         r"PE \(1, 0\) is outside the 1 by 1 rectangle"),
        ("wse3", "@set_color_config(0, 0, @get_color(2), .{ .switches = .{} });",
         "a color configuration needs 'routes'"),
        ("wse3", "@set_rectangle(1, 1);", "@set_rectangle is called twice"),
        ("wse3", '@export_name("x", [4]i32, true);', r"a \[4\]i32 cannot be exported"),
        ("wse3", '@export_name("f", fn({})void);'.format(", ".join(["i16"] * 16)),
         "an exported function takes at most 15 arguments, got 16"),
        ("wse3", '@export_name("main", fn()void); @export_name("main", fn()void);',
         "'main' is exported twice"),
    ],
)  # fmt: skip
def test_refused_in_the_layout(tmp_path, arch, layout, message):
    refused(tmp_path, message, where="layout.csl", layout=layout, arch=arch)


def test_a_color_of_the_layout_and_of_the_pe(tmp_path):
    config = f"@set_color_config(0, 0, @get_color(2), .{{ {ROUTES} }});"
    local = f"comptime {{ @set_local_color_config(@get_color(2), .{{ {ROUTES} }}); }}"
    message = r"color 2 of PE \(0, 0\) is configured twice: the layout does it, too"
    refused(tmp_path, message, layout=config, pe=local)


def test_memory_is_data_code_and_stack(tmp_path):
    used = memory_use(check(tmp_path))
    # out (8), out_ptr (2); memcpy's kernel and a few instructions; main and the library's function.
    assert used["data"] == 10 and 4176 < used["code"] < 4300 and used["stack"] == 32
    room = MEMORY - used["code"] - used["stack"] - 12
    fits = 'var big = @zeros([%d]u8); comptime { @export_symbol(big, "out2"); }'
    layout = '@export_name("out2", [*]u8, true);'
    assert sum(memory_use(check(tmp_path, fits % room, layout)).values()) <= MEMORY
    message = r"pe.csl does not fit in 49152 bytes: \d+ of data, about \d+ of code and 32 of stack"
    refused(tmp_path, message, where="layout.csl", pe=fits % (room + 8), layout=layout)


@pytest.mark.parametrize(
    "arch, pe, message",
    [
        ("wse3", "const s: comptime_struct = .{ .a = 1 }; comptime { @comptime_assert(s.a == 1); }",
         "'comptime_struct' was removed in SDK 2.10"),
        ("wse3", "comptime { @comptime_assert(@concat_structs(.{ .a = 1 }, .{ .b = 2 }).b == 2); }",
         "'@concat_structs' was removed in SDK 2.10"),
        ("wse2", "const d = @get_dsd(fabin_dsd, .{ .extent = 1, .fabric_color = @get_color(2), "
         ".input_queue = @get_input_queue(2) }); task f() void { @mov32(&out[0], d); } comptime { "
         "@bind_local_task(f, @get_local_task_id(9)); }",
         "SDK 2.10 wants input_queue 2 initialised"),
        ("wse2", "task f(x: u32) void {} comptime { @bind_data_task(f, "
         "@get_data_task_id(@get_color(2))); }", "no input queue was initialised for color 2"),
        ("wse3", "var m = @zeros([2, 2]i32); const d = @get_dsd(mem4d_dsd, .{ .tensor_access = "
         "|i, j|{2, 2} -> m[j, i] }); fn g() void { @load_to_dsr(@get_dsr(dsr_dest, 1), d); } "
         "task f() void { g(); } comptime { @bind_local_task(f, @get_local_task_id(9)); }",
         "@load_to_dsr takes no mem4d_dsd in SDK 2.10"),
    ],
)  # fmt: skip
def test_dialects(tmp_path, arch, pe, message):
    check(tmp_path, pe, arch=arch)  # as SDK 1.4 has it
    refused(tmp_path, message, pe=pe, arch=arch, sdk="2.10", untyped=True)


def test_the_newer_dialect_widens(tmp_path):
    body = """
      var a: i16 = -5; var b: u8 = 200; var h: f16 = 1.5; var f: f32 = h;
      out[0] = a; out[1] = b; out[2] = @as(i32, f * 2.0);
    """
    files = {
        "layout.csl": LAYOUT % {"type": "i32"},
        "pe.csl": (PE % (
            "var out = @zeros([3]i32); var out_ptr: [*]i32 = &out; fn main() void {"
            + body + " sys.unblock_cmd_stream(); }"
        )).replace(": comptime_struct", ""),
    }  # fmt: skip
    with pytest.raises(CslError, match="expected f32, got f16"):
        build(tmp_path, files)
    options = Options("wse3", tmp_path, sdk="2.10")
    save(tmp_path / "out", *compile_layout(tmp_path / "layout.csl", options), options)
    runtime = runner(tmp_path / "out")
    runtime.launch("main", nonblock=False)
    assert get(runtime, "out", 0, 0, 1, 1, 3, np.int32)[0, 0].tolist() == [-5, 200, 3]
    for body, message in (
        ("var a: i16 = 1; var b: u32 = a;", "expected u32, got i16"),
        ("var a: i32 = 1; var b: i16 = a;", "expected i16, got i32"),
        ("var a: f32 = 1.0; var b: f16 = a;", "expected f16, got f32"),
    ):
        refused(tmp_path, message, pe=f"task f() void {{ {body} }} comptime {{ @bind_local_task("
                "f, @get_local_task_id(9)); }", sdk="2.10", untyped=True)  # fmt: skip


def test_exports_of_the_newer_dialect(tmp_path):
    layout = '@export_name("bytes", [*]u8, true);'
    check(tmp_path, layout=layout)
    message = r"SDK 2.10 exports no \[\*\]u8"
    refused(tmp_path, message, "layout.csl", layout=layout, sdk="2.10", untyped=True)


def cslc(tmp_path, *flags):
    (tmp_path / "layout.csl").write_text(LAYOUT % {"type": "i32"})
    (tmp_path / "pe.csl").write_text(PE % PLAIN)
    command = [sys.executable, "-m", "plait.cslsim", "cslc", "layout.csl", *flags]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    return done.returncode, done.stdout + done.stderr


def test_cslc_takes_the_flags_it_knows(tmp_path):
    code, text = cslc(
        tmp_path, "--arch=wse2", "--fabric-dims=8,3", "--fabric-offsets=4,1", "--memcpy",
        "--channels=1", "--width-west-buf=0", "--width-east-buf=0", "-o=one", "--verbose",
        "--fp16-format=f16", "--output-json=params.json", "--max-inlined-iterations=9",
    )  # fmt: skip
    assert code == 0, text
    assert "pe.csl: data 10, code" in text
    assert (tmp_path / "one/out.json").read_text() == (tmp_path / "params.json").read_text()


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--frobnicate"], "No such option"),
        (["--arch=wse4"], "unknown architecture 'wse4'"),
        (["--sdk=3"], "unknown SDK '3'"),
        (["--fp16-format=bf16"], "not supported by Plait's model of CSL: --fp16-format=bf16"),
        (["--channels=1"], "'--channels' needs '--memcpy'"),
        (["--params=x"], "parameters are written name:value, got 'x'"),
        (["--params=x:1"], "has no parameter 'x'"),
        (["--colors=x:24"], "color 'x' is one of 0 to 23, got 24"),
        (["--import-path=nowhere"], "nowhere"),
        (["--fabric-dims=7,3", "--fabric-offsets=4,1", "--memcpy"], "does not fit in a fabric"),
        (["--fabric-dims=9,4", "--fabric-offsets=3,1", "--memcpy"], "needs an offset of at least"),
        (["--fabric-dims=8,3", "--fabric-offsets=4,1", "--memcpy", "--width-west-buf=1"],
         "needs an offset of at least 5,1"),
    ],
)  # fmt: skip
def test_cslc_refuses(tmp_path, flags, message):
    code, text = cslc(tmp_path, *flags)
    assert code != 0 and message in " ".join(text.split()), text
