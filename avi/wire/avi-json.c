/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-json.h"

#include <math.h>

#include "avi-error.h"

typedef enum
{
  EXPECT_VALUE,
  EXPECT_VALUE_OR_END, /* just after [ */
  EXPECT_KEY,
  EXPECT_KEY_OR_END, /* just after { */
  EXPECT_COMMA_OR_END
} AviJsonExpect;

typedef struct
{
  const guint8 *start;
  const guint8 *at;
  const guint8 *end;
  guint         depth;
  guint         n_values;
  guint64       objects; /* bit n: the container at depth n + 1 is an object */
  GError      **error;
} AviJsonScan;

G_STATIC_ASSERT (AVI_JSON_MAX_DEPTH <= 64);

static gboolean
avi_json_fail (AviJsonScan *scan, const char *what)
{
  g_set_error (scan->error, AVI_ERROR, AVI_ERROR_PROTOCOL, "JSON: %s at byte %" G_GSIZE_FORMAT,
               what, (gsize) (scan->at - scan->start));
  return FALSE;
}

/* 0 at the end, which is no character of JSON. */
static guint8
avi_json_peek (const AviJsonScan *scan)
{
  return scan->at < scan->end ? *scan->at : 0;
}

static gboolean
avi_json_take (AviJsonScan *scan, guint8 c)
{
  if (avi_json_peek (scan) != c)
    return FALSE;
  scan->at++;
  return TRUE;
}

static void
avi_json_skip_space (AviJsonScan *scan)
{
  while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
    scan->at++;
}

static guint
avi_json_skip_digits (AviJsonScan *scan)
{
  const guint8 *first = scan->at;

  while (g_ascii_isdigit (avi_json_peek (scan)))
    scan->at++;
  return scan->at - first;
}

/* The four digits after \u; -1 where they are not. */
static int
avi_json_take_unit (AviJsonScan *scan)
{
  int unit = 0;

  for (guint i = 0; i < 4; i++, scan->at++)
    {
      int digit = g_ascii_xdigit_value (avi_json_peek (scan));

      if (digit < 0)
        return -1;
      unit = unit << 4 | digit;
    }
  return unit;
}

static gboolean
avi_json_scan_escape (AviJsonScan *scan)
{
  guint8 c = avi_json_peek (scan);
  int unit;

  if (c == 0 || strchr ("\"\\/bfnrtu", c) == NULL)
    return avi_json_fail (scan, "an unknown escape");
  scan->at++;
  if (c != 'u')
    return TRUE;

  unit = avi_json_take_unit (scan);
  if (unit < 0)
    return avi_json_fail (scan, "an escape without four digits");
  if (unit == 0)
    return avi_json_fail (scan, "a NUL character");
  if (unit < 0xd800 || unit > 0xdfff)
    return TRUE;

  if (unit < 0xdc00 && avi_json_take (scan, '\\') && avi_json_take (scan, 'u'))
    {
      unit = avi_json_take_unit (scan);
      if (unit >= 0xdc00 && unit <= 0xdfff)
        return TRUE;
    }
  return avi_json_fail (scan, "half a surrogate pair");
}

static gboolean
avi_json_scan_string (AviJsonScan *scan)
{
  if (!avi_json_take (scan, '"'))
    return avi_json_fail (scan, "no string");

  while (scan->at < scan->end)
    {
      guint8 c = *scan->at;

      if (c < 0x20)
        return avi_json_fail (scan, "a control character in a string");
      scan->at++;
      if (c == '"')
        return TRUE;
      if (c == '\\' && !avi_json_scan_escape (scan))
        return FALSE;
    }
  return avi_json_fail (scan, "a string without end");
}

static gboolean
avi_json_is_in_range (const guint8 *first, const guint8 *end, gboolean real)
{
  g_autofree char *number = g_strndup ((const char *) first, end - first);
  gint64 value;

  return real ? isfinite (g_ascii_strtod (number, NULL))
              : g_ascii_string_to_signed (number, 10, G_MININT64, G_MAXINT64, &value, NULL);
}

static gboolean
avi_json_scan_number (AviJsonScan *scan)
{
  const guint8 *first = scan->at;
  gboolean real = FALSE, in_range;

  avi_json_take (scan, '-');
  if (!avi_json_take (scan, '0') && avi_json_skip_digits (scan) == 0)
    return avi_json_fail (scan, "no value");
  if (avi_json_take (scan, '.'))
    {
      real = TRUE;
      if (avi_json_skip_digits (scan) == 0)
        return avi_json_fail (scan, "a number without decimals");
    }
  in_range = scan->at - first <= 18; /* below 10^18, so far */
  if (avi_json_take (scan, 'e') || avi_json_take (scan, 'E'))
    {
      real = TRUE;
      in_range = FALSE;
      if (!avi_json_take (scan, '+'))
        avi_json_take (scan, '-');
      if (avi_json_skip_digits (scan) == 0)
        return avi_json_fail (scan, "a number without exponent");
    }

  if (!in_range && !avi_json_is_in_range (first, scan->at, real))
    return avi_json_fail (scan, "a number out of range ends");
  return TRUE;
}

static gboolean
avi_json_scan_scalar (AviJsonScan *scan)
{
  static const char *const words[] = { "true", "false", "null" };

  if (avi_json_peek (scan) == '"')
    return avi_json_scan_string (scan);

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize len = strlen (words[i]);

      if (len <= (gsize) (scan->end - scan->at) && memcmp (scan->at, words[i], len) == 0)
        {
          scan->at += len;
          return TRUE;
        }
    }
  return avi_json_scan_number (scan);
}

static gboolean
avi_json_is_in_object (const AviJsonScan *scan)
{
  return scan->depth > 0 && (scan->objects >> (scan->depth - 1) & 1);
}

static gboolean
avi_json_open (AviJsonScan *scan, gboolean object)
{
  if (scan->depth == AVI_JSON_MAX_DEPTH)
    {
      g_set_error (scan->error, AVI_ERROR, AVI_ERROR_LIMIT, "JSON: nested deeper than %d at byte %" G_GSIZE_FORMAT,
                   AVI_JSON_MAX_DEPTH, (gsize) (scan->at - scan->start));
      return FALSE;
    }

  scan->at++;
  scan->objects &= ~(G_GUINT64_CONSTANT (1) << scan->depth);
  scan->objects |= (guint64) object << scan->depth;
  scan->depth++;
  return TRUE;
}

static gboolean
avi_json_close (AviJsonScan *scan)
{
  if (scan->depth == 0 || !avi_json_take (scan, avi_json_is_in_object (scan) ? '}' : ']'))
    return FALSE;
  scan->depth--;
  return TRUE;
}

static gboolean
avi_json_scan_value (AviJsonScan *scan, AviJsonExpect *expect)
{
  guint8 c = avi_json_peek (scan);

  if (++scan->n_values > AVI_JSON_MAX_VALUES)
    {
      g_set_error (scan->error, AVI_ERROR, AVI_ERROR_LIMIT, "JSON: more than %d values at byte %" G_GSIZE_FORMAT,
                   AVI_JSON_MAX_VALUES, (gsize) (scan->at - scan->start));
      return FALSE;
    }

  if (c == '{' || c == '[')
    {
      *expect = c == '{' ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
      return avi_json_open (scan, c == '{');
    }
  *expect = EXPECT_COMMA_OR_END;
  return avi_json_scan_scalar (scan);
}

static gboolean
avi_json_scan_key (AviJsonScan *scan, AviJsonExpect *expect)
{
  if (!avi_json_scan_string (scan))
    return FALSE;
  avi_json_skip_space (scan);
  if (!avi_json_take (scan, ':'))
    return avi_json_fail (scan, "no colon");
  *expect = EXPECT_VALUE;
  return TRUE;
}

/* One value, member name or bracket at a time. */
static gboolean
avi_json_step (AviJsonScan *scan, AviJsonExpect *expect)
{
  if (*expect != EXPECT_VALUE && *expect != EXPECT_KEY && avi_json_close (scan))
    {
      *expect = EXPECT_COMMA_OR_END;
      return TRUE;
    }

  switch (*expect)
    {
    case EXPECT_VALUE:
    case EXPECT_VALUE_OR_END:
      return avi_json_scan_value (scan, expect);

    case EXPECT_KEY:
    case EXPECT_KEY_OR_END:
      return avi_json_scan_key (scan, expect);

    case EXPECT_COMMA_OR_END:
      if (!avi_json_take (scan, ','))
        return avi_json_fail (scan, "neither a comma nor an end");
      *expect = avi_json_is_in_object (scan) ? EXPECT_KEY : EXPECT_VALUE;
      return TRUE;

    default:
      g_return_val_if_reached (FALSE);
    }
}

gboolean
avi_json_check (AviSpan text, gsize max_len, GError **error)
{
  const guint8 *start = text.len > 0 ? text.data : (const guint8 *) "";
  AviJsonScan scan = { .start = start, .at = start, .end = start + text.len, .error = error };
  AviJsonExpect expect = EXPECT_VALUE;
  const char *invalid;

  if (text.len > max_len)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "JSON: %" G_GSIZE_FORMAT " bytes, where %" G_GSIZE_FORMAT " are allowed", text.len, max_len);
      return FALSE;
    }
  if (!g_utf8_validate ((const char *) start, text.len, &invalid))
    {
      scan.at = (const guint8 *) invalid;
      return avi_json_fail (&scan, "no UTF-8");
    }

  do
    {
      avi_json_skip_space (&scan);
      if (!avi_json_step (&scan, &expect))
        return FALSE;
    }
  while (scan.depth > 0 || expect != EXPECT_COMMA_OR_END);

  avi_json_skip_space (&scan);
  return scan.at == scan.end || avi_json_fail (&scan, "more than one value");
}
