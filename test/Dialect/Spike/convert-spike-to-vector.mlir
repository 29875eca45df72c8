// RUN: plait-opt %s --convert-spike-to-vector | FileCheck %s

// Lists from numbers; panels of 64 columns; bits out.
// CHECK-LABEL: func @layer
// CHECK-SAME: %[[X:.*]]: tensor<10x2x70xf32>, %[[W:.*]]: tensor<70x128xf32>
// CHECK: %[[XB:.*]] = bufferization.to_buffer %[[X]] read_only
// CHECK: scf.forall (%[[T:.*]], %[[B:.*]]) in (10, 2)
// CHECK:   vector.maskedload %[[XB]]
// CHECK:   vector.bitcast {{.*}} : vector<64xi1> to vector<1xi64>
// CHECK:   scf.while
// CHECK:     math.cttz
// CHECK: tensor.expand_shape %[[W]] {{.*}} into tensor<70x2x64xf32>
// CHECK: %[[PANELS:.*]] = linalg.transpose {{.*}} permutation = [1, 0, 2]
// CHECK: %[[P:.*]] = bufferization.to_buffer %[[PANELS]] read_only
// CHECK: scf.forall (%[[N:.*]], %[[S:.*]]) in (2, 2)
// CHECK:   scf.for {{.*}} -> (vector<64xf32>)
// CHECK:     scf.for {{.*}} -> (vector<64xf32>)
// CHECK:       %[[ROW:.*]] = vector.load %[[P]][%[[N]], %{{.*}}, %{{.*}}]
// CHECK:       arith.addf %{{.*}}, %[[ROW]]
// CHECK:     arith.mulf
// CHECK:     arith.cmpf ogt
// CHECK:     memref.store {{.*}} : memref<10x2x2xi64>
func.func @layer(%x: tensor<10x2x70xf32>, %w: tensor<70x128xf32>, %v: tensor<2x128xf32>, %a: tensor<f32>)
    -> tensor<10x2x2xi64> {
  %i, %n, %s = spike.list_events %x : tensor<10x2x70xf32> to tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2xi64>
  %z, %v1 = spike.scan events(%i, %n, %w : tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<70x128xf32>)
      state(%v : tensor<2x128xf32>) integrator impulse decay(%a : tensor<f32>)
      threshold(%a : tensor<f32>) compare gt reset value at now encoding packed : tensor<10x2x2xi64>
  return %z : tensor<10x2x2xi64>
}

// One task per sample; whole rows of padded weights.
// CHECK-LABEL: func @recurrent
// CHECK: tensor.pad {{.*}} high[0, 28]
// CHECK: scf.forall (%{{.*}}) in (2)
// CHECK:   scf.while
// CHECK:   scf.for
// CHECK:     scf.for
// CHECK:       vector.load {{.*}} : memref<100x128xf32>, vector<64xf32>
// CHECK:       vector.maskedstore
// CHECK:       scf.while
func.func @recurrent(%w: tensor<100x100xf32>, %v: tensor<2x100xf32>, %a: tensor<f32>)
    -> tensor<10x2x100xf32> {
  %z, %v1, %l = spike.scan recurrent(%w, %v : tensor<100x100xf32>, tensor<2x100xf32>) state(%v : tensor<2x100xf32>)
      integrator impulse decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now
      : tensor<10x2x100xf32> last tensor<2x100xf32>
  return %z : tensor<10x2x100xf32>
}

// The list of a step leaves as it is: no bits are made.
// CHECK-LABEL: func @lists
// CHECK: scf.forall (%{{.*}}) in (2)
// CHECK-NOT: memref<10x2x2xi64>
// CHECK:   memref.store {{.*}} : memref<10x2x100xi32>
// CHECK:   memref.store {{.*}} : memref<10x2xi32>
func.func @lists(%w: tensor<100x100xf32>, %v: tensor<2x100xf32>, %a: tensor<f32>)
    -> (tensor<10x2x100xi32>, tensor<10x2xi32>) {
  %z, %v1, %l, %n = spike.scan recurrent(%w, %v : tensor<100x100xf32>, tensor<2x100xf32>) state(%v : tensor<2x100xf32>)
      integrator impulse decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now
      encoding events : tensor<10x2x100xi32> last tensor<2x100xf32> counts tensor<10x2xi32>
  return %z, %n : tensor<10x2x100xi32>, tensor<10x2xi32>
}

// No fast road: neurons along several axes.
// CHECK-LABEL: func @left
// CHECK: spike.scan
func.func @left(%x: tensor<10x2x3x4xf32>, %v: tensor<2x3x4xf32>, %a: tensor<4xf32>) -> tensor<10x2x3x4xf32> {
  %z, %v1 = spike.scan current(%x : tensor<10x2x3x4xf32>) state(%v : tensor<2x3x4xf32>) integrator impulse
      threshold(%a : tensor<4xf32>) compare gt reset value at now : tensor<10x2x3x4xf32>
  return %z : tensor<10x2x3x4xf32>
}
