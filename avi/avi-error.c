/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"

#include <stdatomic.h>

/* As G_DEFINE_QUARK, but for the atomic: errors are made by engines and programs at once. */
GQuark
avi_error_quark (void)
{
  static _Atomic GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("avi-error-quark");
  return quark;
}
