#ifndef PLAIT_PYTHON_MESHOPS_TD
#define PLAIT_PYTHON_MESHOPS_TD

include "plait/Dialect/Mesh/IR/MeshOps.td"

#endif
