//===- RaiseToSample.cpp - picks in imported programs become sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An argmax is a reduction whose body compares and selects. Frameworks write
// it in several ways, so its form is not matched: the body is run on every
// order that two elements can have, which decides what it computes. The noise
// of a categorical draw is a function that JAX outlines; it is known by what
// it is made of.
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"

namespace plait::sample {
#define GEN_PASS_DEF_RAISETOSAMPLE
#include "plait/Dialect/Sample/Transforms/Passes.h.inc"
} // namespace plait::sample

using namespace mlir;
using namespace plait::sample;

namespace {

//===----------------------------------------------------------------------===//
// Argmax
//===----------------------------------------------------------------------===//

/// Runs a body of comparisons and selections on numbers. An i1 is an integer.
struct Interpreter {
  llvm::DenseMap<Value, APFloat> floats;
  llvm::DenseMap<Value, int64_t> integers;

  bool run(Operation &op) {
    auto integer = [&](unsigned i) {
      return integers.lookup(op.getOperand(i));
    };
    auto number = [&](unsigned i) -> const APFloat & {
      return floats.find(op.getOperand(i))->second;
    };
    for (Value operand : op.getOperands())
      if (!floats.count(operand) && !integers.count(operand) &&
          !readConstant(operand))
        return false;
    if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
      integers[compare] = arith::applyCmpPredicate(compare.getPredicate(),
                                                   number(0), number(1));
    } else if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
      integers[compare] = arith::applyCmpPredicate(compare.getPredicate(),
                                                   APInt(64, integer(0), true),
                                                   APInt(64, integer(1), true));
    } else if (isa<arith::OrIOp, arith::AndIOp, arith::XOrIOp>(op) &&
               op.getResult(0).getType().isInteger(1)) {
      bool a = integer(0), b = integer(1);
      integers[op.getResult(0)] = isa<arith::OrIOp>(op)    ? (a || b)
                                  : isa<arith::AndIOp>(op) ? (a && b)
                                                           : (a != b);
    } else if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op)) {
      floats.insert({op.getResult(0), maximum(number(0), number(1))});
    } else if (isa<arith::SelectOp>(op)) {
      Value chosen = op.getOperand(integer(0) ? 1 : 2);
      if (auto found = floats.find(chosen); found != floats.end())
        floats.insert({op.getResult(0), APFloat(found->second)});
      else
        integers[op.getResult(0)] = integers.lookup(chosen);
    } else if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(op)) {
      integers[op.getResult(0)] = integer(0);
    } else {
      return isa<arith::ConstantOp>(op);
    }
    return true;
  }

  bool readConstant(Value value) {
    Attribute attribute;
    if (!matchPattern(value, m_Constant(&attribute)))
      return false;
    if (auto number = dyn_cast<FloatAttr>(attribute))
      floats.insert({value, number.getValue()});
    else if (auto integer = dyn_cast<IntegerAttr>(attribute))
      integers[value] = integer.getValue().getSExtValue();
    else
      return false;
    return true;
  }
};

/// Whether every element of `value` is its index in the last dimension.
bool isIota(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() || op->getNumResults() != 1 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  auto cast = yield.getOperand(0).getDefiningOp<arith::IndexCastOp>();
  auto index = cast ? cast.getIn().getDefiningOp<linalg::IndexOp>() : nullptr;
  return index && index.getDim() + 1 == op.getNumLoops();
}

bool isLowest(Value init) {
  auto fill = init.getDefiningOp<linalg::FillOp>();
  FloatAttr value;
  if (!fill || !matchPattern(fill.getInputs()[0], m_Constant(&value)))
    return false;
  APFloat number = value.getValue();
  return number.isNegative() && (number.isInfinity() || number.isLargest());
}

/// Whether `op` gives the first index of the greatest element of every row, as
/// its result 1, for rows without NaN.
bool isArgmax(linalg::GenericOp op) {
  if (op.getNumLoops() != 2 || op.getNumReductionLoops() != 1 ||
      op.getIteratorTypesArray()[1] != utils::IteratorType::reduction ||
      op->getNumResults() != 2 || op.getNumDpsInputs() < 1 ||
      op.getNumDpsInputs() > 2)
    return false;
  auto logits = dyn_cast<RankedTensorType>(op.getDpsInputs()[0].getType());
  if (!logits ||
      !isa<Float32Type, Float16Type, BFloat16Type>(logits.getElementType()) ||
      logits.isDynamicDim(1) || logits.getDimSize(1) >= int64_t(1) << indexBits)
    return false;
  auto result = cast<RankedTensorType>(op.getResult(1).getType());
  if (!result.getElementType().isInteger(32) &&
      !result.getElementType().isInteger(64))
    return false;
  for (OpOperand *input : op.getDpsInputOperands())
    if (!op.getMatchingIndexingMap(input).isIdentity())
      return false;
  for (OpOperand &init : op.getDpsInitsMutable())
    if (op.getMatchingIndexingMap(&init) !=
        AffineMap::get(2, 0, getAffineDimExpr(0, op.getContext())))
      return false;
  if (!isLowest(op.getDpsInits()[0]))
    return false;
  if (op.getNumDpsInputs() == 2 && !isIota(op.getDpsInputs()[1]))
    return false;

  // The row's best so far, at index 3, meets the element at index 7.
  Block *body = op.getBody();
  auto yield = cast<linalg::YieldOp>(body->getTerminator());
  const llvm::fltSemantics &semantics =
      cast<FloatType>(logits.getElementType()).getFloatSemantics();
  SmallVector<APFloat> numbers{
      APFloat::getInf(semantics, true),  APFloat::getLargest(semantics, true),
      APFloat::getZero(semantics, true), APFloat::getZero(semantics),
      APFloat::getOne(semantics),        APFloat::getInf(semantics)};
  unsigned inputs = op.getNumDpsInputs();
  for (const APFloat &element : numbers) {
    for (const APFloat &best : numbers) {
      Interpreter interpreter;
      interpreter.floats.insert({body->getArgument(0), element});
      if (inputs == 2)
        interpreter.integers[body->getArgument(1)] = 7;
      interpreter.floats.insert({body->getArgument(inputs), best});
      interpreter.integers[body->getArgument(inputs + 1)] = 3;
      for (Operation &inner : body->without_terminator()) {
        if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
          if (index.getDim() != 1)
            return false;
          interpreter.integers[index] = 7;
        } else if (!interpreter.run(inner)) {
          return false;
        }
      }
      bool greater = element > best;
      auto value = interpreter.floats.find(yield.getOperand(0));
      auto index = interpreter.integers.find(yield.getOperand(1));
      if (value == interpreter.floats.end() ||
          index == interpreter.integers.end() ||
          value->second.compare(greater ? element : best) !=
              APFloat::cmpEqual ||
          index->second != (greater ? 7 : 3))
        return false;
    }
  }
  return true;
}

/// `tokens` i32 as `like`.
Value castTokens(OpBuilder &builder, Location loc, Value tokens, Type like) {
  unsigned width = cast<RankedTensorType>(like).getElementTypeBitWidth();
  if (width > 32)
    return arith::ExtSIOp::create(builder, loc, like, tokens);
  return tokens;
}

/// The greedy pick that replaces an argmax.
void raiseArgmax(linalg::GenericOp op) {
  OpBuilder builder(op);
  Value logits = op.getDpsInputs()[0];
  auto type = cast<RankedTensorType>(logits.getType());
  if (!type.getElementType().isF32())
    logits = arith::ExtFOp::create(builder, op.getLoc(),
                                   type.clone(builder.getF32Type()), logits);
  auto greedy = GreedyOp::create(builder, op.getLoc(), logits);
  op.getResult(1).replaceAllUsesWith(castTokens(
      builder, op.getLoc(), greedy.getTokens(), op.getResult(1).getType()));
  if (op.use_empty())
    op.erase();
}

//===----------------------------------------------------------------------===//
// Categorical
//===----------------------------------------------------------------------===//

/// What a function and those it calls are made of.
struct Contents {
  unsigned logs = 0;
  bool hasParity = false, hasRotations = false, hasMantissa = false;

  Contents(func::FuncOp function) {
    llvm::SmallPtrSet<Operation *, 8> seen;
    add(function, seen);
  }

  void add(func::FuncOp function, llvm::SmallPtrSetImpl<Operation *> &seen) {
    if (!seen.insert(function).second)
      return;
    function.walk([&](Operation *op) {
      logs += isa<math::LogOp>(op);
      Attribute value;
      if (matchPattern(op, m_Constant(&value)))
        addConstant(value);
      if (auto call = dyn_cast<func::CallOp>(op))
        if (auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                call, call.getCalleeAttr()))
          add(callee, seen);
    });
  }

  void addConstant(Attribute value) {
    auto elements = dyn_cast<DenseIntElementsAttr>(value);
    if (elements && elements.getNumElements() == 4) {
      SmallVector<int64_t> four;
      for (const APInt &element : elements)
        four.push_back(element.getZExtValue());
      hasRotations |= four == SmallVector<int64_t>{13, 15, 26, 6};
    }
    int64_t number = 0;
    if (auto integer = dyn_cast<IntegerAttr>(value))
      number = integer.getValue().getZExtValue();
    else if (elements && elements.isSplat())
      number = elements.getSplatValue<APInt>().getZExtValue();
    hasParity |= number == 0x1BD11BDA;
    hasMantissa |= number == 0x3F800000;
  }

  /// -log(-log(u)), u of 23 bits of Threefry.
  bool isNoise() const {
    return logs == 2 && hasParity && hasRotations && hasMantissa;
  }
};

/// `a + b`, element by element.
bool matchSum(Value value, Value &a, Value &b) {
  if (auto add = value.getDefiningOp<arith::AddFOp>()) {
    a = add.getLhs(), b = add.getRhs();
    return true;
  }
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return false;
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  auto add = yield.getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || add->getBlock() != op.getBody())
    return false;
  auto isArgument = [&](Value x) {
    return x == op.getBody()->getArgument(0) ||
           x == op.getBody()->getArgument(1);
  };
  if (!isArgument(add.getLhs()) || !isArgument(add.getRhs()) ||
      add.getLhs() == add.getRhs())
    return false;
  a = op.getDpsInputs()[0], b = op.getDpsInputs()[1];
  return true;
}

struct RaiseToSample : plait::sample::impl::RaiseToSampleBase<RaiseToSample> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> argmaxes;
    getOperation().walk([&](linalg::GenericOp op) {
      if (isArgmax(op) && !op.getResult(1).use_empty())
        argmaxes.push_back(op);
    });
    for (linalg::GenericOp op : argmaxes)
      raiseArgmax(op);
    numGreedy += argmaxes.size();

    // JAX outlines argmax: its calls become the pick that it now is.
    SmallVector<func::CallOp> calls;
    getOperation().walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls)
      inlinePick(call);

    SmallVector<GreedyOp> picks;
    getOperation().walk([&](GreedyOp op) { picks.push_back(op); });
    for (GreedyOp op : picks)
      raiseCategorical(op);
  }

  void inlinePick(func::CallOp call) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock() ||
        call->getNumResults() != 1)
      return;
    Block &body = callee.getBody().front();
    Value returned = body.getTerminator()->getOperand(0);
    if (auto cast = returned.getDefiningOp<arith::ExtSIOp>())
      returned = cast.getIn();
    auto greedy = returned.getDefiningOp<GreedyOp>();
    if (!greedy || greedy.getTokens() != returned ||
        greedy.getLogits() != body.getArgument(0))
      return;
    OpBuilder builder(call);
    auto pick = GreedyOp::create(builder, call.getLoc(), call.getOperand(0));
    call.getResult(0).replaceAllUsesWith(castTokens(
        builder, call.getLoc(), pick.getTokens(), call.getResult(0).getType()));
    call.erase();
  }

  /// greedy(logits + noise(key)) --> a draw from logits.
  void raiseCategorical(GreedyOp op) {
    Value a, b;
    if (!matchSum(op.getLogits(), a, b))
      return;
    auto noise = a.getDefiningOp<func::CallOp>();
    Value logits = b;
    if (!noise) {
      noise = b.getDefiningOp<func::CallOp>();
      logits = a;
    }
    if (!noise || noise.getNumOperands() != 1)
      return;
    auto key = dyn_cast<RankedTensorType>(noise.getOperand(0).getType());
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        noise, noise.getCalleeAttr());
    auto type = cast<RankedTensorType>(logits.getType());
    if (!key || key.getShape() != ArrayRef<int64_t>{2} ||
        !key.getElementType().isInteger(32) || !type.hasStaticShape() ||
        !callee || !Contents(callee).isNoise())
      return;

    OpBuilder builder(op);
    Location loc = op.getLoc();
    auto i32 = builder.getI32Type(), i64 = builder.getI64Type();
    Value words = noise.getOperand(0);
    if (!key.getElementType().isSignlessInteger())
      words = UnrealizedConversionCastOp::create(builder, loc, key.clone(i32),
                                                 words)
                  .getResult(0);
    auto word = [&](int64_t i) -> Value {
      Value index = arith::ConstantIndexOp::create(builder, loc, i);
      Value value = tensor::ExtractOp::create(builder, loc, words, index);
      return arith::ExtUIOp::create(builder, loc, i64, value);
    };
    Value shift = arith::ConstantIntOp::create(builder, loc, i64, 32);
    Value seed = arith::OrIOp::create(
        builder, loc, arith::ShLIOp::create(builder, loc, word(0), shift),
        word(1));
    int64_t rows = type.getDimSize(0);
    Value seeds = tensor::SplatOp::create(builder, loc, seed,
                                          RankedTensorType::get(rows, i64));
    auto rowsType = RankedTensorType::get(rows, i32);
    Value zeros = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(rowsType, builder.getI32IntegerAttr(0)));
    SmallVector<int32_t> indices(rows);
    std::iota(indices.begin(), indices.end(), 0);
    Value sequence = arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(rowsType, ArrayRef(indices)));
    Operation *pick;
    if (keepBits) {
      pick = GumbelOp::create(builder, loc, Generator::JaxThreefry, logits,
                              seeds, zeros, sequence, zeros);
    } else {
      Value bits = RandomOp::create(builder, loc, seeds.getType(), seeds, zeros,
                                    sequence, zeros, /*lane=*/0);
      pick = DrawOp::create(builder, loc, logits, bits);
    }
    op.getTokens().replaceAllUsesWith(pick->getResult(0));
    Operation *sum = op.getLogits().getDefiningOp();
    op.erase();
    if (sum->use_empty())
      sum->erase();
    if (noise.use_empty())
      noise.erase();
    ++numDrawn;
  }
};

} // namespace
