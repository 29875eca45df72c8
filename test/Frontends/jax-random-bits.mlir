// What jaxlib 0.10.2 leaves of a JAX program, in generic form.
// RUN: plait-opt --plait-import %s | FileCheck %s
// RUN: plait-opt --plait-import --plait-strand --plait-opt --plait-lowered-reference --plait-target-cpu %s | FileCheck %s --check-prefix=CPU

// CHECK-NOT: stablehlo
// CHECK: func.func public @main
// CHECK-NOT: stablehlo
// CPU: llvm.func @main

#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0) -> ()>
#map2 = affine_map<() -> ()>
"builtin.module"() <{sym_name = "random_bits"}> ({
  "func.func"() <{function_type = (tensor<2xui32>) -> tensor<4xui32>, res_attrs = [{jax.result_info = "result"}], sym_name = "main", sym_visibility = "public"}> ({
  ^bb0(%arg152: tensor<2xui32>):
    %182 = "arith.constant"() <{value = 64 : i64}> : () -> i64
    %183 = "arith.constant"() <{value = 0 : i64}> : () -> i64
    %184 = "arith.constant"() <{value = dense<1> : tensor<i64>}> : () -> tensor<i64>
    %185 = "arith.constant"() <{value = dense<32> : tensor<i64>}> : () -> tensor<i64>
    %186 = "builtin.unrealized_conversion_cast"(%arg152) : (tensor<2xui32>) -> tensor<2xi32>
    %187 = "tensor.extract_slice"(%186) <{operandSegmentSizes = array<i32: 1, 0, 0, 0>, static_offsets = array<i64: 0>, static_sizes = array<i64: 1>, static_strides = array<i64: 1>}> : (tensor<2xi32>) -> tensor<1xi32>
    %188 = "tensor.collapse_shape"(%187) <{reassociation = []}> : (tensor<1xi32>) -> tensor<i32>
    %189 = "builtin.unrealized_conversion_cast"(%188) : (tensor<i32>) -> tensor<ui32>
    %190 = "tensor.extract_slice"(%186) <{operandSegmentSizes = array<i32: 1, 0, 0, 0>, static_offsets = array<i64: 1>, static_sizes = array<i64: 1>, static_strides = array<i64: 1>}> : (tensor<2xi32>) -> tensor<1xi32>
    %191 = "tensor.collapse_shape"(%190) <{reassociation = []}> : (tensor<1xi32>) -> tensor<i32>
    %192 = "builtin.unrealized_conversion_cast"(%191) : (tensor<i32>) -> tensor<ui32>
    %193 = "tensor.empty"() : () -> tensor<4xi64>
    %194 = "linalg.generic"(%193) <{indexing_maps = [#map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 0, 1>}> ({
    ^bb0(%arg170: i64):
      %222 = "linalg.index"() <{dim = 0 : i64}> : () -> index
      %223 = "arith.index_cast"(%222) : (index) -> i64
      "linalg.yield"(%223) : (i64) -> ()
    }) : (tensor<4xi64>) -> tensor<4xi64>
    %195 = "tensor.empty"() : () -> tensor<4xi64>
    %196 = "linalg.generic"(%184, %195) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg168: i64, %arg169: i64):
      "linalg.yield"(%arg168) : (i64) -> ()
    }) : (tensor<i64>, tensor<4xi64>) -> tensor<4xi64>
    %197 = "tensor.empty"() : () -> tensor<4xi64>
    %198 = "linalg.generic"(%196, %194, %197) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg165: i64, %arg166: i64, %arg167: i64):
      %221 = "arith.muli"(%arg165, %arg166) <{overflowFlags = #arith.overflow<none>}> : (i64, i64) -> i64
      "linalg.yield"(%221) : (i64) -> ()
    }) : (tensor<4xi64>, tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
    %199 = "tensor.empty"() : () -> tensor<4xi64>
    %200 = "linalg.generic"(%185, %199) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg163: i64, %arg164: i64):
      "linalg.yield"(%arg163) : (i64) -> ()
    }) : (tensor<i64>, tensor<4xi64>) -> tensor<4xi64>
    %201 = "tensor.empty"() : () -> tensor<4xi64>
    %202 = "linalg.generic"(%198, %200, %201) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg160: i64, %arg161: i64, %arg162: i64):
      %218 = "arith.shrui"(%arg160, %arg161) : (i64, i64) -> i64
      %219 = "arith.cmpi"(%arg161, %182) <{predicate = 6 : i64}> : (i64, i64) -> i1
      %220 = "arith.select"(%219, %218, %183) : (i1, i64, i64) -> i64
      "linalg.yield"(%220) : (i64) -> ()
    }) : (tensor<4xi64>, tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
    %203 = "tensor.empty"() : () -> tensor<4xi32>
    %204 = "linalg.generic"(%198, %203) <{indexing_maps = [#map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg158: i64, %arg159: i32):
      %217 = "arith.trunci"(%arg158) <{overflowFlags = #arith.overflow<none>}> : (i64) -> i32
      "linalg.yield"(%217) : (i32) -> ()
    }) : (tensor<4xi64>, tensor<4xi32>) -> tensor<4xi32>
    %205 = "builtin.unrealized_conversion_cast"(%204) : (tensor<4xi32>) -> tensor<4xui32>
    %206 = "tensor.empty"() : () -> tensor<4xi32>
    %207 = "linalg.generic"(%202, %206) <{indexing_maps = [#map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg156: i64, %arg157: i32):
      %216 = "arith.trunci"(%arg156) <{overflowFlags = #arith.overflow<none>}> : (i64) -> i32
      "linalg.yield"(%216) : (i32) -> ()
    }) : (tensor<4xi64>, tensor<4xi32>) -> tensor<4xi32>
    %208 = "builtin.unrealized_conversion_cast"(%207) : (tensor<4xi32>) -> tensor<4xui32>
    %209:2 = "func.call"(%189, %192, %208, %205) <{callee = @threefry2x32}> : (tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>) -> (tensor<4xui32>, tensor<4xui32>)
    %210 = "builtin.unrealized_conversion_cast"(%209#1) : (tensor<4xui32>) -> tensor<4xi32>
    %211 = "builtin.unrealized_conversion_cast"(%209#0) : (tensor<4xui32>) -> tensor<4xi32>
    %212 = "tensor.empty"() : () -> tensor<4xi32>
    %213 = "linalg.generic"(%211, %210, %212) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg153: i32, %arg154: i32, %arg155: i32):
      %215 = "arith.xori"(%arg153, %arg154) : (i32, i32) -> i32
      "linalg.yield"(%215) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %214 = "builtin.unrealized_conversion_cast"(%213) : (tensor<4xi32>) -> tensor<4xui32>
    "func.return"(%214) : (tensor<4xui32>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>) -> (tensor<4xui32>, tensor<4xui32>), sym_name = "threefry2x32", sym_visibility = "private"}> ({
  ^bb0(%arg111: tensor<ui32>, %arg112: tensor<ui32>, %arg113: tensor<4xui32>, %arg114: tensor<4xui32>):
    %143 = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %144 = "arith.constant"() <{value = 5 : i32}> : () -> i32
    %145 = "arith.constant"() <{value = 466688986 : i32}> : () -> i32
    %146 = "arith.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %147 = "arith.constant"() <{value = dense<[13, 15, 26, 6]> : tensor<4xi32>}> : () -> tensor<4xi32>
    %148 = "arith.constant"() <{value = dense<[17, 29, 16, 24]> : tensor<4xi32>}> : () -> tensor<4xi32>
    %149 = "builtin.unrealized_conversion_cast"(%arg114) : (tensor<4xui32>) -> tensor<4xi32>
    %150 = "builtin.unrealized_conversion_cast"(%arg113) : (tensor<4xui32>) -> tensor<4xi32>
    %151 = "builtin.unrealized_conversion_cast"(%arg112) : (tensor<ui32>) -> tensor<i32>
    %152 = "builtin.unrealized_conversion_cast"(%arg111) : (tensor<ui32>) -> tensor<i32>
    %153 = "builtin.unrealized_conversion_cast"(%148) : (tensor<4xi32>) -> tensor<4xui32>
    %154 = "builtin.unrealized_conversion_cast"(%147) : (tensor<4xi32>) -> tensor<4xui32>
    %155 = "tensor.empty"() : () -> tensor<i32>
    %156 = "linalg.generic"(%152, %151, %155) <{indexing_maps = [#map2, #map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg149: i32, %arg150: i32, %arg151: i32):
      %181 = "arith.xori"(%arg149, %arg150) : (i32, i32) -> i32
      "linalg.yield"(%181) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<i32>
    %157 = "tensor.empty"() : () -> tensor<i32>
    %158 = "linalg.generic"(%156, %157) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg147: i32, %arg148: i32):
      %180 = "arith.xori"(%arg147, %145) : (i32, i32) -> i32
      "linalg.yield"(%180) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %159 = "builtin.unrealized_conversion_cast"(%158) : (tensor<i32>) -> tensor<ui32>
    %160 = "tensor.empty"() : () -> tensor<4xi32>
    %161 = "linalg.generic"(%152, %160) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg145: i32, %arg146: i32):
      "linalg.yield"(%arg145) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %162 = "tensor.empty"() : () -> tensor<4xi32>
    %163 = "linalg.generic"(%150, %161, %162) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg142: i32, %arg143: i32, %arg144: i32):
      %179 = "arith.addi"(%arg142, %arg143) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%179) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %164 = "builtin.unrealized_conversion_cast"(%163) : (tensor<4xi32>) -> tensor<4xui32>
    %165 = "tensor.empty"() : () -> tensor<4xi32>
    %166 = "linalg.generic"(%151, %165) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg140: i32, %arg141: i32):
      "linalg.yield"(%arg140) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %167 = "tensor.empty"() : () -> tensor<4xi32>
    %168 = "linalg.generic"(%149, %166, %167) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg137: i32, %arg138: i32, %arg139: i32):
      %178 = "arith.addi"(%arg137, %arg138) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%178) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %169 = "builtin.unrealized_conversion_cast"(%168) : (tensor<4xi32>) -> tensor<4xui32>
    %170:9 = "stablehlo.while"(%146, %146, %164, %169, %arg112, %159, %arg111, %154, %153) ({
    ^bb0(%arg126: tensor<i32>, %arg127: tensor<i32>, %arg128: tensor<4xui32>, %arg129: tensor<4xui32>, %arg130: tensor<ui32>, %arg131: tensor<ui32>, %arg132: tensor<ui32>, %arg133: tensor<4xui32>, %arg134: tensor<4xui32>):
      %175 = "tensor.empty"() : () -> tensor<i1>
      %176 = "linalg.generic"(%arg126, %175) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg135: i32, %arg136: i1):
        %177 = "arith.cmpi"(%arg135, %144) <{predicate = 2 : i64}> : (i32, i32) -> i1
        "linalg.yield"(%177) : (i1) -> ()
      }) : (tensor<i32>, tensor<i1>) -> tensor<i1>
      "stablehlo.return"(%176) : (tensor<i1>) -> ()
    }, {
    ^bb0(%arg115: tensor<i32>, %arg116: tensor<i32>, %arg117: tensor<4xui32>, %arg118: tensor<4xui32>, %arg119: tensor<ui32>, %arg120: tensor<ui32>, %arg121: tensor<ui32>, %arg122: tensor<4xui32>, %arg123: tensor<4xui32>):
      %171:8 = "func.call"(%arg116, %arg117, %arg118, %arg119, %arg120, %arg121, %arg122, %arg123) <{callee = @closed_call}> : (tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>) -> (tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>)
      %172 = "tensor.empty"() : () -> tensor<i32>
      %173 = "linalg.generic"(%arg115, %172) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
      ^bb0(%arg124: i32, %arg125: i32):
        %174 = "arith.addi"(%arg124, %143) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
        "linalg.yield"(%174) : (i32) -> ()
      }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
      "stablehlo.return"(%173, %171#0, %171#1, %171#2, %171#3, %171#4, %171#5, %171#6, %171#7) : (tensor<i32>, tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>) -> ()
    }) : (tensor<i32>, tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>) -> (tensor<i32>, tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>)
    "func.return"(%170#2, %170#3) : (tensor<4xui32>, tensor<4xui32>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>) -> (tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>), sym_name = "closed_call", sym_visibility = "private"}> ({
  ^bb0(%arg0: tensor<i32>, %arg1: tensor<4xui32>, %arg2: tensor<4xui32>, %arg3: tensor<ui32>, %arg4: tensor<ui32>, %arg5: tensor<ui32>, %arg6: tensor<4xui32>, %arg7: tensor<4xui32>):
    %0 = "arith.constant"() <{value = 32 : i32}> : () -> i32
    %1 = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %2 = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %3 = "builtin.unrealized_conversion_cast"(%arg4) : (tensor<ui32>) -> tensor<i32>
    %4 = "builtin.unrealized_conversion_cast"(%arg3) : (tensor<ui32>) -> tensor<i32>
    %5 = "builtin.unrealized_conversion_cast"(%arg2) : (tensor<4xui32>) -> tensor<4xi32>
    %6 = "builtin.unrealized_conversion_cast"(%arg1) : (tensor<4xui32>) -> tensor<4xi32>
    %7 = "builtin.unrealized_conversion_cast"(%arg6) : (tensor<4xui32>) -> tensor<4xi32>
    %8 = "tensor.empty"() : () -> tensor<i32>
    %9 = "linalg.generic"(%arg0, %8) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg109: i32, %arg110: i32):
      %142 = "arith.addi"(%arg109, %2) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%142) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %10 = "tensor.extract_slice"(%7) <{operandSegmentSizes = array<i32: 1, 0, 0, 0>, static_offsets = array<i64: 0>, static_sizes = array<i64: 1>, static_strides = array<i64: 1>}> : (tensor<4xi32>) -> tensor<1xi32>
    %11 = "tensor.collapse_shape"(%10) <{reassociation = []}> : (tensor<1xi32>) -> tensor<i32>
    %12 = "tensor.empty"() : () -> tensor<4xi32>
    %13 = "linalg.generic"(%6, %5, %12) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg106: i32, %arg107: i32, %arg108: i32):
      %141 = "arith.addi"(%arg106, %arg107) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%141) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %14 = "tensor.empty"() : () -> tensor<4xi32>
    %15 = "linalg.generic"(%11, %14) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg104: i32, %arg105: i32):
      "linalg.yield"(%arg104) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %16 = "tensor.empty"() : () -> tensor<4xi32>
    %17 = "linalg.generic"(%5, %15, %16) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg101: i32, %arg102: i32, %arg103: i32):
      %138 = "arith.shli"(%arg101, %arg102) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      %139 = "arith.cmpi"(%arg102, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %140 = "arith.select"(%139, %138, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%140) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %18 = "tensor.empty"() : () -> tensor<i32>
    %19 = "linalg.generic"(%11, %18) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg99: i32, %arg100: i32):
      %137 = "arith.subi"(%0, %arg99) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%137) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %20 = "tensor.empty"() : () -> tensor<4xi32>
    %21 = "linalg.generic"(%19, %20) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg97: i32, %arg98: i32):
      "linalg.yield"(%arg97) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %22 = "tensor.empty"() : () -> tensor<4xi32>
    %23 = "linalg.generic"(%5, %21, %22) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg94: i32, %arg95: i32, %arg96: i32):
      %134 = "arith.shrui"(%arg94, %arg95) : (i32, i32) -> i32
      %135 = "arith.cmpi"(%arg95, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %136 = "arith.select"(%135, %134, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%136) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %24 = "tensor.empty"() : () -> tensor<4xi32>
    %25 = "linalg.generic"(%17, %23, %24) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg91: i32, %arg92: i32, %arg93: i32):
      %133 = "arith.ori"(%arg91, %arg92) : (i32, i32) -> i32
      "linalg.yield"(%133) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %26 = "tensor.empty"() : () -> tensor<4xi32>
    %27 = "linalg.generic"(%13, %25, %26) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg88: i32, %arg89: i32, %arg90: i32):
      %132 = "arith.xori"(%arg88, %arg89) : (i32, i32) -> i32
      "linalg.yield"(%132) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %28 = "tensor.extract_slice"(%7) <{operandSegmentSizes = array<i32: 1, 0, 0, 0>, static_offsets = array<i64: 1>, static_sizes = array<i64: 1>, static_strides = array<i64: 1>}> : (tensor<4xi32>) -> tensor<1xi32>
    %29 = "tensor.collapse_shape"(%28) <{reassociation = []}> : (tensor<1xi32>) -> tensor<i32>
    %30 = "tensor.empty"() : () -> tensor<4xi32>
    %31 = "linalg.generic"(%13, %27, %30) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg85: i32, %arg86: i32, %arg87: i32):
      %131 = "arith.addi"(%arg85, %arg86) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%131) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %32 = "tensor.empty"() : () -> tensor<4xi32>
    %33 = "linalg.generic"(%29, %32) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg83: i32, %arg84: i32):
      "linalg.yield"(%arg83) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %34 = "tensor.empty"() : () -> tensor<4xi32>
    %35 = "linalg.generic"(%27, %33, %34) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg80: i32, %arg81: i32, %arg82: i32):
      %128 = "arith.shli"(%arg80, %arg81) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      %129 = "arith.cmpi"(%arg81, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %130 = "arith.select"(%129, %128, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%130) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %36 = "tensor.empty"() : () -> tensor<i32>
    %37 = "linalg.generic"(%29, %36) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg78: i32, %arg79: i32):
      %127 = "arith.subi"(%0, %arg78) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%127) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %38 = "tensor.empty"() : () -> tensor<4xi32>
    %39 = "linalg.generic"(%37, %38) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg76: i32, %arg77: i32):
      "linalg.yield"(%arg76) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %40 = "tensor.empty"() : () -> tensor<4xi32>
    %41 = "linalg.generic"(%27, %39, %40) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg73: i32, %arg74: i32, %arg75: i32):
      %124 = "arith.shrui"(%arg73, %arg74) : (i32, i32) -> i32
      %125 = "arith.cmpi"(%arg74, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %126 = "arith.select"(%125, %124, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%126) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %42 = "tensor.empty"() : () -> tensor<4xi32>
    %43 = "linalg.generic"(%35, %41, %42) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg70: i32, %arg71: i32, %arg72: i32):
      %123 = "arith.ori"(%arg70, %arg71) : (i32, i32) -> i32
      "linalg.yield"(%123) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %44 = "tensor.empty"() : () -> tensor<4xi32>
    %45 = "linalg.generic"(%31, %43, %44) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg67: i32, %arg68: i32, %arg69: i32):
      %122 = "arith.xori"(%arg67, %arg68) : (i32, i32) -> i32
      "linalg.yield"(%122) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %46 = "tensor.extract_slice"(%7) <{operandSegmentSizes = array<i32: 1, 0, 0, 0>, static_offsets = array<i64: 2>, static_sizes = array<i64: 1>, static_strides = array<i64: 1>}> : (tensor<4xi32>) -> tensor<1xi32>
    %47 = "tensor.collapse_shape"(%46) <{reassociation = []}> : (tensor<1xi32>) -> tensor<i32>
    %48 = "tensor.empty"() : () -> tensor<4xi32>
    %49 = "linalg.generic"(%31, %45, %48) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg64: i32, %arg65: i32, %arg66: i32):
      %121 = "arith.addi"(%arg64, %arg65) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%121) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %50 = "tensor.empty"() : () -> tensor<4xi32>
    %51 = "linalg.generic"(%47, %50) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg62: i32, %arg63: i32):
      "linalg.yield"(%arg62) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %52 = "tensor.empty"() : () -> tensor<4xi32>
    %53 = "linalg.generic"(%45, %51, %52) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg59: i32, %arg60: i32, %arg61: i32):
      %118 = "arith.shli"(%arg59, %arg60) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      %119 = "arith.cmpi"(%arg60, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %120 = "arith.select"(%119, %118, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%120) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %54 = "tensor.empty"() : () -> tensor<i32>
    %55 = "linalg.generic"(%47, %54) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg57: i32, %arg58: i32):
      %117 = "arith.subi"(%0, %arg57) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%117) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %56 = "tensor.empty"() : () -> tensor<4xi32>
    %57 = "linalg.generic"(%55, %56) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg55: i32, %arg56: i32):
      "linalg.yield"(%arg55) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %58 = "tensor.empty"() : () -> tensor<4xi32>
    %59 = "linalg.generic"(%45, %57, %58) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg52: i32, %arg53: i32, %arg54: i32):
      %114 = "arith.shrui"(%arg52, %arg53) : (i32, i32) -> i32
      %115 = "arith.cmpi"(%arg53, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %116 = "arith.select"(%115, %114, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%116) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %60 = "tensor.empty"() : () -> tensor<4xi32>
    %61 = "linalg.generic"(%53, %59, %60) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg49: i32, %arg50: i32, %arg51: i32):
      %113 = "arith.ori"(%arg49, %arg50) : (i32, i32) -> i32
      "linalg.yield"(%113) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %62 = "tensor.empty"() : () -> tensor<4xi32>
    %63 = "linalg.generic"(%49, %61, %62) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg46: i32, %arg47: i32, %arg48: i32):
      %112 = "arith.xori"(%arg46, %arg47) : (i32, i32) -> i32
      "linalg.yield"(%112) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %64 = "tensor.extract_slice"(%7) <{operandSegmentSizes = array<i32: 1, 0, 0, 0>, static_offsets = array<i64: 3>, static_sizes = array<i64: 1>, static_strides = array<i64: 1>}> : (tensor<4xi32>) -> tensor<1xi32>
    %65 = "tensor.collapse_shape"(%64) <{reassociation = []}> : (tensor<1xi32>) -> tensor<i32>
    %66 = "tensor.empty"() : () -> tensor<4xi32>
    %67 = "linalg.generic"(%49, %63, %66) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg43: i32, %arg44: i32, %arg45: i32):
      %111 = "arith.addi"(%arg43, %arg44) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%111) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %68 = "tensor.empty"() : () -> tensor<4xi32>
    %69 = "linalg.generic"(%65, %68) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg41: i32, %arg42: i32):
      "linalg.yield"(%arg41) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %70 = "tensor.empty"() : () -> tensor<4xi32>
    %71 = "linalg.generic"(%63, %69, %70) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg38: i32, %arg39: i32, %arg40: i32):
      %108 = "arith.shli"(%arg38, %arg39) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      %109 = "arith.cmpi"(%arg39, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %110 = "arith.select"(%109, %108, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%110) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %72 = "tensor.empty"() : () -> tensor<i32>
    %73 = "linalg.generic"(%65, %72) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg36: i32, %arg37: i32):
      %107 = "arith.subi"(%0, %arg36) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%107) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %74 = "tensor.empty"() : () -> tensor<4xi32>
    %75 = "linalg.generic"(%73, %74) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg34: i32, %arg35: i32):
      "linalg.yield"(%arg34) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %76 = "tensor.empty"() : () -> tensor<4xi32>
    %77 = "linalg.generic"(%63, %75, %76) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg31: i32, %arg32: i32, %arg33: i32):
      %104 = "arith.shrui"(%arg31, %arg32) : (i32, i32) -> i32
      %105 = "arith.cmpi"(%arg32, %0) <{predicate = 6 : i64}> : (i32, i32) -> i1
      %106 = "arith.select"(%105, %104, %1) : (i1, i32, i32) -> i32
      "linalg.yield"(%106) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %78 = "tensor.empty"() : () -> tensor<4xi32>
    %79 = "linalg.generic"(%71, %77, %78) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg28: i32, %arg29: i32, %arg30: i32):
      %103 = "arith.ori"(%arg28, %arg29) : (i32, i32) -> i32
      "linalg.yield"(%103) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %80 = "tensor.empty"() : () -> tensor<4xi32>
    %81 = "linalg.generic"(%67, %79, %80) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg25: i32, %arg26: i32, %arg27: i32):
      %102 = "arith.xori"(%arg25, %arg26) : (i32, i32) -> i32
      "linalg.yield"(%102) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %82 = "tensor.empty"() : () -> tensor<4xi32>
    %83 = "linalg.generic"(%4, %82) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg23: i32, %arg24: i32):
      "linalg.yield"(%arg23) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %84 = "tensor.empty"() : () -> tensor<4xi32>
    %85 = "linalg.generic"(%67, %83, %84) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg20: i32, %arg21: i32, %arg22: i32):
      %101 = "arith.addi"(%arg20, %arg21) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%101) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %86 = "builtin.unrealized_conversion_cast"(%85) : (tensor<4xi32>) -> tensor<4xui32>
    %87 = "tensor.empty"() : () -> tensor<4xi32>
    %88 = "linalg.generic"(%3, %87) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg18: i32, %arg19: i32):
      "linalg.yield"(%arg18) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %89 = "tensor.empty"() : () -> tensor<4xi32>
    %90 = "linalg.generic"(%81, %88, %89) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg15: i32, %arg16: i32, %arg17: i32):
      %100 = "arith.addi"(%arg15, %arg16) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%100) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %91 = "tensor.empty"() : () -> tensor<i32>
    %92 = "linalg.generic"(%arg0, %91) <{indexing_maps = [#map2, #map2], iterator_types = [], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg13: i32, %arg14: i32):
      %99 = "arith.addi"(%arg13, %2) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%99) : (i32) -> ()
    }) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %93 = "tensor.empty"() : () -> tensor<4xi32>
    %94 = "linalg.generic"(%92, %93) <{indexing_maps = [#map1, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg11: i32, %arg12: i32):
      "linalg.yield"(%arg11) : (i32) -> ()
    }) : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
    %95 = "tensor.empty"() : () -> tensor<4xi32>
    %96 = "linalg.generic"(%90, %94, %95) <{indexing_maps = [#map, #map, #map], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 2, 1>}> ({
    ^bb0(%arg8: i32, %arg9: i32, %arg10: i32):
      %98 = "arith.addi"(%arg8, %arg9) <{overflowFlags = #arith.overflow<none>}> : (i32, i32) -> i32
      "linalg.yield"(%98) : (i32) -> ()
    }) : (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
    %97 = "builtin.unrealized_conversion_cast"(%96) : (tensor<4xi32>) -> tensor<4xui32>
    "func.return"(%9, %86, %97, %arg4, %arg5, %arg3, %arg7, %arg6) : (tensor<i32>, tensor<4xui32>, tensor<4xui32>, tensor<ui32>, tensor<ui32>, tensor<ui32>, tensor<4xui32>, tensor<4xui32>) -> ()
  }) : () -> ()
}) {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} : () -> ()

