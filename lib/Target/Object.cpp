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
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

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

/// The features of this machine, for `--mcpu` left out.
static std::string hostFeatures() {
  llvm::SubtargetFeatures features;
  for (auto &[name, on] : llvm::sys::getHostCPUFeatures())
    features.AddFeature(name, on);
  return features.getString();
}

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(Location loc) {
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
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
/// its message instead: the code runs in the user's process. `jump` holds the
/// innermost entry's jump buffer, `message` the text. Memory that the call had
/// allocated is lost.
struct AssertHandler {
  llvm::GlobalVariable *jump = nullptr, *message = nullptr;

  explicit AssertHandler(llvm::Module &module) {
    llvm::Function *abort = module.getFunction("abort");
    if (!abort || !abort->isDeclaration())
      return;
    auto *ptr = llvm::PointerType::getUnqual(module.getContext());
    auto threadLocal = [&](StringRef name) {
      return new llvm::GlobalVariable(
          module, ptr, /*isConstant=*/false, llvm::GlobalValue::InternalLinkage,
          llvm::ConstantPointerNull::get(ptr), name, nullptr,
          llvm::GlobalValue::GeneralDynamicTLSModel);
    };
    jump = threadLocal("plait.jump");
    message = threadLocal("plait.message");
    if (llvm::Function *puts = module.getFunction("puts"))
      define(*puts, [&](llvm::IRBuilder<> &b) {
        b.CreateStore(puts->getArg(0), message);
        b.CreateRet(b.getInt32(0));
      });
    define(*abort, [&](llvm::IRBuilder<> &b) {
      llvm::FunctionCallee longjmp = module.getOrInsertFunction(
          "longjmp", b.getVoidTy(), b.getPtrTy(), b.getInt32Ty());
      b.CreateCall(longjmp, {b.CreateLoad(b.getPtrTy(), jump), b.getInt32(1)});
      b.CreateUnreachable();
    });
  }

  static void define(llvm::Function &function,
                     function_ref<void(llvm::IRBuilder<> &)> body) {
    llvm::IRBuilder<> builder(
        llvm::BasicBlock::Create(function.getContext(), "", &function));
    body(builder);
    function.setName("plait." + function.getName());
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
  }

  /// In `entry`: returns the message if an assertion fails from here on.
  void arm(llvm::IRBuilder<> &b, llvm::Function &entry) {
    if (!jump)
      return;
    // Larger than any libc's jmp_buf.
    auto *buffer = b.CreateAlloca(llvm::ArrayType::get(b.getInt64Ty(), 64));
    buffer->setAlignment(llvm::Align(16));
    b.CreateStore(buffer, jump);
    llvm::FunctionCallee setjmp = entry.getParent()->getOrInsertFunction(
        "_setjmp", b.getInt32Ty(), b.getPtrTy());
    cast<llvm::Function>(setjmp.getCallee())
        ->addFnAttr(llvm::Attribute::ReturnsTwice);
    auto *call = b.CreateCall(setjmp, {buffer});
    call->addFnAttr(llvm::Attribute::ReturnsTwice);
    auto *failed = llvm::BasicBlock::Create(b.getContext(), "failed", &entry);
    auto *run = llvm::BasicBlock::Create(b.getContext(), "run", &entry);
    b.CreateCondBr(b.CreateIsNull(call), run, failed);
    b.SetInsertPoint(failed);
    b.CreateRet(b.CreateLoad(b.getPtrTy(), message));
    b.SetInsertPoint(run);
  }
};

LogicalResult plait::addPackedEntries(llvm::Module &module, Location loc) {
  llvm::IRBuilder<> builder(module.getContext());
  SmallVector<llvm::Function *> wrappers;
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    if (function.getName().starts_with("_mlir_ciface_"))
      wrappers.push_back(&function);
  }
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
    asserts.arm(builder, *entry);
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
    auto *call = builder.CreateCall(wrapper, arguments);
    // Kept out of the frame that setjmp returns to twice.
    call->setIsNoInline();
    builder.CreateRet(llvm::ConstantPointerNull::get(builder.getPtrTy()));
  }
  return success();
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = true;
  llvm::LoopAnalysisManager lam;
  llvm::FunctionAnalysisManager fam;
  llvm::CGSCCAnalysisManager cgam;
  llvm::ModuleAnalysisManager mam;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, mam);
}

static LogicalResult translateToObject(Operation *op, raw_ostream &os) {
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
      translateToObject, [](DialectRegistry &registry) {
        mlir::registerAllDialects(registry);
        mlir::registerAllExtensions(registry);
        registerAllToLLVMIRTranslations(registry);
      });
}
