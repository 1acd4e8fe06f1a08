"""Simple Markdown -> Confluence's storage format: well-formed XHTML, in which untrusted text is never markup. Pure.

Headings, paragraphs, lists, tables, code, emphasis, links to websites. Raw HTML becomes text, an image its alt text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from receiver.channels.safe_text import clean, cut, href

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SOURCE_LIMIT = 100_000
"""Maximum number of characters of Markdown; a longer document is cut, with a note."""
TITLE_LIMIT = 255
_FOREIGN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PLAIN = frozenset(
    {"p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "strong", "em", "s"}
    | {f"h{level}" for level in range(1, 7)}
)


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415  (loaded with the first page that is written)

    # An address in angle brackets may be untrusted text: only an explicit Markdown link becomes a link.
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("autolink")


def storage(markdown: str) -> str:
    """Return `markdown` in storage format; a document that is too long is cut at a line, with a note."""
    text = clean(markdown, SOURCE_LIMIT, lines=True)
    if len(markdown) > SOURCE_LIMIT:
        text = text.rpartition("\n")[0] or text
        text += "\n\nThis document was too long and is cut off here."
    return _rendered(_reader().parse(text))


def title_of(text: str, key: str) -> str:
    """Return `text` as a page's title: one line of at most 255 characters, never empty."""
    return cut(clean(text, TITLE_LIMIT), TITLE_LIMIT) or cut(clean(key, TITLE_LIMIT), TITLE_LIMIT) or "Document"


def escape(text: str) -> str:
    """Return `text` escaped for XML."""
    # Markdown's entities may represent characters that XML does not allow.
    text = _FOREIGN.sub(" ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;")


def _rendered(tokens: Sequence[Token]) -> str:
    return "".join(_block(token) for token in tokens)


def _block(token: Token) -> str:
    if token.type == "inline":
        return _inline(token.children or [])
    if token.type in ("fence", "code_block"):
        return _code(token.content, token.info.strip().split(" ")[0] if token.info.strip() else "")
    if token.type == "hr":
        return "<hr />"
    return _tag(token)


def _tag(token: Token) -> str:
    # Paragraphs that a tight list hides stay hidden; attributes are dropped.
    if token.hidden or token.tag not in _PLAIN or not token.nesting:
        return "" if token.nesting else escape(token.content)
    return f"<{token.tag}>" if token.nesting > 0 else f"</{token.tag}>"


def _inline(tokens: Sequence[Token]) -> str:
    made, linked = [], list[bool]()
    for token in tokens:
        if token.type == "text":
            made.append(escape(token.content))
        elif token.type == "code_inline":
            made.append(f"<code>{escape(token.content)}</code>")
        elif token.type == "softbreak":
            made.append(" ")
        elif token.type == "hardbreak":
            made.append("<br />")
        elif token.type == "link_open":
            address = href(str(token.attrGet("href") or ""))
            linked.append(address is not None)
            made.append(f'<a href="{escape(address)}">' if address else "")
        elif token.type == "link_close":
            made.append("</a>" if linked.pop() else "")
        elif token.type == "image":
            made.append(escape(token.content))
        else:
            made.append(_tag(token))
    return "".join(made)


def _code(text: str, language: str) -> str:
    named = f'<ac:parameter ac:name="language">{escape(language)}</ac:parameter>' if language.isalnum() else ""
    held = text.rstrip("\n").replace("]]>", "]]]]><![CDATA[>")
    body = f"<ac:plain-text-body><![CDATA[{held}]]></ac:plain-text-body>"
    return f'<ac:structured-macro ac:name="code">{named}{body}</ac:structured-macro>'
