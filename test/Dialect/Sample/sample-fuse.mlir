// RUN: plait-opt --sample-fuse %s | FileCheck %s

// CHECK-LABEL: func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<4x100xbf16>, %[[T:.*]]: tensor<4xf32>, %[[K:.*]]: tensor<4xi32>, %[[P:.*]]: tensor<4xf32>, %[[B:.*]]: tensor<4xi64>)
func.func @chain(%x: tensor<4x100xbf16>, %t: tensor<4xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>,
                 %bits: tensor<4xi64>) -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK-NEXT: %[[TOKENS:.*]], %[[FLAGS:.*]] = sample.fused %[[X]] temperature(%[[T]] : {{.*}}) top_k(%[[K]] : {{.*}}) top_p(%[[P]] : {{.*}}) draw(%[[B]] : {{.*}}) : tensor<4x100xbf16>
  // CHECK-NEXT: return %[[TOKENS]], %[[FLAGS]]
  %0 = arith.extf %x : tensor<4x100xbf16> to tensor<4x100xf32>
  %1 = sample.temperature %0, %t : tensor<4x100xf32>, tensor<4xf32>
  %2 = sample.top_k %1, %k : tensor<4x100xf32>, tensor<4xi32>
  %3 = sample.top_p %2, %p : tensor<4x100xf32>, tensor<4xf32>
  %tokens, %flags, %logprobs, %margins = sample.draw %3, %bits : tensor<4x100xf32>, tensor<4xi64>
  return %tokens, %flags : tensor<4xi32>, tensor<4xi32>
}

// In another order, what is before top-p stays.
// CHECK-LABEL: func @other_order
func.func @other_order(%x: tensor<4x100xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>) -> tensor<4xi32> {
  // CHECK: %[[Y:.*]] = sample.top_p
  // CHECK: sample.fused %[[Y]] top_k({{.*}}) : tensor<4x100xf32>
  %0 = sample.top_p %x, %p : tensor<4x100xf32>, tensor<4xf32>
  %1 = sample.top_k %0, %k : tensor<4x100xf32>, tensor<4xi32>
  %tokens, %flags, %logprobs, %margins = sample.greedy %1 : tensor<4x100xf32>
  return %tokens : tensor<4xi32>
}

// A processor that something else needs is not lost.
// CHECK-LABEL: func @shared
func.func @shared(%x: tensor<4x100xf32>, %t: tensor<4xf32>) -> (tensor<4xi32>, tensor<4x100xf32>) {
  // CHECK: %[[Y:.*]] = sample.temperature
  // CHECK: %[[TOKENS:.*]], %{{.*}} = sample.fused %{{.*}} temperature(
  // CHECK: return %[[TOKENS]], %[[Y]]
  %0 = sample.temperature %x, %t : tensor<4x100xf32>, tensor<4xf32>
  %tokens, %flags, %logprobs, %margins = sample.greedy %0 : tensor<4x100xf32>
  return %tokens, %0 : tensor<4xi32>, tensor<4x100xf32>
}

// Of the best candidate nothing but tokens and flags comes from the kernel.
// CHECK-LABEL: func @logprobs
func.func @logprobs(%x: tensor<4x100xf32>) -> (tensor<4xi32>, tensor<4xf32>) {
  // CHECK-NOT: sample.fused
  // CHECK: sample.greedy
  %tokens, %flags, %l, %m = sample.greedy %x : tensor<4x100xf32>
  return %tokens, %l : tensor<4xi32>, tensor<4xf32>
}

// A draw's numbers do.
// CHECK-LABEL: func @drawn_numbers
func.func @drawn_numbers(%x: tensor<4x100xf32>, %bits: tensor<4xi64>) -> (tensor<4xi32>, tensor<4xf32>) {
  // CHECK: %[[TOKENS:.*]], %{{.*}}, %[[LOGPROBS:.*]], %{{.*}} = sample.fused %{{.*}} draw(%{{.*}}) : tensor<4x100xf32> -> tensor<4xf32>, tensor<4xf32>
  // CHECK: return %[[TOKENS]], %[[LOGPROBS]]
  %tokens, %flags, %l, %m = sample.draw %x, %bits : tensor<4x100xf32>, tensor<4xi64>
  return %tokens, %l : tensor<4xi32>, tensor<4xf32>
}

// Min-p before or behind top-p; a top-k that keeps ties.
// CHECK-LABEL: func @min_p
func.func @min_p(%x: tensor<4x100xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>, %m: tensor<4xf32>,
                 %bits: tensor<4xi64>) -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK: sample.fused %{{.*}} top_k({{.*}}) min_p({{.*}}) top_p({{.*}}) draw({{.*}}) {keep_ties} : tensor<4x100xf32>
  %0 = sample.top_k %x, %k {keep_ties} : tensor<4x100xf32>, tensor<4xi32>
  %1 = sample.min_p %0, %m : tensor<4x100xf32>, tensor<4xf32>
  %2 = sample.top_p %1, %p : tensor<4x100xf32>, tensor<4xf32>
  %a:4 = sample.draw %2, %bits : tensor<4x100xf32>, tensor<4xi64>
  // CHECK: sample.fused %{{.*}} min_p({{.*}}) top_p({{.*}}) draw({{.*}}) {min_p_last} : tensor<4x100xf32>
  %3 = sample.top_p %x, %p : tensor<4x100xf32>, tensor<4xf32>
  %4 = sample.min_p %3, %m : tensor<4x100xf32>, tensor<4xf32>
  %b:4 = sample.draw %4, %bits : tensor<4x100xf32>, tensor<4xi64>
  return %a#0, %b#0 : tensor<4xi32>, tensor<4xi32>
}
