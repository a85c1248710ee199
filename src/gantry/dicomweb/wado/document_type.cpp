#include "gantry/dicomweb/wado/document_type.hpp"

#include "gantry/archive/json_slice.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/http/media_type.hpp"

namespace gantry::dicomweb::wado {

Result<std::string> document_type(Services& services, const RequestContext& context, const InstancePath& path) {
  GANTRY_LET(const auto rows, services.retrieves.metadata(context, path.study, path.series, path.sop));
  GANTRY_LET(const auto object, rows->next());
  if (!object) return std::string();
  const auto attribute = archive::json::member(*object, "00420012");
  const auto values = attribute ? archive::json::member(*attribute, "Value") : std::nullopt;
  if (!values) return std::string();
  archive::json::Walker items(*values);
  if (!items.next()) return std::string();
  const auto type = http::parse_media_type(archive::json::text_of(items.value()));
  return type ? type->essence() : std::string();
}

}  // namespace gantry::dicomweb::wado
