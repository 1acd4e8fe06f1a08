"""A world in which people are paged on their phones, by a fake ntfy server in addition to the other vendors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from receiver.channels.ntfy.channel import NtfySettings
from receiver.config import Config
from receiver.model.incident.state import State
from receiver.model.oncall.schedule_settings import Person
from tests.fakes import FakeNtfy
from tests.fakes.ntfy import TOKEN
from tests.stories.world import World, reference

TOPICS = {
    "alice": "alice-7f3k9qxw2m4d", "bob": "bob-w8c1v5n0t6y2z", "carol": "carol-p4m7s2r9k1xq",
    "eng-lead": "lead-h3j6f8d1g5a9", "eng-lead-2": "lead2-b2c4e6g8i0k1",
}  # fmt: skip


class PhoneWorld(World):
    """Everyone in TOPICS has a phone; `pager` keeps PagerDuty on."""

    def __init__(self, store: str) -> None:
        super().__init__(store)
        self.ntfy = FakeNtfy()
        self.site.vendors = (*self.site.vendors, self.ntfy)
        self.pager = False
        """Whether people are paged by PagerDuty as well."""
        self.settings: dict[str, Any] = {}
        """More settings of the channel `push`."""
        self.people: dict[str, dict[str, Any]] = {}
        """More settings of people, by key."""
        self.change: Callable[[Config], Config] = lambda config: config
        self.more: dict[str, dict[str, Any]] = {}
        """More channels of kind ntfy, with their settings."""
        self.second_road: tuple[str, ...] = ()
        """The fallback channels of every severity; empty: as in the reference configuration."""
        self.modem: Any = None
        """The modem of a story about SMS."""
        self._listening: list[asyncio.Task[None]] = []

    def configuration(self, **env: Any) -> Config:
        config = reference(self.site.url, **env)
        push = NtfySettings(url=f"{self.site.url}/ntfy", token=TOKEN, **self.settings)
        people = {key: self._person(key, person) for key, person in config.people.items()}
        service = config.service.model_copy(update={"public_url": "https://incidents.example.com"})
        more = {name: push.model_copy(update=settings) for name, settings in self.more.items()}
        channels = {**config.channels, "push": push, **more}
        severities = config.severities
        if self.second_road:
            road = {"second_road": self.second_road}
            severities = {level: one.model_copy(update=road) for level, one in severities.items()}
        change = {"channels": channels, "people": people, "service": service, "severities": severities}
        return self.change(config.model_copy(update=change))

    def _person(self, key: str, person: Person) -> Person:
        given = {name: address.get_secret_value() for name, address in person.addresses.items()}
        if not self.pager:
            given.pop("pager", None)
        push = {"push": TOPICS[key]} if key in TOPICS else {}
        return Person.model_validate({"name": person.name, **given, **push, **self.people.get(key, {})})

    async def listen(self) -> None:
        """Let every replica read the reply topic, and wait until it does."""
        before = self.ntfy.streams
        self._listening += [asyncio.create_task(replica.replies.run()) for replica in self.replicas]
        await until(lambda: self.ntfy.streams >= before + len(self.replicas))

    async def close(self) -> None:
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await super().close()

    async def settled(self, state: State) -> None:
        """Wait until the only incident is in `state`, and process what follows."""
        async with asyncio.timeout(10):
            while [one.state for one in await self.one.incidents.listing(most=2)] != [state]:  # noqa: ASYNC110  (the store tells nobody)
                await asyncio.sleep(0.01)
        await self.quiet()

    def buttons(self, person: str = "alice", index: int = -1) -> dict[str, dict[str, Any]]:
        """Return the buttons of a message to `person`, by their label."""
        found = [one for one in self.ntfy.messages if one["topic"] == TOPICS[person] and one["event"] == "message"]
        return {action["label"]: action for action in found[index]["actions"]}

    async def tap(self, action: dict[str, Any]) -> int:
        """Tap a button like a phone; return the status, which decides whether the phone clears its message."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(action["method"], action["url"], data=action["body"]) as response,
        ):
            return response.status

    def showing(self) -> list[str]:
        """Return the sorted names of people whose phones show a page."""
        names = {topic: name for name, topic in TOPICS.items()}
        return sorted(names[topic] for topic, _ in self.ntfy.shown if topic in names)

    def sounded(self) -> list[str]:
        """Return the names of people whose phones made a sound, in order."""
        names = {topic: name for name, topic in TOPICS.items()}
        return [names[topic] for topic, _ in self.ntfy.sounds if topic in names]


async def until(holds: Callable[[], bool], limit: float = 10.0) -> None:
    """Wait until a condition holds that does not depend on the clock."""
    async with asyncio.timeout(limit):
        while not holds():  # noqa: ASYNC110  (nobody is told)
            await asyncio.sleep(0.01)
