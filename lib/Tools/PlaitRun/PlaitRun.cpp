//===- PlaitRun.cpp - execute a function of an MLIR file -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Tools/PlaitRun.h"

#include "plait/Runtime/Runtime.h"
#include "plait/Target/Object.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;

namespace {
/// A dense row-major tensor, aligned as the compiler's own buffers are.
struct Buffer {
  Buffer(RankedTensorType type, size_t bytes)
      : type(type), data(static_cast<char *>(std::aligned_alloc(
                             64, llvm::alignTo<64>(bytes + 1))),
                         std::free) {}
  RankedTensorType type;
  std::unique_ptr<char, void (*)(void *)> data;
};
} // namespace

/// A boolean is one byte in memory.
static unsigned elementBytes(Type type) {
  return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

static LogicalResult storeElement(StringRef text, Type type, char *to,
                                  Location loc) {
  APInt bits;
  if (auto floatType = dyn_cast<FloatType>(type)) {
    APFloat value(floatType.getFloatSemantics());
    auto status = value.convertFromString(text, APFloat::rmNearestTiesToEven);
    if (!status) {
      llvm::consumeError(status.takeError());
      return emitError(loc)
             << "expects a number of type " << type << ", got '" << text << "'";
    }
    bits = value.bitcastToAPInt();
  } else {
    int64_t value;
    if (text == "true" || text == "false")
      value = text == "true";
    else if (text.getAsInteger(10, value))
      return emitError(loc)
             << "expects a number of type " << type << ", got '" << text << "'";
    unsigned width = type.getIntOrFloatBitWidth();
    if (!llvm::isIntN(width, value) && !llvm::isUIntN(width, value))
      return emitError(loc)
             << "expects a number of type " << type << ", got '" << text << "'";
    bits = APInt(64, value, /*isSigned=*/true);
  }
  std::memcpy(to, bits.getRawData(), elementBytes(type));
  return success();
}

/// Reads `2x3xf32=[[1,2,3],[4,5,6]]`, `2x3xf32=1,2,3,4,5,6` or `4xi32=7`.
static FailureOr<Buffer> parseInput(StringRef spec, MLIRContext *context,
                                    Location loc) {
  auto [typeText, values] = spec.split('=');
  auto type = dyn_cast_if_present<RankedTensorType>(
      parseType(("tensor<" + typeText + ">").str(), context));
  if (!type || !type.hasStaticShape() ||
      !type.getElementType().isIntOrFloat() ||
      type.getElementTypeBitWidth() > 64)
    return emitError(loc) << "expects '--input' like 2x3xf32=1,2,3,4,5,6, got '"
                          << spec << "'";
  unsigned bytes = elementBytes(type.getElementType());
  int64_t count = type.getNumElements();
  Buffer buffer(type, bytes * count);
  std::string flat;
  for (char c : values)
    if (c != '[' && c != ']' && c != ' ')
      flat += c;
  SmallVector<StringRef> texts;
  StringRef(flat).split(texts, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  if (texts.size() == 1)
    texts.resize(count, texts.front());
  if (static_cast<int64_t>(texts.size()) != count)
    return emitError(loc) << "expects " << count << " numbers for " << type
                          << ", got " << texts.size();
  for (auto [i, text] : llvm::enumerate(texts))
    if (failed(storeElement(text, type.getElementType(),
                            buffer.data.get() + i * bytes, loc)))
      return failure();
  return buffer;
}

static void printElement(const char *from, Type type, raw_ostream &os) {
  uint64_t raw = 0;
  std::memcpy(&raw, from, elementBytes(type));
  APInt bits = APInt(64, raw).trunc(type.getIntOrFloatBitWidth());
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType) {
    bits.print(os, /*isSigned=*/!type.isInteger(1));
    return;
  }
  APFloat value(floatType.getFloatSemantics(), bits);
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  os << llvm::format(type.isF64() ? "%.15g" : "%.6g", value.convertToDouble());
}

/// Prints the dimensions from `dim` on of the memref at `data`.
static void printNested(const char *data, Type type, ArrayRef<int64_t> sizes,
                        ArrayRef<int64_t> strides, raw_ostream &os) {
  if (sizes.empty())
    return printElement(data, type, os);
  os << '[';
  for (int64_t i = 0; i < sizes.front(); ++i) {
    os << (i ? "," : "");
    printNested(data + i * strides.front() * elementBytes(type), type,
                sizes.drop_front(), strides.drop_front(), os);
  }
  os << ']';
}

/// Checks the arguments against the signature of `function`.
static LogicalResult checkSignature(func::FuncOp function,
                                    ArrayRef<Buffer> inputs) {
  if (inputs.size() != function.getNumArguments())
    return function.emitError() << "expects " << function.getNumArguments()
                                << " '--input' options, got " << inputs.size();
  for (auto [i, input] : llvm::enumerate(inputs)) {
    Type expected = function.getArgumentTypes()[i];
    auto shaped = dyn_cast<RankedTensorType>(expected);
    bool same = shaped
                    ? shaped.getElementType() == input.type.getElementType() &&
                          succeeded(verifyCompatibleShape(shaped, input.type))
                    : expected == input.type.getElementType() &&
                          input.type.getRank() == 0;
    if (!same)
      return function.emitError() << "argument " << i << " expects " << expected
                                  << ", got " << input.type;
  }
  for (Type type : function.getResultTypes()) {
    auto shaped = dyn_cast<RankedTensorType>(type);
    if (!shaped || !shaped.getElementType().isIntOrFloat() ||
        shaped.getElementTypeBitWidth() > 64)
      return function.emitError()
             << "expects results that are ranked tensors of numbers, got "
             << type;
  }
  return success();
}

/// Calls `entry` by the packed convention and prints what it returns.
static int call(const char *(*entry)(void **), ArrayRef<Buffer> inputs,
                TypeRange argumentTypes, TypeRange resultTypes) {
  size_t words = 0;
  for (Type type : resultTypes)
    words += 3 + 2 * cast<RankedTensorType>(type).getRank();
  std::vector<int64_t> results(words);
  std::vector<std::vector<int64_t>> descriptors(inputs.size());
  std::vector<void *> packed;
  if (words)
    packed.push_back(results.data());
  for (auto [input, type, descriptor] :
       llvm::zip_equal(inputs, argumentTypes, descriptors)) {
    if (!isa<RankedTensorType>(type)) {
      packed.push_back(input.data.get());
      continue;
    }
    auto address = reinterpret_cast<int64_t>(input.data.get());
    ArrayRef<int64_t> shape = input.type.getShape();
    descriptor = {address, address, 0};
    descriptor.insert(descriptor.end(), shape.begin(), shape.end());
    for (size_t i = 0; i < shape.size(); ++i) {
      int64_t stride = 1;
      for (int64_t size : shape.drop_front(i + 1))
        stride *= size;
      descriptor.push_back(stride);
    }
    packed.push_back(descriptor.data());
  }
  // The runtime is linked, so that the code below finds it in this process.
  if (plait_get_num_threads() == 0) {
    llvm::errs() << "plait-run: expects a positive number in "
                    "PLAIT_NUM_THREADS\n";
    return 1;
  }
  if (const char *message = entry(packed.data())) {
    llvm::errs() << "plait-run: " << message << '\n';
    return 1;
  }

  ArrayRef<int64_t> rest(results);
  for (Type type : resultTypes) {
    auto tensor = cast<RankedTensorType>(type);
    Type element = tensor.getElementType();
    ArrayRef<int64_t> sizes = rest.slice(3, tensor.getRank());
    for (int64_t size : sizes)
      llvm::outs() << size << 'x';
    llvm::outs() << element << '=';
    auto *data = reinterpret_cast<const char *>(rest[1]);
    printNested(data + rest[2] * elementBytes(element), element, sizes,
                rest.slice(3 + tensor.getRank(), tensor.getRank()),
                llvm::outs());
    llvm::outs() << '\n';
    rest = rest.drop_front(3 + 2 * tensor.getRank());
  }
  return 0;
}

int plait::runMain(int argc, char **argv, DialectRegistry &registry) {
  llvm::cl::opt<std::string> file(
      llvm::cl::Positional, llvm::cl::desc("<file>"), llvm::cl::init("-"));
  llvm::cl::opt<std::string> entry(
      "entry", llvm::cl::desc("function to call (default: main)"),
      llvm::cl::init("main"));
  llvm::cl::list<std::string> specs(
      "input", llvm::cl::desc("an argument, such as 2x3xf32=1,2,3,4,5,6"));
  llvm::cl::opt<std::string> pipeline(
      "pipeline", llvm::cl::desc("passes down to the LLVM dialect"),
      llvm::cl::init("plait-lowered-reference,plait-target-cpu"));
  llvm::InitLLVM init(argc, argv);
  llvm::cl::ParseCommandLineOptions(argc, argv, "Plait runner\n");

  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  Location loc = FileLineColLoc::get(&context, "--input", 0, 0);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(file, sources, ParserConfig(&context));
  if (!module)
    return 1;
  auto function = module->lookupSymbol<func::FuncOp>(entry);
  if (!function || function.isExternal() || !function.isPublic()) {
    module->emitError() << "no public function '" << entry << "' to call";
    return 1;
  }
  std::vector<Buffer> inputs;
  for (const std::string &spec : specs) {
    FailureOr<Buffer> input = parseInput(spec, &context, loc);
    if (failed(input))
      return 1;
    inputs.push_back(std::move(*input));
  }
  if (failed(checkSignature(function, inputs)))
    return 1;
  SmallVector<Type> argumentTypes(function.getArgumentTypes());
  SmallVector<Type> resultTypes(function.getResultTypes());

  PassManager passes(&context);
  if (failed(parsePassPipeline(pipeline, passes)) ||
      failed(passes.run(*module)))
    return 1;
  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  auto code = translateModuleToLLVMIR(*module, *llvmContext);
  if (!code || failed(addPackedEntries(*code, module->getLoc())))
    return 1;

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::ExitOnError orFail("plait-run: ");
  auto jit = orFail(llvm::orc::LLJITBuilder().create());
  orFail(jit->addIRModule(
      llvm::orc::ThreadSafeModule(std::move(code), std::move(llvmContext))));
  auto address = orFail(jit->lookup("plait_" + entry));
  return call(address.toPtr<const char *(*)(void **)>(), inputs, argumentTypes,
              resultTypes);
}
