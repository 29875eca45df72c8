"""NIR graphs in float64, plainly: the oracle of the importer's tests.

Written from NIR's equations and from the sources of the simulators, not from Plait. Every
node is stepped by itself, without batches; a value that a step asks for while it is being
computed is the one of the step before.
"""

import copy

import numpy as np


def _windows(x, kernel, stride, dilation=(1, 1)):
    """Every window of the last two axes: [..., rows, columns, *kernel]."""
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    rows = range(0, x.shape[-2] - span[0] + 1, stride[0])
    columns = range(0, x.shape[-1] - span[1] + 1, stride[1])
    picked = [
        [x[..., r : r + span[0] : dilation[0], c : c + span[1] : dilation[1]] for c in columns]
        for r in rows
    ]
    return np.moveaxis(np.array(picked), (0, 1), (-4, -3))


def _pair(value):
    return tuple(int(v) for v in np.broadcast_to(np.ravel(value), 2))


def conv2d(x, node):
    """A grouped, strided, dilated cross-correlation, one output channel after the other."""
    weight, dilation = np.asarray(node.weight, float), _pair(node.dilation)
    named = isinstance(node.padding, str)
    if named and node.padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        pads = [(t // 2, t - t // 2) for t in total]
    elif named:
        pads = [(0, 0), (0, 0)]
    else:
        pads = [(p, p) for p in _pair(node.padding)]
    windows = _windows(np.pad(x, [(0, 0), *pads]), weight.shape[2:], _pair(node.stride), dilation)
    groups = int(node.groups)
    per_group = len(weight) // groups
    out = []
    for channel, kernel in enumerate(weight):
        first = channel // per_group * weight.shape[1]
        mine = windows[first : first + weight.shape[1]]
        out.append(np.einsum("crskl,ckl->rs", mine, kernel) + node.bias[channel])
    return np.array(out)


def conv1d(x, node):
    """As conv2d with a first axis of one."""

    class Wide:
        weight, bias = np.asarray(node.weight)[:, :, None], node.bias
        stride = (1, *np.ravel(node.stride)[:1])
        dilation = (1, *np.ravel(node.dilation)[:1])
        groups = node.groups
        padding = node.padding

    if not isinstance(node.padding, str):
        Wide.padding = (0, *np.ravel(node.padding)[:1])
    return conv2d(x[:, None], Wide)[:, 0]


def pool2d(x, node, mean):
    padding = [(0, 0), *((p, p) for p in _pair(node.padding))]
    windows = _windows(np.pad(x, padding), _pair(node.kernel_size), _pair(node.stride))
    return windows.mean((-1, -2)) if mean else windows.sum((-1, -2))


class Interpreter:
    """One run of a flat or nested graph.

    Attributes:
        margin: the smallest distance of any potential from its threshold so far: rounding
            moves no spike while it is large.
    """

    def __init__(self, graph, dt, convention="nir"):
        self.dt, self.convention, self.margin = dt, convention, np.inf
        self.nodes, self.sources, self.inputs, self.outputs = {}, {}, [], []
        self.flatten(graph, "")
        self.join()
        self.v, self.i, self.last, self.queue, self.now = {}, {}, {}, {}, {}

    def flatten(self, graph, prefix):
        ends = {}
        for name, node in graph.nodes.items():
            kind = type(node).__name__
            if kind == "NIRGraph":
                self.flatten(node, f"{prefix}{name}.")
                inner = {type(n).__name__: k for k, n in node.nodes.items()}
                ends[name] = tuple(f"{prefix}{name}.{inner[k]}" for k in ("Input", "Output"))
                continue
            self.nodes[prefix + name] = node = copy.copy(node)
            for field, value in vars(node).items():  # Files of 32 bits, in 64 from here on.
                if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    setattr(node, field, value.astype(np.float64))
            ends[name] = (prefix + name, prefix + name)
            if not prefix and kind in ("Input", "Output"):
                (self.inputs if kind == "Input" else self.outputs).append(name)
        for source, target in graph.edges:
            self.sources.setdefault(ends[target][0], []).append(ends[source][1])

    def join(self):
        """Who reads a subgraph's port reads what that reads."""
        ports = [
            n for n, node in self.nodes.items()
            if type(node).__name__ in ("Input", "Output") and n not in self.inputs + self.outputs
        ]  # fmt: skip
        for port in ports:
            for sources in self.sources.values():
                while port in sources:
                    place = sources.index(port)
                    sources[place : place + 1] = self.sources[port]
            del self.nodes[port]

    def run(self, *inputs):
        """Outputs [time, ...] for inputs [time, ...], one for each Output node."""
        results = [[] for _ in self.outputs]
        for t in range(len(inputs[0])):
            self.now = {
                n: np.asarray(x[t], float) for n, x in zip(self.inputs, inputs, strict=True)
            }
            if self.convention == "spyx":
                self.show()
            # Populations first, so that every cycle is entered at one.
            for name, node in self.nodes.items():
                if type(node).__name__ in ("LIF", "IF", "LI", "I", "CubaLIF", "CubaLI"):
                    self.value(name)
            for name in self.nodes:
                self.value(name)
            for result, name in zip(results, self.outputs, strict=True):
                result.append(self.now[name])
            for name, node in self.nodes.items():
                if self.convention == "spyx" and hasattr(node, "v_threshold"):
                    self.spyx(name, node, type(node).__name__, self.total(name))
                if type(node).__name__ == "Delay" or self.is_late(name):
                    self.queue.setdefault(name, []).append(self.total(name))
            self.last = self.now
        return [np.array(r) for r in results]

    def total(self, name):
        return sum(self.value(source) for source in self.sources[name])

    def is_late(self, name):
        kinds = {
            "lava": ("Affine", "Linear", "Conv1d", "Conv2d"),
            "nengo": ("LI", "CubaLIF"),  # Behind a synapse filter.
        }
        return type(self.nodes[name]).__name__ in kinds.get(self.convention, ())

    def value(self, name):
        """What a node gives in this step."""
        if name in self.now:
            if self.now[name] is None:  # A cycle: the step before.
                return self.last.get(name, np.zeros(np.shape(self.nodes[name].r)))
            return self.now[name]
        node = self.nodes[name]
        kind = type(node).__name__
        if kind == "Delay":
            return self.delayed(name, node)
        if self.is_late(name):
            held = self.queue.get(name)
            x = held[-1] if held else None
            if x is None and self.convention == "lava":
                self.now[name] = self.nothing(node)
                return self.now[name]
            if x is None:
                x = np.zeros(np.shape(node.r))
            self.now[name] = self.apply(name, node, kind, x)
            return self.now[name]
        self.now[name] = None
        x = self.total(name)
        self.now[name] = self.apply(name, node, kind, x)
        return self.now[name]

    def nothing(self, node):
        shape = [int(s) for s in np.ravel(node.output_type["output"])]
        return np.zeros(shape)

    def delayed(self, name, node):
        steps = np.rint(np.asarray(node.delay) / self.dt).astype(int)
        history = self.queue.get(name, [])
        out = np.zeros(steps.shape)
        here = self.total(name) if (steps == 0).any() else None
        for place in np.ndindex(*steps.shape):
            back = steps[place]
            if back == 0:
                out[place] = here[place]
            elif back <= len(history):
                out[place] = history[-back][place]
        self.now[name] = out
        return out

    def apply(self, name, node, kind, x):
        if kind in ("Input", "Output"):
            return x
        if kind in ("Affine", "Linear"):
            return np.asarray(node.weight, float) @ x + getattr(node, "bias", 0.0)
        if kind == "Conv2d":
            return conv2d(x, node)
        if kind == "Conv1d":
            return conv1d(x, node)
        if kind in ("SumPool2d", "AvgPool2d"):
            return pool2d(x, node, kind == "AvgPool2d")
        if kind == "Scale":
            return node.scale * x
        if kind == "Threshold":
            self.margin = min(self.margin, np.abs(x - node.threshold).min())
            return (x > node.threshold).astype(float)
        if kind == "Flatten":
            start = int(node.start_dim) % x.ndim
            end = int(node.end_dim) % x.ndim
            return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])
        return getattr(self, self.convention)(name, node, kind, x)

    # Populations, by convention.

    def fire(self, name, u, threshold, ge=False):
        self.margin = min(self.margin, np.abs(u - threshold).min())
        return ((u >= threshold) if ge else (u > threshold)).astype(float)

    def fire_and_reset(self, name, node, v):
        """The end of a step: a neuron without a threshold shows its potential."""
        if not hasattr(node, "v_threshold"):
            self.v[name] = v
            return v
        z = self.fire(name, v, node.v_threshold)
        self.v[name] = np.where(z > 0, node.v_reset, v)
        return z

    def start(self, name, node, x):
        rest = getattr(node, "v_leak", 0.0)
        return self.v.get(name, np.broadcast_to(np.asarray(rest, float), np.shape(x)))

    def nir(self, name, node, kind, x):
        """NIR's equations by forward Euler."""
        v = self.start(name, node, x)
        if kind.startswith("Cuba"):
            i = self.i.get(name, 0.0)
            i = i + self.dt / node.tau_syn * (node.w_in * x - i)
            self.i[name] = x = i
        if kind in ("I", "IF"):
            v = v + self.dt * node.r * x
        else:
            tau = node.tau_mem if kind.startswith("Cuba") else node.tau
            v = v + self.dt / tau * ((node.v_leak - v) + node.r * x)
        return self.fire_and_reset(name, node, v)

    def norse(self, name, node, kind, x):
        """LIFBox, LIBox and IAF, which adds what comes."""
        if kind not in ("I", "IF"):
            return self.nir(name, node, kind, x)
        v = self.start(name, node, x) + x
        z = self.fire(name, v, node.v_threshold) if kind == "IF" else v
        self.v[name] = v if kind == "I" else np.where(z > 0, 0.0, v)
        return z

    def exponential(self, name, node, kind, x):
        """NIR's equations solved over the step."""
        v = self.start(name, node, x)
        if kind in ("I", "IF"):
            v = v + self.dt * node.r * x
        else:
            rest = node.v_leak + node.r * x
            v = rest + (v - rest) * np.exp(-self.dt / node.tau)
        return self.fire_and_reset(name, node, v)

    def exact(self, name, node, kind, x):
        """As exponential, by the instant of a spike: the rest of the step goes on from it."""
        if kind != "LIF":
            return self.exponential(name, node, kind, x)
        v = self.start(name, node, x)
        rest, decay = node.v_leak + node.r * x, np.exp(-self.dt / node.tau)
        u = rest + (v - rest) * decay
        z = self.fire(name, u, node.v_threshold)
        with np.errstate(all="ignore"):
            instant = node.tau * np.log((rest - v) / (rest - node.v_threshold))
        instant = np.where(v > node.v_threshold, 0.0, instant)
        after = rest + (node.v_reset - rest) * np.exp(-(self.dt - instant) / node.tau)
        self.v[name] = np.where(z > 0, after, u)
        return z

    def rockpool(self, name, node, kind, x):
        """LIFNeuronTorch and LIFTorch: all of a current decays before it is used."""
        if kind == "CubaLIF":
            x = (self.i.get(name, 0.0) + x) * np.exp(-self.dt / node.tau_syn)
            self.i[name] = x
        v = self.v.get(name, np.zeros(np.shape(x)))
        v = v * np.exp(-self.dt / (node.tau if kind == "LIF" else node.tau_mem)) + x
        quotient = v / node.v_threshold
        near = np.where(quotient > 0.5, np.abs(quotient - np.rint(quotient)), 1.0)
        self.margin = min(self.margin, near.min())
        z = np.where(v >= node.v_threshold, np.floor(quotient), 0.0)
        self.v[name] = v - z * node.v_threshold
        return z

    def show(self):
        """Spyx shows the spikes of the potentials of the step before."""
        for name, node in self.nodes.items():
            if hasattr(node, "v_threshold"):
                v = self.v.get(name, np.zeros(np.shape(node.r)))
                self.now[name] = self.fire(name, v, node.v_threshold)

    def spyx(self, name, node, kind, x):
        """IF, LIF and CuBaLIF, after their spikes were shown."""
        v, off = self.v.get(name, np.zeros(np.shape(x))), self.now[name] * node.v_threshold
        if kind == "IF":
            self.v[name] = v + x - off
        elif kind == "LIF":
            beta = 1 - self.dt / node.tau
            gain = 1 - beta if np.allclose(node.r, 1) else 1.0
            self.v[name] = beta * v + gain * x - off
        else:
            self.i[name] = (1 - self.dt / node.tau_syn) * self.i.get(name, 0.0) + x
            self.v[name] = (1 - self.dt / node.tau_mem) * (v - off) + self.i[name]

    def nengo(self, name, node, kind, x):
        """LIF and the paper's others, in thresholds; a filter's input came a step late."""
        v = self.v.get(name, np.zeros(np.shape(x)))
        if kind == "LI":
            self.v[name] = x + (v - x) * np.exp(-self.dt / node.tau)
            return self.v[name]
        if kind == "IF":
            v = v + x / node.v_threshold
        else:
            tau = node.tau if kind == "LIF" else node.tau_mem
            if kind == "CubaLIF":
                i = self.i.get(name, 0.0)
                self.i[name] = i + self.dt / node.tau_syn * (x - i)
                x = self.i[name] * node.w_in * node.r
            x = x / node.v_threshold
            v = x + (v - x) * np.exp(-self.dt / tau)
        z = self.fire(name, v, 1.0)
        low = v if kind == "IF" else np.maximum(v, 0.0)
        self.v[name] = np.where(z > 0, 0.0, low)
        return z

    def snntorch(self, name, node, kind, x):
        """Leaky and Synaptic, as import_from_nir makes them."""
        v = self.v.get(name, np.zeros(np.shape(x)))
        scale = self.dt / node.tau * node.r if kind == "LIF" else self.dt / node.tau_syn * node.w_in
        if kind == "CubaLIF":
            i = (1 - self.dt / node.tau_syn) * self.i.get(name, 0.0) + x
            self.i[name] = x = i
        v = (1 - self.dt / (node.tau if kind == "LIF" else node.tau_mem)) * v + x
        z = self.fire(name, v, node.v_threshold / scale)
        self.v[name] = np.where(z > 0, 0.0, v)
        return z

    def sinabs(self, name, node, kind, x):
        """LIF and IAF with MultiSpike and MembraneSubtract."""
        v = self.v.get(name, np.zeros(np.shape(x)))
        a = 1.0 if kind == "IF" else np.exp(-self.dt / node.tau)
        v = a * v + x
        if kind == "LI":
            self.v[name] = v
            return v
        quotient = v / node.v_threshold
        near = np.where(quotient > 0.5, np.abs(quotient - np.rint(quotient)), 1.0)
        self.margin = min(self.margin, near.min())
        z = (v > 0) * np.trunc(quotient)
        v = v - z * node.v_threshold
        self.v[name] = np.maximum(v, -node.v_threshold) if kind == "IF" else v
        return z

    def spikingjelly(self, name, node, kind, x):
        """IFNode, LIFNode and CUBALIFNode."""
        rest = node.v_leak if kind == "LIF" else 0.0
        v = self.v.get(name, np.broadcast_to(rest, np.shape(x)))
        if kind == "IF":
            v = v + x
        elif kind == "LIF":
            tau = node.tau / self.dt
            inward = np.allclose(node.r, 1)
            v = v + (x - (v - rest)) / tau if inward else v - (v - rest) / tau + x
        else:
            i = (1 - self.dt / node.tau_syn) * self.i.get(name, 0.0) + x
            self.i[name] = i
            v = (1 - self.dt / node.tau_mem) * v + i
        z = self.fire(name, v, node.v_threshold, ge=True)
        self.v[name] = np.where(z > 0, node.v_reset, v)
        return z

    def lava(self, name, node, kind, x):
        """lava-nc's float LIF; a population without a weight in front gets one, a step late."""
        weighted = [self.is_late(source) for source in self.sources[name]]
        if not all(weighted):
            assert not any(weighted)
            queue = self.queue.setdefault(f"{name} in", [])
            queue.append(x)
            x = queue[-2] if len(queue) > 1 else np.zeros(np.shape(x))
        v = self.v.get(name, np.zeros(np.shape(x)))
        if kind == "CubaLIF":
            du, dv = self.dt / node.tau_syn, self.dt / node.tau_mem
            a = x * node.w_in * du * node.r * dv
        elif kind == "LIF":
            du, dv = 1.0, self.dt / node.tau
            a = x * node.r * dv
        else:
            du, dv = 1.0, 0.0
            a = x * node.r * self.dt
        u = self.i.get(name, 0.0) * (1 - du) + a
        self.i[name] = u
        v = v * (1 - dv) + u
        z = self.fire(name, v, node.v_threshold)
        self.v[name] = np.where(z > 0, 0.0, v)
        return z
