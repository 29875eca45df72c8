"""FIFOs: operations that wait or end at a full or empty one, and the tasks they activate."""

import numpy as np
import pytest
from support import run_one

from plait.cslsim.errors import CslError, SimulationError, Unsupported

BUFFER = """
var room = @zeros([3]i32);
const fifo = @allocate_fifo(room);
var five = [5]i32{ 11, 12, 13, 14, 15 };
const Five = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> five[i] });
const Out = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> out[i] });
"""


def test_a_synchronous_operation_ends_at_a_full_or_empty_fifo(tmp_path):
    body = """
      const pushed = @mov32(fifo, Five);     // 11, 12 and 13 fit
      const popped = @mov32(Out, fifo);      // and come out
      const again = @mov32(fifo, @set_dsd_length(Five, 2));
      const all = @mov32(@set_dsd_length(Out, 2), fifo);
      out[5] = @as(i32, pushed); out[6] = @as(i32, popped);
      out[7] = @as(i32, again); out[8] = @as(i32, all);
    """
    got = run_one(tmp_path, BUFFER, body, 9)
    assert got.tolist() == [11, 12, 13, 0, 0, 0, 0, 1, 1]


def test_the_order_is_that_of_arrival(tmp_path):
    body = """
      _ = @mov32(fifo, @set_dsd_length(Five, 2));
      _ = @mov32(@set_dsd_length(Out, 1), fifo);
      _ = @mov32(fifo, @increment_dsd_offset(@set_dsd_length(Five, 2), 2, i32));
      _ = @mov32(@increment_dsd_offset(@set_dsd_length(Out, 3), 1, i32), fifo);
    """
    assert run_one(tmp_path, BUFFER, body, 5).tolist() == [11, 12, 13, 14, 0]


def test_a_scalar_keeps_its_value_if_the_fifo_runs_empty(tmp_path):
    body = """
      out[0] = 7;
      out[1] = @as(i32, @mov32(&out[0], fifo));
      _ = @mov32(fifo, @set_dsd_length(Five, 1));
      out[3] = out[0];
      out[2] = @as(i32, @mov32(&out[0], fifo));
    """
    assert run_one(tmp_path, BUFFER, body, 4).tolist() == [11, 0, 1, 7]


@pytest.mark.parametrize(
    "old, want",
    [
        # Three of five go in, the push waits: the first pop after that activates on_pop, once.
        # The second pop waits for the fourth element, which activates on_push.
        ("", [11, 12, 13, 14, 15, 1, 1]),
        # A FIFO with room for all, filled before it is emptied, activates nobody.
        ("@zeros([3]i32)", [11, 12, 13, 14, 15, 0, 0]),
    ],
)
def test_tasks_of_a_fifo(tmp_path, old, want):
    declarations = """
      var room = @zeros([3]i32);
      const pop_id = @get_local_task_id(9);
      const push_id = @get_local_task_id(10);
      const fifo = @allocate_fifo(room, .{ .activate_pop = pop_id, .activate_push = push_id });
      var five = [5]i32{ 11, 12, 13, 14, 15 };
      const Five = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> five[i] });
      const Out = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> out[i] });
      task on_pop() void { out[5] += 1; }
      task on_push() void { out[6] += 1; }
      comptime { @bind_local_task(on_pop, pop_id); @bind_local_task(on_push, push_id); }
    """
    if old:
        declarations = declarations.replace(old, "@zeros([8]i32)")
    body = """
      if (!@mov32(fifo, Five)) {
        _ = @mov32(Out, fifo);
        const Rest = @increment_dsd_offset(@set_dsd_length(Five, 2), 3, i32);
        _ = @mov32(fifo, Rest);
        _ = @mov32(@increment_dsd_offset(@set_dsd_length(Out, 2), 3, i32), fifo);
      } else {
        _ = @mov32(Out, fifo);
      }
    """
    assert run_one(tmp_path, declarations, body, 7).tolist() == want


def test_an_asynchronous_push_waits_for_room(tmp_path):
    declarations = (
        BUFFER
        + """
      const wait_id = @get_local_task_id(9);
      const loop = @get_color(4);
      const iq = @get_input_queue(2);
      const oq = @get_output_queue(2);
      const From = @get_dsd(fabin_dsd, .{ .extent = 5, .input_queue = iq, .fabric_color = loop });
      const To = @get_dsd(fabout_dsd, .{ .extent = 5, .output_queue = oq, .fabric_color = loop });
      task drained() void {
        var n: i16 = 0;
        while (n < 5) : (n += 1) { out[n] *= 2; }
        sys.unblock_cmd_stream();
      }
      comptime {
        @bind_local_task(drained, wait_id);
        @set_local_color_config(loop, .{ .routes = .{ .rx = .{RAMP}, .tx = .{RAMP} } });
        @initialize_queue(iq, .{ .color = loop });
        @initialize_queue(oq, .{ .color = loop });
      }
    """
    )
    # Five words through three places: memory to the fabric, to the FIFO, to memory. Both ends of
    # the FIFO are asynchronous, so that each waits for the other.
    body = """
      @mov32(fifo, From, .{ .async = true, .ut_id = @get_ut_id(3) });
      @mov32(Out, fifo, .{ .async = true, .activate = wait_id });
      @mov32(To, Five);
      if (n == 1) { return; }
    """
    got = run_one(tmp_path, declarations + "var n: i16 = 1;", body, 5)
    assert got.tolist() == [22, 24, 26, 28, 30]


@pytest.mark.parametrize(
    "declarations, body, error, message",
    [
        ("", "@add16(Out, fifo, Out);", CslError, "a FIFO cannot be the first source of @add16"),
        ("", "@add16(Out, fifo, fifo);", CslError, "has more than one FIFO among its sources"),
        ("var r = @zeros([2]i32); const f2 = @allocate_fifo(r, .{ .full_action = 1 });",
         "_ = @mov32(f2, Five);", Unsupported, "FIFO setting 'full_action'"),
        ("fn f(x: i32) i32 { return x; }", "@map(f, fifo, Out);", CslError, "no operand of @map"),
    ],
)  # fmt: skip
def test_what_a_fifo_cannot_be(tmp_path, declarations, body, error, message):
    with pytest.raises(error, match=r"pe.csl:\d+:\d+: .*" + message):
        run_one(tmp_path, BUFFER + declarations, body, 5)


def test_a_deadlock_names_the_fifo(tmp_path):
    declarations = BUFFER + "const wait_id = @get_local_task_id(9);"
    body = "@mov32(Out, fifo, .{ .async = true, .activate = wait_id }); if (out[0] == 0) return;"
    with pytest.raises(SimulationError, match=r"0 of 5 elements done, for its FIFO"):
        run_one(tmp_path, declarations, body, 5, np.int32)
