"""Options as data: declared once each; argument, environment variable and configuration key follow from that."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "DUPLICATI_CLIENT_"
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off", ""})


class Option(NamedTuple):
    """One thing a person can say.

    `kind` is text, flag, choice, file, seconds, number or secret. `places` says where it can be said: `o` as an option,
    `e` in the environment, `c` in the configuration file, `k` in a context of that file. An option of one verb bears
    that verb as `scope`, so that its environment variable and key cannot mean another verb's option.
    """

    name: str
    help: str
    kind: str = "text"
    metavar: str = ""
    choices: tuple[str, ...] = ()
    short: str = ""
    default: Any = None
    is_repeatable: bool = False
    places: str = "oec"
    scope: str = ""

    @property
    def field(self) -> str:
        """The name in the configuration file and in programs."""
        return self.name.replace("-", "_")

    @property
    def key(self) -> str:
        """The configuration key, with its table if it belongs to one verb."""
        return f"{self.scope}.{self.field}" if self.scope else self.field

    @property
    def variable(self) -> str:
        """The environment variable."""
        scope = f"{self.scope.replace('-', '_').upper()}_" if self.scope else ""
        return PREFIX + scope + self.field.upper()


class Found(NamedTuple):
    """A value and where it was said, in words for a person; `key` is where it stands in the file, if it does."""

    value: Any
    origin: str
    key: tuple[str, ...] | None = None


CHOOSING = (
    Option("server", "address of the server", metavar="URL"),
    Option("context", "a server of the configuration", metavar="NAME"),
    Option(
        "on",
        "contexts or groups, by name or pattern; may be repeated",
        metavar="SELECTOR",
        is_repeatable=True,
        places="oe",
    ),
    Option("all", "every context", "flag", places="oe"),
)
CONNECTING = (
    Option("password-stdin", "read the password from the first line of stdin", "flag", places="o"),
    Option("password-file", "read the password from a file", "file", "FILE", places="oeck"),
    Option("password", "the password", "secret", places="e"),
    Option("credential", "the systemd credential that holds the password", metavar="NAME", places="oeck"),
    Option("keyring", "keep the password in the system's keyring, and look there", "flag", places="oeck"),
    Option("keyring-session", "keep the session in the keyring too, not in a file", "flag", places="oeck"),
    Option("signin-token", "a sign-in token, as a server prints it", "secret", places="e"),
    Option("forever-token", "a token that does not end", "secret", places="e"),
    Option("preauth-token", "a pre-authentication token of the server's options", "secret", places="e"),
    Option("ca-file", "certificate authorities to trust (PEM)", "file", "FILE", places="oeck"),
    Option("client-cert", "own certificate for TLS (PEM)", "file", "FILE", places="oeck"),
    Option("client-key", "key of that certificate (PEM)", "file", "FILE", places="oeck"),
    Option("pin", "accept only the certificate with this SHA-256", metavar="SHA256", places="oeck"),
    Option("insecure", "accept any certificate, for this call only", "flag", places="oe"),
    Option("proxy", "proxy to connect through; 'none' ignores the environment's", metavar="URL", places="oeck"),
    Option("header-file", "more request headers, a NAME=VALUE each line", "file", "FILE", places="oeck"),
    Option("headers", "more request headers, a NAME=VALUE each line", "secret", places="e"),
)
SHOWING = (
    Option(
        "output",
        "how answers are written",
        "choice",
        "FORMAT",
        choices=("table", "json", "yaml", "csv", "ids"),
        short="o",
        default="table",
    ),
    Option("columns", "the columns of a listing, in order", metavar="NAME,…"),
    Option("sort", "sort a listing; -NAME for descending", metavar="NAME,…"),
    Option(
        "filter",
        "keep rows that fit; = != < <= > >= ~ (contains, or a pattern) !~",
        metavar="FIELD=VALUE",
        is_repeatable=True,
        places="oe",
    ),
    Option("color", "colours", "choice", "WHEN", choices=("auto", "always", "never"), default="auto"),
    Option("quiet", "no talk, only answers and errors", "flag", short="q"),
    Option("verbose", "also tell what is asked of the server", "flag", short="v"),
    Option("debug", "also show the trace of an error", "flag"),
)
CONFIG = Option("config", "the configuration file", "file", "FILE", places="e")
HELP = Option("help", "show this help", "flag", short="h", places="o")
GLOBAL = (*CHOOSING, *CONNECTING, *SHOWING)


def read_value(option: Option, text: str) -> Any:
    """Turn the text of an option into its value; raises `InvalidValue`, or `UsageInvalid` for a wrong choice."""
    if option.kind == "flag":
        return _read_flag(option, text)
    if option.kind == "choice" and text not in option.choices:
        raise errors.UsageInvalid(f"--{option.name} cannot be {text!r}", hint="one of: " + ", ".join(option.choices))
    if option.kind == "seconds":
        from ..durations import parse_duration  # noqa: PLC0415 - few verbs take durations

        return parse_duration(text)
    if option.kind == "number":
        return _read_number(option, text)
    if option.kind == "file":
        return os.path.expanduser(text)
    return text


def read_variable(option: Option, environ: Mapping[str, str]) -> Any:
    """Return what the environment says of an option, None if nothing; raises `ConfigurationInvalid`."""
    text = environ.get(option.variable)
    if text is None or "e" not in option.places or (text == "" and option.kind != "flag"):
        return None
    parts = [part.strip() for part in text.split(",")] if option.is_repeatable else [text]
    try:
        values = [read_value(option, part) for part in parts]
    except (errors.InvalidValue, errors.UsageInvalid) as exc:
        raise errors.ConfigurationInvalid(f"{option.variable}: {exc.message}", hint=exc.hint) from exc
    return values if option.is_repeatable else values[0]


def read_key(option: Option, value: Any, where: str) -> Any:
    """Turn a value of the configuration file into the option's; raises `ConfigurationInvalid`."""
    if option.kind == "flag" and isinstance(value, bool):
        return value
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise errors.ConfigurationInvalid(f"{where}: {option.field} has a value of the wrong kind")
    try:
        return read_value(option, str(value))
    except (errors.InvalidValue, errors.UsageInvalid) as exc:
        raise errors.ConfigurationInvalid(f"{where}: {exc.message}", hint=exc.hint) from exc


def _read_flag(option: Option, text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise errors.InvalidValue(f"{option.field} is neither yes nor no: {text!r}", hint="true or false")


def _read_number(option: Option, text: str) -> int:
    try:
        return int(text)
    except ValueError as exc:
        raise errors.InvalidValue(f"--{option.name} is not a whole number: {text!r}") from exc
