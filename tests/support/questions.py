"""The questions of docs/queries.md. SQL is a dict from a question to a list of the queries that answer it."""

import re

from support.libraries import ROOT

PAGE = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
SQL = {
    question: re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for question, text in SECTIONS.items()
}
