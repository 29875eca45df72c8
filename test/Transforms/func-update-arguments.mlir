// RUN: plait-opt --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --canonicalize --func-update-arguments %s | FileCheck %s

// The cache is written in place, nothing is copied and nothing returned.
// CHECK-LABEL: func.func @cache(
// CHECK-SAME: %[[CACHE:.*]]: memref<8x4xf32>, %{{.*}}: memref<1x4xf32>
// CHECK-NOT: memref.alloc
// CHECK: %[[ROW:.*]] = memref.subview %[[CACHE]]
// CHECK: memref.copy %{{.*}}, %[[ROW]]
// CHECK-NOT: memref.copy
// CHECK: return{{$}}
func.func @cache(%cache: tensor<8x4xf32> {plait.updated = 0 : index},
                 %row: tensor<1x4xf32>, %at: index) -> tensor<8x4xf32> {
  %0 = tensor.insert_slice %row into %cache[%at, 0] [1, 4] [1, 1]
      : tensor<1x4xf32> into tensor<8x4xf32>
  return %0 : tensor<8x4xf32>
}

// A result that still wants the old value gets a copy first.
// CHECK-LABEL: func.func @count(
// CHECK-SAME: %[[N:.*]]: memref<f32>) -> memref<f32>
// CHECK: %[[NEW:.*]] = memref.alloc
// CHECK: memref.store %{{.*}}, %[[NEW]]
// CHECK: %[[OLD:.*]] = memref.alloc
// CHECK: memref.copy %[[N]], %[[OLD]]
// CHECK: memref.copy %[[NEW]], %[[N]]
// CHECK: return %[[OLD]] : memref<f32>
func.func @count(%n: tensor<f32> {plait.updated = 0 : index})
    -> (tensor<f32>, tensor<f32>) {
  %one = arith.constant 1.0 : f32
  %0 = tensor.extract %n[] : tensor<f32>
  %1 = arith.addf %0, %one : f32
  %2 = tensor.insert %1 into %n[] : tensor<f32>
  return %2, %n : tensor<f32>, tensor<f32>
}

// Two arguments change places.
// CHECK-LABEL: func.func @swap(
// CHECK-SAME: %[[A:.*]]: memref<?xf32>, %[[B:.*]]: memref<?xf32>)
// CHECK: memref.copy %[[B]], %[[OLD_B:.*]] :
// CHECK: memref.copy %[[A]], %[[OLD_A:.*]] :
// CHECK: memref.copy %[[OLD_B]], %[[A]]
// CHECK: memref.copy %[[OLD_A]], %[[B]]
func.func @swap(%a: tensor<?xf32> {plait.updated = 0 : index},
                %b: tensor<?xf32> {plait.updated = 1 : index})
    -> (tensor<?xf32>, tensor<?xf32>) {
  return %b, %a : tensor<?xf32>, tensor<?xf32>
}
