// What from_torch makes of the model 'llama' of test/python/frontends/test_torch.py.
//
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt | FileCheck %s --check-prefix=OPT
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt --plait-lowered-reference \
// RUN:   --plait-target-cpu | FileCheck %s --check-prefix=LLVM
// OPT: func.func @main
// OPT-NOT: linalg.transpose
// OPT: return
// LLVM: llvm.func @main
// LLVM: llvm.intr.fmuladd{{.*}}vector<
#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map2 = affine_map<(d0, d1, d2) -> (d2)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
#map5 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map6 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map7 = affine_map<(d0) -> (d0)>
#map8 = affine_map<(d0, d1) -> (0, d1)>
#map9 = affine_map<(d0, d1) -> (d0, 0)>
#map10 = affine_map<(d0, d1) -> (d0, d1)>
#map11 = affine_map<(d0, d1) -> ()>
#map12 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map13 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @main(%arg0: tensor<64x64xf32>, %arg1: tensor<64x64xf32>, %arg2: tensor<32x64xf32>, %arg3: tensor<32x64xf32>, %arg4: tensor<128x64xf32>, %arg5: tensor<128x64xf32>, %arg6: tensor<64x128xf32>, %arg7: tensor<64xf32>, %arg8: tensor<64xf32>, %arg9: tensor<64x16xf32>, %arg10: tensor<64x16xf32>, %arg11: tensor<2x9x64xf32>) -> tensor<2x9x64xf32> {
    %c0_i64 = arith.constant 0 : i64
    %c2_i64 = arith.constant 2 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant 1.000000e+00 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<2x4x9x9xf32>
    %cst_3 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_4 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_5 = arith.constant dense<true> : tensor<9x9xi1>
    %cst_6 = arith.constant 0xFFF0000000000000 : f64
    %cst_7 = arith.constant 9.9999999999999995E-7 : f64
    %cst_8 = arith.constant 6.400000e+01 : f32
    %cst_9 = arith.constant 5.000000e-01 : f32
    %0 = tensor.empty() : tensor<2x9x64xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg11 : tensor<2x9x64xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    %2 = tensor.empty() : tensor<2x9x1xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<2x9x1xf32>) -> tensor<2x9x1xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction"]} ins(%1 : tensor<2x9x64xf32>) outs(%3 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.addf %in, %out : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x1xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%4 : tensor<2x9x1xf32>) outs(%2 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.divf %in, %cst_8 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x1xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%5 : tensor<2x9x1xf32>) outs(%2 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.truncf %cst_7 : f64 to f32
      %94 = arith.addf %in, %93 : f32
      linalg.yield %94 : f32
    } -> tensor<2x9x1xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<2x9x1xf32>) outs(%2 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.rsqrt %in : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x1xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg11, %7 : tensor<2x9x64xf32>, tensor<2x9x1xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%8, %arg7 : tensor<2x9x64xf32>, tensor<64xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    %10 = tensor.empty() : tensor<64x64xf32>
    %transposed = linalg.transpose ins(%arg0 : tensor<64x64xf32>) outs(%10 : tensor<64x64xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %9 [[0, 1], [2]] : tensor<2x9x64xf32> into tensor<18x64xf32>
    %11 = tensor.empty() : tensor<18x64xf32>
    %12 = linalg.fill ins(%cst : f32) outs(%11 : tensor<18x64xf32>) -> tensor<18x64xf32>
    %13 = linalg.matmul ins(%collapsed, %transposed : tensor<18x64xf32>, tensor<64x64xf32>) outs(%12 : tensor<18x64xf32>) -> tensor<18x64xf32>
    %expanded = tensor.expand_shape %13 [[0, 1], [2, 3]] output_shape [2, 9, 4, 16] : tensor<18x64xf32> into tensor<2x9x4x16xf32>
    %14 = tensor.empty() : tensor<2x4x9x16xf32>
    %transposed_10 = linalg.transpose ins(%expanded : tensor<2x9x4x16xf32>) outs(%14 : tensor<2x4x9x16xf32>) permutation = [0, 2, 1, 3] 
    %15 = tensor.empty() : tensor<64x32xf32>
    %transposed_11 = linalg.transpose ins(%arg2 : tensor<32x64xf32>) outs(%15 : tensor<64x32xf32>) permutation = [1, 0] 
    %16 = tensor.empty() : tensor<18x32xf32>
    %17 = linalg.fill ins(%cst : f32) outs(%16 : tensor<18x32xf32>) -> tensor<18x32xf32>
    %18 = linalg.matmul ins(%collapsed, %transposed_11 : tensor<18x64xf32>, tensor<64x32xf32>) outs(%17 : tensor<18x32xf32>) -> tensor<18x32xf32>
    %expanded_12 = tensor.expand_shape %18 [[0, 1], [2, 3]] output_shape [2, 9, 2, 16] : tensor<18x32xf32> into tensor<2x9x2x16xf32>
    %19 = tensor.empty() : tensor<2x2x9x16xf32>
    %transposed_13 = linalg.transpose ins(%expanded_12 : tensor<2x9x2x16xf32>) outs(%19 : tensor<2x2x9x16xf32>) permutation = [0, 2, 1, 3] 
    %transposed_14 = linalg.transpose ins(%arg3 : tensor<32x64xf32>) outs(%15 : tensor<64x32xf32>) permutation = [1, 0] 
    %20 = linalg.matmul ins(%collapsed, %transposed_14 : tensor<18x64xf32>, tensor<64x32xf32>) outs(%17 : tensor<18x32xf32>) -> tensor<18x32xf32>
    %expanded_15 = tensor.expand_shape %20 [[0, 1], [2, 3]] output_shape [2, 9, 2, 16] : tensor<18x32xf32> into tensor<2x9x2x16xf32>
    %transposed_16 = linalg.transpose ins(%expanded_15 : tensor<2x9x2x16xf32>) outs(%19 : tensor<2x2x9x16xf32>) permutation = [0, 2, 1, 3] 
    %extracted_slice = tensor.extract_slice %transposed_13[0, 0, 0, 0] [2, 2, 9, 8] [1, 1, 1, 1] : tensor<2x2x9x16xf32> to tensor<2x2x9x8xf32>
    %extracted_slice_17 = tensor.extract_slice %transposed_13[0, 0, 0, 8] [2, 2, 9, 8] [1, 1, 1, 1] : tensor<2x2x9x16xf32> to tensor<2x2x9x8xf32>
    %extracted_slice_18 = tensor.extract_slice %arg9[0, 0] [9, 16] [1, 1] : tensor<64x16xf32> to tensor<9x16xf32>
    %21 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_13, %extracted_slice_18 : tensor<2x2x9x16xf32>, tensor<9x16xf32>) outs(%19 : tensor<2x2x9x16xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x2x9x16xf32>
    %22 = tensor.empty() : tensor<2x2x9x8xf32>
    %23 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_17 : tensor<2x2x9x8xf32>) outs(%22 : tensor<2x2x9x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.negf %in : f32
      linalg.yield %93 : f32
    } -> tensor<2x2x9x8xf32>
    %concat = tensor.concat dim(3) %23, %extracted_slice : (tensor<2x2x9x8xf32>, tensor<2x2x9x8xf32>) -> tensor<2x2x9x16xf32>
    %extracted_slice_19 = tensor.extract_slice %arg10[0, 0] [9, 16] [1, 1] : tensor<64x16xf32> to tensor<9x16xf32>
    %24 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %extracted_slice_19 : tensor<2x2x9x16xf32>, tensor<9x16xf32>) outs(%19 : tensor<2x2x9x16xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x2x9x16xf32>
    %25 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%21, %24 : tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>) outs(%19 : tensor<2x2x9x16xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.addf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x2x9x16xf32>
    %26 = tensor.empty() : tensor<2x2x2x9x16xf32>
    %27 = linalg.generic {indexing_maps = [#map5, #map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%25 : tensor<2x2x9x16xf32>) outs(%26 : tensor<2x2x2x9x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x2x9x16xf32>
    %collapsed_20 = tensor.collapse_shape %27 [[0], [1, 2], [3], [4]] : tensor<2x2x2x9x16xf32> into tensor<2x4x9x16xf32>
    %28 = linalg.generic {indexing_maps = [#map5, #map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%transposed_16 : tensor<2x2x9x16xf32>) outs(%26 : tensor<2x2x2x9x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x2x9x16xf32>
    %extracted_slice_21 = tensor.extract_slice %transposed_10[0, 0, 0, 0] [2, 4, 9, 8] [1, 1, 1, 1] : tensor<2x4x9x16xf32> to tensor<2x4x9x8xf32>
    %extracted_slice_22 = tensor.extract_slice %transposed_10[0, 0, 0, 8] [2, 4, 9, 8] [1, 1, 1, 1] : tensor<2x4x9x16xf32> to tensor<2x4x9x8xf32>
    %29 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_10, %extracted_slice_18 : tensor<2x4x9x16xf32>, tensor<9x16xf32>) outs(%14 : tensor<2x4x9x16xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x16xf32>
    %30 = tensor.empty() : tensor<2x4x9x8xf32>
    %31 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_22 : tensor<2x4x9x8xf32>) outs(%30 : tensor<2x4x9x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.negf %in : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x8xf32>
    %concat_23 = tensor.concat dim(3) %31, %extracted_slice_21 : (tensor<2x4x9x8xf32>, tensor<2x4x9x8xf32>) -> tensor<2x4x9x16xf32>
    %32 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_23, %extracted_slice_19 : tensor<2x4x9x16xf32>, tensor<9x16xf32>) outs(%14 : tensor<2x4x9x16xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x16xf32>
    %33 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%29, %32 : tensor<2x4x9x16xf32>, tensor<2x4x9x16xf32>) outs(%14 : tensor<2x4x9x16xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.addf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x16xf32>
    %34 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%33 : tensor<2x4x9x16xf32>) outs(%14 : tensor<2x4x9x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.mulf %in, %cst_9 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x16xf32>
    %35 = tensor.empty() : tensor<9xi64>
    %36 = linalg.generic {indexing_maps = [#map7], iterator_types = ["parallel"]} outs(%35 : tensor<9xi64>) {
    ^bb0(%out: i64):
      %93 = linalg.index 0 : index
      %94 = arith.index_cast %93 : index to i64
      linalg.yield %94 : i64
    } -> tensor<9xi64>
    %expanded_24 = tensor.expand_shape %36 [[0, 1]] output_shape [1, 9] : tensor<9xi64> into tensor<1x9xi64>
    %expanded_25 = tensor.expand_shape %36 [[0, 1]] output_shape [9, 1] : tensor<9xi64> into tensor<9x1xi64>
    %37 = tensor.empty() : tensor<9x9xi64>
    %38 = linalg.generic {indexing_maps = [#map8, #map9, #map10], iterator_types = ["parallel", "parallel"]} ins(%expanded_24, %expanded_25 : tensor<1x9xi64>, tensor<9x1xi64>) outs(%37 : tensor<9x9xi64>) {
    ^bb0(%in: i64, %in_46: i64, %out: i64):
      %93 = arith.subi %in, %in_46 : i64
      linalg.yield %93 : i64
    } -> tensor<9x9xi64>
    %39 = tensor.empty() : tensor<9x9xi1>
    %40 = linalg.generic {indexing_maps = [#map10, #map10], iterator_types = ["parallel", "parallel"]} ins(%38 : tensor<9x9xi64>) outs(%39 : tensor<9x9xi1>) {
    ^bb0(%in: i64, %out: i1):
      %93 = arith.cmpi sle, %in, %c0_i64 : i64
      linalg.yield %93 : i1
    } -> tensor<9x9xi1>
    %41 = linalg.generic {indexing_maps = [#map10, #map10, #map10], iterator_types = ["parallel", "parallel"]} ins(%40, %cst_5 : tensor<9x9xi1>, tensor<9x9xi1>) outs(%39 : tensor<9x9xi1>) {
    ^bb0(%in: i1, %in_46: i1, %out: i1):
      %93 = arith.andi %in, %in_46 : i1
      linalg.yield %93 : i1
    } -> tensor<9x9xi1>
    %42 = tensor.empty() : tensor<9x9xf32>
    %43 = linalg.generic {indexing_maps = [#map10, #map11, #map11, #map10], iterator_types = ["parallel", "parallel"]} ins(%41, %cst_3, %cst_4 : tensor<9x9xi1>, tensor<f32>, tensor<f32>) outs(%42 : tensor<9x9xf32>) {
    ^bb0(%in: i1, %in_46: f32, %in_47: f32, %out: f32):
      %93 = arith.select %in, %in_46, %in_47 : f32
      linalg.yield %93 : f32
    } -> tensor<9x9xf32>
    %44 = tensor.empty() : tensor<2x4x16x9xf32>
    %transposed_26 = linalg.transpose ins(%collapsed_20 : tensor<2x4x9x16xf32>) outs(%44 : tensor<2x4x16x9xf32>) permutation = [0, 1, 3, 2] 
    %45 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_26 : tensor<2x4x16x9xf32>) outs(%44 : tensor<2x4x16x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.mulf %in, %cst_9 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x16x9xf32>
    %collapsed_27 = tensor.collapse_shape %34 [[0, 1], [2], [3]] : tensor<2x4x9x16xf32> into tensor<8x9x16xf32>
    %collapsed_28 = tensor.collapse_shape %45 [[0, 1], [2], [3]] : tensor<2x4x16x9xf32> into tensor<8x16x9xf32>
    %46 = tensor.empty() : tensor<8x9x9xf32>
    %47 = linalg.fill ins(%cst : f32) outs(%46 : tensor<8x9x9xf32>) -> tensor<8x9x9xf32>
    %48 = linalg.batch_matmul ins(%collapsed_27, %collapsed_28 : tensor<8x9x16xf32>, tensor<8x16x9xf32>) outs(%47 : tensor<8x9x9xf32>) -> tensor<8x9x9xf32>
    %expanded_29 = tensor.expand_shape %48 [[0, 1], [2], [3]] output_shape [2, 4, 9, 9] : tensor<8x9x9xf32> into tensor<2x4x9x9xf32>
    %49 = tensor.empty() : tensor<2x4x9x9xf32>
    %50 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_29, %43 : tensor<2x4x9x9xf32>, tensor<9x9xf32>) outs(%49 : tensor<2x4x9x9xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.addf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x9xf32>
    %51 = tensor.empty() : tensor<2x4x9xi64>
    %52 = linalg.fill ins(%c0_i64 : i64) outs(%51 : tensor<2x4x9xi64>) -> tensor<2x4x9xi64>
    %53 = tensor.empty() : tensor<2x4x9xf32>
    %54 = linalg.fill ins(%cst_0 : f32) outs(%53 : tensor<2x4x9xf32>) -> tensor<2x4x9xf32>
    %55:2 = linalg.generic {indexing_maps = [#map3, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%50 : tensor<2x4x9x9xf32>) outs(%54, %52 : tensor<2x4x9xf32>, tensor<2x4x9xi64>) {
    ^bb0(%in: f32, %out: f32, %out_46: i64):
      %93 = linalg.index 3 : index
      %94 = arith.index_cast %93 : index to i64
      %95 = arith.maximumf %in, %out : f32
      %96 = arith.cmpf ogt, %in, %out : f32
      %97 = arith.cmpf une, %in, %in : f32
      %98 = arith.cmpf oeq, %out, %out : f32
      %99 = arith.andi %97, %98 : i1
      %100 = arith.ori %96, %99 : i1
      %101 = arith.select %100, %94, %out_46 : i64
      linalg.yield %95, %101 : f32, i64
    } -> (tensor<2x4x9xf32>, tensor<2x4x9xi64>)
    %expanded_30 = tensor.expand_shape %55#0 [[0], [1], [2, 3]] output_shape [2, 4, 9, 1] : tensor<2x4x9xf32> into tensor<2x4x9x1xf32>
    %56 = linalg.generic {indexing_maps = [#map3, #map13, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%50, %expanded_30 : tensor<2x4x9x9xf32>, tensor<2x4x9x1xf32>) outs(%49 : tensor<2x4x9x9xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.subf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x9xf32>
    %57 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%56 : tensor<2x4x9x9xf32>) outs(%49 : tensor<2x4x9x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.exp %in : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x9xf32>
    %58 = tensor.empty() : tensor<2x4x9x1xf32>
    %59 = linalg.fill ins(%cst : f32) outs(%58 : tensor<2x4x9x1xf32>) -> tensor<2x4x9x1xf32>
    %60 = linalg.generic {indexing_maps = [#map3, #map13], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%57 : tensor<2x4x9x9xf32>) outs(%59 : tensor<2x4x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.addf %in, %out : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x1xf32>
    %61 = linalg.generic {indexing_maps = [#map3, #map13, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%57, %60 : tensor<2x4x9x9xf32>, tensor<2x4x9x1xf32>) outs(%49 : tensor<2x4x9x9xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.divf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x9xf32>
    %62 = tensor.empty() : tensor<2x4x9x9xi1>
    %63 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%50 : tensor<2x4x9x9xf32>) outs(%62 : tensor<2x4x9x9xi1>) {
    ^bb0(%in: f32, %out: i1):
      %93 = arith.extf %in : f32 to f64
      %94 = arith.cmpf oeq, %93, %cst_6 : f64
      linalg.yield %94 : i1
    } -> tensor<2x4x9x9xi1>
    %64 = tensor.empty() : tensor<2x4x9x1xi1>
    %65 = linalg.fill ins(%true : i1) outs(%64 : tensor<2x4x9x1xi1>) -> tensor<2x4x9x1xi1>
    %66 = linalg.generic {indexing_maps = [#map3, #map13], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%63 : tensor<2x4x9x9xi1>) outs(%65 : tensor<2x4x9x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %93 = arith.andi %in, %out : i1
      linalg.yield %93 : i1
    } -> tensor<2x4x9x1xi1>
    %67 = linalg.generic {indexing_maps = [#map13, #map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%66, %cst_2, %61 : tensor<2x4x9x1xi1>, tensor<2x4x9x9xf32>, tensor<2x4x9x9xf32>) outs(%49 : tensor<2x4x9x9xf32>) {
    ^bb0(%in: i1, %in_46: f32, %in_47: f32, %out: f32):
      %93 = arith.select %in, %in_46, %in_47 : f32
      linalg.yield %93 : f32
    } -> tensor<2x4x9x9xf32>
    %collapsed_31 = tensor.collapse_shape %67 [[0, 1], [2], [3]] : tensor<2x4x9x9xf32> into tensor<8x9x9xf32>
    %collapsed_32 = tensor.collapse_shape %28 [[0, 1, 2], [3], [4]] : tensor<2x2x2x9x16xf32> into tensor<8x9x16xf32>
    %68 = tensor.empty() : tensor<8x9x16xf32>
    %69 = linalg.fill ins(%cst : f32) outs(%68 : tensor<8x9x16xf32>) -> tensor<8x9x16xf32>
    %70 = linalg.batch_matmul ins(%collapsed_31, %collapsed_32 : tensor<8x9x9xf32>, tensor<8x9x16xf32>) outs(%69 : tensor<8x9x16xf32>) -> tensor<8x9x16xf32>
    %expanded_33 = tensor.expand_shape %70 [[0, 1], [2], [3]] output_shape [2, 4, 9, 16] : tensor<8x9x16xf32> into tensor<2x4x9x16xf32>
    %71 = tensor.empty() : tensor<2x9x4x16xf32>
    %transposed_34 = linalg.transpose ins(%expanded_33 : tensor<2x4x9x16xf32>) outs(%71 : tensor<2x9x4x16xf32>) permutation = [0, 2, 1, 3] 
    %transposed_35 = linalg.transpose ins(%arg1 : tensor<64x64xf32>) outs(%10 : tensor<64x64xf32>) permutation = [1, 0] 
    %collapsed_36 = tensor.collapse_shape %transposed_34 [[0, 1], [2, 3]] : tensor<2x9x4x16xf32> into tensor<18x64xf32>
    %72 = linalg.matmul ins(%collapsed_36, %transposed_35 : tensor<18x64xf32>, tensor<64x64xf32>) outs(%12 : tensor<18x64xf32>) -> tensor<18x64xf32>
    %expanded_37 = tensor.expand_shape %72 [[0, 1], [2]] output_shape [2, 9, 64] : tensor<18x64xf32> into tensor<2x9x64xf32>
    %73 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg11, %expanded_37 : tensor<2x9x64xf32>, tensor<2x9x64xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.addf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    %74 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%73 : tensor<2x9x64xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    %75 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction"]} ins(%74 : tensor<2x9x64xf32>) outs(%3 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.addf %in, %out : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x1xf32>
    %76 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%75 : tensor<2x9x1xf32>) outs(%2 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.divf %in, %cst_8 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x1xf32>
    %77 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%76 : tensor<2x9x1xf32>) outs(%2 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.truncf %cst_7 : f64 to f32
      %94 = arith.addf %in, %93 : f32
      linalg.yield %94 : f32
    } -> tensor<2x9x1xf32>
    %78 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%77 : tensor<2x9x1xf32>) outs(%2 : tensor<2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.rsqrt %in : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x1xf32>
    %79 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%73, %78 : tensor<2x9x64xf32>, tensor<2x9x1xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    %80 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%79, %arg8 : tensor<2x9x64xf32>, tensor<64xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    %81 = tensor.empty() : tensor<64x128xf32>
    %transposed_38 = linalg.transpose ins(%arg4 : tensor<128x64xf32>) outs(%81 : tensor<64x128xf32>) permutation = [1, 0] 
    %collapsed_39 = tensor.collapse_shape %80 [[0, 1], [2]] : tensor<2x9x64xf32> into tensor<18x64xf32>
    %82 = tensor.empty() : tensor<18x128xf32>
    %83 = linalg.fill ins(%cst : f32) outs(%82 : tensor<18x128xf32>) -> tensor<18x128xf32>
    %84 = linalg.matmul ins(%collapsed_39, %transposed_38 : tensor<18x64xf32>, tensor<64x128xf32>) outs(%83 : tensor<18x128xf32>) -> tensor<18x128xf32>
    %expanded_40 = tensor.expand_shape %84 [[0, 1], [2]] output_shape [2, 9, 128] : tensor<18x128xf32> into tensor<2x9x128xf32>
    %85 = tensor.empty() : tensor<2x9x128xf32>
    %86 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_40 : tensor<2x9x128xf32>) outs(%85 : tensor<2x9x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.negf %in : f32
      %94 = math.exp %93 : f32
      %95 = arith.addf %94, %cst_1 : f32
      %96 = arith.divf %cst_1, %95 : f32
      linalg.yield %96 : f32
    } -> tensor<2x9x128xf32>
    %87 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_40, %86 : tensor<2x9x128xf32>, tensor<2x9x128xf32>) outs(%85 : tensor<2x9x128xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x128xf32>
    %transposed_41 = linalg.transpose ins(%arg5 : tensor<128x64xf32>) outs(%81 : tensor<64x128xf32>) permutation = [1, 0] 
    %88 = linalg.matmul ins(%collapsed_39, %transposed_41 : tensor<18x64xf32>, tensor<64x128xf32>) outs(%83 : tensor<18x128xf32>) -> tensor<18x128xf32>
    %expanded_42 = tensor.expand_shape %88 [[0, 1], [2]] output_shape [2, 9, 128] : tensor<18x128xf32> into tensor<2x9x128xf32>
    %89 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%87, %expanded_42 : tensor<2x9x128xf32>, tensor<2x9x128xf32>) outs(%85 : tensor<2x9x128xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.mulf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x128xf32>
    %90 = tensor.empty() : tensor<128x64xf32>
    %transposed_43 = linalg.transpose ins(%arg6 : tensor<64x128xf32>) outs(%90 : tensor<128x64xf32>) permutation = [1, 0] 
    %collapsed_44 = tensor.collapse_shape %89 [[0, 1], [2]] : tensor<2x9x128xf32> into tensor<18x128xf32>
    %91 = linalg.matmul ins(%collapsed_44, %transposed_43 : tensor<18x128xf32>, tensor<128x64xf32>) outs(%12 : tensor<18x64xf32>) -> tensor<18x64xf32>
    %expanded_45 = tensor.expand_shape %91 [[0, 1], [2]] output_shape [2, 9, 64] : tensor<18x64xf32> into tensor<2x9x64xf32>
    %92 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%73, %expanded_45 : tensor<2x9x64xf32>, tensor<2x9x64xf32>) outs(%0 : tensor<2x9x64xf32>) {
    ^bb0(%in: f32, %in_46: f32, %out: f32):
      %93 = arith.addf %in, %in_46 : f32
      linalg.yield %93 : f32
    } -> tensor<2x9x64xf32>
    return %92 : tensor<2x9x64xf32>
  }
}

