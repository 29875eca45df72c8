//===- Emitter.cpp - the arithmetic of sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "plait/Dialect/Sample/IR/Exp2Table.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace plait::sample;

namespace {

/// 1 / (1 + i / 128) in Q63, rounded up.
constexpr uint64_t inverseTable[128] = {
    0x8000000000000000, 0x7f01fc07f01fc080, 0x7e07e07e07e07e08,
    0x7d1196792909c560, 0x7c1f07c1f07c1f08, 0x7b301ecc07b301ed,
    0x7a44c6afc2dd9ca9, 0x795ceb240795ceb3, 0x7878787878787879,
    0x77975b8fe21a291d, 0x76b981dae6076b99, 0x75ded952e0b0ce46,
    0x7507507507507508, 0x7432d63dbb01d0cc, 0x73615a240e6c2b45,
    0x7292cc157b864408, 0x71c71c71c71c71c8, 0x70fe3c070fe3c071,
    0x70381c0e070381c1, 0x6f74ae26501bdd2c, 0x6eb3e45306eb3e46,
    0x6df5b0f768ce2cac, 0x6d3a06d3a06d3a07, 0x6c80d901b2036407,
    0x6bca1af286bca1b0, 0x6b15c06b15c06b16, 0x6a63bd81a98ef607,
    0x69b4069b4069b407, 0x6906906906906907, 0x685b4fe5e92c0686,
    0x67b23a5440cf6475, 0x670b453b92840671, 0x6666666666666667,
    0x65c393e032e1c9f1, 0x6522c3f35ba78195, 0x6483ed274388a357,
    0x63e7063e7063e707, 0x634c0634c0634c07, 0x62b2e43dafcea68e,
    0x621b97c2aec12653, 0x6186186186186187, 0x60f25deacafb74a4,
    0x6060606060606061, 0x5fd017f405fd0180, 0x5f417d05f417d060,
    0x5eb4882383b30d52, 0x5e293205e293205f, 0x5d9f7390d2a6c406,
    0x5d1745d1745d1746, 0x5c90a1fd1b7af018, 0x5c0b81702e05c0b9,
    0x5b87ddad0cdf1b2d, 0x5b05b05b05b05b06, 0x5a84f3454dca4110,
    0x5a05a05a05a05a06, 0x5987b1a9448be406, 0x590b21642c8590b3,
    0x588fe9dc0588fe9e, 0x5816058160581606, 0x579d6ee340579d6f,
    0x572620ae4c415c99, 0x56b015ac056b015b, 0x563b48c20563b48d,
    0x55c7b4f141ace689, 0x5555555555555556, 0x54e42523d03fab1c,
    0x54741fab8be05475, 0x5405405405405406, 0x5397829cbc14e5e1,
    0x532ae21c96bdb9d4, 0x52bf5a814afd6a06, 0x5254e78ecb419ba9,
    0x51eb851eb851eb86, 0x51832f1fd73e6871, 0x511be1958b67ebba,
    0x50b59897547e1bbf, 0x5050505050505051, 0x4fec04fec04fec05,
    0x4f88b2f392a409f2, 0x4f265691eeaf9d11, 0x4ec4ec4ec4ec4ec5,
    0x4e6470b061fd8cdd, 0x4e04e04e04e04e05, 0x4da637cf781d1e55,
    0x4d4873ecade304d5, 0x4ceb916d5ef2c784, 0x4c8f8d28ac42fd9c,
    0x4c346404c346404d, 0x4bda12f684bda130, 0x4b8097012e025c05,
    0x4b27ed3604b27ed4, 0x4ad012b404ad012c, 0x4a7904a7904a7905,
    0x4a22c04a22c04a23, 0x49cd42e2049cd42f, 0x497889c2024bc44f,
    0x4924924924924925, 0x48d159e26af37c05, 0x487ede0487ede049,
    0x482d1c319f03621e, 0x47dc11f7047dc120, 0x478bbcecfee1d10d,
    0x473c1ab68a0473c2, 0x46ed29011bb4a405, 0x469ee58469ee5847,
    0x46514e02328a7012, 0x4604604604604605, 0x45b81a2509cde3ae,
    0x456c797dd49c3412, 0x45217c382b34eda4, 0x44d72044d72044d8,
    0x448d639d74c0cda9, 0x4444444444444445, 0x43fbc043fbc043fc,
    0x43b3d5af9a723f79, 0x436c82a23d1a5664, 0x4325c53ef368eb05,
    0x42df9bb096771e4e, 0x429a0429a0429a05, 0x4254fce404254fcf,
    0x4210842108421085, 0x41cc98291fdf19b4, 0x4189374bc6a7ef9e,
    0x41465fdf5cd01052, 0x4104104104104105, 0x40c246d47d78693c,
    0x4081020408102041, 0x4040404040404041};

/// Minus the log2 of those in Q56, rounded to nearest.
constexpr uint64_t log2Table[128] = {0x0,
                                     0x2dfca16dde10a,
                                     0x5b9e5a170b48a,
                                     0x88e68ea899a09,
                                     0xb5d69bac77ec4,
                                     0xe26fd5c8555af,
                                     0x10eb389fa29f9b,
                                     0x13aa2fdd27f1c3,
                                     0x1663f6fac91316,
                                     0x1918a16e46335b,
                                     0x1bc84240adabba,
                                     0x1e72ec117fa5b2,
                                     0x2118b119b4f3c7,
                                     0x23b9a32eaa56f7,
                                     0x2655d3c4f15c34,
                                     0x28ed53f307ee9a,
                                     0x2b803473f7ad0f,
                                     0x2e0e85a9de04fe,
                                     0x309857a05e0766,
                                     0x331dba0efce1be,
                                     0x359ebc5b69d928,
                                     0x381b6d9bb29bdd,
                                     0x3a93dc9864b2e0,
                                     0x3d0817ce9cd49a,
                                     0x3f782d7204d014,
                                     0x41e42b6ec0c026,
                                     0x444c1f6b4c2dd7,
                                     0x46b016ca47c1c1,
                                     0x49101eac381ce6,
                                     0x4b6c43f1366abe,
                                     0x4dc4933a9337b3,
                                     0x501918ec6c1126,
                                     0x5269e12f346e2c,
                                     0x54b6f7f1325ace,
                                     0x570068e7ef5a1e,
                                     0x59463f919dee9c,
                                     0x5b888736743379,
                                     0x5dc74ae9fbecf0,
                                     0x6002958c587151,
                                     0x623a71cb82c897,
                                     0x646eea247c5c23,
                                     0x66a008e4788cbd,
                                     0x68cdd829fd8142,
                                     0x6af861e5fc7d24,
                                     0x6d1fafdce20a83,
                                     0x6f43cba79e40c3,
                                     0x7164beb4a56d5a,
                                     0x73829248e961f3,
                                     0x759d4f80cba83c,
                                     0x77b4ff5108d931,
                                     0x79c9aa879d5348,
                                     0x7bdb59cca38882,
                                     0x7dea15a32c1b3b,
                                     0x7ff5e66a0ffe6b,
                                     0x81fed45cbccbfa,
                                     0x8404e793fb81eb,
                                     0x86082806b1d533,
                                     0x88089d8a9e4754,
                                     0x8a064fd50f2a1d,
                                     0x8c01467b94bb52,
                                     0x8df988f4ae806f,
                                     0x8fef1e98740932,
                                     0x91e20ea1393e40,
                                     0x93d2602c2e5fc0,
                                     0x95c01a39fbd688,
                                     0x97ab43af59f931,
                                     0x9993e355a4e536,
                                     0x9b79ffdb6c8b12,
                                     0x9d5d9fd5010b36,
                                     0x9f3ec9bcfb80b3,
                                     0xa11d83f4c3554b,
                                     0xa2f9d4c51039c5,
                                     0xa4d3c25e68dc58,
                                     0xa6ab52d99e7622,
                                     0xa8808c384547c7,
                                     0xaa5374652a1c6e,
                                     0xac241134c4e99e,
                                     0xadf26865a8a1a5,
                                     0xafbe7fa0f04d76,
                                     0xb1885c7aa98242,
                                     0xb35004723c465e,
                                     0xb5157cf2d07850,
                                     0xb6d8cb53b0ca4f,
                                     0xb899f4d8ab63df,
                                     0xba58feb2703a9e,
                                     0xbc15edfeed32bc,
                                     0xbdd0c7c9a81720,
                                     0xbf89910c1678af,
                                     0xc1404eadf38397,
                                     0xc2f5058593d931,
                                     0xc4a7ba58377c5a,
                                     0xc65871da59ddee,
                                     0xc80730b0001668,
                                     0xc9b3fb6d055975,
                                     0xcb5ed69565afaf,
                                     0xcd07c69d87027f,
                                     0xceaecfea80859b,
                                     0xd053f6d2608967,
                                     0xd1f73f9c70c0f7,
                                     0xd398ae8179063e,
                                     0xd53847ac00a69c,
                                     0xd6d60f388e4197,
                                     0xd8720935e6435f,
                                     0xda0c39a548045f,
                                     0xdba4a47aa996d2,
                                     0xdd3b4d9cf24b20,
                                     0xded038e633f36e,
                                     0xe0636a23e2ee9b,
                                     0xe1f4e5170d02aa,
                                     0xe384ad748f0e3b,
                                     0xe512c6e54998b2,
                                     0xe69f3506544836,
                                     0xe829fb693044b4,
                                     0xe9b31d93f98ea9,
                                     0xeb3a9f01975078,
                                     0xecc08321eb30a6,
                                     0xee44cd59ffab63,
                                     0xefc78104357962,
                                     0xf148a170700a01,
                                     0xf2c831e4411673,
                                     0xf446359b135395,
                                     0xf5c2afc65447d8,
                                     0xf73da38d9d4a84,
                                     0xf8b7140edbb182,
                                     0xfa2f045e7832aa,
                                     0xfba577877d7d6f,
                                     0xfd1a708bbe119b,
                                     0xfe8df263f957ca};

/// log2(e) / k in Q62.
constexpr uint64_t series[7] = {0x5c551d94ae0bf85e, 0x2e2a8eca5705fc2f,
                                0x1ec709dc3a03fd75, 0x171547652b82fe17,
                                0x12776c50ef9bfe79, 0xf6384ee1d01feba,
                                0xd30bb153d6f6ca0};

/// Reads `table[entry]`, whose elements are i64.
Value lookUp(Emitter &e, ArrayRef<uint64_t> table, Value entry) {
  auto type = RankedTensorType::get(table.size(), e.getI64Type());
  Value values = e.constant(DenseElementsAttr::get(type, table));
  return tensor::ExtractOp::create(e, values, e.toIndex(entry));
}

/// A place in the total order, 0 for what is not a candidate.
Value placeOf(Emitter &e, Value logit) {
  // f32 to an unsigned integer of the same order; -0.0 becomes +0.0 first.
  Value zero = e.f32(0.0f);
  Value isZero = e.compare(FPredicate::OEQ, logit, zero);
  Value bits = arith::BitcastOp::create(e, e.getI32Type(),
                                        e.select(isZero, zero, logit));
  Value sign = e.sar(bits, e.i32(31));
  Value key = e.bitXor(bits, e.bitOr(sign, e.i32(INT32_MIN)));
  Value place =
      e.bitOr(e.shl(e.widen(key), e.i64(indexBits)), reversedIndex(e));
  return e.select(isCandidate(e, logit), place, e.i64(0));
}

} // namespace

//===----------------------------------------------------------------------===//
// Emitter
//===----------------------------------------------------------------------===//

Value Emitter::infinity(bool negative) {
  return constant(getFloatAttr(
      getF32Type(), APFloat::getInf(APFloat::IEEEsingle(), negative)));
}

Value Emitter::nan() {
  return constant(
      getFloatAttr(getF32Type(), APFloat::getNaN(APFloat::IEEEsingle())));
}

Value Emitter::mulhi(Value a, Value b) {
  return arith::MulUIExtendedOp::create(*this, a, b).getHigh();
}

Value Emitter::empty(Value like, int64_t rank, Type element) {
  SmallVector<OpFoldResult> sizes;
  for (int64_t i = 0; i < rank; ++i)
    sizes.push_back(tensor::getMixedSize(*this, getLoc(), like, i));
  return tensor::EmptyOp::create(*this, sizes, element);
}

Value Emitter::fill(Value like, int64_t rank, Value value) {
  Value output = empty(like, rank, value.getType());
  return linalg::FillOp::create(*this, value, output).getResult(0);
}

Value Emitter::generic(ValueRange inputs, Value output, Body body) {
  auto rankOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getRank();
  };
  unsigned loops = rankOf(output);
  for (Value input : inputs)
    loops = std::max<unsigned>(loops, rankOf(input));
  auto mapOf = [&](Value value) {
    return AffineMap::getMultiDimIdentityMap(loops, getContext())
        .getMajorSubMap(rankOf(value));
  };
  SmallVector<AffineMap> maps = llvm::map_to_vector(inputs, mapOf);
  maps.push_back(mapOf(output));
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::parallel);
  if (rankOf(output) < loops)
    iterators.back() = utils::IteratorType::reduction;
  auto op = linalg::GenericOp::create(
      *this, output.getType(), inputs, output, maps, iterators,
      [&](OpBuilder &builder, Location, ValueRange arguments) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(builder.getInsertionBlock(),
                          builder.getInsertionPoint());
        linalg::YieldOp::create(*this, body(arguments));
      });
  return op.getResult(0);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value plait::sample::isCandidate(Emitter &e, Value logit) {
  return e.compare(FPredicate::OGT, logit, e.infinity(true));
}

Value plait::sample::reversedIndex(Emitter &e) {
  return e.sub(e.i64(lastIndex), e.token());
}

Value plait::sample::toFixed(Emitter &e, Value z) {
  Value rounded = math::RoundEvenOp::create(e, e.mulF(z, e.f32(16777216.0f)));
  return e.widenSigned(arith::FPToSIOp::create(e, e.getI32Type(), rounded));
}

Value plait::sample::exp2(Emitter &e, Value t) {
  // A 32-bit mulhi is a 64-bit product's top.
  auto mulhi = [&](Value a, Value b) { return e.shr(e.mul(a, b), e.i64(32)); };
  Value shift = e.sub(e.i64(0), e.sar(t, e.i64(24)));
  Value fraction = e.bitAnd(t, e.i64(0xffffff));
  Value x = e.shl(e.bitAnd(fraction, e.i64(0x3ffff)), e.i64(8));
  Value a = mulhi(x, e.i64(2977044472));
  Value b = mulhi(a, a);
  Value c = mulhi(mulhi(b, a), e.i64(715827883));
  Value power = e.add(e.add(a, e.shr(b, e.i64(1))), c);
  Value base = lookUp(e, exp2Table, e.shr(fraction, e.i64(18)));
  Value weight = e.add(base, mulhi(base, power));
  return e.shr(e.shl(weight, e.i64(14)), shift);
}

Value plait::sample::log2(Emitter &e, Value x) {
  Value zeros = math::CountLeadingZerosOp::create(e, x);
  Value m = e.shl(x, zeros);
  Value i = e.bitAnd(e.shr(m, e.i64(56)), e.i64(127));
  Value f = e.mulhi(m, lookUp(e, inverseTable, i));
  f = e.shl(e.sub(f, e.i64(int64_t(1) << 62)), e.i64(2));
  Value p = e.i64(series[6]);
  for (int k = 5; k >= 0; --k)
    p = e.sub(e.i64(series[k]), e.mulhi(f, p));
  Value exponent = e.shl(e.sub(e.i64(63), zeros), e.i64(56));
  return e.add(e.add(exponent, lookUp(e, log2Table, i)),
               e.shr(e.mulhi(f, p), e.i64(6)));
}

Value plait::sample::shareOf(Emitter &e, Value p, Value total) {
  Value zero = e.f32(0.0f), one = e.f32(1.0f);
  Value inside = e.bitAnd(e.compare(FPredicate::OGT, p, zero),
                          e.compare(FPredicate::OLT, p, one));
  // p in Q64: exact from 2^-40 on, below that rounded down.
  Value scaled = e.mulF(e.select(inside, p, zero), e.f32(0x1p64f));
  Value fixed = arith::FPToUIOp::create(e, e.getI64Type(), scaled);
  auto product = arith::MulUIExtendedOp::create(e, fixed, total);
  Value hasRest = e.compare(IPredicate::ne, product.getLow(), e.i64(0));
  Value ceil = e.add(product.getHigh(), e.widen(hasRest));
  return e.select(e.compare(FPredicate::OGE, p, one), total, ceil);
}

Value plait::sample::removeUnless(Emitter &e, Value keep, Value kept,
                                  Value logit) {
  return e.select(e.isNaN(logit), logit,
                  e.select(keep, kept, e.infinity(true)));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value plait::sample::places(Emitter &e, Value logits) {
  return e.mapElements(logits, logits, e.getI64Type(),
                       [&](ValueRange in) { return placeOf(e, in[0]); });
}

Value plait::sample::bestPlaces(Emitter &e, Value places) {
  return e.reduceRows(places, places, e.i64(0),
                      [&](ValueRange in) { return e.maxU(in[0], in[1]); });
}

Value plait::sample::greatest(Emitter &e, Value logits) {
  return e.reduceRows(logits, logits, e.infinity(true), [&](ValueRange in) {
    Value above = e.compare(FPredicate::OGT, in[0], in[1]);
    return e.select(above, in[0], in[1]);
  });
}

Value plait::sample::fixedPoint(Emitter &e, Value logits) {
  return e.mapElements(
      logits, {logits, greatest(e, logits)}, e.getI64Type(),
      [&](ValueRange in) {
        // Two infinities differ by nothing, not by NaN.
        Value equal = e.compare(FPredicate::OEQ, in[0], in[1]);
        equal = e.bitAnd(equal, isCandidate(e, in[0]));
        Value difference = e.select(equal, e.f32(0.0f), e.subF(in[0], in[1]));
        Value z = e.mulF(difference, e.f32(0x1.715476p+0f));
        Value floor = e.f32(-45.0f);
        z = e.select(e.compare(FPredicate::OGT, z, floor), z, floor);
        return toFixed(e, z);
      });
}

Value plait::sample::weights(Emitter &e, Value logits, Value fixed) {
  return e.mapElements(
      logits, {logits, fixed}, e.getI64Type(), [&](ValueRange in) {
        return e.select(isCandidate(e, in[0]), exp2(e, in[1]), e.i64(0));
      });
}

Value plait::sample::sumRows(Emitter &e, Value values) {
  return e.reduceRows(values, values, e.i64(0),
                      [&](ValueRange in) { return e.add(in[0], in[1]); });
}

Value plait::sample::meanOf(Emitter &e, Value moment, Value total) {
  // Some weight is 2^44, so that only an empty row has a total below.
  Value divisor = e.maxU(total, e.i64(unitWeight));
  Value shift =
      e.sub(e.i64(64 - 34), math::CountLeadingZerosOp::create(e, divisor));
  return arith::DivUIOp::create(e, e.shl(e.shr(moment, shift), e.i64(24)),
                                e.shr(divisor, shift));
}

Value plait::sample::means(Emitter &e, Value fixed, Value weights,
                           Value total) {
  Value moment =
      e.reduceRows(fixed, {fixed, weights}, e.i64(0), [&](ValueRange in) {
        Value distance = e.shl(e.sub(e.i64(0), in[0]), e.i64(24));
        return e.add(in[2], e.mulhi(e.shl(in[1], e.i64(16)), distance));
      });
  return e.mapRows(fixed, {moment, total}, e.getI64Type(),
                   [&](ValueRange in) { return meanOf(e, in[0], in[1]); });
}

Value plait::sample::selectPlace(Emitter &e, Value places, Value masses,
                                 Value target, unsigned bits) {
  Value start = e.fill(places, 1, e.i64(0));
  auto loop =
      scf::ForOp::create(e, e.index(0), e.index(bits), e.index(1), start);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(loop.getBody());
  Value step =
      arith::IndexCastOp::create(e, e.getI64Type(), loop.getInductionVar());
  Value bit = e.shl(e.i64(1), arith::SubIOp::create(e, e.i64(bits - 1), step));
  Value found = loop.getRegionIterArg(0);
  Value reached = e.reduceRows(
      places, {places, masses, found}, e.i64(0), [&](ValueRange in) {
        Value above =
            e.compare(arith::CmpIPredicate::uge, in[0], e.bitOr(in[2], bit));
        return e.add(in[3], e.select(above, in[1], e.i64(0)));
      });
  // Writes over `found`, so that the loop carries one buffer.
  Value next = e.generic({reached, target}, found, [&](ValueRange in) {
    Value enough = e.compare(arith::CmpIPredicate::uge, in[0], in[1]);
    return e.select(enough, e.bitOr(in[2], bit), in[2]);
  });
  scf::YieldOp::create(e, next);
  return loop.getResult(0);
}

void plait::sample::checkShapes(Emitter &e, Operation *op, Value logits) {
  StringRef name = op->getName().getStringRef();
  auto isDynamic = [](Value value, int64_t dimension) {
    return cast<RankedTensorType>(value.getType()).isDynamicDim(dimension);
  };
  auto size = [&](Value value, int64_t dimension) {
    return tensor::DimOp::create(e, value, dimension);
  };
  auto check = [&](IPredicate predicate, Value got, Value wanted,
                   const Twine &expects) {
    cf::AssertOp::create(e, e.compare(predicate, got, wanted),
                         (name + ": expects " + expects).str());
  };
  auto checkEqual = [&](Value value, Value other, int64_t dimension,
                        const Twine &expects) {
    if (isDynamic(value, dimension) || isDynamic(other, dimension))
      check(IPredicate::eq, size(value, dimension), size(other, dimension),
            expects);
  };
  bool hasVocabulary = cast<RankedTensorType>(logits.getType()).getRank() == 2;
  if (hasVocabulary && isDynamic(logits, 1))
    check(IPredicate::ult, size(logits, 1), e.index(lastIndex + 1),
          "a vocabulary below " + Twine(lastIndex + 1));
  SmallVector<Value> others(op->getOperands().drop_front());
  SmallVector<CountOp> counts = countsOf(op);
  for (auto [other, count] : llvm::zip_equal(
           MutableArrayRef(others).take_back(counts.size()), counts))
    other = count.getTokens();
  // What a fused chain makes has its rows.
  if (isa<FusedOp>(op->getParentOp()))
    llvm::erase_if(others, [&](Value other) {
      return other.getParentBlock() == op->getBlock();
    });
  for (Value other : others)
    checkEqual(other, logits, 0, "as many rows of every operand");
  if (auto bitmask = dyn_cast<BitmaskOp>(op)) {
    Value words = bitmask.getWords();
    if (isDynamic(words, 1) || isDynamic(logits, 1))
      check(IPredicate::eq, size(words, 1),
            arith::CeilDivUIOp::create(e, size(logits, 1), e.index(32)),
            "a word for every 32 tokens");
  } else if (auto bias = dyn_cast<LogitBiasOp>(op)) {
    checkEqual(bias.getValues(), bias.getIds(), 1, "as many values as ids");
  } else if (counts.empty() && (isPenalty(op) || isa<TopPOp>(op))) {
    for (Value table : ArrayRef(others).drop_front())
      checkEqual(table, logits, 1, "a column for every token");
  }
}
