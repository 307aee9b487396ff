/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the program thinks of peers: kept by the core, whether it runs or not, and known to the router while it does.
 */
#include "config.h"

#include <math.h>

#include "avi-error.h"
#include "core-fixture.h"
#include "engine/avi-engine-private.h"
#include "engine/avi-pubsub-private.h"
#include "protocols/gossipsub/avi-gossipsub-private.h"

typedef struct
{
  CoreFixture core;
  AviPeerId   peer;
  char       *id;
  double      known; /* to the router; NAN: none */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr(AviKeyPair) key = NULL;

  core_fixture_init (&f->core);
  key = avi_key_pair_generate ();
  f->peer = *avi_key_pair_get_peer_id (key);
  f->id = avi_peer_id_to_string (&f->peer);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  core_fixture_clear (&f->core);
  g_free (f->id);
}

static void
look (AviEngine *engine, gpointer data)
{
  Fixture *f = data;
  const double *score = g_hash_table_lookup (engine->pubsub->router->application_scores, &f->peer);

  f->known = score != NULL ? *score : NAN;
}

static double
get_known (Fixture *f)
{
  core_fixture_inspect (&f->core, look, f);
  return f->known;
}

static void
set_score (Fixture *f, double score)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (avi_core_set_peer_score (f->core.core, f->id, score, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (avi_core_get_peer_score (f->core.core, f->id), ==, score);
}

static void
test_lasts (Fixture *f, gconstpointer data)
{
  set_score (f, -7.5);
  core_fixture_start (&f->core);
  g_assert_cmpfloat (get_known (f), ==, -7.5);
  set_score (f, 3);
  g_assert_cmpfloat (get_known (f), ==, 3);
  core_fixture_stop (&f->core);
  core_fixture_start (&f->core);
  g_assert_cmpfloat (get_known (f), ==, 3);
  set_score (f, 0);
  g_assert_true (isnan (get_known (f)));
}

/* All its forms name the same peer. */
static void
test_forms (Fixture *f, gconstpointer data)
{
  g_autofree char *cid = avi_peer_id_to_cid (&f->peer);

  g_assert_true (avi_core_set_peer_score (f->core.core, cid, 5, NULL));
  g_assert_cmpfloat (avi_core_get_peer_score (f->core.core, f->id), ==, 5);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  static const double scores[] = { 1000001, -1000000.5, INFINITY, -INFINITY, NAN };
  g_autoptr(GError) error = NULL;

  set_score (f, -1000000);
  set_score (f, 1000000);
  for (guint i = 0; i < G_N_ELEMENTS (scores); i++)
    {
      g_assert_false (avi_core_set_peer_score (f->core.core, f->id, scores[i], &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, "from -1000000 to 1000000"));
      g_clear_error (&error);
    }
  g_assert_false (avi_core_set_peer_score (f->core.core, "nobody", 1, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_assert_cmpfloat (avi_core_get_peer_score (f->core.core, f->id), ==, 1000000);
  g_assert_cmpfloat (avi_core_get_peer_score (f->core.core, "nobody"), ==, 0);
}

/* Of the @number-th other peer: (transfer full) */
static char *
make_id (Fixture *f, guint number)
{
  AviPeerId other = f->peer;

  memcpy (other.bytes + 4, &number, sizeof number);
  return avi_peer_id_to_string (&other);
}

static void
test_so_many (Fixture *f, gconstpointer data)
{
  g_autofree char *one_more = make_id (f, AVI_GOSSIPSUB_MAX_APPLICATION_SCORES);
  g_autoptr(GError) error = NULL;

  core_fixture_start (&f->core);
  set_score (f, 1);
  for (guint i = 1; i < AVI_GOSSIPSUB_MAX_APPLICATION_SCORES; i++)
    {
      g_autofree char *id = make_id (f, i);

      g_assert_true (avi_core_set_peer_score (f->core.core, id, 1, NULL));
    }
  set_score (f, 2); /* it has one */
  g_assert_false (avi_core_set_peer_score (f->core.core, one_more, 1, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "1024 peers"));
  g_assert_nonnull (strstr (error->message, one_more));
  set_score (f, 0);
  g_assert_true (avi_core_set_peer_score (f->core.core, one_more, 1, NULL));
}

#define ADD(what, test) g_test_add ("/core-scores/" what, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a score lasts over stop and start, and the router knows it at once", test_lasts);
  ADD ("a peer is the same in each form of its id", test_forms);
  ADD ("scores out of their range are refused, and who is no peer", test_refused);
  ADD ("so many peers have one", test_so_many);
  return g_test_run ();
}
