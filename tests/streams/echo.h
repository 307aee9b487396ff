/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A protocol on the engine's streams that sends back what it hears, and ends when the other does.
 * For benchmarks: peers of other implementations have it under the same name.
 */
#pragma once

#include "engine/avi-connection.h"

G_BEGIN_DECLS

#define ECHO_PROTOCOL "/avi-bench/echo/1.0.0"

extern const AviStreamHandler echo_handler;

G_END_DECLS
