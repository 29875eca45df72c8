"""`mlir.ir` under the name that the generated enum bindings import as ``..ir``."""

from mlir.ir import *
from mlir.ir import register_attribute_builder as register_attribute_builder
