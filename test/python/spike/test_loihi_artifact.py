"""What docs/spiking.md says of a saved mapping is enough to run it; its figures, counted again.

Nothing of plait.spike.loihi computes what is expected here.
"""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import plait
from plait.spike import ResourceAllocator, SpikeIRBuilder, loihi, simulate
from plait.spike.loihi import Device, Mapping

NUMBERS = {
    "chips": 4, "cores_per_chip": 6, "neurons": 24, "axons_in": 512, "axons_out": 512,
    "synapse_words": 150, "columns": 3,
}  # fmt: skip


def net(seed=0):
    """Convolutions with a stride, dilation and groups, a loop, paths of different lengths."""
    builder = SpikeIRBuilder(seed=seed)
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.uniform(-0.3, 0.7, shape).astype(np.float32)

    x = builder.add_input("image", (2, 9, 8))
    y = builder.add_input("more", (5,))
    a = builder.add_spike_conv2d(x, 4, 3, stride=2, padding=1, groups=2, weight=draw(4, 1, 3, 3))
    a = builder.add_spike_neuron(a, name="a", tau_mem=3.0, threshold=0.8)
    b = builder.add_spike_linear(builder.add_flatten(a), 20, weight=draw(20, 80), bias=draw(20))
    c = builder.add_spike_linear(y, 20, weight=draw(20, 5) * 3)
    b = builder.add_spike_neuron(builder.add_residual(b, c), "CubaLIF", name="b", threshold=4.0,
                                 tau_mem=4.0, tau_syn=2.0)  # fmt: skip
    z = builder.add_spike_linear(b, 7, weight=draw(7, 20))
    builder.add_output(builder.add_spike_neuron(z, name="c", tau_mem=5.0), "out")
    return builder.build()


def drive(steps):
    rng = np.random.default_rng(1)
    return {
        "image": (rng.random((steps, 2, 9, 8)) < 0.3).astype(np.float32),
        "more": (rng.random((steps, 5)) < 0.5).astype(np.float32),
    }


def flat(inputs):
    return {name: x.reshape(len(x), -1).astype(int) for name, x in inputs.items()}


# The artifact.


def run_folder(folder, inputs):
    """Runs a saved mapping in Python's integers, from what the page says of the two files."""
    text = json.loads((folder / "mapping.json").read_text())
    arrays = {key: value.tolist() for key, value in np.load(folder / "arrays.npz").items()}
    steps = len(next(iter(inputs.values())))
    spikes = {name: [[0] * size for _ in range(steps)]
              for name, size in text["populations"].items()}  # fmt: skip
    cores = text["cores"]
    u = [[0] * (c["last"] - c["first"]) for c in cores]
    v = [list(state) for state in u]
    arriving: dict = {}  # (step, core, neuron): the sum of weights.
    for t in range(steps):
        sums: dict = {}  # (step, core, neuron, group): before the shift.

        def send(prefix, source, value, t=t, sums=sums):
            start = arrays[f"{prefix}.route_start"]
            for k in range(start[source], start[source + 1]):
                core, axon = arrays[f"{prefix}.route_core"][k], arrays[f"{prefix}.route_axon"][k]
                own = f"core{core}"
                group = arrays[f"{own}.axon_group"][axon]
                first = arrays[f"{own}.axon_start"]
                for s in range(first[axon], first[axon + 1]):
                    late = t + 1 + arrays[f"{own}.delay"][s]
                    key = (late, core, arrays[f"{own}.target"][s], group)
                    counted = value if cores[core]["groups"][group][1] else 1
                    sums[key] = sums.get(key, 0) + arrays[f"{own}.weight"][s] * counted

        for k, name in enumerate(text["inputs"]):
            for channel, value in enumerate(inputs[name][t].tolist()):
                if value:
                    send(f"input{k}", channel, value)
        for i, core in enumerate(cores):
            for n in range(core["last"] - core["first"]):
                a = arriving.get((t, i, n), 0)
                kept = abs(u[i][n]) * (4095 - core["du"]) // 4096
                x = (kept if u[i][n] >= 0 else -kept) + a * 64
                x = x - 2**24 if x > 2**23 else x + 2**24 if x <= -(2**23) else x
                kept = abs(v[i][n]) * (4096 - core["dv"]) // 4096
                y = (kept if v[i][n] >= 0 else -kept) + x + arrays[f"core{i}.bias"][n]
                y = max(min(y, 2**23 - 1), 1 - 2**23)
                fires = y > arrays[f"core{i}.vth"][n] * 64
                u[i][n], v[i][n] = x, 0 if fires else y
                if fires:
                    spikes[core["population"]][t][core["first"] + n] = 1
                    send(f"core{i}", n, 1)
        for (late, core, neuron, group), total in sums.items():
            exponent = cores[core]["groups"][group][0]
            arriving[late, core, neuron] = arriving.get((late, core, neuron), 0) + math.floor(
                total * 2.0**exponent
            )
    outputs = {port: np.array(spikes[name]) for port, name in text["outputs"].items()}
    return outputs, {name: np.array(z) for name, z in spikes.items()}


def test_the_page_is_enough_to_run_a_folder(tmp_path):
    graph, inputs = net(), flat(drive(25))
    mapping = loihi.place(loihi.map_network(graph, Device("mine", **NUMBERS)))
    mapping.save(tmp_path)
    outputs, spikes = run_folder(tmp_path, inputs)
    reference = loihi.simulate(loihi.quantize(graph), inputs)
    ran = Mapping.load(tmp_path).run(inputs)
    assert len(mapping.cores) > 8 and len({c.chip for c in mapping.cores}) > 1
    for name, expected in reference.items():
        assert 0.01 < expected.mean() < 0.99
        np.testing.assert_array_equal(spikes[name], expected)
        np.testing.assert_array_equal(ran[name], expected)
    np.testing.assert_array_equal(outputs["out"], reference["c"])


# Figures.


def words(counts, neurons, bits, delay):
    """nengo-loihi's rule for the axons of one source on a core, counted block by block."""
    bits = bits + len(f"{delay:b}") * (delay > 0)
    index = max(6, (neurons - 1).bit_length()) if neurons > 1 else 0

    def axon(n, width):
        total = 0
        for block in range(0, n, 64):
            total += -(-(min(64, n - block) * width + 10) // 64)
        return total

    listed = sum(axon(n, bits + index) for n in counts)
    return min(listed, sum(axon(neurons, bits) for _ in counts))


def counted(graph, device, per_core, rates):
    """The figures of slices of a network, from its integer matrices alone."""
    integer = loihi.quantize(graph)
    side = device.columns
    synapses, taken, traffic, apart, hops = [], [], 0.0, 0.0, 0.0
    out = [0] * len(per_core)
    for core in per_core:
        p = integer.populations[core["population"]]
        mine = slice(core["first"], core["last"])
        neurons, axons = core["last"] - core["first"], 0
        synapses.append(0)
        taken.append(0)
        for source in {s.source for s in p.synapses}:
            parts = [s for s in p.synapses if s.source == source]
            assert len({(s.exponent, s.graded) for s in parts}) == 1
            counts = sum((s.weights[mine] != 0).sum(0) for s in parts)
            read = np.flatnonzero(counts)
            axons += len(read)
            synapses[-1] += int(counts.sum())
            delay = max(s.delay for s in parts)
            taken[-1] += words(counts[read].tolist(), neurons, device.weight_bits, delay)
            rate = np.broadcast_to(rates[source], len(counts))
            for i in read:
                traffic += rate[i]
                for place, other in enumerate(per_core):
                    if other["population"] == source and other["first"] <= i < other["last"]:
                        out[place] += 1
                        if other["chip"] != core["chip"]:
                            apart += rate[i]
                        else:
                            rows = other["core"] // side - core["core"] // side
                            columns = other["core"] % side - core["core"] % side
                            hops += rate[i] * (abs(rows) + abs(columns))
        assert core["axons_in"] == axons
    assert [core["synapses"] for core in per_core] == synapses
    assert [core["words"] for core in per_core] == taken
    assert [core["axons_out"] for core in per_core] == out
    room = device.chips * device.cores_per_chip
    used = sum(synapses) / device.synapses if device.synapses else (
        sum(taken) / device.synapse_words
    )  # fmt: skip
    return {
        "neurons": sum(p.size for p in integer.populations.values()),
        "synapses": sum(synapses),
        "cores_used": len(per_core),
        "cores_available": room,
        "estimated_utilization": used / room,
        "load_balance": np.mean(synapses) / max(synapses),
        "traffic": traffic,
        "traffic_between_chips": apart,
        "hops": hops,
    }


def measured(graph):
    """The rates of a run in floating point, neuron by neuron."""
    inputs = drive(60)
    run = simulate(graph, *(x[:, None] for x in inputs.values()), record=True)
    rates = {name: z.reshape(60, -1).mean(0) for name, z in run.spikes.items()}
    return rates | {name: x.reshape(60, -1).mean(0) for name, x in inputs.items()}


def close(report, expected):
    assert {key: report[key] for key in expected} == pytest.approx(expected)


@pytest.mark.parametrize("even", [False, True])
def test_figures_of_a_mapping(even):
    graph = net()
    rates, device = measured(graph), Device("mine", **NUMBERS)
    mapping = loihi.map_network(graph, device, even=even)
    placed = loihi.place(mapping, rates)
    for each in (mapping, placed):
        report = each.report(rates)
        close(report, counted(graph, device, report["per_core"], rates))
    ones = dict.fromkeys(rates, 1.0)
    report = mapping.report()
    close(report, counted(graph, device, report["per_core"], ones))
    apart = [each.report(rates)["traffic_between_chips"] for each in (placed, mapping)]
    assert 0 < apart[0] < apart[1]


def test_figures_of_the_allocator():
    graph = net()
    rates = measured(graph)
    allocator = ResourceAllocator(num_chips=4, cores_per_chip=5, synapses_per_core=300)
    device = replace(allocator.device, columns=3)  # A square, rounded up.
    before = allocator.allocate(graph)
    close(before, counted(graph, device, before["per_core"], dict.fromkeys(rates, 1.0)))
    after = allocator.optimize_placement(graph, rates)
    close(after, counted(graph, device, after["per_core"], rates))
    assert after["load_balance"] >= before["load_balance"]
    assert len({core["chip"] for core in after["per_core"]}) > 1


# Limits.


@pytest.mark.parametrize(
    ("limit", "what"),
    [("neurons", "neurons"), ("axons_in", "input axons"), ("axons_out", "output axons"),
     ("synapse_words", "64-bit words of synapses"), ("synapses", "synapses"),
     ("longest_delay", "steps of delay"), ("thresholds", "different thresholds")],
)  # fmt: skip
def test_every_limit_names_core_and_number(limit, what, tmp_path):
    zero = np.zeros(4, int)
    network = loihi.IntegerNetwork(
        {"x": 2},
        {n: loihi.Population(4, 0, 0, np.array([9, 9, 8, 7]), zero,
                             [loihi.Synapses(s, np.full((4, m), 100), d)])
         for n, s, m, d in (("a", "x", 2, 0), ("b", "a", 4, 5))},
        {"out": "b"},
    )  # fmt: skip
    device = Device("mine", 2, 3, 3, 64, 64, 64, 64, thresholds=3)
    mapping = loihi.map_network(network, device)
    needs = {
        "neurons": lambda c: c.neurons, "axons_in": lambda c: len(c.axon_group),
        "axons_out": lambda c: len(c.routes.core), "synapses": lambda c: len(c.target),
        "longest_delay": lambda c: c.delay.max(), "thresholds": lambda c: len({*c.vth.tolist()}),
        "synapse_words": lambda c: words(np.diff(c.axon_start), c.neurons, 8, c.delay.max()),
    }  # fmt: skip
    need = [int(needs[limit](core)) for core in mapping.cores]
    most = max(need)
    core = mapping.cores[need.index(most)]
    tight = replace(mapping, device=replace(device, **{limit: most}))
    tight.check()
    wrong = replace(mapping, device=replace(device, **{limit: most - 1}))
    where = f"core {core.core} of chip {core.chip} ('{core.population}' {core.first} to "
    message = re.escape(where) + rf"\d\) needs {most} {what}, 'mine' has {most - 1}$"
    with pytest.raises(plait.PlaitError, match=message):
        wrong.check()
    wrong.save(tmp_path)
    with pytest.raises(plait.PlaitError, match=message):
        Mapping.load(tmp_path)


def test_weights_of_few_bits():
    graph = net()
    device = Device("narrow", **{**NUMBERS, "weight_bits": 4})
    mapping = loihi.map_network(graph, device)
    assert max(np.abs(core.weight).max() for core in mapping.cores) in range(13, 16)
    inputs = flat(drive(20))
    expected = loihi.simulate(loihi.quantize(graph, 4), inputs)
    for name, spikes in mapping.run(inputs).items():
        np.testing.assert_array_equal(spikes, expected[name])
    with pytest.raises(plait.PlaitError, match="no synapse that is not zero in 1 bits"):
        loihi.map_network(graph, replace(device, weight_bits=1))
