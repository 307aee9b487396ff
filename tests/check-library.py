#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks what the built library shows to programs in C and to bindings. Prints TAP.

Usage: check-library.py LIBRARY GIR HEADER...
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

GI = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

CALLABLES = ('function', 'method', 'constructor', 'virtual-method')
NUMBERS = ('gint', 'guint', 'gint64', 'guint64', 'gdouble')

library, gir, *headers = sys.argv[1:]
namespace = ElementTree.parse(gir).getroot().find(f'{GI}namespace')


def exported_symbols():
    listing = subprocess.run(['nm', '-D', '--defined-only', library], capture_output=True, text=True, check=True)
    return {line.split()[-1].partition('@')[0] for line in listing.stdout.splitlines()}


def declared_symbols():
    """Names that the public headers declare, be it through a macro of GObject's."""
    names = set()
    for header in headers:
        with open(header, encoding='utf-8') as file:
            text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.DOTALL)
        names.update(re.findall(r'\b(avi_\w+)\s*\(', text))
        names.update(f'{prefix}_get_type' for prefix in re.findall(r'G_DECLARE_\w+ \(\w+, (avi_\w+)', text))
    return names


def introspected_symbols():
    names = set()
    for element in namespace.iter():
        names.add(element.get(C + 'identifier'))
        names.add(element.get(GLIB + 'get-type'))
    return names


def invisible_symbols():
    """What the scanner found but bindings cannot use."""
    return {element.get(C + 'identifier') or element.get('name')
            for element in namespace.iter() if element.get('introspectable') == '0'}


def incomplete_calls():
    """Asynchronous calls whose finish or synchronous form is missing."""
    names = introspected_symbols() - {None}
    stems = {name.removesuffix('_async') for name in names if name.endswith('_async')}
    stems |= {name.removesuffix('_finish') for name in names if name.endswith('_finish')}
    return {stem for stem in stems if not {stem, stem + '_async', stem + '_finish'} <= names}


def public_elements():
    """All but what GObject's macros make: class structures, and the quark of an error domain, which
    is documented as a macro."""
    quarks = {'avi_error_quark'}
    for element in namespace.iter():
        if element.get(GLIB + 'is-gtype-struct-for') is None and element.get(C + 'identifier') not in quarks:
            yield element


def undocumented_symbols():
    undocumented = set()
    for element in public_elements():
        tag = element.tag.removeprefix(GI).removeprefix(GLIB)
        if tag not in CALLABLES + ('property', 'signal', 'class', 'record', 'enumeration', 'bitfield'):
            continue
        if element.find(f'{GI}doc') is None:
            undocumented.add(element.get(C + 'identifier') or element.get('name'))
    return undocumented


def without_since():
    """Public functions that do not say since which version they exist."""
    return {element.get(C + 'identifier') for element in public_elements()
            if element.tag.removeprefix(GI) in CALLABLES and element.get('version') is None}


def without_default():
    """Numbers that programs can set whose documentation does not say “by default N”. That it is the
    right one tests/api/test-python.py checks."""
    numbers = [element for name in NUMBERS
               for element in namespace.findall(f'.//{GI}property[@writable="1"]/{GI}type[@name="{name}"]/..')]
    return {element.get('name') for element in numbers
            if not re.search(r'by\s+default\s+[0-9]', element.findtext(f'{GI}doc', ''))}


def closure():
    listing = subprocess.run(['ldd', library], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listing.stdout.splitlines()]


exported = exported_symbols()
checks = [
    ('it exports something', [] if exported else [library]),
    ('it exports nothing that its headers do not declare', exported - declared_symbols()),
    ('every exported symbol is in the introspection', exported - introspected_symbols()),
    ('bindings see all that the scanner saw', invisible_symbols()),
    ('every asynchronous call has its finish and its synchronous form', incomplete_calls()),
    ('every public symbol is documented', undocumented_symbols()),
    ('every public function says since when it exists', without_since()),
    ('every number that can be set names its default', without_default()),
    ('no libsoup is in its link closure', [name for name in closure() if 'soup' in name]),
]

print(f'1..{len(checks)}')
for number, (sentence, culprits) in enumerate(checks, 1):
    for culprit in sorted(culprits):
        print(f'# {culprit}')
    print(f'{"not ok" if culprits else "ok"} {number} - {sentence}')
sys.exit(any(culprits for _, culprits in checks))
