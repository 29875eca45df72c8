//===- Narrow.cpp - operands narrower than their sums -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Panels keep B as narrow as it is. The rows of A that a block of tiles reads
// are copied once for all its panels, widened to the type of the sums. Where an
// instruction sums the products of a group of neighbours along the sum, tiles
// read words of such groups: where they are, or if they are no neighbours in
// memory, from a copy. A panel is brought into that form in registers by every
// tile, or once by a copy where many tiles read it.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::contraction;

/// Tiles that a panel is copied for.
static constexpr int64_t copiedTiles = 4;
/// What is added to signed bytes for them to be unsigned.
static constexpr int64_t byteBias = 128;

int64_t Lowering::findGroup(Emitter &b) {
  const Operand &left = c.operands[A], &right = c.operands[B];
  Type x = left.element(), y = right.element();
  auto rows = getConstantIntValue(sizeOf(b, c.rows));
  manyTiles =
      c.sums.size() <= 1 && rows && *rows >= copiedTiles * registers.rows;
  if (registers.lanes * c.sumType.getIntOrFloatBitWidth() != 512 ||
      c.sums.size() != 1)
    return 1;
  // Few rows wait for memory, and f32 keeps subnormal numbers.
  bool fewRows = rows && *rows <= prefetchedRows;
  // Bytes become bf16 where that is done once for many tiles.
  bool isBF16 =
      y.isBF16() || (manyTiles && y.isInteger(8) &&
                     isa_and_nonnull<arith::SIToFPOp>(right.widening));
  if (dots.bf16 && !fewRows && x.isBF16() && isBF16 && c.sumType.isF32())
    return 2;
  if (dots.i8 && x.isInteger(8) && y.isInteger(8) && c.sumType.isInteger(32) &&
      isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(left.widening) &&
      isa_and_nonnull<arith::ExtSIOp>(right.widening))
    return 4;
  return 1;
}

bool Lowering::copiesRows() const {
  if (group > 1)
    return getConstantIntValue(c.sums.back().strides[A]) != 1;
  return c.sums.size() <= 1 && c.operands[A].element() != c.sumType;
}

/// Memory for `count` rows of A. `elements` is what is stored there, `words`
/// what tiles read.
Lowering::Rows Lowering::makeRows(Emitter &b, OpFoldResult count,
                                  OpFoldResult depth) {
  Rows rows;
  rows.pitch = b.roundUp(depth, registers.lanes * group);
  OpFoldResult size = b.mul(count, rows.pitch);
  auto typeOf = [&](OpFoldResult size, Type element) {
    auto known = getConstantIntValue(size);
    return MemRefType::get({known ? *known : ShapedType::kDynamic}, element);
  };
  auto sizes = [&](OpFoldResult size) {
    return getConstantIntValue(size) ? SmallVector<Value>()
                                     : SmallVector<Value>{b.value(size)};
  };
  Type element = group > 1 ? c.operands[A].element() : c.sumType;
  OpFoldResult bytes = b.mul(size, element.getIntOrFloatBitWidth() / 8);
  rows.buffer = memref::AllocOp::create(b, typeOf(bytes, b.getI8Type()),
                                        sizes(bytes), b.getI64IntegerAttr(64));
  Value zero = b.value(b.constant(0));
  auto view = [&](OpFoldResult size, Type element) -> Value {
    return memref::ViewOp::create(b, typeOf(size, element), rows.buffer, zero,
                                  sizes(size));
  };
  rows.elements = view(size, element);
  rows.words = rows.elements;
  if (group > 1)
    rows.words = view(b.div(size, b.constant(group)), b.getI32Type());
  return rows;
}

/// Copies `count` rows of A from `row` on, as much of them as the steps `from`
/// to `from + depth` of the sum read, and zeros behind.
void Lowering::copyRows(Emitter &b, const Rows &rows, const Offsets &at,
                        OpFoldResult row, OpFoldResult count, OpFoldResult from,
                        OpFoldResult depth) {
  OpFoldResult by = c.sums.empty() ? b.constant(1) : c.sums.back().strides[A];
  Lowering reader(*this);
  if (group > 1)
    reader.c.sumType = c.operands[A].element();
  // What lies together fills registers.
  if (getConstantIntValue(by) == 1)
    reader.registers.lanes *= group;
  int64_t lanes = reader.registers.lanes;
  b.loop(b.constant(0), count, 1, [&](OpFoldResult index) {
    OpFoldResult start =
        b.add(offsetsOf(b, c.rows, b.add(row, index), at)[A], b.mul(from, by));
    OpFoldResult to = b.mul(index, rows.pitch);
    auto copy = [&](OpFoldResult k, Value mask) {
      Value vector =
          reader.loadVector(b, A, b.add(start, b.mul(k, by)), by, mask);
      vector::StoreOp::create(b, vector, rows.elements, b.value(b.add(to, k)));
    };
    OpFoldResult main = b.roundDown(depth, lanes);
    b.loop(b.constant(0), main, lanes,
           [&](OpFoldResult k) { copy(k, Value()); });
    b.loop(main, depth, lanes, [&](OpFoldResult k) {
      copy(k, vector::CreateMaskOp::create(b, reader.vectorOf(b.getI1Type()),
                                           b.value(b.sub(depth, k))));
    });
  });
}

/// Whether A is signed bytes, which the instruction wants unsigned.
bool Lowering::isBiased() const {
  return group == 4 && isa<arith::ExtSIOp>(c.operands[A].widening);
}

bool Lowering::copiesPanels() const {
  return manyTiles && (group > 1 || c.operands[B].element() != c.sumType);
}

/// The memory of one panel in the form in which tiles read it: widened, or in
/// words of groups, and then 128 times the sum of every column.
Value Lowering::makePanel(Emitter &b, OpFoldResult depth, int64_t width) {
  OpFoldResult size = b.mul(b.roundUp(depth, group), width);
  if (group > 1)
    size = b.add(b.div(size, b.constant(group)), width);
  auto known = getConstantIntValue(size);
  auto type = MemRefType::get({known ? *known : ShapedType::kDynamic},
                              group > 1 ? b.getI32Type() : c.sumType);
  return memref::AllocOp::create(
      b, type, known ? ValueRange() : ValueRange{b.value(size)},
      b.getI64IntegerAttr(64));
}

/// Where in a copied panel the sums of its columns are.
static OpFoldResult columnSums(Emitter &b, OpFoldResult mostDepth,
                               int64_t group, int64_t width) {
  return b.mul(b.div(b.roundUp(mostDepth, group), b.constant(group)), width);
}

/// Copies the steps `from` to `from + depth` of the panel at `at`.
void Lowering::copyPanel(Emitter &b, Value panel, OpFoldResult at,
                         int64_t width, OpFoldResult from, OpFoldResult depth,
                         OpFoldResult mostDepth) {
  int64_t lanes = registers.lanes, vectors = width / lanes;
  auto store = [&](Value vector, OpFoldResult to, int64_t index) {
    vector::StoreOp::create(b, vector, panel,
                            b.value(b.add(to, index * lanes)));
  };
  if (group == 1) {
    OpFoldResult stride =
        c.sums.empty() ? b.constant(0) : c.sums.back().strides[B];
    b.loop(b.constant(0), depth, 1, [&](OpFoldResult k) {
      OpFoldResult start = b.add(at, b.mul(stride, b.add(from, k)));
      for (int64_t i = 0; i < vectors; ++i)
        store(loadVector(b, B, b.add(start, i * lanes), b.constant(1), Value()),
              b.mul(k, width), i);
    });
    return;
  }
  Value bias =
      isBiased() ? b.splat(b.getI8Type(), lanes * group, -byteBias) : Value();
  auto step = [&](OpFoldResult k, Value rest, ValueRange carried) {
    auto sums = llvm::to_vector_of<Value>(carried);
    SmallVector<Value> columns = groupedColumns(b, at, width, b.add(from, k),
                                                rest, /*prefetches=*/false);
    for (auto [i, column] : llvm::enumerate(columns)) {
      store(vector::BitCastOp::create(b, vectorOf(b.getI32Type()), column),
            b.mul(b.div(k, b.constant(group)), width), i);
      if (bias)
        sums[i] = dot(b, sums[i], bias, column);
    }
    return sums;
  };
  SmallVector<Value> sums(bias ? vectors : 0, b.splat(c.sumType, lanes));
  OpFoldResult main = b.roundDown(depth, group);
  sums = b.loop(b.constant(0), main, group, sums,
                [&](OpFoldResult k, ValueRange carried) {
                  return step(k, Value(), carried);
                });
  sums =
      b.loop(main, depth, group, sums, [&](OpFoldResult k, ValueRange carried) {
        return step(k, b.value(b.sub(depth, k)), carried);
      });
  for (auto [i, sum] : llvm::enumerate(sums))
    store(sum, columnSums(b, mostDepth, group, width), i);
}

/// Signed bytes as bf16, which holds them exactly: the upper halves of f32.
static Value bytesToBF16(Emitter &b, Value bytes) {
  auto type = cast<VectorType>(bytes.getType());
  auto as = [&](Type element) {
    return VectorType::get(type.getShape(), element);
  };
  Value wide = arith::BitcastOp::create(
      b, as(b.getI32Type()),
      arith::SIToFPOp::create(b, as(b.getF32Type()), bytes));
  wide = arith::ShRUIOp::create(
      b, wide, b.splat(b.getI32Type(), type.getNumElements(), 16));
  return arith::BitcastOp::create(
      b, as(b.getBF16Type()),
      arith::TruncIOp::create(b, as(b.getI16Type()), wide));
}

/// The `width` columns of the panel at `start`, at `group` steps of the sum
/// from `k` on: in every lane the elements of one column. Only the first
/// `depth` steps exist, where that is given: the others are zeros and not read.
SmallVector<Value> Lowering::groupedColumns(Emitter &b, OpFoldResult start,
                                            int64_t width, OpFoldResult k,
                                            Value depth, bool prefetches) {
  const Operand &operand = c.operands[B];
  OpFoldResult stride = c.sums.back().strides[B];
  // Rows that lie one after the other fill a register together.
  int64_t together =
      !depth && getConstantIntValue(stride) == width
          ? std::max<int64_t>(
                1, 512 / (width * operand.element().getIntOrFloatBitWidth()))
          : 1;
  SmallVector<Value> parts;
  for (int64_t i = 0; i < group; i += together) {
    auto type = VectorType::get({width * together}, operand.element());
    OpFoldResult offset = b.add(start, b.mul(stride, b.add(k, i)));
    Value at = b.value(offset);
    if (!depth) {
      if (prefetches)
        prefetchPanel(b, offset);
      parts.push_back(vector::LoadOp::create(b, type, operand.flat, at));
      continue;
    }
    Value size = arith::SelectOp::create(b, b.less(b.constant(i), depth),
                                         b.value(b.constant(width)),
                                         b.value(b.constant(0)));
    Value mask = vector::CreateMaskOp::create(
        b, VectorType::get({width}, b.getI1Type()), size);
    parts.push_back(vector::MaskedLoadOp::create(
        b, type, operand.flat, at, mask, b.splat(operand.element(), width)));
  }
  if (group == 2 && operand.element().isInteger(8))
    for (Value &part : parts)
      part = bytesToBF16(b, part);
  while (parts.size() > 2) {
    SmallVector<Value> wider;
    auto size = cast<VectorType>(parts[0].getType()).getNumElements();
    for (size_t i = 0; i < parts.size(); i += 2)
      wider.push_back(vector::ShuffleOp::create(
          b, parts[i], parts[i + 1],
          llvm::to_vector(llvm::seq<int64_t>(0, 2 * size))));
    parts = wider;
  }
  SmallVector<Value> columns;
  for (int64_t vector = 0; vector < width / registers.lanes; ++vector) {
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < registers.lanes; ++lane)
      for (int64_t i = 0; i < group; ++i)
        mask.push_back(i * width + vector * registers.lanes + lane);
    columns.push_back(
        vector::ShuffleOp::create(b, parts.front(), parts.back(), mask));
  }
  return columns;
}

/// `sum` and the products of every lane's group.
Value Lowering::dot(Emitter &b, Value sum, Value left, Value right) {
  StringAttr name =
      b.getStringAttr(group == 2 ? "llvm.x86.avx512bf16.dpbf16ps.512"
                                 : "llvm.x86.avx512.vpdpbusd.512");
  return LLVM::CallIntrinsicOp::create(b, sum.getType(), name,
                                       ValueRange{sum, left, right})
      .getResults();
}

/// The group of A's elements at the step `k` of `row`, in every lane. Only the
/// first `depth` of them exist, where that is given: the others are zeros and not
/// read.
Value Lowering::loadGroup(Emitter &b, const Tile &tile, int64_t row,
                          OpFoldResult k, Value depth) {
  const Operand &operand = c.operands[A];
  auto words = vectorOf(b.getI32Type());
  Value word;
  if (operand.element().isInteger(32)) {
    OpFoldResult at = b.add(tile.row[A][row], b.div(k, b.constant(group)));
    word = memref::LoadOp::create(b, operand.flat, b.value(at));
  } else {
    auto type = VectorType::get({group}, operand.element());
    Value at = b.value(b.add(tile.row[A][row], b.add(tile.from, k)));
    Value elements;
    if (depth)
      elements = vector::MaskedLoadOp::create(
          b, type, operand.flat, at,
          vector::CreateMaskOp::create(
              b, VectorType::get({group}, b.getI1Type()), depth),
          b.splat(operand.element(), group));
    else
      elements = vector::LoadOp::create(b, type, operand.flat, at);
    word = vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()),
                                     elements);
    word = vector::ExtractOp::create(b, word, 0);
  }
  Value left = vector::BroadcastOp::create(b, words, word);
  if (isBiased())
    left = arith::XOrIOp::create(
        b, left, b.splat(b.getI32Type(), registers.lanes, int32_t(0x80808080)));
  Type element = group == 2 ? Type(b.getBF16Type()) : b.getI8Type();
  return vector::BitCastOp::create(
      b, VectorType::get({registers.lanes * group}, element), left);
}

/// The tile's sums, a group of products at a time. Signed bytes of A come as
/// a + 128: 128 times the sum of B's column is taken off at the end.
SmallVector<Value> Lowering::accumulateGroups(Emitter &b, const Tile &tile,
                                              SmallVector<Value> sums) {
  Type element = group == 2 ? Type(b.getBF16Type()) : b.getI8Type();
  auto type = VectorType::get({registers.lanes * group}, element);
  int64_t count = sums.size();
  bool sumsColumns = isBiased() && !copiedWidth;
  if (sumsColumns)
    sums.append(tile.vectors, b.splat(c.sumType, registers.lanes));
  auto loadWords = [&](OpFoldResult at) -> Value {
    return vector::LoadOp::create(b, vectorOf(b.getI32Type()),
                                  c.operands[B].flat, b.value(at));
  };
  auto step = [&](OpFoldResult k, Value depth, ValueRange carried) {
    auto sums = llvm::to_vector_of<Value>(carried);
    OpFoldResult word = b.div(k, b.constant(group));
    SmallVector<Value> right;
    int64_t together = c.panels.width / registers.lanes;
    for (int64_t i = 0; !copiedWidth && i < tile.vectors; i += together)
      llvm::append_range(
          right,
          groupedColumns(
              b,
              b.add(b.add(tile.row[B].front(), tile.column[B]), inPanels(b, i)),
              std::min(tile.vectors - i, together) * registers.lanes,
              b.add(tile.from, k), depth, tile.rows <= prefetchedRows));
    for (int64_t i = 0; copiedWidth && i < tile.vectors; ++i)
      right.push_back(vector::BitCastOp::create(
          b, type,
          loadWords(b.add(b.mul(word, copiedWidth), i * registers.lanes))));
    for (int64_t row = 0; row < tile.rows; ++row) {
      Value left = loadGroup(b, tile, row, k, depth);
      for (int64_t vector = 0; vector < tile.vectors; ++vector) {
        Value &sum = sums[row * tile.vectors + vector];
        sum = dot(b, sum, left, right[vector]);
      }
    }
    for (int64_t i = 0; sumsColumns && i < tile.vectors; ++i) {
      Value bias = b.splat(element, registers.lanes * group, -byteBias);
      sums[count + i] = dot(b, sums[count + i], bias, right[i]);
    }
    return sums;
  };
  OpFoldResult main = b.roundDown(tile.depth, group);
  sums = b.loop(b.constant(0), main, group, sums,
                [&](OpFoldResult k, ValueRange carried) {
                  return step(k, Value(), carried);
                });
  sums = b.loop(main, tile.depth, group, sums,
                [&](OpFoldResult k, ValueRange carried) {
                  return step(k, b.value(b.sub(tile.depth, k)), carried);
                });
  for (int64_t i = 0; isBiased() && i < count; ++i) {
    int64_t column = i % tile.vectors;
    Value bias =
        sumsColumns
            ? sums[count + column]
            : loadWords(b.add(columnSums(b, tile.mostDepth, group, copiedWidth),
                              column * registers.lanes));
    sums[i] = arith::SubIOp::create(b, sums[i], bias);
  }
  sums.resize(count);
  return sums;
}
