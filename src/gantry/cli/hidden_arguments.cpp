#include "gantry/cli/hidden_arguments.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "gantry/auth/secret_token.hpp"
#include "gantry/config/urls.hpp"

namespace gantry::cli {
namespace {

constexpr std::string_view kTokenFlag = "--token";

/// `shown` in the place of `text`, which keeps its length.
void put_over(char* text, std::size_t length, const std::string& shown) {
  const bool fits = shown.size() <= length;
  std::fill_n(text, length, fits ? ' ' : '*');
  if (fits) std::copy(shown.begin(), shown.end(), text);
}

void hide(char* value, bool all) {
  const std::size_t length = std::strlen(value);
  if (all) return put_over(value, length, std::string(length, '*'));
  const std::string given(value, length);
  std::string shown = auth::without_tokens(given);
  if (shown.find("://") != std::string::npos) shown = config::redact_url(shown);
  if (shown != given) put_over(value, length, shown);
}

}  // namespace

void hide_secrets(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    const bool is_after_token = argument == kTokenFlag && i + 1 < argc;
    if (is_after_token) {
      hide(argv[++i], true);
    } else if (argument.starts_with("--") && argument.find('=') != std::string_view::npos) {
      char* const value = argv[i] + argument.find('=') + 1;
      hide(value, argument.substr(0, argument.find('=')) == kTokenFlag);
    } else {
      hide(argv[i], false);
    }
  }
}

}  // namespace gantry::cli
