"""Libraries: what is printed, traced and tallied."""

import json
import subprocess
import sys

import numpy as np
from support import LAYOUT, PE, build, get, runner

from plait.cslsim.cli import SHIM

PRINTS = """
const prt = @import_module("<simprint>");
const one = @import_module("<debug>", .{ .key = "one", .buffer_size = 100 });
const two = @import_module("<debug>", .{ .key = "two", .buffer_size = 100 });
var out = @zeros([1]i32);
var out_ptr: [*]i32 = &out;
var minus: i16 = -3;
var half: f32 = 0.5;
fn main() void {
  prt.print_string("a = ");
  prt.print_f32(half);
  prt.print_string(", b = ");
  prt.print_u32_hex(255);
  prt.print_string(" ");
  prt.print_u16_hex(10);
  prt.print_u16_binary(5);
  prt.print_string("\\nrest");
  one.trace_string("start");
  one.trace_i16(minus);
  two.trace_f32(half);
  two.trace_timestamp();
  two.trace_timestamp();
  sys.unblock_cmd_stream();
}
"""
READ = """
import sys
from cerebras.sdk.debug.debug_util import debug_util
traces = debug_util(sys.argv[1])
assert traces.read_trace(4, 1, "one") == ["start", -3], traces.read_trace(4, 1, "one")
half, first, second = traces.read_trace(4, 1, "two")
assert half == 0.5 and first < second
assert traces.read_trace(4, 1, "three") == []
"""


def test_prints_and_traces(tmp_path, capsys):
    from plait.cslsim.layout import Options, compile_layout, save

    (tmp_path / "layout.csl").write_text(LAYOUT % {"type": "i32"})
    (tmp_path / "pe.csl").write_text(PE % PRINTS)
    options = Options("wse3", tmp_path, fabric_dims=(8, 3), fabric_offsets=(4, 1), memcpy=True)
    save(tmp_path / "out", *compile_layout(tmp_path / "layout.csl", options), options)
    runtime = runner(tmp_path / "out")
    runtime.launch("main", nonblock=False)
    runtime.stop()
    assert capsys.readouterr().out == (
        "PE (0, 0): a = 0.5, b = 000000FF 000A0000000000000101\nPE (0, 0): rest\n"
    )
    code = f"import sys; sys.path.insert(0, {str(SHIM)!r})" + READ
    subprocess.run([sys.executable, "-c", code, tmp_path / "out"], check=True)
    assert json.loads((tmp_path / "out/out.json").read_text())["params"] == {}


TALLY_LAYOUT = """
param W: i16;
param H: i16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = W, .height = H });
const tally = @import_module("<kernels/tally/layout>", .{ .kernel_width = W, .kernel_height = H,
  .phase2_tally = %d, .colors = [3]color{ @get_color(1), @get_color(2), @get_color(3) } });
layout {
  @set_rectangle(W, H);
  for (@range(i16, W)) |x| {
    for (@range(i16, H)) |y| {
      @set_tile_code(x, y, "pe.csl", .{ .memcpy_params = memcpy.get_params(x),
        .tally_params = tally.get_params(x, y), .own = @as(u32, 10 * x + y + 1) });
    }
  }
  @export_name("sum", [*]u32, false);
  @export_name("go", fn()void);
}
"""
TALLY_PE = """
param memcpy_params: comptime_struct;
param tally_params: comptime_struct;
param own: u32;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const id = @get_local_task_id(12);
const tally = @import_module("<kernels/tally/pe>", @concat_structs(tally_params, .{
  .output_queues = [2]u16{ 2, 3 }, .input_queues = [2]u16{ 4, 5 }, .callback = id }));
var sum = @zeros([1]u32);
var sum_ptr: [*]u32 = &sum;
task done() void { sum[0] = tally.local_tally; }
fn go() void { tally.bump_tally(own); tally.signal_completion(); sys.unblock_cmd_stream(); }
comptime {
  @bind_local_task(done, id);
  @export_symbol(sum_ptr, "sum");
  @export_symbol(go);
}
"""


def test_a_tally_ends_in_one_corner(tmp_path, monkeypatch):
    total = sum(10 * x + y + 1 for x in range(3) for y in range(4))
    for arch, seed in (("wse2", 0), ("wse3", 0), ("wse3", 5)):
        monkeypatch.setenv("PLAIT_CSL_SEED", str(seed))
        files = {"layout.csl": TALLY_LAYOUT % total, "pe.csl": TALLY_PE}
        runtime = runner(build(tmp_path, files, arch, W=3, H=4))
        runtime.launch("go", nonblock=False)
        sums = get(runtime, "sum", 0, 0, 3, 4, 1, np.uint32)[:, :, 0]
        assert sums[0, 2] == total and sums.sum() == total
