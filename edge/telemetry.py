"""What the node counts and says about itself: Prometheus text.

Counting is one addition to a dictionary, since it stands on the path of every request; the exposition format
(Prometheus text 0.0.4) is written when somebody asks. No label ever holds an id. What was decided for a QA token is
counted apart, so that no sum over shoppers holds it; all other counts tell of the node, whoever asks.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.decision import Decisions

_BOUNDS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


@dataclass(frozen=True, eq=False)
class Metric:
    """One metric: its name, its Prometheus type, what it means, the names of its labels."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = Metric("edgewise_requests_total", "counter", "Requests answered.", ("route", "status"))
DECISIONS = Metric("edgewise_decisions_total", "counter", "Slots decided.", ("slot", "tier", "cause"))
QA_DECISIONS = Metric("edgewise_qa_decisions_total", "counter", "Slots decided for a QA token.", DECISIONS.labels)
DURATION = Metric("edgewise_decide_seconds", "histogram", "From arrival of the request to its decisions.")
BUGS = Metric("edgewise_engine_bugs_total", "counter", "Attempts in which the engine raised what it should not.")
EVENTS = Metric("edgewise_events_total", "counter", "Events stored.")
REFUSED_EVENTS = Metric("edgewise_events_refused_total", "counter", "Malformed events.")
REPEATED_EVENTS = Metric("edgewise_events_repeated_total", "counter", "Events whose effect was already counted.")
UNKNOWN_ITEMS = Metric("edgewise_events_unknown_item_total", "counter", "Events naming an item no table has.")
UNKNOWN_EXPOSURES = Metric(
    "edgewise_exposures_unknown_total",
    "counter",
    "Exposures of unknown items: not named, nor is the decision known here. Caps count them for the slot alone.",
)
LATENESS = Metric("edgewise_loop_lateness_seconds", "gauge", "Lateness of the event loop's last timer.")
SPOOLED = Metric("edgewise_spool_entries", "gauge", "Entries that wait for the origin.", ("kind",))
DROPPED = Metric("edgewise_records_dropped_total", "counter", "Decision records that were not kept.")
FEED_AGE = Metric("edgewise_feed_age_seconds", "gauge", "Since the feed's last answer.")
FEED_POSITION = Metric("edgewise_feed_position", "gauge", "Sequence number last applied.", ("table",))
ORIGIN_UP = Metric("edgewise_origin_reachable", "gauge", "1 when the last call of the origin was answered.")
CONTROLS = Metric("edgewise_controls_sequence", "gauge", "Sequence number of the controls in force.")
REVISION = Metric("edgewise_revision_info", "gauge", "1 for the revision in use.", ("revision",))
READY = Metric("edgewise_ready", "gauge", "1 when a bundle is live.")

Labels = tuple[str, ...]
Gauges = Mapping[Metric, Mapping[Labels, float]]


class Telemetry:
    """The counters of one node."""

    def __init__(self) -> None:
        self._counts: dict[Metric, Counter[Labels]] = {
            metric: Counter() if metric.labels else Counter({(): 0})
            for metric in (
                REQUESTS,
                DECISIONS,
                QA_DECISIONS,
                BUGS,
                EVENTS,
                REFUSED_EVENTS,
                REPEATED_EVENTS,
                UNKNOWN_ITEMS,
                UNKNOWN_EXPOSURES,
            )
        }
        self._durations = [0] * (len(_BOUNDS_S) + 1)
        self._duration_sum_s = 0.0

    def count(self, metric: Metric, *labels: str, by: int = 1) -> None:
        """Adds to a counter."""
        self._counts[metric][labels] += by

    def total(self, metric: Metric) -> int:
        """A counter over all its labels."""
        return sum(self._counts[metric].values())

    def decided(self, decisions: Decisions, duration_s: float, bugs: int, *, is_qa: bool) -> None:
        """Counts what one page was answered."""
        counts = self._counts[QA_DECISIONS if is_qa else DECISIONS]
        for each in decisions.decisions:
            counts[each.slot, each.tier.value, each.cause.value if each.cause else ""] += 1
        if bugs:
            self.count(BUGS, by=bugs)
        self._durations[bisect_left(_BOUNDS_S, duration_s)] += 1
        self._duration_sum_s += duration_s

    def exposition(self, gauges: Gauges) -> str:
        """All metrics as Prometheus text; `gauges` are those that are read off the node now."""
        lines: list[str] = []
        for metric, samples in (*self._counts.items(), *gauges.items()):
            lines += _head(metric)
            lines += [_sample(metric, labels, value) for labels, value in sorted(samples.items())]
        return "\n".join([*lines, *_head(DURATION), *self._buckets(), ""])

    def _buckets(self) -> Iterator[str]:
        total = 0
        for bound_s, count in zip((*map(str, _BOUNDS_S), "+Inf"), self._durations, strict=True):
            total += count
            yield f'{DURATION.name}_bucket{{le="{bound_s}"}} {total}'
        yield f"{DURATION.name}_sum {self._duration_sum_s:.6f}"
        yield f"{DURATION.name}_count {total}"


def _head(metric: Metric) -> list[str]:
    return [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.type}"]


def _sample(metric: Metric, labels: Labels, value: float) -> str:
    return f"{metric.name}{_labels(metric, labels)} {_number(value)}"


def _labels(metric: Metric, values: Labels) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(metric.labels, values, strict=True))
    return f"{{{','.join(pairs)}}}" if values else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
