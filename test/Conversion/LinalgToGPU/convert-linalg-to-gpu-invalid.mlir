// RUN: plait-opt --convert-linalg-to-gpu --split-input-file --verify-diagnostics %s

func.func @contraction(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{is a contraction, which has no NVPTX lowering}}
  %0 = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#all = affine_map<(i, j) -> ()>
func.func @all(%x: tensor<4x8xf32>, %init: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{reduces over 2 dimensions; the NVPTX lowering expects 1}}
  %0 = linalg.generic {indexing_maps = [#id, #all], iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%init : tensor<f32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %b, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @table() -> tensor<2xf32> {
  // expected-error @below {{holds a table, which has no NVPTX lowering; pass it as an argument}}
  %0 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @other(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @below {{has no NVPTX lowering}}
  %0 = tensor.extract_slice %x[1] [2] [1] : tensor<4xf32> to tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// expected-error @below {{has a boundary type without an NVPTX lowering: 'f32'}}
func.func @scalar(%x: f32) -> f32 {
  return %x : f32
}

// -----

#row = affine_map<(i, j) -> (i)>
#both = affine_map<(i, j) -> (i, j)>
func.func @product(%x: tensor<4x8xf64>, %init: tensor<4xf64>) -> tensor<4xf64> {
  %0 = linalg.generic {indexing_maps = [#both, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf64>) outs(%init : tensor<4xf64>) {
  ^bb0(%a: f64, %b: f64):
    // expected-error @below {{accumulates 'f64'; the NVPTX lowering expects f32 or i32}}
    %s = arith.addf %b, %a : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  return %0 : tensor<4xf64>
}
