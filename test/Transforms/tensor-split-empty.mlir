// RUN: plait-opt --tensor-split-empty %s | FileCheck %s

// CHECK-LABEL: func @two_variables
func.func @two_variables(%n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK-DAG: %[[A:.*]] = tensor.empty() : tensor<4xf32>
  // CHECK-DAG: %[[B:.*]] = tensor.empty() : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  // CHECK: iter_args(%{{.*}} = %[[B]], %{{.*}} = %[[A]])
  %0:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %e, %b = %e) -> (tensor<4xf32>, tensor<4xf32>) {
    scf.yield %a, %b : tensor<4xf32>, tensor<4xf32>
  }
  return %0#0 : tensor<4xf32>
}
