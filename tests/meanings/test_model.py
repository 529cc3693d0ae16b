"""Random histories of a fleet: what real syncs record is compared with a model in plain Python."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from inventory.simulator import Fleet, Simulator
from support.eventful_history import EventfulHistory
from support.marks import LONG, random_histories
from support.random_history import History


def test_the_long_profiles_try_all_cases():
    assert (settings.get_current_profile_name() in {"thorough", "prove"}) == LONG


@pytest.fixture
def player(engine, monkeypatch):
    monkeypatch.setattr("inventory.store.indexes.MANY", 1)  # so that a first run takes the code path for many rows
    with Simulator(Fleet()) as simulator:
        yield type("Player", (History,), {"engine": engine, "simulator": simulator})


@pytest.mark.slow
def test_every_random_history_with_two_accounts_acts_kills_and_takeovers_agrees_with_the_model(engine):
    with Simulator(Fleet()) as simulator:
        run_state_machine_as_test(
            type("Machine", (EventfulHistory,), {"engine": engine, "simulator": simulator}),
            settings=random_histories(40, stateful_step_count=14),
        )


@pytest.mark.medium
def test_every_random_history_agrees_with_the_model(player):
    run_state_machine_as_test(
        player,
        settings=random_histories(40, stateful_step_count=12),
    )
