//===- Edits.h - what lists of tokens change in logits -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bias, bans and penalties change the logits of the few tokens that a list
// names. A function does a whole run of them: it copies a row, and then walks
// lists. What one edit after the other leaves is the same as what dense ops do.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EDITS_H
#define PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EDITS_H

#include "Functions.h"

namespace plait::sampling {

/// A run of ops, each the next one's logits.
struct EditRun {
  SmallVector<Operation *> ops;

  Value logits() { return ops.front()->getOperand(0); }
  /// Of every op, what it takes besides the logits, with the list of tokens in
  /// the place of their counts.
  SmallVector<Value> operands();
};

/// The longest runs of a module.
SmallVector<EditRun> findEdits(Operation *module);

class Edits : Functions {
public:
  Edits(EditRun run, SymbolTable &symbols, int64_t vectorBits);

  /// The function of (logits, the run's operands, the result), all memrefs.
  func::FuncOp emit();

private:
  /// Runtime values of one op's operands.
  struct Edit {
    Operation *op;
    Nums operands;
  };
  void copyRow(Num logits, Num row, ArrayRef<Edit> edits, Num out, Num from,
               Num to);
  void walk(Num list, Num row, Num out,
            function_ref<void(Num place, Num token)> body);
  void editRow(ArrayRef<Edit> edits, Num row, Num out);
  void penalize(ArrayRef<Edit> edits, Num row, Num out);
  Num penalized(const Edit &edit, Num logit, Num count, Num row);

  EditRun run;
};

} // namespace plait::sampling

#endif // PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EDITS_H
