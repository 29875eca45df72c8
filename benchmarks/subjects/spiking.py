"""Spiking networks over a whole run, against loops, compilers, simulators and plain C.

The rule is ``v = beta v + input; a spike where v > 1; v = 0 after it`` (the attention
block: ``v += (input - v) / 2``, a spike where ``v >= threshold``). Weights and inputs are
drawn from seeds, in f32. Every peer must give Plait's spikes, all of them.
"""

import ctypes
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import spiking_networks as networks
import spiking_peers
import torch
from measure import Case, Peer, real_time, threads
from spiking_peers import Layer, layered, own_rule

import plait
from plait.module import Module

F32 = np.float32


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


def aligned(array):
    """A copy that starts a cache line, as C code would have it."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def linear(weights):
    """A layer of ``weights``, ``[to, from]``, torch's or JAX's."""
    return Layer(lambda batch: batch @ weights.T, len(weights))


def built(text, weights):
    """Native code for ``text``, and the seconds that it took to compile."""
    # No cache has this text.
    module = Module(f"{text}\n// {time.time_ns()}\n", weights=weights)
    with real_time():
        start = time.perf_counter()
        run = plait.compile(module)
        seconds = time.perf_counter() - start
    return run, seconds


# Feed-forward: 784-512-512-10.


def feed_forward(reference, batch, x, weights):
    steps, sizes = len(x), (784, 512, 512, 10)
    bound = (*(np.ascontiguousarray(w.T) for w in weights), F32(0.9), F32(1))
    run, seconds = built(networks.layers(steps, batch, sizes), bound)
    bytes_x, out = x.astype(np.uint8), np.zeros((steps, batch, 10), F32)
    last = np.zeros((512, 16), F32)
    last[:, :10] = weights[2].T
    flat = [*map(aligned, [bytes_x, *(w.T for w in weights[:2]), last]), out]

    def c():
        reference("feed_forward", flat, steps, batch)
        return out

    peers = [
        Peer("plait", lambda: run(x), compile_seconds=seconds),
        Peer("C reference", c, same),
        *layered(
            x,
            [linear(torch.from_numpy(w)) for w in weights],
            [linear(jnp.asarray(w)) for w in weights],
            0.9,
            same,
        ),
    ]
    work = 2 * steps * batch * sum(w.size for w in weights)
    name = f"feed-forward {'-'.join(map(str, sizes))}, batch {batch}, {steps} steps"
    return Case(name, peers, flops=work)


# Recurrent: 800 excitatory and 200 inhibitory neurons, a tenth connected.


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
    run, seconds = built(networks.population(steps, size), (onward, F32(0.95), F32(1)))
    out, flat = np.zeros_like(x), [aligned(x), aligned(onward)]

    def c():
        reference("recurrent", [*flat, out], size, steps)
        return out

    peers = [
        Peer("plait", lambda: run(x), compile_seconds=seconds),
        Peer("C reference", c, same),
        *spiking_peers.recurrent(x, weights, 0.95, same),
    ]
    return Case(f"recurrent {size}, {steps} steps", peers)


# Sparse: 3200 excitatory and 800 inhibitory neurons, one in fifty connected.


def sparse(reference):
    rng, size, steps = np.random.default_rng(4), 4000, 1000
    mask = rng.random((size, size)) < 0.02
    weights = np.zeros((size, size), F32)  # [to, from]
    weights[:, :3200], weights[:, 3200:] = 0.12, -0.7
    weights *= mask * (1 + 0.2 * rng.standard_normal((size, size)).astype(F32))
    np.fill_diagonal(weights, 0)
    # Multiples of 1/1024, so that the sums of a step are the same in every order.
    weights = np.round(weights * 1024) / F32(1024)
    x = (rng.poisson(0.55, (steps, size)) * 0.1037 * 1024).round().astype(F32)[:, None] / F32(1024)
    onward = np.ascontiguousarray(weights.T)
    run, seconds = built(networks.population(steps, size), (onward, F32(0.95), F32(1)))
    source, to = np.nonzero(onward)
    starts = np.searchsorted(source, np.arange(size + 1)).astype(np.int32)
    flat = [*map(aligned, [x, starts, to.astype(np.int32), onward[source, to]])]
    out = np.zeros_like(x)

    def c():
        reference("recurrent_rows", [*flat, out], size, steps)
        return out

    peers = [
        Peer("plait", lambda: run(x), compile_seconds=seconds),
        Peer("C reference", c, same),
        *spiking_peers.sparse(x, weights, 0.95, same),
    ]
    return Case(f"sparse recurrent {size}, {steps} steps", peers)


# Convolutions: 2x34x34 to 16, to 32, averages of 2x2, to 10.


def convolutions(reference):
    rng, steps, batch = np.random.default_rng(2), 50, 16
    x = (rng.random((steps, batch, 2, 34, 34)) < 0.05).astype(F32)
    k0 = (rng.standard_normal((16, 2, 3, 3)) * 0.60).astype(F32)
    k1 = (rng.standard_normal((32, 16, 3, 3)) * 0.17).astype(F32)
    w = (rng.standard_normal((10, 32 * 17 * 17)) * 0.04).astype(F32)
    bound = (k0, k1, np.ascontiguousarray(w.T), F32(0.9), F32(1))
    run, seconds = built(networks.convolutions(steps, batch), bound)

    def torch_conv(kernel):
        kernel = torch.from_numpy(kernel)
        return Layer(
            lambda batch: torch.nn.functional.conv2d(batch, kernel, padding=1),
            len(kernel), 34, 34,
        )  # fmt: skip

    def jax_conv(kernel):
        kernel = jnp.asarray(kernel)
        return Layer(
            lambda batch: jax.lax.conv_general_dilated(
                batch, kernel, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW")
            ),
            len(kernel), 34, 34,
        )  # fmt: skip

    torch_w, jax_w = torch.from_numpy(w), jnp.asarray(w)

    def torch_last(batch):
        return torch.nn.functional.avg_pool2d(batch, 2).flatten(1) @ torch_w.T

    def jax_last(batch):
        means = batch.reshape(-1, 32, 17, 2, 17, 2).mean((3, 5))
        return means.reshape(-1, 32 * 17 * 17) @ jax_w.T

    last = np.zeros((17, 17, 32, 16), F32)
    last[..., :10] = (w.reshape(10, 32, 17, 17) / 4).transpose(2, 3, 1, 0)
    kernels = [k.transpose(1, 2, 3, 0) for k in (k0, k1)]
    out = np.zeros((steps, batch, 10), F32)
    flat = [*map(aligned, [x.astype(np.uint8), *kernels, last]), out]

    def c():
        reference("convolutions", flat, steps, batch)
        return out

    peers = [
        Peer("plait", lambda: run(x), compile_seconds=seconds),
        Peer("C reference", c, same),
        *layered(
            x,
            [torch_conv(k0), torch_conv(k1), Layer(torch_last, 10)],
            [jax_conv(k0), jax_conv(k1), Layer(jax_last, 10)],
            0.9,
            same,
        ),
    ]
    return Case(f"convolutions to 16, 32, 10, batch {batch}, {steps} steps", peers)


# A Spikformer attention block, batch norms folded.


def attention():
    rng, (steps, tokens, size, heads) = np.random.default_rng(3), (4, 196, 384, 12)
    x = (rng.random((steps, tokens, size)) < 0.2).astype(F32)
    folded = {}
    for name in "qkvp":
        scale = F32(1 / np.sqrt(2 + 1e-5))
        weight = (rng.standard_normal((size, size)) * 0.3).astype(F32) * scale
        folded[name] = weight, (rng.standard_normal(size) * 0.1).astype(F32)
    bound = [a for w, b in folded.values() for a in (np.ascontiguousarray(w.T), b)]
    text = networks.attention_text(steps, tokens, size, heads)
    run, seconds = built(text, (*bound, F32(0.5), F32(1), F32(0.5)))

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
        Peer("plait", lambda: run(x), compile_seconds=seconds),
        Peer("torch loop", eager, same),
        Peer("torch.compile", compiled, same, jit=True),
        Peer("JAX", lambda: jax.block_until_ready(jitted(jax_x, jax_w)), same, jit=True),
    ]
    for name, lif in spiking_peers.attention_populations():
        call = torch.no_grad()(partial(block, lif, torch_x, torch_w, cut))
        # Where a neuron fires above its threshold only, those that reach it differ.
        check = own_rule if name in ("snntorch", "norse") else same
        peers.append(Peer(name, call, check))
    name = f"Spikformer attention, {tokens} tokens of {size}, {steps} steps"
    return Case(name, peers, flops=2 * steps * tokens * size * (4 * size + 2 * tokens))


# Spikformer for CIFAR-10, 9.3 million weights, as SpikingJelly ships it: behind torch.export.


def transformer():
    try:
        from spikingjelly.activation_based import functional
        from spikingjelly.activation_based.model.spikformer import spikformer_cifar10
    except ImportError:
        return []
    torch.manual_seed(0)
    steps, model = 4, spikformer_cifar10(T=4)
    x = torch.rand(steps, 1, 3, 32, 32)
    # Of random weights, deep layers fire once the batch norms know their input.
    for module in model.train().modules():
        if hasattr(module, "running_var"):
            module.momentum = None
    with torch.no_grad():
        model(x)
        functional.reset_net(model.eval())

    @torch.no_grad()
    def loop():
        functional.reset_net(model)
        return model(x)

    module = plait.from_torch(model, (x,))
    run, seconds = built(module.text, module.weights)
    peers = [
        Peer("plait", lambda: run(x), compile_seconds=seconds),
        Peer("spikingjelly", loop),
    ]
    return [Case(f"Spikformer, 64 tokens of 384, 4 blocks, {steps} steps", peers)]


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
        "sparse": lambda: [sparse(reference)],
        "convolutions": lambda: [convolutions(reference)],
        "attention": lambda: [attention()],
        "transformer": transformer,
    }
    for name, make in makers.items():
        if name.startswith(prefix):
            yield from make()
