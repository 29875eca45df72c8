//===- NVPTX.h - GPU kernels to PTX -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_NVPTX_H
#define PLAIT_TARGET_NVPTX_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace plait {

/// A GPU generation and the PTX version that Plait writes for it.
struct NVPTXChip {
  llvm::StringLiteral name;
  llvm::StringLiteral feature;
};

/// Every chip that code is made for. LLVM aborts on a PTX version that is too
/// old for its chip, so the two always come from here.
llvm::ArrayRef<NVPTXChip> getNVPTXChips();

/// The chip called `name`, or null.
const NVPTXChip *lookupNVPTXChip(llvm::StringRef name);

/// Registers three translations of a module with one `gpu.module` in the LLVM
/// and NVVM dialects and its `#nvvm.target`s:
/// `--mlir-to-ptx`: the PTX of every target, one after the other;
/// `--mlir-to-nvptx-artifact`: JSON with the PTX of every target and what
/// `plait.entries` says;
/// `--mlir-to-emulation-object`: the same device code as an object file for
/// this machine, to be run by the device emulator.
void registerNVPTXTranslations();

} // namespace plait

#endif // PLAIT_TARGET_NVPTX_H
