//===- Lowering.h - one contraction to vector loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every element of the result is one chain of fused multiply-adds over the
// summed loops in order, whatever tile, panel or tail it falls in: neither the
// way rows and columns are split nor the layout changes a bit of it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOWERING_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOWERING_H

#include "Contraction.h"

namespace plait::contraction {

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
  /// The start and length of the range of the innermost summed loop.
  OpFoldResult from, depth;
  /// Whether the sums start from zero instead of from what C holds.
  Emitter::Condition zero;
  /// Whether the sums are complete.
  Emitter::Condition last{Value(), true};
};

class Lowering {
public:
  Lowering(Contraction contraction, int64_t vectorBits);

  void lower();

private:
  // Lowering.cpp: which loops, in which order.
  void lowerPacked(Emitter &b);
  void multiplyPanels(Emitter &b, const Offsets &at);
  void lowerDirect(Emitter &b);
  void lowerDot(Emitter &b);
  using OuterBody = function_ref<void(const Offsets &)>;
  void forOuter(Emitter &b, ArrayRef<Loop> loops, Offsets at, OuterBody body);
  using RowBody = function_ref<void(OpFoldResult row, int64_t count)>;
  void forRows(Emitter &b, OpFoldResult from, OpFoldResult to, RowBody body);
  void placeRows(Emitter &b, Tile &tile, const Offsets &at, OpFoldResult row);
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
  bool fromZero = false;
  /// Whether the direct road reads B in blocks that it transposes.
  bool transposes = false;
};

} // namespace plait::contraction

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOWERING_H
