"""The `sample` dialect for `mlir.ir`: one class and one builder per op."""

from ._sample_enum_gen import *
from ._sample_ops_gen import *
