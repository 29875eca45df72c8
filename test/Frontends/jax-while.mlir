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
"builtin.module"() <{sym_name = "while"}> ({
  "func.func"() <{function_type = (tensor<4x6xf32>) -> (tensor<i32>, tensor<4x6xf32>), res_attrs = [{jax.result_info = "result[0]"}, {jax.result_info = "result[1]"}], sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%arg0: tensor<4x6xf32>):
    %0 = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %1 = "arith.constant"() <{value = 5 : i32}> : () -> i32
    %2 = "arith.constant"() <{value = dense<2.000000e+00> : tensor<f32>}> : () -> tensor<f32>
    %3 = "arith.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %4:2 = "stablehlo.while"(%3, %arg0) ({
    ^bb0(%arg10: tensor<i32>, %arg11: tensor<4x6xf32>):
      %13 = "tensor.empty"() : () -> tensor<i1>
      %14 = "linalg.generic"(%arg10, %13) <{indexing_maps = [#map, #map], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg12: i32, %arg13: i1):
        %15 = "arith.cmpi"(%arg12, %1) <{predicate = 2 : i64}> : (i32, i32) -> i1
        "linalg.yield"(%15) : (i1) -> ()
      }) : (tensor<i32>, tensor<i1>) -> tensor<i1>
      "stablehlo.return"(%14) : (tensor<i1>) -> ()
    }, {
    ^bb0(%arg1: tensor<i32>, %arg2: tensor<4x6xf32>):
      %5 = "tensor.empty"() : () -> tensor<i32>
      %6 = "linalg.generic"(%arg1, %5) <{indexing_maps = [#map, #map], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg8: i32, %arg9: i32):
        %12 = "arith.addi"(%arg8, %0) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
        "linalg.yield"(%12) : (i32) -> ()
      }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
      %7 = "tensor.empty"() : () -> tensor<4x6xf32>
      %8 = "linalg.generic"(%2, %7) <{indexing_maps = [#map1, #map2], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg6: f32, %arg7: f32):
        "linalg.yield"(%arg6) : (f32) -> ()
      }) : (tensor<f32>, tensor<4x6xf32>) -> tensor<4x6xf32>
      %9 = "tensor.empty"() : () -> tensor<4x6xf32>
      %10 = "linalg.generic"(%arg2, %8, %9) <{indexing_maps = [#map2, #map2, #map2], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg3: f32, %arg4: f32, %arg5: f32):
        %11 = "arith.mulf"(%arg3, %arg4) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
        "linalg.yield"(%11) : (f32) -> ()
      }) : (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
      "stablehlo.return"(%6, %10) : (tensor<i32>, tensor<4x6xf32>) -> ()
    }) : (tensor<i32>, tensor<4x6xf32>) -> (tensor<i32>, tensor<4x6xf32>)
    "func.return"(%4#0, %4#1) : (tensor<i32>, tensor<4x6xf32>) -> ()
  }) : () -> ()
}) {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} : () -> ()

