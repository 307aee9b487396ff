#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of docs/gossipsub.md, "The numbers", hold every number of AviPubsubParams, as the library has it."""

import math
import pathlib
import re
import sys

import gi
gi.require_version("Avi", "1")
from gi.repository import Avi, GLib

from tap import main, test

PAGE = pathlib.Path(sys.argv[1], "docs/gossipsub.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## The numbers\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]
# A row begins with a name, or names, in backticks; what is not as it has to be is found by the tests.
ROW = re.compile(r"^\| *(`.*)\|$", re.MULTILINE)
OF_TOPICS = "### Of each topic\n"
NUMBER = r"−?[0-9][0-9,]*(?:\.[0-9]+)?"


def read_number(text):
    assert re.fullmatch(NUMBER, text), f"“{text}” is no number"
    return float(text.replace("−", "-").replace(",", ""))


def read_rows(text):
    """(name, here, range) of each row"""
    for row in ROW.findall(text):
        cells = [cell.strip() for cell in row.split("|")]
        assert len(cells) == 5, f"a row has {len(cells)} cells: {row}"
        name = re.fullmatch(r"`([a-z0-9-]+)`", cells[0])
        assert name, f"a row is of one name, not of {cells[0]}"
        ends = re.fullmatch(rf"({NUMBER}) to ({NUMBER})", cells[2])
        assert ends, f"{name[1]}: “{cells[2]}” is no range"
        yield name[1], read_number(cells[1]), (read_number(ends[1]), read_number(ends[2]))


def check_all(check, rows):
    """All faults in one message."""
    faults = [fault for row in rows for fault in check(*row)]
    assert not faults, "; ".join(faults)


def is_taken(set_number, *arguments):
    try:
        return set_number(*arguments)
    except GLib.Error as error:
        assert error.matches(Avi.error_quark(), Avi.Error.INVALID_ARGUMENT), error
        return False


@test("each number has one row in the documentation, and each row is of a number")
def _():
    named = [name for name, _, _ in read_rows(SECTION)]
    known = Avi.PubsubParams.list_numbers()
    assert len(known) > 50, known
    assert len(set(named)) == len(named), f"twice: {sorted(name for name in set(named) if named.count(name) > 1)}"
    assert set(named) == set(known), (f"without a row: {sorted(set(known) - set(named))}, "
                                      f"without a number: {sorted(set(named) - set(known))}")


@test("a row has the value that a number has of its own accord")
def _():
    params = Avi.PubsubParams.new()

    def check(name, here, _range):
        if name in Avi.PubsubParams.list_numbers() and params.get_number(name) != here:
            yield f"{name} is {params.get_number(name):.9g}, not {here:.9g}"

    check_all(check, read_rows(SECTION))


@test("a row has the range of a number: both ends are taken, and nothing beyond them")
def _():
    def check(name, _here, ends):
        if name not in Avi.PubsubParams.list_numbers():
            return
        for end, away in zip(ends, (-math.inf, math.inf)):
            params = Avi.PubsubParams.new()
            if not is_taken(params.set_number, name, end) or params.get_number(name) != end:
                yield f"{name} does not take {end:.9g}"
            # The next whole number, and the next that is none: a number may be a whole one.
            for beyond in (end + math.copysign(1, away), math.nextafter(end, away)):
                if is_taken(params.set_number, name, beyond):
                    yield f"{name} takes {beyond!r}"

    check_all(check, read_rows(SECTION))


@test("those that a topic may have for itself stand under a heading of their own")
def _():
    before, heading, after = SECTION.partition(OF_TOPICS)
    assert heading, f"there is no heading {OF_TOPICS}"
    of_topics = re.split(r"^### ", after, flags=re.MULTILINE)[0]
    params = Avi.PubsubParams.new()

    def check_topics(name, here, _range):
        if name in Avi.PubsubParams.list_numbers() and not is_taken(params.set_topic_number, "alarms", name, here):
            yield f"{name} is not of a topic"

    def check_others(name, here, _range):
        if is_taken(params.set_topic_number, "alarms", name, here):
            yield f"{name} is of a topic"

    check_all(check_topics, read_rows(of_topics))
    check_all(check_others, read_rows(before + after[len(of_topics):]))


main()
