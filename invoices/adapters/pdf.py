"""A document as PDF/A-3b: the same view and instant give the same bytes on every machine."""

from __future__ import annotations

import atexit
import importlib.util
import io
import json
import shutil
import tempfile
import threading
import unicodedata
from dataclasses import asdict, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import segno
import typst

from invoices.document_facts import LogoFacts
from invoices.document_view import DocumentView

_TEMPLATE = Path(__file__).resolve().parent.parent / "templates" / "document.typ"
_FONT_PACKAGE = "font_source_sans_pro"
_FACES = ("Regular", "It", "Semibold", "Bold")
# The first family is the house face; the others come inside Typst and lend single letters.
_FAMILIES = ("Source Sans Pro", "Libertinus Serif", "DejaVu Sans Mono")
_STANDARD: typst.PDFStandard = "a-3b"
_PROBE_AT = 1_700_000_000
_one_reader = threading.Lock()


class DocumentUnreadable(Exception):  # noqa: N818 - named like those in core/errors.py
    """Typst refused the document or warned about it; the message is its own."""


def render_pdf(view: DocumentView, timestamp: datetime) -> bytes:
    """Lay out the document on A4 and return the PDF.

    Args:
        view: what to show.
        timestamp: the aware instant written into the file, usually that of issue or payment;
            equal views and instants give equal bytes.

    A letter that no font has (an emoji, Chinese) is printed as ``?``, because an archivable PDF
    may not hold text it cannot show; the page shows it.

    Raises:
        DocumentUnreadable: the layout failed or is not clean, for example a broken logo.
    """
    if timestamp.tzinfo is None:
        raise ValueError("the instant of a document needs its offset")
    data = _printable(_texts(view)) | _pictures(view)
    return _compile(_TEMPLATE, json.dumps(data), int(timestamp.timestamp()))


def _texts(view: DocumentView) -> dict[str, Any]:
    data = {key: value for key, value in asdict(replace(view, logo=None)).items() if key != "logo"}
    return data | {"fonts": _FAMILIES}


def _pictures(view: DocumentView) -> dict[str, Any]:
    qr = _qr(view.pay_url) if view.can_pay and view.pay_url else None
    return {"logo": _logo(view.logo), "qr": qr}


def _logo(logo: LogoFacts | None) -> dict[str, Any] | None:
    """SVG travels as text, pixels as numbers: inputs of a layout are text alone."""
    if logo is None:
        return None
    if logo.media_type == "image/svg+xml":
        return {"format": "svg", "data": logo.data.decode("utf-8")}
    if logo.media_type in ("image/png", "image/jpeg"):
        return {"format": logo.media_type.removeprefix("image/"), "data": list(logo.data)}
    return None


def _qr(url: str) -> str:
    out = io.BytesIO()
    segno.make(url, error="m", micro=False).save(out, kind="svg", border=1, xmldecl=False)
    return out.getvalue().decode("utf-8")


def _compile(source: Path | bytes, view: str, instant: int) -> bytes:
    try:
        pdf, warnings = typst.compile_with_warnings(
            source,
            font_paths=_fonts(),
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs={"view": view},
            pdf_standards=_STANDARD,
            timestamp=instant,
        )
    except typst.TypstError as error:
        raise DocumentUnreadable(str(error)) from error
    if warnings:
        raise DocumentUnreadable("; ".join(warning.message for warning in warnings))
    return pdf


def _fonts() -> typst.Fonts:
    """The few faces in use; threads that come at the same time wait for the first."""
    with _one_reader:
        return _read_fonts()


@lru_cache(maxsize=1)
def _read_fonts() -> typst.Fonts:
    """Read the faces, once per process.

    The wheel holds each face twice (OTF and TTF) and the search takes whichever the file system
    lists first, so the wanted files are put in a folder of their own.
    """
    spec = importlib.util.find_spec(_FONT_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DocumentUnreadable(f"the package {_FONT_PACKAGE} is not installed")
    files = Path(spec.submodule_search_locations[0]) / "files"
    folder = tempfile.TemporaryDirectory(prefix="document-fonts-")
    # Faces are read when they are first needed: the folder lives as long as the process.
    atexit.register(folder.cleanup)
    for face in _FACES:
        shutil.copyfile(files / f"SourceSansPro-{face}.ttf", Path(folder.name) / f"{face}.ttf")
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=[folder.name]
    )
    missing = set(_FAMILIES) - set(fonts.families())
    if missing:
        raise DocumentUnreadable(f"fonts not found: {', '.join(sorted(missing))}")
    return fonts


def _printable(value: Any) -> Any:
    """Replace what no font can show by ``?``; drop marks that turn the reading direction."""
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else "".join(map(_shown, value))
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value


@lru_cache(maxsize=4096)
def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cf":
        return ""
    if category == "Cs" or not _has_glyph(char):
        return "?"
    return char


def _has_glyph(char: str) -> bool:
    """Ask the layout itself, with one letter."""
    probe = b"#let v = json(bytes(sys.inputs.view))\n#set text(font: v.fonts)\n#v.char"
    try:
        _compile(probe, json.dumps({"char": char, "fonts": _FAMILIES}), _PROBE_AT)
    except DocumentUnreadable:
        return False
    return True
