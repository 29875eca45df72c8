// RUN: plait-opt --convert-linalg-contractions-to-vector=vector-bits=512 %s | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#km = affine_map<(m, n, k) -> (k, m)>
#mn = affine_map<(m, n, k) -> (m, n)>
#contraction = ["parallel", "parallel", "reduction"]

// Both operands contiguous along k: sixteen dot products in registers.
// CHECK-LABEL: func @dot
func.func @dot(%a: memref<8x64xf32>, %b: memref<12x64xf32>, %c: memref<8x12xf32>) {
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK: scf.for {{.*}} iter_args
  // CHECK-COUNT-16: vector.fma {{.*}} : vector<16xf32>
  // CHECK-NOT: vector.fma
  // CHECK-COUNT-16: vector.reduction <add>
  // CHECK-NOT: vector.maskedload
  linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<8x64xf32>, memref<12x64xf32>) outs(%c : memref<8x12xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// The right operand and the result contiguous along n: outer products.
// CHECK-LABEL: func @outer
func.func @outer(%a: memref<8x64xf32>, %b: memref<64x32xf32>, %c: memref<8x32xf32>) {
  // CHECK-COUNT-2: vector.load
  // CHECK: memref.load
  // CHECK: vector.broadcast
  // CHECK-COUNT-16: vector.fma
  // CHECK-NOT: vector.fma
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<8x64xf32>, memref<64x32xf32>) outs(%c : memref<8x32xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// Neither: the right operand is packed first.
// CHECK-LABEL: func @packed
func.func @packed(%a: memref<64x8xf32>, %b: memref<32x64xf32>, %c: memref<8x32xf32>) {
  // CHECK: %[[P:.*]] = memref.alloc() : memref<64x32xf32>
  // CHECK: linalg.transpose ins(%{{.*}}) outs(%[[P]] {{.*}} permutation = [1, 0]
  // CHECK: vector.load %[[P]]
  // CHECK: memref.dealloc %[[P]]
  linalg.generic {indexing_maps = [#km, #nk, #mn], iterator_types = #contraction}
      ins(%a, %b : memref<64x8xf32>, memref<32x64xf32>) outs(%c : memref<8x32xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// Ragged and dynamic: masked tails.
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
