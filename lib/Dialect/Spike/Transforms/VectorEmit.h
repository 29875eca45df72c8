//===- VectorEmit.h - vector loops over blocks of neurons -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_VECTOREMIT_H
#define PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_VECTOREMIT_H

#include "plait/Dialect/Spike/Transforms/Dynamics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace plait::spike {

using namespace mlir;

struct Emitter : ImplicitLocOpBuilder {
  Emitter(Location loc, OpBuilder &builder)
      : ImplicitLocOpBuilder(loc, builder) {}

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(*this, value);
  }
  Value index(OpFoldResult value);
  Value add(Value l, Value r) { return arith::AddIOp::create(*this, l, r); }
  Value mul(Value l, Value r) { return arith::MulIOp::create(*this, l, r); }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(*this, getIndexType(), value);
  }
  Value splat(VectorType type, double value);

  /// The buffer of a tensor that is only read.
  Value read(Value tensor);
  /// A new buffer of `sizes`.
  Value alloc(ArrayRef<OpFoldResult> sizes, Type element);
  /// `buffer`, which is nobody else's, as a tensor of `type`.
  Value toTensor(Value buffer, Type type);

  SmallVector<Value>
  loop(Value from, Value to, ValueRange inits,
       function_ref<SmallVector<Value>(Emitter &, Value, ValueRange)> body);
  /// Independent bodies, which threads share.
  void tasks(ArrayRef<OpFoldResult> counts,
             function_ref<void(Emitter &, ValueRange)> body);

  /// Appends the places of the bits of `word`, counted from `base`, to the list
  /// at `slot` of `list`; the new length.
  Value appendBits(Value word, Value base, Value length, Value list,
                   ValueRange slot);
  /// Booleans as the bits of a word, and back.
  Value toWord(Value bits);
  Value toBits(Value word);
};

/// A block of lanes of the last axis: where it starts, and which of its lanes
/// exist (null where all do).
struct LaneBlock {
  Value start, mask;
  int64_t lanes;

  Value load(Emitter &b, Value buffer, ValueRange at) const;
  void store(Emitter &b, Value vector, Value buffer, ValueRange at) const;
};

/// Block number `i` of an axis of `size`.
LaneBlock getBlock(Emitter &b, Value i, int64_t size, int64_t lanes);

/// The parameters of a block at `place`, the axes of the state before the last:
/// a buffer holds each, with a shape that ends the state's.
Parameters loadParameters(Emitter &b, const Parameters &buffers,
                          const LaneBlock &block, VectorType type,
                          ValueRange place);

/// Bits per word, and so neurons per block, for `neurons` in a row.
int64_t lanesFor(int64_t neurons);

/// `weights` with the columns, the last axis, padded to whole blocks.
Value padColumns(Emitter &b, Value weights, int64_t lanes);

/// Lowers a `scan` of [batch, neurons], a `conv_scan` or a `pool` to loops;
/// fails, with nothing changed, where it has no such road.
LogicalResult convertScan(ScanOp op);
LogicalResult convertConvScan(ConvScanOp op);
LogicalResult convertPool(PoolOp op);

/// Whether a `conv_scan` has loops: one of images of `columns`, with windows that
/// end `reach` columns behind where they start, in blocks of `lanes` channels.
bool hasConvLoops(Type element, int64_t columns, int64_t reach, int64_t lanes);

/// Lowers a `list_events` whose rows have a known size.
void convertListEvents(ListEventsOp op);

} // namespace plait::spike

#endif // PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_VECTOREMIT_H
