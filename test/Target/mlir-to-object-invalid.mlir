// RUN: split-file %s %t
// RUN: not plait-translate --mlir-to-object --mcpu=abacus %t/empty.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not plait-translate --mlir-to-object --mtriple=abacus %t/empty.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=TRIPLE
// RUN: not plait-translate --mlir-to-object %t/scalar.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=SCALAR
// RUN: not plait-translate --mlir-to-object %t/malloc.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=MALLOC
// RUN: not plait-translate --mlir-to-manifest %t/memref.mlir 2>&1 | FileCheck %s --check-prefix=MANIFEST

// CPU: error: unknown CPU 'abacus' for
// TRIPLE: error: no code generator for 'abacus'
// SCALAR: error: entry '_mlir_ciface_f' returns a scalar; return a tensor
// MALLOC: error: expects buffers of 'aligned_alloc', which the runtime replaces, got 'malloc'
// MANIFEST: error: expects ranked tensors at the boundary of a public function, got 'memref<4xf32>'

//--- empty.mlir
module {}

//--- scalar.mlir
llvm.func @_mlir_ciface_f() -> i32 {
  %0 = llvm.mlir.constant(0 : i32) : i32
  llvm.return %0 : i32
}

//--- malloc.mlir
llvm.func @malloc(i64) -> !llvm.ptr

//--- memref.mlir
func.func @f(%x: memref<4xf32>) {
  return
}
