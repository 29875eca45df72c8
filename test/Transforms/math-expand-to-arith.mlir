// RUN: plait-opt --math-expand-to-arith=vector-bits=256 %s | FileCheck %s
// RUN: plait-opt --math-expand-to-arith=vector-bits=512 %s | FileCheck %s --check-prefixes=CHECK,SCALE

// CHECK-LABEL: func @rsqrt
// CHECK-SAME: %[[X:.*]]: f32
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: %[[ROOT:.*]] = math.sqrt %[[X]] : f32
// CHECK: arith.divf %[[ONE]], %[[ROOT]] : f32
func.func @rsqrt(%x: f32) -> f32 {
  %0 = math.rsqrt %x : f32
  return %0 : f32
}

// CHECK-LABEL: func @exp
// CHECK-SAME: %[[X:.*]]: f32
// CHECK: %[[ABOVE:.*]] = arith.cmpf ogt, %{{.*}}, %[[X]] : f32
// CHECK: %[[LOW:.*]] = arith.select %[[ABOVE]], %{{.*}}, %[[X]] : f32
// CHECK: arith.cmpf olt, %{{.*}}, %[[LOW]] : f32
// CHECK-COUNT-9: math.fma
// CHECK: arith.bitcast %{{.*}} : i32 to f32
func.func @exp(%x: f32) -> f32 {
  %0 = math.exp %x : f32
  return %0 : f32
}

// CHECK-LABEL: func @half
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK-NOT: math.exp
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: f16) -> f16 {
  %0 = math.exp %x : f16
  return %0 : f16
}

// CHECK-LABEL: func @wide
// CHECK: %[[F32:.*]] = arith.truncf %{{.*}} : vector<4xf64> to vector<4xf32>
// CHECK: arith.truncf %[[F32]] : vector<4xf32> to vector<4xbf16>
func.func @wide(%x: vector<4xf64>) -> vector<4xbf16> {
  %0 = arith.truncf %x : vector<4xf64> to vector<4xbf16>
  return %0 : vector<4xbf16>
}

// CHECK-LABEL: func @all
// CHECK-NOT: math.{{(exp2|tanh|erf|log|log2|log1p|expm1)}}
// CHECK: return
func.func @all(%x: f32) -> (f32, f32, f32, f32, f32, f32, f32) {
  %0 = math.exp2 %x : f32
  %1 = math.tanh %x : f32
  %2 = math.erf %x : f32
  %3 = math.log %x : f32
  %4 = math.log2 %x : f32
  %5 = math.log1p %x : f32
  %6 = math.expm1 %x : f32
  return %0, %1, %2, %3, %4, %5, %6 : f32, f32, f32, f32, f32, f32, f32
}

// A vector of AVX-512 is scaled by one instruction.
// CHECK-LABEL: func @vector
// CHECK-NOT: math.exp
// SCALE: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// CHECK: return
func.func @vector(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// One term of ln(2), a shorter polynomial, and only what can be out of bounds.
// CHECK-LABEL: func @approximate
// CHECK: arith.cmpf ogt
// CHECK-NEXT: arith.select
// CHECK-NOT: arith.cmpf
// CHECK-COUNT-7: math.fma
// CHECK-NOT: math.fma
// CHECK: return
func.func @approximate(%x: f32) -> f32 {
  %0 = math.exp %x fastmath<afn> {plait.nonpositive} : f32
  return %0 : f32
}
