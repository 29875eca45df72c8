// What from_torch makes of the model 'resnet' of test/python/frontends/test_torch.py.
//
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt | FileCheck %s --check-prefix=OPT
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt --plait-lowered-reference \
// RUN:   --plait-target-cpu | FileCheck %s --check-prefix=LLVM
// OPT: func.func @main
// OPT-NOT: linalg.transpose
// OPT: return
// LLVM: llvm.func @main
// LLVM: llvm.intr.fmuladd{{.*}}vector<
#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d1, 0, 0)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
#map4 = affine_map<(d0, d1) -> (d0, d1)>
#map5 = affine_map<(d0, d1) -> (d1)>
module {
  func.func @main(%arg0: tensor<16x3x7x7xf32>, %arg1: tensor<16xf32>, %arg2: tensor<16xf32>, %arg3: tensor<16x16x3x3xf32>, %arg4: tensor<16x16x3x3xf32>, %arg5: tensor<16xf32>, %arg6: tensor<16xf32>, %arg7: tensor<16xf32>, %arg8: tensor<16xf32>, %arg9: tensor<32x16x3x3xf32>, %arg10: tensor<32x32x3x3xf32>, %arg11: tensor<32xf32>, %arg12: tensor<32xf32>, %arg13: tensor<32xf32>, %arg14: tensor<32xf32>, %arg15: tensor<32x16x1x1xf32>, %arg16: tensor<32xf32>, %arg17: tensor<32xf32>, %arg18: tensor<32xf32>, %arg19: tensor<10x32xf32>, %arg20: tensor<10xf32>, %arg21: tensor<16xf32>, %arg22: tensor<16xf32>, %arg23: tensor<i64>, %arg24: tensor<16xf32>, %arg25: tensor<16xf32>, %arg26: tensor<i64>, %arg27: tensor<16xf32>, %arg28: tensor<16xf32>, %arg29: tensor<i64>, %arg30: tensor<32xf32>, %arg31: tensor<32xf32>, %arg32: tensor<i64>, %arg33: tensor<32xf32>, %arg34: tensor<32xf32>, %arg35: tensor<i64>, %arg36: tensor<32xf32>, %arg37: tensor<32xf32>, %arg38: tensor<i64>, %arg39: tensor<2x3x32x32xf32>) -> tensor<2x10xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant dense<1.000000e+00> : tensor<32xf32>
    %cst_2 = arith.constant dense<1.000000e+00> : tensor<16xf32>
    %cst_3 = arith.constant 1.000000e-05 : f64
    %cst_4 = arith.constant 1.600000e+01 : f32
    %padded = tensor.pad %arg39 low[0, 0, 3, 3] high[0, 0, 3, 3] {
    ^bb0(%arg40: index, %arg41: index, %arg42: index, %arg43: index):
      tensor.yield %cst : f32
    } : tensor<2x3x32x32xf32> to tensor<2x3x38x38xf32>
    %0 = tensor.empty() : tensor<2x16x16x16xf32>
    %1 = linalg.fill ins(%cst : f32) outs(%0 : tensor<2x16x16x16xf32>) -> tensor<2x16x16x16xf32>
    %2 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%padded, %arg0 : tensor<2x3x38x38xf32>, tensor<16x3x7x7xf32>) outs(%1 : tensor<2x16x16x16xf32>) -> tensor<2x16x16x16xf32>
    %3 = tensor.empty() : tensor<16xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg22 : tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.truncf %cst_3 : f64 to f32
      %76 = arith.addf %in, %75 : f32
      linalg.yield %76 : f32
    } -> tensor<16xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%4 : tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = math.sqrt %in : f32
      linalg.yield %75 : f32
    } -> tensor<16xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%cst_2, %5 : tensor<16xf32>, tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.divf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<16xf32>
    %expanded = tensor.expand_shape %arg21 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %expanded_5 = tensor.expand_shape %6 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %7 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2, %expanded : tensor<2x16x16x16xf32>, tensor<16x1x1xf32>) outs(%0 : tensor<2x16x16x16xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.subf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x16x16xf32>
    %8 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %expanded_5 : tensor<2x16x16x16xf32>, tensor<16x1x1xf32>) outs(%0 : tensor<2x16x16x16xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x16x16xf32>
    %expanded_6 = tensor.expand_shape %arg1 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %9 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%8, %expanded_6 : tensor<2x16x16x16xf32>, tensor<16x1x1xf32>) outs(%0 : tensor<2x16x16x16xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x16x16xf32>
    %expanded_7 = tensor.expand_shape %arg2 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %10 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%9, %expanded_7 : tensor<2x16x16x16xf32>, tensor<16x1x1xf32>) outs(%0 : tensor<2x16x16x16xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x16x16xf32>
    %11 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10 : tensor<2x16x16x16xf32>) outs(%0 : tensor<2x16x16x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.cmpf ugt, %in, %cst : f32
      %76 = arith.select %75, %in, %cst : f32
      linalg.yield %76 : f32
    } -> tensor<2x16x16x16xf32>
    %padded_8 = tensor.pad %11 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%arg40: index, %arg41: index, %arg42: index, %arg43: index):
      tensor.yield %cst_0 : f32
    } : tensor<2x16x16x16xf32> to tensor<2x16x18x18xf32>
    %12 = tensor.empty() : tensor<2x16x8x8xf32>
    %13 = linalg.fill ins(%cst_0 : f32) outs(%12 : tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32>
    %14 = tensor.empty() : tensor<3x3xf32>
    %15 = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%padded_8, %14 : tensor<2x16x18x18xf32>, tensor<3x3xf32>) outs(%13 : tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32>
    %padded_9 = tensor.pad %15 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%arg40: index, %arg41: index, %arg42: index, %arg43: index):
      tensor.yield %cst : f32
    } : tensor<2x16x8x8xf32> to tensor<2x16x10x10xf32>
    %16 = linalg.fill ins(%cst : f32) outs(%12 : tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32>
    %17 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%padded_9, %arg3 : tensor<2x16x10x10xf32>, tensor<16x16x3x3xf32>) outs(%16 : tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg25 : tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.truncf %cst_3 : f64 to f32
      %76 = arith.addf %in, %75 : f32
      linalg.yield %76 : f32
    } -> tensor<16xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%18 : tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = math.sqrt %in : f32
      linalg.yield %75 : f32
    } -> tensor<16xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%cst_2, %19 : tensor<16xf32>, tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.divf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<16xf32>
    %expanded_10 = tensor.expand_shape %arg24 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %expanded_11 = tensor.expand_shape %20 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %21 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%17, %expanded_10 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.subf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %22 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%21, %expanded_11 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %expanded_12 = tensor.expand_shape %arg5 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %23 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%22, %expanded_12 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %expanded_13 = tensor.expand_shape %arg6 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %24 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%23, %expanded_13 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %25 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%24 : tensor<2x16x8x8xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.cmpf ugt, %in, %cst : f32
      %76 = arith.select %75, %in, %cst : f32
      linalg.yield %76 : f32
    } -> tensor<2x16x8x8xf32>
    %padded_14 = tensor.pad %25 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%arg40: index, %arg41: index, %arg42: index, %arg43: index):
      tensor.yield %cst : f32
    } : tensor<2x16x8x8xf32> to tensor<2x16x10x10xf32>
    %26 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%padded_14, %arg4 : tensor<2x16x10x10xf32>, tensor<16x16x3x3xf32>) outs(%16 : tensor<2x16x8x8xf32>) -> tensor<2x16x8x8xf32>
    %27 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg28 : tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.truncf %cst_3 : f64 to f32
      %76 = arith.addf %in, %75 : f32
      linalg.yield %76 : f32
    } -> tensor<16xf32>
    %28 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%27 : tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = math.sqrt %in : f32
      linalg.yield %75 : f32
    } -> tensor<16xf32>
    %29 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%cst_2, %28 : tensor<16xf32>, tensor<16xf32>) outs(%3 : tensor<16xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.divf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<16xf32>
    %expanded_15 = tensor.expand_shape %arg27 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %expanded_16 = tensor.expand_shape %29 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %30 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%26, %expanded_15 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.subf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %31 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%30, %expanded_16 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %expanded_17 = tensor.expand_shape %arg7 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %32 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%31, %expanded_17 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %expanded_18 = tensor.expand_shape %arg8 [[0, 1, 2]] output_shape [16, 1, 1] : tensor<16xf32> into tensor<16x1x1xf32>
    %33 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%32, %expanded_18 : tensor<2x16x8x8xf32>, tensor<16x1x1xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %34 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%33, %15 : tensor<2x16x8x8xf32>, tensor<2x16x8x8xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x16x8x8xf32>
    %35 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%34 : tensor<2x16x8x8xf32>) outs(%12 : tensor<2x16x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.cmpf ugt, %in, %cst : f32
      %76 = arith.select %75, %in, %cst : f32
      linalg.yield %76 : f32
    } -> tensor<2x16x8x8xf32>
    %padded_19 = tensor.pad %35 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%arg40: index, %arg41: index, %arg42: index, %arg43: index):
      tensor.yield %cst : f32
    } : tensor<2x16x8x8xf32> to tensor<2x16x10x10xf32>
    %36 = tensor.empty() : tensor<2x32x4x4xf32>
    %37 = linalg.fill ins(%cst : f32) outs(%36 : tensor<2x32x4x4xf32>) -> tensor<2x32x4x4xf32>
    %38 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%padded_19, %arg9 : tensor<2x16x10x10xf32>, tensor<32x16x3x3xf32>) outs(%37 : tensor<2x32x4x4xf32>) -> tensor<2x32x4x4xf32>
    %39 = tensor.empty() : tensor<32xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg31 : tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.truncf %cst_3 : f64 to f32
      %76 = arith.addf %in, %75 : f32
      linalg.yield %76 : f32
    } -> tensor<32xf32>
    %41 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%40 : tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = math.sqrt %in : f32
      linalg.yield %75 : f32
    } -> tensor<32xf32>
    %42 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%cst_1, %41 : tensor<32xf32>, tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.divf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<32xf32>
    %expanded_20 = tensor.expand_shape %arg30 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %expanded_21 = tensor.expand_shape %42 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %43 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%38, %expanded_20 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.subf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %44 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%43, %expanded_21 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %expanded_22 = tensor.expand_shape %arg11 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %45 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%44, %expanded_22 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %expanded_23 = tensor.expand_shape %arg12 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %46 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%45, %expanded_23 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %47 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%46 : tensor<2x32x4x4xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.cmpf ugt, %in, %cst : f32
      %76 = arith.select %75, %in, %cst : f32
      linalg.yield %76 : f32
    } -> tensor<2x32x4x4xf32>
    %padded_24 = tensor.pad %47 low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%arg40: index, %arg41: index, %arg42: index, %arg43: index):
      tensor.yield %cst : f32
    } : tensor<2x32x4x4xf32> to tensor<2x32x6x6xf32>
    %48 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%padded_24, %arg10 : tensor<2x32x6x6xf32>, tensor<32x32x3x3xf32>) outs(%37 : tensor<2x32x4x4xf32>) -> tensor<2x32x4x4xf32>
    %49 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg34 : tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.truncf %cst_3 : f64 to f32
      %76 = arith.addf %in, %75 : f32
      linalg.yield %76 : f32
    } -> tensor<32xf32>
    %50 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%49 : tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = math.sqrt %in : f32
      linalg.yield %75 : f32
    } -> tensor<32xf32>
    %51 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%cst_1, %50 : tensor<32xf32>, tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.divf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<32xf32>
    %expanded_25 = tensor.expand_shape %arg33 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %expanded_26 = tensor.expand_shape %51 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %52 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%48, %expanded_25 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.subf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %53 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%52, %expanded_26 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %expanded_27 = tensor.expand_shape %arg13 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %54 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%53, %expanded_27 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %expanded_28 = tensor.expand_shape %arg14 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %55 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%54, %expanded_28 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %broadcasted = linalg.broadcast ins(%arg16 : tensor<32xf32>) outs(%36 : tensor<2x32x4x4xf32>) dimensions = [0, 2, 3] 
    %56 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>} ins(%35, %arg15 : tensor<2x16x8x8xf32>, tensor<32x16x1x1xf32>) outs(%broadcasted : tensor<2x32x4x4xf32>) -> tensor<2x32x4x4xf32>
    %57 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg37 : tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.truncf %cst_3 : f64 to f32
      %76 = arith.addf %in, %75 : f32
      linalg.yield %76 : f32
    } -> tensor<32xf32>
    %58 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%57 : tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = math.sqrt %in : f32
      linalg.yield %75 : f32
    } -> tensor<32xf32>
    %59 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%cst_1, %58 : tensor<32xf32>, tensor<32xf32>) outs(%39 : tensor<32xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.divf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<32xf32>
    %expanded_29 = tensor.expand_shape %arg36 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %expanded_30 = tensor.expand_shape %59 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %60 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%56, %expanded_29 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.subf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %61 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%60, %expanded_30 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %expanded_31 = tensor.expand_shape %arg17 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %62 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%61, %expanded_31 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.mulf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %expanded_32 = tensor.expand_shape %arg18 [[0, 1, 2]] output_shape [32, 1, 1] : tensor<32xf32> into tensor<32x1x1xf32>
    %63 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%62, %expanded_32 : tensor<2x32x4x4xf32>, tensor<32x1x1xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %64 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%55, %63 : tensor<2x32x4x4xf32>, tensor<2x32x4x4xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32x4x4xf32>
    %65 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%64 : tensor<2x32x4x4xf32>) outs(%36 : tensor<2x32x4x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.cmpf ugt, %in, %cst : f32
      %76 = arith.select %75, %in, %cst : f32
      linalg.yield %76 : f32
    } -> tensor<2x32x4x4xf32>
    %66 = tensor.empty() : tensor<2x32xf32>
    %67 = linalg.fill ins(%cst : f32) outs(%66 : tensor<2x32xf32>) -> tensor<2x32xf32>
    %68 = linalg.generic {indexing_maps = [#map1, #map3], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%65 : tensor<2x32x4x4xf32>) outs(%67 : tensor<2x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.addf %in, %out : f32
      linalg.yield %75 : f32
    } -> tensor<2x32xf32>
    %69 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%68 : tensor<2x32xf32>) outs(%66 : tensor<2x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %75 = arith.divf %in, %cst_4 : f32
      linalg.yield %75 : f32
    } -> tensor<2x32xf32>
    %70 = tensor.empty() : tensor<32x10xf32>
    %transposed = linalg.transpose ins(%arg19 : tensor<10x32xf32>) outs(%70 : tensor<32x10xf32>) permutation = [1, 0] 
    %71 = tensor.empty() : tensor<2x10xf32>
    %72 = linalg.fill ins(%cst : f32) outs(%71 : tensor<2x10xf32>) -> tensor<2x10xf32>
    %73 = linalg.matmul ins(%69, %transposed : tensor<2x32xf32>, tensor<32x10xf32>) outs(%72 : tensor<2x10xf32>) -> tensor<2x10xf32>
    %74 = linalg.generic {indexing_maps = [#map4, #map5, #map4], iterator_types = ["parallel", "parallel"]} ins(%73, %arg20 : tensor<2x10xf32>, tensor<10xf32>) outs(%71 : tensor<2x10xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %75 = arith.addf %in, %in_33 : f32
      linalg.yield %75 : f32
    } -> tensor<2x10xf32>
    return %74 : tensor<2x10xf32>
  }
}

