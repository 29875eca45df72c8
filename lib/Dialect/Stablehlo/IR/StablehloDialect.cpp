//===- StablehloDialect.cpp - registration of the stablehlo dialect
//-------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait::stablehlo;

#include "plait/Dialect/Stablehlo/IR/StablehloDialect.cpp.inc"
#include "plait/Dialect/Stablehlo/IR/StablehloEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "plait/Dialect/Stablehlo/IR/StablehloAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "plait/Dialect/Stablehlo/IR/StablehloTypes.cpp.inc"

//===----------------------------------------------------------------------===//
// ScatterDimensionNumbersAttr
//===----------------------------------------------------------------------===//

Attribute ScatterDimensionNumbersAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> updateWindow, insertedWindow, inputBatching,
      indicesBatching, scatterToOperand;
  int64_t indexVectorDim = 0;
  auto parseList = [&](SmallVector<int64_t> &list) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
      return parser.parseInteger(list.emplace_back());
    });
  };
  auto parseField = [&]() -> ParseResult {
    StringRef name;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&name) || parser.parseEqual())
      return failure();
    if (name == "index_vector_dim")
      return parser.parseInteger(indexVectorDim);
    SmallVector<int64_t> *list =
        llvm::StringSwitch<SmallVector<int64_t> *>(name)
            .Case("update_window_dims", &updateWindow)
            .Case("inserted_window_dims", &insertedWindow)
            .Case("input_batching_dims", &inputBatching)
            .Case("scatter_indices_batching_dims", &indicesBatching)
            .Case("scatter_dims_to_operand_dims", &scatterToOperand)
            .Default(nullptr);
    if (!list)
      return parser.emitError(loc)
             << "expects a field of 'scatter', got '" << name << "'";
    return parseList(*list);
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseField))
    return {};
  return get(parser.getContext(), updateWindow, insertedWindow, inputBatching,
             indicesBatching, scatterToOperand, indexVectorDim);
}

void ScatterDimensionNumbersAttr::print(AsmPrinter &printer) const {
  StringRef separator = "";
  auto printList = [&](StringRef name, ArrayRef<int64_t> list) {
    if (list.empty())
      return;
    printer << separator << name << " = [";
    llvm::interleaveComma(list, printer);
    printer << "]";
    separator = ", ";
  };
  printer << "<";
  printList("update_window_dims", getUpdateWindowDims());
  printList("inserted_window_dims", getInsertedWindowDims());
  printList("input_batching_dims", getInputBatchingDims());
  printList("scatter_indices_batching_dims", getScatterIndicesBatchingDims());
  printList("scatter_dims_to_operand_dims", getScatterDimsToOperandDims());
  if (getIndexVectorDim() != 0)
    printer << separator << "index_vector_dim = " << getIndexVectorDim();
  printer << ">";
}

void StablehloDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "plait/Dialect/Stablehlo/IR/StablehloAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "plait/Dialect/Stablehlo/IR/StablehloOps.cpp.inc"
      >();
}
