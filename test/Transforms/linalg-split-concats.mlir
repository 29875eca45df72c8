// RUN: plait-opt --linalg-split-concats %s | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>

// CHECK-LABEL: func @rotary
// CHECK-SAME: %[[A:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<4x8xf32>, %[[S:.*]]: tensor<16xf32>
func.func @rotary(%a: tensor<4x8xf32>, %b: tensor<4x8xf32>, %sine: tensor<16xf32>) -> tensor<4x16xf32> {
  // CHECK-NOT: tensor.concat
  // CHECK: %[[WHOLE:.*]] = tensor.empty() : tensor<4x16xf32>
  // CHECK: %[[S0:.*]] = tensor.extract_slice %[[S]][0] [8] [1]
  // CHECK: %[[P0:.*]] = tensor.extract_slice %[[WHOLE]][0, 0] [4, 8] [1, 1]
  // CHECK: linalg.generic {{.*}} ins(%[[A]], %[[S0]] : {{.*}}) outs(%[[P0]]
  // CHECK: %[[HALF:.*]] = tensor.insert_slice
  // CHECK: %[[S1:.*]] = tensor.extract_slice %[[S]][8] [8] [1]
  // CHECK: %[[P1:.*]] = tensor.extract_slice %[[HALF]][0, 8] [4, 8] [1, 1]
  // CHECK: linalg.generic {{.*}} ins(%[[B]], %[[S1]] : {{.*}}) outs(%[[P1]]
  // CHECK: tensor.insert_slice
  %c = tensor.concat dim(1) %a, %b : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x16xf32>
  %e = tensor.empty() : tensor<4x16xf32>
  %0 = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%c, %sine : tensor<4x16xf32>, tensor<16xf32>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%x: f32, %s: f32, %o: f32):
    %p = arith.mulf %x, %s : f32
    linalg.yield %p : f32
  } -> tensor<4x16xf32>
  return %0 : tensor<4x16xf32>
}

// CHECK-LABEL: func @in_place
// CHECK-SAME: %[[A:.*]]: tensor<4x8xf32>
func.func @in_place(%a: tensor<4x8xf32>) -> tensor<4x16xf32> {
  // CHECK-NOT: tensor.concat
  // CHECK: %[[WHOLE:.*]] = tensor.empty() : tensor<4x16xf32>
  // CHECK: %[[P:.*]] = tensor.extract_slice %[[WHOLE]][0, 0] [4, 8] [1, 1]
  // CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%[[A]] {{.*}} outs(%[[P]]
  // CHECK: %[[HALF:.*]] = tensor.insert_slice %[[N]]
  // CHECK: tensor.insert_slice %[[A]] into %[[HALF]][0, 8] [4, 8] [1, 1]
  %e = tensor.empty() : tensor<4x8xf32>
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %p = arith.negf %x : f32
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  %c = tensor.concat dim(1) %n, %a : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x16xf32>
  return %c : tensor<4x16xf32>
}
