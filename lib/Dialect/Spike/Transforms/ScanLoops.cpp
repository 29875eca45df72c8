//===- ScanLoops.cpp - whole runs of neurons as vector loops --------------===//
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
// A recurrent population, and one whose weights are rows of a few elements, is
// one task per sample, or several that have a range of its neurons each. Where
// such a population is recurrent, every step begins when all of the one before
// have ended.
//
//===----------------------------------------------------------------------===//

#include "VectorEmit.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace plait::spike;

namespace {

/// The most tasks that share the neurons of one sample.
constexpr int64_t mostParts = 8;
/// What a part has at least: blocks, and elements of a row.
constexpr int64_t leastBlocks = 8, leastElements = 32;
/// Where threads wait for each other in every step, the synapses in rows, and
/// in a matrix, from which on two threads were faster than one.
constexpr int64_t leastInRows = 1 << 20, leastInMatrix = 1 << 22;

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
    parts = countParts();
    share = llvm::divideCeil(blocks, parts);
    parts = llvm::divideCeil(blocks, share);
    if (auto rows = getRows()) {
      starts = b.read(rows.getStarts());
      columns = b.read(rows.getColumns());
      weights = b.read(rows.getValues());
      if (parts > 1)
        findBounds(b);
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

  /// How many tasks share the neurons of a sample.
  int64_t countParts() {
    FromRowsOp rows = getRows();
    // Samples are tasks that never wait; more of them than threads are enough.
    if ((!rows && !op.getRecurrent()) || samples >= 2 * mostParts)
      return 1;
    int64_t most = std::min(mostParts, blocks / leastBlocks);
    int64_t elements = neurons * neurons, least = leastInMatrix;
    if (rows) {
      elements = rows.getValues().getType().getDimSize(0);
      most = std::min(most, elements / leastElements /
                                rows.getOutput().getType().getDimSize(0));
      least = leastInRows;
    }
    if (op.getRecurrent() && elements < least)
      return 1;
    return std::max<int64_t>(most, 1);
  }

  /// Finds where in each row the columns of each part start.
  void findBounds(Emitter &b) {
    int64_t rows = getRows().getOutput().getType().getDimSize(0);
    bounds = b.alloc({b.getIndexAttr(rows), b.getIndexAttr(parts + 1)},
                     b.getI32Type());
    b.tasks({b.getIndexAttr(rows)}, [&](Emitter &b, ValueRange at) {
      Value row = at[0], one = b.index(1);
      auto startOf = [&](Value row) -> Value {
        return memref::LoadOp::create(b, starts, row);
      };
      Value first = startOf(row), end = startOf(b.add(row, one));
      auto store = [&](Value bound, Value part) {
        memref::StoreOp::create(b, bound, bounds, ValueRange{row, part});
      };
      store(first, b.index(0));
      store(end, b.index(parts));
      b.loop(one, b.index(parts), {}, [&](Emitter &b, Value part, ValueRange) {
        Value limit = arith::IndexCastOp::create(
            b, b.getI32Type(), b.mul(part, b.index(share * lanes)));
        Value bound = b.loop(
            b.toIndex(first), b.toIndex(end), first,
            [&](Emitter &b, Value k, ValueRange before) {
              Value column = memref::LoadOp::create(b, columns, k);
              Value less = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                                 column, limit);
              return SmallVector<Value>{b.add(
                  before[0], arith::ExtUIOp::create(b, b.getI32Type(), less))};
            })[0];
        memref::StoreOp::create(b, bound, bounds, ValueRange{row, part});
        return SmallVector<Value>{};
      });
    });
  }

  /// A task for each sample and each part of its neurons.
  void shareTasks(Emitter &b,
                  function_ref<void(Emitter &, Value, Value)> body) {
    if (parts == 1)
      return b.tasks({batch}, [&](Emitter &b, ValueRange at) {
        body(b, at[0], b.index(0));
      });
    b.tasks({batch, b.getIndexAttr(parts)},
            [&](Emitter &b, ValueRange at) { body(b, at[0], at[1]); });
  }

  /// The blocks of a part, one after the other.
  SmallVector<Value> forBlocks(
      Emitter &b, Value part, ValueRange inits,
      function_ref<SmallVector<Value>(Emitter &, Value, ValueRange)> body) {
    Value first = b.index(0), end = b.index(blocks);
    if (parts > 1) {
      first = b.mul(part, b.index(share));
      end = arith::MinUIOp::create(b, end, b.add(first, b.index(share)));
    }
    return b.loop(first, end, inits, body);
  }

  /// Adds the elements of the rows of the list at `slot`, `count` long, that
  /// belong to `part`, to the sums of `sample`: each sum in the order of
  /// `gather`, without the zeros, which change none that starts at zero.
  void scatter(Emitter &b, Value list, ValueRange slot, Value count,
               Value sample, Value part) {
    b.loop(b.index(0), count, {}, [&](Emitter &b, Value i, ValueRange) {
      SmallVector<Value> at(slot);
      at.push_back(i);
      Value event = b.toIndex(memref::LoadOp::create(b, list, at));
      auto startOf = [&](Value row, Value part) {
        return b.toIndex(
            bounds ? memref::LoadOp::create(b, bounds, ValueRange{row, part})
                   : memref::LoadOp::create(b, starts, row));
      };
      Value one = b.index(1), first = startOf(event, part);
      Value end = bounds ? startOf(event, b.add(part, one))
                         : startOf(b.add(event, one), part);
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

  void emitRows(Emitter &b, Value potentials, Value remaining) {
    shareTasks(b, [&](Emitter &b, Value sample, Value part) {
      forBlocks(b, part, {}, [&](Emitter &b, Value number, ValueRange) {
        startBlock(b, getBlock(b, number, neurons, lanes), sample, potentials,
                   remaining);
        return SmallVector<Value>{};
      });
      b.loop(
          b.index(0), b.index(time), {}, [&](Emitter &b, Value t, ValueRange) {
            Value count = b.toIndex(
                memref::LoadOp::create(b, counts, ValueRange{t, sample}));
            scatter(b, indices, {t, sample}, count, sample, part);
            forBlocks(b, part, {}, [&](Emitter &b, Value number, ValueRange) {
              stepBlock(b, getBlock(b, number, neurons, lanes), number, t,
                        sample, Value());
              return SmallVector<Value>{};
            });
            return SmallVector<Value>{};
          });
    });
  }

  /// The state of `sample`, of the blocks of `part`, where the first step finds
  /// it; their last spikes go to the list at `slot`, and their number comes
  /// back.
  Value startPart(Emitter &b, Value sample, Value part, Value potentials,
                  Value remaining, Value last, Value list, ValueRange slot) {
    return forBlocks(
        b, part, b.index(0), [&](Emitter &b, Value number, ValueRange length) {
          LaneBlock block = getBlock(b, number, neurons, lanes);
          startBlock(b, block, sample, potentials, remaining);
          Value bits = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                             block.load(b, last, sample),
                                             b.splat(vector, 0));
          return SmallVector<Value>{
              b.appendBits(b.toWord(bits), block.start, length[0], list, slot)};
        })[0];
  }

  /// A step of the blocks of `part` of a recurrent population, whose last
  /// spikes are the `count` of the list at `from`. Its own go to another list.
  Value stepPart(Emitter &b, Value t, Value sample, Value part, Value lists,
                 ValueRange from, Value count, Value list, ValueRange slot) {
    if (starts)
      scatter(b, lists, from, count, sample, part);
    return forBlocks(
        b, part, b.index(0), [&](Emitter &b, Value number, ValueRange length) {
          LaneBlock block = getBlock(b, number, neurons, lanes);
          Value sum;
          if (!starts)
            sum = gather(b, lists, from, count, [&](Value event) {
              return SmallVector<Value>{event, block.start};
            });
          Stepped stepped = stepBlock(b, block, number, t, sample, sum);
          return SmallVector<Value>{b.appendBits(
              b.toWord(stepped.fired), block.start, length[0], list, slot)};
        })[0];
  }

  /// What leaves is the list that the next step reads.
  void leaveList(Emitter &b, Value t, Value sample, Value list, ValueRange slot,
                 Value count) {
    copyList(b, list, slot, count, outBuffer, {t, sample}, b.index(0));
    memref::StoreOp::create(
        b, arith::IndexCastOp::create(b, b.getI32Type(), count), countsBuffer,
        ValueRange{t, sample});
  }

  void copyList(Emitter &b, Value list, ValueRange slot, Value count, Value to,
                ValueRange place, Value behind) {
    b.loop(b.index(0), count, {}, [&](Emitter &b, Value k, ValueRange) {
      SmallVector<Value> from(slot), there(place);
      from.push_back(k);
      there.push_back(b.add(behind, k));
      Value event = memref::LoadOp::create(b, list, from);
      memref::StoreOp::create(b, event, to, there);
      return SmallVector<Value>{};
    });
  }

  /// The spikes of the last step, as numbers.
  void storeLast(Emitter &b, Value sample, Value list, ValueRange slot,
                 Value count, Value nextLast) {
    b.loop(b.index(0), b.index(blocks), {},
           [&](Emitter &b, Value number, ValueRange) {
             LaneBlock block = getBlock(b, number, neurons, lanes);
             block.store(b, b.splat(vector, 0), nextLast, sample);
             return SmallVector<Value>{};
           });
    b.loop(b.index(0), count, {}, [&](Emitter &b, Value k, ValueRange) {
      SmallVector<Value> at(slot);
      at.push_back(k);
      Value event = b.toIndex(memref::LoadOp::create(b, list, at));
      Value spike = arith::ConstantOp::create(
          b, b.getFloatAttr(state.getElementType(), 1));
      memref::StoreOp::create(b, spike, nextLast, ValueRange{sample, event});
      return SmallVector<Value>{};
    });
  }

  /// One task per sample: a step needs the spikes of all blocks of the one
  /// before. Two lists take turns.
  void emitRecurrent(Emitter &b, Value potentials, Value remaining,
                     Value nextLast) {
    Value last = b.read(op.getLast());
    if (parts > 1)
      return emitShared(b, potentials, remaining, last, nextLast);
    Value lists = b.alloc({batch, b.getIndexAttr(2), b.getIndexAttr(neurons)},
                          b.getI32Type());
    b.tasks({batch}, [&](Emitter &b, ValueRange at) {
      Value sample = at[0], zero = b.index(0), one = b.index(1);
      Value count = startPart(b, sample, zero, potentials, remaining, last,
                              lists, {sample, zero});
      SmallVector<Value> end =
          b.loop(zero, b.index(time), ValueRange{count, zero, one},
                 [&](Emitter &b, Value t, ValueRange carried) {
                   Value from = carried[1], to = carried[2];
                   Value fired =
                       stepPart(b, t, sample, zero, lists, {sample, from},
                                carried[0], lists, {sample, to});
                   if (listed)
                     leaveList(b, t, sample, lists, {sample, to}, fired);
                   return SmallVector<Value>{fired, to, from};
                 });
      storeLast(b, sample, lists, {sample, end[1]}, end[0], nextLast);
    });
  }

  /// A step after another, of which each is a task for each sample and part.
  /// The parts' lists, one behind the other, are that of the next step.
  void emitShared(Emitter &b, Value potentials, Value remaining, Value last,
                  Value nextLast) {
    OpFoldResult each = b.getIndexAttr(parts);
    Type index = b.getIndexType(), i32 = b.getI32Type();
    Value list = b.alloc({batch, b.getIndexAttr(neurons)}, i32);
    Value count = b.alloc({batch}, index);
    Value found = b.alloc({batch, each, b.getIndexAttr(share * lanes)}, i32);
    Value counts = b.alloc({batch, each}, index);
    // Joins the lists of all parts of a sample.
    auto join = [&](Emitter &b, Value sample) {
      Value total =
          b.loop(b.index(0), b.index(parts), b.index(0),
                 [&](Emitter &b, Value part, ValueRange behind) {
                   Value slot[] = {sample, part};
                   Value more = memref::LoadOp::create(b, counts, slot);
                   copyList(b, found, slot, more, list, sample, behind[0]);
                   return SmallVector<Value>{b.add(behind[0], more)};
                 })[0];
      memref::StoreOp::create(b, total, count, sample);
      return total;
    };
    shareTasks(b, [&](Emitter &b, Value sample, Value part) {
      Value slot[] = {sample, part};
      Value fired =
          startPart(b, sample, part, potentials, remaining, last, found, slot);
      memref::StoreOp::create(b, fired, counts, slot);
    });
    b.tasks({batch}, [&](Emitter &b, ValueRange at) { join(b, at[0]); });
    b.loop(b.index(0), b.index(time), {}, [&](Emitter &b, Value t, ValueRange) {
      shareTasks(b, [&](Emitter &b, Value sample, Value part) {
        Value slot[] = {sample, part};
        Value length = memref::LoadOp::create(b, count, sample);
        Value fired =
            stepPart(b, t, sample, part, list, sample, length, found, slot);
        memref::StoreOp::create(b, fired, counts, slot);
      });
      b.tasks({batch}, [&](Emitter &b, ValueRange at) {
        Value fired = join(b, at[0]);
        if (listed)
          leaveList(b, t, at[0], list, at[0], fired);
      });
      return SmallVector<Value>{};
    });
    b.tasks({batch}, [&](Emitter &b, ValueRange at) {
      Value fired = memref::LoadOp::create(b, count, at[0]);
      storeLast(b, at[0], list, at[0], fired, nextLast);
    });
  }

  ScanOp op;
  Dynamics dynamics;
  RankedTensorType state;
  Value v, current, currentBuffer, indices, counts, weights, bias;
  Parameters parameters;
  Value outBuffer, recordBuffer, countsBuffer, nextV, nextLeft;
  /// Of weights in rows, of which `weights` are the elements; `bounds` are the
  /// `starts` of each part.
  Value starts, columns, bounds, sums;
  bool packed = false, listed = false;
  int64_t samples = 0, neurons = 0, lanes = 0, blocks = 0;
  /// Tasks for the neurons of a sample, and the blocks of each.
  int64_t parts = 1, share = 0;
  OpFoldResult time, batch;
  VectorType vector;
};

} // namespace

LogicalResult plait::spike::convertScan(ScanOp op) {
  return ScanLowering(op).lower();
}
