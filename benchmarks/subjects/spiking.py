"""A spiking network over 100 steps, against a plain torch loop.

Weights are small multiples of 2**-6, spikes are 0 or 1 and tau is 16 steps, so
every sum over synapses is exact: both must give the same spikes, whatever the
order of their sums.
"""

from itertools import pairwise

import nir
import numpy as np
import torch
from measure import Case, Peer

import plait

STEPS, SIZES, TAU, THRESHOLD = 100, (784, 512, 512, 10), 16, 1.0


def network(rng):
    """A NIR graph and its weights."""
    weights = [
        rng.integers(-24, 29, (out, into)).astype(np.float32) / 64 for into, out in pairwise(SIZES)
    ]
    nodes = {"input": nir.Input(np.array([SIZES[0]]))}
    for index, weight in enumerate(weights):
        ones = np.ones(len(weight))
        nodes[f"linear{index}"] = nir.Linear(weight)
        nodes[f"lif{index}"] = nir.LIF(
            tau=TAU * ones, r=ones, v_leak=0 * ones, v_threshold=THRESHOLD * ones, v_reset=0 * ones
        )
    nodes["output"] = nir.Output(np.array([SIZES[-1]]))
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names))), weights


@torch.no_grad()
def loop(weights, x):
    """NIR's LIF by forward Euler, as the convention ``nir`` has it."""
    potentials = [torch.zeros(x.shape[1], len(weight)) for weight in weights]
    out = []
    for spikes in x:
        for index, weight in enumerate(weights):
            v = potentials[index]
            v = v + (spikes @ weight.T - v) / TAU
            spikes = (v > THRESHOLD).float()
            potentials[index] = torch.where(spikes > 0, 0.0, v)
        out.append(spikes)
    return torch.stack(out)


def same(mine, theirs):
    theirs = np.asarray(theirs)
    assert theirs.any(), "no neuron fires"
    assert np.array_equal(mine, theirs), f"{np.sum(mine != theirs)} of {mine.size} spikes differ"
    return f"all {int(theirs.sum())} spikes"


def cases(prefix):
    rng = np.random.default_rng(0)
    graph, weights = network(rng)
    tensors = [torch.from_numpy(weight) for weight in weights]
    for batch in (1, 32):
        name = f"LIF {'-'.join(map(str, SIZES))}, batch {batch}, {STEPS} steps"
        if not name.lower().startswith(prefix):
            continue
        x = (rng.random((STEPS, batch, SIZES[0])) < 0.2).astype(np.float32)
        module = plait.from_nir(graph, dt=1, convention="nir", time_steps=STEPS, batch=batch)
        compiled = plait.compile(module)
        peers = [Peer("plait", lambda run=compiled, x=x: run(x))]
        peers.append(Peer("torch loop", lambda x=x: loop(tensors, torch.from_numpy(x)), same))
        work = 2 * STEPS * batch * sum(weight.size for weight in weights)
        yield Case(name, peers, flops=work)
