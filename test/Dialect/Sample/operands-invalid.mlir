// RUN: plait-opt %s --split-input-file --verify-diagnostics

// Every operand of every op has one row for each row of the logits.

func.func @logit_bias_ids(%x: tensor<4x8xf32>, %0: tensor<3x2xi32>, %1: tensor<4x2xf32>) {
  // expected-error @below {{'sample.logit_bias' op expects one 'ids' per row, got 3 for 4 rows}}
  %y = sample.logit_bias %x, %0, %1 : tensor<4x8xf32>, tensor<3x2xi32>, tensor<4x2xf32>
  return
}

// -----

func.func @logit_bias_values(%x: tensor<4x8xf32>, %0: tensor<4x2xi32>, %1: tensor<3x2xf32>) {
  // expected-error @below {{'sample.logit_bias' op expects one 'values' per row, got 3 for 4 rows}}
  %y = sample.logit_bias %x, %0, %1 : tensor<4x8xf32>, tensor<4x2xi32>, tensor<3x2xf32>
  return
}

// -----

func.func @allow_ids(%x: tensor<4x8xf32>, %0: tensor<3x2xi32>) {
  // expected-error @below {{'sample.allow' op expects one 'ids' per row, got 3 for 4 rows}}
  %y = sample.allow %x, %0 : tensor<4x8xf32>, tensor<3x2xi32>
  return
}

// -----

func.func @ban_ids(%x: tensor<4x8xf32>, %0: tensor<3x2xi32>) {
  // expected-error @below {{'sample.ban' op expects one 'ids' per row, got 3 for 4 rows}}
  %y = sample.ban %x, %0 : tensor<4x8xf32>, tensor<3x2xi32>
  return
}

// -----

func.func @bitmask_words(%x: tensor<4x8xf32>, %0: tensor<3x1xi32>) {
  // expected-error @below {{'sample.bitmask' op expects one 'words' per row, got 3 for 4 rows}}
  %y = sample.bitmask %x, %0 : tensor<4x8xf32>, tensor<3x1xi32>
  return
}

// -----

func.func @count_tokens(%x: tensor<4x8xf32>, %0: tensor<3x2xi32>) {
  // expected-error @below {{'sample.count' op expects one 'tokens' per row, got 3 for 4 rows}}
  %y = sample.count %x, %0 : tensor<4x8xf32>, tensor<3x2xi32>
  return
}

// -----

func.func @repetition_penalty_penalty(%x: tensor<4x8xf32>, %0: tensor<3xf32>, %1: tensor<4x8xi32>) {
  // expected-error @below {{'sample.repetition_penalty' op expects one 'penalty' per row, got 3 for 4 rows}}
  %y = sample.repetition_penalty %x, %0, %1 : tensor<4x8xf32>, tensor<3xf32>, tensor<4x8xi32>
  return
}

// -----

func.func @repetition_penalty_output(%x: tensor<4x8xf32>, %0: tensor<4xf32>, %1: tensor<3x8xi32>) {
  // expected-error @below {{'sample.repetition_penalty' op expects one 'output' per row, got 3 for 4 rows}}
  %y = sample.repetition_penalty %x, %0, %1 : tensor<4x8xf32>, tensor<4xf32>, tensor<3x8xi32>
  return
}

// -----

func.func @presence_penalty_penalty(%x: tensor<4x8xf32>, %0: tensor<3xf32>, %1: tensor<4x8xi32>) {
  // expected-error @below {{'sample.presence_penalty' op expects one 'penalty' per row, got 3 for 4 rows}}
  %y = sample.presence_penalty %x, %0, %1 : tensor<4x8xf32>, tensor<3xf32>, tensor<4x8xi32>
  return
}

// -----

func.func @presence_penalty_counts(%x: tensor<4x8xf32>, %0: tensor<4xf32>, %1: tensor<3x8xi32>) {
  // expected-error @below {{'sample.presence_penalty' op expects one 'counts' per row, got 3 for 4 rows}}
  %y = sample.presence_penalty %x, %0, %1 : tensor<4x8xf32>, tensor<4xf32>, tensor<3x8xi32>
  return
}

// -----

func.func @frequency_penalty_penalty(%x: tensor<4x8xf32>, %0: tensor<3xf32>, %1: tensor<4x8xi32>) {
  // expected-error @below {{'sample.frequency_penalty' op expects one 'penalty' per row, got 3 for 4 rows}}
  %y = sample.frequency_penalty %x, %0, %1 : tensor<4x8xf32>, tensor<3xf32>, tensor<4x8xi32>
  return
}

// -----

func.func @frequency_penalty_counts(%x: tensor<4x8xf32>, %0: tensor<4xf32>, %1: tensor<3x8xi32>) {
  // expected-error @below {{'sample.frequency_penalty' op expects one 'counts' per row, got 3 for 4 rows}}
  %y = sample.frequency_penalty %x, %0, %1 : tensor<4x8xf32>, tensor<4xf32>, tensor<3x8xi32>
  return
}

// -----

func.func @no_repeat_ngram_tokens(%x: tensor<4x8xf32>, %0: tensor<3x2xi32>, %1: tensor<4xi32>) {
  // expected-error @below {{'sample.no_repeat_ngram' op expects one 'tokens' per row, got 3 for 4 rows}}
  %y = sample.no_repeat_ngram %x, %0, %1 : tensor<4x8xf32>, tensor<3x2xi32>, tensor<4xi32>
  return
}

// -----

func.func @no_repeat_ngram_n(%x: tensor<4x8xf32>, %0: tensor<4x2xi32>, %1: tensor<3xi32>) {
  // expected-error @below {{'sample.no_repeat_ngram' op expects one 'n' per row, got 3 for 4 rows}}
  %y = sample.no_repeat_ngram %x, %0, %1 : tensor<4x8xf32>, tensor<4x2xi32>, tensor<3xi32>
  return
}

// -----

func.func @dry_tokens(%x: tensor<4x8xf32>, %0: tensor<3x2xi32>, %1: tensor<4x2xi32>, %2: tensor<4xf32>, %3: tensor<4xf32>, %4: tensor<4xi32>) {
  // expected-error @below {{'sample.dry' op expects one 'tokens' per row, got 3 for 4 rows}}
  %y = sample.dry %x, %0, %1, %2, %3, %4 : tensor<4x8xf32>, tensor<3x2xi32>, tensor<4x2xi32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>
  return
}

// -----

func.func @dry_breakers(%x: tensor<4x8xf32>, %0: tensor<4x2xi32>, %1: tensor<3x2xi32>, %2: tensor<4xf32>, %3: tensor<4xf32>, %4: tensor<4xi32>) {
  // expected-error @below {{'sample.dry' op expects one 'breakers' per row, got 3 for 4 rows}}
  %y = sample.dry %x, %0, %1, %2, %3, %4 : tensor<4x8xf32>, tensor<4x2xi32>, tensor<3x2xi32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>
  return
}

// -----

func.func @dry_multiplier(%x: tensor<4x8xf32>, %0: tensor<4x2xi32>, %1: tensor<4x2xi32>, %2: tensor<3xf32>, %3: tensor<4xf32>, %4: tensor<4xi32>) {
  // expected-error @below {{'sample.dry' op expects one 'multiplier' per row, got 3 for 4 rows}}
  %y = sample.dry %x, %0, %1, %2, %3, %4 : tensor<4x8xf32>, tensor<4x2xi32>, tensor<4x2xi32>, tensor<3xf32>, tensor<4xf32>, tensor<4xi32>
  return
}

// -----

func.func @dry_base(%x: tensor<4x8xf32>, %0: tensor<4x2xi32>, %1: tensor<4x2xi32>, %2: tensor<4xf32>, %3: tensor<3xf32>, %4: tensor<4xi32>) {
  // expected-error @below {{'sample.dry' op expects one 'base' per row, got 3 for 4 rows}}
  %y = sample.dry %x, %0, %1, %2, %3, %4 : tensor<4x8xf32>, tensor<4x2xi32>, tensor<4x2xi32>, tensor<4xf32>, tensor<3xf32>, tensor<4xi32>
  return
}

// -----

func.func @dry_allowed(%x: tensor<4x8xf32>, %0: tensor<4x2xi32>, %1: tensor<4x2xi32>, %2: tensor<4xf32>, %3: tensor<4xf32>, %4: tensor<3xi32>) {
  // expected-error @below {{'sample.dry' op expects one 'allowed' per row, got 3 for 4 rows}}
  %y = sample.dry %x, %0, %1, %2, %3, %4 : tensor<4x8xf32>, tensor<4x2xi32>, tensor<4x2xi32>, tensor<4xf32>, tensor<4xf32>, tensor<3xi32>
  return
}

// -----

func.func @dynamic_temperature_low(%x: tensor<4x8xf32>, %0: tensor<3xf32>, %1: tensor<4xf32>, %2: tensor<4xf32>) {
  // expected-error @below {{'sample.dynamic_temperature' op expects one 'low' per row, got 3 for 4 rows}}
  %y = sample.dynamic_temperature %x, %0, %1, %2 : tensor<4x8xf32>, tensor<3xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----

func.func @dynamic_temperature_high(%x: tensor<4x8xf32>, %0: tensor<4xf32>, %1: tensor<3xf32>, %2: tensor<4xf32>) {
  // expected-error @below {{'sample.dynamic_temperature' op expects one 'high' per row, got 3 for 4 rows}}
  %y = sample.dynamic_temperature %x, %0, %1, %2 : tensor<4x8xf32>, tensor<4xf32>, tensor<3xf32>, tensor<4xf32>
  return
}

// -----

func.func @dynamic_temperature_exponent(%x: tensor<4x8xf32>, %0: tensor<4xf32>, %1: tensor<4xf32>, %2: tensor<3xf32>) {
  // expected-error @below {{'sample.dynamic_temperature' op expects one 'exponent' per row, got 3 for 4 rows}}
  %y = sample.dynamic_temperature %x, %0, %1, %2 : tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3xf32>
  return
}

// -----

func.func @min_p_p(%x: tensor<4x8xf32>, %0: tensor<3xf32>) {
  // expected-error @below {{'sample.min_p' op expects one 'p' per row, got 3 for 4 rows}}
  %y = sample.min_p %x, %0 : tensor<4x8xf32>, tensor<3xf32>
  return
}

// -----

func.func @typical_p_p(%x: tensor<4x8xf32>, %0: tensor<3xf32>) {
  // expected-error @below {{'sample.typical_p' op expects one 'p' per row, got 3 for 4 rows}}
  %y = sample.typical_p %x, %0 : tensor<4x8xf32>, tensor<3xf32>
  return
}

// -----

func.func @top_n_sigma_n(%x: tensor<4x8xf32>, %0: tensor<3xf32>) {
  // expected-error @below {{'sample.top_n_sigma' op expects one 'n' per row, got 3 for 4 rows}}
  %y = sample.top_n_sigma %x, %0 : tensor<4x8xf32>, tensor<3xf32>
  return
}

// -----

func.func @xtc_probability(%x: tensor<4x8xf32>, %0: tensor<3xf32>, %1: tensor<4xf32>, %2: tensor<4xi64>) {
  // expected-error @below {{'sample.xtc' op expects one 'probability' per row, got 3 for 4 rows}}
  %y = sample.xtc %x, %0, %1, %2 : tensor<4x8xf32>, tensor<3xf32>, tensor<4xf32>, tensor<4xi64>
  return
}

// -----

func.func @xtc_threshold(%x: tensor<4x8xf32>, %0: tensor<4xf32>, %1: tensor<3xf32>, %2: tensor<4xi64>) {
  // expected-error @below {{'sample.xtc' op expects one 'threshold' per row, got 3 for 4 rows}}
  %y = sample.xtc %x, %0, %1, %2 : tensor<4x8xf32>, tensor<4xf32>, tensor<3xf32>, tensor<4xi64>
  return
}

// -----

func.func @xtc_bits(%x: tensor<4x8xf32>, %0: tensor<4xf32>, %1: tensor<4xf32>, %2: tensor<3xi64>) {
  // expected-error @below {{'sample.xtc' op expects one 'bits' per row, got 3 for 4 rows}}
  %y = sample.xtc %x, %0, %1, %2 : tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3xi64>
  return
}

// -----

func.func @epsilon_epsilon(%x: tensor<4x8xf32>, %0: tensor<3xf32>) {
  // expected-error @below {{'sample.epsilon' op expects one 'epsilon' per row, got 3 for 4 rows}}
  %y = sample.epsilon %x, %0 : tensor<4x8xf32>, tensor<3xf32>
  return
}

// -----

func.func @eta_epsilon(%x: tensor<4x8xf32>, %0: tensor<3xf32>) {
  // expected-error @below {{'sample.eta' op expects one 'epsilon' per row, got 3 for 4 rows}}
  %y = sample.eta %x, %0 : tensor<4x8xf32>, tensor<3xf32>
  return
}

// -----

func.func @gumbel_seed(%x: tensor<4x8xf32>, %0: tensor<3xi64>, %1: tensor<4xi32>, %2: tensor<4xi32>, %3: tensor<4xi32>) {
  // expected-error @below {{'sample.gumbel' op expects one 'seed' per row, got 3 for 4 rows}}
  %y:4 = sample.gumbel philox %x, %0, %1, %2, %3 : tensor<4x8xf32>, tensor<3xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  return
}

// -----

func.func @gumbel_session(%x: tensor<4x8xf32>, %0: tensor<4xi64>, %1: tensor<3xi32>, %2: tensor<4xi32>, %3: tensor<4xi32>) {
  // expected-error @below {{'sample.gumbel' op expects one 'session' per row, got 3 for 4 rows}}
  %y:4 = sample.gumbel philox %x, %0, %1, %2, %3 : tensor<4x8xf32>, tensor<4xi64>, tensor<3xi32>, tensor<4xi32>, tensor<4xi32>
  return
}

// -----

func.func @gumbel_sequence(%x: tensor<4x8xf32>, %0: tensor<4xi64>, %1: tensor<4xi32>, %2: tensor<3xi32>, %3: tensor<4xi32>) {
  // expected-error @below {{'sample.gumbel' op expects one 'sequence' per row, got 3 for 4 rows}}
  %y:4 = sample.gumbel philox %x, %0, %1, %2, %3 : tensor<4x8xf32>, tensor<4xi64>, tensor<4xi32>, tensor<3xi32>, tensor<4xi32>
  return
}

// -----

func.func @gumbel_position(%x: tensor<4x8xf32>, %0: tensor<4xi64>, %1: tensor<4xi32>, %2: tensor<4xi32>, %3: tensor<3xi32>) {
  // expected-error @below {{'sample.gumbel' op expects one 'position' per row, got 3 for 4 rows}}
  %y:4 = sample.gumbel philox %x, %0, %1, %2, %3 : tensor<4x8xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<3xi32>
  return
}

// -----

func.func @gumbel_by_place(%x: tensor<4x8xf32>, %0: tensor<4xi64>, %1: tensor<4xi32>, %2: tensor<3xi32>) {
  // expected-error @below {{'sample.gumbel' op expects one 'by_place' per row, got 3 for 4 rows}}
  %y:4 = sample.gumbel philox %x, %0, %1, %1, %1 by_place %2 : tensor<4x8xf32>, tensor<4xi64>, tensor<4xi32>, tensor<4xi32>, tensor<4xi32>, tensor<3xi32>
  return
}

// -----

func.func @columns_of_presence_penalty(%x: tensor<4x8xf32>, %p: tensor<4xf32>, %c: tensor<4x9xi32>) {
  // expected-error @below {{'sample.presence_penalty' op expects 8 columns of 'counts', got 9}}
  %y = sample.presence_penalty %x, %p, %c : tensor<4x8xf32>, tensor<4xf32>, tensor<4x9xi32>
  return
}

// -----

func.func @columns_of_repetition_penalty(%x: tensor<4x8xf32>, %p: tensor<4xf32>, %c: tensor<4x9xi32>) {
  // expected-error @below {{'sample.repetition_penalty' op expects 8 columns of 'output', got 9}}
  %y = sample.repetition_penalty %x, %p, %c : tensor<4x8xf32>, tensor<4xf32>, tensor<4x9xi32>
  return
}

// -----

func.func @columns_of_prompt(%x: tensor<4x8xf32>, %p: tensor<4xf32>, %c: tensor<4x8xi32>, %d: tensor<4x7xi32>) {
  // expected-error @below {{'sample.repetition_penalty' op expects 8 columns of 'prompt', got 7}}
  %y = sample.repetition_penalty %x, %p, %c prompt %d : tensor<4x8xf32>, tensor<4xf32>, tensor<4x8xi32>, tensor<4x7xi32>
  return
}

// -----

func.func @rows_of_full(%x: tensor<4x8xf32>, %p: tensor<4xf32>, %f: tensor<5x8xf32>) {
  // expected-error @below {{'sample.top_p' op expects one 'full' per row, got 5 for 4 rows}}
  %y = sample.top_p %x, %p full %f : tensor<4x8xf32>, tensor<4xf32>, tensor<5x8xf32>
  return
}

// -----

func.func @float_k(%x: tensor<4x8xf32>, %k: tensor<4xf32>) {
  // expected-error @below {{'sample.top_k' op operand #1 must be 1D tensor of 32-bit signless integer values, but got 'tensor<4xf32>'}}
  %y = sample.top_k %x, %k : tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

func.func @wide_ids(%x: tensor<4x8xf32>, %i: tensor<4x2xi64>) {
  // expected-error @below {{'sample.ban' op operand #1 must be 2D tensor of 32-bit signless integer values, but got 'tensor<4x2xi64>'}}
  %y = sample.ban %x, %i : tensor<4x8xf32>, tensor<4x2xi64>
  return
}

// -----

func.func @flat_ids(%x: tensor<4x8xf32>, %i: tensor<4xi32>) {
  // expected-error @below {{'sample.allow' op operand #1 must be 2D tensor of 32-bit signless integer values, but got 'tensor<4xi32>'}}
  %y = sample.allow %x, %i : tensor<4x8xf32>, tensor<4xi32>
  return
}

// -----

func.func @narrow_bits(%x: tensor<4x8xf32>, %b: tensor<4xi32>) {
  // expected-error @below {{'sample.draw' op operand #1 must be 1D tensor of 64-bit signless integer values, but got 'tensor<4xi32>'}}
  %y:4 = sample.draw %x, %b : tensor<4x8xf32>, tensor<4xi32>
  return
}

// -----

func.func @half_logits(%x: tensor<4x8xbf16>, %t: tensor<4xf32>) {
  // expected-error @below {{'sample.temperature' op operand #0 must be 2D tensor of 32-bit float values, but got 'tensor<4x8xbf16>'}}
  %y = sample.temperature %x, %t : tensor<4x8xbf16>, tensor<4xf32>
  return
}

// -----

func.func @another_result(%x: tensor<4x8xf32>, %t: tensor<4xf32>) {
  // expected-error @below {{'sample.temperature' op failed to verify that all of {logits, result} have same type}}
  %y = "sample.temperature"(%x, %t) : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x9xf32>
  return
}

// -----

func.func @count_of_another_shape(%x: tensor<4x8xf32>, %i: tensor<4x2xi32>) {
  // expected-error @below {{'sample.count' op failed to verify that one count per logit}}
  %y = "sample.count"(%x, %i) : (tensor<4x8xf32>, tensor<4x2xi32>) -> tensor<4x9xi32>
  return
}

// -----

func.func @flags(%x: tensor<4x8xf32>, %b: tensor<4xi64>) {
  // expected-error @below {{failed to verify that one of 'flags' per row}}
  %y:4 = "sample.draw"(%x, %b) : (tensor<4x8xf32>, tensor<4xi64>) -> (tensor<4xi32>, tensor<3xi32>, tensor<4xf32>, tensor<4xf32>)
  return
}
