/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"

G_DEFINE_QUARK (avi-error-quark, avi_error)
