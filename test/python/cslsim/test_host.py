"""The host's copies: orders, regions, 16 bits, broadcasts, streams, and what is refused."""

import numpy as np
import pytest
from support import build, get, runner

from plait.cslsim.errors import SimulationError
from plait.cslsim.runtime import MemcpyDataType, MemcpyOrder, SdkRuntime

LAYOUT = """
const memcpy = @import_module("<memcpy/get_params>", .{ .width = 3, .height = 2,
  .MEMCPYH2D_1 = @get_color(8), .MEMCPYD2H_1 = @get_color(9) });
layout {
  @set_rectangle(3, 2);
  for (@range(i16, 3)) |x| {
    for (@range(i16, 2)) |y| {
      @set_tile_code(x, y, "pe.csl", .{ .memcpy_params = memcpy.get_params(x) });
    }
  }
  @export_name("v", [*]u32, true);
  @export_name("h", [*]u16, true);
  @export_name("fixed", [*]u32, false);
  @export_name("scale", fn(i16, f32)void);
}
"""
PE = """
param memcpy_params: comptime_struct;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const iq = @get_input_queue(2);
const oq = @get_output_queue(2);
const id = if (@is_arch("wse3")) @get_data_task_id(iq) else @get_data_task_id(sys.MEMCPYH2D_1);
var v = @zeros([2]u32);
var h = @zeros([2]u16);
var fixed = [1]u32{ 7 };
var v_ptr: [*]u32 = &v;
var h_ptr: [*]u16 = &h;
var fixed_ptr: [*]u32 = &fixed;
const out = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = sys.MEMCPYD2H_1,
                                    .output_queue = oq });
task got(w: u32) void { @mov32(out, w + 1); }
fn scale(a: i16, b: f32) void {
  v[0] = @as(u32, @as(f32, a) * b);
  sys.unblock_cmd_stream();
}
comptime {
  @bind_data_task(got, id);
  if (@is_arch("wse3")) {
    @initialize_queue(iq, .{ .color = sys.MEMCPYH2D_1 });
    @initialize_queue(oq, .{ .color = sys.MEMCPYD2H_1 });
  }
  @export_symbol(v_ptr, "v");
  @export_symbol(h_ptr, "h");
  @export_symbol(fixed_ptr, "fixed");
  @export_symbol(scale);
}
"""
WORD = {"data_type": MemcpyDataType.MEMCPY_32BIT, "streaming": False, "nonblock": False}
ROWS, COLUMNS = MemcpyOrder.ROW_MAJOR, MemcpyOrder.COL_MAJOR


@pytest.fixture(params=["wse2", "wse3"])
def host(request, tmp_path):
    return runner(build(tmp_path, {"layout.csl": LAYOUT, "pe.csl": PE}, request.param))


def values(host):
    return get(host, "v", 0, 0, 3, 2, 2, np.uint32)


def test_orders(host):
    v = host.get_id("v")
    host.memcpy_h2d(v, np.arange(12, dtype=np.uint32), 0, 0, 3, 2, 2, order=ROWS, **WORD)
    # PE (x, y) has elements 6 y + 2 x and the next.
    assert values(host).tolist() == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]
    out = np.zeros(12, np.uint32)
    host.memcpy_d2h(out, v, 0, 0, 3, 2, 2, order=COLUMNS, **WORD)
    # Columns first: for each element, for each x, every y.
    assert out.tolist() == [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]
    host.memcpy_h2d(v, np.arange(4, dtype=np.uint32), 1, 0, 1, 2, 2, order=COLUMNS, **WORD)
    assert values(host)[:, 1].tolist() == [[0, 2], [1, 3]]
    assert values(host)[:, 0].tolist() == [[0, 1], [6, 7]]


@pytest.mark.parametrize("order", [ROWS, COLUMNS])
def test_broadcasts(host, order):
    v = host.get_id("v")
    host.memcpy_h2d_rowbcast(v, np.arange(4, dtype=np.uint32), 0, 0, 3, 2, 2, order=order, **WORD)
    want = [[0, 1], [2, 3]] if order == ROWS else [[0, 2], [1, 3]]
    assert values(host).tolist() == [[row] * 3 for row in want]
    host.memcpy_h2d_colbcast(v, np.arange(4, dtype=np.uint32), 1, 0, 2, 2, 2, order=order, **WORD)
    assert values(host)[0, 1:].tolist() == want and values(host)[1, 1:].tolist() == want
    with pytest.raises(SimulationError, match="memcpy_h2d_rowbcast moves 4 elements"):
        host.memcpy_h2d_rowbcast(v, np.zeros(6, np.uint32), 0, 0, 3, 2, 2, order=order, **WORD)


@pytest.mark.parametrize("order", [ROWS, COLUMNS])
def test_strides(host, order):
    # Every second PE of a row, every row: xi = 1 + floor((3 - 1) / 2) = 2 columns, eta = 2 rows.
    tensor = np.arange(1, 9, dtype=np.uint32).reshape(2, 2, 2)  # [xi][eta][element]
    flat = tensor if order == ROWS else tensor.transpose(2, 1, 0)
    v = host.get_id("v")
    host.memcpy_h2d_stride(v, flat.ravel(), 0, 0, 3, 2, 2, 2, 1, order=order, **WORD)
    rows = [[[1, 2], [0, 0], [5, 6]], [[3, 4], [0, 0], [7, 8]]]
    assert values(host).tolist() == rows
    # A stride beyond the region leaves one column; the second row is skipped.
    host.memcpy_h2d_stride(v, np.array([9, 9], np.uint32), 1, 0, 2, 2, 2, 2, 2, order=order, **WORD)
    rows[0][1] = [9, 9]
    assert values(host).tolist() == rows


def test_strided_streams(host):
    stream = dict(WORD, streaming=True, order=ROWS)
    host.memcpy_h2d_stride(8, np.array([10, 20], np.uint32), 0, 1, 3, 1, 1, 2, 1, **stream)
    out = np.zeros(2, np.uint32)
    for place, x in enumerate((0, 2)):
        host.memcpy_d2h(out[place : place + 1], 9, x, 1, 1, 1, 1, **stream)
    assert out.tolist() == [11, 21]
    host.stop()


def test_the_width_of_a_stream_is_the_program_s(host):
    # data_type has no effect on streams.
    narrow = dict(WORD, streaming=True, order=ROWS, data_type=MemcpyDataType.MEMCPY_16BIT)
    host.memcpy_h2d(8, np.array([0x70000], np.uint32), 0, 0, 1, 1, 1, **narrow)
    out = np.zeros(1, np.uint32)
    host.memcpy_d2h(out, 9, 0, 0, 1, 1, 1, **narrow)
    assert out.tolist() == [0x70001]


def test_sixteen_bits_travel_in_words(host):
    narrow = dict(WORD, data_type=MemcpyDataType.MEMCPY_16BIT, order=ROWS)
    h = host.get_id("h")
    host.memcpy_h2d(h, np.array([0x10001, 2], np.uint32), 2, 1, 1, 1, 2, **narrow)
    assert get(host, "h", 2, 1, 1, 1, 2, np.uint16)[0, 0].tolist() == [1, 2]
    with pytest.raises(SimulationError, match=r"needs? .*32-bit elements, got uint16"):
        host.memcpy_h2d(h, np.zeros(2, np.uint16), 2, 1, 1, 1, 2, **narrow)


def test_streams_of_a_region(host):
    stream = dict(WORD, streaming=True, order=ROWS)
    host.memcpy_h2d(8, np.arange(8, dtype=np.uint32), 1, 0, 2, 2, 2, **stream)
    out = np.zeros(8, np.uint32)
    host.memcpy_d2h(out, 9, 1, 0, 2, 2, 2, **stream)
    assert out.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    host.memcpy_h2d_rowbcast(8, np.array([10, 20], np.uint32), 0, 0, 3, 2, 1, **stream)
    out = np.zeros(6, np.uint32)
    host.memcpy_d2h(out, 9, 0, 0, 3, 2, 1, **stream)
    assert out.tolist() == [11, 11, 11, 21, 21, 21]
    host.stop()


def test_launch_arguments(host):
    host.launch("scale", np.int16(-3), np.float32(-2.5), nonblock=False)
    assert values(host)[:, :, 0].tolist() == [[7] * 3] * 2
    with pytest.raises(SimulationError, match="'scale' takes 2 arguments, got 1"):
        host.launch("scale", np.int16(1))
    with pytest.raises(SimulationError, match="the argument 70000 does not fit in i16"):
        host.launch("scale", 70000, 1.0)
    with pytest.raises(SimulationError, match="no exported function 'none'"):
        host.launch("none")


def test_words_left_over_stop_the_run(host):
    host.memcpy_h2d(8, np.arange(2, dtype=np.uint32), 0, 0, 1, 1, 2, **dict(WORD, streaming=True))
    with pytest.raises(
        SimulationError, match=r"left over at stop:\n.*\(0, 0\): 2 words on color 9"
    ):
        host.stop()


def test_the_host_is_checked(host):
    v = host.get_id("v")
    two = np.zeros(2, np.uint32)
    for call, message in (
        (lambda: host.memcpy_h2d(v, two, 3, 0, 1, 1, 2, **WORD), "leaves the 3 by 2 rectangle"),
        (lambda: host.memcpy_h2d(v, two, 0, 0, 1, 1, 3, **WORD), "moves 3 elements, .* has 2"),
        (lambda: host.memcpy_h2d(host.get_id("fixed"), two[:1], 0, 0, 1, 1, 1, **WORD),
         "'fixed' is not writable"),
        (lambda: host.memcpy_h2d(v, two, 0, 0, 1, 1, 2, color=1, **WORD), "does not know color"),
        (lambda: host.memcpy_h2d(v, two, 0, 0, 1, 1, 2, **dict(WORD, streaming=True)),
         "streaming needs a color"),
        (lambda: host.memcpy_h2d(9, two, 0, 0, 1, 1, 2, **dict(WORD, streaming=True)),
         "color 9 does not stream in: the layout gave <memcpy/get_params> colors 8 for that"),
        (lambda: host.memcpy_d2h(two, 8, 0, 0, 1, 1, 2, **dict(WORD, streaming=True)),
         "color 8 does not stream out"),
        (lambda: host.memcpy_d2h(two, 9, 0, 0, 1, 1, 2, **WORD), "9 is no variable"),
        (lambda: host.memcpy_d2h(two[:0], v, 0, 0, 1, 1, 9999, **WORD), "moves 9999 elements"),
        (lambda: host.memcpy_h2d_stride(v, two, 0, 0, 1, 1, 2, 0, 1, **WORD),
         "'row_stride' must be positive, got 0"),
        (lambda: host.memcpy_h2d_stride(v, two, 0, 0, 3, 2, 2, 2, 1, **WORD),
         "memcpy_h2d_stride moves 8 elements, the host array has 2"),
        (lambda: host.get_id("none"), "no exported variable 'none'"),
        (lambda: SdkRuntime("nowhere"), "no compiled program in 'nowhere'"),
        (lambda: SdkRuntime("nowhere", cmaddr="1.2.3.4:9"), "'cmaddr' names a machine"),
        (lambda: SdkRuntime("nowhere", speed=9), "does not know speed"),
    ):  # fmt: skip
        with pytest.raises(SimulationError, match=message):
            call()
