// RUN: plait-opt --pass-pipeline='builtin.module(func.func(convert-linalg-contractions-to-vector{vector-bits=512 dots=bf16,i8}))' %s | FileCheck %s
// RUN: plait-opt --pass-pipeline='builtin.module(func.func(convert-linalg-contractions-to-vector{vector-bits=512 dots=none}))' %s | FileCheck %s --check-prefix=PLAIN
// RUN: plait-opt --pass-pipeline='builtin.module(func.func(convert-linalg-contractions-to-vector{vector-bits=256 dots=bf16,i8}))' %s | FileCheck %s --check-prefix=SHORT

#left = affine_map<(m, n, k) -> (m, k)>
#panels = affine_map<(m, n, k) -> (n floordiv 32, k, n mod 32)>
#out = affine_map<(m, n, k) -> (m, n)>

// Pairs of bf16, of panels that are read as they are: few tiles use them.
// CHECK-LABEL: func @bf16_few_tiles
// CHECK: vector.load %{{.*}} : memref<131072xbf16{{.*}}, vector<32xbf16>
// CHECK: vector.shuffle
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%{{.*}}) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>)
// CHECK-NOT: arith.extf
// PLAIN-LABEL: func @bf16_few_tiles
// PLAIN-NOT: llvm.call_intrinsic
// PLAIN: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// SHORT-LABEL: func @bf16_few_tiles
// SHORT-NOT: llvm.call_intrinsic
func.func @bf16_few_tiles(%a: memref<8x1024xbf16>, %b: memref<4x1024x32xbf16>, %c: memref<8x128xf32>) {
  linalg.generic {indexing_maps = [#left, #panels, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<8x1024xbf16>, memref<4x1024x32xbf16>) outs(%c : memref<8x128xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %xw = arith.extf %x : bf16 to f32
    %yw = arith.extf %y : bf16 to f32
    %p = arith.mulf %xw, %yw : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// One row waits for memory: widened.
// CHECK-LABEL: func @bf16_one_row
// CHECK-NOT: llvm.call_intrinsic
// CHECK: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
func.func @bf16_one_row(%a: memref<1x1024xbf16>, %b: memref<4x1024x32xbf16>, %c: memref<1x128xf32>) {
  linalg.generic {indexing_maps = [#left, #panels, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<1x1024xbf16>, memref<4x1024x32xbf16>) outs(%c : memref<1x128xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %xw = arith.extf %x : bf16 to f32
    %yw = arith.extf %y : bf16 to f32
    %p = arith.mulf %xw, %yw : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}

// Fours of i8. A is read where it is and moved to unsigned bytes; what that adds
// to a column is summed once where the panel is copied for all tiles.
// CHECK-LABEL: func @i8
// CHECK: vector.shuffle {{.*}} : vector<64xi8>, vector<64xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[BIAS:.*]], %{{.*}})
// CHECK: vector.load %{{.*}} : memref<8192xi8{{.*}}, vector<4xi8>
// CHECK: arith.xori %{{.*}} : vector<16xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: arith.subi %{{.*}} : vector<16xi32>
// PLAIN-LABEL: func @i8
// PLAIN-NOT: llvm.call_intrinsic
// PLAIN: arith.extsi %{{.*}} : vector<16xi8> to vector<16xi32>
func.func @i8(%a: memref<64x128xi8>, %b: memref<4x128x32xi8>, %c: memref<64x128xi32>) {
  linalg.generic {indexing_maps = [#left, #panels, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<64x128xi8>, memref<4x128x32xi8>) outs(%c : memref<64x128xi32>) {
  ^bb0(%x: i8, %y: i8, %s: i32):
    %xw = arith.extsi %x : i8 to i32
    %yw = arith.extsi %y : i8 to i32
    %p = arith.muli %xw, %yw : i32
    %t = arith.addi %s, %p : i32
    linalg.yield %t : i32
  }
  return
}

// Weights of i8 under f32: widened in registers for one row.
// CHECK-LABEL: func @i8_weights
// CHECK-NOT: memref.alloc
// CHECK: %[[W:.*]] = vector.load %{{.*}} : memref<131072xi8{{.*}}, vector<16xi8>
// CHECK: arith.sitofp %[[W]] : vector<16xi8> to vector<16xf32>
// CHECK: vector.fma
func.func @i8_weights(%a: memref<1x1024xf32>, %b: memref<4x1024x32xi8>, %c: memref<1x128xf32>) {
  linalg.generic {indexing_maps = [#left, #panels, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<1x1024xf32>, memref<4x1024x32xi8>) outs(%c : memref<1x128xf32>) {
  ^bb0(%x: f32, %y: i8, %s: f32):
    %yw = arith.sitofp %y : i8 to f32
    %p = arith.mulf %x, %yw : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  }
  return
}
