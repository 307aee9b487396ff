/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-dns.h"

#include "avi-error.h"

#define POINTER        0xc0   /* the two top bits of a label's length: a pointer (RFC 1035, section 4.1.4) */
#define POINTER_MAX    0x3fff
#define MAX_JUMPS      16     /* of one name: a message of pointers to pointers costs no more than one of names */
#define CLASS_TOP_BIT  0x8000

/* What a record has beside its name: type, class, TTL, length of its data. */
#define RECORD_FIXED_LEN 10

static inline guint16
avi_dns_read_u16 (const guint8 *bytes)
{
  return (guint16) (bytes[0] << 8 | bytes[1]);
}

static inline void
avi_dns_write_u16 (guint8 *bytes,
                   guint16 value)
{
  bytes[0] = value >> 8;
  bytes[1] = value & 0xff;
}

/* --- names --- */

void
avi_dns_name_init (AviDnsName *self,
                   const char *text)
{
  gsize len = strlen (text);
  gsize label = 0;

  g_return_if_fail (len + 2 <= AVI_DNS_MAX_NAME_LEN);

  /* Each dot becomes the length of the label after it. */
  for (gsize i = 0; i <= len; i++)
    {
      if (text[i] != '.' && text[i] != '\0')
        {
          self->bytes[i + 1] = text[i];
          continue;
        }
      self->bytes[label] = i - label;
      label = i + 1;
    }
  self->bytes[len + 1] = 0;
  self->len = len + 2;
}

void
avi_dns_name_prepend (AviDnsName       *self,
                      AviSpan           label,
                      const AviDnsName *parent)
{
  g_return_if_fail (label.len > 0 && label.len <= AVI_DNS_MAX_LABEL_LEN);
  g_return_if_fail (1 + label.len + parent->len <= AVI_DNS_MAX_NAME_LEN);

  self->bytes[0] = label.len;
  memcpy (self->bytes + 1, label.data, label.len);
  memcpy (self->bytes + 1 + label.len, parent->bytes, parent->len);
  self->len = 1 + label.len + parent->len;
}

/* Lengths of labels are below 'A', so that a whole name can be folded like text. */
static gboolean
avi_dns_names_equal (const guint8 *a,
                     const guint8 *b,
                     gsize         len)
{
  for (gsize i = 0; i < len; i++)
    {
      if (g_ascii_tolower (a[i]) != g_ascii_tolower (b[i]))
        return FALSE;
    }
  return TRUE;
}

gboolean
avi_dns_name_equal (const AviDnsName *a,
                    const AviDnsName *b)
{
  return a->len == b->len && avi_dns_names_equal (a->bytes, b->bytes, a->len);
}

guint
avi_dns_name_hash (const AviDnsName *self)
{
  guint32 hash = 2166136261u; /* FNV-1a */

  for (gsize i = 0; i < self->len; i++)
    hash = (hash ^ (guint8) g_ascii_tolower (self->bytes[i])) * 16777619u;
  return hash;
}

gboolean
avi_dns_name_is_child (const AviDnsName *self,
                       const AviDnsName *parent)
{
  gsize skip = 1 + self->bytes[0];

  return self->bytes[0] > 0
         && self->len == skip + parent->len
         && avi_dns_names_equal (self->bytes + skip, parent->bytes, parent->len);
}

AviSpan
avi_dns_name_get_label (const AviDnsName *self)
{
  return AVI_SPAN (self->bytes + 1, self->bytes[0]);
}

/* --- reading --- */

static gboolean
avi_dns_fail (GError    **error,
              const char *what,
              gsize       offset)
{
  g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "DNS message: %s at byte %" G_GSIZE_FORMAT, what, offset);
  return FALSE;
}

/* Reads the name at @offset, which moves behind it. A pointer must lead before the piece of name
 * that it ends, so that names cannot run in circles. */
static gboolean
avi_dns_read_name (AviSpan     message,
                   gsize      *offset,
                   AviDnsName *name,
                   GError    **error)
{
  gsize at = *offset;
  gsize piece = at;
  guint jumps = 0;
  gsize len = 0;

  for (;;)
    {
      if (at >= message.len)
        return avi_dns_fail (error, "a name runs past the end", at);

      guint8 first = message.data[at];

      if ((first & POINTER) == POINTER)
        {
          if (at + 2 > message.len)
            return avi_dns_fail (error, "a pointer runs past the end", at);
          if (jumps == 0)
            *offset = at + 2;

          gsize target = avi_dns_read_u16 (message.data + at) & POINTER_MAX;

          if (target >= piece || target < AVI_DNS_HEADER_LEN)
            return avi_dns_fail (error, "a pointer that does not lead back", at);
          if (++jumps > MAX_JUMPS)
            return avi_dns_fail (error, "a name of more than 16 pieces", at);
          at = piece = target;
          continue;
        }
      if ((first & POINTER) != 0)
        return avi_dns_fail (error, "a label of unknown kind", at);
      if (at + 1 + first > message.len)
        return avi_dns_fail (error, "a label runs past the end", at);
      if (len + 1 + first + (first > 0) > AVI_DNS_MAX_NAME_LEN)
        return avi_dns_fail (error, "a name longer than 255 bytes", *offset);

      memcpy (name->bytes + len, message.data + at, 1 + first);
      len += 1 + first;
      at += 1 + first;
      if (first == 0)
        break;
    }

  name->len = len;
  if (jumps == 0)
    *offset = at;
  return TRUE;
}

gboolean
avi_dns_reader_init (AviDnsReader *self,
                     AviSpan       message,
                     GError      **error)
{
  if (message.len < AVI_DNS_HEADER_LEN)
    return avi_dns_fail (error, "the header ends", message.len);

  *self = (AviDnsReader) {
    .message = message,
    .offset = AVI_DNS_HEADER_LEN,
    .id = avi_dns_read_u16 (message.data),
    .flags = avi_dns_read_u16 (message.data + 2),
  };
  for (guint i = 0; i < G_N_ELEMENTS (self->counts); i++)
    self->counts[i] = avi_dns_read_u16 (message.data + 4 + 2 * i);
  self->left = self->counts[AVI_DNS_QUESTION];
  return TRUE;
}

static gboolean
avi_dns_check_txt (AviSpan   data,
                   gsize     offset,
                   GError  **error)
{
  for (gsize at = 0; at < data.len; at += 1 + data.data[at])
    {
      if (at + 1 + data.data[at] > data.len)
        return avi_dns_fail (error, "a TXT string runs past its record", offset + at);
    }
  return TRUE;
}

/* The name that ends the data of a PTR or SRV record. */
static gboolean
avi_dns_reader_read_target (AviDnsReader *self,
                            gsize         skip,
                            AviDnsRecord *record,
                            GError      **error)
{
  gsize start = record->data.data - self->message.data;
  gsize offset = start + skip;

  if (record->data.len <= skip)
    return avi_dns_fail (error, "a record too short for its type", start);
  if (!avi_dns_read_name (self->message, &offset, &record->target, error))
    return FALSE;
  if (offset != start + record->data.len)
    return avi_dns_fail (error, "a name that does not end with its record", start);
  return TRUE;
}

static gboolean
avi_dns_reader_check_data (AviDnsReader *self,
                           AviDnsRecord *record,
                           GError      **error)
{
  gsize offset = record->data.data - self->message.data;

  switch (record->type)
    {
    case AVI_DNS_TYPE_A:
      return record->data.len == 4 || avi_dns_fail (error, "an A record that is not of 4 bytes", offset);

    case AVI_DNS_TYPE_AAAA:
      return record->data.len == 16 || avi_dns_fail (error, "an AAAA record that is not of 16 bytes", offset);

    case AVI_DNS_TYPE_PTR:
      return avi_dns_reader_read_target (self, 0, record, error);

    case AVI_DNS_TYPE_SRV:
      if (!avi_dns_reader_read_target (self, 6, record, error))
        return FALSE;
      record->port = avi_dns_read_u16 (record->data.data + 4);
      return TRUE;

    case AVI_DNS_TYPE_TXT:
      return avi_dns_check_txt (record->data, offset, error);

    default:
      return TRUE;
    }
}

static gboolean
avi_dns_reader_read_record (AviDnsReader *self,
                            AviDnsRecord *record,
                            GError      **error)
{
  const guint8 *fixed = self->message.data + self->offset;

  if (self->message.len - self->offset < RECORD_FIXED_LEN)
    return avi_dns_fail (error, "a record runs past the end", self->offset);

  record->ttl = (guint32) avi_dns_read_u16 (fixed + 4) << 16 | avi_dns_read_u16 (fixed + 6);
  record->data = AVI_SPAN (fixed + RECORD_FIXED_LEN, avi_dns_read_u16 (fixed + 8));
  self->offset += RECORD_FIXED_LEN;
  if (self->message.len - self->offset < record->data.len)
    return avi_dns_fail (error, "a record's data runs past the end", self->offset);
  self->offset += record->data.len;

  return record->klass != AVI_DNS_CLASS_IN || avi_dns_reader_check_data (self, record, error);
}

gboolean
avi_dns_reader_next (AviDnsReader *self,
                     AviDnsRecord *record,
                     GError      **error)
{
  while (self->left == 0)
    {
      if (self->section == AVI_DNS_ADDITIONAL)
        return FALSE;
      self->section++;
      self->left = self->counts[self->section];
    }
  self->left--;

  record->section = self->section;
  record->target.len = 0;
  record->port = 0;
  record->ttl = 0;
  record->data = AVI_SPAN_EMPTY;
  if (!avi_dns_read_name (self->message, &self->offset, &record->name, error))
    return FALSE;
  if (self->message.len - self->offset < 4)
    return avi_dns_fail (error, "a question or record runs past the end", self->offset);

  guint16 klass = avi_dns_read_u16 (self->message.data + self->offset + 2);

  record->type = avi_dns_read_u16 (self->message.data + self->offset);
  record->klass = klass & ~CLASS_TOP_BIT;
  record->top_bit = (klass & CLASS_TOP_BIT) != 0;
  if (record->section == AVI_DNS_QUESTION)
    {
      self->offset += 4;
      return TRUE;
    }
  return avi_dns_reader_read_record (self, record, error);
}

gboolean
avi_dns_txt_next (AviSpan  data,
                  gsize   *offset,
                  AviSpan *string)
{
  if (*offset >= data.len || *offset + 1 + data.data[*offset] > data.len)
    return FALSE;
  *string = AVI_SPAN (data.data + *offset + 1, data.data[*offset]);
  *offset += 1 + string->len;
  return TRUE;
}

/* --- writing --- */

gboolean
avi_dns_writer_init (AviDnsWriter *self,
                     AviWriter    *writer,
                     guint16       id,
                     guint16       flags)
{
  guint8 *header = avi_writer_append (writer, AVI_DNS_HEADER_LEN);

  if (header == NULL)
    return FALSE;
  memset (header, 0, AVI_DNS_HEADER_LEN);
  avi_dns_write_u16 (header, id);
  avi_dns_write_u16 (header + 2, flags);
  *self = (AviDnsWriter) { .writer = writer, .start = writer->len - AVI_DNS_HEADER_LEN };
  return TRUE;
}

void
avi_dns_writer_bytes (AviDnsWriter *self,
                      AviSpan       bytes)
{
  if (!self->full && !avi_writer_put (self->writer, bytes))
    self->full = TRUE;
}

void
avi_dns_writer_u16 (AviDnsWriter *self,
                    guint16       value)
{
  guint8 bytes[2];

  avi_dns_write_u16 (bytes, value);
  avi_dns_writer_bytes (self, AVI_SPAN (bytes, 2));
}

/* Whether the name written at @place (followed through pointers, all of them ours) is @suffix. */
static gboolean
avi_dns_writer_has_at (AviDnsWriter *self,
                       guint16       place,
                       AviSpan       suffix)
{
  AviSpan message = AVI_SPAN (self->writer->data + self->start, self->writer->len - self->start);
  AviDnsName name;
  gsize offset = place;

  return avi_dns_read_name (message, &offset, &name, NULL)
         && name.len == suffix.len
         && avi_dns_names_equal (name.bytes, suffix.data, suffix.len);
}

static gboolean
avi_dns_writer_find (AviDnsWriter *self,
                     AviSpan       suffix,
                     guint16      *place)
{
  for (guint i = 0; i < self->n_places; i++)
    {
      if (avi_dns_writer_has_at (self, self->places[i], suffix))
        {
          *place = self->places[i];
          return TRUE;
        }
    }
  return FALSE;
}

void
avi_dns_writer_name (AviDnsWriter     *self,
                     const AviDnsName *name,
                     gboolean          compress)
{
  AviSpan rest = AVI_SPAN (name->bytes, name->len);
  guint n_known = self->n_places;
  guint16 news[AVI_DNS_MAX_COMPRESSED];
  guint n_news = 0;
  guint16 place;

  while (rest.data[0] != 0)
    {
      gsize here = self->writer->len - self->start;

      if (compress && avi_dns_writer_find (self, rest, &place))
        {
          avi_dns_writer_u16 (self, POINTER << 8 | place);
          break;
        }
      if (here <= POINTER_MAX && n_known + n_news < AVI_DNS_MAX_COMPRESSED)
        news[n_news++] = here;
      avi_dns_writer_bytes (self, AVI_SPAN (rest.data, 1 + rest.data[0]));
      rest = avi_span_skip (rest, 1 + rest.data[0]);
    }
  if (rest.data[0] == 0)
    avi_dns_writer_bytes (self, AVI_SPAN (rest.data, 1));

  /* Only now: a name cannot point into itself while it has no end. */
  for (guint i = 0; i < n_news && !self->full; i++)
    self->places[self->n_places++] = news[i];
}

/* What was begun at `record` is undone where it did not fit, counted where it did. */
static gboolean
avi_dns_writer_commit (AviDnsWriter *self)
{
  if (!self->full)
    {
      self->counts[self->section]++;
      avi_dns_write_u16 (self->writer->data + self->start + 4 + 2 * self->section, self->counts[self->section]);
      return TRUE;
    }

  while (self->n_places > 0 && self->start + self->places[self->n_places - 1] >= self->record)
    self->n_places--;
  avi_writer_truncate (self->writer, self->record);
  self->full = FALSE;
  return FALSE;
}

gboolean
avi_dns_writer_question (AviDnsWriter     *self,
                         const AviDnsName *name,
                         guint16           type,
                         guint16           klass,
                         gboolean          top_bit)
{
  self->section = AVI_DNS_QUESTION;
  self->record = self->writer->len;
  avi_dns_writer_name (self, name, TRUE);
  avi_dns_writer_u16 (self, type);
  avi_dns_writer_u16 (self, klass | (top_bit ? CLASS_TOP_BIT : 0));
  return avi_dns_writer_commit (self);
}

void
avi_dns_writer_begin (AviDnsWriter     *self,
                      AviDnsSection     section,
                      const AviDnsName *name,
                      guint16           type,
                      gboolean          top_bit,
                      guint32           ttl)
{
  self->section = section;
  self->record = self->writer->len;
  avi_dns_writer_name (self, name, TRUE);
  avi_dns_writer_u16 (self, type);
  avi_dns_writer_u16 (self, AVI_DNS_CLASS_IN | (top_bit ? CLASS_TOP_BIT : 0));
  avi_dns_writer_u16 (self, ttl >> 16);
  avi_dns_writer_u16 (self, ttl & 0xffff);
  avi_dns_writer_u16 (self, 0); /* the length of the data: `end` knows it */
  self->data = self->writer->len;
}

gboolean
avi_dns_writer_end (AviDnsWriter *self)
{
  gsize len = self->writer->len - self->data;

  if (!self->full && len <= G_MAXUINT16)
    avi_dns_write_u16 (self->writer->data + self->data - 2, len);
  else
    self->full = TRUE;
  return avi_dns_writer_commit (self);
}
