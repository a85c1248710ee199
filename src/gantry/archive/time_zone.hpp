#pragma once

// Dates and times of a search in a time zone of its own (Timezone Offset From UTC (0008,0201) as a key: PS3.4
// C.2.1.2.2's time zone query adjustment). Studies say their zone or do not; their dates and times are compared as the
// asker's clock showed them.

#include <optional>
#include <string_view>
#include <vector>

#include "gantry/index/records.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::archive {

/// Minutes east of UTC of "+0100"; nullopt when it is no offset (from -1200 to +1400). A missing sign is a plus, which
/// an unescaped one in a query becomes.
[[nodiscard]] std::optional<int> parse_zone(std::string_view text);

/// The matches over dates and times that a zone changes the meaning of.
class ZonedMatches {
 public:
  /// Takes those matches out of `query` and puts wider ones in their place, which every index can say.
  ZonedMatches(int minutes, index::SearchQuery& query);
  /// Asks a hit. A study without a zone, or a date without a time, is compared as it is.
  [[nodiscard]] bool hold(const index::SearchRow& row) const;
  [[nodiscard]] bool empty() const noexcept { return matches_.empty(); }

 private:
  int minutes_;
  std::vector<index::Match> matches_;
};

}  // namespace gantry::archive
