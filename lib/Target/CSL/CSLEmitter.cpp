//===- CSLEmitter.cpp - csl to text
//-----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/CSL/CSLEmitter.h"

#include "plait/Dialect/CSL/IR/CSL.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Support/IndentedOstream.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace plait;
using namespace plait::csl;

namespace {

// The part of run.py that no program changes.
constexpr StringLiteral hostHead = R"py(#!/usr/bin/env cs_python
"""Runs the program on the arrays of inputs.npz and writes its result."""

import argparse

import numpy as np
from cerebras.sdk.runtime.sdkruntimepybind import MemcpyDataType, MemcpyOrder, SdkRuntime

parser = argparse.ArgumentParser()
parser.add_argument("--name", required=True, help="the folder that cslc wrote")
parser.add_argument("--cmaddr", help="IP:port of a CS system; the simulator without it")
parser.add_argument("--inputs", default="inputs.npz", help="arrays called in0, in1, ...")
parser.add_argument("--output", default="output.npy", help="where the result goes")
parser.add_argument("--expect", help="a .npy file that the result must be close to")
args = parser.parse_args()

OPTIONS = dict(
    streaming=False, order=MemcpyOrder.ROW_MAJOR,
    data_type=MemcpyDataType.MEMCPY_32BIT, nonblock=False,
)


def pieces(shape, axes, width, height):
    """The slices of the host array that each PE holds, row by row of PEs."""
    for py in range(height):
        for px in range(width):
            index = []
            for size, axis in zip(shape, axes):
                parts, part = {"rows": (height, py), "columns": (width, px)}.get(axis, (1, 0))
                index.append(slice(size // parts * part, size // parts * (part + 1)))
            yield tuple(index)


def to_device(name, array, shape, axes, order, rect):
    array = np.ascontiguousarray(array, dtype=np.float32)
    assert array.shape == shape, f"{name}: expects shape {shape}, got {array.shape}"
    column, row, width, height = rect
    tiles = [array[i].transpose(order).ravel() for i in pieces(shape, axes, width, height)]
    runner.memcpy_h2d(runner.get_id(name), np.concatenate(tiles), column, row, width, height,
                      tiles[0].size, **OPTIONS)


def to_host(name, shape, axes, order, rect):
    column, row, width, height = rect
    flat = np.zeros(int(np.prod(shape)), dtype=np.float32)
    result = np.zeros(shape, dtype=np.float32)
    size = flat.size // (width * height)
    runner.memcpy_d2h(flat, runner.get_id(name), column, row, width, height, size, **OPTIONS)
    for n, i in enumerate(pieces(shape, axes, width, height)):
        target = result[i].transpose(order)  # a view
        target[...] = flat[n * size : (n + 1) * size].reshape(target.shape)
    return result


inputs = np.load(args.inputs)
runner = SdkRuntime(args.name, cmaddr=args.cmaddr)
runner.load()
runner.run()
)py";

constexpr StringLiteral hostTail = R"py(runner.stop()
np.save(args.output, result)
if args.expect:
    np.testing.assert_allclose(result, np.load(args.expect), rtol=1e-4, atol=1e-5)
print("SUCCESS!")
)py";

class Emitter {
public:
  explicit Emitter(raw_ostream &stream) : os(stream) {}
  LogicalResult emitFile(csl::ModuleOp module);
  LogicalResult emitHost(HostOp host);
  LogicalResult emitScript(csl::ModuleOp layout);

private:
  LogicalResult emitBlock(Block &block);
  LogicalResult emitOp(Operation &op);
  /// `value` as an expression: a name, or what computes it.
  std::string expr(Value value);
  std::string type(Type type);
  std::string placement(PlacementAttr placement);
  template <typename Range> std::string args(Range &&values) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    llvm::interleaveComma(values, stream, [&](Value v) { stream << expr(v); });
    return text;
  }
  LogicalResult emitBody(Region &region) {
    os << " {\n";
    os.indent();
    if (failed(emitBlock(region.front())))
      return failure();
    os.unindent();
    os << "}";
    return success();
  }

  raw_indented_ostream os;
};

} // namespace

std::string Emitter::type(Type type) {
  return TypeSwitch<Type, std::string>(type)
      .Case([](ColorType) { return "color"; })
      .Case(
          [&](PtrType ptr) { return "[*]" + this->type(ptr.getElementType()); })
      .Case([](FloatType t) { return "f" + std::to_string(t.getWidth()); })
      .Case([](IntegerType t) {
        return t.getWidth() == 1 ? "bool" : "i" + std::to_string(t.getWidth());
      })
      .Default([](Type) { return ""; });
}

/// A float that reads back as the same number.
static std::string literal(APFloat value) {
  SmallString<24> text;
  value.toString(text);
  // CSL wants a point or an exponent in a float.
  if (StringRef(text).find_first_of(".eE") == StringRef::npos)
    text += ".0";
  return std::string(text);
}

std::string Emitter::expr(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return cast<ForOp>(argument.getOwner()->getParentOp()).getName().str();
  return TypeSwitch<Operation *, std::string>(value.getDefiningOp())
      .Case([](arith::ConstantOp op) -> std::string {
        if (auto number = dyn_cast<FloatAttr>(op.getValue()))
          return literal(number.getValue());
        auto integer = cast<IntegerAttr>(op.getValue());
        if (op.getType().isInteger(1))
          return integer.getValue().isZero() ? "false" : "true";
        return std::to_string(integer.getInt());
      })
      .Case([&](arith::AddIOp op) {
        return "(" + expr(op.getLhs()) + " + " + expr(op.getRhs()) + ")";
      })
      .Case([&](arith::MulIOp op) {
        return expr(op.getLhs()) + " * " + expr(op.getRhs());
      })
      .Case([&](StructOp op) {
        std::string text = ".{";
        for (auto [name, field] : llvm::zip_equal(
                 op.getNames().getAsValueRange<StringAttr>(), op.getValues()))
          text += (text.size() == 2 ? " ." : ", .") + name.str() + " = " +
                  expr(field);
        return text + " }";
      })
      .Case([&](MemberCallOp op) {
        return expr(op.getModule()) + "." + op.getFunction().str() + "(" +
               args(op.getArguments()) + ")";
      })
      .Default([](Operation *op) {
        return op->getAttrOfType<StringAttr>("name").str();
      });
}

LogicalResult Emitter::emitBlock(Block &block) {
  for (Operation &op : block)
    if (failed(emitOp(op)))
      return failure();
  return success();
}

LogicalResult Emitter::emitOp(Operation &op) {
  auto line = [&](const Twine &text) {
    os << text << "\n";
    return success();
  };
  auto define = [&](StringRef keyword, StringRef name, const Twine &value) {
    return line(keyword + " " + name + " = " + value + ";");
  };
  auto color = [&](Value value) {
    return value ? ", .{ .color = " + expr(value) + " }" : std::string();
  };
  return TypeSwitch<Operation *, LogicalResult>(&op)
      // Printed where they are used.
      .Case<arith::ConstantOp, arith::AddIOp, arith::MulIOp, StructOp>(
          [](Operation *) { return success(); })
      .Case([&](ParamOp param) {
        std::string name = type(param.getType());
        return line("param " + param.getName() +
                    (name.empty() ? "" : ": " + name) + ";");
      })
      .Case([&](GetColorOp get) {
        return define("const", (get.getName() + ": color").str(),
                      "@get_color(" + Twine(get.getId()) + ")");
      })
      .Case([&](GetQueueOp get) {
        bool input = get.getType().getKind() == QueueKind::Input;
        return define(
            "const", get.getName(),
            Twine(input ? "@get_input_queue(" : "@get_output_queue(") +
                Twine(get.getId()) + ")");
      })
      .Case([&](GetLocalTaskIdOp get) {
        return define("const", (get.getName() + ": local_task_id").str(),
                      "@get_local_task_id(" + Twine(get.getId()) + ")");
      })
      .Case([&](ImportModuleOp import) {
        return define("const", import.getName(),
                      "@import_module(\"" + import.getModule() + "\", " +
                          expr(import.getParams()) + ")");
      })
      .Case([&](VarOp var) {
        return define("var", var.getName(),
                      "@zeros([" + Twine(var.getType().getNumElements()) + "]" +
                          type(var.getType().getElementType()) + ")");
      })
      .Case([&](AddressOfOp address) {
        return define(
            "var", (address.getName() + ": " + type(address.getType())).str(),
            "&" + expr(address.getArray()));
      })
      .Case([&](GetMemDsdOp dsd) {
        return define("const", dsd.getName(),
                      "@get_dsd(mem1d_dsd, .{ .tensor_access = |i|{" +
                          Twine(dsd.getExtent()) + "} -> " +
                          expr(dsd.getArray()) + "[i] })");
      })
      .Case([&](GetFabDsdOp dsd) {
        bool input = dsd.getType().getKind() == DsdKind::Fabin;
        std::string fields =
            ".extent = " + std::to_string(dsd.getExtent()) +
            (input ? ", .input_queue = " : ", .output_queue = ") +
            expr(dsd.getQueue());
        if (dsd.getColor())
          fields += ", .fabric_color = " + expr(dsd.getColor());
        return define("const", dsd.getName(),
                      Twine(input ? "@get_dsd(fabin_dsd, .{ "
                                  : "@get_dsd(fabout_dsd, .{ ") +
                          fields + " })");
      })
      .Case([&](IncrementDsdOffsetOp inc) {
        return define("const", inc.getName(),
                      "@increment_dsd_offset(" + expr(inc.getDsd()) + ", " +
                          expr(inc.getOffset()) + ", " +
                          type(inc.getType().getElementType()) + ")");
      })
      .Case([&](LoadOp load) {
        return define("const", load.getName(),
                      expr(load.getArray()) + "[" + expr(load.getIndex()) +
                          "]");
      })
      .Case<FmovsOp, FaddsOp, FsubsOp, FmulsOp, FmaxsOp, FmacsOp>(
          [&](auto vector) {
            std::string text = "@" + op.getName().stripDialect().str() + "(" +
                               args(vector.getArgs());
            if (vector.getActivate())
              text += ", .{ .async = true, .activate = " +
                      expr(vector.getActivate()) + " }";
            return line(text + ");");
          })
      .Case([&](MemberCallOp call) {
        // A call with a result is an expression of its reader.
        return call.getResult()
                   ? success()
                   : line(expr(call.getModule()) + "." + call.getFunction() +
                          "(" + args(call.getArguments()) + ");");
      })
      .Case([&](csl::FuncOp function) {
        os << "\nfn " << function.getName() << "() void";
        return success(succeeded(emitBody(function.getBody())) &&
                       succeeded(line("")));
      })
      .Case([&](TaskOp task) {
        os << "\ntask " << task.getName() << "() void";
        return success(succeeded(emitBody(task.getBody())) &&
                       succeeded(line("")));
      })
      .Case([&](ComptimeOp comptime) {
        os << "\ncomptime";
        return success(succeeded(emitBody(comptime.getBody())) &&
                       succeeded(line("")));
      })
      .Case([&](LayoutOp layout) {
        os << "\nlayout";
        return success(succeeded(emitBody(layout.getBody())) &&
                       succeeded(line("")));
      })
      .Case([&](ForOp loop) {
        os << "for (@range(i16, " << loop.getCount() << ")) |" << loop.getName()
           << "|";
        return success(succeeded(emitBody(loop.getBody())) &&
                       succeeded(line("")));
      })
      .Case([&](IfOp branch) -> LogicalResult {
        os << "if (" << expr(branch.getCondition()) << ")";
        if (failed(emitBody(branch.getThen())))
          return failure();
        if (!branch.getOtherwise().empty()) {
          os << " else";
          if (failed(emitBody(branch.getOtherwise())))
            return failure();
        }
        return line("");
      })
      .Case([&](CommentOp comment) { return line("// " + comment.getText()); })
      .Case([&](InitializeQueueOp init) {
        return line("@initialize_queue(" + expr(init.getQueue()) +
                    color(init.getColor()) + ");");
      })
      .Case([&](BindLocalTaskOp bind) {
        return line("@bind_local_task(" + bind.getTask() + ", " +
                    expr(bind.getId()) + ");");
      })
      .Case([&](ExportSymbolOp symbol) {
        if (!symbol.getPointer())
          return line("@export_symbol(" + symbol.getName() + ");");
        return line("@export_symbol(" + expr(symbol.getPointer()) + ", \"" +
                    symbol.getName() + "\");");
      })
      .Case([&](ExportNameOp name) {
        std::string kind = name.getType() ? type(*name.getType()) + ", true"
                                          : std::string("fn()void");
        return line("@export_name(\"" + name.getName() + "\", " + kind + ");");
      })
      .Case([&](SetRectangleOp rectangle) {
        return line("@set_rectangle(" + Twine(rectangle.getWidth()) + ", " +
                    Twine(rectangle.getHeight()) + ");");
      })
      .Case([&](SetTileCodeOp code) {
        return line("@set_tile_code(" + expr(code.getX()) + ", " +
                    expr(code.getY()) + ", \"" + code.getProgram() +
                    ".csl\", " + expr(code.getParams()) + ");");
      })
      .Case([&](SetColorConfigOp config) {
        std::string tx;
        for (auto direction : config.getTx().getAsRange<DirectionAttr>())
          tx += (tx.empty() ? "" : ", ") +
                stringifyDirection(direction.getValue()).upper();
        return line("@set_color_config(" + expr(config.getX()) + ", " +
                    expr(config.getY()) + ", " + expr(config.getColor()) +
                    ", .{ .routes = .{ .rx = .{" +
                    stringifyDirection(config.getRx()).upper() + "}, .tx = .{" +
                    tx + "} } });");
      })
      .Default([](Operation *other) {
        return other->emitOpError("has no text in CSL");
      });
}

LogicalResult Emitter::emitFile(csl::ModuleOp module) {
  os << "// FILE: " << module.getName() << ".csl\n";
  return emitBlock(module.getBody().front());
}

std::string Emitter::placement(PlacementAttr placement) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto tuple = [&](auto range, auto print) {
    stream << "(";
    llvm::interleaveComma(range, stream, print);
    stream << (range.size() == 1 ? ",), " : "), ");
  };
  auto number = [&](int64_t value) { stream << value; };
  tuple(placement.getShape(), number);
  tuple(placement.getAxes(),
        [&](Axis axis) { stream << '"' << stringifyAxis(axis) << '"'; });
  tuple(placement.getOrder(), number);
  tuple(placement.getRect(), number);
  return StringRef(text).drop_back(2).str();
}

LogicalResult Emitter::emitHost(HostOp host) {
  os << "// FILE: run.py\n" << hostHead;
  for (Operation &op : host.getBody().front()) {
    if (auto copy = dyn_cast<MemcpyH2DOp>(op))
      os << "to_device(\"" << copy.getSymbol() << "\", inputs[\"in"
         << copy.getInput() << "\"], " << placement(copy.getPlacement())
         << ")\n";
    else if (auto launch = dyn_cast<LaunchOp>(op))
      os << "runner.launch(\"" << launch.getSymbol() << "\", nonblock=False)\n";
    else if (auto copy = dyn_cast<MemcpyD2HOp>(op))
      os << "result = to_host(\"" << copy.getSymbol() << "\", "
         << placement(copy.getPlacement()) << ")\n";
    else
      return op.emitOpError("has no text in the host's program");
  }
  os << hostTail;
  return success();
}

LogicalResult Emitter::emitScript(csl::ModuleOp layout) {
  SetRectangleOp rectangle;
  layout.walk([&](SetRectangleOp op) { rectangle = op; });
  StringRef arch = layout.getTarget().getArch();
  // The host-copy library takes 4 columns in the west, 3 in the east and a row
  // on either side.
  os << "// FILE: commands_" << arch << ".sh\n"
     << "#!/usr/bin/env bash\n\nset -e\n\n"
     << "cslc --arch=" << arch << " ./" << layout.getName()
     << ".csl --fabric-dims=" << rectangle.getWidth() + 7 << ","
     << rectangle.getHeight() + 2
     << " --fabric-offsets=4,1 -o out --memcpy --channels=1\n"
     << "cs_python run.py --name out\n";
  return success();
}

static LogicalResult translateToCSL(Operation *op, raw_ostream &os) {
  Emitter emitter(os);
  bool any = false;
  for (Operation &inner : op->getRegion(0).front()) {
    LogicalResult result =
        TypeSwitch<Operation *, LogicalResult>(&inner)
            .Case([&](csl::ModuleOp file) -> LogicalResult {
              any = true;
              if (failed(emitter.emitFile(file)))
                return failure();
              return file.getKind() == ModuleKind::Layout
                         ? emitter.emitScript(file)
                         : success();
            })
            .Case([&](HostOp host) { return emitter.emitHost(host); })
            .Default([](Operation *other) {
              return other->emitError("expects only csl files, got '")
                     << other->getName() << "'";
            });
    if (failed(result))
      return failure();
  }
  return any ? success() : op->emitError("expects a 'csl.module'");
}

void plait::registerToCSLTranslation() {
  TranslateFromMLIRRegistration registration(
      "mlir-to-csl", "translate the csl dialect to the files of a CSL program",
      translateToCSL, [](DialectRegistry &registry) {
        registry.insert<CSLDialect, arith::ArithDialect>();
      });
}
