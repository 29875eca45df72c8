"""Builtins of the language itself: types, identifiers, and what our libraries are written with."""

import math

import numpy as np

from plait.cslsim.builtins_fabric import directions
from plait.cslsim.errors import CslError, Unsupported
from plait.cslsim.limits import TEXT
from plait.cslsim.program import Fill
from plait.cslsim.registry import BUILTINS, NOTHING, builtin
from plait.cslsim.types import (
    ANON,
    BOOL,
    CFLOAT,
    CINT,
    COLOR,
    CONTROL_ID,
    CV,
    DATA_ID,
    DSR_TYPES,
    F16,
    F32,
    FLOATS,
    IDS,
    INTS,
    IQ,
    LOCAL_ID,
    MODULE,
    OQ,
    RV,
    STRING,
    TYPE,
    U16,
    U32,
    UT_ID,
    VOID,
    ArrayType,
    EnumType,
    Ptr,
    PtrType,
    array,
    expect,
    is_scalar,
    to_bits,
)

# types and conversions


@builtin("@as", args=2)
def _as(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    return ev.convert(ev.value(args[1], scope, kind if kind in INTS else None), kind, node.pos)


@builtin("@bitcast", args=2)
def _bitcast(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    value = ev.value(args[1], scope, kind)
    if value.type in (CINT, CFLOAT):
        value = ev.coerce(value, U32 if kind.size == 4 else U16, node.pos)
    expect(
        is_scalar(value.type) and value.type.size == kind.size,
        node.pos,
        f"@bitcast needs equal sizes, got {value.type} and {kind}",
    )
    if isinstance(value, CV):
        return CV(kind, from_bits(kind, to_bits(value.type, value.v)))
    slot = ev.program.slot()
    source = {4: U32, 2: U16}.get(kind.size, value.type)
    ev.emit("BITS", slot, value.slot, source.code, node.pos, kind)
    return RV(kind, slot)


def from_bits(kind, bits):
    """The value of a type with these bits."""
    bits &= (1 << (8 * kind.size)) - 1
    raw = bits.to_bytes(kind.size, "little")
    if kind == F32:
        return float(np.frombuffer(raw, "<f4")[0])
    if kind == F16:
        return float(np.frombuffer(raw, "<f2")[0])
    if isinstance(kind, PtrType):
        return Ptr(bits)
    return int.from_bytes(raw, "little", signed=kind.name.startswith("i"))


@builtin("@ptrcast", args=2)
def _ptrcast(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    value = ev.value(args[1], scope)
    expect(
        isinstance(kind, PtrType) and isinstance(value.type, PtrType),
        node.pos,
        f"@ptrcast needs pointers, got {value.type} and {kind}",
    )
    return CV(kind, value.v) if isinstance(value, CV) else RV(kind, value.slot)


@builtin("@type_of", args=1)
def _type_of(ev, node, args, scope, want):
    place = ev.place(args[0], scope, soft=True)
    if place is not None:
        return CV(TYPE, place.type)
    value = ev.value(args[0], scope)
    return CV(TYPE, VOID if value is None else value.type)


@builtin("@element_type", args=1)
def _element_type(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    expect(isinstance(kind, (ArrayType, PtrType)), node.pos, f"{kind} has no elements")
    return CV(TYPE, kind.elem)


@builtin("@is_same_type", args=2)
def _is_same_type(ev, node, args, scope, want):
    return CV(BOOL, ev.type_of(args[0], scope) == ev.type_of(args[1], scope))


@builtin("@dimensions", args=1)
def _dimensions(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    expect(isinstance(kind, ArrayType), node.pos, f"{kind} has no dimensions")
    return CV(array((len(kind.dims),), U32), list(kind.dims))


@builtin("@element_count", args=1)
def _element_count(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    expect(isinstance(kind, ArrayType), node.pos, f"{kind} has no elements")
    return CV(U32, kind.count)


@builtin("@rank", args=1)
def _rank(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    expect(isinstance(kind, ArrayType), node.pos, f"{kind} has no rank")
    return CV(U16, len(kind.dims))


@builtin("@is_comptime", args=0)
def _is_comptime(ev, node, args, scope, want):
    return CV(BOOL, ev.code is None)


@builtin("@is_arch", args=1)
def _is_arch(ev, node, args, scope, want):
    name = ev.known(args[0], scope).v
    expect(name in ("wse2", "wse3"), node.pos, f"unknown architecture '{name}'")
    return CV(BOOL, ev.options.arch == name)


@builtin("@has_field", args=2)
def _has_field(ev, node, args, scope, want):
    value = ev.known(args[0], scope)
    name = ev.known(args[1], scope).v
    if value.type == MODULE:
        return CV(BOOL, value.v.find(name) is not None)
    return CV(BOOL, isinstance(value.v, dict) and name in value.v)


@builtin("@field", args=2)
def _field(ev, node, args, scope, want):
    value = ev.known(args[0], scope)
    name = ev.known(args[1], scope).v
    found = ev.read(value.v.find(name), node.pos) if value.type == MODULE else value.v.get(name)
    expect(found is not None, node.pos, f"no field '{name}'")
    return found


@builtin("@fp16", args=0)
def _fp16(ev, node, args, scope, want):
    return CV(TYPE, F16)


@builtin("@zeros", args=1)
def _zeros(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    expect(isinstance(kind, ArrayType), node.pos, f"@zeros needs an array type, got {kind}")
    zero = 0.0 if kind.elem in FLOATS else False if kind.elem == BOOL else 0
    return CV(kind, Fill(zero, kind.count))


@builtin("@constants", args=2)
def _constants(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    expect(isinstance(kind, ArrayType), node.pos, f"@constants needs an array type, got {kind}")
    value = ev.coerce(ev.known(args[1], scope, kind.elem), kind.elem, node.pos)
    return CV(kind, Fill(value.v, kind.count))


def _removed(ev, node, name, scope):
    """What SDK 2.10 no longer has; the libraries of this package stay as they are."""
    own = ev.in_library(scope)
    expect(ev.options.sdk == "1.4" or own, node.pos, f"'{name}' was removed in SDK 2.10")


@builtin("@concat_structs", args=2)
def _concat_structs(ev, node, args, scope, want):
    _removed(ev, node, "@concat_structs", scope)
    a, b = (ev.known(n, scope) for n in args)
    expect(
        a.type == ANON and b.type == ANON,
        node.pos,
        f"@concat_structs needs anonymous structs, got {a.type} and {b.type}",
    )
    if isinstance(a.v, list) or isinstance(b.v, list):
        return CV(ANON, [*a.v, *b.v])
    for name in b.v:
        expect(name not in a.v, node.pos, f"field '{name}' is in both structs")
    return CV(ANON, {**a.v, **b.v})


@builtin("@strcat")
def _strcat(ev, node, args, scope, want):
    text = "".join(ev.known(a, scope).v for a in args)
    expect(len(text) <= TEXT, node.pos, f"a text of {len(text)} characters is too long")
    return CV(STRING, text)


@builtin("@strlen", args=1)
def _strlen(ev, node, args, scope, want):
    text = ev.known(args[0], scope)
    expect(text.type == STRING, node.pos, f"@strlen needs a string, got a {text.type}")
    return CV(CINT, len(text.v.encode()))


@builtin("@get_int", args=1)
def _get_int(ev, node, args, scope, want):
    value = ev.value(args[0], scope)
    expect(
        value.type in IDS or isinstance(value.type, EnumType),
        node.pos,
        f"@get_int needs an identifier, got {value.type}",
    )
    return CV(U16, value.v) if isinstance(value, CV) else RV(U16, value.slot)


# assertions and output


@builtin("@comptime_assert", args=(1, 2))
def _comptime_assert(ev, node, args, scope, want):
    with ev.at_comptime():
        value = ev.known(args[0], scope)
    if not value.v:
        text = ev.known(args[1], scope).v if len(args) > 1 else "comptime assertion failed"
        raise CslError(node.pos, text)
    return NOTHING


@builtin("@assert", args=(1, 2))
def _assert(ev, node, args, scope, want):
    value = ev.condition(args[0], scope)
    if ev.code is None:
        expect(value.v, node.pos, "assertion failed")
    else:
        ev.emit("ASSERT", ev.slot_of(value, node.pos), 0, 0, node.pos)
    return NOTHING


@builtin("@comptime_print")
def _comptime_print(ev, node, args, scope, want):
    print(*(ev.known(a, scope).v for a in args))
    return NOTHING


# identifiers


def _identifier(name, kind, low, high):
    @builtin(name, args=1)
    def get(ev, node, args, scope, want):
        number = ev.value(args[0], scope)
        if isinstance(number, RV):
            return RV(kind, ev.slot_of(ev.coerce(number, U16, node.pos), node.pos))
        expect(isinstance(number.v, int), node.pos, f"{name} needs an integer")
        a = low(ev.options.arch)
        b = high(ev.options.arch)
        expect(
            a <= number.v <= b,
            node.pos,
            f"{kind} {number.v} does not exist on {ev.options.arch}: {a} to {b}",
        )
        return CV(kind, number.v)


_identifier("@get_color", COLOR, lambda a: 0, lambda a: 23)
_identifier("@get_input_queue", IQ, lambda a: 0, lambda a: 7)
_identifier("@get_output_queue", OQ, lambda a: 0, lambda a: 5 if a == "wse2" else 7)
_identifier("@get_local_task_id", LOCAL_ID, lambda a: 0 if a == "wse2" else 8, lambda a: 30)
_identifier("@get_control_task_id", CONTROL_ID, lambda a: 0, lambda a: 63)


@builtin("@get_ut_id", args=1)
def _get_ut_id(ev, node, args, scope, want):
    expect(ev.options.arch == "wse3", node.pos, "@get_ut_id exists on wse3 only")
    number = ev.integer(args[0], scope)
    expect(0 <= number <= 7, node.pos, f"microthread {number} does not exist: 0 to 7")
    return CV(UT_ID, number)


@builtin("@get_data_task_id", args=1)
def _get_data_task_id(ev, node, args, scope, want):
    value = ev.known(args[0], scope)
    need = COLOR if ev.options.arch == "wse2" else IQ
    expect(
        value.type == need,
        node.pos,
        f"a data task id is made from a {need} on {ev.options.arch}, got {value.type}",
    )
    return CV(DATA_ID, value.v)


@builtin("@get_dsr", args=2)
def _get_dsr(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    expect(kind in DSR_TYPES, node.pos, f"expected a DSR type, got {kind}")
    number = ev.integer(args[1], scope)
    expect(0 <= number <= 15, node.pos, f"{kind} {number} does not exist: 0 to 15")
    return CV(kind, number)


# What the libraries of this package are written with (lib/*.csl). Programs cannot
# collide with these: CSL has no builtin of such a name.


def _plait(name):
    def register(fn):
        BUILTINS["@plait_" + name] = fn
        return fn

    return register


@_plait("unblock_cmd_stream")
def _unblock(ev, node, args, scope, want):
    if ev.code is not None:
        ev.emit("CMDDONE", 0, 0, 0, node.pos)
    return NOTHING


@_plait("coordinate")
def _coordinate(ev, node, args, scope, want):
    slot = ev.program.slot()
    ev.emit("COORD", slot, ev.integer(args[0], scope), 0, node.pos)
    return RV(U16, slot)


@_plait("reset_tsc")
def _reset_tsc(ev, node, args, scope, want):
    ev.emit("TSCRESET", 0, 0, 0, node.pos)
    return NOTHING


@_plait("tsc")
def _tsc(ev, node, args, scope, want):
    slot = ev.program.slot()
    ev.emit("TSC", slot, 0, 0, node.pos)
    return RV(next(t for t in INTS if t.name == "u64"), slot)


MATH = (
    "sqrt",
    "exp",
    "log",
    "sin",
    "cos",
    "tanh",
    "floor",
    "ceil",
    "abs",
    "pow",
    "min",
    "max",
    "round",
    "trunc",
    "exp2",
    "log2",
    "tan",
    "atan",
    "asin",
    "acos",
    "sinh",
    "cosh",
    "fmod",
    "sign",
    "cbrt",
    "log10",
    "fscale",
)


@_plait("math")
def _math(ev, node, args, scope, want):
    name = ev.known(args[0], scope).v
    values = [ev.value(a, scope) for a in args[1:]]
    kind = values[0].type
    if all(isinstance(v, CV) for v in values):
        if kind in (CINT, CFLOAT):
            return CV(kind, _fold_math(name, kind, [v.v for v in values]))
        if kind in INTS and name in ("abs", "min", "max"):
            return CV(kind, _fold_math(name, kind, [v.v for v in values]))
        if kind in FLOATS:
            result = _fold_math(name, kind, [float(v.v) for v in values])
            return CV(kind, float((np.float32 if kind == F32 else np.float16)(result)))
    slots = [ev.slot_of(ev.coerce(v, kind, node.pos), node.pos) for v in values]
    pair = ev.program.slot()
    slot = ev.program.slot()
    if len(slots) == 2:
        ev.emit("MOV", pair, slots[1], 0, node.pos)
    ev.emit("MATH", slot, slots[0], pair | MATH.index(name) << 20, node.pos, kind)
    return RV(kind, slot)


def _fold_math(name, kind, v):
    if name in ("abs", "min", "max"):
        return {"abs": abs, "min": min, "max": max}[name](*v)
    if name == "sign":
        return (v[0] > 0) - (v[0] < 0)
    return float(getattr(math, name)(*v))


@_plait("set_route")
def _set_route(ev, node, args, scope, want):
    values = [ev.coerce(ev.value(a, scope), U16, node.pos) for a in args]
    ev.emit("SETROUTE", *(ev.slot_of(v, node.pos) for v in values), node.pos)
    return NOTHING


@_plait("offset")
def _offset(ev, node, args, scope, want):
    base, words = (ev.value(a, scope) for a in args)
    scaled, slot = ev.program.slot(), ev.program.slot()
    ev.emit("MULI", scaled, ev.slot_of(words, node.pos), base.type.elem.size, node.pos)
    ev.emit("ADD", slot, ev.slot_of(base, node.pos), scaled, node.pos, U16)
    return RV(base.type, slot)


@_plait("route_config")
def _route_config(ev, node, args, scope, want):
    what = ev.integer(args[0], scope)
    color, mask = (
        ev.coerce(ev.value(a, scope), k, node.pos)
        for a, k in zip(args[1:], (U16, U32), strict=True)
    )
    slots = [ev.slot_of(v, node.pos) for v in (color, mask)]
    ev.emit("ROUTECFG", *slots, what, node.pos)
    return NOTHING


@_plait("mask")
def _mask(ev, node, args, scope, want):
    return CV(U16, directions(ev.known(args[0], scope), node.pos))


@_plait("teardowns")
def _teardowns(ev, node, args, scope, want):
    slot = ev.program.slot()
    ev.emit("TEARDOWNS", slot, 0, 0, node.pos)
    return RV(U32, slot)


@_plait("queues")
def _queues(ev, node, args, scope, want):
    slot = ev.program.slot()
    ev.emit("QUEUES", slot, ev.integer(args[0], scope), 0, node.pos)
    return RV(U16, slot)


@_plait("error")
def _error(ev, node, args, scope, want):
    raise Unsupported(node.pos, ev.known(args[0], scope).v)


@_plait("log")
def _log(ev, node, args, scope, want):
    """Writes a value down for the host: on "print", "hex", or a trace's key."""
    channel, value = ev.known(args[0], scope).v, ev.value(args[1], scope)
    logs = ev.program.logs
    if channel not in logs:
        logs.append(channel)
    if value.type == STRING:
        ev.program.texts.append(value.v)
        text = len(ev.program.texts) - 1
        ev.emit("LOG", logs.index(channel), 0, text, node.pos)
    else:
        slot = ev.slot_of(value, node.pos)
        ev.emit("LOG", logs.index(channel), slot, -1, node.pos, value.type)
    return NOTHING


@_plait("random")
def _random(ev, node, args, scope, want):
    slot = ev.program.slot()
    ev.emit("RANDOM", slot, 0, 0, node.pos)
    return RV(U32, slot)


@_plait("seed")
def _seed(ev, node, args, scope, want):
    seed = ev.coerce(ev.value(args[0], scope), U32, node.pos)
    ev.emit("SEED", ev.slot_of(seed, node.pos), 0, 0, node.pos)
    return NOTHING
