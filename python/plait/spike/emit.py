"""A spiking network as MLIR: one function with a loop over time."""

import math
from dataclasses import replace
from numbers import Integral

import numpy as np

from plait.errors import FrontendError
from plait.module import Module, TensorSpec
from plait.spike import network as net
from plait.spike.emit_nodes import attend, encode
from plait.spike.network import Network, Neuron


def emit(
    network: Network,
    time_steps: int | None = None,
    batch: int | None = None,
    observe: tuple[str, ...] = (),
    state: str = "fresh",
    rates: dict[str, np.ndarray] | None = None,
) -> Module:
    """The module of a finished network; arguments as in :func:`plait.from_nir`.

    ``rates`` has the measured share of steps with a spike for each neuron, or channel, of
    populations, which passes may look at.

    Raises:
        FrontendError: ``state`` is unknown, or needs a ``batch``.
    """
    if state not in ("fresh", "carried"):
        raise FrontendError(f"expects state='fresh' or 'carried', got {state!r}")
    if state == "carried" and batch is None:
        raise FrontendError("state='carried' keeps arrays of a fixed size: give a 'batch'")
    for what, value in (("time_steps", time_steps), ("batch", batch)):
        if value is not None and not (isinstance(value, Integral) and value > 0):
            raise FrontendError(f"expects a positive '{what}' or None, got {value!r}")
    return _Writer(network, time_steps, batch, state, rates or {}).write(observe)


def _tensor(sizes, element="f32") -> str:
    shape = "".join(f"{'?' if size is None else size}x" for size in sizes)
    return f"tensor<{shape}{element}>"


class _State:
    """A value that the loop carries, and what it starts as."""

    def __init__(self, name: str, initial: str, type_: str, array: np.ndarray | None = None):
        self.name, self.initial, self.type = name, initial, type_
        self.array = array  # Of the state between calls; None for a result.
        self.next = ""


class _Writer:
    """Writes one network as a function with a loop over time."""

    def __init__(self, network: Network, time, batch, state: str, rates: dict):
        self.network, self.time, self.batch = network, time, batch
        self.rates = rates
        self.kept = state == "carried"
        self.weights: dict[str, np.ndarray] = {}
        self.arguments: list[str] = []
        self.used = {"%batch", "%c0", "%c1", "%end", "%t", "%time", "%zero"}
        self.taken: dict[str, int] = {}  # a name -> how often it was asked for
        self.before: list[str] = []  # lines ahead of the loop
        self.lines: list[str] = []  # lines of the loop's body
        self.carried: list[_State] = []
        self.late: dict[str, str] = {}  # node -> its output of the step before
        self.values: dict[str, str] = {}  # node -> its output of this step
        self.potentials: dict[str, str] = {}

    # Names and types.

    def fresh(self, hint: str) -> str:
        """An SSA name that nothing else has."""
        base = "%" + "".join(c if c.isalnum() and c.isascii() else "_" for c in hint)
        if not base[1:] or base[1].isdigit():
            base = "%n" + base[1:]
        name, count = base, self.taken.get(base, 0)
        while name in self.used:
            count += 1
            name = f"{base}_{count}"
        self.taken[base] = count
        self.used.add(name)
        return name

    def type(self, shape) -> str:
        """The type of one step of ``shape``."""
        return _tensor((self.batch, *shape))

    def write_line(self, hint: str, text: str) -> str:
        """Adds an op with one result to the loop; the result's name."""
        name = self.fresh(hint)
        self.lines.append(f"{name} = {text}")
        return name

    # Arguments and values ahead of the loop.

    def weight(self, name: str, array: np.ndarray, element: str = "f32") -> tuple[str, str]:
        """Makes an array a leading argument; its name and type."""
        dtype = np.float32 if element == "f32" else np.int64
        with np.errstate(over="ignore"):
            array = np.array(array, dtype, order="C")
        if not np.isfinite(array).all():
            raise FrontendError(f"'{name}' does not fit into 32 bits")
        value, type_ = self.fresh(name), _tensor(array.shape, element)
        self.weights[value] = array
        self.arguments.append(f"{value}: {type_}")
        return value, type_

    def parameter(self, name: str, array) -> tuple[str, str]:
        """A neuron parameter: one value where all neurons have the same."""
        array = np.asarray(array, np.float64)
        if array.size and (array == array.flat[0]).all():
            array = array.flat[0]
        return self.weight(name, array)

    def empty(self, lines: list[str], shape, front: tuple = ()) -> tuple[str, str]:
        """An uninitialised tensor of one step, or of ``front`` steps."""
        value, type_ = self.fresh("empty"), _tensor((*front, self.batch, *shape))
        sizes = "%batch" if self.batch is None else ""
        lines.append(f"{value} = tensor.empty({sizes}) : {type_}")
        return value, type_

    def filled(self, lines: list[str], shape, front: tuple = (), value="%zero") -> str:
        """A tensor of one scalar, zero by default, as :meth:`empty`."""
        empty, type_ = self.empty(lines, shape, front)
        name = self.fresh("zeros" if value == "%zero" else "filled")
        lines.append(f"{name} = linalg.fill ins({value} : f32) outs({empty} : {type_}) -> {type_}")
        return name

    def spread(self, lines: list[str], value: str, type_: str, shape, axes=None) -> str:
        """``value`` over the batch and the axes before its own; ``axes`` are those it lacks."""
        rank = type_.count("x")
        empty, whole = self.empty(lines, shape)
        result = self.fresh("spread")
        axes = list(range(1 + len(shape) - rank)) if axes is None else axes
        lines.append(
            f"{result} = linalg.broadcast ins({value} : {type_}) outs({empty} : {whole}) "
            f"dimensions = {axes}"
        )
        return result

    def carry(self, hint: str, shape, front: tuple = (), start=None) -> _State:
        """State that the loop carries, from zero or ``start`` (a parameter and its type)."""
        name, type_ = self.fresh(hint), _tensor((*front, self.batch, *shape))
        if self.kept:
            array = np.zeros((*front, self.batch, *shape), np.float32)
            array[...] = 0 if start is None else self.weights[start[0]]
            entry = _State(name, self.fresh(f"{hint}_start"), type_, array)
        elif start is None:
            entry = _State(name, self.filled(self.before, shape, front), type_)
        else:
            entry = _State(name, self.spread(self.before, *start, shape), type_)
        entry.next = self.fresh(f"{hint}_next")
        self.carried.append(entry)
        return entry

    # Nodes.

    def input_of(self, name: str) -> str:
        """The sum of what reaches a node in this step."""
        total = None
        type_ = self.type(self.network.shape(self.network.sources(name)[0]))
        for source in self.network.sources(name):
            late = (source, name) in self.network.delayed
            value = self.late[source] if late else self.values[source]
            total = value if total is None else self.elementwise("add", total, value, type_, "sum")
        return total

    def elementwise(self, op: str, left: str, right: str, type_: str, hint: str) -> str:
        """A named elementwise op of two tensors of one type."""
        empty = self.fresh("empty")
        sizes = "%batch" if self.batch is None else ""
        self.lines.append(f"{empty} = tensor.empty({sizes}) : {type_}")
        return self.write_line(
            hint, f"linalg.{op} ins({left}, {right} : {type_}, {type_}) "
            f"outs({empty} : {type_}) -> {type_}"
        )  # fmt: skip

    def emit(self, name: str) -> str:
        """Writes a node; the name of its output."""
        node, shape = self.network.nodes[name], self.network.shape(name)
        roles = isinstance(node, net.Attention)
        x, type_ = "" if roles else self.input_of(name), self.type(shape)
        if isinstance(node, net.Output | net.Sum | net.TemporalPool):
            return x
        if isinstance(node, net.Encoding):
            return encode(self, name, node, x, shape)
        if isinstance(node, net.Attention):
            return attend(self, name, node, shape)
        if isinstance(node, net.Linear):
            return self.emit_linear(name, node, x, shape)
        if isinstance(node, net.Conv):
            return self.emit_conv(name, node, x, shape)
        if isinstance(node, net.Pool):
            return self.emit_pool(name, node, x, shape)
        if isinstance(node, net.Scale):
            factor = self.spread(self.lines, *self.weight(f"{name}_scale", node.scale), shape)
            return self.elementwise("mul", x, factor, type_, name)
        if isinstance(node, net.Threshold):
            level = self.weight(f"{name}_threshold", node.threshold)
            level = self.spread(self.lines, *level, shape)
            over = self.write_line("over", f"arith.cmpf ogt, {x}, {level} : {type_}")
            bits = type_.replace("f32", "i1")
            return self.write_line(name, f"arith.uitofp {over} : {bits} to {type_}")
        if isinstance(node, net.Flatten):
            given = self.network.shape(self.network.sources(name)[0])
            start, end = net.flattened(node, len(given))
            if start >= end:
                return x
            return self.merge(name, x, given, start, end)
        if isinstance(node, net.Delay):
            return self.emit_delay(name, node, x, shape)
        return self.emit_neuron(name, name, node, x, shape)

    def merge(self, name: str, x: str, given, start: int, end: int) -> str:
        """``x`` with the axes from ``start`` to ``end`` as one; axis 0 of the tensor is batch."""
        groups = [[i] for i in range(start + 1)]
        groups.append(list(range(start + 1, end + 2)))
        groups += [[i] for i in range(end + 2, len(given) + 1)]
        merged = (*given[:start], math.prod(given[start : end + 1]), *given[end + 1 :])
        return self.write_line(
            name, f"tensor.collapse_shape {x} {groups} : {self.type(given)} into "
            f"{self.type(merged)}"
        )  # fmt: skip

    def split(self, name: str, x: str, given, axis: int, parts: tuple[int, int]) -> str:
        """``x`` with one axis as two."""
        groups = [[i] for i in range(axis + 1)] + [[axis + 1, axis + 2]]
        groups += [[i + 1] for i in range(axis + 2, len(given) + 1)]
        whole = (*given[:axis], *parts, *given[axis + 1 :])
        sizes = ", ".join(map(str, ("%batch" if self.batch is None else self.batch, *whole)))
        return self.write_line(
            name, f"tensor.expand_shape {x} {groups} output_shape [{sizes}] : "
            f"{self.type(given)} into {self.type(whole)}"
        )  # fmt: skip

    def add_bias(self, name: str, value: str, bias, shape) -> str:
        """``value`` plus a bias along the first axis of ``shape``."""
        if bias is None or not np.any(bias):
            return value
        over = [0, *range(2, len(shape) + 1)]
        spread = self.spread(self.lines, *self.weight(f"{name}_bias", bias), shape, over)
        return self.elementwise("add", value, spread, self.type(shape), f"{name}_biased")

    def emit_linear(self, name: str, node: net.Linear, x: str, shape) -> str:
        w, w_type = self.weight(f"{name}_weight", np.asarray(node.weight).T)
        given = (*shape[:-1], node.weight.shape[1])
        rows, op, maps = self.type(given), "matmul", ""
        if len(shape) > 1:
            # Rows of tokens: one product for all of them.
            dims = "".join(f"r{i}, " for i in range(len(shape)))
            op = "contract"
            maps = (
                f"indexing_maps = [affine_map<({dims}n, k) -> ({dims}k)>, "
                f"affine_map<({dims}n, k) -> (k, n)>, affine_map<({dims}n, k) -> ({dims}n)>] "
            )
        start, type_ = self.filled(self.lines, shape), self.type(shape)
        y = self.write_line(
            name, f"linalg.{op} {maps}ins({x}, {w} : {rows}, {w_type}) "
            f"outs({start} : {type_}) -> {type_}"
        )  # fmt: skip
        if node.bias is not None and len(shape) > 1:
            spread = self.spread(self.lines, *self.weight(f"{name}_bias", node.bias), shape)
            return self.elementwise("add", y, spread, type_, f"{name}_biased")
        return self.add_bias(name, y, node.bias, shape)

    def pad(self, name: str, x: str, given, padding) -> tuple[str, tuple[int, ...]]:
        """``x`` with zeros around its last axes, and its new shape."""
        if not any(low or high for low, high in padding):
            return x, given
        front = [(0, 0)] * (1 + len(given) - len(padding))
        low, high = zip(*front, *padding, strict=True)
        sizes = [s + a + b for s, (a, b) in zip(given, (*front[1:], *padding), strict=True)]
        axes = ", ".join(f"{self.fresh('axis')}: index" for _ in low)
        y = self.write_line(
            f"{name}_padded", f"tensor.pad {x} low{list(low)} high{list(high)} {{ "
            f"^bb0({axes}): tensor.yield %zero : f32 }} : "
            f"{self.type(given)} to {self.type(sizes)}"
        )  # fmt: skip
        return y, tuple(sizes)

    def emit_conv(self, name: str, node: net.Conv, x: str, shape) -> str:
        """A convolution over two axes; data of one axis gets one more of size 1."""
        given = self.network.shape(self.network.sources(name)[0])
        weight, stride, dilation = np.asarray(node.weight), node.stride, node.dilation
        padding, out = node.padding, shape
        if len(stride) == 1:
            x, given = self.split(name, x, given, 1, (1, given[1])), (given[0], 1, given[1])
            weight, padding = weight[:, :, None], ((0, 0), *padding)
            stride, dilation, out = (1, *stride), (1, *dilation), (shape[0], 1, shape[1])
        x, given = self.pad(name, x, given, padding)
        filters, per_group = weight.shape[:2]
        steps = (
            f"{{dilations = dense<{list(dilation)}> : tensor<2xi64>, "
            f"strides = dense<{list(stride)}> : tensor<2xi64>}}"
        )
        if node.groups == 1:
            op, ins, outs = "conv_2d_nchw_fchw", given, out
        elif per_group == 1 and filters == node.groups:
            op, ins, outs, weight = "depthwise_conv_2d_nchw_chw", given, out, weight[:, 0]
        else:
            op = "conv_2d_ngchw_gfchw"
            weight = weight.reshape(node.groups, filters // node.groups, *weight.shape[1:])
            ins = (node.groups, per_group, *given[1:])
            outs = (node.groups, filters // node.groups, *out[1:])
            x = self.split(f"{name}_groups", x, given, 0, ins[:2])
        w, w_type = self.weight(f"{name}_weight", weight)
        start = self.filled(self.lines, outs)
        y = self.write_line(
            name, f"linalg.{op} {steps} ins({x}, {w} : {self.type(ins)}, {w_type}) "
            f"outs({start} : {self.type(outs)}) -> {self.type(outs)}"
        )  # fmt: skip
        if outs != out:
            y = self.merge(f"{name}_merged", y, outs, 0, 1)
        y = self.add_bias(name, y, node.bias, out)
        return self.merge(f"{name}_line", y, out, 1, 2) if out != shape else y

    def emit_pool(self, name: str, node: net.Pool, x: str, shape) -> str:
        given = self.network.shape(self.network.sources(name)[0])
        leading = given[:-2]
        if len(leading) != 1:
            raise FrontendError(
                f"{self.network.describe(name)} takes channels, height and width, got {given}"
            )
        x, given = self.pad(name, x, given, [(p, p) for p in node.padding])
        window = self.fresh("window")
        window_type = _tensor(node.kernel)
        self.lines.append(f"{window} = tensor.empty() : {window_type}")
        start, type_ = self.filled(self.lines, shape), self.type(shape)
        y = self.write_line(
            name, f"linalg.pooling_nchw_sum {{dilations = dense<1> : tensor<2xi64>, "
            f"strides = dense<{list(node.stride)}> : tensor<2xi64>}} "
            f"ins({x}, {window} : {self.type(given)}, {window_type}) "
            f"outs({start} : {type_}) -> {type_}"
        )  # fmt: skip
        if node.kind == "sum":
            return y
        count = self.fresh("count")
        self.before.append(f"{count} = arith.constant {float(math.prod(node.kernel))} : f32")
        many = self.filled(self.lines, shape, value=count)
        return self.elementwise("div", y, many, type_, f"{name}_mean")

    def emit_neuron(self, name: str, prefix: str, node: Neuron, x: str, shape) -> str:
        """Writes one step of a population; the name of what it gives."""
        if node.current is not None:
            x = self.emit_neuron(name, f"{prefix}_i", node.current, x, shape)
        if node.threshold is not None and node.reset is None:
            return self.emit_unreset(name, prefix, node, x, shape)
        operands, leak = f"integrator {node.integrator}", None
        for field in ("decay", "gain", "leak", "threshold"):
            array = getattr(node, field)
            if array is not None:
                value, type_ = self.parameter(f"{prefix}_{field}", array)
                operands += f" {field}({value} : {type_})"
                leak = (value, type_) if field == "leak" else leak
        if node.threshold is not None:
            operands += f" compare {node.compare}"
        if node.reset is not None:
            operands += f" reset {node.reset} at {node.reset_at}"
        if node.reset_value is not None:
            value, type_ = self.parameter(f"{prefix}_reset", node.reset_value)
            operands += f" to({value} : {type_})"
        if node.multi_spike:
            operands += " multi_spike"
        if node.minimum is not None:
            value, type_ = self.parameter(f"{prefix}_minimum", node.minimum)
            operands += f" minimum({value} : {type_})"
        state = self.carry(f"{prefix}_v", shape, start=leak)
        results = [self.fresh(prefix), state.next]
        tail = ""
        if node.refractory is not None:
            left = self.carry(f"{prefix}_left", shape)
            value, type_ = self.parameter(f"{prefix}_refractory", node.refractory)
            operands += f" refractory({value} : {type_}, {left.name} : {left.type})"
            results.append(left.next)
            tail = f" left {left.type}"
        if name in self.rates and node.threshold is not None:
            rates = ", ".join(f"{rate:.9e}" for rate in self.rates[name])
            type_ = _tensor(self.rates[name].shape)
            operands += f" {{spike.rates = dense<[{rates}]> : {type_}}}"
        self.lines.append(
            f"{', '.join(results)} = spike.neuron {x}, {state.name} {operands} : {state.type}{tail}"
        )
        self.potentials[name] = state.next
        return results[0]

    def emit_unreset(self, name: str, prefix: str, node: Neuron, x: str, shape) -> str:
        """A population whose spikes change nothing: its potential, and a comparison."""
        v = self.emit_neuron(name, prefix, replace(node, threshold=None, current=None), x, shape)
        level = self.parameter(f"{prefix}_threshold", node.threshold)
        level = self.spread(self.lines, *level, shape)
        type_ = self.type(shape)
        over = self.write_line("over", f"arith.cmpf o{node.compare}, {v}, {level} : {type_}")
        bits = type_.replace("f32", "i1")
        return self.write_line(f"{prefix}_spikes", f"arith.uitofp {over} : {bits} to {type_}")

    def emit_delay(self, name: str, node: net.Delay, x: str, shape) -> str:
        """Writes a Delay node; on a cycle the loop carries the last of its steps."""
        steps = np.array(node.steps, np.int64)
        if name in self.late:
            if (steps < 1).any():
                raise FrontendError(
                    f"{self.network.describe(name)} on a cycle expects at least one step"
                )
            steps -= 1
        depth = int(steps.max(initial=0))
        buffer = self.carry(f"{name}_line", shape, (depth,))
        own = ""
        if (steps != depth).any():
            own = " steps({} : {})".format(*self.weight(f"{name}_steps", steps, "i64"))
        out = self.fresh(name)
        self.lines.append(
            f"{out}, {buffer.next} = spike.delay {x}, {buffer.name}{own} : "
            f"{self.type(shape)}, {buffer.type}"
        )
        return out

    # The whole.

    def window(self, shape) -> str:
        """Offsets, sizes and strides of one step of ``tensor<time x batch x ...>``."""
        offsets = ", ".join(["%t"] + ["0"] * (len(shape) + 1))
        batch = "%batch" if self.batch is None else self.batch
        sizes = ", ".join(str(s) for s in (1, batch, *shape))
        ones = ", ".join(["1"] * (len(shape) + 2))
        return f"[{offsets}] [{sizes}] [{ones}]"

    def pooled(self, name: str) -> net.TemporalPool | None:
        """The temporal pool that an output reads, if it does."""
        node = self.network.nodes[name]
        sources = self.network.sources(name)
        pools = [s for s in sources if isinstance(self.network.nodes[s], net.TemporalPool)]
        if not pools or isinstance(node, net.TemporalPool):
            return None
        if not isinstance(node, net.Output) or len(sources) > 1:
            raise FrontendError(
                f"{self.network.describe(name)} reads a temporal pool; only an output, and one "
                "that reads nothing else, can: the network behind it has no such steps"
            )
        pool = self.network.nodes[pools[0]]
        if self.time is None or self.time % pool.window:
            raise FrontendError(
                f"{self.network.describe(pools[0])} expects a number of time steps that is a "
                f"multiple of {pool.window}, got {self.time}"
            )
        return pool

    def whole(self, name: str, time=None, batch=None) -> tuple:
        """The sizes of a node's values over a run; ``time`` and ``batch`` if they are free."""
        steps = time if self.time is None else self.time
        size = batch if self.batch is None else self.batch
        node = self.network.nodes[name]
        if isinstance(node, net.Input) and node.static:
            return (size, *node.shape)
        pool = self.pooled(name)
        return (self.time // pool.window if pool else steps, size, *self.network.shape(name))

    def write(self, observe: tuple[str, ...]) -> Module:
        """The module."""
        graph, shape = self.network, self.network.shape
        inputs, outputs = graph.named(net.Input), graph.named(net.Output)
        whole = {n: _tensor(self.whole(n)) for n in graph.nodes}
        callers = {name: self.fresh(f"in_{name}") for name in inputs}
        last = {}
        for name in dict.fromkeys(a for a, b in graph.edges if (a, b) in graph.delayed):
            last[name] = self.carry(f"{name}_last", shape(name))
            self.late[name] = last[name].name
        for name in graph.order:
            if name in callers and graph.nodes[name].static:
                self.values[name] = callers[name]
            elif name in callers:
                self.values[name] = self.write_line(
                    name, f"tensor.extract_slice {callers[name]}{self.window(shape(name))} : "
                    f"{whole[name]} to {self.type(shape(name))}"
                )  # fmt: skip
            else:
                self.values[name] = self.emit(name)
        for name, entry in last.items():
            entry.next = self.values[name]
        kept = [entry for entry in self.carried if self.kept]
        results = [(n, self.values[n], f"out_{n}") for n in outputs]
        results += [(n, self.potentials[n], f"out_{n}_v") for n in observe]
        outs = [self.emit_result(*result, whole[result[0]]) for result in results]
        arguments = [
            *self.arguments,
            *(f"{entry.initial}: {entry.type}" for entry in kept),
            *(f"{callers[n]}: {whole[n]}" for n in inputs),
        ]
        spec = {
            n: TensorSpec(np.dtype(np.float32), self.whole(n, "time", "batch"), n) for n in whole
        }
        return Module(
            self.text(arguments, callers, [*kept, *outs]),
            weights=tuple(self.weights.values()),
            state=tuple(entry.array for entry in kept),
            updates=tuple(range(len(kept))),
            inputs=tuple(spec[n] for n in inputs),
            outputs=tuple(spec[n] for n, _, _ in results),
            source="spike",
            graph=graph,
        )

    def emit_result(self, name: str, value: str, hint: str, type_: str) -> _State:
        """Records a value at every step, or window of a temporal pool, in a result."""
        empty = self.fresh("empty")
        free = (self.time is None, self.batch is None)
        sizes = [s for s, dynamic in zip(("%time", "%batch"), free, strict=True) if dynamic]
        self.before.append(f"{empty} = tensor.empty({', '.join(sizes)}) : {type_}")
        shape, pool = self.network.shape(name), self.pooled(name)
        window, step = self.window(shape), self.type(shape)
        if pool is not None:
            # What no sum, mean or maximum changes.
            start = self.fresh("start")
            neutral = "0xFF800000" if pool.method == "max" else "0.0"
            filled = self.fresh("filled")
            self.before += [
                f"{start} = arith.constant {neutral} : f32",
                f"{filled} = linalg.fill ins({start} : f32) outs({empty} : {type_}) -> {type_}",
            ]
            empty = filled
        entry = _State(self.fresh(hint), empty, type_)
        entry.next = self.fresh(f"{hint}_next")
        self.carried.append(entry)
        if pool is not None:
            size = self.write_line("window", f"arith.constant {pool.window} : index")
            row = self.write_line("row", f"arith.divui %t, {size} : index")
            window = window.replace("%t", row, 1)
            held = self.write_line(
                "held", f"tensor.extract_slice {entry.name}{window} : {type_} to {step}"
            )
            if pool.method == "mean":
                count = self.fresh("count")
                self.before.append(f"{count} = arith.constant {float(pool.window)} : f32")
                many = self.filled(self.lines, shape, value=count)
                value = self.elementwise("div", value, many, step, "share")
            op = "max" if pool.method == "max" else "add"
            value = self.elementwise(op, held, value, step, "pooled")
        self.lines.append(
            f"{entry.next} = tensor.insert_slice {value} into {entry.name}{window} : "
            f"{step} into {type_}"
        )
        return entry

    def text(self, arguments: list[str], callers: dict[str, str], outs: list[_State]) -> str:
        """The function around the loop."""
        sizes = []
        timed = [n for n in callers if not self.network.nodes[n].static]
        if not timed and self.time is None:
            raise FrontendError("no input says how many steps there are: give 'time_steps'")
        name = next(iter(timed or callers))
        axes = (self.time, self.batch) if timed else (self.batch,)
        labels = ("%time", "%batch")[-len(axes) :]
        for axis, (label, size) in enumerate(zip(labels, axes, strict=True)):
            if size is None:
                type_ = _tensor(self.whole(name))
                sizes.append(f"{label} = tensor.dim {callers[name]}, %c{axis} : {type_}")
        if self.time is not None:
            sizes.append(f"%time = arith.constant {self.time} : index")
        types = [entry.type for entry in outs]
        loop = f"%end:{len(self.carried)}"
        places = {entry.name: place for place, entry in enumerate(self.carried)}
        results = ", ".join(f"%end#{places[entry.name]}" for entry in outs)
        head = [
            "%c0 = arith.constant 0 : index",
            "%c1 = arith.constant 1 : index",
            "%zero = arith.constant 0.0 : f32",
            *sizes,
            *self.before,
            f"{loop} = scf.for %t = %c0 to %time step %c1 iter_args("
            + ", ".join(f"{entry.name} = {entry.initial}" for entry in self.carried)
            + ") -> ("
            + ", ".join(entry.type for entry in self.carried)
            + ") {",
        ]
        end = (
            "scf.yield "
            + ", ".join(entry.next for entry in self.carried)
            + " : "
            + ", ".join(entry.type for entry in self.carried)
        )
        body = [f"  {line}" for line in [*self.lines, end]]
        lines = [*head, *body, "}", f"return {results} : {', '.join(types)}"]
        return "\n".join(
            [
                f"func.func @main({', '.join(arguments)}) -> ({', '.join(types)}) {{",
                *(f"  {line}" for line in lines),
                "}",
                "",
            ]
        )
