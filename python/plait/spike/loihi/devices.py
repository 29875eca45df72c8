"""What the cores of Loihi-style chips hold."""

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

from plait.errors import PlaitError


@dataclass(frozen=True)
class Device:
    """A board of equal chips, each a mesh of equal cores.

    Attributes:
        chips, cores_per_chip: how many there are.
        neurons, axons_in, axons_out: of a core. A neuron has an output axon for every core
            that reads it, and a core an input axon for every neuron it reads.
        synapse_words: of 64 bits, of a core; None where ``synapses`` says it.
        synapses: of a core, whatever they take; None where words count.
        weight_bits: of a synapse, besides the sign.
        longest_delay: of a synapse, in steps beyond the one that every connection takes.
        thresholds: different ones on a core; None for any number.
        columns: of the mesh; None for a square.
        note: where the numbers are from.
    """

    name: str
    chips: int
    cores_per_chip: int
    neurons: int
    axons_in: int
    axons_out: int
    synapse_words: int | None
    synapses: int | None = None
    weight_bits: int = 8
    longest_delay: int = 63
    thresholds: int | None = None
    columns: int | None = None
    note: str = ""

    def __post_init__(self):
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in ("name", "note"):
                good = isinstance(value, str)
            else:
                least = 0 if item.name == "longest_delay" else 1
                good = (value is None and item.default is None) or (
                    isinstance(value, int) and not isinstance(value, bool) and value >= least
                )
                good = good or (value is None and item.name == "synapse_words")
            if not good:
                raise PlaitError(f"device '{self.name}' has {item.name}={value!r}")

    @property
    def cores(self) -> int:
        """Those of all chips."""
        return self.chips * self.cores_per_chip

    def place(self, core: int) -> tuple[int, int]:
        """Row and column of a core on its chip's mesh."""
        return divmod(core, self.columns or math.ceil(math.sqrt(self.cores_per_chip)))

    @staticmethod
    def from_file(path) -> "Device":
        """A device of a JSON file with this class's fields.

        Raises:
            PlaitError: it is no such file.
        """
        try:
            return Device(**json.loads(Path(path).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise PlaitError(f"'{path}' is no device: {error}") from error


_LOIHI2 = Device(
    "loihi2", 1, 128, 8192, 4096, 4096, 192 * 1024 // 8, columns=16,
    note="public numbers of Loihi 2; its partition of memory is not public, axons as loihi1",
)  # fmt: skip
DEVICES = {
    "loihi1": Device(
        "loihi1", 1, 128, 1024, 4096, 4096, 16384, longest_delay=62, thresholds=8, columns=16,
        note="the mapping rules of nengo-loihi 1.1",
    ),
    "loihi2": _LOIHI2,
    "loihi3": replace(
        _LOIHI2, name="loihi3",
        note="nothing authoritative is published of such a chip: the numbers of loihi2",
    ),
}  # fmt: skip


def find_device(device: Device | str | Path) -> Device:
    """A device by name, by JSON file (a path that ends in ``.json``), or as it is.

    Raises:
        PlaitError: there is none.
    """
    if isinstance(device, Device):
        return device
    if str(device).endswith(".json"):
        return Device.from_file(device)
    if device not in DEVICES:
        raise PlaitError(
            f"no device '{device}'; there are: {', '.join(DEVICES)}, and files that end in .json"
        )
    return DEVICES[device]
