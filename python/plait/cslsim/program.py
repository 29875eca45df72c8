"""One PE program: the memory, slots, DSD table and code that the core runs.

A program is shared by every PE whose parameters are equal. Functions do not
recurse in CSL's run-time subset as modelled here, so every local variable has a
fixed slot (scalars), DSD-table entry (DSDs) or address (arrays).
"""

from dataclasses import dataclass, field

from plait.cslsim import core
from plait.cslsim.errors import CslError
from plait.cslsim.limits import MEMORY
from plait.cslsim.types import (
    ArrayType,
    Dsd,
    Ptr,
    StructType,
    align_of,
    to_bits,
    to_bytes,
)


class Fill:
    """An array value whose elements are all equal."""

    def __init__(self, value, count):
        self.value, self.count = value, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self.value] * len(range(self.count)[index])
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.value

    def __iter__(self):
        return iter([self.value] * self.count)


@dataclass(eq=False)
class Code:
    """The instructions of one function instance."""

    name: str
    pos: tuple
    number: int
    body: object = None
    params: list = field(default_factory=list)  # (type, slot or DSD index or address)
    result: object = None  # (type, slot) or None
    words: list = field(default_factory=list)  # (op, a, b, c)
    places: list = field(default_factory=list)  # source position of each instruction
    loops: list = field(default_factory=list)
    calls: set = field(default_factory=set)


@dataclass
class Object:
    """A variable in memory."""

    name: str
    addr: int
    size: int
    pos: tuple


class Program:
    """What ``evaluate`` fills while it walks the PE's CSL."""

    def __init__(self, name, arch):
        self.name, self.arch = name, arch
        self.memory = bytearray()
        self.defined = bytearray()  # one per byte: has an initial value
        self.objects = []
        self.slots = []
        self.dsds = []
        self._constants, self._dsd_constants = {}, {}
        self.codes = []
        self.vecs = []  # vector operations
        self.vec_args = []
        self.bindings = []  # (kind, id, code number): local, data, control
        self.active, self.blocked, self.unblocked = set(), set(), set()
        self.queues = {}  # ("in" | "out", queue) -> color
        self.routes = {}  # color -> config
        self.exports = {}  # name -> (type, address or code number)
        self.exported = {}  # name -> position
        self.fifos = []
        self.memcpy = False
        self.logs, self.texts = [], []  # channels and texts of what is written for the host

    # memory

    def allocate(self, name, kind, pos, align=None, value=None):
        """A new variable; returns its address."""
        align = align or align_of(kind)
        addr = -(-len(self.memory) // align) * align
        if addr + kind.size > MEMORY:
            raise CslError(
                pos, f"'{name}' does not fit: data takes {addr + kind.size} of {MEMORY} bytes"
            )
        pad = addr - len(self.memory)
        self.memory += bytes(pad + kind.size)
        self.defined += bytes(pad + kind.size)
        self.objects.append(Object(name, addr, kind.size, pos))
        if value is not None:
            self.write(addr, kind, value)
        return addr

    def write(self, addr, kind, value):
        """Set initial contents."""
        if isinstance(kind, ArrayType):
            size = kind.elem.size
            if isinstance(kind.elem, (ArrayType, StructType)):
                for index in range(kind.count):
                    self.write(addr + index * size, kind.elem, value[index])
                return
            if isinstance(value, Fill):
                raw = to_bytes(kind.elem, value.value) * kind.count
            else:
                raw = b"".join(to_bytes(kind.elem, v) for v in value)
        elif isinstance(kind, StructType):
            for name, member in kind.fields:
                at, _ = kind.offset(name)
                self.write(addr + at, member, value[name].v)
            return
        else:
            raw = to_bytes(kind, value)
        self.memory[addr : addr + len(raw)] = raw
        self.defined[addr : addr + len(raw)] = b"\1" * len(raw)

    # slots

    def slot(self, bits=0):
        """A new slot with an initial value."""
        self.slots.append(bits)
        return len(self.slots) - 1

    def constant(self, kind, value):
        """The slot of a constant."""
        bits = value.addr if isinstance(value, Ptr) else to_bits(kind, value)
        if bits not in self._constants:
            self._constants[bits] = self.slot(bits)
        return self._constants[bits]

    def dsd(self, value=None):
        """A new entry of the DSD table."""
        self.dsds.append(value or Dsd(0))
        return len(self.dsds) - 1

    def dsd_constant(self, value):
        """The table entry of a DSD known at compile time."""
        if value not in self._dsd_constants:
            self._dsd_constants[value] = self.dsd(value)
        return self._dsd_constants[value]

    # code

    def code(self, name, pos):
        """A new, empty function instance."""
        self.codes.append(Code(name, pos, len(self.codes)))
        return self.codes[-1]

    def vector(self, op, args, flags=0, ut=-1, activate=-1, unblock=-1, fn=-1, index=-1, result=-1):
        """A vector operation; ``args`` are (kind, index, type code). Returns its number."""
        self.vecs.append(
            [
                core.vector_op(op),
                flags,
                ut,
                activate,
                unblock,
                fn,
                len(args),
                len(self.vec_args),
                index,
                result,
            ]
        )
        self.vec_args += args
        return len(self.vecs) - 1

    def check_recursion(self):
        """Recursion would need a stack, which static slots are not."""
        state = {}

        def visit(number):
            state[number] = 1
            for callee in self.codes[number].calls:
                if state.get(callee) == 1:
                    raise CslError(
                        self.codes[callee].pos,
                        f"not supported by Plait's model of CSL: recursion of "
                        f"'{self.codes[callee].name}'",
                    )
                if callee not in state:
                    visit(callee)
            state[number] = 2

        for number in range(len(self.codes)):
            if number not in state:
                visit(number)
