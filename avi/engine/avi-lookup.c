/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-lookup.h"

#include <gio/gio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include "avi-error.h"
#include "discovery/avi-dns.h"

#define DNSADDR    "dnsaddr="
#define MAX_ANSWER 65535 /* bytes of a DNS message over TCP (RFC 1035, section 4.2.2) */

/* Ended it is by `done` or by `cancel`; it is freed when the resolver, which may still be at it, answers. */
struct _AviLookup
{
  AviLoop      *loop; /* NULL: it has ended */
  AviTimer      timer;
  gint64        deadline;
  AviMultiaddr *address;
  GCancellable *cancellable;
  AviLookupDone done;
  gpointer      user_data;
  guint16       port; /* of the addresses to be found */
};

static gboolean
avi_lookup_get_dnsaddr (const AviMultiaddr *address,
                        AviSpan            *name)
{
  AviMultiaddrIter iter = { 0 };

  if (!avi_multiaddr_next (address, &iter) || iter.protocol != AVI_MULTIADDR_DNSADDR)
    return FALSE;
  *name = iter.value;
  return TRUE;
}

gboolean
avi_lookup_is_needed (const AviMultiaddr *address)
{
  g_autofree char *name = NULL;
  AviSpan dnsaddr;
  guint16 port;
  int family;

  return avi_lookup_get_dnsaddr (address, &dnsaddr) || avi_multiaddr_get_host (address, &name, &port, &family);
}

/* --- its end --- */

static void
avi_lookup_free (AviLookup *self)
{
  g_object_unref (self->cancellable);
  avi_multiaddr_unref (self->address);
  g_free (self);
}

static void
avi_lookup_end (AviLookup    *self,
                GPtrArray    *found,
                const GError *error)
{
  avi_loop_clear_timer (self->loop, &self->timer);
  self->loop = NULL;
  self->done (self->user_data, self, found, error);
}

void
avi_lookup_cancel (AviLookup *self)
{
  g_autoptr(GCancellable) cancellable = g_object_ref (self->cancellable);

  avi_loop_clear_timer (self->loop, &self->timer);
  self->loop = NULL;
  g_cancellable_cancel (cancellable);
}

static void
avi_lookup_due (AviTimer *timer,
                gint64    now)
{
  AviLookup *self = AVI_CONTAINER_OF (timer, AviLookup, timer);
  g_autoptr(GCancellable) cancellable = g_object_ref (self->cancellable);
  g_autoptr(GError) error = g_error_new_literal (AVI_ERROR, AVI_ERROR_TIMEOUT,
                                                 "the name was not looked up in time (dial-timeout)");

  avi_lookup_end (self, NULL, error);
  g_cancellable_cancel (cancellable);
}

/* @found: (transfer full), empty where there is an error. */
static void
avi_lookup_answered (AviLookup    *self,
                     GPtrArray    *found,
                     const GError *error)
{
  if (self->loop != NULL && found->len > 0)
    avi_lookup_end (self, found, NULL);
  else if (self->loop != NULL)
    {
      g_autoptr(GError) failure =
          g_error_new_literal (AVI_ERROR, AVI_ERROR_NOT_FOUND,
                               error != NULL ? error->message : "its records hold no address that is understood");

      avi_lookup_end (self, NULL, failure);
    }
  g_ptr_array_unref (found);
  avi_lookup_free (self);
}

static GPtrArray *
avi_lookup_new_addresses (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
}

/* --- addresses of hosts --- */

static void
avi_lookup_take_ip (AviLookup    *self,
                    GInetAddress *ip,
                    GPtrArray    *found)
{
  g_autoptr(GSocketAddress) socket_address = g_inet_socket_address_new (ip, self->port);
  g_autoptr(AviMultiaddr) address = NULL;
  struct sockaddr_storage storage;
  AviPeerId peer;

  if (found->len >= AVI_LOOKUP_MAX_FOUND
      || !g_socket_address_to_native (socket_address, &storage, sizeof storage, NULL))
    return;
  address = avi_multiaddr_from_sockaddr ((struct sockaddr *) &storage);
  if (avi_multiaddr_get_peer (self->address, &peer))
    g_ptr_array_add (found, avi_multiaddr_with_peer (address, &peer));
  else
    g_ptr_array_add (found, g_steal_pointer (&address));
}

static void
avi_lookup_host_found (GObject      *source,
                       GAsyncResult *result,
                       gpointer      user_data)
{
  AviLookup *self = user_data;
  g_autoptr(GError) error = NULL;
  GList *ips = g_resolver_lookup_by_name_with_flags_finish (G_RESOLVER (source), result, &error);
  GPtrArray *found = avi_lookup_new_addresses ();

  for (GList *item = ips; item != NULL; item = item->next)
    avi_lookup_take_ip (self, item->data, found);
  g_resolver_free_addresses (ips);
  avi_lookup_answered (self, found, error);
}

static void
avi_lookup_ask_host (AviLookup  *self,
                     const char *name,
                     int         family)
{
  g_autoptr(GResolver) resolver = g_resolver_get_default ();
  GResolverNameLookupFlags flags = family == AF_INET    ? G_RESOLVER_NAME_LOOKUP_FLAGS_IPV4_ONLY
                                   : family == AF_INET6 ? G_RESOLVER_NAME_LOOKUP_FLAGS_IPV6_ONLY
                                                        : G_RESOLVER_NAME_LOOKUP_FLAGS_DEFAULT;

  g_resolver_lookup_by_name_with_flags_async (resolver, name, flags, self->cancellable, avi_lookup_host_found, self);
}

/* --- TXT records --- */

static void
avi_lookup_take_text (const GString *text,
                      GPtrArray     *found)
{
  g_autoptr(AviMultiaddr) address = NULL;

  if (found->len >= AVI_LOOKUP_MAX_FOUND || !g_str_has_prefix (text->str, DNSADDR) || strlen (text->str) != text->len)
    return;
  address = avi_multiaddr_parse (text->str + strlen (DNSADDR), NULL);
  if (address != NULL)
    g_ptr_array_add (found, g_steal_pointer (&address));
}

/* The strings of a record are one text, cut where it was too long for one (RFC 7208, section 3.3);
 * some keep several addresses in a record, as mDNS does. */
static void
avi_lookup_take_record (AviSpan    data,
                        GPtrArray *found)
{
  g_autoptr(GString) text = g_string_new (NULL);
  gsize offset = 0;
  AviSpan string;

  while (avi_dns_txt_next (data, &offset, &string))
    {
      if (string.len >= strlen (DNSADDR) && memcmp (string.data, DNSADDR, strlen (DNSADDR)) == 0)
        {
          avi_lookup_take_text (text, found);
          g_string_truncate (text, 0);
        }
      g_string_append_len (text, (const char *) string.data, (gssize) string.len);
    }
  avi_lookup_take_text (text, found);
}

/* @found: what was good before an error stays. */
static void
avi_lookup_read_answer (AviSpan    message,
                        GPtrArray *found,
                        GError   **error)
{
  AviDnsReader reader;
  AviDnsRecord record;

  if (!avi_dns_reader_init (&reader, message, error))
    return;
  while (avi_dns_reader_next (&reader, &record, error))
    if (record.section == AVI_DNS_ANSWER && record.type == AVI_DNS_TYPE_TXT && record.klass == AVI_DNS_CLASS_IN)
      avi_lookup_take_record (record.data, found);
}

static void
avi_lookup_query (GTask        *task,
                  gpointer      source,
                  gpointer      name,
                  GCancellable *cancellable)
{
  g_autofree guint8 *answer = g_malloc (MAX_ANSWER);
  int len = res_query (name, AVI_DNS_CLASS_IN, AVI_DNS_TYPE_TXT, answer, MAX_ANSWER);

  if (len < 0)
    g_task_return_new_error (task, AVI_ERROR, AVI_ERROR_NOT_FOUND, "Error resolving TXT records of “%s”: %s",
                             (const char *) name, hstrerror (h_errno));
  else
    g_task_return_pointer (task, g_bytes_new (answer, MIN ((gsize) len, MAX_ANSWER)), (GDestroyNotify) g_bytes_unref);
}

static void
avi_lookup_records_found (GObject      *source,
                          GAsyncResult *result,
                          gpointer      user_data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) answer = g_task_propagate_pointer (G_TASK (result), &error);
  GPtrArray *found = avi_lookup_new_addresses ();

  if (answer != NULL)
    avi_lookup_read_answer (avi_span_from_bytes (answer), found, &error);
  avi_lookup_answered (user_data, found, error);
}

/* Not by GResolver: in GLib 2.74 a TXT record that is no UTF-8 is a critical of GVariant's there. */
static void
avi_lookup_ask_records (AviLookup *self,
                        AviSpan    name)
{
  g_autoptr(GTask) task = g_task_new (NULL, self->cancellable, avi_lookup_records_found, self);

  g_task_set_name (task, "avi-lookup");
  g_task_set_task_data (task, g_strdup_printf ("_dnsaddr.%.*s", (int) name.len, (const char *) name.data), g_free);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, avi_lookup_query);
}

/* --- doors --- */

AviLookup *
avi_lookup_new (AviLoop      *loop,
                AviMultiaddr *address,
                gint64        deadline,
                AviLookupDone done,
                gpointer      user_data)
{
  AviLookup *self = g_new0 (AviLookup, 1);
  g_autofree char *name = NULL;
  AviSpan dnsaddr;
  int family;

  self->loop = loop;
  self->address = avi_multiaddr_ref (address);
  self->cancellable = g_cancellable_new ();
  self->done = done;
  self->user_data = user_data;
  self->deadline = deadline;
  avi_loop_set_timer (loop, &self->timer, deadline, avi_lookup_due);
  if (avi_lookup_get_dnsaddr (address, &dnsaddr))
    avi_lookup_ask_records (self, dnsaddr);
  else if (avi_multiaddr_get_host (address, &name, &self->port, &family))
    avi_lookup_ask_host (self, name, family);
  else
    g_assert_not_reached ();
  return self;
}

AviMultiaddr *
avi_lookup_get_address (AviLookup *self)
{
  return self->address;
}

gint64
avi_lookup_get_deadline (AviLookup *self)
{
  return self->deadline;
}
