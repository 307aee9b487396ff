/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * DNS messages (RFC 1035, section 4) as multicast DNS uses them: a reader that walks a message
 * without copying it or allocating, and a writer that compresses names. For the machine of
 * discovery; it knows nothing of what records mean, and never looks anything up.
 *
 * What the reader hands out is whole: the data of A, AAAA, PTR, SRV and TXT records of class IN is
 * checked when the record is read, so that what takes it apart cannot fail.
 */
#pragma once

#include "wire/avi-span.h"
#include "wire/avi-writer.h"

G_BEGIN_DECLS

#define AVI_DNS_HEADER_LEN    12
#define AVI_DNS_MAX_NAME_LEN  255 /* bytes in wire form, the root's zero included */
#define AVI_DNS_MAX_LABEL_LEN 63

#define AVI_DNS_FLAG_RESPONSE      0x8000
#define AVI_DNS_FLAG_AUTHORITATIVE 0x0400
#define AVI_DNS_FLAG_TRUNCATED     0x0200
#define AVI_DNS_OPCODE_MASK        0x7800
#define AVI_DNS_RCODE_MASK         0x000f

#define AVI_DNS_CLASS_IN  1
#define AVI_DNS_CLASS_ANY 255

typedef enum
{
  AVI_DNS_TYPE_A    = 1,
  AVI_DNS_TYPE_PTR  = 12,
  AVI_DNS_TYPE_TXT  = 16,
  AVI_DNS_TYPE_AAAA = 28,
  AVI_DNS_TYPE_SRV  = 33,
  AVI_DNS_TYPE_NSEC = 47,
  AVI_DNS_TYPE_ANY  = 255
} AviDnsType;

typedef enum
{
  AVI_DNS_QUESTION,
  AVI_DNS_ANSWER,
  AVI_DNS_AUTHORITY,
  AVI_DNS_ADDITIONAL
} AviDnsSection;

/* A name in wire form, uncompressed, by value: labels behind their lengths, then the root's zero. */
typedef struct
{
  guint8 len;
  guint8 bytes[AVI_DNS_MAX_NAME_LEN];
} AviDnsName;

/* @text: of ours, with dots between labels and none inside of one ("_p2p._udp.local"). */
void     avi_dns_name_init      (AviDnsName *self, const char *text);
/* @label in front of @parent. */
void     avi_dns_name_prepend   (AviDnsName *self, AviSpan label, const AviDnsName *parent);
/* Letters of ASCII are equal in either case (RFC 1035, section 2.3.3). */
gboolean avi_dns_name_equal     (const AviDnsName *a, const AviDnsName *b);
guint    avi_dns_name_hash      (const AviDnsName *self);
/* One label before @parent. */
gboolean avi_dns_name_is_child  (const AviDnsName *self, const AviDnsName *parent);
/* Without its length; empty for the root. */
AviSpan  avi_dns_name_get_label (const AviDnsName *self);

/* A question or a record. */
typedef struct
{
  AviDnsSection section;
  AviDnsName    name;
  guint16       type;        /* AviDnsType, or another */
  guint16       klass;       /* without its top bit */
  gboolean      top_bit;     /* a question wants unicast, a record flushes caches (RFC 6762, sections 5.4, 10.2) */
  guint32       ttl;         /* seconds */
  AviSpan       data;        /* within the message */
  AviDnsName    target;      /* PTR, SRV of class IN */
  guint16       port;        /* SRV of class IN */
} AviDnsRecord;

typedef struct
{
  AviSpan       message;
  gsize         offset;
  guint16       id;
  guint16       flags;
  guint16       counts[4]; /* per section, as the header claims */
  AviDnsSection section;   /* of the next record */
  guint16       left;      /* of that section */
} AviDnsReader;

/* The message must outlive the reader. AVI_ERROR_PROTOCOL where the header is cut short. */
gboolean avi_dns_reader_init    (AviDnsReader *self, AviSpan message, GError **error);
/* The next question or record. FALSE without @error: that was all (bytes after it are ignored);
 * with it: AVI_ERROR_PROTOCOL, naming the offset. The reader is then of no further use. */
gboolean avi_dns_reader_next    (AviDnsReader *self, AviDnsRecord *record, GError **error);
/* The strings of a TXT record, one after the other; @offset: 0 to begin. */
gboolean avi_dns_txt_next       (AviSpan data, gsize *offset, AviSpan *string);

#define AVI_DNS_MAX_COMPRESSED 32 /* places of names that a writer remembers */

typedef struct
{
  AviWriter *writer;
  gsize      start;      /* of the message in the writer */
  gsize      record;     /* of the record under way, in the writer */
  gsize      data;       /* of its data */
  gboolean   full;       /* the record under way did not fit */
  guint8     section;    /* of the record under way */
  guint16    counts[4];
  guint16    places[AVI_DNS_MAX_COMPRESSED]; /* of suffixes written, from `start` */
  guint      n_places;
} AviDnsWriter;

/* Appends a message's header to @writer: FALSE where it does not fit. The message may take all that
 * @writer's limit leaves. */
gboolean avi_dns_writer_init     (AviDnsWriter *self, AviWriter *writer, guint16 id, guint16 flags);
gboolean avi_dns_writer_question (AviDnsWriter *self, const AviDnsName *name, guint16 type, guint16 klass,
                                  gboolean top_bit);
/* A record is begun, its data put, and ended: FALSE, and it is as if it had never been begun,
 * where it does not fit. Sections must come in their order. */
void     avi_dns_writer_begin    (AviDnsWriter *self, AviDnsSection section, const AviDnsName *name, guint16 type,
                                  gboolean top_bit, guint32 ttl);
void     avi_dns_writer_name     (AviDnsWriter *self, const AviDnsName *name, gboolean compress);
void     avi_dns_writer_bytes    (AviDnsWriter *self, AviSpan bytes);
void     avi_dns_writer_u16      (AviDnsWriter *self, guint16 value);
gboolean avi_dns_writer_end      (AviDnsWriter *self);

G_END_DECLS
