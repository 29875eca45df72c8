// RUN: plait-opt %s --func-protect-arguments="weights=1 updates=1" --split-input-file --verify-diagnostics

// expected-error @below {{expects 1 weights before other arguments, got 0 arguments}}
func.func @main() {
  return
}

// -----

// expected-error @below {{expects result 0 to be the new content of argument 1, of its type, and the only one}}
func.func @main(%w: tensor<f32>, %x: tensor<2xf32>) -> tensor<f32> {
  return %w : tensor<f32>
}

// -----

// expected-error @below {{expects result 0 to be the new content of argument 1, of its type, and the only one}}
func.func @main(%w: tensor<f32>) -> tensor<f32> {
  return %w : tensor<f32>
}
