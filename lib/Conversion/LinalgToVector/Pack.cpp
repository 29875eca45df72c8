//===- Pack.cpp - an operand into panels -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Panels are [ceil(N / width)][K][width]: what a register tile reads of B is
// one contiguous stream. Columns beyond N are zeros.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::contraction;

static Value shuffle(Emitter &b, Value x, Value y, ArrayRef<int64_t> mask) {
  return vector::ShuffleOp::create(b, x, y, mask);
}

/// Transposes a square of vectors. The shuffles of 32-bit elements are those
/// that x86 has as one instruction: unpack within 128-bit lanes, then move
/// whole lanes.
static void transpose(Emitter &b, SmallVector<Value> &rows) {
  int64_t size = rows.size();
  auto type = cast<VectorType>(rows[0].getType());
  if (type.getElementTypeBitWidth() != 32 || size % 4 != 0) {
    // Swaps the halves of ever smaller blocks.
    for (int64_t by = 1; by < size; by *= 2)
      for (int64_t i = 0; i < size; ++i) {
        if (i & by)
          continue;
        SmallVector<int64_t> low, high;
        for (int64_t lane = 0; lane < size; ++lane) {
          low.push_back(lane & by ? size + lane - by : lane);
          high.push_back(lane & by ? size + lane : lane + by);
        }
        Value x = rows[i], y = rows[i + by];
        rows[i] = shuffle(b, x, y, low);
        rows[i + by] = shuffle(b, x, y, high);
      }
    return;
  }
  // Within 128-bit lanes: lane l of `quads[g][c]` holds column 4l + c of the
  // rows 4g to 4g + 3.
  SmallVector<int64_t> masks[4];
  for (int64_t lane = 0; lane < size; lane += 4) {
    for (int64_t i : {0, 1}) {
      masks[0].append({lane + i, size + lane + i});
      masks[1].append({lane + 2 + i, size + lane + 2 + i});
    }
    masks[2].append({lane, lane + 1, size + lane, size + lane + 1});
    masks[3].append({lane + 2, lane + 3, size + lane + 2, size + lane + 3});
  }
  SmallVector<SmallVector<Value>> quads;
  for (int64_t g = 0; g < size; g += 4) {
    Value low01 = shuffle(b, rows[g], rows[g + 1], masks[0]);
    Value high01 = shuffle(b, rows[g], rows[g + 1], masks[1]);
    Value low23 = shuffle(b, rows[g + 2], rows[g + 3], masks[0]);
    Value high23 = shuffle(b, rows[g + 2], rows[g + 3], masks[1]);
    quads.push_back({shuffle(b, low01, low23, masks[2]),
                     shuffle(b, low01, low23, masks[3]),
                     shuffle(b, high01, high23, masks[2]),
                     shuffle(b, high01, high23, masks[3])});
  }
  // Between lanes: take the even and the odd ones of two vectors, until each
  // vector has one lane of every group.
  SmallVector<int64_t> even, odd;
  for (int64_t lane = 0; lane < size / 2; lane += 4)
    for (int64_t i = 0; i < 4; ++i) {
      even.push_back(2 * lane + i);
      odd.push_back(2 * lane + 4 + i);
    }
  for (SmallVector<int64_t> *mask : {&even, &odd})
    for (int64_t i = 0, e = mask->size(); i < e; ++i)
      mask->push_back((*mask)[i] + size);
  for (int64_t column = 0; column < 4; ++column) {
    std::function<SmallVector<Value>(SmallVector<Value>)> gather =
        [&](SmallVector<Value> vectors) {
          if (vectors.size() == 1)
            return vectors;
          SmallVector<Value> evens, odds, lanes;
          for (size_t i = 0; i < vectors.size(); i += 2) {
            evens.push_back(shuffle(b, vectors[i], vectors[i + 1], even));
            odds.push_back(shuffle(b, vectors[i], vectors[i + 1], odd));
          }
          evens = gather(evens);
          odds = gather(odds);
          for (auto [x, y] : llvm::zip_equal(evens, odds))
            lanes.append({x, y});
          return lanes;
        };
    SmallVector<Value> vectors;
    for (SmallVector<Value> &quad : quads)
      vectors.push_back(quad[column]);
    for (auto [lane, vector] : llvm::enumerate(gather(vectors)))
      rows[4 * lane + column] = vector;
  }
}

/// As many vectors along `column` as a vector has lanes, one for every step of
/// the innermost summed loop, along which B is contiguous. Only the first
/// `columns` and `depth` of them exist, where these are given: the others are
/// zeros and not read.
SmallVector<Value> Lowering::transposedBlock(Emitter &b, OpFoldResult at,
                                             const Loop &column, Value columns,
                                             Value depth) {
  SmallVector<Value> block;
  for (int64_t i = 0; i < registers.lanes; ++i) {
    Value mask;
    if (columns || depth) {
      OpFoldResult exist =
          depth ? OpFoldResult(depth) : b.constant(registers.lanes);
      if (columns)
        exist = arith::SelectOp::create(b, b.less(b.constant(i), columns),
                                        b.value(exist), b.value(b.constant(0)))
                    .getResult();
      mask = vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()),
                                          b.value(exist));
    }
    block.push_back(loadVector(b, B, b.add(at, b.mul(column.strides[B], i)),
                               b.constant(1), mask));
  }
  transpose(b, block);
  return block;
}

/// Copies B, from `at` on, into `panels` of `depth` rows.
void Lowering::pack(Emitter &b, Value panels, OpFoldResult depth,
                    OpFoldResult at) {
  int64_t width = registers.width(), lanes = registers.lanes;
  const Loop &last = c.columns.back();
  OpFoldResult size = sizeOf(b, c.columns);
  auto store = [&](Value vector, OpFoldResult panel, OpFoldResult k,
                   OpFoldResult lane) {
    OpFoldResult to = b.add(b.mul(b.add(b.mul(panel, depth), k), width), lane);
    vector::StoreOp::create(b, vector, panels, b.value(to));
  };
  // Runs `body` at every step of all summed loops but the last.
  std::function<void(ArrayRef<Loop>, OpFoldResult, OpFoldResult,
                     function_ref<void(OpFoldResult, OpFoldResult)>)>
      forSums = [&](ArrayRef<Loop> loops, OpFoldResult k, OpFoldResult at,
                    function_ref<void(OpFoldResult, OpFoldResult)> body) {
        if (loops.empty())
          return body(k, at);
        const Loop &loop = loops.front();
        b.loop(b.constant(0), loop.size, 1, [&](OpFoldResult iv) {
          forSums(loops.drop_front(), b.add(b.mul(k, loop.size), iv),
                  b.add(at, b.mul(iv, loop.strides[B])), body);
        });
      };

  bool single = c.columns.size() == 1;
  bool across = single && getConstantIntValue(last.strides[B]) != 1 &&
                !c.sums.empty() &&
                getConstantIntValue(c.sums.back().strides[B]) == 1;
  if (across) {
    // Squares, read along the sum and written along the columns.
    const Loop &sum = c.sums.back();
    b.loop(b.constant(0), size, width, [&](OpFoldResult n) {
      OpFoldResult panel = b.div(n, b.constant(width));
      b.loop(b.constant(0), b.constant(width), lanes, [&](OpFoldResult lane) {
        OpFoldResult column = b.add(n, lane);
        auto squares = [&](Value columns) {
          forSums(ArrayRef(c.sums).drop_back(), b.constant(0),
                  b.add(at, b.mul(column, last.strides[B])),
                  [&](OpFoldResult outer, OpFoldResult from) {
                    OpFoldResult row = b.mul(outer, sum.size);
                    auto square = [&](OpFoldResult k, Value depth) {
                      SmallVector<Value> block = transposedBlock(
                          b, b.add(from, k), last, columns, depth);
                      // Rows beyond the sum fall on rows that are written after
                      // them, or on the padding of the last panel.
                      auto known = depth ? getConstantIntValue(depth) : lanes;
                      for (int64_t i = 0; i < (known ? *known : lanes); ++i)
                        store(block[i], panel, b.add(b.add(row, k), i), lane);
                    };
                    OpFoldResult main = b.roundDown(sum.size, lanes);
                    b.loop(b.constant(0), main, lanes,
                           [&](OpFoldResult k) { square(k, Value()); });
                    OpFoldResult rest = b.sub(sum.size, main);
                    if (getConstantIntValue(rest) != 0)
                      square(main, b.value(rest));
                  });
          return SmallVector<Value>();
        };
        auto known = getConstantIntValue(size);
        if (known && *known % width == 0) {
          squares(Value());
          return;
        }
        OpFoldResult left = b.sub(size, column);
        b.choose(
            {b.less(b.constant(lanes - 1), left)}, {},
            [&] { return squares(Value()); },
            [&] { return squares(b.value(left)); });
      });
    });
    return;
  }

  // One row of a panel at a time.
  b.loop(b.constant(0), size, width, [&](OpFoldResult n) {
    OpFoldResult panel = b.div(n, b.constant(width));
    auto rows = [&](bool full) {
      SmallVector<SmallVector<Piece>> pieces;
      for (int64_t v = 0; v < registers.vectors; ++v) {
        OpFoldResult column = b.add(n, v * lanes);
        if (!single || getConstantIntValue(last.strides[B]) != 1) {
          pieces.push_back(piecesOf(b, column, at, size));
          continue;
        }
        Value mask;
        if (!full)
          mask = vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()),
                                              b.value(b.sub(size, column)));
        pieces.push_back(
            {{b.add(at, b.mul(column, last.strides[B])), mask, Value()}});
      }
      forSums(c.sums, b.constant(0), b.constant(0),
              [&](OpFoldResult k, OpFoldResult from) {
                for (int64_t v = 0; v < registers.vectors; ++v)
                  store(loadPieces(b, pieces[v], from), panel, k,
                        b.constant(v * lanes));
              });
      return SmallVector<Value>();
    };
    auto known = getConstantIntValue(size);
    if (!single || getConstantIntValue(last.strides[B]) != 1 ||
        (known && *known % width == 0))
      rows(/*full=*/true);
    else
      b.choose(
          {b.less(b.add(n, width - 1), size)}, {}, [&] { return rows(true); },
          [&] { return rows(false); });
  });
}

/// Where the vector of columns that starts at `column` is in B, where columns
/// are several loops: rows of an image, say. A piece for every row that it may
/// touch, or if these are many or not contiguous, a distance for every lane.
SmallVector<Lowering::Piece> Lowering::piecesOf(Emitter &b, OpFoldResult column,
                                                OpFoldResult at,
                                                OpFoldResult size) {
  constexpr int64_t mostPieces = 4;
  int64_t lanes = registers.lanes;
  ArrayRef<Loop> columns(c.columns), outer = columns.drop_back();
  const Loop &last = columns.back();
  auto type = VectorType::get({lanes}, b.getIndexType());
  auto broadcast = [&](OpFoldResult value) -> Value {
    return vector::BroadcastOp::create(b, type, b.value(value));
  };
  auto upTo = [&](OpFoldResult count) -> Value {
    return vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()),
                                        b.value(count));
  };
  OpFoldResult left = b.sub(size, column);
  auto length = last.staticSize();
  int64_t count =
      length ? llvm::divideCeil(lanes - 1, *length) + 1 : mostPieces + 1;
  if (count <= mostPieces && getConstantIntValue(last.strides[B]) == 1) {
    OpFoldResult row = b.div(column, last.size);
    OpFoldResult first = b.sub(b.constant(0), b.rem(column, last.size));
    OpFoldResult none = b.constant(0);
    SmallVector<Piece> pieces;
    for (int64_t i = 0; i < count; ++i) {
      // The row's columns are the lanes from `first` on.
      OpFoldResult start =
          b.sub(offsetsOf(b, outer, b.add(row, i), {none, at, none})[B], first);
      OpFoldResult end = b.add(first, last.size);
      Value mask = upTo(b.min(end, left));
      if (i > 0) {
        Value before = upTo(first);
        mask = arith::AndIOp::create(
            b, mask,
            arith::XOrIOp::create(b, before, b.splat(b.getI1Type(), lanes, 1)));
      }
      pieces.push_back({start, mask, Value()});
      first = end;
    }
    return pieces;
  }

  Value rest = arith::AddIOp::create(b, vector::StepOp::create(b, type),
                                     broadcast(column));
  Value distances = broadcast(b.constant(0));
  for (const Loop &loop : llvm::reverse(columns)) {
    Value position = rest;
    if (&loop != &columns.front()) {
      Value size = broadcast(loop.size);
      position = arith::RemUIOp::create(b, rest, size);
      rest = arith::DivUIOp::create(b, rest, size);
    }
    distances = arith::AddIOp::create(
        b, distances,
        arith::MulIOp::create(b, position, broadcast(loop.strides[B])));
  }
  return {{at, upTo(left), distances}};
}

Value Lowering::loadPieces(Emitter &b, ArrayRef<Piece> pieces,
                           OpFoldResult at) {
  const Operand &operand = c.operands[B];
  VectorType type = vectorOf(operand.element());
  Value vector = b.splat(operand.element(), registers.lanes);
  for (const Piece &piece : pieces) {
    Value start = b.value(b.add(piece.start, at));
    if (piece.distances)
      vector = vector::GatherOp::create(b, type, operand.flat, start,
                                        piece.distances, piece.mask, vector);
    else if (piece.mask)
      vector = vector::MaskedLoadOp::create(b, type, operand.flat, start,
                                            piece.mask, vector);
    else
      vector = vector::LoadOp::create(b, type, operand.flat, start);
  }
  return extend(b, B, vector);
}
