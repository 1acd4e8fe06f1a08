"""Problems that check-config reports about the status page's languages, colors and subscriptions."""

from __future__ import annotations

import pytest

from tests.config.sample import SMALL, problems_of, text_of

MAIL = SMALL.replace("channels:\n", "channels:\n  mail: {kind: email, smtp_url: '', from: a@example.com}\n")
ADDRESS = "service: {public_url: 'https://incidents.example.com'}\n"


@pytest.mark.parametrize(
    ("page", "more", "said"),
    [
        ("subscriptions: {email: mial}", ADDRESS, "status_page.subscriptions.email: no channel of kind email is"),
        ("subscriptions: {email: console}", ADDRESS, "no channel of kind email is named 'console'"),
        ("subscriptions: {email: mail}", "", "the links in mail need an address"),
        ("subscriptions: {email: mail, most: 0}", ADDRESS, "status_page.subscriptions.most"),
        ("languages: [en, en]", "", "a language is listed twice"),
        ("languages: [tlh]", "", "status_page.languages"),
        ("colors: {header: red}", "", "status_page.colors.header"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(page: str, more: str, said: str) -> None:
    (problem,) = problems_of(f"{MAIL}status_page: {{{page}}}\n{more}")
    assert said in problem


def test_what_is_right_loads() -> None:
    page = "status_page: {subscriptions: {email: mail}, languages: [de, en], maintenance_reminder: 2h}\n"
    config = text_of(MAIL + page + ADDRESS)
    assert config.status_page.subscriptions.email == "mail"
    assert [str(one) for one in config.status_page.languages] == ["de", "en"]
    assert not text_of(SMALL).status_page.subscriptions.email, "off until it is configured"
