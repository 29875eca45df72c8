// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(spike-quantize))' --verify-diagnostics

func.func @rows(%w: tensor<6x4xf32>, %x: tensor<3x6xf32>, %z: tensor<3x4xf32>) -> tensor<3x4xf32> {
  // expected-error @below {{expects constant weights or 'weights', got 0 weights among the arguments}}
  %m = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x4xf32>) outs(%z : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %m : tensor<3x4xf32>
}
