// RUN: plait-opt --linalg-tile-and-fuse --canonicalize --cse --mlir-print-local-scope %s | FileCheck %s

#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
#id3 = affine_map<(h, i, j) -> (h, i, j)>
#mask = affine_map<(h, i, j) -> (i, j)>
#row3 = affine_map<(h, i, j) -> (h, i)>
#p = affine_map<(h, i, d, j) -> (h, i, j)>
#v = affine_map<(h, i, d, j) -> (h, j, d)>
#o = affine_map<(h, i, d, j) -> (h, i, d)>

// A strip of rows looks at the keys up to its last row. Those are the
// beginning of what all strips read. The mask is applied where it hides
// anything from one of the rows: left of that, scores stay as they are.
// CHECK-LABEL: func.func @causal
// CHECK: scf.forall (%[[H:.*]]) in (8)
// CHECK: scf.for %[[I:.*]] = %c0 to %c256 step %c16
// CHECK: %[[COUNTS:.*]]:2 = scf.for %[[R:.*]] = %c0 to %c16 step %c1
// CHECK: %[[ROW:.*]] = arith.addi %[[I]], %[[R]]
// CHECK: %[[COUNT:.*]] = arith.addi %[[ROW]], %c1
// CHECK: arith.maxsi %{{.*}}, %[[COUNT]]
// CHECK: %[[FEWEST:.*]] = arith.maxsi %[[COUNTS]]#1, %c0
// CHECK: %[[REACH:.*]] = affine.min affine_map<()[s0] -> ((s0 ceildiv 32) * 32, 512)>()[%[[COUNTS]]#0]
// CHECK: %[[FROM:.*]] = affine.apply affine_map<()[s0] -> ((s0 floordiv 32) * 32)>()[%[[FEWEST]]]
// CHECK: %[[KEYS:.*]] = tensor.extract_slice %arg1[%[[H]], 0, 0] [1, 512, 64]
// CHECK: %[[CUT:.*]] = tensor.extract_slice %[[KEYS]][0, 0, 0] [1, %[[REACH]], 64]
// CHECK: tensor.empty() : tensor<1x16x512xf32>
// CHECK: %[[PRODUCTS:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[CUT]] : tensor<1x16x64xf32>, tensor<1x?x64xf32>) outs(%{{.*}} : tensor<1x16x?xf32>)
// CHECK: %[[COUNT:.*]] = affine.apply affine_map<()[s0, s1] -> (s1 - (s0 floordiv 32) * 32)>()[%[[FEWEST]], %[[REACH]]]
// CHECK: %[[DIAGONAL:.*]] = tensor.extract_slice %[[PRODUCTS]][0, 0, %[[FROM]]] [1, 16, %[[COUNT]]] [1, 1, 1]
// CHECK: %[[MASKED:.*]] = linalg.generic {{.*}} ins(%[[DIAGONAL]] : {{.*}}) outs(%[[DIAGONAL]] :
// CHECK: %[[KEY:.*]] = linalg.index 2
// CHECK: affine.apply affine_map<()[s0, s1] -> (s1 + (s0 floordiv 32) * 32)>()[%[[FEWEST]], %[[KEY]]]
// CHECK: tensor.insert_slice %[[MASKED]] into %[[PRODUCTS]][0, 0, %[[FROM]]]
// CHECK: %[[VALUES:.*]] = tensor.extract_slice %arg2[%[[H]], 0, 0] [1, 512, 64]
// CHECK: tensor.extract_slice %[[VALUES]][0, 0, 0] [1, %[[REACH]], 64]
func.func @causal(%q: tensor<8x256x64xf32>, %k: tensor<8x512x64xf32>, %v: tensor<8x512x64xf32>) -> tensor<8x256x64xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e0 = tensor.empty() : tensor<8x256x512xf32>
  %e1 = tensor.empty() : tensor<8x256xf32>
  %e2 = tensor.empty() : tensor<8x256x64xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<8x256x512xf32>) -> tensor<8x256x512xf32>
  %products = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x256x64xf32>, tensor<8x512x64xf32>) outs(%z0 : tensor<8x256x512xf32>) {
  ^bb0(%l: f32, %r: f32, %old: f32):
    %m = arith.mulf %l, %r : f32
    %t = arith.addf %old, %m : f32
    linalg.yield %t : f32
  } -> tensor<8x256x512xf32>
  %scores = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%products : tensor<8x256x512xf32>) outs(%e0 : tensor<8x256x512xf32>) {
  ^bb0(%x: f32, %old: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %seen = arith.cmpi sle, %j, %i : index
    %y = arith.select %seen, %x, %least : f32
    linalg.yield %y : f32
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

// The rows of a cache stand where the caller says; a mask that is stored, and
// the lowest number in place of minus infinity. With a row that sees no key,
// all keys count.
// CHECK-LABEL: func.func @cache
// CHECK: scf.forall
// CHECK: scf.for %[[I:.*]] = %c0 to
// CHECK: %[[COUNTS:.*]]:2 = scf.for
// CHECK: %[[POSITION:.*]] = tensor.extract %arg3[]
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: %[[EVERY:.*]] = arith.cmpi sge, %[[COUNTS]]#1, %c1
// CHECK: %[[MOST:.*]] = arith.select %[[EVERY]], %[[COUNTS]]#0, %c512
// CHECK: affine.min affine_map<(d0) -> ((d0 ceildiv 32) * 32, 512)>(%[[MOST]])
func.func @cache(%q: tensor<8x256x64xf32>, %k: tensor<8x512x64xf32>, %v: tensor<8x512x64xf32>, %position: tensor<i64>) -> tensor<8x256x64xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %e0 = tensor.empty() : tensor<8x256x512xf32>
  %e1 = tensor.empty() : tensor<8x256xf32>
  %e2 = tensor.empty() : tensor<8x256x64xf32>
  %em = tensor.empty() : tensor<256x512xf32>
  %mask = linalg.generic {indexing_maps = [affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%position : tensor<i64>) outs(%em : tensor<256x512xf32>) {
  ^bb0(%at: i64, %old: f32):
    %i = linalg.index 0 : index
    %i64 = arith.index_cast %i : index to i64
    %row = arith.addi %at, %i64 : i64
    %j = linalg.index 1 : index
    %key = arith.index_cast %j : index to i64
    %hidden = arith.cmpi sgt, %key, %row : i64
    %m = arith.select %hidden, %lowest, %zero : f32
    linalg.yield %m : f32
  } -> tensor<256x512xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<8x256x512xf32>) -> tensor<8x256x512xf32>
  %products = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x256x64xf32>, tensor<8x512x64xf32>) outs(%z0 : tensor<8x256x512xf32>) {
  ^bb0(%l: f32, %r: f32, %old: f32):
    %m = arith.mulf %l, %r : f32
    %t = arith.addf %old, %m : f32
    linalg.yield %t : f32
  } -> tensor<8x256x512xf32>
  %scores = linalg.generic {indexing_maps = [#id3, #mask, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%products, %mask : tensor<8x256x512xf32>, tensor<256x512xf32>) outs(%e0 : tensor<8x256x512xf32>) {
  ^bb0(%x: f32, %m: f32, %old: f32):
    %y = arith.addf %x, %m : f32
    linalg.yield %y : f32
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

// Of an added mask that nobody knows, all keys are read; so where what a mask
// hides is only small.
// CHECK-LABEL: func.func @unknown
// CHECK-NOT: affine.min
// CHECK: return
func.func @unknown(%q: tensor<8x256x64xf32>, %k: tensor<8x512x64xf32>, %v: tensor<8x512x64xf32>, %bias: tensor<256x512xf32>) -> tensor<8x256x64xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -10000.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e0 = tensor.empty() : tensor<8x256x512xf32>
  %e1 = tensor.empty() : tensor<8x256xf32>
  %e2 = tensor.empty() : tensor<8x256x64xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<8x256x512xf32>) -> tensor<8x256x512xf32>
  %products = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x256x64xf32>, tensor<8x512x64xf32>) outs(%z0 : tensor<8x256x512xf32>) {
  ^bb0(%l: f32, %r: f32, %old: f32):
    %m = arith.mulf %l, %r : f32
    %t = arith.addf %old, %m : f32
    linalg.yield %t : f32
  } -> tensor<8x256x512xf32>
  %scores = linalg.generic {indexing_maps = [#id3, #mask, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%products, %bias : tensor<8x256x512xf32>, tensor<256x512xf32>) outs(%e0 : tensor<8x256x512xf32>) {
  ^bb0(%x: f32, %m: f32, %old: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %seen = arith.cmpi sle, %j, %i : index
    %z = arith.select %seen, %x, %low : f32
    %y = arith.addf %z, %m : f32
    linalg.yield %y : f32
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
