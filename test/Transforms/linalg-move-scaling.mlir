// RUN: plait-opt --linalg-move-scaling --canonicalize --mlir-print-local-scope %s | FileCheck %s

#row = affine_map<(i, j) -> (i)>
#id = affine_map<(i, j) -> (i, j)>
#t = affine_map<(i, j) -> (j, i)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// The sum of a row divides 64 columns, not 512 probabilities.
// CHECK-LABEL: func.func @normalization
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}}"reduction"]} ins(%arg0, %arg2 :
// CHECK: linalg.generic
// CHECK-SAME: affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>
// CHECK-SAME: ins(%[[SUM]], %arg1 :
// CHECK: arith.divf
// CHECK: return
func.func @normalization(%e: tensor<128x512xf32>, %s: tensor<128xf32>, %v: tensor<512x64xf32>) -> tensor<128x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<128x512xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%e, %s : tensor<128x512xf32>, tensor<128xf32>) outs(%e0 : tensor<128x512xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %q = arith.divf %x, %y : f32
    linalg.yield %q : f32
  } -> tensor<128x512xf32>
  %e1 = tensor.empty() : tensor<128x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e1 : tensor<128x64xf32>) -> tensor<128x64xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<128x512xf32>, tensor<512x64xf32>) outs(%z : tensor<128x64xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %t = arith.addf %o, %m : f32
    linalg.yield %t : f32
  } -> tensor<128x64xf32>
  return %r : tensor<128x64xf32>
}

// The keys are read where they are; the queries are scaled for them.
// CHECK-LABEL: func.func @keys
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%arg0 : tensor<16x64xf32>)
// CHECK: arith.mulf
// CHECK: linalg.generic
// CHECK-SAME: affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-SAME: ins(%[[Q]], %arg1 :
// CHECK: return
func.func @keys(%q: tensor<16x64xf32>, %k: tensor<512x64xf32>) -> tensor<16x512xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant 0.125 : f32
  %e0 = tensor.empty() : tensor<64x512xf32>
  %kt = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k : tensor<512x64xf32>) outs(%e0 : tensor<64x512xf32>) {
  ^bb0(%x: f32, %o: f32):
    %m = arith.mulf %x, %c : f32
    linalg.yield %m : f32
  } -> tensor<64x512xf32>
  %e1 = tensor.empty() : tensor<16x512xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e1 : tensor<16x512xf32>) -> tensor<16x512xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %kt : tensor<16x64xf32>, tensor<64x512xf32>) outs(%z : tensor<16x512xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %m = arith.mulf %x, %y : f32
    %t = arith.addf %o, %m : f32
    linalg.yield %t : f32
  } -> tensor<16x512xf32>
  return %r : tensor<16x512xf32>
}

// A factor per step of the sum stays.
// CHECK-LABEL: func.func @norm
// CHECK: arith.mulf
// CHECK-NEXT: linalg.yield
// CHECK: "reduction"
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @norm(%x: tensor<128x512xf32>, %s: tensor<512xf32>, %w: tensor<512x64xf32>) -> tensor<128x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<128x512xf32>
  %p = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> (j)>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<128x512xf32>, tensor<512xf32>) outs(%e0 : tensor<128x512xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %q = arith.mulf %l, %r : f32
    linalg.yield %q : f32
  } -> tensor<128x512xf32>
  %e1 = tensor.empty() : tensor<128x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e1 : tensor<128x64xf32>) -> tensor<128x64xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %w : tensor<128x512xf32>, tensor<512x64xf32>) outs(%z : tensor<128x64xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %m = arith.mulf %l, %r : f32
    %t = arith.addf %o, %m : f32
    linalg.yield %t : f32
  } -> tensor<128x64xf32>
  return %r : tensor<128x64xf32>
}
