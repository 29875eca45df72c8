#ifndef PLAIT_PYTHON_CSLOPS_TD
#define PLAIT_PYTHON_CSLOPS_TD

include "plait/Dialect/CSL/IR/CSLOps.td"

#endif
