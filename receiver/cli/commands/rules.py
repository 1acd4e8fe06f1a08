"""Commands for severity rules: missing inputs, kept notifications, and a comparison with other rules."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import urlencode

import typer

from receiver.cli.service_client import HERE, AsJson, Token, Url, ask, plain
from receiver.cli.terminal_view import progress

rules = typer.Typer(no_args_is_help=True, help="Review how the severity rules perform.")
Since = Annotated[str, typer.Option("--since", metavar="SPAN", help="How far back, such as 30d.")]


@rules.callback()
def group() -> None:
    """Review how the severity rules perform."""


@rules.command("unknowns")
def unknowns(form: AsJson = "text", url: Url = HERE, token: Token = "") -> None:
    """List inputs that were missing from severity decisions, and the alert rule to fix."""
    found = ask(url, "/api/v1/rules/unknowns", token)
    if form == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for item in found["items"]:
        name = item["alertname"] or "(no alertname)"
        typer.echo(plain(f"{name}  {item['count']}x, last {item['last']}  {item['incident'] or '-'}"))
        typer.echo(plain(f"  {item['text']}"))
        typer.echo(plain(f"  to fix: {item['fix']}"))
        if item["generator_url"]:
            typer.echo(plain(f"  rule: {item['generator_url']}"))
    if not found["items"]:
        typer.echo("none: every decision had the labels and values that its rules use")


@rules.command("owner")
def owner(
    labels: Annotated[list[str], typer.Argument(metavar="K=V...", help="The labels of an alert.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration with the teams; default: the built-in one.")
    ] = None,
    form: AsJson = "text",
) -> None:
    """Show which team owns an alert with these labels, why, and whom each severity pages; exit 1 if no team owns it."""
    from receiver.config import ConfigError, load
    from receiver.triage.team_ownership import Owners

    given = dict(_pair(text) for text in labels)
    try:
        loaded = load(config, os.environ)
    except ConfigError as error:
        _fail("\n".join(str(problem) for problem in error.problems))
    found = Owners(loaded.teams).owner(given)
    severities = sorted(loaded.directory_for(found.team).severities.items())
    pages = {severity.value: list(policy.page) for severity, policy in severities}
    if form == "json":
        typer.echo(json.dumps({"team": found.team, "why": found.why, "pages": pages}, ensure_ascii=False))
    else:
        typer.echo(plain(f"{found.team or '(top level)'}: {found.why}"))
        for severity, contacts in pages.items():
            typer.echo(plain(f"  {severity} pages {', '.join(contacts) or 'no one'}"))
    raise typer.Exit(0 if found.team or not loaded.teams else 1)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text}: not a label (write name=value)")
    return name, value.removeprefix('"').removesuffix('"')


@rules.command("history")
def history(since: Since = "30d", url: Url = HERE, token: Token = "") -> None:
    """Print the stored notifications as JSON lines, oldest first, as input for `rules diff --from`."""
    for item in _kept(since, url, token):
        typer.echo(json.dumps(item, ensure_ascii=False))


@rules.command("diff")
def diff(
    new: Annotated[Path, typer.Option("--new", metavar="F", help="The severity rules to try.")],
    old: Annotated[
        Path | None, typer.Option("--old", metavar="F", help="Rules to compare with; default: the configuration's.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration with the contacts; default: the built-in one.")
    ] = None,
    since: Since = "30d",
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="F.jsonl", help="Output of `rules history`; default: query the service."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if any result would differ.")] = False,
    form: AsJson = "text",
    url: Url = HERE,
    token: Token = "",
) -> None:
    """Replay past notifications: list incidents whose severity would differ, and pages added or removed."""
    from receiver.active_config_builder import build_active_config, make_channels
    from receiver.channels.base import Http
    from receiver.config import ConfigError, load
    from receiver.config.loader.config_loader import load_rules_file
    from receiver.pipeline.whatif.dry_run import replay_history

    try:
        loaded = load(config, os.environ)
        before = loaded if old is None else loaded.model_copy(update={"rules": load_rules_file(old)})
        after = loaded.model_copy(update={"rules": load_rules_file(new)})
    except ConfigError as error:
        _fail("\n".join(str(problem) for problem in error.problems))
    settings = [build_active_config(one, make_channels(one, Http())) for one in (before, after)]
    unread: list[str] = []
    items = _kept(since, url, token) if source is None else _lines(source, since)
    with progress("notifications replayed") as advance:
        found = replay_history(_counted(_parsed(items, unread), advance), settings[0], settings[1])
    found["unreadable"] = len(unread)
    _print_difference(found, unread, form)
    raise typer.Exit(1 if check and (found["changed"] or unread) else 0)


def _print_difference(found: dict[str, Any], unread: list[str], form: str) -> None:
    if form == "json":
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for line in _words(found):
        typer.echo(plain(line))
    for line in unread[:20]:
        typer.echo(plain(line), err=True)


def _counted(items: Iterable[Any], advance: Callable[[int], None]) -> Iterator[Any]:
    for one in items:
        advance(1)
        yield one


def _begin(since: str) -> datetime:
    from receiver.clock import Clock
    from receiver.model.setting_values import parse_duration

    try:
        return Clock().now() - parse_duration(since)
    except ValueError as error:
        typer.echo(f"--since {plain(since)}: {error}", err=True)
        raise typer.Exit(2) from None


def _kept(since: str, url: str, token: str) -> Iterator[dict[str, Any]]:
    from receiver.model.base import rfc3339

    query = {"since": rfc3339(_begin(since))}
    while True:
        page = ask(url, f"/api/v1/rules/history?{urlencode(query)}", token)
        yield from page["items"]
        if page["next"] is None:
            return
        query["cursor"] = page["next"]


def _lines(file: Path, since: str) -> Iterator[dict[str, Any]]:
    begin = _begin(since)
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    item = json.loads(line)
                    wanted = datetime.fromisoformat(item["at"]) >= begin
                except (ValueError, TypeError, KeyError):
                    _fail(f'{file}:{number}: not a line of `receiver rules history` (an object with "at")')
                if wanted:
                    yield item
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file}: {getattr(error, 'strerror', None) or 'not text in UTF-8'}")


def _parsed(items: Iterator[dict[str, Any]], unread: list[str]) -> Iterator[tuple[datetime, Any]]:
    from receiver.model.alert.alert import BadNotification, parse_notification

    last: datetime | None = None
    for item in items:
        try:
            at = datetime.fromisoformat(item["at"])
            said = parse_notification(json.dumps(item["notification"]).encode())
        except (BadNotification, ValueError, TypeError, KeyError) as error:
            unread.append(f"{item.get('at')}: cannot be read: {error}")
            continue
        # Two replicas write independently: an entry that was written later may have arrived earlier.
        last = at if last is None else max(last, at)
        yield last, said


def _words(found: dict[str, Any]) -> Iterator[str]:
    for one in found["changed"]:
        was, now = one["old"], one["new"]
        yield f"{one['opened_at']}  {was['severity']} -> {now['severity']}  {one['title']}"
        yield f"  was  {was['rule']}: {'; '.join(was['reasons'])}"
        yield f"  now  {now['rule']}: {'; '.join(now['reasons'])}"
        if one["paged_too"]:
            yield f"  also paged: {', '.join(one['paged_too'])}"
        if one["not_paged"]:
            yield f"  not paged: {', '.join(one['not_paged'])}"
    for name, count in found["rules"].items():
        yield f"rule {name}: {count['old']} -> {count['new']} incidents"
    pages = found["pages"]
    yield (
        f"{len(found['changed'])} of {found['incidents']} incidents differ, "
        f"pages {pages['old']} -> {pages['new']} ({pages['more']} more, {pages['fewer']} fewer), "
        f"from {found['notifications']} notifications"
    )


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)
