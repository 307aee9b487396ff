/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "gossipsub-fixture.h"
#include "protocols/gossipsub/avi-message-cache.h"

#define WINDOWS  5
#define GOSSIP   3
#define NO_LIMIT (1024 * 1024)

static AviGossipMessage *
make (const char *topic, guint64 n)
{
  g_autoptr(GBytes) raw = gossip_sign (1, topic, "hello", n);
  AviGossipMessage *message;
  AviGossipFields fields;

  g_assert_true (avi_gossip_fields_read (&fields, avi_span_from_bytes (raw), NULL));
  message = avi_gossip_message_new (&fields, (AviMessageId) { n, n }, NULL);
  message->checked = TRUE;
  return message;
}

static void
put (AviMessageCache *cache, const char *topic, guint64 n)
{
  g_autoptr(AviGossipMessage) message = make (topic, n);

  avi_message_cache_put (cache, message);
}

static gboolean
holds (AviMessageCache *cache, guint64 n)
{
  AviMessageId id = { n, n };

  return avi_message_cache_get_for (cache, &id, n, G_MAXUINT, NULL) != NULL;
}

/* Of those to gossip about. */
static guint
count (AviMessageCache *cache, const char *topic, gboolean checked)
{
  g_autoptr(GPtrArray) messages = g_ptr_array_new ();
  guint n = 0;

  avi_message_cache_list (cache, messages);
  for (guint i = 0; i < messages->len; i++)
    {
      AviGossipMessage *message = messages->pdata[i];

      n += message->checked == checked && avi_span_equal (message->fields.topic, AVI_SPAN_STRING (topic));
    }
  return n;
}

static void
test_windows (void)
{
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, NO_LIMIT);

  put (cache, "a", 1);
  for (guint shifts = 0; shifts < WINDOWS; shifts++)
    {
      g_assert_true (holds (cache, 1));
      g_assert_cmpuint (count (cache, "a", TRUE), ==, shifts < GOSSIP ? 1 : 0);
      avi_message_cache_shift (cache);
    }
  g_assert_false (holds (cache, 1));
  g_assert_cmpuint (avi_message_cache_get_bytes (cache), ==, 0);
}

/* Of all topics at once, the newest first. */
static void
test_topics (void)
{
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, NO_LIMIT);
  g_autoptr(GPtrArray) messages = g_ptr_array_new ();

  put (cache, "a", 1);
  avi_message_cache_shift (cache);
  put (cache, "b", 2);
  put (cache, "a", 3);
  avi_message_cache_list (cache, messages);
  g_assert_cmpuint (messages->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (((AviGossipMessage *) messages->pdata[i])->id.lo, ==, 3 - i);
  g_assert_cmpuint (count (cache, "a", TRUE), ==, 2);
  g_assert_cmpuint (count (cache, "b", TRUE), ==, 1);
  g_assert_cmpuint (count (cache, "c", TRUE), ==, 0);
  g_assert_cmpuint (avi_message_cache_get_size (cache), ==, 3);
  avi_message_cache_clear (cache);
  g_assert_cmpuint (count (cache, "a", TRUE), ==, 0);
}

static void
test_answers (void)
{
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, NO_LIMIT);
  AviMessageId id = { 1, 1 };
  AviMessageId unknown = { 2, 2 };
  guint refused = 0;

  put (cache, "a", 1);
  for (guint times = 0; times < 3; times++)
    for (guint64 peer = 10; peer < 15; peer++)
      g_assert_nonnull (avi_message_cache_get_for (cache, &id, peer, 3, &refused));
  g_assert_null (avi_message_cache_get_for (cache, &id, 10, 3, &refused));
  g_assert_nonnull (avi_message_cache_get_for (cache, &id, 15, 3, &refused));
  g_assert_null (avi_message_cache_get_for (cache, &unknown, 10, 3, &refused));
  g_assert_cmpuint (refused, ==, 1);
}

static void
test_bytes (void)
{
  g_autoptr(AviGossipMessage) one = make ("a", 1000);
  gsize room = 10 * avi_gossip_message_get_cost (one);
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, room);
  g_autoptr(AviMessageCache) tiny = avi_message_cache_new (WINDOWS, GOSSIP, room / 11);

  for (guint64 n = 1; n <= 100; n++)
    {
      put (cache, "a", n);
      g_assert_cmpuint (avi_message_cache_get_bytes (cache), <=, room);
    }
  g_assert_true (holds (cache, 91) && !holds (cache, 90));

  avi_message_cache_put (tiny, one);
  g_assert_cmpuint (avi_message_cache_get_size (tiny), ==, 0);
}

/* Nobody is given one whose signature nobody looked at. */
static void
test_unchecked (void)
{
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, NO_LIMIT);
  g_autoptr(AviGossipMessage) message = make ("a", 1);

  message->checked = FALSE;
  avi_message_cache_put (cache, message);
  put (cache, "a", 2);
  g_assert_false (holds (cache, 1));
  g_assert_cmpuint (count (cache, "a", TRUE), ==, 1);
  g_assert_cmpuint (count (cache, "a", FALSE), ==, 1);
  message->checked = TRUE;
  g_assert_true (holds (cache, 1));
  g_assert_cmpuint (count (cache, "a", TRUE), ==, 2);
}

static void
test_drop (void)
{
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, NO_LIMIT);
  AviMessageId id = { 2, 2 };

  for (guint64 n = 1; n <= 3; n++)
    put (cache, "a", n);
  avi_message_cache_drop (cache, &id);
  avi_message_cache_drop (cache, &id);
  g_assert_true (holds (cache, 1) && !holds (cache, 2) && holds (cache, 3));
  g_assert_cmpuint (avi_message_cache_get_size (cache), ==, 2);
}

static void
test_twice (void)
{
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, NO_LIMIT);

  put (cache, "a", 1);
  g_assert_true (holds (cache, 1));
  avi_message_cache_shift (cache);
  put (cache, "a", 1);
  for (guint i = 0; i < WINDOWS - 1; i++)
    avi_message_cache_shift (cache);
  g_assert_cmpuint (avi_message_cache_get_size (cache), ==, 1);
  g_assert_true (holds (cache, 1));
  avi_message_cache_shift (cache);
  g_assert_false (holds (cache, 1));
}

#define N_STEPS 20000

/* What a cache holds of which nothing is dropped for its bytes: when each came; -1: it did not, or has gone. */
typedef struct
{
  AviMessageCache *cache;
  gint window;
  guint64 n;
  gint came[N_STEPS];
} Model;

static guint
model_count (const Model *self)
{
  guint n = 0;

  for (guint64 i = 0; i < self->n; i++)
    n += self->came[i] >= 0;
  return n;
}

static void
model_shift (Model *self)
{
  avi_message_cache_shift (self->cache);
  self->window++;
  for (guint64 i = 0; i < self->n; i++)
    if (self->window - self->came[i] >= WINDOWS)
      self->came[i] = -1;
  g_assert_cmpuint (avi_message_cache_get_size (self->cache), ==, model_count (self));
}

/* Of those that came lately. */
static void
model_ask (Model *self, AviRandom *random, gboolean drops)
{
  guint64 back = avi_random_below (random, 100);
  guint64 n = back < self->n ? self->n - 1 - back : 0;
  AviMessageId id = { n, n };

  if (self->n == 0)
    return;
  g_assert_true (holds (self->cache, n) == (self->came[n] >= 0));
  if (!drops)
    return;
  avi_message_cache_drop (self->cache, &id);
  self->came[n] = -1;
}

static void
test_model (void)
{
  g_autoptr(AviMessageCache) cache = avi_message_cache_new (WINDOWS, GOSSIP, G_MAXINT);
  g_autofree Model *model = g_new0 (Model, 1);
  AviRandom random;

  avi_random_seed (&random, 3);
  model->cache = cache;
  for (guint i = 0; i < N_STEPS; i++)
    {
      guint64 chance = avi_random_below (&random, 1000);

      if (chance < 10)
        model_shift (model);
      else if (chance < 40) /* in some windows nobody */
        model_ask (model, &random, chance < 20);
      else
        {
          put (cache, "a", model->n);
          model->came[model->n++] = model->window;
        }
    }
  for (guint i = 0; i < WINDOWS; i++)
    model_shift (model);
  g_assert_cmpuint (avi_message_cache_get_bytes (cache), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/message-cache/a message is gossiped about for 3 windows and held for 5", test_windows);
  g_test_add_func ("/message-cache/messages are listed, each once, the newest first", test_topics);
  g_test_add_func ("/message-cache/a peer is given a message so many times only", test_answers);
  g_test_add_func ("/message-cache/what is not checked is held, and given to nobody", test_unchecked);
  g_test_add_func ("/message-cache/a message can be taken out", test_drop);
  g_test_add_func ("/message-cache/the oldest go where bytes run out", test_bytes);
  g_test_add_func ("/message-cache/of two of one id the newer is found", test_twice);
  g_test_add_func ("/message-cache/it holds what a plain list would", test_model);
  return g_test_run ();
}
