"""A compiled program on the simulated wafer, as the host sees it."""

import ctypes
import json
import re
import zipfile
from pathlib import Path

import numpy as np

from plait.cslsim import core
from plait.cslsim.errors import SimulationError
from plait.cslsim.machine import MACHINES, record
from plait.cslsim.progress import Progress
from plait.cslsim.types import NAMED, RANGES, from_bits

PIECE = 2_000_000  # events at a time: a fraction of a second
SETTLE = 100_000  # cycles that the fabric runs on before the host copies memory
#: What lets a program of the hardware's ways go on, by what stopped it.
WAYS_OUT = {
    "read of memory that was never written": "PLAIT_CSL_READS=warn lets it read zero",
    "of the operation leaves its variable": "PLAIT_CSL_BOUNDS=ignore lets it",
}
COUNTERS = (
    *("busy", "stalled", "tasks", "instructions", "elements", "sent", "received", "waited"),
    *("ramp", "north", "south", "east", "west"),
)


class Simulator:
    """Loads an artifact and runs it.

    Args:
        folder: what ``cslc -o`` wrote.
        seed: 0 for the fixed order of events; else tasks and equal-time events
            come in a random order and hops take up to two cycles longer.
        depth: depth of every queue, to look for programs that need more than one.
        strict: what is otherwise only noted (``notes``) stops the run: extents that differ, and
            reads even if they are "warn".
        bounds: "stop" when a DSD leaves its variable; "ignore" lets it go on in the PE's memory.
        reads: "stop" when memory is read that was never written; "warn" reads zero and notes it.
        limit: stop after this many cycles.
        machine: the cycle model, a ``Machine``; by default that of the program's architecture.
    """

    def __init__(
        self,
        folder,
        seed=0,
        depth=None,
        strict=False,
        bounds="stop",
        reads="stop",
        limit=0,
        machine=None,
    ):
        path = Path(folder) / "plait.npz"
        if not path.is_file():
            raise SimulationError(f"no compiled program in '{folder}'")
        try:
            self.arrays = dict(np.load(path, allow_pickle=False))
            self.meta = json.loads(bytes(self.arrays["meta"]))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise SimulationError(f"'{path}' is no compiled program: {error}") from None
        self.width, self.height = self.meta["width"], self.meta["height"]
        self.lib = core.library()
        streams = self.meta["streams"]
        ins, outs = core.array(streams["in"]), core.array(streams["out"])
        self.machine = machine or MACHINES[self.meta["arch"]]
        numbers = core.array(record(self.machine, depth))
        self.handle = self.lib.plait_csl_new(
            self.width,
            self.height,
            core.pointer(numbers),
            core.pointer(ins),
            len(streams["in"]),
            core.pointer(outs),
            len(streams["out"]),
            seed,
            strict,
            _choice("bounds", bounds, ("ignore", "stop")),
            _choice("reads", reads, ("warn", "stop")),
            limit,
        )
        self.names = list(self.meta["exports"])
        self.commands = []  # of each launch: function, cycle of its start and its end, or -1
        self._load()

    def __del__(self):
        if getattr(self, "handle", None):
            self.lib.plait_csl_delete(self.handle)
            self.handle = None

    def _load(self):
        order = (
            "code",
            "slots",
            "memory",
            "defined",
            "dsds",
            "vecs",
            "args",
            "fns",
            "objects",
            "fifos",
            "exports",
            "bindings",
            "queues",
            "masks",
        )
        for number in range(len(self.meta["programs"])):
            parts = [self.arrays[f"{number}.{name}"] for name in ("counts", *order)]
            self.lib.plait_csl_program(self.handle, *map(core.pointer, parts))
        self.tiles = self.arrays["tiles"]
        for y in range(self.height):
            for x in range(self.width):
                self.lib.plait_csl_pe(self.handle, x, y, int(self.tiles[y * self.width + x]))
        for route in self.arrays["routes"][: self.meta["routes"]]:
            config = np.ascontiguousarray(route[3:])
            self.lib.plait_csl_route(self.handle, *map(int, route[:3]), core.pointer(config))

    def start(self):
        """Begin: initial memory, initially active tasks."""
        self.lib.plait_csl_start(self.handle)

    def program_at(self, x, y):
        """The number of a PE's program."""
        return int(self.tiles[y * self.width + x])

    def _place(self, program, instruction):
        where = self.arrays[f"{program}.where"]
        if not 0 <= instruction < len(where) or where[instruction][0] < 0:
            return ""
        file, line, column = where[instruction]
        return f"{self.meta['programs'][program]['files'][file]}:{line}:{column}"

    def _name_places(self, text):
        """Replace the core's @x y instruction@ marks by source positions."""

        def place(mark):
            x, y, instruction = map(int, mark.groups())
            return self._place(self.program_at(x, y), instruction)

        return re.sub(r"@(\d+) (\d+) (-?\d+)@", place, text)

    def check(self, ok=False):
        """Raise what the core has to complain about."""
        if ok:
            return
        where = core.array([0, 0, 0])
        text = self.lib.plait_csl_error(self.handle, core.pointer(where)).decode()
        if not text:
            return
        x, y, instruction = map(int, where)
        text = self._name_places(text)
        if x >= 0:
            place = self._place(self.program_at(x, y), instruction)
            ways = "".join(f"; {way}" for start, way in WAYS_OUT.items() if start in text)
            text = f"{place + ': ' if place else ''}{text} (PE ({x}, {y})){ways}"
        raise SimulationError(text)

    def _run(self, call, *args):
        """Let the core run in pieces, so that it can be interrupted and shows how far it is."""
        with Progress(self) as progress:
            while (status := call(self.handle, *args, PIECE)) == 2:
                progress.update()
        self.check(status)

    def finish(self):
        """Run until every launched PE has unblocked its command stream."""
        self._run(self.lib.plait_csl_finish_command)
        if self.commands:
            self.commands[-1][2] = self.totals()["cycles"]

    def settle(self):
        """Let the fabric run until nothing moves, or for a while."""
        self._run(self.lib.plait_csl_settle, self.totals()["cycles"] + SETTLE)

    def launch(self, name, args):
        """Start an exported function on every PE."""
        export = self.meta["exports"].get(name)
        if export is None or export["kind"] != "function":
            raise SimulationError(f"no exported function '{name}'")
        if len(args) != len(export["params"]):
            raise SimulationError(
                f"'{name}' takes {len(export['params'])} arguments, got {len(args)}"
            )
        bits = core.array(
            [_argument(a, t) for a, t in zip(args, export["params"], strict=True)], np.int64
        )
        self.commands.append([name, self.totals()["cycles"], -1])
        self.lib.plait_csl_launch(
            self.handle, 0, 0, self.width, self.height, self.names.index(name), core.pointer(bits)
        )
        self.check()

    def address(self, symbol, x, y):
        """Where a PE keeps an exported variable."""
        found = self.meta["programs"][self.program_at(x, y)]["symbols"].get(symbol)
        if found is None:
            raise SimulationError(f"PE ({x}, {y}) does not export '{symbol}'")
        kind, at = found
        if kind == "pointer":
            raw, written = self.read(x, y, at, 2)
            if not written:
                raise SimulationError(f"the pointer '{symbol}' of PE ({x}, {y}) was never set")
            return int(raw.view(np.uint16)[0])
        return at

    def read(self, x, y, addr, size):
        """Bytes of a PE's memory; and whether all of them were ever written."""
        data = np.zeros(max(size, 1), np.uint8)
        found = self.lib.plait_csl_memory(self.handle, x, y, addr, size, 0, core.pointer(data))
        if not found:
            raise SimulationError(
                f"a copy of {size} bytes at {addr} leaves the memory of PE ({x}, {y})"
            )
        return data[:size], found == 1

    def write(self, x, y, addr, data):
        """Set bytes of a PE's memory."""
        data = np.ascontiguousarray(data).view(np.uint8)
        if not self.lib.plait_csl_memory(self.handle, x, y, addr, data.size, 1, core.pointer(data)):
            raise SimulationError(
                f"a copy of {data.size} bytes at {addr} leaves the memory of PE ({x}, {y})"
            )

    def send(self, x, y, color, words):
        """Queue host words for a streaming colour of a PE."""
        words = np.ascontiguousarray(words, np.uint32)
        self.lib.plait_csl_send(self.handle, x, y, color, core.pointer(words), words.size)
        self.check()

    def receive(self, x, y, w, h, color, count):
        """Wait for ``count`` words from each PE of a region; an array [h][w][count]."""
        self._run(self.lib.plait_csl_await, x, y, w, h, color, count)
        out = np.zeros((h, w, count), np.uint32)
        for j in range(h):
            for i in range(w):
                row = np.zeros(max(count, 1), np.uint32)
                self.lib.plait_csl_receive(
                    self.handle, x + i, y + j, color, core.pointer(row), count
                )
                out[j, i] = row[:count]
        return out

    def report(self):
        """What is left over: unfinished operations and wavelets, as text; empty if nothing."""
        return self._name_places(self.lib.plait_csl_report(self.handle).decode())

    def strays(self):
        """How many wavelets are left that nobody took."""
        return self.lib.plait_csl_strays(self.handle)

    def notes(self):
        """What was suspicious but legal, each with its source position and first PE."""
        found, where = [], core.array([0, 0, 0])
        while text := self.lib.plait_csl_note(self.handle, len(found), core.pointer(where)):
            x, y, instruction = map(int, where)
            place = self._place(self.program_at(x, y), instruction)
            found.append(f"{place}: {text.decode()} (PE ({x}, {y}))")
        return found

    def totals(self):
        """Cycles so far, events handled, spans that the timeline had no room for, open commands."""
        out = np.zeros(4, np.uint64)
        self.lib.plait_csl_totals(self.handle, core.pointer(out))
        return dict(zip(("cycles", "events", "lost", "open"), map(int, out), strict=True))

    def counters(self):
        """What every PE and its router did: arrays [height][width] by the names ``COUNTERS``."""
        out = np.zeros((self.height, self.width, len(COUNTERS)), np.uint64)
        self.lib.plait_csl_counters(self.handle, core.pointer(out))
        return {name: out[:, :, k].astype(np.int64) for k, name in enumerate(COUNTERS)}

    def logs(self, start=0):
        """What programs printed and traced, from entry ``start`` on: tuples of x, y, channel
        ("print", "hex" or a trace's key), value (a text or a number) and cycle."""
        found = []
        while at := self.lib.plait_csl_log(self.handle, start + len(found)):
            pe, channel, code, bits, cycle = (ctypes.c_int64 * 5).from_address(at)
            program = self.meta["programs"][int(self.tiles[pe])]
            value = program["texts"][bits] if code < 0 else from_bits(code, bits)
            y, x = divmod(pe, self.width)
            found.append((x, y, program["logs"][channel], value, cycle))
        return found

    def stats(self):
        """Counters of the whole run."""
        totals, counters = self.totals(), self.counters()
        sums = {n: int(counters[n].sum()) for n in ("instructions", "elements", "tasks")}
        hops = sum(int(counters[n].sum()) for n in ("north", "south", "east", "west"))
        return {"cycles": totals["cycles"], **sums, "hops": hops, "events": totals["events"]}

    def trace(self, limit):
        """Keep a timeline of at most ``limit`` spans; call before ``start``."""
        self.lib.plait_csl_trace(self.handle, limit)

    def describe(self, pe, kind, what):
        """What a span of the timeline is: a task's name, or an operation and its place."""
        number = int(self.tiles[pe])
        if kind == 0:
            return self.meta["programs"][number]["functions"][what]
        operation = self.arrays[f"{number}.vecs"][self.arrays[f"{number}.code"][what][1]][0]
        place = Path(self._place(number, what)).name
        return f"@{core.vector_ops()[operation]} {place}"

    def close_spans(self):
        """Put into the timeline what is still under way, as if it ended now."""
        self.lib.plait_csl_close_spans(self.handle)

    def spans(self):
        """The timeline: rows of from, to, PE (row * width + column), kind (0 task, 1 a task waits
        for its operation, 2 asynchronous operation), what (function or instruction), run."""
        count = self.lib.plait_csl_spans(self.handle, None, 0)
        out = np.zeros((count, 6), np.int64)
        self.lib.plait_csl_spans(self.handle, core.pointer(out), count)
        return out


def _choice(name, value, choices):
    """The place of a value among those it may have."""
    if value not in choices:
        raise SimulationError(f"'{name}' is one of {', '.join(choices)}, got {value!r}")
    return choices.index(value)


def _argument(value, kind):
    """A launch argument as slot bits."""
    types = {"f32": np.float32, "f16": np.float16}
    if kind in types:
        return int.from_bytes(types[kind](value).tobytes(), "little")
    if isinstance(value, (float, np.floating)):
        raise SimulationError(f"expected an argument of type {kind}, got a float")
    low, high = RANGES.get(NAMED.get(kind), (0, 1))
    if not low <= value <= high:
        raise SimulationError(f"the argument {value} does not fit in {kind}")
    return int(value)
