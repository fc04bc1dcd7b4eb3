"""The data's weeks: they start on Mondays at midnight in New York, the first on 26 December 2016."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SHOP_ZONE = ZoneInfo("America/New_York")
FIRST_WEEK = datetime(2016, 12, 26, tzinfo=SHOP_ZONE)
FIRST_RANKED_WEEK, CATALOG_WEEK, LAST_WEEK = 38, 48, 53


def week_start(week: int) -> datetime:
    """The instant at which a data week begins: Monday 00:00 in New York."""
    return (FIRST_WEEK + timedelta(days=7 * (week - 1))).astimezone(UTC)
