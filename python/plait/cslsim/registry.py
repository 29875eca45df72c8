"""The table of builtins: ``BUILTINS[name](evaluator, node, args, scope, want)`` evaluates a use.

Each takes its arguments unevaluated, because some are types, tensor accesses or
names. What is not in the table is refused by name.
"""

from plait.cslsim.types import (
    COLOR,
    CV,
    DATA_ID,
    IQ,
    LOCAL_ID,
    TASK,
    VOID,
    expect,
)

BUILTINS = {}
PRIORITIES = ("low", "medium", "high")
DIRECTION_NAMES = ("RAMP", "NORTH", "SOUTH", "EAST", "WEST")


def builtin(*names, args=None):
    """Register a builtin; ``args``: how many arguments it takes (a number or a range)."""

    def register(fn):
        def checked(ev, node, nodes, scope, want):
            name = node.kids[0]
            if args is not None:
                low, high = args if isinstance(args, tuple) else (args, args)
                expect(
                    low <= len(nodes) <= high,
                    node.pos,
                    f"{name} takes {low if low == high else f'{low} to {high}'} arguments, "
                    f"got {len(nodes)}",
                )
            return fn(ev, node, nodes, scope, want)

        for name in names:
            BUILTINS[name] = checked
        return fn

    return register


NOTHING = CV(VOID, None)


def known(value, pos, what):
    """The value of something that must be known."""
    expect(isinstance(value, CV), pos, f"'{what}' must be known at compile time")
    return value.v


def check_priority(value, pos):
    """A microthread's priority, ``.{ .high = true }``: checked only, for microthreads do not
    compete for anything in this model."""
    fields = known(value, pos, "priority")
    fits = isinstance(fields, dict) and len(fields) == 1
    name, on = next(iter(fields.items())) if fits else ("", None)
    expect(
        name in PRIORITIES and on.v is True,
        pos,
        "'priority' is one of .{ .low = true }, .{ .medium = true } and .{ .high = true }",
    )


def task_ref(ev, value, pos, op):
    """The (id type, slot or number) that an activate/block/unblock names."""
    if value.type == TASK:
        kind, number = ev.task_id(value, pos)
        return CV(kind, number)
    allowed = (LOCAL_ID,) if op == "activate" else (LOCAL_ID, DATA_ID, IQ, COLOR)
    expect(value.type in allowed, pos, f"cannot {op} a {value.type}")
    return value
