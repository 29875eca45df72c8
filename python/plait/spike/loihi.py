"""Loihi-style chips: integer networks, the resources they need, and a run core by core.

The arithmetic is lava-nc's bit-accurate Dense and LIF (fixed point, as on Loihi 2), written
out in :func:`step`: every connection takes one step, currents wrap at 24 bits, potentials
saturate, decays round toward zero.
"""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from plait.errors import PlaitError
from plait.spike import network as net
from plait.spike.network import Network
from plait.spike.unroll import connections

#: Currents and potentials live in (-2^23, 2^23).
LIMIT = 1 << 23


@dataclass(frozen=True)
class Device:
    """What a chip's cores hold.

    Attributes:
        neurons, axons_in, axons_out: of a core.
        synapse_words: of 64 bits, of a core; None where ``synapses`` says it.
        synapses: of a core, whatever they take; None where words count.
        weight_bits: of a synapse.
        note: where the numbers are from.
    """

    name: str
    chips: int
    cores_per_chip: int
    neurons: int
    axons_in: int
    axons_out: int
    synapse_words: int | None
    synapses: int | None = None
    weight_bits: int = 8
    note: str = ""

    @staticmethod
    def from_file(path) -> "Device":
        """A device of a JSON file with this class's fields.

        Raises:
            PlaitError: it is no such file.
        """
        try:
            return Device(**json.loads(Path(path).read_text()))
        except (json.JSONDecodeError, TypeError, UnicodeDecodeError) as error:
            raise PlaitError(f"'{path}' is no device: {error}") from error


_LOIHI2 = Device(
    "loihi2", 1, 128, 8192, 4096, 4096, 192 * 1024 // 8,
    note="public numbers of Loihi 2; its partition of memory is not public, axons as loihi1",
)  # fmt: skip
DEVICES = {
    "loihi1": Device(
        "loihi1", 1, 128, 1024, 4096, 4096, 16384, note="the mapping rules of nengo-loihi 1.1"
    ),
    "loihi2": _LOIHI2,
    "loihi3": replace(
        _LOIHI2, name="loihi3",
        note="nothing authoritative is published of such a chip: the numbers of loihi2",
    ),
}  # fmt: skip


@dataclass
class Population:
    """Integer neurons and their synapses.

    Attributes:
        du, dv: decays of current and potential, of 4096; ``du`` 4095 keeps no current.
        vth: thresholds, in units of 2^6.
        bias: added to the potential at every step.
        weights: ``int[neurons, source]`` by source: an input or a population.
    """

    size: int
    du: int
    dv: int
    vth: np.ndarray
    bias: np.ndarray
    weights: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class IntegerNetwork:
    """A network in the chip's arithmetic: sizes of inputs, populations, what outputs read."""

    inputs: dict[str, int]
    populations: dict[str, Population]
    outputs: dict[str, str]


def quantize(network: Network) -> IntegerNetwork:
    """Rounds a network to the chip's integers.

    A population's weights are scaled so that the largest takes 8 bits, and its threshold and
    bias with them; weights of both signs are even, as on the chip.

    Raises:
        PlaitError: a population has a rule that the chip does not have, or a node between
            populations is no linear map.
    """
    found = connections(network)
    populations = {}
    for name in network.named(net.Neuron):
        populations[name] = _population(network, name, *found[name])
    outputs = {}
    for name in network.named(net.Output):
        (source, *more) = network.sources(name)
        if more or source not in populations:
            raise PlaitError(f"{network.describe(name)} must read one population")
        outputs[name] = source
    inputs = {n: math.prod(network.shape(n)) for n in network.named(net.Input)}
    return IntegerNetwork(inputs, populations, outputs)


def _population(network: Network, name: str, matrices: dict, bias: np.ndarray) -> Population:
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
    if current is not None:
        kept, own = _linear(where, current)
        gain, du = gain * own, max(0, round(4096 * (1 - kept)) - 1)

    def flat(value):
        return np.broadcast_to(np.asarray(value, np.float64), network.shape(name)).reshape(-1)

    gain, threshold = flat(gain), flat(neuron.threshold)
    scaled = {source: m * gain[:, None] for source, m in matrices.items()}
    largest = max((np.abs(m).max(initial=0) for m in scaled.values()), default=0)
    if not largest:
        raise PlaitError(f"{where} has no synapse that is not zero")
    scale = 254 / largest
    scale = min(scale, ((1 << 17) - 1) / max(np.abs(threshold).max(), 1e-30))
    weights = {}
    for source, matrix in scaled.items():
        mixed = (matrix < 0).any() and (matrix > 0).any()
        rounded = np.rint(matrix * scale / 2) * 2 if mixed else np.rint(matrix * scale)
        weights[source] = rounded.astype(np.int64)
    return Population(
        size, du, dv, np.rint(threshold * scale).astype(np.int64),
        np.rint(bias * gain * scale * 64).astype(np.int64), weights,
    )  # fmt: skip


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


# Arithmetic.


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


def simulate(network: IntegerNetwork, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Spikes ``int[time, neurons]`` of every population for inputs ``int[time, size]``."""
    steps = len(next(iter(inputs.values())))
    state = {n: (np.zeros(p.size, np.int64),) * 2 for n, p in network.populations.items()}
    result = {n: np.zeros((steps, p.size), np.int64) for n, p in network.populations.items()}
    arriving = {n: np.zeros(p.size, np.int64) for n, p in network.populations.items()}
    for t in range(steps):
        now = {name: np.asarray(x[t], np.int64).reshape(-1) for name, x in inputs.items()}
        for name, p in network.populations.items():
            u, v, spikes = step(*state[name], arriving[name], p.du, p.dv, p.vth, p.bias)
            state[name], now[name] = (u, v), spikes
            result[name][t] = spikes
        # A connection sends what it received a step ago.
        for name, p in network.populations.items():
            arriving[name] = sum(w @ (now[s] != 0) for s, w in p.weights.items())
    return result


# Cores.


@dataclass
class Core:
    """A slice of one population on one core, and what it uses of it."""

    chip: int
    core: int
    population: str
    first: int
    last: int
    synapses: int
    axons_in: int
    axons_out: int
    words: int


@dataclass
class Mapping:
    """A network on a device: which core holds which neurons. Written and read as a folder."""

    device: Device
    network: IntegerNetwork
    cores: list[Core]

    def report(self, rates: dict[str, float] | None = None) -> dict:
        """Figures of the mapping.

        ``rates`` are measured spikes of a neuron in a step by population and input, as
        ``Recording.rates`` gives them; those without count as 1, so that the traffic is a bound.

        ``neurons``, ``synapses``, ``cores_used``, ``cores_available``,
        ``estimated_utilization`` (of the synapse memory of all cores), ``load_balance`` (mean
        over maximum of the synapses of used cores; 1 is even), ``traffic`` (spikes delivered
        to a core in a step), ``traffic_between_chips`` (those from another chip) and
        ``per_core``.
        """
        used = [core.synapses for core in self.cores]
        have = self.device.chips * self.device.cores_per_chip
        room = self.device.synapses or self.device.synapse_words
        taken = sum(c.synapses if self.device.synapses else c.words for c in self.cores)
        return {
            "device": self.device.name,
            "neurons": sum(core.last - core.first for core in self.cores),
            "synapses": sum(used),
            "cores_used": len(self.cores),
            "cores_available": have,
            "estimated_utilization": taken / (room * have),
            "load_balance": float(np.mean(used) / max(max(used), 1)),
            **self._traffic(rates or {}),
            "per_core": [asdict(core) for core in self.cores],
        }

    def _traffic(self, rates: dict[str, float]) -> dict:
        """Spikes that cores deliver to each other, or inputs to cores, in a step."""
        total = between = 0.0
        for core in self.cores:
            for source, weights in self.network.populations[core.population].weights.items():
                read = (weights[core.first : core.last] != 0).any(0)
                rate = rates.get(source, 1.0)
                total += rate * read.sum()
                between += sum(
                    rate * read[other.first : other.last].sum()
                    for other in self.cores
                    if other.population == source and other.chip != core.chip
                )
        return {"traffic": float(total), "traffic_between_chips": float(between)}

    def check(self) -> None:
        """Raises PlaitError naming the first core that is over a limit, and the limit."""
        d = self.device
        have = d.chips * d.cores_per_chip
        if len(self.cores) > have:
            core = self.cores[have]
            raise PlaitError(
                f"'{d.name}' has {have} cores, the network needs {len(self.cores)}: no core for "
                f"'{core.population}' {core.first} to {core.last - 1}"
            )
        for core in self.cores:
            limits = (
                ("neurons", core.last - core.first, d.neurons),
                ("input axons", core.axons_in, d.axons_in),
                ("output axons", core.axons_out, d.axons_out),
                ("synapses", core.synapses, d.synapses),
                ("64-bit words of synapses", core.words, d.synapse_words),
            )
            for what, need, have in limits:
                if have is not None and need > have:
                    raise PlaitError(
                        f"core {core.core} of chip {core.chip} ('{core.population}' "
                        f"{core.first} to {core.last - 1}) needs {need} {what}, "
                        f"'{d.name}' has {have}"
                    )

    def save(self, path) -> None:
        """Writes ``mapping.json`` (device, populations, cores) and ``arrays.npz``."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        arrays, populations = {}, {}
        for index, (name, p) in enumerate(self.network.populations.items()):
            arrays |= {f"{index}.vth": p.vth, f"{index}.bias": p.bias}
            sources = list(p.weights)
            arrays |= {f"{index}.w{k}": p.weights[s] for k, s in enumerate(sources)}
            populations[name] = {"size": p.size, "du": p.du, "dv": p.dv, "sources": sources}
        np.savez_compressed(folder / "arrays.npz", **arrays)
        text = {
            "format": 1, "device": asdict(self.device), "inputs": self.network.inputs,
            "outputs": self.network.outputs, "populations": populations,
            "cores": [asdict(core) for core in self.cores],
        }  # fmt: skip
        (folder / "mapping.json").write_text(json.dumps(text, indent=1))

    @staticmethod
    def load(path) -> "Mapping":
        """Reads what :meth:`save` wrote.

        Raises:
            PlaitError: it is no mapping.
        """
        try:
            text = json.loads((Path(path) / "mapping.json").read_text())
            if text["format"] != 1:
                raise PlaitError(f"expects mapping format 1, got {text['format']}")
            with np.load(Path(path) / "arrays.npz") as arrays:
                populations = {
                    name: Population(
                        item["size"], item["du"], item["dv"],
                        arrays[f"{i}.vth"], arrays[f"{i}.bias"],
                        {s: arrays[f"{i}.w{k}"] for k, s in enumerate(item["sources"])},
                    )
                    for i, (name, item) in enumerate(text["populations"].items())
                }  # fmt: skip
            network = IntegerNetwork(text["inputs"], populations, text["outputs"])
            return Mapping(
                Device(**text["device"]), network, [Core(**core) for core in text["cores"]]
            )
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise PlaitError(f"'{path}' is no mapping: {error!r}") from error

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As :func:`simulate`, core by core: a core sees its axons, not the network."""
        populations = self.network.populations
        steps = len(next(iter(inputs.values())))
        held = [_Held(populations[core.population], core) for core in self.cores]
        result = {n: np.zeros((steps, p.size), np.int64) for n, p in populations.items()}
        for t in range(steps):
            now = {name: np.asarray(x[t], np.int64).reshape(-1) for name, x in inputs.items()}
            now |= {name: result[name][t] for name in populations}
            for core, own in zip(self.cores, held, strict=True):
                now[core.population][core.first : core.last] = own.step()
            for own in held:
                own.receive({name: np.flatnonzero(spikes) for name, spikes in now.items()})
        return result


class _Held:
    """The memory of one core: its neurons' state, and its axons' lists of synapses."""

    def __init__(self, population: Population, core: Core):
        own = slice(core.first, core.last)
        self.rule = (population.du, population.dv, population.vth[own], population.bias[own])
        self.u = self.v = self.arriving = np.zeros(core.last - core.first, np.int64)
        self.axons = {}
        for source, weights in population.weights.items():
            for axon, column in enumerate(weights[own].T):
                targets = np.flatnonzero(column)
                if len(targets):
                    self.axons[source, axon] = targets, column[targets]

    def step(self) -> np.ndarray:
        """The spikes of this step."""
        self.u, self.v, spikes = step(self.u, self.v, self.arriving, *self.rule)
        return spikes

    def receive(self, spikes: dict) -> None:
        """Adds the weights of the axons that spiked, for the next step."""
        self.arriving = np.zeros(len(self.u), np.int64)
        for source, active in spikes.items():
            for axon in active:
                if (source, axon) in self.axons:
                    targets, weights = self.axons[source, axon]
                    self.arriving[targets] += weights


def map_network(network: Network | IntegerNetwork, device: Device | str) -> Mapping:
    """Cuts populations into slices that fit a core, cores in order.

    Raises:
        PlaitError: an unknown device, a neuron that fits no core, or more cores than there
            are; the message names core and limit.
    """
    if isinstance(device, str):
        if device not in DEVICES:
            raise PlaitError(f"no device '{device}'; there are: {', '.join(DEVICES)}")
        device = DEVICES[device]
    integer = quantize(network) if isinstance(network, Network) else network
    readers = {name: 0 for name in integer.populations}
    cores: list[Core] = []
    for name, p in integer.populations.items():
        first = 0
        while first < p.size:
            last = _fitting(device, p, first)
            cores.append(_core(device, integer, name, first, last, len(cores)))
            first = last
    for core in cores:
        for source in integer.populations[core.population].weights:
            if source in readers:
                readers[source] += 1
    for core in cores:
        core.axons_out = min(readers[core.population], 1) * (core.last - core.first)
    mapping = Mapping(device, integer, cores)
    mapping.check()
    return mapping


def _fitting(device: Device, p: Population, first: int) -> int:
    """Where the largest slice that fits a core ends, by bisection; at least one neuron."""
    low, high = first + 1, min(p.size, first + device.neurons)
    while low < high:
        middle = (low + high + 1) // 2
        synapses, axons, words = _needs(device, p, first, middle)
        fits = (
            axons <= device.axons_in
            and (device.synapses is None or synapses <= device.synapses)
            and (device.synapse_words is None or words <= device.synapse_words)
        )
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _needs(device: Device, p: Population, first: int, last: int) -> tuple[int, int, int]:
    """The synapses, input axons and 64-bit words of a slice.

    An axon takes blocks of synapses: ``ceil64(n (weight bits + index bits) + 10)`` each, the
    rule of nengo-loihi for one sparse block an axon.
    """
    counts = np.concatenate([(w[first:last] != 0).sum(0) for w in p.weights.values()])
    counts = counts[counts > 0]
    index = max(6, math.ceil(math.log2(max(2, last - first))))
    words = -(-(counts * (device.weight_bits + index) + 10) // 64)
    return int(counts.sum()), len(counts), int(words.sum())


def _core(device: Device, integer: IntegerNetwork, name, first, last, place: int) -> Core:
    synapses, axons, words = _needs(device, integer.populations[name], first, last)
    chip, core = divmod(place, device.cores_per_chip)
    return Core(chip, core, name, first, last, synapses, axons, 0, words)


class ResourceAllocator:
    """Resources of a network on a device of one's own numbers, and how evenly it lies there."""

    def __init__(
        self, num_chips: int = 1, cores_per_chip: int = 128, synapses_per_core: int = 100_000
    ):
        for what, value in (("num_chips", num_chips), ("cores_per_chip", cores_per_chip),
                            ("synapses_per_core", synapses_per_core)):  # fmt: skip
            if not (isinstance(value, int) and value > 0):
                raise PlaitError(f"expects a positive '{what}', got {value!r}")
        self.device = Device(
            "custom", num_chips, cores_per_chip, 8192, 4096, 8192, None, synapses_per_core
        )

    def allocate(self, graph: Network) -> dict:
        """The figures of :meth:`Mapping.report`, cores filled one after the other.

        Raises:
            PlaitError: it does not fit; the message names core and limit.
        """
        return map_network(graph, self.device).report()

    def optimize_placement(self, graph: Network, rates: dict[str, float] | None = None) -> dict:
        """As :meth:`allocate`, with every population's synapses spread evenly over its cores.

        ``rates`` as of :meth:`Mapping.report`.
        """
        mapping = map_network(graph, self.device)
        cores: list[Core] = []
        for name, p in mapping.network.populations.items():
            many = sum(core.population == name for core in mapping.cores)
            load = np.cumsum(sum((w != 0).sum(1) for w in p.weights.values()))
            cuts = np.searchsorted(load, np.arange(1, many) * load[-1] / many) + 1
            places = sorted({0, *map(int, cuts), p.size})
            for first, last in pairwise(places):
                cores.append(_core(self.device, mapping.network, name, first, last, len(cores)))
        even = Mapping(self.device, mapping.network, cores)
        try:
            even.check()
        except PlaitError:  # An even cut may break a limit that the first one kept.
            return mapping.report(rates)
        report, before = even.report(rates), mapping.report(rates)
        return report if report["load_balance"] >= before["load_balance"] else before
