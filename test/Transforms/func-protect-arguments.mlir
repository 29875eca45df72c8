// RUN: plait-opt --func-protect-arguments %s | FileCheck %s
// RUN: plait-opt --func-protect-arguments --one-shot-bufferize="bufferize-function-boundaries" %s | FileCheck %s --check-prefix=BUF
// RUN: plait-opt --func-protect-arguments=updates=0 %s | FileCheck %s --check-prefix=STATE

// STATE: func.func @main(%{{.*}}: tensor<4xf32> {plait.updated = 0 : index})
// CHECK: func.func @main(%{{.*}}: tensor<4xf32> {bufferization.writable = false})
// BUF-LABEL: func.func @main
// BUF-SAME: %[[X:.*]]: memref<4xf32
// The caller's array is copied before it is changed.
// BUF: memref.copy %[[X]], %[[NEW:.*]] :
// BUF: memref.store %{{.*}}, %[[NEW]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %z = arith.constant 0.0 : f32
  %0 = tensor.insert %z into %x[%c0] : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK: func.func private @helper(%{{.*}}: tensor<4xf32>)
func.func private @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
