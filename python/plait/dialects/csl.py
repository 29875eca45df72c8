"""The `csl` dialect for `mlir.ir`: one class and one builder per op."""

from ._csl_enum_gen import *
from ._csl_ops_gen import *
