//===- Lists.cpp - biases, masks and penalties -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What comes as a list of tokens is walked entry by entry, in order.
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

using namespace mlir;
using namespace plait::sample;

namespace {

/// A loop from `from` to `to` that carries `value`.
Value carry(Emitter &e, Value from, Value to, Value value,
            function_ref<Value(Value, Value)> body) {
  auto loop = scf::ForOp::create(e, from, to, e.index(1), value);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(e,
                       body(loop.getInductionVar(), loop.getRegionIterArg(0)));
  return loop.getResult(0);
}

Value sizeOf(Emitter &e, Value tensor, int64_t dimension) {
  return getValueOrCreateConstantIndexOp(
      e, e.getLoc(), tensor::getMixedSize(e, e.getLoc(), tensor, dimension));
}

/// Replaces element `(row, token)` of `tensor`, if there is one.
Value update(Emitter &e, Value tensor, Value row, Value token,
             function_ref<Value(Value)> body) {
  Value column = e.toIndex(token);
  // A negative token is a great unsigned one.
  Value inside = e.compare(IPredicate::ult, column, sizeOf(e, tensor, 1));
  auto branch = scf::IfOp::create(e, tensor.getType(), inside,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(branch.thenBlock());
  SmallVector<Value> at{row, column};
  Value next = body(tensor::ExtractOp::create(e, tensor, at));
  scf::YieldOp::create(
      e, tensor::InsertOp::create(e, next, tensor, at).getResult());
  e.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(e, tensor);
  return branch.getResult(0);
}

/// Updates `tensor` by every entry of `ids`, row by row and in order. `body`
/// takes the element and the entry's position.
Value forEachEntry(Emitter &e, Value tensor, Value ids,
                   function_ref<Value(Value, ValueRange)> body) {
  Value zero = e.index(0);
  auto walkRow = [&](Value row, Value tensor) {
    return carry(e, zero, sizeOf(e, ids, 1), tensor,
                 [&](Value entry, Value tensor) {
                   SmallVector<Value> at{row, entry};
                   Value token = tensor::ExtractOp::create(e, ids, at);
                   return update(e, tensor, row, token,
                                 [&](Value old) { return body(old, at); });
                 });
  };
  return carry(e, zero, sizeOf(e, ids, 0), tensor, walkRow);
}

/// How often every token is in the row's list, i32 like the logits.
Value countTokens(Emitter &e, Value logits, Value tokens) {
  return forEachEntry(
      e, e.fill(logits, 2, e.i32(0)), tokens,
      [&](Value count, ValueRange) { return e.add(count, e.i32(1)); });
}

/// Logits where `keep` holds for the row's elements of `inputs`, else -inf.
Value keepWhere(Emitter &e, Value logits, ValueRange inputs,
                function_ref<Value(ValueRange)> keep) {
  SmallVector<Value> all{logits};
  llvm::append_range(all, inputs);
  return e.mapElements(logits, all, e.getF32Type(), [&](ValueRange in) {
    return removeUnless(e, keep(in.drop_front()), in[0], in[0]);
  });
}

/// Logits with the candidates changed where `where` holds. Where `valid` does
/// not hold, a parameter of the row is none, and all are removed. Both and
/// `changed` see the elements of `inputs`.
struct Change {
  Value valid, where, changed;
};
Value change(Emitter &e, Value logits, ValueRange inputs,
             function_ref<Change(ValueRange)> body) {
  SmallVector<Value> all{logits};
  llvm::append_range(all, inputs);
  return e.mapElements(logits, all, e.getF32Type(), [&](ValueRange in) {
    Change result = body(in);
    Value acts = e.bitAnd(isCandidate(e, in[0]), result.where);
    return removeUnless(e, result.valid, e.select(acts, result.changed, in[0]),
                        in[0]);
  });
}

Value isFinite(Emitter &e, Value x) {
  return e.bitAnd(e.compare(FPredicate::OGT, x, e.infinity(true)),
                  e.compare(FPredicate::OLT, x, e.infinity(false)));
}

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

SmallVector<Value> lowerLogitBias(Emitter &e, LogitBiasOp op) {
  return {forEachEntry(
      e, op.getLogits(), op.getIds(), [&](Value logit, ValueRange at) {
        Value value = tensor::ExtractOp::create(e, op.getValues(), at);
        Value sum = arith::AddFOp::create(e, logit, value);
        return e.select(isCandidate(e, logit), sum, logit);
      })};
}

SmallVector<Value> lowerAllow(Emitter &e, AllowOp op) {
  Value listed = countTokens(e, op.getLogits(), op.getIds());
  // 1 for a row that lists anything but padding.
  Value restricted =
      e.reduceRows(op.getLogits(), op.getIds(), e.i32(0), [&](ValueRange in) {
        Value pads = e.compare(IPredicate::eq, in[0], e.i32(-1));
        return e.select(pads, in[1], e.i32(1));
      });
  return {
      keepWhere(e, op.getLogits(), {listed, restricted}, [&](ValueRange in) {
        return e.compare(IPredicate::uge, in[0], in[1]);
      })};
}

SmallVector<Value> lowerBan(Emitter &e, BanOp op) {
  Value listed = countTokens(e, op.getLogits(), op.getIds());
  return {keepWhere(e, op.getLogits(), listed, [&](ValueRange in) {
    return e.compare(IPredicate::eq, in[0], e.i32(0));
  })};
}

SmallVector<Value> lowerBitmask(Emitter &e, BitmaskOp op) {
  return {keepWhere(e, op.getLogits(), {}, [&](ValueRange) {
    Value token = e.token();
    Value column = e.toIndex(e.shr(token, e.i64(5)));
    Value word = tensor::ExtractOp::create(e, op.getWords(),
                                           ValueRange{e.dimension(0), column});
    Value bit = e.shr(word, e.narrow(e.bitAnd(token, e.i64(31))));
    return arith::TruncIOp::create(e, e.getI1Type(), bit);
  })};
}

SmallVector<Value> lowerCount(Emitter &e, CountOp op) {
  return {countTokens(e, op.getLogits(), op.getTokens())};
}

//===----------------------------------------------------------------------===//
// Penalties
//===----------------------------------------------------------------------===//

SmallVector<Value> lowerRepetition(Emitter &e, RepetitionPenaltyOp op) {
  SmallVector<Value> inputs{op.getPenalty(), op.getOutput()};
  if (op.getPrompt())
    inputs.push_back(op.getPrompt());
  return {change(e, op.getLogits(), inputs, [&](ValueRange in) -> Change {
    Value logit = in[0], penalty = in[1], zero = e.f32(0.0f);
    auto counted = [&](Value count) {
      return e.compare(IPredicate::sgt, count, e.i32(0));
    };
    Value seen = counted(in[2]);
    if (op.getPrompt())
      seen = e.bitOr(seen, counted(in[3]));
    Value less = op.getReciprocal()
                     ? e.mulF(logit, e.divF(e.f32(1.0f), penalty))
                     : e.divF(logit, penalty);
    Value positive = e.compare(FPredicate::OGT, logit, zero);
    return {e.bitAnd(e.compare(FPredicate::OGT, penalty, zero),
                     isFinite(e, penalty)),
            seen, e.select(positive, less, e.mulF(logit, penalty))};
  })};
}

SmallVector<Value> lowerPresence(Emitter &e, PresencePenaltyOp op) {
  return {change(e, op.getLogits(), {op.getPenalty(), op.getCounts()},
                 [&](ValueRange in) -> Change {
                   return {isFinite(e, in[1]),
                           e.compare(IPredicate::sgt, in[2], e.i32(0)),
                           e.subF(in[0], in[1])};
                 })};
}

SmallVector<Value> lowerFrequency(Emitter &e, FrequencyPenaltyOp op) {
  return {change(e, op.getLogits(), {op.getPenalty(), op.getCounts()},
                 [&](ValueRange in) -> Change {
                   Value count =
                       arith::SIToFPOp::create(e, e.getF32Type(), in[2]);
                   return {isFinite(e, in[1]),
                           e.compare(IPredicate::sgt, in[2], e.i32(0)),
                           e.subF(in[0], e.mulF(in[1], count))};
                 })};
}

//===----------------------------------------------------------------------===//
// Histories
//===----------------------------------------------------------------------===//

/// For every token, the length of the longest run at the end of the row's
/// history that the token followed, from the entry `first` on; -1 if none did.
/// Runs end at the tokens of `breakers`, if there are any.
Value longestRepeats(Emitter &e, Value logits, Value tokens, Value breakers,
                     int64_t first) {
  auto tokenAt = [&](Value row, Value entry) -> Value {
    return tensor::ExtractOp::create(e, tokens, ValueRange{row, entry});
  };
  auto isToken = [&](Value token) {
    return e.compare(IPredicate::sge, token, e.i32(0));
  };
  Value zero = e.index(0), one = e.index(1);

  auto walkRow = [&](Value row, Value longest) {
    // The history ends behind its last token.
    Value length =
        carry(e, zero, sizeOf(e, tokens, 1), zero, [&](Value i, Value last) {
          return e.select(isToken(tokenAt(row, i)), e.add(i, one), last);
        });
    Value limit = length;
    if (breakers) {
      Value columns = sizeOf(e, breakers, 1);
      Value start = carry(e, zero, length, zero, [&](Value i, Value start) {
        Value token = tokenAt(row, i);
        Value breaks =
            carry(e, zero, columns, e.isTrue(false), [&](Value k, Value any) {
              Value breaker =
                  tensor::ExtractOp::create(e, breakers, ValueRange{row, k});
              Value equal = e.compare(IPredicate::eq, token, breaker);
              return e.bitOr(any, e.bitAnd(equal, isToken(token)));
            });
        return e.select(breaks, e.add(i, one), start);
      });
      limit = e.sub(length, start);
    }
    return carry(
        e, e.index(first), length, longest, [&](Value end, Value longest) {
          // Each step adds one, as long as the count kept pace with it.
          Value run = carry(e, zero, end, zero, [&](Value n, Value run) {
            Value back = e.add(n, one);
            Value a = tokenAt(row, e.sub(end, back));
            Value b = tokenAt(row, e.sub(length, back));
            Value equal = e.bitAnd(e.compare(IPredicate::eq, a, b), isToken(a));
            Value goesOn = e.bitAnd(e.compare(IPredicate::eq, run, n), equal);
            return e.select(goesOn, back, run);
          });
          run =
              arith::IndexCastOp::create(e, e.getI32Type(), e.minU(run, limit));
          return update(e, longest, row, tokenAt(row, end),
                        [&](Value old) { return e.maxS(old, run); });
        });
  };
  return carry(e, zero, sizeOf(e, tokens, 0), e.fill(logits, 2, e.i32(-1)),
               walkRow);
}

SmallVector<Value> lowerNoRepeatNgram(Emitter &e, NoRepeatNgramOp op) {
  Value longest = longestRepeats(e, op.getLogits(), op.getTokens(), {}, 0);
  return {
      keepWhere(e, op.getLogits(), {longest, op.getN()}, [&](ValueRange in) {
        // Less than n - 1, without the overflow of n - 1.
        Value fewer = e.compare(IPredicate::slt, in[0],
                                e.sub(e.maxS(in[1], e.i32(1)), e.i32(1)));
        Value off = e.compare(IPredicate::sle, in[1], e.i32(0));
        return e.bitOr(off, fewer);
      })};
}

SmallVector<Value> lowerDry(Emitter &e, DryOp op) {
  Value longest =
      longestRepeats(e, op.getLogits(), op.getTokens(), op.getBreakers(), 1);
  return {change(
      e, op.getLogits(),
      {longest, op.getMultiplier(), op.getBase(), op.getAllowed()},
      [&](ValueRange in) -> Change {
        Value multiplier = in[2], base = in[3];
        Value allowed = e.maxS(in[4], e.i32(0));
        Value exponent = e.maxS(e.sub(in[1], allowed), e.i32(0));
        Value power = carry(e, e.index(0), e.toIndex(exponent), e.f32(1.0f),
                            [&](Value, Value power) {
                              Value next = e.mulF(power, base);
                              return e.select(e.compare(FPredicate::OLT, next,
                                                        e.infinity(false)),
                                              next, power);
                            });
        Value on = e.bitAnd(e.compare(FPredicate::ONE, multiplier, e.f32(0.0f)),
                            e.compare(FPredicate::OGE, base, e.f32(1.0f)));
        on = e.bitAnd(on, e.compare(IPredicate::sge, in[1], allowed));
        return {e.bitAnd(e.isNumber(multiplier), e.isNumber(base)), on,
                e.subF(in[0], e.mulF(multiplier, power))};
      })};
}

} // namespace

void plait::sample::populateLists(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<Lower<LogitBiasOp>>(context, lowerLogitBias);
  patterns.add<Lower<AllowOp>>(context, lowerAllow);
  patterns.add<Lower<BanOp>>(context, lowerBan);
  patterns.add<Lower<BitmaskOp>>(context, lowerBitmask);
  patterns.add<Lower<CountOp>>(context, lowerCount);
  patterns.add<Lower<RepetitionPenaltyOp>>(context, lowerRepetition);
  patterns.add<Lower<PresencePenaltyOp>>(context, lowerPresence);
  patterns.add<Lower<FrequencyPenaltyOp>>(context, lowerFrequency);
  patterns.add<Lower<NoRepeatNgramOp>>(context, lowerNoRepeatNgram);
  patterns.add<Lower<DryOp>>(context, lowerDry);
}
