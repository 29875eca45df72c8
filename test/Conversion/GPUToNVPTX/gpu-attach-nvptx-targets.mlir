// RUN: plait-opt --pass-pipeline="builtin.module(gpu.module(gpu-attach-nvptx-targets{chips=sm_80,sm_90,sm_100}))" %s | FileCheck %s

// CHECK: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_80", features = "+ptx80">,
// CHECK-SAME: #nvvm.target<O = 3, chip = "sm_90", features = "+ptx80">,
// CHECK-SAME: #nvvm.target<O = 3, chip = "sm_100", features = "+ptx86">]
gpu.module @kernels {
}
