"""Loads a configuration from a file and an environment, or reports all errors at once."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from functools import cache
from pathlib import Path as FilePath

from receiver.config.config_errors import ConfigError, Problem
from receiver.config.loader.config_reader import Reading
from receiver.config.loader.rules_loader import PACKAGED, read_rules
from receiver.config.settings.whole_config import Config
from receiver.config.yaml.environment_variables import Environment
from receiver.config.yaml.yaml_document import read
from receiver.triage.rules.rules_file import RulesSettings

DATA_DIR = "RECEIVER_DATA_DIR"


def load(path: FilePath | None, env: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> Config:
    """Return the configuration in the file `path`, or the default that ships with the service if there is none.

    `env` is the environment that `${NAME}` reads. `overrides` maps dotted keys (`server.listen`, `redis.url`) to
    values from the command line; they are checked like the file. Raises ConfigError with every error.
    """
    file = PACKAGED / "receiver.yaml" if path is None else path
    return load_text(read_file(file), str(file), env, file.parent, overrides)


def load_text(
    text: str, name: str, env: Mapping[str, str], base: FilePath, overrides: Mapping[str, str] | None = None
) -> Config:
    """Return the configuration in `text`; `name` is its name in messages, and its files are relative to `base`.

    Raises ConfigError with every error.
    """
    return reading_of(text, name, env, base, overrides).config()


def reading_of(
    text: str, name: str, env: Mapping[str, str], base: FilePath, overrides: Mapping[str, str] | None = None
) -> Reading:
    """Return the readable parts of the configuration in `text`, with every error and note."""
    environment = Environment(env)
    document = read(text, name, environment.expand)
    given = dict(overrides or {})
    if env.get(DATA_DIR):
        given["redis.data_dir"] = env[DATA_DIR]
    reading = Reading(document, base)
    reading.read(given, lambda file: read(read_file(file), str(file), environment.expand))
    for path, variable in environment.missing:
        hint = f"set it, or write ${{{variable}:-}} if it may be empty"
        reading.notes.append(document.problem(path, f"{variable} is not set and reads as empty", hint))
    return reading


def read_file(path: FilePath) -> str:
    """Return the text of the file `path`, with plain line feeds. Raises ConfigError when there is none.

    It is UTF-8, or UTF-16 with a byte order mark, as YAML allows and some editors write. It may be a pipe, such as the
    shell makes of `<(kubectl get secret ...)`.
    """
    try:
        raw = _piped(path) if path.is_fifo() else path.read_bytes()
        text = raw.decode("utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        said, hint = "the file is not UTF-8 text", "save it as UTF-8"
    except (OSError, ValueError) as error:
        said = f"the file cannot be read: {getattr(error, 'strerror', None) or 'not a path'}"
        hint = "check path and permissions"
    raise ConfigError([Problem(str(path), 1, 1, "", said, hint)])


@cache
def _piped(path: FilePath) -> bytes:
    # A pipe can be read only once, and a file is read once for each question about it.
    return path.read_bytes()


def load_rules_file(path: FilePath) -> RulesSettings:
    """Return the severity rules in the file `path`. Raises ConfigError with every problem."""
    settings, problems, _ = read_rules(read_file(path), str(path))
    if settings is None or problems:
        raise ConfigError(problems)
    return settings
