"""Builtins on data structure descriptors: making, changing and operating on them."""

import math

from plait.cslsim.entities import (
    ACCESS,
    Fields,
    Fn,
    Scope,
)
from plait.cslsim.errors import CslError, Unsupported
from plait.cslsim.registry import NOTHING, builtin, check_priority, known, task_ref
from plait.cslsim.types import (
    BOOL,
    CFLOAT,
    CINT,
    COLOR,
    CV,
    DSD_TYPES,
    DSR_TYPES,
    F16,
    F32,
    FABIN,
    FABOUT,
    FIFO,
    FLOATS,
    I8,
    I16,
    INTS,
    IQ,
    MEM1D,
    MEM4D,
    OQ,
    RV,
    TASK,
    U16,
    U32,
    VOID,
    ArrayType,
    Dsd,
    Ptr,
    PtrType,
    array,
    expect,
)

# DSDs

DSD_FIELDS = {
    "mem1d_dsd": (
        "tensor_access",
        "base_address",
        "extent",
        "stride",
        "offset",
        "wavelet_index_offset",
    ),
    "mem4d_dsd": (
        "tensor_access",
        "base_address",
        "extent",
        "stride",
        "offset",
        "wavelet_index_offset",
    ),
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


@builtin("@load_to_dsr", args=(2, 3))
def _load_to_dsr(ev, node, args, scope, want):
    dsr = ev.known(args[0], scope)
    expect(dsr.type in DSR_TYPES, node.pos, f"expected a DSR, got {dsr.type}")
    dsd = ev.value(args[1], scope)
    expect(dsd.type in DSD_TYPES, node.pos, f"expected a DSD, got {dsd.type}")
    options = Options(
        ev,
        args[2] if len(args) > 2 else None,
        scope,
        node,
        ("async", "activate", "unblock", "save_address", "single_step", "ut_id"),
    )
    wrong = {"fabin_dsd": ("dsr_dest",), "fabout_dsd": ("dsr_src0", "dsr_src1")}
    expect(
        dsr.type.name not in wrong.get(dsd.type.name, ()),
        node.pos,
        f"a {dsd.type} cannot be loaded to a {dsr.type}",
    )
    expect(
        dsd.type != MEM4D or ev.options.sdk == "1.4",
        node.pos,
        "@load_to_dsr takes no mem4d_dsd in SDK 2.10",
    )
    number = DSR_TYPES.index(dsr.type) * 16 + dsr.v
    vec = ev.program.vector(
        "loaddsr",
        [(1, ev.dsd_index(dsd, node.pos), 0)],
        options.flags,
        options.ut,
        options.activate,
        options.unblock,
        index=number,
    )
    ev.emit("VEC", vec, 0, 0, node.pos)
    return NOTHING


class Options:
    """The trailing ``.{ .async = true, ... }`` of a DSD operation."""

    def __init__(
        self,
        ev,
        node,
        scope,
        where,
        allowed=("async", "activate", "unblock", "ut_id", "index", "priority"),
    ):
        self.flags, self.ut, self.activate, self.unblock, self.index = 0, -1, -1, -1, -1
        if node is None:
            return
        value = ev.value(node, scope)
        fields = value.items if isinstance(value, Fields) else value.v
        expect(isinstance(fields, dict), where.pos, "expected a struct of options")
        for name, item in fields.items():
            if name not in allowed:
                raise Unsupported(where.pos, f"operation setting '{name}'")
            if name == "async":
                self.flags |= 1 if known(item, where.pos, name) else 0
            elif name == "save_address":
                self.flags |= 2 if known(item, where.pos, name) else 0
            elif name == "ut_id":
                self.ut = known(item, where.pos, name)
            elif name == "single_step":
                known(item, where.pos, name)  # how @map takes them anyway
            elif name == "priority":
                expect(
                    ev.options.arch == "wse2",
                    where.pos,
                    "on wse3 the priority is a property of the DSD, not of the operation",
                )
                check_priority(item, where.pos)
            elif name == "index":
                self.index = ev.slot_of(ev.coerce_int(item, U16, where.pos), where.pos)
            else:
                ref = task_ref(ev, item, where.pos, name)
                setattr(self, name, ev.slot_of(ref, where.pos))
        expect(
            self.activate < 0 or self.unblock < 0,
            where.pos,
            "an operation takes 'activate' or 'unblock', not both",
        )


# name -> (type of dest, types of sources, legal forms). D: DSD or DSR, S: scalar, P: pointer.
_THREE = ("DDD", "DSD", "DDS", "PSD")
_TWO = ("DD", "DS", "PD")
VECTOR = {}
for _n in ("fadds", "fsubs", "fmuls", "fmaxs"):
    VECTOR[_n] = (F32, (F32, F32), _THREE)
for _n in ("faddh", "fsubh", "fmulh", "fmaxh"):
    VECTOR[_n] = (F16, (F16, F16), _THREE)
for _n in ("add16", "addc16", "and16", "or16", "xor16", "sll16", "slr16", "sar16"):
    VECTOR[_n] = (U16, (U16, U16), _THREE[:3])
VECTOR["sub16"] = (U16, (U16, U16), ("DDD", "DDS"))
VECTOR["faddhs"] = (F32, (F32, F16), ("DDD", "DSD", "DDS", "PSD"))
VECTOR["fmacs"] = (F32, (F32, F32, F32), ("DDDS",))
VECTOR["fmach"] = (F16, (F16, F16, F16), ("DDDS",))
VECTOR["fmachs"] = (F32, (F32, F16, F16), ("DDDS",))
VECTOR["fmovs"] = (F32, (F32,), _TWO)
VECTOR["fmovh"] = (F16, (F16,), _TWO)
VECTOR["mov16"] = (U16, (U16,), _TWO)
VECTOR["mov32"] = (U32, (U32,), _TWO)
for _n in ("fnegs", "fabss"):
    VECTOR[_n] = (F32, (F32,), ("DD", "DS"))
for _n in ("fnegh", "fabsh"):
    VECTOR[_n] = (F16, (F16,), ("DD", "DS"))
VECTOR["fs2h"] = (F16, (F32,), ("DD", "DS"))
VECTOR["fh2s"] = (F32, (F16,), ("DD", "DS"))
VECTOR["fs2xp16"] = (I16, (F32,), ("DD", "DS", "PS"))
VECTOR["fh2xp16"] = (I16, (F16,), ("DD", "DS", "PS"))
VECTOR["xp162fs"] = (F32, (I16,), ("DD", "DS"))
VECTOR["xp162fh"] = (F16, (I16,), ("DD", "DS"))
for _n in ("popcnt", "clz", "ctz"):
    VECTOR[_n] = (U16, (U16,), ("DD", "DS"))
VECTOR["fscales"] = (F32, (F32, I16), ("PSS",))
VECTOR["fscaleh"] = (F16, (F16, I16), ("PSS",))


def _vector(name):
    kind, sources, forms = VECTOR[name]
    count = 1 + len(sources)

    @builtin("@" + name, args=(count, count + 1))
    def apply(ev, node, args, scope, want):
        pos = node.pos
        expect(ev.code is not None, pos, f"@{name} runs on the PE, not at compile time")
        operands, form = [], ""
        if name == "faddhs":
            args = _half_behind(ev, args, scope)
        for place, (arg, want_type) in enumerate(zip(args[:count], (kind, *sources), strict=True)):
            letter, operand = _operand(ev, arg, want_type, place == 0, scope)
            form += letter
            operands.append(operand)
        options = Options(ev, args[count] if len(args) > count else None, scope, node)
        expect(
            form in forms,
            pos,
            f"@{name} takes operands {' or '.join(forms)} "
            f"(D: DSD, S: scalar, P: pointer), got {form}",
        )
        kinds = [ev.last_types[i] for i in range(count)]
        if ev.options.arch == "wse3" and kinds[1:].count(FABIN) > 1:
            raise CslError(pos, f"@{name} has more than one fabin_dsd operand")
        if options.flags & 1:
            expect(
                "S" not in form and "P" not in form,
                pos,
                f"an async @{name} takes only DSD operands, got {form}",
            )
        fifos = kinds[1:].count(FIFO)
        if len(kinds) > 2 and fifos:
            expect(fifos == 1, pos, f"@{name} has more than one FIFO among its sources")
            expect(kinds[1] != FIFO, pos, f"a FIFO cannot be the first source of @{name}")
        # Whether it went on to its end, which a synchronous operation on a FIFO may not.
        result = ev.program.slot() if FIFO in kinds and not options.flags & 1 else -1
        vec = ev.program.vector(
            name,
            operands,
            options.flags,
            options.ut,
            options.activate,
            options.unblock,
            index=options.index,
            result=result,
        )
        ev.emit("VEC", vec, 0, 0, pos)
        return NOTHING if result < 0 else RV(BOOL, result)


def _half_behind(ev, args, scope):
    """The operands of @faddhs with its 16-bit scalar behind the 32-bit vector."""
    if args[1].kind in ("number", "float_"):
        scalar = ev.value(args[2], scope).type in (*DSD_TYPES, *DSR_TYPES)
    else:
        scalar = ev.value(args[1], scope).type == F16
    return [args[0], args[2], args[1], *args[3:]] if scalar else args


def _operand(ev, arg, kind, dest, scope):
    """A letter of the form table and the core's (kind, index, type)."""
    value = ev.value(arg, scope, kind)
    if not dest:
        ev.last_types.append(value.type)
    else:
        ev.last_types = [value.type]
    if value.type in DSD_TYPES:
        return "D", (1, ev.dsd_index(value, arg.pos), kind.code)
    if value.type in DSR_TYPES:
        return "D", (2, DSR_TYPES.index(value.type) * 16 + value.v, kind.code)
    if dest:
        expect(
            isinstance(value.type, PtrType),
            arg.pos,
            f"the destination is a DSD or a pointer, not a {value.type}",
        )
        _same_width(value.type.elem, kind, arg)
        return "P", (4, ev.slot_of(value, arg.pos), kind.code)
    if value.type in (CINT, CFLOAT):
        value = ev.coerce(
            value,
            kind
            if not (kind in INTS and value.v < 0)
            else (I16 if kind.size == 2 else RANGES_SIGNED),
            arg.pos,
        )
    _same_width(value.type, kind, arg)
    return "S", (3, ev.slot_of(value, arg.pos), value.type.code)


RANGES_SIGNED = next(t for t in INTS if t.name == "i32")


def _same_width(have, kind, arg):
    expect(
        have.size == kind.size and (have in FLOATS) <= (kind in FLOATS or have.size == kind.size),
        arg.pos,
        f"expected a {8 * kind.size}-bit scalar, got {have}",
    )
    expect(not (kind in FLOATS and have != kind), arg.pos, f"expected {kind}, got {have}")


for _n in VECTOR:
    _vector(_n)


@builtin("@map")
def _map(ev, node, args, scope, want):
    pos = node.pos
    expect(len(args) >= 2, pos, "@map needs a function and operands")
    fn = ev.known(args[0], scope)
    expect(isinstance(fn.v, Fn) and not fn.v.task, pos, "@map needs a function")
    fn = fn.v
    inner = Scope(None, fn.module)
    kinds = [ev.type_of(p.kids[2], inner) for p in fn.params]
    result = ev.type_of(fn.result, inner)
    count = len(kinds) + (result != VOID)
    expect(
        count <= len(args) - 1 <= count + 1,
        pos,
        f"@map of '{fn.name}' takes {count} operands, got {len(args) - 1}",
    )
    options = Options(ev, args[count + 1] if len(args) - 1 > count else None, scope, node)
    operands = []
    ins = args[1 : 1 + len(kinds)]
    code, _ = ev.instance(fn, [(RV(k, -1), k, False) for k in kinds], pos)
    ev.code.calls.add(code.number)
    for arg, (kind, at) in zip(ins, code.params, strict=True):
        value = ev.value(arg, scope, kind)
        expect(value.type != FIFO, arg.pos, "a FIFO is no operand of @map")
        if value.type in DSD_TYPES:
            operands.append((1, ev.dsd_index(value, arg.pos), kind.code))
        elif value.type in DSR_TYPES:
            operands.append((2, DSR_TYPES.index(value.type) * 16 + value.v, kind.code))
        else:
            value = ev.coerce(value, kind, arg.pos)
            operands.append((3, ev.slot_of(value, arg.pos), kind.code))
        operands.append((5, at, kind.code))
    if result != VOID:
        arg = args[count]
        value = ev.value(arg, scope)
        expect(value.type != FIFO, arg.pos, "a FIFO is no operand of @map")
        if value.type in DSD_TYPES:
            operands.append((1, ev.dsd_index(value, arg.pos), result.code))
        elif value.type in DSR_TYPES:
            operands.append((2, DSR_TYPES.index(value.type) * 16 + value.v, result.code))
        else:
            expect(isinstance(value.type, PtrType), arg.pos, "@map writes to a DSD or a pointer")
            operands.append((4, ev.slot_of(value, arg.pos), result.code))
        operands.append((5, code.result[1], result.code))
    vec = ev.program.vector(
        "map",
        operands,
        options.flags,
        options.ut,
        options.activate,
        options.unblock,
        fn=code.number,
    )
    ev.emit("VEC", vec, 0, 0, pos)
    return NOTHING
