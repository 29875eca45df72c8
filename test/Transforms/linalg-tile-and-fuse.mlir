// RUN: plait-opt --linalg-tile-and-fuse --canonicalize --cse --mlir-print-local-scope %s | FileCheck %s

#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#column = affine_map<(m, n) -> (n)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// A contraction and its epilogue: the result of both is one part of the output.
// CHECK-LABEL: func.func @epilogue
// CHECK: %[[OUT:.*]] = tensor.empty() : tensor<64x1024xf32>
// CHECK: scf.forall (%[[N:.*]]) = (0) to (1024) step (128) shared_outs(%[[INTO:.*]] = %[[OUT]])
// CHECK: %[[B:.*]] = tensor.extract_slice %arg1[0, %[[N]]] [512, 128]
// CHECK: %[[PART:.*]] = tensor.extract_slice %[[INTO]][0, %[[N]]] [64, 128]
// CHECK: %[[ZERO:.*]] = linalg.fill ins(%{{.*}}) outs(%[[PART]]
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%arg0, %[[B]] : {{.*}}) outs(%[[ZERO]]
// CHECK: %[[BIAS:.*]] = tensor.extract_slice %arg2[%[[N]]] [128]
// CHECK: %[[LAST:.*]] = linalg.generic {{.*}} ins(%[[SUM]], %[[BIAS]] : {{.*}}) outs(%[[SUM]]
// CHECK: tensor.parallel_insert_slice %[[LAST]] into %[[INTO]][0, %[[N]]] [64, 128]
func.func @epilogue(%x: tensor<64x512xf32>, %w: tensor<512x1024xf32>, %bias: tensor<1024xf32>) -> tensor<64x1024xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<64x1024xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %sum = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<64x512xf32>, tensor<512x1024xf32>) outs(%zeros : tensor<64x1024xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<64x1024xf32>
  %result = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%sum, %bias : tensor<64x1024xf32>, tensor<1024xf32>) outs(%empty : tensor<64x1024xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %s = arith.addf %l, %r : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  } -> tensor<64x1024xf32>
  return %result : tensor<64x1024xf32>
}

// A weight in panels is split between them.
// CHECK-LABEL: func.func @panels
// CHECK: scf.forall (%[[N:.*]]) = (0) to (4096) step (256)
// CHECK: %[[AT:.*]] = affine.apply affine_map<(d0) -> (d0 floordiv 32)>(%[[N]])
// CHECK: tensor.extract_slice %arg1[%[[AT]], 0, 0] [8, 512, 32]
func.func @panels(%x: tensor<1x512xf32>, %w: tensor<128x512x32xf32>, %zeros: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %sum = linalg.generic {indexing_maps = [#a, affine_map<(m, n, k) -> (n floordiv 32, k, n mod 32)>, #c],
                         iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x512xf32>, tensor<128x512x32xf32>) outs(%zeros : tensor<1x4096xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x4096xf32>
  return %sum : tensor<1x4096xf32>
}

// Reductions of rows and what is between them; the rows of unknown number end
// with a smaller tile, in a buffer of static size.
// CHECK-LABEL: func.func @softmax
// CHECK: scf.forall (%[[I:.*]]) = (0) to (%{{.*}}) step (4)
// CHECK: %[[SIZE:.*]] = affine.min
// CHECK: %[[X:.*]] = tensor.extract_slice %arg0[%[[I]], 0] [%[[SIZE]], 1000]
// CHECK: tensor.empty() : tensor<4xf32>
// CHECK: linalg.fill
// CHECK: linalg.generic {{.*}} ins(%[[X]]
// CHECK: math.exp
// CHECK: linalg.fill
// CHECK: arith.addf
// CHECK: arith.divf
// CHECK: tensor.parallel_insert_slice
// CHECK-NOT: linalg
// CHECK: return
func.func @softmax(%x: tensor<?x1000xf32>) -> tensor<?x1000xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x1000xf32>
  %small = tensor.empty(%rows) : tensor<?xf32>
  %large = tensor.empty(%rows) : tensor<?x1000xf32>
  %first = linalg.fill ins(%least : f32) outs(%small : tensor<?xf32>) -> tensor<?xf32>
  %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x1000xf32>) outs(%first : tensor<?xf32>) {
  ^bb0(%l: f32, %o: f32):
    %m = arith.maximumf %l, %o : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %exp = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<?x1000xf32>, tensor<?xf32>) outs(%large : tensor<?x1000xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %d = arith.subf %l, %r : f32
    %e = math.exp %d : f32
    linalg.yield %e : f32
  } -> tensor<?x1000xf32>
  %start = linalg.fill ins(%zero : f32) outs(%small : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<?x1000xf32>) outs(%start : tensor<?xf32>) {
  ^bb0(%l: f32, %o: f32):
    %s = arith.addf %l, %o : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %result = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<?x1000xf32>, tensor<?xf32>) outs(%large : tensor<?x1000xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %q = arith.divf %l, %r : f32
    linalg.yield %q : f32
  } -> tensor<?x1000xf32>
  return %result : tensor<?x1000xf32>
}

#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
#id3 = affine_map<(h, i, j) -> (h, i, j)>
#row3 = affine_map<(h, i, j) -> (h, i)>
#p = affine_map<(h, i, d, j) -> (h, i, j)>
#v = affine_map<(h, i, d, j) -> (h, j, d)>
#o = affine_map<(h, i, d, j) -> (h, i, d)>

// Two contractions over the same rows with a reduction of rows between them: a
// task per head, and in it strips of rows.
// CHECK-LABEL: func.func @attention
// CHECK: scf.forall (%[[H:.*]]) in (8)
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %c256 step %c16
// CHECK: tensor.extract_slice %arg0[%[[H]], %[[I]], 0] [1, 16, 64]
// CHECK: tensor.empty() : tensor<1x16x512xf32>
// CHECK: arith.mulf
// CHECK: arith.maximumf
// CHECK: arith.mulf
// CHECK: tensor.insert_slice
// CHECK: tensor.parallel_insert_slice
func.func @attention(%q: tensor<8x256x64xf32>, %k: tensor<8x512x64xf32>, %v: tensor<8x512x64xf32>) -> tensor<8x256x64xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e0 = tensor.empty() : tensor<8x256x512xf32>
  %e1 = tensor.empty() : tensor<8x256xf32>
  %e2 = tensor.empty() : tensor<8x256x64xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<8x256x512xf32>) -> tensor<8x256x512xf32>
  %scores = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x256x64xf32>, tensor<8x512x64xf32>) outs(%z0 : tensor<8x256x512xf32>) {
  ^bb0(%l: f32, %r: f32, %old: f32):
    %m = arith.mulf %l, %r : f32
    %t = arith.addf %old, %m : f32
    linalg.yield %t : f32
  } -> tensor<8x256x512xf32>
  %first = linalg.fill ins(%least : f32) outs(%e1 : tensor<8x256xf32>) -> tensor<8x256xf32>
  %max = linalg.generic {indexing_maps = [#id3, #row3], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%scores : tensor<8x256x512xf32>) outs(%first : tensor<8x256xf32>) {
  ^bb0(%l: f32, %old: f32):
    %m = arith.maximumf %l, %old : f32
    linalg.yield %m : f32
  } -> tensor<8x256xf32>
  %exp = linalg.generic {indexing_maps = [#id3, #row3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%scores, %max : tensor<8x256x512xf32>, tensor<8x256xf32>) outs(%e0 : tensor<8x256x512xf32>) {
  ^bb0(%l: f32, %r: f32, %old: f32):
    %d = arith.subf %l, %r : f32
    %e = math.exp %d : f32
    linalg.yield %e : f32
  } -> tensor<8x256x512xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<8x256x64xf32>) -> tensor<8x256x64xf32>
  %out = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%exp, %v : tensor<8x256x512xf32>, tensor<8x512x64xf32>) outs(%z2 : tensor<8x256x64xf32>) {
  ^bb0(%l: f32, %r: f32, %old: f32):
    %m = arith.mulf %l, %r : f32
    %t = arith.addf %old, %m : f32
    linalg.yield %t : f32
  } -> tensor<8x256x64xf32>
  return %out : tensor<8x256x64xf32>
}

// Too little work for tasks.
// CHECK-LABEL: func.func @small
// CHECK-NOT: scf.forall
func.func @small(%x: tensor<10x10xf32>) -> tensor<10x10xf32> {
  %empty = tensor.empty() : tensor<10x10xf32>
  %result = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<10x10xf32>) outs(%empty : tensor<10x10xf32>) {
  ^bb0(%l: f32, %o: f32):
    %e = math.exp %l : f32
    linalg.yield %e : f32
  } -> tensor<10x10xf32>
  return %result : tensor<10x10xf32>
}

// Columns of a transpose: squares of vectors, of equal size.
// CHECK-LABEL: func.func @transpose
// CHECK: scf.forall (%{{.*}}) = (0) to (1024) step (64)
func.func @transpose(%x: tensor<1024x14x14xf32>) -> tensor<14x14x1024xf32> {
  %empty = tensor.empty() : tensor<14x14x1024xf32>
  %result = linalg.transpose ins(%x : tensor<1024x14x14xf32>)
      outs(%empty : tensor<14x14x1024xf32>) permutation = [1, 2, 0]
  return %result : tensor<14x14x1024xf32>
}

// Four rows of 28 pixels are seven vectors; two would leave half of one empty.
// CHECK-LABEL: func.func @pixels
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (128, 28) step (64, 4)
func.func @pixels(%x: tensor<512x28x28xf32>, %w: tensor<128x512x1x1xf32>) -> tensor<128x28x28xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<128x28x28xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<128x28x28xf32>) -> tensor<128x28x28xf32>
  %result = linalg.generic {
      indexing_maps = [affine_map<(o, h, w, i, p, q) -> (i, h + p, w + q)>,
                       affine_map<(o, h, w, i, p, q) -> (o, i, p, q)>,
                       affine_map<(o, h, w, i, p, q) -> (o, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<512x28x28xf32>, tensor<128x512x1x1xf32>) outs(%init : tensor<128x28x28xf32>) {
  ^bb0(%l: f32, %r: f32, %old: f32):
    %m = arith.mulf %l, %r : f32
    %t = arith.addf %old, %m : f32
    linalg.yield %t : f32
  } -> tensor<128x28x28xf32>
  return %result : tensor<128x28x28xf32>
}
