// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(spike-prune-neurons{max-rate=0.1}))' --verify-diagnostics

func.func @rates(%x: tensor<10x3x2xf32>) -> tensor<30x1xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %w = arith.constant dense<1.0> : tensor<2x1xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %v = linalg.fill ins(%zero : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  // expected-error @below {{expects 'spike.rates' of 2 neurons, got 3}}
  %t, %t1 = spike.scan current(%x : tensor<10x3x2xf32>) state(%v : tensor<3x2xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare gt reset value at now
      {spike.rates = dense<0.5> : tensor<3xf32>} : tensor<10x3x2xf32>
  %flat = tensor.collapse_shape %t [[0, 1], [2]] : tensor<10x3x2xf32> into tensor<30x2xf32>
  %oe = tensor.empty() : tensor<30x1xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<30x1xf32>) -> tensor<30x1xf32>
  %o = linalg.matmul ins(%flat, %w : tensor<30x2xf32>, tensor<2x1xf32>) outs(%oz : tensor<30x1xf32>) -> tensor<30x1xf32>
  return %o : tensor<30x1xf32>
}
