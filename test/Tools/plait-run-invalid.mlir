// RUN: not plait-run %s --entry=none 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not plait-run %s 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: not plait-run %s --input=2xf64=1 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not plait-run %s --input=2xf32=1,2,3 2>&1 | FileCheck %s --check-prefix=NUMBERS
// RUN: not plait-run %s --input=2xf32=1,b 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not plait-run %s --input=nonsense 2>&1 | FileCheck %s --check-prefix=SPEC
// RUN: not plait-run %s --entry=scalar 2>&1 | FileCheck %s --check-prefix=RESULT

// ENTRY: no public function 'none' to call
// COUNT: expects 1 '--input' options, got 0
// TYPE: argument 0 expects 'tensor<2xf32>', got 'tensor<2xf64>'
// NUMBERS: expects 2 numbers for 'tensor<2xf32>', got 3
// NUMBER: expects a number of type 'f32', got 'b'
// SPEC: expects '--input' like 2x3xf32=1,2,3,4,5,6, got 'nonsense'
func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {
  return %a : tensor<2xf32>
}

// RESULT: expects results that are ranked tensors of numbers, got 'f32'
func.func @scalar() -> f32 {
  %c = arith.constant 1.0 : f32
  return %c : f32
}
