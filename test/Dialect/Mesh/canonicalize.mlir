// RUN: plait-opt %s --canonicalize | FileCheck %s

mesh.grid @grid shape = [4, 2] target = "wse3"

// A tensor of the host goes to its last layout at once.
// CHECK-LABEL: func.func @place_directly
// CHECK-NEXT: %[[P:.*]] = mesh.place %arg0, <replicated> on @grid
// CHECK-NEXT: return %[[P]]
func.func @place_directly(%x: tensor<8x6xf32>) -> tensor<8x6xf32> {
  %0 = mesh.place %x, <single> on @grid : tensor<8x6xf32>
  %1 = mesh.redistribute %0 from <single> to <replicated> on @grid : tensor<8x6xf32>
  return %1 : tensor<8x6xf32>
}

// CHECK-LABEL: func.func @same_layout
// CHECK-NEXT: return %arg0
func.func @same_layout(%x: tensor<8x6xf32>) -> tensor<8x6xf32> {
  %0 = mesh.redistribute %x from <grid> to <grid> on @grid : tensor<8x6xf32>
  return %0 : tensor<8x6xf32>
}

// CHECK-LABEL: func.func @two_moves
// CHECK-NEXT: %[[R:.*]] = mesh.redistribute %arg0 from <grid> to <replicated>
// CHECK-NEXT: return %[[R]]
func.func @two_moves(%x: tensor<8x6xf32>) -> tensor<8x6xf32> {
  %0 = mesh.redistribute %x from <grid> to <row_partition> on @grid : tensor<8x6xf32>
  %1 = mesh.redistribute %0 from <row_partition> to <replicated> on @grid : tensor<8x6xf32>
  return %1 : tensor<8x6xf32>
}
