#include "gantry/server/api_description.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/dicomweb/negotiation.hpp"

namespace gantry::server {
namespace {

using http::Method;
using http::Route;

constexpr std::string_view kWadl = "application/vnd.sun.wadl+xml";
constexpr std::string_view kStudies = "/studies";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// "/a/{path...}" as templates are written elsewhere: "/a/{path}".
std::string template_of(std::string pattern) {
  if (const auto dots = pattern.find("...}"); dots != std::string::npos) pattern.erase(dots, 3);
  return pattern;
}

std::vector<std::string> parameters_of(std::string_view path) {
  std::vector<std::string> names;
  for (auto open = path.find('{'); open != std::string_view::npos; open = path.find('{', open + 1)) {
    names.emplace_back(path.substr(open + 1, path.find('}', open) - open - 1));
  }
  return names;
}

std::string path_schema(const std::string& name) {
  if (name == "study" || name == "series" || name == "instance") {
    return R"({"type":"string","pattern":"^[0-9.]{1,64}$","example":"1.2.826.0.1.3680043.8.498.1"})";
  }
  if (name == "frames") return R"({"type":"string","pattern":"^[1-9][0-9]*(,[1-9][0-9]*)*$","example":"1"})";
  return R"({"type":"string"})";
}

/// PUT and others have no place in the table yet.
bool is_described(const Route& route) { return route.pattern.find("{rest...}") == std::string::npos; }

class OpenApi {
 public:
  std::string write(std::span<const Route> routes, const std::string& version) {
    std::map<std::string, std::vector<const Route*>> paths;
    for (const Route& route : routes) {
      if (is_described(route)) paths[template_of(route.pattern)].push_back(&route);
    }
    out_ =
        R"({"openapi":"3.0.3","info":{"title":"Gantry","description":"DICOMweb (PS3.18) and administration.","version":)";
    out_ += json_string(version) + "},\"paths\":{";
    bool first = true;
    for (const auto& [path, here] : paths) {
      out_ += (first ? "" : ",") + json_string(path) + ":{\"parameters\":[";
      first = false;
      bool any = false;
      for (const auto& name : parameters_of(path)) {
        out_ += any ? "," : "";
        any = true;
        out_ +=
            "{\"name\":" + json_string(name) + R"(,"in":"path","required":true,"schema":)" + path_schema(name) + "}";
      }
      out_ += "]";
      for (const Route* route : here) add_operation(*route);
      out_ += "}";
    }
    return std::move(out_) + "}}\n";
  }

 private:
  void add_operation(const Route& route) {
    const std::string method = lower(http::to_string(route.method));
    out_ += ",\"" + method + "\":{\"operationId\":" + json_string(operation_id(route)) +
            ",\"summary\":" + json_string(route.summary);
    if (!route.doc.section.empty()) out_ += ",\"description\":" + json_string("PS3.18 §" + route.doc.section + ".");
    out_ += ",\"parameters\":[";
    bool any = false;
    for (const auto& parameter : route.doc.query) {
      out_ += any ? "," : "";
      any = true;
      out_ += "{\"name\":" + json_string(parameter.name) + R"(,"in":"query","description":)" +
              json_string(parameter.description) + ",\"schema\":{\"type\":" + json_string(parameter.type) + "}}";
    }
    out_ += "]";
    if (!route.doc.consumes.empty()) {
      out_ += R"(,"requestBody":{"required":true,"content":)" + content(route.doc.consumes) + "}";
    }
    out_ += R"(,"responses":{"200":{"description":"The resource.")";
    if (!route.doc.produces.empty()) out_ += ",\"content\":" + content(route.doc.produces);
    out_ += R"(},"default":{"description":"What was wrong, or where else it is: a problem report (RFC 9457)."}}})";
  }

  static std::string content(const std::vector<std::string>& media_types) {
    std::string text = "{";
    for (const auto& type : media_types) {
      text += (text.size() > 1 ? "," : "") + json_string(type) + ":{\"schema\":{}}";
    }
    return text + "}";
  }

  std::string out_;
};

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string wadl_of(std::span<const Route> routes) {
  std::map<std::string, std::vector<const Route*>> paths;
  for (const Route& route : routes) {
    if (is_described(route)) paths[template_of(route.pattern)].push_back(&route);
  }
  std::string out = R"(<?xml version="1.0" encoding="UTF-8"?>
<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="/">
)";
  for (const auto& [path, here] : paths) {
    out += "<resource path=\"" + xml_escaped(path.substr(1)) + "\">";
    for (const auto& name : parameters_of(path)) {
      out += "<param name=\"" + xml_escaped(name) + "\" style=\"template\"/>";
    }
    for (const Route* route : here) {
      out += "<method name=\"" + std::string(http::to_string(route->method)) + "\"><doc>" +
             xml_escaped(route->summary) + "</doc><request>";
      for (const auto& parameter : route->doc.query) {
        out += "<param name=\"" + xml_escaped(parameter.name) + "\" style=\"query\"/>";
      }
      for (const auto& type : route->doc.consumes) out += "<representation mediaType=\"" + xml_escaped(type) + "\"/>";
      out += "</request><response>";
      for (const auto& type : route->doc.produces) out += "<representation mediaType=\"" + xml_escaped(type) + "\"/>";
      out += "</response></method>";
    }
    out += "</resource>\n";
  }
  return out + "</resources></application>\n";
}

}  // namespace

std::string operation_id(const Route& route) {
  std::string id = lower(http::to_string(route.method));
  for (const char c : template_of(route.pattern)) id += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return id;
}

ApiDescription::ApiDescription(std::span<const Route> routes, const std::string& version)
    : openapi_(OpenApi().write(routes, version)), wadl_(wadl_of(routes)) {
  for (const Route& route : routes) {
    if (route.method == Method::kGet && route.pattern.ends_with(kStudies)) {
      roots_.push_back(route.pattern.substr(0, route.pattern.size() - kStudies.size()));
    }
  }
}

http::Response ApiDescription::openapi_answer() const {
  auto response = http::respond(200, "application/json", openapi_);
  response.headers.set("Cache-Control", "no-cache");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.compressible = true;
  return response;
}

std::optional<http::Response> ApiDescription::capabilities(const http::Request& request) const {
  const auto without_slash = [](std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return path;
  };
  const auto is_root = [&](const std::string& root) {
    std::string_view pattern = root, path = without_slash(request.path);
    // A tenant's root has the tenant's name in it.
    if (const auto open = pattern.find('{'); open != std::string_view::npos && path.size() > open) {
      const auto close = pattern.find('}', open), end = std::min(path.find('/', open), path.size());
      return path.substr(0, open) == pattern.substr(0, open) && path.substr(end) == pattern.substr(close + 1);
    }
    return path == pattern;
  };
  if (!without_slash(request.path).empty() && std::none_of(roots_.begin(), roots_.end(), is_root)) return std::nullopt;
  const auto query = http::parse_query(request.query);
  if (!query) return http::problem(query.error());
  std::vector<dicomweb::Offer> offers(3);
  offers[0].media_type = kWadl;
  offers[1].media_type = "application/json";
  offers[2].media_type = "application/dicom+json";  // what DICOMweb clients ask everything for
  const auto* offer = dicomweb::choose(dicomweb::accepted_ranges(request.headers, *query), offers);
  if (offer == nullptr) return dicomweb::not_acceptable(offers);
  const bool xml = offer->media_type == kWadl;
  auto response = http::respond(200, xml ? std::string(kWadl) : "application/json", xml ? wadl_ : openapi_);
  response.headers.set("Vary", "Accept");
  response.headers.set("Allow", "GET, HEAD, POST, DELETE, OPTIONS");
  response.compressible = true;
  return response;
}

}  // namespace gantry::server
