"""High dynamic range histograms: percentiles that hold to three digits, from microseconds to minutes."""

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped] # the package has no annotations

from benchmarks.results import Latency

_LARGEST_MICROSECONDS = 600 * 1_000_000
_DIGITS = 3


class Latencies:
    """Collects durations. Memory does not grow with their number."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LARGEST_MICROSECONDS, _DIGITS)

    def record(self, seconds: float) -> None:
        """Add one duration; ten minutes stand for all that is longer."""
        self._histogram.record_value(min(max(1, int(seconds * 1e6)), _LARGEST_MICROSECONDS))

    def add(self, encoded: str) -> None:
        """Add what another process collected, as :meth:`encoded`."""
        self._histogram.decode_and_add(encoded)

    @property
    def encoded(self) -> str:
        """All of it as text, for :meth:`add`."""
        text: bytes = self._histogram.encode()
        return text.decode("ascii")

    def summary(self) -> Latency:
        """Return the percentiles, in milliseconds."""

        def milliseconds(percentile: float) -> float:
            return float(self._histogram.get_value_at_percentile(percentile)) / 1000

        return Latency(
            count=int(self._histogram.get_total_count()),
            p50=milliseconds(50),
            p95=milliseconds(95),
            p99=milliseconds(99),
            p999=milliseconds(99.9),
            largest=float(self._histogram.get_max_value()) / 1000,
        )
