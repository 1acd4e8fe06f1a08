"""Typed text is never lost: a refused form is returned with its text, and can be sent again."""

from __future__ import annotations

import gzip
import re

import pytest

from receiver.store.client.connection import StoreAway
from receiver.web.auth.token_sign_in import FORM
from tests.stories.world import alert, notification
from tests.web.browser import Browser
from tests.web.conftest import ADMIN, House
from tests.web.console.conftest import sign_in
from tests.web.console.test_forms import BROWSER, HERE, Person

WORDS = 'p99 <b>went</b> up & "down"\n\nthen it\'s back'
ESCAPED = "p99 &lt;b&gt;went&lt;/b&gt; up &amp; &#34;down&#34;\n\nthen it&#39;s back"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def person(house: House) -> Person:
    await house.world.post(notification(alert(annotations={"error_rate": "7%"})))
    return await Person(house, "respond-token").sign_in()


async def sent(person: Person, path: str, fields: dict[str, str], headers: dict[str, str]) -> tuple[int, str]:
    given = {**BROWSER, "Cookie": person.cookie, **headers}
    async with person.house.client.post(path, data=fields, headers=given, allow_redirects=False) as response:
        return response.status, await response.text()


async def end_sessions(house: House) -> None:
    for one in (await house.get("/api/v1/sessions", ADMIN))[1]["items"]:
        await house.client.delete(f"/api/v1/sessions/{one['id']}", headers=ADMIN)


async def notes(house: House) -> list[str]:
    _, log = await house.get(f"/api/v1{HERE}/timeline")
    return [one["text"] for one in log["items"] if one["kind"] == "note"]


async def test_a_session_that_ended_meanwhile_loses_no_word(house: House, person: Person) -> None:
    old = {"word": person.word, "text": WORDS}
    await end_sessions(house)
    status, page = await sent(person, f"{HERE}/note", old, OURS)
    assert (status, "your session has ended, and nothing was changed" in page) == (403, True)
    assert f'<textarea name="text">\n{ESCAPED}</textarea>' in page
    assert 'name="word"' not in page
    await person.sign_in()
    status, page = await sent(person, f"{HERE}/note", {"text": WORDS}, OURS)
    assert (status, "belongs to an earlier session" in page, ESCAPED in page) == (403, True, True)
    (word,) = re.findall(r'name="word" value="([0-9a-f]+)"', page)
    assert await notes(house) == [], "the page does not resend it by itself"
    status, _ = await sent(person, f"{HERE}/note", {"text": WORDS, "word": word}, OURS)
    assert (status, await notes(house)) == (303, [WORDS])


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
     {"Sec-Fetch-Site": "none"}],
)  # fmt: skip
async def test_a_page_of_another_site_puts_no_words_into_our_forms(
    house: House, person: Person, headers: dict[str, str]
) -> None:
    await end_sessions(house)
    for cookie in (person.cookie, ""):
        person.cookie = cookie
        status, page = await sent(person, f"{HERE}/note", {"text": "mallory wrote this"}, headers)
        assert (status, "mallory wrote this" in page, "Send again" in page) == (403, False, False)


async def test_the_form_of_a_stranger_is_read_up_to_64_kib_only(house: House, person: Person) -> None:
    async def put(length: int) -> int:
        # Small when compressed: the decompressed size counts.
        body = gzip.compress(f"word={person.word}&version=0&markdown={'a' * length}".encode())
        headers = {**OURS, **BROWSER, "Cookie": person.cookie, "Content-Encoding": "gzip", "Content-Type": FORM}
        path = f"{HERE}/postmortem"
        async with house.client.post(path, data=body, headers=headers, allow_redirects=False) as response:
            return response.status

    assert await put(70_000) == 303, "with a session, a post-mortem may be long"
    await end_sessions(house)
    assert [await put(length) for length in (60_000, 70_000)] == [403, 413]


async def test_what_was_wrong_or_came_too_late_is_still_there(house: House, person: Person) -> None:
    await person.send(f"{HERE}/postmortem", markdown="# First", version="0")
    fields = {"word": person.word, "markdown": WORDS, "version": "0"}
    status, page = await sent(person, f"{HERE}/postmortem", fields, OURS)
    assert (status, f"<textarea readonly>\n{ESCAPED}</textarea>" in page) == (409, True)
    assert "Send again" not in page, "it would be refused again"
    fields = {"word": person.word, "title": WORDS, "severity": "SEV-9"}
    status, page = await sent(person, "/", {**fields, "declare": "yes"}, OURS)
    assert (status, ESCAPED in page) == (400, True)


async def test_without_the_store_a_form_is_sent_again_later(
    house: House, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    with monkeypatch.context() as patched:
        patched.setattr(house.replica.incidents, "uid_of", away)
        status, page = await sent(person, f"{HERE}/note", {"word": person.word, "text": WORDS}, OURS)
    assert (status, ESCAPED in page, "Send again" in page) == (503, True, True)
    (word,) = re.findall(r'name="word" value="([0-9a-f]+)"', page)
    status, _ = await sent(person, f"{HERE}/note", {"text": WORDS, "word": word}, OURS)
    assert (status, await notes(house)) == (303, [WORDS])


def hidden_in(page: str) -> dict[str, str]:
    """Return the hidden fields of the form on an error page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def lost_after(patched: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """Lose the response of `owner.name` after the store has written."""
    whole = getattr(owner, name)

    async def lost(*given: object, **more: object) -> None:
        await whole(*given, **more)
        raise StoreAway("gone")

    patched.setattr(owner, name, lost)


@pytest.mark.parametrize("carries", [True, False], ids=["of_the_page", "without_a_key"])
async def test_a_declaration_whose_answer_was_lost_pages_once(
    house: House, person: Person, monkeypatch: pytest.MonkeyPatch, carries: bool
) -> None:
    fields = {"title": "Everything is down", "severity": "SEV-1", "declare": "yes"}
    form = (await person.page("/")).partition('<details id="declare">')[2]
    key = hidden_in(form)["once"]
    assert hidden_in((await person.page("/")).partition('<details id="declare">')[2])["once"] != key
    fields |= {"once": key} if carries else {}
    with monkeypatch.context() as patched:
        lost_after(patched, house.replica.respond, "write")
        status, page = await sent(person, "/", {**fields, "word": person.word}, OURS)
    assert (status, "othing was changed" in page, "nothing is done twice" in page) == (503, False, True)
    await house.world.quiet()
    rung, again = len(house.world.rung()), {**fields, **hidden_in(page)}
    assert rung > 0
    for _ in range(2):
        assert (await person.send("/", **again)).startswith("/incidents/INC-2026-0002?done=repeated")
    await house.world.quiet()
    assert len(house.world.rung()) == rung
    assert "sent before" in await person.send("/", 409, **{**again, "title": "Something else"})
    assert len((await house.get("/api/v1/incidents"))[1]["items"]) == 2


@pytest.mark.parametrize(
    ("verb", "fields"),
    [("page", {"contact": "engineering-lead", "text": "please look"}), ("escalate", {}), ("note", {"text": WORDS}),
     ("severity", {"severity": "SEV-3"})],
)  # fmt: skip
async def test_a_command_whose_answer_was_lost_is_done_once(
    house: House, person: Person, monkeypatch: pytest.MonkeyPatch, verb: str, fields: dict[str, str]
) -> None:
    form = (await person.page(HERE)).rpartition(f'action="{HERE}/{verb}"')[2].partition("</form>")[0]
    assert ("once" in hidden_in(form)) is (verb != "note"), "what pages somebody carries a key"
    with monkeypatch.context() as patched:
        lost_after(patched, house.replica.respond, "write")
        status, page = await sent(person, f"{HERE}/{verb}", {**hidden_in(form), **fields}, OURS)
    assert status == 503
    before = (await house.get(f"/api/v1{HERE}"))[1]["version"]
    assert await person.send(f"{HERE}/{verb}", **{**fields, **hidden_in(page)}) in (
        f"{HERE}?done=repeated", f"{HERE}?done=repeated#timeline"
    )  # fmt: skip
    await house.world.quiet()
    assert (await house.get(f"/api/v1{HERE}"))[1]["version"] == before
    await person.send(f"{HERE}/{verb}", **(fields | ({"severity": "SEV-2"} if verb == "severity" else {})))
    assert (await house.get(f"/api/v1{HERE}"))[1]["version"] > before or verb == "page", "a new form is executed"


async def test_a_post_mortem_whose_answer_was_lost_is_saved_once(
    house: House, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"word": person.word, "markdown": WORDS, "version": "0"}
    with monkeypatch.context() as patched:
        lost_after(patched, house.replica.respond, "write")
        status, page = await sent(person, f"{HERE}/postmortem", fields, OURS)
    assert status == 503
    assert "done=postmortem" in await person.send(f"{HERE}/postmortem", **{**fields, **hidden_in(page)})
    assert (await house.get(f"/api/v1{HERE}"))[1]["postmortem"]["version"] == 1


@pytest.mark.e2e
async def test_in_a_browser_a_note_survives_the_end_of_its_session(house: House, chromium: Browser) -> None:
    await house.world.post(notification(alert()))
    url = str(house.client.make_url("/")).rstrip("/")
    await chromium.view(390, 844, "light")
    await sign_in(chromium, url, "respond-token")
    await chromium.go(f"{url}{HERE}")
    await end_sessions(house)
    await chromium.press(".note-box button", text="typed at 3 am")
    assert "your session has ended" in await chromium.text()
    assert await chromium.ask("document.querySelector('textarea').value") == "typed at 3 am"
    here = await chromium.ask("location.href")
    async with house.client.post("/login", data={"token": "respond-token"}, allow_redirects=False) as response:
        name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
    await chromium.call("Network.setCookie", name=name, value=value, url=here, httpOnly=True, sameSite="Strict")
    for _ in range(2):
        await chromium.press("form.stack button.act:not(a)")
    assert "Note added." in await chromium.text()
    assert await notes(house) == ["typed at 3 am"]
    # Back, and sent again: the page is the previous one, and its form is valid.
    await chromium.ask("history.back()")
