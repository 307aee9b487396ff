#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// The public API from JavaScript, with the module of the build tree. All on the loopback interface.
//
// Usage: gjs -m test-gjs.js MODULE (an absolute path)

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

const DEADLINE = 30000; // ms; met only where something is wrong

const {default: Avi, messages} = await import(`file://${ARGV[0]}`);

const tests = [];
const test = (sentence, run) => tests.push({sentence, run});

function assert(value, words = 'what was expected is not so') {
    if (!value)
        throw new Error(words);
}

function newDevice(name) {
    const device = Avi.Device.new(name);
    device.listen_addresses = ['/ip4/127.0.0.1/tcp/0'];
    device.enable_mdns = false;
    device.enable_local = false;
    device.threaded = GLib.getenv('AVI_TEST_UNTHREADED') === null; // else the engines run in the main context
    return device;
}

function startDevice(name) {
    const device = newDevice(name);
    device.start(null);
    return device;
}

function pair(topic) {
    const [here, there] = [startDevice('kitchen'), startDevice('bedroom')];
    const subscription = there.subscribe(topic);
    here.dial(there.addresses[0], null);
    here.wait_for_subscribers(topic, 1, null);
    return [here, there, subscription];
}

function once(object, signal) {
    return new Promise(resolve => {
        const handler = object.connect(signal, (_, ...args) => {
            object.disconnect(handler);
            resolve(args);
        });
    });
}

function after(milliseconds) {
    return new Promise((_, reject) => GLib.timeout_add(GLib.PRIORITY_DEFAULT, milliseconds, () => {
        reject(new Error('what was waited for did not come'));
        return GLib.SOURCE_REMOVE;
    }));
}

test('bytes and texts go from one device to another', async () => {
    const [here, there, subscription] = pair('x');
    let heard = once(subscription, 'message');
    assert(here.publish('x', new Uint8Array([0, 255])) === 1);
    let [message] = await heard;
    assert(message.get_data().toArray().join() === '0,255');
    assert(message.get_text() === null);
    assert(message.get_from() === here.peer_id);

    heard = once(subscription, 'message');
    here.publish_text('x', 'grüße');
    [message] = await heard;
    assert(message.get_text() === 'grüße' && message.get_topic() === 'x');
    const peer = there.peers.get_item(0);
    assert(peer.id === here.peer_id && peer.connected);
});

test('what is held comes to the first who subscribes, and what is counted can be read', async () => {
    const [here, there] = [startDevice('kitchen'), startDevice('bedroom')];
    const text = new TextEncoder().encode('text');
    assert(here.publish_full('x', text, Avi.PublishFlags.HOLD) === 0);
    const sent = here.publish_async('x', text, Avi.PublishFlags.HOLD, null);
    assert(here.get_topic_statistics('x').get_held() === 2);
    const subscription = there.subscribe('x');
    const heard = once(subscription, 'message');
    here.dial(there.addresses[0], null);
    await heard;
    assert(await sent === 1);
    assert(here.publish_sync('x', text, Avi.PublishFlags.NONE, null) === 1);
    assert(here.topics.join() === 'x');
    const counted = here.get_topic_statistics('x');
    assert(counted.get_published() === 3 && counted.get_published_bytes() === 12);
    assert(counted.get_dropped(Avi.DropReason.HELD) === 0 && counted.get_held() === 0);
});

test('a subscription that was dropped still hears', async () => {
    const [here, there] = pair('x');
    let hear;
    const heard = new Promise(resolve => (hear = resolve));
    (() => {
        there.subscribe('y').connect('message', (_, message) => hear(message.get_text()));
    })();
    System.gc();
    here.wait_for_subscribers('y', 1, null);
    here.publish_text('y', 'text');
    assert(await heard === 'text');
});

test('an exception in a handler is printed, and the handler goes on being called', async () => {
    const device = startDevice('kitchen');
    let n = 0;
    const twice = new Promise(resolve => {
        device.subscribe('x').connect('message', () => {
            if (++n === 2)
                resolve();
            throw new Error('an exception of the handler, which is to be printed');
        });
    });
    for (const text of ['1', '2'])
        device.publish_full('x', new TextEncoder().encode(text), Avi.PublishFlags.LOCAL);
    await twice;
});

test('the asynchronous calls are promises', async () => {
    const [here, there] = [newDevice('kitchen'), newDevice('bedroom')];
    const subscription = there.subscribe('x');
    assert(await here.start_async(null) && await there.start_async(null));
    const peer = await here.dial_async(there.addresses[0], null);
    assert(peer.connected && peer.id === there.peer_id);
    assert(await here.wait_for_subscribers_async('x', 1, null));
    const heard = once(subscription, 'message');
    assert(await here.publish_async('x', new TextEncoder().encode('text'), Avi.PublishFlags.NONE, null) === 1);
    const [message] = await heard;
    assert(message.get_text() === 'text');
    assert(await here.stop_async(null));
    assert(here.state === Avi.DeviceState.STOPPED);
});

test('messages can be iterated', async () => {
    const device = startDevice('kitchen');
    const subscription = device.subscribe('x');
    const iterator = messages(subscription);
    for (const text of ['1', '2', '3'])
        device.publish_full('x', new TextEncoder().encode(text), Avi.PublishFlags.LOCAL);
    const heard = [];
    for await (const message of iterator) {
        heard.push(message.get_text());
        if (heard.length === 3)
            break;
    }
    assert(heard.join() === '1,2,3');
    assert((await iterator.next()).done);
});

test('messages end with their subscription, once those that wait were heard', async () => {
    const device = startDevice('kitchen');
    const [subscription, other] = [device.subscribe('x'), device.subscribe('x')];
    const hearAll = async iterator => {
        const heard = [];
        for await (const message of iterator)
            heard.push(message.get_text());
        return heard.join();
    };
    const [waiting, orphan] = [hearAll(messages(subscription)), hearAll(messages(other))];
    const iterator = messages(subscription);
    const told = once(device, 'message');
    device.publish_full('x', new TextEncoder().encode('text'), Avi.PublishFlags.LOCAL);
    await told;
    subscription.cancel();
    assert(await waiting === 'text');
    assert(await hearAll(iterator) === 'text');
    // One that was cancelled before.
    assert(await hearAll(messages(subscription)) === '');
    // As dropping it does.
    device.run_dispose();
    assert(await orphan === 'text');
});

test('of messages that are not taken in time the oldest are dropped, and counted', async () => {
    const device = startDevice('kitchen');
    const subscription = device.subscribe('x');
    subscription.max_queued = 3;
    const iterator = messages(subscription);
    for (let i = 0; i < 10; i++) {
        const told = once(device, 'message');
        device.publish_full('x', new TextEncoder().encode(`${i}`), Avi.PublishFlags.LOCAL);
        // eslint-disable-next-line no-await-in-loop
        await told;
    }
    const heard = [];
    for await (const message of iterator) {
        heard.push(message.get_text());
        if (heard.length === 3)
            break;
    }
    assert(heard.join() === '7,8,9');
    assert(iterator.dropped === 7);
});

test('errors are told by domain and code', async () => {
    const device = newDevice('kitchen');
    let failure = null;
    try {
        await device.dial_async('/ip4/127.0.0.1/tcp/1', null);
    } catch (error) {
        failure = error;
    }
    assert(failure?.matches(Avi.Error, Avi.Error.NOT_RUNNING), `${failure}`);
    failure = null;
    try {
        Avi.Identity.load('/nowhere/key');
    } catch (error) {
        failure = error;
    }
    assert(failure?.matches(Avi.Error, Avi.Error.NOT_FOUND), `${failure}`);
    assert(failure.message.includes('/nowhere/key'));
});

test('every asynchronous call can be cancelled', async () => {
    const device = startDevice('kitchen');
    const cancellable = new Gio.Cancellable();
    const calls = [
        device.start_async(cancellable),
        device.dial_async('/ip4/127.0.0.1/tcp/1', cancellable),
        device.publish_async('x', new Uint8Array([1]), 0, cancellable),
        device.wait_for_subscribers_async('x', 1, cancellable),
        device.stop_async(cancellable),
    ];
    cancellable.cancel();
    const ends = await Promise.allSettled(calls);
    assert(ends[3].status === 'rejected' && ends[4].status === 'fulfilled');
});

print(`1..${tests.length}`);
let failed = 0;
for (const [i, {sentence, run}] of tests.entries()) {
    let verdict = 'ok';
    try {
        // eslint-disable-next-line no-await-in-loop
        await Promise.race([run(), after(DEADLINE)]);
    } catch (error) {
        failed++;
        verdict = 'not ok';
        print(`# ${error}\n${error.stack}`.replace(/\n(?=.)/g, '\n# '));
    }
    print(`${verdict} ${i + 1} - ${sentence}`);
}
System.exit(failed > 0 ? 1 : 0);
