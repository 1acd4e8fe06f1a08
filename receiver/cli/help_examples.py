"""The examples in the help of each command, for copying. A test runs each of them against a service."""

from __future__ import annotations

import re

import typer

WIDTH = 74
"""Maximum length of a line of an example, so that a terminal with 80 columns shows it without a break."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "receiver serve",
        "receiver send-alert --alertname ApiDown --label service=api",
        "receiver incident list --open",
    ),
    "init": ("receiver init", "receiver init --out staging.yaml --no-test"),
    "serve": (
        "receiver serve",
        "receiver serve --config receiver.yaml --listen 127.0.0.1:8081",
        "REDIS_URL=rediss://:password@redis.example.com:6380/0 receiver serve",
    ),
    "check-config": (
        "receiver check-config receiver.yaml severity-rules.yaml --strict",
        "receiver check-config receiver.yaml alertmanager.yml",
        "receiver check-config receiver.yaml --format github",
    ),
    "config-schema": ("receiver config-schema > receiver.schema.json",),
    "test-rules": (
        "receiver test-rules severity-rules.test.yaml",
        "receiver test-rules severity-rules.test.yaml --junit rules.xml --min-coverage 75",
    ),
    "simulate": (
        "receiver simulate payload.json --config receiver.yaml",
        "receiver simulate payload.json --at 2026-11-23T03:00:00Z --format json",
        "receiver simulate --alertmanager http://alertmanager:9093 --receiver incidents",
        "receiver simulate --prometheus-rules alerts.yaml --label tenant=acme",
    ),
    "send-alert": (
        "receiver send-alert --alertname ApiDown --label service=api --label severity=critical",
        "receiver send-alert --alertname HighErrorRate --annotation error_rate=7.3%",
        "receiver send-alert --alertname ApiDown --label service=api --resolve",
    ),
    "page": (
        "receiver page @on-call 'The queue is growing'",
        "receiver page @backend-oncall 'Replica lag' --incident INC-2026-0007",
        "receiver page @payments 'Is this yours?' --incident INC-2026-0007",
    ),
    "timeline": (
        "receiver timeline INC-2026-0007",
        "receiver timeline INC-2026-0007 --format html --out timeline.html",
    ),
    "postmortem": (
        "receiver postmortem INC-2026-0007 --out postmortem.md",
        "receiver postmortem INC-2026-0007 --edit postmortem.md --final",
    ),
    "customer-email": ("receiver customer-email INC-2026-0007 --out email.md",),
    "openapi": ("receiver openapi > openapi.json",),
    "dashboard": ("receiver dashboard > receiver.json",),
    "alert-rules": ("receiver alert-rules > rules.yaml",),
    "diagnose": (
        "receiver diagnose --out bundle.zip",
        "receiver diagnose --out bundle.zip --config receiver.yaml",
    ),
    "export": (
        "receiver export --out incidents.jsonl",
        "receiver export --since 2026-10-01 --until 2026-11-01 --out october.jsonl",
    ),
    "import": ("receiver import incidents.jsonl",),
    "drill": ("receiver drill --severity SEV-2 --title 'November fire drill'",),
    "incident": (
        "receiver incident list --open",
        "receiver incident ack INC-2026-0007",
        "receiver incident resolve INC-2026-0007 --text 'Rolled back to 1.41'",
    ),
    "incident list": (
        "receiver incident list --open --severity SEV-1",
        "receiver incident list --queue",
        "receiver incident list --open --team payments",
        """receiver incident list --open --label 'zone=~"eu-.*"'""",
        "receiver incident list --format json | jq -r '.items[].id'",
    ),
    "incident show": ("receiver incident show INC-2026-0007", "receiver incident show INC-2026-0007 --format json"),
    "incident create": (
        "receiver incident create 'Checkout is slow' --severity SEV-2 --service checkout",
        "receiver incident create 'Just a trial' --severity SEV-3 --drill",
    ),
    "incident ack": ("receiver incident ack INC-2026-0007", "receiver incident ack INC-2026-0007 --by alice"),
    "incident identify": ("receiver incident identify INC-2026-0007 --text 'A lock in the migration'",),
    "incident mitigated": ("receiver incident mitigated INC-2026-0007 --text 'Rolled back'",),
    "incident resolve": ("receiver incident resolve INC-2026-0007 --text 'Error rate at 0.1% for 10 minutes'",),
    "incident reopen": ("receiver incident reopen INC-2026-0007 --text 'It is back'",),
    "incident escalate": ("receiver incident escalate INC-2026-0007 --text 'Needs the database team'",),
    "incident close": (
        "receiver incident close INC-2026-0007",
        "receiver incident close INC-2026-0007 --force --text 'A false alarm'",
    ),
    "incident severity": ("receiver incident severity INC-2026-0007 SEV-1 --text 'All tenants'",),
    "incident role": ("receiver incident role INC-2026-0007 ic alice",),
    "incident note": (
        "receiver incident note INC-2026-0007 'Restarted api-3'",
        "receiver incident note INC-2026-0007 'First complaint' --at 2026-11-23T14:02:00Z",
    ),
    "incident status": ("receiver incident status INC-2026-0007 identified 'A release is being rolled back'",),
    "incident checklist": (
        "receiver incident checklist INC-2026-0007",
        "receiver incident checklist INC-2026-0007 2",
        "receiver incident checklist INC-2026-0007 2 --undo",
    ),
    "incident mitigate": ("receiver incident mitigate INC-2026-0007 rollback 'To 1.41'",),
    "incident action": (
        "receiver incident action INC-2026-0007 'Alert on replica lag' --owner bob --due 2026-12-04",
        "receiver incident action INC-2026-0007 --n 1 --status done",
    ),
    "incident team": (
        "receiver incident team INC-2026-0007 payments --text 'The card gateway is down'",
        "receiver incident team INC-2026-0007 -",
    ),
    "incident timer": ("receiver incident timer INC-2026-0007 start",),
    "incident merge": ("receiver incident merge INC-2026-0008 INC-2026-0007",),
    "incident split": ("receiver incident split INC-2026-0007 0f7feb5f00044815 --title 'Search is slow'",),
    "incident silence": ("receiver incident silence INC-2026-0007 2h --text 'Repair in progress'",),
    "incident correct": (
        "receiver incident correct INC-2026-0007 12 'Restarted api-4, not api-3'",
        "receiver incident correct INC-2026-0007 13 --hide",
    ),
    "incident clock": (
        "receiver incident clock INC-2026-0007",
        "receiver incident clock INC-2026-0007 impact_began 2026-11-23T13:40:00Z",
    ),
    "maintenance": ("receiver maintenance list", "receiver maintenance add upkeep --match service=db --until 2h"),
    "maintenance list": ("receiver maintenance list",),
    "maintenance add": (
        "receiver maintenance add upkeep --match service=db --until 2h --component api",
        "receiver maintenance add backups --match service=db --weekly 'Sunday 03:00' --for 1h",
    ),
    "maintenance remove": ("receiver maintenance remove 4f1c8e2a9b3d5f60",),
    "oncall": ("receiver oncall show", "receiver oncall override primary bob --until 8h"),
    "oncall show": ("receiver oncall show", "receiver oncall show --at 2026-12-24T20:00:00Z"),
    "oncall next": ("receiver oncall next", "receiver oncall next primary --days 30"),
    "oncall override": ("receiver oncall override primary bob --until 8h",),
    "oncall overrides": ("receiver oncall overrides",),
    "oncall lift": ("receiver oncall lift 9f2c1d3e4a5b6c7d",),
    "session": ("receiver session list",),
    "session list": ("receiver session list", "receiver session list --format json"),
    "session end": ("receiver session end on-call-cli",),
    "token": ("receiver token new",),
    "token new": ("receiver token new", "receiver token new --expires 90d"),
    "oncall calendar": ("receiver oncall calendar primary alice",),
    "oncall ical": ("receiver oncall ical primary --out primary.ics",),
    "oncall accept": ("receiver oncall accept primary", "receiver oncall accept offer-5f2c9a7b --by bob"),
    "oncall offer": ("receiver oncall offer 2026-12-24 2026-12-25 --by alice",),
    "oncall offers": ("receiver oncall offers",),
    "oncall withdraw": ("receiver oncall withdraw offer-5f2c9a7b",),
    "oncall log": ("receiver oncall log primary",),
    "oncall preflight": ("receiver oncall preflight",),
    "oncall prove": ("receiver oncall prove alice bob", "receiver oncall prove --wait 30m"),
    "rules": ("receiver rules unknowns", "receiver rules diff --new severity-rules.yaml --since 30d"),
    "rules owner": ("receiver rules owner team=payments severity=critical",),
    "rules unknowns": ("receiver rules unknowns",),
    "rules history": ("receiver rules history --since 7d > history.jsonl",),
    "rules diff": (
        "receiver rules diff --new severity-rules.yaml --since 30d",
        "receiver rules diff --new severity-rules.yaml --from history.jsonl --check",
    ),
    "status": ("receiver status show", "receiver status approve INC-2026-0007"),
    "status show": ("receiver status show",),
    "status update": (
        "receiver status update INC-2026-0007 investigating 'We are looking into slow logins'",
        "receiver status update INC-2026-0007 monitoring 'Logins are fast again' --publish",
    ),
    "status approve": ("receiver status approve INC-2026-0007",),
    "status announce": (
        "receiver status announce 'New regions' 'Starting in January, we also run in Asia.' --until 30d",
        "receiver status announce",
    ),
    "status subscribers": ("receiver status subscribers export",),
    "status subscribers export": ("receiver status subscribers export --format json",),
    "status subscribers stop": ("receiver status subscribers stop alice@example.com",),
    "status subscribers delete": ("receiver status subscribers delete alice@example.com",),
    "report": ("receiver report monthly 2026-11", "receiver report metrics"),
    "report monthly": ("receiver report monthly", "receiver report monthly 2026-11 --format html --out november.html"),
    "report metrics": ("receiver report metrics 2026-11",),
    "dead-letters": ("receiver dead-letters list", "receiver dead-letters replay --all"),
    "dead-letters list": ("receiver dead-letters list",),
    "dead-letters show": ("receiver dead-letters show 5d2f8a1c9b3e",),
    "dead-letters replay": ("receiver dead-letters replay 5d2f8a1c9b3e", "receiver dead-letters replay --channel chat"),
    "dead-letters drop": ("receiver dead-letters drop 5d2f8a1c9b3e",),
    "channels": ("receiver channels list", "receiver channels test chat"),
    "channels list": ("receiver channels list",),
    "channels test": ("receiver channels test chat", "receiver channels test pager --to alice"),
}
"""Examples by command; the empty key is `receiver` itself."""


def attach(app: typer.Typer, path: str = "") -> None:
    """Append the examples to the help of the app, its groups and its commands."""
    app.info.epilog = _text(path)
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        command.epilog = _text(f"{path} {name}".strip())
    for group in app.registered_groups:
        if group.typer_instance is not None:
            name = f"{path} {group.name}".strip()
            group.epilog = _text(name)
            attach(group.typer_instance, name)


def _text(path: str) -> str | None:
    lines = EXAMPLES.get(path)
    # The first character keeps the lines separate; rich would interpret square brackets.
    return (
        "\n".join(["\b", "Examples:", *(f"  {part}".replace("[", r"\[") for line in lines for part in _broken(line))])
        if lines
        else None
    )


def _broken(line: str) -> list[str]:
    # Returns lines for a shell, because a line that the terminal wraps cannot be copied.
    parts = [""]
    for word in re.split(r" (?=--)", line):
        if parts[-1] and len(parts[-1]) + len(word) + 1 > WIDTH:
            parts[-1] += " \\"
            parts.append(f"    {word}")
        else:
            parts[-1] = f"{parts[-1]} {word}" if parts[-1] else word
    return parts
