//===- Encodings.cpp - bits and lists of spikes as linalg -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace plait::spike;

namespace {

/// The body's indices, the last of which is changed by `last`.
template <typename Change>
SmallVector<Value> indicesWithLast(OpBuilder &b, Location loc, int64_t rank,
                                   Change last) {
  SmallVector<Value> indices;
  for (int64_t dim = 0; dim < rank; ++dim)
    indices.push_back(linalg::IndexOp::create(b, loc, dim));
  indices.back() = last(indices.back());
  return indices;
}

struct ConvertPack : OpConversionPattern<PackOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(PackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = adaptor.getInput();
    auto type = cast<RankedTensorType>(input.getType());
    auto words = cast<RankedTensorType>(op.getOutput().getType());
    unsigned width = words.getElementTypeBitWidth();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, input);
    sizes.back() = rewriter.getIndexAttr(words.getShape().back());
    Value out =
        tensor::EmptyOp::create(rewriter, loc, sizes, words.getElementType());
    auto generic = createElementwise(
        rewriter, loc, {}, out, [&](OpBuilder &nested, ValueRange) {
          ImplicitLocOpBuilder b(loc, nested);
          Value first;
          SmallVector<Value> indices =
              indicesWithLast(b, loc, type.getRank(), [&](Value word) -> Value {
                first = arith::MulIOp::create(
                    b, word, arith::ConstantIndexOp::create(b, width));
                return first;
              });
          Value size =
              arith::ConstantIndexOp::create(b, type.getShape().back());
          Value end = arith::MinSIOp::create(
              b, size,
              arith::AddIOp::create(b, first,
                                    arith::ConstantIndexOp::create(b, width)));
          Value zero = arith::ConstantOp::create(
              b, rewriter.getIntegerAttr(words.getElementType(), 0));
          Value none = arith::ConstantOp::create(
              b, rewriter.getFloatAttr(type.getElementType(), 0));
          auto loop = scf::ForOp::create(
              b, loc, first, end, arith::ConstantIndexOp::create(b, 1), zero,
              [&](OpBuilder &body, Location, Value i, ValueRange carried) {
                ImplicitLocOpBuilder c(loc, body);
                SmallVector<Value> at(indices);
                at.back() = i;
                Value element = tensor::ExtractOp::create(c, input, at);
                Value set = arith::CmpFOp::create(c, arith::CmpFPredicate::UNE,
                                                  element, none);
                Value bit =
                    arith::ExtUIOp::create(c, words.getElementType(), set);
                Value place = arith::IndexCastOp::create(
                    c, words.getElementType(),
                    arith::SubIOp::create(c, i, first));
                Value next = arith::OrIOp::create(
                    c, carried[0], arith::ShLIOp::create(c, bit, place));
                scf::YieldOp::create(c, next);
              });
          return SmallVector<Value>{loop.getResult(0)};
        });
    rewriter.replaceOp(op, generic);
    return success();
  }
};

struct ConvertUnpack : OpConversionPattern<UnpackOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(UnpackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = adaptor.getInput();
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    Type word = cast<RankedTensorType>(input.getType()).getElementType();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, input);
    sizes.back() = rewriter.getIndexAttr(type.getShape().back());
    Value out =
        tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
    auto generic = createElementwise(
        rewriter, loc, {}, out, [&](OpBuilder &nested, ValueRange) {
          ImplicitLocOpBuilder b(loc, nested);
          Value width =
              arith::ConstantIndexOp::create(b, word.getIntOrFloatBitWidth());
          Value place;
          SmallVector<Value> indices =
              indicesWithLast(b, loc, type.getRank(), [&](Value i) -> Value {
                place = arith::IndexCastOp::create(
                    b, word, arith::RemUIOp::create(b, i, width));
                return arith::DivUIOp::create(b, i, width);
              });
          Value bits = tensor::ExtractOp::create(b, input, indices);
          Value bit = arith::TruncIOp::create(
              b, b.getI1Type(), arith::ShRUIOp::create(b, bits, place));
          return SmallVector<Value>{
              arith::UIToFPOp::create(b, type.getElementType(), bit)};
        });
    rewriter.replaceOp(op, generic);
    return success();
  }
};

struct ConvertListEvents : OpConversionPattern<ListEventsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(ListEventsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    OpBuilder &outside = rewriter;
    auto lists = cast<RankedTensorType>(op.getIndices().getType());
    int64_t rank = lists.getRank();
    // Words become numbers first: one loop for both.
    Value input = adaptor.getInput();
    auto type = cast<RankedTensorType>(input.getType());
    if (isa<IntegerType>(type.getElementType())) {
      type = RankedTensorType::get(lists.getShape(), outside.getF32Type());
      input = UnpackOp::create(outside, loc, type, input);
    }
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(outside, loc, input);
    Type i32 = outside.getI32Type(), i64 = outside.getI64Type();
    Value indices = tensor::EmptyOp::create(outside, loc, sizes, i32);
    Value counts =
        tensor::EmptyOp::create(outside, loc, ArrayRef(sizes).drop_back(), i32);
    Value zero = arith::ConstantIndexOp::create(outside, loc, 0);
    Value one = arith::ConstantIndexOp::create(outside, loc, 1);
    Value none =
        arith::ConstantOp::create(outside, loc, outside.getI64IntegerAttr(0));
    // A nest of loops over the rows that carries lists, counts, statistics.
    SmallVector<Value> at, carried{indices, counts, none, none};
    SmallVector<scf::ForOp> loops;
    ImplicitLocOpBuilder b(loc, outside);
    for (int64_t dim = 0; dim + 1 < rank; ++dim) {
      Value end = getValueOrCreateConstantIndexOp(b, loc, sizes[dim]);
      auto loop = scf::ForOp::create(b, zero, end, one, carried);
      at.push_back(loop.getInductionVar());
      carried.assign(loop.getRegionIterArgs().begin(),
                     loop.getRegionIterArgs().end());
      loops.push_back(loop);
      b.setInsertionPointToStart(loop.getBody());
    }
    SmallVector<Value> inits{carried[0], carried[2], carried[3], zero};
    Value end = getValueOrCreateConstantIndexOp(b, loc, sizes.back());
    auto row = scf::ForOp::create(
        b, loc, zero, end, one, inits,
        [&](OpBuilder &nested, Location, Value i, ValueRange state) {
          ImplicitLocOpBuilder c(loc, nested);
          SmallVector<Value> place(at), slot(at);
          place.push_back(i);
          slot.push_back(state[3]);
          Value element = tensor::ExtractOp::create(c, input, place);
          auto differs = [&](double value) -> Value {
            return arith::CmpFOp::create(
                c, arith::CmpFPredicate::UNE, element,
                arith::ConstantOp::create(
                    c, c.getFloatAttr(type.getElementType(), value)));
          };
          Value event = differs(0);
          Value graded = arith::AndIOp::create(c, event, differs(1));
          // The slot behind the last event takes what is none, too: it is
          // overwritten, or undefined.
          Value list = tensor::InsertOp::create(
              c, arith::IndexCastOp::create(c, i32, i), state[0], slot);
          auto count = [&](Value sum, Value bit) -> Value {
            return arith::AddIOp::create(c, sum,
                                         arith::ExtUIOp::create(c, i64, bit));
          };
          Value next = arith::AddIOp::create(
              c, state[3],
              arith::IndexCastUIOp::create(c, c.getIndexType(), event));
          scf::YieldOp::create(c, ValueRange{list, count(state[1], event),
                                             count(state[2], graded), next});
        });
    Value counted = tensor::InsertOp::create(
        b, arith::IndexCastOp::create(b, i32, row.getResult(3)), carried[1],
        at);
    SmallVector<Value> results{row.getResult(0), counted, row.getResult(1),
                               row.getResult(2)};
    for (scf::ForOp loop : llvm::reverse(loops)) {
      b.setInsertionPointToEnd(loop.getBody());
      scf::YieldOp::create(b, results);
      results.assign(loop.getResults().begin(), loop.getResults().end());
    }
    b.setInsertionPoint(op);
    Value statistics =
        tensor::FromElementsOp::create(b, ValueRange{results[2], results[3]});
    rewriter.replaceOp(op, {results[0], results[1], statistics});
    return success();
  }
};

struct ConvertFromRows : OpConversionPattern<FromRowsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(FromRowsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    auto indexAt = [](ImplicitLocOpBuilder &b, Value list, Value i) -> Value {
      return arith::IndexCastOp::create(b, b.getIndexType(),
                                        tensor::ExtractOp::create(b, list, i));
    };
    Value zero =
        arith::ConstantOp::create(b, b.getFloatAttr(type.getElementType(), 0));
    Value empty =
        tensor::EmptyOp::create(b, type.getShape(), type.getElementType());
    Value zeros = linalg::FillOp::create(b, zero, empty).getResult(0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    auto rows = scf::ForOp::create(
        b, arith::ConstantIndexOp::create(b, 0),
        arith::ConstantIndexOp::create(b, type.getDimSize(0)), one, zeros,
        [&](OpBuilder &body, Location loc, Value row, ValueRange matrix) {
          ImplicitLocOpBuilder c(loc, body);
          Value first = indexAt(c, adaptor.getStarts(), row);
          Value end = indexAt(c, adaptor.getStarts(),
                              arith::AddIOp::create(c, row, one));
          auto elements = scf::ForOp::create(
              c, first, end, one, matrix,
              [&](OpBuilder &body, Location loc, Value k, ValueRange carried) {
                ImplicitLocOpBuilder d(loc, body);
                Value value =
                    tensor::ExtractOp::create(d, adaptor.getValues(), k);
                Value column = indexAt(d, adaptor.getColumns(), k);
                Value inserted = tensor::InsertOp::create(
                    d, value, carried[0], ValueRange{row, column});
                scf::YieldOp::create(d, inserted);
              });
          scf::YieldOp::create(c, elements.getResults());
        });
    rewriter.replaceOp(op, rows);
    return success();
  }
};

} // namespace

void plait::spike::populateEncodingPatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertFromRows, ConvertListEvents, ConvertPack, ConvertUnpack>(
      patterns.getContext());
}
