"""NIR files to MLIR: populations as ``spike`` ops, synapses as linalg."""

import math
from collections.abc import Sequence

import numpy as np

from plait.errors import FrontendError
from plait.frontends.nir_conventions import CONVENTIONS
from plait.frontends.nir_graph import NEURONS, Graph, kind, listing, read
from plait.module import Module, TensorSpec


def from_nir(
    path_or_graph,
    *,
    dt: float,
    convention: str,
    time_steps: int | None = None,
    batch: int | None = None,
    observe: Sequence[str] = (),
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
            (seconds, or 1 for files that count in steps). NIR does not hold it.
        convention: whose arithmetic: a name in
            :data:`plait.frontends.nir_conventions.CONVENTIONS`. NIR does not
            hold it either, and spikes depend on it.
        time_steps: the number of steps, or None to take any.
        batch: the number of independent samples, or None to take any.
        observe: names of neuron nodes whose potential after each step is
            a further result, in this order.

    Raises:
        FrontendError: unknown convention, malformed file, an unsupported node
            (all are listed with their types), a parameter that the
            convention's simulator does not have, or shapes that do not fit.
    """
    if convention not in CONVENTIONS:
        raise FrontendError(
            f"no convention '{convention}'; supported: {', '.join(sorted(CONVENTIONS))}"
        )
    if not (isinstance(dt, int | float) and 0 < dt < math.inf):
        raise FrontendError(f"expects a positive 'dt', got {dt!r}")
    graph = read(path_or_graph)
    for name in observe:
        if name not in graph.nodes or kind(graph.nodes[name]) not in NEURONS:
            potentials = {n: v for n, v in graph.nodes.items() if kind(v) in NEURONS}
            raise FrontendError(f"cannot observe '{name}'; potentials: {listing(potentials)}")
    return _Writer(graph, float(dt), convention, time_steps, batch).write(tuple(observe))


def _tensor(sizes, element="f32") -> str:
    shape = "".join(f"{'?' if size is None else size}x" for size in sizes)
    return f"tensor<{shape}{element}>"


class _Writer:
    """Writes one flat graph as a function with a loop over time."""

    def __init__(self, graph: Graph, dt: float, convention: str, time, batch):
        self.graph, self.dt = graph, dt
        self.name, self.convention = convention, CONVENTIONS[convention]
        self.time, self.batch = time, batch
        self.shapes: dict[str, tuple[int, ...] | None] = {}
        self.weights: list[np.ndarray] = []
        self.arguments: list[str] = []
        self.used = {"%batch", "%c0", "%c1", "%end", "%t", "%time", "%zero"}
        self.before: list[str] = []  # lines ahead of the loop
        self.lines: list[str] = []  # lines of the loop's body
        self.carried: list[list[str]] = []  # [argument, initial value, type, next value]
        self.late: dict[str, str] = {}  # node -> its output of the step before
        self.values: dict[str, str] = {}  # node -> its output of this step
        self.potentials: dict[str, str] = {}

    # Names, shapes and types.

    def fresh(self, hint: str) -> str:
        """An SSA name that nothing else has."""
        base = "%" + "".join(c if c.isalnum() and c.isascii() else "_" for c in hint)
        if not base[1:] or base[1].isdigit():
            base = "%n" + base[1:]
        name, count = base, 1
        while name in self.used:
            name, count = f"{base}_{count}", count + 1
        self.used.add(name)
        return name

    def state(self, shape) -> str:
        """The type of one step of a population."""
        return _tensor((self.batch, *shape))

    def shape(self, name: str) -> tuple[int, ...]:
        """What a node gives for one sample at one step."""
        if name in self.shapes:
            if self.shapes[name] is None:
                raise FrontendError(f"the shape of node '{name}' depends on itself")
            return self.shapes[name]
        self.shapes[name] = None
        node = self.graph.nodes[name]
        if kind(node) in ("Affine", "Linear"):
            if node.weight.ndim != 2:
                raise FrontendError(
                    f"node '{name}' ({kind(node)}) expects a weight of rank 2, "
                    f"got shape {node.weight.shape}"
                )
            found = (node.weight.shape[0],)
        elif name in self.graph.inputs:
            found = tuple(int(s) for s in np.atleast_1d(node.input_type["input"]))
        else:
            found = ()
            field = {"LIF": "r", "LI": "r", "CubaLIF": "r", "CubaLI": "r", "Scale": "scale",
                     "Delay": "delay", "Threshold": "threshold"}.get(kind(node))  # fmt: skip
            if field:
                found = np.shape(getattr(node, field))
            if not found:
                found = self.shape(self.graph.sources(name)[0])
            if kind(node) == "Flatten":
                start, end = self.flattened(name, len(found))
                if start < end:
                    merged = math.prod(found[start : end + 1])
                    found = (*found[:start], merged, *found[end + 1 :])
        self.shapes[name] = found
        return found

    def flattened(self, name: str, rank: int) -> tuple[int, int]:
        """The first and the last axis that a Flatten node merges."""
        node = self.graph.nodes[name]
        start, end = int(node.start_dim), int(node.end_dim)
        return start + rank * (start < 0), end + rank * (end < 0)

    def check_shapes(self) -> None:
        """Raises where an edge joins different shapes."""
        for source, target in self.graph.edges:
            node, got = self.graph.nodes[target], self.shape(source)
            if kind(node) in ("Affine", "Linear"):
                wanted = (node.weight.shape[1],)
            elif kind(node) == "Flatten":
                wanted = self.shape(self.graph.sources(target)[0])
            else:
                wanted = self.shape(target)
            if got != wanted:
                raise FrontendError(
                    f"node '{target}' ({kind(node)}) takes shape {wanted}, but '{source}' "
                    f"({kind(self.graph.nodes[source])}) gives {got}"
                )
        for name in self.graph.outputs:
            declared = self.graph.nodes[name].output_type["output"]
            # Some exporters leave axes of one for batch and time in front.
            if declared is not None and _bare(declared) != _bare(self.shape(name)):
                raise FrontendError(
                    f"node '{name}' (Output) declares shape {tuple(declared)}, "
                    f"but gets {self.shape(name)}"
                )

    # Arguments and values ahead of the loop.

    def weight(self, name: str, array: np.ndarray, element: str = "f32") -> tuple[str, str]:
        """Makes an array a leading argument; its name and type."""
        array = np.array(array, np.float32 if element == "f32" else np.int64, order="C")
        value, type_ = self.fresh(name), _tensor(array.shape, element)
        self.weights.append(array)
        self.arguments.append(f"{value}: {type_}")
        return value, type_

    def parameter(self, name: str, field: str, array) -> tuple[str, str]:
        """A neuron parameter: one value where all neurons have the same."""
        array = np.asarray(array)
        if not np.isfinite(array).all():
            raise FrontendError(f"node '{name}' has a '{field}' that is not finite")
        if array.size and (array == array.flat[0]).all():
            array = array.flat[0]
        return self.weight(f"{name}_{field}", array)

    def empty(self, lines: list[str], shape, front: tuple = ()) -> tuple[str, str]:
        """An uninitialised tensor of one step, or of ``front`` steps."""
        value, type_ = self.fresh("empty"), _tensor((*front, self.batch, *shape))
        sizes = "%batch" if self.batch is None else ""
        lines.append(f"{value} = tensor.empty({sizes}) : {type_}")
        return value, type_

    def zeros(self, lines: list[str], shape, front: tuple = ()) -> tuple[str, str]:
        """A tensor of zeros, as :meth:`empty`."""
        empty, type_ = self.empty(lines, shape, front)
        value = self.fresh("zeros")
        lines.append(f"{value} = linalg.fill ins(%zero : f32) outs({empty} : {type_}) -> {type_}")
        return value, type_

    def spread(self, lines: list[str], value: str, type_: str, rank: int, shape) -> str:
        """``value``, of the last ``rank`` axes, over the batch (and all axes before)."""
        empty, whole = self.empty(lines, shape)
        result, axes = self.fresh("spread"), list(range(1 + len(shape) - rank))
        lines.append(
            f"{result} = linalg.broadcast ins({value} : {type_}) outs({empty} : {whole}) "
            f"dimensions = {axes}"
        )
        return result

    def carry(self, hint: str, initial: str, type_: str) -> list[str]:
        """A value that the loop carries; its last item is set to the next one."""
        entry = [self.fresh(hint), initial, type_, ""]
        self.carried.append(entry)
        return entry

    # Nodes.

    def input_of(self, name: str) -> str:
        """The sum of what reaches a node in this step."""
        total = None
        shape = self.shape(self.graph.sources(name)[0])
        for source in self.graph.sources(name):
            late = (source, name) in self.graph.delayed
            value = self.late[source] if late else self.values[source]
            if total is None:
                total = value
                continue
            empty, type_ = self.empty(self.lines, shape)
            result = self.fresh("sum")
            self.lines.append(
                f"{result} = linalg.add ins({total}, {value} : {type_}, {type_}) "
                f"outs({empty} : {type_}) -> {type_}"
            )
            total = result
        return total

    def membrane(self, name: str) -> tuple[str, str]:
        """The operands of a neuron's potential, and the potential."""
        node, convention = self.graph.nodes[name], self.convention
        cuba = kind(node).startswith("Cuba")
        tau = np.asarray(node.tau_mem if cuba else node.tau, np.float64)
        r = np.asarray(node.r, np.float64)
        where = f"node '{name}' ({kind(node)})"
        self.check_tau(name, tau)
        if not convention.leak and np.any(node.v_leak):
            raise FrontendError(f"{where} has a v_leak, which '{self.name}' does not have")
        ratio = self.dt / tau
        wanted = np.vectorize(convention.ungained)(ratio) if convention.ungained else 1.0
        if not convention.gain and not np.allclose(r, wanted, rtol=1e-3):
            raise FrontendError(
                f"{where} has r={r.flat[0]:g}, which '{self.name}' does not read; "
                f"expected {np.ravel(wanted)[0]:g}"
            )
        if convention.ungained:
            r = 1 / ratio
        operands, v = self.integrator(name, "v", tau, r, node.v_leak)
        self.potentials[name] = self.carried[-1][3]
        return operands, v

    def check_tau(self, name: str, tau) -> None:
        """Raises where a time constant cannot be stepped."""
        where = f"node '{name}' ({kind(self.graph.nodes[name])})"
        if not (tau > 0).all():
            raise FrontendError(f"{where} expects a positive 'tau', got {tau.min()}")
        if self.convention.integrator == "euler" and (tau < self.dt).any():
            raise FrontendError(
                f"{where} has a tau of {tau.min():g}, shorter than the step dt={self.dt:g}, "
                "which forward Euler cannot follow; are both in the same unit?"
            )

    def integrator(self, name: str, hint: str, tau, r, leak) -> tuple[str, str]:
        """The operands of an integrator, and its state, which starts at ``leak``."""
        shape, operands = self.shape(name), []
        prefix = name if hint == "v" else f"{name}_{hint}"
        for field, array in (("tau", tau), ("r", r), ("v_leak", leak)):
            value, type_ = self.parameter(prefix, field, array)
            operands.append(f"{field}({value} : {type_})")
        if np.any(leak):
            rank = 0 if type_ == "tensor<f32>" else len(shape)
            rest = self.spread(self.before, value, type_, rank, shape)
        else:
            rest, _ = self.zeros(self.before, shape)
        state = self.carry(f"{name}_{hint}", rest, self.state(shape))
        state[3] = self.fresh(f"{name}_{hint}_next")
        return " ".join(operands), state[0]

    def emit_li(self, name: str, x: str, operands: str, state: str, out: str) -> None:
        """Writes one step of a leaky integrator."""
        self.lines.append(
            f"{out} = spike.li {x}, {state} {operands} dt {self.dt!r} "
            f"integrator {self.convention.integrator} : {self.state(self.shape(name))}"
        )

    def synapse(self, name: str, x: str) -> str:
        """The current of a Cuba node after this step's input: a leaky integrator."""
        node = self.graph.nodes[name]
        if not self.convention.cuba:
            able = ", ".join(n for n, c in CONVENTIONS.items() if c.cuba)
            raise FrontendError(
                f"convention '{self.name}' has no {kind(node)} (node '{name}'); "
                f"those that have: {able}"
            )
        tau = np.asarray(node.tau_syn, np.float64)
        self.check_tau(name, tau)
        operands, current = self.integrator(name, "i", tau, node.w_in, np.zeros_like(tau))
        out = self.carried[-1][3]
        self.emit_li(name, x, operands, current, out)
        return out

    def emit(self, name: str) -> str:
        """Writes a node; the name of its output."""
        node, shape = self.graph.nodes[name], self.shape(name)
        x, type_, out = self.input_of(name), self.state(shape), self.fresh(name)
        write = self.lines.append
        if kind(node) in ("Input", "Output"):
            return x
        if kind(node) in ("Affine", "Linear"):
            w, w_type = self.weight(f"{name}_weight", np.asarray(node.weight).T)
            if kind(node) == "Affine":
                b, b_type = self.weight(f"{name}_bias", node.bias)
                start = self.spread(self.lines, b, b_type, 1, shape)
            else:
                start, _ = self.zeros(self.lines, shape)
            x_type = self.state((node.weight.shape[1],))
            write(
                f"{out} = linalg.matmul ins({x}, {w} : {x_type}, {w_type}) "
                f"outs({start} : {type_}) -> {type_}"
            )
        elif kind(node) == "Scale":
            s, s_type = self.weight(f"{name}_scale", node.scale)
            factor = self.spread(self.lines, s, s_type, np.ndim(node.scale), shape)
            empty, _ = self.empty(self.lines, shape)
            write(
                f"{out} = linalg.mul ins({x}, {factor} : {type_}, {type_}) "
                f"outs({empty} : {type_}) -> {type_}"
            )
        elif kind(node) == "Threshold":
            t, t_type = self.weight(f"{name}_threshold", node.threshold)
            level = self.spread(self.lines, t, t_type, np.ndim(node.threshold), shape)
            over, bits = self.fresh("over"), type_.replace("f32", "i1")
            write(f"{over} = arith.cmpf ogt, {x}, {level} : {type_}")
            write(f"{out} = arith.uitofp {over} : {bits} to {type_}")
        elif kind(node) == "Flatten":
            given = self.shape(self.graph.sources(name)[0])
            start, end = self.flattened(name, len(given))
            if start >= end:
                return x
            # Axis 0 of the tensor is the batch.
            groups = [[i] for i in range(start + 1)]
            groups.append(list(range(start + 1, end + 2)))
            groups += [[i] for i in range(end + 2, len(given) + 1)]
            write(f"{out} = tensor.collapse_shape {x} {groups} : {self.state(given)} into {type_}")
        elif kind(node) == "Delay":
            self.emit_delay(name, x, out)
        elif kind(node) in ("LI", "CubaLI"):
            x = self.synapse(name, x) if kind(node) == "CubaLI" else x
            operands, v = self.membrane(name)
            self.emit_li(name, x, operands, v, self.potentials[name])
            return self.potentials[name]
        else:
            x = self.synapse(name, x) if kind(node) == "CubaLIF" else x
            self.emit_lif(name, x, out)
        return out

    def emit_lif(self, name: str, x: str, out: str) -> None:
        """Writes a firing neuron with the arithmetic of the convention."""
        node, c = self.graph.nodes[name], self.convention
        operands, v = self.membrane(name)
        threshold, type_ = self.parameter(name, "v_threshold", node.v_threshold)
        operands += f" v_threshold({threshold} : {type_})"
        if not c.reset_value and np.any(node.v_reset):
            raise FrontendError(
                f"node '{name}' ({kind(node)}) has a v_reset, which '{self.name}' does not have"
            )
        if c.multi_spike and not (np.asarray(node.v_threshold) > 0).all():
            raise FrontendError(
                f"node '{name}' ({kind(node)}) expects a positive 'v_threshold' where a "
                f"neuron may fire several times in a step, got {np.min(node.v_threshold):g}"
            )
        if c.reset == "value":
            reset, type_ = self.parameter(name, "v_reset", node.v_reset)
            operands += f" v_reset({reset} : {type_})"
        self.lines.append(
            f"{out}, {self.potentials[name]} = spike.lif {x}, {v} {operands} "
            f"dt {self.dt!r} integrator {c.integrator} compare {c.compare} "
            f"reset {c.reset} at {c.reset_at}{' multi_spike' if c.multi_spike else ''} : "
            f"{self.state(self.shape(name))}"
        )

    def emit_delay(self, name: str, x: str, out: str) -> None:
        """Writes a Delay node; on a cycle the loop carries the last of its steps."""
        shape = self.shape(name)
        exact = np.asarray(self.graph.nodes[name].delay, np.float64) / self.dt
        steps = np.rint(exact)
        if not (np.isfinite(exact).all() and (steps >= 0).all()):
            raise FrontendError(f"node '{name}' (Delay) expects delays of 0 or more")
        if np.abs(exact - steps).max(initial=0) > 1e-3:
            raise FrontendError(
                f"node '{name}' (Delay) expects whole steps of dt={self.dt:g}, "
                f"got {exact.flat[np.abs(exact - steps).argmax()]:g}"
            )
        if name in self.late:
            if (steps < 1).any():
                raise FrontendError(f"node '{name}' (Delay) on a cycle expects at least one step")
            steps -= 1
        depth = int(steps.max(initial=0))
        line, type_ = self.zeros(self.before, shape, (depth,))
        buffer = self.carry(f"{name}_line", line, type_)
        buffer[3] = self.fresh(f"{name}_line_next")
        own = ""
        if (steps != depth).any():
            own = " steps({} : {})".format(*self.weight(f"{name}_steps", steps, "i64"))
        self.lines.append(
            f"{out}, {buffer[3]} = spike.delay {x}, {buffer[0]}{own} : {self.state(shape)}, {type_}"
        )

    # The whole.

    def window(self, shape) -> str:
        """Offsets, sizes and strides of one step of ``tensor<time x batch x ...>``."""
        offsets = ", ".join(["%t"] + ["0"] * (len(shape) + 1))
        batch = "%batch" if self.batch is None else self.batch
        sizes = ", ".join(str(s) for s in (1, batch, *shape))
        ones = ", ".join(["1"] * (len(shape) + 2))
        return f"[{offsets}] [{sizes}] [{ones}]"

    def write(self, observe: tuple[str, ...]) -> Module:
        """The module."""
        self.check_shapes()
        graph = self.graph
        if self.convention.late:
            graph.delayed |= {(a, b) for a, b in graph.edges if kind(graph.nodes[a]) == "LIF"}
        whole = {n: _tensor((self.time, self.batch, *self.shape(n))) for n in graph.nodes}
        callers = {name: self.fresh(f"in_{name}") for name in graph.inputs}
        last = {}
        for name in dict.fromkeys(a for a, _ in graph.delayed):
            zeros, type_ = self.zeros(self.before, self.shape(name))
            last[name] = self.carry(f"{name}_last", zeros, type_)
            self.late[name] = last[name][0]
        for name in graph.order:
            if name in callers:
                self.values[name] = self.fresh(name)
                self.lines.append(
                    f"{self.values[name]} = tensor.extract_slice {callers[name]}"
                    f"{self.window(self.shape(name))} : {whole[name]} to "
                    f"{self.state(self.shape(name))}"
                )
            else:
                self.values[name] = self.emit(name)
        for name, entry in last.items():
            entry[3] = self.values[name]
        results = [(n, self.values[n], f"out_{n}") for n in graph.outputs]
        results += [(n, self.potentials[n], f"out_{n}_v") for n in observe]
        outs = [self.emit_result(*result, whole[result[0]]) for result in results]
        arguments = [*self.arguments, *(f"{callers[n]}: {whole[n]}" for n in graph.inputs)]
        sizes = ("time" if self.time is None else self.time,
                 "batch" if self.batch is None else self.batch)  # fmt: skip
        spec = {n: TensorSpec(np.dtype(np.float32), (*sizes, *self.shape(n)), n) for n in whole}
        return Module(
            self.text(arguments, callers, outs),
            weights=tuple(self.weights),
            inputs=tuple(spec[n] for n in graph.inputs),
            outputs=tuple(spec[n] for n, _, _ in results),
            source="nir",
        )

    def emit_result(self, name: str, value: str, hint: str, type_: str) -> list[str]:
        """Records a value at every step in a result."""
        empty = self.fresh("empty")
        sizes = [s for s, n in (("%time", self.time), ("%batch", self.batch)) if n is None]
        self.before.append(f"{empty} = tensor.empty({', '.join(sizes)}) : {type_}")
        entry = self.carry(hint, empty, type_)
        entry[3] = self.fresh(f"{hint}_next")
        self.lines.append(
            f"{entry[3]} = tensor.insert_slice {value} into {entry[0]}"
            f"{self.window(self.shape(name))} : {self.state(self.shape(name))} into {type_}"
        )
        return entry

    def text(self, arguments: list[str], callers: dict[str, str], outs: list) -> str:
        """The function around the loop."""
        source, name = next((value, n) for n, value in callers.items())
        type_ = _tensor((self.time, self.batch, *self.shape(name)))
        sizes = []
        for axis, (label, size) in enumerate((("%time", self.time), ("%batch", self.batch))):
            if size is None:
                sizes.append(f"{label} = tensor.dim {source}, %c{axis} : {type_}")
        if self.time is not None:
            sizes.append(f"%time = arith.constant {self.time} : index")
        types = [entry[2] for entry in outs]
        loop = f"%end:{len(self.carried)}"
        results = ", ".join(f"%end#{self.carried.index(entry)}" for entry in outs)
        head = [
            "%c0 = arith.constant 0 : index",
            "%c1 = arith.constant 1 : index",
            "%zero = arith.constant 0.0 : f32",
            *sizes,
            *self.before,
            f"{loop} = scf.for %t = %c0 to %time step %c1 iter_args("
            + ", ".join(f"{entry[0]} = {entry[1]}" for entry in self.carried)
            + ") -> ("
            + ", ".join(entry[2] for entry in self.carried)
            + ") {",
        ]
        end = (
            "scf.yield "
            + ", ".join(entry[3] for entry in self.carried)
            + " : "
            + ", ".join(entry[2] for entry in self.carried)
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


def _bare(shape) -> tuple[int, ...]:
    """A shape without leading axes of one."""
    shape = tuple(int(s) for s in np.atleast_1d(shape))
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape
