// RUN: plait-opt --linalg-fold-batch-norm --canonicalize --cse %s | FileCheck %s

#id = affine_map<(n, c, i) -> (n, c, i)>
#channel = affine_map<(n, c, i) -> (c)>

// CHECK-LABEL: func @batch_norm
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x4x8xf32>
func.func @batch_norm(%x: tensor<2x4x8xf32>, %mean: tensor<4xf32>, %inverse: tensor<4xf32>,
                      %gamma: tensor<4xf32>, %beta: tensor<4xf32>) -> tensor<2x4x8xf32> {
  // CHECK: %[[C:.*]]:2 = linalg.generic {{.*}} iterator_types = ["parallel"]
  // CHECK: linalg.generic {{.*}} ins(%[[X]], %[[C]]#0, %[[C]]#1
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT: arith.mulf
  // CHECK-NEXT: arith.addf
  // CHECK-NEXT: arith.maximumf
  // CHECK-NEXT: linalg.yield
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #channel, #channel, #channel, #channel, #id],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %mean, %inverse, %gamma, %beta : tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
      outs(%e : tensor<2x4x8xf32>) {
  ^bb0(%a: f32, %m: f32, %v: f32, %g: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %m : f32
    %s = arith.mulf %d, %v : f32
    %t = arith.mulf %s, %g : f32
    %u = arith.addf %t, %b : f32
    %r = arith.maximumf %u, %zero : f32
    linalg.yield %r : f32
  } -> tensor<2x4x8xf32>
  return %0 : tensor<2x4x8xf32>
}

#row = affine_map<(n, c, i) -> (n)>

// A layer norm subtracts per row and scales per column.
// CHECK-LABEL: func @layer_norm
func.func @layer_norm(%x: tensor<2x4x8xf32>, %mean: tensor<2xf32>, %inverse: tensor<2xf32>,
                      %gamma: tensor<4xf32>, %beta: tensor<4xf32>) -> tensor<2x4x8xf32> {
  // CHECK-COUNT-1: linalg.generic
  // CHECK: arith.subf
  // CHECK-NOT: linalg.generic
  %e = tensor.empty() : tensor<2x4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row, #row, #channel, #channel, #id],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %mean, %inverse, %gamma, %beta : tensor<2x4x8xf32>, tensor<2xf32>, tensor<2xf32>, tensor<4xf32>, tensor<4xf32>)
      outs(%e : tensor<2x4x8xf32>) {
  ^bb0(%a: f32, %m: f32, %v: f32, %g: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %m : f32
    %s = arith.mulf %d, %v : f32
    %t = arith.mulf %s, %g : f32
    %u = arith.addf %t, %b : f32
    linalg.yield %u : f32
  } -> tensor<2x4x8xf32>
  return %0 : tensor<2x4x8xf32>
}
