// RUN: plait-opt --linalg-fold-unit-dims --canonicalize %s | FileCheck %s

#id = affine_map<(b, i, j) -> (b, i, j)>
#row = affine_map<(b, i, j) -> (b, i, 0)>

// CHECK-LABEL: func @batch_of_one
func.func @batch_of_one(%x: tensor<1x4x8xf32>, %m: tensor<1x4x1xf32>) -> tensor<1x4x8xf32> {
  %e = tensor.empty() : tensor<1x4x8xf32>
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
  // CHECK-SAME: tensor<4x8xf32>, tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %m : tensor<1x4x8xf32>, tensor<1x4x1xf32>) outs(%e : tensor<1x4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.subf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// CHECK-LABEL: func @convolution
func.func @convolution(%x: tensor<1x8x16xf32>, %w: tensor<4x8x3xf32>, %o: tensor<1x4x14xf32>) -> tensor<1x4x14xf32> {
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, w, c, k) -> (n, c, w + k)>,
                                        affine_map<(n, f, w, c, k) -> (f, c, k)>,
                                        affine_map<(n, f, w, c, k) -> (n, f, w)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x8x16xf32>, tensor<4x8x3xf32>) outs(%o : tensor<1x4x14xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x4x14xf32>
  return %0 : tensor<1x4x14xf32>
}
