// RUN: plait-opt --plait-import --plait-strand --plait-lowered-reference --plait-target-nvptx="chips=sm_80,sm_90,sm_100" %s \
// RUN:   | plait-translate --mlir-to-ptx | FileCheck %s

// gelu(2 x + y) sigmoid(y), as torch-mlir writes it.

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
module {
  func.func @main(%arg0: tensor<7x33xf32>, %arg1: tensor<7x33xf32>) -> tensor<7x33xf32> {
    %cst = arith.constant 1.000000e+00 : f32
    %cst_0 = arith.constant 5.000000e-01 : f32
    %cst_1 = arith.constant 2.000000e+00 : f32
    %cst_2 = arith.constant 1.41421354 : f32
    %0 = tensor.empty() : tensor<7x33xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<7x33xf32>) outs(%0 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      %6 = arith.mulf %in, %cst_1 : f32
      linalg.yield %6 : f32
    } -> tensor<7x33xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%1, %arg1 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%0 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_3: f32, %out: f32):
      %6 = arith.addf %in, %in_3 : f32
      linalg.yield %6 : f32
    } -> tensor<7x33xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<7x33xf32>) outs(%0 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      %6 = arith.divf %in, %cst_2 : f32
      %7 = math.erf %6 : f32
      %8 = arith.addf %7, %cst : f32
      %9 = arith.mulf %8, %cst_0 : f32
      %10 = arith.mulf %in, %9 : f32
      linalg.yield %10 : f32
    } -> tensor<7x33xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<7x33xf32>) outs(%0 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %out: f32):
      %6 = arith.negf %in : f32
      %7 = math.exp %6 : f32
      %8 = arith.addf %7, %cst : f32
      %9 = arith.divf %cst, %8 : f32
      linalg.yield %9 : f32
    } -> tensor<7x33xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%3, %4 : tensor<7x33xf32>, tensor<7x33xf32>) outs(%0 : tensor<7x33xf32>) {
    ^bb0(%in: f32, %in_3: f32, %out: f32):
      %6 = arith.mulf %in, %in_3 : f32
      linalg.yield %6 : f32
    } -> tensor<7x33xf32>
    return %5 : tensor<7x33xf32>
  }
}
