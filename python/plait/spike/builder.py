"""Spiking networks by calls."""

import math
import sys

import numpy as np

from plait.errors import FrontendError
from plait.spike import network as net
from plait.spike.network import Network

#: How often an encoding may be asked for, by name.
ENCODINGS = ("rate", "latency", "phase", "delta")


class SpikeIRBuilder:
    """Builds a :class:`plait.spike.network.Network` node by node.

    Every ``add_`` call returns the new node's id, which later calls take. Shapes exclude
    batch and time: images are ``(channels, height, width)``, rows of tokens ``(tokens,
    features)``. Weights that are not given are drawn, from normal distributions of variance
    1 / fan-in, by a generator with this builder's seed; :meth:`build` says so.

    ```python
    builder = SpikeIRBuilder("my_model")
    x = builder.add_input("sensor", (1, 32, 32))
    x = builder.add_spike_conv2d(x, out_channels=16, kernel_size=3)
    x = builder.add_spike_neuron(x, threshold=1.0)
    builder.add_output(x, "classification")
    graph = builder.build()
    ```
    """

    def __init__(self, name: str = "spike_model", *, seed: int = 0):
        self.name, self.seed = name, _whole("seed", seed, 0)
        self._network = Network()
        self._random = np.random.default_rng(seed)
        self._drawn: list[str] = []
        self._taken: dict[str, int] = {}  # a name -> how many were named so

    # Ports.

    def add_input(self, name: str, shape) -> str:
        """A port: ``f32[time, batch, *shape]``, or ``f32[batch, *shape]`` for encodings."""
        sizes = np.ravel(np.asarray(shape))
        if not sizes.size or sizes.dtype.kind not in "iu" or sizes.min() < 1:
            raise FrontendError(f"input '{name}' expects positive sizes, got {shape}")
        return self._add(name, net.Input(tuple(map(int, sizes))))

    def add_output(self, input_id: str, name: str) -> str:
        """A port that gives what ``input_id`` gives, at every step."""
        return self._add(name, net.Output(), input_id)

    # Synapses.

    def add_spike_linear(
        self, input_id: str, out_features: int, *, weight=None, bias=None, name: str = "linear"
    ) -> str:
        """A matrix product with the last axis: ``weight[out, in]``, ``bias[out]`` or None."""
        given, out_features = self.shape_of(input_id), _whole("out_features", out_features)
        weight = self._weight(name, weight, (out_features, given[-1]))
        bias = self._array(name, "bias", bias, (out_features,))
        return self._add(name, net.Linear(weight, bias), input_id)

    def add_spike_conv2d(
        self,
        input_id: str,
        out_channels: int,
        kernel_size,
        stride=1,
        padding=0,
        *,
        dilation=1,
        groups: int = 1,
        weight=None,
        bias=None,
        name: str = "conv",
    ) -> str:
        """A cross-correlation: ``weight[out, in / groups, height, width]``, ``bias[out]``."""
        given = self.shape_of(input_id)
        if len(given) != 3:
            raise FrontendError(
                f"a convolution takes (channels, height, width), '{input_id}' gives {given}"
            )
        groups, out_channels = _whole("groups", groups), _whole("out_channels", out_channels)
        if given[0] % groups or out_channels % groups:
            raise FrontendError(f"{groups} groups do not split {given[0]} and {out_channels}")
        kernel, stride, dilation, padding = (
            _pair(name, what, value, least)
            for what, value, least in (
                ("kernel_size", kernel_size, 1), ("stride", stride, 1),
                ("dilation", dilation, 1), ("padding", padding, 0),
            )
        )  # fmt: skip
        weight = self._weight(name, weight, (out_channels, given[0] // groups, *kernel))
        bias = self._array(name, "bias", bias, (out_channels,))
        pads = tuple((pad, pad) for pad in padding)
        return self._add(name, net.Conv(weight, bias, stride, pads, dilation, groups), input_id)

    # Populations.

    def add_spike_neuron(
        self,
        input_id: str,
        neuron_model: str = "LIF",
        threshold: float = 1.0,
        reset_mode: str = "zero",
        tau_mem: float = 10.0,
        tau_syn: float = 5.0,
        *,
        refractory=0,
        name: str = "neuron",
    ) -> str:
        """A population of one neuron for each element.

        Args:
            neuron_model: ``"LIF"``: ``v = exp(-1 / tau_mem) v + x``; ``"IF"``: ``v + x``;
                ``"CubaLIF"``: as LIF, of a current ``i = exp(-1 / tau_syn) i + x``;
                ``"LI"``: as LIF without threshold, which gives its potential.
            threshold: a spike where ``v`` is over it; a number or an array.
            reset_mode: ``"zero"``, ``"subtract"`` (the threshold) or ``"none"``, at once.
            tau_mem: in steps; a number or an array.
            tau_syn: in steps; of CubaLIF.
            refractory: how many steps after that of a spike a neuron rests: it ignores its input,
                stays at what it was reset to and cannot fire; a whole number or an array of them.
                NEST and Norse count so; Brian2 counts the step of the spike, too.
        """
        models = {"LIF": True, "IF": False, "CUBALIF": True, "LI": True}
        model = str(neuron_model).upper().replace("_", "")
        if model not in models:
            raise FrontendError(
                f"no neuron model '{neuron_model}'; supported: LIF, IF, CubaLIF, LI"
            )
        resets = {"zero": "value", "subtract": "subtract", "none": None}
        if reset_mode not in resets:
            raise FrontendError(f"no reset '{reset_mode}'; supported: {', '.join(resets)}")
        current, shape = None, self.shape_of(input_id)
        if model == "CUBALIF":
            current = net.Neuron(None, "impulse", _decay("tau_syn", tau_syn, shape))
        decay = _decay("tau_mem", tau_mem, shape) if models[model] else None
        fires, level = model != "LI", _parameter("threshold", threshold, shape)
        if not (np.abs(level) < np.finfo(np.float32).max).all():
            raise FrontendError(f"expects a 'threshold' that is finite in 32 bits, got {threshold}")
        rest = _parameter("refractory", refractory, shape)
        if not ((rest == np.rint(rest)) & (rest >= 0) & (rest < 1 << 20)).all():
            raise FrontendError(
                f"expects a 'refractory' of whole steps from 0 to 2^20 - 1, got {refractory}"
            )
        if rest.any() and not (fires and resets[reset_mode]):
            raise FrontendError(
                "a neuron rests after a reset: 'refractory' expects a model that fires and a "
                f"'reset_mode' other than none, got {neuron_model} and {reset_mode}"
            )
        neuron = net.Neuron(
            shape,
            "impulse",
            decay,
            threshold=level if fires else None,
            reset=resets[reset_mode] if fires else None,
            refractory=rest if rest.any() else None,
            current=current,
        )
        return self._add(name, neuron, input_id)

    def add_spike_attention(
        self,
        input_id: str,
        embed_dim: int,
        num_heads: int = 8,
        *,
        threshold: float = 1.0,
        tau_mem: float = 2.0,
        scale: float = 0.125,
        weights: dict | None = None,
        name: str = "attention",
    ) -> str:
        """Spiking self-attention as in Spikformer (Zhou et al., ICLR 2023).

        Query, key and value are spikes of LIF populations behind linear maps; their product
        ``scale (q k^T) v``, without softmax, goes through LIF neurons with half the
        threshold, a linear map and LIF neurons again.

        Args:
            input_id: gives ``(tokens, features)``.
            embed_dim: the features of query, key, value and result.
            weights: arrays by name: ``q``, ``k``, ``v`` and ``proj`` ``[out, in]``, and their
                biases ``q_bias`` and so on.
        """
        given = self.shape_of(input_id)
        if len(given) != 2:
            raise FrontendError(f"attention takes (tokens, features), '{input_id}' gives {given}")
        embed_dim, num_heads = _whole("embed_dim", embed_dim), _whole("num_heads", num_heads)
        if not math.isfinite(scale):
            raise FrontendError(f"expects a finite 'scale', got {scale}")
        if embed_dim % num_heads:
            raise FrontendError(f"{num_heads} heads do not split {embed_dim} features")
        weights = dict(weights or {})
        options = {"threshold": threshold, "tau_mem": tau_mem}

        def layer(role: str, source: str, **changed) -> str:
            linear = self.add_spike_linear(
                source, embed_dim, weight=weights.pop(role, None),
                bias=weights.pop(f"{role}_bias", None), name=f"{name}_{role}",
            )  # fmt: skip
            return self.add_spike_neuron(linear, **(options | changed), name=f"{name}_{role}_lif")

        q, k, v = (layer(role, input_id) for role in "qkv")
        product = self._add(name, net.Attention(q, k, v, num_heads, scale), q, k, v)
        spikes = self.add_spike_neuron(
            product, threshold=threshold / 2, tau_mem=tau_mem, name=f"{name}_lif"
        )
        result = layer("proj", spikes)
        if weights:
            raise FrontendError(f"attention has no weights {', '.join(map(repr, weights))}")
        return result

    # Everything else.

    def add_encoding(
        self,
        input_id: str,
        method: str = "rate",
        *,
        seed: int | None = None,
        threshold: float = 0.1,
        off_spikes: bool = False,
        name: str = "encoding",
    ) -> str:
        """Numbers to spikes.

        ``"rate"``, ``"latency"`` and ``"phase"`` take an input that is given once,
        ``f32[batch, ...]`` in [0, 1]; ``"delta"`` one that is given at every step.

        | method | spikes |
        |---|---|
        | ``rate`` | at each step with probability x: a hash of (seed, step, batch, element) is under it |
        | ``latency`` | one, at step ``round((1 - x) (steps - 1))``; none where x is 0 |
        | ``phase`` | at step t the bit ``7 - t mod 8`` of ``floor(256 x)``, as heavy as its place (Kim et al. 2018) |
        | ``delta`` | where x is at least ``threshold`` larger than a step ago (at first: than 0); with ``off_spikes``, -1 where smaller |
        """  # noqa: E501
        if method not in ENCODINGS:
            raise FrontendError(f"no encoding '{method}'; supported: {', '.join(ENCODINGS)}")
        node = self._network.nodes[self._known(input_id)]
        if method != "delta":
            readers = [b for a, b in self._network.edges if a == input_id]
            others = [
                b for b in readers
                if getattr(self._network.nodes[b], "method", "delta") == "delta"
            ]  # fmt: skip
            if not isinstance(node, net.Input) or others:
                raise FrontendError(
                    f"the encoding '{method}' takes an input that is given once and read by "
                    f"encodings only; '{input_id}' is not one"
                )
            node.static = True
        own = self.seed if seed is None else _whole("seed", seed, 0)
        if not 0 < threshold < math.inf:
            raise FrontendError(f"expects a positive 'threshold', got {threshold}")
        encoding = net.Encoding(method, own, float(threshold), off_spikes)
        return self._add(name, encoding, input_id)

    def add_temporal_pooling(
        self, input_id: str, window_size: int = 4, method: str = "sum", *, name: str = "pool"
    ) -> str:
        """One value for every ``window_size`` steps: ``"sum"``, ``"mean"`` or ``"max"``.

        It can only feed outputs, which then have a step for every window.
        """
        if method not in ("sum", "mean", "max"):
            raise FrontendError(f"no temporal pooling '{method}'; supported: sum, mean, max")
        window = _whole("window_size", window_size)
        return self._add(name, net.TemporalPool(window, method), input_id)

    def add_residual(self, first_id: str, second_id: str, *, name: str = "residual") -> str:
        """The sum of two nodes of one shape."""
        shapes = self.shape_of(first_id), self.shape_of(second_id)
        if shapes[0] != shapes[1]:
            raise FrontendError(f"a residual adds equal shapes, got {shapes[0]} and {shapes[1]}")
        if first_id == second_id:  # Two edges between the same nodes are one.
            return self._add(name, net.Scale(np.full(shapes[0], 2.0)), first_id)
        return self._add(name, net.Sum(), first_id, second_id)

    def add_flatten(self, input_id: str, start: int = 0, end: int = -1, *, name="flatten") -> str:
        """Merges the axes from ``start`` to ``end``, which is included."""
        return self._add(name, net.Flatten(start, end), input_id)

    def add_pool2d(
        self, input_id: str, kernel_size=2, stride=None, method: str = "sum",
        *, name: str = "pool2d",
    ) -> str:  # fmt: skip
        """``"sum"`` or ``"average"`` over windows of height and width."""
        if method not in ("sum", "average"):
            raise FrontendError(f"no pooling '{method}'; supported: sum, average")
        kernel = _pair(name, "kernel_size", kernel_size, 1)
        step = kernel if stride is None else _pair(name, "stride", stride, 1)
        return self._add(name, net.Pool(method, kernel, step, (0, 0)), input_id)

    def shape_of(self, node_id: str) -> tuple[int, ...]:
        """The shape that a node gives."""
        return self._network.shape(self._known(node_id))

    def build(self) -> Network:
        """The finished network.

        Raises:
            FrontendError: there is no input or no output, or something is not fed.
        """
        network = self._network.finish()
        network.name = self.name
        if self._drawn:
            print(
                f"plait: no weights given for {', '.join(self._drawn)}: drawn with seed "
                f"{self.seed}",
                file=sys.stderr,
            )
        return network

    def _known(self, node_id: str) -> str:
        if node_id not in self._network.nodes:
            have = ", ".join(self._network.nodes) or "none"
            raise FrontendError(f"no node '{node_id}'; there are: {have}")
        return node_id

    def _add(self, name: str, node, *sources: str) -> str:
        for source in sources:
            self._known(source)
            if isinstance(self._network.nodes[source], net.Output):
                raise FrontendError(f"nothing can be behind the output '{source}'")
            if getattr(self._network.nodes[source], "static", False) and not isinstance(
                node, net.Encoding
            ):
                raise FrontendError(f"'{source}' is given once: only encodings can read it")
        fresh, count = name, self._taken.get(name, 0)
        while fresh in self._network.nodes:
            count += 1
            fresh = f"{name}_{count}"
        self._taken[name] = count
        self._network.nodes[fresh] = node
        self._network.edges += [(source, fresh) for source in dict.fromkeys(sources)]
        if not isinstance(node, net.Output):
            self._network.shape(fresh)  # Refuses what does not fit, here.
        return fresh

    def _array(self, name: str, what: str, value, shape) -> np.ndarray | None:
        if value is None:
            return None
        value = _numbers(f"'{name}' expects a {what}", value)
        if value.shape != tuple(shape):
            raise FrontendError(f"'{name}' expects a {what} of shape {shape}, got {value.shape}")
        with np.errstate(over="ignore"):
            value = value.astype(np.float32)
        if not np.isfinite(value).all():
            raise FrontendError(f"'{name}' has a {what} that is not finite in 32 bits")
        return value

    def _weight(self, name: str, value, shape) -> np.ndarray:
        if value is None:
            self._drawn.append(f"'{name}'")
            fan_in = math.prod(shape[1:])
            drawn = self._random.standard_normal(shape) / math.sqrt(fan_in)
            return drawn.astype(np.float32)
        return self._array(name, "weight", value, shape)


def _numbers(expects: str, value) -> np.ndarray:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise FrontendError(f"{expects} of numbers, got {value!r}") from None


def _whole(what: str, value, least: int = 1) -> int:
    """A number that counts something."""
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "iu" or array < least:
        raise FrontendError(f"expects a whole '{what}' of at least {least}, got {value!r}")
    return int(array)


def _pair(name: str, what: str, value, least: int) -> tuple[int, int]:
    """One number for height and width, or one for each."""
    pair = np.asarray(value)
    if pair.shape not in ((), (2,)) or pair.dtype.kind not in "iu" or (pair < least).any():
        raise FrontendError(
            f"'{name}' expects a '{what}' of one or two whole numbers of at least {least}, "
            f"got {value!r}"
        )
    height, width = np.broadcast_to(pair, 2)
    return int(height), int(width)


def _parameter(what: str, value, shape: tuple[int, ...]) -> np.ndarray:
    """A number, or an array whose shape ends the population's."""
    value = _numbers(f"expects a '{what}'", value)
    if value.ndim and value.shape != shape[len(shape) - value.ndim :]:
        raise FrontendError(
            f"expects a '{what}' of one number, or of a shape that ends {shape}, got {value.shape}"
        )
    return value


def _decay(what: str, tau, shape: tuple[int, ...]) -> np.ndarray:
    """``exp(-1 / tau)`` of a time constant in steps."""
    tau = _parameter(what, tau, shape)
    if not (tau > 0).all():
        raise FrontendError(f"expects a positive '{what}', got {tau.min():g}")
    return np.exp(-1 / tau)
