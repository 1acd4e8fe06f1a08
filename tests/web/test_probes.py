"""The probes depend only on this process; the metrics have the requested format."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from receiver.config import Config
from receiver.pipeline.store_outage.store_monitor import STRIKES
from receiver.store.client.store_errors import StoreUnreachable
from tests.fakes import Answer
from tests.stories.world import alert, notification
from tests.web.conftest import House, Opened


async def test_a_live_replica_says_how_its_parts_are(house: House) -> None:
    await house.replica.work.guarded_poll()
    status, said = await house.get("/healthz")
    assert status == 200
    assert said["status"] == "ok"
    assert said["store"] == {"up": True, "durability": "fsync", "away_seconds": 0}
    assert said["channels"]["pager"] == "complete"
    assert said["channels"]["hook"] == "off"


async def test_a_key_that_the_pager_refuses_stands_there_until_it_is_accepted(house: House) -> None:
    house.world.pagerduty.script.extend([Answer(status=403)] * 20)
    await house.world.post(notification(alert("ApiDown")))
    for path in ("/healthz", "/readyz"):
        assert (await house.get(path))[1]["channels"]["pager"] == "key refused"
    house.world.pagerduty.script.clear()
    await house.world.forward("1m")
    assert (await house.get("/healthz"))[1]["channels"]["pager"] == "complete"


async def gone(limit: float) -> None:
    raise StoreUnreachable("gone")


async def test_health_and_readiness_outlive_the_store(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.replica.monitor.probe, "round_trips", gone)
    for _ in range(STRIKES):
        await house.replica.monitor.check()
    house.world.clock.forward("10s")
    for path in ("/healthz", "/readyz"):
        status, said = await house.get(path)
        assert (status, said["store"]["up"], said["store"]["away_seconds"]) == (200, False, 10)


async def test_a_loop_that_stands_still_for_half_a_minute_is_not_alive(house: House) -> None:
    house.world.clock.forward(timedelta(seconds=29) - timedelta(seconds=house.world.clock.monotonic()))
    assert (await house.get("/healthz"))[0] == 200
    house.world.clock.forward("2s")
    status, said = await house.get("/healthz")
    assert (status, said["status"]) == (503, "stuck")
    assert (await house.get("/readyz"))[0] == 200, "the other probe reports that"


async def test_ready_is_between_start_and_drain(house: House) -> None:
    house.state.ready = False
    assert (await house.get("/readyz"))[0] == 503
    house.state.ready = True
    assert (await house.get("/readyz"))[0] == 200
    house.state.draining = True
    status, said = await house.get("/readyz")
    assert (status, said["status"]) == (503, "draining")
    assert (await house.get("/healthz"))[0] == 200


async def test_metrics_as_text(house: House) -> None:
    async with house.client.get(
        "/metrics", headers={"Accept": "text/plain", "Accept-Encoding": "identity"}
    ) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        assert "Content-Encoding" not in response.headers
        names = {family.name for family in text_string_to_metric_families(await response.text())}
    assert {"receiver_webhooks", "receiver_store_up", "receiver_build_info"} <= names


async def test_metrics_as_openmetrics_and_packed_when_asked(house: House) -> None:
    asked = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "Accept-Encoding": "gzip"}
    async with house.client.get("/metrics", headers=asked) as response:
        assert response.headers["Content-Type"].startswith("application/openmetrics-text")
        assert response.headers["Content-Encoding"] == "gzip"
        assert (await response.text()).endswith("# EOF\n")
    async with house.client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"}) as response:
        assert "Content-Encoding" not in response.headers


async def test_every_answer_carries_the_headers_and_none_names_the_server(house: House) -> None:
    for path in ("/", "/healthz", "/metrics", "/status", "/nothing", "/api/v1/incidents", "/webhooks/alertmanager"):
        async with house.client.get(path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert "unsafe" not in response.headers["Content-Security-Policy"]
            # Browsers send `Origin: null` with a form of a page that has no-referrer.
            assert response.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
            assert response.headers["Cache-Control"] == ("public, max-age=15" if path == "/status" else "no-store")
            assert "Server" not in response.headers


async def test_short_tokens_are_told_where_others_reach_the_service(opened: Opened) -> None:
    def exposed(config: Config) -> Config:
        return config.model_copy(update={"server": config.server.model_copy(update={"listen": "0.0.0.0:8080"})})

    house = await opened(exposed)
    short = sum(len(one.token.get_secret_value()) in range(1, 16) for one in house.parts.config.auth.tokens)
    assert short >= 3
    for path in ("/healthz", "/readyz"):
        _, said = await house.get(path, {})
        assert said["tokens"] == {"short": short}
