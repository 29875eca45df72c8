// RUN: plait-opt --convert-stablehlo-control-flow-to-scf %s | FileCheck %s

// CHECK-LABEL: func @while
// CHECK-SAME: (%[[X:.*]]: tensor<f32>, %[[P:.*]]: tensor<i1>)
func.func @while(%x: tensor<f32>, %p: tensor<i1>) -> tensor<f32> {
  // CHECK: %[[R:.*]] = scf.while (%[[S:.*]] = %[[X]]) : (tensor<f32>) -> tensor<f32> {
  // CHECK:   %[[C:.*]] = tensor.extract %[[P]][] : tensor<i1>
  // CHECK:   scf.condition(%[[C]]) %[[S]] : tensor<f32>
  // CHECK: } do {
  // CHECK: ^bb0(%[[T:.*]]: tensor<f32>):
  // CHECK:   scf.yield %[[T]] : tensor<f32>
  // CHECK: return %[[R]]
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<f32>):
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func @case
// CHECK-SAME: (%[[I:.*]]: tensor<i32>, %[[X:.*]]: tensor<f32>, %[[Y:.*]]: tensor<f32>)
func.func @case(%i: tensor<i32>, %x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  // CHECK: %[[E:.*]] = tensor.extract %[[I]][] : tensor<i32>
  // CHECK: %[[N:.*]] = arith.index_cast %[[E]] : i32 to index
  // CHECK: scf.index_switch %[[N]] -> tensor<f32>
  // CHECK-NEXT: case 0 {
  // CHECK-NEXT:   scf.yield %[[X]] : tensor<f32>
  // CHECK: default {
  // CHECK-NEXT:   scf.yield %[[Y]] : tensor<f32>
  %0 = "stablehlo.case"(%i) ({
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }, {
    "stablehlo.return"(%y) : (tensor<f32>) -> ()
  }) : (tensor<i32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: func @if
func.func @if(%p: tensor<i1>, %x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  // CHECK: %[[P:.*]] = tensor.extract
  // CHECK: scf.if %[[P]] -> (tensor<f32>) {
  %0 = "stablehlo.if"(%p) ({
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }, {
    "stablehlo.return"(%y) : (tensor<f32>) -> ()
  }) : (tensor<i1>) -> tensor<f32>
  return %0 : tensor<f32>
}
