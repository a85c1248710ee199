#include "gantry/auth/api_keys.hpp"

#include <algorithm>
#include <array>

#include "gantry/auth/record_body.hpp"
#include "gantry/base/json_text.hpp"

namespace gantry::auth {
namespace {

using index::Record;
using index::RecordKind;
using index::Timestamp;

constexpr std::array<Permission, 5> kGiven{Permission::kRead, Permission::kWrite, Permission::kDelete,
                                           Permission::kAdmin, Permission::kOperate};
constexpr std::chrono::hours kLifetimeMost{24 * 366 * 10};
constexpr std::chrono::seconds kNotingMost{2};
constexpr std::size_t kPage = 500;

std::int64_t micros(Timestamp time) { return time.time_since_epoch().count(); }

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= ApiKeys::kNameMost && as_utf8(name) == name &&
         std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Result<ApiKey> key_of(const Record& record) {
  GANTRY_LET(const RecordBody body, RecordBody::parse(record.body));
  ApiKey key{record.id, body.text("name"), record.tenant, {}, record.created, record.expires, std::nullopt};
  for (const std::string& word : body.texts("permissions")) {
    if (const auto permission = permission_named(word)) key.permissions.add(*permission);
  }
  if (const auto used = body.number("last_used"); used > 0) key.last_used = Timestamp(std::chrono::microseconds(used));
  return key;
}

}  // namespace

std::optional<Permission> permission_named(std::string_view word) noexcept {
  for (const Permission permission : kGiven) {
    if (word == to_string(permission)) return permission;
  }
  return std::nullopt;
}

std::vector<std::string> names_of(PermissionSet permissions) {
  std::vector<std::string> names;
  for (const Permission permission : kGiven) {
    if (permissions.has(permission)) names.emplace_back(to_string(permission));
  }
  return names;
}

index::Timestamp ApiKeys::time_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

ApiKeys::ApiKeys(index::RecordStore& store, Now now)
    : store_(store), now_(std::move(now)), check_(store, RecordKind::kApiKey, kApiKeyPrefix) {}

Result<ApiKeys::Made> ApiKeys::create(const RequestContext& ctx, const New& asked) {
  if (!is_name(asked.name)) {
    return Error::invalid("a key needs a name: 1 to " + std::to_string(kNameMost) + " bytes of text on one line");
  }
  if (!is_valid_tenant(asked.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  if (asked.permissions.empty()) return Error::invalid("a key needs a permission: read, write, delete, admin");
  if (asked.lifetime && (*asked.lifetime <= std::chrono::seconds(0) || *asked.lifetime > kLifetimeMost)) {
    return Error::invalid("a key lives for a time of up to 10 years, or until it is revoked");
  }
  const SecretToken token = make_token(kApiKeyPrefix);
  Record record;
  record.kind = RecordKind::kApiKey;
  record.id = token.id;
  record.tenant = asked.tenant;
  record.created = now_();
  if (asked.lifetime) record.expires = record.created + *asked.lifetime;
  RecordBody body;
  body.set("hash", to_hex(hash_of_token(token.text))).set("name", asked.name);
  body.set("permissions", names_of(asked.permissions));
  record.body = body.json();
  GANTRY_LET(const auto version, store_.put_record(ctx, record));
  (void)version;
  GANTRY_LET(ApiKey key, key_of(record));
  return Made{std::move(key), token.text};
}

Result<std::vector<ApiKey>> ApiKeys::list(const RequestContext& ctx, const std::optional<TenantId>& tenant) {
  std::vector<ApiKey> keys;
  index::RecordQuery query{RecordKind::kApiKey, tenant, "", kPage};
  for (;;) {
    GANTRY_LET(const auto records, store_.list_records(ctx, query));
    for (const Record& record : records) {
      GANTRY_LET(ApiKey key, key_of(record));
      keys.push_back(std::move(key));
    }
    if (records.size() < query.limit) return keys;
    query.after = records.back().id;
  }
}

Result<bool> ApiKeys::revoke(const RequestContext& ctx, std::string_view id) {
  GANTRY_LET(const bool there, store_.remove_record(ctx, RecordKind::kApiKey, id));
  check_.forget(id);
  return there;
}

Verdict ApiKeys::judge(std::string_view key_text, const std::optional<Record>& record) const {
  // The id is no secret, and tells an operator which of many machines to look at.
  const auto id = id_in_token(kApiKeyPrefix, key_text);
  const std::string named = id ? "the API key " + std::string(*id) : "the API key";
  const auto refused = [&named](const char* why) { return Refusal{401, "invalid_token", named + why}; };
  if (!record) return refused(id ? " is not valid here" : " is not a whole one");
  if (record->expires && *record->expires <= now_()) return refused(" has expired");
  const auto key = key_of(*record);
  if (!key) return refused(" is not valid here");
  Identity identity;
  identity.principal = "apikey:" + key->id + " (" + key->name + ")";
  identity.tenant = key->tenant;
  identity.permissions = key->permissions;
  identity.expires = std::chrono::system_clock::time_point::max();
  if (key->expires) identity.expires = *key->expires;
  identity.method = "apikey";
  return identity;
}

ApiKeys::Recalled ApiKeys::recall(std::string_view key) {
  const auto recalled = check_.recall(key);
  if (!recalled.known) return {};
  return {judge(key, recalled.record), recalled.ageing};
}

Verdict ApiKeys::verify(const RequestContext& ctx, std::string_view key) {
  auto record = check_.look_up(ctx, key);
  if (!record) return Refusal{503, "", "API keys can't be checked now"};
  Verdict verdict = judge(key, *record);
  if (*record && std::holds_alternative<Identity>(verdict)) note_use(ctx, **std::move(record));
  return verdict;
}

// Best effort: another node may have noted it meanwhile, the index may be read-only; the key is as good as before.
void ApiKeys::note_use(const RequestContext& ctx, Record record) {
  auto body = RecordBody::parse(record.body);
  const Timestamp now = now_();
  if (!body || now - Timestamp(std::chrono::microseconds(body->number("last_used"))) < kUseNotedEvery) return;
  body->set("last_used", micros(now));
  record.body = body->json();
  RequestContext limited = ctx;
  limited.deadline = std::min(ctx.deadline, Clock::now() + kNotingMost);
  (void)store_.put_record(limited, record);
}

}  // namespace gantry::auth
