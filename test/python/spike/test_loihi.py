"""Loihi's integers against lava's published trace and a scalar model; mappings, run by core."""

import json
from pathlib import Path

import numpy as np
import pytest

import plait
from plait.spike import ResourceAllocator, SpikeCompiler, SpikeIRBuilder, loihi
from plait.spike.loihi import Device, IntegerNetwork, Mapping, Population

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
    """The same arithmetic in Python's integers, one neuron after the other."""
    steps = len(next(iter(inputs.values())))
    names = list(network.populations)
    u = {n: [0] * network.populations[n].size for n in names}
    v = {n: list(x) for n, x in u.items()}
    a = {n: list(x) for n, x in u.items()}
    result = {n: [] for n in names}
    for t in range(steps):
        now = {n: [int(i) for i in x[t]] for n, x in inputs.items()}
        for n in names:
            p, spikes = network.populations[n], []
            for i in range(p.size):
                low = abs(u[n][i]) * (4096 - p.du - 1) // 4096
                x = (low if u[n][i] >= 0 else -low) + a[n][i] * 64
                x = x - 2**24 if x > 2**23 else x + 2**24 if x <= -(2**23) else x
                u[n][i] = x
                low = abs(v[n][i]) * (4096 - p.dv) // 4096
                y = (low if v[n][i] >= 0 else -low) + x + int(p.bias[i])
                y = max(min(y, 2**23 - 1), -(2**23) + 1)
                spikes.append(int(y > int(p.vth[i]) * 64))
                v[n][i] = 0 if spikes[-1] else y
            now[n] = spikes
            result[n].append(spikes)
        for n in names:
            p = network.populations[n]
            a[n] = [
                sum(int(w[i][j]) for s, w in p.weights.items() for j, z in enumerate(now[s]) if z)
                for i in range(p.size)
            ]
    return {n: np.array(x) for n, x in result.items()}


def random_network(rng):
    def population(size, *sources, high=255):
        return Population(
            size, int(rng.integers(0, 4096)), int(rng.integers(0, 4096)),
            rng.integers(1, 60, size), rng.integers(-2000, 2000, size),
            {s: rng.integers(-high, high, (size, n)) * (rng.random((size, n)) < 0.7)
             for s, n in sources},
        )  # fmt: skip

    return IntegerNetwork(
        {"x": 9},
        # The last one's weights are far too large, so that currents wrap.
        {"a": population(11, ("x", 9), ("a", 11)), "b": population(5, ("a", 11)),
         "c": population(4, ("b", 5), ("x", 9), high=90_000)},
        {"out": "c"},
    )  # fmt: skip


def test_traffic_under_measured_rates():
    eye, full = np.eye(4, dtype=int) * 100, np.full((4, 4), 100)
    zero = np.zeros(4, int)
    network = IntegerNetwork(
        {"x": 4},
        {"a": Population(4, 4095, 0, zero + 9, zero, {"x": eye}),
         "b": Population(4, 4095, 0, zero + 9, zero, {"a": full})},
        {"out": "b"},
    )  # fmt: skip
    # Two neurons a core, two cores a chip: a on chip 0, b on chip 1.
    mapping = loihi.map_network(network, Device("tiny", 2, 2, 2, 8, 8, None, 100))
    report = mapping.report({"x": 0.5, "a": 0.25})
    assert report["cores_used"] == 4
    assert report["traffic"] == 4 * 0.5 + 2 * 4 * 0.25
    assert report["traffic_between_chips"] == 2 * 4 * 0.25
    assert mapping.report()["traffic"] == 4 + 8


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_core_by_core(seed, tmp_path):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    inputs = {"x": (rng.random((40, 9)) < 0.4).astype(int)}
    expected = scalar(network, inputs)
    assert all(0 < z.mean() < 1 for z in expected.values())
    device = Device("small", 2, 16, 3, 64, 64, None, 60)
    loihi.map_network(network, device).save(tmp_path / "map")
    mapping = Mapping.load(tmp_path / "map")  # What runs is what was written.
    assert len(mapping.cores) >= 8
    for got in (loihi.simulate(network, inputs), mapping.run(inputs)):
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name])


def guide():
    builder = SpikeIRBuilder("my_model")
    input_id = builder.add_input("sensor", (1, 32, 32))
    conv_id = builder.add_spike_conv2d(input_id, out_channels=4, kernel_size=3)
    neuron_id = builder.add_spike_neuron(conv_id, threshold=1.0)
    builder.add_output(neuron_id, "classification")
    return builder.build()


def test_calls_of_the_guides():
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
    compiled = SpikeCompiler(target="loihi3", optimization_level=0).compile_graph(graph)
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
