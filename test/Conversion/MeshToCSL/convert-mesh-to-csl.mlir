// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(mesh-assign-layout),canonicalize,convert-mesh-to-csl)' | FileCheck %s

// Every PE but the first receives one tile, every PE but the last sends one.
// CHECK: csl.module layout @layout target = <"wse3", sdk = "2.10">
// CHECK: csl.set_rectangle 3, 2
// CHECK: csl.module program @pe
// CHECK: %[[W:.*]] = csl.param "has_west" : i1
// CHECK: %[[E:.*]] = csl.param "has_east" : i1
// CHECK: %[[IN:.*]] = csl.get_fab_dsd "from_west" = %{{.*}} extent 10
// CHECK: %[[OUT:.*]] = csl.get_fab_dsd "to_east" = %{{.*}} color %{{.*}} extent 10
// CHECK: csl.func @compute
// CHECK: csl.if %[[W]] {
// CHECK-NEXT: csl.if %[[E]] {
// CHECK-NEXT: csl.fadds %[[OUT]], %[[T:.*]], %[[IN]] activate
// CHECK-NEXT: } else {
// CHECK-NEXT: csl.fadds %[[T]], %[[T]], %[[IN]] activate
// CHECK: } else {
// CHECK-NEXT: csl.fmovs %[[OUT]], %[[T]] activate
// CHECK: csl.task @done
// CHECK: csl.fmaxs
// CHECK: csl.member_call %{{.*}}, "unblock_cmd_stream"() : () -> ()
// CHECK-NOT: unblock_cmd_stream
// CHECK: csl.host
// CHECK: csl.memcpy_h2d "in1", 1, <shape = [6, 5], axes = [columns, none], order = [1, 0], rect = [0, 0, 3, 2]>
// CHECK: csl.memcpy_d2h "t", <shape = [4, 5], axes = [rows, none], order = [1, 0], rect = [2, 0, 1, 2]>

mesh.grid @grid shape = [2, 3] target = "wse3"
func.func @main(%x: tensor<4x6xf32>, %w: tensor<6x5xf32>, %b: tensor<5xf32>) -> tensor<4x5xf32> {
  %0 = mesh.place %x, <grid> on @grid : tensor<4x6xf32>
  %1 = mesh.place %w, <single> on @grid : tensor<6x5xf32>
  %2 = mesh.place %b, <single> on @grid : tensor<5xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %m = linalg.matmul ins(%0, %1 : tensor<4x6xf32>, tensor<6x5xf32>) outs(%f : tensor<4x5xf32>) -> tensor<4x5xf32>
  %bb = linalg.broadcast ins(%2 : tensor<5xf32>) outs(%e : tensor<4x5xf32>) dimensions = [0]
  %y = linalg.add ins(%m, %bb : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %r = linalg.max ins(%y, %f : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  return %r : tensor<4x5xf32>
}
