//===- CSLOps.cpp - verifiers of single csl ops
//-----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/CSL/IR/CSL.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace plait;
using namespace plait::csl;

#define GET_OP_CLASSES
#include "plait/Dialect/CSL/IR/CSLOps.cpp.inc"

/// The target of the file that `op` is in.
static FailureOr<TargetAttr> getTarget(Operation *op) {
  if (auto module = op->getParentOfType<csl::ModuleOp>())
    return module.getTarget();
  return op->emitOpError("expects to be inside a 'csl.module'");
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef arch, StringRef sdk) {
  if (!mesh::TargetModel::get(arch))
    return emitError() << "expects architecture 'wse2' or 'wse3', got '" << arch
                       << "'";
  if (sdk != "1.4" && sdk != "2.10")
    return emitError() << "expects 'sdk' \"1.4\" or \"2.10\", got \"" << sdk
                       << "\"";
  return success();
}

LogicalResult
PlacementAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      ArrayRef<int64_t> shape, ArrayRef<Axis> axes,
                      ArrayRef<int64_t> order, ArrayRef<int64_t> rect) {
  if (axes.size() != shape.size())
    return emitError() << "expects one of 'axes' for each of " << shape.size()
                       << " dimensions, got " << axes.size();
  SmallVector<int64_t> sorted(order);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, shape.size())))
    return emitError() << "expects 'order' to be a permutation of "
                       << shape.size() << " dimensions, got [" << order << "]";
  if (rect.size() != 4 || rect[0] < 0 || rect[1] < 0 || rect[2] < 1 ||
      rect[3] < 1)
    return emitError() << "expects 'rect' to be column, row, width, height, "
                          "got ["
                       << rect << "]";
  for (auto [size, axis] : llvm::zip_equal(shape, axes)) {
    int64_t parts = axis == Axis::None ? 1 : rect[axis == Axis::Rows ? 3 : 2];
    if (size < 1 || size % parts)
      return emitError() << "expects a size of 'shape' to be a multiple of "
                         << parts << ", got " << size;
  }
  return success();
}

int64_t PlacementAttr::getTileElements() const {
  int64_t elements = 1;
  for (auto [size, axis] : llvm::zip_equal(getShape(), getAxes()))
    elements *= axis == Axis::None
                    ? size
                    : size / getRect()[axis == Axis::Rows ? 3 : 2];
  return elements;
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

/// Checks that a program may use hardware id `id`.
static LogicalResult verifyId(Operation *op, StringRef what, int64_t id,
                              mesh::TargetModel::IdRange range) {
  if (range.contains(id))
    return success();
  return op->emitOpError("expects ") << what << " from " << range.first
                                     << " to " << range.last << ", got " << id;
}

LogicalResult GetColorOp::verify() {
  return verifyId(
      *this, "a colour", getId(),
      (*this)->getParentOfType<csl::ModuleOp>().getTarget().getModel().colors);
}

LogicalResult GetQueueOp::verify() {
  const mesh::TargetModel &model =
      (*this)->getParentOfType<csl::ModuleOp>().getTarget().getModel();
  if (getType().getKind() == QueueKind::Input)
    return verifyId(*this, "an input queue", getId(), model.inputQueues);
  return verifyId(*this, "an output queue", getId(), model.outputQueues);
}

LogicalResult GetLocalTaskIdOp::verify() {
  return verifyId(*this, "a local task id", getId(),
                  (*this)
                      ->getParentOfType<csl::ModuleOp>()
                      .getTarget()
                      .getModel()
                      .localTasks);
}

LogicalResult VarOp::verify() {
  if (!getType().hasStaticShape() || getType().getNumElements() < 1)
    return emitOpError("expects a static, positive size, got ") << getType();
  return success();
}

LogicalResult AddressOfOp::verify() {
  if (getType().getElementType() != getArray().getType().getElementType())
    return emitOpError("expects a pointer to ")
           << getArray().getType().getElementType() << ", got " << getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

LogicalResult SetTileCodeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto file = (*this)->getParentOfType<csl::ModuleOp>();
  if (!file)
    return emitOpError("expects to be inside a 'csl.module'");
  auto program = symbols.lookupNearestSymbolFrom<csl::ModuleOp>(
      file->getParentOp(), getProgramAttr());
  if (!program || program.getKind() != ModuleKind::Program)
    return emitOpError("expects ")
           << getProgramAttr() << " to name a program module";
  if (program.getTarget() != file.getTarget())
    return emitOpError("expects a program for ")
           << file.getTarget() << ", got one for " << program.getTarget();
  auto params = getParams().getDefiningOp<StructOp>();
  if (!params)
    return emitOpError("expects 'params' to be a 'csl.struct'");
  llvm::StringMap<Type> given;
  for (auto [name, value] : llvm::zip_equal(
           params.getNames().getAsValueRange<StringAttr>(), params.getValues()))
    given[name] = value.getType();
  for (auto param : program.getOps<ParamOp>()) {
    auto it = given.find(param.getName());
    if (it == given.end())
      return emitOpError("expects a value for parameter '")
             << param.getName() << "' of " << getProgramAttr();
    if (it->second != param.getType())
      return emitOpError("expects ")
             << param.getType() << " for parameter '" << param.getName()
             << "', got " << it->second;
    given.erase(it);
  }
  if (!given.empty())
    return emitOpError("gives '") << given.begin()->first() << "', which "
                                  << getProgramAttr() << " does not declare";
  return success();
}

LogicalResult SetColorConfigOp::verify() {
  if (getTx().empty())
    return emitOpError("expects at least one direction in 'tx'");
  llvm::SmallSet<Direction, 5> seen;
  for (auto direction : getTx().getAsRange<DirectionAttr>())
    if (!seen.insert(direction.getValue()).second)
      return emitOpError("repeats '")
             << stringifyDirection(direction.getValue()) << "' in 'tx'";
  return success();
}

//===----------------------------------------------------------------------===//
// Values and descriptors
//===----------------------------------------------------------------------===//

LogicalResult StructOp::verify() {
  if (getNames().size() != getValues().size())
    return emitOpError("expects as many names as values, got ")
           << getNames().size() << " and " << getValues().size();
  return success();
}

LogicalResult GetMemDsdOp::verify() {
  const mesh::TargetModel &model =
      (*this)->getParentOfType<csl::ModuleOp>().getTarget().getModel();
  if (getType() != DsdType::get(getContext(), DsdKind::Mem1d,
                                getArray().getType().getElementType()))
    return emitOpError(
               "expects a mem1d descriptor of the array's elements, got ")
           << getType();
  int64_t elements = getArray().getType().getNumElements();
  int64_t limit = std::min(elements, model.maxDsdExtent);
  if (static_cast<int64_t>(getExtent()) < 1 ||
      static_cast<int64_t>(getExtent()) > limit)
    return emitOpError("expects an extent from 1 to ")
           << limit << ", got " << static_cast<int64_t>(getExtent());
  if (elements - 1 > model.maxDsdOffset)
    return emitOpError("expects an array of at most ")
           << model.maxDsdOffset + 1
           << " elements, which a descriptor's offset "
           << "can reach, got " << elements;
  return success();
}

LogicalResult GetFabDsdOp::verify() {
  TargetAttr target = (*this)->getParentOfType<csl::ModuleOp>().getTarget();
  bool input = getQueue().getType().getKind() == QueueKind::Input;
  if (getType() != DsdType::get(getContext(),
                                input ? DsdKind::Fabin : DsdKind::Fabout,
                                Float32Type::get(getContext())))
    return emitOpError("expects a ")
           << (input ? "fabin" : "fabout") << " descriptor of f32 for "
           << getQueue().getType() << ", got " << getType();
  if (static_cast<int64_t>(getExtent()) < 1 ||
      static_cast<int64_t>(getExtent()) > target.getModel().maxDsdExtent)
    return emitOpError("expects an extent from 1 to ")
           << target.getModel().maxDsdExtent << ", got "
           << static_cast<int64_t>(getExtent());
  bool wantsColor = !input || !target.isExplicitQueues();
  if (wantsColor != static_cast<bool>(getColor()))
    return emitOpError("expects ")
           << (wantsColor ? "a" : "no") << " colour on a fabric "
           << (input ? "input" : "output") << " for SDK " << target.getSdk();
  return success();
}

LogicalResult IncrementDsdOffsetOp::verify() {
  if (getType().getKind() != DsdKind::Mem1d)
    return emitOpError("expects a mem1d descriptor, got ") << getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Vector operations
//===----------------------------------------------------------------------===//

static LogicalResult verifyVectorOp(Operation *op, OperandRange args,
                                    bool async, StringRef forms) {
  FailureOr<TargetAttr> target = getTarget(op);
  if (failed(target))
    return failure();
  std::string form;
  int64_t fabricInputs = 0;
  for (auto [index, type] : llvm::enumerate(args.getTypes())) {
    auto dsd = dyn_cast<DsdType>(type);
    form += dsd ? 'D' : 'S';
    if (!dsd)
      continue;
    if (!dsd.getElementType().isF32())
      return op->emitOpError("expects descriptors of f32, got ") << dsd;
    if (index == 0 && dsd.getKind() == DsdKind::Fabin)
      return op->emitOpError(
          "expects a destination that is not a fabric input");
    if (index != 0 && dsd.getKind() == DsdKind::Fabout)
      return op->emitOpError("expects sources that are not fabric outputs");
    fabricInputs += dsd.getKind() == DsdKind::Fabin;
  }
  SmallVector<StringRef> legal;
  forms.split(legal, ' ');
  if (!llvm::is_contained(legal, form)) {
    InFlightDiagnostic error = op->emitOpError("expects operand forms ");
    llvm::interleave(legal, error, " or ");
    return error << " (D a descriptor, S a scalar), got " << form;
  }
  int64_t limit = target->getModel().maxFabricInputs;
  if (fabricInputs > limit)
    return op->emitOpError("expects at most ")
           << limit << " fabric input, got " << fabricInputs;
  if (async && form.find('S') != std::string::npos)
    return op->emitOpError("expects only descriptors in an asynchronous "
                           "operation, got a scalar");
  return success();
}

LogicalResult FmovsOp::verify() {
  return verifyVectorOp(*this, getArgs(), !!getActivate(), forms);
}
LogicalResult FaddsOp::verify() {
  return verifyVectorOp(*this, getArgs(), !!getActivate(), forms);
}
LogicalResult FsubsOp::verify() {
  return verifyVectorOp(*this, getArgs(), !!getActivate(), forms);
}
LogicalResult FmulsOp::verify() {
  return verifyVectorOp(*this, getArgs(), !!getActivate(), forms);
}
LogicalResult FmaxsOp::verify() {
  return verifyVectorOp(*this, getArgs(), !!getActivate(), forms);
}
LogicalResult FmacsOp::verify() {
  return verifyVectorOp(*this, getArgs(), !!getActivate(), forms);
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

LogicalResult ForOp::verifyRegions() {
  if (static_cast<int64_t>(getCount()) < 1 || getCount() > INT16_MAX)
    return emitOpError("expects a count from 1 to ")
           << INT16_MAX << ", got " << static_cast<int64_t>(getCount());
  Block &block = getBody().front();
  if (block.getNumArguments() != 1 ||
      !block.getArgument(0).getType().isInteger(16))
    return emitOpError("expects one i16 argument in its region");
  return success();
}

LogicalResult CommentOp::verify() {
  if (getText().contains('\n'))
    return emitOpError("expects one line");
  return success();
}

LogicalResult InitializeQueueOp::verify() {
  FailureOr<TargetAttr> target = getTarget(*this);
  if (failed(target))
    return failure();
  bool input = getQueue().getType().getKind() == QueueKind::Input;
  bool wantsColor = input || target->getModel().outputQueueTakesColor;
  if (wantsColor != static_cast<bool>(getColor()))
    return emitOpError("expects ")
           << (wantsColor ? "a" : "no") << " colour for an "
           << (input ? "input" : "output") << " queue on " << target->getArch();
  return success();
}

LogicalResult
BindLocalTaskOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto file = (*this)->getParentOfType<csl::ModuleOp>();
  if (!symbols.lookupNearestSymbolFrom<TaskOp>(file, getTaskAttr()))
    return emitOpError("expects ") << getTaskAttr() << " to name a 'csl.task'";
  return success();
}
