#ifndef PLAIT_PYTHON_STABLEHLOOPS_TD
#define PLAIT_PYTHON_STABLEHLOOPS_TD

include "plait/Dialect/Stablehlo/IR/StablehloOps.td"

#endif
