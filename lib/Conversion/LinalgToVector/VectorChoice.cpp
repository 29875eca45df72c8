//===- VectorChoice.cpp - which loop of a linalg op is vectors -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorLoops.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait;

static std::optional<vector::CombiningKind> kindOf(Operation *op) {
  using Kind = vector::CombiningKind;
  return llvm::TypeSwitch<Operation *, std::optional<Kind>>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return Kind::ADD; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return Kind::MUL; })
      .Case([](arith::MaximumFOp) { return Kind::MAXIMUMF; })
      .Case([](arith::MinimumFOp) { return Kind::MINIMUMF; })
      .Case([](arith::MaxNumFOp) { return Kind::MAXNUMF; })
      .Case([](arith::MinNumFOp) { return Kind::MINNUMF; })
      .Case([](arith::MaxSIOp) { return Kind::MAXSI; })
      .Case([](arith::MinSIOp) { return Kind::MINSI; })
      .Case([](arith::MaxUIOp) { return Kind::MAXUI; })
      .Case([](arith::MinUIOp) { return Kind::MINUI; })
      .Case([](arith::AndIOp) { return Kind::AND; })
      .Case([](arith::OrIOp) { return Kind::OR; })
      .Case([](arith::XOrIOp) { return Kind::XOR; })
      .Default(std::nullopt);
}

/// Fills `combiners` if every result is a known combination of its old value
/// with one that does not depend on any old value, or an element of each step.
bool VectorLoops::matchCombiners() {
  Operation *yield = op.getBody()->getTerminator();
  SmallVector<Combiner> found;
  for (auto [yielded, old] :
       llvm::zip(yield->getOperands(), op.getRegionOutputArgs())) {
    OpOperand *init = op.getDpsInitOperand(found.size());
    if (old.use_empty() && op.getMatchingIndexingMap(init).isIdentity()) {
      found.push_back({});
      continue;
    }
    Operation *combined = yielded.getDefiningOp();
    auto kind = combined ? kindOf(combined) : std::nullopt;
    if (!kind || combined->getBlock() != op.getBody() || !old.hasOneUse() ||
        *old.user_begin() != combined || !combined->hasOneUse())
      return false;
    Value candidate = combined->getOperand(combined->getOperand(0) == old);
    found.push_back({combined, *kind, candidate});
  }
  combiners = found;
  return true;
}

/// The vector's length along `loop`.
int64_t VectorLoops::lanesFor(unsigned loop) {
  int64_t widest = 8;
  auto see = [&](Type type) {
    type = getElementTypeOrSelf(type);
    widest = std::max<int64_t>(
        widest, type.isIndex() ? 64 : type.getIntOrFloatBitWidth());
  };
  for (auto [index, access] : llvm::enumerate(nest->accesses))
    if (access && !isConstantIntValue(access->strides[loop], 0))
      see(access->buffer.element());
  op.getBody()->walk([&](Operation *inner) {
    for (Type type : inner->getResultTypes())
      if (isa<FloatType>(type))
        see(type);
  });
  int64_t lanes = bits / widest;
  if (auto size = getConstantIntValue(nest->loops[loop].size))
    lanes = std::min<int64_t>(lanes, llvm::PowerOf2Ceil(*size));
  return lanes;
}

/// An estimate of the time per element if `loop` is vectors.
double VectorLoops::cost(unsigned loop) {
  bool reduces = nest->loops[loop].reduction;
  double work = 1;
  for (unsigned operand = 0; operand < nest->accesses.size(); ++operand) {
    const std::optional<Access> &access = nest->accesses[operand];
    if (!access)
      continue;
    auto stride = getConstantIntValue(access->strides[loop]);
    bool written = operand >= inputs();
    if (stride && *stride == 0)
      work += written ? 0.5 : 0.1;
    else if (stride && *stride == 1)
      work += 1;
    else
      work += written ? 30 : 15;
  }
  auto size = getConstantIntValue(nest->loops[loop].size);
  int64_t lanes = lanesFor(loop);
  // A partly filled vector costs as much as a full one.
  double filled =
      size ? double(*size) / llvm::alignTo(std::max<int64_t>(*size, 1), lanes)
           : 1.0;
  double total = work / lanes / std::max(filled, 0.01);
  if (reduces && size)
    total += 10.0 / *size;
  return total;
}

/// Decides which loop is vectors. Fails if none can be.
bool VectorLoops::choose() {
  // What is carried through the reduction loops has one place.
  if (isReduction() && combiners.empty())
    for (const std::optional<Access> &result :
         ArrayRef(nest->accesses).drop_front(inputs()))
      for (auto [loop, stride] : llvm::zip_equal(nest->loops, result->strides))
        if (loop.reduction && !isConstantIntValue(stride, 0))
          return false;
  std::optional<double> best;
  for (unsigned loop = 0; loop < nest->loops.size(); ++loop) {
    if (nest->loops[loop].reduction && combiners.empty())
      continue;
    // Stored elements move with every loop; sums stay where they are.
    if (!nest->loops[loop].reduction && isReduction() &&
        summed.size() < op.getNumDpsInits())
      continue;
    bool possible = true;
    for (unsigned operand = 0; operand < nest->accesses.size(); ++operand)
      possible &= nest->isRegular(operand, loop);
    // A parallel loop that does not move a result writes it again and again.
    if (!nest->loops[loop].reduction)
      for (unsigned result = inputs(); result < nest->accesses.size(); ++result)
        possible &=
            !isConstantIntValue(nest->accesses[result]->strides[loop], 0);
    double here = cost(loop);
    if (possible && (!best || here <= *best)) {
      best = here;
      vectorLoop = loop;
    }
  }
  if (!best)
    return false;
  lanes = lanesFor(vectorLoop);
  if (lanes < 2)
    return false;

  int64_t work = 0;
  bool divides = false, narrow = false;
  op.getBody()->walk([&](Operation *inner) {
    bool costly = isa<math::MathDialect>(inner->getDialect()) &&
                  !isa<math::AbsFOp, math::SqrtOp, math::FmaOp>(inner);
    work += costly ? 12 : isa<arith::DivFOp>(inner) ? 4 : 1;
    // What masked lanes hold may trap.
    divides |=
        isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
            arith::CeilDivSIOp, arith::CeilDivUIOp, arith::FloorDivSIOp>(inner);
  });
  for (std::optional<Access> &access : nest->accesses)
    if (access) {
      narrow |= access->buffer.element().isIntOrFloat() &&
                access->buffer.element().getIntOrFloatBitWidth() < 32;
      // Each of their elements is moved by an instruction of its own.
      auto stride = getConstantIntValue(access->strides[vectorLoop]);
      work += stride && (*stride == 0 || *stride == 1) ? 0 : lanes;
    }
  // AVX-512 masks every element; AVX2 masks 32 and 64 bits.
  scalarTail = divides || bits < 256 || (bits < 512 && narrow);
  unroll = work > 16 ? 1 : work > 8 ? 2 : 4;
  if (nest->loops[vectorLoop].reduction)
    unroll = work > 16 ? 2 : 4;
  if (auto size = getConstantIntValue(nest->loops[vectorLoop].size))
    unroll = std::clamp<int64_t>(*size / lanes, 1, unroll);

  for (unsigned loop = 0; loop < nest->loops.size(); ++loop)
    if (loop != vectorLoop)
      (nest->loops[loop].reduction ? inner : outer).push_back(loop);
  return true;
}
