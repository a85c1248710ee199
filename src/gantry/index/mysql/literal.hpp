#pragma once

// Values in the text of statements. Strings and blobs are written as hexadecimal literals (X'…') and numbers in digits,
// so nothing of a value is ever read as SQL. See docs/decisions/0009-mysql-statements-as-text.md.

#include <span>
#include <string>
#include <string_view>

#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::mysql {

void append_hex(std::string& out, std::string_view bytes);
/// X'…' or digits.
void append_literal(std::string& out, const sql::Cell& cell);
[[nodiscard]] std::string literal(std::string_view bytes);

/// What a Text has where its n-th parameter goes: characters that no statement of ours has.
[[nodiscard]] std::string placeholder(std::size_t n);
/// The statement with literals in place of its parameters.
[[nodiscard]] std::string rendered(const sql::Text& statement);

}  // namespace gantry::index::mysql
