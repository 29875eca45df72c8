#ifndef PLAIT_PYTHON_SPIKEOPS_TD
#define PLAIT_PYTHON_SPIKEOPS_TD

include "plait/Dialect/Spike/IR/SpikeOps.td"

#endif
