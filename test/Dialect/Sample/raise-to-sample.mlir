// RUN: plait-opt --raise-to-sample %s | FileCheck %s

#rows = affine_map<(r, v) -> (r)>
#all = affine_map<(r, v) -> (r, v)>

// As JAX writes it: an index per element, and a NaN beats all.
// CHECK-LABEL: func @jax
// CHECK-SAME: (%[[X:.*]]: tensor<4x100xf32>)
func.func @jax(%x: tensor<4x100xf32>) -> tensor<4xi32> {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<4x100xi32>
  %iota = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]}
      outs(%e : tensor<4x100xi32>) {
    ^bb0(%o: i32):
      %i = linalg.index 1 : index
      %c = arith.index_cast %i : index to i32
      linalg.yield %c : i32
  } -> tensor<4x100xi32>
  %ef = tensor.empty() : tensor<4xf32>
  %ei = tensor.empty() : tensor<4xi32>
  %f = linalg.fill ins(%lowest : f32) outs(%ef : tensor<4xf32>) -> tensor<4xf32>
  %g = linalg.fill ins(%zero : i32) outs(%ei : tensor<4xi32>) -> tensor<4xi32>
  // CHECK: %[[Y:.*]], %{{.*}}, %{{.*}}, %{{.*}} = sample.greedy %[[X]]
  %y:2 = linalg.generic {indexing_maps = [#all, #all, #rows, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x, %iota : tensor<4x100xf32>, tensor<4x100xi32>) outs(%f, %g : tensor<4xf32>, tensor<4xi32>) {
    ^bb0(%v: f32, %i: i32, %best: f32, %at: i32):
      %gt = arith.cmpf ogt, %best, %v : f32
      %nan = arith.cmpf une, %best, %best : f32
      %stays = arith.ori %gt, %nan : i1
      %eq = arith.cmpf oeq, %best, %v : f32
      %lower = arith.cmpi slt, %at, %i : i32
      %tie = arith.andi %eq, %lower : i1
      %keep = arith.ori %stays, %tie : i1
      %value = arith.select %stays, %best, %v : f32
      %index = arith.select %keep, %at, %i : i32
      linalg.yield %value, %index : f32, i32
  } -> (tensor<4xf32>, tensor<4xi32>)
  // CHECK: return %[[Y]]
  return %y#1 : tensor<4xi32>
}

// As torch writes it: the loop's index, 64 bits.
// CHECK-LABEL: func @torch
func.func @torch(%x: tensor<4x100xbf16>) -> tensor<4xi64> {
  %lowest = arith.constant 0xFF80 : bf16
  %zero = arith.constant 0 : i64
  %ef = tensor.empty() : tensor<4xbf16>
  %ei = tensor.empty() : tensor<4xi64>
  %f = linalg.fill ins(%lowest : bf16) outs(%ef : tensor<4xbf16>) -> tensor<4xbf16>
  %g = linalg.fill ins(%zero : i64) outs(%ei : tensor<4xi64>) -> tensor<4xi64>
  // CHECK: %[[WIDE:.*]] = arith.extf
  // CHECK: %[[Y:.*]], %{{.*}}, %{{.*}}, %{{.*}} = sample.greedy %[[WIDE]]
  // CHECK: %[[Z:.*]] = arith.extsi %[[Y]] : tensor<4xi32> to tensor<4xi64>
  %y:2 = linalg.generic {indexing_maps = [#all, #rows, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x100xbf16>) outs(%f, %g : tensor<4xbf16>, tensor<4xi64>) {
    ^bb0(%v: bf16, %best: bf16, %at: i64):
      %i = linalg.index 1 : index
      %c = arith.index_cast %i : index to i64
      %value = arith.maximumf %v, %best : bf16
      %gt = arith.cmpf ogt, %v, %best : bf16
      %index = arith.select %gt, %c, %at : i64
      linalg.yield %value, %index : bf16, i64
  } -> (tensor<4xbf16>, tensor<4xi64>)
  // CHECK: return %[[Z]]
  return %y#1 : tensor<4xi64>
}

// A vector is one row.
// CHECK-LABEL: func @vector
// CHECK-SAME: (%[[X:.*]]: tensor<100xf32>)
func.func @vector(%x: tensor<100xf32>) -> tensor<i64> {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0 : i64
  %ef = tensor.empty() : tensor<f32>
  %ei = tensor.empty() : tensor<i64>
  %f = linalg.fill ins(%lowest : f32) outs(%ef : tensor<f32>) -> tensor<f32>
  %g = linalg.fill ins(%zero : i64) outs(%ei : tensor<i64>) -> tensor<i64>
  // CHECK: %[[ROW:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1]] output_shape [1, 100]
  // CHECK: %[[Y:.*]], %{{.*}}, %{{.*}}, %{{.*}} = sample.greedy %[[ROW]]
  // CHECK: %[[WIDE:.*]] = arith.extsi %[[Y]] : tensor<1xi32> to tensor<1xi64>
  // CHECK: %[[Z:.*]] = tensor.collapse_shape %[[WIDE]] [] : tensor<1xi64> into tensor<i64>
  %y:2 = linalg.generic {indexing_maps = [affine_map<(v) -> (v)>, affine_map<(v) -> ()>, affine_map<(v) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<100xf32>) outs(%f, %g : tensor<f32>, tensor<i64>) {
    ^bb0(%v: f32, %best: f32, %at: i64):
      %i = linalg.index 0 : index
      %c = arith.index_cast %i : index to i64
      %value = arith.maximumf %v, %best : f32
      %gt = arith.cmpf ogt, %v, %best : f32
      %index = arith.select %gt, %c, %at : i64
      linalg.yield %value, %index : f32, i64
  } -> (tensor<f32>, tensor<i64>)
  // CHECK: return %[[Z]]
  return %y#1 : tensor<i64>
}

// The rows of a batch of sequences come one after another.
// CHECK-LABEL: func @sequences
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x100xf32>)
func.func @sequences(%x: tensor<2x3x100xf32>) -> tensor<2x3xi32> {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0 : i32
  %ef = tensor.empty() : tensor<2x3xf32>
  %ei = tensor.empty() : tensor<2x3xi32>
  %f = linalg.fill ins(%lowest : f32) outs(%ef : tensor<2x3xf32>) -> tensor<2x3xf32>
  %g = linalg.fill ins(%zero : i32) outs(%ei : tensor<2x3xi32>) -> tensor<2x3xi32>
  // CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
  // CHECK: %[[Y:.*]], %{{.*}}, %{{.*}}, %{{.*}} = sample.greedy %[[ROWS]]
  // CHECK: %[[Z:.*]] = tensor.expand_shape %[[Y]] {{\[\[}}0, 1]] output_shape [2, 3]
  %y:2 = linalg.generic {indexing_maps = [affine_map<(b, t, v) -> (b, t, v)>, affine_map<(b, t, v) -> (b, t)>, affine_map<(b, t, v) -> (b, t)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x3x100xf32>) outs(%f, %g : tensor<2x3xf32>, tensor<2x3xi32>) {
    ^bb0(%v: f32, %best: f32, %at: i32):
      %i = linalg.index 2 : index
      %c = arith.index_cast %i : index to i32
      %value = arith.maximumf %v, %best : f32
      %gt = arith.cmpf ogt, %v, %best : f32
      %index = arith.select %gt, %c, %at : i32
      linalg.yield %value, %index : f32, i32
  } -> (tensor<2x3xf32>, tensor<2x3xi32>)
  // CHECK: return %[[Z]]
  return %y#1 : tensor<2x3xi32>
}

// The last index of the greatest is another pick.
// CHECK-LABEL: func @last
// CHECK-NOT: sample.
func.func @last(%x: tensor<4x100xf32>) -> tensor<4xi64> {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0 : i64
  %ef = tensor.empty() : tensor<4xf32>
  %ei = tensor.empty() : tensor<4xi64>
  %f = linalg.fill ins(%lowest : f32) outs(%ef : tensor<4xf32>) -> tensor<4xf32>
  %g = linalg.fill ins(%zero : i64) outs(%ei : tensor<4xi64>) -> tensor<4xi64>
  %y:2 = linalg.generic {indexing_maps = [#all, #rows, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x100xf32>) outs(%f, %g : tensor<4xf32>, tensor<4xi64>) {
    ^bb0(%v: f32, %best: f32, %at: i64):
      %i = linalg.index 1 : index
      %c = arith.index_cast %i : index to i64
      %value = arith.maximumf %v, %best : f32
      %ge = arith.cmpf oge, %v, %best : f32
      %index = arith.select %ge, %c, %at : i64
      linalg.yield %value, %index : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  return %y#1 : tensor<4xi64>
}

// An outlined pick comes to where it is called.
// CHECK-LABEL: func @outlined
func.func @outlined(%x: tensor<4x100xf32>) -> tensor<4xi32> {
  // CHECK-NEXT: %[[Y:.*]], %{{.*}}, %{{.*}}, %{{.*}} = sample.greedy
  // CHECK-NEXT: return %[[Y]]
  %y = call @jax(%x) : (tensor<4x100xf32>) -> tensor<4xi32>
  return %y : tensor<4xi32>
}

// The k-th of the sorted row.
// CHECK-LABEL: func @top_k
// CHECK-SAME: (%[[X:.*]]: tensor<4x100xf32>)
func.func @top_k(%x: tensor<4x100xf32>) -> tensor<4x100xf32> {
  // CHECK-NOT: stablehlo.sort
  // CHECK: %[[K:.*]] = arith.constant dense<7> : tensor<4xi32>
  // CHECK: %[[Y:.*]] = sample.top_k %[[X]], %[[K]] {keep_ties}
  // CHECK: return %[[Y]]
  %lowest = arith.constant 0xFF800000 : f32
  %sorted = "stablehlo.sort"(%x) <{dimension = 1 : i64, is_stable = true}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %left = tensor.extract %a[] : tensor<f32>
    %right = tensor.extract %b[] : tensor<f32>
    %less = arith.cmpf olt, %left, %right : f32
    %answer = tensor.from_elements %less : tensor<i1>
    "stablehlo.return"(%answer) : (tensor<i1>) -> ()
  }) : (tensor<4x100xf32>) -> tensor<4x100xf32>
  %least = tensor.extract_slice %sorted[0, 93] [4, 1] [1, 1] : tensor<4x100xf32> to tensor<4x1xf32>
  %e = tensor.empty() : tensor<4x100xf32>
  %y = linalg.generic {indexing_maps = [#all, affine_map<(r, v) -> (r, 0)>, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x, %least : tensor<4x100xf32>, tensor<4x1xf32>) outs(%e : tensor<4x100xf32>) {
    ^bb0(%v: f32, %l: f32, %o: f32):
      %stays = arith.cmpf oge, %v, %l : f32
      %value = arith.select %stays, %v, %lowest : f32
      linalg.yield %value : f32
  } -> tensor<4x100xf32>
  return %y : tensor<4x100xf32>
}
