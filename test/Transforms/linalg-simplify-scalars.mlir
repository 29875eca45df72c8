// RUN: plait-opt --linalg-simplify-scalars %s | FileCheck %s

// CHECK-LABEL: func @rounded_constant
func.func @rounded_constant(%x: f32) -> f32 {
  // CHECK: arith.constant 9.99999974E-6 : f32
  // CHECK-NOT: arith.truncf
  %eps = arith.constant 1.0e-5 : f64
  %e = arith.truncf %eps : f64 to f32
  %y = arith.addf %x, %e : f32
  return %y : f32
}

// CHECK-LABEL: func @narrow_compare
func.func @narrow_compare(%x: f32) -> (i1, i1) {
  %least = arith.constant 0xFFF0000000000000 : f64
  %third = arith.constant 0.33333333333333331 : f64
  %wide = arith.extf %x : f32 to f64
  // CHECK: arith.cmpf oeq, %{{.*}} : f32
  %a = arith.cmpf oeq, %wide, %least : f64
  // No f32 is a third.
  // CHECK: arith.cmpf olt, %{{.*}} : f64
  %b = arith.cmpf olt, %wide, %third : f64
  return %a, %b : i1, i1
}

// CHECK-LABEL: func @square
func.func @square(%x: f32) -> f32 {
  %two = arith.constant 2 : i64
  // CHECK: arith.mulf %arg0, %arg0
  // CHECK-NOT: fpowi
  %y = math.fpowi %x, %two : f32, i64
  return %y : f32
}

// CHECK-LABEL: func @erf
func.func @erf(%x: f32) -> f32 {
  %root = arith.constant 1.41421354 : f32
  // CHECK: arith.mulf
  // CHECK-NOT: arith.divf
  %d = arith.divf %x, %root : f32
  %y = math.erf %d : f32
  return %y : f32
}

// CHECK-LABEL: func @reciprocal
func.func @reciprocal(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %c = arith.cmpf one, %x, %zero : f32
  // CHECK-NOT: cf.assert
  cf.assert %c, "unimplemented: tensor with zero element"
  %y = arith.divf %one, %x : f32
  return %y : f32
}

// CHECK-LABEL: func @other_assert
func.func @other_assert(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %c = arith.cmpf one, %x, %zero : f32
  // CHECK: cf.assert
  cf.assert %c, "expects no zero"
  return %x : f32
}

// CHECK-LABEL: func @index
func.func @index(%e: tensor<4xi1>) -> tensor<4xi1> {
  %zero = arith.constant 0 : i64
  // CHECK: arith.constant true
  // CHECK-NOT: arith.cmpi
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<4xi1>) {
  ^bb0(%o: i1):
    %i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i64
    %c = arith.cmpi sge, %j, %zero : i64
    linalg.yield %c : i1
  } -> tensor<4xi1>
  return %0 : tensor<4xi1>
}
