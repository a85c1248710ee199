#include "gantry/auth/algorithm.hpp"

namespace gantry::auth {

const char* to_string(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::kRs256: return "RS256";
    case Algorithm::kRs384: return "RS384";
    case Algorithm::kRs512: return "RS512";
    case Algorithm::kPs256: return "PS256";
    case Algorithm::kPs384: return "PS384";
    case Algorithm::kPs512: return "PS512";
    case Algorithm::kEs256: return "ES256";
    case Algorithm::kEs384: return "ES384";
  }
  return "";
}

std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept {
  for (const Algorithm algorithm : kAllAlgorithms) {
    if (name == to_string(algorithm)) return algorithm;
  }
  return std::nullopt;
}

}  // namespace gantry::auth
