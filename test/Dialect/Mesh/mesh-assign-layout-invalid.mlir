// RUN: plait-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(func.func(mesh-assign-layout))'

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @no_plan(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = mesh.place %x, <grid> on @grid : tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  // expected-error @below {{no plan for 'linalg.exp' on a grid}}
  %1 = linalg.exp ins(%0 : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @no_product(%x: tensor<4xf32>, %w: tensor<4x4xf32>, %o: tensor<4xf32>) -> tensor<4xf32> {
  %0 = mesh.place %x, <row_partition> on @grid : tensor<4xf32>
  %1 = mesh.place %w, <replicated> on @grid : tensor<4x4xf32>
  // expected-error @below {{no plan for a product of a vector in layout 'row_partition' with a matrix in layout 'replicated'}}
  %2 = linalg.vecmat ins(%0, %1 : tensor<4xf32>, tensor<4x4xf32>) outs(%o : tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

mesh.grid @a shape = [2, 2] target = "wse3"
mesh.grid @b shape = [2, 2] target = "wse3"
func.func @two_grids(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = mesh.place %x, <single> on @a : tensor<4xf32>
  // expected-error @below {{expects one grid in a function, got @a and @b}}
  %1 = mesh.place %x, <single> on @b : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @not_placed(%x: tensor<4x4xf32>, %o: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{expects both operands of a product to be placed on a grid}}
  %2 = linalg.matmul ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%o : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
func.func @broadcast_of_a_scalar(%x: tensor<f32>, %o: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{no plan for a broadcast of 'tensor<f32>' on a grid}}
  %0 = linalg.broadcast ins(%x : tensor<f32>) outs(%o : tensor<4xf32>) dimensions = [0]
  return %0 : tensor<4xf32>
}

// -----

mesh.grid @grid shape = [2, 2] target = "wse3"
// expected-error @below {{expects one block in a function on a grid}}
func.func @two_blocks(%x: tensor<4xf32>) -> tensor<4xf32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<4xf32>
}
