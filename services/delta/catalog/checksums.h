#ifndef DRAY_SERVICES_DELTA_CATALOG_CHECKSUMS_H_
#define DRAY_SERVICES_DELTA_CATALOG_CHECKSUMS_H_

// What the column `checksum` of versions, entries, retentions and places must hold, as SQL. Macros,
// since statements are literals put together from them. A row that is read, or changed, is compared
// with its checksum first; whatever writes a row writes this.
#define DRAY_VERSION_CHECKSUM                                                            \
  "row_checksum(entry, number, kind, root, size, mode, mtime_ns, author, committed_ns, " \
  "symlink_target, md5, change)"
#define DRAY_ENTRY_CHECKSUM "row_checksum(id, parent, name, head)"
#define DRAY_RETENTION_CHECKSUM "row_checksum(prefix, keep_last, keep_ns)"
#define DRAY_PLACE_CHECKSUM "row_checksum(parent, name, until_ns, entry, from_ns)"

#endif  // DRAY_SERVICES_DELTA_CATALOG_CHECKSUMS_H_
