"""Statements: every ``s_RULE`` runs one rule of the grammar, or emits its code."""

from plait.cslsim.entities import (
    Break,
    Cell,
    Constant,
    Continue,
    Fields,
    Items,
    Leave,
    Loop,
    Place,
    Return,
    Scope,
    addressed_names,
    is_memory,
)
from plait.cslsim.errors import CslError, Unsupported, not_understood
from plait.cslsim.limits import ROUNDS
from plait.cslsim.program import Fill
from plait.cslsim.types import (
    ANON,
    CFLOAT,
    CINT,
    CV,
    DSD_TYPES,
    NAMED,
    RV,
    U16,
    VOID,
    ArrayType,
    expect,
    is_scalar,
)
from plait.errors import PlaitError


class Statements:
    """Part of the evaluator: statements."""

    # statements

    def execute_block(self, node, scope):
        """A block, in a scope of its own."""
        inner = Scope(scope, scope.module)
        for stmt in node.kids:
            if stmt is not None:
                self.execute(stmt, inner)

    def seal(self, node, scope):
        """A block that nothing leaves before its end."""
        try:
            self.execute_block(node, scope)
        except Leave as left:
            raise left.misplaced() from None

    def execute(self, node, scope):
        """One statement: run it now, or emit code for it."""
        try:
            getattr(self, "s_" + node.kind)(node, scope)
        except (PlaitError, Leave):
            raise
        except Exception as error:
            raise not_understood(node, error) from error

    def tick(self, pos):
        """Counts a round of comptime code."""
        self.rounds += 1
        expect(
            self.rounds <= ROUNDS,
            pos,
            f"code run at compile time does not end: {ROUNDS} rounds of loops and calls",
        )

    def s_empty_stmt(self, node, scope):
        pass

    def s_block(self, node, scope):
        self.execute_block(node, scope)

    def s_labeled_block(self, node, scope):
        self.x_labeled_block(node, scope, None)

    def s_comptime_block(self, node, scope):
        with self.at_comptime():
            self.seal(node.kids[1], scope)

    def s_expr_stmt(self, node, scope):
        self.value(node.kids[0], scope)

    def s_var_decl(self, node, scope):
        storage, word, name, type_node, _, init = self._parts(node)
        expect(name not in scope.names, node.pos, f"'{name}' is declared twice")
        if "comptime" in storage and self.code is not None:
            raise Unsupported(node.pos, "comptime variables in run-time code")
        kind = self.type_of(type_node, scope) if type_node is not None else None
        undefined = init is None or init.kind == "undefined"
        value = None if undefined else self.value(init, scope, kind)
        if value is not None and kind is not None:
            value = self.coerce(value, kind, node.pos)
        kind = kind or (value.type if value is not None else None)
        expect(kind is not None, node.pos, f"'{name}' needs a type or a value")
        if word == "const":
            expect(value is not None, node.pos, f"constant '{name}' needs a value")
            if isinstance(value, CV):
                if self.code is not None and isinstance(kind, ArrayType):
                    value = Constant(value, name, node.pos)
                scope.names[name] = value
                return
        if self.code is None:
            if value is not None and isinstance(value.v, list):
                value = CV(value.type, list(value.v))
            scope.names[name] = Cell(kind, value.v if value is not None else None)
            return
        if kind in (CINT, CFLOAT):
            raise CslError(node.pos, f"variable '{name}' needs a type: its value is a {kind}")
        if isinstance(value, (Fields, Items)) and kind == ANON:
            expect(word == "const", node.pos, f"variable '{name}' needs a type")
            scope.names[name] = value
            return
        scope.names[name] = self.local(name, kind, value, word == "const", node, scope)

    def local(self, name, kind, value, const, node, scope):
        """A local variable of run-time code, with or without a value each time it is reached."""
        if kind in DSD_TYPES:
            place = Place(kind, "dsd", self.program.dsd())
        elif is_scalar(kind) and name not in addressed_names(self.code.body):
            place = Place(kind, "slot", self.program.slot())
            if value is None:
                place.written = self.program.slot()
                self.emit("DEFINE", place.written, 0, 0, node.pos)
        else:
            expect(
                is_scalar(kind) or is_memory(kind),
                node.pos,
                f"variable '{name}' cannot have type {kind}",
            )
            place = Place(kind, "mem", self.program.allocate(name, kind, node.pos))
            if value is None:
                self.emit("UNDEFINE", place.base, kind.size, 0, node.pos)
        if value is not None:
            self.store_place(place, value, node.pos)
        place.const = const
        return place

    def s_assign_stmt(self, node, scope):
        self.assign(node.kids[0], scope)

    def assign(self, node, scope):
        """``=`` and the compound assignments."""
        target = node.kids[0]
        op, source = ("=", node.kids[1]) if node.kind == "assign_plain" else node.kids[1:]
        if target.kind == "name" and target.kids[0] == "_":
            self.value(source, scope)
            return
        if self.code is None:
            self.assign_known(target, op, source, scope, node.pos)
            return
        entity = scope.find(target.kids[0]) if target.kind == "name" else None
        expect(not isinstance(entity, (CV, Constant)), node.pos, "cannot assign to a constant")
        if isinstance(entity, Cell):
            raise Unsupported(node.pos, "assignment to a comptime variable from run-time code")
        place = self.place(target, scope)
        value = self.value(source, scope, place.type)
        if op != "=":
            old = self.load_place(place, node.pos)
            value = self.binary(op[:-1], old, value, node.pos)
        self.store_place(place, self.coerce(value, place.type, node.pos), node.pos)

    def assign_known(self, target, op, source, scope, pos):
        """Assignment in comptime code."""

        def combine(kind, old):
            value = self.value(source, scope, kind)
            if op != "=":
                value = self.binary(op[:-1], CV(kind, old), value, pos)
            return self.coerce(value, kind, pos).v

        if target.kind == "name":
            cell = scope.find(target.kids[0])
            expect(isinstance(cell, Cell), pos, f"cannot assign to '{target.kids[0]}' here")
            cell.v = combine(cell.type, cell.v)
            return
        if target.kind == "index" and target.kids[0].kind == "name":
            cell = scope.find(target.kids[0].kids[0])
            if isinstance(cell, Cell) and isinstance(cell.type, ArrayType):
                at = self.flat(target, cell.type, scope)
                if isinstance(cell.v, Fill):
                    cell.v = list(cell.v)
                cell.v[at] = combine(cell.type.elem, cell.v[at] if cell.v else None)
                return
        if target.kind == "field" and target.kids[0].kind == "name":
            cell = scope.find(target.kids[0].kids[0])
            if isinstance(cell, Cell) and isinstance(cell.v, dict):
                name = target.kids[1]
                expect(name in cell.v, pos, f"no field '{name}'")
                old = cell.v[name]
                cell.v = {**cell.v, name: CV(old.type, combine(old.type, old.v))}
                return
        raise Unsupported(pos, "this assignment in comptime code")

    def s_return_stmt(self, node, scope):
        expr = node.kids[0] if node.kids else None
        if self.code is None:
            raise Return(node.pos, None, self.value(expr, scope) if expr is not None else None)
        if expr is not None:
            result = self.code.result
            value = self.value(expr, scope, result[0] if result else None)
            if result is None:
                expect(value.type == VOID, node.pos, f"'{self.code.name}' returns no value")
            else:
                value = self.coerce(value, result[0], node.pos)
                if result[0] in DSD_TYPES:
                    self.emit("DSDCPY", result[1], self.dsd_index(value, node.pos), 0, node.pos)
                elif is_scalar(result[0]):
                    self.emit("MOV", result[1], self.slot_of(value, node.pos), 0, node.pos)
                else:
                    self.store_aggregate(Place(result[0], "mem", result[1]), value, node.pos)
        else:
            expect(self.code.result is None, node.pos, f"'{self.code.name}' must return a value")
        self.emit("RET", 0, 0, 0, node.pos)

    def s_break_stmt(self, node, scope):
        label, expr = node.kids
        value = self.value(expr, scope) if expr is not None else None
        if self.code is None:
            raise Break(node.pos, label, value)
        loop = self.find_loop(label, node.pos)
        if value is not None:
            if loop.result is None:
                if loop.want is not None:
                    value = self.coerce(value, loop.want, node.pos)
                loop.result = RV(value.type, self.program.slot())
            value = self.coerce(value, loop.result.type, node.pos)
            self.emit("MOV", loop.result.slot, self.slot_of(value, node.pos), 0, node.pos)
        loop.breaks.append(self.emit("JMP", 0, 0, 0, node.pos))

    def s_continue_stmt(self, node, scope):
        if self.code is None:
            raise Continue(node.pos, node.kids[0])
        loop = self.find_loop(node.kids[0], node.pos)
        loop.continues.append(self.emit("JMP", 0, 0, 0, node.pos))

    def find_loop(self, label, pos):
        """The loop a ``break`` or ``continue`` leaves."""
        for loop in reversed(self.code.loops):
            if (label is None and not loop.block) or (label is not None and loop.label == label):
                return loop
        raise CslError(pos, "there is no such loop to leave" if label else "not inside a loop")

    def _branch(self, test, then, other, scope):
        value = self.condition(test, scope)
        if isinstance(value, CV):
            branch = then if value.v else other
            if branch is not None:
                self.run_branch(branch, scope)
            return
        jump = self.emit("JZ", value.slot, 0, 0, test.pos)
        self.run_branch(then, scope)
        if other is None:
            self.patch(jump, 1)
            return
        done = self.emit("JMP", 0, 0, 0, test.pos)
        self.patch(jump, 1)
        self.run_branch(other, scope)
        self.patch(done, 0)

    def run_branch(self, node, scope):
        """A statement, or the bare expression before an ``else``."""
        inner = Scope(scope, scope.module)
        if hasattr(self, "s_" + node.kind):
            self.execute(node, inner)
        else:
            self.value(node, inner)

    def s_if_then(self, node, scope):
        self._branch(node.kids[0], node.kids[1], None, scope)

    def s_if_else(self, node, scope):
        self._branch(*node.kids, scope)

    def s_switch_stmt(self, node, scope):
        self.x_switch(node.kids[0], scope, None)

    def s_while_stmt(self, node, scope):
        label, inline, test, step, body = node.kids
        label = label.kids[0] if label is not None else None
        expect(inline is None, node.pos, "not supported by Plait's model of CSL: inline while")

        def advance(inner):
            if step is not None:
                kid = step.kids[0]
                if kid.kind in ("assign", "assign_plain"):
                    self.assign(kid, inner)
                else:
                    self.value(kid, inner)

        if self.code is None:
            while self.condition(test, scope).v:
                self.tick(node.pos)
                try:
                    self.run_branch(body, scope)
                except Break as stop:
                    if stop.label not in (None, label):
                        raise
                    break
                except Continue as go:
                    if go.label not in (None, label):
                        raise
                advance(scope)
            return
        start = len(self.code.words)
        value = self.condition(test, scope)
        out = []
        if isinstance(value, RV):
            out.append((self.emit("JZ", value.slot, 0, 0, node.pos), 1))
        elif not value.v:
            return
        loop = Loop(label)
        self.code.loops.append(loop)
        self.run_branch(body, scope)
        self.code.loops.pop()
        for jump in loop.continues:
            self.patch(jump, 0)
        advance(scope)
        self.emit("JMP", start, 0, 0, node.pos)
        for jump, at in out:
            self.patch(jump, at)
        for jump in loop.breaks:
            self.patch(jump, 0)

    def s_for_stmt(self, node, scope):
        label, inline, source, _, name, index, _, body = node.kids
        label = label.kids[0] if label is not None else None
        expect(inline is None, node.pos, "not supported by Plait's model of CSL: inline for")
        if source.kind == "builtin" and source.kids[0] in ("@range", "@rangei16"):
            self.for_range(node, label, source, name, index, body, scope)
        else:
            self.for_array(node, label, source, name, index, body, scope)

    def for_range(self, node, label, source, name, index, body, scope):
        """``for (@range(T, ...)) |i|``."""
        args = source.kids[1].kids
        if source.kids[0] == "@rangei16":
            kind, args = NAMED["i16"], args
        else:
            kind, args = self.type_of(args[0], scope), args[1:]
        values = [self.coerce(self.value(a, scope, kind), kind, a.pos) for a in args]
        expect(
            len(values) in (1, 3), source.pos, "@range takes an end, or a start, an end and a step"
        )
        start, end, step = (CV(kind, 0), values[0], CV(kind, 1)) if len(values) == 1 else values
        expect(index is None, node.pos, "a range has no index capture")
        expect(not isinstance(step, CV) or step.v != 0, source.pos, "a step of zero")
        if self.code is None:
            i = start.v
            while i < end.v if step.v > 0 else i > end.v:
                if not self.iteration(body, scope, {name: CV(kind, i)}, label):
                    break
                i += step.v
            return
        expect(isinstance(step, CV), source.pos, "the step must be known at compile time")
        wide = NAMED["i64"]
        counter = self.program.slot()
        self.emit("MOV", counter, self.slot_of(start, node.pos), 0, node.pos)
        last = self.slot_of(end, node.pos)
        if isinstance(end, RV):
            held = self.program.slot()
            self.emit("MOV", held, last, 0, node.pos)
            last = held
        top = len(self.code.words)
        go = self.program.slot()
        pair = (counter, last) if step.v > 0 else (last, counter)
        self.emit("LT", go, *pair, node.pos, wide)
        out = self.emit("JZ", go, 0, 0, node.pos)
        loop = Loop(label)
        self.code.loops.append(loop)
        inner = Scope(scope, scope.module)
        inner.names[name] = Place(kind, "slot", counter, const=True)
        self.run_branch(body, inner)
        self.code.loops.pop()
        for jump in loop.continues:
            self.patch(jump, 0)
        self.emit("ADD", counter, counter, self.program.constant(wide, step.v), node.pos, wide)
        self.emit("JMP", top, 0, 0, node.pos)
        self.patch(out, 1)
        for jump in loop.breaks:
            self.patch(jump, 0)

    def iteration(self, body, scope, names, label):
        """One round of a comptime loop; False after ``break``."""
        self.tick(body.pos)
        inner = Scope(scope, scope.module)
        inner.names.update(names)
        try:
            self.run_branch(body, inner)
        except Break as stop:
            if stop.label not in (None, label):
                raise
            return False
        except Continue as go:
            if go.label not in (None, label):
                raise
        return True

    def for_array(self, node, label, source, name, index, body, scope):
        """``for (array) |value, index|``."""
        if self.code is None:
            value = self.known(source, scope)
            items = value.v
            elem = value.type.elem if isinstance(value.type, ArrayType) else None
            for i, item in enumerate(items):
                names = {name: CV(elem, item) if elem is not None else item}
                if index is not None:
                    names[index] = CV(CINT, i)
                if not self.iteration(body, scope, names, label):
                    return
            return
        owner = self.place(source, scope)
        expect(isinstance(owner.type, ArrayType), node.pos, f"cannot loop over a {owner.type}")
        wide = NAMED["i64"]
        counter, go = self.program.slot(), self.program.slot()
        self.emit("MOV", counter, self.program.constant(wide, 0), 0, node.pos)
        top = len(self.code.words)
        last = self.program.constant(wide, owner.type.count)
        self.emit("LT", go, counter, last, node.pos, wide)
        out = self.emit("JZ", go, 0, 0, node.pos)
        loop = Loop(label)
        self.code.loops.append(loop)
        inner = Scope(scope, scope.module)
        element = self.element(owner, owner.type.elem, RV(NAMED["u16"], counter), None, node.pos)
        value = self.load_place(element, node.pos)
        inner.names[name] = (
            Place(value.type, "slot", value.slot, const=True) if isinstance(value, RV) else value
        )
        if index is not None:
            inner.names[index] = Place(U16, "slot", counter, const=True)
        self.run_branch(body, inner)
        self.code.loops.pop()
        for jump in loop.continues:
            self.patch(jump, 0)
        self.emit("ADD", counter, counter, self.program.constant(wide, 1), node.pos, wide)
        self.emit("JMP", top, 0, 0, node.pos)
        self.patch(out, 1)
        for jump in loop.breaks:
            self.patch(jump, 0)
