//===- ConvLoops.cpp - images of spikes as vector loops -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A task of a convolution is one row of a sample's neurons, a block of channels
// of each, over the whole run: their potentials and the row of sums stay in the
// first cache.
//
//   for t:
//     for the rows of the window: for the events of the row (x, c):
//       for kx: sums[x - kx] += weights[ky, c, kx]
//     for x: step of the neurons at x; sums[x] = 0
//
// Events come in the order of the image, so that a sum is one chain over the
// window's rows, columns and channels.
//
//===----------------------------------------------------------------------===//

#include "VectorEmit.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace plait::spike;

namespace {

/// The bytes of sums that a task may have on its stack.
constexpr int64_t mostSums = 1 << 18;

/// `weights`, [KH, KW, C, F], as [blocks, KH, C, KW, lanes].
Value packFilters(Emitter &b, Value weights, int64_t lanes) {
  Value padded = padColumns(b, weights, lanes);
  auto type = cast<RankedTensorType>(padded.getType());
  ArrayRef<int64_t> shape = type.getShape();
  int64_t blocks = shape[3] / lanes;
  Value split = tensor::ExpandShapeOp::create(
      b,
      RankedTensorType::get({shape[0], shape[1], shape[2], blocks, lanes},
                            type.getElementType()),
      padded, ArrayRef<ReassociationIndices>{{0}, {1}, {2}, {3, 4}});
  Value empty = tensor::EmptyOp::create(
      b, ArrayRef<int64_t>{blocks, shape[0], shape[2], shape[1], lanes},
      type.getElementType());
  return linalg::TransposeOp::create(b, split, empty,
                                     ArrayRef<int64_t>{3, 0, 2, 1, 4})
      ->getResult(0);
}

class ConvScanLowering {
public:
  explicit ConvScanLowering(ConvScanOp op)
      : op(op), dynamics(Dynamics::of(op)), builder(op),
        b(op.getLoc(), builder) {}

  LogicalResult lower() {
    state = cast<RankedTensorType>(op.getV().getType());
    auto filters = cast<RankedTensorType>(op.getWeights().getType());
    auto lists = cast<RankedTensorType>(op.getIndices().getType());
    auto out = cast<RankedTensorType>(op.getOut().getType());
    Type element = state.getElementType();
    packed = isa<IntegerType>(out.getElementType());
    channels = state.getDimSize(3);
    lanes = packed ? out.getElementTypeBitWidth() : lanesFor(channels);
    vector = VectorType::get({lanes}, element);
    window = {filters.getDimSize(0), filters.getDimSize(1)};
    depth = filters.getDimSize(2);
    height = lists.getDimSize(2);
    int64_t columns = lists.getDimSize(3) / depth;
    if (!hasConvLoops(element, columns, reach(), lanes))
      return failure();
    width = columns + reach();
    emit();
    return success();
  }

private:
  int64_t reach() { return (window[1] - 1) * op.getDilations()[1]; }

  void emit() {
    Type element = state.getElementType();
    indices = b.read(op.getIndices());
    counts = b.read(op.getCounts());
    weights = b.read(packFilters(b, op.getWeights(), lanes));
    parameters = parametersOf(op);
    for (Value &parameter : parameters)
      if (parameter)
        parameter = b.read(parameter);
    bias[0] = op.getBias() ? b.read(op.getBias()) : Value();
    Value potentials = b.read(op.getV());
    Value remaining = op.getLeft() ? b.read(op.getLeft()) : Value();
    // What is written.
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), op.getV());
    time = tensor::getMixedSize(b, b.getLoc(), op.getIndices(), 0);
    SmallVector<OpFoldResult> run(sizes);
    run.insert(run.begin(), time);
    int64_t blocks = llvm::divideCeil(channels, lanes);
    if (op.getRecord())
      recordBuffer = b.alloc(run, element);
    if (packed)
      run.back() = b.getIndexAttr(blocks);
    outBuffer = b.alloc(
        run, cast<RankedTensorType>(op.getOut().getType()).getElementType());
    nextV = b.alloc(sizes, element);
    nextLeft = remaining ? b.alloc(sizes, element) : Value();
    b.tasks({b.getIndexAttr(blocks), sizes[0], sizes[1]},
            [&](Emitter &b, ValueRange at) {
              emitTask(b, at[0], at[1], at[2], potentials, remaining);
            });
    auto replace = [&](Value old, Value buffer) {
      if (buffer)
        old.replaceAllUsesWith(b.toTensor(buffer, old.getType()));
    };
    replace(op.getOut(), outBuffer);
    replace(op.getNextV(), nextV);
    replace(op.getNextLeft(), nextLeft);
    replace(op.getPotentials(), recordBuffer);
    op.erase();
  }

  void emitTask(Emitter &b, Value number, Value sample, Value row,
                Value potentials, Value remaining) {
    LaneBlock block = getBlock(b, number, channels, lanes);
    Value zero = b.index(0), columns = b.index(state.getDimSize(2));
    Value none = b.splat(vector, 0);
    Value sums = memref::AllocaOp::create(
        b, MemRefType::get({width, lanes}, state.getElementType()),
        b.getI64IntegerAttr(64));
    b.loop(zero, b.index(width), {}, [&](Emitter &b, Value x, ValueRange) {
      vector::StoreOp::create(b, none, sums, ValueRange{x, b.index(0)});
      return SmallVector<Value>{};
    });
    b.loop(zero, columns, {}, [&](Emitter &b, Value x, ValueRange) {
      SmallVector<Value> at{sample, row, x};
      block.store(b, block.load(b, potentials, at), nextV, at);
      if (remaining)
        block.store(b, block.load(b, remaining, at), nextLeft, at);
      return SmallVector<Value>{};
    });
    // Row `first + ky dilation` of the image, if there is one, is that of ky.
    Value first =
        arith::SubIOp::create(b, b.mul(row, b.index(op.getStrides()[0])),
                              b.index(op.getPadding()[0]));
    b.loop(zero, b.index(time), {}, [&](Emitter &b, Value t, ValueRange) {
      b.loop(
          zero, b.index(window[0]), {}, [&](Emitter &b, Value ky, ValueRange) {
            Value row = b.add(first, b.mul(ky, b.index(op.getDilations()[0])));
            scatterRow(b, number, t, sample, row, ky, sums);
            return SmallVector<Value>{};
          });
      b.loop(zero, columns, {}, [&](Emitter &b, Value x, ValueRange) {
        step(b, block, number, t, {sample, row, x}, sums, remaining);
        return SmallVector<Value>{};
      });
      return SmallVector<Value>{};
    });
  }

  /// Adds what the events of row `from` of the image give through row `ky` of
  /// the window.
  void scatterRow(Emitter &b, Value number, Value t, Value sample, Value from,
                  Value ky, Value sums) {
    // As an unsigned number a row above the image is below it, too.
    Value there = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, from,
                                        b.index(height));
    Value image = arith::SelectOp::create(b, there, from, b.index(0));
    Value listed = b.toIndex(
        memref::LoadOp::create(b, counts, ValueRange{t, sample, image}));
    Value count = arith::SelectOp::create(b, there, listed, b.index(0));
    b.loop(b.index(0), count, {}, [&](Emitter &b, Value k, ValueRange) {
      // The division by a number that is known is fastest in 32 bits.
      Value event =
          memref::LoadOp::create(b, indices, ValueRange{t, sample, image, k});
      Value size = arith::ConstantOp::create(b, b.getI32IntegerAttr(depth));
      Value column = arith::DivUIOp::create(b, event, size);
      Value channel = b.toIndex(arith::SubIOp::create(
          b, event, arith::MulIOp::create(b, column, size)));
      Value x = b.toIndex(column);
      for (int64_t kx = 0; kx < window[1]; ++kx) {
        Value place[] = {
            b.add(x, b.index((window[1] - 1 - kx) * op.getDilations()[1])),
            b.index(0)};
        Value weight = vector::LoadOp::create(
            b, vector, weights,
            ValueRange{number, ky, channel, b.index(kx), b.index(0)});
        Value sum = vector::LoadOp::create(b, vector, sums, place);
        vector::StoreOp::create(b, arith::AddFOp::create(b, sum, weight), sums,
                                place);
      }
      return SmallVector<Value>{};
    });
  }

  /// One step of the neurons at `at`.
  void step(Emitter &b, const LaneBlock &block, Value number, Value t,
            ArrayRef<Value> at, Value sums, Value remaining) {
    Value place[] = {b.add(b.mul(at[2], b.index(op.getStrides()[1])),
                           b.index(reach() - op.getPadding()[1])),
                     b.index(0)};
    Value x = vector::LoadOp::create(b, vector, sums, place);
    vector::StoreOp::create(b, b.splat(vector, 0), sums, place);
    if (Value own = loadParameters(b, bias, block, vector, at)[0])
      x = arith::AddFOp::create(b, x, own);
    Stepped stepped =
        emitStep(b, dynamics, x, block.load(b, nextV, at),
                 remaining ? block.load(b, nextLeft, at) : Value(),
                 loadParameters(b, parameters, block, vector, at));
    if (stepped.fired && block.mask)
      stepped.fired = arith::AndIOp::create(b, stepped.fired, block.mask);
    block.store(b, stepped.v, nextV, at);
    if (remaining)
      block.store(b, stepped.left, nextLeft, at);
    SmallVector<Value> timed{t};
    llvm::append_range(timed, at);
    if (recordBuffer)
      block.store(b, stepped.v, recordBuffer, timed);
    if (!packed)
      return block.store(b, stepped.out, outBuffer, timed);
    timed.push_back(number);
    memref::StoreOp::create(b, b.toWord(stepped.fired), outBuffer, timed);
  }

  ConvScanOp op;
  Dynamics dynamics;
  OpBuilder builder;
  Emitter b;
  RankedTensorType state;
  VectorType vector;
  bool packed = false;
  int64_t lanes = 0, channels = 0, depth = 0, height = 0, width = 0;
  std::array<int64_t, 2> window;
  OpFoldResult time;
  Parameters parameters, bias{};
  Value indices, counts, weights, outBuffer, recordBuffer, nextV, nextLeft;
};

} // namespace

bool plait::spike::hasConvLoops(Type element, int64_t columns, int64_t reach,
                                int64_t lanes) {
  // One sum for each column that a window can start in.
  return (element.isF32() || element.isF64()) &&
         (columns + reach) * lanes * element.getIntOrFloatBitWidth() / 8 <=
             mostSums;
}

LogicalResult plait::spike::convertConvScan(ConvScanOp op) {
  return ConvScanLowering(op).lower();
}

LogicalResult plait::spike::convertPool(PoolOp op) {
  auto type = cast<RankedTensorType>(op.getOutput().getType());
  auto input = cast<RankedTensorType>(op.getInput().getType());
  Type element = type.getElementType();
  int64_t rank = type.getRank(), channels = type.getShape().back();
  bool packed = isa<IntegerType>(input.getElementType());
  if ((!element.isF32() && !element.isF64()) ||
      ShapedType::isDynamic(channels) || channels == 0)
    return failure();
  OpBuilder builder(op);
  Emitter b(op.getLoc(), builder);
  int64_t lanes = packed ? input.getElementTypeBitWidth() : lanesFor(channels);
  auto vector = VectorType::get({lanes}, element);
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), op.getInput());
  for (int64_t dim = rank - 3; dim < rank; ++dim)
    sizes[dim] = b.getIndexAttr(type.getDimSize(dim));
  Value image = b.read(op.getInput()), sums = b.alloc(sizes, element);
  // A task is a row of windows.
  ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back(2);
  b.tasks(rows, [&](Emitter &b, ValueRange at) {
    auto body = [&](Emitter &b, Value column, Value number) {
      LaneBlock block = getBlock(b, number, channels, lanes);
      auto start = [&](Value i, int64_t dim) {
        return b.mul(i, b.index(op.getStrides()[dim]));
      };
      Value sum;
      for (int64_t ky = 0; ky < op.getWindow()[0]; ++ky)
        for (int64_t kx = 0; kx < op.getWindow()[1]; ++kx) {
          SmallVector<Value> place(at.drop_back());
          place.push_back(b.add(start(at.back(), 0), b.index(ky)));
          place.push_back(b.add(start(column, 1), b.index(kx)));
          Value x;
          if (packed) {
            place.push_back(number);
            Value bits = b.toBits(memref::LoadOp::create(b, image, place));
            x = arith::SelectOp::create(b, bits, b.splat(vector, 1),
                                        b.splat(vector, 0));
          } else {
            x = block.load(b, image, place);
          }
          sum = sum ? arith::AddFOp::create(b, sum, x).getResult() : x;
        }
      if (op.getDivisor())
        sum = arith::DivFOp::create(
            b, sum, b.splat(vector, op.getDivisor()->convertToDouble()));
      SmallVector<Value> place(at);
      place.push_back(column);
      block.store(b, sum, sums, place);
    };
    b.loop(b.index(0), b.index(type.getDimSize(rank - 2)), {},
           [&](Emitter &b, Value column, ValueRange) {
             b.loop(b.index(0), b.index(llvm::divideCeil(channels, lanes)), {},
                    [&](Emitter &b, Value number, ValueRange) {
                      body(b, column, number);
                      return SmallVector<Value>{};
                    });
             return SmallVector<Value>{};
           });
  });
  op.getOutput().replaceAllUsesWith(b.toTensor(sums, type));
  op.erase();
  return success();
}
