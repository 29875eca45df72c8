"""What lies between populations as matrices."""

import math

import numpy as np

from plait.errors import PlaitError
from plait.spike import network as net
from plait.spike.network import Network

#: A larger matrix between two populations is refused.
_LARGEST = 1 << 27


def connections(network: Network) -> dict[str, tuple[dict[str, np.ndarray], np.ndarray]]:
    """For each population: its matrices ``[neurons, source]`` by source, and its constant input.

    Raises:
        PlaitError: a node between populations is no linear map with a constant, or a matrix
            has more than 2^27 numbers.
    """
    result = {}
    for name in network.named(net.Neuron):
        size = math.prod(network.shape(name))
        sources = _feeding(network, name)
        for source in sources:
            if size * math.prod(network.shape(source)) > _LARGEST:
                raise PlaitError(f"'{source}' to '{name}' is a matrix of more than 2^27 numbers")
        bias = _input(network, name, {s: np.zeros((1, *network.shape(s))) for s in sources})
        matrices = {}
        for source in sources:
            shape = network.shape(source)
            many = math.prod(shape)
            values = {s: np.zeros((many, *network.shape(s))) for s in sources}
            values[source] = np.eye(many).reshape(many, *shape)
            response = _input(network, name, values) - bias
            matrices[source] = response.reshape(many, size).T
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


def _input(network: Network, name: str, values: dict) -> np.ndarray:
    """What reaches a node when its sources give ``values``, a batch of them."""

    def value(source):
        if source not in values:
            values[source] = _apply(network, source, total(source))
        return values[source]

    def total(target):
        return sum(value(source) for source in network.sources(target))

    return total(name)


def _apply(network: Network, name: str, x: np.ndarray) -> np.ndarray:
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
        windows = _windows(x, node.kernel, node.stride, (1, 1))
        return windows.sum((-1, -2)) if node.kind == "sum" else windows.mean((-1, -2))
    if isinstance(node, net.Conv):
        return _conv(node, x)
    raise PlaitError(f"{network.describe(name)} is no linear map between populations")


def _conv(node: net.Conv, x: np.ndarray) -> np.ndarray:
    weight = np.asarray(node.weight, np.float64)
    x = np.pad(x, [(0, 0), (0, 0), *node.padding])
    stride, dilation = node.stride, node.dilation
    line = len(stride) == 1
    if line:
        x, weight, stride, dilation = (
            x[:, :, None],
            weight[:, :, None],
            (1, *stride),
            (1, *dilation),
        )
    windows = _windows(x, weight.shape[2:], stride, dilation)
    groups = np.split(windows, node.groups, axis=1)
    kernels = np.split(weight, node.groups)
    y = [np.einsum("bcrskl,ockl->bors", g, k) for g, k in zip(groups, kernels, strict=True)]
    y = np.concatenate(y, axis=1)
    if node.bias is not None:
        y = y + np.asarray(node.bias)[:, None, None]
    return y[:, :, 0] if line else y


def _windows(x, kernel, stride, dilation):
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(x, span, (2, 3))
    return windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
