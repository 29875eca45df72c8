// RUN: plait-opt %s --spike-fuse-neuron --canonicalize | FileCheck %s
// RUN: plait-opt %s --spike-fuse-neuron=switch --canonicalize | FileCheck %s --check-prefix=SWITCH
// Once more changes nothing.
// RUN: plait-opt %s --spike-fuse-neuron=switch --canonicalize -o %t
// RUN: plait-opt %t --spike-fuse-neuron=switch --canonicalize | diff %t -

// The caller's input is looked at when it comes; the hidden layer's is spikes.
// CHECK-LABEL: func @layers
// CHECK-SAME: (%[[X:.*]]: tensor<10x2x6xf32>, %[[W:.*]]: tensor<6x40xf32>, %[[U:.*]]: tensor<40x40xf32>, %[[B:.*]]: tensor<40xf32>
// CHECK: %[[I:.*]], %[[N:.*]], %[[S:.*]] = spike.list_events %[[X]]
// CHECK: %[[FEW:.*]] = arith.cmpi sle
// CHECK: %[[TRAIN:.*]] = arith.cmpi eq
// CHECK: %[[SPARSE:.*]] = arith.andi %[[TRAIN]], %[[FEW]]
// CHECK: %[[Z:.*]] = scf.if %[[SPARSE]]
// CHECK:   spike.scan events(%[[I]], %[[N]], %[[W]] :
// CHECK: else
// CHECK:   linalg.matmul
// CHECK:   spike.scan current(
// CHECK: %[[J:.*]], %[[M:.*]], %{{.*}} = spike.list_events %[[Z]]
// CHECK: spike.scan events(%[[J]], %[[M]], %[[U]] : {{.*}}) bias(%[[B]] :
// CHECK-NOT: linalg.matmul
// SWITCH-COUNT-2: scf.if
func.func @layers(%x: tensor<10x2x6xf32>, %w: tensor<6x40xf32>, %u: tensor<40x40xf32>, %b: tensor<40xf32>,
                  %v: tensor<2x40xf32>, %a: tensor<f32>) -> tensor<10x2x40xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x40xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<20x40xf32>) -> tensor<20x40xf32>
  %s0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<10x2x6xf32> into tensor<20x6xf32>
  %m0 = linalg.matmul ins(%s0, %w : tensor<20x6xf32>, tensor<6x40xf32>) outs(%zeros : tensor<20x40xf32>) -> tensor<20x40xf32>
  %i = tensor.expand_shape %m0 [[0, 1], [2]] output_shape [10, 2, 40] : tensor<20x40xf32> into tensor<10x2x40xf32>
  %z, %v1 = spike.scan current(%i : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x40xf32>
  %s1 = tensor.collapse_shape %z [[0, 1], [2]] : tensor<10x2x40xf32> into tensor<20x40xf32>
  %m1 = linalg.matmul ins(%s1, %u : tensor<20x40xf32>, tensor<40x40xf32>) outs(%zeros : tensor<20x40xf32>) -> tensor<20x40xf32>
  %spread = linalg.broadcast ins(%b : tensor<40xf32>) outs(%e : tensor<20x40xf32>) dimensions = [0]
  %n = linalg.add ins(%m1, %spread : tensor<20x40xf32>, tensor<20x40xf32>) outs(%e : tensor<20x40xf32>) -> tensor<20x40xf32>
  %j = tensor.expand_shape %n [[0, 1], [2]] output_shape [10, 2, 40] : tensor<20x40xf32> into tensor<10x2x40xf32>
  %y, %v2 = spike.scan current(%j : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x40xf32>
  return %y : tensor<10x2x40xf32>
}

// A layer that was measured to fire often keeps the product.
// CHECK-LABEL: func @often
// CHECK: linalg.matmul
// CHECK: spike.scan current(
func.func @often(%x: tensor<10x2x40xf32>, %w: tensor<40x40xf32>, %v: tensor<2x40xf32>, %a: tensor<f32>) -> tensor<10x2x40xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x40xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<20x40xf32>) -> tensor<20x40xf32>
  %z, %v1 = spike.scan current(%x : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now {spike.rate = 0.7 : f64} : tensor<10x2x40xf32>
  %s0 = tensor.collapse_shape %z [[0, 1], [2]] : tensor<10x2x40xf32> into tensor<20x40xf32>
  %m0 = linalg.matmul ins(%s0, %w : tensor<20x40xf32>, tensor<40x40xf32>) outs(%zeros : tensor<20x40xf32>) -> tensor<20x40xf32>
  %i = tensor.expand_shape %m0 [[0, 1], [2]] output_shape [10, 2, 40] : tensor<20x40xf32> into tensor<10x2x40xf32>
  %y, %v2 = spike.scan current(%i : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x40xf32>
  return %y : tensor<10x2x40xf32>
}

// Rates near the one that decides move: what fired is counted when it is there.
// CHECK-LABEL: func @near
// CHECK: spike.scan current(
// CHECK: %[[I:.*]], %[[N:.*]], %[[S:.*]] = spike.list_events
// CHECK: tensor.extract %[[S]]
// CHECK: scf.if
// CHECK: spike.scan events(%[[I]], %[[N]],
// CHECK: else
// CHECK: linalg.matmul
// CHECK: spike.scan current(
func.func @near(%x: tensor<10x2x40xf32>, %w: tensor<40x40xf32>, %v: tensor<2x40xf32>, %a: tensor<f32>) -> tensor<10x2x40xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x40xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<20x40xf32>) -> tensor<20x40xf32>
  %z, %v1 = spike.scan current(%x : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now {spike.rates = dense<0.5> : tensor<40xf32>} : tensor<10x2x40xf32>
  %s0 = tensor.collapse_shape %z [[0, 1], [2]] : tensor<10x2x40xf32> into tensor<20x40xf32>
  %m0 = linalg.matmul ins(%s0, %w : tensor<20x40xf32>, tensor<40x40xf32>) outs(%zeros : tensor<20x40xf32>) -> tensor<20x40xf32>
  %i = tensor.expand_shape %m0 [[0, 1], [2]] output_shape [10, 2, 40] : tensor<20x40xf32> into tensor<10x2x40xf32>
  %y, %v2 = spike.scan current(%i : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x40xf32>
  return %y : tensor<10x2x40xf32>
}

// Several spikes in a step are no train of 0 and 1.
// CHECK-LABEL: func @multi
// CHECK: scf.if
func.func @multi(%x: tensor<10x2x40xf32>, %w: tensor<40x40xf32>, %v: tensor<2x40xf32>, %a: tensor<f32>) -> tensor<10x2x40xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x40xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<20x40xf32>) -> tensor<20x40xf32>
  %z, %v1 = spike.scan current(%x : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare ge reset subtract at now multi_spike : tensor<10x2x40xf32>
  %s0 = tensor.collapse_shape %z [[0, 1], [2]] : tensor<10x2x40xf32> into tensor<20x40xf32>
  %m0 = linalg.matmul ins(%s0, %w : tensor<20x40xf32>, tensor<40x40xf32>) outs(%zeros : tensor<20x40xf32>) -> tensor<20x40xf32>
  %i = tensor.expand_shape %m0 [[0, 1], [2]] output_shape [10, 2, 40] : tensor<20x40xf32> into tensor<10x2x40xf32>
  %y, %v2 = spike.scan current(%i : tensor<10x2x40xf32>) state(%v : tensor<2x40xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x40xf32>
  return %y : tensor<10x2x40xf32>
}
