//===- Passes.td - rewrites of the spike dialect -----------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_TRANSFORMS_PASSES_TD
#define PLAIT_DIALECT_SPIKE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertSpikeToVector : Pass<"convert-spike-to-vector", "::mlir::func::FuncOp"> {
  let summary = "whole runs of neurons as vector loops";
  let description = [{
    A `spike.scan` becomes tasks, one per sample and block of neurons, that go
    through all of time with the potentials in registers; the rows of weights
    that a step's events name are added to a vector one by one, from a panel of
    weights that stays in the cache. A recurrent population is one task per
    sample, which lists its own spikes for the next step. Where weights are a
    `spike.from_rows`, a task is a sample, too, and only elements that are there
    are added, to sums in memory. A train becomes lists of events by counting
    trailing zeros of its bits.

    A scan that has no such road (elements that are not f32 or f64, parameters
    per neuron of a population of several axes) stays for
    `convert-spike-to-linalg`.

    Example: test/Dialect/Spike/convert-spike-to-vector.mlir
  }];
  let statistics = [
    Statistic<"numScans", "scans", "runs of populations that became loops">,
    Statistic<"numLeft", "left", "runs that are left for the reference">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::vector::VectorDialect"];
}

def SpikeBatchTime : Pass<"spike-batch-time", "::mlir::func::FuncOp"> {
  let summary = "let layers see all of time at once";
  let description = [{
    Takes out of a loop over time what does not wait for later layers: a
    synapse is applied to the steps of all samples in one batch of `T * B`, a
    neuron becomes a `spike.scan`, a value of the step before becomes its run
    shifted by a step, and a population that feeds its own spikes back through
    a matrix becomes one scan with `recurrent`. What is left in the loop, a
    cycle over several populations, reads its steps from the runs.

    Every element is computed by the same operations in the same order: no bit
    changes. A run of every intermediate value is held in memory.

    Example: test/Dialect/Spike/spike-batch-time.mlir
  }];
  let statistics = [
    Statistic<"numScans", "scans", "populations that became scans">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect",
                           "::plait::spike::SpikeDialect"];
}

def SpikeFuseNeuron : Pass<"spike-fuse-neuron", "::mlir::func::FuncOp"> {
  let summary = "apply synapses to events in the neurons that read them";
  let description = [{
    A `spike.scan` whose current is a matrix product of spikes, with a bias or
    without, takes the product in: it sums the rows of weights that a list of
    the spikes names. The sum is bit for bit that of the dense product, which
    adds zeros besides.

    What another population fires are spikes. What a caller gives may be
    anything and is looked at when it comes: if all of it is 0 or 1 and at most
    `max-rate` of it is 1, the events are used, and otherwise the product. A
    producer may say its measured rate, by the attribute `spike.rate` or for
    each neuron by `spike.rates`: far above `max-rate` the product stays, and
    near it, because rates move, the spikes are looked at when they are there.
    With `switch` all hidden layers are looked at.

    Example: test/Dialect/Spike/spike-fuse-neuron.mlir
  }];
  let options = [
    Option<"maxRate", "max-rate", "double", /*default=*/"0.4",
           "the share of spikes above which a dense product is faster">,
    Option<"switchHidden", "switch", "bool", /*default=*/"false",
           "decide for hidden layers at run time, too">,
  ];
  let statistics = [
    Statistic<"numFused", "fused", "products that became sums of events">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect",
                           "::plait::spike::SpikeDialect"];
}

def SpikeFuseConv : Pass<"spike-fuse-conv", "::mlir::func::FuncOp"> {
  let summary = "convolve events in the neurons that read them";
  let description = [{
    A `spike.scan` whose current is a convolution of images of spikes, with a
    bias or without, becomes a `spike.conv_scan`: only weights that a spike
    chooses are added. Its images have the channels last; so have those of the
    averages and sums over windows (`spike.pool`) and the flattened ones that a
    matrix product reads, whose weights change places. Sums are taken in the
    order of that image: against channels in front, the last bits may differ.

    When events are used, and when the convolution as it was, is decided as
    `spike-fuse-neuron` decides it. Both convolutions sum in the same order where
    there is padding, the weights are bound and the filters fill panels (32, 64,
    96, ... of f32); else their last bits may differ. Images whose rows are too long for the loops of `spike.conv_scan`
    stay as they were.

    Example: test/Dialect/Spike/spike-fuse-conv.mlir
  }];
  let options = [
    Option<"maxRate", "max-rate", "double", /*default=*/"0.25",
           "the share of spikes above which a dense convolution is faster">,
    Option<"switchHidden", "switch", "bool", /*default=*/"false",
           "decide for hidden layers at run time, too">,
  ];
  let statistics = [
    Statistic<"numFused", "fused", "convolutions that became sums of events">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect",
                           "::plait::spike::SpikeDialect"];
}

def SpikeSumEvents : Pass<"spike-sum-events", "::mlir::func::FuncOp"> {
  let summary = "apply synapses to events ahead of what is no neuron";
  let description = [{
    A matrix product of spikes that something else than a neuron reads (a batch
    norm, a pooling), or a convolution with a window of one place, which is such
    a product of the places of an image or of tokens, becomes a run of one step
    of neurons that sum and never fire: it adds the rows of weights that a list
    of the spikes names. Places go to the rows, and back. A convolution with
    larger windows becomes such a `spike.conv_scan`, of images with the channels
    last.

    The spikes are counted when they are there: the events are used where at
    most `max-rate` of the elements are 1, and otherwise the product. A producer
    that was measured to fire far more often (see `spike-fuse-neuron`) keeps the
    product.

    On one core with vectors of 512 bits the roads take the same time at a share
    of 0.39 to 0.41 for products of 384 and 1536 channels, and at 0.23 and 0.37
    for windows of 3x3 from 48 to 96 and from 192 to 384 channels.

    Example: test/Dialect/Spike/spike-sum-events.mlir
  }];
  let options = [
    Option<"maxRate", "max-rate", "double", /*default=*/"0.4",
           "the share of spikes above which a dense product is faster">,
    Option<"maxConvRate", "max-conv-rate", "double", /*default=*/"0.25",
           "the share of spikes above which a dense convolution is faster">,
  ];
  let statistics = [
    Statistic<"numSums", "sums", "products that may be sums of events">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect",
                           "::plait::spike::SpikeDialect"];
}

def SpikePack : Pass<"spike-pack", "::mlir::func::FuncOp"> {
  let summary = "choose how trains of spikes are held";
  let description = [{
    The spikes of a `spike.scan` or `spike.conv_scan` that nobody but
    `spike.list_events` and `spike.pool` reads need not be numbers. A recurrent
    population, which lists its spikes for its own next step, gives those lists
    (`encoding events`). Any other is packed into words, one bit each (`encoding
    packed`): of 16 bits for up to 16 neurons in a row, 32 for up to 32, else
    64. Spikes may pass through the results of an `scf.if`, and images whose
    channels fill their words through a `tensor.collapse_shape` to rows.

    Example: test/Dialect/Spike/spike-pack.mlir
  }];
  let statistics = [
    Statistic<"numPacked", "packed", "trains of spikes that are kept as bits">,
    Statistic<"numListed", "listed", "trains of spikes that are lists">,
  ];
  let dependentDialects = ["::plait::spike::SpikeDialect"];
}

def SpikeFoldBatchnorm : Pass<"spike-fold-batchnorm", "::mlir::func::FuncOp"> {
  let summary = "batch norms into the weights before them";
  let description = [{
    A batch norm that does not learn any more is, per channel, a scale and a
    shift: `(x - mean) * (1 / sqrt(var + eps)) * gamma + beta`, in one op or in
    several. Where it follows a synapse (a matrix product or a convolution with
    its bias, and nothing between them), the scale goes into the weights and
    the shift becomes the bias. What is computed from weights alone is computed
    once, when a model is loaded.

    Currents change by rounding, about as much as by another order of their
    sums: a potential that comes to lie on the other side of its threshold
    changes a spike. Exact where scales are powers of two and sums are exact.

    Inside a loop over time the weights would be scaled in every step: run
    `spike-batch-time` before.

    Example: test/Dialect/Spike/spike-fold-batchnorm.mlir
  }];
  let statistics = [
    Statistic<"numFolded", "folded", "synapses that took a norm in">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SpikePruneNeurons : Pass<"spike-prune-neurons", "::mlir::func::FuncOp"> {
  let summary = "take out neurons that change nothing";
  let description = [{
    From the populations that are scans, and whose spikes nothing but synapses
    read, takes

    * silent neurons: the most that spikes of other populations can bring in by
      the positive weights, held for the whole run, leaves the potential under
      the threshold by more than rounding;
    * unread neurons: every weight behind them is zero;
    * with `max-rate`, neurons whose measured rate, the population's attribute
      `spike.rates`, is at most that. This alone changes spikes.

    For images a neuron is a channel. The weights before and behind the
    population, its biases and parameters lose the neuron, too, and the search
    goes on until nothing changes: fewer neurons silence others. A term that is
    taken out of a sum was a zero: no bit of any result changes.

    Weights must be constants, or computed from such; a population of none
    keeps one neuron. Run `spike-batch-time` before.

    Example: test/Dialect/Spike/spike-prune-neurons.mlir
  }];
  let options = [
    Option<"maxRate", "max-rate", "double", /*default=*/"-1",
           "the share of steps with a spike up to which a neuron goes">,
  ];
  let statistics = [
    Statistic<"numSilent", "silent", "neurons that cannot fire">,
    Statistic<"numUnread", "unread", "neurons that no weight reads">,
    Statistic<"numQuiet", "quiet", "neurons of a low measured rate">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::plait::spike::SpikeDialect"];
}

def SpikeQuantize : Pass<"spike-quantize", "::mlir::func::FuncOp"> {
  let summary = "weights of few bits";
  let description = [{
    The weights of every synapse (the right operands of matrix products and
    convolutions, and the weights of a `spike.scan`) become the nearest of the
    `2^bits - 1` values `q * step`, with `q` an integer of `bits` bits without
    the most negative one, and `step = max |w| / (2^(bits-1) - 1)`, over all
    weights of the synapse or, with `per-channel`, over those of each neuron
    (each filter). Ties go to the even `q`. Biases and the neurons' own
    parameters stay.

    Weights are constants, the first `weights` arguments of the function, and
    what is computed from them. The rounding is computed from weights alone:
    once, when a model is loaded.

    Spikes change; the driver measures how many.

    Example: test/Dialect/Spike/spike-quantize.mlir
  }];
  let options = [
    Option<"bits", "bits", "int64_t", /*default=*/"8",
           "of an integer weight, with its sign: 2 to 16">,
    Option<"perChannel", "per-channel", "bool", /*default=*/"false",
           "one step per neuron or filter, instead of one per synapse">,
    Option<"weights", "weights", "int64_t", /*default=*/"0",
           "how many of the first arguments are weights">,
  ];
  let statistics = [
    Statistic<"numQuantized", "quantized", "synapses whose weights changed">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SpikeReassociateAttention
    : Pass<"spike-reassociate-attention", "::mlir::func::FuncOp"> {
  let summary = "Q (K^T V) for (Q K^T) V, where it is exact";
  let description = [{
    Attention without a softmax is a product of three matrices. Where all three
    are spikes, every partial sum in either order is an integer, at most the
    number of tokens times that of channels; if the element type holds all
    those integers, the order changes no bit, and the one with fewer
    multiplications is taken.

    Example: test/Dialect/Spike/spike-reassociate-attention.mlir
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // PLAIT_DIALECT_SPIKE_TRANSFORMS_PASSES_TD
