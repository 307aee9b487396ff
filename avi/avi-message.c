/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-message-private.h"
