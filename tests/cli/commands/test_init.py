"""`receiver init`: five answers, a valid configuration, and a test page."""

from __future__ import annotations

import os
import stat
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from receiver.channels.delivery_error import DeliveryError
from receiver.channels.pagerduty import PagerDuty
from receiver.cli import app
from receiver.config import check_files, load
from receiver.config.initial_config import check_alertmanager, check_name, check_reach, check_slack, check_timezone
from receiver.model.delivery.notice import Action, Notice, Receipt
from tests.config.alertmanager_file.test_alertmanager_file import NOW
from tests.test_log import restored

_ = restored  # a fixture that restores the logging setup
KEY = "0123456789abcdef0123456789ABCDEF"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.delenv("RECEIVER_URL", raising=False)
    yield tmp_path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Notice]:
    """The requests to PagerDuty."""
    taken: list[Notice] = []

    async def deliver(self: PagerDuty, notice: Notice) -> Receipt:
        taken.append(notice)
        return Receipt(ref=notice.key)

    monkeypatch.setattr(PagerDuty, "deliver", deliver)
    return taken


def init(*answers: str, options: tuple[str, ...] = ()) -> Any:
    return CliRunner().invoke(app, ["init", *options], input="".join(f"{answer}\n" for answer in answers))


ANSWERS = [
    ("Alice", KEY, "http://127.0.0.1:9093", "#incidents", "Europe/Berlin"),
    ("Ünal Öz: \"{}\" ${HOME}", "me@example.com", "am.example.com:9093", "", ""),
    ("", "", "", "", ""),
    ("a" * 100, "terminal", "https://am.example.com/prefix/", "C0123456789", "UTC"),
    ("'", KEY, "-", "no", "America/Argentina/Buenos_Aires"),
    ("Terminal", "t@example.org", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize(
    "env", [{}, {"SLACK_BOT_TOKEN": "xoxb-1-2-abcdefghijklmnop", "SLACK_SIGNING_SECRET": "s" * 32}]
)
def test_what_is_written_passes_check_config(answers: tuple[str, ...], env: dict[str, str], folder: Path) -> None:
    done = init(*answers, options=("--no-test",))
    assert done.exit_code == 0, done.output
    file = folder / "receiver.yaml"
    problems, notes = check_files([file], env, now=NOW)
    assert problems == []
    unread = answers[1] == KEY and ("chat" not in load(file, env).channels or not env)
    assert [note for note in notes if "off: " not in str(note) and "notifies" not in str(note)] == []
    assert any("notifies" in str(note) for note in notes) is unread, "without a chat, SEV-3 reaches no one"
    config = load(file, env)
    (person, *_) = config.people.values()
    assert person.name == (answers[0] or "me")
    assert config.service.timezone == (answers[4] or "Europe/Berlin")
    assert ("chat" in config.channels) is (answers[3].startswith(("#", "C")))
    for one in folder.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
    assert KEY not in file.read_text(), "a key is in a separate file"
    assert "serve --config receiver.yaml" in done.output
    assert "- url: http://127.0.0.1:8080/webhooks/alertmanager" in done.output


def test_a_test_page_is_sent_and_ended(sent: list[Notice]) -> None:
    done = init("Alice", KEY, "", "", "")
    assert done.exit_code == 0, done.output
    assert [notice.action for notice in sent] == [Action.TRIGGER, Action.RESOLVE]
    assert {notice.address for notice in sent} == {KEY}
    assert len({notice.key for notice in sent}) == 1
    assert "The test page was accepted." in done.output


def test_a_test_page_that_fails_is_told_and_the_file_is_kept(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    async def refuse(self: PagerDuty, notice: Notice) -> Receipt:
        raise DeliveryError("auth", "pager returned 401", permanent=True)

    monkeypatch.setattr(PagerDuty, "deliver", refuse)
    done = init("Alice", KEY, "", "", "")
    assert done.exit_code == 1
    assert "The test page failed: pager returned 401 (the credential is wrong" in done.output
    assert (folder / "receiver.yaml").exists()


def test_what_happened_is_told_in_its_order_and_then_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: PagerDuty, notice: Notice) -> Receipt:
        raise DeliveryError("auth", "pager returned 401", permanent=True)

    monkeypatch.setattr(PagerDuty, "deliver", refuse)
    said = init("Zoë B.", KEY, "", "", "").output
    steps = (
        "receiver.yaml is written.", "SEV-1 and SEV-2 page Zoë B. through PagerDuty",
        "Sending a test page through pager",
        "The test page failed: pager returned 401", "correct it in the file that `pager_file` in the configuration",
        "serve --config receiver.yaml", "send the test again", "channels test pager --to zoe-b",
    )  # fmt: skip
    places = [said.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.parametrize(("name", "key"), [("Ann", "terminal"), ("Terminal", "service-terminal")])
def test_with_mail_alone_it_is_said_that_the_terminal_is_paged(name: str, key: str, folder: Path) -> None:
    said = init(name, "ann@example.org", "", "", "", options=("--no-test",)).output
    assert "Every severity sends an email to ann@example.org. An email is not a page" in said
    assert f"(the person `{key}` in the file)" in said
    config = load(folder / "receiver.yaml", {})
    assert config.people[key].name == "Terminal of the service"
    assert config.contacts[key].person == key
    assert len(config.people) == 2


@pytest.mark.parametrize(
    ("url", "listen"),
    [
        ("http://127.0.0.1:8081", "127.0.0.1:8081"), ("http://localhost:9999/", "127.0.0.1:9999"),
        ("https://receiver.example.com", "127.0.0.1:8080"), ("http://10.0.0.1:8081", "127.0.0.1:8080"),
        ("http://127.0.0.1:99999", "127.0.0.1:8080"), ("", "127.0.0.1:8080"),
    ],
)  # fmt: skip
def test_the_service_listens_where_the_commands_look_for_it(
    url: str, listen: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_URL", url)
    said = init("Ann", "", "", "", "", options=("--no-test",)).output
    assert load(folder / "receiver.yaml", {}).server.listen == listen
    assert f"- url: http://{listen}/webhooks/alertmanager" in said


def test_the_file_of_alertmanager_that_is_shown_has_nothing_unwise(folder: Path) -> None:
    said = init("", "", "", "", "", options=("--no-test",)).output
    shown = said.partition("\nroute:")[2] or said.partition("  route:")[2]
    file = folder / "alertmanager.yml"
    file.write_text(textwrap.dedent(f"  route:{shown}"))
    problems, notes = check_files([folder / "receiver.yaml"], {}, now=NOW, alertmanager=file)
    assert (problems, notes) == ([], [])


def test_without_a_pager_the_test_page_is_in_the_terminal(folder: Path) -> None:
    done = init("Alice", "", "", "", "")
    assert done.exit_code == 0, done.output
    assert "The test page was accepted." in done.output


def test_a_wrong_answer_is_asked_again() -> None:
    done = init(
        "\x07", "Alice", "call me", "0123", KEY, "ftp://x", "http://", "http://am:9093", "incidents", "xoxb-1-2-3",
        "#in c", "#incidents", "Berlin", "Europe/Berlim", "Europe/Berlin", options=("--no-test",),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.output.count("1. Your name") == 2
    assert done.output.count("2. How to reach you") == 3
    assert done.output.count("3. Alertmanager's address") == 3
    assert done.output.count("4. Slack channel") == 4
    assert done.output.count("5. Time zone") == 3
    assert "did you mean Europe/Berlin?" in done.output


@pytest.mark.parametrize("count", range(5))
def test_answers_that_end_too_early_write_nothing(count: int, folder: Path) -> None:
    done = init(*ANSWERS[0][:count])
    assert done.exit_code == 1
    assert "nothing was written" in done.output
    assert os.listdir(folder) == []


@pytest.mark.parametrize("answer", ["", "n", "no", "Alice", None])
def test_a_file_that_exists_is_left_as_it_is(answer: str | None, folder: Path) -> None:
    (folder / "receiver.yaml").write_text("mine")
    done = init(*([] if answer is None else [answer, *ANSWERS[0]]))
    assert done.exit_code == 1
    assert "receiver.yaml exists" in done.output
    assert (folder / "receiver.yaml").read_text() == "mine"
    assert os.listdir(folder) == ["receiver.yaml"]


def test_nor_is_another_key_replaced_unasked(folder: Path) -> None:
    (folder / "receiver-pager.key").write_text("mine")
    done = init(*ANSWERS[0], options=("--no-test",))
    assert done.exit_code == 1
    assert "receiver-pager.key exists" in done.output
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"receiver-pager.key": "mine"}
    (folder / "receiver-pager.key").write_text(KEY)
    assert init(*ANSWERS[0], options=("--no-test",)).exit_code == 0, "the file may already contain the same key"


def test_a_file_is_replaced_where_that_was_said(folder: Path) -> None:
    (folder / "other.yaml").write_text("mine")
    done = init("y", *ANSWERS[0], options=("--no-test", "--out", "other.yaml"))
    assert done.exit_code == 0, done.output
    assert "Europe/Berlin" in (folder / "other.yaml").read_text()


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked() -> None:
    done = init(*ANSWERS[0], options=("--out", "nowhere/receiver.yaml"))
    assert done.exit_code == 1
    assert "there is no folder nowhere" in done.output
    assert "1. Your name" not in done.output


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (check_name, " "), (check_name, "a" * 101), (check_name, "a\x00b"), (check_name, "a\nb"),
        (check_reach, "12345"), (check_reach, "a@b"), (check_reach, "@example.com"), (check_reach, "a b@example.com"),
        (check_reach, KEY + "0"), (check_alertmanager, "http://a b"), (check_alertmanager, "http://[::1"),
        (check_alertmanager, "http://a:0"), (check_alertmanager, "javascript://x"), (check_slack, "#"),
        (check_slack, "#a,b"),
        (check_timezone, "Mars/Base"),
        (check_timezone, "../../etc/passwd"), (check_timezone, "\x00"), (check_timezone, ""),
    ],
)  # fmt: skip
def test_what_is_no_answer(check: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"write|did you mean"):
        check(text)
