"""Plait's dialects for the `mlir` package.

Importing this package loads MLIR and makes every later ``mlir.ir.Context``
know the dialects. Nothing else in Plait's Python does that.
"""

import mlir._mlir_libs as _mlir_libs

from plait._plait import register_dialects

register_dialects(_mlir_libs.get_dialect_registry())
