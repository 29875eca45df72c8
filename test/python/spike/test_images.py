"""Convolutions of events against torch: every road, shape of window, rate and kind of input."""

import numpy as np
import pytest

import plait
from plait.compiler import run_stages
from plait.module import Module

torch = pytest.importorskip("torch")


def tensor(*shape):
    return f"tensor<{'x'.join([*map(str, shape), 'f32'])}>"


def text(time, batch, shapes, windows, pool, classes):
    """Two convolutions of spiking neurons, an average, a product.

    States go in and come out, and the first neurons' potentials at every step.
    """
    (c0, h0, w0), _, (c2, h2, w2) = shapes
    types = [tensor(batch, *shape) for shape in shapes]
    ph, pw = (h2 - pool) // pool + 1, (w2 - pool) // pool + 1
    pooled, flat = tensor(batch, c2, ph, pw), tensor(batch, c2 * ph * pw)
    out = tensor(time, batch, classes)
    rule = (
        "integrator impulse decay(%beta : tensor<f32>) threshold(%one : tensor<f32>) "
        "compare gt reset value at now"
    )
    lines, weights = [], []
    for i, (stride, dilation, padding, size) in enumerate(windows):
        c, h, w = shapes[i]
        more = tensor(batch, c, h + 2 * padding[0], w + 2 * padding[1])
        low = f"[0, 0, {padding[0]}, {padding[1]}]"
        kernel = tensor(shapes[i + 1][0], c, *size)
        weights.append(f"%k{i}: {kernel}, %b{i}: {tensor(shapes[i + 1][0])}")
        t = types[i + 1]
        lines.append(f"""
    %p{i} = tensor.pad %s{i} low{low} high{low} {{
    ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):
      tensor.yield %zero : f32
    }} : {types[i]} to {more}
    %m{i} = linalg.conv_2d_nchw_fchw {{dilations = dense<{list(dilation)}> : tensor<2xi64>,
        strides = dense<{list(stride)}> : tensor<2xi64>}}
        ins(%p{i}, %k{i} : {more}, {kernel}) outs(%z{i} : {t}) -> {t}
    %d{i} = linalg.broadcast ins(%b{i} : {tensor(shapes[i + 1][0])}) outs(%e{i} : {t})
        dimensions = [0, 2, 3]
    %x{i} = linalg.add ins(%m{i}, %d{i} : {t}, {t}) outs(%e{i} : {t}) -> {t}
    %s{i + 1}, %n{i} = spike.neuron %x{i}, %v{i} {rule} : {t}""")
    made = "".join(
        f"\n  %e{n} = tensor.empty() : {t}"
        f"\n  %z{n} = linalg.fill ins(%zero : f32) outs(%e{n} : {t}) -> {t}"
        for n, t in [("0", types[1]), ("1", types[2]), ("p", pooled), ("m", tensor(batch, classes))]
    )
    states, seen = f"{types[1]}, {types[2]}", tensor(time, batch, *shapes[1])
    whole = "[%t, 0, 0, 0, 0] [1, {}, {}, {}, {}] [1, 1, 1, 1, 1]"
    return f"""
func.func @main({", ".join(weights)}, %w: {tensor(c2 * ph * pw, classes)}, %beta: tensor<f32>,
    %one: tensor<f32>, %x: {tensor(time, batch, *shapes[0])}, %u0: {types[1]}, %u1: {types[2]})
    -> ({out}, {states}, {seen}) {{
  %zero = arith.constant 0.0 : f32
  %size = arith.constant {float(pool * pool)} : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = arith.constant {time} : index{made}
  %many = linalg.fill ins(%size : f32) outs(%ep : {pooled}) -> {pooled}
  %window = tensor.empty() : tensor<{pool}x{pool}xf32>
  %eo = tensor.empty() : {out}
  %es = tensor.empty() : {seen}
  %r:4 = scf.for %t = %c0 to %end step %c1 iter_args(%v0 = %u0, %v1 = %u1, %o = %eo, %q = %es)
      -> ({states}, {out}, {seen}) {{
    %s0 = tensor.extract_slice %x{whole.format(batch, c0, h0, w0)}
        : {tensor(time, batch, *shapes[0])} to {types[0]}{"".join(lines)}
    %sum = linalg.pooling_nchw_sum {{dilations = dense<1> : tensor<2xi64>,
        strides = dense<{pool}> : tensor<2xi64>}}
        ins(%s2, %window : {types[2]}, tensor<{pool}x{pool}xf32>) outs(%zp : {pooled}) -> {pooled}
    %mean = linalg.div ins(%sum, %many : {pooled}, {pooled}) outs(%ep : {pooled}) -> {pooled}
    %flat = tensor.collapse_shape %mean [[0], [1, 2, 3]] : {pooled} into {flat}
    %y = linalg.matmul ins(%flat, %w : {flat}, {tensor(c2 * ph * pw, classes)})
        outs(%zm : {tensor(batch, classes)}) -> {tensor(batch, classes)}
    %on = tensor.insert_slice %y into %o[%t, 0, 0] [1, {batch}, {classes}] [1, 1, 1]
        : {tensor(batch, classes)} into {out}
    %qn = tensor.insert_slice %n0 into %q{whole.format(batch, *shapes[1])}
        : {types[1]} into {seen}
    scf.yield %n0, %n1, %on, %qn : {states}, {out}, {seen}
  }}
  return %r#2, %r#0, %r#1, %r#3 : {out}, {states}, {seen}
}}
"""


def lif(currents, v):
    """Spikes and potentials of [T, ...] currents."""
    spikes, potentials = [], []
    for current in currents:
        v = torch.tensor(0.9) * v + current
        spikes.append((v > 1).float())
        v = v * (1 - spikes[-1])
        potentials.append(v)
    return torch.stack(spikes), torch.stack(potentials)


CASES = {
    # (channels, height, width) of images; stride, dilation, padding, window.
    "same": (2, 16, 32, ((1, 1), (1, 1), (1, 1), (3, 3)), ((1, 1), (1, 1), (1, 1), (3, 3)), 2),
    "strided": (3, 16, 16, ((2, 1), (1, 1), (0, 2), (3, 5)), ((1, 2), (2, 1), (2, 0), (3, 2)), 1),
    "odd": (1, 5, 20, ((1, 1), (1, 2), (0, 0), (2, 2)), ((3, 1), (1, 1), (1, 0), (4, 1)), 3),
    "wide": (2, 48, 70, ((2, 2), (1, 1), (1, 1), (3, 3)), ((1, 1), (1, 1), (0, 0), (1, 1)), 2),
}


def network(name, time=6):
    """A case's module, its weights as torch tensors, and its geometry."""
    c0, c1, c2, *windows, pool = CASES[name]
    rng, batch = np.random.default_rng(0), 2
    shapes = [(c0, 12, 14)]
    for channels, (stride, dilation, padding, size) in zip((c1, c2), windows, strict=True):
        shapes.append((channels, *(
            (shapes[-1][i + 1] + 2 * padding[i] - dilation[i] * (size[i] - 1) - 1) // stride[i] + 1
            for i in range(2)
        )))  # fmt: skip
    weights = []
    for i, (*_, size) in enumerate(windows):
        fan = shapes[i][0] * size[0] * size[1]
        scale = (2.5 if i == 0 else 3.5) / np.sqrt(fan)
        weights.append(rng.standard_normal((shapes[i + 1][0], shapes[i][0], *size)) * scale)
        weights.append(rng.uniform(0, 0.2, shapes[i + 1][0]))
    rows = shapes[2][0] * (shapes[2][1] // pool) * (shapes[2][2] // pool)
    weights.append(rng.standard_normal((rows, 5)))
    weights = [w.astype(np.float32) for w in weights]
    bound = (*weights, np.float32(0.9), np.float32(1))
    module = Module(text(time, batch, shapes, windows, pool, 5), weights=bound)
    states = [rng.uniform(0, 0.9, (batch, *s)).astype(np.float32) for s in shapes[1:]]
    return module, weights, windows, pool, states, (time, batch, *shapes[0])


def expected(x, weights, windows, pool, states):
    """The same by torch, and how often the neurons of each layer fire."""
    spikes, runs, rates = torch.from_numpy(x), [], []
    for i, (stride, dilation, padding, _) in enumerate(windows):
        kernel, bias = map(torch.from_numpy, weights[2 * i : 2 * i + 2])
        current = torch.nn.functional.conv2d(
            spikes.flatten(0, 1), kernel, bias, stride, padding, dilation
        )
        spikes, v = lif(current.unflatten(0, spikes.shape[:2]), torch.from_numpy(states[i]))
        runs.append(v.numpy())
        rates.append(float(spikes.mean()))
    pooled = torch.nn.functional.avg_pool2d(spikes.flatten(0, 1), pool).flatten(1)
    y = (pooled @ torch.from_numpy(weights[4])).unflatten(0, spikes.shape[:2])
    return [y.numpy(), runs[0][-1], runs[1][-1], runs[0]], rates


def inputs(kind, shape):
    rng = np.random.default_rng(7)
    if kind == "graded":
        return rng.standard_normal(shape).astype(np.float32)
    rate = {"few": 0.1, "many": 0.7}[kind]
    return (rng.random(shape) < rate).astype(np.float32)


def compare(got, want, rates):
    assert min(rates) > 0.01, f"too few spikes for a test: {rates}"
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_against_torch(name):
    """Few spikes take the events, many and numbers the dense convolution."""
    module, weights, windows, pool, states, shape = network(name)
    run = plait.compile(module)
    for kind in ("few", "many", "graded"):
        x = inputs(kind, shape)
        compare(run(x, *states), *expected(x, weights, windows, pool, states))


def test_road():
    """No population of the nets above is left for the reference."""
    for name in CASES:
        module = network(name)[0]
        stages = [f"plait-import{{weights={len(module.weights)}}}", "plait-strand"]
        fused = run_stages(module.text.encode(), stages).decode()
        assert fused.count("spike.conv_scan") == 2 and fused.count("spike.pool") == 1
        left = run_stages(fused.encode(), ["func.func(convert-spike-to-vector)"]).decode()
        assert "spike." not in left, name


def test_reference():
    """The reference meaning of events is the same network."""
    module, weights, windows, pool, states, shape = network("strided")
    stages = ["plait-import{weights=7}", "plait-strand", "plait-lowered-reference"]
    lowered = run_stages(module.text.encode(), stages).decode()
    assert "spike." not in lowered
    run = plait.compile(Module(lowered, weights=module.weights))
    x = inputs("few", shape)
    compare(run(x, *states), *expected(x, weights, windows, pool, states))


def test_carried():
    """Two halves of a run, the second from the first's states, are the whole run."""
    module, *_, states, shape = network("same")
    run = plait.compile(module)
    first, second = inputs("few", shape), inputs("few", shape)[::-1].copy()
    whole = plait.compile(network("same", 2 * len(first))[0])
    y1, *middle, seen1 = run(first, *states)
    y2, *ends, seen2 = run(second, *middle)
    got = [np.concatenate([y1, y2]), *ends, np.concatenate([seen1, seen2])]
    for mine, theirs in zip(got, whole(np.concatenate([first, second]), *states), strict=True):
        assert np.array_equal(mine, theirs)


def normed(shape, filters, window, stride, dilation, padding):
    """Spiking neurons, a convolution, a scale of its sums, spiking neurons."""
    time, batch, channels, height, width = shape
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, d, p in zip((height, width), window, stride, dilation, padding, strict=True)
    ]
    x, image = tensor(*shape), tensor(time * batch, *shape[2:])
    more = tensor(time * batch, channels, height + 2 * padding[0], width + 2 * padding[1])
    kernel, sums = tensor(filters, channels, *window), tensor(time * batch, filters, *size)
    v, u = tensor(*shape[1:]), tensor(batch, filters, *size)
    out = tensor(time, batch, filters, *size)
    rule = "integrator impulse threshold(%one : tensor<f32>) compare ge reset value at now"
    low = f"[0, 0, {padding[0]}, {padding[1]}]"
    return f"""
func.func @main(%k: {kernel}, %one: tensor<f32>, %x: {x}, %v: {v}, %u: {u})
    -> ({sums}, {out}, {x}) {{
  %zero = arith.constant 0.0 : f32
  %half = arith.constant dense<0.5> : {sums}
  %s, %v1 = spike.scan current(%x : {x}) state(%v : {v}) {rule} : {x}
  %f = tensor.collapse_shape %s [[0, 1], [2], [3], [4]] : {x} into {image}
  %p = tensor.pad %f low{low} high{low} {{
  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):
    tensor.yield %zero : f32
  }} : {image} to {more}
  %e = tensor.empty() : {sums}
  %z = linalg.fill ins(%zero : f32) outs(%e : {sums}) -> {sums}
  %c = linalg.conv_2d_nchw_fchw {{dilations = dense<{list(dilation)}> : tensor<2xi64>,
      strides = dense<{list(stride)}> : tensor<2xi64>}}
      ins(%p, %k : {more}, {kernel}) outs(%z : {sums}) -> {sums}
  %m = arith.mulf %c, %half : {sums}
  %i = tensor.expand_shape %m [[0, 1], [2], [3], [4]]
      output_shape [{time}, {batch}, {filters}, {size[0]}, {size[1]}] : {sums} into {out}
  %y, %u1 = spike.scan current(%i : {out}) state(%u : {u}) {rule} : {out}
  return %c, %y, %s : {sums}, {out}, {x}
}}"""


NORMED = {
    # The run's shape; filters, window, stride, dilation, padding.
    "same": ((3, 2, 24, 9, 10), 64, (3, 3), (1, 1), (1, 1), (1, 1)),
    "strided": ((2, 2, 40, 12, 7), 32, (3, 2), (2, 1), (1, 2), (0, 2)),
    "bare": ((2, 2, 40, 8, 8), 64, (3, 3), (1, 1), (1, 1), (0, 0)),
    "one place": ((2, 1, 200, 6, 5), 192, (1, 1), (2, 2), (1, 1), (0, 0)),
}


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("name", NORMED)
def test_sums_ahead_of_a_norm(name, rate):
    """Few spikes are added one by one, many multiplied: with padding the same sums, all bits."""
    shape, filters, window, stride, dilation, padding = NORMED[name]
    text = normed(*NORMED[name])
    strand = run_stages(text.encode(), ["plait-strand"]).decode()
    assert "spike.conv_scan" in strand and "linalg.conv_2d_nhwc_hwcf" in strand
    rng = np.random.default_rng(3)
    x = (rng.random(shape) < rate).astype(np.float32) * 2
    kernel = rng.standard_normal((filters, shape[2], *window)).astype(np.float32)
    texts = [text]
    for most in ("0.0", "1.0"):
        road = f"func.func(spike-sum-events{{max-conv-rate={most}}})"
        texts.append(run_stages(text.encode(), [road]).decode())
        assert "scf.if" in texts[-1]
    for exact in (False, True):
        k = np.round(kernel * 8) / np.float32(8) if exact else kernel
        spikes = torch.tensor((x >= 1).astype(np.float32))
        want = torch.nn.functional.conv2d(
            spikes.flatten(0, 1), torch.tensor(k), None, stride, padding, dilation
        )
        u = np.zeros((shape[1], *want.shape[1:]), np.float32)
        bound, given = (k, np.float32(1)), (x, np.zeros(shape[1:], np.float32), u)
        results = [plait.compile(Module(each, weights=bound))(*given) for each in texts]
        for sums, fired, first in results:
            np.testing.assert_array_equal(first, spikes)
            if exact:  # In every order.
                np.testing.assert_array_equal(sums, want)
            np.testing.assert_allclose(sums, want, rtol=1e-4, atol=1e-4)
            if exact or name != "bare":
                np.testing.assert_array_equal(sums, results[0][0])
                np.testing.assert_array_equal(fired, results[0][1])
        assert rate == 0 or 0.05 < np.mean(results[0][1]) < 0.95


def test_sums_in_neurons():
    """The same of neurons, which sum here and never fire."""
    text = normed(*NORMED["same"]).replace("expand_shape %m", "expand_shape %c")
    text = text.replace("return %c", "return %z")
    text = "".join(text.rsplit(" threshold(%one : tensor<f32>) compare ge reset value at now", 1))
    shape, filters, *_ = NORMED["same"]
    rng, sums = np.random.default_rng(4), []
    x = (rng.random(shape) < 0.2).astype(np.float32)
    kernel = rng.standard_normal((filters, shape[2], 3, 3)).astype(np.float32)
    rest = [np.zeros((shape[1], c, *shape[3:]), np.float32) for c in (shape[2], filters)]
    for most in ("0.0", "1.0"):
        road = f"func.func(spike-fuse-conv{{switch max-rate={most}}})"
        made = run_stages(text.encode(), ["canonicalize", road]).decode()
        assert "spike.conv_scan" in made and "linalg.conv_2d_nhwc_hwcf" in made
        run = plait.compile(Module(made, weights=(kernel, np.float32(1))))
        sums.append(np.asarray(run(x, *rest)[1]))
    np.testing.assert_array_equal(*sums)
    currents = torch.nn.functional.conv2d(
        torch.tensor(x).flatten(0, 1), torch.tensor(kernel), padding=1
    )
    want = currents.unflatten(0, shape[:2]).cumsum(0)
    np.testing.assert_allclose(sums[0], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("read", ["norm", "neurons"])
def test_wide_images(read):
    """Rows of which the loops cannot hold the sums are multiplied, whatever fires."""
    text = normed((1, 1, 24, 3, 1100), 64, (3, 3), (1, 1), (1, 1), (0, 1))
    if read == "neurons":
        text = text.replace("expand_shape %m", "expand_shape %c").replace("return %c", "return %z")
    strand = run_stages(text.encode(), ["plait-strand"])
    assert b"conv_scan" not in strand
    loops = run_stages(strand, ["func.func(convert-spike-to-vector)"])
    assert b"spike." not in loops
    rng = np.random.default_rng(5)
    x = (rng.random((1, 1, 24, 3, 1100)) < 0.1).astype(np.float32)
    kernel = (rng.integers(-4, 5, (64, 24, 3, 3)) / 8).astype(np.float32)
    want = torch.nn.functional.conv2d(torch.tensor(x[0]), torch.tensor(kernel), None, 1, (0, 1))
    rest = np.zeros((1, 24, 3, 1100), np.float32), np.zeros((1, 64, 1, 1100), np.float32)
    run = plait.compile(Module(text, weights=(kernel, np.float32(1))))
    sums, fired, first = run(x, *rest)
    np.testing.assert_array_equal(first, x)
    if read == "norm":
        np.testing.assert_array_equal(sums, want)
    np.testing.assert_array_equal(fired[0], want >= (2 if read == "norm" else 1))
    assert 0.05 < fired.mean() < 0.95
