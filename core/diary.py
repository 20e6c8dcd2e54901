"""What happened, told as it happens: one log record for each event, on the logger of the diary."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

LOGGER = "tagihan.diary"


def tell(merchant: str, event: Mapping[str, Any]) -> None:
    """Log one committed event; the supervisor shows these lines, a log store may keep them."""
    logging.getLogger(LOGGER).info(
        event["type"],
        extra={
            "diary": {
                "merchant": merchant,
                "type": event["type"],
                "at": event["occurred_at"].isoformat(),
                "subject": f"{event['subject_kind']}:{event['subject_id']}",
                "customer_id": str(event["customer_id"]) if event["customer_id"] else None,
                **event["payload"],
            }
        },
    )
