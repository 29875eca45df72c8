// RUN: plait-run %s --input=2x3xf32=[[1,2,3],[4,5,6]] --input=2x3xf32=0.5 | FileCheck %s --check-prefix=ADD
// RUN: plait-run %s --entry=two --input=3xi32=1,-2,3 --input=i32=10 | FileCheck %s --check-prefix=TWO
// RUN: plait-run %s --entry=mask --input=4xf64=1,-1,0.25,nan | FileCheck %s --check-prefix=MASK
// RUN: plait-run %s --entry=half --input=2xf16=1.5,65504 --input=2xbf16=1,3 | FileCheck %s --check-prefix=HALF

// ADD: {{^}}2x3xf32=[{{\[}}1.5,2.5,3.5],[4.5,5.5,6.5]]{{$}}
func.func @main(%a: tensor<?x3xf32>, %b: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %c = linalg.add ins(%a, %b : tensor<?x3xf32>, tensor<?x3xf32>) outs(%a : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %c : tensor<?x3xf32>
}

// TWO: {{^}}3xi32=[1,-2,3]{{$}}
// TWO-NEXT: {{^}}i32=10{{$}}
func.func @two(%a: tensor<3xi32>, %b: tensor<i32>) -> (tensor<3xi32>, tensor<i32>) {
  return %a, %b : tensor<3xi32>, tensor<i32>
}

// MASK: {{^}}4xi1=[1,0,1,0]{{$}}
func.func @mask(%a: tensor<4xf64>) -> tensor<4xi1> {
  %e = tensor.empty() : tensor<4xi1>
  %z = arith.constant 0.0 : f64
  %0 = linalg.generic {
    indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
    iterator_types = ["parallel"]
  } ins(%a : tensor<4xf64>) outs(%e : tensor<4xi1>) {
  ^bb0(%x: f64, %o: i1):
    %p = arith.cmpf ogt, %x, %z : f64
    linalg.yield %p : i1
  } -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// HALF: {{^}}2xf16=[1.5,65504]{{$}}
// HALF-NEXT: {{^}}2xbf16=[1,3]{{$}}
func.func @half(%a: tensor<2xf16>, %b: tensor<2xbf16>) -> (tensor<2xf16>, tensor<2xbf16>) {
  return %a, %b : tensor<2xf16>, tensor<2xbf16>
}
