#include "gantry/server/key_access.hpp"

#include <algorithm>

#include <strings.h>

#include "gantry/server/share_pages.hpp"

namespace gantry::server {
namespace {

constexpr std::string_view kShareRoot = "/share/";
constexpr std::chrono::seconds kCheckMost{5};

/// The credential of "Bearer CREDENTIAL" (RFC 6750 §2.1); "" when there is none.
std::string_view bearer_of(const http::Request& request) {
  constexpr std::string_view kScheme = "Bearer ";
  std::string_view value = request.headers.get("authorization").value_or("");
  if (value.size() <= kScheme.size() || strncasecmp(value.data(), kScheme.data(), kScheme.size()) != 0) return {};
  value.remove_prefix(kScheme.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

std::string_view token_of(std::string_view path) {
  path.remove_prefix(kShareRoot.size());
  return path.substr(0, path.find('/'));
}

/// What `service` (keys or shares) says of a credential: at once from memory, or read by a worker.
template <class Service>
Task<auth::Verdict> judge(Service& service, WorkerPool& pool, const RequestContext& asked, std::string credential) {
  const auto recalled = service.recall(credential);
  if (recalled.verdict && !recalled.ageing) co_return *recalled.verdict;
  RequestContext ctx = asked;
  ctx.deadline = std::min(asked.deadline, Clock::now() + kCheckMost);
  auto work = [&service, ctx, credential = std::move(credential)] { return service.verify(ctx, credential); };
  if (recalled.verdict) {
    // Read again before it is forgotten, so that nobody who asks often ever waits for that.
    (void)pool.try_submit([work = std::move(work)] { (void)work(); });
    co_return *recalled.verdict;
  }
  auto verdict = co_await run_on(pool, std::move(work));
  if (!verdict) co_return auth::Refusal{503, "", verdict.error().detail()};
  co_return *std::move(verdict);
}

}  // namespace

bool KeyAuthenticator::recognises(const http::Request& request) const {
  return bearer_of(request).starts_with(auth::kApiKeyPrefix);
}

Task<auth::Verdict> KeyAuthenticator::identify(const http::Request& request) {
  co_return co_await judge(credentials_.keys, credentials_.index_pool, request.context,
                           std::string(bearer_of(request)));
}

bool ShareAuthenticator::recognises(const http::Request& request) const { return request.path.starts_with(kShareRoot); }

Task<auth::Verdict> ShareAuthenticator::identify(const http::Request& request) {
  co_return co_await judge(credentials_.shares, credentials_.index_pool, request.context,
                           std::string(token_of(request.path)));
}

http::Response ShareAuthenticator::answer(const http::Request& request, const auth::Refusal& refusal) const {
  const bool is_page = request.path.find('/', kShareRoot.size()) == std::string::npos;
  auto response = is_page && refusal.status == 404 ? no_such_share() : refuse(refusal);
  make_discreet(response);
  return response;
}

std::string path_for_logs(std::string_view path) {
  if (!path.starts_with(kShareRoot)) return auth::without_tokens(path);
  const std::string_view token = token_of(path);
  const auto id = auth::id_in_token(auth::kSharePrefix, token);
  std::string shown(kShareRoot);
  shown += id ? *id : "***";
  return shown.append(auth::without_tokens(path.substr(kShareRoot.size() + token.size())));
}

}  // namespace gantry::server
