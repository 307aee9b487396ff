/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "pubsub-fixture.h"

#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"

static gboolean
has_wanted_streams (gpointer data)
{
  PubsubFixture *self = data;

  return puppet_get_n_pubsub (self->puppets[0]) >= self->wanted;
}

void
pubsub_fixture_await_streams (PubsubFixture *self, guint n)
{
  self->wanted = n;
  puppets_run (self->puppets, has_wanted_streams, self);
}

void
pubsub_fixture_open (PubsubFixture *self)
{
  static const char *const pubsub[] = { AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };

  self->stream = puppet_open (self->puppets[0], pubsub);
}

void
pubsub_fixture_set_up (PubsubFixture *self, gconstpointer data)
{
  static const char *const with_pubsub[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };

  core_fixture_init (&self->under_test);
  self->other = avi_key_pair_generate ();
  self->author = avi_key_pair_ref (self->other);
  self->heard = g_string_new (NULL);
  self->inbox = avi_core_subscribe (self->under_test.core, TOPIC, 100, 1024 * 1024, NULL);
  g_assert_nonnull (self->inbox);
  core_fixture_start (&self->under_test);
  self->puppets[0] = puppet_dial (self->other, core_fixture_get_port (&self->under_test),
                                 data != PUBSUB_FIXTURE_OLD_KIND);
  puppet_set_protocols (self->puppets[0], with_pubsub);
  puppet_set_max_rpc (self->puppets[0], AVI_GOSSIPSUB_MAX_OLD_RPC);
  pubsub_fixture_await_streams (self, 1);
  pubsub_fixture_open (self);
}

void
pubsub_fixture_tear_down (PubsubFixture *self, gconstpointer data)
{
  avi_core_unsubscribe (self->under_test.core, self->inbox);
  avi_inbox_unref (self->inbox);
  core_fixture_clear (&self->under_test);
  for (guint i = 0; self->puppets[i] != NULL; i++)
    puppet_free (self->puppets[i]);
  avi_key_pair_unref (self->other);
  avi_key_pair_unref (self->author);
  g_clear_pointer (&self->last, avi_message_unref);
  g_string_free (self->heard, TRUE);
}

/* --- what the puppet says --- */

static void
say_rpc (PubsubFixture *self, guint64 tag, AviSpan content)
{
  g_autoptr(GByteArray) rpc = g_byte_array_new ();
  g_autoptr(GByteArray) frame = g_byte_array_new ();
  guint8 len[10];

  avi_rpc_put_bytes (rpc, tag, content);
  g_byte_array_append (frame, len, (guint) avi_rpc_encode_varint (rpc->len, len));
  g_byte_array_append (frame, rpc->data, rpc->len);
  puppet_send (self->puppets[0], self->stream, AVI_SPAN (frame->data, frame->len));
}

void
pubsub_fixture_say_message (PubsubFixture *self, const char *text, guint64 seqno, guint flipped)
{
  g_autoptr(GByteArray) message = avi_signing_sign (self->author, TOPIC, AVI_SPAN_STRING (text), seqno);

  if (flipped > 0)
    message->data[message->len - flipped] ^= 1;
  say_rpc (self, AVI_RPC_PUBLISH, AVI_SPAN (message->data, message->len));
}

void
pubsub_fixture_relay (PubsubFixture *self)
{
  avi_key_pair_unref (self->author);
  self->author = avi_key_pair_generate ();
}

static gboolean
has_subscriber (gpointer data)
{
  PubsubFixture *self = data;
  g_autoptr(GBytes) bytes = g_bytes_new_static ("is anybody there?", 17);

  return avi_core_publish (self->under_test.core, TOPIC, bytes, FALSE, NULL, NULL) > 0;
}

void
pubsub_fixture_say_subscription (PubsubFixture *self)
{
  g_autoptr(GByteArray) subscription = g_byte_array_new ();

  avi_rpc_put_varint (subscription, AVI_SUBSCRIPTION_SUBSCRIBE, 1);
  avi_rpc_put_bytes (subscription, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (TOPIC));
  say_rpc (self, AVI_RPC_SUBSCRIPTION, AVI_SPAN (subscription->data, subscription->len));
  puppets_run (self->puppets, has_subscriber, self);
}

/* --- what is heard --- */

static void
take_message (PubsubFixture *self, AviMessage *message)
{
  g_string_append_printf (self->heard, "%s.", avi_message_get_text (message));
  g_clear_pointer (&self->last, avi_message_unref);
  self->last = avi_message_ref (message);
}

static gboolean
has_heard_wanted (gpointer data)
{
  PubsubFixture *self = data;
  AviEvent *event, *next;

  for (event = avi_core_take_events (self->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_MESSAGE)
        take_message (self, event->message);
      avi_event_free (event);
    }
  return strstr (self->heard->str, self->wanted_text) != NULL;
}

void
pubsub_fixture_await (PubsubFixture *self, const char *text)
{
  self->wanted_text = text;
  puppets_run (self->puppets, has_heard_wanted, self);
}

static gboolean
puppet_has_wanted_text (gpointer data)
{
  PubsubFixture *self = data;

  return puppet_has_heard (self->puppets[0], self->wanted_text);
}

void
pubsub_fixture_publish (PubsubFixture *self, const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  g_assert_cmpint (avi_core_publish (self->under_test.core, TOPIC, bytes, FALSE, NULL, NULL), ==, 1);
  self->wanted_text = text;
  puppets_run (self->puppets, puppet_has_wanted_text, self);
}
