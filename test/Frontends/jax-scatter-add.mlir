// What jaxlib 0.10.2 leaves of a JAX program, in generic form.
// RUN: plait-opt --plait-import %s | FileCheck %s
// RUN: plait-opt --plait-import --plait-strand --plait-opt --plait-lowered-reference --plait-target-cpu %s | FileCheck %s --check-prefix=CPU

// CHECK-NOT: stablehlo
// CHECK: func.func public @main
// CHECK-NOT: stablehlo
// CPU: llvm.func @main

#map = affine_map<(d0) -> ()>
#map1 = affine_map<(d0) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0)>
#map3 = affine_map<(d0, d1) -> (d0, d1)>
#map4 = affine_map<(d0, d1) -> ()>
#map5 = affine_map<() -> ()>
"builtin.module"() <{sym_name = "scatter_add"}> ({
  "func.func"() <{function_type = (tensor<4x6xf32>, tensor<2xi32>) -> tensor<4x6xf32>, res_attrs = [{jax.result_info = "result"}], sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%arg0: tensor<4x6xf32>, %arg1: tensor<2xi32>):
    %0 = "arith.constant"() <{value = dense<1.000000e+00> : tensor<f32>}> : () -> tensor<f32>
    %1 = "arith.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %2 = "arith.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %3 = "tensor.empty"() : () -> tensor<2xi32>
    %4 = "linalg.generic"(%2, %3) <{indexing_maps = [#map, #map1], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg23: i32, %arg24: i32):
      "linalg.yield"(%arg23) : (i32) -> ()
    }) : (tensor<i32>, tensor<2xi32>) -> tensor<2xi32>
    %5 = "tensor.empty"() : () -> tensor<2xi1>
    %6 = "linalg.generic"(%arg1, %4, %5) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg20: i32, %arg21: i32, %arg22: i1):
      %23 = "arith.cmpi"(%arg20, %arg21) <{predicate = 2 : i64}> : (i32, i32) -> i1
      "linalg.yield"(%23) : (i1) -> ()
    }) : (tensor<2xi32>, tensor<2xi32>, tensor<2xi1>) -> tensor<2xi1>
    %7 = "tensor.empty"() : () -> tensor<2xi32>
    %8 = "linalg.generic"(%1, %7) <{indexing_maps = [#map, #map1], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg18: i32, %arg19: i32):
      "linalg.yield"(%arg18) : (i32) -> ()
    }) : (tensor<i32>, tensor<2xi32>) -> tensor<2xi32>
    %9 = "tensor.empty"() : () -> tensor<2xi32>
    %10 = "linalg.generic"(%arg1, %8, %9) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg15: i32, %arg16: i32, %arg17: i32):
      %22 = "arith.addi"(%arg15, %arg16) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%22) : (i32) -> ()
    }) : (tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    %11 = "tensor.empty"() : () -> tensor<2xi32>
    %12 = "linalg.generic"(%6, %10, %arg1, %11) <{indexing_maps = [#map1, #map1, #map1, #map1], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 3, 1>}> ({
    ^bb0(%arg11: i1, %arg12: i32, %arg13: i32, %arg14: i32):
      %21 = "arith.select"(%arg11, %arg12, %arg13) : (i1, i32, i32) -> i32
      "linalg.yield"(%21) : (i32) -> ()
    }) : (tensor<2xi1>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    %13 = "tensor.empty"() : () -> tensor<2x1xi32>
    %14 = "linalg.generic"(%12, %13) <{indexing_maps = [#map2, #map3], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg9: i32, %arg10: i32):
      "linalg.yield"(%arg9) : (i32) -> ()
    }) : (tensor<2xi32>, tensor<2x1xi32>) -> tensor<2x1xi32>
    %15 = "tensor.empty"() : () -> tensor<2x6xf32>
    %16 = "linalg.generic"(%0, %15) <{indexing_maps = [#map4, #map3], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg7: f32, %arg8: f32):
      "linalg.yield"(%arg7) : (f32) -> ()
    }) : (tensor<f32>, tensor<2x6xf32>) -> tensor<2x6xf32>
    %17 = "stablehlo.scatter"(%arg0, %14, %16) <{indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, unique_indices = false}> ({
    ^bb0(%arg2: tensor<f32>, %arg3: tensor<f32>):
      %18 = "tensor.empty"() : () -> tensor<f32>
      %19 = "linalg.generic"(%arg2, %arg3, %18) <{indexing_maps = [#map5, #map5, #map5], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg4: f32, %arg5: f32, %arg6: f32):
        %20 = "arith.addf"(%arg4, %arg5) <{fastmath = #arith.fastmath<none>}> : (f32, f32) -> f32
        "linalg.yield"(%20) : (f32) -> ()
      }) : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32>
      "stablehlo.return"(%19) : (tensor<f32>) -> ()
    }) : (tensor<4x6xf32>, tensor<2x1xi32>, tensor<2x6xf32>) -> tensor<4x6xf32>
    "func.return"(%17) : (tensor<4x6xf32>) -> ()
  }) : () -> ()
}) {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} : () -> ()

