#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes what editors and type checkers want to know of Avi, from its introspection: a .pyi for
Python, the overrides included, and a .d.ts for gjs, with the module avi.js.

Usage: make-stubs.py GIR PYI D_TS
"""

import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree

GI = "{http://www.gtk.org/introspection/core/1.0}"
GLIB = "{http://www.gtk.org/introspection/glib/1.0}"

INTEGERS = {"gint", "guint", "gint8", "guint8", "gint16", "guint16", "gint32", "guint32", "gint64", "guint64",
            "gsize", "gssize", "glong", "gulong"}
IMPORTS = ("Gio", "GLib", "GObject", "Json")


class Python:
    none, boolean, integer, number, text = "None", "bool", "int", "float", "str"

    @staticmethod
    def array(inner):
        return f"list[{inner}]"

    @staticmethod
    def optional(inner):
        return f"{inner} | None"


class JavaScript:
    none, boolean, integer, number, text = "void", "boolean", "number", "number", "string"

    @staticmethod
    def array(inner):
        return f"{inner}[]"

    @staticmethod
    def optional(inner):
        return f"{inner} | null"


def type_of(element, language):
    """Of a parameter, return value or property."""
    array = element.find(f"{GI}array")
    if array is not None:
        found = language.array(type_name(array.find(f"{GI}type").get("name"), language))
    else:
        found = type_name(element.find(f"{GI}type").get("name"), language)
    return language.optional(found) if element.get("nullable") == "1" else found


def type_name(name, language):
    simple = {"none": language.none, "gboolean": language.boolean, "gdouble": language.number,
              "utf8": language.text, "filename": language.text, "GLib.Quark": language.integer,
              "GType": "GObject.GType"}
    if name in simple:
        return simple[name]
    return language.integer if name in INTEGERS else name


def parameters_of(callable_element):
    """Name, element; without the instance, the callback and its data, which are told apart."""
    return [(parameter.get("name"), parameter) for parameter in callable_element.findall(f"{GI}parameters/{GI}parameter")
            if parameter.find(f"{GI}type") is None
            or parameter.find(f"{GI}type").get("name") not in ("Gio.AsyncReadyCallback", "gpointer")]


def property_type(klass, prop, language):
    """Whether it can be NULL, its getter says."""
    getter = next((method for method in klass.findall(f"{GI}method") if method.get("name") == prop.get("getter")), None)
    return type_of(getter.find(f"{GI}return-value") if getter is not None else prop, language)


def visible(element, tag):
    return [child for child in element.findall(f"{GI}{tag}") if child.get("introspectable") != "0"]


def finish_of(klass, method):
    name = method.get("name").removesuffix("_async") + "_finish"
    return next(other for other in visible(klass, "method") if other.get("name") == name)


def doc_of(element, indent, begin, end):
    doc = element.find(f"{GI}doc")
    if doc is None:
        return ""
    paragraph = re.sub(r"\[\w+@(?:Avi\.)?([\w.:-]+)\]", r"`\1`", doc.text.split("\n\n")[0])
    sentence = " ".join(paragraph.split()).replace("\\", "\\\\")
    return textwrap.indent("\n".join(textwrap.wrap(begin + sentence + end, 110)), indent) + "\n"


# ---- Python --------------------------------------------------------------------------------------

# What the overrides take beyond what the introspection says.
PYTHON_DATA = "str | bytes | bytearray | memoryview | GLib.Bytes"
PYTHON_MORE = {
    "Subscription": "    def __aiter__(self) -> AsyncIterator[Message]: ...\n",
}
PYTHON_DEFAULTS = {"flags": "PublishFlags.NONE", "cancellable": "None"}


def python_parameters(method, asynchronous):
    given = []
    for name, parameter in parameters_of(method):
        kind = type_of(parameter, Python)
        if kind == "GLib.Bytes" and name == "data" and method.get("name").startswith("publish"):
            kind = PYTHON_DATA
        default = PYTHON_DEFAULTS.get(name)
        if asynchronous and name == "n_peers":
            default = "1"
        given.append(f"{name}: {kind}" + (f" = {default}" if default else ""))
    return given


def python_method(klass, method, static):
    name = method.get("name")
    asynchronous = name.endswith("_async")
    given = ([] if static else ["self"]) + python_parameters(method, asynchronous)
    if asynchronous:
        answer = type_of(finish_of(klass, method).find(f"{GI}return-value"), Python)
        answer = f"Awaitable[{answer}]"
        given += [f"callback: Callable[[{klass.get('name')}, Gio.AsyncResult], object] | None = None",
                  "*user_data: object"]
    else:
        answer = type_of(method.find(f"{GI}return-value"), Python)
    doc = doc_of(method, "        ", '"""', '"""')
    head = ("    @staticmethod\n" if static else "") + f"    def {name}({', '.join(given)}) -> {answer}:"
    return head + ("\n" + doc if doc else " ...\n")


def python_signals(klass):
    text = ""
    handlers = []
    for signal in klass.findall(f"{GLIB}signal"):
        kinds = [klass.get("name")] + [type_of(parameter, Python) for _, parameter in parameters_of(signal)]
        handlers.append((f"Literal[\"{signal.get('name')}\"]", f"Callable[[{', '.join(kinds)}], object]"))
    handlers.append(("str", "Callable[..., object]"))
    for verb in ("connect", "connect_after"):
        for signal, handler in handlers:
            if len(handlers) > 1:
                text += "    @overload\n"
            text += f"    def {verb}(self, detailed_signal: {signal}, handler: {handler}, *args: object) -> int: ...\n"
    return text


def python_class(klass):
    name = klass.get("name")
    text = f"class {name}(GObject.Object):\n" + doc_of(klass, "    ", '"""', '"""')
    properties = visible(klass, "property")
    text += "    class Props(GObject.Object.Props):\n"
    for prop in properties:
        text += f"        {prop.get('name').replace('-', '_')}: {property_type(klass, prop, Python)}\n"
    text += "    @property\n    def props(self) -> Props: ...\n"
    given = [f"{prop.get('name').replace('-', '_')}: {property_type(klass, prop, Python)} = ..."
             for prop in properties if prop.get("writable") == "1"]
    text += f"    def __init__({', '.join(['self'] + (['*'] if given else []) + given)}) -> None: ...\n"
    return text + python_members(klass) + python_signals(klass) + PYTHON_MORE.get(name, "") + "\n"


def python_members(klass):
    text = ""
    for tag, static in (("constructor", True), ("function", True), ("method", False)):
        for method in visible(klass, tag):
            if method.get("name") not in ("ref", "unref"):
                text += python_method(klass, method, static)
    return text


def python_enum(enum, base):
    text = f"class {enum.get('name')}({base}):\n" + doc_of(enum, "    ", '"""', '"""')
    for member in enum.findall(f"{GI}member"):
        text += f"    {member.get('name').upper()} = {member.get('value')}\n"
    return text + "\n"


def python(namespace):
    text = ("# Made from the introspection of Avi by make-stubs.py.\n"
            "from enum import IntEnum, IntFlag\n"
            "from typing import AsyncIterator, Awaitable, Callable, Coroutine, Literal, TypeVar, overload\n\n"
            f"from gi.repository import {', '.join(IMPORTS)}\n\n"
            "_T = TypeVar(\"_T\")\n\n")
    for enum in visible(namespace, "enumeration"):
        text += python_enum(enum, "IntEnum")
    for flags in visible(namespace, "bitfield"):
        text += python_enum(flags, "IntFlag")
    for record in visible(namespace, "record"):
        if record.get(GLIB + "is-gtype-struct-for") is None:
            text += f"class {record.get('name')}:\n" + doc_of(record, "    ", '"""', '"""') + python_members(record) + "\n"
    for klass in visible(namespace, "class"):
        text += python_class(klass)
    return text + ("def error_quark() -> int: ...\n"
                   "def run(main: Coroutine[object, object, _T]) -> _T:\n"
                   "    \"\"\"Runs a coroutine in an event loop on the thread-default main context.\"\"\"\n")


# ---- JavaScript ----------------------------------------------------------------------------------

def js_parameters(method):
    given = []
    for name, parameter in parameters_of(method):
        kind = type_of(parameter, JavaScript)
        given.append(f"{name}: {'GLib.Bytes | Uint8Array' if kind == 'GLib.Bytes' else kind}")
    return given


def js_method(klass, method, static):
    name = method.get("name")
    doc = doc_of(method, "      ", "/** ", " */")
    keyword = "static " if static else ""
    if not name.endswith("_async"):
        answer = type_of(method.find(f"{GI}return-value"), JavaScript)
        return f"{doc}      {keyword}{name}({', '.join(js_parameters(method))}): {answer};\n"
    answer = type_of(finish_of(klass, method).find(f"{GI}return-value"), JavaScript)
    callback = f"callback: ((source: {klass.get('name')}, result: Gio.AsyncResult) => void) | null"
    given = js_parameters(method)
    return (f"{doc}      {name}({', '.join(given)}): Promise<{answer}>;\n"
            f"      {name}({', '.join(given + [callback])}): void;\n")


def js_members(klass):
    text = ""
    for tag, static in (("constructor", True), ("function", True), ("method", False)):
        for method in visible(klass, tag):
            if method.get("name") not in ("ref", "unref"):
                text += js_method(klass, method, static)
    return text


def js_class(klass):
    name = klass.get("name")
    properties = visible(klass, "property")
    writable = [prop for prop in properties if prop.get("writable") == "1"]
    text = doc_of(klass, "    ", "/** ", " */") + f"    class {name} extends GObject.Object {{\n"
    inner = "; ".join(f"{prop.get('name').replace('-', '_')}: {property_type(klass, prop, JavaScript)}" for prop in writable)
    text += f"      constructor(properties?: Partial<{{{inner}}}>);\n"
    for prop in properties:
        keyword = "" if prop.get("writable") == "1" else "readonly "
        text += f"      {keyword}{prop.get('name').replace('-', '_')}: {property_type(klass, prop, JavaScript)};\n"
    text += js_members(klass)
    for signal in klass.findall(f"{GLIB}signal"):
        given = [f"source: {name}"] + [f"{key}: {type_of(parameter, JavaScript)}"
                                       for key, parameter in parameters_of(signal)]
        text += f"      connect(signal: '{signal.get('name')}', handler: ({', '.join(given)}) => void): number;\n"
    text += "      connect(signal: string, handler: (...args: any[]) => any): number;\n"
    return text + "    }\n\n"


def js_enum(enum):
    text = doc_of(enum, "    ", "/** ", " */") + f"    enum {enum.get('name')} {{\n"
    for member in enum.findall(f"{GI}member"):
        text += f"      {member.get('name').upper()} = {member.get('value')},\n"
    return text + "    }\n\n"


def javascript(namespace):
    text = "// Made from the introspection of Avi by make-stubs.py.\n\ndeclare module 'gi://Avi?version=1' {\n"
    for name in IMPORTS:
        version = "1.0" if name == "Json" else "2.0"
        text += f"  import {name} from 'gi://{name}?version={version}';\n"
    text += "\n  export default Avi;\n  namespace Avi {\n"
    for enum in visible(namespace, "enumeration") + visible(namespace, "bitfield"):
        text += js_enum(enum)
    for record in visible(namespace, "record"):
        if record.get(GLIB + "is-gtype-struct-for") is None:
            text += doc_of(record, "    ", "/** ", " */")
            text += f"    class {record.get('name')} {{\n{js_members(record)}    }}\n\n"
    for klass in visible(namespace, "class"):
        text += js_class(klass)
    return text + ("    function error_quark(): number;\n  }\n}\n\n"
                   "declare module '*/avi.js' {\n"
                   "  import Avi from 'gi://Avi?version=1';\n\n"
                   "  export default Avi;\n"
                   "  /** The messages of a subscription from now on. */\n"
                   "  export function messages(subscription: Avi.Subscription): AsyncIterableIterator<Avi.Message>;\n"
                   "}\n")


def main():
    gir, pyi, d_ts = sys.argv[1:]
    namespace = ElementTree.parse(gir).getroot().find(f"{GI}namespace")
    with open(pyi, "w", encoding="utf-8") as file:
        file.write(python(namespace))
    with open(d_ts, "w", encoding="utf-8") as file:
        file.write(javascript(namespace))


if __name__ == "__main__":
    main()
