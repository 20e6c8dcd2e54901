"""Every setting, read once from the environment, checked at start, all problems told together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from core.limits import LIMITS
from core.setting_values import MasterKey, Networks, Reader

# Told to child processes by their supervisor; not for people, so not in the reference.
INTERNAL = frozenset({"TAGIHAN_LIFELINE_FD", "TAGIHAN_PROCESS", "TAGIHAN_TEST_CLUSTER"})


class SettingsError(Exception):
    """Some settings are wrong; ``problems`` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of the environment, as the reference describes it."""

    name: str
    default: str
    meaning: str
    secret: bool = False


def _s(name: str, default: str, meaning: str, *, secret: bool = False) -> Setting:
    return Setting(name, default, meaning, secret)


SETTINGS: tuple[Setting, ...] = (
    _s("DATABASE_URL", "", "PostgreSQL 15 or newer, `postgresql://user:password@host:port/name`. "
       "Unset: `tagihan up` runs an embedded PostgreSQL of its own.", secret=True),
    _s("TAGIHAN_OWNER_DATABASE_URL", "the value of DATABASE_URL", "The login that owns the tables: "
       "used by migrate, backup and restore only.", secret=True),
    _s("TAGIHAN_DB_ROLE_PREFIX", "tagihan", "The roles that transactions run under are called "
       "`<prefix>_app`, `<prefix>_lookup` and `<prefix>_reader`; roles belong to the whole server, "
       "so a second installation on it needs another prefix."),
    _s("TAGIHAN_HOME", ".tagihan", "The folder for what an instance keeps outside its database: "
       "embedded data, generated keys, logs, caught mail."),
    _s("TAGIHAN_API_PORT", "8400", "The port of the API, the customers' and the staff's pages."),
    _s("TAGIHAN_SIMULATOR_PORT", "8401", "The port of the Midtrans simulator."),
    _s("TAGIHAN_MAILBOX_PORT", "8402", "The port of the page that shows caught mail."),
    _s("TAGIHAN_SMTP_PORT", "8425", "The port on which mail is caught."),
    _s("TAGIHAN_DB_PORT", "8432", "The port of the embedded PostgreSQL."),
    _s("TAGIHAN_BIND", "127.0.0.1", "The address that the API listens on. Everything else "
       "listens on 127.0.0.1 only."),
    _s("TAGIHAN_PUBLIC_URL", "http://127.0.0.1:<TAGIHAN_API_PORT>", "How payers and Midtrans reach "
       "the API; the root of every link in a mail. Midtrans speaks at most TLS 1.2."),
    _s("TAGIHAN_TRUSTED_PROXIES", "", "Networks of your own proxies, such as `10.0.0.0/8,::1`. "
       "Only what comes from them may say in `X-Forwarded-For` whom it came from; the right-most "
       "address that is not one of them counts as the caller's."),
    _s("TAGIHAN_LIMITS", "", "Tries allowed in a day, `name=number` separated by commas, 0 for no "
       "limit. " + "; ".join(f"`{name}={limit.most}`: {limit.meaning}"
                             for name, limit in LIMITS.items()) + "."),
    _s("TAGIHAN_IDEMPOTENCY_DAYS", "30", "How long the answer to an `Idempotency-Key` is kept. "
       "What has no answer yet is never deleted."),
    _s("TAGIHAN_MASTER_KEY", "", "Encrypts gateway keys at rest: `id:base64 of 32 bytes`. Several, "
       "separated by commas: the first encrypts, all decrypt. `tagihan up` makes one.",
       secret=True),
    _s("TAGIHAN_OPERATOR_KEY", "", "The bearer key of the installation's operator, who creates "
       "merchants. At least 24 characters. `tagihan up` makes one.", secret=True),
    _s("SMTP_HOST", "", "The mail server. Unset: the catcher of `tagihan up` takes all mail."),
    _s("SMTP_PORT", "587, or TAGIHAN_SMTP_PORT without SMTP_HOST", "Its port."),
    _s("SMTP_USER", "", "Sign-in at the mail server."),
    _s("SMTP_PASSWORD", "", "Sign-in at the mail server.", secret=True),
    _s("SMTP_STARTTLS", "yes with SMTP_HOST, no without", "Whether the line must be encrypted "
       "before anything is said: yes or no."),
    _s("MAIL_FROM", "tagihan@localhost", "The sender's address of every mail."),
    _s("MIDTRANS_SERVER_KEY", "", "The Midtrans server key of the first merchant. Unset: the "
       "simulator stands in.", secret=True),
    _s("MIDTRANS_CLIENT_KEY", "", "The Midtrans client key that belongs to it."),
    _s("MIDTRANS_ENVIRONMENT", "sandbox", "Where those keys are valid: sandbox or production."),
    _s("TAGIHAN_TICK_SECONDS", "5", "How often the scheduler looks for due work."),
    _s("TAGIHAN_SEAL_SECONDS", "5", "How often the scheduler seals what is new in the audit."),
    _s("TAGIHAN_DOCTOR_AT", "03:00", "When the scheduler examines the books and the audit every "
       "night, in WIB: HH:MM, or off."),
    _s("TAGIHAN_ALARM_EMAIL", "", "Who gets a mail in the morning after a night in which something "
       "was found, and while none was examined for 36 hours."),
    _s("TAGIHAN_WORKER_THREADS", "4", "How many batches one worker process runs at a time."),
    _s("TAGIHAN_DB_POOL_SIZE", "10", "Database connections one process keeps open; it may open "
       "twice as many under load."),
    _s("TAGIHAN_GATEWAY_CONNECT_SECONDS", "3", "How long a connection to the gateway may take."),
    _s("TAGIHAN_GATEWAY_READ_SECONDS", "30", "How long the gateway may take to answer."),
    _s("TAGIHAN_LEASE_MARGIN_SECONDS", "15", "How much longer than a call its lease lasts."),
    _s("TAGIHAN_RECONCILE_DAYS", "3", "How many days back the daily comparison with Midtrans asks "
       "about orders, and how many days a payment may be missing in settlement reports."),
    _s("TAGIHAN_QUARANTINE_SECONDS", "1800", "How long an unknown outcome is asked after before "
       "the gateway's 'no such order' is believed."),
    _s("TAGIHAN_PACE_TEST_CLOCKS", "no", "Whether merchants with a test clock keep to their calls "
       "a second towards the gateway too: yes or no. Their time is not ours."),
    _s("TAGIHAN_LANGUAGE", "merchant", "The language in which the terminal tells what happens: "
       "id, en, or merchant for each merchant's own."),
    _s("TAGIHAN_LOG_LEVEL", "info", "debug, info, warning or error."),
    _s("TAGIHAN_LOG_FORMAT", "json", "json for machines, console for people."),
)  # fmt: skip

_NAMES = frozenset(setting.name for setting in SETTINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process; seconds are whole, ports are 1-65535, secrets never printed."""

    database_url: str | None = field(default=None, repr=False)
    owner_database_url: str | None = field(default=None, repr=False)
    role_prefix: str = "tagihan"
    home: Path = Path(".tagihan")
    bind: str = "127.0.0.1"
    api_port: int = 8400
    simulator_port: int = 8401
    mailbox_port: int = 8402
    smtp_port: int = 8425
    db_port: int = 8432
    public_url: str = "http://127.0.0.1:8400"
    trusted_proxies: Networks = field(default_factory=Networks)
    limits: Mapping[str, int] = field(default_factory=dict)
    idempotency_days: int = 30
    master_keys: tuple[MasterKey, ...] = field(default=(), repr=False)
    operator_key: str | None = field(default=None, repr=False)
    mail_host: str = "127.0.0.1"
    mail_port: int = 8425
    mail_user: str | None = None
    mail_password: str | None = field(default=None, repr=False)
    mail_starttls: bool = False
    mail_from: str = "tagihan@localhost"
    midtrans_server_key: str | None = field(default=None, repr=False)
    midtrans_client_key: str | None = None
    midtrans_environment: str = "sandbox"
    tick_seconds: int = 5
    seal_seconds: int = 5
    doctor_at: str = "03:00"
    alarm_email: str | None = None
    worker_threads: int = 4
    db_pool_size: int = 10
    gateway_connect_seconds: int = 3
    gateway_read_seconds: int = 30
    lease_margin_seconds: int = 15
    quarantine_seconds: int = 1800
    reconcile_days: int = 3
    pace_test_clocks: bool = False
    language: str = "merchant"
    log_level: str = "info"
    log_format: str = "json"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, needs: Collection[str] = ()) -> Settings:
        """Read and check everything; ``needs`` names variables this process can not do without.

        Raises `SettingsError` with every problem found, not only the first.
        """
        read = Reader(environ)
        settings = _read(cls, read)
        problems = [*read.problems, *_contradictions(settings, environ), *_typos(environ)]
        problems += [
            f"{name} is not set, and this command needs it"
            for name in needs
            if not environ.get(name, "").strip()
        ]
        if problems:
            raise SettingsError(problems)
        return settings

    @property
    def uses_simulator(self) -> bool:
        """Whether the Midtrans simulator stands in for the gateway."""
        return self.midtrans_server_key is None

    @property
    def simulator_url(self) -> str:
        """The root of the simulator on this machine."""
        return f"http://127.0.0.1:{self.simulator_port}"

    @property
    def mailbox_url(self) -> str:
        """The page that shows caught mail."""
        return f"http://127.0.0.1:{self.mailbox_port}"

    @property
    def lease_seconds(self) -> int:
        """How long a gateway call may be believed to be under way."""
        return self.gateway_connect_seconds + self.gateway_read_seconds + self.lease_margin_seconds

    def secrets(self) -> tuple[str, ...]:
        """Every secret text, longest first, for the log filter to strike out."""
        texts = {value for value in (self.operator_key, self.mail_password,
                                     self.midtrans_server_key) if value}  # fmt: skip
        texts |= {key.text for key in self.master_keys}
        for url in (self.database_url, self.owner_database_url):
            password = urlsplit(url).password if url else None
            texts |= {password} if password else set()
        return tuple(sorted((t for t in texts if len(t) >= 6), key=len, reverse=True))

    def redacted(self) -> dict[str, str]:
        """Field by field, for people: secrets are only ``set`` or ``not set``."""
        hidden = {f.name for f in fields(self) if not f.repr}
        shown: dict[str, str] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            shown[f.name] = ("set" if value else "not set") if f.name in hidden else str(value)
        return shown


def _read(cls: type[Settings], read: Reader) -> Settings:
    database_url = read.postgres_url("DATABASE_URL")
    api_port = read.port("TAGIHAN_API_PORT", 8400)
    smtp_port = read.port("TAGIHAN_SMTP_PORT", 8425)
    mail_host = read.text("SMTP_HOST")
    return cls(
        database_url=database_url,
        owner_database_url=read.postgres_url("TAGIHAN_OWNER_DATABASE_URL") or database_url,
        role_prefix=read.matching(
            "TAGIHAN_DB_ROLE_PREFIX", "tagihan", r"[a-z][a-z0-9_]{0,39}",
            "small letters, digits and _, at most 40",
        ),
        home=Path(read.text("TAGIHAN_HOME") or ".tagihan").expanduser().absolute(),
        bind=read.text("TAGIHAN_BIND") or "127.0.0.1",
        api_port=api_port,
        simulator_port=read.port("TAGIHAN_SIMULATOR_PORT", 8401),
        mailbox_port=read.port("TAGIHAN_MAILBOX_PORT", 8402),
        smtp_port=smtp_port,
        db_port=read.port("TAGIHAN_DB_PORT", 8432),
        public_url=read.http_url("TAGIHAN_PUBLIC_URL", f"http://127.0.0.1:{api_port}"),
        trusted_proxies=read.networks("TAGIHAN_TRUSTED_PROXIES"),
        limits=read.numbers("TAGIHAN_LIMITS", LIMITS, 1_000_000),
        idempotency_days=read.whole("TAGIHAN_IDEMPOTENCY_DAYS", 30, 1, 3650),
        master_keys=read.master_keys("TAGIHAN_MASTER_KEY"),
        operator_key=read.long_enough("TAGIHAN_OPERATOR_KEY", 24),
        mail_host=mail_host or "127.0.0.1",
        mail_port=read.port("SMTP_PORT", 587 if mail_host else smtp_port),
        mail_user=read.text("SMTP_USER"),
        mail_password=read.text("SMTP_PASSWORD"),
        mail_starttls=read.yes_no("SMTP_STARTTLS", default=mail_host is not None),
        mail_from=read.matching("MAIL_FROM", "tagihan@localhost", r"[^@\s]+@[^@\s]+", "an address"),
        midtrans_server_key=read.text("MIDTRANS_SERVER_KEY"),
        midtrans_client_key=read.text("MIDTRANS_CLIENT_KEY"),
        midtrans_environment=read.one_of("MIDTRANS_ENVIRONMENT", ("sandbox", "production")),
        tick_seconds=read.whole("TAGIHAN_TICK_SECONDS", 5, 1, 3600),
        seal_seconds=read.whole("TAGIHAN_SEAL_SECONDS", 5, 1, 3600),
        doctor_at=read.matching(
            "TAGIHAN_DOCTOR_AT", "03:00", r"off|([01][0-9]|2[0-3]):[0-5][0-9]", "HH:MM or off"
        ),
        alarm_email=read.text("TAGIHAN_ALARM_EMAIL") and read.matching(
            "TAGIHAN_ALARM_EMAIL", "", r"[^@\s]+@[^@\s]+", "an address"
        ),
        worker_threads=read.whole("TAGIHAN_WORKER_THREADS", 4, 1, 256),
        db_pool_size=read.whole("TAGIHAN_DB_POOL_SIZE", 10, 1, 500),
        gateway_connect_seconds=read.whole("TAGIHAN_GATEWAY_CONNECT_SECONDS", 3, 1, 60),
        gateway_read_seconds=read.whole("TAGIHAN_GATEWAY_READ_SECONDS", 30, 1, 300),
        lease_margin_seconds=read.whole("TAGIHAN_LEASE_MARGIN_SECONDS", 15, 1, 600),
        quarantine_seconds=read.whole("TAGIHAN_QUARANTINE_SECONDS", 1800, 1, 86_400),
        reconcile_days=read.whole("TAGIHAN_RECONCILE_DAYS", 3, 1, 30),
        pace_test_clocks=read.yes_no("TAGIHAN_PACE_TEST_CLOCKS", default=False),
        language=read.one_of("TAGIHAN_LANGUAGE", ("merchant", "id", "en")),
        log_level=read.one_of("TAGIHAN_LOG_LEVEL", ("info", "debug", "warning", "error")),
        log_format=read.one_of("TAGIHAN_LOG_FORMAT", ("json", "console")),
    )  # fmt: skip


def _contradictions(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    problems = []
    ports: dict[int, str] = {}
    for name in ("api", "simulator", "mailbox", "smtp", "db"):
        port = getattr(settings, f"{name}_port")
        variable = f"TAGIHAN_{name.upper()}_PORT"
        if port in ports:
            problems.append(f"{variable} and {ports[port]} are both {port}; they must differ")
        ports[port] = variable
    if (settings.mail_user is None) != (settings.mail_password is None):
        problems.append("SMTP_USER and SMTP_PASSWORD go together: set both or neither")
    if settings.midtrans_environment == "production" and settings.midtrans_server_key is None:
        problems.append("MIDTRANS_ENVIRONMENT is production, but MIDTRANS_SERVER_KEY is not set")
    if settings.midtrans_server_key and not settings.midtrans_client_key:
        problems.append("MIDTRANS_SERVER_KEY is set, but MIDTRANS_CLIENT_KEY is not")
    if environ.get("TAGIHAN_OWNER_DATABASE_URL") and not environ.get("DATABASE_URL"):
        problems.append("TAGIHAN_OWNER_DATABASE_URL is set, but DATABASE_URL is not")
    return problems


def _typos(environ: Mapping[str, str]) -> list[str]:
    """A mistyped setting would silently be its default: say so instead."""
    problems = []
    for name in sorted(environ):
        if re.match(r"TAGIHAN_", name) and name not in _NAMES | INTERNAL:
            near = difflib.get_close_matches(name, _NAMES, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"{name} is no setting of Tagihan{hint}")
    return problems
