//===- Contraction.cpp - a contraction as strides over loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace plait::contraction;

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// How much `expr` grows with `dim`, if it is a sum of loops times constants.
static std::optional<int64_t> coefficient(AffineExpr expr, unsigned dim) {
  if (auto d = dyn_cast<AffineDimExpr>(expr))
    return d.getPosition() == dim;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() == 0 ? std::optional<int64_t>(0) : std::nullopt;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  auto x = coefficient(binary.getLHS(), dim);
  if (!x)
    return std::nullopt;
  if (binary.getKind() == AffineExprKind::Add) {
    auto y = coefficient(binary.getRHS(), dim);
    return y ? std::optional(*x + *y) : std::nullopt;
  }
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (binary.getKind() != AffineExprKind::Mul || !factor)
    return std::nullopt;
  return *x * factor.getValue();
}

static bool isLinear(AffineMap map) {
  return llvm::all_of(map.getResults(),
                      [](AffineExpr expr) { return coefficient(expr, 0); });
}

/// `dim op constant`, or nothing.
static std::optional<std::pair<unsigned, int64_t>>
dimByConstant(AffineExpr expr, AffineExprKind kind) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || binary.getKind() != kind)
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(binary.getLHS());
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!dim || !constant)
    return std::nullopt;
  return std::make_pair(dim.getPosition(), constant.getValue());
}

/// The width of the panels that `map` addresses: its first result is
/// `n floordiv width`, its last `n mod width`, and no other uses n.
static int64_t panelWidth(AffineMap map) {
  if (map.getNumResults() < 2)
    return 0;
  auto panel =
      dimByConstant(map.getResults().front(), AffineExprKind::FloorDiv);
  auto lane = dimByConstant(map.getResults().back(), AffineExprKind::Mod);
  ArrayRef<AffineExpr> rest = map.getResults().drop_front().drop_back();
  if (!panel || panel != lane || llvm::any_of(rest, [&](AffineExpr expr) {
        return coefficient(expr, panel->first) != 0;
      }))
    return 0;
  return panel->second;
}

/// `value` without the widening cast on it.
static Value stripCast(Value value, Operation *&cast) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp,
                      arith::SIToFPOp>(op)) {
    cast = op;
    return op->getOperand(0);
  }
  return value;
}

/// The loop along which neighbours of `operand` are neighbours in memory.
static std::optional<unsigned> contiguousDim(ArrayRef<int64_t> ranges,
                                             const Operand &operand) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(cast<MemRefType>(operand.buffer.getType())
                 .getStridesAndOffset(strides, offset)))
    return std::nullopt;
  for (auto [expr, stride] : llvm::zip_equal(operand.map.getResults(), strides))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      if (stride == 1 && ranges[dim.getPosition()] != 1)
        return dim.getPosition();
  return std::nullopt;
}

std::optional<Contraction> Contraction::match(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0)
    return std::nullopt;
  Block &body = *op.getBody();
  Operation *sum = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum))
    return std::nullopt;
  BlockArgument old = body.getArgument(2);
  unsigned product = sum->getOperand(0) == old ? 1 : 0;
  if (sum->getOperand(1 - product) != old || !old.hasOneUse())
    return std::nullopt;
  Operation *mul = sum->getOperand(product).getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(mul))
    return std::nullopt;

  Contraction c(op);
  Operand *a = &c.operands[A], *b = &c.operands[B], *result = &c.operands[C];
  Value x = stripCast(mul->getOperand(0), a->widening);
  Value y = stripCast(mul->getOperand(1), b->widening);
  unsigned first = x == body.getArgument(0) ? 0 : 1;
  if (x != body.getArgument(first) || y != body.getArgument(1 - first))
    return std::nullopt;
  // Nothing but the product, its casts and the sum.
  if (body.getOperations().size() !=
      3u + (a->widening ? 1 : 0) + (b->widening ? 1 : 0))
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  a->buffer = op.getDpsInputOperand(first)->get();
  a->map = maps[first];
  b->buffer = op.getDpsInputOperand(1 - first)->get();
  b->map = maps[1 - first];
  result->buffer = op.getDpsInits()[0];
  result->map = maps[2];
  Type element = result->element();
  if (!element.isIntOrFloat() || element.isInteger(1) ||
      !result->map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return std::nullopt;
  c.sumType = element.isF16() || element.isBF16()
                  ? Float32Type::get(op.getContext())
                  : element;
  for (Operand &operand : c.operands) {
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(cast<MemRefType>(operand.buffer.getType())
                   .getStridesAndOffset(strides, offset)))
      return std::nullopt;
  }

  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto contiguous = contiguousDim(ranges, *result);
  if (panelWidth(a->map) ||
      (contiguous && !b->map.isFunctionOfDim(*contiguous)))
    std::swap(*a, *b);
  c.panels.width = panelWidth(b->map);
  if (!isLinear(a->map) || !(c.panels.width || isLinear(b->map)))
    return std::nullopt;

  for (unsigned dim = 0, e = op.getNumLoops(); dim < e; ++dim) {
    bool l = a->map.isFunctionOfDim(dim), r = b->map.isFunctionOfDim(dim),
         o = result->map.isFunctionOfDim(dim);
    if (!(o ? l || r : l && r))
      return std::nullopt;
    if (ranges[dim] == 1)
      continue;
    if (!o)
      c.sumDims.push_back(dim);
    else if (l && r)
      c.outerDims.push_back(dim);
    else
      (l ? c.rowDims : c.columnDims).push_back(dim);
  }

  // As the loops lie in memory.
  auto sortBy = [](SmallVector<unsigned> &dims, AffineMap map) {
    llvm::stable_sort(dims, [&](unsigned x, unsigned y) {
      auto position = [&](unsigned dim) {
        return llvm::find_if(
                   map.getResults(),
                   [&](AffineExpr expr) { return expr.isFunctionOfDim(dim); }) -
               map.getResults().begin();
      };
      return position(x) < position(y);
    });
  };
  sortBy(c.rowDims, result->map);
  sortBy(c.columnDims, result->map);
  sortBy(c.outerDims, result->map);
  // Sums as they lie in the operand that is read as vectors along them, which
  // is B if no column is contiguous in it.
  bool alongColumns = contiguous && contiguousDim(ranges, *b) == contiguous;
  sortBy(c.sumDims, alongColumns || c.panels.width ? a->map : b->map);

  // The vectorised loop is the last of the columns.
  if (contiguous && llvm::is_contained(c.outerDims, *contiguous)) {
    llvm::erase(c.outerDims, *contiguous);
    c.outerDims.append(c.columnDims);
    c.columnDims = {*contiguous};
  } else if (contiguous) {
    llvm::erase(c.columnDims, *contiguous);
    c.columnDims.push_back(*contiguous);
  } else if (c.columnDims.empty() && !c.rowDims.empty()) {
    std::swap(*a, *b);
    std::swap(c.rowDims, c.columnDims);
  } else if (c.columnDims.empty() && !c.outerDims.empty()) {
    c.columnDims = {c.outerDims.pop_back_val()};
  }
  return c;
}

//===----------------------------------------------------------------------===//
// Strides
//===----------------------------------------------------------------------===//

Loop Contraction::makeLoop(
    Emitter &b, unsigned dim,
    ArrayRef<SmallVector<OpFoldResult>> bufferStrides) const {
  Loop loop;
  loop.first.fill(-1);
  loop.last.fill(-1);
  for (unsigned which : all()) {
    AffineMap map = operands[which].map;
    OpFoldResult stride = b.constant(0);
    for (auto [index, expr] : llvm::enumerate(map.getResults())) {
      if (!expr.isFunctionOfDim(dim))
        continue;
      bool plain = isa<AffineDimExpr>(expr) && !loop.uses[which];
      loop.first[which] = loop.last[which] = plain ? int64_t(index) : -1;
      loop.uses[which] = true;
      // n in panels: one lane further within a panel.
      if (which == B && dimByConstant(expr, AffineExprKind::FloorDiv))
        continue;
      int64_t by = which == B && dimByConstant(expr, AffineExprKind::Mod)
                       ? 1
                       : *coefficient(expr, dim);
      stride = b.add(stride, b.mul(bufferStrides[which][index], by));
    }
    loop.strides[which] = stride;
  }
  return loop;
}

std::optional<int64_t> Contraction::staticRows() {
  int64_t rows = 1;
  SmallVector<int64_t> ranges =
      cast<linalg::LinalgOp>(op.getOperation()).getStaticLoopRanges();
  for (unsigned dim : rowDims) {
    int64_t range = ranges[dim];
    if (ShapedType::isDynamic(range))
      return std::nullopt;
    rows *= range;
  }
  return rows;
}

/// Makes the operand's flat buffer; gives the strides of its dimensions.
static SmallVector<OpFoldResult> flatten(Emitter &b, Operand &operand) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, operand.buffer);
  SmallVector<OpFoldResult> strides = metadata.getConstifiedMixedStrides();
  OpFoldResult extent = b.constant(1);
  for (auto [size, stride] :
       llvm::zip_equal(metadata.getConstifiedMixedSizes(), strides))
    extent = b.add(extent, b.mul(b.sub(size, b.constant(1)), stride));
  auto layout =
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1});
  OpFoldResult offset = metadata.getConstifiedMixedOffset();
  if (auto known = getConstantIntValue(offset))
    layout = StridedLayoutAttr::get(b.getContext(), *known, {1});
  auto known = getConstantIntValue(extent);
  auto type = MemRefType::get(
      {known ? std::max<int64_t>(*known, 0) : ShapedType::kDynamic},
      operand.element(), layout);
  operand.flat = memref::ReinterpretCastOp::create(
      b, type, metadata.getBaseBuffer(), offset, ArrayRef{extent},
      ArrayRef<OpFoldResult>{b.constant(1)});
  return strides;
}

/// The border of a padded image, if A is one or a tile of one and tiles of
/// registers can lie in one of its lines.
std::optional<Border> Contraction::findBorder(Emitter &b) const {
  auto inside = op->getAttrOfType<DenseI64ArrayAttr>("plait.inside");
  if (!inside || inside.empty() || rowDims.size() != 2 || sumDims.size() < 2 ||
      inside[0] < 0 || inside[0] >= op->getNumOperands() ||
      op->getOperand(inside[0]) != operands[A].buffer)
    return std::nullopt;
  // The image that `plait.inside` tells of.
  Value image = operands[A].buffer;
  while (auto cast = image.getDefiningOp<memref::CastOp>())
    image = cast.getSource();
  SmallVector<OpFoldResult> offsets;
  if (auto tile = image.getDefiningOp<memref::SubViewOp>()) {
    if (tile.getDroppedDims().any() ||
        llvm::any_of(tile.getStaticStrides(), [](auto by) { return by != 1; }))
      return std::nullopt;
    offsets = tile.getMixedOffsets();
    image = tile.getSource();
  }
  ArrayRef<int64_t> shape = cast<MemRefType>(image.getType()).getShape();
  ArrayRef<int64_t> where = inside.asArrayRef().drop_front();
  if (where.size() != 3 * shape.size())
    return std::nullopt;
  for (auto [dim, size] : llvm::enumerate(shape))
    if (size != where[3 * dim])
      return std::nullopt;
  unsigned row = rowDims.front(), sum = sumDims.front();
  std::optional<Border> border;
  for (auto [dim, expr] : llvm::enumerate(operands[A].map.getResults())) {
    if (!expr.isFunctionOfDim(sum))
      continue;
    if (border || coefficient(expr, sum) != 1 || !expr.isFunctionOfDim(row) ||
        expr.isFunctionOfDim(rowDims.back()))
      return std::nullopt;
    border =
        Border{offsets.empty() ? b.constant(0) : offsets[dim],
               *coefficient(expr, row), where[3 * dim + 1], where[3 * dim + 2]};
  }
  return border;
}

void Contraction::prepare(Emitter &b) {
  border = findBorder(b);
  SmallVector<SmallVector<OpFoldResult>> strides(operands.size());
  for (unsigned which : all())
    strides[which] = flatten(b, operands[which]);
  if (panels.width)
    panels.stride = strides[B].front();

  SmallVector<Range> ranges =
      cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(b, b.getLoc());
  auto fill = [&](ArrayRef<unsigned> dims, Loops &loops) {
    for (unsigned dim : dims) {
      loops.push_back(makeLoop(b, dim, strides));
      loops.back().size = ranges[dim].size;
    }
  };
  fill(outerDims, outer);
  fill(rowDims, rows);
  fill(columnDims, columns);
  fill(sumDims, sums);
}

bool Contraction::canWiden() const {
  return columnDims.size() == 1 && sumDims.size() == 1 &&
         operands[B].map.isProjectedPermutation(/*allowZeroInResults=*/true);
}

void Contraction::widen(Emitter &b, Value whole) {
  operands[B].buffer = whole;
  flatten(b, operands[B]);
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, b.getLoc(), whole);
  for (Loops *loops : {&columns, &sums})
    for (Loop &loop : *loops)
      if (loop.uses[B])
        loop.size = sizes[loop.first[B]];
}

void Contraction::merge(Emitter &b, Loops &loops, ArrayRef<Which> which) const {
  SmallVector<unsigned> asked = llvm::to_vector_of<unsigned>(which);
  if (llvm::is_contained(which, C))
    llvm::append_range(asked, extra());
  auto mergeable = [&](const Loop &x, const Loop &y, unsigned which) {
    if (!x.uses[which] && !y.uses[which])
      return true;
    if (x.uses[which] != y.uses[which] ||
        (which == B && panels.width && &loops == &columns))
      return false;
    auto step = getConstantIntValue(x.strides[which]),
         inner = getConstantIntValue(y.strides[which]), size = y.staticSize();
    if (step && inner && size)
      return *step == *inner * *size;
    auto type = cast<MemRefType>(operands[which].buffer.getType());
    return x.last[which] >= 0 && x.last[which] + 1 == y.first[which] &&
           memref::CollapseShapeOp::isGuaranteedCollapsible(type, [&] {
             SmallVector<ReassociationIndices> groups;
             for (int64_t i = 0; i < type.getRank(); ++i)
               if (i != y.first[which])
                 groups.push_back({i});
               else
                 groups.back().push_back(i);
             return groups;
           }());
  };
  for (size_t i = loops.size(); i-- > 1;) {
    Loop &x = loops[i - 1], &y = loops[i];
    if (!llvm::all_of(asked, [&](unsigned w) { return mergeable(x, y, w); }))
      continue;
    y.size = b.mul(x.size, y.size);
    for (unsigned w : all())
      y.first[w] = x.first[w];
    loops.erase(loops.begin() + i - 1);
  }
}
