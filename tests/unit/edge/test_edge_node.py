from pathlib import Path

import pytest

from edge.config import Config, Secrets
from edge.node import Clock, Node

START_US, DAY_US = 1_511_186_400_000_000, 86_400_000_000
SECRETS = Secrets(cookie_kid="k", cookie_keys={"k": bytes(32)}, pseudonym_key=bytes(32), operator_token="operator")


@pytest.mark.parametrize("clock_at", [None, START_US])
def test_time_in_development_starts_where_it_is_told_and_only_goes_forward(
    clock_at: int | None, tmp_path: Path
) -> None:
    times = [5_000]
    config = Config(registry=tmp_path, state=tmp_path, secrets=SECRETS, is_dev=True, clock_at=clock_at)
    node = Node(config, Clock(now_us=lambda: times[0]))
    start = clock_at or times[0]
    assert node.request_now() == start
    times[0] += 7
    assert node.request_now() == start + 7
    node.advance(start + DAY_US)
    assert node.request_now() == (start + DAY_US if clock_at else start + 7)
    node.advance(start)
    times[0] += 1
    assert node.request_now() == (start + DAY_US + 1 if clock_at else start + 8)
    node.close()
