"""`make shoppers`: the test weeks' real baskets go through the running edge, week by week.

Each request carries its own instant; before a new week begins, the origin is told to publish that week's features, as
it would on a Monday morning. Prints what the shop decided for whom, and the share of tiers and causes.
"""

import argparse
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from tqdm import tqdm

from contracts.codec import Contract, decode_json
from contracts.errors import EdgewiseError
from deploy.catching_up import wait_for_feed
from loadtest.report import shares
from loadtest.scenarios import Visit, read_visits, visit_calls

ZONE = ZoneInfo("America/New_York")
PATIENCE_S = 120
SHOWN_SLOTS = ("hero", "for-you", "offer")


class Secrets(Contract, frozen=True, forbid_unknown_fields=False):
    """The part of the secrets file that an operator needs."""

    operator_token: str


def main(words: list[str] | None = None) -> int:
    """Sends the visits and prints a line for each, then the totals."""
    options = _options(words)
    try:
        answers = _shop(options)
    except httpx.HTTPStatusError as error:
        print(_refused(error, options.secrets), file=sys.stderr)
        return 4
    except (EdgewiseError, httpx.HTTPError, OSError) as error:
        print(f"{error}\nIs `make run` up, and is {options.edge} its edge?", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        return 130
    print(f"\n{sum(answers.values())} slots decided: {shares(answers)}")
    return 0


def _refused(error: httpx.HTTPStatusError, secrets: Path) -> str:
    told = f"{error.request.url} answered {error.response.status_code}: {error.response.text}"
    if error.response.status_code != httpx.codes.FORBIDDEN:
        return told
    return f"{told}\n{secrets} is not the secrets file of that origin: name it with --secrets"


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("loadtest.shoppers", description="Send real baskets through a running edge.")
    parser.add_argument("--edge", default="http://127.0.0.1:8300")
    parser.add_argument("--origin", help="default: the port after the edge's")
    parser.add_argument("--secrets", type=Path, default=Path(".edgewise/storefront/secrets.json"))
    parser.add_argument("--visits", type=int, default=300, help="how many visits, spread over the weeks")
    options = parser.parse_args(words)
    address = httpx.URL(options.edge)
    options.origin = options.origin or str(address.copy_with(port=(address.port or 80) + 1))
    return options


def _shop(options: argparse.Namespace) -> Counter[str]:
    token = decode_json(options.secrets.read_bytes(), Secrets).operator_token
    answers: Counter[str] = Counter()
    week: datetime | None = None
    visits = _spread(read_visits(), options.visits)
    for visit in tqdm(visits, desc="shoppers", unit="visit"):
        if monday(visit.at) != week:
            week = monday(visit.at)
            _publish(options.origin, options.edge, token, week)
        _send(options.edge, visit, answers)
    return answers


def _spread(visits: list[Visit], wanted: int) -> list[Visit]:
    return visits[:: max(1, len(visits) // wanted)]


def monday(at: datetime) -> datetime:
    """The start of an instant's week in the shop."""
    local = at.astimezone(ZONE)
    return (local - timedelta(days=local.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)


def _publish(origin: str, edge: str, token: str, week: datetime) -> None:
    tqdm.write(f"\n{week:%A %d %B %Y}: the origin publishes the week's features")
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{origin}/v1/publish", json={"as_of": week.isoformat()}, headers=headers, timeout=PATIENCE_S)
    answer.raise_for_status()
    wait_for_feed(origin, edge, tqdm.write)


def _send(edge: str, visit: Visit, answers: Counter[str]) -> None:
    with httpx.Client(base_url=edge, timeout=10) as client:
        for number, call in enumerate(visit_calls(visit)):
            answer = client.post(call.path, content=call.body, headers=call.headers).raise_for_status().json()
            slots = answer.get("slots") or {}
            for slot in slots.values():
                answers[f"{slot['tier']}/{slot['cause']}" if slot["cause"] else slot["tier"]] += 1
            if number == 0:
                tqdm.write(_line(visit, slots))


def _line(visit: Visit, slots: dict[str, dict[str, object]]) -> str:
    shown = [_shown(name, slots[name]) for name in SHOWN_SLOTS if name in slots]
    return f"{visit.at.astimezone(ZONE):%a %d %b %H:%M}  household {visit.household:>5}  {'  '.join(shown)}"


def _shown(name: str, slot: dict[str, object]) -> str:
    props = slot["props"]
    title = props.get("title") if isinstance(props, dict) else None
    items = props.get("items") if isinstance(props, dict) else None
    if isinstance(items, list) and items:
        title = f"{items[0]['props'].get('title')} +{len(items) - 1}"
    return f"{name}: {title or '-'} ({slot['tier']})"


if __name__ == "__main__":
    sys.exit(main())
