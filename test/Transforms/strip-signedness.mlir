// RUN: plait-opt --strip-signedness %s | FileCheck %s

// CHECK-LABEL: func @unsigned
// CHECK-SAME: (%[[X:.*]]: tensor<4xi32>) -> tensor<4xi32>
func.func @unsigned(%x: tensor<4xui32>) -> tensor<4xui32> {
  // CHECK-NEXT: %[[Y:.*]] = arith.shrui %[[X]], %[[X]] : tensor<4xi32>
  // CHECK-NEXT: return %[[Y]]
  %0 = builtin.unrealized_conversion_cast %x : tensor<4xui32> to tensor<4xi32>
  %1 = arith.shrui %0, %0 : tensor<4xi32>
  %2 = builtin.unrealized_conversion_cast %1 : tensor<4xi32> to tensor<4xui32>
  return %2 : tensor<4xui32>
}
