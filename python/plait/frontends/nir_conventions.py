"""What NIR leaves open and each simulator decides for itself.

A NIR file gives the equations of a neuron and no arithmetic: the same file is integrated,
compared and reset differently by every simulator, and some read its gain ``r`` differently
or not at all (Pedersen et al., "Neuromorphic intermediate representation", Nature
Communications 15, 2024, task 1). A :class:`Convention` is one such reading, complete enough
to fix every spike: it makes a :class:`plait.spike.network.Neuron` of a NIR node as the
simulator's own importer does, or refuses what that importer does not have.
"""

from dataclasses import replace

import numpy as np

from plait.errors import FrontendError
from plait.frontends.nir_graph import numbers
from plait.spike.network import Neuron


class Node:
    """The parameters of one NIR neuron node as float64, with what messages need.

    Attributes:
        name: the node's.
        kind: its NIR type.
        dt: the length of a step.
        where: the node as a message names it.
    """

    def __init__(self, name: str, node, dt: float, convention: str):
        self.name, self.kind, self.dt = name, type(node).__name__, dt
        self.where, self.convention = f"node '{name}' ({self.kind})", convention
        self._node = node
        self.shape = np.shape(getattr(node, "r", None)) or None

    def __getattr__(self, field: str) -> np.ndarray:
        value = numbers(getattr(self._node, field, None), self.where, field).astype(np.float64)
        if value.ndim and value.shape != self.shape:
            raise FrontendError(
                f"{self.where} has a '{field}' of shape {value.shape} and an 'r' of {self.shape}"
            )
        return value

    def ratio(self, field: str, euler: bool = True) -> np.ndarray:
        """``dt / tau``."""
        tau = getattr(self, field)
        if not (tau > 0).all():
            raise FrontendError(f"{self.where} expects a positive '{field}', got {tau.min():g}")
        if euler and (tau < self.dt * (1 - 1e-6)).any():
            raise FrontendError(
                f"{self.where} has a {field} of {tau.min():g}, shorter than the step "
                f"dt={self.dt:g}, which forward Euler cannot follow; are both in the same unit?"
            )
        return self.dt / tau

    def expect(self, field: str, *wanted, tolerance: float = 1e-3) -> np.ndarray:
        """Raises unless a parameter that the simulator does not read has a value it takes."""
        value = getattr(self, field)
        if any(np.allclose(value, w, tolerance, 1e-12) for w in wanted):
            return value
        if not np.any(wanted[0]):
            raise FrontendError(
                f"{self.where} has a {field}, which '{self.convention}' does not have"
            )
        shown = " or ".join(f"{np.ravel(w)[0]:g}" for w in wanted)
        raise FrontendError(
            f"{self.where} has {field}={np.ravel(value)[0]:g}, which '{self.convention}' does "
            f"not read; expected {shown}"
        )


def _set(value) -> np.ndarray | None:
    """A parameter, or None where it is zero everywhere."""
    return value if np.any(value) else None


def _unless_one(value) -> np.ndarray | None:
    """A factor, or None where it is one everywhere."""
    return None if np.all(value == 1) else value


#: The method of a convention that reads a node of a type.
_METHODS = {
    "I": "_integrate", "LI": "_li", "IF": "_iaf", "LIF": "_lif", "CubaLI": "_cubali",
    "CubaLIF": "_cubalif",
}  # fmt: skip


#: What ``reset=`` of :func:`plait.from_nir` says, as (reset, reset_at) of a neuron.
RESETS = {
    "value": ("value", "now"),
    "subtract": ("subtract", "now"),
    "subtract_next": ("subtract", "next"),
}


def with_reset(neuron: Neuron, reset: str | None, where: str = "a neuron") -> Neuron:
    """``neuron`` with another reset than its convention's, unless ``reset`` is None.

    Raises:
        FrontendError: it fires several times in a step, or within one, which takes its own reset.
    """
    if reset is None or neuron.threshold is None:
        return neuron
    own = "subtract" if neuron.multi_spike else "value" if neuron.reset_at == "crossing" else reset
    if reset != own:
        often = "several times in" if neuron.multi_spike else "at its instant within"
        raise FrontendError(f"{where} fires {often} a step and has reset '{own}', got '{reset}'")
    if neuron.reset_at == "crossing":
        return neuron
    rule, moment = RESETS[reset]
    value = neuron.reset_value if rule == "value" else None
    return replace(neuron, reset=rule, reset_at=moment, reset_value=value)


class Convention:
    """NIR's equations by forward Euler, as SpiNNaker2 steps them.

    Others override what they do otherwise; the first line of their description says whom
    they reproduce.

    Attributes:
        kinds: the NIR neuron types that it has.
        synapses_late: every weighted connection takes one step.
        inputs_late: the neuron types that see their input one step late.
    """

    kinds = ("I", "LI", "IF", "LIF", "CubaLI", "CubaLIF")
    synapses_late = False
    inputs_late: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        """What it reproduces."""
        return type(self).__doc__.splitlines()[0].removesuffix(".")

    def read(self, node: Node) -> Neuron:
        """The population that the simulator makes of a node.

        Raises:
            FrontendError: it does not have the node or one of its parameters.
        """
        if node.kind not in self.kinds:
            able = [name for name, other in CONVENTIONS.items() if node.kind in other.kinds]
            raise FrontendError(
                f"convention '{node.convention}' has no {node.kind} (node '{node.name}'); "
                f"those that have: {', '.join(able)}"
            )
        neuron = getattr(self, _METHODS[node.kind])(node)
        if neuron.multi_spike and not (np.asarray(neuron.threshold) > 0).all():
            raise FrontendError(
                f"{node.where} expects a positive 'v_threshold' where a neuron may fire several "
                f"times in a step, got {np.min(neuron.threshold):g}"
            )
        return neuron

    def _fire(self, node: Node, neuron: Neuron, threshold=None) -> Neuron:
        """Adds the threshold and the reset."""
        level = node.v_threshold if threshold is None else threshold
        return replace(neuron, threshold=level, reset="value", reset_value=_set(node.v_reset))

    def _integrate(self, n: Node) -> Neuron:
        return Neuron(n.shape, "impulse", gain=_unless_one(n.r * n.dt))

    def _li(self, n: Node) -> Neuron:
        return Neuron(n.shape, "euler", n.ratio("tau"), _unless_one(n.r), _set(n.v_leak))

    def _iaf(self, n: Node) -> Neuron:
        return self._fire(n, self._integrate(n))

    def _lif(self, n: Node) -> Neuron:
        return self._fire(n, self._li(n))

    def _cubali(self, n: Node) -> Neuron:
        current = Neuron(n.shape, "euler", n.ratio("tau_syn"), _unless_one(n.w_in))
        return Neuron(
            n.shape, "euler", n.ratio("tau_mem"), _unless_one(n.r), _set(n.v_leak), current=current
        )

    def _cubalif(self, n: Node) -> Neuron:
        return self._fire(n, self._cubali(n))


class Norse(Convention):
    """Norse's from_nir: LIFBox, LIBox and IAF."""

    def _fire(self, node, neuron, threshold=None):
        node.expect("v_reset", 0.0)
        return super()._fire(node, neuron, threshold)

    def _integrate(self, n):
        n.expect("r", 1.0)
        return Neuron(n.shape, "impulse")

    def _li(self, n):
        n.expect("r", 1.0)
        return super()._li(n)

    def _cubali(self, n):
        n.expect("v_leak", 0.0)  # Norse leaks the current to it as well.
        return super()._cubali(n)


class Exponential(Convention):
    """NIR's equations exactly, for a current held over the step (as NEST)."""

    kinds = ("I", "LI", "IF", "LIF")

    def _li(self, n):
        decay = np.exp(-n.ratio("tau", euler=False))
        return Neuron(n.shape, "exponential", decay, _unless_one(n.r), _set(n.v_leak))


class Exact(Exponential):
    """NIR's equations exactly, spikes and resets within the step."""

    kinds = ("I", "LI", "LIF")

    def _fire(self, node, neuron, threshold=None):
        return replace(super()._fire(node, neuron, threshold), reset_at="crossing")


class SnnTorch(Convention):
    """snnTorch's import_from_nir: Leaky and Synaptic, reset to zero at once."""

    kinds = ("LIF", "CubaLIF")

    def _lif(self, n):
        n.expect("v_leak", 0.0)
        n.expect("v_reset", 0.0)
        ratio = n.ratio("tau")
        # It adds the current as it is and scales the threshold instead.
        membrane = Neuron(n.shape, "impulse", 1 - ratio)
        return self._fire(n, membrane, n.v_threshold / (n.r * ratio))

    def _cubalif(self, n):
        n.expect("v_leak", 0.0)
        n.expect("v_reset", 0.0)
        ratio, synaptic = n.ratio("tau_mem"), n.ratio("tau_syn")
        n.expect("r", 1 / ratio)
        current = Neuron(n.shape, "impulse", 1 - synaptic)
        membrane = Neuron(n.shape, "impulse", 1 - ratio, current=current)
        return self._fire(n, membrane, n.v_threshold / (n.w_in * synaptic))


class Sinabs(Convention):
    """Sinabs' from_nir: LIF, IAF and ExpLeak, several spikes a step, reset by subtraction."""

    kinds = ("LI", "IF", "LIF")

    def _fire(self, node, neuron, threshold=None):
        node.expect("v_reset", 0.0)
        fired = super()._fire(node, neuron, threshold)
        return replace(fired, compare="ge", reset="subtract", multi_spike=True)

    def _li(self, n):
        n.expect("r", 1.0)
        n.expect("v_leak", 0.0)
        return Neuron(n.shape, "impulse", np.exp(-n.ratio("tau", euler=False)))

    def _iaf(self, n):
        n.expect("r", 1.0)
        return self._fire(n, Neuron(n.shape, "impulse", minimum=-n.v_threshold))


class Rockpool(Convention):
    """Rockpool's LIFNeuronTorch and LIFTorch, several spikes a step, reset by subtraction."""

    kinds = ("LIF", "CubaLIF")

    def _fire(self, node, neuron, threshold=None):
        node.expect("v_reset", 0.0)
        fired = super()._fire(node, neuron, threshold)
        return replace(fired, compare="ge", reset="subtract", multi_spike=True)

    def _membrane(self, n, tau, current=None):
        n.expect("v_leak", 0.0)
        ratio = n.ratio(tau, euler=False)
        n.expect("r", np.exp(-ratio) / ratio)
        return Neuron(n.shape, "impulse", np.exp(-ratio), current=current)

    def _lif(self, n):
        return self._fire(n, self._membrane(n, "tau"))

    def _cubalif(self, n):
        n.expect("w_in", 1.0)
        decay = np.exp(-n.ratio("tau_syn", euler=False))
        # The current decays with this step's input in it.
        current = Neuron(n.shape, "impulse", decay, gain=decay)
        return self._fire(n, self._membrane(n, "tau_mem", current))


class SpikingJelly(Convention):
    """SpikingJelly's import_from_nir: IFNode, LIFNode and CUBALIFNode."""

    kinds = ("IF", "LIF", "CubaLIF")

    def _fire(self, node, neuron, threshold=None):
        return replace(super()._fire(node, neuron, threshold), compare="ge")

    def _iaf(self, n):
        n.expect("r", 1 / n.dt)
        return self._fire(n, Neuron(n.shape, "impulse"))

    def _lif(self, n):
        ratio = n.ratio("tau")
        n.expect("v_leak", n.v_reset)
        r = n.expect("r", 1.0, 1 / ratio)
        leak = _set(n.v_leak)
        if np.allclose(r, 1.0, 1e-3):
            return self._fire(n, Neuron(n.shape, "euler", ratio, leak=leak))
        return self._fire(n, Neuron(n.shape, "impulse", 1 - ratio, leak=leak))

    def _cubalif(self, n):
        ratio, synaptic = n.ratio("tau_mem"), n.ratio("tau_syn")
        n.expect("v_leak", 0.0)
        n.expect("r", 1 / ratio)
        n.expect("w_in", 1 / synaptic)
        current = Neuron(n.shape, "impulse", 1 - synaptic)
        return self._fire(n, Neuron(n.shape, "impulse", 1 - ratio, current=current))


class Spyx(Convention):
    """Spyx's IF, LIF and CuBaLIF, which test the potential of the step before."""

    kinds = ("IF", "LIF", "CubaLIF")

    def _fire(self, node, neuron, threshold=None):
        node.expect("v_reset", 0.0)
        fired = super()._fire(node, neuron, threshold)
        return replace(fired, reset="subtract", reset_at="next", late=True)

    def _iaf(self, n):
        n.expect("r", 1.0)
        return self._fire(n, Neuron(n.shape, "impulse"))

    def _lif(self, n):
        n.expect("v_leak", 0.0)
        ratio = n.ratio("tau")
        r = n.expect("r", 1.0, 1 - ratio)
        if np.allclose(r, 1 - ratio, 1e-3):  # Its own exporter writes beta there.
            return self._fire(n, Neuron(n.shape, "impulse", 1 - ratio))
        return self._fire(n, Neuron(n.shape, "euler", ratio))

    def _cubalif(self, n):
        n.expect("v_leak", 0.0)
        ratio, synaptic = n.ratio("tau_mem"), n.ratio("tau_syn")
        n.expect("r", 1 - ratio)
        n.expect("w_in", 1.0)
        current = Neuron(n.shape, "impulse", 1 - synaptic)
        fired = self._fire(n, Neuron(n.shape, "impulse", 1 - ratio, current=current))
        return replace(fired, reset_at="next_before")


class Lava(Convention):
    """lava-nc's floating-point LIF, every connection one step late."""

    kinds = ("IF", "LIF", "CubaLIF")
    synapses_late = True

    def _fire(self, node, neuron, threshold=None):
        node.expect("v_reset", 0.0)
        return super()._fire(node, neuron, threshold)

    def _lif(self, n):
        n.expect("v_leak", 0.0)
        ratio = n.ratio("tau")
        return self._fire(n, Neuron(n.shape, "impulse", 1 - ratio, _unless_one(n.r * ratio)))

    def _cubalif(self, n):
        n.expect("v_leak", 0.0)
        ratio, synaptic = n.ratio("tau_mem"), n.ratio("tau_syn")
        gain = _unless_one(n.w_in * synaptic * n.r * ratio)
        current = Neuron(n.shape, "impulse", 1 - synaptic, gain)
        return self._fire(n, Neuron(n.shape, "impulse", 1 - ratio, current=current))


class Nengo(Convention):
    """the paper's nengo.LIF without refractory time, potentials in units of the threshold."""

    kinds = ("LI", "IF", "LIF", "CubaLIF")
    inputs_late = ("LI", "CubaLIF")  # A synapse filter is one step late.

    def _fire(self, node, neuron, threshold=None):
        node.expect("v_reset", 0.0)
        fired = super()._fire(node, neuron, np.float64(1))
        return fired if node.kind == "IF" else replace(fired, minimum=np.float64(0))

    def _iaf(self, n):
        n.expect("r", 1.0)
        return self._fire(n, Neuron(n.shape, "impulse", gain=1 / n.v_threshold))

    def _li(self, n):
        n.expect("r", 1.0)
        n.expect("v_leak", 0.0)
        return Neuron(n.shape, "exponential", np.exp(-n.ratio("tau", euler=False)))

    def _lif(self, n):
        neuron = self._li(n)
        return self._fire(n, replace(neuron, gain=_unless_one(1 / n.v_threshold)))

    def _cubalif(self, n):
        n.expect("v_leak", 0.0)
        decay = np.exp(-n.ratio("tau_mem", euler=False))
        current = Neuron(n.shape, "euler", n.ratio("tau_syn"))
        gain = n.w_in * n.r / n.v_threshold
        return self._fire(n, Neuron(n.shape, "exponential", decay, gain, current=current))


#: Every simulator's published trace is reproduced in test/python/frontends/test_nir.py.
CONVENTIONS: dict[str, Convention] = {
    "nir": Convention(),
    "exponential": Exponential(),
    "exact": Exact(),
    "norse": Norse(),
    "snntorch": SnnTorch(),
    "sinabs": Sinabs(),
    "rockpool": Rockpool(),
    "spikingjelly": SpikingJelly(),
    "spyx": Spyx(),
    "lava": Lava(),
    "nengo": Nengo(),
}
