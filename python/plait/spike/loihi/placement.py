"""Which core holds which neurons."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from plait.errors import PlaitError
from plait.module import Module
from plait.spike.loihi.devices import Device, find_device
from plait.spike.loihi.integers import IntegerNetwork, Population, quantize
from plait.spike.loihi.mapping import Core, Mapping, Routes, axon_words, index_bits
from plait.spike.network import Network


def map_network(
    network: Network | Module | IntegerNetwork, device: Device | str, *, even: bool = False
) -> Mapping:
    """Cuts populations into slices that fit a core, cores in order; see :func:`place`.

    Args:
        network: quantised where it is not integer yet; or a module that a spiking front made.
        device: one of :data:`~plait.spike.loihi.devices.DEVICES`, a JSON file, or a device.
        even: spreads a population's synapses over its cores, instead of filling the first.

    Raises:
        PlaitError: an unknown device, a neuron that fits no core, or more cores than there
            are; the message names core and limit.
    """
    device = find_device(device)
    integer = network = network.graph if isinstance(network, Module) else network
    if isinstance(network, Network):
        integer = quantize(network, device.weight_bits)
    elif not isinstance(network, IntegerNetwork):
        raise PlaitError(f"expects a network, got {type(network).__name__}")
    slices = []
    for name, p in integer.populations.items():
        slices += [(name, *ends) for ends in _slices(device, name, p, len(slices))]
        if even:
            mine = [ends for ends in slices if ends[0] == name]
            slices[len(slices) - len(mine) :] = [(name, *e) for e in _even(p, len(mine))]
    mapping = _build(integer, device, slices)
    while even or len(slices) <= device.cores:
        # Slices that too many cores read are cut in two.
        wide = [i for i, c in enumerate(mapping.cores) if len(c.routes.core) > device.axons_out]
        wide = [i for i in wide if slices[i][2] - slices[i][1] > 1]
        if not wide or len(slices) + len(wide) > device.cores:
            break
        for i in reversed(wide):
            name, first, last = slices[i]
            middle = (first + last) // 2
            slices[i : i + 1] = [(name, first, middle), (name, middle, last)]
        mapping = _build(integer, device, slices)
    mapping.check()
    return mapping


def _slices(device: Device, name: str, p: Population, used: int):
    """The slices of a population, each as large as a core can hold."""
    needs = _Needs(p)
    first = 0
    while first < p.size:
        if (problem := needs.problem(device, first, first + 1)) is not None:
            chip, core = divmod(used, device.cores_per_chip)
            raise PlaitError(
                f"core {core} of chip {chip} ('{name}' {first} to {first}) needs {problem}"
            )
        low, high = first + 1, min(p.size, first + device.neurons)
        while low < high:
            middle = (low + high + 1) // 2
            if needs.problem(device, first, middle) is None:
                low = middle
            else:
                high = middle - 1
        yield first, low
        first, used = low, used + 1


class _Needs:
    """What slices of a population need of a core."""

    def __init__(self, p: Population):
        self.vth = p.vth
        self.groups: dict[tuple, list] = {}
        for s in p.synapses:
            group = self.groups.setdefault((s.source, s.exponent, s.graded), [])
            group.append((s.weights != 0, s.delay))

    def problem(self, device: Device, first: int, last: int) -> str | None:
        """The first limit that is broken, with what is needed of it."""
        synapses = axons = words = longest = 0
        size = last - first
        index = index_bits(size)
        for group in self.groups.values():
            counts = sum(mask[first:last].sum(0) for mask, _ in group)
            counts = counts[counts > 0]
            late = max(delay for _, delay in group)
            bits = device.weight_bits + late.bit_length()
            synapses, axons = synapses + int(counts.sum()), axons + len(counts)
            every = axon_words(np.full(len(counts), size), bits).sum()
            words += int(min(axon_words(counts, bits + index).sum(), every))
            longest = max(longest, late)
        for what, need, have in (
            ("synapses", synapses, device.synapses),
            ("64-bit words of synapses", words, device.synapse_words),
            ("input axons", axons, device.axons_in),
            ("different thresholds", len(np.unique(self.vth[first:last])), device.thresholds),
            ("steps of delay", longest, device.longest_delay),
        ):
            if have is not None and need > have:
                return f"{need} {what}, '{device.name}' has {have}"
        return None


def _even(p: Population, many: int):
    """Slices with as many synapses each as possible."""
    load = np.cumsum(sum((s.weights != 0).sum(1) for s in p.synapses))
    cuts = np.searchsorted(load, np.arange(1, many) * load[-1] / many) + 1
    return pairwise(sorted({0, *map(int, cuts), p.size}))


def _build(integer: IntegerNetwork, device: Device, slices: list) -> Mapping:
    """The cores of slices, in order, and the routes between them."""
    cores, read = [], []
    for place, (name, first, last) in enumerate(slices):
        core, axons = _core(integer.populations[name], name, first, last)
        core.chip, core.core = divmod(place, device.cores_per_chip)
        cores.append(core)
        read.append(axons)

    def routes(name: str, size: int) -> Routes:
        found = [
            (neuron, core, axon)
            for core, axons in enumerate(read)
            for neuron, axon in axons.get(name, ())
        ]
        found = np.array(sorted(found), np.int64).reshape(-1, 3)
        start = np.searchsorted(found[:, 0], np.arange(size + 1))
        return Routes(start, found[:, 1], found[:, 2])

    whole = {name: routes(name, p.size) for name, p in integer.populations.items()}
    for core in cores:
        way = whole[core.population]
        start = way.start[core.first : core.last + 1]
        mine = slice(start[0], start[-1])
        core.routes = Routes(start - start[0], way.core[mine], way.axon[mine])
    return Mapping(
        device, {name: routes(name, size) for name, size in integer.inputs.items()},
        {name: p.size for name, p in integer.populations.items()}, dict(integer.outputs),
        {name: p.latency for name, p in integer.populations.items()}, cores,
    )  # fmt: skip


def _core(p: Population, name: str, first: int, last: int) -> tuple[Core, dict]:
    """A core without routes, and the axons of each source as pairs of neuron and axon."""
    groups: list[tuple] = []
    parts: list[tuple] = []  # (group, neuron, target, weight, delay)
    for s in p.synapses:
        key = (s.source, s.exponent, s.graded)
        if key not in groups:
            groups.append(key)
        target, neuron = np.nonzero(s.weights[first:last])
        weight = s.weights[first:last][target, neuron]
        group = np.full(len(target), groups.index(key))
        parts.append((group, neuron, target, weight, np.full(len(target), s.delay)))
    rows = np.array([np.concatenate(part) for part in zip(*parts, strict=True)], np.int64)
    rows = rows[:, np.lexsort((rows[2], rows[4], rows[1], rows[0]))]
    group, neuron, target, weight, delay = rows
    new = np.flatnonzero(np.diff(group, prepend=-1) | np.diff(neuron, prepend=-1))
    axons: dict[str, list] = {}
    for axon, place in enumerate(new):
        axons.setdefault(groups[group[place]][0], []).append((int(neuron[place]), axon))
    none = np.zeros(0, np.int64)
    core = Core(
        0, 0, name, first, last, p.du, p.dv, p.vth[first:last], p.bias[first:last],
        [(exponent, graded) for _, exponent, graded in groups], group[new],
        np.append(new, len(target)), target, weight, delay, Routes(none, none, none),
    )  # fmt: skip
    return core, axons


# Placement by a graph partitioner.


def place(mapping: Mapping, rates: dict | None = None) -> Mapping:
    """The same slices on other cores, so that fewer spikes go between chips, and less far.

    METIS parts the graph of cores, whose edges weigh the spikes between them, into chips, and
    the cores of a chip into halves of its mesh, and so on down to single cores.

    Args:
        mapping: stays as it is.
        rates: as of :meth:`Mapping.report`.

    Returns:
        The new mapping, or ``mapping`` where that has less traffic between chips, or the same
        and fewer hops.

    Raises:
        PlaitError: pymetis is not installed.
    """
    d = mapping.device
    between, _ = mapping.traffic(rates)
    weights = between + between.T
    np.fill_diagonal(weights, 0)
    many = len(mapping.cores)
    chips = -(-many // d.cores_per_chip)
    sizes = [d.cores_per_chip] * (chips - 1) + [many - d.cores_per_chip * (chips - 1)]
    where = [(0, 0)] * many
    for chip, members in enumerate(_parts(weights, np.arange(many), sizes)):
        area = _area(d, len(members))
        pairs = np.array(list(_spread(d, weights, members, area)))
        for member, core in _swapped(d, weights, pairs):
            where[member] = chip, core
    cores = [
        replace(c, chip=chip, core=core)
        for c, (chip, core) in zip(mapping.cores, where, strict=True)
    ]
    placed = replace(mapping, cores=cores)
    placed.check()

    def cost(m: Mapping):
        figures = m.report(rates)
        return figures["traffic_between_chips"], figures["hops"]

    return min(placed, mapping, key=cost)


def _area(device: Device, many: int) -> np.ndarray:
    """The cores of the smallest, squarest corner of a mesh that holds so many."""
    cores = np.arange(device.cores_per_chip)
    places = np.array([device.place(core) for core in cores])
    rows, columns = places.max(0) + 1
    corners = [
        (max(h, w), h * w, h, w)
        for h in range(1, rows + 1)
        for w in range(1, columns + 1)
        if ((places < (h, w)).all(1)).sum() >= many
    ]
    *_, h, w = min(corners)
    return cores[(places < (h, w)).all(1)].reshape(-1)


def _spread(device: Device, weights, members, area):
    """Pairs of a member and its core: parts of the members on halves of the area."""
    if len(members) == 0 or len(area) == 1:
        yield from ((int(member), int(area[0])) for member in members)
        return
    places = np.array([device.place(core) for core in area])
    along = places[:, np.ptp(places, axis=0).argmax()]
    low = along <= (along.min() + along.max() - 1) // 2
    many = round(len(members) * low.sum() / len(area))
    many = min(max(many, len(members) - (~low).sum()), low.sum())
    parts = _parts(weights, members, [many, len(members) - many])
    for part, half in zip(parts, (area[low], area[~low]), strict=True):
        yield from _spread(device, weights, part, half)


def _swapped(device: Device, weights, pairs):
    """The pairs, after the swaps of two members that save the most hops, while any does."""
    members, cores = pairs.T
    w = weights[np.ix_(members, members)]
    for _ in range(len(members)):
        places = np.array([device.place(core) for core in cores])
        distance = np.abs(places[:, None] - places[None, :]).sum(-1)
        reach = w @ distance
        own = np.diag(reach)
        change = reach + reach.T - own[:, None] - own[None, :] + 2 * w * distance
        a, b = np.unravel_index(change.argmin(), change.shape)
        if change[a, b] >= -1e-9 * w.max(initial=0):
            break
        cores[[a, b]] = cores[[b, a]]
    return zip(members.tolist(), cores.tolist(), strict=True)


def _parts(weights, members, sizes) -> list[np.ndarray]:
    """Members in parts of exactly these sizes, with little weight between them, by METIS."""
    try:
        import pymetis
    except ImportError as error:
        raise PlaitError("placement needs METIS: pip install pymetis") from error
    w = weights[np.ix_(members, members)]
    kept = [i for i, size in enumerate(sizes) if size]
    if len(kept) == 1 or not w.any():
        return np.split(members, np.cumsum(sizes)[:-1])
    source, target = np.nonzero(w)
    _, part = pymetis.part_graph(
        len(kept),
        pymetis.CSRAdjacency(
            np.searchsorted(source, np.arange(len(w) + 1)).tolist(), target.tolist()
        ),
        # METIS counts in 32-bit integers.
        eweights=np.maximum(1, np.rint(w[source, target] * (1e6 / w.max()))).astype(int).tolist(),
        tpwgts=[sizes[i] / len(members) for i in kept],
        recursive=True,
        options=pymetis.Options(seed=0),
    )
    part = np.array(kept)[np.array(part)]
    # METIS keeps sizes within a few percent; what is too much moves where it costs least.
    room = np.array(sizes) - np.bincount(part, minlength=len(sizes))
    while (room < 0).any():
        link = np.stack([w[:, part == i].sum(1) for i in range(len(sizes))], 1)
        gain = link - link[np.arange(len(w)), part][:, None]
        gain[room[part] >= 0] = -np.inf
        gain[:, room <= 0] = -np.inf
        member, to = np.unravel_index(gain.argmax(), gain.shape)
        room[part[member]] += 1
        room[to] -= 1
        part[member] = to
    return [members[part == i] for i in range(len(sizes))]
