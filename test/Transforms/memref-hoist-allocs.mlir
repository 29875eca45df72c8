// RUN: plait-opt --allow-unregistered-dialect --memref-hoist-allocs %s | FileCheck %s
// RUN: plait-opt --allow-unregistered-dialect --pass-pipeline='builtin.module(func.func(memref-hoist-allocs{stack-bytes=0}))' %s | FileCheck %s --check-prefix=HEAP

// A small static buffer goes on the stack, one of an unknown but unchanging size
// before the loops, and one whose size changes with the outer loop into it.
// CHECK-LABEL: func.func @loops
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<8x16xf32>
// CHECK: %[[SAME:.*]] = memref.alloc(%{{.*}}) : memref<?xf32>
// CHECK-NEXT: scf.for %[[I:.*]] =
// CHECK-NEXT: %[[GROWS:.*]] = memref.alloc(%[[I]]) : memref<?xf32>
// CHECK-NEXT: scf.for
// CHECK-NOT: memref.alloc
// CHECK: "test.use"
// CHECK-NEXT: }
// CHECK-NEXT: memref.dealloc %[[GROWS]]
// CHECK-NEXT: }
// CHECK-NEXT: memref.dealloc %[[SAME]]
// HEAP-LABEL: func.func @loops
// HEAP-NOT: memref.alloca
// HEAP: memref.alloc() : memref<8x16xf32>
// HEAP: scf.for
func.func @loops(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    scf.for %j = %c0 to %n step %c1 {
      %small = memref.alloc() : memref<8x16xf32>
      %same = memref.alloc(%n) : memref<?xf32>
      %grows = memref.alloc(%i) : memref<?xf32>
      "test.use"(%small, %same, %grows) : (memref<8x16xf32>, memref<?xf32>, memref<?xf32>) -> ()
      memref.dealloc %small : memref<8x16xf32>
      memref.dealloc %same : memref<?xf32>
      memref.dealloc %grows : memref<?xf32>
    }
  }
  return
}

// Nothing moves out of a parallel loop, and nothing that the loop gives away.
// CHECK-LABEL: func.func @parallel
// CHECK-NEXT: scf.forall
// CHECK-NEXT: memref.alloc()
// CHECK-LABEL: func.func @carried
// CHECK: scf.for
// CHECK-NEXT: memref.alloc()
func.func @parallel() {
  scf.forall (%i) in (8) {
    %small = memref.alloc() : memref<8xf32>
    "test.use"(%small) : (memref<8xf32>) -> ()
    memref.dealloc %small : memref<8xf32>
  }
  return
}
func.func @carried(%n: index, %first: memref<8xf32>) -> memref<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %last = scf.for %i = %c0 to %n step %c1 iter_args(%old = %first) -> memref<8xf32> {
    %new = memref.alloc() : memref<8xf32>
    "test.use"(%old, %new) : (memref<8xf32>, memref<8xf32>) -> ()
    memref.dealloc %old : memref<8xf32>
    scf.yield %new : memref<8xf32>
  }
  return %last : memref<8xf32>
}
