// RUN: plait-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func @delay
func.func @delay(%x: tensor<?x8xf32>, %b: tensor<3x?x8xf32>, %d: tensor<8xi64>)
    -> (tensor<?x8xf32>, tensor<3x?x8xf32>) {
  // CHECK: spike.delay %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<3x?x8xf32>
  %y, %b1 = spike.delay %x, %b : tensor<?x8xf32>, tensor<3x?x8xf32>
  // CHECK: spike.delay %{{.*}}, %{{.*}} steps(%{{[a-z0-9]+}} : tensor<8xi64>) : tensor<?x8xf32>, tensor<3x?x8xf32>
  %z, %b2 = spike.delay %y, %b1 steps(%d : tensor<8xi64>) : tensor<?x8xf32>, tensor<3x?x8xf32>
  return %z, %b2 : tensor<?x8xf32>, tensor<3x?x8xf32>
}

// CHECK-LABEL: func @attributes
// CHECK-SAME: #spike<integrator impulse>
// CHECK-SAME: #spike<compare ge>
// CHECK-SAME: #spike<reset subtract>
// CHECK-SAME: #spike<moment next>
// CHECK-SAME: #spike<encoding events>
func.func @attributes() attributes {
    a = #spike<integrator impulse>, b = #spike<compare ge>, c = #spike<reset subtract>,
    d = #spike<moment next>, e = #spike<encoding events>} {
  return
}

// CHECK-LABEL: func @neuron
func.func @neuron(%x: tensor<4x8xf32>, %v: tensor<4x8xf32>, %p: tensor<8xf32>, %s: tensor<f32>)
    -> tensor<4x8xf32> {
  // CHECK: spike.neuron %{{.*}}, %{{.*}} integrator impulse decay(%{{.*}} : tensor<8xf32>) threshold(%{{.*}} : tensor<f32>) compare gt reset value at now : tensor<4x8xf32>
  %z, %v1 = spike.neuron %x, %v integrator impulse decay(%p : tensor<8xf32>)
      threshold(%s : tensor<f32>) compare gt reset value at now : tensor<4x8xf32>
  // CHECK: spike.neuron {{.*}} integrator euler tau({{.*}}) gain({{.*}}) leak({{.*}}) threshold({{.*}}) compare ge reset value at next_before to({{.*}}) minimum({{.*}}) : tensor<4x8xf32>
  %y, %v2 = spike.neuron %z, %v1 integrator euler tau(%s : tensor<f32>) gain(%s : tensor<f32>)
      leak(%s : tensor<f32>) threshold(%p : tensor<8xf32>) compare ge reset value at next_before
      to(%s : tensor<f32>) minimum(%s : tensor<f32>) : tensor<4x8xf32>
  // CHECK: spike.neuron {{.*}} reset subtract at now multi_spike refractory({{.*}} : tensor<f32>, {{.*}} : tensor<4x8xf32>) : tensor<4x8xf32> left tensor<4x8xf32>
  %w, %v3, %l3 = spike.neuron %y, %v2 integrator impulse threshold(%s : tensor<f32>) compare ge
      reset subtract at now multi_spike refractory(%s : tensor<f32>, %v : tensor<4x8xf32>)
      : tensor<4x8xf32> left tensor<4x8xf32>
  // CHECK: spike.neuron {{.*}} integrator exponential decay(%{{.*}} : tensor<f32>) : tensor<4x8xf32>
  %u, %v4 = spike.neuron %w, %v3 integrator exponential decay(%s : tensor<f32>) : tensor<4x8xf32>
  // CHECK: spike.neuron {{.*}} integrator exponential {{.*}} compare gt reset value at crossing : tensor<4x8xf32>
  %c, %v5 = spike.neuron %u, %v4 integrator exponential decay(%s : tensor<f32>) threshold(%p : tensor<8xf32>)
      compare gt reset value at crossing : tensor<4x8xf32>
  return %u : tensor<4x8xf32>
}

// CHECK-LABEL: func @scan
func.func @scan(%x: tensor<10x4x8xf32>, %v: tensor<4x8xf32>, %s: tensor<f32>, %w: tensor<8x8xf32>,
                %b: tensor<8xf32>) -> (tensor<10x4x1xi16>, tensor<10x4x8xf32>) {
  // CHECK: spike.list_events %{{.*}} : tensor<10x4x8xf32> to tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<2xi64>
  %i, %n, %c = spike.list_events %x : tensor<10x4x8xf32> to tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<2xi64>
  // CHECK: spike.scan events({{.*}}, {{.*}}, {{.*}} : tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<8x8xf32>) bias({{.*}} : tensor<8xf32>) state({{.*}} : tensor<4x8xf32>) integrator impulse decay({{.*}} : tensor<f32>) threshold({{.*}} : tensor<f32>) compare gt reset value at now encoding packed : tensor<10x4x1xi16>
  %z, %v1 = spike.scan events(%i, %n, %w : tensor<10x4x8xi32>, tensor<10x4xi32>, tensor<8x8xf32>)
      bias(%b : tensor<8xf32>) state(%v : tensor<4x8xf32>) integrator impulse
      decay(%s : tensor<f32>) threshold(%s : tensor<f32>) compare gt reset value at now
      encoding packed : tensor<10x4x1xi16>
  // CHECK: spike.scan current({{.*}} : tensor<10x4x8xf32>) recurrent({{.*}}, {{.*}} : tensor<8x8xf32>, tensor<4x8xf32>) state({{.*}} : tensor<4x8xf32>) {{.*}} record : tensor<10x4x8xf32> last tensor<4x8xf32> potentials tensor<10x4x8xf32>
  %y, %v2, %l, %p = spike.scan current(%x : tensor<10x4x8xf32>)
      recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>) state(%v : tensor<4x8xf32>)
      integrator impulse decay(%s : tensor<f32>) threshold(%s : tensor<f32>)
      compare gt reset value at now record
      : tensor<10x4x8xf32> last tensor<4x8xf32> potentials tensor<10x4x8xf32>
  // CHECK: spike.from_rows %{{.*}}, %{{.*}}, %{{.*}} : tensor<3xi32>, tensor<5xi32>, tensor<5xf32> to tensor<2x4xf32>
  %starts = arith.constant dense<[0, 2, 5]> : tensor<3xi32>
  %columns = arith.constant dense<[1, 3, 0, 1, 2]> : tensor<5xi32>
  %values = arith.constant dense<1.5> : tensor<5xf32>
  %rows = spike.from_rows %starts, %columns, %values
      : tensor<3xi32>, tensor<5xi32>, tensor<5xf32> to tensor<2x4xf32>
  // CHECK: spike.scan recurrent({{.*}}) {{.*}} encoding events : tensor<10x4x8xi32> last tensor<4x8xf32> counts tensor<10x4xi32>
  %e, %v3, %l3, %ec = spike.scan recurrent(%w, %v : tensor<8x8xf32>, tensor<4x8xf32>)
      state(%v : tensor<4x8xf32>) integrator impulse decay(%s : tensor<f32>)
      threshold(%s : tensor<f32>) compare gt reset value at now encoding events
      : tensor<10x4x8xi32> last tensor<4x8xf32> counts tensor<10x4xi32>
  // CHECK: spike.pack %{{.*}} : tensor<10x4x8xf32> to tensor<10x4x1xi16>
  %q = spike.pack %y : tensor<10x4x8xf32> to tensor<10x4x1xi16>
  // CHECK: spike.unpack %{{.*}} : tensor<10x4x1xi16> to tensor<10x4x8xf32>
  %r = spike.unpack %q : tensor<10x4x1xi16> to tensor<10x4x8xf32>
  return %z, %r : tensor<10x4x1xi16>, tensor<10x4x8xf32>
}

// CHECK-LABEL: func @images
func.func @images(%i: tensor<5x2x6x21xi32>, %n: tensor<5x2x6xi32>, %w: tensor<3x3x3x20xf32>, %b: tensor<20xf32>, %v: tensor<2x6x7x20xf32>, %a: tensor<f32>) {
  // CHECK: spike.conv_scan events({{.*}}) strides [1, 1] dilations [1, 1] padding [1, 1] bias({{.*}}) state({{.*}}) integrator impulse decay({{.*}}) threshold({{.*}}) compare gt reset value at now record : tensor<5x2x6x7x1xi32> potentials tensor<5x2x6x7x20xf32>
  %z, %v1, %u = spike.conv_scan events(%i, %n, %w : tensor<5x2x6x21xi32>, tensor<5x2x6xi32>, tensor<3x3x3x20xf32>)
      strides [1, 1] dilations [1, 1] padding [1, 1] bias(%b : tensor<20xf32>) state(%v : tensor<2x6x7x20xf32>)
      integrator impulse decay(%a : tensor<f32>) threshold(%a : tensor<f32>) compare gt reset value at now
      record : tensor<5x2x6x7x1xi32> potentials tensor<5x2x6x7x20xf32>
  // CHECK: spike.pool %{{.*}} window [2, 2] strides [2, 2] divisor 4.000000e+00 : tensor<5x2x6x7x1xi32> to tensor<5x2x3x3x20xf32>
  %p = spike.pool %z window [2, 2] strides [2, 2] divisor 4.0 : tensor<5x2x6x7x1xi32> to tensor<5x2x3x3x20xf32>
  return
}
