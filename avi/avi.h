/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one header that a program includes.
 */
#pragma once

#define AVI_INSIDE

#include <avi-version.h>
#include <avi-enum-types.h>
#include <avi-error.h>
#include <avi-identity.h>
#include <avi-message.h>
#include <avi-peer.h>
#include <avi-pubsub-params.h>
#include <avi-subscription.h>
#include <avi-topic-statistics.h>
#include <avi-device.h>

#undef AVI_INSIDE
