// RUN: plait-opt %s --spike-prune-neurons --split-input-file | FileCheck %s
// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(spike-prune-neurons{max-rate=0.1}))' --split-input-file | FileCheck %s --check-prefix=RATE

// Of four neurons, one cannot fire (0.25 + 0.25, held, stays at 1 = 0.5 / (1 -
// 0.5), under 2) and one is read by nobody; what is left is [2.0 3.0 ...].
// CHECK-LABEL: func @rows
// CHECK-DAG: %[[IN:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 3.000000e+00], [1.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
// CHECK-DAG: %[[OUT:.*]] = arith.constant dense<{{\[\[}}5.000000e+00, 6.000000e+00, 7.000000e+00], [8.000000e+00, 9.000000e+00, 1.000000e+01]]> : tensor<2x3xf32>
// CHECK-DAG: %[[BIAS:.*]] = arith.constant dense<[1.000000e-01, 4.000000e-01]> : tensor<2xf32>
// CHECK: linalg.matmul ins(%{{.*}}, %[[IN]] : tensor<?x2xf32>, tensor<2x2xf32>)
// CHECK: linalg.broadcast ins(%[[BIAS]]
// CHECK: spike.scan current({{.*}} : tensor<10x?x2xf32>) {{.*}} : tensor<10x?x2xf32>
// CHECK: linalg.matmul ins(%{{.*}}, %[[OUT]] : tensor<?x2xf32>, tensor<2x3xf32>)
// RATE-LABEL: func @rows
// RATE: linalg.matmul ins({{.*}} : tensor<?x2xf32>, tensor<2x1xf32>)
// RATE: spike.scan {{.*}} {spike.rates = dense<2.000000e-01> : tensor<1xf32>}
// RATE: linalg.matmul ins({{.*}} : tensor<?x1xf32>, tensor<1x3xf32>)
func.func @rows(%x: tensor<10x?x2xf32>, %rest: tensor<?x2xf32>, %n: index, %m: index) -> tensor<?x3xf32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant dense<0.5> : tensor<f32>
  %two = arith.constant dense<2.0> : tensor<f32>
  %in = arith.constant dense<[[2.0, 0.25, 7.0, 3.0], [1.0, 0.25, 7.0, 4.0]]> : tensor<2x4xf32>
  %b = arith.constant dense<[0.1, 0.0, 0.3, 0.4]> : tensor<4xf32>
  %out = arith.constant dense<[[5.0, 6.0, 7.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [8.0, 9.0, 10.0]]> : tensor<4x3xf32>
  %v2 = tensor.empty(%n) : tensor<?x2xf32>
  %s, %s1 = spike.scan current(%x : tensor<10x?x2xf32>) state(%rest : tensor<?x2xf32>) integrator impulse
      threshold(%two : tensor<f32>) compare gt reset value at now : tensor<10x?x2xf32>
  %flat = tensor.collapse_shape %s [[0, 1], [2]] : tensor<10x?x2xf32> into tensor<?x2xf32>
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %p = linalg.matmul ins(%flat, %in : tensor<?x2xf32>, tensor<2x4xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  %spread = linalg.broadcast ins(%b : tensor<4xf32>) outs(%e : tensor<?x4xf32>) dimensions = [0]
  %i = linalg.add ins(%p, %spread : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %run = tensor.expand_shape %i [[0, 1], [2]] output_shape [10, %n, 4] : tensor<?x4xf32> into tensor<10x?x4xf32>
  %ve = tensor.empty(%n) : tensor<?x4xf32>
  %v = linalg.fill ins(%zero : f32) outs(%ve : tensor<?x4xf32>) -> tensor<?x4xf32>
  %t, %t1 = spike.scan current(%run : tensor<10x?x4xf32>) state(%v : tensor<?x4xf32>) integrator impulse
      decay(%half : tensor<f32>) threshold(%two : tensor<f32>) compare gt reset value at now
      {spike.rates = dense<[0.05, 0.0, 0.5, 0.2]> : tensor<4xf32>} : tensor<10x?x4xf32>
  %again = tensor.collapse_shape %t [[0, 1], [2]] : tensor<10x?x4xf32> into tensor<?x4xf32>
  %e3 = tensor.empty(%m) : tensor<?x3xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<?x3xf32>) -> tensor<?x3xf32>
  %y = linalg.matmul ins(%again, %out : tensor<?x4xf32>, tensor<4x3xf32>) outs(%z3 : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// -----

// A channel that no filter reads, through padding and a pool.
// CHECK-LABEL: func @images
// CHECK: linalg.conv_2d_nchw_fchw {{.*}} tensor<2x1x1x1xf32>) {{.*}} -> tensor<30x2x4x4xf32>
// CHECK: spike.scan {{.*}} : tensor<10x3x2x4x4xf32>
// CHECK: linalg.pooling_nchw_sum {{.*}} -> tensor<30x2x2x2xf32>
// CHECK: linalg.conv_2d_nchw_fchw {{.*}} tensor<1x2x1x1xf32>
func.func @images(%x: tensor<30x1x4x4xf32>) -> tensor<30x1x2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %f = arith.constant dense<[[[[1.0]]], [[[2.0]]], [[[3.0]]]]> : tensor<3x1x1x1xf32>
  %g = arith.constant dense<[[[[1.0]], [[0.0]], [[3.0]]]]> : tensor<1x3x1x1xf32>
  %e = tensor.empty() : tensor<30x3x4x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<30x3x4x4xf32>) -> tensor<30x3x4x4xf32>
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %f : tensor<30x1x4x4xf32>, tensor<3x1x1x1xf32>) outs(%z : tensor<30x3x4x4xf32>) -> tensor<30x3x4x4xf32>
  %run = tensor.expand_shape %c [[0, 1], [2], [3], [4]] output_shape [10, 3, 3, 4, 4] : tensor<30x3x4x4xf32> into tensor<10x3x3x4x4xf32>
  %ve = tensor.empty() : tensor<3x3x4x4xf32>
  %v = linalg.fill ins(%zero : f32) outs(%ve : tensor<3x3x4x4xf32>) -> tensor<3x3x4x4xf32>
  %t, %t1 = spike.scan current(%run : tensor<10x3x3x4x4xf32>) state(%v : tensor<3x3x4x4xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare gt reset value at now : tensor<10x3x3x4x4xf32>
  %flat = tensor.collapse_shape %t [[0, 1], [2], [3], [4]] : tensor<10x3x3x4x4xf32> into tensor<30x3x4x4xf32>
  %w = tensor.empty() : tensor<2x2xf32>
  %pe = tensor.empty() : tensor<30x3x2x2xf32>
  %pz = linalg.fill ins(%zero : f32) outs(%pe : tensor<30x3x2x2xf32>) -> tensor<30x3x2x2xf32>
  %pool = linalg.pooling_nchw_sum {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%flat, %w : tensor<30x3x4x4xf32>, tensor<2x2xf32>) outs(%pz : tensor<30x3x2x2xf32>) -> tensor<30x3x2x2xf32>
  %oe = tensor.empty() : tensor<30x1x2x2xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<30x1x2x2xf32>) -> tensor<30x1x2x2xf32>
  %o = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%pool, %g : tensor<30x3x2x2xf32>, tensor<1x3x1x1xf32>) outs(%oz : tensor<30x1x2x2xf32>) -> tensor<30x1x2x2xf32>
  return %o : tensor<30x1x2x2xf32>
}

// -----

// What a caller sees stays, whatever the weights.
// CHECK-LABEL: func @seen
// CHECK: spike.scan {{.*}} : tensor<10x3x2xf32>
func.func @seen(%x: tensor<10x3x2xf32>, %v: tensor<3x2xf32>) -> tensor<10x3x2xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %t, %t1 = spike.scan current(%x : tensor<10x3x2xf32>) state(%v : tensor<3x2xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare gt reset value at now : tensor<10x3x2xf32>
  return %t : tensor<10x3x2xf32>
}

// -----

// A silent neuron stays where its zero is not one any more to what reads it.
// CHECK-LABEL: func @shifted
// CHECK: spike.scan {{.*}} : tensor<10x3x2xf32>
// CHECK: spike.scan {{.*}} : tensor<10x3x2xf32>
func.func @shifted(%x: tensor<10x3x2xf32>, %n: index) -> tensor<30x3xf32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant dense<0.5> : tensor<f32>
  %two = arith.constant dense<2.0> : tensor<f32>
  %in = arith.constant dense<[[2.0, 0.25], [1.0, 0.25]]> : tensor<2x2xf32>
  %b = arith.constant dense<[0.1, 0.5]> : tensor<2xf32>
  %out = arith.constant dense<[[5.0, 6.0, 7.0], [1.0, 1.0, 1.0]]> : tensor<2x3xf32>
  %ve = tensor.empty() : tensor<3x2xf32>
  %v = linalg.fill ins(%zero : f32) outs(%ve : tensor<3x2xf32>) -> tensor<3x2xf32>
  %s, %s1 = spike.scan current(%x : tensor<10x3x2xf32>) state(%v : tensor<3x2xf32>) integrator impulse
      threshold(%two : tensor<f32>) compare gt reset value at now : tensor<10x3x2xf32>
  %flat = tensor.collapse_shape %s [[0, 1], [2]] : tensor<10x3x2xf32> into tensor<30x2xf32>
  %e = tensor.empty() : tensor<30x2xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<30x2xf32>) -> tensor<30x2xf32>
  %p = linalg.matmul ins(%flat, %in : tensor<30x2xf32>, tensor<2x2xf32>) outs(%z : tensor<30x2xf32>) -> tensor<30x2xf32>
  %run = tensor.expand_shape %p [[0, 1], [2]] output_shape [10, 3, 2] : tensor<30x2xf32> into tensor<10x3x2xf32>
  %t, %t1 = spike.scan current(%run : tensor<10x3x2xf32>) state(%v : tensor<3x2xf32>) integrator impulse
      decay(%half : tensor<f32>) threshold(%two : tensor<f32>) compare gt reset value at now : tensor<10x3x2xf32>
  %again = tensor.collapse_shape %t [[0, 1], [2]] : tensor<10x3x2xf32> into tensor<30x2xf32>
  %spread = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<30x2xf32>) dimensions = [0]
  %i = linalg.add ins(%again, %spread : tensor<30x2xf32>, tensor<30x2xf32>) outs(%e : tensor<30x2xf32>) -> tensor<30x2xf32>
  %e3 = tensor.empty() : tensor<30x3xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<30x3xf32>) -> tensor<30x3xf32>
  %y = linalg.matmul ins(%i, %out : tensor<30x2xf32>, tensor<2x3xf32>) outs(%z3 : tensor<30x3xf32>) -> tensor<30x3xf32>
  return %y : tensor<30x3xf32>
}

// -----

// A population that reads itself loses the rows and columns of a neuron that is
// only inhibited and of one that nobody reads. One that 'minimum' lifts towards
// its threshold stays: 10 * 0.06 and 1.5 are more than 2.
// CHECK-LABEL: func @recurrent
// CHECK-DAG: arith.constant dense<{{\[\[}}1.000000e+00, 0.000000e+00], [7.000000e+00, 0.000000e+00]]> : tensor<2x2xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}2.000000e+00, 6.000000e-02]]> : tensor<1x2xf32>
// CHECK: spike.scan {{.*}} recurrent(%{{.*}} : tensor<2x2xf32>, tensor<3x2xf32>)
// CHECK: spike.scan {{.*}} : tensor<10x3x1xf32>
func.func @recurrent(%x: tensor<10x3x1xf32>, %r: tensor<3x1xf32>) -> tensor<10x3x1xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant dense<1.5> : tensor<f32>
  %two = arith.constant dense<2.0> : tensor<f32>
  %in = arith.constant dense<[[2.0, -1.0, 0.06, 5.0]]> : tensor<1x4xf32>
  %own = arith.constant dense<[[1.0, -1.0, 0.0, 2.0], [3.0, 0.0, 0.0, 3.0],
                               [7.0, -2.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.0]]> : tensor<4x4xf32>
  %out = arith.constant dense<[[1.0], [2.0], [3.0], [0.0]]> : tensor<4x1xf32>
  %s, %s1 = spike.scan current(%x : tensor<10x3x1xf32>) state(%r : tensor<3x1xf32>) integrator impulse
      threshold(%two : tensor<f32>) compare gt reset value at now : tensor<10x3x1xf32>
  %flat = tensor.collapse_shape %s [[0, 1], [2]] : tensor<10x3x1xf32> into tensor<30x1xf32>
  %e = tensor.empty() : tensor<30x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<30x4xf32>) -> tensor<30x4xf32>
  %p = linalg.matmul ins(%flat, %in : tensor<30x1xf32>, tensor<1x4xf32>) outs(%z : tensor<30x4xf32>) -> tensor<30x4xf32>
  %run = tensor.expand_shape %p [[0, 1], [2]] output_shape [10, 3, 4] : tensor<30x4xf32> into tensor<10x3x4xf32>
  %ve = tensor.empty() : tensor<3x4xf32>
  %v = linalg.fill ins(%zero : f32) outs(%ve : tensor<3x4xf32>) -> tensor<3x4xf32>
  %t, %t1, %last = spike.scan current(%run : tensor<10x3x4xf32>) recurrent(%own, %v : tensor<4x4xf32>, tensor<3x4xf32>)
      state(%v : tensor<3x4xf32>) integrator impulse threshold(%two : tensor<f32>) compare gt reset value at now
      minimum(%low : tensor<f32>) : tensor<10x3x4xf32> last tensor<3x4xf32>
  %again = tensor.collapse_shape %t [[0, 1], [2]] : tensor<10x3x4xf32> into tensor<30x4xf32>
  %e1 = tensor.empty() : tensor<30x1xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<30x1xf32>) -> tensor<30x1xf32>
  %y = linalg.matmul ins(%again, %out : tensor<30x4xf32>, tensor<4x1xf32>) outs(%z1 : tensor<30x1xf32>) -> tensor<30x1xf32>
  %o = tensor.expand_shape %y [[0, 1], [2]] output_shape [10, 3, 1] : tensor<30x1xf32> into tensor<10x3x1xf32>
  %last1, %u1 = spike.scan current(%o : tensor<10x3x1xf32>) state(%r : tensor<3x1xf32>) integrator impulse
      threshold(%two : tensor<f32>) compare gt reset value at now : tensor<10x3x1xf32>
  return %last1 : tensor<10x3x1xf32>
}
