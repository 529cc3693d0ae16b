"""The commands of docs/audit-a-quarter.md, run one after the other in one shell, on the history of a demo."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from support.libraries import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "audit-a-quarter.md").read_text(encoding="utf-8")
INSTALL, *STEPS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_step_of_the_audit_succeeds_and_the_bundle_is_accepted(tmp_path):
    if shutil.which("unzip") is None:
        (tmp_path / "unzip").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m zipfile -e "$3" "$5"\n')
        (tmp_path / "unzip").chmod(0o755)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "inventory").symlink_to(ROOT / "inventory")
    demo, export = INSTALL.rpartition(" && ")[2].splitlines()
    assert demo == ".venv/bin/inventory demo"
    script = "\n".join([f"{demo} --days 10", export, *STEPS])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, text=True, capture_output=True, check=False,
        env={"PATH": f"{os.environ['PATH']}:{tmp_path}", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"account-1, called demo: \d+ entries .* 10 lists: all agree", done.stdout)
    assert "it existed then, created by" in done.stdout
