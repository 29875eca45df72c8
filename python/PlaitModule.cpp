//===- PlaitModule.cpp - the dialects for Python -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait-c/Dialects.h"

#include "mlir/Bindings/Python/NanobindAdaptors.h"

namespace nb = nanobind;

NB_MODULE(_plait, m) {
  m.doc() = "Plait's dialects, for the `mlir` package";
  m.def(
      "register_dialects",
      [](MlirDialectRegistry registry) {
        mlirDialectHandleInsertDialect(mlirGetDialectHandle__csl__(), registry);
        mlirDialectHandleInsertDialect(mlirGetDialectHandle__mesh__(),
                                       registry);
        mlirDialectHandleInsertDialect(mlirGetDialectHandle__sample__(),
                                       registry);
        mlirDialectHandleInsertDialect(mlirGetDialectHandle__spike__(),
                                       registry);
        mlirDialectHandleInsertDialect(mlirGetDialectHandle__stablehlo__(),
                                       registry);
      },
      nb::arg("registry"),
      "Adds Plait's dialects to an mlir.ir.DialectRegistry.");
}
