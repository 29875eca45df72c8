// RUN: plait-opt --linalg-fold-transposes %s | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// CHECK: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @linear
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<16x8xf32>
func.func @linear(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %e = tensor.empty() : tensor<8x16xf32>
  %t = linalg.transpose ins(%w : tensor<16x8xf32>) outs(%e : tensor<8x16xf32>) permutation = [1, 0]
  // CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[NK]], #{{.*}}]
  // CHECK-SAME: ins(%[[X]], %[[W]] :
  %0 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %t : tensor<4x8xf32>, tensor<8x16xf32>) outs(%init : tensor<4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  return %0 : tensor<4x16xf32>
}

#id = affine_map<(i, j) -> (i, j)>

// The broadcast is the only one that knows the size of j: it stays.
// CHECK-LABEL: func @size_of_the_sum
func.func @size_of_the_sum(%x: tensor<4xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK: linalg.broadcast
  %b = linalg.broadcast ins(%x : tensor<4xf32>) outs(%e : tensor<4x8xf32>) dimensions = [1]
  %0 = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%b : tensor<4x8xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

#bmk = affine_map<(b, m, n, k) -> (b, m, k)>
#bnk = affine_map<(b, m, n, k) -> (b, n, k)>
#bmn = affine_map<(b, m, n, k) -> (b, m, n)>
#id4 = affine_map<(i, j, k, l) -> (i, j, k, l)>

// Heads split, scaled and given to a batch matmul, as torch's attention does:
// no copy is left, and one product with a constant.
// CHECK-LABEL: func @split_heads
// CHECK-SAME: %[[Q:[^:]*]]: tensor<2x5x3x4xf32>, %[[K:[^:]*]]: tensor<2x7x3x4xf32>
func.func @split_heads(%q: tensor<2x5x3x4xf32>, %k: tensor<2x7x3x4xf32>) -> tensor<6x5x7xf32> {
  %half = arith.constant 5.0e-01 : f32
  %zero = arith.constant 0.0 : f32
  %eq = tensor.empty() : tensor<2x3x5x4xf32>
  %ek = tensor.empty() : tensor<2x3x7x4xf32>
  // CHECK: arith.constant 2.500000e-01
  // CHECK: %[[SCALED:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<2x5x3x4xf32>) outs({{.*}} : tensor<2x5x3x4xf32>)
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]
  // CHECK-SAME: ins(%[[SCALED]], %[[K]] :
  // CHECK-NOT: linalg.transpose
  %qt = linalg.transpose ins(%q : tensor<2x5x3x4xf32>) outs(%eq : tensor<2x3x5x4xf32>) permutation = [0, 2, 1, 3]
  %kt = linalg.transpose ins(%k : tensor<2x7x3x4xf32>) outs(%ek : tensor<2x3x7x4xf32>) permutation = [0, 2, 1, 3]
  %qs = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%qt : tensor<2x3x5x4xf32>) outs(%eq : tensor<2x3x5x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = arith.mulf %a, %half : f32
    linalg.yield %p : f32
  } -> tensor<2x3x5x4xf32>
  %ks = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%kt : tensor<2x3x7x4xf32>) outs(%ek : tensor<2x3x7x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = arith.mulf %a, %half : f32
    linalg.yield %p : f32
  } -> tensor<2x3x7x4xf32>
  %qc = tensor.collapse_shape %qs [[0, 1], [2], [3]] : tensor<2x3x5x4xf32> into tensor<6x5x4xf32>
  %kc = tensor.collapse_shape %ks [[0, 1], [2], [3]] : tensor<2x3x7x4xf32> into tensor<6x7x4xf32>
  %e = tensor.empty() : tensor<6x5x7xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<6x5x7xf32>) -> tensor<6x5x7xf32>
  %0 = linalg.generic {indexing_maps = [#bmk, #bnk, #bmn], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%qc, %kc : tensor<6x5x4xf32>, tensor<6x7x4xf32>) outs(%init : tensor<6x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<6x5x7xf32>
  return %0 : tensor<6x5x7xf32>
}

// CHECK-LABEL: func @merge_heads
// CHECK-SAME: %[[P:[^:]*]]: tensor<3x5x7xf32>, %[[V:[^:]*]]: tensor<3x7x4xf32>
func.func @merge_heads(%p: tensor<3x5x7xf32>, %v: tensor<3x7x4xf32>) -> tensor<5x12xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x5x4xf32>
  %init = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} outs(%e : tensor<3x5x4xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<3x5x4xf32>
  // CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[P]], %[[V]] : {{.*}}) outs({{.*}} : tensor<5x3x4xf32>)
  // CHECK: tensor.collapse_shape %[[Y]]
  %0 = linalg.generic {indexing_maps = [#bmk, affine_map<(b, m, n, k) -> (b, k, n)>, #bmn], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<3x5x7xf32>, tensor<3x7x4xf32>) outs(%init : tensor<3x5x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %q = arith.mulf %a, %b : f32
    %s = arith.addf %c, %q : f32
    linalg.yield %s : f32
  } -> tensor<3x5x4xf32>
  %et = tensor.empty() : tensor<5x3x4xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (j, i, k)>, affine_map<(i, j, k) -> (i, j, k)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0 : tensor<3x5x4xf32>) outs(%et : tensor<5x3x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<5x3x4xf32>
  %r = tensor.collapse_shape %t [[0], [1, 2]] : tensor<5x3x4xf32> into tensor<5x12xf32>
  return %r : tensor<5x12xf32>
}

// CHECK-LABEL: func @slice
// CHECK-SAME: %[[X:[^:]*]]: tensor<8x3x4xf32>
func.func @slice(%x: tensor<8x3x4xf32>) -> tensor<1x8x4xf32> {
  %e = tensor.empty() : tensor<3x8x4xf32>
  // CHECK: tensor.extract_slice %[[X]][0, 1, 0] [8, 1, 4] [1, 1, 1]
  %t = linalg.transpose ins(%x : tensor<8x3x4xf32>) outs(%e : tensor<3x8x4xf32>) permutation = [1, 0, 2]
  %s = tensor.extract_slice %t[1, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<3x8x4xf32> to tensor<1x8x4xf32>
  return %s : tensor<1x8x4xf32>
}
