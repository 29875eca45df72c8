// RUN: plait-opt %s --split-input-file --verify-diagnostics

func.func @step(%x: tensor<4x8xf32>, %p: tensor<f32>) {
  // expected-error @below {{'spike.li' op expects a positive 'dt', got 0.0}}
  %v = spike.li %x, %x tau(%p : tensor<f32>) r(%p : tensor<f32>) v_leak(%p : tensor<f32>)
      dt 0.0 integrator euler : tensor<4x8xf32>
  return
}

// -----

func.func @suffix(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{'spike.li' op expects 'r' to have the element type of 'tensor<4x8xf32>' and a shape that ends its shape, got 'tensor<4xf32>'}}
  %v = spike.li %x, %x tau(%p : tensor<f32>) r(%q : tensor<4xf32>) v_leak(%p : tensor<f32>)
      dt 1.0 integrator euler : tensor<4x8xf32>
  return
}

// -----

func.func @element(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<f64>) {
  // expected-error @below {{expects 'v_threshold' to have the element type of 'tensor<4x8xf32>' and a shape that ends its shape, got 'tensor<f64>'}}
  %z, %v = spike.lif %x, %x tau(%p : tensor<f32>) r(%p : tensor<f32>) v_leak(%p : tensor<f32>)
      v_threshold(%q : tensor<f64>)
      dt 1.0 integrator euler compare gt reset subtract at now : tensor<4x8xf32>
  return
}

// -----

func.func @no_reset(%x: tensor<4x8xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects a 'v_reset' exactly where 'reset' is value, got reset value without a 'v_reset'}}
  %z, %v = spike.lif %x, %x tau(%p : tensor<f32>) r(%p : tensor<f32>) v_leak(%p : tensor<f32>)
      v_threshold(%p : tensor<f32>)
      dt 1.0 integrator euler compare gt reset value at now : tensor<4x8xf32>
  return
}

// -----

func.func @reset(%x: tensor<4x8xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects a 'v_reset' exactly where 'reset' is value, got reset subtract with a 'v_reset'}}
  %z, %v = spike.lif %x, %x tau(%p : tensor<f32>) r(%p : tensor<f32>) v_leak(%p : tensor<f32>)
      v_threshold(%p : tensor<f32>) v_reset(%p : tensor<f32>)
      dt 1.0 integrator euler compare gt reset subtract at now : tensor<4x8xf32>
  return
}

// -----

func.func @moment(%x: tensor<4x8xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'reset' subtract where 'reset_at' is next, got value}}
  %z, %v = spike.lif %x, %x tau(%p : tensor<f32>) r(%p : tensor<f32>) v_leak(%p : tensor<f32>)
      v_threshold(%p : tensor<f32>) v_reset(%p : tensor<f32>)
      dt 1.0 integrator euler compare gt reset value at next : tensor<4x8xf32>
  return
}

// -----

func.func @multi(%x: tensor<4x8xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects compare ge and reset subtract at now with 'multi_spike', got compare gt and reset subtract at now}}
  %z, %v = spike.lif %x, %x tau(%p : tensor<f32>) r(%p : tensor<f32>) v_leak(%p : tensor<f32>)
      v_threshold(%p : tensor<f32>)
      dt 1.0 integrator euler compare gt reset subtract at now multi_spike : tensor<4x8xf32>
  return
}

// -----

func.func @buffer(%x: tensor<4x8xf32>, %b: tensor<?x4x8xf32>) {
  // expected-error @below {{'spike.delay' op expects a 'buffer' of a static number of 'tensor<4x8xf32>', got 'tensor<?x4x8xf32>'}}
  %y, %b1 = spike.delay %x, %b : tensor<4x8xf32>, tensor<?x4x8xf32>
  return
}

// -----

func.func @steps(%x: tensor<4x8xf32>, %b: tensor<2x4x8xf32>, %d: tensor<4xi64>) {
  // expected-error @below {{'spike.delay' op expects 'steps' to have a shape that ends the shape of 'tensor<4x8xf32>', got 'tensor<4xi64>'}}
  %y, %b1 = spike.delay %x, %b steps(%d : tensor<4xi64>) : tensor<4x8xf32>, tensor<2x4x8xf32>
  return
}
