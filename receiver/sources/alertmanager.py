"""Alertmanager's API v2: firing alerts, their groups, and silences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from receiver.model.base import rfc3339
from receiver.model.host_name import host_of
from receiver.sources.http_client import SourceAnswer, SourceClient, SourceError

LIMIT = 5.0
"""Timeout in seconds: ten thousand alerts take a while."""
SAME = timedelta(minutes=1)
"""Two silences whose ends are closer than this are repetitions of one request."""


@dataclass(frozen=True)
class Address:
    """The address of one Alertmanager, without `/api`, and the headers of every request to it."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class UpstreamState:
    """One alert in Alertmanager."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    generator_url: str
    receivers: tuple[str, ...]
    silenced: bool
    inhibited: bool
    muted: bool = False
    """Muted by the hours of its route, as 0.28 and later report for the alerts of a group."""

    @property
    def held(self) -> bool:
        """Whether Alertmanager itself reports that it is currently suppressed."""
        return self.silenced or self.inhibited or self.muted


@dataclass(frozen=True)
class Group:
    """One group of a receiver's notifications."""

    receiver: str
    labels: Mapping[str, str]
    alerts: tuple[UpstreamState, ...]
    url: str = ""
    """The Alertmanager that has it."""


@dataclass(frozen=True)
class UpstreamAlert:
    """The combined state of all queried Alertmanagers."""

    alerts: Mapping[str, UpstreamState]
    """By fingerprint, including silenced and inhibited alerts."""
    started: datetime
    """When the last of them started: it may still receive alerts that it lost at the restart."""
    silent: tuple[str, ...]
    """The errors of those without a usable response: they may have alerts that the others do not."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The configuration of each that reports it, by URL: before 0.28 it is the only source of the hours of routes."""


class Alertmanager:
    """The queried Alertmanagers: if one does not respond, another may."""

    def __init__(self, source_client: SourceClient, addresses: Sequence[Address]) -> None:
        """`addresses`: members of one cluster, or several."""
        self.source_client = source_client
        self.addresses = tuple(Address(one.url.rstrip("/"), one.headers) for one in addresses)

    async def standing(self) -> UpstreamAlert:
        """Return every alert that any of them has, and those that could not be queried.

        Members of a cluster do not share alerts: each gets them from Prometheus. Raises SourceError unless at least
        one responds.
        """
        found: dict[str, UpstreamState] = {}
        silent: list[SourceError] = []
        path = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
        for _, said in await self._all(path, silent=silent):
            for item in _listed(said):
                alert = _alert(item)
                known = found.get(alert.fingerprint)
                # If one suppresses it and another does not, it is not suppressed.
                if known is None or known.held:
                    found[alert.fingerprint] = alert
        statuses = await self._all("/api/v2/status", silent=silent)
        started = max([_uptime(said) for _, said in statuses])
        files = {url: file for url, said in statuses if (file := _file(said)) is not None}
        return UpstreamAlert(found, started, tuple(dict.fromkeys(str(error) for error in silent)), files)

    async def groups(self) -> list[Group]:
        """Return the groups of each that responds: members of a cluster have different alerts. Raises SourceError."""
        answers = await self._all("/api/v2/alerts/groups?active=true&silenced=true&inhibited=true")
        return [
            Group(
                receiver=str(item.get("receiver", {}).get("name", "")),
                labels=_texts(item.get("labels")),
                alerts=tuple(_alert(alert) for alert in item.get("alerts", [])),
                url=url,
            )
            for url, said in answers
            for item in _listed(said)
        ]

    async def silence(
        self, matchers: Mapping[str, str], starts: datetime, ends: datetime, by: str, comment: str, token: str
    ) -> tuple[str, bool]:
        """Return the id of a silence for alerts with exactly these labels, and whether it was created or extended.

        `token` is a word in `comment` that no other silence has: there is no idempotency key, so it is searched for
        first. A silence that ends before `ends` is extended, and never shortened. Raises SourceError.
        """
        before: dict[str, Any] = {}
        for item in _listed((await self._all("/api/v2/silences", first=True))[0][1]):
            state = item.get("status", {}).get("state") if isinstance(item.get("status"), dict) else None
            if state in ("active", "pending") and token in str(item.get("comment", "")).split():
                if ends - _moment(item.get("endsAt")) < SAME:
                    return str(item["id"]), False
                before = {"id": str(item["id"]), "startsAt": item.get("startsAt")}
        body: dict[str, Any] = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in sorted(matchers.items())
            ],
            "startsAt": rfc3339(starts),
            "endsAt": rfc3339(ends),
            "createdBy": by,
            "comment": comment,
            # With its id and its start time, Alertmanager treats it as the same silence.
            **before,
        }
        error = SourceError("connection", "no Alertmanager is configured")
        for one in self.addresses:
            try:
                said = await self._send("POST", one, "/api/v2/silences", body)
                if said.status == 200:
                    return str(said.json()["silenceID"]), True
                error = SourceError("status", f"{host_of(one.url)} returned {said.status} for a silence")
            except (KeyError, TypeError):
                error = SourceError("bad_answer", "Alertmanager did not return the silence's id")
            except SourceError as failed:
                error = failed
        raise error

    async def expire(self, number: str) -> None:
        """Expire a silence; if none of them has it, it has already ended. Raises SourceError."""
        error = None if self.addresses else SourceError("connection", "no Alertmanager is configured")
        for one in self.addresses:
            try:
                said = await self._send("DELETE", one, f"/api/v2/silence/{quote(number, safe='')}", None)
            except SourceError as failed:
                error = failed
                continue
            if said.status == 200:
                return
            # An unknown id is a 500 in 0.25 and a 404 in newer ones; an expired silence is also a 500. Another outside
            # the cluster may have it.
            if said.status not in (404, 500):
                error = SourceError("status", f"{host_of(one.url)} returned {said.status} for the removal of a silence")
        if error is not None:
            raise error

    async def _send(self, method: str, to: Address, path: str, body: Any) -> SourceAnswer:
        return await self.source_client.send(method, f"{to.url}{path}", body, LIMIT, to.headers)

    async def _all(
        self, path: str, *, first: bool = False, silent: list[SourceError] | None = None
    ) -> list[tuple[str, SourceAnswer]]:
        # The responses, each with the URL of its server.
        found: list[tuple[str, SourceAnswer]] = []
        error = SourceError("connection", "no Alertmanager is configured")
        silent = [] if silent is None else silent
        for one in self.addresses:
            try:
                said = await self.source_client.get(f"{one.url}{path}", limit=LIMIT, headers=one.headers)
                if said.status != 200:
                    raise SourceError("status", f"{host_of(one.url)} returned {said.status}")
            except SourceError as failed:
                error = failed
                silent.append(failed)
                continue
            found.append((one.url, said))
            if first:
                break
        if not found:
            raise error
        return found


def _listed(said: SourceAnswer) -> Iterable[dict[str, Any]]:
    body = said.json()
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise SourceError("bad_answer", "Alertmanager's response has an unknown format")
    return body


def _alert(item: Mapping[str, Any]) -> UpstreamState:
    status = item.get("status") if isinstance(item.get("status"), dict) else {}
    try:
        return UpstreamState(
            fingerprint=str(item["fingerprint"]),
            labels=_texts(item["labels"]),
            annotations=_texts(item.get("annotations")),
            starts_at=_moment(item["startsAt"]),
            generator_url=str(item.get("generatorURL", "")),
            receivers=tuple(str(one.get("name", "")) for one in item.get("receivers") or ()),
            silenced=bool((status or {}).get("silencedBy")),
            inhibited=bool((status or {}).get("inhibitedBy")),
            # Other reasons for suppression in a later release are visible in its state.
            muted=bool((status or {}).get("mutedBy")) or (status or {}).get("state", "active") != "active",
        )
    except (KeyError, TypeError, AttributeError):
        raise SourceError("bad_answer", "Alertmanager's response has an unknown format") from None


def _uptime(said: SourceAnswer) -> datetime:
    try:
        return _moment(said.json()["uptime"])
    except (KeyError, TypeError):
        raise SourceError("bad_answer", "Alertmanager does not report its start time") from None


def _file(said: SourceAnswer) -> str | None:
    body = said.json()
    config = body.get("config") if isinstance(body, dict) else None
    text = config.get("original") if isinstance(config, dict) else None
    return text if isinstance(text, str) else None


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise SourceError("bad_answer", "Alertmanager reported a time that cannot be read") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
