//===- Object.cpp - LLVM dialect to native object code -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/Object.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/Transforms/Instrumentation/AddressSanitizer.h"

using namespace mlir;

static llvm::cl::OptionCategory category("Plait object code");
static llvm::cl::opt<std::string>
    targetTriple("mtriple",
                 llvm::cl::desc("target triple (default: this machine)"),
                 llvm::cl::cat(category));
static llvm::cl::opt<std::string>
    targetCpu("mcpu", llvm::cl::desc("target CPU (default: this machine)"),
              llvm::cl::cat(category));
static llvm::cl::opt<std::string> targetFeatures(
    "mattr",
    llvm::cl::desc("target features, e.g. +avx2,-fma (default: the CPU's)"),
    llvm::cl::cat(category));

static llvm::cl::opt<bool> sanitizeAddress(
    "sanitize-address",
    llvm::cl::desc("check every access to memory; link with libasan"),
    llvm::cl::cat(category));

/// The features of this machine, for `--mcpu` left out.
static std::string hostFeatures() {
  llvm::SubtargetFeatures features;
  for (auto &[name, on] : llvm::sys::getHostCPUFeatures())
    features.AddFeature(name, on);
  return features.getString();
}

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(Location loc) {
  // Once, also where several threads come here.
  static bool initialized = [] {
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple(targetTriple.empty() ? llvm::sys::getProcessTriple()
                                           : targetTriple.getValue());
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return emitError(loc) << "no code generator for '" << triple.str()
                          << "': " << error;
  bool native = targetCpu.empty() && targetTriple.empty();
  std::string cpu = native ? llvm::sys::getHostCPUName().str() : targetCpu;
  std::string features = native && targetFeatures.empty()
                             ? hostFeatures()
                             : targetFeatures.getValue();
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine->getMCSubtargetInfo()->isCPUStringValid(cpu))
    return emitError(loc) << "unknown CPU '" << cpu << "' for " << triple.str();
  return machine;
}

/// Makes a failed `cf.assert`, which prints and aborts, leave the entry with
/// its message instead: the code runs in the user's process. A task of a
/// parallel loop has a guard of its own, because it may be on another thread;
/// its message comes back through the runtime, and `plait_raise` fails with it
/// where the loop was called.
struct AssertHandler {
  llvm::Module &module;
  bool canFail = false;

  explicit AssertHandler(llvm::Module &module) : module(module) {
    llvm::Function *abort = module.getFunction("abort");
    canFail = abort || module.getFunction("plait_raise");
    if (!abort)
      return;
    abort->setName("plait_fail");
    if (llvm::Function *puts = module.getFunction("puts"))
      puts->setName("plait_set_message");
    for (llvm::Function &function : llvm::make_early_inc_range(module))
      if (function.hasFnAttribute("plait-task") && !function.isDeclaration())
        guardTask(function);
  }

  /// Calls `function` and returns null, or the message of a failure in it.
  void callGuarded(llvm::IRBuilder<> &b, llvm::Function &function,
                   ArrayRef<llvm::Value *> arguments) {
    llvm::PointerType *ptr = b.getPtrTy();
    llvm::Value *null = llvm::ConstantPointerNull::get(ptr);
    if (!canFail) {
      b.CreateCall(&function, arguments);
      b.CreateRet(null);
      return;
    }
    llvm::Function *caller = b.GetInsertBlock()->getParent();
    llvm::FunctionCallee setGuard =
        module.getOrInsertFunction("plait_set_guard", ptr, ptr);
    llvm::FunctionCallee getMessage =
        module.getOrInsertFunction("plait_get_message", ptr);
    llvm::FunctionCallee setjmp =
        module.getOrInsertFunction("_setjmp", b.getInt32Ty(), ptr);
    cast<llvm::Function>(setjmp.getCallee())
        ->addFnAttr(llvm::Attribute::ReturnsTwice);
    // Larger than any libc's jmp_buf.
    auto *buffer = b.CreateAlloca(llvm::ArrayType::get(b.getInt64Ty(), 64));
    buffer->setAlignment(llvm::Align(16));
    llvm::Value *outer = b.CreateCall(setGuard, {buffer});
    auto *jumped = b.CreateCall(setjmp, {buffer});
    jumped->addFnAttr(llvm::Attribute::ReturnsTwice);
    auto *failed = llvm::BasicBlock::Create(b.getContext(), "failed", caller);
    auto *run = llvm::BasicBlock::Create(b.getContext(), "run", caller);
    b.CreateCondBr(b.CreateIsNull(jumped), run, failed);
    b.SetInsertPoint(failed);
    b.CreateCall(setGuard, {outer});
    b.CreateRet(b.CreateCall(getMessage));
    b.SetInsertPoint(run);
    // Kept out of the frame that setjmp returns to twice.
    b.CreateCall(&function, arguments)->setIsNoInline();
    b.CreateCall(setGuard, {outer});
    b.CreateRet(null);
  }

  /// Puts a guard in the place of `task`, also for other parts of the module.
  void guardTask(llvm::Function &task) {
    auto *guard = llvm::Function::Create(task.getFunctionType(),
                                         task.getLinkage(), "", module);
    guard->setVisibility(task.getVisibility());
    guard->takeName(&task);
    task.replaceAllUsesWith(guard);
    task.setVisibility(llvm::GlobalValue::DefaultVisibility);
    task.setLinkage(llvm::GlobalValue::InternalLinkage);
    task.setName(guard->getName() + ".guarded");
    llvm::IRBuilder<> builder(
        llvm::BasicBlock::Create(module.getContext(), "", guard));
    SmallVector<llvm::Value *> arguments(
        llvm::make_pointer_range(guard->args()));
    callGuarded(builder, task, arguments);
  }
};

static void writeJson(llvm::json::OStream &json, Attribute attribute) {
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return json.value(integer.getInt());
  if (auto array = dyn_cast<ArrayAttr>(attribute))
    return json.array([&] {
      for (Attribute element : array)
        writeJson(json, element);
    });
  if (auto string = dyn_cast<StringAttr>(attribute))
    return json.value(string.getValue());
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  json.value(text);
}

/// Buffers come from the runtime, which frees results too. LLVM still knows
/// what an allocation is.
static LogicalResult useRuntimeMemory(llvm::Module &module, Location loc) {
  if (module.getFunction("malloc"))
    return emitError(loc) << "expects buffers of 'aligned_alloc', which the "
                             "runtime replaces, got 'malloc'";
  llvm::LLVMContext &context = module.getContext();
  auto family = llvm::Attribute::get(context, "alloc-family", "plait");
  using Kind = llvm::AllocFnKind;
  auto mark = [&](llvm::Function &function, StringRef name, Kind kind) {
    function.setName(name);
    function.addFnAttr(family);
    function.addFnAttr(llvm::Attribute::get(context, llvm::Attribute::AllocKind,
                                            static_cast<uint64_t>(kind)));
  };
  if (llvm::Function *alloc = module.getFunction("aligned_alloc")) {
    mark(*alloc, "plait_aligned_alloc",
         Kind::Alloc | Kind::Uninitialized | Kind::Aligned);
    alloc->addFnAttr(
        llvm::Attribute::getWithAllocSizeArgs(context, 1, std::nullopt));
    alloc->addParamAttr(0, llvm::Attribute::AllocAlign);
    alloc->addRetAttr(llvm::Attribute::NoAlias);
    alloc->addRetAttr(
        llvm::Attribute::getWithAlignment(context, llvm::Align(64)));
  }
  if (llvm::Function *free = module.getFunction("free")) {
    mark(*free, "plait_free", Kind::Free);
    free->addParamAttr(0, llvm::Attribute::AllocatedPointer);
  }
  return success();
}

LogicalResult plait::addPackedEntries(llvm::Module &module, Location loc) {
  llvm::IRBuilder<> builder(module.getContext());
  SmallVector<llvm::Function *> wrappers;
  for (llvm::Function &function : module) {
    // What is internal already is no entry.
    StringRef name = function.getName();
    if (function.isDeclaration() || !name.consume_front("_mlir_ciface_"))
      continue;
    llvm::Function *wrapped = module.getFunction(name);
    if (!wrapped || !wrapped->hasInternalLinkage())
      wrappers.push_back(&function);
  }
  // What another part of a split module calls stays a symbol.
  for (llvm::Function &function : module)
    if (!function.isDeclaration() && !function.hasHiddenVisibility())
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
  if (failed(useRuntimeMemory(module, loc)))
    return failure();
  AssertHandler asserts(module);
  for (llvm::Function *wrapper : wrappers) {
    if (!wrapper->getReturnType()->isVoidTy())
      return emitError(loc) << "entry '" << wrapper->getName()
                            << "' returns a scalar; return a tensor";
    StringRef name = wrapper->getName().drop_front(strlen("_mlir_ciface_"));
    auto *type =
        llvm::FunctionType::get(builder.getPtrTy(), builder.getPtrTy(), false);
    auto *entry = llvm::Function::Create(
        type, llvm::GlobalValue::ExternalLinkage, "plait_" + name, module);
    builder.SetInsertPoint(
        llvm::BasicBlock::Create(module.getContext(), "", entry));
    SmallVector<llvm::Value *> arguments;
    for (llvm::Argument &argument : wrapper->args()) {
      llvm::Value *slot = builder.CreateConstGEP1_64(
          builder.getPtrTy(), entry->getArg(0), argument.getArgNo());
      llvm::Value *value = builder.CreateLoad(builder.getPtrTy(), slot);
      // Scalars are passed by address, like everything else.
      if (!argument.getType()->isPointerTy())
        value = builder.CreateLoad(argument.getType(), value);
      arguments.push_back(value);
    }
    asserts.callGuarded(builder, *wrapper, arguments);
  }
  return success();
}

/// Adds `const char *plait_weights(void **)`, which returns what the leading
/// arguments of `@main` are as JSON, or null where they are the weights as
/// given; see linalg-pack-weights.
static void addWeights(llvm::Module &module, Operation *op) {
  llvm::IRBuilder<> b(module.getContext());
  auto *function = llvm::Function::Create(
      llvm::FunctionType::get(b.getPtrTy(), b.getPtrTy(), false),
      llvm::GlobalValue::ExternalLinkage, "plait_weights", module);
  b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", function));
  auto plan = op->getAttrOfType<ArrayAttr>("plait.weights");
  if (!plan) {
    b.CreateRet(llvm::ConstantPointerNull::get(b.getPtrTy()));
    return;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.array([&] {
    for (auto item : plan.getAsRange<DictionaryAttr>())
      json.object([&] {
        for (NamedAttribute member : item) {
          json.attributeBegin(member.getName());
          writeJson(json, member.getValue());
          json.attributeEnd();
        }
      });
  });
  b.CreateRet(b.CreateGlobalString(text));
}

/// What brings the kernels, which are vector code already, to their final form,
/// and vectorizes loops over scalars that are left. LLVM's default pipelines
/// take three times as long and unroll what is unrolled as it should be.
static constexpr StringLiteral passPipeline =
    "inferattrs,cgscc(inline),globaldce,function("
    "sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,"
    "loop-mssa(loop-rotate,licm),loop(loop-idiom,indvars,loop-deletion),gvn,"
    "loop-mssa(licm),loop-vectorize,instcombine<no-verify-fixpoint>,simplifycfg"
    ")";

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager lam;
  llvm::FunctionAnalysisManager fam;
  llvm::CGSCCAnalysisManager cgam;
  llvm::ModuleAnalysisManager mam;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  llvm::ModulePassManager passes;
  llvm::cantFail(builder.parsePassPipeline(passes, passPipeline));
  if (sanitizeAddress) {
    for (llvm::Function &function : module)
      if (!function.isDeclaration())
        function.addFnAttr(llvm::Attribute::SanitizeAddress);
    passes.addPass(llvm::AddressSanitizerPass({}));
  }
  passes.run(module, mam);
}

LogicalResult plait::writeObject(Operation *op, bool entries, raw_ostream &os) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(op, context);
  if (!module)
    return failure();
  auto machine = createTargetMachine(op->getLoc());
  if (failed(machine))
    return failure();
  module->setTargetTriple((*machine)->getTargetTriple());
  module->setDataLayout((*machine)->createDataLayout());
  if (failed(plait::addPackedEntries(*module, op->getLoc())))
    return failure();
  if (entries)
    addWeights(*module, op);
  for (llvm::Function &function : *module) {
    function.addFnAttr("target-cpu", (*machine)->getTargetCPU());
    function.addFnAttr("target-features", (*machine)->getTargetFeatureString());
    // LLVM shies away from zmm registers unless it is told.
    function.addFnAttr("prefer-vector-width", "512");
  }
  optimize(*module, **machine);

  SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      llvm::CodeGenFileType::ObjectFile))
    return op->emitError("the target cannot emit object files");
  passes.run(*module);
  os.write(buffer.data(), buffer.size());
  return success();
}

void plait::registerToObjectTranslation() {
  TranslateFromMLIRRegistration registration(
      "mlir-to-object", "translate the LLVM dialect to a native object file",
      [](Operation *op, raw_ostream &os) {
        return writeObject(op, /*entries=*/true, os);
      },
      [](DialectRegistry &registry) {
        mlir::registerAllDialects(registry);
        mlir::registerAllExtensions(registry);
        registerAllToLLVMIRTranslations(registry);
      });
}
