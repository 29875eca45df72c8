//===- Kernel.h - the sampler's vector code -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row is cut into groups of `groupSize` logits. The rounds over it:
//
//   edit      where the op has edits: walks their lists; see Edits.h.
//   scan      reads the row, at the speed of memory: every group's greatest
//             logit, and whether there is a NaN.
//   estimate  every group's weight as a float, from the cache; only where all
//             of the row's candidates take part in a sum.
//   compete   where noise picks from all of a row: its best score, and the second.
//   finish    the token. Where few candidates can survive, those at or above a
//             bound are listed in the order of their indices, from the groups
//             that reach the bound; all else is about that list. The bound is
//             the k-th greatest of the groups' greatest (k groups have at least
//             k such candidates), or, for top-p, what a sample of the row's
//             vectors makes likely, which is then checked.
//   rest      where the op has it: its processors, on a list of what is left of
//             the row, which may be all of it; see Rest.cpp.
//
// What decides are the integers of the specification, so neither groups nor
// vectors nor threads can change a sum, and thereby a token. The estimates are
// intervals that hold those integers. A draw that an interval leaves open, as
// few do, is decided by exact weights of the whole row.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_KERNEL_H
#define PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_KERNEL_H

#include "Edits.h"
#include "plait/Dialect/Sample/IR/Sample.h"

namespace plait::sampling {

/// More than any vector has lanes.
constexpr int64_t padding = 16;

class Kernel : Functions {
public:
  Kernel(sample::FusedOp op, SymbolTable &symbols, int64_t vectorBits);

  /// The function of (logits, the op's other operands, those of its parts, its
  /// results), all memrefs, that does what the op does.
  func::FuncOp emit();

private:
  /// A row of logits, and what edits leave of it: see `Edits::emitInKernel`.
  struct Row {
    Num logits, row, copy, touched, mask;
  };
  /// 256 logits and where their bits in the mask begin.
  struct Group {
    Num logits, mask, firstWord;
  };
  /// Of a function on a row, the first arguments.
  SmallVector<Type> rowAnd(ArrayRef<Type> types);
  Row takeRow(Nums &arguments);
  Nums callOnRow(func::FuncOp callee, const Row &row, ArrayRef<Num> arguments);

  // Rows.cpp: rounds over a row.
  void emitScan();
  void emitGreatest();
  void emitWeigh();
  void emitEstimateSums();
  void emitCollect();
  void emitSuggestBound();
  void emitDrawAll();
  /// Of logits: `scale` and `offset` give the logarithm, base 2, of a weight.
  struct Line {
    Num scale, offset, fits;
  };
  Line lineOf(Num temperature, Num best);
  Num slackOf(Num total, Num size, Num best);
  Value tailOf(const Row &row, Num needed);
  Nums onGroup(const Row &row, Value tail, Num group, TypeRange types,
               function_ref<Nums(const Group &)> body);
  Num logitOf(const Row &row, Num token);

  // Lists.cpp: rounds over listed candidates.
  void emitWeighList();
  void emitBisect(bool weighed);
  void emitCut(bool weighed);
  void emitCutShare();
  void emitPick();
  void emitPickBest();
  /// Candidates in memory, and as much memory for what is to be known of them.
  struct Listed {
    Num values, indices, weights, spare, spareWeights;
  };
  /// Weighs what is listed, against the greatest.
  Num massOf(const Listed &list, Num count, Num best);
  /// What is picked of a list of that mass: of results `drawnTypes`.
  Nums pickFrom(const Listed &list, Num count, Num best, Num mass,
                ArrayRef<Num> key, Num size);
  Num leastWeighing(Num best);
  Num share(Num p, Num total);

  // Noise.cpp: the greatest score of noisy candidates.
  /// The best score and the second, the token of the best and its value.
  SmallVector<Type> scoreTypes() { return {i64, i64, i32, f32}; }
  Nums noScore();
  Nums competeInList(const Listed &list, Num count, Num best, ArrayRef<Num> key,
                     Num size);
  Num wordOf(ArrayRef<Num> key, Num vocabulary, Num token);
  Num leastWord(Num ceiling, Num best, Num score);
  void emitCompete();
  void emitRank();
  void emitCompeteInRow();
  Nums mergeScores(ArrayRef<Num> memory, Num first, Num count);
  Nums drawnOf(ArrayRef<Num> scores, Num best, Num mass);

  // Rest.h: processors on a list.
  class Rest;
  friend class Rest;
  void emitRest();
  SmallVector<Type> typesOfRest();

  // Finish.cpp: what there is to do for a row.
  struct Parameters {
    Num temperature, k, minP, p;
    /// All are in their domains; the best alone; top-k, min-p, top-p are on;
    /// min-p limits what top-p, if it is on, gets.
    Num valid, greedy, limited, share, cut, shared;
  };
  Parameters parametersOf(ArrayRef<Num> operands, Num size);
  /// What was picked: for a draw how far into its weight; for noisy candidates
  /// the best score and the second; for the best candidate the value of the
  /// second. And the greatest value that there was.
  struct Picked {
    Num rest, weight, total, value, best;
  };
  /// A token, what is in `Picked`, and whether there is a NaN.
  SmallVector<Type> drawnTypes() { return {i32, i64, i64, i64, f32, f32, i32}; }
  Nums numbersOf(const Picked &picked);
  void emitFinish();
  Num target(Num p, Num total);
  Num sumOf(Num sums, Num base, Num count);
  bool hasNumbers() { return bool(op.getLogprobs()); }
  bool hasRest() { return !op.getRest().empty(); }
  /// Whether noise may compete in whole rows.
  bool competesInRows() { return op.getSeed() && !hasRest(); }

  // Kernel.cpp: who does it.
  /// What the kernel is given; a parameter that the op has not is empty.
  struct Given {
    Num logits;
    Nums parameters, edits, rest, results;
  };
  void emitWhole(const Given &in);
  void emitParts(const Given &in, Num parts);
  Nums rowOperands(const Given &in, Num row);
  void editRow(const Given &in, const Row &row);
  void weighIfSummed(const Row &row, Num best, Num sums, Num base,
                     ArrayRef<Num> operands, Num from, Num to);
  void competeIfWhole(const Row &row, Num best, Num base,
                      ArrayRef<Num> operands, Num from, Num to,
                      ArrayRef<Num> scores, Num place);
  void finishRow(const Given &in, const Row &row, Num best, Num sums, Num base,
                 Num nan, ArrayRef<Num> scores, Num first, Num parts);

  // Vectors.cpp: one vector.
  Num loadLogits(const Group &group, Num at);
  /// With what the mask removes, and what is left of it without.
  Num loadGiven(const Group &group, Num at);
  Num unremoved(const Group &group, Num at, Num logits);
  Num divide(Num logits, Num temperature);
  /// The weights of a vector of scaled logits: of its even and odd lanes.
  std::pair<Num, Num> weigh2(Num scaled, Num greatest);
  /// The same in the order of the lanes.
  Num weighInOrder(Num scaled, Num greatest);
  /// The same of logits, as floats, 2^44 as 1.
  Num estimate(Num logits, const Line &line);
  /// log2(e) times the distance to the greatest, Q8.24.
  Num fixedOf(Num scaled, Num greatest);
  /// Stores the lanes in `mask` one after the other and gives the place behind
  /// them. What is there is overwritten for a vector's length.
  Num append(Num vector, Num mask, Num memory, Num at);
  Num bitsOf(Num mask);
  Num exp2Entry(Num index);
  Num mulhi32(Num a, Num b);
  /// The numbers of the lanes.
  Num iotaOf();
  Num slice(Num vector, int64_t from, int64_t size);
  Num reduceMax(Num vector);
  Num reduceAdd(Num vector);
  Num keyOf(Num value);
  Num valueOf(Num key);
  Num groups(Num size);
  Num paddedGroups(Num size);

  sample::FusedOp op;
  int64_t vectorBits;
  std::optional<Edits> edits;
  bool changes = false, removes = false;
  /// Of the logits in memory.
  Type element;
  MemRefType logitsType, floats, words, longs;
  func::FuncOp edit, areValid, scan, greatest, weigh, estimateSums, collect,
      suggestBound, drawAll, weighList, bisectCount, bisectMass, cutCount,
      cutMass, cutShare, pick, pickBest, compete, rank, competeInRow, rest,
      finish;
};

} // namespace plait::sampling

#endif // PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_KERNEL_H
