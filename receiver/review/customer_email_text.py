"""The email to customers about a major incident: a draft for the Communications Lead, with public information only."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.model.delivery.public_incident import UNNAMED_PRODUCT
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate, UpdateStatus
from receiver.review.markdown_html import escaped

OPEN = "_To be written._"


def customer_email(incident: Incident, components: Sequence[str], product: str, support: str) -> tuple[str, str]:
    """Return subject and Markdown, from published updates and names of components.

    `support`: the address for customers; "" if there is none.
    """
    names = ", ".join(components) or product
    told = [one for one in incident.updates if one.published_at is not None]
    newest = told[-1] if told else None
    doing = escaped(newest.cause, 500) if newest and newest.cause else OPEN
    team = "Your support team" if product == UNNAMED_PRODUCT else f"The {escaped(product, 100)} Team"
    lines = [
        "Dear customer,", "",
        "We are writing to inform you of a service incident that may have affected your account.", "",
        "**WHAT HAPPENED**", "", _happened(incident, told, names), "",
        "**IMPACT**", "", OPEN, "",
        "**WHAT WE'RE DOING**", "", doing, "",
        "**NEXT STEPS**", "", OPEN, "",
        *([f"If you have questions, please contact {escaped(support, 200)}.", ""] if support else []),
        "Sincerely,  ", team, "",
    ]  # fmt: skip
    return f"{incident.badge}Service Incident - {names}"[:150], "\n".join(lines)


def _happened(incident: Incident, told: Sequence[StatusUpdate], names: str) -> str:
    # The first and the last published update. For a past incident, a template written while it was ongoing ("we are
    # currently investigating") is no longer true; a text that a person wrote is kept.
    newest = told[-1] if told else None
    first = next((one for one in told if one.status is not UpdateStatus.RESOLVED), newest)
    said = [one for one in (first, newest) if one and not (incident.state.over and _of_the_time(one))]
    was = f"There was an incident with {escaped(names, 200)}."
    texts = [escaped(one.text, 2000) for one in said]
    return "\n\n".join(dict.fromkeys(texts if texts and first in said else [was, *texts]))


def _of_the_time(update: StatusUpdate) -> bool:
    return update.template and update.status is not UpdateStatus.RESOLVED
