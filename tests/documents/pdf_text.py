"""Reads the text out of the PDFs we make, by their ToUnicode tables; a reader for tests only."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_CHAR = re.compile(rb"<([0-9A-F]{4})> <([0-9A-F]+)>")
# A literal string may hold balanced bare parentheses; two levels are enough for glyph numbers.
_INNER = rb"(?:\\.|[^\\()])*"
_STRING = rb"\(" + _INNER + rb"(?:\(" + _INNER + rb"(?:\(" + _INNER + rb"\)" + _INNER + rb")*\)"
_STRING += _INNER + rb")*\)"
_TOKEN = re.compile(rb"/(f\d+) [\d.-]+ Tf|(" + _STRING + rb"|<[0-9A-Fa-f]*>)|\b(BT)\b", re.DOTALL)


def pdf_text(pdf: bytes) -> str:
    """All text in the order it was drawn; one space wherever the pen moved."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    pages = [body for body in objects.values() if re.search(rb"/Type/Page[ /]", body)]
    text = ""
    for page in pages:
        resources = objects[_ref(page, rb"Resources")]
        fonts = {
            name.decode(): _table(objects[_ref(objects[int(ref)], rb"ToUnicode")])
            for name, ref in re.findall(rb"/(f\d+) (\d+) 0 R", resources)
        }
        text += _page_text(_inflate(objects[_ref(page, rb"Contents")]), fonts) + "\n"
    return re.sub(r"[ \u00a0]+", " ", text.replace("\u200b", ""))


def page_count(pdf: bytes) -> int:
    found = re.search(rb"/Type/Pages/Count (\d+)", pdf)
    assert found
    return int(found[1])


def _ref(body: bytes, key: bytes) -> int:
    found = re.search(rb"/%s (\d+) 0 R" % key, body)
    assert found, key
    return int(found[1])


def _inflate(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found
    return zlib.decompress(found[1])


def _table(body: bytes) -> dict[int, str]:
    return {
        int(glyph, 16): bytes.fromhex(chars.decode()).decode("utf-16-be")
        for glyph, chars in _CHAR.findall(_inflate(body))
    }


def _page_text(content: bytes, fonts: dict[str, dict[int, str]]) -> str:
    text, table = "", dict[int, str]()
    content = re.sub(rb"<<.*?>>\s*BDC", b"BDC", content, flags=re.DOTALL)
    for font, string, move in _TOKEN.findall(content):
        if font:
            table = fonts[font.decode()]
        elif string:
            data = _unescape(string)
            text += "".join(
                table.get(int.from_bytes(data[at : at + 2], "big"), "\ufffd")
                for at in range(0, len(data), 2)
            )
        elif move == b"BT":
            text += " "
    return text


def _unescape(string: bytes) -> bytes:
    if string.startswith(b"<"):
        return bytes.fromhex(string[1:-1].decode())
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

    def one(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8)]) if code[:1].isdigit() else plain.get(code, code)

    return re.sub(rb"\\([0-7]{1,3}|.)", one, string[1:-1], flags=re.DOTALL)
