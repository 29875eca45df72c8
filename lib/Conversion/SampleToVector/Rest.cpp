//===- Rest.cpp - processors on a list -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the op's first places leave of a row is listed: a few candidates, or all
// of the row, which then stays in the cache. Every processor is some sums over
// the list and one round that keeps what it keeps, so that the list gets
// shorter. Edits need to find tokens: the list becomes a row again, is edited,
// and is listed anew.
//
//===----------------------------------------------------------------------===//

#include "../SampleToLinalg/Emitter.h"
#include "Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait::sampling;
using namespace plait::sample;

/// Emits the processors of an op's rest, one after the other.
class Kernel::Rest {
public:
  Rest(Kernel &k, const Listed &list, Num row, Num size, Num count)
      : k(k), e(k.e), list(list), row(row), size(size), count(count),
        exact(k.op.getLoc(), k.e), none(e.index(0)),
        floats(VectorType::get({k.lanes}, k.f32)),
        longs(VectorType::get({k.lanes}, k.i64)), nan(e.i32(0)) {}

  void run(ArrayRef<Num> operands);

  Kernel &k;
  Emitter &e;
  Listed list;
  Num row, size, count, best;

private:
  /// What a value of the chain, or one that the op is given, tells top-p.
  struct Full {
    Num best, mass;
    /// The logits, if those of the list may have been changed since.
    Num logits;
  };
  using Kept = function_ref<std::pair<Num, Num>(Num at, Num value)>;

  sample::Emitter &scalar() {
    exact.restoreInsertionPoint(e.saveInsertionPoint());
    return exact;
  }
  Num wide(Num words) {
    auto type = VectorType::get({k.lanes}, k.i64);
    return e.num(arith::ExtSIOp::create(e, type, words));
  }
  Num isNaN(Num value) {
    return e.compare(arith::CmpFPredicate::UNO, value, value);
  }
  Num alloc(Type element) {
    Value length = size + (groupSize + padding);
    return e.num(
        memref::AllocOp::create(e, buffer(1, element), ValueRange{length}));
  }
  Nums sum(ArrayRef<Type> types, function_ref<Nums(Num at, Num value)> more);
  Num greatest(Num values, Num count);
  Num mass() { return k.massOf(list, count, best); }
  Num mean(Num mass);
  Num keep(Kept kept);
  Num keepWhere(function_ref<Num(Num at, Num value)> in);
  Num keepWeighing(Num least);
  Num keepPrefix(Num order, Num low, Num high, Num target, bool keepTies);
  /// The count that `on` leaves, but where the parameter is a NaN, or the
  /// processor is off.
  void process(Num parameter, Num off, function_ref<Num()> on);

  void know(Value logits);
  Full fullOf(Num logits);
  void change(TemperatureOp op, Num t);
  void change(TopKOp op, Num k);
  void change(TopPOp op, Num p, Num given);
  void change(MinPOp op, Num p);
  void change(TypicalPOp op, Num p);
  void change(TopNSigmaOp op, Num n);
  void change(XtcOp op, Num probability, Num threshold, Num bits);
  void change(EpsilonOp op, Num epsilon);
  void change(EtaOp op, Num epsilon);
  Num temperature(DynamicTemperatureOp op, Num low, Num high, Num exponent);
  void edit(EditRun run, ArrayRef<Num> operands);

  sample::Emitter exact;
  Num none;
  VectorType floats, longs;
  llvm::DenseMap<Value, Full> fulls;
  llvm::DenseMap<Value, Num> temperatures;

public:
  Num nan;
};

//===----------------------------------------------------------------------===//
// Rounds
//===----------------------------------------------------------------------===//

/// Sums of integers, in vectors, over the list.
Nums Kernel::Rest::sum(ArrayRef<Type> types,
                       function_ref<Nums(Num at, Num value)> more) {
  Nums start;
  for (Type type : types)
    start.push_back(e.constant(type, 0));
  Nums sums =
      e.loop(none, count, k.lanes, start, [&](Num at, Nums sums) -> Nums {
        Nums next = more(at, k.loadVector(list.values, {at}));
        for (auto [sum, term] : llvm::zip_equal(sums, next))
          sum = sum + term;
        return sums;
      });
  return llvm::map_to_vector(sums, [&](Num sum) { return k.reduceAdd(sum); });
}

Num Kernel::Rest::greatest(Num values, Num count) {
  Num least = e.constant(floats, -INFINITY);
  return k.reduceMax(
      e.loop(none, count, k.lanes, {least}, [&](Num at, Nums found) -> Nums {
        return {e.max(k.loadVector(values, {at}), found[0])};
      })[0]);
}

/// The mean of `-fixed` by weight, of a list that is weighed.
Num Kernel::Rest::mean(Num mass) {
  Num moment = sum({longs}, [&](Num at, Num value) -> Nums {
    Num weight = k.loadVector(list.weights, {at});
    Num distance = e.constant(longs, 0) - wide(k.fixedOf(value, best));
    // (weight * distance) >> 24, of which the product has 74 bits.
    Num high = (weight >> 32) * distance;
    Num low = (weight & 0xffffffff) * distance;
    return {(high << 8) + (low >> 24)};
  })[0];
  return e.num(meanOf(scalar(), moment, mass));
}

/// Lists those in `kept`, with the values there, and gives their number.
Num Kernel::Rest::keep(Kept kept) {
  Num least = e.constant(floats, -INFINITY);
  Num left =
      e.loop(none, count, k.lanes, {none}, [&](Num at, Nums left) -> Nums {
        Num given = k.loadVector(list.values, {at});
        Num token = k.loadVector(list.indices, {at});
        auto [in, value] = kept(at, given);
        in = in & (given > least) & (value > least);
        k.append(token, in, list.indices, left[0]);
        return {k.append(value, in, list.values, left[0])};
      })[0];
  k.store(least, list.values, {left});
  return left;
}

Num Kernel::Rest::keepWhere(function_ref<Num(Num at, Num value)> in) {
  return keep([&](Num at, Num value) -> std::pair<Num, Num> {
    return {in(at, value), value};
  });
}

/// Of a list that is weighed, what weighs so much, or as much as the best.
Num Kernel::Rest::keepWeighing(Num least) {
  Num unit = e.i64(unitWeight);
  least = e.select(least < unit, least, unit);
  return keepWhere(
      [&](Num at, Num) { return k.loadVector(list.weights, {at}) >= least; });
}

/// Keeps the shortest prefix, the greatest in `order` first, then the lowest
/// index, that has the mass `target`, which the list has. All orders are between
/// `low` and `high`, but what is below `low` weighs nothing.
Num Kernel::Rest::keepPrefix(Num order, Num low, Num high, Num target,
                             bool keepTies) {
  Num bound =
      k.call(k.bisectMass, {order, none, count, target, low, high, e.i64(0),
                            list.spare, list.weights, list.spareWeights})[0];
  Num end = count;
  if (!keepTies) {
    Num zero = e.constant(longs, 0), one = e.constant(longs, 1);
    Nums sums = sum({longs, longs}, [&](Num at, Num) -> Nums {
      Num place = k.loadVector(order, {at});
      Num weight = k.loadVector(list.weights, {at});
      return {e.select(place > bound, weight, zero),
              e.select(place == e.fit(bound, floats), one, zero)};
    });
    // Where some are equal there, the first that have the mass.
    end = e.choose(
        sums[1] > 1, {k.index},
        [&]() -> Nums {
          return {e.loopWhile(
              {none, sums[0]},
              [&](Nums state) {
                return (state[0] < count) & (state[1] < target);
              },
              [&](Nums state) -> Nums {
                Num is = k.loadScalar(order, {state[0]}) == bound;
                Num weight = k.loadScalar(list.weights, {state[0]});
                return {state[0] + 1,
                        state[1] + e.select(is, weight, e.i64(0))};
              })[0]};
        },
        [&]() -> Nums { return {count}; })[0];
  }
  Num last = e.to(end, k.i32), iota = k.iotaOf();
  return keepWhere([&](Num at, Num) {
    Num place = k.loadVector(order, {at});
    Num before = iota + e.to(at, k.i32) < last;
    return (place > bound) | ((place == e.fit(bound, floats)) & before);
  });
}

void Kernel::Rest::process(Num parameter, Num off, function_ref<Num()> on) {
  count = e.choose(
      off, {k.index}, [&]() -> Nums { return {count}; },
      [&] {
        return e.choose(
            isNaN(parameter), {k.index}, [&]() -> Nums { return {none}; },
            [&]() -> Nums { return {on()}; });
      })[0];
}

//===----------------------------------------------------------------------===//
// Processors
//===----------------------------------------------------------------------===//

void Kernel::Rest::change(TemperatureOp, Num t) {
  Num zero = e.f32(0), divides = (t > zero) & (t < e.f32(INFINITY));
  count = e.choose(
      divides, {k.index},
      [&]() -> Nums {
        return {keep([&](Num, Num value) -> std::pair<Num, Num> {
          return {e.constant(VectorType::get({k.lanes}, k.i1), 1), value / t};
        })};
      },
      [&]() -> Nums {
        Num first = e.to(k.call(k.pickBest, {list.values, count})[0], k.i32);
        Num isZero = t == zero, iota = k.iotaOf();
        return {keepWhere([&](Num at, Num) {
          Num place = iota + e.to(at, k.i32);
          return (place == e.fit(first, place.type())) & isZero;
        })};
      })[0];
  best = greatest(list.values, count);
}

Num Kernel::Rest::temperature(DynamicTemperatureOp, Num low, Num high,
                              Num exponent) {
  Num total = mass();
  Value in[] = {total, mean(total), e.to(count, k.i64), low, high, exponent};
  return e.num(temperatureOf(scalar(), in));
}

void Kernel::Rest::change(TopKOp op, Num most) {
  Num isOff = e.compare(arith::CmpIPredicate::sle, most, e.i32(0));
  Num target = e.to(most, k.i64);
  isOff = isOff | (target >= e.to(count, k.i64));
  process(e.f32(0), isOff, [&] {
    Num zero = e.constant(longs, 0), one = e.constant(longs, 1);
    e.loop(none, count, k.lanes, [&](Num at) {
      Num in = k.loadVector(list.values, {at}) > e.f32(-INFINITY);
      k.store(e.select(in, one, zero), list.weights, {at});
    });
    Num least = e.f32(std::numeric_limits<float>::lowest());
    return keepPrefix(list.values, least, best, target, op.getKeepTies());
  });
}

void Kernel::Rest::change(TopPOp op, Num p, Num given) {
  process(p, p >= e.f32(1), [&] {
    Num least = e.f32(std::numeric_limits<float>::lowest());
    if (!op.getFull()) {
      Num target = k.target(p, mass());
      return keepPrefix(list.values, e.max(least, k.leastWeighing(best)), best,
                        target, op.getKeepTies());
    }
    Full full = given.value ? fullOf(given) : fulls.find(op.getFull())->second;
    Num values = list.values;
    if (full.logits.value) {
      values = alloc(k.f32);
      e.loop(none, count, 1, [&](Num at) {
        Num token = e.to(k.loadScalar(list.indices, {at}), k.index);
        k.store(k.loadScalar(full.logits, {token}), values, {at});
      });
      k.store(e.constant(floats, -INFINITY), values, {count});
    }
    Num target = k.target(p, full.mass);
    // The best of a row without candidates is not to weigh anything.
    Num top = e.max(full.best, least);
    Num mass = k.call(k.weighList, {values, list.weights, count, top})[0];
    return e.choose(
        mass < target, {k.index}, [&]() -> Nums { return {count}; },
        [&]() -> Nums {
          return {
              keepPrefix(list.values, least, best, target, op.getKeepTies())};
        })[0];
  });
}

void Kernel::Rest::change(MinPOp, Num p) {
  process(p, p <= e.f32(0), [&] {
    (void)mass();
    return keepWeighing(k.share(p, e.i64(unitWeight)));
  });
}

void Kernel::Rest::change(EpsilonOp, Num epsilon) {
  process(epsilon, epsilon <= e.f32(0),
          [&] { return keepWeighing(k.share(epsilon, mass())); });
}

void Kernel::Rest::change(EtaOp, Num epsilon) {
  process(epsilon, epsilon <= e.f32(0), [&] {
    Num total = mass(), typical = mean(total);
    return keepWeighing(e.num(etaLimit(scalar(), epsilon, total, typical)));
  });
}

void Kernel::Rest::change(TypicalPOp, Num p) {
  process(p, p >= e.f32(1), [&] {
    Num total = mass(), typical = mean(total), order = alloc(k.f32);
    // Distances are below 2^30. What is left of that, as the bits of a float,
    // is of the order of the floats, which end at 2.
    auto type = VectorType::get({k.lanes}, k.i32);
    e.loop(none, count, k.lanes, [&](Num at) {
      Num t = k.fixedOf(k.loadVector(list.values, {at}), best);
      Num gap = t + e.to(typical, k.i32), zero = e.constant(type, 0);
      Num isBelow = e.compare(arith::CmpIPredicate::slt, gap, zero);
      Num distance = e.select(isBelow, zero - gap, gap);
      Num nearness = e.constant(type, 1 << 30) - distance;
      k.store(e.bitcast(nearness, floats), order, {at});
    });
    return keepPrefix(order, e.f32(0x1p-149), e.f32(2), k.target(p, total),
                      /*keepTies=*/false);
  });
  best = greatest(list.values, count);
}

void Kernel::Rest::change(TopNSigmaOp, Num n) {
  process(n, (n <= e.f32(0)) | (n == e.f32(INFINITY)), [&] {
    auto distanceOf = [&](Num value) {
      return e.select(value == e.fit(best, floats), e.constant(floats, 0),
                      e.fit(best, floats) - value);
    };
    auto isIn = [&](Num value) { return value > e.f32(-INFINITY); };
    auto stepOf = [&](Num value) {
      Num distance = distanceOf(value), end = e.constant(floats, 1024);
      distance = e.select(distance < end, distance, end) * e.f32(4096);
      auto type = VectorType::get({k.lanes}, k.i32);
      return wide(e.num(LLVM::LrintOp::create(e, type, distance)));
    };
    Num zero = e.constant(longs, 0);
    Num total = sum({longs}, [&](Num, Num value) -> Nums {
      return {e.select(isIn(value), stepOf(value), zero)};
    })[0];
    Num number = e.to(count, k.i64);
    Num mean = total / e.max(number, e.i64(1));
    Num squares = sum({longs}, [&](Num, Num value) -> Nums {
      Num deviation = stepOf(value) - e.fit(mean, longs);
      return {e.select(isIn(value), deviation * deviation, zero)};
    })[0];
    Num limit = e.num(sigmaLimit(scalar(), squares, number, n));
    return keepWhere(
        [&](Num, Num value) { return distanceOf(value) <= limit; });
  });
}

void Kernel::Rest::change(XtcOp, Num probability, Num threshold, Num bits) {
  Num isBad = isNaN(probability) | isNaN(threshold);
  process(e.select(isBad, e.f32(NAN), e.f32(0)), e.constant(k.i1, 0), [&] {
    Num limit = e.num(xtcLimit(scalar(), probability, threshold, bits, mass()));
    auto isTop = [&](Num at, Num value) {
      return (k.loadVector(list.weights, {at}) >= limit) &
             (value > e.f32(-INFINITY));
    };
    Num infinity = e.constant(floats, INFINITY);
    Num zero = e.constant(longs, 0), one = e.constant(longs, 1);
    Nums tops = e.loop(none, count, k.lanes, {zero, infinity},
                       [&](Num at, Nums found) -> Nums {
                         Num value = k.loadVector(list.values, {at}),
                             top = isTop(at, value);
                         Num least =
                             e.select(value < found[1], value, found[1]);
                         return {found[0] + e.select(top, one, zero),
                                 e.select(top, least, found[1])};
                       });
    Num number = k.reduceAdd(tops[0]);
    Num low = e.f32(0) - k.reduceMax(e.constant(floats, 0) - tops[1]);
    // The last place of the least top choice, which stays.
    return e.choose(
        number > 1, {k.index},
        [&]() -> Nums {
          Num last =
              e.loop(none, count, 1, {none}, [&](Num at, Nums last) -> Nums {
                Num is = k.loadScalar(list.values, {at}) == low;
                return {e.select(is, at, last[0])};
              })[0];
          Num iota = k.iotaOf();
          return {keepWhere([&](Num at, Num value) {
            Num place = iota + e.to(at, k.i32);
            Num isLast = place == e.fit(e.to(last, k.i32), place.type());
            return (isTop(at, value) ^ 1) | isLast;
          })};
        },
        [&]() -> Nums { return {count}; })[0];
  });
  best = greatest(list.values, count);
}

/// The list as a row, which is edited, and listed again.
void Kernel::Rest::edit(EditRun run, ArrayRef<Num> operands) {
  Edits edits(run, k.symbols, k.vectorBits);
  func::FuncOp areValid = edits.emitAreValid(), onRow = edits.emitOnRow();
  Num out = alloc(k.f32), mask = alloc(k.i32);
  Num padded = (size + (groupSize - 1)) / groupSize * groupSize;
  Num words = padded / 32, gone = e.constant(floats, -INFINITY);
  e.loop(none, padded, k.lanes, [&](Num at) { k.store(gone, out, {at}); });
  e.loop(none, count, 1, [&](Num at) {
    Num token = e.to(k.loadScalar(list.indices, {at}), k.index);
    k.store(k.loadScalar(list.values, {at}), out, {token});
  });
  Value ones = memref::SubViewOp::create(
      e, mask, ArrayRef<OpFoldResult>{e.getIndexAttr(0)},
      ArrayRef<OpFoldResult>{words.value},
      ArrayRef<OpFoldResult>{e.getIndexAttr(1)});
  Nums arguments(operands.begin(), operands.end());
  arguments.push_back(row);
  Num valid = k.call(areValid, arguments)[0];
  arguments.append({size, out, e.num(ones)});
  k.call(onRow, arguments);
  auto flags = VectorType::get({k.lanes}, k.i1);
  Num iota = k.iotaOf();
  Nums found =
      e.loop(none, padded, k.lanes, {none, e.constant(flags, 0)},
             [&](Num at, Nums found) -> Nums {
               Num value = k.loadVector(out, {at});
               Num in = value > gone;
               if (run.removes())
                 in = in & k.loadBits(mask, none, at) & valid;
               k.append(iota + e.to(at, k.i32), in, list.indices, found[0]);
               return {k.append(value, in, list.values, found[0]),
                       found[1] | isNaN(value)};
             });
  count = e.select(valid, found[0], none);
  k.store(gone, list.values, {count});
  Num any = e.num(vector::ReductionOp::create(e, vector::CombiningKind::OR,
                                              found[1].value));
  nan = nan | e.to(any, k.i32);
  best = greatest(list.values, count);
}

//===----------------------------------------------------------------------===//
// Chains
//===----------------------------------------------------------------------===//

/// Logits that the op is given, for a top-p.
Kernel::Rest::Full Kernel::Rest::fullOf(Num logits) {
  Num copy = alloc(k.f32);
  e.loop(none, size, 1,
         [&](Num at) { k.store(k.loadScalar(logits, {row, at}), copy, {at}); });
  k.store(e.constant(floats, -INFINITY), copy, {size});
  Num best = greatest(copy, size);
  Num top = e.max(best, e.f32(std::numeric_limits<float>::lowest()));
  return {best, k.call(k.weighList, {copy, list.weights, size, top})[0], copy};
}

/// Remembers logits of the chain, if a top-p takes its mass from them.
void Kernel::Rest::know(Value logits) {
  // Only what stays is known of a list whose values nobody changes.
  SmallVector<Operation *> users;
  for (Operation *user : logits.getUsers())
    if (auto topP = dyn_cast<TopPOp>(user))
      if (topP.getFull() == logits &&
          user->getParentRegion() == &k.op.getRest())
        users.push_back(user);
  if (users.empty())
    return;
  bool changed = false;
  for (Operation *user : users)
    for (Value value = user->getOperand(0); value != logits;) {
      Operation *op = value.getDefiningOp();
      changed |= isEdit(op) || isa<TemperatureOp>(op);
      value = op->getOperand(0);
    }
  Full full = {best, mass(), Num()};
  if (changed) {
    full.logits = alloc(k.f32);
    Num gone = e.constant(floats, -INFINITY);
    e.loop(none, size, k.lanes,
           [&](Num at) { k.store(gone, full.logits, {at}); });
    e.loop(none, count, 1, [&](Num at) {
      Num token = e.to(k.loadScalar(list.indices, {at}), k.index);
      k.store(k.loadScalar(list.values, {at}), full.logits, {token});
    });
  }
  fulls[logits] = full;
}

void Kernel::Rest::run(ArrayRef<Num> operands) {
  auto take = [&](size_t number) {
    ArrayRef<Num> taken = operands.take_front(number);
    operands = operands.drop_front(number);
    return taken;
  };
  // What was removed is in the list still.
  count = keepWhere([&](Num, Num value) { return value > e.f32(-INFINITY); });
  best = greatest(list.values, count);
  Region &region = k.op.getRest();
  know(region.getArgument(0));
  SmallVector<Operation *> ops = chainOf(region);
  for (size_t i = 0; i < ops.size(); ++i) {
    Operation *op = ops[i];
    if (isEdit(op)) {
      EditRun run = {{op}};
      auto isFull = [](Value value) {
        return llvm::any_of(value.getUsers(), [&](Operation *user) {
          auto topP = dyn_cast<TopPOp>(user);
          return topP && topP.getFull() == value;
        });
      };
      while (i + 1 < ops.size() && isEdit(ops[i + 1]) &&
             !isFull(op->getResult(0)))
        run.ops.push_back(op = ops[++i]);
      edit(run, take(run.operands().size()));
      know(op->getResult(0));
      continue;
    }
    Nums given;
    for (Num memory : take(operandsOf(op).size()))
      given.push_back(cast<MemRefType>(memory.type()).getRank() == 1
                          ? k.loadScalar(memory, {row})
                          : memory);
    if (auto dynamic = dyn_cast<DynamicTemperatureOp>(op)) {
      temperatures[dynamic.getResult()] =
          temperature(dynamic, given[0], given[1], given[2]);
      continue;
    }
    if (auto temperature = dyn_cast<TemperatureOp>(op))
      change(temperature, given.empty()
                              ? temperatures[temperature.getTemperature()]
                              : given[0]);
    else if (auto topP = dyn_cast<TopPOp>(op))
      change(topP, given[0], given.size() > 1 ? given[1] : Num());
    else if (auto xtc = dyn_cast<XtcOp>(op))
      change(xtc, given[0], given[1], given[2]);
    else
      llvm::TypeSwitch<Operation *>(op)
          .Case<TopKOp, MinPOp, TypicalPOp, TopNSigmaOp, EpsilonOp, EtaOp>(
              [&](auto op) { change(op, given[0]); });
    know(op->getResult(0));
  }
}

SmallVector<Type> Kernel::typesOfRest() {
  SmallVector<Type> types;
  for (Operation *op : chainOf(op.getRest()))
    for (Value operand : operandsOf(op)) {
      auto type = cast<ShapedType>(operand.getType());
      types.push_back(buffer(type.getRank(), type.getElementType()));
    }
  return types;
}

/// rest(row, vocabulary, values, indices, weights, two that are scratch, count,
/// bits and key, the rest's operands) -> a token and what is in `Picked`, and
/// whether an edit has made a NaN.
void Kernel::emitRest() {
  auto body = [&](Nums in) -> Nums {
    Listed list = {in[2], in[3], in[4], in[5], in[6]};
    Rest rest(*this, list, in[0], in[1], in[7]);
    ArrayRef<Num> key = ArrayRef(in).slice(8, 5);
    rest.run(ArrayRef(in).drop_front(13));
    return e.choose(
        rest.count == e.index(0), drawnTypes(),
        [&]() -> Nums {
          Num best = rest.best, one = e.i64(1);
          return {e.i32(-1), e.i64(0), one, one, best, best, rest.nan};
        },
        [&] {
          Num mass = op.getBits() || hasNumbers()
                         ? massOf(list, rest.count, rest.best)
                         : e.i64(1);
          Nums drawn = pickFrom(list, rest.count, rest.best, mass, key, in[1]);
          drawn.back() = rest.nan;
          return drawn;
        });
  };
  SmallVector<Type> arguments = {index,  index, floats, words, longs,
                                 floats, longs, index,  i64,   i64,
                                 i32,    i32,   i32};
  llvm::append_range(arguments, typesOfRest());
  rest = function("rest", arguments, drawnTypes(), body);
}
