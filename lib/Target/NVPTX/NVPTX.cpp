//===- NVPTX.cpp - GPU kernels to PTX -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/NVPTX.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;

//===----------------------------------------------------------------------===//
// The table of chips
//===----------------------------------------------------------------------===//

ArrayRef<plait::NVPTXChip> plait::getNVPTXChips() {
  static const NVPTXChip chips[] = {
      {"sm_75", "+ptx80"},  {"sm_80", "+ptx80"},   {"sm_86", "+ptx80"},
      {"sm_89", "+ptx80"},  {"sm_90", "+ptx80"},   {"sm_90a", "+ptx80"},
      {"sm_100", "+ptx86"}, {"sm_100a", "+ptx86"}, {"sm_120", "+ptx87"},
  };
  return chips;
}

const plait::NVPTXChip *plait::lookupNVPTXChip(StringRef name) {
  for (const NVPTXChip &chip : getNVPTXChips())
    if (chip.name == name)
      return &chip;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Device code
//===----------------------------------------------------------------------===//

static FailureOr<gpu::GPUModuleOp> findKernels(Operation *op) {
  auto modules = llvm::to_vector(op->getRegion(0).getOps<gpu::GPUModuleOp>());
  if (modules.size() != 1)
    return op->emitError("expects one 'gpu.module', got ") << modules.size();
  return modules.front();
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(const llvm::Triple &triple, StringRef cpu, StringRef features) {
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// The LLVM IR of the kernels, optimised for `machine`.
static std::unique_ptr<llvm::Module>
translateKernels(gpu::GPUModuleOp kernels, llvm::TargetMachine &machine,
                 llvm::LLVMContext &context) {
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(kernels, context, kernels.getName());
  if (!module)
    return nullptr;
  for (llvm::Function &function : *module)
    if (function.isDeclaration() && !function.isIntrinsic()) {
      kernels.emitError("calls '")
          << function.getName() << "', which no library here defines";
      return nullptr;
    }
  module->setTargetTriple(machine.getTargetTriple());
  module->setDataLayout(machine.createDataLayout());
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
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(*module, mam);
  return module;
}

static std::string emitCode(llvm::Module &module, llvm::TargetMachine &machine,
                            llvm::CodeGenFileType type) {
  SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return "";
  passes.run(module);
  return std::string(buffer.begin(), buffer.end());
}

/// Calls `emit(chip, ptx)` for every target of the kernels.
static LogicalResult
forEachTarget(gpu::GPUModuleOp kernels,
              function_ref<void(const plait::NVPTXChip &, StringRef)> emit) {
  if (!kernels.getTargetsAttr() || kernels.getTargetsAttr().empty())
    return kernels.emitError("has no targets to make PTX for");
  for (Attribute attribute : kernels.getTargetsAttr()) {
    auto target = dyn_cast<NVVM::NVVMTargetAttr>(attribute);
    const plait::NVPTXChip *chip =
        target ? plait::lookupNVPTXChip(target.getChip()) : nullptr;
    if (!chip)
      return kernels.emitError("has a target that is no known NVIDIA chip: ")
             << attribute;
    auto machine = createMachine(llvm::Triple("nvptx64-nvidia-cuda"),
                                 chip->name, chip->feature);
    if (!machine)
      return kernels.emitError("this LLVM has no code generator for NVPTX");
    llvm::LLVMContext context;
    auto module = translateKernels(kernels, *machine, context);
    if (!module)
      return failure();
    emit(*chip,
         emitCode(*module, *machine, llvm::CodeGenFileType::AssemblyFile));
  }
  return success();
}

static LogicalResult translateToPTX(Operation *op, raw_ostream &os) {
  auto kernels = findKernels(op);
  if (failed(kernels))
    return failure();
  return forEachTarget(
      *kernels, [&](const plait::NVPTXChip &, StringRef ptx) { os << ptx; });
}

//===----------------------------------------------------------------------===//
// The artifact
//===----------------------------------------------------------------------===//

/// A size as JSON: a number, ["size", argument, axis] or [operator, x, y].
static void writeSize(llvm::json::OStream &json, AffineExpr expr,
                      ArrayAttr symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return json.value(constant.getValue());
  json.array([&] {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
      json.value("size");
      for (int64_t number :
           cast<DenseI64ArrayAttr>(symbols[symbol.getPosition()]).asArrayRef())
        json.value(number);
      return;
    }
    auto binary = cast<AffineBinaryOpExpr>(expr);
    json.value(binary.getKind() == AffineExprKind::Add        ? "+"
               : binary.getKind() == AffineExprKind::Mul      ? "*"
               : binary.getKind() == AffineExprKind::Mod      ? "%"
               : binary.getKind() == AffineExprKind::FloorDiv ? "//"
                                                              : "ceildiv");
    writeSize(json, binary.getLHS(), symbols);
    writeSize(json, binary.getRHS(), symbols);
  });
}

/// A value of `plait.entries` as JSON.
static void writeAttribute(llvm::json::OStream &json, Attribute attribute,
                           ArrayAttr symbols) {
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    if (auto own = dictionary.getAs<ArrayAttr>("symbols"))
      symbols = own;
    json.object([&] {
      for (NamedAttribute entry : dictionary) {
        json.attributeBegin(entry.getName());
        writeAttribute(json, entry.getValue(), symbols);
        json.attributeEnd();
      }
    });
  } else if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    json.array([&] {
      for (Attribute element : array)
        writeAttribute(json, element, symbols);
    });
  } else if (auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute)) {
    json.array([&] {
      for (int64_t number : numbers.asArrayRef())
        json.value(number);
    });
  } else if (auto map = dyn_cast<AffineMapAttr>(attribute)) {
    json.array([&] {
      for (AffineExpr expr : map.getValue().getResults())
        writeSize(json, expr, symbols);
    });
  } else if (auto type = dyn_cast<TypeAttr>(attribute)) {
    auto function = cast<FunctionType>(type.getValue());
    auto tensors = [&](TypeRange types) {
      json.array([&] {
        for (Type type : types)
          json.object([&] {
            std::string element;
            llvm::raw_string_ostream(element) << getElementTypeOrSelf(type);
            json.attribute("type", element);
            json.attributeArray("shape", [&] {
              for (int64_t size : cast<RankedTensorType>(type).getShape())
                if (ShapedType::isDynamic(size))
                  json.value(nullptr);
                else
                  json.value(size);
            });
          });
      });
    };
    json.object([&] {
      json.attributeBegin("inputs");
      tensors(function.getInputs());
      json.attributeEnd();
      json.attributeBegin("outputs");
      tensors(function.getResults());
      json.attributeEnd();
    });
  } else if (auto number = dyn_cast<IntegerAttr>(attribute)) {
    json.value(number.getInt());
  } else {
    json.value(cast<StringAttr>(attribute).getValue());
  }
}

static LogicalResult translateToArtifact(Operation *op, raw_ostream &os) {
  auto kernels = findKernels(op);
  if (failed(kernels))
    return failure();
  auto entries = op->getAttrOfType<ArrayAttr>("plait.entries");
  if (!entries)
    return op->emitError("expects the attribute 'plait.entries'");
  LogicalResult result = success();
  llvm::json::OStream json(os);
  json.object([&] {
    json.attributeBegin("entries");
    writeAttribute(json, entries, nullptr);
    json.attributeEnd();
    json.attributeObject("ptx", [&] {
      result = forEachTarget(*kernels,
                             [&](const plait::NVPTXChip &chip, StringRef ptx) {
                               json.attribute(chip.name, ptx);
                             });
    });
  });
  return result;
}

//===----------------------------------------------------------------------===//
// The same code for this machine
//===----------------------------------------------------------------------===//

/// Calls `standIn` like `call`. Its declaration is fresh: an intrinsic's
/// attributes promise what holds for one thread only.
static llvm::Value *callStandIn(llvm::CallInst &call, StringRef standIn) {
  llvm::IRBuilder<> builder(&call);
  return builder.CreateCall(
      call.getModule()->getOrInsertFunction(standIn, call.getFunctionType()),
      SmallVector<llvm::Value *>(call.args()));
}

/// As `i32 standIn(i32 mask, i32 value, i32 lane, i32 limits, ptr valid)`: no
/// two calling conventions agree on a returned pair.
static llvm::Value *callShuffle(llvm::CallInst &call, StringRef standIn) {
  llvm::IRBuilder<> builder(&call);
  llvm::Type *i32 = builder.getInt32Ty();
  auto *type = llvm::FunctionType::get(
      i32, {i32, i32, i32, i32, builder.getPtrTy()}, false);
  llvm::IRBuilder<> top(&*call.getFunction()->getEntryBlock().begin());
  llvm::Value *valid = top.CreateAlloca(i32);
  llvm::Value *value = call.getArgOperand(1);
  llvm::Value *result = builder.CreateCall(
      call.getModule()->getOrInsertFunction(standIn, type),
      {call.getArgOperand(0), builder.CreateBitCast(value, i32),
       call.getArgOperand(2), call.getArgOperand(3), valid});
  result = builder.CreateBitCast(result, value->getType());
  if (!call.getType()->isStructTy())
    return result;
  llvm::Value *pair = builder.CreateInsertValue(
      llvm::PoisonValue::get(call.getType()), result, 0);
  llvm::Value *bit =
      builder.CreateTrunc(builder.CreateLoad(i32, valid), builder.getInt1Ty());
  return builder.CreateInsertValue(pair, bit, 1);
}

/// Replaces what only a GPU can do by calls of the device emulator.
static LogicalResult callEmulator(llvm::Module &module,
                                  gpu::GPUModuleOp kernels) {
  for (llvm::Function &function :
       llvm::make_early_inc_range(module.functions())) {
    StringRef name = function.getName();
    if (!name.consume_front("llvm.nvvm."))
      continue;
    bool shuffle = name.consume_front("shfl.sync.");
    auto [mode, type] = name.split('.');
    std::string standIn;
    if (shuffle)
      standIn = "plait_emulate_shuffle_" + mode.str();
    else if (name.consume_front("read.ptx.sreg."))
      standIn = "plait_emulate_" + name.str();
    else if (name == "barrier.cta.sync.aligned.all")
      standIn = "plait_emulate_barrier";
    else
      return kernels.emitError("uses 'llvm.nvvm.")
             << name << "', which the device emulator does not know";
    std::replace(standIn.begin(), standIn.end(), '.', '_');
    SmallVector<llvm::CallInst *> calls;
    for (llvm::User *user : function.users())
      calls.push_back(llvm::cast<llvm::CallInst>(user));
    for (llvm::CallInst *call : calls) {
      llvm::Value *result =
          shuffle ? callShuffle(*call, standIn) : callStandIn(*call, standIn);
      if (!call->getType()->isVoidTy())
        call->replaceAllUsesWith(result);
      call->eraseFromParent();
    }
    function.eraseFromParent();
  }
  return success();
}

/// Adds `void plait_<kernel>(void **operands)` for every kernel.
static void addPackedKernels(llvm::Module &module) {
  llvm::IRBuilder<> builder(module.getContext());
  SmallVector<llvm::Function *> kernels;
  for (llvm::Function &function : module)
    if (!function.isDeclaration() &&
        function.getCallingConv() == llvm::CallingConv::PTX_Kernel)
      kernels.push_back(&function);
  for (llvm::Function *kernel : kernels) {
    kernel->setCallingConv(llvm::CallingConv::C);
    kernel->setLinkage(llvm::GlobalValue::InternalLinkage);
    auto *entry = llvm::Function::Create(
        llvm::FunctionType::get(builder.getVoidTy(), builder.getPtrTy(), false),
        llvm::GlobalValue::ExternalLinkage, "plait_" + kernel->getName(),
        module);
    builder.SetInsertPoint(
        llvm::BasicBlock::Create(module.getContext(), "", entry));
    SmallVector<llvm::Value *> arguments;
    for (llvm::Argument &argument : kernel->args()) {
      llvm::Value *slot = builder.CreateConstGEP1_64(
          builder.getPtrTy(), entry->getArg(0), argument.getArgNo());
      arguments.push_back(builder.CreateLoad(
          argument.getType(), builder.CreateLoad(builder.getPtrTy(), slot)));
    }
    builder.CreateCall(kernel, arguments);
    builder.CreateRetVoid();
  }
}

static LogicalResult translateToEmulationObject(Operation *op,
                                                raw_ostream &os) {
  auto kernels = findKernels(op);
  if (failed(kernels))
    return failure();
  std::string features;
  for (auto &[name, on] : llvm::sys::getHostCPUFeatures())
    features += (features.empty() ? "" : ",") + ((on ? "+" : "-") + name.str());
  auto machine = createMachine(llvm::Triple(llvm::sys::getProcessTriple()),
                               llvm::sys::getHostCPUName(), features);
  if (!machine)
    return op->emitError("this LLVM has no code generator for this machine");
  llvm::LLVMContext context;
  auto module = translateKernels(*kernels, *machine, context);
  if (!module || failed(callEmulator(*module, *kernels)))
    return failure();
  addPackedKernels(*module);
  for (llvm::Function &function : *module) {
    function.addFnAttr("target-cpu", machine->getTargetCPU());
    function.addFnAttr("target-features", machine->getTargetFeatureString());
  }
  // What a block shares is one variable: blocks run one after the other.
  for (llvm::GlobalVariable &global : module->globals())
    if (!global.isConstant() && global.hasInitializer())
      global.setInitializer(
          llvm::Constant::getNullValue(global.getValueType()));
  os << emitCode(*module, *machine, llvm::CodeGenFileType::ObjectFile);
  return success();
}

void plait::registerNVPTXTranslations() {
  auto dialects = [](DialectRegistry &registry) {
    mlir::registerAllDialects(registry);
    mlir::registerAllExtensions(registry);
    registerAllToLLVMIRTranslations(registry);
    registerAllGPUToLLVMIRTranslations(registry);
  };
  TranslateFromMLIRRegistration ptx("mlir-to-ptx", "print kernels as PTX",
                                    translateToPTX, dialects);
  TranslateFromMLIRRegistration artifact(
      "mlir-to-nvptx-artifact", "print kernels and how to launch them as JSON",
      translateToArtifact, dialects);
  TranslateFromMLIRRegistration object(
      "mlir-to-emulation-object",
      "translate kernels to an object file for the device emulator",
      translateToEmulationObject, dialects);
}
