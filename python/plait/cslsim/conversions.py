"""Implicit and explicit conversions between types."""

from plait.cslsim.entities import LITERAL, Fields, Items, rounded, wrap
from plait.cslsim.errors import CslError
from plait.cslsim.types import (
    ANON,
    ANYTYPE,
    BOOL,
    CFLOAT,
    CINT,
    CV,
    F16,
    F32,
    FLOATS,
    INTS,
    LOCAL_ID,
    RANGES,
    RV,
    TASK,
    ArrayType,
    EnumType,
    FnType,
    PtrType,
    StructType,
    expect,
    is_number,
)


def _widens(have, kind):
    """Whether SDK 2.10 converts by itself: every value of one type is one of the other."""
    if have in INTS and kind in INTS:
        return RANGES[kind][0] <= RANGES[have][0] and RANGES[have][1] <= RANGES[kind][1]
    return have == F16 and kind == F32


class Conversions:
    """Part of the evaluator: conversions."""

    # conversions

    def coerce(self, value, kind, pos):
        """Implicit conversion to ``kind``; what is known may change its type if it fits."""
        have = value.type
        if have == kind or kind in (ANYTYPE, ANON):
            return value
        if isinstance(kind, PtrType) and isinstance(have, PtrType):
            fits = have.elem == kind.elem or (
                kind.many and isinstance(have.elem, ArrayType) and have.elem.elem == kind.elem
            )
            expect(fits, pos, f"expected {kind}, got {have}")
            return CV(kind, value.v) if isinstance(value, CV) else RV(kind, value.slot)
        if kind == LOCAL_ID and have == TASK:
            return CV(LOCAL_ID, self.task_id(value, pos)[1])
        if isinstance(kind, FnType) and have == TASK:
            return value  # `task () void` as a type
        if isinstance(value, CV):
            if kind in INTS and (have in INTS or have == CINT):
                low, high = RANGES[kind]
                expect(low <= value.v <= high, pos, f"{value.v} does not fit in {kind}")
                return CV(kind, value.v)
            if kind in FLOATS and have in (CFLOAT, CINT):
                return CV(kind, float(rounded(kind, value.v)))
            if kind == CINT and have in INTS:
                return CV(kind, value.v)
            if kind == CFLOAT and have in (CINT, *FLOATS):
                return CV(kind, float(value.v))
            if isinstance(kind, FnType) and isinstance(have, FnType):
                return value
            if isinstance(kind, EnumType) and have == LITERAL:
                numbers = dict(kind.items)
                expect(value.v in numbers, pos, f"{kind} has no item '{value.v}'")
                return CV(kind, numbers[value.v])
            if isinstance(kind, ArrayType) and have == ANON and isinstance(value.v, list):
                expect(
                    len(value.v) == kind.count,
                    pos,
                    f"expected {kind.count} elements, got {len(value.v)}",
                )
                return CV(kind, [self.coerce(v, kind.elem, pos).v for v in value.v])
            if (
                isinstance(kind, ArrayType)
                and isinstance(have, ArrayType)
                and have.dims == kind.dims
                and have.elem in (CINT, CFLOAT)
            ):
                return CV(kind, [self.coerce(CV(have.elem, v), kind.elem, pos).v for v in value.v])
            if isinstance(kind, StructType) and have == ANON and isinstance(value.v, dict):
                for name in value.v:
                    expect(kind.offset(name), pos, f"{kind} has no field '{name}'")
                items = {}
                for name, member in kind.fields:
                    expect(name in value.v, pos, f"field '{name}' of {kind} is missing")
                    items[name] = self.coerce(value.v[name], member, pos)
                return CV(kind, items)
        if isinstance(value, (Fields, Items)) and isinstance(kind, (StructType, ArrayType)):
            return value
        if self.options.sdk != "1.4" and _widens(have, kind):
            return self.convert(value, kind, pos)
        raise CslError(pos, f"expected {kind}, got {have}")

    def convert(self, value, kind, pos):
        """``@as``: explicit conversion between numbers and bools."""
        have = value.type
        if have == kind:
            return value
        if isinstance(have, EnumType) and isinstance(value, CV):
            return self.coerce(CV(CINT, value.v), kind, pos)
        expect(
            (is_number(have) or isinstance(have, EnumType)) and is_number(kind),
            pos,
            f"@as cannot convert {have} to {kind}",
        )
        if isinstance(value, CV):
            v = value.v
            if kind == BOOL:
                return CV(BOOL, bool(v))
            if kind in INTS:
                v = int(v)
                if have in INTS or have == BOOL:
                    return CV(kind, wrap(kind, v))
                return self.coerce(CV(CINT, v), kind, pos)
            if kind in FLOATS:
                return CV(kind, float(rounded(kind, float(v))))
            return CV(kind, int(v) if kind == CINT else float(v))
        slot = self.program.slot()
        source = have.base if isinstance(have, EnumType) else have
        self.emit("CAST", slot, value.slot, source.code, pos, kind)
        return RV(kind, slot)

    def task_id(self, value, pos):
        """The id a task is bound to."""
        found = self.tasks.get(value.v)
        expect(found is not None, pos, f"task '{value.v.name}' is not bound to an id")
        return found
