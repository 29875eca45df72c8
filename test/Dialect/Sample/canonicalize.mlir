// RUN: plait-opt --canonicalize %s | FileCheck %s

// CHECK-LABEL: func @identities
// CHECK-SAME: (%[[X:.*]]: tensor<2x8xf32>)
func.func @identities(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %one = arith.constant dense<1.0> : tensor<2xf32>
  %off = arith.constant dense<-1> : tensor<2xi32>
  %all = arith.constant dense<8> : tensor<2xi32>
  %0 = sample.temperature %x, %one : tensor<2x8xf32>, tensor<2xf32>
  %1 = sample.top_k %0, %off : tensor<2x8xf32>, tensor<2xi32>
  %2 = sample.top_k %1, %all : tensor<2x8xf32>, tensor<2xi32>
  %3 = sample.top_p %2, %one : tensor<2x8xf32>, tensor<2xf32>
  // CHECK-NEXT: return %[[X]]
  return %3 : tensor<2x8xf32>
}

// CHECK-LABEL: func @not_identities
func.func @not_identities(%x: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %rows = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %most = arith.constant dense<7> : tensor<2xi32>
  %nan = arith.constant dense<0x7FC00000> : tensor<2xf32>
  // CHECK: sample.temperature
  %0 = sample.temperature %x, %rows : tensor<2x?xf32>, tensor<2xf32>
  // CHECK: sample.top_k
  %1 = sample.top_k %0, %most : tensor<2x?xf32>, tensor<2xi32>
  // CHECK: sample.top_p
  %2 = sample.top_p %1, %nan : tensor<2x?xf32>, tensor<2xf32>
  return %2 : tensor<2x?xf32>
}

// CHECK-LABEL: func @top_k_twice
func.func @top_k_twice(%x: tensor<?x?xf32>, %k: tensor<?xi32>) -> tensor<?x?xf32> {
  // CHECK: %[[ONCE:.*]] = sample.top_k
  %0 = sample.top_k %x, %k : tensor<?x?xf32>, tensor<?xi32>
  %1 = sample.top_k %0, %k : tensor<?x?xf32>, tensor<?xi32>
  // CHECK-NEXT: return %[[ONCE]]
  return %1 : tensor<?x?xf32>
}

// top_p twice takes p of p.
// CHECK-LABEL: func @top_p_twice
func.func @top_p_twice(%x: tensor<?x?xf32>, %p: tensor<?xf32>) -> tensor<?x?xf32> {
  // CHECK-COUNT-2: sample.top_p
  %0 = sample.top_p %x, %p : tensor<?x?xf32>, tensor<?xf32>
  %1 = sample.top_p %0, %p : tensor<?x?xf32>, tensor<?xf32>
  return %1 : tensor<?x?xf32>
}

// CHECK-LABEL: func @cold_draw
// CHECK-SAME: (%[[X:.*]]: tensor<2x8xf32>
func.func @cold_draw(%x: tensor<2x8xf32>, %bits: tensor<2xi64>) -> (tensor<2xi32>, tensor<2xi32>) {
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %0 = sample.temperature %x, %zero : tensor<2x8xf32>, tensor<2xf32>
  // CHECK-NEXT: sample.greedy %[[X]]
  %tokens, %flags, %logprobs, %margins = sample.draw %0, %bits : tensor<2x8xf32>, tensor<2xi64>
  return %tokens, %flags : tensor<2xi32>, tensor<2xi32>
}

// CHECK-LABEL: func @draw_of_one
// CHECK-SAME: (%[[X:.*]]: tensor<2x8xf32>
func.func @draw_of_one(%x: tensor<2x8xf32>, %bits: tensor<2xi64>) -> tensor<2xi32> {
  %one = arith.constant dense<1> : tensor<2xi32>
  %0 = sample.top_k %x, %one : tensor<2x8xf32>, tensor<2xi32>
  // CHECK-NEXT: sample.greedy %[[X]]
  %tokens, %flags, %logprobs, %margins = sample.draw %0, %bits : tensor<2x8xf32>, tensor<2xi64>
  return %tokens : tensor<2xi32>
}

// CHECK-LABEL: func @greedy_of_top_k
// CHECK-SAME: (%[[X:.*]]: tensor<2x8xf32>
func.func @greedy_of_top_k(%x: tensor<2x8xf32>, %k: tensor<2xi32>) -> tensor<2xi32> {
  %0 = sample.top_k %x, %k : tensor<2x8xf32>, tensor<2xi32>
  // CHECK-NEXT: sample.greedy %[[X]]
  %tokens, %flags, %logprobs, %margins = sample.greedy %0 : tensor<2x8xf32>
  return %tokens : tensor<2xi32>
}

// Division rounds, so that a lower index can catch up.
// CHECK-LABEL: func @greedy_of_temperature
func.func @greedy_of_temperature(%x: tensor<2x8xf32>, %t: tensor<2xf32>) -> tensor<2xi32> {
  // CHECK-NEXT: %[[Y:.*]] = sample.temperature
  // CHECK-NEXT: sample.greedy %[[Y]]
  %0 = sample.temperature %x, %t : tensor<2x8xf32>, tensor<2xf32>
  %tokens, %flags, %logprobs, %margins = sample.greedy %0 : tensor<2x8xf32>
  return %tokens : tensor<2xi32>
}
