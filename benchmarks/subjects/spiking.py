"""Spiking networks over a whole run, against loops, compilers, simulators and plain C.

The rule is ``v = beta v + input; a spike where v > 1; v = 0 after it`` (the attention
block: ``v += (input - v) / 2``, a spike where ``v >= threshold``). Weights and inputs are
drawn from seeds, in f32. Every peer must give Plait's spikes, all of them.
"""

import contextlib
import ctypes
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from measure import Case, Peer, threads

import plait
from plait.module import Module

F32 = np.float32


def tensor(*shape):
    return f"tensor<{'x'.join([*map(str, shape), 'f32'])}>"


def same(mine, theirs):
    """All spikes are the same; says how many there are."""
    theirs = np.asarray(theirs).reshape(mine.shape)
    assert theirs.any(), "no neuron fires"
    assert np.array_equal(mine, theirs), f"{np.sum(mine != theirs)} of {mine.size} spikes differ"
    return f"all {int(theirs.sum())} spikes"


class Reference:
    """The functions of spiking.c, with as many threads as everyone has."""

    def __init__(self):
        source = Path(__file__).parents[1] / "spiking.c"
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder, "spiking.so")
            flags = ["-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"]
            subprocess.run(["cc", *flags, source, "-o", library], check=True)
            self.library = ctypes.CDLL(str(library))

    def __call__(self, name, arrays, *sizes):
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in arrays]
        getattr(self.library, name)(*pointers, *map(ctypes.c_int, sizes))


# Feed-forward: 784-512-512-10.


def layers(steps, batch, sizes, beta):
    """Layers in a loop over time, as a front writes them."""
    rule = (
        "integrator impulse decay(%beta : tensor<f32>) threshold(%one : tensor<f32>) "
        "compare gt reset value at now"
    )
    first, out = tensor(steps, batch, sizes[0]), tensor(steps, batch, sizes[-1])
    head, body, carried = [], [], []
    for i, (into, size) in enumerate(pairwise(sizes)):
        t = tensor(batch, size)
        head.append(f"%e{i} = tensor.empty() : {t}")
        head.append(f"%z{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {t}) -> {t}")
        body.append(
            f"%i{i} = linalg.matmul ins(%s{i}, %w{i} : {tensor(batch, into)}, "
            f"{tensor(into, size)}) outs(%z{i} : {t}) -> {t}"
        )
        body.append(f"%s{i + 1}, %n{i} = spike.neuron %i{i}, %v{i} {rule} : {t}")
        carried.append((f"%v{i} = %z{i}", f"%n{i}", t))
    last = f"%s{len(sizes) - 1}"
    carried.append(("%o = %eo", "%on", out))
    inits, nexts, types = (", ".join(column) for column in zip(*carried, strict=True))
    weights = ", ".join(f"%w{i}: {tensor(*pair)}" for i, pair in enumerate(pairwise(sizes)))
    step = f"[%t, 0, 0] [1, {batch}, {{}}] [1, 1, 1]"
    lines = [
        f"func.func @main({weights}, %beta: tensor<f32>, %one: tensor<f32>,",
        f"    %x: {first}) -> {out} {{",
        "%zero = arith.constant 0.0 : f32",
        "%c0 = arith.constant 0 : index",
        "%c1 = arith.constant 1 : index",
        f"%end = arith.constant {steps} : index",
        *head,
        f"%eo = tensor.empty() : {out}",
        f"%r:{len(carried)} = scf.for %t = %c0 to %end step %c1 iter_args({inits}) -> ({types}) {{",
        f"%s0 = tensor.extract_slice %x{step.format(sizes[0])}",
        f"    : {first} to {tensor(batch, sizes[0])}",
        *body,
        f"%on = tensor.insert_slice {last} into %o{step.format(sizes[-1])} : "
        f"{tensor(batch, sizes[-1])} into {out}",
        f"scf.yield {nexts} : {types}",
        "}",
        f"return %r#{len(carried) - 1} : {out}",
        "}",
    ]
    return Module("\n".join(lines), weights=()), beta


def feed_forward(reference, batch, x, weights):
    steps, sizes = len(x), (784, 512, 512, 10)
    module, beta = layers(steps, batch, sizes, F32(0.9))
    bound = (*(np.ascontiguousarray(w.T) for w in weights), beta, F32(1))
    run = plait.compile(Module(module.text, weights=bound))
    torch_x, torch_w = torch.from_numpy(x), [torch.from_numpy(w) for w in weights]

    @torch.no_grad()
    def loop():
        v, out = [0.0] * 3, []
        for spikes in torch_x:
            for i, weight in enumerate(torch_w):
                v[i] = 0.9 * v[i] + spikes @ weight.T
                spikes = (v[i] > 1).float()
                v[i] = v[i] * (1 - spikes)
            out.append(spikes)
        return torch.stack(out)

    @torch.compile(dynamic=False)
    def step(spikes, *v):
        after = []
        for potential, weight in zip(v, torch_w, strict=True):
            potential = 0.9 * potential + spikes @ weight.T
            spikes = (potential > 1).float()
            after.append(potential * (1 - spikes))
        return spikes, after

    @torch.no_grad()
    def compiled():
        v, out = [torch.zeros(batch, size) for size in sizes[1:]], []
        for spikes in torch_x:
            spikes, v = step(spikes, *v)
            out.append(spikes)
        return torch.stack(out)

    def scan(currents):
        def one(v, current):
            v = 0.9 * v + current
            spikes = (v > 1).astype(jnp.float32)
            return v * (1 - spikes), spikes

        return jax.lax.scan(one, jnp.zeros_like(currents[0]), currents)[1]

    @jax.jit
    def layerwise(x, weights):
        for weight in weights:
            x = scan(x @ weight.T)
        return x

    jax_x, jax_w = jnp.asarray(x), [jnp.asarray(w) for w in weights]
    bytes_x, out = x.astype(np.uint8), np.zeros((steps, batch, 10), F32)
    last = np.zeros((512, 16), F32)
    last[:, :10] = weights[2].T
    flat = [bytes_x, *(np.ascontiguousarray(w.T) for w in weights[:2]), last, out]

    def c():
        reference("feed_forward", flat, steps, batch)
        return out

    peers = [
        Peer("plait", lambda: run(x)),
        Peer("C reference", c, same),
        Peer("torch loop", loop, same),
        Peer("torch.compile", compiled, same),
        Peer("JAX", lambda: jax.block_until_ready(layerwise(jax_x, jax_w)), same),
    ]
    with contextlib.suppress(ImportError):
        import snntorch

        cells = [snntorch.Leaky(beta=0.9, reset_mechanism="zero") for _ in weights]

        @torch.no_grad()
        def snn():
            v, out = [cell.reset_mem() for cell in cells], []
            for spikes in torch_x:
                for i, weight in enumerate(torch_w):
                    spikes, v[i] = cells[i](spikes @ weight.T, v[i])
                out.append(spikes)
            return torch.stack(out)

        peers.append(Peer("snntorch", snn, same))
    with contextlib.suppress(ImportError):
        from spikingjelly.activation_based import functional, neuron

        nodes = [
            neuron.LIFNode(10.0, decay_input=False, v_threshold=1.0, v_reset=0.0, step_mode="m")
            for _ in weights
        ]

        @torch.no_grad()
        def jelly():
            spikes = torch_x
            for node, weight in zip(nodes, torch_w, strict=True):
                functional.reset_net(node)
                spikes = node(spikes @ weight.T)
            return spikes

        peers.append(Peer("spikingjelly", jelly, same))
    with contextlib.suppress(ImportError):
        import sinabs.layers
        from sinabs.activation import MembraneReset, SingleSpike

        tau = -1 / np.log(0.9)
        lifs = [
            sinabs.layers.LIF(
                tau_mem=tau, norm_input=False, spike_fn=SingleSpike, reset_fn=MembraneReset()
            )
            for _ in weights
        ]
        by_sample = torch_x.transpose(0, 1).contiguous()

        @torch.no_grad()
        def sinabs_():
            spikes = by_sample
            for lif, weight in zip(lifs, torch_w, strict=True):
                lif.reset_states()
                spikes = lif(spikes @ weight.T)
            return spikes.transpose(0, 1)

        peers.append(Peer("sinabs", sinabs_, same))
    work = 2 * steps * batch * sum(w.size for w in weights)
    name = f"feed-forward {'-'.join(map(str, sizes))}, batch {batch}, {steps} steps"
    return Case(name, peers, flops=work)


# Recurrent: 800 excitatory and 200 inhibitory neurons, a tenth connected.


def population(steps, size):
    v, w, x = tensor(1, size), tensor(size, size), tensor(steps, 1, size)
    return f"""
func.func @main(%w: {w}, %beta: tensor<f32>, %one: tensor<f32>, %x: {x}) -> {x} {{
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = arith.constant {steps} : index
  %e = tensor.empty() : {v}
  %z = linalg.fill ins(%zero : f32) outs(%e : {v}) -> {v}
  %eo = tensor.empty() : {x}
  %r:3 = scf.for %t = %c0 to %end step %c1 iter_args(%v = %z, %last = %z, %o = %eo)
      -> ({v}, {v}, {x}) {{
    %s = tensor.extract_slice %x[%t, 0, 0] [1, 1, {size}] [1, 1, 1] : {x} to {v}
    %m = linalg.matmul ins(%last, %w : {v}, {w}) outs(%z : {v}) -> {v}
    %i = linalg.add ins(%s, %m : {v}, {v}) outs(%e : {v}) -> {v}
    %f, %n = spike.neuron %i, %v integrator impulse decay(%beta : tensor<f32>)
        threshold(%one : tensor<f32>) compare gt reset value at now : {v}
    %on = tensor.insert_slice %f into %o[%t, 0, 0] [1, 1, {size}] [1, 1, 1] : {v} into {x}
    scf.yield %n, %f, %on : {v}, {v}, {x}
  }}
  return %r#2 : {x}
}}
"""


def recurrent(reference):
    rng, size, steps = np.random.default_rng(1), 1000, 1000
    mask = rng.random((size, size)) < 0.1
    weights = np.zeros((size, size), F32)  # [to, from]
    weights[:, :800], weights[:, 800:] = 0.1, -0.6
    # Jitter: no sum lies on the threshold.
    weights *= mask * (1 + 0.2 * rng.standard_normal((size, size)).astype(F32))
    np.fill_diagonal(weights, 0)
    x = (rng.poisson(0.55, (steps, size)) * 0.1037).astype(F32)[:, None]
    onward = np.ascontiguousarray(weights.T)
    run = plait.compile(Module(population(steps, size), weights=(onward, F32(0.95), F32(1))))
    torch_x, torch_w = torch.from_numpy(x), torch.from_numpy(weights)

    @torch.no_grad()
    def loop():
        v = spikes = torch.zeros(1, size)
        out = []
        for current in torch_x:
            v = 0.95 * v + current + spikes @ torch_w.T
            spikes = (v > 1).float()
            v = v * (1 - spikes)
            out.append(spikes)
        return torch.stack(out)

    @jax.jit
    def scan(x, w):
        def one(state, current):
            v, spikes = state
            v = 0.95 * v + current + w @ spikes
            spikes = (v > 1).astype(jnp.float32)
            return (v * (1 - spikes), spikes), spikes

        return jax.lax.scan(one, (jnp.zeros(size), jnp.zeros(size)), x)[1]

    jax_x, jax_w = jnp.asarray(x[:, 0]), jnp.asarray(weights)
    out = np.zeros_like(x)

    def c():
        reference("recurrent", [x, onward, out], size, steps)
        return out

    peers = [
        Peer("plait", lambda: run(x)),
        Peer("C reference", c, same),
        Peer("torch loop", loop, same),
        Peer("JAX", lambda: jax.block_until_ready(scan(jax_x, jax_w)), same),
    ]
    return Case(f"recurrent {size}, {steps} steps", peers)


# A Spikformer attention block, batch norms folded.


def attention_text(steps, tokens, size, heads):
    x, rows, flat = tensor(steps, tokens, size), tensor(tokens, size), tensor(steps * tokens, size)
    w, b, width = tensor(size, size), tensor(size), size // heads
    split, cut = tensor(steps, tokens, heads, width), tensor(steps, heads, tokens, width)
    batch, many = tensor(steps * heads, tokens, width), tensor(steps * heads, tokens, tokens)
    turned = tensor(steps * heads, width, tokens)
    lines = []

    def population(name, source, weight, threshold):
        lines.append(f"""
  %{name}f = tensor.collapse_shape {source} [[0, 1], [2]] : {x} into {flat}
  %{name}m = linalg.matmul ins(%{name}f, %w{weight} : {flat}, {w}) outs(%zf : {flat}) -> {flat}
  %{name}s = linalg.broadcast ins(%b{weight} : {b}) outs(%ef : {flat}) dimensions = [0]
  %{name}a = linalg.add ins(%{name}m, %{name}s : {flat}, {flat}) outs(%ef : {flat}) -> {flat}
  %{name}i = tensor.expand_shape %{name}a [[0, 1], [2]]
      output_shape [{steps}, {tokens}, {size}] : {flat} into {x}""")
        fire(name, f"%{name}i", threshold)

    def fire(name, current, threshold):
        lines.append(f"""
  %{name}, %{name}_end = spike.scan current({current} : {x}) state(%rest : {rows}) integrator euler
      decay(%rate : tensor<f32>) threshold(%{threshold} : tensor<f32>) compare ge reset value at now
      : {x}""")

    def head(name, source):
        lines.append(f"""
  %{name}e = tensor.expand_shape {source} [[0], [1], [2, 3]]
      output_shape [{steps}, {tokens}, {heads}, {width}] : {x} into {split}
  %{name}t = linalg.transpose ins(%{name}e : {split}) outs(%ec : {cut})
      permutation = [0, 2, 1, 3]
  %{name} = tensor.collapse_shape %{name}t [[0, 1], [2], [3]] : {cut} into {batch}""")

    for name in "qkv":
        population(name, "%x", name, "one")
        head(f"h{name}", f"%{name}")
    lines.append(f"""
  %kt = linalg.transpose ins(%hk : {batch}) outs(%et : {turned}) permutation = [0, 2, 1]
  %scores = linalg.batch_matmul ins(%hq, %kt : {batch}, {turned}) outs(%zm : {many}) -> {many}
  %mixed = linalg.batch_matmul ins(%scores, %hv : {many}, {batch}) outs(%zb : {batch}) -> {batch}
  %me = tensor.expand_shape %mixed [[0, 1], [2], [3]]
      output_shape [{steps}, {heads}, {tokens}, {width}] : {batch} into {cut}
  %mt = linalg.transpose ins(%me : {cut}) outs(%es : {split}) permutation = [0, 2, 1, 3]
  %mc = tensor.collapse_shape %mt [[0], [1], [2, 3]] : {split} into {x}
  %eight = arith.constant dense<0.125> : {x}
  %scaled = arith.mulf %mc, %eight : {x}""")
    fire("a", "%scaled", "half")
    population("p", "%a", "p", "one")
    weights = ", ".join(f"%w{c}: {w}, %b{c}: {b}" for c in "qkvp")
    empties = {"f": flat, "r": rows, "m": many, "b": batch}
    zeros = "".join(
        f"\n  %e{n} = tensor.empty() : {t}"
        f"\n  %z{n} = linalg.fill ins(%zero : f32) outs(%e{n} : {t}) -> {t}"
        for n, t in empties.items()
    )
    return (
        f"func.func @main({weights}, %rate: tensor<f32>, %one: tensor<f32>, %half: tensor<f32>, "
        f"%x: {x}) -> {x} {{\n  %zero = arith.constant 0.0 : f32{zeros}"
        f"\n  %ec = tensor.empty() : {cut}\n  %et = tensor.empty() : {turned}"
        f"\n  %es = tensor.empty() : {split}"
        + "".join(lines).replace("%rest", "%zr")
        + f"\n  return %p : {x}\n}}\n"
    )


def attention():
    rng, (steps, tokens, size, heads) = np.random.default_rng(3), (4, 196, 384, 12)
    x = (rng.random((steps, tokens, size)) < 0.2).astype(F32)
    folded = {}
    for name in "qkvp":
        scale = F32(1 / np.sqrt(2 + 1e-5))
        weight = (rng.standard_normal((size, size)) * 0.3).astype(F32) * scale
        folded[name] = weight, (rng.standard_normal(size) * 0.1).astype(F32)
    bound = [a for w, b in folded.values() for a in (np.ascontiguousarray(w.T), b)]
    text = attention_text(steps, tokens, size, heads)
    run = plait.compile(Module(text, weights=(*bound, F32(0.5), F32(1), F32(0.5))))

    def block(lif, x, folded, cut):
        q, k, v = (cut(lif(x @ folded[c][0].T + folded[c][1], 1.0)) for c in "qkv")
        mixed = (q @ k.swapaxes(-1, -2)) @ v * 0.125
        mixed = lif(mixed.swapaxes(1, 2).reshape(steps, tokens, size), 0.5)
        return lif(mixed @ folded["p"][0].T + folded["p"][1], 1.0)

    def cut(z):
        return z.reshape(steps, tokens, heads, size // heads).swapaxes(1, 2)

    def torch_lif(currents, threshold):
        v, out = torch.zeros_like(currents[0]), []
        for current in currents:
            v = v + (current - v) / 2
            spikes = (v >= threshold).float()
            v = v * (1 - spikes)
            out.append(spikes)
        return torch.stack(out)

    def jax_lif(currents, threshold):
        def one(v, current):
            v = v + (current - v) / 2
            spikes = (v >= threshold).astype(jnp.float32)
            return v * (1 - spikes), spikes

        return jax.lax.scan(one, jnp.zeros_like(currents[0]), currents)[1]

    torch_x = torch.from_numpy(x)
    torch_w = {c: tuple(map(torch.from_numpy, pair)) for c, pair in folded.items()}
    eager = torch.no_grad()(lambda: block(torch_lif, torch_x, torch_w, cut))
    compiled = torch.compile(eager)
    jitted = jax.jit(lambda x, folded: block(jax_lif, x, folded, cut))
    jax_x, jax_w = jnp.asarray(x), {c: tuple(map(jnp.asarray, p)) for c, p in folded.items()}
    peers = [
        Peer("plait", lambda: run(x)),
        Peer("torch loop", eager, same),
        Peer("torch.compile", compiled, same),
        Peer("JAX", lambda: jax.block_until_ready(jitted(jax_x, jax_w)), same),
    ]
    name = f"Spikformer attention, {tokens} tokens of {size}, {steps} steps"
    return Case(name, peers, flops=2 * steps * tokens * size * (4 * size + 2 * tokens))


def cases(prefix):
    torch.set_num_threads(threads())
    reference = Reference()
    rng = np.random.default_rng(0)
    x = (rng.random((100, 32, 784)) < 0.10).astype(F32)
    shapes = ((512, 784), 0.050), ((512, 512), 0.082), ((10, 512), 0.085)
    weights = [(rng.standard_normal(shape) * scale).astype(F32) for shape, scale in shapes]
    makers = {
        "feed-forward": lambda: [
            feed_forward(reference, batch, np.ascontiguousarray(x[:, :batch]), weights)
            for batch in (32, 1)
        ],
        "recurrent": lambda: [recurrent(reference)],
        "attention": lambda: [attention()],
    }
    for name, make in makers.items():
        if name.startswith(prefix):
            yield from make()
