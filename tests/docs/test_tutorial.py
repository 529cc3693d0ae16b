"""The commands of docs/tutorial.md, run one after the other in one shell."""

import os
import re
import shutil
import subprocess
import sys
from itertools import groupby

import pytest

from inventory.simulator.habits import CREATORS
from support.libraries import ROOT
from support.programs import skip_without

pytestmark = pytest.mark.slow

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
STEPS = [text for kind, text in BLOCKS if kind == "sh"]
BETWEEN = "== step {} =="
DAYS = 8  # the length of the demo here; the month of the tutorial would take longer
NAMES = "|".join(creator.nickname for creator in CREATORS)
VARIES = (
    (r" +", " "),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{6}Z)?", "TIME"),
    (r"inst_[0-9a-f]{12} gpu_[18]x_h100_sxm5 [a-z-]+ [a-z]+(?: \d+\.\d+\.\d+\.\d+)?", "MACHINE"),
    (r"vanished between TIME and TIME|\blive\b", "PRESENCE"),  # what vanished may have come back
    (rf"^(?:{NAMES})(?= \d)", "NAME"),
    (rf"^│ (?:(?:{NAMES}) )?(?=│ \d)", "│ NAME "),
    (r"\b\d[\d,]*(?:\.\d+)?", "#"),
    (r"─+", "─"),
)
"""Pairs of a pattern and its replacement.

The patterns match what differs between two demos. Their times differ because a demo ends when it is made.
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Run the steps of the tutorial, and return the stdout of each, as a list of texts."""
    if shutil.which("sqlite3") is None:
        skip_without("the sqlite3 program (Debian: apt-get install sqlite3)")
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


def test_every_step_succeeds_and_prints_something(printed):
    assert len(printed) == len(STEPS)
    assert all(text.strip() for text, step in zip(printed, STEPS, strict=True) if "export " not in step)


def same(shown, printed):
    """Return whether the output `printed` of a step agrees with the text `shown` of the page.

    In both texts, each match of a pattern in VARIES is replaced first. Then successive lines that are equal become one
    line, because their number varies too. A line `...` in `shown` stands for any number of lines.
    """
    shown, printed = (
        "".join(line for line, _ in groupby(map(without_what_varies, text.splitlines()))) for text in (shown, printed)
    )
    return re.fullmatch(re.escape(shown).replace(re.escape("...\n"), "(?:.*\n)*"), printed)


def without_what_varies(line):
    for pattern, replacement in VARIES:
        line = re.sub(pattern, replacement, line)
    return f"{line.strip()}\n"


def test_what_the_page_shows_is_what_a_step_prints_but_for_what_varies(printed):
    number = -1
    assert "text" in {kind for kind, _ in BLOCKS}
    for kind, text in BLOCKS:
        number += kind == "sh"
        if kind == "text":
            assert same(text, printed[number]), printed[number]


def test_the_readme_makes_the_demo_by_the_same_command_and_shows_what_it_prints(printed):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert STEPS[0] in readme
    assert same(re.search(r"^```text\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[1], printed[0]), printed[0]
