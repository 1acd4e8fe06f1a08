"""Jira: a ticket for an incident and for each action item, found by its label and never created twice."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, ClassVar

from receiver.channels.atlassian import A_SECOND, Body, Gone
from receiver.channels.base import Channel, ChannelSettings, DeliveryError, Http, is_set
from receiver.channels.jira import ticket_text as ticket
from receiver.channels.jira.api import JiraApi, quoted
from receiver.channels.jira.found_ticket import read_ticket
from receiver.channels.jira.settings import JiraSettings
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.delivery.vendor_quota import Quota
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import ActionItem
from receiver.model.incident.ticket import Ticket, TicketStatus

OPTIONAL = ("priority", "assignee", "duedate")
"""Fields that are omitted if Jira rejects them, because a screen of the project may lack them."""
BEGUN = 1000
"""Maximum number of incidents whose unfinished work is remembered."""


class Jira(Channel[JiraSettings]):
    """Creates tickets and keeps them up to date.

    The memory of its receipts: `issue` and `summary` of the incident's ticket, `moved` (the requested category),
    `reached` (the reached category, if the workflow does not lead to the requested one), `said` (the last event in a
    comment), `gone` (someone deleted it), and for action items by number: `actions` (the key) and `taken` (the
    category that was set).
    """

    kind: ClassVar[str] = "jira"
    Settings: ClassVar[type[ChannelSettings]] = JiraSettings
    tickets: ClassVar[bool] = True
    two_way: ClassVar[bool] = True
    edits: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    settles: ClassVar[float] = 10.0
    """Its index has a delay of some seconds."""

    def __init__(self, name: str, settings: JiraSettings, http: Http) -> None:
        """Create it without unfinished work."""
        super().__init__(name, settings, http)
        cloud = settings.flavor == "cloud"
        self._api = JiraApi(settings.api_url, cloud, settings.user, settings.token.get_secret_value(), http)
        self._begun: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def missing(self) -> str | None:
        """Return which of `api_url`, `project`, `user` (cloud) and `token` is empty, else None."""
        wanted = {"api_url": self.settings.api_url, "project": self.settings.project.strip()}
        wanted |= {"user": self.settings.user.strip()} if self._api.cloud else {}
        empty = next((name for name, value in wanted.items() if not value), None)
        if empty is None and not is_set(self.settings.token):
            empty = "token"
        return f"{empty} is empty" if empty else None

    def address(self) -> str:
        """Return the key of the project."""
        return self.settings.project

    def takes_private(self) -> bool:
        """Return `private_incidents`."""
        return self.settings.private_incidents

    def secrets(self, notice: Notice) -> tuple[str, ...]:
        """Return the token, and the form in which it is sent."""
        return (*super().secrets(notice), *self._api.site.secrets)

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return our own limit of tickets per second at the site."""
        return (Quota(name="site", **A_SECOND),)

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return what would be created, changed and commented; the transition is queried from Jira first."""
        incident = notice.incident
        if incident is None or notice.action is not Action.INFORM:
            return []
        memory, requests = dict(notice.memory), []
        if _whole(notice) and not memory.get("issue"):
            requests.append(self._api.site.shown("POST", "/issue", {"fields": self._fields(notice, incident)}))
        elif _whole(notice):
            path = f"/issue/{memory['issue']}"
            changed = self._changed(incident, memory)
            news = ticket.news(notice.events, memory.get("said", 0))
            requests += [self._api.site.shown("PUT", path, {"fields": changed})] if changed else []
            text = {"body": self._api.text(ticket.comment(news, incident))} if news else None
            requests += [self._api.site.shown("POST", f"{path}/comment", text)] if text else []
        for item in ticket.items(notice.events, incident):
            key = memory.get("actions", {}).get(str(item.n))
            fields = self._item_fields(item, notice, incident, memory.get("issue"), fresh=key is None)
            method, path = ("POST", "/issue") if key is None else ("PUT", f"/issue/{key}")
            requests.append(self._api.site.shown(method, path, {"fields": fields}))
        return requests

    async def deliver(self, notice: Notice) -> Receipt:
        """Create missing tickets, and change existing ones, after searching for tickets of an earlier attempt."""
        incident = notice.incident
        if incident is None or notice.action is not Action.INFORM:
            raise DeliveryError("refused", "Jira accepts only tickets of incidents", permanent=True)
        memory, warnings = self._memory(notice, incident), list[str]()
        items = ticket.items(notice.events, incident)
        known = memory.setdefault("actions", {})
        whole = _whole(notice)
        lacking = (whole and not memory.get("issue")) or any(str(item.n) not in known for item in items)
        if notice.repeat and lacking:
            await self._find(notice, incident, memory)
        if whole:
            warnings += await self._incident(notice, incident, memory)
        for item in items:
            warnings += await self._item(item, notice, incident, memory)
        self._begun.pop(incident.uid, None)
        ref = memory.get("issue") if whole else known.get(str(items[-1].n)) if items else memory.get("issue")
        return Receipt(ref=ref, memory=memory, warning="; ".join(warnings) or None)

    async def probe(self, notice: Notice) -> Receipt:
        """Query tickets of a label that none has."""
        project, label = self.settings.project, quoted(f"{ticket.OURS}-test")
        await self._api.search(f"project = {quoted(project)} AND labels = {label} ORDER BY created ASC", notice.now)
        return Receipt(ref=project)

    async def changed(self, since: timedelta, now: datetime) -> Sequence[Ticket]:
        """Return our tickets that changed in Jira since then, oldest first. Raises DeliveryError."""
        minutes = max(1, ceil(since.total_seconds() / 60))
        # Relative, because an absolute time would be interpreted in the account's time zone.
        jql = (
            f"project = {quoted(self.settings.project)} AND labels = {quoted(ticket.OURS)} "
            f'AND updated >= "-{minutes}m" ORDER BY updated ASC'
        )
        found = (read_ticket(issue) for issue in await self._api.search(jql, now))
        return [one for one in found if one is not None]

    def recognised(self, ticket: Ticket, memory: Mapping[str, Any]) -> Ticket | None:
        """Leave out a copy, which has all labels of its original, and add the state that this service has set."""
        if ticket.action is None:
            key, moved = memory.get("issue"), memory.get("reached")
        else:
            key, moved = (memory.get(name, {}).get(str(ticket.action)) for name in ("actions", "taken"))
        if key is not None and key != ticket.key:
            return None
        return ticket.model_copy(update={"moved": TicketStatus(moved) if moved else None})

    def _memory(self, notice: Notice, incident: Incident) -> dict[str, Any]:
        # Steps of a failed attempt of this process are not repeated, unless another process has continued since.
        before, begun = self._begun.get(incident.uid, ({}, {}))
        if not begun or before != notice.memory:
            begun = copy.deepcopy(notice.memory)
            if len(self._begun) >= BEGUN:
                self._begun.clear()
            self._begun[incident.uid] = (copy.deepcopy(notice.memory), begun)
        return begun

    async def _find(self, notice: Notice, incident: Incident, memory: dict[str, Any]) -> None:
        mine = quoted(ticket.label(incident.uid))
        jql = f"project = {quoted(notice.address)} AND labels = {mine} ORDER BY created ASC"
        for issue in await self._api.search(jql, notice.now):
            found, key = read_ticket(issue), issue.get("key")
            if found is None or not isinstance(key, str):
                continue
            if found.action is None:
                memory.setdefault("issue", key)
            else:
                memory["actions"].setdefault(str(found.action), key)

    async def _incident(self, notice: Notice, incident: Incident, memory: dict[str, Any]) -> list[str]:
        warnings: list[str | None] = []
        last = max([memory.get("said", 0), *(event.seq for event in notice.events)])
        wanted, moved = ticket.progress(incident), memory.get("moved", TicketStatus.NEW)
        if not memory.get("issue"):
            fields = self._fields(notice, incident)
            memory["issue"], warning = await self._api.create(fields, OPTIONAL, notice.now)
            memory |= {"summary": fields["summary"], "priority": self._priority(incident), "said": last}
            warnings.append(warning)
        elif memory.get("gone"):
            return [f"jira: {memory['issue']} is gone"]
        else:
            try:
                warnings.append(await self._tell(notice, incident, memory))
            except Gone:
                # A person deleted it; it is not created again.
                memory["gone"] = True
                return [f"jira: {memory['issue']} is gone"]
            memory["said"] = last
        reopened = any(event.kind is Kind.REOPENED for event in notice.events)
        if reopened or wanted not in (moved, TicketStatus.NEW):
            ways = (wanted, TicketStatus.BEGUN) if wanted is TicketStatus.NEW else (wanted,)
            reached, warning = await self._api.move(memory["issue"], ways, notice.now)
            warnings.append(warning)
            memory["moved"] = wanted.value
            if reached:
                memory["reached"] = reached.value
        return [warning for warning in warnings if warning]

    async def _tell(self, notice: Notice, incident: Incident, memory: dict[str, Any]) -> str | None:
        key, warning = memory["issue"], None
        changed = self._changed(incident, memory)
        if changed:
            warning = await self._api.update(key, changed, OPTIONAL, notice.now)
            memory |= {"summary": ticket.summary(incident), "priority": self._priority(incident)}
        news = ticket.news(notice.events, memory.get("said", 0))
        if news:
            told = notice.repeat and ticket.mark(incident, news[-1].seq) in await self._api.comments(key, notice.now)
            if not told:
                await self._api.comment(key, ticket.comment(news, incident), notice.now)
        return warning

    async def _item(self, item: ActionItem, notice: Notice, incident: Incident, memory: dict[str, Any]) -> list[str]:
        keys, warnings = memory["actions"], list[str | None]()
        key, now = keys.get(str(item.n)), notice.now
        fresh = key is None
        fields = self._item_fields(item, notice, incident, memory.get("issue"), fresh=fresh)
        wanted = ticket.item_progress(item)
        if key is None:
            key, warning = await self._api.create(fields, OPTIONAL, now)
            keys[str(item.n)] = key
            warnings.append(warning)
        try:
            if not fresh:
                warnings.append(await self._api.update(key, fields, OPTIONAL, now))
            if (fresh and wanted is TicketStatus.DONE) or ticket.restated(notice.events, item.n):
                ways = (wanted, TicketStatus.BEGUN) if wanted is TicketStatus.NEW else (wanted,)
                reached, warning = await self._api.move(key, ways, now)
                warnings.append(warning)
                if reached:
                    memory.setdefault("taken", {})[str(item.n)] = reached.value
        except Gone:
            warnings.append(f"jira: {key} is gone")
        return [warning for warning in warnings if warning]

    def _priority(self, incident: Incident) -> str | None:
        return self.settings.priorities.get(incident.severity)

    def _changed(self, incident: Incident, memory: dict[str, Any]) -> Body:
        fields: Body = {}
        if ticket.summary(incident) != memory.get("summary"):
            fields["summary"] = ticket.summary(incident)
        priority = self._priority(incident)
        if priority and priority != memory.get("priority"):
            fields["priority"] = {"name": priority}
        return fields

    def _fields(self, notice: Notice, incident: Incident) -> Body:
        priority = self._priority(incident)
        return {
            "project": {"key": notice.address},
            "issuetype": {"name": self.settings.issue_type},
            "summary": ticket.summary(incident),
            "description": self._api.text(ticket.description(notice, incident)),
            "labels": ticket.labels_of(incident),
            **({"priority": {"name": priority}} if priority else {}),
        }

    def _item_fields(
        self, item: ActionItem, notice: Notice, incident: Incident, issue: str | None, *, fresh: bool
    ) -> Body:
        fields: Body = {"summary": ticket.item_summary(item, incident)}
        if item.due:
            fields["duedate"] = item.due.isoformat()
        account = notice.accounts.get(item.owner)
        if account:
            fields["assignee"] = {"id" if self._api.cloud else "name": account}
        if not fresh:
            return fields
        return {
            "project": {"key": notice.address},
            "issuetype": {"name": self.settings.action_issue_type},
            "description": self._api.text(ticket.promise(item, notice, incident, issue)),
            "labels": ticket.labels_of(incident, item.n),
            **fields,
        }


def _whole(notice: Notice) -> bool:
    # For an incident without a ticket, only its action items get tickets.
    return not notice.events or any(event.kind not in ticket.ITEMS for event in notice.events)
