#!/usr/bin/env gjs
// SPDX-License-Identifier: LGPL-2.1-or-later
// A device that hears alerts.

imports.gi.versions.Avi = '1';
const {Avi, GLib} = imports.gi;

const device = Avi.Device.new('kitchen');
const alerts = device.subscribe('system/alerts');
alerts.connect('message', (_, message) => print(`${message.get_from()} says ${message.get_text()}`));
device.start(null);
new GLib.MainLoop(null, false).run();
