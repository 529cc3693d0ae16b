"""The wheel and the sdist: what they hold, and that the wheel works in a clean environment outside of the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Simulator
from inventory.store.database import connect, reading
from support.libraries import PROGRAM, ROOT, closure

pytestmark = pytest.mark.wheel

MACHINES = [
    {"id": f"inst_{number}", "instance_type": "gpu_8x_h100_sxm5", "region": "us-west", "status": "ready"}
    for number in range(3)
]


def run(*words, cwd, expect=0, **environment):
    """Run a program, assert that its exit code is `expect`, and return its stdout.

    The program gets the environment of the tests without the variables of Python, pip, fal and `inventory`, and with
    the variables in `environment`.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PIP_", "FAL_", "INVENTORY_"))
    }
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the sdist and, from it, the wheel, with the tools of this environment. Return their folder."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """Return the `bin` folder of a new environment with the wheel.

    The libraries that the wheel needs are links to those of the tests' own environment.
    """
    place = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    python = place / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=place)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip())
    found, _ = closure(PROGRAM)
    for library in found.values():
        for name in {file.parts[0] for file in library.files} - {"..", "__pycache__"}:
            if not (packages / name).exists():
                (packages / name).symlink_to(library.locate_file(name))
    assert Path(run(python, "-c", "import inventory; print(inventory.__file__)", cwd=place).strip()).parent == (
        packages / "inventory"
    )
    return place / "venv" / "bin"


def test_the_wheel_holds_the_package_its_migrations_and_the_man_page_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {
        str(path.relative_to(ROOT)) if folder == "inventory" else f"inventory/{path.relative_to(ROOT)}"
        for folder in ("inventory", "migrations")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    (manual,) = [name for name in names if ".data/" in name]
    assert manual.endswith(".data/data/share/man/man1/inventory.1")
    assert {name for name in names if ".dist-info/" not in name} == {*wanted, manual}
    assert any(name.startswith("inventory/migrations/versions/0001_") for name in names)
    assert any(name.startswith("inventory/migrations/views/") and name.endswith(".sql") for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_is_needed_to_build_test_and_migrate(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    migrations = {
        str(path.relative_to(ROOT)) for path in (ROOT / "migrations").rglob("*") if path.suffix in {".py", ".sql"}
    }
    files = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "constraints.txt", "alembic.ini"}
    files |= {"mkdocs.yml", "docs/inventory.1", "docs/inventory.schema.json", "tools/pages.py", "tools/site/hooks.py"}
    assert migrations | files | {"migrations/script.py.mako", "tests/docs/test_wheel.py", "inventory/py.typed"} <= names


def test_a_copy_of_the_checkout_of_another_time_builds_the_same_bytes(built, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "build", "__pycache__"))
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = tmp_path / "again"
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", again, copy, cwd=tmp_path)
    assert {file.name: file.read_bytes() for file in again.iterdir()} == {
        file.name: file.read_bytes() for file in built.iterdir()
    }


def test_the_installed_wheel_migrates_and_syncs_from_another_folder(programs, database_url, tmp_path):
    inventory = programs / "inventory"
    with Simulator(Fleet(MACHINES)) as simulator:
        settings = {
            "INVENTORY_DATABASE_URL": database_url,
            "INVENTORY_API_URL": simulator.url,
            "FAL_KEY": "any",
        }
        run(inventory, "db", "upgrade", cwd=tmp_path, **settings)
        run(inventory, "db", "check", cwd=tmp_path, **settings)
        run(inventory, "sync", cwd=tmp_path, **settings)
        listed = run(inventory, "list", "--format", "csv", cwd=tmp_path, **settings)
        run(inventory, "list", "--nonsense", cwd=tmp_path, expect=2, **settings)
    assert {line.split(",")[1] for line in listed.splitlines()[1:]} == {"inst_0", "inst_1", "inst_2"}
    engine = connect(parse_url(database_url))
    with reading(engine) as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql("SELECT status, appeared FROM sync_runs")]
    engine.dispose()
    assert rows == [("succeeded", 3)]


def test_the_installed_wheel_makes_the_database_at_the_first_sync(programs, tmp_path):
    with Simulator(Fleet(MACHINES)) as simulator:
        run(programs / "inventory", "sync", cwd=tmp_path, INVENTORY_API_URL=simulator.url, FAL_KEY="any")
    assert (tmp_path / "inventory.db").exists()
