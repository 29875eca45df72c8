// RUN: plait-opt --linalg-conv-to-channels-last --canonicalize --cse --split-input-file %s | FileCheck %s

#image = affine_map<(n, f, y, x, c, i, j) -> (n, c, y + i, x + j)>
#weight = affine_map<(n, f, y, x, c, i, j) -> (f, c, i, j)>
#result = affine_map<(n, f, y, x, c, i, j) -> (n, f, y, x)>
#id = affine_map<(n, c, y, x) -> (n, c, y, x)>
#channel = affine_map<(n, c, y, x) -> (c)>

// CHECK-DAG: #[[IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 + d4, d2 + d5, d6)>
// CHECK-DAG: #[[WEIGHT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d4, d5, d6)>
// CHECK-DAG: #[[RESULT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[LAST:.*]] = affine_map<(d0, d1, d2, d3) -> (d3)>

// The pad and the bias are computed where the convolutions need them; only the
// argument and the result are transposed.
// CHECK-LABEL: func @chain
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x64x16x16xf32>) outs(%{{.*}} : tensor<1x16x16x64xf32>)
// CHECK: tensor.pad %{{.*}} low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<64x64x3x3xf32>) outs(%{{.*}} : tensor<64x3x3x64xf32>)
// CHECK: linalg.generic {indexing_maps = [#[[IMAGE]], #[[WEIGHT]], #[[RESULT]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[LAST]], #{{.*}}]{{.*}} outs(%{{.*}} : tensor<1x16x16x64xf32>)
// CHECK: tensor.pad %{{.*}} low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK: linalg.generic {indexing_maps = [#[[IMAGE]], #[[WEIGHT]], #[[RESULT]]]
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x16x16x64xf32>) outs(%{{.*}} : tensor<1x64x16x16xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @chain(%w: tensor<64x64x3x3xf32> {plait.weight}, %x: tensor<1x64x16x16xf32>, %b: tensor<64xf32>)
    -> tensor<1x64x16x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x64x16x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x64x16x16xf32>) -> tensor<1x64x16x16xf32>
  %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x64x16x16xf32> to tensor<1x64x18x18xf32>
  %1 = linalg.generic {indexing_maps = [#image, #weight, #result],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %w : tensor<1x64x18x18xf32>, tensor<64x64x3x3xf32>) outs(%z : tensor<1x64x16x16xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %m = arith.mulf %a, %c : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x64x16x16xf32>
  %2 = linalg.generic {indexing_maps = [#id, #channel, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1, %b : tensor<1x64x16x16xf32>, tensor<64xf32>) outs(%e : tensor<1x64x16x16xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<1x64x16x16xf32>
  %q = tensor.pad %2 low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x64x16x16xf32> to tensor<1x64x18x18xf32>
  %3 = linalg.generic {indexing_maps = [#image, #weight, #result],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%q, %w : tensor<1x64x18x18xf32>, tensor<64x64x3x3xf32>) outs(%z : tensor<1x64x16x16xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %m = arith.mulf %a, %c : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x64x16x16xf32>
  return %3 : tensor<1x64x16x16xf32>
}

// -----

#image = affine_map<(n, f, y, c, i) -> (n, c, y + i)>
#weight = affine_map<(n, f, y, c, i) -> (f, c, i)>
#result = affine_map<(n, f, y, c, i) -> (n, f, y)>

// Few products for the images that would be moved.
// CHECK-LABEL: func @small
// CHECK: outs(%{{.*}} : tensor<1x4x62xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @small(%w: tensor<4x2x3xf32> {plait.weight}, %x: tensor<1x2x64xf32>, %z: tensor<1x4x62xf32>)
    -> tensor<1x4x62xf32> {
  %1 = linalg.generic {indexing_maps = [#image, #weight, #result],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x64xf32>, tensor<4x2x3xf32>) outs(%z : tensor<1x4x62xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %m = arith.mulf %a, %c : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x4x62xf32>
  return %1 : tensor<1x4x62xf32>
}

// -----

#image = affine_map<(n, f, y, c, i) -> (n, c, y + i)>
#weight = affine_map<(n, f, y, c, i) -> (f, c, i)>
#result = affine_map<(n, f, y, c, i) -> (n, f, y)>

// A window of one pixel reads the argument where it is.
// CHECK-DAG: #[[FIRST:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d4, d1 + d3)>
// CHECK-DAG: #[[LAST:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2)>
// CHECK-LABEL: func @pointwise
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x192x49xf32>)
// CHECK: linalg.generic {indexing_maps = [#[[FIRST]], #{{.*}}, #[[LAST]]]
// CHECK-SAME: ins(%[[X]], %{{.*}} : tensor<1x192x49xf32>, tensor<16x1x192xf32>) outs(%{{.*}} : tensor<1x49x16xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x49x16xf32>) outs(%{{.*}} : tensor<1x16x49xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @pointwise(%w: tensor<16x192x1xf32> {plait.weight}, %x: tensor<1x192x49xf32>)
    -> tensor<1x16x49xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x16x49xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x49xf32>) -> tensor<1x16x49xf32>
  %1 = linalg.generic {indexing_maps = [#image, #weight, #result],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x192x49xf32>, tensor<16x192x1xf32>) outs(%z : tensor<1x16x49xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %m = arith.mulf %a, %c : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x16x49xf32>
  return %1 : tensor<1x16x49xf32>
}

// Many results read it too often.
// CHECK-LABEL: func @many_results
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x192x49xf32>) outs(%{{.*}} : tensor<1x49x192xf32>)
func.func @many_results(%w: tensor<2048x192x1xf32> {plait.weight}, %x: tensor<1x192x49xf32>)
    -> tensor<1x2048x49xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2048x49xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2048x49xf32>) -> tensor<1x2048x49xf32>
  %1 = linalg.generic {indexing_maps = [#image, #weight, #result],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x192x49xf32>, tensor<2048x192x1xf32>) outs(%z : tensor<1x2048x49xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %m = arith.mulf %a, %c : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x2048x49xf32>
  return %1 : tensor<1x2048x49xf32>
}

// Narrow elements are copied by the kernel, along the channels.
// CHECK-LABEL: func @narrow
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x192x49xbf16>) outs(%{{.*}} : tensor<1x49x192xbf16>)
func.func @narrow(%w: tensor<1024x192x1xbf16> {plait.weight}, %x: tensor<1x192x49xbf16>)
    -> tensor<1x1024x49xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1024x49xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1024x49xf32>) -> tensor<1x1024x49xf32>
  %1 = linalg.generic {indexing_maps = [#image, #weight, #result],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x192x49xbf16>, tensor<1024x192x1xbf16>) outs(%z : tensor<1x1024x49xf32>) {
  ^bb0(%a: bf16, %c: bf16, %o: f32):
    %g = arith.extf %a : bf16 to f32
    %h = arith.extf %c : bf16 to f32
    %m = arith.mulf %g, %h : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x1024x49xf32>
  return %1 : tensor<1x1024x49xf32>
}
