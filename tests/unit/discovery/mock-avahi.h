/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MockAvahi: an avahi-daemon for tests, on a private bus: it takes calls as the real one does
 * (signals go to the caller alone; paths of objects, names of errors) and writes down what it was
 * asked for. It sends nothing on any network.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  char    *path;
  gboolean committed;
  gboolean freed;
  /* Of the last AddService or UpdateServiceTxt */
  gint32   ifindex;
  char    *name;
  char    *type;
  guint16  port;
  char   **texts;
  guint    n_updates;
} MockGroup;

typedef struct
{
  char    *path;
  char    *name;
  guint16  type;
  gboolean started;
  gboolean freed;
} MockBrowser;

typedef struct
{
  /* How it behaves: to be set before calls come. */
  gboolean         legacy;       /* has no Server2 */
  gboolean         silent;       /* answers nothing, and keeps the calls */
  gint32           state;        /* of the server */
  const char      *refuse;       /* AddService fails with this error */
  gboolean         collide_once; /* the first group that is committed collides */
  const char      *refuse_name;  /* no browser of this name is made */

  GDBusConnection *connection;
  guint            owner_id;
  GArray          *registrations;
  char            *client;
  GPtrArray       *groups;   /* of MockGroup */
  GPtrArray       *browsers; /* of MockBrowser */
  GPtrArray       *kept;     /* of GDBusMethodInvocation */
  guint            n_calls;
  guint            n_objects;
} MockAvahi;

/* Connected to the bus at @address; to be set up, then run. */
MockAvahi   *mock_avahi_new       (const char *address);
/* Serves, and takes the name. */
void         mock_avahi_run       (MockAvahi *self);
/* As a daemon that ends: its name loses the owner. */
void         mock_avahi_free      (MockAvahi *self);
void         mock_avahi_set_state (MockAvahi *self, gint32 state);
/* Answers what it has kept. */
void         mock_avahi_wake      (MockAvahi *self);
/* The one that is not freed, or NULL. */
MockGroup   *mock_avahi_get_group (MockAvahi *self, gint32 ifindex);
MockBrowser *mock_avahi_get_browser (MockAvahi *self, const char *name, guint16 type);
guint        mock_avahi_count_groups (MockAvahi *self);
guint        mock_avahi_count_browsers (MockAvahi *self);
/* @member: ItemNew or ItemRemove */
void         mock_avahi_item      (MockAvahi   *self,
                                   MockBrowser *browser,
                                   const char  *member,
                                   gint32       ifindex,
                                   gint32       protocol,
                                   gconstpointer data,
                                   gsize         len);
void mock_avahi_emit (MockAvahi *self, const char *path, const char *interface, const char *member,
                      GVariant *parameters);
