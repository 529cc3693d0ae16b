"""Print the mutants of a session of cosmic-ray as JSON lines with the keys `line` and `source`.

Mutants that a filter of cosmic-ray has excluded are not printed.

    python sources.py SESSION

It runs in the environment of cosmic-ray.
"""

import json
import sqlite3
import sys
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

WANTED = """
    SELECT module_path, operator_name, operator_args, occurrence, start_pos_row FROM mutation_specs
    WHERE job_id NOT IN (SELECT job_id FROM work_results)
    ORDER BY start_pos_row, start_pos_col, operator_name, occurrence
"""


def main() -> None:
    """Print one line for each mutant that has a source."""
    with sqlite3.connect(sys.argv[1]) as connection:
        for path, name, values, occurrence, line in connection.execute(WANTED):
            operator = get_operator(name)(**json.loads(json.loads(values)))
            source = mutate_code(Path(path).read_text(encoding="utf-8"), operator, occurrence)
            if source is not None:
                print(json.dumps({"line": line, "source": source}))


if __name__ == "__main__":
    main()
