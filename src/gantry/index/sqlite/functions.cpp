// The text functions of fold.hpp as SQL functions: deterministic, innocuous, with the compiled pattern kept for the life
// of a statement's parameter.

#include <algorithm>
#include <memory>

#include "gantry/index/fields.hpp"
#include "gantry/index/fold.hpp"
#include "gantry/index/fuzzy_name.hpp"
#include "gantry/index/sqlite/connection.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index::sqlite {
namespace {

std::string_view text_of(sqlite3_value* value) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  const int length = sqlite3_value_bytes(value);
  return text == nullptr ? std::string_view{} : std::string_view(text, static_cast<std::size_t>(length));
}

/// No exception may pass through SQLite's C frames: the only one here is that memory is short.
template <class Body>
void guarded(sqlite3_context* context, Body body) noexcept {
  try {
    body();
  } catch (...) {
    sqlite3_result_error_nomem(context);
  }
}

/// The compiled pattern of argument 0; made once per execution.
template <class Pattern>
const Pattern* pattern_of(sqlite3_context* context, sqlite3_value** arguments) {
  if (const void* kept = sqlite3_get_auxdata(context, 0)) return static_cast<const Pattern*>(kept);
  auto* made = new Pattern(text_of(arguments[0]));
  sqlite3_set_auxdata(context, 0, made, [](void* old) { delete static_cast<Pattern*>(old); });
  // SQLite may drop it at once when memory is short.
  return static_cast<const Pattern*>(sqlite3_get_auxdata(context, 0));
}

template <class Pattern>
void match_compiled(sqlite3_context* context, int, sqlite3_value** arguments) {
  guarded(context, [&] {
    const auto* pattern = pattern_of<Pattern>(context, arguments);
    if (pattern == nullptr) return sqlite3_result_error_nomem(context);
    sqlite3_result_int(context, pattern->matches(text_of(arguments[1])) ? 1 : 0);
  });
}

void match_wildcard(sqlite3_context* context, int, sqlite3_value** arguments) {
  sqlite3_result_int(context, matches_wildcard(text_of(arguments[0]), text_of(arguments[1])) ? 1 : 0);
}

template <bool kLike>
void match_values(sqlite3_context* context, int, sqlite3_value** arguments) {
  guarded(context, [&] {
    const std::string_view wanted = text_of(arguments[0]);
    auto values = split_values(text_of(arguments[1]));
    if (values.empty()) values.emplace_back();
    const bool found = std::any_of(values.begin(), values.end(), [wanted](const std::string& value) {
      return kLike ? matches_wildcard(wanted, value) : wanted == value;
    });
    sqlite3_result_int(context, found ? 1 : 0);
  });
}

void fold_text(sqlite3_context* context, int, sqlite3_value** arguments) {
  guarded(context, [&] {
    const std::string folded = search_text(text_of(arguments[0]));
    sqlite3_result_text64(context, folded.data(), folded.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  });
}

}  // namespace

Result<void> register_functions(sqlite3* database) {
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  struct Entry {
    const char* name;
    int arguments;
    Function function;
  };
  constexpr Entry kFunctions[] = {
      {"gantry_wildcard", 2, &match_wildcard},
      {"gantry_folded", 2, &match_compiled<FoldedPattern>},
      {"gantry_name", 2, &match_compiled<NamePattern>},
      {"gantry_fold", 1, &fold_text},
      {"gantry_fuzzy_name", 2, &match_compiled<FuzzyName>},
      {"gantry_has_value", 2, &match_values<false>},
      {"gantry_has_like", 2, &match_values<true>},
  };
  for (const auto& [name, arguments, function] : kFunctions) {
    const int code = sqlite3_create_function_v2(database, name, arguments,
                                                SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr, function,
                                                nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error_of(database, code, "registering functions");
  }
  return {};
}

}  // namespace gantry::index::sqlite
