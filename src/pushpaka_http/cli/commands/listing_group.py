"""The class of command groups that list their objects by default."""

import click


class ListingGroup(click.Group):
    """A group that runs its command `list` if no command is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the command `list` if the arguments name no command."""
        is_bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        is_completed = ctx.resilient_parsing
        return super().parse_args(ctx, ["list", *args] if is_bare and not is_completed else args)
