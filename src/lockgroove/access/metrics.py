"""What the guard does, in figures that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from lockgroove.guard.cases import Cases
from lockgroove.guard.live import Guard
from lockgroove.guard.sanctions import Stage
from lockgroove.guard.sharing import Shared

CONTENT_TYPE = CONTENT_TYPE_LATEST


def measured(guard: Guard | None, cases: Cases) -> str:
    """The exposition: of cases always, of the door where this process guards it."""
    registry = CollectorRegistry()
    registry.register(_Collector(guard, cases))
    return generate_latest(registry).decode()


class _Collector:
    def __init__(self, guard: Guard | None, cases: Cases) -> None:
        self._guard = guard
        self._cases = cases

    def collect(self) -> Iterator[Metric]:
        """Families of figures."""
        yield from _of_cases(self._cases)
        if self._guard is not None:
            yield from _of_door(self._guard)

    def describe(self) -> list[Metric]:
        """Nothing before it is asked."""
        return []


def _of_cases(cases: Cases) -> Iterator[Metric]:
    states = GaugeMetricFamily("lockgroove_guard_cases", "Cases by state.", labels=["state"])
    tally = cases.tally()
    for state in ("open", "dismissed", "overturned", "expired"):
        states.add_metric([state], tally.get(state, 0))
    yield states
    appeals = GaugeMetricFamily("lockgroove_guard_appeals", "Appeals that were decided.", labels=["outcome"])
    for outcome in ("upheld", "rejected"):
        appeals.add_metric([outcome], tally[f"appeals {outcome}"])
    yield appeals
    waiting = GaugeMetricFamily("lockgroove_guard_waiting", "Cases that wait for a person.", labels=["for"])
    open_cases = cases.all("open")
    for what in ("decision", "appeal"):
        waiting.add_metric([what], sum(case.waits == what for case in open_cases))
    yield waiting
    held = GaugeMetricFamily(
        "lockgroove_guard_sanctions", "Accounts by the stage that holds.", labels=["stage"]
    )
    stages = [sanction.stage for sanction in cases.in_force().values()]
    for stage in list(Stage)[1:]:
        held.add_metric([stage.name.lower()], stages.count(stage))
    yield held


def _of_door(guard: Guard) -> Iterator[Metric]:
    refused = CounterMetricFamily(
        "lockgroove_guard_refusals", "Requests refused, by reason.", labels=["code"]
    )
    for code, count in sorted(guard.refused.items()):
        refused.add_metric([code], count)
    yield refused
    yield CounterMetricFamily(
        "lockgroove_guard_admissions", "Requests and sounds let through.", guard.admitted
    )
    watch = guard.memory.watch
    for name, words, value in (
        ("waiting_events", "Events that are not written yet.", guard.waiting),
        ("accounts", "Accounts that are remembered.", watch.accounts.count),
        ("tracks", "Tracks that are remembered.", watch.tracks.count),
        (
            "quota_subjects",
            "Accounts, keys and networks that took of their quotas lately.",
            guard.memory.quotas.subjects,
        ),
        ("account_days", "Account-days that thresholds rest on.", guard.memory.tops.account_days),
        ("dropped_events", "Events that could not be written for too long.", guard.dropped),
        ("damaged_blocks", "Blocks of the event log that could not be read.", _damaged(guard)),
    ):
        yield GaugeMetricFamily(f"lockgroove_guard_{name}", words, value)
    if guard.shared is not None:
        yield from _of_shared(guard.shared)


def _damaged(guard: Guard) -> int:
    return 0 if guard.log is None else guard.log.damaged


def _of_shared(shared: Shared) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "lockgroove_guard_shared_up", "Whether the shared server answers.", shared.server.here
    )
    for name, words, value in (
        ("failures", "Times the shared server went away.", shared.server.failures),
        ("dropped_events", "Events that found no room while it was away.", shared.dropped),
        ("unreadable_entries", "Entries that another version of the house wrote.", shared.unreadable),
    ):
        yield CounterMetricFamily(f"lockgroove_guard_shared_{name}", words, value)
