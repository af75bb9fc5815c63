"""The typer application that the commands hang on."""

import typer

app = typer.Typer(
    name="probekit",
    help="Find out which single units of a trained sequence model do what.",
    epilog="Begin with `probekit list`, then `probekit run plugin=gru-saturation`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
