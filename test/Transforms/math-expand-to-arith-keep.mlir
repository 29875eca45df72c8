// RUN: plait-opt --math-expand-to-arith="keep vector-bits=256" %s | FileCheck %s

// Where exp(x) - 1 has no digits left, x has.
// CHECK-LABEL: @wide_expm1
// CHECK-SAME: %[[X:.*]]: f64
// CHECK: %[[U:.*]] = math.exp %[[X]] : f64
// CHECK: arith.subf %[[U]],
// CHECK: math.log %[[U]] : f64
// CHECK: %[[NONE:.*]] = arith.cmpf oeq, %[[U]],
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f64
// CHECK: arith.select %{{.*}}, %[[X]],
func.func @wide_expm1(%x: f64) -> f64 {
  %0 = math.expm1 %x : f64
  return %0 : f64
}
