"""The seed's e-mail to customers about a major incident: a draft for the Communications Lead, of public words only."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.model.delivery.public_incident import UNNAMED_PRODUCT
from receiver.model.incident.incident import Incident
from receiver.review.markdown import escaped

OPEN = "_To be written._"


def customer_email(incident: Incident, components: Sequence[str], product: str, support: str) -> tuple[str, str]:
    """Return subject and Markdown. What it says comes from updates that were let out, and from names of components.

    `support`: where customers write to; "" where there is nobody.
    """
    names = ", ".join(components) or product
    told = [one for one in incident.updates if one.published_at is not None]
    newest = told[-1] if told else None
    happened = escaped(newest.text, 2000) if newest else f"There was an incident with {escaped(names, 200)}."
    doing = escaped(newest.cause, 500) if newest and newest.cause else OPEN
    team = "Your support team" if product == UNNAMED_PRODUCT else f"The {escaped(product, 100)} Team"
    lines = [
        "Dear customer,", "",
        "We are writing to inform you of a service incident that may have affected your account.", "",
        "**WHAT HAPPENED**", "", happened, "",
        "**IMPACT**", "", OPEN, "",
        "**WHAT WE'RE DOING**", "", doing, "",
        "**NEXT STEPS**", "", OPEN, "",
        *([f"If you have questions, please contact {escaped(support, 200)}.", ""] if support else []),
        "Sincerely,  ", team, "",
    ]  # fmt: skip
    return f"{incident.badge}Service Incident - {names}"[:150], "\n".join(lines)
