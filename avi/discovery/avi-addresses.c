/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-addresses.h"

struct _AviAddresses
{
  GPtrArray *known; /* of AviKnownAddress */
};

static void
avi_known_address_free (AviKnownAddress *self)
{
  avi_multiaddr_unref (self->address);
  g_free (self->error);
  g_free (self);
}

AviAddresses *
avi_addresses_new (void)
{
  AviAddresses *self = g_new0 (AviAddresses, 1);

  self->known = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_known_address_free);
  return self;
}

void
avi_addresses_free (AviAddresses *self)
{
  g_ptr_array_unref (self->known);
  g_free (self);
}

guint
avi_addresses_get_n (AviAddresses *self)
{
  return self->known->len;
}

const AviKnownAddress *
avi_addresses_get (AviAddresses *self,
                   guint         index)
{
  return g_ptr_array_index (self->known, index);
}

static AviKnownAddress *
avi_addresses_find (AviAddresses       *self,
                    const AviMultiaddr *address)
{
  for (guint i = 0; i < self->known->len; i++)
    {
      AviKnownAddress *known = g_ptr_array_index (self->known, i);

      if (avi_multiaddr_equal (known->address, address))
        return known;
    }
  return NULL;
}

static gboolean
avi_known_address_is_worse (const AviKnownAddress *self,
                            const AviKnownAddress *other,
                            guint                  source)
{
  gboolean own = (self->sources & ~source) == 0;
  gboolean other_own = (other->sources & ~source) == 0;

  if (own != other_own)
    return own;
  if (self->failures != other->failures)
    return self->failures > other->failures;
  return other->used && !self->used;
}

/* Where all places are taken, an address goes that only @source knows, so that whoever names many pushes
 * out nobody else's; of these, or where there is none, the one that failed most often. */
static void
avi_addresses_make_room (AviAddresses *self,
                         guint         source)
{
  AviKnownAddress *worst = NULL;

  if (self->known->len < AVI_ADDRESSES_MAX)
    return;
  for (guint i = 0; i < self->known->len; i++)
    {
      AviKnownAddress *known = g_ptr_array_index (self->known, i);

      if (worst == NULL || avi_known_address_is_worse (known, worst, source))
        worst = known;
    }
  g_ptr_array_remove (self->known, worst);
}

gboolean
avi_addresses_add (AviAddresses *self,
                   AviMultiaddr *address,
                   guint         source)
{
  g_autoptr(AviMultiaddr) bare = avi_multiaddr_without_peer (address);
  AviKnownAddress *known;
  gboolean is_new;

  /* A peer id alone says nothing of where. */
  if (bare == NULL)
    return FALSE;
  known = avi_addresses_find (self, bare);
  is_new = known == NULL;
  if (is_new)
    {
      avi_addresses_make_room (self, source);
      known = g_new0 (AviKnownAddress, 1);
      known->address = avi_multiaddr_ref (bare);
      g_ptr_array_add (self->known, known);
    }
  known->sources |= source;
  return is_new;
}

gboolean
avi_addresses_replace (AviAddresses *self,
                       guint         source,
                       GPtrArray    *addresses)
{
  gboolean any_new = FALSE;

  for (guint i = 0; i < self->known->len; i++)
    {
      AviKnownAddress *known = g_ptr_array_index (self->known, i);

      known->sources &= ~source;
    }
  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    any_new |= avi_addresses_add (self, g_ptr_array_index (addresses, i), source);
  for (guint i = self->known->len; i > 0; i--)
    {
      AviKnownAddress *known = g_ptr_array_index (self->known, i - 1);

      if (known->sources == 0)
        g_ptr_array_remove_index (self->known, i - 1);
    }
  return any_new;
}

guint
avi_addresses_get_sources (AviAddresses *self)
{
  guint sources = 0;

  for (guint i = 0; i < self->known->len; i++)
    {
      const AviKnownAddress *known = g_ptr_array_index (self->known, i);

      sources |= known->sources;
    }
  return sources;
}

guint
avi_addresses_get_sources_of (AviAddresses       *self,
                              const AviMultiaddr *address)
{
  AviKnownAddress *known = avi_addresses_find (self, address);

  return known != NULL ? known->sources : 0;
}

void
avi_addresses_note (AviAddresses       *self,
                    const AviMultiaddr *address,
                    const char         *error)
{
  AviKnownAddress *known = avi_addresses_find (self, address);

  if (known == NULL)
    return;
  g_free (known->error);
  known->error = g_strdup (error);
  known->failures = error != NULL ? known->failures + 1 : 0;
  known->used = known->used || error == NULL;
}

void
avi_addresses_remove (AviAddresses       *self,
                      const AviMultiaddr *address)
{
  AviKnownAddress *known = avi_addresses_find (self, address);

  if (known != NULL)
    g_ptr_array_remove (self->known, known);
}

void
avi_addresses_forgive (AviAddresses *self)
{
  for (guint i = 0; i < self->known->len; i++)
    {
      AviKnownAddress *known = g_ptr_array_index (self->known, i);

      known->failures = 0;
    }
}

typedef struct
{
  const AviKnownAddress *known;
  guint                  rank;
  gboolean               is_ip6;
} Candidate;

static gint
avi_candidate_compare (gconstpointer a,
                       gconstpointer b)
{
  const Candidate *one = a;
  const Candidate *two = b;

  if (one->rank != two->rank)
    return one->rank < two->rank ? -1 : 1;
  if (one->known->used != two->known->used)
    return one->known->used ? -1 : 1;
  if (one->known->failures != two->known->failures)
    return one->known->failures < two->known->failures ? -1 : 1;
  return 0;
}

static gboolean
avi_addresses_is_ip6 (const AviMultiaddr *address)
{
  AviMultiaddrIter iter = { 0 };

  return avi_multiaddr_next (address, &iter)
         && (iter.protocol == AVI_MULTIADDR_IP6 || iter.protocol == AVI_MULTIADDR_IP6ZONE);
}

/* Within a run of one rank: a family that has just had its turn waits where the other has one. */
static void
avi_addresses_alternate (GArray *candidates)
{
  for (guint i = 1; i < candidates->len; i++)
    {
      Candidate *before = &g_array_index (candidates, Candidate, i - 1);
      Candidate *here = &g_array_index (candidates, Candidate, i);

      if (here->rank != before->rank || here->is_ip6 != before->is_ip6)
        continue;
      for (guint j = i + 1; j < candidates->len; j++)
        {
          Candidate other = g_array_index (candidates, Candidate, j);

          if (other.rank != here->rank)
            break;
          if (other.is_ip6 == before->is_ip6)
            continue;
          g_array_remove_index (candidates, j);
          g_array_insert_val (candidates, i, other);
          break;
        }
    }
}

GPtrArray *
avi_addresses_sort (AviAddresses  *self,
                    AviAddressRank rank,
                    gpointer       user_data)
{
  g_autoptr(GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  GPtrArray *sorted = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 0; i < self->known->len; i++)
    {
      const AviKnownAddress *known = g_ptr_array_index (self->known, i);
      Candidate candidate = { known, rank (user_data, known->address), avi_addresses_is_ip6 (known->address) };

      if (candidate.rank != G_MAXUINT)
        g_array_append_val (candidates, candidate);
    }
  /* g_array_sort is stable: what came first stays first among equals. */
  g_array_sort (candidates, avi_candidate_compare);
  avi_addresses_alternate (candidates);
  for (guint i = 0; i < candidates->len; i++)
    g_ptr_array_add (sorted, avi_multiaddr_ref (g_array_index (candidates, Candidate, i).known->address));
  return sorted;
}
