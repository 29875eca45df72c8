// RUN: plait-opt %s --spike-pack | FileCheck %s

// Bits through both branches; the second train is a result, too, and stays.
// CHECK-LABEL: func @trains
// CHECK: %[[Z:.*]]:2 = scf.if %{{.*}} -> (tensor<10x2x2xi64>, tensor<2x70xf32>)
// CHECK: spike.scan {{.*}} encoding packed : tensor<10x2x2xi64>
// CHECK: spike.scan {{.*}} encoding packed : tensor<10x2x2xi64>
// CHECK: spike.list_events %[[Z]]#0 : tensor<10x2x2xi64> to tensor<10x2x70xi32>
// CHECK: %[[Y:.*]], %{{.*}} = spike.scan {{.*}} : tensor<10x2x70xf32>
// CHECK: spike.list_events %[[Y]] : tensor<10x2x70xf32>
func.func @trains(%c: i1, %x: tensor<10x2x70xf32>, %v: tensor<2x70xf32>, %a: tensor<f32>)
    -> (tensor<10x2x70xf32>, tensor<10x2xi32>, tensor<10x2xi32>) {
  %z:2 = scf.if %c -> (tensor<10x2x70xf32>, tensor<2x70xf32>) {
    %s, %v1 = spike.scan current(%x : tensor<10x2x70xf32>) state(%v : tensor<2x70xf32>) integrator impulse
        threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x70xf32>
    scf.yield %s, %v1 : tensor<10x2x70xf32>, tensor<2x70xf32>
  } else {
    %s, %v1 = spike.scan current(%x : tensor<10x2x70xf32>) state(%v : tensor<2x70xf32>) integrator impulse
        threshold(%a : tensor<f32>) compare ge reset value at now : tensor<10x2x70xf32>
    scf.yield %s, %v1 : tensor<10x2x70xf32>, tensor<2x70xf32>
  }
  %i, %n, %r = spike.list_events %z#0 : tensor<10x2x70xf32> to tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2xi64>
  %y, %v2 = spike.scan current(%x : tensor<10x2x70xf32>) state(%v : tensor<2x70xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<10x2x70xf32>
  %j, %m, %q = spike.list_events %y : tensor<10x2x70xf32> to tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2xi64>
  return %y, %n, %m : tensor<10x2x70xf32>, tensor<10x2xi32>, tensor<10x2xi32>
}

// A recurrent population gives the lists that it makes for itself; where
// somebody asks how many of them are spikes, it gives bits.
// CHECK-LABEL: func @recurrent
// CHECK: %[[I:.*]], %[[V:.*]], %{{.*}}, %[[N:.*]] = spike.scan recurrent({{.*}} encoding events : tensor<10x2x70xi32> last tensor<2x70xf32> counts tensor<10x2xi32>
// CHECK-NOT: spike.list_events
// CHECK: return %[[I]], %[[N]], %[[V]]
func.func @recurrent(%w: tensor<70x70xf32>, %v: tensor<2x70xf32>, %a: tensor<f32>)
    -> (tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2x70xf32>) {
  %z, %v1, %l = spike.scan recurrent(%w, %v : tensor<70x70xf32>, tensor<2x70xf32>) state(%v : tensor<2x70xf32>)
      integrator impulse threshold(%a : tensor<f32>) compare gt reset value at now
      : tensor<10x2x70xf32> last tensor<2x70xf32>
  %i, %n, %r = spike.list_events %z : tensor<10x2x70xf32> to tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2xi64>
  return %i, %n, %v1 : tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2x70xf32>
}

// CHECK-LABEL: func @counted
// CHECK: spike.scan recurrent({{.*}} encoding packed : tensor<10x2x2xi64>
func.func @counted(%w: tensor<70x70xf32>, %v: tensor<2x70xf32>, %a: tensor<f32>) -> tensor<2xi64> {
  %z, %v1, %l = spike.scan recurrent(%w, %v : tensor<70x70xf32>, tensor<2x70xf32>) state(%v : tensor<2x70xf32>)
      integrator impulse threshold(%a : tensor<f32>) compare gt reset value at now
      : tensor<10x2x70xf32> last tensor<2x70xf32>
  %i, %n, %r = spike.list_events %z : tensor<10x2x70xf32> to tensor<10x2x70xi32>, tensor<10x2xi32>, tensor<2xi64>
  return %r : tensor<2xi64>
}
