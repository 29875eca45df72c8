"""Recorded traces of other simulators, replayed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plait.errors import FrontendError, PlaitError
from plait.frontends.nir import decide, network_of
from plait.frontends.nir_conventions import CONVENTIONS, RESETS, with_reset
from plait.frontends.nir_graph import read
from plait.spike import network as net
from plait.spike.emit import emit


@dataclass(frozen=True)
class Replay:
    """How a convention did against a trace.

    Attributes:
        convention: whose arithmetic.
        refused: why the convention does not read the file; the rest is then empty.
        steps: of the trace.
        spikes: the sum of the recorded outputs, and of ours.
        wrong: how many recorded outputs differ.
        first: (step, column of the outputs, recorded, ours) of the first that does, or None.
        potential: the largest difference of potentials, or None where none are recorded.
        reset: what was read instead of the convention's, or None.
    """

    convention: str
    refused: str = ""
    steps: int = 0
    spikes: tuple[float, float] = (0.0, 0.0)
    wrong: int = 0
    first: tuple[int, int, float, float] | None = None
    potential: float | None = None
    reset: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every recorded output is ours."""
        return not self.refused and not self.wrong


def replay(
    path,
    trace,
    *,
    dt: float | None = None,
    convention: str | None = None,
    reset: str | None = None,
    tolerance: float = 1e-5,
) -> list[Replay]:
    """Runs a NIR file on the inputs of a trace and compares what comes out.

    Args:
        path: a ``.nir`` file, or a ``nir.NIRGraph``.
        trace: a CSV file with a row for each step: the inputs, then, optionally, the
            potentials of the populations that feed the outputs, then the outputs; in C order.
            A first row that holds no numbers is skipped.
        dt: as for :func:`plait.from_nir`.
        convention: one to try; None tries all, ``"auto"`` the one that the file proves.
        reset: as for :func:`plait.from_nir`; None is each convention's own, and, where none of
            all conventions reproduces the trace so, any.
        tolerance: how far an output may be off: more than rounding where a network ends
            in potentials; spikes are whole.

    Returns:
        One report for each convention that was tried.

    Raises:
        FrontendError: the file is no network, or none that ``convention`` reads.
        PlaitError: the trace does not fit the network.
    """
    graph = read(path)
    if convention == "auto":
        dt, convention, own = decide(graph, dt)
        reset = reset or own
    rows = _rows(Path(trace))
    if convention is not None:
        return [_run(graph, rows, dt, convention, reset, tolerance)]
    if dt is None:
        raise FrontendError("to try every convention, give a 'dt'")
    reports = []
    for name in CONVENTIONS:
        try:
            reports.append(_run(graph, rows, dt, name, reset, tolerance))
        except FrontendError as error:
            reports.append(Replay(name, refused=str(error)))
    if reset is None and not any(report.ok for report in reports):
        reports += [
            _run(graph, rows, dt, report.convention, other, tolerance)
            for report in reports
            if not report.refused
            for other in _other_resets(graph, dt, report.convention)
        ]
    return reports


def _other_resets(graph, dt, convention: str) -> list[str]:
    """The resets that change a population, and that all can have."""
    own = network_of(graph, dt=dt, convention=convention)
    neurons = [own.nodes[name] for name in own.named(net.Neuron)]
    found = []
    for reset in RESETS:
        try:
            if any(not with_reset(neuron, reset).same(neuron) for neuron in neurons):
                found.append(reset)
        except FrontendError:
            continue
    return found


def _rows(path: Path) -> np.ndarray:
    """The numbers of a trace."""
    try:
        # Spreadsheets put a mark of the encoding in front.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        head = int(bool(lines) and not any(map(_is_number, lines[0].split(","))))
        if not any(map(str.strip, lines[head:])):
            raise ValueError("it has no row")
        rows = np.loadtxt(lines[head:], delimiter=",", ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise PlaitError(f"'{path}' is no table of numbers: {error}") from error
    if not np.isfinite(rows).all():
        raise PlaitError(f"'{path}' holds a number that is not finite")
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _run(graph, rows: np.ndarray, dt, convention: str, reset, tolerance: float) -> Replay:
    import plait

    network = network_of(graph, dt=dt, convention=convention, reset=reset)
    inputs, outputs = network.named(net.Input), network.named(net.Output)
    observed = [
        source
        for name in outputs
        for source in network.sources(name)
        if isinstance(network.nodes[source], net.Neuron)
    ]

    def width(names) -> int:
        return sum(int(np.prod(network.shape(name))) for name in names)

    n_in, n_out, n_v = width(inputs), width(outputs), width(observed)
    if rows.shape[1] not in (n_in + n_out, n_in + n_v + n_out):
        raise PlaitError(
            f"the trace has {rows.shape[1]} columns; expects {n_in + n_out} ({n_in} inputs, "
            f"{n_out} outputs), or {n_in + n_v + n_out} with {n_v} potentials between them"
        )
    recorded = rows[:, n_in:-n_out]
    observed = observed if recorded.shape[1] else []
    executable = plait.compile(emit(network, len(rows), 1, tuple(observed)))
    places = np.cumsum([0] + [width([name]) for name in inputs])
    arguments = [
        rows[:, a:b].astype(np.float32).reshape(len(rows), 1, *network.shape(name))
        for name, a, b in zip(inputs, places[:-1], places[1:], strict=True)
    ]
    results = [r.reshape(len(rows), -1) for r in executable.run(arguments)]
    got = np.concatenate(results[: len(outputs)], axis=1)
    expected = rows[:, -n_out:]
    off = np.argwhere(np.abs(got - expected) > tolerance)
    first = None
    if len(off):
        step, column = (int(i) for i in off[0])
        first = (step, column, float(expected[step, column]), float(got[step, column]))
    potential = None
    if observed:
        ours = np.concatenate(results[len(outputs) :], axis=1)
        potential = float(np.abs(ours - recorded).max())
    sums = float(expected.sum()), float(got.sum())
    return Replay(convention, "", len(rows), sums, len(off), first, potential, reset)
