"""plait.from_nir against published traces and a plain float64 simulation."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import plait

nir = pytest.importorskip("nir")
h5py = pytest.importorskip("h5py")

from nir_interpreter import Interpreter  # noqa: E402

DATA = Path(__file__).parents[1] / "data"
PAPER = DATA / "nir-paper"
DEMO = Path(plait.__file__).parent / "demo"


def full(n, value):
    return np.full(n, float(value))


def lif(n, **fields):
    given = {"tau": 0.01, "r": 1, "v_leak": 0, "v_threshold": 0.3, "v_reset": 0} | fields
    return nir.LIF(**{k: v if np.ndim(v) else full(n, v) for k, v in given.items()})


def graph(nodes, *paths):
    """A graph with the edges along each space-separated path of names."""
    names = [path.split() for path in paths]
    return nir.NIRGraph(nodes, [edge for path in names for edge in pairwise(path)])


def io(n, m):
    return {"in": nir.Input(np.array([n])), "out": nir.Output(np.array([m]))}


def run(net, x, dt=1e-3, convention="nir", **options):
    module = plait.from_nir(net, dt=dt, convention=convention, **options)
    return plait.compile(module)(np.asarray(x, np.float32))


def simulate(layer, currents, dt, recurrent=None):
    """Forward Euler, v > threshold, reset to a value, float64: NIR's equations, plainly."""
    steps, batch, n = currents.shape
    v, z = np.broadcast_to(layer.v_leak, (batch, n)), np.zeros((batch, n))
    spikes, margin = np.zeros_like(currents), np.inf
    for t in range(steps):
        i = currents[t]
        if recurrent is not None:
            i = i + z @ recurrent.weight.T + recurrent.bias
        v = v + dt / layer.tau * (layer.v_leak - v + layer.r * i)
        margin = min(margin, np.abs(v - layer.v_threshold).min())
        z = (v > layer.v_threshold).astype(float)
        v = np.where(z > 0, layer.v_reset, v)
        spikes[t] = z
    # Rounding to f32 cannot move a spike.
    assert margin > 1e-5
    return spikes


# Simulator, convention, file, and how far potentials may be off.
TRACES = [
    ("norse", "norse", "lif_norse.nir", 4e-8),
    ("norse", "nir", "lif_norse.nir", 4e-8),
    ("snntorch", "snntorch", "lif_norse.nir", 0),
    ("sinabs", "sinabs", "lif_norse.nir", 0),
    ("rockpool", "rockpool", "lif_rockpool.nir", 4e-8),
    # Nengo counts in 64 bits and in thresholds; in 64 bits the rule is its to 1e-12, see below.
    ("nengo", "nengo", "lif_norse.nir", 2e-6),
    ("spyx", "spyx", "lif_norse.nir", 4e-8),
    ("lava_cpu_float", "lava", "lif_norse.nir", 4e-8),
    ("exact", "exact", "lif_norse.nir", 8e-8),
]


def find(name):
    """A file of the paper; the demo has some of them."""
    return PAPER / name if (PAPER / name).exists() else DEMO / name


@pytest.mark.parametrize(("simulator", "convention", "file", "tolerance"), TRACES)
def test_trace_of_the_nir_paper(simulator, convention, file, tolerance):
    trace = np.loadtxt(find(f"lif_{simulator}.csv"), delimiter=",")
    neuron = "1" if file == "lif_norse.nir" else "1_LIFNeuronTorch"
    spikes, v = run(
        find(file), trace[:, :1, None], dt=1e-4, convention=convention, observe=[neuron]
    )
    np.testing.assert_array_equal(spikes[:, 0, 0], trace[:, 2])
    assert spikes.sum() == 4
    np.testing.assert_allclose(v[:, 0, 0], trace[:, 1], rtol=0, atol=tolerance)


def test_the_papers_file_with_a_subgraph(tmp_path):
    """As published, edges of the subgraph name a node that it does not have; mended, it is the
    recurrent net."""
    published = PAPER / "braille_noDelay_bias_zero_subgraph.nir"
    message = error(published, dt=1e-4)
    assert "'lif'" in message and "does not exist" in message and "'lif1/nodes/lif1'" in message
    mended = tmp_path / "mended.nir"
    mended.write_bytes(published.read_bytes())
    with h5py.File(mended, "r+") as file:
        file.move("node/nodes/lif1/nodes/lif1", "node/nodes/lif1/nodes/lif")
    x = (np.random.default_rng(2).random((256, 1, 12)) < 0.3).astype(float)
    flat, nested = (
        run(path, x, dt=1e-4) for path in (PAPER / "braille_noDelay_bias_zero.nir", mended)
    )
    assert flat.sum() > 100
    np.testing.assert_array_equal(nested, flat)


@pytest.mark.parametrize(("convention", "tolerance"), [("nengo", 1e-12), ("exact", 4e-9)])
def test_trace_in_64_bits(convention, tolerance):
    trace = np.loadtxt(find(f"lif_{convention}.csv"), delimiter=",")
    ours, v = Interpreter(nir.read(find("lif_norse.nir"), type_check=False), 1e-4, convention), []
    for step in trace[:, :1]:
        ours.run(step[None])
        v.append(ours.v["1"][0])
    np.testing.assert_allclose(v, trace[:, 1], rtol=0, atol=tolerance)


def feed_forward(rng):
    hidden = lif(
        8, tau=rng.uniform(5e-3, 2e-2, 8), r=rng.uniform(1, 2, 8), v_leak=rng.normal(0, 0.05, 8),
        v_threshold=rng.uniform(0.2, 0.5, 8), v_reset=rng.normal(0, 0.1, 8),
    )  # fmt: skip
    nodes = {
        **io(5, 3),
        "fc1": nir.Affine(rng.normal(size=(8, 5)), rng.normal(size=8)),
        "lif1": hidden,
        "fc2": nir.Linear(rng.normal(size=(3, 8))),
        "lif2": lif(3),
    }
    return graph(nodes, "in fc1 lif1 fc2 lif2 out")


def test_feed_forward_net_equals_numpy():
    rng = np.random.default_rng(1)
    net = feed_forward(rng)
    nodes = net.nodes
    x = (rng.random((60, 4, 5)) < 0.4) * 3.0
    hidden = simulate(nodes["lif1"], x @ nodes["fc1"].weight.T + nodes["fc1"].bias, 1e-3)
    expected = simulate(nodes["lif2"], hidden @ nodes["fc2"].weight.T, 1e-3)
    assert 0.02 < hidden.mean() < 0.9 and expected.sum() > 10
    np.testing.assert_array_equal(run(net, x), expected)
    np.testing.assert_array_equal(run(net, x, time_steps=60, batch=4), expected)
    np.testing.assert_array_equal(run(net, x[:7, :1]), expected[:7, :1])


def recurrent(rng, n=10):
    return {
        **io(6, n),
        "fc": nir.Affine(rng.normal(size=(n, 6)), rng.normal(size=n)),
        "l.lif": lif(n, tau=rng.uniform(5e-3, 2e-2, n), r=2),
        "l.w_rec": nir.Affine(rng.normal(size=(n, n)), rng.normal(size=n) * 0.3),
    }


@pytest.mark.parametrize("nested", [False, True])
def test_recurrent_net_equals_numpy(nested, tmp_path):
    rng = np.random.default_rng(2)
    nodes = recurrent(rng)
    x = (rng.random((80, 3, 6)) < 0.3) * 2.0
    expected = simulate(
        nodes["l.lif"], x @ nodes["fc"].weight.T + nodes["fc"].bias, 1e-3, nodes["l.w_rec"]
    )
    assert 0.05 < expected.mean() < 0.9
    if nested:
        inner = {
            "input": nir.Input(np.array([10])), "output": nir.Output(np.array([10])),
            "lif": nodes.pop("l.lif"), "w_rec": nodes.pop("l.w_rec"),
        }  # fmt: skip
        nodes["l"] = graph(inner, "input lif w_rec lif output")
        net = graph(nodes, "in fc l out")
    else:
        net = graph(nodes, "in fc l.lif l.w_rec l.lif out")
    nir.write(tmp_path / "net.nir", net)
    np.testing.assert_array_equal(run(tmp_path / "net.nir", x), expected)


def ring(n, **extra):
    """A spike in neuron i reaches neuron i + 1 over the recurrent edge."""
    fires = lif(n, tau=1e-3, v_threshold=0.5)
    return {
        **io(n, n), "lif": fires, "rec": nir.Linear(np.roll(np.eye(n), 1, axis=0)), **extra
    }  # fmt: skip


@pytest.mark.parametrize("convention", ["nir", "norse", "snntorch", "exponential"])
def test_recurrent_edge_is_one_step_late(convention):
    x = np.zeros((9, 1, 4))
    x[0, 0, 0] = 1
    net = graph(ring(4), "in lif rec lif out")
    got = run(net, x, convention=convention)[:, 0]
    np.testing.assert_array_equal(got, np.eye(4)[np.arange(9) % 4])


def test_late_spikes_add_no_second_step():
    # Spyx shows a spike one step after the crossing, and feeds that spike back at once.
    x = np.zeros((9, 1, 4))
    x[0, 0, 0] = 1
    got = run(graph(ring(4), "in lif rec lif out"), x * 1.0, convention="spyx")[:, 0]
    np.testing.assert_array_equal(got[1:], np.eye(4)[np.arange(8) % 4])
    assert not got[0].any()


def test_delay_on_a_cycle_is_the_whole_delay():
    x = np.zeros((10, 1, 4))
    x[0, 0, 0] = 1
    nodes = ring(4, late=nir.Delay(full(4, 3e-3)), tap=nir.Output(np.array([4])))
    net = graph(nodes, "in lif late rec lif out", "late tap")
    spikes, tap = run(net, x)
    expected = np.zeros((10, 4))
    expected[[0, 3, 6, 9], [0, 1, 2, 3]] = 1
    np.testing.assert_array_equal(spikes[:, 0], expected)
    np.testing.assert_array_equal(tap[3:, 0], expected[:-3])
    assert not tap[:3].any()


@pytest.mark.parametrize("steps", [[0, 0, 0], [2, 2, 2], [0, 1, 4]])
def test_delay_line(steps):
    x = np.random.default_rng(3).normal(size=(7, 2, 3)).astype(np.float32)
    got = run(graph({**io(3, 3), "d": nir.Delay(np.array(steps) * 1e-3)}, "in d out"), x)
    for i, step in enumerate(steps):
        np.testing.assert_array_equal(got[step:, :, i], x[: 7 - step, :, i])
        assert not got[:step, :, i].any()


def test_scale_threshold_flatten_and_sum():
    rng = np.random.default_rng(4)
    nodes = {
        "in": nir.Input(np.array([2, 3, 2])),
        "flat": nir.Flatten(np.array([2, 3, 2]), start_dim=1),
        "scale": nir.Scale(rng.normal(size=(2, 6))),
        "over": nir.Threshold(full((2, 6), 0.5)),
        "out": nir.Output(np.array([2, 6])),
    }
    x = rng.normal(size=(4, 3, 2, 3, 2)).astype(np.float32)
    got = run(graph(nodes, "in flat scale out", "flat over out"), x)
    flat = x.reshape(4, 3, 2, 6)
    expected = flat * nodes["scale"].scale.astype(np.float32) + (flat > 0.5)
    np.testing.assert_array_equal(got, expected.astype(np.float32))


@pytest.mark.parametrize("convention", ["nir", "snntorch"])
def test_braille_net_of_the_nir_paper(convention):
    """38 recurrent and 7 CubaLIF neurons, trained on braille (task 3 of the paper)."""
    path, dt = PAPER / "braille_noDelay_bias_zero.nir", 1e-4
    nodes = nir.read(path, type_check=False).nodes
    x = (np.random.default_rng(2).random((256, 2, 12)) < 0.1).astype(float)

    def cuba(layer, currents, recurrent=None):
        batch, n = currents.shape[1:]
        i, v, z = np.zeros((3, batch, n))
        spikes, potentials, margin = [], [], np.inf
        for t in range(len(currents)):
            s = currents[t]
            if recurrent is not None:
                s = s + z @ recurrent.weight.T + recurrent.bias
            i = i + dt / layer.tau_syn * (layer.w_in * s - i)
            v = v + dt / layer.tau_mem * (layer.v_leak - v + layer.r * i)
            margin = min(margin, np.abs(v - layer.v_threshold).min())
            z = (v > layer.v_threshold).astype(float)
            v = np.where(z > 0, layer.v_reset, v)
            spikes.append(z)
            potentials.append(v)
        # Rounding to f32, bounded below, cannot move a spike.
        assert margin > 1e-4
        return np.stack(spikes), np.stack(potentials)

    hidden, v1 = cuba(
        nodes["lif1.lif"], x @ nodes["fc1"].weight.T + nodes["fc1"].bias, nodes["lif1.w_rec"]
    )
    expected, v2 = cuba(nodes["lif2"], hidden @ nodes["fc2"].weight.T + nodes["fc2"].bias)
    assert hidden.sum() > 100 and expected.sum() > 1000
    spikes, got1, got2 = run(path, x, dt=dt, convention=convention, observe=["lif1.lif", "lif2"])
    np.testing.assert_array_equal(spikes, expected)
    np.testing.assert_allclose(got1, v1, rtol=0, atol=1e-4)
    np.testing.assert_allclose(got2, v2, rtol=0, atol=1e-4)


def test_cuba_li():
    x = np.random.default_rng(8).normal(size=(20, 3, 2))
    node = nir.CubaLI(full(2, 2e-3), full(2, 5e-3), full(2, 1.5), np.array([0.1, 0]), full(2, 0.7))
    got = run(graph({**io(2, 2), "li": node}, "in li out"), x)
    i, v = np.zeros((3, 2)), np.broadcast_to(node.v_leak, (3, 2))
    for t in range(20):
        i = i + 0.5 * (0.7 * x[t] - i)
        v = v + 0.2 * (node.v_leak - v + 1.5 * i)
        np.testing.assert_allclose(got[t], v, atol=1e-6)
    message = error(graph({**io(2, 2), "li": node}, "in li out"), convention="sinabs")
    assert "convention 'sinabs' has no CubaLI (node 'li')" in message


@pytest.mark.parametrize("convention", ["nir", "exponential", "sinabs"])
def test_leaky_integrator(convention):
    tau = np.array([4e-3, 1e-2])
    leak = np.array([0.2, -0.1]) * (convention != "sinabs")
    x = np.random.default_rng(5).normal(size=(20, 3, 2))
    got = run(
        graph({**io(2, 2), "li": nir.LI(tau, full(2, 1), leak)}, "in li out"), x,
        convention=convention,
    )  # fmt: skip
    a, v = np.exp(-1e-3 / tau), np.broadcast_to(leak, (3, 2))
    for t in range(20):
        if convention == "nir":
            v = v + 1e-3 / tau * (leak - v + x[t])
        elif convention == "exponential":
            v = a * v + (1 - a) * (leak + x[t])
        else:
            v = a * v + x[t]
        np.testing.assert_allclose(got[t], v, atol=2e-6)


def test_several_spikes_in_one_step():
    x = np.array([5.3, 0, 0.4, -3]).reshape(4, 1, 1)
    spikes, v = run(
        graph({**io(1, 1), "lif": lif(1, tau=1e3, v_threshold=1)}, "in lif out"), x, dt=1.0,
        convention="sinabs", observe=["lif"],
    )  # fmt: skip
    np.testing.assert_array_equal(spikes.ravel(), [5, 0, 0, 0])
    np.testing.assert_allclose(v.ravel(), [0.3, 0.2997, 0.6994, -2.3013], atol=1e-4)


def test_committed_import():
    """If this moves, the nir package or the importer changed what a file means."""
    committed = (Path(__file__).parents[2] / "Frontends" / "nir-recurrent.mlir").read_text()
    body = committed[committed.index("func.func @main") :]
    module = plait.from_nir(DATA / "recurrent.nir", dt=1e-3, convention="nir")
    assert module.text == body, f"nir {nir.version}"


def error(net, **options):
    with pytest.raises(plait.FrontendError) as caught:
        plait.from_nir(net, **({"dt": 1e-3, "convention": "nir"} | options))
    return str(caught.value)


def test_unsupported_nodes_are_listed():
    class Odd(nir.Scale):
        pass

    nodes = {**io(2, 2), "a": Odd(full(2, 1)), "b": Odd(full(2, 1))}
    message = error(loose(nodes, ("in", "a"), ("a", "b"), ("b", "out")))
    assert "'a' (Odd), 'b' (Odd)" in message and "supported types: Affine, AvgPool2d" in message


def test_unknown_convention_and_dt():
    net = graph({**io(2, 2), "lif": lif(2)}, "in lif out")
    assert "no convention 'brian'; supported: auto, exact, exponential, lava, nengo, nir" in error(
        net, convention="brian"
    )
    assert "expects a positive 'dt', got 0" in error(net, dt=0)
    assert "cannot observe 'in'; potentials: 'lif' (LIF)" in error(net, observe=["in"])


def test_files_that_are_no_graphs(tmp_path):
    import h5py

    assert "no NIR file" in error(tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("not HDF5")
    assert "it is no HDF5 file" in error(tmp_path / "text.nir")
    with h5py.File(tmp_path / "empty.nir", "w"):
        pass
    assert "is not a NIR graph" in error(tmp_path / "empty.nir")
    nir.write(tmp_path / "odd.nir", graph({**io(2, 2), "lif": lif(2)}, "in lif out"))
    with h5py.File(tmp_path / "odd.nir", "r+") as file:
        del file["node/nodes/lif/type"]
        file["node/nodes/lif/type"] = "Resonator"
    assert "'lif' (Resonator)" in error(tmp_path / "odd.nir")
    nir.write(tmp_path / "lost.nir", graph({**io(2, 2), "lif": lif(2)}, "in lif out"))
    with h5py.File(tmp_path / "lost.nir", "r+") as file:
        file["node/edges"][0] = (b"in", b"gone")
    message = error(tmp_path / "lost.nir")
    assert "'gone', which does not exist" in message and "'lif' (LIF)" in message


def loose(nodes, *edges):
    return nir.NIRGraph(nodes, list(edges), type_check=False)


def test_graphs_that_do_not_fit():
    w = nir.Linear(np.ones((2, 3)))
    message = error(loose({**io(2, 2), "w": w}, ("in", "w"), ("w", "out")))
    assert "node 'w' (Linear) takes shape (3,), but 'in' (Input) gives (2,)" in message
    message = error(loose({**io(2, 3), "lif": lif(2)}, ("in", "lif"), ("lif", "out")))
    assert "node 'out' (Output)" in message
    message = error(loose({**io(2, 2), "lif": lif(2)}, ("in", "out")))
    assert "nothing feeds node 'lif' (LIF)" in message
    message = error(loose({"in": nir.Input(np.array([2])), "lif": lif(2)}, ("in", "lif")))
    assert "no Output node" in message
    message = error(loose({**io(2, 2)}, ("in", "out"), ("in", "out")))
    assert "is there twice" in message


def test_cycles_that_have_no_one_meaning():
    eye = nir.Linear(np.eye(2))
    nodes = {**io(2, 2), "a": lif(2), "wa": eye, "b": lif(2), "wb": eye}
    message = error(graph(nodes, "in a wa b wb a", "b out"))
    assert "2 populations" in message and "'a' (LIF)" in message and "Delay node" in message
    nodes = {**io(2, 2), "w": eye, "s": nir.Scale(full(2, 1))}
    assert "0 populations" in error(graph(nodes, "in w s w", "s out"))


@pytest.mark.parametrize(
    ("fields", "options", "expected"),
    [
        ({"tau": 0.0}, {}, "expects a positive 'tau', got 0"),
        ({"tau": 1e-4}, {}, "forward Euler cannot follow"),
        ({"tau": np.nan}, {}, "'tau' that is not finite"),
        ({"v_leak": 0.1}, {"convention": "snntorch"}, "has a v_leak, which 'snntorch'"),
        ({"v_reset": 0.1}, {"convention": "norse"}, "has a v_reset, which 'norse'"),
        ({"r": 2.0}, {"convention": "norse"}, "has r=2, which 'norse' does not read; expected 1"),
        ({"r": 2.0}, {"convention": "rockpool"}, "expected 9.048"),
        ({"v_threshold": 0.0}, {"convention": "sinabs"}, "expects a positive 'v_threshold'"),
        ({"v_threshold": np.inf}, {}, "'v_threshold' that is not finite"),
    ],
)
def test_parameters_that_the_convention_lacks(fields, options, expected):
    net = graph({**io(2, 2), "lif": lif(2, **fields)}, "in lif out")
    message = error(net, **options)
    assert expected in message and "node 'lif'" in message


def test_delays_are_whole_steps():
    def delay(value):
        return graph({**io(2, 2), "d": nir.Delay(full(2, value))}, "in d out")

    assert "whole steps of dt=0.001, got 1.5" in error(delay(1.5e-3))
    assert "delays of 0 or more" in error(delay(-1e-3))


def test_rockpool_output_with_batch_axes():
    assert plait.from_nir(PAPER / "lif_rockpool.nir", dt=1e-4, convention="rockpool").inputs


def test_resets_that_a_convention_cannot_have():
    path = DEMO / "lif_norse.nir"
    for convention, reset, own in (
        ("sinabs", "value", "subtract"), ("sinabs", "subtract_next", "subtract"),
        ("exact", "subtract", "value"),
    ):  # fmt: skip
        with pytest.raises(plait.FrontendError, match=f"has reset '{own}', got '{reset}'"):
            plait.from_nir(path, dt=1e-4, convention=convention, reset=reset)
        same = plait.from_nir(path, dt=1e-4, convention=convention, reset=own)
        assert same.text == plait.from_nir(path, dt=1e-4, convention=convention).text
