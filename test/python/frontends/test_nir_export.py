"""plait.to_nir: what is written reads back as it was."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import plait

nir = pytest.importorskip("nir")

from nir_interpreter import Interpreter  # noqa: E402

from plait.frontends.nir_conventions import CONVENTIONS  # noqa: E402
from plait.frontends.nir_graph import SUPPORTED  # noqa: E402
from plait.spike import network as net  # noqa: E402

PAPER = Path(__file__).parents[1] / "data" / "nir-paper"
DT = 1e-3


def same(a, b):
    """Two modules whose weights are equal up to rounding."""
    assert len(a.weights) == len(b.weights)
    for mine, theirs in zip(a.weights, b.weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("file", "dt", "convention"),
    [
        ("cnn_sinabs.nir", 1.0, "sinabs"),
        ("cnn_sinabs.nir", 1.0, "nir"),
        ("lif_rockpool.nir", 1e-4, "rockpool"),
        *(("braille_noDelay_bias_zero.nir", 1e-4, c) for c in
          ("nir", "norse", "snntorch", "spikingjelly", "lava", "nengo")),
    ],
)  # fmt: skip
def test_round_trip_of_the_papers_files(file, dt, convention, tmp_path):
    module = plait.from_nir(PAPER / file, dt=dt, convention=convention)
    plait.to_nir(module, tmp_path / "out.nir")
    again = plait.from_nir(tmp_path / "out.nir")  # It says dt and convention itself.
    assert (again.graph.dt, again.graph.convention) == (dt, convention)
    same(module, again)
    assert again.text == module.text


def population(convention):
    """A graph with one node of every neuron type that a convention has."""
    rng = np.random.default_rng(4)
    nodes, edges = {"input": nir.Input(np.array([3]))}, []

    def full(value):
        return np.full(3, float(value))

    ratio = {"tau": 0.2, "syn": 0.4}
    tau, syn = full(DT / ratio["tau"]), full(DT / ratio["syn"])
    r = {
        "norse": full(1), "sinabs": full(1), "nengo": full(1), "snntorch": tau / DT,
        "spikingjelly": tau / DT, "spyx": full(0.8), "rockpool": full(np.exp(-0.2) / 0.2),
    }.get(convention, rng.uniform(1, 2, 3))  # fmt: skip
    w_in = {
        "snntorch": syn / DT, "spikingjelly": syn / DT, "spyx": full(1), "rockpool": full(1),
    }.get(convention, rng.uniform(1, 2, 3))  # fmt: skip
    zero, threshold = full(0), rng.uniform(0.5, 1, 3)
    leak = rng.uniform(0, 0.2, 3) if convention in ("nir", "exponential") else zero
    one = full(1 / DT) if convention == "spikingjelly" else full(1)
    made = {
        "I": lambda: nir.I(one),
        "IF": lambda: nir.IF(one, threshold, zero),
        "LI": lambda: nir.LI(tau, r, leak),
        "LIF": lambda: nir.LIF(tau, r, leak, threshold, zero),
        "CubaLI": lambda: nir.CubaLI(syn, tau, r, leak, w_in),
        "CubaLIF": lambda: nir.CubaLIF(syn, tau, r, leak, threshold, zero, w_in),
    }
    for index, kind in enumerate(CONVENTIONS[convention].kinds):
        nodes |= {kind: made[kind](), f"out{index}": nir.Output(np.array([3]))}
        edges += [("input", kind), (kind, f"out{index}")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_population_of_every_convention(convention, tmp_path):
    module = plait.from_nir(population(convention), dt=DT, convention=convention)
    plait.to_nir(module, tmp_path / "out.nir")
    again = plait.from_nir(tmp_path / "out.nir")
    for name in module.graph.named(net.Neuron):
        assert again.graph.nodes[name].same(module.graph.nodes[name])
    assert len(again.graph.named(net.Neuron)) == len(CONVENTIONS[convention].kinds)


def every_kind():
    """Two chains that have every node type of NIR, and their inputs."""
    rng = np.random.default_rng(1)

    def full(shape, *values):
        return (np.full(shape, float(value)) for value in values)

    first = {
        "input": nir.Input(np.array([2, 8])),
        "conv1": nir.Conv1d(8, rng.normal(size=(4, 2, 3)), 1, "same", 1, 1, rng.normal(size=4)),
        "if": nir.IF(*full((4, 8), 1 / DT, 0.7, -0.1)),
        "scale": nir.Scale(rng.normal(size=(4, 8))),
        "over": nir.Threshold(np.full((4, 8), 0.1)),
        "late": nir.Delay(rng.integers(0, 3, (4, 8)) * DT),
        "flat": nir.Flatten({"input": np.array([4, 8])}, 0, -1),
        "fc": nir.Affine(rng.normal(size=(5, 32)) * 0.5, rng.normal(size=5)),
        "lif": nir.LIF(*full(5, 0.01, 3, 0.1, 0.3, 0)),
        "lin": nir.Linear(rng.normal(size=(3, 5))),
        "cuba": nir.CubaLIF(*full(3, 0.004, 0.01, 4, 0, 0.3, 0, 2)),
        "cubali": nir.CubaLI(*full(3, 0.004, 0.01, 4, 0.1, 2)),
        "li": nir.LI(*full(3, 0.01, 2, 0.1)),
        "i": nir.I(np.full(3, 2.0)),
        "output": nir.Output(np.array([3])),
    }
    second = {
        "input": nir.Input(np.array([2, 9, 8])),
        "conv2": nir.Conv2d((9, 8), rng.normal(size=(4, 2, 3, 3)), (2, 1), (1, 0), 1, 1,
                            rng.normal(size=4)),
        "lif": nir.LIF(*full((4, 5, 6), 0.01, 5, 0, 0.3, 0)),
        "sum": nir.SumPool2d(*(np.array(pair) for pair in ((2, 2), (1, 2), (0, 0)))),
        "avg": nir.AvgPool2d(*(np.array(pair) for pair in ((2, 2), (2, 1), (1, 0)))),
        "output": nir.Output(np.array([4, 3, 2])),
    }  # fmt: skip
    for nodes in (first, second):
        x = (rng.random((30, *nodes["input"].input_type["input"])) < 0.5) * 1.5
        yield nir.NIRGraph(nodes, list(pairwise(nodes))), x


def test_every_node_type_there_and_back(tmp_path):
    """Through files: ours, then `nir`'s own reader with its checks, then the interpreter."""
    met = set()
    for graph, x in every_kind():
        nir.write(tmp_path / "in.nir", graph)
        module = plait.from_nir(tmp_path / "in.nir", dt=DT, convention="nir")
        oracle = Interpreter(graph, DT, "nir")
        (expected,) = oracle.run(x)
        got = plait.compile(module)(x[:, None].astype(np.float32))
        assert oracle.margin > 1e-4 and expected.any()
        np.testing.assert_allclose(got[:, 0], expected, atol=1e-6)
        plait.to_nir(module, tmp_path / "out.nir")
        back = nir.read(tmp_path / "out.nir")
        assert {n: type(node) for n, node in back.nodes.items()} == {
            n: type(node) for n, node in graph.nodes.items()
        }
        assert sorted(back.edges) == sorted(graph.edges)
        np.testing.assert_allclose(Interpreter(back, DT, "nir").run(x)[0], expected, atol=1e-7)
        met |= {type(node).__name__ for node in back.nodes.values()}
    assert met == set(SUPPORTED) - {"NIRGraph"} and len(met) == 18


def test_shapes_that_nir_takes_for_errors(tmp_path):
    """nir 1.0.8 has wrong types for groups and for kernels that are no squares."""
    rng = np.random.default_rng(2)
    nodes = {
        "input": nir.Input(np.array([2, 9, 8])),
        "conv": nir.Conv2d((9, 8), rng.normal(size=(4, 1, 3, 2)), 1, 0, (1, 2), 2, np.ones(4)),
        "output": nir.Output(np.array([4, 7, 6])),
    }
    graph = nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False)
    module = plait.from_nir(graph, dt=DT, convention="nir")
    plait.to_nir(module, tmp_path / "out.nir")
    back = nir.read(tmp_path / "out.nir", type_check=False)
    x = rng.normal(size=(2, 2, 9, 8))
    (expected,) = Interpreter(graph, DT).run(x)
    np.testing.assert_allclose(Interpreter(back, DT).run(x)[0], expected, atol=1e-12)
    got = plait.compile(module)(x[:, None].astype(np.float32))
    np.testing.assert_allclose(got[:, 0], expected, atol=1e-5)
    with pytest.raises(ValueError, match="mismatch"):  # If this passes, the page may say less.
        nir.read(tmp_path / "out.nir")


def test_other_convention():
    module = plait.from_nir(PAPER / "braille_noDelay_bias_zero.nir", dt=1e-4, convention="snntorch")
    # gt is not ge: no file makes SpikingJelly run this net.
    message = (
        r"is no population of convention 'spikingjelly', .*: its 'compare' is gt, in what it reads "
        "ge"
    )
    with pytest.raises(plait.FrontendError, match=message):
        plait.to_nir(module, convention="spikingjelly")


@pytest.mark.parametrize("reset", ["subtract", "subtract_next"])
def test_resets_that_no_file_says(reset, tmp_path, capsys):
    """Our readers find them in the metadata, unless they are told otherwise."""
    file = PAPER / "braille_noDelay_bias_zero.nir"
    module = plait.from_nir(file, dt=1e-4, convention="snntorch", reset=reset)
    plait.to_nir(module, tmp_path / "out.nir")
    again = plait.from_nir(tmp_path / "out.nir")
    assert f"convention 'snntorch', dt=0.0001, reset '{reset}'" in capsys.readouterr().err
    assert again.graph.reset == reset and again.text == module.text
    same(module, again)
    own = plait.from_nir(tmp_path / "out.nir", dt=1e-4, convention="snntorch")
    assert own.text == plait.from_nir(file, dt=1e-4, convention="snntorch").text
    graph = nir.read(tmp_path / "out.nir")
    graph.metadata["reset"] = "soft"
    with pytest.raises(plait.FrontendError, match="no reset 'soft'; supported: value, subtract"):
        plait.from_nir(graph)
    with pytest.raises(plait.FrontendError, match="no reset 'soft'; supported: value, subtract"):
        plait.to_nir(module, reset="soft")


def test_what_nir_cannot_say():
    module = plait.from_nir(
        PAPER / "braille_noDelay_bias_zero.nir", dt=1e-4, convention="nir", reset="subtract"
    )
    message = (
        r"'lif1.lif' \(CubaLIF\) is no population of .*: its 'reset' is subtract, in what it reads "
        "value; a 'reset' can be given"
    )
    with pytest.raises(plait.FrontendError, match=message):
        plait.to_nir(module, reset="value")
    builder = plait.spike.SpikeIRBuilder()
    resting = builder.add_spike_neuron(builder.add_input("x", [3]), refractory=2)
    builder.add_output(resting, "y")
    with pytest.raises(plait.FrontendError, match=r"'neuron' \(Neuron\) .*: it has a 'refractory'"):
        plait.to_nir(builder.build(), convention="snntorch")
    with pytest.raises(plait.FrontendError, match="no convention 'brian'"):
        plait.to_nir(module, convention="brian")
    with pytest.raises(plait.FrontendError, match=r"others, and torch models .* hold no network"):
        plait.to_nir(plait.Module("func.func @main() { return }"))
