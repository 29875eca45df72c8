"""CSL types, and values known at compile time (``CV``) or at run time (``RV``)."""

import math
import struct
from dataclasses import dataclass

import numpy as np

from plait.cslsim.errors import CslError


@dataclass(frozen=True, eq=False)
class Type:
    """A CSL type. ``name`` is its spelling; scalars carry the code the core knows them by.

    There is one object of each plain type, compared as such; those with parts compare them.
    """

    name: str
    code: int = -1
    size: int = 0

    def __str__(self):
        return self.name


@dataclass(frozen=True)
class ArrayType(Type):
    """``[d0, d1]elem``, row major."""

    dims: tuple = ()
    elem: Type = None

    @property
    def count(self):
        """The number of elements."""
        return math.prod(self.dims)


@dataclass(frozen=True)
class PtrType(Type):
    """``*elem``, or ``[*]elem`` when ``many``; a 16-bit byte address."""

    elem: Type = None
    many: bool = False


@dataclass(frozen=True)
class EnumType(Type):
    """An enumeration over an integer type; ``items`` maps names to numbers."""

    base: Type = None
    items: tuple = ()


@dataclass(frozen=True)
class StructType(Type):
    """A named struct; ``fields`` holds (name, type) pairs, laid out in order."""

    fields: tuple = ()

    def offset(self, name):
        """The byte offset and the type of a field."""
        at = 0
        for field, kind in self.fields:
            at = -(-at // align_of(kind)) * align_of(kind)
            if field == name:
                return at, kind
            at += kind.size
        return None


@dataclass(frozen=True)
class FnType(Type):
    """``fn(params) result``."""

    params: tuple = ()
    result: Type = None


BOOL = Type("bool", 0, 1)
I8, U8 = Type("i8", 1, 1), Type("u8", 2, 1)
I16, U16 = Type("i16", 3, 2), Type("u16", 4, 2)
I32, U32 = Type("i32", 5, 4), Type("u32", 6, 4)
I64, U64 = Type("i64", 7, 8), Type("u64", 8, 8)
F16, F32 = Type("f16", 9, 2), Type("f32", 10, 4)
CINT, CFLOAT = Type("comptime_int"), Type("comptime_float")
VOID, TYPE, STRING, ANON = (
    Type("void"),
    Type("type"),
    Type("comptime_string"),
    Type("comptime_struct"),
)
ANYTYPE, MODULE, DIRECTION = Type("anytype"), Type("imported_module"), Type("direction", 4, 2)
# Identifiers of hardware resources: small integers, each a type of its own.
COLOR = Type("color", 4, 2)
IQ, OQ = Type("input_queue", 4, 2), Type("output_queue", 4, 2)
LOCAL_ID, DATA_ID, CONTROL_ID, UT_ID = (
    Type("local_task_id", 4, 2),
    Type("data_task_id", 4, 2),
    Type("control_task_id", 4, 2),
    Type("ut_id", 4, 2),
)
DSR_DEST, DSR_SRC0, DSR_SRC1 = Type("dsr_dest"), Type("dsr_src0"), Type("dsr_src1")
MEM1D, MEM4D, FABIN, FABOUT, FIFO = (
    Type("mem1d_dsd"),
    Type("mem4d_dsd"),
    Type("fabin_dsd"),
    Type("fabout_dsd"),
    Type("fifo"),
)
TASK = Type("task")

DSR_TYPES = (DSR_DEST, DSR_SRC0, DSR_SRC1)
DSD_TYPES = (MEM1D, MEM4D, FABIN, FABOUT, FIFO)
INTS = (I8, U8, I16, U16, I32, U32, I64, U64)
FLOATS = (F16, F32)
IDS = (COLOR, IQ, OQ, LOCAL_ID, DATA_ID, CONTROL_ID, UT_ID)
NAMED = {
    t.name: t
    for t in (
        BOOL,
        *INTS,
        *FLOATS,
        CINT,
        CFLOAT,
        VOID,
        TYPE,
        STRING,
        ANON,
        ANYTYPE,
        MODULE,
        DIRECTION,
        *IDS,
        *DSR_TYPES,
        *DSD_TYPES,
    )
}
RANGES = {
    t: (-(1 << (8 * t.size - 1)), (1 << (8 * t.size - 1)) - 1)
    if t.name[0] == "i"
    else (0, (1 << (8 * t.size)) - 1)
    for t in INTS
}
DIRECTIONS = {"RAMP": 0, "NORTH": 1, "SOUTH": 2, "EAST": 3, "WEST": 4}


def array(dims, elem):
    """The type ``[dims]elem``."""
    dims = tuple(dims)
    name = f"[{', '.join(map(str, dims))}]{elem}"
    return ArrayType(name, -1, math.prod(dims) * elem.size, dims, elem)


def pointer(elem, many=False):
    """The type ``*elem`` or ``[*]elem``."""
    return PtrType(f"{'[*]' if many else '*'}{elem}", 4, 2, elem, many)


def fn_type(params, result):
    """The type ``fn(params)result``."""
    return FnType(f"fn({', '.join(map(str, params))}){result}", 4, 2, tuple(params), result)


def struct_type(fields):
    """A struct type of (name, type) pairs, fields at their natural alignment."""
    at, align = 0, 1
    for _, kind in fields:
        align = max(align, align_of(kind))
        at = -(-at // align_of(kind)) * align_of(kind) + kind.size
    name = "struct { " + ", ".join(f"{n}: {t}" for n, t in fields) + " }"
    return StructType(name, -1, -(-at // align) * align, tuple(fields))


def align_of(kind):
    """Natural alignment in bytes, 2 at least: memory is addressed in 16-bit words."""
    if isinstance(kind, ArrayType):
        return align_of(kind.elem)
    if isinstance(kind, StructType):
        return max([2, *(align_of(t) for _, t in kind.fields)])
    return min(max(kind.size, 2), 4)


def is_scalar(kind):
    """Whether a run-time value of this type fits in one slot of the core."""
    return kind.code >= 0


def is_number(kind):
    """Whether this is a type arithmetic is defined on."""
    return kind in INTS or kind in FLOATS or kind in (CINT, CFLOAT, BOOL)


@dataclass(frozen=True, eq=False)
class CV:
    """A value known at compile time."""

    type: Type
    v: object


@dataclass(frozen=True, eq=False)
class RV:
    """A value in a slot of the core (a DSD: in its table of DSDs)."""

    type: Type
    slot: int


@dataclass(frozen=True)
class Ptr:
    """A pointer known at compile time: a byte address of the PE's memory."""

    addr: int


@dataclass(frozen=True)
class Dsd:
    """The value of ``@get_dsd``. Addresses in bytes, strides in elements of the operation.

    ``flags``: 1 control, 4 wavelet_index_offset.
    """

    kind: int  # 1 mem1d, 2 mem4d, 3 fabin, 4 fabout, 5 fifo
    flags: int = 0
    queue: int = -1
    color: int = -1
    base: int = 0
    extent: int = 0
    stride: int = 1
    dims: tuple = ()
    strides: tuple = ()
    esize: int = 0  # of the tensor it was made from: scales @set_dsd_stride and wavelet indices
    origin: int = 0  # address of the object; accesses outside it trap

    def record(self):
        """The core's form: 18 integers."""
        dims = (*self.dims, *([1] * (4 - len(self.dims))))
        strides = (*self.strides, *([0] * (4 - len(self.strides))))
        return [
            self.kind,
            self.flags,
            self.queue,
            self.color,
            self.base,
            self.extent,
            self.stride,
            self.esize,
            self.origin,
            len(self.dims),
            *dims,
            *strides,
        ]


def to_bits(kind, value):
    """A scalar as the core keeps it in a slot (a signed 64-bit integer)."""
    if isinstance(value, Ptr):
        return value.addr
    if kind == F32:
        with np.errstate(over="ignore"):
            return int.from_bytes(np.float32(value).tobytes(), "little")
    if kind == F16:
        with np.errstate(over="ignore"):
            return int.from_bytes(np.float16(value).tobytes(), "little")
    return int(value) if value < 1 << 63 else int(value) - (1 << 64)


def from_bits(code, bits):
    """The Python value of a slot of the type with that code."""
    if code == F32.code:
        return float(np.uint32(bits).view(np.float32))
    if code == F16.code:
        return float(np.uint16(bits).view(np.float16))
    return bool(bits) if code == BOOL.code else bits


def to_bytes(kind, value):
    """A scalar as it lies in memory."""
    return struct.pack("<q", to_bits(kind, value))[: kind.size]


def key_of(value):
    """A hashable form of a compile-time value, equal for equal values."""
    if isinstance(value, CV):
        return (value.type, key_of(value.v))
    if isinstance(value, dict):
        return tuple(sorted((k, key_of(v)) for k, v in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(key_of(v) for v in value)
    if isinstance(value, float):
        return ("f", struct.pack("<d", value))
    if isinstance(value, np.ndarray):
        return value.tobytes()
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def expect(condition, pos, message):
    """Raise ``CslError`` unless the condition holds."""
    if not condition:
        raise CslError(pos, message)
