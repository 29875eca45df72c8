"""What names stand for while CSL is evaluated, and how control leaves a block."""

import operator

import numpy as np

from plait.cslsim.errors import CslError
from plait.cslsim.syntax import Node
from plait.cslsim.types import (
    F32,
    TYPE,
    ArrayType,
    Ptr,
    StructType,
)


class Scope:
    """Names visible at a point; functions and blocks nest, modules are the outermost."""

    def __init__(self, parent, module):
        self.parent, self.module, self.names = parent, module, {}

    def find(self, name):
        """The entity of that name, from the innermost scope outwards, or None."""
        scope = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return self.module.find(name)


class Cell:
    """A variable of comptime code."""

    def __init__(self, type, v):
        self.type, self.v = type, v


class Place:
    """Something that can be assigned to, in the core.

    ``kind``: "slot" (scalar local), "dsd" (entry of the DSD table) or "mem": the
    address is ``base`` + slot ``addr`` (if any) + slot ``index`` (if any) x ``scale``.
    ``written``: for a local in a slot that starts without a value, the slot that says so.
    """

    def __init__(self, type, kind, base=0, addr=None, index=None, scale=0, const=False):
        self.type, self.kind, self.base, self.const = type, kind, base, const
        self.addr, self.index, self.scale = addr, index, scale
        self.written = None


class Fn:
    """A function or task as declared, in its module."""

    def __init__(self, node, module, name, params, result, body, task):
        self.node, self.module, self.name = node, module, name
        self.params, self.result, self.body = params, result, body
        self.task, self.instances = task, {}
        self.inline = False


def decl_name(node):
    """The name a top-level declaration introduces."""
    if node.kind == "param_decl":
        return node.kids[0]
    kids = [k for k in node.kids if not isinstance(k, Node) or k.kind != "storage"]
    return kids[1]


def contains_import(node):
    """Whether a top-level declaration imports a module."""
    if node.kind == "fn_decl":
        return False
    if node.facts is None:
        node.facts = _imports(node)
    return node.facts


def _imports(node):
    if node.kind == "builtin" and node.kids[0] == "@import_module":
        return True
    return any(_imports(kid) for kid in node.kids if isinstance(kid, Node))


class Leave(Exception):
    """Control leaves a block of comptime code."""

    def __init__(self, pos, label=None, value=None):
        self.pos, self.label, self.value = pos, label, value

    def misplaced(self):
        """The fault it is if nothing around it takes it."""
        return CslError(self.pos, f"there is nothing here that {self.word} can leave")


class Return(Leave):
    """``return``."""

    word = "'return'"


class Break(Leave):
    """``break``."""

    word = "'break'"


class Continue(Leave):
    """``continue``."""

    word = "'continue'"


class Comptime:
    """``with evaluator.at_comptime()``."""

    def __init__(self, evaluator):
        self.evaluator = evaluator

    def __enter__(self):
        self.code, self.evaluator.code = self.evaluator.code, None

    def __exit__(self, *_):
        self.evaluator.code = self.code


class Loop:
    """A loop or labelled block under emission."""

    def __init__(self, label, value=False, want=None):
        self.label, self.block, self.want = label, value, want
        self.breaks, self.continues, self.result = [], [], None


class Constant:
    """A constant array: a value, and a place in memory once run-time code needs one."""

    def __init__(self, value, name, pos):
        self.value, self.name, self.pos, self.home = value, name, pos, None
        self.type, self.v = value.type, value.v

    def place(self, evaluator):
        """Where it lies, allocated at first use."""
        if self.home is None:
            addr = evaluator.program.allocate(self.name, self.type, self.pos, value=self.v)
            self.home = Place(self.type, "mem", addr, const=True)
        return self.home


class Aggregate:
    """An array or struct read at run time: where it is."""

    def __init__(self, type, place):
        self.type, self.place = type, place


class Fields:
    """An anonymous struct with parts known only at run time."""

    def __init__(self, type, items):
        self.type, self.items = type, items


class Items:
    """A list of elements of which some are known only at run time."""

    def __init__(self, type, items):
        self.type, self.items = type, items


LITERAL = type(TYPE)("enum literal")
ACCESS = type(TYPE)("tensor access")
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


def is_memory(kind):
    """Whether values of this type live in memory as a whole."""
    return isinstance(kind, (ArrayType, StructType))


def addressed_names(body):
    """The names whose address is taken somewhere in a body."""
    if body is None:
        return set()
    if body.facts is None:
        found = set()
        _addressed(body, found)
        body.facts = found
    return body.facts


def _addressed(node, found):
    if node.kind == "address_of":
        root = node.kids[1]
        while isinstance(root, Node) and root.kind in ("index", "field"):
            root = root.kids[0]
        if isinstance(root, Node) and root.kind == "name":
            found.add(root.kids[0])
    for kid in node.kids:
        if isinstance(kid, Node):
            _addressed(kid, found)


def wrap(kind, v):
    """An integer cut to a type's width."""
    bits = 8 * kind.size
    v &= (1 << bits) - 1
    return v - (1 << bits) if kind.name[0] == "i" and v >> (bits - 1) else v


def rounded(kind, v):
    """A number as f32 or f16."""
    with np.errstate(over="ignore"):
        return np.float32(v) if kind == F32 else np.float16(v)


def plain(v):
    """A value that compares with others of its type."""
    return v.addr if isinstance(v, Ptr) else v
