"""What all pages share: templates, language, the colour of a state."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

import jinja2

from simulator.page_words import LANGUAGES, grouped, moment, rupiah, word
from simulator.page_words_said import answered, history, spoken
from simulator.pages_marks import mark
from simulator.wire import Reply, Request, html_reply

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_GOOD = frozenset({"settlement", "capture", "authorize", "delivered", "ENABLED", "active", "paid"})
_BAD = frozenset(
    {
        "deny",
        "expire",
        "cancel",
        "failed",
        "lost",
        "chargeback",
        "failure",
        "EXPIRED",
        "DISABLED",
        "inactive",
        "void",
        "expired",
    }
)


def _language(request: Request) -> str:
    wanted = request.query().get("lang", "id")
    return wanted if wanted in LANGUAGES else "id"


def _without_language(request: Request) -> str:
    """The query as it is, to be continued with another language."""
    kept = {name: value for name, value in request.query().items() if name != "lang"}
    return urlencode(kept) + "&" if kept else ""


def _mood(state: str) -> str:
    """The colour of a state: good, bad or open."""
    return "good" if state in _GOOD else "bad" if state in _BAD else "open"


def show(request: Request, template: str, status: int = 200, **values: object) -> Reply:
    """A template with words, amounts and instants in the reader's language."""
    language = _language(request)
    text = _templates.get_template(template).render(
        t=partial(word, language=language),
        money=partial(rupiah, language=language),
        when=partial(moment, language=language),
        grouped=grouped,
        say=partial(spoken, language=language),
        note=partial(history, language=language),
        answered=partial(answered, language=language),
        mood=_mood,
        mark=mark,
        lang=language,
        suffix="" if language == "id" else f"?lang={language}",
        path="/" + "/".join(map(quote, request.segments)),
        other_query=_without_language(request),
        **values,
    )
    return html_reply(text, status)


def missing(request: Request) -> Reply:
    """The 404."""
    return show(request, "missing.html", 404)
