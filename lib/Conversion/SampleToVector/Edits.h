//===- Edits.h - what lists of tokens change in logits -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bias, penalties and bans change the logits of the few tokens that a list
// names, or of which a table counts some; masks and lists remove tokens. What
// changes needs memory of its own:
//
//   alone       a run of edits is a function that copies rows and edits them.
//   in a kernel only the groups of a row in which a token changes are copied,
//               and what is removed is a bit of a mask.
//
// One edit after the other leaves what dense ops leave.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EDITS_H
#define PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EDITS_H

#include "Functions.h"

namespace plait::sampling {

/// What an op takes besides the logits, with the list of tokens in the place of
/// their counts, and without what a fused chain makes itself.
SmallVector<Value> operandsOf(Operation *op);

/// A run of ops, each the next one's logits.
struct EditRun {
  SmallVector<Operation *> ops;

  Value logits() { return ops.front()->getOperand(0); }
  SmallVector<Value> operands();
  /// Whether a logit becomes another; whether one is removed.
  bool changes() const, removes() const;
};

/// The longest runs of a module that are functions of their own.
SmallVector<EditRun> findEdits(Operation *module);

class Edits : Functions {
public:
  Edits(EditRun run, SymbolTable &symbols, int64_t vectorBits);

  /// The function of (logits, the run's operands, the result), all memrefs.
  func::FuncOp emit();

  /// The function of (logits, row, the run's operands (, copy, touched)
  /// (, mask)) that edits a row: `touched` says which groups of it are in
  /// `copy`, as f32 and filled up with -inf. The mask has a bit per token, up
  /// to the end of the last group.
  func::FuncOp emitInKernel(Type element);

  /// The function of (the run's operands, row, size, logits, mask) that edits the
  /// f32 logits of a row where they are, but for what the mask removes.
  func::FuncOp emitOnRow();

  /// The function of (the run's operands, row) that says whether the row's
  /// parameters are all in their domains.
  func::FuncOp emitAreValid();

  /// The types of the run's operands in memory.
  SmallVector<Type> types();

private:
  /// Runtime values of one op's operands.
  struct Edit {
    Operation *op;
    Nums operands;
  };
  /// A row, and where it is edited: f32 logits, and, in a kernel, which groups
  /// are there and what is not removed.
  struct Place {
    Num logits, row, size, out, touched, mask;
  };
  /// Tokens, `count` of them.
  struct List {
    Num tokens, count;
  };
  SmallVector<Edit> editsOf(ArrayRef<Num> operands);
  Num isValid(const Edit &edit, Num row);
  void editRow(ArrayRef<Edit> edits, const Place &at);
  void copyRow(Num logits, Num row, Num out, Num from, Num to);
  void copyGroup(const Place &at, Num group);
  void touchGroup(const Place &at, Num group);
  void touch(const Place &at, ArrayRef<List> lists);
  void touchAll(ArrayRef<Edit> edits, const Place &at);
  List listOf(Num lists, Num row);
  SmallVector<List> listsOf(const Edit &edit, Num row);
  void walk(const Place &at, ArrayRef<List> lists,
            function_ref<void(Num place, Num token)> body);

  // What is removed.
  void fillMask(const Place &at, Num words);
  Num bitOf(const Place &at, Num token);
  void remove(const Place &at, Num token);
  void allow(const Place &at, List list);

  // Penalties.cpp: what is changed.
  Num change(const Place &at, Num token, Num logit, Num changed);
  void bias(const Edit &edit, const Place &at);
  void penalize(ArrayRef<Edit> edits, const Place &at);
  void penalizeByTables(ArrayRef<Edit> edits, const Place &at);
  /// Of one row: whether it, and those before it, are in their domains.
  struct Penalty {
    Operation *op;
    Num amount, applies;
    ArrayRef<Num> counts;
  };
  SmallVector<Penalty> penaltiesOf(ArrayRef<Edit> edits, Num row);
  Num penalized(const Penalty &penalty, Num logit, Num count);
  void changeByNumber(const Place &at, ArrayRef<List> lists,
                      function_ref<Num(Num place, Num number)> add,
                      function_ref<Num(Num logit, Num number)> changed);

  // Repeats.cpp: what a history would repeat.
  void banRepeats(const Edit &edit, const Place &at);
  void dry(const Edit &edit, const Place &at);
  struct Repeats {
    Num length, runs;
  };
  Repeats repeatsOf(List list);

  Num scratch(Type element, Num size);

  EditRun run;
  /// Whether something may have been removed by the mask.
  bool masked = false;
};

} // namespace plait::sampling

#endif // PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EDITS_H
