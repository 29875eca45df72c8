//===- Edits.cpp - what lists of tokens change in logits -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace plait::sampling;
using namespace plait::sample;

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

SmallVector<Value> plait::sampling::operandsOf(Operation *op) {
  SmallVector<Value> operands(op->getOperands().drop_front());
  SmallVector<CountOp> counts = countsOf(op);
  auto lists = MutableArrayRef(operands).take_back(counts.size());
  for (auto [list, count] : llvm::zip_equal(lists, counts))
    list = count.getTokens();
  if (isa<FusedOp>(op->getParentOp()))
    llvm::erase_if(operands, [&](Value operand) {
      return operand.getParentBlock() == op->getBlock();
    });
  return operands;
}

SmallVector<Value> EditRun::operands() {
  SmallVector<Value> result;
  for (Operation *op : ops)
    llvm::append_range(result, operandsOf(op));
  return result;
}

static bool isRemoval(Operation *op) {
  return isa<AllowOp, BanOp, BitmaskOp, NoRepeatNgramOp>(op);
}

bool EditRun::changes() const { return !llvm::all_of(ops, isRemoval); }
bool EditRun::removes() const { return llvm::any_of(ops, isRemoval); }

static bool hasTables(Operation *op) {
  return isPenalty(op) && countsOf(op).empty();
}

/// Masks and penalties by tables are dense ops, but in a kernel.
static bool isAlone(Operation *op) {
  return isEdit(op) && !isa<BitmaskOp, AllowOp>(op) && !hasTables(op) &&
         !isa<FusedOp>(op->getParentOp());
}

SmallVector<EditRun> plait::sampling::findEdits(Operation *module) {
  SmallVector<EditRun> runs;
  llvm::SmallPtrSet<Operation *, 8> taken;
  module->walk([&](Operation *op) {
    if (!isAlone(op) || taken.contains(op))
      return;
    EditRun run;
    for (Operation *next = op; next;) {
      run.ops.push_back(next);
      taken.insert(next);
      Operation *user = next->hasOneUse() ? *next->getUsers().begin() : nullptr;
      bool goesOn = user && isAlone(user) &&
                    user->getBlock() == op->getBlock() &&
                    user->getOperand(0) == next->getResult(0);
      next = goesOn ? user : nullptr;
    }
    runs.push_back(std::move(run));
  });
  return runs;
}

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

Edits::Edits(EditRun run, SymbolTable &symbols, int64_t vectorBits)
    : Functions(run.ops.front()->getLoc(), symbols, vectorBits), run(run) {}

SmallVector<Type> Edits::types() {
  return llvm::map_to_vector(run.operands(), [](Value operand) {
    auto type = cast<ShapedType>(operand.getType());
    return Type(buffer(type.getRank(), type.getElementType()));
  });
}

SmallVector<Edits::Edit> Edits::editsOf(ArrayRef<Num> operands) {
  SmallVector<Edit> edits;
  for (Operation *op : run.ops) {
    size_t count = op->getNumOperands() - 1;
    edits.push_back({op, Nums(operands.take_front(count))});
    operands = operands.drop_front(count);
  }
  return edits;
}

static Num isFinite(Num value) {
  Emitter &e = *value.e;
  return (value > e.f32(-INFINITY)) & (value < e.f32(INFINITY));
}

static Num isNaN(Num value) {
  return value.e->compare(arith::CmpFPredicate::UNO, value, value);
}

Num Edits::isValid(const Edit &edit, Num row) {
  if (isa<DryOp>(edit.op))
    return e.compare(arith::CmpFPredicate::ORD,
                     loadScalar(edit.operands[2], {row}),
                     loadScalar(edit.operands[3], {row}));
  if (!isPenalty(edit.op))
    return e.constant(i1, 1);
  Num penalty = loadScalar(edit.operands[0], {row});
  Num finite = isFinite(penalty);
  return isa<RepetitionPenaltyOp>(edit.op) ? finite & (penalty > e.f32(0))
                                           : finite;
}

Num Edits::scratch(Type element, Num size) {
  return e.num(
      memref::AllocOp::create(e, buffer(1, element), ValueRange{size.value}));
}

Edits::List Edits::listOf(Num lists, Num row) {
  return {rowOf(lists, row), dim(lists, 1)};
}

/// The lists whose tokens an edit changes, if it is given such.
SmallVector<Edits::List> Edits::listsOf(const Edit &edit, Num row) {
  SmallVector<List> lists;
  if (isa<LogitBiasOp>(edit.op))
    lists.push_back(listOf(edit.operands[0], row));
  ArrayRef<Num> operands = edit.operands;
  for (Num counted : operands.take_back(countsOf(edit.op).size()))
    lists.push_back(listOf(counted, row));
  return lists;
}

/// Calls `body` for the tokens of lists that are in the vocabulary, in order,
/// with their places in all lists together.
void Edits::walk(const Place &at, ArrayRef<List> lists,
                 function_ref<void(Num place, Num token)> body) {
  Num before = e.index(0);
  for (const List &list : lists) {
    e.loop(e.index(0), list.count, 1, [&](Num place) {
      // A negative one is a great unsigned one.
      Num token = e.to(loadScalar(list.tokens, {place}), index);
      e.when(token < at.size, [&] { body(before + place, token); });
    });
    before = before + list.count;
  }
}

void Edits::copyGroup(const Place &at, Num group) {
  Num first = group * groupSize, end = first + groupSize;
  store(e.constant(e.getI8Type(), 1), at.touched, {group});
  (void)e.choose(
      end <= at.size, {},
      [&]() -> Nums {
        e.loop(first, end, lanes, [&](Num place) {
          Num value = loadVector(at.logits, {at.row, place});
          store(widen(value), at.out, {place});
        });
        return {};
      },
      [&]() -> Nums {
        e.loop(first, at.size, 1, [&](Num place) {
          Num value = loadScalar(at.logits, {at.row, place});
          store(widen(value), at.out, {place});
        });
        e.loop(at.size, end, 1,
               [&](Num place) { store(e.f32(-INFINITY), at.out, {place}); });
        return {};
      });
}

void Edits::touchGroup(const Place &at, Num group) {
  if (!at.touched.value)
    return;
  e.when(loadScalar(at.touched, {group}) == 0, [&] { copyGroup(at, group); });
}

/// In a kernel: copies the groups of lists' tokens that are not copied yet.
void Edits::touch(const Place &at, ArrayRef<List> lists) {
  if (!at.touched.value)
    return;
  walk(at, lists, [&](Num, Num token) { touchGroup(at, token / groupSize); });
}

/// In a kernel: the same for the lists that edits are given. Where those are
/// long, in the order of memory, which sends the other groups meanwhile.
void Edits::touchAll(ArrayRef<Edit> edits, const Place &at) {
  Num wanted = e.constant(e.getI8Type(), 2), count = dim(at.touched, 0);
  Num isLong = e.constant(i1, 0);
  SmallVector<SmallVector<CountOp>> known;
  for (const Edit &edit : edits) {
    SmallVector<CountOp> counts = countsOf(edit.op);
    if (!counts.empty() && llvm::is_contained(known, counts))
      continue;
    known.push_back(counts);
    for (const List &list : listsOf(edit, at.row)) {
      Num isMuch = count < list.count * 16;
      isLong = isLong | isMuch;
      e.when(isMuch, [&] {
        walk(at, list, [&](Num, Num token) {
          store(wanted, at.touched, {token / groupSize});
        });
      });
    }
  }
  e.when(isLong, [&] {
    e.loop(e.index(0), count, 1, [&](Num group) {
      askFor(at.logits, at.row, group + 8);
      e.when(loadScalar(at.touched, {group}) == wanted,
             [&] { copyGroup(at, group); });
    });
  });
}

//===----------------------------------------------------------------------===//
// What is removed
//===----------------------------------------------------------------------===//

/// The mask before the first removal: a grammar's words, or ones.
void Edits::fillMask(const Place &at, Num words) {
  Num all = dim(at.mask, 0), count = words.value ? dim(words, 1) : all;
  Num whole = count - count % lanes;
  e.loop(e.index(0), whole, lanes, [&](Num place) {
    Num value = words.value ? loadVector(words, {at.row, place})
                            : e.constant(VectorType::get({lanes}, i32), -1);
    store(value, at.mask, {place});
  });
  e.loop(whole, count, 1, [&](Num place) {
    store(words.value ? loadScalar(words, {at.row, place}) : e.i32(-1), at.mask,
          {place});
  });
  e.loop(count, all, 1, [&](Num place) { store(e.i32(0), at.mask, {place}); });
}

/// The word of a token and its bit there.
Num Edits::bitOf(const Place &at, Num token) {
  Num word = loadScalar(at.mask, {token / 32});
  return (word >> e.to(token % 32, i32)) & 1;
}

void Edits::remove(const Place &at, Num token) {
  if (at.mask.value) {
    Num word = loadScalar(at.mask, {token / 32});
    Num bit = e.i32(1) << e.to(token % 32, i32);
    return store(word & (bit ^ -1), at.mask, {token / 32});
  }
  Num logit = loadScalar(at.out, {token});
  store(e.select(isNaN(logit), logit, e.f32(-INFINITY)), at.out, {token});
}

/// A list of nothing but padding does not restrict.
void Edits::allow(const Place &at, List list) {
  Num restricted = e.loop(e.index(0), list.count, 1, {e.constant(i1, 0)},
                          [&](Num place, Nums any) -> Nums {
                            Num token = loadScalar(list.tokens, {place});
                            Num pads = token == -1;
                            return {any[0] | (pads ^ 1)};
                          })[0];
  e.when(restricted, [&] {
    Num bits = scratch(i32, list.count);
    walk(at, list,
         [&](Num place, Num token) { store(bitOf(at, token), bits, {place}); });
    e.loop(e.index(0), dim(at.mask, 0), 1,
           [&](Num place) { store(e.i32(0), at.mask, {place}); });
    walk(at, list, [&](Num place, Num token) {
      Num word = loadScalar(at.mask, {token / 32});
      Num bit = loadScalar(bits, {place}) << e.to(token % 32, i32);
      store(word | bit, at.mask, {token / 32});
    });
  });
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void Edits::editRow(ArrayRef<Edit> edits, const Place &at) {
  masked = false;
  if (at.mask.value) {
    const Edit *first = llvm::find_if(
        edits, [](const Edit &edit) { return isRemoval(edit.op); });
    fillMask(at, isa<BitmaskOp>(first->op) ? first->operands[0] : Num());
  }
  if (at.touched.value)
    touchAll(edits, at);
  // Behind a parameter out of its domain there are no candidates.
  Num valid = e.constant(i1, 1);
  while (!edits.empty()) {
    const Edit &edit = edits.front();
    size_t taken = 1;
    SmallVector<CountOp> counts = countsOf(edit.op);
    while (isPenalty(edit.op) && taken < edits.size() &&
           isPenalty(edits[taken].op) && countsOf(edits[taken].op) == counts)
      ++taken;
    Num before = valid;
    for (const Edit &each : edits.take_front(taken))
      valid = valid & isValid(each, at.row);
    e.when(isPenalty(edit.op) ? before : valid, [&] {
      if (isa<LogitBiasOp>(edit.op))
        bias(edit, at);
      else if (isa<DryOp>(edit.op))
        dry(edit, at);
      else if (isa<NoRepeatNgramOp>(edit.op))
        banRepeats(edit, at);
      else if (isa<BanOp>(edit.op))
        walk(at, listOf(edit.operands[0], at.row),
             [&](Num, Num token) { remove(at, token); });
      else if (isa<AllowOp>(edit.op))
        allow(at, listOf(edit.operands[0], at.row));
      else if (isa<BitmaskOp>(edit.op) && masked)
        e.loop(e.index(0), dim(edit.operands[0], 1), 1, [&](Num place) {
          Num word = loadScalar(edit.operands[0], {at.row, place});
          store(word & loadScalar(at.mask, {place}), at.mask, {place});
        });
      else if (hasTables(edit.op))
        penalizeByTables(edits.take_front(taken), at);
      else if (isPenalty(edit.op))
        penalize(edits.take_front(taken), at);
    });
    masked |= at.mask.value && isRemoval(edit.op);
    edits = edits.drop_front(taken);
  }
  // A kernel asks for that itself.
  if (at.touched.value || at.mask.value)
    return;
  e.when(valid ^ 1, [&] {
    e.loop(e.index(0), at.size, 1, [&](Num token) { remove(at, token); });
  });
}

func::FuncOp Edits::emitInKernel(Type element) {
  SmallVector<Type> arguments = {buffer(2, element), index};
  llvm::append_range(arguments, types());
  if (run.changes())
    arguments.append({rowType(f32), rowType(e.getI8Type())});
  if (run.removes())
    arguments.push_back(rowType(i32));
  return function("edit_row", arguments, {}, [&](Nums in) -> Nums {
    Place at;
    if (run.removes())
      at.mask = in.pop_back_val();
    if (run.changes()) {
      at.touched = in.pop_back_val();
      at.out = in.pop_back_val();
      e.loop(e.index(0), dim(at.touched, 0), 1, [&](Num group) {
        store(e.constant(e.getI8Type(), 0), at.touched, {group});
      });
    }
    at.logits = in[0];
    at.row = in[1];
    at.size = dim(in[0], 1);
    editRow(editsOf(ArrayRef(in).drop_front(2)), at);
    return {};
  });
}

func::FuncOp Edits::emitOnRow() {
  SmallVector<Type> arguments = types();
  arguments.append({index, index, rowType(f32), rowType(i32)});
  return function("edit_list", arguments, {}, [&](Nums in) -> Nums {
    Place at;
    at.mask = in.pop_back_val();
    at.out = in.pop_back_val();
    at.size = in.pop_back_val();
    at.row = in.pop_back_val();
    if (!run.removes())
      at.mask = Num();
    editRow(editsOf(in), at);
    return {};
  });
}

func::FuncOp Edits::emitAreValid() {
  SmallVector<Type> arguments = types();
  arguments.push_back(index);
  return function("are_valid", arguments, {i1}, [&](Nums in) -> Nums {
    Num row = in.pop_back_val(), valid = e.constant(i1, 1);
    for (const Edit &edit : editsOf(in))
      valid = valid & isValid(edit, row);
    return {valid};
  });
}

void Edits::copyRow(Num logits, Num row, Num out, Num from, Num to) {
  Num whole = to - (to - from) % lanes;
  e.loop(from, whole, lanes, [&](Num at) {
    store(widen(loadVector(logits, {row, at})), out, {row, at});
  });
  e.loop(whole, to, 1, [&](Num at) {
    store(widen(loadScalar(logits, {row, at})), out, {row, at});
  });
}

func::FuncOp Edits::emit() {
  auto given = cast<ShapedType>(run.logits().getType());
  SmallVector<Type> arguments = {buffer(2, given.getElementType())};
  llvm::append_range(arguments, types());
  arguments.push_back(buffer(2, f32));
  // A function of its own, so that its lists are freed with the row.
  SmallVector<Type> one = arguments;
  one.push_back(index);
  func::FuncOp edit = function("edit_row", one, {}, [&](Nums in) -> Nums {
    Place at;
    at.row = in.pop_back_val();
    at.out = rowOf(in.pop_back_val(), at.row);
    at.size = dim(at.out, 0);
    editRow(editsOf(ArrayRef(in).drop_front()), at);
    return {};
  });
  return function("edit", arguments, {}, [&](Nums in) -> Nums {
    Num logits = in.front(), out = in.back();
    Num rows = dim(logits, 0), size = dim(logits, 1), one = e.index(1);
    // Parts of 4096 logits or more for threads that have no row.
    Num each = (threadCount() + rows - 1) / e.select(rows == 0, one, rows);
    Num most = size / 4096 + 1, parts = e.select(each < most, each, most);
    auto editAt = [&](Num row) {
      Nums all = in;
      all.push_back(row);
      call(edit, all);
    };
    forall({rows, parts}, [&](Nums at) {
      Num row = at[0], part = at[1];
      copyRow(logits, row, out, part * size / parts, (part + 1) * size / parts);
      e.when(parts == one, [&] { editAt(row); });
    });
    e.when(one < parts,
           [&] { forall({rows}, [&](Nums at) { editAt(at[0]); }); });
    return {};
  });
}
