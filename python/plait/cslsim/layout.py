"""From a layout file to an artifact: evaluate the layout, compile each distinct PE program.

The artifact is a folder with ``out.json`` (the compile parameters, as ``cslc``
leaves them) and ``plait.npz``: arrays of the programs, and a JSON description of
the grid. It holds no code that Python would execute.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from plait.cslsim import core
from plait.cslsim.builtins_fabric import KEEP
from plait.cslsim.errors import CslError
from plait.cslsim.evaluate import Evaluator, Scope
from plait.cslsim.limits import FABRIC, FILTERS, TEARDOWN_TASK, check_memory, memory_use
from plait.cslsim.program import Program
from plait.cslsim.registry import DIRECTION_NAMES
from plait.cslsim.types import (
    CINT,
    COLOR,
    CV,
    INTS,
    EnumType,
    FnType,
    PtrType,
    expect,
    is_scalar,
    key_of,
)


@dataclass
class Options:
    """What ``cslc`` is told."""

    arch: str
    root: Path
    params: dict = field(default_factory=dict)
    import_paths: list = field(default_factory=list)
    fabric_dims: tuple = None
    fabric_offsets: tuple = (0, 0)
    memcpy: bool = False
    channels: int = 0
    rectangle: tuple = None
    colors: dict = field(default_factory=dict)
    sdk: str = "1.4"  # the dialect: "1.4" or "2.10"
    buffers: tuple = (0, 0)  # columns between the kernel and the host's, west and east


@dataclass
class Tile:
    """One PE: its program and its routes."""

    program: int = -1
    routes: dict = field(default_factory=dict)


class Layout:
    """What the layout block builds."""

    def __init__(self, options):
        self.options = options
        self.rectangle = None
        self.tiles = {}
        self.requests = {}  # (path, parameters) -> (number, path, shown, parameters, position)
        self.exports = {}
        self.streams = {"in": set(), "out": set()}

    def set_rectangle(self, width, height, pos):
        """``@set_rectangle``."""
        expect(self.rectangle is None, pos, "@set_rectangle is called twice")
        expect(width > 0 and height > 0, pos, f"a rectangle cannot be {width} by {height}")
        most = FABRIC[self.options.arch]
        expect(
            width <= most[0] and height <= most[1],
            pos,
            f"a {width} by {height} rectangle is larger than a {self.options.arch} fabric: "
            f"{most[0]} by {most[1]}",
        )
        dims = self.options.fabric_dims
        if dims is not None:
            x, y = self.options.fabric_offsets
            east = 3 if self.options.memcpy else 0
            west, far = self.options.buffers
            fits = x + width + far + east <= dims[0]
            fits = fits and y + height + (1 if east else 0) <= dims[1]
            expect(
                not east or (x >= 4 + west and y >= 1),
                pos,
                f"memcpy needs an offset of at least {4 + west},1, got {x},{y}",
            )
            expect(
                fits,
                pos,
                f"a {width} by {height} rectangle at offset {x},{y} does not fit in "
                f"a fabric of {dims[0]} by {dims[1]}",
            )
        self.rectangle = self.options.rectangle = (width, height)

    def _tile(self, x, y, pos):
        expect(self.rectangle is not None, pos, "@set_rectangle must come first")
        width, height = self.rectangle
        expect(
            0 <= x < width and 0 <= y < height,
            pos,
            f"PE ({x}, {y}) is outside the {width} by {height} rectangle",
        )
        return self.tiles.setdefault((x, y), Tile())

    def set_tile(self, x, y, name, folder, params, pos):
        """``@set_tile_code``."""
        tile = self._tile(x, y, pos)
        expect(tile.program < 0, pos, f"PE ({x}, {y}) has its code set twice")
        key = (name, folder, key_of(params))
        if key not in self.requests:
            self.requests[key] = (len(self.requests), name, folder, params, pos)
        tile.program = self.requests[key][0]

    def set_route(self, x, y, color, config, pos):
        """``@set_color_config``."""
        tile = self._tile(x, y, pos)
        expect(color not in tile.routes, pos, f"color {color} of PE ({x}, {y}) is configured twice")
        tile.routes[color] = config

    def export(self, name, kind, writable, pos):
        """``@export_name``."""
        expect(name not in self.exports, pos, f"'{name}' is exported twice")
        allowed = is_scalar(kind) or isinstance(kind, (PtrType, FnType))
        expect(allowed and not isinstance(kind, EnumType), pos, f"a {kind} cannot be exported")
        if isinstance(kind, FnType):
            count = len(kind.params)
            expect(
                count <= 15, pos, f"an exported function takes at most 15 arguments, got {count}"
            )
        elif isinstance(kind, PtrType) and self.options.sdk != "1.4":
            narrow = kind.elem.name not in ("i8", "u8", "i64", "u64")
            expect(narrow, pos, f"SDK 2.10 exports no {kind}")
        self.exports[name] = {
            "type": str(kind),
            "kind": "function" if isinstance(kind, FnType) else "data",
            "params": [t.name for t in kind.params] if isinstance(kind, FnType) else [],
            "writable": bool(writable),
        }


class ProgramEvaluator(Evaluator):
    """The evaluator of one PE program, with what waits until all modules have run."""

    def __init__(self, options, program):
        super().__init__(options, program)
        self.pending, self.later, self.fifo_tasks, self.last_types = [], [], [], []
        self.initialised = set()  # queues that the program initialises
        self.used = []  # queues of DSDs, with positions

    def coerce_int(self, value, kind, pos):
        """An integer of whatever width at run time; known ones must fit ``kind``."""
        if isinstance(value, CV):
            return self.coerce(value, kind, pos)
        expect(value.type in INTS, pos, f"expected {kind}, got {value.type}")
        return value

    def initial(self, op, ref):
        """A task's state before the program starts."""
        program = self.program
        if op == "activate":
            program.active.add(ref.v)
        elif op == "block":
            program.blocked.add(ref.v)
        else:
            program.unblocked.add(ref.v)

    def link(self):
        """Emit the bound tasks; then everything that code emission may have found."""
        for index, fn, pos in self.pending:
            tag, number, _ = self.program.bindings[index]
            self.program.bindings[index] = (tag, number, self.entry(fn, pos).number)
        for op, task, pos in self.later:
            self.initial(op, CV(None, self.task_id(task, pos)[1]))
        for record, key, task, pos in self.fifo_tasks:
            record[key] = self.task_id(task, pos)[1]
        program = self.program
        handlers = any(tag == "teardown" for tag, _, _ in program.bindings)
        for index, _, pos in self.pending:
            expect(
                not (handlers and program.bindings[index][:2] == ("local", TEARDOWN_TASK)),
                pos,
                f"local_task_id {TEARDOWN_TASK} belongs to teardown, which has handlers",
            )
        program.check_recursion()
        for queue, pos in self.used if self.options.sdk != "1.4" else ():
            expect(
                (queue.type, queue.v) in self.initialised,
                pos,
                f"SDK 2.10 wants {queue.type} {queue.v} initialised",
            )
        data = {n for tag, n, _ in program.bindings if tag == "data"}
        local = {n for tag, n, _ in program.bindings if tag == "local"}
        if self.options.arch == "wse2":
            # A data task needs a queue for its colour; the compiler picks a free one.
            for color in sorted(data | {n for n in program.unblocked if n < 24} - local):
                taken = {q: c for (side, q), c in program.queues.items() if side == "in"}
                if color not in taken.values():
                    pos = next(
                        (p for i, _, p in self.pending if program.bindings[i][1] == color), None
                    )
                    expect(
                        self.options.sdk == "1.4",
                        pos,
                        f"no input queue was initialised for color {color}",
                    )
                    free = [q for q in range(7, -1, -1) if q not in taken]
                    expect(free, pos, f"no input queue is left for color {color}")
                    program.queues[("in", free[0])] = color
            unbound = set(range(24)) - data - local
        else:
            for queue in data:
                expect(
                    ("in", queue) in program.queues,
                    next(p for i, _, p in self.pending if program.bindings[i][1] == queue),
                    f"{program.name}: input queue {queue} has a data task but was not initialised",
                )
            unbound = set(range(8)) - data
        program.blocked |= unbound - program.unblocked


def parse_params(text):
    """``a:1,b:2`` as a dictionary."""
    params = {}
    for item in filter(None, (text or "").split(",")):
        name, _, value = item.partition(":")
        if not value:
            raise CslError(None, f"parameters are written name:value, got '{item}'")
        params[name.strip()] = value.strip()
    return params


def _number(name, text):
    try:
        return int(text, 0)
    except ValueError:
        raise CslError(None, f"parameter '{name}' is an integer, got '{text}'") from None


def compile_layout(path, options):
    """Compile a layout file. Returns (layout, programs)."""
    layout = Layout(options)
    evaluator = Evaluator(options, layout=layout)
    given = {n: CV(CINT, _number(n, v)) for n, v in options.params.items()}
    for name, text in options.colors.items():
        number = _number(name, text)
        expect(0 <= number <= 23, None, f"color '{name}' is one of 0 to 23, got {number}")
        given[name] = CV(COLOR, number)
    module = evaluator.load(Path(path).name, Path(path).parent, given, None)
    expect(module.layouts, (str(path), 1, 1), "there is no layout block")
    for block in module.layouts:
        evaluator.seal(block.kids[0], Scope(None, module))
    expect(layout.rectangle is not None, module.layouts[0].pos, "@set_rectangle is missing")
    width, height = layout.rectangle
    for y in range(height):
        for x in range(width):
            expect(
                (x, y) in layout.tiles and layout.tiles[x, y].program >= 0,
                module.layouts[0].pos,
                f"PE ({x}, {y}) has no code",
            )
    programs = []
    for _, name, folder, params, pos in layout.requests.values():
        program = Program(name, options.arch)
        unit = ProgramEvaluator(options, program)
        unit.load(name, folder, params, pos)
        unit.link()
        check_memory(program, pos)
        for key in ("MEMCPYH2D", "MEMCPYD2H"):
            streams = params.get("memcpy_params")
            for field_name, value in (streams.v if streams else {}).items():
                if field_name.startswith(key) and value.type.name == "color":
                    layout.streams["in" if key == "MEMCPYH2D" else "out"].add(value.v)
        programs.append(program)
    for (x, y), tile in layout.tiles.items():
        program = programs[tile.program]
        for color, config in program.routes.items():
            expect(
                color not in tile.routes,
                config["pos"],
                f"color {color} of PE ({x}, {y}) is configured twice: the layout does it, too",
            )
            tile.routes[color] = config
        filters = [c for c in tile.routes.values() if "filter" in c]
        expect(
            len(filters) <= FILTERS[options.arch],
            filters[-1]["pos"] if filters else None,
            f"PE ({x}, {y}) uses {len(filters)} filters, {options.arch} has "
            f"{FILTERS[options.arch]} to give",
        )
        for symbol in program.exports:
            expect(
                symbol in layout.exports,
                program.exported[symbol],
                f"{program.name} exports '{symbol}', which the layout does not name with "
                f"@export_name",
            )
    return layout, programs


def describe_routes(layout):
    """Lines: the routes of every PE, position by position of the switches."""

    def names(mask):
        known = [n for bit, n in enumerate(DIRECTION_NAMES) if mask >> bit & 1]
        return "as before" if mask == KEEP else " ".join(known) or "-"

    for (x, y), tile in sorted(layout.tiles.items(), key=lambda item: item[0][::-1]):
        for color, config in sorted(tile.routes.items()):
            steps = [f"{names(rx)} -> {names(tx)}" for rx, tx in config["positions"]]
            yield f"PE ({x}, {y}) color {color}: {'; then '.join(steps)}"


def save(folder, layout, programs, options):
    """Write the artifact."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = list(layout.exports)
    arrays, described = {}, []
    for number, program in enumerate(programs):
        entries, words, places, files, offsets = [], [], [], [], []
        for code in program.codes:
            offsets.append(len(words))
            for op, a, b, c in code.words:
                words.append((op, a, b, c))
                places.append(code.pos)
            start = offsets[-1]
            jumps = {core.opcode("JMP", 0): 1, core.opcode("JZ", 0): 2, core.opcode("JNZ", 0): 2}
            for index in range(start, len(words)):
                at = jumps.get(words[index][0])
                if at is not None:
                    word = list(words[index])
                    word[at] += start
                    words[index] = tuple(word)
            places[start:] = code.places
        files = sorted({p[0] for p in places if p})
        index_of = {f: k for k, f in enumerate(files)}
        where = [(index_of[p[0]], p[1], p[2]) if p else (-1, 0, 0) for p in places]
        for code, offset in zip(program.codes, offsets, strict=True):
            params = [(at, kind.code) for kind, at in code.params]
            entries.append(
                [
                    offset,
                    len(params),
                    *([a for a, _ in params] + [0] * 16)[:16],
                    *([t for _, t in params] + [0] * 16)[:16],
                ]
            )
        objects = sorted(program.objects, key=lambda o: o.addr)
        exports = [-1] * len(names)
        symbols = {}
        for name, (kind, at, _) in program.exports.items():
            if kind == "function":
                exports[names.index(name)] = at
            else:
                symbols[name] = [kind, at]
        tags = {"local": 0, "data": 1, "control": 2, "teardown": 3}
        bindings = [(tags[t], n, f) for t, n, f in program.bindings]
        queues = [-1] * 16
        for (side, queue), color in program.queues.items():
            queues[queue + (8 if side == "out" else 0)] = color
        mask = [sum(1 << n for n in s) for s in (program.active, program.blocked)]
        fifos = [[f["base"], f["count"], f["esize"], f["push"], f["pop"]] for f in program.fifos]
        table = {
            "code": core.array(words),
            "slots": core.array(program.slots, np.int64),
            "memory": np.frombuffer(bytes(program.memory) or b"\0", np.uint8),
            "defined": np.frombuffer(bytes(program.defined) or b"\0", np.uint8),
            "dsds": core.array([d.record() for d in program.dsds]),
            "vecs": core.array(program.vecs),
            "args": core.array(program.vec_args),
            "fns": core.array(entries),
            "objects": core.array([(o.addr, o.size) for o in objects]),
            "fifos": core.array(fifos),
            "exports": core.array(exports),
            "bindings": core.array(bindings),
            "queues": core.array(queues),
            "masks": core.array(mask, np.uint64),
        }
        counts = [
            len(words),
            len(program.slots),
            len(program.memory),
            len(program.dsds),
            len(program.vecs),
            len(program.vec_args),
            len(entries),
            len(objects),
            len(fifos),
            len(exports),
            len(bindings),
        ]
        arrays.update({f"{number}.{k}": v for k, v in table.items()})
        arrays[f"{number}.counts"] = core.array(counts)
        arrays[f"{number}.where"] = core.array(where)
        described.append(
            {
                "name": program.name,
                "functions": [code.name for code in program.codes],
                "files": files,
                "symbols": symbols,
                "logs": program.logs,
                "texts": program.texts,
                "memory": memory_use(program),
            }
        )
    width, height = layout.rectangle
    routes = []
    for (x, y), tile in layout.tiles.items():
        for color, config in tile.routes.items():
            kind, *values = config.get("filter", (0, 0, 0, 0, 0, -1))
            flat = [
                x,
                y,
                color,
                len(config["positions"]),
                config["current"],
                config["ring"],
                config["pop"],
                config["teardown"],
                kind,
                *values,
                config["swap"],
            ]
            for rx, tx in config["positions"] + [(0, 0)] * (4 - len(config["positions"])):
                flat += [rx, tx]
            routes.append(flat)
    arrays["routes"] = core.array(routes)
    arrays["tiles"] = core.array(
        [layout.tiles[x, y].program for y in range(height) for x in range(width)]
    )
    meta = {
        "format": 1,
        "arch": options.arch,
        "width": width,
        "height": height,
        "routes": len(routes),
        "exports": layout.exports,
        "programs": described,
        "streams": {k: sorted(v) for k, v in layout.streams.items()},
        "params": options.params,
        "offset": options.fabric_offsets,
    }
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    np.savez(folder / "plait.npz", **arrays)
    (folder / "out.json").write_text(
        json.dumps({"params": options.params, "colors": options.colors})
    )
