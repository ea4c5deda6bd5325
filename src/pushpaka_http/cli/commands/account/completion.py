"""The command `pushpaka completion`."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """
    Print a shell completion script.

    The script completes commands, options, and the names of projects and contexts.

    For bash, add to ~/.bashrc: eval "$(pushpaka completion bash)"

    For zsh, add to ~/.zshrc: eval "$(pushpaka completion zsh)"

    For fish, run: pushpaka completion fish >~/.config/fish/completions/pushpaka.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"Completion for {shell} is not available. Choose another shell.")
    root = context.find_root()
    name = root.info_name or "pushpaka"
    click.echo(kind(root.command, {}, name, "_PUSHPAKA_COMPLETE").source())
