"""Several PEs: routes, tasks, queues, streams, switches, filters, FIFOs, collectives."""

import numpy as np
import pytest
from support import build, get, put, runner

from plait.cslsim.errors import CslError, SimulationError
from plait.cslsim.runtime import MemcpyDataType, MemcpyOrder

CHAIN_LAYOUT = """
param W: i16;
param N: u16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = W, .height = 1 });
const colors = [2]color{ @get_color(2), @get_color(3) };
layout {
  @set_rectangle(W, 1);
  for (@range(i16, W)) |x| {
    const to = colors[x % 2];
    const from = colors[(x + 1) % 2];
    @set_tile_code(x, 0, "pe.csl", .{ .memcpy_params = memcpy.get_params(x), .N = N,
      .first = (x == 0), .last = (x == W - 1), .from = from, .to = to });
    if (x != 0) {
      @set_color_config(x, 0, from, .{ .routes = .{ .rx = .{WEST}, .tx = .{RAMP} } });
    }
    if (x != W - 1) {
      @set_color_config(x, 0, to, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} } });
    }
  }
  @export_name("v", [*]f32, true);
  @export_name("go", fn()void);
}
"""
CHAIN_PE = """
param memcpy_params: comptime_struct;
param N: u16;
param first: bool;
param last: bool;
param from: color;
param to: color;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const iq = @get_input_queue(2);
const oq = @get_output_queue(3);
const done = @get_local_task_id(9);
var v: [N]f32;
var v_ptr: [*]f32 = &v;
const mine = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{N} -> v[i] });
const rx = @get_dsd(fabin_dsd, .{ .extent = N, .input_queue = iq, .fabric_color = from });
const tx = @get_dsd(fabout_dsd, .{ .extent = N, .output_queue = oq, .fabric_color = to });
task finish() void { sys.unblock_cmd_stream(); }
fn go() void {
  if (first) {
    @fmovs(tx, mine, .{ .async = true, .activate = done });
  } else if (last) {
    @fadds(mine, mine, rx, .{ .async = true, .activate = done });
  } else {
    @fadds(tx, mine, rx, .{ .async = true, .activate = done });
  }
}
comptime {
  @bind_local_task(finish, done);
  if (@is_arch("wse3")) {
    if (!first) { @initialize_queue(iq, .{ .color = from }); }
    if (!last) { @initialize_queue(oq, .{ .color = to }); }
  }
  @export_symbol(v_ptr, "v");
  @export_symbol(go);
}
"""


def chain(tmp_path, pe=CHAIN_PE, layout=CHAIN_LAYOUT, arch="wse3", width=5, n=7):
    runtime = runner(build(tmp_path, {"layout.csl": layout, "pe.csl": pe}, arch, W=width, N=n))
    data = np.arange(width * n, dtype=np.float32).reshape(width, n)
    put(runtime, "v", 0, 0, width, 1, n, data)
    runtime.launch("go", nonblock=False)
    result = get(runtime, "v", width - 1, 0, 1, 1, n)[0, 0]
    runtime.stop()
    return result, data.sum(axis=0), runtime


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize("width, n", [(2, 1), (5, 7), (16, 40)])
def test_chain_of_adds(tmp_path, arch, width, n):
    got, want, runtime = chain(tmp_path, arch=arch, width=width, n=n)
    assert got.tolist() == want.tolist()
    assert runtime.sim.report() == ""
    assert runtime.sim.stats()["hops"] == (width - 1) * n


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chain_under_adversity(tmp_path, seed, monkeypatch):
    monkeypatch.setenv("PLAIT_CSL_SEED", str(seed))
    monkeypatch.setenv("PLAIT_CSL_DEPTH", "1")
    got, want, _ = chain(tmp_path, width=8, n=20)
    assert got.tolist() == want.tolist()


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            "task finish() void { sys.unblock_cmd_stream(); }",
            "task finish() void { if (!last) { sys.unblock_cmd_stream(); } }",
            r"deadlock.*\n.*PE \(4, 0\) has not unblocked",
        ),
        (
            ".extent = N, .input_queue",
            ".extent = N + 1, .input_queue",
            r"pe.csl:\d+:\d+: the operation is 7 elements long, .* operand 2 is 8",
        ),
        (
            "@fmovs(tx, mine, ",
            "@fmovs(@set_dsd_length(tx, N - 1), @set_dsd_length(mine, N - 1), ",
            r"deadlock(.|\n)*pe.csl:\d+:\d+ waits, 6 of 7 elements done, for wavelets on color 2 "
            r"\(queue 2\); PE \(0, 0\) sent 6 \(.*pe.csl:20:5\)",
        ),
        (
            "if (!first) { @initialize_queue(iq, .{ .color = from }); }",
            "",
            r"pe.csl:\d+:\d+: input queue 2 was not initialised",
        ),
        (
            ".fabric_color = to }",
            ".fabric_color = from }",
            "output queue 3 belongs to color 2, not 3",
        ),
        ("@bind_local_task(finish, done);", "", "task id 9 was activated, but no task is bound"),
    ],
)
def test_broken_chains_are_reported(tmp_path, old, new, message):
    assert old in CHAIN_PE
    with pytest.raises((SimulationError, CslError), match=message):
        chain(tmp_path, CHAIN_PE.replace(old, new))


def test_a_missing_route_is_reported(tmp_path):
    layout = CHAIN_LAYOUT.replace("if (x != 0) {", "if (x != 0 and x != 3) {")
    with pytest.raises(SimulationError, match="leaves towards a PE that has no route"):
        chain(tmp_path, layout=layout)


def stream(runtime, color, words, n, at=(0, 0)):
    """Send words to a PE and wait for ``n`` back on color 9."""
    options = {
        "streaming": True,
        "order": MemcpyOrder.ROW_MAJOR,
        "nonblock": False,
        "data_type": MemcpyDataType.MEMCPY_32BIT,
    }
    runtime.memcpy_h2d(color, np.array(words, np.uint32), *at, 1, 1, len(words), **options)
    out = np.zeros(n, np.uint32)
    runtime.memcpy_d2h(out, 9, *at, 1, 1, n, **options)
    return out.tolist()


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_streams_data_tasks_and_fifos(tmp_path, arch):
    layout = """
      const memcpy = @import_module("<memcpy/get_params>", .{ .width = 1, .height = 1,
        .MEMCPYH2D_1 = @get_color(8), .MEMCPYD2H_1 = @get_color(9) });
      layout {
        @set_rectangle(1, 1);
        @set_tile_code(0, 0, "pe.csl", .{ .memcpy_params = memcpy.get_params(0) });
        @set_color_config(0, 0, @get_color(4), .{ .routes = .{ .rx = .{RAMP}, .tx = .{RAMP} } });
      }
    """
    pe = """
      param memcpy_params: comptime_struct;
      const sys = @import_module("<memcpy/memcpy>", memcpy_params);
      const in_q = @get_input_queue(2);
      const loop_q = @get_input_queue(4);
      const out_q = @get_output_queue(3);
      const back_q = @get_output_queue(5);
      const loop = @get_color(4);
      var room = @zeros([3]u32);
      const fifo = @allocate_fifo(room);
      const input = @get_dsd(fabin_dsd, .{ .extent = 6, .fabric_color = sys.MEMCPYH2D_1,
                                           .input_queue = in_q });
      const back = @get_dsd(fabout_dsd, .{ .extent = 6, .fabric_color = loop,
                                           .output_queue = back_q });
      const output = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = sys.MEMCPYD2H_1,
                                             .output_queue = out_q });
      const start_id = @get_local_task_id(8);
      const got_id = if (@is_arch("wse3")) @get_data_task_id(loop_q) else @get_data_task_id(loop);
      var sum: u32 = 0;
      task start() void {
        @mov32(fifo, input, .{ .async = true });
        @mov32(back, fifo, .{ .async = true });
      }
      task got(x: u32) void { sum += x; @mov32(output, sum); }
      comptime {
        @activate(start_id);
        @bind_local_task(start, start_id);
        @bind_data_task(got, got_id);
        if (@is_arch("wse3")) {
          @initialize_queue(in_q, .{ .color = sys.MEMCPYH2D_1 });
          @initialize_queue(loop_q, .{ .color = loop });
          @initialize_queue(out_q, .{ .color = sys.MEMCPYD2H_1 });
          @initialize_queue(back_q, .{ .color = loop });
        }
      }
    """
    runtime = runner(build(tmp_path, {"layout.csl": layout, "pe.csl": pe}, arch))
    assert stream(runtime, 8, [1, 2, 3, 4, 5, 6], 6) == [1, 3, 6, 10, 15, 21]
    runtime.stop()


COLLECTIVE_LAYOUT = """
param P: u16;
param root: u16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = P, .height = 1 });
const c2d = @import_module("<collectives_2d/params>");
layout {
  @set_rectangle(P, 1);
  for (@range(u16, P)) |x| {
    const c = c2d.get_params(x, 0, .{
      .x_colors = .{ @get_color(0), @get_color(1) },
      .x_entrypoints = .{ @get_local_task_id(10), @get_local_task_id(11) },
      .y_colors = .{ @get_color(4), @get_color(5) },
      .y_entrypoints = .{ @get_local_task_id(12), @get_local_task_id(13) } });
    @set_tile_code(x, 0, "pe.csl", .{ .memcpy_params = memcpy.get_params(x), .c2d = c,
                                      .root = root });
  }
  @export_name("mine", [*]f32, true);
  @export_name("all", [*]f32, true);
  @export_name("go", fn()void);
}
"""
COLLECTIVE_PE = """
param memcpy_params: comptime_struct;
param c2d: comptime_struct;
param root: u16;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const P = @get_rectangle().width;
const n: u16 = 3;
const mpi = @import_module("<collectives_2d/pe>", .{ .dim_params = c2d.x });
var mine = @zeros([n]f32);
var all = @zeros([4 * n * P]f32);
var mine_ptr: [*]f32 = &mine;
var all_ptr: [*]f32 = &all;
const next_id = @get_local_task_id(15);
var step: u16 = 0;
// gather, scatter it back reversed in meaning, reduce, broadcast the sum
task next() void {
  step += 1;
  const own = @ptrcast([*]u32, &mine);
  if (step == 1) {
    mpi.init();
    mpi.gather(root, own, @ptrcast([*]u32, &all), n, next_id);
  } else if (step == 2) {
    mpi.scatter(root, @ptrcast([*]u32, &all), @ptrcast([*]u32, &all[n * P]), n, next_id);
  } else if (step == 3) {
    mpi.reduce_fadds(root, mine_ptr, @ptrcast([*]f32, &all[2 * n * P]), n, next_id);
  } else if (step == 4) {
    mpi.broadcast(root, @ptrcast([*]u32, &all[2 * n * P]), n, next_id);
  } else {
    sys.unblock_cmd_stream();
  }
}
fn go() void { @activate(next_id); }
comptime {
  @bind_local_task(next, next_id);
  @export_symbol(mine_ptr, "mine");
  @export_symbol(all_ptr, "all");
  @export_symbol(go);
}
"""


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize("p, root, seed", [(1, 0, 0), (2, 1, 0), (5, 0, 1), (6, 2, 2), (5, 4, 3)])
def test_collectives(tmp_path, monkeypatch, arch, p, root, seed):
    monkeypatch.setenv("PLAIT_CSL_SEED", str(seed))
    files = {"layout.csl": COLLECTIVE_LAYOUT, "pe.csl": COLLECTIVE_PE}
    runtime = runner(build(tmp_path, files, arch, P=p, root=root))
    data = np.arange(1, 3 * p + 1, dtype=np.float32).reshape(p, 3)
    put(runtime, "mine", 0, 0, p, 1, 3, data)
    runtime.launch("go", nonblock=False)
    everything = get(runtime, "all", 0, 0, p, 1, 12 * p)[0]
    runtime.stop()
    assert everything[root, : 3 * p].tolist() == data.ravel().tolist()
    for x in range(p):
        assert everything[x, 3 * p : 3 * p + 3].tolist() == data[x].tolist()
        assert everything[x, 6 * p : 6 * p + 3].tolist() == data.sum(axis=0).tolist()
    assert runtime.sim.report() == ""
    assert len(runtime.sim.meta["programs"]) == 1  # all PEs share one program
