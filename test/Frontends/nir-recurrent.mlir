// What from_nir makes of test/python/data/recurrent.nir (dt=1e-3, convention "nir"): a recurrent
// population, a delay of two steps and a read-out. test/python/frontends/test_nir.py compares it.
//
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt --plait-lowered-reference \
// RUN:   | FileCheck %s --implicit-check-not=spike.
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt --plait-lowered-reference \
// RUN:   --plait-target-cpu | FileCheck %s --check-prefix=LLVM

// CHECK: scf.for
// LLVM: llvm.func @main

func.func @main(%l_w_rec_weight: tensor<4x4xf32>, %l_w_rec_bias: tensor<4xf32>, %fc_weight: tensor<6x4xf32>, %fc_bias: tensor<4xf32>, %l_lif_tau: tensor<4xf32>, %l_lif_r: tensor<f32>, %l_lif_v_leak: tensor<f32>, %l_lif_v_threshold: tensor<f32>, %l_lif_v_reset: tensor<f32>, %read_tau: tensor<f32>, %read_r: tensor<f32>, %read_v_leak: tensor<f32>, %in_in: tensor<?x?x6xf32>) -> (tensor<?x?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %time = tensor.dim %in_in, %c0 : tensor<?x?x6xf32>
  %batch = tensor.dim %in_in, %c1 : tensor<?x?x6xf32>
  %empty = tensor.empty(%batch) : tensor<?x4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x4xf32>) -> tensor<?x4xf32>
  %empty_4 = tensor.empty(%batch) : tensor<?x4xf32>
  %zeros_1 = linalg.fill ins(%zero : f32) outs(%empty_4 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %empty_5 = tensor.empty(%batch) : tensor<2x?x4xf32>
  %zeros_2 = linalg.fill ins(%zero : f32) outs(%empty_5 : tensor<2x?x4xf32>) -> tensor<2x?x4xf32>
  %empty_6 = tensor.empty(%batch) : tensor<?x4xf32>
  %zeros_3 = linalg.fill ins(%zero : f32) outs(%empty_6 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %empty_7 = tensor.empty(%time, %batch) : tensor<?x?x4xf32>
  %end:5 = scf.for %t = %c0 to %time step %c1 iter_args(%l_lif_last = %zeros, %l_lif_v = %zeros_1, %late_line = %zeros_2, %read_v = %zeros_3, %out_out = %empty_7) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x?x4xf32>, tensor<?x4xf32>, tensor<?x?x4xf32>) {
    %in = tensor.extract_slice %in_in[%t, 0, 0] [1, %batch, 6] [1, 1, 1] : tensor<?x?x6xf32> to tensor<?x6xf32>
    %empty_1 = tensor.empty(%batch) : tensor<?x4xf32>
    %spread = linalg.broadcast ins(%l_w_rec_bias : tensor<4xf32>) outs(%empty_1 : tensor<?x4xf32>) dimensions = [0]
    %l_w_rec = linalg.matmul ins(%l_lif_last, %l_w_rec_weight : tensor<?x4xf32>, tensor<4x4xf32>) outs(%spread : tensor<?x4xf32>) -> tensor<?x4xf32>
    %empty_2 = tensor.empty(%batch) : tensor<?x4xf32>
    %spread_1 = linalg.broadcast ins(%fc_bias : tensor<4xf32>) outs(%empty_2 : tensor<?x4xf32>) dimensions = [0]
    %fc = linalg.matmul ins(%in, %fc_weight : tensor<?x6xf32>, tensor<6x4xf32>) outs(%spread_1 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %empty_3 = tensor.empty(%batch) : tensor<?x4xf32>
    %sum = linalg.add ins(%fc, %l_w_rec : tensor<?x4xf32>, tensor<?x4xf32>) outs(%empty_3 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %l_lif, %l_lif_v_next = spike.lif %sum, %l_lif_v tau(%l_lif_tau : tensor<4xf32>) r(%l_lif_r : tensor<f32>) v_leak(%l_lif_v_leak : tensor<f32>) v_threshold(%l_lif_v_threshold : tensor<f32>) v_reset(%l_lif_v_reset : tensor<f32>) dt 0.001 integrator euler compare gt reset value at now : tensor<?x4xf32>
    %late, %late_line_next = spike.delay %l_lif, %late_line : tensor<?x4xf32>, tensor<2x?x4xf32>
    %read_v_next = spike.li %late, %read_v tau(%read_tau : tensor<f32>) r(%read_r : tensor<f32>) v_leak(%read_v_leak : tensor<f32>) dt 0.001 integrator euler : tensor<?x4xf32>
    %out_out_next = tensor.insert_slice %read_v_next into %out_out[%t, 0, 0] [1, %batch, 4] [1, 1, 1] : tensor<?x4xf32> into tensor<?x?x4xf32>
    scf.yield %l_lif, %l_lif_v_next, %late_line_next, %read_v_next, %out_out_next : tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x?x4xf32>, tensor<?x4xf32>, tensor<?x?x4xf32>
  }
  return %end#4 : tensor<?x?x4xf32>
}
