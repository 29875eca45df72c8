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
  // expected-error @below {{failed to verify that one of 'tokens' per row}}
  %0:4 = "sample.greedy"(%x) : (tensor<4x8xf32>) -> (tensor<3xi32>, tensor<4xi32>, tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

func.func @generic(%x: tensor<4x8xf64>) {
  // expected-error @below {{'sample.greedy' op operand #0 must be 2D tensor of 32-bit float values, but got 'tensor<4x8xf64>'}}
  %0:4 = "sample.greedy"(%x) : (tensor<4x8xf64>) -> (tensor<4xi32>, tensor<4xi32>, tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

func.func @values(%x: tensor<4x8xf32>, %ids: tensor<4x3xi32>, %values: tensor<4x2xf32>) {
  // expected-error @below {{'sample.logit_bias' op expects 3 columns of 'values', got 2}}
  %0 = sample.logit_bias %x, %ids, %values : tensor<4x8xf32>, tensor<4x3xi32>, tensor<4x2xf32>
  return
}

// -----

func.func @words(%x: tensor<4x100xf32>, %words: tensor<4x3xi32>) {
  // expected-error @below {{'sample.bitmask' op expects 4 columns of 'words', got 3}}
  %0 = sample.bitmask %x, %words : tensor<4x100xf32>, tensor<4x3xi32>
  return
}

// -----

func.func @counts(%x: tensor<4x8xf32>, %p: tensor<4xf32>, %counts: tensor<4x9xi32>) {
  // expected-error @below {{'sample.frequency_penalty' op expects 8 columns of 'counts', got 9}}
  %0 = sample.frequency_penalty %x, %p, %counts : tensor<4x8xf32>, tensor<4xf32>, tensor<4x9xi32>
  return
}

// -----

func.func @prompt(%x: tensor<4x8xf32>, %p: tensor<4xf32>, %output: tensor<4x8xi32>, %prompt: tensor<3x8xi32>) {
  // expected-error @below {{'sample.repetition_penalty' op expects one 'prompt' per row, got 3 for 4 rows}}
  %0 = sample.repetition_penalty %x, %p, %output prompt %prompt : tensor<4x8xf32>, tensor<4xf32>, tensor<4x8xi32>, tensor<3x8xi32>
  return
}

// -----

func.func @full(%x: tensor<4x8xf32>, %p: tensor<4xf32>, %full: tensor<4x9xf32>) {
  // expected-error @below {{'sample.top_p' op expects 8 columns of 'full', got 9}}
  %0 = sample.top_p %x, %p full %full : tensor<4x8xf32>, tensor<4xf32>, tensor<4x9xf32>
  return
}

// -----

func.func @generator(%x: tensor<4x8xf32>, %s: tensor<4xi64>, %i: tensor<4xi32>) {
  // expected-error @below {{failed to parse Sample_GeneratorAttr parameter}}
  // expected-error @below {{to be one of: philox, murmur3_vllm, murmur3_sglang, jax_threefry}}
  %0:4 = sample.gumbel mt19937 %x, %s, %i, %i, %i : tensor<4x8xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  return
}
