"""Builds the parts that carry out commands of responders, from the API, PagerDuty, a phone or a ticket."""

from __future__ import annotations

from receiver.incident.timers import LEAVE, UNSILENCE, VERIFY
from receiver.pipeline.delivery.phone_reports import PhoneReports
from receiver.pipeline.oncall.reachability_timer import NAME as PROVE
from receiver.pipeline.oncall.reachability_timer import ReachabilityTimer
from receiver.pipeline.response.adhoc_pages import AdhocPages
from receiver.pipeline.response.fix_verification import FixVerification
from receiver.pipeline.response.gammu_inbox import GammuInbox
from receiver.pipeline.response.ntfy_replies import NtfyReplies
from receiver.pipeline.response.pager_addresses import PagerAddresses
from receiver.pipeline.response.pagerduty_events import PagerDutyEvents
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.pipeline.response.reachability_tests import ReachabilityTests
from receiver.pipeline.response.silences import Silences
from receiver.pipeline.response.sms_answers import SmsAnswers
from receiver.pipeline.response.split import IncidentSplit
from receiver.pipeline.response.ticket_sync import NAME as TICKETS
from receiver.pipeline.response.ticket_sync import TicketSync
from receiver.pipeline.response.twilio_answers import TwilioAnswers
from receiver.replica.base import ReplicaBase
from receiver.store.answer_tokens import AnswerTokens
from receiver.store.ticket_states import TicketStates


class ResponseParts(ReplicaBase):
    """Adds the parts of `pipeline/response/`."""

    def build_response_parts(self) -> None:
        """Build the parts, and register their timers."""
        self.incident_split = IncidentSplit(self.active, self.incidents, self.intake, self.respond)
        self.work.timers.incident_timers[LEAVE] = self.incident_split.leave
        self.calls = AdhocPages(self.active, self.due)
        self.verify = FixVerification(self.active, self.incidents, self.intake, self.source_client)
        self.work.timers.incident_timers[VERIFY] = self.verify.on_timer
        self.silences = Silences(self.active, self.incidents, self.respond, self.intake, self.source_client)
        self.work.timers.incident_timers[UNSILENCE] = self.silences.end
        states = TicketStates(self.connection, history_s=round(self.config.incidents.history.total_seconds()))
        self.tickets = TicketSync(self.active, self.incidents, states, self.respond, self.metrics)
        self.work.timers.service_timers[TICKETS] = self.tickets.on_timer
        self.reachability = ReachabilityTests(self.active, self.due, self.shared_documents, self.read_shared_documents)
        self.work.timers.service_timers[PROVE] = ReachabilityTimer(self.active, self.reachability).on_timer
        self.pager_addresses = PagerAddresses(lambda: self.posted, self.shared_documents)
        self.work.steps.told = self.pager_addresses.remember
        self.pagerduty_events = PagerDutyEvents(
            self.active, self.work.follower, self.incidents, self.respond, self.source_client, self.reachability,
            self.pager_addresses,
        )  # fmt: skip
        self._build_phone_parts()

    def _build_phone_parts(self) -> None:
        self.phone_answers = PhoneAnswers(
            self.active, self.incidents, self.respond, AnswerTokens(self.connection), self.reachability
        )
        self.work.deliver.notices.issue = self.phone_answers.issue
        sms = SmsAnswers(self.active, self.work.follower, self.incidents, self.respond, self.reachability)
        self.twilio_answers = TwilioAnswers(self.active, self.phone_answers, sms)
        self.phone_reports = PhoneReports(self.phone_answers, self.incidents, self.work.deliver.results.listener)
        self.inbox = GammuInbox(self.active, sms, self.clock)
        self.replies = NtfyReplies(self.active, self.phone_answers, self.clock)
