//===- Penalties.cpp - what lists and counts change in logits -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::sampling;
using namespace plait::sample;

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

/// Changes every token of lists once, by what its places make of the number 0.
/// The number is in the place of the logit while the lists are walked.
void Edits::changeByNumber(const Place &at, ArrayRef<List> lists,
                           function_ref<Num(Num place, Num number)> add,
                           function_ref<Num(Num logit, Num number)> changed) {
  touch(at, lists);
  Num count = e.index(0);
  for (const List &list : lists)
    count = count + list.count;
  Num values = scratch(f32, count);
  auto numberOf = [&](Num token) {
    return e.bitcast(loadScalar(at.out, {token}), i32);
  };
  walk(at, lists, [&](Num place, Num token) {
    store(loadScalar(at.out, {token}), values, {place});
  });
  walk(at, lists, [&](Num, Num token) { store(e.f32(0), at.out, {token}); });
  walk(at, lists, [&](Num place, Num token) {
    store(e.bitcast(add(place, numberOf(token)), f32), at.out, {token});
  });
  walk(at, lists, [&](Num place, Num token) {
    Num logit = loadScalar(values, {place});
    Num next = changed(logit, numberOf(token));
    store(change(at, token, logit, next), values, {place});
  });
  walk(at, lists, [&](Num place, Num token) {
    store(loadScalar(values, {place}), at.out, {token});
  });
}

SmallVector<Edits::Penalty> Edits::penaltiesOf(ArrayRef<Edit> edits, Num row) {
  SmallVector<Penalty> penalties;
  Num valid = e.constant(i1, 1);
  for (const Edit &edit : edits) {
    valid = valid & isValid(edit, row);
    penalties.push_back({edit.op, loadScalar(edit.operands[0], {row}), valid,
                         ArrayRef(edit.operands).drop_front()});
  }
  return penalties;
}

/// What a penalty makes of a candidate or a vector of them. (A NaN that it makes
/// outlasts an invalid parameter of the next.)
Num Edits::penalized(const Penalty &penalty, Num logit, Num count) {
  Num amount = penalty.amount;
  if (auto repetition = dyn_cast<RepetitionPenaltyOp>(penalty.op)) {
    Num less = repetition.getReciprocal() ? logit * (e.f32(1) / amount)
                                          : logit / amount;
    return e.select(logit > e.f32(0), less, logit * amount);
  }
  if (isa<PresencePenaltyOp>(penalty.op))
    return logit - amount;
  Num times = e.num(arith::SIToFPOp::create(e, logit.type(), count));
  return logit - amount * times;
}

/// Penalties that look at the same lists.
void Edits::penalize(ArrayRef<Edit> edits, const Place &at) {
  SmallVector<Penalty> penalties = penaltiesOf(edits, at.row);
  changeByNumber(
      at, listsOf(edits.front(), at.row),
      [&](Num, Num count) { return count + 1; },
      [&](Num logit, Num count) {
        for (const Penalty &penalty : penalties) {
          Num in = (logit > e.f32(-INFINITY)) & penalty.applies;
          logit = e.select(in, penalized(penalty, logit, count), logit);
        }
        return logit;
      });
}

/// Penalties that look at tables, which have a count for every token. They are
/// read once, and groups of which nothing was seen stay where they are.
void Edits::penalizeByTables(ArrayRef<Edit> edits, const Place &at) {
  using Load = function_ref<Num(Num)>;
  SmallVector<Penalty> penalties = penaltiesOf(edits, at.row);
  Nums tables;
  llvm::SmallDenseSet<Value> known;
  for (const Penalty &penalty : penalties)
    for (Num table : penalty.counts)
      if (known.insert(table).second)
        tables.push_back(table);
  auto isSeen = [&](ArrayRef<Num> tables, Load load) {
    Num seen;
    for (Num table : tables) {
      Num count = load(table);
      Num more = e.compare(arith::CmpIPredicate::sgt, count, e.i32(0));
      seen = seen.value ? seen | more : more;
    }
    return seen;
  };
  auto changed = [&](Num logit, Num kept, Load load) {
    for (const Penalty &penalty : penalties) {
      Num in = isSeen(penalty.counts, load) & (logit > e.f32(-INFINITY));
      in = in & penalty.applies;
      if (kept.value)
        in = in & kept;
      Num next = penalized(penalty, logit, load(penalty.counts[0]));
      logit = e.select(in, next, logit);
    }
    return logit;
  };
  auto vectorAt = [&](Num token) {
    return [&, token](Num table) { return loadVector(table, {at.row, token}); };
  };
  auto numberAt = [&](Num token) {
    return [&, token](Num table) { return loadScalar(table, {at.row, token}); };
  };
  Num zero = e.index(0), whole = at.size / groupSize;
  e.loop(zero, whole, 1, [&](Num group) {
    Num first = group * groupSize, end = first + groupSize;
    Num none = e.constant(VectorType::get({lanes}, i1), 0);
    Nums seen =
        e.loop(first, end, lanes, {none}, [&](Num token, Nums seen) -> Nums {
          return {seen[0] | isSeen(tables, vectorAt(token))};
        });
    Num any = e.num(vector::ReductionOp::create(e, vector::CombiningKind::OR,
                                                seen[0].value));
    e.when(any, [&] {
      touchGroup(at, group);
      e.loop(first, end, lanes, [&](Num token) {
        Num kept = masked ? loadBits(at.mask, zero, token) : Num();
        Num logit = loadVector(at.out, {token});
        store(changed(logit, kept, vectorAt(token)), at.out, {token});
      });
    });
  });
  e.loop(whole * groupSize, at.size, 1, [&](Num token) {
    e.when(isSeen(tables, numberAt(token)), [&] {
      touchGroup(at, whole);
      Num kept = masked ? bitOf(at, token) == 1 : Num();
      Num logit = loadScalar(at.out, {token});
      store(changed(logit, kept, numberAt(token)), at.out, {token});
    });
  });
}
