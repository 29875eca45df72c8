// RUN: plait-opt --linalg-conv-to-img2col %s | FileCheck %s

// CHECK-LABEL: func @strided
// CHECK-NOT: linalg.conv_2d
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
func.func @strided(%x: tensor<2x3x9x9xf32>, %w: tensor<8x3x3x3xf32>, %init: tensor<2x8x4x4xf32>) -> tensor<2x8x4x4xf32> {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<2x3x9x9xf32>, tensor<8x3x3x3xf32>) outs(%init : tensor<2x8x4x4xf32>) -> tensor<2x8x4x4xf32>
  return %0 : tensor<2x8x4x4xf32>
}

// CHECK-LABEL: func @dilated
func.func @dilated(%x: tensor<1x1x9x9xf32>, %w: tensor<1x1x3x3xf32>, %init: tensor<1x1x5x5xf32>) -> tensor<1x1x5x5xf32> {
  // CHECK: linalg.conv_2d_nchw_fchw
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<2> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x1x9x9xf32>, tensor<1x1x3x3xf32>) outs(%init : tensor<1x1x5x5xf32>) -> tensor<1x1x5x5xf32>
  return %0 : tensor<1x1x5x5xf32>
}

// CHECK-LABEL: func @batched_depthwise
func.func @batched_depthwise(%x: tensor<2x7x9x3xf32>, %w: tensor<2x2x3xf32>, %init: tensor<2x6x8x3xf32>) -> tensor<2x6x8x3xf32> {
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<2x7x9x3xf32>, tensor<2x2x3xf32>)
  %0 = linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<2x7x9x3xf32>, tensor<2x2x3xf32>) outs(%init : tensor<2x6x8x3xf32>) -> tensor<2x6x8x3xf32>
  return %0 : tensor<2x6x8x3xf32>
}
