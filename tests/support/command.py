"""Run the command line like a person or a script, in this process or in a child process."""

import io
import os
import subprocess
import sys
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout

from inventory import log
from inventory.cli import main
from support import forked
from support.workers import PROGRAM

SECRET = "8f1c6a77secretpart"
KEY = f"keyid-1:{SECRET}"


class Command:
    """A callable that runs `inventory` in a folder. The environment has PATH, HOME and the variables in `environment`.

    A call takes the arguments of the command, and further variables of the environment. It removes a variable whose
    value is None. It returns a `CompletedProcess`. It checks the exit code against `expect`, a number or a set of
    numbers. It also checks that the output has none of the texts in `secrets`, and no traceback unless `--debug` is
    given.

    The command runs in this process. With `process=True` it runs in a child process, for tests of signals and file
    descriptors. The child is forked (`support.forked`). But if the name of a variable begins with PYTHON, LC_ or LANG,
    the child is a new interpreter: such a variable takes effect when Python starts. If a call gives `process`,
    that value counts.
    """

    def __init__(self, folder, *, process=False, **environment):
        self.folder = folder
        self.process = process
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | environment

    def __call__(self, *words, expect=0, secrets=(SECRET,), process=None, **extra):
        environment = {name: value for name, value in (self.environment | extra).items() if value is not None}
        run = _elsewhere if (self.process if process is None else process) else _here
        done = run(words, self.folder, environment)
        printed = done.stdout + done.stderr
        assert not [secret for secret in secrets if secret in printed]
        assert "--debug" in words or "Traceback" not in printed
        assert done.returncode in (expect if isinstance(expect, set) else {expect}), printed
        return done


def _elsewhere(words, folder, environment):
    if not any(name.startswith(("PYTHON", "LC_", "LANG")) for name in environment):
        return forked.run(words, cwd=folder, env=environment)
    return subprocess.run(
        [*PROGRAM, *words], env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip


def _here(words, folder, environment):
    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    code = None
    try:
        with surroundings(environment), chdir(folder), redirect_stdout(out), redirect_stderr(err):
            sys.stdin = io.StringIO()
            main(words)
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        sys.stdin = before
        log.configure()
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@contextmanager
def surroundings(environment):
    """Replace all environment variables with `environment` while the block runs. Then restore the earlier ones."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
