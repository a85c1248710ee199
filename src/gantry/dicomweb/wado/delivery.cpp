#include "gantry/dicomweb/wado/delivery.hpp"

#include <algorithm>

#include "gantry/dicom/transfer_syntax.hpp"

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

std::optional<Delivery> delivery_of(std::string_view stored, const SyntaxWish& wish, bool strict) {
  if (wish.empty()) return can_be_reencoded(stored) ? Delivery::kExplicit : Delivery::kStored;
  if (wish == "*") return strict && is_banned(stored) ? Delivery::kExplicit : Delivery::kStored;
  if (is_banned(wish)) return std::nullopt;
  if (wish == stored) return Delivery::kStored;
  if (wish == dicom::kExplicitLittleEndian && can_be_reencoded(stored)) return Delivery::kExplicit;
  return std::nullopt;
}

std::string_view delivered_syntax(std::string_view stored, Delivery delivery) noexcept {
  return delivery == Delivery::kStored ? stored : dicom::kExplicitLittleEndian;
}

InstanceOffers instance_offers(std::span<const std::string> stored, bool strict, bool single_part) {
  const auto all_can = [&](const SyntaxWish& wish) {
    return std::all_of(stored.begin(), stored.end(),
                       [&](const std::string& syntax) { return delivery_of(syntax, wish, strict).has_value(); });
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
  const std::string explicit_le(dicom::kExplicitLittleEndian);
  const bool one_syntax =
      std::all_of(stored.begin(), stored.end(), [&](const auto& each) { return each == stored.front(); });
  for (const bool multipart : {true, false}) {
    if (!multipart && !single_part) continue;
    const auto by_default = delivery_of(stored.front(), "", strict);
    add(multipart, "", one_syntax && by_default ? delivered_syntax(stored.front(), *by_default) : std::string_view());
    add(multipart, "*", "*");
    if (all_can(explicit_le)) add(multipart, explicit_le, explicit_le);
    if (one_syntax && stored.front() != explicit_le && all_can(stored.front()))
      add(multipart, stored.front(), stored.front());
  }
  return found;
}

std::string no_decoder_hint() {
  return "Compressed instances can't be decoded here yet: ask for transfer-syntax=* to get them as they were stored";
}

}  // namespace gantry::dicomweb::wado
