//===- Kernel.cpp - who does what there is to do for a row -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait::sampling;

/// A part of a row is worth a thread from this many groups on.
static constexpr int64_t groupsPerPart = 16;

Kernel::Kernel(sample::FusedOp op, SymbolTable &symbols, int64_t vectorBits)
    : Functions(op.getLoc(), symbols, vectorBits), op(op),
      element(op.getLogits().getType().getElementType()),
      logitsType(buffer(2, element)), floats(buffer(1, f32)),
      words(buffer(1, i32)), longs(buffer(1, i64)) {}

Num Kernel::groups(Num size) { return (size + groupSize - 1) / groupSize; }

Num Kernel::paddedGroups(Num size) {
  return (groups(size) + padding - 1) / padding * padding;
}

/// Every row is one thread's, which keeps it in its cache from scan to finish.
void Kernel::emitWhole(ArrayRef<Num> in) {
  Num logits = in[0];
  forall({dim(logits, 0)}, [&](Nums at) {
    Num row = at[0], zero = e.index(0), last = groups(dim(logits, 1));
    constexpr int64_t most = (int64_t(1) << sample::indexBits) / groupSize;
    auto scratch = [&](Type type) {
      return e.num(memref::AllocaOp::create(
          e, MemRefType::get({most + padding}, type), e.getI64IntegerAttr(64)));
    };
    Num best = scratch(f32), sums = scratch(i64);
    Num nan = call(scan, {logits, row, best, zero, zero, last})[0];
    Nums operands = rowOperands(in, row);
    weighIfSummed(logits, row, best, sums, zero, operands, zero, last);
    finishRow(in, row, best, sums, zero, nan);
  });
}

/// Adds the weights of a part of a row whose draw, or whose top-p, is over all
/// of it.
void Kernel::weighIfSummed(Num logits, Num row, Num best, Num sums, Num base,
                           ArrayRef<Num> operands, Num from, Num to) {
  Num size = dim(logits, 1);
  Parameters the = parametersOf(operands, size);
  Num top = call(greatest, {best, base, size})[0];
  Num m = divide(top, the.temperature);
  Line line = lineOf(the.temperature, top);
  Num no = e.constant(i1, 0);
  Num some = the.valid & (m > e.f32(-INFINITY));
  e.when(e.select(the.limited | the.shared, no, some), [&] {
    // Top-p walks over the row once more, which is to stay in the cache.
    Num after = row + 1, rows = dim(logits, 0);
    Num next = e.select(the.cut, row, e.select(after < rows, after, row));
    // The total that a log-probability needs is exact.
    Num rough = hasNumbers() ? the.cut : e.constant(i1, 1);
    e.choose(
        rough & line.fits, {},
        [&]() -> Nums {
          return call(estimateSums, {logits, row, sums, base, line.scale,
                                     line.offset, from, to, next});
        },
        [&]() -> Nums {
          return call(weigh,
                      {logits, row, sums, base, the.temperature, m, from, to});
        });
  });
}

void Kernel::finishRow(ArrayRef<Num> in, Num row, Num best, Num sums, Num base,
                       Num nan) {
  Nums arguments = {in[0], row, best, sums, base, nan};
  arguments.append(rowOperands(in, row));
  Nums results = call(finish, arguments);
  for (auto [result, memory] : llvm::zip_equal(results, in.drop_front(6)))
    store(result, memory, row);
}

/// The parameters and bits of a row; what the op has not is neutral.
Nums Kernel::rowOperands(ArrayRef<Num> in, Num row) {
  Nums neutral = {e.f32(1), e.i32(0), e.f32(0), e.f32(1), e.i64(0)};
  for (auto [i, operand] : llvm::enumerate(neutral))
    if (in[i + 1].value)
      operand = loadScalar(in[i + 1], {row});
  return neutral;
}

/// Few rows for many threads: each is scanned and weighed in parts.
void Kernel::emitParts(ArrayRef<Num> in, Num parts) {
  Num logits = in[0];
  Num rows = dim(logits, 0);
  Num size = dim(logits, 1);
  Num padded = paddedGroups(size), count = groups(size);
  auto alloc = [&](MemRefType type, Num length) {
    return e.num(memref::AllocOp::create(e, type, ValueRange{length}));
  };
  Num best = alloc(floats, rows * padded), sums = alloc(longs, rows * padded);
  Num nans = alloc(words, rows * parts);
  auto bound = [&](Num part) { return part * count / parts; };
  forall({rows, parts}, [&](Nums at) {
    Num row = at[0], part = at[1];
    Num nan = call(scan, {logits, row, best, row * padded, bound(part),
                          bound(part + 1)})[0];
    store(nan, nans, row * parts + part);
  });
  forall({rows, parts}, [&](Nums at) {
    Num row = at[0], part = at[1];
    weighIfSummed(logits, row, best, sums, row * padded, rowOperands(in, row),
                  bound(part), bound(part + 1));
  });
  forall({rows}, [&](Nums at) {
    Num row = at[0];
    Num nan = e.loop(e.index(0), parts, 1, {e.i32(0)},
                     [&](Num part, Nums nan) -> Nums {
                       return {nan[0] | loadScalar(nans, {row * parts + part})};
                     })[0];
    finishRow(in, row, best, sums, row * padded, nan);
  });
}

func::FuncOp Kernel::emit() {
  emitScan();
  emitGreatest();
  emitWeigh();
  emitEstimateSums();
  emitCollect();
  emitWeighList();
  emitBisect(/*weighed=*/false);
  emitBisect(/*weighed=*/true);
  emitSuggestBound();
  emitCut(/*weighed=*/false);
  emitCut(/*weighed=*/true);
  emitCutShare();
  emitPick();
  emitDrawAll();
  emitFinish();

  SmallVector<Type> arguments = {logitsType};
  Value operands[] = {op.getTemperature(), op.getK(), op.getMinP(), op.getP(),
                      op.getBits()};
  for (Value operand : operands)
    if (operand)
      arguments.push_back(
          buffer(1, cast<ShapedType>(operand.getType()).getElementType()));
  arguments.append(2, words);
  if (hasNumbers())
    arguments.append(2, floats);
  return function("rows", arguments, {}, [&](Nums given) -> Nums {
    Nums in = {given[0]};
    Num *next = given.begin() + 1;
    for (Value operand : operands)
      in.push_back(operand ? *next++ : Num());
    in.append(next, given.end());

    Num rows = dim(in[0], 0);
    Num size = dim(in[0], 1);
    Num limit = e.num(
        arith::ConstantIndexOp::create(e, int64_t(1) << sample::indexBits));
    cf::AssertOp::create(e, size < limit,
                         "sample: expects a vocabulary below 1048576");
    // A part for every thread that has no row.
    Num one = e.index(1), threads = threadCount();
    Num each = (threads + rows - 1) / e.select(rows == 0, one, rows);
    Num most = groups(size) / groupsPerPart;
    Num parts = e.select(each < most, each, most);
    (void)e.choose(
        parts > one, {},
        [&]() -> Nums {
          emitParts(in, parts);
          return {};
        },
        [&]() -> Nums {
          emitWhole(in);
          return {};
        });
    return {};
  });
}
