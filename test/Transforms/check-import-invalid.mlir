// RUN: plait-opt --check-import --allow-unregistered-dialect --split-input-file --verify-diagnostics %s

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{no lowering for 'tm_tensor.sort'}}
  %0 = "tm_tensor.sort"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// expected-error @below {{expects a ranked tensor as argument 0 of 'main', got 'f32'}}
func.func @main(%x: f32) {
  return
}

// -----

// expected-error @below {{expects a ranked tensor as result 0 of 'main', got 'tensor<*xf32>'}}
func.func @main(%x: tensor<4xf32>) -> tensor<*xf32> {
  %0 = tensor.cast %x : tensor<4xf32> to tensor<*xf32>
  return %0 : tensor<*xf32>
}

// -----

func.func private @noise(tensor<4xf32>) -> tensor<4xf32> attributes {plait.missing = "nobody wrote it"}

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects a function with a body, got '@noise': nobody wrote it}}
  %0 = call @noise(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
