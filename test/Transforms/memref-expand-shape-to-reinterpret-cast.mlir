// RUN: plait-opt --memref-expand-shape-to-reinterpret-cast %s | FileCheck %s

// CHECK-LABEL: func @two_dynamic
// CHECK-SAME: %[[A:.*]]: memref<?xf32>, %[[B:.*]]: index, %[[S:.*]]: index
func.func @two_dynamic(%a: memref<?xf32>, %b: index, %s: index) -> memref<?x?x4xf32> {
  // CHECK: %[[STRIDE:.*]] = arith.muli
  // CHECK: memref.reinterpret_cast %[[A]] to offset: [0], sizes: [%[[B]], %[[S]], 4], strides: [%[[STRIDE]], 4, 1]
  %0 = memref.expand_shape %a [[0, 1, 2]] output_shape [%b, %s, 4] : memref<?xf32> into memref<?x?x4xf32>
  return %0 : memref<?x?x4xf32>
}

// CHECK-LABEL: func @one_dynamic
func.func @one_dynamic(%a: memref<?xf32>, %b: index) -> memref<?x4xf32> {
  // CHECK: memref.expand_shape
  %0 = memref.expand_shape %a [[0, 1]] output_shape [%b, 4] : memref<?xf32> into memref<?x4xf32>
  return %0 : memref<?x4xf32>
}
