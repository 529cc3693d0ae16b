"""Run the tests that try many random or generated cases, at their longest setting, and count cases: `make prove`.

    python tools/prove.py [--profile prove] [--processes 2] [--mutants 2]

It takes two hours or more. It prints how many times the tests compared the database with the model, killed a process,
tried to work on an account that was leased, made the database fail, and sent a hostile body to the program. Two counts
must be 0: instances falsely marked as vanished, and instances lost after a kill. Then two mutants of each module are
tried (tools/mutation/run.py), which needs the package registry; `--mutants 0` leaves them out.
"""

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
TESTS = (
    "meanings/test_model.py", "history/test_prune.py", "history/test_kills.py", "history/test_store_faults.py",
    "history/test_sqlite_faults.py", "cli/test_bad_days.py", "fal/test_hostile.py", "cli/test_marked_secrets.py",
    "history/test_keeper.py", "history/test_verify.py",
)  # fmt: skip
COUNTED = ("steps", "kills", "refusals", "faults", "bodies tried", "false vanishes", "rows lost")
NEVER = ("false vanishes", "rows lost")


def main() -> int:
    """Run the tests and the mutants, and print the counts.

    Return 1 if a test failed, if a count that NEVER names is not 0, or if the mutants could not be tried; else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="prove", choices=("prove", "thorough", "ci"), help="of the tests")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--mutants", type=int, default=2, help="how many mutants of each module to try")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        tally = Path(folder) / "tally"
        tally.touch()
        words = ["-m", "pytest", "-q", "-n", str(arguments.processes), f"--hypothesis-profile={arguments.profile}"]
        tests = [f"tests/{name}" for name in TESTS]
        done = subprocess.run(  # noqa: S603 - a fixed command
            [sys.executable, *words, *tests], cwd=ROOT, env=os.environ | {"PROVE_TALLY": str(tally)}, check=False
        )
        counts: Counter[str] = Counter()
        for line in tally.read_text().splitlines():
            what, number = line.split("\t")
            counts[what] += int(number)
    table = {name: f"{counts[name]:,}" for name in COUNTED}
    failed = done.returncode != 0 or any(counts[name] for name in NEVER)
    if arguments.mutants:
        try:
            table |= mutants(arguments.mutants)
        except (subprocess.CalledProcessError, ValueError) as error:
            failed = True
            print(f"The mutants could not be tried: {error}", file=sys.stderr)
    print("\n| tried | number |\n|---|--:|")
    print("\n".join(f"| {name} | {number} |" for name, number in table.items()))
    return int(failed)


def mutants(number: int) -> dict[str, str]:
    """Try at most `number` mutants of each module. Return two rows of the table: mutants killed, mutants left.

    Raise CalledProcessError if the script fails, ValueError if it prints no result.
    """
    words = [sys.executable, ROOT / "tools" / "mutation" / "run.py", "--sample", str(number)]
    printed = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - a fixed command
    print(printed)
    found = re.search(r"^\| all \| (\d+) \| (\d+) \|", printed, re.MULTILINE)
    if found is None:
        raise ValueError("tools/mutation/run.py printed no result")
    return {"mutants killed": found[2], "mutants left": str(int(found[1]) - int(found[2]))}


if __name__ == "__main__":
    sys.exit(main())
