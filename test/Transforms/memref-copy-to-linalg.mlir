// RUN: plait-opt --memref-copy-to-linalg %s | FileCheck %s

// CHECK-LABEL: func @strided
func.func @strided(%x: memref<4xf32>, %y: memref<4xf32, strided<[2]>>) {
  // CHECK: linalg.copy
  memref.copy %x, %y : memref<4xf32> to memref<4xf32, strided<[2]>>
  return
}

// CHECK-LABEL: func @contiguous
func.func @contiguous(%x: memref<4xf32>, %y: memref<4xf32>) {
  // CHECK: memref.copy
  memref.copy %x, %y : memref<4xf32> to memref<4xf32>
  return
}
