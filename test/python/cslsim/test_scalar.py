"""Scalar code on one PE: results worked out by hand."""

import numpy as np
import pytest
from support import run_one


def ints(tmp_path, declarations, body, n, **options):
    return run_one(tmp_path, declarations, body, n, **options).tolist()


def test_wrapping_and_shifts(tmp_path):
    body = """
      var a: u16 = 65535; a += 2;
      var b: i16 = 32767; b += 1;
      var c: i16 = -7;
      var d: u16 = 0x8001;
      out[0] = @as(i32, a); out[1] = @as(i32, b); out[2] = @as(i32, c / 2);
      out[3] = @as(i32, c % 2); out[4] = @as(i32, c >> 1); out[5] = @as(i32, d << 1);
      out[6] = @as(i32, d >> 15); out[7] = @as(i32, ~d);
    """
    assert ints(tmp_path, "", body, 8) == [1, -32768, -3, -1, -4, 2, 1, 0x7FFE]


def test_conversions(tmp_path):
    body = """
      var x: f32 = -10.8; var y: f32 = 70000.0; var t: bool = true;
      out[0] = @as(i32, x); out[1] = @as(i32, @as(u16, 7.9)); out[2] = @as(i32, t);
      out[3] = @as(i32, @bitcast(u32, x) >> 31); out[4] = @as(i32, @as(bool, x));
      out[5] = @as(i32, y);
    """
    assert ints(tmp_path, "", body, 6) == [-10, 7, 1, 1, 1, 70000]


def test_half_precision_rounds_to_even(tmp_path):
    body = """
      var a: f16 = 2048.0; var b: f16 = 1.0; var c: f16 = 3.0; var d: f16 = 0.1;
      out[0] = a + b; out[1] = a + c; out[2] = d * d; out[3] = d / c; out[4] = -d;
    """
    got = run_one(tmp_path, "", body, 5, np.float16, "f16")
    h = np.float16
    want = [h(2048) + h(1), h(2048) + h(3), h(0.1) * h(0.1), h(0.1) / h(3), -h(0.1)]
    assert got.tolist() == [float(v) for v in want]


def test_control_flow(tmp_path):
    declarations = """
      fn pick(k: i32) i32 {
        switch (k) { 0 => { return 10; }, 1, 2 => { return 20; }, else => {} }
        return 30;
      }
    """
    body = """
      var n: i32 = 0;
      outer: while (true) {
        for (@range(i32, 10)) |i| {
          if (i == 3) { continue; }
          if (i == 6) { break :outer; }
          n += i;
        }
      }
      out[0] = n;
      var k: i32 = 0;
      while (k < 4) : (k += 1) { out[1] = out[1] * 100 + pick(k); }
      for (@range(i32, 8, 0, -3)) |i| { out[2] = out[2] * 10 + i; }
      const both = (k == 4) and (n == 12);
      out[3] = if (both) 1 else 0;
      for ([3]i32{ 5, 6, 7 }) |v, at| { out[4] += v * @as(i32, at); }
    """
    # 0+1+2+4+5; 10, 20, 20, 30; 8, 5, 2
    expected = [12, 10202030, 852, 1, 20]
    assert (
        ints(
            tmp_path,
            "const list = [3]i32{ 5, 6, 7 };" + declarations,
            body.replace("[3]i32{ 5, 6, 7 }", "list"),
            5,
        )
        == expected
    )


def test_pointers_arrays_and_structs(tmp_path):
    declarations = """
      const pair = struct { a: i32, b: i16 };
      var grid: [2, 3]i32 = [2, 3]i32{ 1, 2, 3, 4, 5, 6 };
      fn bump(p: *i32, v: *[3]i32, many: [*]i32) void {
        p.* += 1; v.*[2] = 9; many[1] = 8;
      }
      var global: pair;
    """
    body = """
      var x: i32 = 41; var v = [3]i32{ 0, 0, 0 }; var w = [2]i32{ 0, 0 };
      bump(&x, &v, &w);
      out[0] = x; out[1] = v[2]; out[2] = w[1];
      var r: i16 = 1; var c: i16 = 2;
      out[3] = grid[r, c]; out[4] = grid[0, 1];
      global = pair{ .a = 5, .b = 6 };
      global.a += 10;
      out[5] = global.a + @as(i32, global.b);
    """
    assert ints(tmp_path, declarations, body, 6) == [42, 9, 8, 6, 2, 21]


def test_comptime_functions_and_generics(tmp_path):
    declarations = """
      fn square(x: anytype) @type_of(x) { return x * x; }
      fn table(n: i16) [4]i16 {
        var t = @zeros([4]i16);
        for (@range(i16, 4)) |i| { t[i] = i * n; }
        return t;
      }
      const made = table(7);
      const mode = enum(u16) { slow, fast = 5 };
      const K = if (@is_arch("wse3")) 3 else unknown_on_this_architecture;
    """
    body = """
      var x: i32 = -6;
      out[0] = square(x); out[1] = @as(i32, made[3]); out[2] = @as(i32, @as(u16, mode.fast));
      out[3] = K;
    """
    assert ints(tmp_path, declarations, body, 4) == [36, 21, 5, 3]


@pytest.mark.parametrize(
    "name, x, want",
    [
        ("sqrt", 2.0, np.sqrt),
        ("exp", 1.5, np.exp),
        ("log", 3.0, np.log),
        ("tanh", 0.3, np.tanh),
        ("ceil", 1.2, np.ceil),
        ("abs", -2.5, np.abs),
    ],
)
def test_math(tmp_path, name, x, want):
    got = run_one(
        tmp_path,
        'const math = @import_module("<math>");',
        f"var x: f32 = {x}; out[0] = math.{name}_f32(x); out[1] = math.{name}(x);",
        2,
        np.float32,
        "f32",
    )
    np.testing.assert_allclose(got, want(np.float32(x)), rtol=1e-7)
