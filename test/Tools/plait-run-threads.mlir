// RUN: env PLAIT_NUM_THREADS=3 plait-run %s --input=100x8xf32=2 | FileCheck %s
// RUN: not env PLAIT_NUM_THREADS=3 plait-run %s --input=100x8xf32=0 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not env PLAIT_NUM_THREADS=none plait-run %s --input=100x8xf32=2 2>&1 | FileCheck %s --check-prefix=ENV

// CHECK: 100x8xf32=
// CHECK-SAME: [0.5,0.5
// ZERO: plait-run: {{.*}}expects numbers to divide by
// ENV: plait-run: expects a positive number in PLAIT_NUM_THREADS
func.func @main(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %r = scf.forall (%i, %j) in (%n, 8) shared_outs(%o = %e) -> tensor<?x8xf32> {
    %v = tensor.extract %x[%i, %j] : tensor<?x8xf32>
    %good = arith.cmpf une, %v, %zero : f32
    cf.assert %good, "expects numbers to divide by"
    %q = arith.divf %one, %v : f32
    %s = tensor.from_elements %q : tensor<1x1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i, %j] [1, 1] [1, 1]
          : tensor<1x1xf32> into tensor<?x8xf32>
    }
  }
  return %r : tensor<?x8xf32>
}
