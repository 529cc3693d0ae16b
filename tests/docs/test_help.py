"""The output of `--help`: it fits 80 columns, explains each option, and its examples are commands that exist."""

import re
import shlex

import pytest

from inventory.cli import main
from inventory.cli.app import loaded

TITLES = ["Copy the fleet", "Ask the history", "Trust the record", "Operate", "Try it without a key"]


GROUPS = [("account",), ("checkpoint",), ("db",)]


def leaves(command=None, words=()):
    """Return each command that is not a group, as a tuple of words, such as `("db", "check")`."""
    below = getattr(command, "commands", {}) if command else loaded()
    return [found for name in below for found in leaves(below[name], (*words, name))] or [words]


@pytest.fixture
def told(capsys, monkeypatch):
    """Return a function that returns what `inventory WORDS --help` prints, with COLUMNS set to 80."""
    monkeypatch.setenv("COLUMNS", "80")

    def ask(*words):
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
        assert ended.value.code == 0
        return capsys.readouterr().out

    return ask


def test_the_commands_are_grouped_and_no_summary_is_cut_off(told):
    text = told()
    assert re.findall(r"^(\S.*):$", text, re.MULTILINE)[1:] == TITLES  # the first is "Options"
    summaries = re.findall(r"^  (\w+)  +(\S.+)$", text.partition(f"{TITLES[0]}:")[2], re.MULTILINE)
    assert sorted(name for name, _ in summaries) == sorted(loaded())
    assert all(summary.endswith(".") and not summary.endswith("..") for _, summary in summaries)


@pytest.mark.parametrize("words", GROUPS)
def test_no_summary_in_a_group_is_cut_off(told, words):
    summaries = re.findall(r"^  ([\w-]+)  +(\S.+)$", told(*words).partition("Commands:")[2], re.MULTILINE)
    assert [name for name, _ in summaries] == list(loaded()[words[0]].commands)
    assert all(summary.endswith(".") and not summary.endswith("..") for _, summary in summaries)


@pytest.mark.parametrize("words", [(), *GROUPS, *leaves()])
def test_help_fits_80_columns(told, words):
    assert [line for line in told(*words).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("words", GROUPS)
def test_the_help_of_a_group_says_which_of_its_commands_write(told, words):
    assert re.search(r"^  .*\bwrites?\b", told(*words).partition("Options:")[0], re.MULTILINE)


@pytest.mark.parametrize("words", leaves())
def test_help_says_what_the_command_writes_and_what_each_option_is_for(told, words):
    assert re.search(r"\bWrites\s", told(*words))
    command = loaded()[words[0]]
    for word in words[1:]:
        command = command.commands[word]
    assert [each.name for each in command.params if not each.help] == []


@pytest.mark.parametrize("words", [*GROUPS, *leaves()])
def test_the_examples_are_commands_of_the_program(told, words):
    examples = re.sub(r" \\\n +", " ", re.search(r"Examples:\n((?:    .+\n)+)", told(*words))[1])
    lines = [line.strip() for line in examples.splitlines()]
    assert any(line.startswith(f"inventory {' '.join(words)}") for line in lines)
    for line in lines:
        after = re.fullmatch(r"(?:\w+=\S+ )*inventory (.+)", line)[1].partition(" > ")[0]
        assert told(*shlex.split(after)).startswith("Usage: inventory ")
