"""`make supply`: which licences of the libraries pass."""

import pytest

from supply import is_allowed

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
