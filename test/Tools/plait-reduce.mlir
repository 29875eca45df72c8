// RUN: plait-reduce %s --reduction-tree="traversal-mode=0 test=%S/Inputs/has-mulf.sh" | FileCheck %s

// CHECK-NOT: @unrelated
func.func @unrelated(%a: f32) -> f32 {
  %0 = arith.addf %a, %a : f32
  return %0 : f32
}

// CHECK: arith.mulf
func.func @guilty(%a: f32) -> f32 {
  %0 = arith.mulf %a, %a : f32
  return %0 : f32
}
