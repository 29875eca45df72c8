"""The language feature by feature, each result worked out by hand."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from support import LAYOUT, PE, build, get, put, run_one, runner
from test_contracts import LOOP
from test_fabric import CHAIN_LAYOUT, CHAIN_PE, COLLECTIVE_LAYOUT, COLLECTIVE_PE, chain
from test_router import row

from plait.cslsim.builtins_vector import VECTOR
from plait.cslsim.errors import CslError, SimulationError

F32 = "var a = [3]f32{ 1.5, -2.0, 3.0 }; var b = [3]f32{ 0.25, 8.0, -3.0 };"
F16 = F32.replace("f32", "f16")
U16 = "var a = [3]u16{ 0xfff0, 0x00ff, 6 }; var b = [3]u16{ 0x20, 4, 17 };"
VIEWS = """
const A = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> a[i] });
const B = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> b[i] });
const O = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> o[i] });
"""
# operation -> (types of the operands, calls, results of all of them one after the other)
OPERATIONS = {
    "fadds": (F32, "O, A, B; O, 1.0, A; O, A, 2.0", [1.75, 6, 0, 2.5, -1, 4, 3.5, 0, 5]),
    "fsubs": (F32, "O, A, B; O, 1.0, A; O, A, 2.0", [1.25, -10, 6, -0.5, 3, -2, -0.5, -4, 1]),
    "fmuls": (F32, "O, A, B; O, 2.0, A; O, A, 0.5", [0.375, -16, -9, 3, -4, 6, 0.75, -1, 1.5]),
    "fmaxs": (F32, "O, A, B; O, 0.0, A; O, A, 2.0", [1.5, 8, 3, 1.5, 0, 3, 2, 2, 3]),
    "fmacs": (F32, "O, A, B, 2.0", [2, 14, -3]),
    "fmovs": (F32, "O, A; O, 4.5", [1.5, -2, 3, 4.5, 4.5, 4.5]),
    "fnegs": (F32, "O, A; O, 4.5", [-1.5, 2, -3, -4.5, -4.5, -4.5]),
    "fabss": (F32, "O, A; O, -4.5", [1.5, 2, 3, 4.5, 4.5, 4.5]),
    "faddh": (F16, "O, A, B; O, 2048.0, 1.5 and A", [1.75, 6, 0, 2050, 2046, 2052]),
    "fsubh": (F16, "O, A, B; O, A, 1.0", [1.25, -10, 6, 0.5, -3, 2]),
    "fmulh": (F16, "O, A, B; O, A, 0.5", [0.375, -16, -9, 0.75, -1, 1.5]),
    "fmaxh": (F16, "O, A, B", [1.5, 8, 3]),
    # 2048 + 1.5 * 0.25 rounds once, to 2048 (even); 2048 + 8 * -2; 2048 - 9.
    "fmach": (F16, "O, T, B, 1.5", [2048, 2060, 2044]),
    "fmovh": (F16, "O, A", [1.5, -2, 3]),
    "fnegh": (F16, "O, A", [-1.5, 2, -3]),
    "fabsh": (F16, "O, A", [1.5, 2, 3]),
    "add16": (U16, "O, A, B; O, A, 0x20", [0x10, 0x103, 23, 0x10, 0x11F, 38]),
    # The carry of one element goes into the next.
    "addc16": (U16, "O, A, B", [0x10, 0x104, 23]),
    "sub16": (U16, "O, A, B; O, A, 7", [0xFFD0, 0xFB, 0xFFF5, 0xFFE9, 0xF8, 0xFFFF]),
    "and16": (U16, "O, A, B; O, 0x0ff0, A", [0x20, 4, 0, 0x0FF0, 0xF0, 0]),
    "or16": (U16, "O, A, B", [0xFFF0, 0xFF, 0x17]),
    "xor16": (U16, "O, A, B", [0xFFD0, 0xFB, 0x17]),
    "sll16": (U16, "O, A, 4", [0xFF00, 0x0FF0, 0x60]),
    "slr16": (U16, "O, A, 4", [0x0FFF, 0x000F, 0]),
    "sar16": (U16, "O, A, 4", [0xFFFF, 0x000F, 0]),
    "mov16": (U16, "O, A; O, 7", [0xFFF0, 0xFF, 6, 7, 7, 7]),
}  # fmt: skip
# Tested with other types on each side, elsewhere.
ELSEWHERE = {"mov32", "fmachs", "faddhs", "fs2h", "fh2s", "fs2xp16", "xp162fs", "fh2xp16"}
ELSEWHERE |= {"xp162fh", "popcnt", "clz", "ctz", "fscales", "fscaleh"}


def test_every_vector_operation_is_here():
    assert set(OPERATIONS) | ELSEWHERE == set(VECTOR)


@pytest.mark.parametrize("name", OPERATIONS)
def test_vector_operations(tmp_path, name):
    data, calls, want = OPERATIONS[name]
    kind = re.search(r"\](\w+)\{", data)[1]
    body, at = "", 0
    for call in calls.split("; "):
        if "T" in call:
            body += f"@fmovh(O, 2048.0); @{name}({call.replace('T', 'O')});"
        elif "and" in call:
            body += f"@{name}(O, 2048.0, A);"
        else:
            body += f"@{name}({call});"
        body += f" out[{at}] = o[0]; out[{at + 1}] = o[1]; out[{at + 2}] = o[2];"
        at += 3
    dtype = {"f32": np.float32, "f16": np.float16, "u16": np.uint16}[kind]
    declarations = data + f"var o = @zeros([3]{kind});" + VIEWS
    assert run_one(tmp_path, declarations, body, at, dtype, kind).tolist() == want


# The forms on the vendor's page on builtins: destination first; D: DSD, S: scalar, P: pointer.
TABLE = {
    "fadds fsubs fmuls fmaxs faddh fsubh fmulh fmaxh faddhs": "DDD DSD DDS PSD",
    "add16 addc16 and16 or16 xor16 sll16 slr16 sar16": "DDD DSD DDS",
    "sub16": "DDD DDS",
    "fmacs fmach fmachs": "DDDS",
    "fmovs fmovh mov16 mov32": "DD DS PD",
    "fnegs fabss fnegh fabsh fs2h fh2s xp162fs xp162fh popcnt clz ctz": "DD DS",
    "fs2xp16 fh2xp16": "DD DS PS",
    "fscales fscaleh": "PSS",
}
FORMS = {name: set(forms.split()) for names, forms in TABLE.items() for name in names.split()}


@pytest.mark.parametrize("name", FORMS)
def test_operand_forms(tmp_path, name):
    """Exactly the forms of the table compile."""
    kind, sources, _ = VECTOR[name]
    types = [kind, *sources]
    declarations = ""
    for number, each in enumerate(types):
        declarations += f"""
          var s{number}: {each} = 1; var v{number} = @zeros([2]{each});
          const D{number} = @get_dsd(mem1d_dsd, .{{ .base_address = &v{number}, .extent = 2 }});
        """
    accepted = set()
    for form in itertools.product("DP", *["DS"] * len(sources)):
        if name == "faddhs" and form == ("D", "S", "D"):  # its scalar is the 16-bit one
            names = ["D0", "s2", "D1"]
        else:
            names = [{"D": "D", "S": "s", "P": "&s"}[c] + str(i) for i, c in enumerate(form)]
        pe = PE % (
            "var out = @zeros([1]i32); var out_ptr: [*]i32 = &out;" + declarations
            + f"fn main() void {{ @{name}({', '.join(names)}); sys.unblock_cmd_stream(); }}"
        )  # fmt: skip
        try:
            build(tmp_path, {"layout.csl": LAYOUT % {"type": "i32"}, "pe.csl": pe})
            accepted.add("".join(form))
        except CslError as error:
            assert f"@{name} takes operands" in str(error)
    assert accepted == FORMS[name] and set(FORMS) == set(VECTOR)


def test_widths_of_both_sides(tmp_path):
    declarations = (
        F32
        + VIEWS.replace("O = ", "P = ").replace("o[i]", "out[i]")
        + """
      var h = [3]f16{ 0.5, 2.0, -1.0 }; var w = [3]u32{ 5, 0xffffffff, 7 };
      const H = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> h[i] });
      const W = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> w[i] });
      fn at(k: i16) mem1d_dsd { return @increment_dsd_offset(P, k, f32); }
    """
    )
    body = """
      @fmachs(P, A, H, 4.0); @fs2h(H, B); @fh2s(at(3), H);
      @mov32(at(6), W); w[0] = 0; @mov32(&w[0], W); @mov32(at(9), W);
    """
    got = run_one(tmp_path, declarations, body, 12, np.float32, "f32")
    assert got[:6].tolist() == [3.5, 6, -1, 0.25, 8, -3]
    # A move into a scalar leaves the last element there.
    assert got[6:].view(np.uint32).tolist() == [5, 2**32 - 1, 7, 7, 2**32 - 1, 7]


def test_narrow_and_wide_integers(tmp_path):
    declarations = """
      var a: i8 = 127; var b: u8 = 200; var c: i64 = 0x7fffffffffffffff; var d: u64 = 3;
      var e: i16 = -7; var nan: u32 = 0x7fc00000; var big: f32 = 1.0e9;
    """
    body = """
      a += 1; b += 100; c += 1; d -= 4;
      out[0] = @as(i32, a); out[1] = @as(i32, b);
      out[2] = if (c < 0) 1 else 0; out[3] = @as(i32, d >> 60);
      out[4] = @as(i32, e / 2); out[5] = @as(i32, e % 4); out[6] = @as(i32, e >> 1);
      out[7] = @as(i32, @as(bool, @bitcast(f32, nan)));
      out[8] = @as(i32, @as(i16, -10.8));
      out[9] = @as(i32, @as(u8, @as(u16, 0x1ff)));
    """
    # -7 / 2 and -7 % 4 cut towards zero; the shift keeps the sign.
    want = [-128, 44, 1, 15, -3, -3, -4, 1, -10, 255]
    assert run_one(tmp_path, declarations, body, 10).tolist() == want


def test_an_activation_is_one_bit(tmp_path):
    declarations = """
      const id = @get_local_task_id(9);
      const end_id = @get_local_task_id(10);
      task count() void { out[0] += 1; }
      task end() void { sys.unblock_cmd_stream(); }
      comptime {
        @bind_local_task(count, id); @bind_local_task(end, end_id); @block(id); @block(end_id);
      }
    """
    # Two activations while it is blocked are one; the end comes when both have been.
    body = """
      @activate(id); @activate(id); @unblock(id); @activate(end_id); @unblock(end_id);
      if (out[0] == 0) { return; }
    """
    assert run_one(tmp_path, declarations, body, 1).tolist() == [1]


def test_a_data_task_of_two_halves(tmp_path):
    declarations = (
        LOOP.replace("const In", "const unused_in") % ("RAMP", "RAMP", "")
        + """
      const got_id = if (@is_arch("wse3")) @get_data_task_id(iq) else @get_data_task_id(c);
      task got(value: f16, at: u16) void {
        out[at] = @as(u32, value * 2.0);
        if (at == 2) { sys.unblock_cmd_stream(); }
      }
      comptime { @bind_data_task(got, got_id); }
      fn pack(value: f16, at: u16) u32 {
        return (@as(u32, at) << 16) | @as(u32, @bitcast(u16, value));
      }
    """
    )
    body = """
      @mov32(Word, pack(1.5, 1)); @mov32(Word, pack(4.0, 0)); @mov32(Word, pack(0.5, 2));
      if (out[2] == 0) { return; }
    """
    for arch in ("wse2", "wse3"):
        assert run_one(tmp_path, declarations, body, 3, np.uint32, "u32", arch).tolist() == [
            8,
            3,
            1,
        ]


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_a_control_task_and_its_argument(tmp_path, arch):
    # The color is unblocked by a data task bound to it: control wavelets pass a blocked one by.
    declarations = (
        LOOP.replace("const In", "const unused_in") % ("RAMP", "RAMP", "")
        + """
      const control = @import_module("<control>");
      const got_id = if (@is_arch("wse3")) @get_data_task_id(iq) else @get_data_task_id(c);
      const end_id = @get_control_task_id(40);
      task got(word: u32) void { out[0] += word; }
      task end(argument: u16) void { out[1] = @as(u32, argument); sys.unblock_cmd_stream(); }
      comptime { @bind_data_task(got, got_id); @bind_control_task(end, end_id); }
    """
    )
    body = """
      @mov32(Word, @as(u32, 3)); @mov32(Word, @as(u32, 4));
      @mov32(Order, control.encode_single_payload(control.opcode.NOP, false, end_id, 99));
      if (out[1] == 0) { return; }
    """
    assert run_one(tmp_path, declarations, body, 2, np.uint32, "u32", arch).tolist() == [7, 99]


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_a_blocked_data_task_leaves_words_where_they_are(tmp_path, arch):
    # 40 words do not fit into queues and router, so that the sender waits for the task: it has
    # not sent the last one when the tasks' turn comes.
    declarations = (
        LOOP.replace("const In", "const unused_in") % ("RAMP", "RAMP", "")
        + """
      const got_id = if (@is_arch("wse3")) @get_data_task_id(iq) else @get_data_task_id(c);
      const sent_id = @get_local_task_id(9);
      const open_id = @get_local_task_id(10);
      const Many = @get_dsd(fabout_dsd, .{ .extent = 40, .output_queue = oq, .fabric_color = c });
      var words = @constants([40]u32, 1);
      const Words = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{40} -> words[i] });
      task got(word: u32) void {
        out[0] += word;
        if (out[0] == 40) { sys.unblock_cmd_stream(); }
      }
      task sent() void { out[1] = out[0]; }
      task open() void { out[2] = out[0]; @unblock(got_id); }
      comptime {
        @bind_data_task(got, got_id); @block(got_id);
        @bind_local_task(sent, sent_id); @bind_local_task(open, open_id);
      }
    """
    )
    body = """
      @mov32(Many, Words, .{ .async = true, .activate = sent_id });
      @activate(open_id);
      if (out[0] < 40) { return; }
    """
    all, at_end, at_open = run_one(tmp_path, declarations, body, 3, np.uint32, "u32", arch).tolist()
    assert all == 40 and at_open == 0 and 20 <= at_end <= 39


def test_an_operation_may_unblock(tmp_path):
    declarations = (
        LOOP % ("RAMP", "RAMP", "")
        + """
      const end_id = @get_local_task_id(9);
      task end() void { sys.unblock_cmd_stream(); }
      comptime { @bind_local_task(end, end_id); @block(end_id); @activate(end_id); }
      const R = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> out[i] });
    """
    )
    body = """
      @mov32(R, In, .{ .async = true, .unblock = end_id, .ut_id = @get_ut_id(5) });
      @mov32(Word, @as(u32, 6));
      if (out[0] == 0) { return; }
    """
    assert run_one(tmp_path, declarations, body, 1, np.uint32, "u32").tolist() == [6]


@pytest.mark.parametrize(
    "arch, second, message",
    [
        # On wse2 the microthread is the output queue's, here the input queue's, too.
        ("wse2", "@mov32(R, In, .{ .async = true });", "microthread 2 already runs an operation"),
        ("wse3", "@mov32(R, In, .{ .async = true, .ut_id = @get_ut_id(2) });",
         "microthread 2 already runs an operation"),
        ("wse3", "@mov32(Word, R, .{ .async = true, .ut_id = @get_ut_id(4) });",
         "two operations in flight on output queue 2"),
    ],
)  # fmt: skip
def test_microthreads_and_queues_are_not_shared(tmp_path, arch, second, message):
    declarations = (
        LOOP % ("RAMP", "RAMP", "")
        + """
      const R = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> out[i] });
    """
    )
    with pytest.raises(SimulationError, match=r"pe.csl:\d+:\d+: " + message):
        run_one(tmp_path, declarations, "@mov32(Word, R, .{ .async = true });" + second, 1,
                np.uint32, "u32", arch)  # fmt: skip


def test_advance_and_reset_of_a_ring(tmp_path):
    # Three positions in a ring: the third advance comes back to the first, a reset from anywhere.
    ring = ".pos1 = .{ .tx = EAST }, .pos2 = .{ .tx = RAMP }, .ring_mode = true"
    reset = 2 << 22 | 1 << 24 | 31 << 16
    adv = 1 << 22 | 1 << 24 | 31 << 16
    body = "@mov32(data, @as(u32, 1));"
    body += f"@mov32(control, @as(u32, {adv})); @mov32(data, @as(u32, 2));" * 3
    body += f"@mov32(control, @as(u32, {reset})); @mov32(data, @as(u32, 3));"
    taken = row(tmp_path, body, width=3, rest=f", .switches = .{{ {ring} }}")
    # PE 1 has {RAMP, EAST}, then EAST, then RAMP alone, then its first position again.
    assert taken[1].tolist()[:4] == [1, 2, 2, 3]
    assert taken[2].tolist()[:5] == [1, 2, 2, 3, 0]


def test_words_that_nobody_takes(tmp_path):
    """The receiver takes one word less than the sender sends: where, how many, and from whom."""
    pe = CHAIN_PE.replace(
        "@fadds(mine, mine, rx, .{",
        "@fadds(@set_dsd_length(mine, N - 1), @set_dsd_length(mine, N - 1), "
        "@set_dsd_length(rx, N - 1), .{",
    )
    assert pe != CHAIN_PE
    message = (
        r"left over at stop:\n  PE \(1, 0\): 1 wavelets wait in input queue 2 \(color 2\), which "
        r"is blocked; PE \(0, 0\) sent 7 \(.*pe.csl:20:5\)"
    )
    with pytest.raises(SimulationError, match=message):
        chain(tmp_path, pe, width=2)


def test_a_launch_of_what_a_pe_does_not_export(tmp_path):
    pe = CHAIN_PE.replace("@export_symbol(go);", "if (!last) { @export_symbol(go); }")
    with pytest.raises(SimulationError, match=r"does not export the launched .*PE \(4, 0\)"):
        chain(tmp_path, pe)


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_collectives_along_columns(tmp_path, arch):
    layout = (
        COLLECTIVE_LAYOUT.replace(".width = P, .height = 1", ".width = 1, .height = P")
        .replace("@set_rectangle(P, 1)", "@set_rectangle(1, P)")
        .replace("c2d.get_params(x, 0,", "c2d.get_params(0, x,")
        .replace("@set_tile_code(x, 0,", "@set_tile_code(0, x,")
        .replace("memcpy.get_params(x)", "memcpy.get_params(0)")
    )
    pe = COLLECTIVE_PE.replace("@get_rectangle().width", "@get_rectangle().height")
    pe = pe.replace(".dim_params = c2d.x", ".dim_params = c2d.y")
    runtime = runner(build(tmp_path, {"layout.csl": layout, "pe.csl": pe}, arch, P=4, root=2))
    data = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    put(runtime, "mine", 0, 0, 1, 4, 3, data)
    runtime.launch("go", nonblock=False)
    everything = get(runtime, "all", 0, 0, 1, 4, 48)[:, 0]
    runtime.stop()
    assert everything[2, :12].tolist() == data.ravel().tolist()
    assert everything[:, 24:27].tolist() == [data.sum(axis=0).tolist()] * 4


def test_a_program_of_many_kinds_of_pes_compiles(tmp_path):
    layout = CHAIN_LAYOUT.replace(".N = N,", ".N = N, .own = x,")
    pe = "param own: i16;\n" + CHAIN_PE
    runtime = runner(build(tmp_path, {"layout.csl": layout, "pe.csl": pe}, W=50, N=1))
    assert len(runtime.sim.meta["programs"]) == 50


def test_the_list_of_features_names_tests():
    """features.txt says which of these tests shows what; each of them exists."""
    here = Path(__file__).parent
    lines = (here / "features.txt").read_text().splitlines()
    named = [line.rsplit(" ", 1)[1] for line in lines if line and line[0] != "#"]
    assert len(named) > 50
    for item in named:
        file, test = item.split("::")
        assert f"def {test}(" in (here / file).read_text(), item
