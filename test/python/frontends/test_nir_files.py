"""Files that no exporter should write, and what `plait check`, `plait verify` and `auto` say."""

import copy
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import plait

nir = pytest.importorskip("nir")
h5py = pytest.importorskip("h5py")

from plait import cli  # noqa: E402
from plait.frontends import nir_graph  # noqa: E402
from plait.frontends.nir import check_nir  # noqa: E402
from plait.spike.traces import replay  # noqa: E402

PAPER = Path(__file__).parents[1] / "data" / "nir-paper"
DEMO = Path(plait.__file__).parent / "demo"


def lif(n=2, **fields):
    given = {"tau": 0.01, "r": 1, "v_leak": 0, "v_threshold": 0.3, "v_reset": 0} | fields
    return nir.LIF(**{k: np.full(n, float(v)) for k, v in given.items()})


def chain(**nodes):
    names = ["input", *nodes, "output"]
    ends = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2]))}
    edges = list(pairwise(names))
    return nir.NIRGraph({**ends, **nodes}, edges, type_check=False)


def refused(path, **options):
    with pytest.raises(plait.FrontendError) as caught:
        plait.from_nir(path, **({"dt": 1e-3, "convention": "nir"} | options))
    return str(caught.value)


# Malformed files.


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file(share, tmp_path):
    data = (DEMO / "lif_norse.nir").read_bytes()
    (tmp_path / "cut.nir").write_bytes(data[: int(len(data) * share)])
    message = refused(tmp_path / "cut.nir")
    assert "is not a NIR graph that nir can read" in message and "cut off" in message


def test_damaged_bytes_never_crash(tmp_path):
    data = bytearray((DEMO / "lif_norse.nir").read_bytes())
    rng = np.random.default_rng(0)
    refusals = 0
    for _ in range(40):
        bad = bytearray(data)
        for place in rng.integers(0, len(bad), 20):
            bad[place] = int(rng.integers(256))
        (tmp_path / "bad.nir").write_bytes(bad)
        try:
            plait.from_nir(tmp_path / "bad.nir", dt=1e-4, convention="nir")
        except plait.FrontendError:
            refusals += 1
    assert refusals > 5


def test_huge_array_is_not_read(tmp_path):
    nir.write(tmp_path / "huge.nir", chain(lif=lif()))
    with h5py.File(tmp_path / "huge.nir", "r+") as file:
        del file["node/nodes/lif/tau"]
        # 64 GB of zeros in a few bytes.
        file.create_dataset(
            "node/nodes/lif/tau", (1 << 33,), "f8", chunks=(1 << 20,), compression="gzip"
        )
    assert (tmp_path / "huge.nir").stat().st_size < 1 << 20
    message = refused(tmp_path / "huge.nir")
    assert "8589934592 of them in 'node/nodes/lif/tau'; expects at most 2147483648" in message


def test_huge_sum_of_arrays_is_not_read(tmp_path):
    nir.write(tmp_path / "huge.nir", chain(a=lif(), b=lif()))
    with h5py.File(tmp_path / "huge.nir", "r+") as file:
        for name in "ab":
            del file[f"node/nodes/{name}/tau"]
            file.create_dataset(
                f"node/nodes/{name}/tau", (3 << 29,), "f8", chunks=(1 << 20,), compression="gzip"
            )
    assert "1610612736 of them in 'node/nodes/" in refused(tmp_path / "huge.nir")


@pytest.mark.parametrize("size", [0, -1, 1 << 40])
def test_port_that_is_none(size):
    ends = {"input": nir.Input(np.array([size])), "output": nir.Output(np.array([size]))}
    graph = nir.NIRGraph(ends, [("input", "output")], type_check=False)
    assert "expects 1 to 2^31 numbers" in refused(graph)


def test_shapes_in_between_that_are_none():
    conv = nir.Conv2d((4, 4), np.ones((1, 1, 2, 2)), 1, 1 << 30, 1, 1, np.zeros(1))
    pool = nir.SumPool2d(np.array([2, 2]), np.array([1 << 30, 1 << 30]), np.array([0, 0]))
    ends = {"input": nir.Input(np.array([1, 4, 4])), "output": nir.Output(np.array([1, 1, 1]))}
    edges = [("input", "c"), ("c", "p"), ("p", "output")]
    graph = nir.NIRGraph({**ends, "c": conv, "p": pool}, edges, type_check=False)
    assert "'c' (Conv2d) has shape (1, 2147483651, 2147483651); expects 1 to" in refused(graph)
    conv.padding = 1e30
    assert "'padding' of 2 whole numbers from 0 to 2^31 - 1, got [1e+30]" in refused(graph)
    empty = chain(w=nir.Linear(np.zeros((0, 2))), back=nir.Linear(np.zeros((2, 0))))
    assert "'w' (Linear) has shape (0,)" in refused(empty)


def test_graphs_in_graphs_without_end():
    graph = chain(lif=lif())
    for _ in range(2000):
        graph = chain(inner=graph)
    assert "subgraphs are too deep, or one holds itself" in refused(graph)
    graph = chain(lif=lif())
    graph.nodes["lif"] = graph
    assert "subgraphs are too deep, or one holds itself" in refused(graph)


def test_a_long_row_of_nodes_without_shapes():
    graph = chain(**{f"w{i}": nir.Linear(np.eye(2)) for i in range(600)})
    assert plait.from_nir(graph, dt=1e-3, convention="nir").inputs
    assert not any(report.problem for report in check_nir(graph))


@pytest.mark.parametrize("holder", ["/", "/node/", "/node/nodes/", "/node/nodes/lif/"])
def test_a_file_that_holds_itself(holder, tmp_path):
    """It is known the second time a group is met, not when names have grown long."""
    nir.write(tmp_path / "loop.nir", chain(lif=lif()))
    with h5py.File(tmp_path / "loop.nir", "r+") as file:
        for i in range(3):
            file[f"{holder}loop{i}"] = file[holder]
    message = refused(tmp_path / "loop.nir")
    assert f"has one group under two names: '{holder}', '{holder}loop2/'" in message


def test_a_small_file_that_unfolds(tmp_path):
    """Groups that are named twice, twenty-five times over."""
    nir.write(tmp_path / "many.nir", chain(lif=lif()))
    with h5py.File(tmp_path / "many.nir", "r+") as file:
        group = file["node"]
        for _ in range(25):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner
    message = refused(tmp_path / "many.nir")
    assert "has one group under two names: '/node/b/b/" in message


def test_a_file_that_is_deep(tmp_path):
    with h5py.File(tmp_path / "deep.nir", "w") as file:
        group = file
        for _ in range(1100):
            group = group.create_group("a")
    assert "has groups that are too deep: '/a/a/" in refused(tmp_path / "deep.nir")


def test_a_file_of_many_names(tmp_path, monkeypatch):
    monkeypatch.setattr(nir_graph, "_MOST_NAMES", 100)
    nir.write(tmp_path / "many.nir", chain(lif=lif()))
    with h5py.File(tmp_path / "many.nir", "r+") as file:
        for i in range(101):
            file[f"node/nodes/lif/more{i}"] = file["node/nodes/lif/tau"]
    assert "has more than 100 names" in refused(tmp_path / "many.nir")


def test_one_array_under_many_names(tmp_path):
    nir.write(tmp_path / "many.nir", chain(lif=lif()))
    with h5py.File(tmp_path / "many.nir", "r+") as file:
        big = file.create_dataset("big", (1 << 29,), "f4", chunks=(1 << 20,), compression="gzip")
        for i in range(5):
            file[f"node/nodes/lif/more{i}"] = big
    message = refused(tmp_path / "many.nir")
    assert "536870912 of them in" in message and "expects at most 2147483648" in message


def test_more_than_the_memory(tmp_path, monkeypatch):
    nir.write(tmp_path / "net.nir", chain(lif=lif()))
    monkeypatch.setattr(nir_graph, "_memory", lambda: 100)
    assert "more than half of the memory: 50" in refused(tmp_path / "net.nir")


@pytest.mark.parametrize("where", ["link", "file", "storage"])
def test_files_that_lead_elsewhere(where, tmp_path):
    nir.write(tmp_path / "net.nir", chain(lif=lif()))
    (tmp_path / "other").write_bytes(bytes(16))
    with h5py.File(tmp_path / "net.nir", "r+") as file:
        group = file["node/nodes/lif"]
        del group["tau"]
        if where == "link":
            group["tau"] = h5py.SoftLink("/node/nodes/lif/r")
        elif where == "file":
            group["tau"] = h5py.ExternalLink(str(tmp_path / "other"), "/tau")
        else:
            group.create_dataset("tau", (2,), "f8", external=[(str(tmp_path / "other"), 0, 16)])
    message = refused(tmp_path / "net.nir")
    assert "'node/nodes/lif/tau'" in message
    assert "in another file" in message if where == "storage" else "to elsewhere" in message


@pytest.mark.parametrize(
    ("kind", "field", "value", "message"),
    [
        ("Linear", "weight", np.eye(2) * 1j, "has a 'weight' that is no array of real numbers"),
        ("Linear", "weight", np.array([["a"]]), "has a 'weight' that is no array of real numbers"),
        ("Linear", "weight", None, "has no 'weight'"),
        ("LIF", "tau", np.ones(2) * 1j, "has a 'tau' that is no array of real numbers"),
        ("LIF", "tau", np.ones(3), "has a 'tau' of shape (3,) and an 'r' of (2,)"),
        ("LIF", "v_reset", None, "has no 'v_reset'"),
        ("Flatten", "start_dim", "front", "has a 'axis' that is no array of real numbers"),
        ("Flatten", "start_dim", 0.5, "expects a 'axis' of 1 whole numbers from -64"),
    ],
)
def test_fields_that_are_none(kind, field, value, message):
    node = {"Linear": nir.Linear(np.eye(2)), "LIF": lif(),
            "Flatten": nir.Flatten({"input": np.array([2])}, 0)}[kind]  # fmt: skip
    setattr(node, field, value)
    graph = chain(bad=node)
    assert f"node 'bad' ({kind}) {message}" in refused(graph)
    delattr(node, field)
    assert any(report.problem for report in check_nir(graph, dt=1e-3, convention="nir"))


@pytest.mark.parametrize(
    ("shape", "message"),
    [([2.5], "expects a shape of whole numbers, got [2.5]"), (["a"], "'shape' that is no array"),
     ([np.nan], "'shape' that is not finite"), (None, "has no shape"),
     ([], "has a shape without sizes")],
)  # fmt: skip
def test_shapes_of_ports_that_are_none(shape, message):
    graph = chain(lif=lif())
    graph.nodes["input"].input_type = {"input": None if shape is None else np.array(shape)}
    assert "node 'input' (Input) " in (found := refused(graph)) and message in found
    assert next(check_nir(graph)).problem


@pytest.mark.parametrize("backwards", [False, True])
def test_a_long_row_with_an_error_at_one_end(backwards):
    graph = chain(
        **{f"w{i}": nir.Linear(np.eye(2)) for i in range(3000)}, end=nir.Linear(np.eye(3))
    )
    if backwards:
        graph.nodes = dict(reversed(graph.nodes.items()))
    assert "node 'end' (Linear) takes shape (3,), but 'w2999'" in refused(graph)
    assert "takes shape (3,)" in [report.problem for report in check_nir(graph)][-1]


def test_parameters_of_torch():
    """Norse's exporter leaves torch's own parameters in a graph."""
    torch = pytest.importorskip("torch")

    def net(make):
        return chain(w=nir.Linear(make(np.eye(2))), lif=nir.LIF(*(make(np.full(2, x)) for x in
                     (0.01, 1.0, 0.0, 0.3, 0.0))))  # fmt: skip

    both = [net(np.asarray), net(lambda x: torch.nn.Parameter(torch.from_numpy(x)))]
    texts = [plait.from_nir(graph, dt=1e-3, convention="nir") for graph in both]
    assert texts[0].text == texts[1].text
    for mine, theirs in zip(texts[0].weights, texts[1].weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_odd_options():
    graph = chain(lif=lif())
    one = plait.from_nir(
        graph, dt=np.float32(1e-3), convention="nir", observe="lif", batch=np.int64(3)
    )
    assert [spec.name for spec in one.outputs] == ["output", "lif"] and one.inputs[0].shape[1] == 3
    for dt in ("1e-3", np.nan, -1, True, [1e-3]):
        for convention in ("auto", "nir"):
            message = refused(graph, dt=dt, convention=convention)
            assert f"expects a positive 'dt', got {dt!r}" == message
        with pytest.raises(plait.FrontendError, match="expects a positive 'dt'"):
            list(check_nir(graph, dt=dt))
    graph.metadata = {"notes": np.arange(3), "producer": b"\xff"}
    assert "nothing in the file proves" in refused(graph, convention="auto")


def test_check_sees_parameters_that_no_convention_takes():
    problems = [
        next(r.problem for r in check_nir(chain(bad=node)) if r.name == "bad")
        for node in (lif(tau=0), lif(tau=-1), nir.Delay(np.array([-1.0, 0])))
    ]
    assert problems[0] == "expects a positive 'tau', got 0"
    assert problems[1] == "expects a positive 'tau', got -1"
    assert problems[2] == "expects delays of 0 or more, got -1"


@pytest.mark.parametrize(
    ("edges", "message"),
    [([("input", "lif", "output")], "a pair of names, got ('input', 'lif', 'output')"),
     ([("input",)], "a pair of names, got ('input',)"), (["io"], "a pair of names, got 'io'"),
     (None, "a pair of names, got None"), ([("input", None)], "names 'None', which does not")],
)  # fmt: skip
def test_edges_that_are_none(edges, message):
    graph = chain(lif=lif())
    graph.edges = edges
    assert message in refused(graph)
    with pytest.raises(plait.FrontendError):
        list(check_nir(graph))


def test_names_that_are_no_text():
    graph = chain(lif=lif())
    graph.nodes[3] = graph.nodes.pop("lif")
    assert "node 3 has a name that is no text" in refused(graph)


def test_what_is_no_path():
    assert "expects a file or a NIRGraph, got NoneType" in refused(None)


def test_long_delay():
    assert "expects 2^20" in refused(chain(d=nir.Delay(np.full(2, 1e9))))


@pytest.mark.parametrize(
    ("node", "field"),
    [
        (nir.Affine(np.array([[1, np.nan], [0, 1]]), np.zeros(2)), "weight"),
        (nir.Affine(np.eye(2), np.array([0, np.inf])), "bias"),
        (nir.Linear(np.array([[np.inf, 0], [0, 1]])), "weight"),
        (nir.Scale(np.array([np.nan, 1])), "scale"),
        (nir.Threshold(np.array([1, np.nan])), "threshold"),
        (nir.Delay(np.array([np.nan, 0])), "delay"),
        (lif(v_leak=np.nan), "v_leak"),
        (lif(r=np.inf), "r"),
        (nir.IF(np.ones(2), np.array([1, np.nan])), "v_threshold"),
    ],
)
def test_not_a_number(node, field):
    graph = chain(bad=node)
    for message in (
        refused(graph),
        next(r.problem for r in check_nir(graph) if r.name == "bad"),
    ):
        assert f"'{field}' that is not finite" in message


def test_weight_beyond_32_bits():
    message = "node 'w' (Linear) has a 'weight' that does not fit into 32 bits: 1e+300 at [0, 0]"
    assert message in refused(chain(w=nir.Linear(np.eye(2) * 1e300)))
    reports = list(check_nir(chain(w=nir.Linear(np.eye(2) * 1e300))))
    assert [r.name for r in reports if "does not fit" in r.problem] == ["w"]
    # What a convention makes of a file's numbers.
    graph, reading = chain(n=lif(r=0.0)), {"dt": 1e-3, "convention": "snntorch"}
    message = "has a 'threshold of convention snntorch' that is not finite: inf"
    assert message in refused(graph, **reading)
    assert any(message.removeprefix("has a ") in r.problem for r in check_nir(graph, **reading))


def test_edges_into_an_input_and_out_of_an_output():
    graph = chain(n=lif())
    graph.edges.append(("n", "input"))
    message = "node 'input' (Input) takes what a caller gives, but an edge comes from 'n' (LIF)"
    assert message in refused(graph)
    assert [r.problem for r in check_nir(graph) if r.problem] == [message]
    graph = chain(n=lif())
    graph.edges.append(("output", "n"))
    message = "node 'output' (Output) gives a caller what it gets, but an edge goes on to 'n' (LIF)"
    assert message in refused(graph)


def test_cycle_without_delay():
    eye = nir.Linear(np.eye(2))
    graph = chain(a=lif(), w=eye, b=lif())
    graph.nodes["back"] = eye
    graph.edges += [("b", "back"), ("back", "a")]
    message = refused(graph)
    assert "a cycle runs through 2 populations without a Delay node" in message
    graph.nodes["late"] = nir.Delay(np.full(2, 1e-3))
    graph.edges.remove(("back", "a"))
    graph.edges += [("back", "late"), ("late", "a")]
    assert plait.from_nir(graph, dt=1e-3, convention="nir").inputs


def test_windows_that_do_not_fit():
    ends = {"input": nir.Input(np.array([2, 3, 3])), "output": nir.Output(np.array([1, 1, 1]))}

    def net(node):
        edges = [("input", "c"), ("c", "output")]
        return nir.NIRGraph({**ends, "c": node}, edges, type_check=False)

    def conv(shape, **given):
        options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | given
        return nir.Conv2d(None, np.ones(shape), bias=np.zeros(shape[0]), **options)

    assert "has a window of 5, larger than its input of 3" in refused(net(conv((1, 2, 5, 5))))
    assert "takes shape (3, height, width)" in refused(net(conv((1, 3, 2, 2))))
    assert "'stride' of 2 whole numbers" in refused(net(conv((1, 2, 2, 2), stride=0)))
    assert "padding 'same', which has no meaning" in refused(
        net(conv((1, 2, 2, 2), padding="same", stride=2))
    )
    assert "3 groups split" in refused(net(conv((4, 2, 2, 2), groups=3)))
    flat = nir.Flatten({"input": np.array([2, 3, 3])}, 0, 7)
    assert "merges the axes 0 to 7, its input has 3" in refused(net(flat))


# auto.


def test_auto_refuses_what_proves_nothing():
    message = refused(DEMO / "lif_norse.nir", dt=1e-4, convention="auto")
    assert "nothing in the file proves which simulator wrote it" in message
    assert "norse: fits" in message
    assert "rockpool: does not fit" in message and "has r=1, which 'rockpool'" in message


def test_auto_proofs(capsys):
    module = plait.from_nir(PAPER / "lif_rockpool.nir")
    assert (module.graph.convention, module.graph.dt) == ("rockpool", 1e-4)
    assert "populations are named like 1_LIFNeuronTorch" in capsys.readouterr().err
    module = plait.from_nir(PAPER / "braille_noDelay_bias_zero.nir")
    assert (module.graph.convention, module.graph.dt) == ("snntorch", 1e-4)
    assert "convention 'snntorch', dt=0.0001" in capsys.readouterr().err
    for file in ("braille_noDelay_bias_zero.nir", "lif_rockpool.nir"):
        with pytest.raises(plait.FrontendError, match=r"dt=0.0001 .*, got dt=0.001; name a conv"):
            plait.from_nir(PAPER / file, dt=1e-3)
    # One population that is not the exporter's, and the proof is gone.
    graph = nir.read(PAPER / "braille_noDelay_bias_zero.nir", type_check=False)
    graph.nodes["lif2"].v_reset += 0.1
    assert "nothing in the file proves" in refused(graph, dt=1e-4, convention="auto")


def test_metadata_without_a_step():
    graph = chain(lif=lif())
    for dt in ("none", "soon", np.nan, -1.0):
        graph.metadata = {"producer": "plait", "convention": "nir", "dt": dt}
        if dt == "none":
            del graph.metadata["dt"]
        message = refused(graph, dt=None, convention="auto")
        assert f"says that Plait wrote it, with a 'dt' of {dt}; name convention=" in message
    assert plait.from_nir(graph, dt=1e-3, convention="nir").inputs


@pytest.mark.parametrize("dt", [1e-3, 1.0])
def test_spyx_is_proved_by_its_gain(dt, capsys):
    beta = np.array([0.9, 0.8], np.float32)
    layer = lif()
    layer.tau, layer.r = np.float32(dt) / (1 - beta), beta
    graph = chain(layer_0=nir.Linear(np.eye(2)), layer_1=layer)
    module = plait.from_nir(graph)
    assert (module.graph.convention, module.graph.dt) == ("spyx", dt)
    assert "r is 1 - dt / tau" in capsys.readouterr().err
    for name, value in (("r", np.array([0.9, 0.7])), ("v_leak", np.array([0, 0.1]))):
        wrong = copy.deepcopy(graph)
        setattr(wrong.nodes["layer_1"], name, value)
        assert "nothing in the file proves" in refused(wrong, dt=dt, convention="auto")
    alone = copy.deepcopy(graph)
    alone.nodes["layer_1"].r = np.full(2, 0.9, np.float32)
    alone.nodes["layer_1"].tau = np.full(2, 1.2345 * dt)  # dt would be 0.12345.
    assert "nothing in the file proves" in refused(alone, dt=dt, convention="auto")
    alone.nodes["layer_1"].tau = np.float32(dt) / (1 - alone.nodes["layer_1"].r)
    assert plait.from_nir(alone).graph.convention == "spyx"
    wrong = chain(fc=graph.nodes["layer_0"], lif=layer)
    assert "nothing in the file proves" in refused(wrong, dt=dt, convention="auto")


def test_what_spikingjelly_writes_is_not_taken_for_snntorchs():
    layer = lif()
    layer.tau, layer.r = np.full(2, 10 * 1e-4), np.full(2, 10.0)
    assert "nothing in the file proves" in refused(chain(a=layer), dt=1e-4, convention="auto")
    layer.tau = layer.tau.astype(np.float32)
    assert plait.from_nir(chain(a=layer)).graph.convention == "snntorch"


def test_reset_override():
    x = ((np.random.default_rng(1).random((300, 1, 1)) < 0.4) * 2).astype(np.float32)

    def spikes(**options):
        net = plait.from_nir(DEMO / "lif_norse.nir", dt=1e-4, convention="nir", **options)
        return plait.compile(net)(x)[:, 0, 0]

    # By hand, in float64: w = v + k (x - v), then off by the threshold.
    v, expected, last = 0.0, [], 0.0
    late, w, fired = [], 0.0, 0.0
    for value in x[:, 0, 0].astype(float):
        v = v + 0.04 * (value - v)
        last = float(v > 0.1)
        v -= last * 0.1
        expected.append(last)
        w = w + 0.04 * (value - w) - fired * 0.1
        fired = float(w > 0.1)
        late.append(fired)
    np.testing.assert_array_equal(spikes(reset="subtract"), expected)
    np.testing.assert_array_equal(spikes(reset="subtract_next"), late)
    assert (spikes() != expected).any()
    assert "no reset 'gone'; supported: value" in refused(DEMO / "lif_norse.nir", reset="gone")


# check and verify.


def test_check_names_what_is_not_supported(tmp_path, capsys, monkeypatch):
    class Odd(nir.Scale):
        pass

    graph = chain(odd=Odd(np.ones(2)), lif=lif(v_leak=0.1))
    reports = {r.name: r for r in check_nir(graph)}
    assert reports["odd"].problem.startswith("unsupported; supported types: Affine, AvgPool2d")
    assert not reports["lif"].problem and reports["lif"].shape == (2,)
    reports = {r.name: r for r in check_nir(graph, dt=1e-3, convention="snntorch")}
    assert reports["lif"].problem == "has a v_leak, which 'snntorch' does not have"


def command(monkeypatch, capsys, *words):
    """Exit code and output of a command line."""
    monkeypatch.setattr("sys.argv", ["plait", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    out = capsys.readouterr()
    return caught.value.code or 0, out.out + out.err


def test_check_command(tmp_path, capsys, monkeypatch):
    def check(*words):
        return command(monkeypatch, capsys, "check", *words)

    code, out = check(PAPER / "cnn_sinabs.nir")
    assert code == 0 and "SumPool2d" in out and "all nodes are supported" in out
    nir.write(tmp_path / "leak.nir", chain(lif=lif(v_leak=0.1)))
    code, out = check(tmp_path / "leak.nir", "--dt", "1e-3", "--convention", "nir")
    assert code == 0 and "ok: (float32[time, batch, 2])" in out
    code, out = check(tmp_path / "leak.nir", "--dt", "1e-3", "--convention", "sinabs")
    assert code == 1 and "has a v_leak" in out and "1 not supported" in out
    # Names are text, whatever they look like.
    nir.write(tmp_path / "names.nir", chain(**{"[red]": lif(v_leak=0.1), "[bold]": lif()}))
    code, out = check(tmp_path / "names.nir", "--dt", "1e-3", "--convention", "sinabs")
    assert code == 1 and "[red]" in out and "[bold]" in out and "1 not supported" in out


def test_verify_command(tmp_path, capsys, monkeypatch):
    def verify(*words):
        return command(monkeypatch, capsys, "verify", DEMO / "lif_norse.nir", "--dt", "1e-4",
                       "--against", *words)  # fmt: skip

    code, out = verify(DEMO / "lif_norse.csv", "--convention", "norse")
    assert code == 0 and "ok" in out
    code, out = verify(tmp_path / "gone.csv", "--convention", "norse")
    assert "No such file" in str(code) and "Traceback" not in out
    code, out = verify(PAPER / "lif_lava_cpu_float.csv", "--convention", "norse")
    assert str(code) == "the trace is not reproduced" and "step 460" in out
    code, out = verify(PAPER / "lif_lava_cpu_float.csv")
    assert code == 0 and "lava" in out
    reports = {
        r.convention: r
        for r in replay(DEMO / "lif_norse.nir", PAPER / "lif_lava_cpu_float.csv", dt=1e-4)
    }
    assert "has r=1, which 'rockpool' does not read" in reports["rockpool"].refused
    assert reports["lava"].ok and reports["lava"].potential < 1e-6
    assert not reports["norse"].ok and reports["norse"].wrong == 8


def test_a_trace_with_another_reset(tmp_path, capsys, monkeypatch):
    """Where no convention's own reset gives a trace, the others are tried."""
    file, trace = DEMO / "lif_norse.nir", tmp_path / "trace.csv"
    x = np.random.default_rng(3).uniform(0, 2, (60, 1, 1)).astype(np.float32)
    reading = {"dt": 1e-4, "convention": "snntorch"}
    spikes = plait.compile(plait.from_nir(file, reset="subtract_next", **reading))(x)
    assert spikes.sum() > 5
    np.savetxt(trace, np.hstack([x[:, 0], spikes[:, 0]]), delimiter=",")
    reports = replay(file, trace, dt=1e-4)
    assert ("snntorch", "subtract_next") in [(r.convention, r.reset) for r in reports if r.ok]
    assert not any(r.ok for r in reports if r.reset is None)
    words = "verify", file, "--against", trace, "--dt", "1e-4", "--convention", "snntorch"
    code, _ = command(monkeypatch, capsys, *words)
    assert str(code) == "the trace is not reproduced"
    code, out = command(monkeypatch, capsys, *words, "--reset", "subtract_next")
    assert code == 0 and "subtract_next" in out


def test_traces_that_do_not_fit(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("a,b,c,d\n1,2,3,4\n")
    with pytest.raises(plait.PlaitError, match=r"has 4 columns; expects 2 .*, or 3 with 1"):
        replay(DEMO / "lif_norse.nir", path, dt=1e-4, convention="norse")
    for text in ("", "\n", "input,v,spike\n"):
        path.write_text(text)
        with pytest.raises(plait.PlaitError, match="it has no row"):
            replay(DEMO / "lif_norse.nir", path, dt=1e-4, convention="norse")
    path.write_text("1,2,x\n")
    with pytest.raises(plait.PlaitError, match="is no table of numbers"):
        replay(DEMO / "lif_norse.nir", path, dt=1e-4, convention="norse")
    path.write_text("1,nan,0\n")
    with pytest.raises(plait.PlaitError, match="not finite"):
        replay(DEMO / "lif_norse.nir", path, dt=1e-4, convention="norse")


def test_a_trace_of_a_spreadsheet(tmp_path):
    """No row is taken for a head because of what stands in front of the file."""
    lines = (DEMO / "lif_norse.csv").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if float(line.split(",")[0]))
    text = "\r\n".join(lines[first:])
    for head in ("", "input,v,spike\r\n"):
        (tmp_path / "trace.csv").write_text(f"\ufeff{head}{text}\r\n", encoding="utf-8")
        (report,) = replay(
            DEMO / "lif_norse.nir", tmp_path / "trace.csv", dt=1e-4, convention="norse"
        )
        assert report.ok and report.steps == len(lines) - first and report.potential < 1e-6


def test_state_carried_across_calls():
    graph = nir.read(PAPER / "braille_noDelay_bias_zero.nir", type_check=False)
    x = (np.random.default_rng(7).random((40, 2, 12)) < 0.3).astype(np.float32)
    options = {"dt": 1e-4, "convention": "nir"}
    whole = plait.compile(plait.from_nir(graph, **options))(x)
    exe = plait.compile(plait.from_nir(graph, batch=2, state="carried", **options))
    parts = [exe(x[a:b]) for a, b in ((0, 1), (1, 17), (17, 40))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.any()
    for array in exe.state:
        array[...] = 0
    np.testing.assert_array_equal(exe(x), whole)
    assert "give a 'batch'" in refused(graph, dt=1e-4, state="carried")
    assert "expects state='fresh' or 'carried'" in refused(graph, dt=1e-4, state="kept")


# Size.


def ladder(count):
    """A chain of recurrent populations, each with a port of its own on both sides."""
    one, weight = np.ones(2), np.eye(2)
    nodes, edges, last = {}, [], None
    for i in range(count // 5):
        nodes |= {
            f"in{i}": nir.Input(np.array([2])), f"fc{i}": nir.Linear(weight),
            f"n{i}": nir.LIF(one / 100, one, 0 * one, one, 0 * one),
            f"back{i}": nir.Linear(weight),
            f"out{i}": nir.Output(np.array([2])),
        }  # fmt: skip
        edges += [(f"in{i}", f"fc{i}"), (f"fc{i}", f"n{i}"), (f"n{i}", f"back{i}")]
        edges += [(f"back{i}", f"n{i}"), (f"n{i}", f"out{i}")]
        edges += [(last, f"fc{i}")] if last else []
        last = f"n{i}"
    return nir.NIRGraph(nodes, edges, type_check=False)


def work(call):
    """The lines that run in ``call``, each turn of a loop counted."""
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("convention", ["nir", "lava", "nengo"])
def test_the_work_grows_with_the_graph(convention):
    def read_and_write(graph):
        reading = {"dt": 1e-3, "convention": convention}
        module = plait.from_nir(graph, **reading, time_steps=2, batch=1, state="carried")
        assert not any(report.problem for report in check_nir(graph, **reading))
        plait.to_nir(module)

    small, large = (work(lambda n=n: read_and_write(ladder(n))) for n in (100, 400))
    assert large < 5 * small


def test_twenty_thousand_nodes():
    module = plait.from_nir(ladder(20_000), dt=1e-3, convention="nir", time_steps=1, batch=1)
    assert module.text.count("spike.neuron") == 4000
