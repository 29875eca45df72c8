//===- Vectors.cpp - one vector of logits -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "plait/Dialect/Sample/IR/Exp2Table.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::sampling;

Num Kernel::loadGiven(const Group &group, Num at) {
  return widen(loadVector(group.logits, {at}));
}

Num Kernel::unremoved(const Group &group, Num at, Num logits) {
  if (!removes)
    return logits;
  Num mask = loadBits(group.mask, group.firstWord, at);
  return e.select(mask, logits, e.f32(-INFINITY));
}

Num Kernel::loadLogits(const Group &group, Num at) {
  return unremoved(group, at, loadGiven(group, at));
}

Num Kernel::divide(Num logits, Num temperature) {
  return op.getTemperature() ? logits / temperature : logits;
}

Num Kernel::iotaOf() {
  SmallVector<int32_t> lane = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
  return e.num(arith::ConstantOp::create(
      e,
      DenseElementsAttr::get(VectorType::get({lanes}, i32), ArrayRef(lane))));
}

static int64_t widthOf(Num vector) {
  return cast<VectorType>(vector.type()).getNumElements();
}

/// The upper halves of 32-bit products.
Num Kernel::mulhi32(Num a, Num b) {
  auto wide = VectorType::get({widthOf(a) / 2}, i64);
  Num x = e.bitcast(a, wide), y = e.bitcast(b, wide);
  Num even = (x & 0xffffffff) * (y & 0xffffffff);
  Num odd = (x >> 32) * (y >> 32);
  return e.bitcast((even >> 32) | (odd & -0x100000000), a.type());
}

Num Kernel::slice(Num vector, int64_t from, int64_t size) {
  return e.num(vector::ExtractStridedSliceOp::create(
      e, vector, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{size},
      ArrayRef<int64_t>{1}));
}

/// Entries of the table: a permutation of registers, once the code generator
/// has seen that every lane is an element at an index in a lane.
Num Kernel::exp2Entry(Num entries) {
  auto type = VectorType::get({lanes}, i32);
  Num all = e.constant(entries.type(), 0);
  for (int64_t from = 0; from < widthOf(entries); from += lanes) {
    Num entry = slice(entries, from, lanes), place = entry & (lanes - 1);
    SmallVector<Value> places;
    for (int64_t lane = 0; lane < lanes; ++lane)
      places.push_back(LLVM::ExtractElementOp::create(e, place, e.i64(lane)));
    Num result;
    for (int64_t first = 0; first < 64; first += lanes) {
      SmallVector<int32_t> some(sample::exp2Table + first,
                                sample::exp2Table + first + lanes);
      auto values = DenseElementsAttr::get(type, ArrayRef(some));
      Value table = arith::ConstantOp::create(e, values);
      Value found = LLVM::PoisonOp::create(e, type);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        Value value = LLVM::ExtractElementOp::create(e, table, places[lane]);
        found = LLVM::InsertElementOp::create(e, found, value, e.i64(lane));
      }
      result =
          first ? e.select(entry < first, result, e.num(found)) : e.num(found);
    }
    all = e.num(vector::InsertStridedSliceOp::create(
        e, result, all, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{1}));
  }
  return all;
}

Num Kernel::fixedOf(Num scaled, Num greatest) {
  Type word = i32;
  if (auto vector = dyn_cast<VectorType>(scaled.type()))
    word = VectorType::get(vector.getShape(), i32);
  // Two infinities differ by nothing, not by NaN.
  Num difference = e.select(scaled == greatest, e.constant(scaled.type(), 0),
                            scaled - greatest);
  // Scaling by 2^24 is exact, so it may come before the product is rounded.
  Num z = difference * e.f32(0x1.715476p+24);
  z = e.max(z,
            e.constant(z.type(), -45.0 * (1 << 24))); // A NaN weighs nothing.
  return e.num(LLVM::LrintOp::create(e, word, z));    // Ties to even.
}

std::pair<Num, Num> Kernel::weigh2(Num scaled, Num greatest) {
  int64_t width = widthOf(scaled);
  auto word = VectorType::get({width}, i32),
       wide = VectorType::get({width / 2}, i64);
  Num t = fixedOf(scaled, greatest);

  Num x = (t & 0x3ffff) << 8;                                 // Q32, below 2^-6
  Num a = mulhi32(x, e.constant(word, int32_t(2977044472u))); // x * ln 2
  Num b = mulhi32(a, a);
  // Below 2^13, where that is an exact division by six, as 715827883 is.
  Num c = (mulhi32(b, a) * 43691) >> 18;
  Num power = a + (b >> 1) + c; // 2^x - 1
  Num base = exp2Entry((t >> 18) & 63);
  Num weight = base + mulhi32(base, power); // Q30

  // (weight << 14) >> -floor(t), where the weight is a word's upper half.
  Num shift = e.constant(word, 18) -
              e.num(arith::ShRSIOp::create(e, t, e.constant(word, 24)));
  weight = e.bitcast(weight, wide);
  shift = e.bitcast(shift, wide);
  return {(weight << 32) >> (shift & 0xffffffff),
          (weight & -0x100000000) >> (shift >> 32)};
}

Num Kernel::weighInOrder(Num scaled, Num greatest) {
  auto [even, odd] = weigh2(scaled, greatest);
  return e.num(vector::InterleaveOp::create(e, even, odd));
}

Num Kernel::estimate(Num logits, const Line &line) {
  Type floats = logits.type(), words = VectorType::get({widthOf(logits)}, i32);
  auto fma = [&](Num a, Num b, Num c) {
    return e.num(math::FmaOp::create(e, e.fit(a, floats), e.fit(b, floats),
                                     e.fit(c, floats)));
  };
  // A NaN weighs as little as what is clamped.
  Num z = e.max(fma(logits, line.scale, line.offset), e.constant(floats, -45));
  // The low bits of `shifted` are the nearest integer.
  Num magic = e.constant(floats, 0x1.8p+23), shifted = z + magic;
  Num x = z - (shifted - magic), power = e.f32(0x1.5bb9e4p-10);
  // 2^x for |x| <= 1/2, within 3 * 2^-24 with what is rounded here.
  for (double c :
       {0x1.3ceab6p-7, 0x1.c6b754p-5, 0x1.ebf9bcp-3, 0x1.62e42ap-1, 1.0})
    power = fma(power, x, e.f32(c));
  Num exponent = e.bitcast(shifted, words) << 23;
  return e.bitcast(e.bitcast(power, words) + exponent, floats);
}

Num Kernel::append(Num vector, Num mask, Num memory, Num at) {
  // No more than a register at a time, which is one instruction where there
  // is one.
  auto type = cast<VectorType>(vector.type());
  int64_t size = type.getNumElements();
  if (size * type.getElementTypeBitWidth() > 32 * lanes) {
    Num middle = append(slice(vector, 0, size / 2), slice(mask, 0, size / 2),
                        memory, at);
    return append(slice(vector, size / 2, size / 2),
                  slice(mask, size / 2, size / 2), memory, middle);
  }
  // By its name, as bufferization knows the effects of calls, but not those of
  // `llvm.call_intrinsic`.
  bool isFloat = type.getElementType() == f32;
  std::string name =
      ("llvm.experimental.vector.compress.v" + Twine(size) +
       (isFloat ? "f" : "i") + Twine(type.getElementTypeBitWidth()))
          .str();
  auto function = LLVM::LLVMFunctionType::get(type, {type, mask.type(), type});
  Value none = LLVM::PoisonOp::create(e, type);
  Num packed = e.num(LLVM::CallOp::create(e, external(name, function),
                                          ValueRange{vector, mask, none})
                         .getResult());
  store(packed, memory, at);
  return at + e.to(e.num(math::CtPopOp::create(e, bitsOf(mask))), index);
}

/// A bit per lane.
Num Kernel::bitsOf(Num mask) {
  auto word = VectorType::get({1}, e.getIntegerType(widthOf(mask)));
  return e.num(vector::ExtractOp::create(e, e.bitcast(mask, word),
                                         ArrayRef<int64_t>{0}));
}

Num Kernel::reduceMax(Num vector) {
  for (int64_t size = widthOf(vector) / 2; size >= 1; size /= 2)
    vector = e.max(slice(vector, 0, size), slice(vector, size, size));
  return e.num(vector::ExtractOp::create(e, vector, ArrayRef<int64_t>{0}));
}

Num Kernel::reduceAdd(Num vector) {
  return e.num(
      vector::ReductionOp::create(e, vector::CombiningKind::ADD, vector.value));
}

/// A signed integer of the same order as an f32, and back.
Num Kernel::keyOf(Num value) {
  Num bits = e.bitcast(value + e.f32(0), i32); // -0.0 becomes +0.0
  Num sign = e.num(arith::ShRSIOp::create(e, bits, e.i32(31)));
  return bits ^ (sign & 0x7fffffff);
}

Num Kernel::valueOf(Num key) {
  Num sign = e.num(arith::ShRSIOp::create(e, key, e.i32(31)));
  return e.bitcast(key ^ (sign & 0x7fffffff), f32);
}
