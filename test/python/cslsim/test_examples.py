"""The official examples, unmodified, judged by their own numpy asserts.

Runs when ``PLAIT_CSL_EXAMPLES`` names a checkout of Cerebras/csl-examples:
``commands_wse2.sh`` and ``commands_wse3.sh`` run as they are, in a copy, with our
``cslc`` and ``cs_python`` on PATH; then again with other sizes. ``missing.txt`` names those
that do not pass; one that starts to pass has to leave the list.
"""

from pathlib import Path

import numpy as np
import pytest
from example_tools import ROOT, copy, resize, run, run_forked, scripts, warm
from support import run_one

# What the model does not know yet; every other script must pass.
MISSING = Path(__file__).with_name("missing.txt")
# Odd sizes for the programs of tiers A to D that have any. Not here: what the programs do not
# allow (topic-10 lists five elements, wide-multiplication's host has 256 bits, the checkerboard
# takes as many rows of PEs as columns and gemv-08 at least two, game-of-life's host transposes).
ODD = {
    "gemv-04-params": ["M:5,N:7", "M:1,N:1", "M:13,N:3"],
    "gemv-05-multiple-pes": ["M:5,N:7,width:1", "M:3,N:1,width:9"],
    "gemv-06-routes-1": ["M:5,N:2", "M:7,N:10", "M:1,N:6"],
    "gemv-07-routes-2": ["M:6,N:2", "M:10,N:14", "M:2,N:6"],
    "gemv-08-routes-3": [
        "kernel_x_dim:3,kernel_y_dim:2,M:4,N:9",
        "kernel_x_dim:2,kernel_y_dim:5,M:15,N:2",
    ],
    "gemv-09-streaming": [
        "kernel_x_dim:3,kernel_y_dim:2,M:4,N:9",
        "kernel_x_dim:2,kernel_y_dim:5,M:15,N:2",
    ],
    "pipeline-01-basic": ["size:1", "size:7", "size:33"],
    "pipeline-02-fifo": ["size:1", "size:7", "size:65"],
    "pipeline-03-multiple": ["size:1", "size:7", "size:65"],
    "topic-02-libraries": ["iterations:777", "iterations:1001"],
    "topic-05-sentinels": ["size:1", "size:7"],
    "topic-09-fifos": [f"num_elems_to_process:{n}" for n in (8, 100, 1031)],
    "topic-11-collectives": [
        "Pw:3,Ph:5,chunk_size:2",
        "Pw:5,Ph:5,chunk_size:1",
        "Pw:2,Ph:2,chunk_size:7",
    ],
    "topic-12-debug-library": ["width:2,num_elems:1", "width:7,num_elems:9"],
    "topic-13-simprint": ["width:2,num_elems:1", "width:7,num_elems:9"],
    "topic-14-color-swap": ["width:2", "width:5"],
    "single-tile-matvec": [
        "width:1,height:3,tile_size:7,iters:1",
        "width:3,height:1,tile_size:13,iters:1",
    ],
    "gemv-checkerboard-pattern": [
        "kernel_rows:2,kernel_cols:2,matrix_rows:4,matrix_cols:10",
        "kernel_rows:2,kernel_cols:2,matrix_rows:8,matrix_cols:6",
        "kernel_rows:6,kernel_cols:6,matrix_rows:30,matrix_cols:18",
    ],
    "gemv-collectives_2d": [
        "kernel_rows:3,kernel_cols:2,matrix_rows:9,matrix_cols:14",
        "kernel_rows:2,kernel_cols:5,matrix_rows:2,matrix_cols:5",
    ],
    "gemm-collectives_2d": ["P:3,Mt:5,Kt:7,Nt:3", "P:2,Mt:1,Kt:1,Nt:1", "P:5,Mt:3,Kt:2,Nt:9"],
    "residual": ["LOCAL_OUT_SZ:5,LOCAL_IN_SZ:7", "LOCAL_OUT_SZ:1,LOCAL_IN_SZ:1"],
    "game-of-life": ["x_dim:5,y_dim:5", "x_dim:9,y_dim:9"],
}
TABLE = {}  # (program, architecture) -> what held
pytestmark = pytest.mark.skipif(not ROOT, reason="PLAIT_CSL_EXAMPLES is not set")


def missing():
    lines = MISSING.read_text().splitlines()
    pairs = (line.split(None, 2) for line in lines if line and not line.startswith("#"))
    return {(name, arch): reason for name, arch, reason in pairs}


def name_of(path):
    return f"{path.parent.name}-{path.stem[-4:]}"


@pytest.mark.parametrize("script", scripts(), ids=name_of)
def test_example(script, tmp_path):
    code, text, _ = run(copy(script, tmp_path), tmp_path)
    row = (script.parent.name, script.stem[-4:])
    TABLE[row] = ["passes" if code == 0 else "refused" if row in missing() else "FAILS"]
    if reason := missing().get((script.parent.name, script.stem[-4:])):
        assert code != 0, "passes now: take it off missing.txt"
        pytest.xfail(reason)
    assert code == 0, text[-3000:]


@pytest.mark.parametrize("script", [s for s in scripts() if s.parent.name in ODD], ids=name_of)
def test_other_sizes(script, tmp_path):
    script = copy(script, tmp_path)
    warm(script)
    text = script.read_text()
    for sizes in ODD[script.parent.name]:
        script.write_text(resize(text, sizes))
        code, output, _ = run_forked(script)
        assert code == 0, f"{sizes}: {output[-3000:]}"
        TABLE.setdefault((script.parent.name, script.stem[-4:]), []).append(sizes)


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_the_program_without_a_script(arch, tmp_path):
    """gemv-00-basic-syntax has neither layout nor host: its module runs in a program of ours."""
    source = Path(ROOT, "tutorials", "gemv-00-basic-syntax", "code.csl")
    (tmp_path / "code.csl").write_text(source.read_text())
    declarations = 'const code = @import_module("code.csl");'
    body = """
      code.init_and_compute();
      for (@range(i16, 4)) |i| { out[i] = code.y[i]; }
    """
    got = run_one(tmp_path, declarations, body, 4, np.float32, "f32", arch)
    assert got.tolist() == [36 * i + 15 + 2 for i in range(4)]


def test_summary(capsys):
    """The table of what ran: each script, and the other sizes in which it passes."""
    names = sorted({name for name, _ in TABLE})
    if not names:
        pytest.skip("no example ran")
    with capsys.disabled():
        for name in names:
            for arch in ("wse2", "wse3"):
                if row := TABLE.get((name, arch)):
                    print(f"\n{name} {arch}: {'; '.join(row)}", end="")
        passed = {a: [r[0] for (_, b), r in TABLE.items() if a == b] for a in ("wse2", "wse3")}
        for arch, rows in passed.items():
            print(f"\n{arch}: {rows.count('passes')} of {len(rows)} scripts pass", end="")
