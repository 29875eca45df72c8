// RUN: plait-opt --math-expand-to-arith --split-input-file --verify-diagnostics %s

func.func @wide(%x: f64) -> f64 {
  // expected-error @below {{has no expansion to arithmetic for 'f64'}}
  %0 = math.exp %x : f64
  return %0 : f64
}

// -----

func.func @unknown(%x: f32) -> f32 {
  // expected-error @below {{has no expansion to arithmetic for 'f32'}}
  %0 = math.atan %x : f32
  return %0 : f32
}

// -----

func.func @remainder(%x: f32) -> f32 {
  // expected-error @below {{has no expansion to arithmetic for 'f32'}}
  %0 = arith.remf %x, %x : f32
  return %0 : f32
}
