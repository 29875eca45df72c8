"""The `mesh` dialect for `mlir.ir`: one class and one builder per op."""

from ._mesh_enum_gen import *
from ._mesh_ops_gen import *
