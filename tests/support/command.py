"""A command in a process of its own, as a person or a script meets it."""

import os
import subprocess
import sys

SECRET = "8f1c6a77secretpart"
KEY = f"keyid-1:{SECRET}"


class Command:
    """Runs `inventory` with an environment that holds nothing but what it is given."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | environment

    def __call__(self, *words, expect=0, secrets=(SECRET,), **extra):
        environment = {name: value for name, value in (self.environment | extra).items() if value is not None}
        done = subprocess.run(
            [sys.executable, "-c", "from inventory.cli import main; main()", *words],
            env=environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        printed = done.stdout + done.stderr
        assert not [secret for secret in secrets if secret in printed]
        assert "Traceback" not in printed
        assert done.returncode == expect, printed
        return done
