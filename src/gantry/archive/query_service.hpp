#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gantry/archive/search_request.hpp"
#include "gantry/archive/shared_studies.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::archive {

/// The hits of a search, one DICOM JSON object at a time. Blocking; one thread at a time; memory is that of one page.
class SearchHits {
 public:
  virtual ~SearchHits() = default;
  /// The next object; nullopt at the end.
  virtual Result<std::optional<std::string>> next() = 0;
  /// True when the rest is in memory already.
  [[nodiscard]] virtual bool in_memory() const noexcept = 0;
};

struct SearchResult {
  std::shared_ptr<SearchHits> hits;
  std::optional<std::uint64_t> total;  ///< without offset and limit; nullopt: not counted, as they are more than 10,000
                                       ///< or the search goes on from a record
  std::uint64_t remaining = 0;         ///< hits after these; at least that many when `total` is unknown
  std::vector<std::string> warnings;   ///< for Warning 299, without the code and the service
};

/// Finds studies, series and instances for QIDO-RS and C-FIND alike (DESIGN §5). Knows no HTTP. Thread-safe; blocking.
class QueryService {
 public:
  /// Filtered searches count their hits up to here.
  static constexpr std::uint64_t kCountMost = 10'000;

  /// Both outlive the service; `studies` remembers which do not exist, and may be null.
  explicit QueryService(index::InstanceIndex& index, SharedStudies* studies = nullptr)
      : index_(index), studies_(studies) {}

  /// Reads the first page. kInvalid names the parameter that is wrong and what was expected; kUnavailable, kTimeout (a
  /// statement gets at most 5 s). `state` is what state() told before: with it a study that is known not to exist is
  /// not searched for. Where ctx.only_study is given, nothing of other studies is found.
  Result<SearchResult> search(const RequestContext& ctx, const SearchRequest& request, const SearchLimits& limits = {},
                              std::optional<std::uint64_t> state = std::nullopt);

  /// The tenant's change number: an answer to the same search is the same as long as this is.
  Result<std::uint64_t> state(const RequestContext& ctx);

 private:
  index::InstanceIndex& index_;
  SharedStudies* const studies_;
};

}  // namespace gantry::archive
