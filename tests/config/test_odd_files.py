"""All mistakes of an entry are reported at once, with the wrong word; odd files are reported in time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from receiver.config import check_files
from receiver.config.error_excerpt import HIDDEN, Excerpts
from receiver.config.loader.config_loader import read_file
from tests.config.sample import SMALL, problems_of


def test_an_entry_with_a_mistake_of_its_own_hides_no_other() -> None:
    text = SMALL.replace("SEV-1: {page: [", "SEV-1: {respond_within: five, second_road: [chta], page: [nobody, ")
    assert text != SMALL
    found = "\n".join(problems_of(text))
    assert "respond_within: not a duration" in found
    assert "no channel is named 'chta'" in found
    assert "no contact is named 'nobody'" in found


def test_a_contact_with_two_mistakes() -> None:
    found = problems_of(
        f"{SMALL}schedules:\n  s: {{rotation: never, handoff: 'Monday 09:00', starts: 2026-11-02, people: [zoe]}}\n"
    )
    assert any("rotation" in line for line in found)
    assert any("no person is named 'zoe'" in line for line in found)


def shown(tmp_path: Path, text: str) -> str:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    problems, _ = check_files([file], {})
    excerpts = Excerpts(read_file)
    return "\n".join("\n".join([str(problem), *excerpts.under(problem)]) for problem in problems)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  sms: {kind: twillio}", "kind: twillio"),
        ("  log: {kind: log, colour: mauve}", "colour: mauve"),
        ("  log: {kind: log, level: very high}", "level: very high"),
    ],
)
def test_the_wrong_word_is_shown(tmp_path: Path, line: str, said: str) -> None:
    text = SMALL.replace("channels:\n", f"channels:\n{line.replace('log:', 'other:')}\n", 1)
    found = shown(tmp_path, text)
    assert said in found


@pytest.mark.parametrize(
    "line",
    [
        "  sms: {kind: twillio, auth_tokn: hunter2}",
        "  sms: {kind: twillio, anything: a1b2c3d4e5f6a7b8c9}",
        "  sms: {kind: twillio, webhok: https://x.example/T0/B0}",
        "  sms: {kind: twillio, note: 'a longer text that nobody knows the meaning of'}",
    ],
)
def test_what_may_be_a_secret_stays_hidden(tmp_path: Path, line: str) -> None:
    found = shown(tmp_path, SMALL.replace("channels:\n", f"channels:\n{line}\n", 1))
    assert HIDDEN in found
    assert line.rpartition(": ")[2].rstrip("}").strip("'")[:20] not in found


ODD = {
    "one word": "x: " + "a" * 400_000,
    "letters and digits": "x: " + "a1" * 200_000,
    "addresses": "x: " + "a://" * 100_000,
    "brackets": "[" * 500_000,
    "braces": "{a: " * 200_000,
    "dashes": "- " * 300_000,
    "keys": "".join(f"key{n}: 1\n" for n in range(20_000)),
    "keys of an entry": "people: {a: {" + ", ".join(f"key{n}: 1" for n in range(10_000)) + "}}",
    "entries": "people:\n" + "".join(f"  p{n}: {{slak: U1}}\n" for n in range(4000)),
}


USUAL = "".join(f"key{n}: {{a: 1, b: [x, y]}}\n" for n in range(1000))
MOST = 60
"""An odd file may cost as much as reading a usual one so many times: the costliest costs as much as ten. A quadratic
pass over any of them takes minutes, which is hundreds."""


@contextmanager
def no_collection() -> Iterator[None]:
    """Collect no garbage meanwhile: what other tests have left would be counted."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def cost(act: Callable[[], object]) -> float:
    """Return the seconds of CPU that `act` takes."""
    began = time.process_time()
    act()
    return time.process_time() - began


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_is_told_of_in_time(tmp_path: Path, kind: str) -> None:
    found = ""

    def tell() -> None:
        nonlocal found
        found = shown(tmp_path, ODD[kind])

    def read() -> None:
        yaml.load(USUAL, yaml.SafeLoader)

    with no_collection():
        # A machine that does other work takes longer for both, before or after.
        before, took, after = cost(read), cost(tell), cost(read)
    assert found
    assert took < MOST * max(before, after)
    assert max(map(len, found.splitlines())) < 2000
