// RUN: plait-opt --linalg-tile-and-fuse --split-input-file %s | FileCheck %s
// RUN: plait-opt --linalg-tile-and-fuse --one-shot-bufferize=bufferize-function-boundaries --cse --canonicalize --split-input-file %s | FileCheck %s --check-prefix=BUFFER

// The loop over tiles writes into the middle: no copy of the image.
// CHECK-LABEL: func.func @tiles
// CHECK: %[[WHOLE:.*]] = tensor.empty() : tensor<1x6x6x4xf32>
// CHECK: %[[LINE:.*]] = tensor.empty() : tensor<1x1x6x4xf32>
// CHECK: %[[FILL:.*]] = linalg.fill {{.*}} outs(%[[LINE]]
// CHECK: tensor.insert_slice %[[FILL]] into %[[WHOLE]][0, 0, 0, 0] [1, 1, 6, 4]
// CHECK: tensor.insert_slice {{.*}}[0, 5, 0, 0] [1, 1, 6, 4]
// CHECK: tensor.insert_slice {{.*}}[0, 1, 0, 0] [1, 4, 1, 4]
// CHECK: %[[FILLED:.*]] = tensor.insert_slice {{.*}}[0, 1, 5, 0] [1, 4, 1, 4]
// CHECK: %[[MIDDLE:.*]] = tensor.extract_slice %[[FILLED]][0, 1, 1, 0] [1, 4, 4, 4] [1, 1, 1, 1] : tensor<1x6x6x4xf32> to tensor<4x4x4xf32>
// CHECK: %[[MADE:.*]] = scf.forall {{.*}} shared_outs({{.*}} = %[[MIDDLE]])
// CHECK: tensor.insert_slice %[[MADE]] into %[[FILLED]][0, 1, 1, 0] [1, 4, 4, 4]
// BUFFER-LABEL: func.func @tiles
// BUFFER: memref.alloc() {{.*}} : memref<1x6x6x4xf32>
// BUFFER: memref.copy {{.*}} : memref<1x1x6x4xf32> to
// BUFFER-NOT: memref.alloc
// BUFFER-NOT: memref.copy
// BUFFER: return
func.func @tiles(%x: tensor<4x4x4xf32>) -> tensor<1x6x6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4x4xf32>
  %made = scf.forall (%i) = (0) to (4) step (2) shared_outs(%o = %e) -> tensor<4x4x4xf32> {
    %in = tensor.extract_slice %x[%i, 0, 0] [2, 4, 4] [1, 1, 1] : tensor<4x4x4xf32> to tensor<2x4x4xf32>
    %out = tensor.extract_slice %o[%i, 0, 0] [2, 4, 4] [1, 1, 1] : tensor<4x4x4xf32> to tensor<2x4x4xf32>
    %t = linalg.exp ins(%in : tensor<2x4x4xf32>) outs(%out : tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %t into %o[%i, 0, 0] [2, 4, 4] [1, 1, 1] : tensor<2x4x4xf32> into tensor<4x4x4xf32>
    }
  }
  %image = tensor.expand_shape %made [[0, 1], [2], [3]] output_shape [1, 4, 4, 4] : tensor<4x4x4xf32> into tensor<1x4x4x4xf32>
  %padded = tensor.pad %image low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x4xf32> to tensor<1x6x6x4xf32>
  return %padded : tensor<1x6x6x4xf32>
}

// -----

// Something else reads the image too: it is copied, the border alone is filled.
// CHECK-LABEL: func.func @shared
// CHECK: %[[MADE:.*]] = linalg.exp
// CHECK: tensor.empty(%{{.*}}) : tensor<?x9xf32>
// CHECK-COUNT-2: linalg.fill
// CHECK: tensor.insert_slice %[[MADE]]
// BUFFER-LABEL: func.func @shared
// BUFFER-COUNT-1: memref.copy
func.func @shared(%x: tensor<?x6xf32>) -> (tensor<?x6xf32>, tensor<?x9xf32>) {
  %low = arith.constant -1.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x6xf32>
  %e = tensor.empty(%n) : tensor<?x6xf32>
  %made = linalg.exp ins(%x : tensor<?x6xf32>) outs(%e : tensor<?x6xf32>) -> tensor<?x6xf32>
  %padded = tensor.pad %made low[0, 2] high[0, 1] {
  ^bb0(%a: index, %b: index):
    tensor.yield %low : f32
  } : tensor<?x6xf32> to tensor<?x9xf32>
  return %made, %padded : tensor<?x6xf32>, tensor<?x9xf32>
}

// -----

// An unknown border is left to bufferization.
// CHECK-LABEL: func.func @kept
// CHECK: tensor.pad
func.func @kept(%x: tensor<6xf32>, %n: index) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %unknown = tensor.pad %x low[%n] high[0] {
  ^bb0(%a: index):
    tensor.yield %zero : f32
  } : tensor<6xf32> to tensor<?xf32>
  return %unknown : tensor<?xf32>
}

// -----

// Sums of products are told where the image is not zero: in the dimension of
// size 9 from 1 on and up to 8, in that of 10 from 2 on and up to 9.
// CHECK-LABEL: func.func @reader
// CHECK: linalg.generic {{.*}} attrs = {plait.inside = array<i64: 0, 9, 1, 8, 10, 2, 9, 4, 0, 4>}
#image = affine_map<(h, w, o, y, x, i) -> (h + y, w + x, i)>
#weight = affine_map<(h, w, o, y, x, i) -> (o, y, x, i)>
#result = affine_map<(h, w, o, y, x, i) -> (h, w, o)>
func.func @reader(%x: tensor<7x7x4xf32>, %w: tensor<4x3x3x4xf32>, %c: tensor<7x8x4xf32>) -> tensor<7x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %padded = tensor.pad %x low[1, 2, 0] high[1, 1, 0] {
  ^bb0(%a: index, %b: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<7x7x4xf32> to tensor<9x10x4xf32>
  %y = linalg.generic {indexing_maps = [#image, #weight, #result], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%padded, %w : tensor<9x10x4xf32>, tensor<4x3x3x4xf32>) outs(%c : tensor<7x8x4xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<7x8x4xf32>
  return %y : tensor<7x8x4xf32>
}
