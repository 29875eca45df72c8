//===- Spike.h - the spike dialect ------------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_IR_SPIKE_H
#define PLAIT_DIALECT_SPIKE_IR_SPIKE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "plait/Dialect/Spike/IR/SpikeDialect.h.inc"
#include "plait/Dialect/Spike/IR/SpikeEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Spike/IR/SpikeAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Spike/IR/SpikeTypes.h.inc"

#define GET_OP_CLASSES
#include "plait/Dialect/Spike/IR/SpikeOps.h.inc"

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKE_H
