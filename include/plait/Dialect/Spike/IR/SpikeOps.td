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
def Spike_Population : RankedTensorOf<[AnyFloat]>;

class Spike_NeuronOp<string mnemonic, list<Trait> traits = []>
    : Spike_Op<mnemonic, !listconcat([Pure], traits)> {
  let hasVerifier = 1;
}

def Spike_LifOp : Spike_NeuronOp<"lif",
    [AllTypesMatch<["current", "v", "spikes", "nextV"]>]> {
  let summary = "one time step of leaky integrate-and-fire neurons";
  let description = [{
    Takes the current `x` of this step and the potential `v` that the last
    step left behind, returns the spikes of this step and the potential to
    carry on. The neurons obey

    ```
    tau dv/dt = (v_leak - v) + r x,   a spike where v is over v_threshold
    ```

    which fixes no arithmetic, and simulators differ. So everything that
    decides a bit is written on the op: the step `dt` (in the unit of `tau`),
    how it is integrated (`integrator`), the comparison (`compare`), what a
    spike does to the potential (`reset`) and when (`reset_at`). With `u` the
    integrated potential and `H` the comparison with `v_threshold`:

    | reset | reset_at | spikes | next potential |
    |---|---|---|---|
    | `value` | `now` | `H(u)` | `H(u) ? v_reset : u` |
    | `subtract` | `now` | `n`, see below | `u - n v_threshold` |
    | `subtract` | `next` | `H(w)` | `w = u - H(v) v_threshold` |

    `n` is `H(u)`, and with `multi_spike` it is `floor(u / v_threshold)` where
    the neuron fires: how often the threshold fits into the potential.

    Spikes are 0 and 1 (or counts) in the type of the current, so that a
    synapse is a plain matrix product. A parameter is a tensor whose shape ends
    the shape of `v`: rank 0 is one value for all neurons, `tensor<8xf32>` is
    one per neuron of a `tensor<4x8xf32>` (4 independent samples).

    ```mlir
    %z, %v1 = spike.lif %x, %v0 tau(%tau : tensor<f32>) r(%r : tensor<f32>)
        v_leak(%l : tensor<8xf32>) v_threshold(%th : tensor<8xf32>)
        v_reset(%rs : tensor<8xf32>)
        dt 1.0e-4 integrator euler compare gt reset value at now
        : tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Spike_Population:$current, Spike_Population:$v,
      Spike_Population:$tau, Spike_Population:$r, Spike_Population:$v_leak,
      Spike_Population:$v_threshold, Optional<Spike_Population>:$v_reset,
      F64Attr:$dt, Spike_IntegratorAttr:$integrator,
      Spike_CompareAttr:$compare, Spike_ResetAttr:$reset,
      Spike_MomentAttr:$reset_at, UnitAttr:$multi_spike);
  let results = (outs Spike_Population:$spikes, Spike_Population:$nextV);
  let assemblyFormat = [{
    $current `,` $v `tau` `(` $tau `:` type($tau) `)` `r` `(` $r `:` type($r) `)`
    `v_leak` `(` $v_leak `:` type($v_leak) `)`
    `v_threshold` `(` $v_threshold `:` type($v_threshold) `)`
    (`v_reset` `(` $v_reset^ `:` type($v_reset) `)`)?
    `dt` $dt `integrator` `` $integrator `compare` `` $compare
    `reset` `` $reset `at` `` $reset_at (`multi_spike` $multi_spike^)?
    attr-dict `:` type($v)
  }];
}

def Spike_LiOp : Spike_NeuronOp<"li", [AllTypesMatch<["current", "v", "nextV"]>]> {
  let summary = "one time step of leaky integrators";
  let description = [{
    As `spike.lif` without a threshold: the output is the potential itself.
    Read-outs end in it.

    ```mlir
    %v1 = spike.li %x, %v0 tau(%tau : tensor<f32>) r(%r : tensor<f32>)
        v_leak(%l : tensor<f32>) dt 1.0e-4 integrator exponential
        : tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Spike_Population:$current, Spike_Population:$v,
      Spike_Population:$tau, Spike_Population:$r, Spike_Population:$v_leak,
      F64Attr:$dt, Spike_IntegratorAttr:$integrator);
  let results = (outs Spike_Population:$nextV);
  let assemblyFormat = [{
    $current `,` $v `tau` `(` $tau `:` type($tau) `)` `r` `(` $r `:` type($r) `)`
    `v_leak` `(` $v_leak `:` type($v_leak) `)`
    `dt` $dt `integrator` `` $integrator attr-dict `:` type($v)
  }];
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

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKEOPS_TD
