/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-units.h"

#include <math.h>

typedef struct
{
  const char *name;
  double      factor;
} SimUnit;

static const SimUnit times[] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "min", 6e7 }, { "h", 3.6e9 }, { 0 } };
static const SimUnit sizes[] = { { "", 1 }, { "B", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 }, { 0 } };
static const SimUnit bandwidths[] = { { "kbit", 125 }, { "Mbit", 125e3 }, { "Gbit", 125e6 }, { 0 } };
static const SimUnit rates[] = { { "", 1 }, { "/s", 1 }, { "/min", 1. / 60 }, { "/h", 1. / 3600 }, { 0 } };
static const SimUnit shares[] = { { "", 1 }, { "%", 0.01 }, { 0 } };
static const SimUnit numbers[] = { { "", 1 }, { 0 } };

static gboolean
sim_parse (const char *text, const SimUnit *units, const char *what, double *value, GError **error)
{
  char *end;
  double number = g_ascii_strtod (text, &end);

  if (end != text && isfinite (number) && number >= 0)
    for (const SimUnit *unit = units; unit->name != NULL; unit++)
      if (strcmp (end, unit->name) == 0)
        {
          *value = number * unit->factor;
          return TRUE;
        }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "“%s” is no %s", text, what);
  return FALSE;
}

gboolean
sim_parse_time (const char *text, gint64 *us, GError **error)
{
  double value;

  if (!sim_parse (text, times, "time (as in 300us, 20ms, 1.5s, 10min, 1h)", &value, error))
    return FALSE;
  *us = llround (value);
  return TRUE;
}

gboolean
sim_parse_time_range (const char *text, gint64 *least, gint64 *most, GError **error)
{
  g_auto(GStrv) parts = g_strsplit (text, "..", 2);

  if (!sim_parse_time (parts[0] != NULL ? parts[0] : "", least, error))
    return FALSE;
  *most = *least;
  if (parts[1] == NULL)
    return TRUE;
  if (!sim_parse_time (parts[1], most, error))
    return FALSE;
  if (*least <= *most)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "“%s” begins after its end", text);
  return FALSE;
}

gboolean
sim_parse_size (const char *text, gsize *bytes, GError **error)
{
  double value;

  if (!sim_parse (text, sizes, "size (as in 64, 64KiB, 1MiB)", &value, error))
    return FALSE;
  *bytes = llround (value);
  return TRUE;
}

gboolean
sim_parse_bandwidth (const char *text, guint64 *bytes, GError **error)
{
  double value;

  if (!sim_parse (text, bandwidths, "bandwidth (as in 500kbit, 10Mbit, 1Gbit)", &value, error))
    return FALSE;
  *bytes = llround (value);
  return TRUE;
}

gboolean
sim_parse_rate (const char *text, double *per_second, GError **error)
{
  return sim_parse (text, rates, "rate (as in 10/min, 2/s)", per_second, error);
}

gboolean
sim_parse_share (const char *text, double *share, GError **error)
{
  if (!sim_parse (text, shares, "share (as in 0.05, 5%)", share, error))
    return FALSE;
  if (*share <= 1)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "“%s” is more than all", text);
  return FALSE;
}

gboolean
sim_parse_number (const char *text, double *number, GError **error)
{
  return sim_parse (text, numbers, "number", number, error);
}
