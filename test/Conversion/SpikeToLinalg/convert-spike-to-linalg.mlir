// RUN: plait-opt %s --convert-spike-to-linalg --split-input-file | FileCheck %s

// CHECK: #[[WHOLE:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK: #[[SCALAR:.*]] = affine_map<(d0, d1) -> ()>
// CHECK: #[[NEURON:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @euler
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[V:.*]]: tensor<?x8xf32>, %[[S:.*]]: tensor<f32>, %[[P:.*]]: tensor<8xf32>)
func.func @euler(%x: tensor<?x8xf32>, %v: tensor<?x8xf32>, %s: tensor<f32>, %p: tensor<8xf32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[Z:.*]] = tensor.empty
  // CHECK: %[[R:.*]]:2 = linalg.generic
  // CHECK-SAME: indexing_maps = [#[[WHOLE]], #[[SCALAR]], #[[NEURON]], #[[SCALAR]], #[[NEURON]], #[[SCALAR]], #[[WHOLE]], #[[WHOLE]]]
  // CHECK-SAME: ins(%[[X]], %[[S]], %[[P]], %[[S]], %[[P]], %[[S]]
  // CHECK-SAME: outs(%[[Z]], %[[V]]
  // CHECK: ^bb0(%[[XI:.*]]: f32, %[[K:.*]]: f32, %[[RI:.*]]: f32, %[[LEAK:.*]]: f32, %[[TH:.*]]: f32, %[[RESET:.*]]: f32, %{{.*}}: f32, %[[VI:.*]]: f32)
  // CHECK: %[[DRIVE:.*]] = arith.mulf %[[RI]], %[[XI]]
  // CHECK: %[[LV:.*]] = arith.subf %[[LEAK]], %[[VI]]
  // CHECK: %[[SUM:.*]] = arith.addf %[[LV]], %[[DRIVE]]
  // CHECK: %[[D:.*]] = arith.mulf %[[K]], %[[SUM]]
  // CHECK: %[[U:.*]] = arith.addf %[[VI]], %[[D]]
  // CHECK: %[[F:.*]] = arith.cmpf ogt, %[[U]], %[[TH]]
  // CHECK: %[[N:.*]] = arith.select %[[F]]
  // CHECK: %[[NEXT:.*]] = arith.select %[[F]], %[[RESET]], %[[U]]
  // CHECK: linalg.yield %[[N]], %[[NEXT]]
  %z, %v1 = spike.neuron %x, %v integrator euler decay(%s : tensor<f32>) gain(%p : tensor<8xf32>)
      leak(%s : tensor<f32>) threshold(%p : tensor<8xf32>) compare gt reset value at now
      to(%s : tensor<f32>) : tensor<?x8xf32>
  // CHECK: return %[[R]]#0, %[[R]]#1
  return %z, %v1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func @multi
func.func @multi(%x: tensor<4x8xf32>, %v: tensor<4x8xf32>, %p: tensor<f32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK: %[[F:.*]] = arith.cmpf oge, %[[U:.*]], %[[TH:.*]] :
  // CHECK: %[[Q:.*]] = arith.divf %[[U]], %[[TH]]
  // CHECK: %[[FL:.*]] = math.floor %[[Q]]
  // CHECK: %[[COUNT:.*]] = arith.select %[[F]], %[[FL]]
  // CHECK: %[[OFF:.*]] = arith.mulf %[[COUNT]], %[[TH]]
  // CHECK: %[[NEXT:.*]] = arith.subf %[[U]], %[[OFF]]
  // CHECK: linalg.yield %[[COUNT]], %[[NEXT]]
  %z, %v1 = spike.neuron %x, %v integrator impulse decay(%p : tensor<f32>)
      threshold(%p : tensor<f32>) compare ge reset subtract at now multi_spike : tensor<4x8xf32>
  return %z, %v1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// The stored potential decides the reset, the new one the spike.
// CHECK-LABEL: func @next
func.func @next(%x: tensor<4x8xf32>, %v: tensor<4x8xf32>, %p: tensor<f32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK: ^bb0({{.*}} %[[VI:[a-z0-9_]+]]: f32):
  // CHECK: arith.cmpf ogt, %[[VI]]
  // CHECK: arith.divf
  // CHECK: arith.mulf
  // CHECK: %[[W:.*]] = arith.subf
  // CHECK: %[[F:.*]] = arith.cmpf ogt, %[[W]]
  // CHECK: %[[N:.*]] = arith.select %[[F]]
  // CHECK: linalg.yield %[[N]], %[[W]]
  %z, %v1 = spike.neuron %x, %v integrator euler tau(%p : tensor<f32>)
      threshold(%p : tensor<f32>) compare gt reset subtract at next : tensor<4x8xf32>
  return %z, %v1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Without a threshold the potential is its own destination, and what is given.
// CHECK-LABEL: func @integrator
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[V:.*]]: tensor<4x8xf32>
func.func @integrator(%x: tensor<4x8xf32>, %v: tensor<4x8xf32>, %p: tensor<f32>) -> tensor<4x8xf32> {
  // CHECK: linalg.generic {{.*}} outs(%[[V]] : tensor<4x8xf32>)
  // CHECK-NOT: arith.cmpf
  %y, %v1 = spike.neuron %x, %v integrator exponential decay(%p : tensor<f32>) : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @delay
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<3x4x8xf32>)
func.func @delay(%x: tensor<4x8xf32>, %b: tensor<3x4x8xf32>)
    -> (tensor<4x8xf32>, tensor<3x4x8xf32>) {
  // CHECK: %[[Y:.*]] = tensor.extract_slice %[[B]][0, 0, 0] [1, 4, 8] [1, 1, 1] : tensor<3x4x8xf32> to tensor<4x8xf32>
  // CHECK: %[[E:.*]] = tensor.empty() : tensor<3x4x8xf32>
  // CHECK: %[[KEPT:.*]] = tensor.extract_slice %[[B]][1, 0, 0] [2, 4, 8]
  // CHECK: %[[S:.*]] = tensor.insert_slice %[[KEPT]] into %[[E]][0, 0, 0] [2, 4, 8]
  // CHECK: %[[N:.*]] = tensor.insert_slice %[[X]] into %[[S]][2, 0, 0] [1, 4, 8]
  // CHECK: return %[[Y]], %[[N]]
  %y, %b1 = spike.delay %x, %b : tensor<4x8xf32>, tensor<3x4x8xf32>
  return %y, %b1 : tensor<4x8xf32>, tensor<3x4x8xf32>
}

// -----

// CHECK-LABEL: func @delay_per_neuron
// CHECK-SAME: (%{{.*}}: tensor<4x8xf32>, %[[B:.*]]: tensor<3x4x8xf32>
func.func @delay_per_neuron(%x: tensor<4x8xf32>, %b: tensor<3x4x8xf32>, %d: tensor<8xi64>)
    -> tensor<4x8xf32> {
  // CHECK: tensor.extract %[[B]]
  // CHECK: arith.select
  %y, %b1 = spike.delay %x, %b steps(%d : tensor<8xi64>) : tensor<4x8xf32>, tensor<3x4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @no_delay
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<0x4x8xf32>)
// CHECK-NEXT: return %[[X]], %[[B]]
func.func @no_delay(%x: tensor<4x8xf32>, %b: tensor<0x4x8xf32>)
    -> (tensor<4x8xf32>, tensor<0x4x8xf32>) {
  %y, %b1 = spike.delay %x, %b : tensor<4x8xf32>, tensor<0x4x8xf32>
  return %y, %b1 : tensor<4x8xf32>, tensor<0x4x8xf32>
}

// -----

// CHECK-LABEL: func @rows
// CHECK-SAME: %[[STARTS:.*]]: tensor<3xi32>, %[[COLUMNS:.*]]: tensor<5xi32>, %[[VALUES:.*]]: tensor<5xf32>
// CHECK: %[[ZEROS:.*]] = linalg.fill
// CHECK: scf.for %[[I:[a-z0-9]+]] = {{.*}} iter_args(%{{.*}} = %[[ZEROS]])
// CHECK:   tensor.extract %[[STARTS]][%[[I]]]
// CHECK:   scf.for %[[K:[a-z0-9]+]] =
// CHECK:     %[[V:.*]] = tensor.extract %[[VALUES]][%[[K]]]
// CHECK:     tensor.extract %[[COLUMNS]][%[[K]]]
// CHECK:     tensor.insert %[[V]] into %{{.*}}[%[[I]], %{{.*}}]
func.func @rows(%starts: tensor<3xi32>, %columns: tensor<5xi32>, %values: tensor<5xf32>) -> tensor<2x4xf32> {
  %w = spike.from_rows %starts, %columns, %values
      : tensor<3xi32>, tensor<5xi32>, tensor<5xf32> to tensor<2x4xf32>
  return %w : tensor<2x4xf32>
}
