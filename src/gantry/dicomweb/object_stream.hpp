#pragma once

// Long answers made of many small objects: a JSON array, or a multipart body of XML documents.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb {

/// Gives the next object; nullopt at the end. Blocking; owns what it needs.
using NextObject = std::function<Result<std::optional<std::string>>()>;

struct ObjectFraming {
  std::string open;       ///< before the first object
  std::string separator;  ///< between two
  std::string close;      ///< after the last
};

inline const ObjectFraming kJsonArray{"[", ",", "]"};

/// The answer's body: in memory when it is short, else its beginning in memory and the rest made on the way out, one
/// object at a time. Blocking. An error here comes before the head was sent.
Result<http::Segment> object_body(NextObject next, ObjectFraming framing, std::size_t in_memory_most = 512 << 10);

}  // namespace gantry::dicomweb
