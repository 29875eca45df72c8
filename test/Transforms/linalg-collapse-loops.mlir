// RUN: plait-opt --linalg-collapse-loops --canonicalize --cse %s | FileCheck %s

#x = affine_map<(b, s, n, k) -> (b, s, k)>
#w = affine_map<(b, s, n, k) -> (k, n)>
#y = affine_map<(b, s, n, k) -> (b, s, n)>
#id = affine_map<(b, s, n) -> (b, s, n)>
#n = affine_map<(b, s, n) -> (n)>

// CHECK-LABEL: func @linear
func.func @linear(%x: tensor<2x4x8xf32>, %w: tensor<8x16xf32>, %bias: tensor<16xf32>,
                  %init: tensor<2x4x16xf32>) -> tensor<2x4x16xf32> {
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
  // CHECK-SAME: tensor<8x8xf32>, tensor<8x16xf32>) outs({{.*}} : tensor<8x16xf32>)
  // CHECK-NOT: tensor.expand_shape
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
  // CHECK: tensor.expand_shape
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x4x8xf32>, tensor<8x16xf32>) outs(%init : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x4x16xf32>
  %e = tensor.empty() : tensor<2x4x16xf32>
  %1 = linalg.generic {indexing_maps = [#id, #n, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %bias : tensor<2x4x16xf32>, tensor<16xf32>) outs(%e : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<2x4x16xf32>
  return %1 : tensor<2x4x16xf32>
}

#row = affine_map<(b, s, n) -> (b, s)>

// The reshape before a linear layer moves up through a row sum and its reader.
// CHECK-LABEL: func @rows
func.func @rows(%x: tensor<2x4x8xf32>, %init: tensor<2x4xf32>) -> tensor<8x8xf32> {
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
  // CHECK-NOT: tensor.collapse_shape
  // CHECK: return
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x4x8xf32>) outs(%init : tensor<2x4xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %sum : tensor<2x4x8xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.subf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<2x4x8xf32>
  %rows = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<2x4x8xf32> into tensor<8x8xf32>
  return %rows : tensor<8x8xf32>
}

#id4 = affine_map<(b, g, s, n) -> (b, g, s, n)>

// So does a mask of rows: a row is computed from the index of the one loop, not
// for every element.
// CHECK-LABEL: func @mask
func.func @mask(%x: tensor<2x12x8xf32>) -> tensor<2x12x8xf32> {
  // CHECK-NOT: tensor.expand_shape
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel"]
  // CHECK: %[[INDEX:.*]] = linalg.index 1
  // CHECK: %[[ROW:.*]] = arith.remsi %[[INDEX]], %c4
  // CHECK: %[[COLUMN:.*]] = linalg.index 2
  // CHECK: arith.cmpi sle, %[[COLUMN]], %[[ROW]]
  // CHECK-NOT: tensor.collapse_shape
  // CHECK: return
  %least = arith.constant 0xFF800000 : f32
  %heads = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [2, 3, 4, 8] : tensor<2x12x8xf32> into tensor<2x3x4x8xf32>
  %e = tensor.empty() : tensor<2x3x4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%heads : tensor<2x3x4x8xf32>) outs(%e : tensor<2x3x4x8xf32>) {
  ^bb0(%a: f32, %c: f32):
    %row = linalg.index 2 : index
    %column = linalg.index 3 : index
    %seen = arith.cmpi sle, %column, %row : index
    %s = arith.select %seen, %a, %least : f32
    linalg.yield %s : f32
  } -> tensor<2x3x4x8xf32>
  %rows = tensor.collapse_shape %0 [[0], [1, 2], [3]] : tensor<2x3x4x8xf32> into tensor<2x12x8xf32>
  return %rows : tensor<2x12x8xf32>
}

// A division for every element costs more than the reshape.
// CHECK-LABEL: func @columns
// CHECK: tensor.expand_shape
func.func @columns(%x: tensor<12x8xf32>) -> tensor<12x2x4xf32> {
  %split = tensor.expand_shape %x [[0], [1, 2]] output_shape [12, 2, 4] : tensor<12x8xf32> into tensor<12x2x4xf32>
  %e = tensor.empty() : tensor<12x2x4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%split : tensor<12x2x4xf32>) outs(%e : tensor<12x2x4xf32>) {
  ^bb0(%a: f32, %c: f32):
    %column = linalg.index 2 : index
    %n = arith.index_cast %column : index to i32
    %f = arith.sitofp %n : i32 to f32
    %s = arith.addf %a, %f : f32
    linalg.yield %s : f32
  } -> tensor<12x2x4xf32>
  return %0 : tensor<12x2x4xf32>
}

// A size that is asked of a producer does not keep a reshape from moving up.
// CHECK-LABEL: func @sizes
// CHECK-SAME: %[[X:[a-z0-9]+]]
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[X]]
// CHECK: linalg.generic {{.*}} ins(%[[ROWS]] : tensor<?x8xf32>)
func.func @sizes(%x: tensor<?x?x8xf32>, %init: tensor<?x?x8xf32>) -> (tensor<?x8xf32>, tensor<i64>) {
  %c1 = arith.constant 1 : index
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<?x?x8xf32>) outs(%init : tensor<?x?x8xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<?x?x8xf32>
  %size = tensor.dim %0, %c1 : tensor<?x?x8xf32>
  %rows = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
  %number = arith.index_cast %size : index to i64
  %n = tensor.from_elements %number : tensor<i64>
  return %rows, %n : tensor<?x8xf32>, tensor<i64>
}

// A reshape moves up a chain of any length.
!t = tensor<?x?x8xf32>
#each = {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}

// CHECK-LABEL: func @chain
// CHECK: tensor.collapse_shape
// CHECK-COUNT-12: } -> tensor<?x8xf32>
// CHECK-NEXT: return
func.func @chain(%x0: !t, %e: !t) -> tensor<?x8xf32> {
  %x1 = linalg.generic #each ins(%x0 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x2 = linalg.generic #each ins(%x1 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x3 = linalg.generic #each ins(%x2 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x4 = linalg.generic #each ins(%x3 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x5 = linalg.generic #each ins(%x4 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x6 = linalg.generic #each ins(%x5 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x7 = linalg.generic #each ins(%x6 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x8 = linalg.generic #each ins(%x7 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x9 = linalg.generic #each ins(%x8 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x10 = linalg.generic #each ins(%x9 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x11 = linalg.generic #each ins(%x10 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %x12 = linalg.generic #each ins(%x11 : !t) outs(%e : !t) {^bb0(%a: f32, %b: f32): %s = math.exp %a : f32 linalg.yield %s : f32} -> !t
  %r = tensor.collapse_shape %x12 [[0, 1], [2]] : !t into tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
