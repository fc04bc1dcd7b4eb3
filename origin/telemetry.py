"""What the origin counts since it started, as Prometheus text."""

from collections import Counter
from collections.abc import Mapping

_HELP = {
    "edgewise_origin_events_total": "events logged",
    "edgewise_origin_duplicate_events_total": "events that came again and changed nothing",
    "edgewise_origin_unknown_items_total": "events logged whose item no catalog table has",
    "edgewise_origin_records_total": "decision records logged",
    "edgewise_origin_deltas_total": "feed deltas appended, by table",
    "edgewise_origin_publications_total": "publications of batch features",
}
MEDIA_TYPE = "text/plain; version=0.0.4"


class Telemetry:
    """Counters by name and table; a counter without tables has the table ``."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter({(name, ""): 0 for name in _HELP})

    def count(self, name: str, number: int = 1, table: str = "") -> None:
        """Adds to `edgewise_origin_<name>_total`."""
        self._counts[f"edgewise_origin_{name}_total", table] += number

    def text(self, positions: Mapping[str, int]) -> str:
        """All counters, and how far the feed is by table."""
        lines: list[str] = []
        for name, meaning in _HELP.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} counter"]
            lines += [f"{name}{_label(table)} {n}" for (of, table), n in sorted(self._counts.items()) if of == name]
        lines += ["# HELP edgewise_origin_feed_position last sequence number by table"]
        lines += ["# TYPE edgewise_origin_feed_position gauge"]
        lines += [f"edgewise_origin_feed_position{_label(table)} {seq}" for table, seq in sorted(positions.items())]
        return "\n".join(lines) + "\n"


def _label(table: str) -> str:
    return f'{{table="{table}"}}' if table else ""
