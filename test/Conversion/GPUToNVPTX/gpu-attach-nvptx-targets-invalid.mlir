// RUN: plait-opt --pass-pipeline="builtin.module(gpu.module(gpu-attach-nvptx-targets{chips=sm_80,sm_70}))" --verify-diagnostics %s
// RUN: not plait-opt --pass-pipeline="builtin.module(gpu.module(gpu-attach-nvptx-targets))" %s 2>&1 | FileCheck %s

// CHECK: error: expects at least one chip in 'chips'
// expected-error @below {{unknown NVIDIA chip 'sm_70'; known: sm_75, sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_120}}
gpu.module @kernels {
}
