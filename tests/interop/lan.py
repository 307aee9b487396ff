# SPDX-License-Identifier: LGPL-2.1-or-later
"""A LAN of network namespaces on one bridge. Nothing of it reaches the machine's own interfaces, and
all of it is gone when the process ends."""

import os
import shutil
import subprocess
import sys

MARK = 'AVI_INSIDE_LAN'
NETWORK = '10.77.0'


def enter():
    """Runs the script again inside namespaces of its own. Returns inside of them with None, or
    outside with the reason why they cannot be made."""
    if os.environ.get(MARK):
        return None
    for tool in ('unshare', 'nsenter', 'ip', 'mount'):
        if shutil.which(tool) is None:
            return f'{tool} is not installed'
    command = ['unshare', '--net', '--mount', '--fork', '--kill-child']
    if os.geteuid() != 0:
        command += ['--user', '--map-root-user']
    probe = subprocess.run([*command, 'ip', 'link', 'add', 'br0', 'type', 'bridge'], capture_output=True, text=True)
    if probe.returncode != 0:
        return 'no network namespaces here: ' + (probe.stderr.strip().splitlines() or ['unshare failed'])[-1]
    os.environ[MARK] = '1'
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def run(*words):
    subprocess.run(words, check=True)


class Lan:
    """The bridge; to be made once, after enter ()."""

    def __init__(self):
        self.n_hosts = 0
        # The names of namespaces lie in /run, which here is nobody else's.
        run('mount', '-t', 'tmpfs', 'tmpfs', '/run')
        run('ip', 'link', 'set', 'lo', 'up')
        run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0')
        run('ip', 'link', 'set', 'br0', 'up')

    def host(self):
        """A new host: what to put before a command so that it runs there."""
        self.n_hosts += 1
        number = self.n_hosts
        name = f'host{number}'
        inside = ('ip', '-n', name)
        run('ip', 'netns', 'add', name)
        run('ip', 'link', 'add', f'port{number}', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
        run('ip', 'link', 'set', f'port{number}', 'master', 'br0', 'up')
        run(*inside, 'link', 'set', 'lo', 'up')
        run(*inside, 'link', 'set', 'eth0', 'up')
        run(*inside, 'address', 'add', f'{NETWORK}.{number}/24', 'brd', '+', 'dev', 'eth0')
        run(*inside, 'route', 'add', 'default', 'via', f'{NETWORK}.254')
        return ('nsenter', f'--net=/run/netns/{name}')
