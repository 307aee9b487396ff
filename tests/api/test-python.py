#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The public API from Python, with the overrides of the build tree. All on the loopback interface."""

import asyncio
import gc
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
import xml.etree.ElementTree as ElementTree

import tap
from tap import test, wait_until

UNTHREADED = "AVI_TEST_UNTHREADED" in os.environ    # the engines run in the main context

runtime = tempfile.TemporaryDirectory()
os.environ["XDG_RUNTIME_DIR"] = runtime.name

try:
    import gi
    gi.require_version("Avi", "1")
    from gi.repository import Avi, Gio, GLib, GObject
except (ImportError, ValueError) as problem:
    tap.skip_all(f"no PyGObject for {sys.executable}: {problem}")


def new_device(name):
    device = Avi.Device.new(name)
    device.props.listen_addresses = ["/ip4/127.0.0.1/tcp/0"]
    device.props.enable_mdns = False
    device.props.enable_local = False
    device.props.threaded = not UNTHREADED
    return device


def start_device(name):
    device = new_device(name)
    device.start()
    return device


def pair(topic):
    """Two connected devices; the second subscribes."""
    here, there = start_device("kitchen"), start_device("bedroom")
    subscription = there.subscribe(topic)
    here.dial(there.props.addresses[0])
    here.wait_for_subscribers(topic, 1)
    return here, there, subscription


def run_python(program, **environment):
    return subprocess.run([sys.executable, "-c", PRELUDE + program], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})


PRELUDE = """
import os
import gi
gi.require_version("Avi", "1")
from gi.repository import Avi, GLib
device = Avi.Device.new("kitchen")
device.props.listen_addresses = ["/ip4/127.0.0.1/tcp/0"]
device.props.enable_mdns = device.props.enable_local = False
device.props.threaded = "AVI_TEST_UNTHREADED" not in os.environ
"""


@test("the overrides are those of this tree")
def _():
    assert Avi.Device.__module__ == "gi.overrides.Avi", Avi.Device


@test("the documentation of a number that can be set names its default")
def _():
    core = "{http://www.gtk.org/introspection/core/1.0}"
    gir = ElementTree.parse(pathlib.Path(os.environ["GI_TYPELIB_PATH"].partition(":")[0], "Avi-1.gir"))
    checked = 0
    for klass in gir.iter(f"{core}class"):
        for property in klass.iter(f"{core}property"):
            spec = getattr(Avi, klass.get("name")).find_property(property.get("name"))
            found = re.search(r"by\s+default\s+([0-9,]*[0-9])", property.findtext(f"{core}doc"))
            if not found or not spec.flags & GObject.ParamFlags.WRITABLE:
                continue
            assert spec.default_value == int(found[1].replace(",", "")), f"{spec.name}: {found[1]}"
            checked += 1
    assert checked >= 10, checked


@test("pub/sub's numbers are set by name, and refused with their range")
def _():
    params = Avi.PubsubParams.new()
    assert params.get_number("d") == 6
    assert params.set_number("d", 8)
    assert params.set_topic_number("alarms", "topic-weight", 2.5)
    assert "heartbeat-interval" in Avi.PubsubParams.list_numbers()
    try:
        params.set_number("d-hi", 1000)
        raise AssertionError("1000 was taken")
    except GLib.Error as error:
        assert error.matches(Avi.error_quark(), Avi.Error.INVALID_ARGUMENT), error
        assert "“d-hi”" in error.message and "0 to 128" in error.message, error.message
    device = Avi.Device(node_name="kitchen", pubsub_params=params)
    kept = device.props.pubsub_params
    assert kept.get_number("d") == 8 and kept.get_topic_number("alarms", "topic-weight") == 2.5
    kept.set_direct_peers(["/ip4/10.0.0.7/tcp/4001/p2p/" + Avi.Identity.generate().props.peer_id])
    device.props.pubsub_params = kept
    assert len(device.props.pubsub_params.dup_direct_peers()) == 1


@test("publish takes str, what is like bytes, and GLib.Bytes")
def _():
    here, there, subscription = pair("x")
    heard = []
    subscription.connect("message", lambda _, message: heard.append(message))
    assert here.publish("x", "grüße") == 1
    assert here.publish("x", b"\0\xff") == 1
    assert here.publish("x", bytearray(b"abc")) == 1
    assert here.publish("x", memoryview(b"abcdef")[::2]) == 1
    assert here.publish("x", GLib.Bytes.new(b"")) == 1
    assert here.publish_text("x", "text") == 1
    wait_until(lambda: len(heard) == 6)
    assert [message.get_data().get_data() or b"" for message in heard] == [
        "grüße".encode(), b"\0\xff", b"abc", b"ace", b"", b"text"]
    assert heard[0].get_text() == "grüße" and heard[1].get_text() is None
    assert heard[0].get_from() == here.props.peer_id and heard[0].get_topic() == "x"


@test("publish_sync says how many have the message")
def _():
    here, there, subscription = pair("x")
    heard = []
    subscription.connect("message", lambda _, message: heard.append(message.get_text()))
    assert here.publish_sync("x", "text") == 1
    assert here.publish_sync("nobody", b"text", Avi.PublishFlags.LOCAL) == 0
    wait_until(lambda: heard == ["text"])


@test("what is held comes to the first who subscribes, or is dropped after hold-timeout")
def _():
    here, there = new_device("kitchen"), start_device("bedroom")
    here.props.hold_timeout = 1
    here.props.max_held = 3
    here.start()
    assert here.publish_full("x", "one", Avi.PublishFlags.HOLD) == 0
    assert here.publish_full("x", "two", Avi.PublishFlags.HOLD) == 0
    assert here.get_topic_statistics("x").get_held() == 2
    heard = []
    there.subscribe("x").connect("message", lambda _, message: heard.append(message.get_text()))
    here.dial(there.props.addresses[0])
    wait_until(lambda: heard == ["one", "two"])

    for i in range(3):
        here.publish_full("nobody", str(i), Avi.PublishFlags.HOLD)
    try:
        here.publish_full("nobody", "too many", Avi.PublishFlags.HOLD)
    except GLib.Error as error:
        assert error.matches(Avi.error_quark(), Avi.Error.LIMIT), error
        assert "“nobody”" in error.message and "max-held" in error.message, error.message
    else:
        assert False
    wait_until(lambda: here.get_topic_statistics("nobody").get_dropped(Avi.DropReason.HELD) == 3)
    errors = []

    def on_done(device, result):
        try:
            device.publish_finish(result)
        except GLib.Error as error:
            errors.append(error)

    here.publish_async("nobody", "text", Avi.PublishFlags.HOLD, None, on_done)
    wait_until(lambda: errors)
    assert errors[0].matches(Avi.error_quark(), Avi.Error.TIMEOUT), errors


@test("what is counted of a topic can be read, and of all")
def _():
    here, there, subscription = pair("x")
    heard = []
    subscription.connect("message", lambda _, message: heard.append(message))
    for _ in range(3):
        here.publish("x", "text")
    here.publish("y", "text")
    wait_until(lambda: len(heard) == 3)
    assert here.props.topics == here.dup_topics() == ["x", "y"]
    mine = here.get_topic_statistics("x")
    assert (mine.get_topic(), mine.get_published(), mine.get_published_bytes()) == ("x", 3, 12)
    assert (mine.get_delivered(), mine.get_duplicates(), mine.get_dropped_total()) == (0, 0, 0)
    wait_until(lambda: there.get_topic_statistics("x").get_delivered() == 3)
    assert there.get_topic_statistics("x").get_delivered_bytes() == 12
    assert there.get_topic_statistics("x").get_published() == 0
    assert all(mine.get_dropped(reason) == 0 for reason in Avi.DropReason.__enum_values__.values())


@test("publish takes nothing else")
def _():
    device = new_device("kitchen")
    for data in (None, 5, 10**9, [1, 2], (), {}, 1.5, object()):
        for publish in (device.publish, device.publish_full, device.publish_async):
            try:
                publish("x", data)
            except TypeError as error:
                assert type(data).__name__ in str(error), error
            else:
                assert False, data


@test("two devices of a user find each other")
def _():
    devices = [new_device(name) for name in ("kitchen", "bedroom")]
    connected = []
    for device in devices:
        device.props.enable_local = True
        device.connect("peer-connected", lambda device, peer: connected.append((device, peer)))
        device.start()
    wait_until(lambda: len(connected) == 2)
    for device, peer in connected:
        assert list(device.props.peers) == [peer]
        assert peer.props.connected and peer.get_id() in repr(peer) and peer.props.dropped == 0
    # The other one may have come before its file was seen.
    assert any(peer.props.source & Avi.PeerSource.LOCAL for _, peer in connected)


@test("a subscription that was dropped still hears")
def _():
    here, there, subscription = pair("x")
    heard = []
    subscription.connect("message", lambda _, message: heard.append(message.get_text()))
    there.subscribe("y").connect("message", lambda _, message: heard.append(message.get_text()))
    gone = weakref.ref(subscription)
    del subscription
    gc.collect()
    assert gone() is None
    here.wait_for_subscribers("y", 1)
    here.publish("x", "1")
    here.publish("y", "2")
    wait_until(lambda: sorted(heard) == ["1", "2"])


def listen(subscription):
    heard = []
    subscription.connect("message", lambda _, message: heard.append(message.get_text()))
    return heard


@test("a validator accepts, rejects, ignores, and takes its time")
def _():
    here, there, subscription = pair("x")
    heard, kept, verdicts = listen(subscription), [], {"yes": Avi.Verdict.ACCEPT, "no": Avi.Verdict.REJECT}

    def validate(device, message, extra):
        assert device is there and extra == "extra"
        assert message.get_from() == here.props.peer_id
        if message.get_text() == "later":
            kept.append(message)
            return Avi.Verdict.LATER
        return verdicts.get(message.get_text(), Avi.Verdict.IGNORE)

    there.set_validator("x", validate, "extra")
    for text in ("later", "no", "maybe", "yes"):
        here.publish("x", text)
    wait_until(lambda: heard == ["yes"])
    there.answer_message(kept[0], Avi.Verdict.ACCEPT)
    wait_until(lambda: heard == ["yes", "later"])
    statistics = there.get_statistics().unpack()
    assert statistics["messages-rejected"] == 1 and statistics["messages-ignored"] == 1, statistics
    there.set_validator("x", None)
    here.publish("x", "maybe again")
    wait_until(lambda: heard[-1] == "maybe again")


@test("a validator that was replaced or removed is let go")
def _():
    def validate(*_):
        return Avi.Verdict.ACCEPT

    here, there, subscription = pair("x")
    heard, gone = listen(subscription), weakref.ref(validate)
    there.set_validator("x", validate)
    del validate
    here.publish("x", "1")
    wait_until(lambda: heard == ["1"])
    assert gone() is not None
    there.set_validator("x", None)
    gc.collect()
    assert gone() is None


@test("what a validator that fails was asked about is not delivered")
def _():
    done = run_python("""
other = Avi.Device.new("other")
other.props.listen_addresses = ["/ip4/127.0.0.1/tcp/0"]
other.props.enable_mdns = other.props.enable_local = False
heard = []
device.subscribe("x").connect("message", lambda _, message: (heard.append(message.get_text()), loop.quit()))
def validate(device, message, *_):
    if message.get_text() == "1":
        raise KeyError("an exception of the validator")
    return Avi.Verdict.ACCEPT
device.set_validator("x", validate)
device.start()
other.start()
other.dial(device.props.addresses[0])
other.wait_for_subscribers("x", 1)
for text in ("1", "2"):
    other.publish("x", text)
loop = GLib.MainLoop()
loop.run()
print(heard)
""")
    assert done.stdout == "['2']\n", done
    assert "KeyError: 'an exception of the validator'" in done.stderr, done.stderr


@test("a peer that the program thinks little of is not heard")
def _():
    here, there, subscription = pair("x")
    heard, peer = listen(subscription), here.props.peer_id
    assert there.get_peer_score(peer) == 0
    assert there.set_peer_score(peer, -100)
    assert there.get_peer_score(peer) == -100
    there.wait_for_subscribers("x", 0) # the engine knows by then
    ignored = there.get_statistics().unpack()["rpcs-ignored"]
    here.publish("x", "1")
    wait_until(lambda: there.get_statistics().unpack()["rpcs-ignored"] > ignored)
    there.set_peer_score(peer, 0)
    there.wait_for_subscribers("x", 0)
    here.publish("x", "2")
    wait_until(lambda: heard == ["2"])
    for wrong in (("nobody", 1), (peer, 1e7), (peer, float("nan"))):
        try:
            there.set_peer_score(*wrong)
            assert False, wrong
        except GLib.Error as error:
            assert error.matches(Avi.error_quark(), Avi.Error.INVALID_ARGUMENT), error


@test("a message that is not sent is counted with its reason")
def _():
    here, there = new_device("kitchen"), start_device("bedroom")
    params = Avi.PubsubParams.new()
    params.set_number("max-message-size", 10)
    here.props.pubsub_params = params
    for device in (here, there):
        device.set_topic_policy("x", Avi.TopicPolicy.UNSIGNED)
    heard = listen(there.subscribe("x"))
    here.start()
    here.dial(there.props.addresses[0])
    here.wait_for_subscribers("x", 1)
    try:
        here.publish("x", "more than ten bytes")
        assert False
    except GLib.Error as error:
        assert error.matches(Avi.error_quark(), Avi.Error.LIMIT) and "max-message-size" in error.message, error
    for text in ("on", "on", "off"):
        here.publish("x", text)
    wait_until(lambda: heard == ["on", "off"])
    assert here.get_topic_statistics("x").get_dropped(Avi.DropReason.DUPLICATE) == 1


@test("messages of a topic without signatures have no author")
def _():
    here, there = start_device("kitchen"), start_device("bedroom")
    heard = []
    for device in (here, there):
        assert device.get_topic_policy("x") == Avi.TopicPolicy.SIGNED
        device.set_topic_policy("x", Avi.TopicPolicy.UNSIGNED)
        assert device.get_topic_policy("x") == Avi.TopicPolicy.UNSIGNED
    subscription = there.subscribe("x")
    subscription.connect("message", lambda _, message: heard.append((message.get_from(), message.get_seqno(),
                                                                     message.get_text())))
    here.dial(there.props.addresses[0])
    here.wait_for_subscribers("x", 1)
    for text in ("on", "on", "off"):
        here.publish("x", text)
    wait_until(lambda: len(heard) == 2)
    assert heard == [(None, 0, "on"), (None, 0, "off")], heard


@test("a device that was dropped is gone, and what it gave out is not")
def _():
    here, there, subscription = pair("x")
    peer = here.dial(there.props.addresses[0])
    wait_until(lambda: peer.props.name == "bedroom")
    lost = []
    there.connect("peer-disconnected", lambda *_: lost.append(True))
    del here
    gc.collect()
    wait_until(lambda: lost)
    assert peer.props.name == "bedroom"
    del there
    gc.collect()
    subscription.cancel()


@test("an exception in a handler is printed, and the handler goes on being called")
def _():
    done = run_python("""
subscription = device.subscribe("x")
heard = []
def on_message(_, message):
    heard.append(message.get_text())
    if len(heard) == 2:
        loop.quit()
    raise KeyError("an exception of the handler")
subscription.connect("message", on_message)
device.start()
for text in ("1", "2"):
    device.publish_full("x", text, Avi.PublishFlags.LOCAL)
loop = GLib.MainLoop()
loop.run()
print(heard)
""")
    assert done.stdout == "['1', '2']\n", done
    assert done.stderr.count("KeyError: 'an exception of the handler'") == 2, done.stderr
    assert done.returncode == 0, done


@test("with AVI_STRICT=1 an exception in a handler aborts the program, after it was printed")
def _():
    for connect in ("device.connect('started', fail)", "device.connect_after('started', fail)",
                    "device.stop_async(None, fail)"):
        done = run_python(f"""
def fail(*_):
    raise KeyError("an exception of the handler")
{connect}
device.start_async(None, None)
GLib.MainLoop().run()
""", AVI_STRICT="1")
        assert done.returncode == -signal.SIGABRT, done
        assert "KeyError: 'an exception of the handler'" in done.stderr, done.stderr


@test("errors are told by domain and code")
def _():
    device = new_device("kitchen")
    try:
        device.publish("x", "y")
    except GLib.Error as error:
        assert error.matches(Avi.error_quark(), Avi.Error.NOT_RUNNING), error
    else:
        assert False
    try:
        Avi.Identity.load("/nowhere/key")
    except GLib.Error as error:
        assert error.matches(Avi.error_quark(), Avi.Error.NOT_FOUND) and "/nowhere/key" in error.message, error
    else:
        assert False


# ---- Coroutines

def run(main):
    """With a deadline."""
    async def bounded():
        return await asyncio.wait_for(main(), tap.DEADLINE)

    try:
        return Avi.run(bounded())
    except ImportError as problem:
        raise tap.Skip(str(problem))


@test("a coroutine starts, dials, publishes, hears and stops")
def _():
    async def main():
        here, there = new_device("kitchen"), new_device("bedroom")
        subscription = there.subscribe("x")
        messages = aiter(subscription)
        assert await here.start_async() and await there.start_async()
        peer = await here.dial_async(there.props.addresses[0])
        assert peer.props.connected
        assert await here.wait_for_subscribers_async("x")
        assert await here.publish_async("x", "1") == 1
        assert await here.publish_async("x", b"2", Avi.PublishFlags.LOCAL) == 1
        assert here.publish("x", "3") == 1
        heard = []
        async for message in messages:
            heard.append(message.get_text())
            if len(heard) == 3:
                subscription.cancel()
        assert heard == ["1", "2", "3"], heard
        assert await here.stop_async()
        return "result"

    assert run(main) == "result"


@test("in a coroutine errors are raised where they are awaited")
def _():
    async def main():
        device = new_device("kitchen")
        try:
            await device.dial_async("/ip4/127.0.0.1/tcp/1")
        except GLib.Error as error:
            assert error.matches(Avi.error_quark(), Avi.Error.NOT_RUNNING), error
        else:
            assert False

    run(main)


@test("cancelling a task cancels the call that it awaits")
def _():
    async def main():
        device = new_device("kitchen")
        await device.start_async()
        cancellable = Gio.Cancellable()
        task = asyncio.ensure_future(wait(device, cancellable))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        assert cancellable.is_cancelled()

    async def wait(device, cancellable):
        await device.wait_for_subscribers_async("x", 1, cancellable)

    run(main)


@test("a coroutine that does not keep up loses the oldest messages, and can see how many")
def _():
    async def main():
        device = new_device("kitchen")
        subscription = device.subscribe("x")
        subscription.set_max_queued(3)
        await device.start_async()
        messages = aiter(subscription)
        last_seen = asyncio.Event()
        subscription.connect("message", lambda _, message: message.get_text() == "9" and last_seen.set())
        for i in range(10):
            await device.publish_async("x", str(i), Avi.PublishFlags.LOCAL)
        await last_seen.wait()
        assert [(await anext(messages)).get_text() for _ in range(3)] == ["7", "8", "9"]
        assert messages.dropped == 7

    run(main)


@test("a loop that is left stops listening")
def _():
    async def main():
        device = new_device("kitchen")
        subscription = device.subscribe("x")
        await device.start_async()

        async def hear_one():
            async for message in subscription:
                return message.get_text()

        for text in ("1", "2"):
            hearing = asyncio.ensure_future(hear_one())
            await asyncio.sleep(0)
            await device.publish_async("x", text, Avi.PublishFlags.LOCAL)
            assert await hearing == text
        gc.collect()
        for name in ("message", "notify"):
            signal_id = GObject.signal_lookup(name, Avi.Subscription)
            assert not GObject.signal_has_handler_pending(subscription, signal_id, 0, True), name

    run(main)


@test("a loop over a subscription ends with it, and after what waits was heard")
def _():
    async def hear_all(subscription):
        return [message.get_text() async for message in subscription]

    async def main():
        device = new_device("kitchen")
        await device.start_async()
        subscription, other = device.subscribe("x"), device.subscribe("x")
        waiting = asyncio.ensure_future(hear_all(subscription))
        orphan = asyncio.ensure_future(hear_all(other))
        messages = aiter(subscription)
        await asyncio.sleep(0)
        seen = aiter(device.subscribe("y"))
        await device.publish_async("x", "text", Avi.PublishFlags.LOCAL)
        await device.publish_async("y", "text", Avi.PublishFlags.LOCAL)
        await anext(seen)
        subscription.cancel()
        assert await waiting == ["text"]
        assert [message.get_text() async for message in messages] == ["text"]
        # One that was cancelled before.
        assert await hear_all(subscription) == []
        assert not orphan.done()
        del device
        gc.collect()
        assert await orphan == ["text"]

    run(main)


@test("Avi.run raises what the coroutine raises, and ends what it left running")
def _():
    ended = []

    async def linger():
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    async def main():
        asyncio.ensure_future(linger())
        await asyncio.sleep(0)
        raise ValueError("no")

    try:
        run(main)
    except ValueError:
        assert ended
    else:
        assert False


# ---- The rest

@test("every asynchronous call can be cancelled, and abandoned")
def _():
    def calls(device, *rest):
        device.start_async(*rest)
        device.dial_async("/ip4/127.0.0.1/tcp/1", *rest)
        device.publish_async("x", "y", Avi.PublishFlags.NONE, *rest)
        device.wait_for_subscribers_async("x", 1, *rest)
        device.stop_async(*rest)

    for _ in range(10):
        device = start_device("kitchen")
        ended = []
        cancellable = Gio.Cancellable()
        calls(device, cancellable, lambda *_: ended.append(True))
        cancellable.cancel()
        wait_until(lambda: len(ended) == 5)
        calls(device, cancellable, None)
        calls(start_device("kitchen"), None, None)
    gc.collect()


@test("ten threads may use one device")
def _():
    device, other = start_device("kitchen"), start_device("bedroom")
    address = other.props.addresses[0]
    problems = []

    def work(number):
        try:
            for i in range(10):
                subscription = device.subscribe(f"topic/{number}")
                assert device.dial(address).props.id == other.props.peer_id
                device.publish(f"topic/{number}", str(i))
                subscription.cancel()
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems


@test("20 programs drop a device in the midst of it, and exit")
def _():
    for i in range(20):
        done = run_python("""
device.connect("started", print)
device.subscribe("x").connect("message", print)
device.start()
device.dial_async("/ip4/127.0.0.1/tcp/1", None, None)
device.publish("x", "y")
""" + ("del device\n" if i % 2 else ""))
        assert done.returncode == 0 and done.stderr == "", done


@test("an interrupt ends Avi.run")
def _():
    program = tap.Program(sys.executable, "-c", PRELUDE + """
async def main():
    await device.start_async()
    print("running", flush=True)
    async for message in device.subscribe("x"):
        pass
try:
    Avi.run(main())
except KeyboardInterrupt:
    print("interrupted")
except ImportError as problem:
    print("skip", problem)
""")
    line = program.expect(lambda line: line.split()[0] in ("running", "skip"))
    if line.startswith("skip"):
        raise tap.Skip(line)
    program.process.send_signal(signal.SIGINT)
    assert program.wait() == 0
    assert program.lines[-1] == "interrupted", program.lines


tap.main()
