//===- Serve.cpp - tools that are loaded once and run many times -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Tools/Serve.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;

/// Reads or writes all of `data`; false where the other end is gone.
template <typename Call>
static bool all(Call call, int file, char *data, size_t size) {
  while (size) {
    ssize_t done = sys::RetryAfterSignal(-1, call, file, data, size);
    if (done <= 0)
      return false;
    data += done;
    size -= done;
  }
  return true;
}

static bool readAll(int file, void *data, size_t size) {
  return all(::read, file, static_cast<char *>(data), size);
}

static bool writeAll(int file, const void *data, size_t size) {
  return all(::write, file, static_cast<char *>(const_cast<void *>(data)),
             size);
}

int plait::serveMain(int argc, char **argv,
                     function_ref<int(int argc, char **argv)> run) {
  if (argc != 2 || StringRef(argv[1]) != "--serve")
    return run(argc, argv);
  uint64_t sizes[2];
  while (readAll(STDIN_FILENO, sizes, sizeof(sizes))) {
    std::string arguments(sizes[0], 0), input(sizes[1], 0);
    if (!readAll(STDIN_FILENO, arguments.data(), arguments.size()) ||
        !readAll(STDIN_FILENO, input.data(), input.size()))
      return 1;
    int files[3];
    for (int &file : files)
      file = memfd_create("plait", 0);
    writeAll(files[0], input.data(), input.size());
    lseek(files[0], 0, SEEK_SET);

    pid_t child = fork();
    if (child < 0) {
      errs() << argv[0] << ": fork: " << sys::StrError() << '\n';
      return 1;
    }
    if (child == 0) {
      // Who waits for this job may kill the server.
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (int stream = 0; stream < 3; ++stream)
        dup2(files[stream], stream);
      SmallVector<char *> words = {argv[0]};
      for (size_t at = 0; at < arguments.size(); at += strlen(words.back()) + 1)
        words.push_back(&arguments[at]);
      words.push_back(nullptr);
      int result = run(words.size() - 1, words.data());
      outs().flush();
      // Nothing is torn down: that takes as long as a small job, too.
      _exit(result);
    }
    int status = 0;
    sys::RetryAfterSignal(-1, ::waitpid, child, &status, 0);
    uint64_t answer[3] = {static_cast<uint64_t>(status)};
    std::string output[2];
    for (int i : {0, 1}) {
      int file = files[i + 1];
      output[i].resize(lseek(file, 0, SEEK_END));
      lseek(file, 0, SEEK_SET);
      readAll(file, output[i].data(), output[i].size());
      answer[i + 1] = output[i].size();
    }
    for (int file : files)
      close(file);
    if (!writeAll(STDOUT_FILENO, answer, sizeof(answer)) ||
        !writeAll(STDOUT_FILENO, output[0].data(), output[0].size()) ||
        !writeAll(STDOUT_FILENO, output[1].data(), output[1].size()))
      return 1;
  }
  return 0;
}
