// RUN: plait-opt %s --spike-pack | FileCheck %s

// Bits through both branches; the second train is a result, too, and stays.
// CHECK-LABEL: func @trains
// CHECK: %[[Z:.*]]:2 = scf.if %{{.*}} -> (tensor<10x2x2xi64>, tensor<2x70xf32>)
// CHECK: spike.scan {{.*}} : tensor<10x2x2xi64>
// CHECK: spike.scan {{.*}} : tensor<10x2x2xi64>
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
