#include "gantry/dicomweb/stow/store_request.hpp"

#include <algorithm>
#include <cctype>

#include "gantry/http/media_type.hpp"
#include "gantry/http/query_string.hpp"

namespace gantry::dicomweb::stow {
namespace {

constexpr const char* kTaken =
    R"(send multipart/related; type="application/dicom"; boundary=…, a single application/dicom body, or metadata with bulk data (type="application/dicom+json" or "application/dicom+xml"))";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool is_identity(std::optional<std::string> encoding) {
  return !encoding || encoding->empty() || lower(*encoding) == "identity";
}

}  // namespace

Result<BodyForm> body_form(const http::Headers& headers) {
  if (!is_identity(headers.joined("Content-Encoding"))) {
    return Error::unsupported("a Content-Encoding is not taken here: send the files as they are");
  }
  const auto header = headers.get("Content-Type");
  if (!header) return Error::unsupported(std::string("the request has no Content-Type: ") + kTaken);
  auto type = http::parse_media_type(*header);
  if (!type) return Error::invalid("Content-Type can't be read (" + type.error().detail() + "): " + kTaken);

  if (type->essence() == "application/dicom") return BodyForm{};
  if (type->essence() != "multipart/related") {
    return Error::unsupported("Content-Type " + type->essence() + " can't be stored: " + kTaken);
  }
  // RFC 2387 asks for `type`; senders that leave it out mean the only thing that is stored here.
  const std::string root = lower(type->parameter("type").value_or("application/dicom"));
  BodyForm form;
  form.multipart = true;
  if (root == "application/dicom+json") form.kind = BodyForm::Kind::kJson;
  if (root == "application/dicom+xml") form.kind = BodyForm::Kind::kXml;
  if (form.kind == BodyForm::Kind::kInstances && root != "application/dicom") {
    return Error::unsupported("multipart/related with type \"" + root + "\" can't be stored: " + kTaken);
  }
  const auto boundary = type->parameter("boundary");
  if (!boundary || boundary->empty())
    return Error::invalid("Content-Type has no boundary: the parts can't be told apart");
  form.boundary = *boundary;
  return form;
}

bool holds_an_instance(const http::Headers& part_headers) {
  const auto header = part_headers.get("Content-Type");
  if (!header || header->empty()) return true;
  const auto type = http::parse_media_type(*header);
  return type && type->essence() == "application/dicom";
}

Result<AnswerFormat> answer_format(const http::Request& request) {
  std::string accept = request.headers.joined("Accept").value_or("");
  GANTRY_LET(const auto query, http::parse_query(request.query));
  for (const auto& [name, value] : query) {
    if (name == "accept") accept = value;
  }
  const auto ranges = http::parse_accept(accept);
  if (ranges.empty()) return AnswerFormat::kJson;
  for (const auto& range : ranges) {
    if (range.quality == 0) continue;
    const std::string wanted = range.type.essence();
    if (wanted == "application/dicom+json" || wanted == "application/json" || wanted == "application/*" ||
        wanted == "*/*") {
      return AnswerFormat::kJson;
    }
    if (wanted == "application/dicom+xml") return AnswerFormat::kXml;
  }
  return Error::unsupported("the answer can be had as application/dicom+json or application/dicom+xml");
}

}  // namespace gantry::dicomweb::stow
