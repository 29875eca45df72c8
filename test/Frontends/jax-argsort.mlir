// What jaxlib 0.10.2 leaves of a JAX program, in generic form.
// RUN: plait-opt --plait-import %s | FileCheck %s
// RUN: plait-opt --plait-import --plait-strand --plait-opt --plait-lowered-reference --plait-target-cpu %s | FileCheck %s --check-prefix=CPU

// CHECK-NOT: stablehlo
// CHECK: func.func public @main
// CHECK-NOT: stablehlo
// CPU: llvm.func @main

#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<() -> ()>
"builtin.module"() <{sym_name = "argsort"}> ({
  "func.func"() <{function_type = (tensor<4x6xf32>) -> tensor<4x6xi32>, res_attrs = [{jax.result_info = "result"}], sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%arg31: tensor<4x6xf32>):
    %44 = "func.call"(%arg31) <{callee = @argsort}> : (tensor<4x6xf32>) -> tensor<4x6xi32>
    "func.return"(%44) : (tensor<4x6xi32>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<4x6xf32>) -> tensor<4x6xi32>, sym_name = "argsort", sym_visibility = "private"}> ({
  ^bb0(%arg0: tensor<4x6xf32>):
    %0 = "arith.constant"() <{value = 2147483647 : i32}> : () -> i32
    %1 = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %2 = "arith.constant"() <{value = 0x7FC00000 : f32}> : () -> f32
    %3 = "arith.constant"() <{value = 0.000000e+00 : f32}> : () -> f32
    %4 = "tensor.empty"() : () -> tensor<4x6xi32>
    %5 = "linalg.generic"(%4) <{indexing_maps = [#map], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 0, 1>}> ({
    ^bb0(%arg30: i32):
      %42 = "linalg.index"() <{dim = 1 : i64}> : () -> index
      %43 = "arith.index_cast"(%42) : (index) -> i32
      "linalg.yield"(%43) : (i32) -> ()
    }) : (tensor<4x6xi32>) -> tensor<4x6xi32>
    %6:2 = "stablehlo.sort"(%arg0, %5) <{dimension = 1 : i64, is_stable = true}> ({
    ^bb0(%arg1: tensor<f32>, %arg2: tensor<f32>, %arg3: tensor<i32>, %arg4: tensor<i32>):
      %7 = "tensor.empty"() : () -> tensor<i1>
      %8 = "linalg.generic"(%arg1, %7) <{indexing_maps = [#map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg28: f32, %arg29: i1):
        %41 = "arith.cmpf"(%arg28, %3) <{fastmath = #arith.fastmath<none>, predicate = 1 : i64}> : (f32, f32) -> i1
        "linalg.yield"(%41) : (i1) -> ()
      }) : (tensor<f32>, tensor<i1>) -> tensor<i1>
      %9 = "tensor.empty"() : () -> tensor<f32>
      %10 = "linalg.generic"(%8, %arg1, %9) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg25: i1, %arg26: f32, %arg27: f32):
        %40 = "arith.select"(%arg25, %3, %arg26) : (i1, f32, f32) -> f32
        "linalg.yield"(%40) : (f32) -> ()
      }) : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
      %11 = "tensor.empty"() : () -> tensor<i1>
      %12 = "linalg.generic"(%arg1, %arg1, %11) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg22: f32, %arg23: f32, %arg24: i1):
        %39 = "arith.cmpf"(%arg22, %arg23) <{fastmath = #arith.fastmath<none>, predicate = 13 : i64}> : (f32, f32) -> i1
        "linalg.yield"(%39) : (i1) -> ()
      }) : (tensor<f32>, tensor<f32>, tensor<i1>) -> tensor<i1>
      %13 = "tensor.empty"() : () -> tensor<f32>
      %14 = "linalg.generic"(%12, %10, %13) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg19: i1, %arg20: f32, %arg21: f32):
        %38 = "arith.select"(%arg19, %2, %arg20) : (i1, f32, f32) -> f32
        "linalg.yield"(%38) : (f32) -> ()
      }) : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
      %15 = "tensor.empty"() : () -> tensor<i1>
      %16 = "linalg.generic"(%arg2, %15) <{indexing_maps = [#map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg17: f32, %arg18: i1):
        %37 = "arith.cmpf"(%arg17, %3) <{fastmath = #arith.fastmath<none>, predicate = 1 : i64}> : (f32, f32) -> i1
        "linalg.yield"(%37) : (i1) -> ()
      }) : (tensor<f32>, tensor<i1>) -> tensor<i1>
      %17 = "tensor.empty"() : () -> tensor<f32>
      %18 = "linalg.generic"(%16, %arg2, %17) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg14: i1, %arg15: f32, %arg16: f32):
        %36 = "arith.select"(%arg14, %3, %arg15) : (i1, f32, f32) -> f32
        "linalg.yield"(%36) : (f32) -> ()
      }) : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
      %19 = "tensor.empty"() : () -> tensor<i1>
      %20 = "linalg.generic"(%arg2, %arg2, %19) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg11: f32, %arg12: f32, %arg13: i1):
        %35 = "arith.cmpf"(%arg11, %arg12) <{fastmath = #arith.fastmath<none>, predicate = 13 : i64}> : (f32, f32) -> i1
        "linalg.yield"(%35) : (i1) -> ()
      }) : (tensor<f32>, tensor<f32>, tensor<i1>) -> tensor<i1>
      %21 = "tensor.empty"() : () -> tensor<f32>
      %22 = "linalg.generic"(%20, %18, %21) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg8: i1, %arg9: f32, %arg10: f32):
        %34 = "arith.select"(%arg8, %2, %arg9) : (i1, f32, f32) -> f32
        "linalg.yield"(%34) : (f32) -> ()
      }) : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
      %23 = "tensor.empty"() : () -> tensor<i1>
      %24 = "linalg.generic"(%14, %22, %23) <{indexing_maps = [#map1, #map1, #map1], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
      ^bb0(%arg5: f32, %arg6: f32, %arg7: i1):
        %25 = "arith.bitcast"(%arg5) : (f32) -> i32
        %26 = "arith.cmpi"(%25, %1) <{predicate = 2 : i64}> : (i32, i32) -> i1
        %27 = "arith.subi"(%0, %25) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
        %28 = "arith.select"(%26, %27, %25) : (i1, i32, i32) -> i32
        %29 = "arith.bitcast"(%arg6) : (f32) -> i32
        %30 = "arith.cmpi"(%29, %1) <{predicate = 2 : i64}> : (i32, i32) -> i1
        %31 = "arith.subi"(%0, %29) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
        %32 = "arith.select"(%30, %31, %29) : (i1, i32, i32) -> i32
        %33 = "arith.cmpi"(%28, %32) <{predicate = 2 : i64}> : (i32, i32) -> i1
        "linalg.yield"(%33) : (i1) -> ()
      }) : (tensor<f32>, tensor<f32>, tensor<i1>) -> tensor<i1>
      "stablehlo.return"(%24) : (tensor<i1>) -> ()
    }) : (tensor<4x6xf32>, tensor<4x6xi32>) -> (tensor<4x6xf32>, tensor<4x6xi32>)
    "func.return"(%6#1) : (tensor<4x6xi32>) -> ()
  }) : () -> ()
}) {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} : () -> ()

