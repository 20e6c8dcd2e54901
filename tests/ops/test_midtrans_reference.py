"""The page about Midtrans is what the tables say."""

from __future__ import annotations

from pathlib import Path

from ops.midtrans_reference import page
from payments.channels import CHANNELS
from payments.declines import CARD_CODES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "midtrans.md"


def test_the_page_is_current() -> None:
    """Else: `python -m ops.midtrans_reference > docs/reference/midtrans.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_names_every_channel_and_every_card_code() -> None:
    text = page()

    assert [key for key in CHANNELS if text.count(f"| `{key}` |") < 3] == []
    assert [code for code in CARD_CODES if f"\n| {code} |" not in text] == []
