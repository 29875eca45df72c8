// RUN: plait-opt %s --spike-fuse-conv --canonicalize | FileCheck %s
// RUN: plait-opt %s --spike-fuse-conv --canonicalize --spike-pack | FileCheck %s --check-prefix=PACK
// RUN: plait-opt %s --spike-fuse-conv=switch --canonicalize | FileCheck %s --check-prefix=SWITCH
// Once more changes nothing.
// RUN: plait-opt %s --spike-fuse-conv=switch --canonicalize -o %t
// RUN: plait-opt %t --spike-fuse-conv=switch --canonicalize | diff %t -

// The caller's images are looked at when they come; the hidden layer's are
// spikes. Channels are last from the first transpose to the product, whose
// weights change places.
// CHECK-LABEL: func @images
// CHECK-SAME: (%[[X:.*]]: tensor<5x2x3x6x7xf32>, %[[K:.*]]: tensor<16x3x3x3xf32>, %[[L:.*]]: tensor<16x16x3x2xf32>, %[[B:.*]]: tensor<16xf32>, %[[W:.*]]: tensor<96x4xf32>
// CHECK: %[[XL:.*]] = linalg.transpose ins(%[[X]] {{.*}} permutation = [0, 1, 3, 4, 2]
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[XL]] {{.*}} into tensor<5x2x6x21xf32>
// CHECK: %[[I:.*]], %[[N:.*]], %[[S:.*]] = spike.list_events %[[ROWS]]
// CHECK: %[[Z:.*]] = scf.if %{{.*}} -> (tensor<5x2x6x7x16xf32>)
// CHECK:   %[[KL:.*]] = linalg.transpose ins(%[[K]] {{.*}} permutation = [2, 3, 1, 0]
// CHECK:   spike.conv_scan events(%[[I]], %[[N]], %[[KL]] {{.*}}) strides [1, 1] dilations [1, 1] padding [1, 1]
// CHECK: else
// CHECK:   tensor.pad {{.*}} low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK:   linalg.conv_2d_nhwc_hwcf
// CHECK:   spike.scan current({{.*}}tensor<5x2x6x7x16xf32>
// CHECK: %[[HROWS:.*]] = tensor.collapse_shape %[[Z]] {{.*}} into tensor<5x2x6x112xf32>
// CHECK: %[[J:.*]], %[[M:.*]], %{{.*}} = spike.list_events %[[HROWS]]
// CHECK: %[[Y:.*]], %{{.*}} = spike.conv_scan events(%[[J]], %[[M]], %{{.*}}) strides [1, 2] dilations [2, 1] padding [2, 0]
// CHECK-SAME: bias(%[[B]] : tensor<16xf32>)
// CHECK: %[[P:.*]] = spike.pool %[[Y]] window [3, 1] strides [3, 1] divisor 3.000000e+00 : tensor<5x2x6x3x16xf32> to tensor<5x2x2x3x16xf32>
// CHECK: linalg.transpose {{.*}} permutation = [1, 2, 0, 3]
// CHECK: tensor.collapse_shape %[[P]] {{\[}}[0, 1], [2, 3, 4]] {{.*}} into tensor<10x96xf32>
// CHECK: linalg.matmul
// PACK-LABEL: func @images
// PACK: scf.if %{{.*}} -> (tensor<5x2x6x7x1xi16>)
// PACK: spike.list_events %{{.*}} : tensor<5x2x6x7xi16> to tensor<5x2x6x112xi32>
// PACK: spike.pool %{{.*}} : tensor<5x2x6x3x1xi16> to tensor<5x2x2x3x16xf32>
// SWITCH-COUNT-2: scf.if
func.func @images(%x: tensor<5x2x3x6x7xf32>, %k: tensor<16x3x3x3xf32>, %l: tensor<16x16x3x2xf32>, %b: tensor<16xf32>,
                  %w: tensor<96x4xf32>, %v: tensor<2x16x6x7xf32>, %u: tensor<2x16x6x3xf32>, %a: tensor<f32>) -> tensor<10x4xf32> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %e0 = tensor.empty() : tensor<10x16x6x7xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<10x16x6x7xf32>) -> tensor<10x16x6x7xf32>
  %e1 = tensor.empty() : tensor<10x16x6x3xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<10x16x6x3xf32>) -> tensor<10x16x6x3xf32>
  %e2 = tensor.empty() : tensor<10x16x2x3xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<10x16x2x3xf32>) -> tensor<10x16x2x3xf32>
  %threes = linalg.fill ins(%three : f32) outs(%e2 : tensor<10x16x2x3xf32>) -> tensor<10x16x2x3xf32>
  %e3 = tensor.empty() : tensor<10x4xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<10x4xf32>) -> tensor<10x4xf32>
  %window = tensor.empty() : tensor<3x1xf32>
  %s0 = tensor.collapse_shape %x [[0, 1], [2], [3], [4]] : tensor<5x2x3x6x7xf32> into tensor<10x3x6x7xf32>
  %p0 = tensor.pad %s0 low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%d0: index, %d1: index, %d2: index, %d3: index):
    tensor.yield %zero : f32
  } : tensor<10x3x6x7xf32> to tensor<10x3x8x9xf32>
  %c0 = linalg.conv_2d_nchw_fchw ins(%p0, %k : tensor<10x3x8x9xf32>, tensor<16x3x3x3xf32>) outs(%z0 : tensor<10x16x6x7xf32>) -> tensor<10x16x6x7xf32>
  %i0 = tensor.expand_shape %c0 [[0, 1], [2], [3], [4]] output_shape [5, 2, 16, 6, 7] : tensor<10x16x6x7xf32> into tensor<5x2x16x6x7xf32>
  %f0, %v1 = spike.scan current(%i0 : tensor<5x2x16x6x7xf32>) state(%v : tensor<2x16x6x7xf32>) integrator impulse
      decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x16x6x7xf32>
  %s1 = tensor.collapse_shape %f0 [[0, 1], [2], [3], [4]] : tensor<5x2x16x6x7xf32> into tensor<10x16x6x7xf32>
  %p1 = tensor.pad %s1 low[0, 0, 2, 0] high[0, 0, 2, 0] {
  ^bb0(%d0: index, %d1: index, %d2: index, %d3: index):
    tensor.yield %zero : f32
  } : tensor<10x16x6x7xf32> to tensor<10x16x10x7xf32>
  %c1 = linalg.conv_2d_nchw_fchw {dilations = dense<[2, 1]> : tensor<2xi64>, strides = dense<[1, 2]> : tensor<2xi64>}
      ins(%p1, %l : tensor<10x16x10x7xf32>, tensor<16x16x3x2xf32>) outs(%z1 : tensor<10x16x6x3xf32>) -> tensor<10x16x6x3xf32>
  %spread = linalg.broadcast ins(%b : tensor<16xf32>) outs(%e1 : tensor<10x16x6x3xf32>) dimensions = [0, 2, 3]
  %n1 = linalg.add ins(%c1, %spread : tensor<10x16x6x3xf32>, tensor<10x16x6x3xf32>) outs(%e1 : tensor<10x16x6x3xf32>) -> tensor<10x16x6x3xf32>
  %i1 = tensor.expand_shape %n1 [[0, 1], [2], [3], [4]] output_shape [5, 2, 16, 6, 3] : tensor<10x16x6x3xf32> into tensor<5x2x16x6x3xf32>
  %f1, %u1 = spike.scan current(%i1 : tensor<5x2x16x6x3xf32>) state(%u : tensor<2x16x6x3xf32>) integrator impulse
      decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x16x6x3xf32>
  %s2 = tensor.collapse_shape %f1 [[0, 1], [2], [3], [4]] : tensor<5x2x16x6x3xf32> into tensor<10x16x6x3xf32>
  %sum = linalg.pooling_nchw_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<[3, 1]> : tensor<2xi64>}
      ins(%s2, %window : tensor<10x16x6x3xf32>, tensor<3x1xf32>) outs(%z2 : tensor<10x16x2x3xf32>) -> tensor<10x16x2x3xf32>
  %mean = linalg.div ins(%sum, %threes : tensor<10x16x2x3xf32>, tensor<10x16x2x3xf32>) outs(%e2 : tensor<10x16x2x3xf32>) -> tensor<10x16x2x3xf32>
  %flat = tensor.collapse_shape %mean [[0], [1, 2, 3]] : tensor<10x16x2x3xf32> into tensor<10x96xf32>
  %y = linalg.matmul ins(%flat, %w : tensor<10x96xf32>, tensor<96x4xf32>) outs(%z3 : tensor<10x4xf32>) -> tensor<10x4xf32>
  return %y : tensor<10x4xf32>
}

// Images that the loops of `spike.conv_scan` do not hold stay.
// CHECK-LABEL: func @wide
// CHECK-NOT: spike.conv_scan
// CHECK: linalg.conv_2d_nchw_fchw
// CHECK-NOT: spike.conv_scan
func.func @wide(%x: tensor<5x2x1x2x1025xf32>, %k: tensor<64x1x1x1xf32>, %v: tensor<2x64x2x1025xf32>, %a: tensor<f32>) -> tensor<5x2x64x2x1025xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<10x64x2x1025xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<10x64x2x1025xf32>) -> tensor<10x64x2x1025xf32>
  %s = tensor.collapse_shape %x [[0, 1], [2], [3], [4]] : tensor<5x2x1x2x1025xf32> into tensor<10x1x2x1025xf32>
  %c = linalg.conv_2d_nchw_fchw ins(%s, %k : tensor<10x1x2x1025xf32>, tensor<64x1x1x1xf32>) outs(%z : tensor<10x64x2x1025xf32>) -> tensor<10x64x2x1025xf32>
  %i = tensor.expand_shape %c [[0, 1], [2], [3], [4]] output_shape [5, 2, 64, 2, 1025] : tensor<10x64x2x1025xf32> into tensor<5x2x64x2x1025xf32>
  %f, %v1 = spike.scan current(%i : tensor<5x2x64x2x1025xf32>) state(%v : tensor<2x64x2x1025xf32>) integrator impulse
      decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x64x2x1025xf32>
  return %f : tensor<5x2x64x2x1025xf32>
}
