"""plait.to_nir: what is written reads back as it was."""

from pathlib import Path

import numpy as np
import pytest

import plait

nir = pytest.importorskip("nir")

from plait.frontends.nir_conventions import CONVENTIONS  # noqa: E402
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


def test_other_convention():
    module = plait.from_nir(PAPER / "braille_noDelay_bias_zero.nir", dt=1e-4, convention="snntorch")
    # gt is not ge: no file makes SpikingJelly run this net.
    with pytest.raises(plait.FrontendError, match="is no population of convention 'spikingjelly'"):
        plait.to_nir(module, convention="spikingjelly")


def test_what_nir_cannot_say():
    module = plait.from_nir(
        PAPER / "braille_noDelay_bias_zero.nir", dt=1e-4, convention="nir", reset="subtract"
    )
    with pytest.raises(plait.FrontendError, match=r"'lif1.lif' \(CubaLIF\) is no population of"):
        plait.to_nir(module)
    with pytest.raises(plait.FrontendError, match="no convention 'brian'"):
        plait.to_nir(module, convention="brian")
    with pytest.raises(plait.FrontendError, match="others hold no network"):
        plait.to_nir(plait.Module("func.func @main() { return }"))
