"""What the operator decides. The only module that reads the environment; read once, by the app and the command line.

What the set-up in the browser stored comes after the environment, which goes first.

All faults are reported at once, each with the setting's name, what is wrong and the cure. No value is ever printed.
"""

import dataclasses
import difflib
import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from postil import stored
from postil.site import Site, origin, plain_url

PREFIX = "POSTIL_"
GITHUB_API = "https://api.github.com"
SQLITE = "sqlite:///"
DATABASE = f"{SQLITE}data/postil.db"
MIN_SECRET = 16
MIN_PASSWORD = 8
MAX_FILE = 64 * 1024
FILED = ("github_private_key", "github_webhook_secret", "database_url", "operator_token")
"""The settings that are secret: each may also stand in a file, which the setting of the same name with _FILE names."""
TRACED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""The standard variables that say where traces go; with neither of them there are none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong setting: its name, what is wrong with it, and what to do."""

    name: str
    wrong: str
    cure: str

    def __str__(self) -> str:
        # An option or an address that is broken in two can't be copied.
        cure = textwrap.fill(self.cure, 96, break_on_hyphens=False, break_long_words=False)
        return f"{self.name} {self.wrong}\n{textwrap.indent(cure, '    ')}"


class SettingsError(Exception):
    """The settings are wrong; `faults` holds all of them. The text is made for an operator's terminal."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = "One setting is wrong" if len(self.faults) == 1 else f"{len(self.faults)} settings are wrong"
        super().__init__("\n".join([f"{count}; nothing was started.", *(f"  {fault}" for fault in self.faults)]))


class Role(StrEnum):
    """What a process does: answer HTTP, review, or (the default) both."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


class Readers(StrEnum):
    """Who may read the documentation at /docs."""

    NOBODY = "nobody"
    OPERATORS = "operators"
    EVERYBODY = "everybody"


class LogLevel(StrEnum):
    """The least important lines that are still logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the HTTP server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """What makes the service a GitHub App: complete, and the key known to be a key."""

    app_id: str
    private_key: SecretStr
    webhook_secrets: tuple[SecretStr, ...]


def _wrong(what: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "{what}", {"what": what})


def _app_id(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,18}|Iv[A-Za-z0-9.]{8,40}", value):
        raise _wrong("is neither the number of an App nor a client id")
    return value


def _pem(value: SecretStr) -> SecretStr:
    """Check that the text is an RSA private key, and give it back with real line ends."""
    # One-line forms of a variable carry the line ends as backslash and n.
    text = value.get_secret_value().replace("\\n", "\n").strip() + "\n"
    if "PRIVATE KEY-----" not in text:
        raise _wrong("is no private key: it lacks the line that says BEGIN RSA PRIVATE KEY")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong("looks like a private key, but is damaged or cut off: it can't be parsed") from error
    except TypeError as error:
        raise _wrong("is encrypted with a passphrase") from error
    if not isinstance(key, RSAPrivateKey):
        raise _wrong("is no RSA key, and GitHub Apps sign with RSA only")
    return SecretStr(text)


def _token(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_SECRET:
        raise _wrong(f"is too short to be safe: it needs at least {MIN_SECRET} characters")
    return value


def _header(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", value):
        raise _wrong("is no name of a header")
    return value


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _secrets(values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not 1 <= len(values) <= 2:
        raise _wrong(f"holds {len(values)} secrets; it takes one, or two while one replaces the other")
    if any(len(value.get_secret_value()) < MIN_SECRET for value in values):
        raise _wrong(f"is too short to be safe: each secret needs at least {MIN_SECRET} characters")
    return values


def _url(value: str) -> str:
    try:
        return plain_url(value)
    except ValueError as error:
        raise _wrong(str(error)) from error


def _origin(value: str) -> str:
    try:
        return origin(value)
    except ValueError as error:
        raise _wrong(str(error)) from error


def _database(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")):
        raise _wrong("names no database that Postil works with")
    return value


def _folders(values: tuple[Path, ...]) -> tuple[Path, ...]:
    missing = [str(value) for value in values if not value.is_dir()]
    if missing:
        raise _wrong(f"names what is no folder: {', '.join(missing)}")
    return values


def _listen(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise _wrong("is no host and port")
    return Listen(host.strip("[]"), int(port))


_Url = Annotated[str, AfterValidator(_url)]


class Settings(BaseSettings):
    """The settings, checked. Each description says what to give: it is the cure when a value is missing or wrong."""

    # A container's platform sets variables of its own with our prefix (a Kubernetes service named "postil" does).
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=False
    )

    github_app_id: Annotated[str, AfterValidator(_app_id)] | None = Field(
        None, description="Give the number that the App's settings page shows as App ID, or its Client ID."
    )
    github_private_key: Annotated[SecretStr, AfterValidator(_pem)] | None = Field(
        None,
        description="Give the whole text of the .pem file that GitHub made under “Generate a private key”; its line "
        "ends may be written as \\n. Or name the file, which the service's user must be able to read, in "
        "POSTIL_GITHUB_PRIVATE_KEY_FILE instead.",
    )
    github_webhook_secret: Annotated[
        tuple[SecretStr, ...], NoDecode, BeforeValidator(_split), AfterValidator(_secrets)
    ] = Field(
        (),
        description="Give the secret that the App's webhook signs with, for example from `openssl rand -hex 32`; two, "
        "separated by a comma, while one replaces the other.",
    )
    github_api_url: _Url = Field(
        GITHUB_API,
        description="Leave it out for github.com; give https://HOST/api/v3 for GitHub Enterprise Server, "
        "https://api.SUBDOMAIN.ghe.com for GHE.com.",
    )
    github_web_url: _Url | None = Field(
        None, description="Leave it out; give the address that people see only where it doesn't follow from the API's."
    )
    public_url: Annotated[_Url, AfterValidator(_origin)] | None = Field(
        None,
        description="Give the address where GitHub and people reach this service, such as https://postil.example.com; "
        "comments link to the guideline there.",
    )
    guide_url: _Url | None = Field(
        None,
        description="Leave it out to link to this service's own /guide; give the address of the guideline's folder in "
        "a repository that all readers can see, to link there.",
    )
    database_url: Annotated[SecretStr, AfterValidator(_database)] = Field(
        SecretStr(DATABASE),
        description="Give sqlite:///PATH for one process (an absolute path has four slashes), or "
        "postgresql://USER:PASSWORD@HOST/NAME for several.",
    )
    data_folder: Path | None = Field(
        None,
        description="Give the folder where the set-up in the browser keeps the App's credentials, or leave it out for "
        "that of the SQLite file.",
    )
    packs: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split), AfterValidator(_folders)] = Field(
        (), description="Name the folders of guideline packs that are laid over the built-in one, separated by commas."
    )
    role: Role = Field(
        Role.ALL,
        description="Give all (one process does everything), or web and worker to run them apart; several of either "
        "need PostgreSQL.",
    )
    concurrency: int = Field(8, ge=1, le=64, description="Give how many reviews run at once in one worker: 1 to 64.")
    sweep_minutes: int = Field(
        5,
        ge=0,
        le=1440,
        description="Give after how many minutes each it is looked for what was missed: 1 to 1440, or 0 for never.",
    )
    sweep_calls: int = Field(
        200, ge=10, le=5000, description="Give how many calls to GitHub such a look makes at most: 10 to 5000."
    )
    retention_days: int = Field(
        14,
        ge=8,
        le=3650,
        description="Give for how many days finished work is remembered: 8 or more, as GitHub may send a delivery "
        "again for seven.",
    )
    figures_days: int = Field(
        180,
        ge=14,
        le=3650,
        description="Give for how many days it is remembered what became of a comment: 14 or more.",
    )
    step_back: bool = Field(
        True, description="Give false to let no rule step back by itself, whatever became of its comments."
    )
    lease: int = Field(
        30,
        ge=3,
        le=600,
        description="Give the seconds of silence after which a worker counts as dead and others do its work: 3 to 600.",
    )
    listen: Annotated[Listen, NoDecode, BeforeValidator(_listen)] = Field(
        Listen("127.0.0.1", 8000), description="Give HOST:PORT, such as 127.0.0.1:8000, or 0.0.0.0:8000 in a container."
    )
    private_listen: Annotated[Listen, NoDecode, BeforeValidator(_listen)] | None = Field(
        None,
        description="Give HOST:PORT of a port that only operators reach, such as 127.0.0.1:9000; what is for them is "
        "then answered there and nowhere else.",
    )
    operator_token: Annotated[SecretStr, AfterValidator(_token)] | None = Field(
        None,
        description="Give what operators prove themselves with, for example from `openssl rand -hex 32`: as a bearer's "
        "token, or as the password of HTTP Basic.",
    )
    operator_header: Annotated[str, AfterValidator(_header)] | None = Field(
        None,
        description="Give the name of the header in which the proxy in front says who has signed in; it must take that "
        "header out of whatever comes from outside.",
    )
    private_guide: bool = Field(
        False, description="Give true to show /guide to operators only; comments then need POSTIL_GUIDE_URL."
    )
    docs: Readers = Field(
        Readers.NOBODY,
        description="Give who may read the documentation at /docs: nobody (there is none), operators or everybody.",
    )
    openapi: bool = Field(False, description="Give true to answer /openapi.json, which describes all paths.")
    log_level: LogLevel = Field(LogLevel.INFO, description="Give debug, info, warning or error.")
    _overruled: tuple[str, ...] = PrivateAttr(())
    _traced: bool = PrivateAttr(default=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing but what `load` hands over: no environment is read behind the caller's back."""
        return (init_settings,)

    @classmethod
    def load(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check all settings. An empty variable counts as one that isn't set.

        Raises:
            SettingsError: something is wrong; it lists every fault.
        """
        given = {name: value for name, value in env.items() if name.startswith(PREFIX) and value.strip()}
        texts, faults = _read_files(given)
        source = EnvSettingsSource(cls)
        source.env_vars = {name.lower(): value for name, value in (given | texts).items()}
        values = source()
        settings = None
        folder = _folder(values.get("data_folder"), values.get("database_url"))
        try:
            kept = stored.read(folder)
        except stored.StoredError as error:
            kept = {}
            faults.append(_unreadable(folder, error))
        taken, overruled = _beside(values, kept)
        try:
            every: dict[str, Any] = {**values, **taken}
            settings = cls(**every)
            settings._overruled = overruled
            settings._traced = any(env.get(name, "").strip() for name in TRACED)
        except ValidationError as error:
            wrong = [(str(item["loc"][0]), item["msg"]) for item in error.errors(include_input=False)]
            files = dict.fromkeys(taken, folder / stored.FILE)
            faults += [_fault(field, message, given, files.get(field)) for field, message in wrong]
        faults += _incomplete(given | {PREFIX + name.upper(): value for name, value in taken.items()})
        faults += _contradictions(settings) if settings is not None else []
        if faults or settings is None:
            raise SettingsError(sorted(faults, key=lambda fault: list(cls.model_fields).index(_field(fault.name))))
        return settings

    def completed(self, values: Mapping[str, str]) -> "Settings":
        """Add what the set-up in the browser found out; what the environment gives stays.

        Raises:
            pydantic.ValidationError: one of the values isn't what such a setting takes.
        """
        every: dict[str, Any] = {**values, **{name: getattr(self, name) for name in self.model_fields_set}}
        return type(self)(**every)

    @property
    def overruled(self) -> tuple[str, ...]:
        """The settings that the environment and the stored file both give, with different values."""
        return self._overruled

    @property
    def traced(self) -> bool:
        """Whether OpenTelemetry's variables say where traces go. The SDK reads these and its others itself."""
        return self._traced

    @property
    def folder(self) -> Path:
        """Where the set-up in the browser keeps the App's credentials."""
        return _folder(self.data_folder, self.database_url.get_secret_value())

    @property
    def is_shared(self) -> bool:
        """Whether several processes may work on the database, so that a file beside one of them isn't enough."""
        return not self.database_url.get_secret_value().startswith(SQLITE)

    @property
    def credentials(self) -> Credentials | None:
        """What makes this a GitHub App, or None while it isn't one yet and only the set-up page can be shown."""
        if self.github_app_id is None or self.github_private_key is None or not self.github_webhook_secret:
            return None
        return Credentials(self.github_app_id, self.github_private_key, self.github_webhook_secret)

    @property
    def secrets(self) -> list[str]:
        """The texts that must never be logged, besides those that a log knows by their form."""
        password = urlsplit(self.database_url.get_secret_value()).password or ""
        held = [*self.github_webhook_secret, *filter(None, [self.github_private_key, self.operator_token])]
        # The password as the address holds it, and as a driver would repeat it; one such as "postil" would hide more
        # of the log than itself.
        passwords = [each for each in {password, unquote(password)} if len(each) >= MIN_PASSWORD]
        return [*(secret.get_secret_value() for secret in held), *passwords]

    @property
    def site(self) -> Site:
        """Which GitHub: each of its two addresses follows from the other where only one is given."""
        return Site.of(self.github_api_url if "github_api_url" in self.model_fields_set else None, self.github_web_url)

    @property
    def web_url(self) -> str:
        """The address of GitHub for people, without a final slash."""
        return self.site.web_url


def _field(name: str) -> str:
    field = name.removeprefix(PREFIX).lower()
    return field if field in Settings.model_fields else field.removesuffix("_file")


def _fault(field: str, message: str, given: Mapping[str, str], file: Path | None = None) -> Fault:
    name = PREFIX + field.upper()
    # Our own sentences say what is wrong; pydantic's start with a capital letter.
    wrong = message if message[:1].islower() else f"is wrong: {message[:1].lower()}{message[1:]}"
    if file is not None:
        return Fault(name, f"in {file} {wrong}", "Set it in the environment, which goes first.")
    if name not in given and f"{name}_FILE" in given:
        return Fault(f"{name}_FILE", f"names a file whose text {wrong}", _cure(field))
    return Fault(name, wrong, _cure(field))


def _read_files(given: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    """The settings whose text stands in files, by name, and the faults of files that can't be read."""
    texts, faults = {}, []
    for name in [PREFIX + field.upper() for field in FILED]:
        filed = f"{name}_FILE"
        if filed not in given:
            continue
        if name in given:
            faults.append(Fault(name, f"is set, and so is {filed}", "Keep one of the two."))
            continue
        path = Path(given[filed])
        try:
            with path.open(encoding="utf-8") as file:
                texts[name] = file.read(MAX_FILE).strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            faults.append(Fault(filed, f"names the file {path}, which can't be read: {reason}", _cure(_field(name))))
    return texts, faults


def _folder(given: object, database_url: object) -> Path:
    """The data folder: the one that is given, else that of the SQLite file, else `data`."""
    if given:
        return Path(str(given))
    url = str(database_url or DATABASE)
    return Path(url.removeprefix(SQLITE).partition("?")[0]).parent if url.startswith(SQLITE) else Path("data")


def _unreadable(folder: Path, error: stored.StoredError) -> Fault:
    wrong = f"holds {folder / stored.FILE}, which can't be used: {error}"
    cure = "Let this user read it, or move it away and set the App's credentials in the environment."
    return Fault(f"{PREFIX}DATA_FOLDER", wrong, cure)


def _beside(values: Mapping[str, object], kept: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the stored file adds to the environment, and the settings about which the two disagree.

    With another App in the environment nothing of the file is taken: its key would belong to the wrong one.
    """
    overruled = [name for name, value in kept.items() if name in values and _text(values[name]) != _text(value)]
    if "github_app_id" in overruled:
        return {}, tuple(overruled)
    return {name: value for name, value in kept.items() if name not in values}, tuple(overruled)


def _text(value: object) -> str:
    return str(value).replace("\\n", "\n").strip().rstrip("/")


def _incomplete(given: Mapping[str, str]) -> list[Fault]:
    """Faults of what is missing. Without any credential nothing is: then a web process shows its set-up page."""
    needed = [PREFIX + each for each in ("GITHUB_APP_ID", "GITHUB_PRIVATE_KEY", "GITHUB_WEBHOOK_SECRET")]
    here = {name.removesuffix("_FILE") for name in given}
    is_worker = given.get(f"{PREFIX}ROLE", "").strip().lower() == Role.WORKER
    if not is_worker and here.isdisjoint(needed):
        return []
    missing = [name for name in [*needed, f"{PREFIX}PUBLIC_URL"] if name not in here]
    return [Fault(name, f"is missing{_near(name, given)}", _cure(_field(name))) for name in missing]


def _contradictions(settings: Settings) -> list[Fault]:
    """Faults of settings that are right each for itself."""
    faults = []
    private = settings.private_listen
    if private is not None and private.port in (0, settings.listen.port):
        name = f"{PREFIX}PRIVATE_LISTEN"
        faults.append(Fault(name, f"needs a port of its own, not {private.port}", _cure(_field(name))))
    ways_in = (private, settings.operator_token, settings.operator_header)
    cure = f"Set {PREFIX}OPERATOR_TOKEN, {PREFIX}PRIVATE_LISTEN or {PREFIX}OPERATOR_HEADER as well."
    if settings.private_guide and not any(ways_in):
        faults.append(Fault(f"{PREFIX}PRIVATE_GUIDE", "leaves nobody who could read the guideline", cure))
    if settings.docs is Readers.OPERATORS and not any(ways_in):
        faults.append(Fault(f"{PREFIX}DOCS", "leaves nobody who could read the documentation", cure))
    return faults


def _cure(field: str) -> str:
    return Settings.model_fields[field].description or ""


def _near(name: str, given: Mapping[str, str]) -> str:
    """Point to a variable that may be a slip of the pen for `name`."""
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    known |= {f"{PREFIX}{field.upper()}_FILE" for field in FILED}
    strangers = [other for other in given if other not in known]
    close = difflib.get_close_matches(name, strangers, n=1, cutoff=0.85)
    return f" (and {close[0]}, which is set, means nothing)" if close else ""


def given_guide(guide_url: str | None, env: Mapping[str, str] = os.environ) -> str:
    """The guideline's folder in a repository for a review without a service, by argument or variable; "" for none.

    Raises:
        SettingsError: it is no address.
    """
    address = guide_url or env.get("POSTIL_GUIDE_URL")
    try:
        return _url(address) if address else ""
    except PydanticCustomError as error:
        raise SettingsError([Fault("POSTIL_GUIDE_URL", str(error), _cure("guide_url"))]) from error


@dataclass(frozen=True, slots=True)
class Given:
    """What a review with a given token goes by. The token is in no representation."""

    token: str = dataclasses.field(repr=False)
    site: Site
    guide_url: str

    @classmethod
    def load(
        cls,
        token_file: Path | None = None,
        api_url: str | None = None,
        guide_url: str | None = None,
        env: Mapping[str, str] = os.environ,
    ) -> "Given":
        """Read it from the arguments, and what these leave open from the variables, those of a workflow included.

        Raises:
            SettingsError: there is no token, or an address is none; it lists every fault.
        """
        faults, token = [], env.get("POSTIL_TOKEN") or env.get("GITHUB_TOKEN") or ""
        if token_file is not None:
            try:
                token = token_file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                faults.append(Fault(str(token_file), "can't be read", "Name a file that holds nothing but the token."))
        elif not token.strip():
            cure = "Set it, or GITHUB_TOKEN, to a token that may read the pull request; or name a file by --token-file."
            faults.append(Fault("POSTIL_TOKEN", "is missing", cure))
        # Nothing else can stand in a header.
        if not faults and not re.fullmatch(r"[!-~]+", token.strip()):
            name = "POSTIL_TOKEN" if token_file is None else str(token_file)
            faults.append(Fault(name, "holds no token", "Give nothing but the token, which is one word."))
        # Whoever names a GitHub means another one than that of the workflow.
        given = (
            (api_url, None),
            (env.get("POSTIL_GITHUB_API_URL"), env.get("POSTIL_GITHUB_WEB_URL")),
            (env.get("GITHUB_API_URL"), env.get("GITHUB_SERVER_URL")),
        )
        api, web = next(filter(any, given), (None, None))
        addresses = {"POSTIL_GITHUB_API_URL": api, "POSTIL_GITHUB_WEB_URL": web}
        for name, address in addresses.items():
            try:
                addresses[name] = _url(address) if address else None
            except PydanticCustomError as error:
                faults.append(Fault(name, str(error), _cure(_field(name))))
        guide = ""
        try:
            guide = given_guide(guide_url, env)
        except SettingsError as error:
            faults += error.faults
        if faults:
            raise SettingsError(faults)
        return cls(token.strip(), Site.of(*addresses.values()), guide)
