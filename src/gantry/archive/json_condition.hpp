#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/index/fuzzy_name.hpp"

namespace gantry::archive {

/// A key without a column, matched on an instance's stored JSON by the rules of PS3.4 C.2.2.2 for the VR found there.
/// Sequences match when one of their items does.
class JsonCondition {
 public:
  /// `vr` is the dictionary's ("" for private attributes: then the value is only checked where it meets one).
  /// kInvalid when the value is malformed for the VR, or values of the VR can't be matched. `want_empty`: matches when
  /// the attribute is absent or has no value. `fuzzy`: person names match when they come near (fuzzy_name.hpp).
  static Result<JsonCondition> create(const std::vector<dicom::Tag>& path, std::string_view vr, std::string_view value,
                                      bool want_empty, bool fuzzy = false);

  /// kInternal when the JSON is damaged.
  [[nodiscard]] Result<bool> holds(std::string_view object) const;

 private:
  [[nodiscard]] Result<bool> holds_in(std::string_view data_set, std::size_t depth) const;
  [[nodiscard]] bool value_matches(std::string_view vr, std::string_view item) const;

  std::vector<std::string> path_;  ///< "00400275"
  std::string value_;
  bool want_empty_ = false;
  std::shared_ptr<const index::FuzzyName> fuzzy_;
};

}  // namespace gantry::archive
