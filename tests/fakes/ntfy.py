"""ntfy's server according to its documentation (docs.ntfy.sh, 2.16), and the phones that subscribe to its topics.

Publishing as JSON and as plain text, access control with tokens, sequence ids, `/json` and `/ws` streams with `since`,
polling with a filter, and the rate limit of a visitor. `python -m tests.fakes.ntfy --port-file F` serves only this
fake.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import signal
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.vendor import Ledger, Site, Vendor

TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
MESSAGE_LIMIT = 4096
KEEPALIVE = 45.0
TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
REPLIES = "receiver-answers"


class FakeNtfy(Vendor):
    """Keeps all messages of each topic, and the notifications that subscribed phones show."""

    name = "ntfy"

    def __init__(self, ledger: Ledger | None = None, prefix: str = "/ntfy") -> None:
        super().__init__(ledger)
        self.prefix = prefix
        self.access: dict[str, dict[str, str]] = {TOKEN: {"*": "rw"}, "": {REPLIES: "w"}}
        """The access (`r`, `w`) to topics that match a pattern, by token; "" applies to everyone."""
        self.messages: list[dict[str, Any]] = []
        self.sounds: list[tuple[str, str]] = []
        """Topic and sequence id of each notification that made a phone sound."""
        self.shown: dict[tuple[str, str], dict[str, Any]] = {}
        """The notifications that phones show now, by topic and sequence id."""
        self.streams = 0
        """The number of subscriptions so far."""
        self.gone: list[asyncio.Event] = []
        """One event for each open stream; setting it ends the stream."""
        self.scheduled: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        """Scheduled messages, by topic and sequence id."""
        self.down = False
        """Whether new streams are refused."""
        self._fresh = asyncio.Condition()

    @property
    def seen(self) -> int:
        return len(self.sounds)

    def routes(self) -> list[web.RouteDef]:
        at = self.prefix
        return [
            web.post(at or "/", self.handle), web.put(at or "/", self.handle),
            web.post(f"{at}/{{topic}}", self.handle), web.put(f"{at}/{{topic}}", self.handle),
            web.put(f"{at}/{{topic}}/{{sequence}}/clear", self.handle),
            web.post(f"{at}/{{topic}}/{{sequence}}", self.handle), web.put(f"{at}/{{topic}}/{{sequence}}", self.handle),
            web.delete(f"{at}/{{topic}}/{{sequence}}", self.handle),
            web.get(f"{at}/{{topics}}/auth", self.authorized), web.get(f"{at}/{{topics}}/json", self.stream),
            web.get(f"{at}/{{topics}}/ws", self.socket),
        ]  # fmt: skip

    def limits(self, request: web.Request, body: Any) -> list[tuple[str, int, float]]:
        # 60 at once, then one every 5 s: at most 120 within 5 minutes.
        return [("visitor", 60, 30), ("visitor", 120, 300)]

    def limited(self) -> dict[str, Any]:
        return refusal(42901, "limit reached: too many requests")

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        said, code, errors = self._read(request, body, raw)
        if errors:
            return code // 100, refusal(code, errors[0]), errors
        return 200, said, []

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        said, code, errors = self._read(request, body, raw)
        if errors:
            return code // 100, refusal(code, errors[0]), errors
        delay = seconds(said.pop("delay", None))
        where = (said["topic"], said["sequence_id"])
        self.scheduled.pop(where, None)
        if delay is not None:
            said["time"] += int(delay)
            self.scheduled[where] = (time.time() + delay, said)
        else:
            self.publish(said)
        return 200, said, []

    def publish(self, said: dict[str, Any]) -> None:
        """Send a message to all subscribers of its topic."""
        self.messages.append(said)
        where = (said["topic"], said["sequence_id"])
        if said["event"] == "message":
            self.shown[where] = said
            self.sounds += [where] if said.get("priority", 3) > 2 or said["topic"] == REPLIES else []
        else:
            self.shown.pop(where, None)
        task = asyncio.ensure_future(self._wake())
        task.add_done_callback(lambda done: done.exception())

    async def _wake(self) -> None:
        async with self._fresh:
            self._fresh.notify_all()

    def _read(self, request: web.Request, body: Any, raw: bytes) -> tuple[dict[str, Any], int, list[str]]:
        match = request.match_info
        said: dict[str, Any] = {"id": secrets.token_hex(6)[:12], "time": int(time.time()), "event": "message"}
        if "topic" not in match:
            if len(raw) > 2 * MESSAGE_LIMIT:
                return {}, 41303, ["JSON body too large"]
            if not isinstance(body, dict) or not isinstance(body.get("topic"), str):
                return {}, 40017, ["invalid request: request body must be message JSON"]
            given = body
        else:
            headers = {name.lower().removeprefix("x-"): value for name, value in request.headers.items()}
            names = ("title", "priority", "tags", "click", "delay", "in")
            given = {"message": raw.decode("utf-8", "replace"), **{n: headers[n] for n in names if n in headers}}
            given["delay"] = given.pop("in", given.get("delay"))
            given["priority"] = int(given["priority"]) if "priority" in given else None
            given["topic"] = match["topic"]
        sequence = match.get("sequence") or given.get("sequence_id") or said["id"]
        code, error = self._wrong(request, given, sequence)
        if error:
            return {}, code, [error]
        said |= {"topic": given["topic"], "sequence_id": sequence}
        if "sequence" in match and (request.method == "DELETE" or request.path.endswith("/clear")):
            said["event"] = "message_delete" if request.method == "DELETE" else "message_clear"
            return said, 0, []
        kept = ("title", "message", "priority", "tags", "click", "actions", "delay")
        said |= {name: given[name] for name in kept if given.get(name) not in (None, "", [])}
        said.setdefault("message", "triggered")
        return said, 0, []

    def _wrong(self, request: web.Request, given: dict[str, Any], sequence: str) -> tuple[int, str]:
        topic, actions = given["topic"], given.get("actions") or []
        if not TOPIC.fullmatch(topic):
            return 40009, "invalid request: topic invalid"
        refused = self._refused(request, topic, "w")
        if refused:
            return refused
        if not TOPIC.fullmatch(str(sequence)):
            return 40049, "invalid request: sequence ID invalid"
        if given.get("priority") not in (None, 1, 2, 3, 4, 5):
            return 40007, "invalid priority parameter"
        if len(str(given.get("message") or "").encode("utf-8", "surrogatepass")) > MESSAGE_LIMIT:
            return 40014, "invalid request: attachments not allowed"
        if len(actions) > 3 or not all(_action(one) for one in actions):
            return 40018, "invalid request: actions invalid"
        delay = seconds(given.get("delay"))
        if given.get("delay") is not None and delay is None:
            return 40004, "invalid delay parameter: unable to parse delay"
        if delay is not None and not 10 <= delay <= 3 * 86400:
            return (40005 if delay < 10 else 40006), "invalid delay parameter"
        return 0, ""

    def _refused(self, request: web.Request, topics: str, wanted: str) -> tuple[int, str] | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and given not in self.access:
            return 40101, "unauthorized"
        for topic in topics.split(","):
            rules = {**self.access[""], **self.access.get(given, {})}
            if not any(wanted in may for pattern, may in rules.items() if fnmatchcase(topic, pattern)):
                return 40301, "forbidden"
        return None

    async def authorized(self, request: web.Request) -> web.Response:
        """Return whether these topics may be read."""
        refused = self._refused(request, request.match_info["topics"], "r")
        if refused:
            return web.json_response(refusal(*refused), status=refused[0] // 100)
        return web.json_response({"success": True})

    def since(self, topics: list[str], text: str) -> list[dict[str, Any]]:
        """Return the messages of `topics` since a message id, a time or a duration; for an unknown id, all."""
        found = [one for one in self.messages if one["topic"] in topics]
        if text in ("", "none"):
            return []
        if text == "all":
            return found
        if (ago := seconds(text)) is not None:
            return [one for one in found if one["time"] >= time.time() - ago]
        if text.isdigit():
            return [one for one in found if one["time"] >= int(text)]
        index = next((number for number, one in enumerate(found) if one["id"] == text), -1)
        return found[index + 1 :]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Respond with one message per line until the client disconnects; with `poll`, only with existing messages."""
        topics = request.match_info["topics"].split(",")
        if refused := self._refused(request, request.match_info["topics"], "r"):
            return web.json_response(refusal(*refused), status=refused[0] // 100)
        if self.down:
            return web.json_response({"error": "starting"}, status=503)
        query = request.query
        if query.get("poll") == "1":
            found = self.since(topics, query.get("since", "all"))
            kept = [one for one in found if query.get("title") in (None, one.get("title"))]
            text = "".join(json.dumps(one) + "\n" for one in kept)
            return web.Response(text=text, content_type="application/x-ndjson")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
        await response.prepare(request)
        await self._follow(topics, query.get("since", ""), lambda text: response.write(f"{text}\n".encode()))
        return response

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """Do the same over a WebSocket."""
        if refused := self._refused(request, request.match_info["topics"], "r"):
            return web.json_response(refusal(*refused), status=refused[0] // 100)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self._follow(request.match_info["topics"].split(","), request.query.get("since", ""), socket.send_str)
        await socket.close()
        return socket

    async def _follow(self, topics: list[str], since: str, write: Any) -> None:
        self.streams += 1
        ended = asyncio.Event()
        self.gone.append(ended)
        opened = {"id": "open", "time": int(time.time()), "event": "open", "topic": ",".join(topics)}
        old, seen = self.since(topics, since), len(self.messages)
        try:
            for one in (opened, *old):
                await write(json.dumps(one))
            while not ended.is_set():
                async with self._fresh:
                    while len(self.messages) <= seen and not ended.is_set():
                        await self._fresh.wait()
                fresh, seen = self.messages[seen:], len(self.messages)
                for one in fresh:
                    if one["topic"] in topics and not ended.is_set():
                        await write(json.dumps(one))
        except ConnectionError:
            return
        finally:
            self.gone.remove(ended)

    async def cut_streams(self) -> None:
        """Close every stream, as a server restart does."""
        for one in list(self.gone):
            one.set()
        await self._wake()


def _action(one: Any) -> bool:
    if not isinstance(one, dict) or one.get("action") not in ("http", "view", "broadcast", "copy"):
        return False
    web_address = str(one.get("url", "")).startswith(("http://", "https://"))
    return bool(one.get("label")) and (web_address or one["action"] in ("broadcast", "copy"))


def seconds(text: Any) -> float | None:
    """Return a duration such as `30s`, `5m` or `12h` in seconds; None for anything else."""
    found = re.fullmatch(r"(\d+)(s|m|h|d)", str(text))
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]] if found else None


def refusal(code: int, error: str) -> dict[str, Any]:
    """Return an error in the server's format."""
    return {"code": code, "http": code // 100, "error": error, "link": "https://ntfy.sh/docs/publish/"}


async def serve(port_file: Path, ledger: Path | None) -> None:
    """Serve only this fake until SIGTERM."""
    vendor = FakeNtfy(Ledger(ledger), prefix="")
    site = Site(vendor, control=True)
    url = await site.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    fresh = port_file.with_suffix(".new")
    fresh.write_text(url.rpartition(":")[2], encoding="ascii")
    fresh.replace(port_file)
    await stopped.wait()
    await vendor.cut_streams()
    await site.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    given = parser.parse_args()
    asyncio.run(serve(given.port_file, given.ledger))
