// SPDX-License-Identifier: LGPL-2.1-or-later
// What JavaScript adds to Avi: the asynchronous calls return promises, and a subscription's
// messages can be iterated.
//
//     import Avi, {messages} from 'file:///usr/share/avi-1/gjs/avi.js';
//
//     await device.start_async(null);
//     for await (const message of messages(device.subscribe('system/alerts')))
//         print(message.get_text());
//
// An exception in a handler is printed, and the handler goes on being called: gjs does that.

import Avi from 'gi://Avi?version=1';
import Gio from 'gi://Gio';

for (const name of ['start', 'stop', 'dial', 'publish', 'wait_for_subscribers'])
    Gio._promisify(Avi.Device.prototype, `${name}_async`, `${name}_finish`);

/**
 * The messages of a subscription from now on. Those that wait are kept within its max-queued and
 * max-queued-bytes: the oldest are dropped, and counted as `dropped`. They end with the subscription, once
 * those that wait were heard. Leaving the loop ends the iteration, not the subscription.
 *
 * @param {Avi.Subscription} subscription
 * @returns {AsyncIterableIterator<Avi.Message> & {readonly dropped: number}}
 */
export function messages(subscription) {
    const queue = [];
    let bytes = 0;
    let dropped = 0;
    let wake = null;
    let ended = false;

    const take = () => {
        const message = queue.shift();
        bytes -= message.get_data().get_size();
        return message;
    };
    const handlers = [
        subscription.connect('message', (_, message) => {
            queue.push(message);
            bytes += message.get_data().get_size();
            while (queue.length > subscription.max_queued || bytes > subscription.max_queued_bytes) {
                take();
                dropped++;
            }
            wake?.();
        }),
        subscription.connect('notify::active', () => wake?.()),
    ];
    const end = () => {
        if (!ended)
            handlers.forEach(handler => subscription.disconnect(handler));
        ended = true;
        wake?.();
        return {done: true, value: undefined};
    };

    return {
        [Symbol.asyncIterator]() {
            return this;
        },
        async next() {
            while (!ended && queue.length === 0 && subscription.active)
                await new Promise(resolve => (wake = resolve));
            return ended || queue.length === 0 ? end() : {done: false, value: take()};
        },
        async return() {
            return end();
        },
        get dropped() {
            return dropped;
        },
    };
}

export default Avi;
