/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-text.h"

#define AVI_TEXT_QUOTE_MAX 64

char *
avi_text_quote (AviSpan text)
{
  const char *start = text.len > 0 ? (const char *) text.data : "";
  g_autofree char *valid = g_utf8_make_valid (start, MIN (text.len, AVI_TEXT_QUOTE_MAX));
  GString *quoted = g_string_new ("“");

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      g_string_append_unichar (quoted, g_unichar_iscntrl (c) ? 0xfffd : c);
    }
  g_string_append (quoted, text.len > AVI_TEXT_QUOTE_MAX ? "…”" : "”");
  return g_string_free (quoted, FALSE);
}
