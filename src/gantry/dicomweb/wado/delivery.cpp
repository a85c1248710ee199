#include "gantry/dicomweb/wado/delivery.hpp"

#include <algorithm>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace gantry::dicomweb::wado {
namespace {

/// The two that PS3.18 §8.7.3 keeps off the web.
bool is_banned(std::string_view transfer_syntax) {
  return transfer_syntax == dicom::kImplicitLittleEndian || transfer_syntax == dicom::kExplicitBigEndian;
}

}  // namespace

bool can_be_reencoded(std::string_view transfer_syntax) noexcept {
  return is_banned(transfer_syntax) || transfer_syntax == dicom::kDeflatedExplicitLittleEndian;
}

std::optional<Delivery> delivery_of(std::string_view stored, const SyntaxWish& wish, const DeliveryRules& rules) {
  const bool decodes = rules.codecs && pixels::can_decode(stored) && !can_be_reencoded(stored);
  if (wish.empty()) {
    if (can_be_reencoded(stored)) return Delivery::kExplicit;
    const auto* syntax = dicom::find_transfer_syntax(stored);
    // What is held only lossy goes out as it is (PS3.18 §8.7.3).
    const bool expand = decodes && syntax != nullptr && syntax->encapsulated && syntax->lossless;
    return expand ? Delivery::kTranscoded : Delivery::kStored;
  }
  if (wish == "*") return rules.strict && is_banned(stored) ? Delivery::kExplicit : Delivery::kStored;
  if (is_banned(wish)) return std::nullopt;
  if (wish == stored) return Delivery::kStored;
  if (wish == dicom::kExplicitLittleEndian && can_be_reencoded(stored)) return Delivery::kExplicit;
  if (rules.codecs && pixels::can_decode(stored) && pixels::can_encode(wish)) return Delivery::kTranscoded;
  return std::nullopt;
}

std::string_view delivered_syntax(std::string_view stored, Delivery delivery, const SyntaxWish& wish) noexcept {
  if (delivery == Delivery::kStored) return stored;
  return delivery == Delivery::kExplicit || wish.empty() ? dicom::kExplicitLittleEndian : std::string_view(wish);
}

std::span<const std::string> transcoding_targets() {
  static const std::vector<std::string> list{
      std::string(dicom::kExplicitLittleEndian), std::string(pixels::kJpegLs),
      std::string(pixels::kJpeg2000Lossless),    std::string(pixels::kHtj2kRpcl),
      std::string(pixels::kHtj2kLossless),       std::string(pixels::kRle),
      std::string(pixels::kJpegBaseline)};
  return list;
}

InstanceOffers instance_offers(std::span<const std::string> stored, const DeliveryRules& rules,
                               bool single_part) {
  const auto all_can = [&](const SyntaxWish& wish) {
    return std::all_of(stored.begin(), stored.end(),
                       [&](const std::string& syntax) { return delivery_of(syntax, wish, rules).has_value(); });
  };
  InstanceOffers found;
  const auto add = [&](bool multipart, const SyntaxWish& wish, std::string_view shown) {
    Offer offer;
    offer.multipart = multipart;
    offer.media_type = "application/dicom";
    offer.transfer_syntax = shown;
    offer.by_default = wish.empty();
    offer.by_star = wish == "*";
    offer.by_name = !wish.empty() && wish != "*";
    found.offers.push_back(std::move(offer));
    found.wishes.push_back(wish);
  };
  const auto is_target = [](const std::string& syntax) {
    const auto targets = transcoding_targets();
    return std::find(targets.begin(), targets.end(), syntax) != targets.end();
  };
  const bool one_syntax =
      std::all_of(stored.begin(), stored.end(), [&](const auto& each) { return each == stored.front(); });
  for (const bool multipart : {true, false}) {
    if (!multipart && !single_part) continue;
    const auto by_default = delivery_of(stored.front(), "", rules);
    add(multipart, "",
        one_syntax && by_default ? delivered_syntax(stored.front(), *by_default, "") : std::string_view());
    add(multipart, "*", "*");
    for (const auto& target : transcoding_targets()) {
      if (all_can(target)) add(multipart, target, target);
    }
    if (one_syntax && !is_target(stored.front()) && all_can(stored.front()))
      add(multipart, stored.front(), stored.front());
  }
  return found;
}

std::string no_decoder_hint() {
  return "Ask for transfer-syntax=* to get instances as they were stored";
}

}  // namespace gantry::dicomweb::wado
