//===- Rows.cpp - what the elements of a program's tensors are -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rows.h"

#include "plait/Dialect/Sample/IR/Sample.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace plait::sample;

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

const Term *RowReader::add(std::string key, Term term) {
  std::unique_ptr<Term> &found = terms[key];
  if (!found)
    found = std::make_unique<Term>(std::move(term));
  return found.get();
}

const Term *RowReader::constant(double number) {
  uint64_t bits = llvm::bit_cast<uint64_t>(number);
  return add("constant " + std::to_string(bits),
             Term{"constant", {}, {}, number, false});
}

const Term *RowReader::leaf(Value value, const Frame *frame) {
  std::string key;
  llvm::raw_string_ostream(key)
      << "value " << value.getAsOpaquePointer() << " " << frame;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  bool isRow = type && type.getRank() > 1 &&
               llvm::any_of(type.getShape().drop_front(),
                            [](int64_t size) { return size != 1; });
  return add(key, Term{"value", {}, value, {}, isRow});
}

/// Whether a term of integers is never negative.
static bool isPlace(const Term *term) {
  if (term->is("index") || term->is("rank") || term->is("add"))
    return true;
  return term->value && isa_and_nonnull<DrawOp, GreedyOp, GumbelOp>(
                            term->value.getDefiningOp());
}

const Term *RowReader::make(StringRef op, ArrayRef<const Term *> operands) {
  auto is = [&](unsigned i, double number) {
    return operands[i]->isConstant(number);
  };
  double infinity = std::numeric_limits<double>::infinity();
  // Order is written with "less" alone.
  if (op == "gt" || op == "ge")
    return make(op == "gt" ? "lt" : "le", {operands[1], operands[0]});
  if (op == "not" && (operands[0]->is("lt") || operands[0]->is("le")))
    return make(operands[0]->is("lt") ? "le" : "lt",
                {(*operands[0])[1], (*operands[0])[0]});
  if (op == "xor" && (is(0, 1) || is(0, -1)))
    return make("not", {operands[1]});
  if (op == "xor" && (is(1, 1) || is(1, -1)))
    return make("not", {operands[0]});
  if (op == "select" && operands[0]->is("not"))
    return make("select", {(*operands[0])[0], operands[2], operands[1]});
  if ((op == "maximumf" || op == "maxnumf") && is(0, -infinity))
    return operands[1];
  if ((op == "maximumf" || op == "maxnumf") && is(1, -infinity))
    return operands[0];
  // An index that counts from the end if it is negative, and is not; and what
  // a gather gives outside of its operand.
  if (op == "select" && operands[0]->is("lt") &&
      (*operands[0])[1]->isConstant(0) && (*operands[0])[0] == operands[2] &&
      isPlace(operands[2]))
    return operands[2];
  if (op == "select" && operands[1]->is("at") && operands[2]->constant &&
      (std::isnan(*operands[2]->constant) || *operands[2]->constant < 0))
    return operands[1];
  if (op == "maxsi" && is(1, 0) && isPlace(operands[0]))
    return operands[0];
  // exp(t - max(t)) / add(exp(t - max(t)))
  if (op == "divf" && operands[0]->is("exp") && operands[1]->is("add")) {
    const Term *power = operands[0], *summed = (*operands[1])[0];
    const Term *gap = (*power)[0];
    bool isHead = summed->is("head");
    if (gap->is("subf") && (*gap)[1]->is("max")) {
      const Term *all = (*(*gap)[1])[0];
      bool sameHead = isHead && all->is("head") && (*all)[0] == (*gap)[0] &&
                      (*summed)[0] == power && (*all)[1] == (*summed)[1] &&
                      (*all)[2] == (*summed)[2];
      if ((!isHead && summed == power && all == (*gap)[0]) || sameHead)
        return make("softmax", {all});
    }
  }

  std::string key = op.str();
  llvm::raw_string_ostream stream(key);
  bool isRow = op == "index" || op == "rank" || op == "prefix";
  for (const Term *operand : operands) {
    stream << " " << operand;
    isRow |= operand->isRow;
  }
  if (op == "max" || op == "add" || op == "and" || op == "or" || op == "at")
    isRow = false;
  return add(key, Term{op.str(),
                       SmallVector<const Term *>(operands),
                       {},
                       std::nullopt,
                       isRow});
}

const Term *RowReader::flip(const Term *order) {
  return make(order->is("asc") ? "desc" : "asc", {(*order)[0]});
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Rows RowReader::read(Value value, const Frame *frame) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && frame && argument.getOwner()->isEntryBlock() &&
      isa<func::FuncOp>(argument.getOwner()->getParentOp())) {
    func::CallOp call = frame->call;
    return read(call.getOperand(argument.getArgNumber()), frame->caller);
  }
  auto key = std::make_pair(value.getAsOpaquePointer(), frame);
  if (auto found = known.find(key); found != known.end())
    return found->second;
  known[key] = Rows{leaf(value, frame)}; // Until it is understood.
  Attribute attribute;
  if (matchPattern(value, m_Constant(&attribute))) {
    if (auto elements = dyn_cast<SplatElementsAttr>(attribute))
      attribute = elements.getSplatValue<Attribute>();
    if (auto number = dyn_cast<FloatAttr>(attribute))
      return known[key] = Rows{constant(number.getValue().convertToDouble())};
    if (auto integer = dyn_cast<IntegerAttr>(attribute)) {
      bool isBool = integer.getType().isInteger(1);
      int64_t number = isBool ? integer.getValue().getZExtValue()
                              : integer.getValue().getSExtValue();
      return known[key] = Rows{constant(number)};
    }
    return known[key];
  }
  if (argument)
    return known[key];
  if (Rows rows = compute(cast<OpResult>(value), frame))
    known[key] = rows;
  return known[key];
}

Rows RowReader::compute(OpResult value, const Frame *frame) {
  Operation *op = value.getOwner();
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return read(fill.getInputs()[0], frame);
  if (isa<tensor::SplatOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp,
          arith::ExtFOp, arith::IndexCastOp, UnrealizedConversionCastOp>(op) &&
      op->getNumOperands() == 1)
    return read(op->getOperand(0), frame);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return readReshape(op->getOperand(0), value, frame);
  if (isa<tensor::ExtractSliceOp>(op))
    return readSlice(op, frame);
  if (isa<tensor::InsertSliceOp>(op))
    return readInsertion(op, frame);
  if (isa<plait::stablehlo::SortOp>(op))
    return readSort(op, value.getResultNumber(), frame);
  if (auto call = dyn_cast<func::CallOp>(op))
    return readCall(call, value.getResultNumber(), frame);
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return readGeneric(generic, value.getResultNumber(), frame);
  return {};
}

/// Whether a tensor of this shape may hold rows that vary: rows come first, and
/// their elements are in one other dimension.
static bool fits(ArrayRef<int64_t> shape, bool isRow) {
  return !isRow || shape.size() < 2 ||
         llvm::count_if(
             shape.drop_front(), [](int64_t size) { return size != 1; }) == 1;
}

Rows RowReader::readReshape(Value source, Value result, const Frame *frame) {
  Rows rows = read(source, frame);
  auto from = cast<RankedTensorType>(source.getType());
  auto to = cast<RankedTensorType>(result.getType());
  auto wide = [](RankedTensorType type) {
    return llvm::count_if(type.getShape(),
                          [](int64_t size) { return size != 1; });
  };
  if (wide(from) != wide(to) || !fits(to.getShape(), rows.term->isRow))
    return {};
  if (!rows.term->isRow && wide(to) &&
      (!from.getRank() || from.getDimSize(0) != to.getDimSize(0)))
    return {};
  return rows;
}

Rows RowReader::readSlice(Operation *op, const Frame *frame) {
  auto slice = cast<tensor::ExtractSliceOp>(op);
  auto from = slice.getSourceType(), to = slice.getType();
  Rows rows = read(slice.getSource(), frame);
  if (!rows.order || from.getRank() != 2 || to.getRank() != 2 ||
      !slice.hasUnitStride() || from.getDimSize(0) != to.getDimSize(0) ||
      llvm::any_of(slice.getStaticOffsets(), ShapedType::isDynamic) ||
      to.isDynamicDim(1) || slice.getStaticOffsets()[0] != 0)
    return {};
  int64_t first = slice.getStaticOffsets()[1], size = to.getDimSize(1);
  if (size == 1)
    return {make("at", {rows.term, rows.order, constant(first)})};
  if (first != 0)
    return {};
  return size == from.getDimSize(1) ? rows : Rows{rows.term, rows.order, size};
}

Rows RowReader::readInsertion(Operation *op, const Frame *frame) {
  auto insert = cast<tensor::InsertSliceOp>(op);
  auto to = insert.getType(), from = insert.getSourceType();
  Rows rows = read(insert.getDest(), frame);
  Rows column = read(insert.getSource(), frame);
  if (!rows.term->isRow || rows.count || to.getRank() != 2 ||
      from.getRank() != 2 || from.getDimSize(1) != 1 ||
      from.getDimSize(0) != to.getDimSize(0) || column.term->isRow ||
      llvm::any_of(insert.getStaticOffsets(), ShapedType::isDynamic) ||
      insert.getStaticOffsets()[0] != 0)
    return {};
  const Term *place =
      rows.order ? make("rank", {rows.order}) : make("index", {});
  const Term *here =
      make("eq", {place, constant(insert.getStaticOffsets()[1])});
  return {make("select", {here, column.term, rows.term}), rows.order};
}

Rows RowReader::readSort(Operation *op, unsigned result, const Frame *frame) {
  auto sort = cast<plait::stablehlo::SortOp>(op);
  auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  if (!type || type.getRank() != 2 || sort.getDimension() != 1 ||
      !isa<FloatType>(type.getElementType()))
    return {};
  Rows key = read(op->getOperand(0), frame);
  StringRef direction =
      sortDirection(op->getRegion(0).front(), type.getElementType());
  if (key.order || !key.term->isRow || direction.empty())
    return {};
  const Term *order = make(direction, {key.term});
  if (result == 0)
    return {key.term, order};
  if (isIota(op->getOperand(result)))
    return {make("index", {}), order};
  Rows other = read(op->getOperand(result), frame);
  return other.order ? Rows{} : Rows{other.term, order};
}

Rows RowReader::readCall(func::CallOp call, unsigned result,
                         const Frame *frame) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  if (!callee || callee.isExternal())
    return {};
  if (callee->hasAttr("torch.kernel"))
    return readKernel(call, callee, result, frame);
  if (!callee.getBody().hasOneBlock())
    return {};
  // Recursion is not followed for ever.
  for (const Frame *outer = frame; outer; outer = outer->caller)
    if (func::CallOp(outer->call).getCallee() == call.getCallee())
      return {};
  auto &inner = frames[{call.getOperation(), frame}];
  if (!inner)
    inner = std::make_unique<Frame>(Frame{call, frame});
  Operation *end = callee.getBody().front().getTerminator();
  return read(end->getOperand(result), inner.get());
}

/// What the torch front end writes as loops says what it is.
Rows RowReader::readKernel(func::CallOp call, func::FuncOp callee,
                           unsigned result, const Frame *frame) {
  SmallVector<StringRef> words;
  for (Attribute word : callee->getAttrOfType<ArrayAttr>("torch.kernel"))
    words.push_back(cast<StringAttr>(word).getValue());
  auto type = dyn_cast<RankedTensorType>(call.getOperand(0).getType());
  if (!type || type.getRank() != 2 || words.size() < 2 || words[1] != "1")
    return {};
  Rows x = read(call.getOperand(0), frame);
  if (words[0] == "sort") {
    if (x.order || !x.term->isRow || !isa<FloatType>(type.getElementType()))
      return {};
    const Term *order = make(words[2] == "True" ? "desc" : "asc", {x.term});
    return {result == 0 ? x.term : make("index", {}), order};
  }
  if (words[0] == "cumulate" && words[2] == "add" && x.order && !x.count)
    return {make("prefix", {x.term, x.order}), x.order};
  if (words[0] == "scatter" && words[2] == "set") {
    // By the indices of a sort every element goes back to its place.
    Rows index = read(call.getOperand(1), frame);
    Rows source = read(call.getOperand(2), frame);
    if (index.order && index.term->is("index") && !index.count &&
        source.order == index.order && !source.count)
      return {source.term};
  }
  return {};
}

//===----------------------------------------------------------------------===//
// linalg.generic
//===----------------------------------------------------------------------===//

namespace {

/// Which loop goes over rows, and which over their elements: the only other
/// one that is more than one iteration.
struct Loops {
  SmallVector<int64_t> sizes;
  std::optional<unsigned> element;
  bool good = true;

  explicit Loops(linalg::GenericOp op) : sizes(op.getStaticLoopRanges()) {
    for (unsigned i = 1; i < sizes.size(); ++i) {
      if (sizes[i] == 1)
        continue;
      good &= !element;
      element = i;
    }
  }

  /// Whether an operand is read row by row and element by element; `reversed`
  /// if elements come from the end.
  bool read(RankedTensorType type, AffineMap map, bool isRow,
            bool &reversed) const {
    for (auto [i, expression] : llvm::enumerate(map.getResults())) {
      if (type.getDimSize(i) == 1)
        continue;
      auto loop = dyn_cast<AffineDimExpr>(expression);
      if (!loop) {
        auto last =
            getAffineConstantExpr(type.getDimSize(i) - 1, map.getContext());
        for (unsigned d = 0; d < map.getNumDims() && !loop; ++d) {
          auto candidate = getAffineDimExpr(d, map.getContext());
          if (expression == last - candidate)
            loop = cast<AffineDimExpr>(candidate);
        }
        if (!loop)
          return false;
        reversed = true;
      }
      if (sizes.size() == 1)
        continue;
      bool overRows = type.getRank() == 1 ? !isRow : i == 0;
      if (overRows ? loop.getPosition() != 0
                   : !element || loop.getPosition() != *element)
        return false;
    }
    return true;
  }
};

} // namespace

Rows RowReader::readGeneric(linalg::GenericOp op, unsigned result,
                            const Frame *frame) {
  if (op.getNumReductionLoops() == 0)
    return readElementwise(op, result, frame);
  if (op.getNumLoops() == 3 && op.getNumDpsInputs() == 2)
    return readPrefixSum(op, frame);
  return result == 0 ? readReduction(op, frame) : Rows{};
}

/// The name of the combination of a reduction's body, and the number that
/// changes nothing.
static std::pair<StringRef, double> combination(linalg::GenericOp op) {
  double infinity = std::numeric_limits<double>::infinity();
  if (isArgmax(op))
    return {"max", -infinity};
  Block *body = op.getBody();
  auto yield = body->getTerminator();
  Operation *combine = yield->getOperand(0).getDefiningOp();
  if (yield->getNumOperands() != 1 || !combine ||
      combine->getNumOperands() != 2 || combine->getBlock() != body)
    return {"", 0};
  SmallVector<Value> both(combine->getOperands());
  if (both[0] != body->getArgument(0))
    std::swap(both[0], both[1]);
  if (both[0] != body->getArgument(0) || both[1] != body->getArguments().back())
    return {"", 0};
  if (isa<arith::AddFOp, arith::AddIOp>(combine))
    return {"add", 0};
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(combine))
    return {"max", -infinity};
  if (isa<arith::AndIOp>(combine))
    return {"and", 1};
  return {"", 0};
}

Rows RowReader::readReduction(linalg::GenericOp op, const Frame *frame) {
  Loops loops(op);
  auto type = dyn_cast<RankedTensorType>(op.getDpsInputs()[0].getType());
  if (!loops.good || op.getNumReductionLoops() != 1 || !type)
    return {};
  Rows rows = read(op.getDpsInputs()[0], frame);
  bool reversed = false;
  if (!loops.read(type, op.getIndexingMapsArray()[0], rows.term->isRow,
                  reversed))
    return {};
  auto [name, neutral] = combination(op);
  Rows start = read(op.getDpsInits()[0], frame);
  if (name.empty() || !start.term->isConstant(neutral))
    return {};
  unsigned loop = 0;
  for (auto [i, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::reduction)
      loop = i;
  if (loops.sizes[loop] == 1)
    return rows;
  if (!loops.element || loop != *loops.element || !rows.term->isRow)
    return {};
  if (rows.count)
    rows.term = make("head", {rows.term, rows.order, constant(rows.count)});
  return {make(name, {rows.term})};
}

/// A running sum as JAX writes it: a window over the row with zeros before it.
Rows RowReader::readPrefixSum(linalg::GenericOp op, const Frame *frame) {
  MLIRContext *context = op.getContext();
  auto row = getAffineDimExpr(0, context), at = getAffineDimExpr(1, context);
  auto back = getAffineDimExpr(2, context);
  SmallVector<AffineMap> maps{AffineMap::get(3, 0, {row, at + back}, context),
                              AffineMap::get(3, 0, back),
                              AffineMap::get(3, 0, {row, at}, context)};
  auto pad = op.getDpsInputs()[0].getDefiningOp<tensor::PadOp>();
  if (op.getIndexingMapsArray() != maps || !pad)
    return {};
  Block *body = op.getBody();
  auto sum =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  int64_t size = op.getStaticLoopRanges()[1];
  Value padding = pad.getConstantPaddingValue();
  if (!sum || !llvm::is_contained(sum.getOperands(), body->getArgument(0)) ||
      !llvm::is_contained(sum.getOperands(), body->getArgument(2)) ||
      op.getStaticLoopRanges()[2] != size || !padding ||
      pad.getStaticLow() != ArrayRef<int64_t>{0, size - 1} ||
      pad.getStaticHigh() != ArrayRef<int64_t>{0, 0})
    return {};
  Rows rows = read(pad.getSource(), frame);
  if (!rows.order || rows.count || !read(padding, frame).term->isConstant(0) ||
      !read(op.getDpsInits()[0], frame).term->isConstant(0))
    return {};
  return {make("prefix", {rows.term, rows.order}), rows.order};
}

/// The name of a scalar operation in terms.
static std::string nameOf(Operation &op) {
  auto compare = [](StringRef predicate) {
    if (predicate.size() == 3) // olt, slt: without NaN and for places the same
      predicate = predicate.drop_front();
    return predicate.str();
  };
  if (auto cmp = dyn_cast<arith::CmpFOp>(op))
    return compare(arith::stringifyCmpFPredicate(cmp.getPredicate()));
  if (auto cmp = dyn_cast<arith::CmpIOp>(op))
    return compare(arith::stringifyCmpIPredicate(cmp.getPredicate()));
  if (isa<arith::XOrIOp>(op))
    return "xor";
  return op.getName().stripDialect().str();
}

/// Whether only places in an unsorted row decide what the elements are.
static bool isOfPlaces(const Rows &rows) {
  std::function<bool(const Term *)> check = [&](const Term *term) {
    if (term->is("index") || !term->isRow)
      return true;
    return !term->operands.empty() && !term->is("rank") &&
           llvm::all_of(term->operands, check);
  };
  return rows.term->isRow && !rows.order && check(rows.term);
}

/// `term` with the places in the rows sorted by `order`.
const Term *RowReader::placed(const Term *term, const Term *order) {
  if (term->is("index"))
    return make("rank", {order});
  if (!term->isRow)
    return term;
  SmallVector<const Term *> operands;
  for (const Term *operand : term->operands)
    operands.push_back(placed(operand, order));
  return make(term->op, operands);
}

Rows RowReader::readElementwise(linalg::GenericOp op, unsigned result,
                                const Frame *frame) {
  Loops loops(op);
  AffineMap out = op.getIndexingMapsArray().back();
  if (!loops.good || !out.isIdentity())
    return {};
  const Term *order = nullptr;
  int64_t count = 0;
  bool hasRow = false;
  llvm::DenseMap<Value, const Term *> inside;
  Block *body = op.getBody();
  for (auto [i, input] : llvm::enumerate(op.getDpsInputs())) {
    auto type = dyn_cast<RankedTensorType>(input.getType());
    Rows rows = read(input, frame);
    bool reversed = false;
    if (type && !loops.read(type, op.getIndexingMapsArray()[i],
                            rows.term->isRow, reversed))
      return {};
    if (reversed && (!rows.order || rows.count))
      return {};
    if (reversed)
      rows.order = flip(rows.order);
    if (rows.term->isRow && !isOfPlaces(rows)) {
      if (hasRow && (order != rows.order || count != rows.count))
        return {};
      hasRow = true;
      order = rows.order;
      count = rows.count;
    }
    inside[body->getArgument(i)] = rows.term;
  }
  // Places are those of the other operands.
  for (auto [i, input] : llvm::enumerate(op.getDpsInputs()))
    if (order && isOfPlaces(read(input, frame)))
      inside[body->getArgument(i)] =
          placed(inside[body->getArgument(i)], order);
  llvm::SmallPtrSet<Value, 4> rowNumbers;
  auto look = [&](Value value) -> const Term * {
    if (auto found = inside.find(value); found != inside.end())
      return found->second;
    Rows rows = read(value, frame);
    return rows.term->isRow ? nullptr : rows.term;
  };
  for (Operation &inner : body->without_terminator()) {
    if (isa<cf::AssertOp>(inner))
      continue;
    if (inner.getNumResults() != 1)
      return {};
    const Term *term = nullptr;
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      if (loops.sizes.size() > 1 && index.getDim() == 0)
        rowNumbers.insert(index);
      term = order ? make("rank", {order}) : make("index", {});
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      auto type = cast<RankedTensorType>(extract.getTensor().getType());
      Rows source = read(extract.getTensor(), frame);
      const Term *place = nullptr;
      for (auto [i, index] : llvm::enumerate(extract.getIndices())) {
        if (type.getDimSize(i) == 1)
          continue;
        if (i == 0 && type.getRank() > 1 ? !rowNumbers.contains(index)
                                         : bool(place))
          return {};
        if (i > 0 || type.getRank() == 1)
          place = look(index);
      }
      if (!source.term->isRow && type.getRank() > 1)
        term = source.term;
      else if (!place || !fits(type.getShape(), true))
        return {};
      else if (source.order && !place->isRow)
        term = make("at", {source.term, source.order, place});
      else if (!source.order && place->is("index") && order)
        term = source.term; // By the indices of a sort.
      else
        return {};
    } else if (isa<arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp,
                   arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp,
                   arith::SIToFPOp, arith::UIToFPOp>(inner) ||
               (isa<arith::MinSIOp>(inner) &&
                inner.getResult(0).getType().isIndex())) {
      term = look(inner.getOperand(0)); // Places are within bounds.
    } else {
      SmallVector<const Term *> operands;
      for (Value operand : inner.getOperands()) {
        operands.push_back(look(operand));
        if (!operands.back())
          return {};
      }
      if (inner.getNumRegions())
        return {};
      term = operands.empty() ? read(inner.getResult(0), frame).term
                              : make(nameOf(inner), operands);
    }
    if (!term)
      return {};
    inside[inner.getResult(0)] = term;
  }
  const Term *term = look(body->getTerminator()->getOperand(result));
  auto type = cast<RankedTensorType>(op.getResult(result).getType());
  if (!term || !fits(type.getShape(), term->isRow))
    return {};
  return {term, term->isRow ? order : nullptr, term->isRow ? count : 0};
}
