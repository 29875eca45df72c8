//===- FftToLinalg.cpp - stablehlo.fft to contractions -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

#include <cmath>
#include <complex>

namespace plait {
#define GEN_PASS_DEF_CONVERTSTABLEHLOFFTTOLINALG
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

using Complex = std::complex<double>;

/// Largest prime that is multiplied by its whole Fourier matrix.
static constexpr int64_t largestPrime = 61;

/// exp(-2 pi i k / n), with the angle reduced exactly.
static Complex root(int64_t k, int64_t n) {
  return std::polar(1.0, -2 * M_PI * double(k % n) / double(n));
}

/// The radices of the stages, or none if `n` has a prime factor that is too
/// large. Small factors are multiplied to at most 16, where a stage is a
/// matrix product of a size that fills the registers.
static SmallVector<int64_t> findRadices(int64_t n) {
  SmallVector<int64_t> radices;
  for (int64_t prime = 2; n > 1 && prime <= largestPrime; ++prime)
    for (; n % prime == 0; n /= prime) {
      if (!radices.empty() && radices.back() * prime <= 16)
        radices.back() *= prime;
      else
        radices.push_back(prime);
    }
  return n == 1 ? radices : SmallVector<int64_t>();
}

/// The transform of a signal of numbers by radices, for constants.
static SmallVector<Complex> transform(ArrayRef<Complex> x) {
  int64_t n = x.size();
  SmallVector<Complex> y(n);
  if (n == 1) {
    y[0] = x[0];
    return y;
  }
  // `x` has the size of a power of two: even and odd elements.
  SmallVector<Complex> even, odd;
  for (int64_t i = 0; i < n; i += 2) {
    even.push_back(x[i]);
    odd.push_back(x[i + 1]);
  }
  even = transform(even);
  odd = transform(odd);
  for (int64_t k = 0; k < n / 2; ++k) {
    Complex turned = root(k, n) * odd[k];
    y[k] = even[k] + turned;
    y[k + n / 2] = even[k] - turned;
  }
  return y;
}

namespace {
/// Builds the transforms of one `stablehlo.fft`. In between, a signal is
/// planar: tensor<batch x 2 x n> of all real and then all imaginary parts.
class FftBuilder {
public:
  FftBuilder(OpBuilder &builder, stablehlo::FftOp op)
      : b(op.getLoc(), builder), op(op) {
    auto type = cast<RankedTensorType>(op.getOperand().getType());
    element = type.getElementType();
    if (auto complexType = dyn_cast<ComplexType>(element))
      element = complexType.getElementType();
  }

  Value build() {
    ArrayRef<int64_t> length = op.getFftLength();
    Value value = op.getOperand();
    int64_t last = cast<RankedTensorType>(value.getType()).getRank() - 1;
    int64_t first = last + 1 - length.size();
    switch (op.getFftType()) {
    case stablehlo::FftType::FFT:
    case stablehlo::FftType::IFFT: {
      bool inverse = op.getFftType() == stablehlo::FftType::IFFT;
      for (int64_t dim = last; dim >= first; --dim)
        value = along(value, dim, inverse);
      return value;
    }
    case stablehlo::FftType::RFFT:
      value = realToHalf(value);
      for (int64_t dim = last - 1; dim >= first; --dim)
        value = along(value, dim, /*inverse=*/false);
      return value;
    case stablehlo::FftType::IRFFT:
      for (int64_t dim = first; dim < last; ++dim)
        value = along(value, dim, /*inverse=*/true);
      return halfToReal(value, length.back());
    }
    llvm_unreachable("unknown kind");
  }

private:
  static ArrayRef<int64_t> shapeOf(Value value) {
    return cast<RankedTensorType>(value.getType()).getShape();
  }

  Value empty(ArrayRef<int64_t> shape, Type type) {
    return tensor::EmptyOp::create(b, shape, type);
  }

  Value reshape(Value value, ArrayRef<int64_t> shape) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getShape() == shape)
      return value;
    auto target = type.clone(shape);
    auto groups = getReassociationIndicesForReshape(type, target);
    assert(groups && "splits or joins dimensions only");
    if (type.getRank() > target.getRank())
      return tensor::CollapseShapeOp::create(b, target, value, *groups);
    return tensor::ExpandShapeOp::create(b, target, value, *groups);
  }

  Value constant(ArrayRef<int64_t> shape, ArrayRef<double> values) {
    auto type = RankedTensorType::get(shape, element);
    DenseElementsAttr attribute;
    if (element.isF32()) {
      SmallVector<float> rounded(values.begin(), values.end());
      attribute = DenseElementsAttr::get(type, ArrayRef(rounded));
    } else {
      attribute = DenseElementsAttr::get(type, values);
    }
    return arith::ConstantOp::create(b, attribute);
  }

  /// An elementwise op: `maps` of `inputs`, then the identity for the result.
  Value elementwise(ArrayRef<int64_t> shape, Type type, ValueRange inputs,
                    SmallVector<AffineMap> maps,
                    function_ref<Value(ValueRange)> body) {
    maps.push_back(b.getMultiDimIdentityMap(shape.size()));
    SmallVector<utils::IteratorType> loops(shape.size(),
                                           utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(
        b, RankedTensorType::get(shape, type), inputs, empty(shape, type), maps,
        loops, [&](OpBuilder &, Location, ValueRange arguments) {
          linalg::YieldOp::create(b, body(arguments));
        });
    b.setInsertionPointAfter(generic);
    return generic.getResult(0);
  }

  /// The map (d0, d1, ...) -> `results`, where -1 and -2 are the constants 0
  /// and 1: the real and the imaginary plane.
  AffineMap map(int64_t dims, ArrayRef<int64_t> results) {
    auto exprs = llvm::map_to_vector(results, [&](int64_t dim) -> AffineExpr {
      return dim < 0 ? b.getAffineConstantExpr(-1 - dim)
                     : b.getAffineDimExpr(dim);
    });
    return AffineMap::get(dims, 0, exprs, b.getContext());
  }

  /// tensor<... x n> of complex numbers to tensor<batch x 2 x n> of reals.
  Value split(Value value) {
    int64_t n = shapeOf(value).back();
    int64_t batch = ShapedType::getNumElements(shapeOf(value).drop_back());
    value = reshape(value, {batch, n});
    return elementwise(
        {batch, 2, n}, element, value, {map(3, {0, 2})},
        [&](ValueRange in) -> Value {
          Value plane = linalg::IndexOp::create(b, 1);
          Value zero = arith::ConstantIndexOp::create(b, 0);
          return arith::SelectOp::create(
              b,
              arith::CmpIOp::create(b, arith::CmpIPredicate::eq, plane, zero),
              complex::ReOp::create(b, in[0]), complex::ImOp::create(b, in[0]));
        });
  }

  /// The first `count` elements of a planar signal.
  Value takeFirst(Value planar, int64_t count) {
    SmallVector<int64_t> shape(shapeOf(planar));
    if (shape[2] == count)
      return planar;
    shape[2] = count;
    SmallVector<OpFoldResult> sizes =
        getAsIndexOpFoldResult(b.getContext(), shape);
    SmallVector<OpFoldResult> zeros(3, b.getIndexAttr(0));
    SmallVector<OpFoldResult> ones(3, b.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(b, planar, zeros, sizes, ones);
  }

  /// The first `count` of a planar signal as complex numbers of `shape`.
  Value join(Value planar, ArrayRef<int64_t> shape) {
    int64_t batch = shapeOf(planar)[0], count = shape.back();
    planar = takeFirst(planar, count);
    Value joined = elementwise(
        {batch, count}, ComplexType::get(element), {planar, planar},
        {map(2, {0, -1, 1}), map(2, {0, -2, 1})}, [&](ValueRange in) -> Value {
          return complex::CreateOp::create(b, ComplexType::get(element), in[0],
                                           in[1]);
        });
    return reshape(joined, shape);
  }

  /// Transforms one dimension of a complex tensor.
  Value along(Value value, int64_t dim, bool inverse) {
    SmallVector<int64_t> shape(shapeOf(value));
    int64_t rank = shape.size();
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq(rank));
    std::swap(order[dim], order[rank - 1]);
    auto transpose = [&](Value value) -> Value {
      if (dim == rank - 1)
        return value;
      SmallVector<int64_t> shape = applyPermutation(shapeOf(value), order);
      return linalg::TransposeOp::create(
                 b, value, empty(shape, ComplexType::get(element)), order)
          ->getResult(0);
    };
    value = transpose(value);
    Value planar = transformPlanar(split(value), inverse);
    return transpose(join(planar, shapeOf(value)));
  }

  Value realToHalf(Value value) {
    SmallVector<int64_t> shape(shapeOf(value));
    int64_t n = shape.back();
    int64_t batch = ShapedType::getNumElements(ArrayRef(shape).drop_back());
    value = reshape(reshape(value, {batch, n}), {batch, 1, n});
    Value planar = transformPlanar(value, /*inverse=*/false);
    shape.back() = n / 2 + 1;
    return join(planar, shape);
  }

  /// The signal is real where the frequencies k and n - k are conjugates; the
  /// second half is the first again. Its last dimension becomes `n`.
  Value halfToReal(Value value, int64_t n) {
    SmallVector<int64_t> shape(shapeOf(value));
    Value planar = split(value);
    int64_t batch = shapeOf(planar)[0], half = shape.back();
    SmallVector<double> signs{1.0, -1.0};
    Value sign = constant({2}, signs);
    Value whole = planar;
    if (int64_t rest = n - half) {
      AffineExpr mirror = b.getAffineConstantExpr(rest) - b.getAffineDimExpr(2);
      AffineMap mirrored = AffineMap::get(
          3, 0, {b.getAffineDimExpr(0), b.getAffineDimExpr(1), mirror},
          b.getContext());
      // Elements rest, ..., 1 of the first half.
      Value part = takeFirst(planar, rest + 1);
      Value conjugate =
          elementwise({batch, 2, rest}, element, {part, sign},
                      {mirrored, map(3, {1})}, [&](ValueRange in) -> Value {
                        return arith::MulFOp::create(b, in[0], in[1]);
                      });
      whole = tensor::ConcatOp::create(b, 2, {planar, conjugate});
    }
    Value result = transformPlanar(whole, /*inverse=*/true);
    shape.back() = n;
    Value real = elementwise({batch, n}, element, result, {map(2, {0, -1, 1})},
                             [&](ValueRange in) -> Value { return in[0]; });
    return reshape(real, shape);
  }

  /// tensor<batch x 2 x n>, or batch x 1 x n without imaginary parts, to the
  /// transformed tensor<batch x 2 x n>.
  Value transformPlanar(Value value, bool inverse) {
    int64_t n = shapeOf(value)[2];
    SmallVector<int64_t> radices = findRadices(n);
    if (radices.empty() && n > 1)
      return bluestein(value, inverse);
    if (radices.empty())
      radices.push_back(1);
    return cooleyTukey(value, radices, inverse);
  }

  Value cooleyTukey(Value value, ArrayRef<int64_t> radices, bool inverse) {
    int64_t batch = shapeOf(value)[0], n = shapeOf(value)[2];
    double scale = inverse ? 1.0 / double(n) : 1.0;
    int64_t blocks = batch, rest = n;
    for (int64_t radix : radices) {
      rest /= radix;
      value = fourierMatrix(value, radix, scale, inverse);
      if (rest > 1)
        value = twiddle(value, radix, inverse);
      blocks *= radix;
      value = reshape(reshape(value, {blocks / radix, radix, 2, rest}),
                      {blocks, 2, rest});
      scale = 1.0;
    }
    // The frequency is k1 + r1 k2 + r1 r2 k3 ...: the digits are reversed.
    int64_t stages = radices.size();
    SmallVector<int64_t> from{batch}, to{batch, 2};
    SmallVector<int64_t> digits{0};
    llvm::append_range(from, radices);
    from.push_back(2);
    llvm::append_range(to, llvm::reverse(radices));
    for (int64_t stage : llvm::seq(stages))
      digits.push_back(stages + 1 - stage);
    digits.push_back(1);
    value = reshape(reshape(value, {blocks, 2}), from);
    value = elementwise(to, element, value, {map(stages + 2, digits)},
                        [&](ValueRange in) -> Value { return in[0]; });
    return reshape(value, {batch, 2, n});
  }

  /// One stage: blocks of tensor<planes x radix x rest> by the Fourier matrix.
  /// Gives tensor<blocks x (radix, 2) x rest>.
  Value fourierMatrix(Value value, int64_t radix, double scale, bool inverse) {
    ArrayRef<int64_t> shape = shapeOf(value);
    int64_t blocks = shape[0], planes = shape[1], rest = shape[2] / radix;
    SmallVector<double> matrix;
    for (int64_t k : llvm::seq(radix))
      for (bool imaginary : {false, true})
        for (int64_t plane : llvm::seq(planes))
          for (int64_t j : llvm::seq(radix)) {
            Complex w = scale * root(k * j, radix);
            if (inverse)
              w = std::conj(w);
            // (re + i im) w: what this plane gives to that part.
            w *= plane ? Complex(0, 1) : Complex(1, 0);
            matrix.push_back(imaginary ? w.imag() : w.real());
          }
    int64_t rows = 2 * radix, columns = planes * radix;
    Value left = constant({rows, columns}, matrix);
    Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0.0));
    bool vector = rest == 1;
    SmallVector<int64_t> size{blocks, rows}, in{blocks, columns};
    if (!vector) {
      size.push_back(rest);
      in.push_back(rest);
    }
    value = reshape(reshape(value, {blocks, columns * rest}), in);
    Value init =
        linalg::FillOp::create(b, zero, empty(size, element)).getResult(0);
    // Loops: block, row, (rest,) column.
    int64_t column = vector ? 2 : 3;
    SmallVector<AffineMap> maps =
        vector ? SmallVector<AffineMap>{map(3, {1, 2}), map(3, {0, 2}),
                                        map(3, {0, 1})}
               : SmallVector<AffineMap>{map(4, {1, 3}), map(4, {0, 3, 2}),
                                        map(4, {0, 1, 2})};
    SmallVector<utils::IteratorType> loops(column + 1,
                                           utils::IteratorType::parallel);
    loops[column] = utils::IteratorType::reduction;
    auto product = linalg::GenericOp::create(
        b, init.getType(), {left, value}, init, maps, loops,
        [&](OpBuilder &, Location, ValueRange in) {
          Value term = arith::MulFOp::create(b, in[0], in[1]);
          linalg::YieldOp::create(
              b, arith::AddFOp::create(b, in[2], term).getResult());
        });
    b.setInsertionPointAfter(product);
    return product.getResult(0);
  }

  /// Multiplies tensor<blocks x (radix, 2) x rest> by the twiddle factors.
  Value twiddle(Value value, int64_t radix, bool inverse) {
    ArrayRef<int64_t> shape = shapeOf(value);
    int64_t blocks = shape[0], rest = shape[2];
    SmallVector<Complex> factors;
    for (int64_t k : llvm::seq(radix))
      for (int64_t j : llvm::seq(rest)) {
        Complex w = root(k * j, radix * rest);
        factors.push_back(inverse ? std::conj(w) : w);
      }
    value = reshape(value, {blocks, radix, 2, rest});
    return multiply(value, factors);
  }

  /// Multiplies tensor<blocks x radix x 2 x rest> of planes by radix x rest
  /// complex constants: (re, im) wr + (im, re) (-wi, wi).
  Value multiply(Value value, ArrayRef<Complex> factors) {
    SmallVector<int64_t> shape(shapeOf(value));
    int64_t radix = shape[1], rest = shape[3];
    SmallVector<double> straight, crossed;
    for (int64_t k : llvm::seq(radix))
      for (bool imaginary : {false, true})
        for (int64_t j : llvm::seq(rest)) {
          Complex w = factors[k * rest + j];
          straight.push_back(imaginary ? w.imag() : w.real());
          crossed.push_back(imaginary ? w.real() : -w.imag());
        }
    Value ofReal = constant({radix, 2, rest}, straight);
    Value ofImaginary = constant({radix, 2, rest}, crossed);
    AffineMap table = map(4, {1, 2, 3});
    return elementwise(
        shape, element, {value, value, ofReal, ofImaginary},
        {map(4, {0, 1, -1, 3}), map(4, {0, 1, -2, 3}), table, table},
        [&](ValueRange in) -> Value {
          return arith::AddFOp::create(b,
                                       arith::MulFOp::create(b, in[0], in[2]),
                                       arith::MulFOp::create(b, in[1], in[3]));
        });
  }

  /// With j k = (j^2 + k^2 - (k - j)^2) / 2 the transform is a convolution
  /// with the chirp exp(pi i j^2 / n), done in transforms of a power of two.
  Value bluestein(Value value, bool inverse) {
    int64_t batch = shapeOf(value)[0], planes = shapeOf(value)[1];
    int64_t n = shapeOf(value)[2];
    int64_t size = llvm::PowerOf2Ceil(2 * n - 1);
    SmallVector<Complex> chirp, filter(size);
    for (int64_t j : llvm::seq(n)) {
      Complex w = root(j * j % (2 * n), 2 * n);
      chirp.push_back(inverse ? std::conj(w) : w);
      filter[j] = filter[(size - j) % size] = std::conj(chirp[j]);
    }
    auto pad = [&](Value planar, int64_t planesAfter, int64_t after) -> Value {
      Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0.0));
      SmallVector<int64_t> shape(shapeOf(planar));
      shape[1] += planesAfter;
      shape[2] += after;
      SmallVector<OpFoldResult> low(3, b.getIndexAttr(0)), high(low);
      high[1] = b.getIndexAttr(planesAfter);
      high[2] = b.getIndexAttr(after);
      return tensor::PadOp::create(b, RankedTensorType::get(shape, element),
                                   planar, low, high, zero);
    };
    if (planes == 1)
      value = pad(value, 1, 0);
    auto times = [&](Value planar, ArrayRef<Complex> factors) {
      int64_t length = factors.size();
      planar = reshape(planar, {batch, 1, 2, length});
      return reshape(multiply(planar, factors), {batch, 2, length});
    };
    value = pad(times(value, chirp), 0, size - n);
    value = transformPlanar(value, /*inverse=*/false);
    value = times(value, transform(filter));
    value = transformPlanar(value, /*inverse=*/true);
    value = takeFirst(value, n);
    if (inverse)
      for (Complex &w : chirp)
        w /= double(n);
    return times(value, chirp);
  }

  ImplicitLocOpBuilder b;
  stablehlo::FftOp op;
  Type element;
};

struct ConvertFft : OpRewritePattern<stablehlo::FftOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(stablehlo::FftOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, FftBuilder(rewriter, op).build());
    return success();
  }
};

struct ConvertStablehloFftToLinalg
    : plait::impl::ConvertStablehloFftToLinalgBase<
          ConvertStablehloFftToLinalg> {
  void runOnOperation() override {
    auto dynamic = getOperation()->walk([](stablehlo::FftOp op) {
      if (cast<RankedTensorType>(op.getOperand().getType()).hasStaticShape())
        return WalkResult::advance();
      op.emitOpError("expects a static shape, got ")
          << op.getOperand().getType();
      return WalkResult::interrupt();
    });
    if (dynamic.wasInterrupted())
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertFft>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
