#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./dev bench makes of what its programs say; no program runs, but for a stand-in."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent

import contenders   # noqa: E402
import figures      # noqa: E402

RATE = figures.Figure('signed-64', '/s', 'higher')
LATENCY = figures.Figure('latency', 'µs', 'lower')


def load_bench():
    loader = importlib.machinery.SourceFileLoader('bench', str(HERE / 'bench'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('bench', loader))
    loader.exec_module(module)
    return module


bench = load_bench()


class Losses(unittest.TestCase):
    def test_a_run_that_lost_a_message_gives_no_figure(self):
        with self.assertRaisesRegex(contenders.Lost, '^3 messages did not arrive$'):
            figures.rate({'load': 1000.0, 'lost': 3.0})
        self.assertEqual(figures.rate({'load': 1000.0, 'lost': 0.0}), 1000.0)

    def test_a_contender_that_lost_one_is_named_and_the_others_are_measured(self):
        def measure(_, contender):
            return {'signed-64': figures.rate({'load': 1000.0, 'lost': float(contender.name == 'go')})}

        found = {name: contenders.Contender(name, None) for name in ('rust', 'go')}
        told = figures.Bench(found, '.', figures.Scale(runs=2)).run(
            figures.Measurement(measure, ('avi', 'rust', 'go'), (RATE,)), lambda *_: None)
        self.assertEqual(told[0], {'signed-64': {'rust': [1000.0, 1000.0]}})
        self.assertEqual([str(problem) for problem in told[1].values()], ['1 messages did not arrive'])


class Words(unittest.TestCase):
    def test_the_ratio_is_to_the_better_peer_and_the_others_are_noted(self):
        runs = {'avi': [30.0], 'rust': [10.0], 'go': [15.0], 'mosquitto': [60.0], 'zenoh': [300.0]}
        self.assertEqual(bench.ratio(RATE, runs), '2.00×')
        self.assertEqual(bench.note(RATE, runs, []), ' (0.50× of mosquitto, 0.10× of zenoh)')
        self.assertEqual(bench.ratio(LATENCY, runs), '0.33×')
        self.assertEqual(bench.note(LATENCY, runs, []), ' (2.00× of mosquitto, 10.00× of zenoh)')

    def test_without_peers_the_ratio_is_to_bare(self):
        self.assertEqual(bench.ratio(RATE, {'avi': [30.0], 'bare': [40.0]}), '0.75× of bare')
        self.assertEqual(bench.ratio(RATE, {'avi': [30.0]}), '')

    def test_json_has_each_contender(self):
        runs = {'avi': [30.0], 'zenoh': [300.0]}
        with contextlib.redirect_stdout(io.StringIO()) as out:
            bench.print_figure(RATE, runs, ['avi', 'zenoh'], True, '')
        self.assertEqual(json.loads(out.getvalue()), {'name': 'signed-64', 'unit': '/s', 'better': 'higher', 'runs': runs})

    def test_no_two_measurements_have_a_figure_of_one_name(self):
        names = [figure.name for measurement in figures.MEASUREMENTS for figure in measurement.figures]
        self.assertEqual(len(names), len(set(names)))


class Missing(unittest.TestCase):
    def test_a_tool_that_is_not_there_is_named(self):
        with tempfile.TemporaryDirectory() as empty, \
             mock.patch.dict(os.environ, {'PATH': empty, 'AVI_PEER_CACHE': empty}), \
             mock.patch.object(contenders.MosquittoPeer, 'broker', return_value=None):
            found, missing = contenders.build_peers(['mosquitto', 'zenoh'])
        self.assertEqual(found, {})
        self.assertIn('not installed (on Debian: mosquitto)', missing['mosquitto'])
        self.assertEqual(missing['zenoh'], 'cargo is not installed')

    def test_what_nobody_measures_is_not_built(self):
        with mock.patch.object(contenders.Peer, 'build', side_effect=AssertionError('built')):
            self.assertEqual(contenders.build_peers(['avi', 'bare']), ({}, {}))


class Brokers(unittest.TestCase):
    def test_each_has_a_port_of_loopback_and_is_gone_afterwards(self):
        """The stand-in listens where its configuration says, as the broker does; the client is echo."""
        stand_in = ('#!/usr/bin/env python3\nimport socket, sys, time\n'
                    'words = open(sys.argv[2]).readline().split()\n'
                    'assert words[0] == "listener" and words[2] == "127.0.0.1"\n'
                    'server = socket.create_server((words[2], int(words[1])))\ntime.sleep(60)\n')
        with tempfile.TemporaryDirectory() as folder:
            broker = pathlib.Path(folder) / 'broker'
            broker.write_text(stand_in, encoding='utf-8')
            broker.chmod(0o755)
            with contenders.Brokered('mosquitto', '/bin/echo', broker).serving('listening') as client:
                port = int(client.address)
                contenders.socket.create_connection(('127.0.0.1', port)).close()
            with self.assertRaises(ConnectionRefusedError):
                contenders.socket.create_connection(('127.0.0.1', port))


if __name__ == '__main__':
    unittest.main()
