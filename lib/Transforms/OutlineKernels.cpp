//===- OutlineKernels.cpp - equal ops, one function -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/StringMap.h"

namespace plait {
#define GEN_PASS_DEF_LINALGOUTLINEKERNELS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// `value` with a dynamic offset instead of a static one.
Value forgetOffset(OpBuilder &builder, Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  auto layout = type ? dyn_cast<StridedLayoutAttr>(type.getLayout()) : nullptr;
  if (!layout || ShapedType::isDynamic(layout.getOffset()))
    return value;
  auto dynamic = StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic,
                                        layout.getStrides());
  return memref::CastOp::create(builder, value.getLoc(),
                                MemRefType::get(type.getShape(),
                                                type.getElementType(), dynamic,
                                                type.getMemorySpace()),
                                value);
}

/// Whether these buffers surely lie in different memory: each was allocated
/// anew or is an argument of the function.
bool areDistinct(ValueRange values) {
  DenseSet<Value> roots;
  for (Value value : values) {
    if (!isa<BaseMemRefType>(value.getType()))
      continue;
    while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
      value = view.getViewSource();
    auto argument = dyn_cast<BlockArgument>(value);
    bool isKnown =
        argument
            ? isa<func::FuncOp>(argument.getOwner()->getParentOp())
            : isa<memref::AllocOp, memref::GetGlobalOp>(value.getDefiningOp());
    if (!isKnown || !roots.insert(value).second)
      return false;
  }
  return true;
}

struct LinalgOutlineKernels
    : plait::impl::LinalgOutlineKernelsBase<LinalgOutlineKernels> {
  using Base::Base;

  /// The function that does what `op` does, from the values that `op` reads.
  func::FuncOp makeKernel(Operation *op, ValueRange arguments,
                          ArrayRef<Operation *> constants,
                          ArrayRef<Value> sources) {
    OpBuilder builder(&getContext());
    auto kernel =
        func::FuncOp::create(op->getLoc(), "kernel",
                             builder.getFunctionType(arguments.getTypes(), {}));
    kernel.setPrivate();
    kernel->setAttr("passthrough",
                    builder.getArrayAttr(builder.getStringAttr("noinline")));
    if (areDistinct(sources))
      kernel->setAttr("plait.distinct", builder.getUnitAttr());
    Block *body = kernel.addEntryBlock();
    builder.setInsertionPointToStart(body);
    IRMapping mapping;
    for (Operation *constant : constants)
      builder.clone(*constant, mapping);
    mapping.map(sources, body->getArguments());
    builder.clone(*op, mapping);
    func::ReturnOp::create(builder, op->getLoc());
    return kernel;
  }

  void outline(Operation *op) {
    SetVector<Value> used;
    used.insert(op->getOperands().begin(), op->getOperands().end());
    getUsedValuesDefinedAbove(op->getRegions(), used);
    SmallVector<Operation *> constants;
    SmallVector<Value> sources, arguments;
    OpBuilder builder(op);
    for (Value value : used) {
      Operation *definition = value.getDefiningOp();
      if (definition && matchPattern(value, m_Constant())) {
        constants.push_back(definition);
        continue;
      }
      sources.push_back(value);
      arguments.push_back(forgetOffset(builder, value));
    }
    func::FuncOp kernel = makeKernel(op, arguments, constants, sources);

    // Where an op comes from is no difference, also where locations are printed.
    std::string text;
    llvm::raw_string_ostream stream(text);
    kernel.print(stream,
                 OpPrintingFlags().useLocalScope().enableDebugInfo(false));
    func::FuncOp &known = kernels[text];
    if (known) {
      kernel.erase();
    } else {
      known = kernel;
      symbols->insert(kernel);
      ++numKernels;
    }
    ++numCalls;
    func::CallOp::create(builder, op->getLoc(), known, arguments);
    op->erase();
  }

  void runOnOperation() override {
    SymbolTable table(getOperation());
    symbols = &table;
    kernels.clear();
    SmallVector<Operation *> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      if (!isa<scf::ForallOp>(op) &&
          !(linalgOp && linalgOp.hasPureBufferSemantics()))
        return WalkResult::advance();
      ops.push_back(op);
      return WalkResult::skip();
    });
    for (Operation *op : ops)
      outline(op);
  }

  SymbolTable *symbols = nullptr;
  llvm::StringMap<func::FuncOp> kernels;
};

} // namespace
