//===- SampleAttrs.td - sample attrs -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLEATTRS_TD
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLEATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "plait/Dialect/Sample/IR/SampleDialect.td"

class Sample_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Sample_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Sample_Generator : I32EnumAttr<"Generator",
    "where the noise of every token comes from", [
      I32EnumAttrCase<"Philox", 0, "philox">,
      I32EnumAttrCase<"Murmur3Vllm", 1, "murmur3_vllm">,
      I32EnumAttrCase<"Murmur3Sglang", 2, "murmur3_sglang">,
      I32EnumAttrCase<"JaxThreefry", 3, "jax_threefry">]> {
  let cppNamespace = "::plait::sample";
  let genSpecializedAttr = 0;
}
def Sample_GeneratorAttr
    : EnumAttr<Sample_Dialect, Sample_Generator, "generator"> {
  let description = [{
    A uniform number `u` in Q64 for token `v`, from the row's key:

    | case | bits | `u` |
    |---|---|---|
    | `philox` | words 2(v mod 2) and 2(v mod 2) + 1 of Philox4x32-10, counter (2^31 + v / 2, position, sequence, session), key seed | `low + high 2^32`, odd |
    | `murmur3_vllm` | 32-bit Murmur3 `h` of (seed low, seed high, position, v) | `2^64 - (2 h + 1) 2^31` |
    | `murmur3_sglang` | the same | `min(h (2^32 + 1), 2^64 - 2^32)` |
    | `jax_threefry` | `h` = the two words of Threefry2x32-20 xored, counter `sequence V + v`, key (seed high, seed low) | `(h >> 9) 2^41` |
  }];
  let assemblyFormat = "$value";
}

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLEATTRS_TD
