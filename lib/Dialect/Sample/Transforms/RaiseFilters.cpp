//===- RaiseFilters.cpp - top-k and top-p in imported programs -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A filter is a selection of -inf where a condition holds: that an element is
// less than the k-th of the sorted row, or that the probability mass before it
// or after it has come to p. A draw from a sorted row whose place is looked up
// in the sort's indices is a draw from the row.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"

#include "plait/Dialect/Sample/IR/Sample.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace plait::sample;

namespace {

/// `sample.top_k` or `sample.top_p`.
struct Filter {
  bool isTopK;
  const Term *parameter;
  bool keepTies;
};

/// Filters of the rows `base`, the last of them first.
struct Chain {
  const Term *base = nullptr;
  SmallVector<Filter> filters;
};

class Raiser {
public:
  explicit Raiser(func::FuncOp function) : function(function) {}

  unsigned run() {
    function.walk<WalkOrder::PreOrder>([&](Block *block) {
      if (isa<linalg::LinalgOp>(block->getParentOp()))
        return WalkResult::skip();
      visit(*block);
      return WalkResult::advance();
    });
    clean();
    return count;
  }

private:
  void visit(Block &block) {
    values.clear();
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto draw = dyn_cast<DrawOp>(op)) {
        simplifyDraw(draw);
        continue;
      }
      for (OpResult result : op.getResults()) {
        auto type = dyn_cast<RankedTensorType>(result.getType());
        if (!type || result.use_empty() || isa<tensor::EmptyOp>(op))
          continue;
        Rows rows = reader.read(result);
        if (type.getRank() == 2 && isa<FloatType>(type.getElementType()) &&
            rows.term->isRow && !rows.order) {
          values.insert({rows.term, result});
          Chain chain;
          vocab = type.getDimSize(1);
          if (!rows.term->value && matchLogits(rows.term, chain) &&
              !chain.filters.empty())
            raise(result, chain);
        } else if (type.getElementType().isInteger()) {
          if (rows.term->is("at") && (*rows.term)[0]->is("index"))
            raiseLookup(result, rows.term);
        }
      }
    }
  }

  //===--------------------------------------------------------------------===//
  // Conditions
  //===--------------------------------------------------------------------===//

  /// Whether a sort by `key` has the order of `logits`.
  bool sorts(const Term *key, const Term *logits) {
    if (key == logits || (key->is("softmax") && (*key)[0] == logits))
      return true;
    const Term *before = filtered(logits);
    return before && sorts(key, before);
  }

  /// What `logits` selects from if it is a filter.
  const Term *filtered(const Term *logits) {
    if (!logits->is("select"))
      return nullptr;
    double lowest = -std::numeric_limits<double>::infinity();
    if ((*logits)[1]->isConstant(lowest))
      return (*logits)[2];
    return (*logits)[2]->isConstant(lowest) ? (*logits)[1] : nullptr;
  }

  bool isSoftmax(const Term *term, const Term *logits) {
    return term->is("softmax") && (*term)[0] == logits;
  }

  /// `1 - p`: its p.
  const Term *oneMinus(const Term *term) {
    if (term->constant)
      return reader.constant(float(1 - *term->constant));
    if (term->is("subf") && (*term)[0]->isConstant(1))
      return (*term)[1];
    return nullptr;
  }

  /// The place `i` of the k-th greatest: its k.
  const Term *kthOf(const Term *order, const Term *place, int64_t vocab) {
    bool upwards = order->is("asc");
    if (place->constant)
      return reader.constant(upwards ? vocab - *place->constant
                                     : *place->constant + 1);
    if (upwards && place->is("subi") && (*place)[0]->isConstant(vocab))
      return (*place)[1];
    if (!upwards && place->is("subi") && (*place)[1]->isConstant(1))
      return (*place)[0];
    return nullptr;
  }

  /// The mass of a prefix that is less than (or up to) p: its p.
  const Term *matchCount(const Term *place, const Term *logits) {
    if (!place->is("add"))
      return nullptr;
    const Term *counted = (*place)[0];
    if (!counted->is("lt") && !counted->is("le"))
      return nullptr;
    const Term *mass = (*counted)[0];
    if (mass->is("prefix") && (*mass)[1]->is("desc") &&
        isSoftmax((*mass)[0], logits) && sorts((*(*mass)[1])[0], logits))
      return (*counted)[1];
    return nullptr;
  }

  /// What is removed from `logits` where `removed` holds.
  std::optional<Filter> matchRemoved(const Term *removed, const Term *logits) {
    // The best one stays in any case.
    if (removed->is("select") && (*removed)[1]->isConstant(0) &&
        (*removed)[0]->is("eq"))
      removed = (*removed)[2];
    if (!removed->is("lt") && !removed->is("le"))
      return std::nullopt;
    const Term *a = (*removed)[0], *b = (*removed)[1];
    // Less than the element at a place of the sorted row.
    if (a == logits && b->is("at") && (*b)[0] == logits && removed->is("lt") &&
        sorts((*(*b)[1])[0], logits)) {
      if (const Term *k = kthOf((*b)[1], (*b)[2], vocab))
        return Filter{true, k, true};
      if (const Term *p =
              (*b)[1]->is("desc") ? matchCount((*b)[2], logits) : nullptr)
        return Filter{false, p, true};
      return std::nullopt;
    }
    // The mass from the least element up to this one is within 1 - p.
    auto isMass = [&](const Term *term, StringRef direction) {
      return term->is("prefix") && (*term)[1]->is(direction) &&
             isSoftmax((*term)[0], logits) && sorts((*(*term)[1])[0], logits);
    };
    if (isMass(a, "asc"))
      if (const Term *p = oneMinus(b))
        return Filter{false, p, false};
    // The mass of all greater elements exceeds p.
    if (b->is("subf") && isMass((*b)[0], "desc") && isSoftmax((*b)[1], logits))
      return Filter{false, a, false};
    return std::nullopt;
  }

  /// Finds the filters that `term` is, and the logits that they are of.
  bool matchLogits(const Term *term, Chain &chain) {
    chain.base = term;
    const Term *before = filtered(term);
    if (!before)
      return term->isRow;
    const Term *removed = (*term)[0];
    if ((*term)[1] == before)
      removed = reader.make("not", {removed});
    if (std::optional<Filter> filter = matchRemoved(removed, before)) {
      chain.filters.push_back(*filter);
      return matchLogits(before, chain);
    }
    return true;
  }

  /// The same for weights: a softmax, some of it made 0, and divided by sums.
  bool matchWeights(const Term *term, Chain &chain) {
    while (term->is("divf") && (*term)[1]->is("add") &&
           (*(*term)[1])[0] == (*term)[0])
      term = (*term)[0];
    if (term->is("softmax"))
      return matchHead((*term)[0], chain);
    if (!term->is("select"))
      return false;
    bool isFirst = (*term)[1]->isConstant(0);
    const Term *before = (*term)[isFirst ? 2 : 1];
    if ((!isFirst && !(*term)[2]->isConstant(0)) || !before->is("softmax"))
      return false;
    const Term *removed = (*term)[0];
    if (!isFirst)
      removed = reader.make("not", {removed});
    auto filter = matchRemoved(removed, (*before)[0]);
    if (!filter || filter->isTopK)
      return false;
    chain.filters.push_back(*filter);
    return matchHead((*before)[0], chain);
  }

  /// The first n of the sorted row are its top n.
  bool matchHead(const Term *term, Chain &chain) {
    if (!term->is("head"))
      return matchLogits(term, chain);
    const Term *order = (*term)[1];
    if (!order->is("desc") || !sorts((*order)[0], (*term)[0]))
      return false;
    chain.filters.push_back({true, (*term)[2], false});
    return matchLogits((*term)[0], chain);
  }

  //===--------------------------------------------------------------------===//
  // Operations
  //===--------------------------------------------------------------------===//

  /// A value of this function that is `term`, row by row.
  Value find(const Term *term) {
    Value value = term->value ? term->value : values.lookup(term);
    if (value && !function.getBody().isAncestor(value.getParentRegion()))
      return {};
    return value;
  }

  /// A parameter as [rows] of `element`.
  Value row(OpBuilder &builder, Location loc, const Term *term, int64_t rows,
            Type element) {
    auto type = RankedTensorType::get(rows, element);
    if (term->constant) {
      double number = *term->constant;
      Attribute value = element.isF32()
                            ? Attribute(builder.getF32FloatAttr(number))
                            : Attribute(builder.getI32IntegerAttr(
                                  std::clamp(number, 0.0, double(INT32_MAX))));
      return arith::ConstantOp::create(builder, loc,
                                       DenseElementsAttr::get(type, value));
    }
    Value value = find(term);
    auto from = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
    if (!from)
      return {};
    if (from.getRank() == 0) {
      value = tensor::ExtractOp::create(builder, loc, value, ValueRange());
      from = RankedTensorType::get(rows, from.getElementType());
      value = tensor::SplatOp::create(builder, loc, value, from);
    }
    if (from.getRank() != 1 || from.getDimSize(0) != rows)
      return {};
    if (from == type)
      return value;
    if (from.getElementType().isInteger(64) && element.isInteger(32))
      return arith::TruncIOp::create(builder, loc, type, value);
    return {};
  }

  /// The filters of `chain` as ops before the builder's place.
  Value build(OpBuilder &builder, Location loc, const Chain &chain) {
    Value logits = find(chain.base);
    auto type = logits ? dyn_cast<RankedTensorType>(logits.getType()) : nullptr;
    if (!type || type.getRank() != 2 || !type.hasStaticShape() ||
        type.getDimSize(1) >= int64_t(1) << indexBits)
      return {};
    auto f32 = type.clone(builder.getF32Type());
    if (isa<Float16Type, BFloat16Type>(type.getElementType()))
      logits = arith::ExtFOp::create(builder, loc, f32, logits);
    else if (type != f32)
      return {};
    for (const Filter &filter : llvm::reverse(chain.filters)) {
      Type element = builder.getF32Type();
      if (filter.isTopK)
        element = builder.getI32Type();
      Value parameter =
          row(builder, loc, filter.parameter, type.getDimSize(0), element);
      if (!parameter)
        return {};
      if (filter.isTopK)
        logits = TopKOp::create(builder, loc, f32, logits, parameter,
                                filter.keepTies);
      else
        logits = TopPOp::create(builder, loc, f32, logits, parameter,
                                /*full=*/Value(), filter.keepTies);
    }
    return logits;
  }

  void raise(Value result, const Chain &chain) {
    OpBuilder builder(result.getDefiningOp());
    auto type = cast<RankedTensorType>(result.getType());
    Value logits = build(builder, result.getLoc(), chain);
    if (!logits ||
        cast<ShapedType>(logits.getType()).getShape() != type.getShape())
      return;
    if (logits.getType() != type) // What stays is what it was: exact.
      logits = arith::TruncFOp::create(builder, result.getLoc(), type, logits);
    result.replaceAllUsesWith(logits);
    count += chain.filters.size();
  }

  /// draw(log(softmax(x))) --> draw(x), also with filters.
  void simplifyDraw(DrawOp draw) {
    Rows rows = reader.read(draw.getLogits());
    Chain chain;
    if (rows.order || !rows.term->is("log") ||
        !matchWeights((*rows.term)[0], chain))
      return;
    OpBuilder builder(draw);
    if (Value logits = build(builder, draw.getLoc(), chain)) {
      draw.getLogitsMutable().assign(logits);
      count += chain.filters.size();
    }
  }

  /// The sort's index at the place that a draw from the sorted row gave.
  void raiseLookup(Value result, const Term *term) {
    const Term *order = (*term)[1], *place = (*term)[2];
    auto draw = place->value ? place->value.getDefiningOp<DrawOp>() : DrawOp();
    if (!draw || place->value != draw.getTokens())
      return;
    Rows rows = reader.read(draw.getLogits());
    if (rows.order != order)
      return;
    Chain chain;
    const Term *logits = rows.term;
    bool isLog = logits->is("log");
    if (isLog && !matchWeights((*logits)[0], chain))
      return;
    if (!isLog) {
      if (rows.count)
        logits = reader.make(
            "head", {logits, order, reader.constant(double(rows.count))});
      if (!matchHead(logits, chain))
        return;
    }
    if (isLog && rows.count &&
        llvm::none_of(chain.filters, [&](const Filter &filter) {
          return filter.isTopK && filter.parameter->isConstant(rows.count);
        }))
      return;
    OpBuilder builder(result.getDefiningOp());
    Location loc = draw.getLoc();
    Value filteredLogits = build(builder, loc, chain);
    if (!filteredLogits)
      return;
    auto pick = DrawOp::create(builder, loc, filteredLogits, draw.getBits());
    auto type = cast<RankedTensorType>(result.getType());
    Value tokens = pick.getTokens();
    if (!type.getElementType().isInteger(32))
      tokens = arith::ExtSIOp::create(
          builder, loc,
          cast<RankedTensorType>(tokens.getType()).clone(type.getElementType()),
          tokens);
    if (type.getRank() == 2)
      tokens = tensor::ExpandShapeOp::create(
          builder, loc, type, tokens,
          SmallVector<ReassociationIndices>{{0, 1}});
    if (tokens.getType() != type)
      return;
    result.replaceAllUsesWith(tokens);
    count += chain.filters.size();
  }

  /// Erases what is not needed any more. A function that only computes, and
  /// asserts that indices are within bounds, is not called for nothing.
  void clean() {
    if (!count)
      return;
    function.walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
      if (!op->use_empty() || op->getNumResults() == 0)
        return;
      auto call = dyn_cast<func::CallOp>(op);
      bool isDead = isOpTriviallyDead(op) ||
                    isa<linalg::GenericOp, plait::stablehlo::SortOp>(op);
      if (call) {
        auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
            call, call.getCalleeAttr());
        isDead = callee && callee->hasAttr("torch.kernel");
      }
      if (isDead)
        op->erase();
    });
  }

  func::FuncOp function;
  RowReader reader;
  llvm::DenseMap<const Term *, Value> values;
  int64_t vocab = 0;
  unsigned count = 0;
};

} // namespace

unsigned plait::sample::raiseFilters(func::FuncOp function) {
  return Raiser(function).run();
}
