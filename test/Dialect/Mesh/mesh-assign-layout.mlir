// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(mesh-assign-layout))' | FileCheck %s

mesh.grid @grid shape = [2, 3] target = "wse3"

// The columns of the left operand are cut: each PE column gets the matching
// rows of the right one; the bias goes where the sum ends.
// CHECK-LABEL: func.func @cut_product
// CHECK: %[[W:.*]] = mesh.redistribute %{{.*}} from <single> to <inner_partition> on @grid : tensor<6x5xf32>
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
// CHECK: linalg.broadcast ins(%[[B:.*]] : tensor<5xf32>)
func.func @cut_product(%x: tensor<4x6xf32>, %w: tensor<6x5xf32>, %b: tensor<5xf32>) -> tensor<4x5xf32> {
  %0 = mesh.place %x, <grid> on @grid : tensor<4x6xf32>
  %1 = mesh.place %w, <single> on @grid : tensor<6x5xf32>
  %2 = mesh.place %b, <single> on @grid : tensor<5xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %m = linalg.matmul ins(%0, %1 : tensor<4x6xf32>, tensor<6x5xf32>) outs(%f : tensor<4x5xf32>) -> tensor<4x5xf32>
  %bb = linalg.broadcast ins(%2 : tensor<5xf32>) outs(%e : tensor<4x5xf32>) dimensions = [0]
  %y = linalg.add ins(%m, %bb : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  return %y : tensor<4x5xf32>
}

// Element by element, the operand that is cut decides.
// CHECK-LABEL: func.func @elementwise
// CHECK: mesh.redistribute %{{.*}} from <replicated> to <col_partition>
func.func @elementwise(%x: tensor<4x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %0 = mesh.place %x, <replicated> on @grid : tensor<4x6xf32>
  %1 = mesh.place %z, <col_partition> on @grid : tensor<4x6xf32>
  %e = tensor.empty() : tensor<4x6xf32>
  %y = linalg.mul ins(%0, %1 : tensor<4x6xf32>, tensor<4x6xf32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}
