"""Builtins that make data structure descriptors, and FIFOs, and change them."""

import math

from plait.cslsim.entities import ACCESS, Fields, Scope
from plait.cslsim.errors import CslError, Unsupported
from plait.cslsim.registry import builtin, check_priority, known
from plait.cslsim.types import (
    CINT,
    COLOR,
    CV,
    DSD_TYPES,
    FABIN,
    FABOUT,
    FIFO,
    I8,
    I16,
    IQ,
    MEM1D,
    MEM4D,
    OQ,
    RV,
    TASK,
    U16,
    ArrayType,
    Dsd,
    Ptr,
    PtrType,
    array,
    expect,
)

_MEMORY = ("tensor_access", "base_address", "extent", "stride", "offset", "wavelet_index_offset")
DSD_FIELDS = {
    "mem1d_dsd": _MEMORY,
    "mem4d_dsd": _MEMORY,
    "fabin_dsd": ("extent", "input_queue", "fabric_color", "priority"),
    "fabout_dsd": (
        "extent",
        "output_queue",
        "fabric_color",
        "control",
        "wavelet_index_offset",
        "priority",
    ),
}


@builtin("@get_dsd", args=2)
def _get_dsd(ev, node, args, scope, want):
    kind = ev.type_of(args[0], scope)
    config = ev.value(args[1], scope)
    pos = node.pos
    expect(kind.name in DSD_FIELDS, pos, f"@get_dsd cannot make a {kind}")
    fields = config.items if isinstance(config, Fields) else config.v
    expect(isinstance(fields, dict), pos, "expected a struct of DSD properties")
    for name in fields:
        if name not in DSD_FIELDS[kind.name]:
            raise Unsupported(pos, f"{kind} property '{name}'")
    flags = 0
    for bit, name in ((1, "control"), (4, "wavelet_index_offset")):
        if name in fields and known(fields[name], pos, name):
            flags |= bit
    if "priority" in fields:
        expect(
            ev.options.arch == "wse3",
            pos,
            "on wse2 the priority is a setting of the operation, not of the DSD",
        )
        check_priority(fields["priority"], pos)
    if kind in (MEM1D, MEM4D):
        return _memory_dsd(ev, kind, fields, flags, pos)
    queue = fields.get("input_queue" if kind == FABIN else "output_queue")
    color = fields.get("fabric_color")
    expect(queue is not None, pos, f"a {kind} needs its queue")
    expect("extent" in fields, pos, f"a {kind} needs an 'extent'")
    expect(isinstance(queue, CV), pos, "the queue must be known at compile time")
    expect(queue.type == (IQ if kind == FABIN else OQ), pos, f"wrong queue type {queue.type}")
    if color is not None:
        expect(
            isinstance(color, CV) and color.type == COLOR,
            pos,
            "'fabric_color' must be a color known at compile time",
        )
    elif kind == FABOUT and ev.options.arch == "wse2":
        raise CslError(pos, "a fabout_dsd needs 'fabric_color' on wse2")
    dsd = Dsd(3 if kind == FABIN else 4, flags, queue.v, color.v if color else -1)
    ev.used.append((queue, pos))
    if kind == FABIN:
        ev.bind_fabin(dsd, pos)
    return _with(ev, kind, dsd, fields, pos)


def _with(ev, kind, dsd, fields, pos):
    """Apply extent, stride, offset: folded if known, else by instructions."""
    late = []
    values = {}
    for name, to in (("extent", U16), ("stride", I8), ("offset", I16)):
        if name not in fields:
            continue
        value = ev.coerce_int(fields[name], to, pos)
        if isinstance(value, CV):
            values[name] = value.v
        else:
            late.append((name, value))
    esize = dsd.esize or 2
    dsd = Dsd(
        dsd.kind,
        dsd.flags,
        dsd.queue,
        dsd.color,
        dsd.base + values.get("offset", 0) * esize,
        values.get("extent", dsd.extent),
        values.get("stride", dsd.stride),
        dsd.dims,
        dsd.strides,
        dsd.esize,
        dsd.origin,
    )
    base = fields.get("base_address")
    if isinstance(base, RV):
        late.append(("base", base))
    if not late:
        return CV(kind, dsd)
    expect(ev.code is not None, pos, "DSD properties must be known at compile time here")
    index = ev.program.dsd()
    ev.emit("DSDCPY", index, ev.program.dsd_constant(dsd), 0, pos)
    for name, value in sorted(late, key=lambda item: item[0]):
        op = {"base": "DSDBASE", "extent": "DSDLEN", "stride": "DSDSTRIDE", "offset": "DSDOFF"}[
            name
        ]
        ev.emit(op, index, value.slot, esize, pos)
    return RV(kind, index)


def _memory_dsd(ev, kind, fields, flags, pos):
    if "tensor_access" in fields:
        access = fields["tensor_access"]
        expect(access.type == ACCESS, pos, "'tensor_access' needs a tensor access expression")
        for name in ("base_address", "extent", "stride"):
            expect(name not in fields, pos, f"'tensor_access' excludes '{name}'")
        base, dims, strides, elem = tensor_access(ev, *access.v)
        if kind == MEM1D:
            expect(len(dims) == 1, pos, "a mem1d_dsd has one induction variable")
            dsd = Dsd(
                1,
                flags,
                base=base if isinstance(base, int) else 0,
                extent=dims[0],
                stride=strides[0],
                esize=elem.size,
                origin=base if isinstance(base, int) else 0,
            )
        else:
            expect(len(dims) <= 4, pos, "a mem4d_dsd has at most four induction variables")
            dsd = Dsd(
                2,
                flags,
                base=base,
                extent=math.prod(dims),
                dims=tuple(dims),
                strides=tuple(strides),
                esize=elem.size,
                origin=base,
            )
        return _with(ev, kind, dsd, {k: v for k, v in fields.items() if k == "offset"}, pos)
    expect(
        "base_address" in fields and "extent" in fields,
        pos,
        f"a {kind} needs 'tensor_access', or 'base_address' and 'extent'",
    )
    base = fields["base_address"]
    expect(isinstance(base.type, PtrType), pos, f"'base_address' is a {base.type}, not a pointer")
    elem = base.type.elem
    while isinstance(elem, ArrayType):
        elem = elem.elem
    addr = base.v.addr if isinstance(base, CV) else 0
    if kind == MEM4D:
        known(base, pos, "base_address")
        dims = _tuple(ev, fields["extent"], U16, "extent", pos)
        steps = [1] * len(dims)
        if "stride" in fields:
            steps = _tuple(ev, fields["stride"], I16, "stride", pos)
        expect(len(steps) == len(dims), pos, f"{len(dims)} extents but {len(steps)} strides")
        expect(1 <= len(dims) <= 4, pos, "a mem4d_dsd has at most four dimensions")
        strides = _from_jumps(dims, steps)
        dsd = Dsd(
            2,
            flags,
            base=addr,
            extent=math.prod(dims),
            dims=tuple(dims),
            strides=tuple(strides),
            esize=elem.size,
            origin=addr,
        )
        return _with(ev, kind, dsd, {k: v for k, v in fields.items() if k == "offset"}, pos)
    dsd = Dsd(1, flags, base=addr, esize=elem.size, origin=addr)
    return _with(ev, kind, dsd, fields, pos)


def _tuple(ev, value, kind, name, pos):
    """The known numbers of a tuple."""
    items = known(value, pos, name)
    expect(isinstance(items, list), pos, f"'{name}' of a mem4d_dsd is a tuple")
    return [ev.coerce(item, kind, pos).v for item in items]


def _from_jumps(dims, jumps):
    """The strides of a mem4d_dsd, outermost first, from what the vendor's page on DSDs lists:
    innermost first, how far the address moves when a dimension advances and those inside it
    go back to their start."""
    strides = []
    for jump in jumps:
        inner = dims[len(dims) - len(strides) :]
        strides.insert(0, jump + sum((n - 1) * s for n, s in zip(inner, strides, strict=True)))
    return strides


def tensor_access(ev, node, scope):
    """Base address, extents and strides (elements) of ``|i, j|{N, M} -> A[...]``."""
    names = [k for k in node.kids[1:] if isinstance(k, str) and k != "|"]
    lengths, target = node.kids[-2], node.kids[-1]
    with ev.at_comptime():
        dims = [ev.integer(e, scope, "an extent") for e in lengths.kids]
        expect(
            len(dims) == len(names),
            node.pos,
            f"{len(names)} induction variables but {len(dims)} extents",
        )
        for dim in dims:
            expect(0 <= dim <= 65535, node.pos, f"an extent of {dim} does not fit in u16")
        expect(target.kind == "index", target.pos, "expected A[...] behind '->'")
        base = target.kids[0]
        place = ev.place(base, scope, soft=True)
        if place is not None and isinstance(place.type, PtrType):
            raise CslError(
                base.pos, "the base of a tensor access must be a variable or a known pointer"
            )
        if place is None:
            value = ev.value(base, scope)
            expect(
                isinstance(value.type, PtrType) and isinstance(value, CV),
                base.pos,
                "the base of a tensor access must be a variable or a known pointer",
            )
            place = ev.pointee(value, base.pos)
        kind = place.type
        if not isinstance(kind, ArrayType):
            kind = array((65535,), kind)
        indices = target.kids[1].kids
        expect(
            len(indices) == len(kind.dims),
            target.pos,
            f"{kind} needs {len(kind.dims)} indices, got {len(indices)}",
        )

        def at(point):
            inner = Scope(scope, scope.module)
            inner.names.update({n: CV(CINT, v) for n, v in zip(names, point, strict=True)})
            total = 0
            for expr, dim in zip(indices, kind.dims, strict=True):
                total = total * dim + ev.integer(expr, inner, "an index")
            return total

        zero = [0] * len(names)
        origin = at(zero)
        strides = []
        for i in range(len(names)):
            unit, double = list(zero), list(zero)
            unit[i], double[i] = 1, 2
            strides.append(at(unit) - origin)
            expect(
                at(double) - origin == 2 * strides[-1],
                target.pos,
                f"the access is not affine in '{names[i]}'",
            )
    return place.base + origin * kind.elem.size, dims, strides, kind.elem


def _dsd_change(name, arity):
    def register(fn):
        @builtin(name, args=arity)
        def apply(ev, node, args, scope, want):
            dsd = ev.value(args[0], scope)
            expect(dsd.type in DSD_TYPES, node.pos, f"{name} needs a DSD, got {dsd.type}")
            return fn(ev, node, args, scope, dsd)

        return apply

    return register


def _changed(ev, dsd, op, value, esize, pos):
    index = ev.program.dsd()
    ev.emit("DSDCPY", index, ev.dsd_index(dsd, pos), 0, pos)
    ev.emit(op, index, ev.slot_of(value, pos), esize, pos)
    return RV(dsd.type, index)


def _replace(dsd, **changes):
    return CV(dsd.type, Dsd(**{**dsd.v.__dict__, **changes}))


@_dsd_change("@increment_dsd_offset", 3)
def _increment_dsd_offset(ev, node, args, scope, dsd):
    kind = ev.type_of(args[2], scope)
    expect(dsd.type in (MEM1D, MEM4D), node.pos, f"a {dsd.type} has no offset")
    value = ev.coerce_int(ev.value(args[1], scope), I16, node.pos)
    if isinstance(dsd, CV) and isinstance(value, CV):
        return _replace(dsd, base=dsd.v.base + value.v * kind.size)
    return _changed(ev, dsd, "DSDOFF", value, kind.size, node.pos)


@_dsd_change("@set_dsd_base_addr", 2)
def _set_dsd_base_addr(ev, node, args, scope, dsd):
    expect(dsd.type in (MEM1D, MEM4D), node.pos, f"a {dsd.type} has no base address")
    place = ev.place(args[1], scope, soft=True)
    if place is not None and isinstance(place.type, ArrayType):
        value = CV(U16, Ptr(place.base))
        expect(place.addr is None and place.index is None, node.pos, "expected an array or pointer")
        elem = place.type.elem
    else:
        value = ev.value(args[1], scope)
        expect(isinstance(value.type, PtrType), node.pos, f"expected a pointer, got {value.type}")
        elem = value.type.elem
        while isinstance(elem, ArrayType):
            elem = elem.elem
    if isinstance(dsd, CV) and isinstance(value, CV):
        return _replace(dsd, base=value.v.addr, origin=value.v.addr, esize=elem.size)
    return _changed(ev, dsd, "DSDBASE", value, elem.size, node.pos)


@_dsd_change("@set_dsd_length", 2)
def _set_dsd_length(ev, node, args, scope, dsd):
    expect(dsd.type != MEM4D, node.pos, "the length of a mem4d_dsd cannot be set")
    value = ev.coerce_int(ev.value(args[1], scope), U16, node.pos)
    if isinstance(dsd, CV) and isinstance(value, CV):
        return _replace(dsd, extent=value.v)
    return _changed(ev, dsd, "DSDLEN", value, 0, node.pos)


@_dsd_change("@set_dsd_stride", 2)
def _set_dsd_stride(ev, node, args, scope, dsd):
    expect(dsd.type == MEM1D, node.pos, f"the stride of a {dsd.type} cannot be set")
    value = ev.coerce_int(ev.value(args[1], scope), I8, node.pos)
    if isinstance(dsd, CV) and isinstance(value, CV):
        return _replace(dsd, stride=value.v)
    return _changed(ev, dsd, "DSDSTRIDE", value, 0, node.pos)


@builtin("@allocate_fifo", args=(1, 2))
def _allocate_fifo(ev, node, args, scope, want):
    place = ev.place(args[0], scope)
    expect(isinstance(place.type, ArrayType), node.pos, "a FIFO needs an array")
    config = ev.known(args[1], scope).v if len(args) > 1 else {}
    number = len(ev.program.fifos)
    record = {
        "base": place.base,
        "count": place.type.count,
        "esize": place.type.elem.size,
        "push": -1,
        "pop": -1,
    }
    for name, value in config.items():
        if name == "priority" and ev.options.arch == "wse3":
            check_priority(value, node.pos)
            continue
        if name not in ("activate_push", "activate_pop"):
            raise Unsupported(node.pos, f"FIFO setting '{name}'")
        key = name.split("_")[1]
        if value.type == TASK:
            ev.fifo_tasks.append((record, key, value, node.pos))
        else:
            record[key] = value.v
    ev.program.fifos.append(record)
    return CV(FIFO, Dsd(5, queue=number, extent=place.type.count, esize=place.type.elem.size))
