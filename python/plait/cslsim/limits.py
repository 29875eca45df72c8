"""What an architecture allows, and what the memcpy library keeps for itself.

Sources are named as in docs/cslsim.md: the vendor's pages on task ids, builtins and the
compiler, except where a comment says otherwise.
"""

from plait.cslsim.types import expect

SWITCHABLE = {"wse2": range(24), "wse3": (*range(10), 12, 13, 16, 17, 20, 21)}
FABRIC = {"wse2": (750, 994), "wse3": (755, 1170)}  # PEs of a kernel: what the machines have
FILTERS = {"wse2": 3, "wse3": 4}  # memcpy takes one of four on wse2
MEMCPY_COLORS = (21, 22, 23)
MEMCPY_TASKS = (21, 22, 23, 27, 28, 30)
TEARDOWN_TASK = 29
# Output queue 0 of wse2 is used by an official example beside memcpy (histogram-torus).
MEMCPY_QUEUES = {
    ("wse2", "in"): (0,),
    ("wse2", "out"): (),
    ("wse3", "in"): (0, 1),
    ("wse3", "out"): (0, 1),
}

MEMORY = 48 * 1024
# Of this package, so that every compilation ends: rounds of loops and calls at compile time (a
# whole wafer has 745,500 PEs), bits of a comptime integer, elements of an array, length of a text.
ROUNDS, BITS, ELEMENTS, TEXT = 20_000_000, 100_000, 1 << 24, 1 << 20
# The estimate of what is not data. A memcpy kernel that does nothing took 4,176 bytes in a
# measurement by third parties; an instruction of this model is about one of the machine's, and
# a call keeps a few registers.
KERNEL, INSTRUCTION, FRAME, ARGUMENT = 4176, 4, 16, 4


def check_color(ev, color, config, pos):
    """A colour that is given a route."""
    arch = ev.options.arch
    reserved = color in MEMCPY_COLORS and ev.uses_memcpy()
    expect(not reserved, pos, f"color {color} belongs to memcpy")
    if len(config["positions"]) > 1:
        expect(color in SWITCHABLE[arch], pos, f"color {color} has no switch on {arch}")


def check_queue(ev, side, queue, pos):
    """A queue that is given a colour."""
    reserved = queue in MEMCPY_QUEUES[ev.options.arch, side] and ev.uses_memcpy()
    expect(not reserved, pos, f"{side}put queue {queue} belongs to memcpy")


def check_local_task(ev, number, pos):
    """An id that a local task is bound to."""
    reserved = number in MEMCPY_TASKS and ev.uses_memcpy()
    expect(not reserved, pos, f"local_task_id {number} belongs to memcpy")


def memory_use(program):
    """Bytes of data, code and stack; the last two are estimates."""
    depth = {}

    def frames(number):
        if number not in depth:
            code = program.codes[number]
            own = FRAME + ARGUMENT * len(code.params)
            depth[number] = own + max(map(frames, code.calls), default=0)
        return depth[number]

    instructions = sum(len(code.words) for code in program.codes)
    code = INSTRUCTION * instructions + (KERNEL if program.memcpy else 0)
    return {
        "data": len(program.memory),
        "code": code,
        "stack": max(map(frames, range(len(program.codes))), default=0),
    }


def check_memory(program, pos):
    """Data, code and stack must fit a PE."""
    use = memory_use(program)
    expect(
        sum(use.values()) <= MEMORY,
        pos,
        f"{program.name} does not fit in {MEMORY} bytes: {use['data']} of data, about "
        f"{use['code']} of code and {use['stack']} of stack",
    )
