#pragma once

#include <optional>
#include <string>

#include "gantry/index/records.hpp"

namespace gantry::server {

/// What the page at `/` tells.
struct PageFacts {
  std::string version;
  std::string service_root;  ///< as the reader of the page reaches it: "http://127.0.0.1:8080/dicom-web"
  std::string data, index, storage, cache, authentication;
  std::string uptime;
  std::optional<index::TenantTotals> totals;  ///< none: the index does not answer
  /// Whoever reads the page has not said who they are: where things are kept, and how many, is left out.
  bool for_strangers = false;
};

/// The page as HTML. Every fact is escaped. It refers to `/gantry.css` and to nothing else.
[[nodiscard]] std::string render_page(const PageFacts& facts);
[[nodiscard]] const char* page_style() noexcept;  ///< the body of /gantry.css
/// What the page may load: its style sheet, nothing else; no scripts, no frames, no forms.
inline constexpr const char* kPagePolicy =
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace gantry::server
