/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What `discovery-status` says of the LAN: what was seen, and what stands in the way, with a remedy.
 */
#include "config.h"

#include "avi-lan-addresses.h"
#include "avi-lan-private.h"

static void avi_lan_status_due (AviTimer *timer, gint64 now);

static void avi_lan_status_add (GString *text, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
avi_lan_status_add (GString    *text,
                    const char *format,
                    ...)
{
  va_list args;

  if (text->len > 0)
    g_string_append (text, "; ");
  va_start (args, format);
  g_string_append_vprintf (text, format, args);
  va_end (args);
}

static gboolean
avi_lan_link_is_open (const AviLanLink *link)
{
  return link->sockets[0] != NULL || link->sockets[1] != NULL;
}

static gboolean
avi_lan_link_is_silent (const AviLanLink *link,
                        gint64            now)
{
  return avi_lan_link_is_open (link) && !link->heard && now - link->since >= AVI_LAN_SILENCE;
}

static gboolean
avi_lan_link_is_quiet (const AviLanLink *link,
                       gint64            now)
{
  return avi_lan_link_is_open (link) && link->quiet;
}

static gboolean
avi_lan_link_works (const AviLanLink *link,
                    gint64            now)
{
  return avi_lan_link_is_open (link);
}

static gboolean
avi_lan_link_has_port_taken (const AviLanLink *link,
                             gint64            now)
{
  return link->port_taken;
}

/* "eth0", "eth0 and wlan0", "eth0, eth1 and wlan0"; NULL for none. */
static char *
avi_lan_status_list_links (AviLan   *self,
                           gboolean (*filter) (const AviLanLink *link, gint64 now),
                           gint64    now)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->links->len; i++)
    {
      AviLanLink *link = g_ptr_array_index (self->links, i);

      if (filter (link, now))
        g_ptr_array_add (names, link->name);
    }
  for (guint i = 0; i < names->len; i++)
    g_string_append_printf (text, "%s%s", i == 0 ? "" : i + 1 < names->len ? ", " : " and ",
                            (const char *) g_ptr_array_index (names, i));
  return g_string_free (text, names->len == 0);
}

static gboolean
avi_lan_status_is_any_usable (AviLan *self)
{
  GPtrArray *interfaces = avi_interfaces_get (self->interfaces);

  for (guint i = 0; i < interfaces->len; i++)
    {
      if (avi_lan_is_usable (g_ptr_array_index (interfaces, i)))
        return TRUE;
    }
  return FALSE;
}

static void
avi_lan_status_add_seen (AviLan  *self,
                         GString *text,
                         gint64   now)
{
  g_autofree char *open = avi_lan_status_list_links (self, avi_lan_link_works, now);
  guint n = avi_lan_peers_get_n (self->peers);

  if (open != NULL && n == 0)
    avi_lan_status_add (text, "mDNS on %s: no other node seen yet", open);
  else if (open != NULL)
    avi_lan_status_add (text, "mDNS on %s: %u node%s seen", open, n, n == 1 ? "" : "s");
  else if (self->links->len == 0 && avi_lan_status_is_any_usable (self))
    avi_lan_status_add (text, "no network interface that is up has an address and multicast: mDNS waits for one");
  else if (self->links->len == 0)
    avi_lan_status_add (text, "no network interface is up but loopback: only programs on this machine can be found");
}

static void
avi_lan_status_add_problems (AviLan  *self,
                             GString *text,
                             gint64   now)
{
  g_autofree char *taken = avi_lan_status_list_links (self, avi_lan_link_has_port_taken, now);
  g_autofree char *silent = avi_lan_status_list_links (self, avi_lan_link_is_silent, now);
  g_autofree char *quiet = avi_lan_status_list_links (self, avi_lan_link_is_quiet, now);

  if (taken != NULL)
    avi_lan_status_add (text,
                        "UDP port %u is taken on %s by a program that does not share it: "
                        "stop it, or make it share the port",
                        AVI_MDNS_PORT, taken);
  if (silent != NULL)
    avi_lan_status_add (text,
                        "no mDNS of any other host heard on %s for %d s: an access point may keep its clients apart, "
                        "or a firewall may block UDP port %u; else give one node the address of another, "
                        "that is enough",
                        silent, (int) (AVI_LAN_SILENCE / G_USEC_PER_SEC), AVI_MDNS_PORT);
  if (quiet != NULL)
    avi_lan_status_add (text,
                        "no mDNS of any other host heard on %s for %d min, though all were asked, "
                        "and there was some before: nobody else may be left there, "
                        "or an access point or a firewall lets multicast to UDP port %u pass no more",
                        quiet, (int) (AVI_MDNS_QUIET_TIME / (60 * G_USEC_PER_SEC)), AVI_MDNS_PORT);
  for (guint i = 0; i < self->links->len; i++)
    {
      AviLanLink *link = g_ptr_array_index (self->links, i);

      if (link->problem != NULL)
        avi_lan_status_add (text, "%s", link->problem);
      if (link->send_error != 0)
        avi_lan_status_add (text, "cannot send mDNS on %s: %s", link->name, g_strerror (link->send_error));
    }
  if (self->too_many)
    avi_lan_status_add (text, "more than %u network interfaces are up: mDNS runs on the first of them",
                        AVI_LAN_MAX_LINKS);
  if (self->avahi_problem != NULL)
    avi_lan_status_add (text, "Avahi: %s", self->avahi_problem);
}

static char *
avi_lan_describe (AviLan *self,
                  gint64  now)
{
  GString *text = g_string_new (NULL);

  if (self->problem != NULL)
    avi_lan_status_add (text, "%s", self->problem);
  else if (self->mdns == NULL)
    avi_lan_status_add (text, "mDNS is switched off");
  else
    {
      avi_lan_status_add_seen (self, text, now);
      avi_lan_status_add_problems (self, text, now);
    }
  return g_string_free (text, FALSE);
}

/* When the next interface will have been silent for too long. */
static gint64
avi_lan_get_status_deadline (AviLan *self,
                             gint64  now)
{
  gint64 deadline = G_MAXINT64;

  for (guint i = 0; i < self->links->len; i++)
    {
      AviLanLink *link = g_ptr_array_index (self->links, i);

      if (avi_lan_link_is_open (link) && !link->heard && now - link->since < AVI_LAN_SILENCE)
        deadline = MIN (deadline, link->since + AVI_LAN_SILENCE);
    }
  return deadline;
}

void
avi_lan_update_status (AviLan *self,
                       gint64  now)
{
  g_autofree char *text = NULL;

  if (self->left)
    return;
  text = avi_lan_describe (self, now);
  avi_loop_set_timer (self->loop, &self->status_timer, avi_lan_get_status_deadline (self, now), avi_lan_status_due);
  if (g_strcmp0 (text, self->status) == 0)
    return;
  g_free (self->status);
  self->status = g_steal_pointer (&text);
  self->callbacks->status (self->user_data, self->status);
}

static void
avi_lan_status_due (AviTimer *timer,
                    gint64    now)
{
  avi_lan_update_status (AVI_CONTAINER_OF (timer, AviLan, status_timer), now);
}
