#include "gantry/index/mongo/bson.hpp"

#include <cassert>

namespace gantry::index::mongo {
namespace {

int length(std::string_view text) { return static_cast<int>(text.size()); }

std::string_view blob_at(const bson_iter_t& at) {
  bson_subtype_t subtype{};
  std::uint32_t size = 0;
  const std::uint8_t* bytes = nullptr;
  bson_iter_binary(&at, &subtype, &size, &bytes);
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

bool is_utf8(std::string_view text) { return bson_utf8_validate(text.data(), text.size(), true); }

std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    // A character has at most four bytes: the longest beginning that is one, else a byte that is none.
    std::size_t size = static_cast<unsigned char>(text[0]) < 0x80 ? 1 : 0;
    for (std::size_t n = 2; size == 0 && n <= 4 && n <= text.size(); ++n) {
      if (is_utf8(text.substr(0, n))) size = n;
    }
    valid += size == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return valid;
}

Document& Document::text(std::string_view key, std::string_view value) {
  if (!is_utf8(value)) return text(key, valid_utf8(value));
  // A view of nothing may have no address, which libbson would write as null.
  bson_append_utf8(raw_.get(), key.data(), length(key), value.empty() ? "" : value.data(), length(value));
  return *this;
}

Document& Document::number(std::string_view key, std::int64_t value) {
  bson_append_int64(raw_.get(), key.data(), length(key), value);
  return *this;
}

Document& Document::small(std::string_view key, int value) {
  bson_append_int32(raw_.get(), key.data(), length(key), value);
  return *this;
}

Document& Document::flag(std::string_view key, bool value) {
  bson_append_bool(raw_.get(), key.data(), length(key), value);
  return *this;
}

Document& Document::null(std::string_view key) {
  bson_append_null(raw_.get(), key.data(), length(key));
  return *this;
}

Document& Document::blob(std::string_view key, std::string_view bytes) {
  static constexpr std::uint8_t kNothing = 0;
  const auto* const data = bytes.empty() ? &kNothing : reinterpret_cast<const std::uint8_t*>(bytes.data());
  bson_append_binary(raw_.get(), key.data(), length(key), BSON_SUBTYPE_BINARY, data,
                     static_cast<std::uint32_t>(bytes.size()));
  return *this;
}

Document& Document::document(std::string_view key, const Document& value) {
  bson_append_document(raw_.get(), key.data(), length(key), value.raw());
  return *this;
}

Document& Document::documents(std::string_view key, std::span<const Document> values) {
  Document array;
  for (std::size_t i = 0; i < values.size(); ++i) array.document(std::to_string(i), values[i]);
  bson_append_array(raw_.get(), key.data(), length(key), array.raw());
  return *this;
}

Document& Document::texts(std::string_view key, std::span<const std::string> values) {
  Document array;
  for (std::size_t i = 0; i < values.size(); ++i) array.text(std::to_string(i), values[i]);
  bson_append_array(raw_.get(), key.data(), length(key), array.raw());
  return *this;
}

Document& Document::append(const Document& fields) {
  bson_concat(raw_.get(), fields.raw());
  return *this;
}

Document by_text(std::string_view key, std::string_view value) {
  Document made;
  made.text(key, value);
  return made;
}

Document by_any_of(std::string_view key, std::span<const std::string> values) {
  if (values.size() == 1) return by_text(key, values[0]);
  Document any;
  any.texts("$in", values);
  return wrapped(key, any);
}

Document wrapped(std::string_view key, const Document& inner) {
  Document made;
  made.document(key, inner);
  return made;
}

bool has(const bson_t& document, const char* key) { return bson_has_field(&document, key); }

std::string_view view_of(const bson_t& document, const char* key) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, &document, key)) return {};
  if (BSON_ITER_HOLDS_BINARY(&at)) return blob_at(at);
  if (!BSON_ITER_HOLDS_UTF8(&at)) return {};
  std::uint32_t size = 0;
  const char* const text = bson_iter_utf8(&at, &size);
  return {text, size};
}

std::string text_of(const bson_t& document, const char* key) { return std::string(view_of(document, key)); }

std::int64_t number_of(const bson_t& document, const char* key) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, &document, key)) return 0;
  if (BSON_ITER_HOLDS_DATE_TIME(&at)) return bson_iter_date_time(&at);
  return bson_iter_as_int64(&at);
}

std::vector<std::string> texts_of(const bson_t& document, const char* key) {
  std::vector<std::string> texts;
  bson_iter_t at, each;
  if (!bson_iter_init_find(&at, &document, key) || !BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &each))
    return texts;
  while (bson_iter_next(&each)) {
    std::uint32_t size = 0;
    const char* const text = BSON_ITER_HOLDS_UTF8(&each) ? bson_iter_utf8(&each, &size) : "";
    texts.emplace_back(text, size);
  }
  return texts;
}

Document document_of(const bson_t& document, const char* key) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, &document, key)) return {};
  std::uint32_t size = 0;
  const std::uint8_t* bytes = nullptr;
  if (BSON_ITER_HOLDS_DOCUMENT(&at)) {
    bson_iter_document(&at, &size, &bytes);
  } else if (BSON_ITER_HOLDS_ARRAY(&at)) {
    bson_iter_array(&at, &size, &bytes);
  }
  bson_t inner;
  if (bytes == nullptr || !bson_init_static(&inner, bytes, size)) return {};
  return Document(inner);
}

}  // namespace gantry::index::mongo
