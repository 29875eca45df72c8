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

// In another order, what is behind top-p is the rest.
// CHECK-LABEL: func @other_order
func.func @other_order(%x: tensor<4x100xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>) -> tensor<4xi32> {
  // CHECK: sample.fused %{{.*}} top_p(%{{.*}}) rest {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<4x100xf32>):
  // CHECK-NEXT: %[[Y:.*]] = sample.top_k %[[L]]
  // CHECK-NEXT: sample.yield %[[Y]]
  // CHECK-NEXT: } : tensor<4x100xf32>
  %0 = sample.top_p %x, %p : tensor<4x100xf32>, tensor<4xf32>
  %1 = sample.top_k %0, %k : tensor<4x100xf32>, tensor<4xi32>
  %tokens, %flags, %logprobs, %margins = sample.greedy %1 : tensor<4x100xf32>
  return %tokens : tensor<4xi32>
}

// The order of llama.cpp; an entropy's temperature is of the chain.
// CHECK-LABEL: func @llamacpp
func.func @llamacpp(%x: tensor<4x100xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>, %bits: tensor<4xi64>) -> tensor<4xi32> {
  // CHECK-NEXT: sample.fused %{{.*}} top_k(%{{.*}}) rest {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<4x100xf32>):
  // CHECK-NEXT: %[[A:.*]] = sample.typical_p %[[L]]
  // CHECK-NEXT: %[[B:.*]] = sample.top_p %[[A]]
  // CHECK-NEXT: %[[C:.*]] = sample.xtc %[[B]]
  // CHECK-NEXT: %[[T:.*]] = sample.dynamic_temperature %[[C]]
  // CHECK-NEXT: %[[D:.*]] = sample.temperature %[[C]], %[[T]]
  // CHECK-NEXT: sample.yield %[[D]]
  // CHECK-NEXT: } draw(
  %0 = sample.top_k %x, %k : tensor<4x100xf32>, tensor<4xi32>
  %1 = sample.typical_p %0, %p : tensor<4x100xf32>, tensor<4xf32>
  %2 = sample.top_p %1, %p : tensor<4x100xf32>, tensor<4xf32>
  %3 = sample.xtc %2, %p, %p, %bits : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi64>
  %t = sample.dynamic_temperature %3, %p, %p, %p : tensor<4x100xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  %4 = sample.temperature %3, %t : tensor<4x100xf32>, tensor<4xf32>
  %y:4 = sample.draw %4, %bits : tensor<4x100xf32>, tensor<4xi64>
  return %y#0 : tensor<4xi32>
}

// The order of SGLang: a mass of all that the temperature left is in its place;
// that of earlier logits is not, and the rest begins with those.
// CHECK-LABEL: func @full
func.func @full(%x: tensor<4x100xf32>, %t: tensor<4xf32>, %k: tensor<4xi32>, %p: tensor<4xf32>, %seed: tensor<4xi64>)
    -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK-NEXT: sample.fused %{{.*}} temperature(%{{.*}}) top_k(%{{.*}}) top_p(%{{.*}}) gumbel{{ +}}murmur3_sglang(%{{.*}}) {full_mass} : tensor<4x100xf32>
  %0 = sample.temperature %x, %t : tensor<4x100xf32>, tensor<4xf32>
  %1 = sample.top_k %0, %k : tensor<4x100xf32>, tensor<4xi32>
  %2 = sample.top_p %1, %p full %0 : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xf32>
  %y:4 = sample.gumbel murmur3_sglang %2, %seed, %k, %k, %k : tensor<4x100xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  // CHECK-NEXT: sample.fused %{{[^ ]*}} rest {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<4x100xf32>):
  // CHECK-NEXT: %[[A:.*]] = sample.temperature %[[L]]
  // CHECK-NEXT: sample.top_p %[[A]], %{{.*}} full %[[L]]
  %3 = sample.top_p %0, %p full %x : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xf32>
  %z:4 = sample.greedy %3 : tensor<4x100xf32>
  return %y#0, %z#0 : tensor<4xi32>, tensor<4xi32>
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

// Edits come with the logits that they change; a list is counted once.
// CHECK-LABEL: func @edits
// CHECK-SAME: (%[[X:.*]]: tensor<4x100xbf16>, %[[R:.*]]: tensor<4xf32>, %[[H:.*]]: tensor<4x?xi32>, %[[W:.*]]: tensor<4x4xi32>
func.func @edits(%x: tensor<4x100xbf16>, %r: tensor<4xf32>, %h: tensor<4x?xi32>, %w: tensor<4x4xi32>,
                 %k: tensor<4xi32>) -> tensor<4xi32> {
  // CHECK-NEXT: sample.fused %[[X]] edits {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<4x100xf32>):
  // CHECK-NEXT: %[[Y:.*]] = sample.bitmask %[[L]], %[[W]]
  // CHECK-NEXT: %[[C:.*]] = sample.count %[[Y]], %[[H]]
  // CHECK-NEXT: %[[Z:.*]] = sample.repetition_penalty %[[Y]], %[[R]], %[[C]] {reciprocal}
  // CHECK-NEXT: %[[E:.*]] = sample.presence_penalty %[[Z]], %[[R]], %[[C]]
  // CHECK-NEXT: sample.yield %[[E]]
  // CHECK-NEXT: } top_k(
  %0 = arith.extf %x : tensor<4x100xbf16> to tensor<4x100xf32>
  %1 = sample.bitmask %0, %w : tensor<4x100xf32>, tensor<4x4xi32>
  %c = sample.count %1, %h : tensor<4x100xf32>, tensor<4x?xi32>
  %2 = sample.repetition_penalty %1, %r, %c {reciprocal} : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  %d = sample.count %2, %h : tensor<4x100xf32>, tensor<4x?xi32>
  %3 = sample.presence_penalty %2, %r, %d : tensor<4x100xf32>, tensor<4xf32>, tensor<4x100xi32>
  %4 = sample.top_k %3, %k : tensor<4x100xf32>, tensor<4xi32>
  %y:4 = sample.greedy %4 : tensor<4x100xf32>
  return %y#0 : tensor<4xi32>
}

// Lists of prompt and output are counted in there; a table of counts is given,
// and a list's counts beside one are a table, of the shape of the first logits.
// CHECK-LABEL: func @counts
// CHECK-SAME: (%[[X:.*]]: tensor<4x100xf32>, %[[R:.*]]: tensor<4xf32>, %[[A:.*]]: tensor<4x?xi32>, %[[B:.*]]: tensor<4x?xi32>, %[[T:.*]]: tensor<?x100xi32>)
func.func @counts(%x: tensor<4x100xf32>, %r: tensor<4xf32>, %a: tensor<4x?xi32>, %b: tensor<4x?xi32>,
                  %t: tensor<?x100xi32>) -> tensor<4xi32> {
  // CHECK: %[[TABLE:.*]] = sample.count %[[X]], %[[B]]
  // CHECK: sample.fused %[[X]] edits {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<4x100xf32>):
  // CHECK-NEXT: %[[CA:.*]] = sample.count %[[L]], %[[A]] : tensor<4x100xf32>
  // CHECK-NEXT: %[[CB:.*]] = sample.count %[[L]], %[[B]] : tensor<4x100xf32>
  // CHECK-NEXT: %[[Y:.*]] = sample.repetition_penalty %[[L]], %[[R]], %[[CA]] prompt %[[CB]]
  // CHECK-NEXT: %[[Z:.*]] = sample.presence_penalty %[[Y]], %[[R]], %[[T]]
  // CHECK-NEXT: %[[E:.*]] = sample.repetition_penalty %[[Z]], %[[R]], %[[T]] prompt %[[TABLE]]
  // CHECK-NEXT: sample.yield %[[E]]
  %wide = tensor.cast %x : tensor<4x100xf32> to tensor<?x100xf32>
  %ca = sample.count %wide, %a : tensor<?x100xf32>, tensor<4x?xi32>
  %cb = sample.count %x, %b : tensor<4x100xf32>, tensor<4x?xi32>
  %0 = sample.repetition_penalty %x, %r, %ca prompt %cb : tensor<4x100xf32>, tensor<4xf32>, tensor<?x100xi32>, tensor<4x100xi32>
  %1 = sample.presence_penalty %0, %r, %t : tensor<4x100xf32>, tensor<4xf32>, tensor<?x100xi32>
  %2 = sample.repetition_penalty %1, %r, %t prompt %cb : tensor<4x100xf32>, tensor<4xf32>, tensor<?x100xi32>, tensor<4x100xi32>
  %y:4 = sample.greedy %2 : tensor<4x100xf32>
  return %y#0 : tensor<4xi32>
}

// The numbers of the best candidate, and those of a draw.
// CHECK-LABEL: func @logprobs
func.func @logprobs(%x: tensor<4x100xf32>) -> (tensor<4xi32>, tensor<4xf32>) {
  // CHECK: sample.fused %{{.*}} : tensor<4x100xf32> -> tensor<4xf32>, tensor<4xf32>
  %tokens, %flags, %l, %m = sample.greedy %x : tensor<4x100xf32>
  return %tokens, %l : tensor<4xi32>, tensor<4xf32>
}

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
