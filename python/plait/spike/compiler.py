"""Spiking networks to native code or a mapped chip, pass by pass."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from numbers import Integral
from pathlib import Path

import numpy as np

from plait.compiler import compile as compile_module
from plait.compiler import run_stages
from plait.errors import PlaitError
from plait.executable import Executable
from plait.logging_config import HealthMonitor, compiler_logger
from plait.module import Module
from plait.spike import network as net
from plait.spike.emit import emit
from plait.spike.network import Network
from plait.spike.weights import run_on_constants

#: Layers that see all of time at once: what most passes look at.
_BATCHED = ("spike-batch-time", "canonicalize", "cse")


class OptimizationPass(Enum):
    """What can be done to a spiking network; the value is its passes.

    ``WEIGHT_QUANTIZATION``, ``BATCHNORM_FOLDING`` and ``NEURON_PRUNING`` with ``max_rate``
    may change spikes; the rest leave every one as it is.
    """

    TEMPORAL_FUSION = (
        *_BATCHED, "spike-reassociate-attention", "spike-fuse-conv", "spike-fuse-neuron",
        "spike-sum-events",
    )  # fmt: skip
    SPIKE_COMPRESSION = ("canonicalize", "spike-pack")
    NEURON_PRUNING = (*_BATCHED, "spike-prune-neurons")
    WEIGHT_QUANTIZATION = ("spike-quantize",)
    BATCHNORM_FOLDING = (*_BATCHED, "spike-fold-batchnorm")


#: The inputs of a comparison where nobody gives any.
_SEED = 0

#: What each ``optimization_level`` does; 0 takes one step after another, as the loop over time
#: says, and 2 is what :func:`plait.compile` does. Passes that may change spikes are in none.
LEVELS = {
    0: (),
    1: (OptimizationPass.TEMPORAL_FUSION,),
    2: (OptimizationPass.TEMPORAL_FUSION, OptimizationPass.SPIKE_COMPRESSION),
    3: (
        OptimizationPass.NEURON_PRUNING,
        OptimizationPass.TEMPORAL_FUSION,
        OptimizationPass.SPIKE_COMPRESSION,
    ),
}

TARGETS = ("simulation", "loihi3")


class Optimizer:
    """A list of passes over a network's IR.

    Attributes:
        passes: pairs of an :class:`OptimizationPass` and its options, in order.
    """

    def __init__(self, passes: Sequence[OptimizationPass] = ()):
        self.passes: list[tuple[OptimizationPass, dict]] = [(p, {}) for p in passes]

    def add_pass(self, which: OptimizationPass, **options) -> "Optimizer":
        """Appends a pass; options as its page in docs/Passes.md names them, ``_`` for ``-``."""
        if not isinstance(which, OptimizationPass):
            names = ", ".join(each.name for each in OptimizationPass)
            raise PlaitError(f"no pass {which!r}; supported: OptimizationPass.{{{names}}}")
        self.passes.append((which, options))
        return self

    def remove_pass(self, which: OptimizationPass) -> "Optimizer":
        """Drops every occurrence of a pass."""
        self.passes = [(p, o) for p, o in self.passes if p is not which]
        return self

    @property
    def pipeline(self) -> list[str]:
        """The passes as ``plait-opt`` names them."""
        names = []
        for which, options in self.passes:
            text = " ".join(f"{k.replace('_', '-')}={_option(v)}" for k, v in options.items())
            *first, last = which.value
            names += [*first, f"{last}{{{text}}}" if text else last]
        return names

    @property
    def lossy(self) -> bool:
        """Whether a pass may change spikes."""
        return any(
            which in (OptimizationPass.WEIGHT_QUANTIZATION, OptimizationPass.BATCHNORM_FOLDING)
            or options.get("max_rate", -1) >= 0
            for which, options in self.passes
        )

    @property
    def max_rate(self) -> float | None:
        """The measured rate up to which neurons are taken out, if any are."""
        rates = [options["max_rate"] for _, options in self.passes if "max_rate" in options]
        return rates[-1] if rates else None

    def run(self, module: Module) -> Module:
        """The module after all passes.

        Raises:
            CompileError: a pass failed.
        """
        # What the strand stage would do besides is nobody's choice.
        module = replace(module, stages={"strand": "plait-strand{spikes=false}"})
        if not self.passes:
            return module
        if any(name.startswith("spike-prune-neurons") for name in self.pipeline):
            return run_on_constants(module, ",".join(self.pipeline))
        weights = f"weights={len(module.weights)}"
        names = []
        for name in self.pipeline:
            if name.startswith("spike-quantize"):
                options = name.partition("{")[2].rstrip("}")
                name = f"spike-quantize{{{options} {weights}}}"
            names.append(name)
        passes = ["inline", "symbol-dce", f"func.func({','.join(names)})"]
        return replace(module, text=run_stages(module.text.encode(), passes).decode())


def _option(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class CompiledSpikeModel:
    """A network that runs; what :meth:`SpikeCompiler.compile_graph` returns.

    Attributes:
        graph: the network.
        module: its IR, optimised.
        executable: native code.
        target: what it was compiled for.
        mapping: where its neurons are, for chips.
        statistics: ``compilation_time`` (seconds), ``peak_memory_mb``, ``neurons``,
            ``synapses``; and ``spike_difference`` where a pass may change spikes: of all
            ``elements`` of the outputs of one run how many are ``different``, their sums
            ``before`` and ``after``, and whether the run's ``calibration`` was ``"given"`` or
            ``"seeded"``.
    """

    graph: Network
    module: Module
    executable: Executable
    target: str
    statistics: dict
    mapping: object = None

    def run(self, *inputs):
        """Runs all time steps; arrays as the input ports take them.

        An array ``[batch, ...]`` where a port takes ``[time, batch, ...]`` is given at every
        step.
        """
        ready = []
        for value, spec in zip(inputs, self.executable.inputs, strict=False):
            value = np.asarray(value, np.float32)
            if value.ndim == len(spec.shape) - 1 and isinstance(spec.shape[0], int):
                value = np.ascontiguousarray(np.broadcast_to(value, (spec.shape[0], *value.shape)))
            ready.append(value)
        return self.executable(*ready, *inputs[len(ready) :])

    __call__ = run


class SpikeCompiler:
    """Compiles spiking networks; the calls of the Spike Transformer Compiler's guides.

    Args:
        target: ``"simulation"``: native code for this machine; ``"loihi3"``: the same, and
            a mapping onto a parametric Loihi-style device (nothing is published of a chip
            of that name).
        optimization_level: 0 to 3; see :data:`plait.spike.compiler.LEVELS`.
        time_steps: of a run.
        debug: keeps the IR after every stage in a folder, which is printed.
        verbose: says what is done on standard error.
    """

    def __init__(
        self,
        target: str = "simulation",
        optimization_level: int = 2,
        time_steps: int = 4,
        debug: bool = False,
        verbose: bool = False,
    ):
        if target not in TARGETS:
            raise PlaitError(f"no target '{target}'; supported: {', '.join(TARGETS)}")
        if not isinstance(optimization_level, int) or optimization_level not in LEVELS:
            raise PlaitError(f"expects an optimization_level from 0 to 3, got {optimization_level}")
        if not (isinstance(time_steps, Integral) and time_steps > 0):
            raise PlaitError(f"expects positive time_steps, got {time_steps!r}")
        self.target, self.optimization_level = target, optimization_level
        self.time_steps, self.debug, self.verbose = time_steps, debug, verbose

    def create_optimizer(self) -> Optimizer:
        """The passes of the optimization level, to change before :meth:`compile_graph`."""
        return Optimizer(LEVELS[self.optimization_level])

    def compile(
        self, model, *args, optimizer: Optimizer | None = None, calibration=None, **options
    ):
        """Compiles a network, a NIR file or a torch model.

        Args:
            model: a network of :class:`plait.spike.SpikeIRBuilder`; the path of a ``.nir``
                file (``options`` go to :func:`plait.from_nir`); or a ``torch.nn.Module`` of
                spiking layers (``args`` are example arguments of :func:`plait.from_torch`, and
                ``options`` its others: ``time_steps=`` for a model that is called once a
                step); or what these functions return.
            optimizer: what to do instead of the level's passes.
            calibration: the inputs of a run, on which passes that may change spikes are
                measured; seeded uniform numbers if None.
        """
        import plait

        if isinstance(model, Network):
            return self.compile_graph(model, optimizer=optimizer, calibration=calibration)
        if isinstance(model, Module):
            module = model
        elif isinstance(model, str | Path):
            module = plait.from_nir(model, time_steps=self.time_steps, **options)
        else:
            module = plait.from_torch(model, args, **options)
        optimizer = self.create_optimizer() if optimizer is None else optimizer
        if optimizer.max_rate is not None:
            raise PlaitError(
                "a pass with 'max_rate' measures a network: give compile_graph the module's graph"
            )
        return self._compile(module, optimizer, calibration)

    def compile_graph(
        self,
        graph: Network,
        *,
        batch: int | None = None,
        optimizer: Optimizer | None = None,
        calibration=None,
    ) -> CompiledSpikeModel:
        """Compiles a network for ``time_steps`` steps; arguments as for :meth:`compile`.

        Raises:
            FrontendError: the network is malformed.
            CompileError: a pass failed.
        """
        if not isinstance(graph, Network):
            raise PlaitError(f"expects a network, got {type(graph).__name__}: compile() takes more")
        optimizer = self.create_optimizer() if optimizer is None else optimizer
        module = emit(graph, self.time_steps, batch)
        if optimizer.max_rate is not None:
            from plait.spike.runs import simulate

            inputs = _inputs(module, calibration)
            recording = simulate(graph, *inputs, record=True, progress=False)
            axes = {name: (0, 1, *range(3, z.ndim)) for name, z in recording.spikes.items()}
            rates = {name: z.mean(axes[name]) for name, z in recording.spikes.items()}
            module = emit(graph, self.time_steps, batch, rates=rates)
        return self._compile(module, optimizer, calibration)

    def _compile(self, module: Module, optimizer: Optimizer, calibration) -> CompiledSpikeModel:
        given = module
        graph = module.graph
        name = getattr(graph, "name", module.source)
        fields = {"model": name, "target": self.target, "passes": optimizer.pipeline}
        with HealthMonitor() as monitor, compiler_logger.compilation(**fields) as found:
            module = optimizer.run(module)
            folder = self._folder(name)
            executable = compile_module(module, dump_stages_to=folder)
            found |= _count(graph)
            found["peak_memory_mb"] = monitor.get_memory_stats()["peak_memory_mb"]
            mapping = None
            if self.target == "loihi3":
                from plait.spike.loihi import map_network

                mapping = map_network(graph, "loihi3")
                print(f"plait: {name}: 'loihi3': {mapping.device.note}", file=sys.stderr)
        record = compiler_logger.get_metrics_summary()["recent"][-1]
        statistics = {**found, "compilation_time": record["seconds"]}
        if optimizer.lossy:
            inputs = _inputs(given, calibration)
            statistics["spike_difference"] = {
                **_compare(compile_module(given).run(inputs), executable.run(inputs)),
                "calibration": "seeded" if calibration is None else "given",
            }
        if self.verbose:
            passes = ", ".join(optimizer.pipeline) or "no passes"
            print(f"plait: {name}: {passes}; {record['seconds']:.3f} s", file=sys.stderr)
            if optimizer.lossy:
                changed = statistics["spike_difference"]
                print(
                    f"plait: {name}: {changed['different']} of {changed['elements']} outputs "
                    f"differ ({changed['calibration']} inputs)",
                    file=sys.stderr,
                )
        return CompiledSpikeModel(graph, module, executable, self.target, statistics, mapping)

    def _folder(self, name: str):
        if not self.debug:
            return None
        import tempfile

        folder = tempfile.mkdtemp(prefix="plait-debug-")
        print(f"plait: {name}: the IR after every stage is in {folder}", file=sys.stderr)
        return folder


def _inputs(module: Module, calibration) -> list[np.ndarray]:
    """The caller's arrays of one run: given, or seeded numbers of [0, 1)."""
    if calibration is not None:
        given = calibration if isinstance(calibration, tuple | list) else [calibration]
        return [np.ascontiguousarray(x, np.float32) for x in given]
    if module.inputs is None:
        raise PlaitError("a pass that may change spikes needs 'calibration' inputs")
    rng = np.random.default_rng(_SEED)
    shapes = [[n if isinstance(n, int) else 2 for n in spec.shape] for spec in module.inputs]
    return [rng.random(shape, dtype=np.float32) for shape in shapes]


def _compare(before, after) -> dict:
    """How the outputs of two runs differ."""
    pairs = [(np.asarray(x), np.asarray(y)) for x, y in zip(before, after, strict=True)]
    return {
        "elements": sum(x.size for x, _ in pairs),
        "different": sum(int((x != y).sum()) for x, y in pairs),
        "before": float(sum(x.sum() for x, _ in pairs)),
        "after": float(sum(y.sum() for _, y in pairs)),
    }


def _count(graph: Network | None) -> dict:
    """The neurons and synapses of a network."""
    if graph is None:
        return {}
    neurons = sum(int(np.prod(graph.shape(n))) for n in graph.named(net.Neuron))
    synapses = sum(
        int(np.prod(graph.nodes[n].weight.shape)) for n in graph.named(net.Linear)
    ) + sum(
        int(np.prod(graph.shape(n)[1:])) * int(np.prod(graph.nodes[n].weight.shape))
        for n in graph.named(net.Conv)
    )
    return {"neurons": neurons, "synapses": synapses}
