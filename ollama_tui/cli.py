"""The command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ollama_tui import __version__
from ollama_tui.errors import OllamaTuiError

if TYPE_CHECKING:
    from ollama_tui.request import Think

_LEVELS: dict[str, Think] = {
    "off": False,
    "on": True,
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "max",
}


class _Group(click.Group):
    """Turns our errors into one sentence on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OllamaTuiError as error:
            click.echo(f"ollama-tui: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Group, invoke_without_command=True, context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="ollama-tui")
@click.option("--host", metavar="URL", help="The server: host, host:port, URL, or a name of yours.")
@click.option("--model", metavar="NAME", help="The model to begin with; Ctrl+O picks another.")
@click.option("--system", metavar="TEXT", help="The system prompt.")
@click.option("--think", type=click.Choice(list(_LEVELS)), help="Ask for reasoning, or for none.")
@click.option("--must-think", is_flag=True, help="Stop an answer that does not open with <think>.")
@click.option(
    "--theme", type=click.Choice(["dark", "light", "high-contrast"]), help="Remembered; see Ctrl+P."
)
@click.pass_context
def cli(
    ctx: click.Context,
    host: str | None,
    model: str | None,
    system: str | None,
    think: str | None,
    must_think: bool,
    theme: str | None,
) -> None:
    """Chat with local models in the terminal, and stop them when you like.

    Without a command the chat opens. It talks to the Ollama at --host, else at OLLAMA_HOST, else
    at 127.0.0.1:11434; where none answers, to the built-in engine.

    \b
    Examples:
      ollama-tui
      ollama-tui --host gpu-box:11434 --model qwen3:8b
      ollama-tui --think high --must-think --model deepseek-r1:7b
    """
    if ctx.invoked_subcommand is not None:
        return
    from ollama_tui.choice import Choice
    from ollama_tui.settings import configured_host
    from ollama_tui.text import sanitise

    if host is not None:
        configured_host(host)  # a wrong address is told before the screen opens

    system = sanitise(system) if system else None
    choice = Choice(host, model, _LEVELS[think] if think else None, must_think, system, theme)
    ctx.exit(_chat(choice))


def _chat(choice: Any) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("The chat needs a terminal on standard input and output.")
    from ollama_tui.ui.app import run

    return run(choice)


@cli.group()
def engine() -> None:
    """The built-in engine and its model."""


@engine.command("install")
def engine_install() -> None:
    """Fetch the built-in model (93 MB)."""
    from ollama_tui import engine_fetch

    raise SystemExit(engine_fetch.main())


@engine.command("status")
def engine_status() -> None:
    """Say whether the built-in engine can run here."""
    from ollama_tui.engine import check
    from ollama_tui.engine_model import installed, problem

    for sentence in (missing := check()):
        click.echo(sentence)
    path = installed()
    state = problem() or "not installed"
    click.echo(f"Model: {path}" if path else f"Model: {state} (`ollama-tui engine install`).")
    raise SystemExit(1 if missing or path is None else 0)


@cli.command()
@click.option("--host", metavar="URL", help="The server.")
def models(host: str | None) -> None:
    """List the models of the server."""
    import asyncio
    import os

    from ollama_tui.connection import Connections
    from ollama_tui.servers import open_server
    from ollama_tui.settings import configured_host
    from ollama_tui.text import sanitise

    async def names() -> list[str]:
        text = host or os.environ.get("OLLAMA_HOST", "")
        server = await open_server(configured_host(text), Connections())
        return [model.name for model in await server.models()]

    for name in asyncio.run(names()):
        click.echo(sanitise(name))


def main() -> None:
    """The entry point of `ollama-tui`."""
    cli.main(prog_name="ollama-tui")
