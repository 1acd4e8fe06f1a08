"""The commands. Each loads its modules only when it is called, so that `receiver --help` is fast."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from receiver import __version__
from receiver.cli.commands.archive import export, restore
from receiver.cli.commands.check_config import check_config
from receiver.cli.commands.config_schema import config_schema
from receiver.cli.commands.dashboard import alert_rules, dashboard, openapi
from receiver.cli.commands.deliveries import channels, drill, letters
from receiver.cli.commands.diagnose import diagnose
from receiver.cli.commands.incident import page
from receiver.cli.commands.init import init
from receiver.cli.commands.maintenance import maintenance
from receiver.cli.commands.oncall import shift_offers  # noqa: F401  (adds its commands)
from receiver.cli.commands.oncall.oncall import oncall
from receiver.cli.commands.postmortem import customer_email, postmortem, timeline
from receiver.cli.commands.report import report
from receiver.cli.commands.rules import rules
from receiver.cli.commands.send_alert import send_alert
from receiver.cli.commands.serve import serve
from receiver.cli.commands.simulate import simulate
from receiver.cli.commands.status import public
from receiver.cli.commands.test_rules import test_rules
from receiver.cli.commands.token import sessions, tokens
from receiver.cli.help_examples import attach
from receiver.cli.incident_view import incidents

app = typer.Typer(
    name="receiver", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False,
    help="Turns Alertmanager alerts into incidents: severity, paging, status page, post-mortem.",
)  # fmt: skip
app.command("serve")(serve)
app.command("init")(init)
app.command("check-config")(check_config)
app.command("config-schema")(config_schema)
app.command("test-rules")(test_rules)
app.command("simulate")(simulate)
app.command("send-alert")(send_alert)
app.command("page")(page)
app.command("timeline")(timeline)
app.command("postmortem")(postmortem)
app.command("customer-email")(customer_email)
app.command("openapi")(openapi)
app.command("dashboard")(dashboard)
app.command("alert-rules")(alert_rules)
app.add_typer(incidents, name="incident")
app.add_typer(oncall, name="oncall")
app.add_typer(maintenance, name="maintenance")
app.add_typer(rules, name="rules")
app.add_typer(public, name="status")
app.command("diagnose")(diagnose)
app.command("export")(export)
app.command("import")(restore)
app.add_typer(report, name="report")
app.add_typer(letters, name="dead-letters")
app.add_typer(tokens, name="token")
app.add_typer(sessions, name="session")
app.add_typer(channels, name="channels")
app.command("drill")(drill)


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Handle the options that apply to all commands."""
    if version:
        typer.echo(f"receiver {__version__}")
        raise typer.Exit


attach(app)


def main() -> None:
    """Run the command line; a closed output pipe (`| head`) is not an error."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
