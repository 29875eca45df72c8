//===- Code.cpp - modules to native object code in one process -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels do not call each other: what the entries call can be compiled in
// parts, beside each other. LLVM takes most of the time of a compilation.
//
//===----------------------------------------------------------------------===//

#include "plait/InitAll.h"
#include "plait/Target/Object.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/JSON.h"

#include <chrono>

using namespace mlir;

static llvm::cl::OptionCategory category("Plait code");
static llvm::cl::opt<std::string>
    importPasses("import", llvm::cl::desc("passes before signatures are read"),
                 llvm::cl::cat(category));
static llvm::cl::opt<std::string>
    passes("passes", llvm::cl::desc("passes after that, to the LLVM dialect"),
           llvm::cl::cat(category));

/// Ops that make a part worth its own passes and code generator.
constexpr int64_t opsPerPart = 700;
constexpr int64_t maxParts = 8;

constexpr StringLiteral wrapper = "_mlir_ciface_";

/// `--mlir-to-object` verifies what it reads; so does what comes after this.
static LogicalResult runPasses(Operation *op, StringRef pipeline) {
  PassManager manager(op->getName());
  manager.enableVerifier(false);
  if (failed(parsePassPipeline(pipeline, manager)))
    return failure();
  return manager.run(op);
}

/// Moves functions of `module` to modules of their own, and returns those. What
/// refers to each other stays together, and so does what is an entry. A function
/// that entries call may be elsewhere.
static SmallVector<OwningOpRef<ModuleOp>> splitOff(ModuleOp module) {
  SymbolTable symbols(module);
  auto isDeclaration = [](Operation *op) {
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    return function && function.isExternal();
  };
  // The module stands for its entries.
  llvm::EquivalenceClasses<Operation *> groups;
  groups.insert(module);
  DenseMap<Operation *, int64_t> sizes;
  SetVector<Operation *> called;
  int64_t total = 0;
  for (Operation &op : *module.getBody()) {
    if (isDeclaration(&op))
      continue;
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    bool isEntry =
        function && (function.getName().starts_with(wrapper) ||
                     symbols.lookup((wrapper + function.getName()).str()));
    groups.insert(&op);
    if (isEntry || !isa<SymbolOpInterface>(op))
      groups.unionSets(module, &op);
    int64_t &size = sizes[&op];
    op.walk([&](Operation *) { ++size; });
    total += size;
    auto uses = SymbolTable::getSymbolUses(&op);
    if (!uses)
      return {};
    for (SymbolTable::SymbolUse use : *uses) {
      Operation *used = symbols.lookup(use.getSymbolRef().getLeafReference());
      if (!used || isDeclaration(used))
        continue;
      if (isEntry && isa<LLVM::LLVMFuncOp>(used))
        called.insert(used);
      else
        groups.unionSets(&op, used);
    }
  }

  struct Group {
    int64_t size = 0;
    SmallVector<Operation *> members;
  };
  llvm::MapVector<Operation *, Group> bySize;
  for (Operation &op : *module.getBody()) {
    if (isDeclaration(&op))
      continue;
    Group &group = bySize[groups.getLeaderValue(&op)];
    group.size += sizes[&op];
    group.members.push_back(&op);
  }
  int64_t groupCount = bySize.size();
  int64_t count = std::min({total / opsPerPart, maxParts, groupCount});
  if (count < 2)
    return {};
  SmallVector<int64_t> loads(count, 0);
  loads[0] = bySize[groups.getLeaderValue(module)].size;
  bySize.erase(groups.getLeaderValue(module));
  auto sorted = bySize.takeVector();
  llvm::stable_sort(
      sorted, [](auto &a, auto &b) { return a.second.size > b.second.size; });
  SmallVector<OwningOpRef<ModuleOp>> parts(count - 1);
  for (OwningOpRef<ModuleOp> &part : parts) {
    part = module.cloneWithoutRegions();
    part->getBodyRegion().emplaceBlock();
    for (Operation &op : *module.getBody())
      if (isDeclaration(&op))
        part->push_back(op.clone());
  }
  // The largest first, to where the least is.
  for (auto &[leader, group] : sorted) {
    int64_t at = llvm::min_element(loads) - loads.begin();
    loads[at] += group.size;
    if (at == 0)
      continue;
    for (Operation *op : group.members) {
      if (called.contains(op)) {
        cast<LLVM::LLVMFuncOp>(op).setVisibility_(LLVM::Visibility::Hidden);
        module.push_back(op->cloneWithoutRegions());
      }
      op->remove();
      parts[at - 1]->push_back(op);
    }
  }
  return parts;
}

/// What `--mlir-to-code` prints after its first line.
static FailureOr<SmallVector<std::string>> writeObjects(ModuleOp module) {
  SmallVector<OwningOpRef<ModuleOp>> parts = splitOff(module);
  SmallVector<std::string> objects(parts.size() + 1);
  if (failed(failableParallelForEachN(
          module.getContext(), 0, objects.size(), [&](size_t index) {
            llvm::raw_string_ostream object(objects[index]);
            Operation *part = index ? *parts[index - 1] : module;
            return plait::writeObject(part, /*entries=*/index == 0, object);
          })))
    return failure();
  return objects;
}

static LogicalResult translateToCode(Operation *op, raw_ostream &os) {
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  FailureOr<SmallVector<std::string>> objects = failure();
  std::string line;
  llvm::raw_string_ostream stream(line);
  llvm::json::OStream json(stream);
  json.object([&] {
    if (failed(runPasses(op, importPasses)) ||
        failed(plait::writeSignatures(json, op)) ||
        failed(runPasses(op, passes)) || failed(verify(op)))
      return;
    std::chrono::duration<double> seconds = Clock::now() - start;
    json.attribute("seconds", seconds.count());
    objects = writeObjects(cast<ModuleOp>(op));
    if (succeeded(objects))
      json.attributeArray("objects", [&] {
        for (const std::string &object : *objects)
          json.value(object.size());
      });
  });
  if (failed(objects))
    return failure();
  os << line << '\n';
  for (const std::string &object : *objects)
    os << object;
  return success();
}

void plait::registerToCodeTranslation() {
  TranslateFromMLIRRegistration registration(
      "mlir-to-code",
      "run passes and translate what they leave to native object files",
      translateToCode,
      [](DialectRegistry &registry) { plait::registerAllDialects(registry); });
}
