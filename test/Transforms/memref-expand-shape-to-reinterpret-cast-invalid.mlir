// RUN: plait-opt --memref-expand-shape-to-reinterpret-cast --verify-diagnostics %s

func.func @strided(%a: memref<?xf32, strided<[2]>>, %b: index, %s: index) -> memref<?x?xf32, strided<[?, 2]>> {
  // expected-error @below {{expects a source of identity layout to expand several dynamic sizes, got}}
  %0 = memref.expand_shape %a [[0, 1]] output_shape [%b, %s] : memref<?xf32, strided<[2]>> into memref<?x?xf32, strided<[?, 2]>>
  return %0 : memref<?x?xf32, strided<[?, 2]>>
}
