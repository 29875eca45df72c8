"""The meaning of CSL: one evaluator for layout code, comptime code and PE code.

An expression evaluates to a ``CV`` (known now) or an ``RV`` (a slot of the
core). With ``self.code`` unset everything must be known and statements are
executed; with ``self.code`` set, statements emit instructions, and whatever is
known stays folded. That is how ``@is_arch`` branches not taken are never looked
at, and why constants and modules are evaluated only when used.
"""

from pathlib import Path

from plait.cslsim import (  # noqa: F401 (they register)
    builtins,
    builtins_dsd,
    builtins_fabric,
    builtins_vector,
)
from plait.cslsim.conversions import Conversions
from plait.cslsim.entities import (
    Aggregate,
    Cell,
    Comptime,
    Constant,
    Fields,
    Fn,
    Leave,
    Place,
    Return,
    Scope,
    addressed_names,
    contains_import,
    decl_name,
    is_memory,
)
from plait.cslsim.errors import CslError, Unsupported, not_understood
from plait.cslsim.expressions import Expressions
from plait.cslsim.places import Places
from plait.cslsim.program import Fill
from plait.cslsim.registry import BUILTINS
from plait.cslsim.statements import Statements
from plait.cslsim.syntax import Node, parse_file
from plait.cslsim.types import (
    ANON,
    ANYTYPE,
    CFLOAT,
    CINT,
    CV,
    DSD_TYPES,
    NAMED,
    RV,
    TASK,
    TYPE,
    VOID,
    ArrayType,
    FnType,
    expect,
    fn_type,
    is_scalar,
    key_of,
)

LIBRARY = Path(__file__).parent / "lib"


class Module:
    """A file with its parameters bound. Declarations are evaluated when first used."""

    def __init__(self, evaluator, path, shown, params, pos):
        self.evaluator, self.path, self.shown, self.given = evaluator, path, shown, dict(params)
        self.decls, self.values, self.busy, self.blocks, self.layouts = {}, {}, set(), [], []
        for node in parse_file(path, shown):
            if node.kind == "comptime_block":
                self.blocks.append(node)
            elif node.kind == "layout_block":
                self.layouts.append(node)
            else:
                name = decl_name(node)
                expect(name not in self.decls, node.pos, f"'{name}' is declared twice")
                self.decls[name] = node
        known = {n for n, d in self.decls.items() if d.kind == "param_decl"}
        for name in self.given:
            expect(name in known, pos, f"'{shown}' has no parameter '{name}'")

    def find(self, name):
        """The entity a top-level name stands for, or None."""
        if name in self.values:
            return self.values[name]
        node = self.decls.get(name)
        if node is None:
            return None
        expect(name not in self.busy, node.pos, f"'{name}' depends on itself")
        self.busy.add(name)
        try:
            value = self.evaluator.declare_global(self, name, node)
        except Leave as left:
            raise left.misplaced() from None
        except RecursionError as error:
            raise not_understood(node, error) from None
        self.busy.discard(name)
        self.values[name] = value
        return value

    def run(self):
        """Evaluate what takes effect without being used: imports and comptime blocks."""
        for name, node in self.decls.items():
            if name in self.given or contains_import(node):
                self.find(name)
        for block in self.blocks:
            with self.evaluator.at_comptime():
                self.evaluator.seal(block.kids[1], Scope(None, self))


class Evaluator(Expressions, Places, Conversions, Statements):
    """Evaluates modules for one architecture, into a program or for the layout."""

    def __init__(self, options, program=None, layout=None):
        self.options, self.program, self.layout = options, program, layout
        self.code = None
        self.modules = []
        self.rounds = 0
        self.tasks = {}  # Fn of a task -> (id type, id)

    # modules

    def resolve(self, name, importer, pos):
        """The path of an imported file and the name shown in messages."""
        if name.startswith("<"):
            inside = name.strip("<>")
            path = LIBRARY / (inside + ".csl")
            if path.exists():
                return path, name
            for folder in self.options.import_paths:
                if (Path(folder) / (inside + ".csl")).exists():
                    return Path(folder) / (inside + ".csl"), name
            raise Unsupported(pos, f"library {name}")
        for folder in (importer, self.options.root, *self.options.import_paths):
            path = Path(folder) / name
            if path.exists():
                return path, str(path)
        raise CslError(pos, f"no file '{name}'")

    def load(self, name, importer, params, pos):
        """Import a module: parse, bind parameters, run its comptime blocks."""
        path, shown = self.resolve(name, importer, pos)
        module = Module(self, path, shown, params, pos)
        self.modules.append(module)
        if self.program is not None and shown == "<memcpy/memcpy>":
            self.program.memcpy = True
        module.run()
        return module

    @staticmethod
    def in_library(scope):
        """Whether code of this package's libraries is looked at."""
        return LIBRARY in scope.module.path.parents

    def uses_memcpy(self):
        """Whether the host's library shares the PE."""
        return any(m.shown in ("<memcpy/memcpy>", "<memcpy/get_params>") for m in self.modules)

    def at_comptime(self):
        """A context in which everything must be known."""
        return Comptime(self)

    # declarations

    def declare_global(self, module, name, node):
        """Evaluate one top-level declaration."""
        with self.at_comptime():
            scope = Scope(None, module)
            if node.kind == "param_decl":
                return self._param(module, name, node, scope)
            if node.kind == "fn_decl":
                return self._function(module, node)
            return self._variable(module, name, node, scope)

    def _param(self, module, name, node, scope):
        _, type_node, default = node.kids
        kind = self.type_of(type_node, scope) if type_node else None
        if name in module.given:
            value = module.given[name]
        else:
            expect(default is not None, node.pos, f"parameter '{name}' was not given a value")
            value = self.value(default, scope, kind)
        if kind is not None and kind not in (ANON, ANYTYPE):
            value = self.coerce(value, kind, node.pos)
        return value

    def _function(self, module, node):
        kids = [k for k in node.kids if not isinstance(k, Node) or k.kind != "storage"]
        storage = [k.kids[0] for k in node.kids if isinstance(k, Node) and k.kind == "storage"]
        word, name, params, result, body = (*kids, None)[:5]
        params = [p for p in params.kids] if params else []
        fn = Fn(node, module, name, params, result, body, word == "task")
        fn.inline = "inline" in storage
        return CV(TASK if fn.task else fn_type((), VOID), fn)

    def _parts(self, node):
        storage, attributes, rest = [], {}, []
        for kid in node.kids:
            if isinstance(kid, Node) and kid.kind == "storage":
                storage.append(kid.kids[0])
            elif isinstance(kid, Node) and kid.kind == "attribute":
                attributes[kid.kids[0]] = kid.kids[1]
            else:
                rest.append(kid)
        word, name, kind = rest[:3]
        return storage, word, name, kind, attributes, rest[3] if len(rest) > 3 else None

    def _variable(self, module, name, node, scope):
        storage, word, _, type_node, attributes, init = self._parts(node)
        if "extern" in storage:
            raise Unsupported(node.pos, "extern variables")
        kind = self.type_of(type_node, scope) if type_node else None
        undefined = init is None or init.kind == "undefined"
        value = None if undefined else self.value(init, scope, kind)
        if value is not None and kind is not None:
            value = self.coerce(value, kind, node.pos)
        kind = kind or (value.type if value else None)
        expect(kind is not None, node.pos, f"'{name}' needs a type or a value")
        align = None
        if "align" in attributes:
            align = int(self.integer(attributes["align"], scope))
        if word == "const" and not (align and is_memory(kind)):
            expect(value is not None, node.pos, f"constant '{name}' needs a value")
            if isinstance(value.v, list | Fill) and isinstance(kind, ArrayType):
                return Constant(value, name, node.pos)
            return value
        if self.program is None:
            return Cell(kind, value.v if value else None)
        if kind in (CINT, CFLOAT):
            raise CslError(node.pos, f"variable '{name}' needs a type: its value is a {kind}")
        if kind in DSD_TYPES and kind.name != "fifo":
            expect(value is not None, node.pos, f"'{name}' needs a value")
            return Place(kind, "dsd", self.program.dsd(value.v))
        expect(
            is_scalar(kind) or is_memory(kind),
            node.pos,
            f"variable '{name}' cannot have type {kind}",
        )
        addr = self.program.allocate(name, kind, node.pos, align, value.v if value else None)
        return Place(kind, "mem", addr, const=word == "const")

    # types

    def type_of(self, node, scope):
        """Evaluate an expression that must be a type."""
        if node.kind == "name" and node.kids[0] in NAMED and scope.find(node.kids[0]) is None:
            expect(
                node.kids[0] != "comptime_struct"
                or self.options.sdk == "1.4"
                or self.in_library(scope),
                node.pos,
                "'comptime_struct' was removed in SDK 2.10",
            )
            return NAMED[node.kids[0]]
        with self.at_comptime():
            value = self.value(node, scope)
        expect(value.type == TYPE, node.pos, f"expected a type, got a {value.type}")
        return value.v

    # calls

    def x_call(self, node, scope, want):
        """A call: ``f(x)``."""
        target, args = node.kids
        callee = self.value(target, scope)
        nodes = args.kids if args is not None else []
        if isinstance(callee, CV) and isinstance(callee.v, Fn):
            expect(not callee.v.task, node.pos, f"task '{callee.v.name}' cannot be called")
            return self.call(callee.v, nodes, scope, node.pos)
        if isinstance(callee, RV) and isinstance(callee.type, FnType):
            raise Unsupported(node.pos, "calls through run-time function pointers")
        raise CslError(node.pos, f"a {callee.type} cannot be called")

    def call(self, fn, nodes, scope, pos):
        """Call a function with argument expressions."""
        expect(
            len(nodes) == len(fn.params),
            pos,
            f"'{fn.name}' takes {len(fn.params)} arguments, got {len(nodes)}",
        )
        inner = Scope(None, fn.module)
        args = []
        for param, node in zip(fn.params, nodes, strict=True):
            comptime, _, type_node = param.kids
            kind = ANYTYPE
            if not (type_node.kind == "name" and type_node.kids[0] == "anytype"):
                kind = self.type_of(type_node, inner)
            value = self.value(node, scope, kind)
            if kind != ANYTYPE:
                value = self.coerce(value, kind, node.pos)
            args.append((value, kind, comptime is not None))
            if isinstance(value, CV | RV):
                inner.names[param.kids[1]] = value  # later parameter types may name it
        return self.apply(fn, args, pos)

    def apply(self, fn, args, pos):
        """Call a function with values: interpreted at compile time, else emitted."""
        if self.code is None or self.only_comptime(fn, args):
            return self.interpret(fn, args, pos)
        code, passed = self.instance(fn, args, pos)
        for (value, _, _), (kind, at) in zip(passed, code.params, strict=True):
            if kind in DSD_TYPES:
                self.emit("DSDCPY", at, self.dsd_index(value, pos), 0, pos)
            elif is_scalar(kind):
                self.emit("MOV", at, self.slot_of(value, pos), 0, pos)
            else:
                self.store_aggregate(Place(kind, "mem", at), value, pos)
        self.emit("CALL", code.number, 0, 0, pos)
        self.code.calls.add(code.number)
        if code.result is None:
            return CV(VOID, None)
        kind, at = code.result
        if kind in DSD_TYPES:
            index = self.program.dsd()
            self.emit("DSDCPY", index, at, 0, pos)
            return RV(kind, index)
        if not is_scalar(kind):
            return Aggregate(kind, Place(kind, "mem", at))
        # The callee's result slot is overwritten by its next call: take a copy.
        slot = self.program.slot()
        self.emit("MOV", slot, at, 0, pos)
        return RV(kind, slot)

    def only_comptime(self, fn, args):
        """Whether a call inside run-time code must be evaluated now, by its result's type."""
        if not all(isinstance(v, CV) for v, _, _ in args):
            return False
        node = fn.result
        return node.kind == "name" and node.kids[0] in (
            "comptime_int",
            "comptime_float",
            "comptime_struct",
            "comptime_string",
            "type",
            "color",
        )

    def interpret(self, fn, args, pos):
        """Run a function at compile time."""
        expect(fn.body is not None, pos, f"'{fn.name}' has no body")
        self.tick(pos)
        inner = Scope(None, fn.module)
        for param, (value, _, _) in zip(fn.params, args, strict=True):
            inner.names[param.kids[1]] = value
        with self.at_comptime():
            result = self.type_of(fn.result, inner)
            try:
                self.execute_block(fn.body, inner)
            except Return as done:
                value = done.value or CV(VOID, None)
                return self.coerce(value, result, pos) if result != ANON else value
            except Leave as left:
                raise left.misplaced() from None
        expect(result == VOID, pos, f"'{fn.name}' did not return a value")
        return CV(VOID, None)

    def instance(self, fn, args, pos):
        """The code of a function for these argument types and compile-time values."""
        baked, passed, key = {}, [], []
        for param, (value, kind, comptime) in zip(fn.params, args, strict=True):
            name = param.kids[1]
            actual = value.type if kind == ANYTYPE else kind
            runtime = is_scalar(actual) or actual in DSD_TYPES or is_memory(actual)
            if isinstance(actual, FnType) or isinstance(value, Fields):
                runtime = False
            if comptime or not runtime:
                if isinstance(value, Fields):
                    raise Unsupported(pos, "run-time values in an anonymous struct argument")
                expect(isinstance(value, CV), pos, f"argument '{name}' must be known")
                baked[name] = value
                key.append((name, key_of(value)))
            else:
                passed.append((value, actual, name))
                key.append((name, actual))
        key = tuple(key)
        if key not in fn.instances:
            self.compile(fn, key, baked, passed, pos)
        return fn.instances[key], passed

    def compile(self, fn, key, baked, passed, pos):
        """Emit the code of one instance of a function."""
        expect(fn.body is not None, pos, f"'{fn.name}' has no body")
        code = self.program.code(fn.name, fn.node.pos)
        fn.instances[key] = code
        code.body = fn.body
        outer, self.code = self.code, code
        scope = Scope(None, fn.module)
        scope.names.update(baked)
        addressed = addressed_names(fn.body)
        for _, kind, name in passed:
            if kind in DSD_TYPES:
                place = Place(kind, "dsd", self.program.dsd(), const=True)
                code.params.append((kind, place.base))
            elif is_scalar(kind):
                place = Place(kind, "slot", self.program.slot(), const=True)
                code.params.append((kind, place.base))
                if name in addressed:
                    home = Place(kind, "mem", self.program.allocate(name, kind, fn.node.pos))
                    self.store_place(home, RV(kind, place.base), fn.node.pos)
                    place = home
            else:
                addr = self.program.allocate(name, kind, fn.node.pos)
                place = Place(kind, "mem", addr, const=True)
                code.params.append((kind, addr))
            scope.names[name] = place
        result = self.type_of(fn.result, scope)
        if result != VOID:
            if is_scalar(result):
                code.result = (result, self.program.slot())
            elif result in DSD_TYPES:
                code.result = (result, self.program.dsd())
            else:
                expect(is_memory(result), fn.node.pos, f"a {result} cannot be returned at run time")
                code.result = (result, self.program.allocate(fn.name, result, fn.node.pos))
        self.execute_block(fn.body, scope)
        self.emit("TRAP" if code.result else "RET", 0, 0, 0, fn.node.pos)
        self.code = outer

    def entry(self, fn, pos):
        """The code of a task or exported function that takes only run-time scalars."""
        scope = Scope(None, fn.module)
        args = []
        for param in fn.params:
            kind = self.type_of(param.kids[2], scope)
            args.append((RV(kind, -1), kind, False))
        return self.instance(fn, args, pos)[0]

    # builtins

    def x_builtin(self, node, scope, want):
        """A use of a builtin."""
        name, args = node.kids
        handler = BUILTINS.get(name)
        own = name.startswith("@plait_") and not self.in_library(scope)
        if handler is None or own:
            raise Unsupported(node.pos, f"builtin {name}")
        return handler(self, node, args.kids if args is not None else [], scope, want)
