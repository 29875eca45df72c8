// RUN: plait-opt --raise-to-sample=keep-bits=false --split-input-file --verify-diagnostics %s

func.func private @noise(tensor<4x9xf32>) -> tensor<4x9xf32> attributes {torch.kernel = ["exponential"]}

// The noise is a result, too.
func.func @main(%w: tensor<4x9xf32>) -> (tensor<4xi32>, tensor<4x9xf32>) {
  // expected-error @below {{torch's generator has a state, and bits that no other program can repeat: expects the argmax of weights / noise, or of logits - log(noise), and no other use of the noise}}
  %q = call @noise(%w) : (tensor<4x9xf32>) -> tensor<4x9xf32>
  %s = arith.divf %w, %q : tensor<4x9xf32>
  %t, %f, %l, %m = sample.greedy %s : tensor<4x9xf32>
  return %t, %q : tensor<4xi32>, tensor<4x9xf32>
}

// -----

func.func private @noise(tensor<4x9xf32>) -> tensor<4x9xf32> attributes {torch.kernel = ["exponential"]}

// Noise over weights is another race.
func.func @main(%w: tensor<4x9xf32>) -> tensor<4xi32> {
  // expected-error @below {{torch's generator has a state, and bits that no other program can repeat: expects the argmax of weights / noise, or of logits - log(noise), and no other use of the noise}}
  %q = call @noise(%w) : (tensor<4x9xf32>) -> tensor<4x9xf32>
  %s = arith.divf %q, %w : tensor<4x9xf32>
  %t, %f, %l, %m = sample.greedy %s : tensor<4x9xf32>
  return %t : tensor<4xi32>
}

// -----

func.func private @noise(tensor<?x9xf32>) -> tensor<?x9xf32> attributes {torch.kernel = ["exponential"]}

func.func @main(%w: tensor<?x9xf32>) -> tensor<?xi32> {
  %q = call @noise(%w) : (tensor<?x9xf32>) -> tensor<?x9xf32>
  %s = arith.divf %w, %q : tensor<?x9xf32>
  // expected-error @below {{expects a draw from logits of known sizes, got 'tensor<?x9xf32>'}}
  %t, %f, %l, %m = sample.greedy %s : tensor<?x9xf32>
  return %t : tensor<?xi32>
}

// -----

func.func private @noise(tensor<4x9xf32>) -> tensor<4x9xf32> attributes {torch.kernel = ["exponential"]}

func.func private @step(%w: tensor<4x9xf32>) -> tensor<4xi32> {
  %q = call @noise(%w) : (tensor<4x9xf32>) -> tensor<4x9xf32>
  %s = arith.divf %w, %q : tensor<4x9xf32>
  // expected-error @below {{expects a draw outside of control flow and private functions, since its keys are arguments of the program}}
  %t, %f, %l, %m = sample.greedy %s : tensor<4x9xf32>
  return %t : tensor<4xi32>
}

// -----

func.func private @noise(tensor<4x9xf32>) -> tensor<4x9xf32> attributes {torch.kernel = ["exponential"]}

func.func private @other(tensor<3x9xf32>) -> tensor<3x9xf32> attributes {torch.kernel = ["exponential"]}

func.func @main(%w: tensor<4x9xf32>, %v: tensor<3x9xf32>) -> (tensor<4xi32>, tensor<3xi32>) {
  %q = call @noise(%w) : (tensor<4x9xf32>) -> tensor<4x9xf32>
  %s = arith.divf %w, %q : tensor<4x9xf32>
  %t, %f, %l, %m = sample.greedy %s : tensor<4x9xf32>
  %q2 = call @other(%v) : (tensor<3x9xf32>) -> tensor<3x9xf32>
  %s2 = arith.divf %v, %q2 : tensor<3x9xf32>
  // expected-error @below {{expects a draw of 4 rows, as the one before, got 3}}
  %t2, %f2, %l2, %m2 = sample.greedy %s2 : tensor<3x9xf32>
  return %t, %t2 : tensor<4xi32>, tensor<3xi32>
}
