#include "gantry/auth/shares.hpp"

#include "gantry/auth/record_body.hpp"

namespace gantry::auth {
namespace {

using index::Record;
using index::RecordKind;
using index::Timestamp;

constexpr std::size_t kPage = 500;

Result<Share> share_of(const Record& record) {
  GANTRY_LET(const RecordBody body, RecordBody::parse(record.body));
  Share share{record.id, record.tenant, StudyUid(body.text("study")), record.created, {}};
  // One that says no study, or no end, opens nothing.
  if (!is_valid_uid(share.study.view()) || !record.expires) return Error::internal("a share without a study or an end");
  share.expires = *record.expires;
  return share;
}

}  // namespace

Shares::Now Shares::default_now() {
  return [] { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); };
}

Shares::Shares(index::RecordStore& store, Now now)
    : store_(store), now_(std::move(now)), check_(store, RecordKind::kShare, kSharePrefix) {}

Result<Shares::Made> Shares::create(const RequestContext& ctx, const StudyUid& study, std::chrono::seconds lifetime) {
  if (!is_valid_uid(study.view())) return Error::invalid("a Study Instance UID is 1 to 64 digits and dots");
  if (!is_valid_tenant(ctx.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  if (lifetime < kLifetimeLeast || lifetime > kLifetimeMost) {
    return Error::invalid("a share lives for a time from a minute to a year");
  }
  const SecretToken token = make_token(kSharePrefix);
  Record record;
  record.kind = RecordKind::kShare;
  record.id = token.id;
  record.tenant = ctx.tenant;
  record.created = now_();
  record.expires = record.created + lifetime;
  record.body = RecordBody().set("hash", to_hex(hash_of_token(token.text))).set("study", study.str()).json();
  GANTRY_LET(const auto version, store_.put_record(ctx, record));
  (void)version;
  GANTRY_LET(Share share, share_of(record));
  return Made{std::move(share), token.text};
}

Result<std::vector<Share>> Shares::list(const RequestContext& ctx, const std::optional<TenantId>& tenant) {
  std::vector<Share> shares;
  index::RecordQuery query{RecordKind::kShare, tenant, "", kPage};
  for (;;) {
    GANTRY_LET(const auto records, store_.list_records(ctx, query));
    for (const Record& record : records) {
      GANTRY_LET(Share share, share_of(record));
      shares.push_back(std::move(share));
    }
    if (records.size() < query.limit) return shares;
    query.after = records.back().id;
  }
}

Result<bool> Shares::revoke(const RequestContext& ctx, std::string_view id) {
  GANTRY_LET(const bool there, store_.remove_record(ctx, RecordKind::kShare, id));
  check_.forget(id);
  return there;
}

Verdict Shares::judge(const std::optional<Record>& record) const {
  const auto share = record ? share_of(*record) : Result<Share>(Error::not_found(""));
  if (!share || share->expires <= now_()) return Refusal{404, "", "this link is not valid, or not any more"};
  Identity identity;
  identity.principal = "share:" + share->id;
  identity.tenant = share->tenant;
  identity.permissions = {Permission::kRead};
  identity.only_study = share->study;
  identity.expires = share->expires;
  identity.method = "share";
  return identity;
}

Shares::Recalled Shares::recall(std::string_view token) {
  const auto recalled = check_.recall(token);
  if (!recalled.known) return {};
  return {judge(recalled.record), recalled.ageing};
}

Verdict Shares::verify(const RequestContext& ctx, std::string_view token) {
  const auto record = check_.look_up(ctx, token);
  if (!record) return Refusal{503, "", "links can't be checked now"};
  return judge(*record);
}

}  // namespace gantry::auth
