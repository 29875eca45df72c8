#ifndef PLAIT_PYTHON_SAMPLEOPS_TD
#define PLAIT_PYTHON_SAMPLEOPS_TD

include "plait/Dialect/Sample/IR/SampleOps.td"

#endif
