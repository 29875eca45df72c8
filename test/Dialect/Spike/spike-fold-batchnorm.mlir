// RUN: plait-opt %s --spike-fold-batchnorm --split-input-file | FileCheck %s

#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1, 0, 0)>

// As torch leaves it: a bias under the sum, and one op for each step.
// CHECK-LABEL: func @convolution
// CHECK-SAME: (%[[X:.*]]: tensor<6x2x8x8xf32>, %[[W:.*]]: tensor<4x2x3x3xf32>, %[[B:.*]]: tensor<4xf32>
// CHECK: %[[S:.*]]:2 = linalg.generic {{.*}} ins(%[[B]], {{.*}} : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
// CHECK: %[[SCALED:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[S]]#0 : tensor<4x2x3x3xf32>, tensor<4xf32>)
// CHECK: %[[ZEROS:.*]] = linalg.fill
// CHECK: %[[SUM:.*]] = linalg.conv_2d_nchw_fchw {{.*}} ins(%[[X]], %[[SCALED]] {{.*}} outs(%[[ZEROS]]
// CHECK: %[[SHIFT:.*]] = linalg.broadcast ins(%[[S]]#1 : tensor<4xf32>) {{.*}} dimensions = [0, 2, 3]
// CHECK: %[[Y:.*]] = linalg.add ins(%[[SUM]], %[[SHIFT]]
// CHECK-NEXT: return %[[Y]]
func.func @convolution(%x: tensor<6x2x8x8xf32>, %w: tensor<4x2x3x3xf32>, %b: tensor<4xf32>,
                       %mean: tensor<4x1x1xf32>, %scale: tensor<4x1x1xf32>, %beta: tensor<4x1x1xf32>)
    -> tensor<6x4x6x6xf32> {
  %e = tensor.empty() : tensor<6x4x6x6xf32>
  %bias = linalg.broadcast ins(%b : tensor<4xf32>) outs(%e : tensor<6x4x6x6xf32>) dimensions = [0, 2, 3]
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<6x2x8x8xf32>, tensor<4x2x3x3xf32>) outs(%bias : tensor<6x4x6x6xf32>) -> tensor<6x4x6x6xf32>
  %0 = linalg.generic {indexing_maps = [#map, #channel, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %mean : tensor<6x4x6x6xf32>, tensor<4x1x1xf32>) outs(%e : tensor<6x4x6x6xf32>) {
  ^bb0(%v: f32, %p: f32, %o: f32):
    %r = arith.subf %v, %p : f32
    linalg.yield %r : f32
  } -> tensor<6x4x6x6xf32>
  %1 = linalg.generic {indexing_maps = [#map, #channel, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%0, %scale : tensor<6x4x6x6xf32>, tensor<4x1x1xf32>) outs(%e : tensor<6x4x6x6xf32>) {
  ^bb0(%v: f32, %p: f32, %o: f32):
    %r = arith.mulf %v, %p : f32
    linalg.yield %r : f32
  } -> tensor<6x4x6x6xf32>
  %2 = linalg.generic {indexing_maps = [#map, #channel, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1, %beta : tensor<6x4x6x6xf32>, tensor<4x1x1xf32>) outs(%e : tensor<6x4x6x6xf32>) {
  ^bb0(%v: f32, %p: f32, %o: f32):
    %r = arith.addf %v, %p : f32
    linalg.yield %r : f32
  } -> tensor<6x4x6x6xf32>
  return %2 : tensor<6x4x6x6xf32>
}

// -----

// As a builder writes a scale: named ops of broadcasts.
// CHECK-LABEL: func @rows
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}#0 : tensor<6x4xf32>, tensor<4xf32>) outs(%{{.*}} : tensor<6x4xf32>)
// CHECK: linalg.matmul
// CHECK: linalg.add
// CHECK-NOT: linalg.mul
func.func @rows(%x: tensor<?x6xf32>, %w: tensor<6x4xf32>, %s: tensor<4xf32>, %n: index) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %m = linalg.matmul ins(%x, %w : tensor<?x6xf32>, tensor<6x4xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = linalg.broadcast ins(%s : tensor<4xf32>) outs(%e : tensor<?x4xf32>) dimensions = [0]
  %y = linalg.mul ins(%m, %b : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// A sum that somebody else reads, and a scale per sample, stay.
// CHECK-LABEL: func @read_twice
// CHECK: linalg.mul
// CHECK-LABEL: func @other_axis
// CHECK: linalg.mul
func.func @read_twice(%x: tensor<3x6xf32>, %w: tensor<6x4xf32>, %s: tensor<4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  %m = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x4xf32>) outs(%z : tensor<3x4xf32>) -> tensor<3x4xf32>
  %b = linalg.broadcast ins(%s : tensor<4xf32>) outs(%e : tensor<3x4xf32>) dimensions = [0]
  %y = linalg.mul ins(%m, %b : tensor<3x4xf32>, tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %m, %y : tensor<3x4xf32>, tensor<3x4xf32>
}
func.func @other_axis(%x: tensor<3x6xf32>, %w: tensor<6x4xf32>, %s: tensor<3xf32>) -> tensor<3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  %m = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x4xf32>) outs(%z : tensor<3x4xf32>) -> tensor<3x4xf32>
  %b = linalg.broadcast ins(%s : tensor<3xf32>) outs(%e : tensor<3x4xf32>) dimensions = [1]
  %y = linalg.mul ins(%m, %b : tensor<3x4xf32>, tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
