/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * /perf/1.0.0 (specs/perf) on the engine's streams, both ends: whoever opens the stream says how much
 * it wants to be sent, in 8 bytes, sends what it likes and its end; the other reads to that end, and
 * sends as much. For the tests against other implementations and the benchmarks; no node serves it.
 */
#pragma once

#include "engine/avi-connection.h"

G_BEGIN_DECLS

#define PERF_PROTOCOL "/perf/1.0.0"

extern const AviStreamHandler perf_handler;

/* In the engine's thread; once, at the end. @success: all of it came, and nothing else. */
typedef void (*PerfDone) (gboolean success, gpointer user_data);

/* In the engine's thread: sends @up bytes and has @down sent. */
void perf_start (AviConnection *connection, guint64 up, guint64 down, PerfDone done, gpointer user_data);

G_END_DECLS
