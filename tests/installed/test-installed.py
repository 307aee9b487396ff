#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Installs the library into a folder, and uses it from there as a program elsewhere would.

Usage: test-installed.py SOURCE BUILD MESON PREFIX LIBDIR docs|no-docs

The examples in C and what Python and gjs get beside introspection run against what was installed, in a
network namespace with nothing but lo: three hello programs hear a fourth that publishes. Prints TAP.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SOURCE, BUILD = (pathlib.Path(argument) for argument in sys.argv[1:3])
MESON = sys.argv[3]
ROOT = BUILD / 'tests' / 'installed' / 'root'
PREFIX = ROOT / sys.argv[4].lstrip('/')
LIBDIR = PREFIX / sys.argv[5]
INSIDE = 'AVI_INSIDE_NAMESPACE'
DEADLINE = 20.0

VALA = '''
void main () {
  var device = new Avi.Device ("kitchen");
  device.peer_connected.connect ((peer) => print ("%s\\n", peer.id));
  device.start_async.begin (null, (object, result) => {
    try { device.start_async.end (result); } catch (Error error) { }
  });
}
'''
PUBLISHER = '''
import sys
import gi
gi.require_version("Avi", "1")
from gi.repository import Avi
device = Avi.Device.new("publisher")
device.start()
device.wait_for_subscribers("system/alerts", int(sys.argv[1]))
print(device.props.peer_id, flush=True)
device.publish_text("system/alerts", "fire")
sys.stdin.read()
device.stop()
'''
# A device without a network: promises of gjs's module, a str where Python's overrides take one.
GJS = '''
import GLib from 'gi://GLib';
import Avi, {messages} from 'file://@MODULE@';
const loop = new GLib.MainLoop(null, false);
async function main() {
    const device = Avi.Device.new('kitchen');
    device.listen_addresses = [];
    device.enable_mdns = device.enable_local = false;
    await device.start_async(null);
    await messages(device.subscribe('system/alerts')).return();
    await device.stop_async(null);
    print('stopped');
}
main().catch(error => printerr(error)).finally(() => loop.quit());
loop.run();
'''
PYTHON = '''
import gi
gi.require_version("Avi", "1")
from gi.repository import Avi
import gi.overrides.Avi
device = Avi.Device.new("kitchen")
device.props.listen_addresses = []
device.props.enable_mdns = device.props.enable_local = False
device.start()
device.publish("system/alerts", "fire")
device.stop()
print(gi.overrides.Avi.__file__)
'''
PLACED = {
    'C': [ROOT / 'simple-node', '--no-mdns', '--no-local', '--listen', '/ip4/127.0.0.1/tcp/0'],
    'Python': [None, '-c', 'import gi; gi.require_version("Avi", "1"); from gi.repository import Avi;'
                           'print(Avi.Device.new("kitchen").props.node_name)'],
    'JavaScript': ['gjs', '-c', 'imports.gi.versions.Avi = "1"; print(imports.gi.Avi.Device.new("kitchen").node_name)'],
}


class Skip(Exception):
    pass


def run(*command, **arguments):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120, **arguments)
    assert done.returncode == 0, f'{" ".join(map(str, command))}:\n{done.stdout}{done.stderr}'
    return done.stdout


def environment():
    """What a user of a prefix of their own would set."""
    return {**os.environ,
            'LD_LIBRARY_PATH': str(LIBDIR),
            'GI_TYPELIB_PATH': str(LIBDIR / 'girepository-1.0'),
            'PKG_CONFIG_PATH': str(LIBDIR / 'pkgconfig'),
            'PYTHONPATH': os.pathsep.join(str(path.parents[2]) for path in ROOT.rglob('gi/overrides/Avi.py')),
            'PYTHONDONTWRITEBYTECODE': '1',
            'PYTHONUNBUFFERED': '1',
            'XDG_DATA_DIRS': f'{PREFIX / "share"}:/usr/local/share:/usr/share'}


def install():
    shutil.rmtree(ROOT, ignore_errors=True)
    run(MESON, 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', ROOT)
    # The folder takes the part of the file system: the prefix is where the files lie.
    for path in (LIBDIR / 'pkgconfig').glob('*.pc'):
        path.write_text(re.sub('^prefix=.*$', f'prefix={PREFIX}', path.read_text(), flags=re.MULTILINE))


def find_python():
    for python in ('python3', '/usr/bin/python3'):
        if shutil.which(python) and subprocess.run([python, '-c', 'import gi'], capture_output=True).returncode == 0:
            return python
    return None


# ---- Tests --------------------------------------------------------------------------------------

def everything_is_there():
    public = re.findall(r'#include <(avi-[\w-]+\.h)>', (PREFIX / 'include/avi-1/avi.h').read_text())
    expected = [PREFIX / 'include/avi-1' / name for name in ['avi.h', *public]]
    expected += [LIBDIR / 'libavi-1.so', LIBDIR / 'pkgconfig/avi-1.pc', LIBDIR / 'girepository-1.0/Avi-1.typelib',
                 PREFIX / 'share/gir-1.0/Avi-1.gir', PREFIX / 'share/vala/vapi/avi-1.vapi']
    missing = [str(path) for path in expected if not path.exists()]
    assert not missing, '\n'.join(missing)
    assert list(ROOT.rglob('gi/overrides/Avi.py')), 'gi/overrides/Avi.py'


def private_headers_stay_at_home():
    found = {path.name for path in (PREFIX / 'include').rglob('*.h')}
    private = {name for name in found if 'private' in name} | (found - {
        'avi.h', *re.findall(r'#include <(avi-[\w-]+\.h)>', (PREFIX / 'include/avi-1/avi.h').read_text())})
    assert not private, private


def reference_is_there():
    if sys.argv[6] == 'no-docs':
        raise Skip('the build is without it: gi-docgen was not there')
    assert list((PREFIX / 'share/doc').rglob('class.Device.html')), 'no class.Device.html'


def flags(*packages):
    return run('pkg-config', '--cflags', '--libs', 'avi-1', *packages, env=environment()).split()


def c_compiles():
    run('cc', '-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-Wno-unused-parameter', '-Werror',
        SOURCE / 'examples/hello.c', *flags(), '-o', ROOT / 'hello')


def simple_node_runs():
    program = ROOT / 'simple-node'
    run('cc', '-std=gnu11', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', SOURCE / 'examples/simple-node.c',
        *flags('gio-unix-2.0'), '-o', program)
    said = run(program, '--no-mdns', '--no-local', '--listen', '/ip4/127.0.0.1/tcp/0', input='/quit\n',
               env=environment())
    assert '\nstarted ' in '\n' + said and said.endswith('\nstopped\n'), said


def gjs_module_works():
    if not shutil.which('gjs'):
        raise Skip('gjs is not installed')
    program = ROOT / 'module.js'
    program.write_text(GJS.replace('@MODULE@', str(PREFIX / 'share/avi-1/gjs/avi.js')))
    assert run('gjs', '-m', program, env=environment()) == 'stopped\n'


def python_overrides_work():
    python = find_python()
    if not python:
        raise Skip('PyGObject is not installed')
    said = run(python, '-c', PYTHON, env=environment())
    assert pathlib.Path(said.strip()).is_relative_to(ROOT), said


def run_in_place(mount, **variables):
    """Runs a program in every language where the prefix's files are mounted as README.md says, with no more
    in the environment than that says."""
    inside = ['unshare', '--mount', 'sh', '-ec', f'{mount}; exec "$@"', 'sh']
    if subprocess.run([*inside, 'true'], capture_output=True).returncode != 0:
        raise Skip('no such mounts here')
    programs = {**PLACED, 'Python': [find_python(), *PLACED['Python'][1:]]}
    for command in programs.values():
        if command[0] and shutil.which(command[0]):
            said = run(*inside, *command, input='/quit\n', env={**os.environ, **variables})
            assert said.endswith(('kitchen\n', '\nstopped\n')), said


def found_in_usr():
    run_in_place(f'mount -t overlay -o "lowerdir={PREFIX}:/usr" avi /usr')


def found_in_usr_local():
    # ldconfig replaces its file, so the machine's own is spared by a mount.
    cache = ROOT / 'ld.so.cache'
    run_in_place(f'mount --bind "{PREFIX}" /usr/local; ldconfig -C "{cache}"; mount --bind "{cache}" /etc/ld.so.cache',
                 GI_TYPELIB_PATH=f'/usr/local/{sys.argv[5]}/girepository-1.0')


def cxx_compiles():
    if not shutil.which('c++'):
        raise Skip('no C++ compiler is installed')
    run('c++', '-x', 'c++', '-std=c++17', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-include', 'avi.h',
        '/dev/null', *flags())


def vala_compiles():
    if not shutil.which('valac'):
        raise Skip('valac is not installed')
    source = ROOT / 'hello.vala'
    source.write_text(VALA)
    run('valac', '--fatal-warnings', '--vapidir', PREFIX / 'share/vala/vapi', '--pkg', 'avi-1', '-C', source,
        '--directory', ROOT, env=environment())


def hidden_symbols_are_hidden():
    answer = subprocess.run(['cc', '-x', 'c', '-', '-o', '/dev/null', *flags()], capture_output=True, text=True,
                            input='void avi_yamux_new (void); int main (void) { avi_yamux_new (); }')
    assert answer.returncode != 0 and 'avi_yamux_new' in answer.stderr, answer.stderr


class Program:
    """A running program, whose lines are read as they come."""

    def __init__(self, *command, env):
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, env=env, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip('\n'))
                self.changed.notify_all()

    def expect(self, fits):
        with self.changed:
            found = self.changed.wait_for(lambda: next(filter(fits, self.lines), None), DEADLINE)
        assert found, f'{self.process.args} said only {self.lines}'
        return found


def hello_programs_run():
    python = find_python()
    programs = [('C', (ROOT / 'hello',))]
    if python:
        programs.append(('Python', (python, SOURCE / 'examples/hello.py')))
    if shutil.which('gjs'):
        programs.append(('JavaScript', ('gjs', SOURCE / 'examples/hello.js')))
    if not python:
        raise Skip('PyGObject is not installed')
    if not os.environ.get(INSIDE):
        raise Skip('no network namespaces here')

    with tempfile.TemporaryDirectory() as runtime:
        env = {**environment(), 'XDG_RUNTIME_DIR': runtime}
        running = [Program(*command, env=env) for _, command in programs]
        try:
            running.append(Program(python, '-c', PUBLISHER, len(programs), env=env))
            peer_id = running[-1].expect(lambda line: len(line) > 40 and ' ' not in line)
            for program in running[:-1]:
                program.expect(lambda line: line == f'{peer_id} says fire')
        finally:
            for program in running:
                program.process.send_signal(signal.SIGTERM)
            for program in running:
                program.process.wait(DEADLINE)


TESTS = [
    ('headers, library, pkg-config, introspection and vapi are installed', everything_is_there),
    ('private headers are not', private_headers_stay_at_home),
    ('the API reference is installed', reference_is_there),
    ('hello.c compiles against it by pkg-config, without a warning', c_compiles),
    ('its headers are C++, too', cxx_compiles),
    ('a Vala program compiles against its vapi', vala_compiles),
    ('a symbol of no public header cannot be linked', hidden_symbols_are_hidden),
    ('simple-node.c compiles against it without a warning, and runs', simple_node_runs),
    ('the module of gjs that is installed starts and stops a device', gjs_module_works),
    ('the overrides of Python that are installed do, and send a str', python_overrides_work),
    ('in /usr it is found in every language as it is', found_in_usr),
    ('in /usr/local it is after ldconfig, with GI_TYPELIB_PATH', found_in_usr_local),
    ('hello.c, hello.py and hello.js run against it, and hear an alert', hello_programs_run),
]


def enter_namespace():
    """Again, with nothing but lo; where that cannot be, without."""
    command = ['unshare', '--net', '--fork', '--kill-child']
    if os.geteuid() != 0:
        command += ['--user', '--map-root-user']
    command += ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
    if not os.environ.get(INSIDE) and shutil.which('unshare') and shutil.which('ip') \
       and subprocess.run([*command, 'true'], capture_output=True).returncode == 0:
        os.environ[INSIDE] = '1'
        os.execvp(command[0], [*command, sys.executable, *sys.argv])


def main():
    enter_namespace()
    print(f'1..{len(TESTS)}', flush=True)
    status = 0
    started = time.monotonic()
    install()
    for number, (sentence, test) in enumerate(TESTS, 1):
        try:
            test()
            print(f'ok {number} - {sentence}')
        except Skip as reason:
            print(f'ok {number} - {sentence} # SKIP {reason}')
        except Exception as problem:    # the others run all the same
            status = 1
            for line in str(problem).splitlines() or [repr(problem)]:
                print(f'# {line}')
            print(f'not ok {number} - {sentence}')
        sys.stdout.flush()
    print(f'# {time.monotonic() - started:.1f} s')
    return status


if __name__ == '__main__':
    sys.exit(main())
