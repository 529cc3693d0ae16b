"""`make supply`: which licences of the libraries pass, and which answers of pip-audit."""

import pytest

from supply import ACCEPTED, is_allowed, judge

MIT_TEXT = """THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY; ALL OTHER WARRANTIES ARE DISCLAIMED OR LIMITED"""


@pytest.mark.parametrize(
    "licence",
    [
        "MIT", "Apache-2.0", "LGPL-3.0-only", "MIT License", "Apache License, Version 2.0", "ISC License (ISCL)",
        "Mozilla Public License 2.0 (MPL 2.0)", "Apache Software License; Mozilla Public License 2.0 (MPL 2.0)",
        "MIT OR Apache-2.0", "GPL-3.0-only OR MIT", "Apache-2.0 AND BSD-2-Clause", "MIT AND (GPL-2.0-only OR PSF-2.0)",
        "(GPL-2.0-only AND MIT) OR (BSD-3-Clause AND (MIT OR AGPL-3.0-only))",
    ],
)  # fmt: skip
def test_a_licence_passes_if_it_can_be_chosen_so_that_every_part_is_allowed(licence):
    assert is_allowed(licence)


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-only", "GPL-3.0 AND MIT", "MIT AND (GPL-2.0-only OR AGPL-3.0-only)", "MIT License; Other/Proprietary",
        "GPL-2.0-only WITH Classpath-exception-2.0", "LIMITED", "DISCLAIMED", "No MIT", "MIT (not really)", "(MIT",
        "MIT OR", "", "UNKNOWN", MIT_TEXT, " OR ".join([*["GPL-3.0-only"] * 50, "MIT"]),
    ],
)  # fmt: skip
def test_any_other_licence_and_any_text_of_a_licence_is_to_be_looked_at(licence):
    assert not is_allowed(licence)


def library(name="httpx", *advisories):
    return {"name": name, "version": "1.0", "vulns": [{"id": advisory} for advisory in advisories]}


def test_libraries_without_vulnerabilities_pass_the_audit(capsys):
    assert judge([library("httpx"), library("idna")]) is None
    assert capsys.readouterr().out == "vulnerabilities: 0 known in 2 libraries, 0 accepted\n"


def test_a_vulnerable_library_fails_the_audit_by_its_name_and_the_advisory():
    assert judge([library("httpx"), library("idna", "PYSEC-1", "PYSEC-2")]) == "idna 1.0: PYSEC-1; idna 1.0: PYSEC-2"


@pytest.mark.parametrize("advisory", ACCEPTED)
def test_an_accepted_advisory_passes_and_is_counted(advisory, capsys):
    assert judge([library("datasette", advisory)]) is None
    assert capsys.readouterr().out == "vulnerabilities: 0 known in 1 libraries, 1 accepted\n"
    assert judge([library("datasette", advisory, "PYSEC-1")]) == "datasette 1.0: PYSEC-1"


def test_a_library_that_was_not_audited_fails_the_audit_but_the_program_itself_does_not():
    skipped = {"skip_reason": "Dependency not found on PyPI"}
    assert judge([library(), {"name": "fal-inventory"} | skipped]) is None
    assert judge([library(), {"name": "idna"} | skipped]) == "1 of 2 libraries could not be audited"
