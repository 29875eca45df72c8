// RUN: plait-opt %s --spike-reassociate-attention --split-input-file | FileCheck %s

// CHECK-LABEL: func @attention
// CHECK: %[[S:.*]], %{{.*}} = spike.scan
// CHECK: %[[Q:.*]] = tensor.collapse_shape %[[S]]
// CHECK: %[[K:.*]] = linalg.transpose ins(%[[Q]]
// CHECK: %[[KV:.*]] = linalg.batch_matmul ins(%[[K]], %[[Q]] : tensor<8x4x64xf32>, tensor<8x64x4xf32>) outs({{.*}} : tensor<8x4x4xf32>)
// CHECK: %[[O:.*]] = linalg.batch_matmul ins(%[[Q]], %[[KV]] : tensor<8x64x4xf32>, tensor<8x4x4xf32>)
// CHECK: return %[[O]]
func.func @attention(%x: tensor<4x2x64x4xf32>, %v: tensor<2x64x4xf32>, %a: tensor<f32>) -> tensor<8x64x4xf32> {
  %zero = arith.constant 0.0 : f32
  %s, %v1 = spike.scan current(%x : tensor<4x2x64x4xf32>) state(%v : tensor<2x64x4xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<4x2x64x4xf32>
  %q = tensor.collapse_shape %s [[0, 1], [2], [3]] : tensor<4x2x64x4xf32> into tensor<8x64x4xf32>
  %ek = tensor.empty() : tensor<8x4x64xf32>
  %k = linalg.transpose ins(%q : tensor<8x64x4xf32>) outs(%ek : tensor<8x4x64xf32>) permutation = [0, 2, 1]
  %es = tensor.empty() : tensor<8x64x64xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<8x64x64xf32>) -> tensor<8x64x64xf32>
  %scores = linalg.batch_matmul ins(%q, %k : tensor<8x64x4xf32>, tensor<8x4x64xf32>) outs(%zs : tensor<8x64x64xf32>) -> tensor<8x64x64xf32>
  %eo = tensor.empty() : tensor<8x64x4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x64x4xf32>) -> tensor<8x64x4xf32>
  %o = linalg.batch_matmul ins(%scores, %q : tensor<8x64x64xf32>, tensor<8x64x4xf32>) outs(%zo : tensor<8x64x4xf32>) -> tensor<8x64x4xf32>
  return %o : tensor<8x64x4xf32>
}

// -----

// Values that are no spikes: the order would change the sums.
// CHECK-LABEL: func @numbers
// CHECK: linalg.batch_matmul {{.*}} outs({{.*}} : tensor<8x64x64xf32>)
func.func @numbers(%q: tensor<8x64x4xf32>, %k: tensor<8x4x64xf32>) -> tensor<8x64x4xf32> {
  %zero = arith.constant 0.0 : f32
  %es = tensor.empty() : tensor<8x64x64xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<8x64x64xf32>) -> tensor<8x64x64xf32>
  %scores = linalg.batch_matmul ins(%q, %k : tensor<8x64x4xf32>, tensor<8x4x64xf32>) outs(%zs : tensor<8x64x64xf32>) -> tensor<8x64x64xf32>
  %eo = tensor.empty() : tensor<8x64x4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x64x4xf32>) -> tensor<8x64x4xf32>
  %o = linalg.batch_matmul ins(%scores, %q : tensor<8x64x64xf32>, tensor<8x64x4xf32>) outs(%zo : tensor<8x64x4xf32>) -> tensor<8x64x4xf32>
  return %o : tensor<8x64x4xf32>
}

// -----

// 4096 tokens of 4 channels: more than the integers that f16 holds.
// CHECK-LABEL: func @inexact
// CHECK: linalg.batch_matmul {{.*}} outs({{.*}} : tensor<1x4096x4096xf16>)
func.func @inexact(%x: tensor<1x1x4096x4xf16>, %v: tensor<1x4096x4xf16>, %a: tensor<f16>) -> tensor<1x4096x4xf16> {
  %zero = arith.constant 0.0 : f16
  %s, %v1 = spike.scan current(%x : tensor<1x1x4096x4xf16>) state(%v : tensor<1x4096x4xf16>) integrator impulse
      threshold(%a : tensor<f16>) compare gt reset value at now : tensor<1x1x4096x4xf16>
  %q = tensor.collapse_shape %s [[0, 1], [2], [3]] : tensor<1x1x4096x4xf16> into tensor<1x4096x4xf16>
  %ek = tensor.empty() : tensor<1x4x4096xf16>
  %k = linalg.transpose ins(%q : tensor<1x4096x4xf16>) outs(%ek : tensor<1x4x4096xf16>) permutation = [0, 2, 1]
  %es = tensor.empty() : tensor<1x4096x4096xf16>
  %zs = linalg.fill ins(%zero : f16) outs(%es : tensor<1x4096x4096xf16>) -> tensor<1x4096x4096xf16>
  %scores = linalg.batch_matmul ins(%q, %k : tensor<1x4096x4xf16>, tensor<1x4x4096xf16>) outs(%zs : tensor<1x4096x4096xf16>) -> tensor<1x4096x4096xf16>
  %eo = tensor.empty() : tensor<1x4096x4xf16>
  %zo = linalg.fill ins(%zero : f16) outs(%eo : tensor<1x4096x4xf16>) -> tensor<1x4096x4xf16>
  %o = linalg.batch_matmul ins(%scores, %q : tensor<1x4096x4096xf16>, tensor<1x4096x4xf16>) outs(%zo : tensor<1x4096x4xf16>) -> tensor<1x4096x4xf16>
  return %o : tensor<1x4096x4xf16>
}
