//===- RaiseToSample.cpp - picks in imported programs become sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The noise of a categorical draw is a function that JAX outlines; it is known
// by what it is made of. That of torch is the result of a function that the
// front end declares.
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/Transforms/Passes.h"

#include "Rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"

namespace plait::sample {
#define GEN_PASS_DEF_RAISETOSAMPLE
#include "plait/Dialect/Sample/Transforms/Passes.h.inc"
} // namespace plait::sample

using namespace mlir;
using namespace plait::sample;

namespace {

//===----------------------------------------------------------------------===//
// Argmax
//===----------------------------------------------------------------------===//

/// Rows in the last dimension of a tensor as a tensor [rows, V]; the sizes of
/// one that is not so are known.
Value flatten(OpBuilder &builder, Location loc, Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  int64_t rank = type.getRank();
  if (rank == 2)
    return rows;
  int64_t vocab = type.getShape().back();
  auto flat = RankedTensorType::get({type.getNumElements() / vocab, vocab},
                                    type.getElementType());
  if (rank == 1)
    return tensor::ExpandShapeOp::create(
        builder, loc, flat, rows, SmallVector<ReassociationIndices>{{0, 1}});
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t i = 0; i < rank; ++i)
    groups[i == rank - 1].push_back(i);
  return tensor::CollapseShapeOp::create(builder, loc, flat, rows, groups);
}

/// `tokens` tensor<rows x i32> as `like`, a tensor of as many.
Value shapeTokens(OpBuilder &builder, Location loc, Value tokens, Type like) {
  auto type = cast<RankedTensorType>(like);
  auto flat = cast<RankedTensorType>(tokens.getType());
  if (type.getElementTypeBitWidth() > 32) {
    flat = flat.clone(type.getElementType());
    tokens = arith::ExtSIOp::create(builder, loc, flat, tokens);
  }
  if (type.getRank() == 0)
    return tensor::CollapseShapeOp::create(builder, loc, type, tokens,
                                           ArrayRef<ReassociationIndices>{});
  if (type.getRank() == 1)
    return tokens;
  ReassociationIndices all(llvm::to_vector(llvm::seq<int64_t>(type.getRank())));
  return tensor::ExpandShapeOp::create(builder, loc, type, tokens,
                                       SmallVector<ReassociationIndices>{all});
}

/// The greedy pick that replaces an argmax.
void raiseArgmax(linalg::GenericOp op) {
  OpBuilder builder(op);
  Value logits = flatten(builder, op.getLoc(), op.getDpsInputs()[0]);
  auto type = cast<RankedTensorType>(logits.getType());
  if (!type.getElementType().isF32())
    logits = arith::ExtFOp::create(builder, op.getLoc(),
                                   type.clone(builder.getF32Type()), logits);
  auto greedy = GreedyOp::create(builder, op.getLoc(), logits);
  op.getResult(1).replaceAllUsesWith(shapeTokens(
      builder, op.getLoc(), greedy.getTokens(), op.getResult(1).getType()));
  if (op.use_empty())
    op.erase();
}

//===----------------------------------------------------------------------===//
// Categorical
//===----------------------------------------------------------------------===//

/// `value` [rows, V] before it was widened to f32 and the rows were flattened.
Value unwrap(Value value) {
  auto flat = cast<RankedTensorType>(value.getType());
  if (auto widen = value.getDefiningOp<arith::ExtFOp>())
    value = widen.getIn();
  Operation *shape = value.getDefiningOp();
  if (!isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(shape))
    return value;
  auto type = cast<RankedTensorType>(shape->getOperand(0).getType());
  bool keepsRows = type.getRank() > 0 && type.hasStaticShape() &&
                   type.getShape().back() == flat.getShape().back();
  return keepsRows ? shape->getOperand(0) : value;
}

/// The operands of `value` if it is an `Op` of different tensors, element by
/// element.
template <typename Op> SmallVector<Value> matchElementwise(Value value) {
  if (auto op = value.getDefiningOp<Op>()) {
    SmallVector<Value> operands(op->getOperands());
    bool areDifferent = operands.size() == 1 || operands[0] != operands[1];
    return areDifferent ? operands : SmallVector<Value>{};
  }
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  auto inner = yield.getOperand(0).getDefiningOp<Op>();
  if (!inner || inner->getBlock() != op.getBody())
    return {};
  SmallVector<Value> operands;
  for (Value operand : inner->getOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument || argument.getOwner() != op.getBody() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return {};
    Value input = op.getDpsInputs()[argument.getArgNumber()];
    if (llvm::is_contained(operands, input))
      return {};
    operands.push_back(input);
  }
  return operands;
}

/// What JAX's uniform numbers and the functions that they call are made of.
struct Contents {
  llvm::StringMap<unsigned> floats;
  unsigned xors = 0;
  bool hasParity = false, hasRotations = false, hasMantissa = false;
  bool isInOrder = true;

  Contents(func::FuncOp function) {
    llvm::SmallPtrSet<Operation *, 8> seen;
    add(function, seen);
  }

  void add(func::FuncOp function, llvm::SmallPtrSetImpl<Operation *> &seen) {
    if (!seen.insert(function).second)
      return;
    function.walk([&](Operation *op) {
      Attribute value;
      if (matchPattern(op, m_Constant(&value)))
        return addConstant(value);
      xors += isa<arith::XOrIOp>(op);
      if (op->getNumResults() == 1 && isa<FloatType>(op->getResultTypes()[0]))
        ++floats[op->getName().getStringRef()];
      if (auto generic = dyn_cast<linalg::GenericOp>(op))
        isInOrder &= llvm::all_of(generic.getIndexingMapsArray(), keepsOrder);
      if (auto call = dyn_cast<func::CallOp>(op))
        if (auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                call, call.getCalleeAttr()))
          add(callee, seen);
    });
  }

  /// Whether no element goes elsewhere: what is not broadcast stays in place.
  static bool keepsOrder(AffineMap map) {
    unsigned next = 0;
    for (AffineExpr expression : map.getResults()) {
      if (isa<AffineConstantExpr>(expression))
        continue;
      auto dim = dyn_cast<AffineDimExpr>(expression);
      if (!dim || dim.getPosition() < next)
        return false;
      next = dim.getPosition() + 1;
    }
    return true;
  }

  void addConstant(Attribute value) {
    auto elements = dyn_cast<DenseIntElementsAttr>(value);
    if (elements && elements.getNumElements() == 4) {
      SmallVector<int64_t> four;
      for (const APInt &element : elements)
        four.push_back(element.getZExtValue());
      hasRotations |= four == SmallVector<int64_t>{13, 15, 26, 6};
    }
    int64_t number = 0;
    if (auto integer = dyn_cast<IntegerAttr>(value))
      number = integer.getValue().getZExtValue();
    else if (elements && elements.isSplat())
      number = elements.getSplatValue<APInt>().getZExtValue();
    hasParity |= number == 0x1BD11BDA;
    hasMantissa |= number == 0x3F800000;
  }

  /// max(a, (m - 1) * (b - a) + a), the mantissa m of 23 bits of Threefry. The
  /// last of the exclusive ors joins the two words of an element's own counter
  /// (jax_threefry_partitionable).
  bool isUniform() const {
    const std::pair<StringRef, unsigned> made[] = {{"arith.subf", 2},
                                                   {"arith.mulf", 1},
                                                   {"arith.addf", 1},
                                                   {"arith.maximumf", 1},
                                                   {"arith.bitcast", 1}};
    return hasParity && hasRotations && hasMantissa && isInOrder && xors == 7 &&
           floats.size() == std::size(made) &&
           llvm::all_of(made, [&](auto &each) {
             return floats.lookup(each.first) == each.second;
           });
  }
};

/// Whether `callee` gives -log(-log(u)) and nothing else, where u are JAX's
/// uniform numbers above 0, of the key that is its argument.
bool isNoise(func::FuncOp callee) {
  if (callee.isExternal() || !callee.getBody().hasOneBlock() ||
      callee.getNumResults() != 1)
    return false;
  Block &body = callee.getBody().front();
  Value value = body.getTerminator()->getOperand(0);
  for (int i = 0; i < 2; ++i) {
    SmallVector<Value> negated = matchElementwise<arith::NegFOp>(value);
    if (negated.empty())
      return false;
    SmallVector<Value> logarithm = matchElementwise<math::LogOp>(negated[0]);
    if (logarithm.empty())
      return false;
    value = logarithm[0];
  }
  auto call = value.getDefiningOp<func::CallOp>();
  if (!call || call.getNumOperands() != 3 ||
      call.getOperand(0) != body.getArgument(0))
    return false;
  // The ends of the range.
  bool hasOne = false, hasLeast = false;
  for (Value end : call.getOperands().drop_front()) {
    SplatElementsAttr splat;
    if (!matchPattern(end, m_Constant(&splat)) ||
        !splat.getElementType().isF32())
      return false;
    APFloat number = splat.getSplatValue<APFloat>();
    hasOne |= number.isExactlyValue(1.0);
    hasLeast |= number.isSmallestNormalized() && !number.isNegative();
  }
  auto uniform = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  return hasOne && hasLeast && uniform && Contents(uniform).isUniform();
}

/// What torch's generator gives is the result of a declared function, which
/// says what that is.
func::FuncOp lookUpGenerator(func::CallOp call) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  return callee && callee.isExternal() && callee->hasAttr("torch.kernel")
             ? callee
             : func::FuncOp();
}

/// The call that gives `value` as exponential noise which nothing else uses.
func::CallOp matchExponential(Value value) {
  auto call = value.getDefiningOp<func::CallOp>();
  auto callee = call ? lookUpGenerator(call) : func::FuncOp();
  if (!callee || !value.hasOneUse())
    return {};
  auto words = callee->getAttrOfType<ArrayAttr>("torch.kernel");
  return cast<StringAttr>(words[0]) == "exponential" ? call : func::CallOp();
}

struct RaiseToSample : plait::sample::impl::RaiseToSampleBase<RaiseToSample> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> argmaxes;
    getOperation().walk([&](linalg::GenericOp op) {
      if (isArgmax(op) && !op.getResult(1).use_empty())
        argmaxes.push_back(op);
    });
    for (linalg::GenericOp op : argmaxes)
      raiseArgmax(op);
    numGreedy += argmaxes.size();

    // JAX outlines argmax: its calls become the pick that it now is.
    SmallVector<func::CallOp> calls;
    getOperation().walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls)
      inlinePick(call);

    SmallVector<GreedyOp> picks;
    getOperation().walk([&](GreedyOp op) { picks.push_back(op); });
    for (GreedyOp op : picks) {
      bool isDrawn = raiseCategorical(op);
      if (!isDrawn && !keepBits && failed(raiseRace(op)))
        return signalPassFailure();
    }
    if (failed(finishGenerators()))
      return signalPassFailure();

    for (auto function : getOperation().getOps<func::FuncOp>())
      numFilters += raiseFilters(function);
  }

  void inlinePick(func::CallOp call) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock() ||
        call->getNumResults() != 1)
      return;
    Block &body = callee.getBody().front();
    // The pick and what shapes its rows and tokens, the last first.
    SmallVector<Operation *> made;
    bool hasPick = false;
    for (Value value = body.getTerminator()->getOperand(0);
         value != body.getArgument(0); value = made.back()->getOperand(0)) {
      auto result = dyn_cast<OpResult>(value);
      if (!result || result.getResultNumber() != 0 ||
          result.getOwner()->getNumOperands() != 1 ||
          !isa<GreedyOp, arith::ExtSIOp, arith::ExtFOp, tensor::ExpandShapeOp,
               tensor::CollapseShapeOp>(result.getOwner()))
        return;
      made.push_back(result.getOwner());
      hasPick |= isa<GreedyOp>(made.back());
    }
    if (!hasPick)
      return;
    OpBuilder builder(call);
    IRMapping map;
    map.map(body.getArgument(0), call.getOperand(0));
    for (Operation *op : llvm::reverse(made))
      builder.clone(*op, map)->setLoc(call.getLoc());
    call.getResult(0).replaceAllUsesWith(
        map.lookup(body.getTerminator()->getOperand(0)));
    call.erase();
  }

  /// greedy(logits + noise(key)) --> a draw from logits.
  bool raiseCategorical(GreedyOp op) {
    SmallVector<Value> both =
        matchElementwise<arith::AddFOp>(unwrap(op.getLogits()));
    if (both.empty())
      return false;
    if (!both[0].getDefiningOp<func::CallOp>())
      std::swap(both[0], both[1]);
    auto noise = both[0].getDefiningOp<func::CallOp>();
    Value logits = both[1];
    if (!noise || noise.getNumOperands() != 1)
      return false;
    auto key = dyn_cast<RankedTensorType>(noise.getOperand(0).getType());
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        noise, noise.getCalleeAttr());
    auto type = cast<RankedTensorType>(logits.getType());
    if (!key || !key.getElementType().isInteger(32) || !type.hasStaticShape())
      return false;
    // One key for all rows, or (jax.vmap) one for each.
    int64_t rows = type.getNumElements() / type.getShape().back();
    bool isOne = key.getShape() == ArrayRef<int64_t>{2};
    bool isEach =
        type.getRank() == 2 && key.getShape() == ArrayRef<int64_t>{rows, 2};
    if ((!isOne && !isEach) || !callee || !isNoise(callee))
      return false;

    OpBuilder builder(op);
    Location loc = op.getLoc();
    logits = flatten(builder, loc, logits);
    auto i32 = builder.getI32Type(), i64 = builder.getI64Type();
    auto rowsType = RankedTensorType::get(rows, i32);
    auto seedsType = RankedTensorType::get(rows, i64);
    Value words = noise.getOperand(0);
    if (!key.getElementType().isSignlessInteger())
      words = UnrealizedConversionCastOp::create(builder, loc, key.clone(i32),
                                                 words)
                  .getResult(0);
    auto word = [&](int64_t i) -> Value {
      if (isOne) {
        Value index = arith::ConstantIndexOp::create(builder, loc, i);
        Value value = tensor::ExtractOp::create(builder, loc, words, index);
        value = tensor::SplatOp::create(builder, loc, value, rowsType);
        return arith::ExtUIOp::create(builder, loc, seedsType, value);
      }
      SmallVector<OpFoldResult> at{builder.getIndexAttr(0),
                                   builder.getIndexAttr(i)};
      SmallVector<OpFoldResult> sizes{builder.getIndexAttr(rows),
                                      builder.getIndexAttr(1)};
      SmallVector<OpFoldResult> ones(2, builder.getIndexAttr(1));
      Value column = tensor::ExtractSliceOp::create(builder, loc, rowsType,
                                                    words, at, sizes, ones);
      return arith::ExtUIOp::create(builder, loc, seedsType, column);
    };
    auto constant = [&](DenseElementsAttr value) -> Value {
      return arith::ConstantOp::create(builder, loc, value);
    };
    Value shift = constant(
        DenseElementsAttr::get(seedsType, builder.getI64IntegerAttr(32)));
    Value high = arith::ShLIOp::create(builder, loc, word(0), shift);
    Value seeds = arith::OrIOp::create(builder, loc, high, word(1));
    Value zeros = constant(
        DenseElementsAttr::get(rowsType, builder.getI32IntegerAttr(0)));
    Value sequence = zeros;
    if (isOne) {
      SmallVector<int32_t> indices(rows);
      std::iota(indices.begin(), indices.end(), 0);
      sequence = constant(DenseElementsAttr::get(rowsType, ArrayRef(indices)));
    }
    Operation *pick;
    if (keepBits) {
      pick = GumbelOp::create(builder, loc, Generator::JaxThreefry, logits,
                              seeds, zeros, sequence, zeros,
                              /*by_place=*/Value());
    } else {
      Value bits = RandomOp::create(builder, loc, seedsType, seeds, zeros,
                                    sequence, zeros, /*lane=*/0);
      pick = DrawOp::create(builder, loc, logits, bits);
    }
    replacePick(op, pick->getResult(0));
    return true;
  }

  /// Whether an op that nothing uses was there to make noise.
  static bool wasNoise(Operation *op) {
    auto call = dyn_cast<func::CallOp>(op);
    if (!call)
      return isa<linalg::GenericOp>(op) ||
             (isMemoryEffectFree(op) && !isa<GreedyOp>(op));
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    return lookUpGenerator(call) || (callee && isNoise(callee));
  }

  void replacePick(GreedyOp op, Value tokens) {
    op.getTokens().replaceAllUsesWith(tokens);
    ++numDrawn;
    // What only the pick used goes with it.
    SmallVector<Operation *> unused{op};
    while (!unused.empty()) {
      Operation *dead = unused.pop_back_val();
      SmallVector<Value> operands(dead->getOperands());
      dead->erase();
      for (Value operand : operands)
        if (Operation *maker = operand.getDefiningOp();
            maker && maker->use_empty() && wasNoise(maker))
          unused.push_back(maker);
    }
  }

  //===--------------------------------------------------------------------===//
  // torch's generator
  //===--------------------------------------------------------------------===//

  /// What a draw that `scores` decide is from: weights, whose greatest quotient
  /// by exponential noise wins, or logits less its logarithm.
  std::pair<Value, bool> matchRace(Value scores) {
    auto isLogOfNoise = [](Value value) {
      SmallVector<Value> of = matchElementwise<math::LogOp>(value);
      return !of.empty() && value.hasOneUse() && matchExponential(of[0]);
    };
    scores = unwrap(scores);
    SmallVector<Value> both = matchElementwise<arith::DivFOp>(scores);
    if (!both.empty() && matchExponential(both[1]))
      return {both[0], true};
    both = matchElementwise<arith::SubFOp>(scores);
    if (!both.empty() && isLogOfNoise(both[1]))
      return {both[0], false};
    both = matchElementwise<arith::AddFOp>(scores);
    for (auto [i, term] : llvm::enumerate(both)) {
      SmallVector<Value> negated = matchElementwise<arith::NegFOp>(term);
      if (!negated.empty() && term.hasOneUse() && isLogOfNoise(negated[0]))
        return {both[1 - i], false};
    }
    return {};
  }

  /// Logits f32 [rows, V] of `from`, or of weights by their logarithm.
  Value makeLogits(OpBuilder &builder, Location loc, Value from,
                   bool isWeights) {
    from = flatten(builder, loc, from);
    auto type = cast<RankedTensorType>(from.getType());
    auto f32 = type.clone(builder.getF32Type());
    if (type != f32)
      from = arith::ExtFOp::create(builder, loc, f32, from);
    if (!isWeights)
      return from;
    SmallVector<AffineMap> maps(2, builder.getMultiDimIdentityMap(2));
    SmallVector<utils::IteratorType> loops(2, utils::IteratorType::parallel);
    Value empty = tensor::EmptyOp::create(builder, loc, f32.getShape(),
                                          f32.getElementType());
    return linalg::GenericOp::create(
               builder, loc, f32, from, empty, maps, loops,
               [](OpBuilder &inner, Location at, ValueRange arguments) {
                 Value log = math::LogOp::create(inner, at, arguments[0]);
                 linalg::YieldOp::create(inner, at, log);
               })
        .getResult(0);
  }

  /// The greatest of what noise of torch's generator decides becomes a keyed
  /// draw, whose keys are new arguments of the function.
  LogicalResult raiseRace(GreedyOp op) {
    auto [from, isWeights] = matchRace(op.getLogits());
    if (!from)
      return success();
    auto type = cast<RankedTensorType>(op.getLogits().getType());
    if (!type.hasStaticShape())
      return op.emitError("expects a draw from logits of known sizes, got ")
             << type;
    auto function = dyn_cast<func::FuncOp>(op->getParentOp());
    if (!function || !function.isPublic())
      return op.emitError("expects a draw outside of control flow and private "
                          "functions, since its keys are arguments of the "
                          "program");
    OpBuilder builder(op);
    Location loc = op.getLoc();
    auto i32 = builder.getI32Type(), i64 = builder.getI64Type();
    int64_t rows = type.getDimSize(0);
    SmallVector<Value> &key = keys[function];
    for (unsigned part = key.size(); part < 4; ++part) {
      Type element = part == 0 ? i64 : i32;
      unsigned end = function.getNumArguments();
      if (failed(function.insertArgument(
              end, RankedTensorType::get(rows, element), {}, loc)))
        return failure();
      key.push_back(function.getArgument(end));
    }
    auto seeds = cast<RankedTensorType>(key[0].getType());
    if (seeds.getDimSize(0) != rows)
      return op.emitError("expects a draw of ")
             << seeds.getDimSize(0) << " rows, as the one before, got " << rows;
    // Lane 1 is that of XTC.
    int32_t draw = draws[function]++;
    Value bits =
        RandomOp::create(builder, loc, seeds, key[0], key[1], key[2], key[3],
                         /*lane=*/draw ? draw + 1 : 0);
    Value logits = makeLogits(builder, loc, from, isWeights);
    replacePick(op, DrawOp::create(builder, loc, logits, bits).getTokens());
    return success();
  }

  /// Whether nothing calls for torch's generator any more; then it goes.
  LogicalResult finishGenerators() {
    bool bad = false;
    getOperation().walk([&](func::CallOp call) {
      func::FuncOp generator = lookUpGenerator(call);
      if (!generator)
        return;
      bad = true;
      auto error =
          call.emitError("torch's generator has a state, and bits that "
                         "no other program can repeat");
      if (keepBits)
        error << ": only 'keep-bits=false' draws without it, by keys";
      else
        error << ": expects the argmax of weights / noise, or of logits - "
                 "log(noise), and no other use of the noise";
    });
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (!bad && function.isExternal() && function->hasAttr("torch.kernel"))
        function.erase();
    return failure(bad);
  }

  llvm::DenseMap<func::FuncOp, SmallVector<Value>> keys;
  llvm::DenseMap<func::FuncOp, int32_t> draws;
};

} // namespace
