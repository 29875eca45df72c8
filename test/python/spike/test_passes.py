"""The passes of the spiking driver, executed: which change no spike, and what the others change."""

import re
from itertools import pairwise

import numpy as np
import pytest

import plait
from plait.spike import OptimizationPass, SpikeCompiler, SpikeIRBuilder
from plait.spike import network as net
from plait.spike.compiler import LEVELS, Optimizer

F32 = np.float32


def populations(compiled):
    """The neurons, or channels, of each population of an optimised network."""
    return [
        int(sizes.split("x")[1])
        for sizes in re.findall(r"state\(%\w+ : tensor<([\dx?]+)xf32>\)", compiled.module.text)
    ]


def build(graph, level=0, passes=(), calibration=None, steps=12, **options):
    compiler = SpikeCompiler(optimization_level=level, time_steps=steps)
    optimizer = compiler.create_optimizer()
    for which in passes:
        optimizer.add_pass(which, **options)
    return compiler.compile_graph(graph, batch=3, optimizer=optimizer, calibration=calibration)


def rows(rng, cut=True):
    """Three populations; of the hidden ones some neurons are silent, some unread."""
    w1 = rng.standard_normal((20, 10)).astype(F32)
    w2 = rng.standard_normal((16, 20)).astype(F32)
    w3 = rng.standard_normal((4, 16)).astype(F32)
    b2 = rng.uniform(-0.1, 0.1, 16).astype(F32)
    if cut:
        w2[3] = -np.abs(w2[3])  # Only inhibited,
        b2[3] = 0.0
        w2[5] *= 0.01  # or too weakly excited:
        w2[8], b2[8] = 0.022, 0.0  # 19 * 0.022 / (1 - exp(-1 / 2)) is 1.06,
        w2[9], b2[9] = 0.02, 0.0  # but with 0.02 it is 0.97, under the threshold.
        w3[:, 7] = 0  # Read by nobody.
        w2[:, 11] = 0
        w1[12] = 0
    builder = SpikeIRBuilder("rows")
    x = builder.add_input("x", (10,))
    for w, bias in ((w1, None), (w2, b2), (w3, None)):
        x = builder.add_spike_linear(x, len(w), weight=w, bias=bias)
        x = builder.add_spike_neuron(x, threshold=1.0, tau_mem=2.0)
    builder.add_output(x, "out")
    return builder.build()


def images(rng):
    f, g = rng.standard_normal((6, 1, 3, 3)).astype(F32), rng.standard_normal((4, 6, 3, 3))
    head = rng.standard_normal((5, 4 * 16)).astype(F32)
    g = g.astype(F32)
    g[:, 2] = 0  # Channel 2 of the first layer is read by nobody,
    g[1] = -np.abs(g[1])  # channel 1 of the second cannot fire.
    head[:, 3 * 16 :] = 0  # Nor is channel 3 read.
    builder = SpikeIRBuilder("images")
    x = builder.add_input("x", (1, 8, 8))
    x = builder.add_spike_conv2d(x, 6, 3, padding=1, weight=f)
    x = builder.add_spike_neuron(x, threshold=1.0)
    x = builder.add_pool2d(x, 2, method="average")
    x = builder.add_spike_conv2d(x, 4, 3, padding=1, weight=g)
    x = builder.add_spike_neuron(x, threshold=0.5)
    x = builder.add_spike_linear(builder.add_flatten(x), 5, weight=head)
    builder.add_output(builder.add_spike_neuron(x, threshold=1.0), "out")
    return builder.build()


def recurrent(rng):
    """A population that reads itself; of its 12 neurons one is inhibited only, one unread."""
    w1, w2, w3, own = (
        rng.standard_normal(shape).astype(F32) for shape in ((9, 6), (12, 9), (3, 12), (12, 12))
    )
    w2[5], own[5] = -np.abs(w2[5]), -np.abs(own[5])
    w3[:, 7] = own[:, 7] = 0
    graph = net.Network(name="recurrent")

    def population(shape):
        half, one = np.array(0.5), np.array(1.0)
        return net.Neuron((shape,), "impulse", half, threshold=one, reset="value")

    graph.nodes = {
        "x": net.Input((6,)), "l1": net.Linear(w1), "a": population(9), "l2": net.Linear(w2),
        "b": population(12), "own": net.Linear(own), "l3": net.Linear(w3), "c": population(3),
        "out": net.Output(),
    }  # fmt: skip
    chain = [name for name in graph.nodes if name != "own"]
    graph.edges = [*pairwise(chain), ("b", "own"), ("own", "b")]
    return graph.finish()


NETS = [(rows, (10,)), (images, (1, 8, 8)), (recurrent, (6,))]


@pytest.mark.parametrize(("make", "shape"), NETS)
def test_levels_differ_and_keep_every_spike(make, shape):
    rng = np.random.default_rng(0)
    graph = make(rng)
    spikes = (rng.random((12, 3, *shape)) < 0.5).astype(F32) * 2
    plain, *others = compiled = [build(graph, level) for level in range(4)]
    expected = plain(spikes)
    assert 0.02 < expected.mean() < 0.98
    for other in others:
        np.testing.assert_array_equal(other(spikes), expected)
        assert "spike_difference" not in other.statistics
    # The code of 0 takes a step after another; 1 sees all of time; 2 packs; 3 has less to do.
    loops, batched, packed, pruned = (plait.compile(each.module, to="strand") for each in compiled)
    assert "scf.for" in loops and "scan" not in loops
    assert "scf.for" not in batched and "scan events" in batched and "packed" not in batched
    assert "scan" in packed and packed != batched
    assert "encoding packed" in packed or "xi16>" in packed or "encoding events" in packed
    sizes = [sum(w.size for w in each.module.weights) for each in compiled]
    assert sizes[0] == sizes[1] == sizes[2] > sizes[3] and "scan" in pruned


def test_no_pass_changes_a_spike():
    rng = np.random.default_rng(6)
    graph = recurrent(rng)
    spikes = (rng.random((12, 3, 6)) < 0.5).astype(F32) * 2
    expected = build(graph)(spikes)
    pipeline = Optimizer(LEVELS[3]).pipeline
    texts = {""}
    for end, name in enumerate(pipeline, 1):
        if not name.startswith("spike-"):
            continue
        optimizer = Optimizer()
        optimizer.passes = [(type("Prefix", (), {"value": tuple(pipeline[:end])}), {})]
        compiler = SpikeCompiler(time_steps=12)
        compiled = compiler.compile_graph(graph, batch=3, optimizer=optimizer)
        np.testing.assert_array_equal(compiled(spikes), expected, err_msg=str(pipeline[:end]))
        texts.add(compiled.module.text)
    assert 0.02 < expected.mean() < 0.98 and len(texts) > 4


def test_pruning_of_a_population_that_reads_itself():
    graph = recurrent(np.random.default_rng(7))
    pruned = build(graph, passes=[OptimizationPass.NEURON_PRUNING])
    assert populations(pruned) == [9, 10, 3]
    assert (10, 10) in {w.shape for w in pruned.module.weights}


def test_pruning_takes_out_silent_and_unread_neurons():
    rng = np.random.default_rng(1)
    pruned = build(rows(rng), passes=[OptimizationPass.NEURON_PRUNING])
    # 11 of the first; 3, 5, 7 and 9 of the second, but not 8.
    assert populations(pruned) == [19, 12, 4]
    assert sorted(w.shape for w in pruned.module.weights if w.ndim == 2) == [
        (10, 19), (12, 4), (19, 12),
    ]  # fmt: skip
    none = build(rows(rng, cut=False), passes=[OptimizationPass.NEURON_PRUNING])
    assert populations(none) == [20, 16, 4]


def test_pruning_channels():
    graph = images(np.random.default_rng(2))
    pruned = build(graph, passes=[OptimizationPass.NEURON_PRUNING])
    assert populations(pruned) == [5, 2, 5]


def test_pruning_by_measured_rates():
    rng = np.random.default_rng(3)
    graph = rows(rng, cut=False)
    spikes = (rng.random((12, 3, 10)) < 0.5).astype(F32)
    fired = plait.spike.simulate(graph, spikes, record=True, progress=False).spikes
    rates = [z.mean((0, 1)) for z in fired.values()]
    limit = float(np.sort(rates[1])[8])
    assert limit > 0
    pruned = build(
        graph, passes=[OptimizationPass.NEURON_PRUNING], calibration=[spikes], max_rate=limit
    )
    expected = [int((rate > limit).sum()) for rate in rates[:2]]
    assert populations(pruned) == [*expected, 4] and expected[1] < 16
    found = pruned.statistics["spike_difference"]
    before, after = build(graph)(spikes), pruned(spikes)
    assert found == {
        "elements": before.size, "different": int((before != after).sum()),
        "before": before.sum(), "after": after.sum(), "calibration": "given",
    }  # fmt: skip
    with pytest.raises(plait.errors.PlaitError, match="'max_rate' measures a network"):
        optimizer = Optimizer().add_pass(OptimizationPass.NEURON_PRUNING, max_rate=0.1)
        SpikeCompiler().compile(pruned.module, optimizer=optimizer)
    # A limit under every rate takes nothing that fires.
    spared = build(
        graph, passes=[OptimizationPass.NEURON_PRUNING], calibration=[spikes], max_rate=0.0
    )
    np.testing.assert_array_equal(spared(spikes), before)


def nearest(weight, bits, per_channel):
    """The pass's documentation, in NumPy."""
    axes = tuple(range(1, weight.ndim)) if per_channel else None
    step = np.abs(weight).max(axis=axes, keepdims=True) / F32(2 ** (bits - 1) - 1)
    return (np.rint(weight / step) * step).astype(F32)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("bits", [3, 8])
def test_quantized_weights(bits, per_channel):
    rng = np.random.default_rng(4)
    w1, w2 = (rng.standard_normal(s).astype(F32) for s in ((6, 1, 3, 3), (5, 6 * 36)))
    w1 *= np.array([1, 4, 0.1, 2, 1, 3], F32)[:, None, None, None]

    def net(w1, w2):
        builder = SpikeIRBuilder()
        x = builder.add_input("x", (1, 8, 8))
        x = builder.add_spike_neuron(builder.add_spike_conv2d(x, 6, 3, weight=w1), threshold=1.0)
        x = builder.add_spike_linear(builder.add_flatten(x), 5, weight=w2)
        builder.add_output(builder.add_spike_neuron(x, threshold=2.0), "out")
        return builder.build()

    spikes = (rng.random((12, 3, 1, 8, 8)) < 0.5).astype(F32)
    graph = net(w1, w2)
    quantized = build(
        graph, 2, [OptimizationPass.WEIGHT_QUANTIZATION], [spikes], bits=bits,
        per_channel=per_channel,
    )  # fmt: skip
    got = quantized(spikes)
    oracle = build(net(nearest(w1, bits, per_channel), nearest(w2, bits, per_channel)))
    np.testing.assert_array_equal(got, oracle(spikes))
    plain = build(graph)(spikes)
    found = quantized.statistics["spike_difference"]
    assert found["different"] == (got != plain).sum() and found["elements"] == plain.size
    if bits == 3:
        assert found["different"] > 0


def norm(rng, exact):
    """A torch net with a batch norm behind a convolution and one behind a linear layer."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch_mlir")
    nn = torch.nn

    class Node(nn.Module):
        """SpikingJelly's LIFNode, in its multi-step mode."""

        def __init__(self):
            super().__init__()
            self.tau, self.decay_input, self.step_mode = 2.0, True, "m"
            self.v_threshold, self.v_reset = 1.0, 0.0

        def forward(self, x):
            v, out = torch.zeros_like(x[0]), []
            for step in x:
                v = v + (step - v) / self.tau
                out.append((v >= self.v_threshold).float())
                v = (1 - out[-1]) * v
            return torch.stack(out)

    base = type("BaseNode", (Node,), {"__module__": "spikingjelly.stand_in"})
    lif = type("LIFNode", (base,), {"__module__": "spikingjelly.stand_in"})

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn1 = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4, eps=0.0)
            self.fc, self.bn2 = nn.Linear(4 * 36, 5), nn.BatchNorm1d(5, eps=0.0)
            self.first, self.second = lif(), lif()

        def forward(self, x):
            steps, batch = x.shape[:2]
            y = self.bn1(self.conv(x.flatten(0, 1)))
            y = self.first(y.unflatten(0, (steps, batch))).flatten(0, 1)
            y = self.bn2(self.fc(y.flatten(1)))
            return self.second(y.unflatten(0, (steps, batch)))

    net = Net().eval()
    for parameter in net.parameters():
        size = tuple(parameter.shape)
        value = rng.integers(-8, 12, size) / 8 if exact else rng.normal(0.1, 0.4, size)
        parameter.data = torch.tensor(value, dtype=torch.float32)
    for bn in (net.bn1, net.bn2):
        size = bn.num_features
        if exact:
            bn.weight.data = torch.tensor(rng.choice([0.5, 1, 2], size), dtype=torch.float32)
            bn.running_var = torch.tensor(rng.choice([0.25, 1, 4], size), dtype=torch.float32)
            bn.running_mean = torch.tensor(rng.integers(-4, 4, size) / 4, dtype=torch.float32)
        else:
            bn.weight.data = torch.tensor(rng.uniform(0.5, 1.5, size), dtype=torch.float32)
            bn.running_var = torch.tensor(rng.uniform(0.5, 4, size), dtype=torch.float32)
            bn.running_mean = torch.tensor(rng.normal(0, 0.5, size), dtype=torch.float32)
    return torch, net


@pytest.mark.parametrize("exact", [True, False])
def test_folded_batch_norms(exact):
    rng = np.random.default_rng(5)
    torch, net = norm(rng, exact)
    x = torch.tensor((rng.random((10, 3, 2, 6, 6)) < 0.4).astype(F32))
    compiler = SpikeCompiler(optimization_level=0)
    optimizer = compiler.create_optimizer().add_pass(OptimizationPass.BATCHNORM_FOLDING)
    folded = compiler.compile(net, x, optimizer=optimizer, calibration=[x.numpy()])
    text = folded.module.text
    # What is left per element is one addition behind each of the two synapses.
    assert text.count("linalg.add") == 2 and "tensor<30x4x6x6xf32>, tensor<4x1x1" not in text
    with torch.no_grad():
        expected = net(x).numpy()
    found = folded.statistics["spike_difference"]
    assert 0.05 < expected.mean() < 0.95 and found["before"] == expected.sum()
    different = int((np.asarray(folded.run(x.numpy())) != expected).sum())
    assert found["different"] == different
    # Scales of powers of two, on a lattice: no sum rounds. Else one spike in fifty.
    assert different == 0 if exact else different <= expected.size // 50
