#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is called flat, and what is not."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import memory  # noqa: E402


def samples(size_at, seconds=1800):
    return [(float(second), int(size_at(second))) for second in range(seconds + 1)]


class Memory(unittest.TestCase):
    def test_what_stays_is_flat(self):
        self.assertTrue(memory.judge(samples(lambda t: 5000))[1])

    def test_what_rises_while_it_warms_up_is_flat(self):
        self.assertTrue(memory.judge(samples(lambda t: 5000 + 100 * min(t, 200)))[1])

    def test_what_goes_up_and_down_is_flat(self):
        self.assertTrue(memory.judge(samples(lambda t: 5000 + 4000 * (t % 33) / 33))[1])

    def test_a_byte_of_each_message_is_a_leak(self):
        text, is_flat = memory.judge(samples(lambda t: 5000 + t * 2000 / 1024))
        self.assertFalse(is_flat)
        self.assertIn('+7031 KiB an hour', text)

    def test_of_a_short_run_the_second_half_is_judged(self):
        self.assertTrue(memory.judge(samples(lambda t: 5000 + 100 * min(t, 90), seconds=180))[1])
        self.assertFalse(memory.judge(samples(lambda t: 5000 + 100 * t, seconds=180))[1])


unittest.main(verbosity=0)
