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

// Of weights in rows, what is there is added, one by one.
// CHECK-LABEL: func @rows
// CHECK-SAME: %[[STARTS:.*]]: tensor<101xi32>, %[[COLUMNS:.*]]: tensor<500xi32>, %[[VALUES:.*]]: tensor<500xf32>
// CHECK-NOT: tensor<100x128xf32>
// CHECK: %[[S:.*]] = bufferization.to_buffer %[[STARTS]] read_only
// CHECK: %[[C:.*]] = bufferization.to_buffer %[[COLUMNS]] read_only
// CHECK: %[[V:.*]] = bufferization.to_buffer %[[VALUES]] read_only
// CHECK: %[[SUMS:.*]] = memref.alloc() {{.*}} : memref<2x128xf32>
// CHECK: scf.forall (%[[B:.*]]) in (2)
// CHECK:   vector.store %{{.*}}, %[[SUMS]]
// CHECK:   scf.for
// CHECK:     scf.for
// CHECK:       memref.load %[[S]]
// CHECK:       memref.load %[[S]]
// CHECK:       scf.for
// CHECK:         memref.load %[[V]]
// CHECK:         memref.load %[[C]]
// CHECK:         memref.load %[[SUMS]]
// CHECK:         arith.addf
// CHECK:         memref.store %{{.*}}, %[[SUMS]]
// CHECK:     scf.for
// CHECK:       vector.load %[[SUMS]][%[[B]], %{{.*}}] : memref<2x128xf32>, vector<64xf32>
// CHECK:       vector.store %{{.*}}, %[[SUMS]]
func.func @rows(%starts: tensor<101xi32>, %columns: tensor<500xi32>, %values: tensor<500xf32>,
                %v: tensor<2x100xf32>, %a: tensor<f32>) -> tensor<10x2x100xf32> {
  %w = spike.from_rows %starts, %columns, %values
      : tensor<101xi32>, tensor<500xi32>, tensor<500xf32> to tensor<100x100xf32>
  %z, %v1, %l = spike.scan recurrent(%w, %v : tensor<100x100xf32>, tensor<2x100xf32>) state(%v : tensor<2x100xf32>)
      integrator impulse decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now
      : tensor<10x2x100xf32> last tensor<2x100xf32>
  return %z : tensor<10x2x100xf32>
}

// Of a layer's weights in rows, too: a task per sample.
// CHECK-LABEL: func @layer_rows
// CHECK: %[[SUMS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<2x128xf32>
// CHECK: scf.forall (%[[B:.*]]) in (2)
// CHECK:   vector.store %{{.*}}, %[[SUMS]]
// CHECK:   scf.for
// CHECK:     scf.for
// CHECK:       scf.for
// CHECK:         memref.load %[[SUMS]]
// CHECK:         arith.addf
// CHECK:         memref.store %{{.*}}, %[[SUMS]]
// CHECK:     scf.for
// CHECK:       vector.load %[[SUMS]][%[[B]], %{{.*}}] : memref<2x128xf32>, vector<64xf32>
// CHECK:       vector.store %{{.*}}, %[[SUMS]]
func.func @layer_rows(%starts: tensor<51xi32>, %columns: tensor<500xi32>, %values: tensor<500xf32>,
                      %i: tensor<10x2x50xi32>, %n: tensor<10x2xi32>,
                      %v: tensor<2x100xf32>, %a: tensor<f32>) -> tensor<10x2x100xf32> {
  %w = spike.from_rows %starts, %columns, %values
      : tensor<51xi32>, tensor<500xi32>, tensor<500xf32> to tensor<50x100xf32>
  %z, %v1 = spike.scan events(%i, %n, %w : tensor<10x2x50xi32>, tensor<10x2xi32>, tensor<50x100xf32>) state(%v : tensor<2x100xf32>)
      integrator impulse decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now
      : tensor<10x2x100xf32>
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

// A task per row of neurons and block of filters; sums of a row on the stack.
// CHECK-LABEL: func @images
// CHECK: tensor.pad {{.*}} high[0, 0, 0, 12]
// CHECK: linalg.transpose {{.*}} permutation = [3, 0, 2, 1, 4]
// CHECK: scf.forall (%{{.*}}) in (1, 2, 6)
// CHECK:   memref.alloca() {{.*}} : memref<9x32xf32>
// CHECK:   scf.for
// CHECK:     arith.cmpi ult
// CHECK:     scf.for
// CHECK:       arith.divui
// CHECK-COUNT-3: vector.load {{.*}} : memref<1x3x3x3x32xf32>, vector<32xf32>
// CHECK:     arith.cmpf ogt
// CHECK:     memref.store {{.*}} : memref<5x2x6x7x1xi32>
// The pool reads bits.
// CHECK: scf.forall (%{{.*}}) in (5, 2, 3)
// CHECK: vector.bitcast {{.*}} : vector<1xi32> to vector<32xi1>
func.func @images(%i: tensor<5x2x6x21xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x20xf32>, %v: tensor<2x6x7x20xf32>, %a: tensor<f32>)
    -> tensor<5x2x3x3x20xf32> {
  %z, %v1 = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x21xi32>, tensor<5x2x6xi32>, tensor<3x3x3x20xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x6x7x20xf32>) integrator impulse
      decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x6x7x1xi32>
  %p = spike.pool %z window [2, 2] strides [2, 2] divisor 4.0 : tensor<5x2x6x7x1xi32> to tensor<5x2x3x3x20xf32>
  return %p : tensor<5x2x3x3x20xf32>
}

// Neurons along several axes that nothing tells apart are one row.
// CHECK-LABEL: func @several
// CHECK: tensor.collapse_shape {{.*}} into tensor<10x2x12xf32>
// CHECK: vector.maskedload
// CHECK: tensor.expand_shape {{.*}} into tensor<10x2x3x4xf32>
func.func @several(%x: tensor<10x2x3x4xf32>, %v: tensor<2x3x4xf32>, %a: tensor<f32>) -> tensor<10x2x3x4xf32> {
  %z, %v1 = spike.scan current(%x : tensor<10x2x3x4xf32>) state(%v : tensor<2x3x4xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x3x4xf32>
  return %z : tensor<10x2x3x4xf32>
}
