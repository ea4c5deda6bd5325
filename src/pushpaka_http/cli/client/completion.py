"""`pushpaka completion`."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """
    Print the script by which SHELL completes commands, options and projects.

    In bash, ~/.bashrc has: eval "$(pushpaka completion bash)"

    In zsh, ~/.zshrc has: eval "$(pushpaka completion zsh)"

    For fish: pushpaka completion fish >~/.config/fish/completions/pushpaka.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    root = context.find_root()
    name = root.info_name or "pushpaka"
    click.echo(kind(root.command, {}, name, "_PUSHPAKA_COMPLETE").source())
