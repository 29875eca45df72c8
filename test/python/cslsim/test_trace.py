"""The page that --trace writes, as data and in a browser."""

import json
import re
import subprocess
import sys

import browser
import pytest
from support import build
from test_time import ROW, ROW_PE

from plait.cslsim import trace
from plait.cslsim.errors import SimulationError
from plait.cslsim.simulator import Simulator

HOST = """
import sys
from cerebras.sdk.runtime.sdkruntimepybind import SdkRuntime
runtime = SdkRuntime(sys.argv[1])
runtime.load()
runtime.run()
runtime.launch("go", nonblock=False)
if len(sys.argv) > 2:
    raise SystemExit("the host program fails")
runtime.stop()
"""


@pytest.fixture
def page(tmp_path):
    """The trace of 90 words that go from PE (0, 0) to PE (2, 0); a function of more arguments."""
    out = build(tmp_path, {"layout.csl": ROW, "pe.csl": ROW_PE}, CORNER=0)
    (tmp_path / "run.py").write_text(HOST)

    def run(*more):
        command = [sys.executable, "-m", "plait.cslsim", "cs-python"]
        options = ["--trace", tmp_path / "trace.html", tmp_path / "run.py", out, *more]
        subprocess.run([*command, *options], capture_output=True, check=not more)
        return tmp_path / "trace.html"

    return run


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S)[1])


def test_the_data(page):
    data = data_of(page())
    assert (data["width"], data["height"], data["arch"], data["lost"]) == (3, 2, "wse3", 0)
    assert data["metrics"]["east"]["values"] == [90, 90, 0, 0, 0, 0]
    assert data["metrics"]["fabric"]["values"] == [90, 90, 0, 0, 0, 0]
    assert data["metrics"]["received"]["values"] == [0, 0, 90, 0, 0, 0]
    ((name, begin, end),) = data["commands"]
    assert (name, begin) == ("go", 0)
    assert 90 < end <= data["cycles"]
    pieces = {(s[0], s[3], data["labels"][s[4]]): s[2] - s[1] for s in data["spans"]}
    assert pieces[0, 1, "@fmovs pe.csl:18:5"] >= 90  # the sender waits for its operation
    assert pieces[2, 2, "@fmovs pe.csl:21:5"] >= 90  # the receiver's runs beside
    assert {(pe, 0, "go") for pe in range(6)} | {(2, 0, "finish")} == {
        key for key in pieces if key[1] == 0
    }


def test_a_host_program_that_fails_leaves_its_trace(page):
    assert data_of(page("fail"))["metrics"]["received"]["values"][2] == 90


def test_a_deadlock_shows_what_waits(tmp_path):
    pe = ROW_PE.replace("if (first) {\n    @fmovs(tx, mem);", "if (first) {")
    sim = Simulator(build(tmp_path, {"layout.csl": ROW, "pe.csl": pe}, CORNER=0))
    sim.trace(trace.LIMIT)
    sim.start()
    sim.launch("go", [])
    with pytest.raises(SimulationError, match="deadlock"):
        sim.finish()
    trace.write(tmp_path / "trace.html", sim, "deadlock")
    data = data_of(tmp_path / "trace.html")
    assert data["commands"][0][2] == -1
    labels = [(s[0], data["labels"][s[4]]) for s in data["spans"] if s[3] == 2]
    assert labels == [(2, "@fmovs pe.csl:20:5")]


def test_in_a_browser(page):
    program = browser.find()
    if not program:
        pytest.skip("no browser; `make browser` fetches one with npm, or install Debian's chromium")
    path = page()
    with browser.Page(program, f"file://{path}#metric=received&pe=2,0") as opened:
        shown = opened.dom()
    assert "3 by 2 PEs, wse3" in shown
    assert "most: 90 at PE (2, 0)" in shown
    assert re.search(r"<h2[^>]*>PE \(2, 0\)</h2>", shown)
    cells = re.findall(r'<rect [^>]*class="pe[^>]*data-pe="(\d)" data-value="(\d+)"', shown)
    assert cells == [(str(pe), "90" if pe == 2 else "0") for pe in range(6)]
    assert sorted(re.findall(r'data-link="(\d-\w+)"', shown)) == ["0-east", "1-east"]
    assert len(re.findall(r'data-kind="0"', shown)) == 7
    assert len(re.findall(r'data-kind="1"', shown)) == 1
    assert "@fmovs pe.csl:21:5 (run 2)" in shown
    # Zoomed in to the first cycles, the completion task is out of sight.
    with browser.Page(program, f"file://{path}#from=0&to=40") as opened:
        near = opened.dom()
    assert len(re.findall(r'data-kind="0"', near)) == 6
