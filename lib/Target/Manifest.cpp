//===- Manifest.cpp - what a caller must know of a module -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/InitAll.h"
#include "plait/Target/Object.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/JSON.h"

using namespace mlir;

static LogicalResult writeTensors(llvm::json::OStream &json, StringRef key,
                                  func::FuncOp function, TypeRange types) {
  LogicalResult result = success();
  json.attributeArray(key, [&] {
    for (Type type : types) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor) {
        result = function.emitError("expects ranked tensors at the boundary of "
                                    "a public function, got ")
                 << type;
        return;
      }
      json.object([&] {
        std::string element;
        llvm::raw_string_ostream(element) << tensor.getElementType();
        json.attribute("type", element);
        json.attributeArray("shape", [&] {
          for (int64_t size : tensor.getShape())
            if (ShapedType::isDynamic(size))
              json.value(nullptr);
            else
              json.value(size);
        });
      });
    }
  });
  return result;
}

LogicalResult plait::writeSignatures(llvm::json::OStream &json, Operation *op) {
  LogicalResult result = success();
  json.attributeObject("functions", [&] {
    for (auto function : op->getRegion(0).getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isDeclaration())
        continue;
      json.attributeObject(function.getName(), [&] {
        if (failed(writeTensors(json, "inputs", function,
                                function.getArgumentTypes())) ||
            failed(writeTensors(json, "outputs", function,
                                function.getResultTypes())))
          result = failure();
      });
    }
  });
  return result;
}

void plait::registerToManifestTranslation() {
  TranslateFromMLIRRegistration registration(
      "mlir-to-manifest",
      "print the signatures of the public functions as JSON",
      [](Operation *op, raw_ostream &os) {
        llvm::json::OStream json(os);
        LogicalResult result = success();
        json.object([&] { result = writeSignatures(json, op); });
        return result;
      },
      [](DialectRegistry &registry) { plait::registerAllDialects(registry); });
}
