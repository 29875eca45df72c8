// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt --mlir-print-op-generic %s | plait-opt | FileCheck %s

// CHECK-LABEL: func @all
func.func @all(%x: tensor<4x100xbf16>, %t: tensor<4xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>,
               %bits: tensor<4xi64>) -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK: sample.fused %{{.*}} temperature(%{{.*}} : tensor<4xf32>) top_k(%{{.*}} : tensor<4xi32>) top_p(%{{.*}} : tensor<4xf32>) draw(%{{.*}} : tensor<4xi64>) : tensor<4x100xbf16>
  %tokens, %flags = sample.fused %x temperature(%t : tensor<4xf32>) top_k(%k : tensor<4xi32>)
      top_p(%p : tensor<4xf32>) draw(%bits : tensor<4xi64>) : tensor<4x100xbf16>
  return %tokens, %flags : tensor<4xi32>, tensor<4xi32>
}

// CHECK-LABEL: func @none
func.func @none(%x: tensor<?x?xf32>) -> tensor<?xi32> {
  // CHECK: sample.fused %{{[^ ]*}} : tensor<?x?xf32>
  %tokens, %flags = sample.fused %x : tensor<?x?xf32>
  return %tokens : tensor<?xi32>
}

// CHECK-LABEL: func @numbers
func.func @numbers(%x: tensor<4x8xf32>, %k: tensor<4xi32>, %m: tensor<4xf32>, %p: tensor<4xf32>,
                   %bits: tensor<4xi64>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: sample.fused %{{.*}} top_k(%{{.*}}) min_p(%{{.*}} : tensor<4xf32>) top_p(%{{.*}}) draw(%{{.*}}) {keep_ties, min_p_last} : tensor<4x8xf32> -> tensor<4xf32>, tensor<4xf32>
  %y:4 = sample.fused %x top_k(%k : tensor<4xi32>) min_p(%m : tensor<4xf32>) top_p(%p : tensor<4xf32>)
      draw(%bits : tensor<4xi64>) {keep_ties, min_p_last} : tensor<4x8xf32> -> tensor<4xf32>, tensor<4xf32>
  return %y#2, %y#3 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func @edits
func.func @edits(%x: tensor<4x8xbf16>, %ids: tensor<4x2xi32>, %k: tensor<4xi32>) -> tensor<4xi32> {
  // CHECK: sample.fused %{{.*}} edits {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<4x8xf32>):
  // CHECK-NEXT: %[[Y:.*]] = sample.ban %[[L]], %{{.*}}
  // CHECK-NEXT: sample.yield %[[Y]] : tensor<4x8xf32>
  // CHECK-NEXT: } top_k(%{{.*}}) : tensor<4x8xbf16>
  %tokens, %flags = sample.fused %x edits {
  ^bb0(%l: tensor<4x8xf32>):
    %0 = sample.ban %l, %ids : tensor<4x8xf32>, tensor<4x2xi32>
    sample.yield %0 : tensor<4x8xf32>
  } top_k(%k : tensor<4xi32>) : tensor<4x8xbf16>
  return %tokens : tensor<4xi32>
}

// CHECK-LABEL: func @rest
func.func @rest(%x: tensor<4x8xbf16>, %p: tensor<4xf32>, %seed: tensor<4xi64>, %id: tensor<4xi32>) -> tensor<4xi32> {
  // CHECK: sample.fused %{{.*}} top_p(%{{.*}}) rest {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<4x8xf32>):
  // CHECK-NEXT: %[[Y:.*]] = sample.eta %[[L]], %{{.*}}
  // CHECK-NEXT: sample.yield %[[Y]] : tensor<4x8xf32>
  // CHECK-NEXT: } gumbel{{ +}}philox(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {full_mass} : tensor<4x8xbf16>
  %tokens, %flags = sample.fused %x top_p(%p : tensor<4xf32>) rest {
  ^bb0(%l: tensor<4x8xf32>):
    %0 = sample.eta %l, %p : tensor<4x8xf32>, tensor<4xf32>
    sample.yield %0 : tensor<4x8xf32>
  } gumbel philox(%seed, %id, %id, %id : tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {full_mass} : tensor<4x8xbf16>
  return %tokens : tensor<4xi32>
}
