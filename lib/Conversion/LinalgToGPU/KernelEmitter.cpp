//===- KernelEmitter.cpp - a row program as a gpu.func -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait;

namespace {

/// How an element is held in memory: a boolean takes a byte.
Type storageType(Type element) {
  return element.isInteger(1) ? IntegerType::get(element.getContext(), 8)
                              : element;
}

struct Emitter {
  /// Values of one pass over rows or columns.
  struct Scope {
    /// The index of each kernel dimension.
    SmallVector<Value> dims;
    Indices extents;
    DenseMap<std::pair<Value, AffineMap>, Value> memo;
    /// Elementwise kernels: the position in the result of this element, and
    /// the first of the lanes that it is one of.
    Value flat, base;
    unsigned lane = 0;
  };

  RowProgram &program;
  OpBuilder b;
  Location loc;
  unsigned lanes = 1;
  DenseMap<unsigned, Value> pointers;
  SmallVector<Value> symbols;
  DenseMap<std::pair<Value, AffineMap>, Value> reduced;
  DenseMap<unsigned, Value> vectors;

  Emitter(RowProgram &program)
      : program(program), b(program.context()), loc(program.root.getLoc()) {}

  //===--------------------------------------------------------------------===//
  // Numbers
  //===--------------------------------------------------------------------===//

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivUIOp::create(b, loc, x, y); }
  Value rem(Value x, Value y) { return arith::RemUIOp::create(b, loc, x, y); }

  /// The value of an index expression. Sizes and indices are never negative.
  Value evaluate(AffineExpr expr, ArrayRef<Value> dims) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      return index(constant.getValue());
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return dims[dim.getPosition()];
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      return symbols[symbol.getPosition()];
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Value lhs = evaluate(binary.getLHS(), dims);
    Value rhs = evaluate(binary.getRHS(), dims);
    switch (binary.getKind()) {
    case AffineExprKind::Add:
      return add(lhs, rhs);
    case AffineExprKind::Mul:
      return mul(lhs, rhs);
    case AffineExprKind::Mod:
      return rem(lhs, rhs);
    case AffineExprKind::FloorDiv:
      return div(lhs, rhs);
    default:
      llvm_unreachable("no other expression is built");
    }
  }

  /// The index of each dimension in `sizes` at row-major position `position`.
  SmallVector<Value> delinearize(Value position, ArrayRef<AffineExpr> sizes) {
    SmallVector<Value> result(sizes.size());
    for (size_t axis = sizes.size(); axis-- > 0;) {
      if (axis == 0) {
        result[axis] = position;
        break;
      }
      Value size = evaluate(sizes[axis], {});
      result[axis] = rem(position, size);
      position = div(position, size);
    }
    return result;
  }

  AffineExpr product(ArrayRef<AffineExpr> sizes) {
    AffineExpr result = getAffineConstantExpr(1, program.context());
    for (AffineExpr size : sizes)
      result = result * size;
    return result;
  }

  /// The loop from `from` to `to` by `step`, carrying `carried`.
  scf::ForOp loop(Value from, Value to, Value step, ValueRange carried,
                  function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    return scf::ForOp::create(
        b, loc, from, to, step, carried,
        [&](OpBuilder &builder, Location, Value at, ValueRange values) {
          OpBuilder saved = b;
          b = builder;
          SmallVector<Value> results = body(at, values);
          scf::YieldOp::create(b, loc, results);
          b = saved;
        });
  }

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  Value address(Value pointer, Type element, Value position) {
    Value wide = arith::IndexCastUIOp::create(b, loc, b.getI64Type(), position);
    return LLVM::GEPOp::create(b, loc, pointer.getType(), element, pointer,
                               ArrayRef<LLVM::GEPArg>{wide});
  }

  unsigned bytes(Type element) {
    return storageType(element).getIntOrFloatBitWidth() / 8;
  }

  Value fromStorage(Value value, Type element) {
    return element.isInteger(1)
               ? Value(arith::TruncIOp::create(b, loc, element, value))
               : value;
  }

  Value load(unsigned argument, Type element, Value position) {
    Type type = storageType(element);
    Value value = LLVM::LoadOp::create(
        b, loc, type, address(pointers[argument], type, position),
        bytes(element));
    return fromStorage(value, element);
  }

  /// Lane `scope.lane` of the vector at `scope.base`, loaded once.
  Value loadLane(unsigned argument, Type element, Scope &scope) {
    Type type = storageType(element);
    Value &vector = vectors[argument];
    if (!vector)
      vector =
          LLVM::LoadOp::create(b, loc, VectorType::get(lanes, type),
                               address(pointers[argument], type, scope.base),
                               lanes * bytes(element));
    Value lane = LLVM::ConstantOp::create(b, loc, b.getI32Type(),
                                          b.getI32IntegerAttr(scope.lane));
    return fromStorage(LLVM::ExtractElementOp::create(b, loc, vector, lane),
                       element);
  }

  void store(Value value, Value pointer, Value position) {
    Type type = storageType(value.getType());
    if (type != value.getType())
      value = arith::ExtUIOp::create(b, loc, type, value);
    LLVM::StoreOp::create(b, loc, value, address(pointer, type, position),
                          bytes(type));
  }

  //===--------------------------------------------------------------------===//
  // Elements of tensors. The analysis has accepted everything met here.
  //===--------------------------------------------------------------------===//

  bool isFlat(AffineExpr position) {
    return position == *program.linearize(program.root, program.rootIndices,
                                          program.extents);
  }

  Value element(Value value, Indices indices, Scope &scope) {
    auto key = std::make_pair(value, program.map(indices));
    if (Value known = scope.memo.lookup(key))
      return known;
    Value result = computeElement(value, indices, scope);
    scope.memo[key] = result;
    return result;
  }

  Value computeElement(Value value, ArrayRef<AffineExpr> indices,
                       Scope &scope) {
    if (!isa<RankedTensorType>(value.getType()))
      return scalar(value, scope);
    Type type = getElementTypeOrSelf(value.getType());
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      AffineExpr position = *program.linearize(value, indices, scope.extents);
      unsigned number = argument.getArgNumber();
      if (scope.flat && isFlat(position))
        return scope.base ? loadLane(number, type, scope)
                          : load(number, type, scope.flat);
      return load(number, type, evaluate(position, scope.dims));
    }
    Operation *op = value.getDefiningOp();
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto splat = cast<SplatElementsAttr>(constant.getValue());
      return arith::ConstantOp::create(b, loc,
                                       splat.getSplatValue<TypedAttr>());
    }
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp) {
      auto source = program.stepView(op, indices);
      return element(source->first, source->second, scope);
    }
    unsigned result = cast<OpResult>(value).getResultNumber();
    Indices loops = *program.loopsAt(linalgOp, result, indices);
    if (RowProgram::isReduction(linalgOp))
      return reduced.at({value, program.map(loops)});
    return body(linalgOp,
                linalgOp.getBlock()->getTerminator()->getOperand(result), loops,
                scope);
  }

  Value body(linalg::LinalgOp op, Value value, ArrayRef<AffineExpr> loops,
             Scope &scope) {
    auto key = std::make_pair(value, program.map(loops));
    if (Value known = scope.memo.lookup(key))
      return known;
    Value result = computeBody(op, value, loops, scope);
    scope.memo[key] = result;
    return result;
  }

  Value computeBody(linalg::LinalgOp op, Value value,
                    ArrayRef<AffineExpr> loops, Scope &scope) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      OpOperand &operand = op->getOpOperand(argument.getArgNumber());
      Indices indices;
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
        indices.push_back(expr.replaceDims(loops));
      return element(operand.get(), indices, scope);
    }
    Operation *inner = value.getDefiningOp();
    if (inner->getBlock() != op.getBlock())
      return scalar(value, scope);
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      return evaluate(loops[index.getDim()], scope.dims);
    IRMapping mapping;
    for (Value operand : inner->getOperands())
      mapping.map(operand, body(op, operand, loops, scope));
    Operation *clone = b.clone(*inner, mapping);
    return clone->getResult(cast<OpResult>(value).getResultNumber());
  }

  Value scalar(Value value, Scope &scope) {
    auto key = std::make_pair(value, program.map({}));
    if (Value known = scope.memo.lookup(key))
      return known;
    Operation *op = value.getDefiningOp();
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, scalar(operand, scope));
    Operation *clone = b.clone(*op, mapping);
    return scope.memo[key] =
               clone->getResult(cast<OpResult>(value).getResultNumber());
  }

  //===--------------------------------------------------------------------===//
  // Kernels
  //===--------------------------------------------------------------------===//

  /// Every thread sums its strided part, then the block combines the parts in
  /// the order of a fixed tree: equal inputs give equal bits.
  void reduce(RowReduction &reduction, Scope &row, Value thread) {
    linalg::LinalgOp op = reduction.op;
    Value yielded =
        op.getBlock()->getTerminator()->getOperand(reduction.result);
    Value accumulator =
        op.getBlock()->getArgument(op.getNumDpsInputs() + reduction.result);
    Operation *combiner = yielded.getDefiningOp();
    bool first = combiner->getOperand(0) == accumulator;
    Value part = combiner->getOperand(first ? 1 : 0);
    Indices loops(reduction.loops.getResults());

    auto combine = [&](Value partial, Value value) {
      IRMapping mapping;
      mapping.map(accumulator, partial);
      mapping.map(part, value);
      return b.clone(*combiner, mapping)->getResult(0);
    };
    auto [kind, allReduce] = kindOf(combiner);
    Value identity = arith::ConstantOp::create(
        b, loc, arith::getIdentityValueAttr(kind, yielded.getType(), b, loc));
    Value total =
        loop(thread, evaluate(reduction.extent, row.dims), index(blockSize),
             identity,
             [&](Value at, ValueRange carried) -> SmallVector<Value> {
               Scope column;
               column.dims = row.dims;
               column.dims[program.rowRank] = at;
               column.extents = row.extents;
               column.extents[program.rowRank] = reduction.extent;
               return {combine(carried[0], body(op, part, loops, column))};
             })
            .getResult(0);
    auto block = gpu::AllReduceOp::create(
        b, loc, total,
        gpu::AllReduceOperationAttr::get(b.getContext(), allReduce),
        /*uniform=*/true);
    Value initial = body(op, accumulator, loops, row);
    reduced[{op->getResult(reduction.result), program.map(loops)}] =
        combine(initial, block.getResult());
  }

  static std::pair<arith::AtomicRMWKind, gpu::AllReduceOperation>
  kindOf(Operation *combiner) {
    using Kind = arith::AtomicRMWKind;
    using All = gpu::AllReduceOperation;
    return llvm::TypeSwitch<Operation *, std::pair<Kind, All>>(combiner)
        .Case([](arith::AddFOp) { return std::pair(Kind::addf, All::ADD); })
        .Case([](arith::MulFOp) { return std::pair(Kind::mulf, All::MUL); })
        .Case([](arith::MaximumFOp) {
          return std::pair(Kind::maximumf, All::MAXIMUMF);
        })
        .Case([](arith::MinimumFOp) {
          return std::pair(Kind::minimumf, All::MINIMUMF);
        })
        .Case([](arith::MaxNumFOp) {
          return std::pair(Kind::maxnumf, All::MAXNUMF);
        })
        .Case([](arith::MinNumFOp) {
          return std::pair(Kind::minnumf, All::MINNUMF);
        })
        .Case([](arith::AddIOp) { return std::pair(Kind::addi, All::ADD); })
        .Case([](arith::MulIOp) { return std::pair(Kind::muli, All::MUL); })
        .Case([](arith::MaxSIOp) { return std::pair(Kind::maxs, All::MAXSI); })
        .Case([](arith::MinSIOp) { return std::pair(Kind::mins, All::MINSI); })
        .Case([](arith::MaxUIOp) { return std::pair(Kind::maxu, All::MAXUI); })
        .Case([](arith::MinUIOp) { return std::pair(Kind::minu, All::MINUI); })
        .Case([](arith::AndIOp) { return std::pair(Kind::andi, All::AND); })
        .Case([](arith::OrIOp) { return std::pair(Kind::ori, All::OR); });
  }

  /// One block per row.
  AffineMap emitRows(Value output) {
    Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
    Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
    Value blocks = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
    ArrayRef<AffineExpr> rowSizes =
        ArrayRef(program.extents).take_front(program.rowRank);
    AffineExpr rows = product(rowSizes);
    loop(block, evaluate(rows, {}), blocks, {},
         [&](Value at, ValueRange) -> SmallVector<Value> {
           Scope row;
           row.dims = delinearize(at, rowSizes);
           row.dims.push_back(index(0));
           row.extents = program.extents;
           for (RowReduction &reduction : program.reductions)
             reduce(reduction, row, thread);
           // A result of one value per row is one column: thread 0 stores it.
           loop(thread, evaluate(program.extents.back(), {}), index(blockSize),
                {}, [&](Value column, ValueRange) -> SmallVector<Value> {
                  Scope scope;
                  scope.dims = row.dims;
                  scope.dims[program.rowRank] = column;
                  scope.extents = program.extents;
                  Value value =
                      element(program.root, program.rootIndices, scope);
                  AffineExpr position = *program.linearize(
                      program.root, program.rootIndices, program.extents);
                  store(value, output, evaluate(position, scope.dims));
                  return {};
                });
           // The next row reuses the shared memory of the reductions.
           gpu::BarrierOp::create(b, loc);
           return {};
         });
    return grid(rows);
  }

  /// One thread per `lanes` elements, then one per element of the rest. Where a
  /// pointer is not aligned, all elements are the rest.
  AffineMap emitElements(Value output) {
    Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
    Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
    Value blocks = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
    Value first = add(mul(block, index(blockSize)), thread);
    Value stride = mul(blocks, index(blockSize));
    AffineExpr total = product(program.extents);
    Value count = evaluate(total, {});

    auto compute = [&](Value flat, Value base, unsigned lane) {
      Scope scope;
      scope.flat = flat;
      scope.base = base;
      scope.lane = lane;
      scope.dims = delinearize(flat, program.extents);
      scope.extents = program.extents;
      return element(program.root, program.rootIndices, scope);
    };

    Type element = getElementTypeOrSelf(program.root.getType());
    lanes = 16 / widestFlat();
    if (lanes == 1) {
      loop(first, count, stride, {},
           [&](Value at, ValueRange) -> SmallVector<Value> {
             store(compute(at, {}, 0), output, at);
             return {};
           });
      return grid(total.ceilDiv(blockSize));
    }

    Value width = index(lanes);
    Value groups = div(count, width);
    Value aligned = isAligned(output);
    Value wide = arith::SelectOp::create(b, loc, aligned, groups, index(0));
    loop(first, wide, stride, {},
         [&](Value at, ValueRange) -> SmallVector<Value> {
           Value base = mul(at, width);
           Type type = storageType(element);
           Value vector =
               LLVM::PoisonOp::create(b, loc, VectorType::get(lanes, type));
           vectors.clear();
           for (unsigned lane = 0; lane < lanes; ++lane) {
             Value value = compute(add(base, index(lane)), base, lane);
             if (type != value.getType())
               value = arith::ExtUIOp::create(b, loc, type, value);
             Value position = LLVM::ConstantOp::create(
                 b, loc, b.getI32Type(), b.getI32IntegerAttr(lane));
             vector =
                 LLVM::InsertElementOp::create(b, loc, vector, value, position);
           }
           LLVM::StoreOp::create(b, loc, vector, address(output, type, base),
                                 lanes * bytes(element));
           return {};
         });
    loop(add(mul(wide, width), first), count, stride, {},
         [&](Value at, ValueRange) -> SmallVector<Value> {
           store(compute(at, {}, 0), output, at);
           return {};
         });
    return grid(total.ceilDiv(blockSize * lanes));
  }

  /// The bytes of the widest element among the result and the arguments.
  unsigned widestFlat() {
    unsigned widest = bytes(getElementTypeOrSelf(program.root.getType()));
    for (unsigned argument : program.arguments)
      widest = std::max(widest, bytes(elementOf(argument)));
    return widest;
  }

  Type elementOf(unsigned argument) {
    return getElementTypeOrSelf(
        program.shapes.function.getArgument(argument).getType());
  }

  Value isAligned(Value output) {
    Value bits = LLVM::ConstantOp::create(b, loc, b.getI64Type(),
                                          b.getI64IntegerAttr(0));
    auto collect = [&](Value pointer, Type element) {
      Value address = LLVM::PtrToIntOp::create(b, loc, b.getI64Type(), pointer);
      Value mask = LLVM::ConstantOp::create(
          b, loc, b.getI64Type(),
          b.getI64IntegerAttr(lanes * bytes(element) - 1));
      bits = arith::OrIOp::create(b, loc, bits,
                                  arith::AndIOp::create(b, loc, address, mask));
    };
    collect(output, getElementTypeOrSelf(program.root.getType()));
    for (unsigned argument : program.arguments)
      collect(pointers[argument], elementOf(argument));
    Value zero = LLVM::ConstantOp::create(b, loc, b.getI64Type(),
                                          b.getI64IntegerAttr(0));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, bits, zero);
  }

  /// The number of blocks: the least of the two results.
  AffineMap grid(AffineExpr blocks) {
    return AffineMap::get(
        0, program.shapes.symbols().size(),
        {blocks, getAffineConstantExpr(maxBlocks, program.context())},
        program.context());
  }
};

} // namespace

FailureOr<DictionaryAttr> plait::emitKernel(gpu::GPUModuleOp module,
                                            StringRef name,
                                            unsigned resultNumber,
                                            RowProgram &program) {
  MLIRContext *context = program.context();
  Emitter emitter(program);
  OpBuilder &b = emitter.b;
  Location loc = emitter.loc;
  SmallVector<Type> types;
  SmallVector<Attribute> operands;
  auto pointer = LLVM::LLVMPointerType::get(
      context, static_cast<unsigned>(NVVM::NVVMMemorySpace::Global));
  auto arguments = llvm::to_vector(program.arguments);
  llvm::sort(arguments);
  auto operand = [&](StringRef kind, ArrayRef<int64_t> numbers, Type type) {
    types.push_back(type);
    operands.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("kind", b.getStringAttr(kind)),
         b.getNamedAttr("of", b.getDenseI64ArrayAttr(numbers))}));
  };
  for (unsigned argument : arguments)
    operand("input", {argument}, pointer);
  operand("output", {resultNumber}, pointer);
  for (auto [argument, axis] : program.shapes.symbols())
    operand("size", {argument, axis}, b.getI64Type());

  b.setInsertionPointToEnd(module.getBody());
  auto kernel = gpu::GPUFuncOp::create(b, loc, name,
                                       FunctionType::get(context, types, {}));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  kernel.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({blockSize, 1, 1}));
  b.setInsertionPointToEnd(&kernel.getBody().front());
  for (auto [position, argument] : llvm::enumerate(arguments))
    emitter.pointers[argument] = kernel.getArgument(position);
  Value output = kernel.getArgument(arguments.size());
  for (size_t i = 0; i < program.shapes.symbols().size(); ++i)
    emitter.symbols.push_back(arith::IndexCastUIOp::create(
        b, loc, b.getIndexType(),
        kernel.getArgument(arguments.size() + 1 + i)));
  AffineMap grid = program.reductions.empty() ? emitter.emitElements(output)
                                              : emitter.emitRows(output);
  gpu::ReturnOp::create(b, loc);
  return b.getDictionaryAttr(
      {b.getNamedAttr("name", b.getStringAttr(name)),
       b.getNamedAttr("grid", AffineMapAttr::get(grid)),
       b.getNamedAttr("block", b.getI64IntegerAttr(blockSize)),
       b.getNamedAttr("operands", b.getArrayAttr(operands))});
}
