//===- Comparisons.cpp - argmax and sorts, known by what they compute -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An argmax is a reduction whose body compares and selects; a sort has a
// comparator. Frameworks write them in several ways, so their form is not
// matched: the body is run on every order that two elements can have, which
// decides what it computes.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"

#include "plait/Dialect/Sample/IR/Sample.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace plait::sample;

namespace {

/// Runs a body of comparisons and selections on numbers. An i1 is an integer.
struct Interpreter {
  llvm::DenseMap<Value, APFloat> floats;
  llvm::DenseMap<Value, int64_t> integers;

  void copy(Value from, Value to) {
    if (auto found = floats.find(from); found != floats.end())
      floats.insert({to, APFloat(found->second)});
    else
      integers[to] = integers.lookup(from);
  }

  /// Runs `block` but for its terminator. A tensor here has one element.
  bool run(Block &block) {
    return llvm::all_of(block.without_terminator(),
                        [&](Operation &op) { return run(op); });
  }

  bool runInside(linalg::GenericOp op) {
    if (op.getNumLoops() != 0)
      return false;
    for (auto [input, argument] :
         llvm::zip(op.getDpsInputs(), op.getBody()->getArguments()))
      copy(input, argument);
    if (!run(*op.getBody()))
      return false;
    for (auto [yielded, result] : llvm::zip(
             op.getBody()->getTerminator()->getOperands(), op->getResults()))
      copy(yielded, result);
    return true;
  }

  bool run(Operation &op) {
    if (isa<tensor::EmptyOp>(op))
      return true;
    auto integer = [&](unsigned i) {
      return integers.lookup(op.getOperand(i));
    };
    auto number = [&](unsigned i) -> const APFloat & {
      return floats.find(op.getOperand(i))->second;
    };
    auto generic = dyn_cast<linalg::GenericOp>(op);
    // What a generic op writes to has no value yet.
    for (Value operand :
         op.getOperands().drop_back(generic ? generic.getNumDpsInits() : 0))
      if (!floats.count(operand) && !integers.count(operand) &&
          !readConstant(operand))
        return false;
    if (generic)
      return runInside(generic);
    if (isa<tensor::ExtractOp, tensor::FromElementsOp>(op)) {
      if (op.getNumOperands() != 1)
        return false;
      copy(op.getOperand(0), op.getResult(0));
    } else if (auto cast = dyn_cast<arith::BitcastOp>(op)) {
      if (!floats.count(cast.getIn()))
        return false;
      integers[cast] = number(0).bitcastToAPInt().getSExtValue();
    } else if (isa<arith::SubIOp>(op)) {
      unsigned width = op.getResult(0).getType().getIntOrFloatBitWidth();
      integers[op.getResult(0)] =
          llvm::SignExtend64(uint64_t(integer(0)) - integer(1), width);
    } else if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
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
      copy(op.getOperand(integer(0) ? 1 : 2), op.getResult(0));
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
    if (auto elements = dyn_cast<SplatElementsAttr>(attribute))
      attribute = elements.getSplatValue<Attribute>();
    if (auto number = dyn_cast<FloatAttr>(attribute))
      floats.insert({value, number.getValue()});
    else if (auto integer = dyn_cast<IntegerAttr>(attribute))
      integers[value] = integer.getValue().getSExtValue();
    else
      return false;
    return true;
  }
};

} // namespace

bool plait::sample::isIota(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() || op->getNumResults() != 1 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  auto cast = yield.getOperand(0).getDefiningOp<arith::IndexCastOp>();
  auto index = cast ? cast.getIn().getDefiningOp<linalg::IndexOp>() : nullptr;
  return index && index.getDim() + 1 == op.getNumLoops();
}

/// Every two neighbours differ, but the two zeros.
static SmallVector<APFloat>
numbersInOrder(const llvm::fltSemantics &semantics) {
  return {
      APFloat::getInf(semantics, true),  APFloat::getLargest(semantics, true),
      APFloat::getZero(semantics, true), APFloat::getZero(semantics),
      APFloat::getOne(semantics),        APFloat::getInf(semantics)};
}

static bool isLowest(Value init) {
  auto fill = init.getDefiningOp<linalg::FillOp>();
  FloatAttr value;
  if (!fill || !matchPattern(fill.getInputs()[0], m_Constant(&value)))
    return false;
  APFloat number = value.getValue();
  return number.isNegative() && (number.isInfinity() || number.isLargest());
}

bool plait::sample::isArgmax(linalg::GenericOp op) {
  unsigned last = op.getNumLoops() - 1;
  if (op.getNumLoops() == 0 || op.getNumReductionLoops() != 1 ||
      op.getIteratorTypesArray()[last] != utils::IteratorType::reduction ||
      op->getNumResults() != 2 || op.getNumDpsInputs() < 1 ||
      op.getNumDpsInputs() > 2)
    return false;
  auto logits = dyn_cast<RankedTensorType>(op.getDpsInputs()[0].getType());
  if (!logits ||
      !isa<Float32Type, Float16Type, BFloat16Type>(logits.getElementType()) ||
      logits.isDynamicDim(last) || logits.getDimSize(last) == 0 ||
      logits.getDimSize(last) >= int64_t(1) << indexBits ||
      (last != 1 && !logits.hasStaticShape()))
    return false;
  auto result = cast<RankedTensorType>(op.getResult(1).getType());
  if (!result.getElementType().isInteger(32) &&
      !result.getElementType().isInteger(64))
    return false;
  for (OpOperand *input : op.getDpsInputOperands())
    if (!op.getMatchingIndexingMap(input).isIdentity())
      return false;
  AffineMap rows = AffineMap::getMultiDimIdentityMap(last + 1, op.getContext())
                       .dropResult(last);
  for (OpOperand &init : op.getDpsInitsMutable())
    if (op.getMatchingIndexingMap(&init) != rows)
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
  SmallVector<APFloat> numbers = numbersInOrder(semantics);
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
          if (index.getDim() != last)
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

StringRef plait::sample::sortDirection(Block &comparator, Type element) {
  SmallVector<APFloat> numbers =
      numbersInOrder(cast<FloatType>(element).getFloatSemantics());
  bool upwards = true, downwards = true;
  for (const APFloat &left : numbers) {
    for (const APFloat &right : numbers) {
      if (left.isZero() && right.isZero())
        continue; // Frameworks differ in whether the zeros are one.
      Interpreter interpreter;
      interpreter.floats.insert({comparator.getArgument(0), left});
      interpreter.floats.insert({comparator.getArgument(1), right});
      if (!interpreter.run(comparator))
        return "";
      bool first = interpreter.integers.lookup(
          comparator.getTerminator()->getOperand(0));
      upwards &= first == (left < right);
      downwards &= first == (left > right);
    }
  }
  return upwards ? "asc" : downwards ? "desc" : "";
}
