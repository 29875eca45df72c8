//===- TargetModel.cpp - the numbers of the wafer-scale engines
//-------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Mesh/IR/TargetModel.h"

using namespace plait::mesh;

// Sources.
// * Grid: fabric 757 x 996 (WSE-2; SGEMM on 750 x 994 PEs, Matsuzaki et al.,
//   IA3 2024) and 762 x 1172 (WSE-3), less 7 columns and 2 rows for the
//   host-copy library (csl-examples, bandwidth-test).
// * Memory: 48 KB (SDK documentation, "Conceptual view"). A minimal program
//   with the host-copy library takes 4,176 bytes (community measurement on
//   WSE-3); 8 KB are kept for code and stack.
// * Colours: 24 routable, of which the host-copy library takes 21 to 23; local
//   task ids: 0-30 (WSE-2) and 8-30 (WSE-3), of which 8-20 are free on both;
//   queues: 8 in, 6 (WSE-2) or 8 (WSE-3) out, of which the library takes 0
//   (WSE-2) or 0 and 1 (WSE-3) (SDK documentation, "Task identifiers",
//   "Builtins for WSE-3").
// * Descriptor fields: extent u16, offset i16; at most one fabric
//   input per operation, enforced for WSE-3 by SDK 2.10 and kept to on both
//   (SDK documentation, "DSDs"; release notes).
// * Rates: moves and additions are the SIMD widths of the SDK documentation's
//   appendix (WSE-2: 2, WSE-3: 4 f32 elements a cycle). Multiply-add and
//   setup: WSE-2 about 1 and 1 (a steady model of SUMMA steps), WSE-3 0.5 and
//   16 (microbenchmarks, equal on silicon and in the SDK simulator). These two
//   come from different authors: use them to compare plans, not machines.
// * Hop, ramp, gap: 1, 2, 1 (WSE-2; Luczynski et al., HPDC 2024); 2, 2, 1.125
//   (WSE-3; microbenchmarks on silicon, ramp taken over from WSE-2).
static const TargetModel models[] = {
    {"wse2",
     /*maxGridWidth=*/750,
     /*maxGridHeight=*/994,
     /*memoryBytes=*/48 * 1024,
     /*dataBytes=*/40 * 1024,
     /*colors=*/{0, 20},
     /*inputQueues=*/{2, 7},
     /*outputQueues=*/{2, 5},
     /*localTasks=*/{8, 20},
     /*outputQueueTakesColor=*/false,
     /*maxDsdExtent=*/65535,
     /*maxDsdOffset=*/32767,
     /*maxFabricInputs=*/1,
     /*dsdSetup=*/1,
     /*moveRate=*/2,
     /*addRate=*/2,
     /*fmaRate=*/1,
     /*hop=*/1,
     /*ramp=*/2,
     /*gap=*/1},
    {"wse3",
     /*maxGridWidth=*/755,
     /*maxGridHeight=*/1170,
     /*memoryBytes=*/48 * 1024,
     /*dataBytes=*/40 * 1024,
     /*colors=*/{0, 20},
     /*inputQueues=*/{2, 7},
     /*outputQueues=*/{2, 7},
     /*localTasks=*/{8, 20},
     /*outputQueueTakesColor=*/true,
     /*maxDsdExtent=*/65535,
     /*maxDsdOffset=*/32767,
     /*maxFabricInputs=*/1,
     /*dsdSetup=*/16,
     /*moveRate=*/4,
     /*addRate=*/4,
     /*fmaRate=*/0.5,
     /*hop=*/2,
     /*ramp=*/2,
     /*gap=*/1.125},
};

llvm::ArrayRef<TargetModel> TargetModel::all() { return models; }

const TargetModel *TargetModel::get(llvm::StringRef name) {
  for (const TargetModel &model : models)
    if (model.name == name)
      return &model;
  return nullptr;
}
