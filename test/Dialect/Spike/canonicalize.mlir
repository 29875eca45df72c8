// RUN: plait-opt %s --canonicalize | FileCheck %s

// A delay of no steps is the identity, and the loop no longer carries a buffer.
// CHECK-LABEL: func @no_steps
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<0x4x8xf32>
// CHECK-NOT: spike.delay
// CHECK: return %[[X]], %[[B]]
func.func @no_steps(%x: tensor<4x8xf32>, %b: tensor<0x4x8xf32>, %d: tensor<8xi64>)
    -> (tensor<4x8xf32>, tensor<0x4x8xf32>) {
  %y, %b1 = spike.delay %x, %b steps(%d : tensor<8xi64>) : tensor<4x8xf32>, tensor<0x4x8xf32>
  return %y, %b1 : tensor<4x8xf32>, tensor<0x4x8xf32>
}

// CHECK-LABEL: func @one_step
// CHECK: spike.delay
func.func @one_step(%x: tensor<4x8xf32>, %b: tensor<1x4x8xf32>) -> tensor<4x8xf32> {
  %y, %b1 = spike.delay %x, %b : tensor<4x8xf32>, tensor<1x4x8xf32>
  return %y : tensor<4x8xf32>
}
