// RUN: plait-opt --pass-pipeline='builtin.module(func.func(convert-linalg-contractions-to-vector{vector-bits=512}))' --split-input-file %s | FileCheck %s

#image = affine_map<(h, w, o, y, x, i) -> (h * 2 + y, w * 2 + x, i)>
#panels = affine_map<(h, w, o, y, x, i) -> (o floordiv 32, y, x, i, o mod 32)>
#result = affine_map<(h, w, o, y, x, i) -> (h, w, o)>

// Of three lines of a window, those before line 1 or behind line 14 are zeros:
// tiles of seven rows, in one line of seven pixels, leave them out.
// CHECK-LABEL: func @tile_of_a_padded_image
// CHECK-SAME: %[[LINE:arg[0-9]+]]: index)
// CHECK: arith.divui %{{.*}}, %c7
// CHECK: %[[AT:.*]] = arith.addi %[[LINE]], %{{.*}}
// CHECK: %[[LOW:.*]] = arith.subi %c1{{.*}}, %[[AT]]
// CHECK: %[[FROM:.*]] = arith.maxsi %[[LOW]], %c0
// CHECK: %[[END:.*]] = arith.subi %c15{{.*}}, %[[AT]]
// CHECK: %[[PAST:.*]] = arith.maxsi %[[END]], %c0
// CHECK: %[[TO:.*]] = arith.minsi %[[PAST]], %c3
// CHECK: scf.for %{{.*}} = %[[FROM]] to %[[TO]] step
func.func @tile_of_a_padded_image(%image: memref<16x15x4xf32>, %b: memref<1x3x3x4x32xf32>, %c: memref<3x7x32xf32>, %line: index) {
  %a = memref.subview %image[%line, 0, 0] [7, 15, 4] [1, 1, 1] : memref<16x15x4xf32> to memref<7x15x4xf32, strided<[60, 4, 1], offset: ?>>
  linalg.generic {indexing_maps = [#image, #panels, #result], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction"], plait.inside = array<i64: 0, 16, 1, 15, 15, 0, 15, 4, 0, 4>} ins(%a, %b : memref<7x15x4xf32, strided<[60, 4, 1], offset: ?>>, memref<1x3x3x4x32xf32>) outs(%c : memref<3x7x32xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }
  return
}

// -----

#image = affine_map<(h, w, o, y, x, i) -> (h + y, w + x, i)>
#panels = affine_map<(h, w, o, y, x, i) -> (o floordiv 32, y, x, i, o mod 32)>
#result = affine_map<(h, w, o, y, x, i) -> (h, w, o)>

// What is known of another buffer is not used.
// CHECK-LABEL: func @another_image
// CHECK-NOT: arith.maxsi
func.func @another_image(%a: memref<9x9x4xf32>, %b: memref<1x3x3x4x32xf32>, %c: memref<7x7x32xf32>) {
  linalg.generic {indexing_maps = [#image, #panels, #result], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction"], plait.inside = array<i64: 0, 10, 1, 9, 9, 1, 8, 4, 0, 4>} ins(%a, %b : memref<9x9x4xf32>, memref<1x3x3x4x32xf32>) outs(%c : memref<7x7x32xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }
  return
}
