#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./dev bench --plot draws, and what it refuses before it measures."""

import pathlib
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

sys.dont_write_bytecode = True

import figures  # noqa: E402
import plot     # noqa: E402

BENCH = pathlib.Path(__file__).resolve().parent / 'bench'
SVG = '{http://www.w3.org/2000/svg}'
ECHO = figures.Figure('echo', 'µs', 'lower')


def drawn(*results, title='A day'):
    return ElementTree.fromstring(plot.draw(results, title))


def words(picture):
    return [element.text for element in picture.iter(SVG + 'text')]


def dots(picture):
    """The places of all dots, those of medians last of their row."""
    return [float(element.get('cx')) for element in picture.iter(SVG + 'circle')]


class Picture(unittest.TestCase):
    def test_each_contender_has_its_median_and_spread(self):
        said = words(drawn((ECHO, {'avi': [12.0, 10.0, 30.0], 'go': [15.0]})))
        for wanted in ('echo', 'µs, lower is better', 'avi', '12.0 (10.0–30.0)', 'go', '15.0 (15.0–15.0)'):
            self.assertIn(wanted, said)

    def test_a_scale_begins_at_zero_and_is_shared_by_the_contenders(self):
        zero = plot.LABEL
        half, half_median, whole, whole_median = dots(drawn((ECHO, {'avi': [5.0], 'go': [10.0]})))
        self.assertAlmostEqual(half - zero, (whole - zero) / 2, delta=0.1)
        self.assertEqual((half, whole), (half_median, whole_median))
        self.assertGreater(whole, half)

    def test_what_was_not_measured_is_left_out(self):
        picture = drawn((ECHO, {}), (figures.Figure('open', '/s', 'higher'), {'avi': [2.0], 'rust': []}))
        self.assertNotIn('echo', words(picture))
        self.assertNotIn('rust', words(picture))
        self.assertIn('open', words(picture))

    def test_zeros_have_a_place(self):
        self.assertEqual(set(dots(drawn((ECHO, {'avi': [0.0, 0.0]})))), {float(plot.LABEL)})

    def test_nothing_lies_on_another_or_outside(self):
        names = ('avi', 'rust', 'go', 'bare')
        picture = drawn(*((ECHO, dict.fromkeys(names[:1 + i % 4], [1.0])) for i in range(7)))
        places = [tuple(map(int, group.get('transform')[10:-1].split())) for group in picture.iter(SVG + 'g')
                  if group.get('transform')]
        for i, (x, y) in enumerate(places):
            bottom = y + plot.TITLE + plot.ROW * (1 + i % 4)
            self.assertTrue(all(bottom <= other for at, other in places if at == x and other > y))
            self.assertLess(bottom, int(picture.get('height')))
            self.assertLess(x + plot.PANEL, plot.WIDTH)
        self.assertEqual(len(set(places)), 7)

    def test_words_are_text_whatever_is_in_them(self):
        self.assertIn('<a & b>', words(drawn((ECHO, {'avi': [1.0]}), title='<a & b>')))


class Arguments(unittest.TestCase):
    def refused(self, *words):
        """What it says of them. There are no programs to measure: whatever is taken fails otherwise."""
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run([sys.executable, BENCH, '--smoke', '--programs', folder, *words], cwd=folder,
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])
        self.assertEqual(result.returncode, 2, result.stderr)
        return result.stderr.splitlines()[-1]

    def test_a_picture_that_cannot_be_written_is_told_at_once(self):
        self.assertIn('/nonexistent/x.svg', self.refused('--plot', '/nonexistent/x.svg', 'echo'))

    def test_a_name_with_a_slip_after_plot_is_no_file(self):
        self.assertIn('“ecko” is neither', self.refused('--plot', 'ecko'))

    def test_no_runs_at_all_are_refused(self):
        self.assertIn('--runs: at least 1', self.refused('--runs', '0', 'echo'))

    def test_of_a_name_that_is_none_the_others_are_told(self):
        self.assertIn('there is no ecko, but: stream-up', self.refused('--plot', 'x.svg', 'ecko'))


if __name__ == '__main__':
    unittest.main()
