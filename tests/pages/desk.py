"""Signing in at the staff pages the way a browser does, for tests."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from pages.house import House

from billing.flows.people import create_staff

PASSWORD = "kopi-susu-gula-aren"


class Desk:
    """A member of staff in front of a browser."""

    def __init__(self, house: House, role: str = "owner", email: str | None = None) -> None:
        self.house = house
        self.root = f"/staff/{house.merchant.slug}"
        self.email = email or f"{role}@larasa.example"
        with house.work() as unit:
            create_staff(unit, email=self.email, name="Sari", role=role, password=PASSWORD)

    def enter(self, password: str = PASSWORD, **changed: str) -> Any:
        """Fill in the form and send it."""
        form = self.house.client.get(f"{self.root}/sign-in")
        fields = {"csrf": hidden(form.text, "csrf"), "email": self.email, "password": password}
        return self.house.client.post(f"{self.root}/sign-in", data={**fields, **changed})

    def get(self, path: str = "") -> Any:
        """Open a page."""
        return self.house.client.get(f"{self.root}{path}")

    def send(self, path: str, page: str, **fields: str) -> Any:
        """Send the POST form of a page, some fields changed."""
        kept = {
            name: hidden(page, name)
            for name in (
                "csrf",
                "print",
                "price",
                "quantity",
                "mode",
                "when",
                "on",
                "policy",
                "keep_anchor",
            )
            if f'type="hidden" name="{name}"' in page
        }
        return self.house.client.post(f"{self.root}{path}", data={**kept, **fields})


def hidden(page: str, name: str) -> str:
    """The value of the last hidden field of a name: the first one is that of signing out."""
    found = re.findall(rf'type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name}"
    return unescape(found[-1])


def plain(page: str) -> str:
    """A page's words without its tags."""
    body = page.split("<main", 1)[-1]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
