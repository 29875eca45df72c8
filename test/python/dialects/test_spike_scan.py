"""Whole runs of neurons: the fast road and the reference, against NumPy step by step."""

import re

import numpy as np
import pytest

import plait
from plait.compiler import run_stages
from plait.module import Module

F32 = np.float32


def tensor(*shape, element="f32"):
    return f"tensor<{'x'.join([*map(str, shape), element])}>"


def build(text, road):
    """``text`` on the fast road, or lowered by the reference alone."""
    if road == "reference":
        text = run_stages(text.encode(), ["plait-lowered-reference"]).decode()
    else:
        fast = run_stages(text.encode(), ["plait-lowered-cpu"]).decode()
        assert "vector<" in fast, "the fast road was not taken"
    return plait.compile(text)


def chain(weights, events):
    """The rows of ``weights`` where ``events`` is set, added in order."""
    total = np.zeros(weights.shape[1], weights.dtype)
    for row in weights[events != 0]:
        total += row
    return total


def unpacked(words, size):
    """Bits of words along the last axis."""
    width = words.dtype.itemsize * 8
    bits = (words[..., None] >> np.arange(width, dtype=words.dtype)) & 1
    return bits.reshape(*words.shape[:-1], -1)[..., :size]


def lattice(rng, shape, low=-10, high=12):
    """Multiples of 1/8, whose sums are exact in any order."""
    return (rng.integers(low, high, shape) / 8).astype(F32)


def as_rows(name, matrix):
    """A matrix as ``spike.from_rows`` takes it: its arrays, arguments, and the op."""
    at, columns = np.nonzero(matrix)
    starts = np.searchsorted(at, np.arange(len(matrix) + 1))
    parts = starts.astype(np.int32), columns.astype(np.int32), matrix[at, columns]
    types = [tensor(len(a), element=e) for a, e in zip(parts, ("i32", "i32", "f32"), strict=True)]
    given = [f"%{name}{i}" for i in range(3)]
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(given, types, strict=True))
    op = f"%{name} = spike.from_rows {', '.join(given)} : {', '.join(types)} to "
    return parts, arguments, f"{op}{tensor(*matrix.shape)}\n"


@pytest.mark.parametrize("road", ["fast", "reference"])
@pytest.mark.parametrize("neurons", [10, 32, 100])
@pytest.mark.parametrize("sparse", [False, True])
def test_layers_of_events(road, neurons, sparse):
    steps, batch, inputs = 12, 3, 70
    words = "i16" if neurons <= 16 else "i32" if neurons <= 32 else "i64"
    packed = tensor(steps, batch, -(-neurons // int(words[1:])), element=words)
    x, w, u = tensor(steps, batch, inputs), tensor(inputs, neurons), tensor(neurons, neurons)
    v, b = tensor(batch, neurons), tensor(neurons)
    lists = tensor(steps, batch, inputs, element="i32"), tensor(steps, batch, element="i32")
    again = tensor(steps, batch, neurons, element="i32")
    whole = tensor(steps, batch, neurons)
    rule = (
        "integrator impulse decay(%a : tensor<f32>) threshold(%th : "
        f"{b}) compare ge reset value at now"
    )
    rng = np.random.default_rng(0)
    train = (rng.random((steps, batch, inputs)) < 0.2).astype(F32)
    weights, more = lattice(rng, (inputs, neurons)), lattice(rng, (neurons, neurons))
    given, rows, arrays = f"%w: {w}, %u: {u}", "", (weights, more)
    if sparse:
        for matrix in arrays:
            matrix[rng.random(matrix.shape) < 0.5] = 0
            matrix[4] = 0  # A row of nothing.
        (own, first, w_rows), (theirs, second, u_rows) = (
            as_rows(name, matrix) for name, matrix in (("w", weights), ("u", more))
        )
        given, rows, arrays = f"{first}, {second}", w_rows + u_rows, (*own, *theirs)
    text = f"""func.func @main(%x: {x}, {given}, %b: {b}, %v: {v}, %a: tensor<f32>,
        %th: {b}) -> ({packed}, {v}, {whole}, {whole}, {v}, tensor<2xi64>) {{
      {rows}
      %i, %n, %s = spike.list_events %x : {x} to {lists[0]}, {lists[1]}, tensor<2xi64>
      %z, %v1 = spike.scan events(%i, %n, %w : {lists[0]}, {lists[1]}, {w}) bias(%b : {b})
          state(%v : {v}) {rule} encoding packed : {packed}
      %j, %m, %r = spike.list_events %z : {packed} to {again}, {lists[1]}, tensor<2xi64>
      %y, %v2, %p = spike.scan events(%j, %m, %u : {again}, {lists[1]}, {u})
          state(%v : {v}) {rule} record : {whole} potentials {whole}
      return %z, %v1, %y, %p, %v2, %s : {packed}, {v}, {whole}, {whole}, {v}, tensor<2xi64>
    }}"""
    bias, v0 = lattice(rng, neurons), lattice(rng, (batch, neurons))
    decay, threshold = F32(0.5), lattice(rng, neurons, 4, 40)

    def run(train, weights, bias):
        v, out, potentials = v0.copy(), [], []
        for step in train:
            current = np.stack([chain(weights, row) for row in step]) + bias
            v = decay * v + current
            fired = v >= threshold
            v = np.where(fired, F32(0), v)
            out.append(fired.astype(F32))
            potentials.append(v)
        return np.array(out), v, np.array(potentials)

    first, v1, _ = run(train, weights, bias)
    second, v2, potentials = run(first, more, F32(0))
    got = build(text, road)(train, *arrays, bias, v0, decay, threshold)
    assert 0.02 < first.mean() < 0.98 and 0.02 < second.mean() < 0.98
    np.testing.assert_array_equal(unpacked(got[0], neurons), first)
    if neurons % 16:
        assert not unpacked(got[0], None)[..., neurons:].any(), "bits behind the last neuron"
    np.testing.assert_array_equal(got[1], v1)
    np.testing.assert_array_equal(got[2], second)
    np.testing.assert_array_equal(got[3], potentials)
    np.testing.assert_array_equal(got[4], v2)
    np.testing.assert_array_equal(got[5], [train.sum(), 0])


@pytest.mark.parametrize("road", ["fast", "reference"])
@pytest.mark.parametrize("neurons", [9, 80, 2100])
@pytest.mark.parametrize("encoding", ["dense", "packed", "events", "rows"])
def test_recurrent_population(road, neurons, encoding):
    sparse, encoding = encoding == "rows", "dense" if encoding == "rows" else encoding
    steps, batch = 15, 2
    whole, v, w = tensor(steps, batch, neurons), tensor(batch, neurons), tensor(neurons, neurons)
    bits = "i16" if neurons <= 16 else "i64"
    out = {
        "dense": whole,
        "packed": tensor(steps, batch, -(-neurons // int(bits[1:])), element=bits),
        "events": tensor(steps, batch, neurons, element="i32"),
    }[encoding]
    counts = tensor(steps, batch, element="i32")
    listed = encoding == "events"
    more, last = (f", {counts}", ", %n") if listed else ("", "")
    own = f"recurrent(%w, %last : {w}, {v})"
    rng = np.random.default_rng(1)
    x, weights = lattice(rng, (steps, batch, neurons)), lattice(rng, (neurons, neurons))
    given, rows, arrays = f"%w: {w}", "", [weights]
    if sparse:
        weights[rng.random(weights.shape) < 0.6] = 0
        weights[4] = 0  # A row of nothing.
        arrays, given, rows = as_rows("w", weights)
    text = f"""func.func @main(%x: {whole}, {given}, %b: {tensor(neurons)}, %last: {v},
        %v: {v}, %left: {v},
        %a: tensor<f32>, %one: tensor<f32>, %two: tensor<f32>) -> ({out}, {v}, {v}, {v}{more}) {{
      {rows}
      %z, %v1, %l, %s{last} = spike.scan current(%x : {whole}) {own}
          bias(%b : {tensor(neurons)}) state(%v : {v}) integrator impulse decay(%a : tensor<f32>)
          threshold(%one : tensor<f32>) compare gt reset subtract at now
          refractory(%two : tensor<f32>, %left : {v}) encoding {encoding}
          : {out} left {v} last {v} {f"counts {counts}" if listed else ""}
      return %z, %v1, %l, %s{last} : {out}, {v}, {v}, {v}{more}
    }}"""
    bias, v0 = lattice(rng, neurons), lattice(rng, (batch, neurons))
    last0 = (rng.random((batch, neurons)) < 0.3).astype(F32)
    left0 = rng.integers(0, 3, (batch, neurons)).astype(F32)
    decay, one, two = F32(0.5), F32(1), F32(2)
    last, left, v, train = last0, left0, v0, []
    for step in x:
        current = np.stack([chain(weights, row) for row in last]) + bias + step
        u = decay * v + current
        fired = (left <= 0) & (u > one)
        u = np.where(left <= 0, u, v)
        left = np.where(fired, two, np.maximum(left - 1, 0))
        last = fired.astype(F32)
        v = u - last * one
        train.append(last)
    train = np.array(train)
    got = list(build(text, road)(x, *arrays, bias, last0, v0, left0, decay, one, two))
    assert 0.02 < train.mean() < 0.98
    if encoding == "packed":
        got[0] = unpacked(got[0], neurons)
    elif listed:
        places, counts = got[0], got.pop()
        np.testing.assert_array_equal(counts, train.sum(axis=-1))
        got[0] = np.zeros_like(train)
        for at in np.ndindex(counts.shape):
            row = places[at][: counts[at]]
            assert (np.diff(row) > 0).all()
            got[0][at][row] = 1
    for mine, theirs in zip(got, (train, v, left, last), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def opening(steps, potentials, spikes):
    """Zeros and what a loop over time fills."""
    return f"""
      %zero = arith.constant 0.0 : f32
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %end = arith.constant {steps} : index
      %e = tensor.empty() : {potentials}
      %z = linalg.fill ins(%zero : f32) outs(%e : {potentials}) -> {potentials}
      %eo = tensor.empty() : {spikes}"""


def population(steps, batch, neurons):
    """A population whose spikes come back through a matrix, in a loop over time."""
    v, w, x = tensor(batch, neurons), tensor(neurons, neurons), tensor(steps, batch, neurons)
    step = f"[%t, 0, 0] [1, {batch}, {neurons}] [1, 1, 1]"
    return f"""func.func @main(%w: {w}, %a: tensor<f32>, %one: tensor<f32>, %x: {x}) -> {x} {{
{opening(steps, v, x)}
      %r:3 = scf.for %t = %c0 to %end step %c1 iter_args(%v = %z, %last = %z, %o = %eo)
          -> ({v}, {v}, {x}) {{
        %s = tensor.extract_slice %x{step} : {x} to {v}
        %m = linalg.matmul ins(%last, %w : {v}, {w}) outs(%z : {v}) -> {v}
        %i = linalg.add ins(%s, %m : {v}, {v}) outs(%e : {v}) -> {v}
        %f, %n = spike.neuron %i, %v integrator impulse decay(%a : tensor<f32>)
            threshold(%one : tensor<f32>) compare gt reset value at now : {v}
        %on = tensor.insert_slice %f into %o{step} : {v} into {x}
        scf.yield %n, %f, %on : {v}, {v}, {x}
      }}
      return %r#2 : {x}
    }}"""


def test_sparse_recurrent_weights_are_rows():
    """Weights of mostly zeros, of either sign, are kept without them; no spike changes."""
    steps, batch, neurons = 40, 2, 530
    rng = np.random.default_rng(3)
    weights = rng.standard_normal((neurons, neurons)).astype(F32)
    zeros = rng.random(weights.shape) > 0.03
    weights[zeros] = np.where(rng.random(zeros.sum()) < 0.5, F32(0), F32(-0.0))
    x = (rng.random((steps, batch, neurons)) * 0.25).astype(F32)
    decay, one, text = F32(0.9), F32(1), population(steps, batch, neurons)
    module = Module(text, weights=(weights, decay, one))
    assert "spike.from_rows" in plait.compile(module, to="strand")
    run = plait.compile(module)
    assert max(w.size for w in run._weights) == np.count_nonzero(weights)
    # What is no weight of the module stays a matrix.
    dense = plait.compile(text)(weights, decay, one, x)
    v = last = np.zeros((batch, neurons), F32)
    want = []
    for step in x:
        v = decay * v + (step + np.stack([chain(weights, row) for row in last]))
        last = (v > one).astype(F32)
        v = np.where(v > one, F32(0), v)
        want.append(last)
    assert 0.02 < np.mean(want) < 0.5
    np.testing.assert_array_equal(dense, want)
    np.testing.assert_array_equal(run(x), want)
    # Again in full, and with what is not finite or not sparse: the matrix as it is.
    for other in (np.nan, np.inf, None):
        changed = (
            rng.standard_normal(weights.shape).astype(F32) if other is None else weights.copy()
        )
        changed[2, 3] = changed[2, 3] if other is None else other
        module = Module(text, weights=(changed, decay, one))
        assert "spike.from_rows" not in plait.compile(module, to="import")


def test_a_train_that_is_none_is_counted():
    text = """func.func @main(%x: tensor<?x2x5xf32>) -> tensor<2xi64> {
      %i, %n, %s = spike.list_events %x
          : tensor<?x2x5xf32> to tensor<?x2x5xi32>, tensor<?x2xi32>, tensor<2xi64>
      return %s : tensor<2xi64>
    }"""
    x = np.zeros((3, 2, 5), F32)
    x[0, 1, :4] = 1, 0.5, np.nan, -0.0
    np.testing.assert_array_equal(build(text, "fast")(x), [3, 2])
    np.testing.assert_array_equal(build(text, "reference")(x), [3, 2])


def network(steps, batch, sizes):
    """Two layers with a bias, a delay of two steps between them, in a loop over time."""
    first, second = tensor(batch, sizes[1]), tensor(batch, sizes[2])
    x, out = tensor(steps, batch, sizes[0]), tensor(steps, batch, sizes[2])
    line = tensor(2, batch, sizes[1])
    rule = (
        "integrator impulse decay(%a : tensor<f32>) threshold(%th : tensor<f32>) compare gt "
        "reset value at now"
    )
    return f"""func.func @main(%x: {x}, %w: {tensor(*sizes[:2])}, %u: {tensor(*sizes[1:])},
        %b: {tensor(sizes[1])}, %a: tensor<f32>, %th: tensor<f32>) -> {out} {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %end = arith.constant {steps} : index
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : {first}
      %z = linalg.fill ins(%zero : f32) outs(%e : {first}) -> {first}
      %e2 = tensor.empty() : {second}
      %z2 = linalg.fill ins(%zero : f32) outs(%e2 : {second}) -> {second}
      %el = tensor.empty() : {line}
      %zl = linalg.fill ins(%zero : f32) outs(%el : {line}) -> {line}
      %eo = tensor.empty() : {out}
      %r:4 = scf.for %t = %c0 to %end step %c1 iter_args(%v = %z, %q = %z2, %l = %zl, %o = %eo)
          -> ({first}, {second}, {line}, {out}) {{
        %s = tensor.extract_slice %x[%t, 0, 0] [1, {batch}, {sizes[0]}] [1, 1, 1]
            : {x} to {tensor(batch, sizes[0])}
        %m = linalg.matmul ins(%s, %w : {tensor(batch, sizes[0])}, {tensor(*sizes[:2])})
            outs(%z : {first}) -> {first}
        %spread = linalg.broadcast ins(%b : {tensor(sizes[1])}) outs(%e : {first}) dimensions = [0]
        %i = linalg.add ins(%m, %spread : {first}, {first}) outs(%e : {first}) -> {first}
        %f, %v1 = spike.neuron %i, %v {rule} : {first}
        %d, %l1 = spike.delay %f, %l : {first}, {line}
        %n = linalg.matmul ins(%d, %u : {first}, {tensor(*sizes[1:])})
            outs(%z2 : {second}) -> {second}
        %g, %q1 = spike.neuron %n, %q {rule} : {second}
        %o1 = tensor.insert_slice %g into %o[%t, 0, 0] [1, {batch}, {sizes[2]}] [1, 1, 1]
            : {second} into {out}
        scf.yield %v1, %q1, %l1, %o1 : {first}, {second}, {line}, {out}
      }}
      return %r#3 : {out}
    }}"""


@pytest.mark.parametrize("kind", ["spikes", "graded", "many"])
def test_passes_change_no_spike(kind):
    steps, batch, sizes = 20, 3, (50, 70, 12)
    text = network(steps, batch, sizes)
    strand = run_stages(text.encode(), ["plait-strand"]).decode()
    assert "scf.for" not in strand and "spike.scan events" in strand, "the passes did not fire"
    rng = np.random.default_rng(2)
    x = (rng.random((steps, batch, 50)) < (0.7 if kind == "many" else 0.2)).astype(F32)
    if kind == "graded":
        x[5:, 1, 3] = 0.5
    weights, more, bias = lattice(rng, sizes[:2]), lattice(rng, sizes[1:]), lattice(rng, 70)
    v, q, line, out = np.zeros((batch, 70), F32), np.zeros((batch, 12), F32), [0, 0], []
    for step in x:
        v = F32(0.5) * v + (step @ weights + bias)
        fired = v > 1
        v = np.where(fired, F32(0), v)
        line.append(fired.astype(F32))
        delayed = np.broadcast_to(F32(line.pop(0)), v.shape)
        q = F32(0.5) * q + delayed @ more
        out.append((q > 1).astype(F32))
        q = np.where(q > 1, F32(0), q)
    got = plait.compile(text)(x, weights, more, bias, F32(0.5), F32(1))
    assert 0.02 < np.mean(out) < 0.9
    np.testing.assert_array_equal(got, out)


def test_attention_in_either_order():
    steps, tokens, size = 3, 40, 8
    x, rows = tensor(steps, tokens, size), tensor(tokens, size)
    turned, many = tensor(steps, size, tokens), tensor(steps, tokens, tokens)
    populations = "".join(
        f"""
      %{n}, %{n}v = spike.scan current(%x{n} : {x}) state(%v : {rows}) integrator impulse
          threshold(%th : tensor<f32>) compare ge reset value at now : {x}"""
        for n in "qkw"
    )
    zeros = "".join(
        f"""
      %e{n} = tensor.empty() : {t}
      %z{n} = linalg.fill ins(%zero : f32) outs(%e{n} : {t}) -> {t}"""
        for n, t in (("t", turned), ("m", many), ("o", x))
    )
    text = f"""func.func @main(%xq: {x}, %xk: {x}, %xw: {x}, %v: {rows}, %th: tensor<f32>) -> {x} {{
      %zero = arith.constant 0.0 : f32 {zeros} {populations}
      %kt = linalg.transpose ins(%k : {x}) outs(%et : {turned}) permutation = [0, 2, 1]
      %s = linalg.batch_matmul ins(%q, %kt : {x}, {turned}) outs(%zm : {many}) -> {many}
      %o = linalg.batch_matmul ins(%s, %w : {many}, {x}) outs(%zo : {x}) -> {x}
      return %o : {x}
    }}"""
    strand = run_stages(text.encode(), ["plait-strand"]).decode()
    products = [line for line in strand.splitlines() if "linalg.batch_matmul" in line]
    assert len(products) == 2 and not any(many in line for line in products), products
    rng = np.random.default_rng(3)
    currents = rng.random((3, steps, tokens, size)).astype(F32)

    def fire(currents):
        v, out = np.zeros((tokens, size), F32), []
        for current in currents:
            v = v + current
            out.append((v >= 1).astype(F32))
            v = np.where(v >= 1, F32(0), v)
        return np.array(out)

    q, k, w = map(fire, currents)
    want = (q @ k.swapaxes(1, 2)) @ w
    got = plait.compile(text)(*currents, np.zeros((tokens, size), F32), F32(1))
    assert want.max() > 20
    np.testing.assert_array_equal(got, want)


def hidden_layer(rate):
    """A population whose spikes a second one reads through a matrix; ``rate`` as measured."""
    steps, batch, neurons = 10, 3, 48
    x, w = tensor(steps, batch, neurons), tensor(neurons, neurons)
    v, flat = tensor(batch, neurons), tensor(steps * batch, neurons)
    rule = "threshold(%th : tensor<f32>) compare gt reset value at now"
    return f"""func.func @main(%x: {x}, %w: {w}, %v: {v}, %th: tensor<f32>) -> {x} {{
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : {flat}
      %zeros = linalg.fill ins(%zero : f32) outs(%e : {flat}) -> {flat}
      %z, %v1 = spike.scan current(%x : {x}) state(%v : {v}) integrator impulse {rule} {rate} : {x}
      %s = tensor.collapse_shape %z [[0, 1], [2]] : {x} into {flat}
      %m = linalg.matmul ins(%s, %w : {flat}, {w}) outs(%zeros : {flat}) -> {flat}
      %i = tensor.expand_shape %m [[0, 1], [2]] output_shape [{steps}, {batch}, {neurons}]
          : {flat} into {x}
      %y, %v2 = spike.scan current(%i : {x}) state(%v : {v}) integrator impulse {rule} : {x}
      return %y : {x}
    }}"""


#: What was measured, and how the second layer sums: spikes near the rate at which both
#: roads are equally fast are counted at run time.
ROADS = {
    "unknown": ("", {"events"}),
    "seldom": ("{spike.rate = 0.05 : f64}", {"events"}),
    "near": ("{spike.rate = 0.35 : f64}", {"events", "matmul", "switch"}),
    "each near": ("{spike.rates = dense<0.5> : tensor<48xf32>}", {"events", "matmul", "switch"}),
    "often": ("{spike.rate = 0.8 : f64}", {"matmul"}),
}


@pytest.mark.parametrize("name", ROADS)
def test_roads_of_a_hidden_layer(name):
    """A rate chooses the road, or a count at run time does; spikes are the same on each."""
    rate, roads = ROADS[name]
    text = hidden_layer(rate)
    strand = run_stages(text.encode(), ["plait-strand"]).decode()
    found = {"events": "scan events(", "matmul": "linalg.matmul", "switch": "scf.if"}
    assert {road for road, sign in found.items() if sign in strand} == roads
    run = plait.compile(text)
    rng = np.random.default_rng(5)
    weights = lattice(rng, (48, 48), -6, 8)
    shares = []
    for high in (4, 16):  # The first layer fires seldom, then often.
        x = (rng.integers(0, high, (10, 3, 48)) / 8).astype(F32)
        fired, v = [], np.zeros((3, 48), F32)
        for current in x:
            v = v + current
            fired.append((v > 1).astype(F32))
            v = np.where(v > 1, F32(0), v)
        shares.append(np.mean(fired))
        want, v = [], np.zeros((3, 48), F32)
        for spikes in fired:
            v = v + spikes @ weights
            want.append((v > 1).astype(F32))
            v = np.where(v > 1, F32(0), v)
        assert 0.05 < np.mean(want) < 0.95
        np.testing.assert_array_equal(run(x, weights, np.zeros((3, 48), F32), F32(1)), want)
    assert shares[0] < 0.3 and shares[1] > 0.45, shares


def layer(steps, batch, inputs, neurons):
    """A layer in a loop over time."""
    x, w, v = tensor(steps, batch, inputs), tensor(inputs, neurons), tensor(batch, neurons)
    out = tensor(steps, batch, neurons)
    return f"""func.func @main(%w: {w}, %a: tensor<f32>, %one: tensor<f32>, %x: {x}) -> {out} {{
{opening(steps, v, out)}
      %r:2 = scf.for %t = %c0 to %end step %c1 iter_args(%v = %z, %o = %eo) -> ({v}, {out}) {{
        %s = tensor.extract_slice %x[%t, 0, 0] [1, {batch}, {inputs}] [1, 1, 1]
            : {x} to {tensor(batch, inputs)}
        %m = linalg.matmul ins(%s, %w : {tensor(batch, inputs)}, {w}) outs(%z : {v}) -> {v}
        %f, %n = spike.neuron %m, %v integrator impulse decay(%a : tensor<f32>)
            threshold(%one : tensor<f32>) compare gt reset value at now : {v}
        %on = tensor.insert_slice %f into %o[%t, 0, 0] [1, {batch}, {neurons}] [1, 1, 1]
            : {v} into {out}
        scf.yield %n, %on : {v}, {out}
      }}
      return %r#1 : {out}
    }}"""


def test_sparse_layers_are_rows():
    """Events take the elements that are there; numbers take the matrix, from the same weights."""
    steps, batch, inputs, neurons = 12, 3, 90, 260
    rng = np.random.default_rng(5)
    weights = lattice(rng, (inputs, neurons), 1, 20)
    weights[rng.random(weights.shape) > 0.018] = 0
    decay, one, text = F32(0.5), F32(1), layer(steps, batch, inputs, neurons)
    module = Module(text, weights=(weights, decay, one))
    strand = plait.compile(module, to="strand")
    assert strand.count("spike.from_rows") == 2  # Of events, and within the other branch.
    assert strand.index("scf.if") < strand.rindex("spike.from_rows")
    run, dense = plait.compile(module), plait.compile(text)
    assert max(w.size for w in run._weights) == np.count_nonzero(weights)
    for x in (rng.random((steps, batch, inputs)) < 0.3, lattice(rng, (steps, batch, inputs), 0, 9)):
        x = x.astype(F32)
        v, want = np.zeros((batch, neurons), F32), []
        for step in x:
            v = decay * v + step @ weights
            want.append((v > one).astype(F32))
            v = np.where(v > one, F32(0), v)
        assert 0.02 < np.mean(want) < 0.9
        np.testing.assert_array_equal(run(x), want)
        np.testing.assert_array_equal(dense(weights, decay, one, x), want)
    # As sparse a square matrix is one of a population that reads itself, but not of a layer.
    square = np.zeros((1000, 1000), F32)
    square[:, ::12] = 1
    bound = {"weights": (square, decay, one)}
    assert "from_rows" in plait.compile(Module(population(2, 1, 1000), **bound), to="import")
    assert "from_rows" not in plait.compile(Module(layer(2, 1, 1000, 1000), **bound), to="import")


@pytest.mark.parametrize("places", [(), (9,), (3, 5)], ids=["rows", "tokens", "images"])
def test_synapses_that_no_neuron_reads(places):
    """Products of each place, ahead of a norm: on events and dense, as they come."""
    steps, batch, inputs, outputs = 4, 2, 200, 190
    x, v = tensor(steps, batch, inputs, *places), tensor(batch, inputs, *places)
    flat, sums = tensor(8, inputs, *places), tensor(8, outputs, *places)
    w = tensor(outputs, inputs, *[1] * len(places)) if places else tensor(inputs, outputs)
    product = ["matmul", "conv_1d_ncw_fcw", "conv_2d_nchw_fchw"][len(places)]
    axes = ", ".join(f"[{i}]" for i in range(2, 3 + len(places)))
    text = f"""func.func @main(%x: {x}, %w: {w}, %v: {v}, %half: tensor<f32>) -> {sums} {{
      %zero = arith.constant 0.0 : f32
      %third = arith.constant dense<3.0> : {sums}
      %z, %v1 = spike.scan current(%x : {x}) state(%v : {v}) integrator impulse
          threshold(%half : tensor<f32>) compare gt reset value at now : {x}
      %f = tensor.collapse_shape %z [[0, 1], {axes}] : {x} into {flat}
      %e = tensor.empty() : {sums}
      %s = linalg.fill ins(%zero : f32) outs(%e : {sums}) -> {sums}
      %y = linalg.{product} ins(%f, %w : {flat}, {w}) outs(%s : {sums}) -> {sums}
      %n = linalg.mul ins(%y, %third : {sums}, {sums}) outs(%e : {sums}) -> {sums}
      return %n : {sums}
    }}"""
    strand = run_stages(text.encode(), ["plait-strand"]).decode()
    assert "scan events(" in strand and f"linalg.{product}" in strand
    rng = np.random.default_rng(6)
    # Sums round: that they are the same shows that their order is.
    weights = rng.standard_normal((inputs, outputs)).astype(F32)
    given = weights if not places else weights.T.reshape(outputs, inputs, *[1] * len(places))
    run, events = plait.compile(text), np.zeros((batch, inputs, *places), F32)
    for share in (0.1, 0.9):
        x = (rng.random((steps, batch, inputs, *places)) < share).astype(F32)
        rows = np.moveaxis(x.reshape(8, inputs, -1), 1, 2).reshape(-1, inputs)
        want = np.stack([chain(weights, row) for row in rows]) * F32(3)
        want = np.moveaxis(want.reshape(8, -1, outputs), 2, 1).reshape(8, outputs, *places)
        np.testing.assert_array_equal(run(x, np.ascontiguousarray(given), events, F32(0.5)), want)


@pytest.mark.parametrize("kind", ["matrix", "rows", "layer"])
def test_threads_share_neurons(kind):
    """Enough neurons are several tasks per sample: sums, and so spikes, are the same on each."""
    steps, batch = 12, 2
    inputs, neurons = {"matrix": (2100, 2100), "rows": (3300, 3300), "layer": (300, 2048)}[kind]
    rng = np.random.default_rng(11)
    weights = (rng.standard_normal((inputs, neurons)) * 0.2).astype(F32)
    if kind != "matrix":
        weights[rng.random(weights.shape) > {"rows": 0.11, "layer": 0.045}[kind]] = 0
    decay, one = F32(0.9), F32(1)
    if kind == "layer":
        text = layer(steps, batch, inputs, neurons)
        x = (rng.random((steps, batch, inputs)) < 0.15).astype(F32)
    else:
        text = population(steps, batch, neurons)
        x = (rng.random((steps, batch, neurons)) * 0.4).astype(F32)
    module = Module(text, weights=(weights, decay, one))
    assert ("spike.from_rows" in plait.compile(module, to="strand")) == (kind != "matrix")
    vectors = plait.compile(module, to="lowered")
    shared = [int(a) * int(b) for a, b in re.findall(r"in \((\d+), (\d+)\) \{", vectors)]
    assert any(tasks > batch for tasks in shared), vectors
    v = last = np.zeros((batch, neurons), F32)
    want = []
    for step in x:
        if kind == "layer":
            current = np.stack([chain(weights, row) for row in step])
        else:
            current = step + np.stack([chain(weights, row) for row in last])
        v = decay * v + current
        last = (v > one).astype(F32)
        v = np.where(v > one, F32(0), v)
        want.append(last)
    assert 0.02 < np.mean(want) < 0.5
    run, before = plait.compile(module), plait.get_num_threads()
    try:
        for threads in (1, 2, 3):
            plait.set_num_threads(threads)
            np.testing.assert_array_equal(run(x), want)
    finally:
        plait.set_num_threads(before)
