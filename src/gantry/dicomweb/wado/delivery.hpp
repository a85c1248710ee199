#pragma once

// In which transfer syntax an instance goes out (PS3.18 §8.7.3;
// docs/decisions/0014-pixels.md).

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
  kTranscoded,  ///< every frame decoded, and encoded anew where another compression is wanted
};

/// True for Implicit VR LE, Explicit VR BE and Deflated Explicit VR LE.
[[nodiscard]] bool can_be_reencoded(std::string_view transfer_syntax) noexcept;

/// What this server does: settings, and whether it has codecs.
struct DeliveryRules {
  bool strict = false;  ///< `*` never gives Implicit VR or Big Endian
  bool codecs = false;
};

/// nullopt when an instance kept in `stored` can't be had so.
[[nodiscard]] std::optional<Delivery> delivery_of(std::string_view stored, const SyntaxWish& wish,
                                                  const DeliveryRules& rules);
/// The transfer syntax of what goes out. What is transcoded may still go out otherwise: see open_instance().
[[nodiscard]] std::string_view delivered_syntax(std::string_view stored, Delivery delivery,
                                                const SyntaxWish& wish) noexcept;

/// What can be had of instances kept in these transfer syntaxes (at least one), and the wish behind each offer.
struct InstanceOffers {
  std::vector<Offer> offers;
  std::vector<SyntaxWish> wishes;  ///< one per offer
};
[[nodiscard]] InstanceOffers instance_offers(std::span<const std::string> stored, const DeliveryRules& rules,
                                            bool single_part);

/// Transfer syntaxes that frames can be had in beside their own, best known first. Explicit VR Little Endian is the first.
[[nodiscard]] std::span<const std::string> transcoding_targets();

/// The sentence that a 406 for `stored` ends with.
[[nodiscard]] std::string no_decoder_hint();

}  // namespace gantry::dicomweb::wado
