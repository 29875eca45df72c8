"""Other simulators of spiking networks, on the networks of subjects/spiking.py.

A layer is a function of a batch ``[N, ...]`` to its currents. Every peer runs
``v = beta v + current; a spike where v > 1; v = 0 after it`` and gives the last layer's
spikes ``[T, B, ...]``. A simulator that is not installed is left out.
"""

import contextlib
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.experimental.sparse
import jax.numpy as jnp
import numpy as np
import torch
from measure import Peer, real_time, threads


def jax_lif(currents, beta):
    """Spikes of a run of currents, by one scan."""

    def one(v, current):
        v = beta * v + current
        spikes = (v > 1).astype(jnp.float32)
        return v * (1 - spikes), spikes

    return jax.lax.scan(one, jnp.zeros_like(currents[0]), currents)[1]


def over_time(layer, run):
    """A layer on all steps of all samples at once."""
    return layer(run.reshape(-1, *run.shape[2:])).reshape(*run.shape[:2], *layer.shape)


class Layer:
    """A function of a batch and the shape of a sample of what it gives."""

    def __init__(self, call, *shape):
        self.call, self.shape = call, shape

    def __call__(self, batch):
        return self.call(batch)


def layered(x, layers, jax_layers, beta, same) -> list[Peer]:
    """Peers of a feed-forward network: ``x`` is ``[T, B, ...]``."""
    torch_x, batch = torch.from_numpy(x), x.shape[1]

    @torch.no_grad()
    def loop():
        v, out = [0.0] * len(layers), []
        for spikes in torch_x:
            for i, layer in enumerate(layers):
                v[i] = beta * v[i] + layer(spikes)
                spikes = (v[i] > 1).float()
                v[i] = v[i] * (1 - spikes)
            out.append(spikes)
        return torch.stack(out)

    @torch.compile(dynamic=False)
    def step(spikes, *v):
        after = []
        for potential, layer in zip(v, layers, strict=True):
            potential = beta * potential + layer(spikes)
            spikes = (potential > 1).float()
            after.append(potential * (1 - spikes))
        return spikes, after

    @torch.no_grad()
    def compiled():
        v, out = [torch.zeros(batch, *layer.shape) for layer in layers], []
        for spikes in torch_x:
            spikes, v = step(spikes, *v)
            out.append(spikes)
        return torch.stack(out)

    @jax.jit
    def layerwise(x):
        for layer in jax_layers:
            x = jax_lif(over_time(layer, x), beta)
        return x

    jax_x = jnp.asarray(x)
    peers = [
        Peer("torch loop", loop, same),
        Peer("torch.compile", compiled, same, jit=True),
        Peer("JAX", lambda: jax.block_until_ready(layerwise(jax_x)), same, jit=True),
    ]
    for make in (_snntorch, _spikingjelly, _sinabs, _norse):
        with contextlib.suppress(ImportError):
            name, call = make(torch_x, layers, beta)
            check = same_count if make is _sinabs else same
            peers.append(Peer(name, torch.no_grad()(call), check))
    with contextlib.suppress(ImportError):
        peers.append(Peer("spyx", _spyx(jax_x, jax_layers, beta), own_rule, jit=True))
    return peers


def same_count(mine, theirs):
    """For a simulator whose decay is rounded otherwise: as many spikes, some elsewhere."""
    theirs = np.asarray(theirs).reshape(mine.shape)
    assert theirs.sum() == mine.sum(), f"{int(theirs.sum())} spikes, not {int(mine.sum())}"
    return f"{int(mine.sum())} spikes, {int(np.sum(mine != theirs) // 2)} of them elsewhere"


def own_rule(mine, theirs):
    """For a simulator that has no such neuron, or no f32."""
    return f"own rule: {int(np.asarray(theirs).sum())} spikes, not {int(mine.sum())}"


def _stepwise(x, layers, cells, state):
    """A loop over time through cells that take and give their state."""
    v, out = [state] * len(cells), []
    for spikes in x:
        for i, layer in enumerate(layers):
            spikes, v[i] = cells[i](layer(spikes), v[i])
        out.append(spikes)
    return torch.stack(out)


def _snntorch(x, layers, beta):
    import snntorch

    cells = [snntorch.Leaky(beta=beta, reset_mechanism="zero") for _ in layers]

    def call():
        start = [cell.reset_mem() for cell in cells]
        return _stepwise(x, layers, cells, start[0])

    return "snntorch", call


def _spikingjelly(x, layers, beta):
    from spikingjelly.activation_based import functional, neuron

    nodes = [
        neuron.LIFNode(
            1 / (1 - beta), decay_input=False, v_threshold=1.0, v_reset=0.0, step_mode="m"
        )
        for _ in layers
    ]

    def call():
        spikes = x
        for node, layer in zip(nodes, layers, strict=True):
            functional.reset_net(node)
            spikes = node(over_time(layer, spikes))
        return spikes

    return "spikingjelly", call


def _sinabs(x, layers, beta):
    import sinabs.layers
    from sinabs.activation import MembraneReset, SingleSpike

    cells = [
        sinabs.layers.LIF(
            tau_mem=-1 / np.log(beta),
            norm_input=False,
            spike_fn=SingleSpike,
            reset_fn=MembraneReset(),
        )
        for _ in layers
    ]
    by_sample = x.transpose(0, 1).contiguous()

    def call():
        spikes = by_sample
        for cell, layer in zip(cells, layers, strict=True):
            cell.reset_states()
            spikes = cell(over_time(layer, spikes))
        return spikes.transpose(0, 1)

    return "sinabs", call


def _norse(x, layers, beta):
    import norse.torch as norse

    # Its neuron takes dt / tau of the current: the weights make up for that.
    scale = 1 / (1 - beta)
    rule = norse.LIFBoxParameters(
        tau_mem_inv=torch.tensor(1e3 * (1 - beta)), v_th=torch.tensor(1.0)
    )
    cells = [norse.LIFBoxCell(rule) for _ in layers]
    scaled = [lambda batch, layer=layer: layer(batch) * scale for layer in layers]
    return "norse", lambda: _stepwise(x, scaled, cells, None)


def _spyx(x, layers, beta):
    """Its potential loses the threshold a step after it fired, and a layer is a step late."""
    import spyx.nn as spyx
    from flax import nnx

    cells = [spyx.LIF(layer.shape, beta=beta, threshold=1.0, rngs=nnx.Rngs(0)) for layer in layers]

    @jax.jit
    def call(x):
        def one(states, spikes):
            after = []
            for cell, layer, state in zip(cells, layers, states, strict=True):
                spikes, state = cell(layer(spikes).reshape(-1, *layer.shape), state)
                after.append(state)
            return after, spikes

        return jax.lax.scan(one, [cell.initial_state(x.shape[1]) for cell in cells], x)[1]

    return lambda: jax.block_until_ready(call(x))


def recurrent(x, weights, beta, same) -> list[Peer]:
    """Peers of one population: ``x`` is ``[T, 1, N]``, ``weights`` ``[to, from]``."""
    size = len(weights)
    torch_x, torch_w = torch.from_numpy(x), torch.from_numpy(weights)

    @torch.no_grad()
    def loop():
        v = spikes = torch.zeros(1, size)
        out = []
        for current in torch_x:
            v = beta * v + current + spikes @ torch_w.T
            spikes = (v > 1).float()
            v = v * (1 - spikes)
            out.append(spikes)
        return torch.stack(out)

    @torch.compile(dynamic=False)
    def step(current, v, spikes):
        v = beta * v + current + spikes @ torch_w.T
        spikes = (v > 1).float()
        return v * (1 - spikes), spikes

    @torch.no_grad()
    def compiled():
        v = spikes = torch.zeros(1, size)
        out = []
        for current in torch_x:
            v, spikes = step(current, v, spikes)
            out.append(spikes)
        return torch.stack(out)

    @jax.jit
    def scan(x, w):
        def one(state, current):
            v, spikes = state
            v = beta * v + current + w @ spikes
            spikes = (v > 1).astype(jnp.float32)
            return (v * (1 - spikes), spikes), spikes

        return jax.lax.scan(one, (jnp.zeros(size), jnp.zeros(size)), x)[1]

    jax_x, jax_w = jnp.asarray(x[:, 0]), jnp.asarray(weights)
    peers = [
        Peer("torch loop", loop, same),
        Peer("torch.compile", compiled, same, jit=True),
        Peer("JAX", lambda: jax.block_until_ready(scan(jax_x, jax_w)), same, jit=True),
    ]
    linear = torch.nn.Linear(size, size, bias=False)
    linear.weight.data.copy_(torch_w)
    for make in (_snntorch_recurrent, _spikingjelly_recurrent, _sinabs_recurrent, _norse_recurrent):
        with contextlib.suppress(ImportError):
            name, call = make(torch_x, linear, beta)
            peers.append(Peer(name, torch.no_grad()(call), same))
    with contextlib.suppress(ImportError):
        peers.append(_brian2_recurrent(x, weights, beta, same))
    with contextlib.suppress(ImportError):
        peers.append(_nest_recurrent(x, weights, beta))
    return peers


def sparse(x, weights, beta, same) -> list[Peer]:
    """Those peers of :func:`recurrent` that can leave zeros out of a product."""
    size, torch_x = len(weights), torch.from_numpy(x[:, 0])
    torch_w = torch.from_numpy(weights).to_sparse_csr()

    @torch.no_grad()
    def loop():
        v = spikes = torch.zeros(size)
        out = []
        for current in torch_x:
            v = beta * v + (current + torch_w @ spikes)
            spikes = (v > 1).float()
            v = v * (1 - spikes)
            out.append(spikes)
        return torch.stack(out)

    @jax.jit
    def scan(x, w):
        def one(state, current):
            v, spikes = state
            v = beta * v + (current + w @ spikes)
            spikes = (v > 1).astype(jnp.float32)
            return (v * (1 - spikes), spikes), spikes

        return jax.lax.scan(one, (jnp.zeros(size), jnp.zeros(size)), x)[1]

    jax_x, jax_w = jnp.asarray(x[:, 0]), jax.experimental.sparse.BCOO.fromdense(weights)
    peers = [
        Peer("torch sparse loop", loop, same),
        Peer("JAX sparse", lambda: jax.block_until_ready(scan(jax_x, jax_w)), same, jit=True),
    ]
    with contextlib.suppress(ImportError):
        peers.append(_brian2_recurrent(x, weights, beta, same))
    with contextlib.suppress(ImportError):
        peers.append(_nest_recurrent(x, weights, beta))
    return peers


def _snntorch_recurrent(x, linear, beta):
    import snntorch

    # RLeaky loses the input of the step after a spike, too.
    cell = snntorch.Leaky(beta=beta, reset_mechanism="zero")

    def call():
        v, spikes, out = cell.reset_mem(), torch.zeros_like(x[0]), []
        for current in x:
            spikes, v = cell(current + linear(spikes), v)
            out.append(spikes)
        return torch.stack(out)

    return "snntorch", call


def _spikingjelly_recurrent(x, linear, beta):
    from spikingjelly.activation_based import functional, neuron

    node = neuron.LIFNode(1 / (1 - beta), decay_input=False, v_threshold=1.0, v_reset=0.0)

    def call():
        functional.reset_net(node)
        spikes, out = torch.zeros_like(x[0]), []
        for current in x:
            spikes = node(current + linear(spikes))
            out.append(spikes)
        return torch.stack(out)

    return "spikingjelly", call


def _sinabs_recurrent(x, linear, beta):
    import sinabs.layers
    from sinabs.activation import MembraneReset, SingleSpike

    cell = sinabs.layers.LIFRecurrent(
        tau_mem=-1 / np.log(beta),
        rec_connect=linear,
        norm_input=False,
        spike_fn=SingleSpike,
        reset_fn=MembraneReset(),
        spike_threshold=torch.tensor(1.0),
    )
    by_sample = x.transpose(0, 1).contiguous()

    def call():
        cell.reset_states()
        return cell(by_sample).transpose(0, 1)

    return "sinabs", call


def _norse_recurrent(x, linear, beta):
    import norse.torch as norse

    # Its neuron takes dt / tau of the current: what comes in makes up for that.
    scale = 1 / (1 - beta)
    cell = norse.LIFBoxCell(
        norse.LIFBoxParameters(tau_mem_inv=torch.tensor(1e3 * (1 - beta)), v_th=torch.tensor(1.0))
    )

    def call():
        state, spikes, out = None, torch.zeros_like(x[0]), []
        for current in x:
            spikes, state = cell((current + linear(spikes)) * scale, state)
            out.append(spikes)
        return torch.stack(out)

    return "norse", call


def _brian2_recurrent(x, weights, beta, same) -> Peer:
    """Its C++ program, timed by the program itself: each call starts it anew."""
    import brian2
    from brian2 import ms

    folder = tempfile.TemporaryDirectory()
    brian2.prefs.core.default_float_dtype = np.float32
    brian2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-march=native"]
    brian2.prefs.devices.cpp_standalone.openmp_threads = 0 if threads() == 1 else threads()
    options = {"directory": folder.name, "build_on_run": False}
    brian2.set_device("cpp_standalone", **options)
    # Another case's network, which is done.
    brian2.device.reinit()
    brian2.device.activate(**options)
    brian2.defaultclock.dt = 1 * ms
    steps, _, size = x.shape
    names = {"tau": float(-1 / np.log(beta)) * ms, "ext": brian2.TimedArray(x[:, 0], dt=1 * ms)}
    group = brian2.NeuronGroup(
        size,
        "dv/dt = -v / tau : 1",
        threshold="v > 1",
        reset="v = 0",
        method="exact",
        namespace=names,
    )
    group.run_regularly("v += ext(t, i)", when="groups", order=1)
    synapses = brian2.Synapses(group, group, "w : 1", on_pre="v_post += w")
    to, source = np.nonzero(weights)
    synapses.connect(i=source, j=to)
    synapses.w = weights[to, source]
    monitor = brian2.SpikeMonitor(group)
    network = brian2.Network(group, synapses, monitor)
    network.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    start = time.perf_counter()
    network.run(steps * ms)
    brian2.device.build(directory=folder.name, run=False, compile=True)
    seconds = time.perf_counter() - start

    def call():
        brian2.device.run(directory=folder.name, with_output=False)
        spikes = np.zeros(x.shape, np.float32)
        spikes[np.rint(monitor.t / ms).astype(int), 0, np.asarray(monitor.i)] = 1
        return spikes

    # The folder lives as long as the call that reads from it.
    call.folder = folder
    return Peer(
        "brian2", call, same, compile_seconds=seconds, clock=lambda: brian2.device._last_run_time
    )


def _nest_recurrent(x, weights, beta) -> Peer:
    """Potentials in f64, so that some spikes fall elsewhere; see spiking_nest.py."""
    if importlib.util.find_spec("nest") is None:
        raise ImportError("nest")
    with tempfile.TemporaryDirectory() as folder, real_time():
        arrays = Path(folder, "arrays.npz")
        np.savez(arrays, x=x[:, 0], weights=weights, beta=beta)
        script = Path(__file__).with_name("spiking_nest.py")
        command = [sys.executable, script, arrays, str(threads())]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    seconds = statistics.median(told["seconds"])
    spikes = np.ones(told["spikes"], np.float32)
    return Peer("nest", lambda: spikes, own_rule, clock=lambda: seconds)


def attention_populations():
    """Of each library, its name and a population ``(currents [T, ...], threshold) -> spikes``.

    The rule is ``v += (current - v) / 2``, a spike where ``v >= threshold``, then zero.
    """
    for make in (_snntorch_half, _spikingjelly_half, _sinabs_half, _norse_half):
        with contextlib.suppress(ImportError):
            yield make()


def _snntorch_half():
    import snntorch

    cells = {
        threshold: snntorch.Leaky(beta=0.5, threshold=threshold, reset_mechanism="zero")
        for threshold in (1.0, 0.5)
    }

    def population(currents, threshold):
        cell, v, out = cells[threshold], torch.zeros_like(currents[0]), []
        for current in currents:
            spikes, v = cell(current * 0.5, v)
            out.append(spikes)
        return torch.stack(out)

    return "snntorch", population


def _spikingjelly_half():
    from spikingjelly.activation_based import functional, neuron

    nodes = {
        threshold: neuron.LIFNode(2.0, v_threshold=threshold, v_reset=0.0, step_mode="m")
        for threshold in (1.0, 0.5)
    }

    def population(currents, threshold):
        functional.reset_net(nodes[threshold])
        return nodes[threshold](currents)

    return "spikingjelly", population


def _sinabs_half():
    import sinabs.layers
    from sinabs.activation import MembraneReset, SingleSpike

    cells = {
        threshold: sinabs.layers.LIF(
            tau_mem=-1 / np.log(0.5),
            norm_input=True,
            spike_fn=SingleSpike,
            reset_fn=MembraneReset(),
            spike_threshold=torch.tensor(threshold),
        )
        for threshold in (1.0, 0.5)
    }

    def population(currents, threshold):
        cells[threshold].reset_states()
        return cells[threshold](currents[None])[0]

    return "sinabs", population


def _norse_half():
    import norse.torch as norse

    cells = {
        threshold: norse.LIFBoxCell(
            norse.LIFBoxParameters(tau_mem_inv=torch.tensor(500.0), v_th=torch.tensor(threshold))
        )
        for threshold in (1.0, 0.5)
    }

    def population(currents, threshold):
        state, out = None, []
        for current in currents:
            spikes, state = cells[threshold](current, state)
            out.append(spikes)
        return torch.stack(out)

    return "norse", population
