"""The cycle model: each constant on a small program, and published closed forms."""

import io
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import LAYOUT, PE, build, runner

from plait.cslsim import progress
from plait.cslsim.machine import MACHINES
from plait.cslsim.simulator import Simulator

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks" / "cslsim"))
import collectives


@pytest.mark.parametrize("kind", collectives.KINDS)
def test_published_closed_form(kind):
    """Of long vectors on average; each row is in the benchmark's table, as it is there."""
    row = r"^\| ([\w-]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|"
    table = {}
    for name, *numbers in re.findall(row, collectives.README.read_text(), re.M):
        p, b, *cycles = map(int, numbers)
        table[name, p, b] = cycles
    errors = []
    for p in collectives.SIZES[kind]:
        for b in (256, 1024, 4096):
            cycles, form = collectives.measure(kind, p, b), collectives.closed_form(kind, p, b)
            errors.append(abs(cycles / form - 1))
            assert table[kind, p, b] == [cycles, round(form)]
    assert np.mean(errors) < collectives.ERROR, errors


def test_a_broadcast_is_its_closed_form_and_the_start_of_an_operation():
    for p, b in ((4, 16), (16, 64), (64, 1024)):
        extra = collectives.measure("broadcast", p, b) - collectives.closed_form("broadcast", p, b)
        assert 0 < extra < 6


def task_cycles(folder, declarations, body, machine):
    """How long ``main`` with this body keeps one PE busy."""
    pe = PE % (
        f"var out = @zeros([64]f32);\nvar out_ptr: [*]f32 = &out;\n{declarations}\n"
        f"fn main() void {{\n{body}\n  sys.unblock_cmd_stream();\n}}\n"
    )
    arch = f"wse{machine.arch}"
    sim = Simulator(
        build(folder, {"layout.csl": LAYOUT % {"type": "f32"}, "pe.csl": pe}, arch), machine=machine
    )
    sim.start()
    sim.launch("main", [])
    sim.finish()
    sim.settle()
    counters = sim.counters()
    assert counters["tasks"][0, 0] == 1
    return int(counters["busy"][0, 0])


VECTORS = """
var a = @zeros([N]f32);
var b = @zeros([N]f32);
var h = @zeros([N]f16);
const da = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{N} -> a[i] });
const db = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{N} -> b[i] });
const dh = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{N} -> h[i] });
var sum: f16 = 0.0;
"""


@pytest.mark.parametrize(
    ("arch", "operation", "setup", "cycles"),
    [  # of 240 elements
        ("wse2", "@fmacs(da, da, db, 2.0);", 1, 240),
        ("wse3", "@fmacs(da, da, db, 2.0);", 16, 480),
        ("wse2", "@fadds(da, da, db);", 1, 120),
        ("wse3", "@fadds(da, da, db);", 16, 60),
        ("wse2", "@fmovh(dh, dh);", 1, 60),
        ("wse3", "@fmuls(da, da, db);", 16, 240),
        ("wse3", "@faddh(&sum, sum, dh);", 16, 480),
    ],
)
def test_vector_operations_take_setup_and_rate(tmp_path, arch, operation, setup, cycles):
    def busy(body, n=240):
        return task_cycles(tmp_path, f"const N: u16 = {n};{VECTORS}", body, MACHINES[arch])

    extra = 3 if "sum" in operation else 1  # issue; and a scalar operand is loaded
    assert busy(operation) - busy("") == extra + setup + cycles


def test_scalar_code_costs_what_the_table_says(tmp_path):
    machine = MACHINES["wse3"]
    declarations = "var x: f32 = 1.0;\nvar y: f32 = 2.0;"

    def cost(body, **changed):
        m = replace(machine, **changed)
        return task_cycles(tmp_path, declarations, body, m) - task_cycles(
            tmp_path, declarations, "", m
        )

    # Two loads, a dependent addition, a store: 4 instructions, 7 cycles.
    assert cost("x = x + y;") == 7
    assert cost("x = x / y;") == 7 - machine.float + machine.divide
    assert cost("x = x + y;", load=5) == 13


ROW = """
const memcpy = @import_module("<memcpy/get_params>", .{ .width = 3, .height = 2 });
param CORNER: i16;
const c = @get_color(2);
layout {
  @set_rectangle(3, 2);
  for (@range(i16, 3)) |x| {
    for (@range(i16, 2)) |y| {
      @set_tile_code(x, y, "pe.csl", .{ .memcpy_params = memcpy.get_params(x),
        .first = x == 0 and y == 0,
        .last = if (CORNER == 1) x == 1 and y == 1 else x == 2 and y == 0 });
    }
  }
  @set_color_config(0, 0, c, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} } });
  if (CORNER == 1) {
    @set_color_config(1, 0, c, .{ .routes = .{ .rx = .{WEST}, .tx = .{SOUTH} } });
    @set_color_config(1, 1, c, .{ .routes = .{ .rx = .{NORTH}, .tx = .{RAMP} } });
  } else {
    @set_color_config(1, 0, c, .{ .routes = .{ .rx = .{WEST}, .tx = .{EAST} } });
    @set_color_config(2, 0, c, .{ .routes = .{ .rx = .{WEST}, .tx = .{RAMP} } });
  }
  @export_name("go", fn()void);
}
"""
ROW_PE = """
param memcpy_params: comptime_struct;
param first: bool;
param last: bool;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const c = @get_color(2);
const done = @get_local_task_id(9);
const iq = @get_input_queue(2);
const oq = @get_output_queue(2);
var v = @zeros([N]f32);
const N: u16 = 90;
const mem = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{N} -> v[i] });
const rx = @get_dsd(fabin_dsd, .{ .extent = N, .input_queue = iq, .fabric_color = c });
const tx = @get_dsd(fabout_dsd, .{ .extent = N, .output_queue = oq, .fabric_color = c });
task finish() void { sys.unblock_cmd_stream(); }
fn go() void {
  if (first) {
    @fmovs(tx, mem);
    sys.unblock_cmd_stream();
  } else if (last) {
    @fmovs(mem, rx, .{ .async = true, .activate = done });
  } else {
    sys.unblock_cmd_stream();
  }
}
comptime {
  @bind_local_task(finish, done);
  if (last) { @initialize_queue(iq, .{ .color = c }); }
  if (@is_arch("wse3") and first) { @initialize_queue(oq, .{ .color = c }); }
  @export_symbol(go);
}
"""


def received_at(folder, arch, corner, machine):
    """When the last word of 90, two hops away, has been received; and the counters."""
    sim = Simulator(
        build(folder, {"layout.csl": ROW, "pe.csl": ROW_PE}, arch, CORNER=corner), machine=machine
    )
    sim.trace(1000)
    sim.start()
    sim.launch("go", [])
    sim.finish()
    sim.settle()
    spans = sim.spans()
    receiver = 4 if corner else 2
    (received,) = (s for s in spans if s[3] == 2 and s[2] == receiver)
    return int(received[1]), sim.counters()


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_hops_corners_links_and_ramps(tmp_path, arch):
    machine = MACHINES[arch]

    def at(corner=0, **changed):
        return received_at(tmp_path, arch, corner, replace(machine, **changed))[0]

    plain = at()
    assert at(hop=machine.hop + 3) - plain == 2 * 3  # two hops
    assert at(corner=1) - plain == machine.turn - machine.hop
    assert at(gap=16) - at(gap=8) == 89  # a wavelet every second cycle
    assert at(ramp=machine.ramp + 1) - plain == 2  # in and out
    counters = received_at(tmp_path, arch, 0, machine)[1]
    assert counters["sent"][0].tolist() == [90, 0, 0]
    assert counters["received"][0].tolist() == [0, 0, 90]
    assert counters["east"][0].tolist() == [90, 90, 0]
    assert counters["elements"][0].tolist() == [90, 0, 90]
    assert not any(counters[d].any() for d in ("north", "south", "west"))
    assert counters["stalled"][0, 0] >= 90 > counters["stalled"][0, 2] == 0


def test_a_run_takes_the_same_cycles_every_time():
    assert len({collectives.measure("tree", 8, 32) for _ in range(3)}) == 1


def test_the_runtime_reports_its_counters(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PLAIT_CSL_STATS", "1")
    body = "var out = @zeros([4]f32);\nvar out_ptr: [*]f32 = &out;\n"
    pe = PE % (body + "fn main() void { sys.unblock_cmd_stream(); }")
    runtime = runner(build(tmp_path, {"layout.csl": LAYOUT % {"type": "f32"}, "pe.csl": pe}))
    runtime.launch("main", nonblock=False)
    runtime.stop()
    assert "'tasks': 1" in capsys.readouterr().out


ENDLESS = """
const again = @get_local_task_id(9);
task run() void { @activate(again); }
fn main() void { @activate(again); }
comptime { @bind_local_task(run, again); }
"""


def endless(folder):
    """A program whose tasks activate each other for ever, launched."""
    body = "var out = @zeros([1]f32);\nvar out_ptr: [*]f32 = &out;\n" + ENDLESS
    pe = PE % body
    sim = Simulator(build(folder, {"layout.csl": LAYOUT % {"type": "f32"}, "pe.csl": pe}))
    sim.start()
    sim.launch("main", [])
    return sim


def test_a_long_run_can_be_interrupted(tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    sim = endless(tmp_path)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            sim.finish()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert sim.totals()["cycles"] > 1000
    assert "has not unblocked" in sim.report()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_long_run_shows_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0)
    sim = endless(tmp_path)
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        with progress.Progress(sim, stream) as bar:
            bar.update()
            bar.update()
    assert "0 of 1 PEs done" in terminal.getvalue()
    assert file.getvalue() == ""
