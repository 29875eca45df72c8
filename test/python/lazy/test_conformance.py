"""The text that the lazy front prints is the committed input of the tests behind it."""

import re
from pathlib import Path

import pytest

import plait.lazy as pf
from plait.lazy.graph import build_module

FOLDER = Path(__file__).parents[2] / "Frontends"
LAYOUTS = {
    "row-partition": pf.MeshLayout.row_partition(2),
    "grid": pf.MeshLayout.grid(2, 3),
}


def linear(layout) -> str:
    x = pf.zeros([4, 6], layout=layout)
    y = pf.relu(x @ pf.zeros([6, 5]) + pf.zeros([5]))
    return re.sub(r' loc\(".*?":\d+:\d+\)', "", build_module(y)[0].text)


@pytest.mark.parametrize("name", LAYOUTS)
def test_text_is_as_committed(name):
    committed = (FOLDER / f"lazy-linear-{name}.mlir").read_text()
    assert "".join(line for line in committed.splitlines(True) if not line.startswith("//")) == (
        linear(LAYOUTS[name])
    )
