"""Spiking networks to NIR files, with the promise that they read back as they were."""

from dataclasses import replace
from itertools import product

import numpy as np

from plait.errors import FrontendError
from plait.frontends import nir_conventions
from plait.frontends.nir_conventions import CONVENTIONS, RESETS, with_reset
from plait.module import Module
from plait.spike import network as net
from plait.spike.network import PARAMETERS, Network, Neuron


def to_nir(
    source,
    path=None,
    *,
    dt: float | None = None,
    convention: str | None = None,
    reset: str | None = None,
):
    """Writes a network in the Neuromorphic Intermediate Representation.

    NIR holds equations, not arithmetic. So every population is written with parameters that
    ``convention`` reads back as exactly that population at step ``dt``, which is checked, and
    the file says both, and ``reset``, in its metadata: ``from_nir(path)`` needs none of them.

    Args:
        source: a module that a spiking front made, a
            :class:`plait.spike.network.Network`, or a module of a torch model whose neuron
            modules have layers between them that NIR has, and start at rest. The convention of
            such a model is by default that of its library. What follows a weight (a bias, a batch
            norm) is rounded into it.
        path: the file to write, or None for none.
        dt: the length of a step, in the unit that the file's time constants will have;
            the source's own by default, or 1: time in steps.
        convention: a name in :data:`plait.frontends.nir_conventions.CONVENTIONS`; the
            source's own by default, or ``"nir"``.
        reset: as for :func:`plait.from_nir`: how the file's populations reset where that is not
            what ``convention`` reads in it. NIR has no word for it, and only readers of the
            metadata will know. The source's own by default: what its import was told.

    Returns:
        The ``nir.NIRGraph``.

    Raises:
        FrontendError: the source holds no network, or has a node that NIR, or the
            convention, cannot say.
    """
    try:
        import nir
    except ImportError as error:
        raise FrontendError("to_nir needs the package nir: pip install plait[nir]") from error
    network = source.graph if isinstance(source, Module) else source
    if isinstance(source, Module) and source.exported is not None:
        from plait.frontends._torch.network import network_of

        network = network_of(source.exported)
    if not isinstance(network, Network):
        raise FrontendError(
            "expects a module of a spiking front: others, and torch models that were imported "
            "with cache=True, hold no network"
        )
    dt = dt or network.dt or 1.0
    convention = convention or network.convention or "nir"
    if convention not in CONVENTIONS:
        raise FrontendError(f"no convention '{convention}'; supported: {', '.join(CONVENTIONS)}")
    reset = reset or network.reset
    if reset is not None and reset not in RESETS:
        raise FrontendError(f"no reset '{reset}'; supported: {', '.join(RESETS)}")
    passed = {
        name
        for name, node in network.nodes.items()
        if network.labels.get(name) == "one step of the convention"
        or (isinstance(node, net.Sum) and len(network.sources(name)) == 1)
    }
    nodes = {}
    names = _names([name for name in network.nodes if name not in passed])
    for name, fresh in names.items():
        nodes[fresh] = _node(nir, network, name, dt, convention, reset)
    edges = [(names[_origin(network, a, passed)], names[b]) for a, b in network.edges if b in names]
    if len(set(edges)) < len(edges):
        raise FrontendError("two paths between the same nodes are one edge in NIR")
    metadata = {"producer": "plait", "convention": convention, "dt": float(dt)}
    metadata |= {"reset": reset} if reset else {}
    graph = nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)
    if path is not None:
        nir.write(path, graph)
    return graph


def _origin(network: Network, name: str, passed: set) -> str:
    """The node whose output a passed node hands on."""
    while name in passed:
        (name,) = network.sources(name)
    return name


def _names(names) -> dict[str, str]:
    """Names that HDF5 paths can hold."""
    result, used = {}, set()
    for name in names:
        fresh = name.replace("/", ".") or "node"
        while fresh in used:
            fresh += "_"
        used.add(fresh)
        result[name] = fresh
    return result


def _node(nir, network: Network, name: str, dt: float, convention: str, reset: str | None):
    """The NIR node of a network's node."""
    node, where = network.nodes[name], network.describe(name)
    if isinstance(node, net.Input):
        return nir.Input(np.array(node.shape))
    if isinstance(node, net.Output):
        return nir.Output(np.array(network.shape(name)))
    given = network.shape(network.sources(name)[0])
    if isinstance(node, net.Linear):
        if len(given) > 1:
            raise FrontendError(f"{where} takes {given}; NIR has weights of vectors only")
        if node.bias is None:
            return nir.Linear(np.asarray(node.weight))
        return nir.Affine(np.asarray(node.weight), np.asarray(node.bias))
    if isinstance(node, net.Conv):
        if any(low != high for low, high in node.padding):
            raise FrontendError(f"{where} pads its two sides differently, which NIR cannot say")
        padding = tuple(low for low, _ in node.padding)
        bias = np.zeros(len(node.weight), np.float32) if node.bias is None else node.bias
        if len(node.stride) == 1:
            return nir.Conv1d(
                given[1], node.weight, node.stride[0], padding[0], node.dilation[0],
                node.groups, bias,
            )  # fmt: skip
        return nir.Conv2d(
            given[1:], node.weight, node.stride, padding, node.dilation, node.groups, bias
        )
    if isinstance(node, net.Pool):
        kind = nir.SumPool2d if node.kind == "sum" else nir.AvgPool2d
        return kind(np.array(node.kernel), np.array(node.stride), np.array(node.padding))
    if isinstance(node, net.Flatten):
        return nir.Flatten({"input": np.array(given)}, node.start, node.end)
    shape = network.shape(name)
    if isinstance(node, net.Sum):
        return nir.Scale(np.ones(shape, np.float32))
    if isinstance(node, net.Encoding | net.TemporalPool | net.Attention):
        raise FrontendError(f"{where} has no node in NIR")
    if isinstance(node, net.Scale):
        return nir.Scale(np.broadcast_to(node.scale, shape).copy())
    if isinstance(node, net.Threshold):
        return nir.Threshold(np.broadcast_to(node.threshold, shape).copy())
    if isinstance(node, net.Delay):
        return nir.Delay(np.broadcast_to(node.steps * float(dt), shape).copy())
    return _population(nir, name, where, node, shape, dt, convention, reset)


def _population(nir, name, where: str, neuron: Neuron, shape, dt: float, convention: str, reset):
    """A neuron node with parameters that the convention reads back as ``neuron``."""
    wanted = replace(neuron, shape=tuple(shape))
    nearest, why = None, "it has no such type"
    for kind, parameters in _candidates(neuron, dt):
        fields = {key: np.broadcast_to(value, shape).copy() for key, value in parameters.items()}
        candidate = getattr(nir, kind)(**fields)
        try:
            read = nir_conventions.Node(name, candidate, dt, convention)
            found = with_reset(CONVENTIONS[convention].read(read), reset)
        except FrontendError as error:
            why = why if nearest else str(error)
            continue
        wrong = wanted.differences(found)
        if not wrong:
            return candidate
        if nearest is None or len(wrong) < len(nearest):
            nearest, why = wrong, _difference(wanted, found, wrong[0])
    raise FrontendError(
        f"{where} is no population of convention '{convention}', which NIR would have to be "
        f"read with: {why}"
    )


def _difference(mine: Neuron, read: Neuron, name: str) -> str:
    """What of ``mine`` a convention reads otherwise, as a message says it."""
    *_, item = name.split("'s ")
    for _ in range(name.count("'s ")):
        mine, read = mine.current, read.current
    if item not in PARAMETERS and item != "current":
        given, own = getattr(read, item), getattr(mine, item)
        hint = "; a 'reset' can be given" if item.startswith("reset") else ""
        return f"its '{name}' is {own}, in what it reads {given}{hint}"
    if getattr(read, item) is None:
        return f"it has a '{name}', which NIR or that convention cannot say"
    return f"its '{name}' is none that it reads"


def _candidates(neuron: Neuron, dt: float):
    """Types and parameters of NIR whose reading may be ``neuron``, by every convention's rule."""
    fires = neuron.threshold is not None
    level = 1.0 if neuron.threshold is None else np.asarray(neuron.threshold, np.float64)
    gain = 1.0 if neuron.gain is None else np.asarray(neuron.gain, np.float64)
    reset = 0.0 if neuron.reset_value is None else neuron.reset_value
    # Nengo counts potentials in thresholds.
    firing = [{"v_threshold": t, "v_reset": reset} for t in (level, 1 / gain)] if fires else [{}]
    if neuron.decay is None and neuron.current is None:
        kind = "IF" if fires else "I"
        for r, end in product((gain / dt, gain, 1.0), firing):
            yield kind, {"r": r, **end}
        return
    leak = {"v_leak": 0.0 if neuron.leak is None else neuron.leak}
    for tau, end in product(_taus(neuron, dt), firing):
        for r in _gains(gain, dt / tau):
            if neuron.current is None:
                yield "LIF" if fires else "LI", {"tau": tau, "r": r, **leak, **end}
                continue
            own = 1.0 if neuron.current.gain is None else neuron.current.gain
            for tau_syn in _taus(neuron.current, dt):
                for w_in in _gains(own, dt / tau_syn):
                    pair = {"tau_syn": tau_syn, "tau_mem": tau, "w_in": w_in, "r": r}
                    yield "CubaLIF" if fires else "CubaLI", {**pair, **leak, **end}


def _taus(neuron: Neuron, dt: float):
    """Time constants that a convention may have made the decay of."""
    if neuron.decay is None:
        return
    decay = np.asarray(neuron.decay, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = (dt / decay,) if neuron.integrator == "euler" else (
            dt / (1 - decay), -dt / np.log(decay)
        )  # fmt: skip
    for tau in values:
        if np.isfinite(tau).all() and (tau > 0).all():
            yield tau


def _gains(gain, ratio):
    """Values of ``r`` that a convention may have made a gain of."""
    return (
        gain, gain / ratio, np.ones(()), 1 / ratio, np.exp(-ratio) / ratio, 1 - ratio,
    )  # fmt: skip
