// RUN: plait-opt --linalg-fuse-elementwise %s | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// CHECK-LABEL: func @chain
func.func @chain(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK: linalg.generic
  // CHECK: math.exp
  // CHECK-NEXT: arith.negf
  // CHECK-NOT: linalg.generic
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.negf %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// One exp per row must not become one per element.
// CHECK-LABEL: func @broadcast
func.func @broadcast(%x: tensor<4xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // CHECK: %[[ROW:.*]] = linalg.generic
  // CHECK: math.exp
  // CHECK: linalg.generic
  // CHECK-SAME: ins(%[[ROW]]
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %f = tensor.empty() : tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.negf %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A residual sum has two readers: it is stored, and read twice.
// CHECK-LABEL: func @residual
func.func @residual(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>, %init: tensor<4xf32>) -> (tensor<4xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%arg0, %arg1
  // CHECK: linalg.generic {{.*}} ins(%[[SUM]] :
  // CHECK: linalg.generic {{.*}} ins(%[[SUM]] :
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.addf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<4x8xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.negf %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %1, %2 : tensor<4xf32>, tensor<4x8xf32>
}

// A causal mask is a comparison of indices in its reader.
// CHECK-LABEL: func @causal
func.func @causal(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  // CHECK-COUNT-1: linalg.generic
  // CHECK: linalg.index
  // CHECK: arith.addf
  // CHECK-NOT: linalg.generic
  %m = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<8x8xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c = arith.cmpi sle, %j, %i : index
    %r = arith.select %c, %zero, %least : f32
    linalg.yield %r : f32
  } -> tensor<8x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %m : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.addf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}

// A bias that a contraction starts from goes to its epilogue.
// CHECK-LABEL: func @bias
func.func @bias(%x: tensor<4x6xf32>, %w: tensor<6x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %start = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, #id], iterator_types = ["parallel", "parallel"]} ins(%b : tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4x8xf32>
  // CHECK: %[[ZEROS:.*]] = linalg.fill
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} outs(%[[ZEROS]]
  // CHECK: linalg.generic {{.*}} ins(%[[SUM]], %arg2 :
  // CHECK: arith.addf
  // CHECK: arith.maximumf
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x6xf32>, tensor<6x8xf32>) outs(%start : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %zero : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// So does one of a batch of one image, whatever the sums are over.
// CHECK-LABEL: func @bias_of_one_image
func.func @bias_of_one_image(%x: tensor<1x3x6x9xf32>, %w: tensor<4x3x2x2xf32>, %b: tensor<4xf32>) -> tensor<1x4x5x8xf32> {
  %e = tensor.empty() : tensor<4x5x8xf32>
  %spread = linalg.generic {indexing_maps = [affine_map<(f, y, x) -> (f)>, affine_map<(f, y, x) -> (f, y, x)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%b : tensor<4xf32>) outs(%e : tensor<4x5x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4x5x8xf32>
  %start = tensor.expand_shape %spread [[0, 1], [2], [3]] output_shape [1, 4, 5, 8] : tensor<4x5x8xf32> into tensor<1x4x5x8xf32>
  // CHECK: %[[ZEROS:.*]] = linalg.fill
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} outs(%[[ZEROS]]
  // CHECK: linalg.generic {{.*}} ins(%[[SUM]], %arg2 : tensor<1x4x5x8xf32>, tensor<4xf32>)
  // CHECK: arith.addf
  // CHECK-NOT: linalg.generic
  // CHECK: return
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, y, x, c, i, j) -> (n, c, y + i, x + j)>, affine_map<(n, f, y, x, c, i, j) -> (f, c, i, j)>, affine_map<(n, f, y, x, c, i, j) -> (n, f, y, x)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x3x6x9xf32>, tensor<4x3x2x2xf32>) outs(%start : tensor<1x4x5x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %p = arith.mulf %a, %c : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x4x5x8xf32>
  return %0 : tensor<1x4x5x8xf32>
}

// A contraction reads what is only widened for it as it is stored.
// CHECK-LABEL: func @widened
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<16x8xbf16>
func.func @widened(%x: tensor<4x8xf32>, %w: tensor<16x8xbf16>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  // CHECK: linalg.generic
  // CHECK-SAME: ins(%[[X]], %[[W]]
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  // CHECK-NEXT: arith.mulf
  // CHECK-NOT: linalg.generic
  %e = tensor.empty() : tensor<16x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<16x8xbf16>) outs(%e : tensor<16x8xf32>) {
  ^bb0(%a: bf16, %o: f32):
    %r = arith.extf %a : bf16 to f32
    linalg.yield %r : f32
  } -> tensor<16x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %0 : tensor<4x8xf32>, tensor<16x8xf32>) outs(%init : tensor<4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

// Of a dequantised operand the numbers are summed, and the sums are scaled.
// CHECK-LABEL: func @dequantised
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<16x8xi8>, %[[S:.*]]: tensor<16xf32>
func.func @dequantised(%x: tensor<4x8xf32>, %w: tensor<16x8xi8>, %scale: tensor<16xf32>) -> tensor<4x16xf32> {
  // CHECK: %[[SUM:.*]] = linalg.generic
  // CHECK-SAME: ins(%[[X]], %[[W]]
  // CHECK: arith.sitofp %{{.*}} : i8 to f32
  // CHECK: linalg.generic
  // CHECK-SAME: ins(%[[SUM]], %[[S]]
  // CHECK: arith.mulf
  // CHECK-NOT: linalg.generic
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x8xf32>
  %f = tensor.empty() : tensor<4x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%w, %scale : tensor<16x8xi8>, tensor<16xf32>) outs(%e : tensor<16x8xf32>) {
  ^bb0(%a: i8, %by: f32, %o: f32):
    %n = arith.sitofp %a : i8 to f32
    %r = arith.mulf %n, %by : f32
    linalg.yield %r : f32
  } -> tensor<16x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %0 : tensor<4x8xf32>, tensor<16x8xf32>) outs(%init : tensor<4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

// A scale that changes along the sum stays where it is.
// CHECK-LABEL: func @scaled_along_the_sum
func.func @scaled_along_the_sum(%x: tensor<4x8xf32>, %w: tensor<16x8xi8>, %scale: tensor<8xf32>) -> tensor<4x16xf32> {
  // CHECK: arith.sitofp
  // CHECK-NEXT: arith.mulf
  // CHECK-NEXT: linalg.yield
  // CHECK: linalg.generic
  // CHECK-NOT: linalg.generic
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x8xf32>
  %f = tensor.empty() : tensor<4x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  %0 = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> (j)>, #id], iterator_types = ["parallel", "parallel"]} ins(%w, %scale : tensor<16x8xi8>, tensor<8xf32>) outs(%e : tensor<16x8xf32>) {
  ^bb0(%a: i8, %by: f32, %o: f32):
    %n = arith.sitofp %a : i8 to f32
    %r = arith.mulf %n, %by : f32
    linalg.yield %r : f32
  } -> tensor<16x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %0 : tensor<4x8xf32>, tensor<16x8xf32>) outs(%init : tensor<4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

#id3 = affine_map<(h, i, j) -> (h, i, j)>
#row3 = affine_map<(h, i, j) -> (h, i)>
#mask = affine_map<(h, i, j) -> (i, j)>

// Scores are masked once, for both of their readers.
// CHECK-LABEL: func @masked
func.func @masked(%x: tensor<2x4x16xf32>) -> (tensor<2x4x16xf32>, tensor<2x4xf32>) {
  // CHECK-COUNT-2: linalg.index
  // CHECK: arith.addf
  // CHECK: arith.maximumf
  // CHECK: math.exp
  // CHECK-NOT: linalg.index
  // CHECK: return
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x4x16xf32>
  %f = tensor.empty() : tensor<2x4xf32>
  %first = linalg.fill ins(%least : f32) outs(%f : tensor<2x4xf32>) -> tensor<2x4xf32>
  %em = tensor.empty() : tensor<4x16xf32>
  %mask = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%em : tensor<4x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %seen = arith.cmpi sle, %j, %i : index
    %m = arith.select %seen, %zero, %least : f32
    linalg.yield %m : f32
  } -> tensor<4x16xf32>
  %scores = linalg.generic {indexing_maps = [#id3, #mask, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %mask : tensor<2x4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %s = arith.addf %a, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x4x16xf32>
  %max = linalg.generic {indexing_maps = [#id3, #row3], iterator_types = ["parallel", "parallel", "reduction"]} ins(%scores : tensor<2x4x16xf32>) outs(%first : tensor<2x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.maximumf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<2x4xf32>
  %exp = linalg.generic {indexing_maps = [#id3, #row3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%scores, %max : tensor<2x4x16xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %d = arith.subf %a, %m : f32
    %s = math.exp %d : f32
    linalg.yield %s : f32
  } -> tensor<2x4x16xf32>
  return %exp, %max : tensor<2x4x16xf32>, tensor<2x4xf32>
}
