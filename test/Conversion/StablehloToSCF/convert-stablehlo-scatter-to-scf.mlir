// RUN: plait-opt --convert-stablehlo-scatter-to-scf --canonicalize %s | FileCheck %s

#map = affine_map<() -> ()>
// Rows 8x16, two of them updated: a row is written if its index is in 0..7.
// CHECK-LABEL: func @add
// CHECK-SAME: (%[[X:.*]]: tensor<8x16xf32>, %[[I:.*]]: tensor<2x1xi32>, %[[U:.*]]: tensor<2x16xf32>)
func.func @add(%x: tensor<8x16xf32>, %i: tensor<2x1xi32>, %u: tensor<2x16xf32>) -> tensor<8x16xf32> {
  // CHECK: scf.for %[[N:.*]] = %{{.*}} to %c2 step %{{.*}} iter_args(%[[A:.*]] = %[[X]])
  // CHECK:   %[[E:.*]] = tensor.extract %[[I]][%[[N]], %c0]
  // CHECK:   %[[R:.*]] = arith.index_cast %[[E]] : i32 to index
  // CHECK:   arith.cmpi sge, %[[R]], %c0
  // CHECK:   arith.cmpi sle, %[[R]], %c7
  // CHECK:   scf.if
  // CHECK:     scf.for %[[W:.*]] = %{{.*}} to %c16 step %{{.*}} iter_args(%[[B:.*]] = %[[A]])
  // CHECK:       %[[OLD:.*]] = tensor.extract %[[B]][%[[R]], %[[W]]]
  // CHECK:       %[[NEW:.*]] = tensor.extract %[[U]][%[[N]], %[[W]]]
  // CHECK:       %[[SUM:.*]] = arith.addf %[[OLD]], %[[NEW]] : f32
  // CHECK:       tensor.insert %[[SUM]] into %[[B]][%[[R]], %[[W]]]
  // CHECK:   } else {
  // CHECK-NEXT:     scf.yield %[[A]]
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%old: tensor<f32>, %new: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %s = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = []}
        ins(%old, %new : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %1 = arith.addf %a, %b : f32
      linalg.yield %1 : f32
    } -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
