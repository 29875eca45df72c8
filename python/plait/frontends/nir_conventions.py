"""What NIR leaves open and each simulator decides for itself.

A NIR file gives the equations of a neuron and no arithmetic: the same file is
integrated, compared and reset differently by every simulator, and some read
its gain ``r`` differently or not at all (Pedersen et al., "Neuromorphic
intermediate representation", Nature Communications 15, 2024, task 1). A
:class:`Convention` is one such reading, complete enough to fix every spike.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Convention:
    """How one simulator runs NIR's neurons, in the words of the ``spike`` dialect.

    Attributes:
        integrator: ``euler``, ``exponential`` or ``impulse``.
        compare: ``gt`` or ``ge``.
        reset: ``value`` or ``subtract``.
        reset_at: ``now`` or ``next``.
        multi_spike: a neuron may fire several times in a step.
        late: a spike leaves its population one step after the potential
            crosses the threshold.
        ungained: None where the current enters with NIR's gain ``r``. Else the
            simulator adds the current as it is, and this gives the value of
            ``r`` that its own exporter writes, from ``dt / tau``.
        gain: the simulator reads ``r``; else it must be 1, or what ``ungained``
            gives.
        leak: the simulator has a ``v_leak`` other than zero.
        cuba: CubaLI and CubaLIF run as two LI steps, or LI and LIF: the current
            first, then the membrane with the new current.
        reset_value: the simulator has a ``v_reset`` other than zero.
    """

    integrator: str
    compare: str
    reset: str
    reset_at: str = "now"
    multi_spike: bool = False
    late: bool = False
    ungained: Callable[[float], float] | None = None
    gain: bool = False
    leak: bool = False
    cuba: bool = False
    reset_value: bool = False


#: Every convention here reproduces a published trace; see test/python/frontends/test_nir.py.
CONVENTIONS = {
    # NIR's equations by forward Euler, as Norse and SpiNNaker2 step them.
    "nir": Convention("euler", "gt", "value", gain=True, leak=True, cuba=True, reset_value=True),
    "norse": Convention("euler", "gt", "value", leak=True),
    # NIR's equations exactly, for a current held over the step (as Nengo).
    "exponential": Convention("exponential", "gt", "value", gain=True, leak=True, reset_value=True),
    "snntorch": Convention("euler", "gt", "value", gain=True, cuba=True),
    "sinabs": Convention("impulse", "ge", "subtract", multi_spike=True, ungained=lambda k: 1.0),
    "rockpool": Convention(
        "impulse", "ge", "subtract", multi_spike=True, ungained=lambda k: math.exp(-k) / k
    ),
    # Tests the potential that the last step left behind.
    "spyx": Convention("euler", "gt", "subtract", "next", late=True),
}
