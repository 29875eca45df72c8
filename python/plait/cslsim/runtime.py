"""``SdkRuntime``: the host interface that official ``run.py`` programs use.

Host tensors are [h][w][elements] (ROW_MAJOR) or [elements][w][h] reordered
(COL_MAJOR: [w][h] order of PEs is as documented: the array is A[elements][w][h]).
16-bit elements travel in the low halves of 32-bit words.
"""

import atexit
import enum
import json
import os
import sys
from pathlib import Path

import numpy as np

from plait.cslsim import trace
from plait.cslsim.errors import SimulationError
from plait.cslsim.simulator import Simulator

# How <simprint> shows a value, by channel; a debugging trace has its key instead.
FORMATS = {"print": "", "04X": "04X", "08X": "08X", "016b": "016b", "032b": "032b"}
TRACES = "plait-traces.json"  # what programs traced, in the artifact's folder


class MemcpyDataType(enum.Enum):
    """Width of an element on the device."""

    MEMCPY_16BIT = 16
    MEMCPY_32BIT = 32


class MemcpyOrder(enum.Enum):
    """How a host array lies over the PEs."""

    ROW_MAJOR = 0
    COL_MAJOR = 1


class Task:
    """What a non-blocking call returns: already done."""

    def done(self):
        """Always."""
        return True


class SdkRuntime:
    """The wafer as the host program drives it.

    ``machine`` is not the vendor's: a cycle model in place of the architecture's. What the
    environment may say is in docs/cslsim.md.
    """

    def __init__(
        self,
        bindir,
        cmaddr=None,
        suppress_simfab_trace=False,
        simfab_numthreads=None,
        msg_level=None,
        memcpy_required=True,
        machine=None,
        **unknown,
    ):
        if unknown:
            raise SimulationError(f"SdkRuntime does not know {', '.join(unknown)}")
        if cmaddr:
            raise SimulationError("'cmaddr' names a machine; this runtime only simulates")
        depth = os.environ.get("PLAIT_CSL_DEPTH")
        self.strict = os.environ.get("PLAIT_CSL_STRICT", "0") != "0"
        self.sim = Simulator(
            bindir,
            seed=int(os.environ.get("PLAIT_CSL_SEED", "0")),
            depth=int(depth) if depth else None,
            strict=self.strict,
            bounds=os.environ.get("PLAIT_CSL_BOUNDS", "stop"),
            reads=os.environ.get("PLAIT_CSL_READS", "stop"),
            machine=machine,
        )
        self.symbols = [n for n, e in self.sim.meta["exports"].items() if e["kind"] == "data"]
        self.open = False
        self.warnings = {}  # of each variable, the first
        if path := os.environ.get("PLAIT_CSL_TRACE"):
            self.sim.trace(trace.LIMIT)
            # At the end, however the host program ends.
            atexit.register(trace.write, path, self.sim, f"{Path(sys.argv[0]).name}: {bindir}")
        self.folder, self.logged, self.lines, self.traces = Path(bindir), 0, {}, []

    # A symbol's id is above every colour, so that one argument can be either.
    def get_id(self, name):
        """The handle of an exported variable."""
        if name not in self.symbols:
            raise SimulationError(f"no exported variable '{name}'")
        return 1000 + self.symbols.index(name)

    def load(self):
        """Put the program on the wafer."""

    def run(self):
        """Start it."""
        self.sim.start()

    def stop(self):
        """Finish the open command and report what is left over."""
        self._finish()
        self.sim.settle()
        self._show()
        for (x, y), line in sorted(self.lines.items()):
            print(f"PE ({x}, {y}): {line}")
        if self.traces:
            text = json.dumps({"offset": self.sim.meta["offset"], "traces": self.traces})
            (self.folder / TRACES).write_text(text)
        for note in [*self.sim.notes(), *self.warnings.values()]:
            print(f"warning: {note}", file=sys.stderr)
        if left := self.sim.report():
            if self.strict or self.sim.strays():
                raise SimulationError(f"left over at stop:\n{left}")
            print(f"warning: left over at stop:\n{left}", file=sys.stderr)
        if os.environ.get("PLAIT_CSL_STATS"):
            print(self.sim.stats())

    def _finish(self):
        if self.open:
            self.sim.finish()
            self.open = False
            self._show()

    def _show(self):
        """Print what programs have printed, in whole lines; keep what they have traced."""
        logs = self.sim.logs(self.logged)
        self.logged += len(logs)
        for x, y, channel, value, _ in logs:
            if channel not in FORMATS:
                self.traces.append([x, y, channel, value])
                continue
            line = self.lines.pop((x, y), "") + format(value, FORMATS[channel])
            *whole, rest = line.split("\n")
            for text in whole:
                print(f"PE ({x}, {y}): {text}")
            if rest:
                self.lines[x, y] = rest

    def launch(self, name, *args, nonblock=True):
        """Run an exported function on every PE."""
        self._finish()
        self.sim.launch(name, args)
        self.open = True
        if not nonblock:
            self._finish()
        return Task()

    def call(self, name, args, nonblock=True):
        """``launch`` with its arguments in a list."""
        return self.launch(name, *args, nonblock=nonblock)

    def is_task_done(self, task):
        """Non-blocking calls are done when they return."""
        return True

    def task_wait(self, task):
        """Nothing to wait for."""

    def _symbol(self, number):
        if not 0 <= number - 1000 < len(self.symbols):
            raise SimulationError(f"{number} is no variable: a copy needs what get_id gave")
        return self.symbols[number - 1000]

    def memcpy_h2d(
        self,
        dest,
        src,
        x,
        y,
        w,
        h,
        elem_per_pe,
        streaming=False,
        order=MemcpyOrder.ROW_MAJOR,
        data_type=MemcpyDataType.MEMCPY_32BIT,
        nonblock=True,
        **unknown,
    ):
        """Copy a host array to a variable, or into a colour, of each PE of a region."""
        _refuse("memcpy_h2d", unknown)
        src = np.asarray(src)
        self._region(x, y, w, h)
        _expect_size("memcpy_h2d", src, w * h * elem_per_pe)
        words = _words(src)
        grid = _grid(words, w, h, elem_per_pe, order)
        if streaming:
            color = self._color(dest, "in")
            self.sim.settle()  # host streams follow each other
            for j in range(h):
                for i in range(w):
                    self.sim.send(x + i, y + j, color, grid[j, i])
            return Task()
        self._quiet()
        name = self._symbol(dest)
        if not self.sim.meta["exports"][name]["writable"]:
            raise SimulationError(f"'{name}' is not writable by the host")
        kind = np.uint16 if data_type == MemcpyDataType.MEMCPY_16BIT else np.uint32
        for j in range(h):
            for i in range(w):
                at = self.sim.address(name, x + i, y + j)
                self.sim.write(x + i, y + j, at, grid[j, i].astype(kind))
        return Task()

    def memcpy_d2h(
        self,
        dest,
        src,
        x,
        y,
        w,
        h,
        elem_per_pe,
        streaming=False,
        order=MemcpyOrder.ROW_MAJOR,
        data_type=MemcpyDataType.MEMCPY_32BIT,
        nonblock=False,
        **unknown,
    ):
        """Copy a variable, or what a colour brings, from each PE of a region to the host."""
        _refuse("memcpy_d2h", unknown)
        self._region(x, y, w, h)
        _expect_size("memcpy_d2h", dest, w * h * elem_per_pe)
        wide = data_type == MemcpyDataType.MEMCPY_32BIT
        if streaming:
            grid = self.sim.receive(x, y, w, h, self._color(src, "out"), elem_per_pe)
        else:
            self._quiet()
            kind = np.uint32 if wide else np.uint16
            grid = np.zeros((h, w, elem_per_pe), np.uint32)
            name = self._symbol(src)
            unwritten = []
            for j in range(h):
                for i in range(w):
                    at = self.sim.address(name, x + i, y + j)
                    size = elem_per_pe * kind().itemsize
                    raw, written = self.sim.read(x + i, y + j, at, size)
                    grid[j, i] = raw.view(kind)
                    if not written:
                        unwritten.append((x + i, y + j))
            if unwritten:
                self._unwritten(name, unwritten[0])
        if not wide and not streaming:  # which has no effect on streams
            grid &= 0xFFFF
        if order == MemcpyOrder.COL_MAJOR:
            grid = grid.transpose(2, 1, 0)
        flat = np.ascontiguousarray(grid).ravel()
        if dest.dtype.itemsize == 4:
            dest.reshape(-1)[:] = flat.view(dest.dtype)
        else:
            raise SimulationError(
                f"memcpy_d2h needs a host array of 32-bit elements, got {dest.dtype}"
            )
        return Task()

    def memcpy_h2d_rowbcast(self, dest, src, x, y, w, h, elem_per_pe, **options):
        """One column of data (h PEs x elements), copied along each row."""
        return self._broadcast("memcpy_h2d_rowbcast", dest, src, (x, y, w, h), elem_per_pe, options)

    def memcpy_h2d_colbcast(self, dest, src, x, y, w, h, elem_per_pe, **options):
        """One row of data (w PEs x elements), copied down each column."""
        return self._broadcast("memcpy_h2d_colbcast", dest, src, (x, y, w, h), elem_per_pe, options)

    def _broadcast(self, name, dest, src, region, count, options):
        _, _, w, h = region
        own = (1, h) if name == "memcpy_h2d_rowbcast" else (w, 1)
        src = np.asarray(src)
        _expect_size(name, src, own[0] * own[1] * count)
        order = options.pop("order", MemcpyOrder.ROW_MAJOR)
        words = _words(src)
        full = np.broadcast_to(_grid(words, *own, count, order), (h, w, count))
        return self.memcpy_h2d(dest, full.ravel(), *region, count, **options)

    def memcpy_h2d_stride(
        self, dest, src, px, py, w, h, elem_per_pe, row_stride, col_stride, **options
    ):
        """Data for every ``row_stride``-th PE of every ``col_stride``-th row of a region.

        As the vendor's page on SdkRuntime has it: the PEs of a row that receive are
        ``row_stride`` apart and the rows ``col_stride``, from (px, py) on. They are xi = 1 +
        floor((w - 1) / row_stride) columns and eta = 1 + floor((h - 1) / col_stride) rows, and
        the host tensor is A[xi][eta][elem_per_pe] (columns first, unlike those of the other
        copies), wrapped in a 1-D array according to ``order``.
        """
        for name, step in (("row_stride", row_stride), ("col_stride", col_stride)):
            if step < 1:
                raise SimulationError(f"'{name}' must be positive, got {step}")
        self._region(px, py, w, h)
        xi, eta = 1 + (w - 1) // row_stride, 1 + (h - 1) // col_stride
        src = np.asarray(src)
        _expect_size("memcpy_h2d_stride", src, xi * eta * elem_per_pe)
        order = options.pop("order", MemcpyOrder.ROW_MAJOR)
        grid = _grid(_words(src), xi, eta, elem_per_pe, order, columns_first=True)
        for j in range(eta):
            for i in range(xi):
                at = (px + i * row_stride, py + j * col_stride)
                self.memcpy_h2d(dest, grid[j, i], *at, 1, 1, elem_per_pe, **options)
        return Task()

    def _unwritten(self, name, pe):
        """The host reads what nobody wrote: a warning at the end, for programs often copy a
        variable of all PEs that only some of them write."""
        text = f"memcpy_d2h reads memory of '{name}' that was never written (PE {pe})"
        if self.strict:
            raise SimulationError(text)
        self.warnings.setdefault(name, text)

    def _quiet(self):
        """Copies follow the open command, and take long: the fabric comes to rest."""
        self._finish()
        self.sim.settle()

    def _color(self, number, way):
        """The number of a colour that the layout gave to memcpy to stream "in" or "out"."""
        if number >= 1000:
            raise SimulationError("streaming needs a color, got a variable")
        known = self.sim.meta["streams"][way]
        if number not in known:
            raise SimulationError(
                f"color {number} does not stream {way}: the layout gave <memcpy/get_params> "
                f"{'colors ' + ', '.join(map(str, known)) if known else 'no color'} for that"
            )
        return int(number)

    def _region(self, x, y, w, h):
        if x < 0 or y < 0 or x + w > self.sim.width or y + h > self.sim.height:
            raise SimulationError(
                f"the region {w} by {h} at ({x}, {y}) leaves the {self.sim.width} by "
                f"{self.sim.height} rectangle"
            )


def _refuse(name, unknown):
    if unknown:
        raise SimulationError(f"{name} does not know {', '.join(unknown)}")


def _expect_size(name, array, count):
    if np.asarray(array).size != count:
        raise SimulationError(
            f"{name} moves {count} elements, the host array has {np.asarray(array).size}"
        )


def _words(array):
    """Host elements as 32-bit words."""
    array = np.ascontiguousarray(array)
    if array.dtype.itemsize == 4:
        return array.view(np.uint32).ravel()
    raise SimulationError(f"memcpy needs host arrays of 32-bit elements, got {array.dtype}")


def _grid(words, w, h, count, order, columns_first=False):
    """[h][w][count] of a host array of that shape, or [w][h][count]."""
    if columns_first:
        return _grid(words, h, w, count, order).transpose(1, 0, 2)
    if order == MemcpyOrder.ROW_MAJOR:
        return words.reshape(h, w, count)
    return words.reshape(count, w, h).transpose(2, 1, 0)


def input_array_to_u32(np_arr, sentinel, fast_dim_sz):
    """16-bit elements as wavelets: the element below, and above it its index along the fast
    dimension (zero if ``sentinel`` is 0 or None)."""
    array = np.ascontiguousarray(np_arr)
    if array.dtype.itemsize == 4:
        return array.view(np.uint32).ravel()
    if array.dtype.itemsize != 2:
        raise SimulationError(f"expected 16- or 32-bit elements, got {array.dtype}")
    words = array.view(np.uint16).ravel().astype(np.uint32)
    if sentinel:
        words |= (np.arange(words.size, dtype=np.uint32) % max(fast_dim_sz, 1)) << 16
    return words


def memcpy_view(arr_32, datatype):
    """The low parts of 32-bit words as another type, without a copy."""
    datatype = np.dtype(datatype)
    step = arr_32.dtype.itemsize // datatype.itemsize
    return arr_32.reshape(-1).view(datatype)[::step].reshape(arr_32.shape)


def calculate_cycles(timestamp_buf):
    """Cycles between two 48-bit stamps packed in three f32 words."""
    words = np.ascontiguousarray(timestamp_buf, np.float32).view(np.uint16).reshape(-1)
    start, end = (int(words[i]) | int(words[i + 1]) << 16 | int(words[i + 2]) << 32 for i in (0, 3))
    return end - start
