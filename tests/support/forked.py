"""Start `inventory` in child processes that are forked from one that has made the imports.

The imports take most of the time of a short command. The module is also the program that forks. It reads
requests from a socket: JSON, sent with the descriptors for stdout and stderr. The answer is the id of the new process.

A test of how a process starts needs a fresh interpreter instead: encodings, limits of memory and descriptors, signals
amid the imports.
"""

import atexit
import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import cache
from itertools import count

WITHOUT_ROOT_BYPASS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""A prefix of a command that makes the permissions of files apply to root."""
SUBREAPER = 36
"""The number of `PR_SET_CHILD_SUBREAPER` for prctl(2)."""
ONE_AT_A_TIME = threading.Lock()
LONGEST = 2**17
"""Bytes of the longest request."""


class Forked:
    """A child process that runs `inventory`, with the methods of `subprocess.Popen` that tests use.

    Its stdin is empty. Its stdout and stderr are files in memory, or the given descriptors. It is killed at the `fatal`
    statement or commit, counted from 1; with 0 it lives. `bulk` is the number of rows from which the indexes of empty
    tables are dropped and made again. `largest_file` is the size in bytes beyond which no file can grow, as on a full
    disk. Without `root_bypass` the permissions of files apply to root too.
    """

    def __init__(
        self, words, *, cwd, env, stdout=None, stderr=None, fatal=0, bulk=None, largest_file=None, root_bypass=True
    ):  # fmt: skip
        self._files = [os.memfd_create(name) if fd is None else None for name, fd in (("o", stdout), ("e", stderr))]
        out, err = (fd if file is None else file for file, fd in zip(self._files, (stdout, stderr), strict=True))
        wanted = {
            "words": words, "folder": str(cwd), "environment": env, "fatal": fatal, "bulk": bulk,
            "largest_file": largest_file,
        }  # fmt: skip
        self.pid = _forked(wanted, out, err, _server(root_bypass or os.geteuid() != 0))
        self.returncode = None
        self._ended = os.pidfd_open(self.pid)

    def poll(self):
        """Return the exit code, or None if the process is alive."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                os.close(self._ended)
        return self.returncode

    def wait(self, timeout=None):
        """Wait until the process ends, and return its exit code."""
        if self.poll() is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("inventory", timeout)
            self.poll()
        return self.returncode

    def send_signal(self, number):
        """Send a signal if the process has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """Kill the process if it has not ended."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout=None):
        """Wait until the process ends, and return the texts of stdout and stderr."""
        self.wait(timeout)
        texts = []
        for file in self._files:
            if file is None:
                texts.append(None)
                continue
            os.lseek(file, 0, os.SEEK_SET)
            with os.fdopen(file, encoding="utf-8") as text:
                texts.append(text.read())
        self._files = [None, None]
        return tuple(texts)


def run(words, *, cwd, env, stdout=None, stderr=None, timeout=90):
    """Run a command and return its `CompletedProcess`, as `subprocess.run` does."""
    process = Forked(words, cwd=cwd, env=env, stdout=stdout, stderr=stderr)
    try:
        out, err = process.communicate(timeout)
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


@cache
def _server(root_bypass):
    """Start the program that forks, and return the socket for requests. It ends with this process."""
    prefix = [] if root_bypass else WITHOUT_ROOT_BYPASS
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": os.pathsep.join(sys.path)}
    with theirs:
        process = subprocess.Popen(
            [*prefix, sys.executable, __file__, str(theirs.fileno())], env=environment, pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def stop():
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours


def _forked(wanted, out, err, server):
    """Return the number of a new child process of this process."""
    prctl = ctypes.CDLL(None).prctl
    with ONE_AT_A_TIME:
        if prctl(SUBREAPER, 1, 0, 0, 0):  # so that the orphan which `serve` leaves is a child of this process
            raise OSError("this system has no PR_SET_CHILD_SUBREAPER")
        try:
            socket.send_fds(server, [json.dumps(wanted).encode()], [out, err])
            answer = server.recv(64)
        finally:
            prctl(SUBREAPER, 0, 0, 0, 0)
    if not answer:
        raise RuntimeError("the process that forks has ended, or cannot fork; its stderr says why")
    return int(answer)


def serve(requests):
    """Answer requests until there are no more. In each new process, return the words of its command."""
    while True:
        text, fds, _, _ = socket.recv_fds(requests, LONGEST, 2)
        if not text:
            return None
        reader, writer = os.pipe()
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child:
                os.write(writer, str(child).encode())
                os._exit(0)
            for fd in (reader, writer, requests.detach()):
                os.close(fd)
            return _become(json.loads(text), *fds)
        os.waitpid(between, 0)  # only then is the new process a child of the test's process
        os.close(writer)
        if not (child := os.read(reader, 64)):
            sys.exit("the process between could not fork")
        requests.send(child)
        for fd in (reader, *fds):
            os.close(fd)


def _become(wanted, out, err):
    """Take over the surroundings of a command, and return its words."""
    for fd, standard in ((out, 1), (err, 2)):
        os.dup2(fd, standard)
        os.close(fd)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if wanted["fatal"]:
        _kill_at(wanted["fatal"])
    if wanted["bulk"] is not None:
        indexes.MANY = wanted["bulk"]
    if wanted["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wanted["largest_file"],) * 2)
    return wanted["words"]


def _kill_at(fatal):
    """Kill this process at that statement or commit."""
    numbers = count(1)

    def strike(*_):
        if next(numbers) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, strike)


if __name__ == "__main__":
    import gc
    from importlib import import_module
    from pkgutil import walk_packages

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    import inventory
    from inventory import log
    from inventory.cli import main
    from inventory.cli.app import loaded
    from inventory.store import indexes, schema

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and then this process
    schema.known(schema.HEAD)  # as the program imports Alembic, before a module imports what that leaves out
    log.configure()
    log.get(__name__).debug("imports structlog")
    loaded()
    for module in walk_packages(inventory.__path__, "inventory."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    gc.freeze()
    words = serve(socket.socket(fileno=int(sys.argv[1])))
    if words is not None:
        sys.argv = ["inventory", *words]
        main()
