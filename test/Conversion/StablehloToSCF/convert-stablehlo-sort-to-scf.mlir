// RUN: plait-opt --convert-stablehlo-sort-to-scf --canonicalize --cse %s | FileCheck %s

#map = affine_map<() -> ()>
// Columns of 6, each sorted in two buffers by runs of 1, 2, 4.
// CHECK-LABEL: func @columns
// CHECK-SAME: (%[[X:.*]]: tensor<6x3xi32>)
func.func @columns(%x: tensor<6x3xi32>) -> tensor<6x3xi32> {
  // CHECK: tensor.empty() : tensor<6xi32>
  // CHECK: scf.for %[[C:.*]] = %{{.*}} to %c3 step
  // CHECK:   tensor.extract %{{.*}}[%{{.*}}, %[[C]]] : tensor<6x3xi32>
  // CHECK:   scf.while (%[[W:.*]] = %c1,
  // CHECK:     arith.cmpi slt, %[[W]], %c6
  // CHECK:   ^bb0(%[[W1:.*]]: index, %[[A:[a-z0-9]+]]: tensor<6xi32>, %[[B:[a-z0-9]+]]: tensor<6xi32>):
  // CHECK:     %[[W2:.*]] = arith.addi %[[W1]], %[[W1]]
  // CHECK:     scf.for %{{.*}} = %c0 to %c6 step %[[W2]] iter_args(%{{.*}} = %[[B]])
  // CHECK:       %[[R:.*]] = tensor.extract %[[A]]
  // CHECK:       %[[L:.*]] = tensor.extract %[[A]]
  // CHECK:       arith.cmpi slt, %[[R]], %[[L]] : i32
  // CHECK:     %[[W4:.*]] = arith.addi %[[W2]], %[[W2]]
  // CHECK:     scf.for %{{.*}} = %c0 to %c6 step %[[W4]] iter_args(%{{.*}} = %[[A]])
  // CHECK:     scf.yield %[[W4]]
  %0 = "stablehlo.sort"(%x) <{dimension = -2 : i64}> ({
  ^bb0(%l: tensor<i32>, %r: tensor<i32>):
    %e = tensor.empty() : tensor<i1>
    %p = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = []}
        ins(%l, %r : tensor<i32>, tensor<i32>) outs(%e : tensor<i1>) {
    ^bb0(%a: i32, %b: i32, %c: i1):
      %1 = arith.cmpi slt, %a, %b : i32
      linalg.yield %1 : i1
    } -> tensor<i1>
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }) : (tensor<6x3xi32>) -> tensor<6x3xi32>
  return %0 : tensor<6x3xi32>
}
