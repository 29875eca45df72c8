"""Whole runs of spiking networks, with what happened inside."""

import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np

from plait.errors import ArgumentError
from plait.module import Module
from plait.spike import network as net
from plait.spike.emit import emit
from plait.spike.network import Network

#: The steps of a run's first piece, and the seconds that the others should take.
_FIRST, _PIECE = 64, 0.2


@dataclass
class Recording:
    """What a run gave.

    Attributes:
        outputs: ``f32[time, batch, ...]`` for each output port, by name.
        potentials: the same for each recorded population.
        spikes: the same for each recorded population that fires.
        dt: the length of a step, where the network has a unit of time.
    """

    outputs: dict[str, np.ndarray]
    potentials: dict[str, np.ndarray] = field(default_factory=dict)
    spikes: dict[str, np.ndarray] = field(default_factory=dict)
    dt: float | None = None

    def rates(self) -> dict[str, float]:
        """The mean number of spikes of a neuron in a step, by population."""
        return {name: float(z.mean()) for name, z in self.spikes.items()}


def simulate(
    source: Network | Module,
    *inputs,
    record=(),
    progress: bool | None = None,
    chunk: int | None = None,
) -> Recording:
    """Runs a network as native code from rest.

    Args:
        source: a network, or a module that a spiking front made.
        inputs: ``f32[time, batch, ...]`` for each input port.
        record: names of populations to record, or ``True`` for all.
        progress: a progress bar on standard error; None shows one where that is a terminal
            and the run is long.
        chunk: steps that run in one piece, after which the bar moves and Ctrl-C is heard; None
            takes as many as run in a fraction of a second. The result is the same.

    Raises:
        ArgumentError: the inputs do not fit each other, or there are none.
        FrontendError: a name that is no population.
    """
    import plait

    network = source.graph if isinstance(source, Module) else source
    if not isinstance(network, Network):
        raise ArgumentError(f"expects a network, got {type(source).__name__}, which holds none")
    if chunk is not None and chunk < 1:
        raise ArgumentError(f"expects a positive 'chunk', got {chunk}")
    ports = [network.nodes[name] for name in network.named(net.Input)]
    arrays = [np.asarray(x, np.float32) for x in inputs]
    if len(arrays) != len(ports) or not arrays:
        raise ArgumentError(f"expects {len(ports)} inputs, got {len(arrays)}")
    if any(port.static for port in ports):
        raise ArgumentError("inputs that are given once: compile with SpikeCompiler(time_steps=)")
    wanted = [("time", "batch", *port.shape) for port in ports]
    if any(x.ndim != len(shape) for x, shape in zip(arrays, wanted, strict=True)):
        shown = ", ".join(f"[{', '.join(map(str, shape))}]" for shape in wanted)
        raise ArgumentError(f"expects {shown}, got {', '.join(str(list(x.shape)) for x in arrays)}")
    steps, batch = arrays[0].shape[:2]
    if any(x.shape[:2] != (steps, batch) for x in arrays) or not (steps and batch):
        raise ArgumentError(
            "expects inputs of the same time and batch, both positive, got "
            f"{[x.shape[:2] for x in arrays]}"
        )
    record = [record] if isinstance(record, str) else record
    names = network.named(net.Neuron) if record is True else list(record or ())
    network = _with_taps(network, names)
    module = emit(network, None, batch, tuple(names), "carried")
    executable = plait.compile(module)
    shown = sys.stderr.isatty() if progress is None else progress
    pieces, first, size = [], 0, chunk or _FIRST
    with _bar(shown, progress is None, steps) as advance:
        while first < steps:
            start = time.perf_counter()
            part = [np.ascontiguousarray(x[first : first + size]) for x in arrays]
            pieces.append(executable.run(part))
            first += size
            advance(len(part[0]))
            if chunk is None:
                took = max(time.perf_counter() - start, 1e-6)
                size = max(1, min(round(size * _PIECE / took), 16 * size))
    whole = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
    outputs = network.named(net.Output)
    values = dict(zip(outputs, whole, strict=False))
    spikes = {name: values.pop(_tap(name)) for name in names if _tap(name) in values}
    potentials = dict(zip(names, whole[len(outputs) :], strict=True))
    return Recording(values, potentials, spikes, network.dt)


def _tap(name: str) -> str:
    return f"{name} (recorded)"


def _with_taps(network: Network, names) -> Network:
    """A copy of a network with an output on each recorded population that fires."""
    from plait.errors import FrontendError

    for name in names:
        if not isinstance(network.nodes.get(name), net.Neuron):
            have = network.listing(network.named(net.Neuron))
            raise FrontendError(f"cannot record '{name}'; populations: {have}")
    firing = [name for name in names if network.nodes[name].threshold is not None]
    copy = Network(
        {**network.nodes, **{_tap(name): net.Output() for name in firing}},
        [*network.edges, *((name, _tap(name)) for name in firing)],
        dict(network.labels),
        dt=network.dt,
        convention=network.convention,
        name=network.name,
    )
    return copy.finish()


class _Later:
    """A progress bar that appears only once a run has taken a second."""

    def __init__(self, progress, steps: int, wait: float):
        self.progress, self.steps = progress, steps
        self.done, self.task = 0, None
        self.start = time.monotonic() + wait

    def __call__(self, count: int) -> None:
        self.done += count
        if self.task is None:
            if time.monotonic() < self.start:
                return
            self.progress.start()
            self.task = self.progress.add_task("steps", total=self.steps)
        self.progress.update(self.task, completed=self.done)


class _Bar:
    """The context of a run with a bar."""

    def __init__(self, steps: int, wait: float):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = ("steps", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=Console(stderr=True))
        self.later = _Later(self.progress, steps, wait)

    def __enter__(self):
        return self.later

    def __exit__(self, *_):
        if self.later.task is not None:
            self.progress.stop()


def _bar(shown: bool, later: bool, steps: int):
    if not shown:
        return nullcontext(lambda count: None)
    return _Bar(steps, 1.0 if later else 0.0)
