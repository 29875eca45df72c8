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

SmallVector<Value> EditRun::operands() {
  SmallVector<Value> result;
  for (Operation *op : ops) {
    llvm::append_range(result, op->getOperands().drop_front());
    if (CountOp count = countOf(op))
      result.back() = count.getTokens();
  }
  return result;
}

static bool isRemoval(Operation *op) {
  return isa<AllowOp, BanOp, BitmaskOp, NoRepeatNgramOp>(op);
}

bool EditRun::changes() { return !llvm::all_of(ops, isRemoval); }
bool EditRun::removes() { return llvm::any_of(ops, isRemoval); }

/// Masks are dense ops, but in a kernel.
static bool isAlone(Operation *op) {
  return isEdit(op) && !isa<BitmaskOp, AllowOp>(op) &&
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
  if (!countOf(edit.op))
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

/// Calls `body` for the tokens of a list that are in the vocabulary, in order.
void Edits::walk(const Place &at, List list,
                 function_ref<void(Num place, Num token)> body) {
  e.loop(e.index(0), list.count, 1, [&](Num place) {
    // A negative one is a great unsigned one.
    Num token = e.to(loadScalar(list.tokens, {place}), index);
    e.when(token < at.size, [&] { body(place, token); });
  });
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

/// In a kernel: copies the groups of a list's tokens that are not copied yet.
void Edits::touch(const Place &at, List list) {
  if (!at.touched.value)
    return;
  walk(at, list, [&](Num, Num token) {
    Num group = token / groupSize;
    e.when(loadScalar(at.touched, {group}) == 0, [&] { copyGroup(at, group); });
  });
}

/// In a kernel: the same for the lists that edits are given. Where those are
/// long, in the order of memory, which sends the other groups meanwhile.
void Edits::touchAll(ArrayRef<Edit> edits, const Place &at) {
  Num wanted = e.constant(e.getI8Type(), 2), count = dim(at.touched, 0);
  Num isLong = e.constant(i1, 0);
  llvm::SmallDenseSet<Value> seen;
  for (const Edit &edit : edits) {
    CountOp counted = countOf(edit.op);
    bool isBias = isa<LogitBiasOp>(edit.op);
    if (!counted && !isBias)
      continue;
    Value source = counted ? counted.getTokens() : edit.op->getOperand(1);
    if (!seen.insert(source).second)
      continue;
    List list = listOf(edit.operands[counted ? 1 : 0], at.row);
    Num isMuch = count < list.count * 16;
    isLong = isLong | isMuch;
    e.when(isMuch, [&] {
      walk(at, list, [&](Num, Num token) {
        store(wanted, at.touched, {token / groupSize});
      });
    });
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

void Edits::banRepeats(const Edit &edit, const Place &at) {
  Num n = loadScalar(edit.operands[1], {at.row});
  e.when(e.compare(arith::CmpIPredicate::sgt, n, e.i32(0)), [&] {
    List list = listOf(edit.operands[0], at.row);
    Repeats repeats = repeatsOf(list);
    walk(at, {list.tokens, repeats.length}, [&](Num end, Num token) {
      e.when(loadScalar(repeats.runs, {end}) >= n - 1,
             [&] { remove(at, token); });
    });
  });
}

//===----------------------------------------------------------------------===//
// What is changed
//===----------------------------------------------------------------------===//

/// What an edit makes of a logit: removed and NaN ones stay.
Num Edits::change(const Place &at, Num token, Num logit, Num changed) {
  Num in = logit > e.f32(-INFINITY);
  if (masked)
    in = in & (bitOf(at, token) == 1);
  return e.select(in, changed, logit);
}

void Edits::bias(const Edit &edit, const Place &at) {
  List list = listOf(edit.operands[0], at.row);
  touch(at, list);
  walk(at, list, [&](Num place, Num token) {
    Num logit = loadScalar(at.out, {token});
    Num biased = logit + loadScalar(edit.operands[1], {at.row, place});
    store(change(at, token, logit, biased), at.out, {token});
  });
}

/// Changes every token of a list once, by what its places make of the number 0.
/// The number is in the place of the logit while the list is walked.
void Edits::changeByNumber(const Place &at, List list,
                           function_ref<Num(Num place, Num number)> add,
                           function_ref<Num(Num logit, Num number)> changed) {
  touch(at, list);
  Num values = scratch(f32, list.count);
  auto numberOf = [&](Num token) {
    return e.bitcast(loadScalar(at.out, {token}), i32);
  };
  walk(at, list, [&](Num place, Num token) {
    store(loadScalar(at.out, {token}), values, {place});
  });
  walk(at, list, [&](Num, Num token) { store(e.f32(0), at.out, {token}); });
  walk(at, list, [&](Num place, Num token) {
    store(e.bitcast(add(place, numberOf(token)), f32), at.out, {token});
  });
  walk(at, list, [&](Num place, Num token) {
    Num logit = loadScalar(values, {place});
    Num next = changed(logit, numberOf(token));
    store(change(at, token, logit, next), values, {place});
  });
  walk(at, list, [&](Num place, Num token) {
    store(loadScalar(values, {place}), at.out, {token});
  });
}

Num Edits::penalized(const Edit &edit, Num logit, Num count, Num row) {
  Num penalty = loadScalar(edit.operands[0], {row});
  if (auto repetition = dyn_cast<RepetitionPenaltyOp>(edit.op)) {
    Num less = repetition.getReciprocal() ? logit * (e.f32(1) / penalty)
                                          : logit / penalty;
    return e.select(logit > e.f32(0), less, logit * penalty);
  }
  if (isa<PresencePenaltyOp>(edit.op))
    return logit - penalty;
  return logit - penalty * e.num(arith::SIToFPOp::create(e, f32, count));
}

/// Penalties that look at the same list.
void Edits::penalize(ArrayRef<Edit> edits, const Place &at) {
  // A NaN that one makes outlasts an invalid parameter of the next.
  Nums valid = {e.constant(i1, 1)};
  for (const Edit &edit : edits)
    valid.push_back(valid.back() & isValid(edit, at.row));
  changeByNumber(
      at, listOf(edits.front().operands[1], at.row),
      [&](Num, Num count) { return count + 1; },
      [&](Num logit, Num count) {
        for (auto [edit, applies] :
             llvm::zip(edits, ArrayRef(valid).drop_front())) {
          Num next = penalized(edit, logit, count, at.row);
          logit = e.select((logit > e.f32(-INFINITY)) & applies, next, logit);
        }
        return logit;
      });
}

/// For every place of a history, up to its last token, how many tokens before
/// it are those at the end, one by one. (The Z algorithm, from the end.)
Edits::Repeats Edits::repeatsOf(List list) {
  Num zero = e.index(0);
  auto tokenAt = [&](Num place) { return loadScalar(list.tokens, {place}); };
  Num length =
      e.loop(zero, list.count, 1, {zero}, [&](Num place, Nums last) -> Nums {
        Num is = e.compare(arith::CmpIPredicate::sge, tokenAt(place), e.i32(0));
        return {e.select(is, place + 1, last[0])};
      })[0];
  Num runs = scratch(i32, list.count + 1);
  store(e.i32(0), runs, {zero});
  // What is `back` from the end up to the place `reach` from it is what is at
  // the end.
  e.loop(e.index(1), length, 1, {zero, zero}, [&](Num at, Nums known) -> Nums {
    Num back = known[0], reach = known[1], end = length - at;
    Num run = e.choose(
        at < reach, {index},
        [&]() -> Nums {
          Num same = e.to(loadScalar(runs, {end + back}), index);
          Num room = reach - at;
          return {e.select(same < room, same, room)};
        },
        [&]() -> Nums { return {zero}; })[0];
    run = e.loopWhile(
        {run},
        [&](Nums run) {
          return e.choose(
              run[0] < end, {i1},
              [&]() -> Nums {
                Num a = tokenAt(end - 1 - run[0]);
                Num b = tokenAt(length - 1 - run[0]);
                Num is = e.compare(arith::CmpIPredicate::sge, a, e.i32(0));
                return {(a == b) & is};
              },
              [&]() -> Nums { return {e.constant(i1, 0)}; })[0];
        },
        [&](Nums run) -> Nums { return {run[0] + 1}; })[0];
    store(e.to(run, i32), runs, {end});
    Num farther = at + run > reach;
    return {e.select(farther, at, back), e.select(farther, at + run, reach)};
  });
  return {length, runs};
}

void Edits::dry(const Edit &edit, const Place &at) {
  auto number = [&](size_t operand) {
    return loadScalar(edit.operands[operand], {at.row});
  };
  Num multiplier = number(2), base = number(3), allowed = number(4);
  Num zero = e.index(0), one = e.index(1);
  Num some = e.compare(arith::CmpIPredicate::sgt, allowed, e.i32(0));
  allowed = e.select(some, allowed, e.i32(0));
  Num off = (multiplier == e.f32(0)) | (base < e.f32(1));
  e.when(off ^ 1, [&] {
    List list = listOf(edit.operands[0], at.row);
    List breakers = listOf(edit.operands[1], at.row);
    Repeats repeats = repeatsOf(list);
    // A run ends at the last breaker of the history.
    auto breaks = [&](Num place) {
      Num token = loadScalar(list.tokens, {place});
      Num is = e.compare(arith::CmpIPredicate::sge, token, e.i32(0));
      return e.loop(zero, breakers.count, 1, {e.constant(i1, 0)},
                    [&](Num k, Nums any) -> Nums {
                      Num equal = loadScalar(breakers.tokens, {k}) == token;
                      return {any[0] | (equal & is)};
                    })[0];
    };
    Num limit = e.loopWhile(
        {zero},
        [&](Nums run) {
          return e.choose(
              run[0] < repeats.length, {i1},
              [&]() -> Nums {
                return {breaks(repeats.length - 1 - run[0]) ^ 1};
              },
              [&]() -> Nums { return {e.constant(i1, 0)}; })[0];
        },
        [&](Nums run) -> Nums { return {run[0] + 1}; })[0];
    limit = e.to(limit, i32);
    // Few tokens would extend a repeat that is long enough.
    Num tokens = scratch(i32, list.count), runs = scratch(i32, list.count);
    Nums found = e.loop(one, repeats.length, 1, {zero, e.i32(0)},
                        [&](Num end, Nums found) -> Nums {
                          Num run = loadScalar(repeats.runs, {end});
                          run = e.select(run < limit, run, limit);
                          return e.choose(
                              run >= allowed, {index, i32},
                              [&]() -> Nums {
                                store(loadScalar(list.tokens, {end}), tokens,
                                      {found[0]});
                                store(run, runs, {found[0]});
                                return {found[0] + 1, e.max(run, found[1])};
                              },
                              [&]() -> Nums { return found; });
                        });
    Num count = found[0];
    // The powers of the base, as products from left to right.
    Num powers = scratch(f32, list.count + 1);
    Num most = e.to(found[1] - allowed, index);
    e.when(zero < count, [&] {
      store(e.f32(1), powers, {zero});
      e.loop(zero, most, 1, [&](Num place) {
        Num power = loadScalar(powers, {place}), next = power * base;
        store(e.select(next < e.f32(INFINITY), next, power), powers,
              {place + 1});
      });
    });
    changeByNumber(
        at, {tokens, count},
        [&](Num place, Num longest) {
          return e.max(loadScalar(runs, {place}), longest);
        },
        [&](Num logit, Num longest) {
          Num exponent = e.to(longest - allowed, index);
          return logit - multiplier * loadScalar(powers, {exponent});
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
    if (CountOp count = countOf(edit.op))
      while (taken < edits.size() && countOf(edits[taken].op) == count)
        ++taken;
    Num before = valid;
    for (const Edit &each : edits.take_front(taken))
      valid = valid & isValid(each, at.row);
    e.when(countOf(edit.op) ? before : valid, [&] {
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
      else if (countOf(edit.op))
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
