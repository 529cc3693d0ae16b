"""A real pgbouncer in transaction mode, between the tests and their PostgreSQL."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

from support.programs import skip_without

CONNECTIONS = 8  # from pgbouncer to the server: fewer than from clients to pgbouncer, so that clients must share them
WATCHER = '"$0" -q "$1/pgbouncer.ini" & cat > /dev/null; kill -INT $!; wait $!; rm -rf "$1"'


@contextmanager
def pgbouncer(server: URL) -> Iterator[URL]:
    """Start pgbouncer in front of the server, and yield the URL for clients.

    If pgbouncer is not installed, skip the test; if the variable CI is `true`, fail the test instead.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        skip_without("pgbouncer: apt-get install pgbouncer")
    folder = Path(tempfile.mkdtemp(prefix="pgb-", dir="/tmp"))  # short: a socket's path has at most 107 bytes
    places = {
        "host": server.host or server.query.get("host"),
        "port": server.port or server.query.get("port"),
        "user": server.username,
        "password": server.password,
    }
    target = " ".join(f"{name}='{value}'" for name, value in places.items() if value)
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = {target}\n[pgbouncer]\npool_mode = transaction\nauth_type = any\nlisten_addr =\n"
        f"listen_port = 6432\nunix_socket_dir = {folder}\ndefault_pool_size = {CONNECTIONS}\nmax_client_conn = 500\n"
        f"logfile = {folder}/log\nserver_reset_query_always = 1\n"
    )
    identity = {}
    if os.geteuid() == 0:  # pgbouncer refuses to run as root
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for path in (folder, folder / "pgbouncer.ini"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCHER, program, folder],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **identity,
    )  # fmt: skip
    url = server.set(host=None, password=None, query={"host": str(folder), "port": "6432"})
    try:
        _wait(url, folder / "log")
        yield url
    finally:
        watcher.communicate()


def _wait(url: URL, log: Path) -> None:
    """Wait until pgbouncer answers; after 30 seconds raise RuntimeError with the text of the file `log`."""
    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url.set(drivername="postgresql").render_as_string(), prepare_threshold=None).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > end:
                raise RuntimeError(log.read_text() if log.exists() else "no log") from error
            time.sleep(0.05)
        else:
            return
