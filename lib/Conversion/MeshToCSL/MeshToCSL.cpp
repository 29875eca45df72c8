//===- MeshToCSL.cpp - tensor programs on a grid to CSL
//---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/CSL/IR/CSL.h"
#include "plait/Dialect/Mesh/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTMESHTOCSL
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;
using mesh::LayoutAttr;
using mesh::LayoutKind;

namespace {

// Any ids in the ranges that TargetModel gives would do.
constexpr int64_t evenColor = 0, oddColor = 1, inputQueue = 2, outputQueue = 2,
                  doneTask = 9;

/// A tile in the memory of every PE: `columns` runs of `rows` elements.
struct Buffer {
  Value array;
  std::string name;
  int64_t rows = 0, columns = 0;
  int64_t size() const { return rows * columns; }
};

/// What a source of an elementwise operation is.
struct Source {
  /// The tile, or the vector that is broadcast.
  Buffer buffer;
  /// The scalar, if it is one.
  std::optional<FloatAttr> scalar;
  /// A vector with one element per column, or one per row, of the tile.
  bool perColumn = false, perRow = false;
};

class Lowering {
public:
  Lowering(func::FuncOp main, mesh::GridOp grid,
           const DenseMap<Value, LayoutAttr> &layouts, csl::TargetAttr target,
           bool comments, bool debugInfo)
      : main(main), layouts(layouts), target(target), comments(comments),
        debugInfo(debugInfo), rows(grid.getShape()[0]),
        columns(grid.getShape()[1]), declare(main.getContext()),
        code(main.getContext()), exports(main.getContext()),
        host(main.getContext()), layout(main.getContext()) {}
  LogicalResult run();

private:
  LogicalResult lower(Operation &op);
  LogicalResult lowerProduct(linalg::LinalgOp op);
  LogicalResult lowerElementwise(linalg::LinalgOp op);
  LogicalResult lowerReturn(func::ReturnOp op);
  void reduceAlongRows(Location loc, const Buffer &sum);

  FailureOr<Buffer> getBuffer(Operation *user, Value value,
                              bool rowMajor = false);
  FailureOr<Buffer> createBuffer(Operation *op, std::string name, Type type,
                                 LayoutAttr layoutAttr, bool rowMajor = false);
  FailureOr<Source> getSource(Operation *user, Value value);
  void exportBuffer(Location loc, const Buffer &buffer);
  csl::PlacementAttr getPlacement(RankedTensorType type, LayoutAttr layoutAttr,
                                  bool rowMajor, bool output);

  void createFiles();
  void createChainDeclarations();
  void createLayout();
  void createTiles(int64_t start, int64_t count, int64_t step);

  Value i16(OpBuilder &b, Location loc, int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI16IntegerAttr(value));
  }
  /// A descriptor of the first `extent` elements of `buffer`.
  Value getDsd(Location loc, const Buffer &buffer, int64_t extent);
  /// The `index`-th run of `extent` elements of `buffer`.
  Value getRun(Location loc, const Buffer &buffer, int64_t extent, Value index,
               StringRef suffix);
  /// Fills a loop over `count` runs, or code without a loop for one.
  void forEach(Location loc, StringRef name, int64_t count,
               function_ref<void(Value)> body);
  void comment(OpBuilder &b, Location loc, const Twine &text) {
    if (comments)
      csl::CommentOp::create(b, loc, text.str());
  }
  void commentSource(Operation *op);

  func::FuncOp main;
  const DenseMap<Value, LayoutAttr> &layouts;
  csl::TargetAttr target;
  bool comments, debugInfo;
  int64_t rows, columns;

  /// Insertion points: declarations of the PE, its code, its exports, the
  /// host's program, the layout file.
  OpBuilder declare, code, exports, host, layout;
  Block *layoutBlock = nullptr;
  csl::HostOp hostOp;
  csl::FuncOp compute;
  Value sys;

  DenseMap<Value, Buffer> buffers;
  DenseMap<Value, Buffer> inputs[2];
  llvm::StringSet<> exported;
  llvm::StringMap<Value> dsds;
  llvm::StringMap<int> names;
  int64_t bytes = 0;

  /// Set by a sum along PE rows.
  bool reduced = false;
  Value hasWest, hasEast, isLast, inColor, outColor, done;
  csl::TaskOp doneOp;
  csl::IfOp afterSum;
};

} // namespace

/// The `file:line` of `loc`, if it has one.
static std::string describe(Location loc) {
  std::string text;
  loc->walk([&](Location inner) {
    auto file = dyn_cast<FileLineColLoc>(inner);
    if (!file)
      return WalkResult::advance();
    text = (file.getFilename().getValue() + ":" + Twine(file.getLine())).str();
    return WalkResult::interrupt();
  });
  return text;
}

void Lowering::commentSource(Operation *op) {
  std::string place = describe(op->getLoc());
  if (debugInfo && !place.empty())
    csl::CommentOp::create(code, op->getLoc(), place);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

FailureOr<Buffer> Lowering::createBuffer(Operation *op, std::string name,
                                         Type type, LayoutAttr layoutAttr,
                                         bool rowMajor) {
  auto tensor = cast<RankedTensorType>(type);
  auto emitError = [&] { return op->emitError(); };
  if (!tensor.getElementType().isF32())
    return emitError() << "expects f32 on a PE, got "
                       << tensor.getElementType();
  if (tensor.getRank() < 1 || tensor.getRank() > 2)
    return emitError() << "expects a vector or a matrix on a PE, got "
                       << tensor;
  auto tile = layoutAttr.getTileShape(tensor, {rows, columns}, emitError);
  if (failed(tile))
    return failure();
  Buffer buffer;
  buffer.rows = tile->front();
  buffer.columns = tensor.getRank() == 2 ? tile->back() : 1;
  if (rowMajor)
    std::swap(buffer.rows, buffer.columns);
  bytes += buffer.size() * 4;
  const mesh::TargetModel &model = target.getModel();
  if (bytes > model.dataBytes)
    return emitError() << "expects tiles of at most " << model.dataBytes
                       << " bytes together on a PE of " << model.name << " ("
                       << model.memoryBytes << " less code and stack), got "
                       << bytes << " with this one";
  int count = names[name]++;
  buffer.name = count ? name + "_" + std::to_string(count + 1) : name;
  buffer.array = csl::VarOp::create(
      declare, op->getLoc(),
      MemRefType::get(buffer.size(), declare.getF32Type()), buffer.name);
  return buffer;
}

csl::PlacementAttr Lowering::getPlacement(RankedTensorType type,
                                          LayoutAttr layoutAttr, bool rowMajor,
                                          bool output) {
  using Axis = LayoutAttr::Axis;
  SmallVector<csl::Axis> axes;
  bool overRows = false, overColumns = false;
  for (Axis axis : layoutAttr.getAxes(type.getRank())) {
    overRows |= axis == Axis::Rows;
    overColumns |= axis == Axis::Columns;
    axes.push_back(axis == Axis::Rows      ? csl::Axis::Rows
                   : axis == Axis::Columns ? csl::Axis::Columns
                                           : csl::Axis::None);
  }
  SmallVector<int64_t> order{0};
  if (type.getRank() == 2)
    order = rowMajor ? SmallVector<int64_t>{0, 1} : SmallVector<int64_t>{1, 0};
  // All PEs along an axis that is not cut hold the same: the host reads one.
  bool single = layoutAttr.getKind() == LayoutKind::Single;
  bool last = layoutAttr.getKind() == LayoutKind::LastColumn;
  int64_t width = single || last || (output && !overColumns) ? 1 : columns;
  int64_t height = single || (output && !overRows) ? 1 : rows;
  return csl::PlacementAttr::get(type.getContext(), type.getShape(), axes,
                                 order,
                                 {last ? columns - 1 : 0, 0, width, height});
}

void Lowering::exportBuffer(Location loc, const Buffer &buffer) {
  if (!exported.insert(buffer.name).second)
    return;
  auto type = csl::PtrType::get(loc.getContext(), declare.getF32Type());
  Value pointer = csl::AddressOfOp::create(declare, loc, type,
                                           buffer.name + "_ptr", buffer.array);
  csl::ExportSymbolOp::create(exports, loc, exports.getStringAttr(buffer.name),
                              pointer);
  csl::ExportNameOp::create(layout, loc, layout.getStringAttr(buffer.name),
                            TypeAttr::get(type));
}

FailureOr<Buffer> Lowering::getBuffer(Operation *user, Value value,
                                      bool rowMajor) {
  if (auto it = buffers.find(value); it != buffers.end()) {
    if (rowMajor && it->second.columns != 1)
      return user->emitError("expects the matrix of a vector-matrix product to "
                             "be an input");
    return it->second;
  }
  auto place = value.getDefiningOp<mesh::PlaceOp>();
  auto argument = place ? dyn_cast<BlockArgument>(place.getTensor()) : nullptr;
  if (auto move = value.getDefiningOp<mesh::RedistributeOp>())
    return move.emitError("no communication plan to move a computed tensor "
                          "from layout '")
           << stringifyLayoutKind(move.getSource().getKind()) << "' to '"
           << stringifyLayoutKind(move.getLayout().getKind()) << "'";
  if (!argument)
    return user->emitError("expects its operands to be computed or placed on "
                           "the grid");
  Buffer &buffer = inputs[rowMajor][value];
  if (buffer.array)
    return buffer;
  FailureOr<Buffer> created =
      createBuffer(place, "in" + std::to_string(argument.getArgNumber()),
                   place.getType(), place.getLayout(), rowMajor);
  if (failed(created))
    return failure();
  exportBuffer(place.getLoc(), *created);
  csl::MemcpyH2DOp::create(
      host, place.getLoc(), created->name, argument.getArgNumber(),
      getPlacement(cast<RankedTensorType>(place.getType()), place.getLayout(),
                   rowMajor, /*output=*/false));
  return inputs[rowMajor][value] = *created;
}

Value Lowering::getDsd(Location loc, const Buffer &buffer, int64_t extent) {
  std::string name = buffer.name + (extent == buffer.size() ? "_all" : "_run");
  Value &dsd = dsds[name];
  if (!dsd)
    dsd = csl::GetMemDsdOp::create(declare, loc,
                                   csl::DsdType::get(loc.getContext(),
                                                     csl::DsdKind::Mem1d,
                                                     declare.getF32Type()),
                                   name, buffer.array, extent);
  return dsd;
}

Value Lowering::getRun(Location loc, const Buffer &buffer, int64_t extent,
                       Value index, StringRef suffix) {
  Value dsd = getDsd(loc, buffer, extent);
  if (!index)
    return dsd;
  Value offset =
      arith::MulIOp::create(code, loc, index, i16(code, loc, extent));
  std::string name = (Twine(buffer.name) + suffix).str();
  int count = names[name]++;
  if (count)
    name += std::to_string(count + 1);
  return csl::IncrementDsdOffsetOp::create(code, loc, dsd.getType(), name, dsd,
                                           offset);
}

void Lowering::forEach(Location loc, StringRef name, int64_t count,
                       function_ref<void(Value)> body) {
  if (count == 1)
    return body(Value());
  auto loop = csl::ForOp::create(code, loc, name, count);
  OpBuilder::InsertionGuard guard(code);
  Block *block = code.createBlock(&loop.getBody(), {}, code.getI16Type(), loc);
  body(block->getArgument(0));
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

LogicalResult Lowering::lowerProduct(linalg::LinalgOp op) {
  Location loc = op.getLoc();
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  // The long operand's runs are added up, each times one scalar: a matrix'
  // columns, or its rows where a vector is multiplied from the left.
  bool vecmat = isa<linalg::VecmatOp>(op);
  auto start = op.getDpsInitOperand(0)->get().getDefiningOp<linalg::FillOp>();
  if (!start || !matchPattern(start.value(), m_AnyZeroFloat()))
    return op.emitError("expects a product that starts from zero");
  LayoutKind kind = layouts.lookup(lhs).getKind();
  bool cut = columns > 1 &&
             (kind == LayoutKind::Grid || kind == LayoutKind::ColPartition);
  if (cut && reduced)
    return op.emitError("expects one product that is summed along PE rows");
  FailureOr<Buffer> runs =
      vecmat ? getBuffer(op, rhs, /*rowMajor=*/true) : getBuffer(op, lhs);
  FailureOr<Buffer> scalars = getBuffer(op, vecmat ? lhs : rhs);
  if (failed(runs) || failed(scalars))
    return failure();
  FailureOr<Buffer> result = createBuffer(op, "t", op->getResult(0).getType(),
                                          layouts.lookup(op->getResult(0)));
  if (failed(result))
    return failure();
  buffers[op->getResult(0)] = *result;

  int64_t m = runs->rows, k = runs->columns, n = result->columns;
  commentSource(op);
  comment(code, loc,
          Twine(result->name) + " = " + runs->name + " @ " + scalars->name +
              ": " + Twine(m) + " x " + Twine(k) + " by " + Twine(k) + " x " +
              Twine(n) + ", about " +
              Twine(int64_t(target.getModel().localProductCycles(m, n, k))) +
              " cycles by the cost model");
  Value zero = arith::ConstantOp::create(code, loc, code.getF32FloatAttr(0.0f));
  csl::FmovsOp::create(code, loc,
                       ValueRange{getDsd(loc, *result, result->size()), zero},
                       Value());
  forEach(loc, "j", n, [&](Value j) {
    Value y = getRun(loc, *result, m, j, "_j");
    forEach(loc, "k", k, [&](Value i) {
      Value x = getRun(loc, *runs, m, i, "_k");
      Value index = i ? i : i16(code, loc, 0);
      if (j)
        index = arith::AddIOp::create(
            code, loc, arith::MulIOp::create(code, loc, j, i16(code, loc, k)),
            index);
      std::string name = scalars->name + "_s";
      if (int count = names[name]++)
        name += std::to_string(count + 1);
      Value scalar = csl::LoadOp::create(code, loc, code.getF32Type(), name,
                                         scalars->array, index);
      csl::FmacsOp::create(code, loc, ValueRange{y, y, x, scalar}, Value());
    });
  });
  if (cut)
    reduceAlongRows(loc, *result);
  return success();
}

void Lowering::reduceAlongRows(Location loc, const Buffer &sum) {
  reduced = true;
  createChainDeclarations();
  MLIRContext *context = loc.getContext();
  Type f32 = declare.getF32Type();
  auto fabric = [&](StringRef name, csl::QueueKind kind, int64_t id,
                    csl::DsdKind dsdKind, Value color, Value side) -> Value {
    Value queue = csl::GetQueueOp::create(declare, loc,
                                          csl::QueueType::get(context, kind),
                                          (name + "_queue").str(), id);
    bool input = kind == csl::QueueKind::Input;
    const mesh::TargetModel &model = target.getModel();
    if (input || model.outputQueueTakesColor || target.isExplicitQueues()) {
      auto guarded = csl::IfOp::create(exports, loc, side);
      OpBuilder inside(context);
      inside.createBlock(&guarded.getThen());
      csl::InitializeQueueOp::create(
          inside, loc, queue,
          input || model.outputQueueTakesColor ? color : Value());
    }
    bool named = !input || !target.isExplicitQueues();
    return csl::GetFabDsdOp::create(
        declare, loc, csl::DsdType::get(context, dsdKind, f32), name, queue,
        named ? color : Value(), sum.size());
  };
  Value rx = fabric("from_west", csl::QueueKind::Input, inputQueue,
                    csl::DsdKind::Fabin, inColor, hasWest);
  Value tx = fabric("to_east", csl::QueueKind::Output, outputQueue,
                    csl::DsdKind::Fabout, outColor, hasEast);
  Value all = getDsd(loc, sum, sum.size());

  comment(code, loc,
          "sum along the PE row, west to east: " + Twine(sum.size()) +
              " wavelets, about " +
              Twine(int64_t(
                  target.getModel().chainReduceCycles(sum.size(), columns))) +
              " cycles by the cost model");
  auto west = csl::IfOp::create(code, loc, hasWest);
  OpBuilder inner(context);
  inner.createBlock(&west.getOtherwise());
  csl::FmovsOp::create(inner, loc, ValueRange{tx, all}, done);
  inner.createBlock(&west.getThen());
  auto east = csl::IfOp::create(inner, loc, hasEast);
  inner.createBlock(&east.getThen());
  csl::FaddsOp::create(inner, loc, ValueRange{tx, all, rx}, done);
  inner.createBlock(&east.getOtherwise());
  csl::FaddsOp::create(inner, loc, ValueRange{all, all, rx}, done);

  // What follows runs where the sum is, when it is.
  doneOp = csl::TaskOp::create(code, loc, "done");
  doneOp->moveAfter(compute);
  code.createBlock(&doneOp.getBody());
  afterSum = csl::IfOp::create(code, loc, isLast);
  csl::BindLocalTaskOp::create(exports, loc, "done", done);
  code.createBlock(&afterSum.getThen());
}

FailureOr<Source> Lowering::getSource(Operation *user, Value value) {
  Source source;
  FloatAttr scalar;
  DenseElementsAttr splat;
  if (auto fill = value.getDefiningOp<linalg::FillOp>();
      fill && matchPattern(fill.value(), m_Constant(&scalar))) {
    source.scalar = scalar;
    return source;
  }
  if (matchPattern(value, m_Constant(&splat)) && splat.isSplat() &&
      isa<FloatType>(splat.getElementType())) {
    source.scalar =
        FloatAttr::get(splat.getElementType(), splat.getSplatValue<APFloat>());
    return source;
  }
  if (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>()) {
    source.perColumn = broadcast.getDimensions()[0] == 0;
    source.perRow = !source.perColumn;
    value = broadcast.getInput();
  }
  FailureOr<Buffer> buffer = getBuffer(user, value);
  if (failed(buffer))
    return failure();
  source.buffer = *buffer;
  return source;
}

LogicalResult Lowering::lowerElementwise(linalg::LinalgOp op) {
  Location loc = op.getLoc();
  LayoutAttr layoutAttr = layouts.lookup(op->getResult(0));
  if (!layoutAttr)
    return op.emitError("expects an operand that is placed on the grid");
  if (reduced && layoutAttr.getKind() != LayoutKind::LastColumn)
    return op.emitError("expects every operation after a sum along PE rows to "
                        "use the sum");
  Value lhs = op->getOperand(0);
  FailureOr<Source> a = getSource(op, lhs),
                    b = getSource(op, op->getOperand(1));
  if (failed(a) || failed(b))
    return failure();
  auto isTile = [](const Source &s) {
    return !s.scalar && !s.perColumn && !s.perRow;
  };
  if (!isTile(*a) && !isTile(*b))
    return op.emitError("expects one operand that is not a scalar or a "
                        "broadcast");

  // In place where nobody else reads the left operand.
  Buffer result = a->buffer;
  bool computed = !lhs.getDefiningOp<mesh::PlaceOp>();
  if (!isTile(*a) || !computed || !lhs.hasOneUse()) {
    FailureOr<Buffer> created =
        createBuffer(op, "t", op->getResult(0).getType(), layoutAttr);
    if (failed(created))
      return failure();
    result = *created;
  }
  buffers[op->getResult(0)] = result;

  bool byColumn = a->perColumn || a->perRow || b->perColumn || b->perRow;
  int64_t extent = byColumn ? result.rows : result.size();
  commentSource(op);
  forEach(loc, "j", byColumn ? result.columns : 1, [&](Value j) {
    auto operand = [&](const Source &source) -> Value {
      if (source.scalar)
        return arith::ConstantOp::create(code, loc, *source.scalar);
      if (source.perRow)
        return getDsd(loc, source.buffer, extent);
      if (!source.perColumn)
        return getRun(loc, source.buffer, extent, j, "_j");
      std::string name = source.buffer.name + "_s";
      if (int count = names[name]++)
        name += std::to_string(count + 1);
      return csl::LoadOp::create(code, loc, code.getF32Type(), name,
                                 source.buffer.array,
                                 j ? j : i16(code, loc, 0));
    };
    Value x = operand(*a), y = operand(*b);
    Value to = isTile(*a) && a->buffer.array == result.array
                   ? x
                   : getRun(loc, result, extent, j, "_j");
    SmallVector<Value> args{to, x, y};
    TypeSwitch<Operation *>(op)
        .Case([&](linalg::AddOp) {
          csl::FaddsOp::create(code, loc, args, Value());
        })
        .Case([&](linalg::SubOp) {
          csl::FsubsOp::create(code, loc, args, Value());
        })
        .Case([&](linalg::MulOp) {
          csl::FmulsOp::create(code, loc, args, Value());
        })
        .Case([&](linalg::MaxOp) {
          csl::FmaxsOp::create(code, loc, args, Value());
        });
  });
  return success();
}

LogicalResult Lowering::lowerReturn(func::ReturnOp op) {
  if (op.getNumOperands() != 1)
    return op.emitError("expects one result, got ") << op.getNumOperands();
  Value value = op.getOperand(0);
  FailureOr<Buffer> buffer = getBuffer(op, value);
  if (failed(buffer))
    return failure();
  exportBuffer(op.getLoc(), *buffer);
  csl::LaunchOp::create(host, op.getLoc(), "compute");
  csl::MemcpyD2HOp::create(host, op.getLoc(), buffer->name,
                           getPlacement(cast<RankedTensorType>(value.getType()),
                                        layouts.lookup(value),
                                        /*rowMajor=*/false, /*output=*/true));
  return success();
}

LogicalResult Lowering::lower(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case<linalg::MatmulOp, linalg::MatvecOp, linalg::VecmatOp>(
          [&](auto product) { return lowerProduct(product); })
      .Case<linalg::AddOp, linalg::SubOp, linalg::MulOp, linalg::MaxOp>(
          [&](auto elementwise) { return lowerElementwise(elementwise); })
      .Case([&](func::ReturnOp ret) { return lowerReturn(ret); })
      // The readers of all others fetch what they need.
      .Default([](Operation *) { return success(); });
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

void Lowering::createFiles() {
  Location loc = main.getLoc();
  MLIRContext *context = main.getContext();
  OpBuilder top(main);
  auto layoutFile = csl::ModuleOp::create(top, loc, csl::ModuleKind::Layout,
                                          "layout", target);
  layout.createBlock(&layoutFile.getBody());
  auto pe =
      csl::ModuleOp::create(top, loc, csl::ModuleKind::Program, "pe", target);
  declare.createBlock(&pe.getBody());
  Value params = csl::ParamOp::create(
      declare, loc, csl::StructType::get(context), "memcpy_params");
  sys = csl::ImportModuleOp::create(declare, loc,
                                    csl::ImportedModuleType::get(context),
                                    "sys", "<memcpy/memcpy>", params);
  compute = csl::FuncOp::create(declare, loc, "compute");
  code.createBlock(&compute.getBody());
  auto comptime = csl::ComptimeOp::create(declare, loc);
  exports.createBlock(&comptime.getBody());
  declare.setInsertionPoint(compute);
  hostOp = csl::HostOp::create(top, loc);
  host.createBlock(&hostOp.getBody());

  // layout { ... } last, with the exports at its end.
  auto block = csl::LayoutOp::create(layout, loc);
  layoutBlock = layout.createBlock(&block.getBody());
}

void Lowering::createChainDeclarations() {
  Location loc = main.getLoc();
  MLIRContext *context = main.getContext();
  Type color = csl::ColorType::get(context), i1 = declare.getI1Type();
  OpBuilder::InsertionGuard guard(declare);
  declare.setInsertionPointAfter(sys.getDefiningOp());
  hasWest = csl::ParamOp::create(declare, loc, i1, "has_west");
  hasEast = csl::ParamOp::create(declare, loc, i1, "has_east");
  isLast = csl::ParamOp::create(declare, loc, i1, "is_last");
  inColor = csl::ParamOp::create(declare, loc, color, "c_in");
  outColor = csl::ParamOp::create(declare, loc, color, "c_out");
  done = csl::GetLocalTaskIdOp::create(
      declare, loc, csl::LocalTaskIdType::get(context), "done_id", doneTask);
}

/// Code and routes of the columns start, start + step, ...: all alike.
void Lowering::createTiles(int64_t start, int64_t count, int64_t step) {
  Location loc = main.getLoc();
  MLIRContext *context = main.getContext();
  OpBuilder b = layout;
  auto loop = [&](StringRef name, int64_t n) -> Value {
    auto op = csl::ForOp::create(b, loc, name, n);
    return b.createBlock(&op.getBody(), {}, b.getI16Type(), loc)
        ->getArgument(0);
  };
  Value x;
  if (count == 1) {
    x = i16(b, loc, start);
  } else {
    x = loop("i", count);
    if (step != 1)
      x = arith::MulIOp::create(b, loc, x, i16(b, loc, step));
    if (start != 0)
      x = arith::AddIOp::create(b, loc, x, i16(b, loc, start));
  }
  Value y = loop("py", rows);
  Value memcpy;
  layoutBlock->getParentOp()->getParentOfType<csl::ModuleOp>().walk(
      [&](csl::ImportModuleOp op) { memcpy = op; });
  Value params =
      csl::MemberCallOp::create(b, loc, csl::StructType::get(context), memcpy,
                                "get_params", ValueRange{x})
          .getResult();
  SmallVector<StringRef> fields{"memcpy_params"};
  SmallVector<Value> values{params};
  Value even, odd, in, out;
  bool west = start != 0, east = start != columns - 1;
  if (reduced) {
    layoutBlock->getParentOp()->getParentOfType<csl::ModuleOp>().walk(
        [&](csl::GetColorOp op) {
          (op.getId() == evenColor ? even : odd) = op;
        });
    // Even columns send on one colour, odd ones on the other.
    in = start % 2 ? even : odd;
    out = start % 2 ? odd : even;
    fields.append({"has_west", "has_east", "is_last", "c_in", "c_out"});
    values.push_back(arith::ConstantOp::create(b, loc, b.getBoolAttr(west)));
    values.push_back(arith::ConstantOp::create(b, loc, b.getBoolAttr(east)));
    values.push_back(arith::ConstantOp::create(b, loc, b.getBoolAttr(!east)));
    values.append({in, out});
  }
  Value literal = csl::StructOp::create(b, loc, csl::StructType::get(context),
                                        b.getStrArrayAttr(fields), values);
  csl::SetTileCodeOp::create(b, loc, x, y, "pe", literal);
  auto route = [&](Value color, csl::Direction rx, csl::Direction tx) {
    csl::SetColorConfigOp::create(
        b, loc, x, y, color, rx,
        b.getArrayAttr(csl::DirectionAttr::get(context, tx)));
  };
  if (reduced && west)
    route(in, csl::Direction::West, csl::Direction::Ramp);
  if (reduced && east)
    route(out, csl::Direction::Ramp, csl::Direction::East);
}

void Lowering::createLayout() {
  Location loc = main.getLoc();
  MLIRContext *context = main.getContext();
  OpBuilder before(layoutBlock->getParentOp());
  Value size = csl::StructOp::create(
      before, loc, csl::StructType::get(context),
      before.getStrArrayAttr({"width", "height"}),
      ValueRange{i16(before, loc, columns), i16(before, loc, rows)});
  csl::ImportModuleOp::create(before, loc,
                              csl::ImportedModuleType::get(context), "memcpy",
                              "<memcpy/get_params>", size);
  if (reduced) {
    csl::GetColorOp::create(before, loc, csl::ColorType::get(context),
                            "chain_even", evenColor);
    csl::GetColorOp::create(before, loc, csl::ColorType::get(context),
                            "chain_odd", oddColor);
  }
  layout.setInsertionPointToStart(layoutBlock);
  csl::SetRectangleOp::create(layout, loc, columns, rows);
  if (!reduced)
    return createTiles(0, columns, 1);
  createTiles(0, 1, 2);
  for (int64_t start : {1, 2})
    if (int64_t count = (columns - start) / 2; count > 0)
      createTiles(start, count, 2);
  createTiles(columns - 1, 1, 2);
}

LogicalResult Lowering::run() {
  createFiles();
  for (Operation &op : main.getBody().front())
    if (failed(lower(op)))
      return failure();
  Location loc = main.getLoc();
  csl::ExportSymbolOp::create(exports, loc, exports.getStringAttr("compute"),
                              Value());
  csl::ExportNameOp::create(layout, loc, layout.getStringAttr("compute"),
                            TypeAttr());
  if (reduced) {
    // Only the last PE has work after the sum, if there is any.
    if (afterSum.getThen().front().empty())
      afterSum.erase();
    code.setInsertionPointToEnd(&doneOp.getBody().front());
  }
  csl::MemberCallOp::create(code, loc, Type(), sys, "unblock_cmd_stream",
                            ValueRange{});
  createLayout();
  return success();
}

namespace {
struct ConvertMeshToCSL : plait::impl::ConvertMeshToCSLBase<ConvertMeshToCSL> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(convert()))
      signalPassFailure();
  }

  LogicalResult convert() {
    ModuleOp module = getOperation();
    auto grids = llvm::to_vector(module.getOps<mesh::GridOp>());
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main || main.isDeclaration())
      return module.emitError("expects a function @main");
    if (grids.size() != 1)
      return module.emitError("expects one 'mesh.grid', got ") << grids.size();
    if (sdk != "1.4" && sdk != "2.10")
      return module.emitError("expects option 'sdk' 1.4 or 2.10, got '")
             << sdk << "'";
    auto layouts = mesh::inferLayouts(main);
    if (failed(layouts))
      return failure();
    auto target =
        csl::TargetAttr::get(&getContext(), grids[0].getTarget(), sdk);
    if (failed(Lowering(main, grids[0], *layouts, target, comments, debugInfo)
                   .run()))
      return failure();
    main.erase();
    grids[0].erase();
    return success();
  }
};
} // namespace
