//===- ListLoops.cpp - lists of events as vector loops --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorEmit.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace plait::spike;

void plait::spike::convertListEvents(ListEventsOp op) {
  OpBuilder builder(op);
  Emitter b(op.getLoc(), builder);
  auto type = cast<RankedTensorType>(op.getInput().getType());
  auto lists = cast<RankedTensorType>(op.getIndices().getType());
  bool dense = isa<FloatType>(type.getElementType());
  int64_t size = lists.getShape().back();
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), op.getInput());
  sizes.back() = b.getIndexAttr(size);
  ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();
  Value input = b.read(op.getInput());
  Value indices = b.alloc(sizes, b.getI32Type());
  Value counts = b.alloc(rows, b.getI32Type());
  bool counted = !op.getStatistics().use_empty();
  Value graded = dense && counted ? b.alloc(rows, b.getI32Type()) : Value();

  int64_t lanes = dense ? 64 : type.getElementTypeBitWidth();
  Value blocks = b.index(llvm::divideCeil(size, lanes));
  b.tasks(rows, [&](Emitter &b, ValueRange at) {
    SmallVector<Value> inits{b.index(0)};
    if (graded)
      inits.push_back(arith::ConstantOp::create(b, b.getI64IntegerAttr(0)));
    SmallVector<Value> ends = b.loop(
        b.index(0), blocks, inits,
        [&](Emitter &b, Value i, ValueRange carried) -> SmallVector<Value> {
          if (!dense) {
            SmallVector<Value> place(at);
            place.push_back(i);
            Value word = memref::LoadOp::create(b, input, place);
            return {b.appendBits(word, b.mul(i, b.index(lanes)), carried[0],
                                 indices, at)};
          }
          LaneBlock block = getBlock(b, i, size, lanes);
          Value x = block.load(b, input, at);
          auto vector = cast<VectorType>(x.getType());
          auto differs = [&](double value) -> Value {
            return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, x,
                                         b.splat(vector, value));
          };
          Value events = differs(0);
          SmallVector<Value> next{b.appendBits(b.toWord(events), block.start,
                                               carried[0], indices, at)};
          if (graded) {
            Value some = b.toWord(arith::AndIOp::create(b, events, differs(1)));
            next.push_back(
                b.add(carried[1], math::CtPopOp::create(b, some).getResult()));
          }
          return next;
        });
    memref::StoreOp::create(
        b, arith::IndexCastOp::create(b, b.getI32Type(), ends[0]), counts, at);
    if (graded)
      memref::StoreOp::create(
          b, arith::TruncIOp::create(b, b.getI32Type(), ends[1]), graded, at);
  });

  Value statistics;
  if (counted) {
    // All rows in one loop, by one thread: a sum of few numbers.
    ReassociationIndices axes =
        llvm::to_vector<2>(llvm::seq<int64_t>(0, rows.size()));
    auto flat = [&](Value buffer) -> Value {
      return buffer ? memref::CollapseShapeOp::create(
                          b, buffer, ArrayRef<ReassociationIndices>{axes})
                          .getResult()
                    : Value();
    };
    Value all = flat(counts), some = flat(graded);
    Value size = memref::DimOp::create(b, all, 0);
    Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
    SmallVector<Value> totals = b.loop(
        b.index(0), size, {zero, zero},
        [&](Emitter &b, Value i, ValueRange carried) -> SmallVector<Value> {
          auto plus = [&](Value total, Value buffer) -> Value {
            Value count = memref::LoadOp::create(b, buffer, i);
            return b.add(total,
                         arith::ExtUIOp::create(b, b.getI64Type(), count));
          };
          return {plus(carried[0], all),
                  some ? plus(carried[1], some) : carried[1]};
        });
    statistics = tensor::FromElementsOp::create(b, totals);
  } else {
    statistics =
        tensor::EmptyOp::create(b, ArrayRef<int64_t>{2}, b.getI64Type());
  }
  op->replaceAllUsesWith(
      ValueRange{b.toTensor(indices, op.getIndices().getType()),
                 b.toTensor(counts, op.getCounts().getType()), statistics});
  op->erase();
}
