#include "gantry/server/landing_page.hpp"

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace gantry::server {
namespace {

// Facts stand between braces: {root}. Braces of code examples are never a fact's name.
constexpr std::string_view kPage = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gantry</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/gantry.css">
</head>
<body>
<header>
<h1>Gantry</h1>
<p>A DICOMweb archive. It keeps medical images, finds them, and gives them back byte for byte.</p>
</header>
<main>
{totals}
<section>
<h2>What runs here</h2>
<dl>
<dt>DICOMweb root</dt><dd><code>{root}</code></dd>
<dt>Version</dt><dd>{version}, up for {uptime}</dd>
<dt>Data folder</dt><dd><code>{data}</code></dd>
<dt>Index</dt><dd>{index}</dd>
<dt>Objects</dt><dd>{storage}</dd>
<dt>Cache</dt><dd>{cache}</dd>
<dt>Authentication</dt><dd>{authentication}</dd>
<dt>Health</dt><dd><a href="/healthz">/healthz</a> <a href="/readyz">/readyz</a> <a href="/metrics">/metrics</a></dd>
</dl>
</section>
<section>
<h2>Send images</h2>
<p>A folder, many files at a time. What is refused is listed with its reason; run it again and it goes on where it stopped:</p>
<pre>gantry store FOLDER --to {root}</pre>
<p>One file, with nothing but curl:</p>
<pre>curl -H 'Content-Type: application/dicom' --data-binary @image.dcm {root}/studies</pre>
<p>DIMSE (<code>storescu</code> and its family) is not in this build yet.</p>
</section>
<section>
<h2>Find and read them</h2>
<pre>curl '{root}/studies?PatientName=*&amp;limit=10'
curl '{root}/studies/STUDY/metadata'
curl -H 'Accept: multipart/related; type="application/dicom"; transfer-syntax=*' {root}/studies/STUDY</pre>
<p>In Python, with <code>dicomweb-client</code>:</p>
<pre>from dicomweb_client.api import DICOMwebClient
client = DICOMwebClient(url="{root}")
studies = client.search_for_studies(limit=10)</pre>
</section>
<section>
<h2>Look at them</h2>
<p>In the OHIF viewer, a data source of its configuration is all it takes:</p>
<pre>dataSources: [{
  namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
  sourceName: 'dicomweb',
  configuration: {
    friendlyName: 'Gantry',
    qidoRoot: '{root}', wadoRoot: '{root}', wadoUriRoot: '{root}/wado',
    imageRendering: 'wadors', thumbnailRendering: 'wadors',
    enableStudyLazyLoad: true, supportsFuzzyMatching: true, supportsWildcard: true,
    qidoSupportsIncludeField: true, omitQuotationForMultipartRequest: true,
    singlepart: 'bulkdata,video', bulkDataURI: { enabled: true, relativeResolution: 'studies' }, dicomUploadEnabled: true,
  },
}]</pre>
</section>
</main>
</body>
</html>
)html";

constexpr const char* kStyle =
    R"css(:root { color-scheme: light dark; --line: #d5dbe1; --soft: #f3f6f8; --strong: #0b4f6c; }
@media (prefers-color-scheme: dark) { :root { --line: #37424b; --soft: #1d252b; --strong: #7cc4e2; } }
body { margin: 0 auto; max-width: 60rem; padding: 0 1.25rem 3rem; font: 1rem/1.55 system-ui, sans-serif; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; }
h1 { color: var(--strong); font-size: 2rem; margin: 1.5rem 0 0; }
h2 { color: var(--strong); font-size: 1.2rem; margin: 2rem 0 .5rem; }
.totals { display: flex; flex-wrap: wrap; gap: .75rem; list-style: none; margin: 0; padding: 0; }
.totals li { background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; flex: 1 1 9rem; padding: .75rem 1rem; }
.totals strong { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.warn { background: #fff3cd; border-radius: .5rem; color: #533f03; padding: .75rem 1rem; }
dl { display: grid; gap: .25rem 1.25rem; grid-template-columns: max-content 1fr; margin: 0; }
dt { opacity: .7; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; overflow-x: auto; padding: .75rem 1rem; }
header strong { white-space: nowrap; }
.button { background: var(--strong); border-radius: .5rem; color: Canvas; display: inline-block; font-weight: 600; padding: .6rem 1.2rem; text-decoration: none; }
code, pre { font: .9rem/1.5 ui-monospace, monospace; }
)css";

std::string with_separators(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string as_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"bytes", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string totals_as_html(const PageFacts& facts) {
  if (facts.for_strangers) return "<p>This server asks who you are: its answers need a bearer token.</p>";
  const auto& totals = facts.totals;
  if (!totals)
    return "<p class=\"warn\">The index does not answer; see the log and <a href=\"/readyz\">/readyz</a>.</p>";
  const auto card = [](const std::string& number, const char* what) {
    return "<li><strong>" + number + "</strong>" + what + "</li>\n";
  };
  return "<ul class=\"totals\">\n" +
         card(with_separators(totals->studies), totals->studies == 1 ? "study" : "studies") +
         card(with_separators(totals->series), "series") +
         card(with_separators(totals->instances), totals->instances == 1 ? "instance" : "instances") +
         card(as_size(totals->bytes), "kept") + "</ul>";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string render_page(const PageFacts& facts) {
  const auto within = [&](const std::string& fact) {
    return facts.for_strangers ? std::string("told to administrators alone") : escape_html(fact);
  };
  const std::array<std::pair<std::string_view, std::string>, 9> values{{
      {"{totals}", totals_as_html(facts)},
      {"{root}", escape_html(facts.service_root)},
      {"{version}", escape_html(facts.version)},
      {"{uptime}", escape_html(facts.uptime)},
      {"{data}", within(facts.data)},
      {"{index}", within(facts.index)},
      {"{storage}", within(facts.storage)},
      {"{cache}", within(facts.cache)},
      {"{authentication}", escape_html(facts.authentication)},
  }};
  std::string out;
  std::string_view rest = kPage;
  while (!rest.empty()) {
    const auto brace = rest.find('{');
    out += rest.substr(0, brace);
    if (brace == std::string_view::npos) break;
    rest.remove_prefix(brace);
    std::size_t used = 1;
    for (const auto& [name, value] : values) {
      if (rest.starts_with(name)) {
        out += value;
        used = name.size();
        break;
      }
    }
    if (used == 1) out += '{';
    rest.remove_prefix(used);
  }
  return out;
}

const char* page_style() noexcept { return kStyle; }

}  // namespace gantry::server
