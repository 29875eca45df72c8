//===- Images.h - the reference meaning of spikes of images ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SPIKETOLINALG_IMAGES_H
#define PLAIT_LIB_CONVERSION_SPIKETOLINALG_IMAGES_H

#include "mlir/IR/PatternMatch.h"

namespace plait {

/// `spike.conv_scan` and `spike.pool` as linalg and other ops of spike.
void populateSpikeImagePatterns(mlir::RewritePatternSet &patterns);

} // namespace plait

#endif // PLAIT_LIB_CONVERSION_SPIKETOLINALG_IMAGES_H
