"""Variables in the core: finding, reading and writing them, and emitting instructions."""

from plait.cslsim import core
from plait.cslsim.entities import Aggregate, Cell, Constant, Fields, Place, is_memory
from plait.cslsim.errors import CslError
from plait.cslsim.limits import check_queue
from plait.cslsim.types import (
    CINT,
    CV,
    DSD_TYPES,
    INTS,
    MODULE,
    NAMED,
    RV,
    TASK,
    U16,
    ArrayType,
    PtrType,
    StructType,
    expect,
    is_scalar,
)


class Places:
    """Part of the evaluator: whatever has an address, a slot or a DSD-table entry."""

    def read(self, entity, pos):
        """The value of a named entity."""
        if isinstance(entity, Cell):
            expect(entity.v is not None, pos, "read of a variable that has no value yet")
            return CV(entity.type, entity.v)
        if isinstance(entity, Constant):
            return entity.value
        if isinstance(entity, Place):
            return self.load_place(entity, pos)
        return entity

    def load_place(self, place, pos):
        """Read a place in the core."""
        expect(self.code is not None, pos, "a variable's value is not known at compile time")
        kind = place.type
        if place.kind in ("slot", "dsd"):
            if place.written is not None:
                self.emit("DEFINED", place.written, 0, 0, pos)
            return RV(kind, place.base)
        if not is_scalar(kind):
            expect(is_memory(kind), pos, f"cannot read a {kind} at run time")
            return Aggregate(kind, place)
        slot = self.program.slot()
        if place.index is not None and place.addr is None and place.scale == kind.size:
            self.emit("LOADX", slot, place.index, place.base, pos, kind)
        elif place.index is None and place.addr is None:
            self.emit("LOADG", slot, place.base, 0, pos, kind)
        else:
            addr, base = self.address(place, pos)
            self.emit("LOAD", slot, addr, base, pos, kind)
        return RV(kind, slot)

    def address(self, place, pos):
        """A slot and a constant whose sum is the place's address."""
        if place.index is None:
            return (
                place.addr if place.addr is not None else self.program.constant(U16, 0),
                place.base,
            )
        slot = self.program.slot()
        self.emit("MULI", slot, place.index, place.scale, pos)
        if place.addr is not None:
            other = self.program.slot()
            self.emit("ADD", other, slot, place.addr, pos, NAMED["i64"])
            slot = other
        return slot, place.base

    def store_place(self, place, value, pos):
        """Write to a place in the core."""
        expect(not place.const, pos, "cannot assign to a constant")
        kind = place.type
        if place.kind == "dsd":
            self.emit("DSDCPY", place.base, self.dsd_index(value, pos), 0, pos)
            return
        if place.kind == "slot":
            self.emit("MOV", place.base, self.slot_of(value, pos), 0, pos)
            if place.written is not None:
                self.emit("DEFINE", place.written, 1, 0, pos)
            return
        if not is_scalar(kind):
            self.store_aggregate(place, value, pos)
            return
        slot = self.slot_of(value, pos)
        if place.index is not None and place.addr is None and place.scale == kind.size:
            self.emit("STOREX", slot, place.index, place.base, pos, kind)
        elif place.index is None and place.addr is None:
            self.emit("STOREG", slot, place.base, 0, pos, kind)
        else:
            addr, base = self.address(place, pos)
            self.emit("STORE", slot, addr, base, pos, kind)

    def store_aggregate(self, place, value, pos):
        """Copy an array or struct."""
        addr, base = self.address(place, pos)
        if isinstance(value, CV):
            source = self.program.allocate("constant", place.type, pos, value=value.v)
            other, offset = self.program.constant(U16, 0), source
        elif isinstance(value, Aggregate):
            other, offset = self.address(value.place, pos)
        elif isinstance(value, Fields):
            for name, item in value.items.items():
                found = place.type.offset(name) if isinstance(place.type, StructType) else None
                expect(found, pos, f"{place.type} has no field '{name}'")
                at, kind = found
                self.store_place(
                    Place(kind, "mem", base + at, addr), self.coerce(item, kind, pos), pos
                )
            return
        else:
            for index, item in enumerate(value.items):
                kind = place.type.elem
                self.store_place(
                    Place(kind, "mem", base + index * kind.size, addr),
                    self.coerce(item, kind, pos),
                    pos,
                )
            return
        to, origin = self.program.slot(), self.program.slot()
        self.emit("ADDI", to, addr, base, pos)
        self.emit("ADDI", origin, other, offset, pos)
        self.emit("COPY", to, origin, place.type.size, pos)

    def slot_of(self, value, pos):
        """The slot that holds a scalar."""
        if isinstance(value, CV):
            kind = value.type
            if value.type == TASK:
                return self.program.constant(U16, self.task_id(value, pos)[1])
            expect(is_scalar(kind), pos, f"a {kind} has no run-time value; give it a type")
            return self.program.constant(kind, value.v)
        expect(
            isinstance(value, RV) and is_scalar(value.type),
            pos,
            f"expected a scalar, got a {value.type}",
        )
        return value.slot

    def dsd_index(self, value, pos):
        """The entry of the DSD table that holds a DSD."""
        expect(value.type in DSD_TYPES, pos, f"expected a DSD, got a {value.type}")
        if isinstance(value, RV):
            return value.slot
        if value.type.name == "fabin_dsd":
            self.bind_fabin(value.v, pos)
        return self.program.dsd_constant(value.v)

    def bind_fabin(self, dsd, pos):
        """WSE-2: naming a colour and a queue in a fabin DSD that is used ties them; until SDK
        2.10, which wants the queue initialised."""
        if self.options.arch == "wse2" and dsd.color >= 0 and self.options.sdk == "1.4":
            check_queue(self, "in", dsd.queue, pos)
            self.program.queues.setdefault(("in", dsd.queue), dsd.color)

    def emit(self, name, a=0, b=0, c=0, pos=None, kind=None):
        """Append an instruction; returns its index."""
        self.code.words.append((core.opcode(name, kind.code if kind else 0), a, b, c))
        self.code.places.append(pos)
        return len(self.code.words) - 1

    def patch(self, index, field, target=None):
        """Point a jump at the next instruction, or at ``target``."""
        words = list(self.code.words[index])
        words[field + 1] = len(self.code.words) if target is None else target
        self.code.words[index] = tuple(words)

    def place(self, node, scope, soft=False):
        """The place an expression names; None if ``soft`` and it is not in the core."""
        found = self._place(node, scope)
        if found is None and not soft:
            raise CslError(node.pos, "expected something in memory")
        return found

    def _place(self, node, scope):
        if node.kind == "name":
            entity = scope.find(node.kids[0])
            if isinstance(entity, Constant) and self.program is not None:
                return entity.place(self)
            return entity if isinstance(entity, Place) else None
        if node.kind == "field":
            base, name = node.kids
            owner = self._place(base, scope)
            if owner is not None:
                if isinstance(owner.type, StructType):
                    found = owner.type.offset(name)
                    expect(found, node.pos, f"{owner.type} has no field '{name}'")
                    at, kind = found
                    return self.moved(owner, kind, at)
                return None
            if base.kind in ("name", "field"):
                value = self._module_of(base, scope)
                if value is not None:
                    entity = value.find(name)
                    if isinstance(entity, Constant) and self.program is not None:
                        return entity.place(self)
                    return entity if isinstance(entity, Place) else None
            return None
        if node.kind == "deref":
            return self.pointee(self.value(node.kids[0], scope), node.pos)
        if node.kind == "index":
            return self._indexed(node, scope)
        return None

    def _module_of(self, node, scope):
        if node.kind == "name":
            entity = scope.find(node.kids[0])
        else:
            outer = self._module_of(node.kids[0], scope)
            entity = outer.find(node.kids[1]) if outer is not None else None
            if entity is None and outer is None:
                return None
        return entity.v if isinstance(entity, CV) and entity.type == MODULE else None

    def moved(self, place, kind, offset):
        """A part of a place."""
        return Place(
            kind, "mem", place.base + offset, place.addr, place.index, place.scale, place.const
        )

    def pointee(self, value, pos):
        """The place a pointer points at."""
        expect(isinstance(value.type, PtrType), pos, f"cannot dereference a {value.type}")
        kind = value.type.elem
        if isinstance(value, CV):
            return Place(kind, "mem", value.v.addr)
        return Place(kind, "mem", 0, value.slot)

    def _indexed(self, node, scope):
        base = node.kids[0]
        owner = self._place(base, scope)
        if owner is None or isinstance(owner.type, PtrType):
            if owner is None and base.kind not in ("name", "field", "index", "deref", "call"):
                return None
            value = self.load_place(owner, node.pos) if owner is not None else None
            if value is None:
                if base.kind == "name" and isinstance(scope.find(base.kids[0]), (Cell, Constant)):
                    return None
                value = self.value(base, scope)
            if not isinstance(value.type, PtrType):
                return None
            many = value.type.many
            owner = self.pointee(value, node.pos)
            if not many and isinstance(owner.type, ArrayType):
                pass
            elif many:
                expect(len(node.kids[1].kids) == 1, node.pos, "a pointer takes one index")
                index = self.value(node.kids[1].kids[0], scope)
                return self.element(owner, owner.type, index, None, node.pos)
            else:
                raise CslError(node.pos, f"a {value.type} cannot be indexed")
        if not isinstance(owner.type, ArrayType):
            raise CslError(node.pos, f"a {owner.type} cannot be indexed")
        kind = owner.type
        indices = node.kids[1].kids
        expect(
            len(indices) == len(kind.dims),
            node.pos,
            f"{kind} needs {len(kind.dims)} indices, got {len(indices)}",
        )
        if len(indices) == 1:
            return self.element(
                owner, kind.elem, self.value(indices[0], scope), kind.dims[0], node.pos
            )
        total = None
        for expr, dim in zip(indices, kind.dims, strict=True):
            index = self.value(expr, scope)
            if isinstance(index, CV):
                expect(0 <= index.v < dim, expr.pos, f"index {index.v} is out of range for {kind}")
                index = CV(NAMED["i64"], index.v)
            else:
                expect(index.type in INTS, expr.pos, f"an index cannot be a {index.type}")
                self.emit("BCHK", index.slot, dim, 0, expr.pos)
                index = RV(NAMED["i64"], index.slot)
            if total is None:
                total = index
            else:
                total = self.binary("*", total, CV(NAMED["i64"], dim), node.pos)
                total = self.binary("+", total, index, node.pos)
        return self.element(owner, kind.elem, total, None, node.pos)

    def element(self, owner, kind, index, count, pos):
        """One element of an array, or behind a ``[*]`` pointer (``count`` None)."""
        if isinstance(index, CV):
            expect(
                index.type in INTS or index.type == CINT, pos, f"an index cannot be a {index.type}"
            )
            expect(
                count is None or 0 <= index.v < count,
                pos,
                f"index {index.v} is out of range: {count} elements",
            )
            return self.moved(owner, kind, index.v * kind.size)
        expect(index.type in INTS, pos, f"an index cannot be a {index.type}")
        if count is not None:
            self.emit("BCHK", index.slot, count, 0, pos)
        if owner.index is not None:
            addr, base = self.address(owner, pos)
            owner = Place(owner.type, "mem", base, addr, const=owner.const)
        return Place(kind, "mem", owner.base, owner.addr, index.slot, kind.size, owner.const)
