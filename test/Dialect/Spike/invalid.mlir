// RUN: plait-opt %s --split-input-file --verify-diagnostics

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

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{'spike.neuron' op expects 'gain' to have the element type of 'tensor<4x8xf32>' and a shape that ends its shape, got 'tensor<4xf32>'}}
  %z, %v = spike.neuron %x, %x integrator impulse gain(%q : tensor<4xf32>) : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects 'decay' or 'tau', got both}}
  %z, %v = spike.neuron %x, %x integrator euler decay(%p : tensor<f32>) tau(%p : tensor<f32>) : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects an integrator euler or euler_impulse with 'tau', got impulse}}
  %z, %v = spike.neuron %x, %x integrator impulse tau(%p : tensor<f32>) : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects an integrator impulse without 'decay' or 'tau', got euler}}
  %z, %v = spike.neuron %x, %x integrator euler : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects a 'decay' or 'tau' with 'leak', got none}}
  %z, %v = spike.neuron %x, %x integrator impulse leak(%p : tensor<f32>) : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects 'compare', 'reset' and 'at' exactly where there is a 'threshold', got a 'threshold' without 'reset'}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects a reset value with 'to', got compare gt and reset subtract at now}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset subtract at now to(%p : tensor<f32>) : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects compare ge and reset subtract at now with 'multi_spike', got compare gt and reset subtract at now}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset subtract at now multi_spike : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects a result 'left' exactly where there is a 'refractory', got none}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now refractory(%p : tensor<f32>, %x : tensor<4x8xf32>) : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects a reset at now with 'refractory', got compare gt and reset value at next}}
  %z, %v, %l = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at next refractory(%p : tensor<f32>, %x : tensor<4x8xf32>) : tensor<4x8xf32> left tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects 'left' of type 'tensor<4x8xf32>', got 'tensor<4xf32>'}}
  %z, %v, %l = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now refractory(%p : tensor<f32>, %q : tensor<4xf32>) : tensor<4x8xf32> left tensor<4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects a 'current', 'events' or 'recurrent', got none}}
  %z, %o = spike.scan state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'out' of type 'tensor<10x4x8xf32>', got 'tensor<10x4x9xf32>'}}
  %z, %o = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x9xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'current' of type 'tensor<9x4x8xf32>', got 'tensor<10x4x8xf32>'}}
  %z, %o = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<9x4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects words for the last axis of 'tensor<10x4x8xf32>', got 'tensor<10x4x2xi64>'}}
  %z, %o = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now encoding packed : tensor<10x4x2xi64>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects a result 'potentials' exactly with 'record', got none}}
  %z, %o = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now record : tensor<10x4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'potentials' of type 'tensor<10x4x8xf32>', got 'tensor<4x8xf32>'}}
  %z, %o, %p = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now record : tensor<10x4x8xf32> potentials tensor<4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'weights' of type 'tensor<8x8xf32>', got 'tensor<3x8xf32>'}}
  %z, %o = spike.scan events(%i, %n, %u : tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<3x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'events' or 'recurrent', got both}}
  %z, %o, %l = spike.scan events(%i, %n, %w : tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<8x8xf32>) recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x8xf32> last tensor<4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'events' or 'recurrent' with 'bias', got a 'current' alone}}
  %z, %o = spike.scan current(%x : tensor<10x4x8xf32>) bias(%s : tensor<f32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects a state of [batch, neurons] with 'events' or 'recurrent', got 'tensor<10x4x8xf32>'}}
  %z, %o = spike.scan events(%i, %n, %w : tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<8x8xf32>) state(%x : tensor<10x4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x10x4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects a result 'last' exactly with 'recurrent', got none}}
  %z, %o = spike.scan recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects a 'threshold' with 'recurrent', got none}}
  %z, %o, %l = spike.scan recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse : tensor<10x4x8xf32> last tensor<4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'recurrent' of type 'tensor<8x8xf32>', got 'tensor<3x8xf32>'}}
  %z, %o, %l = spike.scan recurrent(%u, %v : tensor<3x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x8xf32> last tensor<4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects words for the last axis of 'tensor<10x4x8xf32>', got 'tensor<10x4x2xi64>'}}
  %p = spike.pack %x : tensor<10x4x8xf32> to tensor<10x4x2xi64>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects words for the last axis of 'tensor<10x4x65xf32>', got 'tensor<10x4x1xi64>'}}
  %p = spike.unpack %k : tensor<10x4x1xi64> to tensor<10x4x65xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 'indices' with the shape of 'tensor<10x4x8xf32>', got 'tensor<10x4x9xi32>'}}
  %a, %b, %c = spike.list_events %x : tensor<10x4x8xf32> to tensor<10x4x9xi32>, tensor<10x4xi32>, tensor<2xi64>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects one of 'counts' per row of 'tensor<10x4x8xi32>', got 'tensor<10xi32>'}}
  %a, %b, %c = spike.list_events %x : tensor<10x4x8xf32> to tensor<10x4x8xi32>, tensor<10xi32>, tensor<2xi64>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %u: tensor<3x8xf32>, %k: tensor<10x4x1xi64>) {
  // expected-error @below {{expects 2 'statistics', got 'tensor<3xi64>'}}
  %a, %b, %c = spike.list_events %x : tensor<10x4x8xf32> to tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<3xi64>
  return
}

// -----

func.func @f(%x: tensor<4xf8E4M3FN>) {
  // expected-error @below {{operand #0 must be ranked tensor of 16-bit float or bfloat16 type or 32-bit float or 64-bit float values, but got 'tensor<4xf8E4M3FN>'}}
  %z, %v = spike.neuron %x, %x integrator impulse : tensor<4xf8E4M3FN>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{exactly where there is a 'threshold', got no 'threshold' with 'compare'}}
  %z, %v = spike.neuron %x, %x integrator impulse compare gt reset value at now : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects compare ge and reset subtract at now with 'multi_spike', got no 'threshold'}}
  %z, %v = spike.neuron %x, %x integrator impulse multi_spike : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects a reset at now with 'refractory', got no 'threshold'}}
  %z, %v, %l = spike.neuron %x, %x integrator impulse refractory(%p : tensor<f32>, %x : tensor<4x8xf32>) : tensor<4x8xf32> left tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>, %q: tensor<4xf32>) {
  // expected-error @below {{expects an operand 'left' exactly where there is a 'refractory', got one without}}
  %z, %v = "spike.neuron"(%x, %x, %x) <{integrator = #spike<integrator impulse>, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1>}> : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>)
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{expects spikes that are 0 or 1 with encoding packed, got no 'threshold'}}
  %z, %o = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse encoding packed : tensor<10x4x1xi16>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{expects spikes that are 0 or 1 with encoding events, got 'multi_spike'}}
  %z, %o, %c = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare ge reset subtract at now multi_spike encoding events : tensor<10x4x8xi32> counts tensor<10x4xi32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{expects 'out' of type 'tensor<10x4x8xf32>', got 'tensor<10x4x1xi16>'}}
  %z, %o = spike.scan current(%x : tensor<10x4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x1xi16>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{expects 'out' of type 'tensor<10x4x8xi32>', got 'tensor<10x4x9xi32>'}}
  %z, %o, %l, %c = spike.scan recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now encoding events : tensor<10x4x9xi32> last tensor<4x8xf32> counts tensor<10x4xi32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{expects a result 'counts' exactly with encoding events, got none}}
  %z, %o, %l = spike.scan recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now encoding events : tensor<10x4x8xi32> last tensor<4x8xf32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{expects a result 'counts' exactly with encoding events, got one without}}
  %z, %o, %l, %c = spike.scan recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now : tensor<10x4x8xf32> last tensor<4x8xf32> counts tensor<10x4xi32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{expects 'counts' of type 'tensor<10x4xi32>', got 'tensor<10x5xi32>'}}
  %z, %o, %l, %c = spike.scan recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now encoding events : tensor<10x4x8xi32> last tensor<4x8xf32> counts tensor<10x5xi32>
  return
}

// -----

func.func @s(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %i: tensor<10x4x8xi32>,
             %n: tensor<10x4xi32>, %w: tensor<8x8xf32>, %y: tensor<2x10x4x8xf32>) {
  // expected-error @below {{expects a state of [batch, neurons] with encoding events, got 'tensor<10x4x8xf32>'}}
  %z, %o, %c = spike.scan current(%y : tensor<2x10x4x8xf32>) state(%x : tensor<10x4x8xf32>) integrator impulse threshold(%s : tensor<f32>) compare gt reset value at now encoding events : tensor<2x10x4x8xi32> counts tensor<2x10x4xi32>
  return
}

// -----

func.func @windows_out_of_reach(%i: tensor<5x2x6x21xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x16xf32>, %v: tensor<2x9x7x16xf32>, %a: tensor<f32>) {
  // expected-error @+1 {{expects windows that reach the image: size 6, window 3, padding 1, got 9 of them}}
  %z, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x21xi32>, tensor<5x2x6xi32>, tensor<3x3x3x16xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x9x7x16xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x9x7x16xf32>
  return
}

// -----

func.func @rows_of_other_pixels(%i: tensor<5x2x6x20xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x16xf32>, %v: tensor<2x6x7x16xf32>, %a: tensor<f32>) {
  // expected-error @+1 {{expects 'indices' of [time, batch, height, width * 3] and their 'counts', got 'tensor<5x2x6x20xi32>' and 'tensor<5x2x6xi32>'}}
  %z, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x20xi32>, tensor<5x2x6xi32>, tensor<3x3x3x16xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x6x7x16xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x6x7x16xf32>
  return
}

// -----

func.func @kernels_without_channels(%i: tensor<5x2x6x0xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x0x16xf32>, %v: tensor<2x6x7x16xf32>, %a: tensor<f32>) {
  // expected-error @+1 {{expects 'indices' of [time, batch, height, width * 0] and their 'counts', got 'tensor<5x2x6x0xi32>' and 'tensor<5x2x6xi32>'}}
  %z, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x0xi32>, tensor<5x2x6xi32>, tensor<3x3x0x16xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x6x7x16xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x6x7x16xf32>
  return
}

// -----

func.func @strides_of_zero(%i: tensor<5x2x6x21xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x16xf32>, %v: tensor<2x6x7x16xf32>, %a: tensor<f32>) {
  // expected-error @+1 {{expects two 'strides' of at least 1, got [0, 1]}}
  %z, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x21xi32>, tensor<5x2x6xi32>, tensor<3x3x3x16xf32>)
      strides [0, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x6x7x16xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x6x7x16xf32>
  return
}

// -----

func.func @too_many_windows(%x: tensor<2x6x6x16xf32>) {
  // expected-error @+1 {{expects one element per window of 'tensor<2x6x6x16xf32>', got 'tensor<2x4x3x16xf32>'}}
  %y = spike.pool %x window [2, 2] strides [2, 2] : tensor<2x6x6x16xf32> to tensor<2x4x3x16xf32>
  return
}

// -----

func.func @kernels_of_other_channels(%i: tensor<5x2x6x21xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x8xf32>, %v: tensor<2x6x7x16xf32>, %a: tensor<f32>) {
  // expected-error @+1 {{expects 'weights' of [height, width, channels, 16] of 'f32', got 'tensor<3x3x3x8xf32>'}}
  %z, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x21xi32>, tensor<5x2x6xi32>, tensor<3x3x3x8xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x6x7x16xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x6x7x16xf32>
  return
}

// -----

func.func @images_of_other_channels(%i: tensor<5x2x6x21xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x16xf32>, %v: tensor<2x6x7x16xf32>, %a: tensor<f32>) {
  // expected-error @+1 {{expects 'out' of 'tensor<5x2x6x7x16xf32>', or packed spikes of it that are 0 or 1, got 'tensor<5x2x6x7x8xf32>'}}
  %z, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x21xi32>, tensor<5x2x6xi32>, tensor<3x3x3x16xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x6x7x16xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<5x2x6x7x8xf32>
  return
}

// -----

func.func @images_of_other_times(%i: tensor<5x2x6x21xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x16xf32>, %v: tensor<2x6x7x16xf32>, %a: tensor<f32>) {
  // expected-error @+1 {{expects 'out' with the time and the batch of 'tensor<5x2x6x21xi32>', got 'tensor<4x2x6x7x16xf32>'}}
  %z, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x21xi32>, tensor<5x2x6xi32>, tensor<3x3x3x16xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] state(%v : tensor<2x6x7x16xf32>) integrator impulse
      threshold(%a : tensor<f32>) compare gt reset value at now : tensor<4x2x6x7x16xf32>
  return
}

// -----

func.func @pool_of_no_stride(%x: tensor<2x6x6x16xf32>) {
  // expected-error @+1 {{expects a 'window' and 'strides' of two positive numbers, got [2, 2] and [0, 2]}}
  %y = spike.pool %x window [2, 2] strides [0, 2] : tensor<2x6x6x16xf32> to tensor<2x3x3x16xf32>
  return
}

// -----

func.func @pool_of_an_unknown_height(%x: tensor<2x?x6x16xf32>) {
  // expected-error @+1 {{expects images of a static size, got 'tensor<2x?x6x16xf32>'}}
  %y = spike.pool %x window [2, 2] strides [2, 2] : tensor<2x?x6x16xf32> to tensor<2x3x3x16xf32>
  return
}

// -----

func.func @pool_to_other_channels(%x: tensor<2x6x6x8xf32>) {
  // expected-error @+1 {{expects an input with the channels of 'tensor<2x3x3x16xf32>', got 'tensor<2x6x6x8xf32>'}}
  %y = spike.pool %x window [2, 2] strides [2, 2] : tensor<2x6x6x8xf32> to tensor<2x3x3x16xf32>
  return
}

// -----

func.func @rows(%s: tensor<3xi32>, %c: tensor<5xi32>, %v: tensor<5xf32>, %d: tensor<?xi32>, %w: tensor<?xf32>) {
  // expected-error @below {{expects a result of static shape, got 'tensor<2x?xf32>'}}
  %m = spike.from_rows %s, %c, %v : tensor<3xi32>, tensor<5xi32>, tensor<5xf32> to tensor<2x?xf32>
  return
}

// -----

func.func @rows(%s: tensor<3xi32>, %c: tensor<5xi32>, %v: tensor<5xf32>, %d: tensor<?xi32>, %w: tensor<?xf32>) {
  // expected-error @below {{expects 4 'starts' for 'tensor<3x4xf32>', got 'tensor<3xi32>'}}
  %m = spike.from_rows %s, %c, %v : tensor<3xi32>, tensor<5xi32>, tensor<5xf32> to tensor<3x4xf32>
  return
}

// -----

func.func @rows(%s: tensor<3xi32>, %c: tensor<5xi32>, %v: tensor<5xf32>, %d: tensor<?xi32>, %w: tensor<?xf32>) {
  // expected-error @below {{expects one of 'columns' per element of 'tensor<5xf32>', got 'tensor<3xi32>'}}
  %m = spike.from_rows %s, %s, %v : tensor<3xi32>, tensor<3xi32>, tensor<5xf32> to tensor<2x4xf32>
  return
}

// -----

func.func @rows(%s: tensor<3xi32>, %c: tensor<5xi32>, %v: tensor<5xf32>, %d: tensor<?xi32>, %w: tensor<?xf32>) {
  // expected-error @below {{expects one of 'columns' per element of 'tensor<?xf32>', got 'tensor<?xi32>'}}
  %m = spike.from_rows %s, %d, %w : tensor<3xi32>, tensor<?xi32>, tensor<?xf32> to tensor<2x4xf32>
  return
}

// -----

func.func @rows(%s: tensor<3xi32>, %c: tensor<5xi32>, %v: tensor<5xf32>, %d: tensor<?xi32>, %w: tensor<?xf32>) {
  // expected-error @below {{expects 'values' of 'f64', got 'tensor<5xf32>'}}
  %m = spike.from_rows %s, %c, %v : tensor<3xi32>, tensor<5xi32>, tensor<5xf32> to tensor<2x4xf64>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects integrator exponential and reset value with 'at' crossing, got integrator impulse and reset value}}
  %z, %v = spike.neuron %x, %x integrator impulse decay(%p : tensor<f32>) threshold(%p : tensor<f32>) compare gt reset value at crossing : tensor<4x8xf32>
  return
}

// -----

func.func @n(%x: tensor<4x8xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects integrator exponential and reset value with 'at' crossing, got integrator exponential and reset subtract}}
  %z, %v = spike.neuron %x, %x integrator exponential decay(%p : tensor<f32>) threshold(%p : tensor<f32>) compare gt reset subtract at crossing : tensor<4x8xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rate' to be a number from 0 to 1, got 1.500000e+00 : f64}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rate = 1.5 : f64} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rate' to be a number from 0 to 1, got -5.000000e-01 : f64}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rate = -0.5 : f64} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rate' to be a number from 0 to 1, got 0x7FF8000000000000 : f64}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rate = 0x7FF8000000000000 : f64} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rate' to be a number from 0 to 1, got 1 : i64}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rate = 1 : i64} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rates' to be a list of numbers from 0 to 1, got 5.000000e-01 : f64}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rates = 0.5 : f64} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rates' to be a list of numbers from 0 to 1, got dense<[5.000000e-01, 1.500000e+00]> : tensor<2xf32>}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rates = dense<[0.5, 1.5]> : tensor<2xf32>} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rates' to be a list of numbers from 0 to 1, got dense<0> : tensor<2xi32>}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rates = dense<0> : tensor<2xi32>} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rates' to be a list of numbers from 0 to 1, got dense<5.000000e-01> : tensor<1x2xf32>}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.rates = dense<0.5> : tensor<1x2xf32>} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rate' to be a number of at least 0, got -2.000000e+00 : f64}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare ge reset subtract at now multi_spike {spike.rate = -2.0 : f64} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>, %p: tensor<f32>) {
  // expected-error @below {{expects 'spike.rate' or 'spike.rates', got 'spike.share'}}
  %z, %v = spike.neuron %x, %x integrator impulse threshold(%p : tensor<f32>) compare gt reset value at now {spike.share = 0.5 : f64} : tensor<4x2xf32>
  return
}

// -----

func.func @rate(%x: tensor<4x2xf32>) {
  // expected-error @below {{'spike.pack' op expects 'spike.rate' on a population}}
  %p = spike.pack %x {spike.rate = 0.5 : f64} : tensor<4x2xf32> to tensor<4x1xi16>
  return
}
