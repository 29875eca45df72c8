//===- Failure.cpp - assertions that fail in compiled code -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled code runs in the user's process, so it must not end it. An entry, or
// a task on whatever thread, calls setjmp and makes its buffer the guard; a
// failure jumps there. No jump leaves its thread. Memory that the call had
// allocated is lost.
//
//===----------------------------------------------------------------------===//

#include "plait/Runtime/Runtime.h"

#include <setjmp.h>

namespace {
thread_local void *guard = nullptr;
thread_local const char *message = nullptr;
} // namespace

extern "C" {

void *plait_set_guard(void *buffer) {
  void *outer = guard;
  guard = buffer;
  return outer;
}

void plait_set_message(const char *text) { message = text; }

const char *plait_get_message(void) { return message; }

void plait_fail(void) { _longjmp(*static_cast<jmp_buf *>(guard), 1); }

void plait_raise(const char *text) {
  if (!text)
    return;
  message = text;
  plait_fail();
}
}
