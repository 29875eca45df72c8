"""What a sampler did: counts and a latency histogram."""

import bisect

import numpy as np

from plait.sampling.reference import NO_CANDIDATE, SAW_NAN

#: Upper bounds of the latency buckets, in seconds: 1, 2 and 5 of each decade from 10 us to 1 s.
BUCKETS = (*(float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 2, 5)), 1.0)


class Metrics:
    """Counts of one sampler, read by :meth:`dict` or :meth:`prometheus`."""

    def __init__(self):
        self._histogram = [0] * (len(BUCKETS) + 1)
        self._counts = dict.fromkeys(
            ("calls", "tokens", "nan_rows", "error_rows", "compiles", "cache_hits"), 0
        )
        self._seconds = {"call_seconds": 0.0, "compile_seconds": 0.0}

    def drew(self, seconds: float, tokens: np.ndarray, flags: np.ndarray):
        """Counts one call."""
        self._histogram[bisect.bisect_left(BUCKETS, seconds)] += 1
        self._seconds["call_seconds"] += seconds
        self._counts["calls"] += 1
        self._counts["tokens"] += len(tokens)
        self._counts["nan_rows"] += int(np.count_nonzero(flags & SAW_NAN))
        self._counts["error_rows"] += int(np.count_nonzero(flags & NO_CANDIDATE))

    def compiled(self, hit: bool, seconds: float):
        """Counts a kernel that was made, or found made."""
        self._counts["cache_hits" if hit else "compiles"] += 1
        self._seconds["compile_seconds"] += seconds

    def dict(self) -> dict:
        """Every count by name; ``latency`` maps bucket bounds in seconds to calls up to them."""
        cumulative = np.cumsum(self._histogram).tolist()
        latency = dict(zip([*BUCKETS, float("inf")], cumulative, strict=True))
        return {**self._counts, **self._seconds, "latency": latency}

    def prometheus(self, **labels: str) -> str:
        """The same in Prometheus's text format, with ``labels`` on every sample.

        Raises:
            ImportError: the package prometheus-client is not installed.
        """
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        names, values = list(labels), list(labels.values())
        families = []
        help_of = {
            "calls": "Calls of the sampler",
            "tokens": "Rows that were drawn for",
            "nan_rows": "Rows that held a NaN",
            "error_rows": "Rows without a candidate",
            "compiles": "Kernels compiled",
            "cache_hits": "Kernels that another sampler had compiled",
        }
        for name, text in help_of.items():
            family = CounterMetricFamily(f"plait_sampler_{name}", text, labels=names)
            family.add_metric(values, self._counts[name])
            families.append(family)
        compiling = CounterMetricFamily(
            "plait_sampler_compile_seconds",
            "Time spent compiling, or finding kernels",
            labels=names,
        )
        compiling.add_metric(values, self._seconds["compile_seconds"])
        families.append(compiling)
        latency = HistogramMetricFamily(
            "plait_sampler_call_seconds", "Latency of a call", labels=names
        )
        buckets = [
            ("+Inf" if bound == float("inf") else repr(bound), count)
            for bound, count in self.dict()["latency"].items()
        ]
        latency.add_metric(values, buckets, self._seconds["call_seconds"])

        class Once:
            def collect(self):
                return [*families, latency]

        registry = CollectorRegistry()
        registry.register(Once())
        return generate_latest(registry).decode()
