"""NIR files to a flat, checked graph whose cycles have their delays."""

from dataclasses import dataclass, field
from pathlib import Path

from plait.errors import FrontendError

#: Nodes with a potential that a loop carries.
NEURONS = ("LIF", "LI", "CubaLIF", "CubaLI")
SUPPORTED = (
    "Affine", "CubaLI", "CubaLIF", "Delay", "Flatten", "Input", "LI", "LIF", "Linear",
    "NIRGraph", "Output", "Scale", "Threshold",
)  # fmt: skip


@dataclass
class Graph:
    """A flat NIR graph.

    Attributes:
        nodes: NIR nodes by name; a node of a subgraph is ``subgraph.node``.
            The Input and Output nodes of subgraphs pass their input on.
        edges: pairs of names, in the file's order.
        inputs: the Input nodes that a caller feeds.
        outputs: the Output nodes that a caller reads.
        order: the names such that a node follows all that it reads in the
            same step.
        delayed: edges that carry the value of the step before.
    """

    nodes: dict = field(default_factory=dict)
    edges: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    order: list = field(default_factory=list)
    delayed: set = field(default_factory=set)

    def sources(self, name: str) -> list[str]:
        """The nodes whose outputs are summed into ``name``."""
        return [a for a, b in self.edges if b == name]


def kind(node) -> str:
    """The NIR type of a node."""
    return type(node).__name__


def listing(nodes: dict) -> str:
    """The nodes as an error message names them."""
    return ", ".join(f"'{name}' ({kind(node)})" for name, node in nodes.items()) or "none"


def read(path_or_graph) -> Graph:
    """Reads, flattens and checks a NIR file or ``nir.NIRGraph``.

    Raises:
        FrontendError: the file is no NIR file, an edge has no end, a node is
            of an unsupported type, or a cycle cannot be stepped.
    """
    try:
        import nir
    except ImportError as error:
        raise FrontendError("from_nir needs the package nir: pip install plait[nir]") from error
    root = path_or_graph
    if not isinstance(root, nir.NIRGraph):
        path = Path(root)
        if not path.exists():
            raise FrontendError(f"no NIR file '{path}'")
        try:
            # Types are checked below: old and foreign files do not pass NIR's own check.
            root = nir.read(path, type_check=False)
        except Exception as error:
            raise FrontendError(
                f"'{path}' is not a NIR graph that nir can read: "
                f"{type(error).__name__}: {error}; its nodes: {_names_in(path)}"
            ) from error
        if not isinstance(root, nir.NIRGraph):
            raise FrontendError(f"'{path}' holds one {kind(root)} node, not a graph")
    graph = Graph()
    _flatten(root, "", graph)
    _check_nodes(graph)
    _break_cycles(graph)
    return graph


def _names_in(path: Path) -> str:
    """Names and types in a file that nir refuses, as far as they can be read."""
    import h5py

    found = []

    def visit(name, item):
        if isinstance(item, h5py.Group) and "type" in item and name != "node":
            text = item["type"][()]
            text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
            found.append(f"'{name.removeprefix('node/nodes/')}' ({text})")

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except (OSError, RuntimeError, AttributeError):
        return "none, it is no HDF5 file"
    return ", ".join(found) or "none"


def _flatten(graph, prefix: str, flat: Graph) -> None:
    """Adds ``graph`` to ``flat``; a subgraph's edges end at its Input and Output."""
    import nir

    if not hasattr(graph, "nodes") or not graph.nodes:
        raise FrontendError(f"the graph '{prefix}' has no nodes")
    entry, leave = {}, {}
    for name, node in graph.nodes.items():
        full = prefix + name
        entry[name] = leave[name] = full
        if not isinstance(node, nir.NIRGraph):
            flat.nodes[full] = node
            if not prefix and kind(node) in ("Input", "Output"):
                (flat.inputs if kind(node) == "Input" else flat.outputs).append(full)
            continue
        for ends, mine in ((nir.Input, entry), (nir.Output, leave)):
            inner = [key for key, item in node.nodes.items() if isinstance(item, ends)]
            if len(inner) != 1:
                raise FrontendError(
                    f"subgraph '{full}' has {len(inner)} {ends.__name__} nodes, expected one; "
                    f"it has {listing(node.nodes)}"
                )
            mine[name] = f"{full}.{inner[0]}"
        _flatten(node, full + ".", flat)
    for source, target in graph.edges:
        for end in (source, target):
            if end not in graph.nodes:
                raise FrontendError(
                    f"edge ('{source}', '{target}') names '{prefix}{end}', which does not exist; "
                    f"the nodes are {listing(graph.nodes)}"
                )
        edge = (leave[source], entry[target])
        if edge in flat.edges:
            raise FrontendError(f"edge ('{source}', '{target}') is there twice")
        flat.edges.append(edge)


def _check_nodes(graph: Graph) -> None:
    unsupported = {n: node for n, node in graph.nodes.items() if kind(node) not in SUPPORTED}
    if unsupported:
        raise FrontendError(
            f"unsupported NIR nodes: {listing(unsupported)}; supported types: "
            f"{', '.join(SUPPORTED)}"
        )
    for wanted, have in (("Input", graph.inputs), ("Output", graph.outputs)):
        if not have:
            raise FrontendError(
                f"the graph has no {wanted} node; its nodes are {listing(graph.nodes)}"
            )
    for name, node in graph.nodes.items():
        if name not in graph.inputs and not graph.sources(name):
            raise FrontendError(f"nothing feeds node '{name}' ({kind(node)})")


def _components(names, edges) -> list[set]:
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
    return [c for c in found if len(c) > 1 or any((n, n) in edges for n in c)]


def _break_cycles(graph: Graph) -> None:
    """Chooses the edges that carry a step of delay, then orders the nodes.

    A Delay node on a cycle gives the delay that it says. A cycle without one
    must run through one population, whose spikes reach the cycle one step
    later: all simulators agree on this case, and on no other.
    """
    edges = list(graph.edges)
    for cycle in _components(graph.nodes, edges):
        for name in cycle:
            node = graph.nodes[name]
            if kind(node) == "Delay" and node.delay.size and node.delay.min() > 0:
                graph.delayed |= {(a, b) for a, b in edges if a == name}
    now = [edge for edge in edges if edge not in graph.delayed]
    for cycle in _components(graph.nodes, now):
        neurons = [n for n in graph.nodes if n in cycle and kind(graph.nodes[n]) in NEURONS]
        if len(neurons) != 1:
            raise FrontendError(
                f"a cycle runs through {len(neurons)} populations without a Delay node: "
                f"{listing({n: graph.nodes[n] for n in graph.nodes if n in cycle})}; NIR does "
                "not say which edge is late, put a Delay node of at least one step on it"
            )
        graph.delayed |= {(a, b) for a, b in now if a == neurons[0] and b in cycle}
    now = [edge for edge in edges if edge not in graph.delayed]
    waiting = dict.fromkeys(graph.nodes)
    while waiting:
        ready = [n for n in waiting if not any(b == n and a in waiting for a, b in now)]
        graph.order += ready
        for name in ready:
            del waiting[name]
