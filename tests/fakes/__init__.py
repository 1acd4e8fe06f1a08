"""Fake vendors: each checks requests as the vendor would, and keeps a ledger of the requests that it accepted."""

from __future__ import annotations

from tests.fakes.confluence import FakeConfluence
from tests.fakes.grafana import FakeGrafana
from tests.fakes.hook import FakeHook
from tests.fakes.jira import FakeJira
from tests.fakes.ntfy import FakeNtfy
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.slack import FakeSlack
from tests.fakes.statuspage import FakeStatuspage
from tests.fakes.twilio import FakeTwilio
from tests.fakes.vendor import Answer, Ledger, Site, Vendor

__all__ = [
    "Answer",
    "FakeConfluence",
    "FakeGrafana",
    "FakeHook",
    "FakeJira",
    "FakeNtfy",
    "FakePagerDuty",
    "FakeSlack",
    "FakeStatuspage",
    "FakeTwilio",
    "Ledger",
    "Site",
    "Vendor",
]
