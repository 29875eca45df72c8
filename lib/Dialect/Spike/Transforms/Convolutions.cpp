//===- Convolutions.cpp - convolutions with channels last -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convolutions.h"
#include "VectorEmit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace plait::spike;

bool plait::spike::isZeros(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_PosZeroFloat());
}

std::optional<Convolution> Convolution::match(linalg::Conv2DNchwFchwOp op) {
  Convolution conv;
  conv.op = op;
  if (!op.hasPureTensorSemantics() || !isZeros(op.getDpsInits()[0]))
    return std::nullopt;
  conv.weights = op.getDpsInputs()[1];
  conv.strides = llvm::to_vector(op.getStrides().getValues<int64_t>());
  conv.dilations = llvm::to_vector(op.getDilations().getValues<int64_t>());
  conv.padding = {0, 0};
  conv.image = op.getDpsInputs()[0];
  if (auto pad = conv.image.getDefiningOp<tensor::PadOp>()) {
    Value fill = pad.getConstantPaddingValue();
    SmallVector<OpFoldResult> low = pad.getMixedLowPad();
    if (!fill || !matchPattern(fill, m_PosZeroFloat()) ||
        getConstantIntValue(low[0]) != 0 || getConstantIntValue(low[1]) != 0 ||
        getConstantIntValue(pad.getMixedHighPad()[0]) != 0 ||
        getConstantIntValue(pad.getMixedHighPad()[1]) != 0)
      return std::nullopt;
    for (int64_t i : {0, 1}) {
      std::optional<int64_t> rows = getConstantIntValue(low[i + 2]);
      if (!rows)
        return std::nullopt;
      conv.padding[i] = *rows;
    }
    conv.image = pad.getSource();
  }
  auto image = cast<RankedTensorType>(conv.image.getType());
  auto weights = cast<RankedTensorType>(conv.weights.getType());
  auto sums = cast<RankedTensorType>(op.getResult(0).getType());
  if (!weights.hasStaticShape() || weights.getNumElements() == 0 ||
      weights.getElementType() != sums.getElementType() ||
      image.getElementType() != sums.getElementType())
    return std::nullopt;
  for (int64_t i : {0, 1}) {
    int64_t size = image.getDimSize(i + 2), count = sums.getDimSize(i + 2);
    int64_t reach = (weights.getDimSize(i + 2) - 1) * conv.dilations[i];
    if (ShapedType::isDynamic(size) || ShapedType::isDynamic(count) ||
        conv.padding[i] > reach ||
        (count - 1) * conv.strides[i] - conv.padding[i] >= size)
      return std::nullopt;
  }
  int64_t reach = (weights.getDimSize(3) - 1) * conv.dilations[1];
  if (!hasConvLoops(sums.getElementType(), image.getDimSize(3), reach,
                    lanesFor(weights.getDimSize(0))))
    return std::nullopt;
  return conv;
}

Value plait::spike::transpose(ImplicitLocOpBuilder &b, Value value,
                              ArrayRef<int64_t> order) {
  SmallVector<OpFoldResult> from = tensor::getMixedSizes(b, b.getLoc(), value),
                            to;
  for (int64_t dim : order)
    to.push_back(from[dim]);
  Value empty =
      tensor::EmptyOp::create(b, to, getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(b, value, empty, order)->getResult(0);
}

SmallVector<int64_t> plait::spike::channelsOrder(int64_t rank, bool last) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  auto front = order.end() - 3;
  std::rotate(front, last ? front + 1 : front + 2, order.end());
  return order;
}

Value Convolution::turnFilters(ImplicitLocOpBuilder &b) const {
  return transpose(b, weights, {2, 3, 1, 0});
}

Value Convolution::multiply(ImplicitLocOpBuilder &b, Value rows) const {
  auto sums = cast<RankedTensorType>(op->getResult(0).getType());
  Type element = sums.getElementType();
  if (auto pad = op->getOperand(0).getDefiningOp<tensor::PadOp>()) {
    auto turn = [](SmallVector<OpFoldResult> sizes) {
      std::rotate(sizes.begin() + 1, sizes.begin() + 2, sizes.end());
      return sizes;
    };
    RankedTensorType type = pad.getResultType();
    rows = tensor::PadOp::create(
        b,
        RankedTensorType::get({type.getDimSize(0), type.getDimSize(2),
                               type.getDimSize(3), type.getDimSize(1)},
                              element),
        rows, turn(pad.getMixedLowPad()), turn(pad.getMixedHighPad()),
        pad.getConstantPaddingValue());
  }
  SmallVector<OpFoldResult> sizes{tensor::getMixedSize(b, b.getLoc(), rows, 0)};
  for (int64_t dim : {2, 3, 1})
    sizes.push_back(b.getIndexAttr(sums.getDimSize(dim)));
  Value empty = tensor::EmptyOp::create(b, sizes, element);
  Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0));
  Value zeros = linalg::FillOp::create(b, zero, empty).getResult(0);
  auto own = op;
  return linalg::Conv2DNhwcHwcfOp::create(
             b, zeros.getType(), ValueRange{rows, turnFilters(b)}, zeros,
             own.getStrides(), own.getDilations())
      .getResult(0);
}
