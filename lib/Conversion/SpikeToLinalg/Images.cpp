//===- Images.cpp - the reference meaning of spikes of images -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace plait::spike;

namespace {

Value zerosOf(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes,
              Type element) {
  Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0));
  Value empty = tensor::EmptyOp::create(b, sizes, element);
  return linalg::FillOp::create(b, zero, empty).getResult(0);
}

/// The groups that join the first two of `rank` axes.
SmallVector<ReassociationIndices> timeAndBatch(int64_t rank) {
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 2; dim < rank; ++dim)
    groups.push_back({dim});
  return groups;
}

struct ConvertConvScan : OpConversionPattern<ConvScanOp> {
  using OpConversionPattern::OpConversionPattern;

  /// The rows that the lists name, as 0 and 1.
  static Value scatter(ImplicitLocOpBuilder &b, Value indices, Value counts,
                       Type element) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), indices);
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    Value spike = arith::ConstantOp::create(b, b.getFloatAttr(element, 1));
    SmallVector<Value> at;
    auto index = [](ImplicitLocOpBuilder &b, Value tensor,
                    ValueRange at) -> Value {
      return arith::IndexCastOp::create(
          b, b.getIndexType(), tensor::ExtractOp::create(b, tensor, at));
    };
    std::function<Value(ImplicitLocOpBuilder &, Value)> nest =
        [&](ImplicitLocOpBuilder &b, Value carried) -> Value {
      bool row = at.size() + 1 == sizes.size();
      Value end = row ? index(b, counts, at)
                      : getValueOrCreateConstantIndexOp(b, b.getLoc(),
                                                        sizes[at.size()]);
      return scf::ForOp::create(b, zero, end, one, carried,
                                [&](OpBuilder &inside, Location loc, Value i,
                                    ValueRange held) {
                                  ImplicitLocOpBuilder c(loc, inside);
                                  at.push_back(i);
                                  Value next;
                                  if (row) {
                                    SmallVector<Value> place(at);
                                    place.back() = index(c, indices, at);
                                    next = tensor::InsertOp::create(
                                        c, spike, held[0], place);
                                  } else {
                                    next = nest(c, held[0]);
                                  }
                                  at.pop_back();
                                  scf::YieldOp::create(c, next);
                                })
          .getResult(0);
    };
    return nest(b, zerosOf(b, sizes, element));
  }

  LogicalResult
  matchAndRewrite(ConvScanOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto state = cast<RankedTensorType>(op.getV().getType());
    auto lists = cast<RankedTensorType>(op.getIndices().getType());
    auto weights = cast<RankedTensorType>(op.getWeights().getType());
    auto out = cast<RankedTensorType>(op.getOut().getType());
    Type element = state.getElementType();
    int64_t time = lists.getDimSize(0), batch = lists.getDimSize(1);
    int64_t many = ShapedType::isDynamic(time) || ShapedType::isDynamic(batch)
                       ? ShapedType::kDynamic
                       : time * batch;
    Value rows = scatter(b, adaptor.getIndices(), adaptor.getCounts(), element);
    Value flat = tensor::CollapseShapeOp::create(
        b,
        RankedTensorType::get({many, lists.getDimSize(2), lists.getDimSize(3)},
                              element),
        rows, timeAndBatch(4));
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), flat);
    OpFoldResult images = sizes[0];
    int64_t depth = weights.getDimSize(2);
    SmallVector<int64_t> image{many, lists.getDimSize(2),
                               lists.getDimSize(3) / depth, depth};
    SmallVector<OpFoldResult> low(4, b.getIndexAttr(0)), high(low),
        given{images};
    SmallVector<int64_t> padded(image);
    for (int64_t i : {0, 1}) {
      int64_t reach = (weights.getDimSize(i) - 1) * op.getDilations()[i];
      padded[i + 1] =
          (state.getDimSize(i + 1) - 1) * op.getStrides()[i] + reach + 1;
      low[i + 1] = b.getIndexAttr(op.getPadding()[i]);
      // Columns behind the last window are cut off.
      int64_t more = padded[i + 1] - image[i + 1] - op.getPadding()[i];
      high[i + 1] = b.getIndexAttr(more);
      given.push_back(b.getIndexAttr(image[i + 1]));
    }
    given.push_back(b.getIndexAttr(depth));
    Value x = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(image, element), flat,
        ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}}, given);
    for (int64_t i : {1, 2}) {
      int64_t more = cast<IntegerAttr>(cast<Attribute>(high[i])).getInt();
      if (more >= 0)
        continue;
      SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0)),
          ones(4, b.getIndexAttr(1));
      image[i] += more;
      given[i] = b.getIndexAttr(image[i]);
      high[i] = b.getIndexAttr(0);
      x = tensor::ExtractSliceOp::create(
          b, RankedTensorType::get(image, element), x, offsets, given, ones);
    }
    Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0));
    x = tensor::PadOp::create(b, RankedTensorType::get(padded, element), x, low,
                              high, zero);
    SmallVector<OpFoldResult> own{images};
    for (int64_t dim : {1, 2, 3})
      own.push_back(b.getIndexAttr(state.getDimSize(dim)));
    Value zeros = zerosOf(b, own, element);
    auto pair = [&](ArrayRef<int64_t> values) {
      return DenseIntElementsAttr::get(
          RankedTensorType::get({2}, b.getI64Type()), values);
    };
    Value sums = linalg::Conv2DNhwcHwcfOp::create(
                     b, zeros.getType(), ValueRange{x, adaptor.getWeights()},
                     zeros, pair(op.getStrides()), pair(op.getDilations()))
                     .getResult(0);
    if (op.getBias()) {
      int64_t rank = cast<RankedTensorType>(op.getBias().getType()).getRank();
      SmallVector<int64_t> over =
          llvm::to_vector(llvm::seq<int64_t>(0, 4 - rank));
      Value empty = tensor::EmptyOp::create(b, own, element);
      Value spread =
          linalg::BroadcastOp::create(b, adaptor.getBias(), empty, over)
              ->getResult(0);
      sums = linalg::AddOp::create(b, ValueRange{sums, spread}, empty)
                 .getResult(0);
    }
    own.erase(own.begin());
    own.insert(own.begin(),
               {tensor::getMixedSize(b, b.getLoc(), adaptor.getIndices(), 0),
                tensor::getMixedSize(b, b.getLoc(), adaptor.getIndices(), 1)});
    SmallVector<int64_t> run{time, batch};
    llvm::append_range(run, state.getShape().drop_front());
    Value current = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(run, element), sums, timeAndBatch(5), own);
    auto typeOf = [](Value value) { return value ? value.getType() : Type(); };
    auto scan = ScanOp::create(
        b, out, state, typeOf(op.getNextLeft()), /*next_last=*/Type(),
        typeOf(op.getPotentials()), /*event_counts=*/Type(), current, Value(),
        Value(), Value(), Value(), Value(), Value(), adaptor.getV(),
        adaptor.getDecay(), adaptor.getTau(), adaptor.getGain(),
        adaptor.getLeak(), adaptor.getThreshold(), adaptor.getResetValue(),
        adaptor.getMinimum(), adaptor.getRefractory(), adaptor.getLeft(),
        op.getIntegratorAttr(), op.getCompareAttr(), op.getResetAttr(),
        op.getResetAtAttr(), op.getMultiSpikeAttr(), op.getRecordAttr(),
        EncodingAttr::get(b.getContext(), isa<IntegerType>(out.getElementType())
                                              ? Encoding::Packed
                                              : Encoding::Dense));
    rewriter.replaceOp(op, scan->getResults());
    return success();
  }
};

struct ConvertPool : OpConversionPattern<PoolOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(PoolOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    Value x = adaptor.getInput();
    auto input = cast<RankedTensorType>(x.getType());
    int64_t rank = type.getRank();
    if (isa<IntegerType>(input.getElementType())) {
      SmallVector<int64_t> shape(input.getShape());
      shape.back() = type.getShape().back();
      x = UnpackOp::create(
          b, RankedTensorType::get(shape, type.getElementType()), x);
    }
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), x);
    for (int64_t dim = rank - 3; dim < rank - 1; ++dim)
      sizes[dim] = b.getIndexAttr(type.getDimSize(dim));
    Value sums = zerosOf(b, sizes, type.getElementType());
    Value window = tensor::EmptyOp::create(b, op.getWindow(), b.getF32Type());
    SmallVector<AffineExpr> image, result, places;
    for (int64_t dim = 0; dim < rank; ++dim) {
      result.push_back(b.getAffineDimExpr(dim));
      image.push_back(result.back());
    }
    for (int64_t i : {0, 1}) {
      places.push_back(b.getAffineDimExpr(rank + i));
      image[rank - 3 + i] =
          image[rank - 3 + i] * op.getStrides()[i] + places.back();
    }
    auto map = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMap::get(rank + 2, 0, exprs, b.getContext());
    };
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    iterators.append(2, utils::IteratorType::reduction);
    sums = linalg::GenericOp::create(
               b, TypeRange(sums.getType()), ValueRange{x, window}, sums,
               ArrayRef<AffineMap>{map(image), map(places), map(result)},
               iterators,
               [](OpBuilder &nested, Location loc, ValueRange s) {
                 Value sum = arith::AddFOp::create(nested, loc, s[2], s[0]);
                 linalg::YieldOp::create(nested, loc, sum);
               })
               .getResult(0);
    if (op.getDivisor()) {
      Value empty = tensor::EmptyOp::create(b, sizes, type.getElementType());
      Value divisor = arith::ConstantOp::create(
          b, b.getFloatAttr(type.getElementType(),
                            op.getDivisor()->convertToDouble()));
      Value many = linalg::FillOp::create(b, divisor, empty).getResult(0);
      sums =
          linalg::DivOp::create(b, ValueRange{sums, many}, empty).getResult(0);
    }
    rewriter.replaceOp(op, sums);
    return success();
  }
};

} // namespace

void plait::spike::populateImagePatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertConvScan, ConvertPool>(patterns.getContext());
}
