// RUN: plait-opt %s --split-input-file --verify-diagnostics

func.func @temperature(%x: tensor<4x8xf32>, %t: tensor<3xf32>) {
  // expected-error @below {{'sample.temperature' op expects one 'temperature' per row, got 3 for 4 rows}}
  %0 = sample.temperature %x, %t : tensor<4x8xf32>, tensor<3xf32>
  return
}

// -----

func.func @top_k(%x: tensor<4x8xf32>, %k: tensor<1xi32>) {
  // expected-error @below {{'sample.top_k' op expects one 'k' per row, got 1 for 4 rows}}
  %0 = sample.top_k %x, %k : tensor<4x8xf32>, tensor<1xi32>
  return
}

// -----

func.func @top_p(%x: tensor<4x8xf32>, %p: tensor<5xf32>) {
  // expected-error @below {{'sample.top_p' op expects one 'p' per row, got 5 for 4 rows}}
  %0 = sample.top_p %x, %p : tensor<4x8xf32>, tensor<5xf32>
  return
}

// -----

func.func @draw(%x: tensor<4x8xf32>, %bits: tensor<5xi64>) {
  // expected-error @below {{'sample.draw' op expects one 'bits' per row, got 5 for 4 rows}}
  %0:4 = sample.draw %x, %bits : tensor<4x8xf32>, tensor<5xi64>
  return
}

// -----

func.func @random(%seed: tensor<2xi64>, %id: tensor<3xi32>) {
  // expected-error @below {{'sample.random' op expects one 'session', 'sequence' and 'position' per 'seed', got 3 for 2 seeds}}
  %0 = sample.random %seed, %id, %id, %id : tensor<2xi64>, tensor<3xi32>
  return
}

// -----

func.func @vocabulary(%x: tensor<4x1048576xf32>) {
  // expected-error @below {{'sample.greedy' op expects a vocabulary below 1048576, got 1048576}}
  %0:4 = sample.greedy %x : tensor<4x1048576xf32>
  return
}

// -----

func.func @vocabulary_of_draw(%x: tensor<4x1048576xf32>, %bits: tensor<4xi64>) {
  // expected-error @below {{'sample.draw' op expects a vocabulary below 1048576, got 1048576}}
  %0:4 = sample.draw %x, %bits : tensor<4x1048576xf32>, tensor<4xi64>
  return
}

// -----

func.func @vocabulary_of_processor(%x: tensor<4x2000000xf32>, %t: tensor<4xf32>) {
  // expected-error @below {{'sample.temperature' op expects a vocabulary below 1048576, got 2000000}}
  %0 = sample.temperature %x, %t : tensor<4x2000000xf32>, tensor<4xf32>
  return
}

// -----

func.func @rank(%x: tensor<8xf32>) {
  // expected-error @below {{'sample.greedy' 'logits' must be 2D tensor of 32-bit float values, but got 'tensor<8xf32>'}}
  %0:4 = sample.greedy %x : tensor<8xf32>
  return
}

// -----

func.func @element(%x: tensor<4x8xf64>) {
  // expected-error @below {{'sample.greedy' 'logits' must be 2D tensor of 32-bit float values, but got 'tensor<4x8xf64>'}}
  %0:4 = sample.greedy %x : tensor<4x8xf64>
  return
}

// -----

func.func @tokens(%x: tensor<4x8xf32>) {
  // expected-error @below {{failed to verify that one token per row}}
  %0:4 = "sample.greedy"(%x) : (tensor<4x8xf32>) -> (tensor<3xi32>, tensor<4xi32>)
  return
}

// -----

func.func @generic(%x: tensor<4x8xf64>) {
  // expected-error @below {{'sample.greedy' op operand #0 must be 2D tensor of 32-bit float values, but got 'tensor<4x8xf64>'}}
  %0:4 = "sample.greedy"(%x) : (tensor<4x8xf64>) -> (tensor<4xi32>, tensor<4xi32>)
  return
}
