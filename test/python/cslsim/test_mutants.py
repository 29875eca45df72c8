"""The checker finds faults: mutants of passing programs are reported or compute wrong numbers."""

import re

import numpy as np
import pytest
from support import build, get, put, runner
from test_fabric import CHAIN_LAYOUT, CHAIN_PE

from plait.errors import PlaitError

TALLY = []  # of each program: mutants found, all, survivors that are explained
GEMV_LAYOUT = """
param W: u16;
param H: u16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = W, .height = H });
const down = @get_color(1);
const sums = [2]color{ @get_color(2), @get_color(3) };
layout {
  @set_rectangle(W, H);
  for (@range(u16, W)) |x| {
    for (@range(u16, H)) |y| {
      const to = sums[x % 2];
      const from = sums[(x + 1) % 2];
      @set_tile_code(x, y, "pe.csl", .{ .memcpy_params = memcpy.get_params(x),
        .top = (y == 0), .first = (x == 0), .last = (x == W - 1),
        .down = down, .from = from, .to = to });
      if (y == 0) {
        @set_color_config(x, y, down, .{ .routes = .{ .rx = .{RAMP}, .tx = .{RAMP, SOUTH} } });
      } else if (y == H - 1) {
        @set_color_config(x, y, down, .{ .routes = .{ .rx = .{NORTH}, .tx = .{RAMP} } });
      } else {
        @set_color_config(x, y, down, .{ .routes = .{ .rx = .{NORTH}, .tx = .{RAMP, SOUTH} } });
      }
      if (x != 0) {
        @set_color_config(x, y, from, .{ .routes = .{ .rx = .{WEST}, .tx = .{RAMP} } });
      }
      if (x != W - 1) {
        @set_color_config(x, y, to, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} } });
      }
    }
  }
  @export_name("A", [*]f32, true);
  @export_name("x", [*]f32, true);
  @export_name("y", [*]f32, false);
  @export_name("go", fn()void);
}
"""
GEMV_PE = """
param memcpy_params: comptime_struct;
param top: bool;
param first: bool;
param last: bool;
param down: color;
param from: color;
param to: color;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const M: i16 = 3;
const N: i16 = 2;
const x_in = @get_input_queue(2);
const x_out = @get_output_queue(2);
const y_in = @get_input_queue(3);
const y_out = @get_output_queue(4);
const add_id = @get_local_task_id(9);
const done_id = @get_local_task_id(10);
const got_id = if (@is_arch("wse3")) @get_data_task_id(x_in) else @get_data_task_id(down);
var A: [M * N]f32;
var x: [N]f32;
var y = @zeros([M]f32);
var A_ptr: [*]f32 = &A;
var x_ptr: [*]f32 = &x;
var y_ptr: [*]f32 = &y;
var column = @get_dsd(mem1d_dsd, .{ .base_address = &A, .extent = M });
const X = @get_dsd(mem1d_dsd, .{ .base_address = &x, .extent = N });
const Y = @get_dsd(mem1d_dsd, .{ .base_address = &y, .extent = M });
const send_x = @get_dsd(fabout_dsd, .{ .extent = N, .fabric_color = down, .output_queue = x_out });
const send_y = @get_dsd(fabout_dsd, .{ .extent = M, .fabric_color = to, .output_queue = y_out });
const take_y = @get_dsd(fabin_dsd, .{ .extent = M, .fabric_color = from, .input_queue = y_in });
var got: i16 = 0;
task receive(value: f32) void {
  @fmacs(Y, Y, column, value);
  column = @increment_dsd_offset(column, M, f32);
  got += 1;
  if (got == N) { @activate(add_id); }
}
task add() void {
  if (first) {
    @fmovs(send_y, Y, .{ .async = true, .activate = done_id });
  } else if (last) {
    @fadds(Y, Y, take_y, .{ .async = true, .activate = done_id });
  } else {
    @fadds(send_y, Y, take_y, .{ .async = true, .activate = done_id });
  }
}
task done() void { sys.unblock_cmd_stream(); }
fn go() void {
  if (top) { @fmovs(send_x, X, .{ .async = true }); }
}
comptime {
  @bind_data_task(receive, got_id);
  @bind_local_task(add, add_id);
  @bind_local_task(done, done_id);
  if (@is_arch("wse3")) {
    @initialize_queue(x_in, .{ .color = down });
    @initialize_queue(x_out, .{ .color = down });
    @initialize_queue(y_in, .{ .color = from });
    @initialize_queue(y_out, .{ .color = to });
  }
  @export_symbol(A_ptr, "A");
  @export_symbol(x_ptr, "x");
  @export_symbol(y_ptr, "y");
  @export_symbol(go);
}
"""
NEXT = {"EAST": "WEST", "WEST": "NORTH", "NORTH": "SOUTH", "SOUTH": "EAST", "RAMP": "EAST"}
RULES = [
    ("drop an initialisation", r"@initialize_queue\([^;]*;", lambda m: ""),
    ("shift an extent up", r"\.extent = (\w+)", lambda m: f".extent = {m[1]} + 1"),
    ("shift an extent down", r"\.extent = (\w+)", lambda m: f".extent = {m[1]} - 1"),
    (
        "swap a color",
        r"\.fabric_color = (\w+)",
        lambda m: f".fabric_color = {'from' if m[1] != 'from' else 'to'}",
    ),
    (
        "swap a queue's color",
        r"\.color = (\w+)",
        lambda m: f".color = {'from' if m[1] != 'from' else 'to'}",
    ),
    ("drop the unblock", r"sys\.unblock_cmd_stream\(\);", lambda m: ""),
    ("move a route", r"\b(EAST|WEST|NORTH|SOUTH|RAMP)\b", lambda m: NEXT[m[1]]),
    ("drop a configuration", r"@set_color_config\([^;]*;", lambda m: ""),
    ("drop a binding", r"@bind_\w+_task\([^;]*;", lambda m: ""),
    ("drop an activation", r"\.activate = \w+", lambda m: ".async = true"),
    ("drop an activation", r"@activate\(\w+\);", lambda m: ""),
    ("change a neighbour", r"% 2\b", lambda m: "% 1"),
]


def mutants(files):
    for name, text in files.items():
        for title, pattern, change in RULES:
            for match in re.finditer(pattern, text):
                changed = text[: match.start()] + change(match) + text[match.end() :]
                changed = changed.replace(".async = true, .async = true", ".async = true")
                if changed != text:
                    line = text.count("\n", 0, match.start())
                    yield f"{name}:{line}: {title} ({match[0][:40]})", {**files, name: changed}


def run_chain(folder, files, arch):
    runtime = runner(build(folder, files, arch, W=5, N=4))
    data = np.arange(20, dtype=np.float32).reshape(5, 4)
    put(runtime, "v", 0, 0, 5, 1, 4, data)
    runtime.launch("go", nonblock=False)
    got = get(runtime, "v", 4, 0, 1, 1, 4)[0, 0]
    runtime.stop()
    return np.array_equal(got, data.sum(axis=0))


def run_gemv(folder, files, arch):
    runtime = runner(build(folder, files, arch, W=3, H=3))
    rng = np.random.default_rng(0)
    a = rng.integers(-9, 9, (3, 3, 2, 3)).astype(np.float32)  # y, x, column, row
    x = rng.integers(-9, 9, (3, 2)).astype(np.float32)
    put(runtime, "A", 0, 0, 3, 3, 6, a)
    put(runtime, "x", 0, 0, 3, 1, 2, x)
    runtime.launch("go", nonblock=False)
    got = get(runtime, "y", 2, 0, 1, 3, 3)[:, 0]
    runtime.stop()
    return np.array_equal(got, np.einsum("yxcr,xc->yr", a, x))


def without_wse3(text):
    """The text without what only wse3 looks at: a change there changes nothing on wse2."""
    return re.sub(r"  if \(@is_arch\(\"wse3\"\)\) \{\n.*?\n  \}\n", "", text, flags=re.S)


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize(
    "files, run",
    [
        ({"layout.csl": CHAIN_LAYOUT, "pe.csl": CHAIN_PE}, run_chain),
        ({"layout.csl": GEMV_LAYOUT, "pe.csl": GEMV_PE}, run_gemv),
    ],
    ids=["chain", "gemv"],
)
def test_every_mutant_is_found(tmp_path, monkeypatch, capsys, files, run, arch):
    monkeypatch.setenv("PLAIT_CSL_STRICT", "1")
    if arch == "wse2":
        files = {name: without_wse3(text) for name, text in files.items()}
    assert run(tmp_path, files, arch)
    total, survivors = 0, []
    for name, changed in mutants(files):
        total += 1
        try:
            passed = run(tmp_path, changed, arch)
        except PlaitError:
            passed = False
        if passed:
            survivors.append(name)
    TALLY.append((total - len(survivors), total, 0))
    with capsys.disabled():
        print(f"\n{total - len(survivors)} of {total} mutants found", end=" ")
    assert total >= 15
    assert survivors == []
