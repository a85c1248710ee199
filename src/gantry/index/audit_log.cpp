#include "gantry/index/audit_log.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include "gantry/base/sha256.hpp"

namespace gantry::index {
namespace {

constexpr std::size_t kFindingsMost = 1000, kPage = 1000;

/// With its length in front, so that no two lists of fields read the same.
void add_field(std::string& text, std::string_view field) {
  text.append(std::to_string(field.size())).append(1, ':').append(field).append(1, '\n');
}

}  // namespace

std::string audit_hash(std::string_view before, const AuditRow& row) {
  std::string text;
  add_field(text, before);
  add_field(text, std::to_string(row.number));
  add_field(text, std::to_string(row.time.time_since_epoch().count()));
  add_field(text, row.entry.action);
  add_field(text, row.entry.actor.principal);
  add_field(text, row.entry.actor.address);
  add_field(text, row.entry.actor.request_id);
  add_field(text, row.entry.study.view());
  add_field(text, row.entry.series.view());
  add_field(text, row.entry.sop.view());
  add_field(text, std::to_string(row.entry.version));
  add_field(text, row.entry.detail);
  return to_hex(sha256(std::as_bytes(std::span(text))));
}

Result<AuditCheck> check_audit(AuditLog& log, const RequestContext& ctx) {
  AuditCheck check;
  const auto find = [&check](std::uint64_t number, std::string what) {
    if (check.findings.size() < kFindingsMost) check.findings.push_back({number, std::move(what)});
  };
  // The head first: what it knows must be there when the rows are read.
  GANTRY_LET(const AuditHead head, log.audit_head(ctx));
  std::optional<std::string> hash_at_head;
  AuditQuery query;
  query.limit = kPage;
  for (;;) {
    GANTRY_LET(const std::vector<AuditRow> rows, log.audit_rows(ctx, query));
    for (const AuditRow& row : rows) {
      const std::uint64_t wanted = check.last.number + 1;
      if (row.number != wanted) {
        find(row.number, wanted + 1 == row.number ? "row " + std::to_string(wanted) + " before it is missing"
                                                  : "rows " + std::to_string(wanted) + " to " +
                                                        std::to_string(row.number - 1) + " before it are missing");
      } else if (audit_hash(check.last.hash, row) != row.hash) {
        find(row.number, "it was changed: its hash is not that of what it says");
      }
      if (row.number == head.number) hash_at_head = row.hash;
      check.last = {row.number, row.hash};
      ++check.rows;
    }
    if (rows.size() < kPage) break;
    query.after = rows.back().number;
  }
  if (check.last.number < head.number) {
    find(0, "the end is missing: the tenant's row knows row " + std::to_string(head.number) + ", the last one is " +
                std::to_string(check.last.number));
  } else if (head.number > 0 && hash_at_head && *hash_at_head != head.hash) {
    find(head.number, "its hash is another than the tenant's row has");
  }
  return check;
}

}  // namespace gantry::index
