// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --mlir-print-op-generic | plait-opt | FileCheck %s

// CHECK: mesh.grid @grid shape = [4, 2] target = "wse3"
mesh.grid @grid shape = [4, 2] target = "wse3"

// CHECK-LABEL: func.func @layouts
func.func @layouts(%x: tensor<8x6xf32>, %v: tensor<4xf16>) -> (tensor<8x6xf32>, tensor<4xf16>) {
  // CHECK: mesh.place %{{.*}}, <grid> on @grid : tensor<8x6xf32>
  %0 = mesh.place %x, <grid> on @grid : tensor<8x6xf32>
  // CHECK: mesh.redistribute %{{.*}} from <grid> to <row_partition> on @grid : tensor<8x6xf32>
  %1 = mesh.redistribute %0 from <grid> to <row_partition> on @grid : tensor<8x6xf32>
  // CHECK: from <row_partition> to <col_partition>
  %2 = mesh.redistribute %1 from <row_partition> to <col_partition> on @grid : tensor<8x6xf32>
  // CHECK: from <col_partition> to <inner_partition>
  %3 = mesh.redistribute %2 from <col_partition> to <inner_partition> on @grid : tensor<8x6xf32>
  // CHECK: from <inner_partition> to <last_column>
  %4 = mesh.redistribute %3 from <inner_partition> to <last_column> on @grid : tensor<8x6xf32>
  // CHECK: from <last_column> to <replicated>
  %5 = mesh.redistribute %4 from <last_column> to <replicated> on @grid : tensor<8x6xf32>
  // CHECK: mesh.place %{{.*}}, <single> on @grid : tensor<4xf16>
  %6 = mesh.place %v, <single> on @grid : tensor<4xf16>
  return %5, %6 : tensor<8x6xf32>, tensor<4xf16>
}
