// RUN: plait-opt --convert-math-to-intrinsics %s | FileCheck %s

// CHECK-LABEL: func @scalars
// CHECK: llvm.call_intrinsic "llvm.fma.f32"
// CHECK: llvm.call_intrinsic "llvm.sqrt.f32"
// CHECK: llvm.call_intrinsic "llvm.roundeven.f64"
// CHECK: llvm.call_intrinsic "llvm.maxnum.f16"
// CHECK: llvm.call_intrinsic "llvm.minnum.bf16"
func.func @scalars(%x: f32, %y: f64, %z: f16, %w: bf16) -> (f32, f64, f16, bf16) {
  %0 = math.fma %x, %x, %x : f32
  %1 = math.sqrt %0 : f32
  %2 = math.roundeven %y : f64
  %3 = arith.maxnumf %z, %z : f16
  %4 = arith.minnumf %w, %w : bf16
  return %1, %2, %3, %4 : f32, f64, f16, bf16
}

// CHECK-LABEL: func @others
// CHECK: math.exp %{{.*}} : f32
// CHECK: math.sqrt %{{.*}} : vector<4xf32>
func.func @others(%x: f32, %y: vector<4xf32>) -> (f32, vector<4xf32>) {
  %0 = math.exp %x : f32
  %1 = math.sqrt %y : vector<4xf32>
  return %0, %1 : f32, vector<4xf32>
}
