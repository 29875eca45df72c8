// RUN: plait-opt --convert-linalg-to-vector=vector-bits=512 --canonicalize --cse %s | FileCheck %s
// RUN: plait-opt --convert-linalg-to-vector=vector-bits=128 --canonicalize --cse %s | FileCheck %s --check-prefix=NARROW

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>

// A row's sum of squares: four partial sums, then a masked tail of 1000 % 64.
// CHECK-LABEL: func @squares
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-4: math.fma {{.*}} : vector<16xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.create_mask
// CHECK: vector.maskedload
// CHECK: arith.select
// CHECK: vector.reduction <add>
// CHECK-NOT: linalg
// NARROW-LABEL: func @squares
// NARROW: vector<4xf32>
// NARROW-NOT: create_mask
// NARROW: vector.reduction <add>
func.func @squares(%x: memref<64x1000xf32>, %s: memref<64xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<64x1000xf32>) outs(%s : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = arith.mulf %a, %a : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  }
  return
}

// The sum over rows keeps vectors of columns in registers.
// CHECK-LABEL: func @columns
// CHECK-COUNT-4: vector.load
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-4: arith.addf {{.*}} : vector<16xf32>
// CHECK-NOT: vector.reduction
// CHECK-COUNT-4: vector.store
func.func @columns(%x: memref<100x64xf32>, %s: memref<64xf32>) {
  linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%x : memref<100x64xf32>) outs(%s : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %o, %a : f32
    linalg.yield %r : f32
  }
  return
}

// Contiguous loops are one.
// CHECK-LABEL: func @collapse
// CHECK-COUNT-1: scf.for
// CHECK-NOT: memref.load
// CHECK: vector.load
// CHECK-NOT: create_mask
// CHECK: return
func.func @collapse(%x: memref<8x8x8xf32>, %y: memref<8x8x8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>,
                                   affine_map<(i, j, k) -> (i, j, k)>],
                  iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : memref<8x8x8xf32>) outs(%y : memref<8x8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %a : f32
    linalg.yield %r : f32
  }
  return
}

// A square of 16 x 16 is transposed in registers: 4 steps of 16 shuffles.
// CHECK-LABEL: func @transpose
// CHECK-COUNT-16: vector.load
// CHECK-COUNT-64: vector.shuffle
// CHECK-COUNT-16: vector.store
// CHECK-NOT: vector.gather
// CHECK: return
func.func @transpose(%x: memref<100x64xf32>, %y: memref<64x100xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #id],
                  iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<100x64xf32>) outs(%y : memref<64x100xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// The colours of an image last: a vector of each, and their lanes in turn.
// CHECK-LABEL: func @interleave
// CHECK-COUNT-3: vector.load
// CHECK: vector.shuffle {{.*}} [0, 16, 2, 1, 17, 5, 2, 18, 8, 3, 19, 11, 4, 20, 14, 5]
// CHECK: vector.shuffle {{.*}} [0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15]
// CHECK: vector.store
// CHECK-COUNT-2: vector.shuffle
// CHECK: vector.store
// CHECK-COUNT-2: vector.shuffle
// CHECK: vector.store
// CHECK-NOT: vector.scatter
// CHECK: return
func.func @interleave(%x: memref<3x100xf32>, %y: memref<100x3xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #id],
                  iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<3x100xf32>) outs(%y : memref<100x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// One division per row: the others are two multiplications and a correction.
// CHECK-LABEL: func @quotients
// CHECK: scf.if
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK-COUNT-2: math.fma {{.*}} : vector<16xf32>
// CHECK: arith.cmpf one
// CHECK: } else {
// CHECK: arith.divf {{.*}} : vector<16xf32>
func.func @quotients(%x: memref<4x16xf32>, %s: memref<4xf32>) {
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : memref<4xf32>) outs(%x : memref<4x16xf32>) {
  ^bb0(%d: f32, %a: f32):
    %r = arith.divf %a, %d : f32
    linalg.yield %r : f32
  }
  return
}

// A table lookup is one row's vectors.
// CHECK-LABEL: func @lookup
// CHECK: memref.load %{{.*}} : memref<?xi64>
// CHECK: vector.load
// CHECK-NOT: vector.gather
// CHECK: return
func.func @lookup(%table: memref<100x64xf32>, %at: memref<?xi64>, %y: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%at : memref<?xi64>) outs(%y : memref<?x64xf32>) {
  ^bb0(%i: i64, %o: f32):
    %r = arith.index_cast %i : i64 to index
    %c = linalg.index 1 : index
    %v = memref.load %table[%r, %c] : memref<100x64xf32>
    linalg.yield %v : f32
  }
  return
}

// What has control flow stays for scalar loops.
// CHECK-LABEL: func @control
// CHECK: linalg.generic
func.func @control(%c: i1, %x: memref<8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%x : memref<8xf32>) {
  ^bb0(%a: f32):
    %r = scf.if %c -> f32 {
      scf.yield %a : f32
    } else {
      %n = arith.negf %a : f32
      scf.yield %n : f32
    }
    linalg.yield %r : f32
  }
  return
}

// A row that is written and then summed is summed as it is written.
// CHECK-LABEL: func @exp_and_sum
// CHECK: scf.for
// CHECK: %[[A:.*]] = math.exp
// CHECK: vector.store %[[A]]
// CHECK: %[[B:.*]] = math.exp
// CHECK: vector.store %[[B]]
// CHECK: arith.addf %[[A]], %[[B]]
// CHECK: memref.store
// CHECK-NOT: scf.for
// CHECK: return
func.func @exp_and_sum(%x: memref<4x64xf32>, %y: memref<4x64xf32>) -> memref<4xf32> {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<4x64xf32>) outs(%y : memref<4x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  %s = memref.alloc() : memref<4xf32>
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : memref<4x64xf32>) outs(%s : memref<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o : f32
    linalg.yield %t : f32
  }
  return %s : memref<4xf32>
}

// What may be the same memory keeps its order.
// CHECK-LABEL: func @into_an_argument
// CHECK: math.exp
// CHECK: scf.for
// CHECK: arith.addf
// CHECK: return
func.func @into_an_argument(%x: memref<4x64xf32>, %y: memref<4x64xf32>, %s: memref<4xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<4x64xf32>) outs(%y : memref<4x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : memref<4x64xf32>) outs(%s : memref<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o : f32
    linalg.yield %t : f32
  }
  return
}

// CHECK-LABEL: func @inverse
// CHECK: arith.divf %{{.*}}, %{{.*}} : f32
// CHECK: arith.mulf
// CHECK-NOT: arith.divf
// CHECK: return
func.func @inverse(%x: memref<4x64xf32>, %s: memref<4xf32>) {
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : memref<4xf32>) outs(%x : memref<4x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %q = arith.divf %o, %a fastmath<arcp> : f32
    linalg.yield %q : f32
  }
  return
}

// CHECK-LABEL: func @nothing
// CHECK-NEXT: return
func.func @nothing(%x: memref<0x3xf32>, %y: memref<0x3xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<0x3xf32>) outs(%y : memref<0x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// What is kept of every step has no one place to be carried at.
// CHECK-LABEL: func @maxima_of_maxima
// CHECK-NEXT: linalg.generic
func.func @maxima_of_maxima(%x: memref<3x2xf32>, %y: memref<3x2xf32>, %z: memref<3xf32>) {
  linalg.generic {indexing_maps = [#id, #id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<3x2xf32>) outs(%y, %z : memref<3x2xf32>, memref<3xf32>) {
  ^bb0(%a: f32, %o: f32, %s: f32):
    %m = arith.maximumf %a, %o : f32
    %n = arith.maximumf %m, %s : f32
    linalg.yield %m, %n : f32, f32
  }
  return
}
