// RUN: plait-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expects a known 'target' (wse2, wse3), got 'wse9'}}
mesh.grid @grid shape = [4, 2] target = "wse9"

// -----

// expected-error @below {{expects 'shape' to be two positive sizes, rows and columns, got [4]}}
mesh.grid @grid shape = [4] target = "wse2"

// -----

// expected-error @below {{expects a grid of at most 994 rows and 750 columns on wse2, got 4 rows and 751 columns}}
mesh.grid @grid shape = [4, 751] target = "wse2"

// -----

func.func @no_grid(%x: tensor<8x6xf32>) {
  // expected-error @below {{expects @grid to name a 'mesh.grid'}}
  %0 = mesh.place %x, <single> on @grid : tensor<8x6xf32>
  return
}

// -----

// expected-note @below {{grid declared here}}
mesh.grid @grid shape = [4, 2] target = "wse3"
func.func @uneven(%x: tensor<10x6xf32>) {
  // expected-error @below {{expects dimension 0 of 'tensor<10x6xf32>' to be a multiple of the grid's 4 rows, got 10}}
  %0 = mesh.place %x, <row_partition> on @grid : tensor<10x6xf32>
  return
}

// -----

// expected-note @below {{grid declared here}}
mesh.grid @grid shape = [4, 2] target = "wse3"
func.func @uneven_columns(%x: tensor<8x5xf32>) {
  // expected-error @below {{expects dimension 1 of 'tensor<8x5xf32>' to be a multiple of the grid's 2 columns, got 5}}
  %0 = mesh.redistribute %x from <single> to <grid> on @grid : tensor<8x5xf32>
  return
}

// -----

// expected-note @below {{grid declared here}}
mesh.grid @grid shape = [4, 2] target = "wse3"
func.func @vector_on_grid(%x: tensor<8xf32>) {
  // expected-error @below {{expects a tensor of rank 2 or more for layout 'grid', got 'tensor<8xf32>'}}
  %0 = mesh.place %x, <grid> on @grid : tensor<8xf32>
  return
}

// -----

// expected-note @below {{grid declared here}}
mesh.grid @grid shape = [4, 2] target = "wse3"
func.func @too_large(%x: tensor<256x256xf32>) {
  // expected-error @below {{expects a tile of at most 40960 bytes on wse3 (49152 less code and stack), got 65536}}
  %0 = mesh.place %x, <row_partition> on @grid : tensor<256x256xf32>
  return
}

// -----

mesh.grid @grid shape = [4, 2] target = "wse3"
func.func @wrong_source(%x: tensor<8x6xf32>) {
  %0 = mesh.place %x, <single> on @grid : tensor<8x6xf32>
  // expected-error @below {{expects 'source' to be the operand's layout 'single', got 'grid'}}
  %1 = mesh.redistribute %0 from <grid> to <row_partition> on @grid : tensor<8x6xf32>
  return
}
