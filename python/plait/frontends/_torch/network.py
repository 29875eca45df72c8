"""An exported spiking torch model as a :class:`plait.spike.network.Network`, for NIR."""

import math
import operator
import re
from dataclasses import dataclass, replace

import numpy as np
import torch

from plait.errors import FrontendError
from plait.frontends.nir_conventions import CONVENTIONS
from plait.spike import network as net
from plait.spike.network import Network, Neuron

#: Ops that give what they are given.
_SAME = ("aten.clone", "aten.alias", "aten.detach", "aten.expand", "prims.convert_element_type")


@dataclass
class Exported:
    """What ``torch.export`` gave of a model that has neuron modules.

    Attributes:
        graph: the graph after decomposition.
        tensors: parameters, buffers and constants, by the name of their argument.
        starts: the content of buffers that calls change, when the model was imported.
        updates: the names of those buffers' next content.
        inputs: the names of the caller's tensors.
        outputs: the names of what the caller gets.
    """

    graph: torch.fx.Graph
    tensors: dict
    starts: dict
    updates: dict
    inputs: list
    outputs: list


@dataclass(frozen=True)
class _Value:
    """What a node of the network gives: ``lead`` says which axes are in front of ``features``.

    An axis of ``lead`` is one of time, one of samples, or both as one: ``"T"``, ``"B"``,
    ``"TB"`` or ``"BT"``.
    """

    node: str
    lead: tuple[str, ...]
    features: tuple[int, ...]


def network_of(exported: Exported) -> Network:
    """The network of a model: populations, what NIR has between them, sums.

    A bias or batch norm behind a weight goes into it, in 64 bits.

    Raises:
        FrontendError: a node has no counterpart; the message names it.
    """
    neurons = [node for node in exported.graph.nodes if _name(node) == "plait.neuron"]
    if not neurons:
        raise FrontendError("expects a model with neuron modules, got none")
    x, v = (argument.meta["val"] for argument in neurons[0].args[:2])
    if x.dim() == v.dim():
        return _Reader(exported, {"B": x.shape[0]}).read(("B",))
    reader = _Reader(exported, {"T": x.shape[0], "B": x.shape[1]})
    try:
        return reader.read(("T", "B"))
    except FrontendError:
        # Sinabs has the samples in front.
        try:
            return _Reader(exported, reader.sizes).read(("B", "T"))
        except FrontendError:
            pass
        raise


def _module(node) -> tuple[str, str, str]:
    """The path, library and class of the module that a graph's node is in."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return path, kind.partition(".")[0], kind.rpartition(".")[2]


def _name(node) -> str:
    return str(node.target).rpartition(".")[0]


class _Reader:
    def __init__(self, exported: Exported, sizes: dict[str, int]):
        self.exported, self.sizes = exported, sizes
        self.network = Network()
        self.values: dict = {}  # of the graph's nodes: a _Value, a tensor, or several
        self.readers: dict[str, int] = {}
        self.where = ""
        self.libraries: set[str] = set()

    def read(self, lead: tuple[str, ...]) -> Network:
        for node in self.exported.graph.nodes:
            if node.op == "output":
                break
            path, _, kind = _module(node)
            inside = f" of module '{path}' ({kind})" if path else ""
            self.where = f"'{node.name}' ({_name(node) or node.op}){inside}"
            if node.op == "placeholder":
                self.values[node] = self.argument(node, lead)
            else:
                self.values[node] = self.call(node)
        named = {node.name: node for node in self.exported.graph.nodes}
        for i, name in enumerate(self.exported.outputs):
            value = self.values[named[name]]
            self.where = f"result {i}"
            if not isinstance(value, _Value):
                self.refuse("is no value of the network at every step")
            output = "output" if len(self.exported.outputs) == 1 else f"output_{i}"
            self.add(output, net.Output(value.features), value)
        if len(self.libraries) == 1 and self.libraries <= set(CONVENTIONS):
            (self.network.convention,) = self.libraries
        return self.network.finish()

    def refuse(self, what: str):
        raise FrontendError(f"{self.where} {what}: NIR cannot say it")

    # Nodes of the network.

    def add(self, name: str, node, *sources: _Value) -> str:
        fresh, count = name, 0
        while fresh in self.network.nodes:
            count += 1
            fresh = f"{name}_{count}"
        self.network.nodes[fresh] = node
        for source in sources:
            self.readers[source.node] = self.readers.get(source.node, 0) + 1
            self.network.edges.append((source.node, fresh))
        return fresh

    def argument(self, node, lead):
        if node.name in self.exported.starts:
            return self.exported.starts[node.name]
        if node.name in self.exported.tensors:
            return self.exported.tensors[node.name]
        shape, count = tuple(node.meta["val"].shape), len(lead)
        if len(shape) <= count or shape[:count] != tuple(self.sizes[axis] for axis in lead):
            self.refuse(f"is an argument of {list(shape)}, not of every step and sample")
        name = "input" if len(self.exported.inputs) == 1 else node.name
        features = shape[count:]
        return _Value(self.add(name, net.Input(features)), lead, features)

    def call(self, node):
        arguments = [self.values.get(a, a) if isinstance(a, torch.fx.Node) else a
                     for a in node.args]  # fmt: skip
        name = _name(node)
        if node.target is operator.getitem:
            return arguments[0][arguments[1]]
        if name == "plait.neuron":
            return self.neuron(node, arguments)
        if not any(isinstance(a, _Value) for a in arguments):
            inner = torch.fx.node.map_arg(node.args, lambda n: self.values[n])
            options = torch.fx.node.map_arg(node.kwargs, lambda n: self.values[n])
            return node.target(*inner, **options)
        if name in _SAME and tuple(node.meta["val"].shape) == self.shape(arguments[0]):
            return arguments[0]
        method = getattr(self, "op_" + name.rpartition(".")[2], None)
        if method is None or not name.startswith("aten."):
            self.refuse("is no population, weight, average, flattening or sum")
        return method(*arguments, **node.kwargs)

    def shape(self, value: _Value) -> tuple[int, ...]:
        return (*map(self.size, value.lead), *value.features)

    def size(self, axis: str) -> int:
        return math.prod(self.sizes[label] for label in axis)

    # Ops.

    def op_view(self, x: _Value, shape):
        labels = tuple("".join(x.lead))
        for lead in (("".join(labels),), labels):
            sizes = tuple(map(self.size, lead))
            if (*sizes, *x.features) == tuple(shape):
                return replace(x, lead=lead)
        lead = tuple(map(self.size, x.lead))
        features = tuple(shape[len(lead) :])
        if tuple(shape[: len(lead)]) == lead:
            more = len(x.features) - len(features)
            for start in range(len(features)):
                merged = x.features[start : start + more + 1]
                after = x.features[start + more + 1 :]
                if (*x.features[:start], math.prod(merged), *after) == features and more >= 0:
                    flatten = net.Flatten(start, start + more)
                    return _Value(self.add("flatten", flatten, x), x.lead, features)
        self.refuse(f"makes {list(shape)} of {list(self.shape(x))}")

    op_reshape = op__unsafe_view = op_view

    def op_permute(self, x: _Value, axes):
        if len(x.lead) == 2 and list(axes) == [1, 0, *range(2, len(axes))]:
            return replace(x, lead=x.lead[::-1])
        self.refuse(f"turns axes {list(axes)}")

    def op_mm(self, x: _Value, weight):
        if not isinstance(x, _Value) or isinstance(weight, _Value) or len(x.features) != 1:
            self.refuse("is no product with a weight")
        linear = net.Linear(weight.detach().numpy().T)
        return _Value(self.add("linear", linear, x), x.lead, (weight.shape[1],))

    def op_bmm(self, x: _Value, weight):
        if isinstance(weight, _Value) or not (weight == weight[:1]).all():
            self.refuse("is no product with a weight")
        return self.op_mm(x, weight[0])

    def op_convolution(self, x, weight, bias, stride, padding, dilation, transposed, _, groups):
        if isinstance(weight, _Value) or transposed or len(x.lead) != 1:
            self.refuse("is no convolution with a weight")
        shift = None if bias is None else bias.detach().numpy()
        pads = tuple((p, p) for p in padding)
        conv = net.Conv(
            weight.detach().numpy(), shift, tuple(stride), pads, tuple(dilation), groups
        )
        name = self.add("conv", conv, x)
        return _Value(name, x.lead, self.network.shape(name))

    def op_avg_pool2d(
        self, x, kernel, stride=(), padding=(0, 0), ceil=False, counts=True, divisor=None
    ):
        if ceil or divisor is not None or (any(padding) and not counts) or len(x.features) != 3:
            self.refuse("rounds up, divides otherwise or leaves the padding out")
        pool = net.Pool("average", tuple(kernel), tuple(stride or kernel), tuple(padding))
        name = self.add("pool", pool, x)
        return _Value(name, x.lead, self.network.shape(name))

    def op_add(self, x, y, alpha=1):
        if isinstance(x, _Value) and isinstance(y, _Value):
            if (x.lead, x.features, alpha) != (y.lead, y.features, 1) or x.node == y.node:
                self.refuse("adds what NIR's edges do not")
            return _Value(self.add("sum", net.Sum(), x, y), x.lead, x.features)
        x, y = (x, y) if isinstance(x, _Value) else (y, x)
        return self.fold(x, 1.0, self.constant(x, y) * alpha)

    def op_sub(self, x, y, alpha=1):
        if not isinstance(x, _Value) or isinstance(y, _Value):
            self.refuse("subtracts a value")
        return self.op_add(x, -torch.as_tensor(y), alpha)

    def op_mul(self, x, y):
        if isinstance(x, _Value) and isinstance(y, _Value):
            self.refuse("multiplies two values")
        x, y = (x, y) if isinstance(x, _Value) else (y, x)
        return self.fold(x, self.constant(x, y), 0.0)

    def op_div(self, x, y):
        if not isinstance(x, _Value) or isinstance(y, _Value):
            self.refuse("divides by a value")
        return self.fold(x, 1 / self.constant(x, y), 0.0)

    def constant(self, x: _Value, value) -> np.ndarray:
        """A constant as one of every element of a sample."""
        value = torch.as_tensor(value).detach().to(torch.float64)
        while value.dim() > len(x.features) and value.shape[0] == 1:
            value = value[0]
        if value.dim() > len(x.features):
            self.refuse("has a constant for every sample or step")
        return np.broadcast_to(value.numpy(), x.features)

    def fold(self, x: _Value, scale, shift) -> _Value:
        """``scale x + shift``, in the weight that gives ``x`` where that is possible."""
        scale, shift = np.broadcast_to(scale, x.features), np.broadcast_to(shift, x.features)
        if (scale == 1).all() and not shift.any():
            return x
        node = self.network.nodes[x.node]
        rest = tuple(range(1, len(x.features)))
        even = all((a == a.mean(rest, keepdims=True)).all() for a in (scale, shift))
        if isinstance(node, net.Linear | net.Conv) and x.node not in self.readers and even:
            scale, shift = (a.reshape(len(a), -1)[:, 0] for a in (scale, shift))
            weight = np.asarray(node.weight, np.float64)
            bias = 0 if node.bias is None else np.asarray(node.bias, np.float64)
            node.weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
            node.bias = bias * scale + shift
            return x
        if shift.any():
            self.refuse(f"adds a constant behind {self.network.describe(x.node)}")
        return _Value(self.add("scale", net.Scale(scale), x), x.lead, x.features)

    def neuron(self, call, arguments):
        x, v, _, text = arguments
        path, library, kind = _module(call)
        self.where = f"module '{path}' ({library}'s {kind})"
        own = [self.values[p].detach().to(torch.float64).numpy() for p in call.args[2]]
        if not isinstance(x, _Value) or x.lead not in (("T", "B"), ("B",)):
            self.refuse("is not called with every step, or one, of all samples")
        if not isinstance(v, torch.Tensor):
            self.refuse(
                "is called in the model's own loop over time, or with a state that the "
                "caller passes"
            )
        after = next((user for user in call.users if user.args[1] == 1), None)
        if x.lead == ("B",):
            state = call.args[1].name
            if after is None or self.exported.updates.get(state) != after.name:
                self.refuse("starts every step anew")
        elif after is not None and after.users:
            self.refuse("has a potential that is read")
        rule = {key: own[int(i)] for key, i in re.findall(r"(\w+)\(\{(\d+)\}\)", text)}
        neuron = self.rule(x, text, rule)
        rest = 0.0 if neuron.leak is None else neuron.leak
        if not np.allclose(v.numpy(), rest, 1e-6, 1e-12):
            self.refuse("does not start at its leak")
        source = x
        before = self.network.nodes[x.node]
        if isinstance(before, Neuron) and before.threshold is None and x.node not in self.readers:
            # A synaptic current.
            (given,) = self.network.sources(x.node)
            neuron.current = before
            del self.network.nodes[x.node]
            self.network.edges = [edge for edge in self.network.edges if edge[1] != x.node]
            source = _Value(given, x.lead, x.features)
            self.readers[given] -= 1
        name = self.add(path or "neuron", neuron, source)
        self.network.labels[name] = f"{library}'s {kind}"
        self.libraries.add(library)
        return _Value(name, x.lead, x.features), None

    def rule(self, x: _Value, text: str, rule: dict) -> Neuron:
        """A rule that fires the same spikes, in the words of :class:`Neuron`."""
        word = re.match(r"integrator (\w+)", text).group(1)
        decay = rule.get("decay")
        if "tau" in rule:
            decay = 1 / rule["tau"]
        if word == "euler_impulse":
            word, decay = "impulse", 1 - decay
        reset, moment = (re.findall(r"reset (\w+) at (\w+)", text) or [(None, "now")])[0]
        # Before the next step's input or after this one's test: the same spikes.
        moment = "now" if moment == "next_before" else moment
        compare = re.search(r"compare (\w+)", text)
        return Neuron(
            x.features, word, decay, rule.get("gain"), rule.get("leak"), rule.get("threshold"),
            compare.group(1) if compare else "gt", reset, moment, rule.get("to"),
            "multi_spike" in text, rule.get("minimum"),
        )  # fmt: skip
