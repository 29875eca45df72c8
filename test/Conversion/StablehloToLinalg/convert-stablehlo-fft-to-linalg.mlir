// RUN: plait-opt --convert-stablehlo-fft-to-linalg --split-input-file %s | FileCheck %s

// 32 = 16 * 2: two products, one multiplication by twiddle factors between
// them, and the digits in reverse order.
// CHECK-LABEL: func @two_stages
func.func @two_stages(%x: tensor<4x32xcomplex<f32>>) -> tensor<4x32xcomplex<f32>> {
  // CHECK: complex.re
  // CHECK: linalg.generic {{.*}}["parallel", "parallel", "parallel", "reduction"]{{.*}} ins(%{{.*}} : tensor<32x32xf32>, tensor<4x32x2xf32>)
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x16x2x2xf32>, tensor<4x16x2x2xf32>, tensor<16x2x2xf32>, tensor<16x2x2xf32>)
  // CHECK: linalg.generic {{.*}}["parallel", "parallel", "reduction"]{{.*}} ins(%{{.*}} : tensor<4x4xf32>, tensor<64x4xf32>)
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x16x2x2xf32>) outs(%{{.*}} : tensor<4x2x2x16xf32>)
  // CHECK: complex.create
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 32>}> : (tensor<4x32xcomplex<f32>>) -> tensor<4x32xcomplex<f32>>
  return %0 : tensor<4x32xcomplex<f32>>
}

// -----

// A real signal has one plane.
// CHECK-LABEL: func @real
func.func @real(%x: tensor<5xf64>) -> tensor<3xcomplex<f64>> {
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<10x5xf64>, tensor<1x5xf64>)
  // CHECK: tensor.extract_slice {{.*}} tensor<1x2x5xf64> to tensor<1x2x3xf64>
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 5>}> : (tensor<5xf64>) -> tensor<3xcomplex<f64>>
  return %0 : tensor<3xcomplex<f64>>
}

// -----

// 67 is a prime over 61: a convolution of length 256.
// CHECK-LABEL: func @chirp
func.func @chirp(%x: tensor<67xcomplex<f32>>) -> tensor<67xcomplex<f32>> {
  // CHECK: tensor.pad
  // CHECK: tensor<1x2x67xf32> to tensor<1x2x256xf32>
  // CHECK: tensor.extract_slice {{.*}} tensor<1x2x256xf32> to tensor<1x2x67xf32>
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type IFFT>, fft_length = array<i64: 67>}> : (tensor<67xcomplex<f32>>) -> tensor<67xcomplex<f32>>
  return %0 : tensor<67xcomplex<f32>>
}

// -----

// Two dimensions, one after the other.
// CHECK-LABEL: func @plane
func.func @plane(%x: tensor<3x4xcomplex<f32>>) -> tensor<3x6xf32> {
  // CHECK: linalg.transpose
  // CHECK: linalg.transpose
  // CHECK: tensor.concat dim(2)
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type IRFFT>, fft_length = array<i64: 3, 6>}> : (tensor<3x4xcomplex<f32>>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}
