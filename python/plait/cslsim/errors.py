"""What the simulator says when it refuses a program or stops a run."""

from plait.errors import PlaitError


class CslError(PlaitError):
    """A fault of a CSL program: ``file:line:column: message``."""

    def __init__(self, pos, message):
        self.pos = pos
        super().__init__(f"{pos[0]}:{pos[1]}:{pos[2]}: {message}" if pos else message)


class Unsupported(CslError):
    """A part of CSL that this model does not know; never guessed at."""

    def __init__(self, pos, feature):
        self.feature = feature
        super().__init__(pos, f"not supported by Plait's model of CSL: {feature}")


def not_understood(node, error):
    """The refusal of a construct that the evaluator stumbles over."""
    what = node.kind.strip("_").replace("_", " ")
    detail = "nests too deeply" if isinstance(error, RecursionError) else f"{error}"
    return Unsupported(node.pos, f"this use of '{what}' ({detail})")


class SimulationError(PlaitError):
    """A run that stopped: a trap, a deadlock, a host call that cannot be served."""
