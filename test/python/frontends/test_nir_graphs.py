"""plait.from_nir against a float64 interpreter of NIR graphs: random graphs and the paper's."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import plait

nir = pytest.importorskip("nir")

from nir_interpreter import Interpreter  # noqa: E402

PAPER = Path(__file__).parents[1] / "data" / "nir-paper"


def run(graph, xs, dt, convention):
    """The outputs of one sample, through the native code."""
    module = plait.from_nir(graph, dt=dt, convention=convention)
    got = plait.compile(module).run([np.asarray(x, np.float32)[:, None] for x in xs])
    return [g[:, 0] for g in got]


def check(graph, xs, dt, convention, least=1e-4, tolerance=1e-4):
    """Compares; an example in which rounding could move a spike is no example."""
    oracle = Interpreter(graph, dt, convention)
    expected = oracle.run(*xs)
    if oracle.margin < least:
        return None
    for got, want in zip(run(graph, xs, dt, convention), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    return expected


# Random graphs.


class Builder:
    """Draws a graph node by node: chains, fan-out, fan-in, loops, delays, subgraphs."""

    def __init__(self, draw, convention):
        self.draw, self.convention = draw, convention
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.nodes, self.edges, self.shapes = {}, [], {}

    def add(self, kind, node, shape, source=None):
        name = f"{kind}{len(self.nodes)}"
        self.nodes[name], self.shapes[name] = node, tuple(shape)
        if source is not None:
            self.edges.append((source, name))
        return name

    def numbers(self, shape, low, high):
        return self.rng.uniform(low, high, shape)

    def population(self, shape, kind=None):
        """A neuron node that the convention reads."""
        n, c = self.numbers, self.convention
        kind = kind or self.draw(st.sampled_from(sorted(plait_kinds(c))))
        ones, threshold = np.ones(shape), n(shape, 0.3, 1.2)
        tau, tau_syn = n(shape, 2e-3, 1e-2), n(shape, 1.5e-3, 6e-3)
        leak = reset = np.zeros(shape)
        ratio, r, w_in = DT / tau, ones, n(shape, 1, 3)
        whole = self.draw(st.booleans())  # Of two gains that a convention reads.
        if c in ("nir", "exponential", "exact"):
            r, leak, reset = n(shape, 0.5, 3), n(shape, -0.1, 0.2), n(shape, -0.2, 0.2)
        elif c == "norse":
            leak = n(shape, -0.1, 0.2) if not kind.startswith("Cuba") else leak
            r = n(shape, 1, 3) if kind.startswith("Cuba") else r
        elif c == "snntorch":
            r = 1 / ratio if kind == "CubaLIF" else n(shape, 2, 9)
        elif c == "spikingjelly":
            leak = reset = n(shape, -0.2, 0.2) if kind == "LIF" else reset
            r = 1 / ratio if whole or kind == "CubaLIF" else ones
        elif c == "rockpool":
            r = np.exp(-ratio) / ratio
        elif c == "spyx":
            r = 1 - ratio if whole or kind == "CubaLIF" else ones
        elif c == "lava" or kind == "CubaLIF":
            r = n(shape, 2, 9)
        if c in ("snntorch", "spikingjelly"):
            w_in = tau_syn / DT
        elif c in ("rockpool", "spyx"):
            w_in = ones
        if kind in ("I", "IF"):
            scaled = {"nir": r / DT, "exponential": r / DT, "lava": r / DT}
            r = scaled.get(c, ones / DT if c == "spikingjelly" else ones)
            threshold = threshold * 3
        if kind == "I":
            return nir.I(r)
        if kind == "LI":
            return nir.LI(tau, r, leak)
        if kind == "IF":
            return nir.IF(r, threshold, reset)
        if kind == "LIF":
            return nir.LIF(tau, r, leak, threshold, reset)
        if kind == "CubaLI":
            return nir.CubaLI(tau_syn, tau, r, leak, w_in)
        return nir.CubaLIF(tau_syn, tau, r, leak, threshold, reset, w_in)

    def step(self):
        """Adds one node behind a drawn one."""
        draw = self.draw
        source = draw(st.sampled_from([n for n in self.nodes if not n.startswith("out")]))
        shape = self.shapes[source]
        size = int(np.prod(shape))
        choices = ["population", "population", "scale", "threshold", "delay", "fan_in"]
        choices += {1: ["affine", "linear", "recurrent", "nested"], 2: ["conv1d", "flatten"],
                    3: ["conv2d", "conv2d", "pool", "flatten"]}[len(shape)]  # fmt: skip
        kind = draw(st.sampled_from(choices))
        rng = self.rng
        if kind == "population":
            self.add("lif", self.population(shape), shape, source)
        elif kind == "scale":
            self.add("scale", nir.Scale(self.numbers(shape, -2, 2)), shape, source)
        elif kind == "threshold":
            self.add("over", nir.Threshold(self.numbers(shape, 0.2, 0.8)), shape, source)
        elif kind == "delay":
            steps = rng.integers(0, 4, shape)
            self.add("delay", nir.Delay(steps * DT), shape, source)
        elif kind == "fan_in":
            others = [
                n for n, s in self.shapes.items()
                if s == shape and n != source and not n.startswith("out")
            ]  # fmt: skip
            if others:
                other = draw(st.sampled_from(others))
                name = self.add("sum", nir.Scale(np.ones(shape)), shape, source)
                self.edges.append((other, name))
        elif kind in ("affine", "linear"):
            out = draw(st.integers(1, 5))
            weight = rng.normal(size=(out, size)) * 1.5 / np.sqrt(size)
            node = nir.Linear(weight)
            if kind == "affine":
                node = nir.Affine(weight, rng.normal(size=out) * 0.3)
            self.add("fc", node, (out,), source)
        elif kind == "flatten":
            start = draw(st.integers(0, len(shape) - 1))
            merged = (*shape[:start], int(np.prod(shape[start:])))
            node = nir.Flatten({"input": np.array(shape)}, start, -1)
            self.add("flat", node, merged, source)
        elif kind in ("conv1d", "conv2d"):
            self.conv(kind, source, shape)
        elif kind == "pool":
            self.pool(source, shape)
        else:
            self.loop(kind, source, shape)

    def conv(self, kind, source, shape):
        draw, rank = self.draw, len(shape) - 1
        groups = draw(st.sampled_from([g for g in (1, shape[0]) if shape[0] % g == 0]))
        out = groups * draw(st.integers(1, 2))
        kernel = [draw(st.integers(1, min(3, s))) for s in shape[1:]]
        stride = [draw(st.integers(1, 2)) for _ in range(rank)]
        padding = [draw(st.integers(0, 2)) for _ in range(rank)]
        dilation = [
            draw(st.integers(1, 2)) if 2 * (k - 1) < s + 2 * p else 1
            for k, s, p in zip(kernel, shape[1:], padding, strict=True)
        ]
        weight = self.rng.normal(size=(out, shape[0] // groups, *kernel))
        bias = self.rng.normal(size=out) * 0.3
        sizes = [
            (s + 2 * p - d * (k - 1) - 1) // t + 1
            for s, p, d, k, t in zip(shape[1:], padding, dilation, kernel, stride, strict=True)
        ]
        if min(sizes) < 1:
            return
        if kind == "conv1d":
            node = nir.Conv1d(
                shape[1], weight, stride[0], padding[0], dilation[0], groups, bias
            )  # fmt: skip
        else:
            node = nir.Conv2d(
                shape[1:], weight, tuple(stride), tuple(padding), tuple(dilation), groups, bias
            )
        self.add("conv", node, (out, *sizes), source)

    def pool(self, source, shape):
        draw = self.draw
        kernel = np.array([draw(st.integers(1, min(3, s))) for s in shape[1:]])
        stride = np.array([draw(st.integers(1, 2)) for _ in kernel])
        padding = np.array([draw(st.integers(0, int(k) // 2)) for k in kernel])
        kind = draw(st.sampled_from([nir.SumPool2d, nir.AvgPool2d]))
        sizes = (np.array(shape[1:]) + 2 * padding - kernel) // stride + 1
        node = kind(kernel, stride, padding)
        self.add("pool", node, (shape[0], *map(int, sizes)), source)

    def loop(self, kind, source, shape):
        """A recurrent population, flat or as a subgraph."""
        n = shape[0]
        fires = sorted(set(plait_kinds(self.convention)) & {"LIF", "CubaLIF"})
        lif = self.population(shape, self.draw(st.sampled_from(fires)))
        rec = nir.Linear(self.rng.normal(size=(n, n)) / np.sqrt(n))
        if kind == "recurrent":
            name = self.add("rlif", lif, shape, source)
            weight = self.add("rec", rec, shape, name)
            self.edges.append((weight, name))
            return
        inner = {
            "input": nir.Input(np.array(shape)), "lif": lif, "w": rec,
            "output": nir.Output(np.array(shape)),
        }  # fmt: skip
        edges = [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")]
        sub = nir.NIRGraph(inner, edges, type_check=False)
        self.add("sub", sub, shape, source)


DT = 1e-3


def plait_kinds(convention):
    from plait.frontends.nir_conventions import CONVENTIONS

    return CONVENTIONS[convention].kinds


@st.composite
def graphs(draw, convention):
    b = Builder(draw, convention)
    ports = []
    for shape in draw(st.lists(st.sampled_from([(3,), (4,), (2, 5), (2, 5, 4)]), min_size=1,
                               max_size=2)):  # fmt: skip
        ports.append(b.add("in", nir.Input(np.array(shape)), shape))
    for _ in range(draw(st.integers(1, 7))):
        b.step()
    leaves = [n for n in b.nodes if not any(a == n and c in b.nodes for a, c in b.edges)]
    for name in leaves:
        b.add("out", nir.Output(np.array(b.shapes[name])), b.shapes[name], name)
    steps = draw(st.integers(1, 12))
    xs = [(b.rng.random((steps, *b.shapes[p])) < 0.5) * b.rng.uniform(0.5, 2) for p in ports]
    return nir.NIRGraph(b.nodes, b.edges, type_check=False), xs


def compare_random_graphs(convention, examples):
    met = []

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(graphs(convention))
    def examine(example):
        graph, xs = example
        expected = check(graph, xs, DT, convention)
        assume(expected is not None)
        met.append(any(e.any() for e in expected))

    examine()
    assert sum(met) >= examples / 2  # Not all silent.


#: lava has synapses in front of all populations; see below.
RANDOM = (
    "nir", "exponential", "exact", "norse", "snntorch", "sinabs", "rockpool", "spikingjelly",
    "spyx", "nengo",
)  # fmt: skip


@pytest.mark.parametrize("convention", RANDOM)
def test_random_graphs_equal_the_interpreter(convention):
    compare_random_graphs(convention, 4)


@pytest.mark.full
@pytest.mark.parametrize("convention", RANDOM)
def test_many_random_graphs_equal_the_interpreter(convention):
    compare_random_graphs(convention, 60)


def synapses_then_populations(rng, convention):
    """Weights before every population, as lava wants them: a chain with a loop."""
    b = Builder.__new__(Builder)
    b.convention, b.rng = convention, rng
    b.draw = lambda strategy: False
    nodes = {
        "in": nir.Input(np.array([5])),
        "fc1": nir.Affine(rng.normal(size=(6, 5)), rng.normal(size=6)),
        "lif1": b.population((6,), "LIF"),
        "rec": nir.Linear(rng.normal(size=(6, 6))),
        "fc2": nir.Linear(rng.normal(size=(4, 6)) * 2),
        "lif2": b.population((4,), "CubaLIF"),
        "lif3": b.population((4,), "LIF"),
        "out": nir.Output(np.array([4])),
    }
    path = ["in", "fc1", "lif1", "fc2", "lif2", "lif3", "out"]
    edges = [*pairwise(path), ("lif1", "rec"), ("rec", "lif1")]
    return nir.NIRGraph(nodes, edges)


def test_what_a_recurrence_adds_is_read_elsewhere():
    """The product of the last spikes leaves the loop, by itself and within a sum."""
    one = np.ones(3)
    nodes = {
        "in": nir.Input(np.array([3])),
        "lif": nir.LIF(4e-3 * one, 4 * one, 0 * one, one, 0 * one),
        "back": nir.Linear(np.random.default_rng(4).uniform(-1, 1, (3, 3))),
        "twice": nir.Scale(2 * one),
        "back_out": nir.Output(np.array([3])),
        "out": nir.Output(np.array([3])),
    }
    edges = [("in", "lif"), ("lif", "back"), ("back", "lif"), ("back", "back_out")]
    edges += [("back", "twice"), ("in", "twice"), ("twice", "out")]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    x = (np.random.default_rng(5).random((30, 3)) < 0.5) * 1.5
    expected = check(graph, [x], DT, "nir")
    assert expected is not None and np.count_nonzero(expected[0]) > 20


@pytest.mark.parametrize("convention", ["nir", "lava", "spyx"])
def test_graphs_in_graphs_are_what_they_hold(convention):
    """A population two graphs deep, fed back around both: as flat, and as a loop says."""
    rng = np.random.default_rng(1)
    size = 6
    weights = [rng.normal(size=(size, size)) * s for s in (0.3, 0.6, 0.4)]
    inner, outer, around = map(nir.Linear, weights)
    lif = nir.LIF(**{
        k: np.full(size, v) for k, v in
        {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.15, "v_reset": 0.0}.items()
    })  # fmt: skip

    def ends(a, b):
        return {a: nir.Input(np.array([size])), b: nir.Output(np.array([size]))}

    deep = nir.NIRGraph(
        ends("i", "o") | {"lif": lif, "w": inner},
        [("i", "lif"), ("lif", "o"), ("lif", "w"), ("w", "lif")], type_check=False,
    )  # fmt: skip
    sub = nir.NIRGraph(
        ends("in", "out") | {"lin": outer, "deep": deep},
        [("in", "lin"), ("lin", "deep"), ("deep", "out")], type_check=False,
    )  # fmt: skip
    edges = [("x", "sub"), ("sub", "fb"), ("fb", "sub"), ("sub", "y")]
    nested = nir.NIRGraph(ends("x", "y") | {"sub": sub, "fb": around}, edges, type_check=False)
    flat = nir.NIRGraph(
        ends("x", "y") | {"lin": outer, "lif": lif, "w": inner, "fb": around},
        [("x", "lin"), ("fb", "lin"), ("lin", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "fb"),
         ("lif", "y")], type_check=False,
    )  # fmt: skip
    x = (rng.random((60, size)) < 0.4) * 3.0
    oracle = Interpreter(nested, DT, convention)
    (expected,) = oracle.run(x)
    assert oracle.margin > 1e-5 and 10 < expected.sum() < expected.size
    for graph in (nested, flat):
        run = plait.compile(plait.from_nir(graph, dt=DT, convention=convention))
        got = run(x[:, None].astype(np.float32))
        np.testing.assert_array_equal(got[:, 0], expected)
    if convention == "nir":
        v = z = np.zeros(size)
        for given, spikes in zip(x, expected, strict=True):
            v = v + DT / 0.01 * (weights[1] @ (given + weights[2] @ z) + weights[0] @ z - v)
            z = (v > 0.15).astype(float)
            v = np.where(z, 0, v)
            np.testing.assert_array_equal(spikes, z)


def test_lava_takes_a_step_for_every_connection():
    rng = np.random.default_rng(3)
    graph = synapses_then_populations(rng, "lava")
    x = (rng.random((60, 5)) < 0.5) * 4.0
    expected = check(graph, [x], DT, "lava", least=1e-5)
    assert expected is not None and expected[0].sum() > 5


def test_every_road_resets_within_the_step():
    """A convolution and a recurrent layer, step by step, over time, as events and pruned."""
    from plait.spike import SpikeCompiler

    rng = np.random.default_rng(0)

    def lif(*shape):
        ranges = ((3e-3, 1e-2), (1, 3), (-0.1, 0.1), (0.2, 0.6), (-0.2, 0.1))
        return nir.LIF(*(rng.uniform(*ends, shape) for ends in ranges))

    conv = rng.normal(size=(16, 2, 3, 3))
    nodes = {
        "in": nir.Input(np.array([2, 8, 8])),
        "conv": nir.Conv2d((8, 8), conv, 1, 1, 1, 1, np.zeros(16)), "a": lif(16, 8, 8),
        "flat": nir.Flatten({"input": np.array([16, 8, 8])}, 0, -1),
        "fc": nir.Linear(rng.normal(size=(32, 1024)) * 0.1), "b": lif(32),
        "out": nir.Output(np.array([32])), "back": nir.Linear(rng.normal(size=(32, 32)) * 0.3),
    }  # fmt: skip
    edges = [*pairwise([*nodes][:7]), ("b", "back"), ("back", "b")]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    x = (rng.random((30, 2, 2, 8, 8)) < 0.3).astype(np.float32)
    network = plait.from_nir(graph, dt=DT, convention="exact").graph
    first, *others = (
        SpikeCompiler(optimization_level=level, time_steps=30).compile_graph(network)(x)
        for level in range(4)
    )
    assert 0.1 < first.mean() < 0.9
    for other in others:
        np.testing.assert_array_equal(other, first)


# The paper's networks.


def test_cnn_of_the_nir_paper():
    """Task 2: a spiking CNN trained in Sinabs; NIR's own reading and Sinabs' differ."""
    graph = nir.read(PAPER / "cnn_sinabs.nir", type_check=False)
    rng = np.random.default_rng(5)
    x = (rng.random((6, 2, 34, 34)) < 0.15).astype(float)
    totals = {}
    for convention, dt in (("sinabs", 1.0), ("nir", 1.0)):
        oracle = Interpreter(graph, dt, convention)
        (expected,) = oracle.run(x)
        assert oracle.margin > 1e-6
        (got,) = run(graph, [x], dt, convention)
        np.testing.assert_array_equal(got, expected)
        totals[convention] = expected.sum()
    assert totals["sinabs"] > totals["nir"] > 0


@pytest.mark.parametrize(
    ("file", "convention"),
    [("bias_zero", "nir"), ("bias_zero", "snntorch"), ("bias_zero", "spikingjelly"),
     ("noBias_subtract", "norse"), ("noBias_subtract", "lava")],
)  # fmt: skip
def test_braille_nets_of_the_nir_paper(file, convention):
    """Task 3: recurrent CubaLIF populations, trained on Braille."""
    graph = nir.read(PAPER / f"braille_noDelay_{file}.nir", type_check=False)
    x = (np.random.default_rng(2).random((128, 12)) < 0.3).astype(float)
    oracle = Interpreter(graph, 1e-4, convention)
    (expected,) = oracle.run(x)
    assert oracle.margin > 2e-6 and expected.sum() > 20
    (got,) = run(graph, [x], 1e-4, convention)
    np.testing.assert_array_equal(got, expected)
