"""Neuron modules of snnTorch, Norse, SpikingJelly and Sinabs as ``spike`` ops.

While a model is exported, every neuron module gets a ``forward`` that calls one op,
``plait::neuron``, whose body is a ``spike.neuron`` or, with a leading axis of time, a
``spike.scan`` with that library's rule: the same operations in the same order, in f32. What
lies between them is exported as ordinary torch. Libraries are known by their modules' names;
none is imported here.
"""

from contextlib import contextmanager

import torch

from plait.errors import FrontendError
from plait.frontends._torch.kernels import kernel
from plait.frontends._torch.text import Body

_LIBRARIES = ("snntorch", "norse", "spikingjelly", "sinabs")
_JELLY_BASES = (
    "BaseNode", "SimpleBaseNode", "NonSpikingBaseNode", "NoisyBaseNode", "NoisyNonSpikingBaseNode",
    "ILCBaseNode", "DSRIFNode", "DSRLIFNode", "GatedLIFNode", "MaskedPSN", "SlidingPSN",
    "FewSpikeNode", "STBIFNode", "ActivationAwareIFNode",
)  # fmt: skip


@kernel(
    "neuron(Tensor x, Tensor v, Tensor[] parameters, str rule) -> (Tensor, Tensor)",
    lambda x, v, parameters, rule: (x.new_empty(x.shape), v.new_empty(v.shape)),
)
def _neuron(b: Body, x, v, parameters, rule):
    """``rule`` is the op's text; ``{0}`` in it stands for the first parameter."""
    text = rule.format(*(f"{p.name} : {p.type}" for p in parameters))
    head, results = b._several([(x.element, x.shape), (v.element, v.shape)])
    if len(x.shape) == len(v.shape):
        b.line(f"{head}spike.neuron {x.name}, {v.name} {text} : {v.type}")
    else:
        b.line(
            f"{head}spike.scan current({x.name} : {x.type}) state({v.name} : {v.type}) "
            f"{text} : {x.type}"
        )
    return results


@kernel(
    "resting_neuron(Tensor x, Tensor v, Tensor left, Tensor[] parameters, str rule)"
    " -> (Tensor, Tensor, Tensor)",
    lambda x, v, left, parameters, rule: (
        x.new_empty(x.shape), v.new_empty(v.shape), v.new_empty(v.shape),
    ),
)  # fmt: skip
def _resting_neuron(b: Body, x, v, left, parameters, rule):
    """One step; ``{0}`` stands for the first parameter, the last is how long a neuron rests."""
    *given, rest = (f"{p.name} : {p.type}" for p in parameters)
    head, results = b._several([(x.element, x.shape), (v.element, v.shape), (v.element, v.shape)])
    b.line(
        f"{head}spike.neuron {x.name}, {v.name} {rule.format(*given)} "
        f"refractory({rest}, {left.name} : {left.type}) : {v.type} left {left.type}"
    )
    return results


class _Rule:
    """The text of a neuron op and its parameters."""

    def __init__(self, where: str, integrator: str):
        self.where = where
        self.text = f"integrator {integrator}"
        self.parameters: list = []

    def add(self, keyword: str, value) -> "_Rule":
        """A parameter, unless it is None."""
        if value is not None:
            tensor = torch.as_tensor(value, dtype=torch.float32).detach().clone()
            self.text += f" {keyword}({{{len(self.parameters)}}})"
            self.parameters.append(tensor)
        return self

    def fires(self, threshold, compare: str, reset: str, at: str = "now", to=None) -> "_Rule":
        """A threshold and a reset; ``to`` is None for zero."""
        self.add("threshold", threshold)
        self.text += f" compare {compare} reset {reset} at {at}"
        if to is not None and torch.as_tensor(to).any():
            self.add("to", to)
        return self

    def __call__(self, x, v):
        """(what the neurons give, the next potential)."""
        return torch.ops.plait.neuron(x, v, self._fitting(x, v, self.parameters), self.text)

    def resting(self, x, v, left, rest):
        """The same of neurons that rest: (what they give, next potential, next ``left``)."""
        rest = torch.as_tensor(rest, dtype=torch.float32).detach().clone()
        parameters = self._fitting(x, v, [*self.parameters, rest])
        return torch.ops.plait.resting_neuron(x, v, left, parameters, self.text)

    def _fitting(self, x, v, values) -> list:
        """Parameters as a population of the shape of ``v`` takes them."""
        parameters = []
        for value in values:
            value = value.to(x.device)
            if value.numel() == 1:
                value = value.reshape(())
            # The leading axis of a state is the batch, which parameters do not have.
            while value.ndim >= v.ndim and value.ndim and value.shape[0] == 1:
                value = value[0]
            if value.ndim and tuple(value.shape) != tuple(v.shape[v.ndim - value.ndim :]):
                raise FrontendError(
                    f"{self.where}: a parameter of shape {tuple(value.shape)} does not end the "
                    f"population's shape {tuple(v.shape[1:])}"
                )
            parameters.append(value)
        return parameters


def _refuse(where: str, what: str):
    raise FrontendError(f"{where}: {what}; spike ops have no such rule")


# Libraries. Each function makes the forward of a module from the module; ``state`` keeps what a
# module that hides its state carries from call to call.


def _snntorch(module, where, state):
    kind = type(module).__name__
    known = ("Leaky", "Synaptic", "Lapicque", "RLeaky", "RSynaptic")
    if kind not in known:
        _refuse(where, f"snnTorch's {kind} is not supported ({', '.join(known)} are)")
    recurs, synaptic = kind.startswith("R"), kind.endswith("Synaptic")
    if module.inhibition:
        _refuse(where, "inhibition")
    if module.state_quant:
        _refuse(where, "state_quant")
    if not torch.all(torch.as_tensor(module.graded_spikes_factor) == 1):
        _refuse(where, "a graded_spikes_factor other than 1")
    reset = module.reset_mechanism
    delayed = getattr(module, "reset_delay", True)
    if not delayed and reset == "subtract":
        _refuse(where, "reset_delay=False with reset_mechanism='subtract', which tests the "
                "potential less the last step's reset")  # fmt: skip
    if not delayed and kind == "RSynaptic":
        _refuse(where, "reset_delay=False, which snnTorch's RSynaptic cannot run")
    if not delayed and (module.threshold < 0).any():
        _refuse(where, "reset_delay=False with a negative threshold")
    at = "next" if delayed else "now"
    if kind == "Leaky" and reset == "zero" and delayed:
        at = "next_before"
    if kind == "Lapicque":
        decay = 1 - module.time_step / (module.R * module.C)
    else:
        decay = module.beta.clamp(0, 1)
    rule = _Rule(where, "impulse").add("decay", decay)
    if reset != "none":
        rule.fires(module.threshold, "gt", "value" if reset == "zero" else "subtract", at)
    current = None
    if synaptic:
        current = _Rule(where, "impulse").add("decay", module.alpha.clamp(0, 1))

    def step(x, spk, syn, mem):
        if recurs:
            x = x + module.recurrent(spk)
        if current is not None:
            x, syn = current(x, syn)
        spikes, mem = rule(x, mem)
        if reset == "none":
            spikes = (mem > module.threshold).to(x.dtype)
        return spikes, syn, mem

    names = ["spk"] * recurs + ["syn"] * synaptic + ["mem"]

    def forward(input_, *given, **named):
        """States come in the order of their names, and go in it, behind the spikes."""
        if kind == "Lapicque":
            input_ = input_ * module.R * (1 / (module.R * module.C)) * module.time_step
        values = dict(zip(names, given, strict=False)) | named
        held = [n for n in names if values.get(n) is None or values[n].shape != input_.shape]
        values |= {name: state(name, input_) for name in held}
        spikes, *after = step(input_, *(values.get(name) for name in ("spk", "syn", "mem")))
        after = {"spk": spikes, **dict(zip(("syn", "mem"), after, strict=True))}
        for name in held:
            state.keep(name, after[name])
        if module.init_hidden and not module.output:
            return spikes
        return (spikes, *(after[name] for name in names if name != "spk"))

    return forward


def _spikingjelly(module, where, state):
    kind = type(module).__name__
    if kind in ("NonSpikingIFNode", "NonSpikingLIFNode"):
        return _spikingjelly_potential(module)
    known = ("LIFNode", "IFNode", "ParametricLIFNode", "SimpleIFNode", "SimpleLIFNode",
             "CUBALIFNode", "HalfThresholdIFNode", "OTTTLIFNode", "SLTTLIFNode")  # fmt: skip
    if kind not in known:
        _refuse(where, f"SpikingJelly's {kind} is not supported ({', '.join(known)} and the "
                "NonSpiking nodes are)")  # fmt: skip
    if getattr(module, "store_v_seq", False):
        _refuse(where, "store_v_seq")
    rest = module.v_reset
    soft = rest is None
    rest = 0.0 if soft else rest
    first = 0.0 if kind.startswith("Simple") else rest
    if kind == "HalfThresholdIFNode":
        first = module.v_threshold / 2
    if kind == "OTTTLIFNode" and module.training:
        _refuse(where, "OTTTLIFNode in training, which gives a trace, too")
    if soft and kind == "SimpleLIFNode":
        _refuse(where, "SimpleLIFNode with v_reset=None")
    current = None
    if kind == "CUBALIFNode":
        current = _Rule(where, "impulse").add("decay", module.c_decay)
        rule = _Rule(where, "impulse").add("decay", module.v_decay)
    elif kind in ("IFNode", "SimpleIFNode", "HalfThresholdIFNode"):
        rule = _Rule(where, "impulse")
    elif kind != "ParametricLIFNode":
        rule = _Rule(where, "euler" if module.decay_input else "euler_impulse")
        rule.add("tau", module.tau).add("leak", rest or None)
    else:
        rule = _Rule(where, "euler" if module.decay_input else "euler_impulse")
        rule.add("decay", module.w.sigmoid()).add("leak", rest or None)
    rule.fires(module.v_threshold, "ge", "subtract" if soft else "value", to=rest)

    def forward(x):
        if module.step_mode == "m":
            start = x.new_full(x.shape[1:], first)
            if current is not None:
                x = current(x, torch.zeros_like(start))[0]
            return rule(x, start)[0]
        if current is not None:
            x, c = current(x, state("c", x))
            state.keep("c", c)
        spikes, v = rule(x, state("v", x, first))
        state.keep("v", v)
        return spikes

    return forward


def _spikingjelly_potential(module):
    """A layer of all steps that gives potentials, or one number of each of them."""
    leaks = type(module).__name__ == "NonSpikingLIFNode"
    rule = _Rule("", "euler" if leaks else "impulse").add("tau", module.tau if leaks else None)

    def forward(x_seq):
        v_seq = rule(x_seq, torch.zeros_like(x_seq[0]))[0]
        largest, least = v_seq.amax(0), v_seq.amin(0)
        over = largest.abs() > least.abs()
        decoded = {
            "max-mem": largest, "max-abs-mem": largest * over + least * ~over,
            "mean-mem": v_seq.mean(0), "last_mem": v_seq[-1],
        }  # fmt: skip
        return decoded.get(module.decode, list(v_seq))

    return forward


def _norse(module, where, state):
    kind = type(module).__name__
    p, dt = module.p, module.dt
    known = ("LIF", "LIFBox", "LIFRecurrent", "LI", "LIBox", "IAF", "LIFRefracRecurrent")
    multi, rests = kind in known, "Refrac" in kind
    if kind.removesuffix("Cell") not in (*known, "LIFRefrac"):
        _refuse(where, f"Norse's {kind} is not supported ({', '.join(known)}, their cells and "
                "LIFRefracCell are)")  # fmt: skip
    if rests:
        p, dead = p.lif, p.rho_reset
    if getattr(module, "record_states", False):
        _refuse(where, "record_states")
    box, fires = kind.startswith(("LIFBox", "LIBox", "IAF")), kind.startswith(("LIF", "IAF"))
    if kind.startswith("IAF"):
        leak = torch.as_tensor(p.v_reset, dtype=torch.float32)  # Where it starts.
        rule = _Rule(where, "impulse")
    else:
        leak = torch.as_tensor(p.v_leak, dtype=torch.float32)
        rule = _Rule(where, "euler").add("decay", dt * torch.as_tensor(p.tau_mem_inv))
        rule.add("leak", leak if leak.any() else None)
    if fires:
        method = getattr(p, "reset_method", None)
        soft = getattr(method, "__name__", "reset_value") != "reset_value"
        if soft and method.__name__ != "reset_subtract":
            _refuse(where, f"the reset_method {method.__name__}")
        rule.fires(p.v_th, "gt", "subtract" if soft else "value", to=p.v_reset)
    factor = None if box else dt * torch.as_tensor(p.tau_syn_inv)
    current = None if box else _Rule(where, "euler_impulse").add("decay", factor)

    def fire(jump, lif, state):
        """(spikes, the state behind the potential, and what makes of the state's ``lif`` all)."""
        v = lif.v.expand(jump.shape).clone()
        if not rests:
            return *rule(jump, v), lambda after: after
        out, v, left = rule.resting(jump, v, state.rho, dead)
        return out, v, lambda after: type(state)(after, left)

    def recurrent(x, state):
        """A step of the cell that has the weights itself, in torch's order."""
        linear, lif = torch.nn.functional.linear, state.lif if rests else state
        jump = lif.i + linear(x, module.input_weights) + linear(lif.z, module.recurrent_weights)
        out, v, whole = fire(jump, lif, state)
        return out, whole(type(lif)(out, v, jump + (-factor) * jump))

    def forward(input_tensor, state=None):
        if "Recurrent" in kind:
            state = module.state_fallback(input_tensor) if state is None else state
            if not multi:
                return recurrent(input_tensor, state)
            outs = []
            for x in input_tensor:
                out, state = recurrent(x, state)
                outs.append(out)
            return torch.stack(outs), state
        if multi:
            if state is not None:
                _refuse(where, "a state that is passed to a module that runs all steps")
            start = leak.to(input_tensor.device).expand(input_tensor.shape[1:]).clone()
            x = input_tensor
            if current is not None:
                # Its state here is the current before it decays.
                x, _ = current(x, torch.zeros_like(start))
            out, v = rule(x, start)
            return out, v
        fresh = state is None
        state = module.state_fallback(input_tensor) if fresh else state
        if box:
            v = state.v.expand(input_tensor.shape).clone() if fresh else state.v
            out, after = rule(input_tensor, v)
            return out, type(state)(after)
        lif = state.lif if rests else state
        jump = lif.i + input_tensor
        out, v, whole = fire(jump, lif, state)
        return out, whole(type(lif)(v=v, i=jump + (-factor) * jump))

    return forward


def _sinabs(module, where, state):
    kind = type(module).__name__
    known = ("LIF", "IAF", "ExpLeak", "LIFRecurrent", "IAFRecurrent")
    if kind.removesuffix("Squeeze") not in known:
        _refuse(where, f"Sinabs' {kind} is not supported ({', '.join(known)} are)")
    if module.record_states:
        _refuse(where, "record_states")
    alpha = module.alpha_mem_calculated.detach()
    integrates = bool((alpha == 1).all())
    rule = _Rule(where, "impulse").add("decay", None if integrates else alpha)
    rule.add("gain", 1 - alpha if module.norm_input else None)
    fn = module.spike_fn
    if fn is not None:
        name = getattr(fn, "__name__", type(fn).__name__)
        multi = name == "MultiSpike" or (name == "MaxSpike" and fn.max_num_spikes_per_bin is None)
        if not multi and name != "SingleSpike":
            _refuse(where, f"the spike_fn {name}")
        reset = type(module.reset_fn).__name__
        if reset == "MembraneSubtract" and module.reset_fn.subtract_value is None:
            rule.fires(module.spike_threshold, "ge", "subtract")
        elif reset == "MembraneReset" and not multi:
            rule.fires(module.spike_threshold, "ge", "value", to=module.reset_fn.reset_value)
        else:
            _refuse(where, f"{name} with {reset}")
        rule.text += " multi_spike" if multi else ""
    rule.add("minimum", module.min_v_mem)
    syn = module.alpha_syn_calculated
    current = None if syn is None else _Rule(where, "impulse").add("decay", syn.detach())

    def forward(input_data):
        x = input_data
        if kind.endswith("Squeeze"):
            x = x.reshape(module.batch_size, module.num_timesteps, *x.shape[1:])
        x = x.transpose(0, 1).contiguous()
        start = x.new_zeros(x.shape[1:])
        if "Recurrent" in kind:
            outs, v, i, back = [], start, start, start
            for step in x:
                drive = step + back
                if current is not None:
                    given, i = current(drive, i)
                    drive = syn.detach() * given
                out, v = rule(drive, v)
                outs.append(out)
                back = module.rec_connect(out).reshape(start.shape)
            out = torch.stack(outs, 1)
            return out.flatten(0, 1) if kind.endswith("Squeeze") else out
        if current is not None:
            x = syn.detach() * current(x, start)[0]
        out = rule(x, start)[0].transpose(0, 1)
        return out.flatten(0, 1) if kind.endswith("Squeeze") else out

    return forward


def _is_neuron(module) -> str | None:
    """The library whose neuron a module is, or None."""
    for base in type(module).__mro__:
        library = base.__module__.partition(".")[0]
        if library not in _LIBRARIES:
            continue
        if library == "snntorch" and base.__name__ == "SpikingNeuron":
            return library
        if library == "norse" and base.__name__ in ("SNN", "SNNCell", "SNNRecurrent",
                                                    "SNNRecurrentCell"):  # fmt: skip
            return library
        if library == "spikingjelly" and base.__name__ in _JELLY_BASES:
            return library
        if library == "sinabs" and base.__name__ == "StatefulLayer":
            return library
    return None


_FORWARDS = {
    "snntorch": _snntorch, "norse": _norse, "spikingjelly": _spikingjelly, "sinabs": _sinabs,
}  # fmt: skip


class _State:
    """The hidden state of one module: buffers that calls change, once their shapes are known."""

    def __init__(self, module):
        self.module, self.names = module, {}

    def __call__(self, name: str, x, start: float = 0.0):
        """The state of the last step."""
        buffer = f"plait_{name}"
        if buffer not in self.module._buffers:
            full = torch.full(tuple(x.shape), float(start))
            self.module.register_buffer(buffer, full, persistent=False)
            self.names[name] = start
        return getattr(self.module, buffer)

    def keep(self, name: str, value) -> None:
        """Sets the state of the next step."""
        getattr(self.module, f"plait_{name}").copy_(value)

    def rest(self) -> None:
        """Back to how it starts."""
        for name, start in self.names.items():
            getattr(self.module, f"plait_{name}").fill_(start)

    def drop(self) -> None:
        """Takes the buffers away."""
        for name in self.names:
            del self.module._buffers[f"plait_{name}"]
            self.module._non_persistent_buffers_set.discard(f"plait_{name}")


@contextmanager
def patched(model, args, kwargs):
    """Neuron modules call ``plait::neuron`` inside; yields whether there are any.

    Raises:
        FrontendError: a neuron module has a rule that spike ops do not have.
    """
    found = {}
    for name, module in model.named_modules():
        if (library := _is_neuron(module)) is not None:
            where = f"module '{name}' ({library}'s {type(module).__name__})"
            found[module] = library, where
    states = []
    try:
        for module, (library, where) in found.items():
            state = _State(module)
            states.append(state)
            module.__dict__["forward"] = _FORWARDS[library](module, where, state)
        if found:
            _find_shapes(model, args, kwargs, states)
        yield bool(found)
    finally:
        for module in found:
            module.__dict__.pop("forward", None)
        for state in states:
            state.drop()


def _find_shapes(model, args, kwargs, states) -> None:
    """One call, on tensors without data, that makes the buffers of hidden states."""
    with torch.no_grad(), _without_data():
        model(*args, **(kwargs or {}))
    for state in states:
        state.rest()


@contextmanager
def _without_data():
    """``plait::neuron`` computes nothing, but gives tensors of the right shapes."""
    library = torch.library.Library("plait", "IMPL")
    library.impl(
        "neuron",
        lambda x, v, parameters, rule: (torch.zeros_like(x), torch.zeros_like(v)),
        "CompositeExplicitAutograd",
    )
    library.impl(
        "resting_neuron",
        lambda x, v, left, *_: (torch.zeros_like(x), torch.zeros_like(v), torch.zeros_like(left)),
        "CompositeExplicitAutograd",
    )
    try:
        yield
    finally:
        library._destroy()
