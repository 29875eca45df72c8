// RUN: plait-opt --split-input-file --linalg-outline-kernels %s | FileCheck %s
// RUN: plait-opt --split-input-file --linalg-outline-kernels --mlir-print-debuginfo %s | FileCheck %s --check-prefix=PLACES

#id = affine_map<(i) -> (i)>
!slice0 = memref<4xf32, strided<[1], offset: 0>>
!slice4 = memref<4xf32, strided<[1], offset: 4>>

// Two slices at different offsets, one kernel; also where locations are printed.
// PLACES-LABEL: func.func @main
// PLACES: call @[[KERNEL:[a-z_0-9]*]](
// PLACES: call @[[KERNEL]](
// PLACES-LABEL: func.func @tiles
// CHECK-LABEL: func.func @main
// CHECK: memref.cast
// CHECK: call @[[KERNEL:.*]](%{{.*}}) : (memref<4xf32, strided<[1], offset: ?>>) -> ()
// CHECK: call @[[KERNEL]](
// CHECK-NOT: call
// CHECK: return
// CHECK: func.func private @[[KERNEL]](%[[X:.*]]: memref<4xf32, strided<[1], offset: ?>>) attributes {passthrough = ["noinline"], plait.distinct}
// CHECK: %[[C:.*]] = arith.constant 2.0
// CHECK: linalg.generic
// CHECK: arith.mulf %{{.*}}, %[[C]]
// CHECK-NOT: func.func
func.func @main(%x: memref<8xf32>) {
  %c = arith.constant 2.0 : f32
  %a = memref.subview %x[0] [4] [1] : memref<8xf32> to !slice0
  %b = memref.subview %x[4] [4] [1] : memref<8xf32> to !slice4
  %a0 = memref.cast %a : !slice0 to memref<4xf32, strided<[1], offset: ?>>
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%a0 : memref<4xf32, strided<[1], offset: ?>>) {
  ^bb0(%o: f32):
    %r = arith.mulf %o, %c : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%b : !slice4) {
  ^bb0(%o: f32):
    %r = arith.mulf %o, %c : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#id = affine_map<(i) -> (i)>

// A parallel loop goes as a whole, with what is around its ops.
// CHECK-LABEL: func.func @tiles
// CHECK: call @[[TILES:.*]](%{{.*}}) : (memref<64xf32>) -> ()
// CHECK-NEXT: call @[[TILES]](
// CHECK-NEXT: return
// CHECK: func.func private @[[TILES]](
// CHECK-NEXT: arith.constant
// CHECK-NEXT: scf.forall
// CHECK: linalg.generic
func.func @tiles(%x: memref<64xf32>, %y: memref<64xf32>) {
  %c = arith.constant 2.0 : f32
  scf.forall (%i) = (0) to (64) step (8) {
    %tile = memref.subview %x[%i] [8] [1] : memref<64xf32> to memref<8xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%tile : memref<8xf32, strided<[1], offset: ?>>) {
    ^bb0(%o: f32):
      %r = arith.mulf %o, %c : f32
      linalg.yield %r : f32
    }
  }
  scf.forall (%i) = (0) to (64) step (8) {
    %tile = memref.subview %y[%i] [8] [1] : memref<64xf32> to memref<8xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%tile : memref<8xf32, strided<[1], offset: ?>>) {
    ^bb0(%o: f32):
      %r = arith.mulf %o, %c : f32
      linalg.yield %r : f32
    }
  }
  return
}
