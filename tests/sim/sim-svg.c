/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-svg.h"

#include <math.h>

#define WIDTH         900
#define CHART_HEIGHT  300
#define CHART_TOP     50
#define CHART_LEFT    60
#define CHART_WIDTH   (WIDTH - 2 * CHART_LEFT)
#define MESH_TOP      (CHART_TOP + CHART_HEIGHT + 90)
#define HEIGHT        (MESH_TOP + WIDTH)
#define BARS          80
#define MOST_EDGES    12000 /* beyond, only those of the tree are drawn */
#define NOBODY        G_MAXUINT

/* g_string_append_printf would write 1,5 in some locales. */
static void
sim_svg_number (GString *out, const char *before, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (out, before);
  g_string_append (out, g_ascii_formatd (text, sizeof text, "%.1f", value));
}

static void
sim_svg_line (GString *out, double x1, double y1, double x2, double y2, const char *class)
{
  sim_svg_number (out, "<line x1=\"", x1);
  sim_svg_number (out, "\" y1=\"", y1);
  sim_svg_number (out, "\" x2=\"", x2);
  sim_svg_number (out, "\" y2=\"", y2);
  g_string_append_printf (out, "\" class=\"%s\"/>\n", class);
}

static void
sim_svg_text (GString *out, double x, double y, const char *anchor, const char *text)
{
  sim_svg_number (out, "<text x=\"", x);
  sim_svg_number (out, "\" y=\"", y);
  g_string_append_printf (out, "\" text-anchor=\"%s\">%s</text>\n", anchor, text);
}

/* --- latencies --- */

typedef struct
{
  guint  bars[BARS];
  guint  n;
  double from, to; /* log10 of µs */
} SimHistogram;

static void
sim_histogram_make (SimHistogram *self, Sim *sim)
{
  guint32 least = G_MAXUINT32, most = 1;

  *self = (SimHistogram) { 0 };
  for (guint pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < sim->record.messages->len; i++)
        {
          GArray *latencies = ((SimPublished *) sim->record.messages->pdata[i])->latencies;

          for (guint j = 0; j < latencies->len; j++)
            {
              guint32 latency = MAX (g_array_index (latencies, guint32, j), 1);
              double place = (log10 (latency) - self->from) / (self->to - self->from) * BARS;

              if (pass == 0)
                {
                  least = MIN (least, latency);
                  most = MAX (most, latency);
                }
              else
                {
                  self->bars[MIN ((guint) MAX (place, 0), BARS - 1)]++;
                  self->n++;
                }
            }
        }
      self->from = log10 (MIN (least, most)) - 0.05;
      self->to = log10 (most) + 0.05;
    }
}

static double
sim_histogram_get_x (const SimHistogram *self, double us)
{
  return CHART_LEFT + (log10 (us) - self->from) / (self->to - self->from) * CHART_WIDTH;
}

static void
sim_svg_draw_axis (GString *out, const SimHistogram *histogram)
{
  static const double steps[] = { 1, 2, 5 };
  double bottom = CHART_TOP + CHART_HEIGHT;

  sim_svg_line (out, CHART_LEFT, bottom, CHART_LEFT + CHART_WIDTH, bottom, "axis");
  for (double decade = 1; decade < 1e10; decade *= 10)
    for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
      {
        double us = decade * steps[i];
        double x = sim_histogram_get_x (histogram, us);
        g_autofree char *label = us < 1e6 ? g_strdup_printf ("%g ms", us / 1e3) : g_strdup_printf ("%g s", us / 1e6);

        if (log10 (us) < histogram->from || log10 (us) > histogram->to)
          continue;
        sim_svg_line (out, x, bottom, x, bottom + 5, "axis");
        sim_svg_text (out, x, bottom + 20, "middle", label);
      }
}

/* Bars, and a line of how many had it by then. */
static void
sim_svg_draw_latencies (GString *out, Sim *sim)
{
  SimHistogram histogram;
  double width = (double) CHART_WIDTH / BARS;
  guint most = 1, so_far = 0;

  sim_svg_text (out, CHART_LEFT, CHART_TOP - 25, "start", "From publish to delivery; the line: who has it by then");
  sim_histogram_make (&histogram, sim);
  if (histogram.n == 0)
    return;
  sim_svg_draw_axis (out, &histogram);
  for (guint i = 0; i < BARS; i++)
    most = MAX (most, histogram.bars[i]);
  for (guint i = 0; i < BARS; i++)
    {
      double height = (double) histogram.bars[i] / most * CHART_HEIGHT;
      double x = CHART_LEFT + i * width;
      double before = (double) so_far / histogram.n;

      so_far += histogram.bars[i];
      sim_svg_number (out, "<rect x=\"", x + 0.5);
      sim_svg_number (out, "\" y=\"", CHART_TOP + CHART_HEIGHT - height);
      sim_svg_number (out, "\" width=\"", width - 1);
      sim_svg_number (out, "\" height=\"", height);
      g_string_append (out, "\" class=\"bar\"/>\n");
      sim_svg_line (out, x, CHART_TOP + CHART_HEIGHT * (1 - before), x + width,
                    CHART_TOP + CHART_HEIGHT * (1 - (double) so_far / histogram.n), "share");
    }
}

/* --- the mesh --- */

typedef struct
{
  guint  hops;   /* from the centre; NOBODY: not reached */
  guint  parent;
  guint  leaves; /* below it in the tree, itself included where it is one */
  double angle, width; /* of a turn: the part of the circle that is its own */
  double x, y;
} SimPlace;

typedef struct
{
  Sim      *sim;
  GArray  **meshes; /* of guint: numbers, per node; NULL: none */
  SimPlace *places;
  GArray   *order;  /* of guint: as reached */
  guint     most_hops;
} SimMap;

static GArray *
sim_map_list_mesh (Sim *sim, SimNode *node)
{
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr(GArray) ids = NULL;

  if (node->router == NULL)
    return numbers;
  ids = sim_router_list_mesh (node->router, SIM_TOPIC);
  for (guint i = 0; i < ids->len; i++)
    {
      SimNode *other = g_hash_table_lookup (sim->numbers, &g_array_index (ids, AviPeerId, i));

      g_array_append_val (numbers, other->number);
    }
  return numbers;
}

static void
sim_map_reach (SimMap *self, guint node, guint parent, guint hops)
{
  self->places[node].hops = hops;
  self->places[node].parent = parent;
  self->most_hops = MAX (self->most_hops, hops);
  g_array_append_val (self->order, node);
}

/* The centre is the attack's victim, else the first honest node that is up. */
static guint
sim_map_choose_centre (SimMap *self, guint victim)
{
  if (victim < self->sim->nodes->len)
    return victim;
  for (guint i = 0; i < self->sim->nodes->len; i++)
    if (sim_node_counts (sim_get (self->sim, i)))
      return i;
  return 0;
}

static void
sim_map_walk (SimMap *self, guint centre)
{
  sim_map_reach (self, centre, NOBODY, 0);
  for (guint i = 0; i < self->order->len; i++)
    {
      guint node = g_array_index (self->order, guint, i);

      for (guint j = 0; j < self->meshes[node]->len; j++)
        {
          guint other = g_array_index (self->meshes[node], guint, j);

          if (self->places[other].hops == NOBODY)
            sim_map_reach (self, other, node, self->places[node].hops + 1);
        }
    }
  for (guint i = self->order->len; i > 0; i--)
    {
      SimPlace *place = &self->places[g_array_index (self->order, guint, i - 1)];

      place->leaves = MAX (place->leaves, 1);
      if (place->parent != NOBODY)
        self->places[place->parent].leaves += place->leaves;
    }
}

static void
sim_place_put (SimPlace *self, double radius)
{
  double angle = 2 * G_PI * (self->angle + self->width / 2);

  self->x = WIDTH / 2. + radius * cos (angle);
  self->y = MESH_TOP + WIDTH / 2. + radius * sin (angle);
}

/* A ring per hop; each node's children share its part of the circle. Who is not reached is outside. */
static void
sim_map_lay_out (SimMap *self)
{
  double step = (WIDTH / 2. - 40) / (self->most_hops + 1);
  guint n_left = self->sim->nodes->len - self->order->len;
  guint outside = 0;

  for (guint i = 0; i < self->order->len; i++)
    {
      SimPlace *place = &self->places[g_array_index (self->order, guint, i)];

      if (place->parent == NOBODY)
        place->width = 1;
      else
        {
          SimPlace *parent = &self->places[place->parent];

          place->width = parent->width * place->leaves / parent->leaves;
          place->angle = parent->angle;
          parent->angle += place->width; /* where its next child begins; it has been put already */
        }
      sim_place_put (place, step * place->hops);
    }
  for (guint i = 0; i < self->sim->nodes->len; i++)
    if (self->places[i].hops == NOBODY)
      {
        self->places[i].angle = (double) outside++ / n_left;
        sim_place_put (&self->places[i], step * (self->most_hops + 1));
      }
}

static void
sim_map_draw_edges (SimMap *self, GString *out)
{
  guint n = 0;

  for (guint i = 0; i < self->sim->nodes->len; i++)
    n += self->meshes[i]->len;
  for (guint i = 0; i < self->sim->nodes->len && n / 2 <= MOST_EDGES; i++)
    for (guint j = 0; j < self->meshes[i]->len; j++)
      {
        guint other = g_array_index (self->meshes[i], guint, j);

        if (i < other || sim_get (self->sim, other)->router == NULL)
          sim_svg_line (out, self->places[i].x, self->places[i].y, self->places[other].x, self->places[other].y,
                        "mesh");
      }
  for (guint i = 0; i < self->order->len; i++)
    {
      SimPlace *place = &self->places[g_array_index (self->order, guint, i)];

      if (place->parent != NOBODY)
        sim_svg_line (out, place->x, place->y, self->places[place->parent].x, self->places[place->parent].y, "tree");
    }
}

static void
sim_map_draw_nodes (SimMap *self, GString *out)
{
  double radius = self->sim->nodes->len > 500 ? 2 : 4;

  for (guint i = 0; i < self->sim->nodes->len; i++)
    {
      SimNode *node = sim_get (self->sim, i);
      const char *class = node->hostile != NULL ? "hostile" : node->state != SIM_NODE_UP ? "away" : "node";

      sim_svg_number (out, "<circle cx=\"", self->places[i].x);
      sim_svg_number (out, "\" cy=\"", self->places[i].y);
      sim_svg_number (out, "\" r=\"", self->places[i].hops == 0 ? 2 * radius : radius);
      g_string_append_printf (out, "\" class=\"%s\"><title>node %u</title></circle>\n", class, i);
    }
}

static void
sim_svg_draw_mesh (GString *out, Sim *sim, guint victim)
{
  SimMap map = { .sim = sim };
  g_autofree char *title = NULL;

  map.meshes = g_new0 (GArray *, sim->nodes->len);
  map.places = g_new0 (SimPlace, sim->nodes->len);
  map.order = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < sim->nodes->len; i++)
    {
      map.meshes[i] = sim_map_list_mesh (sim, sim_get (sim, i));
      map.places[i].hops = NOBODY;
    }
  sim_map_walk (&map, sim_map_choose_centre (&map, victim));
  sim_map_lay_out (&map);
  title = g_strdup_printf ("The mesh, a ring per hop from %s; red: hostile; grey: away",
                           victim < sim->nodes->len ? "the victim" : "one node");
  sim_svg_text (out, CHART_LEFT, MESH_TOP - 10, "start", title);
  sim_map_draw_edges (&map, out);
  sim_map_draw_nodes (&map, out);

  for (guint i = 0; i < sim->nodes->len; i++)
    g_array_unref (map.meshes[i]);
  g_free (map.meshes);
  g_free (map.places);
  g_array_unref (map.order);
}

char *
sim_svg_draw (SimDirector *director)
{
  GString *out = g_string_new (NULL);

  g_string_append_printf (out,
                          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                          "font-size=\"14\">\n",
                          WIDTH, HEIGHT);
  g_string_append (out,
                   "<style>.bar { fill: #8fb8de } .axis { stroke: #444 } .share { stroke: #c05020; stroke-width: 2 } "
                   ".mesh { stroke: #3465a4; stroke-width: 0.4; opacity: 0.2 } .tree { stroke: #3465a4; opacity: 0.6 } "
                   ".node { fill: #204a87 } .hostile { fill: #cc0000 } .away { fill: #aaaaaa }</style>\n"
                   "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
  sim_svg_draw_latencies (out, director->sim);
  sim_svg_draw_mesh (out, director->sim, director->victim);
  g_string_append (out, "</svg>\n");
  return g_string_free (out, FALSE);
}
