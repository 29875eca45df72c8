// RUN: plait-opt %s --spike-batch-time --canonicalize --cse --split-input-file | FileCheck %s

// Two layers and an output: no loop is left.
// CHECK-LABEL: func @feed_forward
// CHECK-SAME: (%[[X:.*]]: tensor<10x2x6xf32>, %[[W:.*]]: tensor<6x4xf32>, %[[B:.*]]: tensor<4xf32>, %[[A:.*]]: tensor<f32>, %[[TH:.*]]: tensor<f32>)
// CHECK-NOT: scf.for
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{.*}} : tensor<10x2x6xf32> into tensor<20x6xf32>
// CHECK: linalg.matmul ins(%[[FLAT]], %[[W]] {{.*}} -> tensor<20x4xf32>
// CHECK: linalg.broadcast ins(%[[B]] {{.*}} outs({{.*}} : tensor<20x4xf32>)
// CHECK: linalg.add
// CHECK: %[[I:.*]] = tensor.expand_shape {{.*}} : tensor<20x4xf32> into tensor<10x2x4xf32>
// CHECK: %[[Z:.*]], %{{.*}} = spike.scan current(%[[I]]
// CHECK: %[[Y:.*]], %[[END:.*]] = spike.scan current(%[[Z]] : tensor<10x2x4xf32>) {{.*}} integrator impulse decay(%[[A]]
// CHECK: return %[[Y]], %[[END]]
func.func @feed_forward(%x: tensor<10x2x6xf32>, %w: tensor<6x4xf32>, %b: tensor<4xf32>,
                        %a: tensor<f32>, %th: tensor<f32>) -> (tensor<10x2x4xf32>, tensor<2x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c10 = arith.constant 10 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %rest = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %out = tensor.empty() : tensor<10x2x4xf32>
  %r:3 = scf.for %t = %c0 to %c10 step %c1 iter_args(%v = %rest, %u = %rest, %o = %out)
      -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<10x2x4xf32>) {
    %s = tensor.extract_slice %x[%t, 0, 0] [1, 2, 6] [1, 1, 1] : tensor<10x2x6xf32> to tensor<2x6xf32>
    %m = linalg.matmul ins(%s, %w : tensor<2x6xf32>, tensor<6x4xf32>) outs(%rest : tensor<2x4xf32>) -> tensor<2x4xf32>
    %spread = linalg.broadcast ins(%b : tensor<4xf32>) outs(%e : tensor<2x4xf32>) dimensions = [0]
    %i = linalg.add ins(%m, %spread : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
    %z, %v1 = spike.neuron %i, %v integrator impulse decay(%a : tensor<f32>)
        threshold(%th : tensor<f32>) compare gt reset value at now : tensor<2x4xf32>
    %y, %u1 = spike.neuron %z, %u integrator impulse decay(%a : tensor<f32>) : tensor<2x4xf32>
    %o1 = tensor.insert_slice %y into %o[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<2x4xf32> into tensor<10x2x4xf32>
    scf.yield %v1, %u1, %o1 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<10x2x4xf32>
  }
  return %r#2, %r#1 : tensor<10x2x4xf32>, tensor<2x4xf32>
}

// -----

// A population that feeds itself, observed; then the spikes of the step before.
// CHECK-LABEL: func @recurrent
// CHECK-NOT: scf.for
// CHECK: %[[Z:.*]], %{{.*}}, %{{.*}}, %[[P:.*]] = spike.scan current(%{{.*}} : tensor<?x2x4xf32>) recurrent(%{{.*}}, %[[L:.*]] : tensor<4x4xf32>, tensor<2x4xf32>) bias(
// CHECK-SAME: record : tensor<?x2x4xf32> last tensor<2x4xf32> potentials tensor<?x2x4xf32>
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 0, 0] [1, 2, 4]
// CHECK: %[[WHOLE:.*]] = tensor.insert_slice %[[Z]] into %{{.*}}[1, 0, 0]
// CHECK: tensor.extract_slice %[[WHOLE]][0, 0, 0]
func.func @recurrent(%x: tensor<?x2x4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>, %a: tensor<f32>, %late: tensor<2x4xf32>)
    -> (tensor<?x2x4xf32>, tensor<?x2x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %time = tensor.dim %x, %c0 : tensor<?x2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %rest = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %out = tensor.empty(%time) : tensor<?x2x4xf32>
  %r:5 = scf.for %t = %c0 to %time step %c1 iter_args(%v = %rest, %last = %rest, %before = %late, %o = %out, %p = %out)
      -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<?x2x4xf32>, tensor<?x2x4xf32>) {
    %s = tensor.extract_slice %x[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<?x2x4xf32> to tensor<2x4xf32>
    %m = linalg.matmul ins(%last, %w : tensor<2x4xf32>, tensor<4x4xf32>) outs(%rest : tensor<2x4xf32>) -> tensor<2x4xf32>
    %spread = linalg.broadcast ins(%b : tensor<4xf32>) outs(%e : tensor<2x4xf32>) dimensions = [0]
    %n = linalg.add ins(%m, %spread : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
    %i = linalg.add ins(%s, %n : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
    %z, %v1 = spike.neuron %i, %v integrator impulse decay(%a : tensor<f32>)
        threshold(%a : tensor<f32>) compare gt reset value at now : tensor<2x4xf32>
    %o1 = tensor.insert_slice %before into %o[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<2x4xf32> into tensor<?x2x4xf32>
    %p1 = tensor.insert_slice %v1 into %p[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<2x4xf32> into tensor<?x2x4xf32>
    scf.yield %v1, %z, %z, %o1, %p1 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<?x2x4xf32>, tensor<?x2x4xf32>
  }
  return %r#3, %r#4 : tensor<?x2x4xf32>, tensor<?x2x4xf32>
}

// -----

// The product of the last spikes is read outside of the recurrence, too.
// CHECK-LABEL: func @read_twice
// CHECK-NOT: scf.for
// CHECK: %[[Z:.*]], %{{.*}}, %{{.*}} = spike.scan {{.*}} recurrent(%[[W:[a-z0-9]+]], %[[L:[a-z0-9]+]] :
// CHECK: tensor.insert_slice %[[L]] into %{{.*}}[0, 0, 0] [1, 2, 4]
// CHECK: %[[WHOLE:.*]] = tensor.insert_slice %[[Z]] into %{{.*}}[1, 0, 0]
// CHECK: %[[LAST:.*]] = tensor.extract_slice %[[WHOLE]][0, 0, 0]
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[LAST]]
// CHECK: linalg.matmul ins(%[[FLAT]], %[[W]]
func.func @read_twice(%x: tensor<5x2x4xf32>, %w: tensor<4x4xf32>, %a: tensor<f32>, %late: tensor<2x4xf32>)
    -> tensor<5x2x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %rest = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %out = tensor.empty() : tensor<5x2x4xf32>
  %r:3 = scf.for %t = %c0 to %c5 step %c1 iter_args(%v = %rest, %last = %late, %o = %out)
      -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<5x2x4xf32>) {
    %s = tensor.extract_slice %x[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<5x2x4xf32> to tensor<2x4xf32>
    %m = linalg.matmul ins(%last, %w : tensor<2x4xf32>, tensor<4x4xf32>) outs(%rest : tensor<2x4xf32>) -> tensor<2x4xf32>
    %i = linalg.add ins(%s, %m : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
    %z, %v1 = spike.neuron %i, %v integrator impulse decay(%a : tensor<f32>)
        threshold(%a : tensor<f32>) compare gt reset value at now : tensor<2x4xf32>
    %o1 = tensor.insert_slice %m into %o[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<2x4xf32> into tensor<5x2x4xf32>
    scf.yield %v1, %z, %o1 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<5x2x4xf32>
  }
  return %r#2 : tensor<5x2x4xf32>
}

// -----

// Two populations in a cycle stay in the loop; the layer ahead of them does not.
// CHECK-LABEL: func @cycle
// CHECK: %[[Z:.*]], %{{.*}} = spike.scan
// CHECK: scf.for %[[T:[a-z0-9]+]] = %
// CHECK:   tensor.extract_slice %[[Z]][%[[T]], 0, 0] [1, 2, 4]
// CHECK:   spike.neuron
// CHECK:   spike.neuron
func.func @cycle(%x: tensor<5x2x4xf32>, %a: tensor<f32>) -> tensor<5x2x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %rest = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %out = tensor.empty() : tensor<5x2x4xf32>
  %r:5 = scf.for %t = %c0 to %c5 step %c1 iter_args(%v = %rest, %u = %rest, %q = %rest, %back = %rest, %o = %out)
      -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<5x2x4xf32>) {
    %s = tensor.extract_slice %x[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<5x2x4xf32> to tensor<2x4xf32>
    %z, %v1 = spike.neuron %s, %v integrator impulse threshold(%a : tensor<f32>) compare gt reset value at now : tensor<2x4xf32>
    %i = linalg.add ins(%z, %back : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
    %y, %u1 = spike.neuron %i, %u integrator impulse threshold(%a : tensor<f32>) compare gt reset value at now : tensor<2x4xf32>
    %k, %q1 = spike.neuron %y, %q integrator impulse threshold(%a : tensor<f32>) compare gt reset value at now : tensor<2x4xf32>
    %o1 = tensor.insert_slice %k into %o[%t, 0, 0] [1, 2, 4] [1, 1, 1] : tensor<2x4xf32> into tensor<5x2x4xf32>
    scf.yield %v1, %u1, %q1, %k, %o1 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<5x2x4xf32>
  }
  return %r#4 : tensor<5x2x4xf32>
}
