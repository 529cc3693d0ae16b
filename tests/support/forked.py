"""Start `inventory` in child processes. A server process imports the program once, and forks each child process.

This saves time, because most of the time of a short command goes to imports. Run as a program, this module is the
server process. It reads requests from a socket: JSON text, sent with the descriptors for stdout and stderr. It answers
with the id of the new process.

Some tests need a new interpreter instead: tests of encodings, of limits of memory and descriptors, and of signals
during the imports.
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

WITHOUT_ROOT_BYPASS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""Words to put before a command. With them, the permissions of files apply even if the command runs as root."""
SUBREAPER = 36
"""The number of `PR_SET_CHILD_SUBREAPER` for prctl(2)."""
ONE_AT_A_TIME = threading.Lock()
LONGEST = 2**17
"""The size of the largest request, in bytes."""


class Forked:
    """A child process that runs `inventory`, with the methods of `subprocess.Popen` that tests use.

    The stdin of the process is empty. Its stdout and stderr are files in memory, or the given descriptors.

    - `fatal`: the number of the statement or commit before which the process is killed. Statements and commits are
      counted together, from 1. 0: no kill.
    - `bulk`: the smallest number of inserted rows for which the program drops and rebuilds the indexes of empty
      PostgreSQL tables. None: the program's own number.
    - `largest_file`: the size in bytes beyond which no file can grow, as on a full disk. None: no limit.
    - `quick_end`: whether the process ends without freeing its memory first (`_exit`).
    - `root_bypass`: whether root may bypass the permissions of files.

    After the end of the process, `most_memory` is the largest size that its memory had, in bytes.
    """

    def __init__(
        self, words, *, cwd, env, stdout=None, stderr=None, fatal=0, bulk=None, largest_file=None,
        quick_end=False, root_bypass=True,
    ):  # fmt: skip
        self._files = [os.memfd_create(name) if fd is None else None for name, fd in (("o", stdout), ("e", stderr))]
        out, err = (fd if file is None else file for file, fd in zip(self._files, (stdout, stderr), strict=True))
        wanted = {
            "words": words, "folder": str(cwd), "environment": env, "fatal": fatal, "bulk": bulk,
            "largest_file": largest_file, "quick_end": quick_end,
        }  # fmt: skip
        self.pid = _forked(wanted, out, err, _server(root_bypass or os.geteuid() != 0))
        self.returncode = None
        self.most_memory = None
        self._ended = os.pidfd_open(self.pid)

    def poll(self):
        """Return the exit code; -N if signal N has ended the process; None if the process is still alive."""
        if self.returncode is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.most_memory = usage.ru_maxrss * 1024
                self.returncode = os.waitstatus_to_exitcode(status)
                os.close(self._ended)
        return self.returncode

    def wait(self, timeout=None):
        """Wait until the process ends, and return its exit code; raise TimeoutExpired after `timeout` seconds."""
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
        """Wait until the process ends, and return a pair: the texts of stdout and stderr.

        A text is None if a descriptor was given for this stream.
        """
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


def run(words, *, cwd, env, stdout=None, stderr=None, quick_end=True, timeout=90):
    """Run a command and return its `CompletedProcess`. After `timeout` seconds, kill it and raise TimeoutExpired."""
    process = Forked(words, cwd=cwd, env=env, stdout=stdout, stderr=stderr, quick_end=quick_end)
    try:
        out, err = process.communicate(timeout)
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


@cache
def _server(root_bypass):
    """Return the socket for requests to a server process. Start the server process if there is none yet.

    Each value of `root_bypass` has a server process of its own. If the value is False, the permissions of files apply
    to root too, in the server process and in each process that it forks. The server process ends when this process
    ends.
    """
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
    """Send the request `wanted` to the server process, and return the id of the new process.

    The new process becomes a child of this process.
    """
    prctl = ctypes.CDLL(None).prctl
    with ONE_AT_A_TIME:
        if prctl(SUBREAPER, 1, 0, 0, 0):  # an orphan becomes a child of the subreaper: see `serve`
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
    """Fork a process for each request. In each new process, return the request as a dict.

    In the server process, return None when the socket is closed.
    """
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
        os.waitpid(between, 0)  # from here on the new process is an orphan, and so a child of the test's process
        os.close(writer)
        if not (child := os.read(reader, 64)):
            sys.exit("the process between could not fork")
        requests.send(child)
        for fd in (reader, *fds):
            os.close(fd)


def _become(wanted, out, err):
    """Set up this new process as the request `wanted` says, and return the request."""
    for fd, standard in ((out, 1), (err, 2)):
        os.dup2(fd, standard)
        os.close(fd)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if wanted["fatal"]:
        kill_at(wanted["fatal"])
    if wanted["bulk"] is not None:
        indexes.MANY = wanted["bulk"]
    if wanted["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wanted["largest_file"],) * 2)
    return wanted


def _exit(code):
    """End this process with exit code `code`, like the interpreter, but do not free any objects.

    The interpreter would free each object of all imported modules. That takes longer than a short command. Tests of
    signals and of output need the interpreter's own end.
    """
    threading._shutdown()  # noqa: SLF001 - waits for all threads that are not daemons
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    import gc
    from importlib import import_module
    from pkgutil import walk_packages

    import inventory
    from inventory import log
    from inventory.cli import main
    from inventory.cli.app import loaded
    from inventory.store import indexes, schema
    from support.in_child import kill_at

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, which then end this process
    schema.known(schema.HEAD)  # first: it imports Alembic without Pygments, as the program does
    log.configure()
    log.get(__name__).debug("imports structlog")
    loaded()
    for module in walk_packages(inventory.__path__, "inventory."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    gc.freeze()
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        sys.argv = ["inventory", *request["words"]]
        try:
            main()
        except SystemExit as ended:
            if request["quick_end"]:
                _exit(ended.code)
            raise
