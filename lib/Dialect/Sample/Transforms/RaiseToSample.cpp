//===- RaiseToSample.cpp - picks in imported programs become sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The noise of a categorical draw is a function that JAX outlines; it is known
// by what it is made of.
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/Transforms/Passes.h"

#include "Rows.h"

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

    for (auto function : getOperation().getOps<func::FuncOp>())
      numFilters += raiseFilters(function);
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
