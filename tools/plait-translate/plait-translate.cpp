//===- plait-translate.cpp - lowered modules to code -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/InitAll.h"
#include "plait/Tools/Serve.h"

#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  plait::registerAllPasses();
  plait::registerAllTranslations();
  return plait::serveMain(argc, argv, [](int argc, char **argv) -> int {
    return mlir::failed(
        mlir::mlirTranslateMain(argc, argv, "Plait translation driver\n"));
  });
}
