// RUN: plait-opt --convert-scf-forall-to-tasks=min-ops=100 --split-input-file %s | FileCheck %s

// Two dimensions, one of them dynamic and with an offset: the context holds
// the buffer, the scalar and the number of tiles of both.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[S:.*]]: f32, %[[N:.*]]: index)
// CHECK: %[[SLOT:.*]] = llvm.alloca
// CHECK: arith.maxsi
// CHECK: llvm.store %{{.*}}, %[[SLOT]]
// CHECK: %[[TASK:.*]] = constant @main_task : (!llvm.ptr, i64, i64) -> !llvm.ptr
// CHECK: %[[PTR:.*]] = builtin.unrealized_conversion_cast %[[TASK]]
// CHECK: %[[MESSAGE:.*]] = llvm.call @plait_parallel_for(%[[PTR]], %[[SLOT]], %{{.*}})
// CHECK: llvm.call @plait_raise(%[[MESSAGE]])
// CHECK-NEXT: return
// CHECK-LABEL: func.func private @main_task(
// CHECK-SAME: %[[CONTEXT:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64) -> !llvm.ptr attributes {passthrough = ["plait-task"]}
// CHECK: llvm.load %[[CONTEXT]]
// CHECK: scf.for %[[I:.*]] = %{{.*}} to
// CHECK: arith.remui %[[I]]
// CHECK: arith.divui %[[I]]
// CHECK: arith.mulf
// CHECK-NOT: scf.forall
func.func @main(%x: memref<?x8xf32>, %s: f32, %n: index) {
  scf.forall (%i, %j) = (1, 0) to (%n, 8) step (1, 2) {
    %a = memref.load %x[%i, %j] : memref<?x8xf32>
    %b = arith.mulf %a, %s : f32
    memref.store %b, %x[%i, %j] : memref<?x8xf32>
  }
  return
}

// -----

// Few operations, one tile, or a loop in a loop: no call.
// CHECK-LABEL: func.func @small(
// CHECK-NOT: llvm.call
// CHECK: scf.for
// CHECK: return
func.func @small(%x: memref<8xf32>, %s: f32) {
  scf.forall (%i) in (8) {
    memref.store %s, %x[%i] : memref<8xf32>
  }
  return
}

// CHECK-LABEL: func.func @one_tile(
// CHECK-NOT: llvm.call
// CHECK: return
func.func @one_tile(%x: memref<1x?xf32>, %s: f32, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) in (1) {
    scf.for %j = %c0 to %n step %c1 {
      memref.store %s, %x[%i, %j] : memref<1x?xf32>
    }
  }
  return
}

// CHECK-LABEL: func.func @nested(
// CHECK-COUNT-1: llvm.call @plait_parallel_for
// CHECK-NOT: llvm.call @plait_parallel_for
// CHECK-LABEL: func.func private @nested_task(
// CHECK: scf.for
// CHECK: scf.for
func.func @nested(%x: memref<?x?xf32>, %s: f32, %n: index) {
  scf.forall (%i) in (%n) {
    scf.forall (%j) in (%n) {
      memref.store %s, %x[%i, %j] : memref<?x?xf32>
    }
  }
  return
}

// -----

// Stack memory of a static size is allocated once per task, other memory is
// given back after each tile.
// CHECK-LABEL: func.func private @stack_task(
// CHECK-NEXT: memref.alloca() : memref<4xf32>
// CHECK: scf.for
// CHECK: %[[TOP:.*]] = llvm.intr.stacksave
// CHECK: memref.alloca(%{{.*}}) : memref<?xf32>
// CHECK: llvm.intr.stackrestore %[[TOP]]
func.func @stack(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  scf.forall (%i) in (%n) {
    %a = memref.alloca() : memref<4xf32>
    %b = memref.alloca(%n) : memref<?xf32>
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %a[%c0] : memref<4xf32>
    memref.store %v, %b[%c0] : memref<?xf32>
  }
  return
}
