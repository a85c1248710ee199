#include "gantry/http/router.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <memory>

namespace gantry::http {

namespace {

struct Entry {
  Method method;
  std::size_t route;
  std::vector<std::string> names;  ///< of the parameters, in order
};

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.empty() || path.front() != '/') return segments;
  path.remove_prefix(1);
  if (path.empty()) return segments;
  for (;;) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) {
  return segment.size() >= 3 && segment.front() == '{' && segment.back() == '}';
}

bool takes_rest(std::string_view segment) { return is_parameter(segment) && segment.ends_with("...}"); }

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::vector<Entry> here;  ///< routes whose pattern ends at this node
  std::vector<Entry> rest;  ///< routes that take whatever follows
};

namespace {

/// Where a path ended up: entries of one node, and the values of the parameters on the way.
struct Found {
  const std::vector<Entry>* entries;
  std::vector<std::string> values;
};

/// Collects every node that fits, the most literal first: a literal segment beats a parameter, which beats a rest.
template <class Node>
void collect(const Node& node, const std::vector<std::string_view>& segments, std::size_t at,
             std::vector<std::string>& values, std::vector<Found>& found) {
  if (at == segments.size()) {
    if (!node.here.empty()) found.push_back({&node.here, values});
  } else {
    if (const auto literal = node.literals.find(segments[at]); literal != node.literals.end()) {
      collect(*literal->second, segments, at + 1, values, found);
    }
    if (node.parameter && !segments[at].empty()) {
      values.emplace_back(segments[at]);
      collect(*node.parameter, segments, at + 1, values, found);
      values.pop_back();
    }
  }
  if (!node.rest.empty()) {
    std::string rest;
    for (std::size_t i = at; i < segments.size(); ++i) {
      if (i > at) rest += '/';
      rest += segments[i];
    }
    values.push_back(std::move(rest));
    found.push_back({&node.rest, values});
    values.pop_back();
  }
}

const Entry* entry_for(const std::vector<Entry>& entries, Method method) {
  const auto entry = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.method == method; });
  return entry == entries.end() ? nullptr : &*entry;
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  auto root = std::make_shared<Node>();
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    Node* node = root.get();
    Entry entry{routes_[i].method, i, {}};
    bool rest = false;
    for (const std::string_view segment : segments_of(routes_[i].pattern)) {
      assert(!rest && "a {name...} must be the last segment");
      if (takes_rest(segment)) {
        entry.names.emplace_back(segment.substr(1, segment.size() - 5));
        rest = true;
      } else if (is_parameter(segment)) {
        entry.names.emplace_back(segment.substr(1, segment.size() - 2));
        if (!node->parameter) node->parameter = std::make_unique<Node>();
        node = node->parameter.get();
      } else {
        auto& next = node->literals[std::string(segment)];
        if (!next) next = std::make_unique<Node>();
        node = next.get();
      }
    }
    auto& entries = rest ? node->rest : node->here;
    assert(entry_for(entries, entry.method) == nullptr && "two routes with one method and pattern");
    entries.push_back(std::move(entry));
  }
  root_ = std::move(root);
}

Router::Match Router::match(Method method, std::string_view path) const {
  Match match;
  auto segments = segments_of(path);
  std::vector<std::string> values;
  std::vector<Found> found;
  if (!path.empty() && path.front() == '/') collect(*root_, segments, 0, values, found);
  // Clients join a base with a trailing slash and a path; one slash too many at the end finds the same resource.
  if (found.empty() && segments.size() > 1 && segments.back().empty()) {
    segments.pop_back();
    collect(*root_, segments, 0, values, found);
  }
  const auto take = [&](const Found& place, const Entry& entry) {
    match.route = &routes_[entry.route];
    for (std::size_t i = 0; i < entry.names.size(); ++i) match.parameters.emplace_back(entry.names[i], place.values[i]);
  };
  const auto allow = [&](Method allowed) {
    if (std::find(match.allowed.begin(), match.allowed.end(), allowed) == match.allowed.end()) {
      match.allowed.push_back(allowed);
    }
  };
  for (const Found& place : found) {
    if (match.route == nullptr) {
      const Entry* entry = entry_for(*place.entries, method);
      if (entry == nullptr && method == Method::kHead) entry = entry_for(*place.entries, Method::kGet);
      if (entry != nullptr) take(place, *entry);
    }
    for (const Entry& entry : *place.entries) {
      allow(entry.method);
      if (entry.method == Method::kGet) allow(Method::kHead);
    }
  }
  return match;
}

}  // namespace gantry::http
