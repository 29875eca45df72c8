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

#include "plait/Dialect/Spike/Transforms/Dynamics.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
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

/// Loops and vectors of one element type, `lanes` wide.
struct Emitter : ImplicitLocOpBuilder {
  Emitter(Location loc, OpBuilder &builder)
      : ImplicitLocOpBuilder(loc, builder) {}

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(*this, value);
  }
  Value index(OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(*this, getLoc(), value);
  }
  Value add(Value l, Value r) { return arith::AddIOp::create(*this, l, r); }
  Value mul(Value l, Value r) { return arith::MulIOp::create(*this, l, r); }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(*this, getIndexType(), value);
  }
  Value splat(VectorType type, double value) {
    return arith::ConstantOp::create(
        *this, DenseElementsAttr::get(
                   type, getFloatAttr(type.getElementType(), value)));
  }

  /// The buffer of a tensor that is only read.
  Value read(Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    return bufferization::ToBufferOp::create(
        *this, MemRefType::get(type.getShape(), type.getElementType()), tensor,
        /*read_only=*/true);
  }
  /// A new buffer of `sizes`.
  Value alloc(ArrayRef<OpFoldResult> sizes, Type element) {
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamic;
    dispatchIndexOpFoldResults(sizes, dynamic, shape);
    return memref::AllocOp::create(*this, MemRefType::get(shape, element),
                                   dynamic, getI64IntegerAttr(64));
  }
  /// `buffer`, which is nobody else's, as a tensor of `type`.
  Value toTensor(Value buffer, Type type) {
    auto own = cast<MemRefType>(buffer.getType());
    Value tensor = bufferization::ToTensorOp::create(
        *this, RankedTensorType::get(own.getShape(), own.getElementType()),
        buffer, /*restrict=*/true, /*writable=*/true);
    if (tensor.getType() != type)
      tensor = tensor::CastOp::create(*this, type, tensor);
    return tensor;
  }

  SmallVector<Value>
  loop(Value from, Value to, ValueRange inits,
       function_ref<SmallVector<Value>(Emitter &, Value, ValueRange)> body) {
    auto loop = scf::ForOp::create(
        *this, from, to, index(1), inits,
        [&](OpBuilder &b, Location loc, Value i, ValueRange carried) {
          Emitter nested(loc, b);
          scf::YieldOp::create(b, loc, body(nested, i, carried));
        });
    return SmallVector<Value>(loop.getResults());
  }
  void tasks(ArrayRef<OpFoldResult> counts,
             function_ref<void(Emitter &, ValueRange)> body) {
    scf::ForallOp::create(*this, counts, ValueRange(), std::nullopt,
                          [&](OpBuilder &b, Location loc, ValueRange at) {
                            Emitter nested(loc, b);
                            body(nested, at);
                            scf::InParallelOp::create(b, loc);
                          });
  }

  /// Appends the places of the bits of `word`, counted from `base`, to the list
  /// at `slot` of `list`; the new length.
  Value appendBits(Value word, Value base, Value length, Value list,
                   ValueRange slot) {
    Type type = word.getType();
    auto loop = scf::WhileOp::create(
        *this, TypeRange{type, getIndexType()}, ValueRange{word, length},
        [&](OpBuilder &b, Location loc, ValueRange state) {
          Value zero =
              arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, 0));
          Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                             state[0], zero);
          scf::ConditionOp::create(b, loc, more, state);
        },
        [&](OpBuilder &b, Location loc, ValueRange state) {
          Emitter e(loc, b);
          Value place =
              e.add(base, arith::IndexCastUIOp::create(
                              e, e.getIndexType(),
                              math::CountTrailingZerosOp::create(e, state[0])));
          SmallVector<Value> at(slot);
          at.push_back(state[1]);
          memref::StoreOp::create(
              e, arith::IndexCastOp::create(e, e.getI32Type(), place), list,
              at);
          Value one = arith::ConstantOp::create(e, e.getIntegerAttr(type, 1));
          Value rest = arith::AndIOp::create(
              e, state[0], arith::SubIOp::create(e, state[0], one));
          scf::YieldOp::create(e,
                               ValueRange{rest, e.add(state[1], e.index(1))});
        });
    return loop.getResult(1);
  }

  /// Booleans as the bits of a word.
  Value toWord(Value bits) {
    int64_t lanes = cast<VectorType>(bits.getType()).getNumElements();
    Value word = vector::BitCastOp::create(
        *this, VectorType::get({1}, getIntegerType(lanes)), bits);
    return vector::ExtractOp::create(*this, word, 0);
  }
};

/// A block of lanes of the last axis: where it starts, and which of its lanes
/// exist (null where all do).
struct Block {
  Value start, mask;
  int64_t lanes;

  Value load(Emitter &b, Value buffer, ValueRange at) const {
    auto type = VectorType::get(
        {lanes}, cast<MemRefType>(buffer.getType()).getElementType());
    SmallVector<Value> indices(at);
    indices.push_back(start);
    if (!mask)
      return vector::LoadOp::create(b, type, buffer, indices);
    return vector::MaskedLoadOp::create(b, type, buffer, indices, mask,
                                        b.splat(type, 0));
  }
  void store(Emitter &b, Value vector, Value buffer, ValueRange at) const {
    SmallVector<Value> indices(at);
    indices.push_back(start);
    if (mask)
      vector::MaskedStoreOp::create(b, buffer, indices, mask, vector);
    else
      vector::StoreOp::create(b, vector, buffer, indices);
  }
};

/// Block number `i` of an axis of `size`.
Block getBlock(Emitter &b, Value i, int64_t size, int64_t lanes) {
  Block block{b.mul(i, b.index(lanes)), Value(), lanes};
  if (size % lanes)
    block.mask = vector::CreateMaskOp::create(
        b, VectorType::get({lanes}, b.getI1Type()),
        ValueRange{arith::SubIOp::create(b, b.index(size), block.start)});
  return block;
}

/// The parameters of a block, of which a buffer holds each.
Parameters loadParameters(Emitter &b, const Parameters &buffers,
                          const Block &block, VectorType type, Value sample) {
  Parameters vectors{};
  for (auto [vector, buffer] : llvm::zip_equal(vectors, buffers)) {
    if (!buffer)
      continue;
    int64_t rank = cast<MemRefType>(buffer.getType()).getRank();
    if (rank == 0)
      vector = vector::BroadcastOp::create(
          b, type, memref::LoadOp::create(b, buffer, ValueRange()));
    else if (rank == 1)
      vector = block.load(b, buffer, {});
    else
      vector = block.load(b, buffer, sample);
  }
  return vectors;
}

/// Bits per word, and so neurons per block, for `neurons` in a row.
int64_t lanesFor(int64_t neurons) {
  return neurons <= 16 ? 16 : neurons <= 32 ? 32 : 64;
}

/// `weights`, [K, N], with the columns padded to whole blocks. With `panels`,
/// block after block: [blocks, K, lanes].
Value packWeights(Emitter &b, Value weights, int64_t lanes, bool panels) {
  auto type = cast<RankedTensorType>(weights.getType());
  Type element = type.getElementType();
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  int64_t blocks = llvm::divideCeil(columns, lanes);
  if (blocks * lanes != columns) {
    OpFoldResult none = b.getIndexAttr(0);
    OpFoldResult more = b.getIndexAttr(blocks * lanes - columns);
    Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0));
    weights = tensor::PadOp::create(
        b, RankedTensorType::get({rows, blocks * lanes}, element), weights,
        ArrayRef<OpFoldResult>{none, none}, ArrayRef<OpFoldResult>{none, more},
        zero);
  }
  if (!panels)
    return weights;
  Value split = tensor::ExpandShapeOp::create(
      b, RankedTensorType::get({rows, blocks, lanes}, element), weights,
      ArrayRef<ReassociationIndices>{{0}, {1, 2}});
  Value empty = tensor::EmptyOp::create(
      b, ArrayRef<int64_t>{blocks, rows, lanes}, element);
  return linalg::TransposeOp::create(b, split, empty,
                                     ArrayRef<int64_t>{1, 0, 2})
      ->getResult(0);
}

void convertListEvents(ListEventsOp op) {
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
          Block block = getBlock(b, i, size, lanes);
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
    // Row after row, by one thread: a sum of few numbers.
    Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
    SmallVector<Value> at;
    std::function<SmallVector<Value>(Emitter &, ValueRange)> sum =
        [&](Emitter &b, ValueRange carried) -> SmallVector<Value> {
      auto plus = [&](Value total, Value buffer) -> Value {
        Value count = memref::LoadOp::create(b, buffer, at);
        return b.add(total, arith::ExtUIOp::create(b, b.getI64Type(), count));
      };
      if (at.size() == rows.size())
        return {plus(carried[0], counts),
                graded ? plus(carried[1], graded) : carried[1]};
      return b.loop(b.index(0), b.index(rows[at.size()]), carried,
                    [&](Emitter &b, Value i, ValueRange carried) {
                      at.push_back(i);
                      SmallVector<Value> totals = sum(b, carried);
                      at.pop_back();
                      return totals;
                    });
    };
    SmallVector<Value> totals = sum(b, {zero, zero});
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

/// One scan to loops.
class ScanLowering {
public:
  explicit ScanLowering(ScanOp op) : op(op), dynamics(Dynamics::of(op)) {}

  LogicalResult lower() {
    state = cast<RankedTensorType>(op.getV().getType());
    Type element = state.getElementType();
    if (!element.isF32() && !element.isF64())
      return failure();
    // A population of several axes is one row of neurons where nothing tells
    // them apart.
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
      weights = b.read(packWeights(b, op.getWeights(), lanes, true));
    } else if (op.getRecurrent()) {
      weights = b.read(packWeights(b, op.getRecurrent(), lanes, false));
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
    Value nextV = b.alloc({batch, size}, element);
    Value nextLeft = remaining ? b.alloc({batch, size}, element) : Value();
    Value nextLast;
    if (op.getRecurrent()) {
      nextLast = b.alloc({batch, size}, element);
      emitRecurrent(b, potentials, remaining, nextV, nextLeft, nextLast);
    } else {
      b.tasks({b.getIndexAttr(blocks), batch}, [&](Emitter &b, ValueRange at) {
        emitTask(b, at[0], at[1], potentials, remaining, nextV, nextLeft);
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
  Value input(Emitter &b, const Block &block, Value sum, Value biases, Value t,
              Value sample) {
    for (Value term :
         {biases,
          currentBuffer ? block.load(b, currentBuffer, {t, sample}) : Value()})
      if (term)
        sum = sum ? arith::AddFOp::create(b, sum, term).getResult() : term;
    return sum;
  }

  Value loadBias(Emitter &b, const Block &block, Value sample) {
    if (!bias)
      return Value();
    Parameters one{};
    one[0] = bias;
    return loadParameters(b, one, block, vector, sample)[0];
  }

  /// One step of a block, recorded; the bits of those that fired.
  Stepped step(Emitter &b, const Block &block, Value number, Value x,
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
                Value remaining, Value nextV, Value nextLeft) {
    Block block = getBlock(b, number, neurons, lanes);
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

  /// One task per sample: a step needs the spikes of all blocks of the one
  /// before. Two lists take turns.
  void emitRecurrent(Emitter &b, Value potentials, Value remaining, Value nextV,
                     Value nextLeft, Value nextLast) {
    Value first = b.read(op.getLast());
    Value lists = b.alloc({batch, b.getIndexAttr(2), b.getIndexAttr(neurons)},
                          b.getI32Type());
    b.tasks({batch}, [&](Emitter &b, ValueRange at) {
      Value sample = at[0], zero = b.index(0), one = b.index(1);
      Value end = b.index(blocks);
      SmallVector<Value> counts = b.loop(
          zero, end, zero, [&](Emitter &b, Value number, ValueRange length) {
            Block block = getBlock(b, number, neurons, lanes);
            block.store(b, block.load(b, potentials, sample), nextV, sample);
            if (remaining)
              block.store(b, block.load(b, remaining, sample), nextLeft,
                          sample);
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
            Value fired = b.loop(
                b.index(0), end, b.index(0),
                [&](Emitter &b, Value number, ValueRange length) {
                  Block block = getBlock(b, number, neurons, lanes);
                  Parameters own =
                      loadParameters(b, parameters, block, vector, sample);
                  Value sum =
                      gather(b, lists, {sample, from}, count, [&](Value event) {
                        return SmallVector<Value>{event, block.start};
                      });
                  Value x = input(b, block, sum, loadBias(b, block, sample), t,
                                  sample);
                  Stepped stepped = step(
                      b, block, number, x, block.load(b, nextV, sample),
                      remaining ? block.load(b, nextLeft, sample) : Value(),
                      own, t, sample);
                  block.store(b, stepped.v, nextV, sample);
                  if (remaining)
                    block.store(b, stepped.left, nextLeft, sample);
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
        Block block = getBlock(b, number, neurons, lanes);
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
  Value outBuffer, recordBuffer, countsBuffer;
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
    getOperation().walk([&](Operation *op) {
      if (auto list = dyn_cast<ListEventsOp>(op))
        lists.push_back(list);
      else if (auto scan = dyn_cast<ScanOp>(op))
        scans.push_back(scan);
    });
    for (ScanOp scan : scans)
      ++(succeeded(ScanLowering(scan).lower()) ? numScans : numLeft);
    for (ListEventsOp list : lists)
      if (!ShapedType::isDynamic(
              cast<RankedTensorType>(list.getIndices().getType())
                  .getShape()
                  .back()))
        convertListEvents(list);
  }
};

} // namespace
