// RUN: plait-opt --memref-free-early --split-input-file %s | FileCheck %s
// RUN: plait-opt --pass-pipeline='builtin.module(func.func(memref-free-early),ownership-based-buffer-deallocation,buffer-deallocation-simplification,bufferization-lower-deallocations)' --split-input-file %s | FileCheck %s --check-prefix=OTHERS

// Behind the last use of any view, also one that is nested.
// CHECK-LABEL: func.func @chain
// CHECK: %[[A:.*]] = memref.alloc(%{{.*}}) {bufferization.manual_deallocation} : memref<?x8xf32>
// CHECK: %[[B:.*]] = memref.alloc()
// CHECK: memref.store %{{.*}}, %[[B]]
// CHECK-NEXT: memref.dealloc %[[B]] {bufferization.manual_deallocation}
// CHECK: scf.for
// CHECK: memref.store
// CHECK-NEXT: }
// CHECK-NEXT: memref.dealloc %[[A]]
// CHECK-NEXT: vector.print
// OTHERS-LABEL: func.func @chain
// OTHERS-COUNT-2: memref.dealloc
// OTHERS-NOT: memref.dealloc
func.func @chain(%n: index, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc(%n) : memref<?x8xf32>
  %flat = memref.collapse_shape %a [[0, 1]] : memref<?x8xf32> into memref<?xf32>
  %b = memref.alloc() : memref<8xf32>
  memref.store %f, %b[%c0] : memref<8xf32>
  scf.for %i = %c0 to %n step %c1 {
    %row = memref.subview %flat[%i] [8] [1] : memref<?xf32> to memref<8xf32, strided<[1], offset: ?>>
    memref.store %f, %row[%c0] : memref<8xf32, strided<[1], offset: ?>>
  }
  vector.print str "behind"
  return
}

// -----

// In the body of a loop, if it stays there.
// CHECK-LABEL: func.func @in_a_loop
// CHECK: %[[A:.*]] = memref.alloc()
// CHECK-NEXT: memref.store %{{.*}}, %[[A]]
// CHECK-NEXT: memref.dealloc %[[A]]
// CHECK-NEXT: vector.print
// OTHERS-LABEL: func.func @in_a_loop
func.func @in_a_loop(%n: index, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloc() : memref<8xf32>
    memref.store %f, %a[%c0] : memref<8xf32>
    vector.print str "behind"
  }
  return
}

// -----

// What is returned, and what a branch or a loop gives another name, is the
// deallocation pipeline's.
// CHECK-LABEL: func.func @elsewhere
// CHECK-NOT: memref.dealloc
// OTHERS-LABEL: func.func @elsewhere
// OTHERS-COUNT-4: memref.dealloc
func.func @elsewhere(%n: index, %which: i1) -> memref<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %returned = memref.alloc() : memref<8xf32>
  %carried = memref.alloc() : memref<8xf32>
  %last = scf.for %i = %c0 to %n step %c1 iter_args(%now = %carried) -> (memref<8xf32>) {
    %next = memref.alloc() : memref<8xf32>
    memref.copy %now, %next : memref<8xf32> to memref<8xf32>
    scf.yield %next : memref<8xf32>
  }
  %yielded = scf.if %which -> (memref<8xf32>) {
    %one = memref.alloc() : memref<8xf32>
    scf.yield %one : memref<8xf32>
  } else {
    %other = memref.alloc() : memref<8xf32>
    scf.yield %other : memref<8xf32>
  }
  memref.copy %last, %returned : memref<8xf32> to memref<8xf32>
  memref.copy %yielded, %returned : memref<8xf32> to memref<8xf32>
  return %returned : memref<8xf32>
}
