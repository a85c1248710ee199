#pragma once

// Which representation a client gets (PS3.18 §8.7, RFC 9110 §12.5.1): one function for every resource.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/http/message.hpp"
#include "gantry/http/query_string.hpp"

namespace gantry::dicomweb {

/// One range of what the client takes.
struct AcceptedRange {
  bool multipart = false;                      ///< multipart/related; `media_type` is then its `type` parameter
  std::string media_type;                      ///< lower case; "*/*" and "image/*" are ranges
  std::optional<std::string> transfer_syntax;  ///< "*" or a UID
  int quality = 1000;                          ///< thousandths; 0: not this
};

/// What the client takes, best first. The `accept` query parameter stands in for the header (§8.3.3.1). Ranges that
/// can't be parsed are skipped; a missing or empty header, or one without a usable range, takes everything.
[[nodiscard]] std::vector<AcceptedRange> accepted_ranges(const http::Headers& headers, const http::QueryPairs& query);

/// A representation that the server can make.
struct Offer {
  bool multipart = false;
  std::string media_type;       ///< what the answer's (or its parts') Content-Type says
  std::string transfer_syntax;  ///< UID; "" for media types that know none
  bool by_default = true;       ///< for ranges without a transfer syntax
  bool by_star = true;          ///< for transfer-syntax=*
  bool by_name = true;          ///< for its own UID
  /// Also for application/octet-stream when a transfer syntax is named or `*`: how viewers ask for compressed frames.
  bool as_octets = false;
  bool any_form = false;  ///< a single-part range takes the multipart form, too
};

/// The media type of data sets in XML (PS3.18 §8.7.3.2), a part each.
inline constexpr std::string_view kDicomXml = "application/dicom+xml";
/// What data sets without bulk data come as, from searches and metadata alike: JSON by two names, and XML.
[[nodiscard]] std::span<const Offer> data_set_offers();

/// The best of `offers` (in the server's order of preference) for these ranges: of each offer's ranges the most
/// specific one counts; quality decides, then the client's order, then the server's. Null: none is acceptable.
[[nodiscard]] const Offer* choose(std::span<const AcceptedRange> ranges, std::span<const Offer> offers);

/// 406 whose body lists what can be had, and `hint` when there is one.
[[nodiscard]] http::Response not_acceptable(std::span<const Offer> offers, std::string_view hint = {});

}  // namespace gantry::dicomweb
