"""Signatures of Twilio, tested with the example of its documentation."""

from __future__ import annotations

import pytest

from receiver.web.webhooks.signatures import by_twilio, like_twilio

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = [
    ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"), ("From", "+14158675309"),
    ("To", "+18005551212"),
]  # fmt: skip
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize("url", [URL, URL.replace(".com/", ".com:443/")])
def test_the_example_of_the_documentation(url: str) -> None:
    assert by_twilio(SIGNATURE, url, FIELDS[::-1], b"12345")


@pytest.mark.parametrize(
    ("header", "url", "fields", "token"),
    [
        (SIGNATURE, URL, FIELDS, b"12346"), (SIGNATURE, URL, FIELDS, b""), ("", URL, FIELDS, b"12345"),
        (SIGNATURE, URL + "&x=1", FIELDS, b"12345"), (SIGNATURE, URL, FIELDS[1:], b"12345"),
        (SIGNATURE, URL, [*FIELDS, ("x", "")], b"12345"), (SIGNATURE.lower(), URL, FIELDS, b"12345"),
        (SIGNATURE, URL.replace("https", "http"), FIELDS, b"12345"), ("é", URL, FIELDS, b"12345"),
        (SIGNATURE, URL.replace(".com/", ".com:8443/"), FIELDS, b"12345"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(header: str, url: str, fields: list[tuple[str, str]], token: bytes) -> None:
    assert not by_twilio(header, url, fields, token)


@pytest.mark.parametrize(("header", "like"), [(SIGNATURE, True), ("", False), ("x" * 28, False), ("é" * 28, False)])
def test_the_form(header: str, like: bool) -> None:
    assert like_twilio(header) is like
