"""A pytest plugin that runs the tests once, and then again for each mutant in a forked process.

The first run notes which lines each test executes. A mutant is tried with tests that execute the line that it changes
or, if there are none, any line of the changed function. Tests that have killed other mutants of the module come first,
then the quickest tests, then tests with random histories. In the forked process the changed functions get the code of
the mutant. So most mutants are killed within a second. If new code for functions is not enough, the module is executed
again, and the tests are those that execute any of its lines.

If a test starts another process, the lines that this process executes are not noted. But the process imports the
mutant: while a mutant is tried, its source is in the copy of the checkout.

A mutant of a view is tried with tests of the views, in the same order. The mutant replaces the view in the SQLite files
that fixtures of the session create. The tests read these files or copies of them.

The environment says what to do:

- MUTANTS: a file of JSON lines, one for each mutant: `number`, `module`, `path`, `source`. A mutant of Python also has
  `line`. A mutant of a view also has `view`, the name of the view, and `files`, the files of the tests of views.
- RESULTS: the file to which a JSON line is added for each mutant: `number`, `outcome`, `tests`, `seconds`.
- COPIES: the folder of the copies of the checkout: copy-0, from which the tests are run, copy-1, ...
- PROCESSES: the number of copies. As many mutants of Python are tried at a time.
- SECONDS: the limit for the tests of one mutant. Together they took at most this many seconds in the first run. Tests
  with random histories do not count, and are always run. `inf` means no limit.
"""

import contextlib
import faulthandler
import gc
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from coverage import Coverage

DATABASES = ("template.db", "watched.db")
"""The names of the SQLite files that fixtures of the session create, and tests read or copy."""
PATIENCE = 120.0
"""Seconds. A mutant counts as killed if one test takes longer than this plus five times its time in the first run."""


class _Source:
    """The code objects of a module, depth first. For each, `around` has the index of the enclosing object, or None."""

    def __init__(self, text: str, path: str) -> None:
        self.codes: list[CodeType] = []
        self.around: list[int | None] = []
        self._add(compile(text, path, "exec"), None)

    def _add(self, code: CodeType, around: int | None) -> None:
        index = len(self.codes)
        self.codes.append(code)
        self.around.append(around)
        for each in code.co_consts:
            if isinstance(each, CodeType):
                self._add(each, index)


@dataclass
class _Tests:
    """What the first run noted, and the place where the process of a mutant notes the test that kills it."""

    items: list[pytest.Item]
    seconds: list[float] = field(default_factory=list)
    of_line: dict[tuple[str, int], set[int]] = field(default_factory=dict)  # indexes of tests by path and line
    functions: defaultdict[CodeType, list[FunctionType]] = field(default_factory=lambda: defaultdict(list))
    failed: bool = False
    current: int = 0
    killer: int | None = None  # the descriptor of a pipe

    def run(self, index: int, following: int) -> None:
        """Run the test `index`. Fixtures that the test `following` also uses are kept."""
        self.current = index
        item = self.items[index]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self.items[following])

    def note_lines(self, sources: dict[str, "_Source"]) -> None:
        """Run all tests, and note for each how long it takes and which lines of these modules it executes.

        Then note the functions of these modules, by their code objects.
        """
        noted = Coverage(data_file=None, config_file=False, include=list(sources))
        noted.start()
        for index in range(len(self.items)):
            noted.switch_context(str(index))
            began = time.monotonic()
            self.run(index, (index + 1) % len(self.items))
            self.seconds.append(time.monotonic() - began)
        noted.stop()
        for path in sources:
            for line, contexts in noted.get_data().contexts_by_lineno(path).items():
                self.of_line[path, line] = {int(index) for index in contexts if index}
        gc.unfreeze()  # frozen objects are not listed
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename in sources:
                self.functions[each.__code__].append(each)
        gc.collect()
        gc.freeze()

    def choose(self, candidates: set[int], killers: Counter[int], limit: float) -> list[int]:
        """Return the indexes of the tests with which a mutant is tried, in the order in which they are run.

        `candidates` are the indexes to choose from. `killers` says how many mutants each test has killed. `limit`
        bounds the total seconds that the chosen tests took in the first run. Tests with random histories are always
        chosen, and do not count. The first test is chosen even if it exceeds the limit.
        """
        chosen, total = [], 0.0
        for index in sorted(candidates, key=lambda each: (-killers[each], self.is_random(each), self.seconds[each])):
            if not self.is_random(index):
                if chosen and total + self.seconds[index] > limit:
                    continue
                total += self.seconds[index]
            chosen.append(index)
        return chosen

    def is_random(self, index: int) -> bool:
        """Return whether a test makes random histories, by its name, or has values from Hypothesis.

        Such tests kill the most mutants.
        """
        item = self.items[index]
        has_values = hasattr(getattr(item, "obj", None), "hypothesis")
        return has_values or re.search(r"random_(honest_)?history", item.name) is not None


_tests = _Tests([])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note if a test fails. In the process of a mutant, also write the index of that test to the pipe, and exit."""
    if report.failed:
        _tests.failed = True
        if _tests.killer is not None:
            os.write(_tests.killer, str(_tests.current).encode())
            os._exit(1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run all tests. If none fails, try all mutants."""
    lines = Path(os.environ["MUTANTS"]).read_text(encoding="utf-8").splitlines()
    mutants = [json.loads(line) for line in lines]
    views = [mutant for mutant in mutants if "view" in mutant]
    mutants = [mutant for mutant in mutants if "view" not in mutant]
    sources = {path: _Source(Path(path).read_text(encoding="utf-8"), path) for path in {m["path"] for m in mutants}}
    _tests.items = session.items
    _tests.note_lines(sources)
    if _tests.failed:
        session.shouldfail = "a test fails without a mutant"
        return True
    _try_views(session.config, views)
    processes = int(os.environ["PROCESSES"])
    workers = []
    for number in range(processes):
        pid = os.fork()
        if pid == 0:
            try:
                _try_all(number, mutants[number::processes], sources)
            finally:
                os._exit(0)
        workers.append(pid)
    for pid in workers:
        os.waitpid(pid, 0)
    return True


def _try_all(number: int, mutants: list[dict[str, Any]], sources: dict[str, _Source]) -> None:
    """Try the mutants of one worker, one after the other, and write their results."""
    copy, first = Path(os.environ["COPIES"]) / f"copy-{number}", str(Path(os.environ["COPIES"]) / "copy-0")
    for module in list(sys.modules.values()):  # what is imported from here on comes from this worker's copy
        if isinstance(getattr(module, "__path__", None), list):
            module.__path__[:] = [each.replace(first, str(copy)) for each in module.__path__]
    sys.path[:] = [each.replace(first, str(copy)) for each in sys.path]
    os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].replace(first, str(copy))
    killers: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for mutant in mutants:
        began = time.monotonic()
        _note(mutant, began, *_try(copy, mutant, sources[mutant["path"]], killers[mutant["module"]]))


def _note(mutant: dict[str, Any], began: float, outcome: str, tried: int) -> None:
    """Add a line to the results. `began` is the time of the monotonic clock at which the mutant's tests began."""
    took = round(time.monotonic() - began, 1)
    line = {"number": mutant["number"], "outcome": outcome, "tests": tried, "seconds": took}
    with Path(os.environ["RESULTS"]).open("a", encoding="utf-8") as results:
        results.write(json.dumps(line) + "\n")


def _try_views(config: pytest.Config, mutants: list[dict[str, Any]]) -> None:
    """Try the mutants of views, one after the other, and write their results."""
    folder = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # noqa: SLF001
    databases = [file for name in DATABASES for file in folder.glob(f"*/{name}")]
    killers: Counter[int] = Counter()
    for mutant in mutants:
        began = time.monotonic()
        candidates = {index for index, item in enumerate(_tests.items) if item.nodeid.split("::")[0] in mutant["files"]}
        tests = _tests.choose(candidates, killers, float(os.environ["SECONDS"]))
        file = Path(mutant["path"])
        before = file.read_text(encoding="utf-8")
        try:
            refused = _replace_view(databases, mutant["view"], mutant["source"])
            killed = refused or _is_killed(file, mutant["source"], tests, killers, _forget_views)
        finally:
            _replace_view(databases, mutant["view"], before)
        _note(mutant, began, "killed" if killed else "survived", len(tests))


def _replace_view(databases: list[Path], view: str, sql: str) -> bool:
    """Replace the view in the SQLite files. Return whether SQLite refuses to create it or to read from it."""
    for file in databases:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute(f"DROP VIEW IF EXISTS {view}")
            try:
                connection.execute(sql)
                connection.execute(f"SELECT * FROM {view} LIMIT 0")
            except sqlite3.Error:
                return True
    return False


def _forget_views() -> None:
    """Clear this process's cache of the migrations' views."""
    sys.modules["inventory.store.schema"]._migrated_views.cache_clear()  # noqa: SLF001


def _try(copy: Path, mutant: dict[str, Any], source: _Source, killers: Counter[int]) -> tuple[str, int]:
    """Try a mutant of Python. Return `killed`, `survived` or `no test`, and the number of tests chosen for it."""
    try:
        new = _Source(mutant["source"], mutant["path"])
    except SyntaxError:
        return "killed", 0
    pairs = [*enumerate(zip(source.codes, new.codes, strict=False))]
    if source.around == new.around:
        changed = {before: after for _, (before, after) in pairs if before != after}
        inner = [index for index, (before, after) in pairs if _executes(before) != _executes(after)]
    else:  # the mutant adds or removes a code object
        changed, inner = {}, [0]
    by_import = not all(_in_a_function(index, source) for index in inner)
    executing = _tests.of_line.get((mutant["path"], mutant["line"]))
    if by_import or not executing:
        codes = source.codes if by_import else [source.codes[index] for index in inner]
        lines = {line for code in codes for _, _, line in code.co_lines() if line is not None}
        executing = set().union(*(_tests.of_line.get((mutant["path"], line), ()) for line in lines))
    tests = _tests.choose(executing, killers, float(os.environ["SECONDS"]))
    if not tests:
        return "no test", 0
    change = partial(_change, changed, mutant if by_import else None)
    file = copy / "inventory" / f"{mutant['module']}.py"
    killed = _is_killed(file, mutant["source"], tests, killers, change)
    return ("killed" if killed else "survived"), len(tests)


def _is_killed(file: Path, source: str, tests: list[int], killers: Counter[int], change: Callable[[], None]) -> bool:
    """Call `change` and run the tests in a forked process. Return whether anything fails or takes too long.

    Meanwhile the file has the mutant's source. If a test fails, add one to its count in `killers`.
    """
    before = file.read_text(encoding="utf-8")
    folder = Path(tempfile.mkdtemp(prefix="mutant-", dir=os.environ["COPIES"]))
    file.write_text(source, encoding="utf-8")
    reader, writer = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            _tests.killer = writer
            _run(folder, tests, change)
        os.close(writer)
        code = _wait(pid, _limit(tests))
        if killer := os.read(reader, 16):
            killers[int(killer)] += 1
    finally:
        os.close(reader)
        file.write_text(before, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
    return code != 0


def _executes(code: CodeType) -> tuple[object, ...]:
    """Return what a code object executes, without the code objects in it."""
    constants = [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]
    return code.co_code, constants, code.co_names, code.co_varnames


def _in_a_function(index: int | None, source: _Source) -> bool:
    """Return whether the code object `source.codes[index]` belongs to a function in memory, or lies inside its code.

    `note_lines` has found these functions. `_change` can give such a function new code. For any other code, the module
    must be executed again.
    """
    while index is not None:
        if source.codes[index] in _tests.functions:
            return True
        index = source.around[index]
    return False


def _limit(tests: list[int]) -> float:
    """Return how many seconds the tests may take together."""
    return PATIENCE + 5 * sum(_tests.seconds[index] for index in tests)


def _run(folder: Path, tests: list[int], change: Callable[[], None]) -> None:
    """Call `change`, and run the tests in this process. Exit with 0 if all pass, else with 1.

    Exit with 1 also if one test takes too long: else an endless loop would take the time of all tests.
    `folder` is the place for temporary files.
    """
    try:
        os.setpgid(0, 0)
        change()
        if "support.forked" in sys.modules:  # its server process started without the mutant: start another
            sys.modules["support.forked"]._server.cache_clear()  # noqa: SLF001
        factory = _tests.items[0].config._tmp_path_factory  # type: ignore[attr-defined]  # noqa: SLF001
        factory._basetemp = folder  # noqa: SLF001
        nowhere = Path(os.devnull).open("w")  # noqa: SIM115 - open as long as the process
        for place, index in enumerate(tests):
            faulthandler.dump_traceback_later(_limit([index]), exit=True, file=nowhere)
            _tests.run(index, tests[(place + 1) % len(tests)])
        os._exit(0)
    except BaseException:  # noqa: BLE001 - any failure kills the mutant
        os._exit(1)


def _change(changed: dict[CodeType, CodeType], again: dict[str, Any] | None) -> None:
    """Give the changed functions their new code. If `again` is a mutant, execute the module again with its source."""
    for before, after in changed.items():
        for function in _tests.functions.get(before, ()):
            function.__code__ = after
    if again is not None:
        _execute_again(again)


def _execute_again(mutant: dict[str, Any]) -> None:
    """Execute the source of a mutant as a second module, and put what differs into the imported module.

    Other modules that have imported a changed object by its name get the new one too.
    """
    module = sys.modules["inventory." + mutant["module"].replace("/", ".")]
    second = ModuleType(module.__name__)
    vars(second).update({name: vars(module)[name] for name in ("__file__", "__package__", "__spec__")})
    exec(compile(mutant["source"], mutant["path"], "exec"), vars(second))  # noqa: S102 - a mutant of our own code
    for name, after in list(vars(second).items()):
        before = vars(module).get(name)
        if name.startswith("__") or before is after:
            continue
        if isinstance(before, type) and isinstance(after, type):
            for attribute in vars(before).keys() - vars(after).keys():  # such as what a decorator had added
                delattr(before, attribute)
            for attribute, value in vars(after).items():
                old = vars(before).get(attribute)
                if not _take_over(old, value) and _differ(old, value):
                    with contextlib.suppress(AttributeError, TypeError):  # such as __dict__
                        setattr(before, attribute, value)
        elif not _take_over(before, after) and _differ(before, after):
            for user in list(sys.modules.values()):
                if user is module or getattr(user, name, None) is before:
                    setattr(user, name, after)


def _take_over(before: object, after: object) -> bool:
    """Give the function `before` the code and the defaults of the function `after`, and return True.

    Return False if one of the two is no function. If one of them has free variables, change nothing, and return whether
    both have the same code.
    """
    if not (isinstance(before, FunctionType) and isinstance(after, FunctionType)):
        return False
    if before.__code__.co_freevars or after.__code__.co_freevars:
        return before.__code__ == after.__code__
    before.__code__, before.__defaults__, before.__kwdefaults__ = (
        after.__code__,
        after.__defaults__,
        after.__kwdefaults__,
    )
    return True


def _differ(before: object, after: object) -> bool:
    try:
        return type(before) is not type(after) or not bool(before == after)
    except TypeError:  # two SQLAlchemy expressions, whose comparison is an expression
        return True


def _wait(pid: int, patience: float) -> int:
    """Wait until the process ends, and return its exit code. After `patience` seconds kill it, and return 1."""
    ended = os.pidfd_open(pid)
    done = bool(select.select([ended], [], [], patience)[0])
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # also what the tests have started
    if not done:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(ended)
    return os.waitstatus_to_exitcode(status) if done else 1
