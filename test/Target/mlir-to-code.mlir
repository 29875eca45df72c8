// RUN: plait-translate --mlir-to-code --import=plait-import --passes=plait-lowered-reference,plait-target-cpu %s | FileCheck %s
// RUN: not plait-translate --mlir-to-code --passes=hocus-pocus %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=PASS
// RUN: not plait-translate --mlir-to-code %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=TENSOR

// CHECK: {"functions":{"main":{"inputs":[{"type":"f32","shape":[null,4]}],"outputs":[{"type":"f32","shape":[null,4]}]}},"seconds":{{[-+.e0-9]+}},"objects":[{{[0-9]+}}]}
// CHECK-NEXT: ELF
// PASS: error: 'hocus-pocus' does not refer to a registered pass or pass pipeline
// TENSOR: error: cannot be converted to LLVM IR
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = arith.addf %x, %x : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
