// RUN: plait-opt --raise-to-sample=keep-bits=false %s | FileCheck %s

#all = affine_map<(r, v) -> (r, v)>

// What torch's generator would give. Nothing asks for it in the end.
// CHECK-NOT: @noise
func.func private @noise(tensor<4x100xf32>) -> tensor<4x100xf32> attributes {torch.kernel = ["exponential"]}

// Weights over noise; a draw needs their logarithm.
// CHECK-LABEL: func @weights
// CHECK-SAME: (%[[W:.*]]: tensor<4x100xf32>, %[[SEED:.*]]: tensor<4xi64>, %[[SESSION:.*]]: tensor<4xi32>, %[[SEQUENCE:.*]]: tensor<4xi32>, %[[POSITION:.*]]: tensor<4xi32>)
func.func @weights(%w: tensor<4x100xf32>) -> tensor<4xi32> {
  // CHECK: %[[BITS:.*]] = sample.random %[[SEED]], %[[SESSION]], %[[SEQUENCE]], %[[POSITION]] :
  // CHECK: %[[X:.*]] = linalg.generic {{.*}} ins(%[[W]]
  // CHECK: math.log
  // CHECK: %[[Y:.*]], %{{.*}}, %{{.*}}, %{{.*}} = sample.draw %[[X]], %[[BITS]]
  // CHECK: return %[[Y]]
  %q = call @noise(%w) : (tensor<4x100xf32>) -> tensor<4x100xf32>
  %e = tensor.empty() : tensor<4x100xf32>
  %s = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%w, %q : tensor<4x100xf32>, tensor<4x100xf32>) outs(%e : tensor<4x100xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %c = arith.divf %a, %b : f32
      linalg.yield %c : f32
  } -> tensor<4x100xf32>
  %t, %f, %l, %m = sample.greedy %s : tensor<4x100xf32>
  return %t : tensor<4xi32>
}

// Logits less the logarithm of noise, in either form; the second draw of a
// program has a lane of its own.
// CHECK-LABEL: func @logits
// CHECK-SAME: (%[[X:.*]]: tensor<4x100xf32>, %{{.*}}: tensor<4xi64>, %{{.*}}: tensor<4xi32>, %{{.*}}: tensor<4xi32>, %{{.*}}: tensor<4xi32>)
func.func @logits(%x: tensor<4x100xf32>) -> (tensor<4xi32>, tensor<4xi32>) {
  // CHECK: %[[BITS:.*]] = sample.random %{{.*}} : tensor<4xi64>, tensor<4xi32>
  // CHECK: sample.draw %[[X]], %[[BITS]]
  %q = call @noise(%x) : (tensor<4x100xf32>) -> tensor<4x100xf32>
  %g = math.log %q : tensor<4x100xf32>
  %s = arith.subf %x, %g : tensor<4x100xf32>
  %t, %f, %l, %m = sample.greedy %s : tensor<4x100xf32>
  // CHECK: %[[MORE:.*]] = sample.random %{{.*}} {lane = 2 : i32}
  // CHECK: sample.draw %[[X]], %[[MORE]]
  // CHECK-NOT: sample.greedy
  %q2 = call @noise(%x) : (tensor<4x100xf32>) -> tensor<4x100xf32>
  %g2 = math.log %q2 : tensor<4x100xf32>
  %n2 = arith.negf %g2 : tensor<4x100xf32>
  %s2 = arith.addf %n2, %x : tensor<4x100xf32>
  %t2, %f2, %l2, %m2 = sample.greedy %s2 : tensor<4x100xf32>
  return %t, %t2 : tensor<4xi32>, tensor<4xi32>
}
