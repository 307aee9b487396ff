/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviError: what can go wrong, in codes that a program can act on. Every call that takes a GError
 * sets one of these, or G_IO_ERROR_CANCELLED; never a code of the system, whose words are in the
 * message.
 */
#pragma once

#if !defined (AVI_INSIDE) && !defined (AVI_COMPILATION)
# error "Only <avi.h> can be included directly."
#endif

#include <glib-object.h>

#include <avi-version.h>

G_BEGIN_DECLS

/**
 * AVI_ERROR:
 *
 * The domain of all errors that Avi reports. Codes are those of [error@Avi.Error]; a cancelled
 * call fails with %G_IO_ERROR_CANCELLED instead.
 *
 * Since: 1.0
 */
#define AVI_ERROR (avi_error_quark ())

/**
 * AviError:
 * @AVI_ERROR_CLOSED: what the call is about has ended: the device stopped, the connection closed
 * @AVI_ERROR_NOT_RUNNING: the device is not started
 * @AVI_ERROR_NOT_CONNECTED: no connection to the peer concerned
 * @AVI_ERROR_TIMEOUT: no answer within the time allowed
 * @AVI_ERROR_REFUSED: the other host refused, or cannot be reached
 * @AVI_ERROR_REJECTED: the other program said no
 * @AVI_ERROR_PROTOCOL: malformed or unexpected bytes
 * @AVI_ERROR_LIMIT: a limit is reached; the message names it, its value, and who used it up
 * @AVI_ERROR_INVALID_ARGUMENT: an argument is malformed; the message shows it
 * @AVI_ERROR_INVALID_PATH: a path does not lead where it should
 * @AVI_ERROR_NOT_FOUND: nothing by that name
 * @AVI_ERROR_ALREADY_EXISTS: the name, address or port is taken
 * @AVI_ERROR_SECURITY: a key, signature, identity or file permission is not what it must be
 * @AVI_ERROR_FAILED: the system failed in another way; the message has its words
 *
 * What went wrong, in terms that a program can act on.
 *
 * Since: 1.0
 */
typedef enum
{
  AVI_ERROR_CLOSED,
  AVI_ERROR_NOT_RUNNING,
  AVI_ERROR_NOT_CONNECTED,
  AVI_ERROR_TIMEOUT,
  AVI_ERROR_REFUSED,
  AVI_ERROR_REJECTED,
  AVI_ERROR_PROTOCOL,
  AVI_ERROR_LIMIT,
  AVI_ERROR_INVALID_ARGUMENT,
  AVI_ERROR_INVALID_PATH,
  AVI_ERROR_NOT_FOUND,
  AVI_ERROR_ALREADY_EXISTS,
  AVI_ERROR_SECURITY,
  AVI_ERROR_FAILED
} AviError;

AVI_AVAILABLE_IN_1_0
GQuark avi_error_quark (void);

G_END_DECLS
