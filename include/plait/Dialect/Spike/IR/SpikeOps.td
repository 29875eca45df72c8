//===- SpikeOps.td - spike ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_IR_SPIKEOPS_TD
#define PLAIT_DIALECT_SPIKE_IR_SPIKEOPS_TD

include "plait/Dialect/Spike/IR/SpikeAttrs.td"
include "plait/Dialect/Spike/IR/SpikeTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Spike_Op<string mnemonic, list<Trait> traits = []>
    : Op<Spike_Dialect, mnemonic, traits>;

// Population tensors end in the axes of the population; the axes before those
// (a batch) share the parameters.
def Spike_Population : RankedTensorOf<[F16, BF16, F32, F64]>;

// What every neuron op says of its neurons, after its own operands.
defvar Spike_neuronOperands = (ins
    Optional<Spike_Population>:$decay, Optional<Spike_Population>:$tau,
    Optional<Spike_Population>:$gain, Optional<Spike_Population>:$leak,
    Optional<Spike_Population>:$threshold,
    Optional<Spike_Population>:$reset_value,
    Optional<Spike_Population>:$minimum,
    Optional<Spike_Population>:$refractory, Optional<Spike_Population>:$left,
    Spike_IntegratorAttr:$integrator, OptionalAttr<Spike_CompareAttr>:$compare,
    OptionalAttr<Spike_ResetAttr>:$reset,
    OptionalAttr<Spike_MomentAttr>:$reset_at, UnitAttr:$multi_spike);

defvar Spike_neuronFormat = [{
    `integrator` `` $integrator
    (`decay` `(` $decay^ `:` type($decay) `)`)?
    (`tau` `(` $tau^ `:` type($tau) `)`)?
    (`gain` `(` $gain^ `:` type($gain) `)`)?
    (`leak` `(` $leak^ `:` type($leak) `)`)?
    (`threshold` `(` $threshold^ `:` type($threshold) `)`)?
    (`compare` `` $compare^)? (`reset` `` $reset^)? (`at` `` $reset_at^)?
    (`to` `(` $reset_value^ `:` type($reset_value) `)`)?
    (`multi_spike` $multi_spike^)?
    (`minimum` `(` $minimum^ `:` type($minimum) `)`)?
    (`refractory` `(` $refractory^ `:` type($refractory) `,` $left `:` type($left) `)`)?
}];

def Spike_NeuronOp : Spike_Op<"neuron", [Pure, AttrSizedOperandSegments,
    AllTypesMatch<["current", "v", "out", "next_v"]>]> {
  let summary = "one time step of a population of neurons";
  let description = [{
    Takes the current `x` of this step and the potential `v` that the last step
    left behind; returns what the neurons give and the potential to carry on.
    NIR's equations fix no arithmetic and simulators differ, so everything that
    decides a bit is written on the op, in the order of the table of
    `integrator`. The coefficients are numbers of one step, rounded once by
    whoever made them: a time constant has no place here. `tau`, in steps,
    stands for `decay` where a simulator divides by it.

    Without a `threshold` the neurons are leaky integrators and give their
    potential. With one they give spikes. With `u` the integrated potential and
    `H` the comparison with the threshold:

    | reset | at | spikes | next potential |
    |---|---|---|---|
    | `value` | `now` | `H(u)` | `H(u) ? to : u` |
    | `subtract` | `now` | `n`, see below | `u - n threshold` |
    | `value` | `next` | `H(w)` | `w = H(v) ? to : u` |
    | `subtract` | `next` | `H(w)` | `w = u - H(v) threshold` |
    | `value` | `crossing` | `H(u)` | `H(u) ? w + (to - w) s : u`, see below |
    | `value`, `subtract` | `next_before` | `H(u)` | `u`, integrated from `H(v) ? to : v`, from `v - H(v) threshold` |

    `crossing` is for the `exponential` integrator, whose `w` and `a` it uses: the
    potential meets the threshold within the step, and the rest of the step goes
    on from `to`: `s` is `(u - w) / (threshold - w)`, or `a` where `H(v)`, so
    that what is over the threshold already is reset as the step begins.

    Without `to` a `value` reset is to zero. `n` is `H(u)`, and with
    `multi_spike` `floor(u / threshold)` where the neuron fires. `minimum`
    bounds the next potential from below.

    `refractory` counts steps: `left` is what remains of them, and while it is
    positive the neuron does not fire and keeps its potential, whatever the
    input; a spike sets it to `refractory`, any other step takes one off. What
    remains is a third result.

    Spikes are 0 and 1 (or counts) in the type of the current, so that a
    synapse is a plain matrix product. A parameter is a tensor whose shape ends
    the shape of `v`: rank 0 is one value for all neurons, `tensor<8xf32>` is
    one per neuron of a `tensor<4x8xf32>` (4 independent samples).

    ```mlir
    %z, %v1 = spike.neuron %x, %v0 integrator impulse decay(%a : tensor<f32>)
        threshold(%th : tensor<8xf32>) compare gt reset value at now
        : tensor<4x8xf32>
    ```
  }];
  let arguments = !con((ins Spike_Population:$current, Spike_Population:$v),
      Spike_neuronOperands);
  let results = (outs Spike_Population:$out, Spike_Population:$next_v,
      Optional<Spike_Population>:$next_left);
  let assemblyFormat = !strconcat("$current `,` $v ", Spike_neuronFormat, [{
    attr-dict `:` type($v) (`left` type($next_left)^)?
  }]);
  let hasVerifier = 1;
}

def Spike_ScanOp : Spike_Op<"scan", [Pure, AttrSizedOperandSegments,
    AttrSizedResultSegments, AllTypesMatch<["v", "next_v"]>]> {
  let summary = "a population of neurons over a whole run";
  let description = [{
    `spike.neuron` for every step of a run, with time as the leading axis of
    what goes in and of what comes out: a layer sees all its input at once. The
    input of a step is

    * `current`, the step's slice of it,
    * plus, with `events`, the sum of the rows of the weights that the step's
      list names (see `spike.list_events`), one after the other from zero,
    * or, with `recurrent`, the same sum for the population's own spikes of the
      step before, `last` before the first step,
    * to which sum `bias` is added first.

    A row that no event names is not added, which is what adding its product
    with zero gives: the sum is bit for bit that of a matrix product in which
    every element is one chain of fused multiply-adds.

    `out` has the shape of the potentials behind the time. That is its `dense`
    encoding; spikes that are 0 or 1 may leave in another one, which passes
    choose: `packed` along the last axis, as `spike.pack` makes them, or as
    `events`, the places that `spike.list_events` gives of a population of
    [batch, neurons], with a last result that counts them. `record` adds the
    potential after every step.

    ```mlir
    %z, %v1 = spike.scan current(%x : tensor<100x4x8xf32>) state(%v0 : tensor<4x8xf32>)
        integrator impulse decay(%a : tensor<f32>) threshold(%th : tensor<f32>)
        compare gt reset value at now : tensor<100x4x8xf32>
    ```
  }];
  let arguments = !con((ins Optional<Spike_Population>:$current,
      Optional<RankedTensorOf<[I32]>>:$indices,
      Optional<RankedTensorOf<[I32]>>:$counts,
      Optional<Spike_Population>:$weights,
      Optional<Spike_Population>:$recurrent, Optional<Spike_Population>:$last,
      Optional<Spike_Population>:$bias, Spike_Population:$v),
      Spike_neuronOperands, (ins UnitAttr:$record,
      DefaultValuedAttr<Spike_EncodingAttr, "Encoding::Dense">:$encoding));
  let results = (outs RankedTensorOf<[F16, BF16, F32, F64, I16, I32, I64]>:$out,
      Spike_Population:$next_v, Optional<Spike_Population>:$next_left,
      Optional<Spike_Population>:$next_last,
      Optional<Spike_Population>:$potentials,
      Optional<RankedTensorOf<[I32]>>:$event_counts);
  let assemblyFormat = !strconcat([{
    (`current` `(` $current^ `:` type($current) `)`)?
    (`events` `(` $indices^ `,` $counts `,` $weights `:` type($indices) `,` type($counts) `,` type($weights) `)`)?
    (`recurrent` `(` $recurrent^ `,` $last `:` type($recurrent) `,` type($last) `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    `state` `(` $v `:` type($v) `)`
  }], Spike_neuronFormat, [{
    (`record` $record^)? (`encoding` `` $encoding^)? attr-dict `:` type($out)
    (`left` type($next_left)^)? (`last` type($next_last)^)?
    (`potentials` type($potentials)^)? (`counts` type($event_counts)^)?
  }]);
  let hasVerifier = 1;
}

def Spike_Words : RankedTensorOf<[I16, I32, I64]>;

def Spike_PackOp : Spike_Op<"pack", [Pure]> {
  let summary = "spikes as bits";
  let description = [{
    Bit `i mod w` of word `i floordiv w` of the result's last axis, words of
    `w` bits, is whether element `i` of the input's is not zero. The bits that
    are left over are zero.

    ```mlir
    %p = spike.pack %x : tensor<4x100xf32> to tensor<4x2xi64>
    ```
  }];
  let arguments = (ins Spike_Population:$input);
  let results = (outs Spike_Words:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($output)";
  let hasVerifier = 1;
}

def Spike_UnpackOp : Spike_Op<"unpack", [Pure]> {
  let summary = "spikes as numbers again";
  let description = [{
    The inverse of `spike.pack`: a bit becomes 0 or 1. The input's words must
    be as many as the elements need.

    ```mlir
    %x = spike.unpack %p : tensor<4x2xi64> to tensor<4x100xf32>
    ```
  }];
  let arguments = (ins Spike_Words:$input);
  let results = (outs Spike_Population:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($output)";
  let hasVerifier = 1;
}

def Spike_ListEventsOp : Spike_Op<"list_events", [Pure]> {
  let summary = "which elements of each row are spikes";
  let description = [{
    A row is the last axis of the input (numbers, or words as `spike.pack`
    makes them), and the axes before it stay. The first `counts` elements of a
    row of `indices` are the places of the elements that are not zero, rising;
    what follows them is undefined. A list has room for every place of a row
    and, beyond, for what one vector writes.

    `statistics` counts, over the whole input, the events and the elements that
    are neither 0 nor 1: an input with any is no train of spikes.

    ```mlir
    %i, %n, %s = spike.list_events %x
        : tensor<100x4x8xf32> to tensor<100x4x8xi32>, tensor<100x4xi32>, tensor<2xi64>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F16, BF16, F32, F64, I16, I32, I64]>:$input);
  let results = (outs RankedTensorOf<[I32]>:$indices,
      RankedTensorOf<[I32]>:$counts, 1DTensorOf<[I64]>:$statistics);
  // Of numbers: those of words do not say how many places a row has.
  let builders = [OpBuilder<(ins "::mlir::Value":$input)>];
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `to` type($indices) `,` type($counts)
    `,` type($statistics)
  }];
  let hasVerifier = 1;
}

def Spike_FromRowsOp : Spike_Op<"from_rows", [Pure]> {
  let summary = "a matrix of mostly zeros from its rows";
  let description = [{
    Row `i` of the result is zero but for `values[k]` in column `columns[k]`,
    for `k` from `starts[i]` up to `starts[i + 1]`. The columns of a row rise,
    and all of them exist: nothing checks that at run time.

    To whoever adds rows to a sum that starts at zero, a zero of either sign is
    no different from an element that is not there.

    ```mlir
    %w = spike.from_rows %starts, %columns, %values
        : tensor<9xi32>, tensor<20xi32>, tensor<20xf32> to tensor<8x8xf32>
    ```
  }];
  let arguments = (ins 1DTensorOf<[I32]>:$starts, 1DTensorOf<[I32]>:$columns,
      1DTensorOf<[F32, F64]>:$values);
  let results = (outs 2DTensorOf<[F32, F64]>:$output);
  let assemblyFormat = [{
    $starts `,` $columns `,` $values attr-dict `:` type($starts) `,`
    type($columns) `,` type($values) `to` type($output)
  }];
  let hasVerifier = 1;
}

def Spike_DelayOp : Spike_Op<"delay", [Pure,
    AllTypesMatch<["input", "output"]>,
    AllTypesMatch<["buffer", "nextBuffer"]>]> {
  let summary = "a delay line of whole steps";
  let description = [{
    The buffer holds what entered in the last `D` steps, oldest first, `D`
    being its leading size. The output is what entered `D` steps ago and the
    next buffer has the input at its end. With `steps` each element has its own
    delay, clamped to `[0, D]`; a delay of 0 gives the input of this step.

    A buffer of no steps is the identity and folds away. A value that a loop
    carries is one step old already, so an edge of a cycle that takes `n` steps
    is a delay with a buffer of `n - 1` whose output the loop carries: a cycle
    without a delay of at least one step cannot be written down.

    ```mlir
    %y, %b1 = spike.delay %x, %b0 : tensor<4x8xf32>, tensor<3x4x8xf32>
    %z, %c1 = spike.delay %x, %c0 steps(%d : tensor<8xi64>)
        : tensor<4x8xf32>, tensor<3x4x8xf32>
    ```
  }];
  let arguments = (ins Spike_Population:$input, Spike_Population:$buffer,
      Optional<RankedTensorOf<[I64]>>:$steps);
  let results = (outs Spike_Population:$output, Spike_Population:$nextBuffer);
  let assemblyFormat = [{
    $input `,` $buffer (`steps` `(` $steps^ `:` type($steps) `)`)?
    attr-dict `:` type($input) `,` type($buffer)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

include "plait/Dialect/Spike/IR/SpikeImageOps.td"

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKEOPS_TD
