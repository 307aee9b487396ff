/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What comes in: questions, which become answers that wait, and responses of every family's form.
 */
#include "config.h"

#include "discovery/avi-mdns-private.h"

#include <netinet/in.h>

#include "avi-error.h"
#include "discovery/avi-mdns-near.h"
#include "discovery/avi-mdns-txt.h"

#define MILLISECOND       G_GINT64_CONSTANT (1000)
#define SECOND            G_GINT64_CONSTANT (1000000)

#define UNICAST_COST      (20 * MILLISECOND) /* 50 a second */
#define UNICAST_BURST     SECOND
#define RESOLVE_SPACING   SECOND

#define MAX_NAMED         32 /* instances of one packet whose PTR we remember */

static void
avi_mdns_read_again (AviDnsReader *reader,
                     AviSpan       message)
{
  avi_dns_reader_init (reader, message, NULL);
}

/* RFC 6762, section 6: before what others may do at the same moment, 20 to 120 ms. */
static gint64
avi_mdns_random_while (AviMdns *self)
{
  return 20 * MILLISECOND + avi_random_below (self->random, 100 * MILLISECOND);
}

/* --- queries --- */

static guint16
avi_mdns_get_port (const struct sockaddr_storage *address)
{
  return address->ss_family == AF_INET ? ntohs (((const struct sockaddr_in *) address)->sin_port)
                                       : ntohs (((const struct sockaddr_in6 *) address)->sin6_port);
}

static gboolean
avi_mdns_is_same_host (const struct sockaddr_storage *a,
                       const struct sockaddr_storage *b)
{
  if (a->ss_family != b->ss_family)
    return FALSE;
  if (a->ss_family == AF_INET)
    return memcmp (&((const struct sockaddr_in *) a)->sin_addr, &((const struct sockaddr_in *) b)->sin_addr, 4) == 0;
  return memcmp (&((const struct sockaddr_in6 *) a)->sin6_addr, &((const struct sockaddr_in6 *) b)->sin6_addr, 16) == 0;
}

typedef struct
{
  AviMdns             *mdns;
  AviMdnsInterface    *interface;
  AviMdnsSide         *side;
  const AviMdnsPacket *packet;
  gint64               now;

  gboolean       legacy;    /* from a port that is not 5353: a plain resolver, or rust-libp2p */
  gboolean       probe;
  guint          multicast; /* kinds asked for, as bits */
  AviMdnsUnicast unicast;
  guint          known[AVI_MDNS_N_KINDS]; /* records of ours that the querier has */
  guint          n_questions;
  gboolean       asks_all;  /* for the service, of everybody */
  gboolean       knows_more; /* than we do: an instance in its list of known answers is news */
} Query;

/* RFC 6762, section 6.7: plain resolvers hear unicast only; but rust-libp2p, which asks from such a
 * port too, hears multicast only. */
static void
avi_mdns_query_ask (Query              *self,
                    const AviDnsRecord *question,
                    guint               bits)
{
  if (!self->legacy)
    {
      if (question->top_bit)
        self->unicast.bits |= bits;
      else
        self->multicast |= bits;
      return;
    }

  self->multicast |= bits & AVI_MDNS_BIT (AVI_MDNS_PTR);
  if (self->unicast.bits != 0)
    return;
  self->unicast.bits = bits;
  self->unicast.name = question->name;
  self->unicast.type = question->type;
  self->unicast.klass = question->klass;
}

static void
avi_mdns_query_read (Query        *self,
                     AviDnsReader *reader)
{
  AviMdnsRecords *records = self->interface->records;
  const AviMdnsNames *names = &self->mdns->names;
  AviDnsRecord record;

  while (avi_dns_reader_next (reader, &record, NULL) && record.section <= AVI_DNS_ANSWER)
    {
      if (record.section == AVI_DNS_QUESTION)
        {
          self->n_questions++;
          if (!record.top_bit && record.type == AVI_DNS_TYPE_PTR && avi_dns_name_equal (&record.name, &names->service))
            self->asks_all = TRUE;
          if (records != NULL)
            avi_mdns_query_ask (self, &record, avi_mdns_records_match (records, names, &record));
          continue;
        }

      AviMdnsKind kind = records != NULL ? avi_mdns_records_find (records, names, &record) : AVI_MDNS_N_KINDS;

      if (record.target.len > 0 && kind == AVI_MDNS_N_KINDS
          && !avi_mdns_cache_knows (self->mdns->cache, avi_dns_name_hash (&record.target)))
        self->knows_more = TRUE;
      if (kind != AVI_MDNS_N_KINDS && record.ttl >= avi_mdns_kind_get_ttl (kind) / 2)
        self->known[kind]++;
    }
}

/* The kinds of which the querier has every record (RFC 6762, section 7.1). */
static guint
avi_mdns_query_get_known (Query *self)
{
  guint bits = 0;

  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      if (self->known[kind] > 0 && self->known[kind] >= avi_mdns_records_count (self->interface->records, kind))
        bits |= AVI_MDNS_BIT (kind);
    }
  return bits;
}

/* What was not multicast for long is, for the others to hear too (RFC 6762, section 5.4). */
static void
avi_mdns_query_prefer_multicast (Query *self)
{
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      guint bit = AVI_MDNS_BIT (kind);

      if ((self->unicast.bits & bit) == 0 || avi_mdns_link_is_fresh (&self->side->link, kind, self->now))
        continue;
      self->unicast.bits &= ~bit;
      self->multicast |= bit;
    }
}

/* Shared records wait a random while, any where the rest of a list of known answers is to follow
 * (RFC 6762, section 7.2). */
static gint64
avi_mdns_query_get_due (Query   *self,
                        gboolean shared,
                        gboolean truncated)
{
  if (truncated)
    return self->now + 400 * MILLISECOND + avi_random_below (self->mdns->random, 100 * MILLISECOND);
  if (shared)
    return self->now + avi_mdns_random_while (self->mdns);
  return self->now;
}

static void
avi_mdns_query_answer_all (Query   *self,
                           gboolean truncated)
{
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      guint bit = AVI_MDNS_BIT (kind);

      if ((self->multicast & bit) != 0)
        avi_mdns_link_want (&self->side->link, bit,
                            avi_mdns_query_get_due (self, avi_mdns_kind_is_shared (kind), truncated), self->probe);
    }
  if ((self->multicast & AVI_MDNS_BIT (AVI_MDNS_PTR)) == 0)
    return;
  if (truncated)
    self->side->truncated = self->packet->remote;
  else
    self->side->truncated.ss_family = 0;
}

/* Bounded in rate, and in how many wait: an answer is larger than its question. */
static void
avi_mdns_query_answer_one (Query *self)
{
  AviMdns *mdns = self->mdns;
  gboolean shared = (self->unicast.bits & (AVI_MDNS_BIT (AVI_MDNS_PTR) | AVI_MDNS_BIT (AVI_MDNS_META))) != 0;

  if (!self->packet->near || avi_mdns_get_port (&self->packet->remote) == 0)
    return;
  if (mdns->unicasts->len >= AVI_MDNS_MAX_UNICASTS || mdns->unicast_free_at > self->now + UNICAST_BURST)
    return;
  mdns->unicast_free_at = MAX (mdns->unicast_free_at, self->now) + UNICAST_COST;

  self->unicast.ifindex = self->interface->ifindex;
  self->unicast.remote = self->packet->remote;
  self->unicast.legacy = self->legacy;
  self->unicast.due = avi_mdns_query_get_due (self, shared, FALSE);
  g_array_append_val (mdns->unicasts, self->unicast);
}

static void
avi_mdns_receive_query (AviMdns             *self,
                        AviMdnsInterface    *interface,
                        AviMdnsSide         *side,
                        const AviMdnsPacket *packet,
                        AviDnsReader        *reader,
                        gint64               now)
{
  Query query = { self, interface, side, packet, now };
  gboolean truncated = (reader->flags & AVI_DNS_FLAG_TRUNCATED) != 0;

  query.legacy = avi_mdns_get_port (&packet->remote) != AVI_MDNS_PORT;
  query.probe = reader->counts[AVI_DNS_AUTHORITY] > 0;
  query.unicast.id = reader->id;
  avi_mdns_query_read (&query, reader);

  if (query.asks_all && !query.knows_more && !truncated && !query.legacy && !packet->own)
    avi_mdns_link_overheard (&side->link, now, self->random);
  if (interface->records == NULL)
    return;

  guint known = avi_mdns_query_get_known (&query);

  /* The rest of a list whose beginning asked. */
  if (query.n_questions == 0 && avi_mdns_is_same_host (&side->truncated, &packet->remote))
    avi_mdns_link_unwant (&side->link, known & AVI_MDNS_BIT (AVI_MDNS_PTR));
  query.multicast &= ~known;
  query.unicast.bits &= ~known;

  if (!query.legacy)
    avi_mdns_query_prefer_multicast (&query);
  if (query.multicast != 0)
    avi_mdns_query_answer_all (&query, truncated);
  if (query.unicast.bits != 0)
    avi_mdns_query_answer_one (&query);
}

/* --- responses --- */

/* An instance that a PTR of the packet names. */
typedef struct
{
  guint      hash;
  guint32    ttl;
  gboolean   resolved; /* its TXT came along */
  gboolean   is_child; /* of the service, as it should be; rust-libp2p's are bare labels */
  AviDnsName name;
} Named;

typedef struct
{
  AviMdns             *mdns;
  AviMdnsInterface    *interface;
  AviMdnsSide         *side;
  const AviMdnsPacket *packet;
  gint64               now;
  Named                named[MAX_NAMED];
  guint                n_named;
} Response;

static Named *
avi_mdns_response_find (Response *self,
                        guint     hash)
{
  for (guint i = 0; i < self->n_named; i++)
    {
      if (self->named[i].hash == hash)
        return &self->named[i];
    }
  return NULL;
}

static void
avi_mdns_response_read_ptr (Response           *self,
                            const AviDnsRecord *record)
{
  const AviMdnsNames *names = &self->mdns->names;
  guint hash;

  if (record->target.len <= 1 || !avi_dns_name_equal (&record->name, &names->service)
      || avi_dns_name_equal (&record->target, &names->instance))
    return;
  hash = avi_dns_name_hash (&record->target);
  if (record->ttl == 0)
    avi_mdns_cache_withdraw (self->mdns->cache, hash, self->interface->ifindex, self->now);
  else if (self->n_named < MAX_NAMED && avi_mdns_response_find (self, hash) == NULL)
    self->named[self->n_named++] = (Named) {
      .hash = hash,
      .ttl = record->ttl,
      .is_child = avi_dns_name_is_child (&record->target, &names->service),
      .name = record->target,
    };
}

/* Learns what the strings say; our own come back to us by way of the group, or of a reflector. */
static void
avi_mdns_response_learn (Response           *self,
                         const AviDnsRecord *record,
                         guint               hash,
                         Named              *named)
{
  AviMdnsCache *cache = self->mdns->cache;
  guint ifindex = self->packet->ifindex;
  gsize offset = 0;
  AviSpan string;

  while (avi_dns_txt_next (record->data, &offset, &string))
    {
      g_autoptr(AviMultiaddr) address = NULL;
      AviPeerId peer;

      if (!avi_mdns_txt_parse (string, ifindex, self->packet->own, &peer, &address)
          || avi_peer_id_equal (&peer, &self->mdns->self_id))
        continue;
      if (address != NULL && !avi_mdns_is_near (self->packet, address))
        self->mdns->n_ignored++;
      else if (address != NULL)
        avi_mdns_cache_learn (cache, &peer, address, ifindex, hash, record->ttl, self->now);
      if (named != NULL && named->is_child)
        avi_mdns_cache_name (cache, &peer, avi_dns_name_get_label (&named->name), ifindex, named->ttl, self->now);
      if (record->top_bit && record->ttl > 0)
        avi_mdns_cache_flush (cache, &peer, hash, ifindex, self->now);
    }
}

/* RFC 6762, section 9: whose TXT is under our name, and names another peer, has taken that name. A
 * record of ours is known by our peer id, however it came back and whatever else is in it. */
static gboolean
avi_mdns_response_is_conflict (Response           *self,
                               const AviDnsRecord *record)
{
  gboolean foreign = FALSE;
  gsize offset = 0;
  AviSpan string;

  while (avi_dns_txt_next (record->data, &offset, &string))
    {
      g_autoptr(AviMultiaddr) address = NULL;
      AviPeerId peer;

      if (!avi_mdns_txt_parse (string, self->packet->ifindex, FALSE, &peer, &address))
        continue;
      if (avi_peer_id_equal (&peer, &self->mdns->self_id))
        return FALSE;
      foreign = TRUE;
    }
  return foreign;
}

static void
avi_mdns_response_read_txt (Response           *self,
                            const AviDnsRecord *record)
{
  const AviMdnsNames *names = &self->mdns->names;
  guint hash = avi_dns_name_hash (&record->name);
  Named *named = avi_mdns_response_find (self, hash);

  if (avi_dns_name_equal (&record->name, &names->instance))
    {
      if (record->ttl > 0 && avi_mdns_response_is_conflict (self, record))
        avi_mdns_rename (self->mdns, self->now);
      return;
    }
  if (named == NULL && !avi_dns_name_is_child (&record->name, &names->service))
    return;
  if (named != NULL)
    named->resolved = TRUE;
  avi_mdns_response_learn (self, record, hash, named);
}

static gboolean
avi_mdns_side_wants (const AviMdnsSide *self,
                     const AviDnsName  *name)
{
  for (guint i = 0; i < self->n_wanted; i++)
    {
      if (avi_dns_name_equal (&self->wanted[i], name))
        return TRUE;
    }
  return FALSE;
}

/* RFC 6763, section 12: that the TXT comes along is usual, not sure. */
static void
avi_mdns_response_resolve (Response *self)
{
  AviMdnsSide *side = self->side;
  gboolean any = FALSE;

  for (guint i = 0; i < self->n_named && side->n_wanted < AVI_MDNS_MAX_WANTED; i++)
    {
      const Named *named = &self->named[i];

      if (named->resolved || !named->is_child || avi_mdns_cache_knows (self->mdns->cache, named->hash)
          || avi_mdns_side_wants (side, &named->name))
        continue;
      side->wanted[side->n_wanted++] = named->name;
      any = TRUE;
    }
  if (any)
    avi_mdns_link_query (&side->link, self->now + avi_mdns_random_while (self->mdns), RESOLVE_SPACING, FALSE);
}

static void
avi_mdns_receive_response (AviMdns             *self,
                           AviMdnsInterface    *interface,
                           AviMdnsSide         *side,
                           const AviMdnsPacket *packet,
                           AviDnsReader        *reader,
                           gint64               now)
{
  Response response;
  AviDnsRecord record;

  response.mdns = self;
  response.interface = interface;
  response.side = side;
  response.packet = packet;
  response.now = now;
  response.n_named = 0;

  /* Twice: a TXT record may come before the PTR that makes it one of the service. */
  while (avi_dns_reader_next (reader, &record, NULL))
    {
      if (record.section != AVI_DNS_QUESTION && record.type == AVI_DNS_TYPE_PTR && record.klass == AVI_DNS_CLASS_IN)
        avi_mdns_response_read_ptr (&response, &record);
    }
  avi_mdns_read_again (reader, packet->bytes);
  while (avi_dns_reader_next (reader, &record, NULL))
    {
      if (record.section != AVI_DNS_QUESTION && record.type == AVI_DNS_TYPE_TXT && record.klass == AVI_DNS_CLASS_IN)
        avi_mdns_response_read_txt (&response, &record);
    }
  avi_mdns_response_resolve (&response);
}

/* --- all --- */

/* The whole message is sound, or nothing of it counts. */
static gboolean
avi_mdns_check (AviSpan   message,
                GError  **error)
{
  g_autoptr(GError) problem = NULL;
  AviDnsReader reader;
  AviDnsRecord record;

  if (message.len > AVI_MDNS_MAX_PACKET)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "mDNS packet of %" G_GSIZE_FORMAT " bytes, the limit is %u",
                   message.len, AVI_MDNS_MAX_PACKET);
      return FALSE;
    }
  if (avi_dns_reader_init (&reader, message, &problem))
    {
      while (avi_dns_reader_next (&reader, &record, &problem))
        continue;
    }
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

gboolean
avi_mdns_receive (AviMdns             *self,
                  const AviMdnsPacket *packet,
                  gint64               now,
                  GError             **error)
{
  AviMdnsInterface *interface = avi_mdns_find_interface (self, packet->ifindex);
  AviDnsReader reader;

  if (interface == NULL || self->leaving)
    return TRUE;
  if (packet->remote.ss_family != AF_INET && packet->remote.ss_family != AF_INET6)
    return TRUE;

  AviMdnsSide *side = &interface->sides[packet->remote.ss_family == AF_INET6];

  if (!side->link.up)
    return TRUE;
  if (!avi_mdns_check (packet->bytes, error))
    return FALSE;
  if (!packet->own && avi_mdns_quiet_heard (&interface->quiet, now))
    interface->tell = TRUE;

  avi_mdns_read_again (&reader, packet->bytes);
  if ((reader.flags & (AVI_DNS_OPCODE_MASK | AVI_DNS_RCODE_MASK)) != 0) /* RFC 6762, sections 18.3, 18.11 */
    return TRUE;
  if ((reader.flags & AVI_DNS_FLAG_RESPONSE) != 0)
    avi_mdns_receive_response (self, interface, side, packet, &reader, now);
  else
    avi_mdns_receive_query (self, interface, side, packet, &reader, now);
  return TRUE;
}
