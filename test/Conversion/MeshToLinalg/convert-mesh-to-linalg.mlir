// RUN: plait-opt %s --convert-mesh-to-linalg | FileCheck %s

// CHECK-NOT: mesh.
mesh.grid @grid shape = [4, 2] target = "wse3"

// CHECK-LABEL: func.func @main
// CHECK: linalg.add ins(%arg0, %arg0
// CHECK-NOT: mesh.
func.func @main(%x: tensor<8x6xf32>) -> tensor<8x6xf32> {
  %0 = mesh.place %x, <grid> on @grid : tensor<8x6xf32>
  %1 = mesh.redistribute %0 from <grid> to <replicated> on @grid : tensor<8x6xf32>
  %e = tensor.empty() : tensor<8x6xf32>
  %2 = linalg.add ins(%0, %1 : tensor<8x6xf32>, tensor<8x6xf32>) outs(%e : tensor<8x6xf32>) -> tensor<8x6xf32>
  return %2 : tensor<8x6xf32>
}
