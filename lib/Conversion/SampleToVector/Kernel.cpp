//===- Kernel.cpp - who does what there is to do for a row -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait::sampling;

/// A part of a row is worth a thread from this many groups on.
static constexpr int64_t groupsPerPart = 16;

Kernel::Kernel(sample::FusedOp op, SymbolTable &symbols, int64_t vectorBits)
    : Functions(op.getLoc(), symbols, vectorBits), op(op),
      vectorBits(vectorBits),
      element(op.getLogits().getType().getElementType()),
      logitsType(buffer(2, element)), floats(buffer(1, f32)),
      words(buffer(1, i32)), longs(buffer(1, i64)) {
  EditRun run = {sample::chainOf(op.getEdits())};
  if (run.ops.empty())
    return;
  edits.emplace(run, symbols, vectorBits);
  changes = run.changes();
  removes = run.removes();
}

Num Kernel::groups(Num size) { return (size + groupSize - 1) / groupSize; }

Num Kernel::paddedGroups(Num size) {
  return (groups(size) + padding - 1) / padding * padding;
}

SmallVector<Type> Kernel::rowAnd(ArrayRef<Type> types) {
  SmallVector<Type> all = {logitsType, index};
  if (changes)
    all.append({rowType(f32), rowType(e.getI8Type())});
  if (removes)
    all.push_back(rowType(i32));
  llvm::append_range(all, types);
  return all;
}

Kernel::Row Kernel::takeRow(Nums &arguments) {
  Row row;
  Num *next = arguments.begin();
  row.logits = *next++;
  row.row = *next++;
  if (changes) {
    row.copy = *next++;
    row.touched = *next++;
  }
  if (removes)
    row.mask = *next++;
  arguments.erase(arguments.begin(), next);
  return row;
}

Nums Kernel::callOnRow(func::FuncOp callee, const Row &row,
                       ArrayRef<Num> arguments) {
  Nums all;
  for (Num part : {row.logits, row.row, row.copy, row.touched, row.mask})
    if (part.value)
      all.push_back(part);
  llvm::append_range(all, arguments);
  return call(callee, all);
}

/// Every row is one thread's, which keeps it in its cache from scan to finish.
void Kernel::emitWhole(const Given &in) {
  Num rows = dim(in.logits, 0), count = groups(dim(in.logits, 1));
  forall({rows}, [&](Nums at) {
    Num zero = e.index(0);
    constexpr int64_t most = (int64_t(1) << sample::indexBits) / groupSize;
    auto scratch = [&](Type type) {
      return e.num(memref::AllocaOp::create(
          e, MemRefType::get({most + padding}, type), e.getI64IntegerAttr(64)));
    };
    auto alloc = [&](Type type, Num length) {
      return e.num(memref::AllocOp::create(e, buffer(1, type),
                                           ValueRange{length.value}));
    };
    Row row = {in.logits, at[0]};
    if (changes) {
      row.copy = alloc(f32, count * groupSize);
      row.touched = alloc(e.getI8Type(), count);
    }
    if (removes)
      row.mask = alloc(i32, count * (groupSize / 32));
    editRow(in, row);
    Num best = scratch(f32), sums = scratch(i64);
    Num nan = callOnRow(scan, row, {best, zero, zero, count})[0];
    Nums operands = rowOperands(in, row.row);
    weighIfSummed(row, best, sums, zero, operands, zero, count);
    Nums scores;
    for (Type type : scoreTypes())
      scores.push_back(
          e.num(memref::AllocaOp::create(e, MemRefType::get({1}, type))));
    competeIfWhole(row, best, zero, operands, zero, count, scores, zero);
    finishRow(in, row, best, sums, zero, nan, scores, zero, e.index(1));
  });
}

void Kernel::editRow(const Given &in, const Row &row) {
  if (!edits)
    return;
  Nums arguments = {row.logits, row.row};
  llvm::append_range(arguments, in.edits);
  for (Num part : {row.copy, row.touched, row.mask})
    if (part.value)
      arguments.push_back(part);
  call(edit, arguments);
}

/// Adds the weights of a part of a row whose draw, or whose top-p, is over all
/// of it.
void Kernel::weighIfSummed(const Row &row, Num best, Num sums, Num base,
                           ArrayRef<Num> operands, Num from, Num to) {
  Num size = dim(row.logits, 1);
  Parameters the = parametersOf(operands, size);
  Num top = call(greatest, {best, base, size})[0];
  Num m = divide(top, the.temperature);
  Line line = lineOf(the.temperature, top);
  Num no = e.constant(i1, 0);
  Num some = the.valid & (m > e.f32(-INFINITY));
  // A list or noise needs no sum but for top-p, or for a log-probability.
  if (hasRest() || (op.getSeed() && !hasNumbers()))
    some = some & the.cut;
  Num listed = the.limited | the.shared;
  if (op.getFullMass())
    listed = e.select(the.cut, no, listed);
  e.when(e.select(listed, no, some), [&] {
    // Top-p walks over the row once more, which is to stay in the cache.
    Num after = row.row + 1, rows = dim(row.logits, 0);
    Num next =
        e.select(the.cut, row.row, e.select(after < rows, after, row.row));
    // The total that a log-probability needs is exact.
    Num rough = hasNumbers() ? the.cut : e.constant(i1, 1);
    e.choose(
        rough & line.fits, {},
        [&]() -> Nums {
          return callOnRow(
              estimateSums, row,
              {sums, base, line.scale, line.offset, from, to, next});
        },
        [&]() -> Nums {
          return callOnRow(weigh, row,
                           {sums, base, the.temperature, m, from, to});
        });
  });
}

/// Puts the scores of a part of a row, all of which competes by its tokens, at a
/// place in memory.
void Kernel::competeIfWhole(const Row &row, Num best, Num base,
                            ArrayRef<Num> operands, Num from, Num to,
                            ArrayRef<Num> scores, Num place) {
  if (!competesInRows())
    return;
  Num size = dim(row.logits, 1), no = e.constant(i1, 0);
  Parameters the = parametersOf(operands, size);
  Num m = divide(call(greatest, {best, base, size})[0], the.temperature);
  Num some = the.valid & (m > e.f32(-INFINITY)) & (operands[9] == 0);
  e.when(e.select(the.limited | the.shared | the.cut, no, some), [&] {
    Nums arguments = {the.temperature, m, best, base, from, to, size};
    llvm::append_range(arguments, operands.slice(5, 4));
    Nums found = callOnRow(competeInRow, row, arguments);
    for (auto [score, memory] : llvm::zip_equal(found, scores))
      store(score, memory, place);
  });
}

void Kernel::finishRow(const Given &in, const Row &row, Num best, Num sums,
                       Num base, Num nan, ArrayRef<Num> scores, Num first,
                       Num parts) {
  Nums arguments = {best, sums, base, nan};
  arguments.append(rowOperands(in, row.row));
  if (competesInRows()) {
    llvm::append_range(arguments, scores);
    arguments.append({first, parts});
  }
  llvm::append_range(arguments, in.rest);
  Nums results = callOnRow(finish, row, arguments);
  for (auto [result, memory] : llvm::zip_equal(results, in.results))
    store(result, memory, row.row);
}

/// The parameters and keys of a row, and whether those of its edits are valid;
/// what the op has not is neutral.
Nums Kernel::rowOperands(const Given &in, Num row) {
  Num zero = e.i32(0);
  Nums neutral = {e.f32(1), zero, e.f32(0), e.f32(1), e.i64(0),
                  e.i64(0), zero, zero,     zero,     zero};
  for (auto [operand, memory] : llvm::zip_equal(neutral, in.parameters))
    if (memory.value)
      operand = loadScalar(memory, {row});
  if (!edits) {
    neutral.push_back(e.constant(i1, 1));
    return neutral;
  }
  Nums arguments = in.edits;
  arguments.push_back(row);
  neutral.append(call(areValid, arguments));
  return neutral;
}

/// Few rows for many threads: each is scanned and weighed in parts.
void Kernel::emitParts(const Given &in, Num parts) {
  Num logits = in.logits;
  Num rows = dim(logits, 0), size = dim(logits, 1);
  Num padded = paddedGroups(size), count = groups(size);
  auto alloc = [&](MemRefType type, Num length) {
    return e.num(memref::AllocOp::create(e, type, ValueRange{length}));
  };
  auto allocRows = [&](Type type, Num length) {
    return e.num(
        memref::AllocOp::create(e, buffer(2, type), ValueRange{rows, length}));
  };
  Num best = alloc(floats, rows * padded), sums = alloc(longs, rows * padded);
  Num nans = alloc(words, rows * parts);
  Nums scores;
  if (competesInRows())
    for (Type type : scoreTypes())
      scores.push_back(alloc(buffer(1, type), rows * parts));
  Row all = {logits};
  if (changes) {
    all.copy = allocRows(f32, count * groupSize);
    all.touched = allocRows(e.getI8Type(), count);
  }
  if (removes)
    all.mask = allocRows(i32, count * (groupSize / 32));
  auto rowAt = [&](Num row) {
    Row result = {logits, row};
    if (changes) {
      result.copy = rowOf(all.copy, row);
      result.touched = rowOf(all.touched, row);
    }
    if (removes)
      result.mask = rowOf(all.mask, row);
    return result;
  };
  auto bound = [&](Num part) { return part * count / parts; };
  if (edits)
    forall({rows}, [&](Nums at) { editRow(in, rowAt(at[0])); });
  forall({rows, parts}, [&](Nums at) {
    Num row = at[0], part = at[1];
    Num nan = callOnRow(scan, rowAt(row),
                        {best, row * padded, bound(part), bound(part + 1)})[0];
    store(nan, nans, row * parts + part);
  });
  forall({rows, parts}, [&](Nums at) {
    Num row = at[0], part = at[1];
    Nums operands = rowOperands(in, row);
    weighIfSummed(rowAt(row), best, sums, row * padded, operands, bound(part),
                  bound(part + 1));
    competeIfWhole(rowAt(row), best, row * padded, operands, bound(part),
                   bound(part + 1), scores, row * parts + part);
  });
  forall({rows}, [&](Nums at) {
    Num row = at[0];
    Num nan = e.loop(e.index(0), parts, 1, {e.i32(0)},
                     [&](Num part, Nums nan) -> Nums {
                       return {nan[0] | loadScalar(nans, {row * parts + part})};
                     })[0];
    finishRow(in, rowAt(row), best, sums, row * padded, nan, scores,
              row * parts, parts);
  });
}

func::FuncOp Kernel::emit() {
  if (edits) {
    edit = edits->emitInKernel(element);
    areValid = edits->emitAreValid();
  }
  emitScan();
  emitGreatest();
  emitWeigh();
  emitEstimateSums();
  emitCollect();
  emitWeighList();
  emitBisect(/*weighed=*/false);
  emitBisect(/*weighed=*/true);
  emitSuggestBound();
  emitCut(/*weighed=*/false);
  emitCut(/*weighed=*/true);
  emitCutShare();
  emitPick();
  emitPickBest();
  emitDrawAll();
  if (op.getSeed()) {
    emitCompete();
    if (op.getByPlace())
      emitRank();
  }
  if (competesInRows())
    emitCompeteInRow();
  if (hasRest())
    emitRest();
  emitFinish();

  SmallVector<Type> arguments = {logitsType};
  Value operands[] = {op.getTemperature(), op.getK(),        op.getMinP(),
                      op.getP(),           op.getBits(),     op.getSeed(),
                      op.getSession(),     op.getSequence(), op.getPosition(),
                      op.getByPlace()};
  for (Value operand : operands)
    if (operand)
      arguments.push_back(
          buffer(1, cast<ShapedType>(operand.getType()).getElementType()));
  size_t count = 0;
  if (edits) {
    SmallVector<Type> types = edits->types();
    count = types.size();
    llvm::append_range(arguments, types);
  }
  SmallVector<Type> restTypes = typesOfRest();
  llvm::append_range(arguments, restTypes);
  arguments.append(2, words);
  if (hasNumbers())
    arguments.append(2, floats);
  return function("rows", arguments, {}, [&](Nums given) -> Nums {
    Given in = {given[0]};
    Num *next = given.begin() + 1;
    for (Value operand : operands)
      in.parameters.push_back(operand ? *next++ : Num());
    auto takeNext = [&](Nums &into, size_t count) {
      into.append(next, next + count);
      next += count;
    };
    takeNext(in.edits, count);
    takeNext(in.rest, restTypes.size());
    takeNext(in.results, given.end() - next);

    Num rows = dim(in.logits, 0);
    Num size = dim(in.logits, 1);
    // A part for every thread that has no row.
    Num one = e.index(1), threads = threadCount();
    Num each = (threads + rows - 1) / e.select(rows == 0, one, rows);
    Num most = groups(size) / groupsPerPart;
    Num parts = e.select(each < most, each, most);
    (void)e.choose(
        parts > one, {},
        [&]() -> Nums {
          emitParts(in, parts);
          return {};
        },
        [&]() -> Nums {
          emitWhole(in);
          return {};
        });
    return {};
  });
}
