"""Helpers: compile CSL text, run it, read it back."""

import numpy as np

from plait.cslsim.layout import Options, compile_layout, save
from plait.cslsim.runtime import MemcpyDataType, MemcpyOrder, SdkRuntime

LAYOUT = """
const memcpy = @import_module("<memcpy/get_params>", .{ .width = 1, .height = 1 });
layout {
  @set_rectangle(1, 1);
  @set_tile_code(0, 0, "pe.csl", .{ .memcpy_params = memcpy.get_params(0) });
  @export_name("out", [*]%(type)s, true);
  @export_name("main", fn()void);
}
"""
PE = """
param memcpy_params: comptime_struct;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
%s
comptime {
  @export_symbol(out_ptr, "out");
  @export_symbol(main);
}
"""


def build(folder, files, arch="wse3", **params):
    """Compile ``layout.csl`` of a dictionary of files; returns the artifact's folder."""
    for name, text in files.items():
        (folder / name).write_text(text)
    options = Options(arch, folder, {k: str(v) for k, v in params.items()})
    layout, programs = compile_layout(folder / "layout.csl", options)
    save(folder / "out", layout, programs, options)
    return folder / "out"


def runner(folder):
    """A started runtime."""
    runtime = SdkRuntime(folder)
    runtime.load()
    runtime.run()
    return runtime


def get(runtime, name, x, y, w, h, n, dtype=np.float32):
    """An exported variable of a region, [h][w][n]."""
    words = np.zeros(w * h * n, np.uint32)
    narrow = np.dtype(dtype).itemsize == 2
    runtime.memcpy_d2h(
        words,
        runtime.get_id(name),
        x,
        y,
        w,
        h,
        n,
        streaming=False,
        nonblock=False,
        order=MemcpyOrder.ROW_MAJOR,
        data_type=MemcpyDataType.MEMCPY_16BIT if narrow else MemcpyDataType.MEMCPY_32BIT,
    )
    if narrow:
        words = words.astype(np.uint16)
    return words.view(dtype).reshape(h, w, n)


def put(runtime, name, x, y, w, h, n, values):
    """Set an exported 32-bit variable of a region."""
    runtime.memcpy_h2d(
        runtime.get_id(name),
        np.ascontiguousarray(values).ravel(),
        x,
        y,
        w,
        h,
        n,
        streaming=False,
        order=MemcpyOrder.ROW_MAJOR,
        data_type=MemcpyDataType.MEMCPY_32BIT,
        nonblock=False,
    )


def run_one(folder, declarations, body, n, dtype=np.int32, type="i32", arch="wse3"):
    """Run ``main`` with this body on one PE; the ``n`` elements of ``out``."""
    pe = PE % (
        f"var out = @zeros([{n}]{type});\nvar out_ptr: [*]{type} = &out;\n{declarations}\n"
        f"fn main() void {{\n{body}\n  sys.unblock_cmd_stream();\n}}\n"
    )
    runtime = runner(build(folder, {"layout.csl": LAYOUT % {"type": type}, "pe.csl": pe}, arch))
    runtime.launch("main", nonblock=False)
    result = get(runtime, "out", 0, 0, 1, 1, n, dtype)[0, 0]
    runtime.stop()
    return result
