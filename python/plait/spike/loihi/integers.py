"""Networks in the integers of Loihi: the reference that a mapped chip must equal.

The arithmetic is that of lava-nc 0.10's bit-accurate Dense, DelayDense and LIF (fixed point,
as on Loihi 2), written out in :func:`dense_weights`, :func:`shift` and :func:`step`: every
connection takes one step, currents wrap at 24 bits, potentials saturate, decays round toward
zero.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from plait.errors import PlaitError
from plait.spike import network as net
from plait.spike.network import Network
from plait.spike.unroll import connections

#: Currents and potentials live in (-2^23, 2^23).
LIMIT = 1 << 23
#: Thresholds have 17 bits; biases a signed mantissa of 13 bits and an exponent of 3.
THRESHOLD = (1 << 17) - 1
MANTISSA, EXPONENT = 4095, 7


@dataclass
class Synapses:
    """The connection of one source to a population.

    Attributes:
        source: an input or a population.
        weights: ``int[neurons, source]``, what :func:`dense_weights` gives.
        delay: steps beyond the one that every connection takes.
        exponent: shifts the sum of what arrives in a step.
        graded: whether a spike's value counts, or only that it is not zero.
    """

    source: str
    weights: np.ndarray
    delay: int = 0
    exponent: int = 0
    graded: bool = False


@dataclass
class Population:
    """Integer neurons and their synapses.

    Attributes:
        du, dv: decays of current and potential, of 4096; ``du`` 4095 keeps no current.
        vth: thresholds, in units of 2^6.
        bias: added to the potential at every step.
        latency: the steps by which its spikes are later than those of the network that
            was quantised.
    """

    size: int
    du: int
    dv: int
    vth: np.ndarray
    bias: np.ndarray
    synapses: list[Synapses] = field(default_factory=list)
    latency: int = 0


@dataclass
class IntegerNetwork:
    """A network in the chip's arithmetic: sizes of inputs, populations, what outputs read."""

    inputs: dict[str, int]
    populations: dict[str, Population]
    outputs: dict[str, str]


# Arithmetic.


def dense_weights(weights, bits: int = 8, sign: str | None = None) -> np.ndarray:
    """The weights that a Dense connection really has, as int64.

    Args:
        weights: integers; beyond 8 bits they are clipped.
        bits: of a weight; low bits that do not fit are cut off, downward for ``mixed`` and
            excitatory weights, toward zero for inhibitory ones.
        sign: ``"mixed"``, which costs a bit more, ``"excitatory"`` or ``"inhibitory"``; None
            takes what the weights are.
    """
    weights = np.asarray(weights).astype(np.int64)
    if sign is None:
        sign = "mixed"
        if weights.min(initial=0) >= 0:
            sign = "excitatory"
        elif weights.max(initial=0) <= 0:
            sign = "inhibitory"
    facing = -1 if sign == "inhibitory" else 1
    lost = 8 - bits + (sign == "mixed")
    clipped = np.clip(facing * weights, -256 if sign == "mixed" else 0, 255)
    return facing * (clipped >> lost << lost)


def shift(total: np.ndarray, exponent: int) -> np.ndarray:
    """The sum of weights that arrive in one step, scaled by ``2^exponent``, downward."""
    return total << exponent if exponent > 0 else total >> -exponent


def step(u, v, a, du, dv, vth, bias):
    """One step of lava-nc's bit-accurate LIF; ``(u, v, spikes)`` as int64.

    Args:
        u, v: current and potential of the step before.
        a: the sum of weights that arrives.
    """
    u = np.sign(u) * ((np.abs(u) * (4096 - du - 1)) >> 12) + (a << 6)
    u = np.where(u > LIMIT, u - 2 * LIMIT, np.where(u <= -LIMIT, u + 2 * LIMIT, u))
    v = np.sign(v) * ((np.abs(v) * (4096 - dv)) >> 12)
    v = np.clip(v + u + bias, -LIMIT + 1, LIMIT - 1)
    spikes = v > vth << 6
    return u, np.where(spikes, 0, v), spikes.astype(np.int64)


def whole_numbers(inputs: dict, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """The inputs of a run as ``int64[time, size]``.

    Raises:
        PlaitError: they are not the ports', or hold numbers that are not whole.
    """
    if unknown := [name for name in inputs if name not in sizes]:
        raise PlaitError(f"no input '{unknown[0]}'; there are: {', '.join(sizes)}")
    result, steps = {}, None
    for name, size in sizes.items():
        if name not in inputs:
            raise PlaitError(f"expects [time, {size}] for input '{name}', got nothing")
        given = np.asarray(inputs[name])
        steps = len(given) if steps is None and given.ndim else steps
        if given.shape[:1] != (steps,) or math.prod(given.shape[1:]) != size:
            raise PlaitError(
                f"expects [{'time' if steps is None else steps}, {size}] for input '{name}', "
                f"got {list(given.shape)}"
            )
        whole = given.dtype.kind in "biuf" and np.isfinite(given) & (given == np.rint(given))
        if not np.all(whole):
            raise PlaitError(f"input '{name}' expects whole numbers, as the chip has them")
        result[name] = given.astype(np.int64).reshape(steps, size)
    return result


def simulate(network: IntegerNetwork, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Spikes ``int[time, neurons]`` of every population for inputs ``int[time, ...]``.

    Raises:
        PlaitError: inputs that are not the ports', or not whole numbers.
    """
    inputs = whole_numbers(inputs, network.inputs)
    steps = len(next(iter(inputs.values()), ()))
    parts = network.populations
    state = {n: (np.zeros(p.size, np.int64),) * 2 for n, p in parts.items()}
    result = {n: np.zeros((steps, p.size), np.int64) for n, p in parts.items()}
    longest = max((s.delay for p in parts.values() for s in p.synapses), default=0)
    # What arrives in each step to come; a connection sends what it received a step ago.
    arriving = {n: np.zeros((steps + longest + 1, p.size), np.int64) for n, p in parts.items()}
    for t in range(steps):
        now = {name: x[t] for name, x in inputs.items()}
        for name, p in parts.items():
            u, v, now[name] = step(*state[name], arriving[name][t], p.du, p.dv, p.vth, p.bias)
            state[name] = u, v
            result[name][t] = now[name]
        for name, p in parts.items():
            for s in p.synapses:
                sent = now[s.source] if s.graded else (now[s.source] != 0).astype(np.int64)
                active = np.flatnonzero(sent)
                total = (s.weights[:, active] * sent[active]).sum(1, dtype=np.int64)
                arriving[name][t + 1 + s.delay] += shift(total, s.exponent)
    return result


# From a network.


def quantize(network: Network, bits: int = 8) -> IntegerNetwork:
    """Rounds a network to the chip's integers.

    A population's weights are scaled so that the largest takes ``bits``, and its threshold and
    bias with them; weights of both signs are even, as on the chip. Connections take a step
    more on the chip than in a network: where paths of different lengths meet, the shorter ones
    get delays, so that a population's spikes are those of the network, ``latency`` steps later.
    (A bias acts from the chip's first step on.)

    Raises:
        PlaitError: a population has a rule that the chip does not have, a node between
            populations is no linear map, or a loop is faster than the chip's connections.
    """
    found = connections(network)
    inputs = {n: math.prod(network.shape(n)) for n in network.named(net.Input)}
    latency = _latencies(network, found, inputs)
    populations = {}
    for name in network.named(net.Neuron):
        p = populations[name] = _population(network, name, *found[name], bits)
        p.latency = latency[name]
        for s in p.synapses:
            s.delay += p.latency - latency[s.source] - 1
    outputs = {}
    for name in network.named(net.Output):
        (source, *more) = network.sources(name)
        if more or source not in populations:
            raise PlaitError(f"{network.describe(name)} must read one population")
        outputs[name] = source
    return IntegerNetwork(inputs, populations, outputs)


def _latencies(network: Network, found: dict, inputs: dict) -> dict[str, int]:
    """The least latencies with which no connection would have to be faster than a step."""
    latency = {**dict.fromkeys(inputs, 0), **dict.fromkeys(found, 0)}
    edges = [
        (source, name, delay)
        for name, (matrices, _) in found.items()
        for source, by_delay in matrices.items()
        for delay in by_delay
    ]
    for _ in range(len(found) + 1):
        late = {name for source, name, d in edges if latency[name] < latency[source] + 1 - d}
        if not late:
            return latency
        for source, name, delay in edges:
            latency[name] = max(latency[name], latency[source] + 1 - delay)
    raise PlaitError(
        f"a loop through {network.listing(sorted(late))} has fewer steps of delay than "
        "connections, each of which takes a step on the chip"
    )


def _population(
    network: Network, name: str, matrices: dict, bias: np.ndarray, bits: int
) -> Population:
    neuron, where = network.nodes[name], network.describe(name)
    size = math.prod(network.shape(name))
    current = neuron.current
    refused = {
        "no threshold": neuron.threshold is None,
        "a comparison other than >": neuron.compare != "gt",
        "a reset other than to zero, at once": neuron.reset != "value"
        or neuron.reset_at != "now"
        or neuron.reset_value is not None,
        "several spikes in a step": neuron.multi_spike,
        "a lower bound": neuron.minimum is not None,
        "a refractory time": neuron.refractory is not None,
        "late spikes": neuron.late,
        "a leak": neuron.leak is not None or (current is not None and current.leak is not None),
    }
    for what, true in refused.items():
        if true:
            raise PlaitError(f"{where} has {what}, which the chip does not")
    kept, gain = _linear(where, neuron)
    dv = round(4096 * (1 - kept))
    du = 4095
    settled = 1.0
    if current is not None:
        kept, own = _linear(where, current)
        gain, du = gain * own, max(0, round(4096 * (1 - kept)) - 1)
        # The chip adds a bias to the potential: what the current of a constant comes to.
        settled = 4096 / (du + 1)

    def flat(value):
        return np.broadcast_to(np.asarray(value, np.float64), network.shape(name)).reshape(-1)

    gain, threshold = flat(gain), flat(neuron.threshold)
    scaled = {
        (source, delay): matrix * gain[:, None]
        for source, by_delay in matrices.items()
        for delay, matrix in by_delay.items()
    }
    largest = max((np.abs(m).max(initial=0) for m in scaled.values()), default=0)
    if not largest:
        raise PlaitError(f"{where} has no synapse that is not zero")
    bias = bias * gain * settled * 64
    scale = min(
        ((1 << bits) - 2) / largest,
        THRESHOLD / max(np.abs(threshold).max(), 1e-30),
        (MANTISSA << EXPONENT) / max(np.abs(bias).max(), 1e-30),
    )
    synapses = []
    for (source, delay), matrix in scaled.items():
        mixed = (matrix < 0).any() and (matrix > 0).any()
        rounded = np.rint(matrix * scale / 2) * 2 if mixed else np.rint(matrix * scale)
        synapses.append(Synapses(source, rounded.astype(np.int32), delay))
    if not any(s.weights.any() for s in synapses):
        raise PlaitError(f"{where} has no synapse that is not zero in {bits} bits")
    # Thresholds and decays round less in a finer unit, as long as nothing overflows.
    most = sum(np.abs(s.weights).astype(np.int64).sum(1) for s in synapses).max() * 64
    exponent = 0
    while exponent < 7 and all(
        high * scale * 2 ** (exponent + 1) <= limit
        for high, limit in (
            (np.abs(threshold).max(), THRESHOLD),
            (np.abs(bias).max(), MANTISSA << EXPONENT),
            (most * 4096 / (du + 1) / scale, LIMIT - 1),
        )
    ):
        exponent += 1
    for s in synapses:
        s.exponent = exponent
    scale *= 2**exponent
    return Population(
        size, du, dv, np.rint(threshold * scale).astype(np.int64),
        _representable(bias * scale), synapses,
    )  # fmt: skip


def _representable(bias: np.ndarray) -> np.ndarray:
    """The nearest biases that a mantissa and an exponent make."""
    exponent = np.zeros(bias.shape, np.int64)
    while (high := np.abs(np.rint(bias / 2.0**exponent)) > MANTISSA).any():
        exponent += high
    return np.rint(bias / 2.0**exponent).astype(np.int64) << exponent


def _linear(where: str, neuron: net.Neuron) -> tuple[float, np.ndarray]:
    """The share of the state that a step keeps, and the factor of the input."""
    gain = np.asarray(1.0 if neuron.gain is None else neuron.gain)
    if neuron.decay is None:
        return 1.0, gain
    decay = np.asarray(neuron.decay, np.float64)
    if (decay != decay.flat[0]).any():
        raise PlaitError(f"{where} has decays that differ from neuron to neuron")
    decay = float(decay.flat[0])
    if neuron.integrator == "euler":
        return 1 - decay, gain * decay
    return decay, gain * (1 - decay) if neuron.integrator == "exponential" else gain
