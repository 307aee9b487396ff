/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-private.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define SECOND          G_GINT64_CONSTANT (1000000)

#define QUERY_SPACING   SECOND       /* of a query that somebody asked for */
#define REFRESH_SPACING (5 * SECOND) /* of one for records about to expire */
#define REFRESH_JITTER  (2 * SECOND)
#define RENAME_SPACING  (10 * SECOND)

/* 160 bits: unique without asking, so that there is nothing to probe for (RFC 6762, section 8.1). */
#define LABEL_LEN       32

static const int families[] = { AF_INET, AF_INET6 };

static void
avi_mdns_choose_names (AviMdns *self)
{
  static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  guint8 label[LABEL_LEN];

  for (guint i = 0; i < LABEL_LEN; i++)
    label[i] = alphabet[avi_random_below (self->random, sizeof alphabet - 1)];
  avi_mdns_names_init (&self->names, AVI_SPAN (label, LABEL_LEN));
}

static void
avi_mdns_interface_free (AviMdnsInterface *self)
{
  g_ptr_array_unref (self->addresses);
  g_clear_pointer (&self->records, avi_mdns_records_free);
  g_free (self);
}

AviMdns *
avi_mdns_new (const AviPeerId *self_id,
              AviRandom       *random)
{
  AviMdns *self = g_new0 (AviMdns, 1);

  self->random = random;
  self->self_id = *self_id;
  self->self_text = avi_peer_id_to_string (self_id);
  self->renamed_at = G_MININT64 / 2;
  self->interfaces = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_mdns_interface_free);
  self->cache = avi_mdns_cache_new ();
  self->unicasts = g_array_new (FALSE, FALSE, sizeof (AviMdnsUnicast));
  avi_writer_init (&self->writer, AVI_MDNS_MAX_SENT);
  avi_mdns_choose_names (self);
  return self;
}

void
avi_mdns_free (AviMdns *self)
{
  g_ptr_array_unref (self->interfaces);
  avi_mdns_cache_free (self->cache);
  g_array_unref (self->unicasts);
  avi_writer_clear (&self->writer);
  g_free (self->self_text);
  g_free (self);
}

/* --- interfaces --- */

AviMdnsInterface *
avi_mdns_find_interface (AviMdns *self,
                         guint    ifindex)
{
  for (guint i = 0; i < self->interfaces->len; i++)
    {
      AviMdnsInterface *interface = g_ptr_array_index (self->interfaces, i);

      if (interface->ifindex == ifindex)
        return interface;
    }
  return NULL;
}

static AviMdnsInterface *
avi_mdns_add_interface (AviMdns *self,
                        guint    ifindex)
{
  AviMdnsInterface *interface = g_new0 (AviMdnsInterface, 1);

  interface->ifindex = ifindex;
  interface->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  for (guint i = 0; i < G_N_ELEMENTS (interface->sides); i++)
    avi_mdns_link_init (&interface->sides[i].link);
  g_ptr_array_add (self->interfaces, interface);
  return interface;
}

static gboolean
avi_mdns_addresses_equal (GPtrArray *a,
                          GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    {
      if (!avi_multiaddr_equal (g_ptr_array_index (a, i), g_ptr_array_index (b, i)))
        return FALSE;
    }
  return TRUE;
}

/* TRUE where they are others than before. */
static gboolean
avi_mdns_set_addresses (AviMdns          *self,
                        AviMdnsInterface *interface,
                        GPtrArray        *addresses)
{
  if (avi_mdns_addresses_equal (interface->addresses, addresses))
    return FALSE;
  g_ptr_array_set_size (interface->addresses, 0);
  for (guint i = 0; i < addresses->len; i++)
    g_ptr_array_add (interface->addresses, avi_multiaddr_ref (g_ptr_array_index (addresses, i)));
  g_clear_pointer (&interface->records, avi_mdns_records_free);
  interface->records = avi_mdns_records_new (addresses, self->self_text);
  return TRUE;
}

void
avi_mdns_set_interface (AviMdns   *self,
                        guint      ifindex,
                        gboolean   ip4,
                        gboolean   ip6,
                        GPtrArray *addresses,
                        gint64     now)
{
  AviMdnsInterface *interface = avi_mdns_find_interface (self, ifindex);
  const gboolean up[] = { ip4, ip6 };

  if (self->leaving)
    return;
  if (interface == NULL)
    interface = avi_mdns_add_interface (self, ifindex);

  gboolean announced = interface->records != NULL;
  gboolean changed = avi_mdns_set_addresses (self, interface, addresses);

  for (guint i = 0; i < G_N_ELEMENTS (interface->sides); i++)
    {
      AviMdnsLink *link = &interface->sides[i].link;
      gboolean was_up = link->up;

      if (!up[i])
        avi_mdns_link_stop (link);
      else if (!was_up || changed)
        avi_mdns_link_start (link, now);
      if (up[i] && was_up && announced && interface->records == NULL)
        link->bye = TRUE;
    }
}

void
avi_mdns_remove_interface (AviMdns *self,
                           guint    ifindex)
{
  AviMdnsInterface *interface = avi_mdns_find_interface (self, ifindex);

  if (interface == NULL)
    return;
  g_ptr_array_remove (self->interfaces, interface);
  avi_mdns_cache_drop_interface (self->cache, ifindex);
  for (guint i = self->unicasts->len; i > 0; i--)
    {
      if (g_array_index (self->unicasts, AviMdnsUnicast, i - 1).ifindex == ifindex)
        g_array_remove_index (self->unicasts, i - 1);
    }
}

void
avi_mdns_goodbye (AviMdns *self,
                  gint64   now)
{
  self->leaving = TRUE;
  g_array_set_size (self->unicasts, 0);
  for (guint i = 0; i < self->interfaces->len; i++)
    {
      AviMdnsInterface *interface = g_ptr_array_index (self->interfaces, i);

      for (guint j = 0; j < G_N_ELEMENTS (interface->sides); j++)
        {
          AviMdnsLink *link = &interface->sides[j].link;
          gboolean bye = link->up && interface->records != NULL;

          avi_mdns_link_stop (link);
          link->bye = bye;
        }
    }
}

static void
avi_mdns_query_interface (AviMdnsInterface *interface,
                          gint64            at,
                          gint64            spacing,
                          gboolean          again)
{
  for (guint i = 0; i < G_N_ELEMENTS (interface->sides); i++)
    avi_mdns_link_query (&interface->sides[i].link, at, spacing, again);
}

void
avi_mdns_query (AviMdns *self,
                gint64   now)
{
  for (guint i = 0; i < self->interfaces->len; i++)
    avi_mdns_query_interface (g_ptr_array_index (self->interfaces, i), now, QUERY_SPACING, TRUE);
}

void
avi_mdns_rename (AviMdns *self,
                 gint64   now)
{
  if (now - self->renamed_at < RENAME_SPACING)
    return;
  self->renamed_at = now;
  avi_mdns_choose_names (self);
  for (guint i = 0; i < self->interfaces->len; i++)
    {
      AviMdnsInterface *interface = g_ptr_array_index (self->interfaces, i);

      for (guint j = 0; j < G_N_ELEMENTS (interface->sides); j++)
        {
          if (interface->sides[j].link.up)
            avi_mdns_link_start (&interface->sides[j].link, now);
        }
    }
}

/* --- what goes out --- */

static void
avi_mdns_put_query (AviMdns          *self,
                    AviMdnsInterface *interface,
                    AviMdnsSide      *side,
                    gint64            now)
{
  AviMdnsList list = avi_mdns_quiet_get_list (&interface->quiet, now);
  AviDnsWriter dns;
  AviDnsName name;
  AviSpan label;
  GList *cursor = NULL;
  guint32 ttl;

  /* The service first: some look at the first question only. */
  avi_dns_writer_init (&dns, &self->writer, 0, 0);
  avi_dns_writer_question (&dns, &self->names.service, AVI_DNS_TYPE_PTR, AVI_DNS_CLASS_IN, FALSE);
  for (guint i = 0; i < side->n_wanted; i++)
    avi_dns_writer_question (&dns, &side->wanted[i], AVI_DNS_TYPE_TXT, AVI_DNS_CLASS_IN, FALSE);
  side->n_wanted = 0;

  if (list == AVI_MDNS_LIST_NONE)
    return;
  if (list == AVI_MDNS_LIST_BUT_ONE)
    avi_mdns_cache_next_known (self->cache, interface->ifindex, now, &cursor, &label, &ttl);
  /* As many as one packet takes, the freshest; the others will be told again, which does no harm. */
  while (avi_mdns_cache_next_known (self->cache, interface->ifindex, now, &cursor, &label, &ttl))
    {
      avi_dns_name_prepend (&name, label, &self->names.service);
      avi_dns_writer_begin (&dns, AVI_DNS_ANSWER, &self->names.service, AVI_DNS_TYPE_PTR, FALSE, ttl);
      avi_dns_writer_name (&dns, &name, TRUE);
      if (!avi_dns_writer_end (&dns))
        break;
    }
}

static void
avi_mdns_put_answers (AviMdns          *self,
                      AviMdnsInterface *interface,
                      AviDnsWriter     *dns,
                      guint             bits,
                      gboolean          legacy)
{
  guint more = 0;

  if ((bits & AVI_MDNS_BIT (AVI_MDNS_PTR)) != 0)
    more = AVI_MDNS_DETAILS;
  else if ((bits & AVI_MDNS_BIT (AVI_MDNS_SRV)) != 0)
    more = AVI_MDNS_HOSTS;
  avi_mdns_records_put (interface->records, &self->names, dns, AVI_DNS_ANSWER, bits, legacy);
  avi_mdns_records_put (interface->records, &self->names, dns, AVI_DNS_ADDITIONAL, more & ~bits, legacy);
}

static void
avi_mdns_put_response (AviMdns          *self,
                       AviMdnsInterface *interface,
                       AviMdnsLinkAction action,
                       guint             bits)
{
  AviDnsWriter dns;

  avi_dns_writer_init (&dns, &self->writer, 0, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);
  if (action == AVI_MDNS_LINK_BYE)
    avi_mdns_records_put_bye (&self->names, &dns);
  else if (action == AVI_MDNS_LINK_ANNOUNCE)
    avi_mdns_put_answers (self, interface, &dns, AVI_MDNS_BIT (AVI_MDNS_PTR), FALSE);
  else
    avi_mdns_put_answers (self, interface, &dns, bits, FALSE);
}

static void
avi_mdns_packet_set_group (AviMdnsPacket *packet,
                           int            family)
{
  struct sockaddr_in *in = (struct sockaddr_in *) &packet->remote;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &packet->remote;

  packet->multicast = TRUE;
  if (family == AF_INET)
    {
      in->sin_family = AF_INET;
      in->sin_port = htons (AVI_MDNS_PORT);
      inet_pton (AF_INET, AVI_MDNS_GROUP_IP4, &in->sin_addr);
      return;
    }
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons (AVI_MDNS_PORT);
  in6->sin6_scope_id = packet->ifindex;
  inet_pton (AF_INET6, AVI_MDNS_GROUP_IP6, &in6->sin6_addr);
}

static gboolean
avi_mdns_transmit_side (AviMdns          *self,
                        AviMdnsInterface *interface,
                        guint             index,
                        AviMdnsPacket    *packet,
                        gint64            now)
{
  AviMdnsSide *side = &interface->sides[index];
  guint bits;
  AviMdnsLinkAction action = avi_mdns_link_next (&side->link, interface->records != NULL, now, self->random, &bits);

  if (action == AVI_MDNS_LINK_SILENT)
    return FALSE;
  if (action == AVI_MDNS_LINK_QUERY)
    avi_mdns_put_query (self, interface, side, now);
  else
    avi_mdns_put_response (self, interface, action, bits);
  packet->ifindex = interface->ifindex;
  avi_mdns_packet_set_group (packet, families[index]);
  return TRUE;
}

static gboolean
avi_mdns_transmit_unicast (AviMdns       *self,
                           AviMdnsPacket *packet,
                           gint64         now)
{
  for (guint i = 0; i < self->unicasts->len; i++)
    {
      AviMdnsUnicast *answer = &g_array_index (self->unicasts, AviMdnsUnicast, i);
      AviMdnsInterface *interface = avi_mdns_find_interface (self, answer->ifindex);
      AviDnsWriter dns;

      if (answer->due > now)
        continue;
      packet->ifindex = answer->ifindex;
      packet->remote = answer->remote;
      if (interface->records != NULL)
        {
          avi_dns_writer_init (&dns, &self->writer, answer->id, AVI_DNS_FLAG_RESPONSE | AVI_DNS_FLAG_AUTHORITATIVE);
          if (answer->legacy)
            avi_dns_writer_question (&dns, &answer->name, answer->type, answer->klass, FALSE);
          avi_mdns_put_answers (self, interface, &dns, answer->bits, answer->legacy);
        }
      g_array_remove_index (self->unicasts, i--);
      if (self->writer.len > 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
avi_mdns_transmit (AviMdns       *self,
                   AviMdnsPacket *packet,
                   gint64         now)
{
  gboolean any = FALSE;

  memset (packet, 0, sizeof *packet);
  avi_writer_truncate (&self->writer, 0);
  for (guint i = 0; i < self->interfaces->len && !any; i++)
    {
      for (guint j = 0; j < G_N_ELEMENTS (families) && !any; j++)
        any = avi_mdns_transmit_side (self, g_ptr_array_index (self->interfaces, i), j, packet, now);
    }
  any = any || avi_mdns_transmit_unicast (self, packet, now);
  packet->bytes = AVI_SPAN (self->writer.data, self->writer.len);
  return any;
}

/* --- time and events --- */

static gboolean
avi_mdns_interface_is_up (const AviMdnsInterface *interface)
{
  return interface->sides[0].link.up || interface->sides[1].link.up;
}

static void
avi_mdns_tick_quiet (AviMdnsInterface *interface,
                     gint64            now)
{
  AviMdnsQuietAction action = AVI_MDNS_QUIET_NOTHING;

  if (avi_mdns_interface_is_up (interface))
    action = avi_mdns_quiet_next (&interface->quiet, now);
  if (action == AVI_MDNS_QUIET_ASK)
    avi_mdns_query_interface (interface, now, 0, FALSE);
  if (action == AVI_MDNS_QUIET_TELL)
    interface->tell = TRUE;
}

void
avi_mdns_tick (AviMdns *self,
               gint64   now)
{
  guint ifindex;

  avi_mdns_cache_tick (self->cache, now);
  while (avi_mdns_cache_next_stale (self->cache, &ifindex))
    {
      AviMdnsInterface *interface = avi_mdns_find_interface (self, ifindex);

      if (interface != NULL)
        avi_mdns_query_interface (interface, now + avi_random_below (self->random, REFRESH_JITTER), REFRESH_SPACING,
                                  FALSE);
    }
  for (guint i = 0; i < self->interfaces->len; i++)
    avi_mdns_tick_quiet (g_ptr_array_index (self->interfaces, i), now);
}

gint64
avi_mdns_deadline (AviMdns *self)
{
  gint64 deadline = avi_mdns_cache_get_deadline (self->cache);

  for (guint i = 0; i < self->interfaces->len; i++)
    {
      AviMdnsInterface *interface = g_ptr_array_index (self->interfaces, i);

      for (guint j = 0; j < G_N_ELEMENTS (interface->sides); j++)
        deadline = MIN (deadline, avi_mdns_link_get_deadline (&interface->sides[j].link));
      if (avi_mdns_interface_is_up (interface))
        deadline = MIN (deadline, avi_mdns_quiet_get_deadline (&interface->quiet));
    }
  for (guint i = 0; i < self->unicasts->len; i++)
    deadline = MIN (deadline, g_array_index (self->unicasts, AviMdnsUnicast, i).due);
  return deadline;
}

gboolean
avi_mdns_next (AviMdns      *self,
               AviMdnsEvent *event)
{
  for (guint i = 0; i < self->interfaces->len; i++)
    {
      AviMdnsInterface *interface = g_ptr_array_index (self->interfaces, i);

      if (!interface->tell)
        continue;
      interface->tell = FALSE;
      *event = (AviMdnsEvent) { .type = interface->quiet.quiet ? AVI_MDNS_EVENT_QUIET : AVI_MDNS_EVENT_FOREIGN,
                               .ifindex = interface->ifindex };
      return TRUE;
    }
  return avi_mdns_cache_next_event (self->cache, event);
}

guint64
avi_mdns_get_n_ignored (AviMdns *self)
{
  return self->n_ignored;
}

guint
avi_mdns_get_n_peers (AviMdns *self)
{
  return avi_mdns_cache_get_n (self->cache);
}
