"""DSD operations on one PE."""

import numpy as np
from support import run_one

ARRAYS = """
  var a = [6]f32{ 1.0, 2.0, 3.0, 4.0, 5.0, 6.0 };
  var b = [6]f32{ 10.0, 20.0, 30.0, 40.0, 50.0, 60.0 };
  const A = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> a[i] });
  const B = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> b[i] });
  const Y = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> out[i] });
"""


def floats(tmp_path, body, n=6, declarations=ARRAYS):
    return run_one(tmp_path, declarations, body, n, np.float32, "f32").tolist()


def test_three_operand_forms(tmp_path):
    assert floats(tmp_path, "@fsubs(Y, B, A);") == [9, 18, 27, 36, 45, 54]
    assert floats(tmp_path, "@fsubs(Y, 1.0, A);") == [0, -1, -2, -3, -4, -5]
    assert floats(tmp_path, "@fmuls(Y, A, 2.0);") == [2, 4, 6, 8, 10, 12]
    assert floats(tmp_path, "out[0] = 5.0; @fadds(&out[1], out[0], A);")[1] == 5 + 21
    assert floats(tmp_path, "@fmacs(Y, B, A, -10.0);") == [0] * 6
    assert floats(tmp_path, "@fmaxs(Y, A, 3.5); @fnegs(Y, Y);") == [-3.5] * 3 + [-4, -5, -6]


def test_fused_multiply_add_rounds_once(tmp_path):
    body = """
      const one = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> a[i] });
      const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> out[i] });
      a[0] = 1.0 + 0.00000011920929;
      out[0] = -1.0;
      @fmacs(to, to, one, a[0]);
    """
    x = np.float64(np.float32(1) + np.float32(2.0**-23))
    assert floats(tmp_path, body)[0] == np.float32(x * x - 1)


def test_strides_offsets_and_lengths(tmp_path):
    body = """
      var d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> a[5 - 2 * i] });
      var y = @get_dsd(mem1d_dsd, .{ .base_address = &out, .extent = 3 });
      @fmovs(y, d);
      y = @increment_dsd_offset(y, 3, f32);
      y = @set_dsd_length(y, 2);
      d = @set_dsd_base_addr(d, &b);
      d = @set_dsd_length(@set_dsd_stride(d, 4), 2);
      @fmovs(y, d);
    """
    assert floats(tmp_path, body) == [6, 4, 2, 10, 50, 0]


def test_four_dimensions(tmp_path):
    declarations = """
      var m = [2, 3]f32{ 1.0, 2.0, 3.0, 4.0, 5.0, 6.0 };
      const T = @get_dsd(mem4d_dsd, .{ .tensor_access = |j, i|{3, 2} -> m[i, j] });
      const Y = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> out[i] });
    """
    assert floats(tmp_path, "@fmovs(Y, T);", 6, declarations) == [1, 4, 2, 5, 3, 6]


def test_registers_keep_their_address(tmp_path):
    body = """
      @load_to_dsr(dest, @set_dsd_length(Y, 2), .{ .save_address = true });
      @load_to_dsr(src, @set_dsd_length(A, 2), .{ .save_address = true });
      @fmovs(dest, src);
      @fmovs(dest, src);
    """
    registers = "const dest = @get_dsr(dsr_dest, 1); const src = @get_dsr(dsr_src1, 1);"
    assert floats(tmp_path, body, 6, ARRAYS + registers) == [1, 2, 3, 4, 0, 0]


def test_map_and_fold(tmp_path):
    functions = """
      fn mix(x: f32, k: f32, y: f32) f32 { return x * k + y; }
      fn keep(x: f32, m: *f32) f32 { if (x > m.*) { return x; } return m.*; }
      var best: f32 = 4.5;
    """
    body = "@map(mix, A, 3.0, B, Y);"
    assert floats(tmp_path, body, 6, ARRAYS + functions) == [13, 26, 39, 52, 65, 78]
    body = "@map(keep, A, &best, &best); out[0] = best;"
    assert floats(tmp_path, body, 6, ARRAYS + functions)[0] == 6


def test_sixteen_bits_and_halves(tmp_path):
    declarations = """
      var u = [4]u16{ 1, 0xffff, 3, 0x8000 };
      var h = [4]f16{ 1.0, 2.0, 3.0, 4.0 };
      const U = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> u[i] });
      const H = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> h[i] });
      var s: f16 = 0.5;
    """
    body = """
      @add16(U, U, 2); @fmach(H, H, H, @as(f16, 2.0)); @faddh(&s, s, H);
      for (@range(i16, 4)) |i| { out[i] = @as(f32, u[i]); out[4 + i] = @as(f32, h[i]); }
      out[8] = @as(f32, s);
    """
    got = run_one(tmp_path, declarations, body, 9, np.float32, "f32").tolist()
    assert got == [3, 1, 5, 0x8002, 3, 6, 9, 12, 30.5]
