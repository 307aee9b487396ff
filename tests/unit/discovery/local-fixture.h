/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * LocalFixture: a runtime directory of the test's own, the peers whose files are in it, and files as
 * other nodes write them.
 */
#pragma once

#include <gio/gio.h>

#include "wire/avi-multiaddr.h"
#include "wire/avi-peer-id.h"

G_BEGIN_DECLS

typedef struct
{
  char *runtime;
  char *folder;
} LocalFixture;

extern const guint8 local_boot[16];
extern const guint8 local_other_boot[16];

void       local_fixture_set_up    (LocalFixture *self, gconstpointer data);
void       local_fixture_tear_down (LocalFixture *self, gconstpointer data);
void       local_remove_all        (const char *path);

AviPeerId  local_peer              (guint n);
/* The path of that peer's file: (transfer full) */
char      *local_file_of           (LocalFixture *self, guint n);
/* What stands in it: (transfer full) */
char      *local_text_of           (guint n, const char *name);
/* A file as of an owner that lives: its descriptor, to be closed. @len: -1: to the text's end. */
int        local_plant             (const char *path, const char *text, gssize len);
/* Texts of addresses, up to NULL: (transfer full) */
GPtrArray *local_addresses         (const char *first, ...) G_GNUC_NULL_TERMINATED;

#define LOCAL_ADD(path, func) g_test_add (path, LocalFixture, NULL, local_fixture_set_up, func, local_fixture_tear_down)

/* What a node was told of others, for the callbacks of AviLocal and AviLocalNodes. */
typedef struct
{
  GHashTable *names; /* peer id in text → name, of those that are there */
  guint       n_found;
  guint       n_gone;
  guint       n_addresses; /* of the last one found */
} LocalSeen;

void        local_seen_init  (LocalSeen *self);
void        local_seen_clear (LocalSeen *self);
/* @user_data: a LocalSeen */
void        local_seen_found (gpointer user_data, const AviPeerId *id, const char *name, GPtrArray *list);
void        local_seen_gone  (gpointer user_data, const AviPeerId *id);
/* NULL: it is not there. */
const char *local_seen_name  (LocalSeen *self, guint n);

G_END_DECLS
