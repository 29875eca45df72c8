// RUN: plait-opt --plait-import --plait-strand --plait-lowered-reference --plait-target-nvptx="chips=sm_80,sm_90,sm_100" %s \
// RUN:   | plait-translate --mlir-to-ptx | FileCheck %s

// jax.nn.softmax(x, -1), as StableHLO becomes linalg.

// CHECK: .version 8.0
// CHECK-NEXT: .target sm_80
// CHECK: .entry main_kernel0
// CHECK: shfl.sync.bfly
// CHECK: bar.sync
// CHECK: .version 8.0
// CHECK-NEXT: .target sm_90
// CHECK: .version 8.6
// CHECK-NEXT: .target sm_100
// CHECK-NOT: .entry main_kernel1

#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0) -> ()>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0, d1) -> (d0, 0)>
module @jit__lambda attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<7x33xf32>) -> (tensor<7x33xf32> {jax.result_info = "result"}) {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_1 = arith.constant 0xFF800000 : f32
    %0 = tensor.empty() : tensor<7xf32>
    %1 = linalg.fill ins(%cst_1 : f32) outs(%0 : tensor<7xf32>) -> tensor<7xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<7x33xf32>) outs(%1 : tensor<7xf32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = arith.maximumf %out, %in : f32
      linalg.yield %24 : f32
    } -> tensor<7xf32>
    %3 = tensor.empty() : tensor<7xf32>
    %4 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel"]} ins(%cst_0 : tensor<f32>) outs(%3 : tensor<7xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7xf32>
    %5 = tensor.empty() : tensor<7xf32>
    %6 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel"]} ins(%4, %2 : tensor<7xf32>, tensor<7xf32>) outs(%5 : tensor<7xf32>) {
    ^bb0(%in: f32, %in_2: f32, %out: f32):
      %24 = arith.maximumf %in, %in_2 : f32
      linalg.yield %24 : f32
    } -> tensor<7xf32>
    %7 = tensor.empty() : tensor<7x1xf32>
    %8 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<7xf32>) outs(%7 : tensor<7x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x1xf32>
    %9 = tensor.empty() : tensor<7x33xf32>
    %10 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<7x1xf32>) outs(%9 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x33xf32>
    %11 = tensor.empty() : tensor<7x33xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %10 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%11 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_2: f32, %out: f32):
      %24 = arith.subf %in, %in_2 : f32
      linalg.yield %24 : f32
    } -> tensor<7x33xf32>
    %13 = tensor.empty() : tensor<7x33xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%12 : tensor<7x33xf32>) outs(%13 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = math.exp %in : f32
      linalg.yield %24 : f32
    } -> tensor<7x33xf32>
    %15 = tensor.empty() : tensor<7xf32>
    %16 = linalg.fill ins(%cst : f32) outs(%15 : tensor<7xf32>) -> tensor<7xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%14 : tensor<7x33xf32>) outs(%16 : tensor<7xf32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = arith.addf %out, %in : f32
      linalg.yield %24 : f32
    } -> tensor<7xf32>
    %18 = tensor.empty() : tensor<7x1xf32>
    %19 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%17 : tensor<7xf32>) outs(%18 : tensor<7x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x1xf32>
    %20 = tensor.empty() : tensor<7x33xf32>
    %21 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%19 : tensor<7x1xf32>) outs(%20 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x33xf32>
    %22 = tensor.empty() : tensor<7x33xf32>
    %23 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%14, %21 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%22 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_2: f32, %out: f32):
      %24 = arith.divf %in, %in_2 : f32
      linalg.yield %24 : f32
    } -> tensor<7x33xf32>
    return %23 : tensor<7x33xf32>
  }
}
