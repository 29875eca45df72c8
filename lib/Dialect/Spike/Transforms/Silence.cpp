//===- Silence.cpp - neurons that cannot fire -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Silence.h"
#include "Synapses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace plait::spike;

void Numbers::forEach(int64_t axis,
                      function_ref<void(int64_t, double)> visit) const {
  int64_t inner = 1;
  for (int64_t size : ArrayRef(shape).drop_front(axis + 1))
    inner *= size;
  for (size_t i = 0; i < data.size(); ++i)
    visit(static_cast<int64_t>(i) / inner % shape[axis], data[i]);
}

/// The scalar that `value` is in the body of an op whose arguments are `known`.
static std::optional<double> evaluateScalar(Value value,
                                            ArrayRef<double> arguments) {
  auto rounded = [&](double exact) {
    return value.getType().isF32()
               ? static_cast<double>(static_cast<float>(exact))
               : exact;
  };
  if (auto argument = dyn_cast<BlockArgument>(value))
    return arguments[argument.getArgNumber()];
  FloatAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant.getValueAsDouble();
  Operation *op = value.getDefiningOp();
  SmallVector<double> s;
  for (Value operand : op->getOperands()) {
    if (!isa<FloatType>(operand.getType()))
      return std::nullopt;
    std::optional<double> scalar = evaluateScalar(operand, arguments);
    if (!scalar)
      return std::nullopt;
    s.push_back(*scalar);
  }
  if (isa<arith::AddFOp>(op))
    return rounded(s[0] + s[1]);
  if (isa<arith::SubFOp>(op))
    return rounded(s[0] - s[1]);
  if (isa<arith::MulFOp>(op))
    return rounded(s[0] * s[1]);
  if (isa<arith::DivFOp>(op))
    return rounded(s[0] / s[1]);
  if (isa<arith::NegFOp>(op))
    return -s[0];
  if (isa<arith::TruncFOp, arith::ExtFOp>(op))
    return rounded(s[0]);
  if (isa<math::SqrtOp>(op))
    return rounded(std::sqrt(s[0]));
  return std::nullopt;
}

/// Elementwise ops on what is known.
static std::optional<Numbers> evaluateOp(linalg::LinalgOp op, unsigned number) {
  if (op.getNumReductionLoops() || !op.hasPureTensorSemantics())
    return std::nullopt;
  auto type = cast<RankedTensorType>(op->getResult(number).getType());
  Value yielded = op->getRegion(0).front().getTerminator()->getOperand(number);
  if (!type.hasStaticShape() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(number)).isIdentity())
    return std::nullopt;
  SmallVector<Numbers> inputs;
  SmallVector<AffineMap> maps;
  for (OpOperand *input : op.getDpsInputOperands()) {
    std::optional<Numbers> numbers;
    if (isa<FloatType>(input->get().getType())) {
      FloatAttr scalar;
      if (!matchPattern(input->get(), m_Constant(&scalar)))
        return std::nullopt;
      numbers = Numbers{{}, {scalar.getValueAsDouble()}};
    } else {
      numbers = evaluate(input->get());
    }
    if (!numbers)
      return std::nullopt;
    inputs.push_back(std::move(*numbers));
    maps.push_back(op.getMatchingIndexingMap(input));
  }
  Numbers result{SmallVector<int64_t>(type.getShape()), {}};
  SmallVector<int64_t> at(type.getRank(), 0);
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    int64_t rest = i;
    for (int64_t dim = type.getRank(); dim-- > 0;) {
      at[dim] = rest % type.getDimSize(dim);
      rest /= type.getDimSize(dim);
    }
    SmallVector<double> scalars;
    for (auto [input, map] : llvm::zip_equal(inputs, maps)) {
      int64_t flat = 0;
      for (auto [size, place] : llvm::zip_equal(input.shape, map.compose(at)))
        flat = flat * size + place;
      scalars.push_back(input.data[flat]);
    }
    // Nothing reads what was in the destination.
    scalars.resize(op->getNumOperands(),
                   std::numeric_limits<double>::quiet_NaN());
    std::optional<double> scalar = evaluateScalar(yielded, scalars);
    if (!scalar)
      return std::nullopt;
    result.data.push_back(*scalar);
  }
  return result;
}

std::optional<Numbers> plait::spike::evaluate(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() ||
      !(type.getElementType().isF32() || type.getElementType().isF64()))
    return std::nullopt;
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements))) {
    Numbers numbers{SmallVector<int64_t>(type.getShape()), {}};
    numbers.data.reserve(type.getNumElements());
    for (APFloat element : elements.getValues<APFloat>())
      numbers.data.push_back(element.convertToDouble());
    return numbers;
  }
  Operation *op = value.getDefiningOp();
  if (op && isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op)) {
    std::optional<Numbers> numbers = evaluate(op->getOperand(0));
    if (numbers)
      numbers->shape.assign(type.getShape().begin(), type.getShape().end());
    return numbers;
  }
  if (auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op))
    return evaluateOp(linalgOp, cast<OpResult>(value).getResultNumber());
  return std::nullopt;
}

namespace {
/// The most that the elements of a channel can be, and their size.
struct Bounds {
  std::vector<double> most, size;
};
} // namespace

static bool isZeros(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
}

/// For each channel along `axis` how large its spikes can be: never under 0.
static std::optional<std::vector<double>> boundSpikes(Value value,
                                                      int64_t axis) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.isDynamicDim(axis))
    return std::nullopt;
  if (auto scan = value.getDefiningOp<ScanOp>()) {
    if (value != scan.getOut() || !scan.getThreshold() ||
        scan.getMultiSpike() || axis == 0)
      return std::nullopt;
    return std::vector<double>(type.getDimSize(axis), 1.0);
  }
  if (auto pad = value.getDefiningOp<tensor::PadOp>()) {
    Value around = pad.getConstantPaddingValue();
    if (!around || !matchPattern(around, m_AnyZeroFloat()))
      return std::nullopt;
    return boundSpikes(pad.getSource(), axis);
  }
  if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>()) {
    ReassociationIndices group = collapse.getReassociationIndices()[axis];
    auto inner = boundSpikes(collapse.getSrc(), group[0]);
    if (!inner || inner->empty())
      return std::nullopt;
    std::vector<double> spread;
    int64_t times = type.getDimSize(axis) / inner->size();
    for (double bound : *inner)
      spread.insert(spread.end(), times, bound);
    return spread;
  }
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  if (!op || axis != 1)
    return std::nullopt;
  auto scaled = [&](Value inner, double by) {
    auto bounds = boundSpikes(inner, axis);
    if (bounds)
      for (double &bound : *bounds)
        bound *= by;
    return bounds;
  };
  if (isa<linalg::PoolingNchwMaxOp>(op))
    return scaled(op.getDpsInputs()[0], 1);
  if (isa<linalg::PoolingNchwSumOp>(op) && isZeros(op.getDpsInits()[0]))
    return scaled(op.getDpsInputs()[0],
                  cast<RankedTensorType>(op.getDpsInputs()[1].getType())
                      .getNumElements());
  // An average is a sum divided by a number.
  if (!isa<linalg::DivOp>(op))
    return std::nullopt;
  auto many = op.getDpsInputs()[1].getDefiningOp<linalg::FillOp>();
  FloatAttr by;
  if (!many || !matchPattern(many.getInputs()[0], m_Constant(&by)) ||
      !(by.getValueAsDouble() > 0))
    return std::nullopt;
  return scaled(op.getDpsInputs()[0], 1 / by.getValueAsDouble());
}

/// How large currents of the channels along `axis` can be.
static std::optional<Bounds> boundCurrent(Value value, int64_t axis) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.isDynamicDim(axis))
    return std::nullopt;
  int64_t channels = type.getDimSize(axis);
  Operation *op = value.getDefiningOp();
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op)) {
    for (auto [i, group] : llvm::enumerate(expand.getReassociationIndices()))
      if (group.size() == 1 && group[0] == axis)
        return boundCurrent(expand.getSrc(), i);
    return std::nullopt;
  }
  auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!linalgOp)
    return std::nullopt;
  if (auto spread = dyn_cast<linalg::BroadcastOp>(op)) {
    std::optional<Numbers> numbers = evaluate(spread.getInput());
    if (!numbers || numbers->shape.size() != 1 ||
        llvm::is_contained(spread.getDimensions(), axis))
      return std::nullopt;
    Bounds bounds{numbers->data, numbers->data};
    for (double &size : bounds.size)
      size = std::abs(size);
    return bounds;
  }
  if (isa<linalg::FillOp>(op)) {
    if (!isZeros(value))
      return std::nullopt;
    return Bounds{std::vector<double>(channels, 0.0),
                  std::vector<double>(channels, 0.0)};
  }
  auto add = [](std::optional<Bounds> l,
                std::optional<Bounds> r) -> std::optional<Bounds> {
    if (!l || !r)
      return std::nullopt;
    for (size_t i = 0; i < l->most.size(); ++i) {
      l->most[i] += r->most[i];
      l->size[i] += r->size[i];
    }
    return l;
  };
  if (isa<linalg::AddOp>(op))
    return add(boundCurrent(op->getOperand(0), axis),
               boundCurrent(op->getOperand(1), axis));
  if (!isSynapse(linalgOp))
    return std::nullopt;
  std::optional<unsigned> own = channelAxisOfWeights(linalgOp, axis);
  OpOperand &data = *linalgOp.getDpsInputOperand(0);
  AffineMap weightsMap = linalgOp.getMatchingIndexingMap(&weightsOf(linalgOp));
  AffineMap dataMap = linalgOp.getMatchingIndexingMap(&data);
  std::optional<Numbers> weights = evaluate(weightsOf(linalgOp).get());
  std::optional<Bounds> start = boundCurrent(linalgOp.getDpsInits()[0], axis);
  if (!own || !weights || !start)
    return std::nullopt;
  // The channels of the data, which are an axis of the weights, too.
  for (auto [from, expr] : llvm::enumerate(dataMap.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      continue;
    for (auto [along, other] : llvm::enumerate(weightsMap.getResults())) {
      if (other != expr)
        continue;
      auto spikes = boundSpikes(data.get(), from);
      if (!spikes)
        return std::nullopt;
      int64_t innerOwn = 1, innerAlong = 1;
      for (size_t i = *own + 1; i < weights->shape.size(); ++i)
        innerOwn *= weights->shape[i];
      for (size_t i = along + 1; i < weights->shape.size(); ++i)
        innerAlong *= weights->shape[i];
      Bounds bounds = *start;
      for (auto [i, weight] : llvm::enumerate(weights->data)) {
        double spike = (*spikes)[i / innerAlong % weights->shape[along]];
        int64_t neuron = i / innerOwn % channels;
        bounds.most[neuron] += std::max(weight, 0.0) * spike;
        bounds.size[neuron] += std::abs(weight) * spike;
      }
      return bounds;
    }
  }
  return std::nullopt;
}

std::vector<bool> plait::spike::findSilent(ScanOp scan) {
  auto state = cast<RankedTensorType>(scan.getV().getType());
  int64_t neurons = state.getDimSize(1);
  std::vector<bool> none(neurons, false);
  if (!scan.getThreshold() || scan.getBias() ||
      !(state.getElementType().isF32() || state.getElementType().isF64()))
    return none;
  std::optional<Bounds> current = Bounds{std::vector<double>(neurons, 0.0),
                                         std::vector<double>(neurons, 0.0)};
  if (scan.getCurrent())
    current = boundCurrent(scan.getCurrent(), 2);
  if (!current)
    return none;
  // All of the population at once, and nothing before the first step.
  if (Value recurrent = scan.getRecurrent()) {
    std::optional<Numbers> weights = evaluate(recurrent);
    if (!weights || scan.getMultiSpike() || !isZeros(scan.getLast()))
      return none;
    weights->forEach(1, [&](int64_t neuron, double weight) {
      current->most[neuron] += std::max(weight, 0.0);
      current->size[neuron] += std::abs(weight);
    });
  }
  // A parameter of the neurons of a channel: one value, or it is not known.
  bool known = true;
  auto parameter = [&](Value value, double absent) -> std::vector<double> {
    if (!value)
      return std::vector<double>(neurons, absent);
    std::optional<Numbers> numbers = evaluate(value);
    if (numbers && llvm::all_equal(numbers->data) && !numbers->data.empty())
      return std::vector<double>(neurons, numbers->data[0]);
    known &= numbers && numbers->shape.size() == 1 && state.getRank() == 2;
    return known ? numbers->data : std::vector<double>(neurons, 0);
  };
  bool leaks = scan.getDecay() || scan.getTau();
  std::vector<double> part = parameter(
                          scan.getTau() ? scan.getTau() : scan.getDecay(), 1),
                      gain = parameter(scan.getGain(), 1),
                      leak = parameter(scan.getLeak(), 0),
                      threshold = parameter(scan.getThreshold(), 0),
                      minimum =
                          parameter(scan.getMinimum(),
                                    -std::numeric_limits<double>::infinity());
  // The potential a run starts from.
  Value v = scan.getV();
  double first = 0;
  FloatAttr filled;
  DenseElementsAttr elements;
  if (auto fill = v.getDefiningOp<linalg::FillOp>();
      fill && matchPattern(fill.getInputs()[0], m_Constant(&filled)))
    first = filled.getValueAsDouble();
  else if (matchPattern(v, m_Constant(&elements)) && elements.isSplat())
    first = elements.getSplatValue<APFloat>().convertToDouble();
  else
    return none;
  int64_t steps = cast<RankedTensorType>(scan.getOut().getType()).getDimSize(0);
  if (!known || (!leaks && ShapedType::isDynamic(steps)))
    return none;

  for (int64_t i = 0; i < neurons; ++i) {
    // What is forgotten in a step, of the distance to the leak.
    double lost = 0;
    if (leaks) {
      bool kept =
          !scan.getTau() && (scan.getIntegrator() == Integrator::Impulse ||
                             scan.getIntegrator() == Integrator::Exponential);
      lost = scan.getTau() ? 1 / part[i] : kept ? 1 - part[i] : part[i];
    }
    // Only then is a step monotone in what it is given.
    if (gain[i] < 0 || (leaks && !(lost > 1e-4 && lost <= 1)))
      continue;
    double drive = gain[i] * current->most[i],
           size = gain[i] * current->size[i], most, largest;
    bool whole = scan.getIntegrator() == Integrator::Euler ||
                 scan.getIntegrator() == Integrator::Exponential;
    double terms = leaks ? 1 / lost : static_cast<double>(steps);
    if (!leaks)
      most = std::max(first, minimum[i]) + std::max(drive, 0.0) * steps;
    else
      most = std::max(first, leak[i] + (whole ? drive : drive / lost));
    most = std::max(most, minimum[i]);
    largest = std::abs(first) + std::abs(leak[i]) + size * (whole ? 1 : terms) +
              std::abs(threshold[i]);
    if (std::isfinite(minimum[i]))
      largest += std::abs(minimum[i]);
    // Each step rounds a few times, and so does the sum of the current, whose
    // terms are as many as a synapse has; an f32 has 24 bits.
    double rounding = largest * std::ldexp(1.0, -20) * terms +
                      size * std::ldexp(1.0, -10) * (whole ? 1 : terms);
    none[i] = most + rounding < threshold[i];
  }
  return none;
}
