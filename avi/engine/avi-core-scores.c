/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the program thinks of peers, whether or not they are connected (P5 of gossipsub's score).
 */
#include "config.h"

#include "avi-core-internal.h"
#include "avi-error.h"
#include "protocols/gossipsub/avi-gossipsub.h"

static gboolean
avi_core_check_score (double   score,
                      GError **error)
{
  char given[G_ASCII_DTOSTR_BUF_SIZE];

  if (score >= -AVI_CORE_MAX_PEER_SCORE && score <= AVI_CORE_MAX_PEER_SCORE) /* and is a number */
    return TRUE;
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT,
               "The score of a peer cannot be %s: it is a number from -%d to %d",
               g_ascii_formatd (given, sizeof given, "%.9g", score), AVI_CORE_MAX_PEER_SCORE, AVI_CORE_MAX_PEER_SCORE);
  return FALSE;
}

static double
avi_core_get_peer_score_locked (AviCore         *self,
                                const AviPeerId *peer)
{
  const double *score = g_hash_table_lookup (self->peer_scores, peer);

  return score != NULL ? *score : 0;
}

static void
avi_core_change_score_locked (AviCore         *self,
                              const AviPeerId *peer,
                              double           score)
{
  AviCommand *command;

  if (score != 0)
    g_hash_table_replace (self->peer_scores, g_memdup2 (peer, sizeof *peer), g_memdup2 (&score, sizeof score));
  else
    g_hash_table_remove (self->peer_scores, peer);
  if (self->engine == NULL)
    return;
  command = avi_command_new (AVI_COMMAND_SET_PEER_SCORE, NULL, NULL);
  command->peer = *peer;
  command->score = score;
  avi_core_send_locked (self, command);
}

gboolean
avi_core_set_peer_score (AviCore    *self,
                         const char *peer,
                         double      score,
                         GError    **error)
{
  gboolean good = TRUE;
  AviPeerId id;
  double before;

  if (!avi_peer_id_parse (peer, &id, error) || !avi_core_check_score (score, error))
    return FALSE;
  avi_core_lock (self);
  before = avi_core_get_peer_score_locked (self, &id);
  if (before == 0 && score != 0 && g_hash_table_size (self->peer_scores) >= AVI_GOSSIPSUB_MAX_APPLICATION_SCORES)
    {
      good = FALSE;
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "This device has scores for %d peers already, no more are allowed: not for %s",
                   AVI_GOSSIPSUB_MAX_APPLICATION_SCORES, peer);
    }
  else if (score != before)
    avi_core_change_score_locked (self, &id, score);
  avi_unlock (&self->lock);
  return good;
}

double
avi_core_get_peer_score (AviCore    *self,
                         const char *peer)
{
  AviPeerId id;
  double score;

  if (!avi_peer_id_parse (peer, &id, NULL))
    return 0;
  avi_core_lock (self);
  score = avi_core_get_peer_score_locked (self, &id);
  avi_unlock (&self->lock);
  return score;
}

GHashTable *
avi_core_dup_peer_scores (AviCore *self)
{
  GHashTable *copy = avi_core_new_peer_scores ();
  GHashTableIter iter;
  gpointer peer, score;

  avi_core_lock (self);
  g_hash_table_iter_init (&iter, self->peer_scores);
  while (g_hash_table_iter_next (&iter, &peer, &score))
    g_hash_table_insert (copy, g_memdup2 (peer, sizeof (AviPeerId)), g_memdup2 (score, sizeof (double)));
  avi_unlock (&self->lock);
  return copy;
}

GHashTable *
avi_core_new_peer_scores (void)
{
  return g_hash_table_new_full (avi_peer_id_hash, avi_peer_id_equal, g_free, g_free);
}
