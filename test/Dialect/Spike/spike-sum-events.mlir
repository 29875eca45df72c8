// RUN: plait-opt %s --spike-sum-events --canonicalize | FileCheck %s
// Once more changes nothing.
// RUN: plait-opt %s --spike-sum-events --canonicalize -o %t
// RUN: plait-opt %t --spike-sum-events --canonicalize | diff %t -

// Where few of them fire, tokens go to rows, and the sums back to where they
// were.
// CHECK-LABEL: func @tokens
// CHECK-SAME: %{{.*}}: tensor<4x2x192x9xf32>, %[[W:.*]]: tensor<256x192x1xf32>
// CHECK: %[[Z:.*]], %{{.*}} = spike.scan current(
// CHECK: %[[F:.*]] = tensor.collapse_shape %[[Z]]
// CHECK: %{{.*}}, %{{.*}}, %[[S:.*]] = spike.list_events {{.*}} : tensor<1x1536x9xf32>
// CHECK: tensor.extract %[[S]]
// CHECK: scf.if
// CHECK:   linalg.transpose ins(%[[F]] : tensor<8x192x9xf32>) outs({{.*}} : tensor<8x9x192xf32>) permutation = [0, 2, 1]
// CHECK:   %[[I:.*]], %[[N:.*]], %{{.*}} = spike.list_events {{.*}} : tensor<1x72x192xf32>
// CHECK:   spike.scan events(%[[I]], %[[N]], {{.*}} tensor<192x256xf32>) state({{.*}} : tensor<72x256xf32>) integrator impulse : tensor<1x72x256xf32>
// CHECK:   linalg.transpose {{.*}} outs({{.*}} : tensor<8x256x9xf32>) permutation = [0, 2, 1]
// CHECK: else
// CHECK:   linalg.conv_1d_ncw_fcw ins(%[[F]], %[[W]]
func.func @tokens(%x: tensor<4x2x192x9xf32>, %w: tensor<256x192x1xf32>, %v: tensor<2x192x9xf32>, %one: tensor<f32>) -> tensor<8x256x9xf32> {
  %zero = arith.constant 0.0 : f32
  %z, %v1 = spike.scan current(%x : tensor<4x2x192x9xf32>) state(%v : tensor<2x192x9xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now : tensor<4x2x192x9xf32>
  %f = tensor.collapse_shape %z [[0, 1], [2], [3]] : tensor<4x2x192x9xf32> into tensor<8x192x9xf32>
  %e = tensor.empty() : tensor<8x256x9xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<8x256x9xf32>) -> tensor<8x256x9xf32>
  %y = linalg.conv_1d_ncw_fcw ins(%f, %w : tensor<8x192x9xf32>, tensor<256x192x1xf32>) outs(%zeros : tensor<8x256x9xf32>) -> tensor<8x256x9xf32>
  return %y : tensor<8x256x9xf32>
}

// Rows stay where they are; so do those of any number of samples.
// CHECK-LABEL: func @rows
// CHECK-NOT: linalg.transpose
// CHECK: spike.list_events {{.*}} : tensor<1x?x192xf32>
// CHECK: spike.scan events({{.*}}) state({{.*}} : tensor<?x256xf32>) integrator impulse : tensor<1x?x256xf32>
// CHECK: else
// CHECK: linalg.matmul
func.func @rows(%x: tensor<?x2x192xf32>, %w: tensor<192x256xf32>, %v: tensor<2x192xf32>, %one: tensor<f32>, %zeros: tensor<?x256xf32>) -> tensor<?x256xf32> {
  %zero = arith.constant 0.0 : f32
  %z, %v1 = spike.scan current(%x : tensor<?x2x192xf32>) state(%v : tensor<2x192xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now : tensor<?x2x192xf32>
  %f = tensor.collapse_shape %z [[0, 1], [2]] : tensor<?x2x192xf32> into tensor<?x192xf32>
  %start = linalg.fill ins(%zero : f32) outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  %y = linalg.matmul ins(%f, %w : tensor<?x192xf32>, tensor<192x256xf32>) outs(%start : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %y : tensor<?x256xf32>
}

// What fires often, steps over places, or is no train stays a product.
// CHECK-LABEL: func @stays
// CHECK-NOT: spike.list_events
func.func @stays(%x: tensor<4x2x192x9xf32>, %w: tensor<256x192x1xf32>, %v: tensor<2x192x9xf32>, %one: tensor<f32>) -> (tensor<8x256x9xf32>, tensor<8x256x5xf32>, tensor<8x256x9xf32>) {
  %zero = arith.constant 0.0 : f32
  %z, %v1 = spike.scan current(%x : tensor<4x2x192x9xf32>) state(%v : tensor<2x192x9xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now {spike.rate = 0.7 : f64} : tensor<4x2x192x9xf32>
  %q, %v2 = spike.scan current(%x : tensor<4x2x192x9xf32>) state(%v : tensor<2x192x9xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now : tensor<4x2x192x9xf32>
  %u, %v3 = spike.scan current(%x : tensor<4x2x192x9xf32>) state(%v : tensor<2x192x9xf32>) integrator impulse : tensor<4x2x192x9xf32>
  %e = tensor.empty() : tensor<8x256x9xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<8x256x9xf32>) -> tensor<8x256x9xf32>
  %few = tensor.empty() : tensor<8x256x5xf32>
  %fewer = linalg.fill ins(%zero : f32) outs(%few : tensor<8x256x5xf32>) -> tensor<8x256x5xf32>
  %f = tensor.collapse_shape %z [[0, 1], [2], [3]] : tensor<4x2x192x9xf32> into tensor<8x192x9xf32>
  %g = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<4x2x192x9xf32> into tensor<8x192x9xf32>
  %h = tensor.collapse_shape %u [[0, 1], [2], [3]] : tensor<4x2x192x9xf32> into tensor<8x192x9xf32>
  %often = linalg.conv_1d_ncw_fcw ins(%f, %w : tensor<8x192x9xf32>, tensor<256x192x1xf32>) outs(%zeros : tensor<8x256x9xf32>) -> tensor<8x256x9xf32>
  %steps = linalg.conv_1d_ncw_fcw {strides = dense<2> : tensor<1xi64>} ins(%g, %w : tensor<8x192x9xf32>, tensor<256x192x1xf32>) outs(%fewer : tensor<8x256x5xf32>) -> tensor<8x256x5xf32>
  %graded = linalg.conv_1d_ncw_fcw ins(%h, %w : tensor<8x192x9xf32>, tensor<256x192x1xf32>) outs(%zeros : tensor<8x256x9xf32>) -> tensor<8x256x9xf32>
  return %often, %steps, %graded : tensor<8x256x9xf32>, tensor<8x256x5xf32>, tensor<8x256x9xf32>
}

// Small products are not worth bringing places to rows.
// CHECK-LABEL: func @small
// CHECK-NOT: spike.list_events
func.func @small(%x: tensor<?x2x64xf32>, %w: tensor<64x96xf32>, %v: tensor<2x64xf32>, %one: tensor<f32>, %zeros: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %zero = arith.constant 0.0 : f32
  %z, %v1 = spike.scan current(%x : tensor<?x2x64xf32>) state(%v : tensor<2x64xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now : tensor<?x2x64xf32>
  %f = tensor.collapse_shape %z [[0, 1], [2]] : tensor<?x2x64xf32> into tensor<?x64xf32>
  %start = linalg.fill ins(%zero : f32) outs(%zeros : tensor<?x96xf32>) -> tensor<?x96xf32>
  %y = linalg.matmul ins(%f, %w : tensor<?x64xf32>, tensor<64x96xf32>) outs(%start : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// A larger window adds the weights that spikes choose, of images with channels
// last; many spikes are multiplied in the same order.
// CHECK-LABEL: func @windows
// CHECK: %[[Z:.*]], %{{.*}} = spike.scan current(
// CHECK: %[[F:.*]] = tensor.collapse_shape %[[Z]]
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[F]] : tensor<8x24x9x10xf32>) outs({{.*}} : tensor<8x9x10x24xf32>) permutation = [0, 2, 3, 1]
// CHECK: %[[I:.*]], %[[N:.*]], %[[S:.*]] = spike.list_events {{.*}} : tensor<1x8x9x240xf32>
// CHECK: tensor.extract %[[S]]
// CHECK: %[[Y:.*]] = scf.if
// CHECK:   spike.conv_scan events(%[[I]], %[[N]], {{.*}} tensor<3x3x24x48xf32>) strides [1, 1] dilations [1, 1] padding [1, 1] state({{.*}} : tensor<8x9x10x48xf32>) integrator impulse : tensor<1x8x9x10x48xf32>
// CHECK: else
// CHECK:   tensor.pad %[[T]]
// CHECK:   linalg.conv_2d_nhwc_hwcf
// CHECK: linalg.transpose ins(%[[Y]] : tensor<8x9x10x48xf32>) outs({{.*}} : tensor<8x48x9x10xf32>) permutation = [0, 3, 1, 2]
func.func @windows(%x: tensor<4x2x24x9x10xf32>, %w: tensor<48x24x3x3xf32>, %v: tensor<2x24x9x10xf32>, %one: tensor<f32>) -> tensor<8x48x9x10xf32> {
  %zero = arith.constant 0.0 : f32
  %z, %v1 = spike.scan current(%x : tensor<4x2x24x9x10xf32>) state(%v : tensor<2x24x9x10xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now : tensor<4x2x24x9x10xf32>
  %f = tensor.collapse_shape %z [[0, 1], [2], [3], [4]] : tensor<4x2x24x9x10xf32> into tensor<8x24x9x10xf32>
  %p = tensor.pad %f low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):
    tensor.yield %zero : f32
  } : tensor<8x24x9x10xf32> to tensor<8x24x11x12xf32>
  %e = tensor.empty() : tensor<8x48x9x10xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<8x48x9x10xf32>) -> tensor<8x48x9x10xf32>
  %y = linalg.conv_2d_nchw_fchw ins(%p, %w : tensor<8x24x11x12xf32>, tensor<48x24x3x3xf32>) outs(%zeros : tensor<8x48x9x10xf32>) -> tensor<8x48x9x10xf32>
  return %y : tensor<8x48x9x10xf32>
}

// The loops of `spike.conv_scan` hold the sums of a row: of 1022 places, and of
// the two that windows reach beyond, but not of one more.
// CHECK-LABEL: func @wide
// CHECK-COUNT-1: spike.conv_scan
// CHECK: linalg.conv_2d_nchw_fchw ins(%{{.*}} : tensor<1x24x3x1023xf32>
// CHECK-NOT: spike.conv_scan
func.func @wide(%x: tensor<1x1x24x3x1022xf32>, %y: tensor<1x1x24x3x1023xf32>, %w: tensor<64x24x3x3xf32>, %v: tensor<1x24x3x1022xf32>,
                %u: tensor<1x24x3x1023xf32>, %one: tensor<f32>) -> (tensor<1x64x1x1020xf32>, tensor<1x64x1x1021xf32>) {
  %zero = arith.constant 0.0 : f32
  %z, %v1 = spike.scan current(%x : tensor<1x1x24x3x1022xf32>) state(%v : tensor<1x24x3x1022xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now : tensor<1x1x24x3x1022xf32>
  %q, %u1 = spike.scan current(%y : tensor<1x1x24x3x1023xf32>) state(%u : tensor<1x24x3x1023xf32>) integrator impulse
      threshold(%one : tensor<f32>) compare ge reset value at now : tensor<1x1x24x3x1023xf32>
  %f = tensor.collapse_shape %z [[0, 1], [2], [3], [4]] : tensor<1x1x24x3x1022xf32> into tensor<1x24x3x1022xf32>
  %g = tensor.collapse_shape %q [[0, 1], [2], [3], [4]] : tensor<1x1x24x3x1023xf32> into tensor<1x24x3x1023xf32>
  %e0 = tensor.empty() : tensor<1x64x1x1020xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x64x1x1020xf32>) -> tensor<1x64x1x1020xf32>
  %e1 = tensor.empty() : tensor<1x64x1x1021xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x64x1x1021xf32>) -> tensor<1x64x1x1021xf32>
  %a = linalg.conv_2d_nchw_fchw ins(%f, %w : tensor<1x24x3x1022xf32>, tensor<64x24x3x3xf32>) outs(%z0 : tensor<1x64x1x1020xf32>) -> tensor<1x64x1x1020xf32>
  %b = linalg.conv_2d_nchw_fchw ins(%g, %w : tensor<1x24x3x1023xf32>, tensor<64x24x3x3xf32>) outs(%z1 : tensor<1x64x1x1021xf32>) -> tensor<1x64x1x1021xf32>
  return %a, %b : tensor<1x64x1x1020xf32>, tensor<1x64x1x1021xf32>
}
