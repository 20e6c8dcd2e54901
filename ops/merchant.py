"""``tagihan merchant``: merchants, their settings, and access for machines and people."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints
from uuid import UUID

import click
from sqlalchemy import text

from billing.engine import Engine, build_engine
from billing.flows import recover_mails, recover_sweep
from billing.flows.machine_keys import create_key
from billing.flows.onboard import EDITABLE, MerchantDraft, create_merchant, update_merchant
from billing.flows.people import create_staff
from core.actor import Actor
from core.errors import EngineError
from core.merchant import Merchant, load_merchant
from dunning.service import publish_policy
from ops.instance import load

OPERATOR = Actor("operator", "command line")
NEEDS = ("DATABASE_URL", "TAGIHAN_MASTER_KEY")


@contextmanager
def an_engine() -> Iterator[Engine]:
    """The engine of the instance this command finds; refusals become one clear line."""
    engine = build_engine(load(needs=NEEDS))
    try:
        yield engine
    except EngineError as error:
        where = f" ({error.field})" if error.field else ""
        raise click.ClickException(f"{error.message} [{error.code}]{where}") from error
    finally:
        engine.close()


def find_merchant(engine: Engine, name: str | None) -> UUID:
    """A merchant by slug or id; without a name, the only one there is.

    Raises:
        click.ClickException: none or several fit.
    """
    with engine.db.lookup() as session:
        rows = session.execute(text("SELECT merchant_id, slug FROM merchants ORDER BY slug")).all()
    fitting = [row for row in rows if name in (None, row.slug, str(row.merchant_id))]
    if len(fitting) == 1:
        found: UUID = fitting[0].merchant_id
        return found
    known = ", ".join(row.slug for row in rows[:20]) or "none yet"
    if name is None:
        raise click.ClickException(f"say which merchant: --merchant SLUG ({known})")
    raise click.ClickException(f"there is no merchant {name!r}: {known}")


@click.group(help="Merchants: add, list, show, change, their keys and people.")
def group() -> None:
    """The group of commands."""


@group.command("list")
def list_merchants() -> None:
    """List the merchants of this installation."""
    with an_engine() as engine, engine.db.lookup() as session:
        rows = session.execute(
            text("SELECT slug, gateway, mode, billing_zone FROM merchants ORDER BY slug")
        ).all()
    for row in rows:
        click.echo(f"{row.slug:<30} {row.gateway:<11} {row.mode:<11} {row.billing_zone}")


@group.command("show")
@click.argument("slug")
def show(slug: str) -> None:
    """Show one merchant; its keys are never shown."""
    with an_engine() as engine:
        merchant_id = find_merchant(engine, slug)
        with engine.db.begin(merchant_id) as session:
            merchant = load_merchant(session)
    for name, value in shown(merchant).items():
        click.echo(f"{name:<22} {value}")


@group.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def add(file: Path) -> None:
    """Add a merchant from a JSON file.

    Its fields are those of the API's merchant object.

    Needed: slug, legal_name, email, address, gateway (simulator, sandbox or production) and
    server_key.
    """
    try:
        fields: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        for name in ("pkp_since", "pkp_until"):
            if fields.get(name):
                fields[name] = date.fromisoformat(fields[name])
        draft = MerchantDraft(**fields)
    except (ValueError, TypeError) as error:
        raise click.ClickException(f"{file}: {error}") from error
    with an_engine() as engine:
        merchant = create_merchant(engine, draft, OPERATOR)
        address = f"{engine.settings.public_url}/gateways/midtrans/{merchant.slug}"
    click.echo(f"{merchant.slug} added. Tell Midtrans this notification address: {address}")


@group.command("set")
@click.argument("slug")
@click.argument("assignments", nargs=-1, required=True, metavar="FIELD=VALUE...")
def set_fields(slug: str, assignments: tuple[str, ...]) -> None:
    """Change fields of a merchant.

    For example: card_mode=none payment_terms_days=14 logo=logo.svg
    """
    fields: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or name not in EDITABLE:
            raise click.ClickException(
                f"{name!r} can not be set; these can: {', '.join(sorted(EDITABLE))}"
            )
        fields[name] = read_value(name, value)
    with an_engine() as engine:
        update_merchant(engine, find_merchant(engine, slug), fields, OPERATOR)
    click.echo(f"{slug} changed: {', '.join(sorted(fields))}")


@group.command("key")
@click.argument("slug")
@click.option("--name", default="command line", show_default=True, help="What it is for.")
@click.option("--scope", "scopes", multiple=True, default=("read", "write"), show_default=True)
def key(slug: str, name: str, scopes: tuple[str, ...]) -> None:
    """Make an API key; it is shown once."""
    with an_engine() as engine, engine.work(find_merchant(engine, slug), OPERATOR) as unit:
        made = create_key(unit, name=name, scopes=scopes)
    click.echo(made.secret)


@group.command("staff")
@click.argument("slug")
@click.argument("email")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", default="owner", show_default=True)
@click.password_option(help="Asked for when not given.")
def staff(slug: str, email: str, name: str, role: str, password: str) -> None:
    """Add a person to a merchant's staff."""
    with an_engine() as engine, engine.work(find_merchant(engine, slug), OPERATOR) as unit:
        create_staff(unit, email=email, name=name, role=role, password=password)
    click.echo(f"{email} may sign in at {engine.settings.public_url}/staff/{slug}/sign-in")


@group.command("dunning")
@click.argument("slug")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def dunning(slug: str, file: Path | None) -> None:
    """Show how unpaid invoices are chased, or change it.

    FILE is JSON or TOML with what changes, such as retry_days = [2, 5]; the rest stays. Cases
    that are open keep the version they were opened with.
    """
    changes: dict[str, Any] = {}
    if file is not None:
        try:
            words = file.read_text(encoding="utf-8")
            changes = tomllib.loads(words) if file.suffix == ".toml" else json.loads(words)
        except ValueError as error:
            raise click.ClickException(f"{file}: {error}") from error
        if not isinstance(changes, dict):
            raise click.ClickException(f"{file}: an object of names and values is wanted")
    with an_engine() as engine, engine.work(find_merchant(engine, slug), OPERATOR) as unit:
        _, policy = publish_policy(unit, changes)
    for name, value in policy.to_dict().items():
        shown_value = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{name:<22} {'off' if value is None else shown_value}")


@group.command("resume")
@click.argument("slug")
@click.option("--without-asking", is_flag=True,
              help="Whatever of the lost time may be left to be found.")  # fmt: skip
def resume(slug: str, without_asking: bool) -> None:
    """End the care taken after a restore or a fail-over.

    Midtrans is asked once more about all that is open; where something of the lost time is not
    caught up, that is said and the care goes on. Afterwards orders are sent without asking first.
    """
    with an_engine() as engine:
        merchant_id = find_merchant(engine, slug)
        with engine.work(merchant_id, OPERATOR) as unit:
            was = unit.merchant.mode
            if without_asking or was == "running":
                recover_sweep.end_care(unit)
        left = recover_sweep.resume(engine, merchant_id, OPERATOR)
        with engine.work(merchant_id, OPERATOR) as unit:
            held = recover_mails.held(unit)
    if left:
        raise click.ClickException("\n".join([f"{slug} recovers, it has:", *left]))
    click.echo(f"{slug} is running" if was == "recovering" else f"{slug} was running already")
    if held:
        click.echo(f"{held} mails are held back: tagihan recover mails {slug}")


def shown(merchant: Merchant) -> dict[str, object]:
    """What may be shown of a merchant: no key, no namespace, no picture."""
    hidden = {"namespace", "server_key_sealed", "signature_key_sealed", "logo"}
    return {name: getattr(merchant, name) for name in Merchant.__slots__ if name not in hidden} | {
        "server_key": "set" if merchant.server_key_sealed else "not set"
    }


def read_value(name: str, typed: str) -> object:
    """What was typed for a field, as the kind of value the field holds; nothing clears it.

    An NPWP, a telephone number or a key is text, though it may be all digits.

    Raises:
        click.ClickException: naming the field and what it wants.
    """
    # A loaded merchant has no field for its two secret keys: it holds them sealed.
    hint = _FIELDS.get(name, str | None)
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if typed == "":
        if NoneType in kinds:
            return None
        raise click.ClickException(f"{name} can not be empty")
    wanted, read = next(_READERS[kind] for kind in kinds if kind in _READERS)
    try:
        return read(typed)
    except (ValueError, KeyError, OSError) as error:
        raise click.ClickException(f"{name} is {wanted}, not {typed[:60]!r}") from error


def _whole(typed: str) -> int:
    if re.fullmatch(r"-?[0-9]+", typed) is None:
        raise ValueError(typed)
    return int(typed)


def _texts(typed: str) -> dict[str, str]:
    found = json.loads(typed)
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError(typed)
    return found


_FIELDS = get_type_hints(Merchant)
_READERS: dict[object, tuple[str, Callable[[str], object]]] = {
    str: ("text", str),
    int: ("a whole number", _whole),
    bool: ("true or false", {"true": True, "false": False}.__getitem__),
    date: ("a date such as 2027-01-31", date.fromisoformat),
    dict[str, Any]: ("a JSON object of texts", _texts),
    bytes: ("the path of a file", lambda path: Path(path).read_bytes()),
}
