"""Texts of an incident are restored byte for byte, and invalid data is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.store.incidents import compressed_format
from receiver.store.incidents.compressed_format import (
    FORMAT,
    StoredTexts,
    compress,
    expand,
    is_compressed,
    state_in,
)

DICTIONARY = "f78f386856e6172a6c503942906ba9c85830345b501d4e0050d0e83ca544cb9c"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=60)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TEXTS = st.builds(
    StoredTexts,
    state=TEXT,
    past=TEXT,
    similar=TEXT,
    events=st.lists(TEXT, max_size=5),
    alerts=st.dictionaries(NAMES, TEXT, max_size=5),
    bodies=st.dictionaries(NAMES, TEXT, max_size=5),
)
ONE = StoredTexts('{"uid":"u"}', "{}", "[1]", ['{"seq":1}'], {"a": "[1]"}, {"a": "{}"})


@settings(deadline=None)
@given(TEXTS)
def test_every_part_comes_back_as_it_was(texts: StoredTexts) -> None:
    whole = compress(texts)
    assert whole is not None
    assert expand(whole) == expand(whole.encode()) == texts
    assert (is_compressed(whole), state_in(whole)) == (True, texts.state)
    assert whole.isascii()


@pytest.mark.parametrize("place", range(6))
def test_what_has_a_line_break_stays_as_it_is(place: int) -> None:
    broken = ["{\n}", "{\n}", "[\n]", ["{\n}"], {"a": "[\n]"}, {"a": "{\n}"}][place]
    assert compress(StoredTexts(*[*ONE[:place], broken, *ONE[place + 1 :]])) is None  # type: ignore[arg-type]
    assert compress(ONE._replace(alerts={"a\nb": "[]"})) is not None


def test_what_is_too_large_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compress(ONE._replace(state="x" * 2000))
    assert whole is not None
    monkeypatch.setattr(compressed_format, "LARGEST", 1000)
    assert compress(ONE._replace(state="x" * 2000)) is None
    with pytest.raises(ValueError, match="too large"):
        expand(whole)


def test_a_snapshot_is_no_compressed_text() -> None:
    assert not any(is_compressed(text) for text in ('{"uid":"z1"}', b"{}", "", None))
    assert state_in("{}") == "{}"


def test_a_damaged_text_is_refused_whatever_is_wrong_with_it() -> None:
    whole = compress(ONE)
    assert whole is not None
    cut, other = (whole[:-4], whole[:20], FORMAT), ("z2" + whole[2:], whole.replace(whole[8:16], "AAAAAAAA"))
    for text in (*cut, *other, f"{FORMAT}%%"):
        with pytest.raises(ValueError):
            expand(text)
    for place in range(len(FORMAT), len(whole) - 4):  # the last bits may be unused
        with pytest.raises(ValueError):
            expand(whole[:place] + ("A" if whole[place] != "A" else "B") + whole[place + 1 :])


def test_the_dictionary_is_that_of_every_text_that_was_compressed_with_it() -> None:
    # Never changed: a new dictionary is a new file and a new format.
    assert hashlib.sha256(compressed_format._dictionary()).hexdigest() == DICTIONARY


def test_a_history_takes_less_than_a_third() -> None:
    samples = Path(__file__).parents[2] / "histories" / "277331f" / "incidents.json"
    for one in json.loads(samples.read_text())["incidents"]:
        log = [json.dumps(event, separators=(",", ":")) for event in one["log"]]
        whole = compress(StoredTexts("{}", "", "", log, {}, {}))
        assert whole is not None
        assert len(whole) < sum(map(len, log)) / 3
