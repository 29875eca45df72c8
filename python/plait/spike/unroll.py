"""What lies between populations as matrices."""

import math

import numpy as np

from plait.errors import PlaitError
from plait.spike import network as net
from plait.spike.network import Network

#: A larger matrix between two populations is refused.
_LARGEST = 1 << 27


def connections(
    network: Network,
) -> dict[str, tuple[dict[str, dict[int, np.ndarray]], np.ndarray]]:
    """For each population: its matrices ``[neurons, source]`` by source and by steps of delay.

    The delay is that of the network: 0 where a spike is read in the step in which it leaves.
    With them comes the constant input, ``[neurons]``.

    Raises:
        PlaitError: a node between populations is no linear map with a constant, a loop runs
            through no population, a constant goes through a Delay node, or a matrix has more
            than 2^27 numbers.
    """
    result = {}
    for name in network.named(net.Neuron):
        size = math.prod(network.shape(name))
        sources = _feeding(network, name)
        for source in sources:
            if size * math.prod(network.shape(source)) > _LARGEST:
                raise PlaitError(f"'{source}' to '{name}' is a matrix of more than 2^27 numbers")
        zeros = {s: {0: np.zeros((1, *network.shape(s)))} for s in sources}
        constant = _input(network, name, zeros)
        if any(delay and value.any() for delay, value in constant.items()):
            raise PlaitError(f"a constant reaches {network.describe(name)} through a Delay node")
        bias = constant.get(0, np.zeros((1, *network.shape(name))))
        matrices = {}
        for source in sources:
            shape = network.shape(source)
            many = math.prod(shape)
            values = {s: {0: np.zeros((many, *network.shape(s)))} for s in sources}
            values[source] = {0: np.eye(many).reshape(many, *shape)}
            found = {}
            for delay, response in _input(network, name, values).items():
                response = response - bias if delay == 0 else response
                if response.any():
                    found[delay] = response.reshape(many, size).T
            matrices[source] = found
        result[name] = matrices, bias.reshape(-1)
    return result


def _feeding(network: Network, name: str) -> list[str]:
    """The inputs and populations that reach a node through stateless nodes."""
    found, waiting = {}, list(network.sources(name))
    seen = set()
    while waiting:
        source = waiting.pop()
        if isinstance(network.nodes[source], net.Input | net.Neuron):
            found[source] = None
        elif source not in seen:
            seen.add(source)
            waiting += network.sources(source)
    return list(found)


def _input(network: Network, name: str, values: dict) -> dict[int, np.ndarray]:
    """What reaches a node when its sources give ``values``, a batch of them, by delay."""
    waiting = set()

    def value(source):
        if source in waiting:
            raise PlaitError(f"{network.describe(source)} is in a loop without a population")
        if source not in values:
            waiting.add(source)
            values[source] = _apply(network, source, total(source))
            waiting.discard(source)
        return values[source]

    def total(target):
        result = {}
        for source in network.sources(target):
            # A late edge out of a Delay node is part of what that node says.
            late = (source, target) in network.delayed
            late = late and not isinstance(network.nodes[source], net.Delay)
            for delay, x in value(source).items():
                result[delay + late] = result.get(delay + late, 0) + x
        return result

    return total(name)


def _apply(network: Network, name: str, x: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """What a stateless node, or a Delay node, gives; constants come without delay."""
    node = network.nodes[name]
    if isinstance(node, net.Delay):
        result = {}
        steps = np.broadcast_to(node.steps, network.shape(name))
        for delay, value in x.items():
            for step in np.unique(steps).tolist():
                result[delay + step] = result.get(delay + step, 0) + value * (steps == step)
        return result
    result = {delay: _linear(network, name, value) for delay, value in x.items()}
    zero = None
    for delay in result:
        if delay:
            if zero is None:
                zero = _linear(network, name, np.zeros_like(x[delay][:1]))
            result[delay] = result[delay] - zero
    if zero is not None and 0 not in x and zero.any():
        result[0] = np.broadcast_to(zero, next(iter(result.values())).shape)
    return result


def _linear(network: Network, name: str, x: np.ndarray) -> np.ndarray:
    node = network.nodes[name]
    if isinstance(node, net.Sum):
        return x
    if isinstance(node, net.Linear):
        return x @ np.asarray(node.weight).T + (0 if node.bias is None else node.bias)
    if isinstance(node, net.Scale):
        return x * node.scale
    if isinstance(node, net.Flatten):
        return x.reshape(len(x), *network.shape(name))
    if isinstance(node, net.Pool):
        x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in node.padding)])
        windows = np.lib.stride_tricks.sliding_window_view(x, node.kernel, (2, 3))
        windows = windows[:, :, :: node.stride[0], :: node.stride[1]]
        return windows.sum((-1, -2)) if node.kind == "sum" else windows.mean((-1, -2))
    if isinstance(node, net.Conv):
        return _conv(node, x)
    raise PlaitError(f"{network.describe(name)} is no linear map between populations")


def _conv(node: net.Conv, x: np.ndarray) -> np.ndarray:
    """One product of matrices for each place of the kernel."""
    weight = np.asarray(node.weight, np.float64)
    x = np.pad(x, [(0, 0), (0, 0), *node.padding])
    axes = list(zip(x.shape[2:], weight.shape[2:], node.stride, node.dilation, strict=True))
    sizes = [(size - step * (k - 1) - 1) // stride + 1 for size, k, stride, step in axes]
    parts = []
    for kernel, group in zip(
        np.split(weight, node.groups), np.split(x, node.groups, axis=1), strict=True
    ):
        y = np.zeros((len(x), len(kernel), math.prod(sizes)))
        for place in np.ndindex(*weight.shape[2:]):
            seen = tuple(
                slice(at * step, at * step + stride * (many - 1) + 1, stride)
                for at, many, (_, _, stride, step) in zip(place, sizes, axes, strict=True)
            )
            patch = group[(..., *seen)].reshape(*group.shape[:2], -1)
            y += kernel[(..., *place)] @ patch
        parts.append(y)
    y = np.concatenate(parts, axis=1)
    if node.bias is not None:
        y += np.asarray(node.bias)[:, None]
    return y.reshape(len(x), len(weight), *sizes)
