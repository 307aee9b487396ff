# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the peers of other implementations are built and found.

They are kept in a folder outside the tree, one per state of their sources:
${AVI_PEER_CACHE:-${XDG_CACHE_HOME:-~/.cache}/avi-peers}.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import harness

SOURCES = pathlib.Path(__file__).resolve().parent / 'peers'
DOWNLOAD_TIMEOUT = 600
BUILD_TIMEOUT = 1800
DOWNLOADED = '# Downloaded'     # in a build's log: what fails from here on is no matter of the network


def cache_folder():
    if os.environ.get('AVI_PEER_CACHE'):
        return pathlib.Path(os.environ['AVI_PEER_CACHE'])
    return pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'avi-peers'


class ForeignPeer:
    """One program. Its downloads are a step of their own: no network is a reason to skip, but
    sources that do not compile are a failure."""

    def __init__(self, name, tools, download, build, product, lacks=()):
        self.name = name
        self.tools = tools          # (command that prints its version, the oldest that will do)
        self.download = download
        self.compile = build
        self.product = product      # below the folder that {out} stands for: the program, or a folder it is in
        self.lacks = lacks          # what no test may ask of it
        self.source = SOURCES / name

    def folder(self):
        digest = hashlib.sha256()
        for path in sorted(self.source.rglob('*')):
            if path.is_file():
                digest.update(str(path.relative_to(self.source)).encode() + b'\0' + path.read_bytes())
        return cache_folder() / f'{self.name}-{digest.hexdigest()[:16]}'

    def program(self):
        """The built program, or None."""
        path = self.folder() / f'avi-peer-{self.name}'
        return path if path.exists() else None

    def log(self):
        return self.folder().with_suffix('.log')

    def missing_tool(self):
        for command, minimum in self.tools:
            if shutil.which(command[0]) is None:
                return f'{command[0]} is not installed'
            answer = subprocess.run(command, capture_output=True, text=True, cwd='/').stdout
            found = re.search(r'(\d+)\.(\d+)', answer)
            if not found or (int(found[1]), int(found[2])) < minimum:
                return f'{command[0]} is older than {minimum[0]}.{minimum[1]}'
        return None

    def build(self):
        """Builds the program where it is not there yet. Returns what is in the way, or None."""
        if self.program():
            return None
        problem = self.missing_tool()
        if problem:
            return problem
        folder = self.folder()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f'{self.name}-building-') as out, \
             open(self.log(), 'w', encoding='utf-8') as log:
            if not self.run(self.download, out, log, DOWNLOAD_TIMEOUT):
                return f'its dependencies could not be downloaded, see {self.log()}'
            print(f'Building the {self.name} peer, once', flush=True)
            print(DOWNLOADED, file=log, flush=True)
            if not self.run(self.compile, out, log, BUILD_TIMEOUT):
                return f'it does not compile, see {self.log()}'
            fresh = product = pathlib.Path(out) / self.product
            if product.is_file():
                fresh = pathlib.Path(out) / 'done'
                fresh.mkdir()
                product.rename(fresh / f'avi-peer-{self.name}')
            try:
                fresh.rename(folder)
            except OSError:
                pass    # another run was quicker
        self.log().unlink()
        return None

    def run(self, command, out, log, timeout):
        command = [part.format(out=out) for part in command]
        environment = {**os.environ, 'CARGO_TARGET_DIR': out, 'GOFLAGS': '-mod=readonly'}
        try:
            return subprocess.run(['nice', *command], cwd=self.source, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=log, stderr=log, timeout=timeout).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def problem(self):
        """(why there is no program, whether that is a failure rather than a reason to skip)"""
        problem = self.missing_tool()
        if problem:
            return problem, False
        if not self.log().exists():
            return 'it was not built, see tests/interop/build-peers', False
        lines = self.log().read_text(encoding='utf-8', errors='replace').strip().splitlines()
        return (lines[-1] if lines else 'no download') + f' ({self.log()})', DOWNLOADED in lines


CARGO = {
    'tools': [(['cargo', '--version'], (1, 88)), (['rustc', '--version'], (1, 88))],
    'download': ['cargo', 'fetch', '--locked'],
    'build': ['cargo', 'build', '--offline', '--locked', '--release', '-j', '2'],
}
RUST = ForeignPeer('rust', product='release/avi-peer-rust', **CARGO)
# 'order': of what waits to be sent, the newest goes first.
DEPLOYED = ForeignPeer('deployed', product='release/avi-peer-deployed', **CARGO,
                       lacks={'ping', 'rsa', 'ecdsa', 'secp256k1', 'floodsub', 'streams', 'new addresses', '1 MiB of data',
                              'order', 'no signatures'})
GO = ForeignPeer(
    'go',
    tools=[(['go', 'version'], (1, 26))],
    download=['go', 'mod', 'download'],
    build=['go', 'build', '-p', '2', '-buildvcs=false', '-o', '{out}/avi-peer-go', '.'],
    product='avi-peer-go',
)
# Nothing is to be compiled of these two: that they start is what can fail.
JS = ForeignPeer(
    'js',
    tools=[(['npm', '--version'], (9, 0)), (['node', '--version'], (18, 0))],
    download=['./download', '{out}/app'],
    build=['{out}/app/avi-peer-js'],
    product='app',
    lacks={'ecdsa'},
)
# 'bursts': its queues hold 32 messages, and what is more it drops. 'our quick return': where we are gone
# and back before it looked, it goes on writing to the stream that is dead.
PY = ForeignPeer(
    'py',
    tools=[(['python3', '--version'], (3, 11))],
    download=['./download', '{out}/app'],
    build=['{out}/app/avi-peer-py'],
    product='app',
    lacks={'ecdsa', '1 MiB of data', 'bursts', 'our quick return', 'no signatures'},
)
FOREIGN = [RUST, GO, JS, PY, DEPLOYED]


def require(*kinds):
    """Raises Skip where a peer of these families is not there. `avi` is ours, and always is."""
    for peer in FOREIGN:
        if peer.name in kinds and peer.program() is None:
            why, is_failure = peer.problem()
            assert not is_failure, why
            raise harness.Skip(f'no {peer.name} peer: {why}')
