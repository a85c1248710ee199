#pragma once

// A part of metadata (an extension of PS3.18 §10.4.1.1.2): `includefield` names attributes, as a search does, and
// `excludeprivate=true` leaves private ones out.

#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/http/query_string.hpp"

namespace gantry::dicomweb::wado {

class MetadataFilter {
 public:
  /// Reads the two parameters; others are left to others. kInvalid names what is no attribute.
  static Result<MetadataFilter> create(const http::QueryPairs& query);

  /// False: everything passes.
  [[nodiscard]] bool active() const noexcept { return exclude_private_ || !include_.empty(); }
  /// The object without what was not asked for. The four UIDs that say what an object is are always there. kInternal
  /// when the JSON is damaged.
  [[nodiscard]] Result<std::string> apply(std::string_view object) const;
  /// The same for the same answer: a part of its ETag. "" when not active.
  [[nodiscard]] std::string name() const;

 private:
  Result<void> write(std::string& out, std::string_view data_set, std::size_t depth) const;

  std::vector<dicom::Tag> include_;  ///< ascending; empty: all
  bool exclude_private_ = false;
};

}  // namespace gantry::dicomweb::wado
