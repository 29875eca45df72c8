"""Stand-in for the vendor's core dump reader: host programs may import it, not use it."""

from plait.cslsim.errors import SimulationError


class debug_util:
    """Refuses to be made."""

    def __init__(self, *_, **__):
        raise SimulationError("not supported by Plait's model of CSL: debug_util")
