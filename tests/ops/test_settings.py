"""Settings: read once, checked at start, every problem told at once, secrets never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from core.settings import SETTINGS, Settings, SettingsError
from ops import settings_reference

KEY = base64.b64encode(b"k" * 32).decode()
OLDER = base64.b64encode(b"o" * 32).decode()


def problems(environ: dict[str, str], *needs: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environ(environ, needs=needs)
    return refused.value.problems


def test_nothing_set_is_a_working_instance_on_this_machine() -> None:
    settings = Settings.from_environ({})

    assert settings.database_url is None
    assert settings.uses_simulator
    assert (settings.api_port, settings.public_url) == (8400, "http://127.0.0.1:8400")
    assert (settings.mail_host, settings.mail_port, settings.mail_starttls) == (
        "127.0.0.1",
        8425,
        False,
    )
    assert settings.lease_seconds == 3 + 30 + 15


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        {
            "TAGIHAN_API_PORT": "99999",
            "DATABASE_URL": "mysql://x/y",
            "MIDTRANS_ENVIRONMENT": "live",
            "SMTP_USER": "u",
            "TAGIHAN_MASTER_KEY": "k1:short",
        },
        "TAGIHAN_OPERATOR_KEY",
    )

    assert len(found) == 6


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("TAGIHAN_API_PORT", "8402", "must differ"),
        ("TAGIHAN_API_PORT", "84a", "whole number"),
        ("TAGIHAN_API_PORT", "-1", "whole number"),
        ("TAGIHAN_WORKER_THREADS", "0", "from 1"),
        ("TAGIHAN_GATEWAY_READ_SECONDS", "2.5", "whole number"),
        ("DATABASE_URL", "postgresql://host", "no database"),
        ("DATABASE_URL", "postgresql://h:port/x", "valid port"),
        ("TAGIHAN_PUBLIC_URL", "tagihan.example", "http or https"),
        ("TAGIHAN_DB_ROLE_PREFIX", "Robert'); --", "small letters"),
        ("TAGIHAN_OPERATOR_KEY", "short", "at least 24"),
        ("TAGIHAN_MASTER_KEY", f"k1:{KEY},k1:{OLDER}", "twice"),
        ("TAGIHAN_MASTER_KEY", KEY, "id:base64"),
        ("MIDTRANS_ENVIRONMENT", "production", "MIDTRANS_SERVER_KEY is not set"),
        ("MIDTRANS_SERVER_KEY", "Mid-server-x", "MIDTRANS_CLIENT_KEY is not"),
        ("SMTP_STARTTLS", "maybe", "yes or no"),
        ("TAGIHAN_TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.1/8", "'10.0.0.1/8', which is no network"),
        ("TAGIHAN_TRUSTED_PROXIES", "proxy.internal", "no network"),
        ("TAGIHAN_LIMITS", "card_inv=3", "known are card_address"),
        ("TAGIHAN_LIMITS", "card_invoice=many", "card_invoice=0 to"),
        ("TAGIHAN_IDEMPOTENCY_DAYS", "0", "from 1"),
        ("TAGIHAN_OWNER_DATABASE_URL", "postgresql://o@h/x", "DATABASE_URL is not"),
        ("TAGIHAN_API_PROT", "8400", "did you mean TAGIHAN_API_PORT?"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, word: str) -> None:
    found = problems({name: value})

    assert len(found) == 1
    assert found[0].startswith(name) or name in found[0]
    assert word in found[0]


def test_limits_and_proxies_are_lists() -> None:
    settings = Settings.from_environ(
        {
            "TAGIHAN_LIMITS": "card_invoice = 3, offer_address=0",
            "TAGIHAN_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        }
    )

    assert settings.limits == {"card_invoice": 3, "offer_address": 0}
    assert repr(settings.trusted_proxies) == "10.0.0.0/8,::1/128"


def test_the_first_master_key_encrypts_and_all_are_kept() -> None:
    settings = Settings.from_environ({"TAGIHAN_MASTER_KEY": f"new:{KEY},old:{OLDER}"})

    assert [key.key_id for key in settings.master_keys] == ["new", "old"]
    assert settings.master_keys[0].secret == b"k" * 32


def test_no_secret_is_ever_printed() -> None:
    secrets = {
        "DATABASE_URL": "postgresql://app:pa55-word@db/tagihan",
        "TAGIHAN_MASTER_KEY": f"k1:{KEY}",
        "TAGIHAN_OPERATOR_KEY": "op_" + "z" * 30,
        "SMTP_USER": "u",
        "SMTP_PASSWORD": "mail-pa55",
        "MIDTRANS_SERVER_KEY": "SB-Mid-server-abcdef",
        "MIDTRANS_CLIENT_KEY": "SB-Mid-client-abcdef",
    }
    settings = Settings.from_environ(secrets)
    shown = repr(settings) + settings_reference.now(settings) + repr(settings.master_keys)

    for text in ("pa55-word", KEY, "z" * 30, "mail-pa55", "SB-Mid-server-abcdef"):
        assert text not in shown
        assert text in settings.secrets()[0] or text in " ".join(settings.secrets())


def test_the_reference_is_up_to_date() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"

    assert page.read_text(encoding="utf-8") == settings_reference.page(), (
        "run `make settings-reference`"
    )


def test_no_setting_is_described_twice() -> None:
    names = [setting.name for setting in SETTINGS]

    assert len(names) == len(set(names))
