"""The builder and the compile driver: every node against NumPy, and the guides' own calls."""

import tempfile

import numpy as np
import pytest

import plait
from plait import spike
from plait.compiler import run_stages, stages_of
from plait.spike import OptimizationPass, SpikeCompiler, SpikeIRBuilder

RNG = np.random.default_rng(0)


def run(builder, *inputs, steps, level=0):
    return SpikeCompiler(optimization_level=level, time_steps=steps).compile_graph(builder.build())(
        *inputs
    )


def lif(x, decay, threshold=1.0, reset="zero"):
    """v = a v + x, v > threshold, float64."""
    v, out, margin = np.zeros(x.shape[1:]), [], np.inf
    for current in x:
        v = decay * v + current
        margin = min(margin, np.abs(v - threshold).min())
        z = (v > threshold).astype(float)
        out.append(z)
        v = v - z * threshold if reset == "subtract" else v * (1 - z) if reset == "zero" else v
    assert margin > 1e-5
    return np.array(out)


def test_calls_of_the_guides(capsys):
    builder = SpikeIRBuilder("my_model")
    input_id = builder.add_input("sensor", (1, 32, 32))
    conv_id = builder.add_spike_conv2d(input_id, out_channels=16, kernel_size=3)
    neuron_id = builder.add_spike_neuron(conv_id, threshold=1.0)
    builder.add_output(neuron_id, "classification")
    graph = builder.build()
    assert "no weights given for 'conv': drawn with seed 0" in capsys.readouterr().err
    compiler = SpikeCompiler(
        target="simulation", optimization_level=0, time_steps=4, debug=False, verbose=True
    )
    compiled = compiler.compile_graph(graph)
    assert "plait: my_model: no passes" in capsys.readouterr().err
    x = RNG.random((4, 2, 1, 32, 32), dtype=np.float32) * 2
    spikes = compiled(x)
    assert spikes.shape == (4, 2, 16, 30, 30) and 0 < spikes.mean() < 1
    np.testing.assert_array_equal(compiled.run(x[0])[0], spikes[0])  # One step's input for all.
    assert compiled.statistics["neurons"] == 16 * 30 * 30
    assert compiled.statistics["synapses"] == 16 * 30 * 30 * 9
    assert compiled.statistics["compilation_time"] > 0 < compiled.statistics["peak_memory_mb"]


def test_debug_keeps_the_ir_of_every_stage(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    builder = SpikeIRBuilder("kept")
    x = builder.add_spike_linear(builder.add_input("x", (3,)), 4, weight=RNG.random((4, 3)))
    builder.add_output(builder.add_spike_neuron(x), "y")
    graph, spikes = builder.build(), (RNG.random((5, 2, 3)) < 0.5).astype(np.float32)
    SpikeCompiler(time_steps=5).compile_graph(graph)
    assert not list(tmp_path.iterdir()) and not capsys.readouterr().err
    compiled = SpikeCompiler(time_steps=5, debug=True).compile_graph(graph)
    (folder,) = tmp_path.iterdir()
    said = f"plait: kept: the IR after every stage is in {folder}\n"
    assert capsys.readouterr().err == said
    stages = stages_of("cpu", compiled.module)
    names = [f"{i}-{stage}.mlir" for i, stage in enumerate(stages)]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert names == [
        "0-import.mlir", "1-strand.mlir", "2-opt.mlir", "3-lowered.mlir", "4-target.mlir",
    ]  # fmt: skip
    # Each is what its stage makes of the one before.
    text = compiled.module.text.encode()
    for name, pipeline in zip(names, stages.values(), strict=True):
        text = run_stages(text, [pipeline])
        assert (folder / name).read_bytes() == text
    assert "spike.scan" in (folder / "1-strand.mlir").read_text()
    assert "spike." not in (folder / "3-lowered.mlir").read_text().split("#loc")[0]
    assert "llvm.func" in text.decode()
    np.testing.assert_array_equal(
        compiled(spikes), SpikeCompiler(time_steps=5).compile_graph(graph)(spikes)
    )


def test_optimizer_is_a_list_of_passes():
    optimizer = SpikeCompiler(optimization_level=3).create_optimizer()
    assert OptimizationPass.NEURON_PRUNING in [p for p, _ in optimizer.passes]
    assert OptimizationPass.WEIGHT_QUANTIZATION not in [p for p, _ in optimizer.passes]
    optimizer.remove_pass(OptimizationPass.NEURON_PRUNING)
    optimizer.add_pass(OptimizationPass.WEIGHT_QUANTIZATION, bits=4, per_channel=True)
    assert optimizer.pipeline == [
        "spike-batch-time", "canonicalize", "cse", "spike-reassociate-attention",
        "spike-fuse-conv", "spike-fuse-neuron", "spike-sum-events", "canonicalize", "spike-pack",
        "spike-quantize{bits=4 per-channel=true}",
    ]  # fmt: skip
    assert SpikeCompiler(optimization_level=0).create_optimizer().pipeline == []


@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
def test_layers_with_given_weights(reset):
    w1 = RNG.uniform(-0.5, 1, (6, 5)).astype(np.float32)
    b1 = RNG.uniform(-0.5, 0.5, 6).astype(np.float32)
    w2 = RNG.uniform(0, 0.4, (3, 6)).astype(np.float32)
    tau = RNG.uniform(2, 8, 6)
    builder = SpikeIRBuilder()
    x = builder.add_input("x", [5])
    h = builder.add_spike_linear(x, 6, weight=w1, bias=b1)
    h = builder.add_spike_neuron(h, tau_mem=tau, reset_mode=reset)
    y = builder.add_spike_linear(h, 3, weight=w2)
    y = builder.add_spike_neuron(y, "IF", threshold=0.7, reset_mode=reset)
    builder.add_output(y, "out")
    data = RNG.random((30, 2, 5)).astype(np.float32)
    hidden = lif(data.astype(float) @ w1.T.astype(float) + b1, np.exp(-1 / tau), reset=reset)
    expected = lif(hidden @ w2.T.astype(float), 1.0, 0.7, reset)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(run(builder, data, steps=30), expected)


def test_current_based_neurons_and_potentials():
    builder = SpikeIRBuilder()
    x = builder.add_input("x", [4])
    builder.add_output(builder.add_spike_neuron(x, "CubaLIF", tau_mem=5, tau_syn=3), "spikes")
    builder.add_output(builder.add_spike_neuron(x, "LI", tau_mem=5), "potential")
    data = RNG.random((20, 1, 4)).astype(np.float32)
    spikes, potential = run(builder, data, steps=20)
    i, current, v = np.zeros((1, 4)), [], np.zeros((1, 4))
    for step in range(20):
        i = np.exp(-1 / 3) * i + data[step]
        current.append(i)
        v = np.exp(-1 / 5) * v + data[step]
        np.testing.assert_allclose(potential[step], v, rtol=1e-5)
    np.testing.assert_array_equal(spikes, lif(np.array(current), np.exp(-1 / 5)))


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_neurons_that_rest(reset, level):
    """For so many steps after that of a spike: no input, no spike, the same potential."""
    rng = np.random.default_rng(3)
    w1, w2 = (rng.uniform(0, 0.5, size).astype(np.float32) for size in ((6, 5), (40, 6)))
    rest = np.array([0, 1, 2, 3, 5, 30])
    builder = SpikeIRBuilder()
    x = builder.add_spike_linear(builder.add_input("x", [5]), 6, weight=w1)
    x = builder.add_spike_neuron(x, reset_mode=reset, refractory=rest)
    x = builder.add_spike_linear(x, 40, weight=w2)
    builder.add_output(builder.add_spike_neuron(x, "CubaLIF", reset_mode=reset, refractory=4), "y")
    given = (rng.random((60, 3, 5)) < 0.6).astype(np.float32)

    def population(x, rest, decay, threshold=1.0):
        v, left, out = np.zeros(x.shape[1:]), np.zeros(x.shape[1:]), []
        for current in x:
            u = np.where(left > 0, v, decay * v + current)
            assert np.abs(u - threshold).min() > 1e-6
            z = (u > threshold) & (left <= 0)
            v = np.where(z, u - threshold if reset == "subtract" else 0, u)
            left = np.where(z, rest, np.maximum(left - 1, 0))
            out.append(z.astype(float))
        return np.array(out)

    decay, i, arrives = np.exp(-1 / 10), 0, []
    first = population(given @ w1.T.astype(float), rest, decay)
    for x in first @ w2.T.astype(float):
        i = np.exp(-1 / 5) * i + x
        arrives.append(i)
    expected = population(np.array(arrives), 4, decay)
    assert first.sum((0, 1))[0] > first.sum((0, 1))[4] > 3 and expected.mean() > 0.1
    np.testing.assert_array_equal(run(builder, given, steps=60, level=level), expected)


def test_attention_equals_spikformers():
    tokens, features, heads, steps = 6, 16, 4, 4
    names = ("q", "k", "v", "proj")
    weights = {n: RNG.normal(size=(features, features)).astype(np.float32) for n in names}
    weights["q_bias"] = RNG.normal(size=features).astype(np.float32)
    builder = SpikeIRBuilder()
    x = builder.add_input("x", (tokens, features))
    y = builder.add_spike_attention(x, features, heads, scale=0.11, weights=weights)
    builder.add_output(builder.add_residual(x, y), "out")
    data = (RNG.random((steps, 3, tokens, features)) < 0.4).astype(np.float32)

    def layer(array, name, threshold=1.0):
        current = array @ weights[name].T.astype(float) + weights.get(f"{name}_bias", 0)
        return lif(current, np.exp(-1 / 2), threshold)

    q, k, v = (
        layer(data.astype(float), n).reshape(steps, 3, tokens, heads, -1).transpose(0, 1, 3, 2, 4)
        for n in "qkv"
    )
    mixed = q @ k.swapaxes(-1, -2) @ v * 0.11
    mixed = mixed.transpose(0, 1, 3, 2, 4).reshape(steps, 3, tokens, features)
    expected = data + layer(lif(mixed, np.exp(-1 / 2), 0.5), "proj")
    got = run(builder, data, steps=steps)
    np.testing.assert_array_equal(got, expected)
    assert (expected - data).any()


def mix(h):
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def test_rate_encoding_is_the_hash_it_says():
    x = RNG.random((3, 4, 5)).astype(np.float32)
    builder = SpikeIRBuilder()
    port = builder.add_input("image", (4, 5))
    builder.add_output(builder.add_encoding(port, "rate", seed=7), "spikes")
    got = run(builder, x, steps=200)
    assert got.shape == (200, 3, 4, 5)
    expected = np.zeros_like(got)
    golden = np.uint32(0x9E3779B1)
    with np.errstate(over="ignore"):
        for place in np.ndindex(20, 3, 4, 5):
            h = np.uint32(7)
            for index in place:
                h = mix(h * golden + np.uint32(index))
            expected[place] = float(h >> np.uint32(8)) * 2.0**-24 < x[place[1:]]
    np.testing.assert_array_equal(got[:20], expected[:20])
    # 200 draws: within five standard deviations of the rate.
    assert (np.abs(got.mean(0) - x) < 5 * np.sqrt(x * (1 - x) / 200) + 1e-6).all()


def test_latency_phase_and_delta_encodings():
    x = np.array([[0.0, 0.1, 0.5, 0.99, 1.0]], np.float32)

    def encoded(method, data, steps, **options):
        builder = SpikeIRBuilder()
        port = builder.add_input("x", [5])
        builder.add_output(builder.add_encoding(port, method, **options), "out")
        return run(builder, data, steps=steps)[:, 0]

    got = encoded("latency", x, 11)
    assert [np.flatnonzero(column).tolist() for column in got.T] == [[], [9], [5], [0], [0]]
    got = encoded("phase", x, 16)
    np.testing.assert_array_equal(got[:8].sum(0) * 256, [0, 25, 128, 253, 255])
    np.testing.assert_array_equal(got[8:], got[:8])
    assert set(np.unique(got[2])) <= {0, 2.0**-3}
    data = np.cumsum(RNG.normal(size=(20, 1, 5)), axis=0).astype(np.float32)
    step = np.diff(data[:, 0], axis=0, prepend=0)
    got = encoded("delta", data, 20, threshold=0.5, off_spikes=True)
    np.testing.assert_array_equal(got, (step >= 0.5) * 1.0 - (-step >= 0.5))
    got = encoded("delta", data, 20, threshold=0.5)
    np.testing.assert_array_equal(got, step >= 0.5)


@pytest.mark.parametrize("method", ["sum", "mean", "max"])
def test_temporal_pooling(method):
    builder = SpikeIRBuilder()
    x = builder.add_input("x", [3])
    builder.add_output(builder.add_temporal_pooling(x, 4, method), "pooled")
    builder.add_output(x, "all")
    data = RNG.normal(size=(12, 2, 3)).astype(np.float32)
    pooled, whole = run(builder, data, steps=12)
    windows = data.reshape(3, 4, 2, 3)
    np.testing.assert_allclose(pooled, getattr(windows, method)(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(whole, data)
    with pytest.raises(plait.FrontendError, match="a multiple of 4, got 10"):
        run(builder, data[:10], steps=10)


def test_pooling_flatten_and_groups():
    w = RNG.normal(size=(4, 1, 3, 3)).astype(np.float32)
    builder = SpikeIRBuilder()
    x = builder.add_input("x", (2, 8, 8))
    y = builder.add_spike_conv2d(x, 4, 3, stride=1, padding=1, groups=2, weight=w)
    y = builder.add_pool2d(y, 2, method="average")
    builder.add_output(builder.add_flatten(y), "out")
    data = RNG.random((1, 2, 2, 8, 8)).astype(np.float32)
    got = run(builder, data, steps=1)
    padded = np.pad(data[0].astype(float), [(0, 0), (0, 0), (1, 1), (1, 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    conv = np.stack(
        [np.einsum("bijkl,kl->bij", windows[:, o // 2], w[o, 0]) for o in range(4)], axis=1
    )
    pooled = conv.reshape(2, 4, 4, 2, 4, 2).mean((3, 5)).reshape(1, 2, -1)
    np.testing.assert_allclose(got, pooled, rtol=1e-5, atol=1e-5)


def test_export_of_a_built_network(tmp_path):
    pytest.importorskip("nir")
    builder = SpikeIRBuilder(seed=3)
    x = builder.add_input("x", [5])
    y = builder.add_spike_linear(x, 4)
    y = builder.add_spike_neuron(y, tau_mem=4.0, threshold=0.5)
    builder.add_output(y, "out")
    graph = builder.build()
    plait.to_nir(graph, tmp_path / "net.nir", dt=1e-3, convention="snntorch")
    data = RNG.random((20, 3, 5)).astype(np.float32)
    again = plait.compile(plait.from_nir(tmp_path / "net.nir"))(data)
    np.testing.assert_array_equal(again, run(builder, data, steps=20))
    assert again.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b, x: b.add_input("y", (0,)), "positive sizes"),
        (lambda b, x: b.add_spike_linear("gone", 3), "no node 'gone'; there are: x"),
        (lambda b, x: b.add_spike_conv2d(x, 3, 3), "takes \\(channels, height, width\\)"),
        (lambda b, x: b.add_spike_linear(x, 3, weight=np.eye(3)), "shape \\(3, 5\\), got"),
        (lambda b, x: b.add_spike_linear(x, 3, bias=np.array([1, np.nan, 0])), "not finite"),
        (lambda b, x: b.add_spike_neuron(x, "ALIF"), "no neuron model 'ALIF'"),
        (lambda b, x: b.add_spike_neuron(x, reset_mode="soft"), "no reset 'soft'"),
        (lambda b, x: b.add_spike_neuron(x, tau_mem=0), "positive 'tau_mem', got 0"),
        (lambda b, x: b.add_spike_attention(x, 8), "takes \\(tokens, features\\)"),
        (lambda b, x: b.add_encoding(x, "morse"), "no encoding 'morse'"),
        (lambda b, x: b.add_encoding(b.add_spike_neuron(x)), "an input that is given once"),
        (lambda b, x: b.add_spike_linear(b.add_output(x, "o"), 3), "behind the output 'o'"),
        (lambda b, x: b.add_spike_neuron(b.add_encoding(x) and x), "only encodings can read"),
        (lambda b, x: b.build(), "no Output node"),
        (lambda b, x: b.add_spike_linear(x, 3, weight="abc"), "a weight of numbers, got 'abc'"),
        (lambda b, x: b.add_spike_linear(x, 1, bias=[1e99]), "not finite in 32 bits"),
        (lambda b, x: b.add_spike_neuron(x, threshold=np.ones(7)), "ends \\(5,\\), got \\(7,\\)"),
        (lambda b, x: b.add_spike_neuron(x, threshold="a"), "a 'threshold' of numbers, got 'a'"),
        (lambda b, x: b.add_spike_neuron(x, tau_mem=np.ones((2, 5))), "got \\(2, 5\\)"),
        (lambda b, x: b.add_spike_neuron(x, "CubaLIF", tau_syn=[1, 2]), "'tau_syn' of one number"),
        (lambda b, x: b.add_spike_neuron(x, threshold=np.nan), "finite in 32 bits, got nan"),
        (lambda b, x: b.add_spike_neuron(x, threshold=1e39), "finite in 32 bits, got 1e\\+39"),
        (lambda b, x: b.add_spike_neuron(x, tau_mem=np.nan), "positive 'tau_mem', got nan"),
        (lambda b, x: b.add_spike_neuron(x, None), "no neuron model 'None'"),
        (lambda b, x: b.add_spike_neuron(x, refractory=-1), "whole steps from 0 to 2\\^20 - 1"),
        (lambda b, x: b.add_spike_neuron(x, refractory=1.5), "whole steps from 0 to .*, got 1.5"),
        (lambda b, x: b.add_spike_neuron(x, refractory=np.nan), "'refractory' of whole steps"),
        (lambda b, x: b.add_spike_neuron(x, refractory=[1, 2]), "'refractory' of one number"),
        (lambda b, x: b.add_spike_neuron(x, "LI", refractory=1), "that fires and .*, got LI and"),
        (
            lambda b, x: b.add_spike_neuron(x, reset_mode="none", refractory=1),
            "'reset_mode' other than none, got LIF and none",
        ),
        (lambda b, x: b.add_input("y", (2.5,)), "positive sizes, got \\(2.5,\\)"),
        (lambda b, x: b.add_input("y", "wide"), "positive sizes, got wide"),
        (lambda b, x: b.add_spike_linear(x, 2.5), "a whole 'out_features' of at least 1, got 2.5"),
        (lambda b, x: b.add_spike_linear(x, -1), "a whole 'out_features' of at least 1, got -1"),
        (lambda b, x: b.add_temporal_pooling(x, 2.5), "a whole 'window_size' of at least 1"),
        (lambda b, x: b.add_encoding(x, "delta", threshold=np.nan), "positive 'threshold', got"),
        (lambda b, x: b.add_encoding(x, seed=0.5), "a whole 'seed' of at least 0, got 0.5"),
        (lambda b, x: SpikeIRBuilder(seed=-1), "a whole 'seed' of at least 0, got -1"),
    ],
)
def test_calls_that_are_refused(call, message):
    builder = SpikeIRBuilder()
    with pytest.raises(plait.FrontendError, match=message):
        call(builder, builder.add_input("x", [5]))


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("stride", 0, 1), ("dilation", (1, 0), 1), ("padding", -1, 0), ("kernel_size", (3, 3, 3), 1)],
)
def test_windows_that_are_refused(option, value, least):
    builder = SpikeIRBuilder()
    x = builder.add_input("x", (2, 8, 8))
    with pytest.raises(plait.FrontendError, match=f"'{option}' .*of at least {least}, got"):
        builder.add_spike_conv2d(x, **{"out_channels": 2, "kernel_size": 3, option: value})
    if option in ("stride", "kernel_size"):
        with pytest.raises(plait.FrontendError, match=f"'pool2d' expects a '{option}'"):
            builder.add_pool2d(x, **{option: value})
    for groups, message in ((0, "a whole 'groups' of at least 1, got 0"), (3, "3 groups do not")):
        with pytest.raises(plait.FrontendError, match=message):
            builder.add_spike_conv2d(x, 2, 3, groups=groups)


def test_a_residual_of_one_node_is_twice_it():
    builder = SpikeIRBuilder()
    x = builder.add_input("x", [3])
    builder.add_output(builder.add_residual(x, x), "out")
    data = RNG.random((2, 1, 3)).astype(np.float32)
    np.testing.assert_array_equal(run(builder, data, steps=2), 2 * data)


def test_options_that_are_refused():
    with pytest.raises(plait.PlaitError, match="no target 'tpu'; supported: simulation, loihi3"):
        SpikeCompiler(target="tpu")
    with pytest.raises(plait.PlaitError, match="from 0 to 3, got 4"):
        SpikeCompiler(optimization_level=4)
    with pytest.raises(plait.PlaitError, match="positive time_steps, got 0"):
        SpikeCompiler(time_steps=0)
    with pytest.raises(plait.PlaitError, match=r"expects a network, got str: compile\(\) takes"):
        SpikeCompiler().compile_graph("net.nir")
    with pytest.raises(plait.PlaitError, match=r"no pass 'FUSION'; supported: .*TEMPORAL_FUSION"):
        SpikeCompiler().create_optimizer().add_pass("FUSION")


def test_simulate_records_and_shows_progress(capsys):
    builder = SpikeIRBuilder(seed=1)
    x = builder.add_input("x", [5])
    a = builder.add_spike_neuron(builder.add_spike_linear(x, 6), name="a")
    b = builder.add_spike_neuron(builder.add_spike_linear(a, 3), "LI", name="b")
    builder.add_output(b, "out")
    graph = builder.build()
    data = RNG.random((50, 2, 5)).astype(np.float32) * 2
    whole = spike.simulate(graph, data, record=True)
    assert set(whole.potentials) == {"a", "b"} and set(whole.spikes) == {"a"}
    assert whole.outputs["out"].shape == (50, 2, 3) and 0 < whole.rates()["a"] < 1
    np.testing.assert_array_equal(whole.outputs["out"], whole.potentials["b"])
    parts = spike.simulate(graph, data, record=["a"], progress=True, chunk=7)
    assert "50/50" in capsys.readouterr().err
    np.testing.assert_array_equal(parts.outputs["out"], whole.outputs["out"])
    np.testing.assert_array_equal(parts.potentials["a"], whole.potentials["a"])
    with pytest.raises(plait.FrontendError, match="cannot record 'x'; populations: 'a'"):
        spike.simulate(graph, data, record=["x"])
    one = spike.simulate(graph, data, record="a")  # A name is not a list of letters.
    np.testing.assert_array_equal(one.spikes["a"], whole.spikes["a"])
    for inputs, options, message in (
        ([], {}, "expects 1 inputs, got 0"),
        ([data[:, 0]], {}, r"expects \[time, batch, 5\], got \[50, 5\]"),
        ([data[:0]], {}, "both positive, got"),
        ([data], {"chunk": 0}, "a positive 'chunk', got 0"),
        ([data], {"chunk": -3}, "a positive 'chunk', got -3"),
    ):
        with pytest.raises(plait.ArgumentError, match=message):
            spike.simulate(graph, *inputs, **options)
    with pytest.raises(plait.ArgumentError, match="expects a network, got str"):
        spike.simulate("net.nir", data)


def test_a_delta_code_with_a_small_threshold():
    builder = SpikeIRBuilder()
    y = builder.add_encoding(builder.add_input("x", [1]), "delta", threshold=1e-5)
    builder.add_output(y, "out")
    data = np.array([0, 2e-5, 3.5e-5, 3.6e-5, 9], np.float32).reshape(5, 1, 1)
    np.testing.assert_array_equal(run(builder, data, steps=5).ravel(), [0, 1, 1, 0, 1])
