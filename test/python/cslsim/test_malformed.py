"""Whatever is not a program gets a diagnostic with its place: never a traceback, never a hang."""

import re
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import LAYOUT, PE, build, run_one, runner
from test_fabric import CHAIN_LAYOUT, CHAIN_PE
from test_fifo import BUFFER
from test_mutants import GEMV_LAYOUT, GEMV_PE

from plait.cslsim import statements
from plait.cslsim.errors import CslError, SimulationError
from plait.cslsim.simulator import Simulator
from plait.errors import PlaitError

PLACE = r"(pe|layout)\.csl:\d+:\d+: "
DEEP = 3000
ONE = LAYOUT % {"type": "i32"}


@pytest.mark.parametrize(
    "declarations, body, message",
    [
        ("", f"{'{' * DEEP}{'}' * DEEP}", "deep"),
        ("", f"out[0] = {'-' * DEEP}1;", "deep"),
        ("const x = 1" + " + 1" * DEEP + ";", "out[0] = x;", "deep"),
        ("fn f(n: comptime_int) comptime_int { return f(n + 1); }", "out[0] = f(0);", "deep"),
        ("fn f(comptime n: i16) void { f(n + 1); }", "f(0);", "deep|does not fit|overflows"),
        ("const a = b; const b = a;", "out[0] = a;", "'a' depends on itself"),
        ("comptime { var i: i16 = 0; while (true) { i = 1; } }", "", "does not end"),
        ("comptime { while (true) {} }", "", "does not end"),
        ("comptime { var x = 3; while (true) { x = x * x; } }", "", "an integer of more than"),
        ("const x = 1 << 1000000000000;", "out[0] = x;", "shift by 1000000000000 bits"),
        ("comptime { var s = \"ab\"; while (true) { s = @strcat(s, s); } }", "", "is too long"),
        ("var big = @zeros([1099511627776]u8);", "big[0] = 1;", "is too large"),
        ("var big = @zeros([4096, 4096]i32);", "big[0, 0] = 1;", "does not fit: data takes"),
        ("var big = @zeros([99999, 99999]i32);", "big[0, 0] = 1;", "is too large"),
        ("comptime { break; }", "", "nothing here that 'break' can leave"),
        ("comptime { continue; }", "", "nothing here that 'continue' can leave"),
        ("comptime { return 1; }", "", "nothing here that 'return' can leave"),
        ("fn f() i16 { break; } const x = f();", "out[0] = @as(i32, x);", "nothing here that"),
        ("const x = a: { break :b 1; };", "out[0] = x;", "nothing here that"),
        ("", "break;", "not inside a loop"),
        ("const x = undefined < undefined;", "out[0] = x;", "'undefined'"),
        ("const x = .{ .a = 1 } + 1;", "out[0] = x;", ""),
        ("", 'const s = "\\x"; out[0] = 1;', ""),
        ("const x: i16 = 0123;", "out[0] = @as(i32, x);", ""),
        ("const h: f16 = 1e999;", "out[0] = @as(i32, h);", ""),
        ("", "out[0] = @as(i32, type);", ""),
        ("", "@fmovs(1, 2, 3, 4);", "takes 2 to 3 arguments"),
        ("", "switch (out[0]) {}; out[0].a.b = 1;", ""),
        ("const d = @get_dsd(mem1d_dsd, 5);", "@mov32(d, d);", "expected a struct"),
        ("const q = @get_input_queue(1.5);", "const x = q;", "needs an integer"),
    ],
)  # fmt: skip
def test_a_diagnostic_with_a_place(tmp_path, monkeypatch, declarations, body, message):
    monkeypatch.setattr(statements, "ROUNDS", 20000)
    with pytest.raises(CslError, match=PLACE + f"(.|\n)*({message})"):
        run_one(tmp_path, declarations, body, 2)


def test_layouts_end_too(tmp_path, monkeypatch):
    monkeypatch.setattr(statements, "ROUNDS", 20000)
    for old, new in (
        ("@set_rectangle(1, 1);", "@set_rectangle(1, 1); while (true) {}"),
        ("@set_rectangle(1, 1);", "@set_rectangle(99999, 99999);"),
        ("@set_rectangle(1, 1);", "@set_rectangle(1, 1); return;"),
        ('"pe.csl"', "5"),
        ("memcpy.get_params(0)", "memcpy.get_params(0, 1)"),
    ):
        assert old in ONE
        with pytest.raises(CslError, match=PLACE):
            build(tmp_path, {"layout.csl": ONE.replace(old, new), "pe.csl": ""})


def test_a_run_ends(tmp_path):
    body = "var i: i32 = 0; while (true) { i += 1; }"
    pe = PE % f"var out: [1]i32; var out_ptr: [*]i32 = &out; fn main() void {{ {body} }}"
    sim = Simulator(build(tmp_path, {"layout.csl": ONE, "pe.csl": pe}), limit=1000)
    sim.start()
    sim.launch("main", [])
    with pytest.raises(
        SimulationError, match=r"pe.csl:\d+:\d+: the cycle limit was reached in this task"
    ):
        sim.finish()


@pytest.mark.parametrize("cut", range(0, len(CHAIN_PE), 61))
def test_truncated_files(tmp_path, cut):
    files = {"layout.csl": CHAIN_LAYOUT, "pe.csl": CHAIN_PE[:cut]}
    with pytest.raises(CslError, match=PLACE + "|pe.csl"):
        build(tmp_path, files, W=2, N=2)


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "layout.csl").write_text(ONE)
    (tmp_path / "pe.csl").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "notes").mkdir()
    for flags, message in (
        ([], r"pe.csl:1:1: cannot read this file"),
        (["--fabric-dims=8"], "'--fabric-dims' takes two numbers as W,H, got '8'"),
        (["--fabric-dims=a,b"], "'--fabric-dims' takes two numbers"),
        (["--fabric-offsets=-1,1"], "'--fabric-offsets' takes two numbers"),
        (["--params=a"], "parameters are written name:value"),
        (["--params=a:x"], "parameter 'a' is an integer, got 'x'"),
        (["--params=a:1"], "has no parameter 'a'"),
        (["--arch=wse9"], "unknown architecture"),
    ):
        command = [sys.executable, "-m", "plait.cslsim", "cslc", "layout.csl", *flags]
        done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
        assert done.returncode == 1 and re.search(message, done.stderr), done.stderr
        assert "Traceback" not in done.stderr


def test_artifacts_that_are_none(tmp_path):
    for text in (b"", b"PK\x03\x04 no archive"):
        (tmp_path / "plait.npz").write_bytes(text)
        with pytest.raises(SimulationError, match="is no compiled program"):
            runner(tmp_path)


# What the fuzzer changes: (layout, PE, parameters).
PROGRAMS = [
    (CHAIN_LAYOUT, CHAIN_PE, {"W": 3, "N": 4}),
    (GEMV_LAYOUT, GEMV_PE, {"W": 2, "H": 2}),
    (ONE, PE % (
        "var out = @zeros([9]i32); var out_ptr: [*]i32 = &out;" + BUFFER + "fn main() void {"
        "for (@range(i16, 9)) |i| { out[i] = @as(i32, i) * 3 % 4; }"
        "_ = @mov32(fifo, Five); const ok = @mov32(Out, fifo); var n: u16 = 2;"
        "while (n < 5) : (n += 1) { if (ok) { break; } switch (n) { 2 => {}, else => "
        "{ out[n] += 1; } } } sys.unblock_cmd_stream(); }"), {}),
]  # fmt: skip
TOKEN = re.compile(r'"[^"]*"|@?\w+|\S')
CLASSES = (r"@", r"[A-Za-z_]", r"\d", r'"', r"")


def kind(token):
    return next(i for i, c in enumerate(CLASSES) if re.match(c, token))


POOL = {t for layout, pe, _ in PROGRAMS for t in TOKEN.findall(layout + pe)}
POOL |= set("0 1 7 70000 1.5 ! ~ & - * . .. undefined type void f16 comptime_int enum".split())
POOL |= {"@zeros", "@as", "@bitcast", "@ptrcast", "@block", "@map", '"x"', "RAMP", "99999999999"}
POOL = {k: sorted(t for t in POOL if kind(t) == k) for k in range(len(CLASSES))}


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_changed_programs(tmp_path, data):
    draw = data.draw
    layout, pe, params = draw(st.sampled_from(PROGRAMS))
    in_layout = draw(st.booleans())
    tokens = TOKEN.findall(layout if in_layout else pe)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(tokens) - 1))
        how = draw(st.sampled_from(("other", "other", "other", "drop", "double", "swap", "cut")))
        if how == "other":
            tokens[at] = draw(st.sampled_from(POOL[kind(tokens[at])]))
        elif how == "drop":
            del tokens[at]
        elif how == "double":
            tokens.insert(at, tokens[at])
        elif how == "swap":
            to = draw(st.integers(0, len(tokens) - 1))
            tokens[at], tokens[to] = tokens[to], tokens[at]
        else:
            tokens = tokens[: at + 1]
    text = " ".join(tokens)
    files = {"layout.csl": text if in_layout else layout, "pe.csl": pe if in_layout else text}
    folder = tmp_path / "program"
    folder.mkdir(exist_ok=True)
    try:
        sim = Simulator(build(folder, files, draw(st.sampled_from(("wse2", "wse3"))), **params),
                        limit=20000)  # fmt: skip
        sim.start()
        for name, export in sim.meta["exports"].items():
            if export["kind"] == "function" and not export["params"]:
                sim.launch(name, [])
                sim.finish()
        sim.settle()
        sim.report()
    except PlaitError:
        pass
