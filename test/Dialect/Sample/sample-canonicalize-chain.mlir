// RUN: plait-opt --sample-canonicalize-chain %s | FileCheck %s

// CHECK-LABEL: func @merged
// CHECK-SAME: (%[[X:.*]]: tensor<2x64xf32>, %[[J:.*]]: tensor<2xi32>, %[[K:.*]]: tensor<2xi32>, %[[P:.*]]: tensor<2xf32>, %[[Q:.*]]: tensor<2xf32>
func.func @merged(%x: tensor<2x64xf32>, %j: tensor<2xi32>, %k: tensor<2xi32>, %p: tensor<2xf32>,
                  %q: tensor<2xf32>, %bits: tensor<2xi64>) -> tensor<2xi32> {
  %one = arith.constant dense<1.0> : tensor<2xf32>
  // CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1> : tensor<2xi32>
  // CHECK-DAG: %[[A:.*]] = arith.subi %[[J]], %[[ONE]]
  // CHECK-DAG: %[[B:.*]] = arith.subi %[[K]], %[[ONE]]
  // CHECK: %[[LEAST:.*]] = arith.minui %[[A]], %[[B]]
  // CHECK: %[[BOTH:.*]] = arith.addi %[[LEAST]], %[[ONE]]
  // CHECK: %[[Y:.*]] = sample.top_k %[[X]], %[[BOTH]]
  // CHECK: %[[MOST:.*]] = arith.maximumf
  // CHECK: %[[Z:.*]] = sample.min_p %[[Y]], %[[MOST]]
  // CHECK-NEXT: sample.draw %[[Z]]
  %0 = sample.temperature %x, %one : tensor<2x64xf32>, tensor<2xf32>
  %1 = sample.top_k %0, %j : tensor<2x64xf32>, tensor<2xi32>
  %2 = sample.min_p %1, %p : tensor<2x64xf32>, tensor<2xf32>
  %3 = sample.top_k %2, %k : tensor<2x64xf32>, tensor<2xi32>
  %4 = sample.min_p %3, %q : tensor<2x64xf32>, tensor<2xf32>
  %y:4 = sample.draw %4, %bits : tensor<2x64xf32>, tensor<2xi64>
  return %y#0 : tensor<2xi32>
}

// CHECK-LABEL: func @lists
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>
func.func @lists(%x: tensor<?x64xf32>, %a: tensor<?x3xi32>, %b: tensor<?x2xi32>, %u: tensor<?x3xf32>,
                 %v: tensor<?x2xf32>, %m: tensor<?x2xi32>, %n: tensor<?x2xi32>) -> tensor<?x64xf32> {
  // CHECK: %[[IDS:.*]] = tensor.concat dim(1) %{{.*}}, %{{.*}} : (tensor<?x3xi32>, tensor<?x2xi32>)
  // CHECK: %[[VALUES:.*]] = tensor.concat dim(1) %{{.*}}, %{{.*}} : (tensor<?x3xf32>, tensor<?x2xf32>)
  // CHECK: %[[BIASED:.*]] = sample.logit_bias %[[X]], %[[IDS]], %[[VALUES]]
  %0 = sample.logit_bias %x, %a, %u : tensor<?x64xf32>, tensor<?x3xi32>, tensor<?x3xf32>
  %1 = sample.logit_bias %0, %b, %v : tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: %[[BANNED:.*]] = sample.ban %[[BIASED]]
  %2 = sample.ban %1, %a : tensor<?x64xf32>, tensor<?x3xi32>
  %3 = sample.ban %2, %b : tensor<?x64xf32>, tensor<?x2xi32>
  // CHECK: %[[WORDS:.*]] = arith.andi
  // CHECK: %[[MASKED:.*]] = sample.bitmask %[[BANNED]], %[[WORDS]]
  %4 = sample.bitmask %3, %m : tensor<?x64xf32>, tensor<?x2xi32>
  %5 = sample.bitmask %4, %n : tensor<?x64xf32>, tensor<?x2xi32>
  // CHECK: return %[[MASKED]]
  return %5 : tensor<?x64xf32>
}

// Ties, two masses, and a filter that another reads stay as they are.
// CHECK-LABEL: func @kept
func.func @kept(%x: tensor<2x64xf32>, %j: tensor<2xi32>, %k: tensor<2xi32>, %p: tensor<2xf32>)
    -> (tensor<2x64xf32>, tensor<2x64xf32>) {
  // CHECK-NEXT: sample.top_k
  %0 = sample.top_k %x, %j {keep_ties} : tensor<2x64xf32>, tensor<2xi32>
  // CHECK-NEXT: sample.top_k
  %1 = sample.top_k %0, %k : tensor<2x64xf32>, tensor<2xi32>
  // CHECK-NEXT: sample.top_p
  %2 = sample.top_p %1, %p : tensor<2x64xf32>, tensor<2xf32>
  // CHECK-NEXT: sample.top_p
  %3 = sample.top_p %2, %p : tensor<2x64xf32>, tensor<2xf32>
  // CHECK-NEXT: sample.min_p
  %4 = sample.min_p %3, %p : tensor<2x64xf32>, tensor<2xf32>
  // CHECK-NEXT: sample.top_k
  %5 = sample.top_k %4, %k : tensor<2x64xf32>, tensor<2xi32>
  // CHECK-NEXT: return
  return %4, %5 : tensor<2x64xf32>, tensor<2x64xf32>
}
