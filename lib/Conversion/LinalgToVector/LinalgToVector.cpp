//===- LinalgToVector.cpp - contractions to vector loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two kernels cover every layout. With both operands contiguous along a summed
// dimension k,
//
//   dot:    C[m, n] += sum over lanes of A[m, k : k+L] * B[n, k : k+L]
//
// and with one operand and the result contiguous along the same dimension n,
//
//   outer:  C[m, n : n+L] += A[m, k] * B[k, n : n+L].
//
// A tile of rows m and columns n stays in registers over the whole sum. What
// fits neither is packed first.
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/TargetParser/Host.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTLINALGCONTRACTIONSTOVECTOR
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// One multiplied operand: the buffer, how loops index it, and the cast that
/// the body applies to its elements.
struct Operand {
  Value buffer;
  AffineMap map;
  Operation *widening = nullptr;

  bool has(unsigned dim) const {
    return llvm::any_of(map.getResults(), [&](AffineExpr result) {
      return cast<AffineDimExpr>(result).getPosition() == dim;
    });
  }

  /// The loop along which neighbours are adjacent in memory.
  std::optional<unsigned> contiguousDim() const {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (map.getNumResults() == 0 ||
        failed(type.getStridesAndOffset(strides, offset)) ||
        strides.back() != 1)
      return std::nullopt;
    return cast<AffineDimExpr>(map.getResults().back()).getPosition();
  }
};

/// How large a register tile is.
struct Shape {
  int64_t lanes, dotRows, dotColumns, outerRows, outerVectors;

  static Shape get(int64_t vectorBits, Type element) {
    int64_t lanes =
        std::max<int64_t>(1, vectorBits / element.getIntOrFloatBitWidth());
    // 32 registers hold 16 accumulators; 16 registers hold 8 to 12.
    if (vectorBits >= 512)
      return {lanes, 4, 4, 8, 2};
    return {lanes, 2, 4, 6, 2};
  }
};

class Contraction {
public:
  /// The contraction that `op` is, if it is one.
  static std::optional<Contraction> match(linalg::GenericOp op);

  LogicalResult lower(int64_t vectorBits);

private:
  using TileBody = function_ref<void(OpBuilder &, Value iv, int64_t size)>;

  void forTiles(OpBuilder &b, std::optional<unsigned> dim, int64_t tile,
                TileBody body);
  SmallVector<Value> forSum(
      OpBuilder &b, ArrayRef<unsigned> dims, SmallVector<Value> sums,
      function_ref<SmallVector<Value>(OpBuilder &, SmallVector<Value>)> body);
  void lowerDot(OpBuilder &b);
  void lowerOuter(OpBuilder &b);
  void dotTile(OpBuilder &b, int64_t rows, int64_t columns);
  void outerTile(OpBuilder &b, int64_t rows, int64_t vectors, Value mask);
  LogicalResult pack(OpBuilder &b);

  SmallVector<Value> indices(OpBuilder &b, AffineMap map,
                             std::optional<unsigned> dim = std::nullopt,
                             int64_t shift = 0,
                             std::optional<unsigned> dim2 = std::nullopt,
                             int64_t shift2 = 0);
  Value loadVector(OpBuilder &b, const Operand &from, ArrayRef<Value> at,
                   Value mask);
  Value extend(OpBuilder &b, const Operand &from, Value value);
  Value multiplyAdd(OpBuilder &b, Value x, Value y, Value sum);
  Value add(OpBuilder &b, Value x, Value y);
  Value zeros(OpBuilder &b);
  VectorType vectorOf(Type element) const {
    return VectorType::get({shape.lanes}, element);
  }
  Value toStored(OpBuilder &b, Value sum);
  Value fromStored(OpBuilder &b, Value stored);
  bool divides(int64_t tile, unsigned dim) const {
    auto size = getConstantIntValue(sizes[dim]);
    return size && *size % tile == 0;
  }

  linalg::GenericOp op;
  Location loc;
  Operand lhs, rhs, result;
  SmallVector<unsigned> batch, rowDims, columnDims, sumDims;
  /// The type of a sum in a register.
  Type sumType;
  Shape shape = {};
  SmallVector<OpFoldResult> sizes;
  SmallVector<Value> ivs;

  explicit Contraction(linalg::GenericOp op) : op(op), loc(op.getLoc()) {}
};

/// `value` without the widening cast on it.
Value stripCast(Value value, Operation *&cast) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(op)) {
    cast = op;
    return op->getOperand(0);
  }
  return value;
}

std::optional<Contraction> Contraction::match(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0 ||
      llvm::any_of(op.getIndexingMapsArray(),
                   [](AffineMap map) { return !map.isProjectedPermutation(); }))
    return std::nullopt;
  Block &body = *op.getBody();
  Operation *sum = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum))
    return std::nullopt;
  BlockArgument old = body.getArgument(2);
  unsigned product = sum->getOperand(0) == old ? 1 : 0;
  if (sum->getOperand(1 - product) != old || !old.hasOneUse())
    return std::nullopt;
  Operation *mul = sum->getOperand(product).getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(mul))
    return std::nullopt;

  Contraction c(op);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  Value x = stripCast(mul->getOperand(0), c.lhs.widening);
  Value y = stripCast(mul->getOperand(1), c.rhs.widening);
  unsigned first = x == body.getArgument(0) ? 0 : 1;
  if (x != body.getArgument(first) || y != body.getArgument(1 - first))
    return std::nullopt;
  // Nothing but the product, its casts and the sum.
  if (body.getOperations().size() !=
      3u + (c.lhs.widening ? 1 : 0) + (c.rhs.widening ? 1 : 0))
    return std::nullopt;
  c.lhs.buffer = op.getDpsInputOperand(first)->get();
  c.lhs.map = maps[first];
  c.rhs.buffer = op.getDpsInputOperand(1 - first)->get();
  c.rhs.map = maps[1 - first];
  c.result.buffer = op.getDpsInits()[0];
  c.result.map = maps[2];
  for (unsigned dim = 0, e = op.getNumLoops(); dim < e; ++dim) {
    bool l = c.lhs.has(dim), r = c.rhs.has(dim), o = c.result.has(dim);
    if (o && l && r)
      c.batch.push_back(dim);
    else if (o && l)
      c.rowDims.push_back(dim);
    else if (o && r)
      c.columnDims.push_back(dim);
    else if (!o && l && r)
      c.sumDims.push_back(dim);
    else
      return std::nullopt;
  }
  if (c.sumDims.empty())
    return std::nullopt;
  Type element = getElementTypeOrSelf(c.result.buffer.getType());
  if (!element.isIntOrFloat() || element.isInteger(1))
    return std::nullopt;
  c.sumType = element.isF16() || element.isBF16()
                  ? Float32Type::get(op.getContext())
                  : element;
  return c;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The indices of an element: the loops' variables through `map`, moved by
/// `shift` along `dim`.
SmallVector<Value> Contraction::indices(OpBuilder &b, AffineMap map,
                                        std::optional<unsigned> dim,
                                        int64_t shift,
                                        std::optional<unsigned> dim2,
                                        int64_t shift2) {
  SmallVector<Value> at;
  for (AffineExpr expr : map.getResults()) {
    unsigned position = cast<AffineDimExpr>(expr).getPosition();
    Value iv = ivs[position];
    int64_t by = dim == position ? shift : dim2 == position ? shift2 : 0;
    if (by != 0)
      iv = arith::AddIOp::create(b, loc, iv,
                                 arith::ConstantIndexOp::create(b, loc, by));
    at.push_back(iv);
  }
  return at;
}

Value Contraction::zeros(OpBuilder &b) {
  VectorType type = vectorOf(sumType);
  return arith::ConstantOp::create(b, loc, type, b.getZeroAttr(type));
}

/// `value`, a scalar or vector of `from`'s elements, in the type of the sum.
Value Contraction::extend(OpBuilder &b, const Operand &from, Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  if (element == sumType)
    return value;
  auto vector = dyn_cast<VectorType>(value.getType());
  Type type = vector ? Type(vectorOf(sumType)) : sumType;
  if (isa<FloatType>(element))
    return arith::ExtFOp::create(b, loc, type, value);
  if (isa<arith::ExtUIOp>(from.widening))
    return arith::ExtUIOp::create(b, loc, type, value);
  return arith::ExtSIOp::create(b, loc, type, value);
}

Value Contraction::loadVector(OpBuilder &b, const Operand &from,
                              ArrayRef<Value> at, Value mask) {
  VectorType type = vectorOf(getElementTypeOrSelf(from.buffer.getType()));
  if (!mask)
    return vector::LoadOp::create(b, loc, type, from.buffer, at);
  Value none = arith::ConstantOp::create(b, loc, type, b.getZeroAttr(type));
  return vector::MaskedLoadOp::create(b, loc, type, from.buffer, at, mask,
                                      none);
}

Value Contraction::add(OpBuilder &b, Value x, Value y) {
  if (isa<FloatType>(sumType))
    return arith::AddFOp::create(b, loc, x, y);
  return arith::AddIOp::create(b, loc, x, y);
}

Value Contraction::multiplyAdd(OpBuilder &b, Value x, Value y, Value sum) {
  if (isa<FloatType>(sumType))
    return vector::FMAOp::create(b, loc, x, y, sum);
  return arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, x, y),
                               sum);
}

/// Between a sum in a register and the result's element type.
Value Contraction::toStored(OpBuilder &b, Value sum) {
  Type element = getElementTypeOrSelf(result.buffer.getType());
  if (element == sumType)
    return sum;
  bool vector = isa<VectorType>(sum.getType());
  return arith::TruncFOp::create(
      b, loc, vector ? Type(vectorOf(element)) : element, sum);
}

Value Contraction::fromStored(OpBuilder &b, Value stored) {
  if (getElementTypeOrSelf(stored.getType()) == sumType)
    return stored;
  bool vector = isa<VectorType>(stored.getType());
  return arith::ExtFOp::create(
      b, loc, vector ? Type(vectorOf(sumType)) : sumType, stored);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Loops over `dim` by `tile`, then by one over what is left.
void Contraction::forTiles(OpBuilder &b, std::optional<unsigned> dim,
                           int64_t tile, TileBody body) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  if (!dim)
    return body(b, zero, 1);
  if (auto size = getConstantIntValue(sizes[*dim]))
    tile = std::min(tile, std::max<int64_t>(*size, 1));
  Value end = getValueOrCreateConstantIndexOp(b, loc, sizes[*dim]);
  auto loop = [&](Value from, Value to, int64_t step) {
    Value by = arith::ConstantIndexOp::create(b, loc, step);
    auto op = scf::ForOp::create(b, loc, from, to, by);
    OpBuilder inner = OpBuilder::atBlockTerminator(op.getBody());
    ivs[*dim] = op.getInductionVar();
    body(inner, op.getInductionVar(), step);
  };
  if (tile == 1 || divides(tile, *dim))
    return loop(zero, end, tile);
  Value by = arith::ConstantIndexOp::create(b, loc, tile);
  Value rest = arith::RemUIOp::create(b, loc, end, by);
  Value main = arith::SubIOp::create(b, loc, end, rest);
  loop(zero, main, tile);
  loop(main, end, 1);
}

/// Loops by one over `dims`, outermost first, carrying `sums`.
SmallVector<Value> Contraction::forSum(
    OpBuilder &b, ArrayRef<unsigned> dims, SmallVector<Value> sums,
    function_ref<SmallVector<Value>(OpBuilder &, SmallVector<Value>)> body) {
  if (dims.empty())
    return body(b, sums);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value end = getValueOrCreateConstantIndexOp(b, loc, sizes[dims.front()]);
  auto loop = scf::ForOp::create(b, loc, zero, end, one, sums);
  OpBuilder inner = OpBuilder::atBlockEnd(loop.getBody());
  ivs[dims.front()] = loop.getInductionVar();
  SmallVector<Value> next =
      forSum(inner, dims.drop_front(),
             llvm::to_vector_of<Value>(loop.getRegionIterArgs()), body);
  scf::YieldOp::create(inner, loc, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void Contraction::dotTile(OpBuilder &b, int64_t rows, int64_t columns) {
  std::optional<unsigned> row, column;
  if (!rowDims.empty())
    row = rowDims.back();
  if (!columnDims.empty())
    column = columnDims.back();
  unsigned k = sumDims.back();
  auto step = [&](OpBuilder &b, SmallVector<Value> sums, Value mask) {
    SmallVector<Value> right;
    for (int64_t j = 0; j < columns; ++j)
      right.push_back(extend(
          b, rhs, loadVector(b, rhs, indices(b, rhs.map, column, j), mask)));
    for (int64_t i = 0; i < rows; ++i) {
      Value left =
          extend(b, lhs, loadVector(b, lhs, indices(b, lhs.map, row, i), mask));
      for (int64_t j = 0; j < columns; ++j) {
        Value &sum = sums[i * columns + j];
        sum = multiplyAdd(b, left, right[j], sum);
      }
    }
    return sums;
  };
  SmallVector<Value> sums(rows * columns, zeros(b));
  sums = forSum(
      b, ArrayRef(sumDims).drop_back(), sums,
      [&](OpBuilder &b, SmallVector<Value> sums) {
        Value zero = arith::ConstantIndexOp::create(b, loc, 0);
        Value by = arith::ConstantIndexOp::create(b, loc, shape.lanes);
        Value end = getValueOrCreateConstantIndexOp(b, loc, sizes[k]);
        Value main = end, rest;
        if (!divides(shape.lanes, k)) {
          rest = arith::RemUIOp::create(b, loc, end, by);
          main = arith::SubIOp::create(b, loc, end, rest);
        }
        auto loop = scf::ForOp::create(b, loc, zero, main, by, sums);
        OpBuilder inner = OpBuilder::atBlockEnd(loop.getBody());
        ivs[k] = loop.getInductionVar();
        scf::YieldOp::create(
            inner, loc,
            step(inner, llvm::to_vector_of<Value>(loop.getRegionIterArgs()),
                 Value()));
        sums = llvm::to_vector_of<Value>(loop.getResults());
        if (!rest)
          return sums;
        ivs[k] = main;
        Value mask = vector::CreateMaskOp::create(
            b, loc, vectorOf(b.getI1Type()), ValueRange{rest});
        return step(b, sums, mask);
      });
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      SmallVector<Value> at = indices(b, result.map, row, i, column, j);
      Value sum = vector::ReductionOp::create(
          b, loc, vector::CombiningKind::ADD, sums[i * columns + j],
          arith::FastMathFlags::reassoc);
      Value old =
          fromStored(b, memref::LoadOp::create(b, loc, result.buffer, at));
      memref::StoreOp::create(b, loc, toStored(b, add(b, old, sum)),
                              result.buffer, at);
    }
}

void Contraction::outerTile(OpBuilder &b, int64_t rows, int64_t vectors,
                            Value mask) {
  std::optional<unsigned> row;
  if (!rowDims.empty())
    row = rowDims.back();
  unsigned column = columnDims.back();
  SmallVector<Value> sums(rows * vectors, zeros(b));
  sums = forSum(b, sumDims, sums, [&](OpBuilder &b, SmallVector<Value> sums) {
    SmallVector<Value> right;
    for (int64_t v = 0; v < vectors; ++v)
      right.push_back(extend(
          b, rhs,
          loadVector(b, rhs, indices(b, rhs.map, column, v * shape.lanes),
                     mask)));
    for (int64_t i = 0; i < rows; ++i) {
      Value scalar = memref::LoadOp::create(b, loc, lhs.buffer,
                                            indices(b, lhs.map, row, i));
      Value left = vector::BroadcastOp::create(b, loc, vectorOf(sumType),
                                               extend(b, lhs, scalar));
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[i * vectors + v];
        sum = multiplyAdd(b, left, right[v], sum);
      }
    }
    return sums;
  });
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<Value> at =
          indices(b, result.map, row, i, column, v * shape.lanes);
      Value old = fromStored(b, loadVector(b, result, at, mask));
      Value sum = toStored(b, add(b, old, sums[i * vectors + v]));
      if (mask)
        vector::MaskedStoreOp::create(b, loc, result.buffer, at, mask, sum);
      else
        vector::StoreOp::create(b, loc, sum, result.buffer, at);
    }
}

void Contraction::lowerDot(OpBuilder &b) {
  std::optional<unsigned> row, column;
  if (!rowDims.empty())
    row = rowDims.back();
  if (!columnDims.empty())
    column = columnDims.back();
  // Columns outside: a tile of the larger operand, the weight, stays in cache
  // while all rows pass.
  forTiles(b, column, shape.dotColumns, [&](OpBuilder &b, Value, int64_t n) {
    forTiles(b, row, shape.dotRows,
             [&](OpBuilder &b, Value, int64_t m) { dotTile(b, m, n); });
  });
}

void Contraction::lowerOuter(OpBuilder &b) {
  std::optional<unsigned> row;
  if (!rowDims.empty())
    row = rowDims.back();
  unsigned column = columnDims.back();
  auto rows = [&](OpBuilder &b, int64_t vectors, Value mask) {
    forTiles(b, row, shape.outerRows, [&](OpBuilder &b, Value, int64_t m) {
      outerTile(b, m, vectors, mask);
    });
  };
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value end = getValueOrCreateConstantIndexOp(b, loc, sizes[column]);
  auto loop = [&](Value from, Value to, int64_t vectors, bool masked) {
    Value by = arith::ConstantIndexOp::create(b, loc, vectors * shape.lanes);
    auto op = scf::ForOp::create(b, loc, from, to, by);
    OpBuilder inner = OpBuilder::atBlockTerminator(op.getBody());
    ivs[column] = op.getInductionVar();
    Value mask;
    if (masked)
      mask = vector::CreateMaskOp::create(
          inner, loc, vectorOf(b.getI1Type()),
          ValueRange{
              arith::SubIOp::create(inner, loc, end, op.getInductionVar())});
    rows(inner, vectors, mask);
  };
  int64_t tile = shape.outerVectors * shape.lanes;
  if (divides(tile, column))
    return loop(zero, end, shape.outerVectors, false);
  Value by = arith::ConstantIndexOp::create(b, loc, tile);
  Value rest = arith::RemUIOp::create(b, loc, end, by);
  Value main = arith::SubIOp::create(b, loc, end, rest);
  loop(zero, main, shape.outerVectors, false);
  loop(main, end, 1, true);
}

/// Copies the operand that has the result's contiguous dimension, so that it
/// is contiguous along it too.
LogicalResult Contraction::pack(OpBuilder &b) {
  auto dim = result.contiguousDim();
  if (!dim)
    return failure();
  if (llvm::is_contained(rowDims, *dim)) {
    std::swap(lhs, rhs);
    std::swap(rowDims, columnDims);
  }
  if (!llvm::is_contained(columnDims, *dim))
    return failure();
  auto type = cast<MemRefType>(rhs.buffer.getType());
  SmallVector<int64_t> permutation, shapeOut;
  SmallVector<AffineExpr> exprs;
  int64_t last = -1;
  for (auto [index, expr] : llvm::enumerate(rhs.map.getResults())) {
    if (cast<AffineDimExpr>(expr).getPosition() == *dim)
      last = index;
    else
      permutation.push_back(index);
  }
  permutation.push_back(last);
  SmallVector<Value> dynamic;
  for (int64_t source : permutation) {
    exprs.push_back(rhs.map.getResult(source));
    shapeOut.push_back(type.getDimSize(source));
    if (type.isDynamicDim(source))
      dynamic.push_back(
          memref::DimOp::create(b, loc, rhs.buffer, source).getResult());
  }
  Value packed = memref::AllocOp::create(
      b, loc, MemRefType::get(shapeOut, type.getElementType()), dynamic);
  linalg::TransposeOp::create(b, loc, rhs.buffer, packed, permutation);
  rhs.buffer = packed;
  rhs.map = AffineMap::get(rhs.map.getNumDims(), 0, exprs, b.getContext());
  return success();
}

LogicalResult Contraction::lower(int64_t vectorBits) {
  OpBuilder b(op);
  shape = Shape::get(vectorBits, sumType);
  for (Range range :
       cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(b, loc))
    sizes.push_back(range.size);
  ivs.assign(sizes.size(), Value());

  // Puts the wanted dimension last, where the kernels look for it.
  auto moveLast = [](SmallVector<unsigned> &dims, unsigned dim) {
    llvm::erase(dims, dim);
    dims.push_back(dim);
  };
  auto l = lhs.contiguousDim(), r = rhs.contiguousDim(),
       o = result.contiguousDim();
  bool dot = l && l == r && llvm::is_contained(sumDims, *l);
  Value packed;
  if (dot) {
    moveLast(sumDims, *l);
  } else {
    if (o && o == l && llvm::is_contained(rowDims, *o)) {
      std::swap(lhs, rhs);
      std::swap(rowDims, columnDims);
    } else if (!(o && o == r && llvm::is_contained(columnDims, *o))) {
      if (failed(pack(b)))
        return failure();
      packed = rhs.buffer;
    }
    moveLast(columnDims, *result.contiguousDim());
  }

  // One loop per batch dimension and per row or column dimension that is not
  // tiled.
  SmallVector<unsigned> outer(batch);
  if (!rowDims.empty())
    outer.append(rowDims.begin(), std::prev(rowDims.end()));
  if (!columnDims.empty())
    outer.append(columnDims.begin(), std::prev(columnDims.end()));
  std::function<void(OpBuilder &, ArrayRef<unsigned>)> nest =
      [&](OpBuilder &b, ArrayRef<unsigned> dims) {
        if (dims.empty())
          return dot ? lowerDot(b) : lowerOuter(b);
        forTiles(b, dims.front(), 1, [&](OpBuilder &b, Value, int64_t) {
          nest(b, dims.drop_front());
        });
      };
  nest(b, outer);
  if (packed)
    memref::DeallocOp::create(b, loc, packed);
  op.erase();
  return success();
}

struct ConvertLinalgContractionsToVector
    : plait::impl::ConvertLinalgContractionsToVectorBase<
          ConvertLinalgContractionsToVector> {
  using Base::Base;

  static int64_t hostVectorBits() {
    llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
    return features.lookup("avx512f") ? 512
           : features.lookup("avx2")  ? 256
                                      : 128;
  }

  void runOnOperation() override {
    int64_t bits = vectorBits == 0 ? hostVectorBits() : vectorBits.getValue();
    if (bits != 128 && bits != 256 && bits != 512) {
      getOperation()->emitError(
          "expects 'vector-bits' of 128, 256 or 512, got ")
          << bits;
      return signalPassFailure();
    }
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops)
      if (auto contraction = Contraction::match(op))
        (void)contraction->lower(bits);
  }
};

} // namespace
