"""What time it is, for all that a report says of days."""

from __future__ import annotations

import datetime
import os

from auditkit.errors import PolicyError


def now() -> datetime.datetime:
    """Now in UTC, to the second; SOURCE_DATE_EPOCH where that is set. PolicyError where that is no date."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "").strip()
    if not epoch:
        return datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    try:
        if not (epoch.isascii() and epoch.isdecimal() and len(epoch) < 20):
            raise ValueError
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        raise PolicyError(
            f"SOURCE_DATE_EPOCH must be seconds since 1970 (the year 9999 at most), got '{epoch[:40]}': "
            "unset it, or set it to a number such as 1795521600"
        ) from None
