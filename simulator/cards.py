"""Test cards and what each answers; decline codes and their words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from simulator.model import Account, CardRule

_BY_BEHAVIOUR: dict[str, tuple[str, ...]] = {
    "accept": (
        "4811111111111114 5211111111111117 3528203324564357 370192169722458",
        "4617006959746656 5573381072196900 4599207887122414 5481169818832479",
        "4105058689481467 5264221038874659 4773776057051650 5229903136853172",
        "4365026335737199 5520002987089100 4201910000000009 5221030000000009",
        "4055772026036004 5520086752102334",
    ),
    "deny": (
        "4911111111111113 5111111111111118 3528512944932269 374296354400881",
        "4617008560831760 4599206009733090 4105054148541363 4773775202011809",
        "4365028662512583 4201910000000025 4055779628460474",
    ),
    "accept_attempted": ("4411111111111118 5410111111111116 3528868047864225 373747726661940",),
    "fraud": ("4611111111111116 5411111111111115 3528185267171623 378096218340018",),
    "deny_attempted": ("4711111111111115 5511111111111114 3528909779837631 370356097975856",),
    "frictionless_accept": ("4556557955726624 4024007189449340 5333259155643223 341502098634895",),
    "frictionless_deny": ("4485436455354151 5328720384582224 345695399207589",),
    "challenge_accept": ("4916994064252017 5306889942833340 348638267931507",),
    "challenge_deny": ("4604633194219929 5424184049821670 372021106351394",),
    "slow_accept": ("4024007176265022 5487971631330522 345197771649926",),
    "3ds_failed": ("4716125059847899 5250548692069390 379452196036850",),
    "3ds1_only": ("4723249479082225 5555666677771111 3528927894502153 341918453253540",),
    "offline": ("4705859510984866 5597518926561951",),
    "51": ("4472429869996670",),
    "51_over_30000": ("4806000000000081",),
    "challenge": ("5510111111111115",),
}
BEHAVIOURS = {
    pan: name for name, rows in _BY_BEHAVIOUR.items() for row in rows for pan in row.split()
}
_BANKS = {
    "mandiri": "4617006959746656 5573381072196900 4617008560831760",
    "bni": "4105058689481467 5264221038874659 4105054148541363",
    "cimb": "4599207887122414 5481169818832479 4599206009733090",
    "bca": "4773776057051650 5229903136853172 4773775202011809",
    "bri": "4365026335737199 5520002987089100 4365028662512583",
    "mega": "4201910000000009 5221030000000009 4201910000000025",
    "maybank": "4055772026036004 5520086752102334 4055779628460474",
}
BANKS = frozenset({*_BANKS, "danamon"})  # names the acquirer and a list of BINs may hold
WITH_POINTS = frozenset(" ".join((_BANKS["bni"], _BANKS["mandiri"])).split())
BANK_OF = {pan: bank for bank, pans in _BANKS.items() for pan in pans.split()}

MESSAGES = {
    "00": "Approved",
    "000": "Approved",
    "01": "Refer to card issuer",
    "02": "Refer to card issuer, special condition",
    "03": "Invalid merchant",
    "04": "Pick up card",
    "05": "Do not honour",
    "12": "Invalid transaction",
    "13": "Invalid amount",
    "14": "Invalid card number",
    "15": "No such issuer",
    "19": "Re-enter transaction",
    "22": "Issuer cannot be reached",
    "33": "Expired card, pick up",
    "34": "Suspected fraud, pick up",
    "41": "Lost card",
    "43": "Stolen card",
    "46": "Account closed",
    "51": "Insufficient funds",
    "54": "Expired card",
    "55": "WrongError PIN",
    "57": "Transaction not permitted to cardholder",
    "58": "Transaction not permitted to terminal",
    "59": "Suspected fraud",
    "61": "Exceeds amount limit",
    "62": "Restricted card",
    "63": "Security violation",
    "65": "Exceeds frequency limit",
    "68": "Response received too late",
    "75": "PIN tries exceeded",
    "80": "System not available",
    "82": "CVV is wrong",
    "83": "Authentication needed",
    "91": "Issuer or switch is not available",
    "94": "Duplicate transaction",
    "96": "System malfunction",
    "100": "Declined",
    "101": "Expired card",
    "116": "Not sufficient funds",
    "1A": "Additional customer authentication required",
    "Q1": "Card authentication failed",
    "R0": "Cardholder stopped this recurring payment",
    "R1": "Cardholder stopped all recurring payments",
    "R3": "Cardholder stopped all recurring payments of this merchant",
}


@dataclass(frozen=True)
class Verdict:
    """What bank and fraud system say. `wait` seconds pass before the bank's yes arrives."""

    approved: bool
    code: str
    fraud: str = "accept"
    wait: int = 0


def luhn(number: str) -> bool:
    """The check digit that every card number carries."""
    total = 0
    for place, char in enumerate(reversed(number)):
        digit = int(char) * (2 if place % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def brand_of(pan: str) -> str:
    """One of visa, mastercard, jcb, amex."""
    if pan.startswith(("34", "37")):
        return "amex"
    if pan.startswith("35"):
        return "jcb"
    return "visa" if pan.startswith("4") else "mastercard"


def masked(pan: str) -> str:
    """First eight and last four digits."""
    return f"{pan[:8]}-{pan[-4:]}"


def message_of(code: str) -> str:
    """The words that go with a code; unknown codes have a general one."""
    return MESSAGES.get(code, "Declined")


def rule_for(account: Account, keys: tuple[str, ...], now: datetime) -> CardRule | None:
    """The newest rule in force for any of the card's names (token, masked, full number)."""
    for rule in reversed(account.card_rules):
        started = rule.since is None or rule.since <= now
        ended = rule.until is not None and now >= rule.until
        if rule.match in keys and started and not ended:
            return rule
    return None


def behaviour_of(account: Account, pan: str, token: str, now: datetime) -> str:
    """How this card behaves right now: by what it was told, else by the table of test cards."""
    rule = rule_for(account, (token, masked(pan), pan), now)
    return rule.behaviour if rule else BEHAVIOURS.get(pan, "14")


def needs_otp(behaviour: str) -> bool:
    """Does the 3DS page ask the cardholder for anything?"""
    return not behaviour.startswith("frictionless")


def verdict(behaviour: str, pan: str, amount: int) -> Verdict:
    """What the bank answers to a charge of `amount` rupiah. Raises ValueError on unknown words."""
    amex = brand_of(pan) == "amex"
    yes = Verdict(True, "000" if amex else "00")
    no = Verdict(False, "100" if amex else "05")
    if behaviour in ("accept", "accept_attempted", "frictionless_accept", "challenge_accept"):
        return yes
    if behaviour in ("deny", "deny_attempted", "frictionless_deny", "challenge_deny"):
        return no
    if behaviour == "fraud":
        return Verdict(False, "", "deny")
    if behaviour == "challenge":
        return Verdict(True, yes.code, "challenge")
    if behaviour == "slow_accept":
        return Verdict(True, yes.code, wait=60)
    if behaviour in ("3ds_failed", "3ds1_only"):
        return Verdict(False, "Q1")
    if behaviour == "offline":
        return Verdict(False, "57")
    if behaviour == "51_over_30000":
        return Verdict(False, "51") if amount > 30_000 else yes
    if is_code(behaviour):
        return Verdict(False, behaviour)
    raise ValueError(f"no such behaviour: {behaviour}")


def is_code(text: str) -> bool:
    """Does it look like a bank's answer code (51, R1, 101)?"""
    return 2 <= len(text) <= 3 and text.isalnum() and text.upper() == text


def known_behaviour(text: str) -> bool:
    """Is this a word that `verdict` or the token desk understands?"""
    return text in _BY_BEHAVIOUR or is_code(text)


def eci_of(behaviour: str, pan: str, *, authenticated: bool) -> str:
    """The electronic commerce indicator: how well the cardholder was authenticated."""
    mastercard = brand_of(pan) == "mastercard"
    if not authenticated:
        return "00" if mastercard else "07"
    if behaviour.endswith("attempted"):
        return "01" if mastercard else "06"
    return "02" if mastercard else "05"
