#pragma once

#include <optional>
#include <string_view>

namespace gantry::auth {

/// How a token may be signed (RFC 7518 §3.1). `none` and the HMAC ones are not here, so that nothing can allow them.
enum class Algorithm { kRs256, kRs384, kRs512, kPs256, kPs384, kPs512, kEs256, kEs384 };

inline constexpr Algorithm kAllAlgorithms[] = {Algorithm::kRs256, Algorithm::kRs384, Algorithm::kRs512,
                                               Algorithm::kPs256, Algorithm::kPs384, Algorithm::kPs512,
                                               Algorithm::kEs256, Algorithm::kEs384};

/// "RS256" for kRs256.
[[nodiscard]] const char* to_string(Algorithm algorithm) noexcept;
/// nullopt for every other text; names are case-sensitive (RFC 7515 §4.1.1).
[[nodiscard]] std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept;

[[nodiscard]] constexpr bool is_rsa(Algorithm algorithm) noexcept { return algorithm <= Algorithm::kPs512; }

}  // namespace gantry::auth
