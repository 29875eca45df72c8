//===- Edits.cpp - what lists of tokens change in logits -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::sampling;
using namespace plait::sample;

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// The counts that a penalty looks at.
static Value countsOf(Operation *op) {
  if (isa<RepetitionPenaltyOp, PresencePenaltyOp, FrequencyPenaltyOp>(op))
    return op->getOperand(2);
  return {};
}

static bool isEdit(Operation *op) {
  if (isa<LogitBiasOp, BanOp>(op))
    return true;
  Value counts = countsOf(op);
  return counts && op->getNumOperands() == 3 && counts.getDefiningOp<CountOp>();
}

SmallVector<Value> EditRun::operands() {
  SmallVector<Value> result;
  for (Operation *op : ops) {
    llvm::append_range(result, op->getOperands().drop_front());
    if (Value counts = countsOf(op))
      result.back() = counts.getDefiningOp<CountOp>().getTokens();
  }
  return result;
}

SmallVector<EditRun> plait::sampling::findEdits(Operation *module) {
  SmallVector<EditRun> runs;
  llvm::SmallPtrSet<Operation *, 8> taken;
  module->walk([&](Operation *op) {
    if (!isEdit(op) || taken.contains(op))
      return;
    EditRun run;
    for (Operation *next = op; next;) {
      run.ops.push_back(next);
      taken.insert(next);
      Operation *user = next->hasOneUse() ? *next->getUsers().begin() : nullptr;
      bool goesOn = user && isEdit(user) &&
                    user->getBlock() == op->getBlock() &&
                    user->getOperand(0) == next->getResult(0);
      next = goesOn ? user : nullptr;
    }
    runs.push_back(std::move(run));
  });
  return runs;
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

Edits::Edits(EditRun run, SymbolTable &symbols, int64_t vectorBits)
    : Functions(run.ops.front()->getLoc(), symbols, vectorBits), run(run) {}

static Num isFinite(Num value) {
  Emitter &e = *value.e;
  return (value > e.f32(-INFINITY)) & (value < e.f32(INFINITY));
}

static Num isNaN(Num value) {
  return value.e->compare(arith::CmpFPredicate::UNO, value, value);
}

/// Copies a part of a row. Where a parameter is out of its domain, there are no
/// candidates.
void Edits::copyRow(Num logits, Num row, ArrayRef<Edit> edits, Num out,
                    Num from, Num to) {
  Num valid = e.constant(i1, 1);
  for (const Edit &edit : edits)
    if (countsOf(edit.op)) {
      Num penalty = loadScalar(edit.operands[0], {row});
      valid = valid & isFinite(penalty);
      if (isa<RepetitionPenaltyOp>(edit.op))
        valid = valid & (penalty > e.f32(0));
    }
  auto copy = [&](Num value, Num at) {
    Num none = e.fit(e.f32(-INFINITY), value.type());
    Num removed = e.select(isNaN(value), value, none);
    store(e.select(valid, value, removed), out, {row, at});
  };
  Type element = cast<MemRefType>(logits.type()).getElementType();
  auto vector = VectorType::get({lanes}, element);
  Num whole = to - (to - from) % lanes;
  e.loop(from, whole, lanes, [&](Num at) {
    Value found =
        vector::LoadOp::create(e, vector, logits, ValueRange{row, at});
    copy(widen(e.num(found)), at);
  });
  e.loop(whole, to, 1,
         [&](Num at) { copy(widen(loadScalar(logits, {row, at})), at); });
}

/// Calls `body` for the tokens of a list that are in the vocabulary, in order.
void Edits::walk(Num list, Num row, Num out,
                 function_ref<void(Num place, Num token)> body) {
  Num size = dim(out, 1);
  e.loop(e.index(0), dim(list, 1), 1, [&](Num place) {
    // A negative one is a great unsigned one.
    Num token = e.to(loadScalar(list, {row, place}), index);
    e.when(token < size, [&] { body(place, token); });
  });
}

Num Edits::penalized(const Edit &edit, Num logit, Num count, Num row) {
  Num penalty = loadScalar(edit.operands[0], {row}), changed;
  if (auto repetition = dyn_cast<RepetitionPenaltyOp>(edit.op)) {
    Num less = repetition.getReciprocal() ? logit * (e.f32(1) / penalty)
                                          : logit / penalty;
    changed = e.select(logit > e.f32(0), less, logit * penalty);
  } else if (isa<FrequencyPenaltyOp>(edit.op)) {
    Num times = e.num(arith::SIToFPOp::create(e, f32, count));
    changed = logit - penalty * times;
  } else {
    changed = logit - penalty;
  }
  return e.select(logit > e.f32(-INFINITY), changed, logit);
}

/// Penalties that look at the same list. A token's count is kept in the place
/// of its logit while the list is walked.
void Edits::penalize(ArrayRef<Edit> edits, Num row, Num out) {
  Num list = edits.front().operands[1];
  Value length = dim(list, 1);
  Num values =
      e.num(memref::AllocOp::create(e, buffer(1, f32), ValueRange{length}));
  walk(list, row, out, [&](Num place, Num token) {
    store(loadScalar(out, {row, token}), values, place);
  });
  walk(list, row, out,
       [&](Num, Num token) { store(e.f32(0), out, {row, token}); });
  walk(list, row, out, [&](Num, Num token) {
    Num count = e.bitcast(loadScalar(out, {row, token}), i32) + 1;
    store(e.bitcast(count, f32), out, {row, token});
  });
  walk(list, row, out, [&](Num place, Num token) {
    Num count = e.bitcast(loadScalar(out, {row, token}), i32);
    Num logit = loadScalar(values, {place});
    for (const Edit &edit : edits)
      logit = penalized(edit, logit, count, row);
    store(logit, values, place);
  });
  walk(list, row, out, [&](Num place, Num token) {
    store(loadScalar(values, {place}), out, {row, token});
  });
}

void Edits::editRow(ArrayRef<Edit> edits, Num row, Num out) {
  while (!edits.empty()) {
    const Edit &edit = edits.front();
    size_t taken = 1;
    if (isa<LogitBiasOp>(edit.op)) {
      walk(edit.operands[0], row, out, [&](Num place, Num token) {
        Num logit = loadScalar(out, {row, token});
        Num biased = logit + loadScalar(edit.operands[1], {row, place});
        store(e.select(logit > e.f32(-INFINITY), biased, logit), out,
              {row, token});
      });
    } else if (isa<BanOp>(edit.op)) {
      walk(edit.operands[0], row, out, [&](Num, Num token) {
        Num logit = loadScalar(out, {row, token});
        store(e.select(isNaN(logit), logit, e.f32(-INFINITY)), out,
              {row, token});
      });
    } else {
      while (taken < edits.size() && countsOf(edits[taken].op) &&
             edits[taken].op->getOperand(2) == edit.op->getOperand(2))
        ++taken;
      penalize(edits.take_front(taken), row, out);
    }
    edits = edits.drop_front(taken);
  }
}

func::FuncOp Edits::emit() {
  auto memrefOf = [](Value operand) {
    auto type = cast<ShapedType>(operand.getType());
    return Type(buffer(type.getRank(), type.getElementType()));
  };
  SmallVector<Type> arguments = {memrefOf(run.logits())};
  for (Value operand : run.operands())
    arguments.push_back(memrefOf(operand));
  arguments.push_back(buffer(2, f32));
  auto editsOf = [&](ArrayRef<Num> in) {
    SmallVector<Edit> edits;
    for (Operation *op : run.ops) {
      size_t count = op->getNumOperands() - 1;
      edits.push_back({op, Nums(in.take_front(count))});
      in = in.drop_front(count);
    }
    return edits;
  };
  // A function of its own, so that its list is freed with the row.
  SmallVector<Type> one = arguments;
  one.push_back(index);
  func::FuncOp edit = function("edit_row", one, {}, [&](Nums in) -> Nums {
    auto edits = editsOf(ArrayRef(in).drop_front().drop_back(2));
    editRow(edits, in.back(), in[in.size() - 2]);
    return {};
  });
  return function("edit", arguments, {}, [&](Nums in) -> Nums {
    Num logits = in.front(), out = in.back();
    auto edits = editsOf(ArrayRef(in).drop_front().drop_back());
    Num rows = dim(logits, 0), size = dim(logits, 1), one = e.index(1);
    // Parts of 4096 logits or more for threads that have no row.
    Num each = (threadCount() + rows - 1) / e.select(rows == 0, one, rows);
    Num most = size / 4096 + 1, parts = e.select(each < most, each, most);
    forall({rows, parts}, [&](Nums at) {
      Num row = at[0], part = at[1];
      copyRow(logits, row, edits, out, part * size / parts,
              (part + 1) * size / parts);
      e.when(parts == one, [&] {
        Nums all = in;
        all.push_back(row);
        call(edit, all);
      });
    });
    e.when(one < parts, [&] {
      forall({rows}, [&](Nums at) {
        Nums all = in;
        all.push_back(at[0]);
        call(edit, all);
      });
    });
    return {};
  });
}
