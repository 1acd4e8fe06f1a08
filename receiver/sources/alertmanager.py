"""Alertmanager's API v2: what fires there, in which groups, and silences (contracts: alertmanager, section 7)."""

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
"""Two silences whose ends are nearer than this are one that was asked for twice."""


@dataclass(frozen=True)
class Address:
    """Where one Alertmanager answers, without `/api`, and the headers that go with every request to it."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class UpstreamState:
    """One alert as Alertmanager has it."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    generator_url: str
    receivers: tuple[str, ...]
    silenced: bool
    inhibited: bool
    muted: bool = False
    """Held back by the hours of its route, as 0.28 and later say it of the alerts of a group."""

    @property
    def held(self) -> bool:
        """Whether Alertmanager itself says that nobody is notified of it now."""
        return self.silenced or self.inhibited or self.muted


@dataclass(frozen=True)
class Group:
    """One group, as a receiver would be notified of it."""

    receiver: str
    labels: Mapping[str, str]
    alerts: tuple[UpstreamState, ...]
    url: str = ""
    """Which Alertmanager has it."""


@dataclass(frozen=True)
class UpstreamAlert:
    """What all that were asked know."""

    alerts: Mapping[str, UpstreamState]
    """Silenced and inhibited ones too, by fingerprint."""
    started: datetime
    """When the last of them started: it may receive again what it has forgotten since."""
    silent: tuple[str, ...]
    """The errors of those without a usable answer: they may know alerts that the others do not."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The configuration of each that reports it, by URL: before 0.28 it is the only source of the hours of routes."""


class Alertmanager:
    """The Alertmanagers that are asked: what one does not answer, another may."""

    def __init__(self, source_client: SourceClient, addresses: Sequence[Address]) -> None:
        """`addresses`: members of one cluster, or several."""
        self.source_client = source_client
        self.addresses = tuple(Address(one.url.rstrip("/"), one.headers) for one in addresses)

    async def standing(self) -> UpstreamAlert:
        """Return every alert that any of them knows, and which of them could not be asked.

        Alerts are not shared between the members of a cluster: each hears of them from Prometheus.
        Raises SourceError unless at least one answers.
        """
        found: dict[str, UpstreamState] = {}
        silent: list[SourceError] = []
        path = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true"
        for _, said in await self._all(path, silent=silent):
            for item in _listed(said):
                alert = _alert(item)
                known = found.get(alert.fingerprint)
                # Where one holds it back and another does not, it is not held back.
                if known is None or known.held:
                    found[alert.fingerprint] = alert
        statuses = await self._all("/api/v2/status", silent=silent)
        started = max([_uptime(said) for _, said in statuses])
        files = {url: file for url, said in statuses if (file := _file(said)) is not None}
        return UpstreamAlert(found, started, tuple(dict.fromkeys(str(error) for error in silent)), files)

    async def groups(self) -> list[Group]:
        """Return the groups of each that answers: members of a cluster know different alerts. Raises SourceError."""
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
        """Return the id of a silence of alerts with exactly these labels, and whether it was made, or made longer.

        `token` is a word of `comment` that no other silence has: there is no key against repetition, so it is looked
        for first. One that ends sooner than `ends` is made longer; none is made shorter. Raises SourceError.
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
            # With its id and its beginning it is the same one, as Alertmanager sees it.
            **before,
        }
        error = SourceError("connection", "no Alertmanager is configured")
        for one in self.addresses:
            try:
                said = await self._send("POST", one, "/api/v2/silences", body)
                if said.status == 200:
                    return str(said.json()["silenceID"]), True
                error = SourceError("status", f"{host_of(one.url)} answered {said.status} to a silence")
            except (KeyError, TypeError):
                error = SourceError("bad_answer", "Alertmanager did not return the silence's id")
            except SourceError as failed:
                error = failed
        raise error

    async def expire(self, number: str) -> None:
        """Expire a silence; one that none of them knows has already ended. Raises SourceError."""
        error = None if self.addresses else SourceError("connection", "no Alertmanager is configured")
        for one in self.addresses:
            try:
                said = await self._send("DELETE", one, f"/api/v2/silence/{quote(number, safe='')}", None)
            except SourceError as failed:
                error = failed
                continue
            if said.status == 200:
                return
            # An unknown id is a 500 in 0.25 and a 404 in newer ones; an expired one says so in a 500 as well. One that
            # is no member of the same cluster may know it.
            if said.status not in (404, 500):
                error = SourceError("status", f"{host_of(one.url)} answered {said.status} to the end of a silence")
        if error is not None:
            raise error

    async def _send(self, method: str, to: Address, path: str, body: Any) -> SourceAnswer:
        return await self.source_client.send(method, f"{to.url}{path}", body, LIMIT, to.headers)

    async def _all(
        self, path: str, *, first: bool = False, silent: list[SourceError] | None = None
    ) -> list[tuple[str, SourceAnswer]]:
        # The answers, each with the url of who gave it.
        found: list[tuple[str, SourceAnswer]] = []
        error = SourceError("connection", "no Alertmanager is configured")
        silent = [] if silent is None else silent
        for one in self.addresses:
            try:
                said = await self.source_client.get(f"{one.url}{path}", limit=LIMIT, headers=one.headers)
                if said.status != 200:
                    raise SourceError("status", f"{host_of(one.url)} answered {said.status}")
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
        raise SourceError("bad_answer", "Alertmanager's answer has an unknown format")
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
            # Other reasons for suppression in a later release show in its state.
            muted=bool((status or {}).get("mutedBy")) or (status or {}).get("state", "active") != "active",
        )
    except (KeyError, TypeError, AttributeError):
        raise SourceError("bad_answer", "Alertmanager's answer has an unknown format") from None


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
