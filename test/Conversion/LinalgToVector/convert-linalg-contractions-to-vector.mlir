// RUN: plait-opt --convert-linalg-contractions-to-vector=vector-bits=512 %s | FileCheck %s
// RUN: plait-opt --convert-linalg-contractions-to-vector=vector-bits=256 %s | FileCheck %s --check-prefix=AVX2

#mk = affine_map<(m, n, k) -> (m, k)>
#km = affine_map<(m, n, k) -> (k, m)>
#nk = affine_map<(m, n, k) -> (n, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#panels = affine_map<(m, n, k) -> (n floordiv 32, k, n mod 32)>
#contraction = ["parallel", "parallel", "reduction"]

// Enough rows: panels, then tiles of 8 x 32 that start from zero because C was
// filled with zeros. The sum is unrolled by 4.
// CHECK-LABEL: func @packed
// AVX2-LABEL: func @packed
func.func @packed(%a: memref<64x100xf32>, %b: memref<100x64xf32>, %c: memref<64x64xf32>) {
  // CHECK-NOT: linalg.fill
  // CHECK: %[[P:.*]] = memref.alloc() {alignment = 64 : i64} : memref<6912xf32>
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK: vector.store %{{.*}}, %[[P]]
  // CHECK: scf.for {{.*}} iter_args
  // CHECK: vector.load %[[P]]
  // CHECK-COUNT-64: vector.fma {{.*}} : vector<16xf32>
  // CHECK-NOT: vector.fma
  // CHECK-NOT: vector.maskedload
  // CHECK: memref.dealloc %[[P]]
  // Six rows, and four that are left over.
  // AVX2-COUNT-48: vector.fma {{.*}} : vector<8xf32>
  // AVX2-COUNT-32: vector.fma {{.*}} : vector<8xf32>
  // AVX2-NOT: vector.fma
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<64x64xf32>)
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x100xf32>, memref<100x64xf32>) outs(%c : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// B contiguous along the sum: packed through transposed squares.
// CHECK-LABEL: func @across
// AVX2-LABEL: func @across
func.func @across(%a: memref<64x128xf32>, %b: memref<64x128xf32>, %c: memref<64x64xf32>) {
  // CHECK-COUNT-16: vector.load {{.*}} : memref<8192xf32, {{.*}}, vector<16xf32>
  // CHECK-COUNT-64: vector.shuffle
  // CHECK-NOT: vector.shuffle
  // CHECK: vector.fma
  // AVX2-COUNT-24: vector.shuffle
  linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x128xf32>, memref<64x128xf32>) outs(%c : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// A weight that lies in panels already.
// CHECK-LABEL: func @prepacked
func.func @prepacked(%a: memref<64x128xf32>, %b: memref<2x128x32xf32>, %c: memref<64x64xf32>) {
  // CHECK-NOT: memref.alloc
  // CHECK-NOT: memref.prefetch
  // CHECK-COUNT-64: vector.fma
  linalg.generic {indexing_maps = [#mk, #panels, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x128xf32>, memref<2x128x32xf32>) outs(%c : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// Every step reads another line of A: the panels are asked for ahead.
// CHECK-LABEL: func @prepacked_strided
func.func @prepacked_strided(%a: memref<128x64xf32>, %b: memref<2x128x32xf32>, %c: memref<64x64xf32>) {
  // CHECK-NOT: memref.alloc
  // CHECK-COUNT-8: memref.prefetch
  // CHECK-NOT: memref.prefetch
  linalg.generic {indexing_maps = [#km, #panels, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<128x64xf32>, memref<2x128x32xf32>) outs(%c : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// One row: eight rows of B at a time, where they are. The five columns that are
// left over are masked.
// CHECK-LABEL: func @streamed
func.func @streamed(%a: memref<1x128xf32>, %b: memref<128x1029xf32>, %c: memref<1x1029xf32>) {
  // CHECK-NOT: memref.alloc
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK-COUNT-16: vector.fma
  // CHECK: vector.create_mask
  // CHECK: vector.maskedload
  // CHECK: vector.maskedstore
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<1x128xf32>, memref<128x1029xf32>) outs(%c : memref<1x1029xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// B does not change from one strip of rows to the next: packed once, in a
// buffer that is made once.
// CHECK-LABEL: func @strips
func.func @strips(%a: memref<512x64xf32>, %b: memref<512x64xf32>, %c: memref<512x512xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  // CHECK: memref.alloc
  // CHECK: vector.shuffle
  // CHECK: scf.for {{.*}} step %c64
  // CHECK-NOT: vector.shuffle
  // CHECK: vector.fma
  // CHECK-NOT: memref.dealloc
  // CHECK: {{^    }}}
  // CHECK: memref.dealloc
  scf.for %i = %c0 to %c512 step %c64 {
    %as = memref.subview %a[%i, 0] [64, 64] [1, 1]
        : memref<512x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %cs = memref.subview %c[%i, 0] [64, 512] [1, 1]
        : memref<512x512xf32> to memref<64x512xf32, strided<[512, 1], offset: ?>>
    linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #contraction}
        ins(%as, %b : memref<64x64xf32, strided<[64, 1], offset: ?>>, memref<512x64xf32>)
        outs(%cs : memref<64x512xf32, strided<[512, 1], offset: ?>>) {
    ^bb0(%x: f32, %y: f32, %s: f32):
      %p = arith.mulf %x, %y : f32
      %t = arith.addf %s, %p : f32
      linalg.yield %t : f32
    }
  }
  return
}

// Here it changes: packed in every strip, in the same buffer.
// CHECK-LABEL: func @changing
func.func @changing(%a: memref<512x64xf32>, %b: memref<512x64xf32>, %c: memref<512x512xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %one = arith.constant 1.0 : f32
  // CHECK: memref.alloc
  // CHECK: scf.for {{.*}} step %c64
  // CHECK: linalg.fill
  // CHECK: vector.shuffle
  // CHECK: memref.dealloc
  scf.for %i = %c0 to %c512 step %c64 {
    %as = memref.subview %a[%i, 0] [64, 64] [1, 1]
        : memref<512x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
    %cs = memref.subview %c[%i, 0] [64, 512] [1, 1]
        : memref<512x512xf32> to memref<64x512xf32, strided<[512, 1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%b : memref<512x64xf32>)
    linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #contraction}
        ins(%as, %b : memref<64x64xf32, strided<[64, 1], offset: ?>>, memref<512x64xf32>)
        outs(%cs : memref<64x512xf32, strided<[512, 1], offset: ?>>) {
    ^bb0(%x: f32, %y: f32, %s: f32):
      %p = arith.mulf %x, %y : f32
      %t = arith.addf %s, %p : f32
      linalg.yield %t : f32
    }
  }
  return
}

// Sizes known at run time only: both ways, tails masked.
// CHECK-LABEL: func @dynamic
func.func @dynamic(%a: memref<?x?xbf16>, %b: memref<?x?xbf16>, %c: memref<?x?xf32>) {
  // CHECK: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
  // CHECK: vector.create_mask
  // CHECK: vector.maskedload
  linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<?x?xbf16>, memref<?x?xbf16>) outs(%c : memref<?x?xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %xe = arith.extf %x : bf16 to f32
    %ye = arith.extf %y : bf16 to f32
    %p = arith.mulf %xe, %ye : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// No sum of products: left alone.
// CHECK-LABEL: func @other
func.func @other(%a: memref<8x64xf32>, %b: memref<12x64xf32>, %c: memref<8x12xf32>) {
  // CHECK: linalg.generic
  linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<8x64xf32>, memref<12x64xf32>) outs(%c : memref<8x12xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.subf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

#rows = affine_map<(m, n) -> (m, n)>
#columns = affine_map<(m, n) -> (n)>

// An elementwise op that alone reads the sums is applied to them in registers;
// the bias is read once for all rows of a tile.
// CHECK-LABEL: func @epilogue
// CHECK-COUNT-64: vector.fma {{.*}} : vector<16xf32>
// CHECK: scf.yield
// CHECK-NOT: vector.store
// CHECK: vector.load {{.*}} : memref<64xf32, strided<[1]>>, vector<16xf32>
// CHECK-COUNT-16: arith.maximumf {{.*}} : vector<16xf32>
// CHECK-NOT: arith.maximumf
// CHECK-NOT: linalg.generic
func.func @epilogue(%a: memref<64x100xf32>, %b: memref<2x100x32xf32>, %bias: memref<64xf32>,
                    %d: memref<64x64xf32>) attributes {plait.distinct} {
  %zero = arith.constant 0.0 : f32
  %c = memref.alloc() : memref<64x64xf32>
  linalg.fill ins(%zero : f32) outs(%c : memref<64x64xf32>)
  linalg.generic {indexing_maps = [#mk, #panels, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x100xf32>, memref<2x100x32xf32>) outs(%c : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [#rows, #columns, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%c, %bias : memref<64x64xf32>, memref<64xf32>) outs(%d : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %t = arith.addf %x, %y : f32
    %u = arith.maximumf %t, %zero : f32
    linalg.yield %u : f32
  }
  memref.dealloc %c : memref<64x64xf32>
  return
}

// What is written may be what the contraction still reads.
// CHECK-LABEL: func @in_place
// CHECK: linalg.generic
// CHECK-SAME: outs(%arg0
func.func @in_place(%a: memref<64x64xf32>, %b: memref<2x64x32xf32>) attributes {plait.distinct} {
  %zero = arith.constant 0.0 : f32
  %c = memref.alloc() : memref<64x64xf32>
  linalg.fill ins(%zero : f32) outs(%c : memref<64x64xf32>)
  linalg.generic {indexing_maps = [#mk, #panels, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x64xf32>, memref<2x64x32xf32>) outs(%c : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%c : memref<64x64xf32>) outs(%a : memref<64x64xf32>) {
  ^bb0(%x: f32, %o: f32):
    %u = arith.maximumf %x, %zero : f32
    linalg.yield %u : f32
  }
  memref.dealloc %c : memref<64x64xf32>
  return
}

// So may two arguments of which nobody says that they are distinct.
// CHECK-LABEL: func @unknown
// CHECK: linalg.generic
func.func @unknown(%a: memref<64x64xf32>, %b: memref<2x64x32xf32>, %d: memref<64x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %c = memref.alloc() : memref<64x64xf32>
  linalg.fill ins(%zero : f32) outs(%c : memref<64x64xf32>)
  linalg.generic {indexing_maps = [#mk, #panels, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x64xf32>, memref<2x64x32xf32>) outs(%c : memref<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%c : memref<64x64xf32>) outs(%d : memref<64x64xf32>) {
  ^bb0(%x: f32, %o: f32):
    %u = arith.maximumf %x, %zero : f32
    linalg.yield %u : f32
  }
  memref.dealloc %c : memref<64x64xf32>
  return
}

// 48 columns are a tile of two vectors and one of one: all are full.
// CHECK-LABEL: func @narrow
// CHECK-NOT: vector.maskedstore
func.func @narrow(%a: memref<64x8xf32>, %b: memref<8x48xf32>, %c: memref<64x48xf32>) {
  linalg.generic {indexing_maps = [#mk, affine_map<(m, n, k) -> (k, n)>, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x8xf32>, memref<8x48xf32>) outs(%c : memref<64x48xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}
