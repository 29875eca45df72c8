// RUN: plait-opt %s --convert-scf-forall-to-tasks --split-input-file --verify-diagnostics

func.func @tensors(%x: tensor<8xf32>, %n: index) -> tensor<8xf32> {
  // expected-error @below {{'scf.forall' op expects buffers, got results of type 'tensor<8xf32>'}}
  %r = scf.forall (%i) in (%n) shared_outs(%o = %x) -> tensor<8xf32> {
  }
  return %r : tensor<8xf32>
}

// -----

func.func @complicated(%x: tensor<8xf32>, %n: index, %y: memref<?xf32>) {
  // expected-error @below {{'scf.forall' op cannot hand a value of type 'tensor<8xf32>' to another thread}}
  scf.forall (%i) in (%n) {
    %v = tensor.extract %x[%i] : tensor<8xf32>
    memref.store %v, %y[%i] : memref<?xf32>
  }
  return
}

// -----

gpu.module @kernels {
  gpu.func @f(%n: index) {
    // expected-error @below {{'scf.forall' op expects to be in a 'func.func'}}
    scf.forall (%i) in (%n) {
    }
    gpu.return
  }
}
