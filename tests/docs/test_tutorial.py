"""The commands of docs/tutorial.md, run one after the other in one shell."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from support.libraries import ROOT

pytestmark = pytest.mark.slow

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
STEPS = [text for kind, text in BLOCKS if kind == "sh"]
BETWEEN = "== step {} =="
DAYS = 8  # the length of the demo here; the month of the tutorial would take longer


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Run the steps of the tutorial, and return the stdout of each, as a list of texts."""
    if shutil.which("sqlite3") is None:
        why = "needs the sqlite3 program (Debian: apt-get install sqlite3)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / ".venv").symlink_to(sys.prefix)
    installed = STEPS[0].rpartition(" && ")[2]  # without the part that makes an environment
    assert installed == ".venv/bin/inventory demo\n"
    steps = [f"{installed.strip()} --days {DAYS}\n", *STEPS[1:]]
    script = "".join(f"echo '{BETWEEN.format(number)}'\n{step}" for number, step in enumerate(steps))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "demo.html").is_file()
    return re.split(r"== step \d+ ==\n", done.stdout)[1:]


def test_every_step_does_what_it_says(printed):
    assert len(printed) == len(STEPS)
    assert all(text.strip() for text, step in zip(printed, STEPS, strict=True) if "export " not in step)


def test_what_the_page_shows_is_what_a_step_prints_but_for_times_and_numbers(printed):
    number = -1
    for kind, text in BLOCKS:
        number += kind == "sh"
        if kind == "text":
            first = [
                re.sub(r"[\d,]+|─+", "#", " ".join(lines.split("\n")[0].split())) for lines in (text, printed[number])
            ]
            assert first[0] == first[1]


def test_the_readme_makes_the_demo_by_the_same_command_and_shows_what_it_prints(printed):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert STEPS[0] in readme
    shown = re.search(r"^```text\n(.*?)\n```$", readme, re.MULTILINE | re.DOTALL)[1]
    _, title, _, header, *_, last = shown.splitlines()
    lines = [" ".join(line.split()) for line in printed[0].splitlines()]
    assert {title, " ".join(header.split()), last} <= set(lines)
