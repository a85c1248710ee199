#pragma once

#include "gantry/archive/search_request.hpp"
#include "gantry/base/result.hpp"
#include "gantry/http/query_string.hpp"

namespace gantry::dicomweb::qido {

/// Fills `request` from the query of a search (PS3.18 §8.3.4, §10.6.1): `limit`, `offset`, `includefield` (repeated,
/// comma-separated), `fuzzymatching`, `emptyvaluematching`, `multiplevaluematching`, and our own `orderby` (attributes,
/// '-' in front: descending) and `combineddatetime`; everything else is a key, which the service judges. kInvalid names
/// the malformed parameter.
Result<void> read_parameters(const http::QueryPairs& query, archive::SearchRequest& request);

}  // namespace gantry::dicomweb::qido
