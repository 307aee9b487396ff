# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs reach by name and no symbol shows: signals, properties and values of enumerations, as a GIR
file has them. Used by check-abi, which compares those of two releases.
"""

import xml.etree.ElementTree as ElementTree

GI = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'


def type_of(element):
    """The type of a property, a parameter or a return value, and who owns it then."""
    def name(kind):
        inner = ', '.join(name(child) for child in kind if child.tag in (GI + 'type', GI + 'array'))
        own = 'array' if kind.tag == GI + 'array' else kind.get('name', '?')
        return f'{own} of {inner}' if inner else own
    kinds = [child for child in element if child.tag in (GI + 'type', GI + 'array')]
    return f'{name(kinds[0]) if kinds else "?"} (transfer {element.get("transfer-ownership", "none")})'


def signal_facts(owner, signal):
    parameters = ', '.join(type_of(parameter) for parameter in signal.iterfind(f'{GI}parameters/{GI}parameter'))
    yield f'signal {owner}::{signal.get("name")}', f'({parameters}) → {type_of(signal.find(GI + "return-value"))}'
    if signal.get('detailed') == '1':
        yield f'details of signal {owner}::{signal.get("name")}', 'yes'


def property_facts(owner, member):
    name = f'property {owner}:{member.get("name")}'
    yield name, type_of(member)
    if member.get('readable', '1') == '1':
        yield f'reading of {name}', 'yes'
    if member.get('writable') == '1':
        yield f'writing of {name}', 'at construction only' if member.get('construct-only') == '1' else 'at any time'


def facts(path):
    """{what there is: how it is}"""
    found = {}
    namespace = ElementTree.parse(path).getroot().find(GI + 'namespace')
    for owner in namespace:
        name = owner.get(C + 'type') or owner.get(GLIB + 'type-name') or owner.get('name')
        for signal in owner.iterfind(GLIB + 'signal'):
            found.update(signal_facts(name, signal))
        for member in owner.iterfind(GI + 'property'):
            found.update(property_facts(name, member))
        if owner.tag in (GI + 'enumeration', GI + 'bitfield'):
            for member in owner.iterfind(GI + 'member'):
                found[f'value {member.get(C + "identifier")} of {name}'] = member.get('value')
            if owner.get(GLIB + 'error-domain'):
                found[f'error domain of {name}'] = owner.get(GLIB + 'error-domain')
    return found


def compare(old, new):
    """What of the old file is gone or another in the new one, a line each."""
    before, now = facts(old), facts(new)
    lines = []
    for what, how in before.items():
        if what not in now:
            lines.append(f'{what} is gone')
        elif now[what] != how:
            lines.append(f'{what} was {how}, and is {now[what]}')
    return '\n'.join(lines)
