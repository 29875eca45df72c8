"""Object code to a callable address, without loading a compiler.

Where there is a linker, object code becomes a shared library once, when it is
compiled. Elsewhere LLVM's ORC loads the object file as it is.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

from plait import runtime
from plait.errors import CompileError, PlaitError

_ET_DYN = 3


def linker() -> str | None:
    """The C compiler driver that links shared libraries here, or None.

    ``PLAIT_LINKER`` overrides the search; ``orc`` means to have none.
    """
    override = os.environ.get("PLAIT_LINKER")
    if override == "orc":
        return None
    return shutil.which(override) if override else shutil.which("cc") or shutil.which("gcc")


def sanitized() -> bool:
    """Whether compiled code checks its accesses to memory: ``PLAIT_SANITIZE=address``.

    Python must have libasan preloaded then; see CONTRIBUTING.md.
    """
    return os.environ.get("PLAIT_SANITIZE") == "address"


def link(*objects: bytes) -> bytes | None:
    """A shared library made of object files, or None where there is no linker."""
    driver = linker()
    if driver is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        sources, target = [], Path(folder, "code.so")
        for index, code in enumerate(objects):
            sources.append(Path(folder, f"{index}.o"))
            sources[-1].write_bytes(code)
        options = ["-shared", "-Wl,-Bsymbolic,-z,noexecstack", "-o", target]
        # Every process has libc; to search it would take half of the time.
        checks = ["-fsanitize=address"] if sanitized() else ["-nostdlib"]
        command = [driver, *options, *checks, *sources, "-lm", "-lgcc"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise CompileError(f"'{driver}' cannot link:\n{done.stderr}", diagnostics=done.stderr)
        return target.read_bytes()


def load(code: bytes):
    """A function from names to the entries of compiled code.

    ``code`` is a shared library or, where there was no linker, an object file. An
    entry takes the address of an array of pointers and returns None or a message.
    """
    # What an ELF file is stands after the 16 bytes that identify it.
    return _load_library(code) if code[16] == _ET_DYN else _load_object(code)


def _load_library(code):
    runtime.library()
    # A name of its own: dlopen takes an equal name for the library it has.
    with tempfile.NamedTemporaryFile(prefix="plait-", suffix=".so") as file:
        file.write(code)
        file.flush()
        library = ctypes.CDLL(file.name)

    def entry(name):
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
        return function

    return entry


def _load_object(code):
    llvm = _orc()
    runtime.library()

    def check(error):
        if error:
            raise PlaitError(f"ORC cannot load: {llvm.LLVMGetErrorMessage(error).decode()}")

    jit = ctypes.c_void_p()
    check(llvm.LLVMOrcCreateLLJIT(ctypes.byref(jit), None))
    domain = llvm.LLVMOrcLLJITGetMainJITDylib(jit)
    generator = ctypes.c_void_p()
    prefix = llvm.LLVMOrcLLJITGetGlobalPrefix(jit)
    check(
        llvm.LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
            ctypes.byref(generator), prefix, None, None
        )
    )
    llvm.LLVMOrcJITDylibAddGenerator(domain, generator)
    buffer = llvm.LLVMCreateMemoryBufferWithMemoryRangeCopy(code, len(code), b"plait")
    check(llvm.LLVMOrcLLJITAddObjectFile(jit, domain, buffer))

    # The JIT owns the code: it lives as long as the process.
    def entry(name):
        address = ctypes.c_uint64()
        check(llvm.LLVMOrcLLJITLookup(jit, ctypes.byref(address), name.encode()))
        return ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(address.value)

    return entry


@cache
def _orc():
    path = Path(sysconfig.get_path("platlib"), "llvm", "lib", "libLLVM.so")
    if not path.is_file():
        raise PlaitError(f"no linker on this machine, and no LLVM to load object code at {path}")
    if "torch_mlir" in sys.modules:
        raise PlaitError("LLVM cannot be loaded beside torch_mlir; install a linker (cc)")
    llvm = ctypes.CDLL(str(path))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures = {
        "LLVMGetErrorMessage": (ctypes.c_char_p, [pointer]),
        "LLVMOrcCreateLLJIT": (pointer, [pointer, pointer]),
        "LLVMOrcLLJITGetMainJITDylib": (pointer, [pointer]),
        "LLVMOrcLLJITGetGlobalPrefix": (ctypes.c_char, [pointer]),
        "LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess": (
            pointer,
            [pointer, ctypes.c_char, pointer, pointer],
        ),
        "LLVMOrcJITDylibAddGenerator": (None, [pointer, pointer]),
        "LLVMCreateMemoryBufferWithMemoryRangeCopy": (
            pointer,
            [ctypes.c_char_p, size, ctypes.c_char_p],
        ),
        "LLVMOrcLLJITAddObjectFile": (pointer, [pointer, pointer, pointer]),
        "LLVMOrcLLJITLookup": (pointer, [pointer, pointer, ctypes.c_char_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(llvm, name)
        function.restype, function.argtypes = result, arguments
    machine = {"x86_64": "X86", "aarch64": "AArch64"}[os.uname().machine]
    for part in ("TargetInfo", "Target", "TargetMC", "AsmPrinter"):
        getattr(llvm, f"LLVMInitialize{machine}{part}")()
    return llvm
