//===- Lowering.h - one contraction to vector loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every element of the result is one chain of fused multiply-adds over the
// summed loops in order, whatever tile, panel or tail it falls in: neither the
// way rows and columns are split nor the layout changes a bit of it. Where an
// instruction sums several products (Narrow.cpp), that goes for packed panels.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOWERING_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOWERING_H

#include "Contraction.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace plait::contraction {

/// Tiles of so few rows ask for a panel ahead of its use; more rows leave the
/// memory time enough.
constexpr int64_t prefetchedRows = 4;

/// A tile of vector registers.
struct Registers {
  int64_t lanes, rows, vectors;

  static Registers get(int64_t vectorBits, Type sum);
  int64_t width() const { return lanes * vectors; }
};

/// Element offsets that the outer loops have added up, per operand.
using Offsets = PerOperand<OpFoldResult>;

/// Where a register tile is and how large.
struct Tile {
  int64_t rows, vectors;
  /// The offset of every row, and of the first column, per operand.
  PerOperand<SmallVector<OpFoldResult>> row;
  Offsets column;
  /// How many columns there are, where they may be fewer than the tile has.
  Value left;
  /// Whether all of the tile's columns exist.
  Emitter::Condition full{Value(), true};
  /// The range of the outermost of several summed loops, where it is not all.
  std::optional<std::pair<OpFoldResult, OpFoldResult>> outermost;
  /// The start and length of the range of the innermost summed loop.
  OpFoldResult from, depth;
  /// The longest such range, where B is a copied panel.
  OpFoldResult mostDepth;
  /// Whether the sums start from zero instead of from what C holds.
  Emitter::Condition zero;
  /// Whether the sums are complete.
  Emitter::Condition last{Value(), true};
};

/// The element types with an instruction that sums products of neighbours.
struct Dots {
  bool bf16 = false, i8 = false;
};

class Lowering {
public:
  Lowering(Contraction contraction, int64_t vectorBits, Dots dots);

  void lower();

private:
  // Panels.cpp: B in panels.
  void lowerPacked(Emitter &b);
  void multiplyPanels(Emitter &b, const Offsets &at);

  // Direct.cpp: B where it is.
  void lowerDirect(Emitter &b);
  void lowerDot(Emitter &b);

  // Lowering.cpp: what they share.
  using OuterBody = function_ref<void(const Offsets &)>;
  void forOuter(Emitter &b, ArrayRef<Loop> loops, Offsets at, OuterBody body);
  using RowBody = function_ref<void(OpFoldResult row, int64_t count)>;
  void forRows(Emitter &b, OpFoldResult from, OpFoldResult to, RowBody body);
  void placeRows(Emitter &b, Tile &tile, const Offsets &at, OpFoldResult row);
  int64_t chooseRows(Emitter &b);
  Offsets offsetsOf(Emitter &b, ArrayRef<Loop> loops, OpFoldResult index,
                    Offsets at);
  OpFoldResult sizeOf(Emitter &b, ArrayRef<Loop> loops);
  bool startsFromZero();

  // Pack.cpp: B into panels.
  void pack(Emitter &b, Value panels, OpFoldResult depth, OpFoldResult at);
  SmallVector<Value> transposedBlock(Emitter &b, OpFoldResult at,
                                     const Loop &column, Value columns,
                                     Value depth);
  /// Lanes of a vector of columns that are neighbours in B: where lane 0 would
  /// be, and which lanes they are. With distances, those of all lanes.
  struct Piece {
    OpFoldResult start;
    Value mask, distances;
  };
  SmallVector<Piece> piecesOf(Emitter &b, OpFoldResult column, OpFoldResult at,
                              OpFoldResult size);
  Value loadPieces(Emitter &b, ArrayRef<Piece> pieces, OpFoldResult at);

  // Narrow.cpp: operands narrower than their sums.
  /// Copied rows of A: `pitch` elements each.
  struct Rows {
    memref::AllocOp buffer;
    Value elements, words;
    OpFoldResult pitch;
  };
  int64_t findGroup(Emitter &b);
  bool copiesRows() const;
  bool isBiased() const;
  Rows makeRows(Emitter &b, OpFoldResult count, OpFoldResult depth);
  void copyRows(Emitter &b, const Rows &rows, const Offsets &at,
                OpFoldResult row, OpFoldResult count, OpFoldResult from,
                OpFoldResult depth);
  bool copiesPanels() const;
  Value makePanel(Emitter &b, OpFoldResult depth, int64_t width);
  void copyPanel(Emitter &b, Value panel, OpFoldResult at, int64_t width,
                 OpFoldResult from, OpFoldResult depth, OpFoldResult mostDepth);
  SmallVector<Value> groupedColumns(Emitter &b, OpFoldResult at, int64_t width,
                                    OpFoldResult k, Value depth,
                                    bool prefetches);
  Value loadGroup(Emitter &b, const Tile &tile, int64_t row, OpFoldResult k,
                  Value depth);
  Value dot(Emitter &b, Value sum, Value left, Value right);
  SmallVector<Value> accumulateGroups(Emitter &b, const Tile &tile,
                                      SmallVector<Value> sums);

  // Tile.cpp: the innermost loops.
  void emitTile(Emitter &b, const Tile &tile);
  SmallVector<Value> accumulate(Emitter &b, const Tile &tile,
                                ArrayRef<Loop> sums, Offsets at,
                                SmallVector<Value> accumulators);
  void step(Emitter &b, const Tile &tile, const Offsets &at,
            SmallVector<Value> &accumulators);
  void transposedStep(Emitter &b, const Tile &tile, const Offsets &at,
                      Value depth, SmallVector<Value> &accumulators);
  Value loadVector(Emitter &b, Which which, OpFoldResult at, OpFoldResult by,
                   Value mask);
  Value maskOf(Emitter &b, const Tile &tile, int64_t vector);
  OpFoldResult inPanels(Emitter &b, int64_t vector);
  void prefetchPanel(Emitter &b, OpFoldResult at);
  Value loadScalar(Emitter &b, Which which, OpFoldResult at);
  void storeVector(Emitter &b, Value vector, OpFoldResult at, OpFoldResult by,
                   Value mask);
  // Epilogue.cpp
  void storeEpilogue(Emitter &b, const Tile &tile, ArrayRef<Value> sums,
                     ArrayRef<Value> masks);
  Value extend(Emitter &b, Which which, Value value);
  Value multiplyAdd(Emitter &b, Value x, Value y, Value sum);
  VectorType vectorOf(Type element) const {
    return VectorType::get({registers.lanes}, element);
  }
  const Loop *vectorLoop() const {
    return c.columns.empty() ? nullptr : &c.columns.back();
  }

  Contraction c;
  Registers registers;
  Dots dots;
  /// How many neighbouring products one instruction sums.
  int64_t group = 1;
  /// Whether so many tiles read a panel that it is worth copying.
  bool manyTiles = false;
  /// The width of the panel that `copyPanel` made, if B is one.
  int64_t copiedWidth = 0;
  bool fromZero = false;
  /// What B is the beginning of, if that is packed once for many of it.
  Value whole;
  /// Whether the direct road reads B in blocks that it transposes.
  bool transposes = false;
};

} // namespace plait::contraction

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOWERING_H
