// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(spike-fuse-conv{max-rate=1.5}))' --verify-diagnostics

// expected-error @below {{expects 'max-rate' from 0 to 1, got 1.50}}
func.func @main() {
  return
}
