// RUN: plait-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<f32>, %p: tensor<i1>) {
  // expected-error @below {{expects results of types ('tensor<f32>'), got ('tensor<f64>')}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }) : (tensor<f32>) -> tensor<f64>
  return
}

// -----

func.func @f(%x: tensor<f32>, %p: tensor<i1>) {
  // expected-error @below {{expects arguments of 'cond' of types ('tensor<f32>'), got ('tensor<i32>')}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%s: tensor<i32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }) : (tensor<f32>) -> tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %p: tensor<i1>) {
  // expected-error @below {{expects results of 'cond' of types ('tensor<i1>'), got ('tensor<f32>')}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }, {
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }) : (tensor<f32>) -> tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %p: tensor<i1>) {
  // expected-error @below {{expects 'cond' to end in 'stablehlo.return'}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%s: tensor<f32>):
    "ub.unreachable"() : () -> ()
  }, {
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }) : (tensor<f32>) -> tensor<f32>
  return
}

// -----

func.func @f(%i: tensor<i32>) {
  // expected-error @below {{expects at least one branch}}
  "stablehlo.case"(%i) : (tensor<i32>) -> ()
  return
}

// -----

func.func @f(%i: tensor<i32>, %x: tensor<f32>) {
  // expected-error @below {{expects results of 'branch' of types ('tensor<i32>'), got ('tensor<f32>')}}
  %0 = "stablehlo.case"(%i) ({
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }) : (tensor<i32>) -> tensor<i32>
  return
}

// -----

func.func @f(%p: tensor<i1>, %x: tensor<f32>) {
  // expected-error @below {{expects results of 'false_branch' of types ('tensor<f32>'), got ()}}
  %0 = "stablehlo.if"(%p) ({
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }, {
    "stablehlo.return"() : () -> ()
  }) : (tensor<i1>) -> tensor<f32>
  return
}

// -----

func.func @f(%i: tensor<2x1xi32>) {
  // expected-error @below {{expects at least one input}}
  "stablehlo.scatter"(%i) <{scatter_dimension_numbers = #stablehlo.scatter<index_vector_dim = 1>}> ({
    "stablehlo.return"() : () -> ()
  }) : (tensor<2x1xi32>) -> ()
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects results of types ('tensor<8x16xf32>'), got ('tensor<8x8xf32>')}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x8xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %x1: tensor<8x8xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>, %u1: tensor<2x16xf32>) {
  // expected-error @below {{expects inputs of one shape, got 'tensor<8x16xf32>' and 'tensor<8x8xf32>'}}
  %0:2 = "stablehlo.scatter"(%x0, %x1, %i, %u0, %u1) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>, %a2: tensor<f32>, %a3: tensor<f32>):
    "stablehlo.return"(%a0, %a1) : (tensor<f32>, tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<8x8xf32>, tensor<2x1xi32>, tensor<2x16xf32>, tensor<2x16xf32>) -> (tensor<8x16xf32>, tensor<8x8xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %x1: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>, %u1: tensor<2x8xf32>) {
  // expected-error @below {{expects updates of one shape, got 'tensor<2x16xf32>' and 'tensor<2x8xf32>'}}
  %0:2 = "stablehlo.scatter"(%x0, %x1, %i, %u0, %u1) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>, %a2: tensor<f32>, %a3: tensor<f32>):
    "stablehlo.return"(%a0, %a1) : (tensor<f32>, tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>, tensor<2x8xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf64>) {
  // expected-error @below {{expects the element type of the input, 'tensor<8x16xf32>', got 'tensor<2x16xf64>'}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf64>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 'index_vector_dim' from 0 to 2, got 3}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 3>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 'update_window_dims' from 0 to 1, got 2}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [2], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 'inserted_window_dims' without duplicates, got 0 twice}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0, 0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 'input_batching_dims' from 0 to 1, got 7}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1, input_batching_dims = [7]>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 'scatter_indices_batching_dims' from 0 to 1, got 7}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1, scatter_indices_batching_dims = [7]>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 'scatter_dims_to_operand_dims' from 0 to 1, got -1}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [-1], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 'scatter_indices_batching_dims' without 'index_vector_dim', got 1}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1, scatter_indices_batching_dims = [1]>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects as many 'scatter_indices_batching_dims' as 'input_batching_dims', 1, got 0}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1, input_batching_dims = [1]>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects window, inserted and batching dimensions to cover the 2 of the input, got 1}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16x1xf32>) {
  // expected-error @below {{expects updates of rank 2, got 3}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16x1xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects 1 'scatter_dims_to_operand_dims', got 2}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0, 1], index_vector_dim = 1>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%x0: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u0: tensor<2x16xf32>) {
  // expected-error @below {{expects a field of 'scatter', got 'window'}}
  %0 = "stablehlo.scatter"(%x0, %i, %u0) <{scatter_dimension_numbers = #stablehlo.scatter<window = [1]>}> ({
  ^bb0(%a0: tensor<f32>, %a1: tensor<f32>):
    "stablehlo.return"(%a0) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> (tensor<8x16xf32>)
  return
}

// -----

func.func @f(%p: tensor<i1>) {
  // expected-error @below {{expects at least one input}}
  "stablehlo.sort"() <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }) : () -> ()
  return
}

// -----

func.func @f(%x0: tensor<4xf32>, %p: tensor<i1>) {
  // expected-error @below {{expects results of types ('tensor<4xf32>'), got ('tensor<5xf32>')}}
  %0 = "stablehlo.sort"(%x0) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }) : (tensor<4xf32>) -> (tensor<5xf32>)
  return
}

// -----

func.func @f(%x0: tensor<4xf32>, %x1: tensor<5xf32>, %p: tensor<i1>) {
  // expected-error @below {{expects inputs of one shape, got 'tensor<4xf32>' and 'tensor<5xf32>'}}
  %0:2 = "stablehlo.sort"(%x0, %x1) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }) : (tensor<4xf32>, tensor<5xf32>) -> (tensor<4xf32>, tensor<5xf32>)
  return
}

// -----

func.func @f(%x0: tensor<4xf32>, %p: tensor<i1>) {
  // expected-error @below {{expects 'dimension' from -1 to 0, got 1}}
  %0 = "stablehlo.sort"(%x0) <{dimension = 1 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }) : (tensor<4xf32>) -> (tensor<4xf32>)
  return
}

// -----

func.func @f(%x0: tensor<4xf32>, %p: tensor<i1>) {
  // expected-error @below {{expects arguments of 'comparator' of types ('tensor<f32>', 'tensor<f32>'), got ('tensor<f32>')}}
  %0 = "stablehlo.sort"(%x0) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }) : (tensor<4xf32>) -> (tensor<4xf32>)
  return
}

// -----

func.func @f(%x: tensor<16xcomplex<f32>>) {
  // expected-error @below {{expects 'fft_length' of 1 to 3 of the 1 dimensions, got 2}}
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 16, 16>}> : (tensor<16xcomplex<f32>>) -> tensor<16xcomplex<f32>>
  return
}

// -----

func.func @f(%x: tensor<16xf32>) {
  // expected-error @below {{expects f32 or f64 numbers, complex to complex, got 'f32' to 'complex<f32>'}}
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 16>}> : (tensor<16xf32>) -> tensor<16xcomplex<f32>>
  return
}

// -----

func.func @f(%x: tensor<16xf32>) {
  // expected-error @below {{expects shapes that fit a positive 'fft_length' of [16], got 'tensor<16xf32>' to 'tensor<16xcomplex<f32>>'}}
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 16>}> : (tensor<16xf32>) -> tensor<16xcomplex<f32>>
  return
}
