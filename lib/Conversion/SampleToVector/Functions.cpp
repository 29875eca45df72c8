//===- Functions.cpp - functions on buffers -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Functions.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::sampling;

MemRefType plait::sampling::buffer(int64_t rank, Type element) {
  return MemRefType::get(SmallVector<int64_t>(rank, ShapedType::kDynamic),
                         element);
}

Functions::Functions(Location loc, SymbolTable &symbols, int64_t vectorBits)
    : symbols(symbols), e(loc, loc.getContext()), lanes(vectorBits / 32),
      index(e.getIndexType()), i1(e.getI1Type()), i32(e.getI32Type()),
      i64(e.getI64Type()), f32(e.getF32Type()) {}

func::FuncOp Functions::function(StringRef name, ArrayRef<Type> arguments,
                                 ArrayRef<Type> results, Body body) {
  OpBuilder::InsertionGuard guard(e);
  e.clearInsertionPoint();
  auto function = func::FuncOp::create(e, ("sample_" + name).str(),
                                       e.getFunctionType(arguments, results));
  function.setPrivate();
  function->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(e.getContext(), LLVM::Linkage::Internal));
  symbols.insert(function);
  Block *entry = function.addEntryBlock();
  e.setInsertionPointToStart(entry);
  Nums values = body(e.nums(entry->getArguments()));
  func::ReturnOp::create(e, llvm::to_vector_of<Value>(values));
  return function;
}

LLVM::LLVMFuncOp Functions::external(StringRef name,
                                     LLVM::LLVMFunctionType type) {
  auto function = symbols.lookup<LLVM::LLVMFuncOp>(name);
  if (!function) {
    OpBuilder::InsertionGuard guard(e);
    e.clearInsertionPoint();
    function = LLVM::LLVMFuncOp::create(e, name, type);
    symbols.insert(function);
  }
  return function;
}

Nums Functions::call(func::FuncOp callee, ArrayRef<Num> arguments) {
  SmallVector<Value> operands;
  for (auto [argument, type] :
       llvm::zip_equal(arguments, callee.getArgumentTypes()))
    operands.push_back(argument.type() == type
                           ? argument.value
                           : memref::CastOp::create(e, type, argument));
  return e.nums(func::CallOp::create(e, callee, operands).getResults());
}

void Functions::forall(ArrayRef<Num> bounds, function_ref<void(Nums)> body) {
  auto sizes = llvm::map_to_vector(
      bounds, [](Num bound) { return OpFoldResult(bound.value); });
  auto loop = scf::ForallOp::create(e, sizes, ValueRange(), std::nullopt);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(loop.getBody());
  body(e.nums(loop.getInductionVars()));
}

Num Functions::threadCount() {
  auto function =
      external("plait_get_num_threads", LLVM::LLVMFunctionType::get(i64, {}));
  auto call = LLVM::CallOp::create(e, function, ValueRange());
  return e.to(e.num(call.getResult()), index);
}

Num Functions::dim(Num memory, int64_t dimension) {
  return e.num(memref::DimOp::create(e, memory, dimension));
}

static SmallVector<Value> valuesOf(ArrayRef<Num> nums) {
  return SmallVector<Value>(nums.begin(), nums.end());
}

Num Functions::loadScalar(Num memory, ArrayRef<Num> at) {
  return e.num(memref::LoadOp::create(e, memory, valuesOf(at)));
}

Num Functions::loadVector(Num memory, ArrayRef<Num> at) {
  Type element = cast<MemRefType>(memory.type()).getElementType();
  auto type = VectorType::get({lanes}, element);
  return e.num(vector::LoadOp::create(e, type, memory, valuesOf(at)));
}

Num Functions::loadBits(Num words, Num firstWord, Num at) {
  Num word = loadScalar(words, {firstWord + at / 32});
  Num bits = e.to(word >> e.to(at % 32, i32), e.getIntegerType(lanes));
  Value one =
      vector::BroadcastOp::create(e, VectorType::get({1}, bits.type()), bits);
  return e.bitcast(e.num(one), VectorType::get({lanes}, i1));
}

void Functions::askFor(Num logits, Num row, Num group) {
  Type element = cast<MemRefType>(logits.type()).getElementType();
  int64_t line = 64 * 8 / element.getIntOrFloatBitWidth();
  for (int64_t at = 0; at < groupSize; at += line)
    memref::PrefetchOp::create(e, logits,
                               ValueRange{row, group * groupSize + at},
                               /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
}

MemRefType Functions::rowType(Type element) {
  return MemRefType::get(
      {ShapedType::kDynamic}, element,
      StridedLayoutAttr::get(e.getContext(), ShapedType::kDynamic, {1}));
}

Num Functions::rowOf(Num memory, Num row) {
  SmallVector<OpFoldResult> at = {row.value, e.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes = {e.getIndexAttr(1), dim(memory, 1).value};
  SmallVector<OpFoldResult> ones(2, e.getIndexAttr(1));
  Type element = cast<MemRefType>(memory.type()).getElementType();
  return e.num(
      memref::SubViewOp::create(e, rowType(element), memory, at, sizes, ones));
}

void Functions::store(Num value, Num memory, ArrayRef<Num> at) {
  if (isa<VectorType>(value.type()))
    vector::StoreOp::create(e, value, memory, valuesOf(at));
  else
    memref::StoreOp::create(e, value, memory, valuesOf(at));
}

Num Functions::widen(Num logits) {
  Type type = f32;
  if (getElementTypeOrSelf(logits.type()) == type)
    return logits;
  if (auto vector = dyn_cast<VectorType>(logits.type()))
    type = VectorType::get(vector.getShape(), f32);
  return e.num(
      arith::ExtFOp::create(e, type, logits, arith::FastMathFlagsAttr()));
}
