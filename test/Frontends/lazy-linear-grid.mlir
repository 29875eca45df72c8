// The text that the lazy front prints for relu(x @ w + b).
// RUN: plait-opt %s --pass-pipeline='builtin.module(func.func(mesh-assign-layout),canonicalize,convert-mesh-to-csl)' | plait-translate --mlir-to-csl | FileCheck %s
// RUN: plait-opt %s --plait-lowered-reference --plait-target-cpu | FileCheck %s --check-prefix=CPU
// CHECK: @fadds(to_east, t_all, from_west
// CPU: llvm.func @main
module {
  mesh.grid @grid shape = [2, 3] target = "wse3"
  func.func @main(%arg0: tensor<4x6xf32>, %arg1: tensor<6x5xf32>, %arg2: tensor<5xf32>) -> tensor<4x5xf32> {
    %0 = mesh.place %arg0, <grid> on @grid : tensor<4x6xf32>
    %1 = mesh.place %arg1, <single> on @grid : tensor<6x5xf32>
    %2 = mesh.place %arg2, <single> on @grid : tensor<5xf32>
    %3 = arith.constant 0x00000000 : f32
    %4 = tensor.empty() : tensor<4x5xf32>
    %5 = linalg.fill ins(%3 : f32) outs(%4 : tensor<4x5xf32>) -> tensor<4x5xf32>
    %6 = linalg.matmul ins(%0, %1 : tensor<4x6xf32>, tensor<6x5xf32>) outs(%5 : tensor<4x5xf32>) -> tensor<4x5xf32>
    %7 = tensor.empty() : tensor<4x5xf32>
    %8 = linalg.broadcast ins(%2 : tensor<5xf32>) outs(%7 : tensor<4x5xf32>) dimensions = [0]
    %9 = tensor.empty() : tensor<4x5xf32>
    %10 = linalg.add ins(%6, %8 : tensor<4x5xf32>, tensor<4x5xf32>) outs(%9 : tensor<4x5xf32>) -> tensor<4x5xf32>
    %11 = arith.constant 0x00000000 : f32
    %12 = tensor.empty() : tensor<4x5xf32>
    %13 = linalg.fill ins(%11 : f32) outs(%12 : tensor<4x5xf32>) -> tensor<4x5xf32>
    %14 = tensor.empty() : tensor<4x5xf32>
    %15 = linalg.max ins(%10, %13 : tensor<4x5xf32>, tensor<4x5xf32>) outs(%14 : tensor<4x5xf32>) -> tensor<4x5xf32>
    return %15 : tensor<4x5xf32>
  }
}
