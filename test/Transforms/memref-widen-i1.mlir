// RUN: plait-opt --memref-widen-i1 --split-input-file %s | FileCheck %s

// CHECK: memref.global "private" constant @mask : memref<2xi8> = dense<[1, 0]>
memref.global "private" constant @mask : memref<2xi1> = dense<[true, false]>

// CHECK-LABEL: func @select
// CHECK-SAME: (%[[P:.*]]: memref<2xi8>, %{{.*}}: memref<2xf32>
func.func @select(%p: memref<2xi1>, %v: memref<2xf32>, %i: index) -> memref<2xi1> {
  // CHECK: memref.get_global @mask : memref<2xi8>
  %m = memref.get_global @mask : memref<2xi1>
  // CHECK: %[[B:.*]] = memref.load %[[P]][%{{.*}}] : memref<2xi8>
  // CHECK: %[[C:.*]] = arith.trunci %[[B]] : i8 to i1
  %c = memref.load %p[%i] : memref<2xi1>
  %x = memref.load %v[%i] : memref<2xf32>
  %z = arith.constant 0.0 : f32
  // CHECK: arith.select %[[C]]
  %s = arith.select %c, %x, %z : f32
  memref.store %s, %v[%i] : memref<2xf32>
  // CHECK: %[[N:.*]] = arith.cmpf
  %n = arith.cmpf ogt, %s, %z : f32
  // CHECK: %[[W:.*]] = arith.extui %[[N]] : i1 to i8
  // CHECK: memref.store %[[W]], %{{.*}} : memref<2xi8>
  memref.store %n, %m[%i] : memref<2xi1>
  return %m : memref<2xi1>
}
