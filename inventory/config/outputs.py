"""Check what a sync and `run` need for their outputs: alerts, signatures, checkpoints, the report and the export.

Nothing is sent or written. Only outputs that the settings ask for are checked.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from inventory.config import extras
from inventory.config.alerts import AlertSettings, open_channel
from inventory.config.settings import Settings
from inventory.config.signing import read_signer
from inventory.errors import UsageError
from inventory.whole_file import require_replaceable
from inventory.wording import counted

NEEDED_BY_SYNC = ("alerts", "signature")
"""The outputs whose faults `doctor` counts as failures.

A fault of `alerts` ends every sync, except a dry run, with exit code 2. A fault of `signature` does so only if
checkpoints are delivered. Most faults of the other outputs are only logged.
"""


def check_outputs(settings: Settings) -> Iterator[tuple[str, str | UsageError, str]]:
    """Yield (name, result, remedy) for each output.

    - `name`: the name of the output. If the output needs an extra, the extra has the same name.
    - `result`: a text about the output if it can be used, else the UsageError.
    - `remedy`: what to do about an error.
    """
    for name, check, remedy in _checks(settings):
        if name in extras.LIBRARIES and not extras.installed(name):
            ends = "" if name in NEEDED_BY_SYNC else " Without it, `run` ends with 2."
            missing = UsageError(f"{extras.LIBRARIES[name]} is not installed.{ends}")
            yield name, missing, f"Add it: {extras.remedy(name)}."
            continue
        try:
            yield name, check(), remedy
        except UsageError as error:
            yield name, error, remedy
        except OSError as error:
            yield name, UsageError(f"{error.filename} cannot be used: {error.strerror}."), remedy


def _checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str], str]]:
    allow = "Make the folder and let the user of `run` write it, or name another one."
    if settings.checkpoint_key_file is not None:
        yield "signature", partial(_signature, settings), "docs/checkpoints.md says how a key is made and named."
    if settings.alerts is not None:
        yield "alerts", partial(_alerts, settings.alerts), "docs/monitoring.md says how alerts are set up."
    if settings.checkpoint_dir is not None:
        yield "delivery", partial(_delivery, settings.checkpoint_dir), allow
    if settings.report_file is not None:
        yield "report", partial(_report, settings.report_file), allow
    if settings.export_dir is not None:
        yield "export", partial(_export, settings.export_dir), allow


def _signature(settings: Settings) -> str:
    signer = read_signer(settings)
    assert signer.key is not None  # noqa: S101 - read_signer has read the configured file
    return f"{signer.key.verifier(signer.name)} is the verifier key of checkpoints"


def _alerts(settings: AlertSettings) -> str:
    addresses = settings.addresses()
    for number, address in enumerate(addresses, start=1):
        open_channel(number, address)
    return f"{counted(len(addresses), 'address', 'addresses')}, each of a service that apprise knows"


def _delivery(folder: Path) -> str:
    return _writable("checkpoints", folder if folder.exists() else folder.absolute().parent)


def _report(file: Path) -> str:
    try:
        require_replaceable(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from None
    return _writable("the report", Path(os.path.realpath(file)).parent)


def _export(folder: Path) -> str:
    # an export makes the folders that are missing
    return _writable("the export", next(each for each in (folder, *folder.absolute().parents) if each.exists()))


def _writable(what: str, folder: Path) -> str:
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{what} cannot be written to {folder}.")
    return f"{what} may be written to {folder}"
