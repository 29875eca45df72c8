// RUN: plait-opt --convert-sample-to-linalg --split-input-file %s | FileCheck %s

// The greatest place of a row holds its best candidate's index.
// CHECK-LABEL: func @greedy
func.func @greedy(%x: tensor<4x100xf32>) -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK-NOT: scf.for
  // CHECK: arith.maxui %{{.*}} : i64
  // CHECK-NOT: sample.
  %tokens, %flags, %logprobs, %margins = sample.greedy %x : tensor<4x100xf32>
  return %tokens, %flags : tensor<4xi32>, tensor<4xi32>
}

// -----

// One f32 division; what is not kept becomes -inf.
// CHECK-LABEL: func @temperature
func.func @temperature(%x: tensor<?x?xf32>, %t: tensor<?xf32>) -> tensor<?x?xf32> {
  // CHECK: cf.assert %{{.*}}, "sample.temperature: expects a vocabulary below 1048576"
  // CHECK: arith.maxui %{{.*}} : i64
  // CHECK: arith.divf %{{.*}} : f32
  // CHECK: arith.constant 0xFF800000 : f32
  // CHECK-NOT: sample.
  %0 = sample.temperature %x, %t : tensor<?x?xf32>, tensor<?xf32>
  return %0 : tensor<?x?xf32>
}

// A count per pass, one pass per bit of the place: 32 of value, 20 of index.
// CHECK-LABEL: func @top_k
func.func @top_k(%x: tensor<4x100xf32>, %k: tensor<4xi32>) -> tensor<4x100xf32> {
  // CHECK-NOT: cf.assert
  // CHECK: %[[BITS:.*]] = arith.constant 52 : index
  // CHECK: scf.for %{{.*}} = %{{.*}} to %[[BITS]]
  // CHECK: iterator_types = ["parallel", "reduction"]
  // CHECK: scf.yield %{{.*}} : tensor<4xi64>
  // CHECK-NOT: sample.
  %0 = sample.top_k %x, %k : tensor<4x100xf32>, tensor<4xi32>
  return %0 : tensor<4x100xf32>
}

// CHECK-LABEL: func @top_p
func.func @top_p(%x: tensor<4x100xf32>, %p: tensor<4xf32>) -> tensor<4x100xf32> {
  // CHECK: math.roundeven
  // CHECK: arith.constant dense<{{.*}}> : tensor<64xi64>
  // CHECK: tensor.extract %{{.*}} : tensor<64xi64>
  // CHECK: arith.mului_extended %{{.*}} : i64
  // CHECK: scf.for
  // CHECK-NOT: sample.
  %0 = sample.top_p %x, %p : tensor<4x100xf32>, tensor<4xf32>
  return %0 : tensor<4x100xf32>
}

// Two multiplications per round, ten rounds.
// CHECK-LABEL: func @random
func.func @random(%seed: tensor<4xi64>, %id: tensor<4xi32>) -> tensor<4xi64> {
  // CHECK-COUNT-20: arith.mului_extended %{{.*}} : i32
  // CHECK-NOT: arith.mului_extended
  // CHECK-NOT: sample.
  %0 = sample.random %seed, %id, %id, %id : tensor<4xi64>, tensor<4xi32>
  return %0 : tensor<4xi64>
}

// CHECK-LABEL: func @draw
func.func @draw(%x: tensor<4x100xf32>, %bits: tensor<4xi64>) -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK: math.roundeven
  // CHECK: arith.mului_extended %{{.*}} : i64
  // CHECK: %[[BITS:.*]] = arith.constant 20 : index
  // CHECK: scf.for %{{.*}} = %{{.*}} to %[[BITS]]
  // CHECK-NOT: sample.
  %tokens, %flags, %logprobs, %margins = sample.draw %x, %bits : tensor<4x100xf32>, tensor<4xi64>
  return %tokens, %flags : tensor<4xi32>, tensor<4xi32>
}

// The list is walked in order, and what is outside of the vocabulary skipped.
// CHECK-LABEL: func @logit_bias
func.func @logit_bias(%x: tensor<4x100xf32>, %ids: tensor<4x8xi32>, %values: tensor<4x8xf32>) -> tensor<4x100xf32> {
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK: arith.cmpi ult, %{{.*}}, %{{.*}} : index
  // CHECK: scf.if
  // CHECK: arith.addf
  // CHECK: tensor.insert
  // CHECK-NOT: sample.
  %0 = sample.logit_bias %x, %ids, %values : tensor<4x100xf32>, tensor<4x8xi32>, tensor<4x8xf32>
  return %0 : tensor<4x100xf32>
}

// Two roundings.
// CHECK-LABEL: func @frequency_penalty
func.func @frequency_penalty(%x: tensor<4x100xf32>, %p: tensor<4xf32>, %c: tensor<4x100xi32>) -> tensor<4x100xf32> {
  // CHECK: %[[PRODUCT:.*]] = arith.mulf
  // CHECK: arith.subf %{{.*}}, %[[PRODUCT]] : f32
  // CHECK-NOT: sample.
  %0 = sample.frequency_penalty %x, %p, %c : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  return %0 : tensor<4x100xf32>
}

// Two logarithms for the noise; one for the log-probability.
// CHECK-LABEL: func @gumbel
func.func @gumbel(%x: tensor<4x100xf32>, %seed: tensor<4xi64>, %id: tensor<4xi32>) -> tensor<4xi32> {
  // CHECK-COUNT-3: math.ctlz
  // CHECK-NOT: math.ctlz
  // CHECK-NOT: sample.
  %y:4 = sample.gumbel jax_threefry %x, %seed, %id, %id, %id : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  return %y#0 : tensor<4xi32>
}

// A place is the number of candidates that are before.
// CHECK-LABEL: func @by_place
func.func @by_place(%x: tensor<4x100xf32>, %seed: tensor<4xi64>, %id: tensor<4xi32>) -> tensor<4xi32> {
  // CHECK: iterator_types = ["parallel", "parallel", "reduction"]
  // CHECK: %[[BEFORE:.*]] = arith.cmpi ult
  // CHECK: %[[ONE:.*]] = arith.extui %[[BEFORE]]
  // CHECK: arith.addi %{{.*}}, %[[ONE]] : i64
  // CHECK-NOT: sample.
  %y:4 = sample.gumbel philox %x, %seed, %id, %id, %id by_place %id : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  return %y#0 : tensor<4xi32>
}

// A fused op means its chain, with the edits in it.
// CHECK-LABEL: func @fused
func.func @fused(%x: tensor<4x100xbf16>, %ids: tensor<4x8xi32>, %bits: tensor<4xi64>) -> tensor<4xi32> {
  // CHECK: arith.extf
  // CHECK: tensor.insert
  // CHECK-NOT: sample.
  %tokens, %flags = sample.fused %x edits {
  ^bb0(%wide: tensor<4x100xf32>):
    %0 = sample.ban %wide, %ids : tensor<4x100xf32>, tensor<4x8xi32>
    sample.yield %0 : tensor<4x100xf32>
  } draw(%bits : tensor<4xi64>) : tensor<4x100xbf16>
  return %tokens : tensor<4xi32>
}
