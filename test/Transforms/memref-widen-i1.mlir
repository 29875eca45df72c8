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

// -----

// CHECK-LABEL: func @body
func.func @body(%p: memref<4xi1>, %q: memref<4xi1>) {
  // CHECK: ^bb0(%[[A:.*]]: i8, %{{.*}}: i8):
  // CHECK: %[[C:.*]] = arith.trunci %[[A]] : i8 to i1
  // CHECK: %[[N:.*]] = arith.xori %[[C]]
  // CHECK: %[[W:.*]] = arith.extui %[[N]] : i1 to i8
  // CHECK: linalg.yield %[[W]] : i8
  %true = arith.constant true
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                  iterator_types = ["parallel"]}
      ins(%p : memref<4xi1>) outs(%q : memref<4xi1>) {
  ^bb0(%a: i1, %o: i1):
    %n = arith.xori %a, %true : i1
    linalg.yield %n : i1
  }
  return
}
