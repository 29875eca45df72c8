// The `module` of a `plait.sampling.Sampler`; the Python tests compare it.
// RUN: plait-opt %s | FileCheck %s --check-prefix=IMPORT
// RUN: plait-opt --plait-import --plait-strand --plait-opt --plait-lowered-reference %s \
// RUN:   | FileCheck %s --check-prefix=LOWERED

// IMPORT: sample.temperature
// IMPORT-NEXT: sample.top_k
// IMPORT-NEXT: sample.top_p
// IMPORT-NEXT: sample.random
// IMPORT-NEXT: sample.draw

// LOWERED-NOT: sample.
// LOWERED: linalg.generic
// LOWERED-NOT: fastmath
// LOWERED-NOT: sample.

func.func @main(%logits: tensor<4x49152xf32>, %temperature: tensor<4xf32>, %top_k: tensor<4xi32>, %top_p: tensor<4xf32>, %seed: tensor<4xi64>, %session: tensor<4xi32>, %sequence: tensor<4xi32>, %position: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>) {
  %0 = "sample.temperature"(%logits, %temperature) : (tensor<4x49152xf32>, tensor<4xf32>) -> tensor<4x49152xf32>
  %1 = "sample.top_k"(%0, %top_k) : (tensor<4x49152xf32>, tensor<4xi32>) -> tensor<4x49152xf32>
  %2 = "sample.top_p"(%1, %top_p) : (tensor<4x49152xf32>, tensor<4xf32>) -> tensor<4x49152xf32>
  %bits = sample.random %seed, %session, %sequence, %position : tensor<4xi64>, tensor<4xi32>
  %t, %f, %l, %m = sample.draw %2, %bits : tensor<4x49152xf32>, tensor<4xi64>
  return %t, %f : tensor<4xi32>, tensor<4xi32>
}
