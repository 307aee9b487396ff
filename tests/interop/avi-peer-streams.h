/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What our node does on streams that no public type shows yet, below the device, in its engine's thread.
 */
#pragma once

#include "avi-device-private.h"

/* Before the device starts: it then answers /perf/1.0.0 and the echo. */
void peer_streams_serve (AviDevice *device);
/* Prints `perf SECONDS` or an error, later. */
void peer_streams_perf  (AviDevice *device, const char *peer, guint64 up, guint64 down);
/* Opens a substream for /perf/1.0.0, says a few bytes, resets it once the peer has taken it,
 * and prints `reset PEER`, or an error. */
void peer_streams_reset (AviDevice *device, const char *peer);
