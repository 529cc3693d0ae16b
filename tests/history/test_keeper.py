"""Cheats of a keeper, who has full rights on the database, are all found. Honest histories raise no alarm.

`python benchmarks/cheats.py` tries thousands of cheats and of honest histories.
"""

from contextlib import ExitStack
from random import Random

import pytest

from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Simulator
from inventory.store import database
from support.checkpoints import check
from support.forgery import copy_rows, forge
from support.honest import HonestHistories
from support.keeper import ALL_KINDS, Keeper
from support.marks import rule
from support.pasts import record

PLAYED = ("every event", "pruned", "upgraded and pruned")
TRIES, HISTORIES, STEPS = 4, 12, 4

pytestmark = [pytest.mark.slow, rule("a-checkpoint-anchors-the-log")]


@pytest.fixture(scope="module")
def recorded(request, tmp_path_factory):
    """Yield a function that records the histories of PLAYED on a backend, only once for each backend.

    The function returns a list of tuples: the URL of a database, and its `support.pasts.Past`.
    """
    with ExitStack() as stack:
        made = {}

        def on(backend):
            if backend not in made:
                made[backend] = [(url, record(name, url, forks=2)) for name, url in urls(backend)]
            return made[backend]

        def urls(backend):
            for name in PLAYED:
                if backend == "sqlite":
                    yield name, f"sqlite:///{tmp_path_factory.mktemp('keeper') / 'history.db'}"
                else:
                    postgres = request.getfixturevalue("postgres")
                    yield name, postgres.url_of(stack.enter_context(postgres.database()))

        yield on


@pytest.fixture
def keepers(recorded, backend):
    """Yield a list with a Keeper for each recorded history."""
    pasts = [past for _, past in recorded(backend)]
    made = [
        Keeper(database.connect(parse_url(url)), past, Random(past.name), others=pasts)
        for url, past in recorded(backend)
    ]
    yield made
    for keeper in made:
        keeper.engine.dispose()


def test_what_the_keeper_computes_anew_is_what_the_program_wrote(recorded, backend):
    for _, past in recorded(backend):
        for moment in past.moments:
            again = copy_rows(moment.rows)
            forge(again)
            assert again == moment.rows


def test_an_honest_history_agrees_with_all_of_its_checkpoints(keepers):
    for keeper in keepers:
        checkpoints = [each for moment in keeper.past.moments for each in moment.checkpoints]
        with database.reading(keeper.engine) as connection:
            assert not check(connection, checkpoints, allow_pruned=True)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_cheat_of_that_kind_is_found(keepers, kind):
    tries = []
    for number in range(40):
        if (tried := keepers[number % len(keepers)].cheat(kind)) is not None:
            tries.append(tried)
        if len(tries) == TRIES:
            break
    assert tries
    assert [tried.what for tried in tries if tried.found_by is None] == []


def test_no_random_honest_history_raises_an_alarm(recorded, backend, engine):
    with Simulator(Fleet()) as simulator:
        histories = HonestHistories(engine, simulator)
        for number in range(HISTORIES):
            past = recorded(backend)[number % len(PLAYED)][1]
            assert histories.play(past, Random(number), length=STEPS) == []
