"""Loihi's integers against lava's published trace and a scalar model; mappings, run by core."""

import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import lava_golden
import numpy as np
import pytest

import plait
from plait.spike import ResourceAllocator, SpikeCompiler, SpikeIRBuilder, loihi, network, simulate
from plait.spike.loihi import Device, IntegerNetwork, Mapping, Population, Synapses
from plait.spike.unroll import connections

DATA = Path(__file__).parents[1] / "data" / "nir-paper"
DEMO = Path(plait.__file__).parent / "demo"


def test_fixed_point_trace_of_the_nir_paper():
    trace = np.loadtxt(DATA / "lif_lava_cpu_fixed.csv", delimiter=",").astype(int)
    u = v = a = np.zeros(1, np.int64)
    one = np.array([25]), np.zeros(1, np.int64)
    for x, potential, spike in trace:
        u, v, z = loihi.step(u, v, a, 4095, 163, *one)
        assert (v[0], z[0]) == (potential, spike)
        a = np.array([10 * x])
    assert trace[:, 2].sum() == 4


def test_the_papers_file_quantised():
    pytest.importorskip("nir")
    trace = np.loadtxt(DATA / "lif_lava_cpu_fixed.csv", delimiter=",")
    network = plait.from_nir(DEMO / "lif_norse.nir", dt=1e-4, convention="norse").graph
    got = loihi.simulate(loihi.quantize(network), {"input": trace[:, :1]})["1"]
    np.testing.assert_array_equal(got[:, 0], trace[:, 2])


def scalar(network, inputs):
    """The same arithmetic in Python's integers, one neuron and one synapse after the other."""
    steps = len(next(iter(inputs.values())))
    names = list(network.populations)
    u = {n: [0] * network.populations[n].size for n in names}
    v = {n: list(x) for n, x in u.items()}
    log = {n: [[int(i) for i in row] for row in x] for n, x in inputs.items()}
    log |= {n: [] for n in names}
    for t in range(steps):
        for n in names:
            p, spikes = network.populations[n], []
            for i in range(p.size):
                a = 0
                for s in p.synapses:
                    sent = log[s.source][t - 1 - s.delay] if t - 1 - s.delay >= 0 else []
                    values = sent if s.graded else [int(x != 0) for x in sent]
                    total = sum(int(s.weights[i][j]) * x for j, x in enumerate(values))
                    a += math.floor(total * 2.0**s.exponent)
                low = abs(u[n][i]) * (4096 - p.du - 1) // 4096
                x = (low if u[n][i] >= 0 else -low) + a * 64
                x = x - 2**24 if x > 2**23 else x + 2**24 if x <= -(2**23) else x
                u[n][i] = x
                low = abs(v[n][i]) * (4096 - p.dv) // 4096
                y = (low if v[n][i] >= 0 else -low) + x + int(p.bias[i])
                y = max(min(y, 2**23 - 1), -(2**23) + 1)
                spikes.append(int(y > int(p.vth[i]) * 64))
                v[n][i] = 0 if spikes[-1] else y
            log[n].append(spikes)
    return {n: np.array(log[n]) for n in names}


def random_network(rng):
    def population(size, *sources):
        return Population(
            size, int(rng.integers(0, 4096)), int(rng.integers(0, 4096)),
            rng.integers(1, 60, size), rng.integers(-2000, 2000, size),
            [Synapses(s, rng.integers(-255, 255, (size, n)) * (rng.random((size, n)) < 0.7), *more)
             for s, n, *more in sources],
        )  # fmt: skip

    return IntegerNetwork(
        {"x": 9, "g": 3},
        # Delays, two connections of one source, shifts of the sum, graded spikes; the last
        # one's weights are scaled up so that currents wrap.
        {"a": population(11, ("x", 9), ("a", 11, 2), ("x", 9, 5), ("g", 3, 0, -3, True)),
         "b": population(5, ("a", 11, 0, 1)),
         "c": population(4, ("b", 5, 3, 7), ("x", 9, 1, 7))},
        {"out": "c"},
    )  # fmt: skip


def tiny_network():
    eye, full = np.eye(4, dtype=int) * 100, np.full((4, 4), 100)
    zero = np.zeros(4, int)
    return IntegerNetwork(
        {"x": 4},
        {"a": Population(4, 4095, 0, zero + 9, zero, [Synapses("x", eye)]),
         "b": Population(4, 4095, 0, zero + 9, zero, [Synapses("a", full)])},
        {"out": "b"},
    )  # fmt: skip


def test_traffic_under_measured_rates():
    # Two neurons a core, two cores a chip: a on chip 0, b on chip 1.
    mapping = loihi.map_network(tiny_network(), Device("tiny", 2, 2, 2, 8, 8, None, 100))
    report = mapping.report({"x": 0.5, "a": 0.25})
    assert report["cores_used"] == 4
    assert report["traffic"] == 4 * 0.5 + 2 * 4 * 0.25
    assert report["traffic_between_chips"] == 2 * 4 * 0.25 and report["hops"] == 0
    assert mapping.report()["traffic"] == 4 + 8
    assert [core["axons_out"] for core in report["per_core"]] == [4, 4, 0, 0]
    # What a run delivers is what the rates of its neurons foretell.
    x = (np.random.default_rng(0).random((50, 4)) < [0.1, 0.3, 0.5, 0.9]).astype(int)
    spikes = mapping.run({"x": x}, count=True)
    rates = {"x": x.mean(0), **{n: spikes[n].mean(0) for n in "ab"}}
    assert spikes["messages"] == pytest.approx(50 * mapping.report(rates)["traffic"])


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_core_by_core(seed, tmp_path):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    inputs = {"x": (rng.random((40, 9)) < 0.4).astype(int), "g": rng.integers(0, 9, (40, 3))}
    expected = scalar(network, inputs)
    assert all(0 < z.mean() < 1 for z in expected.values())
    device = Device("small", 2, 16, 3, 64, 64, None, 120)
    loihi.map_network(network, device).save(tmp_path / "map")
    mapping = Mapping.load(tmp_path / "map")  # What runs is what was written.
    assert len(mapping.cores) >= 8
    for got in (loihi.simulate(network, inputs), mapping.run(inputs)):
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name])


# lava-nc.


@pytest.fixture(scope="module")
def golden():
    return lava_golden.load(DATA.parent / "lava-golden.npz")


def lava_case(case):
    """A case of lava's as an integer network."""
    o, w = case["options"], loihi.dense_weights(case["weights"], case["options"]["weight_bits"])
    delays = case["delays"]
    synapses = [
        Synapses("x", np.where(delays == d, w, 0), int(d), o["exponent"], bool(o["message_bits"]))
        for d in np.unique(delays)
    ]
    many = len(w)
    bias = np.full(many, o["bias_mant"] << o["bias_exp"])
    p = Population(many, o["du"], o["dv"], np.full(many, o["vth"]), bias, synapses)
    return IntegerNetwork({"x": w.shape[1]}, {"p": p}, {"out": "p"})


def check_lava(cases):
    spikes = wraps = 0
    for case in cases:
        network, x = lava_case(case), case["x"]
        np.testing.assert_array_equal(loihi.simulate(network, {"x": x})["p"], case["spikes"])
        mapping = loihi.map_network(network, Device("small", 1, 64, 7, 256, 256, None, 10_000))
        np.testing.assert_array_equal(mapping.run({"x": x})["p"], case["spikes"])
        (p,) = network.populations.values()
        u = v = np.zeros(p.size, np.int64)
        coming = np.zeros((len(x) + 64, p.size), np.int64)
        for t in range(len(x)):
            u, v, _ = loihi.step(u, v, coming[t], p.du, p.dv, p.vth, p.bias)
            np.testing.assert_array_equal((u, v), (case["u"][t], case["v"][t]))
            for s in p.synapses:
                sent = x[t] if s.graded else x[t] != 0
                coming[t + 1 + s.delay] += loihi.shift(s.weights @ sent, s.exponent)
            wraps += (np.abs(coming[t + 1]) << 6 > loihi.integers.LIMIT).sum()
        spikes += case["spikes"].sum()
    assert spikes > 100 and wraps > 10


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"expects \[time, 4\] for input 'x', got nothing"),
        ({"x": np.ones((3, 5))}, r"expects \[3, 4\] for input 'x', got \[3, 5\]"),
        ({"x": 1}, r"expects \[time, 4\] for input 'x', got \[\]"),
        ({"x": np.full((3, 4), 0.5)}, "input 'x' expects whole numbers"),
        ({"x": np.full((3, 4), np.nan)}, "input 'x' expects whole numbers"),
        ({"x": np.full((3, 4), np.inf)}, "input 'x' expects whole numbers"),
        ({"x": np.ones((3, 4)), "y": np.ones((3, 4))}, "no input 'y'; there are: x"),
    ],
)
def test_inputs_that_the_chip_cannot_take(inputs, message):
    network = tiny_network()
    mapping = loihi.map_network(network, Device("tiny", 1, 2, 4, 8, 8, None, 100))
    for run in (lambda: loihi.simulate(network, inputs), lambda: mapping.run(inputs)):
        with pytest.raises(plait.PlaitError, match=message):
            run()
    good = {"x": np.ones((3, 2, 2), np.float32)}  # A port of two axes, as images come.
    np.testing.assert_array_equal(mapping.run(good)["a"], loihi.simulate(network, good)["a"])


def test_golden_vectors_of_lava(golden):
    assert len(golden) >= 12
    check_lava(golden)


def check_lava_net(path):
    """Conv, LIF, Dense, LIF with a loop: the convolution as its unrolled matrix."""
    given = {name: array.astype(np.int64) for name, array in np.load(path).items()}
    padding, options = lava_golden.CONV["padding"], dict(lava_golden.CONV)
    options["padding"] = tuple((p, p) for p in padding)
    nodes = {
        "x": network.Input((4, 7, 8)), "conv": network.Conv(given["conv"], None, **options),
        "a": network.Neuron((6, 4, 4), "impulse"), "out": network.Output(),
    }  # fmt: skip
    edges = [("x", "conv"), ("conv", "a"), ("a", "out")]
    matrices, _ = connections(network.Network(nodes, edges).finish())["a"]
    ((delay, conv),) = matrices["x"].items()
    assert delay == 0
    zero = np.zeros(96, int)
    integer = IntegerNetwork(
        {"x": 4 * 7 * 8},
        {"a": Population(96, 4095, 300, zero + 400, zero - 900,
                         [Synapses("x", conv.astype(np.int64))]),
         "b": Population(9, 1000, 200, zero[:9] + 20000, zero[:9],
                         [Synapses("a", given["dense"]), Synapses("b", given["back"])])},
        {"out": "b"},
    )  # fmt: skip
    x = {"x": given["x"].reshape(60, -1)}
    device = Device("small", 2, 16, 16, 512, 512, None, 1200)
    mapping = loihi.place(loihi.map_network(integer, device))
    assert len(mapping.cores) > 6
    for got in (loihi.simulate(integer, x), mapping.run(x)):
        for name in ("a", "b"):
            assert 0.05 < given[name].mean() < 0.95
            np.testing.assert_array_equal(got[name], given[name].reshape(60, -1))


def test_golden_network_of_lava():
    pytest.importorskip("pymetis")
    check_lava_net(DATA.parent / "lava-net.npz")


@pytest.mark.skipif(
    "PLAIT_LAVA_PYTHON" not in os.environ, reason="PLAIT_LAVA_PYTHON names no Python with lava-nc"
)
@pytest.mark.parametrize("kind", ["processes", "net"])
def test_lava_itself(kind, tmp_path):
    """Against lava-nc, which wants Python 3.10 and so runs in its own."""
    seed = np.random.default_rng().integers(1 << 30)
    command = [os.environ["PLAIT_LAVA_PYTHON"], lava_golden.__file__]
    command += ["--net"] * (kind == "net") + [str(tmp_path / "now.npz"), str(seed)]
    subprocess.run(command, check=True)
    if kind == "net":
        check_lava_net(tmp_path / "now.npz")
    else:
        check_lava(lava_golden.load(tmp_path / "now.npz"))


# From networks.


def integrate_and_fire(rng, delays=(0, 0), skip=True):
    """A net whose integers are exact: no decays, and weights that are half of the chip's."""
    shape = {"a": 6, "b": 4, "c": 5}

    def weight(target, source):
        values = rng.integers(-30, 60, (shape.get(target, 7), shape.get(source, 7)))
        values[0, 0] = 127
        return network.Linear(values.astype(np.float32))

    def neuron(n):
        return network.Neuron((n,), "impulse", threshold=np.float32(150.5), reset="value")

    nodes = {
        "x": network.Input((7,)), "ax": weight("a", "x"), "a": neuron(6),
        "aa": weight("a", "a"), "ba": weight("b", "a"), "b": neuron(4),
        "cb": weight("c", "b"), "c": neuron(5), "out": network.Output((5,)),
        "late": network.Delay(rng.integers(*delays, 4) if any(delays) else np.zeros(4, int)),
    }  # fmt: skip
    path = "x ax a ba b late cb c out".split()
    edges = [*pairwise(path), ("a", "aa"), ("aa", "a")]
    if skip:
        nodes["cx"] = weight("c", "x")
        edges += [("x", "cx"), ("cx", "c")]
    return network.Network(nodes, edges).finish()


@pytest.mark.parametrize("delays", [(0, 0), (0, 4)])
@pytest.mark.parametrize("skip", [False, True])
def test_spikes_are_those_of_the_network_some_steps_later(delays, skip, tmp_path):
    rng = np.random.default_rng(3)
    source = integrate_and_fire(rng, delays, skip)
    x = (rng.random((60, 7)) < 0.3).astype(np.float32)
    integer = loihi.quantize(source)
    latency = {n: p.latency for n, p in integer.populations.items()}
    assert latency == {"a": 1, "b": 2, "c": 3}
    mapping = loihi.map_network(integer, Device("small", 1, 16, 3, 64, 64, None, 120))
    mapping.save(tmp_path / "map")
    got = Mapping.load(tmp_path / "map").run({"x": x})
    recording = simulate(source, x[:, None], record=True)
    for name, late in latency.items():
        expected = recording.spikes[name][:, 0]
        assert 0.02 < expected.mean() < 0.98
        np.testing.assert_array_equal(got[name][late:], expected[:-late])
        assert not got[name][:late].any()
    assert mapping.report()["latency"] == {"out": 3}


def test_loops_faster_than_the_chip():
    eye = network.Linear(np.eye(3, dtype=np.float32))
    fires = network.Neuron((3,), "impulse", threshold=1.0, reset="value")
    nodes = {
        "x": network.Input((3,)), "a": fires, "w": eye, "b": fires, "back": eye,
        "late": network.Delay(np.ones(3, int)), "out": network.Output((3,)),
    }  # fmt: skip
    edges = [*pairwise("x a w b back late a".split()), ("b", "out")]
    with pytest.raises(plait.PlaitError, match=r"a loop through .* fewer steps of delay than"):
        loihi.quantize(network.Network(nodes, edges).finish())
    nodes["late"].steps = np.full(3, 2)
    assert loihi.quantize(network.Network(nodes, edges).finish()).populations["a"].latency == 1


def test_braille_net_on_cores(tmp_path):
    """Task 3 of the NIR paper: recurrent, quantised, written, read, run."""
    pytest.importorskip("nir")
    path = DATA / "braille_noDelay_bias_zero.nir"
    integer = loihi.quantize(plait.from_nir(path, dt=1e-4, convention="nir").graph)
    x = {"input": (np.random.default_rng(2).random((200, 12)) < 0.3).astype(int)}
    expected = loihi.simulate(integer, x)
    assert expected["lif1.lif"].sum() > 10 and expected["lif2"].sum() > 100
    loihi.map_network(integer, "loihi1").save(tmp_path / "map")
    got = Mapping.load(tmp_path / "map").run(x)
    for name, spikes in expected.items():
        np.testing.assert_array_equal(got[name], spikes)


@pytest.mark.full
@pytest.mark.parametrize("device", ["loihi1", "loihi2"])
def test_cnn_on_cores(device, tmp_path):
    """Task 2 of the NIR paper: a million synapses."""
    pytest.importorskip("nir")
    source = plait.from_nir(DATA / "cnn_sinabs.nir", dt=1.0, convention="nir").graph
    integer = loihi.quantize(source)
    x = {"input": (np.random.default_rng(0).random((20, 2 * 34 * 34)) < 0.1).astype(int)}
    expected = loihi.simulate(integer, x)
    rates = {name: z.mean(0) for name, z in (expected | x).items()}
    mapping = loihi.place(loihi.map_network(integer, device), rates)
    mapping.save(tmp_path / "map")
    got = Mapping.load(tmp_path / "map").run(x, count=True)
    assert got.pop("messages") == pytest.approx(20 * mapping.report(rates)["traffic"])
    for name, spikes in expected.items():
        assert spikes.any()
        np.testing.assert_array_equal(got[name], spikes)


# Resources.


# Of nengo-loihi 1.1's SynapseConfig: (weight bits, delay bits, index bits or none) and the
# 64-bit words of an axon of 1, 64, 65 and 200 synapses.
NENGO_WORDS = {
    (8, 0, 6): [1, 15, 16, 47],
    (8, 0, 10): [1, 19, 20, 60],
    (8, 6, 10): [1, 25, 26, 79],
    (8, 0, 0): [1, 9, 10, 29],
}


@pytest.mark.parametrize("format_", NENGO_WORDS)
def test_words_of_nengo_loihi(format_):
    got = loihi.mapping.axon_words(np.array([1, 64, 65, 200]), sum(format_))
    np.testing.assert_array_equal(got, NENGO_WORDS[format_])


def clusters(rng, many=48, groups=3):
    """Populations of which those of a group talk much, and the others little; and rates."""
    names = [f"p{i}" for i in rng.permutation(many)]
    zero, rates = np.zeros(4, int), {}
    populations = {}
    for name in names:
        group = int(name[1:]) % groups
        near = [n for n in names if int(n[1:]) % groups == group and n != name]
        far = [n for n in names if int(n[1:]) % groups != group]
        reads = [*rng.choice(near, 4, replace=False), *rng.choice(far, 1), "x"]
        synapses = [Synapses(str(n), rng.integers(1, 99, (4, 4))) for n in reads]
        populations[name] = Population(4, 4095, 100, zero + 300, zero, synapses)
        rates[name] = 0.1
    return IntegerNetwork({"x": 4}, populations, {"out": names[-1]}), rates


def test_placement_by_metis():
    pytest.importorskip("pymetis")
    rng = np.random.default_rng(1)
    network, rates = clusters(rng)
    mapping = loihi.map_network(network, Device("three", 3, 16, 4, 64, 64, None, 200, columns=4))
    placed = loihi.place(mapping, rates)
    before, after = mapping.report(rates), placed.report(rates)
    # Four of five connections can stay on a chip; in order, a third does.
    assert after["traffic_between_chips"] < 0.45 * before["traffic_between_chips"]
    assert after["traffic"] == before["traffic"]
    on_chip = after["traffic"] - after["traffic_between_chips"]
    assert after["hops"] / on_chip < 2.67  # The mean distance of two places on a mesh of 4x4.
    assert len({(c.chip, c.core) for c in placed.cores}) == 48
    x = {"x": (rng.random((20, 4)) < 0.5).astype(int)}
    expected, got = loihi.simulate(network, x), placed.run(x)
    assert all(np.array_equal(got[name], expected[name]) for name in expected)
    # Loud neurons are placed before quiet ones: their spikes go nowhere far.
    loud = {**rates, "p0": 50.0}
    here = next(c for c in placed.cores if c.population == "p0")
    quiet = loihi.place(mapping, loud)
    there = next(i for i, c in enumerate(quiet.cores) if c.population == "p0")
    readers = quiet.traffic(loud)[0][there]
    chips = {quiet.cores[i].chip for i in np.flatnonzero(readers)}
    assert chips == {quiet.cores[there].chip}, here


def test_placement_without_metis(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymetis", None)
    network, rates = clusters(np.random.default_rng(1))
    mapping = loihi.map_network(network, Device("three", 3, 16, 4, 64, 64, None, 200))
    with pytest.raises(plait.PlaitError, match="placement needs METIS: pip install pymetis"):
        loihi.place(mapping, rates)


def guide():
    builder = SpikeIRBuilder("my_model")
    input_id = builder.add_input("sensor", (1, 32, 32))
    conv_id = builder.add_spike_conv2d(input_id, out_channels=4, kernel_size=3)
    neuron_id = builder.add_spike_neuron(conv_id, threshold=1.0)
    builder.add_output(neuron_id, "classification")
    return builder.build()


def test_calls_of_the_guides(capsys):
    pytest.importorskip("pymetis")
    graph = guide()
    allocator = ResourceAllocator(num_chips=8, cores_per_chip=256, synapses_per_core=2048)
    allocation = allocator.allocate(graph)
    synapses = 4 * 30 * 30 * 9
    assert allocation["synapses"] == synapses and allocation["neurons"] == 3600
    assert allocation["estimated_utilization"] == synapses / (2048 * 8 * 256)
    assert f"Utilization: {allocation['estimated_utilization']:.1%}" == "Utilization: 0.8%"
    placement = allocator.optimize_placement(graph)
    assert placement["load_balance"] >= allocation["load_balance"] > 0.8
    assert sum(core["synapses"] for core in placement["per_core"]) == synapses
    capsys.readouterr()
    compiled = SpikeCompiler(target="loihi3", optimization_level=0).compile_graph(graph)
    assert "'loihi3': nothing authoritative is published" in capsys.readouterr().err
    assert compiled.mapping.report()["device"] == "loihi3"
    assert "nothing authoritative" in compiled.mapping.device.note


def test_limits_name_core_and_limit():
    graph = guide()
    with pytest.raises(
        plait.PlaitError,
        match=r"'custom' has 4 cores, the network needs 16: no core for 'neuron' 908 to 1134",
    ):
        ResourceAllocator(num_chips=1, cores_per_chip=4, synapses_per_core=2048).allocate(graph)
    with pytest.raises(plait.PlaitError, match=r"'neuron' 0 to 0\) needs 9 synapses, .* has 8"):
        ResourceAllocator(num_chips=100, synapses_per_core=8).allocate(graph)
    with pytest.raises(plait.PlaitError, match="no device 'loihi9'; there are: loihi1"):
        loihi.map_network(graph, "loihi9")
    with pytest.raises(plait.PlaitError, match="expects a network, got str"):
        ResourceAllocator().allocate("net.nir")
    with pytest.raises(plait.PlaitError, match="a positive 'num_chips', got True"):
        ResourceAllocator(num_chips=True)
    few = ResourceAllocator(np.int64(2), 8, 4096)
    assert few.allocate(plait.spike.emit.emit(graph))["cores_available"] == 16  # A module of it.
    for rates, message in (
        ({"gone": 1.0}, "a rate of 'gone'; there are: neuron, sensor"),
        ({"neuron": [1, 2]}, r"'neuron' expects one rate, or 3600, of 0 or more, got \[1. 2.\]"),
        ({"neuron": np.nan}, "expects one rate, or 3600, of 0 or more, got"),
        ({"sensor": -1}, "expects one rate, or 1024, of 0 or more, got"),
    ):
        with pytest.raises(plait.PlaitError, match=message):
            few.optimize_placement(graph, rates)


def change(mapping, **values):
    """A mapping whose second core has other values."""
    cores = list(mapping.cores)
    cores[1] = replace(cores[1], **values)
    return replace(mapping, cores=cores)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight": np.array([300, 1, 1, 1])}, "weights that 'tiny' does not: -256 to 255"),
        ({"vth": np.array([1, 1 << 17])}, "thresholds that 'tiny' does not"),
        ({"bias": np.array([4097, 4097 << 1])}, "biases that 'tiny' does not"),
        ({"dv": 5000}, "decays that 'tiny' does not"),
        ({"groups": [(9, False)]}, "exponents that 'tiny' does not"),
        ({"delay": np.array([0, 80, 0, 0])}, "needs 80 steps of delay, 'tiny' has 63"),
        ({"core": 7}, "is none of 'tiny'"),
        ({"core": 0}, "holds two slices"),
    ],
)
def test_values_beyond_the_chip(values, message, tmp_path):
    zero, full = np.zeros(4, int), np.full((4, 2), 100)
    network = IntegerNetwork(
        {"x": 2}, {"a": Population(4, 0, 0, zero + 9, zero, [Synapses("x", full)])}, {"out": "a"}
    )
    mapping = loihi.map_network(network, Device("tiny", 1, 2, 2, 8, 8, None, 100))
    wrong = change(mapping, **values)
    where = r"core \d of chip 0 \('a' 2 to 3\) "
    with pytest.raises(plait.PlaitError, match=where + ".*" + re.escape(message)):
        wrong.check()
    wrong.save(tmp_path)
    with pytest.raises(plait.PlaitError, match=re.escape(message)):
        Mapping.load(tmp_path)


@pytest.mark.parametrize("key", ["target", "axon_start", "axon_group", "route_core", "route_axon"])
def test_damaged_files_of_a_mapping(key, tmp_path):
    loihi.map_network(tiny_network(), Device("tiny", 2, 2, 2, 8, 8, None, 100)).save(tmp_path)
    with np.load(tmp_path / "arrays.npz") as file:
        arrays = dict(file)
    assert len(Mapping.load(tmp_path).cores) == 4
    for wrong in (arrays[f"core0.{key}"] + 99, arrays[f"core0.{key}"] - 99, np.eye(2)):
        np.savez(tmp_path / "arrays.npz", **{**arrays, f"core0.{key}": wrong})
        with pytest.raises(plait.PlaitError, match="is no mapping"):
            Mapping.load(tmp_path)
    data = (tmp_path / "arrays.npz").read_bytes()
    (tmp_path / "arrays.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(plait.PlaitError, match="is no mapping"):
        Mapping.load(tmp_path)


def test_devices(tmp_path):
    assert loihi.find_device("loihi1").thresholds == 8
    own = {**vars(loihi.DEVICES["loihi2"]), "name": "mine", "chips": 4}
    (tmp_path / "mine.json").write_text(json.dumps(own))
    mapping = loihi.map_network(tiny_network(), str(tmp_path / "mine.json"))
    assert mapping.report()["cores_available"] == 512
    with pytest.raises(plait.PlaitError, match="device 'mine' has chips=0"):
        Device(**{**own, "chips": 0})
    # Nine thresholds are one more than a core of loihi1 has.
    zero = np.zeros(9, int)
    p = Population(9, 0, 0, np.arange(9), zero, [Synapses("x", np.ones((9, 1), int))])
    sizes = [c.neurons for c in loihi.map_network(
        IntegerNetwork({"x": 1}, {"a": p}, {"out": "a"}), "loihi1").cores]  # fmt: skip
    assert sizes == [8, 1]


def test_what_the_chip_does_not_have(tmp_path):
    builder = SpikeIRBuilder()
    x = builder.add_input("x", [3])
    y = builder.add_spike_neuron(builder.add_spike_linear(x, 3), reset_mode="subtract")
    builder.add_output(y, "out")
    with pytest.raises(plait.PlaitError, match=r"'neuron' \(Neuron\) has a reset other than"):
        loihi.quantize(builder.build())
    with pytest.raises(plait.PlaitError, match="is no mapping"):
        Mapping.load(tmp_path)
    (tmp_path / "d.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(plait.PlaitError, match="is no device"):
        Device.from_file(tmp_path / "d.json")
