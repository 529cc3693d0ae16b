"""Tests that run each `inventory` command shown in README.md and docs/commands.md."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from uuid import uuid4

import pytest

from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Simulator
from inventory.store import schema
from inventory.store.database import connect, writing
from support.command import Command
from support.libraries import ROOT

pytestmark = pytest.mark.slow

PAGES = ("README.md", "docs/commands.md")
TEXT = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
LINES = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
COMMANDS = list(dict.fromkeys(line for line in LINES if re.match(r"(\w+=\S+ )*inventory ", line)))
SERVERS = {"inventory simulate": "A made-up fleet", "inventory explore": " is at http://127.0.0.1:"}
ANEW = ("account rename", "account retire", "inventory status", "sync --account")
"""A command line with one of these texts needs a new database, made by a sync of the account `default`."""
DAYS = "2026-03-05", "2026-03-07"
"""The start and the end of a period that the demo covers."""
RESEARCH = '[[accounts]]\nname = "research"\napi_key_env = "FAL_KEY"\n'


class Ended:
    """A command that has run in this process. It has what the function `succeeds` needs of a `subprocess.Popen`."""

    def __init__(self, done):
        self.returncode = done.returncode
        self.printed = done.stdout, done.stderr

    def communicate(self, timeout):  # noqa: ARG002 - `Popen` has it
        return self.printed


@pytest.fixture
def shell(tmp_path, sqlite_demo):
    """Yield a function that runs a command line in a folder with copies of a demo, and returns a Popen or an Ended.

    A line that is only an `inventory` command, and starts no server, runs in this process and gives an Ended. Bash
    runs any other line, and finds `inventory` in the Python environment of the tests.
    """
    for name in ("inventory.db", "demo.db"):
        shutil.copyfile(sqlite_demo, tmp_path / name)
    machine = {"id": "inst_1", "instance_type": "gpu_1x_h100_sxm5", "region": "us-west", "status": "ready"}
    with Simulator(Fleet([machine])) as simulator:
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "FAL_KEY": "any",
            "INVENTORY_API_URL": simulator.url,
        }

        here = Command(tmp_path, **environment)

        def start(line):
            if re.fullmatch(r"inventory [^|&;<>$`\\\n]+", line) and not is_a_server(line):
                return Ended(here(*shlex.split(line)[1:]))
            return subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", line.replace("http://127.0.0.1:8123/v1", simulator.url)],
                cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip

        yield start


@pytest.fixture
def prepared(shell, tmp_path):
    """Return a function that makes what a command line needs, and then runs the line with the function of `shell`.

    A line may need a new database, a checkpoint, an export, or an account named `research`. If the line has
    `--since X --until Y`, X and Y are replaced by the times in DAYS.
    """

    def start(line):
        account = "demo"
        if any(words in line for words in ANEW):
            account = "default"
            (tmp_path / "inventory.db").unlink()
            succeeds(shell("inventory sync"))
        if "--against" in line:
            succeeds(shell("inventory checkpoint --output checkpoints"))
        if line == "inventory export lake --check":
            succeeds(shell("inventory export lake"))
        if "--account research" in line:
            succeeds(shell(f"inventory account rename {account} research"))
            (tmp_path / "inventory.toml").write_text(RESEARCH)
        return shell(re.sub(r"--since \S+ --until \S+", f"--since {DAYS[0]} --until {DAYS[1]}", line))

    return start


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_pages_succeeds(line, shell, prepared, request):
    if "postgresql://" in line:
        postgres = request.getfixturevalue("postgres")
        with postgres.database() as name:
            url = postgres.url_of(name)
            with migrated_with_a_role(url) if "grant-reader" in line else nullcontext("bi") as role:
                line = re.sub(r"postgresql://\S+", lambda _: f"'{url}'", line.replace(" bi ", f" {role} "))
                serves(shell, line) if is_a_server(line) else succeeds(shell(line))
    elif is_a_server(line):
        serves(shell, line)
    elif line == "inventory demo":  # one day, because the month of the default takes longer
        succeeds(shell(f"{line} --days 1"))
    else:
        succeeds(prepared(line))


def is_a_server(line):
    return " ".join(line.split()[:2]) in {*SERVERS, "inventory run"} and "--metadata" not in line


def serves(shell, line):
    """Assert that the server of this line prints that it has started, and that SIGINT ends it with exit code 0."""
    program = " ".join(line.split()[:2])
    port = f"{line} --port 0" if program in SERVERS else line.replace(":9464", ":0")  # the usual port may be in use
    process = shell(f"exec {port}")
    assert SERVERS.get(program, "started") in (process.stdout if program in SERVERS else process.stderr).readline()
    process.send_signal(signal.SIGINT)
    succeeds(process)


@contextmanager
def migrated_with_a_role(url):
    """Migrate the database, create a role on its server, and yield the name of the role. Drop the role at the end."""
    role = f"bi_{uuid4().hex}"
    engine = connect(parse_url(url))
    schema.upgrade(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
    yield role
    with writing(engine) as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")
    engine.dispose()


def succeeds(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "Traceback" not in err
    assert "trying again" not in out  # log lines belong to stderr
