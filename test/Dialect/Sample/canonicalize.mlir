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

// CHECK-LABEL: func @more_identities
// CHECK-SAME: (%[[X:.*]]: tensor<2x40xf32>
func.func @more_identities(%x: tensor<2x40xf32>, %v: tensor<2x3xf32>, %counts: tensor<2x40xi32>,
                           %history: tensor<2x9xi32>, %breakers: tensor<2x1xi32>, %base: tensor<2xf32>,
                           %allowed: tensor<2xi32>, %bits: tensor<2xi64>) -> tensor<2x40xf32> {
  %none = arith.constant dense<-1> : tensor<2x3xi32>
  %all = arith.constant dense<-1> : tensor<2x2xi32>
  %one = arith.constant dense<1.0> : tensor<2xf32>
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %off = arith.constant dense<0> : tensor<2xi32>
  %0 = sample.logit_bias %x, %none, %v : tensor<2x40xf32>, tensor<2x3xi32>, tensor<2x3xf32>
  %1 = sample.allow %0, %none : tensor<2x40xf32>, tensor<2x3xi32>
  %2 = sample.ban %1, %none : tensor<2x40xf32>, tensor<2x3xi32>
  %3 = sample.bitmask %2, %all : tensor<2x40xf32>, tensor<2x2xi32>
  %4 = sample.repetition_penalty %3, %one, %counts : tensor<2x40xf32>, tensor<2xf32>, tensor<2x40xi32>
  %5 = sample.presence_penalty %4, %zero, %counts : tensor<2x40xf32>, tensor<2xf32>, tensor<2x40xi32>
  %6 = sample.frequency_penalty %5, %zero, %counts : tensor<2x40xf32>, tensor<2xf32>, tensor<2x40xi32>
  %7 = sample.no_repeat_ngram %6, %history, %off : tensor<2x40xf32>, tensor<2x9xi32>, tensor<2xi32>
  %8 = sample.dry %7, %history, %breakers, %zero, %one, %allowed : tensor<2x40xf32>, tensor<2x9xi32>, tensor<2x1xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi32>
  %9 = sample.min_p %8, %zero : tensor<2x40xf32>, tensor<2xf32>
  %10 = sample.typical_p %9, %one : tensor<2x40xf32>, tensor<2xf32>
  %11 = sample.top_n_sigma %10, %zero : tensor<2x40xf32>, tensor<2xf32>
  %12 = sample.xtc %11, %zero, %one, %bits : tensor<2x40xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi64>
  %13 = sample.epsilon %12, %zero : tensor<2x40xf32>, tensor<2xf32>
  %14 = sample.eta %13, %zero : tensor<2x40xf32>, tensor<2xf32>
  // CHECK-NEXT: return %[[X]]
  return %14 : tensor<2x40xf32>
}

// What removes all for a NaN stays, unless the parameter is known.
// CHECK-LABEL: func @unknown_base
func.func @unknown_base(%x: tensor<2x40xf32>, %history: tensor<2x9xi32>, %breakers: tensor<2x1xi32>,
                        %base: tensor<2xf32>, %allowed: tensor<2xi32>) -> tensor<2x40xf32> {
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %minus = arith.constant dense<-0.0> : tensor<2xf32>
  %counts = arith.constant dense<1> : tensor<2x40xi32>
  // CHECK: sample.dry
  %0 = sample.dry %x, %history, %breakers, %zero, %base, %allowed : tensor<2x40xf32>, tensor<2x9xi32>, tensor<2x1xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi32>
  // Subtracting -0.0 makes +0.0 of -0.0.
  // CHECK: sample.presence_penalty
  %1 = sample.presence_penalty %0, %minus, %counts : tensor<2x40xf32>, tensor<2xf32>, tensor<2x40xi32>
  return %1 : tensor<2x40xf32>
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

// The log-probability is that of the row that reaches the pick.
// CHECK-LABEL: func @used_logprobs
func.func @used_logprobs(%x: tensor<2x8xf32>, %bits: tensor<2xi64>) -> (tensor<2xf32>, tensor<2xf32>) {
  %one = arith.constant dense<1> : tensor<2xi32>
  // CHECK: sample.top_k
  %0 = sample.top_k %x, %one : tensor<2x8xf32>, tensor<2xi32>
  // CHECK: sample.draw
  %a:4 = sample.draw %0, %bits : tensor<2x8xf32>, tensor<2xi64>
  // CHECK: sample.greedy
  %b:4 = sample.greedy %0 : tensor<2x8xf32>
  return %a#2, %b#3 : tensor<2xf32>, tensor<2xf32>
}

// A filter that keeps the best, if its parameter is a number.
// CHECK-LABEL: func @greedy_of_top_p
// CHECK-SAME: (%[[X:.*]]: tensor<2x8xf32>
func.func @greedy_of_top_p(%x: tensor<2x8xf32>, %p: tensor<2xf32>) -> (tensor<2xi32>, tensor<2xi32>) {
  %half = arith.constant dense<0.5> : tensor<2xf32>
  %0 = sample.top_p %x, %half : tensor<2x8xf32>, tensor<2xf32>
  // CHECK-NEXT: sample.greedy %[[X]]
  %a:4 = sample.greedy %0 : tensor<2x8xf32>
  // CHECK-NEXT: %[[Y:.*]] = sample.min_p
  %1 = sample.min_p %x, %p : tensor<2x8xf32>, tensor<2xf32>
  // CHECK-NEXT: sample.greedy %[[Y]]
  %b:4 = sample.greedy %1 : tensor<2x8xf32>
  return %a#0, %b#0 : tensor<2xi32>, tensor<2xi32>
}
