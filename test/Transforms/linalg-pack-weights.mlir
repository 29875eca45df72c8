// RUN: plait-opt --linalg-pack-weights=vector-bits=256 --split-input-file %s | FileCheck %s

// The transposed weight of a linear layer, 40 = 2.5 panels: padded. Its
// argument is gone; the panels are an argument behind the bias.
// CHECK: #[[PANELS:.*]] = affine_map<(d0, d1, d2) -> (d1 floordiv 16, d2, d1 mod 16)>
// CHECK: module attributes {plait.weights = [{raw = 0 : i64}, {by = "main_pack", from = [1], shape = [3, 20, 16], type = f32}]}
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[BIAS:.*]]: tensor<40xf32> {plait.weight}, %[[W:.*]]: tensor<3x20x16xf32> {plait.weight}, %[[X:.*]]: tensor<?x20xf32>,
// CHECK: linalg.generic
// CHECK-SAME: #[[PANELS]]
// CHECK-SAME: ins(%[[X]], %[[W]] :
// CHECK-LABEL: func.func @main_pack(
// CHECK-SAME: %[[RAW:.*]]: tensor<40x20xf32> {plait.weight}) -> tensor<3x20x16xf32>
// CHECK: %[[PAD:.*]] = tensor.pad %[[RAW]] low[0, 0] high[8, 0]
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[PAD]] {{\[}}[0, 1], [2]] output_shape [3, 16, 20]
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[SPLIT]] :
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @main(%bias: tensor<40xf32> {plait.weight}, %w: tensor<40x20xf32> {plait.weight},
                %x: tensor<?x20xf32>, %y: tensor<?x40xf32>) -> (tensor<?x40xf32>, tensor<40xf32>) {
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x20xf32>, tensor<40x20xf32>) outs(%y : tensor<?x40xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x40xf32>
  return %r, %bias : tensor<?x40xf32>, tensor<40xf32>
}

// -----

// A tied embedding is read as it is, too. Two weights of one shape share one
// function; a named op in a loop uses panels from outside of it.
// CHECK: module attributes {plait.weights = [{raw = 0 : i64},
// CHECK-SAME: {by = "main_pack", from = [0], shape = [2, 8, 16], type = f32},
// CHECK-SAME: {by = "main_pack", from = [1], shape = [2, 8, 16], type = f32}]}
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[E:.*]]: tensor<8x32xf32> {plait.weight}, %[[P:.*]]: tensor<2x8x16xf32> {plait.weight}, %[[Q:.*]]: tensor<2x8x16xf32> {plait.weight}, %[[X:.*]]: tensor<8xf32>,
// CHECK: tensor.extract_slice %[[E]]
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[X]], %[[P]] :
// CHECK: scf.for
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[X]], %[[Q]] :
// CHECK-COUNT-1: func.func @main_pack
// CHECK-NOT: func.func
func.func @main(%e: tensor<8x32xf32> {plait.weight}, %f: tensor<8x32xf32> {plait.weight}, %x: tensor<8xf32>,
                %y: tensor<32xf32>, %i: index) -> (tensor<1x32xf32>, tensor<32xf32>, tensor<32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %row = tensor.extract_slice %e[%i, 0] [1, 32] [1, 1] : tensor<8x32xf32> to tensor<1x32xf32>
  %r = linalg.vecmat ins(%x, %e : tensor<8xf32>, tensor<8x32xf32>) outs(%y : tensor<32xf32>) -> tensor<32xf32>
  %s = scf.for %j = %c0 to %i step %c1 iter_args(%o = %y) -> tensor<32xf32> {
    %t = linalg.vecmat ins(%x, %f : tensor<8xf32>, tensor<8x32xf32>) outs(%o : tensor<32xf32>) -> tensor<32xf32>
    scf.yield %t : tensor<32xf32>
  }
  return %row, %r, %s : tensor<1x32xf32>, tensor<32xf32>, tensor<32xf32>
}

// -----

// A scale that is folded into a weight is computed once; a broadcast stays, and
// so does a left operand, which no kernel wants in panels.
// CHECK: module attributes {plait.weights = [{raw = 1 : i64}, {by = "main_pack", from = [0, 1], shape = [4, 6], type = f32}]}
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[G:.*]]: tensor<6xf32> {plait.weight}, %[[S:.*]]: tensor<4x6xf32> {plait.weight}
// CHECK: %[[B:.*]] = linalg.generic
// CHECK-SAME: ins(%[[G]] : tensor<6xf32>)
// CHECK: linalg.matmul ins(%[[S]],
// CHECK-LABEL: func.func @main_pack(
// CHECK: arith.mulf
func.func @main(%w: tensor<4x6xf32> {plait.weight}, %g: tensor<6xf32> {plait.weight},
                %x: tensor<6x64xf32>, %y: tensor<4x64xf32>) -> (tensor<4x64xf32>, tensor<50x6xf32>) {
  %e = tensor.empty() : tensor<4x6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%w, %g : tensor<4x6xf32>, tensor<6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x6xf32>
  %f = tensor.empty() : tensor<50x6xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%g : tensor<6xf32>) outs(%f : tensor<50x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<50x6xf32>
  %r = linalg.matmul ins(%s, %x : tensor<4x6xf32>, tensor<6x64xf32>) outs(%y : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %r, %b : tensor<4x64xf32>, tensor<50x6xf32>
}

// -----

// The weight of a convolution with channels last, in panels of 16 filters.
// CHECK-DAG: #[[WEIGHT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d2 floordiv 16, d3, d4, d5, d2 mod 16)>
// CHECK: shape = [2, 3, 3, 8, 16]
// CHECK-LABEL: func.func @main(
// CHECK: linalg.generic
// CHECK-SAME: #[[WEIGHT]]
// CHECK-LABEL: func.func @main_pack(
func.func @main(%w: tensor<32x3x3x8xf32> {plait.weight}, %x: tensor<9x9x8xf32>,
                %y: tensor<7x7x32xf32>) -> tensor<7x7x32xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(y, x, f, i, j, c) -> (y + i, x + j, c)>,
                                        affine_map<(y, x, f, i, j, c) -> (f, i, j, c)>,
                                        affine_map<(y, x, f, i, j, c) -> (y, x, f)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<9x9x8xf32>, tensor<32x3x3x8xf32>) outs(%y : tensor<7x7x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<7x7x32xf32>
  return %r : tensor<7x7x32xf32>
}
