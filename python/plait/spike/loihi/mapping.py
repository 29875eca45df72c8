"""A network on a chip: the memory of every core, as it is written, read and run."""

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from plait.errors import PlaitError
from plait.spike.loihi.devices import Device
from plait.spike.loihi.integers import (
    EXPONENT,
    MANTISSA,
    THRESHOLD,
    shift,
    step,
    whole_numbers,
)

#: The arrays of a core in ``arrays.npz``.
ARRAYS = (
    "vth", "bias", "axon_group", "axon_start", "target", "weight", "delay",
    "route_start", "route_core", "route_axon",
)  # fmt: skip
#: What reading a folder that is no mapping raises.
_DAMAGE = (
    AttributeError, BadZipFile, EOFError, KeyError, OSError, TypeError, ValueError, zlib.error,
)  # fmt: skip


@dataclass
class Routes:
    """Where the spikes of neurons, or of an input's channels, go.

    Those of ``i`` go to axon ``axon[k]`` of core ``core[k]`` (its place in the mapping's list)
    for ``k`` from ``start[i]`` to ``start[i + 1]``.
    """

    start: np.ndarray
    core: np.ndarray
    axon: np.ndarray


@dataclass
class Core:
    """A slice of one population on one core: all that the core knows.

    Attributes:
        chip, core: where it is.
        population, first, last: whose neurons, from ``first`` to before ``last``.
        du, dv, vth, bias: their rule; see :class:`~plait.spike.loihi.integers.Population`.
        groups: ``(exponent, graded)`` of each group of axons, whose sums are shifted together.
        axon_group: the group of each axon.
        axon_start, target, weight, delay: the synapses of axon ``a`` are those from
            ``axon_start[a]`` to ``axon_start[a + 1]``.
        routes: where its spikes go.
    """

    chip: int
    core: int
    population: str
    first: int
    last: int
    du: int
    dv: int
    vth: np.ndarray
    bias: np.ndarray
    groups: list
    axon_group: np.ndarray
    axon_start: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    routes: Routes

    @property
    def neurons(self) -> int:
        """How many it holds."""
        return self.last - self.first

    def figures(self, weight_bits: int) -> dict:
        """What it uses of its core, as ``per_core`` of :meth:`Mapping.report` has it."""
        return {
            "chip": self.chip, "core": self.core, "population": self.population,
            "first": self.first, "last": self.last, "synapses": len(self.target),
            "axons_in": len(self.axon_group), "axons_out": len(self.routes.core),
            "words": synapse_words(self, weight_bits),
        }  # fmt: skip


def synapse_words(core: Core, weight_bits: int) -> int:
    """The 64-bit words that a core's synapses take, by the rule of nengo-loihi 1.1.

    An axon takes blocks of up to 64 synapses, each ``ceil64(n bits + 10)``; a synapse has its
    weight, its delay where a group has any, and its target, unless the group stores a weight
    for every neuron: the smaller of the two is taken.
    """
    counts = np.diff(core.axon_start)
    index, words = index_bits(core.neurons), 0
    for group in range(len(core.groups)):
        mine = np.flatnonzero(core.axon_group == group)
        if not len(mine):
            continue
        longest = max(
            core.delay[core.axon_start[a] : core.axon_start[a + 1]].max(initial=0) for a in mine
        )
        bits = weight_bits + int(longest).bit_length()
        every = axon_words(np.full(len(mine), core.neurons), bits).sum()
        words += int(min(axon_words(counts[mine], bits + index).sum(), every))
    return words


def index_bits(neurons: int) -> int:
    """The bits of a synapse's target on a core of so many neurons: none, or six and more."""
    return 0 if neurons == 1 else max(6, (neurons - 1).bit_length())


def axon_words(counts: np.ndarray, bits: int) -> np.ndarray:
    """The 64-bit words of axons with so many synapses of so many bits."""
    full, rest = np.divmod(counts, 64)
    return full * -(-(64 * bits + 10) // 64) + np.where(rest, -(-(rest * bits + 10) // 64), 0)


@dataclass
class Mapping:
    """Cores and what connects them. Written and read as a folder (docs/spiking.md).

    Attributes:
        device: what the cores may hold.
        inputs: the routes of each input port's channels.
        populations: the size of each.
        outputs: the population that each output port reads.
        latency: of each population: its spikes are so many steps later than those of the
            network that was quantised.
        cores: in the order that routes count in.
    """

    device: Device
    inputs: dict[str, Routes]
    populations: dict[str, int]
    outputs: dict[str, str]
    latency: dict[str, int]
    cores: list[Core]

    # Figures.

    def report(self, rates: dict | None = None) -> dict:
        """Figures of the mapping.

        Args:
            rates: measured spikes in a step by population and input: of all their neurons, as
                ``Recording.rates`` gives them, or of each (an array); those without count as
                1, so that the traffic is a bound.

        Returns:
            ``neurons``, ``synapses``, ``cores_used``, ``cores_available``,
            ``estimated_utilization`` (of the synapse memory of all cores), ``load_balance``
            (mean over maximum of the synapses of used cores; 1 is even), ``traffic`` (spikes
            delivered to a core in a step), ``traffic_between_chips`` (those from a core of
            another chip), ``hops`` (mesh links that the spikes between cores of one chip pass
            in a step), ``latency`` (of the outputs, in steps) and ``per_core``.
        """
        d = self.device
        per_core = [core.figures(d.weight_bits) for core in self.cores]
        used = [f["synapses"] for f in per_core]
        taken = sum(f["synapses" if d.synapses else "words"] for f in per_core)
        between, given = self.traffic(rates)
        chip = np.array([core.chip for core in self.cores])
        apart = chip[:, None] != chip[None, :]
        return {
            "device": d.name,
            "neurons": sum(core.neurons for core in self.cores),
            "synapses": sum(used),
            "cores_used": len(self.cores),
            "cores_available": d.cores,
            "estimated_utilization": taken / ((d.synapses or d.synapse_words) * d.cores),
            "load_balance": float(np.mean(used) / max(max(used), 1)),
            "traffic": float(between.sum() + given),
            "traffic_between_chips": float(between[apart].sum()),
            "hops": float((between * self.distances())[~apart].sum()),
            "latency": {name: self.latency[source] for name, source in self.outputs.items()},
            "per_core": per_core,
        }

    def traffic(self, rates: dict | None = None) -> tuple[np.ndarray, float]:
        """Spikes in a step from core to core, ``f64[cores, cores]``, and from the inputs."""
        rates = rates or {}
        if unknown := [n for n in rates if n not in self.populations and n not in self.inputs]:
            names = ", ".join([*self.populations, *self.inputs])
            raise PlaitError(f"a rate of '{unknown[0]}'; there are: {names}")
        between = np.zeros((len(self.cores), len(self.cores)))
        for place, core in enumerate(self.cores):
            rate = _rate(rates, core.population, self.populations[core.population])
            for target, messages in _messages(core.routes, rate[core.first : core.last]):
                between[place, target] += messages
        given = 0.0
        for name, routes in self.inputs.items():
            rate = _rate(rates, name, len(routes.start) - 1)
            given += sum(messages for _, messages in _messages(routes, rate))
        return between, given

    def distances(self) -> np.ndarray:
        """The mesh links between cores, ``int[cores, cores]``, as if on one chip."""
        places = np.array([self.device.place(core.core) for core in self.cores])
        return np.abs(places[:, None] - places[None, :]).sum(-1)

    def check(self) -> None:
        """Raises PlaitError naming the first core that is over a limit, and the limit."""
        d = self.device
        if len(self.cores) > d.cores:
            core = self.cores[d.cores]
            raise PlaitError(
                f"'{d.name}' has {d.cores} cores, the network needs {len(self.cores)}: no core "
                f"for '{core.population}' {core.first} to {core.last - 1}"
            )
        taken = set()
        for core in self.cores:
            where = (
                f"core {core.core} of chip {core.chip} ('{core.population}' {core.first} to "
                f"{core.last - 1})"
            )
            if not (0 <= core.chip < d.chips and 0 <= core.core < d.cores_per_chip):
                raise PlaitError(f"{where} is none of '{d.name}'")
            if (core.chip, core.core) in taken:
                raise PlaitError(f"{where} holds two slices, '{d.name}' has one")
            taken.add((core.chip, core.core))
            f = core.figures(d.weight_bits)
            limits = (
                ("neurons", core.neurons, d.neurons),
                ("input axons", f["axons_in"], d.axons_in),
                ("output axons", f["axons_out"], d.axons_out),
                ("synapses", f["synapses"], d.synapses),
                ("64-bit words of synapses", f["words"], d.synapse_words),
                ("different thresholds", len(np.unique(core.vth)), d.thresholds),
                ("steps of delay", int(core.delay.max(initial=0)), d.longest_delay),
            )
            for what, need, have in limits:
                if have is not None and need > have:
                    raise PlaitError(f"{where} needs {need} {what}, '{d.name}' has {have}")
            _check_values(where, core, d)

    # Files.

    def save(self, path) -> None:
        """Writes ``mapping.json`` and ``arrays.npz`` into a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {}
        for i, routes in enumerate(self.inputs.values()):
            arrays |= {f"input{i}.route_{k}": v for k, v in vars(routes).items()}
        for i, core in enumerate(self.cores):
            arrays |= {f"core{i}.{name}": _array(core, name) for name in ARRAYS}
        np.savez_compressed(folder / "arrays.npz", **arrays)
        keys = ("chip", "core", "population", "first", "last", "du", "dv", "groups")
        text = {
            "format": 2, "device": asdict(self.device), "inputs": list(self.inputs),
            "populations": self.populations, "outputs": self.outputs, "latency": self.latency,
            "cores": [{key: getattr(core, key) for key in keys} for core in self.cores],
        }  # fmt: skip
        (folder / "mapping.json").write_text(json.dumps(text, indent=1))

    @staticmethod
    def load(path) -> "Mapping":
        """Reads what :meth:`save` wrote, and checks it.

        Raises:
            PlaitError: it is no mapping, or breaks a limit of its device.
        """
        try:
            text = json.loads((Path(path) / "mapping.json").read_text())
            if text["format"] != 2:
                raise PlaitError(f"expects mapping format 2, got {text['format']}")
            with np.load(Path(path) / "arrays.npz") as arrays:
                inputs = {
                    name: _routes(arrays, f"input{i}") for i, name in enumerate(text["inputs"])
                }
                cores = [_core(arrays, f"core{i}", x) for i, x in enumerate(text["cores"])]
            mapping = Mapping(
                Device(**text["device"]), inputs, text["populations"], text["outputs"],
                text["latency"], cores,
            )  # fmt: skip
            mapping._check_indices()
        except _DAMAGE as error:
            raise PlaitError(f"'{path}' is no mapping: {error!r}") from error
        mapping.check()
        return mapping

    def _check_indices(self) -> None:
        """Raises ValueError where an index leads nowhere."""

        def starts(array, many, ends):
            good = len(array) == many + 1 and array[0] == 0 and array[-1] == ends
            if not good or (np.diff(array) < 0).any():
                raise ValueError("slices of an array that are none")

        def within(array, many):
            if len(array) and not (array.min() >= 0 and (array < many).all()):
                raise ValueError("an index that leads nowhere")

        if {*self.latency} != {*self.populations} or not {*self.outputs.values()} <= {
            *self.latency
        }:
            raise ValueError("populations that do not fit each other")
        axons = np.array([len(core.axon_group) for core in self.cores], np.int64)
        for core in self.cores:
            if not 0 <= core.first < core.last <= self.populations[core.population]:
                raise ValueError("a slice that is none of its population's")
            if not len(core.vth) == len(core.bias) == core.neurons:
                raise ValueError("a rule for other neurons than the core has")
            if not len(core.target) == len(core.weight) == len(core.delay):
                raise ValueError("synapses without weights")
            starts(core.axon_start, len(core.axon_group), len(core.target))
            within(core.target, core.neurons)
            within(core.axon_group, len(core.groups))
            within(core.delay, 1 << 20)
            starts(core.routes.start, core.neurons, len(core.routes.core))
        for routes in [core.routes for core in self.cores] + list(self.inputs.values()):
            starts(routes.start, len(routes.start) - 1, len(routes.core))
            within(routes.core, len(axons))
            if len(routes.core) != len(routes.axon):
                raise ValueError("routes without axons")
            within(routes.axon, axons[routes.core])

    # Runs.

    def run(self, inputs: dict[str, np.ndarray], count: bool = False) -> dict[str, np.ndarray]:
        """Spikes ``int[time, neurons]`` of every population, core by core.

        A core sees its own memory and the messages that come, each an axon and a value.

        Args:
            inputs: ``int[time, channels]`` for each input port.
            count: adds an item ``"messages"``: how many spikes the cores received.

        Raises:
            PlaitError: inputs that are not the ports', or not whole numbers.
        """
        inputs = whole_numbers(inputs, {n: len(r.start) - 1 for n, r in self.inputs.items()})
        steps = len(next(iter(inputs.values()), ()))
        result = {n: np.zeros((steps, size), np.int64) for n, size in self.populations.items()}
        running = [_Running(core) for core in self.cores]
        messages = 0
        for t in range(steps):
            sent = [(routes, inputs[name][t]) for name, routes in self.inputs.items()]
            for core, own in zip(self.cores, running, strict=True):
                spikes = own.step()
                result[core.population][t, core.first : core.last] = spikes
                sent.append((core.routes, spikes))
            for routes, values in sent:
                for source in np.flatnonzero(values):
                    way = slice(routes.start[source], routes.start[source + 1])
                    for core, axon in zip(routes.core[way], routes.axon[way], strict=True):
                        running[core].receive(axon, values[source])
                        messages += 1
            for own in running:
                own.end_step()
        return {**result, "messages": messages} if count else result


def _rate(rates: dict, name: str, size: int) -> np.ndarray:
    rate = np.asarray(rates.get(name, 1.0), np.float64).reshape(-1)
    if rate.size not in (1, size) or not (np.isfinite(rate) & (rate >= 0)).all():
        got = np.array2string(rate, threshold=4)
        raise PlaitError(f"'{name}' expects one rate, or {size}, of 0 or more, got {got}")
    return np.broadcast_to(rate, size)


def _messages(routes: Routes, rate: np.ndarray):
    """Pairs of a core and the spikes that it gets in a step."""
    source = np.repeat(np.arange(len(rate)), np.diff(routes.start))
    for core in np.unique(routes.core):
        yield int(core), float(rate[source[routes.core == core]].sum())


def _check_values(where: str, core: Core, device: Device) -> None:
    """Raises where a number has more bits than the chip has for it."""
    high = (1 << device.weight_bits) - 1
    exponent = np.zeros(core.bias.shape, np.int64)
    for e in range(EXPONENT + 1):
        mantissa = core.bias >> e
        fits = (mantissa >= -MANTISSA - 1) & (mantissa <= MANTISSA)
        exponent += fits & (mantissa << e == core.bias)
    for what, good, limit in (
        ("weights", (core.weight >= -high - 1) & (core.weight <= high), f"{-high - 1} to {high}"),
        ("thresholds", (core.vth >= 0) & (core.vth <= THRESHOLD), f"0 to {THRESHOLD}"),
        ("biases", exponent > 0, f"{MANTISSA} times up to 2^{EXPONENT}"),
        ("decays", np.array([0 <= core.du <= 4095 and 0 <= core.dv <= 4096]), "0 to 4096"),
        ("exponents", np.array([-8 <= e <= 7 for e, _ in core.groups] or [True]), "-8 to 7"),
    ):
        if not good.all():
            raise PlaitError(f"{where} has {what} that '{device.name}' does not: {limit}")


def _array(core: Core, name: str) -> np.ndarray:
    if name.startswith("route_"):
        return getattr(core.routes, name.removeprefix("route_"))
    return getattr(core, name)


def _integers(arrays, key: str) -> np.ndarray:
    array = arrays[key]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"'{key}' is no list of integers")
    return array.astype(np.int64)


def _routes(arrays, prefix: str) -> Routes:
    return Routes(*(_integers(arrays, f"{prefix}.route_{k}") for k in ("start", "core", "axon")))


def _core(arrays, prefix: str, item: dict) -> Core:
    own = {n: _integers(arrays, f"{prefix}.{n}") for n in ARRAYS if not n.startswith("route_")}
    item = {**item, "groups": [(int(e), bool(graded)) for e, graded in item["groups"]]}
    return Core(**item, **own, routes=_routes(arrays, prefix))


class _Running:
    """A core in a run: its neurons' state, and what will arrive in the steps to come."""

    def __init__(self, core: Core):
        self.core = core
        self.u = self.v = np.zeros(core.neurons, np.int64)
        depth = int(core.delay.max(initial=0)) + 1
        self.coming = np.zeros((depth, core.neurons), np.int64)
        # What this step's messages add, by group: sums are shifted as a whole.
        self.sums = np.zeros((len(core.groups), depth, core.neurons), np.int64)

    def step(self) -> np.ndarray:
        """The spikes of this step."""
        core = self.core
        arriving, self.coming = self.coming[0], np.roll(self.coming, -1, 0)
        self.coming[-1] = 0
        self.u, self.v, spikes = step(
            self.u, self.v, arriving, core.du, core.dv, core.vth, core.bias
        )
        return spikes

    def receive(self, axon: int, value: int) -> None:
        """Takes a message."""
        core, group = self.core, self.core.axon_group[axon]
        own = slice(core.axon_start[axon], core.axon_start[axon + 1])
        value = value if core.groups[group][1] else 1
        np.add.at(self.sums[group], (core.delay[own], core.target[own]), core.weight[own] * value)

    def end_step(self) -> None:
        """Shifts the sums of the messages; they arrive from the next step on."""
        for (exponent, _), total in zip(self.core.groups, self.sums, strict=True):
            self.coming += shift(total, exponent)
        self.sums[:] = 0
