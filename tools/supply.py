"""Check the dependencies and the build: vulnerabilities, licences, SBOM, reproducible files. `make supply`.

This script installs the program, with the extras for run time, into a new virtual environment. Then it
1. asks for known vulnerabilities of every library (pip-audit), and leaves out those in ACCEPTED,
2. compares the licences of the libraries with ALLOWED (pip-licenses),
3. writes a list of the libraries in CycloneDX (an SBOM) to build/supply/sbom.json,
4. builds the sdist and the wheel twice, the second time from a copy of the checkout, and compares the bytes.

It needs the package registry. The exit code is 1 if anything is wrong, or if a library could not be audited.

pip-audit asks PyPI about vulnerabilities. To ask a service that speaks the protocol of OSV instead, set
PIP_AUDIT_VULNERABILITY_SERVICE=osv, and PIP_AUDIT_OSV_URL to the URL of its queries.
"""

import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
OUT = ROOT / "build" / "supply"
EXTRAS = "alerts,explore,export,metrics,report"
TOOLS = ("pip-audit==2.10.1", "pip-licenses==5.5.5", "cyclonedx-bom==7.5.0", "build==1.5.0")
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only",
    "LGPL-3.0-or-later", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "Apache 2.0", "Apache License 2.0", "Apache License, Version 2.0", "Apache Software License", "BSD", "BSD License",
    "GNU Lesser General Public License v3 (LGPLv3)", "GNU Lesser General Public License v3 or later (LGPLv3+)",
    "ISC License", "ISC License (ISCL)", "MIT License", "Mozilla Public License 2.0 (MPL 2.0)", "Public Domain",
    "Python Software Foundation License",
}  # fmt: skip
"""The names of the licences that a library may have. The program is under Apache-2.0 and changes no library.

The names are as in the metadata of libraries: SPDX identifiers, names from classifiers, and free text.
"""
LONGEST = 200
"""The largest length of a licence's name or expression, in characters. A longer value is the text of the licence."""
ACCEPTED = {
    "PYSEC-2023-154": "datasette: only the alpha versions of 1.0 are affected; the advisory names every version",
}
"""A dict from the identifier of an advisory to the reason why it does not concern the program."""
UNCLEAR = {"pyarrow": "Apache-2.0"}
"""A dict from a library to the name of its licence, for libraries whose metadata have only the licence's text."""


def main() -> None:
    """Make all four checks, and print what each has counted. Exit with 1 if one of them finds something wrong."""
    OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        print("installing the program and the tools", flush=True)
        program = _environment(folder / "program", "-c", str(ROOT / "constraints.txt"), f"{ROOT}[{EXTRAS}]")
        tools = _environment(folder / "tools", *TOOLS)
        checks: tuple[Callable[[], str | None], ...] = (
            lambda: audit(tools, program),
            lambda: check_licences(tools, program),
            lambda: write_sbom(tools, program),
            lambda: compare_builds(tools, folder),
        )
        wrong = [found for check in checks if (found := check())]
    if wrong:
        raise SystemExit("\n".join(wrong))


def audit(tools: Path, program: Path) -> str | None:
    """Ask for known vulnerabilities of every installed library; return what is wrong, or None."""
    done = _run(tools / "pip-audit", "--path", _packages(program), "--format", "json", "--progress-spinner", "off")
    if not done.stdout:
        return f"the libraries could not be audited: {done.stderr}"
    return judge(json.loads(done.stdout)["dependencies"])


def judge(libraries: Sequence[Mapping[str, Any]]) -> str | None:
    """Print how many vulnerabilities pip-audit found; return those that are not in ACCEPTED, or None.

    `libraries` is the list `dependencies` of pip-audit's JSON. A library that could not be audited is reported too.
    """
    others = [each for each in libraries if each["name"] != "fal-inventory"]
    audited = [each for each in others if "skip_reason" not in each]
    found = [(fault["id"], f"{each['name']} {each['version']}") for each in audited for fault in each["vulns"]]
    bad = [f"{library}: {advisory}" for advisory, library in found if advisory not in ACCEPTED]
    print(
        f"vulnerabilities: {len(bad)} known in {len(audited)} libraries, {len(found) - len(bad)} accepted", flush=True
    )
    if len(audited) < len(others):
        bad.append(f"{len(others) - len(audited)} of {len(others)} libraries could not be audited")
    return "; ".join(bad) or None


def is_allowed(licence: str) -> bool:
    """Return whether a licence is in ALLOWED, or is an SPDX expression that can be met by licences in ALLOWED.

    In a list of classifiers, which has `;` between the licences, all must be allowed.
    """
    if licence.strip() in ALLOWED:
        return True
    if len(licence) > LONGEST:
        return False
    if ";" in licence:
        return all(map(is_allowed, licence.split(";")))
    if inner := re.search(r"\(([^()]*)\)", licence):
        instead = "MIT" if is_allowed(inner[1]) else "none"
        return is_allowed(licence[: inner.start()] + instead + licence[inner.end() :])
    if " OR " in licence:
        return any(map(is_allowed, licence.split(" OR ")))
    return " AND " in licence and all(map(is_allowed, licence.split(" AND ")))


def check_licences(tools: Path, program: Path) -> str | None:
    """Compare the licence of every installed library with ALLOWED; return what is wrong, or None.

    Write the licences of all these libraries to build/supply/licences.json.
    """
    done = _run(tools / "pip-licenses", "--python", program / "python", "--from", "mixed", "--format", "json")
    if done.returncode:
        return f"the licences could not be read: {done.stderr}"
    found = {each["Name"]: UNCLEAR.get(each["Name"], each["License"]) for each in json.loads(done.stdout)}
    (OUT / "licences.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"licences: {len(found)} libraries, listed in {OUT.relative_to(ROOT)}/licences.json", flush=True)
    bad = [f"{name}: {' '.join(text.split())[:80]}" for name, text in found.items() if not is_allowed(text)]
    return f"licences to look at: {'; '.join(bad)}" if bad else None


def write_sbom(tools: Path, program: Path) -> str | None:
    """Write the SBOM; return what is wrong, or None."""
    file = OUT / "sbom.json"
    done = _run(
        tools / "cyclonedx-py", "environment", program / "python", "--pyproject", ROOT / "pyproject.toml",
        "--output-reproducible", "--output-file", file,
    )  # fmt: skip
    if done.returncode:
        return f"the SBOM could not be written: {done.stderr}"
    print(f"SBOM: {len(json.loads(file.read_text())['components'])} libraries in {file.relative_to(ROOT)}", flush=True)
    return None


def compare_builds(tools: Path, folder: Path) -> str | None:
    """Build sdist and wheel here and in a copy, and compare their bytes; return what is wrong, or None."""
    copy = folder / "elsewhere"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", "*.db"))
    sums = [_sums(_built(tools, place, folder / f"built-{number}")) for number, place in enumerate((ROOT, copy))]
    if sums[0] != sums[1]:
        return f"two builds differ: {sorted(sums[0].items() ^ sums[1].items())}"
    for file, digest in sums[0].items():
        print(f"built twice, byte by byte the same: {file} {digest}", flush=True)
    return None


def _built(tools: Path, place: Path, folder: Path) -> Iterable[Path]:
    done = _run(tools / "python", "-m", "build", "--outdir", folder, place)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return folder.iterdir()


def _sums(files: Iterable[Path]) -> dict[str, str]:
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def _environment(folder: Path, *wanted: str) -> Path:
    """Make a virtual environment with these requirements and what they require; return the folder of its programs.

    It has no other pip than one that they require, as datasette does: the pip that `venv` brings would be audited.
    """
    programs = folder / "bin"
    venv.create(folder)
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "install", "-q")
    subprocess.run([*pip, *wanted], check=True)  # noqa: S603 - a fixed command
    return programs


def _packages(program: Path) -> Path:
    return next((program.parent / "lib").glob("python3*")) / "site-packages"


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - a fixed command


if __name__ == "__main__":
    main()
