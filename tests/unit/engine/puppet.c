/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "puppet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "avi-error.h"
#include "protocols/avi-ping.h"
#include "protocols/gossipsub/avi-gossipsub.h"
#include "wire/avi-frame-reader.h"

#define PATIENCE (10 * (gint64) G_USEC_PER_SEC)

struct _Puppet
{
  int             fd;
  AviLink        *link;
  AviNoiseStatic *statics;
  AviKeyPair     *key;
  guint8          boot;
  gboolean        silent;
  gboolean        deaf;
  gboolean        grants_nothing;
  gboolean        open;
  gboolean        closed;
  gboolean        told_to_go;
  guint           n_identified;
  guint           n_reset;
  PuppetManners   manners;
  AviLinkStream  *asked;        /* on which it is mute about who it is; or NULL */
  gboolean        refuses_pings;

  const char *const *protocols; /* that identify lists */
  AviPublicKey      *other;     /* the other end's; the link's */
  GHashTable        *readers;   /* AviLinkStream of an answer or push → AviIdentifyReader */
  AviIdentify        told;
  guint              n_told;
  AviLinkStream     *pubsub;    /* the newest of the other end's; or NULL */
  guint              n_pubsub;
  GByteArray        *heard;     /* on all of them */
  AviFrameReader     rpcs;      /* of the newest */
  gsize              max_rpc;
};

static const char *const all_protocols[] = {
  AVI_IDENTIFY_PROTOCOL, AVI_PING_PROTOCOL, AVI_IDENTIFY_PUSH_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL,
};
static const char *const few_protocols[] = { AVI_IDENTIFY_PROTOCOL, AVI_PING_PROTOCOL, NULL };

static Puppet *
puppet_new (AviKeyPair *key,
            int         fd,
            gboolean    dialer,
            guint8      boot)
{
  Puppet *self = g_new0 (Puppet, 1);
  AviLinkConfig config = { .dialer = dialer, .protocols = all_protocols, .random = avi_random_system () };
  int one = 1;

  g_assert_cmpint (fd, >=, 0);
  fcntl (fd, F_SETFL, O_NONBLOCK);
  /* What it says is there in the next turn. */
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  self->fd = fd;
  self->key = avi_key_pair_ref (key);
  self->boot = boot;
  self->protocols = few_protocols;
  self->readers = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) avi_identify_reader_free);
  self->heard = g_byte_array_new ();
  self->max_rpc = AVI_GOSSIPSUB_MAX_RPC;
  avi_frame_reader_init (&self->rpcs, self->max_rpc);
  self->statics = config.statics = avi_noise_static_new (key, config.random);
  self->link = avi_link_new (&config, g_get_monotonic_time ());
  return self;
}

/* @from: an address of this machine; NULL: any. */
static Puppet *
puppet_connect (AviKeyPair *key,
                const char *from,
                const char *to,
                guint16     port,
                guint8      boot)
{
  struct sockaddr_in source = { .sin_family = AF_INET };
  struct sockaddr_in target = { .sin_family = AF_INET, .sin_port = g_htons (port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (inet_pton (AF_INET, to, &target.sin_addr), ==, 1);
  if (from != NULL)
    {
      g_assert_cmpint (inet_pton (AF_INET, from, &source.sin_addr), ==, 1);
      g_assert_cmpint (bind (fd, (struct sockaddr *) &source, sizeof source), ==, 0);
    }
  g_assert_cmpint (connect (fd, (struct sockaddr *) &target, sizeof target), ==, 0);
  return puppet_new (key, fd, TRUE, boot);
}

Puppet *
puppet_dial (AviKeyPair *key,
             guint16     port,
             guint8      boot)
{
  return puppet_connect (key, NULL, "127.0.0.1", port, boot);
}

Puppet *
puppet_dial_at (AviKeyPair *key,
                const char *ip,
                guint16     port,
                guint8      boot)
{
  return puppet_connect (key, NULL, ip, port, boot);
}

Puppet *
puppet_dial_from (const char *ip,
                  AviKeyPair *key,
                  guint16     port,
                  guint8      boot)
{
  return puppet_connect (key, ip, "127.0.0.1", port, boot);
}

/* Also where the test has the clock in its hand. */
static gint64
get_true_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

int
puppet_listen (guint16 *port)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof to;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  g_assert_cmpint (listen (fd, 16), ==, 0);
  getsockname (fd, (struct sockaddr *) &to, &len);
  *port = g_ntohs (to.sin_port);
  return fd;
}

Puppet *
puppet_accept (AviKeyPair *key,
               int         listener,
               guint8      boot)
{
  struct pollfd wait = { .fd = listener, .events = POLLIN };
  gint64 deadline = get_true_time () + PATIENCE;

  /* An engine that dials may be one of the default context. */
  while (poll (&wait, 1, 2) == 0)
    {
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_cmpint (get_true_time (), <, deadline);
    }
  return puppet_new (key, accept (listener, NULL, NULL), FALSE, boot);
}

void
puppet_free (Puppet *self)
{
  if (self->fd >= 0)
    close (self->fd);
  avi_link_free (self->link);
  g_hash_table_unref (self->readers);
  g_byte_array_unref (self->heard);
  avi_frame_reader_clear (&self->rpcs);
  avi_identify_clear (&self->told);
  avi_noise_static_unref (self->statics);
  avi_key_pair_unref (self->key);
  g_free (self);
}

void
puppet_set_silent (Puppet  *self,
                   gboolean silent)
{
  self->silent = silent;
}

void
puppet_set_deaf (Puppet  *self,
                 gboolean deaf)
{
  self->deaf = deaf;
}

void
puppet_grant_nothing (Puppet *self)
{
  self->grants_nothing = TRUE;
}

int
puppet_get_fd (Puppet *self)
{
  return self->fd;
}

gboolean
puppet_is_open (Puppet *self)
{
  return self->open && !self->closed;
}

gboolean
puppet_is_closed (Puppet *self)
{
  return self->closed;
}

gboolean
puppet_was_told_to_go (Puppet *self)
{
  return self->told_to_go;
}

guint
puppet_get_n_identified (Puppet *self)
{
  return self->n_identified;
}

static void
puppet_say_who (Puppet        *self,
                AviLinkStream *stream)
{
  g_autoptr(AviKeyPair) key_pair =
      self->manners == PUPPET_LIES ? avi_key_pair_generate () : avi_key_pair_ref (self->key);
  AviPublicKey *key = avi_key_pair_get_public (key_pair);
  AviIdentify info = {
    .protocol_version = (char *) "/avi/1.0.0",
    .agent_version = (char *) "puppet",
    .key = key,
    .protocols = (char **) self->protocols,
    .has_boot_id = self->boot != 0,
  };
  g_autoptr(GBytes) bytes = NULL;

  memset (info.boot_id, self->boot, sizeof info.boot_id);
  bytes = avi_identify_encode (&info);
  avi_link_send (self->link, stream, bytes);
  avi_link_finish (self->link, stream);
  self->n_identified++;
}

static void
puppet_answer_identify (Puppet        *self,
                        AviLinkStream *stream)
{
  switch (self->manners)
    {
    case PUPPET_SAYS_WHO:
    case PUPPET_LIES:
      puppet_say_who (self, stream);
      break;
    case PUPPET_RESETS:
      avi_link_reset (self->link, stream);
      break;
    case PUPPET_MUMBLES:
      puppet_send (self, stream, AVI_SPAN_STRING ("\x07mumbles"));
      avi_link_finish (self->link, stream);
      break;
    case PUPPET_IS_MUTE:
    default:
      self->asked = stream;
      break;
    }
}

static void
puppet_take_stream (Puppet        *self,
                    AviLinkStream *stream,
                    const char    *protocol)
{
  if (g_str_equal (protocol, AVI_IDENTIFY_PROTOCOL))
    puppet_answer_identify (self, stream);
  if (g_str_equal (protocol, AVI_PING_PROTOCOL) && self->refuses_pings)
    avi_link_reset (self->link, stream);
  if (g_str_equal (protocol, AVI_IDENTIFY_PUSH_PROTOCOL))
    g_hash_table_insert (self->readers, stream, avi_identify_reader_new ());
  if (g_str_equal (protocol, AVI_GOSSIPSUB_PROTOCOL_1_1))
    {
      self->pubsub = stream;
      avi_frame_reader_clear (&self->rpcs);
      avi_frame_reader_init (&self->rpcs, self->max_rpc);
      self->n_pubsub++;
    }
}

/* As rust-libp2p it has done with a stream at an RPC whose length is over its limit. */
static void
puppet_hear (Puppet        *self,
             AviLinkStream *stream,
             AviSpan        data)
{
  g_autoptr(GError) error = NULL;
  AviSpan rpc;

  if (stream != self->pubsub)
    return;
  g_byte_array_append (self->heard, data.data, (guint) data.len);
  avi_frame_reader_push (&self->rpcs, data);
  while (avi_frame_reader_next (&self->rpcs, &rpc, &error))
    ;
  if (error != NULL)
    {
      g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
      puppet_end_pubsub (self);
      self->pubsub = NULL;
    }
}

static void
puppet_take_data (Puppet        *self,
                  AviLinkStream *stream,
                  AviSpan        data)
{
  const char *protocol = avi_link_stream_get_protocol (stream);
  AviIdentifyReader *reader = g_hash_table_lookup (self->readers, stream);

  if (!self->grants_nothing)
    avi_link_consume (self->link, stream, data.len);
  if (g_strcmp0 (protocol, AVI_PING_PROTOCOL) == 0 && avi_link_stream_is_inbound (stream))
    {
      g_autoptr(GBytes) echo = g_bytes_new (data.data, data.len);

      avi_link_send (self->link, stream, echo);
    }
  if (reader != NULL)
    g_assert_true (avi_identify_reader_receive (reader, data, NULL));
  if (g_strcmp0 (protocol, AVI_GOSSIPSUB_PROTOCOL_1_1) == 0)
    puppet_hear (self, stream, data);
}

static void
puppet_take_end (Puppet        *self,
                 AviLinkStream *stream)
{
  AviIdentifyReader *reader = g_hash_table_lookup (self->readers, stream);

  avi_link_finish (self->link, stream);
  if (reader == NULL)
    return;
  avi_identify_clear (&self->told);
  g_assert_true (avi_identify_reader_finish (reader, avi_public_key_get_peer_id (self->other), &self->told, NULL));
  self->n_told++;
  g_hash_table_remove (self->readers, stream);
}

static void
puppet_drop_stream (Puppet        *self,
                    AviLinkStream *stream)
{
  g_hash_table_remove (self->readers, stream);
  if (self->pubsub == stream)
    self->pubsub = NULL;
  if (self->asked == stream)
    self->asked = NULL;
}

static void
puppet_handle (Puppet       *self,
               AviLinkEvent *event)
{
  switch (event->type)
    {
    case AVI_LINK_EVENT_ESTABLISHED:
      self->open = TRUE;
      self->other = event->key;
      break;
    case AVI_LINK_EVENT_STREAM:
      puppet_take_stream (self, event->stream, event->protocol);
      break;
    case AVI_LINK_EVENT_DATA:
      puppet_take_data (self, event->stream, event->data);
      break;
    case AVI_LINK_EVENT_FINISHED:
      puppet_take_end (self, event->stream);
      break;
    case AVI_LINK_EVENT_RESET:
      self->n_reset++;
      puppet_drop_stream (self, event->stream);
      break;
    case AVI_LINK_EVENT_REFUSED:
    case AVI_LINK_EVENT_CLOSED:
      puppet_drop_stream (self, event->stream);
      break;
    case AVI_LINK_EVENT_GO_AWAY:
      self->told_to_go = TRUE;
      break;
    default:
      break;
    }
}

static void
puppet_write (Puppet *self)
{
  AviWriter writer;
  gsize sent = 0;

  avi_writer_init (&writer, 256 * 1024);
  avi_link_transmit (self->link, &writer, g_get_monotonic_time ());
  while (sent < writer.len && !self->closed)
    {
      ssize_t n = send (self->fd, writer.data + sent, writer.len - sent, MSG_NOSIGNAL);

      if (n > 0)
        sent += (gsize) n;
      else if (errno != EAGAIN)
        self->closed = TRUE;
    }
  avi_writer_clear (&writer);
}

static void
puppet_step (Puppet *self)
{
  guint8 buffer[16 * 1024];
  AviLinkEvent event;
  ssize_t n;

  if (self->silent || self->closed)
    return;
  errno = EAGAIN;
  n = self->deaf ? -1 : recv (self->fd, buffer, sizeof buffer, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN))
    {
      self->closed = TRUE;
      return;
    }
  avi_link_receive (self->link, AVI_SPAN (buffer, n > 0 ? (gsize) n : 0), g_get_monotonic_time (), NULL);
  while (avi_link_next (self->link, &event))
    puppet_handle (self, &event);
  puppet_write (self);
}

void
puppets_step (Puppet **puppets)
{
  struct pollfd wait[8] = { { .fd = -1 } };
  nfds_t n = 0;

  for (; puppets[n] != NULL; n++)
    {
      puppet_step (puppets[n]);
      gboolean listens = !puppets[n]->silent && !puppets[n]->deaf && !puppets[n]->closed;

      wait[n] = (struct pollfd){ .fd = listens ? puppets[n]->fd : -1, .events = POLLIN };
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
  poll (wait, n, 2);
}

void
puppets_run (Puppet **puppets,
             gboolean (*done) (gpointer data),
             gpointer  data)
{
  gint64 deadline = get_true_time () + PATIENCE;

  while (!done (data))
    {
      g_assert_cmpint (get_true_time (), <, deadline);
      puppets_step (puppets);
    }
}

void
puppet_set_protocols (Puppet            *self,
                      const char *const *protocols)
{
  self->protocols = protocols != NULL ? protocols : few_protocols;
}

void
puppet_set_manners (Puppet       *self,
                    PuppetManners manners)
{
  self->manners = manners;
  if (self->asked != NULL)
    puppet_answer_identify (self, g_steal_pointer (&self->asked));
}

void
puppet_refuse_pings (Puppet *self)
{
  self->refuses_pings = TRUE;
}

void
puppet_go_away (Puppet *self)
{
  avi_link_go_away (self->link, 0);
}

void
puppet_babble (Puppet *self)
{
  static const guint8 babble[] = { 0, 3, 'b', 'l', 'a' };

  g_assert_cmpint (send (self->fd, babble, sizeof babble, MSG_NOSIGNAL), ==, sizeof babble);
}

void
puppet_cut (Puppet *self)
{
  const struct linger linger = { .l_onoff = 1 };

  g_assert_cmpint (setsockopt (self->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), ==, 0);
  close (self->fd);
  self->fd = -1;
  self->closed = TRUE;
}

void
puppet_push (Puppet            *self,
             const AviIdentify *info)
{
  static const char *const protocol[] = { AVI_IDENTIFY_PUSH_PROTOCOL, NULL };
  g_autoptr(GBytes) bytes = avi_identify_encode (info);
  AviLinkStream *stream = puppet_open (self, protocol);

  puppet_send (self, stream, avi_span_from_bytes (bytes));
  avi_link_finish (self->link, stream);
}

void
puppet_ask (Puppet *self)
{
  static const char *const protocol[] = { AVI_IDENTIFY_PROTOCOL, NULL };

  g_hash_table_insert (self->readers, puppet_open (self, protocol), avi_identify_reader_new ());
}

const AviIdentify *
puppet_get_told (Puppet *self)
{
  return self->n_told > 0 ? &self->told : NULL;
}

guint
puppet_get_n_told (Puppet *self)
{
  return self->n_told;
}

AviLinkStream *
puppet_open (Puppet            *self,
             const char *const *protocol)
{
  AviLinkStream *stream = avi_link_open (self->link, protocol, g_get_monotonic_time (), NULL);

  g_assert_nonnull (stream);
  return stream;
}

void
puppet_send (Puppet        *self,
             AviLinkStream *stream,
             AviSpan        bytes)
{
  g_autoptr(GBytes) copy = g_bytes_new (bytes.data, bytes.len);

  g_assert_true (avi_link_send (self->link, stream, copy));
}

gsize
puppet_get_queued (Puppet        *self,
                   AviLinkStream *stream)
{
  return avi_link_get_queued (self->link, stream);
}

void
puppet_reset (Puppet        *self,
              AviLinkStream *stream)
{
  avi_link_reset (self->link, stream);
}

guint
puppet_get_n_reset (Puppet *self)
{
  return self->n_reset;
}

guint
puppet_get_n_pubsub (Puppet *self)
{
  return self->n_pubsub;
}

void
puppet_set_max_rpc (Puppet *self,
                    gsize   max_rpc)
{
  self->max_rpc = max_rpc;
}

void
puppet_end_pubsub (Puppet *self)
{
  if (self->pubsub != NULL)
    avi_link_finish (self->link, self->pubsub);
}

gboolean
puppet_has_heard (Puppet     *self,
                  const char *text)
{
  return puppet_find_heard (self, text) > 0;
}

gsize
puppet_find_heard (Puppet     *self,
                   const char *text)
{
  const guint8 *found = self->heard->len > 0 ? memmem (self->heard->data, self->heard->len, text, strlen (text)) : NULL;

  return found != NULL ? (gsize) (found - self->heard->data) + 1 : 0;
}
