//===- CSLVerifiers.cpp - what a whole csl file must satisfy
//----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/CSL/IR/CSL.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait;
using namespace plait::csl;

//===----------------------------------------------------------------------===//
// csl.module
//===----------------------------------------------------------------------===//

/// Words that CSL keeps for itself.
static bool isReserved(StringRef name) {
  static const llvm::StringSet<> words = {
      "align",      "and",      "anytype", "bool",         "break",
      "color",      "comptime", "const",   "continue",     "else",
      "enum",       "export",   "extern",  "f16",          "f32",
      "false",      "fn",       "for",     "i16",          "i32",
      "i64",        "i8",       "if",      "input_queue",  "inline",
      "layout",     "or",       "param",   "output_queue", "return",
      "struct",     "switch",   "task",    "true",         "type",
      "u16",        "u32",      "u64",     "u8",           "undefined",
      "var",        "void",     "while",   "linksection",  "local_task_id",
      "unreachable"};
  return words.contains(name);
}

static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// The name that `op` declares in its file, or an empty one.
static StringRef getDeclaredName(Operation *op) {
  if (isa<ExportNameOp, ExportSymbolOp>(op))
    return {};
  if (auto symbol = dyn_cast<SymbolOpInterface>(op))
    return symbol.getName();
  if (auto name = op->getAttrOfType<StringAttr>("name"))
    return name;
  return {};
}

static LogicalResult verifyNames(csl::ModuleOp module) {
  llvm::StringMap<Operation *> seen;
  WalkResult result = module.getBody().walk([&](Operation *op) {
    StringRef name = getDeclaredName(op);
    if (name.empty() && !op->hasAttr("name"))
      return WalkResult::advance();
    if (isa<ExportNameOp, ExportSymbolOp>(op))
      return WalkResult::advance();
    if (!isIdentifier(name) || isReserved(name)) {
      op->emitOpError("expects a name that CSL accepts, got '") << name << "'";
      return WalkResult::interrupt();
    }
    // Two loops side by side may count with one name; nothing else may.
    auto [it, isNew] = seen.try_emplace(name, op);
    if (!isNew && !(isa<ForOp>(op) && isa<ForOp>(it->second) &&
                    !it->second->isAncestor(op))) {
      op->emitOpError("declares '") << name << "' again";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// No two ops of a kind take one hardware id.
static LogicalResult verifyIds(csl::ModuleOp module) {
  llvm::DenseSet<std::pair<Type, int64_t>> seen;
  WalkResult result = module.getBody().walk([&](Operation *op) {
    auto id = op->getAttrOfType<IntegerAttr>("id");
    if (!id)
      return WalkResult::advance();
    if (seen.insert({op->getResult(0).getType(), id.getInt()}).second)
      return WalkResult::advance();
    op->emitOpError("takes id ") << id.getInt() << " again";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static LogicalResult verifyMemory(csl::ModuleOp module) {
  const mesh::TargetModel &model = module.getTarget().getModel();
  int64_t bytes = 0;
  for (auto var : module.getOps<VarOp>())
    bytes += var.getType().getNumElements() * 4;
  if (bytes > model.dataBytes)
    return module.emitOpError("expects arrays of at most ")
           << model.dataBytes << " bytes on " << model.name << " ("
           << model.memoryBytes << " less code and stack), got " << bytes;
  return success();
}

/// Queues that carry data are initialised once, or not at all where the
/// machine and the SDK do it.
static LogicalResult verifyQueues(csl::ModuleOp module) {
  TargetAttr target = module.getTarget();
  for (auto queue : module.getOps<GetQueueOp>()) {
    int64_t count = 0;
    bool used = false;
    for (Operation *user : queue->getUsers()) {
      count += isa<InitializeQueueOp>(user);
      used |= isa<GetFabDsdOp>(user);
    }
    bool output = queue.getType().getKind() == QueueKind::Output;
    bool automatic = output && !target.getModel().outputQueueTakesColor &&
                     !target.isExplicitQueues();
    int64_t expected = used && !automatic;
    if (count != expected)
      return queue.emitOpError("expects '")
             << queue.getName() << "' to be initialised " << expected
             << " times, got " << count;
  }
  return success();
}

static LogicalResult verifyTasks(csl::ModuleOp module) {
  llvm::StringMap<int64_t> bound;
  llvm::DenseSet<Value> ids;
  WalkResult result = module.getBody().walk([&](BindLocalTaskOp bind) {
    ++bound[bind.getTask()];
    if (ids.insert(bind.getId()).second)
      return WalkResult::advance();
    bind.emitOpError("binds an id again");
    return WalkResult::interrupt();
  });
  if (result.wasInterrupted())
    return failure();
  for (auto task : module.getOps<TaskOp>())
    if (bound.lookup(task.getName()) != 1)
      return task.emitOpError("expects to be bound to one id, got ")
             << bound.lookup(task.getName());
  return success();
}

LogicalResult csl::ModuleOp::verifyRegions() {
  if (failed(verifyNames(*this)) || failed(verifyIds(*this)))
    return failure();
  auto layouts = getOps<LayoutOp>();
  int64_t count = std::distance(layouts.begin(), layouts.end());
  if (getKind() == ModuleKind::Layout) {
    if (count != 1)
      return emitOpError("expects one 'csl.layout', got ") << count;
    return success();
  }
  if (count != 0)
    return emitOpError("expects no 'csl.layout' in a program");
  if (failed(verifyMemory(*this)) || failed(verifyQueues(*this)) ||
      failed(verifyTasks(*this)))
    return failure();
  WalkResult result = getBody().walk([&](ExportSymbolOp op) {
    if (op.getPointer() ||
        isa_and_nonnull<csl::FuncOp>(
            ::mlir::SymbolTable::lookupSymbolIn(*this, op.getNameAttr())))
      return WalkResult::advance();
    op.emitOpError("expects '") << op.getName() << "' to name a 'csl.func'";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// csl.layout
//===----------------------------------------------------------------------===//

namespace {
/// Runs a layout block as the CSL compiler does and collects what it sets.
struct LayoutRun {

  int64_t width = 0, height = 0;
  std::vector<bool> programmed;
  /// One entry per PE for each colour.
  llvm::MapVector<Value, std::vector<SetColorConfigOp>> routes;
  llvm::DenseMap<Value, int64_t> integers;

  LogicalResult run(Block &block);
  LogicalResult runOp(Operation &op);
  LogicalResult checkNeighbours();

  /// The index of the PE at (x, y), or failure.
  FailureOr<int64_t> getPE(Operation &op, Value xValue, Value yValue) {
    int64_t x = integers.lookup(xValue), y = integers.lookup(yValue);
    if (x < 0 || x >= width || y < 0 || y >= height)
      return op.emitOpError("expects a PE inside the rectangle of ")
             << width << " columns and " << height << " rows, got column " << x
             << ", row " << y;
    return y * width + x;
  }
};
} // namespace

LogicalResult LayoutRun::run(Block &block) {
  for (Operation &op : block)
    if (failed(runOp(op)))
      return failure();
  return success();
}

LogicalResult LayoutRun::runOp(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](arith::ConstantOp constant) {
        if (auto value = dyn_cast<IntegerAttr>(constant.getValue()))
          integers[constant] = value.getInt();
        return success();
      })
      .Case([&](arith::AddIOp add) {
        integers[add] = integers[add.getLhs()] + integers[add.getRhs()];
        return success();
      })
      .Case([&](arith::MulIOp mul) {
        integers[mul] = integers[mul.getLhs()] * integers[mul.getRhs()];
        return success();
      })
      .Case([&](ForOp loop) -> LogicalResult {
        for (int64_t i = 0, e = loop.getCount(); i != e; ++i) {
          integers[loop.getBody().getArgument(0)] = i;
          if (failed(run(loop.getBody().front())))
            return failure();
        }
        return success();
      })
      .Case([&](SetRectangleOp rectangle) -> LogicalResult {
        const mesh::TargetModel &model =
            op.getParentOfType<csl::ModuleOp>().getTarget().getModel();
        if (width)
          return op.emitOpError("sets the rectangle again");
        width = rectangle.getWidth();
        height = rectangle.getHeight();
        if (width < 1 || width > model.maxGridWidth || height < 1 ||
            height > model.maxGridHeight)
          return op.emitOpError("expects from 1 to ")
                 << model.maxGridWidth << " columns and " << model.maxGridHeight
                 << " rows on " << model.name << ", got " << width << " and "
                 << height;
        programmed.assign(width * height, false);
        return success();
      })
      .Case([&](SetTileCodeOp code) -> LogicalResult {
        FailureOr<int64_t> pe = getPE(op, code.getX(), code.getY());
        if (failed(pe))
          return failure();
        if (programmed[*pe])
          return op.emitOpError("sets the code of column ")
                 << *pe % width << ", row " << *pe / width << " again";
        programmed[*pe] = true;
        return success();
      })
      .Case([&](SetColorConfigOp config) -> LogicalResult {
        FailureOr<int64_t> pe = getPE(op, config.getX(), config.getY());
        if (failed(pe))
          return failure();
        auto &perPE = routes[config.getColor()];
        perPE.resize(width * height);
        if (perPE[*pe])
          return op.emitOpError("configures a colour of column ")
                 << *pe % width << ", row " << *pe / width << " again";
        perPE[*pe] = config;
        return success();
      })
      .Case<StructOp, MemberCallOp, ExportNameOp, CommentOp>(
          [](Operation *) { return success(); })
      .Default([](Operation *other) {
        return other->emitOpError("does not belong in a layout block");
      });
}

LogicalResult LayoutRun::checkNeighbours() {
  auto step = [](Direction direction) -> std::pair<int64_t, int64_t> {
    switch (direction) {
    case Direction::North:
      return {0, -1};
    case Direction::South:
      return {0, 1};
    case Direction::East:
      return {1, 0};
    case Direction::West:
      return {-1, 0};
    case Direction::Ramp:
      return {0, 0};
    }
    llvm_unreachable("unknown direction");
  };
  for (auto &[color, perPE] : routes) {
    for (int64_t pe = 0, e = perPE.size(); pe != e; ++pe) {
      SetColorConfigOp config = perPE[pe];
      if (!config)
        continue;
      for (auto tx : config.getTx().getAsRange<DirectionAttr>()) {
        auto [dx, dy] = step(tx.getValue());
        if (!dx && !dy)
          continue;
        int64_t x = pe % width + dx, y = pe / width + dy;
        bool inside = x >= 0 && x < width && y >= 0 && y < height;
        SetColorConfigOp next =
            inside ? perPE[y * width + x] : SetColorConfigOp();
        std::pair<int64_t, int64_t> back{-dx, -dy};
        if (!next || step(next.getRx()) != back)
          return config.emitOpError("sends wavelets of column ")
                 << pe % width << ", row " << pe / width << " to the "
                 << stringifyDirection(tx.getValue())
                 << ", where no PE takes them in on this colour";
      }
      auto [dx, dy] = step(config.getRx());
      if (!dx && !dy)
        continue;
      int64_t x = pe % width + dx, y = pe / width + dy;
      bool inside = x >= 0 && x < width && y >= 0 && y < height;
      SetColorConfigOp from =
          inside ? perPE[y * width + x] : SetColorConfigOp();
      std::pair<int64_t, int64_t> back{-dx, -dy};
      if (!from || llvm::none_of(from.getTx().getAsRange<DirectionAttr>(),
                                 [&](DirectionAttr tx) {
                                   return step(tx.getValue()) == back;
                                 }))
        return config.emitOpError("expects wavelets of column ")
               << pe % width << ", row " << pe / width << " from the "
               << stringifyDirection(config.getRx())
               << ", where no PE sends any on this colour";
    }
  }
  return success();
}

LogicalResult LayoutOp::verifyRegions() {
  LayoutRun run;
  Block &block = getBody().front();
  if (block.empty() || !isa<SetRectangleOp>(block.front()))
    return emitOpError("expects 'csl.set_rectangle' first");
  if (failed(run.run(block)))
    return failure();
  auto missing = llvm::find(run.programmed, false);
  if (missing != run.programmed.end()) {
    int64_t pe = missing - run.programmed.begin();
    return emitOpError("gives no code to column ")
           << pe % run.width << ", row " << pe / run.width;
  }
  return run.checkNeighbours();
}
