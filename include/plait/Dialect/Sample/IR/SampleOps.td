//===- SampleOps.td - sample ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "plait/Dialect/Sample/IR/SampleAttrs.td"
include "plait/Dialect/Sample/IR/SampleTypes.td"

def Sample_Logits : 2DTensorOf<[F32]>;
def Sample_Floats : 1DTensorOf<[F32]>;
def Sample_Ints : 1DTensorOf<[I32]>;
def Sample_Bits : 1DTensorOf<[I64]>;
def Sample_IntRows : 2DTensorOf<[I32]>;

class Sample_Op<string mnemonic, list<Trait> traits = []>
    : Op<Sample_Dialect, mnemonic, traits # [Pure]>;

/// An op on `logits` and the operands `parameters`, one row of each per row of
/// logits. They are written and typed in this order.
class Sample_RowsOp<string mnemonic, dag parameters, list<Trait> traits = []>
    : Sample_Op<mnemonic, traits> {
  defvar indices = !range(!size(parameters));
  let arguments = !con((ins Sample_Logits:$logits), parameters);
  let assemblyFormat =
      "$logits " # !interleave(!foreach(i, indices,
                     "`,` $" # !getdagname(parameters, i)), " ")
      # " attr-dict `:` type($logits) "
      # !interleave(!foreach(i, indices,
          "`,` type($" # !getdagname(parameters, i) # ")"), " ");
  let extraClassDeclaration = [{
    /// The names of the operands behind the logits.
    static ::llvm::SmallVector<::llvm::StringRef> getParameterNames() {
      return }] # "{" # !interleave(!foreach(i, indices,
          "\"" # !getdagname(parameters, i) # "\""), ", ") # [{};
    }
  }];
  let hasVerifier = 1;
}

/// Logits to logits of the same type.
class Sample_ProcessorOp<string mnemonic, dag parameters>
    : Sample_RowsOp<mnemonic, parameters,
                    [AllTypesMatch<["logits", "result"]>]> {
  let results = (outs Sample_Logits:$result);
  let hasFolder = 1;
}

class Sample_PerRow<string result, string element>
    : TypesMatchWith<"one of '" # result # "' per row", "logits", result,
        "::plait::sample::getRowsType($_self, ::mlir::" # element
        # "::get($_ctxt" # !if(!eq(element, "IntegerType"), ", 32", "")
        # "))">;

/// Logits to one token per row, and what is to be known about it.
class Sample_PickOp<string mnemonic, dag parameters>
    : Sample_RowsOp<mnemonic, parameters, [
        Sample_PerRow<"tokens", "IntegerType">,
        Sample_PerRow<"flags", "IntegerType">,
        Sample_PerRow<"logprobs", "Float32Type">,
        Sample_PerRow<"margins", "Float32Type">]> {
  let results = (outs Sample_Ints:$tokens, Sample_Ints:$flags,
                      Sample_Floats:$logprobs, Sample_Floats:$margins);
}

//===----------------------------------------------------------------------===//
// Lists of tokens
//===----------------------------------------------------------------------===//

def Sample_LogitBiasOp : Sample_ProcessorOp<"logit_bias",
    (ins Sample_IntRows:$ids, Sample_Logits:$values)> {
  let summary = "add values to the listed candidates of a row";
  let description = [{
    Adds `values[b, n]` to candidate `ids[b, n]`, in the order of the list.
    Ids outside the vocabulary do nothing, so -1 pads. A candidate that a
    value of -inf has removed stays removed.

    ```mlir
    %y = sample.logit_bias %logits, %ids, %values
        : tensor<4x49152xf32>, tensor<4x8xi32>, tensor<4x8xf32>
    ```
  }];
}

def Sample_AllowOp : Sample_ProcessorOp<"allow", (ins Sample_IntRows:$ids)> {
  let summary = "keep only the listed candidates of a row";
  let description = [{
    Removes every candidate of row `b` that is not in `ids[b]`. A row whose
    ids are all -1 is not restricted.

    ```mlir
    %y = sample.allow %logits, %ids : tensor<4x49152xf32>, tensor<4x8xi32>
    ```
  }];
}

def Sample_BanOp : Sample_ProcessorOp<"ban", (ins Sample_IntRows:$ids)> {
  let summary = "remove the listed candidates of a row";
  let description = [{
    Ids outside the vocabulary do nothing, so -1 pads.

    ```mlir
    %y = sample.ban %logits, %ids : tensor<4x49152xf32>, tensor<4x8xi32>
    ```
  }];
}

def Sample_BitmaskOp
    : Sample_ProcessorOp<"bitmask", (ins Sample_IntRows:$words)> {
  let summary = "keep the candidates whose bit of a grammar's mask is set";
  let description = [{
    Candidate `v` of row `b` stays where bit `v mod 32` of
    `words[b, v / 32]` is 1: the layout of xgrammar and llguidance. There are
    `ceil(V / 32)` words per row.

    ```mlir
    %y = sample.bitmask %logits, %words
        : tensor<4x49152xf32>, tensor<4x1536xi32>
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Penalties
//===----------------------------------------------------------------------===//

def Sample_CountOp : Sample_RowsOp<"count", (ins Sample_IntRows:$tokens), [
    TypesMatchWith<"one count per logit", "logits", "counts",
      "::mlir::cast<::mlir::ShapedType>($_self).clone("
      "::mlir::IntegerType::get($_ctxt, 32))">]> {
  let summary = "count how often every token of the vocabulary is in a list";
  let description = [{
    `counts[b, v]` is the number of `tokens[b]` that are `v`. Tokens outside
    the vocabulary do not count, so -1 pads. The logits give the shape only.

    ```mlir
    %c = sample.count %logits, %tokens : tensor<4x49152xf32>, tensor<4x64xi32>
    ```
  }];
  let results = (outs Sample_IntRows:$counts);
}

def Sample_RepetitionPenaltyOp : Sample_ProcessorOp<"repetition_penalty",
    (ins Sample_Floats:$penalty, Sample_IntRows:$output)> {
  let summary = "make seen tokens less likely by a factor";
  let description = [{
    Divides the positive logits of seen tokens by `penalty[b]` and multiplies
    the others by it. A token is seen where its count in `output` or, if
    given, in `prompt` is positive. `reciprocal` multiplies by the rounded
    `1 / penalty` instead of dividing, as vLLM does. A penalty that is not
    finite and positive removes every candidate.

    ```mlir
    %y = sample.repetition_penalty %logits, %r, %output prompt %prompt
        : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>, tensor<4x100xi32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits, Sample_Floats:$penalty,
                   Sample_IntRows:$output, Optional<Sample_IntRows>:$prompt,
                   UnitAttr:$reciprocal);
  let assemblyFormat = [{
    $logits `,` $penalty `,` $output (`prompt` $prompt^)? attr-dict
    `:` type($logits) `,` type($penalty) `,` type($output)
    (`,` type($prompt)^)?
  }];
}

def Sample_PresencePenaltyOp : Sample_ProcessorOp<"presence_penalty",
    (ins Sample_Floats:$penalty, Sample_IntRows:$counts)> {
  let summary = "make seen tokens less likely by a difference";
  let description = [{
    `logits - penalty` where the count is positive. A penalty that is not
    finite removes every candidate.

    ```mlir
    %y = sample.presence_penalty %logits, %p, %counts
        : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
    ```
  }];
}

def Sample_FrequencyPenaltyOp : Sample_ProcessorOp<"frequency_penalty",
    (ins Sample_Floats:$penalty, Sample_IntRows:$counts)> {
  let summary = "make tokens less likely by how often they were seen";
  let description = [{
    `logits - penalty * count`, rounded twice, where the count is positive. A
    penalty that is not finite removes every candidate.

    ```mlir
    %y = sample.frequency_penalty %logits, %p, %counts
        : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
    ```
  }];
}

def Sample_NoRepeatNgramOp : Sample_ProcessorOp<"no_repeat_ngram",
    (ins Sample_IntRows:$tokens, Sample_Ints:$n)> {
  let summary = "remove what would repeat n tokens of the history";
  let description = [{
    Removes every token that followed, in the history `tokens[b]`, the
    `n[b] - 1` tokens that now stand at its end. `n <= 0` is off.

    ```mlir
    %y = sample.no_repeat_ngram %logits, %tokens, %n
        : tensor<4x100xf32>, tensor<4x64xi32>, tensor<4xi32>
    ```
  }];
}

def Sample_DryOp : Sample_ProcessorOp<"dry",
    (ins Sample_IntRows:$tokens, Sample_IntRows:$breakers,
         Sample_Floats:$multiplier, Sample_Floats:$base,
         Sample_Ints:$allowed)> {
  let summary = "make what would extend a repeat less likely";
  let description = [{
    For a token that followed, somewhere in the history, the `n` tokens that
    now stand at its end: `logits - multiplier * base^(n - allowed)`, for the
    greatest `n` of the token, if it is at least `allowed` (taken as 0 if
    negative). None of the `n` tokens may be in `breakers`. The power is a
    product from left to right that stops before it overflows. A multiplier
    of 0 or a base below 1 is off.

    ```mlir
    %y = sample.dry %logits, %tokens, %breakers, %multiplier, %base, %allowed
        : tensor<4x100xf32>, tensor<4x64xi32>, tensor<4x3xi32>, tensor<4xf32>,
          tensor<4xf32>, tensor<4xi32>
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Temperature
//===----------------------------------------------------------------------===//

def Sample_TemperatureOp : Sample_ProcessorOp<"temperature",
    (ins Sample_Floats:$temperature)> {
  let summary = "divide every logit of a row by the row's temperature";
  let description = [{
    `result[b, v] = logits[b, v] / temperature[b]`, one correctly rounded f32
    division, where the temperature is finite and positive. A temperature of
    zero is the greedy limit: the best candidate of the row (greatest value,
    then lowest index) keeps its logit and every other one is removed. Any
    other temperature (negative, infinite, NaN) removes every candidate, so
    that the row ends in the error index of `sample.draw`.

    ```mlir
    %y = sample.temperature %logits, %t : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
}

def Sample_DynamicTemperatureOp : Sample_RowsOp<"dynamic_temperature",
    (ins Sample_Floats:$low, Sample_Floats:$high, Sample_Floats:$exponent),
    [Sample_PerRow<"temperature", "Float32Type">]> {
  let summary = "a temperature between two, by the entropy of a row";
  let description = [{
    `low + (high - low) * (H / log2(n))^exponent`, for `sample.temperature`:
    `H` is the entropy of the row in bits (at least 2^-24) and `n` the number
    of its candidates. With fewer than two candidates it is `high`.

    ```
    h = max((log2(total) >> 32) - (44 << 24) + mean, 1)        Q24
    r = min(log2(h) - log2(log2(n) >> 32), 0)                  Q56
    z = exponent * (f32(r) * 2^-56), clamped to [-45, 0]       f32
    temperature = low + (high - low) * (f32(w) * 2^-44)        f32
    ```

    `w` is the weight of `round_half_even(z * 2^24)`. A NaN as exponent gives
    a NaN.

    ```mlir
    %t = sample.dynamic_temperature %logits, %low, %high, %exponent
        : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
    ```
  }];
  let results = (outs Sample_Floats:$temperature);
}

//===----------------------------------------------------------------------===//
// Filters
//===----------------------------------------------------------------------===//

def Sample_TopKOp
    : Sample_ProcessorOp<"top_k", (ins Sample_Ints:$k)> {
  let summary = "keep the k best candidates of a row";
  let description = [{
    Keeps the first `k[b]` candidates of row `b` in the total order (value
    descending, index ascending) and removes the rest: exactly `k`, whatever
    the ties. `k <= 0` and `k >= V` keep all. `keep_ties` also keeps the
    candidates that equal the k-th in value.

    ```mlir
    %y = sample.top_k %logits, %k : tensor<4x49152xf32>, tensor<4xi32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits, Sample_Ints:$k,
                   UnitAttr:$keep_ties);
}

def Sample_TopPOp : Sample_ProcessorOp<"top_p", (ins Sample_Floats:$p)> {
  let summary = "keep the smallest best prefix that holds the mass p";
  let description = [{
    Keeps the shortest prefix of row `b`, in the total order (value
    descending, index ascending), whose integer weight is at least
    `ceil(p[b] * total)`, and at least one candidate. `total` is the weight
    of the candidates that reach this op, so after `sample.top_k` it is the
    mass over the survivors. With `full`, weights and total are those of that
    row instead, which makes it the mass over the softmax before other
    filters; all candidates stay if they do not hold enough of it.

    `p >= 1` keeps all, `p <= 0` the best one. `keep_ties` also keeps the
    candidates that equal the last one in value.

    ```mlir
    %y = sample.top_p %logits, %p : tensor<4x49152xf32>, tensor<4xf32>
    ```

    Top-k and top-p of one softmax:

    ```mlir
    %k = sample.top_k %logits, %50 : tensor<4x100xf32>, tensor<4xi32>
    %y = sample.top_p %k, %p full %logits
        : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xf32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits, Sample_Floats:$p,
                   Optional<Sample_Logits>:$full, UnitAttr:$keep_ties);
  let assemblyFormat = [{
    $logits `,` $p (`full` $full^)? attr-dict
    `:` type($logits) `,` type($p) (`,` type($full)^)?
  }];
}

def Sample_MinPOp : Sample_ProcessorOp<"min_p", (ins Sample_Floats:$p)> {
  let summary = "keep what weighs at least a share of the best candidate";
  let description = [{
    Keeps the candidates whose weight is at least `ceil(p * 2^44)`, the best
    one's being 2^44. `p <= 0` is off.

    ```mlir
    %y = sample.min_p %logits, %p : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
}

def Sample_TypicalPOp
    : Sample_ProcessorOp<"typical_p", (ins Sample_Floats:$p)> {
  let summary = "keep the mass p of the most typical candidates";
  let description = [{
    Orders the candidates by `|t + mean|`, which is how far their surprise is
    from the entropy, then by index, and keeps the shortest prefix whose
    weight is at least `ceil(p * total)`, and at least one candidate. `p >= 1`
    keeps all.

    ```mlir
    %y = sample.typical_p %logits, %p : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
}

def Sample_TopNSigmaOp
    : Sample_ProcessorOp<"top_n_sigma", (ins Sample_Floats:$n)> {
  let summary = "keep what is within n standard deviations of the best";
  let description = [{
    Keeps the candidates whose distance `d = m - y` (f32, 0 for equals) to
    the best is at most `n * s`, where `s` is the standard deviation of the
    row's candidates:

    ```
    q = round_half_even(min(d, 1024.0) * 2^12)
    s = sqrt(f32(sum((q - sum(q) / count)^2) / count)) * 2^-12
    ```

    with integer sums and quotients. `n <= 0` and `n` = +inf are off.

    ```mlir
    %y = sample.top_n_sigma %logits, %n : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
}

def Sample_XtcOp : Sample_ProcessorOp<"xtc",
    (ins Sample_Floats:$probability, Sample_Floats:$threshold,
         Sample_Bits:$bits)> {
  let summary = "sometimes exclude all top choices but the last";
  let description = [{
    Where `f32(bits >> 40) * 2^-24 < probability` and `threshold <= 0.5`:
    of the candidates that weigh at least `ceil(threshold * total)`, all but
    the last in the total order are removed.

    ```mlir
    %bits = sample.random %seed, %session, %sequence, %position {lane = 1 : i32}
        : tensor<4xi64>, tensor<4xi32>
    %y = sample.xtc %logits, %probability, %threshold, %bits
        : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi64>
    ```
  }];
}

def Sample_EpsilonOp
    : Sample_ProcessorOp<"epsilon", (ins Sample_Floats:$epsilon)> {
  let summary = "keep what has a least probability";
  let description = [{
    Keeps the candidates that weigh at least `ceil(epsilon * total)`, or as
    much as the best. `epsilon <= 0` is off.

    ```mlir
    %y = sample.epsilon %logits, %e : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
}

def Sample_EtaOp : Sample_ProcessorOp<"eta", (ins Sample_Floats:$epsilon)> {
  let summary = "keep what has a least probability, lower for flat rows";
  let description = [{
    Keeps the candidates with a probability of at least `min(epsilon,
    sqrt(epsilon) * exp(-H))`, `H` being the entropy, or with the weight of
    the best: a weight of at least `ceil(epsilon * total)` or of at least
    `ceil(sqrt(epsilon) * w)`, where `w` is the weight of `-mean`.
    `epsilon <= 0` is off.

    ```mlir
    %y = sample.eta %logits, %e : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Random bits
//===----------------------------------------------------------------------===//

def Sample_RandomOp
    : Sample_Op<"random", [
        AllTypesMatch<["session", "sequence", "position"]>,
        TypesMatchWith<"64 bits per row", "seed", "bits", "$_self">]> {
  let summary = "64 random bits per row, a pure function of the row's key";
  let description = [{
    One Philox4x32-10 call per row: key = (seed low word, seed high word),
    counter = (lane, position, sequence, session). The result is
    `word0 | word1 << 32`. There is no state, so rows, batches and orders
    cannot disturb each other. Equal keys give equal bits: the caller keeps
    them apart. Lane 0 is for `sample.draw`, lane 1 for `sample.xtc`, and the
    lanes from 2^31 on belong to `sample.gumbel`.

    ```mlir
    %bits = sample.random %seed, %session, %sequence, %position
        : tensor<4xi64>, tensor<4xi32>
    ```
  }];
  let arguments = (ins Sample_Bits:$seed, Sample_Ints:$session,
                   Sample_Ints:$sequence, Sample_Ints:$position,
                   DefaultValuedAttr<I32Attr, "0">:$lane);
  let results = (outs Sample_Bits:$bits);
  let assemblyFormat = [{
    $seed `,` $session `,` $sequence `,` $position attr-dict
    `:` type($seed) `,` type($session)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Picks
//===----------------------------------------------------------------------===//

def Sample_DrawOp : Sample_PickOp<"draw", (ins Sample_Bits:$bits)> {
  let summary = "draw a candidate of every row by its integer weight";
  let description = [{
    The token of row `b` is the first index whose inclusive prefix sum of
    integer weights exceeds `r = mulhi64(bits[b], total)`. A row without a
    candidate gives the token -1. `flags[b]` is a set of bits: 1 says that the
    row held a NaN, 2 that no candidate was left.

    `logprobs[b]` is the log-probability of the token in the row that reached
    this op, in nats. `margins[b]` is the distance of `r` to the nearer end of
    the token's interval, as a share of the total. Both are NaN for the token
    -1.

    ```mlir
    %tokens, %flags, %logprobs, %margins = sample.draw %logits, %bits
        : tensor<4x49152xf32>, tensor<4xi64>
    ```
  }];
  let hasCanonicalizeMethod = 1;
}

def Sample_GreedyOp : Sample_PickOp<"greedy", (ins)> {
  let summary = "take the best candidate of every row";
  let description = [{
    The token is the first candidate in the total order (value descending,
    index ascending), or -1 where no candidate is left. Flags and
    log-probabilities are those of `sample.draw`; the margin is the difference
    to the next candidate, +inf if there is none.

    ```mlir
    %tokens, %flags, %logprobs, %margins = sample.greedy %logits
        : tensor<4x49152xf32>
    ```
  }];
  let hasCanonicalizeMethod = 1;
}

def Sample_GumbelOp : Sample_PickOp<"gumbel",
    (ins Sample_Bits:$seed, Sample_Ints:$session, Sample_Ints:$sequence,
         Sample_Ints:$position)> {
  let summary = "take the candidate with the best score after noise";
  let description = [{
    Draws from the same distribution as `sample.draw`, by one uniform number
    `u` per token, which `generator` takes from the row's key. The token is
    the one with the greatest score, then the lowest index, of the candidates
    that weigh anything:

    ```
    e = (64 << 56) - log2(u)         Q56, at least 1; 126 << 56 for u = 0
    g = (56 << 56) - log2(e)         Q56, -log2(-log2(u))
    score = (t << 8) + (g >> 24)     Q32
    ```

    Flags and log-probabilities are those of `sample.draw`; the margin is what
    the next score lacks, in nats, +inf if there is none.

    In rows where `by_place` is not 0 the place of a candidate in the total
    order (value descending, index ascending) is in the place of its token:
    the numbers are those of places, and of equal scores the first place's is
    greater. So do engines that draw from a sorted row.

    ```mlir
    %tokens, %flags, %logprobs, %margins =
        sample.gumbel philox %logits, %seed, %session, %sequence, %position
        : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>,
          tensor<4xi32>
    %y:4 = sample.gumbel murmur3_sglang %logits, %seed, %session, %sequence,
        %position by_place %filtered
        : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>,
          tensor<4xi32>, tensor<4xi32>
    ```
  }];
  let arguments = (ins Sample_GeneratorAttr:$generator, Sample_Logits:$logits,
                   Sample_Bits:$seed, Sample_Ints:$session,
                   Sample_Ints:$sequence, Sample_Ints:$position,
                   Optional<Sample_Ints>:$by_place);
  let assemblyFormat = [{
    $generator $logits `,` $seed `,` $session `,` $sequence `,` $position
    (`by_place` $by_place^)? attr-dict `:` type($logits) `,` type($seed) `,`
    type($session) `,` type($sequence) `,` type($position)
    (`,` type($by_place)^)?
  }];
}

include "plait/Dialect/Sample/IR/SampleFusedOp.td"

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD
