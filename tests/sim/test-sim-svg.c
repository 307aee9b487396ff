/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The picture of a run, read back: what is drawn is what was.
 */
#include "config.h"

#include "sim-director.h"
#include "sim-report.h"
#include "sim-svg.h"

#include <math.h>

#define NODES   40
#define HOSTILE 8
#define AWAY    10
#define ROUNDED 0.11 /* coordinates have one digit after the point */

/* What the picture says. */
typedef struct
{
  GHashTable *names;      /* of nodes: a set of char* */
  guint       n_circles;
  guint       n_hostile, n_away;
  guint       n_mesh, n_tree; /* lines between nodes */
  guint       n_bars;
  GArray     *curve;      /* of double[4]: x1, y1, x2, y2; the parts of the curve of latencies */
  double      label_at;   /* where the last text stands */
  double      ticks[2];   /* where the axis says "20 ms" and "50 ms"; 0: nowhere */
  gboolean    is_title;   /* of a node: within it */
} Picture;

static void
picture_clear (Picture *self)
{
  g_hash_table_unref (self->names);
  g_array_unref (self->curve);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Picture, picture_clear)

static const char *
find_attribute (const char **names, const char **values, const char *name)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], name) == 0)
      return values[i];
  return "";
}

static double
get_number (const char **names, const char **values, const char *name)
{
  const char *text = find_attribute (names, values, name);
  char *end;
  double number = g_ascii_strtod (text, &end);

  g_assert_true (end != text && *end == '\0');
  g_assert_true (isfinite (number));
  return number;
}

static void
read_line (Picture *self, const char **names, const char **values)
{
  const char *class = find_attribute (names, values, "class");
  double line[] = { get_number (names, values, "x1"), get_number (names, values, "y1"),
                    get_number (names, values, "x2"), get_number (names, values, "y2") };

  self->n_mesh += strcmp (class, "mesh") == 0;
  self->n_tree += strcmp (class, "tree") == 0;
  if (strcmp (class, "share") == 0)
    g_array_append_val (self->curve, line);
}

static void
read_circle (Picture *self, const char **names, const char **values)
{
  const char *class = find_attribute (names, values, "class");

  g_assert_cmpfloat (get_number (names, values, "cx"), >, 0);
  g_assert_cmpfloat (get_number (names, values, "cy"), >, 0);
  g_assert_cmpfloat (get_number (names, values, "r"), >, 0);
  self->n_circles++;
  self->n_hostile += strcmp (class, "hostile") == 0;
  self->n_away += strcmp (class, "away") == 0;
}

static void
on_start (GMarkupParseContext *context, const char *element, const char **names, const char **values, gpointer data,
          GError **error)
{
  Picture *self = data;

  if (strcmp (element, "line") == 0)
    read_line (self, names, values);
  else if (strcmp (element, "circle") == 0)
    read_circle (self, names, values);
  else if (strcmp (element, "rect") == 0)
    self->n_bars += strcmp (find_attribute (names, values, "class"), "bar") == 0;
  else if (strcmp (element, "text") == 0)
    self->label_at = get_number (names, values, "x");
  self->is_title = strcmp (element, "title") == 0;
}

static void
on_end (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  ((Picture *) data)->is_title = FALSE;
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize len, gpointer data, GError **error)
{
  Picture *self = data;

  if (self->is_title)
    g_hash_table_add (self->names, g_strndup (text, len));
  if (strcmp (text, "20 ms") == 0)
    self->ticks[0] = self->label_at;
  else if (strcmp (text, "50 ms") == 0)
    self->ticks[1] = self->label_at;
}

static void
picture_read (Picture *self, const char *svg)
{
  const GMarkupParser parser = { .start_element = on_start, .end_element = on_end, .text = on_text };
  g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new (&parser, G_MARKUP_DEFAULT_FLAGS, self, NULL);
  g_autoptr(GError) error = NULL;

  *self = (Picture) { .names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                     .curve = g_array_new (FALSE, FALSE, 4 * sizeof (double)) };
  if (g_markup_parse_context_parse (context, svg, -1, &error))
    g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
}

static const double *
picture_get_part (const Picture *self, guint i)
{
  return &g_array_index (self->curve, double, 4 * i);
}

static SimScenario *
make_scenario (void)
{
  static const char *const settings[][3] = {
    { "network", "nodes", "40" },     { "network", "degree", "8" },    { "network", "latency", "5ms..60ms" },
    { "traffic", "start", "3s" },     { "traffic", "duration", "9s" }, { "traffic", "settle", "3s" },
    { "attack", "kind", "spam:0.2" }, { "traffic", "rate", "2" },
  };
  SimScenario *scenario = sim_scenario_new ();

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    g_assert_true (sim_scenario_set (scenario, settings[i][0], settings[i][1], settings[i][2], NULL));
  return scenario;
}

static char *
play_and_draw (SimReport *report)
{
  g_autoptr(SimScenario) scenario = make_scenario ();
  g_autoptr(SimDirector) director = NULL;
  SimStep step = { .at = 11 * SECOND, .kind = SIM_STEP_CRASH, .share = (double) AWAY / NODES };

  g_array_append_val (scenario->steps, step);
  director = sim_director_new (scenario, NULL);
  sim_director_play (director);
  sim_report_make (report, director->sim, director->victim, 0, G_MAXINT64);
  return sim_svg_draw (director);
}

static void
test_nodes (void)
{
  SimReport report;
  g_autofree char *svg = play_and_draw (&report);
  g_auto(Picture) picture = { 0 };

  picture_read (&picture, svg);
  g_assert_cmpuint (picture.n_circles, ==, NODES);
  for (guint i = 0; i < NODES; i++)
    {
      g_autofree char *name = g_strdup_printf ("node %u", i);

      g_assert_true (g_hash_table_contains (picture.names, name));
    }
  g_assert_cmpuint (picture.n_hostile, ==, HOSTILE);
  g_assert_cmpuint (picture.n_away, ==, AWAY);
  g_assert_cmpuint (picture.n_tree, >=, NODES - HOSTILE - AWAY - 1); /* who is there is reached */
  g_assert_cmpuint (picture.n_mesh, >=, picture.n_tree);
}

/* Where the curve passes half its height. */
static double
picture_find_half (const Picture *self)
{
  double bottom = picture_get_part (self, 0)[1];
  double half = (bottom + picture_get_part (self, self->curve->len - 1)[3]) / 2;

  for (guint i = 0; i < self->curve->len; i++)
    if (picture_get_part (self, i)[3] <= half)
      return picture_get_part (self, i)[2];
  g_assert_not_reached ();
}

/* From nobody to all, a part per bar, each where the last one ends; half have it by the median. */
static void
test_curve (void)
{
  SimReport report;
  g_autofree char *svg = play_and_draw (&report);
  g_auto(Picture) picture = { 0 };
  double step, median;

  picture_read (&picture, svg);
  g_assert_cmpuint (picture.n_bars, >, 0);
  g_assert_cmpuint (picture.curve->len, ==, picture.n_bars);
  for (guint i = 1; i < picture.curve->len; i++)
    {
      const double *last = picture_get_part (&picture, i - 1);
      const double *part = picture_get_part (&picture, i);

      g_assert_cmpfloat_with_epsilon (part[0], last[2], ROUNDED);
      g_assert_cmpfloat_with_epsilon (part[1], last[3], ROUNDED);
      g_assert_cmpfloat (part[2], >, part[0]);
      g_assert_cmpfloat (part[3], <=, part[1]); /* y is downwards */
    }
  g_assert_cmpfloat (picture_get_part (&picture, picture.curve->len - 1)[3], <, picture_get_part (&picture, 0)[1]);

  g_assert_cmpfloat (picture.ticks[0], >, 0);
  g_assert_cmpfloat (picture.ticks[1], >, picture.ticks[0]);
  median = picture.ticks[0]
           + log (report.median / 20000) / log (50. / 20) * (picture.ticks[1] - picture.ticks[0]);
  step = picture_get_part (&picture, 0)[2] - picture_get_part (&picture, 0)[0];
  g_assert_cmpfloat_with_epsilon (picture_find_half (&picture), median, step + ROUNDED);
}

/* Before anything was published: no curve, but all the nodes. */
static void
test_nothing (void)
{
  g_autoptr(SimScenario) scenario = make_scenario ();
  g_autoptr(SimDirector) director = sim_director_new (scenario, NULL);
  g_autofree char *svg = sim_svg_draw (director);
  g_auto(Picture) picture = { 0 };

  picture_read (&picture, svg);
  g_assert_cmpuint (picture.n_circles, ==, NODES);
  g_assert_cmpuint (picture.n_mesh + picture.n_tree + picture.n_bars + picture.curve->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim-svg/each node is drawn once, as what it is", test_nodes);
  g_test_add_func ("/sim-svg/the curve of latencies rises from nobody to all, and passes the median", test_curve);
  g_test_add_func ("/sim-svg/a run without a message is a picture, too", test_nothing);
  return g_test_run ();
}
