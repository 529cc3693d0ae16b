"""The command `config`: show the settings in force and where they come from."""

from inventory import log
from inventory.cli.options import DatabaseOption, FormatOption
from inventory.config.provenance import COLUMNS, in_force
from inventory.config.settings import load, unknown_variables
from inventory.read.render import Format, printable, show


def config_command(style: FormatOption = Format.table, url: DatabaseOption = None) -> None:
    """Show every setting in force, and where its value came from.

    A flag beats the environment, the environment beats the file, the file beats the default. A variable that begins
    with INVENTORY_ and is no setting is reported on stderr. Of a key only its id is shown. Opens no database. Writes
    nothing.

    \b
    Examples:
      inventory config
      inventory config --format json
    """
    flags = {"database_url": url}
    rows = in_force(load(**flags), flags)
    show(rows, "settings", style, columns=COLUMNS)
    for line in unknown_variables():
        log.say(printable(line), "warning")
