#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the harness waits: a node that says why a command failed is not waited for."""

import sys
import unittest

sys.dont_write_bytecode = True

import harness  # noqa: E402

# Says what it is told to, and nothing else.
PARROT = 'import sys\nfor line in sys.stdin: print(line.partition(" | ")[2].replace(";", "\\n"), end="", flush=True)'


class Waiting(unittest.TestCase):
    def setUp(self):
        self.node = harness.Node(sys.executable, '-c', PARROT, name='parrot')

    def tearDown(self):
        self.assertTrue(self.node.close())
        self.node.process.stdout.close()
        self.node.process.stderr.close()

    def tell(self, command, answer):
        """A command as the harness sees it, and what the node is to say then."""
        self.node.told.add(command)
        self.node.refused.pop(harness.verb_of(command), None)
        self.node.process.stdin.write(f'| | {answer}\n')
        self.node.process.stdin.flush()

    def refused(self, *words):
        with self.assertRaises(harness.Refused) as caught:
            self.node.expect(*words)
        return str(caught.exception)

    def test_an_error_that_repeats_the_command_ends_the_wait_with_its_text(self):
        self.tell('subscribe x', 'error subscribe x: too many topics')
        self.assertIn('too many topics', self.refused('message', 'x'))

    def test_an_error_that_names_the_verb_ends_the_wait_for_its_answer(self):
        self.tell('dial /ip4/1.2.3.4', 'error dial: no route')
        self.assertIn('no route', self.refused('connected', 'ID'))

    def test_what_came_before_the_error_is_there(self):
        self.tell('wait x 1', 'subscribers x 1;error wait: closed')
        self.assertEqual(self.node.expect('subscribers'), ['x', '1'])
        self.assertIn('closed', self.refused('subscribers'))

    def test_who_asks_for_the_error_gets_it_and_may_try_again(self):
        self.tell('dial /ip4/1.2.3.4', 'error dial: no route')
        self.assertEqual(self.node.expect('error'), ['dial:', 'no', 'route'])
        self.tell('dial /ip4/1.2.3.5', 'error dial /ip4/1.2.3.4: no route, as I said;connected ID')
        self.node.expect('connected', 'ID')

    def test_an_error_of_another_command_ends_no_wait_for_an_answer(self):
        self.tell('publish x y', 'error publish x y: nobody listens')
        self.tell('dial /ip4/1.2.3.4', 'error inbound: who is there?;connected ID;message x ID z')
        self.node.expect('connected', 'ID')
        self.node.expect('message', 'x')

    def test_once_connected_its_own_dials_may_fail(self):
        self.tell('dial /ip4/1.2.3.4', 'connected ID;error dial: gone;connected ID')
        for _ in range(2):
            self.node.expect('connected', 'ID')


if __name__ == '__main__':
    unittest.main()
