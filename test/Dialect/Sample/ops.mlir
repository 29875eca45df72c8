// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt --mlir-print-op-generic %s | plait-opt | FileCheck %s

// CHECK-LABEL: func @fixed
func.func @fixed(%x: tensor<4x100xf32>, %t: tensor<4xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>,
                 %seed: tensor<4xi64>, %session: tensor<4xi32>, %sequence: tensor<4xi32>,
                 %position: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK: sample.temperature %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xf32>
  %0 = sample.temperature %x, %t : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: sample.top_k %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xi32>
  %1 = sample.top_k %0, %k : tensor<4x100xf32>, tensor<4xi32>
  // CHECK: sample.top_p %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xf32>
  %2 = sample.top_p %1, %p : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: sample.random %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<4xi64>, tensor<4xi32>
  %bits = sample.random %seed, %session, %sequence, %position : tensor<4xi64>, tensor<4xi32>
  // CHECK: %{{.*}}, %{{.*}} = sample.draw %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xi64>
  %tokens, %flags, %logprobs, %margins = sample.draw %2, %bits : tensor<4x100xf32>, tensor<4xi64>
  return %tokens, %flags : tensor<4xi32>, tensor<4xi32>
}

// CHECK-LABEL: func @dynamic
func.func @dynamic(%x: tensor<?x?xf32>, %t: tensor<?xf32>) -> tensor<?xi32> {
  // CHECK: sample.temperature %{{.*}}, %{{.*}} : tensor<?x?xf32>, tensor<?xf32>
  %0 = sample.temperature %x, %t : tensor<?x?xf32>, tensor<?xf32>
  // CHECK: %{{.*}}, %{{.*}} = sample.greedy %{{.*}} : tensor<?x?xf32>
  %tokens, %flags, %logprobs, %margins = sample.greedy %0 : tensor<?x?xf32>
  return %tokens : tensor<?xi32>
}

// Fixed rows may meet dynamic parameters.
// CHECK-LABEL: func @mixed
func.func @mixed(%x: tensor<4x?xf32>, %k: tensor<?xi32>) -> tensor<4x?xf32> {
  // CHECK: sample.top_k %{{.*}}, %{{.*}} : tensor<4x?xf32>, tensor<?xi32>
  %0 = sample.top_k %x, %k : tensor<4x?xf32>, tensor<?xi32>
  return %0 : tensor<4x?xf32>
}

// CHECK-LABEL: func @lists
func.func @lists(%x: tensor<4x100xf32>, %ids: tensor<4x8xi32>, %values: tensor<4x8xf32>, %words: tensor<4x4xi32>,
                 %f: tensor<4xf32>, %n: tensor<4xi32>) -> tensor<4x100xf32> {
  // CHECK: sample.logit_bias %{{.*}}, %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4x8xi32>, tensor<4x8xf32>
  %0 = sample.logit_bias %x, %ids, %values : tensor<4x100xf32>, tensor<4x8xi32>, tensor<4x8xf32>
  // CHECK: sample.allow %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4x8xi32>
  %1 = sample.allow %0, %ids : tensor<4x100xf32>, tensor<4x8xi32>
  // CHECK: sample.ban %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4x8xi32>
  %2 = sample.ban %1, %ids : tensor<4x100xf32>, tensor<4x8xi32>
  // CHECK: sample.bitmask %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4x4xi32>
  %3 = sample.bitmask %2, %words : tensor<4x100xf32>, tensor<4x4xi32>
  // CHECK: %[[COUNTS:.*]] = sample.count %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4x8xi32>
  %counts = sample.count %3, %ids : tensor<4x100xf32>, tensor<4x8xi32>
  // CHECK: sample.repetition_penalty %{{.*}}, %{{.*}}, %[[COUNTS]] {reciprocal} : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  %4 = sample.repetition_penalty %3, %f, %counts {reciprocal} : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  // CHECK: sample.repetition_penalty %{{.*}}, %{{.*}}, %[[COUNTS]] prompt %[[COUNTS]] : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>, tensor<4x100xi32>
  %5 = sample.repetition_penalty %4, %f, %counts prompt %counts : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>, tensor<4x100xi32>
  // CHECK: sample.presence_penalty %{{.*}}, %{{.*}}, %[[COUNTS]] : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  %6 = sample.presence_penalty %5, %f, %counts : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  // CHECK: sample.frequency_penalty %{{.*}}, %{{.*}}, %[[COUNTS]] : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  %7 = sample.frequency_penalty %6, %f, %counts : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  // CHECK: sample.no_repeat_ngram %{{.*}}, %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4x8xi32>, tensor<4xi32>
  %8 = sample.no_repeat_ngram %7, %ids, %n : tensor<4x100xf32>, tensor<4x8xi32>, tensor<4xi32>
  // CHECK: sample.dry %{{.*}} : tensor<4x100xf32>, tensor<4x8xi32>, tensor<4x8xi32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>
  %9 = sample.dry %8, %ids, %ids, %f, %f, %n : tensor<4x100xf32>, tensor<4x8xi32>, tensor<4x8xi32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>
  return %9 : tensor<4x100xf32>
}

// CHECK-LABEL: func @filters
func.func @filters(%x: tensor<4x100xf32>, %f: tensor<4xf32>, %k: tensor<4xi32>, %seed: tensor<4xi64>, %id: tensor<4xi32>)
    -> (tensor<4xi32>, tensor<4xi32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[T:.*]] = sample.dynamic_temperature %{{.*}} : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  %t = sample.dynamic_temperature %x, %f, %f, %f : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  // CHECK: sample.temperature %{{.*}}, %[[T]] : tensor<4x100xf32>, tensor<4xf32>
  %0 = sample.temperature %x, %t : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: sample.top_k %{{.*}}, %{{.*}} {keep_ties} : tensor<4x100xf32>, tensor<4xi32>
  %1 = sample.top_k %0, %k {keep_ties} : tensor<4x100xf32>, tensor<4xi32>
  // CHECK: sample.top_p %{{.*}}, %{{.*}} full %{{.*}} {keep_ties} : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xf32>
  %2 = sample.top_p %1, %f full %x {keep_ties} : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xf32>
  // CHECK: sample.min_p %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xf32>
  %3 = sample.min_p %2, %f : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: sample.typical_p %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xf32>
  %4 = sample.typical_p %3, %f : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: sample.top_n_sigma %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xf32>
  %5 = sample.top_n_sigma %4, %f : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: %[[BITS:.*]] = sample.random %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {lane = 1 : i32} : tensor<4xi64>, tensor<4xi32>
  %bits = sample.random %seed, %id, %id, %id {lane = 1 : i32} : tensor<4xi64>, tensor<4xi32>
  // CHECK: sample.xtc %{{.*}}, %{{.*}}, %{{.*}}, %[[BITS]] : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi64>
  %6 = sample.xtc %5, %f, %f, %bits : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi64>
  // CHECK: sample.epsilon %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xf32>
  %7 = sample.epsilon %6, %f : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: sample.eta %{{.*}}, %{{.*}} : tensor<4x100xf32>, tensor<4xf32>
  %8 = sample.eta %7, %f : tensor<4x100xf32>, tensor<4xf32>
  // CHECK: sample.gumbel murmur3_vllm %{{.*}} : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  %y:4 = sample.gumbel murmur3_vllm %8, %seed, %id, %id, %id : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  // CHECK: sample.gumbel philox %{{.*}} by_place %{{.*}} : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  %z:4 = sample.gumbel philox %8, %seed, %id, %id, %id by_place %id : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  return %y#0, %y#1, %y#2, %y#3 : tensor<4xi32>, tensor<4xi32>, tensor<4xf32>, tensor<4xf32>
}
