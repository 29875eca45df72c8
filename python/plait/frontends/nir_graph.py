"""NIR files to a flat graph of NIR nodes, read with suspicion."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from plait.errors import FrontendError

#: The neuron nodes; the others have no arithmetic that simulators differ in.
NEURONS = ("I", "LI", "IF", "LIF", "CubaLI", "CubaLIF")
STATELESS = (
    "Affine", "AvgPool2d", "Conv1d", "Conv2d", "Delay", "Flatten", "Input", "Linear", "Output",
    "Scale", "SumPool2d", "Threshold",
)  # fmt: skip
SUPPORTED = tuple(sorted((*NEURONS, *STATELESS, "NIRGraph")))

#: More numbers than this in a file are taken for an error.
_LARGEST = 1 << 31
_MOST_NAMES = 1 << 20


@dataclass
class Graph:
    """A flat NIR graph.

    Attributes:
        nodes: NIR nodes by name; a node of a subgraph is ``subgraph.node``. The Input and
            Output nodes of subgraphs pass their input on.
        edges: pairs of names, in the file's order.
        ports: the Input and Output nodes that a caller feeds and reads.
        metadata: of the whole graph.
    """

    nodes: dict = field(default_factory=dict)
    edges: list = field(default_factory=list)
    ports: set = field(default_factory=set)
    metadata: dict = field(default_factory=dict)


def kind(node) -> str:
    """The NIR type of a node."""
    return type(node).__name__


def listing(nodes: dict) -> str:
    """The nodes as an error message names them."""
    return ", ".join(f"'{name}' ({kind(node)})" for name, node in nodes.items()) or "none"


def read(path_or_graph) -> Graph:
    """Reads and flattens a NIR file or ``nir.NIRGraph``.

    Raises:
        FrontendError: the file is no NIR file, is cut off, leads to other files, has a group
            under two names, or holds more than 2^31 numbers, 2^20 names or half of this machine's
            memory; an edge has no end or is there twice; a subgraph has not one input and one
            output, or holds itself.
    """
    try:
        import nir
    except ImportError as error:
        raise FrontendError("from_nir needs the package nir: pip install plait[nir]") from error
    root = path_or_graph
    if not isinstance(root, nir.NIRGraph):
        if not isinstance(root, str | os.PathLike):
            raise FrontendError(f"expects a file or a NIRGraph, got {type(root).__name__}")
        path = Path(root)
        if not path.exists():
            raise FrontendError(f"no NIR file '{path}'")
        _check_sizes(path)
        try:
            # Types are checked later: old and foreign files do not pass NIR's own check.
            root = nir.read(path, type_check=False)
        except Exception as error:
            raise FrontendError(
                f"'{path}' is not a NIR graph that nir can read: "
                f"{type(error).__name__}: {error}; its nodes: {_names_in(path)}"
            ) from error
        if not isinstance(root, nir.NIRGraph):
            raise FrontendError(f"'{path}' holds one {kind(root)} node, not a graph")
    graph = Graph(metadata=dict(getattr(root, "metadata", None) or {}))
    try:
        _flatten(root, "", graph)
    except RecursionError as error:
        raise FrontendError("the graph's subgraphs are too deep, or one holds itself") from error
    return graph


def _check_sizes(path: Path) -> None:
    """Raises before an array is read that a few compressed bytes may blow up to."""
    import h5py

    total = size = 0
    try:
        with h5py.File(path) as file:
            # By names: what several names share is read for each of them.
            for count, (name, item) in enumerate(_named(file, path)):
                if count > _MOST_NAMES:
                    raise FrontendError(f"'{path}' has more than {_MOST_NAMES} names")
                if not isinstance(item, h5py.Dataset):
                    continue
                if item.external or item.is_virtual:
                    raise FrontendError(f"'{path}' keeps '{name}' in another file")
                total += item.size or 0
                size += (item.size or 0) * item.dtype.itemsize
                if total > _LARGEST:
                    raise FrontendError(
                        f"'{path}' holds {total} numbers or more, {item.size} of them in "
                        f"'{name}'; expects at most {_LARGEST}"
                    )
        if size > (room := _memory() // 2):
            raise FrontendError(
                f"'{path}' holds {size} bytes, more than half of the memory: {room}"
            )
    except FrontendError:
        raise
    except Exception as error:  # h5py raises many kinds on damaged files.
        raise FrontendError(
            f"'{path}' is not a NIR graph that nir can read: it is no HDF5 file, or one that is "
            f"cut off: {error}"
        ) from error


def _named(file, path: Path):
    """Names and what they name in an HDF5 file, from the root down."""
    import h5py

    groups, known = [("", file, 0)], {}
    while groups:
        prefix, group, depth = groups.pop()
        if depth > 1000:
            raise FrontendError(f"'{path}' has groups that are too deep: '/{prefix}'")
        # A group with two names may hold itself, or unfold without end.
        first = known.setdefault(h5py.h5o.get_info(group.id).addr, prefix)
        if first != prefix:
            raise FrontendError(f"'{path}' has one group under two names: '/{first}', '/{prefix}'")
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise FrontendError(f"'{path}' has a link '{prefix}{key}' to elsewhere")
            item = group[key]
            yield prefix + key, item
            if isinstance(item, h5py.Group):
                groups.append((f"{prefix}{key}/", item, depth + 1))


def _memory() -> int:
    """The bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


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
    except Exception:  # h5py raises many kinds on damaged files.
        return "none that can be read"
    return ", ".join(found) or "none"


def _flatten(graph, prefix: str, flat: Graph) -> None:
    """Adds ``graph`` to ``flat``; a subgraph's edges end at its Input and Output."""
    import nir

    if not hasattr(graph, "nodes") or not graph.nodes:
        raise FrontendError(f"the graph '{prefix}' has no nodes")
    if odd := [name for name in graph.nodes if not isinstance(name, str)]:
        raise FrontendError(f"node {odd[0]!r} has a name that is no text")
    edges = graph.edges if isinstance(graph.edges, list | tuple | set) else [graph.edges]
    if odd := [edge for edge in edges if not isinstance(edge, list | tuple) or len(edge) != 2]:
        raise FrontendError(f"an edge is a pair of names, got {odd[0]!r}")
    entry, leave = {}, {}
    for name, node in graph.nodes.items():
        full = prefix + name
        entry[name] = leave[name] = full
        if not isinstance(node, nir.NIRGraph):
            flat.nodes[full] = node
            if not prefix and kind(node) in ("Input", "Output"):
                flat.ports.add(full)
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
    for source, target in edges:
        for end in (source, target):
            if end not in graph.nodes:
                raise FrontendError(
                    f"edge ('{source}', '{target}') names '{prefix}{end}', which does not exist; "
                    f"the nodes are {listing(graph.nodes)}"
                )
        flat.edges.append((leave[source], entry[target]))
    if len(set(flat.edges)) < len(flat.edges):
        twice = next(edge for edge in flat.edges if flat.edges.count(edge) > 1)
        raise FrontendError(f"edge {twice} is there twice")


def numbers(array, where: str, what: str) -> np.ndarray:
    """An array of a node as NumPy, all of it finite.

    Raises:
        FrontendError: it is missing, no array of real numbers, or holds NaN or infinity.
    """
    if array is None:
        raise FrontendError(f"{where} has no '{what}'")
    if hasattr(array, "detach"):  # Norse puts torch's parameters into a graph.
        array = array.detach().cpu()
    try:
        array = np.asarray(array)
        if array.dtype.kind not in "biuf":
            raise TypeError
        bad = np.argwhere(~np.isfinite(array))
    except (TypeError, ValueError) as error:
        raise FrontendError(f"{where} has a '{what}' that is no array of real numbers") from error
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        raise FrontendError(
            f"{where} has a '{what}' that is not finite: {array[place]} at {list(place)}"
        )
    return array
