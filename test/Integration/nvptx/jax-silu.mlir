// RUN: plait-opt --plait-import --plait-strand --plait-lowered-reference --plait-target-nvptx="chips=sm_80,sm_90,sm_100" %s \
// RUN:   | plait-translate --mlir-to-ptx | FileCheck %s

// 2 silu(tanh(x) + b), as StableHLO becomes linalg.

// CHECK: .version 8.0
// CHECK-NEXT: .target sm_80
// CHECK: .entry main_kernel0
// CHECK-DAG: ld.global.v{{2.b64|4.b32}}
// CHECK-DAG: st.global.v{{2.b64|4.b32}}
// CHECK: .version 8.0
// CHECK-NEXT: .target sm_90
// CHECK: .version 8.6
// CHECK-NEXT: .target sm_100
// CHECK-NOT: .entry main_kernel1

#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d1)>
#map2 = affine_map<(d0, d1) -> (0, d1)>
#map3 = affine_map<(d0, d1) -> ()>
module @jit__lambda attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<7x33xf32>, %arg1: tensor<33xf32>) -> (tensor<7x33xf32> {jax.result_info = "result"}) {
    %cst = arith.constant dense<2.000000e+00> : tensor<f32>
    %0 = tensor.empty() : tensor<7x33xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<7x33xf32>) outs(%0 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      %13 = math.tanh %in : f32
      linalg.yield %13 : f32
    } -> tensor<7x33xf32>
    %2 = tensor.empty() : tensor<1x33xf32>
    %3 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<33xf32>) outs(%2 : tensor<1x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x33xf32>
    %4 = tensor.empty() : tensor<7x33xf32>
    %5 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%3 : tensor<1x33xf32>) outs(%4 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x33xf32>
    %6 = tensor.empty() : tensor<7x33xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%1, %5 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%6 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %13 = arith.addf %in, %in_0 : f32
      linalg.yield %13 : f32
    } -> tensor<7x33xf32>
    %8 = call @silu(%7) : (tensor<7x33xf32>) -> tensor<7x33xf32>
    %9 = tensor.empty() : tensor<7x33xf32>
    %10 = linalg.generic {indexing_maps = [#map3, #map], iterator_types = ["parallel", "parallel"]} ins(%cst : tensor<f32>) outs(%9 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x33xf32>
    %11 = tensor.empty() : tensor<7x33xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%8, %10 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%11 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %13 = arith.mulf %in, %in_0 : f32
      linalg.yield %13 : f32
    } -> tensor<7x33xf32>
    return %12 : tensor<7x33xf32>
  }
  func.func private @silu(%arg0: tensor<7x33xf32>) -> tensor<7x33xf32> {
    %cst = arith.constant dense<1.000000e+00> : tensor<f32>
    %0 = tensor.empty() : tensor<7x33xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<7x33xf32>) outs(%0 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      %14 = arith.negf %in : f32
      linalg.yield %14 : f32
    } -> tensor<7x33xf32>
    %2 = tensor.empty() : tensor<7x33xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%1 : tensor<7x33xf32>) outs(%2 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      %14 = math.exp %in : f32
      linalg.yield %14 : f32
    } -> tensor<7x33xf32>
    %4 = tensor.empty() : tensor<7x33xf32>
    %5 = linalg.generic {indexing_maps = [#map3, #map], iterator_types = ["parallel", "parallel"]} ins(%cst : tensor<f32>) outs(%4 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x33xf32>
    %6 = tensor.empty() : tensor<7x33xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%5, %3 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%6 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %14 = arith.addf %in, %in_0 : f32
      linalg.yield %14 : f32
    } -> tensor<7x33xf32>
    %8 = tensor.empty() : tensor<7x33xf32>
    %9 = linalg.generic {indexing_maps = [#map3, #map], iterator_types = ["parallel", "parallel"]} ins(%cst : tensor<f32>) outs(%8 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<7x33xf32>
    %10 = tensor.empty() : tensor<7x33xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%9, %7 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%10 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %14 = arith.divf %in, %in_0 : f32
      linalg.yield %14 : f32
    } -> tensor<7x33xf32>
    %12 = tensor.empty() : tensor<7x33xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %11 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%12 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_0: f32, %out: f32):
      %14 = arith.mulf %in, %in_0 : f32
      linalg.yield %14 : f32
    } -> tensor<7x33xf32>
    return %13 : tensor<7x33xf32>
  }
}
