"""NIR files to MLIR: populations as ``spike`` ops, synapses as linalg."""

import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from plait.errors import FrontendError
from plait.frontends import nir_conventions
from plait.frontends.nir_conventions import CONVENTIONS, RESETS, with_reset
from plait.frontends.nir_graph import NEURONS, SUPPORTED, Graph, kind, numbers, read
from plait.module import Module
from plait.spike import network as net
from plait.spike.network import PARAMETERS, Network


def from_nir(
    path_or_graph,
    *,
    dt: float | None = None,
    convention: str = "auto",
    reset: str | None = None,
    time_steps: int | None = None,
    batch: int | None = None,
    observe: Sequence[str] = (),
    state: str = "fresh",
) -> Module:
    """Imports a spiking network in the Neuromorphic Intermediate Representation.

    The result takes one ``f32[time, batch, ...]`` per Input node and gives one
    per Output node (spikes as 0, 1 or counts; potentials where it ends in LI).
    All state starts at rest: potentials at ``v_leak``, delay lines and last
    spikes at zero. A recurrent edge is exactly one step late. Weights and
    neuron parameters are arguments, not text; they are rounded to f32.

    Args:
        path_or_graph: a ``.nir`` file or a ``nir.NIRGraph``.
        dt: the length of one step, in the unit of the file's time constants
            (seconds, or 1 for files that count in steps). NIR does not hold it; None
            works only where ``convention="auto"`` finds a file that proves it.
        convention: whose arithmetic: a name in
            :data:`plait.frontends.nir_conventions.CONVENTIONS`, or ``"auto"``: the file's
            producer where the file proves it, which is printed, and an error with all the
            readings that fit where it does not. NIR does not hold it either, and spikes
            depend on it.
        reset: overrides the convention's, which NIR cannot say: ``"value"``,
            ``"subtract"`` (the threshold, at once) or ``"subtract_next"`` (one step later).
        time_steps: the number of steps, or None to take any.
        batch: the number of independent samples, or None to take any.
        observe: names of neuron nodes whose potential after each step is
            a further result, in this order.
        state: ``"fresh"``: every call starts at rest; ``"carried"``: a call goes on where the
            last one ended, in the arrays of the executable's ``state``; needs ``batch``.

    Raises:
        FrontendError: unknown convention, malformed file, an unsupported node
            (all are listed with their types), a parameter that the
            convention's simulator does not have, or shapes that do not fit.
    """
    from plait.spike.emit import emit

    graph = read(path_or_graph)
    network = network_of(graph, dt=dt, convention=convention, reset=reset)
    observe = (observe,) if isinstance(observe, str) else tuple(observe)
    for name in observe:
        if not isinstance(network.nodes.get(name), net.Neuron):
            potentials = network.listing(network.named(net.Neuron))
            raise FrontendError(f"cannot observe '{name}'; potentials: {potentials}")
    module = emit(network, time_steps, batch, observe, state)
    return replace(module, source="nir")


def network_of(
    graph: Graph, *, dt: float | None, convention: str = "auto", reset: str | None = None
) -> Network:
    """The network of a flat NIR graph under a convention; see :func:`from_nir`."""
    if convention == "auto":
        dt, convention, own = decide(graph, dt)
        reset = reset or own
    _check_reading(dt, convention, reset)
    refused = {n: node for n, node in graph.nodes.items() if kind(node) not in SUPPORTED}
    if refused:
        names = ", ".join(f"'{name}' ({kind(node)})" for name, node in refused.items())
        raise FrontendError(
            f"unsupported NIR nodes: {names}; supported types: {', '.join(SUPPORTED)}"
        )
    network = Network(dt=float(dt), convention=convention, reset=reset)
    for name, node in graph.nodes.items():
        network.nodes[name] = read_node(name, node, dt, convention, reset, graph)
        network.labels[name] = kind(node)
    network.edges = list(graph.edges)
    _splice_ports(network, graph)
    _strip_batch(network)
    _add_lateness(network, CONVENTIONS[convention])
    return network.finish()


def _splice_ports(network: Network, graph: Graph) -> None:
    """Takes the Inputs and Outputs of subgraphs out: their edges are those of what is inside.

    Were they nodes, a cycle through a subgraph would make its output late for all its readers,
    as it does not where the same nodes lie flat. One stays where two paths would become one
    edge, or where it feeds itself.
    """
    ports = [name for name in network.named(net.Sum) if name not in graph.ports]
    if not ports:
        return
    sources = {name: [] for name in network.nodes}
    targets = {name: [] for name in network.nodes}
    for a, b in network.edges:
        sources[b].append(a)
        targets[a].append(b)
    for port in ports:
        before, after = sources[port], targets[port]
        joined = any(a in sources[b] for a in before for b in after)
        if not before or port in before or joined:
            continue
        for b in after:
            sources[b] = [s for a in sources[b] for s in (before if a == port else [a])]
        for a in before:
            targets[a] = [t for b in targets[a] for t in (after if b == port else [b])]
        for kept in (sources, targets, network.nodes, network.labels):
            del kept[port]
    network.edges = [(a, b) for b in sources for a in sources[b]]


def _strip_batch(network: Network) -> None:
    """Drops the axes of one for batch and time that Rockpool leaves in front of an input."""
    targets = {name: [] for name in network.named(net.Input)}
    for source, target in network.edges:
        if source in targets:
            targets[source].append(network.nodes[target])
    for name, read_by in targets.items():
        node = network.nodes[name]
        vectors = read_by and all(isinstance(target, net.Linear) for target in read_by)
        if vectors and math.prod(node.shape) == node.shape[-1]:
            node.shape = node.shape[-1:]


def _check_reading(dt, convention: str, reset: str | None) -> None:
    if not isinstance(convention, str) or convention not in CONVENTIONS:
        raise FrontendError(
            f"no convention '{convention}'; supported: auto, {', '.join(sorted(CONVENTIONS))}"
        )
    _check_step(dt)
    if reset is not None and reset not in RESETS:
        raise FrontendError(f"no reset '{reset}'; supported: {', '.join(RESETS)}")


def _check_step(dt) -> None:
    if isinstance(dt, bool) or not (isinstance(dt, Real) and 0 < dt < math.inf):
        raise FrontendError(f"expects a positive 'dt', got {dt!r}")


def read_node(name: str, node, dt: float, convention: str, reset: str | None, graph: Graph):
    """A node of a :class:`Network` for a NIR node.

    Raises:
        FrontendError: the convention's simulator, or Plait, does not have it.
    """
    where = f"node '{name}' ({kind(node)})"
    try:
        return _read_node(name, node, where, dt, convention, reset, graph)
    except (AttributeError, TypeError, ValueError) as error:  # Fields that are none.
        raise FrontendError(f"{where} cannot be read: {error}") from error


def _read_node(name, node, where: str, dt, convention: str, reset: str | None, graph: Graph):
    if kind(node) in NEURONS:
        given = nir_conventions.Node(name, node, dt, convention)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            neuron = CONVENTIONS[convention].read(given)
        for made in (neuron, *([neuron.current] if neuron.current else ())):
            for what in PARAMETERS:
                if getattr(made, what) is not None:
                    _single(getattr(made, what), where, f"{what} of convention {convention}")
        return with_reset(neuron, reset, where)
    if kind(node) == "Input":
        shape = _shape(node.input_type, "input", where)
        # Those of subgraphs take what reaches them.
        return net.Input(shape) if name in graph.ports else net.Sum()
    if kind(node) == "Output":
        declared = (node.output_type or {}).get("output")
        shape = None if declared is None else _shape(node.output_type, "output", where)
        return net.Output(shape) if name in graph.ports else net.Sum()
    if kind(node) in ("Affine", "Linear"):
        weight = _single(node.weight, where, "weight")
        if weight.ndim != 2:
            raise FrontendError(f"{where} expects a weight of rank 2, got shape {weight.shape}")
        bias = _single(node.bias, where, "bias") if kind(node) == "Affine" else None
        if bias is not None and bias.shape != weight.shape[:1]:
            raise FrontendError(
                f"{where} expects a bias of shape {weight.shape[:1]}, got {bias.shape}"
            )
        return net.Linear(weight, bias)
    if kind(node) in ("Conv1d", "Conv2d"):
        return _conv(node, where)
    if kind(node) in ("SumPool2d", "AvgPool2d"):
        return net.Pool(
            "sum" if kind(node) == "SumPool2d" else "average",
            _integers(node.kernel_size, 2, where, "kernel_size"),
            _integers(node.stride, 2, where, "stride"),
            _integers(node.padding, 2, where, "padding", least=0),
        )
    if kind(node) == "Flatten":
        axes = (node.start_dim, node.end_dim)
        start, end = (_integers(axis, 1, where, "axis", least=-64)[0] for axis in axes)
        return net.Flatten(start, end)
    if kind(node) == "Scale":
        return net.Scale(_single(node.scale, where, "scale"))
    if kind(node) == "Threshold":
        return net.Threshold(_single(node.threshold, where, "threshold"))
    return net.Delay(_steps(node, dt, where))


def _shape(types, key: str, where: str) -> tuple[int, ...]:
    """The shape that a port declares."""
    declared = (types or {}).get(key)
    if declared is None:
        raise FrontendError(f"{where} has no shape")
    sizes = np.atleast_1d(numbers(declared, where, "shape"))
    if not sizes.size:
        raise FrontendError(f"{where} has a shape without sizes")
    if sizes.ndim != 1 or (sizes != np.rint(sizes)).any():
        raise FrontendError(f"{where} expects a shape of whole numbers, got {sizes.tolist()}")
    return tuple(int(s) for s in sizes)


def _single(value, where: str, what: str) -> np.ndarray:
    """An array that is finite in 32 bits, in which it will be computed with."""
    array = numbers(value, where, what)
    large = np.argwhere(np.abs(array) > np.finfo(np.float32).max)
    if len(large):
        place = tuple(int(i) for i in large[0])
        raise FrontendError(
            f"{where} has a '{what}' that does not fit into 32 bits: {array[place]} at "
            f"{list(place)}"
        )
    return array


def _integers(value, rank: int, where: str, what: str, least: int = 1) -> tuple[int, ...]:
    """A number, or one an axis, as one an axis."""
    array = np.ravel(numbers(value, where, what))
    whole = array == np.rint(array)
    if array.size not in (1, rank) or not (whole & (least <= array) & (array < 1 << 31)).all():
        raise FrontendError(
            f"{where} expects a '{what}' of {rank} whole numbers from {least} to 2^31 - 1, "
            f"got {array.tolist()}"
        )
    return tuple(int(v) for v in np.broadcast_to(array, rank))


def _conv(node, where: str) -> net.Conv:
    rank = 1 if kind(node) == "Conv1d" else 2
    weight = _single(node.weight, where, "weight")
    if weight.ndim != rank + 2:
        raise FrontendError(f"{where} expects a weight of rank {rank + 2}, got {weight.shape}")
    stride = _integers(node.stride, rank, where, "stride")
    dilation = _integers(node.dilation, rank, where, "dilation")
    (groups,) = _integers(node.groups, 1, where, "groups")
    if weight.shape[0] % groups:
        raise FrontendError(f"{where} has {weight.shape[0]} channels, which {groups} groups split")
    if isinstance(node.padding, str):
        if node.padding not in ("same", "valid"):
            raise FrontendError(f"{where} has padding '{node.padding}'; expects same or valid")
        if node.padding == "same" and any(step != 1 for step in stride):
            raise FrontendError(f"{where} has padding 'same', which has no meaning with a stride")
        total = [
            step * (k - 1) * (node.padding == "same")
            for step, k in zip(dilation, weight.shape[2:], strict=True)
        ]
        padding = tuple((size // 2, size - size // 2) for size in total)
    else:
        padding = tuple((p, p) for p in _integers(node.padding, rank, where, "padding", least=0))
    bias = None if node.bias is None else _single(node.bias, where, "bias")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise FrontendError(f"{where} expects a bias of {weight.shape[:1]}, got {bias.shape}")
    return net.Conv(weight, bias, stride, padding, dilation, groups)


def _delays(node, where: str) -> np.ndarray:
    """A Delay node's delays, in the file's unit of time."""
    delays = numbers(node.delay, where, "delay").astype(np.float64)
    if (delays < 0).any():
        raise FrontendError(f"{where} expects delays of 0 or more, got {delays.min():g}")
    return delays


def _steps(node, dt: float, where: str) -> np.ndarray:
    """A Delay node's delays in whole steps."""
    exact = _delays(node, where) / dt
    steps = np.rint(exact)
    if np.abs(exact - steps).max(initial=0) > 1e-3:
        raise FrontendError(
            f"{where} expects whole steps of dt={dt:g}, "
            f"got {exact.flat[np.abs(exact - steps).argmax()]:g}"
        )
    if steps.max(initial=0) > 1 << 20:
        raise FrontendError(f"{where} is {steps.max():g} steps of dt={dt:g} long; expects 2^20")
    return steps.astype(np.int64)


def _add_lateness(network: Network, convention) -> None:
    """Adds the steps that the simulator takes between populations."""
    nodes, labels = network.nodes, network.labels
    edges, network.edges = network.edges, []
    for source, target in edges:
        late = labels[target] in convention.inputs_late
        if convention.synapses_late:
            # Its converter puts a connection of weight one in front of a population without.
            weighted = isinstance(nodes[source], net.Linear | net.Conv)
            late = late or weighted or isinstance(nodes[target], net.Neuron)
        if not late:
            network.edges.append((source, target))
            continue
        step = f"{source} to {target}"
        while step in nodes:
            step += "'"
        nodes[step] = net.Delay(np.asarray(1))
        labels[step] = "one step of the convention"
        network.edges += [(source, step), (step, target)]


# Whose file it is.


def decide(graph: Graph, dt: float | None) -> tuple[float, str, str | None]:
    """The step, convention and reset that a file proves; prints what it decided and why.

    The reset is None where it is the convention's: only Plait's files can say another.

    Raises:
        FrontendError: it proves nothing; the message lists the readings that fit.
    """
    if dt is not None:
        _check_step(dt)
    found = _proof(graph)
    if found is not None:
        proved, convention, why = found
        if dt is not None and not math.isclose(dt, proved):
            raise FrontendError(
                f"the file proves convention '{convention}' with dt={proved:g} ({why}), "
                f"got dt={dt:g}; name a convention to read it otherwise"
            )
        reset = _said(graph).get("reset")
        also = f", reset '{reset}'" if reset else ""
        print(f"plait: convention '{convention}', dt={proved:g}{also}: {why}", file=sys.stderr)
        return proved, convention, reset
    lines = [f"  {name}: {reason}" for name, reason in readings(graph, dt).items()]
    raise FrontendError(
        "nothing in the file proves which simulator wrote it, and spikes depend on it; name "
        "one with convention=:\n" + "\n".join(lines)
    )


def _proof(graph: Graph) -> tuple[float, str, str] | None:
    """(dt, convention, why) where a file proves its producer.

    Norse, Sinabs and SpikingJelly write parameters that anyone may write, lava and Nengo have
    no exporter: a file cannot prove theirs.
    """
    if data := _said(graph):
        try:
            dt = float(data.get("dt", "none"))
        except ValueError:
            dt = math.nan
        if not 0 < dt < math.inf:
            raise FrontendError(
                f"the file's metadata says that Plait wrote it, with a 'dt' of "
                f"{data.get('dt', 'none')}; name convention= and dt= to read it all the same"
            )
        return dt, data["convention"], "Plait wrote the file and says so"
    neurons = {n: node for n, node in graph.nodes.items() if kind(node) in NEURONS}
    fires = {n: node for n, node in neurons.items() if kind(node) in ("LIF", "CubaLIF")}
    if not fires:
        return None
    rest = ("v_leak", "v_reset")
    if any(_parameter(node, name, 0).any() for node in fires.values() for name in rest):
        return None
    torch_names = [name for name in neurons if name.endswith(("LIFNeuronTorch", "LIFTorch"))]
    if len(torch_names) == len(neurons):
        # r is tau exp(-dt / tau) / dt.
        dt = _one_step(fires, lambda r: _lambert(1 / r))
        if dt is not None:
            return dt, "rockpool", f"its populations are named like {torch_names[0]}"
    inner = [name for name in graph.nodes if name not in ("input", "output")]
    if all(re.match(r"layer_\d+", name) for name in inner):
        dt = _one_step(fires, lambda r: 1 - r)
        many = np.unique(np.concatenate([np.ravel(_parameter(n, "r", 0)) for n in fires.values()]))
        # Of one r alone, any tau makes some dt: a round one is no accident.
        if dt is not None and (len(many) > 1 or dt == float(f"{dt:.2g}")):
            return dt, "spyx", "its nodes are named like layer_0, and r is 1 - dt / tau"
    named = all(name in graph.nodes for name in ("input", "output"))
    if named and len(fires) == len(neurons) and all(map(_is_snntorch, fires.values())):
        return 1e-4, "snntorch", (
            "every r is tau / 1e-4, in torch's precision, and every v_leak and v_reset is 0, as "
            "its exporter writes; its importer resets to zero: give reset='subtract_next' for a "
            "net that was trained with its default reset"
        )  # fmt: skip
    return None


def _said(graph: Graph) -> dict[str, str]:
    """What the metadata of a file say that Plait wrote; empty for others."""
    data = {key: _text(value) for key, value in graph.metadata.items()}
    plaits = data.get("producer") == "plait" and data.get("convention") in CONVENTIONS
    return data if plaits else {}


def _parameter(node, name: str, default) -> np.ndarray:
    """A parameter as float64; NaN where it holds no numbers."""
    try:
        return np.asarray(getattr(node, name, default), np.float64)
    except (TypeError, ValueError):
        return np.asarray(np.nan)


def _tau(node) -> np.ndarray:
    return _parameter(node, "tau" if kind(node) == "LIF" else "tau_mem", np.nan)


def _one_step(fires: dict, ratio) -> float | None:
    """The ``dt`` for which every ``r`` is what an exporter makes of ``dt / tau``, if one is.

    ``ratio`` gives ``dt / tau`` for ``r``. Exporters count in 32 bits: the step is rounded to
    four digits where it is that near.
    """
    found = []
    for node in fires.values():
        with np.errstate(all="ignore"):
            found.append(np.ravel(_tau(node) * ratio(_parameter(node, "r", np.nan))))
        if kind(node) == "CubaLIF" and not np.allclose(_parameter(node, "w_in", np.nan), 1):
            return None
    steps = np.concatenate(found)
    if not (steps.size and (steps > 0).all() and np.allclose(steps, steps[0], 1e-4, 0)):
        return None
    short = float(f"{np.median(steps):.4g}")
    return short if np.allclose(steps, short, 1e-4, 0) else float(np.median(steps))


def _lambert(y: np.ndarray) -> np.ndarray:
    """The positive ``x`` with ``x e^x = y``, by Newton's method."""
    x = np.log1p(y)
    for _ in range(30):
        x = x - (x - y * np.exp(-x)) / (1 + x)
    return x


def _is_snntorch(node) -> bool:
    """Whether a population is what snnTorch's exporter writes, which fixes dt to 1e-4."""
    tau = _tau(node)
    pairs = [(_parameter(node, "r", np.nan), tau)]
    if kind(node) == "CubaLIF":
        pairs += [(_parameter(node, "w_in", np.nan), _parameter(node, "tau_syn", np.nan))]
    if not all(np.allclose(r, t / 1e-4, 1e-5, 0) for r, t in pairs):
        return False
    # SpikingJelly's exporter may write the same, but knows no number of 32 bits: snnTorch's
    # time constants have them, or are made in 64 bits of a decay that has.
    beta = 1 - 1e-4 / tau
    single = np.abs(beta - beta.astype(np.float32)) < 1e-12
    plain = np.rint(beta * 1024) == beta * 1024  # Has few bits, whoever wrote it.
    return bool((tau.astype(np.float32) == tau).all() or (single.all() and not plain.all()))


def _text(value) -> str:
    """What metadata say, as files have it."""
    if isinstance(value, np.ndarray | np.generic) and value.size == 1:
        value = value.item()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def readings(graph: Graph, dt: float | None) -> dict[str, str]:
    """Every convention, and whether a file fits it or why not."""
    result = {}
    for name, convention in CONVENTIONS.items():
        result[name] = f"fits: {convention.who}" if dt else f"not tried, needs dt: {convention.who}"
        if dt:
            try:
                network_of(graph, dt=dt, convention=name)
            except FrontendError as error:
                result[name] = f"does not fit: {error}"
    return result


@dataclass(frozen=True)
class NodeReport:
    """What :func:`check_nir` says of one node; ``problem`` is empty where it is supported."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    problem: str


def check_nir(
    path_or_graph,
    *,
    dt: float | None = None,
    convention: str | None = None,
    reset: str | None = None,
) -> Iterator[NodeReport]:
    """Says node by node what of a NIR file is supported, before anything is converted.

    Without ``dt`` and ``convention`` a population counts as supported where some convention
    has its type. The last report, named ``(graph)``, is of the graph as a whole.

    Raises:
        FrontendError: there is no graph to look at.
    """
    graph = read(path_or_graph)
    if convention == "auto":
        dt, convention, own = decide(graph, dt)
        reset = reset or own
    if convention is not None:
        _check_reading(dt, convention, reset)
    elif dt is not None:
        _check_step(dt)
    network = Network()
    problems = {}
    for name, node in graph.nodes.items():
        network.labels[name] = kind(node)
        if kind(node) not in SUPPORTED:
            problems[name] = f"unsupported; supported types: {', '.join(SUPPORTED)}"
            network.nodes[name] = net.Sum()
            continue
        try:
            if convention is None and kind(node) in NEURONS:
                given = nir_conventions.Node(name, node, 1.0, "")
                for item in vars(node):
                    if item.startswith("tau"):
                        given.ratio(item, euler=False)
                    elif item not in ("input_type", "output_type", "metadata"):
                        getattr(given, item)  # Refuses what is not finite.
                network.nodes[name] = net.Neuron(given.shape, "impulse")
            elif dt is None and kind(node) == "Delay":
                delay = _delays(node, f"node '{name}' (Delay)")
                network.nodes[name] = net.Delay(np.sign(delay))
            else:
                network.nodes[name] = read_node(
                    name, node, dt or 1.0, convention or "nir", reset, graph
                )
        except FrontendError as error:
            problems[name] = str(error).removeprefix(f"node '{name}' ({kind(node)}) ")
            network.nodes[name] = net.Sum()
    network.edges = list(graph.edges)
    whole = ""
    try:
        if convention is not None:
            _add_lateness(network, CONVENTIONS[convention])
        network.finish()
    except FrontendError as error:
        whole = "" if problems else str(error)
    for name, node in graph.nodes.items():
        try:
            shape = network.shape(name)
        except FrontendError:
            shape = None
        yield NodeReport(name, kind(node), shape, problems.get(name, ""))
    yield NodeReport("(graph)", "NIRGraph", None, whole)
