//===- SpikeToVector.cpp - whole runs of neurons as vector loops ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Neurons are handled in blocks of as many lanes as a word of packed spikes has
// bits. What a block does over a run is one task:
//
//   for t: sum = 0; for the events of step t: sum += panel[event]; step
//
// Sums go through the events in order from zero, so that they are those of the
// dense road: a spike that is not there adds a zero.
//
//===----------------------------------------------------------------------===//

#include "VectorEmit.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

namespace plait::spike {
#define GEN_PASS_DEF_CONVERTSPIKETOVECTOR
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

/// `weights`, [K, N], block after block: [blocks, K, lanes].
Value packPanels(Emitter &b, Value weights, int64_t lanes) {
  Value padded = padColumns(b, weights, lanes);
  auto type = cast<RankedTensorType>(padded.getType());
  int64_t rows = type.getDimSize(0), blocks = type.getDimSize(1) / lanes;
  Type element = type.getElementType();
  Value split = tensor::ExpandShapeOp::create(
      b, RankedTensorType::get({rows, blocks, lanes}, element), padded,
      ArrayRef<ReassociationIndices>{{0}, {1, 2}});
  Value empty = tensor::EmptyOp::create(
      b, ArrayRef<int64_t>{blocks, rows, lanes}, element);
  return linalg::TransposeOp::create(b, split, empty,
                                     ArrayRef<int64_t>{1, 0, 2})
      ->getResult(0);
}

/// `scan` of a population of several axes, which nothing mixes, as one of
/// [batch, neurons]; `scan` itself where it is one or cannot be.
ScanOp flattenPopulation(ScanOp scan) {
  auto state = cast<RankedTensorType>(scan.getV().getType());
  int64_t rank = state.getRank();
  if (rank <= 2 || ShapedType::isDynamicShape(state.getShape().drop_front()))
    return scan;
  // A parameter of some of the axes only would have to be repeated.
  for (Value parameter : parametersOf(scan))
    if (parameter) {
      int64_t own = cast<RankedTensorType>(parameter.getType()).getRank();
      if (own > 0 && own + 1 < rank)
        return scan;
    }
  auto out = cast<RankedTensorType>(scan.getOut().getType());
  if (scan.getEncoding() == Encoding::Packed &&
      state.getShape().back() % out.getElementTypeBitWidth() != 0)
    return scan;
  OpBuilder builder(scan);
  Emitter b(scan.getLoc(), builder);
  // The population's axes, `rank - 1` at the end, are one.
  auto groupsOf = [&](int64_t own) {
    SmallVector<ReassociationIndices> groups;
    int64_t batch = own - rank + 1;
    for (int64_t dim = 0; dim < batch; ++dim)
      groups.push_back({dim});
    groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(batch, own)));
    return groups;
  };
  auto flat = [&](Type type) {
    auto own = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape;
    for (const ReassociationIndices &group : groupsOf(own.getRank())) {
      shape.push_back(1);
      for (int64_t dim : group)
        shape.back() = group.size() == 1 ? own.getDimSize(dim)
                                         : shape.back() * own.getDimSize(dim);
    }
    return own.clone(shape);
  };
  auto made = cast<ScanOp>(b.clone(*scan));
  b.setInsertionPoint(made);
  for (OpOperand &operand : made->getOpOperands()) {
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (type.getRank() > 0)
      operand.set(tensor::CollapseShapeOp::create(b, flat(type), operand.get(),
                                                  groupsOf(type.getRank())));
  }
  b.setInsertionPointAfter(made);
  for (auto [old, result] :
       llvm::zip_equal(scan->getResults(), made->getResults())) {
    auto type = cast<RankedTensorType>(old.getType());
    result.setType(flat(type));
    SmallVector<ReassociationIndices> groups = groupsOf(type.getRank());
    SmallVector<OpFoldResult> sizes;
    for (const ReassociationIndices &group : groups) {
      // Only what is before the population's axes is dynamic.
      for (int64_t dim : group)
        sizes.push_back(type.isDynamicDim(dim)
                            ? tensor::getMixedSize(b, b.getLoc(), result, dim)
                            : b.getIndexAttr(type.getDimSize(dim)));
    }
    old.replaceAllUsesWith(
        tensor::ExpandShapeOp::create(b, type, result, groups, sizes));
  }
  scan.erase();
  return made;
}

/// One scan to loops.
class ScanLowering {
public:
  explicit ScanLowering(ScanOp op) : op(op), dynamics(Dynamics::of(op)) {}

  LogicalResult lower() {
    state = cast<RankedTensorType>(op.getV().getType());
    Type element = state.getElementType();
    if (!element.isF32() && !element.isF64())
      return failure();
    v = op.getV();
    current = op.getCurrent();
    parameters = parametersOf(op);
    packed = op.getEncoding() == Encoding::Packed;
    listed = op.getEncoding() == Encoding::Events;
    if (state.getRank() != 2)
      return failure();
    samples = state.getDimSize(0);
    neurons = state.getDimSize(1);
    if (ShapedType::isDynamic(neurons) || neurons == 0)
      return failure();
    auto weights = op.getIndices() ? op.getWeights() : op.getRecurrent();
    if (weights && !cast<RankedTensorType>(weights.getType()).hasStaticShape())
      return failure();
    if (op.getRecurrent() && op.getMultiSpike())
      return failure();
    if (listed && !op.getRecurrent())
      return failure();
    auto out = cast<RankedTensorType>(op.getOut().getType());
    lanes = packed ? out.getElementTypeBitWidth() : lanesFor(neurons);
    vector = VectorType::get({lanes}, element);

    OpBuilder builder(op);
    Emitter b(op.getLoc(), builder);
    time = b.getIndexAttr(out.getDimSize(0));
    if (out.isDynamicDim(0)) {
      Value run = current ? current : op.getCounts();
      if (!run)
        return failure();
      time = tensor::getMixedSize(b, b.getLoc(), run, 0);
    }
    batch = tensor::getMixedSize(b, b.getLoc(), v, 0);
    emit(b);
    return success();
  }

private:
  void emit(Emitter &b) {
    Type element = state.getElementType();
    blocks = llvm::divideCeil(neurons, lanes);
    OpFoldResult size = b.getIndexAttr(neurons);
    // What is read.
    if (current)
      currentBuffer = b.read(current);
    if (op.getIndices()) {
      indices = b.read(op.getIndices());
      counts = b.read(op.getCounts());
    }
    if (auto rows = getRows()) {
      starts = b.read(rows.getStarts());
      columns = b.read(rows.getColumns());
      weights = b.read(rows.getValues());
    } else if (indices) {
      weights = b.read(packPanels(b, op.getWeights(), lanes));
    } else if (op.getRecurrent()) {
      weights = b.read(padColumns(b, op.getRecurrent(), lanes));
    }
    if (op.getBias())
      bias = b.read(op.getBias());
    Value potentials = b.read(v);
    Value remaining = op.getLeft() ? b.read(op.getLeft()) : Value();
    for (Value &parameter : parameters)
      if (parameter)
        parameter = b.read(parameter);
    // What is written.
    OpFoldResult outSize = packed ? b.getIndexAttr(blocks) : size;
    outBuffer =
        b.alloc({time, batch, outSize},
                cast<RankedTensorType>(op.getOut().getType()).getElementType());
    if (listed)
      countsBuffer = b.alloc({time, batch}, b.getI32Type());
    if (op.getRecord())
      recordBuffer = b.alloc({time, batch, size}, element);
    nextV = b.alloc({batch, size}, element);
    nextLeft = remaining ? b.alloc({batch, size}, element) : Value();
    Value nextLast;
    // Zero between steps.
    if (starts)
      sums = b.alloc({batch, b.getIndexAttr(blocks * lanes)}, element);
    if (op.getRecurrent()) {
      nextLast = b.alloc({batch, size}, element);
      emitRecurrent(b, potentials, remaining, nextLast);
    } else if (starts) {
      emitRows(b, potentials, remaining);
    } else {
      b.tasks({b.getIndexAttr(blocks), batch}, [&](Emitter &b, ValueRange at) {
        emitTask(b, at[0], at[1], potentials, remaining);
      });
    }
    auto tensorOf = [&](Value buffer, Value result) {
      return buffer ? b.toTensor(buffer, result.getType()) : Value();
    };
    Value results[] = {tensorOf(outBuffer, op.getOut()),
                       tensorOf(nextV, op.getNextV()),
                       tensorOf(nextLeft, op.getNextLeft()),
                       tensorOf(nextLast, op.getNextLast()),
                       tensorOf(recordBuffer, op.getPotentials()),
                       tensorOf(countsBuffer, op.getEventCounts())};
    Value old[] = {op.getOut(),      op.getNextV(),      op.getNextLeft(),
                   op.getNextLast(), op.getPotentials(), op.getEventCounts()};
    for (auto [from, to] : llvm::zip_equal(old, results))
      if (from)
        from.replaceAllUsesWith(to);
    op.erase();
  }

  void clearSums(Emitter &b, const LaneBlock &block, Value sample) {
    vector::StoreOp::create(b, b.splat(vector, 0), sums,
                            ValueRange{sample, block.start});
  }

  /// The rows of weights that are mostly zeros, or null.
  FromRowsOp getRows() {
    Value matrix = op.getIndices() ? op.getWeights() : op.getRecurrent();
    return matrix ? matrix.getDefiningOp<FromRowsOp>() : FromRowsOp();
  }

  /// Adds the elements of the rows of the list at `slot`, `count` long, to the
  /// sums of `sample`: each sum in the order of `gather`, without the zeros,
  /// which change none that starts at zero.
  void scatter(Emitter &b, Value list, ValueRange slot, Value count,
               Value sample) {
    b.loop(b.index(0), count, {}, [&](Emitter &b, Value i, ValueRange) {
      SmallVector<Value> at(slot);
      at.push_back(i);
      Value event = b.toIndex(memref::LoadOp::create(b, list, at));
      auto startOf = [&](Value row) {
        return b.toIndex(memref::LoadOp::create(b, starts, row));
      };
      Value first = startOf(event), end = startOf(b.add(event, b.index(1)));
      b.loop(first, end, {}, [&](Emitter &b, Value k, ValueRange) {
        Value value = memref::LoadOp::create(b, weights, k);
        Value column = b.toIndex(memref::LoadOp::create(b, columns, k));
        Value place[] = {sample, column};
        Value sum = memref::LoadOp::create(b, sums, place);
        memref::StoreOp::create(b, arith::AddFOp::create(b, sum, value), sums,
                                place);
        return SmallVector<Value>{};
      });
      return SmallVector<Value>{};
    });
  }

  /// The sum of the rows of the list at `slot`, `count` long, of a block.
  Value gather(Emitter &b, Value list, ValueRange slot, Value count,
               function_ref<SmallVector<Value>(Value)> place) {
    return b.loop(
        b.index(0), count, b.splat(vector, 0),
        [&](Emitter &b, Value k, ValueRange sum) {
          SmallVector<Value> at(slot);
          at.push_back(k);
          Value event = b.toIndex(memref::LoadOp::create(b, list, at));
          Value row = vector::LoadOp::create(b, vector, weights, place(event));
          return SmallVector<Value>{arith::AddFOp::create(b, sum[0], row)};
        })[0];
  }

  /// `sum` of events with the bias and what else comes in at step `t`.
  Value input(Emitter &b, const LaneBlock &block, Value sum, Value biases,
              Value t, Value sample) {
    for (Value term :
         {biases,
          currentBuffer ? block.load(b, currentBuffer, {t, sample}) : Value()})
      if (term)
        sum = sum ? arith::AddFOp::create(b, sum, term).getResult() : term;
    return sum;
  }

  Value loadBias(Emitter &b, const LaneBlock &block, Value sample) {
    if (!bias)
      return Value();
    Parameters one{};
    one[0] = bias;
    return loadParameters(b, one, block, vector, sample)[0];
  }

  /// One step of a block, recorded; the bits of those that fired.
  Stepped step(Emitter &b, const LaneBlock &block, Value number, Value x,
               Value potential, Value left, const Parameters &own, Value t,
               Value sample) {
    Stepped stepped = emitStep(b, dynamics, x, potential, left, own);
    if (stepped.fired && block.mask)
      stepped.fired = arith::AndIOp::create(b, stepped.fired, block.mask);
    if (packed)
      memref::StoreOp::create(b, b.toWord(stepped.fired), outBuffer,
                              ValueRange{t, sample, number});
    else if (!listed)
      block.store(b, stepped.out, outBuffer, {t, sample});
    if (recordBuffer)
      block.store(b, stepped.v, recordBuffer, {t, sample});
    return stepped;
  }

  void emitTask(Emitter &b, Value number, Value sample, Value potentials,
                Value remaining) {
    LaneBlock block = getBlock(b, number, neurons, lanes);
    Parameters own = loadParameters(b, parameters, block, vector, sample);
    Value biases = loadBias(b, block, sample);
    SmallVector<Value> inits{block.load(b, potentials, sample)};
    if (remaining)
      inits.push_back(block.load(b, remaining, sample));
    SmallVector<Value> ends = b.loop(
        b.index(0), b.index(time), inits,
        [&](Emitter &b, Value t, ValueRange carried) {
          Value sum;
          if (indices) {
            Value count = b.toIndex(
                memref::LoadOp::create(b, counts, ValueRange{t, sample}));
            sum = gather(b, indices, {t, sample}, count, [&](Value event) {
              return SmallVector<Value>{number, event, b.index(0)};
            });
          }
          Value x = input(b, block, sum, biases, t, sample);
          Stepped stepped =
              step(b, block, number, x, carried[0],
                   remaining ? carried[1] : Value(), own, t, sample);
          SmallVector<Value> next{stepped.v};
          if (remaining)
            next.push_back(stepped.left);
          return next;
        });
    block.store(b, ends[0], nextV, sample);
    if (remaining)
      block.store(b, ends[1], nextLeft, sample);
  }

  /// The state of `sample`, of which a step changes all blocks: where the
  /// next state will be.
  void startBlock(Emitter &b, const LaneBlock &block, Value sample,
                  Value potentials, Value remaining) {
    block.store(b, block.load(b, potentials, sample), nextV, sample);
    if (remaining)
      block.store(b, block.load(b, remaining, sample), nextLeft, sample);
    if (starts)
      clearSums(b, block, sample);
  }

  /// One step of a block of that state; without `sum`, of the sums of
  /// `scatter`.
  Stepped stepBlock(Emitter &b, const LaneBlock &block, Value number, Value t,
                    Value sample, Value sum) {
    Parameters own = loadParameters(b, parameters, block, vector, sample);
    if (!sum) {
      sum = vector::LoadOp::create(b, vector, sums,
                                   ValueRange{sample, block.start});
      clearSums(b, block, sample);
    }
    Value x = input(b, block, sum, loadBias(b, block, sample), t, sample);
    Stepped stepped = step(b, block, number, x, block.load(b, nextV, sample),
                           nextLeft ? block.load(b, nextLeft, sample) : Value(),
                           own, t, sample);
    block.store(b, stepped.v, nextV, sample);
    if (nextLeft)
      block.store(b, stepped.left, nextLeft, sample);
    return stepped;
  }

  /// One task per sample, whose sums any event may change.
  void emitRows(Emitter &b, Value potentials, Value remaining) {
    b.tasks({batch}, [&](Emitter &b, ValueRange at) {
      Value sample = at[0];
      auto forBlocks = [&](Emitter &b,
                           function_ref<void(Emitter &, Value)> body) {
        b.loop(b.index(0), b.index(blocks), {},
               [&](Emitter &b, Value number, ValueRange) {
                 body(b, number);
                 return SmallVector<Value>{};
               });
      };
      forBlocks(b, [&](Emitter &b, Value number) {
        startBlock(b, getBlock(b, number, neurons, lanes), sample, potentials,
                   remaining);
      });
      b.loop(b.index(0), b.index(time), {},
             [&](Emitter &b, Value t, ValueRange) {
               Value count = b.toIndex(
                   memref::LoadOp::create(b, counts, ValueRange{t, sample}));
               scatter(b, indices, {t, sample}, count, sample);
               forBlocks(b, [&](Emitter &b, Value number) {
                 stepBlock(b, getBlock(b, number, neurons, lanes), number, t,
                           sample, Value());
               });
               return SmallVector<Value>{};
             });
    });
  }

  /// One task per sample: a step needs the spikes of all blocks of the one
  /// before. Two lists take turns.
  void emitRecurrent(Emitter &b, Value potentials, Value remaining,
                     Value nextLast) {
    Value first = b.read(op.getLast());
    Value lists = b.alloc({batch, b.getIndexAttr(2), b.getIndexAttr(neurons)},
                          b.getI32Type());
    b.tasks({batch}, [&](Emitter &b, ValueRange at) {
      Value sample = at[0], zero = b.index(0), one = b.index(1);
      Value end = b.index(blocks);
      SmallVector<Value> counts = b.loop(
          zero, end, zero, [&](Emitter &b, Value number, ValueRange length) {
            LaneBlock block = getBlock(b, number, neurons, lanes);
            startBlock(b, block, sample, potentials, remaining);
            Value spikes = block.load(b, first, sample);
            Value bits = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                               spikes, b.splat(vector, 0));
            return SmallVector<Value>{b.appendBits(b.toWord(bits), block.start,
                                                   length[0], lists,
                                                   {sample, b.index(0)})};
          });
      SmallVector<Value> last = b.loop(
          zero, b.index(time), ValueRange{counts[0], zero, one},
          [&](Emitter &b, Value t, ValueRange carried) {
            Value count = carried[0], from = carried[1], to = carried[2];
            if (starts)
              scatter(b, lists, {sample, from}, count, sample);
            Value fired = b.loop(
                b.index(0), end, b.index(0),
                [&](Emitter &b, Value number, ValueRange length) {
                  LaneBlock block = getBlock(b, number, neurons, lanes);
                  Value sum;
                  if (!starts)
                    sum = gather(
                        b, lists, {sample, from}, count, [&](Value event) {
                          return SmallVector<Value>{event, block.start};
                        });
                  Stepped stepped = stepBlock(b, block, number, t, sample, sum);
                  return SmallVector<Value>{
                      b.appendBits(b.toWord(stepped.fired), block.start,
                                   length[0], lists, {sample, to})};
                })[0];
            if (listed) {
              // What leaves is the list that the next step reads.
              b.loop(b.index(0), fired, {},
                     [&](Emitter &b, Value k, ValueRange) {
                       Value place = memref::LoadOp::create(
                           b, lists, ValueRange{sample, to, k});
                       memref::StoreOp::create(b, place, outBuffer,
                                               ValueRange{t, sample, k});
                       return SmallVector<Value>{};
                     });
              memref::StoreOp::create(
                  b, arith::IndexCastOp::create(b, b.getI32Type(), fired),
                  countsBuffer, ValueRange{t, sample});
            }
            return SmallVector<Value>{fired, to, from};
          });
      // The spikes of the last step.
      b.loop(zero, end, {}, [&](Emitter &b, Value number, ValueRange) {
        LaneBlock block = getBlock(b, number, neurons, lanes);
        block.store(b, b.splat(vector, 0), nextLast, sample);
        return SmallVector<Value>{};
      });
      b.loop(zero, last[0], {}, [&](Emitter &b, Value k, ValueRange) {
        Value event = b.toIndex(
            memref::LoadOp::create(b, lists, ValueRange{sample, last[1], k}));
        Value spike = arith::ConstantOp::create(
            b, b.getFloatAttr(state.getElementType(), 1));
        memref::StoreOp::create(b, spike, nextLast, ValueRange{sample, event});
        return SmallVector<Value>{};
      });
    });
  }

  ScanOp op;
  Dynamics dynamics;
  RankedTensorType state;
  Value v, current, currentBuffer, indices, counts, weights, bias;
  Parameters parameters;
  Value outBuffer, recordBuffer, countsBuffer, nextV, nextLeft;
  /// Of weights in rows, of which `weights` are the elements.
  Value starts, columns, sums;
  bool packed = false, listed = false;
  int64_t samples = 0, neurons = 0, lanes = 0, blocks = 0;
  OpFoldResult time, batch;
  VectorType vector;
};

struct ConvertSpikeToVector
    : plait::spike::impl::ConvertSpikeToVectorBase<ConvertSpikeToVector> {
  void runOnOperation() override {
    SmallVector<ListEventsOp> lists;
    SmallVector<ScanOp> scans;
    SmallVector<ConvScanOp> convolutions;
    SmallVector<PoolOp> pools;
    getOperation().walk([&](Operation *op) {
      if (auto list = dyn_cast<ListEventsOp>(op))
        lists.push_back(list);
      else if (auto scan = dyn_cast<ScanOp>(op))
        scans.push_back(scan);
      else if (auto convolution = dyn_cast<ConvScanOp>(op))
        convolutions.push_back(convolution);
      else if (auto pool = dyn_cast<PoolOp>(op))
        pools.push_back(pool);
    });
    for (ConvScanOp convolution : convolutions)
      ++(succeeded(convertConvScan(convolution)) ? numScans : numLeft);
    for (PoolOp pool : pools)
      (void)convertPool(pool);
    for (ScanOp scan : scans)
      ++(succeeded(ScanLowering(flattenPopulation(scan)).lower()) ? numScans
                                                                  : numLeft);
    for (ListEventsOp list : lists)
      if (auto type = cast<RankedTensorType>(list.getIndices().getType());
          type.getRank() > 1 && !ShapedType::isDynamic(type.getShape().back()))
        convertListEvents(list);
  }
};

} // namespace
