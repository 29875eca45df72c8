// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(spike-quantize{bits=1}))' --verify-diagnostics

// expected-error @below {{expects 'bits' from 2 to 16, got 1}}
func.func @rows(%w: tensor<6x4xf32>, %x: tensor<3x6xf32>, %z: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %m = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x4xf32>) outs(%z : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %m : tensor<3x4xf32>
}
