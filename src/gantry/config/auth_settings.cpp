#include "gantry/config/setting_builder.hpp"

namespace gantry::config {
namespace {

void add_issuer(Builder& table) {
  using K = ValueKind;
  table
      .add("auth", "issuer", K::kProviderUrl, GANTRY_AT(auth, main.issuer),
           "The identity provider whose bearer tokens are taken, exactly as it writes its name (`iss`). Nothing: nobody "
           "has to say who they are, and only this machine is served.")
      .per_issuer()
      .add("auth", "audience", K::kTexts, GANTRY_AT(auth, main.audience),
           "What a token must be for (`aud`): one of these. Needed with an issuer.")
      .per_issuer()
      .add("auth", "algorithms", K::kTexts, GANTRY_AT(auth, main.algorithms), "How its tokens may be signed.")
      .choices({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"})
      .per_issuer()
      .add("auth", "discovery_url", K::kProviderUrl, GANTRY_AT(auth, main.discovery_url),
           "Its discovery document. Nothing: the issuer's /.well-known/openid-configuration.")
      .per_issuer()
      .add("auth", "jwks_url", K::kProviderUrl, GANTRY_AT(auth, main.jwks_url),
           "Its keys. Nothing: where the discovery document says.")
      .per_issuer()
      .add("auth", "ca_file", K::kText, GANTRY_AT(auth, main.ca_file),
           "Authorities (PEM) that its certificate is checked with. Nothing: the system's.")
      .per_issuer()
      .add("auth", "http_on_loopback", K::kSwitch, GANTRY_AT(auth, main.http_on_loopback),
           "Asks a provider on this machine without TLS, for trying things out.")
      .per_issuer()
      .add("auth", "tenant", K::kText, GANTRY_AT(auth, main.tenant), "The tenant of all its tokens.")
      .per_issuer()
      .add("auth", "tenant_claim", K::kText, GANTRY_AT(auth, main.tenant_claim),
           "Where its tokens name their tenant, e.g. `$.tenant`; instead of a fixed one.")
      .per_issuer()
      .add("auth", "principal_claim", K::kText, GANTRY_AT(auth, main.principal_claim),
           "Where its tokens name who they speak for, for logs and audit.")
      .per_issuer();
}

void add_rules(Builder& table) {
  using K = ValueKind;
  table
      .add("auth", "read", K::kTexts, GANTRY_AT(auth, main.read),
           "Who may search and retrieve: `$.realm_access.roles=viewer`, `$.resource_access['gantry'].roles=viewer`, "
           "`scope:dicom.read`; one that holds is enough. `{tenant}` stands for the token's tenant, `*` for any value.")
      .per_issuer()
      .add("auth", "write", K::kTexts, GANTRY_AT(auth, main.write), "Who may store.")
      .per_issuer()
      .add("auth", "delete", K::kTexts, GANTRY_AT(auth, main.deletes), "Who may delete.")
      .per_issuer()
      .add("auth", "admin", K::kTexts, GANTRY_AT(auth, main.admin),
           "Who may administer their own tenant over the network: its audit, keys and share links. It gives none of the "
           "others.")
      .per_issuer()
      .add("auth", "operate", K::kTexts, GANTRY_AT(auth, main.operate),
           "Who may operate the node and all its tenants over the network: checks, workers, tenants, and /metrics where more "
           "than this machine is served.")
      .per_issuer();
}

}  // namespace

void add_auth(Builder& table) {
  using K = ValueKind;
  constexpr std::uint64_t kSecond = 1000, kHour = 3600 * kSecond;
  add_issuer(table);
  add_rules(table);
  table
      .add("auth", "api_keys", K::kSwitch, GANTRY_AT(auth, api_keys),
           "Takes API keys (`gantry apikey`), and from then on nothing without a credential but health and share "
           "links.")
      .add("auth", "remembered_tokens", K::kCount, GANTRY_AT(auth, remembered_tokens),
           "Verified tokens that memory keeps, by their hash; 0 verifies each request's anew.")
      .within(0, 10'000'000)
      .add("auth", "share_keys", K::kSwitch, GANTRY_AT(auth, share_keys),
           "Shares the providers' keys with other nodes through the Redis (`cache.url`). Who may write there can then "
           "make tokens.")
      .add("auth", "keys_refresh", K::kDuration, GANTRY_AT(auth, keys_refresh), "How often a provider's keys are fetched.")
      .within(kSecond, 24 * kHour)
      .add("auth", "keys_pause", K::kDuration, GANTRY_AT(auth, keys_pause),
           "The least time between two fetches for tokens whose key is unknown.")
      .within(kSecond, kHour)
      .add("auth", "keys_stale", K::kDuration, GANTRY_AT(auth, keys_stale),
           "How long keys go on serving while their provider is down.")
      .within(kSecond, 365 * 24 * kHour)
      .add("auth", "keys_shared_life", K::kDuration, GANTRY_AT(auth, keys_shared_life), "How long the Redis keeps them.")
      .within(kSecond, 24 * kHour);
}

}  // namespace gantry::config
