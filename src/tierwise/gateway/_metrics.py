"""Counts for Prometheus, of this process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tierwise.ledger import Queued

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """What is counted. Labels have few values: no key, workload or text is one."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "tierwise_requests", "Requests by endpoint and status", ["endpoint", "status"], registry=registry
        )
        self.seconds = Histogram(
            "tierwise_seconds", "Time to the last byte", ["endpoint"], buckets=BUCKETS, registry=registry
        )
        self.refused = Counter(
            "tierwise_refused", "Requests refused by the gateway", ["code"], registry=registry
        )
        self.under_way = Gauge("tierwise_under_way", "Requests under way", registry=registry)
        self.policy_refused = Counter(
            "tierwise_policy_refused", "Policies that were not gone by", registry=registry
        )
        self.waiting = Gauge(
            "tierwise_waiting",
            "Requests that wait, of the whole ledger, by state",
            ["state"],
            registry=registry,
        )
        self.batches = Gauge(
            "tierwise_batches",
            "Batches under way, of the whole ledger, by status",
            ["status"],
            registry=registry,
        )
        self.spooled = Gauge("tierwise_spooled_bytes", "Bytes of the newest spool file", registry=registry)

        self._of: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request that is over, from its first byte to its last."""
        # Finding the series of labels costs more than counting in it.
        of = self._of.get((endpoint, status))
        if of is None:
            of = self.requests.labels(endpoint, str(status)), self.seconds.labels(endpoint)
            self._of[endpoint, status] = of
        of[0].inc()
        of[1].observe(seconds)

    def waits(self, standing: Queued) -> None:
        """What waits now, of all gateways of the ledger."""
        for gauge, counts in ((self.waiting, standing.requests), (self.batches, standing.batches)):
            gauge.clear()
            for name, count in counts.items():
                gauge.labels(name).set(count)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
