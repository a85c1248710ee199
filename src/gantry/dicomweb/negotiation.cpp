#include "gantry/dicomweb/negotiation.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "gantry/http/media_type.hpp"

namespace gantry::dicomweb {
namespace {

constexpr std::string_view kAnything = "*/*";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// "application/dicom+json" in a query arrives with a space where its plus sign was not escaped.
std::string with_plus_signs(std::string text) {
  for (const std::string_view suffix : {"json", "xml"}) {
    const std::string broken = "dicom " + std::string(suffix);
    for (auto at = text.find(broken); at != std::string::npos; at = text.find(broken, at)) text[at + 5] = '+';
  }
  return text;
}

/// Names that mean the same.
std::string_view canonical(std::string_view media_type) {
  if (media_type == "image/x-dicom-rle") return "image/dicom-rle";
  if (media_type == "image/x-jls") return "image/jls";
  return media_type;
}

bool covers(std::string_view range, std::string_view media_type) {
  if (range == kAnything) return true;
  if (range.ends_with("/*")) return media_type.starts_with(range.substr(0, range.size() - 1));
  return canonical(range) == canonical(media_type);
}

/// How specific the range's match with the offer is; 0: none.
int specificity(const AcceptedRange& range, const Offer& offer) {
  const bool form =
      range.multipart ? offer.multipart : (!offer.multipart || offer.any_form || range.media_type == kAnything);
  const bool octets = offer.as_octets && range.media_type == "application/octet-stream" && range.transfer_syntax;
  if (!form || !(covers(range.media_type, offer.media_type) || octets)) return 0;
  if (!range.transfer_syntax) {
    if (!offer.by_default && range.quality > 0) return 0;
  } else if (*range.transfer_syntax == "*") {
    if (!offer.by_star) return 0;
  } else if (!offer.by_name || *range.transfer_syntax != offer.transfer_syntax) {
    return 0;
  }
  int score = range.media_type == kAnything ? 1 : range.media_type.ends_with("/*") ? 3 : 5;
  if (range.multipart) score += 1;
  if (range.transfer_syntax) score += 6;
  return score;
}

std::string to_text(const Offer& offer) {
  std::string text = offer.multipart ? "multipart/related; type=\"" + offer.media_type + "\"" : offer.media_type;
  if (!offer.transfer_syntax.empty()) {
    text += "; transfer-syntax=" + (offer.by_default || offer.by_name ? offer.transfer_syntax : std::string("*"));
  }
  return text;
}

}  // namespace

std::vector<AcceptedRange> accepted_ranges(const http::Headers& headers, const http::QueryPairs& query) {
  std::string accept;
  for (const auto& [name, value] : query) {
    if (name != "accept" || value.empty()) continue;
    if (!accept.empty()) accept += ", ";
    accept += with_plus_signs(value);
  }
  if (accept.empty()) accept = headers.joined("Accept").value_or("");

  std::vector<AcceptedRange> ranges;
  for (const auto& parsed : http::parse_accept(accept)) {
    AcceptedRange range;
    range.quality = parsed.quality;
    const auto type = parsed.type.parameter("type");
    range.multipart = parsed.type.type == "multipart";
    if (range.multipart && parsed.type.subtype != "related" && parsed.type.subtype != "*") continue;
    range.media_type = range.multipart ? lower(type.value_or(kAnything)) : parsed.type.essence();
    if (const auto syntax = parsed.type.parameter("transfer-syntax"); syntax && !syntax->empty()) {
      range.transfer_syntax = std::string(*syntax);
    }
    ranges.push_back(std::move(range));
  }
  if (ranges.empty()) ranges.push_back({false, std::string(kAnything), std::nullopt, 1000});
  return ranges;
}

std::span<const Offer> data_set_offers() {
  static const std::array<Offer, 3> list = {
      Offer{.multipart = false, .media_type = "application/dicom+json", .transfer_syntax = {}},
      Offer{.multipart = false, .media_type = "application/json", .transfer_syntax = {}},
      Offer{.multipart = true, .media_type = std::string(kDicomXml), .transfer_syntax = {}, .any_form = true},
  };
  return list;
}

const Offer* choose(std::span<const AcceptedRange> ranges, std::span<const Offer> offers) {
  const Offer* best = nullptr;
  int best_quality = 0;
  std::size_t best_place = 0;
  for (const auto& offer : offers) {
    int specific = 0;
    int quality = 0;
    std::size_t place = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const int score = specificity(ranges[i], offer);
      if (score > specific) {
        specific = score;
        quality = ranges[i].quality;
        place = i;
      }
    }
    if (specific == 0 || quality == 0) continue;
    if (best == nullptr || quality > best_quality || (quality == best_quality && place < best_place)) {
      best = &offer;
      best_quality = quality;
      best_place = place;
    }
  }
  return best;
}

http::Response not_acceptable(std::span<const Offer> offers, std::string_view hint) {
  std::string detail = "none of the accepted media types can be made; can be had: ";
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (i > 0) detail += " | ";
    detail += to_text(offers[i]);
  }
  if (!hint.empty()) detail += ". " + std::string(hint);
  return http::problem(406, std::move(detail));
}

}  // namespace gantry::dicomweb
