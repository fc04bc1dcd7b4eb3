"""`edgewise status`.

examples:
  edgewise status http://127.0.0.1:8300
  edgewise status http://127.0.0.1:8300 --json
"""

import argparse

import httpx

from contracts.codec import decode_json
from contracts.errors import ContractError
from contracts.node_status import NodeStatus
from deploy.outcome import OperationError, Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `status`."""
    parser.add_argument("url", help="where the node listens")


def run(options: argparse.Namespace) -> Outcome:
    """Asks the node; a node that is not ready makes the exit code 1."""
    status = _fetch(f"{options.url.rstrip('/')}/v1/status")
    return Outcome(status, _text(status), 0 if status.is_ready else 1)


def _fetch(url: str) -> NodeStatus:
    try:
        answer = httpx.get(url, timeout=5)
        return decode_json(answer.raise_for_status().content, NodeStatus)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise OperationError(f"{url} is no address: write it as http://127.0.0.1:8300") from None
    except httpx.HTTPError as error:
        raise OperationError(f"{url}: {error}. Is the node running, and is this its address?") from None
    except ContractError:
        raise OperationError(
            f"{url} does not answer as a node does: an origin is another port, by default the one after the node's"
        ) from None


def _text(status: NodeStatus) -> str:
    age = "never" if status.feed_age_s is None else f"{status.feed_age_s:.1f} s ago"
    positions = ", ".join(f"{table} {position}" for table, position in sorted(status.cursor.positions.items()))
    lines = [
        f"node      {status.node}: {'ready' if status.is_ready else 'NOT READY'}",
        f"revision  {status.revision or 'none'}",
        f"origin    {'reachable' if status.is_origin_reachable else 'unreachable'}, last feed answer {age}",
        f"feed      {positions or 'nothing applied yet'}",
        f"spool     {status.spooled} waiting, {status.dropped_records} decision records dropped",
    ]
    return "\n".join(lines + [f"problem   {problem}" for problem in status.problems])
