#pragma once

// BSON documents with an owner, and the few ways in which they are written and read here.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <bson/bson.h>

#include "gantry/base/handle.hpp"

// A bson_t is aligned beyond its members, which no template that names the type needs to know.
#pragma GCC diagnostic ignored "-Wignored-attributes"

namespace gantry::index::mongo {

/// A document. Fields are added in order; text that is no UTF-8 is kept with U+FFFD for its broken bytes, as BSON must
/// be.
class Document {
 public:
  Document() : raw_(bson_new()) {}
  explicit Document(const bson_t& copied) : raw_(bson_copy(&copied)) {}
  Document(Document&&) noexcept = default;
  Document& operator=(Document&&) noexcept = default;

  Document& text(std::string_view key, std::string_view value);
  Document& number(std::string_view key, std::int64_t value);
  Document& number(std::string_view key, std::uint64_t value) { return number(key, static_cast<std::int64_t>(value)); }
  Document& number(std::string_view key, int value) { return number(key, std::int64_t{value}); }
  /// A small number, where a server wants 32 bits (directions of sort keys, versions of commands).
  Document& small(std::string_view key, int value);
  Document& flag(std::string_view key, bool value);
  Document& null(std::string_view key);
  Document& blob(std::string_view key, std::string_view bytes);
  Document& document(std::string_view key, const Document& value);
  Document& documents(std::string_view key, std::span<const Document> values);
  Document& texts(std::string_view key, std::span<const std::string> values);
  Document& append(const Document& fields);

  [[nodiscard]] const bson_t* raw() const noexcept { return raw_.get(); }
  [[nodiscard]] bson_t* raw() noexcept { return raw_.get(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return raw_->len; }
  [[nodiscard]] bool empty() const noexcept { return bson_empty(raw_.get()); }

 private:
  Handle<bson_t, &bson_destroy> raw_;
};

/// {key: text}, the filter and update that are needed most.
[[nodiscard]] Document by_text(std::string_view key, std::string_view value);
/// {key: {$in: values}}; {key: value} for a single one, which every server looks up.
[[nodiscard]] Document by_any_of(std::string_view key, std::span<const std::string> values);
/// {key: inner}
[[nodiscard]] Document wrapped(std::string_view key, const Document& inner);

// Fields of a document that a server sent. An absent one, or one of another type, is "" or 0.

[[nodiscard]] bool has(const bson_t& document, const char* key);
/// Text or blob; valid as long as the document.
[[nodiscard]] std::string_view view_of(const bson_t& document, const char* key);
[[nodiscard]] std::string text_of(const bson_t& document, const char* key);
/// Any number or boolean, or a date in milliseconds since 1970.
[[nodiscard]] std::int64_t number_of(const bson_t& document, const char* key);
[[nodiscard]] std::vector<std::string> texts_of(const bson_t& document, const char* key);
/// The document or array at `key`, an empty one when there is none.
[[nodiscard]] Document document_of(const bson_t& document, const char* key);

[[nodiscard]] std::string valid_utf8(std::string_view text);
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace gantry::index::mongo
