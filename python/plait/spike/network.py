"""A spiking network as its fronts deliver it: nodes with every number decided, and edges.

Fronts (NIR files, the builder) make a :class:`Network`; :func:`plait.spike.emit.emit`
writes it as MLIR, :func:`plait.to_nir` as a NIR file, and targets map it. Shapes exclude
time and batch.
"""

import math
from dataclasses import dataclass, field, fields

import numpy as np

from plait.errors import FrontendError


@dataclass
class Input:
    """A port that a caller feeds: at every step, or once where it is ``static``."""

    shape: tuple[int, ...]
    static: bool = False


@dataclass
class Output:
    """A port that a caller reads at every step; ``shape`` is what it declares, if anything."""

    shape: tuple[int, ...] | None = None


@dataclass
class Sum:
    """What reaches it, as it is."""


@dataclass
class Linear:
    """``y = weight x + bias`` on the last axis, ``weight[out, in]``; ``bias`` may be None."""

    weight: np.ndarray
    bias: np.ndarray | None = None


@dataclass
class Conv:
    """A cross-correlation over channels-first data of one or two axes.

    ``weight[out, in / groups, *kernel]``; ``stride`` and ``dilation`` have one number an
    axis, ``padding`` a pair (before, after).
    """

    weight: np.ndarray
    bias: np.ndarray | None
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1


@dataclass
class Pool:
    """A sum or average (which counts the padding) over windows of the last two axes."""

    kind: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


@dataclass
class Flatten:
    """Merges the axes from ``start`` to ``end``, which is included."""

    start: int = 0
    end: int = -1


@dataclass
class Scale:
    """An elementwise product."""

    scale: np.ndarray


@dataclass
class Threshold:
    """1 where the input is over the threshold, else 0."""

    threshold: np.ndarray


@dataclass
class Delay:
    """Each element ``steps`` steps late."""

    steps: np.ndarray


@dataclass
class Encoding:
    """Numbers to spikes; see :meth:`plait.spike.SpikeIRBuilder.add_encoding`."""

    method: str
    seed: int = 0
    threshold: float = 0.0
    off_spikes: bool = False


@dataclass
class TemporalPool:
    """One value for every ``window`` steps: ``sum``, ``mean`` or ``max``; feeds outputs only."""

    window: int
    method: str


@dataclass
class Attention:
    """``scale (q k^T) v`` in each of ``heads`` groups of features, over rows of tokens.

    ``q``, ``k`` and ``v`` name the nodes that give them, ``[tokens, features]`` each.
    """

    q: str
    k: str
    v: str
    heads: int
    scale: float


@dataclass
class Neuron:
    """One step of a population, in the words of ``spike.neuron``.

    ``u`` is the integrated potential, ``g x`` is ``gain * x``, ``l`` is ``leak``; a term
    whose parameter is None vanishes.

    | integrator | ``u`` |
    |---|---|
    | ``euler`` | ``v + decay * ((l - v) + g x)`` |
    | ``impulse`` | ``l + decay * (v - l) + g x`` (no decay: ``v + g x``) |
    | ``exponential`` | ``w + decay * (v - w)`` with ``w = l + g x`` |

    Parameters are numbers or arrays that end the population's shape. Without a threshold
    the potential is the output. ``late``: a spike leaves one step after it is fired.
    ``current`` is a population without threshold that the input goes through first.
    """

    shape: tuple[int, ...] | None
    integrator: str
    decay: np.ndarray | None = None
    gain: np.ndarray | None = None
    leak: np.ndarray | None = None
    threshold: np.ndarray | None = None
    compare: str = "gt"
    reset: str | None = None
    reset_at: str = "now"
    reset_value: np.ndarray | None = None
    multi_spike: bool = False
    minimum: np.ndarray | None = None
    refractory: np.ndarray | None = None
    late: bool = False
    current: "Neuron | None" = None

    def differences(self, other: "Neuron | None", tolerance: float = 1e-6) -> list[str]:
        """The fields in which two populations differ by more than rounding of their parameters."""
        if other is None:
            return ["population"]
        found = []
        for item in fields(self):
            mine, theirs = getattr(self, item.name), getattr(other, item.name)
            if isinstance(mine, Neuron):
                found += [f"current's {name}" for name in mine.differences(theirs, tolerance)]
            elif item.name in PARAMETERS and mine is not None and theirs is not None:
                if not np.allclose(mine, theirs, tolerance, tolerance**2):
                    found.append(item.name)
            elif mine is not theirs and (item.name in PARAMETERS or mine != theirs):
                found.append(item.name)
        return found

    def same(self, other: "Neuron | None", tolerance: float = 1e-6) -> bool:
        """Whether two populations compute the same up to rounding of their parameters."""
        return not self.differences(other, tolerance)


#: The fields of :class:`Neuron` that hold numbers.
PARAMETERS = ("decay", "gain", "leak", "threshold", "reset_value", "minimum", "refractory")


@dataclass
class Network:
    """A flat graph; edges that meet in a node are summed.

    Attributes:
        nodes: by name.
        edges: pairs of names; more may come, and another list, but none goes from this one.
        labels: what a message calls a node's type, where that is not its class.
        delayed: edges that carry the value of the step before.
        order: the names such that a node follows all it reads in the same step.
        dt: the length of a step, where the source has a unit of time.
        convention: whose arithmetic, where the source is a NIR file.
        reset: what it said of every population's reset instead, where it said something.
        name: what a builder called it.
    """

    nodes: dict = field(default_factory=dict)
    edges: list = field(default_factory=list)
    labels: dict = field(default_factory=dict)
    delayed: set = field(default_factory=set)
    order: list = field(default_factory=list)
    dt: float | None = None
    convention: str | None = None
    reset: str | None = None
    name: str = "network"

    def __post_init__(self):
        self._shapes: dict = {}
        self._sources: dict = {}
        self._indexed: tuple[list | None, int] = (None, 0)

    def named(self, kind) -> list[str]:
        """The names of the nodes of a class, in the order they came."""
        return [name for name, node in self.nodes.items() if isinstance(node, kind)]

    def sources(self, name: str) -> list[str]:
        """The nodes whose outputs are summed into ``name``."""
        edges, count = self._indexed
        if edges is not self.edges:
            self._sources, count = {}, 0
        if count < len(self.edges):
            for a, b in self.edges[count:]:
                self._sources.setdefault(b, []).append(a)
        self._indexed = self.edges, len(self.edges)
        return self._sources.get(name, [])

    def describe(self, name: str) -> str:
        """A node as a message names it."""
        return f"node '{name}' ({self.labels.get(name, type(self.nodes[name]).__name__)})"

    def listing(self, names) -> str:
        """Several nodes as a message names them."""
        return ", ".join(self.describe(name).removeprefix("node ") for name in names) or "none"

    # Shapes.

    def shape(self, name: str) -> tuple[int, ...]:
        """What a node gives for one sample at one step.

        Raises:
            FrontendError: it depends on itself, or what feeds the node does not fit.
        """
        row, first = {}, name  # Back to a node whose shape is known, however far that is.
        while first not in self._shapes:
            if first in row:
                raise FrontendError(f"the shape of node '{first}' depends on itself")
            row[first] = None
            if self._own_shape(first) or not self.sources(first):
                break
            first = self.sources(first)[0]
        for each in reversed(row):
            self._shapes[each] = self._own_shape(each) or self._inferred_shape(each)
        return self._shapes[name]

    def _own_shape(self, name: str) -> tuple[int, ...] | None:
        """The shape that a node has whatever feeds it, if it says one."""
        node = self.nodes[name]
        if isinstance(node, Input | Neuron):
            return node.shape or None
        for kind, item in ((Scale, "scale"), (Threshold, "threshold"), (Delay, "steps")):
            if isinstance(node, kind):
                return np.shape(getattr(node, item)) or None
        return None

    def _inferred_shape(self, name: str) -> tuple[int, ...]:
        """The shape that follows from what feeds a node."""
        node = self.nodes[name]
        if not self.sources(name):
            raise FrontendError(f"nothing feeds {self.describe(name)}")
        given = self.shape(self.sources(name)[0])
        if isinstance(node, Linear):
            return (*given[:-1], node.weight.shape[0])
        if isinstance(node, Flatten):
            start, end = flattened(node, len(given))
            return (*given[:start], math.prod(given[start : end + 1]), *given[end + 1 :])
        if isinstance(node, Conv):
            return (node.weight.shape[0], *self._windows(name, given))
        if isinstance(node, Pool):
            return (*given[:-2], *self._windows(name, given))
        return given

    def _windows(self, name: str, given: tuple[int, ...]) -> tuple[int, ...]:
        """How many windows of a Conv or Pool fit into each axis."""
        node = self.nodes[name]
        rank = len(node.stride)
        channels = (node.weight.shape[1] * node.groups,) if isinstance(node, Conv) else (None,)
        if len(given) != rank + 1 or (channels[0] is not None and given[0] != channels[0]):
            shown = ", ".join([str(channels[0] or "channels"), *("height", "width")[2 - rank :]])
            raise FrontendError(
                f"{self.describe(name)} takes shape ({shown}), but what feeds it gives {given}"
            )
        if isinstance(node, Conv):
            kernel, dilation = node.weight.shape[2:], node.dilation
            padding = [sum(pair) for pair in node.padding]
        else:
            kernel, dilation = node.kernel, (1,) * rank
            padding = [2 * pad for pad in node.padding]
        sizes = []
        for size, k, pad, stride, step in zip(
            given[1:], kernel, padding, node.stride, dilation, strict=True
        ):
            room = size + pad - step * (k - 1) - 1
            if room < 0:
                raise FrontendError(
                    f"{self.describe(name)} has a window of {step * (k - 1) + 1}, "
                    f"larger than its input of {size + pad}"
                )
            sizes.append(room // stride + 1)
        return tuple(sizes)

    def takes(self, name: str) -> tuple[int, ...] | None:
        """The shape that a node expects, or None where any fits that its shape came from."""
        node = self.nodes[name]
        given = self.shape(self.sources(name)[0])
        if isinstance(node, Linear):
            # Of many axes, the last; NIR knows vectors only.
            return (*(given[:-1] if self.convention is None else ()), node.weight.shape[1])
        if isinstance(node, Flatten | Conv | Pool):
            self.shape(name)  # Checks it.
            return given
        return self.shape(name)

    # Checks.

    def finish(self) -> "Network":
        """Checks the graph, breaks its cycles and orders its nodes; returns it.

        Raises:
            FrontendError: no input or output, an edge without an end or given twice,
                shapes that do not fit, or a cycle that cannot be stepped.
        """
        for kind in (Input, Output):
            if not self.named(kind):
                raise FrontendError(
                    f"the graph has no {kind.__name__} node; its nodes are "
                    f"{self.listing(self.nodes)}"
                )
        for name, node in self.nodes.items():
            if isinstance(node, Input) and self.sources(name):
                raise FrontendError(
                    f"{self.describe(name)} takes what a caller gives, but an edge comes from "
                    f"{self.listing(self.sources(name))}"
                )
            if not isinstance(node, Input) and not self.sources(name):
                raise FrontendError(f"nothing feeds {self.describe(name)}")
        for source, target in self.edges:
            if isinstance(self.nodes[source], Output):
                raise FrontendError(
                    f"{self.describe(source)} gives a caller what it gets, but an edge goes on to "
                    f"{self.listing([target])}; let that come from what feeds it"
                )
        self.break_cycles()
        self.check_shapes()
        return self

    def check_shapes(self) -> None:
        """Raises where a shape is no shape, or an edge joins different ones."""
        for name in self.order:  # Sources first: a shape asks for those of its sources.
            shape = self.shape(name)
            if not (all(size > 0 for size in shape) and math.prod(shape) <= 1 << 31):
                raise FrontendError(
                    f"{self.describe(name)} has shape {tuple(shape)}; expects 1 to 2^31 numbers"
                )
        for source, target in self.edges:
            got, wanted = self.shape(source), self.takes(target)
            if got != wanted:
                raise FrontendError(
                    f"{self.describe(target)} takes shape {wanted}, but "
                    f"{self.describe(source).removeprefix('node ')} gives {got}"
                )
        for name in self.named(Output):
            declared = self.nodes[name].shape
            # Some exporters leave axes of one for batch and time in front.
            if declared is not None and _bare(declared) != _bare(self.shape(name)):
                raise FrontendError(
                    f"{self.describe(name)} declares shape {tuple(declared)}, "
                    f"but gets {self.shape(name)}"
                )

    def break_cycles(self) -> None:
        """Chooses the edges that carry a step of delay, then orders the nodes.

        A Delay node on a cycle gives the delay that it says. A cycle without one must run
        through one population, whose spikes reach the cycle one step later: all simulators
        agree on this case, and on no other.
        """
        late = {n for n in self.named(Neuron) if self.nodes[n].late}
        self.delayed = {(a, b) for a, b in self.edges if a in late}
        now = [edge for edge in self.edges if edge not in self.delayed]
        lines = {
            name
            for name in set().union(*components(self.nodes, now))
            if isinstance(node := self.nodes[name], Delay)
            and np.size(node.steps)
            and np.min(node.steps) > 0
        }
        self.delayed |= {(a, b) for a, b in self.edges if a in lines}
        now = [edge for edge in self.edges if edge not in self.delayed]
        # The one population of each cycle, and that cycle.
        recurrent = {}
        for cycle in components(self.nodes, now):
            populations = [n for n in cycle if isinstance(self.nodes[n], Neuron)]
            if len(populations) != 1:
                raise FrontendError(
                    f"a cycle runs through {len(populations)} populations without a Delay node: "
                    f"{self.listing(n for n in self.nodes if n in cycle)}; NIR does not say "
                    "which edge is late, put a Delay node of at least one step on it"
                )
            recurrent[populations[0]] = cycle
        self.delayed |= {(a, b) for a, b in now if b in recurrent.get(a, ())}
        before = {name: set() for name in self.nodes}
        after = {name: [] for name in self.nodes}
        for a, b in self.edges:
            if (a, b) not in self.delayed:
                before[b].add(a)
                after[a].append(b)
        self.order = [name for name in self.nodes if not before[name]]
        for name in self.order:
            for target in after[name]:
                before[target].discard(name)
                if not before[target]:
                    self.order.append(target)


def flattened(node: Flatten, rank: int) -> tuple[int, int]:
    """The first and the last axis that a Flatten merges, counted from the front."""
    start, end = (axis + rank * (axis < 0) for axis in (node.start, node.end))
    if not 0 <= start <= end < rank:
        raise FrontendError(
            f"a Flatten merges the axes {node.start} to {node.end}, its input has {rank}"
        )
    return start, end


def components(names, edges) -> list[set]:
    """The strongly connected components that hold a cycle (Kosaraju)."""
    after = {name: [] for name in names}
    before = {name: [] for name in names}
    for a, b in edges:
        after[a].append(b)
        before[b].append(a)

    def walk(start, step, seen):
        stack, done = [(start, iter(step[start]))], []
        seen.add(start)
        while stack:
            rest = stack[-1][1]
            target = next((t for t in rest if t not in seen), None)
            if target is None:
                done.append(stack.pop()[0])
            else:
                seen.add(target)
                stack.append((target, iter(step[target])))
        return done

    seen, finished = set(), []
    for name in names:
        if name not in seen:
            finished += walk(name, after, seen)
    seen, found = set(), []
    for name in reversed(finished):
        if name not in seen:
            found.append(set(walk(name, before, seen)))
    loops = {a for a, b in edges if a == b}
    return [c for c in found if len(c) > 1 or c & loops]


def _bare(shape) -> tuple[int, ...]:
    """A shape without leading axes of one."""
    shape = tuple(int(s) for s in np.atleast_1d(shape))
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape
