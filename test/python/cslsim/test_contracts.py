"""Libraries against their published contracts, with results worked out by hand."""

import numpy as np
import pytest
from support import LAYOUT, PE, build, get, put, run_one, runner
from test_router import row

from plait.cslsim.errors import CslError, SimulationError


def words(tmp_path, declarations, body, n, arch="wse3"):
    return run_one(tmp_path, declarations, body, n, np.uint32, "u32", arch).tolist()


def test_control_payloads(tmp_path):
    declarations = """
      const control = @import_module("<control>");
      const op = control.opcode;
      const id = @get_control_task_id(40);
      comptime { @comptime_assert(control.MAX_CMDS == 8); }
    """
    body = """
      out[0] = control.encode_control_task_payload(id);
      out[1] = control.encode_single_payload(op.SWITCH_ADV, true, {}, 5);
      out[2] = control.encode_single_payload(op.TEARDOWN, false, id, 0xffff);
      out[3] = control.encode_payload(3, [3]op{ op.SWITCH_ADV, op.SWITCH_RST, op.TEARDOWN },
                                      [3]bool{ false, true, true }, false, {});
      out[4] = control.encode_payload(1, [1]op{ op.SWITCH_ADV }, [1]bool{ true }, true, id);
    """
    want = [
        40 << 16,
        1 << 22 | 1 << 24 | 5,
        3 << 22 | 40 << 16 | 0xFFFF,
        # Commands of three bits from bit 22 on: 1, 2 + 4, 3 + 4 = 0b111 at 28, 29 and 0.
        1 << 22 | 6 << 25 | 3 << 28 | 1,
        # 1 + 4, then seven times 4: at 27 (the last of the second), 0, 3, 6, 9, 12 and 15.
        5 << 22 | 1 << 27 | 40 << 16 | 0b1001001001001001,
    ]
    assert words(tmp_path, declarations, body, 5) == want


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_a_payload_of_the_library_moves_switches(tmp_path, arch):
    # PE 1 takes NOP, PE 2 ADV (it no longer lets words down), PE 3 NOP, PE 4 ADV.
    pop = ".pop_mode = .{ .always_pop = true }"
    body = """
      const lib = @import_module("<control>");
      const op = lib.opcode;
      const all = lib.encode_payload(5, [5]op{ op.NOP, op.NOP, op.SWITCH_ADV, op.NOP, op.NOP },
        [5]bool{ true, true, true, true, true }, true, {});
      @mov32(control, all);
      @mov32(data, @as(u32, 7));
    """
    off = f", .switches = .{{ .pos1 = .{{ .tx = EAST }}, {pop} }}"
    taken = row(tmp_path, body, arch, first=f", .switches = .{{ {pop} }}", rest=off, last=off)
    assert [x for x in range(5) if taken[x, 0] == 7] == [1, 3, 4]


def test_math_of_classes_and_scales(tmp_path):
    declarations = """
      const math = @import_module("<math>");
      var one: f32 = 1.0; var zero: f32 = 0.0; var h: f16 = -2.5;
      var quiet: u32 = 0x7fc00000; var loud: u32 = 0x7f800001;
      fn bit(b: bool) u32 { return @as(u32, b); }
    """
    body = """
      const inf = one / zero;
      out[0] = bit(math.isInf(inf)) | bit(math.isInf_f32(-inf)) << 1 | bit(math.isInf(one)) << 2;
      out[1] = bit(math.isFinite(one)) | bit(math.isFinite(inf)) << 1
        | bit(math.isFinite(inf - inf)) << 2;
      out[2] = bit(math.isNaN(inf - inf)) | bit(math.isNaN(inf)) << 1;
      out[3] = bit(math.signbit(h)) | bit(math.signbit_f32(-zero)) << 1
        | bit(math.signbit(one)) << 2;
      out[4] = bit(math.isSignaling(@bitcast(f32, loud)))
        | bit(math.isSignaling(@bitcast(f32, quiet))) << 1;
      out[5] = @bitcast(u32, math.fscale(@as(f32, 3.0), -2));
      out[6] = @as(u32, @bitcast(u16, math.fscale(h, 3)));
      out[7] = bit(math.POSITIVE_INF(f32) == inf) | bit(math.NEGATIVE_INF(f32) == -inf) << 1;
      out[8] = @as(u32, math.sign(@as(i16, -4)) == -1) | @as(u32, math.max(one, zero)) << 1
        | @as(u32, math.min(@as(u16, 3), 2)) << 2;
    """
    want = [3, 1, 1, 3, 1, np.float32(0.75).view(np.uint32), np.float16(-20).view(np.uint16), 3, 11]
    assert words(tmp_path, declarations, body, 9) == want


def test_random_numbers_repeat_after_a_seed(tmp_path):
    declarations = """
      const random = @import_module("<random>");
      var low: u32 = 0;
    """
    body = """
      random.set_global_prng_seed(5);
      out[0] = random.random_u32(); out[1] = random.random_u32();
      random.set_global_prng_seed(6);
      out[2] = random.random_u32();
      random.set_global_prng_seed(5);
      out[3] = random.random_u32();
      var n: i16 = 0;
      while (n < 200) : (n += 1) {
        if (random.random_pow_u32(3) > 7) { out[4] += 1; }
        const x = random.random_f32(-1.0, 3.0);
        if (x < -1.0 or x >= 3.0) { out[5] += 1; }
        const y = random.random_f16(2.0, 4.0);
        if (y < 2.0 or y > 4.0) { out[6] += 1; }
        if (random.random_normal_f32() < 0.0) { low += 1; }
      }
      out[7] = @as(u32, low > 60 and low < 140);
    """
    got = words(tmp_path, declarations, body, 8)
    assert got[0] != got[1] and got[0] != got[2] and got[0] == got[3]
    assert got[4:] == [0, 0, 0, 1]


def test_the_clock_starts_over(tmp_path):
    declarations = """
      const time = @import_module("<time>");
      var a = @zeros([3]u16); var b = @zeros([3]u16); var c = @zeros([3]u16);
    """
    body = """
      var n: i16 = 0;
      time.enable_tsc();
      while (n < 500) : (n += 1) { out[3] += 1; }
      time.get_timestamp(&a);
      time.reset_tsc_counter();
      time.get_timestamp(&b);
      time.enable_tsc();
      time.get_timestamp(&c);
      out[0] = @as(u32, a[0]); out[1] = @as(u32, b[0]); out[2] = @as(u32, c[0]);
    """
    first, after, again, _ = words(tmp_path, declarations, body, 4)
    assert first > 2500 and after < 50 and again < 50


def test_directions(tmp_path):
    declarations = """
      const lib = @import_module("<directions>");
      comptime {
        @comptime_assert(lib.flip(NORTH) == SOUTH and lib.flip(RAMP) == RAMP);
        @comptime_assert(lib.flip_horizontal(EAST) == WEST and lib.flip_horizontal(NORTH) == NORTH);
        @comptime_assert(lib.flip_vertical(EAST) == EAST and lib.flip_vertical(NORTH) == SOUTH);
        @comptime_assert(lib.rotate_clockwise(NORTH) == EAST);
        @comptime_assert(lib.rotate_counterclockwise(NORTH) == WEST);
      }
    """
    assert words(tmp_path, declarations, "out[0] = 1;", 1) == [1]


def test_where_a_pe_is(tmp_path):
    layout = """
      const memcpy = @import_module("<memcpy/get_params>", .{ .width = 3, .height = 2 });
      layout {
        @set_rectangle(3, 2);
        for (@range(i16, 3)) |x| { for (@range(i16, 2)) |y| {
          @set_tile_code(x, y, "pe.csl", .{ .memcpy_params = memcpy.get_params(x) });
        } }
        @export_name("out", [*]u32, true);
        @export_name("main", fn()void);
      }
    """
    pe = (
        PE
        % """
      const layout = @import_module("<layout>");
      const config = @import_module("<tile_config>");
      var out = @zeros([3]u32);
      var out_ptr: [*]u32 = &out;
      fn main() void {
        out[0] = @as(u32, layout.get_x_coord()) * 10 + @as(u32, layout.get_y_coord());
        out[1] = @as(u32, config.get_fabric_coord(config.fabric_coord.X)) * 10
          + @as(u32, config.get_fabric_coord(config.fabric_coord.Y));
        out[2] = @as(u32, @get_rectangle().width) * 10 + @as(u32, @get_rectangle().height);
        sys.unblock_cmd_stream();
      }
    """
    )
    runtime = runner(build(tmp_path, {"layout.csl": layout, "pe.csl": pe}))
    runtime.launch("main", nonblock=False)
    got = get(runtime, "out", 0, 0, 3, 2, 3, np.uint32)
    want = [[[x * 10 + y, x * 10 + y, 32] for x in range(3)] for y in range(2)]
    assert got.tolist() == want


# A PE that sends words to itself, or elsewhere, as its router is told at run time.
LOOP = """
  const config = @import_module("<tile_config>");
  const routes = config.color_config;
  const switches = config.switch_config;
  const c = @get_color(4);
  const iq = @get_input_queue(2);
  const oq = @get_output_queue(2);
  const In = @get_dsd(fabin_dsd, .{ .extent = 1, .input_queue = iq, .fabric_color = c });
  const Word = @get_dsd(fabout_dsd, .{ .extent = 1, .output_queue = oq, .fabric_color = c });
  const Order = @get_dsd(fabout_dsd, .{ .extent = 1, .output_queue = oq, .fabric_color = c,
                                        .control = true });
  fn advance() void { @mov32(Order, @as(u32, (5 << 22) | (31 << 16))); }
  fn through(x: u32) u32 { var got: u32 = 0; @mov32(Word, x); @mov32(&got, In); return got; }
  fn pause() void { var n: i16 = 0; while (n < 9) : (n += 1) {} }
  comptime {
    @initialize_queue(iq, .{ .color = c });
    if (@is_arch("wse3")) { @initialize_queue(oq, .{ .color = c }); }
    @set_local_color_config(c, .{ .routes = .{ .rx = %s, .tx = %s }%s });
  }
"""


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize(
    "rx, tx, more, body",
    [
        # Directions of position 0.
        ("EAST", "RAMP", "", "routes.set_io_direction(c, routes.fabric_io.RX_RAMP);"),
        ("RAMP", ".{ RAMP, EAST }", "", "routes.clear_io_direction(c, routes.fabric_io.TX_EAST);"),
        ("RAMP", "EAST", "", "routes.toggle_io_direction(c, routes.fabric_io.TX_EAST); "
         "routes.toggle_io_direction(routes.get_color_config_addr(c), routes.fabric_io.TX_RAMP);"),
        ("EAST", "EAST", "", "routes.reset_routes(c, .{ .rx = RAMP, .tx = .{ RAMP } });"),
        # The switch: a position added, the present one set and cleared.
        ("RAMP", "EAST", "", "switches.set_tx_switch_pos1(c, RAMP); "
         "switches.set_current_switch_position(c, 1);"),
        ("RAMP", "EAST", "", "switches.set_switch_pos(switches.switch_pos.POS1, c, RAMP, "
         "switches.switch_select.OUTPUT); switches.set_current_switch_position(c, 1);"),
        ("RAMP", "RAMP", ", .switches = .{ .pos1 = .{ .tx = EAST }, .current_switch_pos = 1 }",
         "switches.clear_current_position(c);"),
        # pos1 is out of reach, so that an advance changes nothing.
        ("RAMP", "RAMP", ", .switches = .{ .pos1 = .{ .tx = EAST } }",
         "switches.set_invalid_for_all_switch_positions(c); advance(); pause();"),
        # In ring mode the second advance comes back.
        ("RAMP", "RAMP", ", .switches = .{ .pos1 = .{ .rx = RAMP } }",
         "switches.set_ring_mode(c, switches.ring_mode.RING_MODE); advance(); advance(); pause();"),
    ],
)  # fmt: skip
def test_a_router_is_changed_at_run_time(tmp_path, arch, rx, tx, more, body):
    declarations = LOOP % (rx, tx, more)
    assert words(tmp_path, declarations, body + " out[0] = through(77);", 1, arch) == [77]


def test_positions_that_change_both_are_of_wse3(tmp_path):
    body = (
        "switches.set_rxtx_switch_pos1(c, RAMP, RAMP); switches.set_current_switch_position(c, 1);"
    )
    declarations = LOOP % ("EAST", "EAST", "")
    assert words(tmp_path, declarations, body + "out[0] = through(5);", 1) == [5]
    with pytest.raises(CslError, match="exists on wse3 only"):
        words(tmp_path, declarations, body, 1, "wse2")
    with pytest.raises(
        SimulationError, match=r"switch_config.csl.*: switch position 2 is not valid"
    ):
        words(tmp_path, declarations, "switches.set_current_switch_position(c, 2);", 1)


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_the_teardown_task(tmp_path, arch):
    # A control wavelet tears the color down; the word behind it waits until the task says exit.
    declarations = (
        LOOP % ("RAMP", "RAMP", "")
        + """
      const down = config.teardown;
      var seen: u32 = 0;
      const next_id = @get_local_task_id(9);
      task torn() void {
        const pending = down.get_pending();
        seen = pending;
        if (down.is_pending(pending, c) and !down.is_pending(pending, @get_color(5))) {
          down.exit(c);
          @unblock(next_id);
        }
      }
      task next() void { out[0] = through(3); out[1] = seen; out[2] = down.get_pending(); }
      comptime {
        @bind_local_task(torn, down.get_task_id());
        @bind_local_task(next, next_id);
        @block(next_id);
      }
    """
    )
    body = "@mov32(Order, @as(u32, (7 << 22) | (31 << 16))); @activate(next_id);"
    runtime = run_rest(tmp_path, declarations, body, arch)
    assert runtime == [3, 1 << 4, 0]


def run_rest(tmp_path, declarations, body, arch):
    """What ``out`` holds after everything has come to rest."""
    pe = PE % (
        f"var out = @zeros([3]u32);\nvar out_ptr: [*]u32 = &out;\n{declarations}\n"
        f"fn main() void {{ {body} sys.unblock_cmd_stream(); }}\n"
    )
    runtime = runner(build(tmp_path, {"layout.csl": LAYOUT % {"type": "u32"}, "pe.csl": pe}, arch))
    runtime.launch("main", nonblock=False)
    got = get(runtime, "out", 0, 0, 1, 1, 3, np.uint32)[0, 0].tolist()
    runtime.stop()
    return got


def test_queue_states(tmp_path):
    declarations = (
        LOOP % ("RAMP", "RAMP", "")
        + """
      const ins = config.input_queue_status;
      const outs = config.output_queue_status;
      fn bit(b: bool) u32 { return @as(u32, b); }
    """
    )
    body = """
      const before = ins.get();
      out[0] = bit(ins.is_empty(before, iq)) | bit(ins.all_empty(before)) << 1
        | bit(ins.none_full(before)) << 2 | bit(outs.all_empty(outs.get())) << 3;
      @mov32(Word, @as(u32, 1));
      var wait: i16 = 0;
      while (wait < 20) : (wait += 1) {}
      @mov32(Word, @as(u32, 2)); // gives the first word time to arrive
      const after = ins.get();
      out[1] = bit(ins.is_empty(after, iq)) | bit(ins.none_empty(after)) << 1
        | bit(ins.is_full(after, iq)) << 2;
      @mov32(&out[2], In); @mov32(&out[3], In);
    """
    assert words(tmp_path, declarations, body, 4) == [15, 0, 1, 2]


def test_a_vector_of_each_conversion(tmp_path):
    declarations = """
      var f = [3]f32{ -2.75, 3.5, 100000.0 };
      var h = [3]f16{ -2.75, 3.5, 60000.0 };
      var i = [3]i16{ -3, 0, 5 };
      const F = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{3} -> f[k] });
      const H = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{3} -> h[k] });
      const I = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{3} -> i[k] });
      var s: i16 = 0; var bits = [4]u16{ 0, 1, 0x8000, 0x0f0f };
      const B = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{4} -> bits[k] });
      var o = @zeros([4]u16);
      const O = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{4} -> o[k] });
      fn hex() u32 { // the four results as digits of base 32
        return ((@as(u32, o[0]) * 32 + @as(u32, o[1])) * 32 + @as(u32, o[2])) * 32 + @as(u32, o[3]);
      }
    """
    body = """
      @fs2xp16(I, F); out[0] = @as(u32, @bitcast(u16, i[0])) | @as(u32, i[1]) << 16;
      @fh2xp16(&s, @as(f16, -7.9)); out[1] = @as(u32, @bitcast(u16, s));
      @fs2xp16(&s, @as(f32, 8.9)); out[2] = @as(u32, @bitcast(u16, s));
      i[0] = -3; @xp162fh(H, I); out[3] = @as(u32, @bitcast(u16, h[0]));
      @xp162fs(F, I); out[4] = @bitcast(u32, f[0]);
      @popcnt(O, B); out[5] = hex();
      @clz(O, B); out[6] = hex();
      @ctz(O, B); out[7] = hex();
      @fscales(&f[0], 1.5, 4); out[8] = @bitcast(u32, f[0]);
      @fscaleh(&h[0], 1.5, -1); out[9] = @as(u32, @bitcast(u16, h[0]));
    """
    minus2, minus7 = 0xFFFE, 0xFFF9
    half, single = (
        (lambda v: int(np.float16(v).view(np.uint16))),
        (lambda v: int(np.float32(v).view(np.uint32))),
    )

    def digits(*values):
        return sum(v * 32**k for k, v in enumerate(reversed(values)))

    want = [minus2 | 3 << 16, minus7, 8, half(-3), single(-3)]
    want += [digits(0, 1, 1, 8), digits(16, 15, 0, 4), digits(16, 0, 15, 0)]
    want += [single(24), half(0.75)]
    assert words(tmp_path, declarations, body, 10) == want


def test_mixed_sums(tmp_path):
    declarations = """
      var f = [2]f32{ 1.25, 2.0 };
      var h = [2]f16{ 0.5, 0.25 };
      const F = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{2} -> f[k] });
      const H = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{2} -> h[k] });
      const O = @get_dsd(mem1d_dsd, .{ .tensor_access = |k|{2} -> out[k] });
      var half: f16 = 4.0; var total: f32 = 0.0;
    """
    body = """
      @faddhs(O, F, H);
      @faddhs(@increment_dsd_offset(O, 2, f32), half, F);
      @faddhs(@increment_dsd_offset(O, 4, f32), F, 8.0);
      @faddhs(&total, total, H); out[6] = total;
    """
    got = run_one(tmp_path, declarations, body, 7, np.float32, "f32")
    assert got.tolist() == [1.75, 2.25, 5.25, 6.0, 9.25, 10.0, 0.75]


def test_memory_in_four_dimensions_by_strides(tmp_path):
    # The page's own example: {5, 5} with strides {1, -2} is A[2 * i + j].
    declarations = """
      var A = [15]i32{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
      const one = @get_dsd(mem4d_dsd, .{ .base_address = &A, .extent = .{5, 5},
                                         .stride = .{1, -2}, .offset = 1 });
      const two = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{5, 5} -> A[2 * i + j + 1] });
      const O = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{25} -> out[i] });
    """
    body = "@mov32(O, one); @mov32(@increment_dsd_offset(O, 25, i32), two);"
    got = run_one(tmp_path, declarations, body, 50).tolist()
    assert got[:25] == got[25:] == [2 * i + j + 1 for i in range(5) for j in range(5)]


def test_indices_of_wavelets_and_of_memory(tmp_path):
    # A memory index counts words of 16 bits; what is sent carries the index it was given.
    declarations = (
        LOOP % ("RAMP", "RAMP", "")
        + """
      var a = [6]f32{ 0.0, 1.0, 2.0, 3.0, 4.0, 5.0 };
      var o = @zeros([2]f32); var u: u16 = 3;
      const A = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> a[i],
                                       .wavelet_index_offset = true });
      const O = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> o[i] });
      var s = [2]u16{ 8, 9 };
      const S = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> s[i] });
      const Marked = @get_dsd(fabout_dsd, .{ .extent = 2, .output_queue = oq, .fabric_color = c,
                                             .wavelet_index_offset = true });
      const R = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> out[i] });
    """
    )
    body = """
      @fmovs(O, A, .{ .index = 2 * u });
      out[2] = @as(u32, o[0]); out[3] = @as(u32, o[1]);
      @mov16(Marked, S, .{ .index = u });
      @mov32(R, @set_dsd_length(In, 2));
    """
    assert words(tmp_path, declarations, body, 4) == [3 << 16 | 8, 3 << 16 | 9, 3, 4]
    with pytest.raises(SimulationError, match=r"pe.csl:\d+:\d+: operand 1 has .* no 'index'"):
        words(tmp_path, declarations, "@fmovs(O, A);", 4)


def test_shapes_of_types(tmp_path):
    declarations = """
      const T = [3, 5, 7]f16;
      const dims = @dimensions(T);
      comptime {
        @comptime_assert(dims[1] == 5 and @rank(T) == 3 and @element_count(T) == 105);
        @comptime_assert(@is_same_type(@type_of(dims), [3]u32));
        @comptime_assert(@is_same_type(@element_type(T), f16) and @strlen("abc123") == 6);
        @comptime_assert(@is_comptime());
      }
    """
    body = "out[0] = if (@is_comptime()) 1 else 2;"
    assert words(tmp_path, declarations, body, 1) == [2]


def test_dsrs_have_sides(tmp_path):
    declarations = LOOP % ("RAMP", "RAMP", "")
    for dsr, dsd in (("dsr_dest", "In"), ("dsr_src1", "Word")):
        with pytest.raises(CslError, match=f"cannot be loaded to a {dsr}"):
            words(tmp_path, declarations, f"@load_to_dsr(@get_dsr({dsr}, 3), {dsd});", 1)


def test_puts_and_gets_meet(tmp_path):
    """What the host wrote counts as written."""
    pe = PE % (
        "var out: [2]f32; var out_ptr: [*]f32 = &out;\n"
        "fn main() void { out[1] = out[0]; sys.unblock_cmd_stream(); }"
    )
    folder = build(tmp_path, {"layout.csl": LAYOUT % {"type": "f32"}, "pe.csl": pe})
    runtime = runner(folder)
    put(runtime, "out", 0, 0, 1, 1, 1, np.float32([4]))
    runtime.launch("main", nonblock=False)
    assert get(runtime, "out", 0, 0, 1, 1, 2)[0, 0].tolist() == [4, 4]


@pytest.mark.parametrize("reads", ["stop", "warn"])
def test_reads_of_memory_never_written(tmp_path, monkeypatch, capsys, reads):
    monkeypatch.setenv("PLAIT_CSL_READS", reads)
    declarations = """
      var never: [4]f32;
      const N = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> never[i] });
      const O = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
    """
    for body in ("out[0] = never[2];", "@fmovs(O, N);", "@fadds(N, N, O);"):
        if reads == "warn":
            got = run_one(tmp_path, declarations, body, 4, np.float32, "f32")
            assert got.tolist() == [0] * 4
            assert "read of memory that was never written (PE (0, 0))" in capsys.readouterr().err
        else:
            with pytest.raises(SimulationError, match=r"pe.csl:\d+:\d+: read of memory that was"):
                run_one(tmp_path, declarations, body, 4, np.float32, "f32")


@pytest.mark.parametrize(
    "body, fails",
    [
        ("var x: i32; out[0] = x;", True),
        ("var x: i32 = undefined; x += 1;", True),
        ("var x: i32; if (out[0] == 0) { x = 5; } out[0] = x;", False),
        ("var x: i32; if (out[0] == 1) { x = 5; } out[0] = x;", True),
        # In the second round there is again no value.
        ("for (@range(i16, 2)) |i| { var x: i32; if (i == 0) { x = 1; } out[i] = x; }", True),
        ("for (@range(i16, 2)) |i| { var a: [2]i32; if (i == 0) { a[1] = 1; } out[i] = a[1]; }",
         True),
        ("var a: [2]i32; a[0] = 5; out[0] = a[0];", False),
    ],
)  # fmt: skip
def test_reads_of_locals_never_written(tmp_path, body, fails):
    if fails:
        with pytest.raises(SimulationError, match=r"pe.csl:8:\d+: read of memory that was never"):
            run_one(tmp_path, "", body, 4)
    else:
        assert run_one(tmp_path, "", body, 4)[0] == 5


def test_a_dsd_without_a_value(tmp_path):
    declarations = "const O = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });"
    with pytest.raises(SimulationError, match="the DSD was never given a value"):
        run_one(tmp_path, declarations, "var d: mem1d_dsd; @mov32(O, d);", 4)


def test_the_host_reads_what_nobody_wrote(tmp_path, monkeypatch, capsys):
    declarations = "var never: [4]i32; var part: [*]i32 = &never;"
    body = "never[1] = 7; never[2] = 8; out_ptr = part;"
    assert run_one(tmp_path, declarations, body, 4).tolist() == [0, 7, 8, 0]
    text = "memcpy_d2h reads memory of 'out' that was never written (PE (0, 0))"
    assert f"warning: {text}" in capsys.readouterr().err
    monkeypatch.setenv("PLAIT_CSL_STRICT", "1")
    with pytest.raises(SimulationError, match="memcpy_d2h reads memory of 'out'"):
        run_one(tmp_path, declarations, body, 4)
