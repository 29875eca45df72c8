//===- Repeats.cpp - what a history would repeat -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"

#include "plait/Dialect/Sample/IR/Sample.h"

using namespace plait::sampling;
using namespace plait::sample;

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

void Edits::banRepeats(const Edit &edit, const Place &at) {
  Num n = loadScalar(edit.operands[1], {at.row});
  e.when(e.compare(arith::CmpIPredicate::sgt, n, e.i32(0)), [&] {
    List list = listOf(edit.operands[0], at.row);
    Repeats repeats = repeatsOf(list);
    walk(at, List{list.tokens, repeats.length}, [&](Num end, Num token) {
      e.when(loadScalar(repeats.runs, {end}) >= n - 1,
             [&] { remove(at, token); });
    });
  });
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
        at, List{tokens, count},
        [&](Num place, Num longest) {
          return e.max(loadScalar(runs, {place}), longest);
        },
        [&](Num logit, Num longest) {
          Num exponent = e.to(longest - allowed, index);
          return logit - multiplier * loadScalar(powers, {exponent});
        });
  });
}
