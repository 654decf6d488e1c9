"""Typed readers of the environment.

Every setting `NAME` may also come as `NAME_FILE`, the path of a file that holds
the value (a secret mounted by an orchestrator). What neither names is looked up
in the file that the supervisor writes for its own servers, so that a command
typed in a second terminal reaches the same fleet.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Written by the supervisor under MUSTER_DATA_DIR, mode 0600, while its servers run.
EMBEDDED_ENV = "embedded.env"


class ConfigError(Exception):
    """A setting is missing or cannot be read; the message names it and the way out."""


class Env:
    """Reads settings from a mapping, with `_FILE` variants and supervisor-written fallbacks.

    Args:
        environ: usually `os.environ`.
        fallback: values used where `environ` has none.
    """

    def __init__(self, environ: dict[str, str] | None = None, fallback: dict[str, str] | None = None) -> None:
        self._environ = dict(os.environ) if environ is None else environ
        self._fallback = fallback or {}
        self.names: set[str] = set()  # every setting that was asked for; the docs are tested against it

    def text(self, name: str, default: str | None = None) -> str:
        """Return a setting as it stands.

        Raises:
            ConfigError: it is set nowhere and has no default, or its file cannot be read.
        """
        self.names.add(name)
        if name in self._environ and f"{name}_FILE" in self._environ:
            raise ConfigError(f"{name} and {name}_FILE are both set; keep one.")
        if name in self._environ:
            return self._environ[name]
        if f"{name}_FILE" in self._environ:
            path = Path(self._environ[f"{name}_FILE"])
            try:
                return path.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigError(f"{name}_FILE points at {path}, which cannot be read: {error.strerror}.") from error
        if name in self._fallback:
            return self._fallback[name]
        if default is None:
            raise ConfigError(f"{name} is not set. Set it, or {name}_FILE, or start everything with `make up`.")
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Return a setting that is 1/true/yes/on or 0/false/no/off."""
        words = {
            "1": True,
            "true": True,
            "yes": True,
            "on": True,
            "0": False,
            "false": False,
            "no": False,
            "off": False,
        }
        return self._read(
            name, str(int(default)), lambda value: words[value.lower()], "one of 1, 0, true, false, yes, no, on, off"
        )

    def integer(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """Return a whole number of at least `least` and, where given, at most `most`."""
        value = self._read(name, str(default), int, "a whole number")
        if value < least:
            raise ConfigError(f"{name} is {value}; it must be {least} or more.")
        if most is not None and value > most:
            raise ConfigError(f"{name} is {value}; it must be {most} or less.")
        return value

    def words(self, name: str, default: str) -> list[str]:
        """Return a comma-separated list without its empty items."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def path(self, name: str, default: Path) -> Path:
        """Return an absolute path."""
        return Path(self.text(name, str(default))).expanduser().resolve()

    def _read(self, name: str, default: str, parse: Callable[[str], T], expected: str) -> T:
        value = self.text(name, default)
        try:
            return parse(value)
        except (ValueError, KeyError) as error:
            raise ConfigError(f"{name} is {value!r}; it must be {expected}.") from error


def read_env_file(path: Path) -> dict[str, str]:
    """Return the `NAME=value` lines of a file, or nothing where it does not exist or may not be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, PermissionError):
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
