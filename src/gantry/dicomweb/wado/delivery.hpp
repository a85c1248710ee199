#pragma once

// In which transfer syntax an instance goes out (PS3.18 §8.7.3;
// docs/decisions/0006-transfer-syntaxes-without-decoders.md).

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/dicomweb/negotiation.hpp"

namespace gantry::dicomweb::wado {

/// What the client asked for: nothing in particular (""), anything ("*"), or a UID.
using SyntaxWish = std::string;

enum class Delivery {
  kStored,    ///< the bytes as they are kept
  kExplicit,  ///< re-encoded to Explicit VR Little Endian on the way out
};

/// True for Implicit VR LE, Explicit VR BE and Deflated Explicit VR LE.
[[nodiscard]] bool can_be_reencoded(std::string_view transfer_syntax) noexcept;

/// nullopt when an instance kept in `stored` can't be had so. `strict`: `*` never gives Implicit VR or Big Endian.
[[nodiscard]] std::optional<Delivery> delivery_of(std::string_view stored, const SyntaxWish& wish, bool strict);
/// The transfer syntax of what goes out.
[[nodiscard]] std::string_view delivered_syntax(std::string_view stored, Delivery delivery) noexcept;

/// What can be had of instances kept in these transfer syntaxes (at least one), and the wish behind each offer.
struct InstanceOffers {
  std::vector<Offer> offers;
  std::vector<SyntaxWish> wishes;  ///< one per offer
};
[[nodiscard]] InstanceOffers instance_offers(std::span<const std::string> stored, bool strict, bool single_part);

/// The sentence that a 406 for `stored` ends with.
[[nodiscard]] std::string no_decoder_hint();

}  // namespace gantry::dicomweb::wado
