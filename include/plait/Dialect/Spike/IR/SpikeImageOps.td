//===- SpikeImageOps.td - spikes of images -----------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Included by SpikeOps.td. Images are [time, batch, height, width, channels].
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_IR_SPIKEIMAGEOPS_TD
#define PLAIT_DIALECT_SPIKE_IR_SPIKEIMAGEOPS_TD

def Spike_ConvScanOp : Spike_Op<"conv_scan", [Pure, AttrSizedOperandSegments,
    AttrSizedResultSegments, AllTypesMatch<["v", "next_v"]>]> {
  let summary = "a population behind a convolution of events";
  let description = [{
    `spike.scan` for a population of [batch, height, width, channels] whose
    input is a convolution of an image of spikes. `events` are the lists that
    `spike.list_events` makes of the image's rows, [time, batch, height, width *
    channels], and the weights: [height, width, channels, filters].
    `padding` is how many rows and columns of zeros lie before the image; those
    behind it are as many as the size of the population needs.

    The input of a neuron is the sum of the weights that the events under its
    window choose, from zero, row after row of the window, in a row column after
    column and in a column channel after channel; then `bias` is added. A weight
    that no event chooses is not added, which is what adding its product with
    zero gives.

    `out` is dense, or spikes packed along the channels, as `spike.pack` makes
    them. `record` adds the potential after every step.

    ```mlir
    %z, %v1 = spike.conv_scan events(%i, %n, %w : tensor<9x4x8x16xi32>, tensor<9x4x8xi32>, tensor<3x3x2x16xf32>)
        strides [1, 1] dilations [1, 1] padding [1, 1] state(%v0 : tensor<4x8x8x16xf32>)
        integrator impulse decay(%a : tensor<f32>) threshold(%th : tensor<f32>)
        compare gt reset value at now : tensor<9x4x8x8x16xf32>
    ```
  }];
  let arguments = !con((ins RankedTensorOf<[I32]>:$indices,
      RankedTensorOf<[I32]>:$counts, Spike_Population:$weights,
      DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
      DenseI64ArrayAttr:$padding, Optional<Spike_Population>:$bias,
      Spike_Population:$v), Spike_neuronOperands, (ins UnitAttr:$record));
  let results = (outs RankedTensorOf<[F16, BF16, F32, F64, I16, I32, I64]>:$out,
      Spike_Population:$next_v, Optional<Spike_Population>:$next_left,
      Optional<Spike_Population>:$potentials);
  let assemblyFormat = !strconcat([{
    `events` `(` $indices `,` $counts `,` $weights `:` type($indices) `,` type($counts) `,` type($weights) `)`
    `strides` $strides `dilations` $dilations `padding` $padding
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    `state` `(` $v `:` type($v) `)`
  }], Spike_neuronFormat, [{
    (`record` $record^)? attr-dict `:` type($out)
    (`left` type($next_left)^)? (`potentials` type($potentials)^)?
  }]);
  let hasVerifier = 1;
}

def Spike_PoolOp : Spike_Op<"pool", [Pure]> {
  let summary = "how many spikes there are in each window of an image";
  let description = [{
    Sums the windows of `window` elements, `strides` apart, of an image of
    [..., height, width, channels], numbers or words as `spike.pack` makes them
    of the channels; and divides the sums by `divisor`, if there is one.

    ```mlir
    %y = spike.pool %x window [2, 2] strides [2, 2] divisor 4.0
        : tensor<9x4x8x8x1xi16> to tensor<9x4x4x4x12xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F16, BF16, F32, F64, I16, I32, I64]>:$input,
      DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$strides,
      OptionalAttr<F64Attr>:$divisor);
  let results = (outs Spike_Population:$output);
  let assemblyFormat = [{
    $input `window` $window `strides` $strides (`divisor` $divisor^)? attr-dict
    `:` type($input) `to` type($output)
  }];
  let hasVerifier = 1;
}

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKEIMAGEOPS_TD
