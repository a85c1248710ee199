#include "gantry/observe/metrics.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <map>
#include <mutex>
#include <variant>

namespace gantry::observe {
namespace {

enum class Kind { kCounter, kGauge, kHistogram };

struct Read {
  std::function<double()> value;
};

using Metric = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>, Read>;

struct Family {
  Kind kind = Kind::kCounter;
  std::string help;
  std::map<Labels, Metric> series;  // std::map: references stay, and the text's order is stable
};

bool is_name(std::string_view name, std::string_view also) {
  const auto letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || also.find(c) != std::string_view::npos;
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// What stands behind the number belongs in the name: nobody should have to guess whether 3 is seconds or bytes.
bool names_its_unit(Kind kind, std::string_view name) {
  if (kind == Kind::kCounter) return name.ends_with("_total");
  static constexpr std::array<std::string_view, 15> kUnits{
      "_seconds", "_bytes", "_ratio", "_info",    "_connections",  "_requests", "_instances", "_series",
      "_studies", "_tasks", "_files", "_entries", "_associations", "_lines",    "_line"};
  return std::any_of(kUnits.begin(), kUnits.end(), [&](std::string_view unit) { return name.ends_with(unit); });
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
  }
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix, const Labels& labels,
                   std::string_view bound) {
  out += name;
  out += suffix;
  char before = '{';
  const auto append_label = [&](std::string_view key, std::string_view value) {
    out += before;
    before = ',';
    out += key;
    out += "=\"";
    append_escaped(out, value, true);
    out += '"';
  };
  for (const auto& [key, value] : labels) append_label(key, value);
  if (!bound.empty()) append_label("le", bound);
  if (before == ',') out += '}';
  out += ' ';
}

void append_histogram(std::string& out, std::string_view name, const Labels& labels, const Histogram& histogram) {
  const auto counts = histogram.counts();
  std::uint64_t cumulated = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    cumulated += counts[i];
    std::string bound;
    append_number(bound, i < histogram.bounds().size() ? histogram.bounds()[i] : HUGE_VAL);
    append_sample(out, name, "_bucket", labels, bound);
    out += std::to_string(cumulated);
    out += '\n';
  }
  append_sample(out, name, "_sum", labels, {});
  append_number(out, histogram.sum());
  out += '\n';
  append_sample(out, name, "_count", labels, {});  // of the same reading as the buckets, so that they always agree
  out += std::to_string(cumulated);
  out += '\n';
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {
  assert(std::is_sorted(bounds_.begin(), bounds_.end()));
}

void Histogram::observe(double value) noexcept {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> counts(bounds_.size() + 1);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i].load(std::memory_order_relaxed);
  return counts;
}

std::span<const double> seconds_bounds() noexcept {
  static constexpr std::array<double, 13> kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                  0.25,  0.5,    1,     2.5,  5,     10};
  return kBounds;
}

std::span<const double> bytes_bounds() noexcept {
  static constexpr std::array<double, 8> kBounds{1024,    16384,    131072,    1048576,
                                                 8388608, 67108864, 536870912, 4294967296};
  return kBounds;
}

class Metrics::Registry {
 public:
  template <class Make>
  Metric& find(Kind kind, std::string_view name, std::string_view help, Labels labels, Make make) {
    assert(is_name(name, "_:") && names_its_unit(kind, name));
    std::sort(labels.begin(), labels.end());
    assert(std::all_of(labels.begin(), labels.end(), [](const auto& label) { return is_name(label.first, "_"); }));
    const std::scoped_lock lock(mutex_);
    const auto found = families_.find(name);
    Family& family = found != families_.end() ? found->second : families_[std::string(name)];
    if (family.series.empty()) {
      family.kind = kind;
      family.help = help;
    }
    assert(family.kind == kind);
    if (family.series.size() >= kSeriesMost && !family.series.contains(labels)) {
      for (auto& label : labels) label.second = "other";
    }
    const auto series = family.series.find(labels);
    if (series != family.series.end()) return series->second;
    return family.series.emplace(std::move(labels), make()).first->second;
  }

  std::string text() const {
    std::string out;
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, family] : families_) {
      out += "# HELP ";
      out += name;
      out += ' ';
      append_escaped(out, family.help, false);
      out += "\n# TYPE ";
      out += name;
      out += family.kind == Kind::kCounter ? " counter\n" : family.kind == Kind::kGauge ? " gauge\n" : " histogram\n";
      for (const auto& [labels, metric] : family.series) {
        if (const auto* histogram = std::get_if<std::unique_ptr<Histogram>>(&metric)) {
          append_histogram(out, name, labels, **histogram);
          continue;
        }
        append_sample(out, name, {}, labels, {});
        if (const auto* counter = std::get_if<std::unique_ptr<Counter>>(&metric)) {
          out += std::to_string((*counter)->value());
        } else if (const auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&metric)) {
          append_number(out, (*gauge)->value());
        } else if (const auto* read = std::get_if<Read>(&metric)) {
          append_number(out, read->value());
        }
        out += '\n';
      }
    }
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

Metrics::Metrics() : registry_(std::make_unique<Registry>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  const auto make = [] { return Metric(std::make_unique<Counter>()); };
  return *std::get<std::unique_ptr<Counter>>(registry_->find(Kind::kCounter, name, help, labels, make));
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const auto make = [] { return Metric(std::make_unique<Gauge>()); };
  return *std::get<std::unique_ptr<Gauge>>(registry_->find(Kind::kGauge, name, help, labels, make));
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                              const Labels& labels) {
  const auto make = [&] { return Metric(std::make_unique<Histogram>(bounds)); };
  return *std::get<std::unique_ptr<Histogram>>(registry_->find(Kind::kHistogram, name, help, labels, make));
}

void Metrics::read_counter(std::string_view name, std::string_view help, std::function<double()> read,
                           const Labels& labels) {
  registry_->find(Kind::kCounter, name, help, labels, [&] { return Metric(Read{std::move(read)}); });
}

void Metrics::read_gauge(std::string_view name, std::string_view help, std::function<double()> read,
                         const Labels& labels) {
  registry_->find(Kind::kGauge, name, help, labels, [&] { return Metric(Read{std::move(read)}); });
}

std::string Metrics::text() const { return registry_->text(); }

}  // namespace gantry::observe
