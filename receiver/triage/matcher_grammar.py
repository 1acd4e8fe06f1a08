"""Alertmanager's two grammars for a list of matchers: the classic one, and the one for UTF-8 names (0.27 and later).

If both accept a text with different results, the classic one counts, as in Alertmanager's default (its fallback mode).
"""

from __future__ import annotations

import re
from typing import NamedTuple

SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""Characters that Go treats as spaces; Python includes some more."""
_CLASSIC_SPACE = "\t\n\f\r "
_CLASSIC = re.compile(rf"[{_CLASSIC_SPACE}]*([a-zA-Z_:][a-zA-Z0-9_:]*)[{_CLASSIC_SPACE}]*(=~|!~|!=|=)")
_TOKEN = re.compile(
    rf"""[{SPACE}]*(?:("[^"\\]*(?:\\.[^"\\]*)*")|([^{SPACE}{{}}!=~,\\"'`]+)|(=~|!~|!=|[={{}},]))""", re.DOTALL
)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_LETTERS = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\",
    b'"': b'"',
}  # fmt: skip
_OPERATORS = ("=", "!=", "=~", "!~")


class GrammarError(ValueError):
    """The grammar does not accept the text."""


class UnknownEscape(GrammarError):
    """A quoted text has an unknown escape; `escape`: the character after the backslash."""

    def __init__(self, escape: str) -> None:
        """Keep `escape`."""
        super().__init__(f"\\{escape} is not an escape")
        self.escape = escape


class Written(NamedTuple):
    """A parsed matcher: its label, its operator, and its value without quotes and escapes."""

    name: str
    operator: str
    value: str


def classic_matchers(text: str) -> list[Written]:
    """Return the matchers in `text` by the classic grammar. Raises GrammarError if it does not accept the text."""
    parts: list[str] = []
    begin, inside, escaped = 0, False, False
    # It removes a brace at either end, even if there is none at the other end.
    body = text.removeprefix("{").removesuffix("}")
    for at, character in enumerate(body):
        if character == "," and not inside:
            parts.append(body[begin:at])
            begin = at + 1
        elif character == '"':
            inside = inside if escaped else not inside
            escaped = False
        elif character != ",":
            escaped = character == "\\" and not escaped
    last = body[begin:].strip(SPACE)
    return [classic_matcher(part) for part in (*parts, *([last] if last else []))]


def classic_matcher(text: str) -> Written:
    """Return the one matcher in `text` by the classic grammar. Raises GrammarError if it does not accept the text."""
    head = _CLASSIC.match(text)
    if head is None:
        raise GrammarError("not a label name and one of = != =~ !~")
    return Written(head[1], head[2], _classic_value(text[head.end() :].strip(_CLASSIC_SPACE)))


def _classic_value(raw: str) -> str:
    opened = raw.startswith('"')
    body = raw[1:] if opened else raw
    closed = False
    out: list[str] = []
    position = 0
    while position < len(body):
        character = body[position]
        if character == "\\" and position + 1 < len(body):
            position += 1
            follower = body[position]
            # An unknown escape stays unchanged: "\." and "\d" reach the regular expression.
            out.append({"n": "\n", '"': '"', "\\": "\\"}.get(follower, "\\" + follower))
        elif character == '"':
            if not opened or position + 1 < len(body):
                raise GrammarError("a quote inside of a value")
            closed = True
        else:
            out.append(character)
        position += 1
    if opened != closed:
        raise GrammarError("a quote that is not closed")
    return "".join(out)


def utf8_matchers(text: str) -> list[Written]:
    """Return the matchers in `text` by the UTF-8 grammar, which allows quoted names.

    Raises GrammarError if it does not accept the text, UnknownEscape for an unknown escape.
    """
    tokens = _tokens(text)
    if tokens[:1] == ["{"]:
        if tokens[-1] != "}" or len(tokens) < 2:
            raise GrammarError("a brace that is not closed")
        tokens = tokens[1:-1]
    found: list[Written] = []
    for at in range(0, len(tokens), 4):
        name, operator, value, comma = (*tokens[at : at + 4], *("," * 4))[:4]
        if _is_sign(name) or operator not in _OPERATORS or _is_sign(value) or comma != ",":
            raise GrammarError("not a list of matchers")
        found.append(Written(_unquoted(name), operator, _unquoted(value)))
    return found


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    position, end = 0, len(text.rstrip(SPACE))
    while position < end:
        token = _TOKEN.match(text, position)
        if token is None:
            raise GrammarError(f"{text[position : position + 1]} is not allowed here")
        found.append(token[token.lastindex or 0])
        position = token.end()
    return found


def _is_sign(token: str) -> bool:
    return token in (*_OPERATORS, "{", "}", ",")


def _unquoted(token: str) -> str:
    """Return the text of a token, parsed like a Go string in double quotes: an escape may be one byte of several."""
    if not token.startswith('"'):
        return token
    if "\n" in token:
        raise GrammarError("a line break in quotes is written \\n")

    try:
        return _ESCAPE.sub(_plain, token[1:-1].encode()).decode()
    except UnicodeError:
        raise GrammarError("quoted text that is not UTF-8") from None


def _plain(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    try:
        if len(code) == 1:
            return _LETTERS[code]
        if code[:1] in (b"u", b"U"):
            return chr(int(code[1:], 16)).encode()
        return bytes([int(code[1:], 16) if code[:1] == b"x" else int(code, 8)])
    except (KeyError, ValueError, OverflowError):
        raise UnknownEscape(code.decode("utf-8", "replace")) from None
