"""Which mails the terminal tells of as they leave."""

from __future__ import annotations

import pytest

from billing.flows.letters import WORDINGS
from ops.diary import is_live, sentence
from ops.diary_words import MAILS


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("invoice.paid", "Surel ke Dewi: bukti lunas, dengan PDF"),
        ("subscription.trial_ending", "Surel ke Dewi: masa coba segera berakhir"),
        ("subscription.renewal_notice", "Surel ke Dewi: langganan segera diperpanjang"),
        # Their own events are told already.
        ("dunning.reminder", None),
        ("invoice.issued", None),
    ],
)
def test_who_watches_is_told_of_the_mails_that_matter(kind: str, told: str | None) -> None:
    assert is_live("message.sent", {"kind": kind}) is (told is not None)
    if told is not None:
        assert sentence("message.sent", {"kind": kind}, who="Dewi", locale="id") == told


def test_every_mail_that_is_told_of_is_one_that_is_sent() -> None:
    assert set(MAILS) <= set(WORDINGS)
