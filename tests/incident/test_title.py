"""Titles of incidents: distinguishable, the same on every replica, and permanent."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels import apprise, pagerduty, webhook
from receiver.channels.email import incident_email
from receiver.channels.jira import ticket_text
from receiver.channels.slack import incident_message
from receiver.incident.title import LIMIT, named, telling
from receiver.model.alert.alert import Alert, AlertStatus, parse_notification
from receiver.model.severity import Severity
from tests.channels import notices
from tests.incident.kubernetes_month import ALERTS, EVERY, Firing, month

PAYLOADS = Path(__file__).parents[1] / "samples" / "upstream" / "payloads"


def alert(labels: dict[str, str], **annotations: str) -> Alert:
    return Alert(status=AlertStatus.FIRING, labels={"alertname": "A", **labels}, annotations=annotations)


def title(*alerts: Alert, apart: tuple[str, ...] = ()) -> str:
    grouped = {name: alerts[0].labels[name] for name in apart}
    return named(alerts[0], alerts, Severity.SEV2, grouped).title


def title_of(path: str) -> str:
    said = parse_notification((PAYLOADS / path).read_bytes())
    return named(said.alerts[0], said.alerts, Severity.SEV2, said.group_labels).title


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("81-two-pods-same-title/1.json", "KubeDeploymentReplicasMismatch: payments/api - "
         "Deployment has not matched the expected number of replicas."),
        ("81-two-pods-same-title/2.json", "KubeDeploymentReplicasMismatch: search/indexer - "
         "Deployment has not matched the expected number of replicas."),
        ("60-kube-service-label/payload.json", "KubePodCrashLooping: payments/api-6d - Pod is crash looping."),
        ("61-grouped-by-namespace/payload.json", "KubeJobFailed: payments"),
        ("82-second-critical-joins-acked/1.json", "PostgresDown: shop"),
        ("83-two-teams/payments.json", "ApiErrors: payments-prod/payments"),
        ("83-two-teams/search.json", "ApiErrors: search-prod/search"),
        ("19-utf8-labels/payload.json", "Überlast 🔥: eu/zahlung/s-1 - Überlast auf {{host}}"),
    ],
)  # fmt: skip
def test_titles_of_public_alerts(path: str, expected: str) -> None:
    found = title_of(path)
    assert len(found) <= LIMIT
    assert found == expected or ("…" in found and found.startswith(expected[:60]) and found.endswith(expected[-20:]))


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ({"namespace": "checkout", "pod": "payments-7f9c"}, ("checkout", "payments-7f9c")),
        ({"pod": "p", "namespace": "n", "cluster": "c", "container": "x", "instance": "i"}, ("c", "n", "p")),
        ({"namespace": "monitoring", "pod": "node-exporter-x2v", "job": "node-exporter", "instance": "n1:9100",
          "mountpoint": "/var", "device": "/dev/sdb"}, ("n1:9100", "/dev/sdb")),
        ({"job": "blackbox", "instance": "https://shop.example/"}, ("https://shop.example/",)),
        ({"job": "kube-state-metrics", "instance": "10.0.0.1:8080", "namespace": "a", "deployment": "b"}, ("a", "b")),
        ({"service": "checkout-api", "severity": "critical", "team": "pay"}, ("checkout-api",)),
        ({"job": "etcd"}, ("etcd",)),
        ({"job": "etcd", "instance": "e-1"}, ("e-1",)),
        ({"environment": "staging", "team": "x"}, ("staging",)),
        ({"job": "node", "team": "x"}, ("node", "x")),
        ({"k8s.namespace.name": "n", "service.name": "s"}, ("n", "s")),
        ({"queue": " "}, ()),
        ({"foo": "bar"}, ()),
    ],
)  # fmt: skip
def test_which_labels_tell_an_incident_apart(labels: dict[str, str], values: tuple[str, ...]) -> None:
    assert telling({"alertname": "A", **labels}, {}) == values


def test_what_alerts_are_grouped_by_comes_before_what_else_might_tell() -> None:
    labels = {"cluster": "c", "namespace": "n", "deployment": "d", "shard": "7"}
    assert telling(labels, {"shard": "7", "namespace": "n"}) == ("c", "n", "7")
    assert telling(labels, {}) == ("c", "n", "d")


LABELS = {"cluster": "eu", "namespace": "shop", "deployment": "api", "pod": "api-7f9c", "container": "app",
          "job": "kube-state-metrics", "instance": "10.2.0.9:8443", "service": "kube-state-metrics"}  # fmt: skip


@pytest.mark.parametrize(
    ("apart", "expected"),
    [
        # The pod identifies its deployment, and the scrape target adds nothing.
        ("cluster namespace deployment pod", "A: eu/shop/api-7f9c"),
        ("job instance service cluster namespace deployment pod", "A: eu/shop/api-7f9c"),
        ("job instance service namespace container", "A: eu/shop/app"),
        ("cluster namespace pod container", "A: eu/shop/api-7f9c"),
    ],
)
def test_of_more_than_three_labels_those_are_named_that_say_most(apart: str, expected: str) -> None:
    found = title(alert(LABELS, summary="s" * 20), apart=tuple(apart.split()))
    assert re.fullmatch(re.escape(expected) + r" \([0-9a-f]{7}\) - s{20}", found), found


def test_a_mark_follows_where_three_values_cannot_tell_groups_apart() -> None:
    by = ("cluster", "namespace", "pod", "container")
    both = [title(alert(LABELS | {"container": name}), apart=by) for name in ("app", "proxy")]
    assert both[0] != both[1]
    assert title(alert(LABELS), apart=by[:3]) == "A: eu/shop/api-7f9c"
    # The last label repeats the information, so nothing is omitted.
    assert title(alert({"namespace": "n", "service": "api", "job": "api"}, summary="Down"),
                 apart=("namespace", "service", "job")) == "A: n/api - Down"  # fmt: skip


def test_a_mark_tells_the_groups_of_two_receivers_apart() -> None:
    group = {"cluster": "eu", "namespace": "shop", "pod": "api-7f9c", "container": "app"}
    alerts = [alert(LABELS)]
    made = [named(alerts[0], alerts, Severity.SEV2, group, name) for name in ("critical", "default", "")]
    assert len({one.mark for one in made}) == 3
    assert [one.title for one in made] == [f"A: eu/shop/api-7f9c ({one.mark})" for one in made]
    # If the values cover all grouping labels, nothing in the alerts identifies the other receiver.
    few = {"namespace": "shop", "pod": "api-7f9c"}
    assert len({named(alerts[0], alerts, Severity.SEV2, few, name).title for name in ("critical", "default")}) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Values that would look equal: truncated in the middle, repeated, with slashes, spaces, or a severity.
        ({"pod": "a" * 60 + "1" + "b" * 40}, {"pod": "a" * 60 + "2" + "b" * 40}),
        ({"namespace": "a", "service": "a", "job": "b"}, {"namespace": "a", "service": "b", "job": "b"}),
        ({"instance": "http://x/", "job": "y/z"}, {"instance": "http://x//y", "job": "z"}),
        ({"instance": "x/, y", "job": "z"}, {"instance": "x/", "job": "y, z"}),
        ({"queue": "a  b"}, {"queue": "a b"}),
        ({"namespace": "n", "severity": "warning"}, {"namespace": "n", "severity": "critical"}),
        ({"namespace": "n", "uid": "1"}, {"namespace": "n", "uid": "2"}),
        ({"namespace": "n", "pod": " "}, {"namespace": "n", "pod": "  "}),
        ({"alertname": "A" * 70 + "1" + "B" * 60}, {"alertname": "A" * 70 + "2" + "B" * 60}),
        # A fixed summary may contain a value by chance.
        ({"namespace": "web"}, {"namespace": "search"}),
    ],
)
def test_no_two_groups_are_called_alike(first: dict[str, str], second: dict[str, str]) -> None:
    found = {title(alert(labels, summary="Web search is slow"), apart=tuple(labels)) for labels in (first, second)}
    assert len(found) == 2
    assert max(map(len, found)) <= LIMIT


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["namespace", "pod", "cluster", "job", "service", "foo", "severity"]),
            st.text("ab/, -", max_size=70), min_size=1,
        ),
        min_size=2, max_size=2,
    )
)  # fmt: skip
def test_groups_by_the_same_labels_are_never_called_alike(both: list[dict[str, str]]) -> None:
    by = sorted({*both[0], *both[1]})
    groups = [{name: one.get(name) or "x" for name in by} for one in both]
    found = [title(alert(group, summary="a is b"), apart=tuple(by)) for group in groups]
    assert (found[0] == found[1]) == (groups[0] == groups[1])


def test_only_labels_that_all_alerts_share_are_named() -> None:
    first, second = alert({"namespace": "n", "pod": "a"}), alert({"namespace": "n", "pod": "b"})
    assert title(first) == "A: n/a"
    assert title(first, second) == title(second, first) == "A: n"


def test_a_summary_that_says_it_all_is_not_made_longer() -> None:
    assert title(alert({"service": "api"}, summary="errors on api are 7 %")) == "A: errors on api are 7 %"
    assert title(alert({"service": "db"}, summary="errors on api are 7 %")) == "A: db - errors on api are 7 %"
    assert title(alert({"service": "api"}, summary="The API is down")) == "A: The API is down"
    assert title(alert({"service": "p"}, summary="The API is down")) == "A: p - The API is down"
    assert title(alert({"service": "api"}, summary="the api-gateway is down")) == "A: api - the api-gateway is down"
    assert title(alert({}, summary="two\n lines")) == "A: two lines"
    assert title(alert({})) == "A"


@given(
    st.dictionaries(st.sampled_from(["namespace", "pod", "cluster", "foo"]), st.text(max_size=200)),
    st.text(max_size=400),
    st.text(min_size=1, max_size=300),
)
def test_a_title_has_its_limit_whatever_is_in_it(labels: dict[str, str], summary: str, name: str) -> None:
    found = title(alert({**labels, "alertname": name}, summary=summary))
    assert 0 < len(found) <= LIMIT


def test_both_ends_of_what_is_too_long_are_kept() -> None:
    found = title(alert({"namespace": "n" * 80, "pod": "start" + "p" * 90 + "end"}, summary="s" * 300))
    assert len(found) <= LIMIT
    assert "start" in found
    assert "end" in found


def sent(one: Firing, index: int) -> dict[str, str]:
    """Return the title of `one`'s incident in each channel, with the same id in all."""
    alerts = [Alert(status=AlertStatus.FIRING, labels=labels, annotations=notes) for labels, notes in one.alerts]
    incident = notices.incident(
        id="INC-2026-0001",
        title=named(alerts[0], alerts, Severity.SEV2, one.group).title,
        severity=Severity.SEV2,
        service=None,
        names=(alerts[0].name,),
    )
    notice = notices.notice(incident=incident)
    header: Any = incident_message.message(notice)[0]
    return {
        "title": incident.title,
        "pagerduty": pagerduty.summary_of(incident),
        "slack": header["text"]["text"],
        "slack line": incident_message.summary(notice),
        "mail": incident_email.subject_of(notice),
        "ticket": ticket_text.summary(incident),
        "apprise": apprise.message(notice)[0],
        "webhook": json.dumps(webhook.payload(notice)["data"]["incident"]["title"]),
    }


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    ("seed", "also"),
    [
        (1, ()),
        (2, ()),
        (3, ("severity",)),
        (4, ("namespace", "job", "service", "severity")),
        (5, ("container", "pod", "instance", "job")),
        (6, ("namespace", "pod", "node", "device", "mountpoint", "job", "prometheus", "endpoint")),
        (7, EVERY),
    ],
)
def test_no_two_incidents_of_a_month_are_called_alike_within_an_hour(
    seed: int, also: tuple[str, ...], bare: bool
) -> None:
    seen: dict[tuple[str, str], dict[str, tuple[Any, dict[str, str]]]] = defaultdict(dict)
    firings = list(month(seed, also=also, bare=bare))
    assert len(firings) > 700
    clashes = defaultdict(list)
    for index, one in enumerate(firings):
        for channel, text in sent(one, index).items():
            alike = seen[channel, text]
            for at, group in alike.values():
                if group != one.group and one.at - at < timedelta(hours=1):
                    clashes[channel].append((text, group, one.group))
            alike[json.dumps(one.group)] = (one.at, one.group)
    assert clashes == {}


def test_the_generator_makes_what_would_clash() -> None:
    # With fixed summaries only, as in titles of earlier releases, most of the month has equal titles.
    texts = [f"{one.group['alertname']}: {one.alerts[0][1]['summary']}" for one in month(1)]
    assert len(set(texts)) <= len(ALERTS)


def test_every_replica_writes_the_same() -> None:
    for one in list(month(3))[:200]:
        alerts = [Alert(status=AlertStatus.FIRING, labels=labels, annotations=notes) for labels, notes in one.alerts]
        first = named(alerts[0], alerts, Severity.SEV2, one.group).title
        again = [one.model_copy(update={"labels": dict(reversed(one.labels.items()))}) for one in alerts]
        assert named(again[0], list(reversed(again)), Severity.SEV2, dict(reversed(one.group.items()))).title == first
