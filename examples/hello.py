#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device that hears alerts."""

import gi
gi.require_version("Avi", "1")
from gi.repository import Avi, GLib

device = Avi.Device.new("kitchen")
alerts = device.subscribe("system/alerts")
alerts.connect("message", lambda _, message: print(message.get_from(), "says", message.get_text()))
device.start()
GLib.MainLoop().run()
