// What from_nir makes of test/python/data/recurrent.nir (dt=1e-3, convention "nir"): a recurrent
// population, a delay of two steps and a read-out. test/python/frontends/test_nir.py compares it.
//
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt --plait-lowered-reference \
// RUN:   | FileCheck %s --implicit-check-not=spike.
// RUN: plait-opt %s --plait-import --plait-strand --plait-opt --plait-lowered-reference \
// RUN:   --plait-target-cpu | FileCheck %s --check-prefix=LLVM

// CHECK: scf.for
// LLVM: llvm.func @main

func.func @main(%l_w_rec_weight: tensor<4x4xf32>, %l_w_rec_bias: tensor<4xf32>, %fc_weight: tensor<6x4xf32>, %fc_bias: tensor<4xf32>, %l_lif_decay: tensor<4xf32>, %l_lif_gain: tensor<f32>, %l_lif_threshold: tensor<f32>, %read_decay: tensor<f32>, %in_in: tensor<?x?x6xf32>) -> (tensor<?x?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %time = tensor.dim %in_in, %c0 : tensor<?x?x6xf32>
  %batch = tensor.dim %in_in, %c1 : tensor<?x?x6xf32>
  %empty = tensor.empty(%batch) : tensor<?x4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x4xf32>) -> tensor<?x4xf32>
  %empty_8 = tensor.empty(%batch) : tensor<?x4xf32>
  %zeros_3 = linalg.fill ins(%zero : f32) outs(%empty_8 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %empty_9 = tensor.empty(%batch) : tensor<2x?x4xf32>
  %zeros_4 = linalg.fill ins(%zero : f32) outs(%empty_9 : tensor<2x?x4xf32>) -> tensor<2x?x4xf32>
  %empty_10 = tensor.empty(%batch) : tensor<?x4xf32>
  %zeros_5 = linalg.fill ins(%zero : f32) outs(%empty_10 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %empty_11 = tensor.empty(%time, %batch) : tensor<?x?x4xf32>
  %end:5 = scf.for %t = %c0 to %time step %c1 iter_args(%l_lif_last = %zeros, %l_lif_v = %zeros_3, %late_line = %zeros_4, %read_v = %zeros_5, %out_out = %empty_11) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x?x4xf32>, tensor<?x4xf32>, tensor<?x?x4xf32>) {
    %in = tensor.extract_slice %in_in[%t, 0, 0] [1, %batch, 6] [1, 1, 1] : tensor<?x?x6xf32> to tensor<?x6xf32>
    %empty_1 = tensor.empty(%batch) : tensor<?x4xf32>
    %zeros_1 = linalg.fill ins(%zero : f32) outs(%empty_1 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %l_w_rec = linalg.matmul ins(%l_lif_last, %l_w_rec_weight : tensor<?x4xf32>, tensor<4x4xf32>) outs(%zeros_1 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %empty_2 = tensor.empty(%batch) : tensor<?x4xf32>
    %spread = linalg.broadcast ins(%l_w_rec_bias : tensor<4xf32>) outs(%empty_2 : tensor<?x4xf32>) dimensions = [0]
    %empty_3 = tensor.empty(%batch) : tensor<?x4xf32>
    %l_w_rec_biased = linalg.add ins(%l_w_rec, %spread : tensor<?x4xf32>, tensor<?x4xf32>) outs(%empty_3 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %empty_4 = tensor.empty(%batch) : tensor<?x4xf32>
    %zeros_2 = linalg.fill ins(%zero : f32) outs(%empty_4 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %fc = linalg.matmul ins(%in, %fc_weight : tensor<?x6xf32>, tensor<6x4xf32>) outs(%zeros_2 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %empty_5 = tensor.empty(%batch) : tensor<?x4xf32>
    %spread_1 = linalg.broadcast ins(%fc_bias : tensor<4xf32>) outs(%empty_5 : tensor<?x4xf32>) dimensions = [0]
    %empty_6 = tensor.empty(%batch) : tensor<?x4xf32>
    %fc_biased = linalg.add ins(%fc, %spread_1 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%empty_6 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %empty_7 = tensor.empty(%batch) : tensor<?x4xf32>
    %sum = linalg.add ins(%fc_biased, %l_w_rec_biased : tensor<?x4xf32>, tensor<?x4xf32>) outs(%empty_7 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %l_lif, %l_lif_v_next = spike.neuron %sum, %l_lif_v integrator euler decay(%l_lif_decay : tensor<4xf32>) gain(%l_lif_gain : tensor<f32>) threshold(%l_lif_threshold : tensor<f32>) compare gt reset value at now : tensor<?x4xf32>
    %late, %late_line_next = spike.delay %l_lif, %late_line : tensor<?x4xf32>, tensor<2x?x4xf32>
    %read, %read_v_next = spike.neuron %late, %read_v integrator euler decay(%read_decay : tensor<f32>) : tensor<?x4xf32>
    %out_out_next = tensor.insert_slice %read into %out_out[%t, 0, 0] [1, %batch, 4] [1, 1, 1] : tensor<?x4xf32> into tensor<?x?x4xf32>
    scf.yield %l_lif, %l_lif_v_next, %late_line_next, %read_v_next, %out_out_next : tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x?x4xf32>, tensor<?x4xf32>, tensor<?x?x4xf32>
  }
  return %end#4 : tensor<?x?x4xf32>
}
