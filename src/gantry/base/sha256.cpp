#include "gantry/base/sha256.hpp"

#include <cstdlib>
#include <vector>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "gantry/base/handle.hpp"

namespace gantry {

namespace {
// An OpenSSL that can't hash or give random bytes leaves nothing sensible to do.
void must(int ok) {
  if (ok != 1) std::abort();
}

/// Looked up once: EVP_sha256() is looked up anew by each digest that begins with it.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = [] {
    const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    must(found != nullptr ? 1 : 0);
    return found;
  }();
  return fetched;
}
}  // namespace

struct Sha256Stream::State {
  Handle<EVP_MD_CTX, &EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  must(EVP_DigestInit_ex(state_->context.get(), algorithm(), nullptr));
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::update(std::span<const std::byte> bytes) {
  must(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()));
}

Sha256 Sha256Stream::finish() {
  Sha256 digest{};
  unsigned length = 0;
  must(EVP_DigestFinal_ex(state_->context.get(), digest.data(), &length));
  return digest;
}

Sha256 sha256(std::span<const std::byte> bytes) {
  // ETags and object names are many and short, so the context is kept.
  thread_local const Handle<EVP_MD_CTX, &EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
  Sha256 digest{};
  unsigned length = 0;
  must(EVP_DigestInit_ex(context.get(), algorithm(), nullptr));
  must(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()));
  must(EVP_DigestFinal_ex(context.get(), digest.data(), &length));
  return digest;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string uid_hash(std::string_view uid) { return to_hex(sha256(std::as_bytes(std::span(uid)))).substr(0, 16); }

std::string random_hex(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  must(RAND_bytes(bytes.data(), static_cast<int>(count)));
  return to_hex(bytes);
}

}  // namespace gantry
