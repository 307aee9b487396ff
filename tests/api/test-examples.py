#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example programs, in every language, from the build tree: hello and simple-node.

Usage: test-examples.py SOURCE BUILD MESON

Run in a network namespace with nothing but lo, where one can be made: the hello programs, which
speak to the LAN, are skipped elsewhere.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

import tap
from tap import test

SOURCE, BUILD, MESON = (pathlib.Path(argument) for argument in sys.argv[1:4])
INSIDE = "AVI_INSIDE_NAMESPACE"


def enter_namespace():
    """Again, with nothing but lo; where that cannot be, without."""
    command = ["unshare", "--net", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        command += ["--user", "--map-root-user"]
    command += ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if (not os.environ.get(INSIDE) and tap.have("unshare") and tap.have("ip")
            and subprocess.run([*command, "true"], capture_output=True).returncode == 0):
        os.environ[INSIDE] = "1"
        os.execvp(command[0], [*command, sys.executable, *sys.argv])


def languages(name):
    """The commands that run an example, by the language it is in."""
    commands = {"C": [BUILD / "examples" / name]}
    if subprocess.run([sys.executable, "-c", "import gi"], capture_output=True).returncode == 0:
        commands["Python"] = [sys.executable, SOURCE / "examples" / f"{name}.py"]
    if tap.have("gjs"):
        commands["JavaScript"] = ["gjs", SOURCE / "examples" / f"{name}.js"]
    return commands


class Programs:
    """Programs that share a runtime directory of their own, and end with the test."""

    def __enter__(self):
        self.running = []
        self.runtime = tempfile.TemporaryDirectory()
        os.environ["XDG_RUNTIME_DIR"] = self.runtime.name
        return self

    def __exit__(self, *_):
        for program in self.running:
            program.kill()
        self.runtime.cleanup()

    def start(self, *command):
        program = tap.Program(*command)
        self.running.append(program)
        return program

    def node(self, command, *options):
        return self.start(*command, "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0", *options)


def started(node):
    """The id and the first address of a node, once it runs."""
    words = node.expect(lambda line: line.startswith("started ")).split(" ")
    return words[1], words[2]


@test("simple-node: each lists the others, and prints what is typed into another")
def _():
    with Programs() as programs:
        nodes = {language: programs.node(command, "--name", f"a {language} node")
                 for language, command in languages("simple-node").items()}
        ids = {language: started(node)[0] for language, node in nodes.items()}
        for here, node in nodes.items():
            for there in nodes.keys() - {here}:
                node.expect(f"peer-connected {ids[there]} a {there} node")
        for here, node in nodes.items():
            say_until_heard(node, [other for other in nodes.values() if other is not node],
                            f"message chat a {here} node: grüße from {here}", f"grüße from {here}")
        for here, node in nodes.items():
            node.tell("/peers")
            for there in nodes.keys() - {here}:
                node.expect(f"peer {ids[there]} a {there} node connected")
        for node in nodes.values():
            node.tell("/quit")
            assert node.wait() == 0 and node.lines[-1] == "stopped", node.lines


def say_until_heard(node, others, message, text):
    """A node does not say when it knows of the others' subscriptions: what is typed before that is
    published to fewer."""
    while True:
        before = len(node.lines)
        node.tell(text)
        with node.changed:
            assert node.changed.wait_for(lambda: any(re.match("published|error", line) for line in node.lines[before:]),
                                         tap.DEADLINE), node.lines
        if f"published {len(others)}" in node.lines[before:]:
            break
    for other in others:
        other.expect(message)


@test("simple-node: what looks like a command and is none goes to nobody; two slashes say one")
def _():
    with Programs() as programs:
        commands = list(languages("simple-node").values())
        listener = programs.node(commands[0], "--name", "listener")
        started(listener)
        for language, command in languages("simple-node").items():
            node = programs.node(command, "--name", language)
            node.expect(lambda line: line.startswith("peer-connected"))
            # What was said before would have been heard before.
            for line in ("/quti", "/dial", "/dial  ", "/", "/peers all", "/dialler x"):
                node.tell(line)
                node.expect(f"error command: what is “{line}”? There are /peers, /dial ADDRESS and /quit; "
                            "// begins a line with a slash")
            say_until_heard(node, [listener], f"message chat {language}: /quit", "//quit")
            heard = {line for line in listener.lines if line.startswith("message ")}
            assert heard == {f"message chat {language}: /quit"}, heard
            node.tell("/quit")
            assert node.wait() == 0, node.lines
            listener.expect(lambda line: line.startswith("peer-disconnected"))
            listener.lines.clear()


@test("simple-node: the end of its input is not its own; a signal stops it well")
def _():
    for command in languages("simple-node").values():
        for number in (signal.SIGINT, signal.SIGTERM):
            with Programs() as programs:
                node = programs.node(command)
                node.process.stdin.close()
                started(node)
                node.expect(lambda line: line.startswith("# This is"))
                node.process.send_signal(number)
                assert node.wait() == 0 and node.lines[-1] == "stopped", node.lines


@test("simple-node: --dial connects, --no-local keeps apart, --topic chooses")
def _():
    with Programs() as programs:
        commands = list(languages("simple-node").values())
        first = programs.node(commands[0], "--no-local", "--topic", "a/b", "--name", "first")
        first_id, address = started(first)
        for language, command in languages("simple-node").items():
            node = programs.node(command, "--no-local", "--topic", "a/b", "--dial", address, "--name", language)
            node.expect(f"peer-connected {first_id} first")
            say_until_heard(node, [first], f"message a/b {language}: text", "text")
            node.tell("/quit")
            assert node.wait() == 0, node.lines
            assert sum("peer-connected" in line for line in node.lines) == 1, node.lines


def threads(node):
    return [(task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{node.process.pid}/task").iterdir()]


@test("simple-node: with --unthreaded it does the same without a thread of the engine")
def _():
    with Programs() as programs:
        for language, command in languages("simple-node").items():
            with_thread = programs.node(command, "--no-local", "--topic", "a/b", "--name", "with")
            with_id, address = started(with_thread)
            node = programs.node(command, "--no-local", "--topic", "a/b", "--dial", address, "--name", language, "--unthreaded")
            node.expect(f"peer-connected {with_id} with")
            assert "avi-engine" in threads(with_thread) and "avi-engine" not in threads(node), language
            say_until_heard(node, [with_thread], f"message a/b {language}: text", "text")
            for each in (node, with_thread):
                each.tell("/quit")
                assert each.wait() == 0, each.lines


@test("simple-node: nodes of one name are told apart by their ids, and keep the name")
def _():
    for command in languages("simple-node").values():
        with Programs() as programs:
            nodes = [programs.node(command, "--name", "kitchen") for _ in range(2)]
            ids = [started(node)[0] for node in nodes]
            for here, there in ((0, 1), (1, 0)):
                nodes[here].expect(f"peer-connected {ids[there]} kitchen (…{ids[there][-8:]})")


@test("simple-node: with --identity it is the same one after a restart, at the same port")
def _():
    for command in languages("simple-node").values():
        with Programs() as programs, tempfile.TemporaryDirectory() as folder:
            seen = set()
            for _ in range(2):
                node = programs.node(command, "--identity", f"{folder}/key")
                seen.add(started(node))
                node.tell("/quit")
                assert node.wait() == 0, node.lines
            assert len(seen) == 1, seen


@test("simple-node: what cannot be is said, and names the culprit")
def _():
    with tempfile.TemporaryDirectory() as folder, socket.socket() as taken, Programs() as programs:
        key = pathlib.Path(folder, "key")
        key.write_text("not a key")
        key.chmod(0o600)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"/ip4/127.0.0.1/tcp/{taken.getsockname()[1]}"
        for command in languages("simple-node").values():
            for options, culprit in ((["--listen", address], address), (["--identity", key], str(key)),
                                     (["--nonsense"], "nonsense"), (["nonsense"], "nonsense")):
                node = programs.start(*command, "--no-mdns", *options)
                assert node.wait() != 0, node.lines
                assert any(culprit in line for line in node.lines), (options, node.lines)


@test("simple-node: what a peer sends does not steer the terminal")
def _():
    with Programs() as programs:
        commands = list(languages("simple-node").values())
        sender = programs.node(commands[0], "--name", "sender")
        started(sender)
        for command in commands:
            node = programs.node(command, "--name", "node")
            node.expect(lambda line: line.startswith("peer-connected"))
            say_until_heard(sender, [node], "message chat sender: \ufffd[31m red \ufffd", "\x1b[31m\tred \x9b")
            node.tell("/quit")
            assert node.wait() == 0, node.lines
            sender.expect(lambda line: line.startswith("peer-disconnected"))
            sender.lines.clear()


@test("simple-node: meson devenv is all that a build tree needs")
def _():
    ours = ("GI_TYPELIB_PATH", "LD_LIBRARY_PATH", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    programs = {language: [*command, "--no-mdns", "--no-local", "--listen", "/ip4/127.0.0.1/tcp/0"]
                for language, command in languages("simple-node").items()}
    if "Python" in programs:
        programs["Python's overrides"] = [sys.executable, "-c", "import gi; gi.require_version('Avi', '1');"
                                          "from gi.repository import Avi; Avi.run; print('stopped')"]
    for language, command in programs.items():
        done = subprocess.run([MESON, "devenv", "-C", BUILD, *command], capture_output=True, text=True, input="/quit\n",
                              env=environment, timeout=tap.DEADLINE)
        assert done.returncode == 0 and done.stdout.endswith("stopped\n"), (language, done)


@test("hello: the three programs run as they stand, and hear an alert")
def _():
    if not os.environ.get(INSIDE):
        raise tap.Skip("no network namespaces here")
    with Programs() as programs:
        environment = {"PYTHONUNBUFFERED": "1"}
        os.environ.update(environment)
        commands = languages("hello").values()
        running = [programs.start(*command) for command in commands]
        sender = programs.start(BUILD / "examples" / "simple-node", "--topic", "system/alerts")
        sender_id, _ = started(sender)
        for _ in running:
            sender.expect(lambda line: line.startswith("# Connected: ") and line.count("kitchen") == len(running))
        say_until_heard(sender, running, f"{sender_id} says fire", "fire")


enter_namespace()
tap.main()
