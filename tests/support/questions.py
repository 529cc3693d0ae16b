"""The questions of docs/queries.md and the SQL that answers them."""

import re

from support.libraries import ROOT

PAGE = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
SQL = {
    question: re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for question, text in SECTIONS.items()
}
