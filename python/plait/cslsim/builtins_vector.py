"""Builtins that operate on data structure descriptors, and what they may be told."""

from plait.cslsim.entities import Fields, Fn, Scope
from plait.cslsim.errors import CslError, Unsupported
from plait.cslsim.registry import NOTHING, builtin, check_priority, known, task_ref
from plait.cslsim.types import (
    ANON,
    BOOL,
    CFLOAT,
    CINT,
    DSD_TYPES,
    DSR_TYPES,
    F16,
    F32,
    FABIN,
    FIFO,
    FLOATS,
    I16,
    I32,
    INTS,
    MEM4D,
    RV,
    U16,
    U32,
    VOID,
    PtrType,
    expect,
)


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
    expect(value.type != ANON, arg.pos, "an operand is missing: here are the settings")
    if value.type in (CINT, CFLOAT):
        signed = I16 if kind.size == 2 else I32
        value = ev.coerce(value, signed if kind in INTS and value.v < 0 else kind, arg.pos)
    _same_width(value.type, kind, arg)
    return "S", (3, ev.slot_of(value, arg.pos), value.type.code)


def _same_width(have, kind, arg):
    expect(have.size == kind.size, arg.pos, f"expected a {8 * kind.size}-bit scalar, got {have}")
    expect(kind not in FLOATS or have == kind, arg.pos, f"expected {kind}, got {have}")


for _n in VECTOR:
    _vector(_n)


def _described(ev, value, pos, kind):
    """The operand of @map that is a DSD or a DSR, or None."""
    expect(value.type != FIFO, pos, "a FIFO is no operand of @map")
    if value.type in DSD_TYPES:
        return (1, ev.dsd_index(value, pos), kind.code)
    if value.type in DSR_TYPES:
        return (2, DSR_TYPES.index(value.type) * 16 + value.v, kind.code)
    return None


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
        operand = _described(ev, value, arg.pos, kind)
        if not operand:
            operand = (3, ev.slot_of(ev.coerce(value, kind, arg.pos), arg.pos), kind.code)
        operands += [operand, (5, at, kind.code)]
    if result != VOID:
        arg = args[count]
        value = ev.value(arg, scope)
        operand = _described(ev, value, arg.pos, result)
        if not operand:
            expect(isinstance(value.type, PtrType), arg.pos, "@map writes to a DSD or a pointer")
            operand = (4, ev.slot_of(value, arg.pos), result.code)
        operands += [operand, (5, code.result[1], result.code)]
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
