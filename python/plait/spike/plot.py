"""Pictures of runs; needs matplotlib (``pip install plait[plot]``).

Every function takes ``[time, ...]`` or ``[time, batch, ...]`` arrays, or a
:class:`plait.spike.Recording`, draws into ``ax`` (a new figure's by default) and returns the
matplotlib ``Axes``.
"""

import numpy as np

from plait.errors import PlaitError
from plait.spike.runs import Recording


def raster(spikes, *, ax=None, sample: int = 0, dt: float | None = None, colour="black"):
    """A mark for every spike: steps (or time) against neurons.

    Args:
        spikes: a :class:`~plait.spike.Recording`, whose populations are stacked, or an array
            ``[time, neurons...]`` or, with a batch, ``[time, batch, neurons...]``.
        sample: which of the batch.
        dt: the length of a step; None counts steps (or takes the recording's).
    """
    groups, dt = _groups(spikes, "spikes", dt)
    ax = _axes(ax)
    base = 0
    for name, array in groups:
        flat = _sample(array, sample)
        steps, neurons = np.nonzero(flat)
        ax.scatter(
            steps * (dt or 1), neurons + base, s=4, marker="|", label=name,
            color=None if len(groups) > 1 else colour,
        )  # fmt: skip
        base += flat.shape[1]
    ax.set_xlim(0, len(groups[0][1]) * (dt or 1))
    ax.set_ylim(-0.5, base - 0.5)
    ax.set_ylabel("neuron")
    return _finish(ax, groups, dt)


def voltage(potentials, *, ax=None, sample: int = 0, neurons=5, dt: float | None = None,
            threshold=None):  # fmt: skip
    """Potentials over time.

    Args:
        potentials: as ``spikes`` of :func:`raster`, of a recording its potentials.
        neurons: how many of each population, or which.
        threshold: draws a line there.
    """
    groups, dt = _groups(potentials, "potentials", dt)
    ax = _axes(ax)
    for name, array in groups:
        flat = _sample(array, sample)
        chosen = range(min(neurons, flat.shape[1])) if isinstance(neurons, int) else neurons
        for index in chosen:
            if not -flat.shape[1] <= index < flat.shape[1]:
                raise PlaitError(f"no neuron {index}: the population has {flat.shape[1]}")
            label = f"{name} {index}".strip()
            ax.plot(np.arange(len(flat)) * (dt or 1), flat[:, index], lw=1, label=label)
    if threshold is not None:
        ax.axhline(threshold, color="grey", ls="--", lw=1)
    ax.set_ylabel("potential")
    return _finish(ax, groups, dt)


def rate(spikes, *, ax=None, window: int = 10, dt: float | None = None):
    """The mean rate of each population, over neurons and samples, in a sliding window.

    Args:
        spikes: as of :func:`raster`; all samples count.
        window: steps of the moving average; at the ends it is shorter.
    """
    if window < 1:
        raise PlaitError(f"expects a positive 'window', got {window}")
    groups, dt = _groups(spikes, "spikes", dt)
    ax = _axes(ax)
    for name, array in groups:
        mean = np.reshape(array, (len(array), -1)).mean(1)
        sums = np.concatenate([[0.0], np.cumsum(mean)])
        high = np.minimum(np.arange(len(mean)) + 1, len(mean))
        low = np.maximum(high - window, 0)
        smooth = (sums[high] - sums[low]) / (high - low)
        ax.plot(np.arange(len(mean)) * (dt or 1), smooth / (dt or 1), label=name)
    ax.set_ylabel("spikes / step" if dt is None else "spikes / unit of time")
    return _finish(ax, groups, dt)


def _groups(source, what: str, dt):
    """Named arrays, and the length of a step."""
    if isinstance(source, Recording):
        found = getattr(source, what)
        if not found:
            raise PlaitError(f"the recording has no {what}: name populations with record=")
        return list(found.items()), source.dt if dt is None else dt
    array = np.asarray(source)
    if array.ndim < 2:
        array = array.reshape(-1, 1)
    return [("", array)], dt


def _sample(array, sample: int) -> np.ndarray:
    """``[time, neurons]`` of one sample."""
    array = np.asarray(array)
    if array.ndim > 2:
        if not -array.shape[1] <= sample < array.shape[1]:
            raise PlaitError(f"no sample {sample}: the batch has {array.shape[1]}")
        array = array[:, sample]
    return array.reshape(len(array), -1)


def _axes(ax):
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise PlaitError("plots need matplotlib: pip install 'plait[plot]'") from error
    return plt.subplots(figsize=(8, 3), layout="constrained")[1]


def _finish(ax, groups, dt):
    ax.set_xlabel("step" if dt is None else "time")
    if any(name for name, _ in groups):
        ax.legend(fontsize="small", loc="upper right")
    return ax
