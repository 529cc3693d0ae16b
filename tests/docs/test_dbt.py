"""The SQL of the dbt package, run on a demo without dbt. `make dbt` builds the package with a real dbt."""

import re

import pytest

from support.asking import asking
from support.libraries import ROOT

PACKAGE = ROOT / "dbt"
MODELS = sorted(path.stem for path in PACKAGE.glob("models/*.sql"))
CHECKS = sorted(path.stem for path in PACKAGE.glob("tests/*.sql"))
SOURCE = re.compile(r"\{\{ source\('inventory', '(\w+)'\) \}\}")
REF = re.compile(r"\{\{ ref\('(\w+)'\) \}\}")


def sql(path):
    """Return the SQL of a file, rendered as if no variable of dbt was set.

    A `source` becomes the name of its table. A `ref` becomes a subquery with the SQL of its model.
    """
    text = re.sub(r"\{% if .*?%\}.*?\{% else %\}(.*?)\{% endif %\}", r"\1", path.read_text(encoding="utf-8"))
    text = SOURCE.sub(r"\1", text)
    text = REF.sub(lambda match: f"({sql(PACKAGE / 'models' / f'{match[1]}.sql')}) AS {match[1]}", text)
    assert "{" not in text
    return text


@pytest.fixture(scope="module")
def ask(postgres_demo):
    with asking(postgres_demo, "America/St_Johns") as connection:
        yield lambda text: connection.exec_driver_sql(text).mappings().all()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_rows(name, ask):
    assert ask(sql(PACKAGE / "models" / f"{name}.sql"))


@pytest.mark.parametrize("name", CHECKS)
def test_a_test_of_the_package_finds_nothing_wrong(name, ask):
    assert ask(sql(PACKAGE / "tests" / f"{name}.sql")) == []


def test_every_model_is_described_where_a_reader_looks_and_every_test_in_its_first_line():
    readme, described = (PACKAGE / "README.md").read_text(), (PACKAGE / "models" / "models.yml").read_text()
    for name in MODELS:
        assert f"`{name}`" in readme
        assert f"name: {name}\n" in described
    for name in CHECKS:
        assert (PACKAGE / "tests" / f"{name}.sql").read_text().startswith("-- ")
