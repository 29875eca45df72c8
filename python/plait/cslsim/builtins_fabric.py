"""Builtins of layout, routes, exports, tasks and queues."""

from plait.cslsim.entities import Fn
from plait.cslsim.errors import CslError, Unsupported
from plait.cslsim.limits import check_color, check_local_task, check_queue
from plait.cslsim.registry import NOTHING, builtin, check_priority, task_ref
from plait.cslsim.types import (
    ANON,
    COLOR,
    CONTROL_ID,
    CV,
    DATA_ID,
    DIRECTION,
    IQ,
    LOCAL_ID,
    MODULE,
    OQ,
    STRING,
    TASK,
    U16,
    ArrayType,
    PtrType,
    expect,
)

# modules and layout


@builtin("@import_module", args=(1, 2))
def _import_module(ev, node, args, scope, want):
    with ev.at_comptime():
        name = ev.known(args[0], scope)
        expect(name.type == STRING, node.pos, "a module's name is a string")
        params = {}
        if len(args) > 1:
            given = ev.known(args[1], scope)
            expect(
                given.type == ANON and isinstance(given.v, dict),
                node.pos,
                f"module parameters are an anonymous struct, got {given.type}",
            )
            params = given.v
        module = ev.load(name.v, scope.module.path.parent, params, node.pos)
    return CV(MODULE, module)


def _text(ev, arg, scope):
    value = ev.known(arg, scope)
    expect(value.type == STRING, arg.pos, f"a name is a string, not a {value.type}")
    return value.v


def _layout(ev, node):
    expect(ev.layout is not None, node.pos, f"{node.kids[0]} belongs in a layout block")
    return ev.layout


@builtin("@set_rectangle", args=2)
def _set_rectangle(ev, node, args, scope, want):
    width, height = (ev.integer(a, scope) for a in args)
    _layout(ev, node).set_rectangle(width, height, node.pos)
    return NOTHING


@builtin("@get_rectangle", args=0)
def _get_rectangle(ev, node, args, scope, want):
    size = ev.options.rectangle if ev.layout is None else ev.layout.rectangle
    expect(size is not None, node.pos, "@get_rectangle before @set_rectangle")
    pairs = {"": size, "fabric": ev.options.fabric_dims, "offsets": ev.options.fabric_offsets}
    found = {
        name: CV(ANON, {"width": CV(U16, pair[0]), "height": CV(U16, pair[1])})
        for name, pair in pairs.items()
        if pair
    }
    return CV(ANON, {**found.pop("").v, **found})


@builtin("@set_tile_code", args=(3, 4))
def _set_tile_code(ev, node, args, scope, want):
    layout = _layout(ev, node)
    x, y = (ev.integer(a, scope) for a in args[:2])
    name = _text(ev, args[2], scope)
    params = {}
    if len(args) == 4:
        given = ev.known(args[3], scope)
        expect(
            given.type == ANON and isinstance(given.v, dict),
            node.pos,
            f"parameters are an anonymous struct, got {given.type}",
        )
        params = given.v
    layout.set_tile(x, y, name, scope.module.path.parent, params, node.pos)
    return NOTHING


@builtin("@set_color_config", args=4)
def _set_color_config(ev, node, args, scope, want):
    layout = _layout(ev, node)
    x, y = (ev.integer(a, scope) for a in args[:2])
    color = ev.known(args[2], scope)
    expect(color.type == COLOR, node.pos, f"expected a color, got {color.type}")
    config = color_config(ev, node, args[3], scope)
    check_color(ev, color.v, config, node.pos)
    layout.set_route(x, y, color.v, config, node.pos)
    return NOTHING


@builtin("@set_local_color_config", args=2)
def _set_local_color_config(ev, node, args, scope, want):
    expect(ev.program is not None, node.pos, "@set_local_color_config belongs in PE code")
    color = ev.known(args[0], scope)
    expect(color.type == COLOR, node.pos, f"expected a color, got {color.type}")
    expect(color.v not in ev.program.routes, node.pos, f"color {color.v} is configured twice")
    config = color_config(ev, node, args[1], scope)
    check_color(ev, color.v, config, node.pos)
    ev.program.routes[color.v] = config
    return NOTHING


def directions(value, pos):
    """A bit set of directions, from one direction or a list."""
    if isinstance(value.type, ArrayType):
        items = [CV(value.type.elem, v) for v in value.v]
    else:
        items = [value] if value.type == DIRECTION else value.v
    mask = 0
    for item in items:
        expect(item.type == DIRECTION, pos, f"expected a direction, got {item.type}")
        mask |= 1 << item.v
    return mask


KEEP = 255  # a switch position takes this from the one before it


def color_config(ev, node, arg, scope):
    """A colour's configuration: positions of (rx, tx) masks, and how they change."""
    config = ev.known(arg, scope)
    pos = arg.pos
    expect(isinstance(config.v, dict), pos, "expected a struct of color settings")
    for name in config.v:
        expect(
            name in ("routes", "switches", "filter", "teardown"),
            pos,
            f"unknown color setting '{name}'",
        )
    expect("routes" in config.v, pos, "a color configuration needs 'routes'")
    routes = config.v["routes"].v
    swap = 0
    for name, value in routes.items():
        if name in ("color_swap_x", "color_swap_y"):
            expect(ev.options.arch == "wse2", pos, f"'{name}' exists on wse2 only")
            swap |= (1 if name[-1] == "x" else 2) if value.v else 0
        elif name not in ("rx", "tx"):
            raise Unsupported(pos, f"route setting '{name}'")
    rx = directions(routes["rx"], pos) if "rx" in routes else 0
    tx = directions(routes["tx"], pos) if "tx" in routes else 0
    result = {"positions": [(rx, tx)], "current": 0, "ring": False, "pop": 0, "teardown": False}
    result["swap"], result["pos"] = swap, node.pos
    if "switches" in config.v:
        switches = config.v["switches"].v
        for name, value in switches.items():
            if name in ("pos1", "pos2", "pos3"):
                continue
            if name == "current_switch_pos":
                result["current"] = value.v
            elif name == "ring_mode":
                result["ring"] = bool(value.v)
            elif name == "pop_mode":
                result["pop"] = pop_mode(value, pos)
            else:
                raise Unsupported(pos, f"switch setting '{name}'")
        for number in (1, 2, 3):
            step = switches.get(f"pos{number}")
            if step is None:
                break
            if "invalid" in step.v:
                break
            # What a position does not set stays as in the one before it.
            a = b = KEEP
            both = "rx" in step.v and "tx" in step.v
            expect(
                not (both and ev.options.arch == "wse2"),
                pos,
                f"'pos{number}' changes rx or tx on wse2, not both",
            )
            for name, value in step.v.items():
                expect(name in ("rx", "tx"), pos, f"unknown switch position setting '{name}'")
                if name == "rx":
                    a = directions(value, pos)
                    expect(a.bit_count() == 1, pos, f"'rx' of 'pos{number}' is one direction")
                else:
                    b = directions(value, pos)
            result["positions"].append((a, b))
        expect(
            result["current"] < len(result["positions"]),
            pos,
            f"'current_switch_pos' {result['current']} does not exist",
        )
    if "filter" in config.v:
        result["filter"] = filter_config(config.v["filter"].v, pos)
    if "teardown" in config.v:
        result["teardown"] = bool(config.v["teardown"].v)
    return result


def pop_mode(value, pos):
    """0 no_pop, 1 always_pop, 2 pop_on_advance, 3 pop_on_advance_nop."""
    if value.type == ANON and isinstance(value.v, dict):
        names = [n for n, v in value.v.items() if v.v]
        expect(len(names) == 1, pos, "'pop_mode' takes one mode")
        modes = {"no_pop": 0, "always_pop": 1, "pop_on_advance": 2, "pop_on_advance_nop": 3}
        if names[0] in modes:
            return modes[names[0]]
    raise Unsupported(pos, "this 'pop_mode'")


def filter_config(config, pos):
    """A wavelet filter: (kind, f0, f1, f2, f3, f4) as the core takes it."""
    kind = [n for n, v in config["kind"].v.items() if v.v] if "kind" in config else []
    given = {name: value.v for name, value in config.items() if name != "kind"}
    counter = ("max_counter", "limit1", "init_counter", "count_data", "count_control")
    allowed = {
        # fast_mode is on no page, but fft-1d-2d sets it.
        "counter": (*counter, "filter_control", "fast_mode"),
        "sparse_counter": (*counter, "limit2"),
        "range": ("min_idx", "max_idx"),
    }
    if len(kind) != 1 or kind[0] not in allowed:
        raise Unsupported(pos, f"filter kind {kind}")
    for name, value in given.items():
        expect(name in allowed[kind[0]], pos, f"unknown filter setting '{name}'")
        expect(
            isinstance(value, int) and value >= 0, pos, f"'{name}' must be a number, not below 0"
        )
    if kind == ["range"]:
        for name in allowed["range"]:
            expect(name in given, pos, f"a range filter needs '{name}'")
        return (1, given["min_idx"], given["max_idx"], 0, 0, -1)
    most, limit, start = (given.get(n, 0) for n in counter[:3])
    flags = sum(
        bit
        for bit, name in ((1, "count_data"), (2, "count_control"), (4, "filter_control"))
        if given.get(name)
    )
    if kind == ["counter"]:
        return (2, most, limit, start, flags, -1)
    # Without a first limit it filters nothing.
    return (3 if "limit1" in given else 0, most, limit, start, flags, given.get("limit2", -1))


@builtin("@export_name", args=(2, 3))
def _export_name(ev, node, args, scope, want):
    name = _text(ev, args[0], scope)
    kind = ev.type_of(args[1], scope)
    writable = ev.known(args[2], scope).v if len(args) > 2 else None
    _layout(ev, node).export(name, kind, writable, node.pos)
    return NOTHING


@builtin("@export_symbol", args=(1, 2))
def _export_symbol(ev, node, args, scope, want):
    expect(ev.program is not None, node.pos, "@export_symbol belongs in PE code")
    target = args[0]
    name = (
        _text(ev, args[1], scope)
        if len(args) > 1
        else (target.kids[0] if target.kind == "name" else target.kids[-1])
    )
    expect(name not in ev.program.exports, node.pos, f"'{name}' is exported twice")
    ev.program.exported[name] = node.pos
    place = ev.place(target, scope, soft=True)
    if place is not None:
        expect(place.kind == "mem" and place.addr is None, node.pos, "cannot export this")
        if isinstance(place.type, PtrType):
            ev.program.exports[name] = ("pointer", place.base, str(place.type))
        else:
            ev.program.exports[name] = ("data", place.base, str(place.type))
        return NOTHING
    value = ev.known(target, scope)
    if isinstance(value.type, PtrType):
        ev.program.exports[name] = ("data", value.v.addr, str(value.type))
    elif isinstance(value.v, Fn):
        expect(not value.v.task, node.pos, "a task cannot be exported")
        code = ev.entry(value.v, node.pos)
        params = [(kind.code, kind.size, at) for kind, at in code.params]
        ev.program.exports[name] = ("function", code.number, params)
    else:
        raise CslError(node.pos, f"cannot export a {value.type}")
    return NOTHING


# tasks and queues


def _bind(ev, node, args, scope, kind, tag):
    value, number = ev.known(args[0], scope), ev.known(args[1], scope)
    expect(isinstance(value.v, Fn) and value.v.task, node.pos, "expected a task")
    expect(number.type == kind, node.pos, f"expected a {kind}, got {number.type}")
    if tag == "local":
        check_local_task(ev, number.v, node.pos)
    for other, at, _ in ev.program.bindings:
        same = other == tag or (ev.options.arch == "wse2" and "control" not in (other, tag))
        expect(not (same and at == number.v), node.pos, f"{kind} {number.v} is bound twice")
    ev.tasks[value.v] = (kind, number.v)
    ev.program.bindings.append((tag, number.v, None))
    ev.pending.append((len(ev.program.bindings) - 1, value.v, node.pos))
    return NOTHING


@builtin("@bind_local_task", args=2)
def _bind_local_task(ev, node, args, scope, want):
    return _bind(ev, node, args, scope, LOCAL_ID, "local")


@builtin("@bind_data_task", args=2)
def _bind_data_task(ev, node, args, scope, want):
    return _bind(ev, node, args, scope, DATA_ID, "data")


@builtin("@set_teardown_handler", args=2)
def _set_teardown_handler(ev, node, args, scope, want):
    value, color = ev.known(args[0], scope), ev.known(args[1], scope)
    expect(isinstance(value.v, Fn) and not value.v.task, node.pos, "expected a function")
    expect(color.type == COLOR, node.pos, f"expected a color, got {color.type}")
    ev.program.bindings.append(("teardown", color.v, None))
    ev.pending.append((len(ev.program.bindings) - 1, value.v, node.pos))
    return NOTHING


@builtin("@bind_control_task", args=2)
def _bind_control_task(ev, node, args, scope, want):
    return _bind(ev, node, args, scope, CONTROL_ID, "control")


def _task_op(name, op):
    @builtin("@" + op, args=1)
    def apply(ev, node, args, scope, want):
        value = ev.value(args[0], scope)
        if ev.code is not None:
            value = task_ref(ev, value, node.pos, op)
            ev.emit(name, ev.slot_of(value, node.pos), 0, 0, node.pos)
            return NOTHING
        if value.type == TASK:
            ev.later.append((op, value, node.pos))
        else:
            ev.initial(op, task_ref(ev, value, node.pos, op))
        return NOTHING


_task_op("ACTIVATE", "activate")
_task_op("BLOCK", "block")
_task_op("UNBLOCK", "unblock")


@builtin("@initialize_queue", args=(1, 2))
def _initialize_queue(ev, node, args, scope, want):
    queue = ev.known(args[0], scope)
    ev.initialised.add((queue.type, queue.v))
    expect(queue.type in (IQ, OQ), node.pos, f"expected a queue, got {queue.type}")
    side = "in" if queue.type == IQ else "out"
    config = ev.known(args[1], scope).v if len(args) > 1 else {}
    for name in config:
        if name not in ("color", "priority"):
            raise Unsupported(node.pos, f"queue setting '{name}'")
    if ev.options.arch == "wse2":
        expect(side == "in" or not config, node.pos, "an output queue has no settings on wse2")
    if "priority" in config:
        expect(ev.options.arch == "wse2", node.pos, "queues have no 'priority' on wse3")
        check_priority(config["priority"], node.pos)
    color = config.get("color")
    if color is None:
        expect(
            side == "out" and ev.options.arch == "wse2", node.pos, "a queue needs its 'color' here"
        )
        return NOTHING
    expect(color.type == COLOR, node.pos, f"expected a color, got {color.type}")
    check_queue(ev, side, queue.v, node.pos)
    key = (side, queue.v)
    expect(
        key not in ev.program.queues
        or (ev.options.arch == "wse2" and ev.program.queues[key] == color.v),
        node.pos,
        f"{queue.type} {queue.v} is initialised twice",
    )
    ev.program.queues[key] = color.v
    return NOTHING
