// RUN: plait-opt --math-expand-to-arith %s | FileCheck %s

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
// CHECK: %[[LOW:.*]] = arith.maxnumf %[[X]], %{{.*}} : f32
// CHECK: %[[BOUNDED:.*]] = arith.minnumf %[[LOW]], %{{.*}} : f32
// CHECK: math.roundeven
// CHECK-COUNT-8: math.fma
// CHECK: arith.bitcast %{{.*}} : i32 to f32
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[X]], %[[X]] : f32
// CHECK: arith.select %[[NAN]], %[[X]]
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

// CHECK-LABEL: func @all
// CHECK-NOT: math.{{(exp2|tanh|erf|log|log2)}}
// CHECK: return
func.func @all(%x: f32) -> (f32, f32, f32, f32, f32) {
  %0 = math.exp2 %x : f32
  %1 = math.tanh %x : f32
  %2 = math.erf %x : f32
  %3 = math.log %x : f32
  %4 = math.log2 %x : f32
  return %0, %1, %2, %3, %4 : f32, f32, f32, f32, f32
}
