"""`receiver init`: five questions, a configuration, and a test page."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from receiver.config import Config
    from receiver.config.initial_config import Answers

Answer = TypeVar("Answer")
LOCALTIME = Path("/etc/localtime")


def init(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")] = Path("receiver.yaml"),
    test: Annotated[bool, typer.Option("--test/--no-test", help="Send a test page.")] = True,
) -> None:
    """Ask five questions, write a configuration, and send a test page."""
    from receiver.config import ConfigError
    from receiver.config.initial_config import PagingMethod, first_config
    from receiver.config.loader.config_loader import load_text

    if not out.absolute().parent.is_dir():
        _stop(f"{out}: there is no folder {out.parent}")
    key_file = out.with_name(f"{out.stem}-pager.key")
    _may_write(out)
    answers = _answers()
    text = first_config(answers, key_file.name)
    written = {out: text}
    if answers.method is PagingMethod.PAGERDUTY:
        _may_write(key_file, answers.address)
        written = {key_file: answers.address, out: text}
    for file, content in written.items():
        try:
            _write(file, content)
        except OSError as error:
            _stop(f"{file} cannot be written: {error.strerror}")
        typer.echo(f"{file} is written.")
    try:
        config = load_text(text, str(out), os.environ, out.parent)
    except ConfigError as error:
        _stop("\n".join(str(problem) for problem in error.problems))
    for name, why in config.off.items():
        typer.echo(f"Channel {name} is off: {why} (see docs/channels.md for its credentials).")
    typer.echo(answers.summary)
    failed = test and not _test(config, answers)
    _next(config, out)
    if failed:
        typer.echo(f"\nOnce the service is running, send the test again:\n\n  {_again(config, answers)}", err=True)
        raise typer.Exit(1)


def _may_write(file: Path, content: str | None = None) -> None:
    same = content is not None and file.exists() and file.read_bytes() == content.encode()
    if file.exists() and not same and not _agreed(f"{file} exists. Replace it? [y/N] "):
        _stop(f"{file} was not changed (write to another file with --out)")


def _answers() -> Answers:
    from receiver.config import initial_config

    typer.echo("Five questions. Press Enter to accept the value in brackets.\n")
    zone = _local_zone()
    name = _ask("1. Your name [me]: ", initial_config.check_name, "me")
    method, address = _ask(
        "2. How to reach you: a PagerDuty integration key (Events API v2), or an email address [this terminal]: ",
        initial_config.check_reach,
    )
    alertmanager = _ask(
        "3. Alertmanager's address, such as http://127.0.0.1:9093 [none]: ", initial_config.check_alertmanager
    )
    slack = _ask("4. Slack channel for incidents, such as #incidents [none]: ", initial_config.check_slack)
    timezone = _ask(
        f"5. Time zone of your business hours and reports, such as Europe/Berlin [{zone}]: ",
        initial_config.check_timezone,
        zone,
    )
    typer.echo("")
    # A user who points the commands at another port also wants the service to listen there.
    listen = initial_config.listen_of(os.environ.get("RECEIVER_URL", ""))
    return initial_config.Answers(name, method, address, alertmanager, slack, timezone, listen)


def _ask(question: str, check: Callable[[str], Answer], default: str = "") -> Answer:
    """Return the first answer that `check` accepts; report a wrong answer and ask again."""
    while True:
        try:
            return check(_read(question).strip() or default)
        except ValueError as error:
            typer.echo(f"   {error}")


def _read(question: str) -> str:
    try:
        answer = input(question)
    except EOFError:
        typer.echo("")
        _stop("the input ended before all questions were answered: nothing was written")
    except UnicodeDecodeError:
        answer = "\x00"  # not a valid answer to any question
    if not sys.stdin.isatty():
        # A terminal does not echo piped input.
        typer.echo("")
    return answer


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, UnicodeDecodeError):
        return False
    finally:
        if not sys.stdin.isatty():
            typer.echo("")


def _local_zone() -> str:
    from receiver.model.setting_values import check_zone

    named = os.environ.get("TZ", "").removeprefix(":")
    linked = os.path.realpath(LOCALTIME).partition("/zoneinfo/")[2]
    for zone in (named, linked):
        try:
            if zone:
                return check_zone(zone)
        except ValueError:
            continue
    return "UTC"


def _write(out: Path, text: str) -> None:
    # It may contain an integration key, so only its owner may read it; the file is never partly written.
    with tempfile.NamedTemporaryFile("w", dir=out.absolute().parent, delete=False, encoding="utf-8") as part:
        try:
            part.write(text)
            part.flush()
            os.replace(part.name, out)
        except BaseException:
            os.unlink(part.name)
            raise


def _test(config: Config, answers: Answers) -> bool:
    """Send the test page and return whether it was accepted."""
    from receiver.clock import Clock
    from receiver.config.initial_config import PagingMethod
    from receiver.log import configure

    what = "test email" if answers.method is PagingMethod.EMAIL else "test page"
    typer.echo(f"\nSending a {what} through {answers.pager} ...")
    writer = configure(Clock().now, level="warning")
    try:
        import asyncio  # keeps `--help` fast

        failed = asyncio.run(_sent(config, answers))
    finally:
        writer.close()
    if failed is None:
        typer.echo(f"The {what} was accepted.")
        return True
    mend = {
        PagingMethod.PAGERDUTY: (
            "If the integration key is wrong, correct it in the file that `pager_file` in the configuration points to."
        ),
        PagingMethod.EMAIL: "Set your mail server: export SMTP_URL=smtp://user:password@mail.example.com:587",
    }
    typer.echo(f"The {what} failed: {failed}.\n{mend.get(answers.method, '')}", err=True)
    return False


def _again(config: Config, answers: Answers) -> str:
    from receiver.terminal import DEFAULT_URL, command

    url = f"http://{config.server.listen}"
    where = "" if url == DEFAULT_URL else f" --url {url}"
    return f"{command()} channels test {answers.pager} --to {answers.key}{where}"


async def _sent(config: Config, answers: Answers) -> str | None:
    from receiver.active_config_builder import make_channels
    from receiver.channels.base import Http
    from receiver.clock import Clock
    from receiver.pipeline.delivery.channel_test import send_once

    http = Http(total=config.redis.send_deadline.total_seconds())
    channel = make_channels(config, http)[answers.pager]
    try:
        return await send_once(channel, answers.key, answers.address or "me", Clock().now())
    finally:
        await http.close()


def _next(config: Config, out: Path) -> None:
    from receiver.terminal import FOR_ALERTMANAGER, alertmanager_lines, command

    where = f"http://{config.server.listen}/webhooks/alertmanager"
    typer.echo("\nStart the service (stop `make run` first if it is running):\n")
    typer.echo(f"  {command()} serve --config {out}\n")
    typer.echo(f"{FOR_ALERTMANAGER}\n")
    for line in alertmanager_lines({"alertmanager": f"- url: {where}"}):
        typer.echo(f"  {line}")


def _stop(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)
