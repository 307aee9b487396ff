/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The router among four peers that do anything, in any order, while time passes. The input is a
 * script: a byte says what happens, the bytes after it to whom and how; where the script ends zeros
 * follow. Signatures are good or bad and validators say what they say as the script has it. After each step the router
 * must agree with itself and be within its limits; what it sends must be whole, and what of others it passes on must
 * have been found good; and nothing may be delivered twice.
 */
#include "config.h"

#include <stdint.h>

#include "crypto/avi-key.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"
#include "tests/sim/gossipsub-invariants.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define N_PEERS   4
#define MAX_STEPS 400
#define SEEN_TTL  (120 * G_USEC_PER_SEC)

static const char *const topics[] = { "a", "A", "/a/", "b", "c", "" };
static const char *const protocols[] = { AVI_GOSSIPSUB_PROTOCOL_1_1, AVI_GOSSIPSUB_PROTOCOL_1_0, AVI_FLOODSUB_PROTOCOL,
                                         "/meshsub/9.9.9", AVI_GOSSIPSUB_PROTOCOL_1_2, AVI_GOSSIPSUB_PROTOCOL_1_3 };
static const char *const agents[] = { NULL, "go-libp2p", "rust-libp2p", "js-libp2p" };

static AviKeyPair *keys[N_PEERS + 1]; /* the last is the router's own */

/* A signature to be checked. */
typedef struct
{
  guint64 ticket;
  char   *digest; /* of what it covers */
} Check;

typedef struct
{
  AviSpan       script;
  AviGossipsub *router;
  AviRandom     random;
  gint64        now;
  GQueue        checks;    /* of Check: not answered yet */
  GQueue        asked;     /* likewise of what validators were asked about */
  GHashTable   *delivered; /* "author seqno", or topic and data → when */
  GHashTable   *good;      /* digests of what was found good */
  GByteArray   *rpc;       /* in the making */
} Fuzz;

static guint8
take (Fuzz *f)
{
  guint8 byte;

  if (f->script.len == 0)
    return 0;
  byte = f->script.data[0];
  f->script = avi_span_skip (f->script, 1);
  return byte;
}

static const char *
take_topic (Fuzz *f)
{
  return topics[take (f) % G_N_ELEMENTS (topics)];
}

static void
put_topic (Fuzz *f, guint64 tag, GByteArray *out)
{
  const char *topic = take_topic (f);

  avi_rpc_put_bytes (out, tag, AVI_SPAN_STRING (topic));
}

static AviKeyPair *
take_author (Fuzz *f)
{
  return keys[take (f) % G_N_ELEMENTS (keys)];
}

static const AviPeerId *
take_peer (Fuzz *f)
{
  return avi_key_pair_get_peer_id (keys[take (f) % N_PEERS]);
}

static const char *
take_protocol (Fuzz *f)
{
  return protocols[take (f) % G_N_ELEMENTS (protocols)];
}

static const char *
take_agent (Fuzz *f)
{
  return agents[take (f) % G_N_ELEMENTS (agents)];
}

/* --- what peers say --- */

static void
put_subscription (Fuzz *f)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();

  avi_rpc_put_varint (part, AVI_SUBSCRIPTION_SUBSCRIBE, take (f) % 4 != 0);
  put_topic (f, AVI_SUBSCRIPTION_TOPIC, part);
  avi_rpc_put_bytes (f->rpc, AVI_RPC_SUBSCRIPTION, AVI_SPAN (part->data, part->len));
}

static void
put_message (Fuzz *f)
{
  static guint8 much[3000];
  g_autoptr(GByteArray) part = g_byte_array_new ();
  AviSpan from = avi_peer_id_get_bytes (avi_key_pair_get_peer_id (take_author (f)));
  guint how = take (f);
  guint8 seqno[8] = { 0, 0, 0, 0, 0, 0, 0, how % 8 };
  gboolean is_signed = how < 0xc0;

  if (is_signed)
    avi_rpc_put_bytes (part, AVI_MESSAGE_FROM, from);
  avi_rpc_put_bytes (part, AVI_MESSAGE_DATA, AVI_SPAN (much, take (f) * 10));
  if (is_signed || how == 0xff)
    avi_rpc_put_bytes (part, AVI_MESSAGE_SEQNO, AVI_SPAN (seqno, sizeof seqno));
  put_topic (f, AVI_MESSAGE_TOPIC, part);
  if (is_signed)
    avi_rpc_put_bytes (part, AVI_MESSAGE_SIGNATURE, AVI_SPAN (much, 64));
  avi_rpc_put_bytes (f->rpc, AVI_RPC_PUBLISH, AVI_SPAN (part->data, part->len));
}

static void
put_control (Fuzz *f, guint64 tag, GByteArray *content)
{
  g_autoptr(GByteArray) control = g_byte_array_new ();

  avi_rpc_put_bytes (control, tag, AVI_SPAN (content->data, content->len));
  avi_rpc_put_bytes (f->rpc, AVI_RPC_CONTROL, AVI_SPAN (control->data, control->len));
}

/* Somebody's id, and some bytes as its record. */
static void
put_exchanged (Fuzz *f, GByteArray *prune)
{
  g_autoptr(GByteArray) info = g_byte_array_new ();
  gsize wanted = take (f);
  gsize len = MIN (wanted, f->script.len);

  avi_rpc_put_bytes (info, AVI_PEER_INFO_ID, avi_peer_id_get_bytes (avi_key_pair_get_peer_id (take_author (f))));
  avi_rpc_put_bytes (info, AVI_PEER_INFO_RECORD, AVI_SPAN (f->script.data, MIN (len, f->script.len)));
  avi_rpc_put_bytes (prune, AVI_PRUNE_PEER, AVI_SPAN (info->data, info->len));
}

static void
put_graft (Fuzz *f)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();
  guint backoff = take (f);

  put_topic (f, AVI_PRUNE_TOPIC, part);
  if (backoff % 2 == 1)
    avi_rpc_put_varint (part, AVI_PRUNE_BACKOFF, backoff);
  if (backoff % 8 >= 6)
    put_exchanged (f, part);
  put_control (f, backoff % 4 < 2 ? AVI_CONTROL_GRAFT : AVI_CONTROL_PRUNE, part);
}

static void
put_id (Fuzz *f, guint64 tag, GByteArray *out)
{
  const AviPeerId *author = avi_key_pair_get_peer_id (take_author (f));
  guint form = take (f);
  guint8 seqno[8] = { 0, 0, 0, 0, 0, 0, 0, form / 4 % 8 };
  AviSpan start = form % 4 == 1 ? avi_peer_id_get_inline_key (author) : avi_peer_id_get_bytes (author);
  g_autofree char *text = avi_peer_id_to_string (author);
  g_autofree char *rust = g_strdup_printf ("%s%u", text, seqno[7]);
  g_autoptr(GByteArray) id = g_byte_array_new ();

  if (form % 4 == 0)
    start = AVI_SPAN_STRING (rust);
  g_byte_array_append (id, start.data, start.len);
  if (form % 4 != 0)
    g_byte_array_append (id, seqno, sizeof seqno);
  if (form >= 0xc0)
    g_byte_array_set_size (id, AVI_CONTENT_ID_LEN);
  avi_rpc_put_bytes (out, tag, AVI_SPAN (id->data, id->len));
}

static void
put_ids (Fuzz *f)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();
  guint what = take (f);

  if (what % 2 == 0)
    put_topic (f, AVI_IHAVE_TOPIC, part);
  for (guint i = 0; i < 1 + what / 2 % 8; i++)
    put_id (f, what % 2 == 0 ? AVI_IHAVE_ID : AVI_IWANT_ID, part);
  G_STATIC_ASSERT (AVI_IDONTWANT_ID == AVI_IWANT_ID);
  put_control (f, what % 2 == 0 ? AVI_CONTROL_IHAVE : what >= 0xc0 ? AVI_CONTROL_IDONTWANT : AVI_CONTROL_IWANT, part);
}

static void
put_garbage (Fuzz *f)
{
  gsize wanted = take (f);
  gsize len = MIN (wanted, f->script.len);

  g_byte_array_append (f->rpc, f->script.data, len);
  f->script = avi_span_skip (f->script, len);
}

static void
receive (Fuzz *f)
{
  const AviPeerId *peer = take_peer (f);
  guint n_parts = 1 + take (f) % 4;

  g_byte_array_set_size (f->rpc, 0);
  for (guint i = 0; i < n_parts; i++)
    switch (take (f) % 6)
      {
      case 0:
        put_subscription (f);
        break;
      case 1:
      case 2:
        put_message (f);
        break;
      case 3:
        put_graft (f);
        break;
      case 4:
        put_ids (f);
        break;
      default:
        put_garbage (f);
        break;
      }
  avi_gossipsub_receive (f->router, peer, AVI_SPAN (f->rpc->data, f->rpc->len), f->now, NULL);
}

/* --- what the router says --- */

static char *
make_digest (AviSpan bytes)
{
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes.data, bytes.len);
}

/* A message that is sent: ours, or of others and found good, or of a topic without signatures. */
static void
check_sent (Fuzz *f, AviSpan raw)
{
  g_autofree guint8 *bytes = g_malloc (sizeof AVI_SIGNING_PREFIX + raw.len);
  g_autofree char *digest = NULL;
  AviGossipFields fields;

  g_assert_true (avi_gossip_fields_read (&fields, raw, NULL));
  if (!fields.is_signed || avi_peer_id_equal (&fields.from, &f->router->id))
    return;
  digest = make_digest (AVI_SPAN (bytes, avi_signing_write_signed (raw, bytes)));
  g_assert_true (g_hash_table_contains (f->good, digest));
}

static void
check_rpc (Fuzz *f, const AviPeerId *to, GBytes *framed)
{
  AviSpan span = avi_span_from_bytes (framed);
  AviGossipsubPeer *peer = g_hash_table_lookup (f->router->peers, to);
  gsize len_len = 1;
  AviRpcReader reader;
  AviRpcField field;
  guint n_parts = 0;

  g_assert_true (peer != NULL && peer->ready);
  while (span.data[len_len - 1] & 0x80)
    len_len++;
  g_assert_cmpuint (len_len, ==, avi_rpc_get_varint_len (span.len - len_len));
  g_assert_cmpuint (span.len, <=, AVI_RPC_QUEUE_MAX_RPC + 4);

  reader = avi_rpc_reader_init (avi_span_skip (span, len_len));
  for (; avi_rpc_reader_next (&reader, &field); n_parts++)
    if (field.tag == AVI_RPC_PUBLISH)
      check_sent (f, field.bytes);
  g_assert_true (avi_rpc_reader_finish (&reader, "An RPC", NULL));
  g_assert_cmpuint (n_parts, >, 0);
}

static void
check_message (Fuzz *f, AviMessage *message)
{
  const char *from = avi_message_get_from (message);
  /* All data are zeros. */
  g_autofree char *name = from != NULL
                              ? g_strdup_printf ("%s %" G_GUINT64_FORMAT, from, avi_message_get_seqno (message))
                              : g_strdup_printf ("%s %" G_GSIZE_FORMAT, avi_message_get_topic (message),
                                                 g_bytes_get_size (avi_message_get_data (message)));
  g_autoptr(GDateTime) received_at = avi_message_get_received_at (message);
  /* When it was delivered; its event may have waited since. */
  gint64 when = g_date_time_to_unix (received_at) * G_USEC_PER_SEC + g_date_time_get_microsecond (received_at);
  gint64 *before = g_hash_table_lookup (f->delivered, name);

  g_assert_true (before == NULL || when - *before >= SEEN_TTL);
  g_hash_table_replace (f->delivered, g_steal_pointer (&name), g_memdup2 (&when, sizeof when));
  avi_message_unref (message);
}

static void
keep_check (Fuzz *f, const AviGossipsubEvent *event)
{
  Check *check = g_new0 (Check, 1);

  check->ticket = event->ticket;
  check->digest = make_digest (event->signed_bytes);
  g_queue_push_tail (&f->checks, check);
}

static void
check_free (Check *check)
{
  g_free (check->digest);
  g_free (check);
}

static void
take_events (Fuzz *f)
{
  AviGossipsubEvent event;

  while (avi_gossipsub_next (f->router, &event))
    switch (event.type)
      {
      case AVI_GOSSIPSUB_EVENT_MESSAGE:
        check_message (f, event.message);
        break;
      case AVI_GOSSIPSUB_EVENT_VALIDATE:
        g_queue_push_tail (&f->asked, g_memdup2 (&event.ticket, sizeof event.ticket));
        avi_message_unref (event.message);
        break;
      case AVI_GOSSIPSUB_EVENT_VERIFY:
        keep_check (f, &event);
        break;
      case AVI_GOSSIPSUB_EVENT_SUBSCRIBERS:
        g_assert_cmpuint (event.n_peers, ==, avi_gossipsub_count_subscribers (f->router, event.topic));
        break;
      case AVI_GOSSIPSUB_EVENT_DIAL:
        g_assert_false (avi_peer_id_equal (event.peer, &f->router->id));
        g_assert_true (event.record == NULL || g_bytes_get_size (event.record) <= AVI_GOSSIPSUB_MAX_RECORD);
        break;
      case AVI_GOSSIPSUB_EVENT_DROPPED:
        g_assert_cmpuint (avi_peer_drops_sum (&event.drops), >, 0);
        break;
      case AVI_GOSSIPSUB_EVENT_UNHEARD:
        g_assert_cmpstr (event.topic, !=, event.near_topic);
        break;
      }
}

static void
transmit (Fuzz *f, guint n)
{
  AviPeerId to;
  GBytes *rpc;

  for (; n > 0 && avi_gossipsub_transmit (f->router, &to, &rpc, f->now); n--)
    {
      check_rpc (f, &to, rpc);
      g_bytes_unref (rpc);
    }
}

static void
answer (Fuzz *f)
{
  guint how = take (f);
  gboolean valid = how % 4 != 0;
  Check *check = g_queue_pop_nth (&f->checks, how / 4);

  if (check == NULL)
    {
      avi_gossipsub_verified (f->router, G_MAXUINT64 - how, valid, f->now);
      return;
    }
  if (valid)
    g_hash_table_add (f->good, g_strdup (check->digest));
  avi_gossipsub_verified (f->router, check->ticket, valid, f->now);
  check_free (check);
}

static void
judge (Fuzz *f)
{
  guint how = take (f);
  g_autofree guint64 *ticket = g_queue_pop_nth (&f->asked, how / 4);

  avi_gossipsub_validated (f->router, ticket != NULL ? *ticket : how, how % 4, f->now);
}

static void
publish (Fuzz *f)
{
  gsize size = take (f);
  g_autofree guint8 *bytes = g_malloc0 (size * size + 1);
  g_autoptr(GBytes) data = g_bytes_new (bytes, size * size);

  avi_gossipsub_publish (f->router, take_topic (f), data, f->now, NULL);
}

static void
set_ready (Fuzz *f)
{
  const AviPeerId *peer = take_peer (f);
  guint how = take (f);

  if (how >= 0xf0)
    avi_gossipsub_limit_peer (f->router, peer, how % 16 * 1000, f->now);
  else
    avi_gossipsub_set_ready (f->router, peer, how % 2);
}

static void
pass_time (Fuzz *f)
{
  gint64 byte = take (f);

  f->now += byte * byte * byte * 10; /* µs; up to 166 s */
  avi_gossipsub_tick (f->router, f->now);
  g_assert_cmpint (avi_gossipsub_deadline (f->router), >, f->now);
}

/* What is known of a peer from outside: its connection, its record, the program's opinion. */
static void
describe_peer (Fuzz *f)
{
  static guint8 much[3000];
  const AviPeerId *peer = take_peer (f);
  guint how = take (f);
  g_autoptr(GBytes) record = g_bytes_new (much, how * 10);

  switch (how % 3)
    {
    case 0:
      avi_gossipsub_set_link (f->router, peer, how % 2, how % 4);
      break;
    case 1:
      avi_gossipsub_set_record (f->router, peer, how % 2 == 0 ? record : NULL);
      break;
    default:
      avi_gossipsub_set_application_score (f->router, peer, (double) how - 128, f->now);
      break;
    }
}

/* What a call is given is taken before it, one after the other: in which order a compiler evaluates it is its own choice. */
static void
add_peer (Fuzz *f)
{
  const AviPeerId *peer = take_peer (f);
  const char *protocol = take_protocol (f);
  const char *agent = take_agent (f);

  avi_gossipsub_add_peer (f->router, peer, protocol, agent, f->now);
}

static void
move_peer (Fuzz *f)
{
  const AviPeerId *peer = take_peer (f);
  const char *protocol = take_protocol (f);

  avi_gossipsub_move_peer (f->router, peer, protocol, f->now);
}

static void
set_agent (Fuzz *f)
{
  const AviPeerId *peer = take_peer (f);
  const char *agent = take_agent (f);

  avi_gossipsub_set_agent (f->router, peer, agent);
}

static void
set_topic_flags (Fuzz *f)
{
  const char *topic = take_topic (f);
  guint flags = take (f) % 4;

  avi_gossipsub_set_topic_flags (f->router, topic, flags);
}

static void
step (Fuzz *f)
{
  switch (take (f) % 19)
    {
    case 0:
      add_peer (f);
      break;
    case 1:
      move_peer (f);
      break;
    case 2:
      avi_gossipsub_remove_peer (f->router, take_peer (f), f->now);
      break;
    case 3:
      set_agent (f);
      break;
    case 4:
      set_ready (f);
      break;
    case 5:
      avi_gossipsub_subscribe (f->router, take_topic (f), f->now);
      break;
    case 6:
      avi_gossipsub_unsubscribe (f->router, take_topic (f), f->now);
      break;
    case 7:
      publish (f);
      break;
    case 8:
      pass_time (f);
      break;
    case 9:
      answer (f);
      break;
    case 10:
      take_events (f);
      break;
    case 11:
      transmit (f, 1 + take (f));
      break;
    case 16:
      set_topic_flags (f);
      break;
    case 17:
      judge (f);
      break;
    case 18:
      describe_peer (f);
      break;
    default:
      receive (f);
      break;
    }
}

static void
make_keys (void)
{
  for (guint i = 0; keys[N_PEERS] == NULL; i++)
    {
      guint8 seed[AVI_KEY_SEED_LEN] = { 1 + i };

      keys[i] = avi_key_pair_from_seed (seed);
    }
}

/* Small bounds, so that a short script meets them. */
static void
make_params (AviGossipsubParams *params, Fuzz *f)
{
  static const struct
  {
    const char *name;
    double      value;
  } small[] = { { "d-out", 0 }, { "d-score", 1 }, { "d-lo", 1 }, { "d", 2 }, { "d-hi", 2 }, { "d-lazy", 1 },
                { "max-message-size", 50000 }, { "max-ihave-length", 8 }, { "mesh-message-deliveries-weight", -1 },
                { "first-message-deliveries-weight", 20 }, { "ip-colocation-factor-threshold", 1 },
                { "stagger-copies", 1 }, { "stagger-bandwidth", 20000 } };
  g_autofree char *direct = avi_peer_id_to_string (avi_key_pair_get_peer_id (keys[N_PEERS - 1]));
  const char *peers[] = { direct, NULL };

  avi_gossipsub_params_init (params);
  for (guint i = 0; i < G_N_ELEMENTS (small); i++)
    g_assert_true (avi_gossipsub_params_set (params, NULL, small[i].name, small[i].value, NULL));
  if (f->script.len % 4 == 0) /* then one peer is direct */
    g_assert_true (avi_gossipsub_params_set_direct_peers (params, peers, NULL));
  g_assert_true (avi_gossipsub_params_check (params, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Fuzz f = { .script = AVI_SPAN (data, size), .now = 1 };
  AviGossipsubParams params;
  AviGossipsubConfig config = { .random = &f.random, .params = &params, .max_topics = 4, .max_queue = 20000 };

  make_keys ();
  avi_random_seed (&f.random, 1);
  config.identity = keys[N_PEERS];
  make_params (&params, &f);
  f.router = avi_gossipsub_new (&config, f.now);
  f.delivered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  f.good = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  f.rpc = g_byte_array_new ();

  for (guint i = 0; i < MAX_STEPS && f.script.len > 0; i++)
    {
      step (&f);
      gossipsub_check (f.router);
    }
  take_events (&f);
  transmit (&f, G_MAXUINT);
  g_assert_cmpuint (f.router->sending.length, ==, 0);

  avi_gossipsub_free (f.router);
  g_queue_clear_full (&f.checks, (GDestroyNotify) check_free);
  g_queue_clear_full (&f.asked, g_free);
  g_hash_table_unref (f.good);
  avi_gossipsub_params_clear (&params);
  g_hash_table_unref (f.delivered);
  g_byte_array_unref (f.rpc);
  return 0;
}
