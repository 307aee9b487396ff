#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what `meson test` left in one or more build folders, and says it in one line.

Usage: summary.py [--skipped "NAME: REASON"]... FOLDER...

Instead of a folder the log itself may be named (`meson test --wrapper` gives it another name).

A test that speaks TAP counts as its subtests, any other as one. The output of what failed is
printed again, and the reason of all that was skipped, and tables: lines that begin with “# |”. The exit status is 0 only if something
passed and nothing failed.
"""

import argparse
import json
import pathlib
import re
import sys

RESULT = re.compile(r'^\s*(?P<verdict>ok|not ok)\b\s*(?P<number>\d+)?\s*(?:- )?(?P<name>[^#]*?)\s*'
                    r'(?:#\s*(?P<directive>SKIP|TODO)\S*\s*(?P<reason>.*))?$', re.IGNORECASE)
PLAN = re.compile(r'^1\.\.(?P<count>\d+)(?:\s*#\s*SKIP\S*\s*(?P<reason>.*))?', re.IGNORECASE)


class Summary:
    def __init__(self):
        self.passed = 0
        self.failures = []   # (test, what failed in it, its output)
        self.tables = []     # lines
        self.skips = []      # (test, reason)

    def add(self, test):
        """Counts one object of testlog.json."""
        name, result, output = test['name'], test['result'], test.get('stdout') or ''
        subtests, whole_skip = parse_tap(output)
        failed = []

        self.tables += [line.removeprefix('# ') for line in output.splitlines() if line.startswith('# |')]
        if whole_skip is not None and not subtests:
            self.skips.append((name, whole_skip or 'no reason given'))
        for verdict, subtest, reason in subtests:
            if verdict == 'passed':
                self.passed += 1
            elif verdict == 'skipped':
                self.skips.append((f'{name}: {subtest}', reason or 'no reason given'))
            else:
                failed.append(subtest)

        if result in ('OK', 'EXPECTEDFAIL'):
            if not subtests and whole_skip is None:
                self.passed += 1
        elif result == 'SKIP':
            if not subtests and whole_skip is None:
                self.skips.append((name, last_line(output)))
        elif not failed:
            # It crashed, timed out or broke its plan without a verdict of its own.
            failed.append(f'the program: {result.lower()}, status {test.get("returncode")}')
        if failed:
            self.failures.append((name, failed, output + (test.get('stderr') or '')))


def parse_tap(text):
    """All verdicts in the text, and the reason if the plan skips everything."""
    subtests, whole_skip = [], None

    for line in text.splitlines():
        # Nested subtests are indented; their parent's verdict follows unindented.
        if match := PLAN.match(line):
            if match['count'] == '0':
                whole_skip = match['reason'] or ''
        elif line[:1] in 'on' and (match := RESULT.match(line)):
            directive = (match['directive'] or '').upper()
            if directive == 'SKIP' or (directive == 'TODO' and match['verdict'] != 'ok'):
                verdict = 'skipped'     # with its reason: what fails as expected has not passed
            elif match['verdict'] == 'ok':
                verdict = 'passed'
            else:
                verdict = 'failed'
            subtests.append((verdict, match['name'] or match['number'] or '?', match['reason']))
    return subtests, whole_skip


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else 'no reason given'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--skipped', action='append', default=[], metavar='NAME: REASON')
    parser.add_argument('folders', nargs='+', type=pathlib.Path)
    arguments = parser.parse_args()

    summary = Summary()
    for skipped in arguments.skipped:
        name, _, reason = skipped.partition(': ')
        summary.skips.append((name, reason))
    for folder in arguments.folders:
        log = folder if folder.suffix == '.json' else folder / 'meson-logs' / 'testlog.json'
        if not log.exists():
            summary.failures.append((str(folder), ['no test ran'], ''))
            continue
        with open(log, encoding='utf-8', errors='replace') as lines:
            for line in lines:
                summary.add(json.loads(line))

    for line in summary.tables:
        print(line)
    for name, reason in summary.skips:
        print(f'skipped  {name} ({reason})')
    for name, failed, output in summary.failures:
        for subtest in failed:
            print(f'FAILED   {name}: {subtest}')
        print('\n'.join('    ' + line for line in output.splitlines()[-200:]))

    n_failed = sum(len(failed) for _, failed, _ in summary.failures)
    print(f'{summary.passed} passed, {n_failed} failed, {len(summary.skips)} skipped')
    return 0 if summary.passed > 0 and n_failed == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
