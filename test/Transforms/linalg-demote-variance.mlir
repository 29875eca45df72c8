// RUN: plait-opt --linalg-demote-variance --canonicalize %s | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#each = affine_map<(i) -> (i)>

// What torch-mlir makes of a layer norm's variance.
// CHECK-LABEL: func @variance
// CHECK-NOT: f64
func.func @variance(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f64
  %n = arith.constant 8.0 : f64
  %e2 = tensor.empty() : tensor<4x8xf64>
  %e1 = tensor.empty() : tensor<4xf64>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e2 : tensor<4x8xf64>) {
  ^bb0(%a: f32, %o: f64):
    %w = arith.extf %a : f32 to f64
    linalg.yield %w : f64
  } -> tensor<4x8xf64>
  %start = linalg.fill ins(%zero : f64) outs(%e1 : tensor<4xf64>) -> tensor<4xf64>
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%wide : tensor<4x8xf64>) outs(%start : tensor<4xf64>) {
  ^bb0(%a: f64, %o: f64):
    %s = arith.addf %a, %o : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  // CHECK: arith.divf {{.*}} : f32
  %mean = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]}
      ins(%sum : tensor<4xf64>) outs(%e1 : tensor<4xf64>) {
  ^bb0(%a: f64, %o: f64):
    %s = arith.divf %a, %n : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  %squares = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%wide, %mean : tensor<4x8xf64>, tensor<4xf64>) outs(%start : tensor<4xf64>) {
  ^bb0(%a: f64, %m: f64, %o: f64):
    %d = arith.subf %a, %m : f64
    %q = arith.mulf %d, %d : f64
    %s = arith.addf %q, %o : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  %e = tensor.empty() : tensor<4xf32>
  %variance = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]}
      ins(%squares : tensor<4xf64>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f64, %o: f32):
    %v = arith.divf %a, %n : f64
    %t = arith.truncf %v : f64 to f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  return %variance : tensor<4xf32>
}

// A sum in f64 was asked for.
// CHECK-LABEL: func @sum
func.func @sum(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f64
  %e1 = tensor.empty() : tensor<4xf64>
  %start = linalg.fill ins(%zero : f64) outs(%e1 : tensor<4xf64>) -> tensor<4xf64>
  // CHECK: arith.addf {{.*}} : f64
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%start : tensor<4xf64>) {
  ^bb0(%a: f32, %o: f64):
    %w = arith.extf %a : f32 to f64
    %s = arith.addf %w, %o : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  %e = tensor.empty() : tensor<4xf32>
  %narrow = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]}
      ins(%sum : tensor<4xf64>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f64, %o: f32):
    %t = arith.truncf %a : f64 to f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  return %narrow : tensor<4xf32>
}

// A variance of f64 values, too.
// CHECK-LABEL: func @variance_of_f64
func.func @variance_of_f64(%x: tensor<4x8xf64>, %mean: tensor<4xf64>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f64
  %e1 = tensor.empty() : tensor<4xf64>
  %start = linalg.fill ins(%zero : f64) outs(%e1 : tensor<4xf64>) -> tensor<4xf64>
  // CHECK: arith.mulf {{.*}} : f64
  %squares = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %mean : tensor<4x8xf64>, tensor<4xf64>) outs(%start : tensor<4xf64>) {
  ^bb0(%a: f64, %m: f64, %o: f64):
    %d = arith.subf %a, %m : f64
    %q = arith.mulf %d, %d : f64
    %s = arith.addf %q, %o : f64
    linalg.yield %s : f64
  } -> tensor<4xf64>
  %e = tensor.empty() : tensor<4xf32>
  %narrow = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]}
      ins(%squares : tensor<4xf64>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f64, %o: f32):
    %t = arith.truncf %a : f64 to f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  return %narrow : tensor<4xf32>
}
