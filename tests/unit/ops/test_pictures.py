"""The pictures of the docs say what the engine says, and a page shows each of them."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from ops.pictures import _LETTER, _RIGHT, FOLDER, Picture, draw, pictures

EVERY = pictures()


@pytest.mark.parametrize("picture", EVERY, ids=lambda one: one.name)
def test_a_picture_is_as_the_engine_has_it_today(picture: Picture) -> None:
    """`make pictures` draws them anew."""
    assert (FOLDER / f"{picture.name}.svg").read_text(encoding="utf-8") == draw(picture)


def test_the_page_shows_every_picture_and_no_other() -> None:
    page = (FOLDER.parent / "proration.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[(.+)\]\(pictures/(.+)\.svg\)", page)
    assert sorted(name for _, name in shown) == sorted(one.name for one in EVERY)
    assert sorted(one.stem for one in FOLDER.iterdir()) == sorted(one.name for one in EVERY)


@pytest.mark.parametrize("picture", EVERY, ids=lambda one: one.name)
def test_a_picture_stands_by_itself_and_says_in_words_what_it_shows(picture: Picture) -> None:
    root = ET.fromstring(draw(picture))
    space = {"s": "http://www.w3.org/2000/svg"}
    assert root.findtext("s:title", namespaces=space) == picture.title
    said = root.findtext("s:desc", namespaces=space) or ""
    texts = [one.text or "" for one in root.findall("s:text", space)]
    for bar in picture.bars:
        assert bar.text in said
        assert bar.text in texts
        assert _LETTER * len(bar.text) <= _RIGHT, "a sentence that no picture is wide enough for"
    assert "href" not in draw(picture)
    assert "script" not in draw(picture)


def test_the_upgrade_is_the_example_that_everybody_knows() -> None:
    upgrade = next(one for one in EVERY if one.name == "upgrade")
    assert [bar.text for bar in upgrade.bars] == [
        "Billed on 15 Nov: Rp150.000",
        "Credited: -(Rp150.000 × 20/30 days) = -Rp100.000",
        "Charged: Rp300.000 × 20/30 days = Rp200.000",
    ]
