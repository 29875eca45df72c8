// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(spike-quantize{bits=4 weights=1}))' | FileCheck %s
// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(spike-quantize{per-channel weights=1}))' | FileCheck %s --check-prefix=CHANNEL

// The largest weight, then the nearest multiples of its 7th part; what is no
// weight stays.
// CHECK-LABEL: func @rows
// CHECK-SAME: (%[[W:.*]]: tensor<6x4xf32>, %[[X:.*]]: tensor<3x6xf32>
// CHECK: %[[MOST:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]} ins(%[[W]] : tensor<6x4xf32>) outs({{.*}} : tensor<f32>)
// CHECK: math.absf
// CHECK: arith.maximumf
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[MOST]]
// CHECK: %[[SEVEN:.*]] = arith.constant 7.0
// CHECK: %[[STEP:.*]] = arith.divf %{{.*}}, %[[SEVEN]]
// CHECK: math.roundeven
// CHECK: linalg.matmul ins(%[[X]], %[[Q]]
// CHECK: linalg.matmul ins(%{{.*}}, %arg2
// CHECK: spike.scan events({{.*}}, {{.*}}, %[[Q]]

// CHANNEL-LABEL: func @rows
// CHANNEL: linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} {{.*}} outs({{.*}} : tensor<4xf32>)
// CHANNEL: arith.constant 1.270000e+02
func.func @rows(%w: tensor<6x4xf32>, %x: tensor<3x6xf32>, %y: tensor<4x4xf32>, %i: tensor<10x3x6xi32>,
                %n: tensor<10x3xi32>, %v: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<10x3x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  %m = linalg.matmul ins(%x, %w : tensor<3x6xf32>, tensor<6x4xf32>) outs(%z : tensor<3x4xf32>) -> tensor<3x4xf32>
  %k = linalg.matmul ins(%m, %y : tensor<3x4xf32>, tensor<4x4xf32>) outs(%z : tensor<3x4xf32>) -> tensor<3x4xf32>
  %s, %v1 = spike.scan events(%i, %n, %w : tensor<10x3x6xi32>, tensor<10x3xi32>, tensor<6x4xf32>)
      state(%v : tensor<3x4xf32>) integrator impulse : tensor<10x3x4xf32>
  return %k, %s : tensor<3x4xf32>, tensor<10x3x4xf32>
}

// A step for each filter.
// CHANNEL-LABEL: func @filters
// CHANNEL: linalg.generic {{.*}} iterator_types = ["parallel", "reduction", "reduction", "reduction"]} {{.*}} outs({{.*}} : tensor<4xf32>)
// CHANNEL: linalg.conv_2d_nchw_fchw
func.func @filters(%w: tensor<4x2x3x3xf32>, %x: tensor<6x2x8x8xf32>, %z: tensor<6x4x6x6xf32>) -> tensor<6x4x6x6xf32> {
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<6x2x8x8xf32>, tensor<4x2x3x3xf32>) outs(%z : tensor<6x4x6x6xf32>) -> tensor<6x4x6x6xf32>
  return %c : tensor<6x4x6x6xf32>
}
