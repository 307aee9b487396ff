/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-router.h"

#include "gossipsub-invariants.h"
#include "protocols/avi-peer-record.h"
#include "sim-units.h"

struct _SimRouter
{
  AviGossipsub *machine;
  SimAccepts    accepts;
  gpointer      accepts_data;
  gint64        now; /* as the machine was told last */
};

GBytes *
sim_router_make_record (AviKeyPair *identity)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new ();

  return avi_peer_record_seal (identity, 1, addresses);
}

/* NULL: there is none of this name. */
static const char *
sim_router_find_param (const char *name, gboolean *is_time)
{
  const char *found;
  gboolean of_topic;

  for (guint i = 0; (found = avi_gossipsub_params_get_name (i, is_time, &of_topic)) != NULL; i++)
    if (strcmp (found, name) == 0)
      return found;
  return NULL;
}

static gboolean
sim_router_read (const char *value, gboolean is_time, double *number, GError **error)
{
  gint64 us;

  if (!is_time && value[0] == '-') /* a weight */
    {
      if (!sim_parse_number (value + 1, number, error))
        return FALSE;
      *number = -*number;
      return TRUE;
    }
  if (!is_time)
    return sim_parse_number (value, number, error);
  if (!sim_parse_time (value, &us, error))
    return FALSE;
  *number = (double) us / G_TIME_SPAN_MILLISECOND;
  return TRUE;
}

gboolean
sim_router_configure (SimRouterConfig *config, const char *name, const char *value, GError **error)
{
  AviGossipsubParams params;
  gboolean is_time;
  const char *found = sim_router_find_param (name, &is_time);
  double number;

  if (found == NULL)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "The router has no parameter “%s”", name);
      return FALSE;
    }
  avi_gossipsub_params_init (&params);
  if (!sim_router_read (value, is_time, &number, error)
      || !avi_gossipsub_params_set (&params, NULL, found, number, error))
    return FALSE;
  if (config->n_numbers == SIM_ROUTER_MAX_NUMBERS)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "[router] has more than %d keys",
                   SIM_ROUTER_MAX_NUMBERS);
      return FALSE;
    }
  config->numbers[config->n_numbers].name = found;
  config->numbers[config->n_numbers++].value = number;
  return TRUE;
}

/* Numbers are at one node what they are at all. */
static void
sim_router_make_params (AviGossipsubParams *params, const SimRouterConfig *config)
{
  g_autoptr(GError) error = NULL;

  avi_gossipsub_params_init (params);
  for (guint i = 0; i < config->n_numbers; i++)
    avi_gossipsub_params_set (params, NULL, config->numbers[i].name, config->numbers[i].value, NULL);
  if (!avi_gossipsub_params_check (params, &error))
    g_error ("[router]: %s", error->message);
}

SimRouter *
sim_router_new (const SimRouterConfig *config, gint64 now)
{
  SimRouter *self = g_new0 (SimRouter, 1);
  AviGossipsubParams params;
  AviGossipsubConfig machine = {
    .identity = config->identity,
    .random = config->random,
    .first_seqno = config->first_seqno,
    .params = &params,
    .unix_offset = 1, /* virtual time is good enough */
  };

  sim_router_make_params (&params, config);
  self->machine = avi_gossipsub_new (&machine, now);
  self->accepts = config->accepts;
  self->accepts_data = config->accepts_data;
  self->now = now;
  return self;
}

void
sim_router_free (SimRouter *self)
{
  avi_gossipsub_free (self->machine);
  g_free (self);
}

void
sim_router_subscribe (SimRouter *self, const char *topic, gint64 now)
{
  if (self->accepts != NULL)
    avi_gossipsub_set_topic_flags (self->machine, topic, AVI_GOSSIPSUB_TOPIC_VALIDATED);
  avi_gossipsub_subscribe (self->machine, topic, now);
}

void
sim_router_add_peer (SimRouter *self, const SimPeer *peer, gint64 now)
{
  avi_gossipsub_add_peer (self->machine, peer->id, AVI_GOSSIPSUB_PROTOCOL_1_3, "avi", now);
  avi_gossipsub_set_link (self->machine, peer->id, peer->outbound, peer->address);
  avi_gossipsub_set_record (self->machine, peer->id, peer->record);
}

void
sim_router_remove_peer (SimRouter *self, const AviPeerId *id, gint64 now)
{
  avi_gossipsub_remove_peer (self->machine, id, now);
}

void
sim_router_set_ready (SimRouter *self, const AviPeerId *id, gboolean ready)
{
  avi_gossipsub_set_ready (self->machine, id, ready);
}

gint
sim_router_publish (SimRouter *self, const char *topic, GBytes *data, gint64 now)
{
  g_autoptr(GError) error = NULL;
  gint n = avi_gossipsub_publish (self->machine, topic, data, now, &error);

  g_assert_no_error (error);
  return n;
}

gint64
sim_router_get_seen_ttl (SimRouter *self)
{
  return self->machine->params.seen_ttl;
}

gboolean
sim_router_receive (SimRouter *self, const AviPeerId *from, AviSpan rpc, gint64 now, GError **error)
{
  self->now = now;
  return avi_gossipsub_receive (self->machine, from, rpc, now, error);
}

gboolean
sim_router_transmit (SimRouter *self, AviPeerId *to, GBytes **rpc, gint64 now)
{
  return avi_gossipsub_transmit (self->machine, to, rpc, now);
}

/* Takes @message. */
static void
sim_router_validate (SimRouter *self, AviMessage *message, guint64 ticket)
{
  AviSpan payload = avi_span_from_bytes (avi_message_get_data (message));

  avi_gossipsub_validated (self->machine, ticket,
                           self->accepts (payload, self->accepts_data) ? AVI_GOSSIPSUB_ACCEPT : AVI_GOSSIPSUB_REJECT,
                           self->now);
  avi_message_unref (message);
}

/* The record is the peer's own: as the engine checks it. */
static gboolean
sim_router_believes (const AviGossipsubEvent *event)
{
  g_auto(AviPeerRecord) record = { 0 };

  return event->record != NULL && avi_peer_record_open (&record, avi_span_from_bytes (event->record), NULL)
         && avi_peer_id_equal (&record.peer, event->peer);
}

gboolean
sim_router_next (SimRouter *self, SimRouterEvent *out)
{
  AviGossipsubEvent event;

  *out = (SimRouterEvent) { 0 };
  while (avi_gossipsub_next (self->machine, &event))
    switch (event.type)
      {
      case AVI_GOSSIPSUB_EVENT_MESSAGE:
        out->type = SIM_ROUTER_MESSAGE;
        out->data = g_bytes_ref (avi_message_get_data (event.message));
        avi_message_unref (event.message);
        return TRUE;

      case AVI_GOSSIPSUB_EVENT_VERIFY:
        out->type = SIM_ROUTER_VERIFY;
        out->ticket = event.ticket;
        out->key = event.key;
        out->signed_bytes = event.signed_bytes;
        out->signature = event.signature;
        return TRUE;

      case AVI_GOSSIPSUB_EVENT_VALIDATE:
        sim_router_validate (self, event.message, event.ticket);
        break;

      case AVI_GOSSIPSUB_EVENT_DIAL:
        if (!sim_router_believes (&event))
          break;
        out->type = SIM_ROUTER_DIAL;
        out->peer = *event.peer;
        return TRUE;

      case AVI_GOSSIPSUB_EVENT_SUBSCRIBERS:
      case AVI_GOSSIPSUB_EVENT_UNHEARD:
      case AVI_GOSSIPSUB_EVENT_DROPPED:
      default:
        break;
      }
  return FALSE;
}

void
sim_router_verified (SimRouter *self, guint64 ticket, gboolean valid, gint64 now)
{
  self->now = now;
  avi_gossipsub_verified (self->machine, ticket, valid, now);
}

gint64
sim_router_deadline (SimRouter *self)
{
  return avi_gossipsub_deadline (self->machine);
}

void
sim_router_tick (SimRouter *self, gint64 now)
{
  avi_gossipsub_tick (self->machine, now);
}

void
sim_router_get_statistics (SimRouter *self, SimRouterStatistics *out)
{
  AviGossipsubStatistics theirs;

  avi_gossipsub_get_statistics (self->machine, &theirs);
  *out = (SimRouterStatistics) {
    .received = theirs.received,
    .delivered = theirs.delivered,
    .duplicates = theirs.duplicates,
    .forwarded = theirs.forwarded,
    .invalid = theirs.invalid + theirs.rejected,
    .queue_drops = theirs.queue_drops,
    .limit_drops = theirs.limit_drops,
    .iwant_recovered = theirs.iwant_recovered,
    .broken_promises = theirs.broken_promises,
    .spared = theirs.spared,
    .graylisted = theirs.graylisted,
    .offences = theirs.offences,
    .grafts_refused = theirs.grafts_refused,
    .px_told = theirs.px_told,
    .px_taken = theirs.px_taken,
  };
}

double
sim_router_get_score (SimRouter *self, const AviPeerId *peer, gint64 now)
{
  return avi_gossipsub_get_score (self->machine, peer, now);
}

gboolean
sim_router_graylists (SimRouter *self, double score)
{
  return score < self->machine->params.graylist_threshold;
}

GArray *
sim_router_list_mesh (SimRouter *self, const char *topic)
{
  AviGossipsubTopic *found = avi_gossipsub_find_topic (self->machine, AVI_SPAN_STRING (topic));
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (AviPeerId));

  for (guint i = 0; found != NULL && i < found->members->len; i++)
    {
      AviGossipsubMember *member = found->members->pdata[i];

      if (member->place == AVI_MEMBER_MESH)
        g_array_append_val (ids, member->peer->id);
    }
  return ids;
}

void
sim_router_check (SimRouter *self)
{
  gossipsub_check (self->machine);
}

gpointer
sim_router_get_machine (SimRouter *self)
{
  return self->machine;
}
