"""Routers: control wavelets and pop modes, color swap, counter filters, registers, a livelock."""

import numpy as np
import pytest
from support import build, get, runner

from plait.cslsim.errors import CslError, SimulationError

# PE 0 sends on one color along a row; the others count what arrives in a data task.
ROW = """
param W: i16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = W, .height = 1 });
const c = @get_color(2);
layout {
  @set_rectangle(W, 1);
  for (@range(i16, W)) |x| {
    @set_tile_code(x, 0, "pe.csl", .{ .memcpy_params = memcpy.get_params(x), .c = c, .x = x });
    const on = if (x == W - 1) .{ .tx = RAMP } else .{ .tx = EAST };
    if (x == 0) {
      @set_color_config(x, 0, c, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} }%(first)s });
    } else if (x == W - 1) {
      @set_color_config(x, 0, c, .{ .routes = .{ .rx = .{WEST}, .tx = .{RAMP} }%(last)s });
    } else {
      @set_color_config(x, 0, c, .{ .routes = .{ .rx = .{WEST}, .tx = .{RAMP, EAST} }%(rest)s });
    }
  }
  @export_name("got", [*]u32, false);
  @export_name("go", fn()void);
}
"""
COUNT = """
param memcpy_params: comptime_struct;
param c: color;
param x: i16;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const iq = @get_input_queue(2);
const oq = @get_output_queue(2);
const id = if (@is_arch("wse3")) @get_data_task_id(iq) else @get_data_task_id(c);
var got = @zeros([8]u32);
var n: u16 = 0;
var got_ptr: [*]u32 = &got;
var word = @zeros([1]u32);
const Word = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> word[i] });
const data = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = c, .output_queue = oq });
const control = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = c, .output_queue = oq,
                                        .control = true });
task take(w: u32) void { got[n] = w; n += 1; }
fn go() void {
  if (x == 0) {
    %s
  }
  sys.unblock_cmd_stream();
}
comptime {
  if (x != 0) { @bind_data_task(take, id); }
  if (@is_arch("wse3")) {
    @initialize_queue(iq, .{ .color = c });
    @initialize_queue(oq, .{ .color = c });
  }
  @export_symbol(got_ptr, "got");
  @export_symbol(go);
}
"""
NOP, ADV = 0, 1


def payload(*commands):
    """A control wavelet of up to eight commands, hidden from every compute engine."""
    word, at = 31 << 16, 22
    for command in (*commands, *[NOP] * 8)[:8]:
        word |= command << at
        at = (at + 2) % 30
        word |= 1 << at
        at += 1
    return word


def row(tmp_path, body, arch="wse3", width=5, first="", rest="", last=""):
    """Run PE 0's body; what each PE's data task took, [PE][8]."""
    layout = ROW % {"first": first, "rest": rest, "last": last}
    files = {"layout.csl": layout, "pe.csl": COUNT % body}
    runtime = runner(build(tmp_path, files, arch, W=width))
    runtime.launch("go", nonblock=False)
    taken = get(runtime, "got", 0, 0, width, 1, 8, np.uint32)[0]
    runtime.stop()
    return taken


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize(
    "mode, commands, want",
    [
        # Each router takes one command away: PE k executes command k.
        ("always_pop", [NOP, ADV, NOP, ADV], [2, 4]),
        ("always_pop", [NOP, NOP, NOP, ADV], [1, 2, 4]),
        ("always_pop", [NOP, NOP, ADV, NOP, ADV], [1, 3, 4]),
        # Every router executes the first.
        ("no_pop", [ADV], [4]),
        ("no_pop", [NOP, ADV], [1, 2, 3, 4]),
        # The first router that can advance takes it away.
        ("pop_on_advance", [ADV], [2, 3, 4]),
        ("pop_on_advance", [ADV, ADV], [3, 4]),
        ("pop_on_advance", [NOP, ADV], [1, 2, 3, 4]),
        ("pop_on_advance_nop", [NOP, NOP, ADV], [1, 3, 4]),
    ],
)
def test_commands_of_a_control_wavelet(tmp_path, arch, mode, commands, want):
    pop = f".pop_mode = .{{ .{mode} = true }}"
    body = f"@mov32(control, @as(u32, {payload(*commands)})); @mov32(data, @as(u32, 7));"
    taken = row(
        tmp_path,
        body,
        arch,
        first=f", .switches = .{{ {pop} }}",
        rest=f", .switches = .{{ .pos1 = .{{ .tx = EAST }}, {pop} }}",
        last=f", .switches = .{{ {pop} }}",
    )
    assert [x for x in range(5) if taken[x, 0] == 7] == want


def test_a_counter_filter_passes_a_part_of_each_period(tmp_path):
    counter = (
        ", .filter = .{ .kind = .{ .counter = true }, .limit1 = 3, .max_counter = 1, "
        ".init_counter = 2, .count_data = true }"
    )
    body = "var k: u32 = 1; while (k < 10) : (k += 1) { @mov32(data, k); }"
    # The count goes 2 3 0 1 2 3 0 1 2: the third, fourth, seventh and eighth word pass.
    taken = row(tmp_path, body, width=2, last=counter)
    assert taken[1].tolist() == [3, 4, 7, 8, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "setting, want",
    [
        # Nothing is counted by default: the count stays at init_counter.
        (".counter = true }, .limit1 = 3, .max_counter = 1, .init_counter = 2", []),
        (".counter = true }, .limit1 = 3, .max_counter = 1, .init_counter = 1", [1, 2, 3, 4, 5, 6]),
        # Counts 0 1 2 (0 passes), then once more with the second limit, 0 1 2 3, then all pass.
        (".sparse_counter = true }, .limit1 = 2, .limit2 = 3, .max_counter = 0, "
         ".count_data = true", [1, 4, 8, 9]),
        # Without a second limit all pass after the first: 0 1 2, ...
        (".sparse_counter = true }, .limit1 = 2, .max_counter = 0, .count_data = true",
         [1, 4, 5, 6, 7, 8, 9]),
        (".sparse_counter = true }, .max_counter = 0, .count_data = true",
         [1, 2, 3, 4, 5, 6, 7, 8]),
        # Data never passes a filter of control wavelets.
        (".counter = true }, .limit1 = 9, .max_counter = 2, .count_data = true, "
         ".filter_control = true", []),
    ],
)  # fmt: skip
def test_counters(tmp_path, setting, want):
    count = 6 if want == [1, 2, 3, 4, 5, 6] else 8 if want[-1:] == [8] and len(want) == 8 else 9
    body = f"var k: u32 = 1; while (k <= {count}) : (k += 1) {{ @mov32(data, k); }}"
    taken = row(tmp_path, body, width=2, last=f", .filter = .{{ .kind = .{{ {setting} }}")
    assert taken[1].tolist() == want + [0] * (8 - len(want))


@pytest.mark.parametrize(
    "setting, message",
    [
        (".kind = .{ .range = true }, .min_idx = 0", "a range filter needs 'max_idx'"),
        (".kind = .{ .counter = true }, .limit1 = -3", "'limit1' must be a number, not below 0"),
        (".kind = .{ .range = true }, .min_idx = 0, .max_idx = 1, .x = 1", "unknown filter .* 'x'"),
        (".kind = .{ .sparse = true }", "not supported .*: filter kind"),
    ],
)
def test_filters_are_checked(tmp_path, setting, message):
    with pytest.raises(CslError, match=r"layout.csl:\d+:\d+: .*" + message):
        row(tmp_path, "", last=f", .filter = .{{ {setting} }}")


SWAP = """
param W: i16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = W, .height = 1 });
layout {
  @set_rectangle(W, 1);
  for (@range(i16, W)) |x| {
    @set_tile_code(x, 0, "pe.csl", .{ .memcpy_params = memcpy.get_params(x), .x = x });
    const tx = if (x == W - 1) .{RAMP} else .{ RAMP, EAST };
    for ([2]color{ @get_color(4), @get_color(5) }) |c| {
      const rx = if (x == 0) RAMP else WEST;
      @set_color_config(x, 0, c, .{ .routes = .{ .rx = .{rx}, .tx = tx, .color_swap_x = true } });
    }
  }
  @export_name("got", [*]u32, false);
  @export_name("go", fn()void);
}
"""
SWAP_PE = """
param memcpy_params: comptime_struct;
param x: i16;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const send = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = @get_color(4),
                                     .output_queue = @get_output_queue(2) });
var got = @zeros([2]u32);
var got_ptr: [*]u32 = &got;
task even(w: u32) void { got[0] += w; }
task odd(w: u32) void { got[1] += w; }
fn go() void {
  if (x == 0) { @mov32(send, @as(u32, 3)); @mov32(send, @as(u32, 4)); }
  sys.unblock_cmd_stream();
}
comptime {
  @bind_data_task(even, @get_data_task_id(@get_color(4)));
  @bind_data_task(odd, @get_data_task_id(@get_color(5)));
  @export_symbol(got_ptr, "got");
  @export_symbol(go);
}
"""


def test_colors_swap_at_every_hop(tmp_path):
    files = {"layout.csl": SWAP, "pe.csl": SWAP_PE}
    runtime = runner(build(tmp_path, files, "wse2", W=4))
    runtime.launch("go", nonblock=False)
    assert get(runtime, "got", 0, 0, 4, 1, 2, np.uint32)[0].tolist() == [[7, 0], [0, 7]] * 2
    with pytest.raises(CslError, match="'color_swap_x' exists on wse2 only"):
        build(tmp_path, files, "wse3", W=4)


def test_router_registers_of_wse2(tmp_path):
    # Color 2's routes lie at word 0x7f22: bits 0-4 exits and 5-9 entries, in the order
    # west, east, south, north, ramp. PE 0 turns its own route round on itself.
    body = """
      const register = @bitcast(*u16, @as(u16, 2 * 0x7f22));
      got[0] = @as(u32, register.*);
      register.* = (register.* & 0xfc00) | (1 << 9) | (1 << 4);
      got[1] = @as(u32, @bitcast(*u16, @as(u16, 2 * 0x7f42)).*);
      @mov32(data, @as(u32, 9));
    """
    pe = COUNT.replace("if (x != 0) { @bind", "if (true) { @bind").replace(
        "n: u16 = 0", "n: u16 = 2"
    )
    files = {"layout.csl": ROW % {"first": "", "rest": "", "last": ""}, "pe.csl": pe % body}
    runtime = runner(build(tmp_path, files, "wse2", W=2))
    runtime.launch("go", nonblock=False)
    taken = get(runtime, "got", 0, 0, 2, 1, 8, np.uint32)[0]
    # From the ramp, to the east; three switch positions that do not exist.
    assert taken[0].tolist() == [1 << 9 | 1 << 1, 0x555, 9, 0, 0, 0, 0, 0]
    assert not taken[1].any()
    with pytest.raises(SimulationError, match="read outside of memory"):
        row(tmp_path, body, "wse3", 2)


TASKS = """
const a_id = @get_local_task_id(8);
const b_id = @get_local_task_id(9);
const c_id = @get_local_task_id(10);
var rounds: i32 = 0;
task a() void { rounds += 1; if (out[2] == 0) { @activate(a_id); } }
task b() void { if (out[2] == 0) { @activate(b_id); } }
task c() void { out[0] = 1; out[2] = %s; if (out[2] == 1) { sys.unblock_cmd_stream(); } }
comptime {
  @bind_local_task(a, a_id);
  @bind_local_task(b, b_id);
  @bind_local_task(c, c_id);
}
"""


def tasks(tmp_path, stop):
    from support import LAYOUT, PE

    pe = PE % (
        "var out = @zeros([3]i32); var out_ptr: [*]i32 = &out;"
        + TASKS % stop
        + "fn main() void { @activate(a_id); @activate(b_id); @activate(c_id); }"
    )
    runtime = runner(build(tmp_path, {"layout.csl": LAYOUT % {"type": "i32"}, "pe.csl": pe}))
    runtime.launch("main", nonblock=False)
    return get(runtime, "out", 0, 0, 1, 1, 3, np.int32)[0, 0].tolist()


def test_tasks_take_turns(tmp_path):
    assert tasks(tmp_path, "1") == [1, 0, 1]


def test_a_livelock_ends(tmp_path):
    with pytest.raises(SimulationError, match=r"livelock: .*\n.*PE \(0, 0\) has not unblocked"):
        tasks(tmp_path, "0")
