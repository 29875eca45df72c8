// RUN: plait-opt %s --split-input-file --verify-diagnostics --convert-mesh-to-csl

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @main(%x: tensor<4x4xf64>) -> tensor<4x4xf64> {
  // expected-error @below {{expects f32 on a PE, got 'f64'}}
  %0 = mesh.place %x, <grid> on @grid : tensor<4x4xf64>
  return %0 : tensor<4x4xf64>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = mesh.place %x, <grid> on @grid : tensor<4x4xf32>
  // expected-error @below {{no communication plan to move a computed tensor from layout 'grid' to 'replicated'}}
  %1 = mesh.redistribute %0 from <grid> to <replicated> on @grid : tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @main(%x: tensor<4x4xf32>, %o: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = mesh.place %x, <row_partition> on @grid : tensor<4x4xf32>
  %1 = mesh.place %x, <replicated> on @grid : tensor<4x4xf32>
  // expected-error @below {{expects a product that starts from zero}}
  %2 = linalg.matmul ins(%0, %1 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%o : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}

// -----

// expected-error @below {{expects one 'mesh.grid', got 0}}
module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

// expected-error @below {{expects a function @main}}
module {
  mesh.grid @grid shape = [2, 2] target = "wse3"
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @main(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %0 = mesh.place %x, <grid> on @grid : tensor<4x4xf32>
  // expected-error @below {{expects one result, got 2}}
  return %0, %0 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{expects an operand that is placed on the grid}}
  %0 = linalg.add ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%x : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{expects its operands to be computed or placed on the grid}}
  return %x : tensor<4x4xf32>
}
