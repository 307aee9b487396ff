/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "puppet-pubsub.h"

#include "protocols/gossipsub/avi-gossipsub.h"
#include "protocols/gossipsub/avi-rpc.h"
#include "protocols/gossipsub/avi-signing.h"

void
puppet_send_rpc (Puppet *self, AviLinkStream *stream, AviSpan rpc)
{
  g_autoptr(GByteArray) frame = g_byte_array_new ();
  guint8 len[10];

  g_byte_array_append (frame, len, (guint) avi_rpc_encode_varint (rpc.len, len));
  g_byte_array_append (frame, rpc.data, (guint) rpc.len);
  puppet_send (self, stream, AVI_SPAN (frame->data, frame->len));
}

static void
puppet_say_rpc (Puppet *self, AviLinkStream *stream, guint64 tag, GByteArray *content)
{
  g_autoptr(GByteArray) rpc = g_byte_array_new ();

  avi_rpc_put_bytes (rpc, tag, AVI_SPAN (content->data, content->len));
  puppet_send_rpc (self, stream, AVI_SPAN (rpc->data, rpc->len));
}

AviLinkStream *
puppet_subscribe (Puppet *self, const char *topic)
{
  static const char *const protocol[] = { AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };
  g_autoptr(GByteArray) subscription = g_byte_array_new ();
  AviLinkStream *stream = puppet_open (self, protocol);

  avi_rpc_put_varint (subscription, AVI_SUBSCRIPTION_SUBSCRIBE, 1);
  avi_rpc_put_bytes (subscription, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (topic));
  puppet_say_rpc (self, stream, AVI_RPC_SUBSCRIPTION, subscription);
  return stream;
}

void
puppet_publish (Puppet        *self,
                AviLinkStream *stream,
                AviKeyPair    *author,
                const char    *topic,
                const char    *text,
                guint64        seqno)
{
  g_autoptr(GByteArray) message = avi_signing_sign (author, topic, AVI_SPAN_STRING (text), seqno);

  puppet_say_rpc (self, stream, AVI_RPC_PUBLISH, message);
}
