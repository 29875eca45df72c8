//===- Kernel.cpp - what there is to do for a row, and who does it -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait::sampling;

/// More than any vector has lanes.
static constexpr int64_t padding = 16;
/// A part of a row is worth a thread from this many groups on.
static constexpr int64_t groupsPerPart = 16;

static MemRefType vectorOf(Type element) {
  return MemRefType::get({ShapedType::kDynamic}, element);
}

Kernel::Kernel(sample::FusedOp op, SymbolTable &symbols, int64_t vectorBits)
    : op(op), symbols(symbols), e(op.getLoc(), op.getContext()),
      lanes(vectorBits / 32),
      element(op.getLogits().getType().getElementType()),
      index(e.getIndexType()), i1(e.getI1Type()), i32(e.getI32Type()),
      i64(e.getI64Type()), f32(e.getF32Type()),
      logitsType(MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic},
                                 element)),
      floats(vectorOf(f32)), words(vectorOf(i32)), longs(vectorOf(i64)) {}

func::FuncOp Kernel::function(StringRef name, ArrayRef<Type> arguments,
                              ArrayRef<Type> results, Body body) {
  OpBuilder::InsertionGuard guard(e);
  e.clearInsertionPoint();
  auto function = func::FuncOp::create(e, ("sample_" + name).str(),
                                       e.getFunctionType(arguments, results));
  function.setPrivate();
  function->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(e.getContext(), LLVM::Linkage::Internal));
  symbols.insert(function);
  Block *entry = function.addEntryBlock();
  e.setInsertionPointToStart(entry);
  Nums values = body(e.nums(entry->getArguments()));
  func::ReturnOp::create(e, llvm::to_vector_of<Value>(values));
  return function;
}

LLVM::LLVMFuncOp Kernel::external(StringRef name, LLVM::LLVMFunctionType type) {
  auto function = symbols.lookup<LLVM::LLVMFuncOp>(name);
  if (!function) {
    OpBuilder::InsertionGuard guard(e);
    e.clearInsertionPoint();
    function = LLVM::LLVMFuncOp::create(e, name, type);
    symbols.insert(function);
  }
  return function;
}

Nums Kernel::call(func::FuncOp callee, ArrayRef<Num> arguments) {
  SmallVector<Value> operands;
  for (auto [argument, type] :
       llvm::zip_equal(arguments, callee.getArgumentTypes()))
    operands.push_back(argument.type() == type
                           ? argument.value
                           : memref::CastOp::create(e, type, argument));
  return e.nums(func::CallOp::create(e, callee, operands).getResults());
}

Num Kernel::groups(Num size) { return (size + groupSize - 1) / groupSize; }

Num Kernel::paddedGroups(Num size) {
  return (groups(size) + padding - 1) / padding * padding;
}

/// The integer mass that `p` asks for, as the specification rounds it.
Num Kernel::target(Num p, Num total) {
  // p * 2^64 for p in (0, 1); below that rounded down.
  Num fixed = e.num(arith::FPToUIOp::create(
      e, i64, e.select(p > e.f32(0), p, e.f32(0)) * e.f32(0x1p64)));
  auto product = arith::MulUIExtendedOp::create(e, fixed, total);
  Num rest =
      e.compare(arith::CmpIPredicate::ne, e.num(product.getLow()), e.i64(0));
  Num ceil = e.num(product.getHigh()) + e.to(rest, i64);
  return e.select(ceil == 0, e.i64(1), ceil);
}

Num Kernel::sumOf(Num sums, Num base, Num count) {
  return e.loop(e.index(0), count, 1, {e.i64(0)},
                [&](Num at, Nums sum) -> Nums {
                  return {sum[0] + loadScalar(sums, {base + at})};
                })[0];
}

/// What the operands of one row ask for.
Kernel::Parameters Kernel::parametersOf(ArrayRef<Num> operands, Num size) {
  Parameters result;
  Num zero = e.f32(0), t = operands[0], k = e.to(operands[1], i64);
  Num p = operands[2];
  size = e.to(size, i64);
  Num yes = e.constant(i1, 1);
  // A parameter out of its domain removes every candidate.
  result.valid = (t >= zero) & (t < e.f32(INFINITY)) &
                 e.compare(arith::CmpFPredicate::ORD, p, p);
  // Temperature zero, and no bits to draw with, are the best candidate alone.
  Num greedy = op.getBits() ? t == zero : yes;
  result.temperature = e.select(t > zero, t, e.f32(1));
  Num off = e.compare(arith::CmpIPredicate::sle, operands[1], e.i32(0));
  k = e.select(off | (k >= size), size, k);
  result.k = e.select(greedy, e.i64(1), k);
  result.limited = result.k < size;
  result.p = p;
  result.cut = p < e.f32(1);
  return result;
}

/// finish(logits, row, greatest, sums, base, nan, temperature, k, p, bits)
///     -> token, flags
void Kernel::emitFinish() {
  Num least;
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], best = in[2], sums = in[3], base = in[4];
    Num nan = in[5], bits = in[9];
    Num size = e.num(memref::DimOp::create(e, logits, 1));
    Parameters the = parametersOf({in[6], in[7], in[8]}, size);
    Num t = the.temperature, padded = paddedGroups(size);
    least = e.f32(std::numeric_limits<float>::lowest());
    e.loop(e.index(0), padded, lanes, [&](Num at) {
      Num top = loadVector(best, base + at, f32);
      store(divide(top, t), best, base + at);
    });
    Num m = call(greatest, {best, base, size})[0];

    auto alloc = [&](MemRefType type) {
      Value length = size + (groupSize + padding);
      return e.num(memref::AllocOp::create(e, type, ValueRange{length}));
    };
    Num values = alloc(floats), indices = alloc(words), weights = alloc(longs);
    Num rest = alloc(floats), restWeights = alloc(longs);

    auto list = [&](Num bound) {
      return call(collect,
                  {logits, row, best, base, t, bound, indices, values})[0];
    };
    auto weighTheList = [&](Num count) {
      return call(weighList, {values, weights, count, m})[0];
    };
    auto fromList = [&](Num count, Num mass) -> Nums {
      Num r = e.mulhi(bits, mass);
      Num at = call(pick, {weights, count, r})[0];
      return {loadScalar(indices, {at})};
    };
    auto boundOfMass = [&](Num count, Num goal, Num low, Num slack) {
      return call(bisectMass, {values, e.index(0), count, goal, low, m, slack,
                               rest, weights, restWeights})[0];
    };
    // Keeps the mass `goal` of a list that has it.
    auto cutToMass = [&](Num count, Num goal, Num low) {
      Num bound = boundOfMass(count, goal, low, e.i64(0));
      return call(cutMass, {values, count, bound, goal, weights});
    };
    auto sampled = [&](Num left, Num weighed) {
      return call(suggestBound, {logits, row, t, m, left, weighed, values,
                                 weights, rest, restWeights})[0];
    };
    Num count = groups(size), no = e.constant(i1, 0), yes = e.constant(i1, 1);

    auto fromBest = [&]() -> Nums {
      // k groups have at least k candidates that reach the k-th of their
      // greatest. For a greater k look at a sample.
      Num k = the.k;
      Num bound =
          e.choose(
               k == 1, {f32}, [&]() -> Nums { return {e.max(m, least)}; },
               [&] {
                 return e.choose(
                     k > e.to(count, i64), {f32},
                     [&]() -> Nums {
                       Num left = e.to(size, i64), ample = k + (k >> 1);
                       left = e.select(left > ample, left - ample, e.i64(0));
                       return {sampled(left, no)};
                     },
                     [&] {
                       return call(bisectCount, {best, base, count, k, least, m,
                                                 e.i64(1 << 12), rest});
                     });
               })
              .front();
      Nums listed = e.loopWhile(
          {bound, list(bound)},
          [&](Nums state) {
            return e.select(state[0] > least, e.to(state[1], i64) < k, no);
          },
          [&](Nums) -> Nums { return {least, list(least)}; });
      e.when(e.to(listed[1], i64) > k, [&] {
        Num bound = call(bisectCount, {values, e.index(0), listed[1], k,
                                       listed[0], m, e.i64(0), rest})[0];
        call(cutCount, {values, listed[1], bound, k});
      });
      Num mass = weighTheList(listed[1]);
      mass = e.choose(
          the.cut, {i64},
          [&]() -> Nums {
            return {cutToMass(listed[1], target(the.p, mass), listed[0])[0]};
          },
          [&]() -> Nums { return {mass}; })[0];
      return fromList(listed[1], mass);
    };

    auto weighAll = [&] {
      call(weigh, {logits, row, sums, base, t, m, e.index(0), count});
    };

    auto fromMass = [&]() -> Nums {
      Num all = sumOf(sums, base, count), slack = slackOf(all, size);
      Num lowGoal = target(the.p, all - slack);
      Num goal = target(the.p, all + slack);
      // Maybe the groups' greatest have the mass; if not, look at a sample,
      // and if that promised too much, for less and less to be left out.
      e.loop(e.index(0), padded, lanes, [&](Num at) {
        store(loadVector(best, base + at, f32), values, at);
      });
      Num enough = weighTheList(count) >= goal;
      Num left = e.select(all > goal, all - goal, e.i64(0));
      left = left - (left >> 2);
      Num bound = e.choose(
          enough, {f32},
          [&]() -> Nums {
            return {boundOfMass(count, goal, least, e.i64(1 << 12))};
          },
          [&]() -> Nums { return {sampled(left, yes)}; })[0];
      Num listed = list(bound);
      Nums last = e.loopWhile(
          {left, bound, listed, weighTheList(listed)},
          [&](Nums state) {
            return e.select(state[1] > least, state[3] < goal, no);
          },
          [&](Nums state) -> Nums {
            Num left = state[0] >> 2, bound = sampled(left, yes);
            Num listed = list(bound);
            return {left, bound, listed, weighTheList(listed)};
          });
      Num low = last[1], mass = last[3];
      listed = last[2];
      // A list of all candidates has the exact mass.
      Num whole = low <= least;
      Num exact = target(the.p, mass);
      lowGoal = e.select(whole, exact, lowGoal);
      goal = e.select(whole, exact, goal);
      Nums cut = cutToMass(listed, goal, low);
      // What is above the last one kept tells whether the lower goal ends there
      // too. If not, nothing that is needed has been cut.
      mass = e.choose(
          cut[0] - cut[1] < lowGoal, {i64}, [&]() -> Nums { return {cut[0]}; },
          [&]() -> Nums {
            weighAll();
            Num goal = target(the.p, sumOf(sums, base, count));
            return {cutToMass(listed, goal, low)[0]};
          })[0];
      return fromList(listed, mass);
    };

    auto fromAll = [&]() -> Nums {
      auto draw = [&](Num slack) {
        return call(drawAll,
                    {logits, row, t, m, sums, base, slack, bits, weights});
      };
      Nums drawn = draw(slackOf(sumOf(sums, base, count), size));
      return e.choose(
          drawn[0] == -1, {i32},
          [&]() -> Nums {
            weighAll();
            return {draw(e.i64(0))[0]};
          },
          [&]() -> Nums { return {drawn[0]}; });
    };

    Num some = the.valid & (m > e.f32(-INFINITY));
    Num token = e.choose(
                     some, {i32},
                     [&] {
                       return e.choose(the.limited, {i32}, fromBest, [&] {
                         return e.choose(the.cut, {i32}, fromMass, fromAll);
                       });
                     },
                     [&]() -> Nums { return {e.i32(-1)}; })
                    .front();
    Num flags = nan | e.select(some, e.i32(0), e.i32(2));
    return {token, flags};
  };
  finish = function(
      "finish",
      {logitsType, index, floats, longs, index, i32, f32, i32, f32, i64},
      {i32, i32}, body);
}

/// Every row is one thread's, which keeps it in its cache from scan to finish.
void Kernel::emitWhole(ArrayRef<Num> in) {
  Num logits = in[0];
  Num rows = e.num(memref::DimOp::create(e, logits, 0));
  auto forall = scf::ForallOp::create(e, ArrayRef<OpFoldResult>{rows.value},
                                      ValueRange(), std::nullopt);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(forall.getBody());
  Num row = e.num(forall.getInductionVar(0)), zero = e.index(0);
  constexpr int64_t most = (int64_t(1) << sample::indexBits) / groupSize;
  auto scratch = [&](Type type) {
    return e.num(memref::AllocaOp::create(
        e, MemRefType::get({most + padding}, type), e.getI64IntegerAttr(64)));
  };
  Num best = scratch(f32), sums = scratch(i64);
  Num size = e.num(memref::DimOp::create(e, logits, 1));
  Num nan = call(scan, {logits, row, best, zero, zero, groups(size)})[0];
  Nums operands = rowOperands(in, row);
  weighIfSummed(logits, row, best, sums, zero, operands, zero, groups(size));
  Nums last = call(finish, {logits, row, best, sums, zero, nan, operands[0],
                            operands[1], operands[2], operands[3]});
  store(last[0], in[5], row);
  store(last[1], in[6], row);
}

/// Estimates a part of a row whose draw, or whose top-p, is over all of it.
void Kernel::weighIfSummed(Num logits, Num row, Num best, Num sums, Num base,
                           ArrayRef<Num> operands, Num from, Num to) {
  Num size = e.num(memref::DimOp::create(e, logits, 1));
  Parameters the = parametersOf(operands, size);
  Num m = divide(call(greatest, {best, base, size})[0], the.temperature);
  Num no = e.constant(i1, 0);
  Num some = the.valid & (m > e.f32(-INFINITY));
  e.when(e.select(the.limited, no, some), [&] {
    call(estimateSums, {logits, row, sums, base, the.temperature, m, from, to});
  });
}

/// The parameters and bits of a row; what the op has not is neutral.
Nums Kernel::rowOperands(ArrayRef<Num> in, Num row) {
  Nums neutral = {e.f32(1), e.i32(0), e.f32(1), e.i64(0)};
  for (auto [i, operand] : llvm::enumerate(neutral))
    if (in[i + 1].value)
      operand = loadScalar(in[i + 1], {row});
  return neutral;
}

/// Few rows for many threads: each is scanned and weighed in parts.
void Kernel::emitParts(ArrayRef<Num> in, Num parts) {
  Num logits = in[0];
  Num rows = e.num(memref::DimOp::create(e, logits, 0));
  Num size = e.num(memref::DimOp::create(e, logits, 1));
  Num padded = paddedGroups(size), count = groups(size);
  auto alloc = [&](MemRefType type, Num length) {
    return e.num(memref::AllocOp::create(e, type, ValueRange{length}));
  };
  Num best = alloc(floats, rows * padded), sums = alloc(longs, rows * padded);
  Num nans = alloc(words, rows * parts);
  auto forall = [&](ArrayRef<Num> bounds, function_ref<void(Nums)> body) {
    auto sizes = llvm::map_to_vector(
        bounds, [](Num bound) { return OpFoldResult(bound.value); });
    auto loop = scf::ForallOp::create(e, sizes, ValueRange(), std::nullopt);
    OpBuilder::InsertionGuard guard(e);
    e.setInsertionPointToStart(loop.getBody());
    body(e.nums(loop.getInductionVars()));
  };
  auto bound = [&](Num part) { return part * count / parts; };
  forall({rows, parts}, [&](Nums at) {
    Num row = at[0], part = at[1];
    Num nan = call(scan, {logits, row, best, row * padded, bound(part),
                          bound(part + 1)})[0];
    store(nan, nans, row * parts + part);
  });
  forall({rows, parts}, [&](Nums at) {
    Num row = at[0], part = at[1];
    weighIfSummed(logits, row, best, sums, row * padded, rowOperands(in, row),
                  bound(part), bound(part + 1));
  });
  forall({rows}, [&](Nums at) {
    Num row = at[0];
    Num nan = e.loop(e.index(0), parts, 1, {e.i32(0)},
                     [&](Num part, Nums nan) -> Nums {
                       return {nan[0] | loadScalar(nans, {row * parts + part})};
                     })[0];
    Nums operands = rowOperands(in, row);
    Nums last =
        call(finish, {logits, row, best, sums, row * padded, nan, operands[0],
                      operands[1], operands[2], operands[3]});
    store(last[0], in[5], row);
    store(last[1], in[6], row);
  });
}

func::FuncOp Kernel::emit() {
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
  emitPick();
  emitDrawAll();
  emitFinish();

  LLVM::LLVMFuncOp threadCount =
      external("plait_get_num_threads", LLVM::LLVMFunctionType::get(i64, {}));

  SmallVector<Type> arguments = {logitsType};
  Value operands[] = {op.getTemperature(), op.getK(), op.getP(), op.getBits()};
  for (Value operand : operands)
    if (operand)
      arguments.push_back(
          vectorOf(cast<ShapedType>(operand.getType()).getElementType()));
  arguments.append(2, words);
  return function("rows", arguments, {}, [&](Nums given) -> Nums {
    Nums in = {given[0]};
    Num *next = given.begin() + 1;
    for (Value operand : operands)
      in.push_back(operand ? *next++ : Num());
    in.append(next, given.end());

    Num rows = e.num(memref::DimOp::create(e, in[0], 0));
    Num size = e.num(memref::DimOp::create(e, in[0], 1));
    Num limit = e.num(
        arith::ConstantIndexOp::create(e, int64_t(1) << sample::indexBits));
    cf::AssertOp::create(e, size < limit,
                         "sample: expects a vocabulary below 1048576");
    Num threads = e.to(
        e.num(LLVM::CallOp::create(e, threadCount, ValueRange()).getResult()),
        index);
    // A part for every thread that has no row.
    Num one = e.index(1);
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
