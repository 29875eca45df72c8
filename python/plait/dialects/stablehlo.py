"""The `stablehlo` dialect for `mlir.ir`: one class and one builder per op."""

from ._stablehlo_enum_gen import *
from ._stablehlo_ops_gen import *
