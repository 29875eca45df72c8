"""NIR files in the simulators that are installed here: their importer's spikes are Plait's.

Every library is optional, as in test_torch_spiking.py; with pytest -rP each test prints its
version.
"""

import copy
import importlib
from importlib.metadata import version
from itertools import pairwise

import numpy as np
import pytest

import plait

nir = pytest.importorskip("nir")

STEPS = 120


def library(name, module=None):
    """A library's module, where it is installed; its version goes into the test's output."""
    found = pytest.importorskip(module or name, exc_type=ImportError)
    print(f"{name} {version(name)}")
    return found


@pytest.fixture(autouse=True)
def no_index(monkeypatch):
    """Rockpool asks a package index while it is imported, unless this is set."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def populations(kind, dt, gain, w_in=lambda ratio: 1.0):
    """Two layers of one neuron type; ``gain`` and ``w_in`` make ``r`` and ``w_in`` of dt / tau."""
    rng = np.random.default_rng(5)

    def neuron(n):
        ratio, synaptic = rng.uniform(0.05, 0.3, n), rng.uniform(0.2, 0.6, n)
        fields = {
            "r": np.broadcast_to(gain(ratio), n), "v_threshold": rng.uniform(0.4, 0.7, n),
            "v_reset": np.zeros(n),
        }  # fmt: skip
        if kind == "IF":
            return nir.IF(**fields)
        fields["v_leak"] = np.zeros(n)
        if kind == "LIF":
            return nir.LIF(tau=dt / ratio, **fields)
        fields["w_in"] = np.broadcast_to(w_in(synaptic), n)
        return nir.CubaLIF(tau_syn=dt / synaptic, tau_mem=dt / ratio, **fields)

    def affine(n, m, low):
        weight = rng.uniform(low, 1.5, (n, m)).astype(np.float32)
        return nir.Affine(weight, rng.uniform(0, 0.2, n).astype(np.float32))

    nodes = {
        "input": nir.Input(np.array([5])), "fc1": affine(6, 5, -0.5), "n1": neuron(6),
        "fc2": affine(4, 6, -1), "n2": neuron(4), "output": nir.Output(np.array([4])),
    }  # fmt: skip
    names = list(nodes)
    for node in nodes.values():  # As files from 32 bits have them.
        for name, value in vars(node).items():
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                setattr(node, name, value.astype(np.float32))
    return nir.NIRGraph(nodes, list(pairwise(names)))


def drive():
    return (np.random.default_rng(6).random((STEPS, 1, 5)) < 0.4).astype(np.float32)


def check(graph, theirs, dt, convention):
    """Their spikes [STEPS, 1, 4] against ours."""
    got = plait.compile(plait.from_nir(graph, dt=dt, convention=convention))(drive())
    expected = np.asarray(theirs, np.float32).reshape(got.shape)
    print(f"spikes {int(expected.sum())}, other than ours: {int((got != expected).sum())}")
    assert expected.sum() > 20
    np.testing.assert_array_equal(got, expected)


def one(ratio):
    return np.ones_like(ratio)


def stepped(net, x):
    """A torch module that keeps its state, or gives it, once a step."""
    import torch

    out, state = [], None
    with torch.no_grad():
        for step in torch.from_numpy(x):
            z = net(step, state) if state is not None else net(step)
            z, state = z if isinstance(z, tuple) else (z, None)
            out.append(z.numpy())
    return np.stack(out)


@pytest.mark.parametrize("kind", ["IF", "LIF", "CubaLIF"])
def test_norse(kind):
    norse = library("norse", "norse.torch")
    graph = populations(kind, 1e-3, one)
    check(graph, stepped(norse.from_nir(copy.deepcopy(graph), dt=1e-3), drive()), 1e-3, "norse")


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_snntorch(kind):
    importer = library("snntorch", "snntorch.import_nir")
    graph = populations(kind, 1e-4, lambda ratio: 1 / ratio, lambda ratio: 1 / ratio)
    for name in ("n1", "n2"):  # It wants one threshold a layer.
        graph.nodes[name].v_threshold[:] = 1.2
    net = importer.import_from_nir(copy.deepcopy(graph))
    check(graph, stepped(net, drive()), 1e-4, "snntorch")


@pytest.mark.parametrize("kind", ["IF", "LIF"])
def test_sinabs(kind):
    importer = library("sinabs", "sinabs.nir")
    import torch

    graph = populations(kind, 1.0, one)
    net = importer.from_nir(copy.deepcopy(graph), batch_size=1)
    with torch.no_grad():
        spikes = net(torch.from_numpy(drive()[:, 0]))
    check(graph, spikes[0] if isinstance(spikes, tuple) else spikes, 1.0, "sinabs")


@pytest.mark.parametrize("kind", ["IF", "LIF", "LIF undecayed", "CubaLIF"])
def test_spikingjelly(kind):
    exchange = library("spikingjelly", "spikingjelly.activation_based.nir_exchange")
    gain = one if kind == "LIF" else lambda ratio: 1 / ratio
    graph = populations(kind.split()[0], 1e-4, gain, lambda ratio: 1 / ratio)
    for name in ("n1", "n2"):  # Its neurons of a layer are all the same.
        node = graph.nodes[name]
        for field in ("tau", "tau_mem", "tau_syn", "r", "w_in", "v_threshold"):
            if hasattr(node, field):
                setattr(node, field, np.full_like(getattr(node, field), getattr(node, field)[0]))
        if kind == "IF":
            node.r = np.full_like(node.r, 1e4)
    net = exchange.import_from_nir(copy.deepcopy(graph), dt=1e-4)
    check(graph, stepped(net, drive()), 1e-4, "spikingjelly")


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_spyx(kind):
    importer = library("spyx", "spyx.nir")
    graph = populations(kind, 1e-3, lambda ratio: 1 - ratio)
    _, spikes = importer.from_nir(copy.deepcopy(graph), drive(), dt=1e-3)
    check(graph, spikes, 1e-3, "spyx")


def test_rockpool():
    importer = library("rockpool", "rockpool.nn.modules.torch.nir")
    modules = importlib.import_module("rockpool.nn.modules")
    combinators = importlib.import_module("rockpool.nn.combinators")
    import torch

    torch.manual_seed(3)
    net = combinators.Sequential(
        modules.LinearTorch((5, 6)), modules.LIFTorch(6, tau_mem=0.01, tau_syn=0.005, dt=1e-3),
        modules.LinearTorch((6, 4)), modules.LIFTorch(4, tau_mem=0.02, tau_syn=0.004, dt=1e-3),
    )  # fmt: skip
    for layer in (net[0], net[2]):
        layer.weight.data.uniform_(-0.1, 0.8)
    graph = importer.to_nir(net)
    with torch.no_grad():
        spikes, *_ = net(torch.from_numpy(drive()[:, 0])[None])
    check(graph, spikes, None, "auto")


def test_nengo():
    nengo = library("nengo")
    graph = populations("LIF", 1e-3, one)
    for name in ("n1", "n2"):
        node = graph.nodes[name]
        node.tau = np.full_like(node.tau, node.tau[0])
    x, nodes = drive()[:, 0], graph.nodes
    with nengo.Network() as net:
        source = nengo.Node(lambda t: x[min(STEPS, round(t / 1e-3)) - 1])
        for n in (1, 2):
            fc, neuron = nodes[f"fc{n}"], nodes[f"n{n}"]
            size = len(neuron.tau)
            population = nengo.Ensemble(
                size, 1, neuron_type=nengo.LIF(tau_rc=float(neuron.tau[0]), tau_ref=0.0,
                                               amplitude=1e-3,
                                               initial_state={"voltage": nengo.dists.Choice([0])}),
                gain=np.ones(size), bias=np.zeros(size),
            )  # fmt: skip
            target = population.neurons
            weight, bias = fc.weight / neuron.v_threshold[:, None], fc.bias / neuron.v_threshold
            nengo.Connection(source, target, transform=weight, synapse=None)
            nengo.Connection(nengo.Node(bias), target, synapse=None)
            source = target
        probe = nengo.Probe(target)
    with nengo.Simulator(net, dt=1e-3, progress_bar=False) as simulator:
        simulator.run_steps(STEPS)
    check(graph, simulator.data[probe], 1e-3, "nengo")


# What exporters write, and what `auto` makes of it.


def test_snntorchs_export_is_known():
    exporter = library("snntorch", "snntorch.export_nir")
    import snntorch
    import torch

    torch.manual_seed(1)
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 6), snntorch.Leaky(torch.full((6,), 0.9), threshold=torch.ones(6),
                                              init_hidden=True),
        torch.nn.Linear(6, 4), snntorch.Leaky(torch.full((4,), 0.8), threshold=torch.ones(4),
                                              init_hidden=True),
    )  # fmt: skip
    torch.nn.init.uniform_(net[0].weight, 0, 1)
    torch.nn.init.uniform_(net[2].weight, 0, 1)
    module = plait.from_nir(exporter.export_to_nir(net, torch.zeros(5)), reset="subtract_next")
    assert (module.graph.convention, module.graph.dt) == ("snntorch", 1e-4)
    got = plait.compile(module)(drive())
    for layer in (net[1], net[3]):
        layer.reset_mem()
    np.testing.assert_array_equal(got, stepped(net, drive()))
    assert got.sum() > 20


def test_spikingjellys_export_is_not_taken_for_another():
    exchange = library("spikingjelly", "spikingjelly.activation_based.nir_exchange")
    neuron = importlib.import_module("spikingjelly.activation_based.neuron")
    import torch

    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(5, 4), neuron.LIFNode(tau=10.0, decay_input=False))
    torch.nn.init.uniform_(net[0].weight, 0, 1)
    graph = exchange.export_to_nir(net, torch.zeros(1, 5))
    with pytest.raises(plait.FrontendError, match="nothing in the file proves") as caught:
        plait.from_nir(graph, dt=1e-4)
    assert "spikingjelly: fits" in str(caught.value) and "norse: does not" in str(caught.value)
    check(graph, stepped(net, drive()), 1e-4, "spikingjelly")


def test_spyxs_export_is_known():
    exporter = library("spyx", "spyx.nir")
    snn, nnx = importlib.import_module("spyx.nn"), importlib.import_module("flax.nnx")
    rngs = nnx.Rngs(0)
    net = snn.Sequential(
        nnx.Linear(5, 4, rngs=rngs), snn.LIF((4,), beta=0.9, threshold=0.4, rngs=rngs)
    )
    ports = {"input": np.array([5])}, {"output": np.array([4])}
    module = plait.from_nir(exporter.to_nir(net, *ports, dt=1e-3))
    assert (module.graph.convention, module.graph.dt) == ("spyx", 1e-3)
    expected, _ = snn.run(net, drive())
    np.testing.assert_array_equal(plait.compile(module)(drive()), expected)
    assert np.asarray(expected).sum() > 5
