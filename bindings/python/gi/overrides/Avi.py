# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Python adds to Avi: str and bytes in publish, await, async for, and Avi.run for them.

    async def main():
        device = Avi.Device.new("kitchen")
        alerts = device.subscribe("system/alerts")
        await device.start_async()
        async for message in alerts:
            print(message.get_from(), "says", message.get_text())

    Avi.run(main())

An exception in a handler is printed, and the handler goes on being called. With AVI_STRICT=1 in
the environment it aborts the program instead.
"""

import asyncio
import collections
import functools
import os
import sys
import traceback
import weakref

from gi.module import get_introspection_module
from gi.overrides import override
from gi.repository import Gio, GLib

Avi = get_introspection_module("Avi")

__all__ = []


def _to_bytes(data):
    if isinstance(data, GLib.Bytes):
        return data
    if isinstance(data, str):
        return GLib.Bytes.new(data.encode())
    # Not what else bytes() takes: of a number it makes so many zeros.
    if isinstance(data, (bytes, bytearray, memoryview)):
        return GLib.Bytes.new(bytes(data))
    raise TypeError(f"a message is a str, bytes, bytearray, memoryview or GLib.Bytes, not {type(data).__name__}")


# ---- Exceptions in handlers

def _strict(handler):
    """The handler, such that an exception in it ends the program. (PyGObject itself prints it.)"""
    if os.environ.get("AVI_STRICT") != "1":
        return handler

    @functools.wraps(handler, updated=())
    def call(*args):
        try:
            return handler(*args)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os.abort()
    return call


def _with_strict_handlers(klass):
    def connect(self, signal, handler, *args):
        return super(klass, self).connect(signal, _strict(handler), *args)

    def connect_after(self, signal, handler, *args):
        return super(klass, self).connect_after(signal, _strict(handler), *args)

    klass.connect = connect
    klass.connect_after = connect_after
    return klass


# ---- Calls that can be awaited

def _running_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _settle(loop, future, settle, value):
    """The answer comes in the context in which the call was made: that of the loop, if Avi.run
    made it. Any other loop has to be told from outside."""
    def apply():
        if not future.done():
            settle(value)

    if _running_loop() is loop:
        apply()
    else:
        loop.call_soon_threadsafe(apply)


def _begin(begin, finish, device, args, cancellable, callback, user_data):
    """With a callback, or where no event loop runs, as in C; else returns a future."""
    loop = _running_loop()
    if callback is not None or loop is None:
        begin(device, *args, cancellable, callback and _strict(callback), *user_data)
        return None

    future = loop.create_future()
    cancellable = cancellable or Gio.Cancellable()

    def on_done(source, result, *_):
        try:
            value = finish(source, result)
        except GLib.Error as error:
            _settle(loop, future, future.set_exception, error)
        else:
            _settle(loop, future, future.set_result, value)

    future.add_done_callback(lambda f: cancellable.cancel() if f.cancelled() else None)
    begin(device, *args, cancellable, on_done)
    return future


@_with_strict_handlers
class Device(Avi.Device):
    """A node of the mesh. Without a callback, the *_async methods can be awaited."""

    def publish(self, topic, data):
        """Sends a str, bytes, bytearray, memoryview or GLib.Bytes; returns how many peers subscribe, as last known."""
        return super().publish(topic, _to_bytes(data))

    def publish_full(self, topic, data, flags=Avi.PublishFlags.NONE):
        return super().publish_full(topic, _to_bytes(data), flags)

    def publish_async(self, topic, data, flags=Avi.PublishFlags.NONE, cancellable=None, callback=None, *user_data):
        return _begin(Avi.Device.publish_async, Avi.Device.publish_finish, self, (topic, _to_bytes(data), flags),
                      cancellable, callback, user_data)

    def publish_sync(self, topic, data, flags=Avi.PublishFlags.NONE, cancellable=None):
        return super().publish_sync(topic, _to_bytes(data), flags, cancellable)

    def start_async(self, cancellable=None, callback=None, *user_data):
        return _begin(Avi.Device.start_async, Avi.Device.start_finish, self, (), cancellable, callback, user_data)

    def stop_async(self, cancellable=None, callback=None, *user_data):
        return _begin(Avi.Device.stop_async, Avi.Device.stop_finish, self, (), cancellable, callback, user_data)

    def dial_async(self, target, cancellable=None, callback=None, *user_data):
        return _begin(Avi.Device.dial_async, Avi.Device.dial_finish, self, (target,), cancellable, callback, user_data)

    def wait_for_subscribers_async(self, topic, n_peers=1, cancellable=None, callback=None, *user_data):
        return _begin(Avi.Device.wait_for_subscribers_async, Avi.Device.wait_for_subscribers_finish, self,
                      (topic, n_peers), cancellable, callback, user_data)


Device = override(Device)
__all__.append("Device")


# ---- Subscriptions that can be iterated

def _disconnect(subscription, handlers):
    for handler in handlers:
        subscription.disconnect(handler)


class _Messages:
    """The messages of a subscription from now on. Like the subscription it keeps those that wait
    within max-queued and max-queued-bytes: the oldest are dropped, and counted. They end with the
    subscription, once those that wait were heard."""

    def __init__(self, subscription):
        self.dropped = 0
        self._subscription = subscription
        self._queue = collections.deque()
        self._queued_bytes = 0
        self._waiting = None

        def on_message(_, message, this=weakref.ref(self)):
            messages = this()
            if messages is not None:
                messages._append(message)

        def on_active(*_, this=weakref.ref(self)):
            messages = this()
            if messages is not None:
                messages._wake()

        handlers = [Avi.Subscription.connect(subscription, "message", on_message),
                    Avi.Subscription.connect(subscription, "notify::active", on_active)]
        self._disconnect = weakref.finalize(self, _disconnect, subscription, handlers)
        self._disconnect.atexit = False

    def _append(self, message):
        self._queue.append(message)
        self._queued_bytes += message.get_data().get_size()
        while (len(self._queue) > self._subscription.get_max_queued()
               or self._queued_bytes > self._subscription.get_max_queued_bytes()):
            self._pop()
            self.dropped += 1
        self._wake()

    def _pop(self):
        message = self._queue.popleft()
        self._queued_bytes -= message.get_data().get_size()
        return message

    def _wake(self):
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._queue:
            if not self._subscription.get_active():
                self._disconnect()
                raise StopAsyncIteration
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._pop()


@_with_strict_handlers
class Subscription(Avi.Subscription):
    """A program's interest in one topic: `async for message in subscription` hears its messages,
    until it is cancelled or its device is gone."""

    def __aiter__(self):
        return _Messages(self)


Subscription = override(Subscription)
__all__.append("Subscription")


@_with_strict_handlers
class Peer(Avi.Peer):
    """Another node of the mesh."""

    def __repr__(self):
        return f"<Avi.Peer {self.get_id()} “{self.props.name}”>"


Peer = override(Peer)
__all__.append("Peer")


# ---- The event loop

def run(main):
    """Runs a coroutine in an event loop on the thread-default main context; returns its result."""
    try:
        from gi.events import GLibEventLoop
        loop = GLibEventLoop(GLib.MainContext.ref_thread_default())
    except ImportError:
        try:
            from gbulb import GLibEventLoop
        except ImportError:
            raise ImportError("Avi.run needs PyGObject 3.50 or later, or gbulb (python3-gbulb)") from None
        loop = GLibEventLoop(context=GLib.MainContext.ref_thread_default())
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


__all__.append("run")
