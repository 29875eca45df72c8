// RUN: plait-opt %s --split-input-file --verify-diagnostics

func.func @k(%x: tensor<4x8xf32>, %k: tensor<3xi32>) {
  // expected-error @below {{'sample.fused' op expects one 'k' per row, got 3 for 4 rows}}
  %0, %1 = sample.fused %x top_k(%k : tensor<3xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @bits(%x: tensor<4x8xf32>, %bits: tensor<5xi64>) {
  // expected-error @below {{'sample.fused' op expects one 'bits' per row, got 5 for 4 rows}}
  %0, %1 = sample.fused %x draw(%bits : tensor<5xi64>) : tensor<4x8xf32>
  return
}

// -----

func.func @temperature(%x: tensor<4x8xf32>, %t: tensor<3xf32>) {
  // expected-error @below {{'sample.fused' op expects one 'temperature' per row, got 3 for 4 rows}}
  %0, %1 = sample.fused %x temperature(%t : tensor<3xf32>) : tensor<4x8xf32>
  return
}

// -----

func.func @min_p(%x: tensor<4x8xf32>, %m: tensor<1xf32>) {
  // expected-error @below {{'sample.fused' op expects one 'min_p' per row, got 1 for 4 rows}}
  %0, %1 = sample.fused %x min_p(%m : tensor<1xf32>) : tensor<4x8xf32>
  return
}

// -----

func.func @p(%x: tensor<4x8xf32>, %p: tensor<5xf32>) {
  // expected-error @below {{'sample.fused' op expects one 'p' per row, got 5 for 4 rows}}
  %0, %1 = sample.fused %x top_p(%p : tensor<5xf32>) : tensor<4x8xf32>
  return
}

// -----

func.func @seed(%x: tensor<4x8xf32>, %seed: tensor<3xi64>, %id: tensor<4xi32>) {
  // expected-error @below {{'sample.fused' op expects one 'seed' per row, got 3 for 4 rows}}
  %0, %1 = sample.fused %x gumbel philox(%seed, %id, %id, %id : tensor<3xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @session(%x: tensor<4x8xf32>, %seed: tensor<4xi64>, %id: tensor<4xi32>, %other: tensor<3xi32>) {
  // expected-error @below {{'sample.fused' op expects one 'session' per row, got 3 for 4 rows}}
  %0, %1 = sample.fused %x gumbel philox(%seed, %other, %id, %id : tensor<4xi64>, tensor<3xi32>, tensor<4xi32>, tensor<4xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @sequence(%x: tensor<4x8xf32>, %seed: tensor<4xi64>, %id: tensor<4xi32>, %other: tensor<3xi32>) {
  // expected-error @below {{'sample.fused' op expects one 'sequence' per row, got 3 for 4 rows}}
  %0, %1 = sample.fused %x gumbel philox(%seed, %id, %other, %id : tensor<4xi64>, tensor<4xi32>, tensor<3xi32>, tensor<4xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @position(%x: tensor<4x8xf32>, %seed: tensor<4xi64>, %id: tensor<4xi32>, %other: tensor<3xi32>) {
  // expected-error @below {{'sample.fused' op expects one 'position' per row, got 3 for 4 rows}}
  %0, %1 = sample.fused %x gumbel philox(%seed, %id, %id, %other : tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<3xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @by_place(%x: tensor<4x8xf32>, %seed: tensor<4xi64>, %id: tensor<4xi32>, %other: tensor<3xi32>) {
  // expected-error @below {{'sample.fused' op expects one 'by_place' per row, got 3 for 4 rows}}
  %0, %1 = sample.fused %x gumbel philox(%seed, %id, %id, %id : tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) by_place(%other : tensor<3xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @logprobs(%x: tensor<4x8xf32>, %bits: tensor<4xi64>) {
  // expected-error @below {{'sample.fused' op expects one 'logprobs' per row, got 5 for 4 rows}}
  %0:4 = sample.fused %x draw(%bits : tensor<4xi64>) : tensor<4x8xf32> -> tensor<5xf32>, tensor<4xf32>
  return
}

// -----

func.func @vocabulary(%x: tensor<4x1048576xf32>) {
  // expected-error @below {{'sample.fused' op expects a vocabulary below 1048576, got 1048576}}
  %0, %1 = sample.fused %x : tensor<4x1048576xf32>
  return
}

// -----

func.func @logits(%x: tensor<4x8xf64>) {
  // expected-error @below {{must be 2D tensor of 32-bit float or 16-bit float or bfloat16 type values, but got 'tensor<4x8xf64>'}}
  %0, %1 = sample.fused %x : tensor<4x8xf64>
  return
}

// -----

func.func @margins(%x: tensor<4x8xf32>, %bits: tensor<4xi64>) {
  // expected-error @below {{'sample.fused' op expects one 'margins' per row, got 5 for 4 rows}}
  %0:4 = sample.fused %x draw(%bits : tensor<4xi64>) : tensor<4x8xf32> -> tensor<4xf32>, tensor<5xf32>
  return
}

// -----

func.func @filter(%x: tensor<4x8xf32>, %k: tensor<4xi32>) {
  // expected-error @below {{'sample.fused' op expects edits of single tokens, got 'sample.top_k'}}
  %0, %1 = sample.fused %x edits {
  ^bb0(%l: tensor<4x8xf32>):
    %2 = sample.top_k %l, %k : tensor<4x8xf32>, tensor<4xi32>
    sample.yield %2 : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return
}

// -----

func.func @chain(%x: tensor<4x8xf32>, %ids: tensor<4x2xi32>) {
  // expected-error @below {{'sample.fused' op expects edits that are one chain}}
  %0, %1 = sample.fused %x edits {
  ^bb0(%l: tensor<4x8xf32>):
    %2 = sample.ban %l, %ids : tensor<4x8xf32>, tensor<4x2xi32>
    sample.yield %l : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return
}

// -----

func.func @argument(%x: tensor<4x8xbf16>, %y: tensor<4x9xf32>) {
  // expected-error @below {{'sample.fused' op expects edits of one argument of type 'tensor<4x8xf32>'}}
  %0, %1 = sample.fused %x edits {
  ^bb0(%l: tensor<4x9xf32>):
    sample.yield %l : tensor<4x9xf32>
  } : tensor<4x8xbf16>
  return
}

// -----

func.func @made(%x: tensor<4x8xf32>, %ids: tensor<4x2xi32>) {
  // expected-error @below {{'sample.fused' op expects parameters of 'sample.ban' that it is given}}
  %0, %1 = sample.fused %x edits {
  ^bb0(%l: tensor<4x8xf32>):
    %2 = sample.count %l, %ids : tensor<4x8xf32>, tensor<4x2xi32>
    %3 = sample.ban %l, %2 : tensor<4x8xf32>, tensor<4x8xi32>
    sample.yield %3 : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return
}

// -----

func.func @half_made(%x: tensor<4x8xf32>, %r: tensor<4xf32>, %ids: tensor<4x2xi32>, %t: tensor<4x8xi32>) {
  // expected-error @below {{'sample.fused' op expects parameters of 'sample.repetition_penalty' that it is given}}
  %0, %1 = sample.fused %x edits {
  ^bb0(%l: tensor<4x8xf32>):
    %2 = sample.count %l, %ids : tensor<4x8xf32>, tensor<4x2xi32>
    %3 = sample.repetition_penalty %l, %r, %2 prompt %t : tensor<4x8xf32>, tensor<4xf32>, tensor<4x8xi32>, tensor<4x8xi32>
    sample.yield %3 : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return
}

// -----

func.func @counted(%x: tensor<4x8xf32>, %ids: tensor<4x2xi32>) {
  // expected-error @below {{'sample.fused' op expects counts of lists that it is given}}
  %0, %1 = sample.fused %x edits {
  ^bb0(%l: tensor<4x8xf32>):
    %2 = sample.count %l, %ids : tensor<4x8xf32>, tensor<4x2xi32>
    %3 = sample.count %l, %2 : tensor<4x8xf32>, tensor<4x8xi32>
    sample.yield %l : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return
}

// -----

func.func @key(%x: tensor<4x8xf32>, %seed: tensor<4xi64>) {
  // expected-error @below {{'sample.fused' op expects a 'generator' with a whole key, or neither}}
  %0, %1 = "sample.fused"(%x, %seed) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0>}> ({}, {}) : (tensor<4x8xf32>, tensor<4xi64>) -> (tensor<4xi32>, tensor<4xi32>)
  return
}

// -----

func.func @two_picks(%x: tensor<4x8xf32>, %bits: tensor<4xi64>, %id: tensor<4xi32>) {
  // expected-error @below {{'sample.fused' op expects 'bits' or a 'generator', got both}}
  %0, %1 = sample.fused %x draw(%bits : tensor<4xi64>)
      gumbel philox(%bits, %id, %id, %id : tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @place_of_nothing(%x: tensor<4x8xf32>, %id: tensor<4xi32>) {
  // expected-error @below {{'sample.fused' op expects a 'generator' with 'by_place'}}
  %0, %1 = sample.fused %x by_place(%id : tensor<4xi32>) : tensor<4x8xf32>
  return
}

// -----

func.func @pick(%x: tensor<4x8xf32>) {
  // expected-error @below {{'sample.fused' op expects processors of logits, got 'sample.greedy'}}
  %0, %1 = sample.fused %x rest {
  ^bb0(%l: tensor<4x8xf32>):
    %y:4 = sample.greedy %l : tensor<4x8xf32>
    sample.yield %l : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return
}

// -----

func.func @entropy(%x: tensor<4x8xf32>, %p: tensor<4xf32>) {
  // expected-error @below {{'sample.fused' op expects parameters of 'sample.min_p' that it is given}}
  %0, %1 = sample.fused %x rest {
  ^bb0(%l: tensor<4x8xf32>):
    %t = sample.dynamic_temperature %l, %p, %p, %p : tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
    %2 = sample.min_p %l, %t : tensor<4x8xf32>, tensor<4xf32>
    sample.yield %2 : tensor<4x8xf32>
  } : tensor<4x8xf32>
  return
}
