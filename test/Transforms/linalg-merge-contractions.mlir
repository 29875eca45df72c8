// RUN: plait-opt --linalg-merge-contractions --canonicalize --cse --mlir-print-local-scope %s | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>

// Queries and keys, with biases: one product, one epilogue, two slices.
// CHECK-LABEL: func.func @biases(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x16xf32>, %[[Q:[^:]*]]: tensor<32x16xf32> {plait.weight}, %[[K:[^:]*]]: tensor<8x16xf32>
// CHECK: %[[W:.*]] = tensor.concat dim(0) %[[Q]], %[[K]] : {{.*}} -> tensor<40x16xf32>
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[W]] : tensor<?x16xf32>, tensor<40x16xf32>) outs(%{{.*}} : tensor<?x40xf32>)
// CHECK: %[[B:.*]] = tensor.concat dim(0) %{{.*}}, %{{.*}} : {{.*}} -> tensor<40xf32>
// CHECK: %[[ALL:.*]] = linalg.generic {{.*}} ins(%[[SUM]], %[[B]] :
// CHECK-NOT: linalg.generic
// CHECK-DAG: %[[R0:.*]] = tensor.extract_slice %[[ALL]][0, 0] [%{{.*}}, 32] [1, 1]
// CHECK-DAG: %[[R1:.*]] = tensor.extract_slice %[[ALL]][0, 32] [%{{.*}}, 8] [1, 1]
// CHECK: return %[[R0]], %[[R1]]
func.func @biases(%x: tensor<?x16xf32>, %q: tensor<32x16xf32> {plait.weight}, %k: tensor<8x16xf32> {plait.weight},
                  %b: tensor<32xf32> {plait.weight}, %c: tensor<8xf32> {plait.weight}) -> (tensor<?x32xf32>, tensor<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x16xf32>
  %e0 = tensor.empty(%m) : tensor<?x32xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x32xf32>) -> tensor<?x32xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %q : tensor<?x16xf32>, tensor<32x16xf32>) outs(%f0 : tensor<?x32xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x32xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %b : tensor<?x32xf32>, tensor<32xf32>) outs(%e0 : tensor<?x32xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %s = arith.addf %l, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x32xf32>
  %e1 = tensor.empty(%m) : tensor<?x8xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %k : tensor<?x16xf32>, tensor<8x16xf32>) outs(%f1 : tensor<?x8xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x8xf32>
  %3 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%2, %c : tensor<?x8xf32>, tensor<8xf32>) outs(%e1 : tensor<?x8xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %s = arith.addf %l, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x8xf32>
  return %1, %3 : tensor<?x32xf32>, tensor<?x8xf32>
}

// What no weight is bound for, and what one elementwise op reads, stay.
// CHECK-LABEL: func.func @others(
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @others(%x: tensor<4x16xf32>, %a: tensor<8x16xf32>, %w: tensor<8x16xf32> {plait.weight},
                  %u: tensor<8x16xf32> {plait.weight}) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %a : tensor<4x16xf32>, tensor<8x16xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x16xf32>, tensor<8x16xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.subf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %2 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x16xf32>, tensor<8x16xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %3 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %u : tensor<4x16xf32>, tensor<8x16xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %4 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%2, %3 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %s = arith.mulf %l, %r : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %0, %1, %2, %4 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}
