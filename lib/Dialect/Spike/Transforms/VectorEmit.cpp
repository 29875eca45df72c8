//===- VectorEmit.cpp - vector loops over blocks of neurons ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorEmit.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace plait::spike;

Value Emitter::index(OpFoldResult value) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), value);
}

Value Emitter::splat(VectorType type, double value) {
  return arith::ConstantOp::create(
      *this,
      DenseElementsAttr::get(type, getFloatAttr(type.getElementType(), value)));
}

Value Emitter::read(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return bufferization::ToBufferOp::create(
      *this, MemRefType::get(type.getShape(), type.getElementType()), tensor,
      /*read_only=*/true);
}

Value Emitter::alloc(ArrayRef<OpFoldResult> sizes, Type element) {
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(sizes, dynamic, shape);
  return memref::AllocOp::create(*this, MemRefType::get(shape, element),
                                 dynamic, getI64IntegerAttr(64));
}

Value Emitter::toTensor(Value buffer, Type type) {
  auto own = cast<MemRefType>(buffer.getType());
  Value tensor = bufferization::ToTensorOp::create(
      *this, RankedTensorType::get(own.getShape(), own.getElementType()),
      buffer, /*restrict=*/true, /*writable=*/true);
  if (tensor.getType() != type)
    tensor = tensor::CastOp::create(*this, type, tensor);
  return tensor;
}

SmallVector<Value> Emitter::loop(
    Value from, Value to, ValueRange inits,
    function_ref<SmallVector<Value>(Emitter &, Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      *this, from, to, index(1), inits,
      [&](OpBuilder &b, Location loc, Value i, ValueRange carried) {
        Emitter nested(loc, b);
        scf::YieldOp::create(b, loc, body(nested, i, carried));
      });
  return SmallVector<Value>(loop.getResults());
}

void Emitter::tasks(ArrayRef<OpFoldResult> counts,
                    function_ref<void(Emitter &, ValueRange)> body) {
  scf::ForallOp::create(*this, counts, ValueRange(), std::nullopt,
                        [&](OpBuilder &b, Location loc, ValueRange at) {
                          Emitter nested(loc, b);
                          body(nested, at);
                          scf::InParallelOp::create(b, loc);
                        });
}

Value Emitter::appendBits(Value word, Value base, Value length, Value list,
                          ValueRange slot) {
  Type type = word.getType();
  auto loop = scf::WhileOp::create(
      *this, TypeRange{type, getIndexType()}, ValueRange{word, length},
      [&](OpBuilder &b, Location loc, ValueRange state) {
        Value zero =
            arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, 0));
        Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                           state[0], zero);
        scf::ConditionOp::create(b, loc, more, state);
      },
      [&](OpBuilder &b, Location loc, ValueRange state) {
        Emitter e(loc, b);
        Value place =
            e.add(base, arith::IndexCastUIOp::create(
                            e, e.getIndexType(),
                            math::CountTrailingZerosOp::create(e, state[0])));
        SmallVector<Value> at(slot);
        at.push_back(state[1]);
        memref::StoreOp::create(
            e, arith::IndexCastOp::create(e, e.getI32Type(), place), list, at);
        Value one = arith::ConstantOp::create(e, e.getIntegerAttr(type, 1));
        Value rest = arith::AndIOp::create(
            e, state[0], arith::SubIOp::create(e, state[0], one));
        scf::YieldOp::create(e, ValueRange{rest, e.add(state[1], e.index(1))});
      });
  return loop.getResult(1);
}

Value Emitter::toWord(Value bits) {
  int64_t lanes = cast<VectorType>(bits.getType()).getNumElements();
  Value word = vector::BitCastOp::create(
      *this, VectorType::get({1}, getIntegerType(lanes)), bits);
  return vector::ExtractOp::create(*this, word, 0);
}

Value Emitter::toBits(Value word) {
  auto vector = VectorType::get({1}, word.getType());
  return vector::BitCastOp::create(
      *this,
      VectorType::get({word.getType().getIntOrFloatBitWidth()}, getI1Type()),
      vector::BroadcastOp::create(*this, vector, word));
}

Value LaneBlock::load(Emitter &b, Value buffer, ValueRange at) const {
  auto type = VectorType::get(
      {lanes}, cast<MemRefType>(buffer.getType()).getElementType());
  SmallVector<Value> indices(at);
  indices.push_back(start);
  if (!mask)
    return vector::LoadOp::create(b, type, buffer, indices);
  return vector::MaskedLoadOp::create(b, type, buffer, indices, mask,
                                      b.splat(type, 0));
}

void LaneBlock::store(Emitter &b, Value vector, Value buffer,
                      ValueRange at) const {
  SmallVector<Value> indices(at);
  indices.push_back(start);
  if (mask)
    vector::MaskedStoreOp::create(b, buffer, indices, mask, vector);
  else
    vector::StoreOp::create(b, vector, buffer, indices);
}

LaneBlock plait::spike::getBlock(Emitter &b, Value i, int64_t size,
                                 int64_t lanes) {
  LaneBlock block{b.mul(i, b.index(lanes)), Value(), lanes};
  if (size % lanes)
    block.mask = vector::CreateMaskOp::create(
        b, VectorType::get({lanes}, b.getI1Type()),
        ValueRange{arith::SubIOp::create(b, b.index(size), block.start)});
  return block;
}

Parameters plait::spike::loadParameters(Emitter &b, const Parameters &buffers,
                                        const LaneBlock &block, VectorType type,
                                        ValueRange place) {
  Parameters vectors{};
  for (auto [vector, buffer] : llvm::zip_equal(vectors, buffers)) {
    if (!buffer)
      continue;
    int64_t rank = cast<MemRefType>(buffer.getType()).getRank();
    if (rank == 0)
      vector = vector::BroadcastOp::create(
          b, type, memref::LoadOp::create(b, buffer, ValueRange()));
    else
      vector = block.load(b, buffer, place.take_back(rank - 1));
  }
  return vectors;
}

int64_t plait::spike::lanesFor(int64_t neurons) {
  return neurons <= 16 ? 16 : neurons <= 32 ? 32 : 64;
}

Value plait::spike::padColumns(Emitter &b, Value weights, int64_t lanes) {
  auto type = cast<RankedTensorType>(weights.getType());
  int64_t columns = type.getShape().back();
  int64_t more = llvm::alignTo(columns, lanes) - columns;
  if (more == 0)
    return weights;
  SmallVector<int64_t> shape(type.getShape());
  shape.back() += more;
  SmallVector<OpFoldResult> low(type.getRank(), b.getIndexAttr(0)), high(low);
  high.back() = b.getIndexAttr(more);
  Value zero =
      arith::ConstantOp::create(b, b.getFloatAttr(type.getElementType(), 0));
  return tensor::PadOp::create(
      b, RankedTensorType::get(shape, type.getElementType()), weights, low,
      high, zero);
}
