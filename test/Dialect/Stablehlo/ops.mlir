// RUN: plait-opt %s | plait-opt | FileCheck %s

// CHECK-LABEL: func @while
func.func @while(%x: tensor<f32>, %limit: tensor<i1>) -> tensor<f32> {
  // CHECK: "stablehlo.while"(%{{.*}}) ({
  // CHECK: "stablehlo.return"(%{{.*}}) : (tensor<i1>) -> ()
  // CHECK: }) : (tensor<f32>) -> tensor<f32>
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%limit) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func @branches
func.func @branches(%i: tensor<i32>, %p: tensor<i1>, %x: tensor<4xui8>) -> (tensor<4xui8>, tensor<4xui8>) {
  // CHECK: "stablehlo.case"(%{{.*}}) ({
  %0 = "stablehlo.case"(%i) ({
    "stablehlo.return"(%x) : (tensor<4xui8>) -> ()
  }) : (tensor<i32>) -> tensor<4xui8>
  // CHECK: "stablehlo.if"(%{{.*}}) ({
  %1 = "stablehlo.if"(%p) ({
    "stablehlo.return"(%x) : (tensor<4xui8>) -> ()
  }, {
    "stablehlo.return"(%0) : (tensor<4xui8>) -> ()
  }) : (tensor<i1>) -> tensor<4xui8>
  return %0, %1 : tensor<4xui8>, tensor<4xui8>
}

// CHECK-LABEL: func @scatter
func.func @scatter(%x: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u: tensor<2x16xf32>) -> tensor<8x16xf32> {
  // CHECK: "stablehlo.scatter"(%{{.*}}, %{{.*}}, %{{.*}}) <{indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, unique_indices = false}>
  %0 = "stablehlo.scatter"(%x, %i, %u) <{indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, unique_indices = false}> ({
  ^bb0(%old: tensor<f32>, %new: tensor<f32>):
    "stablehlo.return"(%new) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// CHECK-LABEL: func @batched_scatter
// CHECK: #stablehlo.scatter<inserted_window_dims = [1], input_batching_dims = [0], scatter_indices_batching_dims = [0], scatter_dims_to_operand_dims = [1], index_vector_dim = 1>
func.func @batched_scatter(%x: tensor<3x8xf32>, %i: tensor<3x1xi32>, %u: tensor<3xf32>) -> tensor<3x8xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<index_vector_dim = 1, inserted_window_dims = [1], scatter_dims_to_operand_dims = [1], scatter_indices_batching_dims = [0], input_batching_dims = [0]>}> ({
  ^bb0(%old: tensor<f32>, %new: tensor<f32>):
    "stablehlo.return"(%new) : (tensor<f32>) -> ()
  }) : (tensor<3x8xf32>, tensor<3x1xi32>, tensor<3xf32>) -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}

// CHECK-LABEL: func @sort
func.func @sort(%x: tensor<8x16xf32>, %y: tensor<8x16xi32>, %p: tensor<i1>) -> tensor<8x16xi32> {
  // CHECK: "stablehlo.sort"(%{{.*}}, %{{.*}}) <{dimension = 1 : i64, is_stable = true}>
  %0:2 = "stablehlo.sort"(%x, %y) <{dimension = 1 : i64, is_stable = true}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<i32>, %d: tensor<i32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }) : (tensor<8x16xf32>, tensor<8x16xi32>) -> (tensor<8x16xf32>, tensor<8x16xi32>)
  return %0#1 : tensor<8x16xi32>
}

// CHECK-LABEL: func @fft
func.func @fft(%x: tensor<4x16xf32>) -> tensor<4x9xcomplex<f32>> {
  // CHECK: "stablehlo.fft"(%{{.*}}) <{fft_length = array<i64: 16>, fft_type = #stablehlo<fft_type RFFT>}>
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 16>}> : (tensor<4x16xf32>) -> tensor<4x9xcomplex<f32>>
  return %0 : tensor<4x9xcomplex<f32>>
}
