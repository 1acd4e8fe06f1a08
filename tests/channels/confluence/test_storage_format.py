"""Markdown as Confluence's storage format."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.channels.confluence.storage_format import SOURCE_LIMIT, storage, title_of
from tests.channels.notices import HOSTILE


def well_formed(value: str) -> ElementTree.Element:
    return ElementTree.fromstring(f'<x xmlns:ac="ac" xmlns:ri="ri">{value}</x>')


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# Summary", "<h1>Summary</h1>"),
        ("It **broke** at *noon*,\nbadly", "<p>It <strong>broke</strong> at <em>noon</em>, badly</p>"),
        ("- a\n- b\n  - c", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
        ("1. x\n2. y", "<ol><li>x</li><li>y</li></ol>"),
        ("use `a < b`", "<p>use <code>a &lt; b</code></p>"),
        (
            "|a|b|\n|-|:-:|\n|1|2|",
            "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
        ),
        ("> said", "<blockquote><p>said</p></blockquote>"),
        ("a\n\n---\n\nb", "<p>a</p><hr /><p>b</p>"),
        ("[run](https://x.example/a?b=1&c=2)", '<p><a href="https://x.example/a?b=1&amp;c=2">run</a></p>'),
        ("![a graph](https://x.example/a.png)", "<p>a graph</p>"),
        ("[no](ftp://x.example) [nor](mailto:a@b.c) [this](/x)", "<p>no nor this</p>"),
        ("[bad](javascript:alert(1))", "<p>[bad](javascript:alert(1))</p>"),
        ("<script>x</script> & <b>", "<p>&lt;script&gt;x&lt;/script&gt; &amp; &lt;b&gt;</p>"),
        (
            "```bash\nrm x ]]> y\n```",
            '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">bash</ac:parameter>'
            "<ac:plain-text-body><![CDATA[rm x ]]]]><![CDATA[> y]]></ac:plain-text-body></ac:structured-macro>",
        ),
        (
            '```"><evil\nx\n```',
            '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[x]]></ac:plain-text-body>'
            "</ac:structured-macro>",
        ),
        ("", ""),
    ],
)
def test_each_form(markdown: str, expected: str) -> None:
    assert storage(markdown) == expected
    well_formed(storage(markdown))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab <>&\"'`*_[]()!|-#~\\\n1.:/]\x00\x1b\u202e\ud800")), max_size=200))
def test_whatever_is_written_is_well_formed(text: str) -> None:
    tree = well_formed(storage(text))
    assert {node.tag for node in tree.iter()}.isdisjoint({"script", "iframe", "a"})


def test_hostile_text_is_text() -> None:
    tree = well_formed(storage(f"# {HOSTILE}\n\n{HOSTILE}"))
    assert not list(tree.iter("a"))


def test_too_long_is_cut_and_says_so() -> None:
    value = storage("line\n\n" * 100_000)
    assert "too long" in value
    assert len(value) < 2 * SOURCE_LIMIT
    well_formed(value)


def test_what_is_deeply_nested_does_not_take_for_ever() -> None:
    began = time.process_time()
    for text in ("> " * 40_000, "[" * 80_000, "*" * 80_000, "- " * 30_000, "`" * 80_000, "&<>" * 30_000):
        well_formed(storage(text))
    assert time.process_time() - began < 20


def test_titles() -> None:
    assert title_of("a\nb", "k") == "a b"
    assert len(title_of("x" * 1000, "k")) == 255
    assert title_of(" ", "uid/postmortem") == "uid/postmortem"


def test_what_an_entity_stands_for_may_have_no_place_in_xml() -> None:
    for number in (*range(32), 0x7F, 0xD800, 0xFFFE, 0xFFFF):
        ElementTree.fromstring(f"<x>{storage(f'a&#{number};b `&#{number};`')}</x>")
