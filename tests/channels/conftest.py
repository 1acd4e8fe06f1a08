"""A channel of each kind, wired to its fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from receiver.channels.base import Channel
from receiver.channels.confluence import Confluence, ConfluenceSettings
from receiver.channels.grafana import Grafana, GrafanaSettings
from receiver.channels.http import Http
from receiver.channels.jira import Jira, JiraSettings
from receiver.channels.log import Log, LogSettings
from receiver.channels.pagerduty import PagerDuty, PagerDutySettings
from receiver.channels.slack import Slack, SlackSettings
from receiver.channels.statuspage import Statuspage, StatuspageSettings
from receiver.channels.webhook import Webhook, WebhookSettings
from receiver.model.notice import Action, Notice
from tests.channels.notices import ROUTING_KEY, notice, public_news
from tests.fakes import (
    FakeConfluence,
    FakeGrafana,
    FakeHook,
    FakeJira,
    FakePagerDuty,
    FakeSlack,
    FakeStatuspage,
    Site,
    Vendor,
)
from tests.fakes import grafana as fake_grafana
from tests.fakes import jira as fake_jira
from tests.fakes import statuspage as fake_page
from tests.fakes.slack import TOKEN

HOOK_SECRET = "hook-secret-7f21"
SIGNING_SECRET = "signing-secret-91ab"
TIMEOUT = 0.25


@dataclass
class Wired:
    """A channel, the fake that it talks to, and what must never be seen outside."""

    channel: Channel[Any]
    vendor: Vendor
    site: Site
    notice: Notice
    secrets: tuple[str, ...]


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http(connect=TIMEOUT, total=5)
    yield http
    await http.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(
        FakePagerDuty(),
        FakeSlack(),
        FakeHook(secret=HOOK_SECRET),
        FakeJira(),
        FakeConfluence(),
        FakeGrafana(),
        FakeStatuspage(),
    )
    await site.start()
    yield site
    await site.stop()
    assert site.mistakes() == []


def jira_settings(site: Site, **changes: Any) -> JiraSettings:
    """Return the settings of a project at the fake."""
    values = {"api_url": site.url, "project": "OPS", "user": fake_jira.USER, "token": fake_jira.TOKEN}
    return JiraSettings.model_validate({**values, **changes})


def wiki_settings(site: Site, **changes: Any) -> ConfluenceSettings:
    """Return the settings of a space at the fake: a server, for which the first call is the one that writes."""
    values = {"flavor": "server", "api_url": site.url, "space": "OPS", "token": fake_jira.TOKEN}
    return ConfluenceSettings.model_validate({**values, **changes})


def wire(kind: str, site: Site, http: Http) -> Wired:
    """Return the channel of this kind, set up against the fakes of `site`."""
    fakes = {vendor.name: vendor for vendor in site.vendors}
    pagerduty, slack, hook = fakes["pagerduty"], fakes["slack"], fakes["hook"]
    if kind == "pagerduty":
        pager = PagerDuty("pager", PagerDutySettings(api_url=site.url), http)
        return Wired(pager, pagerduty, site, notice(Action.TRIGGER), (ROUTING_KEY,))
    if kind == "slack":
        settings = SlackSettings(
            api_url=f"{site.url}/api", bot_token=TOKEN, signing_secret=SIGNING_SECRET, channel="#incidents"
        )
        return Wired(Slack("chat", settings, http), slack, site, notice(), (TOKEN, SIGNING_SECRET, ROUTING_KEY))
    if kind == "webhook":
        url = f"{site.url}/hook?token=path-secret-33"
        sender = Webhook("hook", WebhookSettings(url=url, secret=HOOK_SECRET), http)
        return Wired(sender, hook, site, notice(), (HOOK_SECRET, "path-secret-33", ROUTING_KEY))
    if kind == "jira":
        made = Jira("tickets", jira_settings(site), http)
        secrets = (fake_jira.TOKEN, made._api.site.secrets[1], ROUTING_KEY)
        return Wired(made, fakes["jira"], site, notice(address="OPS"), secrets)
    if kind == "confluence":
        wiki = Confluence("wiki", wiki_settings(site), http)
        return Wired(wiki, fakes["confluence"], site, notice(Action.DOCUMENT, address="OPS"), (fake_jira.TOKEN,))
    if kind == "grafana":
        graphs = Grafana("graphs", GrafanaSettings(api_url=site.url, token=fake_grafana.TOKEN), http)
        return Wired(graphs, fakes["grafana"], site, notice(), (fake_grafana.TOKEN, ROUTING_KEY))
    if kind == "statuspage":
        told = StatuspageSettings(
            api_url=site.url, page_id=fake_page.PAGE, api_key=fake_page.KEY, components={"api": "cmp-api"}
        )
        page = Statuspage("status", told, http)
        public = notice(address=fake_page.PAGE, public=public_news())
        return Wired(page, fakes["statuspage"], site, public, (fake_page.KEY, ROUTING_KEY))
    if kind == "log":
        return Wired(Log("log", LogSettings(), http), hook, site, notice(Action.TRIGGER), (ROUTING_KEY,))
    raise AssertionError(f"the contract test knows no fake for {kind!r}: add one here")


@pytest.fixture
def slack(site: Site, http: Http) -> Wired:
    return wire("slack", site, http)


@pytest.fixture
def pager(site: Site, http: Http) -> Wired:
    return wire("pagerduty", site, http)


@pytest.fixture
def hook(site: Site, http: Http) -> Wired:
    return wire("webhook", site, http)


@pytest.fixture
def jira(site: Site, http: Http) -> Wired:
    return wire("jira", site, http)


@pytest.fixture
def wiki(site: Site, http: Http) -> Wired:
    return wire("confluence", site, http)


@pytest.fixture
def graphs(site: Site, http: Http) -> Wired:
    return wire("grafana", site, http)
