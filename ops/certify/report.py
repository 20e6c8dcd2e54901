"""The report of a run for people: what agrees, what differs and what that means, what is left."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from ops.certify.cleaning import Cleaned
from ops.certify.run import Finding

# Facts that Tagihan acts on; whatever else differs is a field that it only keeps.
_SAID: Final = {
    "status": "what it comes to",
    "code": "the code",
    "amount": "the amount",
    "settled": "whether it is settled",
    "instructions": "what the payer is shown",
    "shown": "what the payer needs",
    "channel": "how it was paid",
    "links": "the pages to agree on",
    "afterwards": "how the order stands afterwards",
    "afterwards.word": "the gateway's word for it afterwards",
    "closed": "whether the page is closed",
    "order is ours": "whether its status is of the order asked about",
    "signature fits": "whether its status is signed with the server key",
}
HOW_TO_READ: Final = """
  MATTERS: this gateway does not do what its documentation promises and Tagihan relies on;
           find out why before you go live.
  other words: it does what is promised, but not all of its answer is like the simulator's,
           with which Tagihan was tested."""


def page(url: str, findings: Sequence[Finding]) -> Iterator[str]:
    """The report, line by line."""
    counts = Counter((one.case.channel, one.verdict) for one in findings)
    yield f"{len(findings)} cases tried on {url}"
    yield f"  {'channel':<14} agrees  differs  not tried"
    for channel in sorted({one.case.channel for one in findings}):
        agrees, differs, left = (
            counts[channel, verdict] for verdict in ("agrees", "differs", "not tried")
        )
        yield f"  {channel:<14} {agrees:>6}  {differs:>7}  {left:>9}"
    yield from _differences([one for one in findings if one.verdict == "differs"])
    yield from _left([one for one in findings if one.verdict == "not tried"])
    extra = sorted({name for one in findings for name in one.extra})
    if extra:
        names = ", ".join(name.removeprefix("raw.") for name in extra)
        yield f"told beyond what the simulator tells, and ignored: {names}"


def _differences(found: Sequence[Finding]) -> Iterator[str]:
    if not found:
        return
    yield HOW_TO_READ
    alike: dict[tuple[bool, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for one in found:
        what = f"{one.case.operation}, {one.case.outcome}"
        alike[not one.unmet, what, tuple(_lines(one))].append(one.case.channel)
    for (harmless, what, lines), channels in sorted(alike.items()):
        yield ""
        yield f"{'other words' if harmless else 'MATTERS'}: {what} ({', '.join(channels)})"
        yield from (f"    {line}" for line in lines)


def _lines(one: Finding) -> Iterator[str]:
    """What differs in one case: first what was promised, then what is only otherwise."""
    promised = set()
    for line in one.unmet:
        name, _, rest = line.partition(" is ")
        here, _, wanted = rest.partition(", not ")
        promised.add(name)
        yield f"{said(name)}: here {_value(here)}, documented {wanted}"
    for line in one.differences:
        name, _, rest = line.partition(": ")
        here, _, there = rest.partition(", the simulator ")
        if name not in promised:
            yield f"{said(name)}: here {_value(here)}, in the simulator {_value(there)}"


def said(name: str) -> str:
    """A fact's name for people."""
    if name.startswith("raw."):
        return f"field {name.removeprefix('raw.')}"
    return _SAID.get(name, name)


def _value(told: str) -> str:
    return {"missing": "it is missing", "None": "nothing", "": "nothing"}.get(told, told)


def _left(found: Sequence[Finding]) -> Iterator[str]:
    """Cases that were not tried, by what they need; orders differ, the need does not."""
    needs: dict[str, list[str]] = defaultdict(list)
    for one in found:
        words = [word for word in one.why.split() if "CERT-" not in word]
        words = ["…" if word == one.case.channel else word for word in words]
        needs[" ".join(words)].append(one.case.channel)
    if needs:
        yield ""
        yield "not tried, because nobody did what a program can not (--by-hand asks you):"
    for need, channels in sorted(needs.items(), key=lambda row: (-len(row[1]), row[0])):
        where = ", ".join(dict.fromkeys(channels))
        yield f"  {len(channels):>3} cases: {need} ({where})"


def cleaned_line(done: Cleaned) -> str:
    """What was tidied up at the gateway."""
    text = f"cleaned up: {done.orders} orders and {done.links} links were ended there"
    if done.left:
        return f"{text}; these still stand: {', '.join(done.left)}"
    return f"{text}; what was paid stays paid"
