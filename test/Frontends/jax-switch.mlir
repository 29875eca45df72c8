// What jaxlib 0.10.2 leaves of a JAX program, in generic form.
// RUN: plait-opt --plait-import %s | FileCheck %s
// RUN: plait-opt --plait-import --plait-strand --plait-opt --plait-lowered-reference --plait-target-cpu %s | FileCheck %s --check-prefix=CPU

// CHECK-NOT: stablehlo
// CHECK: func.func public @main
// CHECK-NOT: stablehlo
// CPU: llvm.func @main

#map = affine_map<() -> ()>
#map1 = affine_map<(d0, d1) -> ()>
#map2 = affine_map<(d0, d1) -> (d0, d1)>
"builtin.module"() <{sym_name = "switch"}> ({
  "func.func"() <{function_type = (tensor<i32>, tensor<4x6xf32>) -> tensor<4x6xf32>, res_attrs = [{jax.result_info = "result"}], sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%arg0: tensor<i32>, %arg1: tensor<4x6xf32>):
    %0 = "arith.constant"() <{value = 2 : i32}> : () -> i32
    %1 = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %2 = "arith.constant"() <{value = dense<2.000000e+00> : tensor<f32>}> : () -> tensor<f32>
    %3 = "arith.constant"() <{value = dense<1.000000e+00> : tensor<f32>}> : () -> tensor<f32>
    %4 = "tensor.empty"() : () -> tensor<i32>
    %5 = "linalg.generic"(%arg0, %4) <{indexing_maps = [#map, #map], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg12: i32, %arg13: i32):
      %17 = "arith.maxsi"(%arg12, %1) : (i32, i32) -> i32
      %18 = "arith.minsi"(%17, %0) : (i32, i32) -> i32
      "linalg.yield"(%18) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %6 = "stablehlo.case"(%5) ({
      "stablehlo.return"(%arg1) : (tensor<4x6xf32>) -> ()
    }, {
      %12 = "tensor.empty"() : () -> tensor<4x6xf32>
      %13 = "linalg.generic"(%3, %12) <{indexing_maps = [#map1, #map2], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg10: f32, %arg11: f32):
        "linalg.yield"(%arg10) : (f32) -> ()
      }) : (tensor<f32>, tensor<4x6xf32>) -> tensor<4x6xf32>
      %14 = "tensor.empty"() : () -> tensor<4x6xf32>
      %15 = "linalg.generic"(%arg1, %13, %14) <{indexing_maps = [#map2, #map2, #map2], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg7: f32, %arg8: f32, %arg9: f32):
        %16 = "arith.addf"(%arg7, %arg8) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
        "linalg.yield"(%16) : (f32) -> ()
      }) : (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
      "stablehlo.return"(%15) : (tensor<4x6xf32>) -> ()
    }, {
      %7 = "tensor.empty"() : () -> tensor<4x6xf32>
      %8 = "linalg.generic"(%2, %7) <{indexing_maps = [#map1, #map2], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg5: f32, %arg6: f32):
        "linalg.yield"(%arg5) : (f32) -> ()
      }) : (tensor<f32>, tensor<4x6xf32>) -> tensor<4x6xf32>
      %9 = "tensor.empty"() : () -> tensor<4x6xf32>
      %10 = "linalg.generic"(%arg1, %8, %9) <{indexing_maps = [#map2, #map2, #map2], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg2: f32, %arg3: f32, %arg4: f32):
        %11 = "arith.mulf"(%arg2, %arg3) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
        "linalg.yield"(%11) : (f32) -> ()
      }) : (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
      "stablehlo.return"(%10) : (tensor<4x6xf32>) -> ()
    }) : (tensor<i32>) -> tensor<4x6xf32>
    "func.return"(%6) : (tensor<4x6xf32>) -> ()
  }) : () -> ()
}) {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} : () -> ()

