"""What compilations did, as structured logs and sums; memory while they ran.

Records are JSON objects, one a line, on the logger ``plait.compiler``: nothing is written
until the program configures logging, or calls :meth:`CompilerLogger.write_to`.
"""

import json
import logging
import os
import threading
import time
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_inside: ContextVar[bool] = ContextVar("_inside", default=False)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; its ``fields`` become keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info).splitlines()[-1]
        return json.dumps(line, default=str)


class CompilerLogger:
    """Counts and logs compilations; thread-safe. :data:`compiler_logger` is the one in use."""

    def __init__(self):
        self.logger = logging.getLogger("plait.compiler")
        self.logger.addHandler(logging.NullHandler())  # Or Python prints errors by itself.
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forgets all compilations so far."""
        with self._lock:
            self._failed = 0
            self._times: list[float] = []
            self._recent: deque[dict] = deque(maxlen=100)

    def write_to(self, path, level: int = logging.INFO) -> logging.Handler:
        """Appends records to a file from now on; give the result to ``logger.removeHandler``."""
        handler = logging.FileHandler(path)
        handler.setFormatter(JsonFormatter())
        handler.setLevel(level)
        self.logger.addHandler(handler)
        self.logger.setLevel(min(level, self.logger.level or level))
        return handler

    @contextmanager
    def compilation(self, **fields):
        """Times the block as one compilation; ``fields`` go into its records.

        The block gets a dict, whose items are added to the record of its end. A compilation
        within another is part of it, and has no record.
        """
        found: dict = {}
        if _inside.get():
            yield found
            return
        outside = _inside.set(True)
        self.logger.debug("compilation started", extra={"fields": fields})
        start = time.perf_counter()
        try:
            yield found
        except BaseException as error:
            record = self._end(fields, found, start, type(error).__name__)
            self.logger.error("compilation failed", extra={"fields": record})
            raise
        finally:
            _inside.reset(outside)
        record = self._end(fields, found, start, None)
        self.logger.info("compilation finished", extra={"fields": record})

    def _end(self, fields: dict, found: dict, start: float, error: str | None) -> dict:
        seconds = time.perf_counter() - start
        record = {**fields, **found, "seconds": seconds, "success": error is None}
        if error is not None:
            record["error"] = error
        with self._lock:
            self._recent.append(record)
            if error is None:
                self._times.append(seconds)
            else:
                self._failed += 1
        return record

    def get_metrics_summary(self) -> dict:
        """Sums over the compilations of this process.

        Keys: ``total_compilations``, ``failed_compilations``, ``success_rate`` (percent;
        100 where there were none), ``recent`` (the last records) and, where one succeeded,
        ``avg_compilation_time``, ``min_compilation_time`` and ``max_compilation_time``
        (seconds).
        """
        with self._lock:
            good, total = len(self._times), len(self._times) + self._failed
            summary = {
                "total_compilations": total,
                "failed_compilations": self._failed,
                "success_rate": 100.0 * good / total if total else 100.0,
                "recent": [dict(record) for record in self._recent],
            }
            if good:
                summary["avg_compilation_time"] = sum(self._times) / good
                summary["min_compilation_time"] = min(self._times)
                summary["max_compilation_time"] = max(self._times)
        return summary


#: The logger of :func:`plait.compile` and :class:`plait.spike.SpikeCompiler`.
compiler_logger = CompilerLogger()


class HealthMonitor:
    """Samples this process's memory and processor time in a thread; Linux only.

    Also a context manager::

        with HealthMonitor() as monitor:
            ...
        print(monitor.get_memory_stats()["peak_memory_mb"])
    """

    def __init__(self, interval: float = 0.05):
        self.interval = interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._start_mb = self._peak_mb = 0.0
        self._samples = 0
        self._began = self._cpu = 0.0

    def start_monitoring(self) -> None:
        """Begins anew; nothing where it is running."""
        if self._thread is not None:
            return
        self._stop.clear()
        self._samples, self._start_mb = 0, _resident_mb()
        self._peak_mb = self._start_mb
        self._began, self._cpu = time.perf_counter(), time.process_time()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="plait-health")
        self._thread.start()

    def stop_monitoring(self) -> None:
        """Ends the sampling; what was seen stays readable."""
        if self._thread is None:
            return
        self._sample()
        self._stop.set()
        self._thread.join()
        self._thread = None

    def get_memory_stats(self) -> dict:
        """``current_memory_mb``, ``peak_memory_mb`` and ``growth_mb`` since the start (resident
        memory in 10^6 bytes), ``samples``, ``seconds`` and ``cpu_seconds``."""
        if self._thread is not None:
            self._sample()
        current = _resident_mb()
        return {
            "current_memory_mb": current,
            "peak_memory_mb": max(self._peak_mb, 0.0),
            "growth_mb": self._peak_mb - self._start_mb,
            "samples": self._samples,
            "seconds": time.perf_counter() - self._began if self._began else 0.0,
            "cpu_seconds": time.process_time() - self._cpu if self._began else 0.0,
        }

    def __enter__(self) -> "HealthMonitor":
        self.start_monitoring()
        return self

    def __exit__(self, *_):
        self.stop_monitoring()

    def _sample(self) -> None:
        self._peak_mb = max(self._peak_mb, _resident_mb())
        self._samples += 1

    def _watch(self) -> None:
        while not self._stop.wait(self.interval):
            self._sample()


def _resident_mb() -> float:
    """The resident memory of this process in 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * _PAGE / 1e6
