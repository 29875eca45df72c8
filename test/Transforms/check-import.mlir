// RUN: plait-opt --check-import %s | FileCheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}

// A private function may take anything.
// CHECK: func.func private @helper(index)
func.func private @helper(index)
