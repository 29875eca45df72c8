"""Expressions: every ``x_RULE`` evaluates one rule of the grammar."""

import math

import numpy as np

from plait.cslsim.entities import (
    ACCESS,
    ARITHMETIC,
    COMPARE,
    LITERAL,
    Break,
    Constant,
    Fields,
    Items,
    Leave,
    Loop,
    plain,
    wrap,
)
from plait.cslsim.errors import CslError, not_understood
from plait.cslsim.limits import BITS, ELEMENTS
from plait.cslsim.syntax import Node
from plait.cslsim.types import (
    ANON,
    ANYTYPE,
    BOOL,
    CFLOAT,
    CINT,
    CV,
    DIRECTION,
    DIRECTIONS,
    F32,
    FLOATS,
    INTS,
    MODULE,
    NAMED,
    RANGES,
    RV,
    STRING,
    TYPE,
    U16,
    VOID,
    ArrayType,
    EnumType,
    Ptr,
    PtrType,
    StructType,
    array,
    expect,
    fn_type,
    is_number,
    pointer,
    struct_type,
)
from plait.errors import PlaitError


class Expressions:
    """Part of the evaluator: expressions."""

    # expressions

    def value(self, node, scope, want=None):
        """Evaluate an expression. ``want``: the type the context asks for, if it has one."""
        try:
            return getattr(self, "x_" + node.kind)(node, scope, want)
        except (PlaitError, Leave):
            raise
        except Exception as error:
            raise not_understood(node, error) from error

    def known(self, node, scope, want=None, what="this"):
        """Evaluate an expression that must be known at compile time."""
        value = self.value(node, scope, want)
        expect(isinstance(value, CV), node.pos, f"{what} must be known at compile time")
        return value

    def integer(self, node, scope, what="this"):
        """Evaluate an expression that must be a known integer."""
        value = self.known(node, scope, None, what)
        expect(
            isinstance(value.v, int) and (value.type in INTS or value.type == CINT),
            node.pos,
            f"{what} must be an integer, got a {value.type}",
        )
        return value.v

    def x_number(self, node, scope, want):
        return CV(CINT, int(node.kids[0].replace("_", ""), 0))

    def x_float_(self, node, scope, want):
        return CV(CFLOAT, float(node.kids[0].replace("_", "")))

    def x_string(self, node, scope, want):
        return CV(STRING, node.kids[0][1:-1].encode().decode("unicode_escape"))

    def x_char(self, node, scope, want):
        return CV(CINT, ord(node.kids[0][1:-1].encode().decode("unicode_escape")))

    def x_true(self, node, scope, want):
        return CV(BOOL, True)

    def x_false(self, node, scope, want):
        return CV(BOOL, False)

    def x_void_value(self, node, scope, want):
        return CV(VOID, None)

    def x_undefined(self, node, scope, want):
        raise CslError(node.pos, "'undefined' can only initialise a variable")

    def x_name(self, node, scope, want):
        name = node.kids[0]
        entity = scope.find(name)
        if entity is None:
            if name in DIRECTIONS:
                return CV(DIRECTION, DIRECTIONS[name])
            if name in NAMED:
                return CV(TYPE, NAMED[name])
            raise CslError(node.pos, f"unknown name '{name}'")
        return self.read(entity, node.pos)

    # operators

    def x_binary(self, node, scope, want):
        left, op, right = node.kids
        hint = want if op not in ("==", "!=", "<", ">", "<=", ">=", "<<", ">>") else None
        a = self.value(left, scope, hint)
        b = self.value(right, scope, hint if a.type not in INTS else None)
        return self.binary(op, a, b, node.pos)

    def binary(self, op, a, b, pos):
        """An arithmetic, bit or comparison operator."""
        if op in ("<<", ">>"):
            return self.shift(op, a, b, pos)
        a, b = self.same(op, a, b, pos)
        kind = a.type
        compare = op in ("==", "!=", "<", ">", "<=", ">=")
        if isinstance(a, CV) and isinstance(b, CV):
            if compare:
                return CV(BOOL, COMPARE[op](plain(a.v), plain(b.v)))
            return CV(kind, self.fold(op, a.v, b.v, kind, pos))
        raw = kind.base if isinstance(kind, EnumType) else kind
        if compare:
            swap = op in (">", ">=")
            name = {"==": "EQ", "!=": "NE", "<": "LT", "<=": "LE", ">": "LT", ">=": "LE"}[op]
        else:
            swap = False
            name = {
                "+": "ADD",
                "-": "SUB",
                "*": "MUL",
                "/": "DIV",
                "%": "MOD",
                "&": "AND",
                "|": "OR",
                "^": "XOR",
            }[op]
            expect(is_number(kind) or (kind == BOOL), pos, f"'{op}' is not defined on {kind}")
            expect(not (kind in FLOATS and op in "%&|^"), pos, f"'{op}' is not defined on {kind}")
        x, y = self.slot_of(a, pos), self.slot_of(b, pos)
        if swap:
            x, y = y, x
        slot = self.program.slot()
        self.emit(name, slot, x, y, pos, raw)
        return RV(BOOL if compare else kind, slot)

    def same(self, op, a, b, pos):
        """Bring two operands to one type: what is known gives way."""
        if a.type == b.type:
            return a, b
        if isinstance(a, CV) and isinstance(b, CV):
            ka, kb = a.type, b.type
            if TYPE in (ka, kb):
                raise CslError(pos, f"'{op}' needs operands of one type, got {ka} and {kb}")
            if ka in (CINT, CFLOAT) and kb not in (CINT,):
                return (self.coerce(a, kb, pos) if not (ka == CFLOAT and kb in INTS) else a), b
            if isinstance(ka, (EnumType,)) and kb == LITERAL:
                return a, self.coerce(b, ka, pos)
            if ka == LITERAL:
                return self.coerce(a, kb, pos), b
            return a, self.coerce(b, ka, pos)
        if isinstance(a, CV):
            return self.coerce(a, b.type, pos), b
        if isinstance(b, CV):
            return a, self.coerce(b, a.type, pos)
        if isinstance(a.type, PtrType) and isinstance(b.type, PtrType):
            return a, self.coerce(b, a.type, pos)
        raise CslError(pos, f"'{op}' needs operands of one type, got {a.type} and {b.type}")

    def fold(self, op, x, y, kind, pos):
        """Arithmetic on known values; integer overflow is an error."""
        if kind in INTS or kind == CINT:
            if op in "/%":
                expect(y != 0, pos, "division by zero")
                quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
                result = quotient if op == "/" else x - quotient * y
            else:
                result = ARITHMETIC[op](x, y)
            if kind == CINT:
                expect(result.bit_length() <= BITS, pos, f"an integer of more than {BITS} bits")
            if kind in INTS:
                low, high = RANGES[kind]
                expect(low <= result <= high, pos, f"{x} {op} {y} overflows {kind}")
            return result
        if kind in FLOATS or kind == CFLOAT:
            expect(op in "+-*/", pos, f"'{op}' is not defined on {kind}")
            if kind == CFLOAT:
                expect(op != "/" or y != 0, pos, "division by zero")
                return ARITHMETIC[op](x, y) if op != "/" else x / y
            real = np.float32 if kind == F32 else np.float16
            with np.errstate(all="ignore"):
                p, q = real(x), real(y)
                return float(p / q if op == "/" else ARITHMETIC[op](p, q))
        if kind == BOOL and op in "&|^":
            return ARITHMETIC[op](x, y)
        raise CslError(pos, f"'{op}' is not defined on {kind}")

    def shift(self, op, a, b, pos):
        """``<<`` and ``>>``: the type is the left operand's."""
        expect(
            (a.type in INTS or a.type == CINT) and (b.type in INTS or b.type == CINT),
            pos,
            f"'{op}' is not defined on {a.type} and {b.type}",
        )
        if isinstance(a, CV) and isinstance(b, CV):
            expect(b.v >= 0, pos, "shift by a negative amount")
            expect(b.v <= BITS, pos, f"shift by {b.v} bits")
            v = a.v << b.v if op == "<<" else a.v >> b.v
            return CV(a.type, wrap(a.type, v) if a.type in INTS else v)
        if a.type == CINT:
            a = self.coerce(a, b.type, pos)
        if b.type == CINT:
            b = self.coerce(b, a.type, pos)
        slot = self.program.slot()
        self.emit(
            "SHL" if op == "<<" else "SHR",
            slot,
            self.slot_of(a, pos),
            self.slot_of(b, pos),
            pos,
            a.type,
        )
        return RV(a.type, slot)

    def x_prefix(self, node, scope, want):
        op, operand = node.kids
        a = self.value(operand, scope, want)
        kind = a.type
        if op == "!":
            expect(kind == BOOL, node.pos, f"'!' is not defined on {kind}")
            if isinstance(a, CV):
                return CV(BOOL, not a.v)
            slot = self.program.slot()
            self.emit("NOT", slot, a.slot, 0, node.pos)
            return RV(BOOL, slot)
        expect(is_number(kind) and kind != BOOL, node.pos, f"'{op}' is not defined on {kind}")
        if isinstance(a, CV):
            if op == "-":
                return CV(
                    kind,
                    -a.v
                    if kind in (CINT, CFLOAT, *FLOATS)
                    else self.fold("-", 0, a.v, kind, node.pos),
                )
            return CV(kind, wrap(kind, ~a.v) if kind in INTS else ~a.v)
        slot = self.program.slot()
        self.emit("NEG" if op == "-" else "INV", slot, a.slot, 0, node.pos, kind)
        return RV(kind, slot)

    def _short(self, node, scope, stop):
        left, right = node.kids
        a = self.value(left, scope)
        expect(a.type == BOOL, left.pos, f"expected bool, got {a.type}")
        if isinstance(a, CV):
            if a.v is stop:
                return a
            b = self.value(right, scope)
            expect(b.type == BOOL, right.pos, f"expected bool, got {b.type}")
            return b
        slot = self.program.slot()
        self.emit("MOV", slot, a.slot, 0, node.pos)
        jump = self.emit("JNZ" if stop else "JZ", slot, 0, 0, node.pos)
        b = self.value(right, scope)
        expect(b.type == BOOL, right.pos, f"expected bool, got {b.type}")
        self.emit("MOV", slot, self.slot_of(b, node.pos), 0, node.pos)
        self.patch(jump, 1)
        return RV(BOOL, slot)

    def x_or_op(self, node, scope, want):
        return self._short(node, scope, True)

    def x_and_op(self, node, scope, want):
        return self._short(node, scope, False)

    def condition(self, node, scope):
        """A condition: a bool."""
        value = self.value(node, scope)
        expect(value.type == BOOL, node.pos, f"expected bool, got {value.type}")
        return value

    def x_if_expr(self, node, scope, want):
        test, then, other = node.kids
        value = self.condition(test, scope)
        if isinstance(value, CV):
            branch = then if value.v else other
            return CV(VOID, None) if branch is None else self.value(branch, scope, want)
        expect(other is not None, node.pos, "an if expression needs 'else'")
        jump = self.emit("JZ", value.slot, 0, 0, node.pos)
        slot = self.program.slot()
        a = self.value(then, scope, want)
        if a.type == VOID:
            done = self.emit("JMP", 0, 0, 0, node.pos)
            self.patch(jump, 1)
            self.value(other, scope, want)
            self.patch(done, 0)
            return CV(VOID, None)
        if want is not None and a.type != want and want != ANYTYPE:
            a = self.coerce(a, want, then.pos)
        filled = self.emit("MOV", slot, 0, 0, node.pos)
        done = self.emit("JMP", 0, 0, 0, node.pos)
        self.patch(jump, 1)
        b = self.value(other, scope, want)
        if a.type in (CINT, CFLOAT):
            a = self.coerce(a, b.type, then.pos)
        b = self.coerce(b, a.type, other.pos)
        self.emit("MOV", slot, self.slot_of(b, node.pos), 0, node.pos)
        self.patch(filled, 1, self.slot_of(a, node.pos))
        self.patch(done, 0)
        return RV(a.type, slot)

    def x_switch(self, node, scope, want):
        value = self.value(node.kids[0], scope)
        arms = [k for k in node.kids[1:] if k is not None]
        if isinstance(value, CV):
            for arm in arms:
                if arm.kind == "arm_else" or any(
                    self.binary("==", value, self.value(p, scope, value.type), p.pos).v
                    for p in arm.kids[:-1]
                ):
                    return self.arm(arm.kids[-1], scope, want)
            raise CslError(node.pos, "no arm of the switch matches")
        result, done, closed = None, [], False
        for arm in arms:
            skip = []
            if arm.kind != "arm_else":
                hits = []
                for pattern in arm.kids[:-1]:
                    case = self.value(pattern, scope, value.type)
                    equal = self.binary("==", value, case, pattern.pos)
                    hits.append(self.emit("JNZ", self.slot_of(equal, pattern.pos), 0, 0, arm.pos))
                skip.append(self.emit("JMP", 0, 0, 0, arm.pos))
                for hit in hits:
                    self.patch(hit, 1)
            else:
                closed = True
            got = self.arm(arm.kids[-1], scope, want)
            if got is not None and got.type != VOID:
                if result is None:
                    if got.type in (CINT, CFLOAT):
                        expect(want is not None, arm.pos, "this switch needs a type")
                        got = self.coerce(got, want, arm.pos)
                    result = RV(got.type, self.program.slot())
                got = self.coerce(got, result.type, arm.pos)
                self.emit("MOV", result.slot, self.slot_of(got, arm.pos), 0, arm.pos)
            done.append(self.emit("JMP", 0, 0, 0, arm.pos))
            for jump in skip:
                self.patch(jump, 0)
        if result is not None and not closed and not isinstance(value.type, EnumType):
            raise CslError(node.pos, "a switch with a value needs an 'else' arm")
        for jump in done:
            self.patch(jump, 0)
        return result or CV(VOID, None)

    def arm(self, body, scope, want):
        """What stands behind ``=>``."""
        if body.kind == "block":
            self.execute_block(body, scope)
            return CV(VOID, None)
        if body.kind in ("assign", "assign_plain"):
            self.assign(body, scope)
            return CV(VOID, None)
        if body.kind == "arm_return":
            self.s_return_stmt(body, scope)
            return CV(VOID, None)
        return self.value(body, scope, want)

    def x_labeled_block(self, node, scope, want):
        name = node.kids[0].kids[0]
        if self.code is None:
            try:
                self.execute_block(node.kids[1], scope)
            except Break as stop:
                if stop.label != name:
                    raise
                return stop.value
            return CV(VOID, None)
        loop = Loop(name, value=True, want=want)
        self.code.loops.append(loop)
        self.execute_block(node.kids[1], scope)
        self.code.loops.pop()
        for jump in loop.breaks:
            self.patch(jump, 0)
        return loop.result or CV(VOID, None)

    # literals

    def x_anonymous(self, node, scope, want):
        inits = node.kids[0].kids if node.kids[0] is not None else []
        if inits and inits[0].kind == "named_init":
            members = {}
            for init in inits:
                expect(init.kind == "named_init", init.pos, "fields and elements do not mix")
                name, expr = init.kids
                expect(name not in members, init.pos, f"field '{name}' is given twice")
                hint = None
                if isinstance(want, StructType) and want.offset(name):
                    hint = want.offset(name)[1]
                members[name] = self.value(expr, scope, hint)
            if all(isinstance(v, CV) for v in members.values()):
                value = CV(ANON, members)
                return self.coerce(value, want, node.pos) if isinstance(want, StructType) else value
            return Fields(want if isinstance(want, StructType) else ANON, members)
        hint = want.elem if isinstance(want, ArrayType) else None
        items = [self.value(i, scope, hint) for i in inits]
        if not items and isinstance(want, StructType):
            return self.coerce(CV(ANON, {}), want, node.pos)
        if all(isinstance(v, CV) for v in items):
            value = CV(ANON, items if items else {})
            return self.coerce(value, want, node.pos) if isinstance(want, ArrayType) else value
        return Items(want if isinstance(want, ArrayType) else ANON, items)

    def x_struct_init(self, node, scope, want):
        kind = self.type_of(node.kids[0], scope)
        expect(isinstance(kind, (StructType, ArrayType)), node.pos, f"{kind} is not a struct")
        inner = Node("anonymous", [node.kids[1]], node.pos)
        return self.x_anonymous(inner, scope, kind)

    def x_array_init(self, node, scope, want):
        kind = self.type_of(node.kids[0], scope)
        exprs = node.kids[1].kids if node.kids[1] is not None else []
        expect(
            len(exprs) == kind.count,
            node.pos,
            f"{kind} needs {kind.count} elements, got {len(exprs)}",
        )
        items = [self.value(e, scope, kind.elem) for e in exprs]
        items = [self.coerce(v, kind.elem, e.pos) for v, e in zip(items, exprs, strict=True)]
        if all(isinstance(v, CV) for v in items):
            return CV(kind, [v.v for v in items])
        return Items(kind, items)

    def x_enum_literal(self, node, scope, want):
        value = CV(LITERAL, node.kids[0])
        return self.coerce(value, want, node.pos) if isinstance(want, EnumType) else value

    def x_tensor_access(self, node, scope, want):
        return CV(ACCESS, (node, scope))

    # types as values

    def x_pointer_type(self, node, scope, want):
        return CV(TYPE, pointer(self.type_of(node.kids[-1], scope)))

    def x_many_pointer_type(self, node, scope, want):
        return CV(TYPE, pointer(self.type_of(node.kids[-1], scope), many=True))

    def x_array_type(self, node, scope, want):
        dims = [self.integer(d, scope, "an array's length") for d in node.kids[0].kids]
        for dim in dims:
            expect(dim >= 0, node.pos, f"an array cannot have {dim} elements")
        count = math.prod(dims)
        expect(count <= ELEMENTS, node.pos, f"an array of {count} elements is too large")
        return CV(TYPE, array(dims, self.type_of(node.kids[1], scope)))

    def x_fn_type(self, node, scope, want):
        params = [self.type_of(t, scope) for t in node.kids[0].kids] if node.kids[0] else []
        return CV(TYPE, fn_type(params, self.type_of(node.kids[1], scope)))

    def x_enum_type(self, node, scope, want):
        base = self.type_of(node.kids[0], scope) if node.kids[0] is not None else U16
        items, number = [], 0
        for item in node.kids[1:]:
            name, expr = item.kids
            number = self.integer(expr, scope) if expr is not None else number
            items.append((name, number))
            number += 1
        where = f"{node.pos[1]}:{node.pos[2]}"
        return CV(TYPE, EnumType(f"enum at {where}", base.code, base.size, base, tuple(items)))

    def x_struct_type(self, node, scope, want):
        fields = [(i.kids[0], self.type_of(i.kids[1], scope)) for i in node.kids if i is not None]
        return CV(TYPE, struct_type(fields))

    # postfix

    def x_field(self, node, scope, want):
        base, name = node.kids
        place = self.place(node, scope, soft=True)
        if place is not None:
            return self.load_place(place, node.pos)
        value = self.value(base, scope)
        if isinstance(value, Fields):
            expect(name in value.items, node.pos, f"no field '{name}'")
            return value.items[name]
        expect(isinstance(value, CV), node.pos, f"a {value.type} has no field '{name}'")
        if value.type == MODULE:
            entity = value.v.find(name)
            expect(entity is not None, node.pos, f"'{value.v.shown}' has no '{name}'")
            return self.read(entity, node.pos)
        if value.type == TYPE and isinstance(value.v, EnumType):
            return self.coerce(CV(LITERAL, name), value.v, node.pos)
        if isinstance(value.v, dict):
            expect(name in value.v, node.pos, f"no field '{name}'")
            return value.v[name]
        if value.type == ANON and name == "len":
            return CV(CINT, len(value.v))
        if isinstance(value.type, ArrayType) and name == "len":
            return CV(CINT, value.type.count)
        raise CslError(node.pos, f"a {value.type} has no field '{name}'")

    def x_index(self, node, scope, want):
        base = node.kids[0]
        entity = scope.find(base.kids[0]) if base.kind == "name" else None
        folded = self.code is None and isinstance(entity, Constant)
        place = None if folded else self.place(node, scope, soft=True)
        if place is not None:
            return self.load_place(place, node.pos)
        value = self.value(node.kids[0], scope)
        if isinstance(value, CV) and value.type == ANON:
            at = self.integer(node.kids[1].kids[0], scope, "an index")
            expect(0 <= at < len(value.v), node.pos, f"index {at} is out of range")
            return value.v[at]
        if isinstance(value, CV) and isinstance(value.type, ArrayType):
            at = self.flat(node, value.type, scope)
            return CV(value.type.elem, value.v[at])
        raise CslError(node.pos, f"a {value.type} cannot be indexed")

    def flat(self, node, kind, scope):
        """A known index into an array."""
        indices = node.kids[1].kids
        expect(
            len(indices) == len(kind.dims),
            node.pos,
            f"{kind} needs {len(kind.dims)} indices, got {len(indices)}",
        )
        at = 0
        for expr, dim in zip(indices, kind.dims, strict=True):
            i = self.integer(expr, scope, "an index")
            expect(0 <= i < dim, node.pos, f"index {i} is out of range for {kind}")
            at = at * dim + i
        return at

    def x_deref(self, node, scope, want):
        place = self.place(node, scope)
        return self.load_place(place, node.pos)

    def x_address_of(self, node, scope, want):
        target = node.kids[1]
        place = self.place(target, scope)
        expect(place.kind == "mem", node.pos, "cannot take the address of this")
        if place.addr is None and place.index is None:
            return CV(pointer(place.type), Ptr(place.base))
        addr, base = self.address(place, node.pos)
        slot = self.program.slot()
        self.emit("ADDI", slot, addr, base, node.pos)
        return RV(pointer(place.type), slot)
