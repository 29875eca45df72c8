"""The calls of the Spike Transformer Compiler's guides for resources."""

from numbers import Integral

from plait.errors import PlaitError
from plait.module import Module
from plait.spike.loihi.devices import Device
from plait.spike.loihi.placement import map_network, place
from plait.spike.network import Network


class ResourceAllocator:
    """Resources of a network on a device of one's own numbers, and how well it lies there."""

    def __init__(
        self, num_chips: int = 1, cores_per_chip: int = 128, synapses_per_core: int = 100_000
    ):
        for what, value in (("num_chips", num_chips), ("cores_per_chip", cores_per_chip),
                            ("synapses_per_core", synapses_per_core)):  # fmt: skip
            if isinstance(value, bool) or not (isinstance(value, Integral) and value > 0):
                raise PlaitError(f"expects a positive '{what}', got {value!r}")
        self.device = Device(
            "custom",
            int(num_chips),
            int(cores_per_chip),
            8192,
            4096,
            8192,
            None,
            int(synapses_per_core),
        )

    def allocate(self, graph: Network | Module) -> dict:
        """The figures of :meth:`Mapping.report`, cores filled one after the other.

        Raises:
            PlaitError: it does not fit; the message names core and limit.
        """
        return map_network(graph, self.device).report()

    def optimize_placement(self, graph: Network | Module, rates: dict | None = None) -> dict:
        """As :meth:`allocate`, with a population's synapses spread evenly over its cores, and
        cores placed by :func:`~plait.spike.loihi.placement.place`.

        ``rates`` as of :meth:`Mapping.report`.
        """
        mapping = map_network(graph, self.device)
        try:
            even = map_network(graph, self.device, even=True)
        except PlaitError:  # An even cut may break a limit that the first one kept.
            even = mapping
        if even.report()["load_balance"] >= mapping.report()["load_balance"]:
            mapping = even
        return place(mapping, rates).report(rates)
