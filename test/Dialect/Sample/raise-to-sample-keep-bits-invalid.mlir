// RUN: plait-opt --raise-to-sample --verify-diagnostics %s

func.func private @noise(tensor<4x9xf32>) -> tensor<4x9xf32> attributes {torch.kernel = ["exponential"]}

func.func @main(%w: tensor<4x9xf32>) -> tensor<4xi32> {
  // expected-error @below {{torch's generator has a state, and bits that no other program can repeat: only 'keep-bits=false' draws without it, by keys}}
  %q = call @noise(%w) : (tensor<4x9xf32>) -> tensor<4x9xf32>
  %s = arith.divf %w, %q : tensor<4x9xf32>
  %t, %f, %l, %m = sample.greedy %s : tensor<4x9xf32>
  return %t : tensor<4xi32>
}
