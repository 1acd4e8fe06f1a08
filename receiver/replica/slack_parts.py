"""Builds the Slack parts: commands and buttons."""

from __future__ import annotations

from receiver.pipeline.slack.command_runner import SlackCommandRunner
from receiver.pipeline.slack.interactions import SlackInteractions
from receiver.pipeline.slack.requests import SlackRequests
from receiver.replica.oncall_parts import OnCallParts
from receiver.replica.response_parts import ResponseParts


class SlackParts(ResponseParts, OnCallParts):
    """Adds the parts of `pipeline/slack/`, which call those of response and on-call."""

    def build_slack_parts(self) -> None:
        """Build the parts."""
        self.slack_requests = SlackRequests(self.active, self.incident_cache, self.incidents)
        self.slack_commands = SlackCommandRunner(
            self.slack_requests, self.respond, self.calls, self.overrides, self.silences
        )
        self.slack_interactions = SlackInteractions(self.slack_requests, self.slack_commands)
