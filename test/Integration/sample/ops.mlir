// Every op alone, executed: ties, removed candidates, NaN, infinities.
// RUN: plait-opt --plait-lowered-reference --plait-target-cpu %s \
// RUN:   | mlir-runner -e main -entry-point-result=void -shared-libs=%runner_libs | FileCheck %s

func.func private @printMemrefF32(tensor<*xf32>)
func.func private @printMemrefI32(tensor<*xi32>)
func.func private @printMemrefI64(tensor<*xi64>)

func.func @logits() -> tensor<4x4xf32> {
  %x = arith.constant dense<[
    [1.0, 3.0, 3.0, -2.0],
    [0xFF800000, 0x7FC00000, -0.0, 0.0],
    [0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000],
    [0x7F800000, 5.0, 0x7F800000, 0xFF800000]
  ]> : tensor<4x4xf32>
  return %x : tensor<4x4xf32>
}

func.func @temperature() {
  %x = func.call @logits() : () -> tensor<4x4xf32>
  %t = arith.constant dense<[0.5, 0.0, 1.0, -1.0]> : tensor<4xf32>
  %y = sample.temperature %x, %t : tensor<4x4xf32>, tensor<4xf32>
  %u = tensor.cast %y : tensor<4x4xf32> to tensor<*xf32>
  func.call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

func.func @top_k() {
  %x = func.call @logits() : () -> tensor<4x4xf32>
  %k = arith.constant dense<[1, 1, 2, 0]> : tensor<4xi32>
  %y = sample.top_k %x, %k : tensor<4x4xf32>, tensor<4xi32>
  %u = tensor.cast %y : tensor<4x4xf32> to tensor<*xf32>
  func.call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

func.func @top_p() {
  %x = func.call @logits() : () -> tensor<4x4xf32>
  %p = arith.constant dense<[0.5, 0.5, 0.5, 0.6]> : tensor<4xf32>
  %y = sample.top_p %x, %p : tensor<4x4xf32>, tensor<4xf32>
  %u = tensor.cast %y : tensor<4x4xf32> to tensor<*xf32>
  func.call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

func.func @random() {
  %seed = arith.constant dense<0> : tensor<1xi64>
  %id = arith.constant dense<0> : tensor<1xi32>
  %y = sample.random %seed, %id, %id, %id : tensor<1xi64>, tensor<1xi32>
  %u = tensor.cast %y : tensor<1xi64> to tensor<*xi64>
  func.call @printMemrefI64(%u) : (tensor<*xi64>) -> ()
  return
}

func.func @draw() {
  %x = func.call @logits() : () -> tensor<4x4xf32>
  %bits = arith.constant dense<[0, 0x7FFFFFFFFFFFFFFF, 7, 0x8000000000000000]> : tensor<4xi64>
  %y, %f, %lp, %m = sample.draw %x, %bits : tensor<4x4xf32>, tensor<4xi64>
  %u = tensor.cast %y : tensor<4xi32> to tensor<*xi32>
  func.call @printMemrefI32(%u) : (tensor<*xi32>) -> ()
  %v = tensor.cast %f : tensor<4xi32> to tensor<*xi32>
  func.call @printMemrefI32(%v) : (tensor<*xi32>) -> ()
  return
}

func.func @greedy() {
  %x = func.call @logits() : () -> tensor<4x4xf32>
  %y, %f, %lp, %m = sample.greedy %x : tensor<4x4xf32>
  %u = tensor.cast %y : tensor<4xi32> to tensor<*xi32>
  func.call @printMemrefI32(%u) : (tensor<*xi32>) -> ()
  %v = tensor.cast %f : tensor<4xi32> to tensor<*xi32>
  func.call @printMemrefI32(%v) : (tensor<*xi32>) -> ()
  return
}

func.func @main() {
  // The division, the greedy limit with a NaN that stays, nothing to keep, a
  // temperature that removes all.
  // CHECK: sizes = [4, 4]
  // CHECK: [2, 6, 6, -4]
  // CHECK: [-inf, nan, -0, -inf]
  // CHECK: [-inf, -inf, -inf, -inf]
  // CHECK: [-inf, -inf, -inf, -inf]
  func.call @temperature() : () -> ()
  // Exactly k, ties to the lowest index, -0.0 equal to 0.0; 0 keeps all.
  // CHECK: sizes = [4, 4]
  // CHECK: [-inf, 3, -inf, -inf]
  // CHECK: [-inf, nan, -0, -inf]
  // CHECK: [-inf, -inf, -inf, -inf]
  // CHECK: [inf, 5, inf, -inf]
  func.call @top_k() : () -> ()
  // Two of three hold more than the half, one of two equal ones exactly.
  // CHECK: sizes = [4, 4]
  // CHECK: [-inf, 3, 3, -inf]
  // CHECK: [-inf, nan, -0, -inf]
  // CHECK: [-inf, -inf, -inf, -inf]
  // CHECK: [inf, -inf, inf, -inf]
  func.call @top_p() : () -> ()
  // Random123: words 6627e8d5 e169c58d.
  // CHECK: sizes = [1]
  // CHECK: [-2204013331526194987]
  func.call @random() : () -> ()
  // CHECK: sizes = [4]
  // CHECK: [0, 2, -1, 2]
  // CHECK: sizes = [4]
  // CHECK: [0, 1, 2, 0]
  func.call @draw() : () -> ()
  // CHECK: sizes = [4]
  // CHECK: [1, 2, -1, 0]
  // CHECK: sizes = [4]
  // CHECK: [0, 1, 2, 0]
  func.call @greedy() : () -> ()
  return
}
