"""Change the program in small ways, one at a time, and see which mutants no test kills: `make mutants`.

    python tools/mutation/run.py [MODULE...] [--sample N] [--seed N] [--processes 2] [--seconds N] [--resume]

Python is mutated by cosmic-ray and by `removed_statements.py`, in the modules of TESTS_OF. Views are mutated by regular
expressions on their SQL files (SQL_MUTATIONS). For a mutant of Python, the tests that execute the changed code are run;
for a mutant of a view, the tests of views. They run on SQLite, in a forked process, until the first fails
(`in_forks.py`). The survivors are written to build/mutants/, as diffs. docs/testing.md says what was found, and what is
accepted.

This script needs the package registry. It takes a night: name modules, or limit the mutants of each with --sample.
--seconds limits the tests of a mutant. With a limit, mutants survive that the other tests would kill. The result of
each mutant is added to build/mutants/results.jsonl at once. If the script was stopped, call it again with the same
arguments and --resume: it tries only the rest.
"""

import argparse
import compileall
import json
import os
import random
import re
import shutil
import subprocess
import sys
import venv
from collections import Counter
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
OUT = ROOT / "build" / "mutants"
A_RUN = (
    "meanings/test_model", "meanings/test_absence", "meanings/test_runs", "meanings/test_brake", "meanings/test_fields",
    "meanings/test_record", "meanings/test_secrets",
)  # fmt: skip
THE_LOG = (
    "history/test_merkle",
    "history/test_log",
    "history/test_verify",
    "history/test_keeper",
    "cli/test_checkpoint",
)
TESTS_OF = {
    "sync": (*A_RUN, "meanings/test_lease", "cli/test_bad_days", "history/test_log"),
    "spool": (*A_RUN, "fal/test_walk", "cli/test_scratch", "history/test_many_rows"),
    "record": ("fal/test_items", *A_RUN),
    "merkle": THE_LOG,
    "fal/walk": ("fal/test_walk", *A_RUN, "fal/test_api"),
    "fal/confirm": (*A_RUN, "fal/test_walk", "fal/test_api"),
    "fal/expected": (*A_RUN, "fal/test_walk"),
    "fal/page": ("fal/test_items", "fal/test_walk", *A_RUN),
    "history/difference": (*A_RUN, "history/test_accounts", "history/test_bulk"),
    "history/reconcile": (*A_RUN, "history/test_bulk", "history/test_log"),
    "history/lease": ("meanings/test_lease", "meanings/test_runs", "history/test_accounts", "cli/test_cli"),
    "history/runs": (*A_RUN, "meanings/test_lease", "history/test_log"),
    "history/missing": (*A_RUN, "history/test_acts", "history/test_log"),
    "history/brake": ("meanings/test_brake", "meanings/test_model"),
    "history/accounts": ("history/test_accounts", "history/test_acts", "history/test_log"),
    "history/prune": ("history/test_prune", "meanings/test_hours", "history/test_log"),
    "history/pruned_rows": ("history/test_prune", "meanings/test_hours", "history/test_log"),
    "history/verify": ("history/test_verify", "history/test_log", "history/test_damage"),
    "history/account_check": ("history/test_verify", "history/test_log", "history/test_damage"),
    "history/verify_digests": ("history/test_verify", "history/test_damage"),
    "history/verify_instances": ("history/test_verify", "history/test_damage"),
    "history/verify_runs": ("history/test_verify", "history/test_damage", "history/test_prune"),
    "history/verify_log": THE_LOG,
    "history/anchors": THE_LOG,
    "history/log_heads": THE_LOG,
    "history/merkle_log/append": THE_LOG,
    "history/merkle_log/dropped": (*THE_LOG, "history/test_prune"),
    "history/merkle_log/entries": THE_LOG,
    "history/merkle_log/folded": (*THE_LOG, "history/test_prune"),
    "history/merkle_log/hashes": ("cli/test_evidence", "cli/test_export"),
    "history/merkle_log/missing": THE_LOG,
    "history/merkle_log/start": (*THE_LOG, "history/test_upgrades"),
    "views": (
        "history/test_views",
        "meanings/test_fields",
        "meanings/test_hours",
        "meanings/test_truth",
        "docs/test_queries",
        "meanings/test_model",
    ),
}  # fmt: skip
"""A dict from a module to the files with its tests. The files of all modules that are mutated are run together."""
LEFT_OUT = (
    r"core/ReplaceBinaryOperator_(?!Add_Sub|Sub_Add|Mul_Add|Div_Mul|FloorDiv_Mul|BitAnd_BitOr|Mod_Add).*",
    r"core/ReplaceComparisonOperator_(Is|IsNot)_(?!Is$|IsNot$).*",
    r"core/ReplaceComparisonOperator_\w+_(Is|IsNot)(?<!Is_IsNot)(?<!IsNot_Is)$",
    r"core/ReplaceComparisonOperator_(Eq|NotEq)_(?!Eq$|NotEq$).*",
    r"core/Variable.*",
)
"""Patterns of the operators of cosmic-ray that are not tried.

What remains: `+`, `-`, `*`, `/`, `//`, `%` and `&` have one replacement each, and other binary operators none. `is` and
`==` are only replaced by `is not` and `!=`, and the reverse. Variables stay as they are.
"""
SQL_MUTATIONS = {
    r"<=": "<", r">=": ">", r"(?<![<>=!-])<(?![=>])": "<=", r"(?<![<>=!-])>(?![=])": ">=", r"(?<![<>!])=": "<>",
    r"<>": "=", r"\bAND\b": "OR", r"\bOR\b": "AND", r"\bmin\(": "max(", r"\bmax\(": "min(", r" \+ ": " - ",
    r" - ": " + ", r"\bIS NULL\b": "IS NOT NULL", r"\bIS NOT NULL\b": "IS NULL", r"\bLEFT JOIN\b": "JOIN",
    r"\bASC\b": "DESC", r"\bDESC\b": "ASC", r"\bUNION ALL\b": "UNION", r"\bcoalesce\(": "nullif(", r"\bDISTINCT\b": "",
}  # fmt: skip
"""The mutations of SQL: a dict from a regular expression to the text that replaces a match."""
COVERAGE = "coverage==7.11.0"
OUTCOMES = ("killed", "survived", "no test")
OPTIONS = ("-p", "no:cacheprovider", "--hypothesis-profile=mutants", "-k", "not postgresql")


@dataclass(frozen=True)
class Mutant:
    """A mutant that was tried. `outcome` is one of OUTCOMES, `difference` the diff from the module to the mutant."""

    module: str
    outcome: str
    difference: str


def main() -> None:
    """Parse the arguments, try all mutants, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"one of {', '.join(TESTS_OF)}")
    parser.add_argument("--sample", type=int, help="the most mutants to try of a module")
    parser.add_argument("--seed", type=int, default=1, help="chooses the sample")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="the most seconds of tests for a mutant")
    parser.add_argument("--resume", action="store_true", help="try only what the last call with these words did not")
    arguments = parser.parse_args()
    modules = arguments.modules or list(TESTS_OF)
    if unknown := set(modules) - set(TESTS_OF):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if arguments.processes < 1 or (arguments.sample is not None and arguments.sample < 1):
        parser.error("--processes and --sample: 1 is the least")
    OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        pip = folder / "venv" / "bin" / "pip"
        subprocess.run([pip, "install", "-q", HERE], check=True)  # noqa: S603 - a fixed command
        # in another folder than cosmic-ray, whose libraries must not replace those of the tests
        subprocess.run([pip, "install", "-q", "--target", folder / "coverage", COVERAGE], check=True)  # noqa: S603
        copies = [_copy(folder / f"copy-{number}") for number in range(arguments.processes)]
        python = [module for module in modules if module != "views"]
        mutants = [each for module in python for each in _mutants(folder, copies[0], module, arguments)]
        mutants += _mutants_of_views(copies[0], arguments) if "views" in modules else []
        tried = _try_in_forks(folder, mutants, copies, arguments)
    counts = Counter((each.module, each.outcome) for each in tried)
    print(f"| module | mutants | {' | '.join(OUTCOMES)} |\n|---|{'--:|' * (len(OUTCOMES) + 1)}")
    for module in modules:
        numbers = [counts[module, outcome] for outcome in OUTCOMES]
        print(f"| {module} | {sum(numbers)} | {' | '.join(map(str, numbers))} |")
        left = [each.difference for each in tried if each.module == module and each.outcome == "survived"]
        (OUT / f"{module.replace('/', '-')}.diff").write_text("\n".join(left))
    numbers = [sum(each.outcome == outcome for each in tried) for outcome in OUTCOMES]
    print(
        f"| all | {sum(numbers)} | {' | '.join(map(str, numbers))} |\n\nThe survivors are in {OUT.relative_to(ROOT)}/."
    )


def _copy(folder: Path) -> Path:
    """Copy the checkout into the folder, and return the folder. Mutants change only such copies."""
    kept_out = shutil.ignore_patterns(".git", ".venv", "build", "*.db", "*cache*")
    shutil.copytree(ROOT, folder, ignore=kept_out)
    compileall.compile_dir(folder / "inventory", quiet=2)
    return folder


def _environment(copy: Path) -> dict[str, str]:
    """Return the environment of tests that import from the copy.

    A compiled file notes the time (in seconds) and the size of its source. Python takes the file as up to date if both
    are still the same. Two mutants may have the same time and size. So Python must write no compiled files.
    """
    parts = (copy, copy / "tests", copy / "tools", copy / "tools" / "mutation", copy.parent / "coverage")
    path = os.pathsep.join(map(str, parts))
    return os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def _files(module: str) -> list[str]:
    return [f"tests/{name}.py" for name in TESTS_OF[module]]


def _mutants(folder: Path, copy: Path, module: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the mutants that cosmic-ray makes of a module, or a sample of them, as dicts for `in_forks`."""
    program, name = folder / "venv" / "bin", module.replace("/", "-")
    settings, session = folder / f"{name}.toml", folder / f"{name}.sqlite"
    settings.write_text(
        f'[cosmic-ray]\nmodule-path = "inventory/{module}.py"\ntimeout = 1\nexcluded-modules = []\n'
        f'test-command = "none"\n[cosmic-ray.distributor]\nname = "local"\n'
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = {json.dumps(LEFT_OUT)}\n"
    )

    def run(*words: str | Path) -> str:
        return subprocess.run(  # noqa: S603 - a fixed command
            words, cwd=copy, capture_output=True, text=True, check=True
        ).stdout

    run(program / "cosmic-ray", "init", settings, session)
    run(program / "cr-filter-operators", session, settings)
    lines = run(program / "python", HERE / "sources.py", session).splitlines()
    path = str(copy / "inventory" / f"{module}.py")
    return _sample([{"module": module, "path": path} | json.loads(line) for line in lines], arguments)


def _try_in_forks(
    folder: Path, mutants: list[dict[str, Any]], copies: list[Path], arguments: argparse.Namespace
) -> list[Mutant]:
    """Try the mutants with the plugin `in_forks`, and return them.

    Exit with an error if a test fails without any mutant, or if a mutant was not tried.
    """
    files = sorted({file for each in mutants for file in _files(each["module"])})
    for number, mutant in enumerate(mutants):
        mutant["number"] = number
    listed, results, rest = OUT / "mutants.jsonl", OUT / "results.jsonl", folder / "rest.jsonl"
    if not arguments.resume:
        results.unlink(missing_ok=True)
    elif [_source(each) for each in _lines(listed)] != [_source(each) for each in mutants]:
        raise SystemExit("These are not the mutants of the last call: leave out --resume.")
    done = {result["number"] for result in _lines(results)}
    listed.write_text("\n".join(map(json.dumps, mutants)))
    rest.write_text("\n".join(json.dumps(each) for each in mutants if each["number"] not in done))
    environment = _environment(copies[0]) | {
        "MUTANTS": str(rest), "RESULTS": str(results), "COPIES": str(folder),
        "PROCESSES": str(len(copies)), "SECONDS": str(arguments.seconds),
    }  # fmt: skip
    words = [sys.executable, "-m", "pytest", "-q", "-p", "in_forks", *OPTIONS, *files]
    tests = subprocess.run(words, cwd=copies[0], env=environment, check=False)  # noqa: S603 - a fixed command
    if tests.returncode:
        raise SystemExit(
            f"The tests fail without any mutant, or pytest could not run them: it ended with {tests.returncode}."
        )
    outcomes = {result["number"]: result["outcome"] for result in _lines(results)}
    if len(outcomes) < len(mutants):
        raise SystemExit(f"Only {len(outcomes)} of {len(mutants)} mutants were tried; their outcomes are in {results}.")
    return [
        Mutant(
            each["module"],
            outcomes[number],
            _difference(Path(each["path"]).read_text(), each["source"], each["module"]),
        )
        for number, each in enumerate(mutants)
    ]


def _lines(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a file with one JSON object a line; an empty list if there is no such file."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _source(mutant: dict[str, Any]) -> tuple[str, str]:
    return mutant["module"], mutant["source"]


def _mutants_of_views(copy: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the mutants of the views, or a sample of them, as dicts for `in_forks`.

    Only the newest SQL file of each view is mutated. Files that are only for PostgreSQL are left out.
    """
    newest: dict[str, Path] = {}
    for file in sorted((copy / "migrations" / "views").glob("*.sql")):
        if ".postgresql." not in file.name:
            newest[file.name.rpartition("_v")[0]] = file
    mutants = []
    for view, file in newest.items():
        sql = file.read_text()
        code = re.sub("--.*", lambda comment: "#" * len(comment[0]), sql)
        mutants += [
            {"module": "views", "view": view, "path": str(file), "files": _files("views"),
             "source": sql[: match.start()] + new + sql[match.end() :]}
            for pattern, new in SQL_MUTATIONS.items()
            for match in re.finditer(pattern, code)
        ]  # fmt: skip
    return _sample(mutants, arguments)


def _sample(mutants: list[dict[str, Any]], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    if arguments.sample and len(mutants) > arguments.sample:
        return random.Random(arguments.seed).sample(mutants, arguments.sample)  # noqa: S311 - no secret
    return mutants


def _difference(before: str, after: str, name: str) -> str:
    return "\n".join(unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm=""))


if __name__ == "__main__":
    main()
