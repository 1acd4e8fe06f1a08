"""Converts the fields of a form at `/incidents/{id}/{verb}` to a command, for each verb that is one command."""

from __future__ import annotations

from collections.abc import Callable

from receiver.model.command import (
    Acknowledge,
    AddAction,
    AddNote,
    ApproveUpdate,
    Assign,
    ChangeAction,
    ChangeTeam,
    CheckOff,
    Choose,
    Close,
    Command,
    CorrectEntry,
    DiscardDraft,
    Edit,
    EditDraft,
    Escalate,
    Identify,
    MarkNoise,
    Mitigate,
    PageContact,
    Reopen,
    Resolve,
    RunTimer,
    SetClock,
    SetVisibility,
    UpdateStatusPage,
)
from receiver.model.severity import Severity
from receiver.web.console.forms.form_values import Fields, day_of, marked, moment_of, number_of, text_of


def _update(fields: Fields) -> Command:
    return UpdateStatusPage.model_validate(
        {"status": fields.get("status"), "text": text_of(fields), "publish": fields.get("publish") == "yes",
         "cause": text_of(fields, "cause"), "next_update": moment_of(fields, "next_update"),
         "expected_resolution": moment_of(fields, "expected"), "components": marked(fields, "component.") or None}
    )  # fmt: skip


def _action(fields: Fields) -> Command:
    told = {"title": text_of(fields, "title"), "owner": text_of(fields, "owner"), "due": day_of(fields, "due")}
    if fields.get("n"):
        return ChangeAction.model_validate(
            {"n": number_of(fields), "status": text_of(fields, "status"), "known_only": True, **told}
        )
    return AddAction.model_validate({**told, "known_only": True})


def _edit(fields: Fields) -> Command:
    names = ("title", "summary", "cause", "impact", "resolution")
    said = {name: text for name in names if (text := text_of(fields, name))}
    if not said:
        raise ValueError(f"write at least one of {', '.join(names)}")
    return Edit.model_validate(said)


def _severity(fields: Fields) -> Command:
    # An Edit without a severity is a command too, and would report a change.
    if fields.get("severity") not in list(Severity):
        raise ValueError(f"severity: choose one of {', '.join(Severity)}")
    return Edit.model_validate({"severity": fields["severity"], "text": text_of(fields)})


COMMANDS: dict[str, Callable[[Fields], Command]] = {
    "acknowledge": lambda f: Acknowledge(text=text_of(f)),
    "identify": lambda f: Identify(text=text_of(f)),
    "mitigate": lambda f: Mitigate(text=text_of(f)),
    "resolve": lambda f: Resolve(text=text_of(f)),
    "close": lambda f: Close(text=text_of(f), force=f.get("force") == "yes"),
    "reopen": lambda f: Reopen(text=text_of(f)),
    "escalate": lambda f: Escalate(text=text_of(f)),
    "note": lambda f: AddNote.model_validate({"text": text_of(f), "at": moment_of(f, "at")}),
    "role": lambda f: Assign.model_validate({"role": f.get("role"), "person": text_of(f, "person")}),
    "checklist": lambda f: CheckOff(item=number_of(f, "item"), done=f.get("done") == "yes"),
    "action": _action,
    "mitigation": lambda f: Choose.model_validate({"option": text_of(f, "option"), "text": text_of(f)}),
    "page": lambda f: PageContact.model_validate({"contact": f.get("contact"), "text": text_of(f)}),
    "update": _update,
    "approve": lambda f: ApproveUpdate(n=number_of(f)),
    "discard": lambda f: DiscardDraft(n=number_of(f)),
    "draft": lambda f: EditDraft.model_validate({"n": number_of(f), "text": text_of(f)}),
    "noise": lambda f: MarkNoise(noise=f.get("noise") != "no", text=text_of(f)),
    "severity": _severity,
    "edit": _edit,
    "timer": lambda f: RunTimer.model_validate({"action": f.get("action")}),
    "team": lambda f: ChangeTeam.model_validate({"team": f.get("team"), "text": text_of(f)}),
    "visibility": lambda f: SetVisibility.model_validate({"visibility": f.get("visibility"), "text": text_of(f)}),
    "clock": lambda f: SetClock.model_validate(
        {"clock": f.get("clock"), "at": moment_of(f, "at"), "text": text_of(f)}
    ),
    "correct": lambda f: CorrectEntry.model_validate(
        {"seq": number_of(f), "text": text_of(f), "at": moment_of(f, "at"),
         "hidden": True if f.get("hide") == "yes" else None}
    ),
}  # fmt: skip
