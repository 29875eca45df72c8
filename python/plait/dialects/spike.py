"""The `spike` dialect for `mlir.ir`: one class and one builder per op."""

from ._spike_enum_gen import *
from ._spike_ops_gen import *
