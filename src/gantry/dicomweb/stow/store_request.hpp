#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::stow {

/// How the body of a store request is cut (PS3.18 §10.5.1.2, §8.6.1).
struct BodyForm {
  enum class Kind {
    kInstances,  ///< Part 10 files
    kJson,       ///< DICOM JSON and bulk data parts (PS3.18 §10.5.1.2)
    kXml,        ///< the Native DICOM Model and bulk data parts
  };
  bool multipart = false;
  std::string boundary;  ///< of multipart bodies, unquoted
  Kind kind = Kind::kInstances;
};

/// What Content-Type and Content-Encoding announce. Errors: kInvalid (400: no boundary, unreadable), kUnsupported (415:
/// another media type, with what is taken instead).
[[nodiscard]] Result<BodyForm> body_form(const http::Headers& headers);

/// True for a part that holds a Part 10 file: application/dicom, or no Content-Type at all, as some senders have it.
[[nodiscard]] bool holds_an_instance(const http::Headers& part_headers);

enum class AnswerFormat { kJson, kXml };

/// The format that the sender wants the answer in: the query's `accept` (§8.3.3.1) before the header; DICOM JSON when
/// nothing is said. kUnsupported (406) when neither format would do.
[[nodiscard]] Result<AnswerFormat> answer_format(const http::Request& request);

}  // namespace gantry::dicomweb::stow
