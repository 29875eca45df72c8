//===- Switch.cpp - whether a layer sums events or a dense product --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Switch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace plait::spike;

template <typename Op> static Operation *firesOnce(Op scan, Value value) {
  bool fires =
      value == scan.getOut() && scan.getThreshold() && !scan.getMultiSpike();
  return fires ? scan.getOperation() : nullptr;
}

Operation *plait::spike::findProducer(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto scan = dyn_cast_or_null<ScanOp>(op))
    return firesOnce(scan, value);
  if (auto scan = dyn_cast_or_null<ConvScanOp>(op))
    return firesOnce(scan, value);
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op))
    return findProducer(collapse.getSrc());
  auto branch = dyn_cast_or_null<scf::IfOp>(op);
  if (!branch)
    return nullptr;
  unsigned number = cast<OpResult>(value).getResultNumber();
  Operation *first = findProducer(branch.thenYield().getOperand(number));
  return first && findProducer(branch.elseYield().getOperand(number)) ? first
                                                                      : nullptr;
}

static std::optional<double> findRate(Operation *producer) {
  if (auto rate = producer->getAttrOfType<FloatAttr>("spike.rate"))
    return rate.getValueAsDouble();
  auto rates = producer->getAttrOfType<DenseFPElementsAttr>("spike.rates");
  if (!rates || rates.empty())
    return std::nullopt;
  double sum = 0;
  for (APFloat rate : rates)
    sum += rate.convertToDouble();
  return sum / rates.size();
}

Road plait::spike::chooseRoad(Operation *producer, double maxRate, bool look) {
  if (!producer)
    return Road::Look;
  if (std::optional<double> rate = findRate(producer)) {
    if (*rate > 1.5 * maxRate)
      return Road::Product;
    if (*rate > maxRate / 1.5)
      return Road::Look;
  }
  return look ? Road::Look : Road::Events;
}

bool plait::spike::isSwitched(Operation *op) {
  auto addsEvents = [](Operation &other) {
    auto scan = dyn_cast<ScanOp>(other);
    return isa<ConvScanOp>(other) || (scan && scan.getIndices());
  };
  auto branch = op->getParentOfType<scf::IfOp>();
  for (; branch; branch = branch->getParentOfType<scf::IfOp>())
    if (branch.getElseRegion().isAncestor(op->getParentRegion()) &&
        llvm::any_of(*branch.thenBlock(), addsEvents))
      return true;
  return false;
}

LogicalResult plait::spike::checkRate(Operation *op, StringRef name,
                                      double rate) {
  if (rate >= 0 && rate <= 1)
    return success();
  return op->emitError("expects '")
         << name << "' from 0 to 1, got " << llvm::formatv("{0}", rate).str();
}

Value plait::spike::isSparse(OpBuilder &builder, Location loc, Value run,
                             ListEventsOp events, double maxRate) {
  ImplicitLocOpBuilder b(loc, builder);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  auto statistic = [&](int64_t i) -> Value {
    return tensor::ExtractOp::create(
        b, events.getStatistics(),
        ValueRange{arith::ConstantIndexOp::create(b, i)});
  };
  Value elements = constant(1);
  auto type = cast<RankedTensorType>(run.getType());
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    elements = arith::MulIOp::create(
        b, elements,
        arith::IndexCastOp::create(b, b.getI64Type(),
                                   tensor::DimOp::create(b, run, dim)));
  // In thousandths: integers are exact.
  Value most = arith::MulIOp::create(
      b, elements, constant(static_cast<int64_t>(maxRate * 1000)));
  Value fired = arith::MulIOp::create(b, statistic(0), constant(1000));
  return arith::AndIOp::create(
      b,
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, statistic(1),
                            constant(0)),
      arith::CmpIOp::create(b, arith::CmpIPredicate::sle, fired, most));
}
