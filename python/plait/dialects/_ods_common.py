"""What the generated op classes expect beside them: upstream's own helpers."""

from mlir.dialects._ods_common import *
from mlir.dialects._ods_common import _cext as _cext
