"""docs/spiking.md, block by block, as one program in an empty folder."""

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from plait import cli
from plait.logging_config import compiler_logger

PAGE = Path(__file__).parents[3] / "docs" / "spiking.md"
#: What a block needs besides Plait; it is left out where that is not installed.
NEEDS = ("nir", "snntorch", "matplotlib")


def blocks():
    """Pairs of a language and a text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def missing(text):
    wanted = {"nir": "import nir", "snntorch": "import snntorch", "matplotlib": "plot."}
    for name in NEEDS:
        if wanted[name] in text:
            try:
                __import__(name)
            except ImportError:
                return name
    return None


def command(line, monkeypatch):
    """The exit code of a line of a shell."""
    monkeypatch.setattr("sys.argv", shlex.split(line, comments=True))
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code or 0


def test_every_block(tmp_path, monkeypatch, capsys):
    pytest.importorskip("nir")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    handlers = list(compiler_logger.logger.handlers)
    names, left_out = {}, []
    try:
        for language, text in blocks():
            assert language in ("python", "sh", "text"), language
            if language == "python" and (name := missing(text)):
                left_out.append(name)
            elif language == "python":
                exec(compile(text, str(PAGE), "exec"), names)
            elif language == "sh":
                for line in text.splitlines():
                    assert command(line, monkeypatch) == 0, line
    finally:
        for handler in set(compiler_logger.logger.handlers) - set(handlers):
            compiler_logger.logger.removeHandler(handler)
            handler.close()
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
    print("left out:", *left_out)
    out = capsys.readouterr()
    assert "all nodes are supported under convention 'norse'" in out.out
    assert "convention 'norse', dt=0.001: Plait wrote the file" in out.err
    # What the blocks computed is what the page says of it.
    spikes = names["spikes"]
    assert spikes.shape == (100, 1, 8) and 0 < spikes.mean() < 1
    np.testing.assert_array_equal(np.concatenate(names["parts"]), spikes)
    assert names["again"].text == names["net"].text
    rates = names["recording"].rates()
    assert rates == {"lif": pytest.approx(spikes.mean())}
    assert names["classes"].shape == (8, 1, 16, 30, 30)
    assert names["chip_spikes"]["lif"].shape == (100, 8)
    (line,) = (tmp_path / "compilations.jsonl").read_text().splitlines()
    assert json.loads(line)["success"]
    assert "snntorch" in left_out or names["torch_spikes"].shape == (100, 1, 8)


# What it says in tables.


def rows(heading):
    """The cells of the table whose head is ``heading``."""
    text = PAGE.read_text()
    found = re.search(rf"^\| {heading} \|.*?\n\|[-| ]*\n((?:\|.*\n)+)", text, re.M)
    return [[cell.strip() for cell in line.strip("| ").split("|")]
            for line in found[1].splitlines()]  # fmt: skip


def test_the_conventions_are_all_there():
    from plait.frontends.nir_conventions import CONVENTIONS

    table = {row[0].strip("`"): row for row in rows("convention")}
    assert set(table) == set(CONVENTIONS)
    # What fires, in the words of the dialect.
    for name in ("sinabs", "rockpool", "spikingjelly"):
        assert ">=" in table[name][2]


def test_arrays_and_keys_of_a_mapping(tmp_path):
    from plait.spike import loihi
    from plait.spike.loihi import Device, Population, Synapses

    zero, full = np.zeros(4, int), np.full((4, 2), 100)
    network = loihi.IntegerNetwork(
        {"x": 2}, {"a": Population(4, 0, 0, zero + 9, zero, [Synapses("x", full)])}, {"out": "a"}
    )
    mapping = loihi.map_network(network, Device("tiny", 1, 2, 4, 8, 8, None, 100))
    mapping.save(tmp_path)
    told = set()
    for cell, _ in rows("array"):
        first, *more = re.findall(r"`([^`]+)`", cell)
        stem = first.split(".")[0]
        told |= {first, *(stem + name for name in more)}
    told = {name.replace("<i>", "0").replace("<k>", "0") for name in told}
    for name in list(told):
        if name.endswith("route_..."):
            told.remove(name)
            told |= {name.replace("...", key) for key in ("start", "core", "axon")}
    assert told == set(np.load(tmp_path / "arrays.npz"))
    text = PAGE.read_text()
    saved = json.loads((tmp_path / "mapping.json").read_text())
    for key in [*saved, *saved["cores"][0], *mapping.report(), *mapping.report()["per_core"][0]]:
        assert f"`{key}`" in text, key
