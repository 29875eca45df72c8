//===- SimplifySoftmax.cpp - what a row's maximum tells -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGSIMPLIFYSOFTMAX
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

/// If `value` holds, for every element of a tensor, whether it is minus
/// infinity: that tensor.
Value matchIsMinusInfinity(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || !isElementwise(op) || op.getNumDpsInputs() != 1 ||
      !op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isIdentity())
    return {};
  auto compare = op.getBody()
                     ->getTerminator()
                     ->getOperand(0)
                     .getDefiningOp<arith::CmpFOp>();
  if (!compare || compare.getPredicate() != arith::CmpFPredicate::OEQ ||
      compare.getLhs() != op.getBody()->getArgument(0) ||
      !matchPattern(compare.getRhs(), m_NegInfFloat()))
    return {};
  return op.getInputs()[0];
}

/// The result of `op` that is the maximum of `of` where `like` reduces its own
/// input.
Value matchMaximum(linalg::GenericOp op, Value of, linalg::GenericOp like) {
  if (op.getNumDpsInputs() != 1 || op.getInputs()[0] != of ||
      op.getIteratorTypesArray() != like.getIteratorTypesArray() ||
      op.getIndexingMapsArray()[0] != like.getIndexingMapsArray()[0])
    return {};
  for (unsigned result = 0; result < op->getNumResults(); ++result) {
    auto maximum = op.getBody()
                       ->getTerminator()
                       ->getOperand(result)
                       .getDefiningOp<arith::MaximumFOp>();
    BlockArgument in = op.getBody()->getArgument(0);
    BlockArgument out = op.getBody()->getArgument(1 + result);
    Value start = filledWith(op.getDpsInitOperand(result)->get());
    if (maximum && llvm::is_contained(maximum->getOperands(), in) &&
        llvm::is_contained(maximum->getOperands(), out) && start &&
        matchPattern(start, m_NegInfFloat()) &&
        op.getIndexingMapsArray()[1 + result] == like.getIndexingMapsArray()[1])
      return op.getResult(result);
  }
  return {};
}

/// all(x == -inf) --> max(x) == -inf
struct AllMinusInfinity : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumDpsInputs() != 1 || op->getNumResults() != 1 ||
        op.getNumReductionLoops() == 0)
      return rewriter.notifyMatchFailure(op, "not a reduction");
    auto conjunction = op.getBody()
                           ->getTerminator()
                           ->getOperand(0)
                           .getDefiningOp<arith::AndIOp>();
    Value start = filledWith(op.getDpsInitOperand(0)->get());
    if (!conjunction || !start || !matchPattern(start, m_One()) ||
        !llvm::is_contained(conjunction->getOperands(),
                            op.getBody()->getArgument(0)) ||
        !llvm::is_contained(conjunction->getOperands(),
                            op.getBody()->getArgument(1)))
      return rewriter.notifyMatchFailure(op, "not whether all hold");
    Value scores = matchIsMinusInfinity(op.getInputs()[0]);
    if (!scores)
      return rewriter.notifyMatchFailure(op, "not of minus infinity");
    Value maximum;
    for (Operation *user : scores.getUsers())
      if (auto other = dyn_cast<linalg::GenericOp>(user);
          other && !maximum && other->getBlock() == op->getBlock() &&
          other->isBeforeInBlock(op))
        maximum = matchMaximum(other, scores, op);
    if (!maximum)
      return rewriter.notifyMatchFailure(op, "the maximum is not known");
    unsigned rank = cast<ShapedType>(maximum.getType()).getRank();
    SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    TypedAttr infinity =
        rewriter.getFloatAttr(getElementTypeOrSelf(maximum.getType()),
                              -std::numeric_limits<double>::infinity());
    Value memory = tensor::EmptyOp::create(
        rewriter, op.getLoc(),
        tensor::getMixedSizes(rewriter, op.getLoc(), maximum),
        rewriter.getI1Type());
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, op.getResultTypes(), maximum, memory, maps, loops,
        [&](OpBuilder &b, Location loc, ValueRange args) {
          Value least = arith::ConstantOp::create(b, loc, infinity);
          Value is = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                           args[0], least);
          linalg::YieldOp::create(b, loc, is);
        });
    return success();
  }
};

/// Whether `exp`, in the body of an elementwise op, is of x - m where m is the
/// maximum of the row of x.
bool isShiftedExp(math::ExpOp exp) {
  auto op = dyn_cast<linalg::GenericOp>(exp->getParentOp());
  auto shift = exp.getOperand().getDefiningOp<arith::SubFOp>();
  auto element = shift ? dyn_cast<BlockArgument>(shift.getLhs()) : nullptr;
  auto most = shift ? dyn_cast<BlockArgument>(shift.getRhs()) : nullptr;
  if (!op || !element || !most || element.getOwner() != op.getBody() ||
      most.getOwner() != op.getBody() ||
      std::max(element.getArgNumber(), most.getArgNumber()) >=
          op.getNumDpsInputs())
    return false;
  OpOperand *x = op.getMatchingOpOperand(element);
  OpOperand *m = op.getMatchingOpOperand(most);
  auto row = m->get().getDefiningOp<linalg::GenericOp>();
  if (!row || row.getNumReductionLoops() != 1 || row->getNumResults() != 1 ||
      row.getNumDpsInputs() != 1 || row.getInputs()[0] != x->get() ||
      !row.getIndexingMapsArray()[0].isIdentity() ||
      op.getMatchingIndexingMap(x) != row.getIndexingMapsArray()[0] ||
      op.getMatchingIndexingMap(m) != row.getIndexingMapsArray()[1])
    return false;
  Operation *maximum =
      row.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  Value start = filledWith(row.getDpsInits()[0]);
  return start && matchPattern(start, m_NegInfFloat()) &&
         isa_and_nonnull<arith::MaximumFOp, arith::MaxNumFOp>(maximum) &&
         llvm::is_contained(maximum->getOperands(),
                            row.getBody()->getArgument(0)) &&
         llvm::is_contained(maximum->getOperands(),
                            row.getBody()->getArgument(1));
}

/// exp(x - m) for the maximum m of a row: the rounding of the difference makes
/// more of an error than a cheaper exponential does.
struct ApproximateShiftedExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    auto allowed = op.getFastmath() | arith::FastMathFlags::afn;
    if (op.getFastmath() == allowed || !op.getType().isF32() ||
        !isShiftedExp(op))
      return rewriter.notifyMatchFailure(op, "not below a row's maximum");
    rewriter.modifyOpInPlace(op, [&] {
      op.setFastmath(allowed);
      op->setAttr("plait.nonpositive", rewriter.getUnitAttr());
    });
    return success();
  }
};

/// e / sum(e) of shifted exponentials: the sum is at least one, or NaN, so
/// that its reciprocal is as good.
struct DivideByOwnSum : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    auto parent = dyn_cast<linalg::GenericOp>(op->getParentOp());
    auto element = dyn_cast<BlockArgument>(op.getLhs());
    auto total = dyn_cast<BlockArgument>(op.getRhs());
    auto allowed = op.getFastmath() | arith::FastMathFlags::arcp;
    if (!parent || op.getFastmath() == allowed || !element || !total ||
        element.getArgNumber() >= parent.getNumDpsInputs() ||
        total.getArgNumber() >= parent.getNumDpsInputs())
      return rewriter.notifyMatchFailure(op, "not of two inputs");
    auto sum = parent.getInputs()[total.getArgNumber()]
                   .getDefiningOp<linalg::GenericOp>();
    Value summed = parent.getInputs()[element.getArgNumber()];
    if (!sum || sum.getNumDpsInputs() != 1 || sum.getInputs()[0] != summed ||
        sum.getNumReductionLoops() != 1)
      return rewriter.notifyMatchFailure(op, "not by its own sum");
    auto made = summed.getDefiningOp<linalg::GenericOp>();
    auto exp = made && isElementwise(made) ? made.getBody()
                                                 ->getTerminator()
                                                 ->getOperand(0)
                                                 .getDefiningOp<math::ExpOp>()
                                           : nullptr;
    if (!exp || !isShiftedExp(exp))
      return rewriter.notifyMatchFailure(op, "not of shifted exponentials");
    auto added = sum.getBody()
                     ->getTerminator()
                     ->getOperand(0)
                     .getDefiningOp<arith::AddFOp>();
    if (!added || !llvm::is_contained(added->getOperands(),
                                      sum.getBody()->getArgument(0)))
      return rewriter.notifyMatchFailure(op, "not by a sum");
    rewriter.modifyOpInPlace(op, [&] { op.setFastmath(allowed); });
    return success();
  }
};

/// Whether `value` is NaN wherever `from` is.
bool keepsNaN(Value value, Value from) {
  if (value == from)
    return true;
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::SubFOp, arith::MulFOp,
                       arith::DivFOp, arith::NegFOp, arith::ExtFOp,
                       arith::TruncFOp, math::ExpOp, math::LogOp>(op))
    return false;
  // Conversions may come without flags.
  arith::FastMathFlagsAttr flags;
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(op))
    flags = fast.getFastMathFlagsAttr();
  if (flags && bitEnumContainsAny(flags.getValue(), arith::FastMathFlags::nnan))
    return false;
  return llvm::any_of(op->getOperands(),
                      [&](Value operand) { return keepsNaN(operand, from); });
}

/// Whether `op` gives NaN wherever an element of its input `from`, read by
/// `map`, is.
bool keepsNaN(linalg::GenericOp op, Value from, AffineMap map) {
  return isElementwise(op) &&
         llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
           return input->get() == from &&
                  op.getMatchingIndexingMap(input) == map &&
                  keepsNaN(op.getBody()->getTerminator()->getOperand(0),
                           op.getMatchingBlockArgument(input));
         });
}

/// The sum of the rows of `terms` that `maximum` is of.
linalg::GenericOp sumLike(linalg::GenericOp maximum, Value terms) {
  for (Operation *user : terms.getUsers()) {
    auto sum = dyn_cast<linalg::GenericOp>(user);
    if (!sum || sum.getNumDpsInputs() != 1 || sum->getNumResults() != 1 ||
        sum.getInputs()[0] != terms ||
        sum.getIteratorTypesArray() != maximum.getIteratorTypesArray() ||
        sum.getIndexingMapsArray() != maximum.getIndexingMapsArray())
      continue;
    Value added = sum.getBody()->getTerminator()->getOperand(0);
    if (added.getDefiningOp<arith::AddFOp>() &&
        keepsNaN(added, sum.getBody()->getArgument(0)) &&
        keepsNaN(added, sum.getBody()->getArgument(1)))
      return sum;
  }
  return {};
}

/// A row's maximum that is used only with the sum of what it was subtracted
/// from: a NaN in the row makes the sum NaN, and with it all that is computed,
/// whether or not the maximum is. To leave it out costs less.
struct MaximumOfNumbers : OpRewritePattern<arith::MaximumFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::MaximumFOp op,
                                PatternRewriter &rewriter) const override {
    auto maximum = dyn_cast<linalg::GenericOp>(op->getParentOp());
    if (!maximum || maximum.getNumReductionLoops() != 1 ||
        maximum.getNumDpsInputs() != 1 || maximum->getNumResults() != 1 ||
        maximum.getBody()->getTerminator()->getOperand(0) != op.getResult() ||
        !llvm::is_contained(op->getOperands(),
                            maximum.getBody()->getArgument(0)) ||
        !llvm::is_contained(op->getOperands(),
                            maximum.getBody()->getArgument(1)))
      return rewriter.notifyMatchFailure(op, "not the maximum of a row");
    Value start = filledWith(maximum.getDpsInits()[0]);
    AffineMap element = maximum.getIndexingMapsArray()[0];
    AffineMap row = maximum.getIndexingMapsArray()[1];
    if (!start || !matchPattern(start, m_NegInfFloat()) ||
        !element.isIdentity())
      return rewriter.notifyMatchFailure(op, "not from minus infinity");

    Value result = maximum->getResult(0), terms;
    linalg::GenericOp sum;
    for (Operation *user : result.getUsers()) {
      auto shifted = dyn_cast<linalg::GenericOp>(user);
      if (!shifted || !keepsNaN(shifted, maximum.getInputs()[0], element) ||
          !keepsNaN(shifted, result, row))
        continue;
      terms = shifted->getResult(0);
      if ((sum = sumLike(maximum, terms)))
        break;
    }
    if (!sum)
      return rewriter.notifyMatchFailure(op, "no sum");
    // What else is read of the row is read with the sum.
    auto isCovered = [&](OpOperand &use) {
      auto user = dyn_cast<linalg::GenericOp>(use.getOwner());
      if (!user || !user.isDpsInput(&use))
        return false;
      AffineMap map = user.getMatchingIndexingMap(&use);
      if (use.get() == result)
        return user == terms.getDefiningOp() ||
               keepsNaN(user, sum->getResult(0), map);
      return user == sum ||
             (map == element && keepsNaN(user, sum->getResult(0), row));
    };
    if (!llvm::all_of(result.getUses(), isCovered) ||
        !llvm::all_of(terms.getUses(), isCovered))
      return rewriter.notifyMatchFailure(op, "used without the sum");
    rewriter.replaceOpWithNewOp<arith::MaxNumFOp>(op, op.getLhs(), op.getRhs(),
                                                  op.getFastmath());
    return success();
  }
};

struct LinalgSimplifySoftmax
    : plait::impl::LinalgSimplifySoftmaxBase<LinalgSimplifySoftmax> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<AllMinusInfinity, ApproximateShiftedExp, DivideByOwnSum,
                 MaximumOfNumbers>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
