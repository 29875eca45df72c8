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
