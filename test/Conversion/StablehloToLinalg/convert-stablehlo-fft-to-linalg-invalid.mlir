// RUN: plait-opt %s --convert-stablehlo-fft-to-linalg --verify-diagnostics

func.func @f(%x: tensor<?x8xcomplex<f32>>) -> tensor<?x8xcomplex<f32>> {
  // expected-error @below {{expects a static shape, got 'tensor<?x8xcomplex<f32>>'}}
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 8>}> : (tensor<?x8xcomplex<f32>>) -> tensor<?x8xcomplex<f32>>
  return %0 : tensor<?x8xcomplex<f32>>
}
